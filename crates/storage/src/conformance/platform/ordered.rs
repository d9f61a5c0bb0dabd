//! Ordered data stores: sequences, faults, and places that are exact while others write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;
use steadfast_core::platform::{
    FindStanding, ListOrdered, OrderedAction, OrderedItem, OrderedRequest, OrderedState,
    OrderedWhen, Place, PlatformError, Standing, When,
};
use steadfast_core::{BoardId, EntryId, EntryKey, ErrorKind, Order, Rng};

use super::requests::{current, execute, set as set_entry, write_id};
use crate::conformance::PlatformHarness;
use crate::conformance::explore::{explore, random_seed};
use crate::conformance::samples::{ask, entry_in};
use crate::fault::Fault;
use crate::platform::{Answer, Platform};

mod model;

use model::{Model, Op, action_of, name, number, op, order};

/// Cases of one run.
const CASES: u32 = 64;

/// More calls than a request makes.
const MANY: usize = 64;

/// Entries that several threads write: more than are read at once.
const ENTRIES: u64 = 2_500;
const THREADS: u64 = 4;
/// What each thread does in turn.
const STEPS: u64 = 300;

const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

const SET: OrderedWhen = OrderedWhen::Always;

fn request(entry: &EntryId, write: u64, action: OrderedAction) -> OrderedRequest {
    OrderedRequest { entry: entry.clone(), action, write_id: write_id(write) }
}

#[track_caller]
fn act(platform: &dyn Platform, request: OrderedRequest) -> Answer<OrderedState> {
    ask(|done| platform.execute_ordered(request, done))
}

#[track_caller]
fn set(platform: &dyn Platform, entry: &EntryId, write: u64, value: i64) -> OrderedState {
    let action = OrderedAction::Set { value, when: SET };
    act(platform, request(entry, write, action)).expect("nothing is asked of the entry")
}

#[track_caller]
fn value(platform: &dyn Platform, entry: &EntryId) -> Option<i64> {
    match act(platform, request(entry, 0, OrderedAction::Get)) {
        Ok(state) => Some(state.value),
        Err(PlatformError::EntryNotFound { entry: missing }) if missing == *entry => None,
        Err(error) => panic!("neither found nor missing: {error:?}"),
    }
}

#[track_caller]
fn standing(
    platform: &dyn Platform,
    entry: &EntryId,
    order: Order,
    around: usize,
) -> Answer<Standing> {
    let request = FindStanding { entry: entry.clone(), order, around };
    ask(|done| platform.find_standing(request, done))
}

/// All pages of a board, each of at most so many items.
#[track_caller]
fn listed(
    platform: &dyn Platform,
    board: &BoardId,
    order: Order,
    (min, max): (i64, i64),
    page_size: usize,
) -> Vec<(i64, EntryKey)> {
    let (mut items, mut beyond) = (Vec::new(), None);
    loop {
        let board = board.clone();
        let request = ListOrdered { board, order, min, max, beyond, page_size };
        let page = ask(|done| platform.list_ordered(request, done)).expect("nothing fails here");
        assert!(page.items.len() <= page_size, "a page has a size");
        assert!(page.next.is_none() || !page.items.is_empty(), "a page of nothing, and a next one");
        items.extend(page.items.into_iter().map(|OrderedItem { key, value }| (value, key)));
        beyond = page.next;
        if beyond.is_none() {
            return items;
        }
    }
}

#[track_caller]
fn all(platform: &dyn Platform, board: &BoardId, order: Order) -> Vec<(i64, EntryKey)> {
    listed(platform, board, order, (i64::MIN, i64::MAX), 100)
}

/// The places of items that are in this order.
fn places(items: &[(i64, EntryKey)]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (position, (value, key)) in (1..).zip(items) {
        let rank = match places.last() {
            Some(last) if last.value == *value => last.rank,
            Some(_) | None => position,
        };
        places.push(Place { key: key.clone(), value: *value, position, rank });
    }
    places
}

