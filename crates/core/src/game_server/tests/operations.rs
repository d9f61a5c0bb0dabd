//! Facts about operations: when those of an open record run, what is told, and what happens to them
//! when messages, servers or the store are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::fleet::{Fate, Fleet, content};
use super::seconds;
use crate::document::{Cancel, Draft, Insert};
use crate::game_server::{Event, GameServer, OpenRequest, QueueRequest, SessionHandle, Ticket};
use crate::id::{OperationId, OperationKind};
use crate::json::JsonText;
use crate::operation::{
    ADD, Handled, HandlerError, HandlerFn, Handlers, LedgerKey, OperationStatus, OperationView,
    ReceiptState, Receipted,
};
use crate::platform::tests::world::entry_in;
use crate::record::RecordCommand;
use crate::row::RowKey;
use crate::session::{AwaitError, QueueError, SessionEvent};

const EMPTY: &str = r#"{"coins":0,"ids":[]}"#;

/// Adds a coin and writes down the operation, so that a second time would show.
fn gift(draft: &mut Draft, id: &OperationId) -> Result<(), Cancel> {
    draft.add("coins", 1)?;
    draft.insert("ids", id.as_str(), Insert::END)?;
    Ok(())
}

fn handler() -> HandlerFn {
    Arc::new(|document, operation| {
        let id = operation.body.id.clone();
        let changes = document.edit_value(&mut |draft| gift(draft, &id))?;
        let result = Some(JsonText::trusted(format!("\"{id}\"")));
        Ok(Handled { result, changes })
    })
}

/// Fails so often, then does what the other one does.
fn failing(times: usize) -> HandlerFn {
    let (left, then) = (AtomicUsize::new(times), handler());
    Arc::new(move |document, operation| {
        let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        match before {
            Ok(_) => Err(HandlerError::Retry("not yet".into())),
            Err(_) => then(document, operation),
        }
    })
}

fn kind(kind: &str) -> OperationKind {
    OperationKind::parse(kind).unwrap()
}

fn handlers() -> Arc<Handlers> {
    let mut handlers = Handlers::new();
    let mut add = |name: &str, run: HandlerFn| handlers.insert(kind(name), run, false).unwrap();
    add("gift", handler());
    add("fails", failing(usize::MAX));
    add("fails-twice", failing(2));
    add("panics", Arc::new(|_, _| panic!("a handler that panics")));
    add("gives-up", Arc::new(|_, _| Err(HandlerError::Fail("never".into()))));
    Arc::new(handlers)
}

fn request(key: &str) -> OpenRequest {
    OpenRequest { defaults: content(EMPTY), handlers: handlers(), ..Fleet::request(key) }
}

pub(super) fn operation(id: &str, of: &str, payload: &str) -> QueueRequest {
    QueueRequest {
        entry: entry_in("Players", "u_1"),
        id: OperationId::parse(id).unwrap(),
        kind: kind(of),
        payload: Some(JsonText::trusted(payload)),
        issued_at: None,
        schema: 0,
        is_permanent: false,
        replaces: None,
    }
}

#[track_caller]
pub(super) fn open(fleet: &mut Fleet, server: usize) -> SessionHandle {
    let ticket = fleet.begin_open(server, request("u_1"));
    for _ in 0..2_500 {
        if let Some(result) = fleet.opened(server, ticket) {
            return result.unwrap();
        }
        fleet.run(Duration::from_millis(10));
    }
    panic!("neither opened nor refused");
}

pub(super) fn queue(fleet: &mut Fleet, server: usize, request: QueueRequest) -> Ticket {
    fleet.with(server, |server, now, out| server.queue(now, request, out))
}

pub(super) fn queued(fleet: &Fleet, of: Ticket) -> Option<Result<bool, QueueError>> {
    fleet.events.iter().find_map(|(_, event)| match event {
        Event::Queued { ticket, result } if *ticket == of => {
            Some(result.clone().map(|queued| queued.is_new))
        }
        _ => None,
    })
}

#[track_caller]
pub(super) fn must_queue(fleet: &mut Fleet, server: usize, request: QueueRequest) {
    let ticket = queue(fleet, server, request);
    fleet.run(Duration::from_millis(200));
    assert_eq!(queued(fleet, ticket), Some(Ok(true)));
}

fn wait(fleet: &mut Fleet, server: usize, id: &str, patience: Duration) -> Ticket {
    let name = (entry_in("Players", "u_1"), OperationId::parse(id).unwrap());
    fleet.with(server, |server, now, out| server.await_operation(now, name, patience, out))
}

