//! The platform over a backend in this process.
//!
//! Decides nothing: a [`Machine`] says what to read or commit, [`Lanes`] say whose turn it is,
//! and this shell carries it out. Work that had to wait for its lane goes on on a thread of its
//! own, so that the backend's thread, which brings the answers, is never held up.
//!
//! A backend that dies drops its completions; every request it held is then answered here, a write
//! with an unknown outcome as exactly that.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;

use steadfast_core::platform::{
    Admission, EntryPage, EntryState, FindStanding, Input, Lanes, ListEntries, ListOrdered,
    ListRevisions, ListStores, Machine, Operation, OrderedPage, OrderedRequest, OrderedState,
    PlatformError, RemoveRevision, Request, RevisionPage, Settings, Snapshot, Standing, Step,
    StoreInfo, StorePage, StoreRequest, SweepOnce, SweepReport, TakeSnapshot,
};
use steadfast_core::{EntryId, WriteId};

use crate::backend::Backend;
use crate::boards::{BOARD_ENTRIES_MAX, Boards, Later, Task};
use crate::done::Done;
use crate::platform::{Answer, Platform};

/// Data stores over a backend. A cheap handle: clones are the same platform.
#[derive(Clone)]
pub struct LocalPlatform {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Arc<dyn Backend>,
    settings: Settings,
    lanes: Mutex<Lanes<Work>>,
    writes_per_key_max: usize,
    boards: Boards,
    /// Takes at most one piece of work per open lane, question and board in the making, each with
    /// what it needs to be carried out: also when the last handle is gone.
    later: Later,
}

/// A request whose turn it is, or whose lane is full.
struct Work(Box<Run>);

type Run = dyn FnOnce(&Arc<Shared>, Turn) + Send;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Run,
    Full,
}

impl LocalPlatform {
    /// A platform over a backend, with at most so many writes to one entry at a time: one under
    /// way, the others waiting.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(
        backend: Arc<dyn Backend>,
        settings: Settings,
        writes_per_key_max: usize,
    ) -> std::io::Result<Self> {
        let (resumed, tasks) = mpsc::channel::<Task>();
        thread::Builder::new().name("steadfast-lanes".into()).spawn(move || {
            // Ends when the last handle is gone and nothing waits: that drops the senders.
            for task in tasks {
                task();
            }
        })?;
        // The receiver ends only with the last sender, and this is one.
        let later = move |task| drop(resumed.send(task));
        Ok(Self::driven(backend, settings, writes_per_key_max, later))
    }

    /// The same, but what has to wait for its turn is handed out instead of done on a thread of its
    /// own: whoever takes it carries out each piece of work once, in their order, and not within the
    /// call that hands it out. For simulations, in which nothing happens by itself.
    pub fn driven(
        backend: Arc<dyn Backend>,
        settings: Settings,
        writes_per_key_max: usize,
        later: impl Fn(Task) + Clone + Send + Sync + 'static,
    ) -> Self {
        let boards = Boards::new(Arc::clone(&backend), BOARD_ENTRIES_MAX, Box::new(later.clone()));
        let (lanes, later) = (Mutex::new(Lanes::new(writes_per_key_max)), Box::new(later));
        let shared = Shared { backend, settings, lanes, writes_per_key_max, boards, later };
        Self { shared: Arc::new(shared) }
    }

    /// The backend behind it.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.shared.backend
    }

    /// Makes one pass of the sweep.
    pub fn sweep(&self, request: SweepOnce, done: Done<Answer<SweepReport>>) {
        self.submit(request, done);
    }

    /// A handle that does not keep the platform alive.
    pub fn downgrade(&self) -> WeakPlatform {
        WeakPlatform(Arc::downgrade(&self.shared))
    }
}

/// A [`LocalPlatform`], as long as somebody else holds it.
#[derive(Clone)]
pub struct WeakPlatform(Weak<Shared>);

impl WeakPlatform {
    /// The platform, if it is still there.
    pub fn upgrade(&self) -> Option<LocalPlatform> {
        self.0.upgrade().map(|shared| LocalPlatform { shared })
    }
}

impl fmt::Debug for WeakPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakPlatform").finish_non_exhaustive()
    }
}

impl fmt::Debug for LocalPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPlatform").finish_non_exhaustive()
    }
}

impl LocalPlatform {
    /// Carries out an operation, when its turn has come.
    pub(crate) fn submit<O>(&self, operation: O, done: Done<Answer<O::Answer>>)
    where
        O: Operation + Send + 'static,
        O::Machine: Send + 'static,
        O::Answer: Send + 'static,
    {
        let Some(entry) = operation.lane() else {
            return run(&self.shared, operation, done);
        };
        let lane = entry.clone();
        let work = Work(Box::new(move |shared, turn| match turn {
            Turn::Run => run(shared, operation, done),
            Turn::Full => {
                let (entry, limit) = (lane, shared.writes_per_key_max);
                done.complete(Err(PlatformError::Busy { entry, limit }));
            }
        }));
        let admission = self.shared.lanes().admit(&entry, work);
        match admission {
            Admission::Run(Work(work)) => work(&self.shared, Turn::Run),
            Admission::Queued => {}
            Admission::Full(Work(work)) => work(&self.shared, Turn::Full),
        }
    }
}

