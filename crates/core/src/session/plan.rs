//! Which write a session makes next, and what is in it.

use std::sync::Arc;

use crate::id::{ServerId, WriteId};
use crate::planted::Flaw;
use crate::record::{
    Data, End, Fence, How, Lease, LeaseMode, RecordBody, RecordCommand, RecordWrite,
};
use crate::row::Content;
use crate::session::inbox::Inbox;
use crate::session::{Session, SessionState, Spill, Unsettled, Waiter, WriteKind};
use crate::time::Monotonic;

/// Writes on one base that are remembered. When there are so many, the newest is sent again.
pub(crate) const UNSETTLED_MAX: usize = 16;

/// Tags of writes that are remembered.
const SENT_MAX: usize = 64;

/// As many of them at rest: a session that is not edited takes no more room than it must.
const SENT_AT_REST_MAX: usize = 8;

/// What its server knows that a session's next write depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) now: Monotonic,
    pub(crate) server: ServerId,
    /// Whether the server believes in itself.
    pub(crate) is_live: bool,
    /// Whether the store answers nothing: only what somebody waits for is sent then.
    pub(crate) is_silent: bool,
    /// Whether a save of nobody's asking may go out.
    pub(crate) may_autosave: bool,
}

impl Session {
    /// What is to be written now, if anything is.
    pub(crate) fn next_kind(&self, at: Circumstances) -> Option<WriteKind> {
        if self.call.is_some() || self.must_look || self.retry_at.is_some_and(|due| at.now < due) {
            return None;
        }
        let must_adopt = self.server() != Some(at.server) || self.must_move_fence();
        let is_joined = self.is_joined();
        if self.is_releasing && !is_joined {
            return Some(WriteKind::Release);
        }
        if must_adopt && at.is_live && (is_joined || !self.is_releasing) {
            return Some(WriteKind::Adopt);
        }
        if is_joined && !self.flaws.has(Flaw::JointSavedApart) {
            // Its data is stored with that of the others, or not at all.
            return None;
        }
        if self.is_waited_for() {
            return Some(WriteKind::Save);
        }
        if self.is_settling() && !at.is_silent {
            return Some(WriteKind::Save);
        }
        let is_due = self.autosave_at.is_some_and(|due| due <= at.now);
        (is_due && at.may_autosave && !at.is_silent).then_some(WriteKind::Save)
    }

    /// Whether the store went back behind a fence that this session had, which no write may show
    /// again.
    pub(crate) fn must_move_fence(&self) -> bool {
        self.fence_floor > self.body.fence.counter
    }

