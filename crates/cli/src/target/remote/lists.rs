//! Lists of entries and revisions of a running server.
//!
//! Entries are listed by v2, which can leave deleted ones out; revisions by v1, which tells the
//! sizes of their values and goes in both directions.

use futures_util::stream;
use futures_util::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde::Deserialize;
use steadfast_core::ErrorKind;
use steadfast_open_cloud::time;

use super::Remote;
use super::answer::parse_time;
use crate::failure::{Failure, Result};
use crate::target::status::Access;
use crate::target::{EntryQuery, Listed, Page, RevisionInfo, RevisionQuery, Target};

/// How v2 names every scope at once.
const ALL_SCOPES: &str = "-";

/// An entry of a list. Whether it is deleted is not said.
#[derive(Deserialize)]
struct ListedEntry {
    path: String,
    id: String,
}

/// A revision as v1 lists it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    #[serde(rename = "version")]
    id: String,
    deleted: bool,
    content_length: u64,
    created_time: String,
}

impl Remote {
    pub(in crate::target) async fn list_entries(
        &self,
        query: &EntryQuery,
        cursor: Option<&str>,
    ) -> Result<Page<Listed>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Entries {
            data_store_entries: Vec<ListedEntry>,
            next_page_token: Option<String>,
        }
        let (universe, store) = (query.store.universe.to_string(), &*query.store.name);
        let scope = query.scope.as_deref().unwrap_or(ALL_SCOPES);
        let url = self.url(&[
            "cloud",
            "v2",
            "universes",
            &universe,
            "data-stores",
            store,
            "scopes",
            scope,
            "entries",
        ]);
        let show_deleted = query.with_deleted.to_string();
        let page_size = query.page_size.to_string();
        let mut request = self
            .client
            .get(url)
            .query(&[("maxPageSize", &*page_size), ("showDeleted", &*show_deleted)]);
        if !query.prefix.is_empty() {
            request = request.query(&[("filter", starts_with(&query.prefix))]);
        }
        if let Some(cursor) = cursor {
            request = request.query(&[("pageToken", cursor)]);
        }
        let listed: Entries = self.json(request, Access::Read).await?;
        let start = format!("universes/{universe}/data-stores/{store}/scopes/");
        let items = listed.data_store_entries.into_iter().map(|entry| {
            // Nothing in a path is escaped, so it is taken apart by what is known of it.
            let end = format!("/entries/{}", entry.id);
            let scope = entry.path.strip_prefix(&start).and_then(|rest| rest.strip_suffix(&end));
            let scope = scope.ok_or_else(|| {
                let message = "a path in the answer of the server does not fit its request";
                Failure::new(ErrorKind::Internal, message)
            })?;
            Ok(Listed { scope: scope.to_owned(), key: entry.id, is_deleted: false })
        });
        let mut items = items.collect::<Result<Vec<_>>>()?;
        if query.with_deleted {
            items = self.with_state(query, items).await?;
        }
        Ok(Page { items, next: next_page(listed.next_page_token) })
    }

    /// Says which entries are deleted: those whose newest revision is a deletion.
    async fn with_state(&self, query: &EntryQuery, items: Vec<Listed>) -> Result<Vec<Listed>> {
        let looks = items.into_iter().map(async |item| {
            let query = RevisionQuery {
                entry: query.store.entry(&item.scope, &item.key),
                oldest_first: false,
                since: None,
                until: None,
                page_size: 1,
            };
            let is_deleted = match self.list_revisions(&query, None).await {
                Ok(page) => page.items.first().is_none_or(|newest| newest.is_deleted),
                // Purged since it was listed.
                Err(failure) if failure.kind() == ErrorKind::NotFound => true,
                Err(failure) => return Err(failure),
            };
            Ok(Listed { is_deleted, ..item })
        });
        stream::iter(looks).buffered(Target::READ_COUNT_MAX).try_collect().await
    }

    pub(in crate::target) async fn list_revisions(
        &self,
        query: &RevisionQuery,
        cursor: Option<&str>,
    ) -> Result<Page<RevisionInfo>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Versions {
            versions: Vec<Version>,
            next_page_cursor: Option<String>,
        }
        let order = if query.oldest_first { "Ascending" } else { "Descending" };
        let limit = query.page_size.to_string();
        let mut request = self
            .v1(Method::GET, &["entry", "versions"], &query.entry)
            .query(&[("sortOrder", order), ("limit", &limit)]);
        for (name, at) in [("startTime", query.since), ("endTime", query.until)] {
            if let Some(at) = at {
                request = request.query(&[(name, time::v1_json(at))]);
            }
        }
        if let Some(cursor) = cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let listed: Versions = self.json(request, Access::Read).await?;
        let items = listed.versions.into_iter().map(|version| {
            Ok(RevisionInfo {
                version: version.id,
                updated_at: parse_time(&version.created_time)?,
                is_deleted: version.deleted,
                value_size: (!version.deleted).then_some(version.content_length),
            })
        });
        let items = items.collect::<Result<_>>()?;
        Ok(Page { items, next: next_page(listed.next_page_cursor) })
    }
}

/// The end of a list is told in three ways: by an empty token, by null, or by none.
pub(super) fn next_page(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// The filter of v2 for what ids start with.
pub(super) fn starts_with(prefix: &str) -> String {
    let quoted = prefix.replace('\\', r"\\").replace('"', "\\\"");
    format!("id.startsWith(\"{quoted}\")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h_09_the_end_of_a_list_is_told_in_three_ways() {
        assert_eq!(next_page(None), None);
        assert_eq!(next_page(Some(String::new())), None);
        assert_eq!(next_page(Some("x".to_owned())), Some("x".to_owned()));
    }

    #[test]
    fn h_46_quotes_in_a_prefix_do_not_end_it() {
        assert_eq!(starts_with("Pl"), r#"id.startsWith("Pl")"#);
        assert_eq!(starts_with(r#"a"b\c"#), r#"id.startsWith("a\"b\\c")"#);
    }
}
