//! What a session holds, how it is changed, and what refuses.

use std::panic::{AssertUnwindSafe, catch_unwind};

use steadfast::core::platform::{Get, Permit, Request, Set, When, Which};
use steadfast::core::session::OpenError;
use steadfast::core::{Code, Content, ErrorKind, JsonText, Metadata, Value};
use steadfast::{Access, Cancel, EditError, SaveError, SessionOpenError, SessionState, StoreError};

use super::world::{Save, World};

#[test]
fn a_session_begins_with_defaults_and_each_checkpoint_is_what_data_stores_read() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert_eq!(
        (p.snapshot(), p.is_dirty(), p.state()),
        (Ok(Save::default()), false, SessionState::Active)
    );
    let left = p.edit(|save| {
        save.coins += 100;
        save.items.push("sword".into());
        Ok(save.coins)
    });
    assert_eq!((left.unwrap(), p.is_dirty()), (100, true));
    let revision = world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!((p.is_dirty(), p.revision()), (false, Some(revision)));
    let get = Request::Get(Get { entry: p.entry().clone(), which: Which::Current });
    let read = world.run(&[&db], db.execute(get)).unwrap();
    let content = read.content.unwrap();
    assert_eq!(content.value.as_str(), r#"{"coins":100,"items":["sword"],"share":0.0}"#);
}

#[test]
fn a_clean_checkpoint_writes_nothing() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let before = world.backend.commits();
    let revision = world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!((p.revision(), world.backend.commits()), (Some(revision), before));
}

#[test]
fn edits_are_saved_by_themselves_within_a_minute() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let began = world.seconds();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.until(&[&db], || (!p.is_dirty()).then_some(()));
    assert!((50.0..61.0).contains(&(world.seconds() - began)), "{}", world.seconds());
}

#[test]
fn a_failed_edit_changes_nothing() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&db], p.checkpoint()).unwrap();

    let cancelled = p.edit(|save| {
        save.coins = 0;
        Err::<(), _>(Cancel::because("too expensive"))
    });
    let error = cancelled.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, Code::TransactionCancelled));
    let error = p.edit(|save| Ok(save.share = f64::NAN)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, Code::InvalidData));
    let huge = p.edit(|save| Ok(save.items = vec!["x".repeat(3_800_000)]));
    assert_eq!(huge.unwrap_err().code(), Code::DataTooLarge);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        p.edit(|save| -> Result<(), Cancel> {
            save.coins = 0;
            panic!("a bug of the game")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!((p.get(|save| save.coins), p.is_dirty()), (Ok(5), false));
    // And nobody else is hurt.
    let other = world.run(&[&db], world.players(&db).open("8")).unwrap();
    other.edit(|save| Ok(save.coins = 1)).unwrap();
    world.run(&[&db], other.checkpoint()).unwrap();
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    world.run(&[&db], p.release()).unwrap();
}

#[test]
fn a_callback_that_uses_its_own_store_panics_instead_of_waiting_for_ever() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let inside = catch_unwind(AssertUnwindSafe(|| p.edit(|_| Ok(p.is_dirty()))));
    assert!(inside.is_err());
    // Another store is no trouble, and a handle may be dropped anywhere.
    let other = World::new();
    let elsewhere = other.server("game-2");
    let q = other.run(&[&elsewhere], other.players(&elsewhere).open("7")).unwrap();
    let dropped = world.run(&[&db], world.players(&db).open("8")).unwrap();
    let answer = p.edit(|_| {
        drop(dropped);
        Ok(q.is_dirty())
    });
    assert!(!answer.unwrap());
    world.until(&[&db], || (db.session_count() == 1).then_some(()));
}

#[test]
fn after_a_release_nothing_is_edited_or_saved() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let release = p.release();
    // It is planned: from here on another server may have the record.
    assert_eq!(p.state(), SessionState::Releasing);
    let refused = p.edit(|save| Ok(save.coins = 6)).unwrap_err();
    assert!(matches!(refused, EditError::Access(Access::Closed)));
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Fenced, Code::SessionClosed));
    world.run(&[&db], release).unwrap();
    assert_eq!((p.state(), p.id(), p.revision()), (SessionState::Released, None, None));
    assert_eq!(p.snapshot(), Err(Access::Closed));
    assert_eq!(world.run(&[&db], p.checkpoint()), Err(SaveError::Closed));
    assert_eq!(world.run(&[&db], p.release()), Err(SaveError::Closed));
    assert!(p.save().is_err());
    let again = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(again.get(|save| save.coins), Ok(5));
}

