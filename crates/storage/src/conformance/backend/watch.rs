//! What is told to whoever watches ordered data stores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

use steadfast_core::row::{OrderedBody, RowBody};
use steadfast_core::{
    Batch, BoardId, Condition, EntryId, Found, Order, Outcome, Revision, Rng, RowKey, RowRange,
    Timestamp, Write,
};

use super::concurrent::EndOnDrop;
use super::model::Model;
use crate::backend::{Backend, OrderedChange, OrderedWatcher};
use crate::conformance::BackendHarness;
use crate::conformance::explore::random_seed;
use crate::conformance::samples::{
    ask, commit, entry, entry_in, must_commit, read_one, scan, write_batch,
};
use crate::fault::{Fault, FaultyBackend};

const THREADS: u64 = 4;
/// Batches of each thread.
const STEPS: u64 = 60;
/// Writes of one entry at most, while others read it.
const WRITES_MAX: u64 = 5_000;
/// Entries that all threads change.
const KEYS: u64 = 5;

/// Writes down what it is told.
#[derive(Default)]
struct Notebook {
    told: Mutex<Vec<Vec<OrderedChange>>>,
}

impl Notebook {
    fn told(&self) -> MutexGuard<'_, Vec<Vec<OrderedChange>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of every entry, as told so far.
    fn values(&self) -> BTreeMap<EntryId, i64> {
        let mut values = BTreeMap::new();
        for change in self.told().iter().flatten() {
            match change.after {
                Some(value) => values.insert(change.entry.clone(), value),
                None => values.remove(&change.entry),
            };
        }
        values
    }
}

impl OrderedWatcher for Notebook {
    fn committed(&self, changes: &[OrderedChange]) {
        self.told().push(changes.to_vec());
    }
}

/// A notebook that is told; nothing if the backend cannot, which only one may that does not own its
/// rows alone.
fn watched(backend: &dyn Backend) -> Option<Arc<Notebook>> {
    let notebook = Arc::new(Notebook::default());
    let can = backend.watch(Arc::<Notebook>::clone(&notebook));
    assert!(can || !backend.capabilities().single_owner, "one owner knows of every change");
    can.then_some(notebook)
}

fn put(entry: &EntryId, revision: Revision, value: Option<i64>) -> Write {
    let body = RowBody::Ordered(OrderedBody { value });
    Write::Put { key: RowKey::Ordered(entry.clone()), revision, body }
}

fn revision(counter: u64, tag: u64) -> Revision {
    Revision { counter, tag }
}

/// Every change of every batch, with the value before and the one after, before the batch is
/// answered; nothing of refused batches and of other families.
pub fn a_watcher_knows_of_a_commit_before_it_is_answered<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let Some(notebook) = watched(&backend) else { return };
    assert!(!backend.watch(Arc::new(Notebook::default())), "there is one watcher at most");
    let (a, b) = (entry("a"), entry_in("Other", "g\0", "\u{10ffff}"));
    let unconditional = |writes| Batch { conditions: vec![], writes };
    let delete = |entry: &EntryId| Write::Delete { key: RowKey::Ordered(entry.clone()) };
    let mut model = Model::default();
    let mut expected = Vec::new();
    for batch in [
        unconditional(vec![put(&a, revision(1, 1), Some(5))]),
        write_batch(&entry("no ordered row"), None, 1),
        unconditional(vec![put(&b, revision(1, 2), None), put(&a, revision(2, 2), Some(5))]),
        unconditional(vec![put(&a, revision(3, 3), Some(i64::MIN))]),
        unconditional(vec![put(&a, revision(4, 4), None), put(&b, revision(2, 4), Some(7))]),
        unconditional(vec![put(&a, revision(5, 5), Some(0)), delete(&b)]),
        unconditional(vec![delete(&b), delete(&a)]),
    ] {
        let changes = model.changes(&batch);
        let stamp = must_commit(&backend, &batch);
        model.apply(&batch, stamp);
        expected.extend((!changes.is_empty()).then_some(changes));
        assert_eq!(*notebook.told(), expected, "after {batch:?}");
    }
    let conditions = vec![(RowKey::Ordered(a.clone()), Condition::At(revision(9, 9)))];
    let refused = Batch { conditions, writes: vec![put(&a, revision(10, 1), Some(1))] };
    assert!(matches!(commit(&backend, &refused), Outcome::Refused(_)));
    ask(|done| backend.drain(done));
    assert_eq!(*notebook.told(), expected, "nothing of a refused batch");
}

