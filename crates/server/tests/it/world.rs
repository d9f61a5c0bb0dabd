//! A running server with its store, and keys to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use steadfast::storage::Backend;
use steadfast::{NewKey, Options, Steadfast};
use steadfast_core::Limits;
use steadfast_core::key::{KeyScope, Only};
use steadfast_server::{Config, Server, ServerError};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::client::{Answer, Call, V1, V2, send};

pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) steadfast: Steadfast,
    /// A key that may do everything.
    pub(crate) root: String,
    stop: Option<oneshot::Sender<()>>,
    server: JoinSet<Result<(), ServerError>>,
    _dir: Option<TempDir>,
}

pub(crate) fn config() -> Config {
    Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() }
}

fn options(limits: Limits) -> Options {
    Options { limits, ..Options::default() }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::native(), config()).await
    }

    pub(crate) async fn with(limits: Limits, config: Config) -> Self {
        Self::start(Steadfast::in_memory(options(limits)).unwrap(), config, None).await
    }

    pub(crate) async fn over(backend: Arc<dyn Backend>, config: Config) -> Self {
        let steadfast = Steadfast::over(backend, Options::default()).unwrap();
        Self::start(steadfast, config, None).await
    }

    /// The same world over both kinds of store.
    pub(crate) async fn both() -> [Self; 2] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Steadfast::open_with(dir.path(), Options::default()).unwrap();
        [Self::new().await, Self::start(disk, config(), Some(dir)).await]
    }

    /// A world whose store is in a directory.
    pub(crate) async fn on_disk(dir: &std::path::Path, config: Config) -> Self {
        let disk = Steadfast::open_with(dir, Options::default()).unwrap();
        Self::start(disk, config, None).await
    }

    pub(crate) async fn start(steadfast: Steadfast, config: Config, dir: Option<TempDir>) -> Self {
        let bound = Server::bind(config, steadfast.clone()).unwrap();
        let addr = bound.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut server = JoinSet::new();
        server.spawn(bound.run(async {
            drop(stopped.await);
        }));
        let root = secret(&steadfast, &KeyScope::ALL).await;
        Self { addr, steadfast, root, stop: Some(stop), server, _dir: dir }
    }

    /// A key with some scopes, for everything.
    pub(crate) async fn key(&self, scopes: &[KeyScope]) -> String {
        secret(&self.steadfast, scopes).await
    }

    /// A key of any kind.
    pub(crate) async fn new_key(&self, key: NewKey) -> String {
        self.steadfast.keys().create(key).await.unwrap().1
    }

    #[track_caller]
    pub(crate) fn send(&self, call: &Call) -> impl Future<Output = Answer> + use<> {
        send(self.addr, call)
    }

    /// Sends with the key that may do everything.
    #[track_caller]
    pub(crate) fn call(&self, call: Call) -> impl Future<Output = Answer> + use<> {
        send(self.addr, &call.key(&self.root))
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Answer> + use<> {
        self.call(Call::new("GET", path))
    }

    /// Writes through v1, and says whether it went well.
    pub(crate) async fn set(&self, key: &str, value: &str) -> Answer {
        self.call(Call::new("POST", &v1("S", key)).json(value)).await.ok()
    }

    /// What v1 has at a key of the store `S`: nothing if there is nothing.
    pub(crate) async fn stored(&self, key: &str) -> Option<String> {
        let answer = self.get(&v1("S", key)).await;
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            _ => panic!("{answer:?}"),
        }
    }

    /// Checks that the server still serves, after whatever was done to it.
    pub(crate) async fn check_alive(&self) {
        assert_eq!(self.send(&Call::new("GET", "/healthz")).await.body, "alive\n");
        assert_eq!(self.send(&Call::new("GET", "/readyz")).await.status, 200);
        self.set("alive", "true").await;
        assert_eq!(self.stored("alive").await.as_deref(), Some("true"));
    }

    /// Asks the server to stop, without waiting for it.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(&mut self) -> Result<(), ServerError> {
        self.server.join_next().await.expect("there is one server").expect("it does not panic")
    }
}

async fn secret(steadfast: &Steadfast, scopes: &[KeyScope]) -> String {
    let key = new_key(scopes.iter().copied().collect());
    steadfast.keys().create(key).await.unwrap().1
}

pub(crate) fn new_key(scopes: BTreeSet<KeyScope>) -> NewKey {
    let (universes, stores) = (Only::Any, Only::Any);
    NewKey { name: "test".into(), scopes, universes, stores, expires_at: None }
}

/// The v1 path of an entry whose names need no escapes.
pub(crate) fn v1(store: &str, key: &str) -> String {
    format!("{V1}?datastoreName={store}&entryKey={key}")
}

/// The v1 path of an increment of an entry of the store `S`.
pub(crate) fn v1_increment(key: &str) -> String {
    format!("{V1}/increment?datastoreName=S&entryKey={key}")
}

/// The v2 path of an entry of the store `S`.
pub(crate) fn v2(key: &str) -> String {
    format!("{V2}/{key}")
}

/// A time-out that fires soon, and one that never does in a test.
pub(crate) const SOON: Duration = Duration::from_millis(150);
pub(crate) const NEVER: Duration = Duration::from_mins(10);