fn told(fleet: &Fleet, of: Ticket) -> Option<Result<OperationView, AwaitError>> {
    fleet.events.iter().find_map(|(_, event)| match event {
        Event::Operation { ticket, result } if *ticket == of => Some(result.clone()),
        _ => None,
    })
}

/// How an operation ended by its receipt, with its result.
#[track_caller]
fn ended(view: Option<Result<OperationView, AwaitError>>) -> (OperationStatus, Option<String>) {
    let receipt = view.expect("it was told").unwrap().receipt.expect("it is known");
    match receipt.state {
        ReceiptState::Full(Receipted { status, result, .. }) => {
            (status, result.map(|result| result.as_str().to_owned()))
        }
        state => panic!("it has not ended: {state:?}"),
    }
}

pub(super) fn applied(fleet: &Fleet) -> String {
    fleet.value("u_1").expect("it is stored")
}

fn rows(fleet: &Fleet, is_it: impl Fn(&LedgerKey) -> bool) -> usize {
    let of = |key: &&RowKey| matches!(key, RowKey::Ledger(_, key) if is_it(key));
    fleet.world.rows.keys().filter(of).count()
}

fn pending(fleet: &Fleet) -> usize {
    rows(fleet, |key| matches!(key, LedgerKey::Pending(_)))
}

#[test]
fn an_operation_queued_where_the_record_is_open_is_applied_at_once_and_stored_with_its_receipt() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0);
    let waits = wait(&mut fleet, 0, "a", seconds(5));
    queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(Duration::from_millis(90));
    let text = fleet.with(0, |server, _, _| server.read(p, crate::document::Document::encode));
    assert_eq!(text.unwrap().as_str(), r#"{"coins":1,"ids":["a"]}"#, "visible in memory");
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
    assert_eq!(ended(told(&fleet, waits)), (OperationStatus::Applied, Some("\"a\"".into())));
    assert_eq!(pending(&fleet), 0);
    let ran = |event: &SessionEvent| matches!(event, SessionEvent::OperationRun { .. });
    let done = |event: &SessionEvent| matches!(event, SessionEvent::OperationEnded(_));
    let events = fleet.session_events(0);
    let places = [events.iter().position(ran), events.iter().position(done)];
    assert!(places[0].is_some() && places[0] < places[1], "{places:?}");
}

