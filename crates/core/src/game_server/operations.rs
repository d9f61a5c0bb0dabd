//! Durable operations: waiting for their ends, and running those of open records.
//!
//! A record that this server holds is told of work by mail, which is read with every renewal, and by
//! a message where one arrives. Then its inbox is read, the handlers change the document in memory,
//! and the next write stores data and receipts together.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::game_server::calls::Owner;
use crate::game_server::{
    Effects, Event, GameServer, Priority, SessionHandle, Ticket, Timer, finish, tell,
};
use crate::id::{EntryId, OperationId};
use crate::operation::{
    InboxPage, OperationView, ReceiptBody, ReceiptState, Receipted, Settlement,
};
use crate::planted::Flaw;
use crate::platform::PlatformError;
use crate::record::RecordCommand;
use crate::row::Birth;
use crate::session::{AwaitError, Ran, Session, SessionEvent, SessionState, Stored};
use crate::time::{Monotonic, Now};

/// Somebody who wants to know how an operation ends.
#[derive(Debug)]
pub(super) struct Awaiting {
    entry: EntryId,
    id: OperationId,
    /// One that has not ended by then is told as it stands.
    until: Monotonic,
    /// When it is asked for next; nothing while it is.
    next_at: Option<Monotonic>,
    trouble: Option<PlatformError>,
    pub(super) timer: Option<Monotonic>,
}

impl GameServer {
    /// Waits until an operation has ended, or for so long: none at all tells how it stands. Answered
    /// by [`Event::Operation`].
    pub fn await_operation(
        &mut self,
        now: Now,
        (entry, id): (EntryId, OperationId),
        patience: std::time::Duration,
        out: &mut Effects,
    ) -> Ticket {
        let now = self.tick(now, out);
        let ticket = self.new_ticket();
        let until = now.saturating_add(patience);
        let name = (entry.clone(), id.clone());
        self.awaiting_of.entry(name).or_default().insert(ticket);
        let (next_at, timer, trouble) = (Some(now), None, None);
        self.awaiting.insert(ticket, Awaiting { entry, id, until, next_at, trouble, timer });
        self.step_awaiting(now, ticket, out);
        finish(out);
        ticket
    }

    /// Nobody waits for the end of an operation any more.
    pub fn cancel_await(&mut self, ticket: Ticket) {
        self.forget_awaiting(ticket);
    }

    /// Reads the operations of an open record now, without being told that there are any.
    pub fn process_operations(&mut self, now: Now, handle: SessionHandle, out: &mut Effects) {
        let now = self.tick(now, out);
        self.note_work(now, handle, out);
        finish(out);
    }

    /// There may be work for a record, if it is open here.
    pub(super) fn on_work(&mut self, now: Monotonic, entry: &EntryId, out: &mut Effects) {
        if let Some(handle) = self.table.find(entry) {
            self.note_work(now, handle, out);
        } else if let Some(ticket) = self.opening_of.get(entry)
            && let Some(opening) = self.openings.get_mut(ticket)
        {
            // Its grant may have been committed, and the inbox been read, before.
            opening.has_work = true;
        }
    }

    fn note_work(&mut self, now: Monotonic, handle: SessionHandle, out: &mut Effects) {
        if let Some(session) = self.table.get_mut(handle) {
            let inbox = session.inbox_mut();
            inbox.must_read = true;
            inbox.from_start |= inbox.has_waiting();
            self.step_session(now, handle, out);
        }
    }

    /// Runs what is due of a session's operations, and reads more of them.
    pub(super) fn step_inbox(&mut self, now: Monotonic, handle: SessionHandle, out: &mut Effects) {
        let settings = Arc::clone(&self.operations);
        loop {
            let Some(session) = self.table.get_mut(handle) else { return };
            let may_run = session.state() == SessionState::Active || runs_suspended(session);
            if session.inbox.is_none() || !may_run {
                return;
            }
            let handlers = Arc::clone(&session.handlers);
            if handlers.is_idle() {
                return;
            }
            let Some(ran) = session.run_operation(now, &handlers, &settings) else { break };
            let entry = session.entry.clone();
            match ran {
                Ran::Applied(settlement, changes) => {
                    session.hooks.on_operation(&settlement, &changes);
                    self.note_edit(now, handle);
                    let event = SessionEvent::OperationRun { settlement, changes };
                    tell(handle, &entry, event, out);
                }
                Ran::Retried { operation, tries, error } => {
                    let event = SessionEvent::OperationRetried { operation, tries, error };
                    tell(handle, &entry, event, out);
                    self.note_edit(now, handle);
                }
                Ran::Ended => {}
            }
        }
        let Some(session) = self.table.get_mut(handle) else { return };
        let Some(inbox) = session.inbox.as_deref_mut() else { return };
        if inbox.wants_page(&settings) && inbox.read_at.is_none_or(|at| at <= now) {
            inbox.must_read = false;
            let (after, limit) = (inbox.cursor(), settings.process_max);
            let entry = session.entry.clone();
            let command = Arc::new(RecordCommand::ReadInbox { entry, after, limit });
            let id = self.send(now, Owner::Inbox(handle), Priority::Operation, command, out);
            if let Some(session) = self.table.get_mut(handle) {
                session.inbox_mut().call = Some(id);
            }
        }
    }

    /// The inbox of a session was read.
    pub(super) fn on_inbox(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        page: InboxPage,
        out: &mut Effects,
    ) {
        if let Some(session) = self.table.get_mut(handle) {
            session.take_inbox(now, page);
            self.step_session(now, handle, out);
        }
    }

