//! Facts about what is read of operations.

use crate::operation::tests::support::applied;
use crate::operation::tests::{Bench, error_of, operation_id};
use crate::operation::{
    Attempt, DeadLetter, Death, LedgerBody, LedgerKey, LedgerWrite, OperationSettings,
    OperationStatus, PendingOperation, ReceiptBody, ReceiptState, Settlement, Tries,
};
use crate::outcome::Outcome;
use crate::platform::PlatformError;
use crate::record::{Data, RecordCommand, RecordReply, RecordWrite};
use crate::row::{Birth, RowBody};

fn bench() -> Bench {
    Bench::new(OperationSettings::default())
}

fn ids(operations: &[PendingOperation]) -> Vec<&str> {
    operations.iter().map(|it| it.body.id.as_str()).collect()
}

fn receipts(bench: &mut Bench, after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
    let (entry, after) = (bench.entry.clone(), after.map(operation_id));
    match bench.ask(RecordCommand::ReadReceipts { entry, after, limit }) {
        Ok(RecordReply::Receipts(receipts, has_more)) => {
            (receipts.into_iter().map(|(id, _)| id.to_string()).collect(), has_more)
        }
        other => panic!("{other:?}"),
    }
}

fn dead_letters(bench: &mut Bench, after: Option<&str>, limit: usize) -> (Vec<DeadLetter>, bool) {
    let (entry, after) = (bench.entry.clone(), after.map(operation_id));
    match bench.ask(RecordCommand::ReadDeadLetters { entry, after, limit }) {
        Ok(RecordReply::DeadLetters(letters, has_more)) => (letters, has_more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_inbox_is_read_in_pages_in_the_order_of_queueing() {
    let mut bench = bench();
    for id in ["c", "a", "b"] {
        bench.queued(id);
    }
    let first = bench.inbox(None, 2);
    assert_eq!((ids(&first.operations), first.has_more), (vec!["c", "a"], true));
    let second = bench.inbox(Some(first.operations[1].seq), 2);
    assert_eq!((ids(&second.operations), second.has_more), (vec!["b"], false));
    assert_eq!(bench.inbox(Some(2), 2).operations, []);
    assert_eq!(bench.inbox(None, 0).operations.len(), 1, "a page holds at least one");
    assert_eq!(second.now, bench.world.now);
}

#[test]
fn an_inbox_tells_the_tries_that_are_stored() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let now = bench.world.now;
    let tries = Tries { count: 2, last_error: Some("no".into()), last_at: Some(now) };
    let attempts = vec![Attempt { id: operation_id("a"), tries: tries.clone() }];
    let ledger = LedgerWrite { tried: attempts, ..bench.ledger_write() };
    let save = bench.save_of(Data::Keep);
    bench.written(RecordWrite { ledger: Some(Box::new(ledger)), ..save });
    assert_eq!(bench.inbox(None, 1).operations[0].tries, tries);
    bench.check();
}

#[test]
fn damaged_operations_are_left_out_and_hide_no_others() {
    let mut bench = bench();
    for id in ["a", "b", "c", "d"] {
        bench.queued(id);
    }
    for seq in [0, 1] {
        let key = bench.key(LedgerKey::Pending(seq));
        bench.world.damaged.insert(key);
    }
    let page = bench.inbox(None, 1);
    assert_eq!((ids(&page.operations), page.has_more), (vec!["c"], true));
    // What only its receipt is lost of still waits.
    let key = bench.key(LedgerKey::Receipt(operation_id("c")));
    bench.world.damaged.insert(key);
    assert_eq!(ids(&bench.inbox(None, 5).operations), ["c", "d"]);
}

#[test]
fn do1_an_operation_that_ended_by_its_receipt_is_never_read_as_waiting() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    bench.queued("b");
    let pending = bench.key(LedgerKey::Pending(0));
    let row = bench.world.rows[&pending].clone();
    bench.settle_oldest(1);
    bench.world.rows.insert(pending, row);
    assert_eq!(ids(&bench.inbox(None, 1).operations), ["b"]);
}

#[test]
fn a_grant_reads_what_waits_and_is_committed_also_if_that_fails() {
    let mut bench = bench();
    bench.queued("a");
    let written = bench.hold();
    assert_eq!(ids(&written.inbox.unwrap().operations), ["a"]);
    for reads in 0..2 {
        let save = bench.save_of(Data::Keep);
        let body = save.body.clone();
        let save = RecordWrite { inbox_max: Some(5), ..save };
        let mut running = bench.start(RecordCommand::Write(Box::new(save)));
        for _ in 0..=reads {
            bench.world.step(&mut running);
        }
        running.fail();
        match running.answer() {
            Ok(RecordReply::Written(Outcome::Committed(written))) => {
                assert_eq!(written.inbox, None);
                bench.held = Some((written.base, body));
            }
            other => panic!("{other:?}"),
        }
    }
    let save = bench.save_of(Data::Keep);
    let written = bench.written(RecordWrite { inbox_max: Some(1), ..save });
    assert_eq!(written.inbox.unwrap().operations.len(), 1);
}

#[test]
fn what_is_known_of_an_operation_is_its_receipt_and_the_horizon() {
    let settings = OperationSettings { receipts_max: 0, kept_max: 1, ..Default::default() };
    let mut bench = Bench::new(settings);
    bench.hold();
    assert_eq!((bench.known("a").receipt, bench.known("a").horizon), (None, None));
    let issued_at = bench.world.now;
    bench.apply(&["a"]);
    let settled = Birth::At(bench.world.now);
    bench.pass(std::time::Duration::from_secs(1));
    let ReceiptBody { state, .. } = bench.known("a").receipt.unwrap();
    let (status, entry_counter) = (OperationStatus::Applied, 2);
    assert_eq!(state, ReceiptState::Kept { status, settled, entry_counter });
    bench.apply(&["b"]);
    let view = bench.known("a");
    assert_eq!((view.receipt, view.horizon, view.now), (None, Some(issued_at), bench.world.now));
    for key in [LedgerKey::Receipt(operation_id("b")), LedgerKey::Head] {
        let row = bench.key(key);
        bench.world.damaged.insert(row.clone());
        let (entry, id) = (bench.entry.clone(), operation_id("b"));
        let error = error_of(bench.ask(RecordCommand::ReadOperation { entry, id }));
        assert_eq!(error, PlatformError::Corrupt { row: Box::new(row) });
        bench.world.damaged.clear();
    }
}

#[test]
fn receipts_are_read_in_pages_by_id() {
    let mut bench = bench();
    bench.hold();
    bench.apply(&["c", "a"]);
    bench.queued("b");
    assert_eq!(receipts(&mut bench, None, 2), (vec!["a".to_owned(), "b".to_owned()], true));
    assert_eq!(receipts(&mut bench, Some("b"), 2), (vec!["c".to_owned()], false));
    let key = bench.key(LedgerKey::Receipt(operation_id("a")));
    bench.world.damaged.insert(key);
    assert_eq!(receipts(&mut bench, None, 1), (vec!["b".to_owned()], true));
}

#[test]
fn dead_letters_are_read_in_pages_by_id() {
    let mut bench = bench();
    bench.hold();
    for id in ["b", "a"] {
        bench.queued(id);
        let waiting = bench.inbox(None, 1).operations.remove(0);
        let (status, death) = (OperationStatus::Failed, Some(Death::Handler));
        bench.settle(vec![Settlement { status, death, ..applied(&waiting) }]);
    }
    let died_at = bench.world.now;
    bench.pass(std::time::Duration::from_secs(1));
    let (letters, has_more) = dead_letters(&mut bench, None, 1);
    assert_eq!((letters[0].id.as_str(), letters[0].died_at, has_more), ("a", died_at, true));
    assert_eq!(letters[0].body.death, Death::Handler);
    let (letters, has_more) = dead_letters(&mut bench, Some("a"), 9);
    assert_eq!((letters[0].id.as_str(), letters.len(), has_more), ("b", 1, false));
}

#[test]
fn a_page_that_cannot_be_read_is_an_error() {
    let entry = bench().entry;
    let commands = [
        RecordCommand::ReadInbox { entry: entry.clone(), after: None, limit: 1 },
        RecordCommand::ReadReceipts { entry: entry.clone(), after: None, limit: 1 },
        RecordCommand::ReadDeadLetters { entry, after: None, limit: 1 },
    ];
    for command in commands {
        let mut running = bench().start(command);
        running.fail();
        let error = error_of(running.answer());
        assert_eq!(error, PlatformError::Unavailable { reason: "gone".into() });
    }
}

#[test]
fn bodies_belong_to_rows_of_their_own_kind() {
    let mut bench = bench();
    bench.queued("a");
    let key = bench.key(LedgerKey::Head);
    let wrong = RowBody::Ledger(LedgerBody::Order);
    assert!(!wrong.belongs_to(&key));
    bench.world.put(key.clone(), wrong);
    let operation = bench.operation("b");
    let error = error_of(bench.ask(RecordCommand::Queue(Box::new(operation))));
    assert_eq!(error, PlatformError::Corrupt { row: Box::new(key) });
}
