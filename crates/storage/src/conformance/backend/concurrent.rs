//! Several threads at once, and what the judge of histories says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use steadfast_core::{Batch, EntryId, Found, Outcome, Refusal, Revision, Rng, RowKey};

use crate::backend::Backend;
use crate::conformance::BackendHarness;
use crate::conformance::explore::random_seed;
use crate::conformance::history::{Action, Answer, Event, Seen, check};
use crate::conformance::samples::{
    after, ask, content_of, entry, history, must_commit, read, state_rows, unless_changed,
    write_batch, write_of,
};
use crate::fault::{Fault, FaultyBackend};

const THREADS: u64 = 4;
/// What each thread does in turn.
const STEPS: u64 = 100;
/// Entries that all threads fight for.
const KEYS: u64 = 3;
/// Pairs of rows that one thread writes at least, and at most, while others read them.
const PAIRS: u64 = 100;
const PAIRS_MAX: u64 = 5_000;
/// Reads of a pair that the readers do at least, as long as there is something to write.
const PAIR_READS: u64 = 400;
/// How many of 100 calls fail under random faults.
const FAULT_PERCENT: u64 = 25;

/// Readers never see one row of a batch without the others, nor an older state than before.
pub fn rows_of_one_batch_appear_together<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let (first, second) = (entry("first"), entry("second"));
    let keys = [RowKey::Entry(first.clone()), RowKey::Entry(second.clone())];
    let (is_over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = None;
                while !is_over.load(Ordering::Acquire) {
                    let found: Vec<Seen> =
                        read(&backend, &keys).iter().map(Found::revision).collect();
                    assert_eq!(found.first(), found.last(), "rows of one batch");
                    let seen = found.first().copied().flatten();
                    assert!(seen >= last, "{seen:?} was read after {last:?}");
                    last = seen;
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Also ends the readers when a commit panics.
        let _end = EndOnDrop(&is_over);
        let mut base = None;
        for write in 1..=PAIRS_MAX {
            if write > PAIRS && reads.load(Ordering::Relaxed) > PAIR_READS {
                break;
            }
            let writes = [&first, &second].map(|id| write_batch(id, base, write).writes).concat();
            let conditions = vec![unless_changed(&first, base), unless_changed(&second, base)];
            must_commit(&backend, &Batch { conditions, writes });
            base = Some(after(base, write));
        }
    });
}

/// Ends the threads that look at it, also when the one that holds it panics.
pub(super) struct EndOnDrop<'a>(pub(super) &'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Threads that read, write what they read, and write two entries at once: counters go up by one,
/// nothing acknowledged is lost, nothing refused is there, and nobody reads the past.
pub fn histories_of_several_threads_are_linear<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let events = run_threads(&backend, random_seed());
    judge(&backend, &events);
    if backend.capabilities().durable {
        judge(&harness.reopen(backend), &events);
    }
}

/// The same while commits fail in every way that a store has, and late batches come in at any time.
pub fn histories_under_random_faults_are_linear<H: BackendHarness>() {
    let mut harness = H::new();
    let faulty = FaultyBackend::new(harness.open());
    let seed = random_seed();
    let mut rng = Rng::stream(seed, "faults");
    let all = [
        Fault::ErrorBefore,
        Fault::AppliedThenUnknown,
        Fault::LostThenUnknown,
        Fault::LateApply,
        Fault::Full,
    ];
    let mut draw = || rng.percent(FAULT_PERCENT).then(|| rng.pick(&all).copied()).flatten();
    faulty.plan_commits((0..THREADS * STEPS).map(|_| draw()).collect::<Vec<_>>());
    let is_over = AtomicBool::new(false);
    let events = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                drop(faulty.release());
                thread::yield_now();
            }
        });
        let _end = EndOnDrop(&is_over);
        run_threads(&faulty, seed)
    });
    faulty.forget_plans();
    drop(faulty.release());
    judge(faulty.inner(), &events);
}

/// What the threads of one run share.
struct Run<'a> {
    backend: &'a dyn Backend,
    clock: AtomicU64,
    writes: AtomicU64,
}

