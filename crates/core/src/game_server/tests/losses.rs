//! Facts about how sessions end that nobody released, and about closes.

use super::fleet::{Fate, Fleet, entry};
use super::seconds;
use crate::game_server::{Event, GameServer, ServerEvent};
use crate::id::{SessionId, WriteId};
use crate::record::{Fence, MailBody, MailKind, PresenceState, RecordBody, RecordCommand};
use crate::row::{RowBody, RowKey};
use crate::session::{LossReason, OpenError, SaveError, SessionEvent, SessionState, Spill};

/// Writes a record as nobody may.
fn overwrite(fleet: &mut Fleet, key: &str, change: impl FnOnce(&mut RecordBody)) {
    let mut body = fleet.record(key).expect("it has a record").body;
    change(&mut body);
    fleet.world.put(RowKey::Record(entry(key)), RowBody::Record(body));
}

fn lost(fleet: &Fleet, server: usize) -> Vec<(LossReason, Option<Spill>)> {
    let of = |event| match event {
        SessionEvent::Lost { reason, spill } => Some((reason, spill)),
        _ => None,
    };
    fleet.session_events(server).into_iter().filter_map(of).collect()
}

#[test]
fn l10_a_write_that_nobody_sent_stops_its_session_and_keeps_the_bytes() {
    let mut fleet = Fleet::of(1);
    let session = fleet.open(0, "u_1");
    overwrite(&mut fleet, "u_1", |body| (body.save_seq, body.write_id) = (1, WriteId(99)));
    fleet.edit(0, session, "1").unwrap();
    let ticket = fleet.checkpoint(0, session);
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::Stopped { .. }))));
    match lost(&fleet, 0).as_slice() {
        [(LossReason::Impossible(_), Some(spill))] => assert_eq!(spill.content.value.as_str(), "1"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fleet.state(0, session), None);
    assert!(fleet.session_events(0).contains(&SessionEvent::State(SessionState::LeaseLost)));
}

#[test]
fn w5_a_session_that_nobody_remembers_says_that_its_write_may_be_stored() {
    let mut fleet = Fleet::of(1);
    let session = fleet.open(0, "u_1");
    let fence = Fence { counter: 30, session: SessionId(5) };
    overwrite(&mut fleet, "u_1", |body| {
        (body.lease, body.fence, body.write_id) = (None, fence, WriteId(99));
    });
    fleet.edit(0, session, "1").unwrap();
    let ticket = fleet.checkpoint(0, session);
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::Expired { .. }))));
    assert!(matches!(lost(&fleet, 0).as_slice(), [(LossReason::Forgotten, Some(_))]));
    assert_eq!(fleet.record("u_1").unwrap().body.fence, fence, "the other's record is left alone");
}

