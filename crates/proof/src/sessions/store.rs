//! The store: rows on a disk, and the commands that are carried out over them.
//!
//! ```text
//!   command ──► job ── read ──► step ── commit ──► step ── scan ──► answer ──► network
//!                       a step is an event of its own, with a latency and faults of its own
//! ```
//!
//! A batch takes effect at one instant, and its answer follows. A crash leaves of each batch that
//! waits for its instant all or nothing. What a fail-over, or a power cut that takes renewals along,
//! leaves is kept beside the rows from the moment on from which on things are lost: the [`Shadow`].

mod ends;
mod past;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::platform::{Input, Machine, Operation, Settings, Step};
use steadfast_core::record::{
    PresenceState, RecordAnswer, RecordCommand, RecordMachine, RecordReply, RecordRequest,
    RecordWrite, StoreFacts,
};
use steadfast_core::row::{ReadReply, ReadResult, ScanResult};
use steadfast_core::{
    Batch, CommitOutcome, Condition, Found, Monotonic, Now, OpeningId, Outcome, Refusal, Rng,
    RowBody, RowKey, RowRange, Timestamp, Write,
};
use steadfast_sim::{NodeClock, Streams};
use steadfast_storage::Rows;

use super::marks::{Mark, Marks};
use super::network::{Address, Message, Network};
use super::planted::{self, Revenants};
use super::sites::{STORE_COMMIT, STORE_READ};
use super::witness::{Author, Witness};
use super::{Context, Event};
use crate::bank::Bug;
use crate::refusals::{exhausted, unavailable, unreadable};

pub(super) use past::Held;

/// Least and most milliseconds until a store that crashed opens again.
const RESTART: std::ops::Range<u64> = 100..3_000;

/// How the store ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// It is killed, and is down for so long.
    Killed(Duration),
    /// Its machine fails, and what the shadow holds goes on.
    FailedOver,
}

/// What a shadow is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Openings read from it.
    Lag,
    /// It takes over, and everything since is lost.
    Standby,
    /// It takes over, and the renewals since are lost.
    Renewals,
}

/// Rows as they were a while ago.
struct Shadow {
    rows: Rows,
    purpose: Purpose,
    /// What is not lost of what came since.
    kept: Vec<(Batch, Timestamp)>,
    /// Writes of records that are lost.
    lost: Vec<(Author, Batch)>,
}

/// A command being carried out.
struct Job {
    machine: RecordMachine,
    /// Nothing while it is being looked at.
    step: Option<Step<RecordReply>>,
    author: Author,
    back: Address,
    may_lag: bool,
    command: Arc<RecordCommand>,
}

/// The store. Its rows outlive its openings.
pub(super) struct Store {
    rows: Rows,
    clock: NodeClock,
    settings: Settings,
    opening: OpeningId,
    started_at: Timestamp,
    is_up: bool,
    /// Which life this is: events of an earlier one are void.
    life: u32,
    jobs: Vec<Option<Job>>,
    free: Vec<usize>,
    stalled_until: Monotonic,
    full_until: Monotonic,
    shadow: Option<Shadow>,
    crash_loop: u32,
    revenants: Revenants,
    past: past::Past,
    rng: Rng,
}

