//! Durable operations: applied once, to records that are open here, elsewhere, or nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use steadfast::core::{Code, Path, Value};
use steadfast::{
    Access, HandlerError, KindError, NewOperation, OperationName, OperationSettings,
    OperationState, Options, Ownership, SessionSettings, Steadfast, Store, StoreEvent,
    UnknownOperationPolicy,
};

use super::world::{Save, Switched, World};

const SECOND: Duration = Duration::from_secs(1);

/// Players who can be given coins. Who is given less than none is a mistake.
fn gifts(world: &World, db: &Steadfast) -> Store<Save> {
    let give = |save: &mut Save, coins: i64| {
        save.coins += coins;
        // After the change: nothing of it may stay.
        if coins < 0 {
            Err(HandlerError::Fail("a gift takes coins".into()))
        } else {
            Ok(save.coins)
        }
    };
    world.players(db).handle("gift", give).unwrap()
}

fn gift(id: &str, coins: i64) -> NewOperation {
    NewOperation::new(id, "gift", &coins).unwrap()
}

fn with(world: &World, operations: OperationSettings) -> Steadfast {
    world.over(Options { operations, ..world.options() })
}

#[test]
fn a_gift_counts_once_however_often_it_is_queued() {
    let world = World::new();
    let db = world.server("game-1");
    let players = gifts(&world, &db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let queued = world.run(&[&db], players.queue("7", gift("g", 5))).unwrap();
    assert!(queued.is_new);
    let state = world.run(&[&db], players.await_operation("7", "g", 10 * SECOND)).unwrap();
    assert_eq!(state.applied::<i64>().unwrap(), 5);
    assert_eq!((p.get(|save| save.coins), p.is_dirty()), (Ok(5), false), "durable already");
    let again = world.run(&[&db], p.queue(gift("g", 5))).unwrap();
    assert_eq!((again.is_new, again.state), (false, state));
    world.work(&[&db], 10 * SECOND);
    assert_eq!(p.get(|save| save.coins), Ok(5));
    // Under the same id with another payload it is another operation.
    let refused = world.run(&[&db], p.queue(gift("g", 6))).unwrap_err();
    assert_eq!(refused.code(), Code::OperationPayloadMismatch);
    // After the session it is still known.
    world.run(&[&db], p.release()).unwrap();
    let again = world.run(&[&db], players.queue("7", gift("g", 5))).unwrap();
    assert!(!again.is_new);
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(5));
}

#[test]
fn a_gift_to_somebody_who_never_joined_waits_for_the_first_session() {
    let world = World::new();
    let db = world.server("game-1");
    let players = gifts(&world, &db);
    let queued = world.run(&[&db], players.queue("7", gift("g", 5))).unwrap();
    assert_eq!((queued.is_new, queued.state.has_ended()), (true, false));
    let state = world.run(&[&db], players.operation("7", "g")).unwrap();
    assert_eq!(state, OperationState::Queued);
    assert_eq!(state.applied::<i64>().unwrap_err().code(), Code::OutcomeUnknown);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let state = world.run(&[&db], p.await_operation("g", SECOND)).unwrap();
    assert_eq!((state.applied::<i64>().unwrap(), p.get(|save| save.coins)), (5, Ok(5)));
    let unknown = world.run(&[&db], p.operation("h")).unwrap();
    assert_eq!(unknown, OperationState::NotFound);
}

#[test]
fn whoever_waits_on_another_server_hears_the_answer_within_a_renewal_and_a_look() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let p = world.run(&[&a, &b], gifts(&world, &a).open("7")).unwrap();
    let elsewhere = world.players(&b);
    world.work(&[&a, &b], SECOND);
    let began = world.seconds();
    let given = elsewhere.queue_and_wait("7", gift("g", 5), 10 * SECOND);
    let state = world.run(&[&a, &b], given).unwrap();
    assert_eq!(state.applied::<i64>().unwrap(), 5);
    assert!(world.seconds() - began < 4.5, "{}", world.seconds() - began);
    assert_eq!((p.get(|save| save.coins), p.is_active()), (Ok(5), true), "nobody is disconnected");
}

