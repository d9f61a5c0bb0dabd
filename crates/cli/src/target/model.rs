//! What commands say to a target, and what it answers.

use std::fmt;
use std::time::Duration;

use steadfast_core::key::KeyScope;
use steadfast_core::platform::History;
use steadfast_core::{ApiKeyId, Timestamp, UniverseId};

/// An entry by its name, as it was typed. Whoever holds the data checks it.
#[derive(Clone, Debug)]
pub(crate) struct EntryName {
    pub(crate) universe: UniverseId,
    pub(crate) store: String,
    pub(crate) scope: String,
    pub(crate) key: String,
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.universe, self.store, self.scope, self.key)
    }
}

/// What an entry is to hold.
#[derive(Debug)]
pub(crate) struct NewState {
    pub(crate) value: Vec<u8>,
    pub(crate) users: Vec<String>,
    pub(crate) attributes: String,
    pub(crate) when: When,
    /// Also from a game server that holds the entry.
    pub(crate) force: bool,
}

/// How an earlier revision is written again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restoring<'a> {
    pub(crate) revision: &'a str,
    /// The version that the entry must be at.
    pub(crate) at: Option<&'a str>,
    /// Also from a game server that holds the entry.
    pub(crate) force: bool,
}

/// What is added to the number of an entry, and what stands beside it from then on.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) by: i64,
    pub(crate) users: Vec<String>,
    pub(crate) attributes: String,
}

/// What must hold of an entry for it to be written.
#[derive(Debug)]
pub(crate) enum When {
    Always,
    Missing,
    AtVersion(String),
}

/// One state of an entry.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) written: Written,
    pub(crate) users: Vec<String>,
    /// A JSON object.
    pub(crate) attributes: String,
    /// JSON, byte for byte as it was sent.
    pub(crate) value: String,
}

/// One write of an entry.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) version: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Of the value, in bytes.
    pub(crate) value_size: u64,
}

/// A key to be made.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    pub(crate) scopes: Vec<KeyScope>,
    /// Empty for all.
    pub(crate) universes: Vec<UniverseId>,
    /// Empty for all.
    pub(crate) stores: Vec<String>,
    pub(crate) expires_in: Option<Duration>,
}

/// An API key without its secret.
#[derive(Debug)]
pub(crate) struct KeyInfo {
    pub(crate) id: ApiKeyId,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    /// None for all.
    pub(crate) universes: Option<Vec<String>>,
    /// None for all.
    pub(crate) stores: Option<Vec<String>>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked: bool,
}

/// A key that was just made.
#[derive(Debug)]
pub(crate) struct CreatedKey {
    pub(crate) id: ApiKeyId,
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) expires_at: Option<Timestamp>,
}

/// A data store by its name, as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct StoreRef {
    pub(crate) universe: UniverseId,
    pub(crate) name: String,
}

impl StoreRef {
    /// An entry of it.
    pub(crate) fn entry(&self, scope: &str, key: &str) -> EntryName {
        EntryName {
            universe: self.universe,
            store: self.name.clone(),
            scope: scope.to_owned(),
            key: key.to_owned(),
        }
    }
}

impl fmt::Display for StoreRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.universe, self.name)
    }
}

/// A board by its name, as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct BoardRef {
    pub(crate) universe: UniverseId,
    pub(crate) store: String,
    pub(crate) scope: String,
}

impl fmt::Display for BoardRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.universe, self.store, self.scope)
    }
}

/// A key on a board.
#[derive(Clone, Debug)]
pub(crate) struct OrderedName {
    pub(crate) board: BoardRef,
    pub(crate) key: String,
}

impl fmt::Display for OrderedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.board, self.key)
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// What the next page is asked for with; none at the end.
    pub(crate) next: Option<String>,
}

/// Which data stores are listed.
#[derive(Debug)]
pub(crate) struct StoreQuery {
    pub(crate) universe: UniverseId,
    pub(crate) prefix: String,
    pub(crate) with_deleted: bool,
}

/// A data store as a whole. Lists of a server leave some of it out.
#[derive(Debug)]
pub(crate) struct StoreInfo {
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Option<Timestamp>,
    /// When a deleted one is purged.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) is_deleted: bool,
    /// Which revisions its entries keep, if it has a choice of its own and it is known.
    pub(crate) history: Option<History>,
}

/// Which entries are listed.
#[derive(Debug)]
pub(crate) struct EntryQuery {
    pub(crate) store: StoreRef,
    /// None for all.
    pub(crate) scope: Option<String>,
    /// What keys start with.
    pub(crate) prefix: String,
    pub(crate) with_deleted: bool,
    pub(crate) page_size: usize,
}

/// An entry of a list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) scope: String,
    pub(crate) key: String,
    pub(crate) is_deleted: bool,
}

/// Which revisions are listed.
#[derive(Debug)]
pub(crate) struct RevisionQuery {
    pub(crate) entry: EntryName,
    pub(crate) oldest_first: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) page_size: usize,
}

/// A revision of a list.
#[derive(Debug)]
pub(crate) struct RevisionInfo {
    pub(crate) version: String,
    pub(crate) updated_at: Timestamp,
    pub(crate) is_deleted: bool,
    /// None of a deletion.
    pub(crate) value_size: Option<u64>,
}

/// Which keys of a board are listed.
#[derive(Debug)]
pub(crate) struct BoardQuery {
    pub(crate) board: BoardRef,
    pub(crate) ascending: bool,
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) page_size: usize,
}

/// A key of a board with its value.
#[derive(Debug)]
pub(crate) struct BoardItem {
    pub(crate) key: String,
    pub(crate) value: i64,
}

/// Where a key stands on its board.
#[derive(Clone, Debug)]
pub(crate) struct Standee {
    pub(crate) key: String,
    pub(crate) value: i64,
    /// Nobody shares it.
    pub(crate) position: u64,
    /// Shared by equal values.
    pub(crate) rank: u64,
}

/// Where a key stands, among how many, and who is around it.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) own: Standee,
    pub(crate) entry_count: u64,
    pub(crate) around: Vec<Standee>,
}
