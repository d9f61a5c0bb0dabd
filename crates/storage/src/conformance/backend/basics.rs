//! Single facts: the empty store, checks of a batch, large values, and requests side by side.

use std::sync::{Arc, mpsc};

use steadfast_core::batch::BatchError;
use steadfast_core::operation::{LedgerKey, LedgerRun};
use steadfast_core::row::{Reviewed, Span, StoreBody};
use steadfast_core::{
    ApiKeyId, Batch, BoardId, Condition, Found, Limits, OperationId, Order, Outcome, Refusal,
    Revision, RowBody, RowKey, RowRange, ServerId, Timestamp, UniverseId, UtcHour, Write,
};

use super::cases::value;
use crate::backend::Backend;
use crate::conformance::BackendHarness;
use crate::conformance::samples::{
    after, ask, commit, content_of, entry, entry_in, history, must_commit, read, read_one, scan,
    state_rows, write_batch,
};
use crate::done::Done;

/// Batches that are submitted before the first answer is waited for.
const UNDER_WAY: u64 = 200;

/// Requests in a row, each submitted by the completion of the one before.
const CHAIN_LENGTH: u64 = 60;

/// Nothing is found in an empty store, and it knows the time.
pub fn a_new_backend_is_empty_and_has_a_clock<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let id = entry("k");
    let keys = [
        RowKey::Store(id.store.clone()),
        RowKey::Entry(id.clone()),
        RowKey::Revision(id.clone(), 1),
        RowKey::ApiKey(ApiKeyId(1)),
        RowKey::Universe(id.store.universe),
        RowKey::Ordered(id.clone()),
        RowKey::Review(UtcHour(1), Reviewed::Entry(id.clone())),
        RowKey::Record(id.clone()),
        RowKey::Ends(id.clone()),
        RowKey::Presence(ServerId(1)),
        RowKey::Mail(ServerId(1), id.clone()),
        RowKey::Ledger(id.clone(), LedgerKey::Queue),
        RowKey::Ledger(id.clone(), LedgerKey::Receipt(OperationId::trusted("gift"))),
    ];
    assert_eq!(read(&backend, &keys), vec![Found::Absent; keys.len()]);
    let (store, board, universe) = (id.store.clone(), BoardId::of(&id), UniverseId(1));
    let (order, min, max, prefix) = (Order::Ascending, i64::MIN, i64::MAX, "".into());
    for range in [
        RowRange::Stores { universe, prefix, after: None },
        RowRange::AllStores { after: None },
        RowRange::Entries { store: store.clone(), span: Span::all(), after: None },
        RowRange::Revisions { entry: id.clone(), order: Order::Descending, beyond: None },
        RowRange::Revisions { entry: id.clone(), order, beyond: None },
        RowRange::Ledger { entry: id, run: LedgerRun::All, after: None },
        RowRange::ApiKeys { after: None },
        RowRange::Board { board, order, min, max, beyond: None },
        RowRange::Ordered { store: store.clone(), after: None },
        RowRange::Records { store, after: None },
        RowRange::Presences { after: None },
        RowRange::Mail { server: ServerId(1), after: None },
        RowRange::Reviews { through: UtcHour(u32::MAX), after: None },
    ] {
        let reply = scan(&backend, &range, 10);
        assert!(reply.rows.is_empty() && !reply.more, "{range:?} holds {reply:?}");
    }
    assert!(!backend.capabilities().name.is_empty());
    let reply = ask(|done| backend.read(vec![], done)).expect("nothing fails here");
    // The system's clock may go back, but not to the beginning of time.
    for time in [backend.started_at(), backend.now(), reply.now] {
        assert!(time > Timestamp::EPOCH, "the store does not know the time: {time:?}");
    }
}

