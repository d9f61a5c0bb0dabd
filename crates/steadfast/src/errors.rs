//! Why sessions refuse: one enum for each thing that can be asked of them.

use std::sync::Arc;

use steadfast_core::document;
use steadfast_core::id::NameError;
use steadfast_core::operation::ReservedKind;
use steadfast_core::platform::PlatformError;
use steadfast_core::session::{Access, AwaitError, OpenError, QueueError, SaveError};
use steadfast_core::{Code, EntryId, ErrorKind, Timestamp, WriteId};

use crate::locks::LockError;

/// Why there are no sessions of a data store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// That is no name of a data store.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Name(error) => error.code(),
            Self::Thread(_) => Code::StorageUnavailable,
            Self::Closed => Code::StoreClosed,
        }
    }
}

/// Why a record was not opened. The record is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionOpenError {
    /// That is no key.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It was refused, or not answered.
    #[error(transparent)]
    Refused(#[from] OpenError),
}

impl SessionOpenError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Name(error) => error.code(),
            Self::Refused(error) => error.code(),
        }
    }
}

/// Why a record that nobody holds was not updated. Nothing was changed, unless the variant says
/// otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It cannot be read, or somebody holds it: `ActiveLease` with the holder's name.
    #[error(transparent)]
    Open(Box<SessionOpenError>),
    /// The edit gave itself up, or left what cannot be stored.
    #[error(transparent)]
    Edit(#[from] document::EditError),
    /// The game's own `before_save` refuses it.
    #[error("the hook `before_save` refuses it: {reason}")]
    Refused {
        /// What the hook says.
        reason: Arc<str>,
    },
    /// Its holder is dead or has left something unsaved, and that could not be stored first.
    #[error("what the last session of the record left could not be stored")]
    Save(#[source] SaveError),
    /// Others wrote the record in between, time and again.
    #[error("the record `{entry}` changed {attempts} times meanwhile")]
    Contended {
        /// The record.
        entry: EntryId,
        /// How often it was tried.
        attempts: u32,
    },
    /// It may have been updated or not: look at the record.
    #[error("the outcome of write {write_id} is unknown")]
    OutcomeUnknown {
        /// The write.
        write_id: WriteId,
    },
}

impl From<SessionOpenError> for UpdateError {
    fn from(error: SessionOpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<OpenError> for UpdateError {
    fn from(error: OpenError) -> Self {
        SessionOpenError::from(error).into()
    }
}

impl UpdateError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Edit(error) => error.code(),
            Self::Refused { .. } => Code::SaveRefused,
            Self::Save(error) => error.code(),
            Self::Contended { .. } => Code::Contended,
            Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
        }
    }
}

/// Why an edit was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The session takes none.
    #[error(transparent)]
    Access(#[from] Access),
    /// The edit gave itself up, or left what cannot be stored.
    #[error(transparent)]
    Edit(#[from] document::EditError),
    /// The named lock that it was to be made under was not free.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl EditError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Access(access) => access.code(),
            Self::Edit(error) => error.code(),
            Self::Lock(error) => error.code(),
        }
    }
}

/// Why nobody can say how a session differs from what is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// The session is over.
    #[error(transparent)]
    Access(#[from] Access),
    /// The store refused to read.
    #[error(transparent)]
    Store(#[from] PlatformError),
    /// What is stored is more than a session can hold.
    #[error("what is stored is nothing that a session can hold")]
    Unreadable,
    /// The store ended without an answer.
    #[error("the store did not answer")]
    NoAnswer,
}

impl DiffError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Access(access) => access.code(),
            Self::Store(error) => error.code(),
            Self::Unreadable => Code::InvalidData,
            Self::NoAnswer => Code::StorageUnavailable,
        }
    }
}

/// Why a kind of operation cannot be handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KindError {
    /// That is no kind.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Kinds that start so are built in.
    #[error(transparent)]
    Reserved(#[from] ReservedKind),
}

impl KindError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Name(error) => error.code(),
            Self::Reserved(_) => Code::ReservedName,
        }
    }
}

