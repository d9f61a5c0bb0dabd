//! A session and what it knows.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::document::Document;
use crate::game_server::{CommandId, Ticket};
use crate::id::{EntryId, Revision, ServerId, SessionId, UserId, WriteId};
use crate::operation::{Handlers, OperationSettings};
use crate::planted::Flaws;
use crate::record::{Fence, LeaseMode, RecordBase, RecordBody, RecordCommand, RecordWrite, Usage};
use crate::row::{Content, Metadata};
use crate::session::inbox::Inbox;
use crate::session::joint::Part;
use crate::session::{Access, Hooks, SessionSettings, SuspendPolicy};
use crate::time::Monotonic;

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionState {
    /// It has the record, and may promise that edits become durable.
    Active,
    /// Its server could not show that it lives. Nothing durable is promised.
    Suspended,
    /// Its release was planned. It takes no edit any more.
    Releasing,
    /// It let go of the record, with everything saved.
    Released,
    /// Somebody else has the record.
    LeaseLost,
}

/// What a write of a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteKind {
    /// It stores what the session holds.
    Save,
    /// It stores what the session holds and ends the lease.
    Release,
    /// It moves the lease to the server's new id.
    Adopt,
    /// It stores what several sessions hold, together.
    Joint,
}

/// A write that was sent and of which nobody knows yet whether it was committed.
#[derive(Clone, Debug)]
pub struct Unsettled {
    /// Its id.
    pub write_id: WriteId,
    /// What it is for.
    pub kind: WriteKind,
    /// How many changes are stored once it is committed.
    pub contains: u64,
    /// How many changes of the ledger are.
    pub(crate) ledger: u64,
    pub(crate) command: Arc<RecordCommand>,
    pub(crate) sent_at: Monotonic,
}

impl Unsettled {
    /// What it writes of this record.
    pub(crate) fn made_for(&self, entry: &EntryId) -> &RecordWrite {
        match &*self.command {
            RecordCommand::Write(write) => write,
            RecordCommand::WriteAll(writes) => {
                let of_entry = writes.iter().find(|write| write.entry == *entry);
                of_entry.expect("a session takes part with its own record")
            }
            command @ (RecordCommand::Read { .. }
            | RecordCommand::Check(_)
            | RecordCommand::WritePresence { .. }
            | RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. }
            | RecordCommand::Queue(_)
            | RecordCommand::Judge(_)
            | RecordCommand::ReadInbox { .. }
            | RecordCommand::ReadOperation { .. }
            | RecordCommand::ReadReceipts { .. }
            | RecordCommand::ReadDeadLetters { .. }) => {
                unreachable!("a session does not write by {command:?}")
            }
        }
    }
}

/// Somebody who wants to know when something is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    /// What must be stored.
    pub(crate) change_count: u64,
    pub(crate) until: Monotonic,
    /// Whether it waits for the end of the lease.
    pub(crate) for_release: bool,
}

/// What a session is given by those who opened it.
#[derive(Clone)]
pub(crate) struct Wiring {
    /// What handles its operations.
    pub(crate) handlers: Arc<Handlers>,
    /// The limits of its operations.
    pub(crate) operations: Arc<OperationSettings>,
    /// What its game wants to be asked.
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) flaws: Flaws,
}

