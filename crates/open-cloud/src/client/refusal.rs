//! What an answer that is no success means.
//!
//! Absence and every other certain refusal are only what the service says in its own words: a body
//! in one of the shapes of its errors. A page of something on the way, whatever its status, says
//! nothing about data. Texts of our server are recognised by asking the table that it makes them
//! from, [`mapping`], so that the two cannot drift apart.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use serde_json::Value;
use steadfast_core::budget::{Demand, Door, Family, Pool};
use steadfast_core::key::KeyScope;
use steadfast_core::platform::PlatformError;
use steadfast_core::{EntryId, ErrorKind, RowKey, StoreId};

use super::config::Service;
use super::refused;
use super::transport::Reply;
use crate::{V1Code, mapping};

/// The longest text of a service that is passed on, in characters.
const MESSAGE_LENGTH_MAX: usize = 300;

const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What a call is about, for the errors that name it.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    /// An entry of a standard or an ordered data store.
    Entry(&'a EntryId),
    /// A data store.
    Store(&'a StoreId),
    /// No more than a universe.
    Universe,
}

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The body of a 412 is a value.
    pub(super) reply: Reply,
    words: Words,
}

/// The words of an error body.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Words {
    /// In a shape of the API (H-21 to H-24), or of our own API.
    Api {
        /// The status as a word, such as `NOT_FOUND`, or a code of our own API.
        code: String,
        /// The code of v1.
        detail: Option<String>,
        /// The kind of our own API.
        kind: Option<ErrorKind>,
        message: String,
    },
    /// In the shape of what stands before the API (H-20).
    Gateway { message: String },
    /// In no such shape.
    Foreign,
}

/// What a refusal means to its caller.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The service certainly did nothing.
    Error(PlatformError),
    /// It did nothing, because the entry is not as the call expects.
    Conflict(Box<Refusal>),
    /// Nobody knows what it did.
    Unclear(Arc<str>),
}

impl Refusal {
    pub(super) fn new(status: u16, reply: Reply) -> Self {
        let words = Words::of(&reply.body);
        Self { status, reply, words }
    }

    /// What it means for a call of a service.
    pub(super) fn judge(self: Box<Self>, service: Service, about: About<'_>) -> Verdict {
        let is_ours = service == Service::Steadfast;
        let text = self.text();
        if let Words::Api { kind: Some(kind), .. } = self.words {
            return self.judge_own(kind, about, text);
        }
        let is_api = matches!(self.words, Words::Api { .. });
        match (self.status, &self.words) {
            (401, _) => Verdict::Error(refused(ErrorKind::Denied, text)),
            (403, _) => Verdict::Error(denied(text)),
            (404, Words::Api { .. }) => Verdict::Error(self.not_found(about)),
            (409, Words::Api { .. }) => match self.said(about) {
                Some(error) => Verdict::Error(error),
                None => Verdict::Conflict(self),
            },
            (400, _) if self.says_exists() => Verdict::Conflict(self),
            // A value with its version, or an error.
            (412, _) if is_api || self.reply.headers.contains_key(crate::v1::VERSION) => {
                Verdict::Conflict(self)
            }
            (429, _) => Verdict::Error(PlatformError::StoreFull { reason: text }),
            (500, Words::Api { message, .. }) if is_ours && *message == *damaged_text() => {
                Verdict::Error(about.corrupt(text))
            }
            // Only our server promises that it wrote nothing then.
            (502, Words::Api { code, .. }) if is_ours && code == "UNAVAILABLE" => {
                Verdict::Error(PlatformError::Unavailable { reason: text })
            }
            (400..=499, Words::Api { .. }) => Verdict::Error(
                self.said(about).unwrap_or_else(|| refused(ErrorKind::Invalid, text)),
            ),
            (400..=499, Words::Gateway { .. }) => Verdict::Error(refused(ErrorKind::Invalid, text)),
            _ => Verdict::Unclear(text),
        }
    }

    /// Our own API says its kinds itself.
    fn judge_own(self: Box<Self>, kind: ErrorKind, about: About<'_>, text: Arc<str>) -> Verdict {
        match kind {
            ErrorKind::NotFound => Verdict::Error(self.not_found(about)),
            ErrorKind::Conflict => match self.said(about) {
                Some(error) => Verdict::Error(error),
                None => Verdict::Conflict(self),
            },
            ErrorKind::Unavailable => Verdict::Error(PlatformError::Unavailable { reason: text }),
            ErrorKind::Exhausted => Verdict::Error(PlatformError::StoreFull { reason: text }),
            ErrorKind::Corrupt => Verdict::Error(about.corrupt(text)),
            ErrorKind::Denied => Verdict::Error(denied(text)),
            ErrorKind::Invalid | ErrorKind::Fenced => {
                Verdict::Error(self.said(about).unwrap_or_else(|| refused(kind, text)))
            }
            ErrorKind::OutcomeUnknown | ErrorKind::Internal => Verdict::Unclear(text),
        }
    }

