//! Lists of data stores, entries and revisions (H-30, H-34, H-43, H-46, H-47).

use http::StatusCode;
use steadfast_core::key::{ApiKey, KeyScope};
use steadfast_core::platform::{ListEntries, ListRevisions, ListStores};
use steadfast_core::row::{Order, Span};
use steadfast_core::{EntryId, Scope, Timestamp};
use steadfast_open_cloud::cursor::{Listing, Position};
use steadfast_open_cloud::filter::{self, Times};
use steadfast_open_cloud::path::{EntrySegment, Parent};
use steadfast_open_cloud::v2::{
    ENTRY_COUNT_MAX, REVISION_COUNT_MAX, STORE_COUNT_MAX, entries_body, page_size, revisions_body,
    stores_body,
};
use steadfast_open_cloud::{Query, V2Error, mapping};

use super::{read_universe, require, require_in_universe};
use crate::lists::list_stores;
use crate::reply::Reply;
use crate::throttle::Metered;

pub(super) async fn stores(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V2Error> {
    let universe = read_universe(universe)?;
    require_in_universe(key, KeyScope::StoreList, universe)?;
    let page_size = page_size(query, STORE_COUNT_MAX)?;
    let prefix = filter::id_prefix(query.get("filter")?)?;
    let with_deleted = query.flag("showDeleted")?;
    let listing = Listing::of("v2 stores")
        .with(universe.to_string())
        .with(&prefix)
        .with([u8::from(with_deleted)])
        .with(page_size.to_string());
    let after = position(query, &listing)?;
    let prefix = prefix.into();
    let request = ListStores { universe, prefix, with_deleted, after, page_size };
    let page = app.list(universe, None, |db| list_stores(db, &key.stores, request)).await;
    let page = page.map_err(|error| mapping::v2(&error))?;
    let body = stores_body(&page.items, &listing.next_token(page.next.as_ref()));
    Ok(Reply::json(StatusCode::OK, body))
}

pub(super) async fn entries(
    app: &Metered<'_>,
    key: &ApiKey,
    parent: Parent<'_>,
    query: &Query,
) -> Result<Reply, V2Error> {
    let db = app.steadfast();
    let (store, scope) = parent.read_list(db.limits())?;
    require(key, KeyScope::EntryList, &store)?;
    let page_size = page_size(query, ENTRY_COUNT_MAX)?;
    let prefix = filter::id_prefix(query.get("filter")?)?;
    // Where the path names no scope, some clients name it in front of the id (H-47).
    let strips = !parent.names_scope() && db.settings().strip_global_prefix;
    let prefix = match prefix.strip_prefix("global/") {
        Some(prefix) if strips => prefix,
        Some(_) | None => &prefix,
    };
    let with_deleted = query.flag("showDeleted")?;
    let listing = Listing::of("v2 entries")
        .with(store.universe.to_string())
        .with(store.name.as_str())
        .with_optional(scope.as_ref().map(Scope::as_str))
        .with(prefix)
        .with([u8::from(with_deleted)])
        .with(page_size.to_string());
    let after = position(query, &listing)?;
    let (span, key_prefix) = match scope {
        Some(scope) => (Span::Keys(scope, prefix.into()), ""),
        None => (Span::all(), prefix),
    };
    let (spans, key_prefix) = (vec![span], key_prefix.into());
    let request =
        ListEntries { store: store.clone(), spans, key_prefix, with_deleted, after, page_size };
    let page = app.list(store.universe, None, |db| db.list_entries(request)).await;
    let page = page.map_err(|error| mapping::v2(&error))?;
    let body = entries_body(&store, &page.items, &listing.next_token(page.next.as_ref()));
    Ok(Reply::json(StatusCode::OK, body))
}

/// Lists revisions, the newest first.
pub(super) async fn revisions(
    app: &Metered<'_>,
    key: &ApiKey,
    (parent, segment): (Parent<'_>, EntrySegment<'_>),
    query: &Query,
) -> Result<Reply, V2Error> {
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits)?;
    require(key, KeyScope::RevisionList, &store)?;
    let entry = EntryId { store, scope, key: segment.literal(limits)? };
    let page_size = page_size(query, REVISION_COUNT_MAX)?;
    let Times { not_before, not_after } = filter::times(query.get("filter")?)?;
    let ticks = |time: Timestamp| time.ticks().to_string();
    let EntryId { store, scope, key } = &entry;
    let listing = Listing::of("v2 revisions")
        .with(store.universe.to_string())
        .with(store.name.as_str())
        .with(scope.as_str())
        .with(key.as_str())
        .with_optional(not_before.map(ticks))
        .with_optional(not_after.map(ticks))
        .with(page_size.to_string());
    let beyond = position(query, &listing)?;
    let (universe, of) = (store.universe, Some(entry.clone()));
    let request = ListRevisions {
        entry: entry.clone(),
        order: Order::Descending,
        not_before,
        not_after,
        with_sizes: false,
        beyond,
        page_size,
    };
    let page = app.list(universe, of, |db| db.list_revisions(request)).await;
    let page = page.map_err(|error| mapping::v2(&error))?;
    let body = revisions_body(&entry, &page.items, &listing.next_token(page.next.as_ref()));
    Ok(Reply::json(StatusCode::OK, body))
}

/// Where the list goes on.
fn position<P: Position>(query: &Query, listing: &Listing) -> Result<Option<P>, V2Error> {
    let token = query.get("pageToken")?;
    Ok(token.map(|token| listing.position(token)).transpose()?)
}
