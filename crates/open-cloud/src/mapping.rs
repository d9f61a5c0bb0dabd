//! Which failure has which status and body: the one table, for both generations.
//!
//! The texts say what to do and hold no value, no secret and no detail of the inside; the reason of
//! a failure goes to the log. A client that may not read learns from an error only what its own
//! right to write tells it anyway.

use std::borrow::Cow;

use steadfast_core::ErrorKind;
use steadfast_core::budget::Denial;
use steadfast_core::json::JsonError;
use steadfast_core::platform::{AmountError, PlatformError};
use steadfast_core::{ServerId, Timestamp};

use crate::cursor::TokenError;
use crate::error::{V1Code, V1Error, V2Code, V2Error};
use crate::filter::FilterError;
use crate::path::PathError;
use crate::query::QueryError;
use crate::time;

const STORE_DELETED: &str = "DatastoreDeleted: the data store is deleted. For 30 days after its \
    deletion it can be brought back.";
const REVISION_IS_CURRENT: &str =
    "The revision is the current one. Nothing was removed; delete the entry instead.";
const NOT_INTEGER: &str = "The entry does not hold an integer. Nothing was written.";
const SUM_TOO_LARGE: &str = "The sum is larger than 9223372036854775807. Nothing was written.";
const SUM_TOO_SMALL: &str = "The sum is smaller than -9223372036854775808. Nothing was written.";

/// Begins what is said of an entry whose record a game server holds.
const ACTIVE_LEASE: &str = "ActiveLease: ";
const UNKNOWN_FORMAT: &str = "UnknownFormat: the record of the entry was written by a newer version. \
    Nothing was written.";

/// A refused request, as v1 says it.
///
/// `Exists` and `Mismatch` have this body only for a key that may not read: others are answered
/// with the current value (H-94).
pub fn v1(error: &PlatformError) -> V1Error {
    match error {
        PlatformError::StoreNotFound { .. } => {
            V1Error::new(V1Code::DatastoreNotFound, "The data store does not exist.")
        }
        PlatformError::StoreDeleted { .. } => {
            V1Error::new(V1Code::DatastoreNotFound, STORE_DELETED)
        }
        PlatformError::RevisionIsCurrent { .. } => {
            without_code(400, "INVALID_ARGUMENT", REVISION_IS_CURRENT)
        }
        PlatformError::RevisionNotFound { .. } => {
            V1Error::new(V1Code::VersionNotFound, "The entry has no such version.")
        }
        PlatformError::TimeOutOfRange => V1Error::new(
            V1Code::InvalidStartTime,
            "The time is not between 1970 and ten minutes from now.",
        ),
        PlatformError::Exists { .. } | PlatformError::OrderedExists { .. } => {
            conflict("The entry exists.")
        }
        PlatformError::Mismatch { .. } => conflict("The entry is at another version."),
        PlatformError::Leased { server, since, .. } => {
            without_code(409, "ABORTED", leased(*server, *since))
        }
        PlatformError::UnknownFormat { .. } => without_code(409, "ABORTED", UNKNOWN_FORMAT),
        PlatformError::NotInteger { .. } => {
            V1Error::new(V1Code::ExistingValueNotNumeric, NOT_INTEGER)
        }
        PlatformError::SumTooLarge { .. } => {
            V1Error::new(V1Code::IncrementValueTooLarge, SUM_TOO_LARGE)
        }
        PlatformError::SumTooSmall { .. } => {
            V1Error::new(V1Code::IncrementValueTooSmall, SUM_TOO_SMALL)
        }
        PlatformError::Denied { scope } => {
            V1Error::new(V1Code::InsufficientScope, format!("The scope `{scope}` is missing."))
        }
        PlatformError::Throttled { denial } => {
            V1Error::new(V1Code::TooManyRequests, throttled(denial))
        }
        PlatformError::StoreFull { .. } => {
            V1Error::new(V1Code::TooManyRequests, "The store has no room.")
        }
        PlatformError::EntryNotFound { .. }
        | PlatformError::Corrupt { .. }
        | PlatformError::Busy { .. }
        | PlatformError::Contended { .. }
        | PlatformError::Unavailable { .. }
        | PlatformError::OutcomeUnknown { .. }
        | PlatformError::Rejected(_)
        | _ => v1_kind(error.kind()),
    }
}

