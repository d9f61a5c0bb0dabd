//! How sessions end, and with them a server: every session is released, or reported as lost with its
//! bytes.

use std::sync::Arc;

use crate::game_server::{
    Effects, Event, GameServer, Hint, HintKind, ServerEvent, SessionHandle, Ticket, Timer, finish,
    tell,
};
use crate::id::Revision;
use crate::planted::Flaw;
use crate::presence::Stage;
use crate::session::{
    LossReason, OpenError, SaveError, SessionEvent, SessionState, WriteKind, ask,
};
use crate::time::{Monotonic, Now, Timestamp};

/// A close under way.
#[derive(Debug)]
pub(super) struct Closing {
    tickets: Vec<Ticket>,
    pub(super) deadline: Monotonic,
}

impl GameServer {
    /// Releases every session and ends the presence. Answered by [`Event::Closed`] when all of it is
    /// done, or at the latest after `close_timeout`: what is not saved by then is reported as lost,
    /// with its bytes.
    pub fn close(&mut self, now: Now, out: &mut Effects) -> Ticket {
        let now = self.tick(now, out);
        let ticket = self.new_ticket();
        if let Some(closing) = &mut self.closing {
            closing.tickets.push(ticket);
            return ticket;
        }
        if self.presence.stage() == Stage::Over {
            out.events.push(Event::Closed { ticket });
            return ticket;
        }
        let deadline = now.saturating_add(self.settings.close_timeout);
        self.closing = Some(Closing { tickets: vec![ticket], deadline });
        let openings: Vec<Ticket> = self.openings.keys().copied().collect();
        for opening in openings {
            self.fail_opening(now, opening, OpenError::Closed, out);
        }
        for handle in self.table.handles() {
            self.begin_release(now, handle, out);
        }
        self.close_if_due(now, out);
        finish(out);
        ticket
    }

    /// Ends the presence once nothing is left, and everything once the time is over.
    pub(super) fn close_if_due(&mut self, now: Monotonic, out: &mut Effects) {
        let Some(closing) = &self.closing else { return };
        let is_late = now >= closing.deadline;
        if is_late {
            for handle in self.table.handles() {
                self.give_up(handle, out);
            }
            // Nothing is told after the close.
            self.settle_lost_parts(now, out);
            self.orphans.clear();
        }
        let is_empty = self.table.is_empty() && self.orphans.is_empty();
        let stage = self.presence.stage();
        if is_empty && stage != Stage::Ending && stage != Stage::Over {
            self.presence.end(now);
        }
        if is_late {
            self.presence.stop();
        }
        if self.presence.stage() == Stage::Over {
            self.on_ended(out);
        }
    }

    /// Somebody else has the record. What of the unsettled was the last write under the grant, if
    /// any of them was, is saved; nothing after it is, or ever will be.
    pub(super) fn lose(
        &mut self,
        handle: SessionHandle,
        reason: LossReason,
        committed: Option<usize>,
        out: &mut Effects,
    ) {
        let Some(session) = self.table.get_mut(handle) else { return };
        let write = committed.and_then(|index| session.unsettled.get(index).cloned());
        if let Some(write) = &write {
            session.stored = session.stored.max(write.contains);
            // Whoever waits for an operation finds its receipt in the store.
            session.ledger_stored(write.ledger, Timestamp::default());
        }
        // Whoever is told that its data is stored is told where.
        let base = session.base.record;
        let revision = match &write {
            Some(write) => base.map(|base| base.next(write.write_id)),
            None => base,
        };
        if write.as_ref().is_some_and(|write| write.kind == WriteKind::Release) {
            return self.end_session(handle, None, revision, SessionEvent::Released, out);
        }
        let is_joint = write.is_some_and(|write| write.kind == WriteKind::Joint);
        self.part_lost(handle, revision.filter(|_| is_joint), &reason);
        let Some(session) = self.table.get_mut(handle) else { return };
        if !matches!(reason, LossReason::HookPanicked) {
            let hooks = Arc::clone(&session.hooks);
            let lost = || {
                hooks.on_lost(session.document.as_mut());
                Ok(false)
            };
            // The session is over either way.
            drop(ask(lost));
        }
        let is_kept = !matches!(reason, LossReason::Deleted);
        let spill = if is_kept { session.spill() } else { None };
        let newest = session.newest_write();
        let error = match (&reason, newest) {
            (LossReason::Forgotten, Some(write_id)) => SaveError::Expired { write_id },
            (LossReason::Closed, Some(write_id)) => SaveError::OutcomeUnknown { write_id },
            (LossReason::Closed, None) => SaveError::Closed,
            (LossReason::HookPanicked, _) => {
                SaveError::Stopped { reason: "a hook panicked".into() }
            }
            (LossReason::Impossible(what), _) => SaveError::Stopped { reason: Arc::clone(what) },
            (LossReason::Forgotten, None)
            | (
                LossReason::Taken | LossReason::Stolen | LossReason::Edited | LossReason::Deleted,
                _,
            ) => SaveError::LeaseLost,
        };
        let event = SessionEvent::Lost { reason, spill };
        self.end_session(handle, Some(&error), revision, event, out);
    }

