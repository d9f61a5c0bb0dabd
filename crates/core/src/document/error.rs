//! Why an edit changed nothing.

use std::error::Error;
use std::fmt;

use crate::code::Code;
use crate::error::ErrorKind;
use crate::path::Path;
use crate::value::{ArithmeticError, InvalidData, Number, PathError};

/// Why an edit was given up from inside: any error, so that `?` works in the closure of an edit.
///
/// It is no error itself; [`EditError::Cancelled`] carries it.
pub struct Cancel(Box<dyn Error + Send + Sync>);

/// Why an edit changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Its own closure gave it up.
    #[error("the edit was cancelled")]
    Cancelled(#[source] Box<dyn Error + Send + Sync>),
    /// A path leads nowhere, or to something of another kind.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The result could not be stored.
    #[error(transparent)]
    Invalid(#[from] InvalidData),
    /// What stands at a path is no number.
    #[error("`{path}` is not a number")]
    NotNumber {
        /// The place.
        path: Path,
    },
    /// A number has no such sum or difference.
    #[error("the number at `{path}` cannot be changed by this amount")]
    Arithmetic {
        /// The place.
        path: Path,
        /// Why not.
        source: ArithmeticError,
    },
    /// A debit of less than nothing.
    #[error("a debit of `{path}` is of less than nothing")]
    NegativeDebit {
        /// The place.
        path: Path,
    },
    /// There is less than a debit asks for.
    #[error("`{path}` holds less than the debit asks for")]
    InsufficientFunds {
        /// The place.
        path: Path,
        /// What there is.
        available: Number,
    },
    /// The array holds as many items as it may.
    #[error("`{path}` is full with {capacity} items")]
    Full {
        /// The array.
        path: Path,
        /// The most that it may hold.
        capacity: usize,
    },
}

impl Cancel {
    /// Gives an edit up for a reason in words.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into().into())
    }
}

impl Cancel {
    /// What it says, with its causes.
    pub(crate) fn reason(&self) -> String {
        let mut reason = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            cause = error.source();
        }
        reason
    }

    /// The data that it was for, as a check says it.
    pub(super) fn into_invalid(self) -> InvalidData {
        let reason = self.reason();
        match self.0.downcast::<InvalidData>() {
            Ok(invalid) => *invalid,
            Err(_) => InvalidData::because(Path::root(), reason),
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.0).finish()
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Cancel {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<Cancel> for EditError {
    /// A step's own error that was passed on is that error, not a cancel.
    fn from(cancel: Cancel) -> Self {
        match cancel.0.downcast::<Self>() {
            Ok(error) => *error,
            Err(reason) => Self::Cancelled(reason),
        }
    }
}

impl EditError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Cancelled(_) => Code::TransactionCancelled,
            Self::InsufficientFunds { .. } => Code::InsufficientFunds,
            Self::Full { .. } => Code::ArrayFull,
            Self::Path(PathError::Missing { .. }) => Code::PathNotFound,
            Self::Invalid(invalid) => invalid.code(),
            Self::Path(PathError::WrongKind { .. })
            | Self::NotNumber { .. }
            | Self::Arithmetic { .. }
            | Self::NegativeDebit { .. } => Code::InvalidData,
        }
    }

    /// The error that the edit's own closure returned, if it is of this type.
    pub fn cancelled_by<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Cancelled(reason) => reason.downcast_ref(),
            Self::Path(_)
            | Self::Invalid(_)
            | Self::NotNumber { .. }
            | Self::Arithmetic { .. }
            | Self::NegativeDebit { .. }
            | Self::InsufficientFunds { .. }
            | Self::Full { .. } => None,
        }
    }
}
