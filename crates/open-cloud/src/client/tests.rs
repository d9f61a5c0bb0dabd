//! Facts about the client over real sockets, with a server that does what it is told.

use std::time::Duration;

use steadfast_core::platform::{
    EntryState, FindStanding, Get, Increment, Permit, PlatformError, Remove, RemoveRevision,
    Request, Restore, RevisionId, Set, StoreChange, StoreRequest, When, Which,
};
use steadfast_core::row::{Content, Metadata, Order};
use steadfast_core::{
    EntryId, EntryKey, ErrorKind, JsonText, Limits, Revision, Scope, StoreId, StoreName, Timestamp,
    UniverseId, UserId, WriteId,
};
use steadfast_storage::{Platform, wait};

use super::*;
use stub::{Act, Stub};

mod budgets;
mod lists;
mod outcomes;
mod requests;
mod stub;
mod tls;

/// An id of the documented shape.
const ID: &str = "08D9E6A3F2188CFF.0000000003.08D9E6A3F2188D00.01";

/// An entry as v2 shows it.
const ENTRY: &str = r#"{"path":"universes/1/data-stores/S/scopes/global/entries/k","createTime":"2022-02-02T23:30:06.5388799Z","revisionId":"08D9E6A3F2188CFF.0000000003.08D9E6A3F2188D00.01","revisionCreateTime":"2022-02-02T23:30:06.538880Z","state":"ACTIVE","value":{"a": 1},"id":"k","users":["users/7"],"attributes":{"x":1}}"#;

/// The answer of v1 to a set.
const VERSION: &str = r#"{"version":"08D9E6A3F2188CFF.0000000003.08D9E6A3F2188D00.01","deleted":false,"contentLength":8,"createdTime":"2022-02-02T23:30:06.53888Z","objectCreatedTime":"2022-02-02T23:30:06.5388799Z"}"#;

pub(super) fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("S") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

/// A deletion.
pub(super) fn state(key: &str, counter: u64) -> EntryState {
    let (revision, at) = (Revision { counter, tag: 0 }, Timestamp::from_unix_seconds(1));
    let (entry, content, schema) = (entry(key), None, None);
    EntryState { entry, revision, created_at: at, updated_at: at, content, schema }
}

/// A client of a server of ours.
fn ours(stub: &Stub) -> Client {
    connect(Config { retry_pause: Duration::from_millis(1), ..ours_config(stub) })
}

fn ours_config(stub: &Stub) -> Config {
    Config::steadfast(stub.url(), Key::new("very-secret"))
}

/// A client of the live service that may write.
fn live(stub: &Stub) -> Client {
    connect(Config { allow_writes: true, ..live_config(stub) })
}

fn live_config(stub: &Stub) -> Config {
    Config { url: stub.url(), ..Config::live(Key::new("very-secret")) }
}

fn connect(config: Config) -> Client {
    Client::connect(config).unwrap()
}

#[track_caller]
fn execute(client: &Client, request: Request) -> Result<EntryState, PlatformError> {
    wait(|done| client.execute(request, done)).expect("every request is answered")
}

fn get(which: Which) -> Request {
    Request::Get(Get { entry: entry("k"), which })
}

fn current() -> Request {
    get(Which::Current)
}

fn content() -> Arc<Content> {
    let (value, user_ids) = (JsonText::trusted(r#"{"a": 1}"#), vec![UserId::Number(7)]);
    Arc::new(Content { value, user_ids, metadata: Metadata::trusted(r#"{"x":1}"#) })
}

fn set(when: When) -> Request {
    set_of("k", when)
}

fn set_of(key: &str, when: When) -> Request {
    let (permit, write_id) = (Permit::ALL, WriteId(5));
    Request::Set(Set { entry: entry(key), content: content(), when, permit, write_id })
}

fn matches(id: &str) -> When {
    When::Matches(RevisionId::from_client(id))
}

fn remove(matches: Option<&str>) -> Request {
    let matches = matches.map(RevisionId::from_client);
    Request::Remove(Remove { entry: entry("k"), matches, force: false, write_id: WriteId(5) })
}

fn increment() -> Request {
    let (user_ids, metadata) = (vec![], Metadata::empty());
    let (entry, permit, write_id) = (entry("k"), Permit::ALL, WriteId(5));
    Request::Increment(Increment { entry, by: -3, user_ids, metadata, permit, write_id })
}

/// The state that [`ENTRY`] shows.
fn shown() -> EntryState {
    let at = |ticks| Timestamp::from_dotnet_ticks(ticks).unwrap();
    EntryState {
        entry: entry("k"),
        revision: Revision { counter: 3, tag: 0 },
        created_at: at(0x08D9_E6A3_F218_8CFF),
        updated_at: at(0x08D9_E6A3_F218_8D00),
        content: Some(content()),
        schema: None,
    }
}

fn kind<T: fmt::Debug>(answer: &Result<T, PlatformError>) -> ErrorKind {
    answer.as_ref().expect_err("an error").kind()
}

fn unknown() -> PlatformError {
    PlatformError::OutcomeUnknown { write_id: WriteId(5) }
}
