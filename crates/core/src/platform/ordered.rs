//! Ordered data stores: integers, listed by value, with places that are exact.
//!
//! An entry holds one integer and has no history (O-06). Its removal leaves a row without a value
//! for [`RETENTION`](super::RETENTION), so that no late copy of an earlier write brings it back.
//!
//! Ordered data stores have no row of their own, no metadata and no rights to create (K-13): one
//! write is one row, and a removal one more, the reminder that its own row may go some day.

mod execution;
mod listing;

pub use execution::OrderedExecution;
pub use listing::OrderedListing;

use crate::id::{EntryId, EntryKey, Revision, WriteId};
use crate::platform::Page;
use crate::row::{BoardId, Order};
use crate::time::Timestamp;

/// One request on one entry of an ordered data store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedRequest {
    /// Which entry.
    pub entry: EntryId,
    /// What is done.
    pub action: OrderedAction,
    /// Names this write, if it is one. Sent again with this id it counts once while it is the
    /// entry's last.
    pub write_id: WriteId,
}

/// What is done to an entry of an ordered data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedAction {
    /// Nothing: tells its value.
    Get,
    /// Gives it a value.
    Set {
        /// The value.
        value: i64,
        /// What must hold before.
        when: OrderedWhen,
    },
    /// Adds to its value; a missing entry counts as 0 (O-07). A sum beyond the range of `i64` is
    /// refused.
    Increment {
        /// How much.
        by: i64,
    },
    /// Removes it, for good (O-06). Sent again after it happened, there is nothing to remove.
    Remove,
}

/// What must hold of an entry of an ordered data store for it to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedWhen {
    /// Nothing.
    Always,
    /// It has no value.
    Missing,
    /// It has a value.
    Exists,
}

/// An entry of an ordered data store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedState {
    /// The entry.
    pub entry: EntryId,
    /// Its value: after a write, the new one; after a removal, the one before.
    pub value: i64,
    /// Which write of the entry.
    pub revision: Revision,
    /// When that was.
    pub updated_at: Timestamp,
}

/// Lists a board by value (O-02).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOrdered {
    /// Which board.
    pub board: BoardId,
    /// In which direction, also among equal values (O-05).
    pub order: Order,
    /// The smallest value, included (O-04).
    pub min: i64,
    /// The largest value, included.
    pub max: i64,
    /// Start beyond this value and key.
    pub beyond: Option<(i64, EntryKey)>,
    /// Most items of the page; at least one is looked for.
    pub page_size: usize,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedItem {
    /// The key.
    pub key: EntryKey,
    /// Its value.
    pub value: i64,
}

/// A page of a board.
pub type OrderedPage = Page<OrderedItem, (i64, EntryKey)>;

/// Most neighbours that are told on each side of an entry.
pub const AROUND_MAX: usize = 100;

/// Asks where an entry stands on its board, and who stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindStanding {
    /// Which entry.
    pub entry: EntryId,
    /// Which end of the board comes first: descending where the largest value is the best.
    pub order: Order,
    /// How many neighbours are wanted on each side, at most [`AROUND_MAX`].
    pub around: usize,
}

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub key: EntryKey,
    /// Its value.
    pub value: i64,
    /// Its place in the order of values and then keys, from 1 on: nobody shares it.
    pub position: u64,
    /// 1 more than the number of strictly better values: shared by equals.
    pub rank: u64,
}

/// Where an entry stands among how many, and its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The entry.
    pub place: Place,
    /// How many entries the board has.
    pub entry_count: u64,
    /// The entry and its neighbours, in order.
    pub around: Vec<Place>,
}

#[cfg(test)]
#[path = "ordered/tests.rs"]
mod tests;
