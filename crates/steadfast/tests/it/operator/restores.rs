//! Restores and deletions: what comes back, what goes on, and whom they ask.

use std::time::Duration;

use steadfast::core::document::Cancel;
use steadfast::core::operation::OperationStatus;
use steadfast::core::platform::{History, Settings, StoreChange, StoreRequest};
use steadfast::core::record::{RecordBody, StoredRecord};
use steadfast::core::session::OpenError;
use steadfast::core::value::Finite;
use steadfast::core::{
    Batch, Code, Condition, Outcome, RowBody, RowKey, Timestamp, Value, Write, WriteId,
};
use steadfast::operator::{
    ExportHistory, HistoryQuery, Operator, OperatorError, Restore, RestoreTo, RevisionId, Which,
};
use steadfast::storage::{Backend, wait};
use steadfast::{Options, Schema, SessionState, Steadfast};

use super::support::{because, both, check, coins, desk, dry, gift, id, keeps, key, leave};
use crate::sessions::world::World;

#[track_caller]
fn newest(world: &World, alice: &Operator) -> RevisionId {
    world.run(&[], alice.record(key("7"))).unwrap().revision().unwrap()
}

fn to(revision: &RevisionId) -> Restore {
    Restore::to(RestoreTo::Revision(revision.clone()))
}

#[test]
fn hv2_a_restore_goes_forward_in_everything_but_the_data() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let alice = desk(&b);
        leave(world, &a, "7", 5);
        let old = newest(world, &alice);
        leave(world, &a, "7", 9);
        let before = world.run(&[], alice.record(key("7"))).unwrap();
        let changed = world.run(&[&b], alice.restore(key("7"), because(), to(&old))).unwrap();
        assert_eq!(changed.before, before.revision());
        assert_eq!(changed.differences[0].new, Some(5.into()));
        let after = world.run(&[], alice.record(key("7"))).unwrap();
        assert_eq!((coins(&after), after.revision()), (5, changed.after.clone()));
        let counter = |id: Option<RevisionId>| id.unwrap().counter().unwrap();
        assert_eq!(counter(after.revision()), counter(before.revision()) + 1);
        assert_eq!(after.fence.unwrap().counter, before.fence.unwrap().counter + 1);
        assert_eq!((after.ends, after.save_seq), (before.ends.clone(), before.save_seq));
        // The state before stays, and leads back.
        let back = to(&changed.before.unwrap());
        world.run(&[&b], alice.restore(key("7"), because(), back)).unwrap();
        assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 9);
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        assert_eq!(p.get(|save| save.coins), Ok(9));
    });
}

#[test]
fn a_living_holder_saves_and_lets_go_before_a_restore() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let alice = desk(&b);
        leave(world, &a, "7", 5);
        let old = newest(world, &alice);
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        p.edit(|save| Ok(save.coins = 77)).unwrap();
        let plan = alice.restore(key("7"), dry(), to(&old));
        let plan = world.run(&[], plan).unwrap();
        assert_eq!(plan.holder.map(|holder| holder.address.to_string()), Some("game-1".into()));
        assert!(p.is_active(), "a dry run asks nobody");
        let changed = alice.restore(key("7"), because(), to(&old));
        let changed = world.run(&[&a, &b], changed).unwrap();
        assert_eq!(p.state(), SessionState::Released);
        assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 5);
        let saved = alice.revision(key("7"), changed.before.as_ref().unwrap());
        let saved = world.run(&[], saved).unwrap().content.unwrap();
        assert!(saved.value.as_str().contains("77"), "what it had not saved is in the past");
    });
}

#[test]
fn a_holder_that_refuses_is_reported_and_can_be_forced() {
    let world = World::new();
    let (a, b) = (world.server_with("game-1:4000", keeps()), world.server("desk"));
    let alice = desk(&b);
    leave(&world, &a, "7", 5);
    let old = newest(&world, &alice);
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 77)).unwrap();
    world.run(&[&a], p.checkpoint()).unwrap();
    let refused = world.run(&[&a, &b], alice.restore(key("7"), because(), to(&old)));
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::LockTimeout);
    let OperatorError::Held(held) = refused else { panic!("{refused:?}") };
    let OpenError::LockTimeout { address, .. } = *held else { panic!("{held:?}") };
    assert_eq!(&*address, "game-1:4000");
    assert!(p.is_active());
    let forced = alice.restore(key("7"), because(), to(&old).by_force());
    world.run(&[&a, &b], forced).unwrap();
    world.until(&[&a, &b], || (p.state() == SessionState::LeaseLost).then_some(()));
    assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 5);
}

