//! Facts about operations while the store fails.

use std::sync::Arc;

use steadfast_core::operation::{LedgerKey, OperationStatus, QueueRefusal};
use steadfast_core::platform::PlatformError;
use steadfast_core::record::{RecordCommand, RecordRefusal};
use steadfast_core::{ErrorKind, Outcome, RowKey};

use super::super::calls::{Scene, committed, grant, moved, submit};
use super::super::faults::faulty;
use super::support::{id, queued, settlement};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::write_id;
use crate::fault::Fault;

/// Unknown, and sent again it was queued by this very request, once.
pub fn a_queueing_without_an_answer_is_recognised_by_its_id<H: RecordsHarness>() {
    for fault in [Fault::AppliedThenUnknown, Fault::LostThenUnknown] {
        let Some(mut scene) = faulty::<H>() else { return };
        let request = scene.request("a", 1);
        let outcome = scene.with(&[fault], &[], |scene| scene.queue(request.clone()));
        assert_eq!(outcome, Outcome::Unknown);
        assert!(queued(scene.queue(request)).is_new, "{fault:?}");
        assert!(!queued(scene.queue(scene.request("a", 2))).is_new);
        assert_eq!(scene.waiting(), ["a"]);
    }
    let Some(mut scene) = faulty::<H>() else { return };
    let request = scene.request("a", 1);
    let outcome = scene.with(&[Fault::ErrorBefore], &[], |scene| scene.queue(request.clone()));
    let unavailable =
        matches!(outcome, Outcome::Refused(QueueRefusal::Store(RecordRefusal::Unavailable { .. })));
    assert!(unavailable, "{outcome:?}");
    assert!(scene.inbox().is_empty(), "it was said to be not written");
}

/// Sent again, the save is refused by itself, and each operation ended once.
pub fn a_settling_without_an_answer_happens_once<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    scene.must_queue(&["a", "b"], 1);
    let held = scene.grant(3);
    let waiting = scene.inbox();
    let settled = waiting.iter().take(1).map(|it| settlement(it, OperationStatus::Applied));
    let save = scene.settling(&held, 4, settled.collect(), &Arc::default());
    let outcome = scene.with(&[Fault::LostThenUnknown], &[], |scene| scene.write(&save));
    assert_eq!(outcome, Outcome::Unknown);
    assert_eq!(scene.waiting(), ["a", "b"], "nothing of it was written");
    let outcome = scene.with(&[Fault::AppliedThenUnknown], &[], |scene| scene.write(&save));
    assert_eq!(outcome, Outcome::Unknown);
    let first = scene.receipts();
    let view = moved(scene.write(&save));
    assert_eq!(view.record.map(|record| record.body.write_id), Some(write_id(4)));
    assert_eq!(scene.receipts(), first);
    assert_eq!(scene.waiting(), ["b"]);
    assert_eq!(scene.receipt("a").status(), Some(OperationStatus::Applied));
}

/// An operation that arrives behind a grant is seen by it or told to it: the grant, which moved the
/// record, refuses one that was planned before.
pub fn a_late_queueing_is_refused_by_a_grant<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let late = scene.request("late", 1);
    let outcome = scene.with(&[Fault::LateApply], &[], |scene| scene.queue(late.clone()));
    assert_eq!(outcome, Outcome::Unknown);
    let mut granting = grant(&scene.read(), 2);
    granting.inbox_max = Some(10);
    let inbox = committed(scene.write(&granting)).inbox.expect("nothing fails here");
    assert!(inbox.operations.is_empty(), "it had not arrived: {inbox:?}");
    scene.harness.release();
    assert!(scene.inbox().is_empty(), "the grant was planned without it");
    let again = queued(scene.queue(late));
    assert!(again.is_new && again.holder.is_some(), "it is planned anew: {again:?}");
}

/// What cannot be read is neither unknown nor new.
pub fn a_failed_read_of_operations_is_an_error_and_not_absence<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    scene.must_queue(&["a"], 1);
    let entry = scene.entry.clone();
    for command in [
        RecordCommand::Queue(Box::new(scene.request("b", 2))),
        RecordCommand::ReadInbox { entry: entry.clone(), after: None, limit: 10 },
        RecordCommand::ReadOperation { entry: entry.clone(), id: id("a") },
        RecordCommand::ReadReceipts { entry: entry.clone(), after: None, limit: 10 },
        RecordCommand::ReadDeadLetters { entry, after: None, limit: 10 },
    ] {
        let answer = scene.with(&[], &[true], |scene| submit(&*scene.records, command.clone()));
        let kind = answer.as_ref().map_err(PlatformError::kind).err();
        assert_eq!(kind, Some(ErrorKind::Unavailable), "{command:?} answers {answer:?}");
    }
    // The grant itself was written: its inbox is read by whoever wants it.
    let mut granting = grant(&scene.read(), 3);
    granting.inbox_max = Some(10);
    let outcome = scene.with(&[], &[true], |scene| scene.write(&granting));
    assert_eq!(committed(outcome).inbox, None);
    assert_eq!(scene.waiting(), ["a"]);
}

/// A lost receipt, ledger, count or record is not one that was never there.
pub fn a_damaged_ledger_lets_nothing_look_new<H: RecordsHarness>() {
    for key in [LedgerKey::Receipt(id("a")), LedgerKey::Head, LedgerKey::Queue] {
        let mut scene = Scene::<H>::new();
        scene.must_queue(&["a"], 1);
        let mut held = scene.grant(2);
        scene.settle_all(&mut held, 3, &Arc::default());
        if !scene.harness.damage(&RowKey::Ledger(scene.entry.clone(), key.clone())) {
            return;
        }
        let answer = scene.try_queue(scene.request("a", 4));
        let is_new = matches!(&answer, Ok(Outcome::Committed(queued)) if queued.is_new);
        assert!(!is_new, "{key} is damaged, and {answer:?}");
        if !matches!(key, LedgerKey::Receipt(_)) {
            // Of an id that nobody knows it cannot be told whether that was pruned.
            let answer = scene.try_queue(scene.request("b", 5));
            let kind = answer.as_ref().map_err(PlatformError::kind).err();
            assert_eq!(kind, Some(ErrorKind::Corrupt), "{key} is damaged, and {answer:?}");
        }
        if !matches!(key, LedgerKey::Queue) {
            let answer = scene.try_operation("a");
            assert!(answer.is_err(), "{key} is damaged, and {answer:?}");
        }
    }
}

/// What waits, what ended and the horizon are on disk.
pub fn operations_outlive_a_reopening<H: RecordsHarness>() {
    let mut scene = Scene::<H>::new();
    scene.must_queue(&["a", "b"], 1);
    let mut held = scene.grant(3);
    let waiting = scene.inbox();
    let settled = waiting.iter().take(1).map(|it| settlement(it, OperationStatus::Applied));
    let save = scene.settling(&held, 4, settled.collect(), &Arc::default());
    scene.must_write(&mut held, save);
    let (receipts, inbox) = (scene.receipts(), scene.inbox());
    if !scene.harness.reopen() {
        return;
    }
    (scene.records, scene.platform) = (scene.harness.records(), scene.harness.platform());
    assert_eq!((scene.receipts(), scene.inbox()), (receipts, inbox));
    assert!(!queued(scene.queue(scene.request("a", 5))).is_new);
    assert!(queued(scene.queue(scene.request("c", 6))).is_new);
    assert_eq!(scene.waiting(), ["b", "c"]);
}