/// A failure of which only the kind is known, as v1 says it.
pub fn v1_kind(kind: ErrorKind) -> V1Error {
    let text = kind_text(kind);
    match kind {
        ErrorKind::Invalid => without_code(400, "INVALID_ARGUMENT", text),
        ErrorKind::Denied => V1Error::new(V1Code::InsufficientScope, text),
        ErrorKind::NotFound => V1Error::new(V1Code::EntryNotFound, text),
        ErrorKind::Conflict => conflict(text),
        ErrorKind::Fenced => without_code(409, "ABORTED", text),
        ErrorKind::Exhausted => V1Error::new(V1Code::TooManyRequests, text),
        ErrorKind::Unavailable => fault(502, "UNAVAILABLE", text),
        ErrorKind::OutcomeUnknown => fault(504, "DEADLINE_EXCEEDED", text),
        ErrorKind::Corrupt | ErrorKind::Internal => V1Error::new(V1Code::Unknown, text),
    }
}

/// A refused request, as v2 says it.
pub fn v2(error: &PlatformError) -> V2Error {
    match error {
        PlatformError::StoreNotFound { .. } => {
            V2Error::new(V2Code::NotFound, "The data store does not exist.")
        }
        PlatformError::StoreDeleted { .. } => V2Error::new(V2Code::NotFound, STORE_DELETED),
        PlatformError::RevisionIsCurrent { .. } => V2Error::invalid(REVISION_IS_CURRENT),
        // Texts that clients compare (client rule 24).
        PlatformError::RevisionNotFound { .. } => V2Error::invalid("Invalid version id."),
        PlatformError::Exists { .. } | PlatformError::OrderedExists { .. } => {
            V2Error::invalid("Entry already exists.")
        }
        PlatformError::TimeOutOfRange => {
            V2Error::invalid("The time is not between 1970 and ten minutes from now.")
        }
        PlatformError::Mismatch { .. } => {
            V2Error::new(V2Code::Aborted, "The entry is at another revision.")
        }
        PlatformError::Leased { server, since, .. } => {
            V2Error::new(V2Code::Aborted, leased(*server, *since))
        }
        PlatformError::UnknownFormat { .. } => V2Error::new(V2Code::Aborted, UNKNOWN_FORMAT),
        PlatformError::NotInteger { .. } => V2Error::invalid(NOT_INTEGER),
        PlatformError::SumTooLarge { .. } => V2Error::invalid(SUM_TOO_LARGE),
        PlatformError::SumTooSmall { .. } => V2Error::invalid(SUM_TOO_SMALL),
        PlatformError::Denied { scope } => {
            V2Error::new(V2Code::PermissionDenied, format!("The scope `{scope}` is missing."))
        }
        PlatformError::Throttled { denial } => {
            V2Error::new(V2Code::ResourceExhausted, throttled(denial))
        }
        PlatformError::StoreFull { .. } => {
            V2Error::new(V2Code::ResourceExhausted, "The store has no room.")
        }
        PlatformError::EntryNotFound { .. }
        | PlatformError::Corrupt { .. }
        | PlatformError::Busy { .. }
        | PlatformError::Contended { .. }
        | PlatformError::Unavailable { .. }
        | PlatformError::OutcomeUnknown { .. }
        | PlatformError::Rejected(_)
        | _ => v2_kind(error.kind()),
    }
}

/// A failure of which only the kind is known, as v2 says it.
pub fn v2_kind(kind: ErrorKind) -> V2Error {
    let code = match kind {
        ErrorKind::Invalid => V2Code::InvalidArgument,
        ErrorKind::Denied => V2Code::PermissionDenied,
        ErrorKind::NotFound => V2Code::NotFound,
        ErrorKind::Conflict | ErrorKind::Fenced => V2Code::Aborted,
        ErrorKind::Exhausted => V2Code::ResourceExhausted,
        ErrorKind::Unavailable => V2Code::Unavailable,
        ErrorKind::OutcomeUnknown => V2Code::DeadlineExceeded,
        ErrorKind::Corrupt | ErrorKind::Internal => V2Code::Internal,
    };
    V2Error::new(code, kind_text(kind))
}

