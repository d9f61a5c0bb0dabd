//! Facts about when operations are issued that name no time: fixed before they are sent first.

use std::sync::Arc;
use std::time::Duration;

use super::fleet::{Fate, Fleet};
use super::operations::{applied, must_queue, open, operation, queue, queued};
use super::seconds;
use crate::game_server::{Event, QueueRequest, ServerEvent};
use crate::operation::{
    HeadBody, LedgerBody, LedgerKey, OperationSettings, QueueOperation, QueueRefusal,
};
use crate::outcome::Outcome;
use crate::platform::PlatformError;
use crate::platform::tests::world::entry_in;
use crate::record::{RecordCommand, RecordReply, RecordRequest, StoreFacts};
use crate::row::{RowBody, RowKey};
use crate::session::{QueueError, SessionSettings};

fn gift(id: &str) -> QueueRequest {
    operation(id, "gift", "1")
}

/// The queueings that were sent, in their order.
fn sent(fleet: &Fleet) -> Vec<QueueOperation> {
    let queueings = fleet.sent.iter().filter_map(|(_, command)| match command {
        RecordCommand::Queue(queue) => Some(QueueOperation::clone(queue)),
        _ => None,
    });
    queueings.collect()
}

fn questions(fleet: &Fleet) -> usize {
    fleet.count_sent(|it| matches!(it, RecordCommand::ReadOperation { .. }))
}

/// A home server, which writes its presence once and hears nothing of the store after that.
fn at_home() -> Fleet {
    let mut fleet = Fleet::new();
    let opening = fleet.opening();
    fleet.start(Some(opening), SessionSettings::default());
    fleet.run(seconds(1));
    fleet
}

#[test]
fn do2_a_copy_that_arrives_after_its_receipt_was_pruned_is_never_applied() {
    let mut fleet = Fleet::new();
    let limits = OperationSettings { receipts_max: 0, kept_max: 0, ..Default::default() };
    fleet.operations = limits;
    for _ in 0..2 {
        fleet.start(None, SessionSettings::default());
    }
    fleet.run(seconds(1));
    open(&mut fleet, 0);
    let mut lost = 2;
    fleet.fates(move |_, command| match command {
        RecordCommand::Queue(_) if lost > 0 => {
            lost -= 1;
            Fate::AnswerLost
        }
        _ => Fate::Arrives,
    });
    queue(&mut fleet, 1, gift("a"));
    fleet.run(seconds(5));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
    let copies = sent(&fleet);
    assert!(copies.len() > 1, "it was sent again");
    assert!(copies.windows(2).all(|pair| pair[0] == pair[1]), "every copy says the same");

    let late = copies.into_iter().next_back().unwrap();
    let issued_at = late.issued_at;
    let command = Arc::new(RecordCommand::Queue(Box::new(late)));
    let (opening, now) = (fleet.opening(), fleet.world.now);
    let store = StoreFacts { opening, started_at: now, now };
    match fleet.world.run(RecordRequest { command, store }) {
        Ok(RecordReply::Queued(Outcome::Refused(refusal))) => {
            assert_eq!(refusal, QueueRefusal::Expired { issued_at, horizon: issued_at });
        }
        other => panic!("{other:?}"),
    }
    fleet.run(seconds(10));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}

#[test]
fn an_operation_is_issued_no_later_than_the_store_and_little_earlier() {
    let mut fleet = Fleet::of(1);
    for _ in 0..50 {
        fleet.run(Duration::from_millis(370));
        let now = fleet.world.now;
        let ticket = queue(&mut fleet, 0, gift(&format!("op-{}", now.ticks())));
        let issued_at = sent(&fleet).last().unwrap().issued_at;
        assert!(issued_at <= now, "{issued_at:?} is after {now:?}");
        // An answer takes 20 ms here.
        assert_eq!(now.saturating_since(issued_at), Duration::from_millis(20));
        fleet.run(Duration::from_millis(130));
        assert_eq!(queued(&fleet, ticket), Some(Ok(true)));
    }
    assert_eq!(questions(&fleet), 0);
}

