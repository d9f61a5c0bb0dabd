//! Facts about names, payloads, states and limits of operations.

use steadfast_core::id::{OPERATION_ID_SIZE_MAX, OPERATION_KIND_SIZE_MAX, OperationKind};
use steadfast_core::operation::{
    Death, OperationStatus, OperationView, PayloadHash, ReceiptBody, ReceiptState, Receipted, SET,
    Tries,
};
use steadfast_core::row::Birth;
use steadfast_core::{Code, JsonText, Path, Timestamp};

use super::*;
use crate::engine::Options;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn receipt(state: ReceiptState) -> ReceiptBody {
    let kind = OperationKind::trusted("k");
    let hash = PayloadHash::of(&kind, &JsonText::trusted("1"));
    ReceiptBody { hash, issued_at: time(5), is_permanent: false, state }
}

fn pending(count: u32) -> ReceiptState {
    let last_error = (count > 0).then(|| "not yet".into());
    ReceiptState::Pending { seq: 1, tries: Tries { count, last_error, last_at: None } }
}

fn full(status: OperationStatus, death: Option<Death>) -> ReceiptState {
    let (kind, settled) = (OperationKind::trusted("k"), Birth::At(time(6)));
    let error = (status != OperationStatus::Applied).then(|| "no".into());
    let result = (status == OperationStatus::Applied).then(|| JsonText::trusted("[1,2]"));
    let (entry_counter, tries) = (3, 2);
    let end = Receipted { kind, status, settled, entry_counter, result, error, tries, death };
    ReceiptState::Full(end)
}

#[test]
fn every_receipt_is_a_state_and_every_state_an_answer_or_a_code() {
    let kept = ReceiptState::Kept {
        status: OperationStatus::Failed,
        settled: Birth::At(time(6)),
        entry_counter: 3,
    };
    let table = [
        (pending(0), OperationState::Queued, Code::OutcomeUnknown),
        (
            pending(2),
            OperationState::Pending { tries: 2, last_error: Some("not yet".into()) },
            Code::OutcomeUnknown,
        ),
        (
            full(OperationStatus::Cancelled, None),
            OperationState::Cancelled { reason: Some("no".into()) },
            Code::TransactionCancelled,
        ),
        (
            kept,
            OperationState::Failed { error: None, tries: 0, code: Code::HandlerFailed },
            Code::HandlerFailed,
        ),
    ];
    let deaths = Death::ALL.map(|death| (Some(death), death.code()));
    let failed = deaths.into_iter().chain([(None, Code::HandlerFailed)]).map(|(death, code)| {
        let state = OperationState::Failed { error: Some("no".into()), tries: 2, code };
        (full(OperationStatus::Failed, death), state, code)
    });
    for (stored, state, code) in table.into_iter().chain(failed) {
        assert_eq!(OperationState::of_receipt(&receipt(stored)), state);
        assert_eq!(state.applied::<()>().unwrap_err().code(), code);
    }
    let applied = OperationState::of_receipt(&receipt(full(OperationStatus::Applied, None)));
    assert_eq!(applied.applied::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(applied.applied::<String>().unwrap_err().code(), Code::InvalidData);
    assert!(OperationState::Applied { result: None }.applied::<()>().is_ok());
}

#[test]
fn an_unknown_operation_is_expired_only_if_it_was_issued_until_the_horizon() {
    let view = |horizon| OperationView { receipt: None, horizon, now: time(100) };
    let state = |horizon, issued_at| OperationState::of_view(&view(horizon), issued_at);
    assert_eq!(state(Some(time(9)), Some(time(9))), OperationState::Expired);
    assert_eq!(state(Some(time(9)), Some(time(10))), OperationState::NotFound);
    assert_eq!(state(Some(time(9)), None), OperationState::NotFound);
    assert_eq!(state(None, Some(time(9))), OperationState::NotFound);
    assert_eq!(
        OperationState::Expired.applied::<()>().unwrap_err().code().name(),
        "OperationExpired"
    );
    let unknown = OperationState::NotFound.applied::<()>().unwrap_err();
    assert_eq!(unknown.code(), Code::OperationNotFound);
}

#[test]
fn names_of_operations_are_checked_at_their_edges() {
    let (id, kind) = ("i".repeat(OPERATION_ID_SIZE_MAX), "k".repeat(OPERATION_KIND_SIZE_MAX));
    let made = NewOperation::new(&id, &kind, &()).unwrap();
    assert_eq!((made.id().as_str(), made.kind().as_str()), (&*id, &*kind));
    for (id, kind) in [("", "k"), ("i", ""), (&*format!("{id}i"), "k"), ("i", &*format!("{kind}k"))]
    {
        let refused = NewOperation::new(id, kind, &()).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidName);
    }
    assert!(NewOperation::again("i", "k", "").is_err());
    let nan = NewOperation::new("i", "k", &std::collections::BTreeMap::from([((1, 2), 3)]));
    assert_eq!(nan.unwrap_err().code(), Code::InvalidData, "a key that is no text");
}

#[test]
fn built_in_operations_name_their_place_as_a_list() {
    let path = Path::parse("stats.kills[3]").unwrap();
    let text = |operation: &NewOperation| operation.payload.clone().unwrap().as_str().to_owned();
    let set = NewOperation::set("i", path.clone(), "x").unwrap();
    assert_eq!(set.kind().as_str(), SET);
    assert_eq!(text(&set), r#"{"path":["stats","kills",3],"value":"x"}"#);
    let add = NewOperation::add("i", path.clone(), -5).unwrap();
    assert_eq!(text(&add), r#"{"amount":-5,"path":["stats","kills",3]}"#);
    let remove = NewOperation::remove("i", path).unwrap();
    assert_eq!(text(&remove), r#"{"path":["stats","kills",3]}"#);
}

#[test]
fn the_limits_of_operations_are_checked_at_their_edges() {
    let limits = Limits::native();
    let count = |settings: &OperationSettings| {
        let options = Options { operations: settings.clone(), ..Options::default() };
        options.check().map_or_else(|error| error.problems.len(), |()| 0)
    };
    let good = OperationSettings::default();
    assert_eq!(count(&good), 0);
    let fits = limits.batch_size_max / good.process_max - good.dead_letter_payload_max;
    for (settings, problems) in [
        (OperationSettings { process_max: 682, ..good.clone() }, 0),
        (OperationSettings { process_max: 683, ..good.clone() }, 1),
        (OperationSettings { result_size_max: fits, ..good.clone() }, 0),
        (OperationSettings { result_size_max: fits + 1, ..good.clone() }, 1),
        (OperationSettings { retry_every: Duration::ZERO, ..good.clone() }, 1),
        (OperationSettings { pending_max: 0, ..good.clone() }, 1),
        (OperationSettings { pending_max: 1, ..good.clone() }, 0),
        (OperationSettings { ledger_size_max: 0, ..good.clone() }, 1),
        (OperationSettings { ledger_size_max: 1, ..good.clone() }, 0),
        // All of them in one message.
        (OperationSettings { pending_max: 0, ledger_size_max: 0, ..good.clone() }, 2),
    ] {
        assert_eq!(count(&settings), problems, "{settings:?}");
    }
}
