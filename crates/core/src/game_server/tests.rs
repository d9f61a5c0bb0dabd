//! Facts about game servers: what they do with a store and with each other.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

mod doubt;
pub(crate) mod fleet;
mod issuing;
mod joint;
mod joint_hooks;
mod losses;
mod operations;
mod play_time;
mod resuming;
mod retries;
mod schemas;
mod waiting;

use std::time::Duration;

use crate::game_server::{EditRefused, Event, ServerEvent};
use crate::record::{How, RecordCommand};
use crate::session::{
    Access, LossReason, OpenError, SaveError, SessionEvent, SessionSettings, SessionState,
};
use fleet::{Fate, Fleet};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_record_is_opened_edited_saved_and_released() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    assert_eq!(fleet.value("u_1").as_deref(), Some("0"), "the defaults are stored by the grant");
    fleet.edit(0, p, "1").unwrap();
    assert!(fleet.server(0).session(p).unwrap().is_dirty());
    let ticket = fleet.checkpoint(0, p);
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    fleet.edit(0, p, "2").unwrap();
    let ticket = fleet.release(0, p).unwrap();
    assert_eq!(fleet.edit(0, p, "3"), Err(EditRefused::Access(Access::Closed)));
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!((fleet.value("u_1").as_deref(), fleet.holder("u_1")), (Some("2"), None));
    let writes = fleet.count_sent(|it| matches!(it, RecordCommand::Write(_)));
    assert_eq!(writes, 3, "grant, save, release");
}

#[test]
fn unsaved_edits_are_saved_by_themselves_and_clean_sessions_write_nothing() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.run(seconds(61));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    let writes = |fleet: &Fleet| fleet.count_sent(|it| matches!(it, RecordCommand::Write(_)));
    let before = writes(&fleet);
    fleet.run(seconds(600));
    assert_eq!(writes(&fleet), before);
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
}

#[test]
fn a_record_is_handed_over_with_its_unsaved_edits() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    let asked_at = fleet.seconds();
    let q = fleet.open(1, "u_1");
    assert!(fleet.seconds() - asked_at < 4.0, "{}", fleet.seconds() - asked_at);
    let text = fleet.with(1, |server, _, _| server.read(q, crate::document::Document::encode));
    assert_eq!(text.unwrap().as_str(), "1");
    assert_eq!(fleet.state(0, p), None);
    assert!(fleet.session_events(0).contains(&SessionEvent::Released));
}

#[test]
fn l6_the_record_of_a_dead_server_is_free_within_the_timeout_and_a_second() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.checkpoint(0, p);
    fleet.run(seconds(1));
    fleet.kill(0);
    let killed_at = fleet.seconds();
    fleet.open(1, "u_1");
    let waited = fleet.seconds() - killed_at;
    assert!((7.0..11.0).contains(&waited), "{waited}");
    let record = fleet.record("u_1").unwrap();
    assert_eq!(record.body.fence.counter, 2);
    assert!(fleet.count_sent(|it| matches!(it, RecordCommand::PutMail { .. })) >= 1);
}

#[test]
fn l7_a_living_server_keeps_its_record_and_the_waiter_is_told_who_has_it() {
    let mut fleet = Fleet::new();
    let keeping = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
    fleet.start(None, keeping);
    fleet.start(None, SessionSettings::default());
    fleet.run(seconds(1));
    let p = fleet.open(0, "u_1");
    let ticket = fleet.begin_open(1, Fleet::request("u_1"));
    fleet.run(seconds(21));
    let holder = fleet.server(0).id();
    match fleet.opened(1, ticket) {
        Some(Err(OpenError::LockTimeout { server, address, since, .. })) => {
            assert_eq!((server, &*address, since.is_some()), (holder, "server-0", true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
}

#[test]
fn a_store_out_of_reach_suspends_and_loses_nothing() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.fates(|_, _| Fate::Lost);
    fleet.run(seconds(30));
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    fleet.edit(0, p, "2").unwrap();
    let ticket = fleet.checkpoint(0, p);
    fleet.run(seconds(5));
    assert_eq!(fleet.settled(0, ticket), None);
    fleet.run(seconds(6));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::OutcomeUnknown { .. }))));
    fleet.all_arrive();
    fleet.run(seconds(10));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
    assert_eq!(fleet.value("u_1").as_deref(), Some("2"));
    let died = fleet.events.iter().any(|(_, it)| matches!(it, Event::Server(ServerEvent::Dead(_))));
    assert!(!died, "an outage of the store kills nobody");
}

