//! Facts about what leaves a ledger.

use std::time::Duration;

use super::{held, oldest};
use crate::id::OperationId;
use crate::json::JsonText;
use crate::operation::tests::support::applied;
use crate::operation::tests::{Bench, as_refused, operation_id};
use crate::operation::{
    AGED_MAX, Death, LedgerKey, OperationSettings, OperationStatus, QueueOperation, QueueRefusal,
    Settlement, Tier,
};
use crate::platform::tests::world::later;
use crate::time::Timestamp;

const WEEK: Duration = Duration::from_hours(7 * 24);

fn limits(receipts_max: u32, kept_max: u32) -> OperationSettings {
    OperationSettings { receipts_max, kept_max, ..OperationSettings::default() }
}

/// Queues and applies an operation that was issued so many seconds ago.
fn apply_issued(bench: &mut Bench, id: &str, seconds_ago: i64) -> Timestamp {
    let issued_at = later(bench.world.now, -seconds_ago);
    let operation = QueueOperation { issued_at, ..bench.operation(id) };
    bench.queue(operation).committed().unwrap();
    bench.settle_oldest(1);
    issued_at
}

fn states(bench: &Bench, ids: &[&str]) -> Vec<&'static str> {
    ids.iter().map(|id| bench.state(id)).collect()
}

fn order(bench: &Bench, tier: Tier) -> Vec<String> {
    let of_tier = |key: LedgerKey| match key {
        LedgerKey::Order(of, _, id) if of == tier => Some(id.to_string()),
        _ => None,
    };
    bench.ledger().into_keys().filter_map(of_tier).collect()
}

#[test]
fn do2_the_oldest_issued_loses_its_result_and_then_its_id_and_the_horizon_rises() {
    let mut bench = held(limits(2, 1));
    let b = apply_issued(&mut bench, "b", 20);
    apply_issued(&mut bench, "c", 10);
    assert_eq!(states(&bench, &["b", "c"]), ["full", "full"]);
    // Issued before those, though it ended after them.
    let a = apply_issued(&mut bench, "a", 30);
    assert_eq!(states(&bench, &["a", "b", "c"]), ["kept", "full", "full"]);
    assert_eq!(bench.head().horizon, None);
    apply_issued(&mut bench, "d", 5);
    assert_eq!(states(&bench, &["a", "b", "c", "d"]), ["none", "kept", "full", "full"]);
    assert_eq!(bench.head().horizon, Some(a));
    bench.check();
    let again = QueueOperation { issued_at: a, ..bench.operation("a") };
    let refusal = as_refused(bench.queue(again));
    assert_eq!(refusal, QueueRefusal::Expired { issued_at: a, horizon: a });
    // What is known stays known behind the horizon.
    apply_issued(&mut bench, "e", 1);
    assert_eq!(bench.head().horizon, Some(b));
    assert!(!bench.queued("c").is_new);
    assert_eq!(order(&bench, Tier::Full), ["d", "e"]);
    assert_eq!(order(&bench, Tier::Kept), ["c"]);
}

#[test]
fn do2_the_horizon_never_falls() {
    let mut bench = held(limits(0, 0));
    let young = apply_issued(&mut bench, "young", 5);
    assert_eq!(bench.head().horizon, Some(young));
    // Queued before the horizon rose, it ends behind it.
    let mut bench = held(limits(1, 0));
    let old = later(bench.world.now, -50);
    let operation = QueueOperation { issued_at: old, ..bench.operation("old") };
    bench.queue(operation).committed().unwrap();
    let end = oldest(&mut bench);
    let waiting = bench.inbox(None, 9).operations.remove(0);
    let a = later(bench.world.now, -20);
    let operation = QueueOperation { issued_at: a, ..bench.operation("a") };
    bench.queue(operation).committed().unwrap();
    bench.queued("b");
    let ends: Vec<_> = bench.inbox(Some(waiting.seq), 9).operations.iter().map(applied).collect();
    bench.settle(ends);
    assert_eq!(bench.head().horizon, Some(a));
    bench.settle(vec![end]);
    assert_eq!((bench.head().horizon, bench.state("old")), (Some(a), "none"));
    let again = QueueOperation { issued_at: old, ..bench.operation("old") };
    assert!(matches!(as_refused(bench.queue(again)), QueueRefusal::Expired { .. }));
    bench.check();
}

