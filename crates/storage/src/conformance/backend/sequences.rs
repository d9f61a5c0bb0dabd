//! Sequences of operations, compared with the naive model step by step.

use steadfast_core::{EntryId, Found, Outcome, Refusal, RowKey, RowRange, Timestamp};

use super::cases::{self, Limit, Op};
use super::model::{Expected, Model, settled};
use crate::backend::Backend;
use crate::conformance::BackendHarness;
use crate::conformance::explore::explore;
use crate::conformance::samples::{ask, commit, read, scan};

/// Cases of one run.
const CASES: u32 = 48;

/// Whatever is committed, read, scanned and reopened: answers, refused rows, stamps and stored rows
/// are those of a plain list of rows.
pub fn sequences_agree_with_a_naive_model<H: BackendHarness>() {
    explore(CASES, &cases::case(), |ops| {
        let mut harness = H::new();
        let mut backend = harness.open();
        let is_durable = backend.capabilities().durable;
        let mut model = Model::default();
        let mut named = Vec::new();
        for op in &ops {
            step(&backend, &mut model, &mut named, op);
            if matches!(op, Op::Reopen) && is_durable {
                backend = harness.reopen(backend);
                check_clock(&backend, model.last_stamp);
                let started_at = backend.started_at();
                assert!(started_at >= model.last_stamp, "opened before the last stamp");
                audit(&backend, &model, &named);
            }
        }
        audit(&backend, &model, &named);
        if is_durable {
            let backend = harness.reopen(backend);
            check_clock(&backend, model.last_stamp);
            audit(&backend, &model, &named);
        }
    });
}

fn step(backend: &dyn Backend, model: &mut Model, named: &mut Vec<RowKey>, op: &Op) {
    match op {
        Op::Commit { conditions, writes, defect } => {
            let batch = cases::batch_of(conditions, writes, *defect, |key| model.find(key));
            named.extend(batch.conditions.iter().map(|(key, _)| key.clone()));
            named.extend(batch.writes.iter().map(|write| write.key().clone()));
            match (model.expect(&batch), commit(backend, &batch)) {
                (Expected::Committed, Outcome::Committed(committed)) => {
                    let stamped_at = committed.stamped_at;
                    assert!(stamped_at >= model.last_stamp, "a stamp went back");
                    model.apply(&batch, stamped_at);
                    check_clock(backend, stamped_at);
                }
                (Expected::Conditions(wanted), Outcome::Refused(Refusal::Conditions(found))) => {
                    let found: Vec<Found> = found.into_iter().map(settled).collect();
                    let wanted: Vec<Found> = wanted.into_iter().map(settled).collect();
                    assert_eq!(found, wanted, "the rows of a refusal");
                }
                (Expected::Invalid(wanted), Outcome::Refused(Refusal::Invalid(found))) => {
                    assert_eq!(found, wanted);
                }
                (wanted, found) => panic!("{wanted:?} expected, {found:?} answered to {batch:?}"),
            }
            let keys: Vec<RowKey> = batch.writes.iter().map(|write| write.key().clone()).collect();
            check_rows(backend, model, &keys);
        }
        Op::Read(picks) => {
            let keys: Vec<RowKey> = picks.iter().map(|pick| pick.key()).collect();
            check_rows(backend, model, &keys);
        }
        Op::Scan(pick, how) => {
            let range = range_of(pick.key(), how.behind);
            let count = model.scan(&range, usize::MAX).rows.len();
            let limit = match how.limit {
                Limit::One => 1,
                Limit::Two => 2,
                Limit::Exact => count.max(1),
                Limit::OneMore => count + 1,
            };
            check_scan(backend, model, &range, limit);
        }
        // The backend is the caller's.
        Op::Reopen => {}
    }
}

/// The range of a key's family and parents, from its start or behind the key.
fn range_of(key: RowKey, behind: bool) -> RowRange {
    match key {
        RowKey::Store(store) => {
            RowRange::Stores { universe: store.universe, after: behind.then_some(store.name) }
        }
        RowKey::Entry(entry) => RowRange::Entries {
            store: entry.store,
            after: behind.then_some((entry.scope, entry.key)),
        },
        RowKey::Revision(entry, counter) => {
            RowRange::Revisions { entry, before: behind.then_some(counter) }
        }
        RowKey::ApiKey(id) => RowRange::ApiKeys { after: behind.then_some(id) },
    }
}

fn check_clock(backend: &dyn Backend, last_stamp: Timestamp) {
    assert!(backend.now() >= last_stamp, "the store's time is behind its last stamp");
    let reply = ask(|done| backend.read(vec![], done)).expect("nothing fails here");
    assert!(reply.now >= last_stamp, "the time of a read is behind the last stamp");
}

fn check_rows(backend: &dyn Backend, model: &Model, keys: &[RowKey]) {
    let found = read(backend, keys);
    for (key, found) in keys.iter().zip(found) {
        assert_eq!(settled(found), settled(model.find(key)), "at {key}");
    }
}

fn check_scan(backend: &dyn Backend, model: &Model, range: &RowRange, limit: usize) {
    let found = scan(backend, range, limit);
    let wanted = model.scan(range, limit);
    let rows = |rows: Vec<Found>| rows.into_iter().map(settled).collect::<Vec<_>>();
    assert_eq!(rows(found.rows), rows(wanted.rows), "{range:?}, at most {limit}");
    assert_eq!(found.more, wanted.more, "whether more follow {range:?}, at most {limit}");
}

/// Reads everything in every way.
fn audit(backend: &dyn Backend, model: &Model, named: &[RowKey]) {
    check_rows(backend, model, named);
    let mut ranges = vec![RowRange::ApiKeys { after: None }];
    ranges.extend(cases::key_ids().map(|id| RowRange::ApiKeys { after: Some(id) }));
    for store in cases::stores() {
        let universe = store.universe;
        ranges.push(RowRange::Stores { universe, after: None });
        let after = cases::stores().map(|store| Some(store.name));
        ranges.extend(after.map(|after| RowRange::Stores { universe, after }));
        ranges.push(RowRange::Entries { store: store.clone(), after: None });
        if !model.scan(&RowRange::Entries { store: store.clone(), after: None }, 1).rows.is_empty()
        {
            let after = cases::entry_starts().map(Some);
            let store = || store.clone();
            ranges.extend(after.map(|after| RowRange::Entries { store: store(), after }));
        }
    }
    let mut histories: Vec<_> = model.keys().into_iter().filter_map(entry_of).collect();
    histories.sort();
    histories.dedup();
    for entry in histories {
        ranges.push(RowRange::Revisions { entry: entry.clone(), before: None });
        let before = cases::counters().map(Some);
        let entry = || entry.clone();
        ranges.extend(before.map(|before| RowRange::Revisions { entry: entry(), before }));
    }
    for range in &ranges {
        let count = model.scan(range, usize::MAX).rows.len();
        for limit in [1, 2, count.max(1), count + 1] {
            check_scan(backend, model, range, limit);
        }
    }
}

fn entry_of(key: RowKey) -> Option<EntryId> {
    match key {
        RowKey::Entry(entry) | RowKey::Revision(entry, _) => Some(entry),
        RowKey::Store(_) | RowKey::ApiKey(_) => None,
    }
}
