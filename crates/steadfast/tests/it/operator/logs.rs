//! The log of operators, also of those whose process ended in between.

use std::time::Duration;

use steadfast::core::platform::{Get, ListStores, Request, Which};
use steadfast::core::{Code, EntryId, EntryKey, Limits, Scope, StoreId, StoreName, UniverseId};
use steadfast::operator::{
    LOG_STORE, LineState, LogLine, LogPosition, Mandate, Operator, OperatorError, Restore,
    RestoreTo,
};

use super::support::{because, both, check, coins, desk, keeps, key, leave};
use crate::sessions::world::World;

#[track_caller]
fn lines(world: &World, alice: &Operator) -> Vec<LogLine> {
    world.run(&[], alice.log(None, 100)).unwrap().lines
}

#[test]
fn every_change_leaves_a_line_with_who_why_what_and_how_it_ended() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let alice = desk(&a);
        assert_eq!(lines(world, &alice), []);
        let edit =
            alice.update(key("7"), because(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
        let changed = world.run(&[&a], edit).unwrap();
        world.pass(Duration::from_secs(1));
        let other = Mandate::because("ticket 82");
        let missing = alice.update(key("8"), &other, |_| Ok(()));
        check(world.run(&[&a], missing), Code::EntryNotFound);
        let found = lines(world, &alice);
        let [refused, done] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (&*done.operator, &*done.reason, &*done.action),
            ("alice", "ticket 81", "update")
        );
        assert_eq!((&*done.store, &*done.scope, &*done.key), ("PlayerData", "global", "7"));
        assert_eq!((done.state, &done.code, &done.error), (LineState::Done, &None, &None));
        assert_eq!((&done.before, &done.after), (&changed.before, &changed.after));
        assert!(done.ended_at >= Some(done.at) && refused.at > done.at);
        assert_eq!((refused.state, &*refused.reason), (LineState::Refused, "ticket 82"));
        assert_eq!(refused.code.as_deref(), Some("EntryNotFound"));
        assert_eq!((&refused.before, &refused.after), (&None, &None));
    });
}

#[test]
fn the_log_is_read_in_pages_from_the_newest() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let alice = desk(&a);
    let mut times = Vec::new();
    for ticket in 0..5 {
        times.push(a.now());
        let mandate = Mandate::because(format!("ticket {ticket}"));
        world.run(&[&a], alice.update(key("7"), &mandate, |_| Ok(()))).unwrap();
        world.pass(Duration::from_secs(1));
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.run(&[], alice.log(after, 2)).unwrap();
        assert!(page.lines.len() <= 2);
        found.extend(page.lines.into_iter().map(|line| line.reason));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["ticket 4", "ticket 3", "ticket 2", "ticket 1", "ticket 0"]);
    let page = world.run(&[], alice.log(Some(LogPosition::before(times[2])), 100)).unwrap();
    let found: Vec<_> = page.lines.iter().map(|line| line.reason.as_str()).collect();
    assert_eq!(found, ["ticket 1", "ticket 0"]);
    let again = LogPosition::from_text(page.lines[0].position.as_str());
    let page = world.run(&[], alice.log(Some(again), 100)).unwrap();
    assert_eq!(page.lines.len(), 1);
}

#[test]
fn nothing_is_done_that_cannot_be_noted_before() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let alice = desk(&a);
        let mut runs = 0;
        world.backend.turn(true);
        let edit = alice.update(key("7"), because(), |_| {
            runs += 1;
            Ok(())
        });
        let refused = world.run(&[], edit).unwrap_err();
        assert!(matches!(refused, OperatorError::Log(_)), "{refused:?}");
        assert_eq!((refused.code(), runs), (Code::StorageUnavailable, 0));
        world.backend.turn(false);
        assert_eq!(lines(world, &alice), []);
    });
}

#[test]
fn what_was_begun_and_not_noted_as_ended_leaves_a_trace() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let alice = desk(&a);
        // The store goes away after the intent: nothing was done.
        let edit = alice.update(key("7"), because(), |draft| {
            world.backend.turn(true);
            Ok(draft.add("coins", 1).map(|_| ())?)
        });
        check(world.run(&[], edit), Code::StorageUnavailable);
        world.backend.turn(false);
        let info = world.run(&[], alice.record(key("7"))).unwrap();
        assert_eq!((coins(&info), lines(world, &alice)[0].state), (5, LineState::Started));

        // It goes away after the write: it was done, and the answer says so.
        world.pass(Duration::from_secs(1));
        world.backend.turn_off_after(2);
        let edit =
            alice.update(key("7"), because(), |draft| Ok(draft.add("coins", 1).map(|_| ())?));
        let unlogged = world.run(&[], edit).unwrap_err();
        assert!(matches!(unlogged, OperatorError::Unlogged { .. }), "{unlogged:?}");
        assert!(unlogged.kind().is_ambiguous(), "nobody does it again unseen");
        world.backend.turn(false);
        let info = world.run(&[], alice.record(key("7"))).unwrap();
        let line = lines(world, &alice).remove(0);
        assert_eq!((coins(&info), line.state, line.ended_at), (6, LineState::Started, None));
    });
}

#[test]
fn an_operator_who_goes_away_while_a_holder_is_asked_leaves_a_trace_and_no_lease() {
    let world = World::new();
    let (a, b) = (world.server_with("game-1", keeps()), world.server("desk"));
    let alice = desk(&b);
    leave(&world, &a, "7", 5);
    let revision = world.run(&[], alice.record(key("7"))).unwrap().revision().unwrap();
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    let (seven, mandate) = (key("7"), because());
    let restore = Restore::to(RestoreTo::Revision(revision));
    {
        let mut restoring = Box::pin(alice.restore(seven, mandate, restore));
        let mut polls = 0;
        world.until(&[&a, &b], || {
            let waker = std::task::Waker::noop();
            let poll = restoring.as_mut().poll(&mut std::task::Context::from_waker(waker));
            assert!(poll.is_pending());
            polls += 1;
            (polls > 10).then_some(())
        });
    }
    assert_eq!(lines(&world, &alice)[0].state, LineState::Started);
    world.work(&[&a, &b], Duration::from_secs(25));
    assert!(p.is_active());
    world.run(&[&a, &b], p.release()).unwrap();
    world.work(&[&a, &b], Duration::from_secs(25));
    assert_eq!(world.run(&[], alice.record(key("7"))).unwrap().lease, None);
}

#[test]
fn the_log_is_hidden_and_its_name_is_refused() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let alice = desk(&a);
    world.run(&[&a], alice.update(key("7"), because(), |_| Ok(()))).unwrap();
    let request = ListStores {
        universe: UniverseId(1),
        prefix: "".into(),
        with_deleted: true,
        after: None,
        page_size: 100,
    };
    let page = world.run(&[], a.list_stores(request)).unwrap();
    let names: Vec<_> = page.items.iter().map(|info| info.store.name.to_string()).collect();
    assert_eq!(names, ["PlayerData"]);
    assert!(StoreName::parse(LOG_STORE, &Limits::native()).is_err());
    let line = lines(&world, &alice).remove(0);
    // It is there all the same, as an entry of the universe.
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(LOG_STORE) };
    let key = EntryKey::trusted(line.position.as_str());
    let entry = EntryId { store, scope: Scope::global(), key };
    let state = world.run(&[], a.execute(Request::Get(Get { entry, which: Which::Current })));
    assert!(state.unwrap().content.unwrap().value.as_str().contains("ticket 81"));
}
