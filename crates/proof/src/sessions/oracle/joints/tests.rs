//! Facts about transactions: for each rule a story that is right, and one that is wrong.

use steadfast_core::operation::OperationSettings;
use steadfast_core::session::SessionSettings;
use steadfast_core::{EntryKey, Scope, StoreId, StoreName, UniverseId};

use super::super::Held;
use super::*;
use crate::sessions::moves::Moves;

const NUMBER: u32 = 7;

fn entry(name: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(name) }
}

fn held(key: usize) -> Held {
    Held::new(SessionId(u128::try_from(key).unwrap() + 1), key, 0, None)
}

/// What a record holds of ten coins, after a gain.
fn data(gain: i64, numbers: &[u32], taken: u64) -> Applied {
    let moves = Moves { numbers: numbers.to_vec(), taken, spent: 0 };
    Applied { coins: 10_u64.checked_add_signed(gain).unwrap(), moves, ..Applied::default() }
}

/// Two sessions of process 0 with ten coins each begin a transaction that moves three.
fn begun() -> SessionOracle {
    let settings = SessionSettings::default();
    let mut oracle = SessionOracle::new(&settings, &OperationSettings::default(), true);
    oracle.process_mut(0);
    let mut parts = Vec::new();
    for (name, gain) in [("u_1", -3), ("u_2", 3)] {
        let key = oracle.key(&entry(name));
        oracle.at_mut(key).ledger.set_data(data(0, &[], 0));
        oracle.at_mut(key).holder = Some(key);
        oracle.session_of.insert(held(key).id, key);
        oracle.sessions.push(held(key));
        parts.push(Part { key, session: key, marker: Marker::NONE, gain });
    }
    let (stored, is_refused) = (Stored::Never, false);
    oracle.joints.known.insert(NUMBER, Known { process: 0, parts, stored, is_refused });
    oracle
}

/// A batch that writes this.
fn write(oracle: &mut SessionOracle, all: &[(usize, Applied)]) -> Checked {
    for (key, data) in all {
        oracle.note_coins(*key, data, false)?;
        oracle.at_mut(*key).ledger.set_data(data.clone());
    }
    oracle.check_coins()
}

fn both() -> [(usize, Applied); 2] {
    [(0, data(-3, &[NUMBER], 1)), (1, data(3, &[NUMBER], 1))]
}

fn stored() -> SessionOracle {
    let mut oracle = begun();
    assert_eq!(write(&mut oracle, &both()), Ok(()));
    oracle
}

/// The store stands where it stood before the transaction.
fn lost(oracle: &mut SessionOracle) {
    let whole = oracle.whole_transactions();
    for key in 0..2 {
        oracle.at_mut(key).ledger.set_data(data(0, &[], 0));
    }
    oracle.has_lost = true;
    oracle.note_lost_transactions(Monotonic::from_nanos(1), &whole);
}

#[track_caller]
fn breaks(checked: Checked, code: &str) {
    let said = checked.unwrap_err();
    assert!(said.starts_with(&format!("{code}:")), "not {code}: {said}");
}

#[test]
fn g8_a_transaction_comes_to_all_of_its_records_at_once() {
    let oracle = stored();
    assert_eq!(oracle.joints.known[&NUMBER].stored, Stored::Whole);
    breaks(write(&mut begun(), &both()[..1]), "G8");
    breaks(write(&mut begun(), &both()[1..]), "G8");
    breaks(write(&mut stored(), &[(0, data(-3, &[NUMBER, 8], 2))]), "G8");
}

#[test]
fn g8_no_record_is_stored_without_what_was_taken() {
    breaks(write(&mut begun(), &[(0, data(-3, &[], 1))]), "G8");
    breaks(write(&mut begun(), &[(1, data(3, &[NUMBER], 0))]), "G8");
}

