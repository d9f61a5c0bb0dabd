//! Damage that keeps a store from opening, and what is left of it then.

use std::fs;
use std::path::Path;

use steadfast_core::{Found, RowKey};
use steadfast_storage_redb::{OpenError, RedbBackend, doctor, salvage};

use crate::support::*;

const MARK: &str = "\"find these bytes\"";

/// A directory as a crash leaves it, with one damaged page that every root of the file shares.
fn crashed_and_damaged(dir: &Path) -> Model {
    let home = tempfile::tempdir().unwrap();
    let backend = RedbBackend::open(home.path(), options()).unwrap();
    let mut model = Model::default();
    let mut write = |id: &str, counter: u64, text: &str| {
        let id = entry("A", "global", id);
        let (revision, content) = (revision(counter, counter), Some(content(text.to_owned())));
        let batch = unconditional(vec![put_entry(&id, revision, content)]);
        let stamp = committed(&backend, batch.clone());
        model.apply(&batch, stamp);
    };
    write("a", 1, MARK);
    for n in 0..200 {
        write(&format!("b{n}"), 1, &format!("\"{}\"", "x".repeat(n)));
    }
    for counter in 2..10 {
        write("b99", counter, "\"last\"");
    }
    // A payload that takes more pages than any other record.
    let id = entry("A", "global", "b1");
    let mut writes: Vec<_> =
        ledger_names(3).iter().map(|name| put_ledger(&id, name, revision(1, 3))).collect();
    writes.push(put_large_operation(&id, revision(1, 5), 150_000));
    let batch = unconditional(writes);
    let stamp = committed(&backend, batch.clone());
    model.apply(&batch, stamp);
    for name in ["FORMAT", "data.redb"] {
        fs::copy(home.path().join(name), dir.join(name)).unwrap();
    }
    let mut data = fs::read(dir.join("data.redb")).unwrap();
    let mut hits = 0;
    for at in 0..data.len() - MARK.len() {
        if data[at..].starts_with(MARK.as_bytes()) {
            data[at + 3] ^= 1;
            hits += 1;
        }
    }
    assert!(hits > 0, "the value stands in the file as it is");
    fs::write(dir.join("data.redb"), data).unwrap();
    model
}

#[test]
fn a_crashed_store_with_a_damaged_page_is_refused_and_salvaged() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = crashed_and_damaged(dir.path());
    let before = fs::read(dir.path().join("data.redb")).unwrap();
    let report = doctor(dir.path()).unwrap();
    assert!(!report.is_clean());
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert!(saved.went_back.as_ref().is_some_and(|why| why.contains("any time")), "{saved:?}");
    assert_eq!(fs::read(dir.path().join("data.redb")).unwrap(), before, "nothing was written");
    let refused = RedbBackend::open(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{refused:?}");

    let backend = RedbBackend::open(new.path(), options()).unwrap();
    for (key, row) in &model.rows {
        let expected = if *key == RowKey::Entry(entry("A", "global", "a")) {
            Found::Corrupt(key.clone())
        } else {
            Found::Row(row.clone())
        };
        assert_eq!(read(&backend, key), expected);
    }
}

#[test]
fn a_sound_store_is_clean_and_salvages_to_itself() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    let (mut model, mut rng) = (Model::default(), steadfast_core::Rng::seeded(21));
    for _ in 0..300 {
        let batch = random_batch(&mut rng, &model);
        if let steadfast_core::Outcome::Committed(done) = commit(&backend, batch.clone()) {
            model.apply(&batch, done.stamped_at);
        }
    }
    backend.close().unwrap();
    let report = doctor(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert!(report.is_closed);
    assert_eq!(report.orphan_count, 0, "a value goes with its last pointer");
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!((saved.damaged.len(), saved.lost.len(), &saved.went_back), (0, 0, &None));
    let backend = RedbBackend::open(new.path(), options()).unwrap();
    for (key, row) in &model.rows {
        assert_eq!(read(&backend, key), Found::Row(row.clone()));
    }
    let refused = salvage(dir.path(), new.path());
    assert!(matches!(refused, Err(OpenError::NotEmpty { .. } | OpenError::Locked { .. })));
}

#[test]
fn a_salvage_does_not_hide_what_may_be_older_than_a_value_without_its_row() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let backend = RedbBackend::open(dir.path(), options()).unwrap();
    let (id, mut rng) = (entry("A", "global", "p"), steadfast_core::Rng::seeded(2));
    // Only the second has its content in the table of values.
    for (counter, size) in [(1, 10), (2, 3_000), (3, 10)] {
        let (at, content) = (revision(counter, counter), Some(content(value(&mut rng, size))));
        let put = put_revision(&id, at, content.clone());
        committed(&backend, unconditional(vec![put_entry(&id, at, content), put]));
    }
    backend.close().unwrap();
    let database = redb::Database::open(dir.path().join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let rows: redb::TableDefinition<'_, &'static [u8], &'static [u8]> =
        redb::TableDefinition::new("ver");
    write.open_table(rows).unwrap().retain(|_, _| false).unwrap();
    write.commit().unwrap();
    drop(database);
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.recovered, [RowKey::Revision(id.clone(), 2)]);
    let backend = RedbBackend::open(new.path(), options()).unwrap();
    let found = [1, 2, 3].map(|counter| read(&backend, &RowKey::Revision(id.clone(), counter)));
    let corrupt = |counter| Found::Corrupt(RowKey::Revision(id.clone(), counter));
    assert_eq!([&found[0], &found[2]], [&corrupt(1), &corrupt(3)]);
    assert_eq!(found[1].revision(), Some(revision(2, 2)));
}