/// Whatever is asked: values, pages in both orders and standings are those of a sorted list.
pub fn ordered_sequences_agree_with_a_naive_model<H: PlatformHarness>() {
    explore(CASES, &prop::collection::vec(op(), 1..40), |ops| {
        let mut harness = H::new();
        let mut platform = harness.platform();
        let (mut model, mut last) = (Model::new(harness.tells_ordered_writes()), None);
        for (write, op) in (1..).zip(&ops) {
            match op {
                Op::Act { entry, action } => {
                    let request = request(&name(*entry), write, action_of(*action));
                    let is_written =
                        request.action != OrderedAction::Get && model.wanted(&request).is_ok();
                    model.take(&request, act(&*platform, request.clone()));
                    if is_written {
                        last = Some(request);
                    }
                }
                Op::Again => {
                    if let Some(last) = &last {
                        model.check_again(&*platform, last);
                    }
                }
                Op::List { board, is_down, min, max, page_size } => {
                    let (id, order) = (BoardId::of(&name(*board)), order(*is_down));
                    let range = (number(*min), number(*max));
                    let mut wanted = model.items(&id, order);
                    wanted.retain(|(value, _)| (range.0..=range.1).contains(value));
                    assert_eq!(listed(&*platform, &id, order, range, *page_size), wanted);
                }
                Op::Stand { entry, is_down, around } => {
                    model.check_standing(&*platform, &name(*entry), order(*is_down), *around);
                }
                Op::Reopen => {
                    drop(platform);
                    let was_reopened = harness.reopen();
                    platform = harness.platform();
                    if was_reopened {
                        model.audit(&*platform);
                    }
                }
            }
        }
        model.audit(&*platform);
    });
}

/// K-13: an entry of a data store and one of an ordered data store of the same names are two.
pub fn ordered_entries_are_apart_from_those_of_data_stores<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let id = entry_in("Wins", "global", "a");
    set(&*platform, &id, 1, 7);
    assert_eq!(current(&*platform, &id), None, "a data store of that name was never written");
    let state = execute(&*platform, set_entry(&id, 2, When::Missing)).expect("it is missing");
    let removed = act(&*platform, request(&id, 3, OrderedAction::Remove));
    assert_eq!(removed.map(|state| state.value), Ok(7));
    assert_eq!(current(&*platform, &id), Some(state));
}

/// A platform over a store that fails on demand, with one entry that holds 100.
struct Scene<H: PlatformHarness> {
    harness: H,
    platform: Arc<dyn Platform>,
    id: EntryId,
}

impl<H: PlatformHarness> Scene<H> {
    /// Nothing if this implementation cannot be made to fail.
    fn new() -> Option<Self> {
        let mut harness = H::new();
        if !harness.inject(&[], &[]) {
            return None;
        }
        let platform = harness.platform();
        let id = entry_in("Wins", "global", "k");
        set(&*platform, &id, 1, 100);
        Some(Self { harness, platform, id })
    }

    fn with(
        &mut self,
        commits: &[Fault],
        write: u64,
        action: OrderedAction,
    ) -> Answer<OrderedState> {
        let commits: Vec<_> = commits.iter().copied().map(Some).collect();
        assert!(self.harness.inject(&commits, &[]), "it could be made to fail before");
        let answer = act(&*self.platform, request(&self.id, write, action));
        self.harness.heal();
        answer
    }

    /// Checks what the answer to a write tells: its value, and the how manieth of the entry it is.
    #[track_caller]
    fn check_write(&self, state: &OrderedState, value: i64, counter: u64) {
        assert_eq!(state.value, value);
        if self.harness.tells_ordered_writes() {
            assert_eq!(state.revision.counter, counter);
        }
    }

    #[track_caller]
    fn check(&self, wanted: Option<i64>) {
        assert_eq!(value(&*self.platform, &self.id), wanted);
        let items: Vec<_> = wanted.map(|value| (value, self.id.key.clone())).into_iter().collect();
        assert_eq!(all(&*self.platform, &BoardId::of(&self.id), Order::Ascending), items);
        let standing = standing(&*self.platform, &self.id, Order::Ascending, 0);
        assert_eq!(standing.ok().map(|standing| standing.place.value), wanted);
    }
}

#[track_caller]
fn kind(answer: &Answer<OrderedState>) -> ErrorKind {
    answer.as_ref().expect_err("it must fail").kind()
}

