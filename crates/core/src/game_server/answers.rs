//! What an answer of the store means for a session.

use std::sync::Arc;
use std::time::Duration;

use crate::game_server::{Effects, GameServer, SessionHandle, store_error, tell};
use crate::id::WriteId;
use crate::operation::InboxPage;
use crate::outcome::Outcome;
use crate::planted::Flaw;
use crate::record::{
    How, LeaseMode, RecordBase, RecordOutcome, RecordRefusal, RecordView, Written,
};
use crate::session::{
    LossReason, SaveError, SessionEvent, SessionState, Settled, Unsettled, WriteKind,
};
use crate::time::{Monotonic, Timestamp};

/// The longest pause between two tries of something that somebody waits for.
const URGENT_PAUSE_MAX: Duration = Duration::from_secs(4);

impl GameServer {
    /// What became of the write that was out.
    pub(super) fn on_session_written(
        &mut self,
        now: Monotonic,
        (sent_at, write_id): (Monotonic, WriteId),
        handle: SessionHandle,
        outcome: RecordOutcome,
        out: &mut Effects,
    ) {
        self.came_back(handle);
        let Some(session) = self.table.get(handle) else { return };
        match outcome {
            Outcome::Committed(written) => {
                let is_it = |write: &Unsettled| write.write_id == write_id;
                if let Some(index) = session.unsettled.iter().position(is_it) {
                    let Written { base, stamped_at, inbox } = written;
                    self.take_granted_inbox(now, handle, index, inbox);
                    self.on_session_committed((now, sent_at, stamped_at), handle, index, base, out);
                }
            }
            Outcome::Unknown => self.on_session_failure(now, handle, None, out),
            Outcome::Refused(RecordRefusal::Moved(view)) => {
                self.on_session_view(now, sent_at, handle, &view, out);
            }
            Outcome::Refused(refusal) => {
                let reason = store_error(refusal).to_string().into();
                self.on_session_failure(now, handle, Some(reason), out);
            }
        }
    }

    /// No answer came, or none that helps. Tried again later. What the store says that it did not
    /// write stays unsettled too: the network may have made another copy of it.
    pub(super) fn on_session_failure(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        reason: Option<Arc<str>>,
        out: &mut Effects,
    ) {
        self.came_back(handle);
        let settings = Arc::clone(&self.settings);
        let flaws = self.flaws;
        let Some(session) = self.table.get_mut(handle) else { return };
        if flaws.has(Flaw::TimeoutAsSaved) && reason.is_none() && !session.unsettled.is_empty() {
            session.stored = session.change_count;
        }
        session.failure_count = session.failure_count.saturating_add(1);
        let is_urgent = session.is_releasing
            || session.is_waited_for()
            || session.must_look
            || session.state == SessionState::Suspended;
        let pause = if is_urgent {
            let doubled =
                settings.resend_every * 2_u32.saturating_pow(session.failure_count.min(8));
            doubled.min(URGENT_PAUSE_MAX)
        } else {
            settings.autosave_retry
        };
        session.retry_at = Some(now.saturating_add(pause));
        let is_to_save = session.is_dirty() || matches!(session.mode(), LeaseMode::Timeout(_));
        if is_to_save && session.autosave_at.is_none() {
            session.autosave_at = session.retry_at;
        }
        let (entry, write_id) = (session.entry.clone(), session.newest_write());
        let error = match (reason, write_id) {
            (None, Some(write_id)) => Some(SaveError::OutcomeUnknown { write_id }),
            (Some(reason), _) => Some(SaveError::Unavailable { reason }),
            (None, None) => None,
        };
        if let Some(error) = error {
            tell(handle, &entry, SessionEvent::SaveFailed(error), out);
        }
        self.step_session(now, handle, out);
    }

    /// One of the unsettled writes is the record's last: all others never will be committed.
    pub(super) fn on_session_committed(
        &mut self,
        (now, sent_at, stamped_at): (Monotonic, Monotonic, Timestamp),
        handle: SessionHandle,
        index: usize,
        base: RecordBase,
        out: &mut Effects,
    ) {
        let (me, is_live) = (self.presence.id(), self.presence.is_live(now));
        let settings = Arc::clone(&self.settings);
        // A transaction is answered beside what is out for the session alone. The answer to that may
        // be of before, and would pass for that of a store that went back.
        self.forget_call(handle);
        let Some(session) = self.table.get_mut(handle) else { return };
        // Taken whole: most sessions have nothing to settle, and keep no room for it.
        let write = std::mem::take(&mut session.unsettled).swap_remove(index);
        // Any copy of it may be the one that was committed: its time counts from the first.
        let first_sent_at = write.sent_at;
        // Something was settled: there is no failure any more.
        session.hurry();
        let made = write.made_for(&session.entry);
        session.body = made.body.clone();
        session.fence_floor = session.fence_floor.max(session.body.fence.counter);
        session.base = base;
        session.ledger_stored(write.ledger, stamped_at);
        session.stored = session.stored.max(write.contains);
        session.must_look = false;
        let entry = session.entry.clone();
        let revision = base.record.expect("a committed write leaves a record");
        if session.is_dirty() && session.autosave_at.is_none() {
            session.autosave_at = Some(now.saturating_add(settings.autosave_every));
        }
        self.believe(first_sent_at, handle);
        self.part_settled(now, handle, (write.kind == WriteKind::Joint).then_some(revision), out);
        match write.kind {
            WriteKind::Release => {
                self.tell_ends(handle, out);
                self.end_session(handle, None, Some(revision), SessionEvent::Released, out);
                return;
            }
            WriteKind::Save | WriteKind::Joint => {
                tell(handle, &entry, SessionEvent::Saved { revision }, out);
            }
            WriteKind::Adopt => {}
        }
        // A write that names this server, and stands in the record since it is live, shows that
        // nobody took it. What was asked before, or is heard in a doubt, says nothing of the time
        // between. A lease that counts by itself needs no more than the write.
        if let Some(session) = self.table.get_mut(handle) {
            let is_mine = session.server() == Some(me);
            let by_itself = matches!(session.mode(), LeaseMode::Timeout(_));
            let is_shown = is_live && is_mine && sent_at >= self.live_since;
            session.is_compared |= is_shown || by_itself;
            if is_live || by_itself {
                self.resume(now, handle, out);
            }
        }
        self.tell_ends(handle, out);
        self.step_session(now, handle, out);
    }

