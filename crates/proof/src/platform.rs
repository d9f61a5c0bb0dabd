//! The scenario `platform`: data stores under concurrent clients, crashes and faults.
//!
//! One process carries out requests with the executions and lanes of `core` over one embedded
//! store; 3 to 6 clients use 4 to 12 keys in two data stores and two scopes over a network that
//! loses, doubles and delays, with deadlines and repeats. Every 45 s all clients are busy at once.
//!
//! ```text
//!   clients ──requests──► network ──► server: lanes, executions ──► store: queue, flush, rows
//!      ▲                                                                │
//!      └───────────── network ◄──────────── answers ◄───────────────────┘
//!
//!   safety  at least 30 virtual minutes and 300 commits, any fault
//!   heal    no fault any more: all calls are answered within a bound, lanes and queue are empty
//!   rest    a fresh client reads every entry, then the judges speak
//! ```
//!
//! Every fault of the list that one server over one embedded store can meet is injected, at the
//! sites of `sites.rs`. What is special:
//!
//! - S4: a store that owns its rows reads no old ones, and core relies on it for what it answers
//!   from a read alone. An older snapshot is given only to unconditional sets, where the commit
//!   must refuse it. Any other stale read is the planted bug `stale-read-trusted`.
//! - S6 is the crash within a flush of which nothing is left; P1 and P2 strike between any two
//!   steps of the server and leave all or nothing of a flush.
//! - S8: only the last rounds may lie. The power cut follows at the end, the store finds at its
//!   opening that it stands behind the mark of its last acknowledged commit, says so and stops
//!   (R10): the run ends there. Clients are then judged by the history up to the cut, the oracle
//!   checks that nothing stamped before the reported time is gone.
//! - S10 damages rows of entries and revisions, not those of data stores, which hold half of all.
//!
//! Not here: S11 to S14 and S16 (one embedded store has no failover, transactions, connections
//! or second process), S15 and O3 (one configuration), S18 (every revision is kept; `data` has it),
//! P6 (no memory limit), P7 (one version), P9 (no callbacks in the server), T1, T3 and T4 (only
//! stamps are kept, which T2 covers), T5 (no timers), N6 to N8 (with one server they are N1 and
//! N2), N9 to N11 and H1 to H11 (no wire).
//!
//! What a repeated write may do follows [`Repeats`]. The client here takes a refusal for certain
//! only if every copy of the request was refused. Knob `judge.strict_repeats` demands more.

mod clients;
mod oracle;
mod recorder;
mod server;
mod sites;
mod store;
mod workload;

use std::time::Duration;

use steadfast_core::platform::EntryState;
use steadfast_core::{
    Committed, EntryId, EntryKey, Found, Monotonic, Now, RowKey, RowRange, Scope, StoreId,
    StoreName, Timestamp, UniverseId,
};
use steadfast_sim::streams::WORKLOAD;
use steadfast_sim::{NodeClock, RunReport, Setup, Simulation};
use steadfast_storage::Rows;

use crate::bank::{Bug, Judge, Judges};
use crate::history::{EntryHistory, Repeats, Seen, judge};
use clients::Clients;
use oracle::Oracle;
use server::{Server, Setback};
use sites::{CLOCK, COUNTER_EVERY, DISK_LIES, DISK_REST, LANE_LENGTH, STRICT_REPEATS};
use workload::Values;

/// Its name in plans.
pub const NAME: &str = "platform";

/// The knob that demands that a repeated write is always recognised.
pub const STRICT_REPEATS_KNOB: &str = STRICT_REPEATS.name;

/// From the start of one round to that of the next.
const ROUND: Duration = Duration::from_secs(45);
/// Rounds of a run: 30 minutes.
const ROUND_COUNT_MIN: u32 = 40;
/// Rounds of a run that does not get to its commits: then the workload is wrong.
const ROUND_COUNT_MAX: u32 = 1_000;
/// Commits of a run.
const COMMIT_COUNT_MIN: u64 = 300;
/// Among the last so many rounds the disk may begin to lie.
const LYING_ROUNDS: u32 = 3;
/// Damaged rows of a run. An entry whose row is damaged takes no more writes.
const DAMAGE_COUNT_MAX: usize = 3;
/// Within this time after the last fault every call is answered.
const HEAL_BOUND: Duration = Duration::from_mins(5);

