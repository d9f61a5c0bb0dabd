//! Transactions over several sessions of this server: stored as one batch, at once.
//!
//! Each session's own record says what became of its part, since the batch is one: a transaction is
//! over once every session knows. Where one of them is lost before, the others return what was taken
//! from them, and their next save settles it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::document::{Cancel, Draft, EditError};
use crate::game_server::calls::Owner;
use crate::game_server::{
    EditRefused, Effects, Event, GameServer, Priority, SessionHandle, Ticket, Timer, finish,
};
use crate::id::Revision;
use crate::outcome::Outcome;
use crate::planted::Flaw;
use crate::record::{JointOutcome, JointRefusal, RecordCommand, RecordWrite};
use crate::session::{
    Access, JointError, LossReason, SaveError, SessionState, Unsettled, WriteKind,
};
use crate::time::{Monotonic, Now};

/// A transaction over several sessions that is not settled everywhere.
#[derive(Debug)]
pub(super) struct Joint {
    /// Those who do not know yet.
    members: BTreeSet<SessionHandle>,
    /// What was sent last.
    command: Option<Arc<RecordCommand>>,
    is_out: bool,
    /// Whether one of its sessions was lost: it is not sent any more.
    is_doomed: bool,
    failure_count: u32,
    /// What is known of it.
    known: Option<Result<Revision, SaveError>>,
    /// Whether whoever waits was told.
    is_told: bool,
    until: Monotonic,
    retry_at: Option<Monotonic>,
    pub(super) timer: Option<Monotonic>,
}

/// A session that is over, and what is known of its part.
pub(super) type LostPart = (Ticket, SessionHandle, Option<Result<Revision, SaveError>>);

impl Joint {
    fn unknown(&self) -> SaveError {
        match self.command.as_ref().and_then(|command| command.write_id()) {
            Some(write_id) => SaveError::OutcomeUnknown { write_id },
            None => SaveError::Unavailable { reason: "it was not sent".into() },
        }
    }
}

impl GameServer {
    /// Edits several sessions of this server together, and saves them at once, as one batch: all of
    /// it is stored, or nothing. What the edit takes is gone at once, what it gives is there when it
    /// is stored. Answered by [`Event::Settled`], at the revision of one of its records.
    ///
    /// Each session's hook is asked once before, about all that its record will hold then.
    ///
    /// # Errors
    /// [`EditRefused`]: nothing was changed. [`Access::Joined`]: one of them takes part in another
    /// such transaction. [`JointError::HookPanicked`]: the session of that record is over besides.
    pub fn transact<R>(
        &mut self,
        now: Now,
        handles: &[SessionHandle],
        edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
        out: &mut Effects,
    ) -> Result<(R, Ticket), EditRefused<JointError>> {
        let now = self.tick(now, out);
        let mut drafts = self.drafts_of(now, handles, out).map_err(EditRefused::Access)?;
        let cancelled = |cancel: Cancel| EditRefused::Edit(EditError::from(cancel).into());
        let answer = edit(&mut drafts).map_err(cancelled)?;
        let ticket = self.new_ticket();
        let joined = self.join_all(now, ticket, (handles, &drafts), out);
        if joined.is_ok() {
            self.begin_joint(now, ticket, handles, out);
        }
        finish(out);
        joined.map(|()| (answer, ticket)).map_err(EditRefused::Edit)
    }

    /// What different sessions hold, each as a draft.
    fn drafts_of(
        &mut self,
        now: Monotonic,
        handles: &[SessionHandle],
        out: &mut Effects,
    ) -> Result<Vec<Draft>, Access> {
        let mut drafts = Vec::with_capacity(handles.len());
        for handle in handles {
            self.expire_beliefs(now, *handle, out);
            let session = self.table.get(*handle).ok_or(Access::Closed)?;
            match session.state() {
                SessionState::Active if session.joint.is_some() => return Err(Access::Joined),
                SessionState::Active => drafts.push(session.document.draft()),
                SessionState::Suspended => return Err(Access::Suspended),
                SessionState::Releasing | SessionState::Released | SessionState::LeaseLost => {
                    return Err(Access::Closed);
                }
            }
        }
        let members: BTreeSet<SessionHandle> = handles.iter().copied().collect();
        let are_different = members.len() == handles.len() && !members.is_empty();
        if are_different { Ok(drafts) } else { Err(Access::Joined) }
    }

