//! Facts about the table of failures.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::batch::BatchError;
use steadfast_core::budget::{Access, Pool, Standing};
use steadfast_core::id::{
    EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId, WriteId,
};
use steadfast_core::key::KeyScope;
use steadfast_core::platform::{EntryState, OrderedState};
use steadfast_core::row::{Content, Metadata, RowKey};
use steadfast_core::{JsonText, Limits, Timestamp};

use super::*;
use crate::error::{ErrorReply, STATUSES};

/// Stands in every text that must not reach a client.
const INSIDE: &str = "INSIDE";

/// A game server: whoever may write an entry may know who holds it.
const HOLDER: ServerId = ServerId(11);

/// One of every variant.
fn every_error() -> Vec<PlatformError> {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(INSIDE) };
    let key = EntryKey::trusted(INSIDE);
    let entry = EntryId { store: store.clone(), scope: Scope::global(), key };
    let content = Content {
        value: JsonText::trusted(format!("\"{INSIDE}\"")),
        user_ids: Vec::new(),
        metadata: Metadata::trusted(format!("{{\"k\":\"{INSIDE}\"}}")),
    };
    let current = Box::new(EntryState {
        entry: entry.clone(),
        revision: Revision::first(WriteId(7)),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        content: Some(Arc::new(content)),
        schema: None,
    });
    let ordered = OrderedState {
        entry: entry.clone(),
        value: 1,
        revision: Revision::first(WriteId(7)),
        updated_at: Timestamp::EPOCH,
    };
    let since = Timestamp::from_ticks(17_000_000_000_000_007);
    let reason: Arc<str> = INSIDE.into();
    let wait = Duration::from_millis(41_200);
    let standing = Standing { limit: 300, remaining: 0, reset: wait };
    let denial = Denial { pool: Pool::Key(Access::Write), wait, standing };
    vec![
        PlatformError::StoreNotFound { store: store.clone() },
        PlatformError::StoreDeleted { store },
        PlatformError::EntryNotFound { entry: entry.clone() },
        PlatformError::RevisionNotFound { entry: entry.clone() },
        PlatformError::RevisionIsCurrent { entry: entry.clone() },
        PlatformError::TimeOutOfRange,
        PlatformError::Exists { current: current.clone() },
        PlatformError::OrderedExists { current: ordered },
        PlatformError::Mismatch { current },
        PlatformError::Leased { entry: entry.clone(), server: HOLDER, since },
        PlatformError::UnknownFormat { entry: entry.clone() },
        PlatformError::NotInteger { entry: entry.clone() },
        PlatformError::SumTooLarge { entry: entry.clone() },
        PlatformError::SumTooSmall { entry: entry.clone() },
        PlatformError::Denied { scope: KeyScope::EntryCreate },
        PlatformError::Corrupt { row: Box::new(RowKey::Entry(entry.clone())) },
        PlatformError::Busy { entry: entry.clone(), limit: 64 },
        PlatformError::Throttled { denial },
        PlatformError::Contended { entry, attempts: 16 },
        PlatformError::StoreFull { reason: Arc::clone(&reason) },
        PlatformError::Unavailable { reason },
        PlatformError::OutcomeUnknown { write_id: WriteId(7) },
        PlatformError::Rejected(BatchError::Empty),
    ]
}

