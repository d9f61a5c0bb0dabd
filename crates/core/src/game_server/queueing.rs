//! Queueing operations: one to a record at a time, each with the time at which it was issued.
//!
//! That time is fixed before a queueing is sent first. A server that knows no time of the store asks
//! for it, in the place of the queueing.

use std::sync::Arc;

use crate::game_server::calls::Owner;
use crate::game_server::{
    Effects, Event, GameServer, Hint, HintKind, Priority, QueueRequest, Ticket, Timer, finish,
};
use crate::id::EntryId;
use crate::operation::{OperationView, QueueOperation, QueueOutcome};
use crate::outcome::Outcome;
use crate::platform::PlatformError;
use crate::record::{MailBody, MailKind, RecordCommand};
use crate::session::QueueError;
use crate::time::{Monotonic, Now, Timestamp};

/// An operation that is being queued.
#[derive(Debug)]
pub(super) struct Queueing {
    entry: EntryId,
    /// What is out: the queueing, or the question for the store's time.
    command: Arc<RecordCommand>,
    /// What is queued once that time is known. Nothing of it was sent.
    untimed: Option<Box<QueueRequest>>,
    until: Monotonic,
    /// Others to the same record go first: it was never sent.
    is_waiting: bool,
    /// When it is sent again, after the store refused to look at it.
    retry_at: Option<Monotonic>,
    failure_count: u32,
    pub(super) timer: Option<Monotonic>,
}

impl Queueing {
    /// No answer is waited for any more, after this error if there was one.
    fn given_up(&self, error: Option<PlatformError>) -> QueueError {
        if let RecordCommand::Queue(queue) = &*self.command {
            return QueueError::OutcomeUnknown { issued_at: Some(queue.issued_at) };
        }
        // It was never sent.
        QueueError::Store(error.unwrap_or_else(|| {
            let reason = "the store did not tell its time".into();
            PlatformError::Unavailable { reason }
        }))
    }

    /// Its server is over.
    pub(super) fn cut_off(&self) -> QueueError {
        if self.untimed.is_some() { QueueError::Closed } else { self.given_up(None) }
    }
}

impl GameServer {
    /// Queues an operation, to a record that is open here or anywhere, or does not exist yet.
    /// Answered by [`Event::Queued`], at the latest after `checkpoint_timeout`.
    pub fn queue(&mut self, now: Now, request: QueueRequest, out: &mut Effects) -> Ticket {
        let now = self.tick(now, out);
        let ticket = self.new_ticket();
        if self.is_closing() {
            let result = Err(QueueError::Closed);
            out.events.push(Event::Queued { ticket, result });
            return ticket;
        }
        let entry = request.entry.clone();
        let issued_at = request.issued_at.or_else(|| self.store_time.at(now));
        let (command, untimed) = if let Some(issued_at) = issued_at {
            (self.queueing(request, issued_at), None)
        } else {
            // Without a time of its own, a copy that comes late could not be told from a new one.
            let (entry, id) = (request.entry.clone(), request.id.clone());
            (RecordCommand::ReadOperation { entry, id }, Some(Box::new(request)))
        };
        let command = Arc::new(command);
        let until = now.saturating_add(self.settings.checkpoint_timeout);
        let may_go = self.lanes.entry(entry.clone()).or_default().enter(ticket);
        let (retry_at, timer, failure_count) = (None, None, 0);
        let (is_waiting, sent) = (!may_go, Arc::clone(&command));
        let queueing =
            Queueing { entry, command, untimed, until, is_waiting, retry_at, failure_count, timer };
        self.queueings.insert(ticket, queueing);
        if may_go {
            self.send(now, Owner::Queue(ticket), Priority::Operation, sent, out);
        } else {
            self.set_timer(Timer::Queueing(ticket), Some(until));
        }
        finish(out);
        ticket
    }

    fn queueing(&mut self, request: QueueRequest, issued_at: Timestamp) -> RecordCommand {
        let QueueRequest { entry, id, kind, payload, schema, is_permanent, replaces, .. } = request;
        let (from, settings) = (Some(self.presence.id()), Arc::clone(&self.operations));
        RecordCommand::Queue(Box::new(QueueOperation {
            entry,
            id,
            kind,
            payload,
            issued_at,
            schema,
            is_permanent,
            replaces,
            from,
            settings,
            write_id: self.new_write_id(),
        }))
    }

    /// The store told its time for a queueing that has none.
    pub(super) fn on_time_told(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        view: &OperationView,
        out: &mut Effects,
    ) {
        let untimed = self.queueings.get_mut(&ticket).and_then(|it| it.untimed.take());
        let Some(request) = untimed else { return };
        let command = Arc::new(self.queueing(*request, view.issue_time()));
        if let Some(queueing) = self.queueings.get_mut(&ticket) {
            queueing.command = Arc::clone(&command);
        }
        self.send(now, Owner::Queue(ticket), Priority::Operation, command, out);
    }

