//! Data stores as the live service defines them, planned as conditional batches.
//!
//! A [`Request`] becomes an [`Execution`]: an object that says what to read or commit next and is
//! told what came of it. It never waits and never asks a clock, so that the server, the simulator
//! and a unit test drive the same decisions.
//!
//! ```text
//!   Request ─► Execution ── Read ──► rows ──► plan ── Commit ──► Committed ─► answer
//!                  ▲                           ▲         │
//!                  │                           └─ Refused: the rows came along, plan again
//!                  └─ Unknown: read, and decide from the revision what became of it
//! ```
//!
//! Invariants: a condition on a revision never inserts; a deletion leaves a tombstone whose counter
//! goes on; a read error is never "no data"; an answer other than "unknown" is certain.
//!
//! Every revision is kept. Which of them may go, and when, is not decided here.

mod answer;
mod execution;
mod increment;
mod lanes;
mod plan;
mod request;
mod revision_id;
mod update;

pub use answer::{EntryState, PlatformError};
pub use execution::{ATTEMPTS_MAX, Execution, Input, SETTLES_MAX, Step};
pub use increment::{AmountError, Increment, parse_amount};
pub use lanes::{Admission, Lanes};
pub use request::{Get, Permit, Remove, Request, Set, When, Which};
pub use revision_id::RevisionId;
pub use update::{UPDATE_ATTEMPTS_MAX, Update, UpdateStep};

#[cfg(test)]
mod tests;