/// A batch that no store may take is refused as that, also when its conditions do not hold, and
/// changes nothing.
pub fn a_batch_is_checked_before_it_is_written<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let id = entry("k");
    must_commit(&backend, &write_batch(&id, None, 1));
    let key = RowKey::Entry(id.clone());
    let before = read_one(&backend, &key);

    let good = write_batch(&id, None, 2);
    let twice = |write: Write| [good.writes.clone(), vec![write]].concat();
    let first = good.writes.first().expect("it writes the entry").clone();
    let body = RowBody::Store(StoreBody::NEW);
    let wrong = Write::Put { key: key.clone(), revision: after(None, 2), body };
    let wrong = Batch { writes: vec![wrong], ..good.clone() };
    let conditions = vec![(key.clone(), Condition::Absent), (key.clone(), Condition::Absent)];
    for (batch, error) in [
        (Batch { writes: vec![], ..good.clone() }, BatchError::Empty),
        (Batch { conditions, ..good.clone() }, BatchError::Twice { key: Box::new(key.clone()) }),
        (
            Batch { writes: twice(first), ..good.clone() },
            BatchError::Twice { key: Box::new(key.clone()) },
        ),
        (
            Batch { writes: twice(Write::Delete { key: key.clone() }), ..good.clone() },
            BatchError::Twice { key: Box::new(key.clone()) },
        ),
        (wrong, BatchError::WrongFamily { key: Box::new(key.clone()) }),
    ] {
        // Not even without conditions, which do not hold here.
        let mut blind = batch.clone();
        if blind.conditions.len() == 1 {
            blind.conditions.clear();
        }
        for batch in [batch, blind] {
            let outcome = commit(&backend, &batch);
            assert_eq!(outcome, Outcome::Refused(Refusal::Invalid(error.clone())), "{batch:?}");
            assert_eq!(read_one(&backend, &key), before);
        }
    }
    assert_eq!(history(&backend, &id), [after(None, 1)]);
}

/// The largest value there may be, shared by an entry and its history.
pub fn a_large_value_comes_back_byte_for_byte<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let (id, revision) = (entry("k"), after(None, 1));
    let content = value(Limits::native().value_size_max, 7);
    assert_eq!(content.value.size(), Limits::native().value_size_max);
    let writes = state_rows(&id, revision, Some(&content)).to_vec();
    must_commit(&backend, &Batch { conditions: vec![], writes });
    let check = |backend: &dyn Backend| {
        for key in [RowKey::Entry(id.clone()), RowKey::Revision(id.clone(), 1)] {
            let Found::Row(row) = read_one(backend, &key) else { panic!("no row at {key}") };
            let stored = row.body.as_entry().and_then(|body| body.content.clone());
            assert!(stored == Some(Arc::clone(&content)), "another value at {key}");
        }
    };
    check(&backend);
    if backend.capabilities().durable {
        check(&harness.reopen(backend));
    }
}

/// Several values are too large together one byte over the limit; one value in two rows counts
/// once.
pub fn values_of_a_batch_are_limited_together<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let limit = Limits::native().batch_size_max;
    let batch = |name: &str, first: usize, second: usize| {
        let of = |key: &str, size, seed| {
            state_rows(&entry_in("Players", name, key), after(None, seed), Some(&value(size, seed)))
        };
        let writes = [of("a", first, 1), of("b", second, 2)].concat();
        Batch { conditions: vec![], writes }
    };
    let keys = |name: &str| ["a", "b"].map(|key| RowKey::Entry(entry_in("Players", name, key)));
    must_commit(&backend, &batch("fits", limit / 2, limit - limit / 2));
    assert!(read(&backend, &keys("fits")).iter().all(|found| found.revision().is_some()));
    let over = commit(&backend, &batch("over", limit / 2, limit - limit / 2 + 1));
    let error = BatchError::TooLarge { actual: limit + 1, limit };
    assert_eq!(over, Outcome::Refused(Refusal::Invalid(error)));
    assert_eq!(read(&backend, &keys("over")), [Found::Absent, Found::Absent]);
}

