//! Every crash and every lost or late message around a save, a release, a hand-off and an adoption,
//! alone and up to three together.
//!
//! A fault is named by the message that it hits, counted from the beginning of what is attacked.
//! After the last fault everything arrives, and within a bound another server has the record, with
//! every edit that was acknowledged.

use std::cell::RefCell;
use std::time::Duration;

use steadfast_core::batch::{Condition, Write};
use steadfast_core::game_server::{Event, GameServer, SessionHandle, Ticket};
use steadfast_core::record::{PresenceBody, PresenceState};
use steadfast_core::session::{SessionSettings, SessionState};
use steadfast_core::{Batch, Found, Now, RowBody, RowKey, WriteId};

use crate::small::{Fate, Leg, Small, entry};

/// What is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attacked {
    /// A checkpoint.
    Save,
    /// A release, and the next opening elsewhere.
    Release,
    /// A hand-off of unsaved edits.
    HandOff,
    /// The adoption after the server was declared dead.
    Adoption,
}

impl Attacked {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Save, Self::Release, Self::HandOff, Self::Adoption];
}

/// What goes wrong at a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is lost.
    Lost,
    /// It arrives long after everybody has given it up.
    Late,
    /// It arrives, and the server that sent it or was to get it has crashed.
    Crash,
}

impl Mishap {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lost, Self::Late, Self::Crash];
}

/// Faults by the message that they hit, in order.
pub type Mishaps = Vec<(u64, Mishap)>;

const WAY: Duration = Duration::from_millis(25);
const LATE: Duration = Duration::from_secs(14);

/// Messages that may be hit: those of the attacked work, and some of what follows.
const WINDOW: u64 = 12;

const HOLDER: usize = 0;
const OTHER: usize = 1;
const KEY: u64 = 1;

/// Runs all combinations of up to so many faults. How many there were.
///
/// # Errors
/// The first combination that breaks a rule, and which.
pub fn run(attacked: Attacked, fault_count_max: usize) -> Result<u64, String> {
    let mut count = 0;
    let mut plans: Vec<Mishaps> = vec![Mishaps::new()];
    while let Some(plan) = plans.pop() {
        Story::play(attacked, &plan)
            .map_err(|what| format!("{attacked:?} with {plan:?}: {what}"))?;
        count += 1;
        if plan.len() < fault_count_max {
            let first = plan.last().map_or(0, |(message, _)| message + 1);
            for message in first..WINDOW {
                for mishap in Mishap::ALL {
                    let mut next = plan.clone();
                    next.push((message, mishap));
                    plans.push(next);
                }
            }
        }
    }
    Ok(count)
}

/// What the network counts.
#[derive(Debug, Default)]
struct Count {
    is_attacked: bool,
    message: u64,
}

struct Story<'a> {
    small: Small<'a>,
    count: &'a RefCell<Count>,
    /// The largest number that is certainly durable.
    acknowledged: u64,
    /// What waits for an answer: of which server, and the number that it makes durable.
    asked: Vec<(usize, Ticket, u64)>,
    /// By server.
    sessions: [Option<SessionHandle>; 3],
}

