//! From joining to playing.

use std::time::Duration;

use steadfast::core::{Code, UserId, Value};
use steadfast::{Options, PlayerError, PlayerId, PlayerSettings, PlayerState, Players, Unready};

use super::{Game, code, seconds, word};
use crate::sessions::world::World;

#[test]
fn a_player_is_loaded_and_let_go_of_with_everything_saved() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    assert_eq!(game.players.state(7), PlayerState::Released);
    game.players.join(7).unwrap();
    assert_eq!(game.players.state(7), PlayerState::Loading);
    assert!(!game.players.is_loaded(7));
    world.run(&[&game.db], game.players.wait(7, seconds(30))).unwrap();
    assert_eq!((game.players.state(7), game.players.is_loaded(7)), (PlayerState::Ready, true));
    assert_eq!(game.players.ids(), [PlayerId::from(7)]);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    game.players.leave(7);
    assert_eq!(game.players.state(7), PlayerState::Releasing);
    game.until(&world, 7, &PlayerState::Released);
    assert_eq!(game.stored(&world, 7), Some(5));
    // It was told to be on its way, saved, and let go of.
    let expected = ["loading", "ready", "releasing", "session", "session", "session", "released"];
    assert_eq!(game.words(), expected);
    assert!(game.players.ids().is_empty());
}

#[test]
fn whoever_is_new_is_stored_with_the_id_even_if_nothing_was_played() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.leave(7);
    game.until(&world, 7, &PlayerState::Released);
    // `stored` asserts that the record names the user.
    assert_eq!(game.stored(&world, 7), Some(0));
    // The second time there is nothing to say, and nothing to store.
    game.join(&world, 7);
    let session = game.players.session(7).unwrap();
    assert_eq!(session.user_ids().unwrap(), [UserId::Number(7)]);
    assert!(!session.is_dirty());
}

#[test]
fn ids_may_be_text_and_digits_are_the_number() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let players = &game.players;
    players.join("steam:76561198000000000").unwrap();
    players.join("7").unwrap();
    let waits = (seconds(30), seconds(30));
    world.run(&[&game.db], players.wait("steam:76561198000000000", waits.0)).unwrap();
    world.run(&[&game.db], players.wait(7, waits.1)).unwrap();
    let session = players.session("steam:76561198000000000").unwrap();
    assert_eq!(session.user_ids().unwrap(), [UserId::Text("steam:76561198000000000".into())]);
    assert_eq!(session.entry().key.as_str(), "Player_steam:76561198000000000");
    assert_eq!(players.session(7).unwrap().entry().key.as_str(), "Player_7");
}

#[test]
fn the_prefix_of_keys_is_a_setting() {
    let world = World::new();
    let settings = PlayerSettings { key_prefix: "u/".into(), ..PlayerSettings::default() };
    let game = Game::with(&world, world.server("game-1"), settings);
    game.join(&world, 7);
    assert_eq!(game.players.session(7).unwrap().entry().key.as_str(), "u/7");
}

#[test]
fn what_is_no_id_is_refused_before_anything_is_kept() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let longest = game.db.limits().user_id_text_size_max;
    let long = "x".repeat(longest + 1);
    assert_eq!(code(game.players.join("")), Code::InvalidName);
    assert_eq!(code(game.players.join(long.as_str())), Code::InvalidName);
    assert!(game.players.ids().is_empty());
    // The longest id that there is room for beside the prefix of its key.
    let prefix = PlayerSettings::default().key_prefix.len();
    let room = longest.min(game.db.limits().key_size_max - prefix);
    game.players.join("x".repeat(room).as_str()).unwrap();
}

#[test]
fn joining_twice_is_joining_once() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.players.join(7).unwrap();
    game.players.join(7).unwrap();
    game.until(&world, 7, &PlayerState::Ready);
    game.players.join(7).unwrap();
    world.work(&[&game.db], seconds(1));
    assert_eq!(game.words(), ["loading", "ready"]);
    assert_eq!(game.db.session_count(), 1);
}

#[test]
fn a_player_who_is_not_ready_has_no_data_and_the_error_says_why() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let why = |game: &Game| match game.players.edit(7, |_| Ok(())) {
        Err(PlayerError::Unavailable { player, why }) => {
            assert_eq!(player, PlayerId::from(7));
            why
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&game), Unready::Unknown);
    game.players.join(7).unwrap();
    assert_eq!(why(&game), Unready::Loading);
    game.until(&world, 7, &PlayerState::Ready);
    game.players.leave(7);
    assert_eq!(why(&game), Unready::Releasing);
    game.until(&world, 7, &PlayerState::Released);
    let players = &game.players;
    for refused in [
        code(players.get(7, |_| ())),
        code(players.snapshot(7)),
        code(players.get_path(7, "coins")),
        code(players.set(7, "coins", 1)),
        code(players.add(7, "coins", 1)),
        code(players.try_debit(7, "coins", 1)),
        code(players.remove(7, "coins")),
        code(players.transaction(7, |_| Ok(()))),
        code(players.session(7)),
        code(players.save(7)),
        code(players.edit_two(7, 8, |_, _| Ok(()))),
        code(world.run(&[&game.db], players.checkpoint(7))),
        code(world.run(&[&game.db], players.release(7))),
        code(world.run(&[&game.db], players.wait(7, seconds(9)))),
        code(world.run(&[&game.db], players.with_lock(7, "shop", seconds(1), || async {}))),
    ] {
        assert_eq!(refused, Code::PlayerDataUnavailable);
    }
}