#[test]
fn operations_that_are_asked_for_are_read_at_once() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let p = world.run(&[&a, &b], gifts(&world, &a).open("7")).unwrap();
    world.run(&[&b], world.players(&b).queue("7", gift("g", 5))).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(0));
    let began = world.seconds();
    p.process_operations().unwrap();
    world.until(&[&a], || (p.get(|save| save.coins) == Ok(5)).then_some(()));
    assert!(world.seconds() - began < 0.1, "{}", world.seconds() - began);
    world.run(&[&a], p.release()).unwrap();
    assert_eq!(p.process_operations(), Err(Access::Closed));
}

#[test]
fn operators_edit_a_running_session_by_path_without_a_handler() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 10)).unwrap();
    let changes = p.changes();
    let run = |operation| world.run(&[&db], p.queue_and_wait(operation, SECOND)).unwrap();
    let added = run(NewOperation::add("o1", "coins", 5).unwrap());
    assert_eq!(added.applied::<i64>().unwrap(), 15);
    let items = Value::parse(r#"["sword"]"#, db.limits()).unwrap();
    run(NewOperation::set("o2", "items", items).unwrap()).applied::<()>().unwrap();
    let second = Path::parse("items[0]").unwrap();
    run(NewOperation::remove("o3", second.clone()).unwrap()).applied::<()>().unwrap();
    assert_eq!(p.snapshot(), Ok(Save { coins: 15, ..Save::default() }));
    let told: Vec<_> = std::iter::from_fn(|| changes.try_next()).collect();
    let sources: Vec<_> = told.iter().filter_map(|it| it.source.as_deref()).collect();
    assert_eq!(sources, ["o1", "o2", "o3"]);
    let refused = run(NewOperation::remove("o4", second).unwrap());
    assert_eq!(refused.applied::<()>().unwrap_err().code(), Code::HandlerFailed);
}

#[test]
fn a_handler_that_cannot_now_is_tried_again_and_changes_nothing_until_then() {
    let world = World::new();
    let db = world.server("game-1");
    let events = db.events();
    let tries = Arc::new(AtomicU32::new(0));
    let calls = Arc::clone(&tries);
    let give = move |save: &mut Save, (): ()| {
        save.coins += 1;
        match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(HandlerError::Retry("not now".into())),
            1 => panic!("a bug of the game"),
            _ => Ok(()),
        }
    };
    let players = world.players(&db).handle("late", give).unwrap();
    let p = world.run(&[&db], players.open("7")).unwrap();
    world.run(&[&db], p.queue(NewOperation::new("l", "late", &()).unwrap())).unwrap();
    world.until(&[&db], || (tries.load(Ordering::Relaxed) == 1).then_some(()));
    assert_eq!((p.get(|save| save.coins), p.is_active()), (Ok(0), true));
    // What was tried in vain is stored with the next save.
    p.mark_dirty().unwrap();
    world.run(&[&db], p.checkpoint()).unwrap();
    let state = world.run(&[&db], p.operation("l")).unwrap();
    assert_eq!(state, OperationState::Pending { tries: 1, last_error: Some("not now".into()) });
    let began = world.seconds();
    let state = world.run(&[&db], p.await_operation("l", 60 * SECOND)).unwrap();
    assert!((15.0..25.0).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    assert_eq!((state.applied::<()>().is_ok(), p.get(|save| save.coins)), (true, Ok(1)));
    let retried = std::iter::from_fn(|| events.try_next())
        .filter(|event| matches!(event, StoreEvent::OperationRetried { .. }));
    assert_eq!(retried.count(), 2);
}