fn run_threads(backend: &dyn Backend, seed: u64) -> Vec<Event<EntryId>> {
    let run = Run { backend, clock: AtomicU64::new(1), writes: AtomicU64::new(1) };
    let start = Barrier::new(usize::try_from(THREADS).unwrap_or(1));
    thread::scope(|scope| {
        let spawn = |number: u64| {
            let (run, start) = (&run, &start);
            scope.spawn(move || {
                let mut rng = Rng::stream(seed, &format!("thread {number}"));
                let mut events = Vec::new();
                start.wait();
                for _ in 0..STEPS {
                    run.step(&mut rng, &mut events);
                }
                events
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread failed")).collect()
    })
}

impl Run<'_> {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn step(&self, rng: &mut Rng, events: &mut Vec<Event<EntryId>>) {
        let mut id = || entry(&format!("k{}", rng.below(KEYS)));
        let (first, second) = (id(), id());
        match rng.below(10) {
            0 | 1 => drop(self.read(&[first], events)),
            2 => {
                // An entry of its own, without any condition.
                let write = self.writes.fetch_add(1, Ordering::Relaxed);
                let id = entry(&format!("own{write}"));
                let batch = write_batch(&id, None, write);
                self.commit(&[(id, None)], Batch { conditions: vec![], ..batch }, write, events);
            }
            3 | 4 if first != second => self.read_and_write(&[first, second], events),
            _ => self.read_and_write(&[first], events),
        }
    }

    /// Reads entries and writes all of them in one batch, unless they changed.
    fn read_and_write(&self, ids: &[EntryId], events: &mut Vec<Event<EntryId>>) {
        let bases = self.read(ids, events);
        // Lets the others come in between, also where an answer takes no time at all.
        thread::yield_now();
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let mut batch = Batch::default();
        for (id, base) in ids.iter().zip(&bases) {
            batch.conditions.push(unless_changed(id, *base));
            let content = content_of(write);
            batch.writes.extend(state_rows(id, after(*base, write), Some(&content)));
        }
        let on: Vec<_> = ids.iter().cloned().zip(bases.into_iter().map(Some)).collect();
        self.commit(&on, batch, write, events);
    }

    fn read(&self, ids: &[EntryId], events: &mut Vec<Event<EntryId>>) -> Vec<Seen> {
        let keys: Vec<RowKey> = ids.iter().cloned().map(RowKey::Entry).collect();
        let sent = self.tick();
        let found = read(self.backend, &keys);
        let answered = self.tick();
        let seen: Vec<Seen> = found.iter().map(check_row).collect();
        for (id, seen) in ids.iter().zip(&seen) {
            let (key, action) = (id.clone(), Action::Read(*seen));
            events.push(Event { key, sent, answered, action });
        }
        seen
    }

    /// Commits a batch that writes these entries, each on its base where it has one.
    fn commit(
        &self,
        on: &[(EntryId, Option<Seen>)],
        batch: Batch,
        tag: u64,
        events: &mut Vec<Event<EntryId>>,
    ) {
        let sent = self.tick();
        let outcome = ask(|done| self.backend.commit(batch, done));
        let answered = self.tick();
        for (place, (key, base)) in on.iter().enumerate() {
            let mut push = |action| {
                events.push(Event { key: key.clone(), sent, answered, action });
            };
            let answer = match &outcome {
                Outcome::Committed(_) => {
                    Answer::Acknowledged { counter: after(base.flatten(), tag).counter }
                }
                Outcome::Unknown => Answer::Unknown,
                Outcome::Refused(Refusal::Conditions(rows)) => {
                    assert_eq!(rows.len(), on.len(), "a row for each condition");
                    let current = check_row(rows.get(place).expect("as many rows"));
                    if on.len() == 1 {
                        Answer::Refused { current }
                    } else {
                        // Any of the entries may be the reason, but all were read.
                        push(Action::Read(current));
                        Answer::Failed
                    }
                }
                Outcome::Refused(_) => Answer::Failed,
            };
            push(Action::Write { tag, base: *base, answer });
        }
        if on.len() > 1
            && let Outcome::Refused(Refusal::Conditions(rows)) = &outcome
        {
            let unchanged = |(row, (_, base)): (&Found, &(EntryId, Option<Seen>))| {
                *base == Some(row.revision())
            };
            assert!(!rows.iter().zip(on).all(unchanged), "refused although nothing had changed");
        }
    }
}

/// The revision of a row, whose value must be that of its write.
fn check_row(found: &Found) -> Seen {
    match found {
        Found::Absent => None,
        Found::Corrupt(key) => panic!("{key} is damaged"),
        Found::Row(row) => {
            let content = row.body.as_entry().and_then(|body| body.content.as_ref());
            let content = content.expect("nothing is deleted here");
            assert_eq!(write_of(content), row.revision.tag, "the value of a revision");
            Some(row.revision)
        }
    }
}

fn judge(backend: &dyn Backend, events: &[Event<EntryId>]) {
    let keys: BTreeSet<&EntryId> = events.iter().map(|event| &event.key).collect();
    let mut chains: BTreeMap<EntryId, Vec<Revision>> = BTreeMap::new();
    for key in keys {
        let chain = history(backend, key);
        let current = read(backend, &[RowKey::Entry(key.clone())]);
        let current = current.first().and_then(check_row);
        assert_eq!(chain.last().copied(), current, "the end of the history of {key}");
        chains.insert(key.clone(), chain);
    }
    let violations = check(events, &chains);
    assert!(violations.is_empty(), "{} violations: {violations:#?}", violations.len());
    check_pairs(events, &chains);
}

/// A batch over two entries is in both chains or in neither.
fn check_pairs(events: &[Event<EntryId>], chains: &BTreeMap<EntryId, Vec<Revision>>) {
    let mut present: BTreeMap<u64, BTreeSet<bool>> = BTreeMap::new();
    for event in events {
        let Action::Write { tag, .. } = event.action else { continue };
        let chain = chains.get(&event.key).expect("every key has a chain");
        let is_there = chain.iter().any(|revision| revision.tag == tag);
        present.entry(tag).or_default().insert(is_there);
    }
    let torn: Vec<_> = present.iter().filter(|(_, there)| there.len() > 1).collect();
    assert!(torn.is_empty(), "batches written in part: {torn:?}");
}
