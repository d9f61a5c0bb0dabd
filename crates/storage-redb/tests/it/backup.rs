//! Backups, restores and forks: what is in them, what a crash leaves, what damage does.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use redb::{ReadableTable, TableDefinition};
use steadfast_core::{ErrorKind, Found, Outcome, Rng, RowKey};
use steadfast_storage::Backend;
use steadfast_storage_redb::{
    BackupError, Manifest, OpenError, Progress, RedbBackend, Stage, backup, doctor, fork, restore,
    verify,
};

use crate::support::*;

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A closed store with something of everything.
fn build(dir: &Path) -> Model {
    let backend = RedbBackend::open(dir, options()).unwrap();
    let (mut model, mut rng) = (Model::default(), Rng::seeded(31));
    for _ in 0..300 {
        let batch = random_batch(&mut rng, &model);
        if let Outcome::Committed(done) = commit(&backend, batch.clone()) {
            model.apply(&batch, done.stamped_at);
        }
    }
    backend.close().unwrap();
    model
}

#[track_caller]
fn check_rows(dir: &Path, model: &Model) {
    let backend = RedbBackend::open(dir, options()).unwrap();
    for (key, row) in &model.rows {
        assert_eq!(read(&backend, key), Found::Row(row.clone()));
    }
    backend.close().unwrap();
}

#[test]
fn u1_a_backup_a_restore_and_a_fork_hold_the_same_rows_and_the_same_checksum() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, restored, forked, again] =
        ["dir", "saved", "restored", "forked", "again"].map(|name| home.path().join(name));
    let model = build(&dir);
    let made = backup::backup(&dir, &saved, &mut go_on).unwrap();
    assert_eq!((made.damage_count, made.format), (0, 1));
    assert_eq!(made.row_count("ver"), doctor(&dir).unwrap().revision_count);
    assert_eq!(verify(&saved, &mut go_on).unwrap(), made);
    assert!(doctor(&saved).unwrap().is_clean());

    assert_eq!(restore(&saved, &restored, &mut go_on).unwrap(), made);
    assert!(!restored.join("MANIFEST").exists(), "it is no backup");
    assert_eq!(fork(&dir, &forked, &mut go_on).unwrap(), made);
    for copy in [&restored, &forked, &saved] {
        check_rows(copy, &model);
    }
    // Opened and closed without a write, it is still the backup that it was.
    assert_eq!(verify(&saved, &mut go_on).unwrap(), made);
    assert_eq!(backup::backup(&restored, &again, &mut go_on).unwrap(), made);
}

#[test]
fn stamps_and_counters_go_on_from_the_backup() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, restored] = ["dir", "saved", "restored"].map(|name| home.path().join(name));
    build(&dir);
    let made = backup::backup(&dir, &saved, &mut go_on).unwrap();
    restore(&saved, &restored, &mut go_on).unwrap();
    let backend = RedbBackend::open(&restored, options()).unwrap();
    assert!(backend.now() >= made.stamped_at);
    let id = entry("A", "global", "new");
    let stamp = committed(&backend, unconditional(vec![put_entry(&id, revision(1, 1), None)]));
    assert!(stamp > made.stamped_at, "the clock stands still, stamps do not");
    backend.close().unwrap();
    let later = fork(&restored, &home.path().join("later"), &mut go_on).unwrap();
    assert_eq!(later.commit, made.commit + 1);
    assert_ne!(later.content, made.content);
}

