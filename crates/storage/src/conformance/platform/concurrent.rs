//! Several clients of one platform, and what the judge of histories says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use steadfast_core::platform::{
    EntryState, Permit, PlatformError, Request, Update, UpdateStep, When, Which,
};
use steadfast_core::{Content, EntryId, ErrorKind, JsonText, Metadata, Rng};

use super::requests::{
    chain, current, execute, get, increment, number_in, seen, set, sight, told, write_id,
};
use crate::conformance::PlatformHarness;
use crate::conformance::explore::random_seed;
use crate::conformance::history::{Action, Event, Seen, check};
use crate::conformance::samples::{entry, entry_in};
use crate::fault::Fault;
use crate::platform::{Answer, Platform};

const THREADS: u64 = 4;
/// What each thread does in turn.
const STEPS: u64 = 100;
/// Entries that all threads fight for.
const KEYS: u64 = 3;
/// Fights for one revision.
const ROUNDS: u64 = 40;
/// Updates of each thread.
const UPDATES: u64 = 15;
/// How many of 100 calls fail under random faults.
const FAULT_PERCENT: u64 = 25;

/// What a write has to stand on.
#[derive(Clone, Copy)]
enum On<'a> {
    Anything,
    Nothing,
    State(&'a EntryState),
}

/// One run of several threads.
struct Run<'a> {
    platform: &'a dyn Platform,
    clock: AtomicU64,
    writes: AtomicU64,
}

impl<'a> Run<'a> {
    fn new(platform: &'a dyn Platform) -> Self {
        Self { platform, clock: AtomicU64::new(1), writes: AtomicU64::new(1) }
    }

    fn number(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::Relaxed)
    }

    /// Executes a request between two readings of the clock.
    fn timed(&self, request: Request) -> (u64, Answer, u64) {
        let sent = self.clock.fetch_add(1, Ordering::SeqCst);
        let answer = execute(self.platform, request);
        (sent, answer, self.clock.fetch_add(1, Ordering::SeqCst))
    }

    fn read(&self, key: &EntryId, events: &mut Vec<Event<EntryId>>) -> Option<EntryState> {
        let (sent, answer, answered) = self.timed(get(key, Which::Current));
        if let Some(seen) = sight(answer.clone()) {
            let action = Action::Read(seen);
            events.push(Event { key: key.clone(), sent, answered, action });
        }
        answer.ok()
    }

    fn set(&self, key: &EntryId, on: On<'_>, events: &mut Vec<Event<EntryId>>) -> Answer {
        let tag = self.number();
        let (when, base): (When, Option<Seen>) = match on {
            On::Anything => (When::Always, None),
            On::Nothing => (When::Missing, Some(None)),
            On::State(state) => (When::Matches(state.revision_id()), Some(Some(seen(state)))),
        };
        let (sent, answer, answered) = self.timed(set(key, tag, when));
        let action = Action::Write { tag, base, answer: told(&answer, tag) };
        events.push(Event { key: key.clone(), sent, answered, action });
        answer
    }

    /// Reads, sets without a condition, and sets what was read.
    fn mixed(&self, seed: u64, number: u64, events: &mut Vec<Event<EntryId>>) {
        let mut rng = Rng::stream(seed, &format!("thread {number}"));
        for _ in 0..STEPS {
            let key = entry(&format!("k{}", rng.below(KEYS)));
            match rng.below(4) {
                0 => drop(self.read(&key, events)),
                1 => drop(self.set(&key, On::Anything, events)),
                _ => {
                    // A read that failed says nothing, so this may ask for what is not so.
                    let state = self.read(&key, events);
                    thread::yield_now();
                    let on = state.as_ref().map_or(On::Nothing, On::State);
                    drop(self.set(&key, on, events));
                }
            }
        }
    }
}