#[test]
fn permanent_receipts_never_leave() {
    let mut bench = held(OperationSettings { receipt_age_max: WEEK, ..limits(0, 0) });
    let operation = QueueOperation { is_permanent: true, ..bench.operation("bought") };
    bench.queue(operation).committed().unwrap();
    bench.settle_oldest(1);
    // Also where only the handler says so.
    bench.queued("granted");
    let end = Settlement { is_permanent: true, ..oldest(&mut bench) };
    bench.settle(vec![end]);
    bench.pass(WEEK * 3);
    bench.apply(&["x"]);
    assert_eq!(states(&bench, &["bought", "granted", "x"]), ["full", "full", "none"]);
    let head = bench.head();
    assert_eq!((head.permanent_count, head.size, head.least_size), (2, 0, 0));
    bench.check();
    let again = QueueOperation { is_permanent: true, ..bench.operation("bought") };
    assert!(!bench.queue(again).committed().unwrap().is_new);
}

#[test]
fn what_ended_longer_ago_than_it_may_leaves_and_at_the_edge_it_stays() {
    let mut bench = held(OperationSettings { receipt_age_max: WEEK, ..limits(2, 9) });
    bench.apply(&["a", "b"]);
    let issued_at = bench.world.now;
    bench.pass(WEEK);
    bench.apply(&["c"]);
    assert_eq!(states(&bench, &["a", "b", "c"]), ["kept", "full", "full"]);
    bench.pass(Duration::from_nanos(100));
    bench.apply(&["d"]);
    // Both at once, the full one too, without a stay among the ids.
    assert_eq!(states(&bench, &["a", "b", "c", "d"]), ["none", "none", "full", "full"]);
    assert_eq!(bench.head().horizon, Some(issued_at));
    bench.check();
}

#[test]
fn what_ends_with_a_write_is_not_too_old_however_long_ago_it_was_issued() {
    let mut bench = held(OperationSettings { receipt_age_max: WEEK, ..limits(5, 5) });
    bench.queued("a");
    bench.pass(WEEK * 2);
    bench.settle_oldest(1);
    assert_eq!(bench.state("a"), "full");
    bench.pass(WEEK);
    bench.apply(&["b"]);
    assert_eq!(bench.state("a"), "full", "its age counts from its end");
    bench.pass(Duration::from_nanos(100));
    bench.apply(&["c"]);
    assert_eq!(bench.state("a"), "none");
}

#[test]
fn an_old_one_is_found_behind_one_that_was_issued_before_and_ended_later() {
    let mut bench = held(OperationSettings { receipt_age_max: WEEK, ..limits(50, 50) });
    bench.queued("waits");
    let end = oldest(&mut bench);
    bench.pass(Duration::from_secs(1));
    bench.queued("old");
    let second = bench.inbox(Some(0), 1).operations.remove(0);
    bench.settle(vec![applied(&second)]);
    bench.pass(WEEK);
    bench.settle(vec![end]);
    bench.pass(Duration::from_secs(1));
    bench.apply(&["x"]);
    assert_eq!(states(&bench, &["waits", "old", "x"]), ["full", "none", "full"]);
    bench.check();
}

