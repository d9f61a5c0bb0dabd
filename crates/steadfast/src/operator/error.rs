//! Why something was not done for an operator.

use std::sync::Arc;

use steadfast_core::document::InvalidData;
use steadfast_core::id::NameError;
use steadfast_core::operation::{JudgeRefusal, QueueRefusal};
use steadfast_core::platform::PlatformError;
use steadfast_core::record::Fence;
use steadfast_core::session::{OpenError, SaveError};
use steadfast_core::{Code, EntryId, ErrorKind, OperationId, WriteId};

use crate::commits::CommitError;
use crate::errors::{EditError, StoreError};
use crate::operator::Action;

/// Why something was not done. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// Nobody has said who may do this: see [`Operator::authorize`](super::Operator::authorize).
    #[error("`{action}` is closed: nobody decides who may do it")]
    AccessDisabled {
        /// What was asked for.
        action: Action,
    },
    /// Whoever decides said no.
    #[error("`{operator}` may not do `{action}`")]
    AccessDenied {
        /// What was asked for.
        action: Action,
        /// By whom.
        operator: Arc<str>,
    },
    /// A change needs an operator and a reason.
    #[error("`{what}` is blank")]
    Blank {
        /// What is.
        what: &'static str,
    },
    /// The name of an operator, or a reason, is over its limit.
    #[error("`{what}` is {actual} bytes long, the limit is {limit}")]
    TooLong {
        /// What is.
        what: &'static str,
        /// Its length in bytes.
        actual: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The confirmation is not the one of
    /// [`delete_confirmation`](super::Operator::delete_confirmation).
    #[error("the confirmation of the deletion of `{entry}` is another one")]
    ConfirmationMismatch {
        /// The record.
        entry: EntryId,
    },
    /// That is no key.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Whoever holds the record did not let go of it, or may not be asked.
    #[error(transparent)]
    Held(Box<OpenError>),
    /// The lease is not the one that was looked at: look again.
    #[error("the record `{entry}` is not held under this fence")]
    LeaseTokenMismatch {
        /// The record.
        entry: EntryId,
        /// The fence that it is at; nothing if it was never held.
        stored: Option<Fence>,
    },
    /// Nobody holds the record, so there is nothing to take.
    #[error("nobody holds the record `{entry}`")]
    NotHeld {
        /// The record.
        entry: EntryId,
    },
    /// The edit gave itself up, or left what cannot be stored.
    #[error(transparent)]
    Edit(Box<EditError>),
    /// What is stored is nothing that can be edited or compared.
    #[error("the data of the record `{entry}` cannot be read")]
    Unreadable {
        /// The record.
        entry: EntryId,
        /// What is wrong with it.
        #[source]
        source: Box<InvalidData>,
    },
    /// That state was written as an entry, so that history does not say which schema its data has, and
    /// the schema may have changed since. Say it: see [`Restore::schema`](super::Restore::schema).
    #[error(
        "the record `{entry}` has schema {present} now, and may have had another one at that state"
    )]
    SchemaUnknown {
        /// The record.
        entry: EntryId,
        /// The schema of its present data.
        present: u32,
    },
    /// The operation was not queued.
    #[error(transparent)]
    Queue(Box<QueueRefusal>),
    /// The operation was not ended.
    #[error("the operation `{id}` was not ended")]
    Judge {
        /// The operation.
        id: OperationId,
        /// Why.
        #[source]
        source: Box<JudgeRefusal>,
    },
    /// Others wrote the record in between, time and again.
    #[error("the record `{entry}` changed {attempts} times meanwhile")]
    Contended {
        /// The record.
        entry: EntryId,
        /// How often it was tried.
        attempts: u32,
    },
    /// There is no game server to ask others by.
    #[error(transparent)]
    Server(StoreError),
    /// The record was obtained, and could not be let go of. It is free once this process ends.
    #[error("the record `{entry}` could not be released")]
    Release {
        /// The record.
        entry: EntryId,
        /// Why.
        #[source]
        source: SaveError,
    },
    /// The store refused to read or write.
    #[error(transparent)]
    Store(Box<PlatformError>),
    /// It may have happened or not: look at the record.
    #[error("the outcome of write {write_id} is unknown")]
    OutcomeUnknown {
        /// The write.
        write_id: WriteId,
    },
    /// Its line in the log could not be written, so it was not begun.
    #[error("the log of operators could not be written")]
    Log(#[source] Box<PlatformError>),
    /// **It was done**, but its line in the log could not be completed, and goes on saying that it was
    /// begun.
    #[error("`{action}` was done, but its line in the log could not be completed")]
    Unlogged {
        /// What was done.
        action: Action,
        /// Why the log could not be written.
        #[source]
        source: Box<PlatformError>,
    },
}

impl From<PlatformError> for OperatorError {
    fn from(error: PlatformError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<CommitError> for OperatorError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::OutcomeUnknown { write_id } => Self::OutcomeUnknown { write_id },
        }
    }
}

impl OperatorError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::AccessDisabled { .. } => Code::AdminAccessDisabled,
            Self::AccessDenied { .. } => Code::AdminAccessDenied,
            Self::Blank { .. } | Self::TooLong { .. } | Self::SchemaUnknown { .. } => {
                Code::InvalidRequest
            }
            Self::ConfirmationMismatch { .. } => Code::DeleteConfirmationMismatch,
            Self::Name(error) => error.code(),
            Self::Held(error) => error.code(),
            Self::LeaseTokenMismatch { .. } => Code::LeaseTokenMismatch,
            Self::NotHeld { .. } => Code::Conflict,
            Self::Edit(error) => error.code(),
            Self::Unreadable { .. } => Code::InvalidData,
            Self::Queue(refusal) => refusal.code(),
            Self::Judge { source, .. } => source.code(),
            Self::Contended { .. } => Code::Contended,
            Self::Server(error) => error.code(),
            Self::Release { source, .. } => source.code(),
            Self::Store(error) | Self::Log(error) => error.code(),
            // What was done is not undone by the answer: nobody must do it again unseen.
            Self::OutcomeUnknown { .. } | Self::Unlogged { .. } => Code::OutcomeUnknown,
        }
    }
}
