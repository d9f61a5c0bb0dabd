//! The three answers to a write.

/// What became of a write. There are three answers, never two.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a write that was refused or is unknown must be handled"]
pub enum Outcome<C, R> {
    /// It is durable.
    Committed(C),
    /// Nothing was written, and this attempt never will be.
    Refused(R),
    /// It may be durable, now or later. Settle it with a write: the same write id again, or a
    /// newer write on the same base.
    Unknown,
}

impl<C, R> Outcome<C, R> {
    /// The answer of a committed write.
    pub fn committed(self) -> Option<C> {
        match self {
            Self::Committed(committed) => Some(committed),
            Self::Refused(_) | Self::Unknown => None,
        }
    }
}
