//! Facts about servers that want the same record.

use std::sync::Arc;
use std::time::Duration;

use super::fleet::{Fate, Fleet, LATENCY, content, entry};
use super::seconds;
use crate::game_server::{Claim, GameServer, Hint, HintKind, OpenRequest, Ticket};
use crate::id::{Revision, ServerId};
use crate::record::{End, How, MailBody, MailKind, RECORD_FORMAT, RecordCommand};
use crate::row::{RowBody, RowKey};
use crate::session::{LossReason, OpenError, SessionEvent, SessionSettings, Spill};

fn ends(fleet: &Fleet, key: &str) -> Vec<End> {
    match fleet.world.rows.get(&RowKey::Ends(entry(key))).map(|row| &row.body) {
        Some(RowBody::Ends(ends)) => ends.to_vec(),
        None => vec![],
        other => panic!("{other:?}"),
    }
}

fn is_open(fleet: &Fleet, server: usize, ticket: Ticket) -> bool {
    matches!(fleet.opened(server, ticket), Some(Ok(_)))
}

/// What an opened session holds.
fn text(fleet: &mut Fleet, server: usize, ticket: Ticket) -> String {
    let session = fleet.opened(server, ticket).expect("it is over").expect("it is open");
    let text = fleet.with(server, |it, _, _| it.read(session, crate::document::Document::encode));
    text.unwrap().as_str().to_owned()
}

#[test]
fn l1_of_two_servers_that_open_a_free_record_one_gets_it_and_the_other_waits() {
    let mut fleet = Fleet::of(2);
    let tickets = [0, 1].map(|server| fleet.begin_open(server, Fleet::request("u_1")));
    fleet.run(LATENCY * 10);
    let is_open_at = |fleet: &Fleet, server: usize| is_open(fleet, server, tickets[server]);
    assert_eq!([is_open_at(&fleet, 0), is_open_at(&fleet, 1)], [true, false]);
    assert_eq!(fleet.record("u_1").unwrap().body.fence.counter, 1);
    fleet.run(seconds(5));
    assert!(is_open_at(&fleet, 1), "it was asked for and handed over");
    let record = fleet.record("u_1").unwrap();
    assert_eq!(record.body.fence.counter, 3, "grant, release, grant");
    assert_eq!(fleet.holder("u_1"), Some(fleet.server(1).id()));
    let how: Vec<How> = ends(&fleet, "u_1").iter().map(|end| end.how).collect();
    assert_eq!(how, [How::Released]);
}

#[test]
fn messages_between_servers_make_a_hand_off_as_fast_as_the_store() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    let (holder, other) = (fleet.server(0).id(), fleet.server(1).id());
    let ticket = fleet.begin_open(1, Fleet::request("u_1"));
    fleet.run(LATENCY * 5);
    let asks = fleet.hints.first().cloned().expect("the holder is asked");
    assert_eq!((asks.to, &asks.entry), (holder, &entry("u_1")));
    assert!(matches!(asks.what, HintKind::Mail(MailBody { kind: MailKind::HandOff, .. })));
    let astray = Hint { to: other, ..asks.clone() };
    fleet.with(0, |server, now, out| server.on_hint(now, &astray, out));
    fleet.run(LATENCY * 5);
    assert_eq!(fleet.holder("u_1"), Some(holder), "it was not for this one");
    fleet.hints.clear();
    fleet.with(0, |server, now, out| server.on_hint(now, &asks, out));
    let requested = SessionEvent::HandOffRequested { waiter: other };
    assert!(fleet.session_events(0).contains(&requested));
    fleet.run(LATENCY * 2);
    let free = fleet.hints.iter().find(|hint| hint.what == HintKind::Free).cloned();
    let free = free.expect("the waiter is told");
    assert_eq!((free.to, &free.entry), (other, &entry("u_1")));
    fleet.with(1, |server, now, out| server.on_hint(now, &free, out));
    fleet.run(LATENCY * 6);
    assert!(is_open(&fleet, 1, ticket), "{:?}", fleet.opened(1, ticket));
    assert_eq!(text(&mut fleet, 1, ticket), "1");
}

