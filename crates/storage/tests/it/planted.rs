//! Backends with planted faults: each must be found by the fact that is about it, or that fact
//! proves nothing.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use steadfast_core::row::{FoundHead, HeadsResult, ReadReply, ReadResult, ScanResult, Span};
use steadfast_core::{
    Batch, CommitOutcome, Committed, Condition, Found, Limits, Order, Outcome, Refusal, RowKey,
    RowRange, Timestamp, Write,
};
use steadfast_storage::backend::{OrderedChange, OrderedWatcher};
use steadfast_storage::conformance::{BackendHarness, backend};
use steadfast_storage::{Backend, Capabilities, Done, MemoryBackend, wait};

use crate::harness::memory;

/// How often a bug that is not always there strikes: in one of so many calls.
const RARELY: u64 = 7;

/// How long a read waits for another thread's batch, which may be the last.
const YIELDS_MAX: u32 = 100_000;

/// What is wrong with the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// Nothing: the wrapper itself passes.
    None,
    /// Conditions are not looked at.
    Blind,
    /// A condition on a revision compares the counter only.
    CounterOnly,
    /// Rarely, a batch is acknowledged and dropped.
    Drops,
    /// Rarely, only the first row of a batch is written.
    Tears,
    /// Rarely, a batch that was written is refused.
    RefusesAndWrites,
    /// Rarely, a read shows the rows as they were before.
    Stale,
    /// Reads of several rows are several reads.
    NoSnapshot,
    /// A refusal brings only its first row.
    FewRows,
    /// The last row of a scan is left out.
    ScansShort,
    /// A scan always says that more follows.
    SaysMore,
    /// Revisions are scanned from the oldest on.
    OldestFirst,
    /// The time in reads is that of the opening.
    OldTime,
    /// The stamp that is told is not the one that is stored.
    OtherStamp,
    /// Batches are not checked.
    Unchecked,
    /// A reopening loses the last batch.
    Forgets,
    /// After a reopening the time begins anew.
    TimeGoesBack,
    /// Spans are not looked at: all entries of a store are listed.
    IgnoresSpan,
    /// Boards are listed from their lowest value on, whatever was asked for.
    IgnoresMin,
    /// Boards are always listed upwards.
    AlwaysUp,
    /// Heads say that nothing is pinned.
    Unpinned,
    /// Heads say sizes that were not asked for.
    TellsSizes,
    /// Who watches is told of a batch with the next one.
    TellsLate,
    /// Who watches is told of refused batches.
    TellsRefused,
    /// Rarely, who watches is not told.
    TellsRarely,
    /// Rarely, who watches is told of two batches in the wrong order.
    TellsOutOfOrder,
    /// A batch under way with others is not answered for itself.
    SharesAnswers,
}

/// Rows in memory behind a bug.
struct Buggy {
    bug: Bug,
    rows: Arc<MemoryBackend>,
    started_at: Timestamp,
    calls: AtomicU64,
    last_read: Mutex<BTreeMap<RowKey, Found>>,
    last_write: Mutex<Option<RowKey>>,
    last_outcome: Mutex<Option<CommitOutcome>>,
    teller: OnceLock<Arc<Teller>>,
}

/// Passes on what a watcher is to be told, with the bug in between.
struct Teller {
    bug: Bug,
    watcher: Arc<dyn OrderedWatcher>,
    calls: AtomicU64,
    held: Mutex<Vec<Vec<OrderedChange>>>,
}

impl Teller {
    fn tell_held(&self) {
        let held = std::mem::take(&mut *self.held.lock().expect("no holder panics"));
        for changes in held {
            self.watcher.committed(&changes);
        }
    }
}

impl OrderedWatcher for Teller {
    fn committed(&self, changes: &[OrderedChange]) {
        let strikes = self.calls.fetch_add(1, Ordering::Relaxed) % RARELY == RARELY - 1;
        let is_held = self.bug == Bug::TellsLate || (self.bug == Bug::TellsOutOfOrder && strikes);
        if is_held {
            self.held.lock().expect("no holder panics").push(changes.to_vec());
        } else if !(self.bug == Bug::TellsRarely && strikes) {
            self.watcher.committed(changes);
            self.tell_held();
        }
    }
}

