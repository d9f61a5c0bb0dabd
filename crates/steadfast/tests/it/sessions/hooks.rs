//! Hooks: when they are asked, what they may change, and what becomes of a session whose hook fails.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use steadfast::core::Code;
use steadfast::core::platform::{Get, Request, Which};
use steadfast::{
    Cancel, LossReason, Session, SessionEvent, SessionSettings, SessionState, Steadfast,
};

use super::world::{Save, World};

const SECOND: Duration = Duration::from_secs(1);

fn stored(world: &World, db: &Steadfast, p: &Session<Save>) -> Save {
    let get = Request::Get(Get { entry: p.entry().clone(), which: Which::Current });
    let content = world.run(&[db], db.execute(get)).unwrap().content.unwrap();
    serde_json::from_str(content.value.as_str()).unwrap()
}

#[test]
fn a_save_asks_once_and_stores_what_the_hook_made_of_the_data() {
    let world = World::new();
    let db = world.server("game-1");
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let players = world.players(&db).before_save(move |save| {
        count.fetch_add(1, Ordering::Relaxed);
        save.items.push(format!("saved {}", save.coins));
        Ok(())
    });
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0, "an opening stores no data of the session");
    p.edit(|save| Ok(save.coins = 1)).unwrap();
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(stored(&world, &db, &p).items, ["saved 1"]);
    assert_eq!((p.is_dirty(), p.get(|save| save.items.len())), (false, Ok(1)));
    // A clean checkpoint writes nothing and asks nobody.
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // A write that is sent again is the same write.
    p.edit(|save| Ok(save.coins = 2)).unwrap();
    world.backend.turn(true);
    drop(p.save().unwrap());
    world.work(&[&db], 30 * SECOND);
    world.backend.turn(false);
    world.until(&[&db], || (!p.is_dirty()).then_some(()));
    assert_eq!(stored(&world, &db, &p).items, ["saved 1", "saved 2"]);
    // Release and close ask too.
    let q = world.run(&[&db], players.open("8")).unwrap();
    for session in [&p, &q] {
        session.edit(|save| Ok(save.coins = 3)).unwrap();
    }
    world.run(&[&db], p.release()).unwrap();
    assert_eq!(stored(&world, &db, &p).items.len(), 3);
    world.run(&[&db], db.close_sessions());
    assert_eq!(stored(&world, &db, &q).items, ["saved 3"]);
}

#[test]
fn a_refused_save_is_told_and_tried_again_and_the_last_one_goes_on() {
    let world = World::new();
    let db = world.server("game-1");
    let is_open = Arc::new(AtomicBool::new(false));
    let may = Arc::clone(&is_open);
    let players = world.players(&db).before_save(move |save| {
        save.items.push("half done".into());
        if may.load(Ordering::Relaxed) { Ok(()) } else { Err(Cancel::because("not now")) }
    });
    let p = world.run(&[&db], players.open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 1)).unwrap();
    let refused = world.run(&[&db], p.checkpoint()).unwrap_err();
    assert_eq!(refused.code(), Code::SaveRefused);
    assert!(refused.to_string().contains("not now"), "{refused}");
    assert_eq!((p.get(|save| save.items.len()), p.is_active()), (Ok(0), true));
    assert_eq!(stored(&world, &db, &p).coins, 0);
    is_open.store(true, Ordering::Relaxed);
    let began = world.seconds();
    world.until(&[&db], || (!p.is_dirty()).then_some(()));
    assert!(world.seconds() - began < 10.1, "{}", world.seconds() - began);
    is_open.store(false, Ordering::Relaxed);
    p.edit(|save| Ok(save.coins = 2)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let left = stored(&world, &db, &p);
    assert_eq!((left.coins, left.items.len()), (2, 1), "saved, without what the hook wanted");
    assert_eq!(db.diagnostics().errors, 0, "a decision of the game is no error of the store");
}

#[test]
fn a_hook_that_panics_ends_its_session_and_nothing_else() {
    let world = World::new();
    let db = world.server("game-1");
    let panics = world.players(&db).before_save(|save| {
        assert!(save.coins != 13, "a bug of the game");
        Ok(())
    });
    let p = world.run(&[&db], panics.open("7")).unwrap();
    let other = world.run(&[&db], panics.open("8")).unwrap();
    let events = p.events();
    p.edit(|save| Ok(save.coins = 13)).unwrap();
    let refused = world.run(&[&db], p.checkpoint()).unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(p.state(), SessionState::LeaseLost);
    let lost = std::iter::from_fn(|| events.try_next()).last();
    let Some(SessionEvent::Lost { reason: LossReason::HookPanicked, spill: Some(_) }) = lost else {
        panic!("{lost:?}")
    };
    assert_eq!(db.spills().len(), 1, "what was not saved is kept");
    assert_eq!(db.diagnostics().lease_losses, 1);
    // The server goes on, others are unharmed, and the record is free.
    other.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&db], other.checkpoint()).unwrap();
    let elsewhere = world.server("game-2");
    let q = world.run(&[&db, &elsewhere], world.players(&elsewhere).open("7")).unwrap();
    assert_eq!(q.get(|save| save.coins), Ok(0));
}

