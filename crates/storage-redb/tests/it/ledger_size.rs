//! What a save that settles an operation changes, in bytes of records.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableHandle};
use steadfast_storage_redb::RedbBackend;

use crate::support::options;

#[path = "../../benches/ledger_saves/world.rs"]
mod world;

use world::{PROFILE_SIZE, World};

/// Most bytes that a save of a profile of 2 KB may move.
const MOVED_MAX: usize = 16 * 1_024;

fn open(dir: &Path) -> World {
    World::open(RedbBackend::open(dir, options()).unwrap())
}

type Records = BTreeMap<(String, Vec<u8>), Vec<u8>>;

/// Every record of a closed store.
fn records(dir: &Path) -> Records {
    let database = redb::Database::open(dir.join("data.redb")).unwrap();
    let read = database.begin_read().unwrap();
    let names: Vec<String> =
        read.list_tables().unwrap().map(|table| table.name().to_owned()).collect();
    let mut records = Records::new();
    for name in names {
        let table = TableDefinition::<&'static [u8], &'static [u8]>::new(&name);
        for item in read.open_table(table).unwrap().iter().unwrap() {
            let (key, record) = item.unwrap();
            records.insert((name.clone(), key.value().to_vec()), record.value().to_vec());
        }
    }
    records
}

/// Bytes of the records that one state has and the other has not, names included; of those that are
/// gone only the names. By table.
fn moved(before: &Records, after: &Records) -> BTreeMap<String, usize> {
    let mut moved = BTreeMap::new();
    for ((table, key), record) in after {
        if before.get(&(table.clone(), key.clone())) != Some(record) {
            *moved.entry(table.clone()).or_default() += key.len() + record.len();
        }
    }
    for (table, key) in before.keys() {
        if !after.contains_key(&(table.clone(), key.clone())) {
            *moved.entry(table.clone()).or_default() += key.len();
        }
    }
    moved
}

/// Bytes that one save moves, by table. The queueing before it does not count.
fn moved_by_a_save(dir: &Path) -> BTreeMap<String, usize> {
    let mut world = open(dir);
    world.queue();
    world.close();
    let before = records(dir);
    // It takes the record, which is a save of its own and counts too.
    let mut world = open(dir);
    world.settle(1);
    world.close();
    moved(&before, &records(dir))
}

#[track_caller]
fn check(moved: &BTreeMap<String, usize>) -> usize {
    let bytes = moved.values().sum();
    assert!((PROFILE_SIZE / 2..=MOVED_MAX).contains(&bytes), "{bytes}: {moved:?}");
    bytes
}

#[test]
fn a_save_of_2_kb_that_settles_an_operation_moves_at_most_16_kb_however_full_the_ledger_is() {
    let empty = tempfile::tempdir().unwrap();
    let moved = moved_by_a_save(empty.path());
    println!("empty ledger: {} bytes, {moved:?}", check(&moved));

    let full = tempfile::tempdir().unwrap();
    let mut world = open(full.path());
    world.fill();
    world.close();
    let moved = moved_by_a_save(full.path());
    println!("full ledger: {} bytes, {moved:?}", check(&moved));
}
