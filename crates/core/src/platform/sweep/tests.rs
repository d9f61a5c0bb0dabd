//! Facts about the sweep: what goes, what stays, and what may come in between.

#[path = "tests/held.rs"]
mod held;
#[path = "tests/log.rs"]
mod log;

use super::*;
use crate::batch::Refusal;
use crate::id::{EntryId, WriteId};
use crate::outcome::Outcome;
use crate::platform::tests::world::*;
use crate::platform::{EntryState, Past, RemoveRevision, StoreChange, StoreRequest, Which};
use crate::row::{OrderedBody, Row};

fn roblox() -> World {
    World::new(Settings::roblox())
}

fn state(world: &World, key: &RowKey) -> EntryState {
    EntryState::of_row(&world.rows[key]).unwrap()
}

/// Every row but the reviews: what a reader may see.
fn data(world: &World) -> Vec<Row> {
    let is_data = |row: &&Row| !matches!(row.key, RowKey::Review(..));
    world.rows.values().filter(is_data).cloned().collect()
}

/// A player who is saved five times an hour for five hours.
fn played(settings: Settings) -> (World, Vec<EntryState>) {
    let mut world = World::new(settings);
    let mut ever = Vec::new();
    for hour in 0..5 {
        for minute in [0, 10, 20, 30, 45] {
            ever.push(world.set_at(&player(), clock(hour, minute, 0)));
        }
    }
    (world, ever)
}

#[test]
fn an_empty_store_has_nothing_to_sweep() {
    assert_eq!(roblox().sweep(), SweepReport::default());
}

#[test]
fn a_review_is_due_in_its_hour_and_not_before() {
    let mut world = roblox();
    for minute in [5, 6] {
        world.set_at(&player(), clock(10, minute, 0));
    }
    let due = clock(12, 0, 0);
    let report = world.sweep_at(Timestamp::from_ticks(due.ticks() - 1));
    assert_eq!((report.reviewed, report.next_due), (0, Some(due.utc_hour())));
    let report = world.sweep_at(due);
    assert_eq!((report.reviewed, report.revisions_removed, report.next_due), (1, 1, None));
    assert_eq!((world.standing(&player()), world.reviews(&player())), (vec![2], 0));
}

#[test]
fn an_entry_has_about_one_review_an_hour_however_often_it_is_written() {
    let mut world = roblox();
    for hour in 0..3 {
        for minute in 0..60 {
            world.set_at(&player(), clock(hour, minute, 0));
        }
        assert_eq!(world.reviews(&player()), usize::try_from(hour).unwrap() + 1);
    }
}

#[test]
fn after_a_sweep_each_hour_only_what_is_there_stands() {
    for settings in [Settings::roblox(), Settings::native()] {
        let (mut world, ever) = played(settings);
        let mut shown_before = world.shown(&player(), &ever);
        for hour in 5..31 * 24 {
            world.now = clock(hour, 30, 0);
            let shown = world.shown(&player(), &ever);
            world.sweep();
            assert_eq!(world.shown(&player(), &ever), shown);
            let standing = world.standing(&player());
            assert!(shown.iter().all(|counter| standing.contains(counter)));
            // What went within the hour goes with the next one; what was superseded within it too.
            let is_late = |counter: &u64| hour < 7 || shown_before.contains(counter);
            assert!(standing.iter().all(is_late), "in hour {hour}: {standing:?}");
            shown_before = shown;
        }
        assert_eq!(world.standing(&player()), [25]);
        assert_eq!(world.reviews(&player()), 0, "nothing is left to look at");
    }
}

