//! Why an edit changed nothing.

use std::error::Error;
use std::fmt;

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
        match self {
            Self::Path(PathError::Missing { .. }) => ErrorKind::NotFound,
            Self::InsufficientFunds { .. } | Self::Full { .. } | Self::Cancelled(_) => {
                ErrorKind::Conflict
            }
            Self::Path(PathError::WrongKind { .. })
            | Self::Invalid(_)
            | Self::NotNumber { .. }
            | Self::Arithmetic { .. }
            | Self::NegativeDebit { .. } => ErrorKind::Invalid,
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