/// What the world does next.
#[derive(Debug)]
enum Event {
    /// A round begins.
    Round,
    /// A client does something.
    Client { client: usize, what: clients::Occasion },
    /// A request arrives at the server.
    Arrive(Box<server::Message>),
    /// A flush ends.
    FlushEnd { incarnation: u32 },
    /// The power fails in the middle of a flush.
    PowerCut { incarnation: u32 },
    /// A batch arrives at the store long after it was sent.
    LateBatch { incarnation: u32, submission: Box<store::Submission> },
    /// A planted bug answers early.
    EarlyAnswer { incarnation: u32, job: usize, committed: Committed },
    /// The process is asked to end.
    Drain { incarnation: u32 },
    /// The process ends.
    Exit { incarnation: u32 },
    /// The process starts.
    Start { incarnation: u32 },
}

/// What some run must meet.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
struct Marks {
    late_batch_refused: bool,
    late_batch_written: bool,
    crashed_with_batches: bool,
    crashed_after_flush: bool,
    lane_used: bool,
    lane_full: bool,
    replanned: bool,
    settled_committed: bool,
    settled_again: bool,
    stopped_in_order: bool,
    corrupt_told: bool,
    repeat_recognised: bool,
    loss_reported: bool,
    refused_unsure: bool,
    tombstone_revived: bool,
    change_replanned: bool,
    unknown_there: bool,
    unknown_not_there: bool,
    added: bool,
    no_sum: bool,
}

/// What every part of the world may use.
struct Context<'a> {
    sim: &'a mut Simulation<Event>,
    oracle: &'a mut Oracle,
    marks: &'a mut Marks,
    /// The clocks of the server's machine.
    node: &'a mut NodeClock,
    now: Now,
    bug: Option<Bug>,
}

impl Context<'_> {
    /// What the server's wall clock shows.
    fn clock(&self) -> Timestamp {
        self.node.read(self.now).wall
    }

    /// Whether a bug is planted.
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

/// What the judges found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The first violation that the oracle saw.
    pub oracle: Option<String>,
    /// The first violation in what clients saw.
    pub history: Option<String>,
    /// What is left to do after all faults have stopped.
    pub liveness: Option<String>,
}

impl Verdict {
    /// The failure of the run, if it is one.
    pub fn failure(&self) -> Option<String> {
        let named = |judge: &str, said: &Option<String>| {
            said.as_ref().map(|said| format!("{judge}: {said}"))
        };
        let said = [
            named(Judge::Oracle.name(), &self.oracle),
            named(Judge::History.name(), &self.history),
            named("liveness", &self.liveness),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join("\n"))
    }
}

/// Runs the scenario before these judges.
pub fn simulate(setup: Setup, judges: Judges) -> RunReport {
    steadfast_sim::simulate(setup, |sim| {
        let verdict = Scenario::new(sim, judges)?.run(sim, judges);
        verdict.failure().map_or(Ok(()), Err)
    })
}

struct Scenario {
    ids: Vec<EntryId>,
    clients: Clients,
    server: Server,
    oracle: Oracle,
    marks: Marks,
    node: NodeClock,
    bug: Option<Bug>,
    repeats: Repeats,
    round: u32,
    damage_count: usize,
}

