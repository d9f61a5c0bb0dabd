//! Facts about the backend beside its conformance.

use redb::TableDefinition;
use redb::backends::InMemoryBackend;
use steadfast_core::row::{OrderedBody, RowBody};
use steadfast_core::{EntryId, EntryKey, Found, Revision, Scope, StoreId, StoreName, UniverseId};
use steadfast_core::{Order, Write};
use steadfast_storage::wait;

use super::*;
use crate::bytes::{Writer, seal};
use crate::engine::Bytes;

fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("A") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

fn put(backend: &RedbBackend, key: &str, value: i64) {
    let body = RowBody::Ordered(OrderedBody { value: Some(value) });
    let revision = Revision { counter: 1, tag: 1 };
    let write = Write::Put { key: RowKey::Ordered(entry(key)), revision, body };
    let outcome = wait(|done| {
        backend.commit(Batch { conditions: Vec::new(), writes: vec![write] }, done);
    });
    assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
}

fn board(backend: &RedbBackend) -> Vec<Found> {
    let board = steadfast_core::BoardId::of(&entry(""));
    let (order, min, max) = (Order::Ascending, i64::MIN, i64::MAX);
    let range = RowRange::Board { board, order, min, max, beyond: None };
    wait(|done| backend.scan(range, 10, done)).unwrap().unwrap().rows
}

/// Opens what is in a storage with the engine alone.
fn with_engine(storage: &Arc<InMemoryBackend>, change: impl FnOnce(&redb::WriteTransaction)) {
    let borrowed = Borrowed(Arc::<InMemoryBackend>::clone(storage));
    let database = Database::builder().create_with_backend(borrowed).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

fn delete_table(transaction: &redb::WriteTransaction, family: Family) {
    let definition = TableDefinition::<Bytes, Bytes>::new(table_name(family));
    assert!(transaction.delete_table(definition).unwrap());
}

fn open(storage: &Arc<InMemoryBackend>) -> Result<RedbBackend, OpenError> {
    RedbBackend::open_with(Borrowed(Arc::<InMemoryBackend>::clone(storage)), Options::default())
}

#[test]
fn a_store_of_the_first_tables_gets_the_others_and_keeps_its_commit() {
    let storage = Arc::new(InMemoryBackend::new());
    open(&storage).unwrap().close().unwrap();
    with_engine(&storage, |transaction| {
        for family in FAMILIES.into_iter().filter(|family| !is_original(*family)) {
            delete_table(transaction, family);
        }
        let mut record = Writer::record(28);
        record.u64(17);
        record.u64(5);
        record.i64(6);
        record.u32(7);
        let record = seal(Family::Meta, meta::KEY, record);
        let definition = TableDefinition::<Bytes, Bytes>::new(table_name(Family::Meta));
        transaction.open_table(definition).unwrap().insert(meta::KEY, &record[..]).unwrap();
    });
    let borrowed = Borrowed(Arc::<InMemoryBackend>::clone(&storage));
    let (database, counters, _) = open_database(borrowed, &Options::default()).unwrap();
    assert_eq!((counters.commit, counters.tables), (17, 1), "opening is no commit of ours");
    drop(database);
    let backend = open(&storage).unwrap();
    put(&backend, "p", 5);
    backend.close().unwrap();
    let backend = open(&storage).unwrap();
    assert_eq!(board(&backend).len(), 1);
    backend.close().unwrap();
    // From then on a missing table is damage.
    with_engine(&storage, |transaction| delete_table(transaction, Family::Board));
    let refused = open(&storage).unwrap_err().to_string();
    assert_eq!(refused, "the store is damaged: the table `ord` is missing");
}

/// Makes a store say that it has the tables up to such a state, and takes those behind another.
fn with_tables(storage: &Arc<InMemoryBackend>, said: u8, there: u8) {
    open(storage).unwrap().close().unwrap();
    with_engine(storage, |transaction| {
        for family in FAMILIES.into_iter().filter(|family| since(*family) > there) {
            delete_table(transaction, family);
        }
        let record = Counters { tables: said, ..Counters::NEW }.encode();
        let definition = TableDefinition::<Bytes, Bytes>::new(table_name(Family::Meta));
        transaction.open_table(definition).unwrap().insert(meta::KEY, &record[..]).unwrap();
    });
}

#[test]
fn a_store_with_ordered_tables_gets_those_of_records_and_misses_its_own() {
    let storage = Arc::new(InMemoryBackend::new());
    with_tables(&storage, 2, 2);
    let backend = open(&storage).unwrap();
    put(&backend, "p", 5);
    backend.close().unwrap();
    with_engine(&storage, |transaction| delete_table(transaction, Family::Presences));
    let refused = open(&storage).unwrap_err().to_string();
    assert_eq!(refused, "the store is damaged: the table `pre` is missing");

    let storage = Arc::new(InMemoryBackend::new());
    with_tables(&storage, 2, 1);
    let refused = open(&storage).unwrap_err().to_string();
    assert_eq!(refused, "the store is damaged: the table `uni` is missing");
}

#[test]
fn a_store_with_records_gets_the_table_of_operations_and_misses_its_own() {
    let storage = Arc::new(InMemoryBackend::new());
    with_tables(&storage, 3, 3);
    let backend = open(&storage).unwrap();
    put(&backend, "p", 5);
    backend.close().unwrap();
    with_engine(&storage, |transaction| delete_table(transaction, Family::Ledgers));
    let refused = open(&storage).unwrap_err().to_string();
    assert_eq!(refused, "the store is damaged: the table `led` is missing");
}

#[test]
fn a_store_with_tables_of_a_newer_version_is_refused_and_not_called_damaged() {
    let storage = Arc::new(InMemoryBackend::new());
    with_tables(&storage, meta::TABLES, meta::TABLES);
    open(&storage).unwrap().close().unwrap();
    with_tables(&storage, meta::TABLES + 1, meta::TABLES);
    let refused = open(&storage).unwrap_err();
    assert!(matches!(refused, OpenError::UnknownFormat { .. }), "{refused:?}");
}

#[test]
fn a_store_without_one_of_the_first_tables_is_damaged() {
    let storage = Arc::new(InMemoryBackend::new());
    open(&storage).unwrap().close().unwrap();
    with_engine(&storage, |transaction| delete_table(transaction, Family::Current));
    let refused = open(&storage).unwrap_err().to_string();
    assert_eq!(refused, "the store is damaged: the table `cur` is missing");
}

#[test]
fn a_watcher_that_panics_stops_the_store_and_loses_nothing() {
    struct Panics;

    impl OrderedWatcher for Panics {
        fn committed(&self, _: &[steadfast_storage::backend::OrderedChange]) {
            panic!("it cannot count");
        }
    }

    let storage = Arc::new(InMemoryBackend::new());
    let backend = open(&storage).unwrap();
    assert!(backend.watch(Arc::new(Panics)));
    put(&backend, "p", 5);
    let reason = backend.stopped().expect("what it counts is wrong from here on");
    assert_eq!(&*reason, "the watcher of ordered data stores panicked");
    wait(|done| backend.drain(done)).expect("draining is answered all the same");
    drop(backend);
    assert_eq!(board(&open(&storage).unwrap()).len(), 1);
}
