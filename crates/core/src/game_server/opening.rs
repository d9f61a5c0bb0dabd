//! The opening of one record: reading it, waiting for it, claiming it.
//!
//! ```text
//!   read ─► free? ─► grant ─► a session
//!     ▲       │ no
//!     │       ├─► its holder may be dead: watch, declare, read again
//!     └─poll──┴─► put mail that asks for it
//! ```
//!
//! A grant whose answer is lost is sent again with its id, and recognises its own success. One that
//! nobody waits for any more is released.

mod grant;

use std::sync::Arc;
use std::time::Duration;

use crate::game_server::calls::Owner;
use crate::game_server::{
    Claim, Effects, Event, GameServer, Hint, HintKind, OpenRequest, Priority, SessionHandle,
    Ticket, Timer, finish,
};
use crate::id::EntryId;
use crate::outcome::Outcome;
use crate::platform::PlatformError;
use crate::presence::{Judge, Verdict, Watch};
use crate::record::{
    Fence, How, Lease, LeaseMode, MailBody, MailKind, PresenceBody, PresenceOutcome, PresenceState,
    RECORD_FORMAT, RecordCommand, RecordView, StoredPresence, With,
};
use crate::session::OpenError;
use crate::time::Monotonic;
use grant::Grant;

/// A record that is being opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) request: OpenRequest,
    deadline: Monotonic,
    stage: Stage,
    watch: Option<Watch>,
    /// Under which fence its holder was last asked, and when for the first and the last time.
    asked: Option<(Fence, Monotonic, Monotonic)>,
    /// Who has it, as far as is known.
    held: Option<OpenError>,
    /// What went wrong last.
    trouble: Option<OpenError>,
    /// A grant that was sent, and of which nobody knows yet whether it was committed.
    grant: Option<Box<Grant>>,
    /// Whether there may be operations that its grant does not tell of.
    pub(super) has_work: bool,
    /// Its place in the list of timers.
    pub(super) timer: Option<Monotonic>,
}

/// Where an opening stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It goes on at this time.
    Pausing(Monotonic),
    /// The record is being read.
    Reading,
    /// The holder is being declared dead.
    Declaring,
    /// The grant is out.
    Granting,
}

impl GameServer {
    /// Begins to open a record. Answered by [`Event::Opened`] or [`Event::OpenFailed`].
    pub fn open(&mut self, now: crate::Now, request: OpenRequest, out: &mut Effects) -> Ticket {
        let now = self.tick(now, out);
        let ticket = self.new_ticket();
        let entry = request.entry.clone();
        let refused = if self.is_closing() {
            Some(OpenError::Closed)
        } else if self.table.find(&entry).is_some() || self.opening_of.contains_key(&entry) {
            Some(OpenError::AlreadyOpen { entry: entry.clone() })
        } else {
            None
        };
        if let Some(error) = refused {
            out.events.push(Event::OpenFailed { ticket, error });
            return ticket;
        }
        let opening = Opening {
            request,
            deadline: now.saturating_add(self.settings.open_timeout),
            stage: Stage::Pausing(now),
            watch: None,
            asked: None,
            held: None,
            trouble: None,
            grant: None,
            has_work: false,
            timer: None,
        };
        self.opening_of.insert(entry, ticket);
        self.openings.insert(ticket, opening);
        self.step_opening(now, ticket, out);
        finish(out);
        ticket
    }

    /// Gives an opening up. If it was granted, it is released.
    pub fn cancel_open(&mut self, now: crate::Now, ticket: Ticket, out: &mut Effects) {
        let now = self.tick(now, out);
        if let Some(opening) = self.openings.get(&ticket) {
            let entry = opening.request.entry.clone();
            self.fail_opening(now, ticket, OpenError::Cancelled { entry }, out);
        }
        finish(out);
    }

    /// Does what is due for an opening.
    pub(super) fn step_opening(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let is_live = self.presence.is_live(now);
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        if now >= opening.deadline {
            let error = opening.failure();
            return self.fail_opening(now, ticket, error, out);
        }
        let wake = match opening.stage {
            // What is out ends by itself.
            Stage::Reading | Stage::Declaring | Stage::Granting => opening.deadline,
            Stage::Pausing(until) if now < until => until.min(opening.deadline),
            // Becoming live goes on with every opening.
            Stage::Pausing(_) if !is_live => opening.deadline,
            Stage::Pausing(_) => {
                let wake = opening.deadline;
                self.go_on(now, ticket, out);
                wake
            }
        };
        self.set_timer(Timer::Opening(ticket), Some(wake));
    }

