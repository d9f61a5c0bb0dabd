//! What befalls processes and the clocks of their machines, and how they begin and end together.

use std::time::Duration;

use steadfast_core::OpeningId;
use steadfast_core::session::Spill;

use super::super::Context;
use super::super::network::{Lost, Network};
use super::super::process::Wait;
use super::super::schemas::Code;
use super::super::sites::{CLOCK, PROCESS};
use super::super::witness::{Ask, Witness as _};
use super::{Fleet, Life, index};

/// How much longer than a close may take its machine is cut off from the store.
const CUT: Duration = Duration::from_secs(2);

impl Fleet {
    /// All processes start but that of the last machine, which is for the probe.
    pub(in super::super) fn begin(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        opening: Option<OpeningId>,
    ) {
        self.schedule_transaction(ctx);
        let probe = self.probe();
        for at in self.lives(|_| true) {
            if at != probe {
                self.start(ctx, network, at, opening);
            }
        }
    }

    fn probe(&self) -> Life {
        let machine = self.machines.len() - 1;
        Life { machine, life: self.machines.last().map_or(0, |machine| machine.life) }
    }

    /// A fresh process opens every record.
    pub(in super::super) fn start_probe(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        opening: Option<OpeningId>,
    ) {
        let at = self.probe();
        self.start(ctx, network, at, opening);
        for key in 0..self.ids.len() {
            self.open(ctx, network, at, (key, key), false);
        }
    }

    /// Whether the probe has them all.
    pub(in super::super) fn check_probe(&self, count: usize) -> Option<String> {
        let process = self.machines.last().and_then(|machine| machine.process.as_ref());
        let opened = process.map_or(0, |process| process.plays.len());
        let left = || process.map(|process| process.openings.iter().map(|opening| opening.key));
        (opened < count).then(|| {
            let left: Vec<usize> = left().into_iter().flatten().collect();
            format!("L6: {opened} of {count} records were opened in time, not {left:?}")
        })
    }

    /// A process opens what the one before it on its machine could not save, mostly.
    pub(super) fn recover(&mut self, ctx: &mut Context<'_>, network: &mut Network, at: Life) {
        if self.is_healing {
            return;
        }
        let Self { machines, ids, .. } = &*self;
        let spills = machines.get(at.machine).map_or(&[][..], |machine| &machine.spills);
        let key_of = |spill: &Spill| ids.iter().position(|id| *id == spill.entry);
        let keys: Vec<usize> = spills.iter().filter_map(key_of).collect();
        for key in keys {
            if self.rng.percent(80) {
                self.open(ctx, network, at, (key, key), false);
            }
        }
    }

    /// Starts the processes that live with the store.
    pub(in super::super) fn start_homes(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        opening: OpeningId,
    ) {
        for at in self.lives(|machine| machine.is_home && machine.process.is_none()) {
            self.start(ctx, network, at, Some(opening));
        }
    }

    /// The processes that live with the store end with it.
    pub(in super::super) fn end_homes(&mut self, ctx: &mut Context<'_>) {
        for at in self.lives(|machine| machine.is_home) {
            self.kill(ctx, at);
        }
        self.ends_store = false;
    }

    /// Whether a process ended that had the store open.
    pub(in super::super) fn ends_store(&self) -> bool {
        self.ends_store
    }

    /// The store answers nothing from now on.
    pub(in super::super) fn begin_outage(&mut self, ctx: &mut Context<'_>) {
        ctx.bench.outage(ctx.now, true);
        self.outage_since = ctx.now.mono;
        for process in self.machines.iter_mut().filter_map(|machine| machine.process.as_mut()) {
            // A session reads operations beside what it writes, and is told of them by mail; who opens
            // a record asks for it by mail too.
            let calls = process.openings.len() + process.waits.len() + process.joints.len();
            let lanes = process.plays.len() * 3 + calls * 2;
            process.in_outage = Some((process.sent, index(lanes)));
        }
    }

    /// It answers again: nobody stormed it meanwhile (Z2).
    pub(in super::super) fn end_outage(&mut self, ctx: &mut Context<'_>) {
        ctx.bench.outage(ctx.now, false);
        let lasted = ctx.now.mono.saturating_since(self.outage_since);
        for process in self.machines.iter_mut().filter_map(|machine| machine.process.as_mut()) {
            if let Some((sent, lanes)) = process.in_outage.take() {
                ctx.bench.sent_in_outage(process.number, lasted, lanes, process.sent - sent);
            }
        }
    }