    /// The inbox of a session could not be read.
    pub(super) fn on_inbox_silence(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        out: &mut Effects,
    ) {
        let pause = self.settings.resend_every.saturating_mul(4);
        if let Some(session) = self.table.get_mut(handle) {
            let inbox = session.inbox_mut();
            inbox.call = None;
            inbox.must_read = true;
            inbox.from_start = true;
            inbox.read_at = Some(now.saturating_add(pause));
            self.step_session(now, handle, out);
        }
    }

    /// Tells whoever waits how operations ended whose ends are stored.
    pub(super) fn tell_ends(&mut self, handle: SessionHandle, out: &mut Effects) {
        let Some(session) = self.table.get_mut(handle) else { return };
        if !session.may_promise() && !runs_suspended(session) {
            return;
        }
        let entry = session.entry.clone();
        let Some(inbox) = session.inbox.as_deref_mut() else { return };
        for stored in std::mem::take(&mut inbox.untold) {
            let (receipt, now) = (Some(receipt_of(&stored)), stored.stamped_at);
            let (view, settlement) =
                (OperationView { receipt, horizon: None, now }, stored.settlement);
            self.answer_awaiting(&entry, settlement.id(), &view, out);
            tell(handle, &entry, SessionEvent::OperationEnded(settlement), out);
        }
    }

    fn answer_awaiting(
        &mut self,
        entry: &EntryId,
        id: &OperationId,
        view: &OperationView,
        out: &mut Effects,
    ) {
        let name = (entry.clone(), id.clone());
        for ticket in self.awaiting_of.remove(&name).unwrap_or_default() {
            if let Some(awaiting) = self.awaiting.remove(&ticket) {
                self.drop_timer(Timer::Awaiting(ticket), awaiting.timer);
                out.events.push(Event::Operation { ticket, result: Ok(view.clone()) });
            }
        }
    }

    fn forget_awaiting(&mut self, ticket: Ticket) -> Option<Awaiting> {
        let awaiting = self.awaiting.remove(&ticket)?;
        self.drop_timer(Timer::Awaiting(ticket), awaiting.timer);
        let name = (awaiting.entry.clone(), awaiting.id.clone());
        if let Some(tickets) = self.awaiting_of.get_mut(&name) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.awaiting_of.remove(&name);
            }
        }
        Some(awaiting)
    }

    /// Asks for an operation that somebody waits for, if it is time.
    pub(super) fn step_awaiting(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let Some(awaiting) = self.awaiting.get_mut(&ticket) else { return };
        let wake = match awaiting.next_at {
            Some(at) if at <= now => {
                awaiting.next_at = None;
                let (entry, id) = (awaiting.entry.clone(), awaiting.id.clone());
                let command = Arc::new(RecordCommand::ReadOperation { entry, id });
                self.send(now, Owner::Await(ticket), Priority::Operation, command, out);
                None
            }
            at => at,
        };
        self.set_timer(Timer::Awaiting(ticket), wake);
    }

    /// How an operation stands that somebody waits for.
    pub(super) fn on_operation_read(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        result: Result<OperationView, PlatformError>,
        out: &mut Effects,
    ) {
        let every = self.settings.operation_poll_every;
        let Some(awaiting) = self.awaiting.get_mut(&ticket) else { return };
        let is_late = now >= awaiting.until;
        let may_help = match &result {
            // Nobody knows it: it may be on its way.
            Ok(view) => view.receipt.as_ref().is_none_or(|receipt| receipt.status().is_none()),
            Err(error) => error.kind().retry_can_help(),
        };
        if may_help && !is_late {
            awaiting.trouble = result.err();
            let next = now.saturating_add(every).min(awaiting.until);
            awaiting.next_at = Some(next);
            return self.step_awaiting(now, ticket, out);
        }
        self.forget_awaiting(ticket);
        let result = result.map_err(AwaitError::Store);
        out.events.push(Event::Operation { ticket, result });
    }

    /// No answer came about an operation that somebody waits for.
    pub(super) fn on_await_silence(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let Some(awaiting) = self.awaiting.get_mut(&ticket) else { return };
        if now < awaiting.until {
            awaiting.next_at = Some(now);
            return self.step_awaiting(now, ticket, out);
        }
        self.forget_awaiting(ticket);
        let result = Err(AwaitError::NoAnswer);
        out.events.push(Event::Operation { ticket, result });
    }

    /// The server is over: nobody is left who could be told later.
    pub(super) fn end_operations(&mut self, out: &mut Effects) {
        self.lanes.clear();
        for (ticket, queueing) in std::mem::take(&mut self.queueings) {
            self.drop_timer(Timer::Queueing(ticket), queueing.timer);
            let error = queueing.cut_off();
            out.events.push(Event::Queued { ticket, result: Err(error) });
        }
        let tickets: BTreeSet<Ticket> = self.awaiting.keys().copied().collect();
        for ticket in tickets {
            self.forget_awaiting(ticket);
            out.events.push(Event::Operation { ticket, result: Err(AwaitError::Closed) });
        }
    }
}

/// A mistake of the proof's.
fn runs_suspended(session: &Session) -> bool {
    session.state() == SessionState::Suspended && session.flaws.has(Flaw::SuspendedRunsOperations)
}

/// The receipt that was just stored.
fn receipt_of(stored: &Stored) -> ReceiptBody {
    let Stored { settlement, stamped_at, entry_counter } = stored;
    let Settlement { body, status, result, error, tries, death, is_permanent, .. } = &**settlement;
    ReceiptBody {
        hash: settlement.hash(),
        issued_at: body.issued_at,
        is_permanent: *is_permanent,
        state: ReceiptState::Full(Receipted {
            kind: body.kind.clone(),
            status: *status,
            settled: Birth::At(*stamped_at),
            entry_counter: *entry_counter,
            result: result.clone(),
            error: error.clone(),
            tries: *tries,
            death: *death,
        }),
    }
}