/// What a transaction stores holds what was applied before it began: where the store lost the ends of
/// that, they are stored again with the transaction, not after it.
#[test]
fn do1_a_transaction_on_a_store_that_went_back_stores_the_ends_of_what_its_data_holds() {
    let mut fleet = Fleet::of(1);
    let a = open(&mut fleet, 0);
    let ticket = fleet.begin_open(0, request("u_2"));
    fleet.run(seconds(1));
    let b = fleet.opened(0, ticket).expect("it is open").unwrap();
    let is_kept = |key: &RowKey| !matches!(key, RowKey::Presence(_));
    let before = fleet.world.rows.clone();
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(seconds(1));
    let receipts = |fleet: &Fleet| rows(fleet, |key| matches!(key, LedgerKey::Receipt(_)));
    assert_eq!((applied(&fleet), receipts(&fleet)), (r#"{"coins":1,"ids":["a"]}"#.into(), 1));
    fleet.world.rows.retain(|key, _| !is_kept(key));
    fleet.world.rows.extend(before.into_iter().filter(|(key, _)| is_kept(key)));
    assert_eq!(receipts(&fleet), 0);
    // Only what is stored together arrives.
    fleet.fates(|_, command| match command {
        RecordCommand::Write(_) => Fate::Lost,
        _ => Fate::Arrives,
    });
    fleet.with(0, |server, now, out| {
        let pay = |drafts: &mut [Draft]| {
            let [from, to] = drafts else { unreachable!("two were handed in") };
            from.try_debit("coins", 1)?;
            to.add("coins", 1)?;
            Ok(())
        };
        server.transact(now, &[a, b], pay, out).unwrap();
    });
    fleet.run(seconds(4));
    assert_eq!(applied(&fleet), r#"{"coins":0,"ids":["a"]}"#);
    assert_eq!(fleet.value("u_2").as_deref(), Some(r#"{"coins":1,"ids":[]}"#));
    assert_eq!(receipts(&fleet), 1);
}

#[test]
fn operations_that_wait_when_a_record_is_opened_run_in_the_order_of_their_queueing() {
    let mut fleet = Fleet::of(2);
    for id in ["c", "a", "b"] {
        must_queue(&mut fleet, 1, operation(id, "gift", "1"));
    }
    open(&mut fleet, 0);
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":3,"ids":["c","a","b"]}"#);
    let reads = fleet.count_sent(|it| matches!(it, RecordCommand::ReadInbox { .. }));
    assert_eq!(reads, 0, "they came with the grant");
}

#[test]
fn an_operators_addition_is_seen_within_one_renewal_when_every_message_is_lost() {
    let mut fleet = Fleet::of(2);
    let p = open(&mut fleet, 0);
    let request = operation("op", ADD, r#"{"path":"coins","amount":50}"#);
    must_queue(&mut fleet, 1, request);
    fleet.hints.clear();
    fleet.run(seconds(3));
    let text = fleet.with(0, |server, _, _| server.read(p, crate::document::Document::encode));
    assert_eq!(text.unwrap().as_str(), r#"{"coins":50,"ids":[]}"#);
    assert_eq!(fleet.state(0, p), Some(crate::session::SessionState::Active));
}

#[test]
fn a_message_makes_it_seen_at_once() {
    let mut fleet = Fleet::of(2);
    let p = open(&mut fleet, 0);
    let request = operation("op", ADD, r#"{"path":"coins","amount":50}"#);
    must_queue(&mut fleet, 1, request);
    let hints = std::mem::take(&mut fleet.hints);
    assert_eq!(hints.len(), 1);
    fleet.with(0, |server, now, out| server.on_hint(now, &hints[0], out));
    fleet.run(Duration::from_millis(50));
    let text = fleet.with(0, |server, _, _| server.read(p, crate::document::Document::encode));
    assert_eq!(text.unwrap().as_str(), r#"{"coins":50,"ids":[]}"#);
}

#[test]
fn mail_about_an_operation_is_deleted_once_it_was_seen() {
    let mut fleet = Fleet::of(2);
    open(&mut fleet, 0);
    must_queue(&mut fleet, 1, operation("a", "gift", "1"));
    let mail = |fleet: &Fleet| {
        fleet.world.rows.keys().filter(|key| matches!(key, RowKey::Mail(..))).count()
    };
    assert_eq!(mail(&fleet), 1);
    fleet.run(seconds(4));
    assert_eq!(mail(&fleet), 0);
}

#[test]
fn do1_an_operation_runs_once_however_often_it_is_queued() {
    let mut fleet = Fleet::of(2);
    open(&mut fleet, 0);
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(seconds(1));
    for server in [0, 1] {
        let again = queue(&mut fleet, server, operation("a", "gift", "1"));
        fleet.run(seconds(4));
        assert_eq!(queued(&fleet, again), Some(Ok(false)));
    }
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}

#[test]
fn do1_a_queueing_whose_answers_are_lost_is_sent_again_and_counts_once() {
    let mut fleet = Fleet::of(2);
    open(&mut fleet, 0);
    let mut lost = 3;
    fleet.fates(move |_, command| match command {
        RecordCommand::Queue(_) if lost > 0 => {
            lost -= 1;
            Fate::AnswerLost
        }
        _ => Fate::Arrives,
    });
    let ticket = queue(&mut fleet, 1, operation("a", "gift", "1"));
    fleet.run(seconds(5));
    assert_eq!(queued(&fleet, ticket), Some(Ok(true)));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}

#[test]
fn a_queueing_without_any_answer_is_unknown_after_its_deadline() {
    let mut fleet = Fleet::of(1);
    fleet.fates(|_, command| match command {
        RecordCommand::Queue(_) => Fate::Lost,
        _ => Fate::Arrives,
    });
    let issued_at = Some(fleet.world.now);
    let request = QueueRequest { issued_at, ..operation("a", "gift", "1") };
    let ticket = queue(&mut fleet, 0, request);
    fleet.run(seconds(9));
    assert_eq!(queued(&fleet, ticket), None);
    fleet.run(seconds(3));
    assert_eq!(queued(&fleet, ticket), Some(Err(QueueError::OutcomeUnknown { issued_at })));
}

#[test]
fn do3_another_payload_under_a_known_id_is_refused() {
    let mut fleet = Fleet::of(1);
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    let ticket = queue(&mut fleet, 0, operation("a", "gift", "2"));
    fleet.run(seconds(1));
    let refusal = crate::operation::QueueRefusal::PayloadMismatch;
    assert_eq!(queued(&fleet, ticket), Some(Err(QueueError::Refused(refusal))));
}

#[test]
fn do5_an_operation_that_is_queued_between_grant_and_save_survives_the_save() {
    let mut fleet = Fleet::of(2);
    let p = open(&mut fleet, 0);
    must_queue(&mut fleet, 1, operation("a", "gift", "1"));
    fleet.save(0, p, r#"{"coins":7,"ids":[]}"#);
    assert!(pending(&fleet) == 1 || applied(&fleet).contains("\"a\""));
    fleet.run(seconds(4));
    assert_eq!(applied(&fleet), r#"{"coins":8,"ids":["a"]}"#);
}

#[test]
fn an_operation_that_fails_is_tried_again_and_then_dies() {
    let mut fleet = Fleet::of(1);
    open(&mut fleet, 0);
    must_queue(&mut fleet, 0, operation("a", "fails-twice", "1"));
    must_queue(&mut fleet, 0, operation("b", "fails", "1"));
    must_queue(&mut fleet, 0, operation("c", "panics", "1"));
    must_queue(&mut fleet, 0, operation("d", "gives-up", "1"));
    must_queue(&mut fleet, 0, operation("e", "gift", "1"));
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["e"]}"#, "nobody waits for who fails");
    fleet.run(seconds(25));
    assert_eq!(applied(&fleet), r#"{"coins":2,"ids":["e","a"]}"#);
    assert_eq!(pending(&fleet), 2);
    fleet.run(seconds(80));
    let letters = rows(&fleet, |key| matches!(key, LedgerKey::DeadLetter(_)));
    assert_eq!((letters, pending(&fleet)), (3, 0));
    let waits = wait(&mut fleet, 0, "b", Duration::ZERO);
    fleet.run(seconds(1));
    assert_eq!(ended(told(&fleet, waits)), (OperationStatus::Failed, None));
}

#[test]
fn what_nothing_handles_waits_for_a_server_that_does() {
    let mut fleet = Fleet::of(2);
    let unable = OpenRequest { handlers: Arc::default(), ..request("u_1") };
    let ticket = fleet.begin_open(0, unable);
    fleet.run(seconds(1));
    let p = fleet.opened(0, ticket).unwrap().unwrap();
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(seconds(30));
    assert_eq!((applied(&fleet).as_str(), pending(&fleet)), (EMPTY, 1));
    fleet.release(0, p).unwrap();
    fleet.run(seconds(1));
    open(&mut fleet, 1);
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}

#[test]
fn do1_what_ran_and_was_not_stored_runs_again_after_a_crash_with_the_data_of_before() {
    let mut fleet = Fleet::of(2);
    open(&mut fleet, 0);
    fleet.fates(|_, command| match command {
        RecordCommand::Write(write) if write.ledger.is_some() => Fate::Lost,
        _ => Fate::Arrives,
    });
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(seconds(1));
    fleet.kill(0);
    fleet.all_arrive();
    open(&mut fleet, 1);
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}

#[test]
fn do1_bytes_that_could_not_be_saved_take_the_ends_of_their_operations_along() {
    let mut fleet = Fleet::of(2);
    open(&mut fleet, 0);
    fleet.fate_of_writes(Fate::Lost);
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(seconds(1));
    fleet.with(0, GameServer::close);
    fleet.run(seconds(40));
    let spill = fleet.session_events(0).into_iter().find_map(|event| match event {
        SessionEvent::Lost { spill, .. } => spill,
        _ => None,
    });
    let spill = spill.expect("it was not saved");
    assert_eq!(spill.settled.len(), 1);
    fleet.all_arrive();
    fleet.kill(0);
    fleet.run(seconds(15));
    let taken = OpenRequest { spill: Some(spill), ..request("u_1") };
    let ticket = fleet.begin_open(1, taken);
    fleet.run(seconds(20));
    assert!(matches!(fleet.opened(1, ticket), Some(Ok(_))));
    assert_eq!((applied(&fleet).as_str(), pending(&fleet)), (r#"{"coins":1,"ids":["a"]}"#, 0));
}

#[test]
fn do1_a_store_that_went_back_gets_the_ends_again_and_applies_nothing_twice() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0);
    fleet.save(0, p, r#"{"coins":5,"ids":[]}"#);
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    let before = fleet.world.rows.clone();
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":6,"ids":["a"]}"#);
    // A fail-over loses the save, but not the queueing.
    fleet.world.rows = before;
    let ticket = fleet.checkpoint(0, p);
    fleet.edit(0, p, r#"{"coins":7,"ids":["a"]}"#).unwrap();
    let again = fleet.checkpoint(0, p);
    fleet.run(seconds(5));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert!(matches!(fleet.settled(0, again), Some(Ok(_))));
    fleet.run(seconds(10));
    assert_eq!((applied(&fleet).as_str(), pending(&fleet)), (r#"{"coins":7,"ids":["a"]}"#, 0));
}

#[test]
fn a_suspended_session_runs_nothing_until_it_is_active_again() {
    let mut fleet = Fleet::of(2);
    let p = open(&mut fleet, 0);
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    fleet.run(seconds(11));
    assert_eq!(fleet.state(0, p), Some(crate::session::SessionState::Suspended));
    must_queue(&mut fleet, 1, operation("a", "gift", "1"));
    let hint = fleet.hints.last().cloned().expect("the holder is told");
    fleet.with(0, |server, now, out| server.on_hint(now, &hint, out));
    fleet.run(seconds(5));
    let text = fleet.with(0, |server, _, _| server.read(p, crate::document::Document::encode));
    assert_eq!(text.unwrap().as_str(), EMPTY);
    fleet.all_arrive();
    fleet.run(seconds(8));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}

#[test]
fn one_write_settles_no_more_than_the_limit_and_all_end() {
    let mut fleet = Fleet::of(2);
    for number in 0..120 {
        must_queue(&mut fleet, 1, operation(&format!("op-{number:03}"), "gift", "1"));
    }
    open(&mut fleet, 0);
    fleet.run(seconds(3));
    assert!(applied(&fleet).starts_with(r#"{"coins":120,"#), "{}", applied(&fleet));
    let most = fleet.sent.iter().filter_map(|(_, command)| match command {
        RecordCommand::Write(write) => write.ledger.as_ref().map(|ledger| ledger.settled.len()),
        _ => None,
    });
    assert_eq!(most.max(), Some(50));
}

#[test]
fn who_waits_for_an_operation_that_nobody_knows_is_told_so_at_the_end() {
    let mut fleet = Fleet::of(1);
    let waits = wait(&mut fleet, 0, "a", seconds(3));
    fleet.run(seconds(2));
    assert!(told(&fleet, waits).is_none());
    fleet.run(seconds(2));
    let view = told(&fleet, waits).expect("it was told").unwrap();
    assert!(view.receipt.is_none());
}

#[test]
fn who_waits_on_another_server_hears_of_the_end_by_asking() {
    let mut fleet = Fleet::of(2);
    must_queue(&mut fleet, 1, operation("a", "gift", "1"));
    let waits = wait(&mut fleet, 1, "a", seconds(30));
    fleet.run(seconds(3));
    assert!(told(&fleet, waits).is_none());
    open(&mut fleet, 0);
    fleet.run(seconds(2));
    assert_eq!(ended(told(&fleet, waits)), (OperationStatus::Applied, Some("\"a\"".into())));
}

#[test]
fn a_closed_server_tells_whoever_still_waits() {
    let mut fleet = Fleet::of(1);
    let waits = wait(&mut fleet, 0, "a", seconds(60));
    fleet.with(0, GameServer::close);
    fleet.run(seconds(2));
    assert_eq!(told(&fleet, waits), Some(Err(AwaitError::Closed)));
    let late = queue(&mut fleet, 0, operation("b", "gift", "1"));
    assert_eq!(queued(&fleet, late), Some(Err(QueueError::Closed)));
}

#[test]
fn a_grant_whose_answer_was_lost_reads_its_inbox_by_itself() {
    let mut fleet = Fleet::of(2);
    must_queue(&mut fleet, 1, operation("a", "gift", "1"));
    let mut lost = 1;
    fleet.fates(move |_, command| match command {
        RecordCommand::Write(_) if lost > 0 => {
            lost -= 1;
            Fate::AnswerLost
        }
        _ => Fate::Arrives,
    });
    open(&mut fleet, 0);
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
    assert_eq!(fleet.count_sent(|it| matches!(it, RecordCommand::ReadInbox { .. })), 1);
}

fn queue_many(fleet: &mut Fleet, count: usize) -> Vec<Ticket> {
    let request = |number: usize| operation(&format!("g-{number:02}"), "gift", "1");
    (0..count).map(|number| queue(fleet, 0, request(number))).collect()
}

fn sent_queueings(fleet: &Fleet) -> usize {
    fleet.count_sent(|it| matches!(it, RecordCommand::Queue(_)))
}

#[test]
fn no_more_queueings_to_one_record_are_under_way_than_may_contend() {
    let tries = usize::try_from(crate::platform::ATTEMPTS_MAX).unwrap();
    let mut fleet = Fleet::of(1);
    let tickets = queue_many(&mut fleet, 3 * tries);
    assert_eq!(sent_queueings(&fleet), tries);
    let elsewhere =
        QueueRequest { entry: entry_in("Players", "u_2"), ..operation("another", "gift", "1") };
    queue(&mut fleet, 0, elsewhere);
    assert_eq!(sent_queueings(&fleet), tries + 1, "another record is another matter");
    fleet.run(seconds(2));
    assert_eq!(sent_queueings(&fleet), 3 * tries + 1);
    for ticket in tickets {
        assert_eq!(queued(&fleet, ticket), Some(Ok(true)));
    }
    assert_eq!(pending(&fleet), 3 * tries + 1);
    // Nothing is left behind of it.
    assert!(fleet.server(0).lanes.is_empty());
}

#[test]
fn a_queueing_whose_turn_never_came_says_that_nothing_was_written() {
    let tries = usize::try_from(crate::platform::ATTEMPTS_MAX).unwrap();
    let mut fleet = Fleet::of(1);
    fleet.fates(|_, command| match command {
        RecordCommand::Queue(_) => Fate::Lost,
        _ => Fate::Arrives,
    });
    let tickets = queue_many(&mut fleet, tries + 2);
    fleet.run(seconds(60));
    let (sent, waited) = tickets.split_at(tries);
    for ticket in sent {
        let result = queued(&fleet, *ticket).expect("it is answered").unwrap_err();
        assert!(matches!(result, QueueError::OutcomeUnknown { issued_at: Some(_) }), "{result}");
    }
    for ticket in waited {
        let result = queued(&fleet, *ticket).expect("it is answered").unwrap_err();
        assert_eq!(result.kind(), crate::ErrorKind::Unavailable, "{result}");
    }
    assert!(fleet.server(0).lanes.is_empty());
}

#[test]
fn do1_what_a_restore_takes_back_is_not_run_again_because_of_an_inbox_read_before() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0);
    // One that is tried again has the inbox be read from its start.
    must_queue(&mut fleet, 0, operation("f", "fails", "1"));
    fleet.run(seconds(1));
    let earlier = fleet.count_sent(|it| matches!(it, RecordCommand::ReadInbox { .. }));
    let (mut writes, mut reads) = (0, 0);
    fleet.fates(move |_, command| {
        let is_late = match command {
            RecordCommand::Write(_) => {
                writes += 1;
                writes == 1
            }
            RecordCommand::ReadInbox { .. } => {
                reads += 1;
                reads == 2
            }
            _ => false,
        };
        if is_late { Fate::AnswerLate(Duration::from_millis(200)) } else { Fate::Arrives }
    });
    fleet.edit(0, p, r#"{"coins":0,"ids":[],"n":1}"#).unwrap();
    let before = fleet.checkpoint(0, p);
    queue(&mut fleet, 0, operation("a", "gift", "1"));
    // It has run, and cannot be stored while another write is out. Then the inbox is read once more.
    fleet.run(Duration::from_millis(120));
    fleet.with(0, |server, now, out| server.process_operations(now, p, out));
    let reads = fleet.count_sent(|it| matches!(it, RecordCommand::ReadInbox { .. }));
    assert_eq!(reads, earlier + 2);
    let restore = |fleet: &mut Fleet, counter: u64| {
        fleet.with(0, |server, now, _| {
            server.restore(now, p, counter, |document| {
                let value = crate::value::Value::parse(EMPTY, &crate::limits::Limits::native());
                document.put_value(value.unwrap()).map(|()| ((), true))
            })
        })
    };
    let is_restored = (0..40).any(|_| {
        fleet.run(Duration::from_millis(5));
        let before = fleet.settled(0, before).and_then(Result::ok);
        let is_stored = pending(&fleet) == 1;
        before.is_some_and(|it| is_stored && restore(&mut fleet, it.counter).is_ok())
    });
    assert!(is_restored);
    fleet.checkpoint(0, p);
    fleet.run(seconds(4));
    assert_eq!(applied(&fleet), EMPTY);
    // It may be queued again, and counts then.
    must_queue(&mut fleet, 0, operation("a", "gift", "1"));
    fleet.run(seconds(1));
    assert_eq!(applied(&fleet), r#"{"coins":1,"ids":["a"]}"#);
}
