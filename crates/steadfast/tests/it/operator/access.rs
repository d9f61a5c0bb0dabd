//! Who may do what, and what a dry run does: nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use steadfast::core::path::Path;
use steadfast::core::{Code, SessionId};
use steadfast::operator::{
    Action, ExportHistory, Fence, HistoryQuery, Mandate, OPERATOR_NAME_SIZE_MAX, OnlineEdit,
    Operator, OperatorError, REASON_SIZE_MAX, Restore, RestoreTo,
};

use super::support::{because, both, check, closed_desk, desk, dry, gift, id, key, leave, store};
use crate::sessions::world::World;

/// Every changing call, with what it came to.
#[track_caller]
fn change_all(
    world: &World,
    alice: &Operator,
    mandate: &Mandate,
) -> BTreeMap<Action, Result<(), OperatorError>> {
    let seven = key("7");
    let revision = world.run(&[], alice.record(seven)).ok().and_then(|info| info.revision());
    let revision =
        revision.unwrap_or_else(|| steadfast::operator::RevisionId::from_client("unknown"));
    let restore = Restore::to(RestoreTo::Revision(revision));
    let fence = Fence { counter: 1, session: SessionId(1) };
    let confirmation = alice.delete_confirmation(seven);
    let add = OnlineEdit::Add { path: Path::from("coins"), amount: 1.into() };
    let edit =
        |draft: &mut steadfast::core::document::Draft| Ok(draft.add("coins", 1).map(|_| ())?);
    macro_rules! ask {
        ($call:expr) => {
            world.run(&[], $call).map(drop)
        };
    }
    BTreeMap::from([
        (Action::Update, ask!(alice.update(seven, mandate, edit))),
        (Action::EditOnline, ask!(alice.edit_online(seven, mandate, add))),
        (Action::Restore, ask!(alice.restore(seven, mandate, restore))),
        (Action::Delete, ask!(alice.delete(seven, mandate, &confirmation))),
        (Action::Queue, ask!(alice.queue(seven, mandate, gift("g-9", 1)))),
        (Action::Cancel, ask!(alice.cancel(seven, mandate, &id("g-1")))),
        (Action::Fail, ask!(alice.fail(seven, mandate, &id("g-1")))),
        (Action::Requeue, ask!(alice.requeue(seven, mandate, &id("g-0"), id("g-2")))),
        (Action::ForceRelease, ask!(alice.force_release(seven, mandate, fence))),
        (Action::Steal, ask!(alice.steal(seven, mandate))),
        (Action::Compact, ask!(alice.compact(seven, mandate))),
    ])
}

/// Every call that only looks.
#[track_caller]
fn look_all(world: &World, alice: &Operator) -> BTreeMap<Action, Result<(), OperatorError>> {
    let seven = key("7");
    macro_rules! ask {
        ($call:expr) => {
            world.run(&[], $call).map(drop)
        };
    }
    BTreeMap::from([
        (Action::View, ask!(alice.record(seven))),
        (Action::History, ask!(alice.history(seven, &HistoryQuery::default()))),
        (Action::Export, ask!(alice.export(seven, ExportHistory::List))),
        (Action::ListOperations, ask!(alice.pending(seven, None, 10))),
        (Action::ListServers, ask!(alice.servers(None, 10))),
        (Action::ListSessions, ask!(alice.sessions(None, 10))),
        (Action::ReadLog, ask!(alice.log(None, 10))),
    ])
}

fn codes(results: &BTreeMap<Action, Result<(), OperatorError>>) -> BTreeMap<Action, Option<Code>> {
    let code = |result: &Result<(), OperatorError>| result.as_ref().err().map(OperatorError::code);
    results.iter().map(|(action, result)| (*action, code(result))).collect()
}

#[test]
fn repairs_are_closed_until_somebody_says_who_may_make_them() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let closed = closed_desk(&a);
        let before = world.backend.commits();
        let mut results = look_all(world, &closed);
        results.extend(change_all(world, &closed, dry()));
        let known: Vec<Action> = results.keys().copied().collect();
        assert_eq!(known, Action::ALL, "every action is asked for");
        for (action, code) in codes(&results) {
            let expected = action.is_repair().then_some(Code::AdminAccessDisabled);
            assert_eq!(code, expected, "{action}");
        }
        assert_eq!(world.backend.commits(), before);
    });
}

