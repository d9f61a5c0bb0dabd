//! What the judges of sessions are told while a world runs.

use std::time::Duration;

use steadfast_core::game_server::{Event, GameServer, Outgoing, SessionHandle, Ticket};
use steadfast_core::operation::{OperationStatus, PayloadHash, QueueRefusal, Queued};
use steadfast_core::{Batch, Committed, EntryId, Found, Now, OpeningId, OperationId};
use steadfast_storage::Rows;

use super::schemas::Knows;
use super::sheet::Applied;

/// Who made a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// A process of a game server, counted over the run: one that starts again is another.
    Process(usize),
    /// An administrator, through the door of data stores or by a record write of its own.
    Operator,
}

/// What a player's edit made of a record: the value holds the number of edits since the record
/// began, and a mix of the ids of all of them in their order. Two values are equal only if they are
/// the same edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Marker {
    /// Edits since the record began; 0 is a record with the defaults.
    pub(super) count: u64,
    /// The mix.
    pub(super) mix: u64,
}

/// What was asked of a game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// To open a record.
    Open(EntryId),
    /// To make durable what a session held then.
    Checkpoint(SessionHandle, EntryId, Marker),
    /// To save and let go.
    Release(SessionHandle, EntryId, Marker),
    /// To delete the entry and let go.
    Delete(SessionHandle, EntryId, Marker),
    /// To queue an operation.
    Queue(Queueing),
    /// To tell how an operation ends, after so long at the latest.
    Await(EntryId, OperationId, Duration),
    /// To make a transaction over several sessions.
    Transact(Transfer),
    /// To end.
    Close,
}

/// A transaction over several sessions of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    /// It is left in all of its records.
    pub(super) number: u32,
    pub(super) shares: Vec<Share>,
}

/// What it does to one of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) session: SessionHandle,
    pub(super) entry: EntryId,
    /// What is stored with it.
    pub(super) marker: Marker,
    /// Coins that are gained, or lost.
    pub(super) gain: i64,
}

/// An operation as somebody queues it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queueing {
    pub(super) entry: EntryId,
    pub(super) id: OperationId,
    /// Of its kind and payload; nothing if it takes those of a dead letter.
    pub(super) hash: Option<PayloadHash>,
}

/// Takes note of everything that a judge may know. Times are true times.
pub(super) trait Witness {
    /// A batch took effect in the store, now.
    fn applied(&mut self, now: Now, author: Author, batch: &Batch, committed: Committed);

    /// The store stands at these rows from now on: a fail-over lost what came after.
    fn rewound(&mut self, now: Now, rows: &Rows);

    /// The store was opened anew; home servers of earlier openings are dead.
    fn reopened(&mut self, now: Now, opening: OpeningId);

    /// A process began. A home process lives in that opening of the store.
    fn started(&mut self, now: Now, process: usize, home: Option<OpeningId>);

    /// A process runs code that knows this.
    fn runs(&mut self, process: usize, knows: Knows) {
        let _ = (process, knows);
    }

    /// A process is gone without a word.
    fn crashed(&mut self, now: Now, process: usize);

    /// A process handled an input; this is what it believes, at a reading of its own clock.
    fn believes(&mut self, now: Now, process: usize, server: &GameServer, local: Now);

    /// A session changed its record, which holds this from now on, in memory.
    fn edited(
        &mut self,
        now: Now,
        process: usize,
        session: SessionHandle,
        entry: &EntryId,
        marker: Marker,
    );

    /// Something was asked of a process.
    fn asked(&mut self, now: Now, process: usize, ticket: Ticket, ask: &Ask);

    /// A process told something. After `Opened`, `marker` is what the session begins with.
    fn told(&mut self, now: Now, process: usize, event: &Event, marker: Option<Marker>);

    /// A process is about to send these, the most urgent first.
    fn sends(&mut self, now: Now, process: usize, commands: &[Outgoing]) {
        let _ = (now, process, commands);
    }

    /// A batch was refused: the rows of its conditions, as they were.
    fn refused(&mut self, now: Now, author: Author, batch: &Batch, rows: &[Found]) {
        let _ = (now, author, batch, rows);
    }

    /// Somebody queues an operation from outside of any process.
    fn queues(&mut self, now: Now, queueing: &Queueing);

    /// Who queued an operation from outside of any process is answered.
    fn queued(&mut self, now: Now, queueing: &Queueing, result: Result<&Queued, &QueueRefusal>);

    /// Somebody outside of any process is told how an operation ended.
    fn ended(&mut self, now: Now, entry: &EntryId, id: &OperationId, status: OperationStatus);

    /// A record is being put back to what it held once, or emptied: what was said of its operations
    /// may change from now on.
    fn repairs(&mut self, now: Now, entry: &EntryId);

    /// A player opened a record, and saw that these operations were applied, or some more.
    fn showed(&mut self, now: Now, process: usize, session: SessionHandle, numbers: &[u32]);

    /// A player opened a record and saw this: what every later reader must see too, or more.
    fn saw(&mut self, now: Now, process: usize, entry: &EntryId, marker: Marker);

    /// A session that takes part in a transaction shows this.
    fn shows(&mut self, now: Now, process: usize, session: SessionHandle, applied: &Applied) {
        let _ = (now, process, session, applied);
    }

    /// From now on the store answers nothing, neither reads nor writes; or it does again.
    fn outage(&mut self, now: Now, is_out: bool) {
        let _ = (now, is_out);
    }

    /// No fault happens from now on.
    fn healed(&mut self, now: Now);
}
