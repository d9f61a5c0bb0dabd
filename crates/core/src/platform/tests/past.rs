//! The past of an entry over the hours and days: seeds 1 to 4 of the contract, restores, lives.

use super::support::content;
use super::world::*;
use crate::error::ErrorKind;
use crate::id::WriteId;
use crate::outcome::Outcome;
use crate::platform::{
    EntryState, Get, Increment, Input, Permit, PlatformError, Remove, Request, Restore, RevisionId,
    Set, Settings, When, Which,
};
use crate::row::{Birth, Metadata, RowBody, RowKey};

fn roblox() -> World {
    World::new(Settings::roblox())
}

fn revision_not_found() -> PlatformError {
    PlatformError::RevisionNotFound { entry: player() }
}

fn entry_not_found() -> PlatformError {
    PlatformError::EntryNotFound { entry: player() }
}

fn by_id(world: &mut World, state: &EntryState) -> Result<EntryState, PlatformError> {
    world.get(&player(), Which::Revision(state.revision_id()))
}

#[test]
fn seed_1_v_10_of_three_sets_the_first_of_an_hour_is_lost() {
    let mut world = roblox();
    let times = [clock(10, 5, 0), clock(10, 50, 0), clock(11, 1, 0)];
    let states = times.map(|time| world.set_at(&player(), time));
    assert_eq!(world.shown(&player(), &states), [2, 3]);
    assert_eq!(by_id(&mut world, &states[0]), Err(revision_not_found()));
    // The sweep takes the row away an hour after it was superseded, and changes nothing else.
    world.sweep_at(clock(11, 59, 0));
    assert_eq!(world.standing(&player()), [1, 2, 3]);
    world.sweep_at(clock(13, 0, 0));
    assert_eq!(world.standing(&player()), [2, 3]);
    assert_eq!(world.shown(&player(), &states), [2, 3]);
}

#[test]
fn seed_2_v_11_a_snapshot_in_between_keeps_the_first() {
    let mut world = roblox();
    let mut states = vec![world.set_at(&player(), clock(10, 5, 0))];
    world.snapshot_at(clock(10, 20, 0));
    states.push(world.set_at(&player(), clock(10, 50, 0)));
    states.push(world.set_at(&player(), clock(11, 1, 0)));
    assert_eq!(world.shown(&player(), &states), [1, 2, 3]);
    world.sweep_at(clock(15, 0, 0));
    assert_eq!(world.shown(&player(), &states), [1, 2, 3]);
    // A later snapshot covers nothing of what is past.
    world.snapshot_at(clock(16, 0, 0));
    assert_eq!(world.shown(&player(), &states), [1, 2, 3]);
}

#[test]
fn seed_3_v_12_a_backup_is_there_for_30_days_after_it_was_superseded() {
    let mut world = roblox();
    let old = world.set_at(&player(), clock(-5, 30, 0));
    let superseded = clock(10, 5, 0);
    let new = world.set_at(&player(), superseded);
    let states = [old.clone(), new];
    world.now = later(superseded, MONTH - 1);
    assert_eq!(world.shown(&player(), &states), [1, 2]);
    world.sweep();
    assert_eq!(world.standing(&player()), [1, 2]);
    world.now = later(superseded, MONTH + 1);
    assert_eq!(world.shown(&player(), &states), [2]);
    assert_eq!(by_id(&mut world, &old), Err(revision_not_found()));
    world.sweep_at(later(superseded, MONTH + HOUR));
    assert_eq!(world.standing(&player()), [2]);
}

#[test]
fn seed_4_v_14_v_16_a_removed_entry_shows_what_it_was_until_it_is_purged() {
    let mut world = roblox();
    let set = world.set_at(&player(), clock(10, 5, 0));
    let deleted_at = clock(10, 10, 0);
    assert_eq!(world.remove_at(&player(), deleted_at), set);
    assert_eq!(world.get(&player(), Which::Current), Err(entry_not_found()));
    let tombstone = world.rows[&RowKey::Entry(player())].clone();
    let tombstone = EntryState::of_row(&tombstone).unwrap();
    let states = [set, tombstone.clone()];
    world.sweep_at(later(deleted_at, MONTH - 1));
    assert_eq!(world.shown(&player(), &states), [1, 2]);
    // V-20: the deletion is a state that holds nothing.
    assert_eq!(by_id(&mut world, &tombstone).unwrap().content, None);
    world.now = later(deleted_at, MONTH);
    assert_eq!(world.shown(&player(), &states), [0_u64; 0]);
    assert_eq!(by_id(&mut world, &tombstone), Err(entry_not_found()));
    let at = Which::At(clock(10, 7, 0));
    assert_eq!(world.get(&player(), at), Err(entry_not_found()));
    let report = world.sweep_at(later(deleted_at, MONTH + HOUR));
    assert_eq!((report.entries_purged, report.revisions_removed), (1, 2));
    assert!(world.rows.keys().all(|key| matches!(key, RowKey::Store(_))), "{:?}", world.rows);
}

