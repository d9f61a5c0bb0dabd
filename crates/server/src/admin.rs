//! Administration, for keys with the scope `steadfast.admin`: API keys, backups, the server's status
//! and what operators do to records.
//!
//! The documents are our own: universe ids are text, because not every reader of JSON holds 64 bits;
//! `null` in the place of a list means that there is no restriction.

mod backups;
mod operators;

use std::collections::BTreeSet;
use std::error::Error;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use steadfast::{KeyError, NewKey};
use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::{ApiKeyId, Code, ErrorKind, Limits, StoreName, UniverseId};
use steadfast_open_cloud::path::parse_universe;
use steadfast_open_cloud::time;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::body::Incoming;
use crate::edge::{Edge, own_error};
use crate::reply::Reply;
use crate::route::{AdminCall, Surface};
use crate::service::{App, is_json};

pub(crate) use self::backups::Backups;
pub(crate) use self::operators::{OperatorCall, PAGE_SIZE, Works};

/// Largest body of an administrative call, in bytes.
pub(crate) const BODY_SIZE_MAX: usize = 256 * 1024;
/// Longest name of a key, in bytes.
pub(crate) const KEY_NAME_SIZE_MAX: usize = 128;
/// Most universes, and most data stores, that a key is limited to.
pub(crate) const ONLY_COUNT_MAX: usize = 1_000;

/// Answers an administrative call.
pub(crate) async fn answer<B>(
    app: &App,
    key: &ApiKey,
    parts: &Parts,
    call: AdminCall<'_>,
    body: &mut Incoming<B>,
) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    if !key.allows(KeyScope::Admin) {
        let message = format!("The scope `{}` is missing.", KeyScope::Admin);
        return own_error(Code::InsufficientScope, &message);
    }
    let answer = match call {
        AdminCall::KeyCreate => create(app, parts, body).await,
        AdminCall::KeyList => list(app).await,
        AdminCall::KeyRevoke(id) => revoke(app, id).await,
        AdminCall::Status => Ok(status(app)),
        AdminCall::BackupCreate => backups::create(app, parts, body).await,
        AdminCall::BackupGet(name) => backups::get(app, name),
        AdminCall::Operator(call) => operators::answer(app, key, parts, call, body).await,
    };
    answer.unwrap_or_else(|refusal| refusal)
}

/// What a key is made of.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewKeyInput {
    name: String,
    scopes: Vec<String>,
    #[serde(default)]
    universes: Option<Vec<UniverseInput>>,
    #[serde(default)]
    stores: Option<Vec<String>>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum UniverseInput {
    Number(u64),
    Text(String),
}

/// A key as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyOutput<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    name: &'a str,
    scopes: Vec<&'static str>,
    universes: Option<Vec<String>>,
    stores: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    expires_at: Option<String>,
    revoked: bool,
}

impl<'a> KeyOutput<'a> {
    fn new(
        id: ApiKeyId,
        name: &'a str,
        scopes: &BTreeSet<KeyScope>,
        universes: &Only<UniverseId>,
        stores: &'a Only<StoreName>,
    ) -> Self {
        let universes = match universes {
            Only::Any => None,
            Only::These(universes) => Some(universes.iter().map(UniverseId::to_string).collect()),
        };
        let stores = match stores {
            Only::Any => None,
            Only::These(stores) => Some(stores.iter().map(StoreName::as_str).collect()),
        };
        Self {
            id: id.to_string(),
            secret: None,
            name,
            scopes: scopes.iter().map(|scope| scope.name()).collect(),
            universes,
            stores,
            created_at: None,
            expires_at: None,
            revoked: false,
        }
    }
}

