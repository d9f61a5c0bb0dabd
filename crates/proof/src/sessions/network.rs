//! The ways between machines and the store: messages are lost, doubled, late, held back.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::game_server::CommandId;
use steadfast_core::record::{RecordAnswer, RecordCommand};
use steadfast_core::{Monotonic, Rng};
use steadfast_sim::Streams;

use super::sites::{LINK, LINKS, NET_REPLY, NET_REQUEST};
use super::witness::Author;
use super::{Context, Event};

/// Where an answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A life of a machine.
    Machine { machine: usize, life: u32, id: CommandId },
    /// An operator's errand.
    Operator { errand: u64 },
    /// The errand of an operator who queues operations, or decides about them.
    Sender { errand: u64 },
    /// Nobody waits for it.
    Nobody,
}

/// A command on its way.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) back: Address,
    pub(super) author: Author,
    /// Whether it may be answered from a copy of the store that is behind (S4).
    pub(super) may_lag: bool,
    pub(super) command: Arc<RecordCommand>,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) back: Address,
    pub(super) command: Arc<RecordCommand>,
    pub(super) answer: RecordAnswer,
}

/// The way of one machine.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// It is the machine of the store.
    is_home: bool,
    commands_lost_until: Monotonic,
    answers_lost_until: Monotonic,
    held_until: Monotonic,
}

/// What a way loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Commands and answers.
    Both,
    /// Answers.
    Answers,
}

/// All ways.
pub(super) struct Network {
    links: Vec<Link>,
    /// Least and most time of one way, in microseconds.
    one_way: std::ops::Range<u64>,
    rng: Rng,
}

impl Network {
    pub(super) fn new(streams: &Streams, homes: &[bool]) -> Self {
        let mut rng = streams.own(steadfast_sim::streams::NETWORK);
        // Half of the worlds have a store next door, half of them one that is 20 to 80 ms away.
        let one_way = if rng.percent(50) { 100..3_000 } else { 10_000..40_000 };
        let links = homes.iter().map(|is_home| Link { is_home: *is_home, ..Link::default() });
        Self { links: links.collect(), one_way, rng }
    }

    fn link(&self, back: Address) -> Link {
        let machine = match back {
            Address::Machine { machine, .. } => self.links.get(machine).copied(),
            Address::Operator { .. } | Address::Sender { .. } | Address::Nobody => None,
        };
        machine.unwrap_or(Link { is_home: true, ..Link::default() })
    }

    /// Sends a command.
    pub(super) fn send(&mut self, ctx: &mut Context<'_>, message: Message) {
        let link = self.link(message.back);
        let arrive = |message| Event::Arrive(Box::new(message));
        let Some(mut delay) = self.delay(ctx, link, link.commands_lost_until) else { return };
        if !link.is_home
            && let Some(fault) = ctx.sim.faults.visit(&NET_REQUEST)
        {
            match fault.class {
                "N1" => return,
                "N3" => {
                    let second = delay.saturating_add(fault.duration());
                    ctx.sim.world.schedule_in(second, arrive(message.clone()));
                }
                _ => delay = delay.saturating_add(fault.duration()),
            }
        }
        ctx.sim.world.schedule_in(delay, arrive(message));
    }

    /// Sends an answer.
    pub(super) fn reply(
        &mut self,
        ctx: &mut Context<'_>,
        back: Address,
        command: Arc<RecordCommand>,
        answer: RecordAnswer,
    ) {
        if back == Address::Nobody {
            return;
        }
        let link = self.link(back);
        let reply = |command, answer| Event::Reply(Box::new(Reply { back, command, answer }));
        let Some(mut delay) = self.delay(ctx, link, link.answers_lost_until) else { return };
        if !link.is_home
            && let Some(fault) = ctx.sim.faults.visit(&NET_REPLY)
        {
            match fault.class {
                "N2" => return,
                "N3" => {
                    let second = delay.saturating_add(fault.duration());
                    let copy = reply(Arc::clone(&command), answer.clone());
                    ctx.sim.world.schedule_in(second, copy);
                }
                _ => delay = delay.saturating_add(fault.duration()),
            }
        }
        ctx.sim.world.schedule_in(delay, reply(command, answer));
    }

    /// How long a message between two machines takes, if it arrives.
    pub(super) fn message(&mut self) -> Option<Duration> {
        let is_lost = self.rng.percent(40);
        let late = if self.rng.percent(5) { self.rng.in_range(0..20_000_000) } else { 0 };
        let micros = self.rng.in_range(self.one_way.clone()) + late;
        (!is_lost).then(|| Duration::from_micros(micros))
    }

    /// How long one way takes now; nothing if it leads nowhere.
    fn delay(&mut self, ctx: &Context<'_>, link: Link, lost_until: Monotonic) -> Option<Duration> {
        let one_way = if link.is_home { 10..200 } else { self.one_way.clone() };
        let delay = Duration::from_micros(self.rng.in_range(one_way));
        let held = link.held_until.saturating_since(ctx.now.mono);
        (lost_until <= ctx.now.mono).then(|| delay.saturating_add(held))
    }

    /// A round begins.
    pub(super) fn begin_round(&mut self, ctx: &mut Context<'_>) {
        let Self { links, rng, .. } = self;
        for link in links.iter_mut().filter(|link| !link.is_home) {
            let Some(fault) = ctx.sim.faults.visit(&LINK) else { continue };
            let until = ctx.now.mono.saturating_add(fault.duration());
            let is_one_way = fault.class == "N7";
            if !is_one_way || fault.amount() % 2 == 0 {
                link.commands_lost_until = until;
            }
            if !is_one_way || fault.amount() % 2 != 0 {
                link.answers_lost_until = until;
            }
        }
        let Some(fault) = ctx.sim.faults.visit(&LINKS) else { return };
        for link in links.iter_mut().filter(|link| !link.is_home) {
            let until = ctx.now.mono.saturating_add(fault.duration());
            if fault.class == "N8" {
                if rng.percent(50) {
                    (link.commands_lost_until, link.answers_lost_until) = (until, until);
                }
            } else {
                // Each runs again in its own time.
                let millis = u64::try_from(fault.amount()).unwrap_or(0);
                let held = Duration::from_millis(rng.in_range(0..millis + 1));
                link.held_until = ctx.now.mono.saturating_add(held);
            }
        }
    }

    /// Cuts a machine off until then.
    pub(super) fn cut(&mut self, machine: usize, until: Monotonic, lost: Lost) {
        let Some(link) = self.links.get_mut(machine).filter(|link| !link.is_home) else { return };
        link.answers_lost_until = link.answers_lost_until.max(until);
        if lost == Lost::Both {
            link.commands_lost_until = link.commands_lost_until.max(until);
        }
    }

    /// No fault any more.
    pub(super) fn heal(&mut self) {
        for link in &mut self.links {
            *link = Link { is_home: link.is_home, ..Link::default() };
        }
    }
}
