//! A store of plain rows with a clock, that carries machines out step by step.

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::{Batch, CommitOutcome, Committed, Refusal, Write};
use crate::id::{EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId, WriteId};
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::platform::{
    EntryState, Get, Input, Machine, Operation, Permit, PlatformError, Remove, RemoveRevision,
    Request, Restore, RevisionId, Set, Settings, Step, SweepOnce, SweepReport, When, Which,
};
use crate::row::{
    Birth, Found, HeadsReply, Order, ReadError, ReadReply, Reviewed, Row, RowBody, RowKey,
    RowRange, ScanReply, StoreBody, UniverseBody,
};
use crate::time::{TICKS_PER_SECOND, Timestamp};

use super::support::content;

/// Midnight of the first day, in seconds.
const DAY_0: i64 = 20_000 * 86_400;

/// A time of the first day.
pub(crate) fn clock(hours: i64, minutes: i64, seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(DAY_0 + hours * 3_600 + minutes * 60 + seconds)
}

pub(crate) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_ticks(time.ticks() + seconds * TICKS_PER_SECOND)
}

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const MONTH: i64 = 30 * DAY;

pub(crate) fn entry_in(store: &str, key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(store) };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

pub(crate) fn player() -> EntryId {
    entry_in("Players", "u_1")
}

/// The rows, what of them is damaged, and the time.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rows: BTreeMap<RowKey, Row>,
    pub(crate) damaged: BTreeSet<RowKey>,
    pub(crate) now: Timestamp,
    pub(crate) settings: Settings,
    pub(crate) writes: u64,
    /// Most writes of a batch.
    pub(crate) batch_max: usize,
}

/// A machine between two steps.
pub(crate) struct Running<O: Operation> {
    machine: O::Machine,
    step: Step<O::Answer>,
}

