//! Versions of data, checks and places in memory, as a game sees them.

use std::time::Duration;

use steadfast::core::document::Insert;
use steadfast::core::session::OpenError;
use steadfast::core::value::{Finite, InvalidData};
use steadfast::core::{Code, ErrorKind};
use steadfast::{EditError, LoadError, Schema, SessionOpenError, Steadfast, Store};

use super::world::{Save, World};

fn checked(world: &World, db: &Steadfast) -> Store<Save> {
    world.players(db).check(|save| {
        if save.coins < 0 {
            Err(InvalidData::because("coins", "less than nothing"))?;
        }
        Ok(())
    })
}

#[test]
fn what_the_check_of_a_game_refuses_is_neither_edited_nor_opened() {
    let world = World::new();
    let db = world.server("game-1");
    let players = checked(&world, &db);
    let p = world.run(&[&db], players.open("7")).unwrap();
    let refused = p.edit(|save| Ok(save.coins = -1)).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, Code::InvalidData));
    assert_eq!((p.get(|save| save.coins), p.is_dirty()), (Ok(0), false));
    world.run(&[&db], p.release()).unwrap();
    // Stored by a server that does not ask.
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = -1)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let refused = world.run(&[&db], players.schema(Schema::default()).open("7")).unwrap_err();
    let SessionOpenError::Refused(OpenError::Data { error, .. }) = &refused else {
        panic!("{refused:?}")
    };
    let expected = InvalidData::because("coins", "less than nothing");
    assert_eq!(*error, LoadError::Invalid(expected));
}

#[test]
fn a_type_is_migrated_when_it_is_opened_and_old_code_stays_out() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&db], p.release()).unwrap();
    let schema = Schema::new(1).step(1, |data| {
        let coins = data.remove(&"coins".into())?;
        data.set(&"coins".into(), coins)?;
        data.set(&"share".into(), Finite::new(0.5).unwrap().into())?;
        Ok(())
    });
    let players = world.players(&db).schema(schema);
    let p = world.run(&[&db], players.open("7")).unwrap();
    assert_eq!(p.get(|save| (save.coins, save.share)), Ok((5, 0.5)));
    assert!(!p.is_dirty(), "it was written by the opening");
    world.run(&[&db], p.release()).unwrap();
    let refused = world.run(&[&db], world.players(&db).open("7")).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, Code::SchemaAhead));
}

#[test]
fn what_lives_in_memory_only_is_never_saved_and_full_arrays_stay_full() {
    let world = World::new();
    let db = world.server("game-1");
    let schema = Schema::default().transient("target").capacity("pets", 1);
    let values = world.run(&[&db], db.values("PlayerData")).unwrap().schema(schema);
    let p = world.run(&[&db], values.open("7")).unwrap();
    let before = p.revision();
    let (_, changes) = p.transaction(|draft| Ok(draft.set("target", "u_9")?)).unwrap();
    assert_eq!((changes.paths, changes.transient), (vec![], vec!["target".into()]));
    assert!(!p.is_dirty());
    world.work(&[&db], Duration::from_mins(2));
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(p.revision(), before);
    p.edit(|draft| {
        draft.set("pets", steadfast::core::Value::array([]))?;
        Ok(draft.insert("pets", "cat", Insert::END)?)
    })
    .unwrap();
    let full = p.edit(|draft| Ok(draft.insert("pets", "dog", Insert::END)?)).unwrap_err();
    assert!(matches!(full, EditError::Edit(_)), "{full}");
    assert_eq!(full.kind(), ErrorKind::Conflict);
    assert_eq!(p.get("target"), Ok(Some("u_9".into())));
    world.run(&[&db], p.release()).unwrap();
    let p = world.run(&[&db], values.open("7")).unwrap();
    assert_eq!(p.snapshot().unwrap().to_json().as_str(), r#"{"pets":["cat"]}"#);
}
