//! What operators do to records: each call one of [`crate::operator`].
//!
//! | call below `/steadfast/v1/admin` | does |
//! |---|---|
//! | `GET …/entries/{entry}:record` | data, lease, fence and ledger of a record |
//! | `GET …:history`, `:diff`, `:export`, `:operations` | its past, what differs, all of it, its operations |
//! | `POST …/entries/{entry}:change` | every change, with the operator, the reason and perhaps only as a dry run |
//! | `GET …/data-stores/{store}/sessions`, `/servers`, `/universes/{universe}/log` | who holds what, who lives, who did what |
//!
//! A change is not cancelled with its request: it may have to wait for a game server to let go of the
//! record, and must not stop between its write and its line in the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use serde::Serialize;
use steadfast::operator::HistoryQuery;
use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::platform::PlatformError;
use steadfast_core::row::Order;
use steadfast_core::{Code, EntryId, ErrorKind, StoreId, Timestamp, UniverseId};
use steadfast_open_cloud::path::{EntrySegment, Parent, parse_universe};
use steadfast_open_cloud::{PathError, Query, QueryError, time};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::{json, read_json, with_causes};
use crate::body::Incoming;
use crate::data::{self, bad_path, bad_query};
use crate::edge::{Edge, own_error};
use crate::operator::wire::{ChangeRequest, Done};
use crate::operator::{self, CallError, Listed, PAGE_SIZE_MAX};
use crate::reply::Reply;
use crate::route::{Route, Surface};
use crate::service::App;

/// Most changes that are under way at a time.
pub(crate) const WORK_COUNT_MAX: usize = 64;
/// Items of a page if nobody says how many.
pub(crate) const PAGE_SIZE: usize = 100;

/// A call of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperatorCall<'a> {
    Servers,
    /// Of a universe, as it stands in the path.
    Log(&'a str),
    Sessions(Parent<'a>),
    View(Parent<'a>, EntrySegment<'a>, View),
    Change(Parent<'a>, EntrySegment<'a>),
}

/// What of a record is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Record,
    History,
    Diff,
    Export,
    Operations,
}

impl<'a> OperatorCall<'a> {
    /// Finds the call of a request, by its path behind the prefix of administration.
    pub(crate) fn find(method: &Method, path: &'a str) -> Option<Self> {
        if path == "/servers" {
            return (method == Method::GET).then_some(Self::Servers);
        }
        let (universe, rest) = path.strip_prefix("/universes/")?.split_once('/')?;
        if rest == "log" {
            return (method == Method::GET).then_some(Self::Log(universe));
        }
        let rest = rest.strip_prefix("data-stores/")?;
        if let Some((store, "sessions")) = rest.split_once('/') {
            let sessions = Self::Sessions(Parent::new(universe, store, None));
            return (method == Method::GET).then_some(sessions);
        }
        let (parent, id, verb) = data::entry(universe, rest)?;
        let view = match (method, verb) {
            (&Method::POST, "change") => return Some(Self::Change(parent, id)),
            (&Method::GET, "record") => View::Record,
            (&Method::GET, "history") => View::History,
            (&Method::GET, "diff") => View::Diff,
            (&Method::GET, "export") => View::Export,
            (&Method::GET, "operations") => View::Operations,
            _ => return None,
        };
        Some(Self::View(parent, id, view))
    }

    /// Its route.
    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Servers => Route::Servers,
            Self::Log(_) => Route::OperatorLog,
            Self::Sessions(_) => Route::Sessions,
            Self::View(.., View::Record) => Route::Record,
            Self::View(.., View::History) => Route::RecordHistory,
            Self::View(.., View::Diff) => Route::RecordDiff,
            Self::View(.., View::Export) => Route::RecordExport,
            Self::View(.., View::Operations) => Route::RecordOperations,
            Self::Change(..) => Route::RecordChange,
        }
    }
}

/// Changes that are under way, whoever still waits for them.
#[derive(Debug, Default)]
pub(crate) struct Works {
    tasks: Mutex<JoinSet<()>>,
}

