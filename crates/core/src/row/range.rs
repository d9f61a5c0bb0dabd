//! Runs of rows, and the boards and spans that they cover.

use std::fmt;
use std::sync::Arc;

use crate::id::{ApiKeyId, EntryId, EntryKey, Scope, ServerId, StoreId, StoreName, UniverseId};
use crate::operation::{LedgerKey, LedgerRun};
use crate::row::Reviewed;
use crate::time::UtcHour;

/// The direction of a run of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// From the smallest on.
    Ascending,
    /// From the largest on: the exact reverse.
    Descending,
}

/// Which scopes and keys of a data store a run covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Every key of the scopes that start with this text; of all scopes if it is empty.
    Scopes(Arc<str>),
    /// The keys of one scope that start with this text; all of them if it is empty.
    Keys(Scope, Arc<str>),
}

impl Span {
    /// The whole data store.
    pub fn all() -> Self {
        Self::Scopes("".into())
    }

    /// Whether an entry of this scope and key is covered.
    pub fn covers(&self, scope: &Scope, key: &EntryKey) -> bool {
        match self {
            Self::Scopes(prefix) => scope.as_str().starts_with(&**prefix),
            Self::Keys(only, prefix) => scope == only && key.as_str().starts_with(&**prefix),
        }
    }
}

/// One board: what an ordered data store holds in one scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoardId {
    /// The universe and the ordered data store.
    pub store: StoreId,
    /// The scope within it.
    pub scope: Scope,
}

impl BoardId {
    /// The board of an entry.
    pub fn of(entry: &EntryId) -> Self {
        Self { store: entry.store.clone(), scope: entry.scope.clone() }
    }

    /// An entry of the board.
    pub fn entry(&self, key: EntryKey) -> EntryId {
        EntryId { store: self.store.clone(), scope: self.scope.clone(), key }
    }
}

impl fmt::Display for BoardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.scope)
    }
}

/// A run of rows of one family, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowRange {
    /// The data stores of a universe whose names start with a text, by name.
    Stores {
        /// Whose stores.
        universe: UniverseId,
        /// What the names start with.
        prefix: Arc<str>,
        /// Start behind this name.
        after: Option<StoreName>,
    },
    /// The data stores of all universes, by universe and name.
    AllStores {
        /// Start behind this one.
        after: Option<StoreId>,
    },
    /// The entries of a data store, tombstones included, by scope and then key, in byte order.
    Entries {
        /// Whose entries.
        store: StoreId,
        /// Which of them.
        span: Span,
        /// Start behind this entry, whether it is in the span or not.
        after: Option<(Scope, EntryKey)>,
    },
    /// The history of an entry, by counter.
    Revisions {
        /// Whose history.
        entry: EntryId,
        /// In which direction.
        order: Order,
        /// Start beyond this counter: above it ascending, below it descending.
        beyond: Option<u64>,
    },
    /// All API keys, by id.
    ApiKeys {
        /// Start behind this key.
        after: Option<ApiKeyId>,
    },
    /// The entries of a board that have a value, by value and then key, in byte order. Those that
    /// were removed are not among them.
    Board {
        /// Whose entries.
        board: BoardId,
        /// In which direction, also among equal values.
        order: Order,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
        /// Start beyond this value and key, whether there is such an entry or not.
        beyond: Option<(i64, EntryKey)>,
    },
    /// Every row of an ordered data store, removed ones included, by scope and then key.
    Ordered {
        /// Whose entries.
        store: StoreId,
        /// Start behind this entry.
        after: Option<(Scope, EntryKey)>,
    },
    /// The reminders up to an hour, by hour and then what they are of.
    Reviews {
        /// The last hour.
        through: UtcHour,
        /// Start behind this one.
        after: Option<(UtcHour, Reviewed)>,
    },
    /// Who may write the entries of a data store, by scope and then key.
    Records {
        /// Whose records.
        store: StoreId,
        /// Start behind this entry.
        after: Option<(Scope, EntryKey)>,
    },
    /// The presence of all game servers, by id.
    Presences {
        /// Start behind this server.
        after: Option<ServerId>,
    },
    /// The mail of a game server, by entry.
    Mail {
        /// Whose mail.
        server: ServerId,
        /// Start behind this entry.
        after: Option<EntryId>,
    },
    /// Rows of the operations of a record, in the order of their names.
    Ledger {
        /// Of which record.
        entry: EntryId,
        /// Which of them.
        run: LedgerRun,
        /// Start behind this one, whether it is of the run and there or not.
        after: Option<LedgerKey>,
    },
}
