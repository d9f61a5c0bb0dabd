//! The suite for data stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use steadfast_core::Limits;
use steadfast_core::platform::{Settings, SweepOnce};
use steadfast_storage::conformance::PlatformHarness;
use steadfast_storage::{
    Backend, Fault, FaultyBackend, LocalPlatform, MemoryBackend, Platform, wait,
};

use crate::harness::{Kept, test_clock};

/// A local platform over rows in memory that outlive it, behind a wrapper that fails on demand.
struct Local {
    /// How far the clock was moved ahead, in seconds.
    ahead: Arc<AtomicU64>,
    rows: Arc<MemoryBackend>,
    backend: Arc<FaultyBackend<Kept>>,
    platform: Option<LocalPlatform>,
}

fn open(rows: &Arc<MemoryBackend>) -> (Arc<FaultyBackend<Kept>>, Option<LocalPlatform>) {
    let backend = Arc::new(FaultyBackend::new(Kept::open(Arc::clone(rows))));
    let writes_per_key_max = Limits::native().writes_per_key_max;
    let settings = Settings::default();
    let platform = LocalPlatform::new(backend.clone(), settings, writes_per_key_max);
    (backend, Some(platform.expect("a thread")))
}

impl PlatformHarness for Local {
    fn new() -> Self {
        let ahead = Arc::new(AtomicU64::new(0));
        let (clock, moved) = (test_clock(), Arc::clone(&ahead));
        let rows = Arc::new(MemoryBackend::new(move || {
            clock().saturating_add(Duration::from_secs(moved.load(Ordering::Relaxed)))
        }));
        let (backend, platform) = open(&rows);
        Self { ahead, rows, backend, platform }
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

    fn pass(&mut self, time: Duration) -> bool {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
        true
    }

    fn sweep(&mut self) -> bool {
        let Some(platform) = &self.platform else { return false };
        let mut stores_after = None;
        loop {
            let request = SweepOnce { budget: 100, stores_after };
            match wait(|done| platform.sweep(request, done)) {
                Some(Ok(report)) if report.has_more => stores_after = report.stores_after,
                _ => return true,
            }
        }
    }

    fn backend(&mut self) -> Option<Arc<dyn Backend>> {
        Some(Arc::<MemoryBackend>::clone(&self.rows))
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
