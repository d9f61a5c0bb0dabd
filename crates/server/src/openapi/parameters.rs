//! What paths, queries and headers carry.

use serde_json::{Map, Value, json};
use steadfast_core::Limits;
use steadfast_core::id::RESERVED_PREFIX;
use steadfast_open_cloud::v1::LIMIT_MAX;
use steadfast_open_cloud::v2::{self, ENTRY_COUNT_MAX, REVISION_COUNT_MAX, STORE_COUNT_MAX};
use steadfast_open_cloud::write_id::WRITE_ID;

use super::schemas::{KEY_ID, NUMBER_MAX};
use super::{Sizes, reference, schema};
use crate::admin::PAGE_SIZE;
use crate::data::AROUND_MAX;
use crate::operator::PAGE_SIZE_MAX;

/// What names a state of a record.
const STATE: &str = "A revision, a time, or `current`. Left out: `current`.";

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
    ListedScope,
    MaxPageSize,
    PageToken,
    Filter,
    TimeFilter,
    ShowDeleted,
    Prefix,
    Limit,
    Cursor,
    StartTime,
    EndTime,
    SortOrder,
    VersionId,
    WriteId,
    BoardPageSizeV1,
    BoardPageTokenV1,
    BoardOrderV1,
    BoardPageSize,
    BoardPageToken,
    BoardOrder,
    BoardFilter,
    AllowMissingV1,
    Map,
    Item,
    Queue,
    MemoryOperation,
    Topic,
    StandingOrder,
    Around,
    RevisionId,
    After,
    AfterServer,
    AfterRevision,
    ListLimit,
    OldestFirst,
    Since,
    Until,
    DiffFrom,
    DiffTo,
    ExportValues,
    OperationList,
    OperationId,
}

impl Parameter {
    pub(super) const ALL: [Self; 62] = [
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
        Self::ListedScope,
        Self::MaxPageSize,
        Self::PageToken,
        Self::Filter,
        Self::TimeFilter,
        Self::ShowDeleted,
        Self::Prefix,
        Self::Limit,
        Self::Cursor,
        Self::StartTime,
        Self::EndTime,
        Self::SortOrder,
        Self::VersionId,
        Self::WriteId,
        Self::BoardPageSizeV1,
        Self::BoardPageTokenV1,
        Self::BoardOrderV1,
        Self::BoardPageSize,
        Self::BoardPageToken,
        Self::BoardOrder,
        Self::BoardFilter,
        Self::AllowMissingV1,
        Self::Map,
        Self::Item,
        Self::Queue,
        Self::MemoryOperation,
        Self::Topic,
        Self::StandingOrder,
        Self::Around,
        Self::RevisionId,
        Self::After,
        Self::AfterServer,
        Self::AfterRevision,
        Self::ListLimit,
        Self::OldestFirst,
        Self::Since,
        Self::Until,
        Self::DiffFrom,
        Self::DiffTo,
        Self::ExportValues,
        Self::OperationList,
        Self::OperationId,
    ];

    /// A reference to it.
    pub(super) fn reference(self) -> Value {
        reference("parameters", &format!("{self:?}"))
    }

