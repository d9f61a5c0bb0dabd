//! The store's side of the event loop: requests are carried out, refused, told late or never.

use std::sync::Arc;

use steadfast_core::platform::{History, Settings};
use steadfast_core::row::{HeadsReply, ReadError};
use steadfast_core::{
    Batch, CommitOutcome, EntryId, Found, Order, Outcome, Refusal, RowKey, RowRange,
};
use steadfast_sim::Simulation;
use steadfast_storage::LocalPlatform;

use super::port::Asked;
use super::sites::{COMMIT, PROCESS, READ};
use super::{DAMAGE_COUNT_MAX, Event, FRONT_COUNT, Pending, Scenario};

impl Scenario {
    /// S10: one row of an entry, of a history, or of a board.
    pub(super) fn damage(&mut self, choice: u64) {
        let (kind, choice) = (choice % 5, choice / 5);
        let of = |entries: &[EntryId]| {
            let count = u64::try_from(entries.len()).unwrap_or(1).max(1);
            usize::try_from(choice % count).ok().and_then(|index| entries.get(index).cloned())
        };
        let key = match kind {
            0 => of(self.clients.ordered()).map(RowKey::Ordered),
            1 => of(self.clients.entries()).map(RowKey::Entry),
            _ => of(self.clients.entries()).and_then(|entry| {
                let (order, beyond) = (Order::Ascending, None);
                let range = RowRange::Revisions { entry, order, beyond };
                let rows = self.disk.rows().scan(&range, usize::MAX).rows;
                let count = u64::try_from(rows.len()).ok()?;
                let place = usize::try_from((choice / 16).checked_rem(count)?).ok()?;
                match rows.into_iter().nth(place)? {
                    Found::Row(row) => Some(row.key),
                    Found::Absent | Found::Corrupt(_) => None,
                }
            }),
        };
        let Some(key) = key.filter(|_| self.damage_count < DAMAGE_COUNT_MAX) else { return };
        if self.disk.damage(key.clone()) {
            self.damage_count += 1;
            self.oracle.on_damage(&key);
        }
    }

    /// A request arrives at the store.
    pub(super) fn take(&mut self, sim: &mut Simulation<Event>, asked: Asked) {
        self.request_count += 1;
        let id = self.request_count;
        let mut pending = Pending::default();
        let mut delay = self.micros(50..4_000);
        let fault = match &asked {
            Asked::Commit(..) => sim.faults.visit(&COMMIT),
            Asked::Read(..) | Asked::Scan(..) | Asked::Heads(..) => sim.faults.visit(&READ),
            Asked::Drain(_) => None,
        };
        match fault.map(|fault| (fault.class, fault.duration())) {
            Some(("S17", slow)) => delay = slow,
            Some(("S2", _)) => pending.is_unknown = true,
            Some(("S3", late)) => {
                if let Asked::Commit(batch, done) = asked {
                    self.late.insert(id, batch);
                    sim.world.schedule_in(late, Event::Late { id });
                    pending.ready = Some(Box::new(move || done.complete(Outcome::Unknown)));
                    let delay = self.micros(50..2_000_000);
                    sim.world.schedule_in(delay, Event::Answer { id });
                    self.pending.insert(id, pending);
                }
                return;
            }
            Some((class, _)) => {
                pending.ready = Some(refuse(asked, class));
                self.pending.insert(id, pending);
                sim.world.schedule_in(delay, Event::Answer { id });
                return;
            }
            None => {}
        }
        if matches!(asked, Asked::Commit(..))
            && let Some(fault) = sim.faults.visit(&PROCESS)
        {
            sim.world.schedule_in(fault.duration(), Event::Crash { life: self.life });
        }
        let answers = self.rng.percent(60);
        pending.asked = Some(asked);
        self.pending.insert(id, pending);
        sim.world.schedule_in(delay, Event::Execute { id, answers });
        if !answers {
            let delay = delay.saturating_add(self.micros(1..3_000));
            sim.world.schedule_in(delay, Event::Answer { id });
        }
    }

