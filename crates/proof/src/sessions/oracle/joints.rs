//! Transactions over several sessions, and what becomes of coins.
//!
//! | rule | what must hold |
//! |---|---|
//! | G8 | the number of a transaction comes to its records in one batch, to all of them or to none |
//! | G8 | no stored record lacks what was taken without holding the number, or the other way round |
//! | G8 | what is given shows in memory only once it is stored |
//! | G1 | each batch changes the sum of all coins by what its operations bring in, and so do those that show |
//! | W1 | what is said to be committed is stored in all of its records, and stays there |
//! | W4 | what is said to be refused is stored nowhere, and never will be |
//!
//! What puts a record back, or empties it, takes numbers and coins along, and counts for itself. After
//! a fail-over that lost a transaction, its sessions store their data again, one by one: all of its
//! records hold it when all has come to rest, if its process still ran, lost none of the sessions
//! before that, and nobody repaired one of the records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use steadfast_core::game_server::Ticket;
use steadfast_core::session::SaveError;
use steadfast_core::{Batch, Condition, EntryId, Monotonic, Revision, RowKey, SessionId, Write};

use super::ledgers::Ledger;
use super::tickets::Purpose;
use super::{Checked, SessionOracle};
use crate::sessions::sheet::Applied;
use crate::sessions::witness::{Marker, Transfer};

/// A repair that was begun has reached the store after this, or never will.
const REPAIR_MAX: Duration = Duration::from_mins(5);

/// Whether a transaction is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// In none of its records so far.
    Never,
    /// It was stored in all of them at once.
    Whole,
    /// A fail-over lost it.
    Lost {
        /// Whether its sessions must bring it back.
        must_return: bool,
    },
}

/// What a transaction does to one of its records.
#[derive(Clone, Copy, Debug)]
struct Part {
    key: usize,
    session: usize,
    marker: Marker,
    gain: i64,
}

/// A transaction.
#[derive(Clone, Debug)]
struct Known {
    process: usize,
    parts: Vec<Part>,
    stored: Stored,
    is_refused: bool,
}

/// What a batch did to the coins and numbers of one record.
#[derive(Clone, Debug)]
struct Change {
    key: usize,
    appeared: Vec<u32>,
    vanished: Option<u32>,
    before: u64,
    after: u64,
    /// What operations brought in; nothing of a record that was put back or emptied.
    came_in: Option<u64>,
}

/// All transactions.
#[derive(Debug, Default)]
pub(super) struct Joints {
    known: BTreeMap<u32, Known>,
    /// What the batch that is looked at does.
    changes: Vec<Change>,
    /// When somebody set out to repair a record last.
    repaired: BTreeMap<usize, Monotonic>,
}

/// The entry whose record is written.
fn entry_of(write: &Write) -> Option<&EntryId> {
    if let RowKey::Record(entry) = write.key() { Some(entry) } else { None }
}

/// What a batch does to each of its records, apart.
pub(super) fn split(batch: &Batch) -> Option<Vec<Batch>> {
    let entries = || batch.writes.iter().filter_map(entry_of);
    entries().nth(1)?;
    let entries: Vec<&EntryId> = entries().collect();
    let place = |key: &RowKey| {
        let entry = match key {
            RowKey::Entry(entry)
            | RowKey::Revision(entry, _)
            | RowKey::Record(entry)
            | RowKey::Ends(entry)
            | RowKey::Mail(_, entry)
            | RowKey::Ledger(entry, _) => Some(entry),
            RowKey::Review(_, reviewed) => Some(reviewed.entry()),
            RowKey::Store(_)
            | RowKey::ApiKey(_)
            | RowKey::Universe(_)
            | RowKey::Ordered(_)
            | RowKey::Presence(_) => None,
        };
        entry.and_then(|entry| entries.iter().position(|other| *other == entry)).unwrap_or(0)
    };
    let mut parts = vec![Batch::default(); entries.len()];
    for condition in &batch.conditions {
        let condition: &(RowKey, Condition) = condition;
        if let Some(part) = parts.get_mut(place(&condition.0)) {
            part.conditions.push(condition.clone());
        }
    }
    for write in &batch.writes {
        if let Some(part) = parts.get_mut(place(write.key())) {
            part.writes.push(write.clone());
        }
    }
    Some(parts)
}

