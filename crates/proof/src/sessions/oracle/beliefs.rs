//! Who believes to hold what.
//!
//! A belief is what a process acts upon: it says that it lives, and that a session of it is active. It
//! is looked at whenever the process has handled an input, and between two inputs it lasts until the
//! time that the process knew then: one that is paused goes on believing.

use std::time::Duration;

use steadfast_core::game_server::GameServer;
use steadfast_core::{Monotonic, Now, ServerId, SessionId};

use super::skew::offset;
use super::{Checked, Gone, PresenceRow, SessionOracle};

/// A process that handles nothing for so long counts as away.
const AWAY: Duration = Duration::from_secs(1);

/// How exactly the end of a belief is found.
const EXACT: Duration = Duration::from_millis(1);

/// What a process believes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Belief {
    pub(super) server: ServerId,
    /// Its own clock.
    pub(super) local: Monotonic,
    /// Until when it believes that it lives; nothing if it does not.
    pub(super) until: Option<Monotonic>,
}

/// What a process believes about one session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holds {
    pub(super) session: SessionId,
    pub(super) is_active: bool,
    /// Until when, where that does not depend on its server.
    pub(super) until: Option<Monotonic>,
}

impl SessionOracle {
    pub(super) fn on_server(
        &mut self,
        now: Monotonic,
        process: usize,
        server: &GameServer,
        local: Now,
    ) -> Checked {
        let is_live = |at| server.is_live(Now { mono: at, wall: local.wall });
        let known = self.process_mut(process).until;
        let until = belief_end(known, local.mono, self.settings.presence_timeout, is_live);
        let belief = Belief { server: server.id(), local: local.mono, until };
        let holds = server.sessions().map(|(handle, session)| Holds {
            session: handle.id,
            is_active: session.is_active(),
            until: session.believed_until(),
        });
        self.on_belief(now, process, belief, holds)
    }

    /// A process handled an input.
    pub(super) fn on_belief(
        &mut self,
        now: Monotonic,
        process: usize,
        belief: Belief,
        holds: impl Iterator<Item = Holds>,
    ) -> Checked {
        let Belief { server, local, until } = belief;
        let state = self.process_mut(process);
        state.clock.note(now, offset(local.nanos(), now.nanos()));
        if let Some((before, _)) = state.last
            && now.saturating_since(before) >= AWAY
        {
            state.gap = (before, now);
        }
        state.last = Some((now, local));
        state.id = Some(server);
        state.until = until;
        let is_dead = state.declared_dead == Some(server);
        if is_dead && until.is_some() && !self.is_out_of_bounds(process) {
            return Err(format!(
                "L8: process {process} believes in its id {server}, which is dead"
            ));
        }
        self.check_renewed(now, process, belief)?;
        let mut active = std::mem::take(&mut self.process_mut(process).active);
        active.clear();
        for holds in holds {
            let session = self.believed(process, holds.session)?;
            let ends = match holds.until {
                None => until,
                Some(until) => Some(until).filter(|until| local < *until),
            };
            let Some(ends) = ends.filter(|_| holds.is_active) else { continue };
            active.push((session, ends));
            let held = self.held(session);
            if self.at(held.key).holder != Some(session) {
                self.check_displaced(process, session)?;
            }
        }
        self.process_mut(process).active = active;
        Ok(())
    }

    /// A belief counts from the sending of a renewal, which took effect later, if anything.
    fn check_renewed(&self, now: Monotonic, process: usize, belief: Belief) -> Checked {
        let Belief { server, local, until: Some(until) } = belief else { return Ok(()) };
        let row = self.servers.get(&server).and_then(|server| server.row);
        let Some(PresenceRow { home: None, written_at: Some(at), .. }) = row else {
            return Ok(());
        };
        let settings = &self.settings;
        let longest = settings.presence_timeout.saturating_sub(settings.margin);
        let may = longest.saturating_add(self.process(process).clock.lost()).saturating_add(EXACT);
        let left = until.saturating_since(local);
        let passed = now.saturating_since(at);
        if passed.saturating_add(left) <= may {
            return Ok(());
        }
        Err(format!(
            "L2: process {process} believes for {left:?} more, {passed:?} after the last renewal of \
            {server}"
        ))
    }