#[test]
fn g1_coins_come_from_operations_and_from_other_records() {
    let [from, _] = both();
    breaks(write(&mut begun(), &[from, (1, data(4, &[NUMBER], 1))]), "G1");
    breaks(write(&mut begun(), &[(0, data(1, &[], 0))]), "G1");
    let mut spent = data(-2, &[], 0);
    spent.moves.spent = 2;
    assert_eq!(write(&mut begun(), &[(0, spent)]), Ok(()));
}

#[test]
fn g8_what_is_given_shows_when_it_is_stored() {
    let show = |oracle: &mut SessionOracle, key: usize, applied: &Applied| {
        oracle.on_shows(0, held(key).id, applied)
    };
    let (taken, waiting) = (data(-3, &[], 1), data(0, &[], 1));
    assert_eq!(show(&mut begun(), 0, &taken), Ok(()));
    assert_eq!(show(&mut begun(), 1, &waiting), Ok(()));
    breaks(show(&mut begun(), 0, &waiting), "G1");
    breaks(show(&mut begun(), 1, &data(3, &[], 1)), "G1");
    breaks(show(&mut begun(), 1, &data(3, &[NUMBER], 1)), "G8");
    assert_eq!(show(&mut stored(), 1, &data(3, &[NUMBER], 1)), Ok(()));
    assert_eq!(show(&mut stored(), 1, &waiting), Ok(()), "nobody knows it there");
}

#[test]
fn w1_what_is_said_to_be_committed_is_stored_and_stays() {
    let revision = Revision { counter: 1, tag: 1 };
    breaks(begun().on_transaction_told(NUMBER, &Ok(revision)), "W1");
    breaks(write(&mut stored(), &[(0, data(0, &[], 0))]), "W1");
    let mut oracle = stored();
    oracle.at_mut(0).ledger.is_repaired = true;
    assert_eq!(write(&mut oracle, &[(0, data(0, &[], 0))]), Ok(()));
    assert_eq!(write(&mut oracle, &both()[..1]), Ok(()), "put back once more");
}

#[test]
fn w4_what_is_said_to_be_refused_is_stored_nowhere() {
    let refused = Err(SaveError::LeaseLost);
    breaks(stored().on_transaction_told(NUMBER, &refused), "W4");
    let mut oracle = begun();
    assert_eq!(oracle.on_transaction_told(NUMBER, &refused), Ok(()));
    breaks(write(&mut oracle, &both()), "W4");
    let unknown = Err(SaveError::OutcomeUnknown { write_id: steadfast_core::WriteId(1) });
    assert_eq!(stored().on_transaction_told(NUMBER, &unknown), Ok(()));
}

#[test]
fn g8_what_a_fail_over_lost_comes_back_if_those_who_had_it_still_run() {
    let mut oracle = stored();
    lost(&mut oracle);
    assert_eq!(write(&mut oracle, &both()[..1]), Ok(()), "one by one");
    breaks(oracle.check_returned(), "G8");
    assert_eq!(write(&mut oracle, &both()[1..]), Ok(()));
    assert_eq!(oracle.check_returned(), Ok(()));
    // It is whole again: it may be lost again.
    lost(&mut oracle);
    breaks(oracle.check_returned(), "G8");
}

#[test]
fn g8_what_a_fail_over_lost_may_be_gone_with_a_session_its_process_or_a_repair() {
    let excuses: [fn(&mut SessionOracle); 3] = [
        |oracle| oracle.note_session_lost(1),
        |oracle| oracle.note_crash(0),
        |oracle| oracle.note_repair(Monotonic::from_nanos(2), 0),
    ];
    for excuse in excuses {
        let mut oracle = stored();
        lost(&mut oracle);
        excuse(&mut oracle);
        assert_eq!(oracle.check_returned(), Ok(()));
    }
    let mut oracle = stored();
    oracle.held_mut(0).is_over = true;
    lost(&mut oracle);
    assert_eq!(oracle.check_returned(), Ok(()), "it was over before");
}
