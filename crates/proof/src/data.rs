//! The scenario `data`: history, sweeps, lists, data stores as a whole and ordered data stores over
//! weeks, on the real driver in virtual time.
//!
//! Two [`LocalPlatform`]s, as two front ends of one process, share one simulated store: their
//! backend puts down what they ask, and the event loop carries it out later, with faults. So it is
//! the code that runs in production that decides, queues, reads and answers here; only the store,
//! the clock and the threads are ours.
//!
//! ```text
//!   clients, sweeps ──► LocalPlatform A, B ──► port ──► event loop ──► disk: rows, damage, clock
//!        ▲                   │    ▲                         │
//!        └──── answers ──────┘    └──── completions, notices, work for later
//!
//!   safety  at least 40 virtual days and 300 commits in 30 rounds that are seconds to days apart
//!   heal    no fault any more: all calls are answered
//!   rest    sweeps until nothing is due, all is read; the same 32 days later
//! ```
//!
//! Faults: batches and reads that fail, are throttled, find no room, are unknown although written
//! (S1, S2, S5, S9), are written minutes after they were given up (S3), or slow (S17); damaged rows
//! (S10); the end of the process at any time, with batches under way written whole or not at all
//! (P1, P2); a clock that jumps by hours (T2), over a store whose time never goes back. What only a
//! network or a real disk can do is attacked by the scenario [`platform`](crate::platform).
//!
//! The oracle judges an answer by the moments of its call: it must have been right at one of them,
//! so that it must be exact where nothing was written meanwhile.

mod boards;
mod calls;
mod clients;
mod disk;
mod engine;
mod log;
mod oracle;
mod planted;
mod port;
mod sites;
mod transcript;

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_core::platform::{PlatformError, SweepReport};
use steadfast_core::{Batch, Monotonic, Now, Outcome, Rng, Timestamp};
use steadfast_sim::{NodeClock, RunReport, Setup, Simulation};
use steadfast_storage::LocalPlatform;

use crate::bank::{Bug, Judges};
use crate::platform::Verdict;
use calls::{Ask, Call, Moment, Told};
use clients::Clients;
use disk::Disk;
use oracle::Oracle;
use port::{Asked, Port};
use sites::{CLOCK, DISK_REST, LANE_LENGTH, SWEEP_BUDGET};
use transcript::Record;

/// Its name in plans.
pub const NAME: &str = "data";

/// How long a run lasts at least.
const RUN_MIN: Duration = Duration::from_hours(40 * 24);
/// Rounds of a run.
const ROUND_COUNT_MIN: u32 = 30;
/// Rounds of a run that does not get to its commits: then the workload is wrong.
const ROUND_COUNT_MAX: u32 = 400;
/// Commits of a run.
const COMMIT_COUNT_MIN: u64 = 300;
/// Damaged rows of a run. An entry whose row is damaged takes no more writes.
const DAMAGE_COUNT_MAX: usize = 3;
/// Front ends over the one store.
const FRONT_COUNT: u64 = 2;
/// Passes of the sweep after which nothing may be due any more.
const REST_SWEEPS_MAX: u32 = 2_000;

/// What some run must meet.
const MARKS: [&str; 17] = [
    "a late batch was written",
    "a late batch was refused",
    "a crash with batches under way",
    "a batch was written by a process that ended",
    "a sweep removed revisions",
    "a sweep purged entries",
    "a sweep purged a data store",
    "a sweep purged ordered entries",
    "a sweep was overtaken",
    "damage was told",
    "an entry was busy",
    "a revision was gone",
    "a deleted data store was told",
    "a page had a next one",
    "a board was asked for a place",
    "a write was unknown",
    "a snapshot was taken",
];

/// What the world does next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A round begins.
    Round,
    /// A client may ask.
    Act { client: usize },
    /// A sweep begins.
    Sweep,
    /// A request is carried out, and answered at once if so.
    Execute { id: u64, answers: bool },
    /// A request is answered.
    Answer { id: u64 },
    /// The boards are told of a batch.
    Notice,
    /// Work that was put off is done.
    Task,
    /// A batch arrives that was given up.
    Late { id: u64 },
    /// The process ends.
    Crash { life: u32 },
    /// The process starts.
    Open,
}

/// A request at the store.
#[derive(Default)]
struct Pending {
    asked: Option<Asked>,
    /// The answer, once it is known.
    ready: Option<Box<dyn FnOnce() + Send>>,
    /// Whether the outcome is not told, whatever it is.
    is_unknown: bool,
}