impl Buggy {
    fn open(bug: Bug, rows: Arc<MemoryBackend>) -> Self {
        let started_at = rows.now();
        Self {
            bug,
            rows,
            started_at,
            calls: AtomicU64::new(0),
            last_read: Mutex::default(),
            last_write: Mutex::default(),
            last_outcome: Mutex::default(),
            teller: OnceLock::new(),
        }
    }

    /// Whether a bug that strikes rarely does now.
    fn strikes(&self, bug: Bug) -> bool {
        self.bug == bug && self.calls.fetch_add(1, Ordering::Relaxed) % RARELY == RARELY - 1
    }

    /// Lets another thread's batch in between, if there is one: the bug must not depend on luck.
    fn let_others_commit(&self) {
        let before = self.calls.load(Ordering::Acquire);
        for _ in 0..YIELDS_MAX {
            if self.calls.load(Ordering::Acquire) != before {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn written(&self, batch: Batch) -> CommitOutcome {
        wait(|done| self.rows.commit(batch, done)).expect("memory answers")
    }

    fn found(&self, keys: &[RowKey]) -> ReadReply {
        let reply = wait(|done| self.rows.read(keys.to_vec(), done));
        reply.expect("memory answers").expect("memory does not fail")
    }

    fn outcome(&self, mut batch: Batch) -> CommitOutcome {
        let keys: Vec<RowKey> = batch.conditions.iter().map(|(key, _)| key.clone()).collect();
        let now = Committed { stamped_at: self.rows.now() };
        if self.bug == Bug::Unchecked && batch.check(&Limits::native()).is_err() {
            return Outcome::Committed(now);
        }
        if self.bug == Bug::Blind {
            batch.conditions.clear();
        }
        if self.bug == Bug::CounterOnly {
            let stored = self.found(&keys).rows;
            for ((_, condition), found) in batch.conditions.iter_mut().zip(stored) {
                if let (Condition::At(wanted), Some(stored)) = (&*condition, found.revision())
                    && wanted.counter == stored.counter
                {
                    *condition = Condition::At(stored);
                }
            }
        }
        if self.strikes(Bug::Drops) {
            return Outcome::Committed(now);
        }
        if self.strikes(Bug::Tears) {
            batch.writes.truncate(1);
        }
        let strikes = self.strikes(Bug::RefusesAndWrites);
        match (self.written(batch), self.bug) {
            (Outcome::Committed(_), _) if strikes => {
                Outcome::Refused(Refusal::Conditions(self.found(&keys).rows))
            }
            (Outcome::Committed(committed), Bug::OtherStamp) => {
                Outcome::Committed(Committed { stamped_at: committed.stamped_at.next() })
            }
            (Outcome::Refused(Refusal::Conditions(mut rows)), Bug::FewRows) => {
                rows.truncate(1);
                Outcome::Refused(Refusal::Conditions(rows))
            }
            (outcome, _) => outcome,
        }
    }
}

impl Backend for Buggy {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "buggy", durable: true, single_owner: true }
    }

    fn now(&self) -> Timestamp {
        self.rows.now()
    }

    fn started_at(&self) -> Timestamp {
        self.started_at
    }

    fn read(&self, keys: Vec<RowKey>, done: Done<ReadResult>) {
        let mut reply = self.found(&keys);
        if self.bug == Bug::NoSnapshot {
            reply.rows.clear();
            for key in &keys {
                reply.rows.extend(self.found(std::slice::from_ref(key)).rows);
                self.let_others_commit();
            }
        }
        if self.bug == Bug::OldTime {
            reply.now = self.started_at;
        }
        {
            let strikes = self.strikes(Bug::Stale);
            let mut last = self.last_read.lock().expect("no test panics while it holds this");
            for (key, found) in keys.iter().zip(&mut reply.rows) {
                let before = last.insert(key.clone(), found.clone());
                if let Some(before) = before.filter(|_| strikes) {
                    *found = before;
                }
            }
        }
        done.complete(Ok(reply));
    }

    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        let with_sizes = with_sizes || self.bug == Bug::TellsSizes;
        let reply = wait(|done| self.rows.heads(range, limit, with_sizes, done));
        let mut reply = reply.expect("memory answers").expect("memory does not fail");
        for head in &mut reply.heads {
            if let (FoundHead::Head(head), Bug::Unpinned) = (head, self.bug) {
                head.pinned = false;
            }
        }
        done.complete(Ok(reply));
    }

    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        let (calls, held) = (AtomicU64::new(0), Mutex::default());
        let teller = Arc::new(Teller { bug: self.bug, watcher, calls, held });
        self.rows.watch(teller.clone()) && self.teller.set(teller).is_ok()
    }

    fn drain(&self, done: Done<()>) {
        self.rows.drain(done);
    }

    fn scan(&self, mut range: RowRange, limit: usize, done: Done<ScanResult>) {
        match (&mut range, self.bug) {
            (RowRange::Entries { span, .. }, Bug::IgnoresSpan) => *span = Span::all(),
            (RowRange::Board { min, .. }, Bug::IgnoresMin) => *min = i64::MIN,
            (RowRange::Board { order, .. }, Bug::AlwaysUp) => *order = Order::Ascending,
            _ => {}
        }
        let is_history = matches!(range, RowRange::Revisions { .. });
        let reply = wait(|done| self.rows.scan(range, limit, done));
        let mut reply = reply.expect("memory answers").expect("memory does not fail");
        if self.bug == Bug::ScansShort {
            reply.rows.pop();
        }
        if self.bug == Bug::OldestFirst && is_history {
            reply.rows.reverse();
        }
        reply.more |= self.bug == Bug::SaysMore;
        done.complete(Ok(reply));
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        if let (Some(teller), Bug::TellsLate) = (self.teller.get(), self.bug) {
            teller.tell_held();
        }
        let entries = batch.writes.iter().filter_map(|write| {
            if let RowKey::Ordered(entry) = write.key() { Some(entry.clone()) } else { None }
        });
        let changes: Vec<_> =
            entries.map(|entry| OrderedChange { entry, before: None, after: None }).collect();
        *self.last_write.lock().expect("no test panics while it holds this") =
            batch.writes.first().map(|write| write.key().clone());
        let mut outcome = self.outcome(batch);
        if let (Some(teller), Bug::TellsRefused, Outcome::Refused(_)) =
            (self.teller.get(), self.bug, &outcome)
        {
            teller.watcher.committed(&changes);
        }
        if self.bug == Bug::NoSnapshot {
            self.calls.fetch_add(1, Ordering::Release);
        }
        if self.bug == Bug::SharesAnswers {
            let last = self
                .last_outcome
                .lock()
                .expect("no test panics while it holds this")
                .replace(outcome.clone());
            outcome = last.unwrap_or(outcome);
        }
        done.complete(outcome);
    }
}

