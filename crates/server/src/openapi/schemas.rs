//! What bodies look like.
//!
//! Schemas of requests have the limits of the running server. Those of answers have none: what is
//! stored may have been written under wider ones.

mod data;
mod operators;

use serde_json::{Value, json};
use steadfast_core::ErrorKind;
use steadfast_core::key::KeyScope;
use steadfast_open_cloud::v2::MEMBER_COUNT_MAX;
use steadfast_open_cloud::{V1Code, V2Code};

use super::{Sizes, schema};
use crate::admin::{KEY_NAME_SIZE_MAX, LimitsOutput, ONLY_COUNT_MAX};

/// The largest whole number of 64 bits, as every number of ours that has no unit may be.
pub(super) const NUMBER_MAX: u64 = u64::MAX;

/// A user id that is a number.
const USER_NUMBER: &str = "^users/[0-9]{1,20}$";

/// The id of a revision.
pub(super) const REVISION: &str = r"^[0-9A-F]{16}\.[0-9A-F]{10,16}\.[0-9A-F]{16}\.01$";

/// The id of an API key.
pub(super) const KEY_ID: &str = "^[0-9A-Fa-f]{32}$";

/// Every named schema.
pub(super) fn all(sizes: Sizes<'_>) -> Value {
    let mut all = serde_json::Map::new();
    for (name, schema) in [
        ("Json", json!({"description": "Any JSON value."})),
        ("Attributes", attributes()),
        ("UserIds", user_ids(sizes)),
        ("EntryVersion", entry_version()),
        ("EntryInput", entry_input(sizes)),
        ("Entry", entry()),
        ("DatastorePage", v1_page("datastores", &datastore())),
        ("KeyPage", v1_page("keys", &object(&[("scope", text()), ("key", text())]))),
        ("VersionPage", v1_page("versions", &schema("EntryVersion"))),
        ("DataStore", data_store()),
        ("DataStorePage", v2_page("dataStores", &schema("DataStore"))),
        ("EntryPage", v2_page("dataStoreEntries", &listed_entry())),
        ("RevisionPage", v2_page("dataStoreEntries", &listed_revision())),
        ("Snapshot", snapshot()),
        ("Sum", integer()),
        ("IncrementInput", increment_input(sizes)),
        ("BackupInput", object(&[("directory", text())])),
        ("Backup", backup()),
        ("Empty", object(&[])),
        ("NewKey", new_key(sizes)),
        ("KeyScope", key_scope()),
        ("Key", key()),
        ("MadeKey", made_key()),
        ("KeyList", object(&[("keys", json!({"type": "array", "items": schema("Key")}))])),
        ("Status", status(sizes)),
        ("OpenApi", open_api()),
        ("GatewayError", gateway_error()),
        ("V1Error", v1_error()),
        ("V2Error", v2_error()),
        ("OwnError", own_error()),
    ] {
        all.insert(name.to_owned(), schema);
    }
    all.extend(data::all().map(|(name, schema)| (name.to_owned(), schema)));
    all.extend(operators::all().map(|(name, schema)| (name.to_owned(), schema)));
    Value::Object(all)
}

/// An object that has exactly these members.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object",
        "required": names,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// The same with members that may be left out.
fn with_optional(mut object: Value, members: &[(&str, Value)]) -> Value {
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(members.iter().map(|(name, schema)| ((*name).into(), schema.clone())));
    }
    object
}

/// Of a deleted entry the state is told too.
fn listed_entry() -> Value {
    let entry = object(&[("path", text()), ("id", text())]);
    with_optional(entry, &[("state", json!({"const": "DELETED"}))])
}

fn text() -> Value {
    json!({"type": "string"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn integer() -> Value {
    json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX})
}

/// As an entry to be written, with an amount in the place of the value.
fn increment_input(sizes: Sizes<'_>) -> Value {
    let mut input = entry_input(sizes);
    if let Some(properties) = input.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("value");
        properties.insert("amount".into(), integer());
    }
    if let Some(input) = input.as_object_mut() {
        input.insert("required".into(), json!(["amount"]));
        let description = "What is added. Users and attributes that are left out are cleared; \
            members of other names are ignored. No member may stand twice.";
        input.insert("description".into(), description.into());
    }
    input
}

fn backup() -> Value {
    let progress = object(&[
        ("stage", json!({"enum": ["copying", "verifying"]})),
        ("rowCount", count()),
        ("rowCountTotal", count()),
    ]);
    let manifest = object(&[
        ("format", count()),
        ("createdBy", text()),
        ("commit", count()),
        ("stampedAt", time()),
        ("content", text()),
        ("rows", json!({"type": "object", "additionalProperties": count()})),
        ("damageCount", count()),
        ("damage", json!({"type": "array", "items": text()})),
    ]);
    let backup = object(&[
        ("directory", text()),
        ("path", text()),
        ("state", json!({"enum": ["running", "done"]})),
    ]);
    with_optional(backup, &[("progress", progress), ("manifest", manifest)])
}

