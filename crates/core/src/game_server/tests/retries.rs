//! Facts about how often a store that does not help is asked.

use std::time::Duration;

use super::fleet::{Fate, Fleet};
use super::seconds;
use crate::game_server::{Priority, SessionHandle};
use crate::record::RecordCommand;
use crate::session::{OpenError, SaveError, SessionEvent};

fn is_write(command: &RecordCommand) -> bool {
    matches!(command, RecordCommand::Write(_))
}

/// Session writes are refused, everything else is as ever.
fn refuse_writes(fleet: &mut Fleet, fate: Fate) {
    fleet.fates(move |_, command| if is_write(command) { fate } else { Fate::Arrives });
}

/// An open session of a store that then refuses its writes.
fn refused(fate: Fate) -> (Fleet, SessionHandle) {
    let mut fleet = Fleet::of(1);
    let session = fleet.open(0, "u_1");
    refuse_writes(&mut fleet, fate);
    (fleet, session)
}

/// Writes that are sent within a time.
fn writes_within(fleet: &mut Fleet, duration: Duration) -> usize {
    let before = fleet.count_sent(is_write);
    fleet.run(duration);
    fleet.count_sent(is_write) - before
}

#[test]
fn what_is_waited_for_is_tried_again_after_pauses_that_double_up_to_four_seconds() {
    let (mut fleet, session) = refused(Fate::Refused);
    fleet.edit(0, session, "1").unwrap();
    fleet.checkpoint(0, session);
    // Each answer takes 40 ms: after 0.5, 1, 2 and 4 s, and 4 s again.
    let within = [(539, 0), (1, 1), (1_039, 0), (1, 1), (2_039, 0), (1, 1), (4_039, 0), (1, 1)];
    for (millis, writes) in within {
        let sent = writes_within(&mut fleet, Duration::from_millis(millis));
        assert_eq!(sent, writes, "at {} s", fleet.seconds());
    }
    // It is saved at once when somebody asks again.
    fleet.run(Duration::from_millis(50));
    refuse_writes(&mut fleet, Fate::Arrives);
    let ticket = fleet.checkpoint(0, session);
    fleet.run(Duration::from_millis(300));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
}

#[test]
fn a_release_of_a_clean_session_is_as_urgent() {
    let (mut fleet, session) = refused(Fate::Refused);
    let ticket = fleet.release(0, session).unwrap();
    assert_eq!(writes_within(&mut fleet, Duration::from_millis(540)), 1);
    assert_eq!(writes_within(&mut fleet, Duration::from_millis(1_040)), 1);
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
}

#[test]
fn a_save_of_nobodys_asking_is_tried_again_every_ten_seconds() {
    let (mut fleet, session) = refused(Fate::Full);
    fleet.edit(0, session, "1").unwrap();
    assert_eq!(
        writes_within(&mut fleet, seconds(60)),
        1,
        "an autosave comes up to an eighth early"
    );
    let failed = |fleet: &Fleet| {
        let is_it = |it: &SessionEvent| {
            matches!(it, SessionEvent::SaveFailed(SaveError::Unavailable { reason })
                if reason.contains("full"))
        };
        fleet.session_events(0).iter().filter(|it| is_it(it)).count()
    };
    assert_eq!(failed(&fleet), 1, "the game is told that the store is full");
    let sent = writes_within(&mut fleet, seconds(100));
    assert!((9..=10).contains(&sent), "{sent}");
    fleet.all_arrive();
    fleet.run(seconds(11));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
}

#[test]
fn a_failure_that_is_over_leaves_no_pause_behind() {
    let (mut fleet, session) = refused(Fate::Refused);
    fleet.edit(0, session, "1").unwrap();
    fleet.checkpoint(0, session);
    fleet.run(seconds(9));
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    refuse_writes(&mut fleet, Fate::Refused);
    fleet.edit(0, session, "2").unwrap();
    fleet.checkpoint(0, session);
    assert_eq!(writes_within(&mut fleet, Duration::from_millis(540)), 1, "half a second again");
}

#[test]
fn w4_a_grant_that_a_full_store_refused_may_have_another_copy() {
    let mut fleet = Fleet::of(1);
    refuse_writes(&mut fleet, Fate::Full);
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    let sent = writes_within(&mut fleet, seconds(19));
    assert!((30..=70).contains(&sent), "again after each quarter of a second: {sent}");
    assert_eq!(fleet.opened(0, ticket), None);
    fleet.run(seconds(2));
    let is_unknown = matches!(fleet.opened(0, ticket), Some(Err(OpenError::OutcomeUnknown { .. })));
    assert!(is_unknown, "{:?}", fleet.opened(0, ticket));
    fleet.all_arrive();
    fleet.open(0, "u_1");
}

#[test]
fn what_has_no_answer_is_sent_again_every_quarter_of_a_second_and_given_up() {
    let (mut fleet, session) = refused(Fate::Lost);
    fleet.edit(0, session, "1").unwrap();
    let before = fleet.count_sent(is_write);
    fleet.checkpoint(0, session);
    fleet.run(Duration::from_millis(1_499));
    // Copies go out under the same id and hold the same write.
    let writes: Vec<_> =
        fleet.sent.iter().filter(|(_, it)| is_write(it)).skip(before).map(|(_, it)| it).collect();
    assert_eq!(writes.len(), 6);
    assert!(writes.iter().all(|write| *write == writes[0]));
    fleet.run(Duration::from_millis(1));
    let unknown = |it: &SessionEvent| {
        matches!(it, SessionEvent::SaveFailed(SaveError::OutcomeUnknown { .. }))
    };
    assert!(fleet.session_events(0).iter().any(unknown));
}

#[test]
fn more_saves_than_have_room_wait_for_each_other_and_all_are_made() {
    let mut fleet = Fleet::new();
    let settings = crate::session::SessionSettings {
        autosave_in_flight_max: 2,
        ..crate::session::SessionSettings::default()
    };
    fleet.start(None, settings);
    fleet.run(seconds(1));
    let keys: Vec<String> = (0..20).map(|number| format!("u_{number}")).collect();
    let sessions: Vec<_> = keys.iter().map(|key| fleet.open(0, key)).collect();
    for session in sessions {
        fleet.edit(0, session, "1").unwrap();
    }
    // Nothing is answered: more than two are never out.
    refuse_writes(&mut fleet, Fate::Lost);
    fleet.run(seconds(60));
    let is_out = |fleet: &Fleet| {
        let server = fleet.servers[0].as_ref().expect("it runs");
        server.sessions().filter(|(_, session)| session.call.is_some()).count()
    };
    assert!(is_out(&fleet) <= 2);
    fleet.all_arrive();
    fleet.run(seconds(15));
    for key in keys {
        assert_eq!(fleet.value(&key).as_deref(), Some("1"), "{key}");
    }
}

#[test]
fn the_most_urgent_commands_go_first() {
    let mut fleet = Fleet::of(1);
    let session = fleet.open(0, "u_1");
    fleet.edit(0, session, "1").unwrap();
    let (now, mut out) = (fleet.now(), crate::game_server::Effects::default());
    assert!(out.is_empty());
    let server = fleet.server(0);
    server.open(now, Fleet::request("u_2"), &mut out);
    server.release(now, session, &mut out).unwrap();
    let priorities: Vec<Priority> = out.commands.iter().map(|it| it.priority).collect();
    assert_eq!(priorities, [Priority::Release, Priority::Open]);
    assert_eq!(fleet.server(0).commands_out(), 2);
    assert!(!out.is_empty());
}
