//! Facts about the ledger part of a write.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

mod pruning;
mod rebuilding;
mod undoing;

use crate::batch::Write;
use crate::id::WriteId;
use crate::json::JsonText;
use crate::operation::tests::support::{applied, data, to_batch};
use crate::operation::tests::{Bench, error_of, operation_id};
use crate::operation::{
    Attempt, Death, LedgerBody, LedgerKey, LedgerWrite, OperationSettings, OperationStatus,
    QueueOperation, ReceiptState, Receipted, Settlement, Tries,
};
use crate::outcome::Outcome;
use crate::platform::tests::world::Running;
use crate::platform::{ATTEMPTS_MAX, PlatformError};
use crate::record::{
    Data, RecordCommand, RecordOutcome, RecordRefusal, RecordReply, RecordRequest, RecordWrite,
};
use crate::row::{Birth, RowBody, RowKey};

pub(super) fn bench() -> Bench {
    Bench::new(OperationSettings::default())
}

/// A bench whose record is held.
pub(super) fn held(settings: OperationSettings) -> Bench {
    let mut bench = Bench::new(settings);
    bench.hold();
    bench
}

/// The end of the oldest operation that waits.
pub(super) fn oldest(bench: &mut Bench) -> Settlement {
    applied(&bench.inbox(None, 1).operations[0])
}

