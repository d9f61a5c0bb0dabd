//! Where commands find their data: in a directory of this machine, or behind a running server.
//!
//! Both do the same things and answer in the same types, so that a command does not know which of
//! them it talks to.

use std::fmt;
use std::time::Duration;

use steadfast_core::key::KeyScope;
use steadfast_core::{ApiKeyId, Timestamp, UniverseId};

use crate::args;
use crate::copy::Copied;
use crate::failure::Result;
use crate::target::directory::Directory;
use crate::target::remote::Remote;

mod directory;
mod remote;
mod status;

pub(crate) use directory::{directory_failure, open_failure};

/// An entry by its name, as it was typed. Whoever holds the data checks it.
#[derive(Clone, Debug)]
pub(crate) struct EntryName {
    pub(crate) universe: UniverseId,
    pub(crate) store: String,
    pub(crate) scope: String,
    pub(crate) key: String,
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.universe, self.store, self.scope, self.key)
    }
}

/// What an entry is to hold.
#[derive(Debug)]
pub(crate) struct NewState {
    pub(crate) value: Vec<u8>,
    pub(crate) users: Vec<String>,
    pub(crate) attributes: String,
    pub(crate) when: When,
}

/// What is added to the number of an entry, and what stands beside it from then on.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) by: i64,
    pub(crate) users: Vec<String>,
    pub(crate) attributes: String,
}

/// What must hold of an entry for it to be written.
#[derive(Debug)]
pub(crate) enum When {
    Always,
    Missing,
    AtVersion(String),
}

/// One state of an entry.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) written: Written,
    pub(crate) users: Vec<String>,
    /// A JSON object.
    pub(crate) attributes: String,
    /// JSON, byte for byte as it was sent.
    pub(crate) value: String,
}

/// One write of an entry.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) version: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Of the value, in bytes.
    pub(crate) value_size: u64,
}

/// A key to be made.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    pub(crate) scopes: Vec<KeyScope>,
    /// Empty for all.
    pub(crate) universes: Vec<UniverseId>,
    /// Empty for all.
    pub(crate) stores: Vec<String>,
    pub(crate) expires_in: Option<Duration>,
}

/// An API key without its secret.
#[derive(Debug)]
pub(crate) struct KeyInfo {
    pub(crate) id: ApiKeyId,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    /// None for all.
    pub(crate) universes: Option<Vec<String>>,
    /// None for all.
    pub(crate) stores: Option<Vec<String>>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked: bool,
}

/// A key that was just made.
#[derive(Debug)]
pub(crate) struct CreatedKey {
    pub(crate) id: ApiKeyId,
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) expires_at: Option<Timestamp>,
}

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

    /// Does something with the target and closes it, whatever came of it.
    ///
    /// # Errors
    /// Opening, the work, or closing failed.
    pub(crate) async fn with<T>(
        args: &args::Target,
        work: impl AsyncFnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        let target = Self::open(args)?;
        let done = work(&target).await;
        let closed = match target {
            Self::Directory(directory) => directory.close(),
            Self::Server(_) => Ok(()),
        };
        let done = done?;
        closed.map(|()| done)
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

    /// Adds to the number of an entry. Returns its state after that.
    pub(crate) async fn increment(&self, name: &EntryName, addition: Addition) -> Result<State> {
        match self {
            Self::Directory(directory) => directory.increment(name, addition).await,
            Self::Server(server) => server.increment(name, &addition).await,
        }
    }

    /// Removes an entry.
    pub(crate) async fn remove(&self, name: &EntryName) -> Result<()> {
        match self {
            Self::Directory(directory) => directory.remove(name).await,
            Self::Server(server) => server.remove(name).await,
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
