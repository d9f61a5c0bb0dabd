//! What people do to records, as JSON: for administrators over HTTP, and for the command line on a
//! directory.
//!
//! A call takes what was asked for in the words of the wire, makes one call of
//! [`steadfast::Operator`], and puts its answer into the words of the wire. Both ways to a store go
//! through here, so that both answer alike. Whoever calls has decided that the caller may: nothing
//! here asks again.
//!
//! Start reading at [`change`] and [`wire`].

mod calls;
mod shown;
pub mod wire;

use std::error::Error;

use steadfast::operator::OperatorError;
use steadfast_core::{Code, ErrorKind};

pub use self::calls::{
    Listed, PAGE_SIZE_MAX, change, diff, export, history, log, operations, record, servers,
    sessions, which,
};

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A part of what was asked for cannot be read.
    #[error("`{what}` cannot be read")]
    Unreadable {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] OperatorError),
}

impl CallError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Unreadable { .. } => Code::InvalidRequest,
            Self::Refused(error) => error.code(),
        }
    }

    fn unreadable(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable { what, source: source.into() }
    }
}
