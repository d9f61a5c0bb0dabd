//! Records without a session: looked at, and edited while nobody holds them.

use steadfast::core::document::Insert;
use steadfast::core::platform::{Get, Permit, Request, Set, When, Which};
use steadfast::core::{Code, Content, JsonText, Metadata, Revision};
use steadfast::{Cancel, Options, Schema, Session, SessionSettings, Steadfast, Store};

use super::world::{Save, World};
use crate::players::{entry, seconds};

/// The record of these tests.
const KEY: &str = "Player_7";

/// A record that exists and that nobody holds.
fn make(world: &World, db: &Steadfast, players: &Store<Save>) {
    let p = world.run(&[db], players.open(KEY)).unwrap();
    p.edit(|save| Ok(save.coins = 10)).unwrap();
    release(world, db, &p);
}

fn release(world: &World, db: &Steadfast, session: &Session<Save>) {
    world.run(&[db], session.release()).unwrap();
}

fn coins(world: &World, db: &Steadfast, players: &Store<Save>) -> Option<i64> {
    world.run(&[db], players.view(KEY)).unwrap().map(|save| save.coins)
}

/// It may be awaited on any task.
fn sendable<T: Send>(future: T) -> T {
    future
}

fn update(
    world: &World,
    db: &Steadfast,
    players: &Store<Save>,
    edit: impl FnMut(&mut Save) -> Result<i64, Cancel> + Send,
) -> Result<i64, Code> {
    let updated = world.run(&[db], sendable(players.update(KEY, edit)));
    updated.map_err(|error| {
        assert_eq!(error.kind(), error.code().kind());
        error.code()
    })
}

#[expect(clippy::unnecessary_wraps, reason = "it is an edit")]
fn add(save: &mut Save) -> Result<i64, Cancel> {
    save.coins += 1;
    Ok(save.coins)
}

fn revision(world: &World, db: &Steadfast) -> Revision {
    let get = Get { entry: entry(db, 7), which: Which::Current };
    world.run(&[], db.execute(Request::Get(get))).unwrap().revision
}

/// Somebody writes the entry past all sessions.
fn put(world: &World, db: &Steadfast, text: &str) {
    let value = JsonText::parse(text.as_bytes(), db.limits()).unwrap();
    let content = Content { value, user_ids: vec![], metadata: Metadata::empty() }.into();
    let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
    let set = Set { entry: entry(db, 7), content, when, permit, write_id };
    world.run(&[], db.execute(Request::Set(set))).unwrap();
}

#[test]
fn a_record_that_nobody_holds_is_edited_and_read_without_a_session() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    make(&world, &db, &players);
    assert_eq!(update(&world, &db, &players, add), Ok(11));
    assert_eq!(coins(&world, &db, &players), Some(11));
    assert_eq!(db.session_count(), 0);
    let p = world.run(&[&db], players.open(KEY)).unwrap();
    assert_eq!(p.get(|save| save.coins).unwrap(), 11);
    // What is not saved is not seen by others.
    p.edit(|save| Ok(save.coins = 99)).unwrap();
    assert_eq!(coins(&world, &db, &players), Some(11));
}

#[test]
fn l6_a_held_record_is_read_but_not_updated() {
    let world = World::new();
    let keeps = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
    let (a, b) = (world.server_with("game-1", keeps), world.server("game-2"));
    let (of_a, of_b) = (world.players(&a), world.players(&b));
    make(&world, &a, &of_a);
    let p = world.run(&[&a], of_a.open(KEY)).unwrap();
    let began = world.seconds();
    let refused = world.run(&[&a, &b], of_b.update(KEY, add)).unwrap_err();
    assert_eq!(refused.code(), Code::ActiveLease);
    assert!(world.seconds() - began < 1.0, "the holder is left alone");
    assert_eq!(update(&world, &a, &of_a, add), Err(Code::ActiveLease));
    assert_eq!(coins(&world, &b, &of_b), Some(10));
    release(&world, &a, &p);
    assert_eq!(update(&world, &b, &of_b, add), Ok(11));
}

