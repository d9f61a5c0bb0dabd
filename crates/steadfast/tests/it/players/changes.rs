//! The short forms of reads and changes, and debits that wait for durability.

use std::time::Duration;

use steadfast::core::document::Insert;
use steadfast::core::path::Step;
use steadfast::core::{Code, UserId, Value};
use steadfast::{
    Cancel, ChangeSettings, Happened, NewOperation, Note, Options, PlayerError, PlayerSettings,
};

use super::{Game, code, seconds};
use crate::sessions::world::World;

#[test]
fn a_type_of_ones_own_can_be_changed_by_path_too() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    let players = &game.players;
    assert_eq!(players.set(7, "coins", 10).unwrap(), Some(0.into()));
    assert_eq!(players.add(7, "coins", 5).unwrap(), 15.into());
    assert_eq!(players.try_debit(7, "coins", 4).unwrap(), 11.into());
    let doubled = |now: Option<&Value>| {
        let coins: i64 =
            now.map_or("none".into(), |it| it.to_json().as_str().to_owned()).parse()?;
        Ok(Value::from(coins * 2))
    };
    players.patch(7, "coins", doubled).unwrap();
    assert_eq!(players.insert(7, "items", "sword", Insert::default()).unwrap(), 0);
    let first = [Step::from("items"), Step::from(0)];
    assert_eq!(players.remove(7, first).unwrap(), "sword".into());
    let (answer, changes) =
        players.transaction(7, |draft| Ok(draft.set("coins", 23).map(|_| "done")?)).unwrap();
    assert_eq!((answer, changes.paths), ("done", vec!["coins".into()]));
    assert_eq!(players.get(7, |save| (save.coins, save.items.len())).unwrap(), (23, 0));
    assert_eq!(players.get_path(7, "nothing").unwrap(), None);
}

#[test]
fn a_change_that_is_refused_changes_nothing_and_has_its_code() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    let players = &game.players;
    players.set(7, "coins", 10).unwrap();
    players.insert(7, "items", "sword", Insert::default()).unwrap();
    let cancelled = players.edit(7, |save| -> Result<(), Cancel> {
        save.coins = 0;
        Err(Cancel::because("not today"))
    });
    assert_eq!(code(cancelled), Code::TransactionCancelled);
    assert_eq!(code(players.try_debit(7, "coins", 11)), Code::InsufficientFunds);
    assert_eq!(code(players.add(7, "items", 1)), Code::InvalidData);
    assert_eq!(code(players.remove(7, "hat")), Code::PathNotFound);
    assert_eq!(code(players.set(7, "coins", "many")), Code::InvalidData);
    let full = Insert::default().within(1);
    assert_eq!(code(players.insert(7, "items", "bow", full)), Code::ArrayFull);
    assert_eq!(players.get(7, |save| (save.coins, save.items.len())).unwrap(), (10, 1));
}

#[test]
fn a_change_says_why_and_by_what() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    let changes = game.players.session(7).unwrap().changes();
    let note = || Note::because("bought a sword").from_source("shop");
    game.players.edit_as(7, note(), |save| Ok(save.coins = 1)).unwrap();
    game.players.transaction_as(7, note(), |draft| Ok(draft.add("coins", 1)?)).unwrap();
    for _ in 0..2 {
        let change = changes.try_next().unwrap();
        assert_eq!(change.reason.as_deref(), Some("bought a sword"));
        assert_eq!(change.source.as_deref(), Some("shop"));
        assert_eq!(change.paths, ["coins".into()]);
    }
}

#[test]
fn debits_are_refused_from_the_age_on_at_which_changes_are_not_durable() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.set(7, "coins", 100).unwrap();
    world.run(&[&game.db], game.players.checkpoint(7)).unwrap();
    // While everything is durable, no time is too long.
    world.work(&[&game.db], seconds(300));
    game.players.try_debit(7, "coins", 1).unwrap();
    world.backend.turn(true);
    let left = PlayerSettings::default().undurable_age_max.saturating_sub(Duration::from_nanos(1));
    world.pass(left);
    game.players.try_debit(7, "coins", 1).unwrap();
    world.pass(Duration::from_nanos(1));
    let refused = game.players.try_debit(7, "coins", 1);
    assert!(
        matches!(&refused, Err(PlayerError::Undurable { age, .. }) if *age == seconds(120)),
        "{refused:?}"
    );
    assert_eq!(code(refused), Code::Undurable);
    // Everything else goes on.
    game.players.add(7, "coins", 10).unwrap();
    world.backend.turn(false);
    world.until(&[&game.db], || game.players.try_debit(7, "coins", 1).ok());
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 107);
}

