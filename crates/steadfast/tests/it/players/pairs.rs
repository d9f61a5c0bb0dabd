//! Two players edited together.

use steadfast::core::Code;
use steadfast::{Cancel, TransactError, transact, transact_two};

use super::{Game, code, seconds};
use crate::sessions::world::{Save, World};

fn pay(from: &mut Save, to: &mut Save, coins: i64) -> Result<(), Cancel> {
    if from.coins < coins {
        return Err(Cancel::because("not enough"));
    }
    from.coins -= coins;
    to.coins += coins;
    Ok(())
}

fn coins(game: &Game) -> [i64; 2] {
    [7, 8].map(|player| game.players.get(player, |save| save.coins).unwrap())
}

/// Two players, with 10 coins each.
fn pair(world: &World, game: &Game) {
    for player in [7, 8] {
        game.join(world, player);
        game.players.set(player, "coins", 10).unwrap();
        world.run(&[&game.db], game.players.checkpoint(player)).unwrap();
    }
}

#[test]
fn what_one_gives_the_other_gets_when_it_is_stored() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    pair(&world, &game);
    let (answer, receipt) =
        game.players.edit_two(7, 8, |a, b| pay(a, b, 4).map(|()| "paid")).unwrap();
    assert_eq!((answer, coins(&game)), ("paid", [6, 10]));
    let again = game.players.edit_two(8, 7, |a, b| pay(a, b, 1));
    assert_eq!(code(again), Code::TransactionPending);
    world.run(&[&game.db], receipt).unwrap();
    assert_eq!(coins(&game), [6, 14]);
    assert_eq!([7, 8].map(|player| game.stored(&world, player)), [Some(6), Some(14)]);
}

#[test]
fn an_edit_of_two_that_is_refused_changes_neither() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    pair(&world, &game);
    assert_eq!(code(game.players.edit_two(7, 8, |a, b| pay(a, b, 11))), Code::TransactionCancelled);
    assert_eq!(code(game.players.edit_two(7, 7, |a, b| pay(a, b, 1))), Code::InvalidRequest);
    assert_eq!(code(game.players.edit_two(7, 9, |a, b| pay(a, b, 1))), Code::PlayerDataUnavailable);
    let nan = game.players.edit_two(7, 8, |a, b| {
        a.share = f64::NAN;
        pay(a, b, 1)
    });
    assert_eq!(code(nan), Code::InvalidData);
    assert_eq!(coins(&game), [10, 10]);
    let ((), receipt) = game.players.edit_two(7, 8, |a, b| pay(a, b, 10)).unwrap();
    world.run(&[&game.db], receipt).unwrap();
    assert_eq!(coins(&game), [0, 20]);
}

#[test]
fn a_store_out_of_reach_keeps_what_was_taken_until_it_is_known() {
    let world = World::new();
    let game = Game::new(&world, "game-1");
    pair(&world, &game);
    world.backend.turn(true);
    let ((), receipt) = game.players.edit_two(7, 8, |a, b| pay(a, b, 4)).unwrap();
    let error = world.run(&[&game.db], receipt).unwrap_err();
    assert!(error.kind().retry_can_help(), "{error}");
    assert_eq!(coins(&game), [6, 10]);
    world.backend.turn(false);
    world.until(&[&game.db], || (coins(&game) == [6, 14]).then_some(()));
    assert_eq!([7, 8].map(|player| game.stored(&world, player)), [Some(6), Some(14)]);
}

#[test]
fn a_partner_that_is_lost_brings_back_what_was_taken() {
    let world = World::new();
    let (a, b) = (Game::that_keeps(&world, "game-1"), Game::new(&world, "game-2"));
    pair(&world, &a);
    world.backend.turn(true);
    let ((), receipt) = a.players.edit_two(7, 8, |a, b| pay(a, b, 4)).unwrap();
    assert_eq!(coins(&a), [6, 10]);
    // The other server takes the partner's record before it can be stored: the first one sleeps.
    world.backend.turn(false);
    let stolen = world.run(&[&b.db], b.players.store().steal("Player_8")).unwrap();
    assert_eq!(stolen.get(|save| save.coins), Ok(10));
    let error = world.run(&[&a.db, &b.db], receipt).unwrap_err();
    assert_eq!(error.code(), Code::LeaseLost);
    let back = || a.players.get(7, |save| save.coins).ok() == Some(10);
    world.until(&[&a.db, &b.db], || back().then_some(()));
    world.run(&[&a.db, &b.db], a.players.checkpoint(7)).unwrap();
    assert_eq!(a.stored(&world, 7), Some(10));
    world.run(&[&a.db, &b.db], stolen.release()).unwrap();
    assert_eq!(a.stored(&world, 8), Some(10));
}

#[test]
fn sessions_of_any_json_and_of_different_types_go_together() {
    let world = World::new();
    let db = world.server("game-1");
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let [one, other] = ["a", "b"].map(|key| world.run(&[&db], values.open(key)).unwrap());
    for session in [&one, &other] {
        session.set("coins", 10).unwrap();
    }
    let ((), receipt) = transact(&[&one, &other], |drafts| {
        drafts[0].try_debit("coins", 4)?;
        drafts[1].add("coins", 4)?;
        Ok(())
    })
    .unwrap();
    world.run(&[&db], receipt).unwrap();
    assert_eq!((one.get("coins"), other.get("coins")), (Ok(Some(6.into())), Ok(Some(14.into()))));
    let poor = transact(&[&one, &other], |drafts| Ok(drafts[0].try_debit("coins", 7)?));
    assert_eq!(poor.unwrap_err().code(), Code::InsufficientFunds);
    let alone = transact(&[&one], |_| Ok(()));
    assert!(matches!(alone, Err(TransactError::Participants)));
    // Those of another opening of the library are nobody's partners.
    let foreign = world.server("game-2");
    let far = world.run(&[&db, &foreign], world.players(&foreign).open("c")).unwrap();
    let near = world.run(&[&db], world.players(&db).open("d")).unwrap();
    let apart = transact_two(&near, &far, |_, _| Ok(()));
    assert!(matches!(apart, Err(TransactError::Participants)));
    world.run(&[&db], near.release()).unwrap();
    let closed = transact_two(&near, &near, |_, _| Ok(()));
    assert!(matches!(closed, Err(TransactError::Participants)));
    let last = world.run(&[&db], world.players(&db).open("e")).unwrap();
    let closed = transact_two(&near, &last, |_, _| Ok(()));
    assert_eq!(closed.unwrap_err().code(), Code::SessionClosed);
}

#[test]
fn any_json_of_two_players_is_edited_together() {
    let world = World::new();
    let db = world.server("game-1");
    let template = steadfast::core::Value::object([("coins", 10.into())]);
    let players = world.run(&[&db], db.player_values("PlayerData", &template)).unwrap();
    for player in [7, 8] {
        players.join(player).unwrap();
        world.run(&[&db], players.wait(player, seconds(30))).unwrap();
    }
    let edited = players.edit_two(7, 8, |a, b| {
        a.try_debit("coins", 3)?;
        b.add("coins", 3)?;
        Ok(())
    });
    let ((), receipt) = edited.unwrap();
    world.run(&[&db], receipt).unwrap();
    assert_eq!(players.get_path(8, "coins").unwrap(), Some(13.into()));
}
