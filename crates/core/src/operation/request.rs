//! What is asked of the operations of a record, and what is answered.

use std::sync::Arc;

use crate::code::Code;
use crate::error::ErrorKind;
use crate::id::{EntryId, OperationId, OperationKind, ServerId, WriteId};
use crate::json::JsonText;
use crate::operation::{
    DeadLetterBody, Death, OperationSettings, OperationStatus, PayloadHash, PendingBody,
    ReceiptBody, Tries, Verdict,
};
use crate::outcome::Outcome;
use crate::record::{Fence, RecordRefusal};
use crate::time::Timestamp;

/// An operation to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueOperation {
    /// To which record. It need not exist.
    pub entry: EntryId,
    /// Its id.
    pub id: OperationId,
    /// What handles it.
    pub kind: OperationKind,
    /// What the handler is given; nothing to take the payload of the dead letter that it replaces.
    pub payload: Option<JsonText>,
    /// When it was issued, by the store's time. Fixed before it is sent first, and the same each time:
    /// a copy that arrives after the receipt is gone is told by it.
    pub issued_at: Timestamp,
    /// The schema that its payload was written for.
    pub schema: u32,
    /// Whether its receipt never leaves.
    pub is_permanent: bool,
    /// The dead letter that it tries again: of the same kind, which is marked in the same batch.
    pub replaces: Option<OperationId>,
    /// The game server that queues it, which needs no mail about it; nothing outside of one.
    pub from: Option<ServerId>,
    /// The limits.
    pub settings: Arc<OperationSettings>,
    /// The id of the write.
    pub write_id: WriteId,
}

/// An operation that was queued, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Where it stands.
    pub receipt: ReceiptBody,
    /// Whether it was queued by this very request.
    pub is_new: bool,
    /// Who holds the record: to be told that there is work, if that is another server.
    pub holder: Option<(ServerId, Fence)>,
}

/// Why an operation was not queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueRefusal {
    /// Another operation has this id.
    #[error("another operation has this id, with another kind or payload")]
    PayloadMismatch,
    /// It was issued so long ago that nobody knows whether it was applied.
    #[error("it was issued {} ms before ids of which nobody knows any more", horizon.saturating_since(*issued_at).as_millis())]
    Expired {
        /// When it was issued.
        issued_at: Timestamp,
        /// Until when ids were pruned.
        horizon: Timestamp,
    },
    /// It was issued later than now.
    #[error("it was issued {} ms ahead of the store's time", issued_at.saturating_since(*now).as_millis())]
    IssuedAhead {
        /// When it was issued.
        issued_at: Timestamp,
        /// The store's time.
        now: Timestamp,
    },
    /// Its payload is too large.
    #[error("the payload has {actual} bytes, the limit is {limit}")]
    PayloadTooLarge {
        /// Its bytes.
        actual: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The record's ledger has no room for its receipt.
    #[error("the ledger of the record is full: {limit} bytes")]
    LedgerFull {
        /// The most that is allowed.
        limit: u64,
    },
    /// As many operations wait as may.
    #[error("{limit} operations wait already")]
    InboxFull {
        /// The most that is allowed.
        limit: u64,
    },
    /// There is no such dead letter, it was queued again already, or its payload was not kept.
    #[error("there is no dead letter of this id that can be queued again")]
    NoDeadLetter,
    /// The record changed at every try.
    #[error("the record changed {attempts} times meanwhile")]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// As for writes of records. Never [`RecordRefusal::Moved`].
    #[error("the store did not write")]
    Store(RecordRefusal),
}

impl QueueRefusal {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::PayloadMismatch => Code::OperationPayloadMismatch,
            Self::Expired { .. } => Code::OperationExpired,
            Self::IssuedAhead { .. } => Code::InvalidTimestamp,
            Self::PayloadTooLarge { .. } => Code::OperationPayloadTooLarge,
            Self::LedgerFull { .. } => Code::LedgerFull,
            Self::InboxFull { .. } => Code::InboxFull,
            Self::NoDeadLetter => Code::DeadLetterNotFound,
            Self::Contended { .. } => Code::Contended,
            Self::Store(refusal) => refusal.code(),
        }
    }
}

/// What became of a queueing. One whose outcome is unknown is queued again, under its id.
pub type QueueOutcome = Outcome<Queued, QueueRefusal>;