#[test]
fn u2_a_backup_under_load_is_one_point_in_time_and_has_what_was_acknowledged_before() {
    let home = tempfile::tempdir().unwrap();
    let (dir, saved) = (home.path().join("dir"), home.path().join("saved"));
    let backend = Arc::new(RedbBackend::open(&dir, options()).unwrap());
    let pair = |writer: u64, half: &str| entry("A", "global", &format!("w{writer}-{half}"));
    let (stop, counts) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; 4]);
    let made = thread::scope(|scope| {
        for (writer, count) in (0..).zip(&counts) {
            let (backend, stop) = (&backend, &stop);
            scope.spawn(move || {
                let mut rng = Rng::seeded(writer);
                for counter in 1.. {
                    // Both halves of a batch have the same counter in every point in time.
                    let content = Some(content(value(&mut rng, 2_000)));
                    let revision = revision(counter, counter);
                    let writes = ["a", "b"].into_iter().flat_map(|half| {
                        let id = pair(writer, half);
                        let put = put_entry(&id, revision, content.clone());
                        [put, put_revision(&id, revision, content.clone())]
                    });
                    committed(&**backend, unconditional(writes.collect()));
                    count.store(counter, Ordering::SeqCst);
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
            });
        }
        while counts.iter().any(|count| count.load(Ordering::SeqCst) < 200) {
            thread::yield_now();
        }
        let before = counts.each_ref().map(|count| count.load(Ordering::SeqCst));
        let mut during = [0; 4];
        let made = backend.backup_to(&saved, &mut |progress| {
            if progress.stage == Stage::Verifying {
                during = counts.each_ref().map(|count| count.load(Ordering::SeqCst));
            }
            ControlFlow::Continue(())
        });
        stop.store(true, Ordering::SeqCst);
        assert_ne!(during, before, "writers were not held up");
        made.map(|made| (made, before))
    });
    let (made, before) = made.unwrap();
    Arc::into_inner(backend).unwrap().close().unwrap();
    assert_eq!(verify(&saved, &mut go_on).unwrap(), made);
    let backend = RedbBackend::open(&saved, options()).unwrap();
    for (writer, before) in (0..).zip(before) {
        let counters = ["a", "b"].map(|half| {
            read(&backend, &RowKey::Entry(pair(writer, half))).revision().unwrap().counter
        });
        assert_eq!(counters[0], counters[1], "a batch is whole");
        assert!(counters[0] >= before, "{} acknowledged, {} saved", before, counters[0]);
        let newest = RowKey::Revision(pair(writer, "a"), counters[0]);
        assert!(matches!(read(&backend, &newest), Found::Row(_)), "with its history");
        let next = RowKey::Revision(pair(writer, "a"), counters[0] + 1);
        assert_eq!(read(&backend, &next), Found::Absent, "and nothing of later");
    }
}

/// The stages that a crash may leave of a copy, file by file, in the order in which they are made.
fn stages(complete: &Path) -> Vec<Vec<(&'static str, Vec<u8>)>> {
    let copying = b"steadfast store\nformat 1\ncreated-by 0.1.0\nstate copying\n".to_vec();
    let data = fs::read(complete.join("data.redb")).unwrap();
    let closed = fs::read(complete.join("CLOSED")).unwrap();
    let manifest = fs::read(complete.join("MANIFEST")).unwrap();
    let begun = [("FORMAT", copying.clone()), ("LOCK", Vec::new())];
    let with = |files: &[(&'static str, &[u8])]| {
        let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec()));
        begun.iter().cloned().chain(files).collect::<Vec<_>>()
    };
    vec![
        vec![("FORMAT", copying.clone())],
        with(&[]),
        with(&[("FORMAT.new", b"stead")]),
        with(&[("data.redb", b"")]),
        with(&[("data.redb", &data[..5_000])]),
        with(&[("data.redb", &data)]),
        with(&[("data.redb", &data), ("CLOSED.new", b"com")]),
        with(&[("data.redb", &data), ("CLOSED", &closed)]),
        with(&[("data.redb", &data), ("CLOSED", &closed), ("MANIFEST.new", b"stead")]),
        with(&[("data.redb", &data), ("CLOSED", &closed), ("MANIFEST", &manifest)]),
        with(&[
            ("data.redb", &data),
            ("CLOSED", &closed),
            ("MANIFEST", &manifest),
            ("FORMAT.new", b"steadfast store\nformat 1\ncreated-by 0.1.0\nstate ready\n"),
        ]),
    ]
}