macro_rules! submitted {
    ($($name:ident($request:ty) -> $answer:ty;)*) => {
        $(fn $name(&self, request: $request, done: Done<Answer<$answer>>) {
            self.submit(request, done);
        })*
    };
}

impl Platform for LocalPlatform {
    submitted! {
        execute(Request) -> EntryState;
        list_entries(ListEntries) -> EntryPage;
        list_revisions(ListRevisions) -> RevisionPage;
        list_stores(ListStores) -> StorePage;
        manage_store(StoreRequest) -> StoreInfo;
        take_snapshot(TakeSnapshot) -> Snapshot;
        remove_revision(RemoveRevision) -> EntryState;
        execute_ordered(OrderedRequest) -> OrderedState;
        list_ordered(ListOrdered) -> OrderedPage;
    }

    fn find_standing(&self, request: FindStanding, done: Done<Answer<Standing>>) {
        self.shared.boards.find(request, done);
    }
}

impl Shared {
    fn lanes(&self) -> MutexGuard<'_, Lanes<Work>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run<O>(shared: &Arc<Shared>, operation: O, done: Done<Answer<O::Answer>>)
where
    O: Operation,
    O::Machine: Send + 'static,
    O::Answer: Send + 'static,
{
    let (lane, write_id) = (operation.lane(), operation.write_id());
    let (machine, step) = operation.start(&shared.settings);
    let shared = Arc::clone(shared);
    Job { shared, machine, lane, write_id, done: Some(done), committing: false }.take(step);
}

/// A request under way. Dropped without an answer, it gives one.
struct Job<M: Machine> {
    shared: Arc<Shared>,
    machine: M,
    lane: Option<EntryId>,
    write_id: Option<WriteId>,
    done: Option<Done<Answer<M::Answer>>>,
    /// Whether a batch was handed over whose outcome is not known yet.
    committing: bool,
}

/// Where the answer to a step and the job that waits for it meet: either may come first. A job that
/// lies here when its answer is dropped is dropped with it.
enum Meeting<M: Machine> {
    Nobody,
    Answer(Input),
    Job(Box<Job<M>>),
}

impl<M> Job<M>
where
    M: Machine + Send + 'static,
    M::Answer: Send + 'static,
{
    /// Carries out steps until one has to be waited for. An answer that comes at once is taken here
    /// and not where it was given, so that the stack does not grow with the number of steps.
    fn take(mut self, mut step: Step<M::Answer>) {
        loop {
            let meeting = Arc::new(Mutex::new(Meeting::Nobody));
            if !self.submit(step, &meeting) {
                return;
            }
            let mut place = meeting.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *place, Meeting::Nobody) {
                Meeting::Answer(input) => step = self.machine.on(input),
                Meeting::Nobody | Meeting::Job(_) => {
                    *place = Meeting::Job(Box::new(self));
                    return;
                }
            }
        }
    }

    /// Hands a step to the backend. False if there is nothing more to do.
    fn submit(&mut self, step: Step<M::Answer>, meeting: &Arc<Mutex<Meeting<M>>>) -> bool {
        let backend = Arc::clone(&self.shared.backend);
        match step {
            Step::Done(answer) => {
                self.finish(answer);
                return false;
            }
            Step::Read(rows) => backend.read(rows, arrival(meeting, Input::Read)),
            Step::Scan(range, limit) => {
                backend.scan(range, limit, arrival(meeting, Input::Scanned));
            }
            Step::Heads(range, limit, with_sizes) => {
                backend.heads(range, limit, with_sizes, arrival(meeting, Input::Heads));
            }
            Step::Commit(batch) => {
                self.committing = true;
                backend.commit(batch, arrival(meeting, Input::Committed));
            }
        }
        true
    }
}

/// Brings an answer to where its job waits, or will.
fn arrival<M, T>(
    meeting: &Arc<Mutex<Meeting<M>>>,
    input: impl FnOnce(T) -> Input + Send + 'static,
) -> Done<T>
where
    M: Machine + Send + 'static,
    M::Answer: Send + 'static,
    T: 'static,
{
    let meeting = Arc::clone(meeting);
    Done::new(move |answer| {
        let mut place = meeting.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *place, Meeting::Nobody) {
            Meeting::Job(mut job) => {
                drop(place);
                let step = job.machine.on(input(answer));
                job.take(step);
            }
            Meeting::Nobody | Meeting::Answer(_) => *place = Meeting::Answer(input(answer)),
        }
    })
}

impl<M: Machine> Job<M> {
    fn finish(&mut self, answer: Answer<M::Answer>) {
        let Some(done) = self.done.take() else { return };
        if let Some(entry) = &self.lane {
            let next = self.shared.lanes().finish(entry);
            if let Some(Work(work)) = next {
                let shared = Arc::clone(&self.shared);
                (self.shared.later)(Box::new(move || work(&shared, Turn::Run)));
            }
        }
        done.complete(answer);
    }
}

impl<M: Machine> Drop for Job<M> {
    fn drop(&mut self) {
        let answer = match self.write_id {
            Some(write_id) if self.committing => PlatformError::OutcomeUnknown { write_id },
            _ => PlatformError::Unavailable { reason: "the store ended".into() },
        };
        self.finish(Err(answer));
    }
}

#[cfg(test)]
#[path = "local/tests.rs"]
mod tests;
