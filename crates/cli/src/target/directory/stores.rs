//! Data stores of a directory, their entries and revisions.

use std::sync::Arc;

use steadfast_core::platform::{
    self, ListEntries, ListRevisions, ListStores, ListedRevision, Snapshot, StoreChange,
    StoreRequest, TakeSnapshot,
};
use steadfast_core::row::Span;
use steadfast_core::{EntryKey, ErrorKind, Order, Scope, StoreId, StoreName, UniverseId};

use super::{Directory, entry_id, invalid, platform_failure};
use crate::failure::{Failure, Result};
use crate::target::{
    EntryQuery, Listed, Page, RevisionInfo, RevisionQuery, StoreInfo, StoreQuery, StoreRef,
};

impl Directory {
    pub(in crate::target) async fn list_stores(
        &self,
        query: &StoreQuery,
        cursor: Option<&str>,
    ) -> Result<Page<StoreInfo>> {
        let request = ListStores {
            universe: query.universe,
            prefix: Arc::from(&*query.prefix),
            with_deleted: query.with_deleted,
            after: cursor.map(StoreName::trusted),
            page_size: self.db.limits().page_size_max,
        };
        let page = self.db.list_stores(request).await.map_err(platform_failure)?;
        let items = page.items.iter().map(store_info).collect();
        Ok(Page { items, next: page.next.map(|name| name.as_str().to_owned()) })
    }

    pub(in crate::target) async fn change_store(
        &self,
        store: &StoreRef,
        change: StoreChange,
    ) -> Result<StoreInfo> {
        let (store, write_id) = (self.store_id(store)?, self.db.new_write_id());
        let request = StoreRequest { store, change, write_id };
        let info = self.db.manage_store(request).await.map_err(platform_failure)?;
        Ok(store_info(&info))
    }

    pub(in crate::target) async fn take_snapshot(&self, universe: UniverseId) -> Result<Snapshot> {
        let request = TakeSnapshot { universe, write_id: self.db.new_write_id() };
        self.db.take_snapshot(request).await.map_err(platform_failure)
    }

    pub(in crate::target) async fn list_entries(
        &self,
        query: &EntryQuery,
        cursor: Option<&str>,
    ) -> Result<Page<Listed>> {
        let prefix: Arc<str> = Arc::from(&*query.prefix);
        let span = match &query.scope {
            None => Span::all(),
            Some(scope) => {
                let scope = Scope::parse(scope, self.db.limits()).map_err(invalid)?;
                Span::Keys(scope, Arc::clone(&prefix))
            }
        };
        let request = ListEntries {
            store: self.store_id(&query.store)?,
            spans: vec![span],
            key_prefix: prefix,
            with_deleted: query.with_deleted,
            after: cursor.map(read_cursor).transpose()?,
            page_size: query.page_size,
        };
        let page = self.db.list_entries(request).await.map_err(platform_failure)?;
        let items = page.items.iter().map(|item| Listed {
            scope: item.scope.as_str().to_owned(),
            key: item.key.as_str().to_owned(),
            is_deleted: item.is_deleted,
        });
        Ok(Page { items: items.collect(), next: page.next.as_ref().map(write_cursor) })
    }

    pub(in crate::target) async fn list_revisions(
        &self,
        query: &RevisionQuery,
        cursor: Option<&str>,
    ) -> Result<Page<RevisionInfo>> {
        let beyond = cursor.map(|cursor| cursor.parse().map_err(invalid)).transpose()?;
        let request = ListRevisions {
            entry: entry_id(&query.entry, self.db.limits()).map_err(invalid)?,
            order: if query.oldest_first { Order::Ascending } else { Order::Descending },
            not_before: query.since,
            not_after: query.until,
            with_sizes: true,
            beyond,
            page_size: query.page_size,
        };
        let page = self.db.list_revisions(request).await.map_err(platform_failure)?;
        let items = page.items.iter().map(revision_info).collect();
        Ok(Page { items, next: page.next.map(|counter| counter.to_string()) })
    }

    fn store_id(&self, store: &StoreRef) -> Result<StoreId> {
        let name = StoreName::parse(&store.name, self.db.limits()).map_err(invalid)?;
        Ok(StoreId { universe: store.universe, name })
    }
}

fn store_info(info: &platform::StoreInfo) -> StoreInfo {
    StoreInfo {
        name: info.store.name.as_str().to_owned(),
        created_at: info.created_at,
        updated_at: Some(info.updated_at),
        expires_at: info.expires_at(),
        is_deleted: info.deleted_at.is_some(),
        history: info.history,
    }
}

fn revision_info(revision: &ListedRevision) -> RevisionInfo {
    RevisionInfo {
        version: revision.id.as_str().to_owned(),
        updated_at: revision.updated_at,
        is_deleted: revision.is_deleted,
        value_size: revision.value_size.map(|size| u64::try_from(size).unwrap_or(u64::MAX)),
    }
}

/// A place in a list of entries. It is kept in files, so it is read as carefully as they are.
fn read_cursor(cursor: &str) -> Result<(Scope, EntryKey)> {
    let (scope, key): (String, String) = serde_json::from_str(cursor).map_err(|error| {
        Failure::of(ErrorKind::Invalid, error).context("that is no place in a list of entries")
    })?;
    Ok((Scope::trusted(scope), EntryKey::trusted(key)))
}

fn write_cursor((scope, key): &(Scope, EntryKey)) -> String {
    serde_json::json!([scope.as_str(), key.as_str()]).to_string()
}