    /// Whether somebody waits for something that is not stored.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiters.iter().any(|waiter| waiter.change_count > self.stored)
    }

    /// Whether the next write stores the data.
    pub(crate) fn is_to_be_put(&self) -> bool {
        !self.is_deleting && (self.is_dirty() || self.is_promised() || self.is_applying())
    }

    /// Whether an operation has ended whose end is not stored.
    pub(crate) fn is_settling(&self) -> bool {
        self.inbox.as_deref().is_some_and(Inbox::is_settling)
    }

    /// Whether the data holds what an operation did, whose end is not stored.
    fn is_applying(&self) -> bool {
        self.inbox.as_deref().is_some_and(Inbox::is_applying)
    }

    /// Whether a write of this kind would be one that was sent already.
    pub(crate) fn would_repeat(&self, kind: WriteKind) -> bool {
        self.unsettled.last().is_some_and(|newest| self.repeats(newest, kind))
    }

    fn repeats(&self, newest: &Unsettled, kind: WriteKind) -> bool {
        let is_same = newest.kind == kind
            && newest.contains == self.contained(kind)
            && newest.ledger == self.contained_ledger(kind);
        is_same || self.unsettled.len() >= UNSETTLED_MAX
    }

    /// Whether somebody waits for the data as it is, and it is not stored.
    fn is_promised(&self) -> bool {
        let unsaved = |waiter: &Waiter| waiter.change_count > self.stored && !waiter.for_release;
        self.waiters.iter().any(unsaved)
    }

    /// Plans a write, or takes the newest one again if that would be the same.
    pub(crate) fn plan(
        &mut self,
        kind: WriteKind,
        write_id: impl FnOnce() -> WriteId,
        at: Circumstances,
    ) -> Arc<RecordCommand> {
        if let Some(newest) = self.unsettled.last()
            && self.repeats(newest, kind)
        {
            return Arc::clone(&newest.command);
        }
        let write = self.write(kind, write_id(), at);
        let (write_id, contains) = (write.write_id, self.contained(kind));
        let ledger = self.contained_ledger(kind);
        let command = Arc::new(RecordCommand::Write(Box::new(write)));
        let sent_at = at.now;
        let command_of = Arc::clone(&command);
        self.note_sent(Unsettled {
            write_id,
            kind,
            contains,
            ledger,
            command: command_of,
            sent_at,
        });
        command
    }

    /// Remembers a write until the store has told what became of it.
    pub(crate) fn note_sent(&mut self, write: Unsettled) {
        if self.sent.len() >= SENT_MAX {
            self.sent.remove(0);
        }
        self.sent.push(write.write_id.tag());
        self.unsettled.push(write);
    }

    /// How many changes are stored once a write of this kind is committed.
    fn contained(&self, kind: WriteKind) -> u64 {
        match kind {
            WriteKind::Save | WriteKind::Release | WriteKind::Joint => self.change_count,
            // It leaves the data alone, but an earlier save may be committed in its place.
            WriteKind::Adopt => self.stored,
        }
    }

    /// How many changes of the ledger are stored once a write of this kind is committed.
    fn contained_ledger(&self, kind: WriteKind) -> u64 {
        match kind {
            WriteKind::Save | WriteKind::Release | WriteKind::Joint => self.ledger_count,
            WriteKind::Adopt => 0,
        }
    }

    fn write(&mut self, kind: WriteKind, write_id: WriteId, at: Circumstances) -> RecordWrite {
        let RecordBody { format, schema, lease, fence, save_seq, .. } = self.body;
        let (server, usage) = (at.server, self.usage(at.now));
        let next = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        let moved = Fence {
            counter: fence.counter.max(self.fence_floor).saturating_add(1),
            session: self.id,
        };
        let (body, end) = match kind {
            WriteKind::Save | WriteKind::Joint => {
                (RecordBody { save_seq: save_seq + 1, ..next }, None)
            }
            WriteKind::Release => {
                let save_seq = save_seq + 1;
                let end = End { fence, save_seq, write_id, how: How::Released };
                (RecordBody { lease: None, fence: moved, save_seq, ..next }, Some(end))
            }
            WriteKind::Adopt => {
                let lease = lease.map(|lease| Lease { server, ..lease });
                (RecordBody { lease, fence: moved, ..next }, None)
            }
        };
        let data = match kind {
            WriteKind::Release if self.flaws.has(Flaw::ReleaseWithoutFinalSave) => Data::Keep,
            WriteKind::Release if self.is_deleting => Data::Delete,
            WriteKind::Save | WriteKind::Release if self.is_to_be_put() => {
                let pinned = self.pinned_until > self.stored;
                Data::Put { content: self.content(), pinned }
            }
            WriteKind::Adopt | WriteKind::Save | WriteKind::Release | WriteKind::Joint => {
                Data::Keep
            }
        };
        let (entry, base) = (self.entry.clone(), self.base);
        // Who adopts has missed what the server was told under its earlier id.
        let (ledger, inbox_max) = match kind {
            WriteKind::Adopt => (None, Some(self.operations.process_max)),
            WriteKind::Save | WriteKind::Release | WriteKind::Joint => {
                (self.ledger_write(&self.operations), None)
            }
        };
        RecordWrite { entry, base, write_id, body, data, end, revoked: None, ledger, inbox_max }
    }

    /// What it holds, as it is stored.
    pub(crate) fn content(&mut self) -> Arc<Content> {
        let (user_ids, metadata) = (self.user_ids.clone(), self.metadata.clone());
        Arc::new(Content { value: self.document.encode(), user_ids, metadata })
    }

    /// What is not certainly stored, for the time after this session.
    pub(crate) fn spill(&mut self) -> Option<Spill> {
        if !self.is_dirty() {
            return None;
        }
        let applied = self.inbox.as_deref().map_or(0, Inbox::applied_until);
        let holds_all =
            |write: &&Unsettled| write.contains == self.change_count && write.ledger >= applied;
        let after = |write: &Unsettled| self.base.record.map(|base| base.next(write.write_id));
        let stored_at = self.unsettled.iter().filter(holds_all).filter_map(after).collect();
        let (entry, base, schema) = (self.entry.clone(), self.base.record, self.body.schema);
        let undo_after = self.undo_after.map(|(_, counter)| counter);
        let settled = self.inbox.as_deref().map(Inbox::settling).unwrap_or_default();
        Some(Spill { entry, base, stored_at, schema, content: self.content(), settled, undo_after })
    }

    /// Lets go of what can be made again, or is not worth its room while nobody edits.
    pub(crate) fn rest(&mut self) {
        self.document.rest();
        self.rest_inbox();
        let old = self.sent.len().saturating_sub(SENT_AT_REST_MAX);
        self.sent.drain(..old);
        self.sent.shrink_to_fit();
    }

    /// Whether the session may say that something is durable.
    pub(crate) fn may_promise(&self) -> bool {
        matches!(self.state, SessionState::Active | SessionState::Releasing)
    }

    /// Whether it cannot show that nobody has its record.
    pub(crate) fn is_in_doubt(&self, now: Monotonic, is_server_doubtful: bool) -> bool {
        match self.mode() {
            LeaseMode::Timeout(_) => {
                now >= self.believed_until && !self.flaws.has(Flaw::PauseResumes)
            }
            LeaseMode::Presence | LeaseMode::Unknown(_) => is_server_doubtful,
        }
    }

    pub(crate) fn newest_write(&self) -> Option<WriteId> {
        self.unsettled.last().map(|write| write.write_id)
    }

    /// Somebody waits now: a pause after a failure is over.
    pub(crate) fn hurry(&mut self) {
        self.failure_count = 0;
        self.retry_at = None;
    }

    /// When something is due for it.
    pub(crate) fn next_wake(&self, now: Monotonic) -> Option<Monotonic> {
        let waiter = self.waiters.iter().map(|waiter| waiter.until).min();
        let belief = (self.state == SessionState::Active
            && matches!(self.mode(), LeaseMode::Timeout(_)))
        .then_some(self.believed_until);
        let rest = self.rest_at;
        let inbox = self.inbox.as_deref().filter(|_| self.state == SessionState::Active);
        let operation = inbox.and_then(|inbox| inbox.next_wake(&self.operations));
        let is_pending = self.is_releasing
            || self.must_look
            || self.is_waited_for()
            || self.is_settling()
            || self.state == SessionState::Suspended && self.retry_at.is_some();
        let due = if self.call.is_some() {
            None
        } else if is_pending || self.autosave_at.is_some_and(|at| at <= now) {
            // It could not be sent: it is held back until then.
            self.retry_at.filter(|at| *at > now)
        } else {
            self.autosave_at.max(self.retry_at.filter(|_| self.autosave_at.is_some()))
        };
        [waiter, belief, rest, operation, due].into_iter().flatten().min()
    }
}