impl Works {
    /// Begins a work. Its answer is told to whoever still waits for it.
    fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<oneshot::Receiver<T>> {
        let mut tasks = self.lock();
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= WORK_COUNT_MAX {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        tasks.spawn(async move { drop(sender.send(work.await)) });
        Some(answer)
    }

    /// Returns once none is under way.
    pub(crate) async fn ended(&self) {
        let mut tasks = std::mem::take(&mut *self.lock());
        while tasks.join_next().await.is_some() {}
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        // Tasks are put in and taken out whole.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a call.
pub(super) async fn answer<B>(
    app: &App,
    key: &ApiKey,
    parts: &Parts,
    call: OperatorCall<'_>,
    body: &mut Incoming<B>,
) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let db = app.steadfast();
    match call {
        OperatorCall::Servers => {
            let page = page(&query)?;
            Ok(show(look(app, operator::servers(db, page)).await?))
        }
        OperatorCall::Log(universe) => {
            let universe = read_universe(key, universe)?;
            let page = page(&query)?;
            Ok(show(look(app, operator::log(db, universe, page)).await?))
        }
        OperatorCall::Sessions(parent) => {
            let store = parent.read(db.limits()).map_err(|error| bad_path(&error))?.0;
            require(key, &store)?;
            let page = page(&query)?;
            Ok(show(look(app, operator::sessions(db, &store, page)).await?))
        }
        OperatorCall::View(parent, id, view) => {
            let entry = read_entry(app, key, (parent, id))?;
            look_at(app, &entry, view, &query).await
        }
        OperatorCall::Change(parent, id) => {
            let entry = read_entry(app, key, (parent, id))?;
            change(app, entry, parts, body).await
        }
    }
}

async fn look_at(app: &App, entry: &EntryId, view: View, query: &Query) -> Result<Reply, Reply> {
    let db = app.steadfast();
    match view {
        View::Record => Ok(show(look(app, operator::record(db, entry)).await?)),
        View::History => {
            let (after, page_size) = page(query)?;
            let query = history_query(query, page_size)?;
            Ok(show(look(app, operator::history(db, entry, after, query)).await?))
        }
        View::Diff => {
            let state = |name| query.get(name).map_err(|error| bad_query(&error));
            let [from, to] = [state("from")?, state("to")?]
                .map(|text| operator::which(text.unwrap_or("current")));
            Ok(show(look(app, operator::diff(db, entry, (&from, &to))).await?))
        }
        View::Export => {
            let with_values = query.flag("values").map_err(|error| bad_query(&error))?;
            let document = look(app, operator::export(db, entry, with_values)).await?;
            Ok(Reply::json(StatusCode::OK, document.as_str().to_owned()))
        }
        View::Operations => {
            let (listed, page) = (read_listed(query)?, page(query)?);
            Ok(show(look(app, operator::operations(db, entry, &listed, page)).await?))
        }
    }
}

async fn change<B>(
    app: &App,
    entry: EntryId,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let request: ChangeRequest =
        read_json(app, parts, body, (change_size_max(app), "a change")).await?;
    let (db, shown) = (app.steadfast().clone(), entry.to_string());
    let is_dry_run = request.dry_run;
    let work = async move { operator::change(&db, &entry, request).await };
    let Some(answer) = app.works().begin(work) else {
        let message = "as many changes are under way as may: wait and retry";
        return Err(own_error(Code::Throttled, message));
    };
    match timeout(app.config().request_timeout, answer).await {
        Ok(Ok(done)) => {
            let done: Done = done.map_err(|error| refusal(&error))?;
            if !is_dry_run {
                info!(entry = shown, "an operator changed a record");
            }
            Ok(show(done))
        }
        Ok(Err(_)) => {
            error!(entry = shown, "a change by an operator panicked");
            Err(Edge::Failed(ErrorKind::Internal).reply(Surface::Admin))
        }
        Err(_) => Err(Edge::Failed(ErrorKind::OutcomeUnknown).reply(Surface::Admin)),
    }
}

/// Largest body of a change, in bytes: it may have two values.
fn change_size_max(app: &App) -> usize {
    let value_size_max = app.steadfast().limits().value_size_max;
    value_size_max.saturating_mul(2).saturating_add(app.config().body_slack_size)
}

/// Waits for an answer to somebody who only looks.
async fn look<T>(app: &App, call: impl Future<Output = Result<T, CallError>>) -> Result<T, Reply> {
    match timeout(app.config().request_timeout, call).await {
        Ok(answer) => answer.map_err(|error| refusal(&error)),
        Err(_) => Err(Edge::Failed(ErrorKind::Unavailable).reply(Surface::Admin)),
    }
}

fn show(output: impl Serialize) -> Reply {
    Reply::json(StatusCode::OK, json(&output))
}

/// A refused call. Reasons from the inside go to the log only.
fn refusal(error: &CallError) -> Reply {
    let (kind, code, message) = (error.kind(), error.code(), with_causes(error));
    match kind {
        // They name what the client named itself, and who holds it.
        ErrorKind::Invalid
        | ErrorKind::Denied
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Fenced
        | ErrorKind::Exhausted => own_error(code, &message),
        ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => {
            warn!(%kind, %code, message, "an operator's call failed");
            own_error(code, code.meaning())
        }
        ErrorKind::Corrupt | ErrorKind::Internal => {
            error!(%kind, %code, message, "an operator's call failed");
            own_error(code, code.meaning())
        }
    }
}

/// The entry of a path, if the key may administrate its data store.
fn read_entry(
    app: &App,
    key: &ApiKey,
    (parent, id): (Parent<'_>, EntrySegment<'_>),
) -> Result<EntryId, Reply> {
    let limits = app.steadfast().limits();
    let (store, scope) = parent.read(limits).map_err(|error| bad_path(&error))?;
    require(key, &store)?;
    let key = id.literal(limits).map_err(|error| bad_path(&error))?;
    Ok(EntryId { store, scope, key })
}

fn require(key: &ApiKey, store: &StoreId) -> Result<(), Reply> {
    if key.allows_in(KeyScope::Admin, store) { Ok(()) } else { Err(denied()) }
}

/// A universe as a whole: its log names records of every data store.
fn read_universe(key: &ApiKey, text: &str) -> Result<UniverseId, Reply> {
    let universe = parse_universe(text).ok_or_else(|| bad_path(&PathError::Universe))?;
    let is_allowed = key.allows_in_universe(KeyScope::Admin, universe) && key.stores == Only::Any;
    if is_allowed { Ok(universe) } else { Err(denied()) }
}

fn denied() -> Reply {
    data::refusal(&PlatformError::Denied { scope: KeyScope::Admin })
}

/// Behind what the page starts, and how long it is.
fn page(query: &Query) -> Result<(Option<&str>, usize), Reply> {
    let after = query.get("after").map_err(|error| bad_query(&error))?;
    let limit = query.number("limit").map_err(|error| bad_query(&error))?;
    let limit = limit.map_or(Some(PAGE_SIZE), |limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| (1..=PAGE_SIZE_MAX).contains(limit)).ok_or_else(|| {
        own_error(Code::InvalidQuery, &format!("`limit` is not 1 to {PAGE_SIZE_MAX}"))
    })?;
    Ok((after, limit))
}

fn history_query(query: &Query, page_size: usize) -> Result<HistoryQuery, Reply> {
    let oldest_first = query.flag("oldestFirst").map_err(|error| bad_query(&error))?;
    let order = if oldest_first { Order::Ascending } else { Order::Descending };
    let (not_before, not_after) = (read_time(query, "since")?, read_time(query, "until")?);
    Ok(HistoryQuery { order, not_before, not_after, beyond: None, page_size })
}

fn read_time(query: &Query, name: &'static str) -> Result<Option<Timestamp>, Reply> {
    let text = query.get(name).map_err(|error| bad_query(&error))?;
    text.map(time::parse)
        .transpose()
        .map_err(|error| own_error(Code::InvalidQuery, &format!("`{name}` is no time: {error}")))
}

fn read_listed(query: &Query) -> Result<Listed, Reply> {
    let get = |name| query.get(name).map_err(|error: QueryError| bad_query(&error));
    match (get("id")?, get("list")?) {
        (Some(id), _) => Ok(Listed::One(id.to_owned())),
        (None, None | Some("pending")) => Ok(Listed::Pending),
        (None, Some("receipts")) => Ok(Listed::Receipts),
        (None, Some("dead")) => Ok(Listed::Dead),
        (None, Some(_)) => {
            let message = "`list` is not `pending`, `receipts` or `dead`";
            Err(own_error(Code::InvalidQuery, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn works_are_limited_and_go_on_without_whoever_asked() {
        let works = Works::default();
        let (open, gate) = tokio::sync::watch::channel(false);
        let wait = |mut gate: tokio::sync::watch::Receiver<bool>| async move {
            gate.wait_for(|is_open| *is_open).await.is_ok()
        };
        let mut answers: Vec<_> =
            (0..WORK_COUNT_MAX).map(|_| works.begin(wait(gate.clone())).unwrap()).collect();
        assert!(works.begin(wait(gate.clone())).is_none());
        answers.pop();
        open.send_replace(true);
        for answer in answers {
            assert!(answer.await.unwrap());
        }
        works.ended().await;
        assert!(works.begin(async {}).unwrap().await.is_ok());
    }
}