#[test]
fn a_long_history_goes_in_several_batches_and_in_order() {
    let mut world = roblox();
    for second in 0..1_200 {
        world.set_at(&player(), clock(10, 0, 0).max(later(clock(10, 0, 0), second)));
    }
    world.now = clock(12, 0, 0);
    let mut running = world.start(SweepOnce { budget: 1, stores_after: None });
    let mut deleted = Vec::new();
    while !running.is_over() {
        if let Some(batch) = running.batch() {
            let revisions = batch.writes.iter().filter_map(|write| {
                let RowKey::Revision(_, counter) = write.key() else { return None };
                Some(*counter)
            });
            deleted.push(revisions.collect::<Vec<_>>());
        }
        world.step(&mut running);
    }
    assert!(deleted.iter().all(|batch| batch.len() <= 498));
    assert_eq!(deleted.len(), 3);
    assert_eq!(deleted.concat(), (1..1_200).collect::<Vec<_>>());
    assert_eq!(running.answer().unwrap().revisions_removed, 1_199);
    assert_eq!(world.standing(&player()), [1_200]);
}

#[test]
fn a_budget_ends_a_pass_between_two_entries_and_the_next_one_goes_on() {
    let mut world = roblox();
    for key in ["a", "b", "c"] {
        for minute in [5, 6] {
            world.set_at(&entry_in("Players", key), clock(10, minute, 0));
        }
    }
    world.now = clock(12, 0, 0);
    for has_more in [true, true, false] {
        let report = world.run(SweepOnce { budget: 1, stores_after: None }).unwrap();
        assert_eq!((report.reviewed, report.has_more), (1, has_more));
    }
    // A budget of nothing is one of one.
    assert_eq!(world.run(SweepOnce::default()).unwrap(), SweepReport::default());
}

/// Leads a sweep, and lets something happen before each of its steps in turn. Afterwards, and after
/// the sweeps of later passes, the fact must hold.
fn interleave(
    prepare: impl Fn() -> World,
    between: impl Fn(&mut World),
    check: impl Fn(&mut World, u32),
) {
    for at in 0.. {
        let mut world = prepare();
        let mut running = world.start(SweepOnce { budget: 1_000, stores_after: None });
        let mut steps = 0;
        while !running.is_over() {
            if steps == at {
                between(&mut world);
            }
            world.step(&mut running);
            steps += 1;
        }
        running.answer().unwrap();
        check(&mut world, steps);
        if at > steps {
            return;
        }
    }
}

#[test]
fn a_write_at_any_step_of_a_sweep_is_not_harmed_and_its_past_is_swept_later() {
    let prepare = || {
        let (mut world, _) = played(Settings::roblox());
        world.now = clock(7, 0, 0);
        world
    };
    let between = |world: &mut World| {
        let time = world.now;
        let written = world.set_at(&player(), time);
        assert_eq!(written.revision.counter, 26);
    };
    interleave(prepare, between, |world, _| {
        world.sweep_at(clock(10, 0, 0));
        let expected: &[u64] = if world.rows.contains_key(&RowKey::Revision(player(), 26)) {
            &[5, 10, 15, 20, 25, 26]
        } else {
            &[5, 10, 15, 20, 25]
        };
        assert_eq!(world.standing(&player()), expected);
        let id = state(world, &RowKey::Entry(player())).revision_id();
        assert!(world.get(&player(), Which::Revision(id)).is_ok());
    });
}

#[test]
fn a_new_life_at_any_step_of_a_purge_goes_on_with_its_counter() {
    let prepare = || {
        let mut world = roblox();
        world.set_at(&player(), clock(9, 0, 0));
        world.set_at(&player(), clock(9, 10, 0));
        world.remove_at(&player(), clock(10, 0, 0));
        world.now = later(clock(11, 0, 0), MONTH);
        world
    };
    let between = |world: &mut World| {
        let time = world.now;
        let written = world.set_at(&player(), time);
        assert!([1, 4].contains(&written.revision.counter));
        assert_eq!(written.created_at, time);
    };
    interleave(prepare, between, |world, _| {
        let live = world.get(&player(), Which::Current);
        let time = later(world.now, 3 * HOUR);
        world.sweep_at(time);
        match live {
            Ok(live) => {
                assert_eq!(world.get(&player(), Which::Current), Ok(live.clone()));
                assert_eq!(world.standing(&player()), [live.revision.counter]);
            }
            Err(_) => assert_eq!(world.standing(&player()), [0_u64; 0]),
        }
    });
}

