//! What the rows of operations hold.

use std::fmt;
use std::sync::Arc;

use crate::code::Code;
use crate::id::{OperationId, OperationKind};
use crate::json::JsonText;
use crate::row::Birth;
use crate::time::Timestamp;

/// Names a row of the operations of a record, within the record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerKey {
    /// How many operations were ever queued.
    Queue,
    /// The horizon, and what the ledger holds in numbers.
    Head,
    /// An operation that is not settled, by its place in the queue.
    Pending(u64),
    /// What became of an operation.
    Receipt(OperationId),
    /// A place in the order in which receipts are pruned.
    Order(Tier, Timestamp, OperationId),
    /// An operation that failed for good.
    DeadLetter(OperationId),
}

impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue => f.write_str("count of operations"),
            Self::Head => f.write_str("ledger"),
            Self::Pending(seq) => write!(f, "waiting operation {seq}"),
            Self::Receipt(id) => write!(f, "receipt of operation {id}"),
            Self::Order(_, time, id) => write!(f, "place {} of operation {id}", time.ticks()),
            Self::DeadLetter(id) => write!(f, "dead letter of operation {id}"),
        }
    }
}

/// What is pruned together, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Full receipts, by the time their operations were issued.
    Full,
    /// Receipts of which only the id is kept, by the same time.
    Kept,
    /// Dead letters, by the time they died.
    Dead,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Full, Self::Kept, Self::Dead];
}

/// A run of rows of the operations of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerRun {
    /// Everything, in the order of the names.
    All,
    /// The operations that are not settled, in the order in which they were queued.
    Pending,
    /// The receipts, by id.
    Receipts,
    /// The order of a tier, by time and then id.
    Order(Tier),
    /// The dead letters, by id.
    DeadLetters,
}

impl LedgerRun {
    /// Whether a row belongs to the run.
    pub fn covers(self, key: &LedgerKey) -> bool {
        match (self, key) {
            (Self::All, _)
            | (Self::Pending, LedgerKey::Pending(_))
            | (Self::Receipts, LedgerKey::Receipt(_))
            | (Self::DeadLetters, LedgerKey::DeadLetter(_)) => true,
            (Self::Order(tier), LedgerKey::Order(of, ..)) => tier == *of,
            (Self::Pending | Self::Receipts | Self::Order(_) | Self::DeadLetters, _) => false,
        }
    }
}

/// What tells two requests apart that have one id: the kind and the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadHash(pub u128);

impl PayloadHash {
    /// Of an operation.
    pub fn of(kind: &OperationKind, payload: &JsonText) -> Self {
        let mut bytes = Vec::with_capacity(kind.as_str().len() + 1 + payload.size());
        bytes.extend_from_slice(kind.as_str().as_bytes());
        // No kind holds this byte: kinds are UTF-8.
        bytes.push(0xff);
        bytes.extend_from_slice(payload.as_str().as_bytes());
        Self(xxhash_rust::xxh3::xxh3_128(&bytes))
    }
}

/// How many operations were ever queued. Never goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueBody {
    /// All of them; the place of the next.
    pub count: u64,
    /// The least bytes that their receipts count ([`ReceiptBody::kept_size`]), permanent ones apart.
    pub size: u64,
}

/// The ledger in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadBody {
    /// An id that nobody knows, issued then or before, may have been pruned: it is refused.
    pub horizon: Option<Timestamp>,
    /// How many of the queued are settled.
    pub settled_count: u64,
    /// Of [`QueueBody::size`], what belongs to the settled.
    pub settled_size: u64,
    /// Full receipts, without permanent ones.
    pub full_count: u32,
    /// Receipts of which only the id is kept, without permanent ones.
    pub kept_count: u32,
    /// Receipts that never leave.
    pub permanent_count: u32,
    /// Dead letters.
    pub dead_count: u32,
    /// Bytes that the full and kept receipts count.
    pub size: u64,
    /// Bytes that they would count if of each only the id were kept. Full receipts give way to ids:
    /// whether there is room for another operation is judged by this.
    pub least_size: u64,
}

impl HeadBody {
    /// Operations that are not settled, given how many were queued.
    pub fn pending_count(&self, queue: &QueueBody) -> u64 {
        queue.count.saturating_sub(self.settled_count)
    }

