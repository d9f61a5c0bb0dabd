//! What players ask of processes.

use std::time::Duration;

use steadfast_core::game_server::{Claim, OpenRequest, QueueRequest, Ticket};
use steadfast_core::{EntryId, OperationId};

use super::super::deeds;
use super::super::network::Network;
use super::super::process::{self, Opening, Play, Wait};
use super::super::schemas::Code;
use super::super::sheet::PAD_MAX;
use super::super::sites::PARSE;
use super::super::witness::{Ask, Queueing, Witness as _};
use super::super::{Context, Event};
use super::{Fleet, Life, index};

impl Fleet {
    /// Opens a record for a player.
    pub(in super::super) fn open(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        (player, key): (usize, usize),
        steal: bool,
    ) -> Option<Ticket> {
        let entry = self.ids.get(key)?.clone();
        let machine = self.find(at)?;
        let local = machine.clock.read(ctx.now);
        let spill = machine.spills.iter().find(|spill| spill.entry == entry).cloned();
        let process = machine.process.as_mut()?;
        let Code { parse, defaults, .. } = process.code.clone();
        let fault = ctx.sim.faults.visit(&PARSE);
        let fault = fault.map(|fault| fault.amount());
        let parse = match fault {
            Some(amount @ (0 | 1)) => process::broken_parse(amount > 0),
            Some(_) | None => parse,
        };
        let spilled = spill.clone();
        let request = OpenRequest {
            entry: entry.clone(),
            defaults,
            parse,
            claim: if steal { Claim::Steal } else { Claim::Wait },
            handlers: deeds::handlers(process.number),
            hooks: deeds::hooks(fault.unwrap_or(0)),
            spill,
            is_play: true,
        };
        let ticket = process.server.open(local, request, &mut process.effects);
        process.openings.push(Opening { ticket, key, player, spilled, fate: None });
        if let Some((_, lanes)) = &mut process.in_outage {
            *lanes += 1;
        }
        let number = process.number;
        ctx.sim
            .trace
            .event(ctx.now, "open")
            .number("process", index(number))
            .number("key", index(key));
        ctx.bench.asked(ctx.now, number, ticket, &Ask::Open(entry));
        self.absorb(ctx, network, at);
        Some(ticket)
    }

    /// Gives an opening up.
    pub(in super::super) fn cancel(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        ticket: Ticket,
    ) {
        self.input(ctx, network, at, |server, local, effects| {
            server.cancel_open(local, ticket, effects);
        });
    }

    /// A player does something with its record; the next time follows by itself.
    pub(in super::super) fn edit(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        number: u64,
    ) {
        if self.is_healing || !self.is_awake(ctx, at, || Event::Edit(at, number)) {
            return;
        }
        self.edit_count += 1;
        let edit = self.edit_count;
        let pad = self.rng.in_range(100..index(PAD_MAX));
        let (saves, pause) = (self.rng.percent(12), self.rng.in_range(500..8_000));
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        // Some go on although they are leaving: nothing of it may be taken.
        if process.play(number).is_none() {
            return;
        }
        let pad = usize::try_from(pad).unwrap_or(PAD_MAX);
        if let Some(play) = process.edit(local, number, edit, pad) {
            let process = process.number;
            if let Some(entry) = self.ids.get(play.key) {
                ctx.bench.edited(ctx.now, process, play.handle, entry, play.marker);
            }
            if saves {
                self.checkpoint(ctx, network, at, number);
            } else {
                self.schedule_wake(ctx, at);
            }
        }
        ctx.sim.world.schedule_in(Duration::from_millis(pause), Event::Edit(at, number));
    }

    pub(super) fn checkpoint(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        number: u64,
    ) {
        let Self { machines, ids, .. } = self;
        let Some(machine) = machines.get_mut(at.machine) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        let Some(Play { handle, key, marker, .. }) = process.play(number).copied() else { return };
        let Some(entry) = ids.get(key) else { return };
        if let Ok(ticket) = process.server.checkpoint(local, handle, &mut process.effects) {
            process.waits.push(Wait { ticket });
            let ask = Ask::Checkpoint(handle, entry.clone(), marker);
            ctx.bench.asked(ctx.now, process.number, ticket, &ask);
        }
        self.absorb(ctx, network, at);
    }

    /// A player leaves.
    pub(in super::super) fn release(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        number: u64,
    ) {
        if !self.is_awake(ctx, at, || Event::Release(at, number)) {
            return;
        }
        let Self { machines, ids, .. } = self;
        let Some(machine) = machines.get_mut(at.machine) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        let Some(play) = process.play_mut(number).filter(|play| !play.is_leaving) else { return };
        play.is_leaving = true;
        let Play { handle, key, marker, .. } = *play;
        let Some(entry) = ids.get(key) else { return };
        if let Ok(ticket) = process.server.release(local, handle, &mut process.effects) {
            process.waits.push(Wait { ticket });
            let ask = Ask::Release(handle, entry.clone(), marker);
            ctx.bench.asked(ctx.now, process.number, ticket, &ask);
        }
        self.absorb(ctx, network, at);
    }

    /// An operation is queued, to any record.
    pub(in super::super) fn queue(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        request: QueueRequest,
        queueing: Queueing,
    ) {
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        let ticket = process.server.queue(local, request, &mut process.effects);
        process.waits.push(Wait { ticket });
        if let Some((_, lanes)) = &mut process.in_outage {
            // What was not answered is sent again at once, not only after a pause.
            *lanes += 2;
        }
        ctx.bench.asked(ctx.now, process.number, ticket, &Ask::Queue(queueing));
        self.absorb(ctx, network, at);
    }

    /// Somebody wants to know how an operation ends.
    pub(in super::super) fn await_operation(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        at: Life,
        (entry, id): (EntryId, OperationId),
        patience: Duration,
    ) {
        let Some(machine) = self.find(at) else { return };
        let local = machine.clock.read(ctx.now);
        let Some(process) = machine.process.as_mut() else { return };
        let ask = Ask::Await(entry.clone(), id.clone(), patience);
        let out = &mut process.effects;
        let ticket = process.server.await_operation(local, (entry, id), patience, out);
        process.waits.push(Wait { ticket });
        if let Some((_, lanes)) = &mut process.in_outage {
            // What was not answered is sent again at once, not only after a pause.
            *lanes += 2;
        }
        ctx.bench.asked(ctx.now, process.number, ticket, &ask);
        self.absorb(ctx, network, at);
    }
}
