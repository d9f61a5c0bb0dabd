//! What sessions tell those who use them.

use crate::code::Code;
use crate::document::Changes;
use crate::error::ErrorKind;
use crate::id::{EntryId, OperationId, Revision, ServerId, WriteId};
use crate::operation::{QueueRefusal, Settlement};
use crate::platform::PlatformError;
use crate::schema::LoadError;
use crate::session::{SessionState, Spill};
use crate::time::Timestamp;

use std::sync::Arc;

/// Why a record could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// This server has it open, or is opening it.
    #[error("the record `{entry}` is open in this server already")]
    AlreadyOpen {
        /// The record.
        entry: EntryId,
    },
    /// Another server holds it and did not let go in time.
    #[error("the record `{entry}` is held by server {server}")]
    LockTimeout {
        /// The record.
        entry: EntryId,
        /// Who holds it.
        server: ServerId,
        /// Where that server can be reached, as it said.
        address: Arc<str>,
        /// Since when, by the store's time.
        since: Option<Timestamp>,
    },
    /// A living server holds it, and it was not to be waited for.
    #[error("the record `{entry}` is held by server {server}")]
    ActiveLease {
        /// The record.
        entry: EntryId,
        /// Who holds it.
        server: ServerId,
        /// Where that server can be reached, as it said.
        address: Arc<str>,
        /// Since when, by the store's time.
        since: Option<Timestamp>,
    },
    /// The store gave no answer, or no certain one, in time. The lease may have been granted: it is
    /// released then.
    #[error("the store did not answer in time whether the record `{entry}` was opened")]
    OutcomeUnknown {
        /// The record.
        entry: EntryId,
    },
    /// The record is of a format that this version does not know. It is left as it is.
    #[error("the record `{entry}` has the unknown format {format}")]
    UnknownFormat {
        /// The record.
        entry: EntryId,
        /// Its format.
        format: u16,
    },
    /// What it holds cannot be held by this code: it is of a version that this code has no way from,
    /// or not valid. It is left as it is.
    #[error("the data of the record `{entry}` cannot be opened: {error}")]
    Data {
        /// The record.
        entry: EntryId,
        /// What is wrong.
        error: LoadError,
    },
    /// The server is stopping, or was stopped.
    #[error("the server is closed")]
    Closed,
    /// The opening was given up by its caller.
    #[error("the opening of the record `{entry}` was given up")]
    Cancelled {
        /// The record.
        entry: EntryId,
    },
    /// The store refused to read or write.
    #[error(transparent)]
    Store(#[from] PlatformError),
}

impl OpenError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::AlreadyOpen { .. } | Self::ActiveLease { .. } => Code::ActiveLease,
            Self::LockTimeout { .. } => Code::LockTimeout,
            // Asking again is safe: an opening is no write that could happen twice.
            Self::OutcomeUnknown { .. } => Code::StorageUnavailable,
            Self::UnknownFormat { .. } => Code::UnknownFormat,
            Self::Data { error, .. } => error.code(),
            Self::Closed => Code::StoreClosed,
            Self::Cancelled { .. } => Code::OpenCancelled,
            Self::Store(error) => error.code(),
        }
    }
}

/// Why a save, a checkpoint or a release is not known to be durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// Somebody else has the record, and it is certain that this was not saved.
    #[error("the lease was lost before this was saved")]
    LeaseLost,
    /// Somebody else has the record, so long that it cannot be known what became of this.
    #[error("the lease was lost, and what became of write {write_id} is no longer known")]
    Expired {
        /// The write.
        write_id: WriteId,
    },
    /// It may be durable or not; the session goes on settling it.
    #[error("the outcome of write {write_id} is unknown")]
    OutcomeUnknown {
        /// The write.
        write_id: WriteId,
    },
    /// It was certainly not written in time; the session goes on trying.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The session is over.
    #[error("the session is closed")]
    Closed,
    /// A hook of the game does not want it saved now. It is tried again later.
    #[error("a hook refused the save: {reason}")]
    Refused {
        /// What the hook said.
        reason: Arc<str>,
    },
    /// The session stopped because of something that cannot happen. Its bytes were kept.
    #[error("the session was stopped: {reason}")]
    Stopped {
        /// What was found.
        reason: Arc<str>,
    },
}

