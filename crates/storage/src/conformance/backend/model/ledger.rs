//! Rows of operations in the list: their order, runs, and bodies once they are stamped.

use std::cmp::Ordering;
use std::sync::Arc;

use steadfast_core::operation::{
    DeadLetterBody, LedgerBody, LedgerKey, LedgerRun, PendingBody, ReceiptBody, ReceiptState,
    Receipted, Tier,
};
use steadfast_core::row::Birth;

/// Which kind of row a name is of, in the order of the kinds.
pub(super) fn family_of(key: &LedgerKey) -> u8 {
    match key {
        LedgerKey::Queue => 0,
        LedgerKey::Head => 1,
        LedgerKey::Pending(_) => 2,
        LedgerKey::Receipt(_) => 3,
        LedgerKey::Order(..) => 4,
        LedgerKey::DeadLetter(_) => 5,
    }
}

/// The same of what a row holds.
pub(super) fn family_of_body(body: &LedgerBody) -> u8 {
    match body {
        LedgerBody::Queue(_) => 0,
        LedgerBody::Head(_) => 1,
        LedgerBody::Pending(_) => 2,
        LedgerBody::Receipt(_) => 3,
        LedgerBody::Order => 4,
        LedgerBody::DeadLetter(_) => 5,
    }
}

/// Whether a row is of a run.
pub(super) fn is_in(run: LedgerRun, key: &LedgerKey) -> bool {
    match run {
        LedgerRun::All => true,
        LedgerRun::Pending => family_of(key) == 2,
        LedgerRun::Receipts => family_of(key) == 3,
        LedgerRun::Order(tier) => matches!(key, LedgerKey::Order(of, ..) if *of == tier),
        LedgerRun::DeadLetters => family_of(key) == 5,
    }
}

/// The order of two rows of one record.
pub(super) fn compare(a: &LedgerKey, b: &LedgerKey) -> Ordering {
    let place = |key: &LedgerKey| {
        let (mut number, mut time, mut id) = (0, 0, "");
        match key {
            LedgerKey::Queue | LedgerKey::Head => {}
            LedgerKey::Pending(seq) => number = *seq,
            LedgerKey::Receipt(of) | LedgerKey::DeadLetter(of) => id = of.as_str(),
            LedgerKey::Order(tier, at, of) => {
                number = match tier {
                    Tier::Full => 0,
                    Tier::Kept => 1,
                    Tier::Dead => 2,
                };
                (time, id) = (at.ticks(), of.as_str());
            }
        }
        (family_of(key), number, time, id.as_bytes().to_vec())
    };
    place(a).cmp(&place(b))
}

/// A body whose times are those that the stamp of its row gives them.
pub(super) fn settled(body: LedgerBody, settle: impl Fn(Birth) -> Birth) -> LedgerBody {
    match body {
        LedgerBody::Pending(body) => {
            let queued = settle(body.queued);
            LedgerBody::Pending(Arc::new(PendingBody { queued, ..PendingBody::clone(&body) }))
        }
        LedgerBody::Receipt(body) => {
            let state = match body.state {
                state @ ReceiptState::Pending { .. } => state,
                ReceiptState::Full(end) => {
                    ReceiptState::Full(Receipted { settled: settle(end.settled), ..end })
                }
                ReceiptState::Kept { status, settled, entry_counter } => {
                    ReceiptState::Kept { status, settled: settle(settled), entry_counter }
                }
            };
            LedgerBody::Receipt(Box::new(ReceiptBody { state, ..*body }))
        }
        LedgerBody::DeadLetter(body) => {
            let died = settle(body.died);
            LedgerBody::DeadLetter(Arc::new(DeadLetterBody {
                died,
                ..DeadLetterBody::clone(&body)
            }))
        }
        body @ (LedgerBody::Queue(_) | LedgerBody::Head(_) | LedgerBody::Order) => body,
    }
}
