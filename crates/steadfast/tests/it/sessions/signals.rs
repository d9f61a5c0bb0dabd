//! What listeners are told: changes of sessions, events of the store, its critical state, and what is
//! counted.

use std::time::Duration;

use steadfast::core::platform::{Permit, Request, Set, When};
use steadfast::core::{Code, Content, JsonText, Metadata, Value};
use steadfast::{
    Change, ChangeSettings, DiffError, MetricValue, NewOperation, Note, Options, RequestKind,
    SessionState, Steadfast, StoreEvent,
};

use super::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn watched(world: &World, changes: ChangeSettings) -> Steadfast {
    world.over(Options { changes, ..world.options() })
}

fn drain(events: &steadfast::Events<StoreEvent>) -> Vec<StoreEvent> {
    std::iter::from_fn(|| events.try_next()).collect()
}

#[test]
fn an_edit_tells_why_by_what_where_and_what_was_there() {
    let world = World::new();
    let db = watched(&world, ChangeSettings { track_details: true, audit_max: 2 });
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let changes = p.changes();
    let note = Note::because("purchase").from_source("shop");
    p.edit_as(note, |save| {
        save.coins = 5;
        save.items.push("sword".into());
        Ok(())
    })
    .unwrap();
    let told = changes.try_next().unwrap();
    assert_eq!((told.reason.as_deref(), told.source.as_deref()), (Some("purchase"), Some("shop")));
    assert_eq!(
        told.paths.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["coins", "items[0]"]
    );
    let coins = Change { path: "coins".into(), old: Some(0.into()), new: Some(5.into()) };
    assert_eq!((told.change_count, told.details.as_ref().unwrap().first()), (1, Some(&coins)));
    // An edit that fails, or leaves everything as it was, tells nothing.
    p.edit(|save| Ok(save.share = f64::NAN)).unwrap_err();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    assert_eq!(changes.try_next(), None);
    for coins in [6, 7] {
        p.edit(|save| Ok(save.coins = coins)).unwrap();
    }
    let counts: Vec<_> = p.audit_log().iter().map(|it| it.change_count).collect();
    assert_eq!(counts, [2, 3], "the newest two");
    world.run(&[&db], p.release()).unwrap();
    assert_eq!(p.audit_log().len(), 2, "also when it is over");
    while changes.try_next().is_some() {}
    assert_eq!(world.run(&[&db], changes.next()), None);
}

#[test]
fn a_session_of_a_type_is_edited_by_path_and_says_why() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let changes = p.changes();
    p.set("coins", 1).unwrap();
    p.transaction_as(Note::because("gift"), |draft| Ok(draft.add("coins", 1)?)).unwrap();
    let shop = p.noted(Note::because("sold").from_source("shop"));
    shop.insert("items", "sword", steadfast::core::document::Insert::END).unwrap();
    assert_eq!(shop.increment("coins", 3).unwrap(), 5.into());
    shop.try_debit("coins", 1).unwrap();
    shop.patch("coins", |_| Ok(7.into())).unwrap();
    shop.edit(|save| Ok(save.coins += 1)).unwrap();
    shop.set("items", Value::array([])).unwrap();
    shop.transaction(|draft| Ok(draft.add("coins", 1)?)).unwrap();
    assert_eq!(p.get_path("coins").unwrap(), Some(9.into()));
    assert_eq!(p.remove("hat").unwrap_err().code(), Code::PathNotFound);
    let told: Vec<_> = std::iter::from_fn(|| changes.try_next()).collect();
    let reasons: Vec<_> = told.iter().map(|it| it.reason.as_deref()).collect();
    let sold = Some("sold");
    assert_eq!(reasons, [None, Some("gift"), sold, sold, sold, sold, sold, sold, sold]);
    assert_eq!(told.last().unwrap().source.as_deref(), Some("shop"));
}

