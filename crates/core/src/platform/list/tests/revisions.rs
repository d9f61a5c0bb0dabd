//! V-03, V-23, V-24, H-43: pages of revisions.

use proptest::prelude::*;

use super::support::*;
use crate::error::ErrorKind;
use crate::id::{EntryId, Revision};
use crate::platform::{
    Chronicle, History, ListRevisions, ListedRevision, PAGE_SIZE_MAX, PlatformError, RETENTION,
    REVISIONS_LEFT_OUT_MAX, RevisionId, RevisionPage, Rule, StoreChange, StoreRequest,
};
use crate::row::{Birth, Found, FoundHead, Head, Order, RowBody, RowKey, StoreBody, UniverseBody};
use crate::time::Timestamp;

fn entry() -> EntryId {
    entry_id("Players", "global", "u_1")
}

fn row(counter: u64) -> RowKey {
    RowKey::Revision(entry(), counter)
}

fn newest_first() -> ListRevisions {
    ListRevisions {
        entry: entry(),
        order: Order::Descending,
        not_before: None,
        not_after: None,
        with_sizes: false,
        beyond: None,
        page_size: 10,
    }
}

fn oldest_first() -> ListRevisions {
    ListRevisions { order: Order::Ascending, ..newest_first() }
}

/// One write of the entry.
#[derive(Clone, Copy, Debug)]
struct Written {
    stamp: i64,
    birth: i64,
    is_deleted: bool,
    pinned: bool,
}

const FIRST: i64 = NOW - 1_000_000 * SECOND;

fn written(stamp: i64) -> Written {
    Written { stamp, birth: FIRST, is_deleted: false, pinned: false }
}

fn new_shelf() -> Shelf {
    let mut shelf = Shelf::new();
    shelf.put_store("Players", StoreBody::NEW);
    shelf.settings.history = History::Every;
    shelf
}

fn put(shelf: &mut Shelf, counter: u64, it: Written) {
    let size = usize::try_from(counter).unwrap();
    let mut body = entry_body((!it.is_deleted).then_some(size));
    body.birth = Birth::At(at(it.birth));
    body.pinned = it.pinned;
    shelf.put(row(counter), counter, it.stamp, RowBody::Revision(body.clone()));
    shelf.put(RowKey::Entry(entry()), counter, it.stamp, RowBody::Entry(body));
}

/// A write a second from the first one on, numbered from 1.
fn put_run(shelf: &mut Shelf, count: u64) {
    for counter in 1..=count {
        put(shelf, counter, written(second(counter)));
    }
}

fn second(counter: u64) -> i64 {
    FIRST + i64::try_from(counter).unwrap() * SECOND
}

fn counters(items: &[ListedRevision]) -> Vec<u64> {
    items.iter().map(|item| item.id.counter().unwrap()).collect()
}

#[track_caller]
fn listed(shelf: &mut Shelf, request: &ListRevisions) -> Vec<u64> {
    counters(&pages(shelf, request).into_iter().flat_map(|page| page.items).collect::<Vec<_>>())
}

#[track_caller]
fn pages(shelf: &mut Shelf, request: &ListRevisions) -> Vec<RevisionPage> {
    let (mut pages, mut request) = (Vec::new(), request.clone());
    loop {
        let page: RevisionPage = shelf.run(request.clone()).unwrap();
        assert_eq!(shelf.run(request.clone()).unwrap(), page, "the same request, the same page");
        if let (Some(next), Some(beyond)) = (page.next, request.beyond) {
            assert_eq!(next > beyond, request.order == Order::Ascending, "a page gets on");
        }
        request.beyond = page.next;
        pages.push(page);
        if request.beyond.is_none() {
            return pages;
        }
    }
}

#[test]
fn v_24_tombstones_and_the_current_revision_are_listed_in_both_orders() {
    let mut shelf = new_shelf();
    put(&mut shelf, 1, written(FIRST));
    put(&mut shelf, 2, Written { is_deleted: true, ..written(FIRST + 1) });
    put(&mut shelf, 3, Written { pinned: true, ..written(FIRST + 2) });
    let item = |counter: u64, is_deleted, is_pinned, value_size| {
        let (created_at, updated_at) = (at(FIRST), at(FIRST + i64::try_from(counter).unwrap() - 1));
        let id = RevisionId::of(created_at, Revision { counter, tag: 0 }, updated_at);
        let schema = None;
        ListedRevision { id, created_at, updated_at, is_deleted, is_pinned, schema, value_size }
    };
    let mut wanted = vec![
        item(1, false, false, Some(1)),
        item(2, true, true, None),
        item(3, false, true, Some(3)),
    ];
    let request = ListRevisions { with_sizes: true, ..oldest_first() };
    let page = shelf.run(request.clone()).unwrap();
    assert_eq!((&page.items, page.next), (&wanted, None));
    wanted.reverse();
    let page = shelf.run(ListRevisions { order: Order::Descending, ..request }).unwrap();
    assert_eq!((&page.items, page.next), (&wanted, None));
    for item in &mut wanted {
        item.value_size = None;
    }
    assert_eq!(shelf.run(newest_first()).unwrap().items, wanted, "sizes only if asked for");
}