#[test]
fn a_paused_server_loses_only_what_was_claimed() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    let q = fleet.open(0, "u_2");
    fleet.edit(0, p, "1").unwrap();
    fleet.edit(0, q, "1").unwrap();
    let ticket = fleet.begin_open(1, Fleet::request("u_1"));
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    fleet.pause(0, seconds(15));
    fleet.all_arrive();
    assert!(matches!(fleet.opened(1, ticket), Some(Ok(_))), "{:?}", fleet.opened(1, ticket));
    assert_eq!(fleet.edit(0, p, "2"), Ok(()), "play goes on");
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    fleet.run(seconds(10));
    assert_eq!((fleet.state(0, p), fleet.state(0, q)), (None, Some(SessionState::Active)));
    let lost = fleet.session_events(0).into_iter().find_map(|event| match event {
        SessionEvent::Lost { reason, spill } => Some((reason, spill)),
        _ => None,
    });
    let (reason, spill) = lost.expect("one is lost");
    assert_eq!((reason, spill.unwrap().content.value.as_str()), (LossReason::Taken, "2"));
    let me = fleet.server(0).id();
    assert_eq!(fleet.holder("u_2"), Some(me), "the other was adopted");
    fleet.run(seconds(60));
    assert_eq!(fleet.value("u_2").as_deref(), Some("1"));
}

#[test]
fn w6_a_lost_answer_is_recognised_and_nothing_is_written_twice() {
    for fate in [Fate::AnswerLost, Fate::Lost] {
        let mut fleet = Fleet::of(1);
        let mut left = 3;
        fleet.fates(move |_, command| {
            if left > 0 && matches!(command, RecordCommand::Write(_)) {
                left -= 1;
                return fate;
            }
            Fate::Arrives
        });
        let p = fleet.open(0, "u_1");
        fleet.edit(0, p, "1").unwrap();
        let ticket = fleet.checkpoint(0, p);
        fleet.run(seconds(3));
        assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))), "{fate:?}");
        let record = fleet.record("u_1").unwrap();
        assert_eq!((record.revision.counter, record.body.save_seq), (2, 1), "{fate:?}");
    }
}

#[test]
fn l9_a_grant_that_nobody_waited_for_is_released_when_asked_for() {
    let mut fleet = Fleet::of(2);
    // The grant arrives, and no answer ever does until the opening is given up.
    fleet.fate_of_writes(Fate::AnswerLost);
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(Duration::from_millis(70));
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    fleet.with(0, |server, now, out| server.cancel_open(now, ticket, out));
    fleet.run(seconds(2));
    assert!(fleet.holder("u_1").is_some());
    fleet.all_arrive();
    fleet.open(1, "u_1");
    let me = fleet.server(1).id();
    assert_eq!(fleet.holder("u_1"), Some(me));
    let died = fleet.events.iter().any(|(_, it)| matches!(it, Event::Server(ServerEvent::Dead(_))));
    assert!(!died);
}

