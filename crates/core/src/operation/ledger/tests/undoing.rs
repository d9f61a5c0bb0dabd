//! Facts about a restore: what ended since leaves the ledger.

use std::time::Duration;

use super::{bench, held, oldest};
use crate::operation::tests::support::{applied, data};
use crate::operation::tests::{Bench, operation_id};
use crate::operation::{
    LedgerKey, LedgerWrite, OperationSettings, QueueOperation, ReceiptState, Settlement, Tier,
};
use crate::record::RecordWrite;

/// A restore to the state that the entry had at a counter.
fn undo(bench: &mut Bench, counter: u64, settled: Vec<Settlement>) {
    let settled = settled.into_iter().map(std::sync::Arc::new).collect();
    let undo_after = Some(counter);
    let ledger = LedgerWrite { settled, undo_after, ..bench.ledger_write() };
    let save = bench.save_of(data("9"));
    bench.written(RecordWrite { ledger: Some(Box::new(ledger)), ..save });
}

#[test]
fn do1_what_ended_after_the_restored_state_may_be_queued_again() {
    let settings = OperationSettings { receipts_max: 1, ..OperationSettings::default() };
    let mut bench = held(settings);
    bench.apply(&["before"]);
    let counter = bench.held.as_ref().unwrap().0.entry.row.unwrap().counter;
    bench.pass(Duration::from_secs(1));
    bench.apply(&["kept"]);
    let operation = QueueOperation { is_permanent: true, ..bench.operation("bought") };
    bench.queue(operation).committed().unwrap();
    bench.settle_oldest(1);
    bench.pass(Duration::from_secs(1));
    bench.apply(&["full"]);
    bench.queued("waits");
    let ids = ["before", "kept", "bought", "full", "waits"];
    let states = |bench: &Bench| ids.map(|id| bench.state(id));
    assert_eq!(states(&bench), ["kept", "kept", "full", "full", "pending"]);
    undo(&mut bench, counter, vec![]);
    assert_eq!(states(&bench), ["kept", "none", "none", "none", "pending"]);
    let head = bench.head();
    assert_eq!((head.horizon, head.permanent_count), (None, 0));
    assert_eq!((head.full_count, head.kept_count), (0, 1));
    bench.check();
    bench.pass(Duration::from_secs(1));
    assert!(bench.queued("full").is_new);
    bench.settle_oldest(9);
    assert_eq!(bench.state("full"), "full");
    bench.check();
}

#[test]
fn what_ended_with_the_restored_state_stays() {
    let mut bench = bench();
    bench.hold();
    bench.apply(&["a"]);
    let counter = bench.held.as_ref().unwrap().0.entry.row.unwrap().counter;
    undo(&mut bench, counter, vec![]);
    assert_eq!(bench.state("a"), "full");
    undo(&mut bench, counter - 1, vec![]);
    assert_eq!(bench.state("a"), "none");
    bench.check();
}

#[test]
fn what_ends_with_the_restore_itself_comes_in_after_it() {
    let mut bench = bench();
    bench.hold();
    bench.apply(&["a"]);
    bench.queued("b");
    let end = oldest(&mut bench);
    undo(&mut bench, 0, vec![end]);
    assert_eq!((bench.state("a"), bench.state("b")), ("none", "full"));
    let Some(ReceiptState::Full(full)) = bench.receipt("b").map(|it| it.state) else {
        panic!("it is full")
    };
    assert_eq!(full.entry_counter, 3);
    bench.check();
}

#[test]
fn do6_a_restore_takes_out_all_of_a_large_ledger_in_one_write() {
    let mut bench = bench();
    bench.hold();
    bench.world.batch_max = 5_000;
    let ids: Vec<String> = (0..700).map(|number| format!("op-{number}")).collect();
    for id in &ids {
        bench.queued(id);
    }
    let waiting = bench.inbox(None, 1_000).operations;
    bench.settle(waiting.iter().map(applied).collect());
    bench.queued("waits");
    // A receipt that cannot be read stays where it is.
    let damaged = bench.key(LedgerKey::Receipt(operation_id("op-5")));
    bench.world.damaged.insert(damaged.clone());
    undo(&mut bench, 1, vec![]);
    bench.world.damaged.clear();
    let is_left = |key: &LedgerKey| matches!(key, LedgerKey::Receipt(_));
    let left: Vec<_> = bench.ledger().into_keys().filter(is_left).collect();
    let ids = ["op-5", "waits"].map(|id| LedgerKey::Receipt(operation_id(id)));
    assert_eq!(left, ids);
    let is_order = |key: &LedgerKey| matches!(key, LedgerKey::Order(Tier::Full, ..));
    assert_eq!(bench.ledger().keys().filter(|key| is_order(key)).count(), 1);
    bench.check();
}
