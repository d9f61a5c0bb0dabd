//! Removes the rows of what is not there any more.
//!
//! One [`SweepOnce`] is one pass: it takes due reviews, oldest first, looks at what each is of, and
//! then at one page of data stores. Every batch names the rows that the decision was made on, as
//! they were read, so that a write, an undeletion or another sweep in between refuses it; nothing
//! is lost then, for the review still stands and is due in the next pass.
//!
//! ```text
//!   Reviews ─► entry, store, universe ─► heads of its revisions, oldest first
//!                                           │ not there any more: delete, conditional on the
//!                                           │ rows of the entry and the store
//!                                           ▼
//!                            the last batch also replaces the review by the next one
//! ```
//!
//! What is not there stays so: time only takes away, a write of the entry refuses the batch, a
//! change of its data store does too, and a snapshot after the read covers nothing that was
//! superseded before it. So what is deleted was not shown before, and nothing else changes what is
//! shown, as rows go oldest first.
//!
//! Damage is never deleted, nor is the row of an entry whose record a game server holds: its next
//! save stands on that row. What they hit is looked at again a day later, and counted. The rows of
//! records stay for good, so that no fence is granted twice.

use std::collections::VecDeque;

use crate::batch::{Batch, CommitOutcome, Condition, Write};
use crate::id::{EntryId, Revision, StoreId, WriteId};
use crate::outcome::Outcome;
use crate::platform::beside::unheld;
use crate::platform::plan::{as_read, expect_row, refusing_rows};
use crate::platform::{
    Chronicle, History, Input, Machine, Operation, PlatformError, RETENTION, Rule, Settings, Step,
    deleted_at, is_purged, review_hour,
};
use crate::row::{Found, Head, ReadReply, Reviewed, RowBody, RowKey, RowRange, ScanReply};
use crate::time::{Timestamp, UtcHour};

mod entry;
mod purge;

use entry::{EntryStep, EntrySweep};
use purge::StorePurge;

/// How many rows of a range are read at a time.
const PAGE_SIZE: usize = 256;

/// How often an entry that is written meanwhile is looked at in one pass.
const LOOKS_MAX: u32 = 3;

/// How many hours later damage is looked at again.
const DAMAGE_HOURS: u32 = 24;

/// What a review's row stands at. It is named by what it is of, and no condition compares it.
const REVIEW: Revision = Revision { counter: 1, tag: 0 };

/// One pass of the sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepOnce {
    /// How many rows it looks at before it ends, once for reviews and once for deleted data stores;
    /// at least one. What it has begun, it finishes: the revisions of an entry are looked at in one
    /// piece, however many there are.
    pub budget: usize,
    /// Where the data stores are looked at from: [`SweepReport::stores_after`] of the pass before.
    pub stores_after: Option<StoreId>,
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Reviews that were dealt with.
    pub reviewed: u64,
    /// Revisions that were removed, those of purged entries among them.
    pub revisions_removed: u64,
    /// Entries of data stores that were removed with all they had.
    pub entries_purged: u64,
    /// Removed entries of ordered data stores whose last trace went.
    pub ordered_purged: u64,
    /// Data stores that were removed.
    pub stores_purged: u64,
    /// What could not be dealt with, because it is damaged, was written again and again, or is to go
    /// while a game server holds its record.
    pub skipped: u64,
    /// The hour of the first review that is not due yet, if all that are due were dealt with.
    pub next_due: Option<UtcHour>,
    /// Whether the budget ended before the work did.
    pub has_more: bool,
    /// Where the next pass goes on with the data stores; nothing from the first one.
    pub stores_after: Option<StoreId>,
}

/// A review that stands.
#[derive(Clone, Debug)]
struct Review {
    hour: UtcHour,
    of: Reviewed,
}

impl Review {
    /// The writes that put another review in the place of this one, or none.
    fn replace(&self, next: Option<UtcHour>) -> impl Iterator<Item = Write> {
        let gone = Write::Delete { key: RowKey::Review(self.hour, self.of.clone()) };
        let next = next.map(|hour| {
            let (key, revision) = (RowKey::Review(hour, self.of.clone()), REVIEW);
            Write::Put { key, revision, body: RowBody::Review }
        });
        std::iter::once(gone).chain(next)
    }
}

