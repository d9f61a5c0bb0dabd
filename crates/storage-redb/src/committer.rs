//! The one thread that writes: what arrived during the last flush becomes the next commit.
//!
//! ```text
//! callers   check, encode, compress, push ----.
//! committer                take all waiting <-'  conditions in order, one engine commit, answer
//! ```
//!
//! There is no timer and no delay. Answers are given in the order of the queue, after the commit
//! that they stand for is durable; that holds for refusals too, because the rows they carry may
//! come from a batch of the same commit. Who watches ordered data stores is told before them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use redb::Database;
use steadfast_core::{CommitOutcome, Committed, Outcome, Refusal, Timestamp};
use steadfast_storage::Done;
use steadfast_storage::backend::OrderedChange;

use crate::apply::Apply;
use crate::backend::Shared;
use crate::encode::meta::Counters;
use crate::engine::{EngineError, WriteTables, guarded};
use crate::prepare::Prepared;

/// Batches in one commit.
const GROUP_COUNT_MAX: usize = 4_096;

/// Bytes of contents in one commit; a single batch may exceed it.
const GROUP_SIZE_MAX: usize = 8 * 1_024 * 1_024;

/// Half of the memory that is kept for the next commit.
const KEPT_SIZE: usize = 4 * 1_024 * 1_024;

/// A batch that waits for its commit.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) batch: Prepared,
    pub(crate) done: Done<CommitOutcome>,
}

/// What waits in the queue.
#[derive(Debug)]
enum Request {
    Write(Write),
    /// Is answered when everything before it is done.
    Drain(Done<()>),
}

/// The bounded queue before the committer.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
    size_max: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    requests: VecDeque<Request>,
    is_closed: bool,
    is_waiting: bool,
    /// Nobody takes requests any more, and all that were taken are done.
    is_over: bool,
}

/// Why a request was not taken. It comes back.
#[derive(Debug)]
pub(crate) enum Full {
    /// As many requests wait as may.
    Full(Write),
    /// The store is closing.
    Closed(Write),
}

impl Queue {
    pub(crate) fn new(size_max: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), size_max }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing under this lock can leave the queue half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch at the end.
    pub(crate) fn push(&self, write: Write) -> Result<(), Full> {
        let state = self.lock();
        if state.is_closed {
            return Err(Full::Closed(write));
        }
        if state.requests.len() >= self.size_max {
            return Err(Full::Full(write));
        }
        self.add(state, Request::Write(write));
        Ok(())
    }

    /// Answers once everything before is done, also while the store closes or the queue is full.
    pub(crate) fn push_drain(&self, done: Done<()>) {
        let state = self.lock();
        if state.is_over {
            drop(state);
            done.complete(());
        } else {
            self.add(state, Request::Drain(done));
        }
    }

    fn add(&self, mut state: MutexGuard<'_, QueueState>, request: Request) {
        state.requests.push_back(request);
        let wake = std::mem::take(&mut state.is_waiting);
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
    }

    /// Takes no more requests; those that wait are still written.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    /// Whether no more requests are taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// What goes into the next commit; nothing once the queue is closed and empty.
    fn take(&self) -> Option<Vec<Request>> {
        let mut state = self.lock();
        while state.requests.is_empty() {
            if state.is_closed {
                state.is_over = true;
                return None;
            }
            state.is_waiting = true;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut count, mut size) = (0, 0);
        for request in &state.requests {
            size += match request {
                Request::Write(write) => write.batch.size,
                Request::Drain(_) => 0,
            };
            if count > 0 && (count >= GROUP_COUNT_MAX || size > GROUP_SIZE_MAX) {
                break;
            }
            count += 1;
        }
        Some(state.requests.drain(..count).collect())
    }
}

/// Writes until the queue is closed and empty. Returns the last counters that are durable.
pub(crate) fn run(shared: &Shared, mut counters: Counters) -> Counters {
    keep_memory();
    while let Some(group) = shared.queue.take() {
        let (mut batches, mut waiting, mut drains) = (Vec::new(), Vec::new(), Vec::new());
        for request in group {
            match request {
                Request::Write(write) => {
                    batches.push(write.batch);
                    waiting.push(write.done);
                }
                Request::Drain(done) => drains.push(done),
            }
        }
        if !batches.is_empty() {
            let outcomes = commit(shared, batches, &mut counters);
            for (done, outcome) in waiting.into_iter().zip(outcomes) {
                answer(done, outcome);
            }
        }
        for done in drains {
            answer(done, ());
        }
    }
    counters
}

