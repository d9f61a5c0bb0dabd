//! What is said of what was written.

use std::time::Duration;

use steadfast_core::game_server::{ServerEvent, Ticket};
use steadfast_core::record::{LeaseMode, PresenceState};
use steadfast_core::session::{
    LossReason, OpenError, SaveError, SessionEvent, SessionState, Spill,
};
use steadfast_core::{EntryId, Monotonic, OperationId, Revision, SessionId};

use super::{Checked, Gone, Held, Logged, SessionOracle, Spilled};
use crate::sessions::witness::{Marker, Queueing};

/// How much later than its deadline a call may be answered once no fault happens any more.
const LATE: Duration = Duration::from_secs(3);

/// What a ticket is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Open { key: usize },
    Save { session: usize, marker: Marker, is_release: bool },
    Queue(Box<Queueing>),
    Await { key: usize, id: OperationId, patience: Duration },
    Transaction { number: u32 },
    Close,
}

/// A call without an answer.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) asked_at: Monotonic,
    pub(super) purpose: Purpose,
}

impl SessionOracle {
    pub(super) fn on_asked_open(
        &mut self,
        now: Monotonic,
        process: usize,
        ticket: Ticket,
        entry: &EntryId,
    ) {
        let key = self.key(entry);
        self.ask(now, (process, ticket), Purpose::Open { key });
    }

    pub(super) fn on_asked_save(
        &mut self,
        now: Monotonic,
        (process, ticket): (usize, Ticket),
        session: SessionId,
        marker: Marker,
        is_release: bool,
    ) -> Checked {
        self.session(process, session)?.is_asked_to_go |= is_release;
        let session = self.session_of.get(&session).copied().ok_or("W4: no such session")?;
        self.ask(now, (process, ticket), Purpose::Save { session, marker, is_release });
        Ok(())
    }

    pub(super) fn on_asked_close(&mut self, now: Monotonic, process: usize, ticket: Ticket) {
        self.process_mut(process).is_closing = true;
        self.ask(now, (process, ticket), Purpose::Close);
    }

    pub(super) fn on_asked_queue(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
        queueing: &Queueing,
    ) {
        self.ask(now, call, Purpose::Queue(Box::new(queueing.clone())));
    }

    pub(super) fn on_asked_await(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
        (entry, id): (&EntryId, &OperationId),
        patience: Duration,
    ) {
        let key = self.key(entry);
        self.ask(now, call, Purpose::Await { key, id: id.clone(), patience });
    }

    /// What was queued with a call that is answered.
    pub(super) fn on_answered_queue(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
    ) -> Checked<Queueing> {
        let purpose = self.answer(now, call)?.purpose;
        if let Purpose::Queue(queueing) = purpose {
            return Ok(*queueing);
        }
        Err(format!("W4: {purpose:?} was answered as a queueing"))
    }

    /// What was asked with a call that is answered.
    pub(super) fn on_answered_await(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
    ) -> Checked<(usize, OperationId)> {
        let purpose = self.answer(now, call)?.purpose;
        if let Purpose::Await { key, id, .. } = purpose {
            return Ok((key, id));
        }
        Err(format!("W4: {purpose:?} was answered by how an operation stands"))
    }

    pub(super) fn ask(&mut self, asked_at: Monotonic, call: (usize, Ticket), purpose: Purpose) {
        self.pending.insert(call, Pending { asked_at, purpose });
    }

    /// W4: every call is answered once, and in time where nothing fails.
    fn answer(&mut self, now: Monotonic, call: (usize, Ticket)) -> Checked<Pending> {
        let (process, ticket) = call;
        let Some(pending) = self.pending.remove(&call) else {
            return Err(format!("W4: {ticket:?} of process {process} was answered twice"));
        };
        let took = now.saturating_since(pending.asked_at);
        let is_whole = self.healed_at.is_some_and(|healed| healed <= pending.asked_at);
        if is_whole && took > self.patience(&pending.purpose) {
            return Err(format!("Z1: {:?} took {took:?}", pending.purpose));
        }
        Ok(pending)
    }

