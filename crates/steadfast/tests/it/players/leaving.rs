//! Leaving, coming back at once, and records that go elsewhere.

use steadfast::core::Code;
use steadfast::{PlayerFailure, PlayerState};

use super::{Game, code, seconds};
use crate::sessions::world::World;

#[test]
fn a_player_who_comes_back_at_once_waits_for_the_release() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    game.players.leave(7);
    game.players.join(7).unwrap();
    assert_eq!(game.players.state(7), PlayerState::Loading);
    game.until(&world, 7, &PlayerState::Ready);
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 5);
    let words = game.words();
    let words: Vec<_> = words.iter().filter(|word| **word != "session").collect();
    assert_eq!(words, [&"loading", &"ready", &"releasing", &"released", &"loading", &"ready"]);
}

#[test]
fn a_player_who_comes_back_and_leaves_again_is_gone() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.leave(7);
    game.players.join(7).unwrap();
    game.players.leave(7);
    assert_eq!(game.players.state(7), PlayerState::Releasing);
    game.until(&world, 7, &PlayerState::Released);
    world.work(&[&game.db], seconds(5));
    assert_eq!(game.db.session_count(), 0);
    let words = game.words();
    assert_eq!(words.iter().filter(|word| **word == "released").count(), 1);
}

#[test]
fn a_release_that_takes_long_keeps_a_rejoin_waiting_and_loses_nothing() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    world.backend.turn(true);
    game.players.leave(7);
    game.players.join(7).unwrap();
    world.work(&[&game.db], seconds(10));
    assert_eq!(game.players.state(7), PlayerState::Loading);
    world.backend.turn(false);
    game.until(&world, 7, &PlayerState::Ready);
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 5);
}

#[test]
fn a_player_who_leaves_while_loading_is_gone_at_once_and_can_come_back() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    world.backend.turn(true);
    game.players.join(7).unwrap();
    world.work(&[&game.db], seconds(3));
    game.players.leave(7);
    assert_eq!(game.players.state(7), PlayerState::Released);
    world.backend.turn(false);
    game.join(&world, 7);
    assert_eq!(game.words(), ["loading", "released", "loading", "ready"]);
}

#[test]
fn a_grant_that_nobody_waits_for_any_more_is_given_back() {
    let world = World::new();
    let (a, b) = (Game::new(&world, "game-1"), Game::that_keeps(&world, "game-2"));
    a.players.join(7).unwrap();
    // A few turns: far enough that the grant is out or done.
    for _ in 0..3 {
        a.db.poll();
    }
    a.players.leave(7);
    world.until(&[&a.db], || (a.db.session_count() == 0).then_some(()));
    b.players.join(7).unwrap();
    world.until(&[&a.db, &b.db], || (b.players.state(7) == PlayerState::Ready).then_some(()));
}

#[test]
fn a_release_tells_when_everything_is_durable() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    let release = game.players.release(7);
    assert_eq!(code(game.players.edit(7, |_| Ok(()))), Code::PlayerDataUnavailable);
    world.run(&[&game.db], release).unwrap();
    assert_eq!(game.stored(&world, 7), Some(5));
    let again = world.run(&[&game.db], game.players.release(7));
    assert_eq!(code(again), Code::PlayerDataUnavailable);
}

#[test]
fn a_save_and_a_checkpoint_are_durable_while_the_player_plays_on() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    drop(game.players.save(7).unwrap());
    world.work(&[&game.db], seconds(1));
    assert_eq!(game.stored(&world, 7), Some(5));
    game.players.add(7, "coins", 1).unwrap();
    world.run(&[&game.db], game.players.checkpoint(7)).unwrap();
    assert_eq!(game.stored(&world, 7), Some(6));
    assert_eq!(game.players.state(7), PlayerState::Ready);
    // A checkpoint that cannot be made says so.
    world.backend.turn(true);
    game.players.add(7, "coins", 1).unwrap();
    let refused = world.run(&[&game.db], game.players.checkpoint(7));
    assert!(refused.unwrap_err().kind().retry_can_help());
}