    /// Whether an entry to be made exists already, in words that clients compare (client rule 24).
    pub(super) fn says_exists(&self) -> bool {
        let Words::Api { code, message, .. } = &self.words else { return false };
        code == "ALREADY_EXISTS" || message == "Entry already exists."
    }

    /// The status and the words, for people. The body of a 412 is a value, and left out.
    pub(super) fn text(&self) -> Arc<str> {
        let status = self.status;
        match &self.words {
            _ if status == 412 => format!("the service answered {status}").into(),
            Words::Api { message, .. } | Words::Gateway { message } => {
                format!("the service answered {status}: {message}").into()
            }
            Words::Foreign if (300..400).contains(&status) => {
                format!("the answer {status} sends elsewhere, where the API key must not go").into()
            }
            Words::Foreign => format!("the answer {status} is not one of the API").into(),
        }
    }

    /// The refusal that our server says in these words.
    fn said(&self, about: About<'_>) -> Option<PlatformError> {
        let Words::Api { code, detail, kind, message } = &self.words else { return None };
        if let (409, About::Entry(entry)) = (self.status, about)
            && let Some((server, since)) = mapping::read_leased(message)
        {
            return Some(PlatformError::Leased { entry: entry.clone(), server, since });
        }
        about.refusals().into_iter().find(|error| {
            let (v1, v2) = (mapping::v1(error), mapping::v2(error));
            let is_v1 = v1.status == self.status && v1.message == *message;
            let is_v2 = v2.code.status() == self.status && v2.message == *message;
            is_v1 && detail.as_deref() == v1.code.map(V1Code::name)
                || is_v2 && detail.is_none()
                || kind.is_some() && code == error.code().name()
        })
    }

    /// What is missing. Words that nobody knows mean the smallest thing that was asked for.
    fn not_found(&self, about: About<'_>) -> PlatformError {
        if let Some(error) = self.said(about) {
            return error;
        }
        let Words::Api { detail, message, .. } = &self.words else {
            unreachable!("checked before")
        };
        let message = message.to_ascii_lowercase();
        let says = |words: [&str; 2]| words.iter().any(|word| message.contains(word));
        match about {
            About::Universe => refused(ErrorKind::NotFound, self.text()),
            About::Store(store) => PlatformError::StoreNotFound { store: store.clone() },
            About::Entry(entry) => match detail.as_deref() {
                Some("DatastoreNotFound") => {
                    PlatformError::StoreNotFound { store: entry.store.clone() }
                }
                Some("VersionNotFound") => PlatformError::RevisionNotFound { entry: entry.clone() },
                // The live service: `Entry not found at revision`.
                None if says(["revision", "version"]) => {
                    PlatformError::RevisionNotFound { entry: entry.clone() }
                }
                None if says(["data store", "datastore"]) && !message.contains("entry") => {
                    PlatformError::StoreNotFound { store: entry.store.clone() }
                }
                Some(_) | None => PlatformError::EntryNotFound { entry: entry.clone() },
            },
        }
    }
}

impl About<'_> {
    /// The refusals of a call about this that have words of their own.
    fn refusals(self) -> Vec<PlatformError> {
        let store_errors = |store: &StoreId| {
            [
                PlatformError::StoreNotFound { store: store.clone() },
                PlatformError::StoreDeleted { store: store.clone() },
            ]
        };
        match self {
            Self::Universe => Vec::new(),
            Self::Store(store) => store_errors(store).into(),
            Self::Entry(id) => {
                let entry = || id.clone();
                let mut errors = vec![
                    PlatformError::EntryNotFound { entry: entry() },
                    PlatformError::RevisionNotFound { entry: entry() },
                    PlatformError::RevisionIsCurrent { entry: entry() },
                    PlatformError::TimeOutOfRange,
                    PlatformError::UnknownFormat { entry: entry() },
                    PlatformError::NotInteger { entry: entry() },
                    PlatformError::SumTooLarge { entry: entry() },
                    PlatformError::SumTooSmall { entry: entry() },
                ];
                errors.extend(store_errors(&id.store));
                errors
            }
        }
    }

    fn corrupt(self, text: Arc<str>) -> PlatformError {
        match self {
            Self::Entry(entry) => {
                PlatformError::Corrupt { row: Box::new(RowKey::Entry(entry.clone())) }
            }
            Self::Store(store) => {
                PlatformError::Corrupt { row: Box::new(RowKey::Store(store.clone())) }
            }
            Self::Universe => refused(ErrorKind::Corrupt, text),
        }
    }
}

