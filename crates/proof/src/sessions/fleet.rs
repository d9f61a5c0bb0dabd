//! Machines and the processes on them: what comes in is handed to the game server, what comes out
//! is sent, and nothing is decided here.
//!
//! A process that is killed leaves its machine with a clock and with the bytes that it had spilled;
//! the next one on it passes them to whoever opens the record.

use std::time::Duration;

use steadfast_core::game_server::{
    Effects, Event as Told, GameServer, Hint, HintKind, ServerOptions,
};
use steadfast_core::operation::OperationSettings;
use steadfast_core::record::{MailKind, RecordCommand};
use steadfast_core::session::{SessionSettings, Spill};
use steadfast_core::{EntryId, Monotonic, Now, OpeningId, Rng};
use steadfast_sim::{NodeClock, Streams};

use super::marks::Mark;
use super::network::{Address, Message, Network, Reply};
use super::process::Process;
use super::schemas::Schemas;
use super::sites::{EFFECT, TIMER};
use super::witness::{Author, Witness as _};
use super::{Context, Event};

mod calls;
mod fates;
mod joints;
mod repairs;
mod told;

use joints::Joints;
pub(super) use joints::{Joint, Turn};

/// Least and most milliseconds until a process is started again.
const RESTART: std::ops::Range<u64> = 200..8_000;

/// One life of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) machine: usize,
    pub(super) life: u32,
}

/// What players hear.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    /// The record is open.
    Opened { player: usize, at: Life, play: u64 },
    /// It is not, at least not there.
    NotOpened { player: usize },
    /// A session is over.
    Over { player: usize, play: u64 },
}

struct Machine {
    process: Option<Process>,
    life: u32,
    is_home: bool,
    clock: NodeClock,
    paused_until: Monotonic,
    /// Bytes that a process could not save.
    spills: Vec<Spill>,
    crash_loop: u32,
    /// The version of the code of its last process.
    ran: u32,
}

/// All machines.
pub(super) struct Fleet {
    ids: Vec<EntryId>,
    machines: Vec<Machine>,
    settings: SessionSettings,
    operations: OperationSettings,
    streams: Streams,
    schemas: Schemas,
    process_count: usize,
    play_count: u64,
    edit_count: u64,
    /// Nobody edits any more.
    is_healing: bool,
    /// Nobody starts again.
    is_ending: bool,
    news: Vec<News>,
    joints: Joints,
    ends_store: bool,
    outage_since: Monotonic,
    /// What cannot happen, and did.
    impossible: Option<String>,
    rng: Rng,
}

impl Fleet {
    pub(super) fn new(
        streams: &Streams,
        now: Now,
        ids: Vec<EntryId>,
        homes: &[bool],
        settings: SessionSettings,
        operations: OperationSettings,
        schemas: Schemas,
    ) -> Self {
        let machine = |is_home: &bool| Machine {
            process: None,
            life: 0,
            is_home: *is_home,
            clock: NodeClock::exact(now),
            paused_until: Monotonic::default(),
            spills: Vec::new(),
            crash_loop: 0,
            ran: 0,
        };
        Self {
            ids,
            machines: homes.iter().map(machine).collect(),
            settings,
            operations,
            streams: streams.clone(),
            schemas,
            process_count: 0,
            play_count: 0,
            edit_count: 0,
            is_healing: false,
            is_ending: false,
            news: Vec::new(),
            joints: Joints::new(streams),
            ends_store: false,
            outage_since: Monotonic::default(),
            impossible: None,
            rng: streams.own("fleet"),
        }
    }

    pub(super) fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// What cannot happen, and did.
    pub(super) fn impossible(&self) -> Option<&str> {
        self.impossible.as_deref()
    }

    pub(super) fn process_count(&self) -> usize {
        self.process_count
    }