#[test]
fn an_undeletion_at_any_step_of_a_purge_stops_it_and_leaves_each_entry_whole_or_gone() {
    let prepare = || {
        let mut world = roblox();
        for key in ["a", "b", "c"] {
            for hour in [7, 8] {
                world.set_at(&entry_in("Players", key), clock(hour, 0, 0));
            }
        }
        world.now = clock(10, 0, 0);
        world.delete_store(&player().store);
        world.now = later(clock(10, 0, 0), MONTH);
        world
    };
    let between = |world: &mut World| {
        if world.rows.contains_key(&RowKey::Store(player().store)) {
            world.manage(&player().store, |body| body.deleted = None);
        }
    };
    interleave(prepare, between, |world, _| {
        for key in ["a", "b", "c"] {
            let id = entry_in("Players", key);
            let row = world.rows.get(&RowKey::Entry(id.clone()));
            let standing = world.standing(&id);
            // What its review finds to be gone may go once it is back.
            let is_whole = [&[1, 2][..], &[2]].contains(&&*standing);
            assert!(if row.is_some() { is_whole } else { standing.is_empty() }, "{key}");
        }
    });
}

#[test]
fn two_sweeps_at_once_do_what_one_does() {
    let prepare = || {
        let (mut world, _) = played(Settings::native());
        world.remove_at(&entry_in("Players", "u_1"), clock(5, 0, 0));
        for minute in [5, 6] {
            world.set_at(&entry_in("Players", "u_2"), clock(6, minute, 0));
        }
        world.now = clock(9, 0, 0);
        world
    };
    let mut alone = prepare();
    alone.sweep();
    interleave(
        prepare,
        |world| {
            world.sweep();
        },
        |world, _| assert_eq!(world.rows, alone.rows),
    );
    // Step by step in turns.
    let mut world = prepare();
    let start = |world: &World| world.start(SweepOnce { budget: 1_000, stores_after: None });
    let (mut a, mut b) = (start(&world), start(&world));
    while !a.is_over() || !b.is_over() {
        world.step(&mut a);
        world.step(&mut b);
    }
    assert_eq!(world.rows, alone.rows);
}

#[test]
fn an_entry_that_is_written_at_each_look_is_left_for_the_next_pass() {
    let (mut world, _) = played(Settings::roblox());
    world.now = clock(7, 0, 0);
    let before = world.rows.keys().filter(|key| matches!(key, RowKey::Review(..))).count();
    let mut running = world.start(SweepOnce { budget: 1, stores_after: None });
    let mut batches = 0;
    while !running.is_over() {
        if running.batch().is_some() {
            batches += 1;
            let time = world.now;
            world.set_at(&player(), time);
        }
        world.step(&mut running);
    }
    let report = running.answer().unwrap();
    assert_eq!((batches, report.skipped, report.revisions_removed), (LOOKS_MAX, 1, 0));
    assert!(world.reviews(&player()) >= before, "its review still stands");
    assert!(world.sweep_at(clock(9, 0, 0)).revisions_removed > 0);
}

#[test]
fn an_outcome_that_stays_unknown_is_found_out_by_the_next_pass() {
    for is_written in [true, false] {
        let (mut world, ever) = played(Settings::roblox());
        world.now = clock(7, 0, 0);
        let shown = world.shown(&player(), &ever);
        let mut running = world.start(SweepOnce { budget: 1_000, stores_after: None });
        while !running.is_over() {
            let Some(batch) = running.batch().cloned() else {
                world.step(&mut running);
                continue;
            };
            if is_written {
                drop(world.commit(&batch));
            }
            running.give(Input::Committed(Outcome::Unknown));
        }
        assert!(running.answer().unwrap().skipped > 0);
        world.sweep();
        assert_eq!(world.standing(&player()), shown);
    }
}