#[test]
fn a_failed_operation_changes_nothing_and_says_why() {
    let world = World::new();
    let db = world.server("game-1");
    let events = db.events();
    let p = world.run(&[&db], gifts(&world, &db).open("7")).unwrap();
    let wrong = NewOperation::new("w", "gift", "many").unwrap();
    for (operation, reason) in [(gift("g", -5), "a gift takes coins"), (wrong, "its payload: ")] {
        let state = world.run(&[&db], p.queue_and_wait(operation, SECOND)).unwrap();
        let OperationState::Failed { error: Some(error), tries: 0, .. } = &state else {
            panic!("{state:?}")
        };
        assert!(error.starts_with(reason), "{error}");
        assert_eq!(state.applied::<()>().unwrap_err().code(), Code::HandlerFailed);
    }
    assert_eq!(p.get(|save| save.coins), Ok(0));
    let failed = std::iter::from_fn(|| events.try_next()).filter_map(|event| {
        if let StoreEvent::OperationFailed { code, .. } = event { Some(code) } else { None }
    });
    assert_eq!(failed.collect::<Vec<_>>(), [Code::HandlerFailed; 2]);
    // A handler may also say that the operation is not wanted any more.
    let stop = |_: &mut Save, (): ()| Err::<(), _>(HandlerError::Cancel("too late".into()));
    let players = gifts(&world, &db).handle("stop", stop).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let p = world.run(&[&db], players.open("7")).unwrap();
    let stop = NewOperation::new("s", "stop", &()).unwrap();
    let state = world.run(&[&db], p.queue_and_wait(stop, SECOND)).unwrap();
    assert_eq!(state.applied::<()>().unwrap_err().code(), Code::TransactionCancelled);
}

#[test]
fn what_nothing_handles_waits_or_fails_as_the_settings_say() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let state = world.run(&[&db], p.queue_and_wait(gift("g", 5), 5 * SECOND)).unwrap();
    assert_eq!(state, OperationState::Queued);
    world.run(&[&db], p.release()).unwrap();
    let p = world.run(&[&db], gifts(&world, &db).open("7")).unwrap();
    let state = world.run(&[&db], p.await_operation("g", SECOND)).unwrap();
    assert_eq!(state.applied::<i64>().unwrap(), 5);
    world.run(&[&db], p.release()).unwrap();

    let on_unknown = UnknownOperationPolicy::Fail;
    let db = with(&world, OperationSettings { on_unknown, ..OperationSettings::default() });
    let events = db.events();
    let p = world.run(&[&db], world.players(&db).open("8")).unwrap();
    let state = world.run(&[&db], p.queue_and_wait(gift("g", 5), 5 * SECOND)).unwrap();
    assert_eq!(state.applied::<()>().unwrap_err().code(), Code::MissingHandler, "{state:?}");
    // The receipt keeps it, for whoever asks later.
    let state = world.run(&[&db], p.operation("g")).unwrap();
    assert_eq!(state.applied::<()>().unwrap_err().code(), Code::MissingHandler, "{state:?}");
    let code = std::iter::from_fn(|| events.try_next()).find_map(|event| {
        if let StoreEvent::OperationFailed { code, .. } = event { Some(code) } else { None }
    });
    assert_eq!(code, Some(Code::MissingHandler));
}

