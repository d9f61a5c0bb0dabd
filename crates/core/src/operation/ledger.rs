//! What a write of a record makes of its ledger: reading what it is planned on, and pruning.
//!
//! ```text
//!   read Head, the operations that end, their receipts
//!     │ a restore: every receipt that ended since
//!     ▼
//!   settle, in memory ([`Draft`])
//!     ▼
//!   full receipts: too old -> gone; too many, or too large -> kept
//!   kept ids:      too old or too many -> gone, and the horizon rises
//!   dead letters:  too many -> gone
//!     ▼
//!   rows, to be written with the record and under its conditions
//! ```
//!
//! Only writes of the record change what is read here, and each of them moves the record's row: the
//! condition on that row covers the rest. There is one exception, an operation that the store does
//! not know any more ([`Draft::settle`]).

mod draft;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use crate::batch::{Batch, Condition, Write};
use crate::id::{EntryId, OperationId, WriteId};
use crate::operation::stored::row;
use crate::operation::{LedgerKey, LedgerRun, LedgerWrite, ReceiptState, Tier};
use crate::platform::{Input, Machine, PlatformError, Step};
use crate::record::RecordWrite;
use crate::row::{Found, ReadReply, ReadResult, RowKey, RowRange, ScanReply, ScanResult};
use crate::time::Timestamp;
use draft::Draft;
use tally::Tally;

/// Most receipts that one write prunes because of their age. What is over a limit goes in any case.
pub const AGED_MAX: usize = 200;

/// Most rows that are read at a time.
const PAGE: usize = 256;

/// Rows that are read at a time where nothing says how many are needed.
const AGED_PAGE: usize = 32;

/// What a write adds to its batch.
#[derive(Debug, Default)]
pub(crate) struct LedgerRows {
    pub(crate) conditions: Vec<(RowKey, Condition)>,
    pub(crate) writes: Vec<Write>,
}

impl LedgerRows {
    /// Makes them part of the batch of the record.
    pub(crate) fn add_to(self, batch: &mut Batch) {
        batch.conditions.extend(self.conditions);
        batch.writes.extend(self.writes);
    }
}

/// What the rows of a ledger are written with.
#[derive(Debug)]
pub(crate) struct LedgerTerms {
    pub(crate) entry: EntryId,
    pub(crate) write_id: WriteId,
    /// The counter of the entry's revision once the batch is committed.
    pub(crate) entry_counter: u64,
    /// The store's time.
    pub(crate) now: Timestamp,
}

impl LedgerTerms {
    /// Those of a write, at a time of the store.
    pub(crate) fn of(write: &RecordWrite, now: Timestamp) -> Self {
        let RecordWrite { entry, write_id, .. } = write;
        let entry_counter = write.entry_counter();
        Self { entry: entry.clone(), write_id: *write_id, entry_counter, now }
    }
}

/// How far the pruning of a tier is.
#[derive(Debug)]
struct Pruning {
    tier: Tier,
    /// Rows up to this one were looked at.
    after: Option<LedgerKey>,
    /// Whether rows of the store follow that were not read.
    has_more: bool,
    /// How many were looked at only because they may be old.
    examined_count: usize,
}

impl Pruning {
    fn of(tier: Tier) -> Self {
        Self { tier, after: None, has_more: true, examined_count: 0 }
    }
}

#[derive(Debug)]
enum Phase {
    /// What ends is being read.
    Reading,
    /// The ledger in numbers is damaged: all rows are being counted, page by page.
    Counting(Tally),
    /// All receipts are being read, page by page.
    Undoing(u64),
    /// Operations are being read that stand elsewhere in the queue than it was known.
    Relocating,
    /// The order of a tier is being read.
    Scanning(Pruning),
    /// The receipts of the oldest of a tier are being read.
    Weighing(Pruning, Vec<(Timestamp, OperationId)>),
    /// Nothing more will be asked for.
    Over,
}

/// Plans the rows of one [`LedgerWrite`].
#[derive(Debug)]
pub(crate) struct LedgerPlanner {
    write: LedgerWrite,
    draft: Draft,
    aged_count: usize,
    phase: Phase,
}

impl Machine for LedgerPlanner {
    type Answer = LedgerRows;