impl Words {
    fn of(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |pointer: &str| {
            let text = body.pointer(pointer).and_then(Value::as_str)?;
            let shown = text.chars().filter(|letter| !letter.is_control());
            Some(shown.take(MESSAGE_LENGTH_MAX).collect::<String>())
        };
        if body.get("errors").is_some_and(Value::is_array) {
            return Self::Gateway { message: text("/errors/0/message").unwrap_or_default() };
        }
        // Model validation: RFC 9110 (H-24).
        if body.get("errors").is_some_and(Value::is_object)
            && let Some(message) = text("/title")
        {
            let (code, detail, kind) = ("INVALID_ARGUMENT".to_owned(), None, None);
            return Self::Api { code, detail, kind, message };
        }
        let number = body.get("code").and_then(Value::as_u64).and_then(code_of_number);
        let code = number.map(str::to_owned).or_else(|| text("/code")).or_else(|| text("/error"));
        let (Some(code), Some(message)) = (code, text("/message")) else { return Self::Foreign };
        let detail = text("/errorDetails/0/datastoreErrorCode");
        let kind = text("/kind")
            .and_then(|name| ErrorKind::ALL.into_iter().find(|kind| kind.name() == name));
        Self::Api { code, detail, kind, message }
    }
}

/// The scope that is missing, if the text names one.
fn denied(text: Arc<str>) -> PlatformError {
    match text.split('`').nth(1).and_then(KeyScope::parse) {
        Some(scope) => PlatformError::Denied { scope },
        None => refused(ErrorKind::Denied, text),
    }
}

/// The codes of gRPC, which the live service was seen to send as numbers.
fn code_of_number(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "CANCELLED",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        16 => "UNAUTHENTICATED",
        _ => return None,
    })
}

/// What our server says of a damaged entry.
fn damaged_text() -> String {
    mapping::v2_kind(ErrorKind::Corrupt).message.into_owned()
}

/// A 429 that asks to come again later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Throttle {
    /// For how long to stay away, if it says so.
    pub(super) wait: Option<Duration>,
    message: String,
}

impl Throttle {
    /// Nothing if it is another refusal. A full store of ours is one: it does not fill with requests.
    pub(super) fn of(service: Service, refusal: &Refusal) -> Option<Self> {
        if refusal.status != 429 {
            return None;
        }
        let message = match &refusal.words {
            Words::Api { message, .. } | Words::Gateway { message } => message.clone(),
            Words::Foreign => String::new(),
        };
        let full = PlatformError::StoreFull { reason: "".into() };
        let is_full = service == Service::Steadfast && mapping::v2(&full).message == *message;
        let wait = retry_after(&refusal.reply.headers);
        (!is_full).then_some(Self { wait, message })
    }

    /// The pool that has no room: the one that the text names, or that of the key's owner.
    pub(super) fn pool(&self, demand: &Demand) -> Pool {
        let named = |pool: &Pool| self.message.contains(&format!("`{pool}`"));
        let family = match demand.door {
            Door::V1 => demand.family,
            Door::V2 | Door::Snapshot => Family::Standard,
        };
        Pool::ALL.into_iter().find(named).unwrap_or(Pool::Owner(demand.door, family))
    }
}

/// How long a 429 asks to stay away (B-55, B-56): whole seconds, or a date, which is compared with
/// that of the answer, so that no clock of ours counts.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
    let until = |text: &str| {
        let (until, sent) = (date(text)?, date(header(headers, &DATE)?)?);
        Some(Duration::from_secs(u64::try_from(until - sent).unwrap_or(0)))
    };
    let asked = text(RETRY_AFTER).and_then(|text| seconds(text).or_else(|| until(text)));
    let wait = asked.or_else(|| text(RATE_RESET).and_then(seconds))?;
    // "At once" would be a storm.
    (wait > Duration::ZERO).then_some(wait)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Seconds of a date in the form of HTTP.
fn date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp().as_second())
}

#[cfg(test)]
#[path = "refusal/tests.rs"]
mod tests;
