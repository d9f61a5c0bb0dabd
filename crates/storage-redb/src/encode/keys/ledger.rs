//! Names of the operations of a record.
//!
//! ```text
//! K 00 00, name: 0               how many were queued
//!                1               the ledger in numbers
//!                2, seq u64      an operation that is not settled
//!                3, id           what became of an operation
//!                4, tier u8, time i64, id    a place in the order of receipts
//!                5, id           a dead letter
//! ```
//!
//! Names sort as those of [`LedgerKey`] do, and those of one record follow each other.

use steadfast_core::operation::{LedgerKey, LedgerRun, Tier};
use steadfast_core::{OperationId, Timestamp};

use super::{END, KeyBounds, STORE_NUMBER_SIZE, is_end, prefix_bounds, revision_prefix};
use super::{parse_value_bytes, value_bytes};

const QUEUE: u8 = 0;
const HEAD: u8 = 1;
const PENDING: u8 = 2;
const RECEIPT: u8 = 3;
const ORDER: u8 = 4;
const DEAD_LETTER: u8 = 5;

const TIER_FULL: u8 = 0;
const TIER_KEPT: u8 = 1;
const TIER_DEAD: u8 = 2;

const fn tier_byte(tier: Tier) -> u8 {
    match tier {
        Tier::Full => TIER_FULL,
        Tier::Kept => TIER_KEPT,
        Tier::Dead => TIER_DEAD,
    }
}

/// The key of a row of the operations of the record at `K`.
pub(crate) fn ledger_key(entry_key: &[u8], key: &LedgerKey) -> Vec<u8> {
    let mut bytes = revision_prefix(entry_key);
    match key {
        LedgerKey::Queue => bytes.push(QUEUE),
        LedgerKey::Head => bytes.push(HEAD),
        LedgerKey::Pending(seq) => {
            bytes.push(PENDING);
            bytes.extend_from_slice(&seq.to_be_bytes());
        }
        LedgerKey::Receipt(id) => {
            bytes.push(RECEIPT);
            bytes.extend_from_slice(id.as_str().as_bytes());
        }
        LedgerKey::Order(tier, time, id) => {
            bytes.extend_from_slice(&[ORDER, tier_byte(*tier)]);
            bytes.extend_from_slice(&value_bytes(time.ticks()));
            bytes.extend_from_slice(id.as_str().as_bytes());
        }
        LedgerKey::DeadLetter(id) => {
            bytes.push(DEAD_LETTER);
            bytes.extend_from_slice(id.as_str().as_bytes());
        }
    }
    bytes
}

/// `K`, and the name behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let scope_end = (STORE_NUMBER_SIZE..bytes.len()).find(|&at| is_end(bytes, at))?;
    let end = (scope_end + 1..bytes.len()).find(|&at| is_end(bytes, at))?;
    let (entry_key, rest) = bytes.split_at_checked(end)?;
    Some((entry_key, rest.strip_prefix(&END)?))
}

/// `K` and the name of a key.
pub(crate) fn parse_ledger_key(bytes: &[u8]) -> Option<(&[u8], LedgerKey)> {
    let (entry_key, name) = split(bytes)?;
    let (&kind, rest) = name.split_first()?;
    let id = |bytes| Some(OperationId::trusted(std::str::from_utf8(bytes).ok()?));
    let name = match (kind, rest) {
        (QUEUE, []) => LedgerKey::Queue,
        (HEAD, []) => LedgerKey::Head,
        (PENDING, seq) => LedgerKey::Pending(u64::from_be_bytes(seq.try_into().ok()?)),
        (RECEIPT, bytes) => LedgerKey::Receipt(id(bytes)?),
        (ORDER, [tier, rest @ ..]) => {
            let tier = Tier::ALL.into_iter().find(|known| tier_byte(*known) == *tier)?;
            let (time, rest) = rest.split_first_chunk::<8>()?;
            LedgerKey::Order(tier, Timestamp::from_ticks(parse_value_bytes(*time)), id(rest)?)
        }
        (DEAD_LETTER, bytes) => LedgerKey::DeadLetter(id(bytes)?),
        _ => return None,
    };
    Some((entry_key, name))
}