/// An operation that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingOperation {
    /// Its place in the queue.
    pub seq: u64,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// What it is.
    pub body: Arc<PendingBody>,
    /// The tries that are stored.
    pub tries: Tries,
}

/// The operations of a record that wait, the first queued first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxPage {
    /// They. Damaged ones are left out.
    pub operations: Vec<PendingOperation>,
    /// Whether more follow.
    pub has_more: bool,
    /// The store's time.
    pub now: Timestamp,
}

/// What is known of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationView {
    /// Its receipt; nothing if nobody knows it.
    pub receipt: Option<ReceiptBody>,
    /// Until when ids were pruned: an unknown one that was issued until then may have been applied.
    pub horizon: Option<Timestamp>,
    /// The store's time.
    pub now: Timestamp,
}

impl OperationView {
    /// When an operation is issued that is asked for now, by somebody who names no time: behind the
    /// horizon, which an operation that was issued ahead may have raised beyond now.
    pub fn issue_time(&self) -> Timestamp {
        self.horizon.map_or(self.now, |horizon| self.now.max(horizon.next()))
    }
}

/// An operation that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: OperationId,
    /// When it died.
    pub died_at: Timestamp,
    /// What it was.
    pub body: Arc<DeadLetterBody>,
}

/// What an operator has decided about an operation that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgeOperation {
    /// Of which record.
    pub entry: EntryId,
    /// Which operation.
    pub id: OperationId,
    /// What was decided.
    pub verdict: Verdict,
    /// The id of the write.
    pub write_id: WriteId,
}

/// A verdict that was noted. The holder carries it out, or whoever opens the record next, unless the
/// operation was settled before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Who holds the record.
    pub holder: Option<(ServerId, Fence)>,
}

/// Why a verdict was not noted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JudgeRefusal {
    /// Nobody knows the operation.
    #[error("there is no such operation")]
    Unknown,
    /// It has ended.
    #[error("the operation has ended: {}", .0.name())]
    Settled(OperationStatus),
    /// The record changed at every try.
    #[error("the record changed {attempts} times meanwhile")]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// As for writes of records. Never [`RecordRefusal::Moved`].
    #[error("the store did not write")]
    Store(RecordRefusal),
}

impl JudgeRefusal {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Unknown => Code::OperationNotFound,
            Self::Settled(_) => Code::OperationSettled,
            Self::Contended { .. } => Code::Contended,
            Self::Store(refusal) => refusal.code(),
        }
    }
}

/// What became of a verdict. The same one may be noted again.
pub type JudgeOutcome = Outcome<Judged, JudgeRefusal>;

/// The end of an operation, to be stored with the data that it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Its place in the queue. Its row goes, if it is still that of this operation.
    pub seq: u64,
    /// What it was.
    pub body: Arc<PendingBody>,
    /// How it ended.
    pub status: OperationStatus,
    /// What its handler answered.
    pub result: Option<JsonText>,
    /// Why it failed or was cancelled.
    pub error: Option<Arc<str>>,
    /// Tries in vain before its end.
    pub tries: u32,
    /// Why it failed for good: it leaves a dead letter.
    pub death: Option<Death>,
    /// Whether its receipt never leaves.
    pub is_permanent: bool,
}

impl Settlement {
    /// The operation.
    pub fn id(&self) -> &OperationId {
        &self.body.id
    }

    /// Its kind and payload.
    pub fn hash(&self) -> PayloadHash {
        PayloadHash::of(&self.body.kind, &self.body.payload)
    }
}

/// A try in vain, to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Of which operation.
    pub id: OperationId,
    /// All of its tries.
    pub tries: Tries,
}

/// What a write changes in the ledger of its record, besides pruning it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerWrite {
    /// Operations that ended.
    pub settled: Vec<Arc<Settlement>>,
    /// Operations that were tried in vain, and go on waiting.
    pub tried: Vec<Attempt>,
    /// Receipts of operations that ended after the entry stood at this counter are taken out: the
    /// data goes back to it. Before those that end with this write come in.
    pub undo_after: Option<u64>,
    /// Whether the ledger in numbers is counted anew where its row is damaged, which else refuses the
    /// write. Ids that left cannot be counted: the horizon rises to the store's time.
    pub rebuild: bool,
    /// The limits.
    pub settings: Arc<OperationSettings>,
}
