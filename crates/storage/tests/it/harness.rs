//! Clocks and backends that the tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use steadfast_core::row::{HeadsResult, ReadResult, ScanResult};
use steadfast_core::{Batch, CommitOutcome, RowKey, RowRange, Timestamp};
use steadfast_storage::backend::OrderedWatcher;
use steadfast_storage::{Backend, Capabilities, Done, MemoryBackend};

/// Where the clocks of all tests start: long after 1970, so that "long ago" can be asked for.
const START_SECONDS: i64 = 1_700_000_000;

/// A clock that moves 3 us at each reading, and now and then goes back.
pub(crate) fn test_clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let reading = AtomicI64::new(0);
    move || {
        let reading = reading.fetch_add(1, Ordering::Relaxed);
        let step_back = if reading % 7 == 6 { 90 } else { 0 };
        let start = Timestamp::from_unix_seconds(START_SECONDS);
        Timestamp::from_ticks(start.ticks() + 30 * reading - step_back)
    }
}

pub(crate) fn memory() -> MemoryBackend {
    MemoryBackend::new(test_clock())
}

/// Rows in memory that outlive the backend, as those of a durable engine do: so that the parts of
/// the suites about reopening run here too. Each call gives way to the other threads, because an
/// answer that takes no time leaves nothing to happen in between.
pub(crate) struct Kept {
    rows: Arc<MemoryBackend>,
    started_at: Timestamp,
}

impl Kept {
    pub(crate) fn open(rows: Arc<MemoryBackend>) -> Self {
        let started_at = rows.now();
        Self { rows, started_at }
    }

    pub(crate) fn close(self) -> Arc<MemoryBackend> {
        self.rows
    }
}

impl Backend for Kept {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "kept", durable: true, single_owner: true }
    }
    fn now(&self) -> Timestamp {
        self.rows.now()
    }
    fn started_at(&self) -> Timestamp {
        self.started_at
    }
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        thread::yield_now();
        self.rows.read(rows, done);
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.rows.scan(range, limit, done);
    }
    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        self.rows.heads(range, limit, with_sizes, done);
    }
    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        self.rows.watch(watcher)
    }
    fn drain(&self, done: Done<()>) {
        self.rows.drain(done);
    }
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        thread::yield_now();
        self.rows.commit(batch, done);
    }
}
