//! Edits and reads by path, whatever the data is.

use steadfast_core::document::{self, Cancel, Changes, Document, Draft};
use steadfast_core::session::Access;
use steadfast_core::{Path, Value};

use super::{Session, refused};
use crate::errors::EditError;
use crate::path_calls::path_calls;
use crate::signals::{Edited, Note};

/// By path, whatever the data is. Of a type of one's own each call reads and checks the whole of it:
/// many steps are one [`transaction`](Self::transaction), or an [`edit`](Self::edit), which is what a
/// type is for.
impl<T> Session<T> {
    /// What stands at a path; nothing if nothing does.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn get_path(&self, path: impl Into<Path>) -> Result<Option<Value>, Access> {
        Ok(self.snapshot_value()?.get(&path.into()).cloned())
    }

    /// Edits the data by path, all or nothing, and tells which places were changed by it: each once,
    /// none inside another.
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
        self.transaction_as(Note::default(), edit)
    }

    /// [`transaction`](Self::transaction), and says why, and by what.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn transaction_as<R>(
        &self,
        note: Note,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), EditError> {
        let result = self.hold.edit(note, |document, log| {
            let before = log.is_on().then(|| document.snapshot_value());
            let (answer, changes) = edit_any(document, edit)?;
            let is_changed = changes.must_be_saved();
            let places = before
                .map(|before| log.places(changes.clone(), &before, &document.snapshot_value()));
            Ok(Edited { answer: (answer, changes), is_changed, places })
        });
        result.map_err(refused)
    }

    fn step<R>(
        &self,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, EditError> {
        self.step_as(Note::default(), step)
    }

    pub(super) fn step_as<R>(
        &self,
        note: Note,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, EditError> {
        self.transaction_as(note, |draft| Ok(step(draft)?)).map(|(answer, _)| answer)
    }

    path_calls!(EditError, debits by step);

    /// What it holds, as a value.
    pub(crate) fn snapshot_value(&self) -> Result<Value, Access> {
        self.hold.read(|document| document.snapshot_value())
    }
}

/// Edits a document by path, whatever it is.
pub(crate) fn edit_any<R>(
    document: &mut dyn Document,
    edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
) -> Result<(R, Changes), document::EditError> {
    let (mut edit, mut answer) = (Some(edit), None);
    let changes = document.edit_value(&mut |draft| {
        let edit = edit.take().expect("a document makes an edit once");
        answer = Some(edit(draft)?);
        Ok(())
    })?;
    Ok((answer.expect("an edit that succeeded has answered"), changes))
}