#[test]
fn v_23_the_window_of_times_is_inclusive_at_both_ends() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 5);
    let time = |counter, ticks: i64| Some(at(second(counter) + ticks));
    for (not_before, not_after, wanted) in [
        (time(2, 0), time(4, 0), vec![2, 3, 4]),
        (time(2, 1), time(4, -1), vec![3]),
        (time(2, -1), time(4, 1), vec![2, 3, 4]),
        (time(2, 1), time(3, -1), vec![]),
        (time(5, 0), None, vec![5]),
        (time(5, 1), None, vec![]),
        (None, time(1, 0), vec![1]),
        (None, time(1, -1), vec![]),
        (time(4, 0), time(2, 0), vec![]),
    ] {
        let request = ListRevisions { not_before, not_after, ..oldest_first() };
        assert_eq!(listed(&mut shelf, &request), wanted, "{request:?}");
        let mut reversed = wanted.clone();
        reversed.reverse();
        let request = ListRevisions { order: Order::Descending, ..request };
        assert_eq!(listed(&mut shelf, &request), reversed, "{request:?}");
    }
}

#[test]
fn v_10_seed_1_and_2_only_what_is_there_is_listed() {
    // 10:05, 10:50 and 11:01 of a day.
    let day = NOW - NOW % (86_400 * SECOND);
    let minute = |hour: i64, minute: i64| day + (hour * 60 + minute) * 60 * SECOND;
    let mut shelf = new_shelf();
    shelf.settings.history = History::Hourly;
    shelf.now = at(minute(12, 0));
    for (counter, stamp) in [(1, minute(10, 5)), (2, minute(10, 50)), (3, minute(11, 1))] {
        put(&mut shelf, counter, written(stamp));
    }
    assert_eq!(listed(&mut shelf, &oldest_first()), [2, 3]);
    assert_eq!(listed(&mut shelf, &newest_first()), [3, 2]);
    let universe = RowKey::Universe(entry().store.universe);
    shelf.put(universe, 1, minute(10, 20), RowBody::Universe(UniverseBody::default()));
    assert_eq!(listed(&mut shelf, &oldest_first()), [1, 2, 3]);
    // The choice of the data store counts, not that of the settings.
    shelf.rows.remove(&RowKey::Universe(entry().store.universe));
    shelf.put_store("Players", StoreBody { history: Some(History::Every), ..StoreBody::NEW });
    assert_eq!(listed(&mut shelf, &newest_first()), [3, 2, 1]);
}

#[derive(Clone, Copy, Debug)]
enum Stands {
    Yes,
    No,
    Damaged,
}

#[derive(Clone, Debug)]
struct Case {
    log: Vec<(Written, Stands)>,
    history: History,
    snapshots: Vec<i64>,
    idle: i64,
}

fn case(with_damage: bool) -> impl Strategy<Value = Case> {
    let gap = prop_oneof![
        4 => 1..90_i64,
        2 => 600..4_000_i64,
        1 => 80_000..100_000_i64,
        1 => Just(31 * 86_400_i64),
    ];
    let stands = prop_oneof![
        10 => Just(Stands::Yes),
        1 => Just(Stands::No),
        u32::from(with_damage) => Just(Stands::Damaged),
    ];
    let write = (gap, prop::bool::weighted(0.2), prop::bool::weighted(0.1), stands);
    let history = prop::sample::select(History::ALL.to_vec());
    let idle = prop_oneof![3 => 1..4_000_i64, 1 => Just(26 * 3_600_i64), 1 => Just(29 * 86_400)];
    (prop::collection::vec(write, 1..25), history, prop::collection::vec(0..25_usize, 0..3), idle)
        .prop_map(|(writes, history, snapshots, idle)| {
            let (mut stamp, mut birth, mut log) = (FIRST, FIRST, Vec::<(Written, Stands)>::new());
            for (gap, is_deleted, pinned, stands) in writes {
                stamp += gap * SECOND;
                let was_purged = log.last().is_some_and(|(last, _)| {
                    last.is_deleted && gap > i64::try_from(RETENTION.as_secs()).unwrap()
                });
                if log.is_empty() || was_purged {
                    birth = stamp;
                }
                log.push((Written { stamp, birth, is_deleted, pinned }, stands));
            }
            let near = |index: usize| log.get(index).map(|(it, _)| it.stamp + 1);
            let mut snapshots: Vec<_> = snapshots.into_iter().filter_map(near).collect();
            snapshots.sort_unstable();
            Case { log, history, snapshots, idle }
        })
}