impl Story<'_> {
    fn play(attacked: Attacked, plan: &Mishaps) -> Result<(), String> {
        let count = RefCell::new(Count::default());
        let network = |leg: Leg| {
            let mut count = count.borrow_mut();
            if !count.is_attacked {
                return Fate::After(WAY);
            }
            let message = count.message;
            count.message += 1;
            let of = |mishap: Mishap| match (mishap, leg) {
                (Mishap::Lost, _) => Fate::Lost,
                (Mishap::Late, _) => Fate::After(LATE),
                (Mishap::Crash, _) => Fate::Crash(WAY),
            };
            plan.iter().find(|(at, _)| *at == message).map_or(Fate::After(WAY), |it| of(it.1))
        };
        let mut small = Small::new(7, network);
        small.start(SessionSettings::default(), Duration::ZERO);
        small.start(SessionSettings::default(), Duration::from_millis(1_100));
        let (asked, sessions) = (vec![], [None; 3]);
        let mut story = Story { small, count: &count, acknowledged: 0, asked, sessions };
        story.prepare()?;
        story.attack(attacked)?;
        story.pass(Duration::from_secs(45))?;
        story.finish(attacked)
    }

    /// One server has the record, with a durable edit.
    fn prepare(&mut self) -> Result<(), String> {
        self.pass(Duration::from_secs(2))?;
        self.small.open(HOLDER, KEY);
        self.pass(Duration::from_secs(1))?;
        self.edit(1)?;
        self.checkpoint(1);
        self.pass(Duration::from_secs(1))?;
        self.edit(2)
    }

    fn edit(&mut self, number: u64) -> Result<(), String> {
        let session = self.sessions[HOLDER].ok_or("the holder has no session")?;
        let is_made = self.small.edit(HOLDER, session, number, 40);
        is_made.then_some(()).ok_or_else(|| "an open session took no edit".to_owned())
    }

    fn checkpoint(&mut self, number: u64) {
        let Some(session) = self.sessions[HOLDER] else { return };
        let ask = |server: &mut GameServer, now, out: &mut _| server.checkpoint(now, session, out);
        if let Some(Ok(ticket)) = self.small.with(HOLDER, ask) {
            self.asked.push((HOLDER, ticket, number));
        }
    }

    fn attack(&mut self, attacked: Attacked) -> Result<(), String> {
        self.count.borrow_mut().is_attacked = true;
        match attacked {
            Attacked::Save => self.checkpoint(2),
            Attacked::Release => {
                let session = self.sessions[HOLDER].ok_or("the holder has no session")?;
                let ask =
                    |server: &mut GameServer, now, out: &mut _| server.release(now, session, out);
                if let Some(Ok(ticket)) = self.small.with(HOLDER, ask) {
                    self.asked.push((HOLDER, ticket, 2));
                }
                self.small.open(OTHER, KEY);
            }
            Attacked::HandOff => {
                self.small.open(OTHER, KEY);
            }
            Attacked::Adoption => self.declare_dead(),
        }
        Ok(())
    }

    /// Somebody declares the holder's server dead, although it lives.
    fn declare_dead(&mut self) {
        let holder = self.small.servers.get(HOLDER).and_then(Option::as_ref);
        let Some(id) = holder.map(GameServer::id) else { return };
        let key = RowKey::Presence(id);
        let Found::Row(row) = self.small.rows.get(&key) else { return };
        let RowBody::Presence(body) = row.body else { return };
        let write_id = WriteId(0xdead);
        let body = PresenceBody { state: PresenceState::Dead, seq: body.seq + 1, ..body };
        let put = Write::Put {
            key: key.clone(),
            revision: row.revision.next(write_id),
            body: RowBody::Presence(body),
        };
        let conditions = vec![(key, Condition::At(row.revision))];
        let batch = Batch { conditions, writes: vec![put] };
        let clock = self.small.world.now().wall;
        let outcome = self.small.rows.commit(&batch, clock);
        assert!(outcome.committed().is_some(), "the row is as it was read");
    }

    /// Time passes, and every rule is looked at after each event.
    fn pass(&mut self, duration: Duration) -> Result<(), String> {
        let end = self.small.world.now().mono.saturating_add(duration);
        while self.small.world.next_at().is_some_and(|at| at <= end) {
            let Some((now, _)) = self.small.next() else { break };
            for (server, event) in std::mem::take(&mut self.small.events) {
                self.on_event(server, event);
            }
            self.check_beliefs(now)?;
        }
        self.small.world.advance_to(end);
        Ok(())
    }

    fn on_event(&mut self, server: usize, event: Event) {
        match event {
            Event::Opened { session, .. } => {
                if let Some(place) = self.sessions.get_mut(server) {
                    *place = Some(session);
                }
            }
            Event::Settled { ticket, result } => {
                let is_it = |(of, it, _): &(usize, Ticket, u64)| (*of, *it) == (server, ticket);
                if let Some(index) = self.asked.iter().position(is_it) {
                    let (_, _, number) = self.asked.remove(index);
                    if result.is_ok() {
                        self.acknowledged = self.acknowledged.max(number);
                    }
                }
            }
            Event::Server(_)
            | Event::OpenFailed { .. }
            | Event::Queued { .. }
            | Event::Operation { .. }
            | Event::Session { .. }
            | Event::Closed { .. } => {}
        }
    }

    /// L2: no two servers believe in the record at once. W1: nothing acknowledged is missing. W3: who
    /// let go of the record saved all of it before.
    fn check_beliefs(&self, now: Now) -> Result<(), String> {
        let believes = |server: &GameServer| {
            let mut sessions = server.sessions();
            server.is_live(now)
                && sessions.any(|(_, session)| session.state() == SessionState::Active)
        };
        let count = self.small.servers.iter().flatten().filter(|it| believes(it)).count();
        if count > 1 {
            return Err(format!("L2: {count} servers believe in one record"));
        }
        let stored = self.small.number_stored(KEY).unwrap_or(0);
        if stored < self.acknowledged {
            let acknowledged = self.acknowledged;
            return Err(format!("W1: {stored} is stored, and {acknowledged} was acknowledged"));
        }
        let Found::Row(row) = self.small.rows.get(&RowKey::Record(entry(KEY))) else {
            return Ok(());
        };
        let RowBody::Record(body) = row.body else { return Ok(()) };
        let is_holders = self.sessions[HOLDER].is_some_and(|it| it.id == body.fence.session);
        if body.lease.is_none() && is_holders && stored != 2 {
            return Err(format!("W3: released at {stored}"));
        }
        Ok(())
    }

    /// Nothing goes wrong any more: everybody is answered, and a server that never had the record
    /// gets it, with all that was acknowledged.
    fn finish(mut self, attacked: Attacked) -> Result<(), String> {
        self.count.borrow_mut().is_attacked = false;
        let runs = |server: usize| self.small.servers.get(server).is_some_and(Option::is_some);
        let unsettled: Vec<_> = self.asked.iter().filter(|(server, ..)| runs(*server)).collect();
        if !unsettled.is_empty() {
            return Err(format!("Z1: {unsettled:?} are not answered"));
        }
        let kept = runs(HOLDER) && attacked != Attacked::Release;
        let holder = self.sessions[HOLDER];
        let fresh = self.small.start(SessionSettings::default(), Duration::ZERO);
        self.pass(Duration::from_secs(1))?;
        let ticket = self.small.open(fresh, KEY);
        self.pass(Duration::from_secs(19))?;
        let Some(session) = self.sessions.get(fresh).copied().flatten() else {
            return Err(format!("L6: {ticket:?} was not opened"));
        };
        let number = self.small.number_in(fresh, session);
        let least = if kept && holder.is_some() { 2 } else { self.acknowledged.max(1) };
        if number.is_none_or(|number| number < least) {
            return Err(format!("W1: {number:?} was found, and {least} must be there"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_faults_around_any_of_them_break_a_rule() {
        for attacked in Attacked::ALL {
            let count = run(attacked, 2).unwrap();
            assert_eq!(count, 1 + 36 + 66 * 9);
        }
    }
}