    /// Whether players have not heard something yet.
    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// What players have not heard yet.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The processes that run.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.machines.iter().filter_map(|machine| machine.process.as_ref())
    }

    /// Some machine on which a process runs, another than this one if there is one.
    pub(super) fn pick(&mut self, but: Option<usize>) -> Option<Life> {
        let runs = |(_, machine): &(usize, &Machine)| {
            machine.process.as_ref().is_some_and(|process| process.closing.is_none())
        };
        let all: Vec<Life> = self
            .machines
            .iter()
            .enumerate()
            .filter(runs)
            .map(|(machine, found)| Life { machine, life: found.life })
            .collect();
        let others: Vec<Life> =
            all.iter().copied().filter(|life| Some(life.machine) != but).collect();
        let from = if others.is_empty() { &all } else { &others };
        self.rng.pick(from).copied()
    }

    /// The machine, if it still lives this life.
    fn find(&mut self, at: Life) -> Option<&mut Machine> {
        self.machines.get_mut(at.machine).filter(|machine| machine.life == at.life)
    }

    /// Whether something may happen there now: while it is paused, it happens later (P3).
    fn is_awake(&mut self, ctx: &mut Context<'_>, at: Life, event: impl FnOnce() -> Event) -> bool {
        let now = ctx.now.mono;
        let Some(machine) = self.find(at) else { return false };
        if machine.paused_until > now {
            ctx.sim.world.schedule_at(machine.paused_until, event());
            return false;
        }
        machine.process.is_some()
    }

    /// A process starts. Home ones only while their store is open.
    pub(super) fn start(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        opening: Option<OpeningId>,
    ) {
        let number = self.process_count;
        let options = ServerOptions {
            settings: self.settings.clone(),
            operations: self.operations.clone(),
            home: None,
            address: format!("10.0.0.{}", at.machine).into(),
            rng: self.streams.own(&format!("process {number}")),
        };
        let code = self.code_at(at);
        let Some(machine) = self.find(at).filter(|machine| machine.process.is_none()) else {
            return;
        };
        if machine.is_home && opening.is_none() {
            return;
        }
        let home = opening.filter(|_| machine.is_home);
        let local = machine.clock.read(ctx.now);
        let mut server = GameServer::new(local, ServerOptions { home, ..options })
            .expect("the settings of this scenario fit together");
        if let Some(flaw) = ctx.bug.and_then(crate::Bug::flaw) {
            server.plant(flaw);
        }
        let knows = code.knows;
        ctx.marks.meet_if(Mark::Downgraded, knows.version < machine.ran);
        machine.ran = knows.version;
        machine.process = Some(Process::new(number, code, server));
        self.process_count += 1;
        ctx.sim
            .trace
            .event(ctx.now, "start")
            .number("machine", index(at.machine))
            .number("process", index(number));
        ctx.bench.started(ctx.now, number, home);
        ctx.bench.runs(number, knows);
        if knows.version > 0 {
            ctx.sim
                .trace
                .event(ctx.now, "runs")
                .number("process", index(number))
                .number("version", knows.version.into());
        }
        self.poll(ctx, network, at);
        self.recover(ctx, network, at);
        if let Some(machine) = self.find(at)
            && let Some(left) = machine.crash_loop.checked_sub(1)
        {
            machine.crash_loop = left;
            let delay = Duration::from_millis(self.rng.in_range(0..6_000));
            ctx.sim.world.schedule_in(delay, Event::Kill(at));
        }
    }

    fn lives(&self, wanted: impl Fn(&Machine) -> bool) -> Vec<Life> {
        let life = |(machine, found): (usize, &Machine)| {
            wanted(found).then_some(Life { machine, life: found.life })
        };
        self.machines.iter().enumerate().filter_map(life).collect()
    }

    /// A process is gone without a word.
    pub(super) fn kill(&mut self, ctx: &mut Context<'_>, at: Life) {
        let Some(machine) = self.find(at) else { return };
        let Some(process) = machine.process.take() else { return };
        machine.life += 1;
        machine.paused_until = Monotonic::default();
        let is_home = machine.is_home;
        let next = Life { life: machine.life, ..at };
        ctx.sim.trace.event(ctx.now, "gone").number("process", index(process.number));
        ctx.bench.crashed(ctx.now, process.number);
        ctx.marks.meet_if(Mark::KilledWithSessions, !process.plays.is_empty());
        ctx.marks.meet_if(Mark::JointKilled, process.joints.iter().any(Joint::is_open));
        for play in &process.plays {
            self.news.push(News::Over { player: play.player, play: play.number });
        }
        for opening in &process.openings {
            self.news.push(News::NotOpened { player: opening.player });
        }
        if is_home {
            self.ends_store |= !self.is_ending;
        } else if !self.is_ending {
            let delay = Duration::from_millis(self.rng.in_range(RESTART));
            ctx.sim.world.schedule_in(delay, Event::Start(next));
        }
    }

    /// A wake that was asked for.
    pub(super) fn wake(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        wake_at: Monotonic,
    ) {
        if !self.is_awake(ctx, at, || Event::Wake(at, wake_at)) {
            return;
        }
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        if process.wake_at != Some(wake_at) {
            return;
        }
        process.wake_at = None;
        if process.server.next_wake().is_some_and(|next| next <= local.mono) {
            self.poll(ctx, network, at);
        } else {
            self.schedule_wake(ctx, at);
        }
    }

    fn poll(&mut self, ctx: &mut Context<'_>, network: &mut Network, at: Life) {
        if let Some(process) = self.find(at).and_then(|machine| machine.process.as_mut()) {
            process.polled_at = Some(ctx.now.mono);
        }
        self.input(ctx, network, at, GameServer::poll);
    }

    /// An answer of the store.
    pub(super) fn answer(&mut self, ctx: &mut Context<'_>, network: &mut Network, reply: Reply) {
        let Address::Machine { machine, life, id } = reply.back else { return };
        let at = Life { machine, life };
        let Some(found) = self.find(at) else { return };
        if found.paused_until > ctx.now.mono {
            ctx.sim.world.schedule_at(found.paused_until, Event::Reply(Box::new(reply)));
            return;
        }
        if let Some(process) = &found.process {
            ctx.marks.answer(process, &reply.command, &reply.answer);
        }
        let answer = reply.answer;
        self.input(ctx, network, at, |server, local, effects| {
            server.on_answer(local, id, answer, effects);
        });
    }

    /// Hands an input to a game server.
    fn input(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        input: impl FnOnce(&mut GameServer, Now, &mut Effects),
    ) {
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        input(&mut process.server, local, &mut process.effects);
        self.absorb(ctx, network, at);
    }

    /// Sends what is to be sent and hears what is told.
    fn absorb(&mut self, ctx: &mut Context<'_>, network: &mut Network, at: Life) {
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let is_home = machine.is_home;
        let Some(process) = machine.process.as_mut() else { return };
        process.server.check();
        let number = process.number;
        process.sent += index(process.effects.commands.len());
        let mut effects = std::mem::take(&mut process.effects);
        ctx.bench.sends(ctx.now, number, &effects.commands);
        for hint in effects.hints.drain(..) {
            // Without its mail, a message about a hand-off would be asked for by nobody.
            let is_of_work =
                matches!(hint.what, HintKind::Mail(mail) if mail.kind == MailKind::Operation);
            if is_of_work && let Some(delay) = network.message() {
                ctx.sim.world.schedule_in(delay, Event::Hint(Box::new(hint)));
            }
        }
        for outgoing in effects.commands.drain(..) {
            if !is_home && ctx.sim.faults.visit(&EFFECT).is_some() {
                return self.kill(ctx, at);
            }
            if let Some(process) = self.find(at).and_then(|machine| machine.process.as_mut()) {
                if let RecordCommand::Write(write) = &*outgoing.command {
                    process.claims(write);
                }
                ctx.marks.sent(&outgoing, process);
            }
            let back = Address::Machine { machine: at.machine, life: at.life, id: outgoing.id };
            let (author, command) = (Author::Process(number), outgoing.command);
            let may_lag = self.opens_by(at, &command);
            network.send(ctx, Message { back, author, may_lag, command });
        }
        let events = std::mem::take(&mut effects.events);
        if let Some(process) = self.find(at).and_then(|machine| machine.process.as_mut()) {
            process.effects = effects;
        }
        for event in events {
            self.hear(ctx, at, &event);
        }
        let Self { machines, ids, .. } = self;
        let found = machines.get_mut(at.machine).filter(|machine| machine.life == at.life);
        if let Some(process) = found.and_then(|machine| machine.process.as_mut()) {
            joints::watch(ctx, process);
            ctx.bench.believes(ctx.now, number, &process.server, local);
            for (key, marker) in process.seen.drain(..) {
                if let Some(entry) = ids.get(key) {
                    ctx.bench.saw(ctx.now, number, entry, marker);
                }
            }
            self.schedule_wake(ctx, at);
        }
    }

    /// Whether a command reads what its process has not open: an opening.
    fn opens_by(&mut self, at: Life, command: &RecordCommand) -> bool {
        let RecordCommand::Read { entry, .. } = command else { return false };
        let process = self.find(at).and_then(|machine| machine.process.as_ref());
        process.is_some_and(|process| process.server.find(entry).is_none())
    }

    /// A message of another game server.
    pub(super) fn hint(&mut self, ctx: &mut Context<'_>, network: &mut Network, hint: &Hint) {
        let is_it = |machine: &Machine| {
            machine.process.as_ref().is_some_and(|process| process.server.id() == hint.to)
        };
        let Some(at) = self.lives(is_it).pop() else { return };
        if self.is_awake(ctx, at, || Event::Hint(Box::new(hint.clone()))) {
            ctx.marks.meet(Mark::HintOfWork);
            self.input(ctx, network, at, |server, local, effects| {
                server.on_hint(local, hint, effects);
            });
        }
    }

    fn schedule_wake(&mut self, ctx: &mut Context<'_>, at: Life) {
        let Some(machine) = self.find(at) else { return };
        let Machine { process: Some(process), clock, .. } = machine else { return };
        let Some(next) = process.server.next_wake() else { return };
        let due = clock.true_time_of(next).unwrap_or(ctx.now.mono).max(ctx.now.mono);
        // Nobody polls twice at one instant: a frame loop does not, and time would stand still.
        let is_polled = process.polled_at == Some(due);
        let due = if is_polled { due.saturating_add(Duration::from_millis(1)) } else { due };
        if process.wake_at.is_some_and(|wake_at| wake_at <= due) {
            return;
        }
        process.wake_at = Some(due);
        let late = ctx.sim.faults.visit(&TIMER).map_or(Duration::ZERO, |fault| fault.duration());
        ctx.sim.world.schedule_at(due.saturating_add(late), Event::Wake(at, due));
    }

    /// An event of a game server.
    fn hear(&mut self, ctx: &mut Context<'_>, at: Life, event: &Told) {
        let Self { machines, ids, news, rng, play_count, impossible, .. } = self;
        let Some(machine) = machines.get_mut(at.machine) else { return };
        let Machine { process: Some(process), spills, .. } = machine else { return };
        let mut ears = told::Ears { at, process, spills, ids, news, rng, play_count, impossible };
        if ears.hear(ctx, event) {
            self.kill(ctx, at);
        }
    }
}

/// For the trace.
pub(super) fn index(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}
