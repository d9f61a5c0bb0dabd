//! Random batches against the naive model, with reopenings in between.

use steadfast_core::{CommitOutcome, Found, Outcome, Refusal, Rng, RowKey, RowRange, UniverseId};
use steadfast_storage::Backend;
use steadfast_storage_redb::RedbBackend;

use crate::support::*;

fn check_rows(backend: &impl Backend, model: &Model, rng: &mut Rng) {
    for _ in 0..20 {
        let id = random_entry(rng);
        let key = RowKey::Entry(id.clone());
        assert_eq!(read(backend, &key), model.found(&key));
        let key = RowKey::Revision(id, rng.in_range(0..8));
        assert_eq!(read(backend, &key), model.found(&key), "{key}");
    }
}

fn check_scan(backend: &impl Backend, model: &Model, range: &RowRange, limit: usize) {
    let all = model.scan(range);
    let reply = scan(backend, range, limit);
    assert_eq!(reply.more, all.len() > limit, "{range:?}");
    let some: Vec<Found> = all.into_iter().take(limit).collect();
    assert_eq!(reply.rows, some, "{range:?}");
}

fn check_scans(backend: &impl Backend, model: &Model, rng: &mut Rng) {
    let limit = usize::try_from(rng.in_range(0..12)).unwrap();
    for limit in [limit, usize::MAX] {
        let id = random_entry(rng);
        let after = rng.percent(50).then(|| (id.scope.clone(), id.key.clone()));
        check_scan(backend, model, &RowRange::Entries { store: id.store.clone(), after }, limit);
        let before = rng.percent(50).then(|| rng.in_range(0..9));
        check_scan(backend, model, &RowRange::Revisions { entry: id.clone(), before }, limit);
        let after = rng.percent(50).then(|| id.store.name.clone());
        check_scan(backend, model, &RowRange::Stores { universe: UniverseId(1), after }, limit);
        check_scan(backend, model, &RowRange::ApiKeys { after: None }, limit);
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
