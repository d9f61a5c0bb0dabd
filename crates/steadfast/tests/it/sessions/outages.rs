//! A store that is out of reach for a while.

use std::time::Duration;

use steadfast::core::Code;
use steadfast::core::game_server::ServerEvent;
use steadfast::{SaveError, SessionEvent, SessionSettings, SessionState};

use super::world::World;

#[test]
fn an_outage_of_half_a_minute_loses_no_session_and_no_edit() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let players = world.players(&a);
    let sessions: Vec<_> = (0..20_i64)
        .map(|player| world.run(&[&a, &b], players.open(&player.to_string())).unwrap())
        .collect();
    let server = a.server_events().unwrap();
    world.backend.turn(true);
    for p in &sessions {
        p.edit(|save| Ok(save.coins = 5)).unwrap();
    }
    world.work(&[&a, &b], Duration::from_secs(30));
    assert!(sessions.iter().all(|p| p.state() == SessionState::Suspended));
    // Play goes on.
    for p in &sessions {
        p.edit(|save| Ok(save.coins += 1)).unwrap();
    }
    world.backend.turn(false);
    let began = world.seconds();
    world.until(&[&a, &b], || sessions.iter().all(steadfast::Session::is_active).then_some(()));
    assert!(world.seconds() - began < 5.0, "{}", world.seconds() - began);
    for p in &sessions {
        world.run(&[&a, &b], p.checkpoint()).unwrap();
        assert_eq!(p.get(|save| save.coins), Ok(6));
    }
    let told: Vec<_> = std::iter::from_fn(|| server.try_next()).collect();
    assert!(told.contains(&ServerEvent::Doubtful), "{told:?}");
    assert!(!told.iter().any(|event| matches!(event, ServerEvent::Dead(_))), "{told:?}");
    assert_eq!(a.spills(), []);
}

#[test]
fn a_checkpoint_in_an_outage_is_not_promised_and_happens_when_it_is_over() {
    let world = World::new();
    let a = world.server("game-1");
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    let events = p.events();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.backend.turn(true);
    let began = world.seconds();
    let refused = world.run(&[&a], p.checkpoint()).unwrap_err();
    assert!(matches!(refused, SaveError::OutcomeUnknown { .. }), "{refused:?}");
    assert!(world.seconds() - began < 10.1, "{}", world.seconds() - began);
    assert!(
        std::iter::from_fn(|| events.try_next())
            .any(|event| matches!(event, SessionEvent::SaveFailed(_)))
    );
    world.backend.turn(false);
    world.until(&[&a], || (!p.is_dirty()).then_some(()));
}

#[test]
fn a_receipt_that_nobody_waits_for_saves_all_the_same() {
    let world = World::new();
    let a = world.server("game-1");
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    drop(p.save().unwrap());
    a.poll();
    a.poll();
    assert!(!p.is_dirty());
    // The same for a release.
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    drop(p.release());
    world.until(&[&a], || (p.state() == SessionState::Released).then_some(()));
}

#[test]
fn an_opening_in_an_outage_fails_closed() {
    let world = World::new();
    let a = world.server("game-1");
    let players = world.players(&a);
    world.work(&[&a], Duration::from_secs(1));
    world.backend.turn(true);
    let refused = world.run(&[&a], players.open("7")).unwrap_err();
    assert_eq!(refused.kind(), steadfast::core::ErrorKind::Unavailable);
    world.backend.turn(false);
    let p = world.run(&[&a], players.open("7")).unwrap();
    assert!(p.snapshot().is_ok());
}

#[test]
fn a_suspended_session_refuses_edits_if_it_is_told_to() {
    let world = World::new();
    let freezes = SessionSettings {
        on_suspend: steadfast::core::session::SuspendPolicy::Freeze,
        ..SessionSettings::default()
    };
    let a = world.server_with("game-1", freezes);
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    world.backend.turn(true);
    world.until(&[&a], || (p.state() == SessionState::Suspended).then_some(()));
    let refused = p.edit(|save| Ok(save.coins = 5)).unwrap_err();
    assert_eq!(refused.code(), Code::SessionSuspended);
    assert_eq!(p.get(|save| save.coins), Ok(0));
}