/// Runs the same thing on several threads, and collects what happened.
fn on_threads(work: impl Fn(u64, &mut Vec<Event<EntryId>>) + Sync) -> Vec<Event<EntryId>> {
    thread::scope(|scope| {
        let spawn = |number| {
            let work = &work;
            scope.spawn(move || {
                let mut events = Vec::new();
                work(number, &mut events);
                events
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<Event<EntryId>>>| {
            thread.join().expect("a thread failed")
        };
        threads.into_iter().flat_map(join).collect()
    })
}

fn judge(platform: &dyn Platform, events: &[Event<EntryId>]) {
    let keys: BTreeSet<&EntryId> = events.iter().map(|event| &event.key).collect();
    let chains: BTreeMap<EntryId, _> =
        keys.into_iter().map(|key| (key.clone(), chain(platform, key))).collect();
    let violations = check(events, &chains);
    assert!(violations.is_empty(), "{} violations: {violations:#?}", violations.len());
}

/// Whoever asks for nothing of an entry is never told that others came first.
pub fn every_set_without_a_condition_succeeds<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let run = Run::new(&*platform);
    let key = entry("k");
    let events = on_threads(|_, events| {
        for _ in 0..STEPS {
            let state = run.set(&key, On::Anything, events).expect("nothing is asked of the entry");
            let later = run.read(&key, events).expect("it was written");
            assert!(later.revision.counter >= state.revision.counter);
        }
    });
    judge(&*platform, &events);
    let last = current(&*platform, &key).expect("it was written");
    assert_eq!(last.revision.counter, THREADS * STEPS, "one for each set");
}

/// Of several writers that read the same revision, exactly one writes the next.
pub fn one_writer_wins_each_revision<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let run = Run::new(&*platform);
    let key = entry("k");
    let mut all = Vec::new();
    let mut base = run.set(&key, On::Anything, &mut all).expect("nothing fails here");
    for _ in 0..ROUNDS {
        all.extend(on_threads(|_, events| {
            let answer = run.set(&key, On::State(&base), events);
            if let Err(error) = answer {
                assert!(matches!(error, PlatformError::Mismatch { .. }), "{error:?}");
            }
        }));
        let next = current(&*platform, &key).expect("it was written");
        assert_eq!(next.revision.counter, base.revision.counter + 1, "one winner");
        base = next;
    }
    judge(&*platform, &all);
}

/// Of several creators of one entry, exactly one creates it, and the others are shown its state.
pub fn one_creator_wins<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let run = Run::new(&*platform);
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let key = entry(&format!("k{round}"));
        let created = AtomicU64::new(0);
        all.extend(on_threads(|_, events| match run.set(&key, On::Nothing, events) {
            Ok(_) => drop(created.fetch_add(1, Ordering::Relaxed)),
            Err(error) => assert!(matches!(error, PlatformError::Exists { .. }), "{error:?}"),
        }));
        assert_eq!(created.into_inner(), 1, "one creator");
    }
    judge(&*platform, &all);
}

/// G-20: what a callback computes from a state is stored only on top of that state.
pub fn updates_lose_nothing<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let run = Run::new(&*platform);
    let key = entry("k");
    on_threads(|_, _| {
        for _ in 0..UPDATES {
            let change = |state: Option<&EntryState>| {
                let next = state.map_or(0, number_in) + 1;
                let value = JsonText::trusted(next.to_string());
                let metadata = Metadata::empty();
                Some(Arc::new(Content { value, user_ids: vec![], metadata }))
            };
            let write_id = write_id(run.number());
            let (mut update, first) = Update::start(key.clone(), Permit::ALL, write_id, change);
            let mut request = first;
            let end = loop {
                match update.on_answer(execute(&*platform, request)) {
                    UpdateStep::Send(next) => request = next,
                    UpdateStep::Done(end) => break end,
                }
            };
            let state = end.expect("others win less often than there are attempts");
            assert!(state.is_some(), "the callback gave nothing up");
        }
    });
    let last = current(&*platform, &key).expect("it was written");
    let count = THREADS * UPDATES;
    assert_eq!(u64::try_from(number_in(&last)), Ok(count), "every update counts once");
    assert_eq!(last.revision.counter, count, "every update is one write");
}

/// Every increment of every thread counts, and each of them is told a sum of its own.
pub fn increments_add_up<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let run = Run::new(&*platform);
    let key = entry("k");
    let sums = Mutex::new(BTreeSet::new());
    on_threads(|_, _| {
        for _ in 0..STEPS {
            let answer = execute(&*platform, increment(&key, run.number(), 1));
            let state = answer.expect("nothing is asked of the entry");
            let sum = number_in(&state);
            assert_eq!(u64::try_from(sum), Ok(state.revision.counter), "one for each write");
            let mut sums = sums.lock().expect("no thread panics while it holds this");
            assert!(sums.insert(sum), "{sum} was told twice");
        }
    });
    let last = current(&*platform, &key).expect("it was written");
    let (count, sum) = (THREADS * STEPS, number_in(&last));
    assert_eq!(u64::try_from(sum), Ok(count), "every increment counts once");
    assert_eq!(last.revision.counter, count, "every increment is one write");
}

