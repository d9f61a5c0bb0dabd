//! Game servers and tools: each makes one call at a time, repeats it when no answer comes, and
//! gives up after a while.
//!
//! A copy of a request that was not answered may have been carried out, now or later. A refusal
//! of another copy then says nothing about it, so the caller is told that the outcome is unknown;
//! see [`Repeats`]. A call that was dropped (P8) is told nothing, and its write goes on.

use std::time::Duration;

use steadfast_core::platform::{
    EntryState, Get, Permit, PlatformError, Request, Update, UpdateStep, Which,
};
use steadfast_core::{EntryId, ErrorKind, Monotonic, Rng, WriteId};
use steadfast_sim::{Streams, TimerId};

use crate::history::{EntryHistory, Repeats, Seen, Told};
use crate::platform::recorder::{Place, Recorder, told};
use crate::platform::server::Message;
use crate::platform::sites::{CLIENT_CALL, NET_REQUEST};
use crate::platform::workload::{self, Change, Known};
use crate::platform::{Context, Event};

/// Copies of a request, while faults last. A bit of a mask each.
const COPIES_MAX: u32 = 32;

/// Why a client does something.
#[derive(Debug)]
pub(crate) enum Occasion {
    /// It has time.
    Free,
    /// An answer arrives.
    Answered(Box<Reply>),
    /// No answer arrived in time.
    Deadline { request_no: u64 },
    /// It has waited long enough to try again.
    Again { request_no: u64 },
    /// It loses interest (P8).
    Dropped { request_no: u64 },
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(super) request_no: u64,
    pub(super) copy: u32,
    pub(super) answer: Result<EntryState, PlatformError>,
}

struct Task {
    place: Place,
    request_no: u64,
    request: Request,
    /// Copies sent, and which of them were refused.
    copies: u32,
    refused: u32,
    copies_max: u32,
    deadline: Duration,
    timer: Option<TimerId>,
    change: Option<(u64, Update<Change>)>,
}

struct Client {
    rng: Rng,
    known: Vec<Known>,
    /// Calls still to make in this round.
    budget: u32,
    task: Option<Task>,
    paused_until: Monotonic,
}

/// All clients.
pub(super) struct Clients {
    ids: Vec<EntryId>,
    /// The last one reads when everything has come to rest.
    nodes: Vec<Client>,
    recorder: Recorder,
    repeats: Repeats,
    request_count: u64,
    change_count: u64,
    is_healing: bool,
    is_at_rest: bool,
    /// When the last call ended.
    quiet_at: Monotonic,
    network: Rng,
    write_ids: Rng,
    values: workload::Values,
}

impl Clients {
    pub(super) fn new(
        streams: &Streams,
        ids: &[EntryId],
        count: u64,
        repeats: Repeats,
        values: workload::Values,
    ) -> Self {
        let client = |index| Client {
            rng: streams.own(&format!("client {index}")),
            known: vec![Known::default(); ids.len()],
            budget: 0,
            task: None,
            paused_until: Monotonic::default(),
        };
        Self {
            ids: ids.to_vec(),
            nodes: (0..=count).map(client).collect(),
            recorder: Recorder::new(ids.len()),
            repeats,
            request_count: 0,
            change_count: 0,
            is_healing: false,
            is_at_rest: false,
            quiet_at: Monotonic::default(),
            network: streams.own(steadfast_sim::streams::NETWORK),
            write_ids: streams.own(steadfast_sim::streams::IDS),
            values,
        }
    }