#[test]
fn a_store_that_fails_or_is_full_ends_the_pass_with_that_error() {
    let reason = || "by hand".into();
    let (world, _) = played(Settings::roblox());
    let start = || world.start(SweepOnce { budget: 1_000, stores_after: None });
    let mut running = start();
    running.give(Input::Scanned(Err(crate::row::ReadError::Unavailable { reason: reason() })));
    assert!(matches!(running.answer(), Err(PlatformError::Unavailable { .. })));
    let mut world = world.clone();
    world.now = clock(9, 0, 0);
    for (refusal, is_full) in [
        (Refusal::Exhausted { reason: reason() }, true),
        (Refusal::Unavailable { reason: reason() }, false),
    ] {
        let mut running = world.start(SweepOnce { budget: 1_000, stores_after: None });
        while running.batch().is_none() {
            world.step(&mut running);
        }
        running.give(Input::Committed(Outcome::Refused(refusal)));
        let answer = running.answer();
        assert_eq!(matches!(answer, Err(PlatformError::StoreFull { .. })), is_full, "{answer:?}");
    }
}

#[test]
fn damage_is_never_deleted_and_is_looked_at_again_a_day_later() {
    let id = player();
    let damaged = [
        RowKey::Entry(id.clone()),
        RowKey::Store(id.store.clone()),
        RowKey::Universe(id.store.universe),
        RowKey::Revision(id.clone(), 3),
    ];
    for key in damaged {
        let (mut world, _) = played(Settings::roblox());
        world.snapshot_at(clock(5, 0, 0));
        world.damaged.insert(key.clone());
        let report = world.sweep_at(clock(9, 0, 0));
        assert!(report.skipped > 0, "{key}");
        let is_revision = matches!(key, RowKey::Revision(..));
        // Only what stands right below a damaged revision cannot be judged.
        let expected: &[u64] = if is_revision { &[2, 3, 5, 10, 15, 20, 25] } else { &[] };
        if is_revision {
            assert_eq!(world.standing(&id), expected);
        } else {
            assert_eq!(world.standing(&id).len(), 25, "{key}");
        }
        let next = world.sweep().next_due;
        assert_eq!(next, Some(clock(33, 0, 0).utc_hour()), "{key}");
        // Repaired, it is swept as if nothing had been.
        world.damaged.clear();
        world.sweep_at(clock(33, 0, 0));
        assert_eq!(world.standing(&id), [5, 10, 15, 20, 25], "{key}");
    }
}

#[test]
fn a_damaged_review_is_passed_over() {
    let (mut world, _) = played(Settings::roblox());
    let key = world.rows.keys().find(|key| matches!(key, RowKey::Review(..))).unwrap().clone();
    world.damaged.insert(key.clone());
    let report = world.sweep_at(clock(9, 0, 0));
    assert_eq!((report.skipped, world.standing(&player()).len()), (1, 5));
    assert!(world.rows.contains_key(&key));
}

#[test]
fn a_deleted_entry_with_a_damaged_revision_keeps_its_row_and_counter() {
    let mut world = roblox();
    for hour in [8, 9] {
        world.set_at(&player(), clock(hour, 0, 0));
    }
    world.remove_at(&player(), clock(10, 0, 0));
    world.damaged.insert(RowKey::Revision(player(), 1));
    let purge = later(clock(11, 0, 0), MONTH);
    let report = world.sweep_at(purge);
    assert_eq!((report.entries_purged, report.skipped > 0), (0, true));
    assert_eq!(world.standing(&player()), [1]);
    let reborn = world.set_at(&player(), purge);
    assert_eq!((reborn.revision.counter, reborn.created_at), (4, purge));
}