/// The shell of a platform submits from inside a completion, on whatever thread that runs.
pub fn a_completion_may_submit_the_next_request<H: BackendHarness>() {
    fn next(
        backend: Arc<dyn Backend>,
        base: Option<Revision>,
        end: mpsc::Sender<Option<Revision>>,
    ) {
        if base.is_some_and(|base| base.counter == CHAIN_LENGTH) {
            return end.send(base).expect("the fact waits for the end");
        }
        let write = base.map_or(1, |base| base.tag + 1);
        let batch = write_batch(&entry("k"), base, write);
        let submitter = Arc::clone(&backend);
        let committed = Done::new(move |outcome: steadfast_core::CommitOutcome| {
            assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
            let reader = Arc::clone(&backend);
            let read = Done::new(move |reply: crate::ReadResult| {
                let rows = reply.expect("nothing fails here").rows;
                let stored = rows.first().and_then(Found::revision);
                assert_eq!(stored, Some(after(base, write)), "a read after a commit sees it");
                next(backend, stored, end);
            });
            reader.read(vec![RowKey::Entry(entry("k"))], read);
        });
        submitter.commit(batch, committed);
    }
    let mut harness = H::new();
    let backend: Arc<dyn Backend> = Arc::new(harness.open());
    let (sender, receiver) = mpsc::channel();
    next(Arc::clone(&backend), None, sender);
    let last = receiver.recv().expect("no completion was dropped");
    assert_eq!(last, Some(Revision { counter: CHAIN_LENGTH, tag: CHAIN_LENGTH }));
    assert_eq!(history(&*backend, &entry("k")).len(), usize::try_from(CHAIN_LENGTH).unwrap_or(0));
}

/// Each gets its own answer. A full queue is an answer too, and then nothing was written.
pub fn many_batches_may_be_under_way_at_once<H: BackendHarness>() {
    let mut harness = H::new();
    let backend = harness.open();
    let id = |write: u64| entry(&format!("k{write}"));
    let (sender, receiver) = mpsc::channel();
    for write in 1..=UNDER_WAY {
        let sender = sender.clone();
        let answer = move |outcome| sender.send((write, outcome)).expect("the fact waits");
        // Every third asks for what does not hold: its neighbours in a flush must not suffer.
        let base = write.is_multiple_of(3).then_some(Revision { counter: 1, tag: 1 });
        backend.commit(write_batch(&id(write), base, write), Done::new(answer));
    }
    drop(sender);
    let mut answers: Vec<_> = receiver.iter().collect();
    answers.sort_by_key(|(write, _)| *write);
    assert!(answers.iter().map(|(write, _)| *write).eq(1..=UNDER_WAY), "one answer for each");
    for (write, outcome) in answers {
        let found = read_one(&backend, &RowKey::Entry(id(write)));
        match outcome {
            Outcome::Committed(committed) => {
                assert!(!write.is_multiple_of(3), "write {write} had to be refused");
                let Found::Row(row) = found else { panic!("write {write} is lost: {found:?}") };
                assert_eq!(
                    (row.revision, row.stamped_at),
                    (after(None, write), committed.stamped_at)
                );
                let content = row.body.as_entry().and_then(|body| body.content.clone());
                assert_eq!(content, Some(content_of(write)));
            }
            Outcome::Refused(refusal) => {
                let by_condition = refusal == Refusal::Conditions(vec![Found::Absent]);
                let by_queue = matches!(refusal, Refusal::Exhausted { .. });
                assert!(by_queue || (by_condition && write.is_multiple_of(3)), "{refusal:?}");
                assert_eq!(found, Found::Absent);
            }
            Outcome::Unknown => panic!("the outcome of write {write} is known"),
        }
    }
}

/// All of it, in one piece, also after a second reopening; and the store can be written on.
pub fn what_was_acknowledged_survives_a_reopening<H: BackendHarness>() {
    let mut harness = H::new();
    let mut backend = harness.open();
    if !backend.capabilities().durable {
        return;
    }
    let (id, mut base, mut last_stamp) = (entry("k"), None, backend.now());
    for write in 1..=30 {
        let stamp = must_commit(&backend, &write_batch(&id, base, write));
        base = Some(after(base, write));
        assert!(stamp >= last_stamp, "a stamp went back");
        last_stamp = stamp;
        if write % 10 == 0 {
            backend = harness.reopen(backend);
            assert!(backend.started_at() >= last_stamp, "opened before the last stamp");
            let Found::Row(row) = read_one(&backend, &RowKey::Entry(id.clone())) else {
                panic!("the entry is gone")
            };
            assert_eq!((Some(row.revision), row.stamped_at), (base, last_stamp));
            let expected: Vec<Revision> =
                (1..=write).map(|n| Revision { counter: n, tag: n }).collect();
            assert_eq!(history(&backend, &id), expected);
        }
    }
}
