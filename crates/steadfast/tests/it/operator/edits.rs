//! Edits of records by operators.

use std::sync::Arc;
use std::time::Duration;

use steadfast::core::operation::{OperationStatus, QueueOperation};
use steadfast::core::path::Path;
use steadfast::core::platform::Settings;
use steadfast::core::record::{RecordCommand, RecordReply};
use steadfast::core::session::OpenError;
use steadfast::core::{Code, OpeningId, OperationKind, Outcome};
use steadfast::operator::{
    HistoryQuery, Liveness, NewOperation, OnlineEdit, OperatorError, Restore, RestoreTo,
};
use steadfast::storage::{Backend, LocalPlatform, LocalRecords, Records, wait};
use steadfast::{Cancel, Ownership, RequestKind, SessionState, Steadfast, StoreEvent};

use super::looks::put;
use super::support::{because, both, check, coins, desk, dry, gift, id, keeps, key, leave};
use crate::sessions::world::{Switched, World};

#[test]
fn hv1_an_edit_of_a_free_record_is_one_pinned_revision_under_a_new_fence() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        leave(world, &a, "7", 5);
        let (alice, seven) = (desk(&b), key("7"));
        let before = world.run(&[], alice.record(seven)).unwrap();
        let edit =
            alice.update(seven, because(), |draft| Ok(draft.add("coins", 10).map(|_| ())?));
        let changed = world.run(&[], edit).unwrap();
        assert_eq!((&changed.before, changed.is_dry_run), (&before.revision(), false));
        let [difference] = changed.differences.as_slice() else { panic!("{changed:?}") };
        assert_eq!((&difference.old, &difference.new), (&Some(5.into()), &Some(15.into())));
        let after = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((coins(&after), &after.revision()), (15, &changed.after));
        assert_eq!(after.fence.unwrap().counter, before.fence.unwrap().counter + 1);
        assert_eq!((after.lease, after.save_seq), (None, before.save_seq));
        let page = world.run(&[], alice.history(seven, &HistoryQuery::default())).unwrap();
        let pins: Vec<bool> = page.items.iter().map(|item| item.is_pinned).collect();
        assert_eq!(pins, [true, true, false], "it and the one before it are never thinned");
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        assert_eq!(p.get(|save| save.coins), Ok(15));
    });
}

#[test]
fn do5_an_edit_leaves_a_living_holder_alone_and_names_it() {
    both(|world| {
        let (a, b) = (world.server("game-1:4000"), world.server("desk"));
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        p.edit(|save| Ok(save.coins = 5)).unwrap();
        let alice = desk(&b);
        let edit = alice.update(key("7"), because(), |_| panic!("it is not asked"));
        let refused = world.run(&[&a, &b], edit).unwrap_err();
        assert_eq!(refused.code(), Code::ActiveLease);
        let OperatorError::Held(held) = refused else { panic!("{refused:?}") };
        let OpenError::ActiveLease { address, .. } = *held else { panic!("{held:?}") };
        assert_eq!(&*address, "game-1:4000");
        world.work(&[&a, &b], Duration::from_secs(5));
        assert_eq!(p.state(), SessionState::Active);
        world.run(&[&a, &b], p.release()).unwrap();
        assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 5);
    });
}

#[test]
fn an_edit_waits_out_a_dead_holder() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("desk"));
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&a], p.checkpoint()).unwrap();
    let alice = desk(&b);
    world.pass(Duration::from_secs(11));
    let plan = alice.update(key("7"), dry(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
    let plan = world.run(&[&b], plan).unwrap();
    assert_eq!(plan.holder.map(|holder| holder.liveness), Some(Liveness::Silent));
    let edit = alice.update(key("7"), because(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
    world.run(&[&b], edit).unwrap();
    let info = world.run(&[&b], alice.record(key("7"))).unwrap();
    assert_eq!((coins(&info), info.lease), (6, None));
    world.until(&[&a, &b], || (p.state() == SessionState::LeaseLost).then_some(()));
}

#[test]
fn an_edit_runs_again_when_others_wrote_in_between() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let (alice, mut runs) = (desk(&a), 0);
        let entry = alice.entry(key("7"));
        let edit = alice.update(key("7"), because(), |draft| {
            runs += 1;
            if runs == 1 {
                put(world, &a, entry.clone(), r#"{"coins":100,"items":[]}"#);
            }
            Ok(draft.add("coins", 1).map(|_| ())?)
        });
        let changed = world.run(&[], edit).unwrap();
        assert_eq!(changed.differences[0].old, Some(100.into()));
        assert_eq!(runs, 2);
        assert_eq!(coins(&world.run(&[], alice.record(key("7"))).unwrap()), 101);
    });
}

#[test]
fn an_edit_gives_up_when_others_always_come_first() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let (alice, mut runs) = (desk(&a), 0);
    let entry = alice.entry(key("7"));
    let edit = alice.update(key("7"), because(), |draft| {
        runs += 1;
        put(&world, &a, entry.clone(), r#"{"coins":100,"items":[]}"#);
        Ok(draft.add("coins", 1).map(|_| ())?)
    });
    check(world.run(&[], edit), Code::Contended);
    assert_eq!(runs, 16);
}

#[test]
fn an_edit_that_changes_nothing_fails_or_has_nothing_to_edit_writes_nothing() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let alice = desk(&a);
        let before = world.run(&[], alice.record(key("7"))).unwrap();
        let same = alice.update(key("7"), because(), |draft| Ok(drop(draft.set("coins", 5)?)));
        let same = world.run(&[], same).unwrap();
        assert_eq!((same.after, same.differences.len()), (before.revision(), 0));
        let gives_up = |_: &mut _| Err(Cancel::because("no"));
        let gives_up = alice.update(key("7"), because(), gives_up);
        check(world.run(&[], gives_up), Code::TransactionCancelled);
        let path = ["nothing", "there"];
        let lost = alice.update(key("7"), because(), |draft| Ok(drop(draft.set(path, 1)?)));
        check(world.run(&[], lost), Code::PathNotFound);
        let missing = alice.update(key("8"), because(), |_| Ok(()));
        check(world.run(&[], missing), Code::EntryNotFound);
        assert_eq!(world.run(&[], alice.record(key("7"))).unwrap().revision(), before.revision());
    });
}

