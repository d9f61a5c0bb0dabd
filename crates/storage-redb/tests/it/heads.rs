//! Heads: what is told of states without reading their values, and runs of deletions.

use std::time::Instant;

use redb::TableDefinition;
use steadfast_core::row::{FoundHead, Head};
use steadfast_core::{Found, Order, Rng, RowKey, RowRange, Write};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::RedbBackend;

use crate::support::*;

fn heads(backend: &RedbBackend, range: RowRange, with_sizes: bool) -> Vec<FoundHead> {
    wait(|done| backend.heads(range, 100, with_sizes, done)).unwrap().unwrap().heads
}

fn size(head: &FoundHead) -> Option<usize> {
    match head {
        FoundHead::Head(Head { value_size, .. }) => *value_size,
        FoundHead::Corrupt(key) => panic!("{key} is corrupt"),
    }
}

#[test]
fn heads_read_no_values() {
    let dir = tempfile::tempdir().unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    let mut rng = Rng::seeded(3);
    let sizes = [2, 100, 300, 900, 3_000, 9_000, 100_000];
    for (counter, size) in (1..).zip(sizes) {
        let (id, content) = (entry("A", "global", "p"), Some(content(value(&mut rng, size))));
        let revision = revision(counter, 1);
        let put = put_revision(&id, revision, content.clone());
        committed(&backend, unconditional(vec![put_entry(&id, revision, content), put]));
    }
    let history = || history_of(entry("A", "global", "p"));
    let rows = scan(&backend, &history(), 100).rows;
    let expected: Vec<_> = rows
        .iter()
        .map(|found| match found {
            Found::Row(row) => Some(row.body.as_entry()?.content.as_ref()?.value.size()),
            Found::Absent | Found::Corrupt(_) => None,
        })
        .collect();
    backend.close().unwrap();
    // Without any value that does not stand in a record, heads are the same.
    let database = redb::Database::open(dir.path().join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let values: TableDefinition<'_, &'static [u8], &'static [u8]> = TableDefinition::new("val");
    write.open_table(values).unwrap().retain(|_, _| false).unwrap();
    write.commit().unwrap();
    drop(database);
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    let found: Vec<_> = heads(&backend, history(), true).iter().map(size).collect();
    assert_eq!(found, expected);
    assert!(heads(&backend, history(), false).iter().all(|head| size(head).is_none()));
    let found = heads(&backend, entries_of(store("A")), true);
    assert_eq!(found.iter().map(size).collect::<Vec<_>>(), [expected[0]]);
    let Found::Corrupt(_) = read(&backend, &RowKey::Entry(entry("A", "global", "p"))) else {
        panic!("its value is gone")
    };
}

#[test]
#[should_panic(expected = "only entries and revisions have heads")]
fn heads_of_other_families_are_a_fault_of_the_caller() {
    let dir = tempfile::tempdir().unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    heads(&backend, RowRange::ApiKeys { after: None }, false);
}

/// What one batch that deletes so many of the oldest revisions costs, in seconds.
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn delete_oldest(backend: &RedbBackend, name: &str, count: u64) -> f64 {
    let id = entry("A", "global", name);
    for first in (1..=count + 1).step_by(100) {
        let puts = (first..=(first + 99).min(count + 1)).map(|counter| {
            put_revision(&id, revision(counter, counter), Some(content(format!("{counter}"))))
        });
        committed(backend, unconditional(puts.collect()));
    }
    let delete = |counter| Write::Delete { key: RowKey::Revision(id.clone(), counter) };
    let start = Instant::now();
    committed(backend, unconditional((1..=count).map(delete).collect()));
    let seconds = start.elapsed().as_secs_f64();
    let rows = scan(backend, &history_of(id), 10).rows;
    assert_eq!(
        rows.iter().map(Found::revision).collect::<Vec<_>>(),
        [Some(revision(count + 1, count + 1))]
    );
    seconds
}

#[test]
fn a_run_of_deletions_costs_as_much_as_it_is_long() {
    let dir = tempfile::tempdir().unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    delete_oldest(&backend, "warm", 100);
    let best = |name: &str, count| {
        let runs = (0..3).map(|run| delete_oldest(&backend, &format!("{name}{run}"), count));
        runs.fold(f64::INFINITY, f64::min)
    };
    let (short, long) = (best("short", 500), best("long", 4_000));
    println!("500 deletions: {short:.4} s, 4,000: {long:.4} s");
    // Eight times as many; quadratic would be 64 times.
    assert!(long < 30.0 * short, "{short} s for 500, {long} s for 4,000");
}

#[test]
fn runs_of_deletions_leave_the_chain_whole() {
    let dir = tempfile::tempdir().unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    let mut rng = Rng::seeded(9);
    for round in 0..60 {
        let id = entry("A", "global", &format!("p{round}"));
        let mut left: Vec<u64> = (1..30).filter(|_| rng.percent(70)).collect();
        let puts = left.iter().map(|counter| {
            let sizes = [10, 500, 2_000];
            let size = *rng.pick(&sizes).unwrap();
            put_revision(&id, revision(*counter, 1), Some(content(value(&mut rng, size))))
        });
        let puts: Vec<_> = puts.collect();
        if puts.is_empty() {
            continue;
        }
        committed(&backend, unconditional(puts));
        while !left.is_empty() {
            let mut gone: Vec<u64> = (1..32).filter(|_| rng.percent(30)).collect();
            for at in (1..gone.len()).rev() {
                gone.swap(at, usize::try_from(rng.below(u64::try_from(at + 1).unwrap())).unwrap());
            }
            if gone.is_empty() {
                continue;
            }
            let delete =
                |counter: &u64| Write::Delete { key: RowKey::Revision(id.clone(), *counter) };
            committed(&backend, unconditional(gone.iter().map(delete).collect()));
            left.retain(|counter| !gone.contains(counter));
            for order in [Order::Ascending, Order::Descending] {
                let range = RowRange::Revisions { entry: id.clone(), order, beyond: None };
                let rows = scan(&backend, &range, 100).rows;
                let mut found: Vec<_> =
                    rows.iter().map(|found| found.revision().unwrap().counter).collect();
                if order == Order::Descending {
                    found.reverse();
                }
                assert_eq!(found, left);
            }
        }
        let key = RowKey::Entry(id);
        assert_eq!(read(&backend, &key), Found::Absent);
    }
    backend.close().unwrap();
    let report = steadfast_storage_redb::doctor(dir.path()).unwrap();
    assert!(report.is_clean() && report.orphan_count == 0, "{report:?}");
}