    /// What a process there would run. The probe opens every record, and so knows all data.
    pub(super) fn code_at(&mut self, at: Life) -> Code {
        if at.machine == self.probe().machine {
            self.schemas.newest().clone()
        } else {
            self.schemas.next()
        }
    }

    /// P7: a process makes way for one with other code. Some leave what they could not save (P4).
    fn roll_out(&mut self, ctx: &mut Context<'_>, network: &mut Network) {
        if !self.schemas.begin_round(&mut ctx.sim.faults) {
            return;
        }
        let runs = self.lives(|machine| machine.process.is_some() && !machine.is_home);
        let Some((at, is_cut)) = self.schemas.pick(&runs) else { return };
        if is_cut {
            let until = ctx.now.mono.saturating_add(self.settings.close_timeout + CUT);
            network.cut(at.machine, until, Lost::Both);
        }
        self.close(ctx, network, at);
    }

    /// P3, P4, P5, T1 to T4, P7: once a round.
    pub(in super::super) fn begin_round(&mut self, ctx: &mut Context<'_>, network: &mut Network) {
        self.roll_out(ctx, network);
        for at in self.lives(|machine| machine.process.is_some()) {
            self.shift_clock(ctx, at);
            let Some(fault) = ctx.sim.faults.visit(&PROCESS) else { continue };
            match fault.class {
                "P4" => {
                    let until = ctx.now.mono.saturating_add(self.settings.close_timeout + CUT);
                    match fault.amount() {
                        2 => network.cut(at.machine, until, Lost::Both),
                        3 => network.cut(at.machine, until, Lost::Answers),
                        _ => {}
                    }
                    self.close(ctx, network, at);
                }
                "P5" => {
                    if let Some(machine) = self.find(at) {
                        machine.crash_loop = u32::try_from(fault.amount()).unwrap_or(0);
                    }
                    self.kill(ctx, at);
                }
                // Its clock counts the time in which the machine was suspended (T4).
                _ => {
                    if let Some(machine) = self.find(at).filter(|machine| !machine.is_home) {
                        machine.paused_until = ctx.now.mono.saturating_add(fault.duration());
                    }
                }
            }
        }
    }

    fn shift_clock(&mut self, ctx: &mut Context<'_>, at: Life) {
        let Some(fault) = ctx.sim.faults.visit(&CLOCK) else { return };
        let Some(machine) = self.find(at) else { return };
        match fault.class {
            "T3" => {
                machine.clock.set_drift_ppm(ctx.now, fault.amount());
                self.reset_wake(ctx, at);
            }
            _ => machine.clock.jump_ms(fault.amount()),
        }
    }

    /// After the clock changed its pace.
    fn reset_wake(&mut self, ctx: &mut Context<'_>, at: Life) {
        if let Some(process) = self.find(at).and_then(|machine| machine.process.as_mut()) {
            process.wake_at = None;
        }
        self.schedule_wake(ctx, at);
    }

    /// No fault any more; what is paused goes on, and some processes start again.
    pub(in super::super) fn heal(&mut self, ctx: &mut Context<'_>) {
        self.is_healing = true;
        self.schemas.heal();
        for at in self.lives(|_| true) {
            let restarts = self.rng.percent(30);
            let Some(machine) = self.find(at) else { continue };
            let restarts = restarts && !machine.is_home;
            machine.crash_loop = 0;
            machine.clock.set_drift_ppm(ctx.now, 0);
            let paused = machine.paused_until.saturating_since(ctx.now.mono);
            machine.paused_until = ctx.now.mono.saturating_add(paused.min(Duration::from_secs(2)));
            if restarts {
                self.kill(ctx, at);
            } else {
                self.reset_wake(ctx, at);
            }
        }
    }

    /// From now on nobody starts again, and whoever runs ends in order.
    pub(in super::super) fn close_all(&mut self, ctx: &mut Context<'_>, network: &mut Network) {
        self.is_ending = true;
        for at in self.lives(|machine| machine.process.is_some()) {
            self.close(ctx, network, at);
        }
    }

    /// P4: a process is asked to end.
    fn close(&mut self, ctx: &mut Context<'_>, network: &mut Network, at: Life) {
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut().filter(|process| process.closing.is_none())
        else {
            return;
        };
        let ticket = process.server.close(local, &mut process.effects);
        process.closing = Some(Wait { ticket });
        ctx.bench.asked(ctx.now, process.number, ticket, &Ask::Close);
        ctx.sim.trace.event(ctx.now, "close").number("process", index(process.number));
        self.absorb(ctx, network, at);
    }
}