/// S1, S2, S3 and S9: said to be not written and not written; or looked for, found or sent again,
/// and there once. A caller that sends an increment again is told the sum.
pub fn ordered_writes_without_an_answer_happen_once<H: PlatformHarness>() {
    let five = OrderedAction::Increment { by: 5 };
    for (fault, wanted) in
        [(Fault::ErrorBefore, ErrorKind::Unavailable), (Fault::Full, ErrorKind::Exhausted)]
    {
        let Some(mut scene) = Scene::<H>::new() else { return };
        for action in [five, OrderedAction::Remove] {
            assert_eq!(kind(&scene.with(&[fault], 2, action)), wanted);
            scene.check(Some(100));
        }
    }
    for fault in [Fault::AppliedThenUnknown, Fault::LostThenUnknown, Fault::LateApply] {
        let Some(mut scene) = Scene::<H>::new() else { return };
        for (write, sum) in [(2, 105), (3, 110)] {
            let state = scene.with(&[fault], write, five).expect("one batch without an answer");
            scene.harness.release();
            scene.check_write(&state, sum, write);
            let again = act(&*scene.platform, request(&scene.id, write, five));
            assert_eq!(again, Ok(state), "{fault:?}");
            scene.check(Some(sum));
        }
        // Nobody knows what became of it: sent again, it is there once in any case.
        let answer = scene.with(&[fault; MANY], 4, five);
        if answer.is_err() {
            assert_eq!(kind(&answer), ErrorKind::OutcomeUnknown);
        }
        scene.harness.release();
        let again = act(&*scene.platform, request(&scene.id, 4, five));
        let state = again.expect("nothing fails any more");
        scene.check_write(&state, 115, 4);
        let removed = scene.with(&[fault], 5, OrderedAction::Remove);
        scene.harness.release();
        // The value before.
        scene.check_write(&removed.expect("one batch without an answer"), 115, 5);
        scene.check(None);
        let set = OrderedAction::Set { value: 1, when: OrderedWhen::Missing };
        let state = scene.with(&[fault], 6, set).expect("one batch without an answer");
        scene.harness.release();
        scene.check_write(&state, 1, 6);
        scene.check(Some(1));
    }
}

/// X2, S3: a batch that was held back comes when the entry was removed, or written and removed.
pub fn a_removed_ordered_entry_is_not_brought_back_by_a_late_write<H: PlatformHarness>() {
    let late = [Fault::LateApply, Fault::ErrorBefore];
    let set_to = |value| OrderedAction::Set { value, when: SET };
    for action in [set_to(7), OrderedAction::Increment { by: 7 }] {
        for is_new in [false, true] {
            let Some(mut scene) = Scene::<H>::new() else { return };
            if is_new {
                scene.id = entry_in("Wins", "global", "new");
            }
            let answer = scene.with(&late, 2, action);
            assert_eq!(kind(&answer), ErrorKind::OutcomeUnknown);
            if is_new {
                set(&*scene.platform, &scene.id, 3, 9);
            }
            let removed = act(&*scene.platform, request(&scene.id, 4, OrderedAction::Remove));
            assert_eq!(removed.map(|state| state.value), Ok(if is_new { 9 } else { 100 }));
            scene.harness.release();
            assert_eq!(value(&*scene.platform, &scene.id), None);
            let missing = standing(&*scene.platform, &scene.id, Order::Ascending, 0);
            assert_eq!(missing.expect_err("it is gone").kind(), ErrorKind::NotFound);
            let left = all(&*scene.platform, &BoardId::of(&scene.id), Order::Ascending);
            assert!(left.iter().all(|(_, key)| *key != scene.id.key), "{left:?}");
        }
    }
}

