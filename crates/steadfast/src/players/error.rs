//! Why something cannot be done for a player.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::document;
use steadfast_core::id::NameError;
use steadfast_core::session::{Access, SaveError};
use steadfast_core::{Code, ErrorKind};

use super::{PlayerFailure, PlayerId};
use crate::errors::{DiffError, EditError, OperationError, SessionOpenError, UpdateError};
use crate::joint::TransactError;
use crate::locks::LockError;
use crate::session::LabelError;

/// Why a player's data is not available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unready {
    /// No such player joined, or the player has left.
    #[error("no such player is here")]
    Unknown,
    /// The record is being opened.
    #[error("it is being loaded")]
    Loading,
    /// Opening failed, and is tried again.
    #[error("{attempts} attempts to load it failed, and another one follows")]
    Retrying {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong last.
        #[source]
        error: Arc<SessionOpenError>,
    },
    /// There will be none.
    #[error("it is not there")]
    Failed(#[source] Arc<PlayerFailure>),
    /// The player has left.
    #[error("it is being released")]
    Releasing,
    /// The facade takes no players any more.
    #[error("the players are closed")]
    Closed,
}

/// Why something was not done for a player.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayerError {
    /// The player is unknown or not ready. Grant nothing.
    #[error("the data of player `{player}` is not available")]
    Unavailable {
        /// Who.
        player: PlayerId,
        /// Why.
        #[source]
        why: Unready,
    },
    /// The player plays from the template: nothing durable can be done.
    #[error("player `{player}` plays unsaved: the record could not be loaded")]
    Unsaved {
        /// Who.
        player: PlayerId,
    },
    /// Changes of the player's data could not be stored for so long that no debit is taken.
    #[error("changes of player `{player}` have not been stored for {age:?}")]
    Undurable {
        /// Who.
        player: PlayerId,
        /// How old the oldest of them is.
        age: Duration,
    },
    /// That is no player's id.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The change was not made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The save is not known to be durable.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// The named lock was not taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The operation was not queued, or nobody can say how it stands.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// What is stored of the player cannot be read.
    #[error(transparent)]
    View(Box<SessionOpenError>),
    /// The record of a player who is away was not updated.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// User ids or tags were not changed.
    #[error(transparent)]
    Label(LabelError),
    /// Nobody can say how the data differs from what is stored.
    #[error(transparent)]
    Diff(DiffError),
    /// The transaction over two players was not made.
    #[error(transparent)]
    Transact(#[from] TransactError),
}

impl From<SessionOpenError> for PlayerError {
    fn from(error: SessionOpenError) -> Self {
        Self::View(Box::new(error))
    }
}

impl PlayerError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Unavailable { .. } => Code::PlayerDataUnavailable,
            Self::Unsaved { .. } => Code::SessionUnsaved,
            Self::Undurable { .. } => Code::Undurable,
            Self::Name(error) => error.code(),
            Self::Edit(error) => error.code(),
            Self::Save(error) => error.code(),
            Self::Lock(error) => error.code(),
            Self::Operation(error) => error.code(),
            Self::View(error) => error.code(),
            Self::Update(error) => error.code(),
            Self::Label(error) => error.code(),
            Self::Diff(error) => error.code(),
            Self::Transact(error) => error.code(),
        }
    }

    /// An edit that was refused. A session that ended meanwhile is one that is not there.
    pub(super) fn of_edit(player: &PlayerId, error: EditError) -> Self {
        match error {
            EditError::Access(access) => Self::of_access(player, access),
            EditError::Lock(error) => Self::Lock(error),
            EditError::Edit(_) => Self::Edit(error),
        }
    }

    pub(super) fn of_access(player: &PlayerId, access: Access) -> Self {
        // Those that a later version has are told as they are.
        if access == Access::Closed {
            Self::unavailable(player, Unready::Releasing)
        } else {
            Self::Edit(EditError::Access(access))
        }
    }

    pub(super) fn of_document(error: document::EditError) -> Self {
        Self::Edit(EditError::Edit(error))
    }

    pub(super) fn unavailable(player: &PlayerId, why: Unready) -> Self {
        Self::Unavailable { player: player.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_code_and_names_the_player() {
        let player = PlayerId::from(7);
        let age = Duration::from_mins(2);
        let table = [
            (PlayerError::unavailable(&player, Unready::Unknown), Code::PlayerDataUnavailable),
            (PlayerError::of_access(&player, Access::Closed), Code::PlayerDataUnavailable),
            (PlayerError::Unsaved { player: player.clone() }, Code::SessionUnsaved),
            (PlayerError::Undurable { player: player.clone(), age }, Code::Undurable),
        ];
        for (error, code) in table {
            assert_eq!((error.code(), error.kind()), (code, code.kind()));
            assert!(error.to_string().contains("`7`"), "{error}");
        }
        let suspended = PlayerError::of_access(&player, Access::Suspended);
        assert_eq!(suspended.code(), Code::SessionSuspended);
        let closed = PlayerError::of_edit(&player, Access::Closed.into());
        assert_eq!(closed.code(), Code::PlayerDataUnavailable);
        assert_eq!(PlayerError::from(TransactError::Participants).code(), Code::InvalidRequest);
        assert_eq!(PlayerError::from(SaveError::LeaseLost).code(), Code::LeaseLost);
        assert_eq!(PlayerError::from(OperationError::NotFound).code(), Code::OperationNotFound);
    }
}