#[test]
fn a_pass_removes_the_last_trace_of_removed_ordered_entries() {
    let mut world = roblox();
    let id = |key: &str| entry_in("Scores", key);
    let put = |world: &mut World, key: &str, value: Option<i64>| {
        world.put(RowKey::Ordered(id(key)), RowBody::Ordered(OrderedBody { value }));
        let hour = review_hour(world.now.saturating_add(RETENTION));
        world.put(RowKey::Review(hour, Reviewed::Ordered(id(key))), RowBody::Review);
    };
    world.now = clock(10, 0, 0);
    for (key, value) in [("gone", None), ("again", Some(3)), ("damaged", None), ("late", None)] {
        put(&mut world, key, value);
    }
    world.rows.get_mut(&RowKey::Ordered(id("late"))).unwrap().stamped_at = clock(11, 30, 0);
    world.damaged.insert(RowKey::Ordered(id("damaged")));
    let report = world.sweep_at(later(clock(11, 0, 0), MONTH));
    assert_eq!((report.ordered_purged, report.skipped), (1, 1));
    let stands = |world: &World, key: &str| world.rows.contains_key(&RowKey::Ordered(id(key)));
    assert!(!stands(&world, "gone"));
    for key in ["again", "damaged", "late"] {
        assert!(stands(&world, key), "{key}");
    }
    assert_eq!((world.reviews(&id("again")), world.reviews(&id("damaged"))), (0, 1));
    let report = world.sweep_at(later(clock(12, 0, 0), MONTH));
    assert_eq!((report.ordered_purged, stands(&world, "late")), (1, false));
}

#[test]
fn an_ordered_entry_that_is_set_again_at_any_step_stays() {
    let id = entry_in("Scores", "k");
    let prepare = || {
        let mut world = roblox();
        world.now = clock(10, 0, 0);
        world.put(RowKey::Ordered(id.clone()), RowBody::Ordered(OrderedBody { value: None }));
        let hour = review_hour(world.now.saturating_add(RETENTION));
        world.put(RowKey::Review(hour, Reviewed::Ordered(id.clone())), RowBody::Review);
        world.now = later(clock(11, 0, 0), MONTH);
        world
    };
    let key = RowKey::Ordered(id.clone());
    let between = |world: &mut World| {
        world.put(key.clone(), RowBody::Ordered(OrderedBody { value: Some(1) }));
    };
    interleave(prepare, between, |world, steps| {
        let _ = steps;
        if let Some(row) = world.rows.get(&key) {
            assert_eq!(row.body, RowBody::Ordered(OrderedBody { value: Some(1) }));
        }
    });
}

/// A data store with three entries that was deleted at ten, a neighbour, and ordered entries of
/// the same name.
fn with_deleted_store() -> World {
    let mut world = roblox();
    for key in ["a", "b", "c"] {
        for hour in [7, 8] {
            world.set_at(&entry_in("Players", key), clock(hour, 0, 0));
        }
    }
    world.set_at(&entry_in("Other", "a"), clock(9, 0, 0));
    let ordered = RowKey::Ordered(entry_in("Players", "a"));
    world.put(ordered, RowBody::Ordered(OrderedBody { value: Some(1) }));
    world.now = clock(10, 0, 0);
    world.delete_store(&player().store);
    world
}

#[test]
fn a_deleted_store_is_purged_after_30_days_and_nothing_else_with_it() {
    let mut world = with_deleted_store();
    let before = data(&world);
    let report = world.sweep_at(later(clock(10, 0, 0), MONTH - 1));
    assert_eq!((report.stores_purged, report.revisions_removed), (0, 0));
    assert_eq!(data(&world), before);
    let report = world.sweep_at(later(clock(10, 0, 0), MONTH));
    let counts = (report.stores_purged, report.entries_purged, report.revisions_removed);
    assert_eq!(counts, (1, 3, 6));
    let left: Vec<RowKey> = data(&world).into_iter().map(|row| row.key).collect();
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left.contains(&RowKey::Ordered(entry_in("Players", "a"))), "K-13");
    // Written to again, it is a new one.
    let time = later(clock(10, 0, 0), MONTH);
    let new = world.set_at(&entry_in("Players", "a"), time);
    assert_eq!((new.revision.counter, new.created_at), (1, time));
    world.sweep_at(later(time, 2 * DAY));
    assert_eq!(world.reviews(&entry_in("Players", "a")), 0);
}