    /// How long a call may take where nothing fails.
    pub(super) fn patience(&self, purpose: &Purpose) -> Duration {
        let settings = &self.settings;
        let bound = match purpose {
            Purpose::Open { .. } => settings.open_timeout,
            Purpose::Save { is_release: false, .. } | Purpose::Transaction { .. } => {
                settings.checkpoint_timeout
            }
            // The last call is answered at its deadline.
            Purpose::Queue(_) => settings.checkpoint_timeout + settings.call_deadline,
            Purpose::Await { patience, .. } => *patience + settings.call_deadline,
            Purpose::Save { is_release: true, .. } | Purpose::Close => settings.close_timeout,
        };
        bound + bound / 20 + LATE
    }

    /// A session of a process, once it was opened.
    pub(super) fn session(&mut self, process: usize, session: SessionId) -> Checked<&mut Held> {
        let known = self.session_of.get(&session).copied();
        known
            .and_then(|known| self.sessions.get_mut(known))
            .filter(|held| held.process == process)
            .ok_or_else(|| format!("L3: process {process} has no grant of session {session}"))
    }

    pub(super) fn on_opened(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
        session: SessionId,
        marker: Option<Marker>,
    ) -> Checked {
        let Pending { purpose, .. } = self.answer(now, call)?;
        let held = self.session(call.0, session)?.clone();
        let is_it = matches!(purpose, Purpose::Open { key } if key == held.key);
        if !is_it || held.span.is_some() {
            return Err(format!("L3: session {session} was opened for {purpose:?}"));
        }
        let stored = held.granted.filter(|value| value.is_live);
        let was = stored.and_then(|value| value.marker);
        let marker = marker.ok_or("V5: a session began with what nobody wrote")?;
        let parent = match stored {
            Some(value) if value.marker == Some(marker) => value.span,
            None if marker.count == 0 => None,
            Some(_) | None => match self.spill_of(&held, marker) {
                Some(spilled) => Some(spilled.span),
                None => {
                    return Err(format!(
                        "W2, W9: session {session} began with {marker:?}, stored was {was:?}"
                    ));
                }
            },
        };
        let span = self.at_mut(held.key).lineage.begin(marker, parent);
        let held = self.session(call.0, session)?;
        (held.span, held.active_since) = (Some(span), Some(now));
        Ok(())
    }

    pub(super) fn on_open_failed(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
        error: &OpenError,
    ) -> Checked {
        let Pending { purpose, asked_at } = self.answer(now, call)?;
        if !matches!(purpose, Purpose::Open { .. }) {
            return Err(format!("W4: {purpose:?} was answered by {error}"));
        }
        let OpenError::LockTimeout { server, .. } = error else { return Ok(()) };
        let waits = self.settings.mode == LeaseMode::Presence;
        if waits && self.processes.get(call.0).is_some_and(|it| it.id == Some(*server)) {
            return Err(format!("L6, L9: process {} waited for itself: {error}", call.0));
        }
        let is_whole = self.healed_at.is_some_and(|healed| healed <= asked_at);
        if is_whole
            && let Some(holder) = self.servers.get(server)
            && self.processes.get(holder.process).is_none_or(|it| it.is_crashed || it.is_closed)
        {
            return Err(format!("L6: {error}, and process {} is gone", holder.process));
        }
        Ok(())
    }