    /// Sends what an opening needs next: its grant again, or a look at the record.
    fn go_on(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        let command = if let Some(grant) = &opening.grant {
            opening.stage = Stage::Granting;
            Arc::clone(&grant.write)
        } else {
            opening.stage = Stage::Reading;
            // Who waits needs no data, until the record is free.
            let with = if opening.held.is_some() { With::DataIfFree } else { With::Data };
            Arc::new(RecordCommand::Read { entry: opening.request.entry.clone(), with })
        };
        self.send(now, Owner::Opening(ticket), Priority::Open, command, out);
    }

    /// The record may be free: a pause is over.
    pub(super) fn hurry_opening(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        if let Some(opening) = self.openings.get_mut(&ticket)
            && let Stage::Pausing(_) = opening.stage
        {
            opening.stage = Stage::Pausing(now);
        }
        self.step_opening(now, ticket, out);
    }

    /// Goes on after a while.
    fn pause_opening(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let until = now.saturating_add(self.settings.poll_every);
        if let Some(opening) = self.openings.get_mut(&ticket) {
            opening.stage = Stage::Pausing(until);
        }
        self.step_opening(now, ticket, out);
    }

    /// No answer came to what was out.
    pub(super) fn on_opening_silence(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        if let Some(opening) = self.openings.get_mut(&ticket) {
            opening.watch = None;
        }
        self.pause_opening(now, ticket, out);
    }

    /// The store refused to read or write.
    pub(super) fn on_opening_error(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        error: PlatformError,
        out: &mut Effects,
    ) {
        if error.kind().retry_can_help() {
            if let Some(opening) = self.openings.get_mut(&ticket) {
                opening.trouble = Some(error.into());
                opening.watch = None;
            }
            self.calls.note_failure(now);
            self.pause_opening(now, ticket, out);
        } else {
            self.fail_opening(now, ticket, error.into(), out);
        }
    }

    /// A record was read for an opening.
    pub(super) fn on_opening_view(
        &mut self,
        now: Monotonic,
        sent_at: Monotonic,
        ticket: Ticket,
        view: &RecordView,
        out: &mut Effects,
    ) {
        let flaws = self.flaws;
        let (me, is_live) = (self.presence.id(), self.presence.is_live(now));
        let last_unanswered = self.calls.last_unanswered();
        let settings = Arc::clone(&self.settings);
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        if let Some(record) = &view.record
            && record.body.format != RECORD_FORMAT
        {
            let (entry, format) = (view.entry.clone(), record.body.format);
            return self.fail_opening(now, ticket, OpenError::UnknownFormat { entry, format }, out);
        }
        let judge =
            Judge { now, me, is_live, last_unanswered, sent_at, settings: &settings, flaws };
        match judge.judge(view, &mut opening.watch) {
            Verdict::Free => self.on_free(now, ticket, view, How::Taken, out),
            Verdict::Declare(presence) => self.declare(now, ticket, view, &presence, out),
            Verdict::Held => self.on_held(now, ticket, view, out),
        }
    }

    fn on_free(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        view: &RecordView,
        how: How,
        out: &mut Effects,
    ) {
        if !self.presence.is_live(now) {
            return self.pause_opening(now, ticket, out);
        }
        if let Some(base) = view.base() {
            return self.claim(now, ticket, view, base, how, out);
        }
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        opening.stage = Stage::Reading;
        let command = RecordCommand::Read { entry: view.entry.clone(), with: With::Data };
        self.send(now, Owner::Opening(ticket), Priority::Open, Arc::new(command), out);
    }

    fn declare(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        view: &RecordView,
        presence: &StoredPresence,
        out: &mut Effects,
    ) {
        let write_id = self.new_write_id();
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        let Some(holder) = &view.holder else { return };
        opening.stage = Stage::Declaring;
        let PresenceBody { seq, home, address, .. } = presence.body.clone();
        let seq = seq.saturating_add(1);
        let body = PresenceBody { state: PresenceState::Dead, seq, home, address };
        let (server, base) = (holder.server, Some(presence.revision));
        let (with_mail, in_opening) = (false, Some(view.opening));
        let command =
            RecordCommand::WritePresence { server, base, body, write_id, with_mail, in_opening };
        self.send(now, Owner::Opening(ticket), Priority::Presence, Arc::new(command), out);
    }

    /// The holder was declared dead, or was not.
    pub(super) fn on_declared(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        outcome: &PresenceOutcome,
        out: &mut Effects,
    ) {
        match outcome {
            // Dead now, by this write or another: the record is read once more, and is free.
            Outcome::Committed(_) | Outcome::Refused(_) => {
                if let Some(opening) = self.openings.get_mut(&ticket) {
                    opening.stage = Stage::Pausing(now);
                    opening.held = None;
                }
                self.step_opening(now, ticket, out);
            }
            Outcome::Unknown => self.on_opening_silence(now, ticket, out),
        }
    }

