//! Sequences of operations, compared with the naive model step by step.

use std::collections::BTreeSet;
use std::sync::Arc;

use steadfast_core::operation::LedgerRun;
use steadfast_core::row::{Reviewed, Span};
use steadfast_core::{
    BoardId, EntryId, EntryKey, Found, Order, Outcome, Refusal, RowKey, RowRange, StoreId,
    Timestamp, UtcHour,
};

use super::cases::{self, Limit, Op, ScanPick};
use super::model::{Expected, Model, settled};
use crate::backend::Backend;
use crate::conformance::BackendHarness;
use crate::conformance::explore::explore;
use crate::conformance::samples::{ask, commit, heads, read, scan};

/// Cases of one run.
const CASES: u32 = 96;

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
            let range = range_of(pick.key(), how);
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

/// A range of a key's family and parents, from its start or behind the key.
fn range_of(key: RowKey, how: &ScanPick) -> RowRange {
    let order = if how.descending { Order::Descending } else { Order::Ascending };
    let prefix = cases::start(how.start);
    match key {
        RowKey::Store(store) if how.one_scope => {
            let (universe, name) = (store.universe, store.name);
            RowRange::Stores { universe, prefix, after: how.behind.then_some(name) }
        }
        RowKey::Store(store) => RowRange::AllStores { after: how.behind.then_some(store) },
        RowKey::Entry(entry) => {
            let span = if how.one_scope {
                Span::Keys(entry.scope.clone(), prefix)
            } else {
                Span::Scopes(prefix)
            };
            let after = how.behind.then_some((entry.scope, entry.key));
            RowRange::Entries { store: entry.store, span, after }
        }
        RowKey::Revision(entry, counter) => {
            RowRange::Revisions { entry, order, beyond: how.behind.then_some(counter) }
        }
        RowKey::Ordered(entry) if how.one_scope => {
            let board = BoardId::of(&entry);
            let (min, max) =
                (cases::ordered_value(how.values.0), cases::ordered_value(how.values.1));
            let beyond = how.behind.then_some((max, entry.key));
            RowRange::Board { board, order, min, max, beyond }
        }
        RowKey::Ordered(entry) => {
            let after = how.behind.then_some((entry.scope, entry.key));
            RowRange::Ordered { store: entry.store, after }
        }
        RowKey::Review(hour, reviewed) => {
            let through = if how.one_scope { hour } else { UtcHour(256) };
            RowRange::Reviews { through, after: how.behind.then_some((hour, reviewed)) }
        }
        // There is no run of universes: each is asked for by name.
        RowKey::Universe(universe) => RowRange::Stores { universe, prefix, after: None },
        RowKey::ApiKey(id) => RowRange::ApiKeys { after: how.behind.then_some(id) },
        // There is no run of ends: those of a record are asked for by its name.
        RowKey::Record(entry) | RowKey::Ends(entry) => {
            let after = how.behind.then_some((entry.scope, entry.key));
            RowRange::Records { store: entry.store, after }
        }
        RowKey::Presence(server) => RowRange::Presences { after: how.behind.then_some(server) },
        RowKey::Mail(server, entry) => {
            RowRange::Mail { server, after: how.behind.then_some(entry) }
        }
        RowKey::Ledger(entry, key) => {
            let run = if how.one_scope { cases::run_of(&key) } else { LedgerRun::All };
            RowRange::Ledger { entry, run, after: how.behind.then_some(key) }
        }
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
    if let RowRange::Entries { .. } | RowRange::Revisions { .. } = range {
        for with_sizes in [false, true] {
            let found = heads(backend, range, limit, with_sizes);
            assert_eq!(found, model.heads(range, limit, with_sizes), "{range:?}, {limit}");
        }
    }
}

/// Reads everything in every way.
fn audit(backend: &dyn Backend, model: &Model, named: &[RowKey]) {
    check_rows(backend, model, named);
    let mut ranges = vec![RowRange::ApiKeys { after: None }, RowRange::AllStores { after: None }];
    ranges.extend(cases::key_ids().map(|id| RowRange::ApiKeys { after: Some(id) }));
    ranges.extend(cases::stores().map(|store| RowRange::AllStores { after: Some(store) }));
    for store in cases::stores() {
        store_ranges(model, &store, &mut ranges);
    }
    let mut histories: Vec<_> = model.keys().into_iter().filter_map(entry_of).collect();
    histories.sort();
    histories.dedup();
    for entry in histories {
        for order in [Order::Ascending, Order::Descending] {
            let range = |beyond| RowRange::Revisions { entry: entry.clone(), order, beyond };
            ranges.push(range(None));
            ranges.extend(cases::counters().map(|counter| range(Some(counter))));
        }
    }
    let mut boards: Vec<_> = model.keys().into_iter().filter_map(board_of).collect();
    boards.sort();
    boards.dedup();
    for board in boards {
        board_ranges(&board, &mut ranges);
    }
    let reviews: Vec<_> = model.keys().into_iter().filter_map(review_of).collect();
    for through in cases::hours() {
        ranges.push(RowRange::Reviews { through, after: None });
        let after = reviews.iter().cloned().map(Some);
        ranges.extend(after.map(|after| RowRange::Reviews { through, after }));
    }
    server_ranges(model, &mut ranges);
    ledger_ranges(model, &mut ranges);
    for range in &ranges {
        let count = model.scan(range, usize::MAX).rows.len();
        for limit in [1, 2, count.max(1), count + 1] {
            check_scan(backend, model, range, limit);
        }
    }
}

/// Runs of data stores and of what is in one of them.
fn store_ranges(model: &Model, store: &StoreId, ranges: &mut Vec<RowRange>) {
    let universe = store.universe;
    ranges.extend(cases::starts().map(|prefix| RowRange::Stores { universe, prefix, after: None }));
    for after in cases::stores() {
        let (prefix, after) = ("".into(), Some(after.name));
        ranges.push(RowRange::Stores { universe, prefix, after });
    }
    let entries = |span, after| RowRange::Entries { store: store.clone(), span, after };
    let ordered = |after| RowRange::Ordered { store: store.clone(), after };
    let records = |after| RowRange::Records { store: store.clone(), after };
    ranges.extend([entries(Span::all(), None), ordered(None), records(None)]);
    let is_empty = |range| model.scan(&range, 1).rows.is_empty();
    if !is_empty(ordered(None)) {
        ranges.extend(cases::entry_starts().map(|after| ordered(Some(after))));
    }
    if !is_empty(records(None)) {
        ranges.extend(cases::entry_starts().map(|after| records(Some(after))));
    }
    if is_empty(entries(Span::all(), None)) {
        return;
    }
    ranges.extend(cases::entry_starts().map(|after| entries(Span::all(), Some(after))));
    for start in cases::starts() {
        ranges.push(entries(Span::Scopes(Arc::clone(&start)), None));
        let scopes: BTreeSet<_> = cases::entry_starts().map(|(scope, _)| scope).collect();
        for scope in scopes {
            let span = || Span::Keys(scope.clone(), Arc::clone(&start));
            ranges.push(entries(span(), None));
            // Before the span, within it, and behind it.
            let after = cases::entry_starts().step_by(7);
            ranges.extend(after.map(|after| entries(span(), Some(after))));
        }
    }
}

/// Runs of game servers and of their mail: every start.
fn server_ranges(model: &Model, ranges: &mut Vec<RowRange>) {
    ranges.push(RowRange::Presences { after: None });
    ranges.extend(cases::servers().map(|server| RowRange::Presences { after: Some(server) }));
    let mut about: Vec<EntryId> = model.keys().into_iter().filter_map(mail_of).collect();
    about.sort();
    about.dedup();
    for server in cases::servers() {
        ranges.push(RowRange::Mail { server, after: None });
        let after = about.iter().cloned().map(Some);
        ranges.extend(after.map(|after| RowRange::Mail { server, after }));
    }
}

/// Runs of the operations of each record that has any: every run, and every start.
fn ledger_ranges(model: &Model, ranges: &mut Vec<RowRange>) {
    let mut records: Vec<EntryId> = model.keys().into_iter().filter_map(ledger_of).collect();
    records.sort();
    records.dedup();
    for entry in records {
        for run in cases::ledger_runs() {
            let range = |after| RowRange::Ledger { entry: entry.clone(), run, after };
            ranges.push(range(None));
            ranges.extend(cases::ledger_keys().map(|key| range(Some(key))));
        }
    }
}

/// Runs of a board: every pair of ends, and every start.
fn board_ranges(board: &BoardId, ranges: &mut Vec<RowRange>) {
    for order in [Order::Ascending, Order::Descending] {
        let range =
            |min, max, beyond| RowRange::Board { board: board.clone(), order, min, max, beyond };
        for min in cases::ordered_values() {
            ranges.extend(cases::ordered_values().map(|max| range(min, max, None)));
            let names = cases::entry_starts().step_by(3).map(|(_, key)| key);
            ranges.extend(names.map(|key| range(i64::MIN, i64::MAX, Some((min, key)))));
        }
        let key = EntryKey::trusted("k");
        ranges.push(range(0, 1, Some((i64::MAX, key.clone()))));
        ranges.push(range(0, 1, Some((i64::MIN, key))));
    }
}

fn entry_of(key: RowKey) -> Option<EntryId> {
    match key {
        RowKey::Entry(entry) | RowKey::Revision(entry, _) => Some(entry),
        RowKey::Store(_)
        | RowKey::ApiKey(_)
        | RowKey::Universe(_)
        | RowKey::Ordered(_)
        | RowKey::Review(..)
        | RowKey::Record(_)
        | RowKey::Ends(_)
        | RowKey::Presence(_)
        | RowKey::Mail(..)
        | RowKey::Ledger(..) => None,
    }
}

fn board_of(key: RowKey) -> Option<BoardId> {
    if let RowKey::Ordered(entry) = key { Some(BoardId::of(&entry)) } else { None }
}

fn review_of(key: RowKey) -> Option<(UtcHour, Reviewed)> {
    if let RowKey::Review(hour, reviewed) = key { Some((hour, reviewed)) } else { None }
}

fn mail_of(key: RowKey) -> Option<EntryId> {
    if let RowKey::Mail(_, entry) = key { Some(entry) } else { None }
}

fn ledger_of(key: RowKey) -> Option<EntryId> {
    if let RowKey::Ledger(entry, _) = key { Some(entry) } else { None }
}
