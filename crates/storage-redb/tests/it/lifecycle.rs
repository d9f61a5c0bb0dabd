//! Opening, closing, and what stops a store.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use steadfast_core::{Condition, Found, Outcome, ReadError, Refusal, RowKey};
use steadfast_storage::{Backend, Done};
use steadfast_storage_redb::{OpenError, Options, RedbBackend};

use crate::support::*;

#[test]
fn a_second_opener_is_told_who_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedbBackend::open(dir.path(), options()).unwrap();
    match RedbBackend::open(dir.path(), options()) {
        Err(OpenError::Locked { holder, .. }) => {
            assert!(holder.contains(&format!("process {} on ", std::process::id())), "{holder}");
            assert!(holder.contains("since unix time 1000"), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    first.close().unwrap();
    RedbBackend::open(dir.path(), options()).unwrap().close().unwrap();
}

#[test]
fn a_missing_directory_is_made_with_what_is_missing_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    RedbBackend::open(&deep, options()).unwrap().close().unwrap();
    assert!(deep.join("CLOSED").exists());
    RedbBackend::open(&deep, options()).unwrap().close().unwrap();
}

#[test]
fn a_directory_of_somebody_else_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let refused = RedbBackend::open(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::NotAStore { .. })), "{refused:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_unknown_format_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let text = "steadfast store\nformat 2\ncreated-by 9.9.9\nstate ready\n";
    fs::write(dir.path().join("FORMAT"), text).unwrap();
    let refused = RedbBackend::open(dir.path(), options());
    match refused {
        Err(error @ OpenError::UnknownFormat { .. }) => {
            let message = error.to_string();
            assert!(message.contains("format 2 (created-by 9.9.9)"), "{message}");
            assert!(message.contains("a newer one"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_crash_at_any_point_of_the_first_start_leaves_a_directory_that_opens() {
    let complete = tempfile::tempdir().unwrap();
    RedbBackend::open(complete.path(), options()).unwrap().close().unwrap();
    let creating = "steadfast store\nformat 1\ncreated-by 0.1.0\nstate creating\n";
    let data = fs::read(complete.path().join("data.redb")).unwrap();
    let stages: [&[(&str, &[u8])]; 6] = [
        &[],
        &[("LOCK", b"")],
        &[("LOCK", b""), ("FORMAT.new", b"stead")],
        &[("LOCK", b""), ("FORMAT", creating.as_bytes())],
        &[("LOCK", b""), ("FORMAT", creating.as_bytes()), ("data.redb", &data[..5_000])],
        &[
            ("LOCK", b""),
            ("FORMAT", creating.as_bytes()),
            ("data.redb", &data),
            ("FORMAT.new", b"stead"),
        ],
    ];
    for files in stages {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        let backend = RedbBackend::open(dir.path(), options()).unwrap();
        committed(&backend, unconditional(vec![put_store(&store("A"), revision(1, 1))]));
        backend.close().unwrap();
        let backend = RedbBackend::open(dir.path(), options()).unwrap();
        assert!(matches!(read(&backend, &RowKey::Store(store("A"))), Found::Row(_)));
    }
}

#[test]
fn a_missing_or_empty_data_file_is_damage_and_not_a_new_store() {
    let dir = tempfile::tempdir().unwrap();
    RedbBackend::open(dir.path(), options()).unwrap().close().unwrap();
    fs::write(dir.path().join("data.redb"), "").unwrap();
    let refused = RedbBackend::open(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{refused:?}");
    fs::remove_file(dir.path().join("data.redb")).unwrap();
    let refused = RedbBackend::open(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
}

#[test]
fn an_older_copy_of_the_data_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (data, id) = (dir.path().join("data.redb"), entry("A", "global", "p"));
    let put = |counter| unconditional(vec![put_entry(&id, revision(counter, 1), None)]);
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    committed(&backend, put(1));
    backend.close().unwrap();
    let older = fs::read(&data).unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    committed(&backend, put(2));
    backend.close().unwrap();
    let newer = fs::read(&data).unwrap();

    fs::write(&data, &older).unwrap();
    let refused = RedbBackend::open(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::WentBack { .. })), "{refused:?}");
    assert_eq!(fs::read(&data).unwrap(), older, "the refusal changed nothing");

    fs::write(&data, &newer).unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    assert_eq!(read(&backend, &RowKey::Entry(id)).revision(), Some(revision(2, 1)));
}

#[test]
fn rows_stamps_and_sequence_survive_a_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = steadfast_core::Rng::seeded(5);
    let mut model = Model::default();
    let mut last = None;
    for round in 1..6 {
        let backend = RedbBackend::open(dir.path(), options()).unwrap();
        assert!(Some(backend.now()) >= last, "the store's time never goes back");
        for n in 0..20 {
            let id = entry("A", "global", &format!("p{n}"));
            let content = Some(content(value(&mut rng, 3_000)));
            let batch = unconditional(vec![
                put_entry(&id, revision(round, n), content.clone()),
                put_revision(&id, revision(round, n), content),
            ]);
            let stamp = committed(&backend, batch.clone());
            assert!(Some(stamp) > last, "the clock stands still, stamps do not");
            last = Some(stamp);
            model.apply(&batch, stamp);
        }
        for (key, row) in &model.rows {
            assert_eq!(read(&backend, key), Found::Row(row.clone()));
        }
        backend.close().unwrap();
    }
}

#[test]
fn a_failed_flush_stops_the_store_and_loses_nothing_acknowledged() {
    check_failure(|storage| storage.fail_sync.store(true, Ordering::SeqCst), true);
}

#[test]
fn a_full_device_stops_the_store_and_loses_nothing_acknowledged() {
    check_failure(|storage| storage.no_space.store(true, Ordering::SeqCst), false);
}

fn check_failure(break_it: impl Fn(&FailingStorage), is_unknown: bool) {
    let storage = FailingStorage::default();
    let backend = RedbBackend::open_with(storage.clone(), options()).unwrap();
    let id = |n: u64| entry("A", "global", &format!("p{n}"));
    let mut rng = steadfast_core::Rng::seeded(6);
    let mut put = |n: u64| {
        let content = Some(content(value(&mut rng, 500_000)));
        unconditional(vec![put_entry(&id(n), revision(1, n), content)])
    };
    for n in 0..10 {
        committed(&backend, put(n));
    }
    break_it(&storage);
    let outcome = commit(&backend, put(10));
    if is_unknown {
        assert_eq!(outcome, Outcome::Unknown);
    } else {
        assert!(!matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
    }
    let reason = backend.stopped().expect("the store is stopped");
    storage.fail_sync.store(false, Ordering::SeqCst);
    storage.no_space.store(false, Ordering::SeqCst);
    // It stays stopped, whatever the device does now.
    let sync_count = storage.sync_count.load(Ordering::SeqCst);
    let refused = commit(&backend, put(11));
    assert_eq!(refused, Outcome::Refused(Refusal::Unavailable { reason: Arc::clone(&reason) }));
    let read_error = try_read(&backend, vec![RowKey::Entry(id(0))]);
    assert_eq!(read_error, Err(ReadError::Unavailable { reason }));
    drop(backend.close());
    assert_eq!(storage.sync_count.load(Ordering::SeqCst), sync_count, "nothing is flushed again");

    let backend = RedbBackend::open_with(storage, options()).unwrap();
    for n in 0..10 {
        assert!(matches!(read(&backend, &RowKey::Entry(id(n))), Found::Row(_)));
    }
    assert_eq!(read(&backend, &RowKey::Entry(id(11))), Found::Absent);
    committed(&backend, put(12));
}

#[test]
fn a_full_queue_refuses_and_what_it_took_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { queue_size_max: 4, ..options() };
    let backend = Arc::new(RedbBackend::open(dir.path(), options).unwrap());
    let (sender, receiver) = mpsc::channel();
    // The committer waits in this completion while the queue fills up.
    let (release, held) = mpsc::channel::<()>();
    let (arrive, arrived) = mpsc::channel();
    let first = unconditional(vec![put_store(&store("A"), revision(1, 1))]);
    backend.commit(
        first,
        Done::new(move |_| {
            arrive.send(()).unwrap();
            held.recv().unwrap();
        }),
    );
    arrived.recv().unwrap();
    for n in 0..6_u64 {
        let batch = unconditional(vec![put_entry(
            &entry("A", "global", &format!("p{n}")),
            revision(1, n),
            None,
        )]);
        let sender = sender.clone();
        backend.commit(batch, Done::new(move |outcome| sender.send((n, outcome)).unwrap()));
    }
    drop(sender);
    let refused: Vec<_> = receiver.try_iter().collect();
    assert_eq!(refused.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [4, 5]);
    assert!(
        refused
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Refused(Refusal::Exhausted { .. })))
    );
    release.send(()).unwrap();
    let rest: Vec<_> = receiver.iter().collect();
    assert_eq!(rest.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(rest.iter().all(|(_, outcome)| matches!(outcome, Outcome::Committed(_))));
}

#[test]
fn batches_of_one_commit_see_those_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    let id = entry("A", "global", "p");
    let (sender, receiver) = mpsc::channel();
    for n in 1..=50_u64 {
        let mut batch = unconditional(vec![put_entry(&id, revision(n, n), None)]);
        let condition =
            if n == 1 { Condition::Absent } else { Condition::At(revision(n - 1, n - 1)) };
        batch.conditions.push((RowKey::Entry(id.clone()), condition));
        let again = batch.clone();
        for batch in [batch, again] {
            let sender = sender.clone();
            backend.commit(batch, Done::new(move |outcome| sender.send((n, outcome)).unwrap()));
        }
    }
    drop(sender);
    let outcomes: Vec<_> = receiver.iter().collect();
    assert_eq!(outcomes.len(), 100);
    for pair in outcomes.chunks(2) {
        let [(first, won), (second, lost)] = pair else { panic!("pairs") };
        assert_eq!(first, second, "answers come in the order of the queue");
        assert!(matches!(won, Outcome::Committed(_)), "{first}: {won:?}");
        let Outcome::Refused(Refusal::Conditions(rows)) = lost else { panic!("{lost:?}") };
        assert_eq!(rows[0].revision(), Some(revision(*first, *first)), "as read after the refusal");
    }
}

#[test]
fn a_completion_may_drop_the_last_handle() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Arc::new(RedbBackend::open(dir.path(), options()).unwrap());
    let (sender, receiver) = mpsc::channel();
    let last = Arc::clone(&backend);
    let batch = unconditional(vec![put_store(&store("A"), revision(1, 1))]);
    let (go, wait_for_go) = mpsc::channel::<()>();
    backend.commit(
        batch,
        Done::new(move |_| {
            wait_for_go.recv().unwrap();
            drop(last);
            sender.send(()).unwrap();
        }),
    );
    drop(backend);
    go.send(()).unwrap();
    receiver.recv().unwrap();
}
