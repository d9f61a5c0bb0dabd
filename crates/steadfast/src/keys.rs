//! API keys: made, listed, revoked, and checked on every request.
//!
//! The secret is shown once. The store keeps its SHA-256, which is safe without salt because a
//! secret of ours has 256 random bits. A key is found by the first half of the digest and accepted
//! only if all of it is equal, compared in constant time.
//!
//! Every check reads the stored row, so a revocation holds from the next request on.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::row::Birth;
use steadfast_core::{
    ApiKeyId, Batch, Code, Condition, ErrorKind, Found, Outcome, ReadError, Refusal, Revision, Row,
    RowBody, RowKey, RowRange, StoreName, Timestamp, UniverseId, Write, WriteId,
};
use steadfast_storage::Backend;
use subtle::ConstantTimeEq;

use crate::answer::submit;

/// Shortest secret that may be preset, in bytes. Those made here are longer.
pub const SECRET_SIZE_MIN: usize = 20;

/// How the secrets start that are made here, so that scanners of leaked secrets can know them.
const SECRET_PREFIX: &str = "sfk_";

/// How many keys are read at a time.
const KEYS_PER_SCAN: usize = 256;

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<KeyScope>,
    /// In which universes.
    pub universes: Only<UniverseId>,
    /// In which data stores of these.
    pub stores: Only<StoreName>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// Why something was not done with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no API key `{id}`")]
    NotFound {
        /// The key.
        id: ApiKeyId,
    },
    /// There is a key with this secret already.
    #[error("there is an API key with this secret already")]
    Exists,
    /// The key was changed by somebody else at the same time.
    #[error("the API key `{id}` was changed at the same time")]
    Conflict {
        /// The key.
        id: ApiKeyId,
    },
    /// The secret is too short to be one.
    #[error("the secret has {actual} bytes, at least {SECRET_SIZE_MIN} are needed")]
    WeakSecret {
        /// Its length in bytes.
        actual: usize,
    },
    /// Stored bytes are damaged.
    #[error("the API key `{id}` is damaged")]
    Corrupt {
        /// The key.
        id: ApiKeyId,
    },
    /// The store has no room; nothing was written.
    #[error("the store has no room: {reason}")]
    StoreFull {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The store is stopped or out of reach; nothing was written.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The change may be durable or not: list the keys to see.
    #[error("whether the API key `{id}` was changed is unknown")]
    OutcomeUnknown {
        /// The key.
        id: ApiKeyId,
    },
}

impl KeyError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code, as JSON shows it.
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::KeyNotFound,
            Self::Exists => Code::KeyExists,
            Self::Conflict { .. } => Code::KeyConflict,
            Self::WeakSecret { .. } => Code::WeakSecret,
            Self::Corrupt { .. } => Code::Corrupt,
            Self::StoreFull { .. } => Code::StorageFull,
            Self::Unavailable { .. } => Code::StorageUnavailable,
            Self::OutcomeUnknown { .. } => Code::OutcomeUnknown,
        }
    }
}

/// The API keys of a store. A cheap handle.
#[derive(Clone)]
pub struct ApiKeys {
    backend: Arc<dyn Backend>,
}

