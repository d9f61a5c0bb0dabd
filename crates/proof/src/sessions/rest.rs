//! The end of a run: no fault any more, and everything comes to rest within its bound (Z1).

use std::time::Duration;

use steadfast_core::record::LeaseMode;
use steadfast_core::{Found, Now, Row, RowBody, RowKey};
use steadfast_sim::Simulation;

use super::fleet::Fleet;
use super::witness::Witness;
use super::{Event, Parts, Scenario};

/// The last late message of the time with faults has arrived after this.
const LATE_MAX: Duration = Duration::from_secs(130);
/// Handled mail is gone after this.
const MAIL_AGE_MAX: Duration = Duration::from_secs(10);

/// What comes one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything that was asked is answered, and a fresh process opens every record.
    Probe,
    /// It has them all, and all processes are asked to end.
    Close,
    /// They have ended.
    End,
}

impl Scenario {
    /// No fault any more.
    pub(super) fn heal(&mut self, sim: &mut Simulation<Event>, now: Now) {
        sim.faults.heal();
        let (mut ctx, parts) = self.split(sim, now);
        let Parts { store, network, fleet, players, operators, senders } = parts;
        ctx.sim.trace.event(now, "heal");
        network.heal();
        store.heal(&mut ctx);
        players.heal(&mut ctx);
        operators.heal();
        senders.heal();
        fleet.heal(&mut ctx);
        ctx.bench.healed(now);
        let settings = fleet.settings();
        let lease = match settings.mode {
            LeaseMode::Timeout(timeout) => timeout,
            LeaseMode::Presence | LeaseMode::Unknown(_) => Duration::ZERO,
        };
        let settled = LATE_MAX + settings.presence_timeout * 3 + lease;
        sim.world.schedule_in(settled, Event::Rest(Part::Probe));
    }

    /// The next part of the end.
    pub(super) fn rest(&mut self, sim: &mut Simulation<Event>, now: Now, part: Part) {
        match part {
            Part::Probe => {
                self.check_answered();
                self.check_mail(now);
                let (mut ctx, parts) = self.split(sim, now);
                parts.fleet.start_probe(&mut ctx, parts.network, parts.store.opening());
                // L6, and what the waiter itself needs to become live.
                let bound = parts.fleet.settings().presence_timeout + Duration::from_secs(2);
                sim.world.schedule_in(bound, Event::Rest(Part::Close));
            }
            Part::Close => {
                let (fleet, count) = (&self.fleet, self.ids.len());
                self.restless.extend(fleet.check_probe(count));
                self.bench_rests(now);
                let (mut ctx, parts) = self.split(sim, now);
                parts.fleet.close_all(&mut ctx, parts.network);
                let bound = parts.fleet.settings().close_timeout + Duration::from_secs(5);
                sim.world.schedule_in(bound, Event::Rest(Part::End));
            }
            Part::End => {
                self.check_answered();
                self.check_free();
                self.bench_rests(now);
                self.bench.ends(self.store.rows());
                self.is_over = true;
            }
        }
    }

    fn bench_rests(&mut self, now: Now) {
        let Self { bench, store, fleet, .. } = self;
        let servers = fleet.processes().map(|process| (process.number, &process.server));
        bench.rests(now, store.rows(), servers);
    }

    /// Everything that was asked is answered.
    fn check_answered(&mut self) {
        let ids = &self.ids;
        let evidence = self.fleet.processes().flat_map(|process| process.check_quiet(ids));
        self.restless.extend(evidence);
        if self.store.opening().is_none() {
            self.restless.push("the store is not open".to_owned());
        }
    }

    /// Living servers handle their mail.
    fn check_mail(&mut self, now: Now) {
        let time = self.store.time(now);
        let fleet: &Fleet = &self.fleet;
        let is_left = |row: &&Row| {
            let RowKey::Mail(server, _) = &row.key else { return false };
            time.saturating_since(row.stamped_at) > MAIL_AGE_MAX
                && fleet.processes().any(|process| process.server.id() == *server)
        };
        let left = self.store.rows().iter().filter(is_left);
        self.restless.extend(left.map(|row| format!("Z1: {} is left", row.key)));
    }

    /// Nobody holds a record, and nobody is alive.
    fn check_free(&mut self) {
        for id in &self.ids {
            let found = self.store.rows().get(&RowKey::Record(id.clone()));
            if let Found::Row(Row { body: RowBody::Record(body), .. }) = found
                && let Some(lease) = body.lease
            {
                self.restless.push(format!("L6: {id} is still held by {}", lease.server));
            }
        }
        for process in self.fleet.processes() {
            self.restless.push(format!("W8: process {} has not ended", process.number));
        }
    }
}
