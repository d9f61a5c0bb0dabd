//! Open Cloud v2: create, get, update, increment and delete one entry (H-35 to H-42, H-45), and
//! beside it lists and data stores as a whole.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Body;
use steadfast_core::key::{ApiKey, KeyScope};
use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, PlatformError, Remove, Request, RevisionId, Set, When,
};
use steadfast_core::row::Content;
use steadfast_core::{EntryId, EntryKey, ErrorKind, StoreId, UniverseId};
use steadfast_open_cloud::path::{EntrySegment, Parent, parse_universe};
use steadfast_open_cloud::v2::{EntryInput, IncrementInput, entry_body};
use steadfast_open_cloud::{PathError, Query, V2Code, V2Error, mapping};
use tracing::error;

use crate::body::{Held, Incoming, ReadBody};
use crate::edge::Edge;
use crate::reply::Reply;
use crate::route::V2Call;
use crate::service::is_json;
use crate::throttle::Metered;

mod lists;
mod stores;

/// Answers a call of v2.
pub(crate) async fn answer<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    parts: &Parts,
    call: V2Call<'_>,
    body: &mut Incoming<B>,
) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let answer = match call {
        V2Call::Stores { universe } => lists::stores(app, key, universe, &query).await,
        V2Call::Snapshot { universe } => stores::snapshot(app, key, universe).await,
        V2Call::StoreDelete(segment) => stores::delete(app, key, segment).await,
        V2Call::StoreUndelete(segment) => stores::undelete(app, key, segment).await,
        V2Call::Entries(parent) => lists::entries(app, key, parent, &query).await,
        V2Call::Revisions(parent, segment) => {
            lists::revisions(app, key, (parent, segment), &query).await
        }
        V2Call::Create(parent) => create(app, key, parent, &query, parts, body).await,
        V2Call::Get(parent, segment) => get(app, key, parent, segment).await,
        V2Call::Update(parent, segment) => {
            update(app, key, (parent, segment), &query, parts, body).await
        }
        V2Call::Increment(parent, segment) => {
            increment(app, key, (parent, segment), parts, body).await
        }
        V2Call::Delete(parent, segment) => delete(app, key, parent, segment, &query).await,
    };
    answer.unwrap_or_else(|error| error.reply().into())
}

async fn create<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    parent: Parent<'_>,
    query: &Query,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, V2Error>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits)?;
    require(key, KeyScope::EntryCreate, &store)?;
    let id = query.get("id")?.ok_or_else(|| V2Error::invalid("The id field is required."))?;
    let id = EntryKey::parse(id, limits).map_err(PathError::from)?;
    let (input, _held) = read_input(app, parts, body).await?;
    let create_store = key.allows_in(KeyScope::StoreCreate, &store);
    let permit = Permit { create_store, create: true, update: false, force: false };
    let entry = EntryId { store, scope, key: id };
    write(app, entry, input, When::Missing, permit).await
}

async fn get(
    app: &Metered<'_>,
    key: &ApiKey,
    parent: Parent<'_>,
    segment: EntrySegment<'_>,
) -> Result<Reply, V2Error> {
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits)?;
    require(key, KeyScope::EntryRead, &store)?;
    let deadline = app.deadline();
    let mut refusal = None;
    for reading in segment.readings(limits)? {
        // A second way to read the id tells more than the first only if what it takes for a
        // revision can be one: otherwise `bob%40home` would be a wrong revision of `bob`.
        let tells = refusal.is_none() || reading.is_plausible();
        let (entry, which) = (reading.entry(&store, &scope), reading.which);
        let error = match app.execute(Request::Get(Get { entry, which }), deadline).await {
            Ok(state) if state.content.is_some() => return show(&state),
            // A revision that is a deletion holds nothing to show (V-20).
            Ok(state) => PlatformError::EntryNotFound { entry: state.entry },
            Err(error) => error,
        };
        if error.kind() != ErrorKind::NotFound {
            return Err(mapping::v2(&error));
        }
        if tells {
            refusal = Some(error);
        }
    }
    Err(refusal.map_or_else(|| mapping::v2_kind(ErrorKind::NotFound), |error| mapping::v2(&error)))
}

