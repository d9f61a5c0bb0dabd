//! Facts about what a server in doubt may conclude from, and what it counts.

use std::time::Duration;

use super::fleet::{Fate, Fleet, entry};
use super::seconds;
use crate::game_server::{
    Claim, Event, GameServer, Hint, HintKind, OpenRequest, ServerEvent, SessionHandle,
};
use crate::id::ServerId;
use crate::record::{Fence, MailBody, MailKind, RecordCommand};
use crate::row::{RowBody, RowKey};
use crate::session::{OpenError, SaveError, Session, SessionEvent, SessionState};

/// A message about a record, under its fence.
fn hint(fleet: &mut Fleet, key: &str, kind: MailKind) -> Hint {
    let first = Fence { counter: 1, session: crate::id::SessionId(1) };
    let fence = fleet.record(key).map_or(first, |it| it.body.fence);
    let (to, entry) = (fleet.server(0).id(), entry(key));
    Hint { to, entry, what: HintKind::Mail(MailBody { waiter: ServerId(3), fence, kind }) }
}

fn receive(fleet: &mut Fleet, hint: &Hint) {
    fleet.with(0, |server, now, out| server.on_hint(now, hint, out));
}

#[test]
fn a_session_is_active_again_only_when_all_of_it_is_as_it_should_be() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    let try_with = |fleet: &mut Fleet, change: fn(&mut Session)| {
        fleet.with(0, |server, now, out| {
            let session = server.table.get_mut(p).expect("it is open");
            (session.state, session.is_compared) = (SessionState::Suspended, true);
            session.must_look = false;
            session.fence_floor = session.body.fence.counter;
            let lease = session.body.lease;
            change(session);
            server.resume(now.mono, p, out);
            let session = server.table.get_mut(p).expect("it is open");
            session.body.lease = lease;
            session.state
        })
    };
    assert_eq!(try_with(&mut fleet, |_| {}), SessionState::Active);
    let not_whole: [fn(&mut Session); 4] = [
        |it| it.is_compared = false,
        |it| it.must_look = true,
        |it| it.fence_floor += 1,
        |it| it.body.lease = None,
    ];
    for change in not_whole {
        assert_eq!(try_with(&mut fleet, change), SessionState::Suspended);
    }
    fleet.fates(|_, _| Fate::Lost);
    fleet.run(seconds(12));
    assert_eq!(try_with(&mut fleet, |_| {}), SessionState::Suspended, "its server is in doubt");
}

#[test]
fn what_was_asked_in_a_doubt_says_nothing_after_it() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.fates(|_, command| match command {
        RecordCommand::WritePresence { .. } => Fate::Lost,
        _ => Fate::Late,
    });
    fleet.run(seconds(12));
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    let revoked = hint(&mut fleet, "u_1", MailKind::Revoked);
    receive(&mut fleet, &revoked);
    // It is live before the look at the record is answered, and nothing else is.
    fleet.fates(|_, command| match command {
        RecordCommand::WritePresence { .. } => Fate::Arrives,
        _ => Fate::Lost,
    });
    fleet.run(Duration::from_millis(1_300));
    let now = fleet.now();
    assert!(fleet.server(0).is_live(now));
    assert!(!fleet.server(0).session(p).unwrap().must_look, "it was answered");
    assert_eq!(fleet.state(0, p), Some(SessionState::Suspended));
    fleet.all_arrive();
    fleet.run(seconds(2));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active));
}

#[test]
fn a_presence_that_the_store_lost_suspends_until_all_is_compared() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    let key = RowKey::Presence(fleet.server(0).id());
    let kept = fleet.world.rows[&key].clone();
    fleet.run(seconds(6));
    fleet.world.rows.insert(key, kept);
    fleet.run(Duration::from_millis(2_500));
    let went_back =
        |(_, event): &(usize, Event)| matches!(event, Event::Server(ServerEvent::WentBack));
    assert!(fleet.events.iter().any(went_back));
    let events = fleet.session_events(0);
    assert!(events.contains(&SessionEvent::State(SessionState::Suspended)));
    assert_eq!(fleet.state(0, p), Some(SessionState::Active), "it renewed at once");
}

#[test]
fn mail_that_came_with_a_lost_answer_is_read_with_the_next_copy() {
    let mut fleet = Fleet::of(1);
    let key = RowKey::Mail(fleet.server(0).id(), entry("u_9"));
    let HintKind::Mail(body) = hint(&mut fleet, "u_9", MailKind::HandOff).what else { panic!() };
    fleet.world.put(key.clone(), RowBody::Mail(body));
    let mut left = 1;
    fleet.fates(move |_, command| match command {
        RecordCommand::WritePresence { .. } if left > 0 => {
            left -= 1;
            Fate::AnswerLost
        }
        _ => Fate::Arrives,
    });
    // It renews at 3 s, and again a quarter of a second later.
    fleet.run(Duration::from_millis(2_500));
    assert!(!fleet.world.rows.contains_key(&key));
}

