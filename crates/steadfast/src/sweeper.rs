//! Keeps an open store tidy: passes of the sweep, one after the other, on a thread of their own.
//!
//! A pass is small and is followed by a pause, so that saves are never behind more than a few
//! batches of it. The thread holds the store only while it makes a pass, and ends with it.

use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use steadfast_core::StoreId;
use steadfast_core::platform::{PlatformError, SweepOnce, SweepReport};
use steadfast_storage::local::WeakPlatform;
use steadfast_storage::records::WeakRecords;
use steadfast_storage::{Done, LocalPlatform, LocalRecords, wait};

/// How many rows a pass of the thread looks at.
const BUDGET: usize = 512;

/// How long the thread waits between two passes while more is due.
const PAUSE: Duration = Duration::from_millis(250);

/// Where the next pass goes on with the data stores.
type Position = Arc<Mutex<Option<StoreId>>>;

/// The sweep of an open store.
pub(crate) struct Sweeper {
    position: Position,
    /// Gone once the thread is to end.
    stop: Mutex<Option<Sender<()>>>,
}

impl Sweeper {
    /// Starts the thread, if there is to be one.
    pub(crate) fn start(
        platform: &LocalPlatform,
        records: &LocalRecords,
        every: Option<Duration>,
    ) -> std::io::Result<Self> {
        let position = Position::default();
        let Some(every) = every else { return Ok(Self { position, stop: Mutex::new(None) }) };
        let (stop, stopped) = mpsc::channel();
        let (weak, at) = (platform.downgrade(), Arc::clone(&position));
        let records = records.downgrade();
        let run = move || run(&weak, &records, &at, &stopped, every);
        thread::Builder::new().name("steadfast-sweep".into()).spawn(run)?;
        Ok(Self { position, stop: Mutex::new(Some(stop)) })
    }

    /// Makes a pass.
    pub(crate) fn submit(
        &self,
        platform: &LocalPlatform,
        budget: usize,
        done: Done<Result<SweepReport, PlatformError>>,
    ) {
        submit(platform, &self.position, budget, done);
    }