#[test]
fn changes_that_were_made_past_the_facade_are_seen_within_five_seconds() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    game.players.set(7, "coins", 100).unwrap();
    world.run(&[&game.db], game.players.checkpoint(7)).unwrap();
    world.backend.turn(true);
    game.players.session(7).unwrap().edit(|save| Ok(save.coins += 1)).unwrap();
    let began = world.seconds();
    let until = |age: f64| {
        world.until(&[&game.db], || (world.seconds() - began >= age).then_some(()));
    };
    until(119.0);
    game.players.try_debit(7, "coins", 1).unwrap();
    until(126.0);
    assert_eq!(code(game.players.try_debit(7, "coins", 1)), Code::Undurable);
}

#[test]
fn large_data_is_told_once_for_each_time_that_it_reaches_the_size_that_is_set() {
    let world = World::new();
    let data_size_warn = 200;
    let db = world.over(Options { data_size_warn, ..world.options() });
    let game = Game::with(&world, db, PlayerSettings::default());
    game.join(&world, 7);
    let empty = serde_json::to_string(&game.players.snapshot(7).unwrap()).unwrap().len();
    let fill = |size: usize| {
        // One item, with its quotes.
        let item = "x".repeat(size - empty - 2);
        game.players.edit(7, |save| Ok(save.items = vec![item])).unwrap();
        world.run(&[&game.db], game.players.checkpoint(7)).unwrap();
        world.work(&[&game.db], seconds(1));
        let told = game.told().into_iter();
        let sizes = told.filter_map(|event| {
            if let Happened::DataLarge { size } = event.what { Some(size) } else { None }
        });
        sizes.collect::<Vec<_>>()
    };
    assert!(fill(data_size_warn - 1).is_empty());
    assert_eq!(fill(data_size_warn), [data_size_warn]);
    assert!(fill(data_size_warn + 1).is_empty());
    assert!(fill(data_size_warn - 1).is_empty());
    assert_eq!(fill(data_size_warn + 1), [data_size_warn + 1]);
}

#[test]
fn every_short_form_of_a_noted_change_says_why() {
    let world = World::new();
    let db = world.over(Options {
        changes: ChangeSettings { audit_max: 100, track_details: false },
        ..world.options()
    });
    let game = Game::with(&world, db, PlayerSettings::default());
    game.join(&world, 7);
    let quest = game.players.noted(Note::because("quest").from_source("quests"));
    quest.set(7, "coins", 1).unwrap();
    quest.patch(7, "coins", |_| Ok(2.into())).unwrap();
    quest.add(7, "coins", 1).unwrap();
    assert_eq!(quest.increment(7, "coins", 1).unwrap(), 4.into());
    quest.try_debit(7, "coins", 1).unwrap();
    quest.insert(7, "items", "sword", Insert::END).unwrap();
    quest.remove(7, [Step::from("items"), Step::from(0)]).unwrap();
    quest.edit(7, |save| Ok(save.coins += 1)).unwrap();
    quest.transaction(7, |draft| Ok(draft.add("coins", 1)?)).unwrap();
    let log = game.players.audit_log(7).unwrap();
    assert_eq!(log.len(), 9);
    for change in log {
        assert_eq!(change.reason.as_deref(), Some("quest"));
        assert_eq!(change.source.as_deref(), Some("quests"));
    }
    assert_eq!(game.players.get(7, |save| save.coins).unwrap(), 5);
    // Debits are refused through it too.
    world.run(&[&game.db], game.players.checkpoint(7)).unwrap();
    world.backend.turn(true);
    quest.add(7, "coins", 1).unwrap();
    world.pass(seconds(120));
    assert_eq!(code(quest.try_debit(7, "coins", 1)), Code::Undurable);
}

