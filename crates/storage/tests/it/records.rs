//! The suite for records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use steadfast_core::platform::Settings;
use steadfast_core::row::{ReadReply, ReadResult, ScanResult};
use steadfast_core::{
    Batch, CommitOutcome, Condition, Found, Limits, OpeningId, Outcome, Refusal, RowKey, RowRange,
    Timestamp,
};
use steadfast_storage::conformance::RecordsHarness;
use steadfast_storage::{
    Backend, Capabilities, Done, Fault, FaultyBackend, LocalPlatform, LocalRecords, MemoryBackend,
    Ownership, Platform, Records,
};

use crate::harness::{Kept, memory};

/// Rows of which some cannot be read any more.
struct Spoilt {
    inner: Kept,
    rows: Arc<Mutex<BTreeSet<RowKey>>>,
}

impl Spoilt {
    fn is_spoilt(&self, key: &RowKey) -> bool {
        self.rows.lock().expect("no test panics under the lock").contains(key)
    }
}

impl Backend for Spoilt {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    fn now(&self) -> Timestamp {
        self.inner.now()
    }
    fn started_at(&self) -> Timestamp {
        self.inner.started_at()
    }
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        let spoilt: Vec<bool> = rows.iter().map(|row| self.is_spoilt(row)).collect();
        let keys = rows.clone();
        let done = Done::new(move |reply: ReadResult| {
            let reply = reply.map(|ReadReply { rows: found, now }| {
                let found = found.into_iter().zip(&keys).zip(spoilt);
                let rows = found
                    .map(
                        |((found, key), spoilt)| {
                            if spoilt { Found::Corrupt(key.clone()) } else { found }
                        },
                    )
                    .collect();
                ReadReply { rows, now }
            });
            done.complete(reply);
        });
        self.inner.read(rows, done);
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.inner.scan(range, limit, done);
    }
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        let found = |(key, _): &(RowKey, Condition)| {
            if self.is_spoilt(key) { Found::Corrupt(key.clone()) } else { Found::Absent }
        };
        let rows: Vec<Found> = batch.conditions.iter().map(found).collect();
        if rows.iter().any(|row| matches!(row, Found::Corrupt(_))) {
            return done.complete(Outcome::Refused(Refusal::Conditions(rows)));
        }
        self.inner.commit(batch, done);
    }
}

/// Records over rows in memory that outlive the platform, behind wrappers that fail on demand.
struct Local {
    rows: Arc<MemoryBackend>,
    spoilt: Arc<Mutex<BTreeSet<RowKey>>>,
    backend: Arc<FaultyBackend<Spoilt>>,
    platform: LocalPlatform,
    opening: u128,
}

fn open(
    rows: &Arc<MemoryBackend>,
    spoilt: &Arc<Mutex<BTreeSet<RowKey>>>,
) -> (Arc<FaultyBackend<Spoilt>>, LocalPlatform) {
    let inner = Kept::open(Arc::clone(rows));
    let backend = Arc::new(FaultyBackend::new(Spoilt { inner, rows: Arc::clone(spoilt) }));
    let writes_per_key_max = Limits::native().writes_per_key_max;
    let shared: Arc<dyn Backend> = Arc::<FaultyBackend<Spoilt>>::clone(&backend);
    let platform = LocalPlatform::new(shared, Settings::default(), writes_per_key_max);
    (backend, platform.expect("a thread"))
}

impl RecordsHarness for Local {
    fn new() -> Self {
        let (rows, spoilt) = (Arc::new(memory()), Arc::default());
        let (backend, platform) = open(&rows, &spoilt);
        Self { rows, spoilt, backend, platform, opening: 1 }
    }

    fn records(&mut self) -> Arc<dyn Records> {
        let (platform, opening) = (self.platform.clone(), OpeningId(self.opening));
        Arc::new(LocalRecords::new(platform, opening, Ownership::Sole))
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

    fn damage(&mut self, row: &RowKey) -> bool {
        self.spoilt.lock().expect("no test panics under the lock").insert(row.clone());
        true
    }

    fn reopen(&mut self) -> bool {
        (self.backend, self.platform) = open(&self.rows, &self.spoilt);
        self.opening += 1;
        true
    }
}

steadfast_storage::records_conformance!(Local);

#[test]
fn who_shares_a_backend_has_no_home_in_it() {
    let mut local = Local::new();
    let home = local.records().home();
    assert_eq!(home, Some(OpeningId(1)));
    let shared = LocalRecords::new(local.platform.clone(), OpeningId(1), Ownership::Shared);
    assert_eq!(shared.home(), None);
}
