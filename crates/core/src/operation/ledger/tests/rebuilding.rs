//! Facts about a ledger whose row of numbers is damaged: it refuses everything until it is counted.

use std::time::Duration;

use super::{held, oldest};
use crate::operation::tests::support::applied;
use crate::operation::tests::{Bench, as_refused, error_of, operation_id};
use crate::operation::{
    Death, HeadBody, LedgerKey, LedgerWrite, OperationSettings, OperationStatus, QueueOperation,
    QueueRefusal, Settlement,
};
use crate::platform::PlatformError;
use crate::record::{Data, RecordCommand, RecordWrite};

/// A ledger with something of everything: `a` left it, `b` is an id, `c` is full, `d` died, `p` stays
/// for good, `e` waits.
fn mixed() -> Bench {
    let limits = OperationSettings { receipts_max: 1, kept_max: 1, ..OperationSettings::default() };
    let mut bench = held(limits);
    for id in ["d", "a", "b", "c"] {
        bench.queued(id);
        let death = (id == "d").then_some(Death::Handler);
        let status =
            if death.is_some() { OperationStatus::Failed } else { OperationStatus::Applied };
        let end = Settlement { status, death, ..oldest(&mut bench) };
        bench.settle(vec![end]);
        bench.pass(Duration::from_secs(1));
    }
    let operation = QueueOperation { is_permanent: true, ..bench.operation("p") };
    bench.queue(operation).committed().unwrap();
    bench.settle_oldest(1);
    bench.pass(Duration::from_secs(1));
    bench.queued("e");
    let states = ["a", "b", "c", "p", "e"].map(|id| bench.state(id));
    assert_eq!(states, ["none", "kept", "full", "full", "pending"]);
    bench.check();
    bench
}

fn damage(bench: &mut Bench, key: LedgerKey) {
    let row = bench.key(key);
    bench.world.damaged.insert(row);
}

/// A write that changes nothing but counts the ledger anew if it must.
fn rebuilding(bench: &mut Bench) -> RecordWrite {
    let ledger = LedgerWrite { rebuild: true, ..bench.ledger_write() };
    RecordWrite { ledger: Some(Box::new(ledger)), ..bench.save_of(Data::Keep) }
}

#[track_caller]
fn check_corrupt(bench: &mut Bench, command: RecordCommand, key: LedgerKey) {
    let row = Box::new(bench.key(key));
    assert_eq!(error_of(bench.ask(command)), PlatformError::Corrupt { row });
}

#[test]
fn without_its_numbers_nothing_is_queued_or_settled_until_they_are_counted() {
    let mut bench = mixed();
    let before = bench.head();
    damage(&mut bench, LedgerKey::Head);
    let end = oldest(&mut bench);
    let save = bench.settling(vec![end]);
    check_corrupt(&mut bench, RecordCommand::Write(Box::new(save)), LedgerKey::Head);
    let operation = bench.operation("f");
    check_corrupt(&mut bench, RecordCommand::Queue(Box::new(operation)), LedgerKey::Head);

    let write = rebuilding(&mut bench);
    bench.written(write);
    let horizon = Some(bench.world.now);
    assert_eq!(bench.head(), HeadBody { horizon, ..before });
    bench.check();

    // All goes on: what waits is settled, what is known is known, and there is room for more.
    bench.settle_oldest(1);
    assert_eq!(bench.state("e"), "full");
    bench.pass(Duration::from_secs(1));
    assert!(bench.queued("f").is_new);
    assert!(!bench.queued("p").is_new);
    bench.check();
}

#[test]
fn do2_what_had_left_a_ledger_that_was_counted_anew_is_never_applied_again() {
    let mut bench = mixed();
    let late = bench.operation("a");
    damage(&mut bench, LedgerKey::Head);
    let write = rebuilding(&mut bench);
    bench.written(write);
    let horizon = bench.world.now;
    let again = bench.queue(late.clone());
    let issued_at = late.issued_at;
    assert_eq!(as_refused(again), QueueRefusal::Expired { issued_at, horizon });
    // Whoever asks for the time first is issued behind it.
    let view = bench.known("a");
    assert_eq!((view.horizon, view.issue_time()), (Some(horizon), horizon.next()));
}

#[test]
fn numbers_that_can_be_read_are_left_as_they_are() {
    let mut bench = mixed();
    let before = bench.ledger();
    let write = rebuilding(&mut bench);
    bench.written(write);
    assert_eq!(bench.ledger(), before);
    // A ledger that was never written is not damaged either.
    let mut bench = held(OperationSettings::default());
    let write = rebuilding(&mut bench);
    bench.written(write);
    assert!(bench.ledger().is_empty());
}

#[test]
fn a_ledger_of_many_pages_is_counted_whole_and_pruned_in_the_same_write() {
    let mut bench = held(OperationSettings::default());
    let ids: Vec<String> = (0..300).map(|number| format!("op-{number:03}")).collect();
    for chunk in ids.chunks(50) {
        let ids: Vec<&str> = chunk.iter().map(String::as_str).collect();
        bench.apply(&ids);
    }
    assert_eq!(bench.head().full_count, 300);
    damage(&mut bench, LedgerKey::Head);
    let limits = OperationSettings { receipts_max: 290, ..OperationSettings::default() };
    bench.settings = limits.into();
    let write = rebuilding(&mut bench);
    bench.written(write);
    assert_eq!((bench.head().full_count, bench.head().kept_count), (290, 10));
    assert_eq!((bench.head().settled_count, bench.queue_row().count), (300, 300));
    bench.check();
}

#[test]
fn damaged_rows_count_nothing_and_a_damaged_count_of_the_queue_is_told() {
    let mut bench = mixed();
    damage(&mut bench, LedgerKey::Head);
    damage(&mut bench, LedgerKey::Receipt(operation_id("c")));
    let write = rebuilding(&mut bench);
    bench.written(write);
    assert_eq!((bench.head().full_count, bench.head().kept_count), (0, 1));
    let mut bench = mixed();
    damage(&mut bench, LedgerKey::Head);
    damage(&mut bench, LedgerKey::Queue);
    let write = rebuilding(&mut bench);
    check_corrupt(&mut bench, RecordCommand::Write(Box::new(write)), LedgerKey::Queue);
}

#[test]
fn a_writer_in_between_refuses_what_was_counted_before_it() {
    let mut bench = mixed();
    damage(&mut bench, LedgerKey::Head);
    let write = rebuilding(&mut bench);
    let mut slow = bench.start(RecordCommand::Write(Box::new(write)));
    while slow.batch().is_none() {
        bench.world.step(&mut slow);
    }
    // Another operator counts it, and a session goes on from there.
    let other = rebuilding(&mut bench);
    bench.written(other);
    let waiting = bench.inbox(None, 1).operations.remove(0);
    bench.settle(vec![applied(&waiting)]);
    let settled = bench.ledger();
    while !slow.is_over() {
        bench.world.step(&mut slow);
    }
    assert_eq!(bench.ledger(), settled);
    bench.check();
}
