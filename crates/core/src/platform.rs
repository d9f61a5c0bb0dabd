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
//! goes on; a read error is never "no data"; an answer other than "unknown" is certain; no write
//! goes past the game server that holds the entry's record, unless an administrator forces it.
//!
//! [`History`] says which revisions are kept, [`Settings`] what the platform does where the live
//! service leaves it open.

mod answer;
mod beside;
mod execution;
mod history;
mod increment;
mod lanes;
mod list;
mod lookup;
mod manage;
mod operation;
mod ordered;
mod plan;
mod remove_revision;
mod request;
mod revision_id;
mod settings;
mod sweep;
mod update;

pub use answer::{EntryHead, EntryState, PlatformError};
pub use execution::{ATTEMPTS_MAX, Execution, SETTLES_MAX};
pub use history::{
    Chronicle, History, Past, REMAINS, RETENTION, Rule, deleted_at, is_purged, review_hour,
};
pub use increment::{AmountError, Increment, parse_amount};
pub use lanes::{Admission, Lanes};
pub use list::{
    EXAMINED_MAX, EntryListing, EntryPage, ListEntries, ListRevisions, ListStores, ListedEntry,
    ListedRevision, PAGE_SIZE_MAX, Page, REVISIONS_LEFT_OUT_MAX, RemoveRevision, RevisionListing,
    RevisionPage, StoreListing, StorePage, scope_spans,
};
pub use manage::{
    Planned, RowChange, RowMachine, Snapshot, StoreChange, StoreInfo, StoreRequest, TakeSnapshot,
};
pub use operation::{Input, Machine, Operation, Step};
pub use ordered::{
    AROUND_MAX, FindStanding, ListOrdered, OrderedAction, OrderedExecution, OrderedItem,
    OrderedListing, OrderedPage, OrderedRequest, OrderedState, OrderedWhen, Place, Standing,
};
pub(crate) use plan::{Base, Change, Terms, as_read, expect_row, plan_entry};
pub use plan::{EntryBase, StoreBase};
pub use remove_revision::Removal;
pub use request::{Get, Permit, Remove, Request, Restore, Set, When, Which};
pub use revision_id::RevisionId;
pub use settings::Settings;
pub use sweep::{Sweep, SweepOnce, SweepReport};
pub use update::{UPDATE_ATTEMPTS_MAX, Update, UpdateStep};

#[cfg(test)]
pub(crate) mod tests;
