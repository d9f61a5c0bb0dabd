//! Data stores as a whole.

use steadfast_core::platform::{Snapshot, StoreChange};
use steadfast_core::{ErrorKind, UniverseId};

use crate::failure::{Failure, Result};
use crate::target::{Page, StoreInfo, StoreQuery, StoreRef, Target};

impl Target {
    /// Makes sure that there is a data store: lists of a missing one are only empty.
    pub(crate) async fn check_store(&self, store: &StoreRef) -> Result<()> {
        let info = self.change_store(store, StoreChange::Look).await?;
        if info.is_deleted {
            let failure = Failure::new(ErrorKind::NotFound, format!("`{store}` is deleted"));
            return Err(failure.hint("`store undelete` takes that back until it is purged"));
        }
        Ok(())
    }

    /// Lists data stores by name.
    pub(crate) async fn list_stores(
        &self,
        query: &StoreQuery,
        cursor: Option<&str>,
    ) -> Result<Page<StoreInfo>> {
        match self {
            Self::Directory(directory) => directory.list_stores(query, cursor).await,
            Self::Server(server) => server.list_stores(query, cursor).await,
        }
    }

    /// Looks at a data store, or changes it.
    pub(crate) async fn change_store(
        &self,
        store: &StoreRef,
        change: StoreChange,
    ) -> Result<StoreInfo> {
        match self {
            Self::Directory(directory) => directory.change_store(store, change).await,
            Self::Server(server) => server.change_store(store, change).await,
        }
    }

    /// Takes the snapshot of the day, if there is none yet.
    pub(crate) async fn take_snapshot(&self, universe: UniverseId) -> Result<Snapshot> {
        match self {
            Self::Directory(directory) => directory.take_snapshot(universe).await,
            Self::Server(server) => server.take_snapshot(universe).await,
        }
    }
}
