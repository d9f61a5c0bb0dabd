//! What a data store answers.

use std::sync::Arc;

use crate::batch::BatchError;
use crate::budget::Denial;
use crate::code::Code;
use crate::error::ErrorKind;
use crate::id::{EntryId, Revision, ServerId, StoreId, WriteId};
use crate::key::KeyScope;
use crate::platform::{OrderedState, RevisionId};
use crate::row::{Content, ReadError, Row, RowKey};
use crate::time::Timestamp;

/// One state of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryState {
    /// The entry.
    pub entry: EntryId,
    /// Which of its states.
    pub revision: Revision,
    /// When the entry was first written.
    pub created_at: Timestamp,
    /// When this state was written.
    pub updated_at: Timestamp,
    /// What it holds; nothing if this state is a deletion.
    pub content: Option<Arc<Content>>,
    /// The schema of its data; nothing if it was not written by way of its record.
    pub schema: Option<u32>,
}

impl EntryState {
    /// The state that a row holds; nothing if it is a row of another family.
    pub fn of_row(row: &Row) -> Option<Self> {
        let (RowKey::Entry(entry) | RowKey::Revision(entry, _)) = &row.key else { return None };
        let body = row.body.as_entry()?;
        Some(Self {
            entry: entry.clone(),
            revision: row.revision,
            created_at: body.birth.time(row.stamped_at),
            updated_at: row.stamped_at,
            content: body.content.clone(),
            schema: body.schema,
        })
    }

    /// The id of this state.
    pub fn revision_id(&self) -> RevisionId {
        RevisionId::of(self.created_at, self.revision, self.updated_at)
    }
}

/// One state of an entry without what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryHead {
    /// Which of its states.
    pub revision: Revision,
    /// When the entry was first written.
    pub created_at: Timestamp,
    /// When this state was written.
    pub updated_at: Timestamp,
    /// Whether it is no deletion.
    pub is_live: bool,
}

impl EntryHead {
    /// The head of a state.
    pub fn of(state: &EntryState) -> Self {
        let EntryState { revision, created_at, updated_at, .. } = *state;
        Self { revision, created_at, updated_at, is_live: state.content.is_some() }
    }
}