async fn create<B>(app: &App, parts: &Parts, body: &mut Incoming<B>) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let input: NewKeyInput = read_json(app, parts, body, (BODY_SIZE_MAX, "a new key")).await?;
    let key = new_key(input, app.steadfast().limits())?;
    let keys = app.steadfast().keys();
    let (id, secret) = finish(app, keys.create(key.clone())).await?;
    info!(%id, "an API key was made");
    let shown = KeyOutput {
        secret: Some(&secret),
        expires_at: key.expires_at.map(time::v2_json),
        ..KeyOutput::new(id, &key.name, &key.scopes, &key.universes, &key.stores)
    };
    Ok(Reply::json(StatusCode::OK, json(&shown)))
}

/// Reads a body in JSON of at most this size, which is to be this.
async fn read_json<B, T>(
    app: &App,
    parts: &Parts,
    body: &mut Incoming<B>,
    (size_max, what): (usize, &str),
) -> Result<T, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
    T: DeserializeOwned,
{
    if !is_json(parts) {
        return Err(own_error(Code::InvalidBody, "the content type is not `application/json`"));
    }
    let read = app.read_body_up_to(size_max, body).await;
    let read = read.map_err(|edge| edge.reply(Surface::Admin))?;
    serde_json::from_slice(read.bytes())
        .map_err(|error| own_error(Code::InvalidBody, &format!("the body is not {what}: {error}")))
}

async fn list(app: &App) -> Result<Reply, Reply> {
    #[derive(Serialize)]
    struct List<'a> {
        keys: Vec<KeyOutput<'a>>,
    }
    let keys = app.steadfast().keys();
    let listed = finish(app, keys.list()).await?;
    let shown = listed.iter().map(|(id, key, created_at)| KeyOutput {
        created_at: Some(time::v2_json(*created_at)),
        expires_at: key.expires_at.map(time::v2_json),
        revoked: key.revoked,
        ..KeyOutput::new(*id, &key.name, &key.scopes, &key.universes, &key.stores)
    });
    Ok(Reply::json(StatusCode::OK, json(&List { keys: shown.collect() })))
}

async fn revoke(app: &App, id: Option<ApiKeyId>) -> Result<Reply, Reply> {
    let Some(id) = id else {
        return Err(own_error(Code::InvalidKeyId, "that is not the id of a key"));
    };
    let keys = app.steadfast().keys();
    finish(app, keys.revoke(id)).await?;
    info!(%id, "an API key was revoked");
    Ok(Reply::no_content())
}

fn status(app: &App) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Status<'a> {
        version: &'static str,
        uptime_seconds: u64,
        time: String,
        store: Store,
        limits: LimitsOutput<'a>,
    }
    #[derive(Serialize)]
    struct Store {
        healthy: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    let steadfast = app.steadfast();
    let stopped = steadfast.health().err();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.uptime().as_secs(),
        time: time::v2_json(steadfast.now()),
        store: Store {
            healthy: stopped.is_none(),
            reason: stopped.map(|stopped| stopped.reason.to_string()),
        },
        limits: LimitsOutput(steadfast.limits()),
    };
    Reply::json(StatusCode::OK, json(&status))
}

/// The limits, by the names that they have in the code.
pub(crate) struct LimitsOutput<'a>(pub(crate) &'a Limits);

impl Serialize for LimitsOutput<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Limits {
            store_name_size_max,
            scope_size_max,
            key_size_max,
            value_size_max,
            value_depth_max,
            metadata_size_max,
            user_id_count_max,
            user_id_text_size_max,
            batch_size_max,
            page_size_max,
            writes_per_key_max,
            // Every answer says where its budgets stand.
            rates: _,
        } = self.0;
        serializer.collect_map([
            ("storeNameSizeMax", store_name_size_max),
            ("scopeSizeMax", scope_size_max),
            ("keySizeMax", key_size_max),
            ("valueSizeMax", value_size_max),
            ("valueDepthMax", value_depth_max),
            ("metadataSizeMax", metadata_size_max),
            ("userIdCountMax", user_id_count_max),
            ("userIdTextSizeMax", user_id_text_size_max),
            ("batchSizeMax", batch_size_max),
            ("pageSizeMax", page_size_max),
            ("writesPerKeyMax", writes_per_key_max),
        ])
    }
}

