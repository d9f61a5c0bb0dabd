//! Conditions and changes of a batch, applied to the tables of a write in progress.
//!
//! An entry and its revision rows form one structure: the record of the entry names the newest
//! revision, each revision the next older one, and a value in the table of values may be pointed
//! to by the entry and by the revision row of the same counter. A value is removed with its last
//! pointer.

mod body;
mod history;
mod ordered;

use redb::ReadableTable;
use steadfast_core::{Condition, Found, Timestamp};
use steadfast_storage::backend::OrderedChange;

use crate::bytes::Family;
use crate::encode::entry::{Current, Place, Pointer, State};
use crate::encode::index::{self, Kind};
use crate::encode::keys::{
    api_key_key, parse_revision_key, review_key, revision_key, revision_prefix, set_store_number,
    store_key, universe_key, value_key,
};
use crate::encode::meta::Counters;
use crate::encode::stamped::Stamped;
use crate::encode::store::{Store, StoreRow};
use crate::encode::{api_key, content, universe, value};
use crate::engine::{EngineError, Source, WriteTables};
use crate::prepare::{Asked, Change, EntryRef, NewState, Prepared};
use crate::read::{Lookup, is_outrun, lookup, row, verify_content};
use crate::stores::StoreNumbers;

/// Contents up to this size stand in the entry's record. One record less to write, and none to
/// remove, is worth more than a denser tree: with 512 bytes the saves of `durable_saves`, contents
/// of about 900, reached 0.46 of the raw log at 128 writers instead of 0.58.
const INLINE_SIZE_MAX: usize = 1_024;

/// The same when the revision row is written too: both rows then have a copy, and neither has to
/// know of the other.
const INLINE_TWICE_SIZE_MAX: usize = 256;

/// A write in progress.
pub(crate) struct Apply<'a, 'txn> {
    pub(crate) tables: WriteTables<'txn>,
    pub(crate) stores: &'a StoreNumbers,
    pub(crate) counters: Counters,
    /// What became of entries of ordered data stores, one list for each batch with any.
    pub(crate) ordered: Vec<Vec<OrderedChange>>,
}

/// What is known of the record that is about to be replaced.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    /// Whether the index knows the key.
    is_indexed: bool,
    newest_revision: Option<u64>,
    pointer: Option<Pointer>,
    is_shared: bool,
}

impl Before {
    fn of(current: &Current<'_>) -> Self {
        Self {
            is_indexed: true,
            newest_revision: current.newest_revision,
            pointer: current.state().and_then(|state| state.pointer()),
            is_shared: current.entry.is_some_and(|(_, shared)| shared),
        }
    }
}

