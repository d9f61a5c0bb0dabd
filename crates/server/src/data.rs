//! Our own data API, below `/steadfast/v1/universes`: what the live service has no call for.
//!
//! | call | does |
//! |---|---|
//! | `GET …/ordered-data-stores/{store}/scopes/{scope}/entries/{entry}:standing` | where an entry stands on its board, and who stands around it |
//! | `POST …/data-stores/{store}/scopes/{scope}/entries/{entry}:restore` | writes an earlier state again |
//! | `DELETE …/data-stores/{store}/scopes/{scope}/entries/{entry}:revision` | removes one revision from history |
//! | `GET`, `PATCH …/data-stores/{store}` | what a data store is, and which revisions it keeps |
//!
//! Ids are percent-encoded and verbs are split off from the right, as in v2. Errors are those of our
//! own routes. Where requests are counted, these count as calls of v2.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use serde::{Deserialize, Deserializer, Serialize};
use steadfast_core::budget::{Family, Kind};
use steadfast_core::key::{ApiKey, KeyScope};
use steadfast_core::platform::{
    EntryState, FindStanding, History, Permit, Place, PlatformError, RemoveRevision, Request,
    Restore, RevisionId, Standing, StoreChange, StoreInfo, StoreRequest,
};
use steadfast_core::row::Order;
use steadfast_core::{Code, EntryId, ErrorKind, StoreId};
use steadfast_open_cloud::path::{EntrySegment, Parent};
use steadfast_open_cloud::v2::entry_body;
use steadfast_open_cloud::{PathError, Query, QueryError, mapping, time};
use tracing::{error, info};

use crate::body::Incoming;
use crate::edge::own_error;
use crate::reply::Reply;
use crate::route::{OWN_PREFIX, Route, Surface};
use crate::service::is_json;
use crate::throttle::Metered;

/// Largest body of a call, in bytes.
pub(crate) const BODY_SIZE_MAX: usize = 64 * 1024;
/// Most neighbours on each side of a standing.
pub(crate) const AROUND_MAX: usize = 100;

/// A call of ours on data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataCall<'a> {
    Standing(Parent<'a>, EntrySegment<'a>),
    Restore(Parent<'a>, EntrySegment<'a>),
    RevisionRemove(Parent<'a>, EntrySegment<'a>),
    StoreGet(Parent<'a>),
    StoreUpdate(Parent<'a>),
}

impl<'a> DataCall<'a> {
    /// Finds the call of a request.
    pub(crate) fn find(method: &Method, path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix(OWN_PREFIX)?.strip_prefix('/')?;
        let (universe, rest) = rest.split_once('/')?;
        if let Some(rest) = rest.strip_prefix("ordered-data-stores/") {
            let (parent, id, verb) = entry(universe, rest)?;
            let is_call = method == Method::GET && verb == "standing";
            return is_call.then_some(Self::Standing(parent, id));
        }
        let rest = rest.strip_prefix("data-stores/")?;
        if !rest.contains('/') {
            let parent = Parent::new(universe, rest, None);
            return match *method {
                Method::GET => Some(Self::StoreGet(parent)),
                Method::PATCH => Some(Self::StoreUpdate(parent)),
                _ => None,
            };
        }
        match (entry(universe, rest)?, method) {
            ((parent, id, "restore"), &Method::POST) => Some(Self::Restore(parent, id)),
            ((parent, id, "revision"), &Method::DELETE) => Some(Self::RevisionRemove(parent, id)),
            _ => None,
        }
    }

    /// Its route.
    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Standing(..) => Route::Standing,
            Self::Restore(..) => Route::Restore,
            Self::RevisionRemove(..) => Route::RevisionRemove,
            Self::StoreGet(_) => Route::StoreGet,
            Self::StoreUpdate(_) => Route::StoreUpdate,
        }
    }

    /// Which budgets it draws on.
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Standing(..) => Family::Ordered,
            Self::Restore(..)
            | Self::RevisionRemove(..)
            | Self::StoreGet(_)
            | Self::StoreUpdate(_) => Family::Standard,
        }
    }
}

