//! Ordered data stores of a running server: v2 for values, our own call for places.

use reqwest::Url;
use serde::Deserialize;
use serde_json::json;

use super::Remote;
use super::lists::next_page;
use crate::failure::Result;
use crate::target::status::Access;
use crate::target::{BoardItem, BoardQuery, BoardRef, OrderedName, Page, Standee, Standing};

/// An entry of an ordered data store.
#[derive(Deserialize)]
struct Entry {
    id: String,
    value: i64,
}

/// Where an entry stands.
#[derive(Deserialize)]
struct Place {
    id: String,
    value: i64,
    position: u64,
    rank: u64,
}

impl From<Place> for Standee {
    fn from(Place { id, value, position, rank }: Place) -> Self {
        Self { key: id, value, position, rank }
    }
}

impl Remote {
    pub(in crate::target) async fn list_board(
        &self,
        query: &BoardQuery,
        cursor: Option<&str>,
    ) -> Result<Page<BoardItem>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Entries {
            ordered_data_store_entries: Vec<Entry>,
            next_page_token: Option<String>,
        }
        let order = if query.ascending { "value" } else { "value desc" };
        let page_size = query.page_size.to_string();
        let url = self.board_url(["cloud", "v2"], &query.board, &[]);
        let mut request =
            self.client.get(url).query(&[("maxPageSize", &*page_size), ("orderBy", order)]);
        let min = (query.min > i64::MIN).then(|| format!("entry >= {}", query.min));
        let max = (query.max < i64::MAX).then(|| format!("entry <= {}", query.max));
        let bounds: Vec<_> = min.into_iter().chain(max).collect();
        if !bounds.is_empty() {
            request = request.query(&[("filter", bounds.join(" && "))]);
        }
        if let Some(cursor) = cursor {
            request = request.query(&[("pageToken", cursor)]);
        }
        let listed: Entries = self.json(request, Access::Read).await?;
        let items = listed.ordered_data_store_entries.into_iter();
        let items = items.map(|Entry { id, value }| BoardItem { key: id, value });
        Ok(Page { items: items.collect(), next: next_page(listed.next_page_token) })
    }

    pub(in crate::target) async fn find_standing(
        &self,
        name: &OrderedName,
        ascending: bool,
        around: u32,
    ) -> Result<Standing> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Found {
            #[serde(flatten)]
            place: Place,
            entry_count: u64,
            around: Vec<Place>,
        }
        let last = format!("{}:standing", name.key);
        let url = self.board_url(["steadfast", "v1"], &name.board, &[&last]);
        let order = if ascending { "asc" } else { "desc" };
        let request =
            self.client.get(url).query(&[("around", &*around.to_string()), ("order", order)]);
        let found: Found = self.json(request, Access::Read).await?;
        Ok(Standing {
            own: found.place.into(),
            entry_count: found.entry_count,
            around: found.around.into_iter().map(Standee::from).collect(),
        })
    }

    pub(in crate::target) async fn get_ordered(&self, name: &OrderedName) -> Result<i64> {
        let url = self.board_url(["cloud", "v2"], &name.board, &[&name.key]);
        let entry: Entry = self.json(self.client.get(url), Access::Read).await?;
        Ok(entry.value)
    }

    pub(in crate::target) async fn set_ordered(
        &self,
        name: &OrderedName,
        value: i64,
    ) -> Result<i64> {
        let url = self.board_url(["cloud", "v2"], &name.board, &[&name.key]);
        let request = self.client.patch(url).query(&[("allowMissing", "true")]);
        let request = request.json(&json!({ "value": value }));
        let entry: Entry = self.json(request, Access::Write).await?;
        Ok(entry.value)
    }

    pub(in crate::target) async fn create_ordered(
        &self,
        name: &OrderedName,
        value: i64,
    ) -> Result<i64> {
        let url = self.board_url(["cloud", "v2"], &name.board, &[]);
        let request = self.client.post(url).query(&[("id", &name.key)]);
        let request = request.json(&json!({ "value": value }));
        let entry: Entry = self.json(request, Access::Write).await?;
        Ok(entry.value)
    }

    pub(in crate::target) async fn increment_ordered(
        &self,
        name: &OrderedName,
        by: i64,
    ) -> Result<i64> {
        let last = format!("{}:increment", name.key);
        let url = self.board_url(["cloud", "v2"], &name.board, &[&last]);
        let request = self.client.post(url).json(&json!({ "amount": by }));
        let entry: Entry = self.json(request, Access::Write).await?;
        Ok(entry.value)
    }

    pub(in crate::target) async fn remove_ordered(&self, name: &OrderedName) -> Result<()> {
        let url = self.board_url(["cloud", "v2"], &name.board, &[&name.key]);
        self.send(self.client.delete(url), Access::Write).await.map(drop)
    }

    /// The address of the entries of a board, or of one of them.
    fn board_url(&self, api: [&str; 2], board: &BoardRef, last: &[&str]) -> Url {
        let universe = board.universe.to_string();
        let [first, version] = api;
        let path = [
            first,
            version,
            "universes",
            &universe,
            "ordered-data-stores",
            &board.store,
            "scopes",
            &board.scope,
            "entries",
        ];
        self.url(&[&path[..], last].concat())
    }
}
