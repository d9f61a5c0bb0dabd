//! Data stores on disk: what the sweep removes and what stays, lists, and ordered data stores.

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
    _directory: TempDir,
}

impl PlatformHarness for OnDisk {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let ahead = Arc::new(AtomicU64::new(0));
        let moved = Arc::clone(&ahead);
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
        Self { backend, platform: platform.expect("a thread"), ahead, _directory: directory }
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

steadfast_storage::conformance_facts! { platform, OnDisk:
    v_10_to_v_12_backups_are_hourly_and_last_30_days,
    v_16_a_deleted_entry_is_purged_after_30_days,
    thinned_history_gets_thinner_with_time,
    v_27_a_restore_can_be_taken_back_at_any_time,
    v_04_a_removed_revision_is_gone_and_no_other,
    hv_1_sweeps_beside_writers_take_nothing_that_is_there,
    a_sweep_that_fails_half_way_is_made_up_for,
    ordered_sequences_agree_with_a_naive_model,
    ordered_writes_without_an_answer_happen_once,
    a_removed_ordered_entry_is_not_brought_back_by_a_late_write,
    a_failed_read_is_an_error_and_not_a_short_page,
    standings_are_exact_while_others_write,
    listings_agree_with_a_naive_model,
    pages_are_repeatable_and_complete,
    a_listing_beside_writers_has_everything_that_stood_still,
    deleted_entries_are_listed_for_30_days,
    a_failed_read_is_an_error_and_not_an_empty_page,
    a_deleted_store_is_out_of_reach_and_comes_back_whole,
    a_deletion_can_be_taken_back_for_30_days,
    one_snapshot_a_day,
    store_changes_without_an_answer_happen_once,
    a_late_store_change_is_refused_by_a_newer_one,
    store_changes_of_several_threads_agree,
}