/// Why an operation was not queued, did not end, or not as it was meant to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// That is no key, no id or no kind.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its payload cannot be written as JSON, or its answer not be read as what was asked for.
    #[error("the payload or the answer of the operation is not the JSON that was expected")]
    Json(#[source] serde_json::Error),
    /// It was not queued, or nobody knows.
    #[error(transparent)]
    Queue(Box<QueueError>),
    /// Nobody can say how it stands.
    #[error(transparent)]
    Await(Box<AwaitError>),
    /// It failed for good, and left a dead letter.
    #[error("the operation failed after {tries} tries: {error}")]
    Failed {
        /// What went wrong last.
        error: Arc<str>,
        /// Tries before its end.
        tries: u32,
        /// `MissingHandler`, `OperationExpired` if it waited longer than it may, else `HandlerFailed`.
        code: Code,
    },
    /// It ended without effect.
    #[error("the operation was cancelled: {reason}")]
    Cancelled {
        /// Why.
        reason: Arc<str>,
    },
    /// It has not ended. It may be applied later.
    #[error("the operation has not ended yet")]
    Unsettled,
    /// It is so old that nobody knows what became of it.
    #[error("the operation is so old that nobody knows what became of it")]
    Expired,
    /// Nobody knows it.
    #[error("nobody knows the operation")]
    NotFound,
    /// The session is over.
    #[error(transparent)]
    Access(#[from] Access),
}

impl From<QueueError> for OperationError {
    fn from(error: QueueError) -> Self {
        Self::Queue(Box::new(error))
    }
}

impl From<AwaitError> for OperationError {
    fn from(error: AwaitError) -> Self {
        Self::Await(Box::new(error))
    }
}

impl OperationError {
    /// With `OutcomeUnknown`, when the operation was issued that may be queued or not, if that is
    /// known: queued again with it, it counts once, however late.
    pub fn issued_at(&self) -> Option<Timestamp> {
        let Self::Queue(error) = self else { return None };
        if let QueueError::OutcomeUnknown { issued_at } = **error { issued_at } else { None }
    }

    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Name(error) => error.code(),
            Self::Json(_) => Code::InvalidData,
            Self::Queue(error) => error.code(),
            Self::Await(error) => error.code(),
            Self::Failed { code, .. } => *code,
            Self::Cancelled { .. } => Code::TransactionCancelled,
            Self::Unsettled => Code::OutcomeUnknown,
            Self::Expired => Code::OperationExpired,
            Self::NotFound => Code::OperationNotFound,
            Self::Access(access) => access.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do_and_has_a_code() {
        let name = |error: NameError| {
            let opened = SessionOpenError::from(error);
            assert_eq!(StoreError::from(error).code(), opened.code());
            (opened.kind(), opened.code())
        };
        assert_eq!(name(NameError::Empty { what: "key" }), (ErrorKind::Invalid, Code::InvalidName));
        assert_eq!(
            name(NameError::Reserved { what: "key" }),
            (ErrorKind::Invalid, Code::ReservedName)
        );
        assert_eq!(StoreError::Closed.code(), Code::StoreClosed);
        let closed = SessionOpenError::from(OpenError::Closed);
        assert_eq!((closed.kind(), closed.code()), (ErrorKind::Unavailable, Code::StoreClosed));
        for issued_at in [None, Some(Timestamp::from_ticks(7))] {
            let unknown = OperationError::from(QueueError::OutcomeUnknown { issued_at });
            assert_eq!((unknown.code(), unknown.issued_at()), (Code::OutcomeUnknown, issued_at));
        }
        assert_eq!(OperationError::from(QueueError::Closed).issued_at(), None);
        let access = EditError::from(Access::Closed);
        assert_eq!((access.kind(), access.code()), (ErrorKind::Fenced, Code::SessionClosed));
        let cancelled = document::EditError::from(document::Cancel::because("no"));
        let cancelled = EditError::from(cancelled);
        assert_eq!(
            (cancelled.kind(), cancelled.code()),
            (ErrorKind::Conflict, Code::TransactionCancelled)
        );
        let path = steadfast_core::Path::root();
        let full = EditError::from(document::EditError::Full { path, capacity: 3 });
        assert_eq!((full.kind(), full.code()), (ErrorKind::Conflict, Code::ArrayFull));
    }
}