fn attributes() -> Value {
    json!({
        "type": "object",
        "description": "Small attributes: strings, numbers and booleans.",
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    })
}

/// User ids as a header of v1 carries them. A single one needs no brackets.
fn user_ids(Sizes { limits, .. }: Sizes<'_>) -> Value {
    let number = json!({"type": "integer", "minimum": 0, "maximum": NUMBER_MAX});
    let text = json!({"type": "string", "minLength": 1, "maxLength": limits.user_id_text_size_max});
    let item = if limits.user_id_text_size_max == 0 { vec![number] } else { vec![number, text] };
    let count_max = limits.user_id_count_max;
    let array = json!({"type": "array", "maxItems": count_max, "items": {"anyOf": &item}});
    let forms = [&[array], &item[..]].concat();
    json!({"anyOf": forms})
}

fn entry_version() -> Value {
    object(&[
        ("version", json!({"type": "string", "pattern": REVISION})),
        ("deleted", json!({"type": "boolean"})),
        ("contentLength", count()),
        ("createdTime", time()),
        ("objectCreatedTime", time()),
    ])
}

fn entry_input(Sizes { limits, .. }: Sizes<'_>) -> Value {
    let value = format!(
        "The value: any JSON, `null` too, of at most {} bytes and {} levels.",
        limits.value_size_max, limits.value_depth_max
    );
    let attributes = format!("At most {} bytes of compact JSON.", limits.metadata_size_max);
    let user = if limits.user_id_text_size_max == 0 {
        json!({"type": "string", "pattern": USER_NUMBER})
    } else {
        let size_max = "users/".len() + limits.user_id_text_size_max;
        json!({"type": "string", "pattern": "^users/.", "maxLength": size_max})
    };
    json!({
        "type": "object",
        "description": "An entry to be written. Users and attributes that are left out are \
            cleared; members of other names are ignored. No member may stand twice.",
        "required": ["value"],
        "maxProperties": MEMBER_COUNT_MAX,
        "properties": {
            "value": {"description": value},
            "users": {
                "type": ["array", "null"],
                "maxItems": limits.user_id_count_max,
                "items": user,
            },
            "attributes": {
                "description": attributes,
                "anyOf": [schema("Attributes"), {"type": "null"}],
            },
            "etag": {
                "type": ["string", "null"],
                "description": "An update is made only at this revision. A creation ignores it.",
            },
        },
    })
}

fn entry() -> Value {
    let revision = json!({"type": "string", "pattern": REVISION});
    object(&[
        ("path", text()),
        ("createTime", time()),
        ("revisionId", revision.clone()),
        ("revisionCreateTime", time()),
        ("state", json!({"const": "ACTIVE"})),
        ("etag", revision),
        ("value", schema("Json")),
        ("id", text()),
        ("users", json!({"type": "array", "items": {"type": "string", "pattern": "^users/."}})),
        ("attributes", schema("Attributes")),
    ])
}

/// A page of v1. The cursor is empty at the end of the list.
fn v1_page(name: &str, item: &Value) -> Value {
    object(&[(name, json!({"type": "array", "items": item})), ("nextPageCursor", text())])
}

/// A page of v2. The token is empty at the end of the list.
fn v2_page(name: &str, item: &Value) -> Value {
    object(&[(name, json!({"type": "array", "items": item})), ("nextPageToken", text())])
}

/// A data store of a list of v1.
fn datastore() -> Value {
    object(&[("name", text()), ("createdTime", time())])
}

fn data_store() -> Value {
    let store = object(&[
        ("path", text()),
        ("createTime", time()),
        ("state", json!({"enum": ["ACTIVE", "DELETED"]})),
        ("id", text()),
    ]);
    with_optional(store, &[("expireTime", time())])
}

/// A revision of a list, without what it holds. Path and id end with `@` and the revision.
fn listed_revision() -> Value {
    let revision = json!({"type": "string", "pattern": REVISION});
    object(&[
        ("path", text()),
        ("createTime", time()),
        ("revisionId", revision.clone()),
        ("revisionCreateTime", time()),
        ("state", json!({"enum": ["ACTIVE", "DELETED"]})),
        ("etag", revision),
        ("id", text()),
    ])
}

fn snapshot() -> Value {
    let is_new = ("newSnapshotTaken", json!({"type": "boolean"}));
    object(&[is_new, ("latestSnapshotTime", time())])
}

