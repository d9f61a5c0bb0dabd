//! The scenario `sessions`: game servers and players under every fault of servers, network, clocks
//! and the store.
//!
//! 3 to 6 game servers of `core`, some of them in the process of the store in some seeds, serve 4 to
//! 12 players, each with one record, over one store. Players join, play, checkpoint, leave and hop,
//! also without leaving first; operators write and delete what they like, and put records back to
//! what they held once. Operations are queued to all of them all the time, from game servers and from
//! outside: some again, some with another payload (H4), some long after their receipts were pruned
//! (the limits are small: S18), and in some seeds 200 a second.
//!
//! ```text
//!   players ─► game servers ─commands─► network ─► store: machines of core over rows
//!                  ▲                                     │
//!                  └──────────────── network ◄───────────┘
//!
//!   safety  at least 30 virtual minutes, 300 commits besides renewals, 20 grants, 5 hops; any fault
//!   heal    no fault any more, some processes start again; everything that was asked is answered
//!   probe   a fresh process opens every record, whoever has it, within the bound of L6
//!   close   all processes end in order: no record is held, and the judges speak
//! ```
//!
//! Every decision is `core`'s: what is here only sends, delays, loses and doubles. What is special:
//!
//! - S4: who owns its rows reads no old ones, and comparing sessions with their records relies on
//!   it. Only openings read from a copy that is behind, and what they plan on it must be refused.
//! - S11: a fail-over that loses acknowledged commits is told to the judges, as a store must report
//!   it. P2 of the store takes the renewals of a while along, which need not be flushed.
//! - T4: a suspended machine is one that is paused for long; its clock counts that time.
//! - T3 stays within what a margin of half a second bears.
//! - P9: a callback that reads a record, or a hook, refuses or panics, and the record is set free
//!   again; handlers of operations fail and panic by what the record holds.
//! - P7: a fleet runs up to four versions of the game at once, and all have all the steps they need.
//! - O4: a record is put back only to what leads to its present. What an earlier repair cut off holds
//!   operations that were taken back since, and nobody would know them.
//! - In half of the seeds game servers make transactions over two or three of their sessions meanwhile.
//!
//! Not here: S8 and S10 (disks are attacked by `platform`), S12 to S14 and S16 (no transactions of an
//! engine, connections or second process), S15 and O3 (one configuration), P6 and P8 (no memory limit,
//! no futures), N9, N11 and H1 to H11 besides H4 (no wire).

mod bench;
mod deeds;
mod fleet;
mod history;
mod marks;
mod moves;
mod network;
mod operators;
mod oracle;
mod planted;
mod players;
mod process;
mod rest;
mod schemas;
mod senders;
mod settings;
mod sheet;
mod sites;
mod store;
mod witness;

use std::time::Duration;

use steadfast_core::game_server::{Hint, Ticket};
use steadfast_core::record::RecordWrite;
use steadfast_core::{
    Batch, EntryId, EntryKey, Monotonic, Now, Scope, StoreId, StoreName, UniverseId,
};
use steadfast_sim::streams::WORKLOAD;
use steadfast_sim::{RunReport, Setup, Simulation};

use crate::bank::{Bug, Judges};
use crate::platform::Verdict;
use bench::Bench;
use fleet::{Fleet, Life};
use marks::Marks;
use network::{Address, Network};
use operators::Operators;
use players::Players;
use schemas::Schemas;
use senders::Senders;
use settings::{operation_settings, settings};
use sites::{STORE, STORE_CLOCK};
use store::{Purpose, Setback, Store};
use witness::{Author, Witness};

/// Its name in plans.
pub const NAME: &str = "sessions";

/// From the start of one round to that of the next.
const ROUND: Duration = Duration::from_secs(30);
/// Rounds of a run: 30 minutes.
const ROUND_COUNT_MIN: u32 = 60;
/// Rounds of a run that does not get to its grants: then the workload is wrong.
const ROUND_COUNT_MAX: u32 = 400;
/// How long a store is closed whose process ended by itself.
const ENDED: Duration = Duration::from_secs(1);
/// What a run does at least.
const COMMIT_COUNT_MIN: u64 = 300;
const GRANT_COUNT_MIN: u64 = 20;
const HOP_COUNT_MIN: u64 = 5;