async fn update<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    (parent, segment): (Parent<'_>, EntrySegment<'_>),
    query: &Query,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, V2Error>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits)?;
    require(key, KeyScope::EntryUpdate, &store)?;
    let id = segment.literal(limits)?;
    let allow_missing = query.flag("allowMissing")?;
    let (input, _held) = read_input(app, parts, body).await?;
    let when = match &input.etag {
        Some(etag) => When::Matches(RevisionId::from_client(etag)),
        None if allow_missing => When::Always,
        None => When::Exists,
    };
    // A condition on what exists never makes a store: its absence is then simply not found.
    let create_store = when != When::Always || key.allows_in(KeyScope::StoreCreate, &store);
    let permit = Permit { create_store, create: true, update: true, force: false };
    write(app, EntryId { store, scope, key: id }, input, when, permit).await
}

/// Adds to the number of an entry. Whether that makes it or changes it, a key needs both rights
/// (H-42), and the third where the data store is new.
async fn increment<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    (parent, segment): (Parent<'_>, EntrySegment<'_>),
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, V2Error>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits)?;
    require(key, KeyScope::EntryCreate, &store)?;
    require(key, KeyScope::EntryUpdate, &store)?;
    let id = segment.literal(limits)?;
    let read = read_json(app, parts, body).await?;
    let IncrementInput { amount, user_ids, metadata } =
        IncrementInput::parse(read.bytes(), limits)?;
    let create_store = key.allows_in(KeyScope::StoreCreate, &store);
    let permit = Permit { create_store, create: true, update: true, force: false };
    let (entry, write_id) = (EntryId { store, scope, key: id }, app.write_id());
    let increment = Increment { entry, by: amount, user_ids, metadata, permit, write_id };
    let request = Request::Increment(increment);
    let state = app.execute(request, app.deadline()).await.map_err(|error| mapping::v2(&error))?;
    show(&state)
}

async fn delete(
    app: &Metered<'_>,
    key: &ApiKey,
    parent: Parent<'_>,
    segment: EntrySegment<'_>,
    query: &Query,
) -> Result<Reply, V2Error> {
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits)?;
    require(key, KeyScope::EntryDelete, &store)?;
    let entry = EntryId { store, scope, key: segment.literal(limits)? };
    let matches = query.get("etag")?.map(RevisionId::from_client);
    let write_id = app.write_id();
    let request = Request::Remove(Remove { entry, matches, force: false, write_id });
    app.execute(request, app.deadline()).await.map_err(|error| mapping::v2(&error))?;
    Ok(Reply::json(StatusCode::OK, "{}".to_owned()))
}

async fn read_input<B>(
    app: &Metered<'_>,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<(EntryInput, Held), V2Error>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let read = read_json(app, parts, body).await?;
    let input = EntryInput::parse(read.bytes(), app.steadfast().limits())?;
    Ok((input, read.into_held()))
}

async fn read_json<B>(
    app: &Metered<'_>,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<ReadBody, V2Error>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    if !is_json(parts) {
        return Err(V2Error::invalid("The content type is not `application/json`."));
    }
    app.read_body(body).await.map_err(Edge::v2)
}

async fn write(
    app: &Metered<'_>,
    entry: EntryId,
    input: EntryInput,
    when: When,
    permit: Permit,
) -> Result<Reply, V2Error> {
    let EntryInput { value, user_ids, metadata, etag: _ } = input;
    let content = Arc::new(Content { value, user_ids, metadata });
    let write_id = app.write_id();
    let request = Request::Set(Set { entry, content, when, permit, write_id });
    let state = app.execute(request, app.deadline()).await.map_err(|error| mapping::v2(&error))?;
    show(&state)
}

fn show(state: &EntryState) -> Result<Reply, V2Error> {
    let body = entry_body(state).map_err(|error| {
        error!(entry = %state.entry, %error, "an entry cannot be shown");
        V2Error::new(V2Code::Internal, mapping::v2_kind(ErrorKind::Corrupt).message)
    })?;
    Ok(Reply::json(StatusCode::OK, body))
}

fn require(key: &ApiKey, scope: KeyScope, store: &StoreId) -> Result<(), V2Error> {
    if key.allows_in(scope, store) {
        return Ok(());
    }
    Err(mapping::v2(&PlatformError::Denied { scope }))
}

fn require_in_universe(key: &ApiKey, scope: KeyScope, universe: UniverseId) -> Result<(), V2Error> {
    if key.allows_in_universe(scope, universe) {
        return Ok(());
    }
    Err(mapping::v2(&PlatformError::Denied { scope }))
}

fn read_universe(universe: &str) -> Result<UniverseId, V2Error> {
    Ok(parse_universe(universe).ok_or(PathError::Universe)?)
}