/// Nobody may take a board that cannot be read for a shorter one, whichever page of it fails.
pub fn a_failed_read_is_an_error_and_not_a_short_page<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let platform = Arc::clone(&scene.platform);
    let board = BoardId::of(&scene.id);
    for number in 0..3 {
        set(&*platform, &board.entry(EntryKey::trusted(format!("k{number}"))), number + 2, 1);
    }
    let (order, beyond) = (Order::Ascending, Some((1, EntryKey::trusted("k0"))));
    for beyond in [None, beyond] {
        let (board, min, max) = (board.clone(), i64::MIN, i64::MAX);
        let request = ListOrdered { board, order, min, max, beyond, page_size: 2 };
        assert!(scene.harness.inject(&[], &[true]));
        let failed = ask(|done| platform.list_ordered(request.clone(), done));
        assert_eq!(failed.expect_err("it cannot be read").kind(), ErrorKind::Unavailable);
        let page = ask(|done| platform.list_ordered(request, done)).expect("it can again");
        assert_eq!(page.items.len(), 2);
    }
    // The entry, or the first page of its board.
    for reads in [&[true][..], &[false, true][..]] {
        assert!(scene.harness.inject(&[], reads));
        let failed = standing(&*platform, &scene.id, order, 0);
        scene.harness.heal();
        assert_eq!(failed.expect_err("it cannot be read").kind(), ErrorKind::Unavailable);
    }
    let standing = standing(&*platform, &scene.id, order, 0).expect("it can again");
    assert_eq!((standing.place.position, standing.entry_count), (4, 4));
    // Nor may it be written over as if it were missing.
    assert!(scene.harness.inject(&[], &[true; MANY]));
    let five = request(&scene.id, 9, OrderedAction::Increment { by: 5 });
    assert_eq!(kind(&act(&*platform, five)), ErrorKind::Unavailable);
    scene.harness.heal();
    assert_eq!(value(&*platform, &scene.id), Some(100));
}

/// X1 and X3. The board is built while entries move, and asked while they go on: it always has all
/// entries, each thread finds its own where it put it, and in the end it is what the rows say.
pub fn standings_are_exact_while_others_write<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let board = BoardId::of(&entry_in("Wins", "global", "k"));
    let id = |number: u64| board.entry(EntryKey::trusted(format!("k{number}")));
    let value_of = |number: u64| i64::try_from(number % 1_000).expect("a small number");
    for number in 0..ENTRIES {
        set(&*platform, &id(number), number + 1, value_of(number));
    }
    let (seed, writes) = (random_seed(), AtomicU64::new(ENTRIES + 1));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (id, platform, writes, is_over) = (&id, &*platform, &writes, &is_over);
        let write = move |thread: u64| {
            let mut rng = Rng::stream(seed, &format!("thread {thread}"));
            for _ in 0..STEPS {
                // Each thread has entries of its own, so that it knows what they hold.
                let entry = id(rng.below(ENTRIES / THREADS) * THREADS + thread);
                let write = writes.fetch_add(1, Ordering::Relaxed);
                let state = set(platform, &entry, write, value_of(rng.next_u64()));
                check_standing(platform, &entry, Some(state.value));
            }
        };
        let running: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || write(thread))).collect();
        scope.spawn(move || {
            let mut rng = Rng::stream(seed, "asker");
            while !is_over.load(Ordering::Acquire) {
                check_standing(platform, &id(rng.below(ENTRIES)), None);
            }
        });
        let ends: Vec<_> = running.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Release);
        assert!(ends.iter().all(Result::is_ok), "a thread failed, with seed {seed}");
    });
    for order in ORDERS {
        let places = places(&all(&*platform, &board, order));
        assert_eq!(u64::try_from(places.len()), Ok(ENTRIES));
        for place in places.iter().step_by(7) {
            let found = standing(&*platform, &board.entry(place.key.clone()), order, 0);
            assert_eq!(found.map(|standing| standing.place), Ok(place.clone()), "{order:?}");
        }
    }
}

/// A standing while others write: whole, in order, and with the value that only the asker writes.
#[track_caller]
fn check_standing(platform: &dyn Platform, entry: &EntryId, value: Option<i64>) {
    let found = match standing(platform, entry, Order::Descending, 3) {
        Ok(found) => found,
        // Without a board that is kept, it may never find the rows at rest.
        Err(PlatformError::Contended { .. }) => return,
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(found.entry_count, ENTRIES, "every entry is there all the time");
    assert_eq!(found.place.key, entry.key);
    if let Some(value) = value {
        assert_eq!(found.place.value, value, "read what was written");
    }
    assert!(found.around.contains(&found.place));
    for pair in found.around.windows(2) {
        let [better, worse] = pair else { unreachable!("windows of two") };
        assert_eq!(better.position + 1, worse.position);
        assert!((better.value, &better.key) > (worse.value, &worse.key), "{pair:?}");
        let rank = if better.value == worse.value { better.rank } else { worse.position };
        assert_eq!(worse.rank, rank, "{pair:?}");
    }
}