#[test]
fn every_session_tells_once_each_time_that_its_data_has_become_large() {
    let world = World::new();
    let db = world.over(Options { data_size_warn: 200, ..world.options() });
    let events = db.events();
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let empty = p.stored_size().unwrap();
    let fill = |size: usize| {
        let item = "x".repeat(size - empty - 2);
        p.edit(|save| Ok(save.items = vec![item])).unwrap();
        assert_eq!(p.stored_size(), Ok(size));
        world.run(&[&db], p.checkpoint()).unwrap();
        let told = drain(&events).into_iter();
        told.filter(|it| matches!(it, StoreEvent::DataLarge { .. })).collect::<Vec<_>>()
    };
    assert_eq!(fill(199), []);
    let (entry, session) = (p.entry().clone(), p.id().unwrap());
    let large = |size| StoreEvent::DataLarge { entry: entry.clone(), session, size };
    assert_eq!(fill(200), [large(200)]);
    assert_eq!(fill(300), []);
    assert_eq!(fill(199), []);
    assert_eq!(fill(201), [large(201)]);
}

#[test]
fn a_session_of_values_tells_the_places_of_every_kind_of_edit() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let p = world.run(&[&db], values.open("7")).unwrap();
    p.set("before", 1).unwrap();
    let changes = p.changes();
    p.set("items", Value::parse("[1]", db.limits()).unwrap()).unwrap();
    p.insert("items", 2, steadfast::core::document::Insert::END).unwrap();
    p.add("coins", 5).unwrap();
    assert_eq!(p.try_debit("coins", 6).unwrap_err().code(), Code::InsufficientFunds);
    p.try_debit("coins", 2).unwrap();
    p.patch("coins", |coins| Ok(coins.cloned().unwrap_or(Value::Null))).unwrap();
    p.remove("before").unwrap();
    p.transaction(|draft| Ok(draft.set("coins", 0)?)).unwrap();
    let told: Vec<_> = std::iter::from_fn(|| changes.try_next()).collect();
    let places: Vec<_> = told.iter().map(|it| it.paths[0].to_string()).collect();
    assert_eq!(places, ["items", "items[1]", "coins", "coins", "before", "coins"]);
    assert!(told.iter().all(|it| it.details.is_none()));
    assert_eq!(p.audit_log(), [], "none is kept unless it is asked for");
}

#[test]
fn operations_tell_the_places_of_what_they_change() {
    let world = World::new();
    let db = world.server("game-1");
    let give = |save: &mut super::world::Save, coins: i64| {
        save.coins += coins;
        Ok(())
    };
    let players = world.players(&db).handle("gift", give).unwrap();
    let p = world.run(&[&db], players.open("7")).unwrap();
    let changes = p.changes();
    let gift = NewOperation::new("g", "gift", &5).unwrap();
    world.run(&[&db], p.queue_and_wait(gift, SECOND)).unwrap();
    let told = changes.try_next().unwrap();
    assert_eq!((told.reason.as_deref(), told.source.as_deref()), (Some("gift"), Some("g")));
    assert_eq!(told.paths, ["coins".into()]);
}

#[test]
fn a_difference_is_between_what_is_held_and_what_is_stored() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let change = Change { path: "coins".into(), old: Some(0.into()), new: Some(5.into()) };
    assert_eq!(world.run(&[&db], p.diff()).unwrap(), [change]);
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(world.run(&[&db], p.diff()).unwrap(), []);
    world.backend.turn(true);
    assert_eq!(world.run(&[&db], p.diff()).unwrap_err().code(), Code::StorageUnavailable);
    world.backend.turn(false);
    world.run(&[&db], p.release()).unwrap();
    assert_eq!(world.run(&[&db], p.diff()).unwrap_err().code(), Code::SessionClosed);
}

#[test]
fn what_no_session_could_hold_has_no_difference() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let entry = p.entry().clone();
    world.run(&[&db], p.release()).unwrap();
    // A type leaves aside what it does not know, a value must hold it.
    let value = JsonText::trusted(r#"{"coins":5,"items":[],"later":1e400}"#);
    let content = Content { value, user_ids: vec![], metadata: Metadata::empty() };
    let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
    let set = Set { entry, content: content.into(), when, permit, write_id };
    world.run(&[&db], db.execute(Request::Set(set))).unwrap();
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let refused = world.run(&[&db], p.diff()).unwrap_err();
    assert!(matches!(refused, DiffError::Unreadable), "{refused:?}");
    assert_eq!(refused.code(), Code::InvalidData);
}

