//! Requests on a data store or a universe as a whole.
//!
//! Each changes one row, or nothing: [`RowMachine`] carries it out, the files here only plan. None
//! of them takes a lane; two that meet are told apart by the revision of the row.

use crate::id::{StoreId, UniverseId, WriteId};
use crate::platform::{History, RETENTION, is_purged};
use crate::row::{Row, RowBody, RowKey};
use crate::time::Timestamp;

mod row_machine;
mod snapshot;
mod store;

pub use row_machine::{Planned, RowChange, RowMachine};

/// Looks at a data store as a whole, or changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRequest {
    /// Which data store.
    pub store: StoreId,
    /// What is done to it.
    pub change: StoreChange,
    /// Names this write.
    pub write_id: WriteId,
}

/// What is done to a data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreChange {
    /// Nothing: tells what there is.
    Look,
    /// Deletes it: its entries are out of reach at once and go 30 days later. Nothing happens if it
    /// is deleted already (H-31).
    Delete,
    /// Takes the deletion back within 30 days (H-32). Nothing happens if it is not deleted.
    Undelete,
    /// Chooses which revisions its entries keep; nothing for the choice of the settings.
    History(Option<History>),
}

/// A data store as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreInfo {
    /// The data store.
    pub store: StoreId,
    /// When its first entry was written.
    pub created_at: Timestamp,
    /// When its row was last written: created, deleted, or set up.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
    /// Which revisions its entries keep, if it has a choice of its own.
    pub history: Option<History>,
}

impl StoreInfo {
    /// What the row of a data store tells; nothing if it is a row of another family.
    pub fn of_row(row: &Row) -> Option<Self> {
        let (RowKey::Store(store), RowBody::Store(body)) = (&row.key, &row.body) else {
            return None;
        };
        Some(Self {
            store: store.clone(),
            created_at: body.birth.time(row.stamped_at),
            updated_at: row.stamped_at,
            deleted_at: body.deleted.map(|deleted| deleted.time(row.stamped_at)),
            history: body.history,
        })
    }

    /// When a deleted data store is purged.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.deleted_at.map(|at| at.saturating_add(RETENTION))
    }

    /// Whether the time of a deleted data store is over. It cannot be brought back from then on, and
    /// its name is free once it is purged. Until then writes to it are refused as before.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.deleted_at.is_some_and(|deleted_at| is_purged(deleted_at, now))
    }
}

/// Takes a snapshot of a universe, once a day of UTC (H-33): the current revision of every entry is
/// kept when it is next written, also within the hour (V-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeSnapshot {
    /// Of which universe.
    pub universe: UniverseId,
    /// Names this write.
    pub write_id: WriteId,
}

/// The snapshot of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether the request took it.
    pub is_new: bool,
    /// When it was taken.
    pub taken_at: Timestamp,
}

#[cfg(test)]
mod tests;
