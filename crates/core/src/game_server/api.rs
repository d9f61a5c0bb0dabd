//! What goes into a game server and what comes out of it.

use std::fmt;
use std::sync::Arc;

use crate::id::{EntryId, OpeningId, OperationId, OperationKind, Revision, ServerId, SessionId};
use crate::json::JsonText;
use crate::operation::{Handlers, OperationSettings, OperationView, Queued};
use crate::random::Rng;
use crate::record::{MailBody, RecordCommand};
use crate::row::Content;
use crate::schema::{LoadError, Loaded, Stored};
use crate::session::{
    Access, AwaitError, Hooks, OpenError, QueueError, SaveError, SessionEvent, SessionSettings,
    Spill,
};
use crate::time::Timestamp;

/// Names a command until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// Names something that was asked for and is answered by an [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Names a session of one game server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHandle {
    pub(crate) slot: usize,
    /// The session.
    pub id: SessionId,
}

/// Which command goes first where not all can go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Renewals and deaths.
    Presence,
    /// Final saves.
    Release,
    /// Checkpoints, and what somebody waits for.
    Checkpoint,
    /// Openings and mail.
    Open,
    /// Operations.
    Operation,
    /// Saves of nobody's asking.
    Autosave,
}

/// A command to be sent to the store. It may be handed out more than once, under the same id: any
/// answer to any of its copies counts.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its name.
    pub id: CommandId,
    /// How urgent it is.
    pub priority: Priority,
    /// What is asked for.
    pub command: Arc<RecordCommand>,
}

/// A message to another game server. It may be lost, doubled or late: nothing depends on it, it only
/// makes a hand-off faster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// To whom.
    pub to: ServerId,
    /// About which record.
    pub entry: EntryId,
    /// What it says.
    pub what: HintKind,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintKind {
    /// The mail that was put for its receiver.
    Mail(MailBody),
    /// The record is free that its receiver waits for.
    Free,
}

/// What is to be done: commands to send, the most urgent first, hints to send, and events to hand
/// out.
#[derive(Debug, Default)]
pub struct Effects {
    /// Commands.
    pub commands: Vec<Outgoing>,
    /// Messages to other game servers.
    pub hints: Vec<Hint>,
    /// Events, in their order.
    pub events: Vec<Event>,
}

impl Effects {
    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.hints.is_empty() && self.events.is_empty()
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A record was opened.
    Opened {
        /// Of [`GameServer::open`](super::GameServer::open).
        ticket: Ticket,
        /// The session.
        session: SessionHandle,
    },
    /// A record was not opened.
    OpenFailed {
        /// Of [`GameServer::open`](super::GameServer::open).
        ticket: Ticket,
        /// Why.
        error: OpenError,
    },
    /// A checkpoint or a release is durable, at this revision of the record, or not.
    Settled {
        /// Of the call.
        ticket: Ticket,
        /// What became of it.
        result: Result<Revision, SaveError>,
    },
    /// An operation was queued, or was not.
    Queued {
        /// Of [`GameServer::queue`](super::GameServer::queue).
        ticket: Ticket,
        /// What became of it.
        result: Result<Queued, QueueError>,
    },
    /// How an operation stands: ended, unless the time was over.
    Operation {
        /// Of [`GameServer::await_operation`](super::GameServer::await_operation).
        ticket: Ticket,
        /// How.
        result: Result<OperationView, AwaitError>,
    },
    /// Something happened to a session.
    Session {
        /// Which.
        session: SessionHandle,
        /// Its record.
        entry: EntryId,
        /// What.
        event: SessionEvent,
    },
    /// Something happened to the server.
    Server(ServerEvent),
    /// A close is over: every session was released or reported as lost.
    Closed {
        /// Of [`GameServer::close`](super::GameServer::close).
        ticket: Ticket,
    },
}

/// What happened to a game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It is alive under this id, for all to see.
    Live(ServerId),
    /// It could not renew its presence in time.
    Doubtful,
    /// Its id was declared dead, or is gone. It takes another one.
    Dead(ServerId),
    /// The store lost renewals that it had acknowledged.
    WentBack,
    /// A copy of this process renews the same presence: this one stops.
    Stopped,
}

/// Makes a document from what a record holds, or says what is wrong with it. Called again when the
/// record changed while it was waited for. [`Schema`](crate::schema::Schema) has what does this.
pub type Parse = Arc<dyn Fn(Stored<'_>) -> Result<Loaded, LoadError> + Send + Sync>;

/// What an opening does about a living holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// It asks it to let go, and waits.
    #[default]
    Wait,
    /// It asks it to let go, and takes the record if it does not.
    Steal,
    /// It leaves it alone and fails. A holder that does not renew is waited out.
    IfFree,
}

/// An operation to be queued by a game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRequest {
    /// To which record.
    pub entry: EntryId,
    /// Its id.
    pub id: OperationId,
    /// What handles it.
    pub kind: OperationKind,
    /// What the handler is given; nothing to take that of the dead letter that it replaces.
    pub payload: Option<JsonText>,
    /// When it was issued; now if nothing, by the server's knowledge of the store's time. Whoever may
    /// queue it again later says it, and the same each time.
    pub issued_at: Option<Timestamp>,
    /// The schema that its payload was written for.
    pub schema: u32,
    /// Whether its receipt never leaves.
    pub is_permanent: bool,
    /// The dead letter that it tries again.
    pub replaces: Option<OperationId>,
}

/// A record to be opened.
#[derive(Clone)]
pub struct OpenRequest {
    /// Which.
    pub entry: EntryId,
    /// What it begins as if it certainly does not exist: read before it is stored.
    pub defaults: Arc<Content>,
    /// Reads what it holds.
    pub parse: Parse,
    /// What is done about a living holder.
    pub claim: Claim,
    /// What handles its operations.
    pub handlers: Arc<Handlers>,
    /// What its game wants to be asked.
    pub hooks: Arc<dyn Hooks>,
    /// What an earlier session could not save.
    pub spill: Option<Spill>,
    /// Whether it counts as a login, and its session as play time.
    pub is_play: bool,
}

impl fmt::Debug for OpenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRequest").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditRefused<E> {
    /// The session takes none.
    Access(Access),
    /// The edit itself failed. Nothing was changed.
    Edit(E),
}

/// How a game server starts.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its times.
    pub settings: SessionSettings,
    /// The limits of operations.
    pub operations: OperationSettings,
    /// The opening of the store, if this process owns the store.
    pub home: Option<OpeningId>,
    /// Where it can be reached, for people.
    pub address: Arc<str>,
    /// For its ids. Two servers never begin with the same generator.
    pub rng: Rng,
}
