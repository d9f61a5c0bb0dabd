//! Rows in memory: the reference for what a batch does, and a backend on top of it.

mod bounds;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, RangeInclusive};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use steadfast_core::row::{OrderedBody, ReadReply, ReadResult, ScanReply, ScanResult};
use steadfast_core::{
    Batch, BoardId, CommitOutcome, Committed, EntryId, EntryKey, Found, Limits, Order, Outcome,
    Refusal, Revision, Row, RowBody, RowKey, RowRange, StoreId, Timestamp, Write,
};

use self::bounds::{bounds, is_empty};
use crate::backend::{Backend, Capabilities, OrderedChange, OrderedWatcher};
use crate::done::Done;

/// The entries of a board by value and key, each with its last write.
type Items = BTreeMap<(i64, EntryKey), (Revision, Timestamp)>;

/// Rows in key order, with the rules of [`Backend`] but without threads. The simulator uses it as
/// its disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the rows of the rows are what it is about")]
pub struct Rows {
    rows: BTreeMap<RowKey, Row>,
    /// The entries of each board that have a value, with the rest of their rows.
    boards: BTreeMap<BoardId, Items>,
    last_stamp: Timestamp,
}

impl Rows {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// The stamp of the last commit.
    pub fn last_stamp(&self) -> Timestamp {
        self.last_stamp
    }

    /// What stands at a key.
    pub fn get(&self, key: &RowKey) -> Found {
        self.rows.get(key).map_or(Found::Absent, |row| Found::Row(row.clone()))
    }

    /// Every row, in key order.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Checks a batch and writes it, at a reading of the store's clock. A clock that went back is
    /// overruled: every stamp is later than the one before.
    pub fn commit(&mut self, batch: &Batch, clock: Timestamp) -> CommitOutcome {
        if let Err(error) = batch.check(&Limits::native()) {
            return Outcome::Refused(Refusal::Invalid(error));
        }
        let holds = |(key, condition): &(RowKey, steadfast_core::Condition)| {
            condition.holds(&self.get(key))
        };
        if !batch.conditions.iter().all(holds) {
            let rows = batch.conditions.iter().map(|(key, _)| self.get(key)).collect();
            return Outcome::Refused(Refusal::Conditions(rows));
        }
        Outcome::Committed(self.apply(batch, clock))
    }

    /// Writes a batch without looking at its conditions.
    pub fn apply(&mut self, batch: &Batch, clock: Timestamp) -> Committed {
        let stamped_at = clock.max(self.last_stamp.next());
        self.last_stamp = stamped_at;
        for write in &batch.writes {
            match write {
                Write::Put { key, revision, body } => {
                    let (revision, body) = (*revision, body.clone());
                    let row = Row { key: key.clone(), revision, stamped_at, body };
                    self.place(key, Some(&row));
                    self.rows.insert(key.clone(), row);
                }
                Write::Delete { key } => {
                    self.place(key, None);
                    self.rows.remove(key);
                }
            }
        }
        Committed { stamped_at }
    }

    /// Moves an entry on its board, before its row is written.
    fn place(&mut self, key: &RowKey, next: Option<&Row>) {
        let RowKey::Ordered(entry) = key else { return };
        let before = self.rows.get(key).and_then(|row| ordered_value(&row.body));
        let board = self.boards.entry(BoardId::of(entry)).or_default();
        if let Some(value) = before {
            board.remove(&(value, entry.key.clone()));
        }
        if let Some((row, value)) = next.and_then(|row| Some((row, ordered_value(&row.body)?))) {
            board.insert((value, entry.key.clone()), (row.revision, row.stamped_at));
        }
        if board.is_empty() {
            self.boards.remove(&BoardId::of(entry));
        }
    }

    /// The changes of ordered data stores that a batch would make now.
    pub fn ordered_changes(&self, batch: &Batch) -> Vec<OrderedChange> {
        let change = |write: &Write| {
            let RowKey::Ordered(entry) = write.key() else { return None };
            let before = self.rows.get(write.key()).and_then(|row| ordered_value(&row.body));
            let after = match write {
                Write::Put { body, .. } => ordered_value(body),
                Write::Delete { .. } => None,
            };
            Some(OrderedChange { entry: entry.clone(), before, after })
        };
        batch.writes.iter().filter_map(change).collect()
    }

    /// A run of rows, at most `limit`.
    pub fn scan(&self, range: &RowRange, limit: usize) -> ScanReply {
        if let RowRange::Board { board, order, min, max, beyond } = range {
            return page(self.board(board, *order, *min..=*max, beyond.as_ref()), limit);
        }
        page(self.run(range).cloned(), limit)
    }