fn new_key(input: NewKeyInput, limits: &Limits) -> Result<NewKey, Reply> {
    let NewKeyInput { name, scopes, universes, stores, expires_at } = input;
    if name.is_empty() || name.len() > KEY_NAME_SIZE_MAX {
        let message = format!("`name` must have 1 to {KEY_NAME_SIZE_MAX} bytes");
        return Err(own_error(Code::InvalidName, &message));
    }
    let scope = |name: &String| {
        let message = || format!("there is no scope `{name}`");
        KeyScope::parse(name).ok_or_else(|| own_error(Code::InvalidScope, &message()))
    };
    let scopes = scopes.iter().map(scope).collect::<Result<BTreeSet<_>, _>>()?;
    if scopes.is_empty() {
        return Err(own_error(Code::InvalidScope, "a key without a scope can do nothing"));
    }
    let universe = |universe: &UniverseInput| match universe {
        UniverseInput::Number(number) => Ok(UniverseId(*number)),
        UniverseInput::Text(text) => parse_universe(text)
            .ok_or_else(|| own_error(Code::InvalidUniverse, "a universe id is not a number")),
    };
    let store = |name: &String| {
        StoreName::parse(name, limits)
            .map_err(|error| own_error(Code::InvalidStore, &error.to_string()))
    };
    let expires_at = expires_at.map(|text| {
        time::parse(&text).map_err(|error| own_error(Code::InvalidExpiry, &error.to_string()))
    });
    Ok(NewKey {
        name,
        scopes,
        universes: only("universes", universes, universe)?,
        stores: only("stores", stores, store)?,
        expires_at: expires_at.transpose()?,
    })
}

/// An empty list would make a key for nothing, and is likelier meant as no restriction: neither is
/// guessed.
fn only<T, U: Ord>(
    what: &str,
    items: Option<Vec<T>>,
    read: impl Fn(&T) -> Result<U, Reply>,
) -> Result<Only<U>, Reply> {
    let Some(items) = items else { return Ok(Only::Any) };
    if items.is_empty() || items.len() > ONLY_COUNT_MAX {
        let message = format!("`{what}` must have 1 to {ONLY_COUNT_MAX} items, or be left out");
        return Err(own_error(Code::InvalidRestriction, &message));
    }
    Ok(Only::These(items.iter().map(read).collect::<Result<_, _>>()?))
}

/// Waits for a call on keys until the deadline, and says what went wrong.
async fn finish<T>(app: &App, call: impl Future<Output = Result<T, KeyError>>) -> Result<T, Reply> {
    match timeout(app.config().request_timeout, call).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let (kind, code) = (error.kind(), error.code());
            warn!(%kind, %code, %error, "a call on keys failed");
            Err(own_error(code, kind_text(kind)))
        }
        Err(_) => Err(Edge::Failed(ErrorKind::OutcomeUnknown).reply(Surface::Admin)),
    }
}

const fn kind_text(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "there is no such key",
        ErrorKind::Conflict => "the key was changed at the same time",
        ErrorKind::Unavailable => "the store is unavailable; nothing was written",
        ErrorKind::OutcomeUnknown => "the change may have been made; list the keys to see",
        ErrorKind::Invalid
        | ErrorKind::Denied
        | ErrorKind::Fenced
        | ErrorKind::Exhausted
        | ErrorKind::Corrupt
        | ErrorKind::Internal => "the call failed; the log of the server says why",
    }
}

/// What an error says, and what it was caused by, each once.
fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !message.ends_with(&said) {
            message = format!("{message}: {said}");
        }
        source = cause.source();
    }
    message
}

fn json(output: &impl Serialize) -> String {
    serde_json::to_string(output).expect("text and numbers can always be written as JSON")
}
