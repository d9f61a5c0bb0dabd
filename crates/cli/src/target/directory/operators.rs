//! What operators do to records of a data directory: the very calls that a server makes.

use steadfast::operator::HistoryQuery;
use steadfast_core::row::Order;
use steadfast_core::{StoreId, StoreName, UniverseId};
use steadfast_server::operator::wire::{
    ChangeRequest, Difference, Done, LogLine, Operation, Page, Record, Revision, Server, Session,
};
use steadfast_server::operator::{self, CallError, Listed};

use super::{Directory, invalid};
use crate::failure::{Failure, Result};
use crate::target::{EntryName, HistoryPart, ListPart, Status, StoreRef};

impl Directory {
    pub(in crate::target) async fn record(&self, name: &EntryName) -> Result<Record> {
        operator::record(&self.db, &self.entry(name)?).await.map_err(failure)
    }

    pub(in crate::target) async fn record_history(
        &self,
        name: &EntryName,
        HistoryPart { part, oldest_first, since, until }: HistoryPart<'_>,
    ) -> Result<Page<Revision>> {
        let query = HistoryQuery {
            order: if oldest_first { Order::Ascending } else { Order::Descending },
            not_before: since,
            not_after: until,
            beyond: None,
            page_size: part.limit,
        };
        let entry = self.entry(name)?;
        operator::history(&self.db, &entry, part.after, query).await.map_err(failure)
    }

    pub(in crate::target) async fn record_diff(
        &self,
        name: &EntryName,
        (from, to): (&str, &str),
    ) -> Result<Vec<Difference>> {
        let (from, to) = (operator::which(from), operator::which(to));
        let found = operator::diff(&self.db, &self.entry(name)?, (&from, &to)).await;
        found.map(|found| found.differences).map_err(failure)
    }

    pub(in crate::target) async fn record_export(
        &self,
        name: &EntryName,
        values: bool,
    ) -> Result<String> {
        let document = operator::export(&self.db, &self.entry(name)?, values).await;
        document.map(|document| document.as_str().to_owned()).map_err(failure)
    }

    pub(in crate::target) async fn operations(
        &self,
        name: &EntryName,
        listed: &Listed,
        part: ListPart<'_>,
    ) -> Result<Page<Operation>> {
        let (entry, page) = (self.entry(name)?, (part.after, part.limit));
        operator::operations(&self.db, &entry, listed, page).await.map_err(failure)
    }

    pub(in crate::target) async fn change(
        &self,
        name: &EntryName,
        request: ChangeRequest,
    ) -> Result<Done> {
        operator::change(&self.db, &self.entry(name)?, request).await.map_err(failure)
    }

    pub(in crate::target) async fn sessions(
        &self,
        store: &StoreRef,
        part: ListPart<'_>,
    ) -> Result<Page<Session>> {
        let name = StoreName::parse(&store.name, self.db.limits()).map_err(invalid)?;
        let store = StoreId { universe: store.universe, name };
        let page = (part.after, part.limit);
        operator::sessions(&self.db, &store, page).await.map_err(failure)
    }

    pub(in crate::target) async fn servers(&self, part: ListPart<'_>) -> Result<Page<Server>> {
        operator::servers(&self.db, (part.after, part.limit)).await.map_err(failure)
    }

    pub(in crate::target) async fn log(
        &self,
        universe: UniverseId,
        part: ListPart<'_>,
    ) -> Result<Page<LogLine>> {
        operator::log(&self.db, universe, (part.after, part.limit)).await.map_err(failure)
    }

    pub(in crate::target) fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: None,
            time: self.db.now(),
            stopped: self.db.health().err().map(|stopped| stopped.reason.to_string()),
        }
    }
}

/// A refusal with its code, as a server tells it.
fn failure(error: CallError) -> Failure {
    let (kind, code) = (error.kind(), error.code());
    Failure::of(kind, error).context(format!("it was refused with `{code}`"))
}
