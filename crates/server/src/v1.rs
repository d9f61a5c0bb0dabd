//! Open Cloud v1: get, set, increment and delete one entry and read its versions (H-82 to H-85,
//! H-87, H-90 to H-101), and beside it lists.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hyper::body::Body;
use steadfast_core::id::{DEFAULT_SCOPE, NameError};
use steadfast_core::key::{ApiKey, KeyScope};
use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, PlatformError, Remove, Request, RevisionId, Set, When,
    Which,
};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{
    EntryId, EntryKey, JsonText, Limits, Scope, StoreId, StoreName, UniverseId, UserId,
};
use steadfast_open_cloud::path::parse_universe;
use steadfast_open_cloud::v1::{
    ATTRIBUTES, CONTENT_MD5, EntryVersion, USER_IDS, amount, attributes, check_md5, entry_headers,
    user_ids, version_id,
};
use steadfast_open_cloud::{Query, QueryError, V1Code, V1Error, mapping};

use crate::body::Incoming;
use crate::edge::Edge;
use crate::reply::Reply;
use crate::route::V1Call;
use crate::service::is_json;
use crate::throttle::Metered;

mod lists;

/// Answers a call of v1.
pub(crate) async fn answer<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    parts: &Parts,
    call: V1Call<'_>,
    body: &mut Incoming<B>,
) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let answer = match call {
        V1Call::Stores { universe } => lists::stores(app, key, universe, &query).await,
        V1Call::Entries { universe } => lists::entries(app, key, universe, &query).await,
        V1Call::Versions { universe } => lists::versions(app, key, universe, &query).await,
        V1Call::Version { universe } => version(app, key, universe, &query).await,
        V1Call::Get { universe } => get(app, key, universe, &query).await,
        V1Call::Set { universe } => set(app, key, universe, &query, parts, body).await,
        V1Call::Increment { universe } => increment(app, key, universe, &query, parts).await,
        V1Call::Delete { universe } => delete(app, key, universe, &query).await,
    };
    answer.unwrap_or_else(|error| error.reply().into())
}

