//! The trait of an engine that stores rows.

use std::sync::Arc;

use steadfast_core::row::{ReadResult, ScanResult};
use steadfast_core::{Batch, CommitOutcome, RowKey, RowRange, Timestamp};

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
