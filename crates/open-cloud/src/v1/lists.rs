//! The lists of v1: their parameters and their pages (H-80, H-81, H-86, H-92).

use serde::Serialize;
use steadfast_core::Timestamp;
use steadfast_core::platform::{ListedEntry, ListedRevision, RevisionId, StoreInfo};
use steadfast_core::row::Order;

use super::EntryVersion;
use crate::error::{V1Code, V1Error};
use crate::query::Query;
use crate::time;

/// Most items of a page (H-100).
pub const LIMIT_MAX: usize = 256;

/// How many items a page has at most: what `limit` says, cut to the maximum.
///
/// # Errors
/// `InvalidLimit`: no whole number, or less than 1.
pub fn limit(query: &Query, default: usize) -> Result<usize, V1Error> {
    let invalid = |message: String| V1Error::new(V1Code::InvalidLimit, message);
    let limit = query.number("limit").map_err(|error| invalid(error.to_string()))?;
    match limit {
        None => Ok(default),
        Some(limit) if limit < 1 => Err(invalid("The limit is less than 1.".into())),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(LIMIT_MAX).min(LIMIT_MAX)),
    }
}

/// The order of a list of versions, from the first on unless said otherwise (H-102).
///
/// # Errors
/// `InvalidSortOrder`: neither of the two names.
pub fn sort_order(query: &Query) -> Result<Order, V1Error> {
    let invalid = |message: String| V1Error::new(V1Code::InvalidSortOrder, message);
    match query.get("sortOrder").map_err(|error| invalid(error.to_string()))? {
        None | Some("Ascending") => Ok(Order::Ascending),
        Some("Descending") => Ok(Order::Descending),
        Some(_) => Err(invalid("The order is neither `Ascending` nor `Descending`.".into())),
    }
}

/// The first and the last time of a list of versions (H-102).
///
/// # Errors
/// `InvalidStartTime`, `InvalidEndTime`: not in the form of RFC 3339.
pub fn version_times(query: &Query) -> Result<(Option<Timestamp>, Option<Timestamp>), V1Error> {
    let read = |name, code| {
        let text = query.get(name).map_err(|error| V1Error::new(code, error.to_string()))?;
        let invalid = |_| V1Error::new(code, format!("`{name}` is not in the form of RFC 3339."));
        text.map(|text| time::parse(text).map_err(invalid)).transpose()
    };
    let start = read("startTime", V1Code::InvalidStartTime)?;
    Ok((start, read("endTime", V1Code::InvalidEndTime)?))
}

/// The version that is read (H-87).
///
/// # Errors
/// `InvalidVersionId`: missing, or not of the shape of an id.
pub fn version_id(query: &Query) -> Result<RevisionId, V1Error> {
    let invalid = |message: String| V1Error::new(V1Code::InvalidVersionId, message);
    let text = query.get("versionId").map_err(|error| invalid(error.to_string()))?;
    let id = RevisionId::from_client(text.unwrap_or_default());
    id.counter().map(|_| id.clone()).ok_or_else(|| invalid("The version id is not valid.".into()))
}

/// A page of data stores.
pub fn stores_body(stores: &[StoreInfo], next_page_cursor: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Store<'a> {
        name: &'a str,
        created_time: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        datastores: Vec<Store<'a>>,
        next_page_cursor: &'a str,
    }
    let datastores = stores.iter().map(|StoreInfo { store, created_at, .. }| {
        let created_time = time::v1_json(*created_at);
        Store { name: store.name.as_str(), created_time }
    });
    json(&Body { datastores: datastores.collect(), next_page_cursor })
}

/// A page of keys, each with its scope.
pub fn keys_body(entries: &[ListedEntry], next_page_cursor: &str) -> String {
    #[derive(Serialize)]
    struct Key<'a> {
        scope: &'a str,
        key: &'a str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        keys: Vec<Key<'a>>,
        next_page_cursor: &'a str,
    }
    let keys = entries.iter().map(|ListedEntry { scope, key, is_deleted: _ }| Key {
        scope: scope.as_str(),
        key: key.as_str(),
    });
    json(&Body { keys: keys.collect(), next_page_cursor })
}

/// A page of versions.
pub fn versions_body(revisions: &[ListedRevision], next_page_cursor: &str) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        versions: Vec<EntryVersion>,
        next_page_cursor: &'a str,
    }
    let versions = revisions.iter().map(EntryVersion::of_listed).collect();
    json(&Body { versions, next_page_cursor })
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("text and numbers can always be written as JSON")
}

#[cfg(test)]
#[path = "lists/tests.rs"]
mod tests;