    /// Has all sessions take part, or none of them.
    fn join_all(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        (handles, drafts): (&[SessionHandle], &[Draft]),
        out: &mut Effects,
    ) -> Result<(), JointError> {
        for (index, (handle, draft)) in handles.iter().zip(drafts).enumerate() {
            let Some(session) = self.table.get_mut(*handle) else { continue };
            let Err(error) = session.join(ticket, draft.value()) else { continue };
            for joined in handles.iter().take(index) {
                if let Some(session) = self.table.get_mut(*joined) {
                    session.unjoin();
                }
            }
            if let JointError::HookPanicked { entry } = &error {
                self.lose(*handle, LossReason::HookPanicked, None, out);
                self.release_orphan(now, entry.clone(), out);
            }
            return Err(error);
        }
        for handle in handles {
            if let Some(session) = self.table.get(*handle) {
                session.tell_joined();
            }
        }
        Ok(())
    }

    fn begin_joint(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        handles: &[SessionHandle],
        out: &mut Effects,
    ) {
        let joint = Joint {
            members: handles.iter().copied().collect(),
            command: None,
            is_out: false,
            is_doomed: false,
            failure_count: 0,
            known: None,
            is_told: false,
            until: now.saturating_add(self.settings.checkpoint_timeout),
            retry_at: None,
            timer: None,
        };
        self.joints.insert(ticket, joint);
        self.step_joint(now, ticket, out);
    }

    /// Sends what a transaction needs next.
    pub(super) fn step_joint(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        let Some(joint) = self.joints.get_mut(&ticket) else { return };
        if joint.members.is_empty() {
            return self.end_joint(ticket, out);
        }
        if !joint.is_told && (joint.known.is_some() || now >= joint.until) {
            joint.is_told = true;
            let result = joint.known.clone().unwrap_or_else(|| Err(joint.unknown()));
            out.events.push(Event::Settled { ticket, result });
        }
        let is_due = joint.retry_at.is_none_or(|at| at <= now);
        let wake = if joint.known.is_none() && !joint.is_doomed && !joint.is_out && is_due {
            self.send_joint(now, ticket, out)
        } else {
            joint.retry_at.filter(|at| *at > now)
        };
        let Some(joint) = self.joints.get(&ticket) else { return };
        let told_at = (!joint.is_told).then_some(joint.until);
        let wake = [wake, told_at].into_iter().flatten().min();
        self.set_timer(Timer::Joint(ticket), wake);
    }

    /// When to look again, if it cannot be sent now.
    fn send_joint(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        out: &mut Effects,
    ) -> Option<Monotonic> {
        let later = Some(now.saturating_add(self.settings.resend_every));
        let (me, write_id) = (self.presence.id(), self.new_write_id());
        let joint = self.joints.get_mut(&ticket)?;
        let members = joint.members.clone();
        let mut writes = Vec::with_capacity(members.len());
        for handle in &members {
            // One that must be looked at, or adopted, first: it says when it was.
            let Some(write) = self.table.get(*handle)?.plan_joint(now, write_id, me) else {
                joint.retry_at = later;
                return later;
            };
            writes.push(write);
        }
        let is_same = matches!(joint.command.as_deref(), Some(RecordCommand::WriteAll(sent))
            if sent.iter().map(|it| it.base).eq(writes.iter().map(|it| it.base)));
        if !is_same {
            let command = Arc::new(RecordCommand::WriteAll(writes));
            joint.command = Some(Arc::clone(&command));
            for handle in &members {
                let Some(session) = self.table.get_mut(*handle) else { continue };
                let Some(part) = &session.joint else { continue };
                let (contains, ledger) = (part.contains, part.ledger);
                session.note_sent(Unsettled {
                    write_id,
                    kind: WriteKind::Joint,
                    contains,
                    ledger,
                    command: Arc::clone(&command),
                    sent_at: now,
                });
            }
        }
        let joint = self.joints.get_mut(&ticket)?;
        joint.is_out = true;
        joint.retry_at = None;
        let command = Arc::clone(joint.command.as_ref()?);
        self.send(now, Owner::Joint(ticket), Priority::Checkpoint, command, out);
        None
    }