    pub(super) fn recorder_mut(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    pub(super) fn into_histories(self) -> Vec<EntryHistory> {
        self.recorder.into_histories()
    }

    /// All but the last have some calls to make.
    pub(super) fn begin_round(&mut self, ctx: &mut Context<'_>) {
        let count = self.nodes.len() - 1;
        for (index, client) in self.nodes.iter_mut().enumerate().take(count) {
            let was_idle = client.budget == 0 && client.task.is_none();
            client.budget = u32::try_from(client.rng.in_range(4..15)).unwrap_or(4);
            if was_idle {
                let delay = Duration::from_micros(client.rng.in_range(0..20_000));
                ctx.sim.world.schedule_in(delay, event(index, Occasion::Free));
            }
        }
    }

    /// No fault any more: nobody starts anything, everybody tries until it is answered.
    pub(super) fn heal(&mut self) {
        self.is_healing = true;
        for client in &mut self.nodes {
            client.budget = 0;
            client.paused_until = Monotonic::default();
        }
    }

    /// The fresh client reads all entries, one after the other.
    pub(super) fn read_everything(&mut self, ctx: &mut Context<'_>) {
        self.is_at_rest = true;
        let last = self.nodes.len() - 1;
        if let Some(client) = self.nodes.last_mut() {
            client.budget = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
            ctx.sim.world.schedule_in(Duration::ZERO, event(last, Occasion::Free));
        }
    }

    /// What should be over by now and is not.
    pub(super) fn check_quiet(&self, bound: Monotonic) -> Vec<String> {
        let mut evidence = Vec::new();
        for (index, client) in self.nodes.iter().enumerate() {
            if let Some(task) = &client.task {
                evidence.push(format!("client {index} waits for {:?}", task.request));
            }
        }
        if self.quiet_at > bound {
            evidence.push(format!("calls ended at {:?}, after {bound:?}", self.quiet_at));
        }
        evidence
    }

    /// Something happens to a client; while it is paused, later (P3).
    pub(super) fn on(&mut self, ctx: &mut Context<'_>, index: usize, what: Occasion) {
        let Some(client) = self.nodes.get(index) else { return };
        if client.paused_until > ctx.now.mono {
            ctx.sim.world.schedule_at(client.paused_until, event(index, what));
            return;
        }
        let current = client.task.as_ref().map(|task| task.request_no);
        match what {
            Occasion::Free => self.begin(ctx, index),
            Occasion::Answered(reply) if current == Some(reply.request_no) => {
                self.on_reply(ctx, index, *reply);
            }
            Occasion::Deadline { request_no } if current == Some(request_no) => {
                self.send_again_or(ctx, index, Duration::ZERO, false);
            }
            Occasion::Again { request_no } if current == Some(request_no) => self.send(ctx, index),
            Occasion::Dropped { request_no } if current == Some(request_no) => {
                let task = self.nodes.get_mut(index).and_then(|client| client.task.take());
                if let Some(task) = task {
                    stop(ctx, task.timer);
                }
                self.rest(ctx, index);
            }
            // Too late: the call is over.
            Occasion::Answered(_)
            | Occasion::Deadline { .. }
            | Occasion::Again { .. }
            | Occasion::Dropped { .. } => {}
        }
    }

    /// Makes the next call.
    fn begin(&mut self, ctx: &mut Context<'_>, index: usize) {
        let Some(client) = self.nodes.get_mut(index) else { return };
        if client.budget == 0 || client.task.is_some() {
            return;
        }
        let fault = ctx.sim.faults.visit(&CLIENT_CALL);
        if let Some(fault) = fault.filter(|fault| fault.class == "P3") {
            client.paused_until = ctx.now.mono.saturating_add(fault.duration());
            ctx.sim.world.schedule_in(Duration::ZERO, event(index, Occasion::Free));
            return;
        }
        client.budget -= 1;
        if self.is_at_rest {
            let key = usize::try_from(client.budget).unwrap_or(0);
            let Some(id) = self.ids.get(key) else { return };
            let read = Get { entry: id.clone(), which: Which::Current };
            return self.ask(ctx, index, key, Request::Get(read), None);
        }
        let write_id = WriteId(self.write_ids.next_u128());
        let job = workload::choose(
            &mut client.rng,
            &client.known,
            &self.ids,
            &mut self.values,
            write_id,
            ctx.now.wall,
        );
        if job.is_change {
            self.change_count += 1;
            let change = self.values.change(self.change_count);
            let Some(id) = self.ids.get(job.key).cloned() else { return };
            let (update, request) = Update::start(id, Permit::ALL, write_id, change);
            self.ask(ctx, index, job.key, request, Some((self.change_count, update)));
        } else {
            self.ask(ctx, index, job.key, job.request, None);
        }
        let request_no = self.request_count;
        if let Some(fault) = fault.filter(|fault| fault.class == "P8") {
            ctx.sim
                .world
                .schedule_in(fault.duration(), event(index, Occasion::Dropped { request_no }));
        }
    }

    /// Sends a new request.
    fn ask(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
        key: usize,
        request: Request,
        change: Option<(u64, Update<Change>)>,
    ) {
        let Some(client) = self.nodes.get_mut(index) else { return };
        self.request_count += 1;
        let action = workload::action(&request, change.as_ref().map(|(number, _)| *number));
        let place = self.recorder.begin(key, action, self.is_at_rest);
        let copies_max = u32::try_from(client.rng.in_range(1..5)).unwrap_or(1);
        let deadline = Duration::from_millis(client.rng.in_range(400..3_000));
        let request_no = self.request_count;
        client.task = Some(Task {
            place,
            request_no,
            request,
            copies: 0,
            refused: 0,
            copies_max,
            deadline,
            timer: None,
            change,
        });
        self.send(ctx, index);
    }

    /// Sends one more copy.
    fn send(&mut self, ctx: &mut Context<'_>, index: usize) {
        let Some(task) = self.nodes.get_mut(index).and_then(|client| client.task.as_mut()) else {
            return;
        };
        let request_no = task.request_no;
        let timeout = event(index, Occasion::Deadline { request_no });
        task.timer = Some(ctx.sim.world.schedule_in(task.deadline, timeout));
        let message = |task: &Task| Message {
            client: index,
            request_no,
            copy: task.copies.min(COPIES_MAX - 1),
            key: task.place.key,
            request: task.request.clone(),
        };
        let arrive = |message| Event::Arrive(Box::new(message));
        let mut delay = Duration::from_micros(self.network.in_range(100..3_000));
        let mut is_lost = false;
        if let Some(fault) = ctx.sim.faults.visit(&NET_REQUEST) {
            match fault.class {
                "N1" => is_lost = true,
                "N3" => {
                    let second = delay.saturating_add(fault.duration());
                    ctx.sim.world.schedule_in(second, arrive(message(task)));
                    self.recorder.call_mut(task.place).duplicated = true;
                }
                _ => delay = delay.saturating_add(fault.duration()),
            }
        }
        if !is_lost {
            ctx.sim.world.schedule_in(delay, arrive(message(task)));
        }
        task.copies += 1;
        if task.copies > 1 {
            self.recorder.call_mut(task.place).resent = true;
        }
    }

    fn on_reply(&mut self, ctx: &mut Context<'_>, index: usize, reply: Reply) {
        let Some(task) = self.nodes.get_mut(index).and_then(|client| client.task.as_mut()) else {
            return;
        };
        let Reply { copy, answer, .. } = reply;
        let kind = answer.as_ref().err().map(PlatformError::kind);
        let is_write = task.request.write_id().is_some();
        if is_write
            && let Some(kind) = kind
            && kind != ErrorKind::OutcomeUnknown
        {
            task.refused |= 1 << copy;
        }
        let retry_can_help = kind.is_some_and(ErrorKind::retry_can_help);
        if retry_can_help {
            stop(ctx, task.timer);
            let wait = Duration::from_millis(self.network.in_range(20..600));
            return self.send_again_or(ctx, index, wait, true);
        }
        let is_refused = kind.is_some() && is_write;
        let is_certain = task.refused.count_ones() == task.copies;
        if is_refused && !is_certain && self.repeats == Repeats::RecognisedWhileLast {
            ctx.marks.refused_unsure = true;
            return self.end(ctx, index, Err(None));
        }
        self.end(ctx, index, answer.map_err(Some));
    }

    /// Tries again if it has patience left, else ends: refused if the last copy was and no other
    /// is unsettled, or with an unknown outcome.
    fn send_again_or(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
        wait: Duration,
        is_refused: bool,
    ) {
        let Some(task) = self.nodes.get_mut(index).and_then(|client| client.task.as_mut()) else {
            return;
        };
        let request_no = task.request_no;
        if task.copies < task.copies_max || self.is_healing {
            let again = event(index, Occasion::Again { request_no });
            task.timer = Some(ctx.sim.world.schedule_in(wait, again));
            return;
        }
        let is_certain = is_refused
            && (task.refused.count_ones() == task.copies || task.request.write_id().is_none());
        let error = is_certain.then(|| PlatformError::Unavailable { reason: "gave up".into() });
        self.end(ctx, index, Err(error));
    }

    /// A call has ended: with an answer, or with an unknown outcome.
    fn end(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
        answer: Result<EntryState, Option<PlatformError>>,
    ) {
        let Some(client) = self.nodes.get_mut(index) else { return };
        let Some(task) = client.task.take() else { return };
        stop(ctx, task.timer);
        let told = match &answer {
            Ok(state) => Told::State(Seen::of(state.clone())),
            Err(Some(error)) => told(error),
            Err(None) => Told::Nothing,
        };
        ctx.marks.corrupt_told |= matches!(told, Told::Damaged(_));
        trace(ctx, task.request_no, &told);
        if let (Told::State(seen) | Told::Conflict(seen), Some(known)) =
            (&told, client.known.get_mut(task.place.key))
        {
            known.learn(seen);
        }
        self.recorder.end(task.place, told);
        self.quiet_at = ctx.now.mono;
        let Some((number, mut update)) = task.change else { return self.rest(ctx, index) };
        let answer = answer.map_err(|error| error.unwrap_or_else(|| unknown(&task.request)));
        let is_conflict = answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Conflict);
        match update.on_answer(answer) {
            UpdateStep::Send(request) => {
                ctx.marks.change_replanned |= is_conflict;
                self.ask(ctx, index, task.place.key, request, Some((number, update)));
            }
            UpdateStep::Done(_) => self.rest(ctx, index),
        }
    }

