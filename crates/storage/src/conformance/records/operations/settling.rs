//! Facts about saves that settle operations.

use std::sync::Arc;

use steadfast_core::operation::{
    Attempt, LedgerWrite, OperationSettings, OperationStatus, PendingOperation, ReceiptState,
    Receipted, Settlement, Tries,
};
use steadfast_core::record::{Data, RecordWrite};
use steadfast_core::row::Birth;

use super::super::calls::{Scene, committed, grant};
use super::support::{id, kind, ledger, names, payload, queued, settlement};
use crate::conformance::RecordsHarness;
use crate::conformance::samples::content_of;

/// As many as were asked for, the first queued first, and whether there are more.
pub fn a_grant_brings_what_waits<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["a", "b", "c"], 1);
    let view = scene.read();
    let mut granting = grant(&view, 4);
    granting.inbox_max = Some(2);
    let written = committed(scene.write(&granting));
    let inbox = written.inbox.expect("nothing fails here");
    assert_eq!(
        (&names(&inbox.operations)[..], inbox.has_more),
        (&["a", "b"].map(String::from)[..], true)
    );
    assert_eq!(inbox.operations, scene.inbox_behind(None, 2).operations);
    assert_eq!(scene.waiting(), ["a", "b", "c"], "reading settles nothing");

    let other = Scene::<H>::new();
    let mut granting = grant(&other.read(), 1);
    granting.inbox_max = Some(2);
    let inbox = committed(other.write(&granting)).inbox.expect("nothing fails here");
    assert!(inbox.operations.is_empty() && !inbox.has_more, "{inbox:?}");
    // Whoever does not ask is not told.
    assert_eq!(committed(other.write(&grant(&other.read(), 2))).inbox, None);
}

/// DO3: data, receipt and the end of the waiting are one write, under one revision.
pub fn do3_a_save_stores_what_it_applied_with_its_receipt<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["a", "b"], 1);
    let mut held = scene.grant(3);
    let waiting = scene.inbox();
    let first = waiting.first().expect("two of them wait");
    let result = Some(payload("{\"coins\":5}"));
    let applied = Settlement {
        result: result.clone(),
        tries: 1,
        ..settlement(first, OperationStatus::Applied)
    };
    let save = scene.settling(&held, 4, vec![applied], &Arc::default());
    let written = scene.must_write(&mut held, save);
    assert_eq!(scene.stored().and_then(|state| state.content), Some(content_of(4)));
    assert_eq!(scene.waiting(), ["b"]);
    let receipt = scene.receipt("a");
    let entry_counter = written.base.entry.row.map_or(0, |revision| revision.counter);
    let settled = Birth::At(written.stamped_at);
    let (status, error, tries, death) = (OperationStatus::Applied, None, 1, None);
    let kind = kind();
    let end = Receipted { kind, status, settled, entry_counter, result, error, tries, death };
    assert_eq!(receipt.state, ReceiptState::Full(end));
    assert_eq!(scene.receipt("b").status(), None);

    // Whoever sends it again is told so, and it is not applied again.
    let again = queued(scene.queue(scene.request("a", 5)));
    assert!(!again.is_new);
    assert_eq!(again.receipt, receipt);
    assert_eq!(scene.waiting(), ["b"]);
    // A save that changes no value settles as well: the counter is that of the value.
    let second = scene.inbox().into_iter().next().expect("one of them waits");
    let settled = vec![settlement(&second, OperationStatus::Cancelled)];
    let save = scene.settling(&held, 6, settled, &Arc::default());
    scene.must_write(&mut held, RecordWrite { data: Data::Keep, ..save });
    let ReceiptState::Full(end) = scene.receipt("b").state else { panic!("it has ended") };
    assert_eq!((end.status, end.entry_counter), (OperationStatus::Cancelled, entry_counter));
    assert!(scene.inbox().is_empty());
}