#[test]
fn a_lease_of_my_own_that_i_do_not_know_is_free_for_me() {
    let mut fleet = Fleet::of(1);
    fleet.fates(|_, command| match command {
        RecordCommand::Write(_) => Fate::AnswerLost,
        RecordCommand::Read { with: crate::record::With::DataIfFree, .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(Duration::from_millis(70));
    fleet.with(0, |server, now, out| server.cancel_open(now, ticket, out));
    assert_eq!(fleet.opened(0, ticket).map(|it| it.is_err()), Some(true));
    fleet.run(seconds(3));
    fleet.all_arrive();
    let asked_at = fleet.seconds();
    fleet.open(0, "u_1");
    assert!(fleet.seconds() - asked_at < 0.5);
    assert_eq!(fleet.record("u_1").unwrap().body.fence.counter, 2);
}

#[test]
fn w8_a_close_releases_everything_and_ends_the_presence() {
    let mut fleet = Fleet::of(1);
    for key in ["u_1", "u_2", "u_3"] {
        let session = fleet.open(0, key);
        fleet.edit(0, session, "1").unwrap();
    }
    let ticket = fleet.with(0, crate::game_server::GameServer::close);
    fleet.run(seconds(2));
    assert!(fleet.is_closed(ticket));
    for key in ["u_1", "u_2", "u_3"] {
        assert_eq!((fleet.value(key).as_deref(), fleet.holder(key)), (Some("1"), None));
    }
    let refused = fleet.begin_open(0, Fleet::request("u_4"));
    assert_eq!(fleet.opened(0, refused), Some(Err(OpenError::Closed)));
    assert_eq!(fleet.server(0).next_wake(), None);
}

#[test]
fn w8_a_close_that_cannot_save_says_so_and_hands_out_the_bytes() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.fates(|_, _| Fate::Lost);
    fleet.with(0, crate::game_server::GameServer::close);
    fleet.run(seconds(26));
    let spill = fleet.session_events(0).into_iter().find_map(|event| match event {
        SessionEvent::Lost { reason: LossReason::Closed, spill } => spill,
        _ => None,
    });
    let spill = spill.expect("the bytes are handed out");
    assert_eq!(spill.content.value.as_str(), "1");
    assert!(fleet.events.iter().any(|(_, event)| matches!(event, Event::Closed { .. })));
    // The next server that opens the record puts them where they belong.
    fleet.all_arrive();
    let next = fleet.start(None, SessionSettings::default());
    fleet.run(seconds(1));
    let request = crate::game_server::OpenRequest { spill: Some(spill), ..Fleet::request("u_1") };
    let ticket = fleet.begin_open(next, request);
    fleet.run(seconds(15));
    assert!(matches!(fleet.opened(next, ticket), Some(Ok(_))));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
    let ends = fleet.world.rows.get(&crate::row::RowKey::Ends(fleet::entry("u_1")));
    match ends.map(|row| &row.body) {
        Some(crate::row::RowBody::Ends(ends)) => assert_eq!(ends[0].how, How::Taken),
        other => panic!("{other:?}"),
    }
}

#[test]
fn home_servers_live_exactly_as_long_as_their_opening_of_the_store() {
    let mut fleet = Fleet::new();
    let opening = fleet.opening();
    fleet.start(Some(opening), SessionSettings::default());
    fleet.run(seconds(1));
    let p = fleet.open(0, "u_1");
    let renewals =
        |fleet: &Fleet| fleet.count_sent(|it| matches!(it, RecordCommand::WritePresence { .. }));
    fleet.run(seconds(600));
    assert_eq!((renewals(&fleet), fleet.state(0, p)), (1, Some(SessionState::Active)));
    fleet.kill(0);
    fleet.reopen();
    let opening = fleet.opening();
    let next = fleet.start(Some(opening), SessionSettings::default());
    let asked_at = fleet.seconds();
    fleet.open(next, "u_1");
    assert!(fleet.seconds() - asked_at < 0.5, "nobody is waited for");
}

#[test]
fn a_store_that_refuses_is_tried_again_and_says_why_in_the_end() {
    let mut fleet = Fleet::of(1);
    fleet.fates(|_, command| match command {
        RecordCommand::WritePresence { .. } => Fate::Arrives,
        _ => Fate::Refused,
    });
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(seconds(21));
    assert!(matches!(fleet.opened(0, ticket), Some(Err(OpenError::Store(_)))));
    fleet.all_arrive();
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.fates(|_, _| Fate::Refused);
    let ticket = fleet.checkpoint(0, p);
    fleet.run(seconds(11));
    // It was refused, but the network may have made another copy of it.
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::OutcomeUnknown { .. }))));
    fleet.all_arrive();
    fleet.run(seconds(15));
    assert_eq!(fleet.value("u_1").as_deref(), Some("1"));
}