    /// A queueing that was sent is over, and the next one to its record goes.
    fn take_queueing(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        out: &mut Effects,
    ) -> Option<Queueing> {
        let queueing = self.queueings.remove(&ticket)?;
        self.drop_timer(Timer::Queueing(ticket), queueing.timer);
        let entry = &queueing.entry;
        let Some(lane) = self.lanes.get_mut(entry) else { return Some(queueing) };
        let mut unsent = Vec::new();
        let next = loop {
            let Some(next) = lane.advance() else { break None };
            let until = self.queueings.get(&next).map(|waiting| waiting.until);
            if until.is_some_and(|until| now < until) {
                break Some(next);
            }
            unsent.push(next);
        };
        if lane.is_idle() {
            self.lanes.remove(entry);
        }
        for late in unsent {
            self.give_up_queueing(late, out);
        }
        if let Some(next) = next
            && let Some(waiting) = self.queueings.get_mut(&next)
        {
            waiting.is_waiting = false;
            let command = Arc::clone(&waiting.command);
            self.set_timer(Timer::Queueing(next), None);
            self.send(now, Owner::Queue(next), Priority::Operation, command, out);
        }
        Some(queueing)
    }

    /// A queueing that was never sent has waited too long.
    fn give_up_queueing(&mut self, ticket: Ticket, out: &mut Effects) {
        let Some(queueing) = self.queueings.remove(&ticket) else { return };
        self.drop_timer(Timer::Queueing(ticket), queueing.timer);
        if let Some(lane) = self.lanes.get_mut(&queueing.entry) {
            lane.give_up(ticket);
        }
        let reason = "others to the same record are not done".into();
        let result = Err(QueueError::Store(PlatformError::Unavailable { reason }));
        out.events.push(Event::Queued { ticket, result });
    }

    /// What became of a queueing.
    pub(super) fn on_queued(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        outcome: QueueOutcome,
        out: &mut Effects,
    ) {
        let Some(queueing) = self.take_queueing(now, ticket, out) else { return };
        let result = match outcome {
            Outcome::Committed(queued) => {
                if let (Some((to, fence)), RecordCommand::Queue(queue)) =
                    (queued.holder, &*queueing.command)
                {
                    let entry = queue.entry.clone();
                    let body =
                        MailBody { waiter: self.presence.id(), fence, kind: MailKind::Operation };
                    if to == self.presence.id() {
                        self.on_work(now, &entry, out);
                    } else {
                        out.hints.push(Hint { to, entry, what: HintKind::Mail(body) });
                    }
                }
                Ok(queued)
            }
            Outcome::Refused(refusal) => Err(QueueError::Refused(refusal)),
            Outcome::Unknown => Err(queueing.given_up(None)),
        };
        out.events.push(Event::Queued { ticket, result });
    }

    /// No certain answer came to a queueing. It may be sent again as often as one likes: its id is
    /// queued once.
    pub(super) fn on_queue_silence(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        error: Option<PlatformError>,
        out: &mut Effects,
    ) {
        let every = self.settings.resend_every;
        let Some(queueing) = self.queueings.get_mut(&ticket) else { return };
        let can_help = error.as_ref().is_none_or(|error| error.kind().retry_can_help());
        if can_help && now < queueing.until && error.is_some() {
            // A store that answers so is not asked again at once, by everybody who waits.
            let pause = every.saturating_mul(2_u32.saturating_pow(queueing.failure_count.min(4)));
            queueing.failure_count = queueing.failure_count.saturating_add(1);
            queueing.retry_at = Some(now.saturating_add(pause).min(queueing.until));
            let wake = queueing.retry_at;
            return self.set_timer(Timer::Queueing(ticket), wake);
        }
        if can_help && now < queueing.until {
            let command = Arc::clone(&queueing.command);
            self.send(now, Owner::Queue(ticket), Priority::Operation, command, out);
            return;
        }
        let Some(queueing) = self.take_queueing(now, ticket, out) else { return };
        // It may be queued, and nobody would tell.
        self.on_work(now, &queueing.entry, out);
        let result = Err(match error {
            Some(error) if !can_help => QueueError::Store(error),
            error => queueing.given_up(error),
        });
        out.events.push(Event::Queued { ticket, result });
    }

    /// Sends a queueing again, if it is time; one that was never sent has waited too long.
    pub(super) fn step_queueing(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let Some(queueing) = self.queueings.get_mut(&ticket) else { return };
        if queueing.is_waiting {
            return self.give_up_queueing(ticket, out);
        }
        if queueing.retry_at.take().is_some() {
            let command = Arc::clone(&queueing.command);
            self.send(now, Owner::Queue(ticket), Priority::Operation, command, out);
        }
    }
}