#[test]
fn u3_a_dead_holder_is_waited_out_and_cannot_write_over_a_restore() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("desk"));
    let alice = desk(&b);
    leave(&world, &a, "7", 5);
    let old = newest(&world, &alice);
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 77)).unwrap();
    world.run(&[&a], p.checkpoint()).unwrap();
    p.edit(|save| Ok(save.coins = 78)).unwrap();
    // It is polled no more.
    world.run(&[&b], alice.restore(key("7"), because(), to(&old))).unwrap();
    world.until(&[&a, &b], || (p.state() == SessionState::LeaseLost).then_some(()));
    world.work(&[&a, &b], Duration::from_secs(70));
    assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 5);
}

#[test]
fn a_record_that_is_open_in_the_same_server_is_held() {
    let world = World::new();
    let a = world.server("game-1");
    let alice = desk(&a);
    leave(&world, &a, "7", 5);
    let old = newest(&world, &alice);
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    check(world.run(&[&a], alice.restore(key("7"), because(), to(&old))), Code::ActiveLease);
    check(world.run(&[&a], alice.update(key("7"), because(), |_| Ok(()))), Code::ActiveLease);
    assert!(p.is_active());
}

#[test]
fn under_hourly_history_the_state_before_a_restore_is_kept() {
    both(|world| {
        let settings = Settings { history: History::Hourly, ..Settings::native() };
        let a = world.over(Options { settings, ..world.options() });
        let alice = desk(&a);
        leave(world, &a, "7", 5);
        // Into the next hour, so that this state is a backup.
        world.pass(Duration::from_hours(1));
        let old = newest(world, &alice);
        leave(world, &a, "7", 9);
        let restored = world.run(&[&a], alice.restore(key("7"), because(), to(&old))).unwrap();
        leave(world, &a, "7", 10);
        world.pass(Duration::from_hours(24 * 20));
        world.run(&[&a], a.sweep(10_000)).unwrap();
        let before = restored.before.unwrap();
        let kept = world.run(&[], alice.revision(key("7"), &before)).unwrap();
        assert!(kept.content.unwrap().value.as_str().contains('9'));
    });
}

#[test]
fn a_restore_to_a_time_finds_what_was_current_then() {
    let world = World::new();
    let a = world.server("desk");
    let alice = desk(&a);
    leave(&world, &a, "7", 5);
    let then = a.now();
    world.pass(Duration::from_secs(10));
    leave(&world, &a, "7", 9);
    let restore = Restore::to(RestoreTo::Time(then));
    world.run(&[&a], alice.restore(key("7"), because(), restore)).unwrap();
    assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 5);
    let early = Restore::to(RestoreTo::Time(Timestamp::from_unix_seconds(5)));
    let refused = alice.restore(key("7"), because(), early);
    check(world.run(&[&a], refused), Code::VersionNotFound);
}

