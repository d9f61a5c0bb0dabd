//! Facts about queueing.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

use std::sync::Arc;
use std::time::Duration;

use crate::batch::Refusal;
use crate::id::OperationKind;
use crate::json::JsonText;
use crate::operation::tests::support::{applied, data, to_batch};
use crate::operation::tests::{Bench, ME, OTHER, as_refused, error_of, operation_id};
use crate::operation::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, OperationSettings, OperationStatus,
    OperationView, QueueOperation, QueueRefusal, ReceiptBody, ReceiptState, Settlement,
};
use crate::outcome::Outcome;
use crate::platform::tests::world::Running;
use crate::platform::{ATTEMPTS_MAX, Input, PlatformError};
use crate::record::{
    Fence, MailBody, MailKind, RecordBody, RecordCommand, RecordRefusal, RecordReply, RecordRequest,
};
use crate::row::{RowBody, RowKey};
use crate::time::Timestamp;

fn bench() -> Bench {
    Bench::new(OperationSettings::default())
}

fn command(operation: QueueOperation) -> RecordCommand {
    RecordCommand::Queue(Box::new(operation))
}

fn set_head(bench: &mut Bench, change: impl FnOnce(&mut HeadBody)) {
    let mut head = bench.head();
    change(&mut head);
    let key = bench.key(LedgerKey::Head);
    bench.world.put(key, RowBody::Ledger(LedgerBody::Head(head)));
}

