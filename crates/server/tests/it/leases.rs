//! Entries that a game server holds, over HTTP: who is refused, with which words, and what force does.

use std::sync::Arc;

use serde_json::json;
use steadfast::storage::{Backend, MemoryBackend, wait};
use steadfast_core::key::KeyScope;
use steadfast_core::record::{Fence, Lease, LeaseMode, RECORD_FORMAT, RecordBody, Usage};
use steadfast_core::row::Birth;
use steadfast_core::{
    Batch, EntryId, EntryKey, Found, Revision, RowBody, RowKey, Scope, ServerId, SessionId,
    StoreId, StoreName, Timestamp, UniverseId, Write, WriteId,
};

use crate::client::{Answer, Call, V2};
use crate::world::{World, config, v1, v1_increment, v2};

const SINCE: &str = "2027-01-15T08:00:00Z";

/// What every refusal says.
const HOLDER: &str = "ActiveLease: the game server `0000000000000000000000000000000b` holds the \
    entry since `2027-01-15T08:00:00Z`. Nothing was written; that server has to let go of it first.";

fn record() -> RowKey {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("S") };
    RowKey::Record(EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") })
}

/// A world whose entry `k` was written twice, and is held since. With its first revision.
async fn held() -> (World, Arc<dyn Backend>, String) {
    let clock = Timestamp::from_unix_seconds(1_800_000_000);
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new(move || clock));
    let world = World::over(Arc::clone(&backend), config()).await;
    let first = world.set("k", "1").await.json()["version"].as_str().unwrap().to_owned();
    world.set("k", "2").await;
    let fence = Fence::first(SessionId(12));
    let (server, session, mode) = (ServerId(11), fence.session, LeaseMode::Presence);
    let since = Birth::At(clock);
    let lease = Some(Lease { server, session, mode, since });
    let (format, schema, save_seq, write_id) = (RECORD_FORMAT, 0, 0, WriteId(22));
    let usage = Usage::default();
    let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
    let (key, revision) = (record(), Revision::first(write_id));
    let put = Write::Put { key, revision, body: RowBody::Record(body) };
    let batch = Batch { conditions: vec![], writes: vec![put] };
    let committed = wait(|done| backend.commit(batch, done)).expect("it answers").committed();
    assert!(committed.is_some());
    (world, backend, first)
}

fn lease_of(backend: &Arc<dyn Backend>) -> Option<Lease> {
    let reply = wait(|done| backend.read(vec![record()], done)).expect("it answers").unwrap();
    let [Found::Row(row)] = &reply.rows[..] else { panic!("{reply:?}") };
    let RowBody::Record(body) = &row.body else { panic!("{row:?}") };
    body.lease
}

async fn restore(world: &World, key: &str, first: &str, force: bool) -> Answer {
    let body = json!({"revisionId": first, "force": force});
    let path = "/steadfast/v1/universes/1/data-stores/S/scopes/global/entries/k:restore";
    world.send(&Call::new("POST", path).json(body.to_string()).key(key)).await
}

#[tokio::test]
async fn a_held_entry_is_refused_with_409_by_both_generations_and_names_its_holder() {
    let (world, backend, first) = held().await;
    let calls = [
        Call::new("POST", &v1("S", "k")).json("3"),
        Call::new("POST", &v1_increment("k")),
        Call::new("DELETE", &v1("S", "k")),
        Call::new("PATCH", &v2("k")).json(r#"{"value":3}"#),
        Call::new("POST", &v2("k:increment")).json(r#"{"amount":2}"#),
        Call::new("DELETE", &v2("k")),
    ];
    for call in calls {
        let answer = world.call(call.clone()).await.expect(409, "ABORTED");
        assert_eq!(answer.json()["message"], HOLDER, "{call:?}");
    }
    let own = restore(&world, &world.root, &first, false).await.expect(409, "ActiveLease");
    assert_eq!((&own.json()["kind"], &own.json()["message"]), (&json!("conflict"), &json!(HOLDER)));
    // Reads go on, and what exists is still said to exist.
    assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    let create = Call::new("POST", &format!("{V2}?id=k")).json(r#"{"value":3}"#);
    world.call(create).await.expect(400, "INVALID_ARGUMENT");
    assert!(lease_of(&backend).is_some());
    assert!(HOLDER.contains(SINCE));
}

#[tokio::test]
async fn force_is_for_administrators() {
    let (world, backend, first) = held().await;
    let key = world.key(&[KeyScope::EntryUpdate, KeyScope::RevisionRead]).await;
    restore(&world, &key, &first, true).await.expect(403, "InsufficientScope");
    restore(&world, &key, &first, false).await.expect(409, "ActiveLease");
    assert!(lease_of(&backend).is_some());
    let scopes = [KeyScope::EntryUpdate, KeyScope::RevisionRead, KeyScope::Admin];
    let administrator = world.key(&scopes).await;
    let restored = restore(&world, &administrator, &first, true).await.ok();
    assert_eq!(restored.json()["value"], 1);
    assert_eq!(lease_of(&backend), None);
    world.set("k", "4").await;
}
