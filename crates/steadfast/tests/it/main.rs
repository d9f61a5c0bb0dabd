//! The library from outside, over a real directory.

#![expect(clippy::disallowed_methods, reason = "the tests own their tasks and join them")]
#![expect(clippy::unit_arg, reason = "an edit of a session is one assignment")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod codes;
mod operator;
mod players;
mod sessions;
mod testdata;

use std::sync::Arc;

use steadfast::core::platform::{
    EntryState, Get, Permit, PlatformError, Remove, Request, Set, When, Which,
};
use steadfast::core::row::Metadata;
use steadfast::core::{
    Content, EntryId, EntryKey, ErrorKind, JsonText, Limits, Scope, StoreId, StoreName, UniverseId,
    UserId,
};
use steadfast::{Options, Steadfast};

fn entry(key: &str) -> EntryId {
    let limits = Limits::native();
    let name = StoreName::parse("PlayerData", &limits).unwrap();
    let store = StoreId { universe: UniverseId(1), name };
    EntryId { store, scope: Scope::global(), key: EntryKey::parse(key, &limits).unwrap() }
}

fn set(db: &Steadfast, key: &str, value: &str) -> Request {
    let value = JsonText::parse(value.as_bytes(), db.limits()).unwrap();
    let metadata = Metadata::parse(r#"{"level": 3}"#, db.limits()).unwrap();
    let content = Arc::new(Content { value, user_ids: vec![UserId::Number(7)], metadata });
    let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
    Request::Set(Set { entry: entry(key), content, when, permit, write_id })
}

fn get(key: &str) -> Request {
    Request::Get(Get { entry: entry(key), which: Which::Current })
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_reopening_with_its_history() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    let first = db.execute(set(&db, "a", r#"{"coins": 5}"#)).await.unwrap();
    let second = db.execute(set(&db, "a", r#"{ "coins" : 6 }"#)).await.unwrap();
    let gone = db.execute(set(&db, "b", "1")).await.unwrap();
    let remove =
        Remove { entry: entry("b"), matches: None, force: false, write_id: db.new_write_id() };
    assert_eq!(db.execute(Request::Remove(remove)).await.unwrap(), gone);
    db.close().unwrap();

    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    let read = db.execute(get("a")).await.unwrap();
    assert_eq!(read, second);
    assert_eq!(read.content.unwrap().value.as_str(), r#"{ "coins" : 6 }"#);
    let which = Which::Revision(first.revision_id());
    let older = db.execute(Request::Get(Get { entry: entry("a"), which })).await.unwrap();
    assert_eq!(older, first);
    let missing = db.execute(get("b")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let revived = db.execute(set(&db, "b", "2")).await.unwrap();
    assert_eq!((revived.revision.counter, revived.created_at), (3, gone.created_at));
}

#[test]
fn a_second_opening_is_refused_and_names_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    let refused = Steadfast::open_with(dir.path(), Options::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let reason = std::error::Error::source(&refused).unwrap().to_string();
    assert!(reason.contains(&format!("process {}", std::process::id())), "{reason}");
    drop(db);
    assert!(Steadfast::open_with(dir.path(), Options::default()).is_ok());
}

#[tokio::test]
async fn a_write_whose_future_is_dropped_happens_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    drop(db.execute(set(&db, "a", "1")));
    // Writes to one entry keep their order, so this one waits for the one before.
    let second = db.execute(set(&db, "a", "2")).await.unwrap();
    assert_eq!(second.revision.counter, 2);
}

#[tokio::test]
async fn a_closed_store_takes_nothing_more_from_any_handle() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    let other = db.clone();
    db.execute(set(&db, "a", "1")).await.unwrap();
    db.close().unwrap();
    let refused = other.execute(set(&other, "a", "2")).await.unwrap_err();
    assert!(matches!(refused, PlatformError::Unavailable { .. }), "{refused:?}");
    assert!(matches!(other.execute(get("a")).await, Err(PlatformError::Unavailable { .. })));
    // The directory is free again although a handle is left.
    let again = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    assert_eq!(again.execute(get("a")).await.unwrap().revision.counter, 1);
}

#[tokio::test]
async fn sixty_four_writes_to_one_entry_may_wait_and_all_succeed() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    let limit = u64::try_from(db.limits().writes_per_key_max).unwrap();
    let sent: Vec<_> = (0..limit).map(|_| db.execute(set(&db, "hot", "1"))).collect();
    let mut counters = Vec::new();
    for answer in sent {
        counters.push(answer.await.unwrap().revision.counter);
    }
    assert_eq!(counters, (1..=limit).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_20_updates_at_the_same_time_all_count() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    let add_one = |current: Option<&EntryState>| {
        let stored = current.and_then(|state| state.content.as_ref());
        let count: u64 = stored.map_or(0, |content| content.value.as_str().parse().unwrap());
        let value = JsonText::trusted((count + 1).to_string());
        Some(Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() }))
    };
    let update = || tokio::spawn(db.update(entry("count"), Permit::ALL, add_one));
    for task in (0..20).map(|_| update()).collect::<Vec<_>>() {
        assert!(task.await.unwrap().unwrap().is_some());
    }
    let read = db.execute(get("count")).await.unwrap();
    assert_eq!(read.content.unwrap().value.as_str(), "20");
    assert_eq!(read.revision.counter, 20);
}

#[tokio::test]
async fn g_24_an_update_whose_callback_gives_up_writes_nothing() {
    let db = Steadfast::in_memory(Options::default()).unwrap();
    assert_eq!(db.update(entry("a"), Permit::ALL, |_| None).await, Ok(None));
    assert_eq!(db.execute(get("a")).await.unwrap_err().kind(), ErrorKind::NotFound);
}
