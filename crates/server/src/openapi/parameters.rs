//! What paths, queries and headers carry.

use serde_json::{Map, Value, json};
use steadfast_core::Limits;
use steadfast_core::id::RESERVED_PREFIX;

use super::schemas::{KEY_ID, NUMBER_MAX};
use super::{Sizes, reference, schema};

/// A parameter of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Universe,
    Store,
    Scope,
    Entry,
    EntryRevision,
    Key,
    Backup,
    Id,
    AllowMissing,
    Etag,
    DatastoreName,
    QueryScope,
    AllScopes,
    EntryKey,
    MatchVersion,
    ExclusiveCreate,
    IncrementBy,
    UserIds,
    Attributes,
    ContentMd5,
}

impl Parameter {
    pub(super) const ALL: [Self; 20] = [
        Self::Universe,
        Self::Store,
        Self::Scope,
        Self::Entry,
        Self::EntryRevision,
        Self::Key,
        Self::Backup,
        Self::Id,
        Self::AllowMissing,
        Self::Etag,
        Self::DatastoreName,
        Self::QueryScope,
        Self::AllScopes,
        Self::EntryKey,
        Self::MatchVersion,
        Self::ExclusiveCreate,
        Self::IncrementBy,
        Self::UserIds,
        Self::Attributes,
        Self::ContentMd5,
    ];

    /// A reference to it.
    pub(super) fn reference(self) -> Value {
        reference("parameters", &format!("{self:?}"))
    }

    fn describe(self, limits: &Limits) -> Value {
        match self {
            Self::Universe => path("universe", "The universe, a number.", &universe()),
            Self::Store => path("store", "The data store.", &store_name(limits)),
            Self::Scope => path("scope", "The scope. `-` names no single one.", &scope(limits)),
            Self::Entry => path("entry", "The entry, whole: `@` does not count.", &key(limits)),
            Self::EntryRevision => path(
                "entry",
                "The entry. Behind its last `@` may stand a revision, `latest`, or `latest:` and a \
                 time of RFC 3339. If the `@` is percent-encoded, the whole is tried as an id first.",
                &json!({"type": "string", "minLength": 1}),
            ),
            Self::Key => path("key", "The key.", &json!({"type": "string", "pattern": KEY_ID})),
            Self::Backup => path("backup", "The name of the backup.", &text()),
            Self::Id => query("id", "The entry.", true, &key(limits)),
            Self::AllowMissing => {
                query("allowMissing", "Whether a missing entry is created.", false, &flag())
            }
            Self::Etag => {
                query("etag", "The entry is deleted only at this revision.", false, &text())
            }
            Self::DatastoreName => {
                query("datastoreName", "The data store.", true, &store_name(limits))
            }
            Self::QueryScope => {
                let schema = json!({"type": "string", "maxLength": limits.scope_size_max});
                query("scope", "The scope. Blank or left out: `global`.", false, &schema)
            }
            Self::AllScopes => {
                query("allScopes", "Not together with `scope`. Else ignored.", false, &flag())
            }
            Self::EntryKey => query("entryKey", "The entry.", true, &key(limits)),
            Self::MatchVersion => {
                query("matchVersion", "The entry is written only at this version.", false, &text())
            }
            Self::ExclusiveCreate => {
                let what = "The entry is written only if it is missing. Not with `matchVersion`.";
                query("exclusiveCreate", what, false, &flag())
            }
            Self::IncrementBy => {
                let schema = json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX});
                query("incrementBy", "How much is added. Left out: 1.", false, &schema)
            }
            Self::UserIds => {
                let what =
                    "The users whose data it holds: an array, also without its brackets. Once.";
                header("roblox-entry-userids", what, &schema("UserIds"))
            }
            Self::Attributes => {
                let size_max = limits.metadata_size_max;
                let what = format!("Attributes, at most {size_max} bytes of compact JSON, once.");
                header("roblox-entry-attributes", &what, &schema("Attributes"))
            }
            Self::ContentMd5 => json!({
                "name": "content-md5",
                "in": "header",
                "description": "The MD5 digest of the body in Base64. Checked if it is there.",
                "schema": {"type": "string"},
            }),
        }
    }
}

/// Every parameter.
pub(super) fn all(Sizes { limits, .. }: Sizes<'_>) -> Value {
    let named = Parameter::ALL.map(|known| (format!("{known:?}"), known.describe(limits)));
    Value::Object(Map::from_iter(named))
}

/// The name of a data store.
pub(super) fn store_name(limits: &Limits) -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": limits.store_name_size_max,
        "not": {"pattern": format!("^{RESERVED_PREFIX}")},
    })
}

fn universe() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": NUMBER_MAX, "examples": [1]})
}

fn scope(limits: &Limits) -> Value {
    let size_max = limits.scope_size_max;
    json!({"type": "string", "minLength": 1, "maxLength": size_max, "not": {"const": "-"}})
}

fn key(limits: &Limits) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": limits.key_size_max})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn path(name: &str, description: &str, schema: &Value) -> Value {
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": description,
        "schema": schema,
    })
}

fn query(name: &str, description: &str, required: bool, schema: &Value) -> Value {
    json!({
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    })
}

/// A header that holds JSON.
fn header(name: &str, description: &str, schema: &Value) -> Value {
    json!({
        "name": name,
        "in": "header",
        "description": description,
        "content": {"application/json": {"schema": schema}},
    })
}
