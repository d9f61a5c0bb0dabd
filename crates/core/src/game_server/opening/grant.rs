//! Claiming a free record, and what becomes of the claim.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::game_server::opening::{Opening, Stage};
use crate::game_server::{
    Effects, Event, GameServer, OpenRequest, Ticket, Timer, store_error, tell,
};
use crate::id::{SessionId, WriteId};
use crate::operation::{InboxPage, LedgerWrite};
use crate::outcome::Outcome;
use crate::planted::{Flaw, Flaws};
use crate::record::{
    Data, End, Fence, How, Lease, RECORD_FORMAT, RecordBase, RecordBody, RecordCommand,
    RecordOutcome, RecordRefusal, RecordView, RecordWrite, Usage,
};
use crate::row::{Birth, Content};
use crate::schema::{LoadChange, LoadError, LoadWarning, Loaded, Stored};
use crate::session::{
    Asked, OpenError, Session, SessionEvent, SessionState, SpillFate, Wiring, ask,
};
use crate::time::{Monotonic, Timestamp};

/// A grant, and the session that it makes.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) write: Arc<RecordCommand>,
    write_id: WriteId,
    session: SessionId,
    body: RecordBody,
    loaded: Loaded,
    content: Arc<Content>,
    /// What became of an earlier spill.
    spill: Option<SpillFate>,
    /// When it was first sent.
    sent_at: Monotonic,
}

