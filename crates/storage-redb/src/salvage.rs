//! Reads what is left of a damaged store into a new one.
//!
//! Only what is verified is written, with its own revisions and times. What is known to exist but
//! cannot be read stays damaged in the new store: it answers as corrupt, never as absent, until
//! somebody writes it again. A value whose entry or revision row is damaged becomes a revision row,
//! so that it can be restored by hand: whether it was the newest one cannot be told.
//!
//! The source is not changed, except that its LOCK file names this process.

mod bodies;
mod others;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use redb::Database;
use steadfast_core::row::{Birth, Reviewed};
use steadfast_core::{EntryId, RowKey, StoreId, Timestamp};

use crate::apply::Apply;
use crate::backend::{builder, create, damaged, file_backend, went_back};
use crate::bytes::Family;
use crate::directory::Directory;
use crate::encode::index::Kind;
use crate::encode::keys::parse_store_key;
use crate::encode::meta::Counters;
use crate::encode::store::Store;
use crate::engine::{EngineError, WriteTables, caught};
use crate::error::OpenError;
use crate::examine::{Finding, Patient, Rescued, Traces, Trust};
use crate::options::Options;
use crate::prepare::{Change, EntryRef, NewState, Prepared};
use crate::stores::StoreNumbers;

/// Changes in one commit of the new store.
const GROUP_COUNT_MAX: usize = 1_000;

/// What a salvage did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Rows of data stores that were saved.
    pub store_count: u64,
    /// Entries that were saved, tombstones included.
    pub entry_count: u64,
    /// Revision rows that were saved.
    pub revision_count: u64,
    /// API keys that were saved.
    pub api_key_count: u64,
    /// Entries of ordered data stores that were saved, removed ones included.
    pub ordered_count: u64,
    /// Rows of universes that were saved.
    pub universe_count: u64,
    /// Reminders that were saved, or made anew because some were lost.
    pub review_count: u64,
    /// Records that were saved: who may write an entry.
    pub record_count: u64,
    /// Records whose last ends of grants were saved.
    pub ends_count: u64,
    /// Game servers that were saved.
    pub presence_count: u64,
    /// Mail to game servers that was saved.
    pub mail_count: u64,
    /// Rows of the operations of records that were saved.
    pub ledger_count: u64,
    /// Rows that exist and could not be read. They are marked as damaged in the new store.
    pub damaged: Vec<RowKey>,
    /// Values of damaged rows that were saved as revision rows, and entries of ordered data stores
    /// that were read off their boards.
    pub recovered: Vec<RowKey>,
    /// What was found and belongs to nothing that has a name, and ends of grants, mail and places in
    /// the order of receipts that could not be read: without them nothing is taken for something else.
    pub lost: Vec<String>,
    /// What the engine said when it failed.
    pub failures: Vec<String>,
    /// Why the rows may be older than the last acknowledged ones, if they may.
    pub went_back: Option<String>,
}

/// Reads everything readable of the store in `dir` into a new store in `new_dir`, which must not
/// exist or be empty.
///
/// # Errors
/// [`OpenError`]: one of the directories is not what it must be, or the new store cannot be
/// written.
pub fn salvage(dir: &Path, new_dir: &Path) -> Result<SalvageReport, OpenError> {
    let options = Options::default();
    let now = (options.clock)();
    let source = Directory::lock_store(dir, now)?;
    let target = Directory::lock_target(new_dir, now)?;
    let closed_at = source.closed_at()?;
    let base = Arc::new(file_backend(source.open_data()?)?);
    let mut report = SalvageReport::default();
    let patient = Patient::new(base, Options::default());

    create(Box::new(file_backend(target.begin_copy()?)?), &options)?;
    let storage = file_backend(target.open_data()?)?;
    let written = caught(|| {
        let database = builder(&options).create_with_backend(storage)?;
        let stores = StoreNumbers::default();
        let changes = Vec::new();
        let counters = Counters::NEW;
        let (reviewed, report) = (Vec::new(), &mut report);
        let mut rescue = Rescue { patient, report, database, stores, counters, changes, reviewed };
        rescue.run(closed_at)?;
        let Rescue { database, counters, .. } = rescue;
        drop(database);
        Ok(counters)
    });
    let counters = written.map_err(|error| damaged(&error.to_string()))?;
    target.end_copy(counters.commit, None)?;
    Ok(report)
}