/// While commits fail, are lost, or come in late: the sum holds everything that was acknowledged,
/// and nothing twice. What was told to be unknown may be in it or not.
pub fn increments_add_up_under_random_faults<H: PlatformHarness>() {
    /// What each adds, so that half of it would be noticed.
    const BY: i64 = 1_000_003;
    let mut harness = H::new();
    let platform = harness.platform();
    let mut rng = Rng::stream(random_seed(), "faults");
    let all = [
        Fault::ErrorBefore,
        Fault::AppliedThenUnknown,
        Fault::LostThenUnknown,
        Fault::LateApply,
        Fault::Full,
    ];
    let run = Run::new(&*platform);
    let key = entry("k");
    let count = THREADS * STEPS * 4;
    let mut draw = || rng.percent(FAULT_PERCENT).then(|| rng.pick(&all).copied()).flatten();
    let commits: Vec<_> = (0..count).map(|_| draw()).collect();
    // Without faults the sum is exact.
    let _ = harness.inject(&commits, &[]);
    let (acknowledged, unknown) = (AtomicU64::new(0), AtomicU64::new(0));
    on_threads(|_, _| {
        for _ in 0..STEPS {
            let counted = match execute(&*platform, increment(&key, run.number(), BY)) {
                Ok(_) => &acknowledged,
                Err(PlatformError::OutcomeUnknown { .. }) => &unknown,
                Err(error) => {
                    let kind = error.kind();
                    assert!(
                        matches!(kind, ErrorKind::Unavailable | ErrorKind::Exhausted),
                        "{kind}"
                    );
                    continue;
                }
            };
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    harness.heal();
    harness.release();
    let sum = current(&*platform, &key).as_ref().map_or(0, number_in);
    assert_eq!(sum % BY, 0, "whole increments");
    let counted = u64::try_from(sum / BY).expect("nothing is taken away");
    let least = acknowledged.into_inner();
    let most = least + unknown.into_inner();
    assert!((least..=most).contains(&counted), "{counted} of {least} to {most}");
}

/// Entries that are written at once into a data store that does not exist yet, the first batch
/// without an answer: it must not wait for a store that somebody else created meanwhile.
pub fn first_writes_of_a_store_survive_each_other<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let run = Run::new(&*platform);
    let start = Barrier::new(usize::try_from(THREADS).unwrap_or(1));
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let fault = if round % 2 == 0 { Fault::LostThenUnknown } else { Fault::LateApply };
        // Without faults it is a race all the same.
        let _ = harness.inject(&[Some(fault)], &[]);
        all.extend(on_threads(|number, events| {
            let key = entry_in(&format!("store {round}"), "global", &format!("k{number}"));
            start.wait();
            run.set(&key, On::Anything, events).expect("one batch without an answer");
        }));
        harness.release();
        harness.heal();
    }
    judge(&*platform, &all);
}

/// Reads and writes of all kinds while commits and reads fail and late batches come in at any time:
/// whatever was said is true.
pub fn histories_under_random_faults_are_linear<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let seed = random_seed();
    let mut rng = Rng::stream(seed, "faults");
    let all = [
        Fault::ErrorBefore,
        Fault::AppliedThenUnknown,
        Fault::LostThenUnknown,
        Fault::LateApply,
        Fault::Full,
    ];
    let run = Run::new(&*platform);
    let mut events = Vec::new();
    // Without a fault, so that the data store is there.
    for key in 0..KEYS {
        run.set(&entry(&format!("k{key}")), On::Anything, &mut events).expect("nothing fails here");
    }
    let count = THREADS * STEPS * 4;
    let mut draw = || rng.percent(FAULT_PERCENT).then(|| rng.pick(&all).copied()).flatten();
    let commits: Vec<_> = (0..count).map(|_| draw()).collect();
    let reads: Vec<_> = (0..count).map(|_| rng.percent(FAULT_PERCENT / 4)).collect();
    // Without faults it is one more history.
    let _ = harness.inject(&commits, &reads);
    let is_over = AtomicU64::new(0);
    let happened = thread::scope(|scope| {
        let threads = scope.spawn(|| {
            let events = on_threads(|number, events| run.mixed(seed, number, events));
            is_over.store(1, Ordering::Release);
            events
        });
        while is_over.load(Ordering::Acquire) == 0 && !threads.is_finished() {
            harness.release();
            thread::yield_now();
        }
        threads.join().expect("a thread failed")
    });
    events.extend(happened);
    harness.heal();
    harness.release();
    judge(&*platform, &events);
}
