//! Rows in memory: the reference for what a batch does, and a backend on top of it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use steadfast_core::row::{ReadReply, ReadResult, ScanReply, ScanResult};
use steadfast_core::{
    ApiKeyId, Batch, CommitOutcome, Committed, EntryId, EntryKey, Found, Limits, Outcome, Refusal,
    Row, RowKey, RowRange, Scope, StoreId, StoreName, Timestamp, UniverseId, Write,
};

use crate::backend::{Backend, Capabilities};
use crate::done::Done;

/// Rows in key order, with the rules of [`Backend`] but without threads. The simulator uses it as
/// its disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    rows: BTreeMap<RowKey, Row>,
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
                    self.rows.insert(key.clone(), row);
                }
                Write::Delete { key } => {
                    self.rows.remove(key);
                }
            }
        }
        Committed { stamped_at }
    }

    /// A run of rows, at most `limit`.
    pub fn scan(&self, range: &RowRange, limit: usize) -> ScanReply {
        let is_revisions = matches!(range, RowRange::Revisions { .. });
        let run = self.rows.range(bounds(range));
        let mut run: Box<dyn Iterator<Item = (&RowKey, &Row)>> =
            if is_revisions { Box::new(run.rev()) } else { Box::new(run) };
        let rows = run.by_ref().take(limit).map(|(_, row)| Found::Row(row.clone())).collect();
        ScanReply { rows, more: run.next().is_some() }
    }
}

/// The keys of a range. A family's keys are neighbours, and no text sorts before the empty one, so
/// that the first key of the next store, scope or entry ends a run.
fn bounds(range: &RowRange) -> (Bound<RowKey>, Bound<RowKey>) {
    let first_store = |universe| StoreId { universe, name: StoreName::trusted("") };
    match range {
        RowRange::Stores { universe, after } => {
            let start = match after {
                Some(name) => Bound::Excluded(RowKey::Store(StoreId {
                    universe: *universe,
                    name: name.clone(),
                })),
                None => Bound::Included(RowKey::Store(first_store(*universe))),
            };
            let end = match universe.0.checked_add(1) {
                Some(next) => RowKey::Store(first_store(UniverseId(next))),
                None => RowKey::Entry(first_entry(first_store(UniverseId(0)))),
            };
            (start, Bound::Excluded(end))
        }
        RowRange::Entries { store, after } => {
            let start = match after {
                Some((scope, key)) => Bound::Excluded(RowKey::Entry(EntryId {
                    store: store.clone(),
                    scope: scope.clone(),
                    key: key.clone(),
                })),
                None => Bound::Included(RowKey::Entry(first_entry(store.clone()))),
            };
            // The shortest name that sorts behind this store's.
            let next = StoreName::trusted(format!("{}\0", store.name));
            let next = StoreId { universe: store.universe, name: next };
            (start, Bound::Excluded(RowKey::Entry(first_entry(next))))
        }
        RowRange::Revisions { entry, before } => {
            let start = Bound::Included(RowKey::Revision(entry.clone(), 0));
            let end = match before {
                Some(counter) => Bound::Excluded(RowKey::Revision(entry.clone(), *counter)),
                None => Bound::Included(RowKey::Revision(entry.clone(), u64::MAX)),
            };
            (start, end)
        }
        RowRange::ApiKeys { after } => {
            let start = match after {
                Some(id) => Bound::Excluded(RowKey::ApiKey(*id)),
                None => Bound::Included(RowKey::ApiKey(ApiKeyId(0))),
            };
            (start, Bound::Included(RowKey::ApiKey(ApiKeyId(u128::MAX))))
        }
    }
}

fn first_entry(store: StoreId) -> EntryId {
    EntryId { store, scope: Scope::trusted(""), key: EntryKey::trusted("") }
}

/// A backend whose rows live as long as it does. For tests and for trying things out.
pub struct MemoryBackend {
    rows: Mutex<Rows>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    started_at: Timestamp,
}

impl MemoryBackend {
    /// An empty backend that reads the given clock.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let started_at = clock();
        Self { rows: Mutex::default(), clock: Box::new(clock), started_at }
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
        let outcome = self.rows().commit(&batch, clock);
        done.complete(outcome);
    }
}

#[cfg(test)]
mod tests {
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
