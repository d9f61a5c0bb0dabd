//! The facts about data stores, on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast_core::platform::{Settings, SweepOnce};
use steadfast_core::{Limits, Timestamp};
use steadfast_storage::conformance::PlatformHarness;
use steadfast_storage::{Backend, Fault, FaultyBackend, LocalPlatform, Platform, wait};
use steadfast_storage_redb::{Options, RedbBackend};
use tempfile::TempDir;

/// Where the clock starts, in seconds.
const START_SECONDS: i64 = 1_700_000_000;

/// Data stores in a directory, with a clock that moves only when it is told to.
struct OnDisk {
    backend: Arc<FaultyBackend<RedbBackend>>,
    platform: LocalPlatform,
    ahead: Arc<AtomicU64>,
    directory: TempDir,
}

type Opened = (Arc<FaultyBackend<RedbBackend>>, LocalPlatform);

impl OnDisk {
    fn open(directory: &TempDir, ahead: &Arc<AtomicU64>) -> Opened {
        let moved = Arc::clone(ahead);
        let clock = move || {
            let start = Timestamp::from_unix_seconds(START_SECONDS);
            start.saturating_add(Duration::from_secs(moved.load(Ordering::Relaxed)))
        };
        let clock = Box::new(clock);
        let options = Options { clock, cache_size: 4 * 1_024 * 1_024, ..Options::default() };
        let backend = RedbBackend::open(directory.path(), options).expect("the store opens");
        let backend = Arc::new(FaultyBackend::new(backend));
        let writes_per_key_max = Limits::native().writes_per_key_max;
        let shared: Arc<dyn Backend> = Arc::<FaultyBackend<RedbBackend>>::clone(&backend);
        let platform = LocalPlatform::new(shared, Settings::default(), writes_per_key_max);
        (backend, platform.expect("a thread"))
    }
}

impl PlatformHarness for OnDisk {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let ahead = Arc::new(AtomicU64::new(0));
        let (backend, platform) = Self::open(&directory, &ahead);
        Self { backend, platform, ahead, directory }
    }

    fn platform(&mut self) -> Arc<dyn Platform> {
        Arc::new(self.platform.clone())
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
        self.backend.close().expect("the store closes in order");
        (self.backend, self.platform) = Self::open(&self.directory, &self.ahead);
        true
    }

    fn pass(&mut self, time: Duration) -> bool {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
        true
    }

    fn sweep(&mut self) -> bool {
        let mut stores_after = None;
        loop {
            let request = SweepOnce { budget: 100, stores_after };
            match wait(|done| self.platform.sweep(request, done)) {
                Some(Ok(report)) if report.has_more => stores_after = report.stores_after,
                _ => return true,
            }
        }
    }
}

steadfast_storage::platform_conformance!(OnDisk);