impl Case {
    fn stored(&self) -> Shelf {
        let mut shelved = new_shelf();
        shelved.settings.history = self.history;
        for (counter, (it, _)) in (1..).zip(&self.log) {
            put(&mut shelved, counter, *it);
        }
        // That of the current one may be missing too: the entry's own row tells as much.
        for (counter, (_, stands)) in (1..).zip(&self.log) {
            match stands {
                Stands::Yes => {}
                Stands::No => drop(shelved.rows.remove(&row(counter))),
                Stands::Damaged => shelved.damage(row(counter)),
            }
        }
        if let Some((last, earlier)) = self.snapshots.split_last() {
            let earlier_snapshots = earlier.iter().map(|stamp| at(*stamp)).collect();
            let body = RowBody::Universe(UniverseBody { earlier_snapshots });
            shelved.put(RowKey::Universe(entry().store.universe), 1, *last, body);
        }
        let (last, _) = self.log.last().unwrap();
        shelved.now = at(last.stamp + self.idle * SECOND);
        shelved
    }

    /// What is there, by a look at every row beside the next newer one; oldest first.
    fn naive(&self, shelved: &Shelf) -> Vec<(u64, Timestamp)> {
        let head = |counter: u64| match shelved.rows.get(&row(counter)) {
            Some(Found::Row(row)) => Some(FoundHead::Head(Head::of_row(row).unwrap())),
            Some(Found::Corrupt(key)) => Some(FoundHead::Corrupt(key.clone())),
            Some(Found::Absent) | None => None,
        };
        let Some(Found::Row(current)) = shelved.rows.get(&RowKey::Entry(entry())) else { panic!() };
        let current = Head::of_row(current).unwrap();
        let (last, updated_at) = (current.revision.counter, current.stamped_at);
        let snapshots = self.snapshots.iter().map(|stamp| at(*stamp)).collect();
        let rule = Rule { history: self.history, snapshots };
        let chronicle = Chronicle::new(rule, current, shelved.now);
        let mut there = Vec::new();
        for counter in 1..last {
            let Some(FoundHead::Head(it)) = head(counter) else { continue };
            let newer = (counter + 1..last).find_map(head);
            if chronicle.shows(&it, newer.as_ref()) {
                there.push((counter, it.stamped_at));
            }
        }
        there.push((last, updated_at));
        there
    }
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Ascending), Just(Order::Descending)]
}