async fn get(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V1Error> {
    let entry = read_entry(universe, query, app.steadfast().limits())?;
    require(key, KeyScope::EntryRead, &entry.store)?;
    show(app, entry, Which::Current).await
}

/// Reads a version of an entry. One that is a deletion holds nothing to show (V-20).
async fn version(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V1Error> {
    let entry = read_entry(universe, query, app.steadfast().limits())?;
    require(key, KeyScope::RevisionRead, &entry.store)?;
    show(app, entry, Which::Revision(version_id(query)?)).await
}

async fn show(app: &Metered<'_>, entry: EntryId, which: Which) -> Result<Reply, V1Error> {
    let request = Request::Get(Get { entry, which });
    let state = app.execute(request, app.deadline()).await.map_err(|error| mapping::v1(&error))?;
    Ok(value(StatusCode::OK, &state).unwrap_or_else(|| not_found(&state).reply().into()))
}

async fn set<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, V1Error>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let limits = app.steadfast().limits();
    let entry = read_entry(universe, query, limits)?;
    let permit = permit(key, &entry.store)?;
    let when = read_condition(query)?;
    let (user_ids, metadata) = read_tags(&parts.headers, limits)?;
    if !body.is_declared() {
        return Err(V1Error::new(V1Code::ContentLengthRequired, "The body is missing."));
    }
    if !is_json(parts) {
        let message = "The content type is not `application/json`.";
        return Err(V1Error::new(V1Code::ContentNotJson, message));
    }
    let read = app.read_body(body).await.map_err(Edge::v1)?;
    let digest = one_header(&parts.headers, CONTENT_MD5, V1Code::ChecksumMismatch)?;
    check_md5(digest, read.bytes())?;
    let value =
        JsonText::parse(read.bytes(), limits).map_err(|error| mapping::v1_content(&error))?;
    let _held = read.into_held();
    let may_read = key.allows_in(KeyScope::EntryRead, &entry.store);
    let content = Arc::new(Content { value, user_ids, metadata });
    let write_id = app.write_id();
    let request = Request::Set(Set { entry, content, when, permit, write_id });
    match app.execute(request, app.deadline()).await {
        Ok(state) => Ok(Reply::json(StatusCode::OK, EntryVersion::of(&state).body())),
        Err(error) => refused(&error, may_read),
    }
}

/// Adds to the number of an entry (H-85). There is no body to be read; a checksum is ignored, since
/// clients send one of the amount (client rule 7).
async fn increment(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
    parts: &Parts,
) -> Result<Reply, V1Error> {
    let limits = app.steadfast().limits();
    let entry = read_entry(universe, query, limits)?;
    let permit = permit(key, &entry.store)?;
    let by = amount(query.get("incrementBy").map_err(|error| invalid(&error))?)?;
    let (user_ids, metadata) = read_tags(&parts.headers, limits)?;
    let write_id = app.write_id();
    let increment = Increment { entry, by, user_ids, metadata, permit, write_id };
    let request = Request::Increment(increment);
    let state = app.execute(request, app.deadline()).await.map_err(|error| mapping::v1(&error))?;
    Ok(value(StatusCode::OK, &state).unwrap_or_else(|| not_found(&state).reply().into()))
}

async fn delete(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
    query: &Query,
) -> Result<Reply, V1Error> {
    let entry = read_entry(universe, query, app.steadfast().limits())?;
    require(key, KeyScope::EntryDelete, &entry.store)?;
    let write_id = app.write_id();
    let request = Request::Remove(Remove { entry, matches: None, force: false, write_id });
    app.execute(request, app.deadline()).await.map_err(|error| mapping::v1(&error))?;
    Ok(Reply::no_content())
}

/// A set whose condition did not hold shows what is there instead, to a key that may read it
/// (H-94). To others not even its version.
fn refused(error: &PlatformError, may_read: bool) -> Result<Reply, V1Error> {
    let (PlatformError::Exists { current } | PlatformError::Mismatch { current }) = error else {
        return Err(mapping::v1(error));
    };
    match value(StatusCode::PRECONDITION_FAILED, current) {
        Some(reply) if may_read => Ok(reply),
        Some(_) => Err(mapping::v1(error)),
        // A deleted entry is at no version.
        None => Err(not_found(current)),
    }
}

/// The value with its headers; nothing for a deletion.
fn value(status: StatusCode, state: &EntryState) -> Option<Reply> {
    let content = state.content.as_deref()?;
    let reply = Reply::json(status, content.value.as_str().to_owned());
    Some(reply.with_headers(entry_headers(state, content)))
}

fn not_found(state: &EntryState) -> V1Error {
    mapping::v1(&PlatformError::EntryNotFound { entry: state.entry.clone() })
}

fn require(key: &ApiKey, scope: KeyScope, store: &StoreId) -> Result<(), V1Error> {
    if key.allows_in(scope, store) {
        return Ok(());
    }
    Err(mapping::v1(&PlatformError::Denied { scope }))
}

/// What a set or an increment may do (H-83). A key that may write neither way is refused before anything is looked
/// up, so that it learns nothing about the entry.
fn permit(key: &ApiKey, store: &StoreId) -> Result<Permit, V1Error> {
    let permit = Permit {
        create_store: key.allows_in(KeyScope::StoreCreate, store),
        create: key.allows_in(KeyScope::EntryCreate, store),
        update: key.allows_in(KeyScope::EntryUpdate, store),
        force: false,
    };
    if permit.create || permit.update {
        return Ok(permit);
    }
    Err(mapping::v1(&PlatformError::Denied { scope: KeyScope::EntryUpdate }))
}

/// The entry that the parameters name.
fn read_entry(universe: &str, query: &Query, limits: &Limits) -> Result<EntryId, V1Error> {
    let store = read_store(universe, query, limits)?;
    // `allScopes` says nothing where one entry is named.
    let scope = read_scope(query, limits)?.unwrap_or_else(Scope::global);
    let code = V1Code::InvalidEntryKey;
    let key = query.get("entryKey").map_err(query_error(code))?.unwrap_or_default();
    let key = EntryKey::parse(key, limits).map_err(name_error(code))?;
    Ok(EntryId { store, scope, key })
}

/// The data store that the path and the parameters name.
fn read_store(universe: &str, query: &Query, limits: &Limits) -> Result<StoreId, V1Error> {
    let universe = read_universe(universe)?;
    let code = V1Code::InvalidDataStoreName;
    let name = query.get("datastoreName").map_err(query_error(code))?.unwrap_or_default();
    let name = StoreName::parse(name, limits).map_err(name_error(code))?;
    Ok(StoreId { universe, name })
}

fn read_universe(universe: &str) -> Result<UniverseId, V1Error> {
    parse_universe(universe)
        .ok_or_else(|| V1Error::new(V1Code::InvalidUniverseId, "The universe id is not a number."))
}

/// The scope that the parameters name, `global` if they name none; nothing for all scopes (H-96).
/// rbxcloud sends `global` with both: there it says nothing.
fn read_scope(query: &Query, limits: &Limits) -> Result<Option<Scope>, V1Error> {
    let code = V1Code::InvalidDataStoreScope;
    let scope = query.get("scope").map_err(query_error(code))?;
    match (scope, query.flag("allScopes").map_err(query_error(code))?) {
        (Some(scope), true) if scope != DEFAULT_SCOPE => {
            let message = "`scope` and `allScopes` cannot both be given.";
            Err(V1Error::new(code, message))
        }
        (_, true) => Ok(None),
        (None, false) => Ok(Some(Scope::global())),
        (Some(scope), false) => Scope::parse(scope, limits).map(Some).map_err(name_error(code)),
    }
}

fn name_error(code: V1Code) -> impl Fn(NameError) -> V1Error {
    move |error| V1Error::new(code, error.to_string())
}

fn query_error(code: V1Code) -> impl Fn(QueryError) -> V1Error {
    move |error| V1Error::new(code, error.to_string())
}

/// What must hold of the entry (H-94, H-95).
fn read_condition(query: &Query) -> Result<When, V1Error> {
    let version = query.get("matchVersion").map_err(|error| invalid(&error))?;
    match (version, query.flag("exclusiveCreate").map_err(|error| invalid(&error))?) {
        (None, false) => Ok(When::Always),
        (None, true) => Ok(When::Missing),
        (Some(version), false) => Ok(When::Matches(RevisionId::from_client(version))),
        (Some(_), true) => Err(V1Error::new(
            V1Code::ExclusiveCreateAndMatchVersionCannotBeSet,
            "`exclusiveCreate` and `matchVersion` cannot both be set.",
        )),
    }
}

/// A parameter for whose faults the list has no code.
fn invalid(error: &QueryError) -> V1Error {
    let message = error.to_string().into();
    V1Error { message, ..mapping::v1_kind(steadfast_core::ErrorKind::Invalid) }
}

/// The user ids and attributes that the headers of a write name.
fn read_tags(headers: &HeaderMap, limits: &Limits) -> Result<(Vec<UserId>, Metadata), V1Error> {
    let user_ids = user_ids(one_header(headers, USER_IDS, V1Code::InvalidUserIds)?, limits)?;
    let metadata = attributes(one_header(headers, ATTRIBUTES, V1Code::InvalidAttributes)?, limits)?;
    Ok((user_ids, metadata))
}

/// A header that stands at most once: with several, nobody could say which one counts.
fn one_header<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    code: V1Code,
) -> Result<Option<&'a [u8]>, V1Error> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(http::HeaderValue::as_bytes)),
        (_, Some(_)) => Err(V1Error::new(code, format!("`{name}` is given twice."))),
    }
}