#[test]
fn v_13_the_first_write_leaves_nothing_to_look_at() {
    let mut world = roblox();
    world.set_at(&player(), clock(10, 5, 0));
    assert_eq!((world.standing(&player()), world.reviews(&player())), (vec![1], 0));
}

#[test]
fn v_15_a_deletion_stays_in_the_history_of_what_is_set_right_after_it() {
    let mut world = roblox();
    let first = world.set_at(&player(), clock(10, 5, 0));
    world.remove_at(&player(), clock(10, 10, 0));
    let tombstone = EntryState::of_row(&world.rows[&RowKey::Entry(player())]).unwrap();
    let second = world.set_at(&player(), clock(10, 11, 0));
    let states = [first, tombstone, second];
    world.sweep_at(clock(20, 0, 0));
    assert_eq!(world.shown(&player(), &states), [1, 2, 3]);
}

#[test]
fn v_18_the_counter_goes_on_behind_what_was_overwritten_swept_and_deleted() {
    let mut world = roblox();
    let mut counter = 0;
    for hour in 0..20 {
        for minute in 0..3 {
            counter += 1;
            let state = world.set_at(&player(), clock(hour, minute, 0));
            assert_eq!(state.revision.counter, counter);
        }
        if hour % 5 == 4 {
            counter += 1;
            world.remove_at(&player(), clock(hour, 30, 0));
        }
        world.sweep_at(clock(hour, 59, 0));
    }
    assert!(world.standing(&player()).len() < 40, "{:?}", world.standing(&player()));
}

#[test]
fn v_21_a_time_finds_the_state_that_certainly_was_current() {
    let mut world = roblox();
    let first = world.set_at(&player(), clock(9, 30, 0));
    world.set_at(&player(), clock(10, 5, 0));
    world.set_at(&player(), clock(10, 50, 0));
    let last = world.set_at(&player(), clock(11, 1, 0));
    let at = |world: &mut World, time| world.get(&player(), Which::At(time));
    assert_eq!(at(&mut world, clock(9, 45, 0)), Ok(first.clone()));
    // The second was overwritten. The first must not be returned in its place.
    assert_eq!(at(&mut world, clock(10, 20, 0)), Err(entry_not_found()));
    assert_eq!(at(&mut world, clock(11, 1, 0)), Ok(last));
    // Once the second is swept, nobody knows until when the first was current.
    world.sweep_at(clock(14, 0, 0));
    assert_eq!(world.standing(&player()), [1, 3, 4]);
    assert_eq!(at(&mut world, clock(9, 45, 0)), Err(entry_not_found()));
    assert_eq!(by_id(&mut world, &first), Ok(first));
}

#[test]
fn v_27_hv2_a_restore_is_a_new_revision_and_pins_the_way_back() {
    let mut world = roblox();
    let good = world.set_at(&player(), clock(9, 30, 0));
    let bad = world.set_at(&player(), clock(10, 5, 0));
    world.now = clock(10, 6, 0);
    let restored = world.restore(&player(), good.revision_id()).unwrap();
    assert_eq!((restored.revision.counter, &restored.content), (3, &good.content));
    assert_eq!(restored.created_at, good.created_at);
    let next = world.set_at(&player(), clock(10, 7, 0));
    let states = [good, bad.clone(), restored, next];
    // What was superseded by the restore and what the restore made are never thinned.
    world.sweep_at(later(clock(12, 0, 0), 3 * MONTH));
    assert_eq!(world.shown(&player(), &states), [2, 3, 4]);
    assert_eq!(world.standing(&player()), [2, 3, 4]);
    let back = world.restore(&player(), bad.revision_id()).unwrap();
    assert_eq!(back.content, bad.content);
}

