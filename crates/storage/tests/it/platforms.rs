//! The suite for data stores.

use std::sync::Arc;
use std::thread;

use steadfast_core::Limits;
use steadfast_storage::conformance::PlatformHarness;
use steadfast_storage::{Fault, FaultyBackend, LocalPlatform, MemoryBackend, Platform};

use crate::harness::{Kept, memory};

/// A local platform over rows in memory that outlive it, behind a wrapper that fails on demand.
struct Local {
    rows: Arc<MemoryBackend>,
    backend: Arc<FaultyBackend<Kept>>,
    platform: Option<LocalPlatform>,
}

fn open(rows: &Arc<MemoryBackend>) -> (Arc<FaultyBackend<Kept>>, Option<LocalPlatform>) {
    let backend = Arc::new(FaultyBackend::new(Kept::open(Arc::clone(rows))));
    let writes_per_key_max = Limits::native().writes_per_key_max;
    let platform = LocalPlatform::new(backend.clone(), writes_per_key_max).expect("a thread");
    (backend, Some(platform))
}

impl PlatformHarness for Local {
    fn new() -> Self {
        let rows = Arc::new(memory());
        let (backend, platform) = open(&rows);
        Self { rows, backend, platform }
    }

    fn platform(&mut self) -> Arc<dyn Platform> {
        Arc::new(self.platform.clone().expect("it is open"))
    }

    fn inject(&mut self, commits: &[Option<Fault>], reads: &[bool]) -> bool {
        self.backend.plan_commits(commits.iter().copied());
        self.backend.plan_reads(reads.iter().copied());
        true
    }

    fn release(&mut self) {
        drop(self.backend.release());
    }

    fn heal(&mut self) {
        self.backend.forget_plans();
    }

    fn reopen(&mut self) -> bool {
        // The thread of the lanes lets go of its handle when it notices that it was the last.
        self.platform = None;
        while Arc::strong_count(&self.backend) > 1 {
            thread::yield_now();
        }
        (self.backend, self.platform) = open(&self.rows);
        true
    }
}

mod local_platform {
    use super::Local;
    steadfast_storage::platform_conformance!(Local);
}
