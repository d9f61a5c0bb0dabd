//! Facts about operations from their queueing to their end and beyond.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

use std::time::Duration;

use super::support::{Bench, applied, as_refused, data};
use crate::operation::{OperationSettings, QueueOperation, QueueRefusal, Settlement};
use crate::outcome::Outcome;
use crate::record::{RecordCommand, RecordReply};
use crate::row::RowKey;

#[test]
fn do2_ten_thousand_pruned_ids_are_replayed_and_none_is_accepted() {
    let settings = OperationSettings { receipts_max: 5, kept_max: 5, ..Default::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    bench.world.batch_max = 5_000;
    let mut replayed: Vec<QueueOperation> = Vec::new();
    for _ in 0..10 {
        for _ in 0..1_000 {
            let operation = bench.operation(&format!("op-{}", replayed.len()));
            bench.queue(operation.clone()).committed().unwrap();
            replayed.push(operation);
        }
        bench.settle_oldest(1_000);
        bench.check();
        bench.pass(Duration::from_secs(1));
    }
    let before = bench.ledger();
    let (mut expired_count, mut known_count) = (0, 0);
    for operation in replayed {
        match bench.queue(operation) {
            Outcome::Refused(QueueRefusal::Expired { .. }) => expired_count += 1,
            Outcome::Committed(queued) => {
                assert!(queued.receipt.status().is_some(), "it has ended");
                known_count += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((expired_count, known_count), (9_990, 10));
    assert_eq!(bench.ledger(), before);
}

#[test]
fn do7_a_flood_never_changes_the_row_of_the_record_and_every_save_is_committed() {
    let mut bench = Bench::new(OperationSettings::default());
    bench.hold();
    let key = RowKey::Record(bench.entry.clone());
    let mut number = 0;
    for _ in 0..20 {
        let waiting = bench.inbox(None, 50).operations;
        let write = bench.settling(waiting.iter().map(applied).collect());
        let body = write.body.clone();
        let mut save = bench.start(RecordCommand::Write(Box::new(write)));
        let record = bench.world.rows[&key].clone();
        // Between every two steps of the save ten operations come.
        while !save.is_over() {
            let is_last = save.batch().is_some();
            for _ in 0..10 {
                bench.queued(&format!("flood-{number}"));
                number += 1;
            }
            assert_eq!(bench.world.rows[&key], record);
            bench.world.step(&mut save);
            assert_eq!(save.is_over(), is_last, "a save is planned once");
        }
        match save.answer() {
            Ok(RecordReply::Written(Outcome::Committed(written))) => {
                bench.held = Some((written.base, body));
            }
            other => panic!("{other:?}"),
        }
        bench.check();
    }
}

#[test]
fn do5_an_operation_that_comes_between_reading_and_saving_survives_the_save() {
    let mut bench = Bench::new(OperationSettings::default());
    bench.hold();
    bench.queued("a");
    let waiting = bench.inbox(None, 9).operations;
    bench.queued("b");
    bench.settle(waiting.iter().map(applied).collect());
    bench.written_plain();
    let left = bench.inbox(None, 9).operations;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].body.id.as_str(), "b");
    bench.check();
}

#[test]
fn do1_who_lost_the_record_settles_nothing() {
    let mut bench = Bench::new(OperationSettings::default());
    bench.hold();
    bench.queued("a");
    let waiting = bench.inbox(None, 9).operations;
    let late = bench.settling(waiting.iter().map(applied).collect());
    bench.hold();
    let before = bench.ledger();
    assert!(matches!(bench.write(late), Outcome::Refused(_)));
    assert_eq!(bench.ledger(), before);
    bench.settle_oldest(1);
    assert_eq!(bench.state("a"), "full");
    bench.check();
}

#[test]
fn do4_every_operation_is_in_one_place_until_it_is_forgotten() {
    let settings = OperationSettings { receipts_max: 1, kept_max: 1, ..Default::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    let mut seen = vec![bench.state("a")];
    bench.queued("a");
    seen.push(bench.state("a"));
    for id in ["a", "b", "c"] {
        bench.queued(id);
        bench.settle_oldest(9);
        seen.push(bench.state("a"));
        bench.pass(Duration::from_secs(1));
        bench.check();
    }
    assert_eq!(seen, ["none", "pending", "full", "kept", "none"]);
    let again = bench.operation("a");
    let issued_at = crate::platform::tests::world::later(bench.world.now, -3);
    let again = QueueOperation { issued_at, ..again };
    assert!(matches!(as_refused(bench.queue(again)), QueueRefusal::Expired { .. }));
}

#[test]
fn a_save_that_settles_what_another_session_settled_is_refused() {
    let mut bench = Bench::new(OperationSettings::default());
    bench.hold();
    bench.queued("a");
    let end: Settlement = applied(&bench.inbox(None, 1).operations[0]);
    let first = bench.settling(vec![end.clone()]);
    let second = bench.settling(vec![end]);
    bench.written(first);
    assert!(matches!(bench.write(second), Outcome::Refused(_)));
    bench.check();
}

impl Bench {
    /// A save of the session that knows of no operations.
    #[track_caller]
    fn written_plain(&mut self) {
        let write = self.save_of(data("5"));
        self.written(write);
    }
}

/// What the mistakes do that the proof plants.
#[cfg(feature = "planted")]
mod planted {
    use super::*;
    use crate::json::JsonText;
    use crate::operation::tests::operation_id;
    use crate::planted::Flaw;
    use crate::platform::tests::world::Running;
    use crate::record::RecordRequest;

    fn run(bench: &mut Bench, command: RecordCommand, flaw: Flaw) -> RecordReply {
        let mut running: Running<RecordRequest> = bench.start(command);
        running.machine_mut().plant(flaw);
        while !running.is_over() {
            bench.world.step(&mut running);
        }
        running.answer().unwrap()
    }

    #[test]
    fn an_operation_is_known_by_its_id_alone() {
        let mut bench = Bench::new(OperationSettings::default());
        bench.queued("a");
        let payload = Some(JsonText::trusted("2"));
        let operation = QueueOperation { payload, ..bench.operation("a") };
        let command = RecordCommand::Queue(Box::new(operation));
        match run(&mut bench, command, Flaw::QueueIgnoresPayload) {
            RecordReply::Queued(Outcome::Committed(queued)) => assert!(!queued.is_new),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_operation_at_the_horizon_is_queued_twice() {
        let settings = OperationSettings { receipts_max: 0, kept_max: 0, ..Default::default() };
        let mut bench = Bench::new(settings);
        bench.hold();
        let operation = bench.operation("a");
        bench.queue(operation.clone()).committed().unwrap();
        bench.settle_oldest(1);
        let command = RecordCommand::Queue(Box::new(operation));
        match run(&mut bench, command, Flaw::HorizonOffByOne) {
            RecordReply::Queued(Outcome::Committed(queued)) => assert!(queued.is_new),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_effect_without_a_receipt_waits_to_be_applied_again() {
        let mut bench = Bench::new(OperationSettings::default());
        bench.hold();
        bench.queued("a");
        let end = applied(&bench.inbox(None, 1).operations[0]);
        let write = bench.settling(vec![end]);
        match run(&mut bench, RecordCommand::Write(Box::new(write)), Flaw::ReceiptApart) {
            RecordReply::Written(Outcome::Committed(written)) => {
                assert_eq!(written.base.entry.row.map(|row| row.counter), Some(2));
            }
            other => panic!("{other:?}"),
        }
        let key = crate::operation::LedgerKey::Receipt(operation_id("a"));
        assert!(bench.row(key).is_some());
        assert_eq!((bench.state("a"), bench.inbox(None, 1).operations.len()), ("pending", 1));
    }

    #[test]
    fn a_queueing_moves_the_record_and_refuses_the_next_save() {
        let mut bench = Bench::new(OperationSettings::default());
        bench.hold();
        let operation = bench.operation("a");
        let command = RecordCommand::Queue(Box::new(operation));
        run(&mut bench, command, Flaw::QueueRefusesSaves);
        let save = bench.save_of(data("2"));
        assert!(matches!(bench.write(save), Outcome::Refused(_)));
    }
}