/// One server's exclusive work on one record.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Session {
    pub(crate) entry: EntryId,
    pub(crate) id: SessionId,
    pub(crate) state: SessionState,
    /// The record's row as of the base: the lease and fence that its writes show.
    pub(crate) body: RecordBody,
    pub(crate) base: RecordBase,
    pub(crate) document: Box<dyn Document>,
    pub(crate) user_ids: Vec<UserId>,
    pub(crate) metadata: Metadata,
    /// Grows with every change in memory.
    pub(crate) change_count: u64,
    /// How many of the changes are certainly stored.
    pub(crate) stored: u64,
    /// How many of the changes need not be stored.
    pub(crate) ignored: u64,
    /// Sent and not settled, oldest first, all on this base: at most one is committed, and a later
    /// one holds all that an earlier one does.
    pub(crate) unsettled: Vec<Unsettled>,
    /// The tags of its last writes, oldest first.
    pub(crate) sent: Vec<u64>,
    /// What is out.
    pub(crate) call: Option<CommandId>,
    pub(crate) waiters: Vec<Waiter>,
    /// When the unsaved edits are due by themselves.
    pub(crate) autosave_at: Option<Monotonic>,
    /// When the document may rest.
    pub(crate) rest_at: Option<Monotonic>,
    /// Nothing is sent before, after a failure.
    pub(crate) retry_at: Option<Monotonic>,
    pub(crate) failure_count: u32,
    /// Whether the record must be read, because something about it is not as it should be.
    pub(crate) must_look: bool,
    /// Whether the record was found as it should be since the server was live again.
    pub(crate) is_compared: bool,
    /// Whether a save of nobody's asking is due, and waits for room.
    pub(crate) is_held_back: bool,
    /// Whether what is out is a save of nobody's asking.
    pub(crate) is_autosaving: bool,
    /// The end of the lease as the session believes, where leases have a timeout.
    pub(crate) believed_until: Monotonic,
    /// The server that last asked for the record.
    pub(crate) waiter: Option<ServerId>,
    /// Whether the release is wanted.
    pub(crate) is_releasing: bool,
    /// What the next fence must exceed: larger than that of the body if the store went back.
    pub(crate) fence_floor: u64,
    /// What it waits for by itself, as its server's list of timers has it.
    pub(crate) timer: Option<Monotonic>,
    /// Its operations, if there are any.
    pub(crate) inbox: Option<Box<Inbox>>,
    /// Grows with every operation that ends or is tried in memory.
    pub(crate) ledger_count: u64,
    /// What handles its operations.
    pub(crate) handlers: Arc<Handlers>,
    /// The limits of its operations.
    pub(crate) operations: Arc<OperationSettings>,
    /// What its game wants to be asked.
    pub(crate) hooks: Arc<dyn Hooks>,
    /// Until this change, the data that is stored is never thinned.
    pub(crate) pinned_until: u64,
    /// With the number of the ledger's change: operations that ended after the entry stood at this
    /// counter are taken back.
    pub(crate) undo_after: Option<(u64, u64)>,
    /// Where that was done: the counter of the entry's revision since then, and the counter after
    /// which operations were taken back. In case the store goes back.
    pub(crate) undone: Vec<(u64, u64)>,
    /// Its part in a transaction over several sessions that is not settled.
    pub(crate) joint: Option<Box<Part>>,
    /// Whether its release deletes the entry.
    pub(crate) is_deleting: bool,
    /// Since when its time counts as play time, and what was counted before; nothing if it does not.
    pub(crate) play: Option<(Monotonic, Duration)>,
    pub(crate) flaws: Flaws,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("entry", &self.entry)
            .field("id", &self.id)
            .field("state", &self.state)
            .field("body", &self.body)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session from its grant on.
    #[expect(clippy::too_many_arguments, reason = "called in one place, with what a grant has")]
    pub(crate) fn granted(
        entry: EntryId,
        id: SessionId,
        state: SessionState,
        body: RecordBody,
        base: RecordBase,
        document: Box<dyn Document>,
        content: &Content,
        wiring: Wiring,
    ) -> Self {
        let Wiring { handlers, operations, hooks, flaws } = wiring;
        let fence_floor = body.fence.counter;
        Self {
            entry,
            id,
            state,
            body,
            base,
            document,
            user_ids: content.user_ids.clone(),
            metadata: content.metadata.clone(),
            change_count: 0,
            stored: 0,
            ignored: 0,
            unsettled: Vec::new(),
            sent: Vec::new(),
            call: None,
            waiters: Vec::new(),
            autosave_at: None,
            rest_at: None,
            retry_at: None,
            failure_count: 0,
            must_look: false,
            is_compared: state == SessionState::Active,
            is_held_back: false,
            is_autosaving: false,
            believed_until: Monotonic::default(),
            waiter: None,
            is_releasing: false,
            fence_floor,
            timer: None,
            inbox: None,
            ledger_count: 0,
            handlers,
            operations,
            hooks,
            pinned_until: 0,
            undo_after: None,
            undone: Vec::new(),
            joint: None,
            is_deleting: false,
            play: None,
            flaws,
        }
    }

    /// Its record.
    pub fn entry(&self) -> &EntryId {
        &self.entry
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// What it may do.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Whether it has the record, and may promise that edits become durable.
    pub fn is_active(&self) -> bool {
        self.state == SessionState::Active
    }

    /// What its writes show.
    pub fn fence(&self) -> Fence {
        self.body.fence
    }

    /// What its next write is planned on.
    pub fn base(&self) -> RecordBase {
        self.base
    }

    /// The revision of its record that it knows of.
    pub fn record_revision(&self) -> Option<Revision> {
        self.base.record
    }

    /// Whether it holds edits that are not known to be stored, and are to be.
    pub fn is_dirty(&self) -> bool {
        self.change_count > self.stored.max(self.ignored)
    }

    /// The revision of its entry that it knows of: it moves with every change of the data that is
    /// stored, and with nothing else. Nothing after the entry was deleted under it.
    pub fn data_revision(&self) -> Option<Revision> {
        self.base.entry.row
    }

    /// From now on its time counts as play time.
    pub(crate) fn begin_play(&mut self, now: Monotonic) {
        self.play = Some((now, self.body.usage.play_time));
    }

    /// How games used its record, up to now. Counted from what stood there at its grant, so that no
    /// write of it counts twice, whatever was sent again or lost.
    pub fn usage(&self, now: Monotonic) -> Usage {
        let Some((since, before)) = self.play else { return self.body.usage };
        let play_time = before.saturating_add(now.saturating_since(since));
        Usage { play_time, ..self.body.usage }
    }

    /// How often its data was changed since it was opened.
    pub fn change_count(&self) -> u64 {
        self.change_count
    }

    /// How many of the [changes](Self::change_count) are certainly stored.
    pub fn stored_change_count(&self) -> u64 {
        self.stored
    }

    /// The users whose data it holds.
    pub fn user_ids(&self) -> &[UserId] {
        &self.user_ids
    }

    /// The attributes that stand beside its data.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its writes of which nobody knows yet whether they were committed.
    pub fn unsettled(&self) -> &[Unsettled] {
        &self.unsettled
    }

    /// Until when it believes in its lease by itself; nothing where that depends on its server.
    pub fn believed_until(&self) -> Option<Monotonic> {
        match self.mode() {
            LeaseMode::Timeout(_) => Some(self.believed_until),
            LeaseMode::Presence | LeaseMode::Unknown(_) => None,
        }
    }

    pub(crate) fn mode(&self) -> LeaseMode {
        self.body.lease.map_or(LeaseMode::Presence, |lease| lease.mode)
    }

    /// The server that its lease names.
    pub fn server(&self) -> Option<ServerId> {
        self.body.lease.map(|lease| lease.server)
    }

    /// Whether an edit may be made.
    ///
    /// # Errors
    /// [`Access`], which says why not.
    pub fn check_edit(&self, settings: &SessionSettings) -> Result<(), Access> {
        match self.state {
            SessionState::Active => Ok(()),
            SessionState::Suspended => match settings.on_suspend {
                SuspendPolicy::Continue => Ok(()),
                SuspendPolicy::Freeze | SuspendPolicy::Disconnect => Err(Access::Suspended),
            },
            SessionState::Releasing
                if self.flaws.has(crate::planted::Flaw::ActiveWhileReleasing) =>
            {
                Ok(())
            }
            SessionState::Releasing | SessionState::Released | SessionState::LeaseLost => {
                Err(Access::Closed)
            }
        }
    }

    /// Checks what must hold inside.
    ///
    /// # Panics
    /// When it does not.
    pub fn check(&self) {
        assert!(self.stored <= self.change_count, "no more is stored than there is");
        assert!(self.base.record.is_some(), "a session follows its grant");
        let is_over = matches!(self.state, SessionState::Released | SessionState::LeaseLost);
        assert!(!is_over, "a session that is over is nobody's");
        assert!(
            self.is_releasing == (self.state == SessionState::Releasing),
            "released when wanted"
        );
        // The judges are to find that one by what is stored.
        let is_saved_apart = self.flaws.has(crate::planted::Flaw::JointSavedApart);
        let mut contained = 0;
        for write in self.unsettled.iter().filter(|write| write.kind != WriteKind::Adopt) {
            assert!(
                is_saved_apart || write.contains >= contained,
                "a later write holds all that an earlier one does"
            );
            contained = write.contains;
        }
    }
}