    fn on(&mut self, input: Input) -> Step<LedgerRows> {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_rows(reply),
            (Phase::Counting(tally), Input::Scanned(reply)) => self.on_counting(tally, reply),
            (Phase::Undoing(counter), Input::Scanned(reply)) => self.on_undoing(counter, reply),
            (Phase::Relocating, Input::Read(reply)) => self.on_relocated(reply),
            (Phase::Scanning(pruning), Input::Scanned(reply)) => self.on_order(pruning, reply),
            (Phase::Weighing(pruning, oldest), Input::Read(reply)) => {
                self.on_weighed(pruning, &oldest, reply)
            }
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        step.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl LedgerPlanner {
    pub(crate) fn start(write: LedgerWrite, terms: LedgerTerms) -> (Self, Step<LedgerRows>) {
        let draft = Draft::new(terms, std::sync::Arc::clone(&write.settings));
        let mut planner = Self { write, draft, aged_count: 0, phase: Phase::Reading };
        let step = planner.read(planner.wanted());
        (planner, step)
    }

    /// What ends is planned on.
    fn wanted(&self) -> BTreeSet<LedgerKey> {
        let mut wanted = BTreeSet::from([LedgerKey::Head]);
        if self.write.rebuild {
            wanted.insert(LedgerKey::Queue);
        }
        for settlement in &self.write.settled {
            let id = settlement.id();
            wanted.insert(LedgerKey::Pending(settlement.seq));
            wanted.insert(LedgerKey::Receipt(id.clone()));
            if settlement.death.is_some() {
                wanted.insert(LedgerKey::DeadLetter(id.clone()));
            }
        }
        wanted.extend(self.write.tried.iter().map(|tried| LedgerKey::Receipt(tried.id.clone())));
        wanted
    }

    fn read(&mut self, wanted: impl IntoIterator<Item = LedgerKey>) -> Step<LedgerRows> {
        let entry = &self.draft.terms.entry;
        let wanted: Vec<_> = wanted.into_iter().collect();
        let rows = wanted.iter().map(|key| row(entry, key.clone())).collect();
        self.draft.asked = wanted;
        Step::Read(rows)
    }

    fn scan(&self, run: LedgerRun, after: Option<LedgerKey>, limit: usize) -> Step<LedgerRows> {
        let entry = self.draft.terms.entry.clone();
        Step::Scan(RowRange::Ledger { entry, run, after }, limit)
    }

    fn on_rows(&mut self, reply: ReadResult) -> Result<Step<LedgerRows>, PlatformError> {
        let ReadReply { rows, now } = reply?;
        self.draft.terms.now = now;
        self.draft.add_read(rows);
        if self.write.rebuild && self.draft.is_head_damaged() {
            self.phase = Phase::Counting(Tally::default());
            return Ok(self.scan(LedgerRun::All, None, PAGE));
        }
        self.draft.open()?;
        Ok(self.begin())
    }

    /// Nobody changes what is counted: without the ledger in numbers nothing is queued or settled, and
    /// any other write of the record refuses this one.
    fn on_counting(
        &mut self,
        mut tally: Tally,
        reply: ScanResult,
    ) -> Result<Step<LedgerRows>, PlatformError> {
        let ScanReply { rows, more } = reply?;
        for found in &rows {
            tally.add(found);
        }
        if more {
            let last = rows.last().and_then(ledger_key).cloned();
            self.phase = Phase::Counting(tally);
            return Ok(self.scan(LedgerRun::All, last, PAGE));
        }
        self.draft.rebuild(tally)?;
        Ok(self.begin())
    }

    fn begin(&mut self) -> Step<LedgerRows> {
        match self.write.undo_after {
            None => self.relocate(),
            Some(counter) => {
                self.phase = Phase::Undoing(counter);
                self.scan(LedgerRun::Receipts, None, PAGE)
            }
        }
    }

    fn on_undoing(
        &mut self,
        counter: u64,
        reply: ScanResult,
    ) -> Result<Step<LedgerRows>, PlatformError> {
        let ScanReply { rows, more } = reply?;
        let last = rows.last().and_then(ledger_key).cloned();
        self.draft.undo(rows, counter);
        if more {
            self.phase = Phase::Undoing(counter);
            return Ok(self.scan(LedgerRun::Receipts, last, PAGE));
        }
        Ok(self.relocate())
    }

    /// A store that went back may have been given the same operation again, at another place.
    fn relocate(&mut self) -> Step<LedgerRows> {
        let place = |id: &OperationId| match self.draft.receipt(id)?.state {
            ReceiptState::Pending { seq, .. } => Some(LedgerKey::Pending(seq)),
            ReceiptState::Full(_) | ReceiptState::Kept { .. } => None,
        };
        let places = self.write.settled.iter().filter_map(|it| place(it.id()));
        let unread: BTreeSet<_> = places.filter(|key| !self.draft.has_read(key)).collect();
        if unread.is_empty() {
            return self.settle();
        }
        self.phase = Phase::Relocating;
        self.read(unread)
    }

    fn on_relocated(&mut self, reply: ReadResult) -> Result<Step<LedgerRows>, PlatformError> {
        self.draft.add_read(reply?.rows);
        Ok(self.settle())
    }

    fn settle(&mut self) -> Step<LedgerRows> {
        for attempt in &self.write.tried {
            self.draft.try_again(attempt);
        }
        for settlement in &self.write.settled {
            self.draft.settle(settlement);
        }
        self.prune(Pruning::of(Tier::Full))
    }

    fn next_tier(&mut self, tier: Tier) -> Step<LedgerRows> {
        match tier {
            Tier::Full => self.prune(Pruning::of(Tier::Kept)),
            Tier::Kept => self.prune(Pruning::of(Tier::Dead)),
            Tier::Dead => {
                let draft = &mut self.draft;
                Step::Done(Ok(draft.rows()))
            }
        }
    }

    /// Looks at the oldest of a tier that were not looked at.
    fn prune(&mut self, pruning: Pruning) -> Step<LedgerRows> {
        let tier = pruning.tier;
        let excess = self.draft.excess(tier);
        let is_needed = match tier {
            Tier::Full | Tier::Kept => self.draft.count(tier) > 0,
            Tier::Dead => excess > 0,
        };
        if !is_needed || !pruning.has_more {
            return self.next_tier(tier);
        }
        let limit = if pruning.examined_count > 0 { AGED_PAGE.max(excess) } else { excess };
        let after = pruning.after.clone();
        self.phase = Phase::Scanning(pruning);
        self.scan(LedgerRun::Order(tier), after, limit.clamp(1, PAGE))
    }

    fn on_order(
        &mut self,
        mut pruning: Pruning,
        reply: ScanResult,
    ) -> Result<Step<LedgerRows>, PlatformError> {
        let ScanReply { rows, more } = reply?;
        let last = rows.last().and_then(ledger_key).cloned();
        // Damaged rows of the order stay where they are.
        let rows = rows.iter().filter(|found| found.revision().is_some());
        let stored: BTreeSet<_> = rows.filter_map(ledger_key).cloned().collect();
        let last = last.filter(|_| more);
        let oldest = self.draft.oldest(pruning.tier, stored, pruning.after.as_ref(), last.as_ref());
        (pruning.after, pruning.has_more) = (last, more);
        let is_open = oldest.first().is_some_and(|(issued_at, _)| {
            self.draft.excess(pruning.tier) > 0 || self.draft.may_be_aged(*issued_at)
        });
        if pruning.tier == Tier::Dead {
            for (died_at, id) in &oldest {
                if self.draft.excess(Tier::Dead) > 0 {
                    self.draft.forget_letter(*died_at, id);
                }
            }
            return Ok(self.prune(pruning));
        }
        if !is_open {
            let tier = pruning.tier;
            return Ok(if oldest.is_empty() { self.prune(pruning) } else { self.next_tier(tier) });
        }
        let receipts = oldest.iter().map(|(_, id)| LedgerKey::Receipt(id.clone()));
        let unread: Vec<_> = receipts.filter(|key| !self.draft.has(key)).collect();
        if unread.is_empty() {
            return Ok(self.weigh(pruning, &oldest));
        }
        self.phase = Phase::Weighing(pruning, oldest);
        Ok(self.read(unread))
    }

    fn on_weighed(
        &mut self,
        pruning: Pruning,
        oldest: &[(Timestamp, OperationId)],
        reply: ReadResult,
    ) -> Result<Step<LedgerRows>, PlatformError> {
        self.draft.add_read(reply?.rows);
        Ok(self.weigh(pruning, oldest))
    }

    /// Prunes what is too old, and what there is too much of.
    fn weigh(
        &mut self,
        mut pruning: Pruning,
        oldest: &[(Timestamp, OperationId)],
    ) -> Step<LedgerRows> {
        let tier = pruning.tier;
        for (issued_at, id) in oldest {
            // A damaged receipt stays where it is.
            let Some(receipt) = self.draft.receipt(id) else { continue };
            if self.aged_count < AGED_MAX && self.draft.is_aged(id, &receipt) {
                self.aged_count += 1;
                pruning.examined_count += 1;
                self.draft.forget(id, &receipt);
            } else if self.draft.excess(tier) > 0 {
                self.draft.demote(tier, id, &receipt);
            } else if self.draft.may_be_aged(*issued_at) && pruning.examined_count < AGED_MAX {
                pruning.examined_count += 1;
            } else {
                return self.next_tier(tier);
            }
        }
        let last = oldest.last().map(|(issued_at, _)| *issued_at);
        let may_be_aged = last.is_some_and(|issued_at| self.draft.may_be_aged(issued_at))
            && pruning.examined_count < AGED_MAX;
        if self.draft.excess(tier) == 0 && !may_be_aged {
            return self.next_tier(tier);
        }
        self.prune(pruning)
    }
}

fn ledger_key(found: &Found) -> Option<&LedgerKey> {
    if let Some(RowKey::Ledger(_, key)) = found.key() { Some(key) } else { None }
}

/// Rows by name, as they were read.
type ReadRows = BTreeMap<LedgerKey, Found>;

#[cfg(test)]
mod tests;
