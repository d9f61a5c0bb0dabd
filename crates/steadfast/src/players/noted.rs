//! Changes of players that say why they were made, and by what.

use steadfast_core::document::{self, Cancel, Changes, Draft};

use super::{PlayerError, PlayerId, Players};
use crate::path_calls::path_calls;
use crate::session::{Data, Dynamic};
use crate::signals::Note;

/// Players, every change of whom says why it was made, and by what: from [`Players::noted`].
#[derive(Debug)]
#[must_use = "it notes the changes that are made through it"]
pub struct NotedPlayers<'a, T> {
    players: &'a Players<T>,
    note: Note,
}

impl<T: 'static> Players<T> {
    /// The same calls, with a reason and a source for whoever listens to
    /// [`changes`](Self::changes), and for the [audit log](Self::audit_log): see
    /// [`Session::noted`](crate::Session::noted).
    pub const fn noted(&self, note: Note) -> NotedPlayers<'_, T> {
        NotedPlayers { players: self, note }
    }
}

impl<T: 'static> NotedPlayers<'_, T> {
    /// [`Players::transaction`].
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn transaction<R>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), PlayerError> {
        self.players.transaction_as(player, self.note.clone(), edit)
    }

    fn step<R>(
        &self,
        player: impl Into<PlayerId>,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, PlayerError> {
        self.players.step_as(player, self.note.clone(), step)
    }

    fn debit<R>(
        &self,
        player: impl Into<PlayerId>,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, PlayerError> {
        self.players.debit_as(player, self.note.clone(), step)
    }

    path_calls!(
        PlayerError,
        /// Refused with `Undurable` as [`Players::try_debit`] is.
        debits by debit,
        of player: PlayerId
    );
}

impl<T: Data> NotedPlayers<'_, T> {
    /// [`Players::edit`].
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        self.players.edit_as(player, self.note.clone(), edit)
    }
}

impl NotedPlayers<'_, Dynamic> {
    /// [`Players::edit`].
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        self.transaction(player, edit).map(|(answer, _)| answer)
    }
}