#[test]
fn an_online_edit_reaches_a_running_session_within_a_renewal() {
    both(|world| {
        let (a, b) = (world.server_with("game-1", keeps()), world.server("desk"));
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        let alice = desk(&b);
        let edit = OnlineEdit::Add { path: Path::from("coins"), amount: 50.into() };
        let queued = world.run(&[], alice.edit_online(key("7"), because(), edit)).unwrap();
        assert!(queued.is_new && queued.holder.is_some());
        let began = world.seconds();
        world.until(&[&a, &b], || (p.get(|save| save.coins) == Ok(50)).then_some(()));
        assert!(world.seconds() - began < 3.5, "{}", world.seconds() - began);
        assert!(p.is_active(), "nobody is disconnected");
        let edit = OnlineEdit::Set { path: Path::from("items"), value: vec!["hat".into()].into() };
        world.run(&[], alice.edit_online(key("7"), because(), edit)).unwrap();
        let edit = OnlineEdit::Remove { path: Path::from(["items"]).join(0) };
        let last = world.run(&[], alice.edit_online(key("7"), because(), edit)).unwrap();
        world.until(&[&a, &b], || {
            let view = world.run(&[], alice.operation(key("7"), &last.id)).unwrap();
            view.receipt.unwrap().status()
        });
        assert_eq!(p.get(|save| save.items.clone()), Ok(vec![]));
    });
}

/// How often a game server has shown that it lives.
fn renewals(server: &Steadfast) -> u64 {
    server.diagnostics().requests.get(&RequestKind::Presence).map_or(0, |it| it.count)
}

#[test]
fn an_online_edit_shows_at_once_in_a_game_server_of_this_process() {
    both(|world| {
        let (a, b) = (world.server_with("game-1", keeps()), world.server("desk"));
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        // By an operator of another opening of the library, and by one of its own.
        for (alice, coins) in [(desk(&b), 50), (desk(&a), 100)] {
            world.work(&[&a], Duration::from_millis(100));
            let (before, began) = (renewals(&a), world.seconds());
            let edit = OnlineEdit::Add { path: Path::from("coins"), amount: 50.into() };
            world.run(&[], alice.edit_online(key("7"), because(), edit)).unwrap();
            world.until(&[&a], || (p.get(|save| save.coins) == Ok(coins)).then_some(()));
            assert!(world.seconds() - began < 0.5, "{}", world.seconds() - began);
            assert_eq!(renewals(&a), before, "no mail was read meanwhile");
        }
    });
}

