//! What a game server asks of a store, and what it is answered.

use std::sync::Arc;

use crate::id::{EntryId, OpeningId, OperationId, Revision, ServerId, WriteId};
use crate::operation::{
    DeadLetter, InboxPage, JudgeOperation, JudgeOutcome, OperationView, QueueOperation,
    QueueOutcome, ReceiptBody,
};
use crate::outcome::Outcome;
use crate::platform::PlatformError;
use crate::record::{
    Mail, MailBody, PresenceBody, RecordOutcome, RecordRefusal, RecordView, RecordWrite,
    StoredPresence, StoredRecord, Written,
};
use crate::time::Timestamp;

/// How much of a record is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// Its row, its ends, its data.
    Data,
    /// Its data and ends only if it has no lease: for who waits for it.
    DataIfFree,
}

/// One round trip to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordCommand {
    /// Reads a record, and the presence of the server that holds it.
    Read {
        /// Which record.
        entry: EntryId,
        /// How much of it.
        with: With,
    },
    /// Reads the rows of records, at most [`CHECKED_MAX`](super::CHECKED_MAX).
    Check(Vec<EntryId>),
    /// Writes a record.
    Write(Box<RecordWrite>),
    /// Writes several records, all of them or none. They have one write id.
    WriteAll(Vec<RecordWrite>),
    /// Creates, renews or ends the presence of a game server.
    WritePresence {
        /// Which server.
        server: ServerId,
        /// The revision that it stands at; nothing to create it.
        base: Option<Revision>,
        /// What it holds from now on.
        body: PresenceBody,
        /// The id of the write.
        write_id: WriteId,
        /// Whether the server's mail is read once it is written.
        with_mail: bool,
        /// Only in this opening of the store, if it is said: what was concluded before another one,
        /// which may have lost renewals, does not count in it.
        in_opening: Option<OpeningId>,
    },
    /// Reads the mail of a server.
    ReadMail {
        /// Whose.
        server: ServerId,
    },
    /// Puts mail, in the place of earlier mail about the same record.
    PutMail {
        /// To whom.
        server: ServerId,
        /// About which record.
        entry: EntryId,
        /// What it says.
        body: MailBody,
        /// The id of the write.
        write_id: WriteId,
    },
    /// Deletes mail that was handled, unless there is later mail.
    DeleteMail {
        /// Whose.
        server: ServerId,
        /// About which record.
        entry: EntryId,
        /// Exactly this mail.
        at: Revision,
    },
    /// Queues an operation.
    Queue(Box<QueueOperation>),
    /// Notes an operator's verdict on an operation that waits.
    Judge(Box<JudgeOperation>),
    /// Reads operations that wait, the first queued first.
    ReadInbox {
        /// Of which record.
        entry: EntryId,
        /// Start behind this place in the queue.
        after: Option<u64>,
        /// At most so many.
        limit: usize,
    },
    /// Reads what is known of an operation.
    ReadOperation {
        /// Of which record.
        entry: EntryId,
        /// Which.
        id: OperationId,
    },
    /// Reads the receipts of a record, by id: of what waits and of what ended.
    ReadReceipts {
        /// Of which record.
        entry: EntryId,
        /// Start behind this id.
        after: Option<OperationId>,
        /// At most so many.
        limit: usize,
    },
    /// Reads operations that failed for good, by id.
    ReadDeadLetters {
        /// Of which record.
        entry: EntryId,
        /// Start behind this id.
        after: Option<OperationId>,
        /// At most so many.
        limit: usize,
    },
}

impl RecordCommand {
    /// The id of its write, if it writes conditionally.
    pub fn write_id(&self) -> Option<WriteId> {
        match self {
            Self::Write(write) => Some(write.write_id),
            Self::WriteAll(writes) => writes.first().map(|write| write.write_id),
            Self::WritePresence { write_id, .. } => Some(*write_id),
            Self::Queue(queue) => Some(queue.write_id),
            Self::Judge(judge) => Some(judge.write_id),
            Self::ReadInbox { .. }
            | Self::ReadOperation { .. }
            | Self::ReadReceipts { .. }
            | Self::ReadDeadLetters { .. }
            | Self::Read { .. }
            | Self::Check(_)
            | Self::ReadMail { .. }
            | Self::PutMail { .. }
            | Self::DeleteMail { .. } => None,
        }
    }
}

/// A presence that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Its revision from now on.
    pub revision: Revision,
    /// The store's time of the write.
    pub stamped_at: Timestamp,
    /// The mail of its server, if it was asked for and could be read.
    pub mail: Vec<Mail>,
}

/// Why a presence was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceRefusal {
    /// It is not at the revision named; the row as read after the refusal, nothing if there is none.
    Moved(Option<StoredPresence>),
    /// As for records. Never [`RecordRefusal::Moved`].
    Store(RecordRefusal),
}

/// Why nothing of several records was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JointRefusal {
    /// One of them is not the one of its base. All of them as read after the refusal, in the order
    /// of the command, with data and ends.
    Moved(Vec<RecordView>),
    /// As for one record. Never [`RecordRefusal::Moved`].
    Store(RecordRefusal),
}

/// What became of the write of several records; what was written, in the order of the command.
pub type JointOutcome = Outcome<Vec<Written>, JointRefusal>;

/// What became of the write of a presence.
pub type PresenceOutcome = Outcome<Renewed, PresenceRefusal>;

/// The answer to a [`RecordCommand`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordReply {
    /// Of [`RecordCommand::Read`].
    Read(Box<RecordView>),
    /// Of [`RecordCommand::Check`], in its order; nothing for records that were never held.
    Checked(Vec<Result<Option<StoredRecord>, PlatformError>>),
    /// Of [`RecordCommand::Write`].
    Written(RecordOutcome),
    /// Of [`RecordCommand::WriteAll`].
    WrittenAll(JointOutcome),
    /// Of [`RecordCommand::WritePresence`].
    Presence(PresenceOutcome),
    /// Of [`RecordCommand::ReadMail`].
    Mail(Vec<Mail>),
    /// Of [`RecordCommand::PutMail`] and [`RecordCommand::DeleteMail`]: done, or not needed.
    Noted,
    /// Of [`RecordCommand::Queue`].
    Queued(QueueOutcome),
    /// Of [`RecordCommand::Judge`].
    Judged(JudgeOutcome),
    /// Of [`RecordCommand::ReadInbox`].
    Inbox(InboxPage),
    /// Of [`RecordCommand::ReadOperation`].
    Operation(Box<OperationView>),
    /// Of [`RecordCommand::ReadReceipts`], and whether more follow.
    Receipts(Vec<(OperationId, ReceiptBody)>, bool),
    /// Of [`RecordCommand::ReadDeadLetters`], and whether more follow.
    DeadLetters(Vec<DeadLetter>, bool),
}

/// What a store answers: an error only where nothing was written, or the outcome is unknown.
pub type RecordAnswer = Result<RecordReply, PlatformError>;

/// What the store knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// Its opening.
    pub opening: OpeningId,
    /// Its time at that opening.
    pub started_at: Timestamp,
    /// Its time now.
    pub now: Timestamp,
}

/// A command to a store that knows itself: an [`Operation`](crate::platform::Operation).
#[derive(Clone, Debug)]
pub struct RecordRequest {
    /// What is asked for.
    pub command: Arc<RecordCommand>,
    /// The store.
    pub store: StoreFacts,
}
