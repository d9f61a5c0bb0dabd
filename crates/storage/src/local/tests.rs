//! Facts about the shell around an execution.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use steadfast_core::platform::{Get, Permit, PlatformError, Request, Set, When, Which};
use steadfast_core::row::{ReadReply, ReadResult, ScanResult};
use steadfast_core::{
    Batch, CommitOutcome, Content, EntryId, EntryKey, Found, JsonText, RowKey, RowRange, Scope,
    StoreId, StoreName, Timestamp, UniverseId, WriteId, row::Metadata,
};

use super::*;
use crate::backend::Capabilities;
use crate::done::wait;
use crate::memory::MemoryBackend;

fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

fn set(key: &str, id: u128) -> Request {
    let value = JsonText::trusted(id.to_string());
    let content = Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() });
    let (when, permit, write_id) = (When::Always, Permit::ALL, WriteId(id));
    Request::Set(Set { entry: entry(key), content, when, permit, write_id })
}

/// Answers reads and drops everything else, as an engine that dies does.
struct Dying {
    commits: AtomicUsize,
}

impl Backend for Dying {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "dying", durable: false, single_owner: true }
    }
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
    fn started_at(&self) -> Timestamp {
        Timestamp::EPOCH
    }
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        let rows = rows.iter().map(|_| Found::Absent).collect();
        done.complete(Ok(ReadReply { rows, now: Timestamp::EPOCH }));
    }
    fn scan(&self, _: RowRange, _: usize, done: Done<ScanResult>) {
        drop(done);
    }
    fn commit(&self, _: Batch, done: Done<CommitOutcome>) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        drop(done);
    }
}

#[test]
fn a_request_that_its_backend_dropped_is_answered_and_frees_its_lane() {
    let backend = Arc::new(Dying { commits: AtomicUsize::new(0) });
    let platform = LocalPlatform::new(backend.clone(), Settings::default(), 64).unwrap();
    for id in 1..=2 {
        let answer = wait(|done| platform.execute(set("k", id), done)).unwrap();
        assert_eq!(answer, Err(PlatformError::OutcomeUnknown { write_id: WriteId(id) }));
    }
    assert_eq!(backend.commits.load(Ordering::Relaxed), 2);
    assert_eq!(platform.shared.lanes().open_count(), 0);
}

/// Holds commits back until told.
struct Holding {
    inner: MemoryBackend,
    held: Mutex<Vec<(Batch, Done<CommitOutcome>)>>,
}

impl Backend for Holding {
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
        self.inner.read(rows, done);
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.inner.scan(range, limit, done);
    }
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        self.held.lock().unwrap().push((batch, done));
    }
}

#[test]
fn writes_to_one_entry_queue_up_to_the_limit_and_all_succeed() {
    let inner = MemoryBackend::new(|| Timestamp::EPOCH);
    let backend = Arc::new(Holding { inner, held: Mutex::default() });
    let platform = LocalPlatform::new(backend.clone(), Settings::default(), 3).unwrap();
    let (sender, answers) = mpsc::channel();
    for id in 1..=4 {
        let sender = sender.clone();
        platform.execute(set("k", id), Done::new(move |answer| drop(sender.send((id, answer)))));
    }
    // The fourth is one too many; another entry has a lane of its own.
    let (id, answer) = answers.recv().unwrap();
    assert!(id == 4 && matches!(answer, Err(PlatformError::Busy { limit: 3, .. })));
    for id in 1..=3_u64 {
        let held = held(&backend);
        backend.inner.commit(held.0, held.1);
        let (done_id, answer) = answers.recv().unwrap();
        assert_eq!((done_id, answer.unwrap().revision.counter), (u128::from(id), id));
    }
    let read = Request::Get(Get { entry: entry("k"), which: Which::Current });
    let answer = wait(|done| platform.execute(read, done)).unwrap();
    assert_eq!(answer.unwrap().content.unwrap().value.as_str(), "3");
}

#[test]
fn writes_that_wait_are_carried_out_although_every_handle_is_gone() {
    for _ in 0..50 {
        let inner = MemoryBackend::new(|| Timestamp::EPOCH);
        let backend = Arc::new(Holding { inner, held: Mutex::default() });
        let platform = LocalPlatform::new(backend.clone(), Settings::default(), 64).unwrap();
        let (sender, answers) = mpsc::channel();
        for id in 1..=2 {
            let sender = sender.clone();
            platform.execute(set("k", id), Done::new(move |answer| sender.send(answer).unwrap()));
        }
        drop((platform, sender));
        for counter in 1..=2 {
            let (batch, done) = held(&backend);
            backend.inner.commit(batch, done);
            assert_eq!(answers.recv().unwrap().unwrap().revision.counter, counter);
        }
    }
}

/// Waits until a commit is held back.
fn held(backend: &Holding) -> (Batch, Done<CommitOutcome>) {
    loop {
        if let Some(held) = backend.held.lock().unwrap().pop() {
            return held;
        }
        thread::yield_now();
    }
}

/// The past of one entry, swept by hand over a clock that is moved.
fn swept(platform: &LocalPlatform) -> SweepReport {
    let request = SweepOnce { budget: 100_000, stores_after: None };
    wait(|done| platform.sweep(request, done)).unwrap().unwrap()
}

#[test]
fn a_pass_of_thousands_of_steps_needs_no_deep_stack() {
    let now = Arc::new(AtomicUsize::new(0));
    let clock = Arc::clone(&now);
    let inner = MemoryBackend::new(move || {
        let minutes = clock.load(Ordering::Relaxed);
        Timestamp::from_unix_seconds(60 * i64::try_from(minutes).unwrap())
    });
    let backend = Arc::new(inner);
    let settings = Settings::roblox();
    let platform = LocalPlatform::new(backend, settings, 64).unwrap();
    let count = 5_000_u64;
    for key in 0..count {
        for id in 1..=2 {
            let id = u128::from(key * 2 + id);
            wait(|done| platform.execute(set(&format!("k{key}"), id), done)).unwrap().unwrap();
        }
    }
    now.store(3 * 60, Ordering::Relaxed);
    let small = thread::Builder::new().stack_size(256 * 1_024);
    let report = small.spawn(move || swept(&platform)).unwrap().join().unwrap();
    assert_eq!((report.reviewed, report.revisions_removed), (count, count));
}

#[test]
fn a_weak_handle_keeps_nothing_alive() {
    let backend = Arc::new(MemoryBackend::new(|| Timestamp::EPOCH));
    let platform = LocalPlatform::new(backend, Settings::default(), 64).unwrap();
    let weak = platform.downgrade();
    assert!(weak.upgrade().is_some());
    drop(platform);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_sweep_whose_backend_dropped_it_is_answered() {
    let backend = Arc::new(Dying { commits: AtomicUsize::new(0) });
    let platform = LocalPlatform::new(backend, Settings::default(), 64).unwrap();
    let answer = wait(|done| platform.sweep(SweepOnce::default(), done)).unwrap();
    assert!(matches!(answer, Err(PlatformError::Unavailable { .. })), "{answer:?}");
}
