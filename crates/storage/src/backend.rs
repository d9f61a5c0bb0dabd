//! The trait of an engine that stores rows.

use std::sync::Arc;

use steadfast_core::row::{FoundHead, HeadsReply, HeadsResult, ReadResult, ScanResult};
use steadfast_core::{Batch, CommitOutcome, EntryId, RowKey, RowRange, Timestamp};

use crate::done::Done;

/// What an engine can and cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// For logs and `status`: `memory`, `redb`.
    pub name: &'static str,
    /// Whether a committed batch survives the end of the process.
    pub durable: bool,
    /// Whether one process owns the rows, so that nobody else can change them.
    pub single_owner: bool,
}

/// A committed change of an entry of an ordered data store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedChange {
    /// The entry.
    pub entry: EntryId,
    /// Its value before; nothing if it had none.
    pub before: Option<i64>,
    /// Its value from now on; nothing if it was removed.
    pub after: Option<i64>,
}

/// Is told of every change of an ordered data store, so that places can be counted in memory.
pub trait OrderedWatcher: Send + Sync {
    /// Takes the changes of one batch, one for each row of an ordered data store that it wrote, in
    /// its order. Called in the order of the commits, by one thread at a time, before the commit is
    /// answered. A read that begins after the call sees the commit, one that began before it may.
    /// Must neither wait nor call the backend.
    fn committed(&self, changes: &[OrderedChange]);
}

/// Stores rows, and writes batches of them atomically.
///
/// Rules for every engine, checked by the conformance suite:
/// - A batch is checked with [`Batch::check`] against [`Limits::native`](steadfast_core::Limits)
///   and then all of its conditions and writes are one step. `Committed` is said once it survives
///   what the engine promises to survive, never before.
/// - `Refused` means that nothing was written and nothing will be. What may have been written is
///   `Unknown`.
/// - Two reads in a row never go back in time, and a read after an acknowledged commit sees it.
/// - The store's time never goes behind the stamp of the last commit, also after a reopening.
/// - Damage is [`Found::Corrupt`](steadfast_core::Found::Corrupt) for the rows it hits or stops the store. It is never an older
///   value and never [`Found::Absent`](steadfast_core::Found::Absent).
/// - A call may run its request on the calling thread, and complete before it returns.
pub trait Backend: Send + Sync {
    /// What this engine can do.
    fn capabilities(&self) -> Capabilities;

    /// The store's time: that of the system, but never behind the last stamp.
    fn now(&self) -> Timestamp;

    /// The store's time when it was opened.
    fn started_at(&self) -> Timestamp;

    /// Reads rows as of one moment.
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>);

    /// Reads a run of rows in key order, at most `limit`.
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>);

    /// Reads a run of heads of entries or revisions in key order, at most `limit`, with the sizes of
    /// the values if `with_sizes`. A range of another family is a fault of the caller.
    ///
    /// An engine that can leave out the contents does; this one reads the rows.
    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        let done = Done::new(move |reply: ScanResult| {
            let mut reply = reply.map(|reply| HeadsReply::of(&reply));
            for found in reply.iter_mut().flat_map(|reply| &mut reply.heads) {
                if let (FoundHead::Head(head), false) = (found, with_sizes) {
                    head.value_size = None;
                }
            }
            done.complete(reply);
        });
        self.scan(range, limit, done);
    }

    /// Lets a watcher know of every later change of an ordered data store. False if this backend
    /// cannot: its rows may be changed by others. At most one watcher.
    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        let _ = watcher;
        false
    }

    /// Completes once the watcher knows of every commit that an earlier read may have seen.
    fn drain(&self, done: Done<()>) {
        done.complete(());
    }

    /// Writes a batch. Never cancelled once it was submitted.
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>);

    /// Why the store stopped serving, if it did. It never starts again in this process.
    fn stopped(&self) -> Option<Arc<str>> {
        None
    }

    /// Finishes what was submitted, takes nothing more and lets go of what it holds. Waits for it.
    ///
    /// # Errors
    /// The reason, if the store had stopped before or could not be closed in order. Everything
    /// acknowledged is durable all the same.
    fn close(&self) -> Result<(), Arc<str>> {
        Ok(())
    }
}

impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn started_at(&self) -> Timestamp {
        (**self).started_at()
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        (**self).read(rows, done);
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        (**self).scan(range, limit, done);
    }

    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        (**self).heads(range, limit, with_sizes, done);
    }

    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        (**self).watch(watcher)
    }

    fn drain(&self, done: Done<()>) {
        (**self).drain(done);
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        (**self).commit(batch, done);
    }

    fn stopped(&self) -> Option<Arc<str>> {
        (**self).stopped()
    }

    fn close(&self) -> Result<(), Arc<str>> {
        (**self).close()
    }
}