/// Why a request was not carried out. Every variant but [`OutcomeUnknown`](Self::OutcomeUnknown)
/// means that nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// Nothing was ever written to that data store.
    #[error("the data store `{store}` does not exist")]
    StoreNotFound {
        /// The data store.
        store: StoreId,
    },
    /// The data store is deleted, and will be purged.
    #[error("the data store `{store}` is deleted")]
    StoreDeleted {
        /// The data store.
        store: StoreId,
    },
    /// The entry does not exist, or did not at the time asked for.
    #[error("the entry `{entry}` does not exist")]
    EntryNotFound {
        /// The entry.
        entry: EntryId,
    },
    /// The entry has no such revision.
    #[error("the entry `{entry}` has no such revision")]
    RevisionNotFound {
        /// The entry.
        entry: EntryId,
    },
    /// The revision is the current one, which cannot be removed from history (V-26).
    #[error("the revision is the current one of the entry `{entry}`")]
    RevisionIsCurrent {
        /// The entry.
        entry: EntryId,
    },
    /// The time is before 1970 or more than 10 minutes ahead (V-22).
    #[error("the time asked for is not between 1970 and ten minutes from now")]
    TimeOutOfRange,
    /// The entry exists, and the request was for a missing one.
    #[error("the entry `{}` exists", current.entry)]
    Exists {
        /// What it holds.
        current: Box<EntryState>,
    },
    /// The entry of an ordered data store has a value, and the request was for one without.
    #[error("the entry `{}` exists", current.entry)]
    OrderedExists {
        /// What it holds.
        current: OrderedState,
    },
    /// The entry is at another revision than the request names.
    #[error("the entry `{}` is at another revision", current.entry)]
    Mismatch {
        /// Its current state.
        current: Box<EntryState>,
    },
    /// A game server holds the record of the entry, and only that server may write it. Ask it to let
    /// go, wait until it does, or write with [`Permit::force`](super::Permit::force).
    #[error("the game server `{server}` holds the record of the entry `{entry}`")]
    Leased {
        /// The entry.
        entry: EntryId,
        /// Who holds it.
        server: ServerId,
        /// Since when.
        since: Timestamp,
    },
    /// The record of the entry was written by a newer version of the store. Whether anybody holds it
    /// is not known here. Write it with that version.
    #[error("the record of the entry `{entry}` has a format that this version does not know")]
    UnknownFormat {
        /// The entry.
        entry: EntryId,
    },
    /// The entry holds something that is no integer, and nothing can be added to it (G-43).
    #[error("the entry `{entry}` does not hold an integer")]
    NotInteger {
        /// The entry.
        entry: EntryId,
    },
    /// The sum would be above the range of `i64` (G-44).
    #[error("the entry `{entry}` would hold more than {}", i64::MAX)]
    SumTooLarge {
        /// The entry.
        entry: EntryId,
    },
    /// The sum would be below the range of `i64` (G-44).
    #[error("the entry `{entry}` would hold less than {}", i64::MIN)]
    SumTooSmall {
        /// The entry.
        entry: EntryId,
    },
    /// The caller may not do this.
    #[error("the scope `{scope}` is missing")]
    Denied {
        /// The right that is missing.
        scope: KeyScope,
    },
    /// Stored bytes are damaged. Nothing else is affected.
    #[error("{row} is damaged")]
    Corrupt {
        /// What is damaged.
        row: Box<RowKey>,
    },
    /// Too many writes to this entry are waiting.
    #[error("{limit} writes to the entry `{entry}` are waiting already")]
    Busy {
        /// The entry.
        entry: EntryId,
        /// How many may wait.
        limit: usize,
    },
    /// A budget has no room for the request, which took nothing of any.
    #[error("the pool `{}` has no room", denial.pool)]
    Throttled {
        /// Which one, and until when.
        denial: Denial,
    },
    /// Other writers came first, time and again.
    #[error("other writers of the entry `{entry}` came first {attempts} times")]
    Contended {
        /// The entry.
        entry: EntryId,
        /// How often it was tried.
        attempts: u32,
    },
    /// Other writers of a data store or a universe as a whole came first, time and again.
    #[error("other writers of {row} came first {attempts} times")]
    RowContended {
        /// What they wrote.
        row: Box<RowKey>,
        /// How often it was tried.
        attempts: u32,
    },
    /// The store has no room.
    #[error("the store has no room: {reason}")]
    StoreFull {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The store is stopped or out of reach.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The write may be durable or not.
    #[error("the outcome of write {write_id} is unknown")]
    OutcomeUnknown {
        /// The write. Sent again with this id it happens once if it names a revision; otherwise it
        /// is recognised while it is the entry's last. Send it again within the hour: what it made
        /// may be gone after that, if others wrote meanwhile.
        write_id: WriteId,
    },
    /// A client that may only read was asked to write. Nothing was sent.
    #[error("this client may only read: it was not told that it may write")]
    ReadOnly,
    /// The service behind a client has no call for it. Nothing was sent.
    #[error("the service has no call to {what}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// A service over the network refused it, or its client did, for a reason without a variant.
    #[error("the request was refused: {reason}")]
    Refused {
        /// What the caller does now.
        kind: ErrorKind,
        /// What the service said, or what the client found wrong.
        reason: Arc<str>,
    },
    /// The batch that was planned is one that no store may take: a fault of ours.
    #[error("the planned batch is not valid")]
    Rejected(#[source] BatchError),
}

impl From<ReadError> for PlatformError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable { reason } => Self::Unavailable { reason },
        }
    }
}

impl PlatformError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code, as JSON shows it.
    pub fn code(&self) -> Code {
        match self {
            Self::StoreNotFound { .. } => Code::StoreNotFound,
            Self::StoreDeleted { .. } => Code::DatastoreDeleted,
            Self::EntryNotFound { .. } => Code::EntryNotFound,
            Self::RevisionNotFound { .. } => Code::VersionNotFound,
            Self::RevisionIsCurrent { .. } => Code::RevisionIsCurrent,
            Self::TimeOutOfRange => Code::InvalidTimestamp,
            Self::Exists { .. } | Self::OrderedExists { .. } => Code::EntryExists,
            Self::Mismatch { .. } => Code::RevisionMismatch,
            Self::Leased { .. } => Code::ActiveLease,
            Self::UnknownFormat { .. } => Code::UnknownFormat,
            Self::NotInteger { .. } => Code::ExistingValueNotNumeric,
            Self::SumTooLarge { .. } => Code::IncrementValueTooLarge,
            Self::SumTooSmall { .. } => Code::IncrementValueTooSmall,
            Self::Denied { .. } => Code::InsufficientScope,
            Self::Corrupt { .. } => Code::Corrupt,
            Self::Busy { .. } | Self::Throttled { .. } => Code::Throttled,
            Self::Contended { .. } | Self::RowContended { .. } => Code::Contended,
            Self::StoreFull { .. } => Code::StorageFull,
            Self::Unavailable { .. } => Code::StorageUnavailable,
            Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
            Self::ReadOnly => Code::ReadOnly,
            Self::Unsupported { .. } => Code::Unsupported,
            Self::Refused { kind, .. } => Code::of(*kind),
            Self::Rejected(_) => Code::Internal,
        }
    }
}
