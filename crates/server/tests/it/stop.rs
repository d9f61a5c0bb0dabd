//! Stopping: what is under way is finished, what comes later is refused (fault P4).

use steadfast_core::platform::{Get, Request, Which};
use steadfast_core::{EntryId, EntryKey, Scope, StoreId, StoreName, UniverseId};
use steadfast_server::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::backends::Gate;
use crate::client::{Call, read_answer};
use crate::world::{NEVER, SOON, World, config, v1};

fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("S") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

#[tokio::test]
async fn p_4_writes_under_way_are_finished_and_acknowledged() {
    let gate = Gate::new();
    let mut world = World::over(gate.clone(), config()).await;
    gate.shut();
    let mut clients = JoinSet::new();
    for index in 0..16 {
        let call = Call::new("POST", &v1("S", &format!("k{index}"))).json("1");
        clients.spawn(world.call(call));
    }
    gate.until_held(16).await;
    // One that holds its connection without a request must not hold up the stop.
    let idle = TcpStream::connect(world.addr).await.unwrap();
    world.stop();
    // Nobody is served from here on: the listener is gone once a connection is refused.
    while TcpStream::connect(world.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    gate.open();
    while let Some(answer) = clients.join_next().await {
        answer.unwrap().ok();
    }
    world.ended().await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn p_4_a_stop_under_load_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        || steadfast::Steadfast::open_with(dir.path(), steadfast::Options::default()).unwrap();
    let steadfast = open();
    let bound = steadfast_server::Server::bind(config(), steadfast.clone()).unwrap();
    let addr = bound.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut server = JoinSet::new();
    server.spawn(bound.run(async {
        drop(stopped.await);
    }));
    let scopes = steadfast_core::key::KeyScope::ALL.into();
    let (_, secret) = steadfast.keys().create(crate::world::new_key(scopes)).await.unwrap();

    let (acknowledged, mut count) = tokio::sync::mpsc::channel(64);
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (acknowledged, secret) = (acknowledged.clone(), secret.clone());
        writers.spawn(async move {
            let mut written = Vec::new();
            for index in 0.. {
                let key = format!("w{writer}-{index}");
                let bytes = Call::new("POST", &v1("S", &key)).json("1").key(&secret).bytes();
                let Ok(mut stream) = TcpStream::connect(addr).await else { break };
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
                match read_answer(&mut stream).await {
                    Some(answer) if answer.status == 200 => written.push(key),
                    Some(answer) => panic!("{answer:?}"),
                    // Not accepted any more: it may not have been read at all.
                    None => break,
                }
                assert!(!acknowledged.is_closed());
                acknowledged.try_send(()).unwrap_or_default();
            }
            written
        });
    }
    for _ in 0..40 {
        count.recv().await.unwrap();
    }
    stop.send(()).unwrap();
    server.join_next().await.unwrap().unwrap().unwrap();
    let written = writers.join_all().await.concat();
    assert!(written.len() >= 40);
    // The store is closed, although there is still a handle to it.
    let reopened = open();
    for key in written {
        let get = Request::Get(Get { entry: entry(&key), which: Which::Current });
        reopened.execute(get).await.unwrap();
    }
    drop(steadfast);
}

#[tokio::test]
async fn p_4_a_stop_waits_only_so_long_and_the_write_is_made_all_the_same() {
    let gate = Gate::new();
    let config = Config { shutdown_timeout: SOON, request_timeout: NEVER, ..config() };
    let mut world = World::over(gate.clone(), config).await;
    gate.shut();
    let call = Call::new("POST", &v1("S", "k")).json("1").key(&world.root);
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(&call.bytes()).await.unwrap();
    gate.until_held(1).await;
    world.stop();
    world.ended().await.unwrap();
    assert!(read_answer(&mut stream).await.is_none());
    gate.open();
    let get = Request::Get(Get { entry: entry("k"), which: Which::Current });
    let read = world.steadfast.execute(get).await.map(|state| state.content.is_some());
    // A memory store that is closed may no longer answer; one that answers has the write.
    assert_ne!(read, Ok(false));
}
