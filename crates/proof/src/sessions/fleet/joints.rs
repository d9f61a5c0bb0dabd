//! Transactions over several sessions of one process, and what else happens to these meanwhile.

use std::time::Duration;

use steadfast_core::game_server::{SessionHandle, Ticket};
use steadfast_core::session::SaveError;
use steadfast_core::{Revision, Rng};
use steadfast_sim::Streams;

use super::super::marks::Mark;
use super::super::moves;
use super::super::network::Network;
use super::super::process::{Play, Process, Wait};
use super::super::sheet::Applied;
use super::super::witness::{Ask, Marker, Share, Transfer, Witness as _};
use super::super::{Context, Event};
use super::{Fleet, Life};

/// From one transaction to the next, in milliseconds.
const PAUSE: std::ops::Range<u64> = 2_000..30_000;
/// Milliseconds after the beginning of one in which something else happens to its sessions.
const MEANWHILE: std::ops::Range<u64> = 0..400;

/// Who makes transactions.
pub(super) struct Joints {
    is_on: bool,
    count: u32,
    rng: Rng,
}

impl Joints {
    /// In half of the seeds.
    pub(super) fn new(streams: &Streams) -> Self {
        let mut rng = streams.own("joints");
        Self { is_on: rng.percent(50), count: 0, rng }
    }
}

/// What somebody does next.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Turn {
    /// To make a transaction.
    Begin,
    /// To spend some coins of a record.
    Spend(Life, u64),
}

/// A transaction that is not settled everywhere.
#[derive(Clone, Debug)]
pub(in super::super) struct Joint {
    number: u32,
    ticket: Ticket,
    /// The sessions that may not know yet, with what each held when it began.
    parts: Vec<(SessionHandle, Marker)>,
    is_told: bool,
    is_unknown: bool,
}

impl Joint {
    /// Whether a session takes part.
    pub(super) fn has(&self, session: SessionHandle) -> bool {
        self.parts.iter().any(|(part, _)| *part == session)
    }

    /// Whether a session does not know how it ends.
    pub(super) fn is_open(&self) -> bool {
        !self.parts.is_empty()
    }
}

impl Fleet {
    /// Somebody does something.
    pub(in super::super) fn take_turn(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        turn: Turn,
    ) {
        match turn {
            Turn::Begin => self.transact(ctx, network),
            Turn::Spend(at, play) => self.spend(ctx, at, play),
        }
    }

    pub(super) fn schedule_transaction(&mut self, ctx: &mut Context<'_>) {
        if self.joints.is_on {
            let delay = Duration::from_millis(self.joints.rng.in_range(PAUSE));
            ctx.sim.world.schedule_in(delay, Event::Joint(Turn::Begin));
        }
    }

    /// Somebody makes a transaction over two or three sessions of a process.
    fn transact(&mut self, ctx: &mut Context<'_>, network: &mut Network) {
        if self.is_healing {
            return;
        }
        self.schedule_transaction(ctx);
        let now = ctx.now.mono;
        let lives = self.lives(|machine| {
            let process = machine.process.as_ref().filter(|_| machine.paused_until <= now);
            process.is_some_and(|process| process.plays.len() > 1)
        });
        let rng = &mut self.joints.rng;
        let Some(at) = rng.pick(&lives).copied() else { return };
        let (wanted, percent) = (rng.in_range(2..4), rng.in_range(0..105));
        let first = rng.next_u64();
        let Some(process) = self.find(at).and_then(|machine| machine.process.as_ref()) else {
            return;
        };
        let count = super::index(process.plays.len());
        let chosen = (0..wanted.min(count))
            .map(|step| usize::try_from((first % count + step) % count).unwrap_or_default());
        let plays: Vec<Play> =
            chosen.filter_map(|index| process.plays.get(index).copied()).collect();
        let percent = i64::try_from(percent).unwrap_or(0);
        if self.join(ctx, network, at, &plays, percent) {
            self.meddle(ctx, network, at, &plays);
        }
    }

