//! Facts about the rows of operations.

use super::*;
use crate::operation::tests::support::{kind, operation_id, waiting};

fn receipt(state: ReceiptState) -> ReceiptBody {
    let hash = PayloadHash::of(&kind("gift"), &JsonText::trusted("1"));
    ReceiptBody { hash, issued_at: Timestamp::EPOCH, is_permanent: false, state }
}

fn full() -> ReceiptState {
    ReceiptState::Full(Receipted {
        kind: kind("gift"),
        status: OperationStatus::Failed,
        settled: Birth::ThisWrite,
        entry_counter: 1,
        result: Some(JsonText::trusted("123")),
        error: Some("no".into()),
        tries: 0,
        death: Some(Death::MissingHandler),
    })
}

fn kept() -> ReceiptState {
    let status = OperationStatus::Applied;
    ReceiptState::Kept { status, settled: Birth::ThisWrite, entry_counter: 1 }
}

#[test]
fn do3_a_hash_tells_kinds_and_payloads_apart_also_where_their_texts_meet() {
    let hash = |of: &str, payload: &str| PayloadHash::of(&kind(of), &JsonText::trusted(payload));
    assert_eq!(hash("gift", "1"), hash("gift", "1"));
    let different = [hash("gift", "1"), hash("gift", "11"), hash("gift1", "1"), hash("gif", "t1")];
    for (index, one) in different.iter().enumerate() {
        assert!(!different[index + 1..].contains(one), "{index}");
    }
}

#[test]
fn receipts_count_what_they_keep() {
    let id = operation_id("four");
    let pending = ReceiptState::Pending { seq: 0, tries: Tries::default() };
    // 16 and the id; the kind, the result and the error besides.
    for (state, size) in [(pending, 0), (kept(), 20), (full(), 20 + 4 + 3 + 2)] {
        let receipt = receipt(state);
        assert_eq!(receipt.size(&id), size);
        assert_eq!(ReceiptBody { is_permanent: true, ..receipt }.size(&id), 0);
    }
}

#[test]
fn a_receipt_away_from_its_row_says_when_it_ended() {
    let stamped_at = Timestamp::from_unix_seconds(5);
    for state in [kept(), full()] {
        let dated = receipt(state).dated(stamped_at);
        assert!(dated.status().is_some());
        match &dated.state {
            ReceiptState::Full(Receipted { settled, .. }) | ReceiptState::Kept { settled, .. } => {
                assert_eq!(*settled, Birth::At(stamped_at));
            }
            ReceiptState::Pending { .. } => panic!("it ended"),
        }
        assert_eq!(dated.clone().dated(Timestamp::EPOCH), dated, "once and for all");
    }
    let pending = receipt(ReceiptState::Pending { seq: 0, tries: Tries::default() });
    assert_eq!((pending.status(), pending.clone().dated(stamped_at)), (None, pending));
}

#[test]
fn each_death_has_its_code_and_a_kept_id_has_lost_its_cause() {
    let codes = Death::ALL.map(|death| death.code().name());
    let failed = "HandlerFailed";
    assert_eq!(codes, [failed, "OperationExpired", "MissingHandler", failed, failed]);
    let code = |state| receipt(state).failure().map(Code::name);
    assert_eq!(code(full()), Some("MissingHandler"));
    let ReceiptState::Full(unexplained) = full() else { panic!("it is full") };
    for status in OperationStatus::ALL {
        let expected = (status == OperationStatus::Failed).then_some(failed);
        let (death, settled, entry_counter) = (None, Birth::ThisWrite, 1);
        let full = Receipted { status, death, ..unexplained.clone() };
        assert_eq!(code(ReceiptState::Full(full)), expected, "{status:?}");
        assert_eq!(code(ReceiptState::Kept { status, settled, entry_counter }), expected);
    }
    assert_eq!(code(ReceiptState::Pending { seq: 0, tries: Tries::default() }), None);
}

#[test]
fn what_waits_is_what_was_queued_and_is_not_settled() {
    let queue = QueueBody { count: 5, size: 100 };
    let head = HeadBody { settled_count: 2, settled_size: 40, ..HeadBody::default() };
    assert_eq!((head.pending_count(&queue), head.pending_size(&queue)), (3, 60));
    // A store that went back may have lost the count of what was queued since.
    let lost = QueueBody::default();
    assert_eq!((head.pending_count(&lost), head.pending_size(&lost)), (0, 0));
}

/// Every kind of row, with its body and the runs that it belongs to besides all.
fn zoo() -> Vec<(LedgerKey, LedgerBody, Option<LedgerRun>)> {
    let id = || operation_id("a");
    let operation = waiting("gift", "1").body;
    let letter = DeadLetterBody {
        kind: kind("gift"),
        payload: None,
        payload_size: 1,
        schema: 0,
        is_permanent: false,
        issued_at: Timestamp::EPOCH,
        died: Birth::ThisWrite,
        death: Death::Operator,
        error: "no".into(),
        tries: 0,
        requeued_as: None,
    };
    let mut zoo = vec![
        (LedgerKey::Queue, LedgerBody::Queue(QueueBody::default()), None),
        (LedgerKey::Head, LedgerBody::Head(HeadBody::default()), None),
        (LedgerKey::Pending(3), LedgerBody::Pending(operation), Some(LedgerRun::Pending)),
        (
            LedgerKey::Receipt(id()),
            LedgerBody::Receipt(Box::new(receipt(kept()))),
            Some(LedgerRun::Receipts),
        ),
        (
            LedgerKey::DeadLetter(id()),
            LedgerBody::DeadLetter(Arc::new(letter)),
            Some(LedgerRun::DeadLetters),
        ),
    ];
    zoo.extend(Tier::ALL.map(|tier| {
        let key = LedgerKey::Order(tier, Timestamp::EPOCH, id());
        (key, LedgerBody::Order, Some(LedgerRun::Order(tier)))
    }));
    zoo
}

#[test]
fn a_row_is_of_one_kind_and_in_one_run() {
    let zoo = zoo();
    for (key, body, run) in &zoo {
        assert!(LedgerRun::All.covers(key));
        for (other, _, of) in &zoo {
            let Some(of) = of else { continue };
            assert_eq!(of.covers(key), run.as_ref() == Some(of), "{key} and {other}");
        }
        let fits = zoo.iter().filter(|(other, ..)| body.belongs_to(other)).count();
        assert_eq!(fits, if *body == LedgerBody::Order { 3 } else { 1 }, "{key}");
        let picked = [
            body.queue().is_some(),
            body.head().is_some(),
            body.pending().is_some(),
            body.receipt().is_some(),
            body.dead_letter().is_some(),
        ];
        let is_order = *body == LedgerBody::Order;
        assert_eq!(picked.iter().filter(|it| **it).count(), usize::from(!is_order), "{key}");
    }
}

#[test]
fn rows_are_named_for_people() {
    let names: Vec<String> = zoo().iter().map(|(key, ..)| key.to_string()).collect();
    assert_eq!(
        names,
        [
            "count of operations",
            "ledger",
            "waiting operation 3",
            "receipt of operation a",
            "dead letter of operation a",
            "place 0 of operation a",
            "place 0 of operation a",
            "place 0 of operation a",
        ]
    );
    assert_eq!(OperationStatus::ALL.map(OperationStatus::name), ["applied", "cancelled", "failed"]);
}
