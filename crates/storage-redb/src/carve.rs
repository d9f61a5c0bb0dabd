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
use steadfast_core::Timestamp;

use crate::bytes::Family;
use crate::encode::entry::Current;
use crate::encode::index::{self, Kind};
use crate::encode::keys::{parse_api_key_key, parse_revision_key, parse_value_key};
use crate::encode::meta::Counters;
use crate::encode::revision::Link;
use crate::encode::store::Store;
use crate::encode::{api_key, value};
use crate::engine::{EngineError, FAMILIES, Source, WriteTables};

const PAGE_SIZE: usize = 4_096;

/// The largest run of pages that is looked at as one leaf; single records are far smaller.
const LEAF_SIZE_MAX: usize = 64 * 1_024;

const LEAF: u8 = 1;

/// How new a record is: its stamp, then whatever else grows.
type Age = (Timestamp, u64);

/// The newest version of every record.
#[derive(Default)]
struct Found {
    records: BTreeMap<(Family, Vec<u8>), (Age, Vec<u8>)>,
    /// The newest stamp that anything of an entry has, by `K`.
    stamps: BTreeMap<Vec<u8>, Timestamp>,
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
    }
    transaction.commit()?;
    drop(database);
    Ok(storage)
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
            if leaf_size(&page).is_some_and(|needed| needed > PAGE_SIZE && needed <= size) {
                page.resize(size, 0);
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
