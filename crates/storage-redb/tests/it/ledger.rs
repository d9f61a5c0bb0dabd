//! Damage to the operations of a record: no operation looks new by it, none is lost without a word.

use std::path::Path;

use redb::{ReadableTable, TableDefinition};
use steadfast_core::operation::{LedgerKey, LedgerRun};
use steadfast_core::{Batch, Condition, EntryId, Found, Outcome, Refusal, RowKey, RowRange, Write};
use steadfast_storage_redb::{RedbBackend, doctor, salvage};

use crate::support::*;

fn open(dir: &Path) -> RedbBackend {
    RedbBackend::open(dir, options()).unwrap()
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Changes every record of a table of a closed store; those that become nothing go.
fn change(dir: &Path, name: &str, change: impl Fn(&[u8], Vec<u8>) -> Option<Vec<u8>>) {
    let database = redb::Database::open(dir.join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let definition = TableDefinition::<&'static [u8], &'static [u8]>::new(name);
    let mut table = write.open_table(definition).unwrap();
    let records: Records = table
        .iter()
        .unwrap()
        .map(|item| {
            let (key, record) = item.unwrap();
            (key.value().to_vec(), record.value().to_vec())
        })
        .collect();
    for (key, record) in records {
        match change(&key, record) {
            Some(record) => drop(table.insert(&key[..], &record[..]).unwrap()),
            None => drop(table.remove(&key[..]).unwrap()),
        }
    }
    drop(table);
    write.commit().unwrap();
}

fn id() -> EntryId {
    entry("A", "g\0", "p")
}

fn key(name: &LedgerKey) -> RowKey {
    RowKey::Ledger(id(), name.clone())
}

fn is_order(name: &LedgerKey) -> bool {
    matches!(name, LedgerKey::Order(..))
}

/// A closed store with a row of each kind.
fn build(dir: &Path) -> Model {
    let backend = open(dir);
    let names = ledger_names(4);
    let put = |name| put_ledger(&id(), name, revision(1, 4));
    let mut writes: Vec<Write> = names.iter().map(put).collect();
    writes.push(put_entry(&id(), revision(1, 4), Some(content("\"value\"".to_owned()))));
    let batch = unconditional(writes);
    let mut model = Model::default();
    model.apply(&batch, committed(&backend, batch.clone()));
    backend.close().unwrap();
    model
}

fn witnessed() -> Vec<LedgerKey> {
    ledger_names(4).into_iter().filter(|name| !is_order(name)).collect()
}

/// No condition holds of a damaged row: what was queued is not queued anew, and no count restarts.
#[track_caller]
fn check_corrupt(backend: &RedbBackend, model: &Model, name: &LedgerKey) {
    let key = key(name);
    assert_eq!(read(backend, &key), Found::Corrupt(key.clone()));
    for condition in [Condition::Absent, Condition::At(revision(1, 4))] {
        let writes = vec![put_ledger(&id(), name, revision(2, 2))];
        let batch = Batch { conditions: vec![(key.clone(), condition)], writes };
        let refused = Outcome::Refused(Refusal::Conditions(vec![Found::Corrupt(key.clone())]));
        assert_eq!(commit(backend, batch), refused, "{condition:?} of {key}");
    }
    let entry = RowKey::Entry(id());
    assert_eq!(read(backend, &entry), model.found(&entry), "the entry is served");
}

fn corrupt(names: &[LedgerKey]) -> Vec<Found> {
    names.iter().map(|name| Found::Corrupt(key(name))).collect()
}

#[test]
fn operations_that_only_the_index_knows_are_corrupt_and_their_order_is_gone() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = build(dir.path());
    change(dir.path(), "led", |_, _| None);
    let check = |dir: &Path| {
        let backend = open(dir);
        for name in ledger_names(4) {
            if is_order(&name) {
                assert_eq!(read(&backend, &key(&name)), Found::Absent);
            } else {
                check_corrupt(&backend, &model, &name);
            }
        }
        assert_eq!(scan(&backend, &ledger_of(&id()), 10).rows, corrupt(&witnessed()));
        backend.close().unwrap();
        let report = doctor(dir).unwrap();
        let reason = "only the index knows it".to_owned();
        let wanted = witnessed().into_iter().map(|name| (key(&name), reason.clone()));
        assert_eq!(report.damaged, wanted.collect::<Vec<_>>());
        assert_eq!(report.ledger_count, 0);
    };
    check(dir.path());
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!((saved.damaged.len(), saved.lost.len()), (witnessed().len(), 0));
    check(new.path());
}

#[test]
fn damaged_operations_are_corrupt_until_they_are_written_again() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = build(dir.path());
    change(dir.path(), "led", |_, mut record| {
        record[20] ^= 1;
        Some(record)
    });
    let names = ledger_names(4);
    let report = doctor(dir.path()).unwrap();
    assert_eq!(report.damaged.len(), names.len());
    assert_eq!(report.ledger_count, 0);
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.damaged, witnessed().iter().map(key).collect::<Vec<_>>());
    let order = names.iter().filter(|name| is_order(name)).map(|name| key(name).to_string());
    assert_eq!(saved.lost, order.collect::<Vec<_>>());

    let backend = open(dir.path());
    for name in &names {
        check_corrupt(&backend, &model, name);
    }
    assert_eq!(scan(&backend, &ledger_of(&id()), 10).rows, corrupt(&names));
    let again = revision(5, 5);
    let writes = names.iter().map(|name| put_ledger(&id(), name, again)).collect();
    committed(&backend, unconditional(writes));
    for name in &names {
        assert_eq!(read(&backend, &key(name)).revision(), Some(again));
    }
    backend.close().unwrap();
    let report = doctor(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.ledger_count, u64::try_from(names.len()).unwrap());
}