    /// Who adopts its record reads its inbox with that: the answer may not tell of it.
    fn take_granted_inbox(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        index: usize,
        inbox: Option<InboxPage>,
    ) {
        let Some(session) = self.table.get_mut(handle) else { return };
        match (session.unsettled.get(index).map(|write| write.kind), inbox) {
            (_, Some(page)) => session.take_inbox(now, page),
            (Some(WriteKind::Adopt), None) => session.inbox_mut().must_read = true,
            (Some(WriteKind::Save | WriteKind::Release | WriteKind::Joint) | None, None) => {}
        }
    }

    /// A suspended session is active again, if all is as it should be.
    pub(super) fn resume(&mut self, now: Monotonic, handle: SessionHandle, out: &mut Effects) {
        let (me, is_doubtful) = (self.presence.id(), !self.presence.is_live(now));
        let Some(session) = self.table.get(handle) else { return };
        let is_whole = session.server() == Some(me)
            && session.is_compared
            && !session.must_look
            && session.fence_floor <= session.body.fence.counter;
        if session.state == SessionState::Suspended
            && is_whole
            && !session.is_in_doubt(now, is_doubtful)
        {
            self.set_state(handle, SessionState::Active, out);
            self.tell_ends(handle, out);
        }
    }

    /// The record as it stands, because a write was refused or something was in doubt.
    pub(super) fn on_session_view(
        &mut self,
        now: Monotonic,
        sent_at: Monotonic,
        handle: SessionHandle,
        view: &RecordView,
        out: &mut Effects,
    ) {
        let (is_live, flaws) = (self.presence.is_live(now), self.flaws);
        let Some(session) = self.table.get_mut(handle) else { return };
        session.must_look = false;
        match session.settle(view) {
            Settled::Committed(index) => {
                self.take_granted_inbox(now, handle, index, None);
                let at = (now, sent_at, view.now);
                self.on_session_committed(at, handle, index, whole(view), out);
            }
            Settled::Base => {
                // What was read before the server was live again says nothing of the time between.
                session.is_compared |= is_live && sent_at >= self.live_since;
                session.failure_count = 0;
                session.retry_at = Some(now.saturating_add(self.settings.resend_every));
                self.resume(now, handle, out);
                self.step_session(now, handle, out);
            }
            Settled::WentBack => {
                let record = view.record.as_ref().expect("a store that went back has a record");
                session.base = whole(view);
                session.body = record.body.clone();
                session.unsettled.clear();
                session.ledger_went_back();
                // Memory holds everything, and the store does not: all of it is saved again.
                session.change_count += 1;
                session.stored = 0;
                session.autosave_at = Some(now);
                let entry = session.entry.clone();
                if session.must_move_fence() && session.state == SessionState::Active {
                    self.set_state(handle, SessionState::Suspended, out);
                }
                tell(handle, &entry, SessionEvent::WentBack, out);
                self.step_session(now, handle, out);
            }
            Settled::Deleted => self.lose(handle, LossReason::Deleted, None, out),
            Settled::Ended { how, committed } => {
                let reason = match how {
                    // A release by somebody else for this session: its grant was thought lost.
                    How::Released | How::Edited => LossReason::Edited,
                    How::Taken => LossReason::Taken,
                    How::Stolen => LossReason::Stolen,
                };
                self.lose(handle, reason, committed, out);
            }
            Settled::Forgotten if flaws.has(Flaw::EndsGuessed) => {
                let newest = session.unsettled.len().checked_sub(1);
                self.lose(handle, LossReason::Forgotten, newest, out);
            }
            Settled::Forgotten => self.lose(handle, LossReason::Forgotten, None, out),
            Settled::Impossible(what) => {
                self.lose(handle, LossReason::Impossible(what.into()), None, out);
            }
        }
    }
}

/// What the next write is planned on. A refusal brings all of the record, and a session asks for all.
fn whole(view: &RecordView) -> RecordBase {
    view.base().expect("the record of a session is read with its data")
}
