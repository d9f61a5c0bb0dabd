//! User ids and tags: saved with the data, and limited.

use steadfast::core::platform::{Get, Request, Which};
use steadfast::core::{Code, Content, UserId, Value};
use steadfast::{LabelError, Session, Steadfast};

use super::world::{Save, World};

fn stored(world: &World, db: &Steadfast, p: &Session<Save>) -> Content {
    let get = Request::Get(Get { entry: p.entry().clone(), which: Which::Current });
    let content = world.run(&[db], db.execute(get)).unwrap().content.unwrap();
    (*content).clone()
}

#[test]
fn user_ids_go_to_the_entry_with_the_next_save_and_are_limited() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(p.user_ids(), Ok(vec![]));
    assert_eq!(p.add_user_id(UserId::Number(7)), Ok(true));
    assert_eq!((p.add_user_id(UserId::Number(7)), p.is_dirty()), (Ok(false), true));
    let text = UserId::Text("x".repeat(64).into());
    assert_eq!(p.add_user_id(text.clone()), Ok(true));
    for wrong in ["", &*"x".repeat(65)] {
        let refused = p.add_user_id(UserId::Text(wrong.into())).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidName);
    }
    world.run(&[&db], p.checkpoint()).unwrap();
    assert_eq!(stored(&world, &db, &p).user_ids, [UserId::Number(7), text.clone()]);
    assert_eq!((p.remove_user_id(&text), p.remove_user_id(&text)), (Ok(true), Ok(false)));
    for user in 8..23 {
        assert_eq!(p.add_user_id(UserId::Number(user)), Ok(true));
    }
    let refused = p.add_user_id(UserId::Number(23)).unwrap_err();
    assert_eq!(refused, LabelError::TooManyUserIds { limit: 16 });
    assert_eq!(refused.code(), Code::DataTooLarge);
    world.run(&[&db], p.release()).unwrap();
    assert_eq!(p.add_user_id(UserId::Number(1)).unwrap_err().code(), Code::SessionClosed);
    assert!(p.user_ids().is_err() && p.tags().is_err());
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(p.user_ids().unwrap().len(), 16);
}

#[test]
fn tags_are_the_attributes_of_the_entry_and_come_back() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(p.tag("vip"), Ok(None));
    p.set_tag("vip", true).unwrap();
    p.set_tag("region", "eu").unwrap();
    p.set_tag("level", 3).unwrap();
    world.run(&[&db], p.checkpoint()).unwrap();
    let metadata = stored(&world, &db, &p).metadata;
    assert_eq!(metadata.as_str(), r#"{"level":3,"region":"eu","vip":true}"#);
    // The same again is no change.
    p.set_tag("level", 3).unwrap();
    assert!(!p.is_dirty());
    p.remove_tag("vip").unwrap();
    assert!(p.is_dirty());
    world.run(&[&db], p.release()).unwrap();
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let tags: Vec<_> = p.tags().unwrap().into_iter().collect();
    assert_eq!(tags, [("level".to_owned(), 3.into()), ("region".to_owned(), "eu".into())]);
}

#[test]
fn a_tag_is_a_scalar_and_all_of_them_fit_into_four_kibibytes() {
    let world = World::new();
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    let refused = p.set_tag("list", Value::parse("[1]", db.limits()).unwrap()).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidData);
    // `{"t":"..."}` has eight bytes besides the text.
    let text = |size: usize| "x".repeat(size - 8);
    p.set_tag("t", text(4_096)).unwrap();
    let refused = p.set_tag("t", text(4_097)).unwrap_err();
    assert_eq!(refused.code(), Code::DataTooLarge);
    assert_eq!(p.tag("t").unwrap(), Some(Value::from(text(4_096))), "as it was");
    world.run(&[&db], p.checkpoint()).unwrap();
}
