//! API keys: what they may do, decided without knowing their secret.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::{StoreId, StoreName, UniverseId};
use crate::row::Birth;
use crate::time::Timestamp;

/// One right of an API key, named as the live service names it (contract section 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyScope {
    /// Our own: everything under `/steadfast/v1/admin`.
    Admin,
    /// The first write to a data store that does not exist yet.
    StoreCreate,
    /// Read entries.
    EntryRead,
    /// Write entries that do not exist.
    EntryCreate,
    /// Write entries that exist.
    EntryUpdate,
    /// Delete entries.
    EntryDelete,
    /// List entries.
    EntryList,
    /// List the revisions of entries.
    RevisionList,
    /// Read earlier revisions (v1 only).
    RevisionRead,
    /// List data stores.
    StoreList,
    /// Delete data stores, and take that back.
    StoreDelete,
    /// Take snapshots.
    StoreSnapshot,
    /// Read and list entries of ordered data stores.
    OrderedRead,
    /// Write and remove entries of ordered data stores.
    OrderedWrite,
}

impl KeyScope {
    /// Every scope there is.
    pub const ALL: [Self; 14] = [
        Self::Admin,
        Self::StoreCreate,
        Self::EntryRead,
        Self::EntryCreate,
        Self::EntryUpdate,
        Self::EntryDelete,
        Self::EntryList,
        Self::RevisionList,
        Self::RevisionRead,
        Self::StoreList,
        Self::StoreDelete,
        Self::StoreSnapshot,
        Self::OrderedRead,
        Self::OrderedWrite,
    ];

    /// The name of the scope.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "steadfast.admin",
            Self::StoreCreate => "universe-datastores.control:create",
            Self::EntryRead => "universe-datastores.objects:read",
            Self::EntryCreate => "universe-datastores.objects:create",
            Self::EntryUpdate => "universe-datastores.objects:update",
            Self::EntryDelete => "universe-datastores.objects:delete",
            Self::EntryList => "universe-datastores.objects:list",
            Self::RevisionList => "universe-datastores.versions:list",
            Self::RevisionRead => "universe-datastores.versions:read",
            Self::StoreList => "universe-datastores.control:list",
            Self::StoreDelete => "universe-datastores.control:delete",
            Self::StoreSnapshot => "universe-datastores.control:snapshot",
            Self::OrderedRead => "universe.ordered-data-store.scope.entry:read",
            Self::OrderedWrite => "universe.ordered-data-store.scope.entry:write",
        }
    }

    /// The scope of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a key is limited to, where it is limited at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only<T> {
    /// Everything.
    Any,
    /// Only these.
    These(BTreeSet<T>),
}

impl<T: Ord> Only<T> {
    /// Whether the item is covered.
    pub fn covers(&self, item: &T) -> bool {
        match self {
            Self::Any => true,
            Self::These(items) => items.contains(item),
        }
    }
}

/// What the store keeps of an API key. The secret itself is shown once and kept by nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    /// What it may do.
    pub scopes: BTreeSet<KeyScope>,
    /// In which universes.
    pub universes: Only<UniverseId>,
    /// In which data stores of these.
    pub stores: Only<StoreName>,
    /// When it was made.
    pub birth: Birth,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Whether it was revoked. A revoked key stays listed.
    pub revoked: bool,
}

impl ApiKey {
    /// Whether the key is accepted at all at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Whether the key may do something that concerns no data store.
    pub fn allows(&self, scope: KeyScope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the key may do something to a universe as a whole. What concerns its data stores may
    /// be limited to some of them all the same.
    pub fn allows_in_universe(&self, scope: KeyScope, universe: UniverseId) -> bool {
        self.scopes.contains(&scope) && self.universes.covers(&universe)
    }

    /// Whether the key may do something to a data store.
    pub fn allows_in(&self, scope: KeyScope, store: &StoreId) -> bool {
        self.scopes.contains(&scope)
            && self.universes.covers(&store.universe)
            && self.stores.covers(&store.name)
    }
}

impl fmt::Debug for ApiKey {
    /// Leaves the digest out: logs are read by many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .field("universes", &self.universes)
            .field("stores", &self.stores)
            .field("expires_at", &self.expires_at)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey {
            name: "tests".into(),
            digest: [0xaa; 32],
            scopes: [KeyScope::EntryRead].into(),
            universes: Only::These([UniverseId(1)].into()),
            stores: Only::These([StoreName::trusted("Players")].into()),
            birth: Birth::ThisWrite,
            expires_at: Some(Timestamp::from_unix_seconds(100)),
            revoked: false,
        }
    }

    #[test]
    fn scope_names_are_read_as_they_are_written() {
        for scope in KeyScope::ALL {
            assert_eq!(KeyScope::parse(scope.name()), Some(scope));
        }
        assert_eq!(KeyScope::parse("universe-datastores.objects"), None);
    }

    #[test]
    fn a_key_is_dead_from_its_expiry_on_and_once_revoked() {
        assert!(key().is_live(Timestamp::from_ticks(100 * 10_000_000 - 1)));
        assert!(!key().is_live(Timestamp::from_unix_seconds(100)));
        assert!(!ApiKey { revoked: true, ..key() }.is_live(Timestamp::EPOCH));
        assert!(ApiKey { expires_at: None, ..key() }.is_live(Timestamp::from_ticks(i64::MAX)));
    }

    #[test]
    fn a_key_needs_scope_universe_and_store_together() {
        let store = |universe, name| StoreId {
            universe: UniverseId(universe),
            name: StoreName::trusted(name),
        };
        assert!(key().allows_in(KeyScope::EntryRead, &store(1, "Players")));
        assert!(!key().allows_in(KeyScope::EntryUpdate, &store(1, "Players")));
        assert!(!key().allows_in(KeyScope::EntryRead, &store(2, "Players")));
        assert!(!key().allows_in(KeyScope::EntryRead, &store(1, "Other")));
        let any = ApiKey { universes: Only::Any, stores: Only::Any, ..key() };
        assert!(any.allows_in(KeyScope::EntryRead, &store(9, "Other")));
        assert!(!any.allows(KeyScope::Admin));
    }

    #[test]
    fn a_key_needs_scope_and_universe_for_a_universe_as_a_whole() {
        let allows = |scope, universe| key().allows_in_universe(scope, UniverseId(universe));
        assert!(allows(KeyScope::EntryRead, 1));
        assert!(!allows(KeyScope::StoreList, 1));
        assert!(!allows(KeyScope::EntryRead, 2));
    }

    #[test]
    fn the_digest_is_not_printed() {
        assert!(!format!("{:?}", key()).contains("170"));
    }
}
