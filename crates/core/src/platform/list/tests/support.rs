//! A shelf of rows, searched by naive filters, that answers what a listing asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId};
use crate::json::JsonText;
use crate::platform::{Input, Machine, Operation, PlatformError, Settings, Step};
use crate::row::{
    Birth, Content, EntryBody, Found, FoundHead, Head, HeadsReply, Metadata, Order, ReadError,
    ReadReply, Row, RowBody, RowKey, RowRange, ScanReply, StoreBody,
};
use crate::time::Timestamp;

/// A second, in ticks.
pub(super) const SECOND: i64 = 10_000_000;

/// The store's time unless a test says otherwise: long after 1970.
pub(super) const NOW: i64 = 1_700_000_000 * SECOND;

pub(super) fn at(ticks: i64) -> Timestamp {
    Timestamp::from_ticks(ticks)
}

pub(super) fn store_id(name: &str) -> StoreId {
    StoreId { universe: UniverseId(1), name: StoreName::trusted(name) }
}

pub(super) fn entry_id(store: &str, scope: &str, key: &str) -> EntryId {
    let (scope, key) = (Scope::trusted(scope), EntryKey::trusted(key));
    EntryId { store: store_id(store), scope, key }
}

/// A state of so many bytes, or a deletion.
pub(super) fn entry_body(size: Option<usize>) -> EntryBody {
    let content = |size: usize| {
        let value = JsonText::trusted("1".repeat(size));
        Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
    };
    EntryBody { birth: Birth::ThisWrite, content: size.map(content), pinned: false, schema: None }
}

/// Rows, and a count of what was asked for.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) rows: BTreeMap<RowKey, Found>,
    pub(super) now: Timestamp,
    pub(super) settings: Settings,
    /// How many heads were handed out.
    pub(super) head_count: usize,
    /// Which of the calls fails, counted from 0.
    pub(super) failing: Option<usize>,
    pub(super) call_count: usize,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            now: at(NOW),
            settings: Settings::native(),
            head_count: 0,
            failing: None,
            call_count: 0,
        }
    }

    pub(super) fn put(&mut self, key: RowKey, counter: u64, stamp: i64, body: RowBody) {
        let revision = Revision { counter, tag: counter };
        let row = Row { key: key.clone(), revision, stamped_at: at(stamp), body };
        self.rows.insert(key, Found::Row(row));
    }

    pub(super) fn damage(&mut self, key: RowKey) {
        self.rows.insert(key.clone(), Found::Corrupt(key));
    }

    pub(super) fn put_store(&mut self, name: &str, body: StoreBody) {
        self.put(RowKey::Store(store_id(name)), 1, NOW - SECOND, RowBody::Store(body));
    }

    /// An entry that was written, or deleted, at a time.
    pub(super) fn put_entry(&mut self, entry: EntryId, stamp: i64, is_deleted: bool) {
        let body = entry_body((!is_deleted).then_some(1));
        self.put(RowKey::Entry(entry), 1, stamp, RowBody::Entry(body));
    }

    /// Carries out a request to its end.
    pub(super) fn run<O: Operation>(&mut self, request: O) -> Result<O::Answer, PlatformError> {
        let (mut machine, mut step) = request.start(&self.settings.clone());
        loop {
            let input = match step {
                Step::Done(answer) => return answer,
                Step::Read(keys) => Input::Read(self.call().map(|()| self.read(&keys))),
                Step::Scan(range, limit) => {
                    Input::Scanned(self.call().map(|()| self.scan(&range, limit)))
                }
                Step::Heads(range, limit, with_sizes) => {
                    let reply = self.call().map(|()| self.heads(&range, limit, with_sizes));
                    Input::Heads(reply)
                }
                Step::Commit(batch) => panic!("a listing writes {batch:?}"),
            };
            step = machine.on(input);
        }
    }

    fn call(&mut self) -> Result<(), ReadError> {
        self.call_count += 1;
        if self.failing == Some(self.call_count - 1) {
            return Err(ReadError::Unavailable { reason: "by hand".into() });
        }
        Ok(())
    }

    fn read(&self, keys: &[RowKey]) -> ReadReply {
        let row = |key| self.rows.get(key).cloned().unwrap_or(Found::Absent);
        ReadReply { rows: keys.iter().map(row).collect(), now: self.now }
    }

    fn run_of(&self, range: &RowRange, limit: usize) -> (Vec<(&RowKey, &Found)>, bool) {
        assert!(limit > 0, "nothing would come of it: {range:?}");
        let mut run: Vec<_> = self.rows.iter().filter(|(key, _)| is_in(range, key)).collect();
        if let RowRange::Revisions { order: Order::Descending, .. } = range {
            run.reverse();
        }
        let more = run.len() > limit;
        run.truncate(limit);
        (run, more)
    }

    fn scan(&self, range: &RowRange, limit: usize) -> ScanReply {
        let (run, more) = self.run_of(range, limit);
        ScanReply { rows: run.into_iter().map(|(_, found)| found.clone()).collect(), more }
    }

    fn heads(&mut self, range: &RowRange, limit: usize, with_sizes: bool) -> HeadsReply {
        let (run, more) = self.run_of(range, limit);
        let head = |(_, found): (&RowKey, &Found)| match found {
            Found::Absent => panic!("nothing is stored as absent"),
            Found::Corrupt(key) => FoundHead::Corrupt(key.clone()),
            Found::Row(row) => {
                let head = Head::of_row(row).unwrap();
                let value_size = head.value_size.filter(|_| with_sizes);
                FoundHead::Head(Head { value_size, ..head })
            }
        };
        let heads: Vec<_> = run.into_iter().map(head).collect();
        self.head_count += heads.len();
        HeadsReply { heads, more }
    }
}

/// Whether a row is in a range, by the range's description.
fn is_in(range: &RowRange, key: &RowKey) -> bool {
    match (range, key) {
        (RowRange::Stores { universe, prefix, after }, RowKey::Store(store)) => {
            store.universe == *universe
                && store.name.as_str().starts_with(&**prefix)
                && after.as_ref().is_none_or(|after| store.name > *after)
        }
        (RowRange::Entries { store, span, after }, RowKey::Entry(entry)) => {
            let is_behind =
                |(scope, key): &(Scope, EntryKey)| (&entry.scope, &entry.key) > (scope, key);
            entry.store == *store
                && span.covers(&entry.scope, &entry.key)
                && after.as_ref().is_none_or(is_behind)
        }
        (RowRange::Revisions { entry, order, beyond }, RowKey::Revision(of, counter)) => {
            let is_beyond = |beyond: u64| match order {
                Order::Ascending => *counter > beyond,
                Order::Descending => *counter < beyond,
            };
            of == entry && beyond.is_none_or(is_beyond)
        }
        _ => false,
    }
}
