//! What sessions tell those who use them.

use crate::error::ErrorKind;
use crate::id::{EntryId, Revision, ServerId, WriteId};
use crate::platform::PlatformError;
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
    /// What it holds is refused by whoever opens it. It is left as it is.
    #[error("the data of the record `{entry}` is not valid: {reason}")]
    InvalidData {
        /// The record.
        entry: EntryId,
        /// What is wrong.
        reason: Arc<str>,
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
        match self {
            Self::AlreadyOpen { .. } | Self::Cancelled { .. } => ErrorKind::Conflict,
            Self::LockTimeout { .. } => ErrorKind::Exhausted,
            // Asking again is safe: an opening is no write that could happen twice.
            Self::OutcomeUnknown { .. } | Self::Closed => ErrorKind::Unavailable,
            Self::UnknownFormat { .. } | Self::InvalidData { .. } => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
        }
    }

    /// The stable code of `spec/features.md` section 15.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyOpen { .. } => "ActiveLease",
            Self::LockTimeout { .. } => "LockTimeout",
            Self::OutcomeUnknown { .. } => "OutcomeUnknown",
            Self::UnknownFormat { .. } => "UnknownFormat",
            Self::InvalidData { .. } => "InvalidData",
            Self::Closed => "StoreClosed",
            Self::Cancelled { .. } => "TransactionCancelled",
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
        match self {
            Self::LeaseLost | Self::Closed => ErrorKind::Fenced,
            Self::Expired { .. } | Self::OutcomeUnknown { .. } => ErrorKind::OutcomeUnknown,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Stopped { .. } => ErrorKind::Internal,
        }
    }

    /// The stable code of `spec/features.md` section 15.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LeaseLost => "LeaseLost",
            Self::Expired { .. } => "OperationExpired",
            Self::OutcomeUnknown { .. } => "OutcomeUnknown",
            Self::Unavailable { .. } => "StorageUnavailable",
            Self::Closed => "SessionClosed",
            Self::Stopped { .. } => "Fenced",
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
    /// It is suspended, and its settings let nobody edit then.
    #[error("the session is suspended: its store is out of reach")]
    Suspended,
}

impl Access {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Closed => ErrorKind::Fenced,
            Self::Suspended => ErrorKind::Unavailable,
        }
    }

    /// The stable code of `spec/features.md` section 15.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed => "SessionClosed",
            Self::Suspended => "SessionSuspended",
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
    /// Something was found that cannot happen: a copy of this process, or a broken store.
    Impossible(Arc<str>),
    /// The server was closed before it could be saved.
    Closed,
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
}
