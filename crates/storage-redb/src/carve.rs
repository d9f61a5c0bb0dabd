//! The last resort: rows read straight from the pages of a file that the engine cannot open.
//!
//! Every record verifies itself together with its key, so a page that once was a leaf of a tree
//! yields its rows wherever it stands (redb's `design.md`, "B-tree leaf page": `01`, a byte, pair
//! count u16, key ends u32, value ends u32, keys, values). Pages of another time yield older
//! versions: of each key the latest is taken, and an entry whose history or values are newer than
//! itself is left out. The result is a new database in memory, to be read as any other. It may be
//! older than the last commit, and rows that were deleted may be back in it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};
use steadfast_core::{EntryKey, Scope, Timestamp};

use crate::bytes::Family;
use crate::encode::bodied::{self, Bodied};
use crate::encode::entry::Current;
use crate::encode::index::{self, Kind};
use crate::encode::keys::{
    entry_key, parse_api_key_key, parse_entry_key, parse_place_key, parse_review_key,
    parse_revision_key, parse_universe_key, parse_value_key, place_key, store_number,
};
use crate::encode::meta::Counters;
use crate::encode::ordered::{Ordered, Witness};
use crate::encode::revision::Link;
use crate::encode::stamped::Stamped;
use crate::encode::store::Store;
use crate::encode::{api_key, universe, value};
use crate::engine::{EngineError, FAMILIES, Source, WriteTables};

const PAGE_SIZE: usize = 4_096;

/// The largest leaf that is looked at: a record of its own, which the payload of an operation may be.
const LEAF_SIZE_MAX: usize = 1_024 * 1_024;

const LEAF: u8 = 1;

/// How new a record is: its stamp, then whatever else grows.
type Age = (Timestamp, u64);

/// The newest version of every record.
#[derive(Default)]
struct Found {
    records: BTreeMap<(Family, Vec<u8>), (Age, Vec<u8>)>,
    /// The newest stamp that anything of an entry has, by `K`.
    stamps: BTreeMap<Vec<u8>, Timestamp>,
    /// The newest state of every entry of an ordered data store, by `K`, whichever table it was in.
    /// Nothing where only the index knows it.
    ordered: BTreeMap<Vec<u8>, Option<Ordered>>,
}

/// Rebuilds a database from the pages of a file.
pub(crate) fn carve(base: &dyn StorageBackend) -> Result<Arc<dyn StorageBackend>, EngineError> {
    let found = collect(base).map_err(|error| EngineError::Failed(error.to_string()))?;
    let storage = Arc::new(InMemoryBackend::new());
    let database = Database::builder().create_with_backend(Shared(Arc::clone(&storage)))?;
    let transaction = database.begin_write()?;
    {
        let mut tables = WriteTables::new(&transaction);
        for family in FAMILIES {
            tables.table(family)?;
        }
        for ((family, key), ((stamp, _), record)) in &found.records {
            let is_behind = *family == Family::Current
                && found.stamps.get(key).is_some_and(|newest| newest > stamp);
            if is_behind {
                // Only the index keeps it, so that it reads as damaged.
                let index_key = Kind::Entry.key(key);
                let witness = index::encode(&index_key, 0);
                tables.insert(Family::Index, &index_key, &witness)?;
            } else {
                tables.insert(*family, key, record)?;
            }
        }
        for (entry_key, ordered) in &found.ordered {
            insert_ordered(&mut tables, entry_key, ordered.as_ref())?;
        }
    }
    transaction.commit()?;
    drop(database);
    Ok(storage)
}

/// Writes an entry of an ordered data store with its place and its witness.
fn insert_ordered(
    tables: &mut WriteTables<'_>,
    entry_key: &[u8],
    ordered: Option<&Ordered>,
) -> Result<(), EngineError> {
    let index_key = Kind::Ordered.key(entry_key);
    let witness = ordered.map_or(Witness::Value, Witness::of);
    tables.insert(Family::Index, &index_key, &witness.encode(&index_key))?;
    let Some(ordered) = ordered else { return Ok(()) };
    tables.insert(Family::Ordered, entry_key, &ordered.encode(entry_key))?;
    if let (Some(value), Some((_, scope, name))) = (ordered.value, parse_entry_key(entry_key)) {
        let key = place_key(store_number(entry_key), scope.as_str(), value, name.as_str());
        let index_key = Kind::Place.key(&key);
        let witness = ordered.place().encode(Family::Index, &index_key);
        tables.insert(Family::Index, &index_key, &witness)?;
        tables.insert(Family::Board, &key, &ordered.place().encode(Family::Board, &key))?;
    }
    Ok(())
}

fn collect(base: &dyn StorageBackend) -> io::Result<Found> {
    let mut found = Found::default();
    let (len, mut offset) = (base.len()?, 0_u64);
    let step = u64::try_from(PAGE_SIZE).unwrap_or(u64::MAX);
    while offset < len {
        let size = usize::try_from(len - offset).unwrap_or(LEAF_SIZE_MAX).min(LEAF_SIZE_MAX);
        let mut page = vec![0; size.min(PAGE_SIZE)];
        base.read(offset, &mut page)?;
        if page.first() == Some(&LEAF) {
            if let Some(needed) = leaf_size(&page)
                && (PAGE_SIZE..=size).contains(&needed)
            {
                page.resize(needed, 0);
                base.read(offset, &mut page)?;
            }
            for (key, record) in pairs(&page) {
                found.add(key, record);
            }
        }
        offset += step;
    }
    Ok(found)
}

fn number(page: &[u8], at: usize) -> Option<usize> {
    let bytes = page.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn pair_count(page: &[u8]) -> Option<usize> {
    let bytes = page.get(2..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*bytes)))
}