macro_rules! planted {
    ($($test:ident: $bug:ident, $fact:ident;)+) => {
        $(
            #[test]
            fn $test() {
                struct Planted;

                impl BackendHarness for Planted {
                    type Backend = Buggy;
                    fn new() -> Self {
                        Self
                    }
                    fn open(&mut self) -> Buggy {
                        Buggy::open(Bug::$bug, Arc::new(memory()))
                    }
                    fn reopen(&mut self, backend: Buggy) -> Buggy {
                        reopened(backend)
                    }
                }

                let verdict = catch_unwind(AssertUnwindSafe(backend::$fact::<Planted>));
                assert_eq!(verdict.is_ok(), Bug::$bug == Bug::None, "{:?}", Bug::$bug);
            }
        )+
    };
}

fn reopened(backend: Buggy) -> Buggy {
    if backend.bug == Bug::Forgets
        && let Some(key) =
            backend.last_write.lock().expect("no test panics while it holds this").take()
    {
        let writes = vec![Write::Delete { key }];
        assert!(backend.written(Batch { conditions: vec![], writes }).committed().is_some());
    }
    let mut opened = Buggy::open(backend.bug, backend.rows);
    if opened.bug == Bug::TimeGoesBack {
        opened.started_at = Timestamp::from_unix_seconds(1);
    }
    opened
}

