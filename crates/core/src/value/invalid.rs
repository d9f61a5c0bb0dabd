//! Why something cannot be held by a session, and where.

use std::fmt::Display;

use super::ValueError;
use crate::code::Code;
use crate::error::ErrorKind;
use crate::path::Path;

/// Data that cannot be stored, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data at `{path}` cannot be stored")]
pub struct InvalidData {
    /// The place; the root where it cannot be said more exactly.
    pub path: Path,
    /// What is wrong there.
    #[source]
    pub problem: Problem,
}

/// What is wrong with data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// With it the whole would have too many bytes.
    #[error("it would have {actual} bytes as JSON, the limit is {limit}")]
    TooLarge {
        /// Bytes of the whole as JSON text.
        actual: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// It is nested too deeply.
    #[error("it is nested deeper than {limit} arrays and objects")]
    TooDeep {
        /// The deepest that is allowed.
        limit: usize,
    },
    /// A floating-point number is infinite or NaN.
    #[error("a number is not finite")]
    NotFinite,
    /// An integer is beyond 64 bits.
    #[error("the number `{number}` does not fit 64 bits")]
    NumberTooLarge {
        /// The number.
        number: String,
    },
    /// A key of a map is nothing that JSON can write as text.
    #[error("a key is not text")]
    KeyNotText,
    /// One object would have the same key twice.
    #[error("the key `{key}` stands twice in one object")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Pieces of raw JSON, whose content nobody has checked.
    #[error("raw JSON cannot be held")]
    RawJson,
    /// A type's own serialization refused.
    #[error("it cannot be serialized: {message}")]
    Refused {
        /// What it says.
        message: String,
    },
    /// The stored text cannot be a value.
    #[error(transparent)]
    NotValue(#[from] ValueError),
    /// The stored text is not of the type that is asked for.
    #[error("it is not of the expected type: {message}")]
    WrongType {
        /// What was expected, and what stands there.
        message: String,
    },
    /// The game's own check refuses it.
    #[error("it is refused: {reason}")]
    Check {
        /// What the check says.
        reason: String,
    },
    /// The type has no such place: what was put there would be lost.
    #[error("the type of the data does not keep it")]
    NotKept,
}

impl InvalidData {
    /// What a game's own check says of a place.
    pub fn because(path: impl Into<Path>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), problem: Problem::Check { reason: reason.into() } }
    }

    /// What the caller does now.
    pub const fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        if matches!(self.problem, Problem::TooLarge { .. }) {
            Code::DataTooLarge
        } else {
            Code::InvalidData
        }
    }
}

impl serde::ser::Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Self::Refused { message: message.to_string() }
    }
}