#[test]
fn age_prunes_so_many_at_a_time_and_goes_on_with_the_next_write() {
    let mut bench = held(OperationSettings { receipt_age_max: WEEK, ..limits(1_000, 1_000) });
    bench.world.batch_max = 2_000;
    let ids: Vec<String> = (0..AGED_MAX + 50).map(|number| format!("old-{number}")).collect();
    bench.apply(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    bench.pass(WEEK + Duration::from_secs(1));
    bench.world.batch_max = 2 * AGED_MAX + 10;
    bench.apply(&["x"]);
    assert_eq!(bench.head().full_count, 51);
    bench.check();
    bench.apply(&["y"]);
    assert_eq!(bench.head().full_count, 2);
    bench.check();
}

#[test]
fn do6_what_is_too_much_by_count_leaves_at_once_however_much_it_is() {
    let mut bench = held(limits(1_000, 1_000));
    bench.world.batch_max = 5_000;
    let ids: Vec<String> = (0..700).map(|number| format!("old-{number}")).collect();
    bench.apply(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(bench.head().full_count, 700);
    bench.settings = std::sync::Arc::new(limits(3, 300));
    bench.apply(&["x"]);
    assert_eq!((bench.head().full_count, bench.head().kept_count), (3, 300));
    bench.check();
    bench.settings = std::sync::Arc::new(limits(0, 0));
    bench.pass(Duration::from_secs(1));
    bench.apply(&["y"]);
    assert_eq!((bench.head().full_count, bench.head().kept_count, bench.head().size), (0, 0, 0));
    bench.check();
}

#[test]
fn do6_results_give_way_where_a_ledger_is_too_large_the_oldest_first() {
    let mut bench = held(OperationSettings { ledger_size_max: 200, ..limits(99, 99) });
    let sizes = [("a", 80), ("b", 80), ("c", 80)];
    for (id, size) in sizes {
        bench.queued(id);
        let result = Some(JsonText::trusted(format!("\"{}\"", "x".repeat(size - 2))));
        let end = Settlement { result, ..oldest(&mut bench) };
        bench.settle(vec![end]);
        assert!(bench.head().size <= 200);
        bench.check();
        bench.pass(Duration::from_secs(1));
    }
    // 17 bytes each for the ids, 4 for the kind and 80 for a result.
    assert_eq!(states(&bench, &["a", "b", "c"]), ["kept", "kept", "full"]);
    bench.queued("d");
    let result = Some(JsonText::trusted(format!("\"{}\"", "x".repeat(198))));
    let end = Settlement { result, ..oldest(&mut bench) };
    bench.settle(vec![end]);
    assert_eq!(states(&bench, &["a", "b", "c", "d"]), ["kept"; 4], "one too large by itself");
    assert_eq!((bench.head().size, bench.head().horizon), (68, None));
    bench.check();
}

#[test]
fn do6_at_the_edge_of_the_size_a_result_stays() {
    let mut bench = held(OperationSettings { ledger_size_max: 121, ..limits(99, 99) });
    for (id, size, state) in [("a", 100, "full"), ("b", 101, "kept")] {
        let mut fresh = held((*bench.settings).clone());
        fresh.queued(id);
        let result = Some(JsonText::trusted("1".repeat(size)));
        let end = Settlement { result, ..oldest(&mut fresh) };
        fresh.settle(vec![end]);
        assert_eq!(fresh.state(id), state);
        bench = fresh;
    }
    bench.check();
}

fn die(bench: &mut Bench, ids: &[&str]) {
    for id in ids {
        bench.queued(id);
    }
    let (status, death) = (OperationStatus::Failed, Some(Death::Handler));
    let waiting = bench.inbox(None, 99).operations;
    let dead = |it| Settlement { status, death, ..applied(it) };
    bench.settle(waiting.iter().map(dead).collect());
    bench.pass(Duration::from_secs(1));
}

#[test]
fn do4_of_too_many_dead_letters_those_that_died_first_leave() {
    let mut bench = held(OperationSettings { dead_letters_max: 2, ..limits(9, 9) });
    die(&mut bench, &["c"]);
    die(&mut bench, &["b"]);
    assert_eq!(order(&bench, Tier::Dead), ["c", "b"]);
    die(&mut bench, &["a"]);
    assert_eq!(order(&bench, Tier::Dead), ["b", "a"]);
    bench.check();
    assert_eq!(bench.state("c"), "full", "its receipt is another thing");
    bench.settings = std::sync::Arc::new(OperationSettings { dead_letters_max: 0, ..limits(9, 9) });
    die(&mut bench, &["x", "y", "z"]);
    assert_eq!((order(&bench, Tier::Dead).len(), bench.head().dead_count), (0, 0));
    bench.check();
}

#[test]
fn an_operation_that_dies_again_leaves_one_letter() {
    let mut bench = held(limits(9, 9));
    die(&mut bench, &["a"]);
    // A restore took its receipt back.
    let ledger = crate::operation::LedgerWrite { undo_after: Some(1), ..bench.ledger_write() };
    let save = bench.save_of(crate::record::Data::Keep);
    bench.written(crate::record::RecordWrite { ledger: Some(Box::new(ledger)), ..save });
    assert_eq!(bench.state("a"), "none");
    die(&mut bench, &["a"]);
    assert_eq!((bench.head().dead_count, order(&bench, Tier::Dead).len()), (1, 1));
    bench.check();
}

#[test]
fn a_damaged_receipt_is_left_and_the_next_one_goes() {
    let mut bench = held(limits(2, 0));
    bench.apply(&["a", "b"]);
    let key = bench.key(LedgerKey::Receipt(operation_id("a")));
    bench.world.damaged.insert(key.clone());
    bench.pass(Duration::from_secs(1));
    bench.apply(&["c"]);
    assert_eq!(states(&bench, &["b", "c"]), ["none", "full"]);
    assert!(bench.world.damaged.contains(&key));
    let key = bench.key(LedgerKey::Order(Tier::Full, bench.world.now, operation_id("c")));
    bench.world.damaged.insert(key.clone());
    bench.pass(Duration::from_secs(1));
    bench.apply(&["d"]);
    assert!(bench.world.damaged.contains(&key), "damaged rows of the order stay");
}

#[test]
fn ids_count_sixteen_bytes_and_their_own() {
    let mut bench = held(limits(0, 9));
    let ids: Vec<OperationId> = ["a", "bb", "ccc"].map(operation_id).to_vec();
    bench.apply(&["a", "bb", "ccc"]);
    let size: u64 = ids.iter().map(crate::operation::ReceiptBody::kept_size).sum();
    assert_eq!((bench.head().size, bench.head().least_size, size), (54, 54, 54));
}
