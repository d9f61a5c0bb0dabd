//! Ordered data stores in both generations of Open Cloud (H-50 to H-55, H-110 to H-116).
//!
//! They share calls, scopes and error bodies. What differs on the wire is in `steadfast-open-cloud`;
//! here it is only the deletion of what is not there, which v1 calls a success.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Body;
use steadfast_core::budget::Door;
use steadfast_core::key::{ApiKey, KeyScope};
use steadfast_core::platform::{
    OrderedAction, OrderedRequest, OrderedState, OrderedWhen, PlatformError,
};
use steadfast_core::row::BoardId;
use steadfast_core::{EntryId, EntryKey, ErrorKind, StoreId};
use steadfast_open_cloud::ordered::{self, Generation, OrderedPath};
use steadfast_open_cloud::path::{EntrySegment, Parent, Verb};
use steadfast_open_cloud::{PathError, Query, V2Error, mapping};

use crate::body::Incoming;
use crate::edge::Edge;
use crate::reply::Reply;
use crate::route::Route;
use crate::service::is_json;
use crate::throttle::Metered;

/// Largest body of a call: a number with its name, and room for what nobody reads.
pub(crate) const BODY_SIZE_MAX: usize = 64 * 1024;

/// A call of either generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderedCall<'a> {
    generation: Generation,
    parent: Parent<'a>,
    act: Act<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act<'a> {
    List,
    Create,
    Get(EntrySegment<'a>),
    Update(EntrySegment<'a>),
    /// Of what stands before the verb.
    Increment(EntrySegment<'a>),
    Delete(EntrySegment<'a>),
}

impl<'a> OrderedCall<'a> {
    /// Finds the call of a request.
    pub(crate) fn find(method: &Method, path: &'a str) -> Option<Self> {
        let OrderedPath { generation, parent, entry } = OrderedPath::find(path)?;
        let act = match (entry, method) {
            (None, &Method::GET) => Act::List,
            (None, &Method::POST) => Act::Create,
            (Some(id), &Method::POST) if is_increment(id) => Act::Increment(id.without_verb()),
            (Some(id), &Method::GET) if !is_increment(id) => Act::Get(id),
            // As everywhere, these spell the entry literally (H-40).
            (Some(id), &Method::PATCH) => Act::Update(id),
            (Some(id), &Method::DELETE) => Act::Delete(id),
            (None | Some(_), _) => return None,
        };
        Some(Self { generation, parent, act })
    }

    /// By whose budgets it is counted.
    pub(crate) fn door(&self) -> Door {
        match self.generation {
            Generation::V1 => Door::V1,
            Generation::V2 => Door::V2,
        }
    }

    /// Its route.
    pub(crate) fn route(&self) -> Route {
        match (self.generation, self.act) {
            (Generation::V1, Act::List) => Route::V1OrderedList,
            (Generation::V1, Act::Create) => Route::V1OrderedCreate,
            (Generation::V1, Act::Get(_)) => Route::V1OrderedGet,
            (Generation::V1, Act::Update(_)) => Route::V1OrderedUpdate,
            (Generation::V1, Act::Increment(_)) => Route::V1OrderedIncrement,
            (Generation::V1, Act::Delete(_)) => Route::V1OrderedDelete,
            (Generation::V2, Act::List) => Route::V2OrderedList,
            (Generation::V2, Act::Create) => Route::V2OrderedCreate,
            (Generation::V2, Act::Get(_)) => Route::V2OrderedGet,
            (Generation::V2, Act::Update(_)) => Route::V2OrderedUpdate,
            (Generation::V2, Act::Increment(_)) => Route::V2OrderedIncrement,
            (Generation::V2, Act::Delete(_)) => Route::V2OrderedDelete,
        }
    }
}

/// `:increment` is the one verb of these stores; other colons are part of the id.
fn is_increment(id: EntrySegment<'_>) -> bool {
    id.verb() == Some(Verb::Increment)
}

/// Answers a call.
pub(crate) async fn answer<B>(
    app: &Metered<'_>,
    key: &ApiKey,
    parts: &Parts,
    call: OrderedCall<'_>,
    body: &mut Incoming<B>,
) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let OrderedCall { generation, parent, act } = call;
    let caller = Caller { app, key, generation, parent };
    let answer = match act {
        Act::List => caller.list(&query).await,
        Act::Create => caller.create(&query, parts, body).await,
        Act::Get(id) => caller.get(id).await,
        Act::Update(id) => caller.update(id, &query, parts, body).await,
        Act::Increment(id) => caller.increment(id, parts, body).await,
        Act::Delete(id) => caller.delete(id).await,
    };
    answer.unwrap_or_else(|error| error.reply().into())
}

/// Who asks, and where.
struct Caller<'a> {
    app: &'a Metered<'a>,
    key: &'a ApiKey,
    generation: Generation,
    parent: Parent<'a>,
}

impl Caller<'_> {
    async fn list(&self, query: &Query) -> Result<Reply, V2Error> {
        let board = self.board(KeyScope::OrderedRead)?;
        let (request, listing) = ordered::list(self.generation, board.clone(), query)?;
        let page = self
            .app
            .list(board.store.universe, None, |db| db.list_ordered(request))
            .await
            .map_err(|error| mapping::v2(&error))?;
        let token = listing.next_token(page.next.as_ref());
        let body = ordered::page_body(self.generation, &board, &page.items, &token);
        Ok(Reply::json(StatusCode::OK, body))
    }

    async fn create<B>(
        &self,
        query: &Query,
        parts: &Parts,
        body: &mut Incoming<B>,
    ) -> Result<Reply, V2Error>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let BoardId { store, scope } = self.board(KeyScope::OrderedWrite)?;
        let id = query.get("id")?.ok_or_else(|| V2Error::invalid("The id field is required."))?;
        let key = EntryKey::parse(id, self.app.steadfast().limits()).map_err(PathError::from)?;
        let value = self.read(parts, body, ordered::value).await?;
        let action = OrderedAction::Set { value, when: OrderedWhen::Missing };
        let made = self.execute(EntryId { store, scope, key }, action).await;
        Ok(self.show(&made.map_err(|error| mapping::v2(&error))?))
    }

    async fn get(&self, id: EntrySegment<'_>) -> Result<Reply, V2Error> {
        let entry = self.entry(KeyScope::OrderedRead, id)?;
        let state = self.execute(entry, OrderedAction::Get).await;
        Ok(self.show(&state.map_err(|error| mapping::v2(&error))?))
    }

    async fn update<B>(
        &self,
        id: EntrySegment<'_>,
        query: &Query,
        parts: &Parts,
        body: &mut Incoming<B>,
    ) -> Result<Reply, V2Error>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let entry = self.entry(KeyScope::OrderedWrite, id)?;
        let allow_missing = query.flag("allowMissing")?;
        let value = self.read(parts, body, ordered::value).await?;
        let when = if allow_missing { OrderedWhen::Always } else { OrderedWhen::Exists };
        let state = self.execute(entry, OrderedAction::Set { value, when }).await;
        Ok(self.show(&state.map_err(|error| mapping::v2(&error))?))
    }

    async fn increment<B>(
        &self,
        id: EntrySegment<'_>,
        parts: &Parts,
        body: &mut Incoming<B>,
    ) -> Result<Reply, V2Error>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let entry = self.entry(KeyScope::OrderedWrite, id)?;
        let by = self.read(parts, body, ordered::amount).await?;
        let state = self.execute(entry, OrderedAction::Increment { by }).await;
        Ok(self.show(&state.map_err(|error| mapping::v2(&error))?))
    }

    async fn delete(&self, id: EntrySegment<'_>) -> Result<Reply, V2Error> {
        let entry = self.entry(KeyScope::OrderedWrite, id)?;
        let removed = self.execute(entry, OrderedAction::Remove).await;
        match (self.generation, removed) {
            (Generation::V2, Ok(_)) => Ok(Reply::json(StatusCode::OK, "{}".to_owned())),
            // H-114: it is not there, whoever removed it. Client rule 17: no body, no media type.
            (Generation::V1, Ok(_)) => Ok(Reply::empty()),
            (Generation::V1, Err(error)) if error.kind() == ErrorKind::NotFound => {
                Ok(Reply::empty())
            }
            (Generation::V1 | Generation::V2, Err(error)) => Err(mapping::v2(&error)),
        }
    }

    /// The board, if the key may do this to it.
    fn board(&self, scope: KeyScope) -> Result<BoardId, V2Error> {
        let (store, board_scope) = self.parent.read(self.app.steadfast().limits())?;
        require(self.key, scope, &store)?;
        Ok(BoardId { store, scope: board_scope })
    }

    fn entry(&self, scope: KeyScope, id: EntrySegment<'_>) -> Result<EntryId, V2Error> {
        let BoardId { store, scope } = self.board(scope)?;
        let key = id.literal(self.app.steadfast().limits())?;
        Ok(EntryId { store, scope, key })
    }

    async fn read<B>(
        &self,
        parts: &Parts,
        body: &mut Incoming<B>,
        number: impl FnOnce(&[u8]) -> Result<i64, V2Error>,
    ) -> Result<i64, V2Error>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        if !is_json(parts) {
            return Err(V2Error::invalid("The content type is not `application/json`."));
        }
        let read = self.app.read_body_up_to(BODY_SIZE_MAX, body).await.map_err(Edge::v2)?;
        number(read.bytes())
    }

    async fn execute(
        &self,
        entry: EntryId,
        action: OrderedAction,
    ) -> Result<OrderedState, PlatformError> {
        let write_id = self.app.write_id();
        self.app.execute_ordered(OrderedRequest { entry, action, write_id }).await
    }

    fn show(&self, state: &OrderedState) -> Reply {
        let body = ordered::entry_body(self.generation, &state.entry, state.value);
        Reply::json(StatusCode::OK, body)
    }
}

fn require(key: &ApiKey, scope: KeyScope, store: &StoreId) -> Result<(), V2Error> {
    if key.allows_in(scope, store) {
        return Ok(());
    }
    Err(mapping::v2(&PlatformError::Denied { scope }))
}
