//! Damage to records, their ends, game servers and mail: nobody is taken for free or dead by it.

use std::path::Path;

use redb::{ReadableTable, TableDefinition};
use steadfast_core::{
    Batch, Condition, EntryId, Found, Outcome, Refusal, RowKey, RowRange, ServerId, Write,
};
use steadfast_storage_redb::{RedbBackend, doctor, salvage};

use crate::support::*;

fn open(dir: &Path) -> RedbBackend {
    RedbBackend::open(dir, options()).unwrap()
}

fn table(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

/// Changes a table of a closed store.
fn change(
    dir: &Path,
    name: &str,
    change: impl FnOnce(&mut redb::Table<'_, &'static [u8], &'static [u8]>),
) {
    let database = redb::Database::open(dir.join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    change(&mut write.open_table(table(name)).unwrap());
    write.commit().unwrap();
}

fn lose(dir: &Path, name: &str) {
    change(dir, name, |table| table.retain(|_, _| false).unwrap());
}

/// Flips a bit of every record of a table.
fn spoil(dir: &Path, name: &str) {
    change(dir, name, |table| {
        let mut records = Vec::new();
        for item in table.iter().unwrap() {
            let (key, record) = item.unwrap();
            records.push((key.value().to_vec(), record.value().to_vec()));
        }
        for (key, mut record) in records {
            record[20] ^= 1;
            table.insert(&key[..], &record[..]).unwrap();
        }
    });
}

const SERVER: u128 = 7;

fn id() -> EntryId {
    entry("A", "g\0", "p")
}

fn keys() -> [RowKey; 4] {
    [
        RowKey::Record(id()),
        RowKey::Presence(ServerId(SERVER)),
        RowKey::Ends(id()),
        RowKey::Mail(ServerId(SERVER), id()),
    ]
}

/// A closed store with an entry and a row of each of the families.
fn build(dir: &Path) -> Model {
    let backend = open(dir);
    let (id, revision) = (id(), revision(1, 4));
    let state = Some(content("\"value\"".to_owned()));
    let batch = unconditional(vec![
        put_entry(&id, revision, state.clone()),
        put_revision(&id, revision, state),
        put_record(&id, revision),
        put_ends(&id, revision),
        put_presence(SERVER, revision),
        put_mail(SERVER, &id, revision),
    ]);
    let mut model = Model::default();
    model.apply(&batch, committed(&backend, batch.clone()));
    backend.close().unwrap();
    model
}

#[track_caller]
fn check_entry(backend: &RedbBackend, model: &Model) {
    for key in [RowKey::Entry(id()), RowKey::Revision(id(), 1)] {
        assert_eq!(read(backend, &key), model.found(&key), "the entry is served");
    }
}

fn records_of() -> RowRange {
    RowRange::Records { store: id().store, after: None }
}

#[track_caller]
fn refused(backend: &RedbBackend, key: &RowKey, condition: Condition) {
    let put = if let RowKey::Record(id) = key {
        put_record(id, revision(2, 2))
    } else {
        put_presence(SERVER, revision(2, 2))
    };
    let batch = Batch { conditions: vec![(key.clone(), condition)], writes: vec![put] };
    let expected = Outcome::Refused(Refusal::Conditions(vec![Found::Corrupt(key.clone())]));
    assert_eq!(commit(backend, batch), expected, "{condition:?}");
}

#[test]
fn a_record_and_a_game_server_that_only_the_index_knows_are_corrupt_and_the_entry_is_served() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = build(dir.path());
    for name in ["rec", "pre", "end", "mail"] {
        lose(dir.path(), name);
    }
    let [record, presence, ends, mail] = keys();
    let check = |dir: &Path| {
        let backend = open(dir);
        check_entry(&backend, &model);
        for key in [&record, &presence] {
            assert_eq!(read(&backend, key), Found::Corrupt(key.clone()));
            refused(&backend, key, Condition::Absent);
            refused(&backend, key, Condition::At(revision(1, 4)));
        }
        let rows = scan(&backend, &records_of(), 10).rows;
        assert_eq!(rows, [Found::Corrupt(record.clone())]);
        let rows = scan(&backend, &RowRange::Presences { after: None }, 10).rows;
        assert_eq!(rows, [Found::Corrupt(presence.clone())]);
        // Nobody misses these: lost ends are forgotten ends, and mail is a hint.
        for key in [&ends, &mail] {
            assert_eq!(read(&backend, key), Found::Absent);
        }
        backend.close().unwrap();
        let report = doctor(dir).unwrap();
        let reason = "only the index knows it".to_owned();
        let damaged = [&record, &presence].map(|key| (key.clone(), reason.clone()));
        assert_eq!(report.damaged, damaged, "{report:?}");
    };
    check(dir.path());
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.damaged, [record.clone(), presence.clone()]);
    assert_eq!(saved.lost, Vec::<String>::new());
    check(new.path());
}

#[test]
fn a_damaged_row_is_corrupt_until_it_is_written_again_and_the_entry_is_served() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = build(dir.path());
    for name in ["rec", "pre", "end", "mail"] {
        spoil(dir.path(), name);
    }
    let report = doctor(dir.path()).unwrap();
    let [record, presence, ends, mail] = keys();
    let damaged: Vec<_> = report.damaged.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(damaged, [record.clone(), ends.clone(), presence.clone(), mail.clone()]);
    assert_eq!((report.record_count, report.presence_count), (0, 0));

    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.damaged, [record.clone(), presence.clone()]);
    assert_eq!(saved.lost, [ends.to_string(), mail.to_string()]);
    let backend = open(new.path());
    check_entry(&backend, &model);
    for key in [&record, &presence] {
        assert_eq!(read(&backend, key), Found::Corrupt(key.clone()));
    }

    let backend = open(dir.path());
    check_entry(&backend, &model);
    for key in keys() {
        assert_eq!(read(&backend, &key), Found::Corrupt(key));
    }
    for key in [&record, &presence] {
        refused(&backend, key, Condition::Absent);
        refused(&backend, key, Condition::At(revision(1, 4)));
    }
    let all = RowRange::Mail { server: ServerId(SERVER), after: None };
    assert_eq!(scan(&backend, &all, 10).rows, [Found::Corrupt(mail.clone())]);
    assert_eq!(scan(&backend, &records_of(), 10).rows, [Found::Corrupt(record)]);
    let again = revision(5, 5);
    committed(
        &backend,
        unconditional(vec![
            put_record(&id(), again),
            put_ends(&id(), again),
            put_presence(SERVER, again),
            Write::Delete { key: mail.clone() },
        ]),
    );
    let [record, presence, ends, _] = keys();
    for key in [record, presence, ends] {
        assert_eq!(read(&backend, &key).revision(), Some(again));
    }
    assert_eq!(read(&backend, &mail), Found::Absent);
    backend.close().unwrap();
    assert!(doctor(dir.path()).unwrap().is_clean());
}

