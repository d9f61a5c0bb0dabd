//! A store that fails: what the client hears, and what it does not.

use std::sync::Arc;

use steadfast::storage::{Fault, FaultyBackend, MemoryBackend};
use steadfast_core::Timestamp;
use steadfast_server::Config;

use crate::backends::Gate;
use crate::client::{Call, V2};
use crate::pages::{V1_ENTRIES, V1_STORES, V2_STORES};
use crate::world::{NEVER, SOON, World, config, v1, v2};

fn writes() -> Vec<Call> {
    vec![
        Call::new("POST", &v1("S", "k")).json("2"),
        Call::new("PATCH", &v2("k")).json(r#"{"value":2}"#),
        Call::new("DELETE", &v1("S", "k")),
        Call::new("DELETE", &v2("k")),
        Call::new("POST", &format!("{V2}?id=new")).json(r#"{"value":2}"#),
    ]
}

async fn faulty() -> (World, Arc<FaultyBackend<MemoryBackend>>) {
    let inner = MemoryBackend::new(|| Timestamp::from_unix_seconds(1_000_000_000));
    let backend = Arc::new(FaultyBackend::new(inner));
    let world = World::over(backend.clone(), config()).await;
    world.set("k", "1").await;
    (world, backend)
}

#[tokio::test]
async fn s_1_and_s_9_a_write_that_was_not_made_is_502_or_429() {
    let (world, backend) = faulty().await;
    for call in writes() {
        backend.plan_commits([Some(Fault::ErrorBefore)]);
        let answer = world.call(call.clone()).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        assert!(!answer.body.contains("planned fault"), "{answer:?}");
        backend.plan_commits([Some(Fault::Full)]);
        let answer = world.call(call).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    world.check_alive().await;
}

#[tokio::test]
async fn s_2_a_lost_answer_is_settled_and_one_that_stays_lost_is_504() {
    let (world, backend) = faulty().await;
    backend.plan_commits([Some(Fault::AppliedThenUnknown)]);
    world.call(Call::new("POST", &v1("S", "k")).json("2")).await.ok();
    assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    for call in writes() {
        backend.plan_commits([Some(Fault::LostThenUnknown); 16]);
        let answer = world.call(call).await;
        assert_eq!(answer.status, 504, "{answer:?}");
        assert!(backend.forget_plans() > 0);
    }
    assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    world.check_alive().await;
}

#[tokio::test]
async fn s_1_and_s_2_a_data_store_is_deleted_or_not_or_the_answer_is_that_nobody_knows() {
    let (world, backend) = faulty().await;
    let store = format!("{V2_STORES}/S");
    let delete = Call::new("DELETE", &store);
    let snapshot = Call::new("POST", &format!("{V2_STORES}:snapshot"));
    for call in [&delete, &snapshot] {
        for (fault, status) in [(Fault::ErrorBefore, 502), (Fault::Full, 429)] {
            backend.plan_commits([Some(fault)]);
            assert_eq!(world.call(call.clone()).await.status, status, "{fault:?}");
        }
        backend.plan_commits([Some(Fault::LostThenUnknown); 64]);
        let answer = world.call(call.clone()).await.expect(504, "DEADLINE_EXCEEDED");
        assert!(answer.body.contains("may have been made"), "{answer:?}");
        assert!(backend.forget_plans() > 0);
        assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    }
    for (call, told) in [(snapshot, r#""newSnapshotTaken":true"#), (delete, r#""state":"DELETED""#)]
    {
        backend.plan_commits([Some(Fault::AppliedThenUnknown)]);
        let answer = world.call(call).await.ok();
        assert!(answer.body.contains(told), "{answer:?}");
    }
    world.call(Call::new("POST", &format!("{store}:undelete"))).await.ok();
    world.check_alive().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_never_a_shorter_one() {
    let (world, backend) = faulty().await;
    for path in [
        V1_STORES.to_owned(),
        format!("{V1_ENTRIES}?datastoreName=S"),
        format!("{V1_ENTRIES}/entry/versions?datastoreName=S&entryKey=k"),
        V2_STORES.to_owned(),
        V2.to_owned(),
        v2("k:listRevisions"),
    ] {
        // The first read is that of the key.
        let mut before = 1;
        let whole = loop {
            backend.plan_reads((0..before).map(|_| false).chain([true]));
            let answer = world.get(&path).await;
            if backend.forget_plans() > 0 {
                break answer.ok();
            }
            let answer = answer.expect(502, "UNAVAILABLE");
            assert!(!answer.body.contains("planned fault"), "{answer:?}");
            before += 1;
        };
        assert!(before > 2, "{path}");
        assert_eq!(world.get(&path).await.ok().body, whole.body, "{path}");
    }
}

#[tokio::test]
async fn a_failed_read_is_never_no_data_and_never_a_wrong_key() {
    let (world, backend) = faulty().await;
    for path in [v1("S", "k"), v2("k")] {
        backend.plan_reads([true]);
        assert_eq!(world.get(&path).await.status, 502, "the key");
        backend.plan_reads([false, true]);
        assert_eq!(world.get(&path).await.status, 502, "the entry");
    }
    backend.plan_reads([true]);
    let answer = world.get("/steadfast/v1/admin/keys").await;
    assert_eq!((answer.status, answer.json()["kind"].as_str()), (502, Some("unavailable")));
    backend.plan_reads([false, true]);
    let answer = world.get("/steadfast/v1/admin/keys").await.expect(502, "StorageUnavailable");
    assert!(!answer.body.contains("planned fault"), "{answer:?}");
    world.check_alive().await;
}

#[tokio::test]
async fn a_write_without_an_answer_in_time_is_504_and_made_all_the_same() {
    let gate = Gate::new();
    let config = Config { request_timeout: SOON, ..config() };
    let world = World::over(gate.clone(), config).await;
    world.set("k", "1").await;
    for (call, expected) in [
        (Call::new("POST", &v1("S", "k")).json("2"), Some("2")),
        (Call::new("PATCH", &v2("k")).json(r#"{"value":3}"#), Some("3")),
        (Call::new("DELETE", &v1("S", "k")), None),
    ] {
        gate.shut();
        let answer = world.call(call).await;
        assert_eq!(answer.status, 504, "{answer:?}");
        gate.open();
        assert_eq!(world.stored("k").await.as_deref(), expected);
    }
    gate.shut();
    let key = r#"{"name":"x","scopes":["steadfast.admin"]}"#;
    let answer = world.call(Call::new("POST", "/steadfast/v1/admin/keys").json(key)).await;
    assert_eq!((answer.status, answer.json()["kind"].as_str()), (504, Some("outcome_unknown")));
    gate.open();
    world.check_alive().await;
}

#[tokio::test]
async fn v_3_a_client_that_leaves_does_not_cancel_its_write() {
    let gate = Gate::new();
    let world = World::over(gate.clone(), Config { request_timeout: NEVER, ..config() }).await;
    world.set("k", "1").await;
    gate.shut();
    let call = Call::new("POST", &v1("S", "k")).json("2").key(&world.root);
    let mut stream = tokio::net::TcpStream::connect(world.addr).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &call.bytes()).await.unwrap();
    gate.until_held(1).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    gate.open();
    assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    world.check_alive().await;
}

#[tokio::test]
async fn p_9_a_panic_is_500_for_its_request_alone() {
    let gate = Gate::new();
    let world = World::over(gate.clone(), config()).await;
    world.set("k", "1").await;
    gate.panic_in_reads(true);
    for (path, code) in [(v1("S", "k"), "Unknown"), (v2("k"), "INTERNAL")] {
        let answer = world.get(&path).await.expect(500, code);
        assert!(!answer.body.contains("panic"), "{answer:?}");
    }
    gate.panic_in_reads(false);
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    world.check_alive().await;
}