#[test]
fn v_27_what_is_gone_or_a_deletion_is_not_restored() {
    let mut world = roblox();
    let lost = world.set_at(&player(), clock(10, 5, 0));
    let kept = world.set_at(&player(), clock(10, 50, 0));
    assert_eq!(world.restore(&player(), lost.revision_id()), Err(revision_not_found()));
    world.remove_at(&player(), clock(10, 55, 0));
    let tombstone = EntryState::of_row(&world.rows[&RowKey::Entry(player())]).unwrap();
    assert_eq!(world.restore(&player(), tombstone.revision_id()), Err(revision_not_found()));
    // A deleted entry is brought back.
    let back = world.restore(&player(), kept.revision_id()).unwrap();
    assert_eq!((&back.content, back.created_at), (&kept.content, lost.created_at));
    // One that was never there is not found, nor is one that was purged.
    let other = entry_in("Players", "u_2");
    let missing = PlatformError::EntryNotFound { entry: other.clone() };
    assert_eq!(world.restore(&other, lost.revision_id()), Err(missing));
    world.remove_at(&player(), clock(11, 0, 0));
    world.now = later(clock(11, 0, 0), MONTH);
    assert_eq!(world.restore(&player(), back.revision_id()), Err(entry_not_found()));
}

#[test]
fn v_27_a_restore_needs_its_rights_and_the_revision_that_it_names() {
    let mut world = roblox();
    let old = world.set_at(&player(), clock(9, 0, 0));
    let current = world.set_at(&player(), clock(10, 0, 0));
    let restore = |matches, permit| {
        let (revision, write_id) = (old.revision_id(), WriteId(77));
        Request::Restore(Restore { entry: player(), revision, matches, permit, write_id })
    };
    let no_update = Permit { update: false, ..Permit::ALL };
    let denied = world.run(restore(None, no_update)).unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
    let refused = world.run(restore(Some(old.revision_id()), Permit::ALL));
    assert_eq!(refused, Err(PlatformError::Mismatch { current: Box::new(current.clone()) }));
    let made = world.run(restore(Some(current.revision_id()), Permit::ALL)).unwrap();
    assert_eq!(made.revision.counter, 3);
    // W6: the same restore once more is the same write, also after others wrote.
    assert_eq!(world.run(restore(Some(current.revision_id()), Permit::ALL)), Ok(made.clone()));
    world.set_at(&player(), clock(10, 1, 0));
    assert_eq!(world.run(restore(Some(current.revision_id()), Permit::ALL)), Ok(made));
    assert_eq!(world.standing(&player()), [1, 2, 3, 4]);
}

#[test]
fn w_6_a_restore_sent_again_is_recognised_although_its_source_is_gone() {
    let mut world = roblox();
    let old = world.set_at(&player(), clock(9, 59, 0));
    world.set_at(&player(), clock(10, 5, 0));
    let (permit, write_id, matches) = (Permit::ALL, WriteId(77), None);
    let revision = old.revision_id();
    let request =
        Request::Restore(Restore { entry: player(), revision, matches, permit, write_id });
    let made = world.run(request.clone()).unwrap();
    world.now = later(clock(10, 5, 0), MONTH);
    assert_eq!(by_id(&mut world, &old), Err(revision_not_found()));
    assert_eq!(world.run(request), Ok(made));
}

#[test]
fn i_06_a_life_ends_with_its_purge_whether_the_rows_are_swept_or_not() {
    for is_swept in [false, true] {
        let mut world = roblox();
        let old = world.set_at(&player(), clock(9, 0, 0));
        world.now = clock(9, 30, 0);
        let pinned = world.restore(&player(), old.revision_id()).unwrap();
        let deleted_at = clock(10, 0, 0);
        world.remove_at(&player(), deleted_at);
        world.now = later(deleted_at, MONTH);
        if is_swept {
            world.sweep_at(later(deleted_at, MONTH + HOUR));
        }
        let time = world.now;
        let reborn = world.set_at(&player(), time);
        assert_eq!((reborn.created_at, reborn.updated_at), (time, time));
        // The counter goes on as long as there is a row to tell it.
        assert_eq!(reborn.revision.counter, if is_swept { 1 } else { 4 });
        let ever = [old, pinned, reborn];
        let counter = ever[2].revision.counter;
        assert_eq!(world.shown(&player(), &ever), [counter], "no earlier life");
        assert_eq!(world.get(&player(), Which::At(clock(9, 10, 0))), Err(entry_not_found()));
        world.sweep_at(later(time, 3 * HOUR));
        assert_eq!(world.standing(&player()), [counter]);
    }
}

#[test]
fn i_06_before_the_purge_an_entry_that_is_written_again_keeps_its_birth() {
    for keeps in [true, false] {
        let settings = Settings { keep_birth_after_delete: keeps, ..Settings::roblox() };
        let mut world = World::new(settings);
        let old = world.set_at(&player(), clock(9, 0, 0));
        let deleted_at = clock(10, 0, 0);
        world.remove_at(&player(), deleted_at);
        let time = later(deleted_at, MONTH - 1);
        let new = world.set_at(&player(), time);
        assert_eq!(new.revision.counter, 3);
        assert_eq!(new.created_at, if keeps { old.created_at } else { time });
        // What was deleted is there for as long as ever.
        world.now = later(deleted_at, MONTH - 1);
        assert_eq!(world.shown(&player(), &[old]), [1]);
    }
}

