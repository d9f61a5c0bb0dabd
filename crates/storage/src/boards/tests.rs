//! Facts about boards that are built and kept while commits go on.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};

use steadfast_core::row::{ReadReply, ScanReply, ScanResult};
use steadfast_core::{
    Batch, CommitOutcome, EntryId, EntryKey, Order, ReadError, Revision, Row, RowRange, Scope,
    StoreId, StoreName, Timestamp, UniverseId, Write,
};

use super::*;
use crate::backend::{Capabilities, OrderedChange};
use crate::memory::MemoryBackend;

#[path = "tests/interleavings.rs"]
mod interleavings;

fn entry(board: &str, key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Wins") };
    EntryId { store, scope: Scope::trusted(board), key: EntryKey::trusted(key) }
}

/// Rows in memory behind a backend that does what a test says.
struct Manual {
    rows: MemoryBackend,
    /// Whether scans are held back, each with what it has read.
    holds: AtomicBool,
    held: Mutex<VecDeque<(Done<ScanResult>, ScanResult)>>,
    scans: AtomicUsize,
    /// What happens to the next scans in place of an answer.
    faults: Mutex<VecDeque<Fault>>,
    tells: Tells,
    watcher: Mutex<Option<Arc<dyn OrderedWatcher>>>,
    untold: Arc<Untold>,
    /// Written before each scan, as by somebody else.
    intruders: Mutex<VecDeque<Batch>>,
}

/// What was committed and not told yet.
#[derive(Default)]
struct Untold(Mutex<Vec<OrderedChange>>);

impl OrderedWatcher for Untold {
    fn committed(&self, changes: &[OrderedChange]) {
        self.0.lock().unwrap().extend_from_slice(changes);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// With each commit, as rows in memory do.
    AtOnce,
    /// When it is asked to drain: long after reads see it.
    WhenDrained,
    /// It promises to, and does not.
    Never,
    /// It says that it cannot.
    CannotTell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Fails,
    Damaged,
    Dropped,
    /// Nothing, and more of it.
    Empty,
}

impl Manual {
    fn new(tells: Tells) -> Arc<Self> {
        let (rows, untold) = (MemoryBackend::new(|| Timestamp::EPOCH), Arc::new(Untold::default()));
        assert!(rows.watch(untold.clone()));
        Arc::new(Self {
            rows,
            holds: AtomicBool::new(false),
            held: Mutex::default(),
            scans: AtomicUsize::new(0),
            faults: Mutex::default(),
            tells,
            watcher: Mutex::default(),
            untold,
            intruders: Mutex::default(),
        })
    }

    fn put(&self, entry: &EntryId, value: Option<i64>) {
        let done = Done::new(|outcome: CommitOutcome| assert!(outcome.committed().is_some()));
        self.commit(batch(entry, value), done);
    }

    fn fill(&self, board: &str, count: i64) {
        for value in 0..count {
            self.put(&entry(board, &format!("k{value}")), Some(value));
        }
    }

    /// Answers the oldest scan that was held back.
    fn let_go(&self) {
        let (done, reply) = self.held.lock().unwrap().pop_front().expect("a scan was held back");
        done.complete(reply);
    }

    fn tell(&self) {
        let changes = std::mem::take(&mut *self.untold.0.lock().unwrap());
        if let Some(watcher) = &*self.watcher.lock().unwrap() {
            watcher.committed(&changes);
        }
    }