#[test]
fn l5_a_deleted_record_comes_back_by_a_restore_and_no_fence_is_granted_twice() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        leave(world, &a, "7", 5);
        let old = newest(world, &alice);
        let confirmation = alice.delete_confirmation(seven);
        assert_eq!(confirmation, "delete 1/PlayerData/global/7");
        for wrong in ["", "delete", "delete 1/PlayerData/global/8", &format!("{confirmation} ")] {
            let refused = alice.delete(seven, because(), wrong);
            check(world.run(&[], refused), Code::DeleteConfirmationMismatch);
        }
        let deleted = world.run(&[&b], alice.delete(seven, because(), &confirmation)).unwrap();
        let tomb = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((tomb.content(), tomb.revision()), (None, deleted.after.clone()));
        check(world.run(&[&b], alice.delete(seven, because(), &confirmation)), Code::EntryNotFound);
        let grave = to(&deleted.after.unwrap());
        let refused = alice.restore(seven, because(), grave);
        check(world.run(&[&b], refused), Code::VersionNotFound);
        let restored = world.run(&[&b], alice.restore(seven, because(), to(&old))).unwrap();
        let counter = |id: &RevisionId| id.counter().unwrap();
        assert_eq!(counter(&restored.after.unwrap()), counter(&old) + 2);
        let info = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!(coins(&info), 5);
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        let held = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!(held.fence.unwrap().counter, info.fence.unwrap().counter + 1);
        // A living holder is asked before a deletion too.
        p.edit(|save| Ok(save.coins = 6)).unwrap();
        let plan = alice.delete(seven, dry(), &confirmation);
        assert!(world.run(&[], plan).unwrap().holder.is_some());
        let deleted = alice.delete(seven, because(), &confirmation);
        let deleted = world.run(&[&a, &b], deleted).unwrap();
        assert_eq!((deleted.differences.len(), p.state()), (1, SessionState::Released));
        let again = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
        assert_eq!(again.get(|save| save.coins), Ok(0), "it begins anew");
    });
}

#[test]
fn do1_operations_are_taken_back_with_the_data_and_apply_again() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        leave(world, &a, "7", 5);
        world.run(&[], alice.queue(seven, because(), gift("early", 1))).unwrap();
        leave_when(world, &a, 6);
        let old = newest(world, &alice);
        world.run(&[], alice.queue(seven, because(), gift("late", 10))).unwrap();
        leave_when(world, &a, 16);
        world.run(&[], alice.queue(seven, because(), gift("waits", 100))).unwrap();

        world.run(&[&b], alice.restore(seven, because(), to(&old))).unwrap();
        let info = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((coins(&info), info.ledger.pending, info.ledger.full), (6, 1, 1));
        let status = |name: &str| {
            let view = world.run(&[], alice.operation(seven, &id(name))).unwrap();
            view.receipt.map(|receipt| receipt.status())
        };
        assert_eq!(status("early"), Some(Some(OperationStatus::Applied)));
        assert_eq!((status("late"), status("waits")), (None, Some(None)));

        // Its effect is gone, so its id counts once more; what was before that state does not.
        let again = world.run(&[], alice.queue(seven, because(), gift("late", 10))).unwrap();
        assert!(again.is_new);
        let early = world.run(&[], alice.queue(seven, because(), gift("early", 1))).unwrap();
        assert!(!early.is_new);
        leave_when(world, &a, 116);
        assert_eq!(status("waits"), Some(Some(OperationStatus::Applied)));
    });
}

#[test]
fn do5_operations_that_wait_outlive_a_restore_from_a_dead_holder() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        leave(world, &b, "7", 5);
        let old = newest(world, &alice);
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        p.edit(|save| Ok(save.coins = 50)).unwrap();
        world.run(&[&a], p.checkpoint()).unwrap();
        // Its server is polled no more, and has not heard of these.
        world.run(&[], alice.queue(seven, because(), gift("g-1", 100))).unwrap();
        world.run(&[], alice.queue(seven, because(), gift("g-2", 1_000))).unwrap();
        world.run(&[], alice.cancel(seven, because(), &id("g-2"))).unwrap();
        world.run(&[&b], alice.restore(seven, because(), to(&old))).unwrap();
        let info = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((coins(&info), info.ledger.pending), (5, 2), "the desk runs none of them");
        leave_when(world, &b, 105);
        let info = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((info.ledger.pending, info.ledger.full), (0, 2));
        drop(p);
    });
}

/// Opens a record until it has so many coins, and lets go of it.
#[track_caller]
fn leave_when(world: &World, server: &Steadfast, coins: i64) {
    let p = world.run(&[server], world.players(server).open("7")).unwrap();
    world.until(&[server], || (p.get(|save| save.coins) == Ok(coins)).then_some(()));
    world.run(&[server], p.release()).unwrap();
}