    /// A session that a process has.
    fn believed(&mut self, process: usize, id: SessionId) -> Checked<usize> {
        let known = self.process(process).sessions.iter().find(|(known, _)| *known == id);
        if let Some((_, session)) = known {
            return Ok(*session);
        }
        let Some(session) = self.session_of.get(&id).copied() else {
            return Err(format!("L9: process {process} has session {id}, which was never granted"));
        };
        self.process_mut(process).sessions.push((id, session));
        Ok(session)
    }

    /// A session is believed in that does not have the record any more.
    fn check_displaced(&self, process: usize, session: usize) -> Checked {
        let held = self.held(session);
        let state = self.at(held.key);
        match held.gone {
            Some(Gone::Released) => Err(format!(
                "L2: process {process} believes in session {}, which has let go of {}",
                held.id, state.entry
            )),
            Some(Gone::Taken) if !self.is_out_of_bounds(process) => Err(format!(
                "L2: process {process} believes in session {}, but {} was granted to {:?}",
                held.id,
                state.entry,
                state.lease().map(|lease| lease.session)
            )),
            // It cannot know of these before it looks.
            Some(Gone::Taken | Gone::Stolen | Gone::Edited | Gone::Forgotten) | None => Ok(()),
        }
    }

    /// Nobody believes in a session at the moment at which it loses its record.
    pub(super) fn check_no_belief(&self, now: Monotonic, session: usize) -> Checked {
        let held = self.held(session);
        let state = self.process(held.process);
        let belief = state.active.iter().find(|(active, _)| *active == session);
        let Some((_, until)) = belief else { return Ok(()) };
        match self.lasts(now, held.process, *until) {
            None => Ok(()),
            Some(left) => Err(format!(
                "L2: session {} lost its record, and process {} believes in it for {left:?} more",
                held.id, held.process
            )),
        }
    }

    /// How much longer a process believes, if that is beyond doubt.
    pub(super) fn lasts(
        &self,
        now: Monotonic,
        process: usize,
        until: Monotonic,
    ) -> Option<Duration> {
        let state = self.processes.get(process)?;
        let (seen_at, local) = state.last?;
        if state.is_crashed || self.is_out_of_bounds(process) {
            return None;
        }
        // Its clock may run a little faster than the true time.
        let passed = now.saturating_since(seen_at);
        let passed = passed.saturating_add(passed / 20).saturating_add(EXACT);
        let left = until.saturating_since(local).checked_sub(passed)?;
        (!left.is_zero()).then_some(left)
    }
}

/// Until when a server believes in itself, found from what it says of any time.
fn belief_end(
    known: Option<Monotonic>,
    local: Monotonic,
    timeout: Duration,
    is_live: impl Fn(Monotonic) -> bool,
) -> Option<Monotonic> {
    if !is_live(local) {
        return None;
    }
    let ends = |at: Monotonic| is_live(at) && !is_live(at.saturating_add(EXACT));
    if let Some(known) = known.filter(|known| *known >= local && ends(*known)) {
        return Some(known);
    }
    let (mut low, mut high) = (local, local.saturating_add(timeout * 2));
    if is_live(high) {
        return Some(high);
    }
    while high.saturating_since(low) > EXACT {
        let middle = low.saturating_add(high.saturating_since(low) / 2);
        if is_live(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_belief_is_found_and_found_again() {
        let at = |millis: u64| Monotonic::from_nanos(millis * 1_000_000);
        let timeout = Duration::from_secs(10);
        let until = |end: u64| move |time: Monotonic| time < at(end);
        let found = belief_end(None, at(1_000), timeout, until(7_777)).unwrap();
        assert!(at(7_776) <= found && found < at(7_777), "{found:?}");
        assert_eq!(belief_end(Some(found), at(2_000), timeout, until(7_777)), Some(found));
        assert_eq!(belief_end(Some(found), at(7_777), timeout, until(7_777)), None);
        let later = belief_end(Some(found), at(7_000), timeout, until(12_000)).unwrap();
        assert!(at(11_999) <= later && later < at(12_000), "{later:?}");
        assert_eq!(belief_end(None, at(5), timeout, |_| true), Some(at(20_005)));
    }
}
