//! Why data is not opened.

use std::sync::Arc;

use crate::code::Code;
use crate::error::ErrorKind;
use crate::value::InvalidData;

/// Why what is stored cannot be held. It stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The code has no step to a version that the data must go through. No other step ran.
    #[error("there is no migration to version {version} of the data")]
    MigrationMissing {
        /// The first version that no step leads to.
        version: u32,
    },
    /// A step failed, panicked, or left what cannot be stored.
    #[error("the migration to version {version} of the data failed: {reason}")]
    MigrationFailed {
        /// Where the step leads to.
        version: u32,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// The data was written by later code.
    #[error("the data is of version {stored}, and this code knows {known}")]
    SchemaAhead {
        /// The version of the data.
        stored: u32,
        /// That of the code.
        known: u32,
    },
    /// The data is not of the shape that is asked for, or is refused by the game's own check.
    #[error("{0}: {problem}", problem = .0.problem)]
    Invalid(InvalidData),
    /// A hook of the game refuses it.
    #[error("it is refused: {reason}")]
    Refused {
        /// What the hook says.
        reason: Arc<str>,
    },
    /// A callback of the game panicked.
    #[error("what reads the data panicked")]
    Panicked,
}

impl LoadError {
    /// What the caller does now: other code, or other data.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::MigrationMissing { .. } => Code::MigrationMissing,
            Self::MigrationFailed { .. } => Code::MigrationFailed,
            Self::SchemaAhead { .. } => Code::SchemaAhead,
            Self::Invalid(invalid) => invalid.code(),
            Self::Refused { .. } | Self::Panicked => Code::InvalidData,
        }
    }
}

impl From<InvalidData> for LoadError {
    fn from(invalid: InvalidData) -> Self {
        Self::Invalid(invalid)
    }
}
