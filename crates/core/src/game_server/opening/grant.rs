//! Claiming a free record, and what becomes of the claim.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::document::Document;
use crate::game_server::opening::{Opening, Stage};
use crate::game_server::{
    Effects, Event, GameServer, OpenRequest, Ticket, Timer, store_error, tell,
};
use crate::id::{SessionId, WriteId};
use crate::outcome::Outcome;
use crate::planted::Flaw;
use crate::record::{
    Data, End, Fence, How, Lease, RECORD_FORMAT, RecordBase, RecordBody, RecordCommand,
    RecordOutcome, RecordRefusal, RecordView, RecordWrite,
};
use crate::row::{Birth, Content};
use crate::session::{OpenError, Session, SessionEvent, SessionState, SpillFate};
use crate::time::Monotonic;

/// A grant, and the session that it makes.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) write: Arc<RecordCommand>,
    write_id: WriteId,
    session: SessionId,
    body: RecordBody,
    document: Box<dyn Document>,
    content: Arc<Content>,
    /// What became of an earlier spill.
    spill: Option<SpillFate>,
    /// When it was first sent.
    sent_at: Monotonic,
}

impl GameServer {
    /// Claims a free record.
    pub(super) fn claim(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        view: &RecordView,
        base: RecordBase,
        how: How,
        out: &mut Effects,
    ) {
        let (server, mode, write_id) =
            (self.presence.id(), self.settings.mode, self.new_write_id());
        // A session of its own for each plan: a store that went back could else grant one fence twice.
        let session = SessionId(self.rng.next_u128());
        let flaws = self.flaws;
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        let record = view.record.as_ref();
        let mut spill = opening.request.spill.as_ref().map(|spill| spill.fate(base.record));
        if flaws.has(Flaw::SpillOverwritesNewer) && spill == Some(SpillFate::Stale) {
            spill = Some(SpillFate::Taken);
        }
        let stored = view.data.as_ref().and_then(|data| data.content.clone());
        let is_missing = stored.is_none();
        let (content, is_put) = match (&opening.request.spill, spill, stored) {
            (Some(bytes), Some(SpillFate::Taken), _) => (Arc::clone(&bytes.content), true),
            (_, _, Some(content)) => (content, false),
            (_, _, None) => (Arc::clone(&opening.request.defaults), is_missing),
        };
        let document = match parse(&opening.request, &content) {
            Ok(document) => document,
            Err(reason) => {
                let entry = view.entry.clone();
                let error = OpenError::InvalidData { entry, reason };
                return self.fail_opening(now, ticket, error, out);
            }
        };
        let data = if is_put {
            Data::Put { content: Arc::clone(&content), pinned: false }
        } else {
            Data::Same
        };
        let lease = Some(Lease { server, session, mode, since: Birth::ThisWrite });
        let fence = record.map_or(Fence::first(session), |record| record.body.fence.next(session));
        let save_seq = record.map_or(0, |record| record.body.save_seq);
        let schema = record.map_or(0, |record| record.body.schema);
        let format = RECORD_FORMAT;
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id };
        let displaced = record.filter(|record| record.body.lease.is_some());
        let end = displaced.map(|record| {
            let RecordBody { fence, save_seq, write_id, .. } = record.body;
            End { fence, save_seq, write_id, how }
        });
        let lost = displaced.and_then(|record| {
            Some((record.body.lease?.server, record.body.fence)).filter(|_| how == How::Stolen)
        });
        let (entry, revoked) = (view.entry.clone(), lost);
        let write = RecordWrite { entry, base, write_id, body: body.clone(), data, end, revoked };
        let write = Arc::new(RecordCommand::Write(Box::new(write)));
        let sent_at = now;
        let grant = Grant { write, write_id, session, body, document, content, spill, sent_at };
        opening.grant = Some(Box::new(grant));
        self.go_on(now, ticket, out);
    }

    /// What became of a grant.
    pub(in crate::game_server) fn on_granted(
        &mut self,
        now: Monotonic,
        sent_at: Monotonic,
        ticket: Ticket,
        outcome: RecordOutcome,
        out: &mut Effects,
    ) {
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        match outcome {
            Outcome::Committed(written) => {
                self.begin_session(now, ticket, written.base, out);
            }
            Outcome::Unknown => self.on_opening_silence(now, ticket, out),
            Outcome::Refused(RecordRefusal::Moved(view)) => {
                let sent = opening.grant.as_ref().map(|grant| grant.write_id);
                let stored = view.record.as_ref().map(|record| record.body.write_id);
                match view.base() {
                    // An earlier copy was committed.
                    Some(base) if sent.is_some() && stored == sent => {
                        self.begin_session(now, ticket, base, out);
                    }
                    Some(_) | None => {
                        // No copy of it can be committed any more: its base is gone.
                        opening.grant = None;
                        opening.stage = Stage::Reading;
                        self.on_opening_view(now, sent_at, ticket, &view, out);
                    }
                }
            }
            Outcome::Refused(refusal) => {
                let error = store_error(refusal);
                self.on_opening_error(now, ticket, error, out);
            }
        }
    }

    fn begin_session(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        base: RecordBase,
        out: &mut Effects,
    ) {
        let Some(opening) = self.openings.remove(&ticket) else { return };
        self.drop_timer(Timer::Opening(ticket), opening.timer);
        self.opening_of.remove(&opening.request.entry);
        let Opening { request, grant, .. } = opening;
        let grant = *grant.expect("a grant was sent");
        let session = grant.session;
        let is_mine = grant.body.lease.map(|lease| lease.server) == Some(self.presence.id());
        let is_active = is_mine && self.presence.is_live(now);
        let state = if is_active { SessionState::Active } else { SessionState::Suspended };
        let session = Session::granted(
            request.entry.clone(),
            session,
            state,
            grant.body,
            base,
            grant.document,
            &grant.content,
            self.flaws,
        );
        let mut session = Box::new(session);
        session.rest_at = Some(now.saturating_add(self.settings.rest_after));
        let handle = self.table.insert(session);
        self.believe(grant.sent_at, handle);
        out.events.push(Event::Opened { ticket, session: handle });
        if grant.spill == Some(SpillFate::Stale) {
            tell(handle, &request.entry, SessionEvent::SpillStale, out);
        }
        if !is_active && self.presence.is_live(now) {
            self.look(handle);
        }
        self.step_session(now, handle, out);
    }

    /// An opening is over without a session.
    pub(in crate::game_server) fn fail_opening(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        error: OpenError,
        out: &mut Effects,
    ) {
        let Some(opening) = self.openings.remove(&ticket) else { return };
        self.drop_timer(Timer::Opening(ticket), opening.timer);
        let entry = opening.request.entry;
        self.opening_of.remove(&entry);
        out.events.push(Event::OpenFailed { ticket, error });
        if opening.grant.is_some() {
            // It may have been granted, or will be: nobody would ever release it.
            self.release_orphan(now, entry, out);
        }
    }
}

/// Reads what a record holds. A callback that panics is as good as one that refuses.
fn parse(request: &OpenRequest, content: &Content) -> Result<Box<dyn Document>, Arc<str>> {
    let parse = Arc::clone(&request.parse);
    catch_unwind(AssertUnwindSafe(|| parse(&content.value)))
        .unwrap_or_else(|_| Err("the callback that reads it panicked".into()))
}