struct Rescue<'r> {
    patient: Patient,
    report: &'r mut SalvageReport,
    database: Database,
    stores: StoreNumbers,
    counters: Counters,
    changes: Vec<(Change, Timestamp)>,
    /// What has a past that may have to go some day.
    reviewed: Vec<Reviewed>,
}

impl Rescue<'_> {
    fn run(&mut self, closed_at: Option<Result<u64, String>>) -> Result<(), EngineError> {
        match (self.patient.counters(), closed_at) {
            (Ok(counters), closed_at) => {
                // The numbers of data stores are given anew; all else goes on where it was.
                self.counters.seq = counters.seq;
                self.counters.stamped_at = counters.stamped_at;
                let closed_at = closed_at.and_then(Result::ok);
                self.report.went_back = went_back(closed_at, &counters);
                let reason = match self.patient.trust {
                    Trust::Distrusted if closed_at.is_none() => {
                        Some("the engine took an older root, the last commit may be missing")
                    }
                    Trust::Carved => {
                        Some("the engine cannot open it: rows come from pages of any time")
                    }
                    Trust::Full | Trust::Distrusted => None,
                };
                if let Some(reason) = reason {
                    self.report.went_back = Some(reason.to_owned());
                }
            }
            (Err(error), _) => {
                self.report.went_back = Some(format!("its counters cannot be read: {error}"));
            }
        }
        let stores = self.patient.stores();
        self.rescue_stores()?;
        self.rescue_api_keys()?;
        self.rescue_universes()?;
        self.rescue_ordered(&stores)?;
        self.rescue_bodies(&stores)?;
        for (entry_key, traces) in self.patient.entries() {
            match Traces::name(&entry_key, &stores) {
                Some(entry) => self.rescue_entry(&entry_key, &entry, &traces)?,
                None => self.report.lost.push(nameless(&entry_key, &stores)),
            }
        }
        self.rescue_reviews()?;
        self.flush()?;
        self.report.failures = self.patient.failures.iter().cloned().collect();
        Ok(())
    }

    fn rescue_stores(&mut self) -> Result<(), EngineError> {
        let mut found = HashMap::new();
        self.patient.walk(Family::Stores, &[], |key, record| {
            if let (Some(store), Ok(record)) = (parse_store_key(key), Store::decode(key, record)) {
                found.insert(store, record.row);
            }
        });
        let mut known = Vec::new();
        self.patient.walk(Family::Index, &[Kind::Store.byte()], |key, _| {
            known.extend(key.get(1..).and_then(parse_store_key));
        });
        for store in known {
            if !found.contains_key(&store) {
                self.report.damaged.push(RowKey::Store(store.clone()));
                self.change(Change::MarkStore { store }, Timestamp::EPOCH)?;
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (store, row) in found {
            let Some(row) = row else { continue };
            self.report.store_count += 1;
            let (revision, body) = (row.revision, row.body());
            self.change(Change::PutStore { store, revision, body }, row.stamped_at)?;
        }
        Ok(())
    }

    fn rescue_entry(
        &mut self,
        entry_key: &[u8],
        entry: &EntryId,
        traces: &Traces,
    ) -> Result<(), EngineError> {
        let (current, newest) = self.patient.entry(entry_key);
        self.reviewed.push(Reviewed::Entry(entry.clone()));
        let mut counters = traces.revisions.clone();
        counters.extend(newest);
        let mut twin = None;
        for counter in counters {
            let key = RowKey::Revision(entry.clone(), counter);
            match self.patient.revision(entry_key, counter) {
                Finding::Here(state) => {
                    self.report.revision_count += 1;
                    if matches!(&current, Finding::Here(own) if *own == state) {
                        // Written together with the entry, so that they share the value again.
                        twin = Some(counter);
                        continue;
                    }
                    self.put_revision(entry, counter, state)?;
                }
                Finding::Absent | Finding::Damaged(_) => {
                    self.report.damaged.push(key);
                    let entry = EntryRef::new(&self.stores, entry);
                    let mark = Change::MarkRevision { entry, counter };
                    self.change(mark, Timestamp::EPOCH)?;
                }
            }
        }
        self.recover_values(entry_key, entry, traces, &current)?;
        match current {
            Finding::Here(state) => {
                self.report.entry_count += 1;
                let with_revision = twin == Some(state.revision.counter);
                let (state, stamp) = new_state(state);
                let entry = EntryRef::new(&self.stores, entry);
                self.change(Change::PutEntry { entry, state, with_revision }, stamp)
            }
            Finding::Damaged(_) => {
                self.report.damaged.push(RowKey::Entry(entry.clone()));
                let entry = EntryRef::new(&self.stores, entry);
                self.change(Change::MarkEntry { entry }, Timestamp::EPOCH)
            }
            // Only its history, or values of another time that nothing points to.
            Finding::Absent if !traces.is_current && traces.revisions.is_empty() => {
                self.report.lost.push(format!("values of entry {entry}, which does not exist"));
                Ok(())
            }
            Finding::Absent => Ok(()),
        }
    }

    /// Saves values that neither the entry nor a readable revision row holds. There are none in a
    /// store that is whole.
    fn recover_values(
        &mut self,
        entry_key: &[u8],
        entry: &EntryId,
        traces: &Traces,
        current: &Finding,
    ) -> Result<(), EngineError> {
        let is_current = |counter: u64| matches!(current, Finding::Here(state) if state.revision.counter == counter);
        for (&counter, head) in &traces.values {
            let has_row = matches!(self.patient.revision(entry_key, counter), Finding::Here(_));
            if has_row || is_current(counter) || *current == Finding::Absent {
                continue;
            }
            if let Finding::Here(state) = self.patient.value(entry_key, head) {
                self.report.recovered.push(RowKey::Revision(entry.clone(), counter));
                self.put_revision(entry, counter, state)?;
                // The row that would tell what is older is lost: what is not known there may have
                // been, and must not read as absent.
                let older = counter.checked_sub(1).filter(|older| *older > 0);
                let is_known = |older: &u64| {
                    traces.revisions.contains(older) || traces.values.contains_key(older)
                };
                if let Some(counter) = older.filter(|older| !is_known(older)) {
                    let entry = EntryRef::new(&self.stores, entry);
                    self.change(Change::MarkRevision { entry, counter }, Timestamp::EPOCH)?;
                }
            }
        }
        Ok(())
    }

    fn put_revision(
        &mut self,
        entry: &EntryId,
        counter: u64,
        state: Rescued,
    ) -> Result<(), EngineError> {
        let (state, stamp) = new_state(state);
        let entry = EntryRef::new(&self.stores, entry);
        self.change(Change::PutRevision { entry, counter, state }, stamp)
    }

    fn change(&mut self, change: Change, stamp: Timestamp) -> Result<(), EngineError> {
        self.counters.stamped_at = self.counters.stamped_at.max(stamp);
        self.changes.push((change, stamp));
        if self.changes.len() >= GROUP_COUNT_MAX { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), EngineError> {
        let transaction = self.database.begin_write()?;
        let tables = WriteTables::new(&transaction);
        let mut apply =
            Apply { tables, stores: &self.stores, counters: self.counters, ordered: Vec::new() };
        for (change, stamp) in self.changes.drain(..) {
            let batch = Prepared { conditions: Vec::new(), changes: vec![change], size: 0 };
            apply.write(batch, stamp)?;
        }
        apply.write_counters()?;
        self.counters = apply.counters;
        drop(apply);
        transaction.commit()?;
        Ok(())
    }
}

fn new_state(state: Rescued) -> (NewState, Timestamp) {
    let Rescued { revision, stamped_at, birth, pinned, schema, content } = state;
    (NewState { revision, birth: Birth::At(birth), pinned, schema, content }, stamped_at)
}

fn nameless(entry_key: &[u8], stores: &HashMap<u32, StoreId>) -> String {
    let parsed = crate::encode::keys::parse_entry_key(entry_key);
    parsed.map_or_else(
        || "an entry whose key cannot be read".to_owned(),
        |(number, scope, key)| {
            format!(
                "entry {scope}/{key} of data store number {number}, one of {} known",
                stores.len()
            )
        },
    )
}

#[cfg(test)]
#[path = "salvage/tests.rs"]
mod tests;