#[test]
fn reviews_in_a_deleted_store_wait_for_its_purge_or_its_return() {
    let mut world = with_deleted_store();
    world.sweep_at(clock(12, 0, 0));
    assert_eq!(world.standing(&entry_in("Players", "a")), [1, 2]);
    assert_eq!(world.reviews(&entry_in("Players", "a")), 1);
    world.manage(&player().store, |body| body.deleted = None);
    world.now = later(clock(12, 0, 0), MONTH);
    world.sweep();
    assert_eq!(world.standing(&entry_in("Players", "a")), [2]);
}

#[test]
fn a_store_is_purged_over_several_passes_with_a_small_budget() {
    for budget in [1, 3] {
        let mut world = with_deleted_store();
        world.now = later(clock(10, 0, 0), MONTH);
        let (mut passes, mut stores_after, mut purged) = (0, None, 0);
        while world.rows.contains_key(&RowKey::Store(player().store)) {
            let report = world.run(SweepOnce { budget, stores_after }).unwrap();
            stores_after = report.stores_after;
            purged += report.stores_purged;
            passes += 1;
            assert!(passes < 20, "it comes to an end");
        }
        assert!(passes > 1);
        assert_eq!(purged, 1);
    }
}

#[test]
fn the_purge_of_a_store_goes_on_behind_an_entry_whose_only_revision_is_damaged() {
    let mut world = roblox();
    for key in ["a", "b"] {
        world.set_at(&entry_in("Players", key), clock(1, 0, 0));
    }
    world.delete_store(&player().store);
    world.damaged.insert(RowKey::Revision(entry_in("Players", "a"), 1));
    let report = world.sweep_at(later(clock(2, 0, 0), MONTH));
    assert_eq!((report.entries_purged, report.stores_purged), (1, 0));
    assert!(world.rows.contains_key(&RowKey::Entry(entry_in("Players", "a"))));
    assert!(!world.rows.contains_key(&RowKey::Entry(entry_in("Players", "b"))));
}

#[test]
fn h_32_an_undeletion_that_comes_in_late_brings_back_everything_or_nothing() {
    let store = player().store;
    let request = |change| StoreRequest { store: store.clone(), change, write_id: WriteId(99) };
    // How many steps of the purge are over when it comes in.
    for steps in 0.. {
        let mut world = with_deleted_store();
        world.now = later(clock(10, 0, 0), MONTH - 1);
        let mut undeletion = world.start(request(StoreChange::Undelete));
        world.step(&mut undeletion);
        let late = undeletion.batch().expect("it was asked for in time").clone();
        world.now = later(clock(10, 0, 0), MONTH);
        let mut purge = world.start(SweepOnce { budget: 100, stores_after: None });
        for _ in 0..steps {
            if !purge.is_over() {
                world.step(&mut purge);
            }
        }
        let was_over = purge.is_over();
        let is_back = matches!(world.commit(&late), Outcome::Committed(_));
        while !purge.is_over() {
            world.step(&mut purge);
        }
        let look = world.run(request(StoreChange::Look));
        assert_eq!(look.is_ok(), is_back, "after {steps} steps");
        for key in ["a", "b", "c"] {
            let stands = world.rows.contains_key(&RowKey::Entry(entry_in("Players", key)));
            assert_eq!(stands, is_back, "{key} after {steps} steps");
        }
        if was_over {
            assert!(!is_back && steps > 5, "it was purged by then");
            break;
        }
    }
}

#[test]
fn many_stores_are_looked_at_page_by_page() {
    let mut world = roblox();
    let count = PAGE_SIZE + 10;
    for number in 0..count {
        world.set_at(&entry_in(&format!("s{number:04}"), "k"), clock(1, 0, 0));
    }
    let last = entry_in(&format!("s{:04}", count - 1), "k").store;
    world.delete_store(&last);
    world.now = later(clock(2, 0, 0), MONTH);
    let first = world.run(SweepOnce { budget: 10, stores_after: None }).unwrap();
    assert_eq!(first.stores_purged, 0);
    let request = SweepOnce { budget: 10, stores_after: first.stores_after };
    assert!(request.stores_after.is_some());
    let second = world.run(request).unwrap();
    assert_eq!((second.stores_purged, second.stores_after), (1, None));
}