    /// A session is over: everybody who waits is told.
    pub(super) fn end_session(
        &mut self,
        handle: SessionHandle,
        error: Option<&SaveError>,
        revision: Option<Revision>,
        event: SessionEvent,
        out: &mut Effects,
    ) {
        self.forget_call(handle);
        let Some(mut session) = self.table.remove(handle) else { return };
        self.drop_timer(Timer::Session(handle.slot), session.timer);
        for waiter in std::mem::take(&mut session.waiters) {
            let is_stored = waiter.change_count <= session.stored && !waiter.for_release;
            let result = match (error, revision) {
                (Some(error), _) if !is_stored => Err(error.clone()),
                (_, Some(revision)) => Ok(revision),
                (_, None) => Err(SaveError::Closed),
            };
            out.events.push(Event::Settled { ticket: waiter.ticket, result });
        }
        let is_released = event == SessionEvent::Released;
        if let Some(to) = session.waiter.filter(|_| is_released) {
            let (entry, what) = (session.entry.clone(), HintKind::Free);
            out.hints.push(Hint { to, entry, what });
        }
        let state = if is_released { SessionState::Released } else { SessionState::LeaseLost };
        let entry = session.entry;
        tell(handle, &entry, SessionEvent::State(state), out);
        tell(handle, &entry, event, out);
    }

    /// A session could not be released in time.
    fn give_up(&mut self, handle: SessionHandle, out: &mut Effects) {
        if self.flaws.has(Flaw::CloseReportsSaved)
            && let Some(session) = self.table.get_mut(handle)
        {
            session.stored = session.change_count;
        }
        self.lose(handle, LossReason::Closed, None, out);
    }

    /// The presence is over.
    pub(super) fn on_ended(&mut self, out: &mut Effects) {
        self.end_operations(out);
        let Some(closing) = self.closing.take() else { return };
        out.events.extend(closing.tickets.into_iter().map(|ticket| Event::Closed { ticket }));
    }

    /// A copy of this process works under the same id: this one stops, and keeps its bytes.
    pub(super) fn stop(&mut self, now: Monotonic, out: &mut Effects) {
        out.events.push(Event::Server(ServerEvent::Stopped));
        self.is_stopped = true;
        self.presence.stop();
        let openings: Vec<Ticket> = self.openings.keys().copied().collect();
        for opening in openings {
            self.fail_opening(now, opening, OpenError::Closed, out);
        }
        let reason = || LossReason::Impossible("a copy of this process renews its presence".into());
        for handle in self.table.handles() {
            self.lose(handle, reason(), None, out);
        }
        self.settle_lost_parts(now, out);
        self.on_ended(out);
    }
}
