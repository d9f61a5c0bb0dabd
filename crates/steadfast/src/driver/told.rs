//! What the store's own events say of what happens to its game server.

use std::sync::Arc;

use steadfast_core::game_server::{Event, SessionHandle};
use steadfast_core::operation::{Death, OperationStatus, Settlement};
use steadfast_core::session::{OpenError, SaveError, SessionEvent, SessionState};
use steadfast_core::{Code, EntryId, ErrorKind, Monotonic, Now};

use super::State;
use crate::signals::StoreEvent;

impl State {
    /// Counts an event, and tells it to whoever listens to the store.
    pub(super) fn watch(&self, now: Now, event: &Event) {
        let now = now.mono;
        match event {
            Event::Opened { ticket, session } => {
                let Some((entry, asked_at)) = self.opening(*ticket) else { return };
                self.monitor.opened(now.saturating_since(asked_at), true);
                let (entry, session) = (entry.clone(), session.id);
                self.monitor.tell(StoreEvent::SessionOpened { entry, session }, now);
            }
            Event::OpenFailed { ticket, error } => {
                let Some((entry, asked_at)) = self.opening(*ticket) else { return };
                self.monitor.opened(now.saturating_since(asked_at), false);
                if !matches!(error, OpenError::Closed | OpenError::Cancelled { .. }) {
                    self.note_error(entry, error.code(), error, now);
                }
            }
            Event::Queued { ticket, result } => {
                let Some(queueing) = self.queueings.get(ticket) else { return };
                match result {
                    Ok(queued) if queued.is_new => {
                        let (entry, operation) = (queueing.entry.clone(), queueing.id.clone());
                        let kind = queueing.kind.clone();
                        let event = StoreEvent::OperationQueued { entry, operation, kind };
                        self.monitor.tell(event, now);
                    }
                    Ok(_) => {}
                    Err(error) => self.note_error(&queueing.entry, error.code(), error, now),
                }
            }
            Event::Session { session, entry, event } => {
                self.watch_session(now, *session, entry, event);
            }
            Event::Settled { .. }
            | Event::Operation { .. }
            | Event::Server(_)
            | Event::Closed { .. } => {}
        }
    }

    fn watch_session(
        &self,
        now: Monotonic,
        session: SessionHandle,
        entry: &EntryId,
        event: &SessionEvent,
    ) {
        match event {
            SessionEvent::SaveFailed(error) => {
                self.monitor.save_failed();
                // What a hook refuses is the game's own decision.
                if !matches!(error, SaveError::Refused { .. }) {
                    self.note_error(entry, error.code(), error, now);
                }
            }
            SessionEvent::Released => self.closed(now, session, entry, SessionState::Released),
            SessionEvent::Lost { reason, .. } => {
                self.monitor.lost();
                let code = reason.code();
                let message = format!("the session was lost: {reason:?}");
                self.note_error(entry, code, &message, now);
                self.closed(now, session, entry, SessionState::LeaseLost);
            }
            SessionEvent::OperationEnded(settlement) => {
                self.monitor.tell(end_of(entry.clone(), settlement), now);
            }
            SessionEvent::OperationRetried { operation, tries, error } => {
                let (entry, operation) = (entry.clone(), operation.clone());
                let (tries, error) = (*tries, Arc::clone(error));
                let event = StoreEvent::OperationRetried { entry, operation, tries, error };
                self.monitor.tell(event, now);
            }
            SessionEvent::State(_)
            | SessionEvent::Saved { .. }
            | SessionEvent::OperationRun { .. }
            | SessionEvent::WentBack
            | SessionEvent::HandOffRequested { .. }
            | SessionEvent::SchemaAhead { .. }
            | SessionEvent::SpillStale => {}
        }
    }

    fn closed(&self, now: Monotonic, session: SessionHandle, entry: &EntryId, state: SessionState) {
        let (entry, session) = (entry.clone(), session.id);
        self.monitor.tell(StoreEvent::SessionClosed { entry, session, state }, now);
    }

    /// An error, unless it only says that the request itself was wrong, that another server has the
    /// record, or that the record is full: no store gets worse by that.
    fn note_error(
        &self,
        entry: &EntryId,
        code: Code,
        error: &impl std::fmt::Display,
        now: Monotonic,
    ) {
        let is_of_store = match code.kind() {
            ErrorKind::Fenced
            | ErrorKind::Exhausted
            | ErrorKind::Unavailable
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Corrupt
            | ErrorKind::Internal => {
                !matches!(code, Code::LockTimeout | Code::LedgerFull | Code::InboxFull)
            }
            ErrorKind::Invalid | ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Conflict => {
                false
            }
        };
        if is_of_store {
            let (entry, message) = (entry.clone(), error.to_string().into());
            self.monitor.tell(StoreEvent::Error { entry, code, message }, now);
        }
    }
}

fn end_of(entry: EntryId, settlement: &Settlement) -> StoreEvent {
    let (operation, kind) = (settlement.id().clone(), settlement.body.kind.clone());
    let error = || settlement.error.clone().unwrap_or_default();
    match settlement.status {
        OperationStatus::Applied => StoreEvent::OperationApplied { entry, operation, kind },
        OperationStatus::Cancelled => {
            StoreEvent::OperationCancelled { entry, operation, kind, reason: error() }
        }
        OperationStatus::Failed => {
            let code = settlement.death.map_or(Code::HandlerFailed, Death::code);
            StoreEvent::OperationFailed { entry, operation, kind, code, error: error() }
        }
    }
}