    fn scan_count(&self) -> usize {
        self.scans.load(Ordering::Relaxed)
    }
}

/// A write without conditions. Its revision is one of its own.
fn batch(entry: &EntryId, value: Option<i64>) -> Batch {
    static WRITES: AtomicU64 = AtomicU64::new(1);
    let counter = WRITES.fetch_add(1, Ordering::Relaxed);
    let (key, body) = (RowKey::Ordered(entry.clone()), RowBody::Ordered(OrderedBody { value }));
    let revision = Revision { counter, tag: counter };
    Batch { conditions: vec![], writes: vec![Write::Put { key, revision, body }] }
}

impl Backend for Manual {
    fn capabilities(&self) -> Capabilities {
        self.rows.capabilities()
    }
    fn now(&self) -> Timestamp {
        self.rows.now()
    }
    fn started_at(&self) -> Timestamp {
        self.rows.started_at()
    }
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        self.rows.read(rows, done);
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.scans.fetch_add(1, Ordering::Relaxed);
        let intruder = self.intruders.lock().unwrap().pop_front();
        if let Some(batch) = intruder {
            self.commit(batch, Done::new(|_| {}));
        }
        let fault = self.faults.lock().unwrap().pop_front();
        let damaged = Found::Corrupt(RowKey::Ordered(entry("b", "damaged")));
        let of = |rows, more| Ok(ScanReply { rows, more });
        match fault {
            Some(Fault::Fails) => {
                done.complete(Err(ReadError::Unavailable { reason: "by hand".into() }));
            }
            Some(Fault::Damaged) => done.complete(of(vec![damaged], true)),
            Some(Fault::Empty) => done.complete(of(vec![], true)),
            Some(Fault::Dropped) => drop(done),
            None => {
                let reply = crate::done::wait(|done| self.rows.scan(range, limit, done)).unwrap();
                if self.holds.load(Ordering::Relaxed) {
                    self.held.lock().unwrap().push_back((done, reply));
                } else {
                    done.complete(reply);
                }
            }
        }
    }
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        let outcome = crate::done::wait(|done| self.rows.commit(batch, done)).unwrap();
        if self.tells == Tells::AtOnce {
            self.tell();
        }
        done.complete(outcome);
    }
    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        *self.watcher.lock().unwrap() = Some(watcher);
        self.tells != Tells::CannotTell
    }
    fn drain(&self, done: Done<()>) {
        if self.tells == Tells::WhenDrained {
            self.tell();
        }
        done.complete(());
    }
}

/// Boards whose work for other threads is done when a test says so.
struct Scene {
    backend: Arc<Manual>,
    boards: Boards,
    tasks: Receiver<Task>,
}

type Asked = Receiver<Answer<Standing>>;

impl Scene {
    fn new(tells: Tells) -> Self {
        Self::holding(tells, 1_000)
    }

    fn holding(tells: Tells, entries_max: usize) -> Self {
        let backend = Manual::new(tells);
        let (sender, tasks) = mpsc::channel();
        let later = Box::new(move |task| drop(sender.send(task)));
        let boards = Boards::new(backend.clone(), entries_max, later);
        Self { backend, boards, tasks }
    }

    fn ask_around(&self, board: &str, key: &str, around: usize) -> Asked {
        let (sender, asked) = mpsc::channel();
        let request = FindStanding { entry: entry(board, key), order: Order::Descending, around };
        self.boards.find(request, Done::new(move |answer| drop(sender.send(answer))));
        asked
    }

    fn ask(&self, board: &str, key: &str) -> Asked {
        self.ask_around(board, key, 0)
    }

    /// Does what waits for another thread.
    fn work(&self) {
        while let Ok(task) = self.tasks.try_recv() {
            task();
        }
    }

    #[track_caller]
    fn answer(&self, board: &str, key: &str) -> Answer<Standing> {
        let asked = self.ask(board, key);
        self.work();
        told(&asked)
    }

    #[track_caller]
    fn position(&self, board: &str, key: &str) -> (u64, u64) {
        let standing = self.answer(board, key).unwrap();
        (standing.place.position, standing.entry_count)
    }
}

fn page_size() -> u64 {
    u64::try_from(PAGE_SIZE).unwrap()
}

#[track_caller]
fn told(asked: &Asked) -> Answer<Standing> {
    asked.try_recv().expect("the question was answered")
}

#[track_caller]
fn check_missing(answer: &Answer<Standing>) {
    assert!(matches!(answer, Err(PlatformError::EntryNotFound { .. })), "{answer:?}");
}

#[test]
fn a_standing_tells_place_and_neighbours_of_every_value() {
    for tells in [Tells::AtOnce, Tells::CannotTell] {
        let scene = Scene::new(tells);
        for (key, value) in [("a", 5), ("b", 9), ("c", 5), ("d", -1)] {
            scene.backend.put(&entry("b", key), Some(value));
        }
        scene.backend.put(&entry("other", "e"), Some(7));
        let asked = scene.ask_around("b", "a", 1);
        scene.work();
        let place = |key, value, position, rank| steadfast_core::platform::Place {
            key: EntryKey::trusted(key),
            value,
            position,
            rank,
        };
        let around = vec![place("c", 5, 2, 2), place("a", 5, 3, 2), place("d", -1, 4, 4)];
        let wanted = Standing { place: place("a", 5, 3, 2), entry_count: 4, around };
        assert_eq!(told(&asked), Ok(wanted), "{tells:?}");
        check_missing(&scene.answer("b", "e"));
        check_missing(&scene.answer("nobody", "e"));
    }
}