/// Where the last value of a leaf ends.
fn leaf_size(page: &[u8]) -> Option<usize> {
    let count = pair_count(page)?;
    number(page, 4 + 4 * (2 * count).checked_sub(1)?)
}

/// The pairs of a leaf, those whose ends make sense.
fn pairs(page: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let count = pair_count(page).unwrap_or(0);
    (0..count).filter_map(move |index| {
        let end_before = |section: usize, start: usize| match index.checked_sub(1) {
            Some(before) => number(page, 4 + 4 * (section * count + before)),
            None => Some(start),
        };
        let key_end = number(page, 4 + 4 * index)?;
        let key = page.get(end_before(0, 4 + 8 * count)?..key_end)?;
        let values = number(page, 4 + 4 * count.checked_sub(1)?)?;
        let value_end = number(page, 4 + 4 * (count + index))?;
        Some((key, page.get(end_before(1, values)?..value_end)?))
    })
}

/// A place of a board, and the last write of who stands there, off the table or the index.
fn decode_place(key: &[u8], record: &[u8]) -> Option<((u32, Scope, i64, EntryKey), Stamped)> {
    if let Ok(place) = Stamped::decode(Family::Board, key, record) {
        return Some((parse_place_key(key)?, place));
    }
    let place = Stamped::decode(Family::Index, key, record).ok()?;
    let key = key.strip_prefix(&[Kind::Place.byte()])?;
    Some((parse_place_key(key)?, place))
}

impl Found {
    /// Takes a pair if it verifies as a record of any family.
    fn add(&mut self, key: &[u8], record: &[u8]) {
        if let Ok(current) = Current::decode(key, record) {
            let age = current
                .state()
                .map_or((Timestamp::EPOCH, 0), |state| (state.stamped_at, state.revision.counter));
            self.put(Family::Current, key, age, record);
        } else if let Ok(link) = Link::decode(key, record) {
            self.put(Family::Revisions, key, (link.state.stamped_at, 0), record);
            if let Some((entry_key, _)) = parse_revision_key(key) {
                self.stamp(entry_key, link.state.stamped_at);
            }
        } else if let Some((_, chunk)) = parse_value_key(key)
            && let Ok((head, _)) = value::decode_first(key, record)
            && chunk == 0
        {
            self.put(Family::Values, key, (head.stamped_at, 0), record);
            self.stamp(head.entry_key, head.stamped_at);
        } else if parse_value_key(key).is_some() && value::decode_part(key, record).is_ok() {
            self.put(Family::Values, key, (Timestamp::EPOCH, 0), record);
        } else if let Ok(store) = Store::decode(key, record) {
            let age = store.row.map_or(Timestamp::EPOCH, |row| row.stamped_at);
            self.put(Family::Stores, key, (age, 0), record);
        } else if index::decode(key, record).is_ok() {
            self.put(Family::Index, key, (Timestamp::EPOCH, 0), record);
        } else if let Ok(counters) = Counters::decode(record) {
            self.put(Family::Meta, key, (counters.stamped_at, counters.commit), record);
        } else if let Some(id) = parse_api_key_key(key)
            && let Ok(row) = api_key::decode(id, record)
        {
            self.put(Family::ApiKeys, key, (row.stamped_at, row.revision.counter), record);
        } else {
            self.add_later(key, record);
        }
    }

    /// The same for the families that came later.
    fn add_later(&mut self, key: &[u8], record: &[u8]) {
        if let Ok(ordered) = Ordered::decode(key, record) {
            self.put_ordered(key.to_vec(), ordered);
        } else if let Some(((number, scope, value, name), place)) = decode_place(key, record) {
            let Stamped { revision, stamped_at } = place;
            let ordered = Ordered { revision, stamped_at, value: Some(value) };
            self.put_ordered(entry_key(number, scope.as_str(), name.as_str()), ordered);
        } else if Witness::decode(key, record).is_ok()
            && let Some((_, entry_key)) = key.split_first()
        {
            self.ordered.entry(entry_key.to_vec()).or_default();
        } else if parse_review_key(key).is_some()
            && let Ok(stamped) = Stamped::decode(Family::Reviews, key, record)
        {
            let age = (stamped.stamped_at, stamped.revision.counter);
            self.put(Family::Reviews, key, age, record);
        } else if let Some(id) = parse_universe_key(key)
            && let Ok(row) = universe::decode(id, record)
        {
            self.put(Family::Universes, key, (row.stamped_at, row.revision.counter), record);
        } else {
            for of in Bodied::ALL {
                if let Ok((stamped, _)) = bodied::decode(of, key, record) {
                    let age = (stamped.stamped_at, stamped.revision.counter);
                    self.put(of.family(), key, age, record);
                }
            }
        }
    }

    fn put_ordered(&mut self, entry_key: Vec<u8>, ordered: Ordered) {
        let age = |ordered: &Ordered| (ordered.stamped_at, ordered.revision.counter);
        let known = self.ordered.entry(entry_key).or_default();
        if known.as_ref().is_none_or(|known| age(&ordered) > age(known)) {
            *known = Some(ordered);
        }
    }

    fn put(&mut self, family: Family, key: &[u8], age: Age, record: &[u8]) {
        let place = self.records.entry((family, key.to_vec()));
        let (known, kept) = place.or_insert_with(|| (age, record.to_vec()));
        if age > *known {
            *known = age;
            *kept = record.to_vec();
        }
    }

    fn stamp(&mut self, entry_key: &[u8], stamp: Timestamp) {
        let newest = self.stamps.entry(entry_key.to_vec()).or_insert(stamp);
        *newest = stamp.max(*newest);
    }
}

/// Memory that outlives the engine's handle on it.
#[derive(Debug)]
struct Shared(Arc<InMemoryBackend>);

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
