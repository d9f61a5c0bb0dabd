//! A backend that fails on demand, in the ways that real ones do.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_core::row::{HeadsResult, ReadResult, ScanResult};
use steadfast_core::{
    Batch, CommitOutcome, Outcome, ReadError, Refusal, RowKey, RowRange, Timestamp,
};

use crate::backend::{Backend, Capabilities, OrderedWatcher};
use crate::done::Done;

/// One fault, for one call. The letters are those of the fault list in the reliability contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// S1: an error, and certainly nothing written.
    ErrorBefore,
    /// S2: written, and then an error instead of the answer.
    AppliedThenUnknown,
    /// An error instead of the answer, and nothing is ever written.
    LostThenUnknown,
    /// S3: an error instead of the answer; written later, when [`FaultyBackend::release`] is called.
    LateApply,
    /// S9: no room, and nothing written.
    Full,
}

#[derive(Default)]
struct State {
    commits: VecDeque<Option<Fault>>,
    reads: VecDeque<bool>,
    late: Vec<Batch>,
}

/// Wraps a backend and lets the next calls fail as told. Without a fault it passes calls on.
pub struct FaultyBackend<B> {
    inner: B,
    state: Mutex<State>,
}

impl<B: Backend> FaultyBackend<B> {
    /// A backend that works until told otherwise.
    pub fn new(inner: B) -> Self {
        Self { inner, state: Mutex::default() }
    }

    /// The backend behind it.
    pub fn inner(&self) -> &B {
        &self.inner
    }

    /// Queues what happens to the next commits, one for each: a fault, or none.
    pub fn plan_commits(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.state().commits.extend(faults);
    }

    /// Queues what happens to the next reads and scans, one for each: whether it fails.
    pub fn plan_reads(&self, fails: impl IntoIterator<Item = bool>) {
        self.state().reads.extend(fails);
    }

    /// Forgets what was planned, and returns how much of it was left.
    pub fn forget_plans(&self) -> usize {
        let mut state = self.state();
        let left = state.commits.len() + state.reads.len();
        state.commits.clear();
        state.reads.clear();
        left
    }

    /// Writes the batches that were held back, in the order in which they came, and returns what
    /// became of them: by now their conditions may no longer hold.
    pub fn release(&self) -> Vec<CommitOutcome> {
        let late = std::mem::take(&mut self.state().late);
        let commit = |batch| crate::done::wait(|done| self.inner.commit(batch, done));
        late.into_iter().map(|batch| commit(batch).unwrap_or(Outcome::Unknown)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_fails(&self) -> bool {
        self.state().reads.pop_front().unwrap_or(false)
    }
}

fn broken() -> ReadError {
    ReadError::Unavailable { reason: "a planned fault".into() }
}

impl<B: Backend> Backend for FaultyBackend<B> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn started_at(&self) -> Timestamp {
        self.inner.started_at()
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        if self.read_fails() {
            return done.complete(Err(broken()));
        }
        self.inner.read(rows, done);
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        if self.read_fails() {
            return done.complete(Err(broken()));
        }
        self.inner.scan(range, limit, done);
    }

    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        if self.read_fails() {
            return done.complete(Err(broken()));
        }
        self.inner.heads(range, limit, with_sizes, done);
    }

    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        self.inner.watch(watcher)
    }

    fn drain(&self, done: Done<()>) {
        self.inner.drain(done);
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.inner.stopped()
    }

    fn close(&self) -> Result<(), Arc<str>> {
        self.inner.close()
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        let fault = self.state().commits.pop_front().flatten();
        let reason = || "a planned fault".into();
        match fault {
            None => self.inner.commit(batch, done),
            Some(Fault::ErrorBefore) => {
                done.complete(Outcome::Refused(Refusal::Unavailable { reason: reason() }));
            }
            Some(Fault::Full) => {
                done.complete(Outcome::Refused(Refusal::Exhausted { reason: reason() }));
            }
            Some(Fault::LostThenUnknown) => done.complete(Outcome::Unknown),
            Some(Fault::LateApply) => {
                self.state().late.push(batch);
                done.complete(Outcome::Unknown);
            }
            Some(Fault::AppliedThenUnknown) => {
                // Whatever the answer was, nobody hears it.
                self.inner.commit(batch, Done::new(|_| done.complete(Outcome::Unknown)));
            }
        }
    }
}

impl<B> fmt::Debug for FaultyBackend<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBackend").finish_non_exhaustive()
    }
}