/// With several threads: the batches in the order of their stamps, each whole.
pub fn a_watcher_is_told_in_the_order_of_the_commits<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = FaultyBackend::new(harness.open());
    let Some(notebook) = watched(&backend) else { return };
    let seed = random_seed();
    let mut rng = Rng::stream(seed, "faults");
    // What is written without an answer is told as everything else is.
    let mut draw = || rng.percent(10).then_some(Fault::ErrorBefore);
    backend.plan_commits((0..THREADS * STEPS / 2).map(|_| draw()).collect::<Vec<_>>());
    let start = Barrier::new(usize::try_from(THREADS).unwrap_or(1));
    let mut committed = thread::scope(|scope| {
        let spawn = |number: u64| {
            let (backend, start) = (&backend, &start);
            scope.spawn(move || {
                let mut rng = Rng::stream(seed, &format!("thread {number}"));
                start.wait();
                (0..STEPS).filter_map(|_| change(backend, &mut rng, number)).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        let joined = threads.into_iter().map(|thread| thread.join().expect("a thread failed"));
        joined.flatten().collect::<Vec<_>>()
    });
    committed.sort_by_key(|(stamp, _)| *stamp);
    let mut model = Model::default();
    let mut expected = Vec::new();
    for (stamp, batch) in &committed {
        expected.push(model.changes(batch));
        model.apply(batch, *stamp);
    }
    assert!(expected.len() > usize::try_from(STEPS).unwrap_or(0), "most batches are taken");
    assert_eq!(*notebook.told(), expected);
    check_board(&backend, &notebook);
}

/// Changes one or two entries, unless somebody was faster. The batch and its stamp if it was taken.
fn change(backend: &dyn Backend, rng: &mut Rng, tag: u64) -> Option<(Timestamp, Batch)> {
    let mut batch = Batch::default();
    let mut names = vec![rng.below(KEYS), rng.below(KEYS)];
    names.dedup();
    for name in names {
        let id = entry(&format!("k{name}"));
        let key = RowKey::Ordered(id.clone());
        let base = read_one(backend, &key).revision();
        let condition = base.map_or(Condition::Absent, Condition::At);
        batch.conditions.push((key, condition));
        let counter = base.map_or(0, |base| base.counter) + 1;
        let value = i64::try_from(rng.below(20)).unwrap_or(0) - 10;
        let value = Some(value).filter(|_| !rng.percent(15));
        batch.writes.push(put(&id, revision(counter, tag), value));
    }
    thread::yield_now();
    let committed = commit(backend, &batch).committed()?;
    Some((committed.stamped_at, batch))
}

/// What was told adds up to what is there.
fn check_board(backend: &dyn Backend, notebook: &Notebook) {
    let board = BoardId::of(&entry(""));
    let (min, max, beyond) = (i64::MIN, i64::MAX, None);
    let range = RowRange::Board { board, order: Order::Ascending, min, max, beyond };
    let rows = scan(backend, &range, usize::MAX).rows;
    let found = rows.iter().map(value_of);
    assert_eq!(found.collect::<BTreeMap<_, _>>(), notebook.values());
}

fn value_of(found: &Found) -> (EntryId, i64) {
    match found {
        Found::Row(row) => match (&row.key, &row.body) {
            (RowKey::Ordered(entry), RowBody::Ordered(OrderedBody { value: Some(value) })) => {
                (entry.clone(), *value)
            }
            other => panic!("it stands on no board: {other:?}"),
        },
        other @ (Found::Absent | Found::Corrupt(_)) => panic!("{other:?}"),
    }
}

/// Whoever reads and then drains never knows more than the watcher.
pub fn a_drained_watcher_knows_what_was_read_before<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let Some(notebook) = watched(&backend) else { return };
    let (id, is_over, reads) = (entry("k"), AtomicBool::new(false), AtomicU64::new(0));
    let key = RowKey::Ordered(id.clone());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    let found = read_one(&backend, &key);
                    ask(|done| backend.drain(done));
                    let told = notebook.values().get(&id).copied();
                    if found != Found::Absent {
                        assert!(told >= Some(value_of(&found).1), "{told:?}, {found:?} was read");
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        // Also ends the readers when a commit panics.
        let _end = EndOnDrop(&is_over);
        // Values only grow.
        for step in 1..=WRITES_MAX {
            if step > STEPS && reads.load(Ordering::Relaxed) > STEPS {
                break;
            }
            let write = put(&id, revision(step, step), i64::try_from(step).ok());
            must_commit(&backend, &Batch { conditions: vec![], writes: vec![write] });
        }
    });
    assert!(backend.close().is_ok(), "nothing fails here");
    // Also when nothing will ever be told again.
    ask(|done| backend.drain(done));
}
