//! One entry as a line of JSON.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use steadfast_core::id::DEFAULT_SCOPE;
use steadfast_core::{EntryKey, JsonText, Limits, Metadata, Scope, StoreName, UserId};

use crate::target::{State, text_of_user, user_as_json};

/// An entry with all that is kept of it in a file: what it holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) store: String,
    pub(crate) scope: String,
    pub(crate) key: String,
    pub(crate) body: Body,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// An entry of a data store.
    Standard(Content),
    /// A key of an ordered data store.
    Ordered(i64),
}

/// What an entry of a data store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// JSON, byte for byte.
    pub(crate) value: String,
    pub(crate) users: Vec<String>,
    /// A compact JSON object.
    pub(crate) attributes: String,
}

const NO_ATTRIBUTES: &str = "{}";

impl Content {
    /// What a state holds.
    pub(crate) fn of(state: State) -> Self {
        Self { value: state.value, users: state.users, attributes: state.attributes }
    }
}

/// A line, read. What nobody knows is refused: a wrong word must not be a value that is left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read<'a> {
    kind: Option<String>,
    store: String,
    scope: Option<String>,
    key: String,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    text: Option<String>,
    users: Option<Vec<Value>>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
}

/// Room for everything on a line but the value.
const LINE_SIZE_EXPECTED: usize = 256;

const STANDARD: &str = "standard";
const ORDERED: &str = "ordered";

impl Record {
    /// Reads a line, which may leave out what has a default.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(line: &str) -> anyhow::Result<Self> {
        // An array would be read as the members in their order.
        if !line.trim_start().starts_with('{') {
            anyhow::bail!("it is not a JSON object");
        }
        let read: Read<'_> = serde_json::from_str(line)?;
        let value = read.value.map(RawValue::get);
        let limits = Limits::native();
        let body = match read.kind.as_deref().unwrap_or(STANDARD) {
            STANDARD => Body::Standard(content(value, &read, &limits)?),
            ORDERED => Body::Ordered(number(value, &read)?),
            kind => anyhow::bail!("`{kind}` is no kind of entry: `{STANDARD}` and `{ORDERED}` are"),
        };
        let scope = read.scope.unwrap_or_else(|| DEFAULT_SCOPE.to_owned());
        StoreName::parse(&read.store, &limits)?;
        Scope::parse(&scope, &limits)?;
        EntryKey::parse(&read.key, &limits)?;
        Ok(Self { store: read.store, scope, key: read.key, body })
    }

    /// The line of this entry: one text for one state, without the line break.
    pub(crate) fn line(&self) -> String {
        let (kind, capacity) = match &self.body {
            Body::Standard(content) => (STANDARD, content.value.len()),
            Body::Ordered(_) => (ORDERED, 0),
        };
        let mut line = String::with_capacity(capacity.saturating_add(LINE_SIZE_EXPECTED));
        line.push_str("{\"kind\":");
        line.push_str(&quoted(kind));
        for (name, text) in [("store", &self.store), ("scope", &self.scope), ("key", &self.key)] {
            push(&mut line, name, &quoted(text));
        }
        match &self.body {
            // A value with line breaks would be no line.
            Body::Standard(content) if content.value.contains(['\n', '\r']) => {
                push(&mut line, "text", &quoted(&content.value));
                push_tags(&mut line, content);
            }
            Body::Standard(content) => {
                push(&mut line, "value", &content.value);
                push_tags(&mut line, content);
            }
            Body::Ordered(value) => push(&mut line, "value", &value.to_string()),
        }
        line.push('}');
        line
    }

    /// The same entry in another data store.
    pub(crate) fn moved_to(self, store: &str) -> Self {
        Self { store: store.to_owned(), ..self }
    }

    /// Bytes that are held for it, about.
    pub(crate) fn size(&self) -> usize {
        let names =
            self.store.len().saturating_add(self.scope.len()).saturating_add(self.key.len());
        match &self.body {
            Body::Standard(content) => {
                content.value.len().saturating_add(content.attributes.len()).saturating_add(names)
            }
            Body::Ordered(_) => names,
        }
    }
}

/// A `null` is a value, not the lack of one.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Users and attributes, where there are any.
fn push_tags(line: &mut String, content: &Content) {
    if !content.users.is_empty() {
        let users: Vec<Value> = content.users.iter().map(|user| user_as_json(user)).collect();
        push(line, "users", &Value::from(users).to_string());
    }
    if content.attributes != NO_ATTRIBUTES {
        push(line, "attributes", &content.attributes);
    }
}

fn push(line: &mut String, name: &str, json: &str) {
    for part in [",\"", name, "\":", json] {
        line.push_str(part);
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can always be written as JSON")
}

fn content(value: Option<&str>, read: &Read<'_>, limits: &Limits) -> anyhow::Result<Content> {
    let value = match (value, &read.text) {
        (Some(value), None) => value,
        (None, Some(text)) => text,
        (Some(_), Some(_)) => anyhow::bail!("`value` and `text` are both there"),
        (None, None) => anyhow::bail!("`value` is missing"),
    };
    let value = JsonText::parse(value.as_bytes(), limits)?.as_str().to_owned();
    let users = read.users.iter().flatten().map(|user| {
        if !user.is_string() && !user.is_u64() {
            anyhow::bail!("`users` has something that is neither a number nor text");
        }
        Ok(UserId::parse(&text_of_user(user), limits)?.to_string())
    });
    let users = users.collect::<anyhow::Result<Vec<_>>>()?;
    let (count, limit) = (users.len(), limits.user_id_count_max);
    if count > limit {
        anyhow::bail!("{count} users are given, the limit is {limit}");
    }
    let attributes = read.attributes.map_or(NO_ATTRIBUTES, RawValue::get);
    let attributes = Metadata::parse(attributes, limits)?.as_str().to_owned();
    Ok(Content { value, users, attributes })
}

fn number(value: Option<&str>, read: &Read<'_>) -> anyhow::Result<i64> {
    if read.text.is_some() || read.users.is_some() || read.attributes.is_some() {
        anyhow::bail!("an ordered entry has a `value` and nothing beside it");
    }
    let value = value.ok_or_else(|| anyhow::anyhow!("`value` is missing"))?;
    value.parse().map_err(|_| anyhow::anyhow!("`value` is not a whole number of 64 bits"))
}

#[cfg(test)]
#[path = "record/tests.rs"]
mod tests;