#[test]
fn the_store_tells_of_sessions_and_operations_in_their_order() {
    let world = World::new();
    let db = world.server("game-1");
    let events = db.events();
    let players = world.players(&db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let (entry, session) = (p.entry().clone(), p.id().unwrap());
    let add = NewOperation::add("o", "coins", 5).unwrap();
    let (operation, kind) = (add.id().clone(), add.kind().clone());
    world.run(&[&db], p.queue_and_wait(add, SECOND)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let state = SessionState::Released;
    let expected = [
        StoreEvent::SessionOpened { entry: entry.clone(), session },
        StoreEvent::OperationQueued {
            entry: entry.clone(),
            operation: operation.clone(),
            kind: kind.clone(),
        },
        StoreEvent::OperationApplied { entry: entry.clone(), operation, kind },
        StoreEvent::SessionClosed { entry, session, state },
    ];
    assert_eq!(drain(&events), expected);
}

#[test]
fn an_outage_is_critical_and_a_quiet_minute_ends_it() {
    let world = World::new();
    let db = world.server("game-1");
    let events = db.events();
    let players = world.players(&db);
    let sessions: Vec<_> =
        (0..5_i64).map(|key| world.run(&[&db], players.open(&key.to_string())).unwrap()).collect();
    assert!(!db.is_critical());
    world.backend.turn(true);
    for p in &sessions {
        p.edit(|save| Ok(save.coins = 5)).unwrap();
        drop(p.save().unwrap());
    }
    world.until(&[&db], || db.is_critical().then_some(()));
    let errors = drain(&events)
        .into_iter()
        .filter(|event| {
            matches!(
                event,
                StoreEvent::Error { code: Code::StorageUnavailable | Code::OutcomeUnknown, .. }
            )
        })
        .count();
    assert!(errors >= 5, "{errors}");
    world.backend.turn(false);
    world.until(&[&db], || sessions.iter().all(|p| !p.is_dirty()).then_some(()));
    let began = world.seconds();
    world.until(&[&db], || (!db.is_critical()).then_some(()));
    assert!((30.0..61.0).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    assert_eq!(drain(&events).last(), Some(&StoreEvent::Critical(false)));
}

#[test]
fn what_the_store_was_asked_is_counted_by_kind() {
    let world = World::new();
    let db = world.server("game-1");
    assert_eq!(db.diagnostics(), steadfast::Diagnostics::default());
    let players = world.players(&db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let add = NewOperation::add("o", "coins", 5).unwrap();
    world.run(&[&db], p.queue_and_wait(add, SECOND)).unwrap();
    let before = db.diagnostics();
    assert_eq!((before.sessions_open, before.opens.count(), before.open_failures), (1, 1, 0));
    assert_eq!((before.operations_queued, before.operations_applied), (1, 1));
    assert_eq!(before.requests[&RequestKind::Queue].latency.count(), 1);
    p.edit(|save| Ok(save.coins = 1)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let after = db.diagnostics();
    assert_eq!(after.requests[&RequestKind::Release].count, 1);
    assert_eq!((after.sessions_open, after.lease_losses), (0, 0));
    world.backend.turn(true);
    world.run(&[&db], players.open("7")).unwrap_err();
    let after = db.diagnostics();
    assert_eq!((after.opens.count(), after.open_failures), (2, 1));
    assert!(after.requests[&RequestKind::Read].failures > 0, "{after:?}");
    let names: Vec<_> = after.metrics().into_iter().filter(|it| it.kind.is_none()).collect();
    let open = names.iter().find(|it| it.name == "steadfast_sessions_open").unwrap();
    assert_eq!(open.value, MetricValue::Gauge(0));
}