/// What the world does next.
#[derive(Debug)]
enum Event {
    /// A round begins.
    Round,
    /// A command arrives at the store.
    Arrive(Box<network::Message>),
    /// A command that is carried out goes on.
    Step { life: u32, job: usize },
    /// A batch arrives whose caller had given up.
    Late { life: u32, batch: Box<(Author, Batch)> },
    /// A planted bug sends a save after the release.
    Revenant { life: u32, revenant: Box<(Author, RecordWrite)> },
    /// The store ends.
    StoreEnds { life: u32, how: Setback },
    /// The store opens again.
    StoreOpens { life: u32 },
    /// The time of a copy of the store is over.
    ShadowEnds { life: u32 },
    /// An answer arrives.
    Reply(Box<network::Reply>),
    /// A game server is woken, at the time that it asked for.
    Wake(Life, Monotonic),
    /// A process starts.
    Start(Life),
    /// A process is killed.
    Kill(Life),
    /// A player edits its record.
    Edit(Life, u64),
    /// A player lets go of its record.
    Release(Life, u64),
    /// An opening is given up.
    Cancel(Life, Ticket),
    /// A player does something.
    Player { player: usize, turn: u64 },
    /// An operator does something.
    Operate,
    /// Somebody queues an operation, or asks for one.
    Send,
    /// The next of a flood of operations to one record.
    Flood { key: usize, left: u64 },
    /// A message of one game server arrives at another.
    Hint(Box<Hint>),
    /// Somebody sets out to repair an open record.
    Repair,
    /// Somebody makes a transaction over several sessions, or spends what shows of it.
    Joint(fleet::Turn),
    /// A record is put back to what it held once, as soon as everything of it is stored.
    Restore { at: Life, play: u64, left: u32 },
    /// The next part of the end begins.
    Rest(rest::Part),
}

/// What every part of the world may use.
struct Context<'a> {
    sim: &'a mut Simulation<Event>,
    bench: &'a mut Bench,
    marks: &'a mut Marks,
    now: Now,
    bug: Option<Bug>,
}

impl Context<'_> {
    /// Whether a bug is planted.
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
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
    store: Store,
    network: Network,
    fleet: Fleet,
    players: Players,
    operators: Operators,
    senders: Senders,
    bench: Bench,
    marks: Marks,
    bug: Option<Bug>,
    round: u32,
    is_over: bool,
    /// What is not at rest at the end, and should be.
    restless: Vec<String>,
}

impl Scenario {
    fn new(sim: &mut Simulation<Event>, judges: Judges) -> Result<Self, String> {
        let bug = match sim.faults.plan().planted_bug.as_deref() {
            None => None,
            Some(name) => Some(Bug::parse(name).ok_or_else(|| format!("no bug `{name}`"))?),
        };
        let settings = settings(&mut sim.faults);
        let operations = operation_settings(&mut sim.faults);
        let workload = sim.streams.get(WORKLOAD);
        let ids: Vec<EntryId> = (0..workload.in_range(4..13)).map(entry_id).collect();
        let machine_count = workload.in_range(3..7);
        let home_count = if workload.percent(30) { workload.in_range(1..3) } else { 0 };
        let mut homes: Vec<bool> = (0..machine_count).map(|index| index < home_count).collect();
        // The last machine is for the probe.
        homes.push(false);
        let (streams, now) = (&sim.streams, sim.world.now());
        let schemas = Schemas::new(streams, &mut sim.faults);
        let fleet =
            Fleet::new(streams, now, ids.clone(), &homes, settings, operations.clone(), schemas);
        let bench = Bench::new(fleet.settings(), &operations, judges);
        let senders = Senders::new(streams, &mut sim.faults, ids.clone(), operations.clone());
        Ok(Self {
            store: Store::new(streams, now),
            network: Network::new(streams, &homes),
            fleet,
            players: Players::new(streams, ids.len()),
            operators: Operators::new(streams, ids.clone(), operations),
            senders,
            bench,
            marks: Marks::new(),
            bug,
            round: 0,
            is_over: false,
            restless: Vec::new(),
            ids,
        })
    }