#[test]
fn whoever_waits_is_told_at_the_time_that_was_given() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    world.backend.turn(true);
    game.players.join(7).unwrap();
    let began = world.seconds();
    let refused = world.run(&[&game.db], game.players.wait(7, seconds(5)));
    assert!(
        matches!(&refused, Err(PlayerError::Unavailable { why: Unready::Loading, .. })),
        "{refused:?}"
    );
    assert!((5.0..5.1).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    // Nothing is given up by that.
    world.backend.turn(false);
    world.run(&[&game.db], game.players.wait(7, seconds(60))).unwrap();
    // Who is ready is not waited for, also if nobody makes a turn.
    world.run(&[], game.players.wait(7, Duration::ZERO)).unwrap();
}

#[test]
fn any_json_begins_as_the_template() {
    let world = World::new();
    let db = world.server("game-1");
    let wallet = Value::object([("coins", 10.into())]);
    let template = Value::object([("wallet", wallet), ("items", Value::array([]))]);
    let players = world.run(&[&db], db.player_values("PlayerData", &template)).unwrap();
    players.join(7).unwrap();
    world.run(&[&db], players.wait(7, seconds(30))).unwrap();
    assert_eq!(players.get(7).unwrap(), template);
    players.edit(7, |draft| Ok(draft.add(["wallet", "coins"], 5)?)).unwrap();
    assert_eq!(players.get_path(7, ["wallet", "coins"]).unwrap(), Some(15.into()));
}

#[test]
fn dropping_the_last_handle_lets_go_of_everybody() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    let Game { db, players } = game;
    let events = players.events();
    drop(players);
    world.until(&[&db], || (db.session_count() == 0).then_some(()));
    let told: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    assert_eq!(told.iter().map(|it| word(&it.what)).collect::<Vec<_>>(), ["loading", "ready"]);
    let game = Game::with(&world, db, PlayerSettings::default());
    game.join(&world, 7);
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 5);
}

#[test]
fn settings_that_load_nobody_are_refused() {
    let world = World::new();
    let db = world.server("game-1");
    let settings = PlayerSettings { load_attempts_max: 0, ..PlayerSettings::default() };
    let refused = Players::over_with(world.players(&db), settings.clone()).unwrap_err();
    assert_eq!(refused.problems.len(), 1);
    // In the same words as the options of a store.
    let options = Options { players: settings, ..Options::default() };
    assert_eq!(options.check(), Err(refused));
}

#[test]
fn players_over_a_store_of_ones_own_obey_the_options_that_it_was_opened_with() {
    let world = World::new();
    let mut options = Options { address: "game-1".into(), ..world.options() };
    options.set("OnLoadFailure", "PlayUnsaved").unwrap();
    options.set("MaxUndurableAge", 7).unwrap();
    options.set("RetryAttempts", 2).unwrap();
    options.set("PlayerKeyPrefix", "u_").unwrap();
    let set = options.players.clone();
    let db = world.over(options);
    let game = Game { players: Players::over(world.players(&db)), db };
    assert_eq!(game.players.settings(), set);
    game.join(&world, 7);
    game.players.set(7, "coins", 5).unwrap();
    world.run(&[&game.db], game.players.release(7)).unwrap();
    let stored = world.run(&[&game.db], game.players.store().open("u_7")).unwrap();
    assert_eq!(stored.get(|save| save.coins).unwrap(), 5);

    game.told();
    world.backend.turn(true);
    game.players.join(8).unwrap();
    world.run(&[&game.db], game.players.wait(8, seconds(300))).unwrap();
    assert_eq!(game.words(), ["loading", "retrying", "unsaved"], "two attempts, as was set");
    // Settings of its own take their place as a whole.
    let own = PlayerSettings { load_attempts_max: 1, ..PlayerSettings::default() };
    let players = Players::over_with(world.players(&game.db), own.clone()).unwrap();
    assert_eq!(players.settings(), own);
}

#[test]
fn a_record_that_can_name_no_more_users_is_played_and_the_game_is_told() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let limit = u64::try_from(game.db.limits().user_id_count_max).unwrap();
    let p = world.run(&[&game.db], game.players.store().open("Player_7")).unwrap();
    for user in 0..limit {
        assert!(p.add_user_id(UserId::Number(1_000 + user)).unwrap());
    }
    world.run(&[&game.db], p.release()).unwrap();
    game.join(&world, 7);
    assert_eq!(game.words(), ["loading", "ready", "not associated"]);
}