#[test]
fn do2_a_pruned_operation_stays_refused_after_a_restore() {
    let world = World::new();
    let mut options = world.options();
    (options.operations.receipts_max, options.operations.kept_max) = (1, 1);
    let a = world.over(options);
    let (alice, seven) = (desk(&a), key("7"));
    leave(&world, &a, "7", 0);
    let old = newest(&world, &alice);
    let issued_at = Some(a.now());
    for (count, name) in (1..).zip(["g-1", "g-2", "g-3", "g-4"]) {
        world.pass(Duration::from_secs(1));
        world.run(&[], alice.queue(seven, because(), gift(name, 1))).unwrap();
        leave_when(&world, &a, count);
    }
    let before = world.run(&[], alice.record(seven)).unwrap().ledger;
    assert!(before.horizon.is_some());
    world.run(&[&a], alice.restore(seven, because(), to(&old))).unwrap();
    let after = world.run(&[], alice.record(seven)).unwrap().ledger;
    assert_eq!((after.horizon, after.full + after.kept), (before.horizon, 0));
    let mut first = gift("g-1", 1);
    first.issued_at = issued_at;
    let replayed = alice.queue(seven, because(), first);
    check(world.run(&[], replayed), Code::OperationExpired);
}

/// Changes the row of a record behind everybody's back.
#[track_caller]
pub(crate) fn change_row(world: &World, alice: &Operator, change: impl FnOnce(&mut RecordBody)) {
    let row = RowKey::Record(alice.entry(key("7")));
    let reply = wait(|done| world.backend.read(vec![row.clone()], done)).unwrap().unwrap();
    let stored = StoredRecord::of(reply.rows.first().unwrap()).unwrap().unwrap();
    let StoredRecord { revision, mut body, .. } = stored;
    change(&mut body);
    let (key, body) = (row.clone(), RowBody::Record(body));
    let put = Write::Put { key, revision: revision.next(WriteId(0x1234_5678)), body };
    let batch = Batch { conditions: vec![(row, Condition::At(revision))], writes: vec![put] };
    let outcome = wait(|done| world.backend.commit(batch, done)).unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
}

fn share_of(number: i32) -> impl Fn(&mut Value) -> Result<(), Cancel> + Send + Sync + 'static {
    move |data| {
        data.set(&"share".into(), Finite::new(f64::from(number)).unwrap().into())?;
        Ok(())
    }
}

/// Opens the record by a game whose data has version 2, which migrates it, and leaves coins behind.
fn leave_at_two(world: &World, server: &Steadfast, coins: i64) {
    let schema = Schema::new(2).step(1, share_of(1)).step(2, share_of(2));
    let p = world.run(&[server], world.players(server).schema(schema).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = coins)).unwrap();
    world.run(&[server], p.release()).unwrap();
}