#[test]
fn l5_a_grant_that_is_planned_anew_is_of_another_session() {
    let mut fleet = Fleet::of(1);
    fleet.fate_of_writes(Fate::Lost);
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(Duration::from_millis(200));
    let granted = |fleet: &Fleet| {
        let session = |(_, command): &(usize, RecordCommand)| match command {
            RecordCommand::Write(write) => Some(write.body.fence),
            _ => None,
        };
        fleet.sent.iter().find_map(session).expect("a grant was sent")
    };
    let first = granted(&fleet);
    // Somebody else had the record meanwhile, at a fence that a fail-over brings back one day.
    let body = crate::record::RecordBody {
        format: crate::record::RECORD_FORMAT,
        schema: 0,
        lease: None,
        fence: crate::record::Fence { counter: 7, session: crate::SessionId(7) },
        save_seq: 0,
        write_id: crate::WriteId(7),
        usage: crate::record::Usage::default(),
    };
    let key = crate::RowKey::Record(fleet::entry("u_1"));
    fleet.world.put(key, crate::RowBody::Record(body));
    fleet.all_arrive();
    fleet.run(seconds(2));
    assert!(matches!(fleet.opened(0, ticket), Some(Ok(_))));
    let second = fleet.record("u_1").unwrap().body.fence;
    assert_eq!(second.counter, 8);
    assert_ne!(second.session, first.session);
}

#[test]
fn w4_a_refused_write_is_known_again_when_a_copy_of_it_was_committed() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    let mut left = 1;
    fleet.fates(move |_, command| match command {
        RecordCommand::Write(_) if left > 0 => {
            left -= 1;
            Fate::RefusedOnce
        }
        _ => Fate::Arrives,
    });
    let first = fleet.checkpoint(0, p);
    fleet.run(Duration::from_millis(50));
    fleet.edit(0, p, "2").unwrap();
    let second = fleet.checkpoint(0, p);
    fleet.run(seconds(5));
    for ticket in [first, second] {
        assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    }
    assert_eq!(
        (fleet.value("u_1").as_deref(), fleet.state(0, p)),
        (Some("2"), Some(SessionState::Active))
    );
}

#[test]
fn w5_a_checkpoint_of_a_lost_session_is_acknowledged_where_it_stands() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.fates(|server, command| match (server, command) {
        (0, RecordCommand::Write(_)) => Fate::AnswerLost,
        (0, _) => Fate::Lost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.checkpoint(0, p);
    fleet.run(Duration::from_millis(50));
    let saved = fleet.record("u_1").unwrap();
    assert_eq!(saved.body.save_seq, 1);
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    let request = crate::game_server::OpenRequest {
        claim: crate::game_server::Claim::Steal,
        ..Fleet::request("u_1")
    };
    let thief = fleet.begin_open(1, request);
    fleet.run(seconds(5));
    assert!(matches!(fleet.opened(1, thief), Some(Ok(_))));
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert_eq!(fleet.settled(0, ticket), Some(Ok(saved.revision)));
}

#[test]
fn w1_what_a_store_lost_counts_as_saved_no_more() {
    let mut fleet = Fleet::new();
    let close_timeout = seconds(3);
    fleet.start(None, SessionSettings { close_timeout, ..SessionSettings::default() });
    fleet.run(seconds(1));
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    let before = fleet.world.rows.clone();
    let saved = fleet.checkpoint(0, p);
    fleet.run(seconds(9));
    assert!(matches!(fleet.settled(0, saved), Some(Ok(_))));
    fleet.world.rows = before;
    fleet.fate_of_writes(Fate::Lost);
    while fleet.state(0, p) == Some(SessionState::Active) {
        fleet.run(Duration::from_millis(10));
    }
    // It holds nothing new, but whether the store still has that is in doubt.
    let ticket = fleet.checkpoint(0, p);
    assert_eq!(fleet.settled(0, ticket), None);
    fleet.run(seconds(1));
    assert!(fleet.session_events(0).contains(&SessionEvent::WentBack));
    fleet.with(0, crate::game_server::GameServer::close);
    fleet.run(seconds(4));
    assert_eq!(fleet.value("u_1").as_deref(), Some("0"));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(_))));
    let is_spilled = |event: SessionEvent| matches!(event, SessionEvent::Lost { spill: Some(spill), .. } if spill.content.value.as_str() == "1");
    assert!(fleet.session_events(0).into_iter().any(is_spilled));
}