#[test]
fn an_acknowledged_write_is_in_the_next_standing() {
    for tells in [Tells::AtOnce, Tells::CannotTell] {
        let scene = Scene::new(tells);
        scene.backend.fill("b", 5);
        assert_eq!(scene.position("b", "k0"), (5, 5), "{tells:?}");
        scene.backend.put(&entry("b", "k0"), Some(100));
        assert_eq!(scene.position("b", "k0"), (1, 5), "{tells:?}");
        scene.backend.put(&entry("b", "new"), Some(200));
        assert_eq!(scene.position("b", "k0"), (2, 6), "{tells:?}");
        scene.backend.put(&entry("b", "new"), Some(200));
        assert_eq!(scene.position("b", "k0"), (2, 6), "{tells:?}");
        scene.backend.put(&entry("b", "new"), None);
        assert_eq!(scene.position("b", "k0"), (1, 5), "{tells:?}");
        check_missing(&scene.answer("b", "new"));
    }
}

#[test]
fn a_write_that_is_seen_before_it_is_told_is_waited_for() {
    let scene = Scene::new(Tells::WhenDrained);
    scene.backend.fill("b", 5);
    assert_eq!(scene.position("b", "k0"), (5, 5));
    for (value, position) in [(Some(100), 1), (Some(1), 5), (Some(200), 1)] {
        scene.backend.put(&entry("b", "k0"), value);
        assert_eq!(scene.position("b", "k0"), (position, 5));
    }
    assert_eq!(scene.backend.scan_count(), 1);
    // While the board is built, too.
    scene.backend.put(&entry("c", "k"), Some(1));
    assert_eq!(scene.position("c", "k"), (1, 1));
}

#[test]
fn a_board_is_read_once_and_then_kept() {
    let scene = Scene::new(Tells::AtOnce);
    let count = i64::try_from(PAGE_SIZE).unwrap() + 1;
    scene.backend.fill("b", count);
    let total = count.unsigned_abs();
    assert_eq!(scene.position("b", "k0"), (total, total));
    assert_eq!(scene.backend.scan_count(), 2, "one page and one entry");
    assert_eq!(scene.position("b", "k1"), (total - 1, total));
    assert_eq!(scene.backend.scan_count(), 2);
}

#[test]
fn those_who_ask_while_a_board_is_built_wait_for_the_one_build() {
    let scene = Scene::new(Tells::AtOnce);
    scene.backend.fill("b", 5);
    scene.backend.holds.store(true, Ordering::Relaxed);
    let first = scene.ask("b", "k0");
    scene.backend.put(&entry("b", "k1"), Some(50));
    let (second, third) = (scene.ask("b", "k1"), scene.ask("b", "k2"));
    scene.backend.put(&entry("b", "k2"), None);
    scene.work();
    assert!(first.try_recv().is_err(), "the page is not there yet");
    scene.backend.let_go();
    assert!(first.try_recv().is_err(), "taking pages in is not the work of the backend's thread");
    scene.work();
    assert_eq!(told(&first).unwrap().place.position, 4);
    assert_eq!(told(&second).unwrap().place.position, 1);
    check_missing(&told(&third));
    assert_eq!(scene.backend.scan_count(), 1);
}

#[test]
fn a_build_that_fails_is_told_to_all_who_wait_and_leaves_nothing() {
    for fault in [Fault::Fails, Fault::Damaged, Fault::Dropped, Fault::Empty] {
        let scene = Scene::new(Tells::AtOnce);
        scene.backend.fill("b", 2 * i64::try_from(PAGE_SIZE).unwrap());
        // The second page fails; the first question waits already.
        scene.backend.holds.store(true, Ordering::Relaxed);
        let asked = [scene.ask("b", "k0"), scene.ask("b", "k1")];
        scene.backend.faults.lock().unwrap().push_back(fault);
        scene.backend.let_go();
        scene.work();
        for asked in &asked {
            match (fault, told(asked).unwrap_err()) {
                (Fault::Damaged, PlatformError::Corrupt { row }) => {
                    assert_eq!(*row, RowKey::Ordered(entry("b", "damaged")));
                }
                (
                    Fault::Fails | Fault::Dropped | Fault::Empty,
                    PlatformError::Unavailable { .. },
                ) => {}
                (fault, error) => panic!("{fault:?}: {error:?}"),
            }
        }
        assert_eq!(scene.boards.shelf.ready_count(), 0);
        scene.backend.holds.store(false, Ordering::Relaxed);
        assert_eq!(scene.position("b", "k0").0, 2 * page_size(), "{fault:?}");
    }
}