impl Scenario {
    fn new(sim: &mut Simulation<Event>, judges: Judges) -> Result<Self, String> {
        let bug = match sim.faults.plan().planted_bug.as_deref() {
            None => None,
            Some(name) => Some(Bug::parse(name).ok_or_else(|| format!("no bug `{name}`"))?),
        };
        let repeats = match sim.faults.knob(&STRICT_REPEATS) {
            0 => Repeats::RecognisedWhileLast,
            _ => Repeats::AlwaysRecognised,
        };
        let lane_length = usize::try_from(sim.faults.knob(&LANE_LENGTH)).unwrap_or(usize::MAX);
        let workload = sim.streams.get(WORKLOAD);
        let key_count = workload.in_range(4..13);
        let client_count = workload.in_range(3..7);
        let ids: Vec<EntryId> = (0..key_count).map(entry_id).collect();
        let values = Values::new(sim.faults.knob(&COUNTER_EVERY));
        let server = Server::new(&sim.streams, ids.clone(), lane_length);
        Ok(Self {
            clients: Clients::new(&sim.streams, &ids, client_count, repeats, values),
            server,
            oracle: Oracle::new(ids.len(), judges.oracle),
            marks: Marks::default(),
            node: NodeClock::exact(sim.world.now()),
            bug,
            repeats,
            round: 0,
            damage_count: 0,
            ids,
        })
    }

    fn run(mut self, sim: &mut Simulation<Event>, judges: Judges) -> Verdict {
        let mut verdict = Verdict::default();
        sim.world.schedule_in(Duration::ZERO, Event::Round);
        let mut healed_at = None;
        while let Some((now, event)) = sim.world.pop() {
            if let Event::Round = event {
                if self.is_safety_over() {
                    if let Some(reported) = self.power_cut(sim, now) {
                        self.finish(sim, judges, &mut verdict, Some(&reported));
                        return verdict;
                    }
                    healed_at = Some(now.mono);
                } else {
                    sim.world.schedule_in(ROUND, Event::Round);
                    self.begin_round(sim, now);
                }
                continue;
            }
            self.handle(sim, now, event);
        }
        if judges.liveness {
            verdict.liveness = self.check_quiet(healed_at.unwrap_or_default());
        }
        let now = sim.world.now();
        let (mut ctx, parts) = self.split(sim, now);
        parts.clients.read_everything(&mut ctx);
        while let Some((now, event)) = sim.world.pop() {
            self.handle(sim, now, event);
        }
        self.finish(sim, judges, &mut verdict, None);
        verdict
    }

    fn is_safety_over(&self) -> bool {
        let is_long = self.round >= ROUND_COUNT_MIN;
        is_long && self.oracle.applied_count() >= COMMIT_COUNT_MIN || self.round >= ROUND_COUNT_MAX
    }

