//! JSON as text: checked once when it enters, and from then on kept byte for byte.
//!
//! What a client sent comes back unchanged, and its bytes are what limits count. Any number of
//! RFC 8259 is accepted, however large or long; duplicate keys are refused, because readers
//! disagree about which one counts.

mod quick;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use json_event_parser::{JsonEvent, SliceJsonParser};

use crate::limits::{LimitExceeded, Limits};

/// A JSON value as text that was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Arc<str>);

/// Why text was refused as a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It is not JSON, not UTF-8, or has a string that is not Unicode text.
    #[error("not JSON: {message}")]
    Syntax {
        /// What is wrong, and where.
        message: String,
    },
    /// One object has the same key twice.
    #[error("the key `{key}` stands twice in one object")]
    DuplicateKey {
        /// The key, unescaped.
        key: String,
    },
    /// It is nested too deeply.
    #[error(transparent)]
    TooDeep(LimitExceeded),
    /// It has too many bytes.
    #[error(transparent)]
    TooLarge(LimitExceeded),
}

impl JsonText {
    /// Checks a value from outside. White space around it is not part of the value.
    ///
    /// # Errors
    /// [`JsonError`]: not JSON, a duplicate key, or over the limits of depth and size.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, JsonError> {
        let bytes = trim(bytes);
        if bytes.len() > limits.value_size_max {
            let (what, actual) = ("value size", bytes.len());
            return Err(JsonError::TooLarge(LimitExceeded {
                what,
                actual,
                limit: limits.value_size_max,
            }));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| JsonError::Syntax { message: error.to_string() })?;
        if text.starts_with('\u{feff}') {
            // The parser would skip it, and then what is kept would not be a JSON text.
            let message = "starts with a byte order mark".to_owned();
            return Err(JsonError::Syntax { message });
        }
        check(text, limits)?;
        Ok(Self(text.into()))
    }

    /// A value that was checked before, such as one read back from the store with its checksum.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The value as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its size in bytes, as limits count it.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for JsonText {
    /// Leaves the value out: player data is never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.size())
    }
}

/// The events of a text, with the rules that the parser leaves to us: depth and duplicate keys.
pub(crate) struct Events<'a> {
    parser: SliceJsonParser<'a>,
    /// One set of keys per open object, none for an open array.
    open: Vec<Option<BTreeSet<Cow<'a, str>>>>,
    depth_max: usize,
}

impl<'a> Events<'a> {
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Self {
        let parser = SliceJsonParser::new(text.as_bytes());
        Self { parser, open: Vec::new(), depth_max: limits.value_depth_max }
    }

    pub(crate) fn next(&mut self) -> Result<JsonEvent<'a>, JsonError> {
        let event = self
            .parser
            .parse_next()
            .map_err(|error| JsonError::Syntax { message: error.to_string() })?;
        match &event {
            JsonEvent::StartObject => self.push(Some(BTreeSet::new()))?,
            JsonEvent::StartArray => self.push(None)?,
            JsonEvent::EndObject | JsonEvent::EndArray => {
                self.open.pop();
            }
            JsonEvent::ObjectKey(key) => {
                let keys = self.open.last_mut().and_then(Option::as_mut);
                if !keys.expect("a key stands in an object").insert(key.clone()) {
                    return Err(JsonError::DuplicateKey { key: key.to_string() });
                }
            }
            JsonEvent::String(_)
            | JsonEvent::Number(_)
            | JsonEvent::Boolean(_)
            | JsonEvent::Null
            | JsonEvent::Eof => {}
        }
        Ok(event)
    }

    fn push(&mut self, keys: Option<BTreeSet<Cow<'a, str>>>) -> Result<(), JsonError> {
        self.open.push(keys);
        let (actual, limit) = (self.open.len(), self.depth_max);
        if actual > limit {
            return Err(JsonError::TooDeep(LimitExceeded { what: "value depth", actual, limit }));
        }
        Ok(())
    }
}

/// Takes JSON's white space off both ends, which is less than ASCII's.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = bytes.iter().position(is_text).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(is_text).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

fn check(text: &str, limits: &Limits) -> Result<(), JsonError> {
    if quick::is_certainly_valid(text, limits.value_depth_max) {
        return Ok(());
    }
    check_thoroughly(text, limits)
}

fn check_thoroughly(text: &str, limits: &Limits) -> Result<(), JsonError> {
    let mut events = Events::new(text, limits);
    while events.next()? != JsonEvent::Eof {}
    Ok(())
}

/// An object of scalars as compact JSON, or nothing if the text is JSON of another shape.
pub(crate) fn flat_object(text: &str, limits: &Limits) -> Result<Option<String>, JsonError> {
    let mut events = Events::new(text, limits);
    if events.next()? != JsonEvent::StartObject {
        check(text, limits)?;
        return Ok(None);
    }
    let mut compact = String::from("{");
    loop {
        match events.next()? {
            JsonEvent::ObjectKey(key) => {
                let separator = if compact.len() > 1 { "," } else { "" };
                compact.push_str(separator);
                compact.push_str(&quoted(&key));
                compact.push(':');
            }
            JsonEvent::String(text) => compact.push_str(&quoted(&text)),
            JsonEvent::Number(number) => compact.push_str(&number),
            JsonEvent::Boolean(true) => compact.push_str("true"),
            JsonEvent::Boolean(false) => compact.push_str("false"),
            JsonEvent::EndObject => compact.push('}'),
            JsonEvent::Eof => return Ok(Some(compact)),
            JsonEvent::Null
            | JsonEvent::StartArray
            | JsonEvent::EndArray
            | JsonEvent::StartObject => {
                check(text, limits)?;
                return Ok(None);
            }
        }
    }
}

/// A string as a JSON literal.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can always be written as JSON")
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