impl Store {
    pub(super) fn new(streams: &Streams, now: Now) -> Self {
        let mut rng = streams.own("store");
        let opening = OpeningId(rng.next_u128());
        Self {
            rows: Rows::new(),
            clock: NodeClock::exact(now),
            settings: Settings::native(),
            opening,
            started_at: now.wall,
            is_up: true,
            life: 0,
            jobs: Vec::new(),
            free: Vec::new(),
            stalled_until: Monotonic::default(),
            full_until: Monotonic::default(),
            shadow: None,
            crash_loop: 0,
            revenants: Revenants::default(),
            past: past::Past::default(),
            rng,
        }
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn clock_mut(&mut self) -> &mut NodeClock {
        &mut self.clock
    }

    /// Which life this is.
    pub(super) fn life(&self) -> u32 {
        self.life
    }

    /// Its opening, while it is open.
    pub(super) fn opening(&self) -> Option<OpeningId> {
        self.is_up.then_some(self.opening)
    }

    /// Its time: never before that of its last commit.
    pub(super) fn time(&self, now: Now) -> Timestamp {
        self.clock.read(now).wall.max(self.rows.last_stamp())
    }

    fn facts(&self, now: Now) -> StoreFacts {
        let Self { opening, started_at, .. } = *self;
        StoreFacts { opening, started_at, now: self.time(now) }
    }

    /// The batch that a write of a record is planned as now.
    pub(super) fn plan(&self, now: Now, command: RecordCommand) -> Option<Batch> {
        let request = RecordRequest { command: Arc::new(command), store: self.facts(now) };
        let (mut machine, mut step) = request.start(&self.settings);
        loop {
            step = match step {
                Step::Read(keys) => {
                    let rows = keys.iter().map(|key| self.rows.get(key)).collect();
                    machine.on(Input::Read(Ok(ReadReply { rows, now: self.time(now) })))
                }
                Step::Commit(batch) => return Some(batch),
                Step::Scan(..) | Step::Heads(..) | Step::Done(_) => return None,
            };
        }
    }

    /// A command arrives.
    pub(super) fn arrive(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        message: Message,
    ) {
        let Message { back, author, may_lag, command } = message;
        if !self.is_up {
            // Half of the time somebody says that nobody listens.
            if self.rng.percent(50) {
                let reason = "nobody listens".into();
                let error = steadfast_core::platform::PlatformError::Unavailable { reason };
                network.reply(ctx, back, command, Err(error));
            }
            return;
        }
        if ctx.has(Bug::RenewalAfterRelease)
            && let RecordCommand::Write(write) = &*command
            && let Some(revenant) = self.revenants.note(author, write)
        {
            let delay = Duration::from_millis(self.rng.in_range(1_000..20_000));
            ctx.sim.world.schedule_in(delay, Event::Revenant { life: self.life, revenant });
        }
        let store = self.facts(ctx.now);
        let request = RecordRequest { command: Arc::clone(&command), store };
        let (mut machine, step) = request.start(&self.settings);
        if let Some(flaw) = ctx.bug.and_then(Bug::flaw) {
            machine.plant(flaw);
        }
        let job = Some(Job { machine, step: Some(step), author, back, may_lag, command });
        let slot = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(None);
            self.jobs.len() - 1
        });
        if let Some(place) = self.jobs.get_mut(slot) {
            *place = job;
        }
        self.step(ctx, network, self.life, slot);
    }

    /// A job does its next step.
    pub(super) fn step(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        life: u32,
        slot: usize,
    ) {
        if life != self.life {
            return;
        }
        if self.stalled_until > ctx.now.mono {
            let delay = Duration::from_micros(self.rng.in_range(0..2_000));
            let at = self.stalled_until.saturating_add(delay);
            ctx.sim.world.schedule_at(at, Event::Step { life, job: slot });
            return;
        }
        let Some(job) = self.jobs.get_mut(slot).and_then(Option::as_mut) else { return };
        let Some(step) = job.step.take() else { return };
        let (author, may_lag) = (job.author, job.may_lag);
        let input = match step {
            Step::Read(keys) => Input::Read(self.read(ctx, &keys, may_lag)),
            Step::Scan(range, limit) => Input::Scanned(self.scan(ctx, &range, limit)),
            Step::Commit(batch) => match self.take(ctx, network, slot, author, batch) {
                Some(outcome) => Input::Committed(outcome),
                None => return,
            },
            Step::Done(answer) => return self.answer(ctx, network, slot, answer),
            Step::Heads(..) => unreachable!("records are read whole"),
        };
        let Some(job) = self.jobs.get_mut(slot).and_then(Option::as_mut) else { return };
        match job.machine.on(input) {
            Step::Done(answer) => self.answer(ctx, network, slot, answer),
            next @ (Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Commit(_)) => {
                job.step = Some(next);
                let delay = Duration::from_micros(self.rng.in_range(50..2_000));
                ctx.sim.world.schedule_in(delay, Event::Step { life, job: slot });
            }
        }
    }

    /// A job is over.
    fn answer(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        slot: usize,
        answer: RecordAnswer,
    ) {
        let Some(job) = self.jobs.get_mut(slot).and_then(Option::take) else { return };
        self.free.push(slot);
        network.reply(ctx, job.back, job.command, answer);
    }

    fn read(&mut self, ctx: &mut Context<'_>, keys: &[RowKey], may_lag: bool) -> ReadResult {
        let now = self.time(ctx.now);
        if ctx.sim.faults.visit(&STORE_READ).is_some() {
            if ctx.has(Bug::DefaultOverFailedRead) {
                let rows = keys.iter().map(|_| Found::Absent).collect();
                return Ok(ReadReply { rows, now });
            }
            return Err(unreadable());
        }
        let lags = may_lag
            && self.shadow.as_ref().is_some_and(|shadow| shadow.purpose == Purpose::Lag)
            && self.rng.percent(30);
        let rows = match &self.shadow {
            Some(shadow) if lags => {
                ctx.marks.meet(Mark::Lagged);
                &shadow.rows
            }
            Some(_) | None => &self.rows,
        };
        Ok(ReadReply { rows: keys.iter().map(|key| rows.get(key)).collect(), now })
    }

    fn scan(&mut self, ctx: &mut Context<'_>, range: &RowRange, limit: usize) -> ScanResult {
        if ctx.sim.faults.visit(&STORE_READ).is_some() {
            return Err(unreadable());
        }
        Ok(self.rows.scan(range, limit))
    }

    /// Takes a batch. Nothing if its outcome comes later, or never.
    fn take(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        slot: usize,
        author: Author,
        batch: Batch,
    ) -> Option<CommitOutcome> {
        let Some(fault) = ctx.sim.faults.visit(&STORE_COMMIT) else {
            if self.full_until > ctx.now.mono {
                return Some(Outcome::Refused(exhausted("the disk is full")));
            }
            return Some(self.commit(ctx, author, &batch));
        };
        match fault.class {
            "S1" => Some(Outcome::Refused(unavailable())),
            "S2" => {
                drop(self.commit(ctx, author, &batch));
                Some(Outcome::Unknown)
            }
            "S3" => {
                let late = Event::Late { life: self.life, batch: Box::new((author, batch)) };
                ctx.sim.world.schedule_in(fault.duration(), late);
                Some(Outcome::Unknown)
            }
            "S5" => Some(Outcome::Refused(exhausted("too many requests"))),
            "S9" => {
                self.full_until = ctx.now.mono.saturating_add(fault.duration());
                Some(Outcome::Refused(exhausted("the disk is full")))
            }
            "S17" => {
                self.stalled_until = ctx.now.mono.saturating_add(fault.duration());
                if let Some(job) = self.jobs.get_mut(slot).and_then(Option::as_mut) {
                    job.step = Some(Step::Commit(batch));
                }
                self.step(ctx, network, self.life, slot);
                None
            }
            class => {
                if class == "S7" && fault.amount() > 0 {
                    // Nobody hears of it.
                    let outcome = self.commit(ctx, author, &batch);
                    ctx.marks.meet_if(Mark::CrashWrote, matches!(outcome, Outcome::Committed(_)));
                }
                let down = Duration::from_millis(self.rng.in_range(RESTART));
                let event = Event::StoreEnds { life: self.life, how: Setback::Killed(down) };
                ctx.sim.world.schedule_in(Duration::ZERO, event);
                // Whoever waits for it hears nothing any more.
                None
            }
        }
    }

    /// A batch whose caller had given up arrives after all (S3).
    pub(super) fn arrive_late(
        &mut self,
        ctx: &mut Context<'_>,
        life: u32,
        (author, batch): (Author, Batch),
    ) {
        if life == self.life && self.is_up {
            let outcome = self.commit(ctx, author, &batch);
            let is_written = matches!(outcome, Outcome::Committed(_));
            ctx.marks.meet(if is_written { Mark::LateWritten } else { Mark::LateRefused });
        }
    }

    /// Checks a batch and writes it.
    pub(super) fn commit(
        &mut self,
        ctx: &mut Context<'_>,
        author: Author,
        batch: &Batch,
    ) -> CommitOutcome {
        let clock = self.clock.read(ctx.now).wall;
        let passed = ctx.bug.and_then(|bug| planted::let_pass(bug, batch, &self.rows));
        let batch = passed.as_ref().unwrap_or(batch);
        let before = Marks::look(&self.rows, batch);
        let outcome = if passed.is_some() {
            Outcome::Committed(self.rows.apply(batch, clock))
        } else {
            self.rows.commit(batch, clock)
        };
        if let Outcome::Refused(Refusal::Conditions(rows)) = &outcome {
            ctx.bench.refused(ctx.now, author, batch, rows);
        }
        if let Outcome::Committed(committed) = &outcome {
            self.past.note(batch);
            ctx.bench.applied(ctx.now, author, batch, *committed);
            ctx.marks.commit(author, batch, before.as_ref(), self.opening);
            if let Some(shadow) = &mut self.shadow {
                shadow.note(author, batch, committed.stamped_at);
            }
            let mut line = ctx.sim.trace.event(ctx.now, "write");
            line.signed("stamp", committed.stamped_at.ticks());
            trace::describe(&mut line, author, batch);
            drop(line);
            if ctx.has(Bug::MailboxInsidePresence)
                && let Some(touched) = planted::touch_presence(batch, &self.rows)
            {
                let committed = self.rows.apply(&touched, clock);
                ctx.bench.applied(ctx.now, author, &touched, committed);
            }
        }
        outcome
    }

    /// Bug `renewal-after-release`: a copy of a save comes after the release, on what stands there.
    pub(super) fn haunt(
        &mut self,
        ctx: &mut Context<'_>,
        life: u32,
        (author, write): (Author, RecordWrite),
    ) {
        if life != self.life || !self.is_up {
            return;
        }
        let write = planted::on_top(write, &self.rows);
        if let Some(batch) = self.plan(ctx.now, RecordCommand::Write(Box::new(write))) {
            drop(self.commit(ctx, author, &batch));
        }
    }
}

impl Shadow {
    /// A batch was written beside it.
    fn note(&mut self, author: Author, batch: &Batch, stamped_at: Timestamp) {
        match self.purpose {
            Purpose::Renewals if !is_renewal(batch) => self.kept.push((batch.clone(), stamped_at)),
            // A death names its opening of the store: a copy of it is refused by the next one.
            Purpose::Standby if !is_renewal(batch) && !is_death(batch) => {
                self.lost.push((author, batch.clone()));
            }
            Purpose::Renewals | Purpose::Standby | Purpose::Lag => {}
        }
    }
}

/// Whether it does nothing but renew a presence.
fn is_renewal(batch: &Batch) -> bool {
    let conditional = matches!(batch.conditions.as_slice(), [(_, Condition::At(_))]);
    conditional
        && matches!(batch.writes.as_slice(), [Write::Put { body: RowBody::Presence(body), .. }]
            if body.state == PresenceState::Alive)
}

/// Whether it does nothing but end a presence.
fn is_death(batch: &Batch) -> bool {
    matches!(batch.writes.as_slice(), [Write::Put { body: RowBody::Presence(body), .. }]
        if body.state == PresenceState::Dead)
}