    fn split<'a>(
        &'a mut self,
        sim: &'a mut Simulation<Event>,
        now: Now,
    ) -> (Context<'a>, Parts<'a>) {
        let Self { clients, server, oracle, marks, node, bug, .. } = self;
        (Context { sim, oracle, marks, node, now, bug: *bug }, Parts { clients, server })
    }

    fn handle(&mut self, sim: &mut Simulation<Event>, now: Now, event: Event) {
        let (mut ctx, Parts { clients, server }) = self.split(sim, now);
        match event {
            Event::Round => {}
            Event::Client { client, what } => clients.on(&mut ctx, client, what),
            Event::Arrive(message) => server.arrive(&mut ctx, *message),
            Event::FlushEnd { incarnation } => server.end_flush(&mut ctx, incarnation),
            Event::PowerCut { incarnation } => {
                server.set_back(&mut ctx, incarnation, Setback::PowerCut);
            }
            Event::LateBatch { incarnation, submission } => {
                server.arrive_late(&mut ctx, incarnation, *submission);
            }
            Event::EarlyAnswer { incarnation, job, committed } => {
                server.answer_early(&mut ctx, incarnation, job, committed);
            }
            Event::Drain { incarnation } => server.drain(&mut ctx, incarnation),
            Event::Exit { incarnation } => server.set_back(&mut ctx, incarnation, Setback::Kill),
            Event::Start { incarnation } => server.start(&mut ctx, incarnation),
        }
    }

    /// A round: what befalls process, clock and disk, and then all clients are busy.
    fn begin_round(&mut self, sim: &mut Simulation<Event>, now: Now) {
        self.round += 1;
        let may_lie = self.round + LYING_ROUNDS > ROUND_COUNT_MIN;
        if let Some(fault) = sim.faults.visit(&DISK_REST) {
            self.damage(sim, u64::try_from(fault.amount()).unwrap_or(0));
        }
        let (mut ctx, Parts { clients, server }) = self.split(sim, now);
        server.begin_round(&mut ctx);
        if let Some(fault) = ctx.sim.faults.visit(&CLOCK) {
            ctx.node.jump_ms(fault.amount());
        }
        if may_lie && ctx.sim.faults.visit(&DISK_LIES).is_some() {
            server.store_mut().start_lying();
        }
        clients.begin_round(&mut ctx);
    }

    /// S10: one row of one entry.
    fn damage(&mut self, sim: &mut Simulation<Event>, choice: u64) {
        let count = u64::try_from(self.ids.len()).unwrap_or(1);
        let (key, row) = (choice % count, choice / count);
        let key = usize::try_from(key).unwrap_or(0);
        let Some(id) = self.ids.get(key).cloned() else { return };
        let newest = self.server.store().rows().get(&RowKey::Entry(id.clone()));
        let newest = newest.revision().map_or(0, |revision| revision.counter);
        // Half of the time the entry's own row, else one of its history.
        let revision = if row % 2 == 0 { None } else { Some(1 + row / 2 % newest.max(1)) };
        let row = match revision {
            None => RowKey::Entry(id),
            Some(counter) => RowKey::Revision(id, counter),
        };
        if self.damage_count >= DAMAGE_COUNT_MAX || !self.server.store_mut().damage(row) {
            return;
        }
        self.damage_count += 1;
        self.oracle.on_damage(key, revision);
        self.clients.recorder_mut().damage(key, revision);
        sim.totals.add("damaged rows", 1);
    }

    /// The end of the safety phase. A disk that lied loses its power now; the time up to which
    /// everything is still there, if the loss was found and reported.
    fn power_cut(&mut self, sim: &mut Simulation<Event>, now: Now) -> Option<(Rows, Timestamp)> {
        sim.faults.heal();
        let (mut ctx, Parts { clients, server }) = self.split(sim, now);
        clients.heal();
        let beneath = server.store_mut().rows_beneath()?;
        let incarnation = server.store().incarnation();
        server.set_back(&mut ctx, incarnation, Setback::PowerCut);
        if ctx.has(Bug::LostFlushUnnoticed) {
            server.store_mut().replace_rows(beneath);
            return None;
        }
        ctx.marks.loss_reported = true;
        let kept = beneath.last_stamp();
        Some((beneath, kept))
    }

    /// Liveness, after the last event.
    fn check_quiet(&self, healed_at: Monotonic) -> Option<String> {
        let mut evidence = self.clients.check_quiet(healed_at.saturating_add(HEAL_BOUND));
        evidence.extend(self.server.check_quiet());
        (!evidence.is_empty()).then(|| evidence.join("; "))
    }

    /// Totals and judgement.
    fn finish(
        mut self,
        sim: &mut Simulation<Event>,
        judges: Judges,
        verdict: &mut Verdict,
        reported: Option<&(Rows, Timestamp)>,
    ) {
        sim.totals.add("commits", self.oracle.applied_count());
        sim.totals.add("grants", 0);
        sim.totals.add("rounds", u64::from(self.round));
        sim.totals.add("process lives", u64::from(self.server.store().incarnation()) + 1);
        if judges.liveness && self.oracle.applied_count() < COMMIT_COUNT_MIN {
            let count = self.oracle.applied_count();
            verdict.liveness = Some(format!("only {count} commits after {} rounds", self.round));
        }
        if let Some((rows, kept)) = reported {
            self.oracle.on_reported_loss(rows, &self.ids, *kept);
        }
        verdict.oracle = self.oracle.into_violation();
        let rows = self.server.store().rows();
        let mut histories = self.clients.into_histories();
        for (id, history) in self.ids.iter().zip(&mut histories) {
            fill(history, rows, id);
            sim.totals.add("calls", u64::try_from(history.calls.len()).unwrap_or(0));
            observe(history, &mut self.marks);
        }
        if judges.history {
            let found = self.ids.iter().zip(&histories).find_map(|(id, history)| {
                let broken = judge(history, self.repeats).err()?;
                Some(format!("entry `{id}`, {broken}"))
            });
            verdict.history = found;
        }
        self.marks.into_totals(&mut sim.totals);
    }
}