#[test]
fn a_survey_that_fails_is_told() {
    for fault in [Fault::Fails, Fault::Damaged, Fault::Dropped] {
        let scene = Scene::new(Tells::CannotTell);
        scene.backend.fill("b", 5);
        scene.backend.faults.lock().unwrap().push_back(fault);
        let error = scene.answer("b", "k0").unwrap_err();
        let is_damage = matches!(error, PlatformError::Corrupt { .. });
        assert_eq!(is_damage, fault == Fault::Damaged, "{error:?}");
        assert_eq!(scene.position("b", "k0"), (5, 5));
    }
}

#[test]
fn a_row_that_is_damaged_or_out_of_reach_is_not_a_missing_one() {
    struct Broken(ReadResult);
    impl Backend for Broken {
        fn capabilities(&self) -> Capabilities {
            Capabilities { name: "broken", durable: false, single_owner: true }
        }
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
        fn started_at(&self) -> Timestamp {
            Timestamp::EPOCH
        }
        fn read(&self, _: Vec<RowKey>, done: Done<ReadResult>) {
            done.complete(self.0.clone());
        }
        fn scan(&self, _: RowRange, _: usize, done: Done<ScanResult>) {
            drop(done);
        }
        fn commit(&self, _: Batch, done: Done<CommitOutcome>) {
            drop(done);
        }
        fn watch(&self, _: Arc<dyn OrderedWatcher>) -> bool {
            true
        }
    }
    let key = RowKey::Ordered(entry("b", "k"));
    let now = Timestamp::EPOCH;
    let of = |found| Ok(ReadReply { rows: vec![found], now });
    let revision = Revision { counter: 1, tag: 1 };
    let other = Row { key: key.clone(), revision, stamped_at: now, body: RowBody::Review };
    let damaged = PlatformError::Corrupt { row: Box::new(key.clone()) };
    let broken = ReadError::Unavailable { reason: "by hand".into() };
    for (read, wanted) in [
        (of(Found::Corrupt(key)), damaged.clone()),
        (of(Found::Row(other)), damaged),
        (Err(broken.clone()), broken.into()),
    ] {
        let boards = Boards::new(Arc::new(Broken(read)), 10, Box::new(|task| task()));
        let request = FindStanding { entry: entry("b", "k"), order: Order::Ascending, around: 0 };
        let answer = crate::done::wait(|done| boards.find(request, done)).unwrap();
        assert_eq!(answer, Err(wanted));
    }
}

#[test]
fn boards_make_room_for_others_by_when_they_were_asked() {
    let scene = Scene::holding(Tells::AtOnce, 10);
    for board in ["a", "b", "c"] {
        scene.backend.fill(board, 5);
    }
    scene.position("a", "k0");
    scene.position("b", "k0");
    assert_eq!(scene.boards.shelf.ready_count(), 2, "10 entries are not too many");
    scene.position("a", "k0");
    scene.position("c", "k0");
    assert_eq!(scene.boards.shelf.ready_count(), 2);
    let scans = scene.backend.scan_count();
    scene.position("a", "k0");
    assert_eq!(scene.backend.scan_count(), scans, "it was asked after the one that had to go");
    scene.position("b", "k0");
    assert_eq!(scene.backend.scan_count(), scans + 1);
}

#[test]
fn a_board_that_grew_makes_others_go_when_it_is_asked() {
    let scene = Scene::holding(Tells::AtOnce, 10);
    scene.backend.fill("a", 5);
    scene.backend.fill("b", 5);
    scene.position("a", "k0");
    scene.position("b", "k0");
    scene.backend.put(&entry("b", "one more"), Some(1));
    assert_eq!(scene.boards.shelf.ready_count(), 2);
    assert_eq!(scene.position("b", "k0"), (6, 6));
    assert_eq!(scene.boards.shelf.ready_count(), 1);
    // What was counted is no more than what is there.
    for key in ["k1", "k2", "k3", "k4", "one more"] {
        scene.backend.put(&entry("b", key), None);
    }
    scene.position("a", "k0");
    assert_eq!(scene.position("b", "k0"), (1, 1));
    assert_eq!(scene.boards.shelf.ready_count(), 2);
}

