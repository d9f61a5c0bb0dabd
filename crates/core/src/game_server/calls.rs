//! Commands that are out: when each is sent again, and when its answer is waited for no more.
//!
//! A lost message must cost a quarter of a second, not a deadline: what has no answer is sent again
//! under the same id, and any answer to any copy counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::game_server::{CommandId, Effects, Outgoing, Priority, SessionHandle, Ticket};
use crate::id::{EntryId, WriteId};
use crate::record::RecordCommand;
use crate::session::SessionSettings;
use crate::time::Monotonic;

/// Who waits for an answer.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// The presence: a write of it.
    Presence(WriteId),
    /// The presence of a home server: its mail.
    HomeMail,
    /// Mail that an answer to a renewal did not bring.
    Mail,
    /// The comparison of sessions after the server was in doubt, in this stretch of being live.
    Check(u64, Vec<SessionHandle>),
    /// An opening.
    Opening(Ticket),
    /// A session.
    Session(SessionHandle),
    /// A transaction over several sessions.
    Joint(Ticket),
    /// The inbox of a session.
    Inbox(SessionHandle),
    /// A queueing.
    Queue(Ticket),
    /// Somebody who waits for the end of an operation.
    Await(Ticket),
    /// A lease that names this server and that no session of it knows.
    Orphan(EntryId),
    /// Nobody: a hint.
    Nobody,
}

/// A command that is out.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) owner: Owner,
    pub(super) command: Arc<RecordCommand>,
    pub(super) sent_at: Monotonic,
    priority: Priority,
    due: Monotonic,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    next: u64,
    open: BTreeMap<CommandId, Call>,
    timers: BTreeSet<(Monotonic, CommandId)>,
    /// Whether a call reached its deadline, and none was answered since.
    is_silent: bool,
    last_unanswered: Option<Monotonic>,
}

impl Calls {
    /// Sends a command for the first time.
    pub(super) fn send(
        &mut self,
        now: Monotonic,
        owner: Owner,
        priority: Priority,
        command: Arc<RecordCommand>,
        settings: &SessionSettings,
        out: &mut Effects,
    ) -> CommandId {
        let id = CommandId(self.next);
        self.next += 1;
        out.commands.push(Outgoing { id, priority, command: Arc::clone(&command) });
        let due = now.saturating_add(settings.resend_every);
        self.timers.insert((due, id));
        self.open.insert(id, Call { owner, command, sent_at: now, priority, due });
        id
    }

    /// A command whose deadline has passed, if there is one. Sends the others again that are due.
    pub(super) fn expire(
        &mut self,
        now: Monotonic,
        settings: &SessionSettings,
        out: &mut Effects,
    ) -> Option<(CommandId, Call)> {
        while let Some(&(due, id)) = self.timers.first()
            && due <= now
        {
            self.timers.pop_first();
            let call = self.open.get_mut(&id).expect("a timer stands for a call that is out");
            let deadline = call.sent_at.saturating_add(settings.call_deadline);
            if now >= deadline {
                self.is_silent = true;
                self.last_unanswered = Some(now);
                return self.open.remove(&id).map(|call| (id, call));
            }
            call.due = now.saturating_add(settings.resend_every).min(deadline);
            self.timers.insert((call.due, id));
            let (priority, command) = (call.priority, Arc::clone(&call.command));
            out.commands.push(Outgoing { id, priority, command });
        }
        None
    }

    /// An answer came. Nothing if it was answered or given up before.
    pub(super) fn answered(&mut self, id: CommandId) -> Option<Call> {
        let call = self.open.remove(&id)?;
        self.timers.remove(&(call.due, id));
        self.is_silent = false;
        Some(call)
    }

    /// Whether it is out.
    pub(super) fn is_out(&self, id: CommandId) -> bool {
        self.open.contains_key(&id)
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget(&mut self, id: CommandId) {
        if let Some(call) = self.open.remove(&id) {
            self.timers.remove(&(call.due, id));
        }
    }

    /// The store said that it is out of reach: as bad as no answer.
    pub(super) fn note_failure(&mut self, now: Monotonic) {
        self.last_unanswered = Some(now);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.is_silent
    }

    pub(super) fn last_unanswered(&self) -> Option<Monotonic> {
        self.last_unanswered
    }

    pub(super) fn next_wake(&self) -> Option<Monotonic> {
        self.timers.first().map(|(due, _)| *due)
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
}