#[test]
fn a_player_who_joins_on_another_server_brings_everything_along() {
    let world = World::new();
    let (a, b) = (Game::new(&world, "game-1"), Game::new(&world, "game-2"));
    a.join(&world, 7);
    a.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    b.players.join(7).unwrap();
    world.until(&[&a.db, &b.db], || (b.players.state(7) == PlayerState::Ready).then_some(()));
    assert_eq!(b.players.get(7, |save| save.coins).unwrap(), 5);
    let PlayerState::Failed(failure) = a.players.state(7) else { panic!("it still plays") };
    assert_eq!((&*failure, failure.code()), (&PlayerFailure::HandedOver, Code::SessionClosed));
    assert!(a.words().ends_with(&["session", "failed", "disconnect"]));
    assert_eq!(code(a.players.edit(7, |_| Ok(()))), Code::PlayerDataUnavailable);
    a.players.leave(7);
    assert_eq!(a.players.state(7), PlayerState::Released);
}

#[test]
fn a_record_that_is_stolen_ends_the_play_on_its_server() {
    let world = World::new();
    let (a, b) = (Game::that_keeps(&world, "game-1"), Game::new(&world, "game-2"));
    a.join(&world, 7);
    a.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    let q = world.run(&[&a.db, &b.db], b.players.store().steal("Player_7")).unwrap();
    assert_eq!(q.get(|save| save.coins), Ok(0));
    assert_eq!(a.until_failed(&world, 7), Code::LeaseLost);
    assert!(a.words().ends_with(&["failed", "disconnect"]));
    assert_eq!(a.db.spills().len(), 1, "what was not saved is kept");
}

#[test]
fn after_a_crash_of_a_server_its_players_join_elsewhere_with_what_was_saved() {
    let world = World::new();
    let (a, b) = (Game::new(&world, "game-1"), Game::new(&world, "game-2"));
    a.join(&world, 7);
    a.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    world.run(&[&a.db], a.players.checkpoint(7)).unwrap();
    a.players.edit(7, |save| Ok(save.coins = 99)).unwrap();
    // Nobody polls the first one any more: it counts as dead after a while.
    b.players.join(7).unwrap();
    b.until(&world, 7, &PlayerState::Ready);
    assert_eq!(b.players.get(7, |save| save.coins).unwrap(), 5);
    // If it was only asleep, it finds out, and what it did not save is kept aside.
    assert_eq!(a.until_failed(&world, 7), Code::LeaseLost);
    b.players.edit(7, |save| Ok(save.coins += 1)).unwrap();
    world.run(&[&b.db], b.players.checkpoint(7)).unwrap();
    assert_eq!(b.stored(&world, 7), Some(6));
}

#[test]
fn closing_lets_go_of_everybody_wherever_they_stand() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    for player in [1, 2, 3] {
        game.join(&world, player);
        game.players.edit(player, |save| Ok(save.coins = 5)).unwrap();
    }
    game.put(&world, 4, r#"{"coins":"many","items":[]}"#);
    game.players.join(4).unwrap();
    game.until_failed(&world, 4);
    game.players.join(5).unwrap();
    game.players.leave(3);
    world.run(&[&game.db], game.players.close());
    assert!(game.players.ids().is_empty());
    assert_eq!(code(game.players.join(1)), Code::PlayerDataUnavailable);
    assert_eq!([1, 2, 3].map(|player| game.stored(&world, player)), [Some(5); 3]);
    world.run(&[&game.db], game.players.close());
}

#[test]
fn closing_the_store_tells_every_player() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 1);
    game.players.edit(1, |save| Ok(save.coins = 5)).unwrap();
    world.run(&[&game.db], game.db.close_sessions());
    let PlayerState::Failed(failure) = game.players.state(1) else { panic!("it still plays") };
    assert_eq!(failure.code(), Code::SessionClosed);
    game.players.leave(1);
    // Nothing waits for an answer that will never come.
    world.run(&[], game.players.close());
    assert_eq!(game.stored(&world, 1), Some(5));
}
