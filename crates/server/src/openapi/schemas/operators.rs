//! What operators ask for and are answered.

use serde_json::{Value, json};
use steadfast::operator::{OPERATOR_NAME_SIZE_MAX, REASON_SIZE_MAX};
use steadfast_core::id::{OPERATION_ID_SIZE_MAX, OPERATION_KIND_SIZE_MAX};

use super::super::schema;
use super::{count, object, text, time, with_optional};

/// A fence: its counter and its session.
const FENCE: &str = r"^[0-9]{1,19}\.[0-9A-Fa-f]{32}$";

/// Every named schema of them.
pub(super) fn all() -> [(&'static str, Value); 18] {
    [
        ("ChangeInput", change_input()),
        ("Edit", edit()),
        ("ChangeDone", change_done()),
        ("Difference", difference()),
        ("Differences", object(&[("differences", list(&schema("Difference")))])),
        ("Lease", lease()),
        ("Ledger", ledger()),
        ("Record", record()),
        ("RecordExport", json!({"type": "object", "required": ["format", "key"]})),
        ("HistoryPage", page(&revision())),
        ("Operation", operation()),
        ("OperationPage", page(&schema("Operation"))),
        ("SessionPage", page(&session())),
        ("ServerPage", page(&server())),
        ("LogPage", page(&log_line())),
        ("Nothing", object(&[])),
        ("OperationId", operation_id()),
        ("OperationName", object(&[("id", schema("OperationId"))])),
    ]
}

fn list(item: &Value) -> Value {
    json!({"type": "array", "items": item})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn text_or_null() -> Value {
    json!({"type": ["string", "null"]})
}

fn time_or_null() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}

fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn page(item: &Value) -> Value {
    object(&[("items", list(item)), ("next", text_or_null())])
}

/// One of several members, and nothing else.
fn one_of(members: &[(&str, Value)]) -> Value {
    let alone = members.iter().map(|(name, schema)| object(&[(name, schema.clone())]));
    json!({"anyOf": alone.collect::<Vec<_>>()})
}

fn operation_id() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": OPERATION_ID_SIZE_MAX})
}

fn change_input() -> Value {
    let bounded = |size_max: usize, what: &str| json!({"type": "string", "minLength": 1, "maxLength": size_max, "description": what});
    let required = object(&[
        ("operator", bounded(OPERATOR_NAME_SIZE_MAX, "Who. Not blank.")),
        ("reason", bounded(REASON_SIZE_MAX, "Why. Not blank.")),
        ("change", change()),
    ]);
    let dry_run = json!({"type": "boolean", "description": "Whether nothing is done."});
    with_optional(required, &[("dryRun", dry_run)])
}

fn change() -> Value {
    let update = object(&[("edits", list(&schema("Edit")))]);
    let update = with_optional(update, &[("ifValue", schema("Json"))]);
    let revision_or_time = json!({"type": "string", "description": "A revision, or a time."});
    let restore = object(&[("to", revision_or_time)]);
    let number = json!({"type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX});
    let restore = with_optional(restore, &[("schema", number), ("force", flag())]);
    let confirmation = json!({
        "type": "string",
        "description": "`delete `, and the record as `entry` of its answers names it.",
    });
    let kind = json!({
        "type": "string",
        "minLength": 1,
        "maxLength": OPERATION_KIND_SIZE_MAX,
        "description": "A kind that the game handles, or `steadfast.set`, `steadfast.add` or \
            `steadfast.remove`, which every record understands.",
    });
    let queue =
        object(&[("id", schema("OperationId")), ("kind", kind), ("payload", schema("Json"))]);
    let optional = [
        ("issuedAt", time_or_null()),
        ("schema", json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})),
        ("permanent", flag()),
    ];
    one_of(&[
        ("update", update),
        ("editOnline", schema("Edit")),
        ("restore", restore),
        ("delete", object(&[("confirmation", confirmation)])),
        ("queue", with_optional(queue, &optional)),
        ("cancel", schema("OperationName")),
        ("fail", schema("OperationName")),
        ("requeue", object(&[("letter", schema("OperationId")), ("id", schema("OperationId"))])),
        ("steal", schema("Nothing")),
        ("release", object(&[("fence", json!({"type": "string", "pattern": FENCE}))])),
        ("compact", schema("Nothing")),
    ])
}

fn edit() -> Value {
    let path = || {
        json!({
            "type": "string",
            "description": "Such as `stats.kills[3]`; `(root)` for everything.",
        })
    };
    one_of(&[
        ("set", object(&[("path", path()), ("value", schema("Json"))])),
        ("add", object(&[("path", path()), ("amount", json!({"type": "number"}))])),
        ("remove", object(&[("path", path())])),
    ])
}

