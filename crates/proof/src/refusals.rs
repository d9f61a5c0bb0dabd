//! What the stores of the scenarios answer when they cannot do what is asked.

use steadfast_core::Refusal;
use steadfast_core::row::ReadError;

/// A read that failed.
pub(crate) fn unreadable() -> ReadError {
    ReadError::Unavailable { reason: "an input-output error".into() }
}

/// A batch that was certainly not written.
pub(crate) fn unavailable() -> Refusal {
    Refusal::Unavailable { reason: "the store is out of reach".into() }
}

/// A batch for which there is no room.
pub(crate) fn exhausted(reason: &'static str) -> Refusal {
    Refusal::Exhausted { reason: reason.into() }
}