/// Runs the scenario before these judges.
pub fn simulate(setup: Setup, judges: Judges) -> RunReport {
    steadfast_sim::simulate(setup, |sim| {
        let verdict = Scenario::new(sim, judges)?.run(sim, judges);
        verdict.failure().map_or(Ok(()), Err)
    })
}

struct Scenario {
    port: Port,
    disk: Disk,
    fronts: Vec<LocalPlatform>,
    lane_length: usize,
    life: u32,
    pending: BTreeMap<u64, Pending>,
    late: BTreeMap<u64, Batch>,
    request_count: u64,
    /// Events that do work which was put off.
    task_count: usize,
    calls: BTreeMap<u64, Call>,
    call_count: u64,
    clients: Clients,
    /// Calls that each client still makes in this round.
    budgets: Vec<u64>,
    oracle: Oracle,
    node: NodeClock,
    rng: Rng,
    round: u32,
    damage_count: usize,
    is_calm: bool,
    last_report: Option<SweepReport>,
    /// What the second judge is shown, if it sits.
    transcript: Option<Vec<Record>>,
    /// Counts begins and ends of calls.
    order: u64,
}

impl Scenario {
    fn new(sim: &mut Simulation<Event>, judges: Judges) -> Result<Self, String> {
        let bug = match sim.faults.plan().planted_bug.as_deref() {
            None => None,
            Some(name) => Some(Bug::parse(name).ok_or_else(|| format!("no bug `{name}`"))?),
        };
        sim.totals.declare_marks(&MARKS);
        let clients = Clients::new(&sim.streams, sim.faults.knob(&SWEEP_BUDGET));
        let mut scenario = Self {
            port: Port::default(),
            disk: Disk::new(bug),
            fronts: vec![],
            lane_length: usize::try_from(sim.faults.knob(&LANE_LENGTH)).unwrap_or(1),
            life: 0,
            pending: BTreeMap::new(),
            late: BTreeMap::new(),
            request_count: 0,
            task_count: 0,
            calls: BTreeMap::new(),
            call_count: 0,
            budgets: vec![0; clients.count()],
            clients,
            oracle: Oracle::new(judges.oracle),
            node: NodeClock::exact(sim.world.now()),
            rng: sim.streams.own("store"),
            round: 0,
            damage_count: 0,
            is_calm: false,
            last_report: None,
            transcript: judges.history.then(Vec::new),
            order: 0,
        };
        scenario.open();
        Ok(scenario)
    }

    fn run(mut self, sim: &mut Simulation<Event>, judges: Judges) -> Verdict {
        sim.world.schedule_in(Duration::ZERO, Event::Round);
        self.run_until_idle(sim);
        let mut verdict = Verdict::default();
        let mut is_stuck = self.rest(sim, Duration::from_hours(3));
        is_stuck = is_stuck.or(self.rest(sim, Duration::from_hours(32 * 24)));
        if judges.liveness {
            let (count, round) = (self.oracle.applied_count(), self.round);
            let is_few = judges.oracle && count < COMMIT_COUNT_MIN;
            let few = is_few.then(|| format!("only {count} commits after {round} rounds"));
            verdict.liveness = is_stuck.or(few);
        }
        sim.totals.add("commits", self.disk.seq());
        sim.totals.add("calls", self.call_count);
        sim.totals.add("rounds", u64::from(self.round));
        sim.totals.add("process lives", u64::from(self.life));
        verdict.history = self.transcript.and_then(|records| transcript::judge(&records).err());
        verdict.oracle = self.oracle.into_violation();
        verdict
    }

    fn run_until_idle(&mut self, sim: &mut Simulation<Event>) {
        while let Some((now, event)) = sim.world.pop() {
            self.handle(sim, now, event);
            self.pump(sim);
        }
    }

    /// Time goes by without faults, then sweeps until nothing is due, then all is read. What is not
    /// over by then.
    fn rest(&mut self, sim: &mut Simulation<Event>, after: Duration) -> Option<String> {
        self.is_calm = true;
        if let Some(call) = self.calls.values().next() {
            return Some(format!("{} calls have no answer: {call:?}", self.calls.len()));
        }
        let at = sim.world.now().mono.saturating_add(after);
        sim.world.advance_to(at);
        if self.damage_count > 0 {
            // Damage that stays must not use up the whole of a small budget.
            self.clients.widen_sweeps();
        }
        for _ in 0..REST_SWEEPS_MAX {
            let ask = self.clients.sweep();
            self.ask(sim, usize::MAX, ask);
            self.pump(sim);
            self.run_until_idle(sim);
            let report = self.last_report.take().unwrap_or_default();
            let is_idle = report.reviewed + report.stores_purged + report.ordered_purged == 0
                && report.entries_purged + report.revisions_removed == 0
                && !report.has_more
                && report.stores_after.is_none();
            if is_idle {
                self.oracle.check_rows(self.disk.rows());
                let now = self.moment(sim).now;
                self.oracle.check_rest(self.disk.rows(), now);
                for ask in self.clients.read_everything() {
                    self.ask(sim, usize::MAX, ask);
                    self.pump(sim);
                }
                self.run_until_idle(sim);
                return None;
            }
        }
        Some("the sweep never comes to an end".to_owned())
    }

