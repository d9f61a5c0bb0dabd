//! A data directory, opened by this process through the library.

mod boards;
mod operators;
mod stores;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use steadfast::{KeyError, OpenError, Options, Steadfast};
use steadfast_core::key::{ApiKey, Only};
use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, PlatformError, Remove, Request, Restore, RevisionId, Set,
    Which,
};
use steadfast_core::{
    ApiKeyId, Content, EntryId, EntryKey, ErrorKind, JsonText, Limits, Metadata, Scope, StoreId,
    StoreName, Timestamp, UserId,
};
use steadfast_open_cloud::time::v1_json;

use crate::failure::{Failure, Result};
use crate::target::{
    Addition, CreatedKey, EntryName, KeyInfo, NewKey, NewState, Restoring, State, When, Written,
};

/// An open data directory.
pub(crate) struct Directory {
    db: Steadfast,
}

impl Directory {
    /// Opens a directory that exists: a wrong path must not make a new store.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let is_empty = |mut entries: std::fs::ReadDir| entries.next().is_none();
        if std::fs::read_dir(dir).map_or(!dir.exists(), is_empty) {
            let message = format!("there is no data directory `{}`", dir.display());
            let hint = "`serve --data DIR` makes a data directory";
            return Err(Failure::new(ErrorKind::NotFound, message).hint(hint));
        }
        let opened = Steadfast::open_with(dir, Options::default());
        opened.map(|db| Self { db }).map_err(|error| open_failure(dir, error))
    }

    pub(super) fn close(self) -> Result<()> {
        self.db.close().map_err(|error| Failure::of(ErrorKind::Internal, error))
    }

    pub(super) async fn get(&self, name: &EntryName, version: Option<&str>) -> Result<State> {
        let which = match version {
            Some(version) => Which::Revision(RevisionId::from_client(version)),
            None => Which::Current,
        };
        let entry = self.entry(name)?;
        shown(self.execute(Request::Get(Get { entry, which })).await?)
    }

    pub(super) async fn set(&self, name: &EntryName, state: NewState) -> Result<Written> {
        let set = self.set_request(name, state)?;
        self.execute(Request::Set(set)).await.map(|state| written(&state))
    }

    pub(super) async fn create(&self, name: &EntryName, state: NewState) -> Result<Option<State>> {
        let set = self.set_request(name, NewState { when: When::Missing, ..state })?;
        match self.db.execute(Request::Set(set)).await {
            Ok(_) => Ok(None),
            Err(PlatformError::Exists { current }) => shown(*current).map(Some),
            Err(error) => Err(platform_failure(error)),
        }
    }

    pub(super) async fn restore(&self, name: &EntryName, how: Restoring<'_>) -> Result<State> {
        let restore = Restore {
            entry: self.entry(name)?,
            revision: RevisionId::from_client(how.revision),
            matches: how.at.map(RevisionId::from_client),
            permit: Permit { force: how.force, ..Permit::ALL },
            write_id: self.db.new_write_id(),
        };
        shown(self.execute(Request::Restore(restore)).await?)
    }

    fn set_request(&self, name: &EntryName, state: NewState) -> Result<Set> {
        let (entry, limits) = (self.entry(name)?, self.db.limits());
        let value = JsonText::parse(&state.value, limits)
            .map_err(|error| invalid(error).context("the value is refused"))?;
        let (user_ids, metadata) = tags(&state.users, &state.attributes, limits)?;
        let content = Arc::new(Content { value, user_ids, metadata });
        let when = match state.when {
            When::Always => steadfast_core::platform::When::Always,
            When::Missing => steadfast_core::platform::When::Missing,
            When::AtVersion(version) => {
                steadfast_core::platform::When::Matches(RevisionId::from_client(&version))
            }
        };
        let permit = Permit { force: state.force, ..Permit::ALL };
        let write_id = self.db.new_write_id();
        Ok(Set { entry, content, when, permit, write_id })
    }

    pub(super) async fn increment(&self, name: &EntryName, addition: Addition) -> Result<State> {
        let (entry, by) = (self.entry(name)?, addition.by);
        let (user_ids, metadata) = tags(&addition.users, &addition.attributes, self.db.limits())?;
        let (permit, write_id) = (Permit::ALL, self.db.new_write_id());
        let increment = Increment { entry, by, user_ids, metadata, permit, write_id };
        shown(self.execute(Request::Increment(increment)).await?)
    }

    pub(super) async fn remove(&self, name: &EntryName, force: bool) -> Result<()> {
        let (entry, write_id) = (self.entry(name)?, self.db.new_write_id());
        let remove = Remove { entry, matches: None, force, write_id };
        self.execute(Request::Remove(remove)).await.map(drop)
    }

    pub(super) async fn create_key(&self, key: NewKey) -> Result<CreatedKey> {
        let limits = self.db.limits();
        let stores = key.stores.iter().map(|store| StoreName::parse(store, limits));
        let stores = stores.collect::<std::result::Result<BTreeSet<_>, _>>().map_err(invalid)?;
        let expires_at = key.expires_in.map(|duration| self.db.now().saturating_add(duration));
        let new_key = steadfast::NewKey {
            name: key.name.clone(),
            scopes: key.scopes.into_iter().collect(),
            universes: only(key.universes.into_iter().collect()),
            stores: only(stores),
            expires_at,
        };
        let (id, secret) = self.db.keys().create(new_key).await.map_err(key_failure)?;
        Ok(CreatedKey { id, name: key.name, secret, expires_at })
    }

    pub(super) async fn keys(&self) -> Result<Vec<KeyInfo>> {
        let keys = self.db.keys().list().await.map_err(key_failure)?;
        Ok(keys.into_iter().map(|(id, key, created_at)| key_info(id, &key, created_at)).collect())
    }

    pub(super) async fn revoke_key(&self, id: ApiKeyId) -> Result<()> {
        self.db.keys().revoke(id).await.map_err(key_failure)
    }

    async fn execute(&self, request: Request) -> Result<EntryState> {
        self.db.execute(request).await.map_err(platform_failure)
    }

    fn entry(&self, name: &EntryName) -> Result<EntryId> {
        entry_id(name, self.db.limits()).map_err(invalid)
    }
}

