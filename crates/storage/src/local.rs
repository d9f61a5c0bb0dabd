//! The platform over a backend in this process.
//!
//! Decides nothing: an [`Execution`] says what to read or commit, [`Lanes`] say whose turn it is,
//! and this shell carries it out. Work that had to wait for its lane goes on on a thread of its
//! own, so that the backend's thread, which brings the answers, is never held up.
//!
//! A backend that dies drops its completions; every request it held is then answered here, a write
//! with an unknown outcome as exactly that.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use steadfast_core::EntryId;
use steadfast_core::platform::{Admission, Execution, Input, Lanes, PlatformError, Request, Step};

use crate::backend::Backend;
use crate::done::Done;
use crate::platform::{Answer, Platform};

/// Data stores over a backend. A cheap handle: clones are the same platform.
#[derive(Clone)]
pub struct LocalPlatform {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Arc<dyn Backend>,
    lanes: Mutex<Lanes<Work>>,
    writes_per_key_max: usize,
    /// Holds at most one piece of work per open lane, each with what it needs to be carried out:
    /// also when the last handle is gone.
    resumed: mpsc::Sender<(Arc<Shared>, Work)>,
}

/// A request with where its answer goes.
struct Work {
    request: Request,
    done: Done<Answer>,
}

impl LocalPlatform {
    /// A platform over a backend, with at most so many writes to one entry at a time: one under
    /// way, the others waiting.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(backend: Arc<dyn Backend>, writes_per_key_max: usize) -> std::io::Result<Self> {
        let (resumed, work) = mpsc::channel();
        let lanes = Mutex::new(Lanes::new(writes_per_key_max));
        let shared = Arc::new(Shared { backend, lanes, writes_per_key_max, resumed });
        thread::Builder::new().name("steadfast-lanes".into()).spawn(move || {
            // Ends when the last handle is gone and nothing waits: that drops the sender.
            for (shared, work) in work {
                run(&shared, work);
            }
        })?;
        Ok(Self { shared })
    }

    /// The backend behind it.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.shared.backend
    }
}

impl fmt::Debug for LocalPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPlatform").finish_non_exhaustive()
    }
}

impl Platform for LocalPlatform {
    fn execute(&self, request: Request, done: Done<Answer>) {
        let work = Work { request, done };
        if work.request.write_id().is_none() {
            return run(&self.shared, work);
        }
        let entry = work.request.entry().clone();
        let admission = self.shared.lanes().admit(&entry, work);
        match admission {
            Admission::Run(work) => run(&self.shared, work),
            Admission::Queued => {}
            Admission::Full(work) => {
                let limit = self.shared.writes_per_key_max;
                work.done.complete(Err(PlatformError::Busy { entry, limit }));
            }
        }
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes<Work>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(shared: &Arc<Shared>, work: Work) {
    let (execution, step) = Execution::start(work.request);
    let job =
        Job { shared: Arc::clone(shared), execution, done: Some(work.done), committing: false };
    job.take(step);
}

/// A request under way. Dropped without an answer, it gives one.
struct Job {
    shared: Arc<Shared>,
    execution: Execution,
    done: Option<Done<Answer>>,
    /// Whether a batch was handed over whose outcome is not known yet.
    committing: bool,
}

impl Job {
    fn take(mut self, step: Step) {
        let backend = Arc::clone(&self.shared.backend);
        match step {
            Step::Done(answer) => self.finish(answer),
            Step::Read(rows) => {
                backend.read(rows, Done::new(move |reply| self.on(Input::Read(reply))));
            }
            Step::Scan(range, limit) => {
                let next = Done::new(move |reply| self.on(Input::Scanned(reply)));
                backend.scan(range, limit, next);
            }
            Step::Commit(batch) => {
                self.committing = true;
                backend.commit(batch, Done::new(move |outcome| self.on(Input::Committed(outcome))));
            }
        }
    }

    fn on(mut self, input: Input) {
        let step = self.execution.on(input);
        self.take(step);
    }

    fn finish(&mut self, answer: Answer) {
        let Some(done) = self.done.take() else { return };
        if let Some(entry) = self.lane() {
            let next = self.shared.lanes().finish(&entry);
            if let Some(next) = next {
                // The receiver ends only with the last handle, and this job holds one.
                drop(self.shared.resumed.send((Arc::clone(&self.shared), next)));
            }
        }
        done.complete(answer);
    }

    fn lane(&self) -> Option<EntryId> {
        let request = self.execution.request();
        request.write_id().map(|_| request.entry().clone())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let answer = match self.execution.request().write_id() {
            Some(write_id) if self.committing => PlatformError::OutcomeUnknown { write_id },
            _ => PlatformError::Unavailable { reason: "the store ended".into() },
        };
        self.finish(Err(answer));
    }
}

#[cfg(test)]
#[path = "local/tests.rs"]
mod tests;
