//! Lists of data stores, entries and versions (H-80, H-81, H-86, H-92, H-96 to H-102).

use http::StatusCode;
use steadfast_core::key::{ApiKey, KeyScope};
use steadfast_core::platform::{
    ListEntries, ListRevisions, ListStores, PlatformError, scope_spans,
};
use steadfast_core::row::{Order, Span};
use steadfast_core::{EntryId, Scope, Timestamp, UniverseId};
use steadfast_open_cloud::cursor::{Listing, Position};
use steadfast_open_cloud::v1::{
    keys_body, limit, sort_order, stores_body, version_times, versions_body,
};
use steadfast_open_cloud::{Query, V1Code, V1Error, mapping};

use super::{invalid, read_entry, read_scope, read_store, read_universe, require};
use crate::lists::list_stores;
use crate::reply::Reply;
use crate::throttle::Metered;

/// How many data stores, entries and versions a page has unless said otherwise.
const STORE_COUNT: usize = 1;
const ENTRY_COUNT: usize = 16;
const VERSION_COUNT: usize = 16;

pub(super) async fn stores(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V1Error> {
    let universe = read_universe(universe)?;
    require_in_universe(key, KeyScope::StoreList, universe)?;
    let page_size = limit(query, STORE_COUNT)?;
    let prefix = query.get("prefix").map_err(|error| invalid(&error))?.unwrap_or_default();
    let listing = Listing::of("v1 stores")
        .with(universe.to_string())
        .with(prefix)
        .with(page_size.to_string());
    let after = position(query, &listing)?;
    let prefix = prefix.into();
    let request = ListStores { universe, prefix, with_deleted: false, after, page_size };
    let page = app.list(universe, None, |db| list_stores(db, &key.stores, request)).await;
    let page = page.map_err(|error| mapping::v1(&error))?;
    let body = stores_body(&page.items, &listing.next_token(page.next.as_ref()));
    Ok(Reply::json(StatusCode::OK, body))
}

/// Lists keys, deleted ones too until they are purged (H-98).
pub(super) async fn entries(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V1Error> {
    let limits = app.steadfast().limits();
    let store = read_store(universe, query, limits)?;
    let scope = read_scope(query, limits)?;
    require(key, KeyScope::EntryList, &store)?;
    let page_size = limit(query, ENTRY_COUNT)?;
    let prefix = query.get("prefix").map_err(|error| invalid(&error))?.unwrap_or_default();
    let listing = Listing::of("v1 entries")
        .with(store.universe.to_string())
        .with(store.name.as_str())
        .with_optional(scope.as_ref().map(Scope::as_str))
        .with(prefix)
        .with(page_size.to_string());
    let after = position(query, &listing)?;
    let spans = match scope {
        Some(scope) => vec![Span::Keys(scope, prefix.into())],
        // The prefix is one of `scope/key` (L-03).
        None => scope_spans(prefix),
    };
    let (universe, key_prefix) = (store.universe, "".into());
    let request = ListEntries { store, spans, key_prefix, with_deleted: true, after, page_size };
    let page = app.list(universe, None, |db| db.list_entries(request)).await;
    let page = page.map_err(|error| mapping::v1(&error))?;
    let body = keys_body(&page.items, &listing.next_token(page.next.as_ref()));
    Ok(Reply::json(StatusCode::OK, body))
}

pub(super) async fn versions(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V1Error> {
    let entry = read_entry(universe, query, app.steadfast().limits())?;
    require(key, KeyScope::RevisionList, &entry.store)?;
    let (page_size, order) = (limit(query, VERSION_COUNT)?, sort_order(query)?);
    let (not_before, not_after) = version_times(query)?;
    let EntryId { store, scope, key } = &entry;
    let ticks = |time: Timestamp| time.ticks().to_string();
    let listing = Listing::of("v1 versions")
        .with(store.universe.to_string())
        .with(store.name.as_str())
        .with(scope.as_str())
        .with(key.as_str())
        .with([u8::from(order == Order::Descending)])
        .with_optional(not_before.map(ticks))
        .with_optional(not_after.map(ticks))
        .with(page_size.to_string());
    let beyond = position(query, &listing)?;
    let (universe, of) = (store.universe, Some(entry.clone()));
    let with_sizes = true;
    let request =
        ListRevisions { entry, order, not_before, not_after, with_sizes, beyond, page_size };
    let page = app.list(universe, of, |db| db.list_revisions(request)).await;
    let page = page.map_err(|error| mapping::v1(&error))?;
    let body = versions_body(&page.items, &listing.next_token(page.next.as_ref()));
    Ok(Reply::json(StatusCode::OK, body))
}

/// Where the list goes on.
fn position<P: Position>(query: &Query, listing: &Listing) -> Result<Option<P>, V1Error> {
    let cursor = query.get("cursor");
    let cursor = cursor.map_err(|error| V1Error::new(V1Code::InvalidCursor, error.to_string()))?;
    Ok(cursor.map(|cursor| listing.position(cursor)).transpose()?)
}

fn require_in_universe(key: &ApiKey, scope: KeyScope, universe: UniverseId) -> Result<(), V1Error> {
    if key.allows_in_universe(scope, universe) {
        return Ok(());
    }
    Err(mapping::v1(&PlatformError::Denied { scope }))
}