struct Parts<'a> {
    clients: &'a mut Clients,
    server: &'a mut Server,
}

fn entry_id(index: u64) -> EntryId {
    let name = if index.is_multiple_of(2) { "Players" } else { "Guilds" };
    let scope = if index % 4 < 2 { Scope::global() } else { Scope::trusted("season") };
    EntryId {
        store: StoreId { universe: UniverseId(1), name: StoreName::trusted(name) },
        scope,
        key: EntryKey::trusted(format!("u_{index}")),
    }
}

/// Adds what is on the disk at the end.
fn fill(history: &mut EntryHistory, rows: &Rows, id: &EntryId) {
    history.current = state_of(&rows.get(&RowKey::Entry(id.clone())));
    let range = RowRange::Revisions {
        entry: id.clone(),
        order: steadfast_core::Order::Descending,
        beyond: None,
    };
    let revisions = rows.scan(&range, usize::MAX).rows;
    history.revisions = revisions.iter().rev().filter_map(state_of).collect();
}

fn state_of(found: &Found) -> Option<Seen> {
    match found {
        Found::Row(row) => EntryState::of_row(row).map(Seen::of),
        Found::Absent | Found::Corrupt(_) => None,
    }
}

/// Marks that are known only at the end.
fn observe(history: &EntryHistory, marks: &mut Marks) {
    use crate::history::{Action, Told};
    let mut tags: Vec<u64> = history.revisions.iter().map(|revision| revision.tag).collect();
    marks.tombstone_revived |= history
        .revisions
        .windows(2)
        .any(|pair| matches!(pair, [before, after] if !before.is_live() && after.is_live()));
    tags.sort_unstable();
    for call in &history.calls {
        let Some(tag) = call.action.tag() else { continue };
        let is_sum = matches!((&call.action, &call.told), (Action::Add { .. }, Told::State(_)));
        marks.added |= is_sum;
        marks.no_sum |= call.told == Told::NoSum;
        if call.told == Told::Nothing {
            let is_there = tags.binary_search(&tag).is_ok();
            marks.unknown_there |= is_there;
            marks.unknown_not_there |= !is_there;
        }
        let is_repeat = matches!((&call.action, &call.told), (Action::Remove { .. }, Told::State(seen))
            if seen.tag == tag);
        marks.repeat_recognised |= is_repeat;
    }
}

impl Marks {
    fn into_totals(self, totals: &mut steadfast_sim::Totals) {
        for (name, is_met) in [
            ("a late batch was refused", self.late_batch_refused),
            ("a late batch was written", self.late_batch_written),
            ("a restart with unacknowledged batches", self.crashed_with_batches),
            ("a crash after the flush, before the answer", self.crashed_after_flush),
            ("a write waited for its lane", self.lane_used),
            ("a lane was full", self.lane_full),
            ("a refused batch was planned anew", self.replanned),
            ("an unknown batch was found committed", self.settled_committed),
            ("an unknown batch was sent again", self.settled_again),
            ("a graceful stop drained in time", self.stopped_in_order),
            ("a damaged key was told", self.corrupt_told),
            ("a repeated write was recognised", self.repeat_recognised),
            ("a lost flush was reported", self.loss_reported),
            ("a refusal was not certain", self.refused_unsure),
            ("a deleted entry was revived", self.tombstone_revived),
            ("a change was computed anew", self.change_replanned),
            ("a write of unknown outcome is there", self.unknown_there),
            ("a write of unknown outcome is not there", self.unknown_not_there),
            ("an increment was acknowledged", self.added),
            ("an increment was refused for what the entry holds", self.no_sum),
        ] {
            totals.sometimes(name, is_met);
        }
    }
}
