//! Rows of operations in the cases: their names, and what they hold.

use std::sync::Arc;

use steadfast_core::operation::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, LedgerRun, OperationStatus,
    PayloadHash, PendingBody, QueueBody, ReceiptBody, ReceiptState, Receipted, Tier, Tries,
    Verdict,
};
use steadfast_core::row::Birth;
use steadfast_core::{Content, JsonText, OperationId, OperationKind, Timestamp};

use super::bodies::{at, wide};
use super::pick;

const SEQS: [u64; 5] = [0, 1, 255, 256, u64::MAX];
const IDS: [&str; 5] = ["", "gift", "gift\0", "\0", "\u{10ffff}"];
const TICKS: [i64; 5] = [0, -1, 1, i64::MIN, i64::MAX];

/// A name: the kind by the first number, all else by the second.
pub(super) fn key(kind: usize, name: usize) -> LedgerKey {
    let id = || OperationId::trusted(pick(&IDS, name % IDS.len()));
    match kind % 8 {
        0 => LedgerKey::Pending(pick(&SEQS, name % SEQS.len())),
        1 => LedgerKey::Receipt(id()),
        2 => LedgerKey::Head,
        3 => LedgerKey::Queue,
        4 => LedgerKey::DeadLetter(id()),
        tier => {
            let tier = pick(&Tier::ALL, tier - 5);
            let time = Timestamp::from_ticks(pick(&TICKS, name % TICKS.len()));
            LedgerKey::Order(tier, time, id())
        }
    }
}

/// All names, and some that nothing stands at.
pub(in crate::conformance::backend) fn ledger_keys() -> impl Iterator<Item = LedgerKey> {
    let names = (0..8).flat_map(|kind| (0..IDS.len()).map(move |name| key(kind, name)));
    names.chain([LedgerKey::Pending(7), LedgerKey::Receipt(OperationId::trusted("gifu"))])
}

/// All runs.
pub(in crate::conformance::backend) fn ledger_runs() -> impl Iterator<Item = LedgerRun> {
    let orders = Tier::ALL.map(LedgerRun::Order);
    let others = [LedgerRun::All, LedgerRun::Pending, LedgerRun::Receipts, LedgerRun::DeadLetters];
    others.into_iter().chain(orders)
}

/// The run of a row, or that of its neighbours where it stands alone.
pub(in crate::conformance::backend) fn run_of(key: &LedgerKey) -> LedgerRun {
    match key {
        LedgerKey::Queue | LedgerKey::Head | LedgerKey::Pending(_) => LedgerRun::Pending,
        LedgerKey::Receipt(_) => LedgerRun::Receipts,
        LedgerKey::Order(tier, ..) => LedgerRun::Order(*tier),
        LedgerKey::DeadLetter(_) => LedgerRun::DeadLetters,
    }
}

fn text(tag: u64) -> Arc<str> {
    let long = "why not? ".repeat(40);
    at(&["", "\0 \u{10ffff}", &long], tag).into()
}

fn id(tag: u64) -> OperationId {
    OperationId::trusted(at(&IDS, tag))
}

fn kind(tag: u64) -> OperationKind {
    OperationKind::trusted(at(&["give", "", "\u{ff}\0"], tag))
}

fn narrow(tag: u64) -> u32 {
    u32::try_from(tag >> 32).unwrap_or(0)
}

pub(super) fn time(tag: u64) -> Timestamp {
    Timestamp::from_ticks(at(&TICKS, tag))
}

/// The body of a row of that name. What it carries is the value of the write, if that has one.
pub(super) fn body(
    key: &LedgerKey,
    tag: u64,
    birth: Birth,
    content: Option<&Content>,
) -> LedgerBody {
    let carried = content.map(|content| content.value.clone());
    match key {
        LedgerKey::Queue => LedgerBody::Queue(QueueBody { count: tag, size: !tag }),
        LedgerKey::Head => LedgerBody::Head(HeadBody {
            horizon: (!tag.is_multiple_of(3)).then(|| time(tag)),
            settled_count: tag,
            settled_size: !tag,
            full_count: narrow(tag),
            kept_count: narrow(!tag),
            permanent_count: u32::MAX,
            dead_count: 7,
            size: tag.rotate_left(32),
            least_size: tag.rotate_left(17),
        }),
        LedgerKey::Pending(_) => LedgerBody::Pending(Arc::new(PendingBody {
            id: id(tag),
            kind: kind(tag),
            payload: carried.unwrap_or_else(|| JsonText::trusted("null")),
            issued_at: time(tag),
            queued: birth,
            schema: narrow(tag),
            is_permanent: tag.is_multiple_of(2),
            replaces: tag.is_multiple_of(3).then(|| id(tag ^ 1)),
            verdict: at(
                &[None, Some(Verdict::Cancel(text(tag))), Some(Verdict::Fail(text(!tag)))],
                tag,
            ),
        })),
        LedgerKey::Receipt(_) => LedgerBody::Receipt(Box::new(ReceiptBody {
            hash: PayloadHash(wide(tag)),
            issued_at: time(tag),
            is_permanent: tag.is_multiple_of(2),
            state: state(tag, birth, carried),
        })),
        LedgerKey::Order(..) => LedgerBody::Order,
        LedgerKey::DeadLetter(_) => LedgerBody::DeadLetter(Arc::new(DeadLetterBody {
            kind: kind(tag),
            payload: carried,
            payload_size: tag,
            schema: narrow(tag),
            is_permanent: tag.is_multiple_of(2),
            issued_at: time(tag),
            died: birth,
            death: at(&Death::ALL, tag),
            error: text(tag),
            tries: narrow(tag),
            requeued_as: tag.is_multiple_of(3).then(|| id(tag)),
        })),
    }
}

fn state(tag: u64, birth: Birth, carried: Option<JsonText>) -> ReceiptState {
    let status = at(&OperationStatus::ALL, tag >> 8);
    match tag % 3 {
        0 => {
            let has_failed = tag.is_multiple_of(2);
            let tries = Tries {
                count: narrow(tag),
                last_error: has_failed.then(|| text(tag)),
                last_at: has_failed.then(|| time(tag)),
            };
            ReceiptState::Pending { seq: tag, tries }
        }
        1 => ReceiptState::Full(Receipted {
            kind: kind(tag),
            status,
            settled: birth,
            entry_counter: !tag,
            result: carried,
            error: tag.is_multiple_of(2).then(|| text(tag)),
            tries: narrow(tag),
            death: (status == OperationStatus::Failed).then(|| at(&Death::ALL, tag >> 16)),
        }),
        _ => ReceiptState::Kept { status, settled: birth, entry_counter: tag },
    }
}