#[test]
fn a_crash_at_any_point_of_a_copy_leaves_what_is_refused_and_can_be_begun_again() {
    let home = tempfile::tempdir().unwrap();
    let (dir, saved) = (home.path().join("dir"), home.path().join("saved"));
    let model = build(&dir);
    let made = backup::backup(&dir, &saved, &mut go_on).unwrap();
    for (stage, files) in stages(&saved).into_iter().enumerate() {
        let partial = home.path().join(format!("partial-{stage}"));
        fs::create_dir(&partial).unwrap();
        for (name, bytes) in &files {
            fs::write(partial.join(name), bytes).unwrap();
        }
        let new = home.path().join("new");
        let errors = [
            RedbBackend::open(&partial, options()).map(drop).map_err(BackupError::Directory),
            restore(&partial, &new, &mut go_on).map(drop),
            verify(&partial, &mut go_on).map(drop),
            fork(&partial, &new, &mut go_on).map(drop),
            doctor(&partial).map(drop).map_err(BackupError::Directory),
        ];
        for result in errors {
            let incomplete =
                matches!(&result, Err(BackupError::Directory(OpenError::Incomplete { .. })));
            assert!(incomplete, "stage {stage}: {result:?}");
        }
        assert!(!new.exists(), "stage {stage}");
        // Either kind of copy begins again there, and nothing of the earlier one is left.
        let again = home.path().join(format!("again-{stage}"));
        copy_files(&partial, &again);
        assert_eq!(backup::backup(&dir, &again, &mut go_on).unwrap(), made);
        assert_eq!(verify(&again, &mut go_on).unwrap(), made);
        assert_eq!(restore(&saved, &partial, &mut go_on).unwrap(), made);
        assert!(!partial.join("MANIFEST").exists(), "stage {stage}");
        check_rows(&partial, &model);
    }
}

#[test]
fn a_torn_first_file_of_a_copy_is_refused() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("FORMAT"), "steadfast st").unwrap();
    let refused = RedbBackend::open(home.path(), options());
    assert!(matches!(refused, Err(OpenError::UnknownFormat { .. })), "{refused:?}");
}

#[test]
fn an_ended_copy_is_incomplete() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved] = ["dir", "saved"].map(|name| home.path().join(name));
    build(&dir);
    for stage in [Stage::Copying, Stage::Verifying] {
        let ended = backup::backup(&dir, &saved, &mut |progress| {
            if progress.stage == stage { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(ended, Err(BackupError::Cancelled)), "{ended:?}");
        let opened = RedbBackend::open(&saved, options());
        assert!(matches!(opened, Err(OpenError::Incomplete { .. })), "{opened:?}");
    }
    backup::backup(&dir, &saved, &mut go_on).unwrap();
    verify(&saved, &mut go_on).unwrap();
}

#[test]
fn closing_the_store_ends_its_backup_and_a_second_one_waits_for_its_turn() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, other] = ["dir", "saved", "other"].map(|name| home.path().join(name));
    build(&dir);
    let backend = RedbBackend::open(&dir, options()).unwrap();
    let mut seen = false;
    let ended = thread::scope(|scope| {
        backend.backup_to(&saved, &mut |_| {
            if !seen {
                seen = true;
                let busy = backend.backup_to(&other, &mut go_on);
                assert!(matches!(busy, Err(BackupError::Busy)), "{busy:?}");
                // It waits for the backup, and the backup for nothing.
                let closing = scope.spawn(|| Backend::close(&backend).unwrap());
                let put = || unconditional(vec![put_store(&store("Z"), revision(1, 1))]);
                while matches!(commit(&backend, put()), Outcome::Committed(_)) {}
                drop(closing);
            }
            ControlFlow::Continue(())
        })
    });
    assert!(matches!(ended, Err(BackupError::Cancelled)), "{ended:?}");
    assert!(!other.exists());
}