    /// Thinks, and goes on if there is more to do.
    fn rest(&mut self, ctx: &mut Context<'_>, index: usize) {
        self.quiet_at = ctx.now.mono;
        let Some(client) = self.nodes.get_mut(index) else { return };
        if client.budget > 0 {
            let longest = if client.rng.percent(80) { 3_000 } else { 60_000 };
            let think = Duration::from_micros(client.rng.in_range(0..longest));
            ctx.sim.world.schedule_in(think, event(index, Occasion::Free));
        }
    }
}

fn event(client: usize, what: Occasion) -> Event {
    Event::Client { client, what }
}

fn stop(ctx: &mut Context<'_>, timer: Option<TimerId>) {
    if let Some(timer) = timer {
        ctx.sim.world.cancel(timer);
    }
}

fn unknown(request: &Request) -> PlatformError {
    match request.write_id() {
        Some(write_id) => PlatformError::OutcomeUnknown { write_id },
        None => PlatformError::Unavailable { reason: "no answer".into() },
    }
}

fn trace(ctx: &mut Context<'_>, request_no: u64, told: &Told) {
    let (kind, counter) = match told {
        Told::Nothing => ("unknown", 0),
        Told::State(seen) => ("state", seen.counter),
        Told::Absent => ("absent", 0),
        Told::NoSuchRevision => ("no revision", 0),
        Told::Conflict(seen) => ("conflict", seen.counter),
        Told::Damaged(counter) => ("damaged", counter.unwrap_or(0)),
        Told::NoSum => ("no sum", 0),
        Told::Refused => ("refused", 0),
    };
    let mut line = ctx.sim.trace.event(ctx.now, kind);
    line.number("request", request_no).number("counter", counter);
}
