//! The embedded store: rows on a disk, one committer, group commit.
//!
//! ```text
//!     submit ──► queue ──► flush ───────────────► answers
//!                  ▲         │ conditions are checked in the order of the queue, each batch
//!                  │         │ on the rows as the one before leaves them
//!     while a flush is under way, batches gather here
//! ```
//!
//! Rows show what is on the disk: nothing of a flush before its end. A crash loses the queue; of
//! a flush under way it leaves all or nothing, drawn from the seed, because redb's commit is
//! atomic (S6 is the crash of which nothing is left). Damage is kept beside the rows, so that a
//! damaged row stays what it was for the judges.

use std::time::Duration;

use steadfast_core::row::{ReadReply, ReadResult, ScanResult};
use steadfast_core::{
    Batch, CommitOutcome, Committed, EntryId, Found, Outcome, Refusal, Rng, Row, RowBody, RowKey,
    RowRange, Timestamp, Write,
};
use steadfast_storage::Rows;

use crate::bank::Bug;
use crate::platform::sites::{STORE_COMMIT, STORE_FLUSH, STORE_READ};
use crate::platform::{Context, Event};
use crate::refusals::{exhausted, unavailable, unreadable};

/// Whose batch it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The slot of the job that waits for the outcome.
    pub(super) job: usize,
    /// The number under which the oracle knows the request.
    pub(super) execution: usize,
}

/// A batch on its way.
#[derive(Clone, Debug)]
pub(super) struct Submission {
    origin: Origin,
    batch: Batch,
    manner: Manner,
}

/// How a batch is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// With what came of it.
    Honest,
    /// With an error in place of the outcome (S2).
    Unknown,
    /// Not at all: its caller has given up (S3).
    Silent,
    /// Bug `refused-after-applied`.
    Refused,
    /// Bug `ack-before-flush`: it was answered before.
    Answered(Timestamp),
}

/// What goes wrong with a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FlushFault {
    Torn,
    Failed { is_written: bool },
    Full,
}

/// What a flush ends with.
pub(super) struct Flushed {
    /// The outcome of each batch that waits for one.
    pub(super) outcomes: Vec<(usize, CommitOutcome)>,
    /// The flush failed: the store serves no more (S7).
    pub(super) has_stopped: bool,
}

/// The store. What is on its disk outlives the process.
pub(super) struct Store {
    rows: Rows,
    /// Damaged rows (S10).
    damaged: Vec<RowKey>,
    /// What is really on a disk that lies (S8).
    beneath: Option<Rows>,
    queue: Vec<Submission>,
    flushing: Vec<Submission>,
    /// The clock at the start of the flush.
    flush_clock: Timestamp,
    flush_fault: Option<FlushFault>,
    is_stopped: bool,
    /// Which life of the process this is: events of an earlier one are void.
    incarnation: u32,
    rng: Rng,
}