#[test]
fn a_deleted_store_with_damage_keeps_its_row() {
    for key in
        [RowKey::Entry(entry_in("Players", "b")), RowKey::Revision(entry_in("Players", "b"), 1)]
    {
        let mut world = with_deleted_store();
        world.damaged.insert(key.clone());
        let report = world.sweep_at(later(clock(10, 0, 0), MONTH));
        assert_eq!((report.stores_purged, report.entries_purged), (0, 2), "{key}");
        assert!(report.skipped > 0);
        assert!(world.rows.contains_key(&RowKey::Store(player().store)));
        assert!(world.rows.contains_key(&RowKey::Entry(entry_in("Players", "b"))));
    }
    // A damaged row of the data store tells nothing.
    let mut world = with_deleted_store();
    world.damaged.insert(RowKey::Store(player().store));
    let before = data(&world);
    world.sweep_at(later(clock(10, 0, 0), MONTH));
    assert_eq!(data(&world), before);
}

#[test]
fn a_write_that_was_planned_in_the_hour_before_is_looked_at_one_day() {
    // Its base was the second of its hour, so that it plans no review of its own.
    let mut world = roblox();
    for minute in [0, 1, 2] {
        world.set_at(&player(), clock(10, minute, 0));
    }
    world.now = clock(10, 59, 59);
    let request = world.set_request(&player());
    let mut running = world.start(request);
    world.step(&mut running);
    let batch = running.batch().unwrap();
    assert!(batch.writes.iter().all(|write| !matches!(write.key(), RowKey::Review(..))));
    // It comes as late as a batch may, with sweeps all the time.
    for minute in 0..59 {
        world.sweep_at(clock(11, minute, 30));
    }
    world.now = clock(11, 59, 58);
    world.step(&mut running);
    assert_eq!(running.answer().unwrap().revision.counter, 4);
    for hour in 12..31 * 24 {
        world.sweep_at(clock(hour, 0, 0));
    }
    assert_eq!((world.standing(&player()), world.reviews(&player())), (vec![4], 0));
}

#[test]
fn a_write_that_comes_in_after_the_last_review_was_done_is_looked_at_one_day() {
    let mut world = roblox();
    let first = world.set_at(&player(), clock(9, 0, 0));
    world.now = clock(9, 1, 0);
    world.restore(&player(), first.revision_id()).unwrap();
    // Planned in one hour and written in the next: neither of the two writes has a review.
    for (planned, written) in
        [(clock(9, 59, 59), clock(10, 0, 1)), (clock(10, 59, 59), clock(11, 0, 3))]
    {
        world.now = planned;
        let request = world.set_request(&player());
        let mut running = world.start(request);
        world.step(&mut running);
        let batch = running.batch().unwrap();
        assert!(batch.writes.iter().all(|write| !matches!(write.key(), RowKey::Review(..))));
        // Right before it the sweep finds only what is pinned, and nothing that could go one day.
        world.sweep_at(later(written, -1));
        world.now = written;
        world.step(&mut running);
        assert!(running.answer().is_ok());
    }
    for hour in 12..32 * 24 {
        world.sweep_at(clock(hour, 0, 0));
    }
    assert_eq!((world.standing(&player()), world.reviews(&player())), (vec![1, 2, 4], 0));
}

#[test]
fn v_04_a_removed_revision_takes_with_it_what_it_overshadowed() {
    let mut world = roblox();
    let times = [(9, 30), (10, 5), (10, 20), (10, 50), (11, 1)];
    let ever: Vec<_> = times
        .iter()
        .map(|(hour, minute)| world.set_at(&player(), clock(*hour, *minute, 0)))
        .collect();
    assert_eq!(world.shown(&player(), &ever), [1, 4, 5]);
    let removed = world.remove_revision(&player(), ever[3].revision_id());
    assert_eq!(removed.as_ref(), Ok(&ever[3]));
    // Neither of the others of that hour comes back in its place.
    assert_eq!(world.shown(&player(), &ever), [1, 5]);
    assert_eq!(world.standing(&player()), [1, 5]);
    let gone = PlatformError::RevisionNotFound { entry: player() };
    assert_eq!(world.remove_revision(&player(), ever[3].revision_id()), Err(gone.clone()));
    assert_eq!(world.remove_revision(&player(), ever[2].revision_id()), Err(gone));
    let missing = PlatformError::StoreNotFound { store: entry_in("Other", "k").store };
    let answer = world.remove_revision(&entry_in("Other", "k"), ever[0].revision_id());
    assert_eq!(answer, Err(missing));
}