/// Whether a key is not that of a place in the order of receipts, which needs no witness.
pub(crate) fn is_witnessed(bytes: &[u8]) -> bool {
    split(bytes).and_then(|(_, name)| name.first()) != Some(&ORDER)
}

/// A run of rows of the operations of the record at `K`.
pub(crate) fn ledger_bounds(entry_key: &[u8], run: LedgerRun) -> KeyBounds {
    let mut prefix = revision_prefix(entry_key);
    match run {
        LedgerRun::All => {}
        LedgerRun::Pending => prefix.push(PENDING),
        LedgerRun::Receipts => prefix.push(RECEIPT),
        LedgerRun::Order(tier) => prefix.extend_from_slice(&[ORDER, tier_byte(tier)]),
        LedgerRun::DeadLetters => prefix.push(DEAD_LETTER),
    }
    prefix_bounds(prefix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry_key;
    use super::*;

    fn numbers() -> impl Strategy<Value = u64> {
        prop_oneof![0..3_u64, Just(255), Just(256), Just(u64::MAX - 1), Just(u64::MAX)]
    }

    fn times() -> impl Strategy<Value = Timestamp> {
        prop_oneof![-2..3_i64, Just(i64::MIN), Just(i64::MAX)].prop_map(Timestamp::from_ticks)
    }

    fn names() -> impl Strategy<Value = LedgerKey> {
        let id = || "[\0a\u{ff}\u{10ffff}]{0,3}".prop_map(OperationId::trusted);
        let tier = prop::sample::select(Tier::ALL.to_vec());
        prop_oneof![
            Just(LedgerKey::Queue),
            Just(LedgerKey::Head),
            numbers().prop_map(LedgerKey::Pending),
            id().prop_map(LedgerKey::Receipt),
            (tier, times(), id()).prop_map(|(tier, time, id)| LedgerKey::Order(tier, time, id)),
            id().prop_map(LedgerKey::DeadLetter),
        ]
    }

    fn runs() -> Vec<LedgerRun> {
        let mut runs = vec![LedgerRun::All, LedgerRun::Pending, LedgerRun::Receipts];
        runs.extend(Tier::ALL.map(LedgerRun::Order));
        runs.push(LedgerRun::DeadLetters);
        runs
    }

    proptest! {
        #[test]
        fn rows_of_operations_sort_by_record_and_name_and_are_read_back(
            a in (0u32..2, "[\0a\u{ff}]{0,2}", "[\0a\u{ff}]{0,2}", names()),
            b in (0u32..2, "[\0a\u{ff}]{0,2}", "[\0a\u{ff}]{0,2}", names()),
        ) {
            let place = |of: &(u32, String, String, LedgerKey)| entry_key(of.0, &of.1, &of.2);
            let (x, y) = (ledger_key(&place(&a), &a.3), ledger_key(&place(&b), &b.3));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(parse_ledger_key(&x), Some((&place(&a)[..], a.3.clone())));
            prop_assert_eq!(is_witnessed(&x), !matches!(a.3, LedgerKey::Order(..)));
            for run in runs() {
                let (start, end) = ledger_bounds(&place(&a), run);
                let is_in = y >= start && end.is_none_or(|end| y < end);
                let is_of = (a.0, &a.1, &a.2) == (b.0, &b.1, &b.2);
                prop_assert_eq!(is_in, is_of && run.covers(&b.3), "{:?}", run);
            }
        }

        #[test]
        fn any_bytes_are_a_name_or_nothing(tail in proptest::collection::vec(any::<u8>(), 0..24)) {
            let mut bytes = revision_prefix(&entry_key(1, "s", "k"));
            bytes.extend_from_slice(&tail);
            for bytes in [&bytes[..], &tail[..]] {
                if let Some((entry_key, name)) = parse_ledger_key(bytes) {
                    prop_assert_eq!(ledger_key(entry_key, &name), bytes);
                }
            }
        }
    }
}