#[test]
fn who_knows_no_time_of_the_store_asks_for_it_before_anything_is_sent() {
    let mut fleet = Fleet::new();
    fleet.start(None, SessionSettings::default());
    let ticket = queue(&mut fleet, 0, gift("a"));
    assert_eq!((sent(&fleet).len(), questions(&fleet)), (0, 1));
    fleet.run(Duration::from_millis(200));
    assert_eq!(queued(&fleet, ticket), Some(Ok(true)));
    let start = fleet.world.now.saturating_since(sent(&fleet)[0].issued_at);
    assert_eq!(start, Duration::from_millis(180), "as the store said, 20 ms after the question");
}

#[test]
fn an_answer_tells_the_time_for_a_minute() {
    let mut fleet = at_home();
    fleet.run(seconds(58));
    must_queue(&mut fleet, 0, gift("a"));
    assert_eq!(questions(&fleet), 0);
    fleet.run(seconds(62));
    must_queue(&mut fleet, 0, gift("b"));
    assert_eq!(questions(&fleet), 1);
    must_queue(&mut fleet, 0, gift("c"));
    assert_eq!(questions(&fleet), 1, "the answer told it");
}

#[test]
fn who_asks_is_told_of_the_horizon_too() {
    let mut fleet = at_home();
    fleet.run(seconds(61));
    let ahead = fleet.world.now.saturating_add(Duration::from_mins(5));
    let head = HeadBody { horizon: Some(ahead), ..HeadBody::default() };
    let key = RowKey::Ledger(entry_in("Players", "u_1"), LedgerKey::Head);
    fleet.world.put(key, RowBody::Ledger(LedgerBody::Head(head)));
    must_queue(&mut fleet, 0, gift("a"));
    assert_eq!(sent(&fleet)[0].issued_at, ahead.next());
}

#[test]
fn a_store_that_does_not_tell_its_time_was_sent_nothing() {
    for fate in [Fate::Lost, Fate::Refused] {
        let mut fleet = at_home();
        fleet.run(seconds(61));
        fleet.fates(move |_, _| fate);
        let ticket = queue(&mut fleet, 0, gift("a"));
        fleet.run(seconds(9));
        assert_eq!(queued(&fleet, ticket), None, "{fate:?}");
        fleet.run(seconds(3));
        let error = queued(&fleet, ticket).expect("it is told").unwrap_err();
        let is_certain = matches!(error, QueueError::Store(PlatformError::Unavailable { .. }));
        assert!(is_certain, "{fate:?}: {error:?}");
        assert_eq!(sent(&fleet), [], "{fate:?}");
    }
}

#[test]
fn a_question_that_is_lost_is_asked_again() {
    let mut fleet = at_home();
    fleet.run(seconds(61));
    let mut lost = 2;
    fleet.fates(move |_, command| match command {
        RecordCommand::ReadOperation { .. } if lost > 0 => {
            lost -= 1;
            if lost == 1 { Fate::Lost } else { Fate::Refused }
        }
        _ => Fate::Arrives,
    });
    let ticket = queue(&mut fleet, 0, gift("a"));
    fleet.run(seconds(3));
    assert_eq!(queued(&fleet, ticket), Some(Ok(true)));
}

#[test]
fn what_was_not_sent_when_the_server_closed_is_not_queued() {
    let mut fleet = at_home();
    fleet.run(seconds(61));
    fleet.fates(|_, _| Fate::Lost);
    let unsent = queue(&mut fleet, 0, gift("a"));
    let issued_at = Some(fleet.world.now);
    let unknown = queue(&mut fleet, 0, QueueRequest { issued_at, ..gift("b") });
    fleet.with(0, crate::game_server::GameServer::close);
    fleet.run(seconds(40));
    let is_over = fleet.events.iter().any(|(_, event)| matches!(event, Event::Closed { .. }));
    assert!(
        is_over
            && !fleet
                .events
                .iter()
                .any(|(_, event)| matches!(event, Event::Server(ServerEvent::Dead(_))))
    );
    let told = [unsent, unknown].map(|ticket| queued(&fleet, ticket));
    assert!(
        matches!(told[1], Some(Err(QueueError::OutcomeUnknown { issued_at: at })) if at == issued_at),
        "{told:?}"
    );
    assert!(
        !matches!(told[0], None | Some(Ok(_) | Err(QueueError::OutcomeUnknown { .. }))),
        "{told:?}"
    );
}
