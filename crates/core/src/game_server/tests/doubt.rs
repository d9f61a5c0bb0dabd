//! Facts about stores that went back, and about servers that must show anew what they have.

use super::fleet::{Fate, Fleet, entry};
use super::seconds;
use crate::game_server::{Event, ServerEvent, SessionHandle};
use crate::record::{LeaseMode, PresenceState, RecordCommand};
use crate::row::{Row, RowBody, RowKey};
use crate::session::{SessionEvent, SessionSettings, SessionState};

/// The rows of a record.
fn rows(fleet: &Fleet, key: &str) -> Vec<(RowKey, Option<Row>)> {
    let keys = [RowKey::Record(entry(key)), RowKey::Entry(entry(key)), RowKey::Ends(entry(key))];
    keys.into_iter().map(|key| (key.clone(), fleet.world.rows.get(&key).cloned())).collect()
}

/// The store loses what it acknowledged since.
fn put_back(fleet: &mut Fleet, rows: Vec<(RowKey, Option<Row>)>) {
    for (key, row) in rows {
        match row {
            Some(row) => drop(fleet.world.rows.insert(key, row)),
            None => drop(fleet.world.rows.remove(&key)),
        }
    }
}

/// Two saves, of which the store keeps the first.
fn with_a_lost_save() -> (Fleet, SessionHandle) {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.save(0, p, "1");
    let kept = rows(&fleet, "u_1");
    fleet.save(0, p, "2");
    put_back(&mut fleet, kept);
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    (fleet, p)
}

fn went_back(fleet: &Fleet) -> usize {
    fleet.session_events(0).iter().filter(|it| **it == SessionEvent::WentBack).count()
}

/// Somebody declares a server dead.
fn declare_dead(fleet: &mut Fleet, server: usize) {
    let key = RowKey::Presence(fleet.server(server).id());
    let row = fleet.world.rows.get(&key).expect("it is alive");
    let RowBody::Presence(mut body) = row.body.clone() else { panic!("{row:?}") };
    body.state = PresenceState::Dead;
    fleet.world.put(key, RowBody::Presence(body));
}

fn server_events(fleet: &Fleet) -> Vec<ServerEvent> {
    let of = |(_, event): &(usize, Event)| match event {
        Event::Server(event) => Some(event.clone()),
        _ => None,
    };
    fleet.events.iter().filter_map(of).collect()
}

#[test]
fn a_save_that_the_store_lost_is_made_again_with_the_next() {
    let (mut fleet, p) = with_a_lost_save();
    fleet.edit(0, p, "3").unwrap();
    let ticket = fleet.checkpoint(0, p);
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))), "{:?}", fleet.settled(0, ticket));
    assert_eq!((fleet.value("u_1").as_deref(), went_back(&fleet)), (Some("3"), 1));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active), "its fence stands");
    let suspended = SessionEvent::State(SessionState::Suspended);
    assert!(!fleet.session_events(0).contains(&suspended), "and so does its promise");
    assert_eq!(fleet.record("u_1").unwrap().body.save_seq, 2);
    fleet.save(0, p, "4");
}

#[test]
fn a_save_that_the_store_lost_is_made_again_after_a_doubt_though_nothing_changed() {
    let (mut fleet, p) = with_a_lost_save();
    fleet.fates(|_, _| Fate::Lost);
    fleet.run(seconds(15));
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    fleet.all_arrive();
    fleet.run(seconds(4));
    assert_eq!((fleet.value("u_1").as_deref(), went_back(&fleet)), (Some("2"), 1));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
    let events = server_events(&fleet);
    let id = fleet.server(0).id();
    assert_eq!(events, [ServerEvent::Live(id), ServerEvent::Doubtful, ServerEvent::Live(id)]);
}

#[test]
fn l3_a_fence_that_the_store_lost_is_never_shown_again() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    let kept = rows(&fleet, "u_1");
    let before = fleet.server(0).id();
    declare_dead(&mut fleet, 0);
    fleet.run(seconds(4));
    let after = fleet.server(0).id();
    assert_ne!(before, after);
    assert_eq!((fleet.holder("u_1"), fleet.state(0, p)), (Some(after), Some(SessionState::Active)));
    assert_eq!(fleet.record("u_1").unwrap().body.fence.counter, 2);
    let events = server_events(&fleet);
    let expected = [ServerEvent::Live(before), ServerEvent::Dead(before), ServerEvent::Live(after)];
    assert_eq!(events, expected);
    // The adoption is lost, and with it the second fence.
    put_back(&mut fleet, kept);
    fleet.edit(0, p, "1").unwrap();
    let ticket = fleet.checkpoint(0, p);
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))), "{:?}", fleet.settled(0, ticket));
    let record = fleet.record("u_1").unwrap();
    assert_eq!((record.body.fence.counter, fleet.holder("u_1")), (3, Some(after)));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    assert_eq!((fleet.state(0, p), went_back(&fleet)), (Some(SessionState::Active), 1));
    let suspended = SessionEvent::State(SessionState::Suspended);
    let count = fleet.session_events(0).iter().filter(|it| **it == suspended).count();
    assert_eq!(count, 2, "by the death, and by the loss of the fence");
}