    fn clock(&self, sim: &Simulation<Event>) -> Timestamp {
        self.node.read(sim.world.now()).wall
    }

    fn moment(&mut self, sim: &Simulation<Event>) -> Moment {
        let now = self.disk.now(self.clock(sim));
        Moment { seq: self.disk.seq(), told: self.disk.told(), now }
    }

    fn micros(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_micros(self.rng.in_range(range))
    }

    fn handle(&mut self, sim: &mut Simulation<Event>, now: Now, event: Event) {
        match event {
            Event::Round => self.begin_round(sim, now.mono),
            Event::Act { client } => self.act(sim, client),
            Event::Sweep => {
                let ask = self.clients.sweep();
                self.ask(sim, usize::MAX, ask);
            }
            Event::Execute { id, answers } => {
                self.execute(sim, id);
                if answers {
                    self.answer(id);
                }
            }
            Event::Answer { id } => self.answer(id),
            Event::Notice => {
                let through = self.disk.told() + 1;
                self.tell(through);
            }
            Event::Task => {
                self.task_count = self.task_count.saturating_sub(1);
                let task = self.port.inbox().tasks.pop_front();
                if let Some(task) = task {
                    task();
                }
            }
            Event::Late { id } => {
                if let Some(batch) = self.late.remove(&id) {
                    let outcome = self.commit(sim, &batch, true);
                    let is_written = matches!(outcome, Outcome::Committed(_));
                    sim.totals.sometimes("a late batch was written", is_written);
                    sim.totals.sometimes("a late batch was refused", !is_written);
                }
            }
            Event::Crash { life } if life == self.life => self.crash(sim),
            Event::Crash { .. } => {}
            Event::Open => self.open(),
        }
    }

    /// A round: what befalls clock and disk, then all clients are busy for a while.
    fn begin_round(&mut self, sim: &mut Simulation<Event>, now: Monotonic) {
        let is_long = self.round >= ROUND_COUNT_MIN
            && now.saturating_since(Monotonic::default()) >= RUN_MIN
            && self.disk.seq() >= COMMIT_COUNT_MIN;
        if is_long || self.round >= ROUND_COUNT_MAX || self.oracle.violation().is_some() {
            sim.faults.heal();
            return;
        }
        self.round += 1;
        if let Some(fault) = sim.faults.visit(&DISK_REST) {
            self.damage(u64::try_from(fault.amount()).unwrap_or(0));
        }
        if let Some(fault) = sim.faults.visit(&CLOCK) {
            self.node.jump_ms(fault.amount());
        }
        if let Some(ask) = u64::from(self.round).checked_sub(3)
            && let Some(ask) = self.clients.configure(ask)
        {
            self.ask(sim, usize::MAX, ask);
        }
        for client in 0..self.budgets.len() {
            let Some(budget) = self.budgets.get_mut(client) else { continue };
            let was_idle = *budget == 0;
            *budget = self.rng.in_range(4..10);
            if was_idle {
                let delay = self.micros(0..50_000);
                sim.world.schedule_in(delay, Event::Act { client });
            }
        }
        for _ in 0..self.rng.below(4) {
            let delay = if self.rng.percent(50) {
                self.micros(0..100_000)
            } else {
                self.micros(0..90_000_000)
            };
            sim.world.schedule_in(delay, Event::Sweep);
        }
        let (unit, most) = match self.rng.below(100) {
            0..30 => (1, 60),
            30..50 => (60, 60),
            50..75 => (3_600, 24),
            _ => (86_400, 9),
        };
        let seconds = unit * self.rng.in_range(1..most) + self.rng.below(unit);
        sim.world.schedule_in(Duration::from_secs(seconds), Event::Round);
    }