    #[expect(clippy::too_many_lines, reason = "a few lines for each parameter")]
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
            Self::Key => path("key", "The key.", &pattern(KEY_ID)),
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
                query("allScopes", "Not together with `scope`. Counts for lists.", false, &flag())
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
            Self::ListedScope => {
                let schema = json!({
                    "type": "string",
                    "minLength": 1,
                    "maxLength": limits.scope_size_max,
                });
                path("scope", "The scope. `-` stands for all scopes.", &schema)
            }
            Self::MaxPageSize => {
                let what = format!(
                    "Most items of the page: at most {STORE_COUNT_MAX} data stores, \
                     {ENTRY_COUNT_MAX} entries or {REVISION_COUNT_MAX} revisions, to which more is \
                     cut. Left out, 0 or less: {}.",
                    v2::PAGE_SIZE
                );
                optional_query("maxPageSize", &what, &json!({"type": "integer"}))
            }
            Self::PageToken => {
                let what = "Where the list goes on: `nextPageToken` of the page before. Every \
                    other parameter must be that of the page before.";
                optional_query("pageToken", what, &text())
            }
            Self::Filter => {
                let what = "`id.startsWith(\"...\")`, and nothing else. In the text, `\\\"` and \
                    `\\\\` stand for the second letter.";
                optional_query("filter", what, &text())
            }
            Self::TimeFilter => {
                let what = "`revision_create_time >= TIME && revision_create_time <= TIME`, or one \
                    half of it, with times of RFC 3339.";
                optional_query("filter", what, &text())
            }
            Self::ShowDeleted => {
                optional_query("showDeleted", "Whether deleted ones are listed.", &flag())
            }
            Self::Prefix => optional_query("prefix", "What the names start with.", &text()),
            Self::Limit => {
                let what = format!(
                    "Most items of the page: at most {LIMIT_MAX}, to which more is cut. Left out: 1 \
                     data store, 16 of other things."
                );
                optional_query("limit", &what, &json!({"type": "integer", "minimum": 1}))
            }
            Self::Cursor => {
                let what = "Where the list goes on: `nextPageCursor` of the page before. Every \
                    other parameter must be that of the page before.";
                optional_query("cursor", what, &text())
            }
            Self::StartTime => {
                optional_query("startTime", "None that were written before.", &time())
            }
            Self::EndTime => optional_query("endTime", "None that were written after.", &time()),
            Self::SortOrder => {
                let schema = json!({"enum": ["Ascending", "Descending"]});
                optional_query(
                    "sortOrder",
                    "By the time of the write. Left out: `Ascending`.",
                    &schema,
                )
            }
            Self::VersionId => query("versionId", "The version.", true, &json!({"type": "string"})),
            Self::WriteId => json!({
                "name": WRITE_ID,
                "in": "header",
                "description": "Our own: names the write. Sent again with the same id, the same \
                    write counts once as long as it is the newest of its entry. Choose it at \
                    random; another write with the same id may be taken for the first. Once.",
                "schema": pattern("^[0-9A-Fa-f]{32}$"),
            }),
            Self::BoardPageSizeV1 => board_page_size("max_page_size"),
            Self::BoardPageTokenV1 => board_page_token("page_token"),
            Self::BoardOrderV1 => board_order("order_by"),
            Self::BoardPageSize => board_page_size("maxPageSize"),
            Self::BoardPageToken => board_page_token("pageToken"),
            Self::BoardOrder => board_order("orderBy"),
            Self::BoardFilter => {
                let what = "Which values, both ends included: `entry >= 10 && entry <= 30`, in \
                    either order, or one half of it.";
                let schema = json!({"type": "string", "examples": ["entry >= 10 && entry <= 30"]});
                query("filter", what, false, &schema)
            }
            Self::AllowMissingV1 => {
                query("allow_missing", "Whether a missing entry is created.", false, &flag())
            }
            Self::Map => path("map", "The sorted map.", &name()),
            Self::Item => path("item", "The item.", &name()),
            Self::Queue => path("queue", "The queue.", &name()),
            Self::MemoryOperation => path("operation", "The operation.", &name()),
            Self::Topic => path("topic", "The topic.", &name()),
            Self::StandingOrder => {
                let schema = json!({"type": "string", "enum": ["desc", "asc"]});
                query("order", "Which end is the first. Left out: the largest.", false, &schema)
            }
            Self::Around => {
                let schema = json!({"type": "integer", "minimum": 0, "maximum": AROUND_MAX});
                query("around", "Neighbours on each side. Left out: none.", false, &schema)
            }
            Self::RevisionId => query("revisionId", "The revision.", true, &name()),
            Self::After => after(&text()),
            Self::AfterServer => after(&pattern("^([0-9A-Fa-f]{32})?$")),
            // 20 digits may be too many for a counter.
            Self::AfterRevision => after(&pattern("^[0-9]{0,19}$")),
            Self::ListLimit => {
                let what = format!("Most items of the page. Left out: {PAGE_SIZE}.");
                let schema = json!({"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX});
                optional_query("limit", &what, &schema)
            }
            Self::OldestFirst => {
                optional_query("oldestFirst", "The oldest first instead of the newest.", &flag())
            }
            Self::Since => optional_query("since", "None that were written before.", &time()),
            Self::Until => optional_query("until", "None that were written after.", &time()),
            Self::DiffFrom => optional_query("from", STATE, &text()),
            Self::DiffTo => optional_query("to", STATE, &text()),
            Self::ExportValues => {
                optional_query("values", "Also what every revision held.", &flag())
            }
            Self::OperationList => {
                let what = "Those that wait, all receipts, or dead letters. Left out: `pending`.";
                let schema = json!({"type": "string", "enum": ["pending", "receipts", "dead"]});
                optional_query("list", what, &schema)
            }
            Self::OperationId => optional_query("id", "Only this operation.", &text()),
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

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn after(schema: &Value) -> Value {
    optional_query("after", "Where the list goes on: `next` of the page before.", schema)
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn board_page_size(name: &str) -> Value {
    let what = "Most entries of the page. Left out, 0 or less: 10. More than 100: 100.";
    query(name, what, false, &json!({"type": "integer"}))
}

fn board_page_token(name: &str) -> Value {
    let what = "The `nextPageToken` of the page before, with the same other parameters.";
    query(name, what, false, &text())
}

fn board_order(name: &str) -> Value {
    let orders = ["", "asc", "value", "value asc", "desc", "value desc"];
    query(name, "By value, then by id. Left out: ascending.", false, &json!({"enum": orders}))
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
    let is_text = schema.get("type").is_some_and(|kind| kind == "string")
        && schema.get("format").is_none()
        && schema.get("enum").is_none();
    // Blank stands for left out (client rule 10), which is no number, flag, time or choice.
    let schema = if required || is_text {
        schema.clone()
    } else {
        json!({"anyOf": [schema, {"type": "string", "maxLength": 0}]})
    };
    json!({
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": schema,
    })
}

fn optional_query(name: &str, description: &str, schema: &Value) -> Value {
    query(name, description, false, schema)
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