fn entry_id(
    name: &EntryName,
    limits: &Limits,
) -> std::result::Result<EntryId, steadfast_core::id::NameError> {
    let store = StoreId { universe: name.universe, name: StoreName::parse(&name.store, limits)? };
    let scope = Scope::parse(&name.scope, limits)?;
    Ok(EntryId { store, scope, key: EntryKey::parse(&name.key, limits)? })
}

/// The users and attributes of a write.
fn tags(users: &[String], attributes: &str, limits: &Limits) -> Result<(Vec<UserId>, Metadata)> {
    let users = users.iter().map(|user| UserId::parse(user, limits));
    let user_ids = users.collect::<std::result::Result<Vec<_>, _>>().map_err(invalid)?;
    if user_ids.len() > limits.user_id_count_max {
        let (count, limit) = (user_ids.len(), limits.user_id_count_max);
        let message = format!("{count} users are given, the limit is {limit}");
        return Err(Failure::new(ErrorKind::Invalid, message));
    }
    let metadata = Metadata::parse(attributes, limits)
        .map_err(|error| invalid(error).context("the attributes are refused"))?;
    Ok((user_ids, metadata))
}

/// A state as it is printed.
fn shown(state: EntryState) -> Result<State> {
    let written = written(&state);
    let Some(content) = state.content else {
        let message = "the entry was removed at that version";
        return Err(Failure::new(ErrorKind::NotFound, message));
    };
    Ok(State {
        written,
        users: content.user_ids.iter().map(ToString::to_string).collect(),
        attributes: content.metadata.as_str().to_owned(),
        value: content.value.as_str().to_owned(),
    })
}

fn written(state: &EntryState) -> Written {
    let size = state.content.as_ref().map_or(0, |content| content.value.size());
    Written {
        version: state.revision_id().as_str().to_owned(),
        created_at: state.created_at,
        updated_at: state.updated_at,
        value_size: u64::try_from(size).unwrap_or(u64::MAX),
    }
}

fn only<T: Ord>(items: BTreeSet<T>) -> Only<T> {
    if items.is_empty() { Only::Any } else { Only::These(items) }
}

fn key_info(id: ApiKeyId, key: &ApiKey, created_at: Timestamp) -> KeyInfo {
    fn texts<T: ToString>(only: &Only<T>) -> Option<Vec<String>> {
        match only {
            Only::Any => None,
            Only::These(items) => Some(items.iter().map(ToString::to_string).collect()),
        }
    }
    KeyInfo {
        id,
        name: key.name.clone(),
        scopes: key.scopes.iter().map(ToString::to_string).collect(),
        universes: texts(&key.universes),
        stores: texts(&key.stores),
        created_at,
        expires_at: key.expires_at,
        revoked: key.revoked,
    }
}

fn invalid(error: impl Into<anyhow::Error>) -> Failure {
    Failure::of(ErrorKind::Invalid, error)
}

fn platform_failure(error: PlatformError) -> Failure {
    let current = if let PlatformError::Exists { current } | PlatformError::Mismatch { current } =
        &error
        && current.content.is_some()
    {
        Some(current.revision_id())
    } else {
        None
    };
    let since =
        if let PlatformError::Leased { since, .. } = &error { Some(v1_json(*since)) } else { None };
    let failure = Failure::of(error.kind(), error);
    match (current, since) {
        (Some(version), _) => failure.hint_at_version(version.as_str()),
        (None, Some(since)) => failure.hint(format!(
            "it holds it since {since}: end its session, or take it away with `--force`"
        )),
        (None, None) => failure,
    }
}

fn key_failure(error: KeyError) -> Failure {
    Failure::of(error.kind(), error)
}

/// A data directory that does not open.
pub(crate) fn open_failure(dir: &Path, error: OpenError) -> Failure {
    let failure = if let OpenError::Directory(error) = error {
        let is_locked = matches!(error, steadfast_storage_redb::OpenError::Locked { .. });
        // What wraps it says no more than we do.
        let failure = directory_failure(error);
        if is_locked {
            failure.hint("a running server is reached with `--server URL`")
        } else {
            failure
        }
    } else {
        Failure::of(error.kind(), error)
    };
    failure.context(format!("cannot open the data directory `{}`", dir.display()))
}

/// What the engine says of a directory.
pub(crate) fn directory_failure(error: steadfast_storage_redb::OpenError) -> Failure {
    let is_damaged = error.kind() == ErrorKind::Corrupt;
    let is_incomplete = matches!(error, steadfast_storage_redb::OpenError::Incomplete { .. });
    let failure = Failure::of(error.kind(), error);
    if is_incomplete {
        failure.hint("make the backup or the restore again, into it or another directory")
    } else if is_damaged {
        failure.hint("`doctor DIR` looks at it, `salvage DIR --to NEW` saves what can be read")
    } else {
        failure
    }
}
