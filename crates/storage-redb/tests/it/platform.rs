//! The facts about data stores, and about records, on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast_core::platform::{Settings, SweepOnce};
use steadfast_core::{Limits, OpeningId, Timestamp};
use steadfast_storage::conformance::{PlatformHarness, RecordsHarness};
use steadfast_storage::{
    Backend, Fault, FaultyBackend, LocalPlatform, LocalRecords, Ownership, Platform, Records, wait,
};
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

    fn backend(&mut self) -> Option<Arc<dyn Backend>> {
        Some(Arc::<FaultyBackend<RedbBackend>>::clone(&self.backend))
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

/// The records of the same data stores, with an opening for each time that the directory was opened.
struct RecordsOnDisk {
    disk: OnDisk,
    opening: u128,
}

impl RecordsHarness for RecordsOnDisk {
    fn new() -> Self {
        Self { disk: OnDisk::new(), opening: 1 }
    }

    fn records(&mut self) -> Arc<dyn Records> {
        let (platform, opening) = (self.disk.platform.clone(), OpeningId(self.opening));
        Arc::new(LocalRecords::new(platform, opening, Ownership::Sole))
    }

    fn platform(&mut self) -> Arc<dyn Platform> {
        self.disk.platform()
    }

    fn inject(&mut self, commits: &[Option<Fault>], reads: &[bool]) -> bool {
        self.disk.inject(commits, reads)
    }

    fn release(&mut self) {
        self.disk.release();
    }

    fn heal(&mut self) {
        self.disk.heal();
    }

    fn reopen(&mut self) -> bool {
        self.opening += 1;
        self.disk.reopen()
    }
}

steadfast_storage::records_conformance!(RecordsOnDisk);