impl ApiKeys {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// The key of a secret, if there is one and it is neither expired nor revoked.
    ///
    /// # Errors
    /// [`KeyError`] when the store cannot tell. Never to be taken for a wrong key.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<(ApiKeyId, ApiKey)>, KeyError> {
        let digest = digest_of(secret);
        let id = id_of(&digest);
        let Some((_, key)) = self.find(id).await? else { return Ok(None) };
        let is_equal = bool::from(key.digest.ct_eq(&digest));
        let is_live = key.is_live(self.backend.now());
        Ok((is_equal && is_live).then_some((id, key)))
    }

    /// Makes a key and returns its secret, which cannot be had again.
    ///
    /// # Errors
    /// [`KeyError`].
    ///
    /// # Panics
    /// When the system has no randomness.
    pub async fn create(&self, key: NewKey) -> Result<(ApiKeyId, String), KeyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        let secret = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let id = self.store(key, &secret).await?;
        Ok((id, secret))
    }

    /// Every key with the time at which it was made, revoked ones included, by id.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn list(&self) -> Result<Vec<(ApiKeyId, ApiKey, Timestamp)>, KeyError> {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let range = RowRange::ApiKeys { after };
            let scan = submit(|done| self.backend.scan(range, KEYS_PER_SCAN, done)).await;
            let reply = scan.unwrap_or_else(|| Err(ended())).map_err(unavailable)?;
            for found in reply.rows {
                let (id, row, key) = match found {
                    Found::Row(row) => match (row.key.clone(), row.body.clone()) {
                        (RowKey::ApiKey(id), RowBody::ApiKey(key)) => (id, row, key),
                        _ => continue,
                    },
                    Found::Corrupt(RowKey::ApiKey(id)) => return Err(KeyError::Corrupt { id }),
                    Found::Corrupt(_) | Found::Absent => continue,
                };
                after = Some(id);
                let created_at = key.birth.time(row.stamped_at);
                keys.push((id, key, created_at));
            }
            if !reply.more {
                return Ok(keys);
            }
        }
    }

    /// Revokes a key. It stays listed. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn revoke(&self, id: ApiKeyId) -> Result<(), KeyError> {
        let (row, key) = self.find(id).await?.ok_or(KeyError::NotFound { id })?;
        if key.revoked {
            return Ok(());
        }
        let birth = Birth::At(key.birth.time(row.stamped_at));
        let key = ApiKey { revoked: true, birth, ..key };
        let write = new_write_id();
        let condition = Condition::At(row.revision);
        let is_written = self.write(id, condition, row.revision.next(write), key).await?;
        if is_written { Ok(()) } else { Err(KeyError::Conflict { id }) }
    }

    /// Makes sure that somebody can administer the store: with a preset secret that it is an
    /// administrator's, otherwise that there is a key at all. Returns the secret if it made one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn ensure_admin(&self, preset: Option<&str>) -> Result<Option<String>, KeyError> {
        let admin = NewKey {
            name: "admin".to_owned(),
            scopes: KeyScope::ALL.into(),
            universes: Only::Any,
            stores: Only::Any,
            expires_at: None,
        };
        match preset {
            Some(secret) if secret.len() < SECRET_SIZE_MIN => {
                Err(KeyError::WeakSecret { actual: secret.len() })
            }
            Some(secret) => match self.store(admin, secret).await {
                Ok(_) | Err(KeyError::Exists) => Ok(None),
                Err(error) => Err(error),
            },
            None if self.list().await?.is_empty() => {
                self.create(admin).await.map(|(_, secret)| Some(secret))
            }
            None => Ok(None),
        }
    }

    async fn store(&self, key: NewKey, secret: &str) -> Result<ApiKeyId, KeyError> {
        let digest = digest_of(secret);
        let id = id_of(&digest);
        let NewKey { name, scopes, universes, stores, expires_at } = key;
        let (birth, revoked) = (Birth::ThisWrite, false);
        let key = ApiKey { name, digest, scopes, universes, stores, birth, expires_at, revoked };
        let revision = Revision::first(new_write_id());
        let is_written = self.write(id, Condition::Absent, revision, key).await?;
        if is_written { Ok(id) } else { Err(KeyError::Exists) }
    }

    async fn find(&self, id: ApiKeyId) -> Result<Option<(Row, ApiKey)>, KeyError> {
        let rows = vec![RowKey::ApiKey(id)];
        let read = submit(|done| self.backend.read(rows, done)).await;
        let reply = read.unwrap_or_else(|| Err(ended())).map_err(unavailable)?;
        match reply.rows.into_iter().next() {
            Some(Found::Row(row)) => match row.body.clone() {
                RowBody::ApiKey(key) => Ok(Some((row, key))),
                RowBody::Store(_)
                | RowBody::Entry(_)
                | RowBody::Revision(_)
                | RowBody::Universe(_)
                | RowBody::Ordered(_)
                | RowBody::Review
                | RowBody::Record(_)
                | RowBody::Ends(_)
                | RowBody::Presence(_)
                | RowBody::Mail(_)
                | RowBody::Ledger(_) => Err(KeyError::Corrupt { id }),
            },
            Some(Found::Corrupt(_)) => Err(KeyError::Corrupt { id }),
            Some(Found::Absent) | None => Ok(None),
        }
    }

    /// Whether the row was written; not if its condition does not hold.
    async fn write(
        &self,
        id: ApiKeyId,
        condition: Condition,
        revision: Revision,
        key: ApiKey,
    ) -> Result<bool, KeyError> {
        let row = RowKey::ApiKey(id);
        let put = Write::Put { key: row.clone(), revision, body: RowBody::ApiKey(key) };
        let batch = Batch { conditions: vec![(row, condition)], writes: vec![put] };
        let outcome = submit(|done| self.backend.commit(batch, done)).await;
        match outcome.unwrap_or(Outcome::Unknown) {
            Outcome::Committed(_) => Ok(true),
            Outcome::Refused(Refusal::Conditions(_)) => Ok(false),
            Outcome::Refused(Refusal::Exhausted { reason }) => Err(KeyError::StoreFull { reason }),
            Outcome::Refused(Refusal::Unavailable { reason }) => {
                Err(KeyError::Unavailable { reason })
            }
            Outcome::Refused(Refusal::Invalid(error)) => {
                Err(KeyError::Unavailable { reason: error.to_string().into() })
            }
            Outcome::Unknown => Err(KeyError::OutcomeUnknown { id }),
        }
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

fn digest_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn id_of(digest: &[u8; 32]) -> ApiKeyId {
    let id = digest.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte));
    ApiKeyId(id)
}

pub(crate) fn new_write_id() -> WriteId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives randomness");
    WriteId(u128::from_be_bytes(bytes))
}

fn ended() -> ReadError {
    ReadError::Unavailable { reason: "the store ended".into() }
}

fn unavailable(error: ReadError) -> KeyError {
    match error {
        ReadError::Unavailable { reason } => KeyError::Unavailable { reason },
    }
}

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