    fn on_held(&mut self, now: Monotonic, ticket: Ticket, view: &RecordView, out: &mut Effects) {
        let settings = Arc::clone(&self.settings);
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        let Some(record) = &view.record else { return };
        let Some(lease) = record.body.lease else { return };
        opening.held = Some(held(view, &lease));
        let is_shown = shows_life(view, &lease, settings.presence_timeout);
        if opening.request.claim == Claim::IfFree && is_shown {
            let error = opening.failure();
            return self.fail_opening(now, ticket, error, out);
        }
        let fence = record.body.fence;
        let asked = opening.asked.filter(|(of, ..)| *of == fence);
        let is_known = !matches!(lease.mode, LeaseMode::Unknown(_));
        if let Some((_, first, _)) = asked
            && opening.request.claim == Claim::Steal
            && is_known
            && now.saturating_since(first) >= settings.watch
        {
            return self.on_free(now, ticket, view, How::Stolen, out);
        }
        if opening.request.claim == Claim::IfFree {
            return self.pause_opening(now, ticket, out);
        }
        let is_due =
            asked.is_none_or(|(.., last)| now.saturating_since(last) >= settings.renew_every);
        if is_due {
            let first = asked.map_or(now, |(_, first, _)| first);
            opening.asked = Some((fence, first, now));
        }
        let (to, entry) = (lease.server, view.entry.clone());
        let body = MailBody { waiter: self.presence.id(), fence, kind: MailKind::HandOff };
        // A lost hint costs one look at the record, no more.
        out.hints.push(Hint { to, entry: entry.clone(), what: HintKind::Mail(body) });
        if is_due {
            let write_id = self.new_write_id();
            let command = RecordCommand::PutMail { server: to, entry, body, write_id };
            self.send(now, Owner::Nobody, Priority::Open, Arc::new(command), out);
        }
        self.pause_opening(now, ticket, out);
    }
}

impl Opening {
    /// Why it fails when its time is over.
    fn failure(&self) -> OpenError {
        let unknown = || OpenError::OutcomeUnknown { entry: self.request.entry.clone() };
        if self.grant.is_some() {
            return unknown();
        }
        let held = self.held.clone().map(|held| held.unless_waited(self.request.claim));
        held.or_else(|| self.trouble.clone()).unwrap_or_else(unknown)
    }
}

impl OpenError {
    /// Who does not wait is told so.
    fn unless_waited(self, claim: Claim) -> Self {
        match (self, claim) {
            (Self::LockTimeout { entry, server, address, since }, Claim::IfFree) => {
                Self::ActiveLease { entry, server, address, since }
            }
            (error, Claim::IfFree | Claim::Wait | Claim::Steal) => error,
        }
    }
}

/// Whether the holder has shown lately that it lives. One that has not is watched.
fn shows_life(view: &RecordView, lease: &Lease, timeout: Duration) -> bool {
    let record = view.record.as_ref();
    let presence = view.holder.as_ref().and_then(|holder| holder.presence.as_ref());
    match (lease.mode, presence) {
        (LeaseMode::Unknown(_), _) => true,
        (LeaseMode::Timeout(lasts), _) => {
            record.is_some_and(|it| view.now.saturating_since(it.stamped_at) <= lasts)
        }
        (LeaseMode::Presence, None) => false,
        // One that lives in this opening of the store lives as long as it.
        (LeaseMode::Presence, Some(it)) if it.body.home.is_some() => true,
        (LeaseMode::Presence, Some(it)) => view.now.saturating_since(it.stamped_at) <= timeout,
    }
}

/// Who has a record.
fn held(view: &RecordView, lease: &Lease) -> OpenError {
    let presence = view.holder.as_ref().and_then(|holder| holder.presence.as_ref());
    let address = presence.map_or_else(|| "".into(), |it| Arc::clone(&it.body.address));
    let record = view.record.as_ref();
    let since = record.map(|record| lease.since.time(record.stamped_at));
    OpenError::LockTimeout { entry: view.entry.clone(), server: lease.server, address, since }
}

impl GameServer {
    /// Whether an opening of a record is under way.
    pub(super) fn is_opening(&self, entry: &EntryId) -> bool {
        self.opening_of.contains_key(entry)
    }

    /// Goes on with every opening that waits for the server to be live.
    pub(super) fn kick_openings(&mut self, now: Monotonic, out: &mut Effects) {
        let tickets: Vec<Ticket> = self.openings.keys().copied().collect();
        for ticket in tickets {
            self.step_opening(now, ticket, out);
        }
    }

    /// Marks that the record of a session must be read.
    pub(super) fn look(&mut self, handle: SessionHandle) {
        if let Some(session) = self.table.get_mut(handle) {
            session.must_look = true;
        }
    }
}
