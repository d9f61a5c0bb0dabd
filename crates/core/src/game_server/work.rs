//! What a server does for its sessions: their writes, what the answers mean, and who is told.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::document::Document;
use crate::game_server::calls::Owner;
use crate::game_server::{
    EditRefused, Effects, Event, GameServer, Priority, SessionHandle, Ticket, Timer, finish, tell,
};
use crate::id::{EntryId, UserId, WriteId};
use crate::planted::Flaw;
use crate::record::{LeaseMode, RecordCommand, With};
use crate::row::Metadata;
use crate::session::{
    Access, Asked, Circumstances, LossReason, SaveError, Session, SessionEvent, SessionState,
    Waiter, WriteKind, ask,
};
use crate::time::{Monotonic, Now};

impl GameServer {
    /// The session of a record, if it is open.
    pub fn find(&self, entry: &EntryId) -> Option<SessionHandle> {
        self.table.find(entry)
    }

    /// A session, as long as it is not over.
    pub fn session(&self, handle: SessionHandle) -> Option<&Session> {
        self.table.get(handle)
    }

    /// All sessions that are not over, in no order that means anything.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionHandle, &Session)> {
        self.table.iter()
    }

    /// Changes what a session holds. The callback says whether it changed anything; if it fails it
    /// must have changed nothing.
    ///
    /// # Errors
    /// [`EditRefused`]; nothing is changed then.
    pub fn edit<R, E>(
        &mut self,
        now: Now,
        handle: SessionHandle,
        edit: impl FnOnce(&mut dyn Document) -> Result<(R, bool), E>,
    ) -> Result<R, EditRefused<E>> {
        let now = now.mono;
        let settings = Arc::clone(&self.settings);
        // Time may have passed that nobody has told of yet. The events go out with the next input.
        let mut late = Effects::default();
        self.expire_beliefs(now, handle, &mut late);
        self.backlog.append(&mut late.events);
        let closed = EditRefused::Access(Access::Closed);
        let Some(session) = self.table.get_mut(handle) else { return Err(closed) };
        session.check_edit(&settings).map_err(EditRefused::Access)?;
        let (result, is_changed) = edit(session.document.as_mut()).map_err(EditRefused::Edit)?;
        if is_changed {
            session.change_count += 1;
            self.note_edit(now, handle);
            let wake = self.table.get(handle).and_then(|session| session.next_wake(now));
            self.set_timer(Timer::Session(handle.slot), wake);
        }
        Ok(result)
    }

    /// Something of a session is to be saved some time.
    pub(super) fn note_edit(&mut self, now: Monotonic, handle: SessionHandle) {
        let jitter = self.rng.below(nanos(self.settings.autosave_every) / 8);
        let due = now.saturating_add(self.settings.autosave_every);
        let due = Monotonic::from_nanos(due.nanos().saturating_sub(jitter));
        let Some(session) = self.table.get_mut(handle) else { return };
        session.rest_at = Some(now.saturating_add(self.settings.rest_after));
        if session.autosave_at.is_none_or(|at| at > due) {
            session.autosave_at = Some(due);
        }
    }

    /// Changes whose data a session holds, and the attributes that stand beside it. The callback says
    /// whether it changed anything; if it fails it must have changed nothing.
    ///
    /// # Errors
    /// [`EditRefused`]; nothing is changed then.
    pub fn edit_labels<R, E>(
        &mut self,
        now: Now,
        handle: SessionHandle,
        edit: impl FnOnce(&mut Vec<UserId>, &mut Metadata) -> Result<(R, bool), E>,
    ) -> Result<R, EditRefused<E>> {
        let closed = || EditRefused::Access(Access::Closed);
        let session = self.table.get(handle).ok_or_else(closed)?;
        let (mut user_ids, mut metadata) = (session.user_ids.clone(), session.metadata.clone());
        let (result, is_changed) = edit(&mut user_ids, &mut metadata).map_err(EditRefused::Edit)?;
        // Whether it may be edited at all is the same question.
        let noted = self.edit(now, handle, |_| Ok::<_, Infallible>(((), is_changed)));
        match noted {
            Ok(()) => {}
            Err(EditRefused::Access(access)) => return Err(EditRefused::Access(access)),
            Err(EditRefused::Edit(never)) => match never {},
        }
        let session = self.table.get_mut(handle).ok_or_else(closed)?;
        (session.user_ids, session.metadata) = (user_ids, metadata);
        Ok(result)
    }

    /// Puts the data of a session back to what its entry held at this counter: the next save stores
    /// what the callback makes of it, never thins it, and takes back operations that ended since.
    ///
    /// # Errors
    /// [`EditRefused`]; nothing is changed then. [`Access::Unsettled`]: save it first.
    pub fn restore<R, E>(
        &mut self,
        now: Now,
        handle: SessionHandle,
        counter: u64,
        edit: impl FnOnce(&mut dyn Document) -> Result<(R, bool), E>,
    ) -> Result<R, EditRefused<E>> {
        let closed = || EditRefused::Access(Access::Closed);
        let session = self.table.get(handle).ok_or_else(closed)?;
        let is_open = session.joint.is_some() || !session.unsettled.is_empty();
        if session.is_settling() || is_open || session.call.is_some() {
            return Err(EditRefused::Access(Access::Unsettled));
        }
        let result = self.edit(now, handle, edit)?;
        self.note_edit(now.mono, handle);
        let session = self.table.get_mut(handle).ok_or_else(closed)?;
        session.take_back_after(counter);
        session.pinned_until = session.change_count;
        // What is being read may be from before they were stored: it would have them run again.
        if let Some(call) = session.forget_inbox_read() {
            self.calls.forget(call);
        }
        Ok(result)
    }

    /// Lets go of a record and deletes its entry, in one write. Answered by [`Event::Settled`].
    ///
    /// # Errors
    /// [`Access::Closed`]: it is over, or being released already.
    pub fn delete(
        &mut self,
        now: Now,
        handle: SessionHandle,
        out: &mut Effects,
    ) -> Result<Ticket, Access> {
        let session = self.table.get_mut(handle).ok_or(Access::Closed)?;
        if session.is_releasing {
            return Err(Access::Closed);
        }
        session.is_deleting = true;
        self.release(now, handle, out)
    }

    /// Takes what a session holds for not worth saving: unless another edit follows, or somebody asks
    /// for a checkpoint, it is lost with the session.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn mark_clean(&mut self, handle: SessionHandle) -> Result<(), Access> {
        let session = self.table.get_mut(handle).ok_or(Access::Closed)?;
        session.ignored = session.change_count;
        if !matches!(session.mode(), LeaseMode::Timeout(_)) {
            session.autosave_at = None;
        }
        Ok(())
    }

    /// Looks at what a session holds. Allowed until it is over.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn read<R>(
        &mut self,
        handle: SessionHandle,
        read: impl FnOnce(&mut dyn Document) -> R,
    ) -> Result<R, Access> {
        let session = self.table.get_mut(handle).ok_or(Access::Closed)?;
        Ok(read(session.document.as_mut()))
    }

    /// Saves what a session holds now. Answered by [`Event::Settled`] once it is durable.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn checkpoint(
        &mut self,
        now: Now,
        handle: SessionHandle,
        out: &mut Effects,
    ) -> Result<Ticket, Access> {
        let now = self.tick(now, out);
        let ticket = self.new_ticket();
        let until = now.saturating_add(self.settings.checkpoint_timeout);
        let session = self.table.get_mut(handle).ok_or(Access::Closed)?;
        let change_count = session.change_count;
        session.waiters.push(Waiter { ticket, change_count, until, for_release: false });
        session.hurry();
        self.step_session(now, handle, out);
        finish(out);
        Ok(ticket)
    }

    /// Saves what a session holds and lets go of its record, in one write. From now on it takes no
    /// edit. Answered by [`Event::Settled`].
    ///
    /// # Errors
    /// [`Access::Closed`]: it is over, or being released already.
    pub fn release(
        &mut self,
        now: Now,
        handle: SessionHandle,
        out: &mut Effects,
    ) -> Result<Ticket, Access> {
        let now = self.tick(now, out);
        let ticket = self.new_ticket();
        let until = now.saturating_add(self.settings.close_timeout);
        let session = self.table.get_mut(handle).ok_or(Access::Closed)?;
        if session.is_releasing {
            return Err(Access::Closed);
        }
        let change_count = session.change_count;
        session.waiters.push(Waiter { ticket, change_count, until, for_release: true });
        self.begin_release(now, handle, out);
        finish(out);
        Ok(ticket)
    }

    /// Plans the release of a session: from now on another server may own the record.
    pub(super) fn begin_release(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        out: &mut Effects,
    ) {
        let Some(session) = self.table.get_mut(handle) else { return };
        if session.is_releasing {
            return;
        }
        session.is_releasing = true;
        session.hurry();
        self.set_state(handle, SessionState::Releasing, out);
        self.step_session(now, handle, out);
    }

    /// Does what is due for a session, and answers whoever can be answered.
    pub(super) fn step_session(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        out: &mut Effects,
    ) {
        self.answer_waiters(now, handle, out);
        self.step_inbox(now, handle, out);
        let circumstances = Circumstances {
            now,
            server: self.presence.id(),
            is_live: self.presence.is_live(now),
            is_silent: self.calls.is_silent(),
            may_autosave: self.autosaves_out < self.settings.autosave_in_flight_max,
        };
        let Some(session) = self.table.get_mut(handle) else { return };
        if session.rest_at.is_some_and(|at| at <= now) {
            session.rest_at = None;
            session.rest();
        }
        let is_due = session.retry_at.is_none_or(|at| at <= now);
        if session.must_look && session.call.is_none() && is_due {
            let command =
                Arc::new(RecordCommand::Read { entry: session.entry.clone(), with: With::Data });
            let owner = Owner::Session(handle);
            let id = self.send(now, owner, Priority::Checkpoint, command, out);
            self.out_for(handle, id);
        } else if let Some(kind) = session.next_kind(circumstances)
            && self.may_write(now, handle, kind, out)
            && let Some(session) = self.table.get_mut(handle)
        {
            let rng = &mut self.rng;
            let is_asked_for = session.is_waited_for() || kind != WriteKind::Save;
            let is_settling = session.is_settling();
            let command = session.plan(kind, || WriteId(rng.next_u128()), circumstances);
            session.autosave_at = None;
            session.is_held_back = false;
            session.is_autosaving = !is_asked_for && !is_settling;
            let is_autosaving = session.is_autosaving;
            let priority = match kind {
                WriteKind::Release => Priority::Release,
                WriteKind::Adopt | WriteKind::Joint => Priority::Checkpoint,
                WriteKind::Save if is_asked_for => Priority::Checkpoint,
                WriteKind::Save if is_settling => Priority::Operation,
                WriteKind::Save => Priority::Autosave,
            };
            if is_autosaving {
                self.autosaves_out += 1;
            }
            let id = self.send(now, Owner::Session(handle), priority, command, out);
            self.out_for(handle, id);
        }
        let with_room = Circumstances { may_autosave: true, is_silent: false, ..circumstances };
        if let Some(session) = self.table.get_mut(handle)
            && session.next_kind(with_room).is_some()
            && !session.is_held_back
        {
            session.is_held_back = true;
            self.held_back.push_back(handle);
        }
        let wake = self.table.get(handle).and_then(|session| session.next_wake(now));
        self.set_timer(Timer::Session(handle.slot), wake);
    }

    /// Asks the game before a session's data is written. It may be changed by that.
    fn may_write(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        kind: WriteKind,
        out: &mut Effects,
    ) -> bool {
        let autosave_retry = self.settings.autosave_retry;
        let Some(session) = self.table.get_mut(handle) else { return false };
        let is_of_data = session.is_to_be_put() && kind != WriteKind::Adopt;
        if !is_of_data || session.would_repeat(kind) {
            return true;
        }
        let hooks = Arc::clone(&session.hooks);
        let entry = session.entry.clone();
        match ask(|| hooks.before_save(session.document.as_mut())) {
            Asked::Done(is_changed) => {
                session.change_count += u64::from(is_changed);
                true
            }
            Asked::Refused(reason) => {
                let is_last = kind == WriteKind::Release;
                let error = SaveError::Refused { reason };
                if !is_last {
                    session.retry_at = Some(now.saturating_add(autosave_retry));
                    session.autosave_at = session.retry_at;
                    let is_swallowed = session.flaws.has(Flaw::HookSwallowed);
                    let stands = session.base.record.filter(|_| is_swallowed);
                    for waiter in std::mem::take(&mut session.waiters) {
                        let (ticket, result) = (waiter.ticket, stands.ok_or(error.clone()));
                        out.events.push(Event::Settled { ticket, result });
                    }
                }
                tell(handle, &entry, SessionEvent::SaveFailed(error), out);
                is_last
            }
            Asked::Panicked => {
                self.lose(handle, LossReason::HookPanicked, None, out);
                self.release_orphan(now, entry, out);
                false
            }
        }
    }

    fn out_for(&mut self, handle: SessionHandle, id: crate::game_server::CommandId) {
        if let Some(session) = self.table.get_mut(handle) {
            session.call = Some(id);
        }
    }

    /// Goes on with saves that were held back, as far as there is room.
    pub(super) fn step_held_back(&mut self, now: Monotonic, out: &mut Effects) {
        let mut left = self.held_back.len();
        while left > 0
            && self.autosaves_out < self.settings.autosave_in_flight_max
            && !self.calls.is_silent()
            && let Some(handle) = self.held_back.pop_front()
        {
            left -= 1;
            if let Some(session) = self.table.get_mut(handle)
                && std::mem::take(&mut session.is_held_back)
            {
                self.step_session(now, handle, out);
            }
        }
    }

    /// What was out for a session is answered, or given up.
    pub(super) fn came_back(&mut self, handle: SessionHandle) {
        if let Some(session) = self.table.get_mut(handle) {
            session.call = None;
            if std::mem::take(&mut session.is_autosaving) {
                self.autosaves_out -= 1;
            }
        }
    }

    /// Nobody waits any more for what is out for a session.
    pub(super) fn forget_call(&mut self, handle: SessionHandle) {
        if let Some(call) = self.table.get(handle).and_then(|session| session.call) {
            self.calls.forget(call);
        }
        self.came_back(handle);
    }

    /// Answers those whose data is stored, and those whose time is over.
    fn answer_waiters(&mut self, now: Monotonic, handle: SessionHandle, out: &mut Effects) {
        let Some(session) = self.table.get_mut(handle) else { return };
        let (stored, may_promise) = (session.stored, session.may_promise());
        let revision = session.base.record.expect("a session follows its grant");
        let unknown = session.newest_write();
        session.waiters.retain(|waiter| {
            let is_stored = waiter.change_count <= stored && !waiter.for_release;
            let result = if is_stored && may_promise {
                Ok(revision)
            } else if waiter.until <= now {
                Err(match unknown {
                    Some(write_id) => SaveError::OutcomeUnknown { write_id },
                    None => SaveError::Unavailable { reason: "the store did not answer".into() },
                })
            } else {
                return true;
            };
            out.events.push(Event::Settled { ticket: waiter.ticket, result });
            false
        });
    }

    /// A lease with a timeout counts from the sending of its last committed write.
    pub(super) fn believe(&mut self, sent_at: Monotonic, handle: SessionHandle) {
        let (margin, autosave_every) = (self.settings.margin, self.settings.autosave_every);
        let Some(session) = self.table.get_mut(handle) else { return };
        if let LeaseMode::Timeout(timeout) = session.mode() {
            let until = sent_at.saturating_add(timeout.saturating_sub(margin));
            session.believed_until = session.believed_until.max(until);
            if session.autosave_at.is_none() {
                session.autosave_at = Some(sent_at.saturating_add(autosave_every));
            }
        }
    }

    pub(super) fn set_state(
        &mut self,
        handle: SessionHandle,
        state: SessionState,
        out: &mut Effects,
    ) {
        let Some(session) = self.table.get_mut(handle) else { return };
        if session.state != state {
            session.state = state;
            let entry = session.entry.clone();
            tell(handle, &entry, SessionEvent::State(state), out);
        }
    }
}

/// As far as 64 bits of nanoseconds go.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
