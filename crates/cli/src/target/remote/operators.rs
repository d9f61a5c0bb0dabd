//! What operators do to records behind a running server, through `/steadfast/v1/admin`.

use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use steadfast_core::UniverseId;
use steadfast_open_cloud::time;
use steadfast_server::operator::Listed;
use steadfast_server::operator::wire::{
    ChangeRequest, Difference, Differences, Done, LogLine, Operation, Page, Record, Revision,
    Server, Session,
};

use super::Remote;
use super::answer::parse_time;
use crate::failure::Result;
use crate::target::status::Access;
use crate::target::{EntryName, HistoryPart, ListPart, Status, StoreRef};

const ADMIN: [&str; 3] = ["steadfast", "v1", "admin"];

impl Remote {
    pub(in crate::target) async fn record(&self, name: &EntryName) -> Result<Record> {
        self.json(self.client.get(self.record_url(name, "record")), Access::Read).await
    }

    pub(in crate::target) async fn record_history(
        &self,
        name: &EntryName,
        HistoryPart { part, oldest_first, since, until }: HistoryPart<'_>,
    ) -> Result<Page<Revision>> {
        let request = self.client.get(self.record_url(name, "history"));
        let mut request = paged(request, part).query(&[("oldestFirst", oldest_first.to_string())]);
        for (name, at) in [("since", since), ("until", until)] {
            if let Some(at) = at {
                request = request.query(&[(name, time::v2_json(at))]);
            }
        }
        self.json(request, Access::Read).await
    }

    pub(in crate::target) async fn record_diff(
        &self,
        name: &EntryName,
        (from, to): (&str, &str),
    ) -> Result<Vec<Difference>> {
        let request = self.client.get(self.record_url(name, "diff"));
        let request = request.query(&[("from", from), ("to", to)]);
        let found: Differences = self.json(request, Access::Read).await?;
        Ok(found.differences)
    }

    pub(in crate::target) async fn record_export(
        &self,
        name: &EntryName,
        values: bool,
    ) -> Result<String> {
        let request = self.client.get(self.record_url(name, "export"));
        let request = request.query(&[("values", values.to_string())]);
        let response = self.send(request, Access::Read).await?;
        self.text(response, Access::Read).await
    }

    pub(in crate::target) async fn operations(
        &self,
        name: &EntryName,
        listed: &Listed,
        part: ListPart<'_>,
    ) -> Result<Page<Operation>> {
        let which = match listed {
            Listed::Pending => ("list", "pending"),
            Listed::Receipts => ("list", "receipts"),
            Listed::Dead => ("list", "dead"),
            Listed::One(id) => ("id", &**id),
        };
        let request = self.client.get(self.record_url(name, "operations")).query(&[which]);
        self.json(paged(request, part), Access::Read).await
    }

    pub(in crate::target) async fn change(
        &self,
        name: &EntryName,
        request: ChangeRequest,
    ) -> Result<Done> {
        let access = if request.dry_run { Access::Read } else { Access::Write };
        self.json(self.client.post(self.record_url(name, "change")).json(&request), access).await
    }

    pub(in crate::target) async fn sessions(
        &self,
        store: &StoreRef,
        part: ListPart<'_>,
    ) -> Result<Page<Session>> {
        let universe = store.universe.to_string();
        let rest = ["universes", &universe, "data-stores", &store.name, "sessions"];
        self.page(&rest, part).await
    }

    pub(in crate::target) async fn servers(&self, part: ListPart<'_>) -> Result<Page<Server>> {
        self.page(&["servers"], part).await
    }

    pub(in crate::target) async fn log(
        &self,
        universe: UniverseId,
        part: ListPart<'_>,
    ) -> Result<Page<LogLine>> {
        self.page(&["universes", &universe.to_string(), "log"], part).await
    }

    pub(in crate::target) async fn status(&self) -> Result<Status> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            version: String,
            uptime_seconds: u64,
            time: String,
            store: Store,
        }
        #[derive(Deserialize)]
        struct Store {
            reason: Option<String>,
        }
        let url = self.url(&[&ADMIN[..], &["status"]].concat());
        let answer: Answer = self.json(self.client.get(url), Access::Read).await?;
        Ok(Status {
            version: answer.version,
            uptime_seconds: Some(answer.uptime_seconds),
            time: parse_time(&answer.time)?,
            stopped: answer.store.reason,
        })
    }

    async fn page<T: serde::de::DeserializeOwned>(
        &self,
        rest: &[&str],
        part: ListPart<'_>,
    ) -> Result<Page<T>> {
        let url = self.url(&[&ADMIN[..], rest].concat());
        self.json(paged(self.client.get(url), part), Access::Read).await
    }

    fn record_url(&self, name: &EntryName, verb: &str) -> Url {
        self.entry_url(&ADMIN, name, &format!("{}:{verb}", name.key))
    }
}

fn paged(request: RequestBuilder, ListPart { after, limit }: ListPart<'_>) -> RequestBuilder {
    let request = request.query(&[("limit", limit.to_string())]);
    match after {
        Some(after) => request.query(&[("after", after)]),
        None => request,
    }
}
