//! The lists of v2, and data stores as a whole (H-30 to H-34, H-43).

use serde::Serialize;
use steadfast_core::platform::{ListedEntry, ListedRevision, Snapshot, StoreInfo};
use steadfast_core::{EntryId, StoreId};

use super::{entry_path, store_path};
use crate::error::V2Error;
use crate::query::Query;
use crate::time;

/// How many items a page has unless said otherwise.
pub const PAGE_SIZE: usize = 10;
/// Most data stores of a page.
pub const STORE_COUNT_MAX: usize = 100;
/// Most entries of a page.
pub const ENTRY_COUNT_MAX: usize = 256;
/// Most revisions of a page.
pub const REVISION_COUNT_MAX: usize = 100;

/// How many items a page has at most: what `maxPageSize` says, cut to the maximum (H-12).
///
/// # Errors
/// No whole number.
pub fn page_size(query: &Query, size_max: usize) -> Result<usize, V2Error> {
    match query.number("maxPageSize")? {
        Some(size) if size > 0 => Ok(usize::try_from(size).unwrap_or(size_max).min(size_max)),
        Some(_) | None => Ok(PAGE_SIZE),
    }
}

/// What the service tells of a data store.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoreOutput<'a> {
    path: String,
    create_time: String,
    /// Only of a deleted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<String>,
    state: &'static str,
    id: &'a str,
}

impl<'a> StoreOutput<'a> {
    fn of(info: &'a StoreInfo) -> Self {
        Self {
            path: store_path(&info.store),
            create_time: time::v2_json(info.created_at),
            expire_time: info.expires_at().map(time::v2_json),
            state: state(info.deleted_at.is_some()),
            id: info.store.name.as_str(),
        }
    }
}

/// A data store.
pub fn store_body(info: &StoreInfo) -> String {
    json(&StoreOutput::of(info))
}

/// A page of data stores.
pub fn stores_body(stores: &[StoreInfo], next_page_token: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        data_stores: Vec<StoreOutput<'a>>,
        next_page_token: &'a str,
    }
    json(&Body { data_stores: stores.iter().map(StoreOutput::of).collect(), next_page_token })
}

/// A page of entries of a data store. The id is the key; the path has the scope. Of a deleted one
/// the state is told too, or nobody could tell it from the others (H-34 fills the two only).
pub fn entries_body(store: &StoreId, entries: &[ListedEntry], next_page_token: &str) -> String {
    #[derive(Serialize)]
    struct Entry<'a> {
        path: String,
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<&'static str>,
    }
    let entries = entries.iter().map(|ListedEntry { scope, key, is_deleted }| Entry {
        path: entry_path(store, scope, key),
        id: key.as_str(),
        state: is_deleted.then(|| state(true)),
    });
    page(entries.collect(), next_page_token)
}

/// A page of revisions of an entry, whose ids and paths end with `@` and the revision.
pub fn revisions_body(
    entry: &EntryId,
    revisions: &[ListedRevision],
    next_page_token: &str,
) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Item<'a> {
        path: String,
        create_time: String,
        revision_id: &'a str,
        revision_create_time: String,
        state: &'static str,
        etag: &'a str,
        id: String,
    }
    let path = entry_path(&entry.store, &entry.scope, &entry.key);
    let revisions = revisions.iter().map(|revision| {
        let ListedRevision { id, created_at, updated_at, is_deleted, .. } = revision;
        Item {
            path: format!("{path}@{id}"),
            create_time: time::v2_json(*created_at),
            revision_id: id.as_str(),
            revision_create_time: time::v2_json(*updated_at),
            state: state(*is_deleted),
            etag: id.as_str(),
            id: format!("{}@{id}", entry.key),
        }
    });
    page(revisions.collect(), next_page_token)
}

/// The snapshot of the day.
pub fn snapshot_body(snapshot: &Snapshot) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        new_snapshot_taken: bool,
        latest_snapshot_time: String,
    }
    let latest_snapshot_time = time::v2_json(snapshot.taken_at);
    json(&Body { new_snapshot_taken: snapshot.is_new, latest_snapshot_time })
}

/// Entries and revisions are listed under one name.
fn page<T: Serialize>(items: Vec<T>, next_page_token: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a, T> {
        data_store_entries: Vec<T>,
        next_page_token: &'a str,
    }
    json(&Body { data_store_entries: items, next_page_token })
}

const fn state(is_deleted: bool) -> &'static str {
    if is_deleted { "DELETED" } else { "ACTIVE" }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("text and numbers can always be written as JSON")
}

#[cfg(test)]
#[path = "lists/tests.rs"]
mod tests;