#[test]
fn a_dead_holder_is_waited_out() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let (of_a, of_b) = (world.players(&a), world.players(&b));
    make(&world, &a, &of_a);
    let _p = world.run(&[&a], of_a.open(KEY)).unwrap();
    // From here on nobody drives the first server.
    assert_eq!(update(&world, &b, &of_b, add), Err(Code::ActiveLease), "it lived a moment ago");
    let desk = of_b.operator("desk").authorize(|_| true);
    let usage = || world.run(&[], desk.record(KEY)).unwrap().usage;
    let before = usage();
    world.pass(seconds(11));
    assert_eq!(update(&world, &b, &of_b, add), Ok(11));
    assert!(before.last_login.is_some());
    assert_eq!(usage(), before, "an update is no play");
}

#[test]
fn a_missing_record_is_neither_seen_nor_made() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    make(&world, &db, &players);
    let nobody = world.run(&[&db], players.update("Player_8", add)).unwrap_err();
    assert_eq!(nobody.code(), Code::EntryNotFound);
    assert!(world.run(&[&db], players.view("Player_8")).unwrap().is_none());
    let unnamed = world.run(&[&db], players.update("", add)).unwrap_err();
    assert_eq!(unnamed.code(), Code::InvalidName);
}

#[test]
fn an_edit_that_gives_up_or_changes_nothing_writes_nothing() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db).before_save(|save| Ok(save.share += 1.0));
    make(&world, &db, &players);
    let (before, commits) = (revision(&world, &db), world.backend.commits());
    assert_eq!(update(&world, &db, &players, |save| Ok(save.coins)), Ok(10));
    let cancelled = |save: &mut Save| {
        save.coins = 0;
        Err(Cancel::because("not today"))
    };
    assert_eq!(update(&world, &db, &players, cancelled), Err(Code::TransactionCancelled));
    let too_much = |save: &mut Save| {
        save.share = f64::NAN;
        Ok(0)
    };
    assert_eq!(update(&world, &db, &players, too_much), Err(Code::InvalidData));
    assert_eq!((revision(&world, &db), world.backend.commits()), (before, commits));
}

#[test]
fn an_update_migrates_and_a_view_migrates_without_a_write() {
    let world = World::new();
    let db = world.server("game-1");
    let old = world.players(&db);
    make(&world, &db, &old);
    let schema =
        Schema::new(1).step(1, |data| Ok(data.set(&"coins".into(), 70.into()).map(drop)?));
    let new = world.players(&db).schema(schema);
    let before = revision(&world, &db);
    assert_eq!(coins(&world, &db, &new), Some(70));
    assert_eq!(revision(&world, &db), before);
    // Also where the edit changes nothing: the step ran, and must not run again.
    assert_eq!(update(&world, &db, &new, |save| Ok(save.coins)), Ok(70));
    assert_eq!(revision(&world, &db).counter, before.counter + 1);
    assert_eq!(update(&world, &db, &new, add), Ok(71));
    assert_eq!(coins(&world, &db, &new), Some(71));
    // Code that knows no version 1 leaves the record alone.
    assert_eq!(update(&world, &db, &old, add), Err(Code::SchemaAhead));
    assert_eq!(world.run(&[&db], old.view(KEY)).unwrap_err().code(), Code::SchemaAhead);
}

#[test]
fn the_check_and_the_hook_of_the_game_are_obeyed() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world
        .players(&db)
        .check(|save| if save.coins < 0 { Err(Cancel::because("a debt")) } else { Ok(()) })
        .before_save(|save| {
            if save.coins == 13 {
                return Err(Cancel::because("an unlucky number"));
            }
            save.share = 0.5;
            Ok(())
        });
    make(&world, &db, &players);
    let set = |coins| move |save: &mut Save| Ok(std::mem::replace(&mut save.coins, coins));
    assert_eq!(update(&world, &db, &players, set(-1)), Err(Code::InvalidData));
    assert_eq!(update(&world, &db, &players, set(13)), Err(Code::SaveRefused));
    let fill = |save: &mut Save| {
        save.items = vec!["sword".into()];
        Ok(0)
    };
    assert_eq!(update(&world, &db, &players, fill), Ok(0));
    let stored = world.run(&[&db], players.view(KEY)).unwrap().unwrap();
    let items = vec!["sword".to_owned()];
    assert_eq!(stored, Save { coins: 10, items, share: 0.5 });
}