    /// Whether it began.
    fn join(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        plays: &[Play],
        percent: i64,
    ) -> bool {
        self.joints.count += 1;
        let number = self.joints.count;
        let Some(machine) = self.find(at) else { return false };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return false };
        let handles: Vec<SessionHandle> = plays.iter().map(|play| play.handle).collect();
        let out = &mut process.effects;
        let begun = process.server.transact(
            local,
            &handles,
            |drafts| moves::shift(drafts, number, percent),
            out,
        );
        let events = std::mem::take(&mut process.effects.events);
        // What happened before it is heard before it.
        for event in events {
            self.hear(ctx, at, &event);
        }
        let is_declined = matches!(begun, Err(steadfast_core::game_server::EditRefused::Edit(_)));
        ctx.marks.meet_if(Mark::JointDeclined, is_declined);
        if let Ok((gains, ticket)) = &begun {
            self.began(ctx, at, (number, *ticket), plays, gains);
        }
        self.absorb(ctx, network, at);
        begun.is_ok()
    }

    fn began(
        &mut self,
        ctx: &mut Context<'_>,
        at: Life,
        (number, ticket): (u32, Ticket),
        plays: &[Play],
        gains: &[i64],
    ) {
        let Self { machines, ids, .. } = self;
        let found = machines.get_mut(at.machine).filter(|machine| machine.life == at.life);
        let Some(process) = found.and_then(|machine| machine.process.as_mut()) else { return };
        let (mut shares, mut parts) = (Vec::new(), Vec::new());
        for (Play { handle, key, number: play, .. }, gain) in plays.iter().zip(gains) {
            let (session, gain) = (*handle, *gain);
            let marker = process.sheet(session, |sheet| {
                sheet.has_begun();
                sheet.marker
            });
            let marker = marker.expect("a session that was just edited can be read");
            let entry = ids.get(*key).expect("players have records").clone();
            ctx.bench.edited(ctx.now, process.number, session, &entry, marker);
            if let Some(play) = process.play_mut(*play) {
                play.marker = marker;
            }
            parts.push((session, marker));
            shares.push(Share { session, entry, marker, gain });
        }
        process.waits.push(Wait { ticket });
        if let Some((_, lanes)) = &mut process.in_outage {
            *lanes += 2;
        }
        let (is_told, is_unknown) = (false, false);
        process.joints.push(Joint { number, ticket, parts, is_told, is_unknown });
        let ask = Ask::Transact(Transfer { number, shares });
        ctx.bench.asked(ctx.now, process.number, ticket, &ask);
        let mut line = ctx.sim.trace.event(ctx.now, "transact");
        line.number("process", super::index(process.number)).number("number", u64::from(number));
    }

    /// What happens to its sessions soon.
    fn meddle(&mut self, ctx: &mut Context<'_>, network: &mut Network, at: Life, plays: &[Play]) {
        let rng = &mut self.joints.rng;
        let Some(Play { number, key, .. }) = rng.pick(plays).copied() else { return };
        let delay = Duration::from_millis(rng.in_range(MEANWHILE));
        let event = match rng.below(100) {
            0..40 => Event::Joint(Turn::Spend(at, number)),
            40..50 => Event::Release(at, number),
            50..52 => Event::Kill(at),
            52..58 => {
                if let Some(thief) = self.pick(Some(at.machine)) {
                    self.open(ctx, network, thief, (key, key), true);
                }
                return;
            }
            _ => return,
        };
        ctx.sim.world.schedule_in(delay, event);
    }

    /// A player spends some of its coins: only what shows.
    fn spend(&mut self, ctx: &mut Context<'_>, at: Life, number: u64) {
        if self.is_healing || !self.is_awake(ctx, at, || Event::Joint(Turn::Spend(at, number))) {
            return;
        }
        self.edit_count += 1;
        let (edit, percent) = (self.edit_count, self.joints.rng.in_range(0..101));
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        let spent = process.change(local, number, |sheet| {
            let coins = sheet.applied.coins * percent / 100;
            sheet.applied.coins -= coins;
            sheet.applied.moves.spent += coins;
            sheet.marker = sheet.marker.next(edit);
        });
        let Some(play) = spent else { return };
        let process = process.number;
        if let Some(entry) = self.ids.get(play.key) {
            ctx.bench.edited(ctx.now, process, play.handle, entry, play.marker);
        }
        self.schedule_wake(ctx, at);
    }
}

/// Somebody is told how a transaction ended.
pub(super) fn told(
    ctx: &mut Context<'_>,
    process: &mut Process,
    ticket: Ticket,
    result: &Result<Revision, SaveError>,
) {
    let Some(joint) = process.joints.iter_mut().find(|joint| joint.ticket == ticket) else {
        return;
    };
    joint.is_told = true;
    match result {
        Ok(_) => ctx.marks.meet(Mark::JointCommitted),
        Err(SaveError::LeaseLost) => ctx.marks.meet(Mark::JointRefused),
        Err(_) => joint.is_unknown = true,
    }
}

/// Looks at the sessions that do not know yet.
pub(super) fn watch(ctx: &mut Context<'_>, process: &mut Process) {
    if process.joints.is_empty() {
        return;
    }
    let mut joints = std::mem::take(&mut process.joints);
    for joint in &mut joints {
        let (number, is_unknown) = (joint.number, joint.is_unknown);
        joint.parts.retain(|(handle, marker)| {
            let of = process.number;
            let sheet = process.sheet(*handle, |sheet| {
                let Applied { moves, .. } = &sheet.applied;
                ctx.bench.shows(ctx.now, of, *handle, &sheet.applied);
                (sheet.marker, moves.is_open(), moves.numbers.contains(&number))
            });
            let Some((now, is_open, is_stored)) = sheet else {
                ctx.marks.meet(Mark::JointLost);
                return false;
            };
            let is_leaving = process.play_of(*handle).is_some_and(|play| play.is_leaving);
            ctx.marks.meet_if(Mark::JointEdited, now != *marker);
            ctx.marks.meet_if(Mark::JointLeaving, is_leaving);
            ctx.marks.meet_if(Mark::JointUnknownStored, is_unknown && !is_open && is_stored);
            ctx.marks.meet_if(Mark::JointUnknownReturned, is_unknown && !is_open && !is_stored);
            is_open
        });
    }
    joints.retain(|joint| joint.is_open() || !joint.is_told);
    process.joints = joints;
}
