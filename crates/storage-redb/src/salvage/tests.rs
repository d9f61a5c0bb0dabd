//! Facts about records that this version does not write.

use redb::TableDefinition;
use steadfast_core::{EntryKey, Revision, Scope, StoreName, UniverseId};

use super::*;
use crate::RedbBackend;
use crate::encode::bodied::{self, Bodied};
use crate::encode::keys::entry_key;
use crate::encode::stamped::Stamped;
use crate::engine::{Bytes, table_name};
use crate::prepare::BodyRef;

#[test]
fn a_record_of_another_format_is_saved_as_it_is() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    RedbBackend::open(dir.path(), Options::default()).unwrap().close().unwrap();
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("A") };
    let entry =
        EntryId { store: store.clone(), scope: Scope::global(), key: EntryKey::trusted("p") };
    let key = entry_key(9, "global", "p");
    let revision = Revision { counter: 3, tag: 4 };
    let stamped = Stamped { revision, stamped_at: Timestamp::from_ticks(5) };
    let body = [&7_u16.to_le_bytes()[..], b"what only a later version knows"].concat();
    let record = bodied::encode(Bodied::Record, &key, stamped, &body);
    let insert = |dir: &Path, family: Family, key: &[u8], record: &[u8]| {
        let database = Database::open(dir.join("data.redb")).unwrap();
        let write = database.begin_write().unwrap();
        let definition = TableDefinition::<Bytes, Bytes>::new(table_name(family));
        write.open_table(definition).unwrap().insert(key, record).unwrap();
        write.commit().unwrap();
    };
    insert(dir.path(), Family::Records, &key, &record);
    let name = crate::encode::keys::store_key(&store);
    let number = Store { number: 9, row: None }.encode(&name);
    insert(dir.path(), Family::Stores, &name, &number);
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.record_count, 1, "{saved:?}");

    let file = std::fs::File::open(new.path().join("data.redb")).unwrap();
    let mut patient = Patient::new(Arc::new(file_backend(file).unwrap()), Options::default());
    let numbers = patient.stores().into_iter().map(|(number, store)| (store, number)).collect();
    let at = BodyRef::new(&StoreNumbers::of(numbers), &RowKey::Record(entry)).unwrap();
    let rows = patient.bodies(Bodied::Record);
    let kept = rows.get(&at.place.entry_key).and_then(|found| found.kept.clone());
    assert_eq!(kept, Some(Ok((stamped, body))));
}