#[test]
fn v_26_the_current_revision_is_not_removed() {
    let mut world = roblox();
    let old = world.set_at(&player(), clock(9, 0, 0));
    let current = world.set_at(&player(), clock(10, 0, 0));
    let error = PlatformError::RevisionIsCurrent { entry: player() };
    assert_eq!(world.remove_revision(&player(), current.revision_id()), Err(error.clone()));
    world.settings.remove_current_revision = true;
    assert_eq!(world.remove_revision(&player(), current.revision_id()), Ok(current.clone()));
    assert_eq!(world.standing(&player()), [1]);
    assert_eq!(world.get(&player(), Which::Current), Ok(current.clone()));
    // Once it is superseded it is gone, and the one before is judged by what came then.
    let next = world.set_at(&player(), clock(11, 0, 0));
    let ever = [old.clone(), current, next.clone()];
    assert_eq!(world.shown(&player(), &ever), [1, 3]);
    assert!(world.remove_revision(&player(), old.revision_id()).is_ok());
    assert_eq!(world.remove_revision(&player(), next.revision_id()), Err(error));
}

#[test]
fn a_removal_of_a_revision_that_is_raced_or_unknown_happens_once() {
    let prepared = || {
        let mut world = roblox();
        let old = world.set_at(&player(), clock(9, 0, 0));
        world.set_at(&player(), clock(10, 0, 0));
        (world, old)
    };
    let request = |old: &EntryState| RemoveRevision {
        entry: player(),
        revision: old.revision_id(),
        write_id: WriteId(9),
    };
    // A write before each step.
    for at in 0..8 {
        let (mut world, old) = prepared();
        let mut running = world.start(request(&old));
        for step in 0.. {
            if running.is_over() {
                break;
            }
            if step == at {
                let time = world.now;
                world.set_at(&player(), time);
            }
            world.step(&mut running);
        }
        assert_eq!(running.answer(), Ok(old));
        assert!(!world.standing(&player()).contains(&1));
    }
    // An outcome that is unknown, once or for ever.
    for (is_written, unknown) in [(true, 1), (false, 1), (true, 99), (false, 99)] {
        let (mut world, old) = prepared();
        let mut running = world.start(request(&old));
        let mut left = unknown;
        while !running.is_over() {
            match running.batch().cloned() {
                Some(batch) if left > 0 => {
                    left -= 1;
                    if is_written {
                        drop(world.commit(&batch));
                    }
                    running.give(Input::Committed(Outcome::Unknown));
                }
                Some(_) | None => world.step(&mut running),
            }
        }
        let expected = if is_written || unknown == 1 {
            Ok(old)
        } else {
            Err(PlatformError::OutcomeUnknown { write_id: WriteId(9) })
        };
        assert_eq!(running.answer(), expected, "{is_written} {unknown}");
    }
    // Always overtaken.
    let (mut world, old) = prepared();
    let mut running = world.start(request(&old));
    while !running.is_over() {
        if running.batch().is_some() {
            let time = world.now;
            world.set_at(&player(), time);
        }
        world.step(&mut running);
    }
    assert!(matches!(running.answer(), Err(PlatformError::Contended { .. })));
}

#[test]
fn a_sweep_names_no_lane_and_no_write() {
    let once = SweepOnce { budget: 1, stores_after: None };
    assert_eq!((once.lane(), once.write_id()), (None::<EntryId>, None));
}