#[test]
fn a_target_that_holds_something_is_refused_and_not_touched() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, full, live] = ["dir", "saved", "full", "live"].map(|n| home.path().join(n));
    build(&dir);
    let made = backup::backup(&dir, &saved, &mut go_on).unwrap();
    fs::create_dir(&full).unwrap();
    fs::write(full.join("notes.txt"), "mine").unwrap();
    let backend = RedbBackend::open(&live, options()).unwrap();
    let refusals = |to: &Path| {
        [
            restore(&saved, to, &mut go_on),
            fork(&dir, to, &mut go_on),
            backup::backup(&dir, to, &mut go_on),
        ]
    };
    for refused in refusals(&full) {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, BackupError::Directory(OpenError::NotAStore { .. })));
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
    for to in [&live, &dir, &saved] {
        for refused in refusals(to) {
            let refused = refused.unwrap_err();
            let not_empty = matches!(refused, BackupError::Directory(OpenError::NotEmpty { .. }));
            assert!(not_empty, "{refused:?}");
        }
    }
    // A live store is no source either: only its own process can back it up.
    let refused = backup::backup(&live, &home.path().join("x"), &mut go_on);
    assert!(matches!(refused, Err(BackupError::Directory(OpenError::Locked { .. }))));
    backend.close().unwrap();
    let refused = restore(&dir, &home.path().join("x"), &mut go_on);
    assert!(matches!(refused, Err(BackupError::NotABackup { .. })), "{refused:?}");
    assert!(!home.path().join("x").exists());
    assert_eq!(verify(&saved, &mut go_on).unwrap(), made);
}

#[test]
fn s10_flipped_bits_of_a_backup_are_found_and_it_is_not_restored() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved] = ["dir", "saved"].map(|name| home.path().join(name));
    let model = build(&dir);
    let made = backup::backup(&dir, &saved, &mut go_on).unwrap();
    let (mut rng, mut found) = (Rng::seeded(5), 0);
    for round in 0..60 {
        let flipped = home.path().join(format!("flipped-{round}"));
        copy_files(&saved, &flipped);
        let name = if round % 10 == 9 { "MANIFEST" } else { "data.redb" };
        let mut bytes = fs::read(flipped.join(name)).unwrap();
        let size = u64::try_from(bytes.len()).unwrap();
        // Bytes that are zero are mostly those that hold nothing.
        let at = loop {
            let at = usize::try_from(rng.below(size)).unwrap();
            if bytes[at] != 0 {
                break at;
            }
        };
        bytes[at] ^= 1 << rng.below(8);
        fs::write(flipped.join(name), bytes).unwrap();
        let new = home.path().join(format!("new-{round}"));
        match verify(&flipped, &mut go_on) {
            Err(BackupError::Damaged { .. }) => {
                found += 1;
                let refused = restore(&flipped, &new, &mut go_on);
                assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
                assert!(!new.exists(), "nothing was written");
            }
            // A byte that nothing reads: then all of it is there.
            Ok(manifest) => {
                assert_eq!(manifest, made);
                restore(&flipped, &new, &mut go_on).unwrap();
                check_rows(&new, &model);
            }
            other => panic!("{other:?}"),
        }
        fs::remove_dir_all(&flipped).unwrap();
    }
    assert!(found > 40, "{found} of 60 were found");
}

#[test]
fn a_backup_that_was_written_to_is_one_no_more() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved] = ["dir", "saved"].map(|name| home.path().join(name));
    build(&dir);
    let made = backup::backup(&dir, &saved, &mut go_on).unwrap();
    let backend = RedbBackend::open(&saved, options()).unwrap();
    committed(&backend, unconditional(vec![put_store(&store("New"), revision(1, 1))]));
    backend.close().unwrap();
    let Err(BackupError::Damaged { problems, .. }) = verify(&saved, &mut go_on) else {
        panic!("it is not what the manifest says");
    };
    let commit = format!("the commit is {} instead of {}", made.commit + 1, made.commit);
    assert!(problems.contains(&commit), "{problems:?}");
}

#[test]
fn the_manifest_of_another_backup_does_not_fit_even_if_every_count_does() {
    let home = tempfile::tempdir().unwrap();
    let saved = ["1", "2"].map(|text| {
        let (dir, saved) = (home.path().join(text), home.path().join(format!("saved-{text}")));
        let backend = RedbBackend::open(&dir, options()).unwrap();
        let id = entry("A", "global", "p");
        let put = put_entry(&id, revision(1, 1), Some(content(text.to_owned())));
        committed(&backend, unconditional(vec![put]));
        backend.backup_to(&saved, &mut go_on).unwrap();
        saved
    });
    fs::copy(saved[0].join("MANIFEST"), saved[1].join("MANIFEST")).unwrap();
    let Err(BackupError::Damaged { problems, .. }) = verify(&saved[1], &mut go_on) else {
        panic!("it holds another value");
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("the content checksum is "), "{problems:?}");
    verify(&saved[0], &mut go_on).unwrap();
}

