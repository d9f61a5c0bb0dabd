//! Records that cannot be loaded, and what becomes of their players.

use std::sync::Arc;

use steadfast::core::Code;
use steadfast::{
    Happened, PlayerFailure, PlayerSettings, PlayerState, Schema, SessionSettings, Unready,
};

use super::{Game, code, seconds};
use crate::sessions::world::World;

/// What the player was told last.
fn message(game: &Game) -> Arc<str> {
    let messages = game.told().into_iter().filter_map(|event| {
        if let Happened::Disconnect { message } = event.what { Some(message) } else { None }
    });
    messages.last().expect("the player was told")
}

#[test]
fn a_store_out_of_reach_is_tried_five_times_and_then_the_player_is_sent_away() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    world.backend.turn(true);
    game.players.join(7).unwrap();
    let began = world.seconds();
    let failure = game.until_failed(&world, 7);
    assert_eq!(failure, Code::StorageUnavailable);
    // Five openings of 20 s, and pauses of 1, 2, 4 and 8 s.
    assert!((115.0..116.0).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    let expected =
        ["loading", "retrying", "retrying", "retrying", "retrying", "failed", "disconnect"];
    assert_eq!(game.words(), expected);
    assert_eq!(code(game.players.edit(7, |_| Ok(()))), Code::PlayerDataUnavailable);
    let waited = world.run(&[&game.db], game.players.wait(7, seconds(9)));
    assert_eq!(code(waited), Code::PlayerDataUnavailable);
    // It stays so until the player leaves and comes again.
    world.backend.turn(false);
    world.work(&[&game.db], seconds(60));
    assert!(matches!(game.players.state(7), PlayerState::Failed(_)));
    game.players.leave(7);
    assert_eq!(game.players.state(7), PlayerState::Released);
    game.join(&world, 7);
}

#[test]
fn a_store_that_comes_back_meanwhile_is_found_by_the_next_attempt() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    world.backend.turn(true);
    game.players.join(7).unwrap();
    let retrying = world.until(&[&game.db], || {
        let PlayerState::Retrying { attempts, error } = game.players.state(7) else { return None };
        Some((attempts, error.code()))
    });
    assert_eq!(retrying, (1, Code::StorageUnavailable));
    match game.players.edit(7, |_| Ok(())) {
        Err(steadfast::PlayerError::Unavailable {
            why: Unready::Retrying { attempts, .. },
            ..
        }) => {
            assert_eq!(attempts, 1);
        }
        other => panic!("{other:?}"),
    }
    world.backend.turn(false);
    game.until(&world, 7, &PlayerState::Ready);
    assert_eq!(game.words(), ["loading", "retrying", "ready"]);
}

#[test]
fn one_attempt_is_enough_if_that_is_the_setting() {
    let world = World::new();
    let settings = PlayerSettings { load_attempts_max: 1, ..PlayerSettings::default() };
    let game = Game::with(&world, world.server("game-1"), settings);
    world.backend.turn(true);
    game.players.join(7).unwrap();
    assert_eq!(game.until_failed(&world, 7), Code::StorageUnavailable);
    assert_eq!(game.words(), ["loading", "failed", "disconnect"]);
}

#[test]
fn a_record_that_another_server_keeps_is_not_taken_and_the_player_is_told() {
    let world = World::new();
    let (a, b) = (Game::that_keeps(&world, "game-1"), Game::new(&world, "game-2"));
    a.join(&world, 7);
    b.players.join(7).unwrap();
    let failed = world.until(&[&a.db, &b.db], || {
        if let PlayerState::Failed(failure) = b.players.state(7) { Some(failure) } else { None }
    });
    assert!(matches!(&*failed, PlayerFailure::Load { attempts: 5, .. }), "{failed:?}");
    assert_eq!(failed.code(), Code::LockTimeout);
    let message = message(&b);
    assert!(message.contains("still in use on another server"), "{message}");
    assert_eq!(a.players.state(7), PlayerState::Ready);
}

#[test]
fn data_that_cannot_be_read_fails_at_once_and_stays_as_it_is() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.put(&world, 7, r#"{"coins":"many","items":[]}"#);
    game.players.join(7).unwrap();
    assert_eq!(game.until_failed(&world, 7), Code::InvalidData);
    let message = message(&game);
    assert!(message.contains("could not be read"), "{message}");
    // Nothing was written over it.
    game.players.leave(7);
    game.players.join(7).unwrap();
    assert_eq!(game.until_failed(&world, 7), Code::InvalidData);
}

#[test]
fn data_of_a_newer_version_fails_at_once_and_says_so() {
    let world = World::new();
    let db = world.server("game-1");
    let newer = world.players(&db).schema(Schema::new(1).step(1, |_| Ok(())));
    let p = world.run(&[&db], newer.open("Player_7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let game = Game::with(&world, db, PlayerSettings::default());
    game.players.join(7).unwrap();
    assert_eq!(game.until_failed(&world, 7), Code::SchemaAhead);
    let message = message(&game);
    assert!(message.contains("newer version of the game"), "{message}");
}

#[test]
fn a_record_that_is_open_by_other_means_is_waited_for() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let p = world.run(&[&game.db], game.players.store().open("Player_7")).unwrap();
    game.players.join(7).unwrap();
    world.work(&[&game.db], seconds(10));
    assert_eq!(game.players.state(7), PlayerState::Loading);
    world.run(&[&game.db], p.release()).unwrap();
    game.until(&world, 7, &PlayerState::Ready);
    assert_eq!(game.words(), ["loading", "ready"]);
}

#[test]
fn a_record_that_stays_open_by_other_means_fails() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let _p = world.run(&[&game.db], game.players.store().open("Player_7")).unwrap();
    game.players.join(7).unwrap();
    assert_eq!(game.until_failed(&world, 7), Code::ActiveLease);
}

#[test]
fn a_closed_store_loads_nobody() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.players.join(7).unwrap();
    world.run(&[&game.db], game.db.close_sessions());
    assert_eq!(game.until_failed(&world, 7), Code::StoreClosed);
    assert_eq!(code(game.players.join(8)), Code::PlayerDataUnavailable);
}

#[test]
fn a_suspended_session_sends_the_player_away_if_the_settings_say_so() {
    let world = World::new();
    let on_suspend = steadfast::core::session::SuspendPolicy::Disconnect;
    let sessions = SessionSettings { on_suspend, ..SessionSettings::default() };
    let db = world.server_with("game-1", sessions);
    let game = Game::with(&world, db, PlayerSettings::default());
    game.join(&world, 7);
    world.backend.turn(true);
    world.until(&[&game.db], || game.words().contains(&"disconnect").then_some(()));
    assert_eq!(code(game.players.edit(7, |_| Ok(()))), Code::SessionSuspended);
    assert_eq!(game.players.state(7), PlayerState::Ready);
}