#[test]
fn l10_a_copy_of_the_process_stops_all_of_this_one() {
    let mut fleet = Fleet::of(1);
    let (session, id) = (fleet.open(0, "u_1"), fleet.server(0).id());
    fleet.edit(0, session, "1").unwrap();
    let key = RowKey::Presence(id);
    let RowBody::Presence(mut body) = fleet.world.rows[&key].body.clone() else { panic!() };
    body.seq += 5;
    fleet.world.put(key, RowBody::Presence(body));
    fleet.fates(|_, command| match command {
        RecordCommand::Read { .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    let opening = fleet.begin_open(0, Fleet::request("u_2"));
    fleet.run(seconds(4));
    let is_stopped =
        |(_, event): &(usize, Event)| matches!(event, Event::Server(ServerEvent::Stopped));
    assert!(fleet.events.iter().any(is_stopped));
    assert_eq!(fleet.opened(0, opening), Some(Err(OpenError::Closed)));
    match lost(&fleet, 0).as_slice() {
        [(LossReason::Impossible(_), Some(spill))] => assert_eq!(spill.content.value.as_str(), "1"),
        other => panic!("{other:?}"),
    }
    let refused = fleet.begin_open(0, Fleet::request("u_3"));
    assert_eq!(fleet.opened(0, refused), Some(Err(OpenError::Closed)));
    let state = match &fleet.world.rows[&RowKey::Presence(id)].body {
        RowBody::Presence(body) => body.state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state, PresenceState::Alive, "the copy's presence is left alone");
    assert_eq!(fleet.holder("u_1"), Some(id), "and so is what it may have");
    let ticket = fleet.with(0, GameServer::close);
    assert!(fleet.is_closed(ticket), "it is over already");
}

#[test]
fn w8_every_close_is_answered_and_ends_what_is_being_opened() {
    let mut fleet = Fleet::of(1);
    let session = fleet.open(0, "u_1");
    fleet.edit(0, session, "1").unwrap();
    fleet.fates(|_, command| match command {
        RecordCommand::Read { .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    let opening = fleet.begin_open(0, Fleet::request("u_2"));
    let first = fleet.with(0, GameServer::close);
    assert_eq!(fleet.opened(0, opening), Some(Err(OpenError::Closed)));
    let second = fleet.with(0, GameServer::close);
    assert!(!fleet.is_closed(first) && !fleet.is_closed(second), "a session is left");
    fleet.run(seconds(1));
    assert!(fleet.is_closed(first) && fleet.is_closed(second));
    let third = fleet.with(0, GameServer::close);
    assert!(fleet.is_closed(third), "it is over already");
}

#[test]
fn w8_a_close_without_sessions_needs_no_other_input_to_begin() {
    let mut fleet = Fleet::of(1);
    let before = fleet.sent.len();
    let ticket = fleet.with(0, GameServer::close);
    fleet.run(seconds(1));
    assert!(fleet.is_closed(ticket));
    let sent = fleet.sent.len() - before;
    assert_eq!(sent, 1, "the end of its presence, once");
    let mut fleet = Fleet::new();
    fleet.start(None, crate::session::SessionSettings::default());
    let ticket = fleet.with(0, GameServer::close);
    assert!(fleet.is_closed(ticket), "a server that nobody saw ends at once");
}

#[test]
fn w8_a_grant_that_may_have_been_made_is_released_before_a_close_ends() {
    let mut fleet = Fleet::of(1);
    fleet.fate_of_writes(Fate::AnswerLost);
    fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(seconds(1) / 10);
    assert!(fleet.holder("u_1").is_some());
    fleet.all_arrive();
    let saves = fleet.record("u_1").unwrap().body.save_seq;
    let ticket = fleet.with(0, GameServer::close);
    assert!(!fleet.is_closed(ticket));
    fleet.run(seconds(1));
    assert!(fleet.is_closed(ticket));
    let record = fleet.record("u_1").unwrap();
    assert_eq!((record.body.lease, record.body.fence.counter), (None, 2));
    assert_eq!(record.body.save_seq, saves + 1);
    let place = |is_it: fn(&RecordCommand) -> bool| {
        fleet.sent.iter().rposition(|(_, command)| is_it(command)).expect("it was sent")
    };
    let end = place(
        |it| matches!(it, RecordCommand::WritePresence { body, .. } if body.state == PresenceState::Dead),
    );
    let release = place(|it| matches!(it, RecordCommand::Write(write) if write.end.is_some()));
    assert!(release < end, "its server lives until then");
}

#[test]
fn w8_a_close_that_reaches_nobody_ends_at_its_time_with_orphans_too() {
    let mut fleet = Fleet::of(1);
    fleet.fate_of_writes(Fate::AnswerLost);
    fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(seconds(1) / 10);
    fleet.fates(|_, _| Fate::Lost);
    let ticket = fleet.with(0, GameServer::close);
    let timeout = fleet.server(0).settings().close_timeout;
    fleet.run(timeout.saturating_sub(seconds(1) / 10));
    assert!(!fleet.is_closed(ticket));
    fleet.run(seconds(1) / 10);
    assert!(fleet.is_closed(ticket));
    fleet.run(seconds(2));
    assert_eq!(fleet.server(0).next_wake(), None, "nothing is due any more");
}

#[test]
fn w5_what_was_committed_before_the_loss_is_told_as_saved() {
    let mut fleet = Fleet::of(2);
    // The save arrives, nobody hears of it, and the record is taken.
    let session = fleet.open(0, "u_1");
    fleet.edit(0, session, "1").unwrap();
    fleet.fates(|server, _| if server == 0 { Fate::AnswerLost } else { Fate::Arrives });
    let ticket = fleet.checkpoint(0, session);
    fleet.run(seconds(1) / 10);
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    let other = fleet.begin_open(1, Fleet::request("u_1"));
    fleet.pause(0, seconds(16));
    assert!(matches!(fleet.opened(1, other), Some(Ok(_))), "{:?}", fleet.opened(1, other));
    let saved = fleet.value("u_1");
    assert_eq!(saved.as_deref(), Some("1"));
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert!(
        matches!(lost(&fleet, 0).as_slice(), [(LossReason::Taken, None)]),
        "nothing is unsaved"
    );
    assert!(fleet.settled(0, ticket).is_some());
}

#[test]
fn mail_that_a_lease_was_taken_is_believed_only_if_the_record_says_so() {
    let mut fleet = Fleet::of(1);
    let session = fleet.open(0, "u_1");
    let (id, fence) = (fleet.server(0).id(), fleet.record("u_1").unwrap().body.fence);
    let suspended = SessionEvent::State(SessionState::Suspended);
    let key = RowKey::Mail(id, entry("u_1"));
    let mail = |fence| RowBody::Mail(MailBody { waiter: id, fence, kind: MailKind::Revoked });
    let other = Fence { counter: fence.counter + 1, ..fence };
    fleet.world.put(key.clone(), mail(other));
    fleet.run(seconds(4));
    assert!(!fleet.session_events(0).contains(&suspended), "it is about another fence");
    assert!(!fleet.world.rows.contains_key(&key), "it was read");
    fleet.world.put(key.clone(), mail(fence));
    fleet.run(seconds(4));
    assert!(fleet.session_events(0).contains(&suspended));
    assert_eq!(fleet.state(0, session), Some(SessionState::Active), "the record says otherwise");
    assert!(!fleet.world.rows.contains_key(&key), "it was read");
}