impl Store {
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            rows: Rows::new(),
            damaged: Vec::new(),
            beneath: None,
            queue: Vec::new(),
            flushing: Vec::new(),
            flush_clock: Timestamp::EPOCH,
            flush_fault: None,
            is_stopped: false,
            incarnation: 0,
            rng,
        }
    }

    /// What is on the disk.
    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Which life of the process this is.
    pub(super) fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Whether no batch is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flushing.is_empty()
    }

    /// Whether a row is damaged.
    pub(super) fn is_damaged(&self, key: &RowKey) -> bool {
        !self.damaged.is_empty() && self.damaged.contains(key)
    }

    /// Damages a row, if there is one.
    pub(super) fn damage(&mut self, key: RowKey) -> bool {
        let is_new = !self.is_damaged(&key) && self.rows.get(&key) != Found::Absent;
        if is_new {
            self.damaged.push(key);
        }
        is_new
    }

    fn found(&self, ctx: &Context<'_>, key: &RowKey) -> Found {
        if self.is_damaged(key) {
            if ctx.has(Bug::CorruptAsAbsent) {
                return Found::Absent;
            }
            return Found::Corrupt(key.clone());
        }
        self.rows.get(key)
    }

    /// Reads rows. Only where a refusal at the commit is certain to follow may the snapshot be an
    /// older one (S4).
    pub(super) fn read(
        &mut self,
        ctx: &mut Context<'_>,
        keys: &[RowKey],
        may_be_stale: bool,
    ) -> ReadResult {
        let fault = ctx.sim.faults.visit(&STORE_READ);
        if self.is_stopped || fault.is_some_and(|fault| fault.class == "S1") {
            if ctx.has(Bug::ReadErrorAsAbsent) {
                let rows = keys.iter().map(|_| Found::Absent).collect();
                return Ok(ReadReply { rows, now: ctx.clock() });
            }
            return Err(unreadable());
        }
        let mut rows: Vec<Found> = keys.iter().map(|key| self.found(ctx, key)).collect();
        let trusts = ctx.has(Bug::StaleReadTrusted);
        if let Some(fault) = fault.filter(|fault| fault.class == "S4")
            && (may_be_stale || trusts)
            && let Some(first) = rows.first_mut()
        {
            self.age(first, fault.amount());
        }
        Ok(ReadReply { rows, now: ctx.clock().max(self.rows.last_stamp()) })
    }

    /// Turns an entry's row into what it was some revisions before.
    fn age(&self, found: &mut Found, by: i64) {
        let Found::Row(Row { key: RowKey::Entry(id), revision, .. }) = &*found else { return };
        let by = u64::try_from(by).unwrap_or(1);
        let older = match revision.counter.saturating_sub(by) {
            0 => Found::Absent,
            counter => self.rows.get(&RowKey::Revision(id.clone(), counter)),
        };
        let key = RowKey::Entry(id.clone());
        *found = match older {
            Found::Row(Row { revision, stamped_at, body: RowBody::Revision(body), .. }) => {
                Found::Row(Row { key, revision, stamped_at, body: RowBody::Entry(body) })
            }
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => Found::Absent,
        };
    }

    /// Reads a run of rows.
    pub(super) fn scan(
        &mut self,
        ctx: &mut Context<'_>,
        range: &RowRange,
        limit: usize,
    ) -> ScanResult {
        let fault = ctx.sim.faults.visit(&STORE_READ);
        if self.is_stopped || fault.is_some_and(|fault| fault.class == "S1") {
            return Err(unreadable());
        }
        let mut reply = self.rows.scan(range, limit);
        if !self.damaged.is_empty() {
            for found in &mut reply.rows {
                if let Found::Row(row) = found
                    && self.is_damaged(&row.key)
                {
                    *found = self.found(ctx, &row.key);
                }
            }
        }
        Ok(reply)
    }

    /// Takes a batch. Its outcome follows, or is already known.
    pub(super) fn submit(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        batch: Batch,
    ) -> Option<CommitOutcome> {
        if self.is_stopped {
            return Some(Outcome::Refused(unavailable()));
        }
        let mut manner = Manner::Honest;
        if let Some(fault) = ctx.sim.faults.visit(&STORE_COMMIT) {
            match fault.class {
                "S1" if ctx.has(Bug::RefusedAfterApplied) => manner = Manner::Refused,
                "S1" => return Some(Outcome::Refused(unavailable())),
                "S2" => manner = Manner::Unknown,
                "S3" => {
                    let late = Submission { origin, batch, manner: Manner::Silent };
                    let incarnation = self.incarnation;
                    let event = Event::LateBatch { incarnation, submission: Box::new(late) };
                    ctx.sim.world.schedule_in(fault.duration(), event);
                    return Some(Outcome::Unknown);
                }
                _ => return Some(Outcome::Refused(exhausted("too many requests"))),
            }
        }
        self.enqueue(ctx, Submission { origin, batch, manner });
        None
    }

    /// A batch whose caller had given up arrives after all (S3).
    pub(super) fn arrive_late(&mut self, ctx: &mut Context<'_>, submission: Submission) {
        if !self.is_stopped {
            self.enqueue(ctx, submission);
        }
    }

    fn enqueue(&mut self, ctx: &mut Context<'_>, submission: Submission) {
        self.queue.push(submission);
        if self.flushing.is_empty() {
            self.start_flush(ctx);
        }
    }

    fn start_flush(&mut self, ctx: &mut Context<'_>) {
        std::mem::swap(&mut self.queue, &mut self.flushing);
        self.flush_clock = ctx.clock();
        self.flush_fault = None;
        let mut duration = Duration::from_micros(self.rng.in_range(300..6_000));
        if let Some(fault) = ctx.sim.faults.visit(&STORE_FLUSH) {
            match fault.class {
                "S6" => self.flush_fault = Some(FlushFault::Torn),
                "S7" => {
                    let is_written = fault.amount() > 0;
                    self.flush_fault = Some(FlushFault::Failed { is_written });
                }
                "S9" => self.flush_fault = Some(FlushFault::Full),
                _ => duration = duration.saturating_add(fault.duration()),
            }
        }
        let incarnation = self.incarnation;
        let event = if self.flush_fault == Some(FlushFault::Torn) {
            Event::PowerCut { incarnation }
        } else {
            Event::FlushEnd { incarnation }
        };
        ctx.sim.world.schedule_in(duration, event);
        if ctx.has(Bug::AckBeforeFlush) {
            self.answer_early(ctx);
        }
    }

    /// A flush has ended.
    pub(super) fn end_flush(&mut self, ctx: &mut Context<'_>) -> Flushed {
        let fault = self.flush_fault.take();
        let flushed = std::mem::take(&mut self.flushing);
        let has_stopped = matches!(fault, Some(FlushFault::Failed { .. }));
        self.is_stopped |= has_stopped;
        let is_written = match fault {
            Some(FlushFault::Full) => ctx.has(Bug::FullButWritten),
            Some(FlushFault::Failed { is_written }) => is_written,
            Some(FlushFault::Torn) | None => true,
        };
        let together = (ctx.has(Bug::GroupCheckedTogether)).then(|| self.check_all(&flushed));
        let mut outcomes = Vec::with_capacity(flushed.len());
        for (index, submission) in flushed.into_iter().enumerate() {
            let passes = together.as_ref().and_then(|passed| passed.get(index)) == Some(&true);
            let written = is_written.then(|| self.write(ctx, &submission, passes));
            let outcome = match (fault, written) {
                (Some(FlushFault::Failed { .. }), _) => Outcome::Unknown,
                (None | Some(FlushFault::Torn), Some(outcome)) => outcome,
                (Some(FlushFault::Full), _) | (_, None) => {
                    Outcome::Refused(exhausted("the disk is full"))
                }
            };
            let outcome = match submission.manner {
                Manner::Honest => outcome,
                Manner::Unknown => Outcome::Unknown,
                Manner::Refused => Outcome::Refused(unavailable()),
                Manner::Silent => {
                    let is_refused = matches!(outcome, Outcome::Refused(Refusal::Conditions(_)));
                    ctx.marks.late_batch_refused |= is_refused;
                    ctx.marks.late_batch_written |= matches!(outcome, Outcome::Committed(_));
                    continue;
                }
                Manner::Answered(_) => continue,
            };
            if let Outcome::Committed(committed) = &outcome {
                ctx.oracle.on_committed(submission.origin.execution, *committed);
            }
            outcomes.push((submission.origin.job, outcome));
        }
        if !self.queue.is_empty() && !self.is_stopped {
            self.start_flush(ctx);
        }
        Flushed { outcomes, has_stopped }
    }

    /// Checks a batch and puts it on the disk.
    fn write(
        &mut self,
        ctx: &mut Context<'_>,
        submission: &Submission,
        passes: bool,
    ) -> CommitOutcome {
        let clock = match submission.manner {
            Manner::Answered(stamp) => stamp,
            Manner::Honest | Manner::Unknown | Manner::Silent | Manner::Refused => self.flush_clock,
        };
        let batch = &submission.batch;
        if batch.conditions.iter().any(|(key, _)| self.is_damaged(key)) {
            let found = batch.conditions.iter().map(|(key, _)| self.found(ctx, key)).collect();
            return Outcome::Refused(Refusal::Conditions(found));
        }
        let is_unchecked = passes
            || ctx.has(Bug::RevisionIgnored) && self.refuses_only_revisions(batch)
            || ctx.has(Bug::LateApplyUnconditional) && submission.manner == Manner::Silent;
        let outcome = if is_unchecked {
            Outcome::Committed(self.rows.apply(batch, clock))
        } else if ctx.has(Bug::TombstoneForgotten) {
            self.rows.commit(&without_tombstones(batch), clock)
        } else {
            self.rows.commit(batch, clock)
        };
        if let Outcome::Committed(committed) = &outcome {
            ctx.oracle.on_apply(submission.origin.execution, batch, *committed);
            let mut line = ctx.sim.trace.event(ctx.now, "write");
            line.signed("stamp", committed.stamped_at.ticks());
        }
        stamped(ctx, outcome, clock)
    }

    /// The process ends, in the middle of whatever it does. What is not on the disk is gone.
    pub(super) fn crash(&mut self, ctx: &mut Context<'_>) {
        self.incarnation += 1;
        ctx.marks.crashed_with_batches |= !self.is_idle();
        self.queue.clear();
        let flushed = std::mem::take(&mut self.flushing);
        let is_torn = self.flush_fault.take() == Some(FlushFault::Torn);
        if is_torn {
            if ctx.has(Bug::TornBatchVisible) {
                self.tear(ctx, flushed);
            }
        } else if self.rng.percent(50) && !ctx.has(Bug::AckBeforeFlush) {
            ctx.marks.crashed_after_flush |= !flushed.is_empty();
            for submission in &flushed {
                // Nobody hears of it.
                drop(self.write(ctx, submission, false));
            }
        }
    }

    /// The store opens again.
    pub(super) fn open(&mut self, ctx: &mut Context<'_>, ids: &[EntryId]) {
        self.is_stopped = false;
        let damaged = &self.damaged;
        ctx.oracle.on_open(&self.rows, ids, &|key| damaged.contains(key));
    }

    /// From now on flushes do nothing, and say that they did (S8).
    pub(super) fn start_lying(&mut self) {
        if self.beneath.is_none() {
            self.beneath = Some(self.rows.clone());
        }
    }

    /// After a power cut of a disk that lied: what is really there, if that is not all.
    pub(super) fn rows_beneath(&mut self) -> Option<Rows> {
        self.beneath.take().filter(|rows| rows.last_stamp() < self.rows.last_stamp())
    }

    /// Goes on with other rows, as bug `lost-flush-unnoticed` does.
    pub(super) fn replace_rows(&mut self, rows: Rows) {
        self.rows = rows;
    }
}

