//! Where players stand, and what happens to them.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::session::{LossReason, OpenError, SessionEvent};
use steadfast_core::{Code, ErrorKind};

use super::PlayerId;
use crate::errors::SessionOpenError;
use crate::session::LabelError;

/// Where a player stands.
///
/// ```text
///   join ─► Loading ◄─► Retrying ─► Ready ─► Releasing ─► Released
///              │           │          └─ taken away ─► Failed
///              └───────────┴─► Failed, or Unsaved
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlayerState {
    /// The record is being opened, or the release before is waited for.
    Loading,
    /// Opening failed, and is tried again.
    Retrying {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong last.
        error: Arc<SessionOpenError>,
    },
    /// There is a session: the data may be read and changed.
    Ready,
    /// The record could not be loaded. The data is the template, and nothing of it is ever saved.
    Unsaved(Arc<PlayerFailure>),
    /// There is no data. The player should go.
    Failed(Arc<PlayerFailure>),
    /// The player has left, and the last save is under way.
    Releasing,
    /// Not here: never joined, or gone with everything saved or told of.
    Released,
}

impl PlayerState {
    /// Whether there is data to read and change.
    pub const fn is_playable(&self) -> bool {
        match self {
            Self::Ready | Self::Unsaved(_) => true,
            Self::Loading
            | Self::Retrying { .. }
            | Self::Failed(_)
            | Self::Releasing
            | Self::Released => false,
        }
    }
}

/// Why a player has no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlayerFailure {
    /// The record could not be loaded. It is as it was.
    #[error("the record could not be loaded in {attempts} attempts")]
    Load {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong last.
        #[source]
        error: SessionOpenError,
    },
    /// The record was taken away. What was not saved is kept in the library's spills.
    #[error("the record was lost: {reason:?}")]
    Lost {
        /// Why.
        reason: LossReason,
    },
    /// The record was released, with everything saved: another server asked for it, or the game let
    /// go of the session.
    #[error("the record was released while the player was there")]
    HandedOver,
    /// The store was closed.
    #[error("the store was closed")]
    Closed,
}

impl PlayerFailure {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Load { error, .. } => error.code(),
            Self::Lost { reason } => reason.code(),
            Self::HandedOver => Code::SessionClosed,
            Self::Closed => Code::StoreClosed,
        }
    }

    /// What the player is told, in words for people who play.
    pub fn message(&self) -> Arc<str> {
        let words = match self {
            Self::Load { error, .. } => return words_of(error).into(),
            Self::Lost { reason: LossReason::Deleted } => "Your data was deleted by an operator.",
            Self::Lost { reason: LossReason::HookPanicked | LossReason::Impossible(_) } => {
                "Your data could not be kept up to date because of an error. Please join again."
            }
            Self::Closed | Self::Lost { reason: LossReason::Closed } => {
                "This server is closing. Please join another one."
            }
            Self::Lost { .. } | Self::HandedOver => {
                "Your data is in use on another server now. Please join again."
            }
        };
        words.into()
    }
}

fn words_of(error: &SessionOpenError) -> &'static str {
    match error {
        SessionOpenError::Refused(
            OpenError::LockTimeout { .. } | OpenError::ActiveLease { .. },
        ) => "Your data is still in use on another server. Please wait a minute and join again.",
        SessionOpenError::Refused(OpenError::Closed) => {
            "This server is closing. Please join another one."
        }
        SessionOpenError::Name(_) | SessionOpenError::Refused(_) => {
            if error.code() == Code::SchemaAhead {
                "Your data was saved by a newer version of the game. Please join another server."
            } else if error.kind().retry_can_help() {
                "Your data could not be loaded just now, and nothing of it was changed. Please join \
                 again in a few minutes."
            } else {
                "Your data could not be read, and nothing of it was changed. Please tell the people \
                 who run this game."
            }
        }
    }
}

/// Something that happened to a player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerEvent {
    /// Who.
    pub player: PlayerId,
    /// Whether the player plays from the template, and nothing of it is ever saved.
    pub is_unsaved: bool,
    /// What.
    pub what: Happened,
}

/// What happened to a player.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// The record is being opened.
    Loading,
    /// Opening failed, and is tried again.
    Retrying {
        /// How often it was tried.
        attempts: u32,
        /// After which pause.
        after: Duration,
        /// What went wrong.
        error: Arc<SessionOpenError>,
    },
    /// There is a session. Gameplay begins.
    Ready,
    /// There is only the template. Gameplay begins, and nothing of it is ever saved.
    Unsaved(Arc<PlayerFailure>),
    /// There is no data, or none any more.
    Failed(Arc<PlayerFailure>),
    /// The game should let the player go, with this message. Until it calls
    /// [`leave`](crate::Players::leave) the player stays as it is.
    Disconnect {
        /// For the player.
        message: Arc<str>,
    },
    /// The record cannot name this player's user id, so requests about the user's data do not find
    /// it. The player is ready all the same.
    NotAssociated(LabelError),
    /// What is stored of the player has reached [`Options::data_size_warn`](crate::Options). Told again
    /// only once it was smaller in between.
    DataLarge {
        /// In bytes.
        size: usize,
    },
    /// Something happened to the session.
    Session(SessionEvent),
    /// The player has left. The last save is under way.
    Releasing,
    /// The player is gone, and the record is free.
    Released,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_code_and_words_for_the_player() {
        let lost = |reason| PlayerFailure::Lost { reason };
        let closed = SessionOpenError::Refused(OpenError::Closed);
        let table = [
            (PlayerFailure::Load { attempts: 1, error: closed }, Code::StoreClosed, "closing"),
            (lost(LossReason::Taken), Code::LeaseLost, "another server"),
            (lost(LossReason::Stolen), Code::LeaseLost, "another server"),
            (lost(LossReason::Edited), Code::LeaseLost, "another server"),
            (lost(LossReason::Forgotten), Code::LeaseLost, "another server"),
            (lost(LossReason::Deleted), Code::LeaseLost, "deleted"),
            (lost(LossReason::HookPanicked), Code::Internal, "could not be kept"),
            (lost(LossReason::Impossible("".into())), Code::Internal, "could not be kept"),
            (lost(LossReason::Closed), Code::StorageUnavailable, "closing"),
            (PlayerFailure::HandedOver, Code::SessionClosed, "another server"),
            (PlayerFailure::Closed, Code::StoreClosed, "closing"),
        ];
        for (failure, code, words) in table {
            assert_eq!((failure.code(), failure.kind()), (code, code.kind()), "{failure}");
            assert!(failure.message().contains(words), "{failure}: {}", failure.message());
        }
    }
}