#[test]
fn a_purged_entry_is_missing_to_every_write() {
    let world_with_purged = || {
        let mut world = roblox();
        world.set_at(&player(), clock(9, 0, 0));
        world.remove_at(&player(), clock(10, 0, 0));
        let tombstone = EntryState::of_row(&world.rows[&RowKey::Entry(player())]).unwrap();
        world.now = later(clock(10, 0, 0), MONTH);
        (world, tombstone)
    };
    let set = |when| {
        let (content, permit, write_id) = (content("x"), Permit::ALL, WriteId(9));
        Request::Set(Set { entry: player(), content, when, permit, write_id })
    };
    for when in
        [|_: &EntryState| When::Exists, |state: &EntryState| When::Matches(state.revision_id())]
    {
        let (mut world, tombstone) = world_with_purged();
        assert_eq!(world.run(set(when(&tombstone))), Err(entry_not_found()));
    }
    let (mut world, _) = world_with_purged();
    let made = world.run(set(When::Missing)).unwrap();
    assert_eq!((made.revision.counter, made.created_at), (3, world.now));
    let (mut world, _) = world_with_purged();
    let remove = Remove { entry: player(), matches: None, force: false, write_id: WriteId(9) };
    assert_eq!(world.run(Request::Remove(remove)), Err(entry_not_found()));
    let (mut world, _) = world_with_purged();
    let (user_ids, metadata) = (vec![], Metadata::empty());
    let (permit, write_id) = (Permit::ALL, WriteId(9));
    let increment = Increment { entry: player(), by: 5, user_ids, metadata, permit, write_id };
    let request = Request::Increment(increment);
    let made = world.run(request.clone()).unwrap();
    assert_eq!((made.content.clone().unwrap().value.as_str(), made.revision.counter), ("5", 3));
    assert_eq!(world.run(request), Ok(made), "sent again, it counts once");
}

#[test]
fn open_point_21_an_update_revives_a_deleted_entry_unless_it_is_set_otherwise() {
    for revives in [true, false] {
        let settings = Settings { update_revives: revives, ..Settings::roblox() };
        let mut world = World::new(settings);
        world.set_at(&player(), clock(9, 0, 0));
        world.remove_at(&player(), clock(10, 0, 0));
        let (content, permit) = (content("x"), Permit::ALL);
        let (when, write_id) = (When::Exists, WriteId(9));
        let set = Set { entry: player(), content, when, permit, write_id };
        let answer = world.run(Request::Set(set));
        if revives {
            assert_eq!(answer.unwrap().revision.counter, 3);
        } else {
            assert_eq!(answer, Err(entry_not_found()));
        }
    }
}

#[test]
fn open_point_22_a_deletion_of_a_deleted_entry_is_refused_unless_it_is_set_otherwise() {
    let settings = Settings { deleted_is_missing: false, ..Settings::roblox() };
    let mut world = World::new(settings);
    world.set_at(&player(), clock(9, 0, 0));
    world.remove_at(&player(), clock(10, 0, 0));
    let before = world.rows.clone();
    let tombstone = EntryState::of_row(&world.rows[&RowKey::Entry(player())]).unwrap();
    let remove = |matches| {
        Request::Remove(Remove { entry: player(), matches, force: false, write_id: WriteId(9) })
    };
    assert_eq!(world.run(remove(None)), Ok(tombstone.clone()));
    assert_eq!(world.run(remove(Some(tombstone.revision_id()))), Ok(tombstone.clone()));
    let wrong = RevisionId::from_client("none");
    let refused = world.run(remove(Some(wrong)));
    assert_eq!(refused, Err(PlatformError::Mismatch { current: Box::new(tombstone) }));
    assert_eq!(world.rows, before, "nothing was written");
    world.now = later(clock(10, 0, 0), MONTH);
    assert_eq!(world.run(remove(None)), Err(entry_not_found()));
}

