//! The bodies of ordered data stores and of our own calls on data.

use serde_json::{Value, json};
use steadfast_core::platform::History;
use steadfast_open_cloud::ordered::PAGE_SIZE_MAX;
use steadfast_open_cloud::v2::MEMBER_COUNT_MAX;

use super::super::schema;
use super::{entry, integer, object, text, time, with_optional};

/// Every one of them, with its name.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("OrderedInput", number_input("value", "The value.")),
        ("OrderedIncrementInput", number_input("amount", "How much is added.")),
        ("OrderedEntry", ordered_entry()),
        ("OrderedPageV1", ordered_page("entries")),
        ("OrderedPage", ordered_page("orderedDataStoreEntries")),
        ("Place", object(&place_members())),
        ("Standing", standing()),
        ("RestoreInput", restore_input()),
        ("RemovedRevision", removed_revision()),
        ("StoreInput", object(&[("history", history())])),
        ("Store", store()),
    ]
    .into_iter()
}

/// A body that carries one number.
fn number_input(name: &str, description: &str) -> Value {
    let mut number = integer();
    if let Some(number) = number.as_object_mut() {
        number.insert("description".into(), description.into());
    }
    json!({
        "type": "object",
        "description": "Members of other names are ignored. No member may stand twice.",
        "required": [name],
        "maxProperties": MEMBER_COUNT_MAX,
        "properties": {name: number},
    })
}

fn ordered_entry() -> Value {
    object(&[("path", text()), ("id", text()), ("value", integer())])
}

fn ordered_page(name: &str) -> Value {
    let entries =
        json!({"type": "array", "maxItems": PAGE_SIZE_MAX, "items": schema("OrderedEntry")});
    let token = json!({"type": "string", "description": "Empty at the end."});
    object(&[(name, entries), ("nextPageToken", token)])
}

fn place_members() -> [(&'static str, Value); 4] {
    let from_one =
        |description: &str| json!({"type": "integer", "minimum": 1, "description": description});
    [
        ("id", text()),
        ("value", integer()),
        ("position", from_one("In the order of values and then ids: nobody shares it.")),
        ("rank", from_one("1 more than the number of better values: shared by equals.")),
    ]
}

fn standing() -> Value {
    let around = json!({
        "type": "array",
        "description": "The entry and its neighbours, in order.",
        "items": schema("Place"),
    });
    let entry_count = json!({"type": "integer", "minimum": 1});
    object(&[&place_members()[..], &[("entryCount", entry_count), ("around", around)]].concat())
}

fn restore_input() -> Value {
    let revision = json!({"type": "string", "description": "The revision that is written again."});
    let etag = json!({
        "type": ["string", "null"],
        "description": "The entry is written only at this revision.",
    });
    let force = json!({
        "type": "boolean",
        "description": "Also while a game server holds the entry, which loses it, with what it did \
            not save. The key needs the scope `steadfast.admin` for this.",
    });
    with_optional(object(&[("revisionId", revision)]), &[("etag", etag), ("force", force)])
}

/// Which revisions a data store keeps; nothing where it has no choice of its own.
fn history() -> Value {
    let names = History::ALL.map(|history| Value::from(history.name()));
    let all = [&names[..], &[Value::Null]].concat();
    json!({"enum": all, "description": "`null`: what the server was started with."})
}

/// An earlier revision, which may be a deletion; nothing to a key that may not read it.
fn removed_revision() -> Value {
    let mut revision = entry();
    if let Some(revision) = revision.as_object_mut() {
        revision.remove("required");
    }
    with_optional(revision, &[("state", json!({"enum": ["ACTIVE", "DELETED"]}))])
}

fn store() -> Value {
    let store = object(&[
        ("path", text()),
        ("createTime", time()),
        ("updateTime", time()),
        ("state", json!({"enum": ["ACTIVE", "DELETED"]})),
        ("id", text()),
        ("history", history()),
        ("historyInForce", json!({"enum": History::ALL.map(History::name)})),
    ]);
    let expire_time = json!({
        "type": "string",
        "format": "date-time",
        "description": "When a deleted one is purged.",
    });
    with_optional(store, &[("expireTime", expire_time)])
}