#[test]
fn rows_that_the_index_lost_are_read_and_not_hidden_from_lists() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = build(dir.path());
    change(dir.path(), "idx", |table| {
        table.retain(|key, _| key[0] != b'r' && key[0] != b'p').unwrap();
    });
    let [record, presence, ..] = keys();
    let report = doctor(dir.path()).unwrap();
    let reason = "the index does not know it".to_owned();
    assert_eq!(report.damaged, [&record, &presence].map(|key| (key.clone(), reason.clone())));
    let backend = open(dir.path());
    for key in [&record, &presence] {
        assert_eq!(read(&backend, key), model.found(key));
    }
    assert_eq!(scan(&backend, &records_of(), 10).rows, [Found::Corrupt(record)]);
    let rows = scan(&backend, &RowRange::Presences { after: None }, 10).rows;
    assert_eq!(rows, [Found::Corrupt(presence)]);
    backend.close().unwrap();
    // A salvage makes the index anew.
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!((saved.record_count, saved.presence_count), (1, 1));
    assert_eq!((saved.ends_count, saved.mail_count), (1, 1));
    assert!(saved.damaged.is_empty());
    let backend = open(new.path());
    assert_eq!(scan(&backend, &records_of(), 10).rows, model.scan(&records_of()));
    backend.close().unwrap();
    let report = doctor(new.path()).unwrap();
    assert!(report.is_clean());
    assert_eq!((report.record_count, report.ends_count), (1, 1));
    assert_eq!((report.presence_count, report.mail_count), (1, 1));
}

#[test]
fn a_backup_names_damaged_records_and_keeps_them_damaged() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, restored] = ["dir", "saved", "restored"].map(|name| home.path().join(name));
    build(&dir);
    lose(&dir, "pre");
    spoil(&dir, "rec");
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    let made = steadfast_storage_redb::backup::backup(&dir, &saved, go_on).unwrap();
    let damage: Vec<_> = made.damage.iter().map(String::as_str).collect();
    let server = format!("presence of server {SERVER:032x}: only the index knows it");
    assert_eq!(damage, [&server, "record 1/A/g\\u{0}/p: the checksum does not match"]);
    assert_eq!((made.row_count("rec"), made.row_count("pre"), made.row_count("mail")), (1, 0, 1));
    steadfast_storage_redb::restore(&saved, &restored, go_on).unwrap();
    let backend = open(&restored);
    for key in [RowKey::Record(id()), RowKey::Presence(ServerId(SERVER))] {
        assert_eq!(read(&backend, &key), Found::Corrupt(key));
    }
    backend.close().unwrap();
}
