//! What a failed call means for its caller, in one small closed set.

use std::fmt;

/// What the caller does now. Every public error maps to exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorKind {
    /// The request itself is wrong: fix it.
    Invalid,
    /// The credentials do not allow it: use others.
    Denied,
    /// There is nothing at that path.
    NotFound,
    /// The stored state is not the one the request was made for: read again, decide again.
    Conflict,
    /// The lease behind the request is gone: drop the local copy, never retry.
    Fenced,
    /// A limit was reached and nothing was written: wait, then retry.
    Exhausted,
    /// The store is out of reach and nothing was written: wait, then retry.
    Unavailable,
    /// The write may be durable or not: retry only with the same write id.
    OutcomeUnknown,
    /// Stored bytes are damaged: stop, then restore or salvage.
    Corrupt,
    /// A fault of ours: stop and report it.
    Internal,
}

impl ErrorKind {
    /// Every kind, for tables that must be total.
    pub const ALL: [Self; 10] = [
        Self::Invalid,
        Self::Denied,
        Self::NotFound,
        Self::Conflict,
        Self::Fenced,
        Self::Exhausted,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Corrupt,
        Self::Internal,
    ];

    /// The stable name, as logs and JSON show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Fenced => "fenced",
            Self::Exhausted => "exhausted",
            Self::Unavailable => "unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status on routes of our own.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Denied => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::Fenced => 409,
            Self::Exhausted => 429,
            Self::Unavailable => 502,
            Self::OutcomeUnknown => 504,
            Self::Corrupt | Self::Internal => 500,
        }
    }

    /// The exit code of a program that ends with it. 0 is done; 2 is also that of wrong usage.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Denied | Self::NotFound | Self::Conflict | Self::Fenced => 1,
            Self::Invalid => 2,
            Self::Exhausted | Self::Unavailable => 3,
            Self::OutcomeUnknown => 4,
            Self::Corrupt | Self::Internal => 5,
        }
    }

    /// Whether the same request may succeed later without a change.
    pub const fn retry_can_help(self) -> bool {
        matches!(self, Self::Exhausted | Self::Unavailable | Self::OutcomeUnknown)
    }

    /// Whether the write behind the failed call may be durable all the same.
    pub const fn is_ambiguous(self) -> bool {
        matches!(self, Self::OutcomeUnknown)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: BTreeSet<_> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn only_an_unknown_outcome_is_ambiguous() {
        let ambiguous: Vec<_> =
            ErrorKind::ALL.into_iter().filter(|kind| kind.is_ambiguous()).collect();
        assert_eq!(ambiguous, [ErrorKind::OutcomeUnknown]);
    }
}
