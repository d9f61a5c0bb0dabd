//! Lists of entries and of their revisions.

use crate::failure::Result;
use crate::target::{EntryQuery, Listed, Page, RevisionInfo, RevisionQuery, Target};

impl Target {
    /// Lists entries by scope and key.
    pub(crate) async fn list_entries(
        &self,
        query: &EntryQuery,
        cursor: Option<&str>,
    ) -> Result<Page<Listed>> {
        match self {
            Self::Directory(directory) => directory.list_entries(query, cursor).await,
            Self::Server(server) => server.list_entries(query, cursor).await,
        }
    }

    /// Lists the revisions of an entry.
    pub(crate) async fn list_revisions(
        &self,
        query: &RevisionQuery,
        cursor: Option<&str>,
    ) -> Result<Page<RevisionInfo>> {
        match self {
            Self::Directory(directory) => directory.list_revisions(query, cursor).await,
            Self::Server(server) => server.list_revisions(query, cursor).await,
        }
    }
}