fn answer(running: Running<RecordRequest>) -> crate::operation::QueueOutcome {
    match running.answer() {
        Ok(RecordReply::Queued(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

/// A dead letter by an operation of that id.
fn dead(bench: &mut Bench, id: &str, payload: &str) {
    let operation = bench.operation(id);
    let payload = Some(JsonText::trusted(payload));
    bench.queue(QueueOperation { payload, ..operation }).committed().unwrap();
    let waiting = bench.inbox(None, 1).operations.remove(0);
    let (status, death) = (OperationStatus::Failed, Some(Death::Attempts));
    bench.settle(vec![Settlement { status, death, ..applied(&waiting) }]);
}

fn letter(bench: &Bench, id: &str) -> Arc<DeadLetterBody> {
    let row = bench.row(LedgerKey::DeadLetter(operation_id(id))).unwrap();
    match &row.body {
        RowBody::Ledger(LedgerBody::DeadLetter(body)) => Arc::clone(body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_operation_for_a_player_who_never_joined_waits() {
    let mut bench = bench();
    let first = bench.queued("a");
    let second = bench.queued("b");
    assert_eq!((first.is_new, first.holder), (true, None));
    assert!(matches!(first.receipt.state, ReceiptState::Pending { seq: 0, .. }));
    assert!(matches!(second.receipt.state, ReceiptState::Pending { seq: 1, .. }));
    assert_eq!((bench.queue_row().count, bench.queue_row().size), (2, 34));
    let page = bench.inbox(None, 10);
    let ids: Vec<_> = page.operations.iter().map(|it| it.body.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    let body = &page.operations[0].body;
    assert_eq!((body.kind.as_str(), body.payload.as_str(), body.schema), ("gift", "1", 3));
    assert_eq!((body.issued_at, page.operations[0].queued_at), (bench.world.now, bench.world.now));
    bench.check();
}

#[test]
fn do3_an_id_with_another_payload_or_kind_is_refused_and_changes_nothing() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let check = |bench: &mut Bench| {
        let before = bench.ledger();
        let same = bench.operation("a");
        let payload = Some(JsonText::trusted("2"));
        let other = QueueOperation { payload, ..same.clone() };
        assert_eq!(as_refused(bench.queue(other)), QueueRefusal::PayloadMismatch);
        let kind = OperationKind::parse("gif").unwrap();
        let other = QueueOperation { kind, ..same.clone() };
        assert_eq!(as_refused(bench.queue(other)), QueueRefusal::PayloadMismatch);
        let known = bench.queue(same).committed().unwrap();
        assert!(!known.is_new);
        assert_eq!(bench.ledger(), before);
        known.receipt.status()
    };
    assert_eq!(check(&mut bench), None);
    bench.settle_oldest(1);
    assert_eq!(check(&mut bench), Some(OperationStatus::Applied));
}

#[test]
fn do1_a_queueing_whose_answer_was_lost_is_sent_again_and_queued_once() {
    let mut bench = bench();
    let operation = bench.operation("a");
    let mut lost = bench.start(command(operation.clone()));
    to_batch(&mut bench, &mut lost);
    bench.world.step(&mut lost);
    let again = bench.queue(operation.clone()).committed().unwrap();
    assert!(again.is_new, "it was this very request that queued it");
    assert_eq!(bench.queue_row().count, 1);
    let later = bench.operation("a");
    assert!(!bench.queue(later).committed().unwrap().is_new);
    bench.hold();
    bench.settle_oldest(1);
    let known = bench.queue(operation).committed().unwrap();
    assert_eq!(known.receipt.status(), Some(OperationStatus::Applied));
    let ReceiptState::Full(full) = known.receipt.state else { panic!("it is full") };
    assert_eq!(full.settled, crate::row::Birth::At(bench.world.now), "away from its row");
    assert_eq!(bench.queue_row().count, 1);
}

#[test]
fn do1_two_copies_of_a_queueing_at_once_queue_it_once() {
    let mut bench = bench();
    let operation = bench.operation("a");
    let mut copies = [(); 2].map(|()| bench.start(command(operation.clone())));
    for copy in &mut copies {
        to_batch(&mut bench, copy);
    }
    for copy in &mut copies {
        while !copy.is_over() {
            bench.world.step(copy);
        }
    }
    for copy in copies {
        assert!(answer(copy).committed().unwrap().is_new);
    }
    assert_eq!(bench.queue_row().count, 1);
    bench.check();
}

#[test]
fn do2_an_unknown_operation_issued_at_the_horizon_or_before_is_refused() {
    let mut bench = bench();
    let horizon = bench.world.now;
    set_head(&mut bench, |head| head.horizon = Some(horizon));
    let before = bench.ledger();
    for ticks in [1, 0] {
        let issued_at = Timestamp::from_ticks(horizon.ticks() - ticks);
        let operation = bench.operation("a");
        let refused = bench.queue(QueueOperation { issued_at, ..operation });
        assert_eq!(as_refused(refused), QueueRefusal::Expired { issued_at, horizon });
        assert_eq!(bench.ledger(), before);
    }
    let operation = bench.operation("a");
    let issued_at = horizon.next();
    let queued = bench.queue(QueueOperation { issued_at, ..operation });
    assert!(queued.committed().unwrap().is_new);
}

#[test]
fn who_names_no_time_issues_now_but_behind_the_horizon() {
    let mut bench = bench();
    let now = bench.world.now;
    let (receipt, ahead) = (None, now.saturating_add(Duration::from_mins(5)));
    let table = [
        (None, now),
        (Some(Timestamp::from_ticks(now.ticks() - 1)), now),
        (Some(now), now.next()),
        (Some(ahead), ahead.next()),
    ];
    for (place, (horizon, issued_at)) in table.into_iter().enumerate() {
        let view = OperationView { receipt: receipt.clone(), horizon, now };
        assert_eq!(view.issue_time(), issued_at);
        set_head(&mut bench, |head| head.horizon = horizon);
        let operation = bench.operation(&format!("op-{place}"));
        let queued = bench.queue(QueueOperation { issued_at, ..operation });
        assert!(queued.committed().unwrap().is_new);
    }
}

#[test]
fn do2_a_copy_that_comes_after_its_receipt_was_pruned_is_never_queued() {
    let settings = OperationSettings { receipts_max: 0, kept_max: 1, ..Default::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    let late = bench.operation("a");
    bench.queue(late.clone()).committed().unwrap();
    bench.settle_oldest(1);
    bench.pass(Duration::from_secs(1));
    let known = bench.queue(late.clone()).committed().unwrap();
    assert_eq!(known.receipt.status(), Some(OperationStatus::Applied), "its id is kept");
    bench.apply(&["b"]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.state("a"), "none");
    let (issued_at, horizon) = (late.issued_at, late.issued_at);
    let refusal = as_refused(bench.queue(late));
    assert_eq!(refusal, QueueRefusal::Expired { issued_at, horizon });
}

#[test]
fn an_operation_may_be_issued_ten_minutes_ahead_and_no_more() {
    let mut bench = bench();
    let now = bench.world.now;
    let edge = now.saturating_add(Duration::from_mins(10));
    let operation = bench.operation("a");
    let issued_at = edge.next();
    let refused = bench.queue(QueueOperation { issued_at, ..operation.clone() });
    assert_eq!(as_refused(refused), QueueRefusal::IssuedAhead { issued_at, now });
    let queued = bench.queue(QueueOperation { issued_at: edge, ..operation });
    assert_eq!(queued.committed().unwrap().receipt.issued_at, edge);
}

#[test]
fn a_payload_has_a_largest_size() {
    let settings = OperationSettings { payload_size_max: 10, ..OperationSettings::default() };
    let mut bench = Bench::new(settings);
    let of_size = |size: usize| Some(JsonText::trusted(format!("\"{}\"", "x".repeat(size - 2))));
    let operation = QueueOperation { payload: of_size(11), ..bench.operation("a") };
    let refusal = as_refused(bench.queue(operation.clone()));
    assert_eq!(refusal, QueueRefusal::PayloadTooLarge { actual: 11, limit: 10 });
    let queued = bench.queue(QueueOperation { payload: of_size(10), ..operation });
    assert!(queued.committed().unwrap().is_new);
}

#[test]
fn an_inbox_holds_as_many_operations_as_it_may() {
    let settings = OperationSettings { pending_max: 2, ..OperationSettings::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    bench.queued("a");
    bench.queued("b");
    let operation = bench.operation("c");
    assert_eq!(as_refused(bench.queue(operation)), QueueRefusal::InboxFull { limit: 2 });
    let operation = QueueOperation { is_permanent: true, ..bench.operation("c") };
    assert_eq!(as_refused(bench.queue(operation)), QueueRefusal::InboxFull { limit: 2 });
    assert!(!bench.queued("b").is_new);
    bench.settle_oldest(1);
    assert!(bench.queued("c").is_new);
}

#[test]
fn do6_a_full_ledger_refuses_new_operations_and_forgets_none() {
    // Two ids of one byte, one that waits and one that ended, and room for one more.
    let settings = OperationSettings { ledger_size_max: 51, ..OperationSettings::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    bench.apply(&["a"]);
    bench.queued("b");
    let longer = bench.operation("cc");
    assert_eq!(as_refused(bench.queue(longer)), QueueRefusal::LedgerFull { limit: 51 });
    assert!(bench.queued("c").is_new);
    let operation = bench.operation("d");
    assert_eq!(as_refused(bench.queue(operation)), QueueRefusal::LedgerFull { limit: 51 });
    assert!(!bench.queued("a").is_new, "what is known stays known");
    let permanent = QueueOperation { is_permanent: true, ..bench.operation("p") };
    assert!(bench.queue(permanent).committed().unwrap().is_new, "it counts nothing");
    bench.settle_oldest(10);
    assert_eq!((bench.head().size, bench.head().horizon), (51, None));
    bench.check();
}

#[test]
fn the_holder_gets_mail_unless_it_queues_itself_or_has_some() {
    let mut bench = bench();
    bench.hold();
    let fence = bench.held.as_ref().unwrap().1.fence;
    let own = QueueOperation { from: Some(ME), ..bench.operation("a") };
    assert_eq!(bench.queue(own).committed().unwrap().holder, Some((ME, fence)));
    let mail = RowKey::Mail(ME, bench.entry.clone());
    assert!(!bench.world.rows.contains_key(&mail));
    let other = QueueOperation { from: Some(OTHER), ..bench.operation("b") };
    bench.queue(other).committed().unwrap();
    let first = bench.world.rows[&mail].clone();
    let told = MailBody { waiter: OTHER, fence, kind: MailKind::Operation };
    assert_eq!(first.body, RowBody::Mail(told));
    bench.queued("c");
    assert_eq!(bench.world.rows[&mail], first, "one is enough");
}

#[test]
fn mail_that_says_more_is_not_replaced_and_mail_that_goes_meanwhile_is_written_again() {
    let mut bench = bench();
    bench.hold();
    let mail = RowKey::Mail(ME, bench.entry.clone());
    let fence = Fence::first(crate::id::SessionId(1));
    let body = RowBody::Mail(MailBody { waiter: OTHER, fence, kind: MailKind::HandOff });
    let operation = bench.operation("a");
    // It comes between the read and the batch.
    let mut running = bench.start(command(operation));
    to_batch(&mut bench, &mut running);
    bench.world.put(mail.clone(), body.clone());
    bench.world.step(&mut running);
    to_batch(&mut bench, &mut running);
    // And is handled before the batch that relies on it.
    let row = bench.world.rows.remove(&mail).unwrap();
    assert_eq!(row.body, body);
    bench.world.step(&mut running);
    to_batch(&mut bench, &mut running);
    bench.world.step(&mut running);
    assert!(answer(running).committed().unwrap().is_new);
    assert!(matches!(&bench.world.rows[&mail].body,
        RowBody::Mail(mail) if mail.kind == MailKind::Operation));
    bench.world.damaged.insert(mail.clone());
    bench.queued("b");
    assert!(bench.world.damaged.is_empty(), "damaged mail tells nobody");
}

#[test]
fn do5_a_grant_between_reading_and_queueing_does_not_miss_the_operation() {
    let mut bench = bench();
    let operation = bench.operation("a");
    let mut running = bench.start(command(operation));
    to_batch(&mut bench, &mut running);
    let written = bench.hold();
    assert_eq!(written.inbox.unwrap().operations, []);
    while !running.is_over() {
        bench.world.step(&mut running);
    }
    let queued = answer(running).committed().unwrap();
    assert_eq!(queued.holder.map(|(server, _)| server), Some(ME));
    assert!(bench.world.rows.contains_key(&RowKey::Mail(ME, bench.entry.clone())));
}

#[test]
fn do2_a_receipt_that_is_pruned_between_reading_and_queueing_refuses_it() {
    let settings = OperationSettings { receipts_max: 0, kept_max: 0, ..Default::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    let operation = bench.operation("a");
    let mut late = bench.start(command(operation.clone()));
    to_batch(&mut bench, &mut late);
    // Another copy of it is carried out, applied and forgotten.
    bench.apply(&["a"]);
    assert_eq!(bench.state("a"), "none");
    while !late.is_over() {
        bench.world.step(&mut late);
    }
    assert!(matches!(as_refused(answer(late)), QueueRefusal::Expired { .. }));
}

#[test]
fn do2_a_ledger_that_changes_without_its_record_refuses_a_queueing_too() {
    let mut bench = bench();
    let operation = bench.operation("a");
    let mut running = bench.start(command(operation));
    to_batch(&mut bench, &mut running);
    let horizon = bench.world.now;
    set_head(&mut bench, |head| head.horizon = Some(horizon));
    while !running.is_over() {
        bench.world.step(&mut running);
    }
    assert!(matches!(as_refused(answer(running)), QueueRefusal::Expired { .. }));
}

#[test]
fn who_loses_sixteen_times_is_told_so() {
    let mut bench = bench();
    let mut running = bench.start(command(bench_operation()));
    for attempt in 1..=ATTEMPTS_MAX {
        to_batch(&mut bench, &mut running);
        bench.queued(&format!("other-{attempt}"));
        bench.world.step(&mut running);
    }
    let refusal = as_refused(answer(running));
    assert_eq!(refusal, QueueRefusal::Contended { attempts: ATTEMPTS_MAX });
    let mut running = bench.start(command(bench_operation()));
    for attempt in 1..ATTEMPTS_MAX {
        to_batch(&mut bench, &mut running);
        bench.queued(&format!("another-{attempt}"));
        bench.world.step(&mut running);
    }
    to_batch(&mut bench, &mut running);
    bench.world.step(&mut running);
    assert!(answer(running).committed().unwrap().is_new);
    bench.check();
}

fn bench_operation() -> QueueOperation {
    bench().operation("mine")
}

#[test]
fn w4_the_answers_of_the_store_are_passed_on() {
    let reason = || Arc::from("no");
    for (outcome, told) in [
        (
            Outcome::Refused(Refusal::Exhausted { reason: reason() }),
            Some(RecordRefusal::Exhausted { reason: reason() }),
        ),
        (
            Outcome::Refused(Refusal::Unavailable { reason: reason() }),
            Some(RecordRefusal::Unavailable { reason: reason() }),
        ),
        (Outcome::Unknown, None),
    ] {
        let mut bench = bench();
        let mut running = bench.start(command(bench_operation()));
        to_batch(&mut bench, &mut running);
        running.give(Input::Committed(outcome));
        match (answer(running), told) {
            (Outcome::Refused(QueueRefusal::Store(refusal)), Some(told)) => {
                assert_eq!(refusal, told);
            }
            (Outcome::Unknown, None) => {}
            other => panic!("{other:?}"),
        }
    }
    for reads in 0..2 {
        let mut bench = bench();
        bench.hold();
        let mut running = bench.start(command(bench_operation()));
        for _ in 0..reads {
            bench.world.step(&mut running);
        }
        running.fail();
        let error = error_of(running.answer());
        assert_eq!(error, PlatformError::Unavailable { reason: "gone".into() });
    }
}

#[test]
fn damage_is_told_and_nothing_is_queued() {
    for key in [LedgerKey::Queue, LedgerKey::Head, LedgerKey::Receipt(operation_id("a"))] {
        let mut bench = bench();
        bench.hold();
        bench.apply(&["x"]);
        let row = bench.key(key);
        bench.world.damaged.insert(row.clone());
        let operation = bench.operation("a");
        let error = error_of(bench.ask(command(operation)));
        assert_eq!(error, PlatformError::Corrupt { row: Box::new(row) });
    }
    let mut bench = bench();
    bench.hold();
    let record = RowKey::Record(bench.entry.clone());
    bench.world.damaged.insert(record.clone());
    let operation = bench.operation("a");
    let error = error_of(bench.ask(command(operation)));
    assert_eq!(error, PlatformError::Corrupt { row: Box::new(record.clone()) });
    let body = bench.held.clone().unwrap().1;
    bench.world.damaged.clear();
    bench.world.put(record, RowBody::Record(RecordBody { format: 9, ..body }));
    let operation = bench.operation("a");
    let error = error_of(bench.ask(command(operation)));
    assert!(matches!(error, PlatformError::UnknownFormat { .. }), "{error:?}");
    assert_eq!(bench.queue_row().count, 0);
}

#[test]
fn do4_a_dead_letter_is_queued_again_under_an_id_that_names_it() {
    let mut bench = bench();
    bench.hold();
    dead(&mut bench, "a", "[1,2]");
    let died_at = bench.world.now;
    bench.pass(Duration::from_secs(9));
    let again = |bench: &mut Bench, id: &str| QueueOperation {
        payload: None,
        schema: 9,
        replaces: Some(operation_id("a")),
        ..bench.operation(id)
    };
    let operation = again(&mut bench, "b");
    let queued = bench.queue(operation.clone()).committed().unwrap();
    assert!(queued.is_new);
    let waiting = bench.inbox(None, 5).operations;
    let body = &waiting[0].body;
    assert_eq!((body.payload.as_str(), body.kind.as_str(), body.schema), ("[1,2]", "gift", 3));
    assert_eq!(body.replaces, Some(operation_id("a")));
    let letter = letter(&bench, "a");
    assert_eq!(letter.requeued_as, Some(operation_id("b")));
    assert_eq!(letter.died, crate::row::Birth::At(died_at));
    assert!(bench.queue(operation).committed().unwrap().is_new, "sent again");
    let other = again(&mut bench, "b");
    assert!(!bench.queue(other).committed().unwrap().is_new);
    let second = again(&mut bench, "c");
    assert_eq!(as_refused(bench.queue(second)), QueueRefusal::NoDeadLetter, "only once");
    bench.check();
}

#[test]
fn a_dead_letter_may_be_queued_again_with_another_payload() {
    let mut bench = bench();
    bench.hold();
    dead(&mut bench, "a", "1");
    let payload = Some(JsonText::trusted("2"));
    let replaces = Some(operation_id("a"));
    let operation = QueueOperation { payload, schema: 9, replaces, ..bench.operation("b") };
    bench.queue(operation).committed().unwrap();
    let body = Arc::clone(&bench.inbox(None, 5).operations[0].body);
    assert_eq!((body.payload.as_str(), body.schema), ("2", 9));
}

#[test]
fn what_is_no_dead_letter_cannot_be_queued_again() {
    let settings = OperationSettings { dead_letter_payload_max: 1, ..Default::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    dead(&mut bench, "large", "12");
    for id in ["large", "unknown"] {
        let replaces = Some(operation_id(id));
        let operation = QueueOperation { payload: None, replaces, ..bench.operation("b") };
        assert_eq!(as_refused(bench.queue(operation)), QueueRefusal::NoDeadLetter, "{id}");
    }
    let operation = QueueOperation { payload: None, ..bench.operation("b") };
    assert_eq!(as_refused(bench.queue(operation)), QueueRefusal::NoDeadLetter);
    let row = bench.key(LedgerKey::DeadLetter(operation_id("large")));
    bench.world.damaged.insert(row.clone());
    let replaces = Some(operation_id("large"));
    let operation = QueueOperation { payload: None, replaces, ..bench.operation("b") };
    assert_eq!(
        error_of(bench.ask(command(operation))),
        PlatformError::Corrupt { row: Box::new(row) }
    );
}

#[test]
fn a_requeueing_whose_letter_is_gone_is_known_by_its_own_write_only() {
    let mut bench = bench();
    bench.hold();
    dead(&mut bench, "a", "1");
    let replaces = Some(operation_id("a"));
    let operation = QueueOperation { payload: None, replaces, ..bench.operation("b") };
    bench.queue(operation.clone()).committed().unwrap();
    let row = bench.key(LedgerKey::DeadLetter(operation_id("a")));
    bench.world.rows.remove(&row);
    assert!(bench.queue(operation.clone()).committed().unwrap().is_new);
    let write_id = bench.write_id();
    let other = bench.queue(QueueOperation { write_id, ..operation });
    assert_eq!(as_refused(other), QueueRefusal::NoDeadLetter);
}

#[test]
fn do7_a_queueing_between_planning_and_committing_does_not_refuse_a_save() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let waiting = bench.inbox(None, 1).operations;
    let write = bench.settling(waiting.iter().map(applied).collect());
    let mut save = bench.start(RecordCommand::Write(Box::new(write)));
    to_batch(&mut bench, &mut save);
    let record = bench.world.rows[&RowKey::Record(bench.entry.clone())].clone();
    for number in 0..200 {
        bench.queued(&format!("flood-{number}"));
    }
    assert_eq!(bench.world.rows[&RowKey::Record(bench.entry.clone())], record);
    bench.world.step(&mut save);
    match save.answer() {
        Ok(RecordReply::Written(Outcome::Committed(written))) => {
            let body = bench.held.clone().unwrap().1;
            bench.held = Some((written.base, body));
        }
        other => panic!("{other:?}"),
    }
    bench.check();
    let plain = bench.save_of(data("2"));
    bench.written(plain);
    assert_eq!(bench.head().pending_count(&bench.queue_row()), 200);
}

#[test]
fn the_least_size_of_a_receipt_is_that_of_its_id() {
    let id = operation_id("four");
    assert_eq!(ReceiptBody::kept_size(&id), 20);
}