fn answer(running: Running<RecordRequest>) -> RecordOutcome {
    match running.answer() {
        Ok(RecordReply::Written(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

fn full(bench: &Bench, id: &str) -> Receipted {
    match bench.receipt(id).map(|receipt| receipt.state) {
        Some(ReceiptState::Full(full)) => full,
        other => panic!("{other:?}"),
    }
}

#[test]
fn do1_the_effect_and_the_receipt_are_one_batch_and_the_operation_is_gone() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let settlement =
        Settlement { result: Some(JsonText::trusted("7")), tries: 2, ..oldest(&mut bench) };
    let write = bench.settling(vec![settlement]);
    let batch = bench.first_batch(RecordCommand::Write(Box::new(write.clone())));
    let keys: Vec<_> = batch.writes.iter().map(Write::key).cloned().collect();
    for key in [
        RowKey::Entry(bench.entry.clone()),
        RowKey::Record(bench.entry.clone()),
        bench.key(LedgerKey::Pending(0)),
        bench.key(LedgerKey::Receipt(operation_id("a"))),
        bench.key(LedgerKey::Head),
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    let written = bench.written(write);
    let full = full(&bench, "a");
    let counter = written.base.entry.row.unwrap().counter;
    assert_eq!((full.entry_counter, full.tries), (counter, 2));
    assert_eq!(full.result, Some(JsonText::trusted("7")));
    assert_eq!((full.status, full.settled), (OperationStatus::Applied, Birth::ThisWrite));
    assert_eq!(bench.inbox(None, 1).operations, []);
    let head = bench.head();
    assert_eq!((head.settled_count, head.settled_size, head.full_count), (1, 17, 1));
    bench.check();
}

#[test]
fn a_save_of_the_same_value_keeps_the_counter_of_the_entry() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let write = bench.settling(vec![end]);
    bench.written(RecordWrite { data: Data::Keep, ..write });
    assert_eq!(full(&bench, "a").entry_counter, 1);
}

#[test]
fn a_result_has_a_largest_size_and_a_larger_one_is_left_out() {
    let mut bench = held(OperationSettings { result_size_max: 3, ..Default::default() });
    for (id, result, kept) in [("a", "123", true), ("b", "1234", false)] {
        bench.queued(id);
        let result = Some(JsonText::trusted(result));
        let end = Settlement { result, ..oldest(&mut bench) };
        bench.settle(vec![end]);
        assert_eq!(full(&bench, id).result.is_some(), kept, "{id}");
    }
    bench.check();
}

#[test]
fn w4_a_save_that_is_sent_again_settles_nothing_twice() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let write = bench.settling(vec![end]);
    bench.written(write.clone());
    let rows = bench.world.rows.clone();
    match bench.write(write.clone()) {
        Outcome::Refused(RecordRefusal::Moved(view)) => {
            assert_eq!(view.record.unwrap().body.write_id, write.write_id);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.world.rows, rows);
}

#[test]
fn do4_an_operation_that_the_store_lost_is_settled_and_not_counted() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let lost = [LedgerKey::Queue, LedgerKey::Pending(0), LedgerKey::Receipt(operation_id("a"))];
    for key in lost {
        let key = bench.key(key);
        bench.world.rows.remove(&key).unwrap();
    }
    bench.settle(vec![end]);
    assert_eq!((bench.state("a"), bench.head().settled_count), ("full", 0));
    bench.check();
    assert!(!bench.queued("a").is_new);
}

#[test]
fn do1_an_operation_that_the_store_lost_and_got_again_is_settled_where_it_stands_now() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    for key in [LedgerKey::Pending(0), LedgerKey::Receipt(operation_id("a")), LedgerKey::Queue] {
        let key = bench.key(key);
        bench.world.rows.remove(&key).unwrap();
    }
    bench.queued("b");
    // It is queued again after the save was planned on its absence.
    let write = bench.settling(vec![end.clone()]);
    let mut save = bench.start(RecordCommand::Write(Box::new(write)));
    to_batch(&mut bench, &mut save);
    assert!(bench.queued("a").is_new);
    while !save.is_over() {
        bench.world.step(&mut save);
    }
    assert!(answer(save).committed().is_some());
    assert_eq!(bench.state("a"), "full");
    let waiting = bench.inbox(None, 9).operations;
    let ids: Vec<_> = waiting.iter().map(|it| it.body.id.as_str()).collect();
    assert_eq!(ids, ["b"], "the place that was its own is another's now, and stays");
    bench.check();
}

#[test]
fn do4_what_ends_is_planned_on_the_rows_that_wait() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let write = bench.settling(vec![end]);
    let mut save = bench.start(RecordCommand::Write(Box::new(write)));
    to_batch(&mut bench, &mut save);
    // A fail-over loses the queueing behind the save's back, and its place is given away again.
    for key in [LedgerKey::Pending(0), LedgerKey::Receipt(operation_id("a")), LedgerKey::Queue] {
        let key = bench.key(key);
        bench.world.rows.remove(&key).unwrap();
    }
    bench.queued("b");
    while !save.is_over() {
        bench.world.step(&mut save);
    }
    assert!(answer(save).committed().is_some());
    let waiting = bench.inbox(None, 9).operations;
    let ids: Vec<_> = waiting.iter().map(|it| it.body.id.as_str()).collect();
    assert_eq!((ids.as_slice(), bench.state("a")), (&["b"][..], "full"));
}

#[test]
fn a_save_that_loses_its_ledger_at_every_try_is_refused() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let receipt = bench.key(LedgerKey::Receipt(operation_id("a")));
    let row = bench.world.rows.remove(&receipt).unwrap();
    let write = bench.settling(vec![end]);
    let mut save = bench.start(RecordCommand::Write(Box::new(write)));
    for _ in 0..ATTEMPTS_MAX {
        to_batch(&mut bench, &mut save);
        bench.world.rows.insert(receipt.clone(), row.clone());
        bench.world.step(&mut save);
        bench.world.rows.remove(&receipt);
    }
    let refused = answer(save);
    assert!(matches!(refused, Outcome::Refused(RecordRefusal::Unavailable { .. })), "{refused:?}");
}

#[test]
fn an_operation_that_is_settled_twice_counts_once() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    bench.settle(vec![end.clone(), end.clone()]);
    bench.check();
    let status = OperationStatus::Cancelled;
    bench.settle(vec![Settlement { status, ..end }]);
    assert_eq!(full(&bench, "a").status, OperationStatus::Cancelled);
    bench.check();
}