impl SaveError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::LeaseLost => Code::LeaseLost,
            Self::Expired { .. } | Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
            Self::Unavailable { .. } => Code::StorageUnavailable,
            Self::Closed => Code::SessionClosed,
            Self::Refused { .. } => Code::SaveRefused,
            Self::Stopped { .. } => Code::Internal,
        }
    }
}

/// Why a session takes no edit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Access {
    /// It is over, or its release is under way.
    #[error("the session is closed")]
    Closed,
    /// Something of it is not known to be stored.
    #[error("something of the session is not known to be stored")]
    Unsettled,
    /// It takes part in a transaction over several sessions that is not settled.
    #[error("the session takes part in a transaction that is not settled")]
    Joined,
    /// It is suspended, and its settings let nobody edit then.
    #[error("the session is suspended: its store is out of reach")]
    Suspended,
}

impl Access {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Closed => Code::SessionClosed,
            Self::Joined => Code::TransactionPending,
            Self::Unsettled => Code::Contended,
            Self::Suspended => Code::SessionSuspended,
        }
    }
}

/// Why a session lost its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// Another server took it after this one was declared dead.
    Taken,
    /// Somebody took it without waiting.
    Stolen,
    /// Somebody wrote it without the lease.
    Edited,
    /// It was taken so long ago that nobody knows how.
    Forgotten,
    /// Its entry was deleted. Nothing of it is kept.
    Deleted,
    /// A hook of the game panicked.
    HookPanicked,
    /// Something was found that cannot happen: a copy of this process, or a broken store.
    Impossible(Arc<str>),
    /// The server was closed before it could be saved.
    Closed,
}

impl LossReason {
    /// A stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Taken | Self::Stolen | Self::Edited | Self::Forgotten | Self::Deleted => {
                Code::LeaseLost
            }
            Self::HookPanicked | Self::Impossible(_) => Code::Internal,
            Self::Closed => Code::StorageUnavailable,
        }
    }
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Its state is another one.
    State(SessionState),
    /// A save was committed.
    Saved {
        /// The record's revision.
        revision: Revision,
    },
    /// A save was refused or stayed without an answer. It is tried again.
    SaveFailed(SaveError),
    /// The store had lost acknowledged writes, and got them again from memory.
    WentBack,
    /// Another server waits for the record.
    HandOffRequested {
        /// Who.
        waiter: ServerId,
    },
    /// An operation changed what the session holds. Nothing of it is stored yet.
    OperationRun {
        /// It, and how it will end unless the session does first.
        settlement: Arc<Settlement>,
        /// What changed, if its handler told.
        changes: Changes,
    },
    /// An operation has ended, and what it changed is stored.
    OperationEnded(Arc<Settlement>),
    /// An operation was tried in vain. It is tried again.
    OperationRetried {
        /// Which.
        operation: OperationId,
        /// How often it was tried.
        tries: u32,
        /// What went wrong.
        error: Arc<str>,
    },
    /// It is over: another holds the record, or nobody does. What was not saved comes along.
    Lost {
        /// Why.
        reason: LossReason,
        /// What was not saved.
        spill: Option<Spill>,
    },
    /// It is over, and everything is saved.
    Released,
    /// An earlier spill of this record was found stale, and is left to a person.
    SpillStale,
    /// Its data was written by later code, and is held as it is because its schema says so.
    SchemaAhead {
        /// The version of the data.
        stored: u32,
        /// That of the code.
        known: u32,
    },
}