    pub(super) fn execute(&mut self, sim: &mut Simulation<Event>, id: u64) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        let (Some(asked), is_unknown) = (pending.asked.take(), pending.is_unknown) else { return };
        let clock = self.clock(sim);
        let ready: Box<dyn FnOnce() + Send> = match asked {
            Asked::Read(rows, done) => {
                let reply = self.disk.read(&rows, clock);
                Box::new(move || done.complete(Ok(reply)))
            }
            Asked::Scan(range, limit, done) => {
                let reply = self.disk.scan(&range, limit);
                Box::new(move || done.complete(Ok(reply)))
            }
            Asked::Heads(range, limit, with_sizes, done) => {
                let reply: HeadsReply = self.disk.heads(&range, limit, with_sizes);
                Box::new(move || done.complete(Ok(reply)))
            }
            Asked::Drain(done) => {
                self.tell(u64::MAX);
                Box::new(move || done.complete(()))
            }
            Asked::Commit(batch, done) => {
                let outcome = self.commit(sim, &batch, false);
                let outcome = if is_unknown { Outcome::Unknown } else { outcome };
                Box::new(move || done.complete(outcome))
            }
        };
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.ready = Some(ready);
        }
    }

    pub(super) fn commit(
        &mut self,
        sim: &mut Simulation<Event>,
        batch: &Batch,
        is_late: bool,
    ) -> CommitOutcome {
        let clock = self.clock(sim);
        let (outcome, applied) = self.disk.commit(batch, clock, is_late);
        if let Some(applied) = applied {
            let now = sim.world.now();
            let ticks = applied.stamped_at.ticks();
            sim.trace.event(now, "commit").number("seq", self.disk.seq()).signed("stamp", ticks);
            self.oracle.on_apply(self.disk.seq(), &applied);
            let delay = self.micros(0..2_000);
            sim.world.schedule_in(delay, Event::Notice);
        }
        outcome
    }

    /// Answers a request, after the boards were told of what came before.
    pub(super) fn answer(&mut self, id: u64) {
        let Some(pending) = self.pending.remove(&id) else { return };
        self.tell(self.disk.seq());
        if let Some(ready) = pending.ready {
            ready();
        }
    }

    /// Tells the boards of what was written, up to a batch.
    pub(super) fn tell(&mut self, through: u64) {
        while let Some(changes) = self.disk.next_notice(through) {
            let watchers = self.port.inbox().watchers.clone();
            for watcher in watchers {
                watcher.committed(&changes);
            }
        }
    }

    /// P1, P2: what is under way is written whole or not at all, and nobody is told.
    pub(super) fn crash(&mut self, sim: &mut Simulation<Event>) {
        sim.trace.event(sim.world.now(), "crash").number("life", u64::from(self.life));
        self.life += 1;
        self.port.inbox().is_dead = true;
        self.late.clear();
        let pending = std::mem::take(&mut self.pending);
        for pending in pending.values() {
            if let Some(Asked::Commit(batch, _)) = &pending.asked {
                let outcome = self.rng.percent(50).then(|| self.commit(sim, batch, false));
                let is_written = matches!(outcome, Some(Outcome::Committed(_)));
                sim.totals.sometimes("a crash with batches under way", true);
                sim.totals.sometimes("a batch was written by a process that ended", is_written);
            }
        }
        self.disk.forget_notices();
        self.port.inbox().watchers.clear();
        drop(pending);
        // What waited behind it is told as well.
        loop {
            let (asked, task) = {
                let mut inbox = self.port.inbox();
                (inbox.asked.pop_front(), inbox.tasks.pop_front())
            };
            match (asked, task) {
                (None, None) => break,
                (asked, task) => {
                    drop(asked);
                    if let Some(task) = task {
                        task();
                    }
                }
            }
        }
        self.fronts.clear();
        self.oracle.check_rows(self.disk.rows());
        let downtime = self.micros(10_000..60_000_000);
        sim.world.schedule_in(downtime, Event::Open);
    }

    pub(super) fn open(&mut self) {
        self.port.inbox().is_dead = false;
        let settings = Settings { history: History::Thinned, ..Settings::native() };
        for _ in 0..FRONT_COUNT {
            let port = self.port.clone();
            let later = move |task| port.put_task(task);
            let backend = Arc::new(self.port.clone());
            let front = LocalPlatform::driven(backend, settings.clone(), self.lane_length, later);
            self.fronts.push(front);
        }
    }
}

/// The answer to a request that the store does not carry out.
fn refuse(asked: Asked, class: &str) -> Box<dyn FnOnce() + Send> {
    let reason: Arc<str> = class.into();
    let unavailable = ReadError::Unavailable { reason: Arc::clone(&reason) };
    match asked {
        Asked::Read(_, done) => Box::new(move || done.complete(Err(unavailable))),
        Asked::Scan(_, _, done) => Box::new(move || done.complete(Err(unavailable))),
        Asked::Heads(_, _, _, done) => Box::new(move || done.complete(Err(unavailable))),
        Asked::Drain(done) => Box::new(move || done.complete(())),
        Asked::Commit(_, done) => {
            let refusal = match class {
                "S1" => Refusal::Unavailable { reason },
                _ => Refusal::Exhausted { reason },
            };
            Box::new(move || done.complete(Outcome::Refused(refusal)))
        }
    }
}