#[test]
fn a_board_above_the_limit_is_alone_and_answers() {
    let scene = Scene::holding(Tells::AtOnce, 4);
    scene.backend.fill("a", 5);
    scene.backend.fill("b", 5);
    for board in ["a", "b", "a"] {
        assert_eq!(scene.position(board, "k0"), (5, 5));
        assert_eq!(scene.boards.shelf.ready_count(), 1);
    }
    assert_eq!(scene.backend.scan_count(), 3);
}

#[test]
fn a_board_that_disagrees_with_the_row_gives_no_answer_and_goes() {
    let scene = Scene::new(Tells::Never);
    scene.backend.fill("b", 5);
    assert_eq!(scene.position("b", "k0"), (5, 5));
    scene.backend.put(&entry("b", "k0"), Some(100));
    let answer = scene.answer("b", "k0");
    let wanted = PlatformError::Contended { entry: entry("b", "k0"), attempts: ATTEMPTS_MAX };
    assert_eq!(answer, Err(wanted));
    assert_eq!(scene.boards.shelf.ready_count(), 0);
    assert_eq!(scene.position("b", "k0"), (1, 5));
}

#[test]
fn a_board_that_is_told_what_cannot_be_goes() {
    for (before, after) in [(Some(7), Some(8)), (None, Some(0))] {
        let scene = Scene::new(Tells::AtOnce);
        scene.backend.fill("b", 5);
        assert_eq!(scene.position("b", "k0"), (5, 5));
        let change = OrderedChange { entry: entry("b", "k0"), before, after };
        scene.boards.shelf.committed(&[change]);
        assert_eq!(scene.boards.shelf.ready_count(), 0);
        assert_eq!(scene.position("b", "k0"), (5, 5));
    }
}

#[test]
fn rows_that_change_between_two_readings_are_read_again() {
    let scene = Scene::new(Tells::CannotTell);
    scene.backend.fill("b", 5);
    let top = |value| batch(&entry("b", "k0"), Some(value));
    // Before the second reading of the first round and before that of the next.
    let nothing = || batch(&entry("other", "k"), Some(1));
    scene.backend.intruders.lock().unwrap().extend([nothing(), top(2), top(100)]);
    assert_eq!(scene.position("b", "k0"), (1, 5));
    assert_eq!(scene.backend.scan_count(), 4);
    // Without an end.
    let mut intruders = scene.backend.intruders.lock().unwrap();
    intruders.extend((0..100).map(top));
    drop(intruders);
    let wanted = PlatformError::Contended { entry: entry("b", "k0"), attempts: ATTEMPTS_MAX };
    assert_eq!(scene.answer("b", "k0"), Err(wanted));
}

#[test]
fn rows_of_more_than_one_page_are_read_to_their_end() {
    let scene = Scene::new(Tells::CannotTell);
    scene.backend.fill("b", 2 * i64::try_from(PAGE_SIZE).unwrap());
    scene.backend.fill("c", 5);
    assert_eq!(scene.position("b", "k0"), (2 * page_size(), 2 * page_size()));
    assert_eq!(scene.position("c", "k0"), (5, 5));
}

#[test]
fn neighbours_are_told_up_to_their_limit() {
    for tells in [Tells::AtOnce, Tells::CannotTell] {
        let scene = Scene::new(tells);
        scene.backend.fill("b", 500);
        let count = |around| {
            let asked = scene.ask_around("b", "k250", around);
            scene.work();
            told(&asked).unwrap().around.len()
        };
        assert_eq!(count(AROUND_MAX - 1), 2 * AROUND_MAX - 1);
        assert_eq!(count(AROUND_MAX), 2 * AROUND_MAX + 1);
        assert_eq!(count(AROUND_MAX + 1), 2 * AROUND_MAX + 1);
        assert_eq!(count(usize::MAX), 2 * AROUND_MAX + 1);
    }
}