#[test]
fn an_unedited_session_stores_again_what_the_store_lost_behind_its_adoption() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    let kept = rows(&fleet, "u_1");
    declare_dead(&mut fleet, 0);
    fleet.run(seconds(4));
    put_back(&mut fleet, kept);
    let saves = fleet.record("u_1").unwrap().body.save_seq;
    declare_dead(&mut fleet, 0);
    fleet.run(seconds(4));
    assert_eq!((fleet.state(0, p), went_back(&fleet)), (Some(SessionState::Active), 1));
    fleet.run(seconds(61));
    let record = fleet.record("u_1").unwrap();
    assert_eq!(record.body.save_seq, saves + 1, "all of it is saved again");
}

#[test]
fn l2_a_lease_with_a_timeout_is_renewed_by_saves_and_doubted_by_itself() {
    let mut fleet = Fleet::new();
    let mode = LeaseMode::Timeout(seconds(130));
    fleet.start(None, SessionSettings { mode, ..SessionSettings::default() });
    fleet.run(seconds(1));
    let p = fleet.open(0, "u_1");
    let until = |fleet: &mut Fleet| fleet.server(0).session(p).unwrap().believed_until().unwrap();
    let first = until(&mut fleet);
    let left = first.saturating_since(fleet.now().mono);
    assert!(
        (seconds(129)..seconds(130)).contains(&left),
        "from its sending, less a margin: {left:?}"
    );
    fleet.run(seconds(61));
    let second = until(&mut fleet);
    assert!(second.saturating_since(first) >= seconds(59), "a clean session saves too");
    fleet.fates(|_, _| Fate::Lost);
    let left = second.saturating_since(fleet.now().mono);
    fleet.run(left.saturating_sub(std::time::Duration::from_millis(1)));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active), "its server's doubt is not its own");
    fleet.run(std::time::Duration::from_millis(1));
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    fleet.all_arrive();
    fleet.run(seconds(15));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active), "a write showed that nobody took it");
}

#[test]
fn every_session_of_a_server_in_doubt_is_compared_before_it_is_active_again() {
    let mut fleet = Fleet::of(1);
    let (p, q) = (fleet.open(0, "u_1"), fleet.open(0, "u_2"));
    fleet.fates(|_, command| match command {
        RecordCommand::Check(_) => Fate::Refused,
        RecordCommand::WritePresence { .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    fleet.run(seconds(12));
    fleet.fates(|_, command| match command {
        RecordCommand::Check(_) => Fate::Lost,
        _ => Fate::Arrives,
    });
    fleet.run(seconds(5));
    let is_live = fleet.now();
    assert!(fleet.server(0).is_live(is_live));
    for session in [p, q] {
        assert_eq!(fleet.state(0, session), Some(SessionState::Suspended), "it was not compared");
    }
    fleet.all_arrive();
    fleet.run(seconds(2));
    for session in [p, q] {
        assert_eq!(fleet.state(0, session), Some(SessionState::Active));
    }
}

/// What becomes of writes and renewals.
fn fates(fleet: &mut Fleet, write: Fate, renewal: Fate) {
    fleet.fates(move |_, command| match command {
        RecordCommand::Write(_) => write,
        RecordCommand::WritePresence { .. } => renewal,
        _ => Fate::Arrives,
    });
}

#[test]
fn a_comparison_that_finds_a_save_whose_answer_was_lost_ends_the_doubt() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fates(&mut fleet, Fate::AnswerLost, Fate::Arrives);
    fleet.edit(0, p, "1").unwrap();
    fleet.run(seconds(61));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    fates(&mut fleet, Fate::Lost, Fate::Lost);
    fleet.run(seconds(12));
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    fates(&mut fleet, Fate::Lost, Fate::Arrives);
    fleet.run(seconds(5));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
    assert!(!fleet.server(0).session(p).unwrap().is_dirty());
}

#[test]
fn an_adoption_that_is_settled_in_a_later_doubt_is_compared_after_it() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    declare_dead(&mut fleet, 0);
    fates(&mut fleet, Fate::AnswerLost, Fate::Arrives);
    fleet.run(seconds(4));
    let me = fleet.server(0).id();
    assert_eq!(fleet.holder("u_1"), Some(me), "it is adopted, and nobody knows");
    fates(&mut fleet, Fate::AnswerLost, Fate::Lost);
    fleet.run(seconds(12));
    fates(&mut fleet, Fate::Arrives, Fate::Lost);
    fleet.edit(0, p, "1").unwrap();
    let ticket = fleet.checkpoint(0, p);
    fleet.run(seconds(4));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"), "it is saved, and promised later");
    assert_eq!(
        (fleet.settled(0, ticket), fleet.state(0, p)),
        (None, Some(SessionState::Suspended))
    );
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
}