    /// What became of a transaction.
    pub(super) fn on_joint(
        &mut self,
        now: Monotonic,
        sent_at: Monotonic,
        (ticket, command): (Ticket, &RecordCommand),
        outcome: JointOutcome,
        out: &mut Effects,
    ) {
        let RecordCommand::WriteAll(writes) = command else { return };
        if let Some(joint) = self.joints.get_mut(&ticket) {
            joint.is_out = false;
        }
        match outcome {
            Outcome::Committed(all) => {
                for (write, written) in writes.iter().zip(all) {
                    if let Some(handle) = self.table.find(&write.entry) {
                        let at = (now, sent_at, written.stamped_at);
                        self.on_part_committed(at, handle, write, written.base, out);
                    }
                }
            }
            Outcome::Refused(JointRefusal::Moved(views)) => {
                // It says nothing to a session that has learned more since, or began since.
                let is_it = |sent: &Unsettled| Some(sent.write_id) == command.write_id();
                for view in views {
                    if let Some(handle) = self.table.find(&view.entry)
                        && let Some(session) = self.table.get(handle)
                        && session.unsettled.iter().any(is_it)
                    {
                        self.on_session_view(now, sent_at, handle, &view, out);
                    }
                }
                self.pause_joint(now, ticket);
            }
            Outcome::Refused(JointRefusal::Store(refusal)) => {
                self.pause_joint(now, ticket);
                if matches!(refusal, crate::record::RecordRefusal::Invalid(_)) {
                    // No copy of it was taken, or ever will be.
                    let reason = super::store_error(refusal).to_string().into();
                    self.doom_joint(now, ticket, Some(SaveError::Unavailable { reason }), out);
                }
            }
            Outcome::Unknown => self.pause_joint(now, ticket),
        }
        self.step_joint(now, ticket, out);
    }

    /// No answer came to a transaction: it is sent again.
    pub(super) fn on_joint_silence(&mut self, now: Monotonic, ticket: Ticket, out: &mut Effects) {
        self.pause_joint(now, ticket);
        if self.flaws.has(Flaw::JointUnknownAsRefused) {
            self.doom_joint(now, ticket, Some(SaveError::LeaseLost), out);
        }
        self.step_joint(now, ticket, out);
    }

    fn pause_joint(&mut self, now: Monotonic, ticket: Ticket) {
        let every = self.settings.resend_every;
        if let Some(joint) = self.joints.get_mut(&ticket) {
            joint.is_out = false;
            let pause = every.saturating_mul(2_u32.saturating_pow(joint.failure_count.min(4)));
            joint.failure_count = joint.failure_count.saturating_add(1);
            joint.retry_at = Some(now.saturating_add(pause));
        }
    }

    fn on_part_committed(
        &mut self,
        at: (Monotonic, Monotonic, crate::Timestamp),
        handle: SessionHandle,
        write: &RecordWrite,
        base: crate::record::RecordBase,
        out: &mut Effects,
    ) {
        let Some(session) = self.table.get(handle) else { return };
        let is_it = |sent: &Unsettled| sent.write_id == write.write_id;
        if let Some(index) = session.unsettled.iter().position(is_it) {
            self.on_session_committed(at, handle, index, base, out);
        }
    }