#[test]
fn a_hook_that_edits_its_session_panics_with_a_reason_instead_of_waiting_for_ever() {
    let world = World::new();
    let db = world.server("game-1");
    let (own, said) = (Arc::<OnceLock<Session<Save>>>::default(), Arc::<Mutex<String>>::default());
    let (session, message) = (Arc::clone(&own), Arc::clone(&said));
    let players = world.players(&db).before_save(move |_| {
        let edit = || session.get().unwrap().edit(|save| Ok(save.coins = 1)).unwrap();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(edit)) {
            *message.lock().unwrap() = (*panic.downcast_ref::<&str>().unwrap()).to_owned();
            resume_unwind(panic);
        }
        Ok(())
    });
    for how in ["by its own checkpoint", "by a turn"] {
        let p = world.run(&[&db], players.open(how)).unwrap();
        if own.set(p.clone()).is_err() {
            // The hook edits the first one, which is as bad.
        }
        p.edit(|save| Ok(save.coins = 5)).unwrap();
        if how == "by a turn" {
            world.until(&[&db], || (p.state() == SessionState::LeaseLost).then_some(()));
        } else {
            let refused = world.run(&[&db], p.checkpoint()).unwrap_err();
            assert_eq!(refused.code(), Code::Internal);
        }
        let told = std::mem::take(&mut *said.lock().unwrap());
        assert_eq!(told, "a hook, a handler, an edit or a read of a session uses its store");
    }
    assert!(world.run(&[&db], world.players(&db).open("9")).is_ok());
}

#[test]
fn a_hook_that_takes_two_seconds_costs_two_seconds_and_no_session() {
    let world = Arc::new(World::new());
    let (db, other) = (world.server("game-1"), world.server("game-2"));
    let slow = Arc::clone(&world);
    let players = world.players(&db).before_save(move |save| {
        if save.coins == 1 {
            slow.pass(2 * SECOND);
        }
        Ok(())
    });
    let sessions: Vec<_> = (0..5_i64)
        .map(|key| world.run(&[&db, &other], players.open(&key.to_string())).unwrap())
        .collect();
    for p in &sessions {
        p.edit(|save| Ok(save.coins = 7)).unwrap();
    }
    sessions[0].edit(|save| Ok(save.coins = 1)).unwrap();
    let began = world.seconds();
    world.run(&[&db, &other], sessions[0].checkpoint()).unwrap();
    assert!((2.0..3.0).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    for p in &sessions {
        p.edit(|save| Ok(save.coins += 1)).unwrap();
        world.run(&[&db, &other], p.checkpoint()).unwrap();
    }
    world.work(&[&db, &other], 20 * SECOND);
    assert!(sessions.iter().all(Session::is_active));
}

#[test]
fn after_load_changes_what_a_session_begins_with_or_keeps_it_from_beginning() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db).after_load(|save| {
        if save.coins < 0 {
            save.coins = 0;
            return Err(Cancel::because("in debt"));
        }
        if save.items.is_empty() {
            save.items.push("map".into());
        }
        Ok(())
    });
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert_eq!((p.get(|save| save.items.len()), p.is_dirty()), (Ok(1), true));
    world.run(&[&db], p.release()).unwrap();
    // A hook that changes nothing makes nothing to save.
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert!(!p.is_dirty());
    p.edit(|save| Ok(save.coins = -1)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let refused = world.run(&[&db], players.open("7")).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidData);
    assert!(refused.to_string().contains("in debt"), "{refused}");
    // It is free, and as it was.
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(-1));
    world.run(&[&db], p.release()).unwrap();
    let panics = world.players(&db).after_load(|_| panic!("a bug of the game"));
    assert_eq!(world.run(&[&db], panics.open("7")).unwrap_err().code(), Code::InvalidData);
    assert!(world.run(&[&db], world.players(&db).open("7")).is_ok());
}

#[test]
fn on_lost_gets_what_may_never_be_stored() {
    let world = World::new();
    let keeps = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
    let (a, b) = (world.server_with("game-1", keeps), world.server("game-2"));
    let told = Arc::<Mutex<Vec<String>>>::default();
    let (typed, tree) = (Arc::clone(&told), Arc::clone(&told));
    let players =
        world.players(&a).on_lost(move |save| typed.lock().unwrap().push(save.coins.to_string()));
    let values = world.run(&[&a], a.values("PlayerData")).unwrap();
    let values =
        values.on_lost(move |value| tree.lock().unwrap().push(value.to_json().as_str().into()));
    let p = world.run(&[&a, &b], players.open("7")).unwrap();
    let q = world.run(&[&a, &b], values.open("8")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    q.set("coins", 6).unwrap();
    for key in ["7", "8"] {
        let values = world.run(&[&b], b.values("PlayerData")).unwrap();
        world.run(&[&a, &b], values.steal(key)).unwrap();
        world.work(&[&a, &b], 5 * SECOND);
    }
    assert_eq!(*told.lock().unwrap(), ["5", r#"{"coins":6}"#]);
    assert_eq!(p.state(), SessionState::LeaseLost);
}

#[test]
fn hooks_of_data_of_no_type_edit_by_path() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let values =
        values.after_load(|draft| Ok(drop(draft.set("loaded", true)?))).before_save(|draft| {
            draft.add("saves", 1)?;
            Ok(())
        });
    let p = world.run(&[&db], values.open("7")).unwrap();
    let changes = p.changes();
    p.add("coins", 5).unwrap();
    world.run(&[&db], p.checkpoint()).unwrap();
    let left = p.snapshot().unwrap();
    assert_eq!(left.to_json().as_str(), r#"{"coins":5,"loaded":true,"saves":1}"#);
    let told = std::iter::from_fn(|| changes.try_next());
    let reasons: Vec<_> =
        told.map(|it| (it.reason.as_deref().map(str::to_owned), it.paths[0].to_string())).collect();
    let expected = [(None, "coins".to_owned()), (Some("before_save".into()), "saves".into())];
    assert_eq!(reasons, expected);
}