#[test]
fn tries_in_vain_are_noted_of_what_waits_and_of_nothing_else() {
    let mut bench = bench();
    bench.hold();
    bench.apply(&["ended"]);
    bench.queued("a");
    let tries = Tries { count: 3, last_error: Some("no".into()), last_at: None };
    let attempt = |id| Attempt { id: operation_id(id), tries: tries.clone() };
    let attempts = ["ended", "a", "unknown"].map(attempt).to_vec();
    let head = bench.head();
    let ledger = LedgerWrite { tried: attempts, ..bench.ledger_write() };
    let write = RecordWrite { ledger: Some(Box::new(ledger)), ..bench.save_of(Data::Keep) };
    bench.written(write);
    let ReceiptState::Pending { seq: 1, tries: stored } = bench.receipt("a").unwrap().state else {
        panic!("it waits")
    };
    assert_eq!(stored, tries);
    assert_eq!((bench.state("ended"), bench.state("unknown")), ("full", "none"));
    assert_eq!(bench.head(), head);
    let again = bench.queued("a");
    assert!(!again.is_new, "it is the same operation still");
}

#[test]
fn a_ledger_write_without_anything_to_do_writes_nothing_of_the_ledger() {
    let mut bench = bench();
    bench.hold();
    bench.apply(&["a"]);
    let before = bench.ledger();
    let write = bench.settling(vec![]);
    let batch = bench.first_batch(RecordCommand::Write(Box::new(write)));
    let of_ledger = |write: &&Write| matches!(write.key(), RowKey::Ledger(..));
    assert_eq!(batch.writes.iter().filter(of_ledger).count(), 0);
    assert_eq!(bench.ledger(), before);
}

#[test]
fn a_failure_leaves_a_dead_letter_without_a_payload_that_is_too_large() {
    let settings = OperationSettings { dead_letter_payload_max: 3, ..Default::default() };
    let mut bench = held(settings);
    for (id, payload, is_kept) in [("a", "123", true), ("b", "1234", false)] {
        let payload = Some(JsonText::trusted(payload));
        let operation = QueueOperation { payload: payload.clone(), ..bench.operation(id) };
        bench.queue(operation).committed().unwrap();
        let error = Some("x".repeat(2_000).into());
        let (status, death) = (OperationStatus::Failed, Some(Death::Attempts));
        let end = Settlement { status, death, error, tries: 10, ..oldest(&mut bench) };
        bench.settle(vec![end]);
        let key = LedgerKey::DeadLetter(operation_id(id));
        let Some(LedgerBody::DeadLetter(letter)) = bench.ledger().remove(&key) else {
            panic!("there is none")
        };
        let size = u64::try_from(payload.as_ref().unwrap().size()).unwrap();
        assert_eq!((letter.payload.is_some(), letter.payload_size), (is_kept, size));
        assert_eq!((letter.death, letter.tries, letter.error.len()), (Death::Attempts, 10, 1_024));
        assert_eq!(bench.receipt(id).unwrap().status(), Some(OperationStatus::Failed));
    }
    assert_eq!(bench.head().dead_count, 2);
    bench.check();
}

#[test]
fn damage_of_the_numbers_is_told_and_nothing_is_written() {
    let mut bench = bench();
    bench.hold();
    bench.apply(&["a"]);
    bench.queued("b");
    let end = oldest(&mut bench);
    let row = bench.key(LedgerKey::Head);
    bench.world.damaged.insert(row.clone());
    let write = bench.settling(vec![end]);
    let error = error_of(bench.ask(RecordCommand::Write(Box::new(write))));
    assert_eq!(error, PlatformError::Corrupt { row: Box::new(row) });
    assert_eq!(bench.state("b"), "pending");
}

