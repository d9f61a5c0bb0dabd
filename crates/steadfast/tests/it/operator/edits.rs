//! Edits of records by operators.

use std::time::Duration;

use steadfast::core::Code;
use steadfast::core::path::Path;
use steadfast::core::session::OpenError;
use steadfast::operator::{HistoryQuery, Liveness, OnlineEdit, OperatorError};
use steadfast::{Cancel, SessionState};

use super::looks::put;
use super::support::{because, both, check, coins, desk, dry, keeps, key, leave};
use crate::sessions::world::World;

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