planted! {
    the_wrapper_itself_agrees_with_the_model: None, sequences_agree_with_a_naive_model;
    the_wrapper_itself_is_linear: None, histories_of_several_threads_are_linear;
    conditions_that_are_not_looked_at_are_found: Blind, sequences_agree_with_a_naive_model;
    conditions_not_looked_at_break_histories: Blind, histories_of_several_threads_are_linear;
    a_condition_on_the_counter_alone_is_found: CounterOnly, sequences_agree_with_a_naive_model;
    a_dropped_batch_is_found: Drops, sequences_agree_with_a_naive_model;
    a_dropped_batch_breaks_histories: Drops, histories_of_several_threads_are_linear;
    a_torn_batch_is_found: Tears, sequences_agree_with_a_naive_model;
    a_torn_batch_breaks_histories: Tears, histories_of_several_threads_are_linear;
    a_refused_batch_that_was_written_is_found: RefusesAndWrites, sequences_agree_with_a_naive_model;
    a_refused_batch_that_was_written_breaks_histories:
        RefusesAndWrites, histories_of_several_threads_are_linear;
    a_stale_read_breaks_histories: Stale, histories_of_several_threads_are_linear;
    a_read_of_several_moments_is_found: NoSnapshot, rows_of_one_batch_appear_together;
    missing_rows_of_a_refusal_are_found: FewRows, sequences_agree_with_a_naive_model;
    a_short_scan_is_found: ScansShort, sequences_agree_with_a_naive_model;
    a_scan_that_promises_more_is_found: SaysMore, sequences_agree_with_a_naive_model;
    a_history_from_its_start_is_found: OldestFirst, sequences_agree_with_a_naive_model;
    an_old_time_in_reads_is_found: OldTime, sequences_agree_with_a_naive_model;
    another_stamp_than_the_stored_one_is_found: OtherStamp, sequences_agree_with_a_naive_model;
    batches_that_are_not_checked_are_found: Unchecked, a_batch_is_checked_before_it_is_written;
    values_that_are_not_limited_are_found: Unchecked, values_of_a_batch_are_limited_together;
    a_reopening_that_forgets_is_found: Forgets, what_was_acknowledged_survives_a_reopening;
    a_reopening_that_forgets_breaks_sequences: Forgets, sequences_agree_with_a_naive_model;
    a_time_that_begins_anew_is_found: TimeGoesBack, what_was_acknowledged_survives_a_reopening;
    a_span_that_is_not_looked_at_is_found: IgnoresSpan, sequences_agree_with_a_naive_model;
    a_lowest_value_that_is_not_looked_at_is_found: IgnoresMin, sequences_agree_with_a_naive_model;
    a_board_in_the_wrong_order_is_found: AlwaysUp, sequences_agree_with_a_naive_model;
    heads_that_forget_pins_are_found: Unpinned, sequences_agree_with_a_naive_model;
    sizes_nobody_asked_for_are_found: TellsSizes, sequences_agree_with_a_naive_model;
    the_wrapper_itself_tells_in_order: None, a_watcher_is_told_in_the_order_of_the_commits;
    the_wrapper_itself_drains: None, a_drained_watcher_knows_what_was_read_before;
    being_told_after_the_answer_is_found:
        TellsLate, a_watcher_knows_of_a_commit_before_it_is_answered;
    draining_that_waits_for_nothing_is_found:
        TellsLate, a_drained_watcher_knows_what_was_read_before;
    being_told_of_refused_batches_is_found:
        TellsRefused, a_watcher_knows_of_a_commit_before_it_is_answered;
    not_being_told_is_found: TellsRarely, a_watcher_is_told_in_the_order_of_the_commits;
    being_told_out_of_order_is_found:
        TellsOutOfOrder, a_watcher_is_told_in_the_order_of_the_commits;
    answers_to_other_batches_are_found: SharesAnswers, many_batches_may_be_under_way_at_once;
}
