//! The sweep beside game servers: the entry of a record that one holds keeps its row.

use super::*;
use crate::id::{ServerId, SessionId};
use crate::record::{Fence, Lease, LeaseMode, RECORD_FORMAT, RecordBody, Usage};
use crate::row::Birth;

fn record(is_held: bool) -> RowBody {
    let fence = Fence::first(SessionId(12));
    let (server, session, mode) = (ServerId(11), fence.session, LeaseMode::Presence);
    let lease = is_held.then_some(Lease { server, session, mode, since: Birth::ThisWrite });
    let (format, schema, save_seq, write_id) = (RECORD_FORMAT, 0, 0, WriteId(22));
    let usage = Usage::default();
    RowBody::Record(RecordBody { format, schema, lease, fence, save_seq, write_id, usage })
}

fn is_held_by_nobody(world: &World, key: &RowKey) -> bool {
    matches!(&world.rows[key].body, RowBody::Record(body) if body.lease.is_none())
}

/// A player whose entry was deleted so long ago that its last trace may go.
fn long_deleted() -> World {
    let mut world = roblox();
    for hour in [8, 9] {
        world.set_at(&player(), clock(hour, 0, 0));
    }
    world.remove_at(&player(), clock(10, 0, 0));
    world.now = later(clock(11, 0, 0), MONTH);
    world
}

#[test]
fn a_deleted_entry_whose_record_may_be_held_keeps_its_row_until_it_is_not() {
    let key = RowKey::Record(player());
    let unknown = |world: &mut World| {
        let RowBody::Record(body) = record(false) else { unreachable!("a record was made") };
        let body = RecordBody { format: RECORD_FORMAT + 1, ..body };
        world.put(key.clone(), RowBody::Record(body));
    };
    let damaged = |world: &mut World| {
        world.damaged.insert(key.clone());
    };
    let held = |world: &mut World| world.put(key.clone(), record(true));
    let ways: [&dyn Fn(&mut World); 3] = [&held, &unknown, &damaged];
    for make in ways {
        let mut world = long_deleted();
        let tombstone = world.rows[&RowKey::Entry(player())].clone();
        make(&mut world);
        let report = world.sweep();
        assert!(report.skipped > 0, "{report:?}");
        assert_eq!(report.entries_purged, 0);
        assert_eq!(world.rows[&RowKey::Entry(player())], tombstone);
        let next = world.sweep().next_due;
        assert_eq!(next, Some(world.now.utc_hour().plus(24)), "a day later");
        // Let go, its entry goes and its row stays.
        world.damaged.clear();
        world.put(key.clone(), record(false));
        let report = world.sweep_at(later(world.now, DAY));
        assert_eq!(report.entries_purged, 1, "{report:?}");
        assert!(!world.rows.contains_key(&RowKey::Entry(player())));
        assert!(is_held_by_nobody(&world, &key));
    }
}

#[test]
fn a_grant_at_any_step_of_a_purge_finds_the_entry_gone_or_keeps_it() {
    let key = RowKey::Record(player());
    let after = |world: &World, entry_before: bool| {
        let entry = world.rows.contains_key(&RowKey::Entry(player()));
        assert_eq!(entry, entry_before, "what the grant found is what stands");
        assert!(world.rows.contains_key(&key), "the record stays");
    };
    for steps in 0.. {
        let mut world = long_deleted();
        let mut sweep = world.start(SweepOnce { budget: 100, stores_after: None });
        for _ in 0..steps {
            world.step(&mut sweep);
        }
        let is_over = sweep.is_over();
        let entry_before = world.rows.contains_key(&RowKey::Entry(player()));
        world.put(key.clone(), record(true));
        while !sweep.is_over() {
            world.step(&mut sweep);
        }
        sweep.answer().expect("nothing fails here");
        after(&world, entry_before);
        world.sweep();
        after(&world, entry_before);
        if is_over {
            return;
        }
    }
}

#[test]
fn what_a_held_record_leaves_of_its_history_is_thinned_like_any_other() {
    let (mut world, _) = played(Settings::roblox());
    world.put(RowKey::Record(player()), record(true));
    world.sweep_at(clock(9, 0, 0));
    assert_eq!(world.standing(&player()), [5, 10, 15, 20, 25]);
}

#[test]
fn a_deleted_store_is_purged_but_for_the_entries_whose_records_are_held() {
    let mut world = with_deleted_store();
    let held = RowKey::Record(entry_in("Players", "b"));
    let free = RowKey::Record(entry_in("Players", "c"));
    world.put(held.clone(), record(true));
    world.put(free.clone(), record(false));
    let report = world.sweep_at(later(clock(10, 0, 0), MONTH));
    assert_eq!((report.entries_purged, report.stores_purged, report.skipped), (2, 0, 1));
    let stands = |world: &World, key: &str| {
        let id = entry_in("Players", key);
        (world.rows.contains_key(&RowKey::Entry(id.clone())), world.standing(&id).len())
    };
    assert_eq!((stands(&world, "a"), stands(&world, "c")), ((false, 0), (false, 0)));
    assert_eq!(stands(&world, "b"), (true, 2), "all of it");
    assert!(world.rows.contains_key(&RowKey::Store(player().store)));
    // Let go, it goes with its store. Fences are never granted twice: the records stay.
    world.put(held.clone(), record(false));
    let report = world.sweep();
    assert_eq!((report.entries_purged, report.stores_purged), (1, 1));
    assert!(is_held_by_nobody(&world, &held) && is_held_by_nobody(&world, &free));
}

#[test]
fn a_grant_at_any_step_of_the_purge_of_a_store_finds_the_entry_gone_or_keeps_it_whole() {
    let id = entry_in("Players", "b");
    for steps in 0.. {
        let mut world = with_deleted_store();
        world.now = later(clock(10, 0, 0), MONTH);
        let mut sweep = world.start(SweepOnce { budget: 100, stores_after: None });
        for _ in 0..steps {
            world.step(&mut sweep);
        }
        let is_over = sweep.is_over();
        let before = world.standing(&id);
        world.put(RowKey::Record(id.clone()), record(true));
        while !sweep.is_over() {
            world.step(&mut sweep);
        }
        sweep.answer().expect("nothing fails here");
        world.sweep();
        assert_eq!(world.standing(&id), before, "after {steps} steps");
        assert_eq!(world.rows.contains_key(&RowKey::Entry(id.clone())), !before.is_empty());
        if is_over {
            return;
        }
    }
}
