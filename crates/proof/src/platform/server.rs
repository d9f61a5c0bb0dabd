//! The data server: requests, each with its execution, in lanes, over the store.
//!
//! The same as `LocalPlatform` without threads: work that is ready waits in a row and is done one
//! step at a time. Before every step the process may be killed (P1, P2).

use std::collections::VecDeque;
use std::time::Duration;

use steadfast_core::platform::{
    Admission, EntryState, Execution, History, Input, Lanes, PlatformError, Request, Settings,
    Step, When,
};
use steadfast_core::row::HeadsReply;
use steadfast_core::{
    CommitOutcome, Committed, EntryId, Found, Outcome, Refusal, Rng, Row, RowBody, RowKey,
};
use steadfast_sim::Streams;
use steadfast_storage::Rows;

use crate::bank::Bug;
use crate::platform::clients::{Occasion, Reply};
use crate::platform::sites::{NET_REPLY, PROCESS, SERVER_EFFECT};
use crate::platform::store::{Origin, Store, Submission};
use crate::platform::{Context, Event};

/// How long a graceful stop may drain.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Every revision is kept as long as a run lasts: what may go, and when, is not attacked here.
const SETTINGS: Settings = Settings { history: History::Every, ..Settings::native() };

/// A request on its way, with where its answer goes.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) client: usize,
    pub(super) request_no: u64,
    /// Which of its copies this is.
    pub(super) copy: u32,
    /// The index of its entry.
    pub(super) key: usize,
    pub(super) request: Request,
}

/// How the process comes to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// It is killed, or exits.
    Kill,
    /// The machine loses its power.
    PowerCut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Draining,
    Down,
}

/// A request under way.
struct Job {
    execution: Execution,
    number: usize,
    message: Address,
    /// The outcome of the batch before was unknown.
    is_unsure: bool,
    /// The batch before was refused for its conditions.
    is_refused: bool,
}

/// Where an answer goes.
#[derive(Clone, Copy)]
struct Address {
    client: usize,
    request_no: u64,
    copy: u32,
}

enum Ready {
    Start(Message),
    Step(usize, Step),
}

/// The process with its store.
pub(super) struct Server {
    ids: Vec<EntryId>,
    store: Store,
    lanes: Lanes<Message>,
    lane_length: usize,
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
    ready: VecDeque<Ready>,
    state: State,
    /// How often it still crashes right after its start (P5).
    crash_loop: u32,
    rng: Rng,
}