    /// A client asks, if it has time and the process is there.
    fn act(&mut self, sim: &mut Simulation<Event>, client: usize) {
        let Some(budget) = self.budgets.get_mut(client) else { return };
        if self.fronts.is_empty() {
            sim.world.schedule_in(Duration::from_secs(2), Event::Act { client });
            return;
        }
        if *budget == 0 || self.oracle.violation().is_some() {
            return;
        }
        *budget -= 1;
        let now = self.moment(sim).now;
        match self.clients.choose(client, now) {
            Some(ask) => self.ask(sim, client, ask),
            None => {
                sim.world.schedule_in(Duration::from_millis(1), Event::Act { client });
            }
        }
    }

    fn ask(&mut self, sim: &mut Simulation<Event>, client: usize, ask: Ask) {
        let count = u64::try_from(self.fronts.len()).unwrap_or(0);
        let place = usize::try_from(self.rng.below(count)).unwrap_or(0);
        let Some(front) = self.fronts.get(place).cloned() else { return };
        self.call_count += 1;
        let (number, began, is_calm) = (self.call_count, self.moment(sim), self.is_calm);
        self.order += 1;
        let order = self.order;
        let call = Call { order, client, ask: ask.clone(), began, is_calm };
        self.oracle.on_begin(&call);
        self.calls.insert(number, call);
        let port = self.port.clone();
        ask.submit(&front, move |told| port.inbox().answers.push_back((number, told)));
    }

    /// Takes everything that was put down.
    fn pump(&mut self, sim: &mut Simulation<Event>) {
        loop {
            let (asked, answer) = {
                let mut inbox = self.port.inbox();
                (inbox.asked.pop_front(), inbox.answers.pop_front())
            };
            if asked.is_none() && answer.is_none() {
                break;
            }
            if let Some(asked) = asked {
                self.take(sim, asked);
            }
            if let Some((number, told)) = answer {
                self.on_answer(sim, number, &told);
            }
        }
        while self.task_count < self.port.inbox().tasks.len() {
            self.task_count += 1;
            let delay = self.micros(0..500);
            sim.world.schedule_in(delay, Event::Task);
        }
    }

    fn on_answer(&mut self, sim: &mut Simulation<Event>, number: u64, told: &Told) {
        let Some(call) = self.calls.remove(&number) else { return };
        let ended = self.moment(sim);
        let now = sim.world.now();
        sim.trace.event(now, "answer").number("call", number).text("told", told.word());
        self.oracle.on_answer(&call, told, ended);
        self.order += 1;
        if let Some(records) = &mut self.transcript {
            let (ask, began, ended_at) = (call.ask.clone(), call.order, self.order);
            let times = (call.began.now, ended.now);
            records.push(Record { ask, began, ended: ended_at, times, told: told.clone() });
        }
        self.clients.learn(call.client, &call.ask, told);
        mark(sim, told);
        if let Told::Swept(report) = told {
            self.last_report = Some(report.clone());
        }
        if call.client < self.budgets.len() {
            let client = call.client;
            let pause = match self.rng.below(10) {
                0 => self.micros(0..200_000_000),
                1..4 => self.micros(0..3_000_000),
                _ => self.micros(0..5_000),
            };
            sim.world.schedule_in(pause, Event::Act { client });
        }
    }
}

/// What an answer shows that some run must meet.
fn mark(sim: &mut Simulation<Event>, told: &Told) {
    use PlatformError as E;
    let name = match told {
        Told::Failed(E::Corrupt { .. }) => "damage was told",
        Told::Failed(E::Busy { .. }) => "an entry was busy",
        Told::Failed(E::RevisionNotFound { .. }) => "a revision was gone",
        Told::Failed(E::StoreDeleted { .. }) => "a deleted data store was told",
        Told::Failed(E::OutcomeUnknown { .. }) => "a write was unknown",
        Told::Standing(_) => "a board was asked for a place",
        Told::Snapshot(snapshot) if snapshot.is_new => "a snapshot was taken",
        Told::Revisions(page) if page.next.is_some() => "a page had a next one",
        Told::Swept(report) => {
            let counts = [
                ("a sweep removed revisions", report.revisions_removed),
                ("a sweep purged entries", report.entries_purged),
                ("a sweep purged a data store", report.stores_purged),
                ("a sweep purged ordered entries", report.ordered_purged),
                ("a sweep was overtaken", report.skipped),
            ];
            for (name, count) in counts {
                sim.totals.sometimes(name, count > 0);
            }
            return;
        }
        Told::Entry(_)
        | Told::Revisions(_)
        | Told::Entries(_)
        | Told::Stores(_)
        | Told::Store(_)
        | Told::Snapshot(_)
        | Told::Ordered(_)
        | Told::Board(_)
        | Told::Failed(_) => return,
    };
    sim.totals.sometimes(name, true);
}
