//! Data stores of a running server as wholes: v2 where it has the call, our own where it has none.

use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use steadfast_core::UniverseId;
use steadfast_core::platform::{History, Snapshot, StoreChange};

use super::Remote;
use super::answer::parse_time;
use super::lists::{next_page, starts_with};
use crate::failure::Result;
use crate::target::status::Access;
use crate::target::{Page, StoreInfo, StoreQuery, StoreRef};

/// What v2 allows.
const PAGE_SIZE: &str = "100";

/// A data store, as v2 and our own calls show it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataStore {
    id: String,
    create_time: String,
    update_time: Option<String>,
    expire_time: Option<String>,
    state: String,
    history: Option<String>,
}

impl DataStore {
    fn info(self) -> Result<StoreInfo> {
        Ok(StoreInfo {
            name: self.id,
            created_at: parse_time(&self.create_time)?,
            updated_at: self.update_time.as_deref().map(parse_time).transpose()?,
            expires_at: self.expire_time.as_deref().map(parse_time).transpose()?,
            is_deleted: self.state == "DELETED",
            history: self.history.as_deref().and_then(History::parse),
        })
    }
}

impl Remote {
    pub(in crate::target) async fn list_stores(
        &self,
        query: &StoreQuery,
        cursor: Option<&str>,
    ) -> Result<Page<StoreInfo>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Listed {
            data_stores: Vec<DataStore>,
            next_page_token: Option<String>,
        }
        let url = self.stores_url(["cloud", "v2"], query.universe, "data-stores");
        let show_deleted = if query.with_deleted { "true" } else { "false" };
        let mut request = self
            .client
            .get(url)
            .query(&[("maxPageSize", PAGE_SIZE), ("showDeleted", show_deleted)]);
        if !query.prefix.is_empty() {
            request = request.query(&[("filter", starts_with(&query.prefix))]);
        }
        if let Some(cursor) = cursor {
            request = request.query(&[("pageToken", cursor)]);
        }
        let listed: Listed = self.json(request, Access::Read).await?;
        let items = listed.data_stores.into_iter().map(DataStore::info).collect::<Result<_>>()?;
        Ok(Page { items, next: next_page(listed.next_page_token) })
    }

    pub(in crate::target) async fn change_store(
        &self,
        store: &StoreRef,
        change: StoreChange,
    ) -> Result<StoreInfo> {
        let undelete = format!("{}:undelete", store.name);
        let url = |api, last: &str| {
            let mut url = self.stores_url(api, store.universe, "data-stores");
            url.path_segments_mut().expect("an HTTP address has a path").push(last);
            url
        };
        let (v2, ours) = (["cloud", "v2"], ["steadfast", "v1"]);
        let (request, access) = match change {
            StoreChange::Look => (self.client.get(url(ours, &store.name)), Access::Read),
            StoreChange::Delete => (self.client.delete(url(v2, &store.name)), Access::Write),
            StoreChange::Undelete => {
                (self.client.post(url(v2, &undelete)).json(&json!({})), Access::Write)
            }
            StoreChange::History(history) => {
                let body = json!({ "history": history.map(History::name) });
                (self.client.patch(url(ours, &store.name)).json(&body), Access::Write)
            }
        };
        let changed: DataStore = self.json(request, access).await?;
        changed.info()
    }

    pub(in crate::target) async fn take_snapshot(&self, universe: UniverseId) -> Result<Snapshot> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Taken {
            new_snapshot_taken: bool,
            latest_snapshot_time: String,
        }
        let url = self.stores_url(["cloud", "v2"], universe, "data-stores:snapshot");
        let taken: Taken = self.json(self.client.post(url).json(&json!({})), Access::Write).await?;
        let taken_at = parse_time(&taken.latest_snapshot_time)?;
        Ok(Snapshot { is_new: taken.new_snapshot_taken, taken_at })
    }

    fn stores_url(&self, api: [&str; 2], universe: UniverseId, last: &str) -> Url {
        let [first, version] = api;
        self.url(&[first, version, "universes", &universe.to_string(), last])
    }
}
