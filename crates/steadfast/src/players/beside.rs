//! Short forms of what a session has besides reads and changes of its data.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_core::document::Change;
use steadfast_core::session::Access;
use steadfast_core::{UserId, Value};

use super::{PlayerCall, PlayerError, PlayerId, Players};
use crate::driver::Events;
use crate::errors::DiffError;
use crate::session::{LabelError, RecordTimes, Session};
use crate::signals::Changed;

/// Of players who are ready. Who plays unsaved has none of it: `SessionUnsaved`.
impl<T: 'static> Players<T> {
    /// Asks the session of a player, whose refusals name the player.
    fn ask<R>(
        &self,
        player: impl Into<PlayerId>,
        ask: impl FnOnce(&Session<T>) -> Result<R, Access>,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        let answer = ask(&self.session_of(&player)?);
        answer.map_err(|access| PlayerError::of_access(&player, access))
    }

    fn label<R>(
        &self,
        player: impl Into<PlayerId>,
        label: impl FnOnce(&Session<T>) -> Result<R, LabelError>,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        label(&self.session_of(&player)?).map_err(|error| match error {
            LabelError::Access(access) => PlayerError::of_access(&player, access),
            LabelError::Name(_) | LabelError::TooManyUserIds { .. } | LabelError::Tags(_) => {
                PlayerError::Label(error)
            }
        })
    }

    /// The changes of a player's data from the first call on:
    /// [`Session::changes`](crate::Session::changes). They end with the session.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn changes(
        &self,
        player: impl Into<PlayerId>,
    ) -> Result<Events<Arc<Changed>>, PlayerError> {
        self.ask(player, |session| Ok(session.changes()))
    }

    /// The newest changes of a player's data: [`Session::audit_log`](crate::Session::audit_log).
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn audit_log(&self, player: impl Into<PlayerId>) -> Result<Vec<Arc<Changed>>, PlayerError> {
        self.ask(player, |session| Ok(session.audit_log()))
    }

    /// How what a player has now differs from what is stored, place by place.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or what is stored cannot be read.
    pub fn diff(&self, player: impl Into<PlayerId>) -> PlayerCall<Vec<Change>> {
        let player = player.into();
        let session = self.session_of(&player);
        PlayerCall::new(async move {
            session?.diff().await.map_err(|error| match error {
                DiffError::Access(access) => PlayerError::of_access(&player, access),
                DiffError::Store(_) | DiffError::Unreadable | DiffError::NoAnswer => {
                    PlayerError::Diff(error)
                }
            })
        })
    }

    /// Whether a player has changes that are not known to be stored.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn is_dirty(&self, player: impl Into<PlayerId>) -> Result<bool, PlayerError> {
        self.ask(player, |session| Ok(session.is_dirty()))
    }

    /// Has what a player has saved again: [`Session::mark_dirty`](crate::Session::mark_dirty).
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or the session takes no edit.
    pub fn mark_dirty(&self, player: impl Into<PlayerId>) -> Result<(), PlayerError> {
        self.ask(player, Session::mark_dirty)
    }

    /// Takes what a player has for not worth saving:
    /// [`Session::mark_clean`](crate::Session::mark_clean).
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn mark_clean(&self, player: impl Into<PlayerId>) -> Result<(), PlayerError> {
        self.ask(player, Session::mark_clean)
    }

    /// The size of what a player has as it would be stored now, in bytes.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn stored_size(&self, player: impl Into<PlayerId>) -> Result<usize, PlayerError> {
        self.ask(player, Session::stored_size)
    }

    /// When a player's record was made, opened and saved, and for how long it was played:
    /// [`Session::times`](crate::Session::times).
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn times(&self, player: impl Into<PlayerId>) -> Result<RecordTimes, PlayerError> {
        self.ask(player, Session::times)
    }

    /// The users whose data the record holds. The player is one of them.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn user_ids(&self, player: impl Into<PlayerId>) -> Result<Vec<UserId>, PlayerError> {
        self.ask(player, Session::user_ids)
    }

    /// Says that the record holds data of another user too:
    /// [`Session::add_user_id`](crate::Session::add_user_id).
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    pub fn add_user_id(
        &self,
        player: impl Into<PlayerId>,
        user: UserId,
    ) -> Result<bool, PlayerError> {
        self.label(player, |session| session.add_user_id(user))
    }

    /// Takes a user's id out: [`Session::remove_user_id`](crate::Session::remove_user_id). That of the
    /// player comes back with the next joining.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    pub fn remove_user_id(
        &self,
        player: impl Into<PlayerId>,
        user: &UserId,
    ) -> Result<bool, PlayerError> {
        self.label(player, |session| session.remove_user_id(user))
    }

    /// All tags of a player, by name: [`Session::tags`](crate::Session::tags).
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn tags(
        &self,
        player: impl Into<PlayerId>,
    ) -> Result<BTreeMap<String, Value>, PlayerError> {
        self.ask(player, Session::tags)
    }

    /// One tag of a player; nothing if there is none of that name.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn tag(
        &self,
        player: impl Into<PlayerId>,
        name: &str,
    ) -> Result<Option<Value>, PlayerError> {
        self.ask(player, |session| session.tag(name))
    }

    /// Sets a tag of a player to a text, a number or a boolean.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    pub fn set_tag(
        &self,
        player: impl Into<PlayerId>,
        name: &str,
        value: impl Into<Value>,
    ) -> Result<(), PlayerError> {
        self.label(player, |session| session.set_tag(name, value))
    }

    /// Takes a tag of a player out, if there is one of that name.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    pub fn remove_tag(&self, player: impl Into<PlayerId>, name: &str) -> Result<(), PlayerError> {
        self.label(player, |session| session.remove_tag(name))
    }

    /// Has the operations of a player's record read and run now:
    /// [`Session::process_operations`](crate::Session::process_operations).
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn process_operations(&self, player: impl Into<PlayerId>) -> Result<(), PlayerError> {
        self.ask(player, Session::process_operations)
    }
}
