//! Rows in memory that are counted, and that hand out copies as a disk would.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use steadfast::core::row::{EntryBody, ReadResult, ScanResult};
use steadfast::core::{
    Batch, CommitOutcome, Content, Found, JsonText, RowBody, RowKey, RowRange, Timestamp, Write,
};
use steadfast::storage::{Backend, Capabilities, Done, MemoryBackend, wait};

use crate::counting;

/// How often each was called.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) commits: usize,
    pub(crate) reads: usize,
    pub(crate) scans: usize,
}

/// Rows in memory, each with a value of its own.
pub(crate) struct Counted {
    rows: MemoryBackend,
    commits: AtomicUsize,
    reads: AtomicUsize,
    scans: AtomicUsize,
    /// Bytes that commits took and did not give back.
    bytes: AtomicUsize,
}

impl Default for Counted {
    fn default() -> Self {
        let rows = MemoryBackend::new(|| Timestamp::from_unix_seconds(1_700_000_000));
        let (commits, reads, scans) = Default::default();
        Self { rows, commits, reads, scans, bytes: AtomicUsize::new(0) }
    }
}

impl Counted {
    pub(crate) fn calls(&self) -> Calls {
        let load = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Calls { commits: load(&self.commits), reads: load(&self.reads), scans: load(&self.scans) }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The same value in another place.
fn copy(content: &Arc<Content>) -> Arc<Content> {
    let value = JsonText::trusted(content.value.as_str());
    Arc::new(Content { value, ..Content::clone(content) })
}

fn copy_of(body: &mut RowBody) {
    if let RowBody::Entry(EntryBody { content: Some(content), .. })
    | RowBody::Revision(EntryBody { content: Some(content), .. }) = body
    {
        *content = copy(content);
    }
}

impl Backend for Counted {
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
        self.reads.fetch_add(1, Ordering::Relaxed);
        let copied = move |mut reply: ReadResult| {
            for found in reply.iter_mut().flat_map(|reply| &mut reply.rows) {
                if let Found::Row(row) = found {
                    copy_of(&mut row.body);
                }
            }
            done.complete(reply);
        };
        self.rows.read(rows, Done::new(copied));
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.scans.fetch_add(1, Ordering::Relaxed);
        self.rows.scan(range, limit, done);
    }
    fn commit(&self, sent: Batch, done: Done<CommitOutcome>) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        // What was sent lives until the end, so that only what is kept counts.
        let before = counting::taken();
        let mut batch = sent.clone();
        for write in &mut batch.writes {
            if let Write::Put { body, .. } = write {
                copy_of(body);
            }
        }
        let outcome = wait(|done| self.rows.commit(batch, done));
        // Other threads are idle, so what is taken more now is the rows'.
        self.bytes.fetch_add(counting::taken().saturating_sub(before), Ordering::Relaxed);
        drop(sent);
        done.complete(outcome.expect("memory answers at once"));
    }
}