    pub(super) fn on_settled(
        &mut self,
        now: Monotonic,
        call: (usize, Ticket),
        result: &Result<Revision, SaveError>,
    ) -> Checked {
        let Pending { purpose, .. } = self.answer(now, call)?;
        if let Purpose::Transaction { number } = purpose {
            return self.on_transaction_told(number, result);
        }
        let Purpose::Save { session, marker, is_release } = purpose else {
            return Err(format!("W4: {purpose:?} was settled"));
        };
        let held = self.held(session).clone();
        let state = self.at(held.key);
        let what = format!("session {} of {}, {marker:?}", held.id, state.entry);
        match result {
            Ok(revision) => {
                let logged = state.logged(*revision);
                if logged.is_some_and(|logged| {
                    self.contains(&held, session, logged, marker)
                        && (logged.is_release || !is_release)
                }) {
                    return Ok(());
                }
                Err(format!("W1, W5: acknowledged at {revision}: {what}; written was {logged:?}"))
            }
            Err(SaveError::LeaseLost) if is_release => {
                if held.gone == Some(Gone::Released) && !held.is_rewound {
                    return Err(format!("W6: its own release made it lose the lease: {what}"));
                }
                Ok(())
            }
            Err(SaveError::LeaseLost) => {
                let is_edit = held
                    .span
                    .and_then(|span| state.lineage.first(span))
                    .is_some_and(|first| first.count < marker.count);
                let is_saved = held.saved.is_some_and(|saved| saved >= marker.count);
                if is_edit && is_saved && !held.is_rewound {
                    return Err(format!("W4: said to be lost, but it is saved: {what}"));
                }
                Ok(())
            }
            Err(SaveError::Stopped { reason }) if !self.has_lost && !reason.contains("hook") => {
                Err(format!("L10: {reason}: {what}"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Whether a write holds what a session held, or what it held later.
    fn contains(&self, held: &Held, session: usize, logged: Logged, marker: Marker) -> bool {
        let (Some(span), true) = (held.span, logged.session == Some(session)) else { return false };
        match logged.marker {
            // Of a record whose default nobody stored yet.
            None => marker.count == 0 || held.is_deleting && logged.is_release,
            Some(stored) => {
                let lineage = &self.at(held.key).lineage;
                lineage.holds(span, stored) && stored.count >= marker.count
            }
        }
    }

    pub(super) fn on_session(
        &mut self,
        now: Monotonic,
        process: usize,
        session: SessionId,
        event: &SessionEvent,
    ) -> Checked {
        match event {
            SessionEvent::Released => {
                let held = self.over(process, session)?;
                if held.gone != Some(Gone::Released) && !held.is_rewound {
                    return Err(format!(
                        "W3, W8: session {session} is said to be released, it is {:?}",
                        held.gone
                    ));
                }
                Ok(())
            }
            SessionEvent::Lost { reason, spill } => {
                let held = self.over(process, session)?;
                if let Some(session) = self.session_of.get(&session).copied() {
                    self.note_session_lost(session);
                }
                self.check_loss(&held, reason)?;
                self.check_spill(&held, reason, spill.as_ref())
            }
            SessionEvent::State(told) => {
                let held = self.session(process, session)?;
                held.is_suspended = *told == SessionState::Suspended;
                held.active_since = (*told == SessionState::Active).then_some(now);
                Ok(())
            }
            SessionEvent::OperationRun { settlement, .. } => {
                self.on_operation_event(process, session, settlement.id(), None)
            }
            SessionEvent::OperationEnded(settlement) => {
                let ended = Some(settlement.status);
                self.on_operation_event(process, session, settlement.id(), ended)
            }
            SessionEvent::OperationRetried { operation, .. } => {
                self.on_operation_event(process, session, operation, None)
            }
            SessionEvent::Saved { .. }
            | SessionEvent::SaveFailed(_)
            | SessionEvent::WentBack
            | SessionEvent::HandOffRequested { .. }
            | SessionEvent::SchemaAhead { .. }
            | SessionEvent::SpillStale => Ok(()),
        }
    }

    /// A session is over, once.
    fn over(&mut self, process: usize, session: SessionId) -> Checked<Held> {
        let held = self.session(process, session)?;
        if std::mem::replace(&mut held.is_over, true) {
            return Err(format!("W8: session {session} ended twice"));
        }
        let held = held.clone();
        self.process_mut(process).sessions.retain(|(known, _)| *known != session);
        Ok(held)
    }

    /// W6: nobody loses what nobody took.
    fn check_loss(&self, held: &Held, reason: &LossReason) -> Checked {
        match reason {
            LossReason::Impossible(found) if !self.has_lost => {
                Err(format!("L10: session {} ended: {found}", held.id))
            }
            LossReason::Taken
            | LossReason::Stolen
            | LossReason::Edited
            | LossReason::Forgotten
            | LossReason::Deleted
                if held.gone.is_none() && !held.is_rewound =>
            {
                let state = self.at(held.key);
                let is_live = state.value.is_some_and(|value| value.is_live);
                if *reason == LossReason::Deleted && !is_live {
                    return Ok(());
                }
                Err(format!(
                    "W6: session {} lost {} as {reason:?}, and has it",
                    held.id, state.entry
                ))
            }
            LossReason::Impossible(_)
            | LossReason::Taken
            | LossReason::Stolen
            | LossReason::Edited
            | LossReason::Forgotten
            | LossReason::Deleted
            | LossReason::HookPanicked
            | LossReason::Closed => Ok(()),
        }
    }

    /// W8: what was not saved comes along, exactly, with where it belongs.
    fn check_spill(&mut self, held: &Held, reason: &LossReason, spill: Option<&Spill>) -> Checked {
        let Some(span) = held.span else { return Ok(()) };
        let state = self.at(held.key);
        let latest = state.lineage.last(span).ok_or("W8: a session held nothing")?;
        let Some(spill) = spill else {
            let is_stored = held.saved.is_some_and(|saved| saved >= latest.count)
                || held.granted.and_then(|value| value.marker) == Some(latest)
                || latest.count == 0;
            if is_stored || held.is_rewound || *reason == LossReason::Deleted {
                return Ok(());
            }
            return Err(format!(
                "W8: session {} was lost without {latest:?}, saved were {:?}",
                held.id, held.saved
            ));
        };
        let spilled = Marker::stored_in(&spill.content);
        if spilled != Some(latest) {
            return Err(format!(
                "W8: session {} held {latest:?}, spilled was {spilled:?}",
                held.id
            ));
        }
        let is_own = |logged: Logged| self.held_by(logged, held);
        let base = spill.base.and_then(|base| state.logged(base));
        if !held.is_rewound && !base.is_some_and(is_own) {
            return Err(format!("W8: session {} spilled on {:?}", held.id, spill.base));
        }
        for revision in &spill.stored_at {
            let stored = state.logged(*revision).map(|logged| logged.marker);
            // A last write that deletes the entry stores nothing, as it was asked to.
            let is_deletion = held.is_deleting && stored == Some(None);
            if !is_deletion && stored.is_some_and(|stored| stored != Some(latest)) {
                return Err(format!("W5: a spill of {latest:?} is at {revision}: {stored:?}"));
            }
        }
        let spilled = Spilled { base: spill.base, marker: latest, span };
        self.at_mut(held.key).spills.push(spilled);
        Ok(())
    }

    fn held_by(&self, logged: Logged, held: &Held) -> bool {
        logged.session == self.session_of.get(&held.id).copied()
    }

    pub(super) fn on_server_event(&self, process: usize, event: &ServerEvent) -> Checked {
        let is_over =
            |state: &super::Server| state.row.is_none_or(|row| row.state == PresenceState::Dead);
        match event {
            ServerEvent::Stopped if !self.has_lost => {
                Err(format!("L8: process {process} stopped for a copy, and there is none"))
            }
            ServerEvent::Dead(_) if !self.has_lost => {
                let mut own = self.servers.values().filter(|server| server.process == process);
                if own.any(is_over) {
                    return Ok(());
                }
                Err(format!("L8: process {process} was told that it is dead, and it is not"))
            }
            ServerEvent::Stopped
            | ServerEvent::Dead(_)
            | ServerEvent::Live(_)
            | ServerEvent::Doubtful
            | ServerEvent::WentBack => Ok(()),
        }
    }

    /// W8: a close leaves no session without a word.
    pub(super) fn on_closed(&mut self, now: Monotonic, process: usize, ticket: Ticket) -> Checked {
        self.answer(now, (process, ticket))?;
        self.process_mut(process).is_closed = true;
        let silent = |held: &&Held| held.process == process && held.span.is_some() && !held.is_over;
        match self.sessions.iter().find(silent) {
            None => Ok(()),
            Some(held) => Err(format!(
                "W8: process {process} closed and said nothing of session {} of {}",
                held.id,
                self.at(held.key).entry
            )),
        }
    }
}