#[test]
fn l7_an_operation_whose_message_was_lost_shows_within_a_renewal() {
    let world = World::new();
    let a = world.server_with("game-1", keeps());
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    // As a server elsewhere queues it, of which no message arrives here.
    let backend: Arc<dyn Backend> = Arc::<Switched>::clone(&world.backend);
    let platform = LocalPlatform::new(backend, Settings::native(), 64).unwrap();
    let records = LocalRecords::new(platform, OpeningId(7), Ownership::Shared);
    let NewOperation { id, kind, payload, .. } = gift("g-1", 50);
    let queue = QueueOperation {
        entry: desk(&a).entry(key("7")),
        id,
        kind,
        payload: Some(payload),
        issued_at: a.now(),
        schema: 0,
        is_permanent: false,
        replaces: None,
        from: None,
        settings: Arc::default(),
        write_id: a.new_write_id(),
    };
    let command = Arc::new(RecordCommand::Queue(Box::new(queue)));
    let began = world.seconds();
    let answer = wait(|done| records.submit(command, done)).unwrap();
    assert!(matches!(answer, Ok(RecordReply::Queued(Outcome::Committed(_)))), "{answer:?}");
    world.until(&[&a], || (p.get(|save| save.coins) == Ok(50)).then_some(()));
    assert!((0.5..3.5).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
}

#[test]
fn a_cancelled_operation_ends_at_once_in_a_game_server_of_this_process() {
    let world = World::new();
    let (a, b) = (world.server_with("game-1", keeps()), world.server("desk"));
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    let unknown = NewOperation { kind: OperationKind::trusted("unknown"), ..gift("g-1", 1) };
    world.run(&[&a], desk(&b).queue(key("7"), because(), unknown)).unwrap();
    world.work(&[&a], Duration::from_secs(4));
    let (alice, id) = (desk(&b), id("g-1"));
    let (before, began) = (renewals(&a), world.seconds());
    world.run(&[], alice.cancel(key("7"), because(), &id)).unwrap();
    let ended = world.until(&[&a], || {
        let view = world.run(&[], alice.operation(key("7"), &id)).unwrap();
        view.receipt.unwrap().status()
    });
    assert_eq!(ended, OperationStatus::Cancelled);
    assert!(world.seconds() - began < 0.5, "{}", world.seconds() - began);
    assert_eq!((renewals(&a), p.is_active()), (before, true));
}

#[test]
fn what_operators_do_is_counted_and_told_as_what_sessions_do() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let (alice, events, before) = (desk(&a), a.events(), a.diagnostics());
        let entry = alice.entry(key("7"));
        let old = world.run(&[], alice.record(key("7"))).unwrap().revision().unwrap();
        leave(world, &a, "7", 6);
        let first = world.run(&[], alice.queue(key("7"), because(), gift("g-1", 1))).unwrap();
        let again = world.run(&[], alice.queue(key("7"), because(), gift("g-1", 1))).unwrap();
        assert!(first.is_new && !again.is_new);
        world.run(&[], alice.queue(key("7"), dry(), gift("g-2", 1))).unwrap();
        let queued: Vec<_> = std::iter::from_fn(|| events.try_next())
            .filter(|event| matches!(event, StoreEvent::OperationQueued { .. }))
            .collect();
        let (operation, kind) = (id("g-1"), OperationKind::trusted("steadfast.add"));
        assert_eq!(queued, [StoreEvent::OperationQueued { entry, operation, kind }]);
        let to = Restore::to(RestoreTo::Revision(old));
        world.run(&[&a], alice.restore(key("7"), dry(), to.clone())).unwrap();
        world.run(&[&a], alice.restore(key("7"), because(), to)).unwrap();
        let confirmation = alice.delete_confirmation(key("7"));
        world.run(&[&a], alice.delete(key("7"), because(), "another")).unwrap_err();
        world.run(&[&a], alice.delete(key("7"), because(), &confirmation)).unwrap();
        let after = a.diagnostics();
        assert_eq!((before.restores, before.deletes, before.operations_queued), (0, 0, 0));
        assert_eq!((after.restores, after.deletes, after.operations_queued), (1, 1, 1));
        let requests = &after.requests[&RequestKind::Queue];
        assert_eq!((requests.count, requests.latency.count(), requests.failures), (2, 2, 0));
        world.backend.turn(true);
        world.run(&[&a], alice.pending(key("7"), None, 10)).unwrap_err();
        assert_eq!(a.diagnostics().requests[&RequestKind::Operations].failures, 1);
        world.backend.turn(false);
    });
}

#[test]
fn an_online_edit_of_a_free_record_waits_for_its_next_session() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        leave(world, &a, "7", 5);
        let alice = desk(&b);
        let edit = OnlineEdit::Add { path: Path::from("coins"), amount: 50.into() };
        let queued = world.run(&[], alice.edit_online(key("7"), because(), edit)).unwrap();
        assert_eq!(queued.holder, None);
        // An edit by the desk leaves it alone.
        let other =
            alice.update(key("7"), because(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
        world.run(&[], other).unwrap();
        let info = world.run(&[], alice.record(key("7"))).unwrap();
        assert_eq!((coins(&info), info.ledger.pending), (6, 1));
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        world.until(&[&a], || (p.get(|save| save.coins) == Ok(56)).then_some(()));
        world.run(&[&a], p.release()).unwrap();
        let info = world.run(&[], alice.record(key("7"))).unwrap();
        assert_eq!((coins(&info), info.ledger.pending, info.ledger.full), (56, 0, 1));
    });
}