impl<O: Operation> Running<O> {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.step, Step::Done(_))
    }

    /// The batch that comes next, if that is what comes.
    pub(crate) fn batch(&self) -> Option<&Batch> {
        match &self.step {
            Step::Commit(batch) => Some(batch),
            Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Done(_) => None,
        }
    }

    /// How many rows it asks for.
    pub(crate) fn wanted(&self) -> usize {
        match &self.step {
            Step::Read(keys) => keys.len(),
            Step::Scan(_, limit) | Step::Heads(_, limit, _) => *limit,
            Step::Commit(_) | Step::Done(_) => 0,
        }
    }

    #[track_caller]
    pub(crate) fn answer(self) -> Result<O::Answer, PlatformError> {
        match self.step {
            Step::Done(answer) => answer,
            Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Commit(_) => {
                panic!("there is no answer yet")
            }
        }
    }

    /// The machine itself, to plant a mistake in it.
    #[cfg(feature = "planted")]
    pub(crate) fn machine_mut(&mut self) -> &mut O::Machine {
        &mut self.machine
    }

    /// The store is out of reach for what comes next, a read or a scan.
    pub(crate) fn fail(&mut self) {
        let error = ReadError::Unavailable { reason: "gone".into() };
        let input = match &self.step {
            Step::Read(_) => Input::Read(Err(error)),
            Step::Scan(..) => Input::Scanned(Err(error)),
            Step::Heads(..) => Input::Heads(Err(error)),
            Step::Commit(_) | Step::Done(_) => panic!("it reads nothing"),
        };
        self.give(input);
    }

    pub(crate) fn give(&mut self, input: Input) {
        self.step = self.machine.on(input);
    }
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let (rows, damaged) = (BTreeMap::new(), BTreeSet::new());
        Self { rows, damaged, now: clock(0, 0, 0), settings, writes: 0, batch_max: 501 }
    }

    pub(crate) fn start<O: Operation>(&self, operation: O) -> Running<O> {
        let (machine, step) = operation.start(&self.settings);
        Running { machine, step }
    }

    /// Carries out one step.
    pub(crate) fn step<O: Operation>(&mut self, running: &mut Running<O>) {
        let input = match &running.step {
            Step::Read(keys) => Input::Read(Ok(ReadReply {
                rows: keys.iter().map(|key| self.found(key)).collect(),
                now: self.now,
            })),
            Step::Scan(range, limit) => Input::Scanned(Ok(self.scan(range, *limit))),
            Step::Heads(range, limit, _) => {
                Input::Heads(Ok(HeadsReply::of(&self.scan(range, *limit))))
            }
            Step::Commit(batch) => {
                let batch = batch.clone();
                Input::Committed(self.commit(&batch))
            }
            Step::Done(_) => return,
        };
        running.give(input);
    }

    pub(crate) fn run<O: Operation>(&mut self, operation: O) -> Result<O::Answer, PlatformError> {
        let mut running = self.start(operation);
        while !running.is_over() {
            self.step(&mut running);
        }
        running.answer()
    }

    pub(crate) fn found(&self, key: &RowKey) -> Found {
        if self.damaged.contains(key) {
            return Found::Corrupt(key.clone());
        }
        self.rows.get(key).cloned().map_or(Found::Absent, Found::Row)
    }

    fn scan(&self, range: &RowRange, limit: usize) -> ScanReply {
        let mut keys: Vec<&RowKey> = self.rows.keys().filter(|key| is_in(range, key)).collect();
        if let RowRange::Revisions { order: Order::Descending, .. } = range {
            keys.reverse();
        }
        let more = keys.len() > limit;
        ScanReply { rows: keys.into_iter().take(limit).map(|key| self.found(key)).collect(), more }
    }

    pub(crate) fn commit(&mut self, batch: &Batch) -> CommitOutcome {
        batch.check(&Limits::native()).expect("we plan valid batches");
        assert!(batch.writes.len() <= self.batch_max, "a batch of {} writes", batch.writes.len());
        if !batch.conditions.iter().all(|(key, condition)| condition.holds(&self.found(key))) {
            let rows = batch.conditions.iter().map(|(key, _)| self.found(key)).collect();
            return Outcome::Refused(Refusal::Conditions(rows));
        }
        let stamped_at = self.now;
        for write in &batch.writes {
            match write {
                Write::Put { key, revision, body } => {
                    let (revision, body) = (*revision, body.clone());
                    self.damaged.remove(key);
                    self.rows
                        .insert(key.clone(), Row { key: key.clone(), revision, stamped_at, body });
                }
                Write::Delete { key } => {
                    assert!(!self.damaged.contains(key), "{key} is damaged and was deleted");
                    self.rows.remove(key);
                }
            }
        }
        Outcome::Committed(Committed { stamped_at })
    }

    fn write_id(&mut self) -> WriteId {
        self.writes += 1;
        WriteId(u128::from(self.writes))
    }

    /// Writes a row by hand.
    pub(crate) fn put(&mut self, key: RowKey, body: RowBody) {
        let before = self.rows.get(&key).map_or(0, |row| row.revision.counter);
        let revision = Revision { counter: before + 1, tag: 999 };
        let row = Row { key: key.clone(), revision, stamped_at: self.now, body };
        self.rows.insert(key, row);
    }

    pub(crate) fn set_request(&mut self, entry: &EntryId) -> Request {
        let write_id = self.write_id();
        let content = content(&self.writes.to_string());
        let (when, permit) = (When::Always, Permit::ALL);
        Request::Set(Set { entry: entry.clone(), content, when, permit, write_id })
    }

    #[track_caller]
    pub(crate) fn set_at(&mut self, entry: &EntryId, time: Timestamp) -> EntryState {
        self.now = time;
        let request = self.set_request(entry);
        self.run(request).expect("a set succeeds")
    }

    #[track_caller]
    pub(crate) fn remove_at(&mut self, entry: &EntryId, time: Timestamp) -> EntryState {
        self.now = time;
        let write_id = self.write_id();
        let remove = Remove { entry: entry.clone(), matches: None, force: false, write_id };
        self.run(Request::Remove(remove)).expect("it exists")
    }

    pub(crate) fn restore(
        &mut self,
        entry: &EntryId,
        revision: RevisionId,
    ) -> Result<EntryState, PlatformError> {
        let write_id = self.write_id();
        let (matches, permit) = (None, Permit::ALL);
        let restore = Restore { entry: entry.clone(), revision, matches, permit, write_id };
        self.run(Request::Restore(restore))
    }

    pub(crate) fn remove_revision(
        &mut self,
        entry: &EntryId,
        revision: RevisionId,
    ) -> Result<EntryState, PlatformError> {
        let write_id = self.write_id();
        self.run(RemoveRevision { entry: entry.clone(), revision, write_id })
    }

    pub(crate) fn snapshot_at(&mut self, time: Timestamp) {
        self.now = time;
        let key = RowKey::Universe(UniverseId(1));
        let mut earlier_snapshots = vec![];
        if let Some(Row { body: RowBody::Universe(body), stamped_at, .. }) = self.rows.get(&key) {
            earlier_snapshots.clone_from(&body.earlier_snapshots);
            earlier_snapshots.push(*stamped_at);
        }
        self.put(key, RowBody::Universe(UniverseBody { earlier_snapshots }));
    }

    /// Changes the row of a data store.
    pub(crate) fn manage(&mut self, store: &StoreId, change: impl FnOnce(&mut StoreBody)) {
        let key = RowKey::Store(store.clone());
        let Some(Row { body: RowBody::Store(body), stamped_at, .. }) = self.rows.get(&key) else {
            panic!("there is no {key}")
        };
        let mut body = StoreBody { birth: Birth::At(body.birth.time(*stamped_at)), ..body.clone() };
        change(&mut body);
        self.put(key, RowBody::Store(body));
    }

    pub(crate) fn delete_store(&mut self, store: &StoreId) {
        self.manage(store, |body| body.deleted = Some(Birth::ThisWrite));
    }

    pub(crate) fn get(
        &mut self,
        entry: &EntryId,
        which: Which,
    ) -> Result<EntryState, PlatformError> {
        self.run(Request::Get(Get { entry: entry.clone(), which }))
    }

    /// The states that are there, oldest first, each asked for by its id; those of rows that
    /// still stand and of any others that were ever written.
    pub(crate) fn shown(&mut self, entry: &EntryId, ever: &[EntryState]) -> Vec<u64> {
        let mut shown = Vec::new();
        for state in ever {
            match self.get(entry, Which::Revision(state.revision_id())) {
                Ok(found) => {
                    assert_eq!(found, *state, "a stored revision never changes");
                    shown.push(state.revision.counter);
                }
                Err(
                    PlatformError::RevisionNotFound { .. }
                    | PlatformError::EntryNotFound { .. }
                    | PlatformError::StoreNotFound { .. },
                ) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        shown
    }

    /// The counters of the revision rows that stand.
    pub(crate) fn standing(&self, entry: &EntryId) -> Vec<u64> {
        let counter = |key: &RowKey| {
            let RowKey::Revision(id, counter) = key else { return None };
            (id == entry).then_some(*counter)
        };
        self.rows.keys().filter_map(counter).collect()
    }

    pub(crate) fn reviews(&self, entry: &EntryId) -> usize {
        let is_of = |key: &&RowKey| matches!(key, RowKey::Review(_, Reviewed::Entry(id) | Reviewed::Ordered(id)) if id == entry);
        self.rows.keys().filter(is_of).count()
    }

    #[track_caller]
    pub(crate) fn sweep(&mut self) -> SweepReport {
        self.run(SweepOnce { budget: 1_000_000, stores_after: None }).expect("nothing fails here")
    }

    #[track_caller]
    pub(crate) fn sweep_at(&mut self, time: Timestamp) -> SweepReport {
        self.now = time;
        self.sweep()
    }
}

fn is_in(range: &RowRange, key: &RowKey) -> bool {
    match (range, key) {
        (RowRange::AllStores { after }, RowKey::Store(store)) => {
            after.as_ref().is_none_or(|after| store > after)
        }
        (RowRange::Entries { store, span, after }, RowKey::Entry(entry)) => {
            let place = (entry.scope.clone(), entry.key.clone());
            entry.store == *store
                && span.covers(&entry.scope, &entry.key)
                && after.as_ref().is_none_or(|after| place > *after)
        }
        (RowRange::Revisions { entry, order, beyond }, RowKey::Revision(id, counter)) => {
            let is_beyond = beyond.is_none_or(|beyond| match order {
                Order::Ascending => *counter > beyond,
                Order::Descending => *counter < beyond,
            });
            id == entry && is_beyond
        }
        (RowRange::Reviews { through, after }, RowKey::Review(hour, of)) => {
            hour <= through && after.as_ref().is_none_or(|after| (*hour, of.clone()) > *after)
        }
        (RowRange::Presences { after }, RowKey::Presence(server)) => {
            after.is_none_or(|after| *server > after)
        }
        (RowRange::Mail { server, after: None }, RowKey::Mail(to, _)) => server == to,
        (RowRange::Ledger { entry, run, after }, RowKey::Ledger(of, key)) => {
            of == entry && run.covers(key) && after.as_ref().is_none_or(|after| key > after)
        }
        _ => false,
    }
}
