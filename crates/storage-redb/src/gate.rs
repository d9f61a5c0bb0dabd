//! The storage under the engine: a gate that closes with the store.
//!
//! Once the store is stopped nothing reaches the file any more, whatever the engine still tries:
//! after a failed flush the page cache cannot be trusted, and after a panic neither can the
//! engine. The first failed write or flush stops the store by itself.

use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{BackendError, StorageBackend};

use crate::engine::Health;

/// A storage that is closed for writes when the store stops.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Box<dyn StorageBackend>,
    health: Arc<Health>,
}

impl Gate {
    pub(crate) fn new(inner: Box<dyn StorageBackend>, health: Arc<Health>) -> Self {
        Self { inner, health }
    }

    fn write_through(
        &self,
        what: &str,
        write: impl FnOnce(&dyn StorageBackend) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some(reason) = self.health.stopped() {
            return Err(io::Error::other(reason.to_string()));
        }
        write(&*self.inner)
            .inspect_err(|error| self.health.stop(&format!("cannot {what}: {error}")))
    }
}

impl StorageBackend for Gate {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write_through("resize the data file", |inner| inner.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write_through("flush the data file", StorageBackend::sync_data)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_through("write the data file", |inner| inner.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