impl Opening {
    /// Its grant was committed then. Saves say so from now on: a lease begins with its grant.
    fn date_grant(&mut self, stamped_at: Timestamp) {
        if let Some(lease) = self.grant.as_mut().and_then(|grant| grant.body.lease.as_mut()) {
            lease.since = Birth::At(stamped_at);
        }
    }
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
        let Plan { loaded, content, data, spill } = match plan(&opening.request, view, flaws) {
            Ok(plan) => plan,
            Err(error) => {
                let entry = view.entry.clone();
                return self.fail_opening(now, ticket, OpenError::Data { entry, error }, out);
            }
        };
        let lease = Some(Lease { server, session, mode, since: Birth::ThisWrite });
        let fence = record.map_or(Fence::first(session), |record| record.body.fence.next(session));
        let save_seq = record.map_or(0, |record| record.body.save_seq);
        let (format, schema) = (RECORD_FORMAT, loaded.schema);
        let usage = usage_of(&opening.request, view);
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        let displaced = record.filter(|record| record.body.lease.is_some());
        let end = displaced.map(|record| {
            let RecordBody { fence, save_seq, write_id, .. } = record.body;
            End { fence, save_seq, write_id, how }
        });
        let lost = displaced.and_then(|record| {
            Some((record.body.lease?.server, record.body.fence)).filter(|_| how == How::Stolen)
        });
        // What an earlier session applied and could not store is stored with its bytes.
        let (settled, undo_after) = match (&opening.request.spill, spill) {
            (Some(bytes), Some(SpillFate::Taken)) => (bytes.settled.clone(), bytes.undo_after),
            _ => (Vec::new(), None),
        };
        let ledger = (!settled.is_empty() || undo_after.is_some()).then(|| {
            let settings = Arc::clone(&self.operations);
            Box::new(LedgerWrite { settled, tried: vec![], undo_after, rebuild: false, settings })
        });
        let inbox_max = Some(self.operations.process_max);
        let (entry, revoked) = (view.entry.clone(), lost);
        let write = RecordWrite {
            entry,
            base,
            write_id,
            body: body.clone(),
            data,
            end,
            revoked,
            ledger,
            inbox_max,
        };
        let write = Arc::new(RecordCommand::Write(Box::new(write)));
        let sent_at = now;
        let grant = Grant { write, write_id, session, body, loaded, content, spill, sent_at };
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
                opening.date_grant(written.stamped_at);
                self.begin_session(now, ticket, written.base, written.inbox, out);
            }
            Outcome::Unknown => self.on_opening_silence(now, ticket, out),
            Outcome::Refused(RecordRefusal::Moved(view)) => {
                let sent = opening.grant.as_ref().map(|grant| grant.write_id);
                let stored = view.record.as_ref().map(|record| record.body.write_id);
                match view.base() {
                    // An earlier copy was committed.
                    Some(base) if sent.is_some() && stored == sent => {
                        if let Some(record) = &view.record {
                            opening.date_grant(record.stamped_at);
                        }
                        self.begin_session(now, ticket, base, None, out);
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
        inbox: Option<InboxPage>,
        out: &mut Effects,
    ) {
        let Some(opening) = self.openings.get_mut(&ticket) else { return };
        let (entry, hooks) = (opening.request.entry.clone(), Arc::clone(&opening.request.hooks));
        let grant = opening.grant.as_mut().expect("a grant was sent");
        let refused: Arc<str> = match ask(|| hooks.after_load(grant.loaded.document.as_mut())) {
            Asked::Done(is_changed) => {
                return self.install_session(now, ticket, base, inbox, is_changed, out);
            }
            Asked::Refused(reason) => reason,
            Asked::Panicked => "a hook panicked".into(),
        };
        let error = OpenError::Data { entry, error: LoadError::Refused { reason: refused } };
        self.fail_opening(now, ticket, error, out);
    }

    fn install_session(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        base: RecordBase,
        inbox: Option<InboxPage>,
        is_changed: bool,
        out: &mut Effects,
    ) {
        let Some(opening) = self.openings.remove(&ticket) else { return };
        self.drop_timer(Timer::Opening(ticket), opening.timer);
        self.opening_of.remove(&opening.request.entry);
        let Opening { request, grant, has_work, .. } = opening;
        let grant = *grant.expect("a grant was sent");
        let session = grant.session;
        let is_mine = grant.body.lease.map(|lease| lease.server) == Some(self.presence.id());
        let is_active = is_mine && self.presence.is_live(now);
        let state = if is_active { SessionState::Active } else { SessionState::Suspended };
        let wiring = Wiring {
            handlers: request.handlers,
            operations: Arc::clone(&self.operations),
            hooks: request.hooks,
            flaws: self.flaws,
        };
        let session = Session::granted(
            request.entry.clone(),
            session,
            state,
            grant.body,
            base,
            grant.loaded.document,
            &grant.content,
            wiring,
        );
        let mut session = Box::new(session);
        session.rest_at = Some(now.saturating_add(self.settings.rest_after));
        if request.is_play {
            session.begin_play(now);
        }
        match inbox {
            Some(page) => session.take_inbox(now, page),
            None => session.inbox_mut().must_read = true,
        }
        if has_work {
            session.inbox_mut().must_read = true;
        }
        session.change_count += u64::from(is_changed);
        let handle = self.table.insert(session);
        if is_changed {
            self.note_edit(now, handle);
        }
        self.believe(grant.sent_at, handle);
        out.events.push(Event::Opened { ticket, session: handle });
        if grant.spill == Some(SpillFate::Stale) {
            tell(handle, &request.entry, SessionEvent::SpillStale, out);
        }
        for LoadWarning::SchemaAhead { stored, known } in grant.loaded.warnings {
            tell(handle, &request.entry, SessionEvent::SchemaAhead { stored, known }, out);
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

/// How the record was used, once this opening has it. What a holder before did since its last write
/// is not known, and is not counted.
fn usage_of(request: &OpenRequest, view: &RecordView) -> Usage {
    let before = view.record.as_ref().map(|record| record.body.usage).unwrap_or_default();
    if request.is_play { Usage { last_login: Some(view.now), ..before } } else { before }
}

/// What a session begins with, and what its grant stores of that.
struct Plan {
    loaded: Loaded,
    content: Arc<Content>,
    data: Data,
    spill: Option<SpillFate>,
}

/// Reads what a record holds: the spill of an earlier session, or what is stored, or the defaults.
fn plan(request: &OpenRequest, view: &RecordView, flaws: Flaws) -> Result<Plan, LoadError> {
    let record = view.record.as_ref();
    let mut spill =
        request.spill.as_ref().map(|spill| spill.fate(record.map(|record| record.revision)));
    if flaws.has(Flaw::SpillOverwritesNewer) && spill == Some(SpillFate::Stale) {
        spill = Some(SpillFate::Taken);
    }
    let stored = view.data.as_ref().and_then(|data| data.content.clone());
    let schema = record.map_or(0, |record| record.body.schema);
    let (content, schema, is_new, is_put) = match (&request.spill, spill, stored) {
        (Some(bytes), Some(SpillFate::Taken), _) => {
            (Arc::clone(&bytes.content), bytes.schema, false, true)
        }
        (_, _, Some(content)) => (content, schema, false, false),
        (_, _, None) => (Arc::clone(&request.defaults), schema, true, true),
    };
    let mut loaded = read(request, Stored { text: &content.value, schema, is_new }, flaws)?;
    let pinned = loaded.change == LoadChange::Migrated;
    if !is_put && (!pinned || flaws.has(Flaw::MigrationHalfApplied)) {
        return Ok(Plan { loaded, content, data: Data::Same, spill });
    }
    // In the batch of the grant: what is stored is always of the version that stands beside it.
    let (user_ids, metadata) = (content.user_ids.clone(), content.metadata.clone());
    let value = loaded.document.encode();
    let content = Arc::new(Content { value, user_ids, metadata });
    let data = Data::Put { content: Arc::clone(&content), pinned };
    Ok(Plan { loaded, content, data, spill })
}

/// Makes a document of what is stored.
fn read(request: &OpenRequest, stored: Stored<'_>, flaws: Flaws) -> Result<Loaded, LoadError> {
    let mut loaded = match parse(request, stored) {
        Err(LoadError::SchemaAhead { known, .. }) if flaws.has(Flaw::SchemaAheadOpened) => {
            parse(request, Stored { schema: known, ..stored })?
        }
        loaded => loaded?,
    };
    if loaded.change == LoadChange::Migrated && flaws.has(Flaw::MigrationStepTwice) {
        let text = loaded.document.encode();
        return parse(request, Stored { text: &text, ..stored });
    }
    Ok(loaded)
}

/// A callback that panics is as good as one that refuses.
fn parse(request: &OpenRequest, stored: Stored<'_>) -> Result<Loaded, LoadError> {
    let parse = Arc::clone(&request.parse);
    catch_unwind(AssertUnwindSafe(|| parse(stored))).unwrap_or(Err(LoadError::Panicked))
}