#[test]
fn a_value_session_edits_by_path_and_shares_the_record_with_a_typed_one() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let p = world.run(&[&db], values.open("7")).unwrap();
    assert_eq!(p.snapshot().unwrap().to_json().as_str(), "{}");
    p.edit(|draft| {
        draft.set("coins", 5)?;
        draft.set("items", Value::parse(r#"["sword"]"#, db.limits())?)?;
        Ok(())
    })
    .unwrap();
    let before = p.snapshot().unwrap();
    let error = p.edit(|draft| Ok(draft.try_debit("coins", 6)?)).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, Code::InsufficientFunds));
    p.edit(|draft| Ok(draft.try_debit("coins", 2)?)).unwrap();
    assert_eq!(before.to_json().as_str(), r#"{"coins":5,"items":["sword"]}"#, "a copy stays");
    world.run(&[&db], p.release()).unwrap();

    let typed = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let items = vec!["sword".to_owned()];
    assert_eq!(typed.snapshot(), Ok(Save { coins: 3, items, share: 0.0 }));
    // An edit that changes nothing leaves a value session clean.
    world.run(&[&db], typed.release()).unwrap();
    let p = world.run(&[&db], values.open("7")).unwrap();
    p.edit(|draft| Ok(draft.set("coins", 3)?.is_some())).unwrap();
    assert!(!p.is_dirty());
    assert_eq!(p.get("coins").unwrap(), Some(Value::from(3)));
}

#[test]
fn other_defaults_and_other_scopes_are_other_records() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let values = values.with_defaults(&Value::parse(r#"{"n":1}"#, db.limits()).unwrap());
    let event = values.clone().scope("event").unwrap();
    for store in [&values, &event] {
        let p = world.run(&[&db], store.open("7")).unwrap();
        assert_eq!(p.get("n").unwrap(), Some(Value::from(1)));
        p.edit(|draft| Ok(draft.add("n", 1)?)).unwrap();
        world.run(&[&db], p.release()).unwrap();
    }
    assert_eq!(world.run(&[&db], event.open("7")).unwrap().get("n").unwrap(), Some(Value::from(2)));
}

#[test]
fn data_of_another_shape_is_refused_and_left_as_it_is() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let entry = p.entry().clone();
    world.run(&[&db], p.release()).unwrap();
    let value = JsonText::trusted(r#"{"coins":"many","items":[]}"#);
    let content = Content { value, user_ids: vec![], metadata: Metadata::empty() };
    let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
    let set = Set { entry: entry.clone(), content: content.into(), when, permit, write_id };
    let written = world.run(&[&db], db.execute(Request::Set(set))).unwrap();
    let refused = world.run(&[&db], world.players(&db).open("7")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, Code::InvalidData));
    assert!(refused.to_string().contains("coins"), "{refused}");
    let get = Request::Get(Get { entry, which: Which::Current });
    assert_eq!(world.run(&[&db], db.execute(get)).unwrap(), written);
    // Nobody has it.
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    assert!(world.run(&[&db], values.open("7")).is_ok());
}

#[test]
fn wrong_names_and_a_second_opening_are_refused_by_their_names() {
    let world = World::new();
    let db = world.server("game-1");
    let refused = world.run(&[&db], db.store::<Save>("__steadfast_x")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, Code::ReservedName));
    let players = world.players(&db);
    let refused = world.run(&[&db], players.open("")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, Code::InvalidName));
    assert!(players.clone().scope("").is_err());
    let _p = world.run(&[&db], players.open("7")).unwrap();
    let refused = world.run(&[&db], players.open("7")).unwrap_err();
    assert!(matches!(refused, SessionOpenError::Refused(OpenError::AlreadyOpen { .. })));
}

#[test]
fn a_closed_store_takes_no_sessions() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    assert_eq!(world.run(&[&db], db.close_sessions()), []);
    assert_eq!(p.state(), SessionState::Released);
    let refused = world.run(&[&db], players.open("7")).unwrap_err();
    assert_eq!(refused.code(), Code::StoreClosed);
    let refused = world.run(&[&db], db.store::<Save>("PlayerData")).unwrap_err();
    assert!(matches!(refused, StoreError::Closed));
    // Data stores go on, and closing again is no trouble.
    assert_eq!(world.run(&[&db], db.close_sessions()), []);
    let get = Request::Get(Get { entry: p.entry().clone(), which: Which::Current });
    assert!(world.run(&[&db], db.execute(get)).is_ok());
    db.close().unwrap();
}

#[test]
fn what_is_marked_clean_is_not_saved_unless_it_is_asked_for() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let data = p.data_revision();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    p.mark_clean().unwrap();
    assert!(!p.is_dirty());
    // A checkpoint promises what it returns, whatever was marked.
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(p.data_revision().map(|it| it.counter), data.map(|it| it.counter + 1));
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    p.mark_clean().unwrap();
    world.run(&[&db], p.release()).unwrap();
    assert_eq!(p.mark_clean(), Err(Access::Closed));
    assert_eq!(p.mark_dirty(), Err(Access::Closed));
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(5));
    let data = p.data_revision();
    p.mark_dirty().unwrap();
    assert!(p.is_dirty());
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(p.data_revision().map(|it| it.counter), data.map(|it| it.counter + 1));
}

#[test]
fn a_transaction_tells_what_it_changed() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let p = world.run(&[&db], values.open("7")).unwrap();
    let ((), changes) = p
        .transaction(|draft| {
            draft.set("coins", 5)?;
            draft.set("name", "Ada")?;
            Ok(())
        })
        .unwrap();
    let places: Vec<String> = changes.paths.iter().map(ToString::to_string).collect();
    assert_eq!((places, p.is_dirty()), (vec!["coins".to_owned(), "name".to_owned()], true));
    let ((), changes) =
        p.transaction(|draft| draft.set("coins", 5).map(drop).map_err(Into::into)).unwrap();
    assert!(changes.is_empty());
}