#[test]
fn l4_mail_about_another_fence_asks_for_nothing() {
    let mut fleet = Fleet::of(2);
    fleet.open(0, "u_1");
    let (holder, waiter) = (fleet.server(0).id(), fleet.server(1).id());
    let fence = fleet.record("u_1").unwrap().body.fence;
    for counter in [fence.counter - 1, fence.counter + 1] {
        let fence = crate::record::Fence { counter, ..fence };
        let body = MailBody { waiter, fence, kind: MailKind::HandOff };
        fleet.world.put(RowKey::Mail(holder, entry("u_1")), RowBody::Mail(body));
        fleet.run(seconds(4));
        assert_eq!(fleet.holder("u_1"), Some(holder));
        let is_there = fleet.world.rows.contains_key(&RowKey::Mail(holder, entry("u_1")));
        assert!(!is_there, "it was read");
    }
}

#[test]
fn a_steal_takes_a_living_holders_record_after_the_watch_and_tells_it() {
    let mut fleet = Fleet::keeping();
    let p = fleet.open(0, "u_1");
    fleet.edit(0, p, "1").unwrap();
    fleet.checkpoint(0, p);
    fleet.run(seconds(1));
    fleet.edit(0, p, "2").unwrap();
    let (asked_at, holder) = (fleet.seconds(), fleet.server(0).id());
    let ticket = fleet.begin_open(1, OpenRequest { claim: Claim::Steal, ..Fleet::request("u_1") });
    fleet.run(Duration::from_millis(3_900));
    assert!(!is_open(&fleet, 1, ticket), "it has the time to let go by itself");
    fleet.run(seconds(1));
    assert!(is_open(&fleet, 1, ticket), "{} s", fleet.seconds() - asked_at);
    assert_eq!(text(&mut fleet, 1, ticket), "1", "what was not saved is not stolen");
    assert_eq!(ends(&fleet, "u_1").last().map(|end| end.how), Some(How::Stolen));
    fleet.run(seconds(4));
    assert_eq!(fleet.server(0).id(), holder, "its server lives on");
    let lost = fleet.session_events(0).into_iter().find_map(|event| match event {
        SessionEvent::Lost { reason, spill } => Some((reason, spill)),
        _ => None,
    });
    let (reason, spill) = lost.expect("mail tells it within a renewal");
    assert_eq!((reason, spill.unwrap().content.value.as_str()), (LossReason::Stolen, "2"));
}

#[test]
fn a_takeover_from_the_dead_sends_no_mail() {
    let mut fleet = Fleet::of(2);
    fleet.open(0, "u_1");
    let dead = fleet.server(0).id();
    fleet.kill(0);
    fleet.open(1, "u_1");
    assert_eq!(ends(&fleet, "u_1").last().map(|end| end.how), Some(How::Taken));
    let is_revoked = |row: &crate::row::Row| match &row.body {
        RowBody::Mail(mail) => mail.kind == MailKind::Revoked,
        _ => false,
    };
    assert!(!fleet.world.rows.values().any(is_revoked), "{dead} reads no mail any more");
}

#[test]
fn a_record_is_opened_once_per_server() {
    let mut fleet = Fleet::of(1);
    let first = fleet.begin_open(0, Fleet::request("u_1"));
    let second = fleet.begin_open(0, Fleet::request("u_1"));
    let refused = |entry| Some(Err(OpenError::AlreadyOpen { entry }));
    assert_eq!(fleet.opened(0, second), refused(entry("u_1")), "it is being opened");
    fleet.run(seconds(1));
    assert!(is_open(&fleet, 0, first));
    let third = fleet.begin_open(0, Fleet::request("u_1"));
    assert_eq!(fleet.opened(0, third), refused(entry("u_1")), "it is open");
}

#[test]
fn a_format_that_is_not_known_is_never_opened_nor_taken() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.release(0, p).unwrap();
    fleet.run(seconds(1));
    let mut body = fleet.record("u_1").unwrap().body;
    body.format = RECORD_FORMAT + 1;
    fleet.world.put(RowKey::Record(entry("u_1")), RowBody::Record(body.clone()));
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(seconds(1));
    let (entry, format) = (entry("u_1"), RECORD_FORMAT + 1);
    assert_eq!(fleet.opened(0, ticket), Some(Err(OpenError::UnknownFormat { entry, format })));
    assert_eq!(fleet.record("u_1").unwrap().body, body);
}