/// A completion is foreign code; its panic must not take the other answers along.
fn answer<T>(done: Done<T>, answer: T) {
    drop(catch_unwind(AssertUnwindSafe(|| done.complete(answer))));
}

/// Keeps the allocator from giving the memory of each commit back to the system and asking for it
/// again, page fault by page fault: that was an eighth of this thread's time.
fn keep_memory() {
    // The allocator of glibc returns what is free beyond twice the largest block that it ever
    // mapped by itself and saw freed. Other allocators see one more block come and go.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_SIZE)));
}

/// How far a group came.
struct Progress {
    outcomes: Vec<CommitOutcome>,
    /// What became of ordered data stores, by batch.
    ordered: Vec<Vec<OrderedChange>>,
    is_committing: bool,
}

fn commit(shared: &Shared, batches: Vec<Prepared>, counters: &mut Counters) -> Vec<CommitOutcome> {
    let count = batches.len();
    let (outcomes, ordered) = (Vec::with_capacity(count), Vec::new());
    let mut progress = Progress { outcomes, ordered, is_committing: false };
    let written = guarded(&shared.health, || {
        shared.with_database(|database| write(shared, database, batches, *counters, &mut progress))
    });
    match written {
        Ok(durable) => {
            *counters = durable;
            tell(shared, &progress.ordered);
            progress.outcomes
        }
        Err(error) => failed(shared, &error, progress, count),
    }
}

/// Tells of changes that are durable. Whoever watches from after this on sees them in the rows.
fn tell(shared: &Shared, ordered: &[Vec<OrderedChange>]) {
    let Some(watcher) = shared.watcher.get() else { return };
    let told = catch_unwind(AssertUnwindSafe(|| {
        for changes in ordered {
            watcher.committed(changes);
        }
    }));
    if told.is_err() {
        // What it counts would be wrong from here on.
        shared.health.stop("the watcher of ordered data stores panicked");
    }
}

fn write(
    shared: &Shared,
    database: &Database,
    batches: Vec<Prepared>,
    counters: Counters,
    progress: &mut Progress,
) -> Result<Counters, EngineError> {
    let transaction = database.begin_write()?;
    let tables = WriteTables::new(&transaction);
    let mut apply = Apply { tables, stores: &shared.stores, counters, ordered: Vec::new() };
    let mut is_written = false;
    for mut batch in batches {
        if !apply.holds(&mut batch)? {
            let rows = apply.condition_rows(&batch)?;
            progress.outcomes.push(Outcome::Refused(Refusal::Conditions(rows)));
            continue;
        }
        let stamped_at = stamp(shared, apply.counters.stamped_at);
        apply.counters.stamped_at = stamped_at;
        apply.write(batch, stamped_at)?;
        progress.outcomes.push(Outcome::Committed(Committed { stamped_at }));
        is_written = true;
    }
    if !is_written {
        drop(apply);
        transaction.abort()?;
        return Ok(counters);
    }
    apply.write_counters()?;
    let counters = apply.counters;
    progress.ordered = std::mem::take(&mut apply.ordered);
    drop(apply);
    progress.is_committing = true;
    transaction.commit()?;
    Ok(counters)
}

/// The time of the next batch: the clock's, but always after the last one.
fn stamp(shared: &Shared, last: Timestamp) -> Timestamp {
    let stamp = (shared.options.clock)().max(last.next());
    shared.set_last_stamp(stamp);
    stamp
}

fn failed(
    shared: &Shared,
    error: &EngineError,
    progress: Progress,
    count: usize,
) -> Vec<CommitOutcome> {
    let reason = shared.health.stopped().unwrap_or_else(|| Arc::from(error.to_string()));
    // Before its commit began a transaction has written nothing that counts, and the gate under
    // the engine is closed by now: nothing ever will.
    let refused = || {
        let reason = Arc::clone(&reason);
        match error {
            EngineError::NoSpace => Outcome::Refused(Refusal::Exhausted { reason }),
            EngineError::Failed(_)
            | EngineError::Newer
            | EngineError::Panicked(_)
            | EngineError::Stopped(_) => Outcome::Refused(Refusal::Unavailable { reason }),
        }
    };
    if !progress.is_committing {
        return (0..count).map(|_| refused()).collect();
    }
    let outcomes = progress.outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Committed(_) | Outcome::Unknown => Outcome::Unknown,
        // Its own batch was never written, but the rows it was refused for may not be durable.
        Outcome::Refused(_) => refused(),
    });
    outcomes.collect()
}
