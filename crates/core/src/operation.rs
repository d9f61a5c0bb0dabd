//! Durable operations: work on one record that survives whoever asked for it.
//!
//! ```text
//!   queue ──► Pending(seq) + Receipt(id): pending        one batch, created if absent
//!                 │ the holder reads, applies to memory
//!                 ▼
//!   save  ──► data + Receipt(id): applied, Pending gone   one batch, under the fence
//!                 │ later
//!                 ▼
//!   prune ──► Receipt(id): kept ──► gone, and the horizon rises to its issue time
//! ```
//!
//! Rows beside the record, all of one family ([`LedgerKey`]):
//!
//! | row | holds | written by |
//! |---|---|---|
//! | `Queue` | how many were ever queued | who queues, on its revision |
//! | `Pending(seq)` | the payload; a verdict of an operator | who queues, operators; deleted by the holder |
//! | `Receipt(id)` | what became of an operation, from its queueing on | who queues, if absent; then the holder |
//! | `Head` | the horizon, counts and sizes | the holder |
//! | `Order(tier, time, id)` | nothing: its name orders what may be pruned | the holder |
//! | `DeadLetter(id)` | an operation that failed for good | the holder |
//!
//! Invariants: what an operation changes and its receipt are one batch; an id is in one state at a
//! time; a queueing never makes a save fail, because of the rows that who queues writes a save depends
//! on none but those of the operations that it ends; an id leaves only after its pending row is gone,
//! and never below the horizon that its
//! leaving raised.

mod body;
mod builtin;
mod handler;
mod inbox;
mod judge;
mod ledger;
mod machine;
mod queue;
mod reads;
mod request;
mod settings;
mod stored;

pub use body::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, LedgerRun, OperationStatus,
    PayloadHash, PendingBody, QueueBody, ReceiptBody, ReceiptState, Receipted, Tier, Tries,
    Verdict,
};
pub use builtin::{ADD, BUILT_IN_PREFIX, REMOVE, SET};
pub use handler::{Handled, HandlerError, HandlerFn, Handlers, ReservedKind};
pub(crate) use inbox::InboxReader;
pub use ledger::AGED_MAX;
pub(crate) use ledger::{LedgerPlanner, LedgerRows, LedgerTerms};
pub(crate) use machine::OperationMachine;
pub use reads::LEDGER_PAGE_MAX;
pub use request::{
    Attempt, DeadLetter, InboxPage, JudgeOperation, JudgeOutcome, JudgeRefusal, Judged,
    LedgerWrite, OperationView, PendingOperation, QueueOperation, QueueOutcome, QueueRefusal,
    Queued, Settlement,
};
pub use settings::{OperationSettings, UnknownOperationPolicy};
pub use stored::REASON_SIZE_MAX;

#[cfg(test)]
mod tests;