#[test]
fn what_is_denied_is_not_done_and_leaves_no_trace() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let asked: Arc<Mutex<Vec<Action>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let denied = closed_desk(&a).authorize(move |asked| {
        assert_eq!(
            (asked.operator, asked.store, asked.scope.as_str()),
            ("alice", &store(), "global")
        );
        assert!(asked.key.is_none_or(|key| key.as_str() == "7"));
        seen.lock().unwrap().push(asked.action);
        false
    });
    let before = world.backend.commits();
    let mut results = look_all(&world, &denied);
    results.extend(change_all(&world, &denied, because()));
    for (action, code) in codes(&results) {
        assert_eq!(code, Some(Code::AdminAccessDenied), "{action}");
    }
    assert_eq!(world.backend.commits(), before);
    let mut asked = asked.lock().unwrap().clone();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, Action::ALL);
}

#[test]
fn whoever_decides_sees_the_reason() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let picky = closed_desk(&a).authorize(|asked| {
        asked.mandate.is_none_or(|mandate| mandate.is_dry_run() || mandate.reason() == "ticket 81")
    });
    let other = Mandate::because("for fun");
    let edit = |mandate: &Mandate| world.run(&[], picky.update(key("7"), mandate, |_| Ok(())));
    check(edit(&other), Code::AdminAccessDenied);
    assert!(edit(&other.clone().dry_run()).is_ok());
    assert!(edit(because()).is_ok());
}

#[test]
fn a_change_needs_an_operator_and_a_reason() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let before = world.backend.commits();
    for reason in [String::new(), "  ".to_owned(), "x".repeat(REASON_SIZE_MAX + 1)] {
        let mandate = Mandate::because(reason);
        for mandate in [mandate.clone(), mandate.dry_run()] {
            for (action, code) in codes(&change_all(&world, &desk(&a), &mandate)) {
                assert_eq!(code, Some(Code::InvalidRequest), "{action}");
            }
        }
    }
    for name in [String::new(), "x".repeat(OPERATOR_NAME_SIZE_MAX + 1)] {
        let nobody = a.operator(store(), desk(&a).scope().clone(), name).authorize(|_| true);
        for (action, code) in codes(&change_all(&world, &nobody, because())) {
            assert_eq!(code, Some(Code::InvalidRequest), "{action}");
        }
    }
    assert_eq!(world.backend.commits(), before);
}

#[test]
fn a_dry_run_answers_and_writes_nothing() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let alice = desk(&a);
        world.run(&[], alice.queue(key("7"), because(), gift("g-1", 1))).unwrap();
        let before = world.backend.commits();
        let results = codes(&change_all(world, &alice, dry()));
        let refused = [
            (Action::Requeue, Some(Code::DeadLetterNotFound)),
            (Action::ForceRelease, Some(Code::LeaseTokenMismatch)),
            (Action::Steal, Some(Code::Conflict)),
        ];
        for (action, code) in results {
            let expected = refused.iter().find(|(of, _)| *of == action).and_then(|(_, code)| *code);
            assert_eq!(code, expected, "{action}");
        }
        assert_eq!(world.backend.commits(), before);
        // And says what would happen.
        let queued = world.run(&[], alice.queue(key("7"), dry(), gift("g-2", 1))).unwrap();
        assert!(queued.is_new && queued.is_dry_run);
        let known = world.run(&[], alice.queue(key("7"), dry(), gift("g-1", 1))).unwrap();
        assert!(!known.is_new && known.is_dry_run);
        let mismatch = alice.queue(key("7"), dry(), gift("g-1", 2));
        check(world.run(&[], mismatch), Code::OperationPayloadMismatch);
        let edit = alice.update(key("7"), dry(), |draft| Ok(drop(draft.set("coins", 9)?)));
        let edit = world.run(&[], edit).unwrap();
        assert_eq!((edit.is_dry_run, edit.differences.len()), (true, 1));
        assert_eq!(edit.before, edit.after);
        assert_eq!(world.backend.commits(), before);
    });
}