    /// The least bytes that the receipts of those will count.
    pub fn pending_size(&self, queue: &QueueBody) -> u64 {
        queue.size.saturating_sub(self.settled_size)
    }
}

/// How often an operation was tried in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How often.
    pub count: u32,
    /// What went wrong last.
    pub last_error: Option<Arc<str>>,
    /// When, by the store's time.
    pub last_at: Option<Timestamp>,
}

/// What an operator has decided about an operation that waits. The holder makes the receipt of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It ends without effect, for this reason.
    Cancel(Arc<str>),
    /// It fails for this reason, and leaves a dead letter.
    Fail(Arc<str>),
}

/// An operation that is not settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingBody {
    /// Its id.
    pub id: OperationId,
    /// What handles it.
    pub kind: OperationKind,
    /// What the handler is given.
    pub payload: JsonText,
    /// When it was issued, as the caller said.
    pub issued_at: Timestamp,
    /// When it was queued.
    pub queued: Birth,
    /// The schema that its payload was written for.
    pub schema: u32,
    /// Whether its receipt never leaves.
    pub is_permanent: bool,
    /// The dead letter that it tries again.
    pub replaces: Option<OperationId>,
    /// What an operator has decided.
    pub verdict: Option<Verdict>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationStatus {
    /// What it changes is stored.
    Applied,
    /// It was ended without effect.
    Cancelled,
    /// It failed for good, and left a dead letter.
    Failed,
}

impl OperationStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Applied, Self::Cancelled, Self::Failed];

    /// The name, as JSON and people see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptBody {
    /// Its kind and payload.
    pub hash: PayloadHash,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Whether it never leaves.
    pub is_permanent: bool,
    /// Where it stands.
    pub state: ReceiptState,
}

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiptState {
    /// It waits.
    Pending {
        /// Its place in the queue.
        seq: u64,
        /// The tries that are stored.
        tries: Tries,
    },
    /// It ended.
    Full(Receipted),
    /// It ended, and only this is kept.
    Kept {
        /// How.
        status: OperationStatus,
        /// When.
        settled: Birth,
        /// The counter of the entry's revision since then.
        entry_counter: u64,
    },
}

/// The end of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipted {
    /// What handled it.
    pub kind: OperationKind,
    /// How it ended.
    pub status: OperationStatus,
    /// When.
    pub settled: Birth,
    /// The counter of the entry's revision since then: a restore to an earlier one takes the
    /// operation back.
    pub entry_counter: u64,
    /// What its handler answered.
    pub result: Option<JsonText>,
    /// Why it failed or was cancelled.
    pub error: Option<Arc<str>>,
    /// Tries in vain before its end.
    pub tries: u32,
    /// Why it failed for good, if it did.
    pub death: Option<Death>,
}

/// A size in memory as rows have it.
pub(super) fn byte_count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

impl ReceiptBody {
    /// Bytes that a receipt counts of which only the id is kept.
    pub fn kept_size(id: &OperationId) -> u64 {
        16 + byte_count(id.as_str().len())
    }

    /// Bytes that it counts in the ledger: none while it waits, or if it never leaves.
    pub fn size(&self, id: &OperationId) -> u64 {
        if self.is_permanent {
            return 0;
        }
        match &self.state {
            ReceiptState::Pending { .. } => 0,
            ReceiptState::Kept { .. } => Self::kept_size(id),
            ReceiptState::Full(Receipted { kind, result, error, .. }) => {
                let texts = kind.as_str().len()
                    + result.as_ref().map_or(0, JsonText::size)
                    + error.as_ref().map_or(0, |error| error.len());
                Self::kept_size(id) + byte_count(texts)
            }
        }
    }

    /// The receipt as it reads away from its row, which was written at this time.
    #[must_use]
    pub fn dated(mut self, stamped_at: Timestamp) -> Self {
        match &mut self.state {
            ReceiptState::Pending { .. } => {}
            ReceiptState::Full(Receipted { settled, .. }) | ReceiptState::Kept { settled, .. } => {
                *settled = Birth::At(settled.time(stamped_at));
            }
        }
        self
    }

