//! What operators do to records.

use steadfast_core::{Timestamp, UniverseId};
use steadfast_server::operator::Listed;
use steadfast_server::operator::wire::{
    ChangeRequest, Difference, Done, LogLine, Operation, Page, Record, Revision, Server, Session,
};

use crate::failure::Result;
use crate::target::{EntryName, StoreRef, Target};

/// A part of a list: behind what it starts, and how many items it has at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListPart<'a> {
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: usize,
}

/// A part of the past of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryPart<'a> {
    pub(crate) part: ListPart<'a>,
    pub(crate) oldest_first: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

/// How whoever holds the data is.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) version: String,
    /// Of a server.
    pub(crate) uptime_seconds: Option<u64>,
    pub(crate) time: Timestamp,
    /// Why the store has stopped, if it has.
    pub(crate) stopped: Option<String>,
}

impl Target {
    /// Looks at a record.
    pub(crate) async fn record(&self, name: &EntryName) -> Result<Record> {
        match self {
            Self::Directory(directory) => directory.record(name).await,
            Self::Server(server) => server.record(name).await,
        }
    }

    /// Lists the revisions of a record.
    pub(crate) async fn record_history(
        &self,
        name: &EntryName,
        part: HistoryPart<'_>,
    ) -> Result<Page<Revision>> {
        match self {
            Self::Directory(directory) => directory.record_history(name, part).await,
            Self::Server(server) => server.record_history(name, part).await,
        }
    }

    /// Compares two states of a record.
    pub(crate) async fn record_diff(
        &self,
        name: &EntryName,
        (from, to): (&str, &str),
    ) -> Result<Vec<Difference>> {
        match self {
            Self::Directory(directory) => directory.record_diff(name, (from, to)).await,
            Self::Server(server) => server.record_diff(name, (from, to)).await,
        }
    }

    /// Takes out everything of a record, as JSON.
    pub(crate) async fn record_export(&self, name: &EntryName, values: bool) -> Result<String> {
        match self {
            Self::Directory(directory) => directory.record_export(name, values).await,
            Self::Server(server) => server.record_export(name, values).await,
        }
    }

    /// Lists operations of a record.
    pub(crate) async fn operations(
        &self,
        name: &EntryName,
        listed: &Listed,
        part: ListPart<'_>,
    ) -> Result<Page<Operation>> {
        match self {
            Self::Directory(directory) => directory.operations(name, listed, part).await,
            Self::Server(server) => server.operations(name, listed, part).await,
        }
    }

    /// Changes a record.
    pub(crate) async fn change(&self, name: &EntryName, request: ChangeRequest) -> Result<Done> {
        match self {
            Self::Directory(directory) => directory.change(name, request).await,
            Self::Server(server) => server.change(name, request).await,
        }
    }

    /// Lists the records of a data store that are held.
    pub(crate) async fn sessions(
        &self,
        store: &StoreRef,
        part: ListPart<'_>,
    ) -> Result<Page<Session>> {
        match self {
            Self::Directory(directory) => directory.sessions(store, part).await,
            Self::Server(server) => server.sessions(store, part).await,
        }
    }

    /// Lists game servers.
    pub(crate) async fn servers(&self, part: ListPart<'_>) -> Result<Page<Server>> {
        match self {
            Self::Directory(directory) => directory.servers(part).await,
            Self::Server(server) => server.servers(part).await,
        }
    }

    /// Shows what operators did, the newest first.
    pub(crate) async fn log(
        &self,
        universe: UniverseId,
        part: ListPart<'_>,
    ) -> Result<Page<LogLine>> {
        match self {
            Self::Directory(directory) => directory.log(universe, part).await,
            Self::Server(server) => server.log(universe, part).await,
        }
    }

    /// Tells how whoever holds the data is.
    pub(crate) async fn status(&self) -> Result<Status> {
        match self {
            Self::Directory(directory) => Ok(directory.status()),
            Self::Server(server) => server.status().await,
        }
    }
}
