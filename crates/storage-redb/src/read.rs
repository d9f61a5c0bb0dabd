//! Reads of single rows, from a snapshot or inside a write.
//!
//! A miss is believed only when a second witness confirms it: the index for entries, stores, API
//! keys, universes, records, operations and game servers, the chain of the history for revisions. A
//! state is believed unless a witness knows of a newer one: the history for entries, the board for
//! entries of ordered data stores. Everything else that does not read back as it was written is
//! [`Found::Corrupt`].

pub(crate) mod body;
pub(crate) mod ordered;

use std::sync::Arc;

use redb::{AccessGuard, ReadableTable};
use steadfast_core::row::{Birth, EntryBody, Reviewed, RowBody};
use steadfast_core::{
    ApiKeyId, Content, EntryId, Found, Row, RowKey, StoreId, UniverseId, UtcHour,
};

use crate::bytes::{Damage, Family};
use crate::encode::entry::{Current, Place, Pointer, State};
use crate::encode::index::Kind;
use crate::encode::keys::{
    api_key_key, entry_key, parse_revision_key, review_key, revision_key, revision_prefix,
    store_key, universe_key, value_key,
};
use crate::encode::revision::Link;
use crate::encode::stamped::Stamped;
use crate::encode::store::Store;
use crate::encode::{api_key, content, universe, value};
use crate::engine::{Bytes, EngineError, Source};
use crate::stores::StoreNumbers;

/// What a table knows of a key.
pub(crate) enum Lookup<'a> {
    /// Neither the table nor the index knows it.
    Absent,
    /// The index knows it, the table does not.
    Missing,
    /// Its record.
    Here(AccessGuard<'a, Bytes>),
}

/// Looks a key up, and asks the index when the table does not know it.
pub(crate) fn lookup<'s, S: Source>(
    source: &'s S,
    family: Family,
    kind: Kind,
    key: &[u8],
) -> Result<Lookup<'s>, EngineError> {
    if let Some(record) = source.table(family)?.get(key)? {
        return Ok(Lookup::Here(record));
    }
    let witness = source.table(Family::Index)?.get(&kind.key(key)[..])?;
    Ok(if witness.is_some() { Lookup::Missing } else { Lookup::Absent })
}

/// Reads a row.
pub(crate) fn row(
    source: &impl Source,
    stores: &StoreNumbers,
    key: &RowKey,
) -> Result<Found, EngineError> {
    match key {
        RowKey::Store(store) => store_row(source, store),
        RowKey::ApiKey(id) => api_key_row(source, *id),
        RowKey::Entry(entry) => match key_of(stores, entry) {
            Some(entry_key) => entry_row(source, &entry_key, entry),
            None => Ok(Found::Absent),
        },
        RowKey::Revision(entry, counter) => match key_of(stores, entry) {
            Some(entry_key) => revision_row(source, &entry_key, entry, *counter),
            None => Ok(Found::Absent),
        },
        RowKey::Ordered(entry) => match key_of(stores, entry) {
            Some(entry_key) => ordered::row(source, &entry_key, entry),
            None => Ok(Found::Absent),
        },
        RowKey::Universe(universe) => universe_row(source, *universe),
        RowKey::Review(hour, reviewed) => {
            let key = review_key(*hour, reviewed);
            let record = source.table(Family::Reviews)?.get(&key[..])?;
            Ok(record.map_or(Found::Absent, |record| {
                review_found(*hour, reviewed.clone(), &key, record.value())
            }))
        }
        RowKey::Record(_)
        | RowKey::Ends(_)
        | RowKey::Presence(_)
        | RowKey::Mail(..)
        | RowKey::Ledger(..) => body::row(source, stores, key),
    }
}

/// The key `K` of an entry, if its data store has a number.
pub(crate) fn key_of(stores: &StoreNumbers, entry: &EntryId) -> Option<Vec<u8>> {
    let number = stores.get(&entry.store)?;
    Some(entry_key(number, entry.scope.as_str(), entry.key.as_str()))
}

fn store_row(source: &impl Source, store: &StoreId) -> Result<Found, EngineError> {
    let key = store_key(store);
    Ok(match lookup(source, Family::Stores, Kind::Store, &key)? {
        Lookup::Absent => Found::Absent,
        Lookup::Missing => Found::Corrupt(RowKey::Store(store.clone())),
        Lookup::Here(record) => store_found(store, &key, record.value()),
    })
}

/// The row of a data store's record.
pub(crate) fn store_found(store: &StoreId, key: &[u8], record: &[u8]) -> Found {
    match Store::decode(key, record) {
        Ok(Store { row: Some(row), .. }) => Found::Row(row.into_row(store)),
        Ok(Store { row: None, .. }) => Found::Absent,
        Err(_) => Found::Corrupt(RowKey::Store(store.clone())),
    }
}

