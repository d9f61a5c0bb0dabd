//! Players from a plain loop, and from threads, without a runtime.

use std::time::Duration;

use steadfast::{Drive, NewOperation, OperationState, Options, Players, Steadfast};

use super::{Game, seconds, word};
use crate::sessions::world::{Save, World};

/// Players without a runtime.
fn players(drive: Drive) -> (Steadfast, Players<Save>) {
    let options = Options { drive, sweep_every: None, ..Options::default() };
    let db = Steadfast::in_memory(options).unwrap();
    let players = db.players_blocking("PlayerData").unwrap();
    (db, players)
}

#[test]
fn a_frame_loop_plays_a_whole_session_with_nothing_but_polls() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let (mut events, mut words) = (Vec::new(), Vec::new());
    game.players.join(7).unwrap();
    for frame in 0..60 * 100 {
        game.players.poll(&mut events);
        for event in events.drain(..) {
            words.push(word(&event.what));
        }
        if game.players.is_loaded(7) {
            game.players.add(7, "coins", 1).unwrap();
        }
        if frame == 60 * 90 {
            game.players.leave(7);
        }
        world.pass(Duration::from_nanos(16_666_667));
    }
    assert_eq!(words.first(), Some(&"loading"));
    assert_eq!(words.last(), Some(&"released"));
    // An autosave was among it.
    assert!(words.iter().filter(|word| **word == "session").count() >= 3, "{words:?}");
    assert!(game.stored(&world, 7).unwrap() > 5_000);
}

#[test]
fn what_is_due_next_is_told_so_that_a_loop_may_rest() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    world.backend.turn(true);
    game.players.join(7).unwrap();
    let mut events = Vec::new();
    let left = world.until(&[], || {
        let left = game.players.poll(&mut events);
        events.iter().any(|event| word(&event.what) == "retrying").then_some(left)
    });
    assert!(left.unwrap() <= seconds(1), "{left:?}");
}

#[test]
fn with_a_thread_of_the_library_polls_only_bring_events() {
    let (db, players) = players(Drive::ByThread);
    players.blocking().join(7, seconds(30)).unwrap();
    players.edit(7, |save| Ok(save.coins = 5)).unwrap();
    players.blocking().checkpoint(7).unwrap();
    players.blocking().release(7).unwrap();
    players.blocking().join(7, seconds(30)).unwrap();
    assert_eq!(players.get(7, |save| save.coins).unwrap(), 5);
    players.blocking().close();
    let mut events = Vec::new();
    assert_eq!(players.poll(&mut events), None);
    assert_eq!(events.iter().filter(|event| word(&event.what) == "released").count(), 2);
    db.close().unwrap();
}

#[test]
fn without_a_thread_blocking_calls_make_the_turns_themselves() {
    let (db, players) = players(Drive::ByPoll);
    let blocking = players.blocking();
    blocking.join("ann", seconds(30)).unwrap();
    let gift = NewOperation::add("gift-1", "coins", 7).unwrap();
    let state = blocking.deliver_and_wait("ann", gift, seconds(30)).unwrap();
    assert!(matches!(state, OperationState::Applied { .. }), "{state:?}");
    assert_eq!(players.get("ann", |save| save.coins).unwrap(), 7);
    blocking.release("ann").unwrap();
    blocking.close();
    assert!(blocking.join("ann", seconds(1)).is_err());
    db.close().unwrap();
}

#[test]
fn operations_reach_players_who_never_joined_and_count_once() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let gift = || NewOperation::add("gift-1", "coins", 7).unwrap();
    let queued = world.run(&[&game.db], game.players.deliver(7, gift())).unwrap();
    assert!(queued.is_new);
    let state = world.run(&[&game.db], game.players.delivery(7, "gift-1")).unwrap();
    assert_eq!(state, OperationState::Queued);
    game.join(&world, 7);
    world.until(&[&game.db], || {
        (game.players.get(7, |save| save.coins).unwrap() == 7).then_some(())
    });
    let waited = game.players.deliver_and_wait(7, gift(), seconds(30));
    let state = world.run(&[&game.db], waited).unwrap();
    assert!(matches!(state, OperationState::Applied { .. }), "{state:?}");
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 7);
    let told = game.told();
    let ended = told.iter().filter(|event| {
        matches!(
            event.what,
            steadfast::Happened::Session(steadfast::SessionEvent::OperationEnded(_))
        )
    });
    assert_eq!(ended.count(), 1);
}