#[test]
fn operations_that_the_index_lost_are_read_and_not_hidden_from_lists() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = build(dir.path());
    change(dir.path(), "idx", |key, record| (key[0] != b'l').then_some(record));
    let report = doctor(dir.path()).unwrap();
    let reason = "the index does not know it".to_owned();
    let wanted = witnessed().into_iter().map(|name| (key(&name), reason.clone()));
    assert_eq!(report.damaged, wanted.collect::<Vec<_>>());
    let backend = open(dir.path());
    for name in ledger_names(4) {
        assert_eq!(read(&backend, &key(&name)), model.found(&key(&name)));
        let found = scan(&backend, &ledger_of(&id()), 10).rows;
        let wanted =
            if is_order(&name) { model.found(&key(&name)) } else { Found::Corrupt(key(&name)) };
        assert!(found.contains(&wanted), "{name} in {found:?}");
    }
    backend.close().unwrap();
    // A salvage makes the index anew.
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.ledger_count, u64::try_from(ledger_names(4).len()).unwrap());
    let backend = open(new.path());
    assert_eq!(scan(&backend, &ledger_of(&id()), 10).rows, model.scan(&ledger_of(&id())));
    backend.close().unwrap();
    assert!(doctor(new.path()).unwrap().is_clean());
}

#[test]
fn an_operation_that_an_older_page_brings_back_does_not_wait_again() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let stale: std::cell::RefCell<Records> = Vec::new().into();
    change(dir.path(), "led", |key, record| {
        stale.borrow_mut().push((key.to_vec(), record.clone()));
        Some(record)
    });
    let (pending, head) = (LedgerKey::Pending(4), LedgerKey::Head);
    let backend = open(dir.path());
    let settle =
        vec![Write::Delete { key: key(&pending) }, put_ledger(&id(), &head, revision(2, 2))];
    committed(&backend, unconditional(settle));
    backend.close().unwrap();
    let database = redb::Database::open(dir.path().join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let definition = TableDefinition::<&'static [u8], &'static [u8]>::new("led");
    let mut table = write.open_table(definition).unwrap();
    for (key, record) in stale.into_inner() {
        table.insert(&key[..], &record[..]).unwrap();
    }
    drop(table);
    write.commit().unwrap();
    drop(database);
    let backend = open(dir.path());
    let inbox = RowRange::Ledger { entry: id(), run: LedgerRun::Pending, after: None };
    assert_eq!(scan(&backend, &inbox, 10).rows, corrupt(&[pending]), "the index has let it go");
}

#[test]
fn a_backup_names_damaged_operations_and_keeps_them_damaged() {
    let home = tempfile::tempdir().unwrap();
    let [dir, saved, restored] = ["dir", "saved", "restored"].map(|name| home.path().join(name));
    let model = build(&dir);
    let receipt = witnessed()[3].clone();
    let damaged = receipt.to_string();
    change(&dir, "led", |key, record| (!key.ends_with(b"p\0\0\x03gift-4")).then_some(record));
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    let made = steadfast_storage_redb::backup::backup(&dir, &saved, go_on).unwrap();
    let damage: Vec<_> = made.damage.iter().map(String::as_str).collect();
    let reason = format!("{damaged} of record 1/A/g\\u{{0}}/p: only the index knows it");
    assert_eq!(damage, [&reason]);
    let count = u64::try_from(ledger_names(4).len()).unwrap();
    assert_eq!(made.row_count("led"), count - 1);
    steadfast_storage_redb::restore(&saved, &restored, go_on).unwrap();
    let backend = open(&restored);
    check_corrupt(&backend, &model, &receipt);
    let head = key(&LedgerKey::Head);
    assert_eq!(read(&backend, &head), model.found(&head));
}