#[test]
fn data_that_nobody_can_read_is_refused_and_the_record_stays_free() {
    let refused = || crate::value::InvalidData::because("line", "not a line").into();
    let parsers: [crate::game_server::Parse; 2] =
        [Arc::new(move |_| Err(refused())), Arc::new(|_| panic!("a mistake in the game"))];
    for parse in parsers {
        let mut fleet = Fleet::of(1);
        let ticket = fleet.begin_open(0, OpenRequest { parse, ..Fleet::request("u_1") });
        fleet.run(seconds(1));
        let opened = fleet.opened(0, ticket);
        assert!(matches!(opened, Some(Err(OpenError::Data { .. }))), "{opened:?}");
        assert_eq!(fleet.holder("u_1"), None);
    }
}

/// Opens a record that holds 1 with a spill that holds 2.
fn open_with_spill(
    base: impl Fn(Revision) -> Option<Revision>,
    stored_at: impl Fn(Revision) -> Vec<Revision>,
) -> (Fleet, String) {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    fleet.save(0, p, "1");
    fleet.release(0, p).unwrap();
    fleet.run(seconds(1));
    let revision = fleet.record("u_1").unwrap().revision;
    let (base, stored_at) = (base(revision), stored_at(revision));
    let spill = Spill {
        entry: entry("u_1"),
        base,
        stored_at,
        schema: 0,
        content: content("2"),
        settled: vec![],
        undo_after: None,
    };
    let request = OpenRequest { spill: Some(spill), ..Fleet::request("u_1") };
    let ticket = fleet.begin_open(0, request);
    fleet.run(seconds(1));
    let text = text(&mut fleet, 0, ticket);
    (fleet, text)
}

fn is_stale(fleet: &Fleet) -> bool {
    fleet.session_events(0).contains(&SessionEvent::SpillStale)
}

#[test]
fn a_spill_is_put_on_its_base_and_nowhere_else() {
    let (fleet, text) = open_with_spill(Some, |_| vec![]);
    assert_eq!((text.as_str(), fleet.value("u_1").as_deref()), ("2", Some("2")));
    assert!(!is_stale(&fleet));
    let (fleet, text) = open_with_spill(|_| None, |_| vec![]);
    assert_eq!((text.as_str(), fleet.value("u_1").as_deref()), ("1", Some("1")));
    assert!(is_stale(&fleet), "a person decides");
    let (fleet, text) = open_with_spill(|_| None, |revision| vec![revision]);
    assert_eq!((text.as_str(), fleet.value("u_1").as_deref()), ("1", Some("1")));
    assert!(!is_stale(&fleet), "it was stored after all");
}

#[test]
fn an_opening_in_doubt_waits_until_its_server_lives() {
    let mut fleet = Fleet::new();
    fleet.start(None, SessionSettings::default());
    fleet.fates(|_, command| match command {
        RecordCommand::WritePresence { .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.begin_open(0, Fleet::request("u_1"));
    fleet.run(seconds(10));
    assert_eq!(
        fleet.sent.iter().filter(|(_, it)| matches!(it, RecordCommand::Read { .. })).count(),
        0
    );
    fleet.all_arrive();
    fleet.run(seconds(2));
    assert!(is_open(&fleet, 0, ticket), "{:?}", fleet.opened(0, ticket));
}

#[test]
fn l9_mail_about_a_record_that_is_being_opened_waits_for_the_outcome() {
    let mut fleet = Fleet::of(1);
    let me = fleet.server(0).id();
    fleet.fates(|_, command| match command {
        RecordCommand::Write(_) | RecordCommand::Read { .. } => Fate::Lost,
        _ => Fate::Arrives,
    });
    fleet.begin_open(0, Fleet::request("u_1"));
    let fence = crate::record::Fence { counter: 1, session: crate::id::SessionId(1) };
    let body = MailBody { waiter: ServerId(3), fence, kind: MailKind::HandOff };
    let key = RowKey::Mail(me, entry("u_1"));
    fleet.world.put(key.clone(), RowBody::Mail(body));
    fleet.run(seconds(4));
    assert!(fleet.world.rows.contains_key(&key), "it is not known yet whose lease that is");
    fleet.all_arrive();
    fleet.run(seconds(5));
    assert!(!fleet.world.rows.contains_key(&key));
    assert_eq!(fleet.holder("u_1"), Some(me), "it was about another fence");
    fleet.with(0, GameServer::close);
    fleet.run(seconds(1));
    assert_eq!(fleet.holder("u_1"), None);
}
