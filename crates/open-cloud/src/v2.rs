//! The `DataStoreEntry` of v2, in and out, and the body of an increment.
//!
//! The value is one member of the body and is passed through byte for byte in both directions.
//! Going in, only `value`, `users`, `attributes` and `etag` count: what the service fills in is
//! ignored, as is what nobody knows. A member that stands twice is refused.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::Serialize;
use serde_json::value::RawValue;
use steadfast_core::platform::{EntryState, parse_amount};
use steadfast_core::row::Metadata;
use steadfast_core::{EntryKey, JsonText, Limits, Scope, StoreId, UserId};

use crate::error::V2Error;
use crate::time;

mod lists;

pub use lists::{
    ENTRY_COUNT_MAX, PAGE_SIZE, REVISION_COUNT_MAX, STORE_COUNT_MAX, entries_body, page_size,
    revisions_body, snapshot_body, store_body, stores_body,
};

/// Most members of a body, known and unknown.
pub const MEMBER_COUNT_MAX: usize = 64;

/// What comes before the id of a user.
const USER_PREFIX: &str = "users/";

/// What a client wrote into the body of a create or update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInput {
    /// The value, byte for byte. `null` is a value, a missing one is not.
    pub value: JsonText,
    /// The users whose data it holds; none if the member is missing.
    pub user_ids: Vec<UserId>,
    /// Small attributes; none if the member is missing.
    pub metadata: Metadata,
    /// The revision that the entry must be at (H-45).
    pub etag: Option<String>,
}

impl EntryInput {
    /// Reads a body.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, with what is wrong.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, V2Error> {
        let members = members(body, "an entry")?;
        let value =
            members.value.ok_or_else(|| V2Error::invalid("The value field is required."))?;
        let value = JsonText::parse(value.get().as_bytes(), limits)
            .map_err(|error| V2Error::invalid(format!("The value is refused: {error}.")))?;
        let metadata = metadata(members.attributes, limits)?;
        let user_ids = user_ids(&members.users.unwrap_or_default(), limits)?;
        let etag = members.etag.filter(|etag| !etag.is_empty());
        Ok(Self { value, user_ids, metadata, etag })
    }
}

/// What a client wrote into the body of an increment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncrementInput {
    /// How much is added. The schema says `number`, its text says that it is an integer: `3.0` is
    /// one, as typed clients write it, and `2.5` is not.
    pub amount: i64,
    /// The users whose data the entry holds; none if the member is missing.
    pub user_ids: Vec<UserId>,
    /// Small attributes; none if the member is missing.
    pub metadata: Metadata,
}

impl IncrementInput {
    /// Reads a body.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, with what is wrong.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, V2Error> {
        let members = members(body, "an increment")?;
        let amount = members.amount.filter(|raw| raw.get() != "null");
        let amount = amount.ok_or_else(|| V2Error::invalid("The amount field is required."))?;
        let amount = parse_amount(amount.get())?;
        let metadata = metadata(members.attributes, limits)?;
        let user_ids = user_ids(&members.users.unwrap_or_default(), limits)?;
        Ok(Self { amount, user_ids, metadata })
    }
}

pub(crate) fn members<'a>(body: &'a [u8], what: &str) -> Result<Members<'a>, V2Error> {
    let text = std::str::from_utf8(body).map_err(|_| V2Error::invalid("The body is not UTF-8."))?;
    serde_json::from_str(text)
        .map_err(|error| V2Error::invalid(format!("The body is not {what}: {error}.")))
}

fn metadata(attributes: Option<&RawValue>, limits: &Limits) -> Result<Metadata, V2Error> {
    match attributes.filter(|raw| raw.get() != "null") {
        None => Ok(Metadata::empty()),
        Some(raw) => Metadata::parse(raw.get(), limits)
            .map_err(|error| V2Error::invalid(format!("The attributes are refused: {error}."))),
    }
}