/// A store that serves one damaged row, as a bit that flips under a running store leaves it.
fn with_damaged_row(dir: &Path) -> Manifest {
    let saved = dir.with_extension("sound");
    let backend = RedbBackend::open(dir, options()).unwrap();
    for (n, text) in ["\"find these bytes\"", "\"other\""].into_iter().enumerate() {
        let id = entry("A", "global", &format!("p{n}\n"));
        let put = put_entry(&id, revision(1, 1), Some(content(text.to_owned())));
        committed(&backend, unconditional(vec![put]));
    }
    let sound = backend.backup_to(&saved, &mut go_on).unwrap();
    backend.close().unwrap();
    let path = dir.join("data.redb");
    let mut data = fs::read(&path).unwrap();
    for at in 0..data.len() - 20 {
        if data[at..].starts_with(b"\"find these bytes\"") {
            data[at + 3] ^= 1;
        }
    }
    fs::write(path, data).unwrap();
    sound
}

#[test]
fn damage_of_the_source_is_listed_copied_as_it_is_and_never_absent() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, restored] = ["dir", "saved", "restored"].map(|name| home.path().join(name));
    let sound = with_damaged_row(&dir);
    let backend = RedbBackend::open(&dir, options()).unwrap();
    let made = backend.backup_to(&saved, &mut go_on).unwrap();
    backend.close().unwrap();
    assert_ne!(made.content, sound.content);
    assert_eq!(made.damage_count, 1);
    let damage: Vec<_> = made.damage.iter().map(String::as_str).collect();
    assert_eq!(damage, [r"entry 1/A/global/p0\n: the checksum does not match"]);
    assert_eq!(verify(&saved, &mut go_on).unwrap(), made, "it is what was backed up");
    restore(&saved, &restored, &mut go_on).unwrap();
    let backend = RedbBackend::open(&restored, options()).unwrap();
    let key = |n: u8| RowKey::Entry(entry("A", "global", &format!("p{n}\n")));
    assert_eq!(read(&backend, &key(0)), Found::Corrupt(key(0)));
    assert!(matches!(read(&backend, &key(1)), Found::Row(_)));
}

#[test]
fn what_a_record_points_to_is_missed() {
    const fn table(name: &'static str) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(name)
    }
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("dir");
    let backend = RedbBackend::open(&dir, options()).unwrap();
    let mut rng = Rng::seeded(3);
    for (key, counter) in [("value", 1), ("history", 1), ("history", 2), ("history", 3)] {
        let (id, content) = (entry("A", "global", key), content(value(&mut rng, 3_000)));
        let revision = revision(counter, 1);
        let mut writes = vec![put_entry(&id, revision, Some(content.clone()))];
        if key == "history" {
            writes.push(put_revision(&id, revision, Some(content)));
        }
        committed(&backend, unconditional(writes));
    }
    backend.close().unwrap();
    let database = redb::Database::open(dir.join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(table("val")).unwrap().pop_first().unwrap().unwrap();
    // The second of three: newest first.
    let mut revisions = write.open_table(table("ver")).unwrap();
    let second = revisions.iter().unwrap().nth(1).unwrap().unwrap().0.value().to_vec();
    revisions.remove(&second[..]).unwrap().unwrap();
    drop(revisions);
    write.open_table(table("idx")).unwrap().pop_first().unwrap().unwrap();
    write.commit().unwrap();
    drop(database);
    let made = backup::backup(&dir, &home.path().join("saved"), &mut go_on).unwrap();
    let damage: Vec<_> = made.damage.iter().map(String::as_str).collect();
    assert_eq!(
        damage,
        [
            "entry 1/A/global/history: the index does not know it",
            "entry 1/A/global/value: the value is missing",
            "revision 3 of entry 1/A/global/history: revision 2 of its history is missing",
        ]
    );
}
