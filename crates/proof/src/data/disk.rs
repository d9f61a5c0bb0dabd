//! The disk: rows, damage, and the store's time.

use std::collections::{BTreeSet, VecDeque};

use steadfast_core::row::{FoundHead, HeadsReply, ReadReply, ScanReply};
use steadfast_core::{
    Batch, CommitOutcome, Found, Limits, Outcome, Refusal, RowKey, RowRange, Timestamp,
};
use steadfast_storage::Rows;
use steadfast_storage::backend::OrderedChange;

use crate::bank::Bug;
use crate::data::planted::Planted;

/// What of a batch was written.
pub(crate) struct Applied {
    pub(crate) batch: Batch,
    pub(crate) stamped_at: Timestamp,
}

/// The rows of the store with what may befall them.
pub(crate) struct Disk {
    rows: Rows,
    damaged: BTreeSet<RowKey>,
    /// The store's time never goes back.
    now: Timestamp,
    seq: u64,
    /// Changes of boards that the front ends were not told yet, with the number of their batch.
    notices: VecDeque<(u64, Vec<OrderedChange>)>,
    told: u64,
    planted: Planted,
}

impl Disk {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            rows: Rows::new(),
            damaged: BTreeSet::new(),
            now: Timestamp::EPOCH,
            seq: 0,
            notices: VecDeque::new(),
            told: 0,
            planted: Planted::new(bug),
        }
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// How many batches were written.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Up to which of them everything was told.
    pub(crate) fn told(&self) -> u64 {
        self.notices.front().map_or(self.seq, |(seq, _)| seq.saturating_sub(1)).max(self.told)
    }

    /// The store's time, at a reading of its clock.
    pub(crate) fn now(&mut self, clock: Timestamp) -> Timestamp {
        self.now = self.now.max(clock).max(self.rows.last_stamp());
        self.now
    }

    /// Damages a row, if there is one. It can be neither read nor compared from now on.
    pub(crate) fn damage(&mut self, key: RowKey) -> bool {
        self.rows.get(&key) != Found::Absent && self.damaged.insert(key)
    }

    fn seen(&self, found: Found) -> Found {
        match found {
            Found::Row(row) if self.damaged.contains(&row.key) => Found::Corrupt(row.key),
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => found,
        }
    }

    pub(crate) fn read(&mut self, keys: &[RowKey], clock: Timestamp) -> ReadReply {
        let now = self.now(clock);
        let found = keys.iter().map(|key| self.seen(self.rows.get(key))).collect();
        let mut reply = ReadReply { rows: found, now };
        self.planted.change_read(&mut reply);
        reply
    }

    pub(crate) fn scan(&mut self, range: &RowRange, limit: usize) -> ScanReply {
        let skipped = self.planted.change_range(range, &self.rows);
        let ScanReply { rows, more } = self.rows.scan(skipped.as_ref().unwrap_or(range), limit);
        ScanReply { rows: rows.into_iter().map(|found| self.seen(found)).collect(), more }
    }

    pub(crate) fn heads(&mut self, range: &RowRange, limit: usize, with_sizes: bool) -> HeadsReply {
        let mut reply = HeadsReply::of(&self.scan(range, limit));
        for found in &mut reply.heads {
            if let (FoundHead::Head(head), false) = (found, with_sizes) {
                head.value_size = None;
            }
        }
        reply
    }

    /// Writes a batch if its conditions hold. What was written, if anything was.
    pub(crate) fn commit(
        &mut self,
        batch: &Batch,
        clock: Timestamp,
        is_late: bool,
    ) -> (CommitOutcome, Option<Applied>) {
        if let Err(error) = batch.check(&Limits::native()) {
            return (Outcome::Refused(Refusal::Invalid(error)), None);
        }
        let found: Vec<Found> =
            batch.conditions.iter().map(|(key, _)| self.seen(self.rows.get(key))).collect();
        let holds = batch
            .conditions
            .iter()
            .zip(&found)
            .all(|((_, condition), found)| condition.holds(found));
        if !holds && !self.planted.ignores_conditions(batch, is_late) {
            return (Outcome::Refused(Refusal::Conditions(found)), None);
        }
        let clock = self.now(clock);
        let Some(written) = self.planted.change_batch(batch, &self.rows) else {
            let stamped_at = clock.max(self.rows.last_stamp().next());
            return (Outcome::Committed(steadfast_core::Committed { stamped_at }), None);
        };
        let changes = self.rows.ordered_changes(&written);
        let committed = self.rows.apply(&written, clock);
        self.now = self.now.max(committed.stamped_at);
        for write in &written.writes {
            self.damaged.remove(write.key());
        }
        self.seq += 1;
        if !changes.is_empty() {
            self.notices.push_back((self.seq, changes));
            self.planted.change_notices(&mut self.notices);
        }
        let applied = Applied { batch: written, stamped_at: committed.stamped_at };
        (Outcome::Committed(committed), Some(applied))
    }

    /// The next changes that the boards are told of, up to those of a batch.
    pub(crate) fn next_notice(&mut self, through: u64) -> Option<Vec<OrderedChange>> {
        let (seq, changes) = self.notices.pop_front_if(|(seq, _)| *seq <= through)?;
        self.told = self.told.max(seq);
        Some(changes)
    }

    /// The process has ended, and nobody is to be told.
    pub(crate) fn forget_notices(&mut self) {
        self.notices.clear();
        self.planted.forget_notices();
        self.told = self.seq;
    }
}