#[test]
fn an_edit_is_made_again_on_what_others_wrote_meanwhile_but_not_for_ever() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    make(&world, &db, &players);
    let mut runs = 0;
    let twice = |save: &mut Save| {
        runs += 1;
        if runs == 1 {
            put(&world, &db, r#"{"coins":50,"items":[]}"#);
        }
        add(save)
    };
    assert_eq!(update(&world, &db, &players, twice), Ok(51));
    assert_eq!(runs, 2);

    let mut runs = 0;
    let never = |save: &mut Save| {
        runs += 1;
        put(&world, &db, &format!(r#"{{"coins":{runs},"items":[]}}"#));
        add(save)
    };
    assert_eq!(update(&world, &db, &players, never), Err(Code::Contended));
    assert_eq!(runs, 16);
    assert_eq!(coins(&world, &db, &players), Some(16));
}

#[test]
fn what_a_session_could_not_save_is_stored_before_an_update() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { spills_in: Some(dir.path().into()), ..world.options() };
    let db = world.over(options());
    let players = world.players(&db);
    make(&world, &db, &players);
    let p = world.run(&[&db], players.open(KEY)).unwrap();
    p.edit(|save| Ok(save.coins = 13)).unwrap();
    world.backend.turn(true);
    assert_eq!(world.run(&[&db], db.close_sessions()).len(), 1);
    world.backend.turn(false);
    world.pass(seconds(11));

    let db = world.over(options());
    assert_eq!(db.spills().len(), 1);
    assert_eq!(update(&world, &db, &world.players(&db), add), Ok(14));
    assert!(db.spills().is_empty());
}

#[test]
fn any_json_is_viewed_and_updated_by_path_within_its_capacities() {
    let world = World::new();
    let db = world.server("game-1");
    make(&world, &db, &world.players(&db));
    let values = world.run(&[&db], db.values("PlayerData")).unwrap();
    let sum = world.run(&[&db], values.update(KEY, |draft| Ok(draft.add("coins", 5)?))).unwrap();
    assert_eq!(sum, 15.into());
    let stored = world.run(&[&db], values.view(KEY)).unwrap().unwrap();
    assert_eq!(stored.get(&"coins".into()), Some(&15.into()));
    let full = values.schema(Schema::new(0).capacity("items", 0));
    let refused = full.update(KEY, |draft| Ok(draft.insert("items", "sword", Insert::END)?));
    let refused = world.run(&[&db], refused).unwrap_err();
    assert_eq!(refused.code(), Code::ArrayFull);
}

#[test]
#[should_panic(expected = "uses its store")]
fn an_update_that_uses_its_store_panics() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    make(&world, &db, &players);
    let other = players.clone();
    let _unreached = update(&world, &db, &players, |_| {
        drop(other.open("Player_8"));
        Ok(0)
    });
}

#[test]
fn players_who_are_away_are_viewed_and_updated_by_id() {
    let world = World::new();
    let game = crate::players::Game::new(&world, "game-1");
    game.join(&world, 7);
    assert_eq!(game.players.key(7), KEY);
    let refused = world.run(&[&game.db], game.players.update(7, add));
    assert_eq!(crate::players::code(refused), Code::ActiveLease);
    world.run(&[&game.db], game.players.release(7)).unwrap();
    assert_eq!(world.run(&[&game.db], game.players.update("7", add)).unwrap(), 1);
    let viewed = world.run(&[&game.db], game.players.view(7)).unwrap();
    assert_eq!(viewed.map(|save| save.coins), Some(1));
    let nobody = world.run(&[&game.db], game.players.view(8)).unwrap();
    assert_eq!(nobody, None);
    world.work(&[&game.db], seconds(1));
    assert_eq!(game.stored(&world, 7), Some(1), "the record still names its user");
}