/// `{store}/scopes/{scope}/entries/{entry}:{verb}`.
pub(crate) fn entry<'a>(
    universe: &'a str,
    rest: &'a str,
) -> Option<(Parent<'a>, EntrySegment<'a>, &'a str)> {
    let (store, rest) = rest.split_once('/')?;
    let (scope, rest) = rest.strip_prefix("scopes/")?.split_once('/')?;
    let (id, verb) = rest.strip_prefix("entries/")?.rsplit_once(':')?;
    Some((Parent::new(universe, store, Some(scope)), EntrySegment::new(id), verb))
}

/// Answers a call.
pub(crate) async fn answer<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    parts: &Parts,
    call: DataCall<'_>,
    body: &mut Incoming<B>,
) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let answer = match call {
        DataCall::Standing(parent, id) => standing(app, key, (parent, id), &query).await,
        DataCall::Restore(parent, id) => restore(app, key, (parent, id), parts, body).await,
        DataCall::RevisionRemove(parent, id) => {
            remove_revision(app, key, (parent, id), &query).await
        }
        DataCall::StoreGet(parent) => get_store(app, key, parent).await,
        DataCall::StoreUpdate(parent) => update_store(app, key, parent, parts, body).await,
    };
    answer.unwrap_or_else(|refusal| refusal)
}

async fn standing(
    app: &Metered<'_>,
    key: &ApiKey,
    place: (Parent<'_>, EntrySegment<'_>),
    query: &Query,
) -> Result<Reply, Reply> {
    let entry = read_entry(app, key, &[KeyScope::OrderedRead], place)?;
    let order = match query.get("order").map_err(|error| bad_query(&error))? {
        None | Some("desc") => Order::Descending,
        Some("asc") => Order::Ascending,
        Some(_) => return Err(own_error(Code::InvalidOrder, "the order is not `asc` or `desc`")),
    };
    let around = query.get("around").map_err(|error| bad_query(&error))?;
    let around = read_around(around).ok_or_else(|| {
        own_error(Code::InvalidAround, &format!("`around` is not a number up to {AROUND_MAX}"))
    })?;
    let request = FindStanding { entry, order, around };
    let found = app.find_standing(request).await.map_err(|error| refusal(&error))?;
    Ok(Reply::json(StatusCode::OK, json(&StandingOutput::of(&found))))
}

fn read_around(text: Option<&str>) -> Option<usize> {
    let Some(text) = text else { return Some(0) };
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= AROUND_MAX)
}

#[derive(Serialize)]
struct PlaceOutput<'a> {
    id: &'a str,
    value: i64,
    position: u64,
    rank: u64,
}

