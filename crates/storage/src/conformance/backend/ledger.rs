//! Single facts about the rows of operations: their runs, their sizes, and that an id is queued once.

use std::sync::Arc;

use steadfast_core::operation::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, LedgerRun, PayloadHash, PendingBody,
    QueueBody, ReceiptBody, ReceiptState, Tier, Tries,
};
use steadfast_core::row::{Birth, Row};
use steadfast_core::{
    Batch, Condition, EntryId, Found, OperationId, OperationKind, Outcome, Refusal, Revision,
    RowBody, RowKey, RowRange, Timestamp, Write,
};

use super::cases::{ledger_keys, ledger_runs, value};
use super::records::reopened;
use crate::conformance::BackendHarness;
use crate::conformance::samples::{after, commit, entry, entry_in, must_commit, read_one, scan};

fn id(name: &str) -> OperationId {
    OperationId::trusted(name)
}

fn row(entry: &EntryId, key: LedgerKey) -> RowKey {
    RowKey::Ledger(entry.clone(), key)
}

fn put(entry: &EntryId, key: LedgerKey, body: LedgerBody, revision: Revision) -> Write {
    Write::Put { key: row(entry, key), revision, body: RowBody::Ledger(body) }
}

/// An operation that waits at a place in the queue, and carries a value of that many bytes.
fn pending(seq: u64, size: usize) -> LedgerBody {
    LedgerBody::Pending(Arc::new(PendingBody {
        id: id(&format!("gift-{seq}")),
        kind: OperationKind::trusted("give"),
        payload: value(size, seq).value.clone(),
        issued_at: Timestamp::from_ticks(5),
        queued: Birth::At(Timestamp::from_ticks(6)),
        schema: 1,
        is_permanent: false,
        replaces: None,
        verdict: None,
    }))
}

fn receipt(seq: u64) -> LedgerBody {
    LedgerBody::Receipt(Box::new(ReceiptBody {
        hash: PayloadHash(u128::from(seq)),
        issued_at: Timestamp::from_ticks(5),
        is_permanent: false,
        state: ReceiptState::Pending { seq, tries: Tries::default() },
    }))
}

/// Queues an operation, if nobody did and the queue is still at this revision.
fn queue(entry: &EntryId, name: &str, base: Option<Revision>, write: u64) -> Batch {
    let (revision, seq) = (after(base, write), base.map_or(0, |base| base.counter));
    let at = base.map_or(Condition::Absent, Condition::At);
    Batch {
        conditions: vec![
            (row(entry, LedgerKey::Receipt(id(name))), Condition::Absent),
            (row(entry, LedgerKey::Queue), at),
        ],
        writes: vec![
            put(entry, LedgerKey::Queue, queue_of(seq + 1), revision),
            put(entry, LedgerKey::Pending(seq), pending(seq, 10), after(None, write)),
            put(entry, LedgerKey::Receipt(id(name)), receipt(seq), after(None, write)),
        ],
    }
}

fn queue_of(count: u64) -> LedgerBody {
    LedgerBody::Queue(QueueBody { count, size: 20 * count })
}

fn keys_of(found: Vec<Found>) -> Vec<RowKey> {
    let key = |found| match found {
        Found::Row(Row { key, .. }) => key,
        damaged @ (Found::Absent | Found::Corrupt(_)) => panic!("not a row: {damaged:?}"),
    };
    found.into_iter().map(key).collect()
}

/// The run of a record has its rows in the order of their names, page by page, and no others:
/// neither those of records whose names begin alike, nor what stands beside it.
pub fn operations_are_listed_for_their_record_only<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let records = [
        entry("k"),
        entry("k\0"),
        entry("k\u{1}"),
        entry_in("Players", "global\0", "k"),
        entry_in("Player", "s", "global"),
    ];
    let mut names: Vec<LedgerKey> = ledger_keys().collect();
    names.sort();
    names.dedup();
    for record in &records {
        // Backwards, so that the order is not that of the writes.
        for name in names.iter().rev() {
            let body = body_for(name);
            let batch = Batch {
                conditions: vec![],
                writes: vec![put(record, name.clone(), body, after(None, 1))],
            };
            must_commit(&backend, &batch);
        }
    }
    let backend = reopened(&mut harness, backend);
    for record in &records {
        for run in ledger_runs() {
            let wanted: Vec<RowKey> = names
                .iter()
                .filter(|name| run.covers(name))
                .map(|name| row(record, name.clone()))
                .collect();
            let (mut found, mut last) = (Vec::new(), None);
            loop {
                let range = RowRange::Ledger { entry: record.clone(), run, after: last };
                let page = scan(&backend, &range, 3);
                found.extend(keys_of(page.rows));
                let end = found.last().expect("every run has rows");
                let RowKey::Ledger(_, name) = end else { panic!("a row of {end}") };
                last = Some(name.clone());
                if !page.more {
                    break;
                }
            }
            assert_eq!(found, wanted, "{run:?} of {record}");
        }
    }
}

fn body_for(name: &LedgerKey) -> LedgerBody {
    match name {
        LedgerKey::Queue => queue_of(7),
        LedgerKey::Head => LedgerBody::Head(HeadBody::default()),
        LedgerKey::Pending(seq) => pending(*seq, 100),
        LedgerKey::Receipt(_) => receipt(9),
        LedgerKey::Order(..) => LedgerBody::Order,
        LedgerKey::DeadLetter(_) => LedgerBody::DeadLetter(Arc::new(letter())),
    }
}

