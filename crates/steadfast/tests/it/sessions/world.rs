//! A store that several game servers share, a clock that moves only when it is told to, and a switch
//! that stops the store.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::core::row::{ReadReply, ReadResult, ScanResult};
use steadfast::core::{
    Batch, CommitOutcome, Found, Monotonic, Outcome, ReadError, Refusal, RowKey, RowRange,
    Timestamp,
};
use steadfast::storage::{Backend, Capabilities, Done, MemoryBackend, wait};
use steadfast::{Drive, Options, Ownership, SessionSettings, Steadfast, Store};

/// How far time moves between two turns.
const STEP: Duration = Duration::from_millis(10);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What players own in these tests.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Save {
    pub(crate) coins: i64,
    pub(crate) items: Vec<String>,
    #[serde(default)]
    pub(crate) share: f64,
}

/// The rows, and whether they can be reached.
pub(crate) struct Switched {
    rows: Arc<dyn Backend>,
    is_down: AtomicBool,
    commits: AtomicU64,
    /// Batches that are still taken before it is switched off; never if less than nothing.
    left: AtomicI64,
    /// A row that cannot be read until it is written again.
    damaged: Mutex<Option<RowKey>>,
}

impl Switched {
    pub(crate) fn turn(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// How many batches came.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Switches it off once it took so many batches more.
    pub(crate) fn turn_off_after(&self, batches: i64) {
        self.left.store(batches, Ordering::Relaxed);
    }

    /// A row cannot be read until it is written again.
    pub(crate) fn damage(&self, row: RowKey) {
        *self.damaged.lock().unwrap() = Some(row);
    }

    fn as_damaged(&self, mut reply: ReadReply) -> ReadReply {
        let damaged = self.damaged.lock().unwrap();
        for found in &mut reply.rows {
            if found.key().is_some() && found.key() == damaged.as_ref() {
                *found = damaged.clone().map_or(Found::Absent, Found::Corrupt);
            }
        }
        reply
    }

    fn error(&self) -> Option<ReadError> {
        let is_down = self.is_down.load(Ordering::Relaxed);
        is_down.then(|| ReadError::Unavailable { reason: "switched off".into() })
    }
}

impl Backend for Switched {
    fn capabilities(&self) -> Capabilities {
        self.rows.capabilities()
    }
    fn now(&self) -> Timestamp {
        self.rows.now()
    }
    fn started_at(&self) -> Timestamp {
        self.rows.started_at()
    }
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        match self.error() {
            Some(error) => done.complete(Err(error)),
            None => {
                if let Some(reply) = wait(|done| self.rows.read(rows, done)) {
                    done.complete(reply.map(|reply| self.as_damaged(reply)));
                }
            }
        }
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        match self.error() {
            Some(error) => done.complete(Err(error)),
            None => answer(|done| self.rows.scan(range, limit, done), done),
        }
    }
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.damaged.lock().unwrap().take_if(|row| batch.writes.iter().any(|it| it.key() == row));
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.turn(true);
        }
        match self.error() {
            Some(ReadError::Unavailable { reason }) => {
                done.complete(Outcome::Refused(Refusal::Unavailable { reason }));
            }
            None => answer(|done| self.rows.commit(batch, done), done),
        }
    }
}

/// Answers within the call, so that no time passes meanwhile.
fn answer<T: Send + 'static>(request: impl FnOnce(Done<T>), done: Done<T>) {
    if let Some(answered) = wait(request) {
        done.complete(answered);
    }
}

/// The store and its time.
pub(crate) struct World {
    nanos: Arc<AtomicU64>,
    pub(crate) backend: Arc<Switched>,
    /// Kept for as long as the rows in it.
    _directory: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        let nanos = Arc::new(AtomicU64::new(1));
        let rows = Arc::new(MemoryBackend::new(wall(&nanos)));
        Self::of(nanos, rows, None)
    }

    /// The same over a directory.
    pub(crate) fn on_disk() -> Self {
        let nanos = Arc::new(AtomicU64::new(1));
        let directory = tempfile::tempdir().unwrap();
        let clock = Box::new(wall(&nanos));
        let options = steadfast_storage_redb::Options { clock, ..Default::default() };
        let rows = steadfast_storage_redb::RedbBackend::open(directory.path(), options).unwrap();
        Self::of(nanos, Arc::new(rows), Some(directory))
    }

    fn of(
        nanos: Arc<AtomicU64>,
        rows: Arc<dyn Backend>,
        directory: Option<tempfile::TempDir>,
    ) -> Self {
        let (is_down, commits) = (AtomicBool::new(false), AtomicU64::new(0));
        let left = AtomicI64::new(-1);
        let damaged = Mutex::new(None);
        let backend = Arc::new(Switched { rows, is_down, commits, left, damaged });
        Self { nanos, backend, _directory: directory }
    }

    /// The settings of a game server in this world, which shares the store with others.
    pub(crate) fn options(&self) -> Options {
        let nanos = Arc::clone(&self.nanos);
        let mono = move || Monotonic::from_nanos(nanos.load(Ordering::Relaxed));
        Options {
            drive: Drive::ByPollAt(Arc::new(mono)),
            clock: Arc::new(wall(&self.nanos)),
            sweep_every: None,
            ownership: Ownership::Shared,
            ..Options::default()
        }
    }

    pub(crate) fn server(&self, address: &str) -> Steadfast {
        self.server_with(address, SessionSettings::default())
    }

    pub(crate) fn server_with(&self, address: &str, sessions: SessionSettings) -> Steadfast {
        let options = Options { address: address.into(), sessions, ..self.options() };
        self.over(options)
    }

    pub(crate) fn over(&self, options: Options) -> Steadfast {
        Steadfast::over(Arc::<Switched>::clone(&self.backend), options).unwrap()
    }

    /// Seconds since the world began.
    pub(crate) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64()
    }

    /// Lets game servers work until a future is done.
    #[track_caller]
    pub(crate) fn run<T>(&self, servers: &[&Steadfast], future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        self.until(servers, || {
            match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            }
        })
    }

    /// Lets game servers work until something is so.
    #[track_caller]
    pub(crate) fn until<T>(
        &self,
        servers: &[&Steadfast],
        mut is_so: impl FnMut() -> Option<T>,
    ) -> T {
        let steps = PATIENCE.as_nanos() / STEP.as_nanos();
        for _ in 0..steps {
            if let Some(value) = is_so() {
                return value;
            }
            for server in servers {
                server.poll();
            }
            if let Some(value) = is_so() {
                return value;
            }
            self.pass(STEP);
        }
        panic!("nothing came of it in {PATIENCE:?}")
    }

    /// Lets game servers work for a while.
    pub(crate) fn work(&self, servers: &[&Steadfast], time: Duration) {
        let now = || self.nanos.load(Ordering::Relaxed);
        let end = now() + u64::try_from(time.as_nanos()).unwrap();
        self.until(servers, || (now() >= end).then_some(()));
    }

    /// Time passes, and nobody does anything.
    pub(crate) fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn players(&self, server: &Steadfast) -> Store<Save> {
        self.run(&[server], server.store("PlayerData")).unwrap()
    }
}

fn wall(nanos: &Arc<AtomicU64>) -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let nanos = Arc::clone(nanos);
    move || {
        let start = Timestamp::from_unix_seconds(1_700_000_000);
        start.saturating_add(Duration::from_nanos(nanos.load(Ordering::Relaxed)))
    }
}