    /// The rows of a range, in its order.
    fn run(&self, range: &RowRange) -> Box<dyn Iterator<Item = &Row> + '_> {
        let bounds = bounds(range);
        if is_empty(&bounds) {
            return Box::new(std::iter::empty());
        }
        let run = self.rows.range(bounds).map(|(_, row)| row);
        match range {
            RowRange::Revisions { order: Order::Descending, .. } => Box::new(run.rev()),
            RowRange::Entries { span, .. } => {
                let span = span.clone();
                let covers = move |entry: &EntryId| span.covers(&entry.scope, &entry.key);
                Box::new(
                    run.filter(
                        move |row| matches!(&row.key, RowKey::Entry(entry) if covers(entry)),
                    ),
                )
            }
            RowRange::Stores { prefix, .. } => {
                let prefix = Arc::clone(prefix);
                let covers = move |store: &StoreId| store.name.as_str().starts_with(&*prefix);
                Box::new(
                    run.filter(
                        move |row| matches!(&row.key, RowKey::Store(store) if covers(store)),
                    ),
                )
            }
            RowRange::Revisions { order: Order::Ascending, .. }
            | RowRange::AllStores { .. }
            | RowRange::ApiKeys { .. }
            | RowRange::Board { .. }
            | RowRange::Ordered { .. }
            | RowRange::Reviews { .. }
            | RowRange::Records { .. }
            | RowRange::Presences { .. }
            | RowRange::Mail { .. }
            | RowRange::Ledger { .. } => Box::new(run),
        }
    }

    /// The rows of a board that have a value.
    fn board<'a>(
        &'a self,
        board: &'a BoardId,
        order: Order,
        values: RangeInclusive<i64>,
        beyond: Option<&(i64, EntryKey)>,
    ) -> Box<dyn Iterator<Item = Row> + 'a> {
        type Item<'a> = (&'a (i64, EntryKey), &'a (Revision, Timestamp));
        let Some(items) = self.boards.get(board) else { return Box::new(std::iter::empty()) };
        let row = |((value, key), (revision, stamped_at)): Item<'_>| Row {
            key: RowKey::Ordered(board.entry(key.clone())),
            revision: *revision,
            stamped_at: *stamped_at,
            body: RowBody::Ordered(OrderedBody { value: Some(*value) }),
        };
        let (min, max) = values.into_inner();
        match order {
            Order::Ascending => {
                let first = Bound::Included((min, EntryKey::trusted("")));
                let start = match beyond {
                    Some(last) if last.0 >= min => Bound::Excluded(last.clone()),
                    Some(_) | None => first,
                };
                let run = items.range((start, Bound::Unbounded));
                Box::new(run.take_while(move |(item, _)| item.0 <= max).map(row))
            }
            Order::Descending => {
                let end = match (beyond, max.checked_add(1)) {
                    (Some(last), _) if last.0 <= max => Bound::Excluded(last.clone()),
                    (_, Some(next)) => Bound::Excluded((next, EntryKey::trusted(""))),
                    (_, None) => Bound::Unbounded,
                };
                let run = items.range((Bound::Unbounded, end)).rev();
                Box::new(run.take_while(move |(item, _)| item.0 >= min).map(row))
            }
        }
    }
}

/// At most so many rows from the start of a run.
fn page(mut run: impl Iterator<Item = Row>, limit: usize) -> ScanReply {
    let rows = run.by_ref().take(limit).map(Found::Row).collect();
    ScanReply { rows, more: run.next().is_some() }
}

/// The value of an entry of an ordered data store.
fn ordered_value(body: &RowBody) -> Option<i64> {
    body.as_ordered()?.value
}

/// A backend whose rows live as long as it does. For tests and for trying things out.
pub struct MemoryBackend {
    rows: Mutex<Rows>,
    watcher: OnceLock<Arc<dyn OrderedWatcher>>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    started_at: Timestamp,
}

impl MemoryBackend {
    /// An empty backend that reads the given clock.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let started_at = clock();
        let (rows, watcher) = (Mutex::default(), OnceLock::new());
        Self { rows, watcher, clock: Box::new(clock), started_at }
    }

    /// A copy of all rows.
    pub fn snapshot(&self) -> Rows {
        self.rows().clone()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Rows are changed by code that does not panic half-way, so a poisoned lock is whole.
        self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend").finish_non_exhaustive()
    }
}

impl Backend for MemoryBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "memory", durable: false, single_owner: true }
    }

    fn now(&self) -> Timestamp {
        (self.clock)().max(self.rows().last_stamp())
    }

    fn started_at(&self) -> Timestamp {
        self.started_at
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        let clock = (self.clock)();
        let reply = {
            let stored = self.rows();
            let now = clock.max(stored.last_stamp());
            ReadReply { rows: rows.iter().map(|key| stored.get(key)).collect(), now }
        };
        done.complete(Ok(reply));
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        let reply = self.rows().scan(&range, limit);
        done.complete(Ok(reply));
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        let clock = (self.clock)();
        let outcome = {
            let mut rows = self.rows();
            let changes = self.watcher.get().map(|_| rows.ordered_changes(&batch));
            let outcome = rows.commit(&batch, clock);
            if let (Some(watcher), Some(changes), Outcome::Committed(_)) =
                (self.watcher.get(), changes, &outcome)
                && !changes.is_empty()
            {
                watcher.committed(&changes);
            }
            outcome
        };
        done.complete(outcome);
    }

    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        self.watcher.set(watcher).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::ApiKeyId;

    use super::*;

    #[test]
    fn a_clock_that_goes_back_is_overruled() {
        let mut rows = Rows::new();
        let batch = Batch {
            conditions: vec![],
            writes: vec![Write::Delete { key: RowKey::ApiKey(ApiKeyId(1)) }],
        };
        let first = rows.apply(&batch, Timestamp::from_unix_seconds(100)).stamped_at;
        let second = rows.apply(&batch, Timestamp::from_unix_seconds(50)).stamped_at;
        assert_eq!(second, first.next());
    }
}