/// It waits on, and whoever reads it next goes on counting.
pub fn a_try_in_vain_is_stored_with_the_save<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["a"], 1);
    let mut held = scene.grant(2);
    let last_at = Some(scene.now());
    let tries = Tries { count: 4, last_error: Some("the bag is full".into()), last_at };
    let attempt = Attempt { id: id("a"), tries: tries.clone() };
    let ledger = LedgerWrite { tried: vec![attempt], ..ledger(vec![], &Arc::default()) };
    let save = RecordWrite { ledger: Some(Box::new(ledger)), ..held.save(&scene.entry, 3) };
    scene.must_write(&mut held, save);
    let waiting = scene.inbox();
    assert_eq!(waiting.iter().map(|it| &it.tries).collect::<Vec<_>>(), [&tries]);
    assert_eq!(scene.receipt("a").state, ReceiptState::Pending { seq: 0, tries });
    scene.settle_all(&mut held, 4, &Arc::default());
    assert!(scene.inbox().is_empty());
}

/// A restore to an earlier state of the value takes back what was applied since, and only that.
pub fn a_restore_takes_receipts_back_that_came_after<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    scene.must_queue(&["before"], 2);
    let restored = scene.settle_all(&mut held, 3, &Arc::default());
    let counter = restored.base.entry.row.map_or(0, |revision| revision.counter);
    let mut permanent = scene.request("for good", 4);
    permanent.is_permanent = true;
    assert!(queued(scene.queue(permanent)).is_new);
    scene.must_queue(&["after"], 5);
    scene.settle_all(&mut held, 6, &Arc::default());
    scene.must_queue(&["waits"], 7);

    let undo = LedgerWrite { undo_after: Some(counter), ..ledger(vec![], &Arc::default()) };
    let save = RecordWrite { ledger: Some(Box::new(undo)), ..held.save(&scene.entry, 8) };
    scene.must_write(&mut held, save);
    let known: Vec<String> = scene.receipts().into_iter().map(|(id, _)| id).collect();
    assert_eq!(known, ["before", "waits"]);
    assert_eq!(scene.operation("before").horizon, None, "what went back may be sent again");
    scene.must_queue(&["after", "for good"], 9);
    assert_eq!(scene.waiting(), ["waits", "after", "for good"]);
}

/// A store that went back knows nothing of it: the data that the session holds has its effect.
pub fn a_settlement_that_the_store_forgot_is_stored<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["kept"], 1);
    let mut held = scene.grant(2);
    let kept = scene.inbox().into_iter().next().expect("it waits");
    let mut body = (*kept.body).clone();
    body.id = id("forgotten");
    let forgotten = PendingOperation { body: Arc::new(body), ..kept };
    let settled = vec![settlement(&forgotten, OperationStatus::Applied)];
    let save = scene.settling(&held, 3, settled, &Arc::default());
    scene.must_write(&mut held, save);
    assert_eq!(scene.receipt("forgotten").status(), Some(OperationStatus::Applied));
    assert_eq!(scene.waiting(), ["kept"], "the row at its place is that of another one");
    scene.settle_all(&mut held, 4, &Arc::default());
    assert!(scene.inbox().is_empty());
    let full = OperationSettings { pending_max: 1, ..OperationSettings::default() };
    let mut next = scene.request("next", 5);
    next.settings = Arc::new(full);
    assert!(queued(scene.queue(next)).is_new, "what was never queued is counted nowhere");
}

/// The entry is a deleted one like any other; what the record knows of operations stays.
pub fn a_deletion_leaves_the_ledger_of_the_record<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["a", "b"], 1);
    let mut held = scene.grant(3);
    let waiting = scene.inbox();
    let settled: Vec<Settlement> =
        waiting.iter().take(1).map(|it| settlement(it, OperationStatus::Applied)).collect();
    let save = scene.settling(&held, 4, settled, &Arc::default());
    let written = scene.must_write(&mut held, RecordWrite { data: Data::Delete, ..save });
    assert!(written.base.entry.entry.is_some_and(|entry| !entry.is_live), "{written:?}");
    assert!(scene.stored().is_none_or(|state| state.content.is_none()), "it is deleted");
    assert_eq!(scene.receipt("a").status(), Some(OperationStatus::Applied));
    assert_eq!(scene.waiting(), ["b"]);
    assert!(!queued(scene.queue(scene.request("a", 5))).is_new, "it was applied before");
    // Deleted once more, nothing happens to it; then it holds a value again.
    let again = RecordWrite { data: Data::Delete, ..held.save(&scene.entry, 6) };
    scene.must_write(&mut held, again);
    let save = held.save(&scene.entry, 7);
    scene.must_write(&mut held, save);
    assert_eq!(scene.stored().and_then(|state| state.content), Some(content_of(7)));
}
