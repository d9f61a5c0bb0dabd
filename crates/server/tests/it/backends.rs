//! Backends that wait or panic on demand, or count.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use steadfast::storage::{Backend, Capabilities, Done, MemoryBackend, ReadResult, ScanResult};
use steadfast_core::{Batch, CommitOutcome, RowKey, RowRange, Timestamp};
use tokio::sync::Notify;

type Held = Vec<(Batch, Done<CommitOutcome>)>;

/// Holds commits back while it is shut, and panics in reads of entries when it is told to.
pub(crate) struct Gate {
    inner: MemoryBackend,
    held: Mutex<Option<Held>>,
    arrived: Notify,
    panics: AtomicBool,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        let inner = MemoryBackend::new(|| Timestamp::from_unix_seconds(1_000_000_000));
        let (held, arrived) = (Mutex::new(None), Notify::new());
        Arc::new(Self { inner, held, arrived, panics: AtomicBool::new(false) })
    }

    pub(crate) fn shut(&self) {
        self.held.lock().unwrap().get_or_insert_default();
    }

    /// Lets everything through that was held back, and all that follows.
    pub(crate) fn open(&self) {
        let held = self.held.lock().unwrap().take().unwrap_or_default();
        for (batch, done) in held {
            self.inner.commit(batch, done);
        }
    }

    /// Waits until so many commits are held back.
    pub(crate) async fn until_held(&self, count: usize) {
        loop {
            let arrived = self.arrived.notified();
            if self.held.lock().unwrap().as_ref().map_or(0, Vec::len) >= count {
                return;
            }
            arrived.await;
        }
    }

    pub(crate) fn panic_in_reads(&self, panics: bool) {
        self.panics.store(panics, Ordering::Relaxed);
    }
}

impl Backend for Gate {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn started_at(&self) -> Timestamp {
        self.inner.started_at()
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        let is_entry = rows.iter().any(|row| matches!(row, RowKey::Entry(_)));
        assert!(!(is_entry && self.panics.load(Ordering::Relaxed)), "a planned panic");
        self.inner.read(rows, done);
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.inner.scan(range, limit, done);
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        if let Some(held) = &mut *self.held.lock().unwrap() {
            held.push((batch, done));
            self.arrived.notify_one();
            return;
        }
        self.inner.commit(batch, done);
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.inner.stopped()
    }

    fn close(&self) -> Result<(), Arc<str>> {
        self.inner.close()
    }
}

/// Counts the batches that are handed to it.
pub(crate) struct Counter {
    inner: MemoryBackend,
    commits: AtomicUsize,
}

impl Counter {
    pub(crate) fn new() -> Self {
        let inner = MemoryBackend::new(|| Timestamp::from_unix_seconds(1_000_000_000));
        Self { inner, commits: AtomicUsize::new(0) }
    }

    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Backend for Counter {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn started_at(&self) -> Timestamp {
        self.inner.started_at()
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        self.inner.read(rows, done);
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.inner.scan(range, limit, done);
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(batch, done);
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.inner.stopped()
    }

    fn close(&self) -> Result<(), Arc<str>> {
        self.inner.close()
    }
}