fn api_key_row(source: &impl Source, id: ApiKeyId) -> Result<Found, EngineError> {
    Ok(match lookup(source, Family::ApiKeys, Kind::ApiKey, &api_key_key(id))? {
        Lookup::Absent => Found::Absent,
        Lookup::Missing => Found::Corrupt(RowKey::ApiKey(id)),
        Lookup::Here(record) => api_key_found(id, record.value()),
    })
}

/// The row of an API key's record.
pub(crate) fn api_key_found(id: ApiKeyId, record: &[u8]) -> Found {
    api_key::decode(id, record).map_or(Found::Corrupt(RowKey::ApiKey(id)), Found::Row)
}

fn universe_row(source: &impl Source, id: UniverseId) -> Result<Found, EngineError> {
    let corrupt = Found::Corrupt(RowKey::Universe(id));
    Ok(match lookup(source, Family::Universes, Kind::Universe, &universe_key(id))? {
        Lookup::Absent => Found::Absent,
        Lookup::Missing => corrupt,
        Lookup::Here(record) => universe::decode(id, record.value()).map_or(corrupt, Found::Row),
    })
}

/// The row of a reminder's record.
pub(crate) fn review_found(hour: UtcHour, reviewed: Reviewed, key: &[u8], record: &[u8]) -> Found {
    let name = RowKey::Review(hour, reviewed);
    match Stamped::decode(Family::Reviews, key, record) {
        Ok(Stamped { revision, stamped_at }) => {
            Found::Row(Row { key: name, revision, stamped_at, body: RowBody::Review })
        }
        Err(_) => Found::Corrupt(name),
    }
}

fn entry_row(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
) -> Result<Found, EngineError> {
    match lookup(source, Family::Current, Kind::Entry, entry_key)? {
        Lookup::Absent => Ok(Found::Absent),
        Lookup::Missing => Ok(Found::Corrupt(RowKey::Entry(entry.clone()))),
        Lookup::Here(record) => entry_found(source, entry_key, entry, record.value()),
    }
}

/// The row of an entry's record.
pub(crate) fn entry_found(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
    record: &[u8],
) -> Result<Found, EngineError> {
    let key = RowKey::Entry(entry.clone());
    match current(source, entry_key, record)? {
        Ok(Some(state)) => state_found(source, entry_key, key, &state),
        Ok(None) => Ok(Found::Absent),
        Err(_) => Ok(Found::Corrupt(key)),
    }
}

/// The state in an entry's record, if there is an entry, unless its history knows better.
pub(crate) fn current<'r>(
    source: &impl Source,
    entry_key: &[u8],
    record: &'r [u8],
) -> Result<Result<Option<State<'r>>, Damage>, EngineError> {
    let current = match Current::decode(entry_key, record) {
        Ok(current) => current,
        Err(damage) => return Ok(Err(damage)),
    };
    if is_outrun(source, entry_key, current.newest_revision)? {
        return Ok(Err(Damage::Outrun));
    }
    Ok(Ok(current.state()))
}

/// Whether the history of an entry has a readable row that is newer than the newest one that its
/// record names: the record then comes from an older page, which damage made part of the table
/// again. A revision row that is missing or damaged says nothing about the entry.
pub(crate) fn is_outrun(
    source: &impl Source,
    entry_key: &[u8],
    newest_revision: Option<u64>,
) -> Result<bool, EngineError> {
    let start = revision_prefix(entry_key);
    // The counter is inverted in the key: the newer ones stand before it.
    let mut end = revision_key(entry_key, newest_revision.unwrap_or(0));
    if newest_revision.is_none() {
        end.push(0);
    }
    let Some(item) = source.table(Family::Revisions)?.range::<&[u8]>(&start[..]..&end[..])?.next()
    else {
        return Ok(false);
    };
    let (key, record) = item?;
    Ok(Link::decode(key.value(), record.value()).is_ok())
}

fn revision_row(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
    counter: u64,
) -> Result<Found, EngineError> {
    let key = revision_key(entry_key, counter);
    if let Some(record) = source.table(Family::Revisions)?.get(&key[..])? {
        return revision_found(source, entry_key, entry, counter, record.value());
    }
    let newer = nearest_newer(source, entry_key, counter)?;
    Ok(match newer {
        Next::Known(next) if next.is_none_or(|next| next < counter) => Found::Absent,
        Next::Known(_) | Next::Unknown => Found::Corrupt(RowKey::Revision(entry.clone(), counter)),
    })
}

/// The row of a revision's record.
pub(crate) fn revision_found(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
    counter: u64,
    record: &[u8],
) -> Result<Found, EngineError> {
    let key = RowKey::Revision(entry.clone(), counter);
    match Link::decode(&revision_key(entry_key, counter), record) {
        Ok(link) => state_found(source, entry_key, key, &link.state),
        Err(_) => Ok(Found::Corrupt(key)),
    }
}

/// What the chain of the history says comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The counter of the next older revision row, if there is one.
    Known(Option<u64>),
    /// The link that would say it is damaged.
    Unknown,
}

