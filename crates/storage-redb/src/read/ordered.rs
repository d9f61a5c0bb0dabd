//! Reads of entries of ordered data stores. See [`encode::ordered`](crate::encode::ordered) for
//! which table is the witness of what.

use redb::ReadableTable;
use steadfast_core::row::{OrderedBody, RowBody};
use steadfast_core::{EntryId, Found, Row, RowKey};

use super::{Lookup, lookup};
use crate::bytes::{Damage, Family};
use crate::encode::index::Kind;
use crate::encode::keys::{parse_place_key, place_key, store_number};
use crate::encode::ordered::{Ordered, Witness};
use crate::encode::stamped::Stamped;
use crate::engine::{EngineError, Source};

/// Reads the row of an entry.
pub(crate) fn row(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
) -> Result<Found, EngineError> {
    match lookup(source, Family::Ordered, Kind::Ordered, entry_key)? {
        Lookup::Absent => Ok(Found::Absent),
        Lookup::Missing => Ok(Found::Corrupt(RowKey::Ordered(entry.clone()))),
        Lookup::Here(record) => found(source, entry_key, entry, record.value()),
    }
}

/// The row of an entry's record.
pub(crate) fn found(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
    record: &[u8],
) -> Result<Found, EngineError> {
    let (scope, name) = (entry.scope.as_str(), entry.key.as_str());
    Ok(match witnessed(source, entry_key, scope, name, record)? {
        Ok(ordered) => Found::Row(row_of(entry.clone(), &ordered)),
        Err(_) => Found::Corrupt(RowKey::Ordered(entry.clone())),
    })
}

fn row_of(entry: EntryId, ordered: &Ordered) -> Row {
    let (revision, stamped_at) = (ordered.revision, ordered.stamped_at);
    let body = RowBody::Ordered(OrderedBody { value: ordered.value });
    Row { key: RowKey::Ordered(entry), revision, stamped_at, body }
}

/// Reads an entry's record, and asks its other witness.
pub(crate) fn witnessed(
    source: &impl Source,
    entry_key: &[u8],
    scope: &str,
    name: &str,
    record: &[u8],
) -> Result<Result<Ordered, Damage>, EngineError> {
    let ordered = match Ordered::decode(entry_key, record) {
        Ok(ordered) => ordered,
        Err(damage) => return Ok(Err(damage)),
    };
    let agrees = if let Some(value) = ordered.value {
        let key = place_key(store_number(entry_key), scope, value, name);
        let place = source.table(Family::Board)?.get(&key[..])?;
        place.is_some_and(|place| {
            Stamped::decode(Family::Board, &key, place.value()) == Ok(ordered.place())
        })
    } else {
        let key = Kind::Ordered.key(entry_key);
        let witness = source.table(Family::Index)?.get(&key[..])?;
        witness.is_some_and(|witness| {
            Witness::decode(&key, witness.value()) == Ok(Witness::of(&ordered))
        })
    };
    Ok(if agrees { Ok(ordered) } else { Err(Damage::Disagrees) })
}

/// The row that stands at a place of a board, if the index has the same record of it.
pub(crate) fn placed(entry: EntryId, key: &[u8], record: &[u8], witness: &[u8]) -> Found {
    let parsed = parse_place_key(key);
    let place = Stamped::decode(Family::Board, key, record);
    let witness = Stamped::decode(Family::Index, &Kind::Place.key(key), witness);
    match (parsed, place) {
        (Some((_, _, value, _)), Ok(place)) if witness == Ok(place) => {
            let Stamped { revision, stamped_at } = place;
            Found::Row(row_of(entry, &Ordered { revision, stamped_at, value: Some(value) }))
        }
        (Some(_) | None, Ok(_) | Err(_)) => Found::Corrupt(RowKey::Ordered(entry)),
    }
}