#[test]
fn a_dead_letter_is_tried_again_under_another_id() {
    let world = World::new();
    let on_unknown = UnknownOperationPolicy::Fail;
    let db = with(&world, OperationSettings { on_unknown, ..OperationSettings::default() });
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    world.run(&[&db], p.queue_and_wait(gift("g", 5), SECOND)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let p = world.run(&[&db], gifts(&world, &db).open("7")).unwrap();
    let again = NewOperation::again("g2", "gift", "g").unwrap();
    let state = world.run(&[&db], p.queue_and_wait(again, SECOND)).unwrap();
    assert_eq!(state.applied::<i64>().unwrap(), 5, "with the payload that the letter kept");
    let missing = NewOperation::again("g3", "gift", "none").unwrap();
    let refused = world.run(&[&db], p.queue(missing)).unwrap_err();
    assert_eq!(refused.code(), Code::DeadLetterNotFound);
}

#[test]
fn a_wait_that_is_dropped_ends_alone() {
    let world = World::new();
    let db = world.server("game-1");
    let players = gifts(&world, &db);
    drop(players.queue_and_wait("7", gift("g", 5), 60 * SECOND));
    drop(players.await_operation("7", "g", 60 * SECOND));
    world.work(&[&db], SECOND);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let state = world.run(&[&db], p.await_operation("g", SECOND)).unwrap();
    assert_eq!(state.applied::<i64>().unwrap(), 5);
    // Nobody asks the store about it any more.
    let asked = || db.diagnostics().requests[&steadfast::RequestKind::Operations].count;
    drop(p.await_operation("h", 600 * SECOND));
    world.work(&[&db], SECOND);
    let before = asked();
    world.work(&[&db], 20 * SECOND);
    assert_eq!(asked(), before);
}

#[test]
fn an_id_that_was_pruned_is_refused_and_not_applied_again() {
    let world = World::new();
    let settings = OperationSettings { receipts_max: 1, kept_max: 1, ..Default::default() };
    let db = with(&world, settings);
    let players = gifts(&world, &db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let start = db.now();
    let numbered = |number: u64| {
        let time = start.saturating_add(Duration::from_millis(number));
        gift(&format!("g{number}"), 1).issued_at(time)
    };
    for number in 1..=4 {
        world.run(&[&db], p.queue_and_wait(numbered(number), SECOND)).unwrap();
    }
    assert_eq!(p.get(|save| save.coins), Ok(4));
    let refused = world.run(&[&db], p.queue(numbered(1))).unwrap_err();
    assert_eq!(refused.code(), Code::OperationExpired);
    let state = world.run(&[&db], p.operation(&numbered(1))).unwrap();
    assert_eq!(state, OperationState::Expired);
    assert_eq!(state.applied::<()>().unwrap_err().code(), Code::OperationExpired);
    // The last two are still known, one with its answer.
    let kept = world.run(&[&db], p.operation("g3")).unwrap();
    assert_eq!(kept, OperationState::Applied { result: None });
    let full = world.run(&[&db], p.operation("g4")).unwrap();
    assert_eq!(full.applied::<i64>().unwrap(), 4);
    // One that nobody knows and that is newer may still come.
    let name = OperationName::from("g9").issued_at(start.saturating_add(SECOND));
    assert_eq!(world.run(&[&db], p.operation(name)).unwrap(), OperationState::NotFound);
    assert_eq!(p.get(|save| save.coins), Ok(4));
}

#[test]
fn a_purchase_is_known_for_ever() {
    let world = World::new();
    let settings = OperationSettings { receipts_max: 1, kept_max: 0, ..Default::default() };
    let db = with(&world, settings);
    let buy = |save: &mut Save, coins: i64| {
        save.coins += coins;
        Ok(())
    };
    let players = gifts(&world, &db).handle_permanent("purchase", buy).unwrap();
    let p = world.run(&[&db], players.open("7")).unwrap();
    let bought = || NewOperation::new("b", "purchase", &100).unwrap();
    world.run(&[&db], p.queue_and_wait(bought(), SECOND)).unwrap().applied::<()>().unwrap();
    let kept = gift("p", 1).permanent();
    world.run(&[&db], p.queue_and_wait(kept, SECOND)).unwrap();
    let coins = world.run(&[&db], p.queue_and_wait(gift("g", 5), SECOND)).unwrap();
    assert_eq!(coins.applied::<i64>().unwrap(), 106);
    world.run(&[&db], p.queue_and_wait(gift("h", 1), SECOND)).unwrap();
    assert_eq!(world.run(&[&db], p.operation("g")).unwrap(), OperationState::NotFound);
    for id in ["b", "p"] {
        assert!(world.run(&[&db], p.operation(id)).unwrap().has_ended(), "{id}");
    }
    assert!(!world.run(&[&db], p.queue(bought())).unwrap().is_new);
    assert_eq!(p.get(|save| save.coins), Ok(107));
}

#[test]
fn what_the_ledger_the_inbox_and_a_payload_may_hold_is_refused_at_its_edge() {
    let world = World::new();
    let settings = OperationSettings {
        pending_max: 2,
        payload_size_max: 12,
        ledger_size_max: 40,
        ..OperationSettings::default()
    };
    let db = with(&world, settings);
    let players = world.players(&db);
    let text = |id: &str, size: usize| NewOperation::new(id, "note", &"x".repeat(size)).unwrap();
    let queue = |key: &str, operation| world.run(&[&db], players.queue(key, operation));
    // Twelve bytes with their quotes.
    queue("1", text("a", 10)).unwrap();
    assert_eq!(queue("1", text("b", 11)).unwrap_err().code(), Code::OperationPayloadTooLarge);
    // Each counts 16 bytes and its id.
    queue("1", text("b", 1)).unwrap();
    assert_eq!(queue("1", text("c", 1)).unwrap_err().code(), Code::InboxFull);
    queue("2", text("1234", 1)).unwrap();
    assert_eq!(queue("2", text("12345", 1)).unwrap_err().code(), Code::LedgerFull);
    queue("2", text("4321", 1)).unwrap();
    let late = text("l", 1).issued_at(db.now().saturating_add(Duration::from_mins(10) + SECOND));
    assert_eq!(queue("3", late).unwrap_err().code(), Code::InvalidTimestamp);
    let early = text("e", 1).issued_at(db.now().saturating_add(Duration::from_mins(10)));
    queue("3", early).unwrap();
    assert_eq!(queue("", text("a", 1)).unwrap_err().code(), Code::InvalidName);
}

#[test]
fn an_operation_of_unknown_outcome_counts_once_when_it_is_queued_again() {
    let world = World::new();
    let db = world.server("game-1");
    let players = gifts(&world, &db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    world.backend.turn(true);
    let refused = world.run(&[&db], p.queue(gift("g", 5))).unwrap_err();
    assert!(refused.kind().retry_can_help(), "{refused:?}");
    let unknown = world.run(&[&db], p.await_operation("g", SECOND)).unwrap_err();
    assert!(unknown.kind().retry_can_help(), "{unknown:?}");
    world.backend.turn(false);
    world.until(&[&db], || p.is_active().then_some(()));
    for _ in 0..2 {
        let state = world.run(&[&db], p.queue_and_wait(gift("g", 5), 10 * SECOND)).unwrap();
        assert_eq!(state.applied::<i64>().unwrap(), 5);
    }
    assert_eq!(p.get(|save| save.coins), Ok(5));
}

#[test]
fn a_closed_store_queues_nothing_and_answers_whoever_waits() {
    let world = World::new();
    let db = world.server("game-1");
    let players = gifts(&world, &db);
    let waiting = players.await_operation("7", "g", 600 * SECOND);
    world.run(&[&db], db.close_sessions());
    let codes = [
        world.run(&[&db], waiting).unwrap_err().code(),
        world.run(&[&db], players.queue("7", gift("g", 5))).unwrap_err().code(),
        world.run(&[&db], players.operation("7", "g")).unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::StoreClosed; 3]);
}

#[test]
fn kinds_are_names_and_the_built_in_ones_are_taken() {
    let world = World::new();
    let db = world.server("game-1");
    let none = |_: &mut Save, (): ()| Ok(());
    let refused = world.players(&db).handle("steadfast.set", none).unwrap_err();
    assert!(matches!(refused, KindError::Reserved(_)), "{refused:?}");
    assert_eq!(refused.code(), Code::ReservedName);
    let refused = world.players(&db).handle_permanent("", none).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidName);
}

#[test]
fn data_of_no_type_is_handled_by_path() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let give = |draft: &mut steadfast::core::document::Draft, payload: Value| {
        let Value::Number(coins) = payload else { return Err(HandlerError::Fail("what?".into())) };
        let coins = draft.add("coins", coins)?;
        if coins.compare(100.into()).is_gt() {
            return Err(HandlerError::Cancel("rich already".into()));
        }
        Ok(Value::Number(coins))
    };
    let values = values.handle("gift", give).unwrap();
    let p = world.run(&[&db], values.open("7")).unwrap();
    let run = |operation| world.run(&[&db], p.queue_and_wait(operation, SECOND)).unwrap();
    assert_eq!(run(gift("g", 100)).applied::<i64>().unwrap(), 100);
    let refused = run(gift("h", 1));
    assert_eq!(refused, OperationState::Cancelled { reason: Some("rich already".into()) });
    assert_eq!(p.get("coins").unwrap(), Some(Value::from(100)));
}