    /// A session knows what became of its part. `stored` is the record's revision if it is stored.
    pub(super) fn part_settled(
        &mut self,
        now: Monotonic,
        handle: SessionHandle,
        stored: Option<Revision>,
        out: &mut Effects,
    ) {
        let Some(session) = self.table.get_mut(handle) else { return };
        let Some(part) = session.joint.as_ref() else { return };
        let (ticket, is_returned) = (part.joint, part.is_returned);
        if stored.is_some() {
            session.complete_joint();
        } else if is_returned {
            session.joint = None;
        } else {
            // What was committed is older than the transaction, which is planned again behind it.
            return;
        }
        let known = match stored {
            Some(revision) => Some(Ok(revision)),
            None => Some(Err(SaveError::LeaseLost)),
        };
        self.leave_joint(now, ticket, handle, known, out);
    }

    /// A session is over. What it holds is what it may hold by what is known of its part.
    pub(super) fn part_lost(
        &mut self,
        handle: SessionHandle,
        stored: Option<Revision>,
        reason: &LossReason,
    ) {
        let Some(session) = self.table.get_mut(handle) else { return };
        let Some(ticket) = session.joint.as_ref().map(|part| part.joint) else { return };
        let known = match (stored, reason) {
            (Some(revision), _) => Some(Ok(revision)),
            // Somebody else wrote the record since, and the end of the grant says that it was not this.
            (
                None,
                LossReason::Taken | LossReason::Stolen | LossReason::Edited | LossReason::Deleted,
            ) => Some(Err(SaveError::LeaseLost)),
            (
                None,
                LossReason::Forgotten
                | LossReason::HookPanicked
                | LossReason::Impossible(_)
                | LossReason::Closed,
            ) => None,
        };
        if stored.is_some() {
            session.complete_joint();
        } else {
            session.return_joint();
            session.joint = None;
        }
        self.lost_parts.push((ticket, handle, known));
    }

    /// Goes on with transactions whose sessions were lost.
    pub(super) fn settle_lost_parts(&mut self, now: Monotonic, out: &mut Effects) {
        while let Some((ticket, handle, known)) = self.lost_parts.pop() {
            self.leave_joint(now, ticket, handle, known, out);
        }
    }

    /// A session knows what became of its part, or is over without.
    pub(super) fn leave_joint(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        handle: SessionHandle,
        known: Option<Result<Revision, SaveError>>,
        out: &mut Effects,
    ) {
        let Some(joint) = self.joints.get_mut(&ticket) else { return };
        joint.members.remove(&handle);
        match known {
            Some(Ok(revision)) => {
                joint.known = Some(Ok(revision));
                // It is one batch: the others find the same in their records.
                for member in joint.members.clone() {
                    if let Some(session) = self.table.get_mut(member) {
                        session.must_look = true;
                        session.retry_at = None;
                    }
                    self.step_session(now, member, out);
                }
            }
            Some(Err(error)) => self.doom_joint(now, ticket, Some(error), out),
            None => self.doom_joint(now, ticket, None, out),
        }
        self.step_joint(now, ticket, out);
    }

    /// It is not sent any more. What was taken comes back; the next save of each settles whether it
    /// was stored all the same.
    fn doom_joint(
        &mut self,
        now: Monotonic,
        ticket: Ticket,
        error: Option<SaveError>,
        out: &mut Effects,
    ) {
        let Some(joint) = self.joints.get_mut(&ticket) else { return };
        if joint.known.is_none() {
            joint.known = error.map(Err);
        }
        if std::mem::replace(&mut joint.is_doomed, true) || matches!(joint.known, Some(Ok(_))) {
            return;
        }
        for member in joint.members.clone() {
            if let Some(session) = self.table.get_mut(member) {
                session.return_joint();
                session.autosave_at = Some(now);
            }
            self.step_session(now, member, out);
        }
    }

    fn end_joint(&mut self, ticket: Ticket, out: &mut Effects) {
        let Some(joint) = self.joints.remove(&ticket) else { return };
        self.drop_timer(Timer::Joint(ticket), joint.timer);
        if !joint.is_told {
            let result = joint.known.clone().unwrap_or_else(|| Err(joint.unknown()));
            out.events.push(Event::Settled { ticket, result });
        }
    }
}