#[test]
fn history_says_the_schema_of_what_was_written_by_way_of_the_record() {
    let world = World::new();
    let a = world.server("desk");
    let (alice, seven) = (desk(&a), key("7"));
    leave(&world, &a, "7", 5);
    let first = newest(&world, &alice);
    leave_at_two(&world, &a, 6);
    let second = newest(&world, &alice);
    assert_eq!(world.run(&[], alice.record(seven)).unwrap().schema, 2);
    let page = world.run(&[], alice.history(seven, &HistoryQuery::default())).unwrap();
    let schemas: Vec<_> = page.items.iter().map(|item| item.schema).collect();
    assert_eq!(schemas, [Some(2), Some(2), Some(0), Some(0)], "a save, a migration, two before");
    let state = world.run(&[], alice.revision(seven, &first)).unwrap();
    assert_eq!(state.schema, Some(0));
    let export = world.run(&[], alice.export(seven, ExportHistory::List)).unwrap();
    assert!(export.as_str().contains(r#""schema":2,"value_size""#), "{}", export.as_str());

    // Across the migration and back: nobody has to say anything.
    let plan = world.run(&[&a], alice.restore(seven, dry(), to(&first))).unwrap();
    assert_eq!(plan.schema, 0);
    for (state, schema, coins_then) in [(&first, 0, 5), (&second, 2, 6)] {
        let restored = world.run(&[&a], alice.restore(seven, because(), to(state))).unwrap();
        let info = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((restored.schema, info.schema, coins(&info)), (schema, schema, coins_then));
        assert_eq!(info.state.unwrap().schema, Some(schema), "the restore itself says it too");
    }
    // What is said counts, and an edit keeps it.
    let said = to(&second).schema(1);
    assert_eq!(world.run(&[&a], alice.restore(seven, because(), said)).unwrap().schema, 1);
    let edit = alice.update(seven, because(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
    assert_eq!(world.run(&[&a], edit).unwrap().schema, 1);
    let info = world.run(&[], alice.record(seven)).unwrap();
    assert_eq!((info.schema, info.state.unwrap().schema), (1, Some(1)));
}

#[test]
fn a_state_that_was_written_as_an_entry_has_the_schema_that_the_record_had() {
    let world = World::new();
    let a = world.server("desk");
    let (alice, seven) = (desk(&a), key("7"));
    // Before any record: nothing tells what a later migration took it for.
    put_on(&world, &a, &alice);
    let before = newest(&world, &alice);
    assert_eq!(world.run(&[], alice.revision(seven, &before)).unwrap().schema, None);
    leave_at_two(&world, &a, 6);
    put_on(&world, &a, &alice);
    let between = newest(&world, &alice);
    let refused = world.run(&[&a], alice.restore(seven, because(), to(&before))).unwrap_err();
    assert!(matches!(refused, OperatorError::SchemaUnknown { present: 2, .. }), "{refused:?}");
    assert_eq!(refused.code(), Code::InvalidRequest);
    check(world.run(&[&a], alice.restore(seven, dry(), to(&before))), Code::InvalidRequest);

    // The save before it says it, whatever came after.
    let said = to(&before).schema(0);
    assert_eq!(world.run(&[&a], alice.restore(seven, because(), said)).unwrap().schema, 0);
    let restored = world.run(&[&a], alice.restore(seven, because(), to(&between))).unwrap();
    assert_eq!(restored.schema, 2);
}

#[test]
fn a_record_of_an_unknown_format_is_left_alone() {
    let world = World::new();
    let a = world.server("desk");
    let (alice, seven) = (desk(&a), key("7"));
    leave(&world, &a, "7", 5);
    let old = newest(&world, &alice);
    change_row(&world, &alice, |body| body.format += 1);
    let edit = alice.update(seven, because(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
    check(world.run(&[&a], edit), Code::UnknownFormat);
    check(world.run(&[&a], alice.restore(seven, because(), to(&old))), Code::UnknownFormat);
    let queued = alice.queue(seven, because(), gift("g-1", 1));
    check(world.run(&[&a], queued), Code::UnknownFormat);
    let fence = world.run(&[], alice.record(seven)).unwrap().fence.unwrap();
    let forced = alice.force_release(seven, because(), fence);
    check(world.run(&[&a], forced), Code::UnknownFormat);
}

#[test]
fn without_a_game_server_nobody_is_asked_for_a_record() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("desk"));
    let (alice, seven) = (desk(&b), key("7"));
    leave(&world, &b, "7", 5);
    let old = newest(&world, &alice);
    world.run(&[&b], b.close_sessions());
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    let refused = alice.restore(seven, because(), to(&old));
    check(world.run(&[&a, &b], refused), Code::StoreClosed);
    world.run(&[&a], p.release()).unwrap();
    // One that nobody holds needs none.
    world.run(&[], alice.restore(seven, because(), to(&old))).unwrap();
}

/// A save that is not pinned.
#[track_caller]
fn put_on(world: &World, db: &Steadfast, alice: &Operator) {
    super::looks::put(world, db, alice.entry(key("7")), r#"{"coins":8,"items":[]}"#);
}

#[test]
fn records_of_a_deleted_data_store_are_out_of_reach() {
    let world = World::new();
    let a = world.server("desk");
    let (alice, seven) = (desk(&a), key("7"));
    leave(&world, &a, "7", 5);
    let request = StoreRequest {
        store: alice.store().clone(),
        change: StoreChange::Delete,
        write_id: a.new_write_id(),
    };
    world.run(&[], a.manage_store(request)).unwrap();
    check(world.run(&[], alice.record(seven)), Code::DatastoreDeleted);
    check(world.run(&[&a], alice.update(seven, because(), |_| Ok(()))), Code::DatastoreDeleted);
    let diff = alice.diff(seven, &Which::Current, &Which::Current);
    check(world.run(&[], diff), Code::DatastoreDeleted);
    let query = HistoryQuery::default();
    check(world.run(&[], alice.history(seven, &query)), Code::DatastoreDeleted);
}
