//! Play from the template, when the settings allow it.

use steadfast::core::{Code, Value};
use steadfast::{NewOperation, OnLoadFailure, PlayerSettings, PlayerState, Players, Schema};

use super::{Game, code, seconds, word};
use crate::sessions::world::World;

fn settings() -> PlayerSettings {
    let on_load_failure = OnLoadFailure::PlayUnsaved;
    PlayerSettings { on_load_failure, load_attempts_max: 1, ..PlayerSettings::default() }
}

/// A player who has 5 coins in the store, and plays while it is out of reach.
fn unsaved(world: &World) -> Game {
    let game = Game::with(world, world.server("game-1"), settings());
    game.join(world, 7);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    world.run(&[&game.db], game.players.release(7)).unwrap();
    game.until(world, 7, &PlayerState::Released);
    game.told();
    world.backend.turn(true);
    game.players.join(7).unwrap();
    let waited = world.run(&[&game.db], game.players.wait(7, seconds(60)));
    waited.unwrap();
    game
}

#[test]
fn a_player_may_play_from_the_template_and_every_event_says_so() {
    let world = World::new();
    let game = unsaved(&world);
    let PlayerState::Unsaved(failure) = game.players.state(7) else { panic!("it is saved") };
    assert_eq!(failure.code(), Code::StorageUnavailable);
    assert!(game.players.is_loaded(7));
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 0);
    game.players.edit(7, |save| Ok(save.coins = 50)).unwrap();
    game.players.add(7, "coins", 1).unwrap();
    game.players.try_debit(7, "coins", 11).unwrap();
    assert_eq!(game.players.get_path(7, "coins").unwrap(), Some(40.into()));
    assert_eq!(code(game.players.try_debit(7, "coins", 41)), Code::InsufficientFunds);
    assert_eq!(game.players.snapshot(7).unwrap().coins, 40);
    game.players.leave(7);
    let told = game.told();
    let words: Vec<_> = told.iter().map(|it| (word(&it.what), it.is_unsaved)).collect();
    assert_eq!(words, [("loading", false), ("unsaved", true), ("released", true)]);
    assert_eq!(game.players.state(7), PlayerState::Released);
}

#[test]
fn everything_durable_is_refused() {
    let world = World::new();
    let game = unsaved(&world);
    let players = &game.players;
    let gift = |id| NewOperation::add(id, "coins", 1).unwrap();
    for refused in [
        code(players.save(7)),
        code(world.run(&[], players.checkpoint(7))),
        code(players.session(7)),
        code(world.run(&[], players.deliver(7, gift("a")))),
        code(world.run(&[], players.deliver_and_wait(7, gift("b"), seconds(1)))),
        code(players.edit_two(7, 7, |_, _| Ok(()))),
        code(world.run(&[], players.with_lock(7, "shop", seconds(1), || async {}))),
        code(world.run(&[], players.release(7))),
    ] {
        assert_eq!(refused, Code::SessionUnsaved);
    }
    assert_eq!(game.players.state(7), PlayerState::Released, "a release ends it all the same");
}

#[test]
fn what_was_played_unsaved_is_never_merged_into_the_record() {
    let world = World::new();
    let game = unsaved(&world);
    game.players.edit(7, |save| Ok(save.coins = 1_000)).unwrap();
    world.backend.turn(false);
    world.work(&[&game.db], seconds(120));
    assert!(matches!(game.players.state(7), PlayerState::Unsaved(_)), "nothing changes by itself");
    assert_eq!(game.stored(&world, 7), Some(5));
    game.players.leave(7);
    game.join(&world, 7);
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 5);
}

#[test]
fn the_template_is_that_of_the_schema() {
    let world = World::new();
    let db = world.server("game-1");
    let template = Value::object([("coins", 10.into())]);
    let store = world.run(&[&db], db.values("PlayerData")).unwrap();
    let players = Players::over_with(store.schema(Schema::new(0).template(template)), settings());
    let players = players.unwrap();
    world.backend.turn(true);
    players.join(7).unwrap();
    world.run(&[&db], players.wait(7, seconds(60))).unwrap();
    assert_eq!(players.get_path(7, "coins").unwrap(), Some(10.into()));
    players.edit(7, |draft| Ok(draft.set("coins", 11)?)).unwrap();
    assert_eq!(players.get(7).unwrap(), Value::object([("coins", 11.into())]));
}

#[test]
fn damaged_data_may_be_played_around_and_stays_for_the_repair() {
    let world = World::new();
    let game = Game::with(&world, world.server("game-1"), settings());
    game.put(&world, 7, r#"{"coins":"many","items":[]}"#);
    game.players.join(7).unwrap();
    world.run(&[&game.db], game.players.wait(7, seconds(60))).unwrap();
    let PlayerState::Unsaved(failure) = game.players.state(7) else { panic!("it is saved") };
    assert_eq!(failure.code(), Code::InvalidData);
    game.players.edit(7, |save| Ok(save.coins = 1)).unwrap();
    world.run(&[&game.db], game.players.close());
    assert_eq!(game.words(), ["loading", "unsaved", "released"]);
}

#[test]
fn a_closed_store_is_no_reason_to_play_unsaved() {
    let world = World::new();
    let game = Game::with(&world, world.server("game-1"), settings());
    game.players.join(7).unwrap();
    world.run(&[&game.db], game.db.close_sessions());
    assert_eq!(game.until_failed(&world, 7), Code::StoreClosed);
}

#[test]
#[should_panic(expected = "uses its store")]
fn an_edit_that_uses_its_own_players_panics_instead_of_waiting_for_itself() {
    let world = World::new();
    let game = unsaved(&world);
    let players = game.players.clone();
    let nested = game.players.edit(7, move |_| Ok(players.get(7, |save| save.coins)?));
    drop(nested);
}
