//! Changes that say why they were made, and by what.

use steadfast_core::document::{self, Cancel, Changes, Draft};

use super::{Data, Dynamic, Session};
use crate::errors::EditError;
use crate::path_calls::path_calls;
use crate::signals::Note;

/// A session, every change of which says why it was made, and by what: from [`Session::noted`].
#[derive(Debug)]
#[must_use = "it notes the changes that are made through it"]
pub struct Noted<'a, T> {
    session: &'a Session<T>,
    note: Note,
}

impl<T> Session<T> {
    /// The same calls, with a reason and a source for whoever listens to
    /// [`changes`](Self::changes), and for the [audit log](Self::audit_log).
    ///
    /// # Example
    /// ```
    /// use steadfast::{Note, Options, Steadfast};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut options = Options::default();
    /// options.set("AuditLogLimit", 100)?;
    /// let db = Steadfast::in_memory(options)?;
    /// let p = db.values("PlayerData").await?.open("7").await?;
    ///
    /// let quest = p.noted(Note::because("quest 12").from_source("quests"));
    /// quest.add("coins", 50)?;
    /// quest.set("quest", 13)?;
    ///
    /// let log = p.audit_log();
    /// assert_eq!(log.len(), 2);
    /// assert!(log.iter().all(|change| change.reason.as_deref() == Some("quest 12")));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub const fn noted(&self, note: Note) -> Noted<'_, T> {
        Noted { session: self, note }
    }
}

impl<T> Noted<'_, T> {
    /// [`Session::transaction`].
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn transaction<R>(
        &self,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), EditError> {
        self.session.transaction_as(self.note.clone(), edit)
    }

    fn step<R>(
        &self,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, EditError> {
        self.session.step_as(self.note.clone(), step)
    }

    path_calls!(EditError, debits by step);
}

impl<T: Data> Noted<'_, T> {
    /// Changes the data, as [`Session::edit_as`].
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(&self, edit: impl FnOnce(&mut T) -> Result<R, Cancel>) -> Result<R, EditError> {
        self.session.edit_as(self.note.clone(), edit)
    }
}

impl Noted<'_, Dynamic> {
    /// Changes the data, as [`Session::edit_as`].
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(
        &self,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        self.session.edit_as(self.note.clone(), edit)
    }
}