    /// The stable code of how it failed for good, if it did: [`Code::HandlerFailed`] where the cause is
    /// not kept any more.
    pub fn failure(&self) -> Option<Code> {
        match &self.state {
            ReceiptState::Full(Receipted { death: Some(death), .. }) => Some(death.code()),
            ReceiptState::Full(Receipted { status, death: None, .. })
            | ReceiptState::Kept { status, .. } => {
                (*status == OperationStatus::Failed).then_some(Code::HandlerFailed)
            }
            ReceiptState::Pending { .. } => None,
        }
    }

    /// How it ended, if it did.
    pub fn status(&self) -> Option<OperationStatus> {
        match &self.state {
            ReceiptState::Pending { .. } => None,
            ReceiptState::Full(Receipted { status, .. }) | ReceiptState::Kept { status, .. } => {
                Some(*status)
            }
        }
    }
}

/// Why an operation failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Death {
    /// Its handler failed as often as it may.
    Attempts,
    /// It waited too long.
    TimeToLive,
    /// Nothing handles its kind.
    MissingHandler,
    /// Its handler gave it up.
    Handler,
    /// An operator gave it up.
    Operator,
}

impl Death {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Attempts, Self::TimeToLive, Self::MissingHandler, Self::Handler, Self::Operator];

    /// The stable code.
    pub const fn code(self) -> Code {
        match self {
            Self::MissingHandler => Code::MissingHandler,
            Self::TimeToLive => Code::OperationExpired,
            Self::Attempts | Self::Handler | Self::Operator => Code::HandlerFailed,
        }
    }
}

/// An operation that failed for good, for whoever looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterBody {
    /// What should have handled it.
    pub kind: OperationKind,
    /// What it was given; nothing if that was too large to be kept.
    pub payload: Option<JsonText>,
    /// Bytes of what it was given.
    pub payload_size: u64,
    /// The schema that the payload was written for.
    pub schema: u32,
    /// Whether its receipt never leaves.
    pub is_permanent: bool,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it failed for good.
    pub died: Birth,
    /// Why.
    pub death: Death,
    /// What went wrong last.
    pub error: Arc<str>,
    /// How often it was tried.
    pub tries: u32,
    /// The operation that tries it again.
    pub requeued_as: Option<OperationId>,
}

/// What a row of the operations of a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerBody {
    /// Of [`LedgerKey::Queue`].
    Queue(QueueBody),
    /// Of [`LedgerKey::Head`].
    Head(HeadBody),
    /// Of [`LedgerKey::Pending`].
    Pending(Arc<PendingBody>),
    /// Of [`LedgerKey::Receipt`].
    Receipt(Box<ReceiptBody>),
    /// Of [`LedgerKey::Order`], whose name says everything.
    Order,
    /// Of [`LedgerKey::DeadLetter`].
    DeadLetter(Arc<DeadLetterBody>),
}

impl LedgerBody {
    /// The count of operations, if it is that.
    pub fn queue(&self) -> Option<QueueBody> {
        if let Self::Queue(body) = self { Some(*body) } else { None }
    }

    /// The ledger in numbers, if it is that.
    pub fn head(&self) -> Option<HeadBody> {
        if let Self::Head(body) = self { Some(*body) } else { None }
    }

    /// An operation that waits, if it is that.
    pub fn pending(&self) -> Option<&Arc<PendingBody>> {
        if let Self::Pending(body) = self { Some(body) } else { None }
    }

    /// A receipt, if it is that.
    pub fn receipt(&self) -> Option<&ReceiptBody> {
        if let Self::Receipt(body) = self { Some(body) } else { None }
    }

    /// A dead letter, if it is that.
    pub fn dead_letter(&self) -> Option<&Arc<DeadLetterBody>> {
        if let Self::DeadLetter(body) = self { Some(body) } else { None }
    }

    /// Whether this is the body of a row of that name.
    pub fn belongs_to(&self, key: &LedgerKey) -> bool {
        matches!(
            (self, key),
            (Self::Queue(_), LedgerKey::Queue)
                | (Self::Head(_), LedgerKey::Head)
                | (Self::Pending(_), LedgerKey::Pending(_))
                | (Self::Receipt(_), LedgerKey::Receipt(_))
                | (Self::Order, LedgerKey::Order(..))
                | (Self::DeadLetter(_), LedgerKey::DeadLetter(_))
        )
    }
}

#[cfg(test)]
#[path = "body/tests.rs"]
mod tests;