/// A v1 amount that was refused. The list has no code for one that is no integer.
pub fn v1_amount(error: AmountError) -> V1Error {
    let message = error.to_string().into();
    let code = match error {
        AmountError::NotInteger => {
            return V1Error { message, ..v1_kind(ErrorKind::Invalid) };
        }
        AmountError::TooLarge => V1Code::IncrementValueTooLarge,
        AmountError::TooSmall => V1Code::IncrementValueTooSmall,
    };
    V1Error::new(code, message)
}

/// A v1 value that was refused.
pub fn v1_content(error: &JsonError) -> V1Error {
    let code = match error {
        JsonError::TooLarge(_) => V1Code::ContentTooBig,
        JsonError::Syntax { .. } | JsonError::DuplicateKey { .. } | JsonError::TooDeep(_) | _ => {
            V1Code::ContentNotJson
        }
    };
    V1Error::new(code, error.to_string())
}

impl From<PathError> for V2Error {
    fn from(error: PathError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<AmountError> for V2Error {
    fn from(error: AmountError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TokenError> for V1Error {
    fn from(error: TokenError) -> Self {
        Self::new(V1Code::InvalidCursor, error.to_string())
    }
}

impl From<TokenError> for V2Error {
    fn from(error: TokenError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<FilterError> for V2Error {
    fn from(error: FilterError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<QueryError> for V2Error {
    fn from(error: QueryError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// Who holds an entry, and since when. Whoever may write may know, to ask for it.
fn leased(server: ServerId, since: Timestamp) -> String {
    let since = time::v2_json(since);
    format!(
        "{ACTIVE_LEASE}the game server `{server}` holds the entry since `{since}`. Nothing was \
        written; that server has to let go of it first."
    )
}

/// Reads out of the text of a refusal who holds the entry, and since when, if it says so.
pub fn read_leased(text: &str) -> Option<(ServerId, Timestamp)> {
    let mut parts = text.strip_prefix(ACTIVE_LEASE)?.split('`');
    let server = ServerId::parse(parts.nth(1)?)?;
    let since = time::parse(parts.nth(1)?).ok()?;
    Some((server, since))
}

/// What to do now, for people.
const fn kind_text(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "The request is not valid.",
        ErrorKind::Denied => "The key does not allow this.",
        ErrorKind::NotFound => "Entry not found.",
        ErrorKind::Conflict => "The entry is not as the request expects.",
        ErrorKind::Fenced => "Another server holds the entry.",
        ErrorKind::Exhausted => "Too many requests. Nothing was written; wait and retry.",
        ErrorKind::Unavailable => "The store is unavailable. Nothing was written; wait and retry.",
        ErrorKind::OutcomeUnknown => "No answer in time. The write may have been made.",
        ErrorKind::Corrupt => "The entry is damaged.",
        ErrorKind::Internal => "Internal error.",
    }
}

/// Starts with the live service's name of the refusal, as its own texts do (contract section 4.2).
fn throttled(denial: &Denial) -> String {
    let (name, pool, seconds) =
        (denial.pool.error_name(), denial.pool, denial.retry_after_seconds());
    format!("{name}: the budget `{pool}` has no room. Nothing was written; retry in {seconds} s.")
}

fn conflict(text: &'static str) -> V1Error {
    without_code(412, "FAILED_PRECONDITION", text)
}

/// The list has no code for it, and an unknown one would hide the rest of the error.
fn without_code(status: u16, error: &'static str, text: impl Into<Cow<'static, str>>) -> V1Error {
    V1Error { status, error, code: None, message: text.into() }
}

fn fault(status: u16, error: &'static str, text: &'static str) -> V1Error {
    V1Error { status, error, ..V1Error::new(V1Code::Unknown, text) }
}

#[cfg(test)]
#[path = "mapping/tests.rs"]
mod tests;