/// Gifts, after which the store is out of reach: nothing of them is saved.
fn last_gifts(world: &World, db: &Steadfast) -> Store<Save> {
    let backend = Arc::<Switched>::clone(&world.backend);
    let give = move |save: &mut Save, coins: i64| {
        save.coins += coins;
        backend.turn(true);
        Ok(save.coins)
    };
    world.players(db).handle("gift", give).unwrap()
}

/// The settings of a process that owns its store.
fn owner(world: &World, dir: &tempfile::TempDir) -> Options {
    let spills_in = Some(dir.path().join("spills"));
    Options { ownership: Ownership::Sole, spills_in, ..world.options() }
}

#[test]
fn a_crash_between_applying_and_saving_applies_once() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], last_gifts(&world, &db).open("7")).unwrap();
    world.run(&[&db], p.queue(gift("g", 5))).unwrap();
    world.until(&[&db], || (p.get(|save| save.coins) == Ok(5)).then_some(()));
    // Killed: nobody polls it any more, and nothing was kept.
    drop((p, db));
    world.backend.turn(false);
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], gifts(&world, &db).open("7")).unwrap();
    let state = world.run(&[&db], p.await_operation("g", 10 * SECOND)).unwrap();
    assert_eq!((state.applied::<i64>().unwrap(), p.get(|save| save.coins)), (5, Ok(5)));
}

