//! Our client against our server: the conformance suite of platforms, over a real connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast::{Options, Steadfast};
use steadfast_core::Timestamp;
use steadfast_open_cloud::client::{Client, Config, Key};
use steadfast_storage::conformance::PlatformHarness;
use steadfast_storage::{Backend, Fault, FaultyBackend, MemoryBackend, Platform};
use tokio::runtime::Runtime;

use crate::world::{World, config};

/// A client of a server whose store is in memory and fails on demand.
struct Remote {
    runtime: Runtime,
    backend: Arc<FaultyBackend<MemoryBackend>>,
    /// How far the clock was moved ahead, in seconds.
    ahead: Arc<AtomicU64>,
    world: World,
    client: Option<Client>,
}

/// A client that may do everything.
fn connect(world: &World) -> Client {
    let url = format!("http://{}", world.addr);
    Client::connect(Config::steadfast(url, Key::new(&*world.root))).unwrap()
}

/// A clock that each reading moves on a little, and tests by as much as they like.
fn clock(ahead: Arc<AtomicU64>) -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let start = Timestamp::from_unix_seconds(1_800_000_000);
    let readings = AtomicU64::new(0);
    move || {
        let ticks = Duration::from_nanos(3_000 * readings.fetch_add(1, Ordering::Relaxed));
        start.saturating_add(Duration::from_secs(ahead.load(Ordering::Relaxed)) + ticks)
    }
}

/// A server over the store, which is tidied when it is told to be.
async fn serve(backend: &Arc<FaultyBackend<MemoryBackend>>) -> World {
    let backend = Arc::<FaultyBackend<MemoryBackend>>::clone(backend);
    let options = Options { sweep_every: None, ..Options::default() };
    World::start(Steadfast::over(backend, options).unwrap(), config(), None).await
}

impl PlatformHarness for Remote {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let ahead = Arc::new(AtomicU64::new(0));
        let rows = MemoryBackend::new(clock(Arc::clone(&ahead)));
        let backend = Arc::new(FaultyBackend::new(rows));
        let world = runtime.block_on(serve(&backend));
        let client = Some(connect(&world));
        Self { runtime, backend, ahead, world, client }
    }

    fn platform(&mut self) -> Arc<dyn Platform> {
        Arc::new(self.client.clone().unwrap())
    }

    /// The first read of every request is that of its API key, which is no part of the facts.
    fn inject(&mut self, commits: &[Option<Fault>], reads: &[bool]) -> bool {
        self.backend.plan_commits(commits.iter().copied());
        let key = (!reads.is_empty()).then_some(false);
        self.backend.plan_reads(key.into_iter().chain(reads.iter().copied()));
        true
    }

    fn release(&mut self) {
        drop(self.backend.release());
    }

    fn heal(&mut self) {
        self.backend.forget_plans();
    }

    fn pass(&mut self, time: Duration) -> bool {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
        true
    }

    fn sweep(&mut self) -> bool {
        let sweep = || self.runtime.block_on(self.world.steadfast.sweep(100));
        while sweep().is_ok_and(|report| report.has_more) {}
        true
    }

    fn backend(&mut self) -> Option<Arc<dyn Backend>> {
        Some(Arc::<FaultyBackend<MemoryBackend>>::clone(&self.backend))
    }

    /// Another server, with what the first one has stored.
    fn reopen(&mut self) -> bool {
        self.client = None;
        self.runtime.block_on(async {
            self.world.stop();
            self.world.ended().await.unwrap();
            self.world = serve(&self.backend).await;
        });
        self.client = Some(connect(&self.world));
        true
    }

    fn checks_permits(&self) -> bool {
        false
    }

    fn tells_ordered_writes(&self) -> bool {
        false
    }
}

steadfast_storage::platform_conformance!(Remote);
