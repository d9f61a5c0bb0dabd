//! The suite for rows.

use std::sync::Arc;

use steadfast_storage::conformance::BackendHarness;
use steadfast_storage::{FaultyBackend, MemoryBackend};

use crate::harness::{Kept, memory};

struct Memory;

impl BackendHarness for Memory {
    type Backend = MemoryBackend;

    fn new() -> Self {
        Self
    }

    fn open(&mut self) -> MemoryBackend {
        memory()
    }

    fn reopen(&mut self, _: MemoryBackend) -> MemoryBackend {
        unreachable!("rows in memory are not durable")
    }
}

mod memory_backend {
    use super::Memory;
    steadfast_storage::conformance!(Memory);
}

/// The wrapper itself, without any fault, over rows that outlive it.
struct Durable;

impl BackendHarness for Durable {
    type Backend = FaultyBackend<Arc<Kept>>;

    fn new() -> Self {
        Self
    }

    fn open(&mut self) -> Self::Backend {
        FaultyBackend::new(Arc::new(Kept::open(Arc::new(memory()))))
    }

    fn reopen(&mut self, backend: Self::Backend) -> Self::Backend {
        let kept = Arc::clone(backend.inner());
        drop(backend);
        let rows = Arc::into_inner(kept).expect("the only handle").close();
        FaultyBackend::new(Arc::new(Kept::open(rows)))
    }
}

mod durable_backend {
    use super::Durable;
    steadfast_storage::conformance!(Durable);
}