impl Apply<'_, '_> {
    /// Whether all conditions hold.
    pub(crate) fn holds(&self, batch: &mut Prepared) -> Result<bool, EngineError> {
        for (key, condition, asked) in &mut batch.conditions {
            let holds = match asked {
                Asked::Entry(entry) => {
                    self.learn_number(entry);
                    self.entry_holds(*condition, entry)?
                }
                Asked::Body(at) => {
                    self.learn_number(&mut at.place);
                    self.body_holds(*condition, at)?
                }
                Asked::Other => condition.holds(&row(&self.tables, self.stores, key)?),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a condition holds of an entry, verified without decoding its value. What was seen
    /// is kept for the write that follows.
    fn entry_holds(&self, condition: Condition, entry: &mut EntryRef) -> Result<bool, EngineError> {
        let entry_key = &entry.entry_key;
        let record = match lookup(&self.tables, Family::Current, Kind::Entry, entry_key)? {
            Lookup::Absent => {
                entry.before = Some(Before::default());
                return Ok(condition == Condition::Absent);
            }
            Lookup::Missing => return Ok(false),
            Lookup::Here(record) => record,
        };
        let Ok(current) = Current::decode(entry_key, record.value()) else { return Ok(false) };
        if is_outrun(&self.tables, entry_key, current.newest_revision)? {
            return Ok(false);
        }
        entry.before = Some(Before::of(&current));
        match (condition, current.state()) {
            (Condition::Absent, None) => Ok(true),
            (Condition::At(revision), Some(state)) if state.revision == revision => {
                Ok(verify_content(&self.tables, entry_key, &state)?.is_ok())
            }
            (Condition::Absent | Condition::At(_), _) => Ok(false),
        }
    }

    /// The rows of all conditions, for a refusal.
    pub(crate) fn condition_rows(&self, batch: &Prepared) -> Result<Vec<Found>, EngineError> {
        let rows = batch.conditions.iter().map(|(key, ..)| row(&self.tables, self.stores, key));
        rows.collect()
    }

    /// Writes all changes of a batch.
    pub(crate) fn write(
        &mut self,
        mut batch: Prepared,
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        batch.recall();
        // What a condition saw still stands there for the first change of the batch.
        let mut seen = batch.conditions;
        self.ordered.push(Vec::new());
        for change in batch.changes {
            let seen = std::mem::take(&mut seen);
            let seen = seen.into_iter().filter_map(|(.., asked)| match asked {
                Asked::Entry(entry) => Some(entry),
                Asked::Body(_) | Asked::Other => None,
            });
            self.write_change(change, seen, stamp)?;
        }
        if self.ordered.last().is_some_and(Vec::is_empty) {
            self.ordered.pop();
        }
        Ok(())
    }

    fn write_change(
        &mut self,
        change: Change,
        mut seen: impl Iterator<Item = EntryRef>,
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        match change {
            Change::PutEntry { entry, state, with_revision } => {
                let entry_key = self.numbered(entry)?;
                let seen = seen.find(|entry| entry.entry_key == entry_key);
                let before = match seen.and_then(|entry| entry.before) {
                    Some(before) => before,
                    None => self.before(&entry_key)?,
                };
                self.put_entry(&entry_key, before, &state, with_revision, stamp)
            }
            Change::DeleteEntry { entry } => {
                let entry_key = self.numbered(entry)?;
                self.delete_entry(&entry_key)
            }
            Change::PutRevision { entry, counter, state } => {
                let entry_key = self.numbered(entry)?;
                self.put_revision(&entry_key, counter, &state, stamp)
            }
            Change::DeleteRevisions { entry, counters } => {
                let entry_key = self.numbered(entry)?;
                self.delete_revisions(&entry_key, counters)
            }
            Change::MarkEntry { entry } => {
                let entry_key = self.numbered(entry)?;
                self.tables.remove(Family::Current, &entry_key)?;
                self.put_index(&Kind::Entry.key(&entry_key), 0)
            }
            Change::MarkRevision { entry, counter } => {
                let entry_key = self.numbered(entry)?;
                self.mark_revision(&entry_key, counter, stamp)
            }
            Change::PutStore { .. }
            | Change::DeleteStore { .. }
            | Change::MarkStore { .. }
            | Change::PutApiKey { .. }
            | Change::DeleteApiKey { .. }
            | Change::MarkApiKey { .. }
            | Change::PutUniverse { .. }
            | Change::DeleteUniverse { .. }
            | Change::MarkUniverse { .. } => self.write_named(change, stamp),
            Change::PutOrdered { at, revision, value } => {
                self.put_ordered(at, revision, value, stamp)
            }
            Change::DeleteOrdered { at } => self.delete_ordered(at),
            Change::MarkOrdered { at } => self.mark_ordered(at),
            Change::PutReview { hour, reviewed, revision } => {
                let key = review_key(hour, &reviewed);
                let record = Stamped { revision, stamped_at: stamp }.encode(Family::Reviews, &key);
                self.tables.insert(Family::Reviews, &key, &record)
            }
            Change::DeleteReview { hour, reviewed } => {
                self.tables.remove(Family::Reviews, &review_key(hour, &reviewed)).map(drop)
            }
            Change::PutBody { at, revision, body, .. } => self.put_body(at, revision, &body, stamp),
            Change::DeleteBody { at } => self.delete_body(at),
            Change::MarkBody { at } => self.mark_body(at),
        }
    }

    /// Writes or removes a row of a family that stands for itself: data stores, API keys, universes.
    fn write_named(&mut self, change: Change, stamp: Timestamp) -> Result<(), EngineError> {
        match change {
            Change::PutStore { store, revision, body } => {
                let number = self.number(&store)?;
                let row = Some(StoreRow::new(revision, stamp, &body));
                self.put_store(&store_key(&store), Store { number, row })
            }
            Change::DeleteStore { store } => match self.stores.get(&store) {
                Some(number) => self.put_store(&store_key(&store), Store { number, row: None }),
                None => Ok(()),
            },
            Change::MarkStore { store } => {
                self.number(&store)?;
                self.tables.remove(Family::Stores, &store_key(&store)).map(drop)
            }
            Change::PutApiKey { id, revision, key } => {
                let record = api_key::encode(id, revision, stamp, &key);
                self.tables.insert(Family::ApiKeys, &api_key_key(id), &record)?;
                self.put_index_if_new(&index::of_api_key(id))
            }
            Change::DeleteApiKey { id } => {
                self.tables.remove(Family::ApiKeys, &api_key_key(id))?;
                self.tables.remove(Family::Index, &index::of_api_key(id)).map(drop)
            }
            Change::MarkApiKey { id } => {
                self.tables.remove(Family::ApiKeys, &api_key_key(id))?;
                self.put_index_if_new(&index::of_api_key(id))
            }
            Change::PutUniverse { universe, revision, body } => {
                let record = universe::encode(universe, revision, stamp, &body);
                self.tables.insert(Family::Universes, &universe_key(universe), &record)?;
                self.put_index_if_new(&index::of_universe(universe))
            }
            Change::DeleteUniverse { universe } => {
                self.tables.remove(Family::Universes, &universe_key(universe))?;
                self.tables.remove(Family::Index, &index::of_universe(universe)).map(drop)
            }
            Change::MarkUniverse { universe } => {
                self.tables.remove(Family::Universes, &universe_key(universe))?;
                self.put_index_if_new(&index::of_universe(universe))
            }
            Change::PutEntry { .. }
            | Change::DeleteEntry { .. }
            | Change::MarkEntry { .. }
            | Change::PutRevision { .. }
            | Change::DeleteRevisions { .. }
            | Change::MarkRevision { .. }
            | Change::PutOrdered { .. }
            | Change::DeleteOrdered { .. }
            | Change::MarkOrdered { .. }
            | Change::PutReview { .. }
            | Change::DeleteReview { .. }
            | Change::PutBody { .. }
            | Change::DeleteBody { .. }
            | Change::MarkBody { .. } => unreachable!("the caller writes these itself"),
        }
    }

    /// Writes the counters, as the last part of a commit.
    pub(crate) fn write_counters(&mut self) -> Result<(), EngineError> {
        self.counters.commit += 1;
        let record = self.counters.encode();
        self.tables.insert(Family::Meta, crate::encode::meta::KEY, &record)
    }

    fn learn_number(&self, entry: &mut EntryRef) {
        if let Some(number) = entry.store.as_ref().and_then(|store| self.stores.get(store)) {
            set_store_number(&mut entry.entry_key, number);
            entry.store = None;
        }
    }

    fn numbered(&mut self, mut entry: EntryRef) -> Result<Vec<u8>, EngineError> {
        if let Some(store) = entry.store.take() {
            let number = self.number(&store)?;
            set_store_number(&mut entry.entry_key, number);
        }
        Ok(entry.entry_key)
    }

    /// The number of a data store, a new one if it has none.
    fn number(&mut self, store: &steadfast_core::StoreId) -> Result<u32, EngineError> {
        if let Some(number) = self.stores.get(store) {
            return Ok(number);
        }
        let number = self.counters.next_store;
        let next = number.checked_add(1);
        self.counters.next_store = next
            .ok_or_else(|| EngineError::Failed("all numbers of data stores are used".to_owned()))?;
        self.put_store(&store_key(store), Store { number, row: None })?;
        self.put_index(&index::of_store(store), number)?;
        self.stores.insert(store.clone(), number);
        Ok(number)
    }

    fn put_store(&mut self, key: &[u8], store: Store) -> Result<(), EngineError> {
        self.tables.insert(Family::Stores, key, &store.encode(key))
    }

    fn put_index(&mut self, index_key: &[u8], number: u32) -> Result<(), EngineError> {
        self.tables.insert(Family::Index, index_key, &index::encode(index_key, number))
    }

    fn put_index_if_new(&mut self, index_key: &[u8]) -> Result<(), EngineError> {
        if self.tables.table(Family::Index)?.get(index_key)?.is_some() {
            return Ok(());
        }
        self.put_index(index_key, 0)
    }

    fn before(&self, entry_key: &[u8]) -> Result<Before, EngineError> {
        let record = match lookup(&self.tables, Family::Current, Kind::Entry, entry_key)? {
            Lookup::Absent => return Ok(Before::default()),
            Lookup::Missing => None,
            Lookup::Here(record) => Some(record),
        };
        let current = record.as_ref().map(|record| Current::decode(entry_key, record.value()));
        let current = match current {
            Some(Ok(current)) if !is_outrun(&self.tables, entry_key, current.newest_revision)? => {
                Some(current)
            }
            Some(Ok(_) | Err(_)) | None => None,
        };
        let Some(current) = current else {
            // Damaged: what it replaces cannot be told, but the history is still there.
            let newest_revision = self.first_revision(&revision_prefix(entry_key), entry_key)?;
            return Ok(Before { is_indexed: true, newest_revision, ..Before::default() });
        };
        Ok(Before::of(&current))
    }

    /// The counter of the first revision row of an entry at or behind a key.
    fn first_revision(&self, from: &[u8], entry_key: &[u8]) -> Result<Option<u64>, EngineError> {
        let last = revision_key(entry_key, 0);
        let mut range = self.tables.table(Family::Revisions)?.range::<&[u8]>(from..=&last[..])?;
        let Some(item) = range.next() else { return Ok(None) };
        let (key, _) = item?;
        Ok(parse_revision_key(key.value()).map(|(_, counter)| counter))
    }

    fn put_entry(
        &mut self,
        entry_key: &[u8],
        before: Before,
        new: &NewState,
        with_revision: bool,
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        let inline_max = if with_revision { INLINE_TWICE_SIZE_MAX } else { INLINE_SIZE_MAX };
        let state = self.put_content(entry_key, new, inline_max, stamp)?;
        let mut newest_revision = before.newest_revision;
        let mut replaced = None;
        if with_revision {
            let counter = new.revision.counter;
            replaced = self.link(entry_key, counter, &state, &mut newest_revision)?;
        }
        let is_shared = with_revision && state.pointer().is_some();
        let current = Current { newest_revision, entry: Some((state, is_shared)) };
        self.tables.insert(Family::Current, entry_key, &current.encode(entry_key))?;
        if !before.is_indexed {
            self.put_index(&Kind::Entry.key(entry_key), 0)?;
        }
        if let Some(old) = before.pointer
            && (!before.is_shared || replaced == Some(old))
        {
            self.free(old)?;
        }
        if let Some(old) = replaced
            && before.pointer != Some(old)
        {
            self.free(old)?;
        }
        Ok(())
    }

    fn delete_entry(&mut self, entry_key: &[u8]) -> Result<(), EngineError> {
        let before = self.before(entry_key)?;
        if before.newest_revision.is_none() {
            self.tables.remove(Family::Current, entry_key)?;
            self.tables.remove(Family::Index, &Kind::Entry.key(entry_key))?;
        } else {
            let current = Current { newest_revision: before.newest_revision, entry: None };
            self.tables.insert(Family::Current, entry_key, &current.encode(entry_key))?;
        }
        match before.pointer {
            Some(pointer) if !before.is_shared => self.free(pointer),
            Some(_) | None => Ok(()),
        }
    }

    fn put_content<'c>(
        &mut self,
        entry_key: &[u8],
        new: &'c NewState,
        inline_max: usize,
        stamp: Timestamp,
    ) -> Result<State<'c>, EngineError> {
        let (revision, birth) = (new.revision, new.birth.time(stamp));
        let (pinned, schema, place) = (new.pinned, new.schema, Place::Tombstone);
        let mut state =
            State { revision, stamped_at: stamp, birth, pinned, schema, value_size: None, place };
        let Some(bytes) = new.content.as_deref() else { return Ok(state) };
        if bytes.len() <= inline_max {
            state.place = Place::Inline(bytes);
            return Ok(state);
        }
        self.counters.seq += 1;
        let pointer = value::pointer(self.counters.seq, entry_key, bytes.len());
        state.place = Place::Stored(pointer);
        // Kept beside the pointer, so that a list with sizes reads no values.
        state.value_size = content::value_size(bytes);
        for (key, record) in value::encode(pointer, entry_key, &state, bytes) {
            self.tables.insert(Family::Values, &key, &record)?;
        }
        Ok(state)
    }

    fn free(&mut self, pointer: Pointer) -> Result<(), EngineError> {
        for chunk in 0..pointer.chunk_count {
            self.tables.remove(Family::Values, &value_key(pointer.seq, chunk))?;
        }
        Ok(())
    }
}