fn user_ids(users: &[String], limits: &Limits) -> Result<Vec<UserId>, V2Error> {
    if users.len() > limits.user_id_count_max {
        let limit = limits.user_id_count_max;
        let message = format!("There are {} users, the limit is {limit}.", users.len());
        return Err(V2Error::invalid(message));
    }
    let user_id = |path: &String| {
        let id = path.strip_prefix(USER_PREFIX).ok_or_else(|| {
            V2Error::invalid("A user is not a resource path of the form `users/{user_id}`.")
        })?;
        let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
        if limits.user_id_text_size_max == 0 && !is_number {
            return Err(V2Error::invalid("A user id is not a whole number."));
        }
        UserId::parse(id, limits)
            .map_err(|error| V2Error::invalid(format!("A user is refused: {error}.")))
    };
    users.iter().map(user_id).collect()
}

/// The members of a body that count, before their content is checked.
#[derive(Default)]
pub(crate) struct Members<'a> {
    pub(crate) value: Option<&'a RawValue>,
    pub(crate) amount: Option<&'a RawValue>,
    attributes: Option<&'a RawValue>,
    users: Option<Vec<String>>,
    etag: Option<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        let mut seen = BTreeSet::new();
        while let Some(Name(name)) = map.next_key()? {
            if seen.contains(&name) {
                return Err(A::Error::custom("a member stands twice"));
            }
            if seen.len() >= MEMBER_COUNT_MAX {
                return Err(A::Error::custom("too many members"));
            }
            match &*name {
                // An explicit null must come out as the value it is, so it is not an `Option`.
                "value" => members.value = Some(map.next_value()?),
                "amount" => members.amount = Some(map.next_value()?),
                "attributes" => members.attributes = Some(map.next_value()?),
                "users" => members.users = map.next_value()?,
                "etag" => members.etag = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            seen.insert(name);
        }
        Ok(members)
    }
}

/// The name of a member, borrowed where it holds no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// What the service tells of an entry.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryOutput<'a> {
    path: String,
    create_time: String,
    revision_id: &'a str,
    revision_create_time: String,
    state: &'static str,
    etag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
    id: &'a str,
    users: Vec<String>,
    attributes: &'a RawValue,
}

/// The stored text of a value or of attributes is not JSON any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored text is not JSON")]
pub struct NotJson;

/// The body that shows a state of an entry, with all members (H-14).
///
/// # Errors
/// [`NotJson`]: the store gave us text that it should not hold.
pub fn entry_body(state: &EntryState) -> Result<String, NotJson> {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).map_err(|_| NotJson);
    let content = state.content.as_deref();
    let value = content.map(|content| raw(content.value.as_str())).transpose()?;
    let attributes = raw(content.map_or("{}", |content| content.metadata.as_str()))?;
    let user_ids = content.map(|content| content.user_ids.as_slice()).unwrap_or_default();
    let revision = state.revision_id();
    let output = EntryOutput {
        path: entry_path(&state.entry.store, &state.entry.scope, &state.entry.key),
        create_time: time::v2_json(state.created_at),
        revision_id: revision.as_str(),
        revision_create_time: time::v2_json(state.updated_at),
        state: if content.is_some() { "ACTIVE" } else { "DELETED" },
        etag: revision.as_str(),
        value: value.as_deref(),
        id: state.entry.key.as_str(),
        users: user_ids.iter().map(|id| format!("{USER_PREFIX}{id}")).collect(),
        attributes: &attributes,
    };
    let mut body = Vec::new();
    output
        .serialize(&mut serde_json::Serializer::new(&mut body))
        .expect("text and raw JSON can always be written as JSON");
    String::from_utf8(body).map_err(|_| NotJson)
}

/// The resource path, always with its scope and unescaped (client rule 25, H-06).
fn entry_path(store: &StoreId, scope: &Scope, key: &EntryKey) -> String {
    format!("{}/scopes/{scope}/entries/{key}", store_path(store))
}

/// The resource path of a data store, without `cloud/v2` (Z-44).
fn store_path(store: &StoreId) -> String {
    format!("universes/{}/data-stores/{}", store.universe, store.name)
}

#[cfg(test)]
#[path = "v2/tests.rs"]
mod tests;
