//! Where commands find their data: in a directory of this machine, or behind a running server.
//!
//! Both do the same things and answer in the same types, so that a command does not know which of
//! them it talks to.

use steadfast_core::ApiKeyId;

use crate::args;
use crate::copy::Copied;
use crate::failure::Result;
use crate::target::directory::Directory;
use crate::target::remote::Remote;

mod boards;
mod directory;
mod listings;
mod model;
mod operators;
mod remote;
mod status;
mod stores;
mod users;

pub(crate) use directory::{directory_failure, open_failure};
pub(crate) use model::{
    Addition, BoardItem, BoardQuery, BoardRef, CreatedKey, EntryName, EntryQuery, KeyInfo, Listed,
    NewKey, NewState, OrderedName, Page, Restoring, RevisionInfo, RevisionQuery, Standee, Standing,
    State, StoreInfo, StoreQuery, StoreRef, When, Written,
};
pub(crate) use operators::{HistoryPart, ListPart, Status};
pub(crate) use users::{text_of_user, user_as_json};

/// Where the data is.
pub(crate) enum Target {
    Directory(Directory),
    Server(Remote),
}

impl Target {
    /// Opens the directory, or prepares to talk to the server.
    ///
    /// # Errors
    /// The directory does not open; the address or the key of the server cannot be used.
    pub(crate) fn open(args: &args::Target) -> Result<Self> {
        match (&args.data, &args.server) {
            (Some(dir), _) => Directory::open(dir).map(Self::Directory),
            (None, Some(url)) => Remote::new(url, args.key_file.as_deref()).map(Self::Server),
            (None, None) => unreachable!("clap requires one of them"),
        }
    }

    /// What it is, for people: where the data was read or written.
    pub(crate) fn describe(args: &args::Target) -> String {
        match (&args.data, &args.server) {
            (Some(dir), _) => {
                // One that cannot be resolved does not open either.
                let dir = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.clone());
                format!("directory {}", dir.display())
            }
            (None, Some(url)) => format!("server {}", url.trim_end_matches('/')),
            (None, None) => unreachable!("clap requires one of them"),
        }
    }

    /// How many reads are under way at a time. Each may bring a value of the largest size.
    pub(crate) const READ_COUNT_MAX: usize = 16;

    /// How many writes are under way at a time: a directory makes them durable together, a server
    /// has a connection for each.
    pub(crate) fn write_count_max(&self) -> usize {
        match self {
            Self::Directory(_) => 1024,
            Self::Server(_) => 32,
        }
    }

    /// Most items of a page of entries.
    pub(crate) fn page_size_max(&self) -> usize {
        match self {
            Self::Directory(_) => 1000,
            Self::Server(_) => 256,
        }
    }

    /// Does something with the target and closes it, whatever came of it.
    ///
    /// # Errors
    /// Opening, the work, or closing failed.
    pub(crate) async fn with<T>(
        args: &args::Target,
        work: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        Self::open(args)?.work_and_close(work).await
    }

    async fn work_and_close<T>(self, work: impl AsyncFnOnce(&Self) -> Result<T>) -> Result<T> {
        let done = work(&self).await;
        let closed = match self {
            Self::Directory(directory) => directory.close(),
            Self::Server(_) => Ok(()),
        };
        let done = done?;
        closed.map(|()| done)
    }

    /// The same for work of so many requests that a server may have to slow it down.
    ///
    /// # Errors
    /// As of [`Self::with`].
    pub(crate) async fn with_patience<T>(
        args: &args::Target,
        work: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let target = match Self::open(args)? {
            Self::Server(server) => Self::Server(server.patient()),
            directory @ Self::Directory(_) => directory,
        };
        target.work_and_close(work).await
    }

    /// Has a running server make a backup of this name, and waits for it.
    ///
    /// # Errors
    /// There is no server to ask, or it made none.
    pub(crate) async fn backup_on_server(
        args: &args::Target,
        name: &str,
        observe: impl FnMut(&str, u64, u64),
    ) -> Result<Copied> {
        let Some(url) = &args.server else {
            unreachable!("a directory is copied without a server")
        };
        Remote::new(url, args.key_file.as_deref())?.backup(name, observe).await
    }

    /// Reads an entry, at a version if one is given.
    pub(crate) async fn get(&self, name: &EntryName, version: Option<&str>) -> Result<State> {
        match self {
            Self::Directory(directory) => directory.get(name, version).await,
            Self::Server(server) => match version {
                None => server.get(name).await,
                Some(version) => server.get_version(name, version).await,
            },
        }
    }

    /// Writes an entry.
    pub(crate) async fn set(&self, name: &EntryName, state: NewState) -> Result<Written> {
        match self {
            Self::Directory(directory) => directory.set(name, state).await,
            Self::Server(server) => server.set(name, state).await,
        }
    }

    /// Writes an entry that does not exist. Returns what it holds if it does.
    pub(crate) async fn create(&self, name: &EntryName, state: NewState) -> Result<Option<State>> {
        match self {
            Self::Directory(directory) => directory.create(name, state).await,
            Self::Server(server) => server.create(name, state).await,
        }
    }

    /// Writes an earlier revision of an entry again, if the entry is still at the one given.
    pub(crate) async fn restore(&self, name: &EntryName, how: Restoring<'_>) -> Result<State> {
        match self {
            Self::Directory(directory) => directory.restore(name, how).await,
            Self::Server(server) => server.restore(name, how).await,
        }
    }

    /// Adds to the number of an entry. Returns its state after that.
    pub(crate) async fn increment(&self, name: &EntryName, addition: Addition) -> Result<State> {
        match self {
            Self::Directory(directory) => directory.increment(name, addition).await,
            Self::Server(server) => server.increment(name, &addition).await,
        }
    }

    /// Removes an entry.
    pub(crate) async fn remove(&self, name: &EntryName, force: bool) -> Result<()> {
        match self {
            Self::Directory(directory) => directory.remove(name, force).await,
            Self::Server(server) => server.remove(name, force).await,
        }
    }

    /// Makes an API key.
    pub(crate) async fn create_key(&self, key: NewKey) -> Result<CreatedKey> {
        match self {
            Self::Directory(directory) => directory.create_key(key).await,
            Self::Server(server) => server.create_key(key).await,
        }
    }

    /// Lists all API keys.
    pub(crate) async fn keys(&self) -> Result<Vec<KeyInfo>> {
        match self {
            Self::Directory(directory) => directory.keys().await,
            Self::Server(server) => server.keys().await,
        }
    }

    /// Revokes an API key.
    pub(crate) async fn revoke_key(&self, id: ApiKeyId) -> Result<()> {
        match self {
            Self::Directory(directory) => directory.revoke_key(id).await,
            Self::Server(server) => server.revoke_key(id).await,
        }
    }
}
