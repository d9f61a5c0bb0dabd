//! `entry list` and `entry revisions`.

use serde::Serialize;
use steadfast_open_cloud::time::v1_json;

use crate::args::{EntryList, EntryRevisions, Past};
use crate::failure::Result;
use crate::paging::Paging;
use crate::printer::{Printer, Show};
use crate::target::{EntryQuery, Listed, RevisionInfo, RevisionQuery, StoreRef, Target};

pub(super) async fn run_list(list: EntryList, printer: Printer) -> Result<()> {
    let EntryList { target, universe, store, scope, all_scopes, prefix, deleted, limit } = list;
    let store = StoreRef { universe, name: store };
    let shown = store.to_string();
    let scope = (!all_scopes).then_some(scope);
    let work = async |target: &Target| {
        let page_size = target.page_size_max();
        let with_deleted = deleted;
        let query = EntryQuery { store, scope, prefix, with_deleted, page_size };
        let mut paging = Paging::new(printer, limit);
        let mut cursor = None;
        loop {
            let page = target.list_entries(&query, cursor.as_deref()).await?;
            if cursor.is_none() && page.items.is_empty() && page.next.is_none() {
                // A mistake in the name must not look like a data store without entries.
                target.check_store(&query.store).await?;
            }
            let lines = page.items.into_iter().map(EntryLine::new);
            match paging.take(lines, page.next)? {
                Some(next) => cursor = Some(next),
                None => return paging.finish(),
            }
        }
    };
    Target::with(&target, work)
        .await
        .map_err(|failure| failure.context(format!("cannot list the entries of `{shown}`")))
}

pub(super) async fn run_revisions(revisions: EntryRevisions, printer: Printer) -> Result<()> {
    let name = super::name_of(&revisions.place);
    let EntryRevisions { place, past: Past { since, until, oldest_first }, limit } = revisions;
    let query_of =
        |page_size| RevisionQuery { entry: name.clone(), oldest_first, since, until, page_size };
    let work = async |target: &Target| {
        let query = query_of(target.page_size_max());
        let mut paging = Paging::new(printer, limit);
        let mut cursor = None;
        loop {
            let page = target.list_revisions(&query, cursor.as_deref()).await?;
            let lines = page.items.into_iter().map(RevisionLine::new);
            match paging.take(lines, page.next)? {
                Some(next) => cursor = Some(next),
                None => return paging.finish(),
            }
        }
    };
    Target::with(&place.target, work)
        .await
        .map_err(|failure| failure.context(format!("cannot list the revisions of `{name}`")))
}

/// One line of `entry list`.
#[derive(Serialize)]
struct EntryLine {
    scope: String,
    key: String,
    deleted: bool,
}

impl EntryLine {
    fn new(listed: Listed) -> Self {
        Self { scope: listed.scope, key: listed.key, deleted: listed.is_deleted }
    }
}

impl Show for EntryLine {
    fn titles() -> Vec<&'static str> {
        vec!["scope", "key", "deleted"]
    }

    fn cells(&self) -> Vec<String> {
        let deleted = if self.deleted { "yes" } else { "no" };
        vec![self.scope.clone(), self.key.clone(), deleted.to_owned()]
    }
}

/// One line of `entry revisions`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RevisionLine {
    revision: String,
    updated_at: String,
    deleted: bool,
    value_size: Option<u64>,
}

impl RevisionLine {
    fn new(revision: RevisionInfo) -> Self {
        Self {
            revision: revision.version,
            updated_at: v1_json(revision.updated_at),
            deleted: revision.is_deleted,
            value_size: revision.value_size,
        }
    }
}

impl Show for RevisionLine {
    fn titles() -> Vec<&'static str> {
        vec!["revision", "updated", "size"]
    }

    fn cells(&self) -> Vec<String> {
        let size = match self.value_size {
            _ if self.deleted => "deleted".to_owned(),
            Some(size) => format!("{size} bytes"),
            None => "unknown".to_owned(),
        };
        vec![self.revision.clone(), self.updated_at.clone(), size]
    }
}
