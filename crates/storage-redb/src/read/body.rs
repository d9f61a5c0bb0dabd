//! Reads of the families that have a body: records, their operations, game servers and mail.

use redb::ReadableTable;
use steadfast_core::{Found, Row, RowKey};

use super::{Lookup, lookup};
use crate::encode::bodied::{self, Bodied};
use crate::engine::{EngineError, Source};
use crate::prepare::BodyRef;
use crate::stores::StoreNumbers;

/// Reads a row of one of these families.
pub(crate) fn row(
    source: &impl Source,
    stores: &StoreNumbers,
    key: &RowKey,
) -> Result<Found, EngineError> {
    let Some(BodyRef { of, place, .. }) = BodyRef::new(stores, key) else {
        unreachable!("the caller reads only rows that have a body")
    };
    if place.store.is_some() {
        // Nothing was ever written to its data store.
        return Ok(Found::Absent);
    }
    let bytes = &place.entry_key[..];
    let record = match of.witness(bytes) {
        None => source.table(of.family())?.get(bytes)?,
        Some(kind) => match lookup(source, of.family(), kind, bytes)? {
            Lookup::Absent => None,
            Lookup::Missing => return Ok(Found::Corrupt(key.clone())),
            Lookup::Here(record) => Some(record),
        },
    };
    Ok(record.map_or(Found::Absent, |record| found(of, key.clone(), bytes, record.value())))
}

/// The row of a record.
pub(crate) fn found(of: Bodied, key: RowKey, bytes: &[u8], record: &[u8]) -> Found {
    match bodied::decode(of, bytes, record) {
        Ok((stamped, body)) => {
            let (revision, stamped_at) = (stamped.revision, stamped.stamped_at);
            Found::Row(Row { key, revision, stamped_at, body })
        }
        Err(_) => Found::Corrupt(key),
    }
}
