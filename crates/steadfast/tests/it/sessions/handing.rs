//! Records that go from one game server to another.

use std::time::Duration;

use steadfast::core::session::OpenError;
use steadfast::core::{Code, ErrorKind};
use steadfast::{
    LossReason, NewOperation, SessionEvent, SessionOpenError, SessionSettings, SessionState,
};

use super::world::World;

#[test]
fn a_record_is_handed_over_with_everything_that_was_edited() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    let events = p.events();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let began = world.seconds();
    let q = world.run(&[&a, &b], world.players(&b).open("7")).unwrap();
    assert_eq!(q.get(|save| save.coins), Ok(5));
    // One renewal of its holder, which brings the mail, and one look of who waits.
    assert!(world.seconds() - began < 3.5, "{}", world.seconds() - began);
    assert_eq!(p.state(), SessionState::Released);
    let told: Vec<SessionEvent> = std::iter::from_fn(|| events.try_next()).collect();
    assert!(matches!(told.first(), Some(SessionEvent::HandOffRequested { .. })), "{told:?}");
    assert!(matches!(told.last(), Some(SessionEvent::Released)), "{told:?}");
    assert_eq!(world.run(&[&a, &b], events.next()), None, "a session ends once");
}

#[test]
fn a_record_that_is_not_let_go_is_refused_with_its_holder() {
    let world = World::new();
    let keeps = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
    let (a, b) = (world.server_with("game-1:4000", keeps), world.server("game-2"));
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    let began = world.seconds();
    let refused = world.run(&[&a, &b], world.players(&b).open("7")).unwrap_err();
    let waited = world.seconds() - began;
    assert!((20.0..20.5).contains(&waited), "{waited}");
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Exhausted, Code::LockTimeout));
    let SessionOpenError::Refused(OpenError::LockTimeout { address, .. }) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(&**address, "game-1:4000");
    assert!(p.is_active());
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&a, &b], p.checkpoint()).unwrap();
}

#[test]
fn a_stolen_record_is_lost_by_its_holder_which_keeps_what_it_did_not_save() {
    let world = World::new();
    let keeps = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
    let (a, b) = (world.server_with("game-1", keeps), world.server("game-2"));
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let events = p.events();
    let q = world.run(&[&a, &b], world.players(&b).steal("7")).unwrap();
    assert_eq!(q.get(|save| save.coins), Ok(0));
    world.until(&[&a, &b], || (p.state() == SessionState::LeaseLost).then_some(()));
    let lost = std::iter::from_fn(|| events.try_next()).last();
    let Some(SessionEvent::Lost { reason: LossReason::Stolen, spill: Some(spill) }) = lost else {
        panic!("{lost:?}")
    };
    assert_eq!(spill.content.value.as_str(), r#"{"coins":5,"items":[],"share":0.0}"#);
    assert_eq!(a.spills().into_iter().map(|kept| kept.spill).collect::<Vec<_>>(), [spill]);

    // It is offered to the next session here, which finds it stale, and stays for a person.
    world.run(&[&a, &b], q.release()).unwrap();
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(0));
    assert_eq!(world.run(&[&a, &b], p.next_event()), Some(SessionEvent::SpillStale));
    assert_eq!(a.spills().len(), 1);
}

#[test]
fn a_released_record_is_open_to_others_at_once_and_holds_the_last_edit() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    world.work(&[&a, &b], Duration::from_secs(1));
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let before = world.backend.commits();
    world.run(&[&a, &b], p.release()).unwrap();
    assert_eq!(world.backend.commits(), before + 1, "last save and release are one write");
    let players = world.players(&b);
    world.work(&[&a, &b], Duration::from_secs(1));
    let began = world.seconds();
    let q = world.run(&[&a, &b], players.open("7")).unwrap();
    assert_eq!(q.get(|save| save.coins), Ok(5));
    assert!(world.seconds() - began < 0.1, "{}", world.seconds() - began);
}

#[test]
fn the_last_handle_that_is_dropped_releases_its_session() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let other = p.clone();
    drop(p);
    world.work(&[&a, &b], Duration::from_secs(1));
    assert!(other.is_active(), "a handle is left");
    drop(other);
    world.until(&[&a, &b], || (a.session_count() == 0).then_some(()));
    let q = world.run(&[&b], world.players(&b).open("7")).unwrap();
    assert_eq!(q.get(|save| save.coins), Ok(5));
}

#[test]
fn an_opening_whose_future_is_dropped_is_given_up() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let players = world.players(&a);
    for steps in 0..40 {
        // Given up at every step of the way: a grant that was on its way is released.
        let opening = players.open("7");
        for _ in 0..steps {
            a.poll();
            world.pass(Duration::from_millis(1));
        }
        drop(opening);
        world.until(&[&a, &b], || {
            (a.session_count() == 0).then(|| world.work(&[&a, &b], Duration::from_millis(500)))
        });
        let q = world.run(&[&a, &b], world.players(&b).open("7")).unwrap();
        world.run(&[&a, &b], q.release()).unwrap();
    }
    assert!(world.run(&[&a, &b], players.open("7")).is_ok());
}

#[test]
fn a_server_that_stopped_living_loses_its_record_after_its_presence_timeout() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let p = world.run(&[&a, &b], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&a, &b], p.checkpoint()).unwrap();
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    // It is polled no more: as good as dead.
    let began = world.seconds();
    let q = world.run(&[&b], world.players(&b).open("7")).unwrap();
    let waited = world.seconds() - began;
    assert!(waited < 11.0, "{waited}");
    assert_eq!(q.get(|save| save.coins), Ok(5));
    // It comes back, and nothing of it is written any more.
    world.until(&[&a, &b], || (p.state() == SessionState::LeaseLost).then_some(()));
    assert_eq!(a.spills().len(), 1);
    world.run(&[&a, &b], q.release()).unwrap();
    assert_eq!(p.get(|save| save.coins).unwrap_err().code(), Code::SessionClosed);
}

#[test]
fn game_servers_of_one_process_hand_over_and_tell_of_work_without_a_renewal() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let servers = [&a, &b];
    let (p, there) = (world.run(&servers, world.players(&a).open("7")).unwrap(), world.players(&b));
    world.work(&servers, Duration::from_secs(1));
    let began = world.seconds();
    let add = NewOperation::add("o", "coins", 5).unwrap();
    world.run(&servers, there.queue("7", add)).unwrap();
    world.until(&servers, || (p.get(|save| save.coins) == Ok(5)).then_some(()));
    assert!(world.seconds() - began < 0.5, "{}", world.seconds() - began);
    world.work(&servers, Duration::from_secs(1));
    let began = world.seconds();
    let q = world.run(&servers, there.open("7")).unwrap();
    assert!(world.seconds() - began < 0.5, "{}", world.seconds() - began);
    assert_eq!((p.state(), q.get(|save| save.coins)), (SessionState::Released, Ok(5)));
}