#[test]
fn what_stands_beside_the_data_of_a_player_has_short_forms() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    let players = &game.players;
    assert_eq!(players.user_ids(7).unwrap(), [UserId::Number(7)]);
    assert!(players.add_user_id(7, UserId::Number(8)).unwrap());
    assert!(players.remove_user_id(7, &UserId::Number(8)).unwrap());
    assert_eq!(code(players.add_user_id(7, UserId::Text("".into()))), Code::InvalidName);
    players.set_tag(7, "region", "eu").unwrap();
    assert_eq!(players.tag(7, "region").unwrap(), Some("eu".into()));
    assert_eq!(players.tags(7).unwrap().len(), 1);
    players.remove_tag(7, "region").unwrap();
    assert_eq!(code(players.set_tag(7, "list", Value::array([]))), Code::InvalidData);
    world.run(&[&game.db], players.checkpoint(7)).unwrap();

    assert!(!players.is_dirty(7).unwrap());
    let changes = players.changes(7).unwrap();
    players.set(7, "coins", 5).unwrap();
    assert_eq!(changes.try_next().unwrap().paths, ["coins".into()]);
    assert!(players.is_dirty(7).unwrap());
    let diff = world.run(&[&game.db], players.diff(7)).unwrap();
    assert_eq!(diff.iter().map(|it| it.path.to_string()).collect::<Vec<_>>(), ["coins"]);
    players.mark_clean(7).unwrap();
    assert!(!players.is_dirty(7).unwrap());
    players.mark_dirty(7).unwrap();
    assert!(players.is_dirty(7).unwrap());
    let text = serde_json::to_string(&players.snapshot(7).unwrap()).unwrap();
    assert_eq!(players.stored_size(7).unwrap(), text.len());
    assert!(players.audit_log(7).unwrap().is_empty(), "nobody asked for one");
    let times = players.session(7).unwrap().times().unwrap();
    assert_eq!(players.times(7).unwrap(), times);

    let edit = players.with_lock_transaction(7, "shop", seconds(1), |save| Ok(save.coins += 1));
    world.run(&[&game.db], edit).unwrap();
    let lock = players.session(7).unwrap().lock("shop", seconds(9));
    let lock = world.run(&[&game.db], lock).unwrap();
    let edit = players.with_lock_transaction(7, "shop", seconds(1), |save| Ok(save.coins += 1));
    assert_eq!(code(world.run(&[&game.db], edit)), Code::NamedLockTimeout);
    drop(lock);
    assert_eq!(players.get(7, |save| save.coins).unwrap(), 6);
}

#[test]
fn operations_of_a_player_are_run_and_waited_for_by_id() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    let players = &game.players;
    let gift = NewOperation::add("gift-1", "coins", 5).unwrap();
    world.run(&[&game.db], players.deliver(7, gift)).unwrap();
    players.process_operations(7).unwrap();
    let ended = world.run(&[&game.db], players.await_operation(7, "gift-1", seconds(10))).unwrap();
    assert_eq!(ended.applied::<i64>().unwrap(), 5);
    let stands = world.run(&[&game.db], players.delivery(7, "gift-1")).unwrap();
    assert_eq!(stands, ended);
    // The same type of error as of its siblings.
    assert_eq!(code(world.run(&[&game.db], players.delivery(7, ""))), Code::InvalidName);
}

#[test]
fn short_forms_name_the_player_who_is_not_ready() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    let players = &game.players;
    let unavailable = Code::PlayerDataUnavailable;
    assert_eq!(code(players.changes(7)), unavailable);
    assert_eq!(code(players.is_dirty(7)), unavailable);
    assert_eq!(code(players.tags(7)), unavailable);
    assert_eq!(code(players.set_tag(7, "region", "eu")), unavailable);
    assert_eq!(code(players.process_operations(7)), unavailable);
    assert_eq!(code(world.run(&[&game.db], players.diff(7))), unavailable);
}

#[test]
fn a_named_lock_of_a_player_is_held_while_the_work_goes_on() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    game.join(&world, 7);
    let session = game.players.session(7).unwrap();
    let work =
        game.players.with_lock(7, "shop", seconds(1), || async { session.is_locked("shop") });
    assert!(world.run(&[&game.db], work).unwrap());
    let lock = world.run(&[&game.db], session.lock("shop", seconds(1))).unwrap();
    let refused = game.players.with_lock(7, "shop", seconds(1), || async {});
    assert_eq!(code(world.run(&[&game.db], refused)), Code::NamedLockTimeout);
    drop(lock);
}
