//! Hooks of a game under the players facade.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steadfast::core::Code;
use steadfast::{PlayerState, Players};

use super::{Game, code, seconds};
use crate::sessions::world::World;

#[test]
fn a_hook_that_panics_ends_the_play_of_one_player_only() {
    let world = World::new();
    let db = world.server("game-1");
    let store = world.players(&db).before_save(|save| {
        assert!(save.coins != 13, "an unlucky number");
        Ok(())
    });
    let players = Players::over(store);
    let game = Game { db, players };
    game.join(&world, 7);
    game.join(&world, 8);
    game.players.edit(8, |save| Ok(save.coins = 5)).unwrap();
    game.players.edit(7, |save| Ok(save.coins = 13)).unwrap();
    drop(game.players.save(7).unwrap());
    assert_eq!(game.until_failed(&world, 7), Code::Internal);
    assert!(game.words().ends_with(&["failed", "disconnect"]));
    assert_eq!(game.db.spills().len(), 1, "what was not saved is kept");
    world.run(&[&game.db], game.players.checkpoint(8)).unwrap();
    assert_eq!(game.stored(&world, 8), Some(5));
    // The record is free: the player may come again.
    game.players.leave(7);
    game.players.join(7).unwrap();
    world.until(&[&game.db], || game.players.is_loaded(7).then_some(()));
}

#[test]
fn a_hook_that_takes_two_seconds_holds_up_the_server_and_breaks_nothing() {
    let world = Arc::new(World::new());
    let db = world.server("game-1");
    let clock = Arc::clone(&world);
    let store = world.players(&db).before_save(move |save| {
        clock.pass(seconds(2));
        save.items.push("saved".into());
        Ok(())
    });
    let players = Players::over(store);
    let game = Game { db, players };
    for player in 1..=4 {
        game.join(&world, player);
        game.players.edit(player, |save| Ok(save.coins = 5)).unwrap();
    }
    world.run(&[&game.db], game.players.close());
    assert_eq!([1, 2, 3, 4].map(|player| game.stored(&world, player)), [Some(5); 4]);
    assert!(game.db.spills().is_empty());
}

#[test]
fn what_a_hook_makes_of_the_data_is_what_the_player_has() {
    let world = World::new();
    let db = world.server("game-1");
    let store = world
        .players(&db)
        .after_load(|save| Ok(save.items.push("welcome".into())))
        .before_save(|save| Ok(save.coins = save.coins.max(1)));
    let players = Players::over(store);
    let game = Game { db, players };
    game.join(&world, 7);
    assert_eq!(game.players.get(7, |save| save.items.clone()).unwrap(), ["welcome"]);
    world.run(&[&game.db], game.players.checkpoint(7)).unwrap();
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 1);
    assert_eq!(game.stored(&world, 7), Some(1));
}

#[test]
fn a_hook_that_refuses_a_load_fails_it_and_one_that_refuses_a_save_keeps_the_player() {
    let world = World::new();
    let db = world.server("game-1");
    let is_refusing = Arc::new(AtomicBool::new(true));
    let refuses = Arc::clone(&is_refusing);
    let store = world
        .players(&db)
        .after_load(|save| {
            if save.coins == 13 { Err(steadfast::Cancel::because("unlucky")) } else { Ok(()) }
        })
        .before_save(move |_| {
            let is_refused = refuses.load(Ordering::Relaxed);
            if is_refused { Err(steadfast::Cancel::because("not now")) } else { Ok(()) }
        });
    let players = Players::over(store);
    let game = Game { db, players };
    game.put(&world, 7, r#"{"coins":13,"items":[]}"#);
    game.players.join(7).unwrap();
    assert_eq!(game.until_failed(&world, 7), Code::InvalidData);
    game.join(&world, 8);
    game.players.edit(8, |save| Ok(save.coins = 5)).unwrap();
    let checkpoint = world.run(&[&game.db], game.players.checkpoint(8));
    assert_eq!(code(checkpoint), Code::SaveRefused);
    assert_eq!(game.players.state(8), PlayerState::Ready);
    is_refusing.store(false, Ordering::Relaxed);
    world.work(&[&game.db], Duration::from_secs(30));
    assert_eq!(game.stored(&world, 8), Some(5));
}