impl<'a> PlaceOutput<'a> {
    fn of(place: &'a Place) -> Self {
        let Place { key, value, position, rank } = place;
        Self { id: key.as_str(), value: *value, position: *position, rank: *rank }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StandingOutput<'a> {
    #[serde(flatten)]
    place: PlaceOutput<'a>,
    entry_count: u64,
    around: Vec<PlaceOutput<'a>>,
}

impl<'a> StandingOutput<'a> {
    fn of(found: &'a Standing) -> Self {
        let Standing { place, entry_count, around } = found;
        let around = around.iter().map(PlaceOutput::of).collect();
        Self { place: PlaceOutput::of(place), entry_count: *entry_count, around }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RestoreInput {
    revision_id: String,
    #[serde(default)]
    etag: Option<String>,
    #[serde(default)]
    force: bool,
}

/// Writes an earlier state of an entry again. What is shown is that state, so the key must be one
/// that may read it. To take the entry from a game server that holds it is for administrators.
async fn restore<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    place: (Parent<'_>, EntrySegment<'_>),
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let scopes = [KeyScope::EntryUpdate, KeyScope::RevisionRead];
    let entry = read_entry(app, key, &scopes, place)?;
    let input: RestoreInput = read_json(app, parts, body).await?;
    if input.force {
        require(key, KeyScope::Admin, &entry.store)?;
    }
    let request = Request::Restore(Restore {
        entry,
        revision: RevisionId::from_client(&input.revision_id),
        matches: input.etag.filter(|etag| !etag.is_empty()).as_deref().map(RevisionId::from_client),
        // An entry with a revision is one that exists or did, in a data store that exists.
        permit: Permit { force: input.force, ..Permit::ALL },
        write_id: app.write_id(),
    });
    let state = app.execute(request, app.deadline()).await.map_err(|error| refusal(&error))?;
    info!(entry = %state.entry, forced = input.force, "an earlier revision was restored");
    show(&state)
}

/// Removes a revision. What it was is shown to a key that may read revisions.
async fn remove_revision(
    app: &Metered<'_>,
    key: &ApiKey,
    place: (Parent<'_>, EntrySegment<'_>),
    query: &Query,
) -> Result<Reply, Reply> {
    let entry = read_entry(app, key, &[KeyScope::EntryDelete], place)?;
    let revision = query.get("revisionId").map_err(|error| bad_query(&error))?;
    let revision =
        revision.ok_or_else(|| own_error(Code::InvalidVersionId, "`revisionId` is missing"))?;
    let (revision, write_id) = (RevisionId::from_client(revision), app.write_id());
    let request = RemoveRevision { entry: entry.clone(), revision, write_id };
    let may_read = key.allows_in(KeyScope::RevisionRead, &entry.store);
    let removed = app.remove_revision(request).await.map_err(|error| refusal(&error))?;
    info!(%entry, "a revision was removed from history");
    if may_read { show(&removed) } else { Ok(Reply::json(StatusCode::OK, "{}".to_owned())) }
}

fn show(state: &EntryState) -> Result<Reply, Reply> {
    let body = entry_body(state).map_err(|error| {
        error!(entry = %state.entry, %error, "an entry cannot be shown");
        own_error(Code::Corrupt, "the entry is damaged")
    })?;
    Ok(Reply::json(StatusCode::OK, body))
}

async fn get_store(app: &Metered<'_>, key: &ApiKey, parent: Parent<'_>) -> Result<Reply, Reply> {
    let store = read_store(app, key, KeyScope::StoreList, parent)?;
    change_store(app, store, StoreChange::Look).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreInput {
    /// `null` is a choice, a missing member is none.
    #[serde(deserialize_with = "some")]
    history: Option<String>,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

async fn update_store<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    parent: Parent<'_>,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let store = read_store(app, key, KeyScope::StoreCreate, parent)?;
    let input: StoreInput = read_json(app, parts, body).await?;
    let history = match input.history.as_deref() {
        None => None,
        Some(name) => Some(History::parse(name).ok_or_else(|| {
            let names = History::ALL.map(History::name).join("`, `");
            own_error(Code::InvalidHistory, &format!("the history is none of `{names}`"))
        })?),
    };
    info!(%store, ?history, "the history of a data store is set");
    change_store(app, store, StoreChange::History(history)).await
}

async fn change_store(
    app: &Metered<'_>,
    store: StoreId,
    change: StoreChange,
) -> Result<Reply, Reply> {
    let (universe, write_id) = (store.universe, app.write_id());
    let request = StoreRequest { store, change, write_id };
    let info = match change {
        StoreChange::Look => app.list(universe, None, |db| db.manage_store(request)).await,
        StoreChange::Delete | StoreChange::Undelete | StoreChange::History(_) => {
            app.change((Kind::Write, universe, write_id), |db| db.manage_store(request)).await
        }
    };
    let info = info.map_err(|error| refusal(&error))?;
    let in_force = info.history.unwrap_or(app.steadfast().settings().history);
    Ok(Reply::json(StatusCode::OK, json(&StoreOutput::of(&info, in_force))))
}

/// As v2 shows a data store, and which revisions it keeps.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoreOutput<'a> {
    path: String,
    create_time: String,
    update_time: String,
    /// Only of a deleted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<String>,
    state: &'static str,
    id: &'a str,
    history: Option<&'static str>,
    history_in_force: &'static str,
}

impl<'a> StoreOutput<'a> {
    fn of(info: &'a StoreInfo, in_force: History) -> Self {
        let StoreId { universe, name } = &info.store;
        Self {
            path: format!("universes/{universe}/data-stores/{name}"),
            create_time: time::v2_json(info.created_at),
            update_time: time::v2_json(info.updated_at),
            expire_time: info.expires_at().map(time::v2_json),
            state: if info.deleted_at.is_none() { "ACTIVE" } else { "DELETED" },
            id: name.as_str(),
            history: info.history.map(History::name),
            history_in_force: in_force.name(),
        }
    }
}

/// The data store of a path, if the key may do this to it.
fn read_store(
    app: &Metered<'_>,
    key: &ApiKey,
    scope: KeyScope,
    parent: Parent<'_>,
) -> Result<StoreId, Reply> {
    let read = parent.read(app.steadfast().limits());
    let (store, _) = read.map_err(|error| bad_path(&error))?;
    require(key, scope, &store)?;
    Ok(store)
}

/// The entry of a path, if the key may do all of this to it.
fn read_entry(
    app: &Metered<'_>,
    key: &ApiKey,
    scopes: &[KeyScope],
    (parent, id): (Parent<'_>, EntrySegment<'_>),
) -> Result<EntryId, Reply> {
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits).map_err(|error| bad_path(&error))?;
    scopes.iter().try_for_each(|needed| require(key, *needed, &store))?;
    let key = id.literal(limits).map_err(|error| bad_path(&error))?;
    Ok(EntryId { store, scope, key })
}

fn require(key: &ApiKey, scope: KeyScope, store: &StoreId) -> Result<(), Reply> {
    if key.allows_in(scope, store) {
        return Ok(());
    }
    Err(refusal(&PlatformError::Denied { scope }))
}

async fn read_json<B, T>(
    app: &Metered<'_>,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<T, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
    T: for<'de> Deserialize<'de>,
{
    if !is_json(parts) {
        return Err(own_error(Code::InvalidBody, "the content type is not `application/json`"));
    }
    let read = app.read_body_up_to(BODY_SIZE_MAX, body).await;
    let read = read.map_err(|edge| edge.reply(Surface::Own))?;
    if read.bytes().trim_ascii_start().first() != Some(&b'{') {
        return Err(own_error(Code::InvalidBody, "the body is not an object"));
    }
    serde_json::from_slice(read.bytes()).map_err(|error| {
        own_error(Code::InvalidBody, &format!("the body is not what it must be: {error}"))
    })
}

/// A refused request, as our own routes say it. Reasons from the inside go to the log only.
pub(crate) fn refusal(error: &PlatformError) -> Reply {
    let code = error.code();
    let message = match code.kind() {
        // Since when, too.
        _ if matches!(error, PlatformError::Leased { .. }) => {
            mapping::v2(error).message.into_owned()
        }
        // They name what the client named itself.
        ErrorKind::Invalid
        | ErrorKind::Denied
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Fenced => error.to_string(),
        ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Corrupt
        | ErrorKind::Internal => mapping::v2(error).message.into_owned(),
    };
    own_error(code, &message)
}

pub(crate) fn bad_path(error: &PathError) -> Reply {
    own_error(Code::InvalidPath, &error.to_string())
}

pub(crate) fn bad_query(error: &QueryError) -> Reply {
    own_error(Code::InvalidQuery, &error.to_string())
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("text and numbers can always be written as JSON")
}