/// What the link before this counter, the closest newer one or the entry itself, says of it.
pub(crate) fn nearest_newer(
    source: &impl Source,
    entry_key: &[u8],
    counter: u64,
) -> Result<Next, EngineError> {
    let (start, end) = (revision_prefix(entry_key), revision_key(entry_key, counter));
    let table = source.table(Family::Revisions)?;
    if let Some(item) = table.range::<&[u8]>(&start[..]..&end[..])?.next_back() {
        let (key, record) = item?;
        let is_link = parse_revision_key(key.value()).is_some_and(|(entry, _)| entry == entry_key);
        let link = Link::decode(key.value(), record.value());
        return Ok(match link {
            Ok(link) if is_link => Next::Known(link.older),
            Ok(_) | Err(_) => Next::Unknown,
        });
    }
    newest(source, entry_key)
}

/// What the entry says of its newest revision.
pub(crate) fn newest(source: &impl Source, entry_key: &[u8]) -> Result<Next, EngineError> {
    Ok(match lookup(source, Family::Current, Kind::Entry, entry_key)? {
        Lookup::Absent => Next::Known(None),
        Lookup::Missing => Next::Unknown,
        Lookup::Here(record) => match Current::decode(entry_key, record.value()) {
            Ok(current) => Next::Known(current.newest_revision),
            Err(_) => Next::Unknown,
        },
    })
}

/// The row of a state of an entry or revision.
pub(crate) fn state_found(
    source: &impl Source,
    entry_key: &[u8],
    key: RowKey,
    state: &State<'_>,
) -> Result<Found, EngineError> {
    let Ok(content) = content_of(source, entry_key, state)? else {
        return Ok(Found::Corrupt(key));
    };
    let birth = Birth::At(state.birth);
    let body = EntryBody {
        birth,
        content: content.map(Arc::new),
        pinned: state.pinned,
        schema: state.schema,
    };
    let is_revision = matches!(key, RowKey::Revision(..));
    let body = if is_revision { RowBody::Revision(body) } else { RowBody::Entry(body) };
    let (revision, stamped_at) = (state.revision, state.stamped_at);
    Ok(Found::Row(Row { key, revision, stamped_at, body }))
}

/// The content of a row: nothing for a tombstone.
fn content_of(
    source: &impl Source,
    entry_key: &[u8],
    state: &State<'_>,
) -> Result<Result<Option<Content>, Damage>, EngineError> {
    if let Place::Inline(bytes) = state.place {
        return Ok(content::decode(bytes).map(Some));
    }
    let bytes = content_bytes(source, entry_key, state)?;
    Ok(bytes.and_then(|bytes| bytes.as_deref().map(content::decode).transpose()))
}

/// The encoded content of a row: nothing for a tombstone.
pub(crate) fn content_bytes(
    source: &impl Source,
    entry_key: &[u8],
    state: &State<'_>,
) -> Result<Result<Option<Vec<u8>>, Damage>, EngineError> {
    match state.place {
        Place::Tombstone => Ok(Ok(None)),
        Place::Inline(bytes) => Ok(Ok(Some(bytes.to_vec()))),
        Place::Stored(pointer) => {
            let mut bytes = Vec::with_capacity(pointer.size.min(64 * 1_024));
            let walk = walk_value(source, entry_key, state, pointer, |part| {
                bytes.extend_from_slice(part);
            })?;
            Ok(walk.map(|()| Some(bytes)))
        }
    }
}

/// Verifies the content of a row without decoding it.
pub(crate) fn verify_content(
    source: &impl Source,
    entry_key: &[u8],
    state: &State<'_>,
) -> Result<Result<(), Damage>, EngineError> {
    match state.place {
        // Covered by the checksum of the record itself.
        Place::Tombstone | Place::Inline(_) => Ok(Ok(())),
        Place::Stored(pointer) => walk_value(source, entry_key, state, pointer, |_| {}),
    }
}

fn walk_value(
    source: &impl Source,
    entry_key: &[u8],
    state: &State<'_>,
    pointer: Pointer,
    mut each: impl FnMut(&[u8]),
) -> Result<Result<(), Damage>, EngineError> {
    let values = source.table(Family::Values)?;
    let mut size = 0_usize;
    for chunk in 0..pointer.chunk_count {
        let key = value_key(pointer.seq, chunk);
        let Some(record) = values.get(&key[..])? else { return Ok(Err(Damage::ValueMissing)) };
        let part = if chunk == 0 {
            match value::decode_first(&key, record.value()) {
                Ok((head, part)) if head.belongs_to(entry_key, state) => Ok(part),
                Ok(_) => Err(Damage::ValueForeign),
                Err(damage) => Err(damage),
            }
        } else {
            value::decode_part(&key, record.value())
        };
        match part {
            Ok(part) => {
                size = size.saturating_add(part.len());
                each(part);
            }
            Err(damage) => return Ok(Err(damage)),
        }
    }
    Ok(if size == pointer.size { Ok(()) } else { Err(Damage::ValueForeign) })
}