impl Server {
    pub(super) fn new(streams: &Streams, ids: Vec<EntryId>, lane_length: usize) -> Self {
        Self {
            ids,
            store: Store::new(streams.own("store")),
            lanes: Lanes::new(lane_length),
            lane_length,
            jobs: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            state: State::Up,
            crash_loop: 0,
            rng: streams.own("server"),
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// What should be over by now and is not.
    pub(super) fn check_quiet(&self) -> Vec<String> {
        let mut evidence = Vec::new();
        if self.state != State::Up {
            evidence.push("the server is not up".to_owned());
        }
        if self.lanes.open_count() > 0 {
            evidence.push(format!("{} lanes are open", self.lanes.open_count()));
        }
        if self.jobs.len() != self.free.len() {
            evidence.push(format!("{} jobs are open", self.jobs.len() - self.free.len()));
        }
        if !self.store.is_idle() {
            evidence.push("the store has batches".to_owned());
        }
        evidence
    }

    /// P4 and P5.
    pub(super) fn begin_round(&mut self, ctx: &mut Context<'_>) {
        let Some(fault) = ctx.sim.faults.visit(&PROCESS) else { return };
        let incarnation = self.store.incarnation();
        let delay = Duration::from_micros(self.rng.in_range(0..150_000));
        if fault.class == "P5" {
            self.crash_loop = u32::try_from(fault.amount()).unwrap_or(0);
            ctx.sim.world.schedule_in(delay, Event::Exit { incarnation });
        } else {
            ctx.sim.world.schedule_in(delay, Event::Drain { incarnation });
        }
    }

    /// A graceful stop: takes nothing more, and ends when all is done or its time is over.
    pub(super) fn drain(&mut self, ctx: &mut Context<'_>, incarnation: u32) {
        if incarnation == self.store.incarnation() && self.state == State::Up {
            self.state = State::Draining;
            ctx.sim.world.schedule_in(DRAIN_MAX, Event::Exit { incarnation });
            self.work(ctx);
        }
    }

    /// A request arrives.
    pub(super) fn arrive(&mut self, ctx: &mut Context<'_>, message: Message) {
        match self.state {
            // Nobody listens.
            State::Down => return,
            State::Draining => {
                let reason = "the server is stopping".into();
                let answer = Err(PlatformError::Unavailable { reason });
                return self.reply(ctx, message.address(), answer);
            }
            State::Up => {}
        }
        if message.request.write_id().is_none() {
            self.ready.push_back(Ready::Start(message));
        } else {
            let Some(entry) = self.ids.get(message.key) else { return };
            match self.lanes.admit(entry, message) {
                Admission::Run(message) => self.ready.push_back(Ready::Start(message)),
                Admission::Queued => ctx.marks.lane_used = true,
                Admission::Full(message) => {
                    ctx.marks.lane_full = true;
                    let (entry, limit) = (entry.clone(), self.lane_length);
                    let answer = Err(PlatformError::Busy { entry, limit });
                    return self.reply(ctx, message.address(), answer);
                }
            }
        }
        self.work(ctx);
    }

    /// A flush of the store ends.
    pub(super) fn end_flush(&mut self, ctx: &mut Context<'_>, incarnation: u32) {
        if incarnation != self.store.incarnation() {
            return;
        }
        let flushed = self.store.end_flush(ctx);
        for (job, outcome) in flushed.outcomes {
            self.on_outcome(ctx, job, outcome);
        }
        if flushed.has_stopped {
            // Whoever supervises the process starts it again (S7).
            let delay = Duration::from_micros(self.rng.in_range(0..500_000));
            ctx.sim.world.schedule_in(delay, Event::Exit { incarnation });
        }
        self.work(ctx);
    }

    /// A batch arrives at the store whose caller has given up.
    pub(super) fn arrive_late(
        &mut self,
        ctx: &mut Context<'_>,
        incarnation: u32,
        submission: Submission,
    ) {
        if incarnation == self.store.incarnation() {
            self.store.arrive_late(ctx, submission);
        }
    }

    /// Bug `ack-before-flush`.
    pub(super) fn answer_early(
        &mut self,
        ctx: &mut Context<'_>,
        incarnation: u32,
        job: usize,
        committed: Committed,
    ) {
        if incarnation == self.store.incarnation() {
            self.on_outcome(ctx, job, Outcome::Committed(committed));
            self.work(ctx);
        }
    }

    /// The process ends now, if it is still the same.
    pub(super) fn set_back(&mut self, ctx: &mut Context<'_>, incarnation: u32, how: Setback) {
        if incarnation != self.store.incarnation() || self.state == State::Down {
            return;
        }
        ctx.sim.trace.event(ctx.now, "crash").number("incarnation", u64::from(incarnation));
        self.store.crash(ctx);
        self.state = State::Down;
        self.lanes = Lanes::new(self.lane_length);
        self.ready.clear();
        self.jobs.clear();
        self.free.clear();
        let seconds = if how == Setback::PowerCut { 5_000..60_000 } else { 100..5_000 };
        let downtime = Duration::from_millis(self.rng.in_range(seconds));
        let incarnation = self.store.incarnation();
        ctx.sim.world.schedule_in(downtime, Event::Start { incarnation });
    }

    /// The process starts.
    pub(super) fn start(&mut self, ctx: &mut Context<'_>, incarnation: u32) {
        if incarnation != self.store.incarnation() {
            return;
        }
        self.state = State::Up;
        self.store.open(ctx, &self.ids);
        if let Some(left) = self.crash_loop.checked_sub(1) {
            self.crash_loop = left;
            let delay = Duration::from_millis(self.rng.in_range(0..1_000));
            ctx.sim.world.schedule_in(delay, Event::Exit { incarnation });
        }
    }

    /// Does what is ready, until nothing is or the process is killed.
    fn work(&mut self, ctx: &mut Context<'_>) {
        while let Some(ready) = self.ready.pop_front() {
            if let Some(fault) = ctx.sim.faults.visit(&SERVER_EFFECT) {
                let how = if fault.class == "P2" { Setback::PowerCut } else { Setback::Kill };
                return self.set_back(ctx, self.store.incarnation(), how);
            }
            match ready {
                Ready::Start(message) => self.begin(ctx, message),
                Ready::Step(job, step) => self.take(ctx, job, step),
            }
        }
        let is_drained = self.jobs.len() == self.free.len() && self.store.is_idle();
        if self.state == State::Draining && is_drained {
            ctx.marks.stopped_in_order = true;
            self.set_back(ctx, self.store.incarnation(), Setback::Kill);
        }
    }

    fn begin(&mut self, ctx: &mut Context<'_>, message: Message) {
        let number = ctx.oracle.on_begin(message.key);
        let address = message.address();
        let (execution, step) = Execution::start(message.request, &SETTINGS);
        let job = Job { execution, number, message: address, is_unsure: false, is_refused: false };
        let slot = if let Some(slot) = self.free.pop() {
            if let Some(place) = self.jobs.get_mut(slot) {
                *place = Some(job);
            }
            slot
        } else {
            self.jobs.push(Some(job));
            self.jobs.len() - 1
        };
        self.ready.push_back(Ready::Step(slot, step));
    }

    fn take(&mut self, ctx: &mut Context<'_>, slot: usize, step: Step) {
        let Some(job) = self.jobs.get_mut(slot).and_then(Option::as_mut) else { return };
        let next = match step {
            Step::Read(rows) => {
                let may_be_stale = matches!(job.execution.request(), Request::Set(set)
                    if set.when == When::Always && !job.is_unsure);
                let mut reply = self.store.read(ctx, &rows, may_be_stale);
                if ctx.has(Bug::OldValueCounted)
                    && let (Request::Increment(_), Ok(reply)) =
                        (job.execution.request(), &mut reply)
                    && let Some(found) = reply.rows.first_mut()
                {
                    take_older_value(self.store.rows(), found);
                }
                job.execution.on(Input::Read(reply))
            }
            Step::Scan(range, limit) => {
                let reply = self.store.scan(ctx, &range, limit);
                job.execution.on(Input::Scanned(reply))
            }
            Step::Heads(range, limit, _) => {
                let reply = self.store.scan(ctx, &range, limit);
                job.execution.on(Input::Heads(reply.map(|reply| HeadsReply::of(&reply))))
            }
            Step::Commit(batch) => {
                ctx.marks.replanned |= job.is_refused;
                ctx.marks.settled_again |= job.is_unsure;
                let origin = Origin { job: slot, execution: job.number };
                match self.store.submit(ctx, origin, batch) {
                    Some(outcome) => return self.on_outcome(ctx, slot, outcome),
                    None => return,
                }
            }
            Step::Done(answer) => return self.finish(ctx, slot, answer),
        };
        self.ready.push_back(Ready::Step(slot, next));
    }

    fn on_outcome(&mut self, ctx: &mut Context<'_>, slot: usize, outcome: CommitOutcome) {
        let Some(job) = self.jobs.get_mut(slot).and_then(Option::as_mut) else { return };
        job.is_refused = matches!(outcome, Outcome::Refused(Refusal::Conditions(_)));
        job.is_unsure = outcome == Outcome::Unknown;
        let outcome = match outcome {
            Outcome::Unknown if ctx.has(Bug::TimeoutAsSaved) => {
                Outcome::Committed(Committed { stamped_at: ctx.clock() })
            }
            Outcome::Unknown if ctx.has(Bug::TimeoutAsRefused) => {
                Outcome::Refused(Refusal::Unavailable { reason: "timeout".into() })
            }
            Outcome::Unknown | Outcome::Committed(_) | Outcome::Refused(_) => outcome,
        };
        let step = job.execution.on(Input::Committed(outcome));
        self.ready.push_back(Ready::Step(slot, step));
    }

    fn finish(
        &mut self,
        ctx: &mut Context<'_>,
        slot: usize,
        answer: Result<EntryState, PlatformError>,
    ) {
        let Some(job) = self.jobs.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        let request = job.execution.request();
        ctx.marks.settled_committed |= job.is_unsure && answer.is_ok();
        ctx.oracle.on_answer(job.number, request, &answer);
        if request.write_id().is_some()
            && let Some(next) = self.lanes.finish(request.entry())
        {
            self.ready.push_back(Ready::Start(next));
        }
        self.reply(ctx, job.message, answer);
    }

    /// Sends an answer over the network.
    fn reply(
        &mut self,
        ctx: &mut Context<'_>,
        to: Address,
        answer: Result<EntryState, PlatformError>,
    ) {
        let Address { client, request_no, copy } = to;
        let mut delay = Duration::from_micros(self.rng.in_range(100..3_000));
        let reply = |answer| Event::Client {
            client,
            what: Occasion::Answered(Box::new(Reply { request_no, copy, answer })),
        };
        if let Some(fault) = ctx.sim.faults.visit(&NET_REPLY) {
            match fault.class {
                "N2" => return,
                "N3" => {
                    let second = delay.saturating_add(fault.duration());
                    ctx.sim.world.schedule_in(second, reply(answer.clone()));
                }
                _ => delay = delay.saturating_add(fault.duration()),
            }
        }
        ctx.sim.world.schedule_in(delay, reply(answer));
    }
}

/// Bug `old-value-counted`: the row of an entry with the value of the revision before it.
fn take_older_value(rows: &Rows, found: &mut Found) {
    let Found::Row(Row { key: RowKey::Entry(id), revision, body: RowBody::Entry(body), .. }) =
        found
    else {
        return;
    };
    let older = rows.get(&RowKey::Revision(id.clone(), revision.counter.saturating_sub(1)));
    if let Found::Row(Row { body: RowBody::Revision(older), .. }) = older {
        body.content = older.content;
    }
}

impl Message {
    fn address(&self) -> Address {
        let Self { client, request_no, copy, .. } = *self;
        Address { client, request_no, copy }
    }
}
