//! Which write a session makes next, and what is in it.

use std::sync::Arc;

use crate::id::{ServerId, WriteId};
use crate::planted::Flaw;
use crate::record::{
    Data, End, Fence, How, Lease, LeaseMode, RecordBody, RecordCommand, RecordWrite,
};
use crate::row::Content;
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
        if self.is_releasing {
            return Some(WriteKind::Release);
        }
        let must_adopt = self.server() != Some(at.server) || self.must_move_fence();
        if must_adopt && at.is_live {
            return Some(WriteKind::Adopt);
        }
        if self.is_waited_for() {
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
            && ((newest.kind == kind && newest.contains == self.contained(kind))
                || self.unsettled.len() >= UNSETTLED_MAX)
        {
            return Arc::clone(&newest.command);
        }
        let write = self.write(kind, write_id(), at.server);
        let (write_id, contains) = (write.write_id, self.contained(kind));
        let command = Arc::new(RecordCommand::Write(Box::new(write)));
        let sent_at = at.now;
        let command_of = Arc::clone(&command);
        let unsettled = Unsettled { write_id, kind, contains, command: command_of, sent_at };
        self.unsettled.push(unsettled);
        if self.sent.len() >= SENT_MAX {
            self.sent.remove(0);
        }
        self.sent.push(write_id.tag());
        command
    }

    /// How many changes are stored once a write of this kind is committed.
    fn contained(&self, kind: WriteKind) -> u64 {
        match kind {
            WriteKind::Save | WriteKind::Release => self.change_count,
            // It leaves the data alone, but an earlier save may be committed in its place.
            WriteKind::Adopt => self.stored,
        }
    }

    fn write(&mut self, kind: WriteKind, write_id: WriteId, server: ServerId) -> RecordWrite {
        let RecordBody { format, schema, lease, fence, save_seq, .. } = self.body;
        let next = RecordBody { format, schema, lease, fence, save_seq, write_id };
        let moved = Fence {
            counter: fence.counter.max(self.fence_floor).saturating_add(1),
            session: self.id,
        };
        let (body, end) = match kind {
            WriteKind::Save => (RecordBody { save_seq: save_seq + 1, ..next }, None),
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
            WriteKind::Save | WriteKind::Release if self.is_dirty() || self.is_promised() => {
                Data::Put { content: self.content(), pinned: false }
            }
            WriteKind::Adopt | WriteKind::Save | WriteKind::Release => Data::Keep,
        };
        let (entry, base) = (self.entry.clone(), self.base);
        RecordWrite { entry, base, write_id, body, data, end, revoked: None }
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
        let holds_all = |write: &&Unsettled| write.contains == self.change_count;
        let after = |write: &Unsettled| self.base.record.map(|base| base.next(write.write_id));
        let stored_at = self.unsettled.iter().filter(holds_all).filter_map(after).collect();
        let (entry, base) = (self.entry.clone(), self.base.record);
        Some(Spill { entry, base, stored_at, content: self.content() })
    }

    /// Lets go of what can be made again, or is not worth its room while nobody edits.
    pub(crate) fn rest(&mut self) {
        self.document.rest();
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
        let is_pending = self.is_releasing
            || self.must_look
            || self.is_waited_for()
            || self.state == SessionState::Suspended && self.retry_at.is_some();
        let due = if self.call.is_some() {
            None
        } else if is_pending || self.autosave_at.is_some_and(|at| at <= now) {
            // It could not be sent: it is held back until then.
            self.retry_at.filter(|at| *at > now)
        } else {
            self.autosave_at.max(self.retry_at.filter(|_| self.autosave_at.is_some()))
        };
        [waiter, belief, rest, due].into_iter().flatten().min()
    }
}
