//! Random batches against the naive model, with reopenings in between.

use steadfast_core::row::{FoundHead, HeadsReply, Reviewed, Span};
use steadfast_core::{
    BoardId, CommitOutcome, EntryId, Found, Order, Outcome, Refusal, Rng, RowKey, RowRange,
    ServerId, UniverseId, UtcHour,
};
use steadfast_storage::{Backend, ScanReply, wait};
use steadfast_storage_redb::RedbBackend;

use crate::support::*;

fn check_rows(backend: &impl Backend, model: &Model, rng: &mut Rng) {
    for _ in 0..20 {
        let id = random_entry(rng);
        let key = RowKey::Entry(id.clone());
        assert_eq!(read(backend, &key), model.found(&key));
        let review = Reviewed::Ordered(id.clone());
        let server = ServerId(u128::from(rng.below(4)));
        for key in [
            RowKey::Revision(id.clone(), rng.in_range(0..8)),
            RowKey::Ordered(id.clone()),
            RowKey::Store(id.store.clone()),
            RowKey::Universe(UniverseId(rng.below(4))),
            RowKey::Review(UtcHour(1), review),
            RowKey::Record(id.clone()),
            RowKey::Ends(id.clone()),
            RowKey::Presence(server),
            RowKey::Mail(server, id.clone()),
            RowKey::Ledger(id.clone(), random_name(rng)),
        ] {
            assert_eq!(read(backend, &key), model.found(&key), "{key}");
        }
    }
}

fn check_scan(backend: &impl Backend, model: &Model, range: &RowRange, limit: usize) {
    let all = model.scan(range);
    let reply = scan(backend, range, limit);
    assert_eq!(reply.more, all.len() > limit, "{range:?}");
    let some: Vec<Found> = all.into_iter().take(limit).collect();
    assert_eq!(reply.rows, some, "{range:?}");
}

fn check_heads(backend: &impl Backend, model: &Model, range: &RowRange, limit: usize) {
    let rows = ScanReply { rows: model.scan(range), more: false };
    for with_sizes in [false, true] {
        let reply = wait(|done| backend.heads(range.clone(), limit, with_sizes, done));
        let reply = reply.unwrap().unwrap();
        let mut heads = HeadsReply::of(&rows).heads;
        assert_eq!(reply.more, heads.len() > limit, "{range:?}");
        heads.truncate(limit);
        for head in &mut heads {
            let FoundHead::Head(head) = head else { panic!("{head:?}") };
            head.value_size = head.value_size.filter(|_| with_sizes);
        }
        assert_eq!(reply.heads, heads, "{range:?}");
    }
}

fn span(rng: &mut Rng, id: &EntryId) -> Span {
    let start = *rng.pick(&["", "g", "g\0", "p", "p\0", "u_", "u_1", "x"]).unwrap();
    if rng.percent(50) {
        Span::Scopes(start.into())
    } else {
        Span::Keys(id.scope.clone(), start.into())
    }
}

fn check_scans(backend: &impl Backend, model: &Model, rng: &mut Rng) {
    let limit = usize::try_from(rng.in_range(0..12)).unwrap();
    for limit in [limit, usize::MAX] {
        let id = random_entry(rng);
        let other = random_entry(rng);
        let name = (other.scope.clone(), other.key.clone());
        let after = rng.percent(50).then(|| name.clone());
        let store = id.store.clone();
        let entries = RowRange::Entries { store, span: span(rng, &id), after: after.clone() };
        let order = if rng.percent(50) { Order::Ascending } else { Order::Descending };
        let beyond = rng.percent(50).then(|| rng.in_range(0..9));
        let revisions = RowRange::Revisions { entry: id.clone(), order, beyond };
        for range in [entries, revisions] {
            check_scan(backend, model, &range, limit);
            check_heads(backend, model, &range, limit);
        }
        let universe = UniverseId(1);
        let prefix = ["", "A", "C\0", "x"][usize::try_from(rng.below(4)).unwrap()].into();
        let store_after = rng.percent(50).then(|| other.store.name.clone());
        let server = ServerId(u128::from(rng.below(4)));
        let (min, max) = (rng.in_range(0..3), rng.in_range(0..4));
        let value = |n: u64| if n == 0 { i64::MIN } else { i64::try_from(n).unwrap() };
        let beyond = rng.percent(50).then(|| (value(rng.below(3)), other.key.clone()));
        let through = UtcHour(u32::try_from(rng.below(5)).unwrap());
        let reviewed = (UtcHour(1), Reviewed::Ordered(other.clone()));
        let (min, max) = (value(min), if max == 3 { i64::MAX } else { value(max) });
        let board = BoardId::of(&id);
        for range in [
            RowRange::Stores { universe, prefix, after: store_after },
            RowRange::AllStores { after: rng.percent(50).then_some(other.store.clone()) },
            RowRange::ApiKeys { after: None },
            RowRange::Ordered { store: id.store.clone(), after: after.clone() },
            RowRange::Records { store: id.store.clone(), after },
            RowRange::Presences { after: rng.percent(50).then_some(server) },
            RowRange::Mail { server, after: rng.percent(50).then_some(other) },
            RowRange::Board { board, order, min, max, beyond },
            board_of(&id, order),
            RowRange::Reviews { through, after: rng.percent(50).then_some(reviewed) },
        ] {
            check_scan(backend, model, &range, limit);
        }
        for run in ledger_runs() {
            let (entry, after) = (id.clone(), rng.percent(50).then(|| random_name(rng)));
            check_scan(backend, model, &RowRange::Ledger { entry, run, after }, limit);
        }
    }
}

#[track_caller]
fn check_outcome(outcome: &CommitOutcome, model: &Model, batch: &steadfast_core::Batch) {
    match outcome {
        Outcome::Committed(_) => assert!(model.allows(batch)),
        Outcome::Refused(Refusal::Conditions(rows)) => {
            assert!(!model.allows(batch));
            assert_eq!(rows, &model.condition_rows(batch));
        }
        Outcome::Refused(_) | Outcome::Unknown => panic!("{outcome:?}"),
    }
}

fn run(seed: u64, steps: u64) {
    let mut rng = Rng::seeded(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut backend = RedbBackend::open(dir.path(), options()).unwrap();
    let mut model = Model::default();
    let mut last_stamp = None;
    for step in 0..steps {
        let batch = random_batch(&mut rng, &model);
        let outcome = commit(&backend, batch.clone());
        check_outcome(&outcome, &model, &batch);
        if let Outcome::Committed(committed) = outcome {
            assert!(last_stamp < Some(committed.stamped_at));
            last_stamp = Some(committed.stamped_at);
            model.apply(&batch, committed.stamped_at);
        }
        if step % 10 == 0 {
            check_rows(&backend, &model, &mut rng);
            check_scans(&backend, &model, &mut rng);
        }
        if step % 97 == 96 {
            backend.close().unwrap();
            backend = RedbBackend::open(dir.path(), options()).unwrap();
            assert!(Some(backend.started_at()) >= last_stamp);
        }
    }
}

#[test]
fn random_batches_agree_with_a_naive_model() {
    for seed in 0..6 {
        run(seed, 300);
    }
}
