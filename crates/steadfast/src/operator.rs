//! What people do to records: look, edit, restore, delete and repair, with or without a running game.
//!
//! ```text
//!   Operator ─► may he? ─► intent in the log ─► one conditional write ─► end in the log ─► answer
//!                                │                     │
//!                                │                     └─ held by a game server: asked for it first
//!                                └─ a dry run stops before this, and answers what would happen
//! ```
//!
//! An operator works on stored JSON and knows no game: nothing is migrated, reconciled or checked
//! beyond what can be stored, and operations that wait are left to the game. What it writes is one
//! batch on exactly what it read, which moves the fence of the record, so that neither a session nor
//! another operator is overwritten unseen. Revisions that it makes are never thinned, nor those
//! before them.
//!
//! Every changing call has a [`Mandate`] and leaves a line in the [log](Operator::log): written
//! before it acts, completed before it answers. Calls that repair are closed until somebody says who
//! may make them ([`Operator::authorize`]).

mod access;
mod compact;
mod dry;
mod edit;
mod error;
mod export;
mod lists;
mod log;
mod look;
mod repair;
mod restore;
mod write;

use std::fmt;
use std::sync::Arc;

use steadfast_core::id::NameError;
use steadfast_core::{EntryId, EntryKey, Limits, Scope, StoreId};

use crate::Steadfast;

pub use access::{Action, Asked, Mandate, OPERATOR_NAME_SIZE_MAX, REASON_SIZE_MAX};
pub use compact::Compacted;
pub use edit::{Changed, OnlineEdit};
pub use error::OperatorError;
pub use export::ExportHistory;
pub use lists::{SESSIONS_EXAMINED_MAX, ServerInfo, ServerPage, SessionInfo, SessionPage};
pub use log::{LOG_STORE, LineState, LogLine, LogPage, LogPosition};
pub use look::{HistoryQuery, LeaseInfo, LedgerInfo, Liveness, RecordInfo};
pub use repair::{Ended, NewOperation, QueuedOperation, Taken};
pub use restore::{Restore, RestoreTo};
pub use steadfast_core::document::Change;
pub use steadfast_core::operation::{
    DeadLetter, InboxPage, OperationView, PendingOperation, ReceiptBody,
};
pub use steadfast_core::platform::{EntryState, ListedRevision, RevisionId, RevisionPage, Which};
pub use steadfast_core::record::{Fence, Usage};

/// A key of a record, or text that is one: what calls of an operator take.
pub trait AsKey: Sync {
    /// The key.
    ///
    /// # Errors
    /// [`NameError`]: that is no key within these limits.
    fn to_key(&self, limits: &Limits) -> Result<EntryKey, NameError>;
}

impl AsKey for EntryKey {
    fn to_key(&self, _: &Limits) -> Result<EntryKey, NameError> {
        Ok(self.clone())
    }
}

impl AsKey for str {
    fn to_key(&self, limits: &Limits) -> Result<EntryKey, NameError> {
        EntryKey::parse(self, limits)
    }
}

impl AsKey for String {
    fn to_key(&self, limits: &Limits) -> Result<EntryKey, NameError> {
        self.as_str().to_key(limits)
    }
}