proptest! {
    #[test]
    fn v_03_pages_of_any_size_are_what_is_there(
        case in case(false),
        order in order(),
        page_size in 1..9_usize,
        window in prop::option::of((0..25_usize, 0..25_usize, -1..=1_i64)),
        beyond in prop::option::of(0..30_u64),
    ) {
        let mut shelf = case.stored();
        let edge = |index: usize, ticks: i64| case.log.get(index).map(|(it, _)| at(it.stamp + ticks));
        let (not_before, not_after) = window.map_or((None, None), |(first, last, ticks)| {
            (edge(first, ticks), edge(last, ticks))
        });
        let request =
            ListRevisions { order, not_before, not_after, beyond, page_size, ..newest_first() };
        let mut wanted: Vec<u64> = Vec::new();
        for (counter, time) in case.naive(&shelf) {
            let is_beyond = beyond.is_none_or(|beyond| match order {
                Order::Ascending => counter > beyond,
                Order::Descending => counter < beyond,
            });
            let is_in = not_before.is_none_or(|first| first <= time)
                && not_after.is_none_or(|last| time <= last);
            if is_beyond && is_in {
                wanted.push(counter);
            }
        }
        if order == Order::Descending {
            wanted.reverse();
        }
        let pages = pages(&mut shelf, &request);
        let (last, full) = pages.split_last().unwrap();
        for page in full {
            prop_assert_eq!(page.items.len(), page_size);
            let shown = counters(&page.items).last().copied();
            prop_assert!(page.next.is_some() && shown.is_some());
        }
        prop_assert!(full.is_empty() || !last.items.is_empty(), "nothing is behind an end");
        let items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
        prop_assert_eq!(counters(&items), wanted);
    }

    #[test]
    fn a_page_that_would_hold_damage_is_refused_and_the_ones_before_it_are_whole(
        case in case(true),
        order in order(),
        page_size in 1..9_usize,
    ) {
        let mut shelf = case.stored();
        let last = u64::try_from(case.log.len()).unwrap();
        let is_damaged = |counter: &u64| {
            *counter < last && matches!(shelf.rows.get(&row(*counter)), Some(Found::Corrupt(_)))
        };
        let damaged: Vec<u64> = (1..=last).filter(is_damaged).collect();
        let mut wanted: Vec<u64> = case.naive(&shelf).iter().map(|(counter, _)| *counter).collect();
        if order == Order::Descending {
            wanted.reverse();
        }
        let first_damage = match order {
            Order::Ascending => damaged.first().copied(),
            Order::Descending => damaged.last().copied(),
        };
        let is_before = |counter: &u64| first_damage.is_none_or(|damage| match order {
            Order::Ascending => *counter < damage,
            Order::Descending => *counter > damage,
        });
        let sound: Vec<u64> = wanted.into_iter().filter(is_before).collect();
        let (mut items, mut beyond) = (Vec::new(), None);
        let error = loop {
            let request = ListRevisions { order, beyond, page_size, ..newest_first() };
            match shelf.run(request) {
                Ok(page) => {
                    items.extend(counters(&page.items));
                    beyond = page.next;
                    if beyond.is_none() {
                        break None;
                    }
                }
                Err(error) => break Some(error),
            }
        };
        let wanted_error = first_damage.map(|counter| PlatformError::Corrupt { row: Box::new(row(counter)) });
        prop_assert_eq!(&error, &wanted_error);
        let whole = if error.is_some() { sound.len() / page_size * page_size } else { sound.len() };
        prop_assert_eq!(&items[..], &sound[..whole], "every full page before the damage");
    }
}

#[test]
fn damage_that_a_window_cannot_hold_does_no_harm() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 9);
    shelf.damage(row(5));
    let time = |counter| Some(at(second(counter)));
    let corrupt = Err(PlatformError::Corrupt { row: Box::new(row(5)) });
    for order in [Order::Ascending, Order::Descending] {
        let below = ListRevisions { not_after: time(3), order, ..newest_first() };
        assert_eq!(listed(&mut shelf, &below).len(), 3);
        let above = ListRevisions { not_before: time(7), order, ..newest_first() };
        assert_eq!(listed(&mut shelf, &above).len(), 3);
        // It lies somewhere between its neighbours.
        let between = ListRevisions { not_after: time(4), order, ..newest_first() };
        assert_eq!(shelf.run(between), corrupt);
        let between = ListRevisions { not_before: time(6), order, ..newest_first() };
        assert_eq!(shelf.run(between), corrupt);
    }
}

#[test]
fn a_damaged_current_value_leaves_its_history_to_be_listed() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 3);
    shelf.damage(row(3));
    assert_eq!(listed(&mut shelf, &newest_first()), [3, 2, 1]);
    assert_eq!(listed(&mut shelf, &oldest_first()), [1, 2, 3]);
    // Without the entry's own row nothing is known.
    shelf.damage(RowKey::Entry(entry()));
    let row = RowKey::Entry(entry());
    assert_eq!(shelf.run(newest_first()), Err(PlatformError::Corrupt { row: Box::new(row) }));
}

#[test]
fn what_is_written_while_a_page_is_read_is_left_to_the_next_request() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 3);
    let before = shelf.rows.get(&RowKey::Entry(entry())).cloned().unwrap();
    put_run(&mut shelf, 5);
    shelf.rows.insert(RowKey::Entry(entry()), before);
    assert_eq!(listed(&mut shelf, &newest_first()), [3, 2, 1]);
    assert_eq!(listed(&mut shelf, &oldest_first()), [1, 2, 3]);
}