    /// Lets the thread end, after the pass that it is making. Does not wait for it.
    pub(crate) fn stop(&self) {
        drop(self.stop.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}

fn submit(
    platform: &LocalPlatform,
    position: &Position,
    budget: usize,
    done: Done<Result<SweepReport, PlatformError>>,
) {
    let lock =
        |position: &Position| position.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let request = SweepOnce { budget, stores_after: lock(position) };
    let position = Arc::clone(position);
    let done = Done::new(move |answer: Result<SweepReport, PlatformError>| {
        if let Ok(report) = &answer {
            let mut place = position.lock().unwrap_or_else(PoisonError::into_inner);
            place.clone_from(&report.stores_after);
        }
        done.complete(answer);
    });
    platform.sweep(request, done);
}

fn run(
    weak: &WeakPlatform,
    records: &WeakRecords,
    position: &Position,
    stopped: &Receiver<()>,
    every: Duration,
) {
    let mut pause = every;
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let Some(platform) = weak.upgrade() else { return };
        let report = wait(|done| submit(&platform, position, BUDGET, done));
        pause = match report {
            Some(Ok(report)) if report.has_more => PAUSE.min(every),
            // Nothing is lost by what failed: it is due again in the next pass.
            Some(Ok(_) | Err(_)) => every,
            None => return,
        };
        if pause == every
            && let Some(records) = records.upgrade()
        {
            // As above: what failed is due again.
            drop(wait(|done| records.sweep_servers(done)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use steadfast_core::platform::{Permit, Request, Set, Settings, When};
    use steadfast_core::record::{PresenceBody, PresenceState};
    use steadfast_core::{
        Batch, Content, EntryId, EntryKey, Found, JsonText, Metadata, Revision, RowBody, RowKey,
        Scope, ServerId, StoreName, Timestamp, UniverseId, Write,
    };
    use steadfast_storage::{Backend, MemoryBackend, Ownership};

    use super::*;
    use crate::{Options, Steadfast};

    fn entry(store: &str) -> EntryId {
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(store) };
        EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") }
    }

    /// A store in memory with a clock in hours, and an entry that was written at the hours 1 and 2.
    async fn written(every: Option<Duration>) -> (Arc<MemoryBackend>, Arc<AtomicI64>, Steadfast) {
        let hours = Arc::new(AtomicI64::new(1));
        let clock = Arc::clone(&hours);
        let backend = Arc::new(MemoryBackend::new(move || {
            Timestamp::from_unix_seconds(3_600 * clock.load(Ordering::Relaxed))
        }));
        let options = Options { sweep_every: every, ..Options::default() };
        let db = Steadfast::over(Arc::<MemoryBackend>::clone(&backend), options).unwrap();
        for hour in [1, 2] {
            hours.store(hour, Ordering::Relaxed);
            let value = JsonText::trusted("1");
            let content =
                Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() });
            let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
            let set = Set { entry: entry("s"), content, when, permit, write_id };
            db.execute(Request::Set(set)).await.unwrap();
        }
        (backend, hours, db)
    }

    fn revision_count(backend: &MemoryBackend) -> usize {
        let rows = backend.snapshot();
        rows.iter().filter(|row| matches!(row.key, RowKey::Revision(..))).count()
    }

    /// More than 30 days later.
    const LATER: i64 = 31 * 24;

    #[tokio::test]
    async fn a_pass_by_hand_removes_what_is_not_there() {
        let (backend, hours, db) = written(None).await;
        assert_eq!(db.sweep(100).await.unwrap().revisions_removed, 0);
        hours.store(LATER, Ordering::Relaxed);
        let report = db.sweep(100).await.unwrap();
        assert_eq!((report.reviewed, report.revisions_removed), (1, 1));
        assert_eq!(revision_count(&backend), 1);
    }

    #[tokio::test]
    async fn an_open_store_keeps_itself_tidy() {
        let (backend, hours, db) = written(Some(Duration::from_millis(1))).await;
        hours.store(LATER, Ordering::Relaxed);
        while revision_count(&backend) > 1 {
            thread::yield_now();
        }
        // And lets go of the backend when it is closed, also while a handle is left.
        let other = db.clone();
        db.close().unwrap();
        drop(other);
        while Arc::strong_count(&backend) > 1 {
            thread::yield_now();
        }
        assert!(backend.stopped().is_none());
    }

    #[tokio::test]
    async fn an_open_store_lets_dead_game_servers_go() {
        let (backend, hours, db) = written(Some(Duration::from_millis(1))).await;
        let (state, home, address) = (PresenceState::Dead, None, "".into());
        let body = RowBody::Presence(PresenceBody { state, seq: 1, home, address });
        let key = RowKey::Presence(ServerId(5));
        let revision = Revision { counter: 1, tag: 1 };
        let writes = vec![Write::Put { key: key.clone(), revision, body }];
        let batch = Batch { conditions: vec![], writes };
        let outcome = wait(|done| backend.commit(batch, done)).unwrap();
        assert!(outcome.committed().is_some());
        hours.store(LATER, Ordering::Relaxed);
        while backend.snapshot().get(&key) != Found::Absent {
            thread::yield_now();
        }
        drop(db);
    }

    #[tokio::test]
    async fn a_store_that_is_dropped_ends_its_thread_at_once() {
        let (backend, _, db) = written(Some(Duration::from_hours(1))).await;
        let other = db.clone();
        drop(db);
        assert!(Arc::strong_count(&backend) > 1);
        drop(other);
        while Arc::strong_count(&backend) > 1 {
            thread::yield_now();
        }
    }

    #[tokio::test]
    async fn the_next_pass_goes_on_with_the_data_stores_where_the_last_one_ended() {
        let (backend, _, _db) = written(None).await;
        let platform = LocalPlatform::new(backend, Settings::default(), 64).unwrap();
        let opening = steadfast_core::OpeningId(1);
        let records = LocalRecords::new(platform.clone(), opening, Ownership::Sole);
        let sweeper = Sweeper::start(&platform, &records, None).unwrap();
        *sweeper.position.lock().unwrap() = Some(entry("zzz").store);
        let report = wait(|done| sweeper.submit(&platform, 1, done)).unwrap().unwrap();
        assert_eq!(report.stores_after, None);
        assert_eq!(*sweeper.position.lock().unwrap(), None);
    }
}