/// The planted bugs that need more than a line.
impl Store {
    /// Bug `revision-ignored`.
    fn refuses_only_revisions(&self, batch: &Batch) -> bool {
        batch.conditions.iter().all(|(key, condition)| match condition {
            steadfast_core::Condition::Absent => condition.holds(&self.rows.get(key)),
            steadfast_core::Condition::At(_) => self.rows.get(key) != Found::Absent,
        })
    }

    /// Bug `group-checked-together`.
    fn check_all(&self, group: &[Submission]) -> Vec<bool> {
        let holds = |(key, condition): &(RowKey, steadfast_core::Condition)| {
            condition.holds(&self.rows.get(key))
        };
        group.iter().map(|submission| submission.batch.conditions.iter().all(holds)).collect()
    }

    /// Bug `ack-before-flush`: what will surely be written is answered at once.
    fn answer_early(&mut self, ctx: &mut Context<'_>) {
        let honest = |submission: &Submission| submission.manner == Manner::Honest;
        let [submission] = self.flushing.as_mut_slice() else { return };
        let holds = |(key, condition): &(RowKey, steadfast_core::Condition)| {
            condition.holds(&self.rows.get(key)) && !self.damaged.contains(key)
        };
        let is_doomed = self.flush_fault.is_some_and(|fault| fault != FlushFault::Torn);
        if is_doomed || !honest(submission) || !submission.batch.conditions.iter().all(holds) {
            return;
        }
        let stamped_at = self.flush_clock.max(self.rows.last_stamp().next());
        submission.manner = Manner::Answered(stamped_at);
        let committed = Committed { stamped_at };
        ctx.oracle.on_committed(submission.origin.execution, committed);
        let (incarnation, job) = (self.incarnation, submission.origin.job);
        ctx.sim.world.schedule_in(
            Duration::from_micros(100),
            Event::EarlyAnswer { incarnation, job, committed },
        );
    }

