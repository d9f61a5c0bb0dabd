//! Facts about conditions and the checks of a batch.

use super::*;
use crate::id::{EntryId, EntryKey, Scope, StoreId, StoreName, UniverseId, WriteId};
use crate::json::JsonText;
use crate::row::{Birth, Content, EntryBody, Metadata, Row, StoreBody};

fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

fn content(size: usize) -> Arc<Content> {
    let value = JsonText::trusted(format!("\"{}\"", "x".repeat(size - 2)));
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

fn put(key: RowKey, content: &Arc<Content>) -> Write {
    let state = EntryBody {
        birth: Birth::ThisWrite,
        content: Some(Arc::clone(content)),
        pinned: false,
        schema: None,
    };
    let body = match &key {
        RowKey::Revision(..) => RowBody::Revision(state),
        RowKey::Entry(_)
        | RowKey::Store(_)
        | RowKey::ApiKey(_)
        | RowKey::Universe(_)
        | RowKey::Ordered(_)
        | RowKey::Review(..)
        | RowKey::Record(_)
        | RowKey::Ends(_)
        | RowKey::Presence(_)
        | RowKey::Mail(..)
        | RowKey::Ledger(..) => RowBody::Entry(state),
    };
    Write::Put { key, revision: Revision::first(WriteId(1)), body }
}

fn found(revision: Revision) -> Found {
    let key = RowKey::Entry(entry("k"));
    let body = RowBody::Entry(EntryBody {
        birth: Birth::ThisWrite,
        content: None,
        pinned: false,
        schema: None,
    });
    Found::Row(Row { key, revision, stamped_at: Timestamp::EPOCH, body })
}

#[test]
fn at_compares_counter_and_tag_and_never_inserts() {
    let stored = Revision { counter: 2, tag: 7 };
    assert!(Condition::At(stored).holds(&found(stored)));
    assert!(!Condition::At(Revision { counter: 2, tag: 8 }).holds(&found(stored)));
    assert!(!Condition::At(Revision { counter: 3, tag: 7 }).holds(&found(stored)));
    assert!(!Condition::At(stored).holds(&Found::Absent));
}

#[test]
fn absent_holds_only_of_certain_absence() {
    assert!(Condition::Absent.holds(&Found::Absent));
    assert!(!Condition::Absent.holds(&found(Revision { counter: 1, tag: 1 })));
    assert!(!Condition::Absent.holds(&Found::Corrupt(RowKey::Entry(entry("k")))));
}

#[test]
fn a_batch_must_write_something_and_each_row_once() {
    let limits = Limits::native();
    assert_eq!(Batch::default().check(&limits), Err(BatchError::Empty));
    let write = put(RowKey::Entry(entry("k")), &content(10));
    let twice = Batch { conditions: vec![], writes: vec![write.clone(), write.clone()] };
    assert!(matches!(twice.check(&limits), Err(BatchError::Twice { .. })));
    let condition = (RowKey::Entry(entry("k")), Condition::Absent);
    let twice = Batch { conditions: vec![condition.clone(), condition], writes: vec![write] };
    assert!(matches!(twice.check(&limits), Err(BatchError::Twice { .. })));
}

#[test]
fn a_body_of_another_family_is_refused() {
    let body = RowBody::Store(StoreBody { birth: Birth::ThisWrite, ..StoreBody::NEW });
    let key = RowKey::Entry(entry("k"));
    let revision = Revision::first(WriteId(1));
    let batch = Batch { conditions: vec![], writes: vec![Write::Put { key, revision, body }] };
    assert!(matches!(batch.check(&Limits::native()), Err(BatchError::WrongFamily { .. })));
}

#[test]
fn values_of_a_batch_are_counted_once_and_up_to_the_limit() {
    let limits = Limits { batch_size_max: 100, ..Limits::native() };
    let pair = |first: usize, second: usize| Batch {
        conditions: vec![],
        writes: vec![
            put(RowKey::Entry(entry("a")), &content(first)),
            put(RowKey::Entry(entry("b")), &content(second)),
        ],
    };
    assert_eq!(pair(50, 49).check(&limits), Ok(()));
    assert_eq!(pair(50, 50).check(&limits), Ok(()));
    assert_eq!(pair(50, 51).check(&limits), Err(BatchError::TooLarge { actual: 101, limit: 100 }));
    // The entry and its revision share one value, which may be larger than a batch.
    let shared = content(500);
    let writes = vec![
        put(RowKey::Entry(entry("a")), &shared),
        put(RowKey::Revision(entry("a"), 1), &shared),
    ];
    assert_eq!(Batch { conditions: vec![], writes }.check(&limits), Ok(()));
}