#[derive(Debug)]
enum Phase {
    /// A page of reviews is being read.
    Reviews,
    /// The rows that a review is judged by are being read, the so many-th time in this pass.
    Looking(Review, u32),
    /// The revisions of an entry are being looked at and removed.
    Entry(Box<EntrySweep>),
    /// A batch that ends a review, and what it counts as, is out.
    Closing(Closing),
    /// A page of data stores is being read.
    Stores,
    /// A data store is being purged.
    Store(Box<StorePurge>),
    /// Nothing more will be asked for.
    Over,
}

/// What the end of a review counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Reviewed,
    OrderedPurged,
    Skipped,
}

/// A pass of the sweep under way.
#[derive(Debug)]
pub struct Sweep {
    settings: Settings,
    budget: usize,
    looked_at: usize,
    /// What was read of a range and not looked at yet, and whether more follows.
    queue: VecDeque<Found>,
    has_more: bool,
    last_review: Option<(UtcHour, Reviewed)>,
    /// The last data store that is done with.
    last_store: Option<StoreId>,
    /// The one that is being purged.
    purged: Option<StoreId>,
    report: SweepReport,
    phase: Phase,
}

/// What comes next, or why the pass ends.
type Next = Result<Step<SweepReport>, PlatformError>;

impl Operation for SweepOnce {
    type Answer = SweepReport;
    type Machine = Sweep;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        None
    }

    fn start(self, settings: &Settings) -> (Sweep, Step<SweepReport>) {
        let mut sweep = Sweep {
            settings: settings.clone(),
            budget: self.budget.max(1),
            looked_at: 0,
            queue: VecDeque::new(),
            has_more: false,
            last_review: None,
            last_store: self.stores_after,
            purged: None,
            report: SweepReport::default(),
            phase: Phase::Over,
        };
        let step = sweep.scan_reviews();
        (sweep, step)
    }
}

impl Machine for Sweep {
    type Answer = SweepReport;

