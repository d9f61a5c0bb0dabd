//! Rows of the operations of records.

use std::sync::Arc;

use steadfast_core::operation::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, LedgerRun, OperationStatus,
    PayloadHash, PendingBody, QueueBody, ReceiptBody, ReceiptState, Receipted, Tier, Tries,
    Verdict,
};
use steadfast_core::row::{Birth, RowBody};
use steadfast_core::{
    EntryId, JsonText, OperationId, OperationKind, Revision, Rng, RowKey, RowRange, Timestamp,
    Write,
};

/// A name of each kind of row, with this number in it.
pub(crate) fn ledger_names(n: u64) -> Vec<LedgerKey> {
    let id = OperationId::trusted(format!("gift-{n}"));
    let time = Timestamp::from_ticks(i64::try_from(n).unwrap() - 1);
    let mut names = vec![
        LedgerKey::Queue,
        LedgerKey::Head,
        LedgerKey::Pending(n),
        LedgerKey::Receipt(id.clone()),
    ];
    names.extend(Tier::ALL.map(|tier| LedgerKey::Order(tier, time, id.clone())));
    names.push(LedgerKey::DeadLetter(id));
    names
}

pub(crate) fn random_name(rng: &mut Rng) -> LedgerKey {
    let names = ledger_names(rng.below(3));
    rng.pick(&names).expect("not empty").clone()
}

/// Every run of rows.
pub(crate) fn ledger_runs() -> Vec<LedgerRun> {
    let mut runs =
        vec![LedgerRun::All, LedgerRun::Pending, LedgerRun::Receipts, LedgerRun::DeadLetters];
    runs.extend(Tier::ALL.map(LedgerRun::Order));
    runs
}

/// Every row of the operations of a record.
pub(crate) fn ledger_of(entry: &EntryId) -> RowRange {
    RowRange::Ledger { entry: entry.clone(), run: LedgerRun::All, after: None }
}

/// A row as its write with this number leaves it.
pub(crate) fn put_ledger(id: &EntryId, name: &LedgerKey, revision: Revision) -> Write {
    let body = RowBody::Ledger(body(name, revision.tag));
    Write::Put { key: RowKey::Ledger(id.clone(), name.clone()), revision, body }
}

/// An operation that waits, with a payload of that many bytes.
pub(crate) fn put_large_operation(id: &EntryId, revision: Revision, size: usize) -> Write {
    let name = LedgerKey::Pending(u64::MAX);
    let LedgerBody::Pending(mut body) = body(&name, revision.tag) else {
        unreachable!("the name is that of an operation that waits")
    };
    let payload = super::value(&mut Rng::seeded(revision.tag), size);
    Arc::make_mut(&mut body).payload = JsonText::trusted(payload);
    let body = RowBody::Ledger(LedgerBody::Pending(body));
    Write::Put { key: RowKey::Ledger(id.clone(), name), revision, body }
}

fn body(name: &LedgerKey, n: u64) -> LedgerBody {
    let small = u32::try_from(n % 1_000).unwrap();
    let time = Timestamp::from_ticks(i64::from(small));
    let kind = || OperationKind::trusted("give");
    match name {
        LedgerKey::Queue => LedgerBody::Queue(QueueBody { count: n, size: !n }),
        LedgerKey::Head => {
            let horizon = (!n.is_multiple_of(3)).then_some(time);
            LedgerBody::Head(HeadBody { horizon, settled_count: n, size: n, ..HeadBody::default() })
        }
        LedgerKey::Pending(_) => LedgerBody::Pending(Arc::new(PendingBody {
            id: OperationId::trusted(format!("gift-{small}")),
            kind: kind(),
            payload: payload(n),
            issued_at: time,
            queued: Birth::ThisWrite,
            schema: small,
            is_permanent: n.is_multiple_of(5),
            replaces: n.is_multiple_of(4).then(|| OperationId::trusted("lost")),
            verdict: n.is_multiple_of(6).then(|| Verdict::Fail("no".into())),
        })),
        LedgerKey::Receipt(_) => LedgerBody::Receipt(Box::new(ReceiptBody {
            hash: PayloadHash(u128::from(n) << 64),
            issued_at: time,
            is_permanent: n.is_multiple_of(5),
            state: state(n),
        })),
        LedgerKey::Order(..) => LedgerBody::Order,
        LedgerKey::DeadLetter(_) => LedgerBody::DeadLetter(Arc::new(DeadLetterBody {
            kind: kind(),
            payload: (!n.is_multiple_of(4)).then(|| payload(n)),
            payload_size: n,
            schema: small,
            is_permanent: n.is_multiple_of(5),
            issued_at: time,
            died: Birth::ThisWrite,
            death: Death::ALL[usize::try_from(n % 5).unwrap()],
            error: "it cannot be given".into(),
            tries: small,
            requeued_as: n.is_multiple_of(7).then(|| OperationId::trusted("again")),
        })),
    }
}

/// From a few bytes to more than a page, half of them hard to compress.
fn payload(n: u64) -> JsonText {
    let mut rng = Rng::seeded(n);
    let size = [2, 40, 600, 9_000][usize::try_from(n % 4).unwrap()];
    JsonText::trusted(super::value(&mut rng, size))
}

fn state(n: u64) -> ReceiptState {
    let status = OperationStatus::ALL[usize::try_from(n % 3).unwrap()];
    let settled = Birth::ThisWrite;
    match n % 3 {
        0 => {
            let tries = Tries { count: 1, last_error: Some("later".into()), last_at: None };
            ReceiptState::Pending { seq: n, tries }
        }
        1 => ReceiptState::Full(Receipted {
            kind: OperationKind::trusted("give"),
            status,
            settled,
            entry_counter: n,
            result: n.is_multiple_of(2).then(|| payload(n)),
            error: None,
            tries: 0,
            death: Some(Death::Attempts).filter(|_| n.is_multiple_of(5)),
        }),
        _ => ReceiptState::Kept { status, settled, entry_counter: n },
    }
}