#[test]
fn a_missing_entry_has_no_revisions_and_nor_has_a_purged_one() {
    let mut shelf = Shelf::new();
    let (entry_missing, store_missing) = (
        Err(PlatformError::EntryNotFound { entry: entry() }),
        Err(PlatformError::StoreNotFound { store: entry().store }),
    );
    assert_eq!(shelf.run(newest_first()), store_missing);
    shelf.put_store("Players", StoreBody::NEW);
    assert_eq!(shelf.run(newest_first()), entry_missing);
    // A longer key that starts with this one is another entry.
    shelf.put_entry(entry_id("Players", "global", "u_12"), NOW - SECOND, false);
    assert_eq!(shelf.run(newest_first()), entry_missing);
    put(&mut shelf, 1, written(FIRST));
    put(&mut shelf, 2, Written { is_deleted: true, ..written(FIRST + SECOND) });
    let purged_at = at(FIRST + SECOND).saturating_add(RETENTION);
    shelf.now = at(purged_at.ticks() - 1);
    assert_eq!(listed(&mut shelf, &newest_first()), [2, 1]);
    shelf.now = purged_at;
    assert_eq!(shelf.run(newest_first()), entry_missing);
}

#[test]
fn the_history_of_a_deleted_store_is_out_of_reach() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 3);
    shelf.put_store("Players", StoreBody { deleted: Some(Birth::ThisWrite), ..StoreBody::NEW });
    let store = entry().store;
    assert_eq!(
        shelf.run(newest_first()),
        Err(PlatformError::StoreDeleted { store: store.clone() })
    );
    // The store itself can be looked at.
    let (change, write_id) = (StoreChange::Look, crate::id::WriteId(1));
    assert!(shelf.run(StoreRequest { store, change, write_id }).unwrap().deleted_at.is_some());
}

#[test]
fn z_24_a_page_that_ends_at_the_last_revision_has_no_next() {
    for order in [Order::Ascending, Order::Descending] {
        for count in [9, 10, 11, 20] {
            let mut shelf = new_shelf();
            put_run(&mut shelf, count);
            let pages = pages(&mut shelf, &ListRevisions { order, ..newest_first() });
            let wanted = if count == 9 || count == 10 { 1 } else { 2 };
            assert_eq!(pages.len(), wanted, "{count} revisions");
        }
    }
}

#[test]
fn rule_20_the_position_is_the_last_counter_that_was_shown() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 7);
    let request = ListRevisions { page_size: 3, ..newest_first() };
    assert_eq!(shelf.run(request.clone()).unwrap().next, Some(5));
    let ascending = ListRevisions { order: Order::Ascending, ..request.clone() };
    assert_eq!(shelf.run(ascending).unwrap().next, Some(3));
    // A new revision moves nothing behind the position.
    put_run(&mut shelf, 8);
    let page = shelf.run(ListRevisions { beyond: Some(5), ..request }).unwrap();
    assert_eq!((counters(&page.items), page.next), (vec![4, 3, 2], Some(2)));
}

#[test]
fn one_page_leaves_out_at_most_4096_revisions() {
    let limit = u64::try_from(REVISIONS_LEFT_OUT_MAX).unwrap();
    let mut shelf = new_shelf();
    put_run(&mut shelf, limit + 5);
    let not_after = Some(at(second(5)));
    let request = ListRevisions { not_after, ..newest_first() };
    // Those from 6 on are too new: as many as one page may leave out.
    let page = shelf.run(request.clone()).unwrap();
    assert_eq!((counters(&page.items), page.next), (vec![], Some(6)));
    assert_eq!(listed(&mut shelf, &request), [5, 4, 3, 2, 1]);
    // One less, and the page goes on.
    let not_after = Some(at(second(6)));
    let page = shelf.run(ListRevisions { not_after, ..newest_first() }).unwrap();
    assert_eq!((counters(&page.items), page.next), (vec![6, 5, 4, 3, 2, 1], None));
}

#[test]
fn v_25_a_page_has_at_least_one_and_at_most_1024_revisions() {
    let mut shelf = new_shelf();
    put_run(&mut shelf, 1_030);
    for (page_size, wanted) in [(0, 1), (1, 1), (usize::MAX, PAGE_SIZE_MAX)] {
        for order in [Order::Ascending, Order::Descending] {
            let page = shelf.run(ListRevisions { order, page_size, ..newest_first() }).unwrap();
            assert_eq!((page.items.len(), page.next.is_some()), (wanted, true));
        }
    }
}

#[test]
fn a_failed_read_is_an_error() {
    for (request, calls) in [
        (newest_first(), 3),
        (oldest_first(), 3),
        (ListRevisions { beyond: Some(2), ..newest_first() }, 4),
    ] {
        for failing in 0..calls {
            let mut shelf = new_shelf();
            put_run(&mut shelf, 3);
            shelf.failing = Some(failing);
            let error = shelf.run(request.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "call {failing} of {request:?}");
        }
    }
}