/// What operations of these numbers bring in.
fn brought(ledger: &Ledger, numbers: &[u32]) -> u64 {
    numbers.iter().filter_map(|number| ledger.brings.get(number)).sum()
}

/// What is new at the end of a list; nothing if it is not the same list, gone on.
fn gone_on<'a>(before: &[u32], after: &'a [u32]) -> Option<&'a [u32]> {
    after.strip_prefix(before)
}

impl SessionOracle {
    pub(super) fn on_asked_transaction(
        &mut self,
        now: Monotonic,
        (process, ticket): (usize, Ticket),
        transfer: &Transfer,
    ) -> Checked {
        let number = transfer.number;
        let mut parts = Vec::new();
        for share in &transfer.shares {
            let key = self.session(process, share.session.id)?.key;
            let session = self.session_of.get(&share.session.id).copied();
            let session = session.ok_or("W4: no such session")?;
            self.at_mut(key).ledger.gains.insert(number, share.gain);
            parts.push(Part { key, session, marker: share.marker, gain: share.gain });
        }
        let (stored, is_refused) = (Stored::Never, false);
        self.joints.known.insert(number, Known { process, parts, stored, is_refused });
        self.ask(now, (process, ticket), Purpose::Transaction { number });
        Ok(())
    }

    /// W1, W4: what is said of a transaction.
    pub(super) fn on_transaction_told(
        &mut self,
        number: u32,
        result: &Result<Revision, SaveError>,
    ) -> Checked {
        let Some(known) = self.joints.known.get(&number) else {
            return Err(format!("W4: nobody asked for transaction {number}"));
        };
        let stored = known.stored;
        match result {
            Ok(revision) => {
                let is_it = |part: &Part| {
                    let logged = self.at(part.key).logged(*revision);
                    logged.is_some_and(|logged| logged.marker == Some(part.marker))
                };
                if stored != Stored::Never && known.parts.iter().any(is_it) {
                    return Ok(());
                }
                Err(format!("W1: transaction {number} is said to be at {revision}, {stored:?}"))
            }
            Err(SaveError::LeaseLost) if stored == Stored::Whole => {
                Err(format!("W4: transaction {number} is said to be refused, and it is stored"))
            }
            Err(SaveError::LeaseLost) => {
                let known = self.joints.known.get_mut(&number).expect("it was there");
                known.is_refused = true;
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// The data of a record is being written.
    pub(super) fn note_coins(&mut self, key: usize, after: &Applied, is_deleted: bool) -> Checked {
        let ledger = &self.at(key).ledger;
        let before = &ledger.data;
        let (old, new) = (&before.moves.numbers, &after.moves.numbers);
        let joined = gone_on(old, new);
        let done = gone_on(&before.numbers, &after.numbers);
        let came_in = joined.and(done).filter(|_| !is_deleted).map(|done| brought(ledger, done));
        let appeared = match joined {
            Some(joined) => joined.to_vec(),
            None => new.iter().filter(|number| !old.contains(number)).copied().collect(),
        };
        let vanished = match joined {
            Some(_) => None,
            None => old.iter().find(|number| !new.contains(number)).copied(),
        };
        let (before, after_total) = (before.total(), after.total());
        let change = Change { key, appeared, vanished, before, after: after_total, came_in };
        self.joints.changes.push(change);
        if after.moves.is_open() {
            let entry = &self.at(key).entry;
            return Err(format!("G8: {entry} was stored apart from its transaction: {after:?}"));
        }
        Ok(())
    }

    /// A batch is written: what it does to all of its records together.
    pub(super) fn check_coins(&mut self) -> Checked {
        let mut changes = std::mem::take(&mut self.joints.changes);
        let checked = self.check_changes(&changes);
        changes.clear();
        self.joints.changes = changes;
        checked
    }

    fn check_changes(&mut self, changes: &[Change]) -> Checked {
        for change in changes {
            for number in &change.appeared {
                self.check_appeared(*number, change.key, changes)?;
            }
            let is_repaired = self.at(change.key).ledger.is_repaired;
            if let Some(number) = change.vanished.filter(|_| !is_repaired && !self.has_lost) {
                let entry = &self.at(change.key).entry;
                return Err(format!("W1: transaction {number} is gone from {entry}"));
            }
        }
        let mut is_back = false;
        // Each once: it comes to all of its records with one batch, and is not back by that.
        let appeared: BTreeSet<u32> =
            changes.iter().flat_map(|change| &change.appeared).copied().collect();
        for number in appeared {
            is_back |= self.note_stored(number);
        }
        let sum = |of: fn(&Change) -> u64| changes.iter().map(of).sum::<u64>();
        let came_in: Option<u64> = changes.iter().map(|change| change.came_in).sum();
        match came_in.filter(|_| !self.has_lost && !is_back) {
            Some(came_in) if sum(|it| it.before) + came_in != sum(|it| it.after) => {
                Err(format!("G1: {came_in} coins came in: {changes:?}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// G8: the number of a transaction comes to a record.
    fn check_appeared(&self, number: u32, key: usize, changes: &[Change]) -> Checked {
        let state = self.at(key);
        let entry = &state.entry;
        let Some(known) = self.joints.known.get(&number) else {
            return Err(format!("G8: transaction {number} came to {entry}, nobody made it"));
        };
        let is_mine = known.parts.iter().any(|part| part.key == key);
        if !is_mine {
            return Err(format!("G8: transaction {number} came to {entry}, which takes no part"));
        }
        match known.stored {
            Stored::Never if known.is_refused => {
                Err(format!("W4: transaction {number} was said to be refused, and is stored"))
            }
            Stored::Never => {
                let has = |part: &Part| {
                    let mut changes = changes.iter().filter(|change| change.key == part.key);
                    changes.any(|change| change.appeared.contains(&number))
                };
                if known.parts.iter().all(has) {
                    return Ok(());
                }
                Err(format!(
                    "G8: transaction {number} came to {entry}, and not to all of its records"
                ))
            }
            Stored::Whole if state.ledger.is_repaired || self.has_lost => Ok(()),
            Stored::Whole => Err(format!("G8: transaction {number} came to {entry} once more")),
            Stored::Lost { .. } => Ok(()),
        }
    }

    fn is_whole(&self, number: u32, known: &Known) -> bool {
        let holds = |part: &Part| self.at(part.key).ledger.data.moves.numbers.contains(&number);
        known.parts.iter().all(holds)
    }

    /// Whether it came back, since it had been stored before.
    fn note_stored(&mut self, number: u32) -> bool {
        let Some(known) = self.joints.known.get(&number) else { return false };
        let before = known.stored;
        let stored = match before {
            Stored::Never | Stored::Whole => Stored::Whole,
            Stored::Lost { .. } if self.is_whole(number, known) => Stored::Whole,
            Stored::Lost { .. } => before,
        };
        if let Some(known) = self.joints.known.get_mut(&number) {
            known.stored = stored;
        }
        before != Stored::Never
    }

    /// G1, G8: what a session shows while a transaction over it is open.
    pub(super) fn on_shows(
        &mut self,
        process: usize,
        session: SessionId,
        applied: &Applied,
    ) -> Checked {
        let held = self.session(process, session)?;
        let (key, has_lost) = (held.key, self.has_lost);
        let state = self.at(key);
        let session = self.session_of.get(&session).copied();
        let is_early = |number: &&u32| {
            let known = self.joints.known.get(number);
            known.is_none_or(|known| known.stored == Stored::Never)
        };
        if let Some(number) = applied.moves.numbers.iter().rev().find(is_early) {
            let entry = &state.entry;
            return Err(format!("G8: {entry} shows transaction {number}, which is not stored"));
        }
        let ledger = &state.ledger;
        let done = gone_on(&ledger.data.numbers, &applied.numbers);
        let joined = gone_on(&ledger.data.moves.numbers, &applied.moves.numbers);
        let (Some(done), Some([])) = (done, joined) else { return Ok(()) };
        if has_lost || state.holder != session {
            return Ok(());
        }
        let taken = if applied.moves.is_open() { self.taken_of(session) } else { 0 };
        let expected = ledger.data.total() + brought(ledger, done) - taken;
        if applied.total() == expected {
            return Ok(());
        }
        let entry = &state.entry;
        Err(format!("G1: {entry} shows {} coins, not {expected}: {applied:?}", applied.total()))
    }

    /// What the last transaction over a session took of its record.
    fn taken_of(&self, session: Option<usize>) -> u64 {
        let mut parts = self.joints.known.values().rev().flat_map(|known| &known.parts);
        let part = parts.find(|part| Some(part.session) == session);
        part.map_or(0, |part| part.gain.min(0).unsigned_abs())
    }

    /// Somebody sets out to repair a record.
    pub(super) fn note_repair(&mut self, now: Monotonic, key: usize) {
        self.joints.repaired.insert(key, now);
        self.excuse(|part| part.key == key);
    }

    /// A session is over, and not by a release.
    pub(super) fn note_session_lost(&mut self, session: usize) {
        self.excuse(|part| part.session == session);
    }

    /// A process is gone.
    pub(super) fn note_crash(&mut self, process: usize) {
        for known in self.joints.known.values_mut().filter(|known| known.process == process) {
            known.stored = known.stored.excused();
        }
    }

    fn excuse(&mut self, is_it: impl Fn(&Part) -> bool) {
        for known in self.joints.known.values_mut() {
            if known.parts.iter().any(&is_it) {
                known.stored = known.stored.excused();
            }
        }
    }

    /// The numbers that all of their records hold, before a loss.
    pub(super) fn whole_transactions(&self) -> Vec<u32> {
        let all = self.joints.known.iter();
        all.filter(|(number, known)| self.is_whole(**number, known))
            .map(|(number, _)| *number)
            .collect()
    }

    /// The store lost what came after some rows; these were whole before.
    pub(super) fn note_lost_transactions(&mut self, now: Monotonic, whole: &[u32]) {
        let lost = whole.iter().filter_map(|number| {
            let known = self.joints.known.get(number)?;
            let is_kept = |part: &Part| {
                let held = self.held(part.session);
                let repaired = self.joints.repaired.get(&part.key);
                let is_calm = repaired.is_none_or(|at| now.saturating_since(*at) > REPAIR_MAX);
                is_calm && !held.is_over && !self.process(held.process).is_crashed
            };
            let must_return = known.parts.iter().all(is_kept);
            (!self.is_whole(*number, known)).then_some((*number, must_return))
        });
        let lost: Vec<(u32, bool)> = lost.collect();
        for known in self.joints.known.values_mut() {
            // What comes late may be stored on what stands there now.
            known.is_refused = false;
        }
        for (number, must_return) in lost {
            if let Some(known) = self.joints.known.get_mut(&number) {
                known.stored = Stored::Lost { must_return };
            }
        }
    }

    /// G8: what a fail-over lost is back, as far as those who had it still run.
    pub(super) fn check_returned(&self) -> Checked {
        let must = |known: &Known| known.stored == Stored::Lost { must_return: true };
        match self.joints.known.iter().find(|(_, known)| must(known)) {
            None => Ok(()),
            Some((number, known)) => {
                let lacks =
                    |part: &&Part| !self.at(part.key).ledger.data.moves.numbers.contains(number);
                let entry = known.parts.iter().find(lacks).map(|part| &self.at(part.key).entry);
                Err(format!("G8: a fail-over lost transaction {number}, {entry:?} lacks it"))
            }
        }
    }
}

impl Stored {
    fn excused(self) -> Self {
        match self {
            Self::Lost { .. } => Self::Lost { must_return: false },
            Self::Never | Self::Whole => self,
        }
    }
}

#[cfg(test)]
#[path = "joints/tests.rs"]
mod tests;