#[test]
fn a_damaged_operation_stays_and_its_receipt_is_made() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let pending = bench.key(LedgerKey::Pending(0));
    bench.world.damaged.insert(pending.clone());
    bench.settle(vec![end]);
    assert!(bench.world.damaged.contains(&pending));
    assert_eq!((bench.state("a"), bench.inbox(None, 9).operations.len()), ("full", 0));
}

#[test]
fn a_damaged_receipt_is_made_anew() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let receipt = bench.key(LedgerKey::Receipt(operation_id("a")));
    bench.world.damaged.insert(receipt);
    bench.settle(vec![end]);
    assert!(bench.world.damaged.is_empty());
    assert_eq!((bench.state("a"), bench.head().settled_count), ("full", 1));
    bench.check();
}

#[test]
fn w4_a_ledger_that_cannot_be_read_is_a_refusal() {
    let mut bench = held(OperationSettings { receipts_max: 0, ..Default::default() });
    bench.apply(&["a", "b"]);
    bench.queued("c");
    let end = oldest(&mut bench);
    let write = bench.settling(vec![end]);
    let command = || RecordCommand::Write(Box::new(write.clone()));
    let mut steps = 0;
    loop {
        let mut running = bench.start(command());
        let mut copy = bench.world.clone();
        for _ in 0..steps {
            copy.step(&mut running);
        }
        if running.batch().is_some() {
            break;
        }
        running.fail();
        let refused = answer(running);
        assert!(matches!(refused, Outcome::Refused(RecordRefusal::Unavailable { .. })));
        steps += 1;
    }
    assert!(steps >= 3, "{steps} reads and scans");
}

/// Bytes of a write, larger than any encoding of it: its names and numbers as text, and the JSON.
fn size_of(write: &Write) -> usize {
    let json = match write {
        Write::Put { body: RowBody::Entry(body) | RowBody::Revision(body), .. } => {
            body.content.as_ref().map_or(0, |content| content.value.size())
        }
        _ => 0,
    };
    format!("{write:?}").len() + json
}

#[test]
fn a_save_with_full_default_ledgers_reads_and_writes_few_rows() {
    let mut bench = held(OperationSettings::default());
    bench.world.batch_max = 10_000;
    for round in 0..11 {
        for number in 0..500 {
            bench.queued(&format!("{round:08}-gift-{number:03}"));
        }
        bench.pass(std::time::Duration::from_mins(1));
        bench.settle_oldest(500);
    }
    assert_eq!((bench.head().full_count, bench.head().kept_count), (500, 5_000));
    bench.check();
    bench.queued("one-more");
    let settlement = oldest(&mut bench);
    let mut write = bench.settling(vec![settlement]);
    write.data = data(&format!("\"{}\"", "x".repeat(2_046)));
    let mut running = bench.start(RecordCommand::Write(Box::new(write)));
    let (mut steps, mut read) = (0, 0);
    while running.batch().is_none() {
        read += running.wanted();
        bench.world.step(&mut running);
        steps += 1;
    }
    let batch = running.batch().unwrap();
    let bytes: usize = batch.writes.iter().map(size_of).sum();
    assert!(steps <= 5 && read <= 8, "{steps} steps, {read} rows");
    assert!(batch.writes.len() <= 12, "{:?}", batch.writes);
    assert!(bytes < 10_000, "{bytes} bytes");
    bench.world.step(&mut running);
    assert!(answer(running).committed().is_some());
    assert_eq!((bench.head().full_count, bench.head().kept_count), (500, 5_000));
    assert!(bench.head().horizon.is_some());
    bench.check();
}

#[test]
fn the_id_of_the_write_is_in_every_row_that_it_writes() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let end = oldest(&mut bench);
    let write = RecordWrite { write_id: WriteId(77), ..bench.settling(vec![end]) };
    let batch = bench.first_batch(RecordCommand::Write(Box::new(write)));
    for write in &batch.writes {
        if let Write::Put { key: RowKey::Ledger(..), revision, .. } = write {
            assert_eq!(revision.tag, 77);
        }
    }
}