    fn on(&mut self, input: Input) -> Step<SweepReport> {
        let next = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reviews, Input::Scanned(reply)) => {
                reply.map_err(PlatformError::from).map(|reply| self.on_reviews(reply))
            }
            (Phase::Looking(review, looks), Input::Read(reply)) => {
                reply.map_err(PlatformError::from).map(|reply| self.on_look(review, looks, &reply))
            }
            (Phase::Entry(mut sweep), Input::Heads(reply)) => {
                reply.map_err(PlatformError::from).map(|reply| {
                    self.looked_at += reply.heads.len();
                    let step = sweep.on_heads(reply);
                    self.sweep_entry(sweep, step)
                })
            }
            (Phase::Entry(sweep), Input::Committed(outcome)) => self.on_swept(sweep, outcome),
            (Phase::Closing(closing), Input::Committed(outcome)) => {
                self.on_closed(closing, outcome)
            }
            (Phase::Stores, Input::Scanned(reply)) => {
                reply.map_err(PlatformError::from).map(|reply| self.on_stores(reply))
            }
            (Phase::Store(purge), input) => self.on_purge(purge, input),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        next.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl Sweep {
    fn scan_reviews(&mut self) -> Step<SweepReport> {
        self.phase = Phase::Reviews;
        // Also those that are not due: the first of them tells when to come again.
        let (through, after) = (UtcHour(u32::MAX), self.last_review.clone());
        Step::Scan(RowRange::Reviews { through, after }, PAGE_SIZE)
    }

    fn on_reviews(&mut self, reply: ScanReply) -> Step<SweepReport> {
        self.has_more = reply.more;
        self.queue = reply.rows.into();
        self.next_review()
    }

    /// Takes the next review, unless the budget has ended.
    fn next_review(&mut self) -> Step<SweepReport> {
        while let Some(found) = self.queue.pop_front() {
            if self.looked_at >= self.budget {
                self.report.has_more = true;
                return self.scan_stores();
            }
            let (key, is_damaged) = match found {
                Found::Row(row) => (row.key, false),
                Found::Corrupt(key) => (key, true),
                Found::Absent => continue,
            };
            let RowKey::Review(hour, of) = key else { continue };
            self.last_review = Some((hour, of.clone()));
            if is_damaged {
                self.report.skipped += 1;
                continue;
            }
            self.looked_at += 1;
            return self.look(Review { hour, of }, 1);
        }
        if self.has_more { self.scan_reviews() } else { self.scan_stores() }
    }

    fn look(&mut self, review: Review, looks: u32) -> Step<SweepReport> {
        let rows = match &review.of {
            Reviewed::Entry(entry) => vec![
                RowKey::Entry(entry.clone()),
                RowKey::Store(entry.store.clone()),
                RowKey::Universe(entry.store.universe),
                RowKey::Record(entry.clone()),
            ],
            Reviewed::Ordered(entry) => vec![RowKey::Ordered(entry.clone())],
        };
        self.phase = Phase::Looking(review, looks);
        Step::Read(rows)
    }

    fn on_look(&mut self, review: Review, looks: u32, reply: &ReadReply) -> Step<SweepReport> {
        if review.hour > reply.now.utc_hour() {
            self.report.next_due = Some(review.hour);
            return self.scan_stores();
        }
        match &review.of {
            Reviewed::Entry(_) => self.on_entry(review, looks, reply),
            Reviewed::Ordered(_) => self.on_ordered(&review, reply),
        }
    }

    fn on_entry(&mut self, review: Review, looks: u32, reply: &ReadReply) -> Step<SweepReport> {
        let mut rows = reply.rows.iter();
        let (entry, store) = (expect_row(rows.next()), expect_row(rows.next()));
        let (universe, record) = (expect_row(rows.next()), expect_row(rows.next()));
        let id = review.of.entry();
        let conditions =
            [(RowKey::Entry(id.clone()), entry), (RowKey::Store(id.store.clone()), store)];
        let conditions: Option<Vec<_>> = conditions
            .into_iter()
            .map(|(key, found)| as_read(found).map(|condition| (key, condition)))
            .collect();
        // Snapshots that cannot be read may cover anything.
        let needs_snapshots =
            Rule::of(store, &Found::Absent, &self.settings).history == History::Hourly;
        let is_hidden = needs_snapshots && matches!(universe, Found::Corrupt(_));
        let Some(mut conditions) = conditions.filter(|_| !is_hidden) else {
            return self.postpone(&review, reply.now);
        };
        let head = match entry {
            Found::Row(row) => Head::of_row(row),
            Found::Absent | Found::Corrupt(_) => None,
        };
        let Some(head) = head else {
            return self.close(&review, conditions, vec![], None, Closing::Reviewed);
        };
        if let Some(deleted_at) = deleted_at(store) {
            // The purge of the data store sees to it, unless the deletion is taken back.
            let purge = review_hour(deleted_at.saturating_add(RETENTION));
            let next = purge.max(reply.now.utc_hour().plus(1));
            return self.close(&review, conditions, vec![], Some(next), Closing::Reviewed);
        }
        let rule = Rule::of(store, universe, &self.settings);
        let chronicle = Chronicle::new(rule, head, reply.now);
        if chronicle.is_purged() {
            let Some(condition) = unheld(record) else { return self.postpone(&review, reply.now) };
            conditions.push((RowKey::Record(id.clone()), condition));
        }
        let (sweep, step) = EntrySweep::of_review(review, looks, chronicle, conditions);
        self.sweep_entry(Box::new(sweep), step)
    }

    fn on_ordered(&mut self, review: &Review, reply: &ReadReply) -> Step<SweepReport> {
        let (found, now) = (expect_row(reply.rows.first()), reply.now);
        let key = RowKey::Ordered(review.of.entry().clone());
        let Some(condition) = as_read(found) else { return self.postpone(review, now) };
        let conditions = vec![(key.clone(), condition)];
        let removed_at = match found {
            Found::Row(row) => {
                let is_removed = row.body.as_ordered().is_some_and(|body| body.value.is_none());
                is_removed.then_some(row.stamped_at)
            }
            Found::Absent | Found::Corrupt(_) => None,
        };
        match removed_at {
            Some(at) if is_purged(at, now) => {
                let gone = vec![Write::Delete { key }];
                self.close(review, conditions, gone, None, Closing::OrderedPurged)
            }
            Some(at) => {
                let next = review_hour(at.saturating_add(RETENTION));
                self.close(review, conditions, vec![], Some(next), Closing::Reviewed)
            }
            None => self.close(review, conditions, vec![], None, Closing::Reviewed),
        }
    }

    /// Looks again a day later.
    fn postpone(&mut self, review: &Review, now: Timestamp) -> Step<SweepReport> {
        let next = now.utc_hour().plus(DAMAGE_HOURS);
        self.close(review, vec![], vec![], Some(next), Closing::Skipped)
    }

    /// Ends a review with one batch, and puts another one in its place if something is left to do.
    fn close(
        &mut self,
        review: &Review,
        conditions: Vec<(RowKey, Condition)>,
        mut writes: Vec<Write>,
        next: Option<UtcHour>,
        closing: Closing,
    ) -> Step<SweepReport> {
        writes.extend(review.replace(next));
        self.phase = Phase::Closing(closing);
        Step::Commit(Batch { conditions, writes })
    }

    fn on_closed(&mut self, closing: Closing, outcome: CommitOutcome) -> Next {
        match (end_of(outcome)?, closing) {
            (End::Written, Closing::Reviewed) => self.report.reviewed += 1,
            (End::Written, Closing::OrderedPurged) => {
                self.report.reviewed += 1;
                self.report.ordered_purged += 1;
            }
            // Written to meanwhile, or nobody knows: the review is due in the next pass, if it
            // still stands.
            (End::Written, Closing::Skipped) | (End::Overtaken | End::Unknown, _) => {
                self.report.skipped += 1;
            }
        }
        Ok(self.next_review())
    }

    fn sweep_entry(&mut self, sweep: Box<EntrySweep>, step: EntryStep) -> Step<SweepReport> {
        let step = match step {
            EntryStep::Heads(range) => Step::Heads(range, PAGE_SIZE, false),
            EntryStep::Commit(batch) => Step::Commit(batch),
            EntryStep::Nothing => return self.end_entry(sweep),
        };
        self.phase = Phase::Entry(sweep);
        step
    }

    /// Goes on behind an entry that was looked at to its end.
    fn end_entry(&mut self, sweep: Box<EntrySweep>) -> Step<SweepReport> {
        self.report.skipped += u64::from(sweep.is_damaged());
        self.report.entries_purged += u64::from(sweep.is_purged());
        self.report.reviewed += u64::from(sweep.review().is_some());
        let is_damaged = sweep.is_damaged();
        match sweep.into_purge() {
            Some(purge) => self.on_entry_purged(purge, is_damaged),
            None => self.next_review(),
        }
    }

    fn on_swept(&mut self, mut sweep: Box<EntrySweep>, outcome: CommitOutcome) -> Next {
        match end_of(outcome)? {
            End::Written => {
                self.report.revisions_removed += sweep.take_removed();
                if let Some(step) = sweep.go_on() {
                    return Ok(self.sweep_entry(sweep, step));
                }
                Ok(self.end_entry(sweep))
            }
            // It was written meanwhile: what is decided now holds for what stands now.
            End::Overtaken => match sweep.review() {
                Some((review, looks)) if looks < LOOKS_MAX => {
                    Ok(self.look(review.clone(), looks + 1))
                }
                Some(_) => {
                    self.report.skipped += 1;
                    Ok(self.next_review())
                }
                None => {
                    self.report.skipped += 1;
                    Ok(self.next_store())
                }
            },
            End::Unknown => {
                self.report.skipped += 1;
                let is_of_review = sweep.review().is_some();
                Ok(if is_of_review { self.next_review() } else { self.next_store() })
            }
        }
    }

    fn finish(&mut self) -> Step<SweepReport> {
        self.report.stores_after = self.last_store.take();
        Step::Done(Ok(std::mem::take(&mut self.report)))
    }
}

/// What became of a batch of the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Written,
    /// A row is not as it was read any more.
    Overtaken,
    /// All that it does may be done twice, so that the next pass finds out.
    Unknown,
}

fn end_of(outcome: CommitOutcome) -> Result<End, PlatformError> {
    match outcome {
        Outcome::Committed(_) => Ok(End::Written),
        Outcome::Unknown => Ok(End::Unknown),
        Outcome::Refused(refusal) => refusing_rows(refusal).map(|_| End::Overtaken),
    }
}

#[cfg(test)]
#[path = "sweep/tests.rs"]
mod tests;