fn key_scope() -> Value {
    json!({"type": "string", "enum": KeyScope::ALL.map(KeyScope::name)})
}

fn new_key(Sizes { limits, .. }: Sizes<'_>) -> Value {
    let description = "A number is written without a decimal point.";
    let universe = json!({"description": description, "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": NUMBER_MAX},
        {"type": "string", "pattern": "^[0-9]{1,19}$"},
    ]});
    let only = |items: Value, what: &str| {
        json!({
            "type": ["array", "null"],
            "description": format!("The {what} that the key is limited to. `null` or left out: all."),
            "minItems": 1,
            "maxItems": ONLY_COUNT_MAX,
            "items": items,
        })
    };
    let required = object(&[
        (
            "name",
            json!({
                "type": "string",
                "description": "What people call it.",
                "minLength": 1,
                "maxLength": KEY_NAME_SIZE_MAX,
            }),
        ),
        ("scopes", json!({"type": "array", "minItems": 1, "items": schema("KeyScope")})),
    ]);
    let expires_at = json!({
        "type": ["string", "null"],
        "format": "date-time",
        "description": "From when on it is refused. `null` or left out: never.",
    });
    let optional = [
        ("universes", only(universe, "universes")),
        ("stores", only(super::parameters::store_name(limits), "data stores")),
        ("expiresAt", expires_at),
    ];
    with_optional(required, &optional)
}

/// A key as the list shows it.
fn key() -> Value {
    object(&[&key_members()[..], &[("createdAt", time())]].concat())
}

/// A key as it is shown when it is made.
fn made_key() -> Value {
    let secret = json!({"type": "string", "description": "The key itself: it is shown only here."});
    object(&[&key_members()[..], &[("secret", secret)]].concat())
}

fn key_members() -> [(&'static str, Value); 7] {
    let names = |items: Value| json!({"type": ["array", "null"], "items": items});
    [
        ("id", json!({"type": "string", "pattern": KEY_ID})),
        ("name", text()),
        ("scopes", json!({"type": "array", "items": schema("KeyScope")})),
        ("universes", names(json!({"type": "string", "pattern": "^[0-9]{1,20}$"}))),
        ("stores", names(text())),
        ("expiresAt", json!({"type": ["string", "null"], "format": "date-time"})),
        ("revoked", json!({"type": "boolean"})),
    ]
}

fn status(Sizes { limits, .. }: Sizes<'_>) -> Value {
    let names: Vec<String> = match serde_json::to_value(LimitsOutput(limits)) {
        Ok(Value::Object(limits)) => limits.into_iter().map(|(name, _)| name).collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let limits: Vec<(&str, Value)> = names.iter().map(|name| (name.as_str(), count())).collect();
    let reason = json!({"type": "string", "description": "Why the store has stopped."});
    let healthy = object(&[("healthy", json!({"type": "boolean"}))]);
    object(&[
        ("version", text()),
        ("uptimeSeconds", count()),
        ("time", time()),
        ("store", with_optional(healthy, &[("reason", reason)])),
        ("limits", object(&limits)),
    ])
}

fn open_api() -> Value {
    json!({
        "type": "object",
        "description": "This document.",
        "required": ["openapi", "info", "paths", "components"],
        "properties": {"openapi": {"const": super::OPENAPI}},
    })
}

fn gateway_error() -> Value {
    let item = object(&[("code", json!({"const": 0})), ("message", text())]);
    object(&[("errors", json!({"type": "array", "minItems": 1, "maxItems": 1, "items": item}))])
}

fn v1_error() -> Value {
    let codes: Vec<&str> = V1Code::ALL.iter().map(|code| code.name()).collect();
    let detail = object(&[
        ("errorDetailType", json!({"const": "DatastoreErrorInfo"})),
        ("datastoreErrorCode", json!({"type": "string", "enum": codes})),
    ]);
    object(&[
        ("error", json!({"type": "string", "description": "The status as a word."})),
        ("message", json!({"type": "string", "description": "What is wrong, for people."})),
        (
            "errorDetails",
            json!({
                "type": "array",
                "description": "Empty where the list of codes has none that fits.",
                "maxItems": 1,
                "items": detail,
            }),
        ),
    ])
}

fn v2_error() -> Value {
    object(&[
        ("code", json!({"type": "string", "enum": V2Code::ALL.map(V2Code::name)})),
        ("message", json!({"type": "string", "description": "What is wrong, for people."})),
    ])
}

fn own_error() -> Value {
    object(&[
        ("kind", json!({"type": "string", "enum": ErrorKind::ALL.map(ErrorKind::name)})),
        ("code", json!({"type": "string", "description": "Stable, for programs."})),
        ("message", json!({"type": "string", "description": "What is wrong, for people."})),
    ])
}