/// Decides whether something may be done.
type Authorize = Arc<dyn Fn(&Asked<'_>) -> bool + Send + Sync>;

/// Somebody who looks after the records of a data store and scope. A cheap handle.
///
/// # Example
/// ```
/// use steadfast::operator::Mandate;
/// use steadfast::{Code, Options, Steadfast};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Steadfast::in_memory(Options::default())?;
/// let players = db.values("PlayerData").await?;
/// let p = players.open("7").await?;
/// p.set("coins", 5)?;
/// p.release().await?;
///
/// let alice = players.operator("alice");
/// let mandate = Mandate::because("ticket 81: lost in an outage");
/// let changed = alice.update("7", &mandate, |draft| Ok(draft.add("coins", 100).map(|_| ())?)).await?;
/// assert_eq!(changed.differences[0].path.to_string(), "coins");
/// assert_eq!(alice.log(None, 10).await.unwrap_err().code(), Code::AdminAccessDisabled);
///
/// let alice = alice.authorize(|asked| asked.operator == "alice");
/// assert_eq!(alice.log(None, 10).await?.lines[0].reason, "ticket 81: lost in an outage");
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct Operator {
    db: Steadfast,
    store: StoreId,
    scope: Scope,
    name: Arc<str>,
    authorize: Option<Authorize>,
}

impl Operator {
    pub(crate) fn new(db: Steadfast, store: StoreId, scope: Scope, name: Arc<str>) -> Self {
        Self { db, store, scope, name, authorize: None }
    }

    /// Asks this about every call from now on, repairs among them. Without it nobody repairs.
    #[must_use]
    pub fn authorize(self, decide: impl Fn(&Asked<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { authorize: Some(Arc::new(decide)), ..self }
    }

    /// The data store.
    pub fn store(&self) -> &StoreId {
        &self.store
    }

    /// The scope in it.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The name that the log has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A key, or what is one as text.
    ///
    /// # Errors
    /// [`OperatorError::Name`]: that is no key.
    pub fn key(&self, key: &(impl AsKey + ?Sized)) -> Result<EntryKey, OperatorError> {
        Ok(key.to_key(self.db.limits())?)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &EntryKey) -> EntryId {
        let (store, scope) = (self.store.clone(), self.scope.clone());
        EntryId { store, scope, key: key.clone() }
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator")
            .field("name", &self.name)
            .field("store", &self.store)
            .field("scope", &self.scope)
            .field("is_open", &self.authorize.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::{StoreName, UniverseId};

    use super::*;
    use crate::Options;

    fn sendable<T: Send>(future: T) -> T {
        future
    }

    #[tokio::test]
    async fn a_key_may_be_text_and_the_store_says_whose_it_is() {
        let db = Steadfast::in_memory(Options::default()).unwrap();
        let players = db.values("s").await.unwrap().scope("eu").unwrap();
        let alice = players.operator("alice");
        let scope = Scope::parse("eu", db.limits()).unwrap();
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
        assert_eq!((alice.store(), alice.scope(), alice.name()), (&store, &scope, "alice"));
        players.open("7").await.unwrap().release().await.unwrap();
        for found in [
            alice.record("7").await,
            alice.record(&"7".to_owned()).await,
            alice.record(&EntryKey::trusted("7")).await,
        ] {
            assert_eq!(found.unwrap().entry.key.as_str(), "7");
        }
        let refused = alice.record("").await.unwrap_err();
        assert_eq!(refused.code(), steadfast_core::Code::InvalidName);
    }

    #[tokio::test]
    async fn calls_may_be_made_from_any_task() {
        let db = Steadfast::in_memory(Options::default()).unwrap();
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
        let alice = db.operator(store, Scope::global(), "alice").authorize(|_| true);
        let (key, mandate) = (EntryKey::trusted("7"), Mandate::because("ticket"));
        let edit = sendable(alice.update(&key, &mandate, |_| Ok(()))).await;
        assert_eq!(edit.unwrap_err().code(), steadfast_core::Code::EntryNotFound);
        let to = Restore::to(RestoreTo::Revision(RevisionId::from_client("x")));
        assert!(sendable(alice.restore(&key, &mandate, to)).await.is_err());
        assert!(sendable(alice.delete(&key, &mandate, "")).await.is_err());
        assert!(sendable(alice.steal(&key, &mandate)).await.is_err());
        assert!(sendable(alice.compact(&key, &mandate)).await.is_ok());
        assert!(sendable(alice.export(&key, ExportHistory::Values)).await.is_ok());
        assert_eq!(sendable(alice.log(None, 10)).await.unwrap().lines.len(), 4);
    }
}