#[test]
fn everything_in_a_deleted_store_is_refused() {
    let mut world = roblox();
    let old = world.set_at(&player(), clock(9, 0, 0));
    world.set_at(&player(), clock(10, 0, 0));
    world.delete_store(&player().store);
    let error = PlatformError::StoreDeleted { store: player().store };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let get = |which| Request::Get(Get { entry: player(), which });
    let set = world.set_request(&player());
    let restore = Restore {
        entry: player(),
        revision: old.revision_id(),
        matches: None,
        permit: Permit::ALL,
        write_id: WriteId(9),
    };
    for request in [
        get(Which::Current),
        get(Which::Revision(old.revision_id())),
        get(Which::At(clock(9, 30, 0))),
        set,
        Request::Remove(Remove {
            entry: player(),
            matches: None,
            force: false,
            write_id: WriteId(9),
        }),
        Request::Restore(restore),
    ] {
        assert_eq!(world.run(request), Err(error.clone()));
    }
    let revision = world.remove_revision(&player(), old.revision_id());
    assert_eq!(revision, Err(error.clone()));
    let new = world.set_request(&entry_in("Players", "u_2"));
    assert_eq!(world.run(new), Err(error));
    // Taken back, all is as it was.
    world.manage(&player().store, |body| body.deleted = None);
    assert_eq!(by_id(&mut world, &old), Ok(old));
}

#[test]
fn nothing_comes_into_being_in_a_store_that_was_deleted_meanwhile() {
    let mut world = roblox();
    world.set_at(&player(), clock(9, 0, 0));
    let request = world.set_request(&entry_in("Players", "u_2"));
    let mut running = world.start(request);
    world.step(&mut running);
    assert!(running.batch().is_some());
    world.delete_store(&player().store);
    while !running.is_over() {
        world.step(&mut running);
    }
    assert_eq!(running.answer(), Err(PlatformError::StoreDeleted { store: player().store }));
    // And one whose row went altogether comes into being anew with it.
    let mut world = roblox();
    world.set_at(&player(), clock(9, 0, 0));
    let request = world.set_request(&entry_in("Players", "u_2"));
    let mut running = world.start(request);
    world.step(&mut running);
    world.rows.clear();
    world.now = clock(10, 0, 0);
    while !running.is_over() {
        world.step(&mut running);
    }
    assert_eq!(running.answer().unwrap().revision.counter, 1);
    let row = &world.rows[&RowKey::Store(player().store)];
    assert!(matches!(&row.body, RowBody::Store(body) if body.birth == Birth::ThisWrite));
}

#[test]
fn an_update_of_an_entry_that_is_purged_meanwhile_looks_at_its_store_before_it_creates() {
    let mut world = roblox();
    world.set_at(&player(), clock(9, 0, 0));
    let request = world.set_request(&player());
    let mut running = world.start(request);
    world.step(&mut running);
    world.rows.remove(&RowKey::Entry(player()));
    world.rows.remove(&RowKey::Revision(player(), 1));
    world.delete_store(&player().store);
    while !running.is_over() {
        world.step(&mut running);
    }
    assert_eq!(running.answer(), Err(PlatformError::StoreDeleted { store: player().store }));
}

#[test]
fn a_write_of_unknown_outcome_is_recognised_for_an_hour_however_much_is_swept() {
    for (minutes, is_known) in [(59, true), (180, false)] {
        let mut world = roblox();
        world.set_at(&player(), clock(10, 0, 0));
        let request = world.set_request(&player());
        let mut running = world.start(request);
        world.step(&mut running);
        let batch = running.batch().unwrap().clone();
        drop(world.commit(&batch));
        running.give(Input::Committed(Outcome::Unknown));
        // Others overwrite it in the same second, and time passes.
        for _ in 0..3 {
            world.set_at(&player(), clock(10, 0, 1));
        }
        world.sweep_at(later(clock(10, 0, 1), minutes * 60));
        assert_eq!(world.standing(&player()).contains(&2), is_known);
        while !running.is_over() {
            world.step(&mut running);
        }
        let answer = running.answer();
        if is_known {
            assert_eq!(answer.unwrap().revision.counter, 2);
        } else {
            // What is gone says nothing: it is not said to have failed.
            assert_eq!(answer.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        }
    }
}

#[test]
fn v_19_an_id_of_another_shape_counter_or_entry_is_not_found() {
    let mut world = roblox();
    let old = world.set_at(&player(), clock(9, 0, 0));
    world.set_at(&player(), clock(10, 0, 0));
    let other = world.set_at(&entry_in("Players", "u_2"), clock(10, 0, 1));
    let with = |counter: u64| {
        let revision = crate::id::Revision { counter, tag: 1 };
        RevisionId::of(old.created_at, revision, old.updated_at)
    };
    for id in [with(0), with(2), with(3), with(u64::MAX), other.revision_id()] {
        assert_eq!(world.get(&player(), Which::Revision(id)), Err(revision_not_found()));
    }
    assert_eq!(world.get(&player(), Which::Revision(with(1))), Ok(old));
}