fn letter() -> DeadLetterBody {
    DeadLetterBody {
        kind: OperationKind::trusted("give"),
        payload: None,
        payload_size: 70_000,
        schema: 1,
        is_permanent: false,
        issued_at: Timestamp::from_ticks(5),
        died: Birth::At(Timestamp::from_ticks(6)),
        death: Death::Attempts,
        error: "it cannot be given".into(),
        tries: 10,
        requeued_as: None,
    }
}

/// A scan may start behind a name that is of another run, or that nothing stands at.
pub fn a_run_of_operations_starts_behind_any_name<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let record = entry("k");
    let names = [
        LedgerKey::Pending(3),
        LedgerKey::Receipt(id("b")),
        LedgerKey::Order(Tier::Kept, Timestamp::from_ticks(-4), id("b")),
        LedgerKey::DeadLetter(id("b")),
    ];
    let put = |name: &LedgerKey| put(&record, name.clone(), body_for(name), after(None, 1));
    let batch = Batch { conditions: vec![], writes: names.iter().map(put).collect() };
    must_commit(&backend, &batch);
    let behind = |run, after| {
        let range = RowRange::Ledger { entry: record.clone(), run, after: Some(after) };
        scan(&backend, &range, 10).rows.len()
    };
    for (run, before, last) in [
        (LedgerRun::Pending, LedgerKey::Queue, LedgerKey::Pending(3)),
        (LedgerRun::Pending, LedgerKey::Pending(2), LedgerKey::Receipt(id(""))),
        (LedgerRun::Receipts, LedgerKey::Pending(u64::MAX), LedgerKey::Receipt(id("b\0"))),
        (
            LedgerRun::Order(Tier::Kept),
            LedgerKey::Order(Tier::Full, Timestamp::from_ticks(i64::MAX), id("z")),
            LedgerKey::Order(Tier::Dead, Timestamp::from_ticks(i64::MIN), id("")),
        ),
        (LedgerRun::DeadLetters, LedgerKey::Receipt(id("z")), LedgerKey::DeadLetter(id("c"))),
        (LedgerRun::All, LedgerKey::Head, LedgerKey::DeadLetter(id("b"))),
    ] {
        let all = if run == LedgerRun::All { names.len() } else { 1 };
        assert_eq!(behind(run, before.clone()), all, "{run:?} behind {before}");
        assert_eq!(behind(run, last.clone()), 0, "{run:?} behind {last}");
    }
}

/// A payload at the largest size that is taken by default, and above, comes back byte for byte.
pub fn a_large_payload_comes_back_byte_for_byte<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let record = entry("k");
    let sizes = [2, 4_096, 65_536, 65_537, 400_000];
    let body = |seq: usize, size| pending(u64::try_from(seq).unwrap_or(0), size);
    for (seq, size) in sizes.into_iter().enumerate() {
        let key = LedgerKey::Pending(u64::try_from(seq).unwrap_or(0));
        let writes = vec![put(&record, key, body(seq, size), after(None, 1))];
        must_commit(&backend, &Batch { conditions: vec![], writes });
    }
    let backend = reopened(&mut harness, backend);
    let range = RowRange::Ledger { entry: record, run: LedgerRun::Pending, after: None };
    let rows = scan(&backend, &range, 10).rows;
    assert_eq!(rows.len(), sizes.len());
    for (seq, (found, size)) in rows.into_iter().zip(sizes).enumerate() {
        let Found::Row(found) = found else { panic!("not a row: {found:?}") };
        assert_eq!(found.body, RowBody::Ledger(body(seq, size)), "{size} bytes");
    }
}

/// An id is queued once and never in the place of another one, whoever else queues.
pub fn an_id_is_queued_once<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let record = entry("k");
    let first = queue(&record, "a", None, 1);
    must_commit(&backend, &first);
    let stands = read_one(&backend, &row(&record, LedgerKey::Receipt(id("a"))));
    assert!(matches!(stands, Found::Row(_)), "{stands:?}");
    let at = after(None, 1);
    for (again, refused) in [
        (queue(&record, "a", Some(at), 2), "the id is known"),
        (queue(&record, "b", None, 2), "the queue has moved"),
        (queue(&record, "b", Some(after(None, 9)), 2), "the queue was written by another"),
    ] {
        let Outcome::Refused(Refusal::Conditions(rows)) = commit(&backend, &again) else {
            panic!("taken although {refused}");
        };
        assert_eq!(rows.len(), 2);
    }
    must_commit(&backend, &queue(&record, "b", Some(at), 3));
    let backend = reopened(&mut harness, backend);
    let range = RowRange::Ledger { entry: record.clone(), run: LedgerRun::Pending, after: None };
    let waiting = keys_of(scan(&backend, &range, 10).rows);
    assert_eq!(waiting, [0, 1].map(|seq| row(&record, LedgerKey::Pending(seq))));
    assert_eq!(read_one(&backend, &row(&record, LedgerKey::Head)), Found::Absent);

    // What was deleted is absent again, and can be made anew.
    let pending = row(&record, LedgerKey::Pending(0));
    let delete = Write::Delete { key: pending.clone() };
    must_commit(&backend, &Batch { conditions: vec![], writes: vec![delete] });
    assert_eq!(read_one(&backend, &pending), Found::Absent);
    assert_eq!(scan(&backend, &range, 10).rows.len(), 1);
    let body = self::pending(0, 10);
    let again = Batch {
        conditions: vec![(pending, Condition::Absent)],
        writes: vec![put(&record, LedgerKey::Pending(0), body, after(None, 5))],
    };
    must_commit(&backend, &again);
}
