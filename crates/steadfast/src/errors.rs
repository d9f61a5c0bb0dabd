//! Why sessions refuse: one enum for each thing that can be asked of them.

use steadfast_core::ErrorKind;
use steadfast_core::document::{self, Problem};
use steadfast_core::id::NameError;
use steadfast_core::session::{Access, OpenError};

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
        match self {
            Self::Name(_) => ErrorKind::Invalid,
            Self::Thread(_) | Self::Closed => ErrorKind::Unavailable,
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(error) => name_code(error),
            Self::Thread(_) => "StorageUnavailable",
            Self::Closed => "StoreClosed",
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
        match self {
            Self::Name(_) => ErrorKind::Invalid,
            Self::Refused(error) => error.kind(),
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(error) => name_code(error),
            Self::Refused(error) => error.code(),
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
}

impl EditError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Access(access) => access.kind(),
            Self::Edit(error) => error.kind(),
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Access(access) => access.code(),
            Self::Edit(document::EditError::Cancelled(_)) => "TransactionCancelled",
            Self::Edit(document::EditError::InsufficientFunds { .. }) => "InsufficientFunds",
            Self::Edit(document::EditError::Invalid(invalid))
                if matches!(invalid.problem, Problem::TooLarge { .. }) =>
            {
                "DataTooLarge"
            }
            Self::Edit(_) => "InvalidData",
        }
    }
}

fn name_code(error: &NameError) -> &'static str {
    match error {
        NameError::Reserved { .. } => "ReservedName",
        NameError::Empty { .. } | NameError::TooLong { .. } => "InvalidName",
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
        assert_eq!(name(NameError::Empty { what: "key" }), (ErrorKind::Invalid, "InvalidName"));
        assert_eq!(name(NameError::Reserved { what: "key" }), (ErrorKind::Invalid, "ReservedName"));
        assert_eq!(StoreError::Closed.code(), "StoreClosed");
        let closed = SessionOpenError::from(OpenError::Closed);
        assert_eq!((closed.kind(), closed.code()), (ErrorKind::Unavailable, "StoreClosed"));
        let access = EditError::from(Access::Closed);
        assert_eq!((access.kind(), access.code()), (ErrorKind::Fenced, "SessionClosed"));
        let cancelled = document::EditError::from(document::Cancel::because("no"));
        let cancelled = EditError::from(cancelled);
        assert_eq!(
            (cancelled.kind(), cancelled.code()),
            (ErrorKind::Conflict, "TransactionCancelled")
        );
    }
}
