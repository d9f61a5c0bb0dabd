//! Repairs of open records by the game servers that hold them: put back to what they held once, with
//! the operations taken back that ended since, or deleted.

use std::time::Duration;

use super::super::marks::Mark;
use super::super::network::Network;
use super::super::process::{Play, Wait};
use super::super::store::{Held, Store};
use super::super::witness::{Ask, Witness as _};
use super::super::{Context, Event};
use super::{Fleet, Life};

/// From one repair to the next, in milliseconds.
const PAUSE: std::ops::Range<u64> = 20_000..120_000;
/// How often it is looked whether everything of a record is stored.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// How many looks that takes at most.
const LOOK_COUNT: u32 = 8;

impl Fleet {
    pub(in super::super) fn schedule_repair(&mut self, ctx: &mut Context<'_>) {
        let delay = Duration::from_millis(self.rng.in_range(PAUSE));
        ctx.sim.world.schedule_in(delay, Event::Repair);
    }

    /// Somebody sets out to repair a record that is open somewhere.
    pub(in super::super) fn repair(&mut self, ctx: &mut Context<'_>, network: &mut Network) {
        if self.is_healing {
            return;
        }
        self.schedule_repair(ctx);
        let Some(at) = self.pick(None) else { return };
        let plays: Vec<u64> = match self.find(at).and_then(|machine| machine.process.as_ref()) {
            Some(process) => process.plays.iter().map(|play| play.number).collect(),
            None => return,
        };
        let Some(play) = self.rng.pick(&plays).copied() else { return };
        if self.rng.percent(20) {
            self.delete(ctx, network, at, play);
        } else {
            let event = Event::Restore { at, play, left: LOOK_COUNT };
            ctx.sim.world.schedule_in(Duration::ZERO, event);
        }
    }

    /// A record is emptied and let go of.
    fn delete(&mut self, ctx: &mut Context<'_>, network: &mut Network, at: Life, number: u64) {
        if !self.is_awake(ctx, at, || Event::Repair) {
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
        if let Ok(ticket) = process.server.delete(local, handle, &mut process.effects) {
            process.waits.push(Wait { ticket });
            ctx.bench.repairs(ctx.now, entry);
            let ask = Ask::Delete(handle, entry.clone(), marker);
            ctx.bench.asked(ctx.now, process.number, ticket, &ask);
        }
        self.absorb(ctx, network, at);
    }

    /// An open record is put back, as soon as everything of it is stored.
    pub(in super::super) fn restore(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        store: &mut Store,
        at: Life,
        (number, left): (u64, u32),
    ) {
        let again = || Event::Restore { at, play: number, left };
        let Some(left) = left.checked_sub(1) else { return };
        if self.is_healing || !self.is_awake(ctx, at, again) {
            return;
        }
        if self.put_back(ctx, store, at, number).is_none() {
            ctx.sim.world.schedule_in(LOOK_EVERY, Event::Restore { at, play: number, left });
        }
        self.checkpoint(ctx, network, at, number);
    }

    /// Nothing if it cannot be done now.
    fn put_back(
        &mut self,
        ctx: &mut Context<'_>,
        store: &mut Store,
        at: Life,
        number: u64,
    ) -> Option<()> {
        let Self { machines, ids, rng, settings, .. } = self;
        let machine = machines.get_mut(at.machine)?;
        let local = machine.clock.read(ctx.now);
        let process = machine.process.as_mut()?;
        let Play { handle, key, .. } = *process.play(number).filter(|play| !play.is_leaving)?;
        let entry = ids.get(key)?;
        let session = process.server.session(handle)?;
        let may_edit = session.is_active() && session.check_edit(settings).is_ok();
        let is_joined = process.joints.iter().any(|joint| joint.has(handle));
        if session.is_dirty() || !session.unsettled().is_empty() || !may_edit || is_joined {
            return None;
        }
        let now = session.data_revision()?.counter;
        let past = store.past(entry, now);
        let Held { counter, content, .. } = rng.pick(past).cloned()?;
        let (restored, is_across) = process.code.read(&content)?;
        // A session keeps its number, which may be that of later code.
        if process.sheet(handle, |sheet| sheet.shape.version())? != restored.shape.version() {
            return None;
        }
        let edit = rng.next_u64();
        let play = process.put_back(local, number, counter, |sheet| {
            sheet.shape = restored.shape;
            sheet.applied = restored.applied;
            sheet.pad = restored.pad;
            sheet.marker = sheet.marker.next(edit);
        })?;
        store.leave(entry, counter, now);
        ctx.bench.repairs(ctx.now, entry);
        ctx.bench.edited(ctx.now, process.number, handle, entry, play.marker);
        ctx.marks.meet(Mark::PutBack);
        ctx.marks.meet_if(Mark::PutBackAcross, is_across);
        Some(())
    }
}