#[test]
fn l8_who_gets_no_answers_declares_nobody_though_its_reads_are_answered() {
    let mut fleet = Fleet::of(2);
    fleet.open(0, "u_1");
    fleet.kill(0);
    fleet.fates(|_, command| match command {
        RecordCommand::PutMail { .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.begin_open(1, Fleet::request("u_1"));
    fleet.run(seconds(21));
    let opened = fleet.opened(1, ticket);
    assert!(matches!(opened, Some(Err(OpenError::LockTimeout { .. }))), "{opened:?}");
    fleet.all_arrive();
    fleet.open(1, "u_1");
}

#[test]
fn l7_who_lost_a_race_for_a_grant_is_told_who_has_the_record() {
    let mut fleet = Fleet::keeping();
    let tickets = [0, 1].map(|server| fleet.begin_open(server, Fleet::request("u_1")));
    fleet.run(seconds(21));
    assert!(matches!(fleet.opened(0, tickets[0]), Some(Ok(_))));
    let opened = fleet.opened(1, tickets[1]);
    assert!(matches!(opened, Some(Err(OpenError::LockTimeout { .. }))), "{opened:?}");
    let asked = fleet.count_sent(|it| matches!(it, RecordCommand::PutMail { .. }));
    assert_eq!(asked, 7, "at once and every three seconds");
}

#[test]
fn w5_who_waits_for_what_was_committed_before_the_theft_is_told_where() {
    let mut fleet = Fleet::keeping();
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.fates(|server, command| match command {
        RecordCommand::Write(_) if server == 0 => Fate::AnswerLost,
        RecordCommand::WritePresence { .. } => Fate::Arrives,
        _ if server == 0 => Fate::Lost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.checkpoint(0, p);
    fleet.run(Duration::from_millis(100));
    let stored = fleet.record("u_1").unwrap().revision;
    let request = OpenRequest { claim: Claim::Steal, ..Fleet::request("u_1") };
    let other = fleet.begin_open(1, request);
    fleet.run(seconds(5));
    assert!(matches!(fleet.opened(1, other), Some(Ok(_))));
    assert_eq!(fleet.settled(0, ticket), None);
    fleet.all_arrive();
    fleet.run(seconds(4));
    assert_eq!(fleet.settled(0, ticket), Some(Ok(stored)));
    assert_eq!(fleet.state(0, p), None);
}

#[test]
fn w5_a_release_that_came_too_late_was_none_though_all_is_stored() {
    let mut fleet = Fleet::keeping();
    let p = fleet.open(0, "u_1");
    fleet.fates(|server, command| match command {
        RecordCommand::Write(_) if server == 0 => Fate::Lost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.release(0, p).unwrap();
    let request = OpenRequest { claim: Claim::Steal, ..Fleet::request("u_1") };
    fleet.begin_open(1, request);
    fleet.run(seconds(9));
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert_eq!(fleet.settled(0, ticket), Some(Err(SaveError::LeaseLost)));
}

#[test]
fn a_lease_that_is_being_opened_again_is_not_released_as_unknown() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    let asked = hint(&mut fleet, "u_1", MailKind::HandOff);
    fleet.with(0, |server, _, _| drop(server.table.remove(p)));
    receive(&mut fleet, &asked);
    let is_write = |it: &RecordCommand| matches!(it, RecordCommand::Write(_));
    let before = fleet.count_sent(is_write);
    fleet.open(0, "u_1");
    fleet.run(seconds(1));
    assert_eq!(fleet.count_sent(is_write) - before, 1, "the grant alone");
    assert_eq!(fleet.record("u_1").unwrap().body.fence.counter, 2);
}

#[test]
fn w8_a_close_waits_for_no_record_that_turned_out_to_be_nobodys() {
    let mut fleet = Fleet::of(1);
    let asked = hint(&mut fleet, "u_1", MailKind::HandOff);
    receive(&mut fleet, &asked);
    fleet.run(seconds(1));
    let ticket = fleet.with(0, GameServer::close);
    fleet.run(seconds(1));
    assert!(fleet.is_closed(ticket));
}

/// A session whose save of nobody's asking is out, in a store that answers no write.
fn autosaving() -> (Fleet, SessionHandle) {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.fate_of_writes(Fate::Lost);
    for _ in 0..610 {
        fleet.run(Duration::from_millis(100));
        if fleet.server(0).session(p).unwrap().is_autosaving {
            return (fleet, p);
        }
    }
    panic!("it never saved by itself");
}

#[test]
fn a_session_that_is_stopped_leaves_nothing_out_and_nothing_counted() {
    let (mut fleet, p) = autosaving();
    let out = fleet.server(0).commands_out();
    fleet.with(0, |server, now, out| server.stop(now.mono, out));
    assert_eq!(fleet.server(0).commands_out(), out - 1, "nobody waits for its save");
    assert_eq!((fleet.state(0, p), fleet.server(0).autosaves_out), (None, 0));
}

#[test]
fn w8_a_close_that_a_copy_of_the_process_interrupts_is_answered() {
    let (mut fleet, _) = autosaving();
    let ticket = fleet.with(0, GameServer::close);
    assert!(!fleet.is_closed(ticket));
    fleet.with(0, |server, now, out| server.stop(now.mono, out));
    assert!(fleet.is_closed(ticket));
}
