//! What the facts are made of: names, values, and calls that wait for their answer.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use steadfast_core::row::{Birth, EntryBody, HeadsReply, ScanReply};
use steadfast_core::{
    Batch, CommitOutcome, Condition, Content, EntryId, EntryKey, Found, JsonText, Metadata, Order,
    Revision, RowBody, RowKey, RowRange, Scope, StoreId, StoreName, Timestamp, UniverseId, Write,
};

use crate::backend::Backend;
use crate::done::Done;

/// How long an answer may take before the implementation counts as stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// Submits a request and returns its answer, which must come.
#[track_caller]
pub(super) fn ask<T: Send + 'static>(submit: impl FnOnce(Done<T>)) -> T {
    let (sender, receiver) = mpsc::sync_channel(1);
    submit(Done::new(move |answer| {
        // Nobody listens any more once the time is over.
        drop(sender.send(answer));
    }));
    receiver.recv_timeout(ANSWER_TIMEOUT).expect("every request is answered")
}

#[track_caller]
pub(super) fn read(backend: &dyn Backend, keys: &[RowKey]) -> Vec<Found> {
    let reply = ask(|done| backend.read(keys.to_vec(), done)).expect("nothing fails here");
    assert_eq!(reply.rows.len(), keys.len(), "a reply holds every row that was asked for");
    reply.rows
}

#[track_caller]
pub(super) fn read_one(backend: &dyn Backend, key: &RowKey) -> Found {
    read(backend, std::slice::from_ref(key)).pop().expect("one row was asked for")
}

#[track_caller]
pub(super) fn scan(backend: &dyn Backend, range: &RowRange, limit: usize) -> ScanReply {
    ask(|done| backend.scan(range.clone(), limit, done)).expect("nothing fails here")
}

#[track_caller]
pub(super) fn heads(
    backend: &dyn Backend,
    range: &RowRange,
    limit: usize,
    with_sizes: bool,
) -> HeadsReply {
    let reply = ask(|done| backend.heads(range.clone(), limit, with_sizes, done));
    reply.expect("nothing fails here")
}

#[track_caller]
pub(super) fn commit(backend: &dyn Backend, batch: &Batch) -> CommitOutcome {
    ask(|done| backend.commit(batch.clone(), done))
}

/// Commits a batch that must be taken, and returns its stamp.
#[track_caller]
pub(super) fn must_commit(backend: &dyn Backend, batch: &Batch) -> Timestamp {
    let outcome = commit(backend, batch);
    let committed = outcome.clone().committed();
    committed.unwrap_or_else(|| panic!("not committed: {outcome:?}")).stamped_at
}

pub(super) fn entry(key: &str) -> EntryId {
    entry_in("Players", "global", key)
}

pub(super) fn entry_in(store: &str, scope: &str, key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(store) };
    EntryId { store, scope: Scope::trusted(scope), key: EntryKey::trusted(key) }
}

/// The value of the write with this number: nobody else writes it.
pub(super) fn content_of(write: u64) -> Arc<Content> {
    let value = JsonText::trusted(format!("{{\"write\":{write}}}"));
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

/// The number of the write that made a value.
#[track_caller]
pub(super) fn write_of(content: &Content) -> u64 {
    let text = content.value.as_str();
    let number = text.strip_prefix("{\"write\":").and_then(|rest| rest.strip_suffix('}'));
    number.and_then(|number| number.parse().ok()).expect("the value is that of one of our writes")
}

/// The two rows of one state of an entry, which share its value.
pub(super) fn state_rows(
    entry: &EntryId,
    revision: Revision,
    content: Option<&Arc<Content>>,
) -> [Write; 2] {
    let body = EntryBody {
        birth: Birth::ThisWrite,
        content: content.cloned(),
        pinned: false,
        schema: None,
    };
    let key = RowKey::Entry(entry.clone());
    let history = RowKey::Revision(entry.clone(), revision.counter);
    [
        Write::Put { key, revision, body: RowBody::Entry(body.clone()) },
        Write::Put { key: history, revision, body: RowBody::Revision(body) },
    ]
}

/// The condition that an entry's row still is what was read.
pub(super) fn unless_changed(entry: &EntryId, base: Option<Revision>) -> (RowKey, Condition) {
    (RowKey::Entry(entry.clone()), base.map_or(Condition::Absent, Condition::At))
}

/// One write of an entry: number `write`, made on `base`, with its history row.
pub(super) fn write_batch(entry: &EntryId, base: Option<Revision>, write: u64) -> Batch {
    let revision = after(base, write);
    Batch {
        conditions: vec![unless_changed(entry, base)],
        writes: state_rows(entry, revision, Some(&content_of(write))).to_vec(),
    }
}

/// The revision that write number `write` makes.
pub(super) fn after(base: Option<Revision>, write: u64) -> Revision {
    Revision { counter: base.map_or(0, |base| base.counter) + 1, tag: write }
}

/// The revisions that an entry went through, oldest first, read page by page.
#[track_caller]
pub(super) fn history(backend: &dyn Backend, entry: &EntryId) -> Vec<Revision> {
    let (mut revisions, mut before) = (Vec::new(), None);
    loop {
        let range =
            RowRange::Revisions { entry: entry.clone(), order: Order::Descending, beyond: before };
        let page = scan(backend, &range, 7);
        for found in &page.rows {
            let revision = found.revision().unwrap_or_else(|| panic!("not a row: {found:?}"));
            revisions.push(revision);
            before = Some(revision.counter);
        }
        if !page.more {
            revisions.reverse();
            return revisions;
        }
        assert!(!page.rows.is_empty(), "a page before others is not empty");
    }
}