fn change_done() -> Value {
    let changed = object(&[
        ("entry", text()),
        ("before", text_or_null()),
        ("after", text_or_null()),
        ("differences", list(&schema("Difference"))),
        ("schema", count()),
        ("holder", or_null(&schema("Lease"))),
        ("dryRun", flag()),
    ]);
    let queued = object(&[
        ("id", text()),
        ("state", state()),
        ("new", flag()),
        ("holder", text_or_null()),
        ("dryRun", flag()),
    ]);
    let ended = object(&[("id", text()), ("holder", text_or_null()), ("dryRun", flag())]);
    let taken = object(&[("server", text()), ("fence", text()), ("dryRun", flag())]);
    let compacted =
        object(&[("before", schema("Ledger")), ("after", schema("Ledger")), ("dryRun", flag())]);
    one_of(&[
        ("changed", changed),
        ("queued", queued),
        ("ended", ended),
        ("taken", taken),
        ("compacted", compacted),
    ])
}

fn difference() -> Value {
    let places = [("before", schema("Json")), ("after", schema("Json"))];
    with_optional(object(&[("path", text())]), &places)
}

fn liveness() -> Value {
    json!({"enum": ["alive", "silent", "dead"]})
}

fn state() -> Value {
    json!({"enum": ["pending", "applied", "cancelled", "failed"]})
}

fn lease() -> Value {
    object(&[
        ("server", text()),
        ("address", text()),
        ("liveness", liveness()),
        ("session", text()),
        ("mode", text()),
        ("since", time()),
        ("fence", text()),
    ])
}

fn ledger() -> Value {
    object(&[
        ("pending", count()),
        ("full", count()),
        ("kept", count()),
        ("permanent", count()),
        ("dead", count()),
        ("size", count()),
        ("horizon", time_or_null()),
        ("damaged", flag()),
    ])
}

fn record() -> Value {
    let state = object(&[
        ("revision", text()),
        ("createdAt", time()),
        ("updatedAt", time()),
        ("deleted", flag()),
        ("users", list(&text())),
    ]);
    let state = with_optional(
        state,
        &[("attributes", json!({"type": "object"})), ("value", schema("Json"))],
    );
    let how = json!({"enum": ["released", "taken", "stolen", "edited"]});
    let end = object(&[("fence", text()), ("saveCount", count()), ("how", how)]);
    object(&[
        ("entry", text()),
        ("state", or_null(&state)),
        ("schema", count()),
        ("lease", or_null(&schema("Lease"))),
        ("fence", text_or_null()),
        ("saveCount", count()),
        ("touchedAt", time_or_null()),
        ("lastLogin", time_or_null()),
        ("playTimeMs", count()),
        ("ends", list(&end)),
        ("ledger", schema("Ledger")),
        ("time", time()),
    ])
}

fn revision() -> Value {
    object(&[
        ("revision", text()),
        ("updatedAt", time()),
        ("deleted", flag()),
        ("pinned", flag()),
        ("schema", json!({"type": ["integer", "null"], "minimum": 0})),
        ("valueSize", json!({"type": ["integer", "null"], "minimum": 0})),
    ])
}

fn operation() -> Value {
    let known =
        object(&[("id", text()), ("state", state()), ("issuedAt", time()), ("permanent", flag())]);
    with_optional(
        known,
        &[
            ("kind", text()),
            ("seq", count()),
            ("queuedAt", time()),
            ("tries", count()),
            ("error", text()),
            ("code", json!({"enum": ["HandlerFailed", "MissingHandler", "OperationExpired"]})),
            ("verdict", json!({"enum": ["cancel", "fail"]})),
            ("schema", count()),
            ("replaces", text()),
            ("payloadSize", count()),
            ("payload", schema("Json")),
            ("result", schema("Json")),
            ("diedAt", time()),
            ("requeuedAs", text()),
        ],
    )
}

fn session() -> Value {
    object(&[
        ("scope", text()),
        ("key", text()),
        ("lease", schema("Lease")),
        ("saveCount", count()),
        ("touchedAt", time()),
    ])
}

fn server() -> Value {
    object(&[
        ("server", text()),
        ("address", text()),
        ("liveness", liveness()),
        ("renewedAt", time()),
        ("home", flag()),
    ])
}

fn log_line() -> Value {
    object(&[
        ("at", time()),
        ("endedAt", time_or_null()),
        ("operator", text()),
        ("reason", text()),
        ("action", text()),
        ("store", text()),
        ("scope", text()),
        ("key", text()),
        ("detail", text()),
        ("state", json!({"enum": ["started", "done", "refused", "unknown"]})),
        ("code", text_or_null()),
        ("error", text_or_null()),
        ("before", text_or_null()),
        ("after", text_or_null()),
    ])
}