    fn run(mut self, sim: &mut Simulation<Event>, judges: Judges) -> Verdict {
        let now = sim.world.now();
        let (mut ctx, parts) = self.split(sim, now);
        let opening = parts.store.opening();
        if let Some(opening) = opening {
            ctx.bench.reopened(now, opening);
        }
        parts.fleet.begin(&mut ctx, parts.network, opening);
        parts.players.begin(&mut ctx);
        parts.operators.schedule(&mut ctx);
        parts.senders.schedule(&mut ctx);
        parts.fleet.schedule_repair(&mut ctx);
        sim.world.schedule_in(ROUND, Event::Round);
        while !self.is_over
            && let Some((now, event)) = sim.world.pop()
        {
            self.handle(sim, now, event);
        }
        self.finish(sim, judges)
    }

    fn split<'a>(
        &'a mut self,
        sim: &'a mut Simulation<Event>,
        now: Now,
    ) -> (Context<'a>, Parts<'a>) {
        let Self { store, network, fleet, players, operators, senders, bench, marks, bug, .. } =
            self;
        let parts = Parts { store, network, fleet, players, operators, senders };
        (Context { sim, bench, marks, now, bug: *bug }, parts)
    }

    fn handle(&mut self, sim: &mut Simulation<Event>, now: Now, event: Event) {
        if let Event::Round = event {
            return self.begin_round(sim, now);
        }
        if let Event::Rest(part) = event {
            return self.rest(sim, now, part);
        }
        let (mut ctx, parts) = self.split(sim, now);
        let Parts { store, network, fleet, players, operators, senders } = parts;
        let ctx = &mut ctx;
        match event {
            Event::Arrive(message) => store.arrive(ctx, network, *message),
            Event::Step { life, job } => store.step(ctx, network, life, job),
            Event::Late { life, batch } => store.arrive_late(ctx, life, *batch),
            Event::Revenant { life, revenant } => store.haunt(ctx, life, *revenant),
            Event::StoreEnds { life, how } => end_store(ctx, store, fleet, life, how),
            Event::ShadowEnds { life } => {
                if store.end_shadow(life) {
                    end_store(ctx, store, fleet, life, Setback::FailedOver);
                }
            }
            Event::StoreOpens { life } => {
                if let Some(opening) = store.open(ctx, life) {
                    fleet.end_outage(ctx);
                    fleet.start_homes(ctx, network, opening);
                }
            }
            Event::Reply(reply) => match reply.back {
                Address::Operator { errand } => {
                    operators.answer(ctx, network, store, errand, reply.answer);
                }
                Address::Sender { errand } => senders.answer(ctx, errand, &reply.answer),
                Address::Machine { .. } | Address::Nobody => fleet.answer(ctx, network, *reply),
            },
            Event::Wake(at, wake_at) => fleet.wake(ctx, network, at, wake_at),
            Event::Start(at) => fleet.start(ctx, network, at, store.opening()),
            Event::Kill(at) => fleet.kill(ctx, at),
            Event::Edit(at, play) => fleet.edit(ctx, network, at, play),
            Event::Release(at, play) => fleet.release(ctx, network, at, play),
            Event::Cancel(at, ticket) => fleet.cancel(ctx, network, at, ticket),
            Event::Player { player, turn } => players.turn(ctx, network, fleet, player, turn),
            Event::Operate => operators.operate(ctx, network),
            Event::Send => {
                let servers = fleet.processes().map(|process| (process.number, &process.server));
                ctx.bench.waits(ctx.now, servers);
                senders.turn(ctx, network, fleet, store.rows());
            }
            Event::Flood { key, left } => senders.flood(ctx, network, fleet, key, left),
            Event::Hint(hint) => fleet.hint(ctx, network, &hint),
            Event::Repair => fleet.repair(ctx, network),
            Event::Joint(turn) => fleet.take_turn(ctx, network, turn),
            Event::Restore { at, play, left } => {
                fleet.restore(ctx, network, store, at, (play, left));
            }
            Event::Round | Event::Rest(_) => {}
        }
        if fleet.ends_store() {
            end_store(ctx, store, fleet, store.life(), Setback::Killed(ENDED));
        }
        if fleet.has_news() {
            for news in fleet.take_news() {
                players.hear(ctx, news);
            }
        }
    }

    /// A round: what befalls the store, the ways to it, and the processes.
    fn begin_round(&mut self, sim: &mut Simulation<Event>, now: Now) {
        self.round += 1;
        if self.is_safety_over() {
            return self.heal(sim, now);
        }
        sim.world.schedule_in(ROUND, Event::Round);
        let (mut ctx, parts) = self.split(sim, now);
        let Parts { store, network, fleet, players, .. } = parts;
        if let Some(fault) = ctx.sim.faults.visit(&STORE) {
            match fault.class {
                "P1" => {
                    let how = Setback::Killed(fault.duration());
                    end_store(&mut ctx, store, fleet, store.life(), how);
                }
                "P5" => store.begin_crash_loop(&mut ctx, fault.amount()),
                "P2" => store.cast_shadow(&mut ctx, Purpose::Renewals, fault.duration()),
                "S11" => {
                    store.cast_shadow(&mut ctx, Purpose::Standby, fault.duration());
                    // Often a machine goes first: whoever starts again meanwhile is lost with the rest.
                    if fault.amount() % 2 == 0
                        && let Some(at) = fleet.pick(None)
                    {
                        ctx.sim.world.schedule_in(Duration::ZERO, Event::Kill(at));
                    }
                }
                _ => store.cast_shadow(&mut ctx, Purpose::Lag, fault.duration()),
            }
        }
        if let Some(fault) = ctx.sim.faults.visit(&STORE_CLOCK) {
            if fault.class == "T2" {
                store.clock_mut().jump_ms(fault.amount());
            } else {
                store.clock_mut().set_drift_ppm(now, fault.amount());
            }
        }
        network.begin_round(&mut ctx);
        fleet.begin_round(&mut ctx, network);
        if fleet.ends_store() {
            end_store(&mut ctx, store, fleet, store.life(), Setback::Killed(ENDED));
        }
        for news in fleet.take_news() {
            players.hear(&mut ctx, news);
        }
    }

    fn is_safety_over(&self) -> bool {
        let counts = &self.marks.counts;
        let is_long = self.round >= ROUND_COUNT_MIN
            && counts.commits - counts.renewals >= COMMIT_COUNT_MIN
            && counts.grants >= GRANT_COUNT_MIN
            && self.players.hop_count >= HOP_COUNT_MIN;
        is_long || self.round >= ROUND_COUNT_MAX
    }

    /// Totals and judgement.
    fn finish(self, sim: &mut Simulation<Event>, judges: Judges) -> Verdict {
        let mut verdict = Verdict::default();
        sim.totals.add("hops", self.players.hop_count);
        sim.totals.add("rounds", u64::from(self.round));
        sim.totals.add("processes", fleet::index(self.fleet.process_count()));
        sim.totals.add("spills", 0);
        let mut restless = self.restless;
        restless.extend(self.fleet.impossible().map(str::to_owned));
        if self.round >= ROUND_COUNT_MAX {
            restless.push(format!("too little happened: {:?}", self.marks.counts));
        }
        (verdict.oracle, verdict.history) = self.bench.verdicts();
        if judges.liveness && !restless.is_empty() {
            verdict.liveness = Some(restless.join("; "));
        } else if judges.oracle && !restless.is_empty() {
            // Alone, the oracle also says what is not at rest: it knows L6 and Z1.
            verdict.oracle = verdict.oracle.or_else(|| Some(restless.join("; ")));
        }
        self.marks.into_totals(&mut sim.totals);
        verdict
    }
}

struct Parts<'a> {
    store: &'a mut Store,
    network: &'a mut Network,
    fleet: &'a mut Fleet,
    players: &'a mut Players,
    operators: &'a mut Operators,
    senders: &'a mut Senders,
}

/// The store ends, and with it the game servers in its process.
fn end_store(ctx: &mut Context<'_>, store: &mut Store, fleet: &mut Fleet, life: u32, how: Setback) {
    if store.end(ctx, life, how) {
        fleet.end_homes(ctx);
        fleet.begin_outage(ctx);
    }
}

fn entry_id(index: u64) -> EntryId {
    let name = if index.is_multiple_of(2) { "Players" } else { "Guilds" };
    EntryId {
        store: StoreId { universe: UniverseId(1), name: StoreName::trusted(name) },
        scope: Scope::global(),
        key: EntryKey::trusted(format!("u_{index}")),
    }
}