    /// Bug `torn-batch-visible`: of every batch the first row is on the disk.
    fn tear(&mut self, ctx: &mut Context<'_>, flushed: Vec<Submission>) {
        for mut submission in flushed {
            submission.batch.writes.truncate(1);
            drop(self.write(ctx, &submission, false));
        }
    }
}

/// Bug `tombstone-forgotten`.
fn without_tombstones(batch: &Batch) -> Batch {
    let writes = batch.writes.iter().map(|write| match write {
        Write::Put { key: key @ RowKey::Entry(_), body: RowBody::Entry(body), .. }
            if body.is_tombstone() =>
        {
            Write::Delete { key: key.clone() }
        }
        Write::Put { .. } | Write::Delete { .. } => write.clone(),
    });
    Batch { conditions: batch.conditions.clone(), writes: writes.collect() }
}

/// Bug `stamp-goes-back`: the answer carries the clock's time.
fn stamped(ctx: &Context<'_>, outcome: CommitOutcome, clock: Timestamp) -> CommitOutcome {
    match outcome {
        Outcome::Committed(_) if ctx.has(Bug::StampGoesBack) => {
            Outcome::Committed(Committed { stamped_at: clock })
        }
        Outcome::Committed(_) | Outcome::Refused(_) | Outcome::Unknown => outcome,
    }
}