/// A table of failures, each with its two replies.
fn table(rows: impl IntoIterator<Item = (String, V1Error, V2Error)>) -> String {
    let line = |reply: &ErrorReply| format!("{} {}", reply.status, reply.body);
    let rows = rows.into_iter().map(|(name, v1, v2)| {
        format!("{name}\n  v1 {}\n  v2 {}", line(&v1.reply()), line(&v2.reply()))
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn the_table_of_platform_errors() {
    let rows = every_error().into_iter().map(|error| {
        let debug = format!("{error:?}");
        let name = debug.split([' ', '(']).next().unwrap_or_default();
        (format!("{name} ({})", error.kind()), v1(&error), v2(&error))
    });
    insta::assert_snapshot!(table(rows), @r#"
    StoreNotFound (not_found)
      v1 404 {"error":"NOT_FOUND","message":"The data store does not exist.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"DatastoreNotFound"}]}
      v2 404 {"code":"NOT_FOUND","message":"The data store does not exist."}
    StoreDeleted (not_found)
      v1 404 {"error":"NOT_FOUND","message":"DatastoreDeleted: the data store is deleted. For 30 days after its deletion it can be brought back.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"DatastoreNotFound"}]}
      v2 404 {"code":"NOT_FOUND","message":"DatastoreDeleted: the data store is deleted. For 30 days after its deletion it can be brought back."}
    EntryNotFound (not_found)
      v1 404 {"error":"NOT_FOUND","message":"Entry not found.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"EntryNotFound"}]}
      v2 404 {"code":"NOT_FOUND","message":"Entry not found."}
    RevisionNotFound (not_found)
      v1 404 {"error":"NOT_FOUND","message":"The entry has no such version.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"VersionNotFound"}]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"Invalid version id."}
    RevisionIsCurrent (conflict)
      v1 400 {"error":"INVALID_ARGUMENT","message":"The revision is the current one. Nothing was removed; delete the entry instead.","errorDetails":[]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"The revision is the current one. Nothing was removed; delete the entry instead."}
    TimeOutOfRange (invalid)
      v1 400 {"error":"INVALID_ARGUMENT","message":"The time is not between 1970 and ten minutes from now.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"InvalidStartTime"}]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"The time is not between 1970 and ten minutes from now."}
    Exists (conflict)
      v1 412 {"error":"FAILED_PRECONDITION","message":"The entry exists.","errorDetails":[]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"Entry already exists."}
    OrderedExists (conflict)
      v1 412 {"error":"FAILED_PRECONDITION","message":"The entry exists.","errorDetails":[]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"Entry already exists."}
    Mismatch (conflict)
      v1 412 {"error":"FAILED_PRECONDITION","message":"The entry is at another version.","errorDetails":[]}
      v2 409 {"code":"ABORTED","message":"The entry is at another revision."}
    Leased (conflict)
      v1 409 {"error":"ABORTED","message":"ActiveLease: the game server `0000000000000000000000000000000b` holds the entry since `2023-11-14T22:13:20.000000700Z`. Nothing was written; that server has to let go of it first.","errorDetails":[]}
      v2 409 {"code":"ABORTED","message":"ActiveLease: the game server `0000000000000000000000000000000b` holds the entry since `2023-11-14T22:13:20.000000700Z`. Nothing was written; that server has to let go of it first."}
    UnknownFormat (conflict)
      v1 409 {"error":"ABORTED","message":"UnknownFormat: the record of the entry was written by a newer version. Nothing was written.","errorDetails":[]}
      v2 409 {"code":"ABORTED","message":"UnknownFormat: the record of the entry was written by a newer version. Nothing was written."}
    NotInteger (invalid)
      v1 400 {"error":"INVALID_ARGUMENT","message":"The entry does not hold an integer. Nothing was written.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"ExistingValueNotNumeric"}]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"The entry does not hold an integer. Nothing was written."}
    SumTooLarge (invalid)
      v1 400 {"error":"INVALID_ARGUMENT","message":"The sum is larger than 9223372036854775807. Nothing was written.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"IncrementValueTooLarge"}]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"The sum is larger than 9223372036854775807. Nothing was written."}
    SumTooSmall (invalid)
      v1 400 {"error":"INVALID_ARGUMENT","message":"The sum is smaller than -9223372036854775808. Nothing was written.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"IncrementValueTooSmall"}]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"The sum is smaller than -9223372036854775808. Nothing was written."}
    Denied (denied)
      v1 403 {"error":"INSUFFICIENT_SCOPE","message":"The scope `universe-datastores.objects:create` is missing.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"InsufficientScope"}]}
      v2 403 {"code":"PERMISSION_DENIED","message":"The scope `universe-datastores.objects:create` is missing."}
    Corrupt (corrupt)
      v1 500 {"error":"INTERNAL","message":"The entry is damaged.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 500 {"code":"INTERNAL","message":"The entry is damaged."}
    Busy (exhausted)
      v1 429 {"error":"RESOURCE_EXHAUSTED","message":"Too many requests. Nothing was written; wait and retry.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"TooManyRequests"}]}
      v2 429 {"code":"RESOURCE_EXHAUSTED","message":"Too many requests. Nothing was written; wait and retry."}
    Throttled (exhausted)
      v1 429 {"error":"RESOURCE_EXHAUSTED","message":"KeyThrottled: the budget `key_write` has no room. Nothing was written; retry in 42 s.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"TooManyRequests"}]}
      v2 429 {"code":"RESOURCE_EXHAUSTED","message":"KeyThrottled: the budget `key_write` has no room. Nothing was written; retry in 42 s."}
    Contended (exhausted)
      v1 429 {"error":"RESOURCE_EXHAUSTED","message":"Too many requests. Nothing was written; wait and retry.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"TooManyRequests"}]}
      v2 429 {"code":"RESOURCE_EXHAUSTED","message":"Too many requests. Nothing was written; wait and retry."}
    StoreFull (exhausted)
      v1 429 {"error":"RESOURCE_EXHAUSTED","message":"The store has no room.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"TooManyRequests"}]}
      v2 429 {"code":"RESOURCE_EXHAUSTED","message":"The store has no room."}
    Unavailable (unavailable)
      v1 502 {"error":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 502 {"code":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry."}
    OutcomeUnknown (outcome_unknown)
      v1 504 {"error":"DEADLINE_EXCEEDED","message":"No answer in time. The write may have been made.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 504 {"code":"DEADLINE_EXCEEDED","message":"No answer in time. The write may have been made."}
    Rejected (internal)
      v1 500 {"error":"INTERNAL","message":"Internal error.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 500 {"code":"INTERNAL","message":"Internal error."}
    "#);
}

#[test]
fn the_table_of_error_kinds() {
    let rows = ErrorKind::ALL.map(|kind| (kind.to_string(), v1_kind(kind), v2_kind(kind)));
    insta::assert_snapshot!(table(rows), @r#"
    invalid
      v1 400 {"error":"INVALID_ARGUMENT","message":"The request is not valid.","errorDetails":[]}
      v2 400 {"code":"INVALID_ARGUMENT","message":"The request is not valid."}
    denied
      v1 403 {"error":"INSUFFICIENT_SCOPE","message":"The key does not allow this.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"InsufficientScope"}]}
      v2 403 {"code":"PERMISSION_DENIED","message":"The key does not allow this."}
    not_found
      v1 404 {"error":"NOT_FOUND","message":"Entry not found.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"EntryNotFound"}]}
      v2 404 {"code":"NOT_FOUND","message":"Entry not found."}
    conflict
      v1 412 {"error":"FAILED_PRECONDITION","message":"The entry is not as the request expects.","errorDetails":[]}
      v2 409 {"code":"ABORTED","message":"The entry is not as the request expects."}
    fenced
      v1 409 {"error":"ABORTED","message":"Another server holds the entry.","errorDetails":[]}
      v2 409 {"code":"ABORTED","message":"Another server holds the entry."}
    exhausted
      v1 429 {"error":"RESOURCE_EXHAUSTED","message":"Too many requests. Nothing was written; wait and retry.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"TooManyRequests"}]}
      v2 429 {"code":"RESOURCE_EXHAUSTED","message":"Too many requests. Nothing was written; wait and retry."}
    unavailable
      v1 502 {"error":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 502 {"code":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry."}
    outcome_unknown
      v1 504 {"error":"DEADLINE_EXCEEDED","message":"No answer in time. The write may have been made.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 504 {"code":"DEADLINE_EXCEEDED","message":"No answer in time. The write may have been made."}
    corrupt
      v1 500 {"error":"INTERNAL","message":"The entry is damaged.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 500 {"code":"INTERNAL","message":"The entry is damaged."}
    internal
      v1 500 {"error":"INTERNAL","message":"Internal error.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
      v2 500 {"code":"INTERNAL","message":"Internal error."}
    "#);
}

#[test]
fn no_reply_leaves_the_surface_or_tells_of_the_inside() {
    for error in every_error() {
        for reply in [v1(&error).reply(), v2(&error).reply()] {
            assert!(STATUSES.contains(&reply.status), "{error:?}");
            assert!(!reply.body.contains(INSIDE), "{reply:?}");
        }
    }
}

#[test]
fn a_refused_value_has_one_of_two_codes() {
    let limits = Limits { value_size_max: 4, value_depth_max: 1, ..Limits::native() };
    for (text, code) in [
        ("12345", V1Code::ContentTooBig),
        ("[[]]", V1Code::ContentNotJson),
        ("nul", V1Code::ContentNotJson),
        ("", V1Code::ContentNotJson),
    ] {
        let error = JsonText::parse(text.as_bytes(), &limits).unwrap_err();
        assert_eq!(v1_content(&error).code, Some(code), "{text}");
    }
    let error = JsonText::parse(br#"{"a":1,"a":2}"#, &Limits::native()).unwrap_err();
    assert_eq!(v1_content(&error).code, Some(V1Code::ContentNotJson));
}

#[test]
fn who_holds_an_entry_can_be_read_out_of_both_texts() {
    let (server, since) = (HOLDER, Timestamp::from_ticks(17_000_000_000_000_007));
    let text = leased(server, since);
    assert_eq!(read_leased(&text), Some((server, since)));
    for other in ["", "ActiveLease: ", "ActiveLease: `x` `2023-11-14T22:13:20Z`", &text[1..]] {
        assert_eq!(read_leased(other), None, "{other}");
    }
    assert_eq!(read_leased(&text.replace("2023", "x")), None);
}