/// Why an operation is not known to be queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// It was refused, and nothing was written.
    #[error("the operation was not queued")]
    Refused(#[source] QueueRefusal),
    /// It may be queued or not. Queued again, under its id and as issued at the same time, it counts
    /// once.
    #[error("whether the operation was queued is unknown")]
    OutcomeUnknown {
        /// When it was issued, as it was sent; nothing if nobody is left who knows.
        issued_at: Option<Timestamp>,
    },
    /// The store refused to read or write.
    #[error(transparent)]
    Store(PlatformError),
    /// The server is closed.
    #[error("the server is closed")]
    Closed,
}

impl QueueError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
            Self::Store(error) => error.code(),
            Self::Closed => Code::StoreClosed,
        }
    }
}

/// Why nobody can say how an operation stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AwaitError {
    /// The store did not answer in time.
    #[error("the store did not answer in time")]
    NoAnswer,
    /// The store refused to read.
    #[error(transparent)]
    Store(PlatformError),
    /// The server is closed.
    #[error("the server is closed")]
    Closed,
}

impl AwaitError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::NoAnswer => Code::StorageUnavailable,
            Self::Store(error) => error.code(),
            Self::Closed => Code::StoreClosed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntryKey, Scope, StoreId, StoreName, UniverseId};

    #[test]
    fn every_refusal_of_an_opening_says_what_to_do_now() {
        let store = StoreName::trusted("players");
        let store = StoreId { universe: UniverseId(1), name: store };
        let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("7") };
        let format = 9;
        let table = [
            (OpenError::AlreadyOpen { entry: entry.clone() }, Code::ActiveLease),
            (OpenError::OutcomeUnknown { entry: entry.clone() }, Code::StorageUnavailable),
            (OpenError::UnknownFormat { entry: entry.clone(), format }, Code::UnknownFormat),
            (OpenError::Cancelled { entry }, Code::OpenCancelled),
            (OpenError::Closed, Code::StoreClosed),
        ];
        for (error, code) in table {
            assert_eq!((error.code(), error.kind()), (code, code.kind()), "{error}");
        }
    }

    #[test]
    fn a_save_of_which_nothing_is_known_is_no_refusal() {
        let write_id = WriteId(7);
        for error in [SaveError::Expired { write_id }, SaveError::OutcomeUnknown { write_id }] {
            assert_eq!((error.code(), error.kind().is_ambiguous()), (Code::OutcomeUnknown, true));
        }
        let reason: Arc<str> = "a copy of this process runs".into();
        let table = [
            (SaveError::LeaseLost, Code::LeaseLost, ErrorKind::Fenced),
            (SaveError::Closed, Code::SessionClosed, ErrorKind::Fenced),
            (
                SaveError::Unavailable { reason: reason.clone() },
                Code::StorageUnavailable,
                ErrorKind::Unavailable,
            ),
            (SaveError::Stopped { reason }, Code::Internal, ErrorKind::Internal),
        ];
        for (error, code, kind) in table {
            assert_eq!((error.code(), error.kind()), (code, kind), "{error}");
        }
    }

    #[test]
    fn an_operation_that_was_not_queued_says_why() {
        let refused = QueueRefusal::PayloadTooLarge { actual: 2, limit: 1 };
        let table = [
            (QueueError::Refused(refused), Code::OperationPayloadTooLarge, ErrorKind::Invalid),
            (
                QueueError::Refused(QueueRefusal::NoDeadLetter),
                Code::DeadLetterNotFound,
                ErrorKind::NotFound,
            ),
            (
                QueueError::OutcomeUnknown { issued_at: None },
                Code::OutcomeUnknown,
                ErrorKind::OutcomeUnknown,
            ),
            (QueueError::Closed, Code::StoreClosed, ErrorKind::Unavailable),
        ];
        for (error, code, kind) in table {
            assert_eq!((error.code(), error.kind()), (code, kind), "{error}");
        }
        let error = AwaitError::NoAnswer;
        assert_eq!(
            (error.code(), error.kind()),
            (Code::StorageUnavailable, ErrorKind::Unavailable)
        );
    }
}