#[test]
fn a_spill_that_is_put_back_brings_its_operations_and_none_is_applied_again() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], last_gifts(&world, &db).open("7")).unwrap();
    world.run(&[&db], p.queue(gift("g", 5))).unwrap();
    world.until(&[&db], || (p.get(|save| save.coins) == Ok(5)).then_some(()));
    p.edit(|save| Ok(save.coins += 1)).unwrap();
    let unsaved = world.run(&[&db], db.close_sessions());
    assert_eq!(unsaved.iter().map(|spill| spill.settled.len()).collect::<Vec<_>>(), [1]);
    drop((p, db));
    world.backend.turn(false);
    let db = world.over(owner(&world, &dir));
    assert_eq!(db.spills().iter().map(|kept| &kept.spill).collect::<Vec<_>>(), [&unsaved[0]]);
    let players = gifts(&world, &db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    world.work(&[&db], 10 * SECOND);
    assert_eq!(p.get(|save| save.coins), Ok(6));
    let state = world.run(&[&db], p.operation("g")).unwrap();
    assert_eq!(state.applied::<i64>().unwrap(), 5, "the answer of then");
    assert!(!world.run(&[&db], p.queue(gift("g", 5))).unwrap().is_new);
    // It was stored with the grant: a crash right after it applies nothing again.
    drop((p, players, db));
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], gifts(&world, &db).open("7")).unwrap();
    world.work(&[&db], 10 * SECOND);
    assert_eq!(p.get(|save| save.coins), Ok(6));
}

#[test]
fn settings_of_operations_signals_and_the_critical_state_are_refused_all_at_once() {
    let wrong = Options {
        sessions: SessionSettings { margin: Duration::ZERO, ..SessionSettings::default() },
        operations: OperationSettings { pending_max: 0, ..OperationSettings::default() },
        changes: steadfast::ChangeSettings { audit_max: 10_001, ..Default::default() },
        critical: steadfast::CriticalSettings { threshold: 0, ..Default::default() },
        ..Options::default()
    };
    let refused = Steadfast::in_memory(wrong).unwrap_err();
    let steadfast::OpenError::Settings(settings) = &refused else { panic!("{refused:?}") };
    let message = settings.to_string();
    for problem in
        ["`AuditLogLimit`", "`CriticalErrorThreshold`", "margin", "`OperationPendingLimit`"]
    {
        assert!(message.contains(problem), "{message}");
    }
    assert_eq!(refused.code(), Code::InvalidSettings);
}
