//! The record of a data store: its number, which entry keys begin with, and its row.
//!
//! A number is given with the first write to the store and never again, also when the row of the
//! store is deleted.

use steadfast_core::row::{Birth, RowBody, StoreBody};
use steadfast_core::{Revision, Row, RowKey, StoreId, Timestamp};

use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// The record of a data store in `sto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    /// Its number.
    pub(crate) number: u32,
    /// Its row, if it has one.
    pub(crate) row: Option<StoreRow>,
}

/// The row of a data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreRow {
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) birth: Timestamp,
}

impl StoreRow {
    /// The row as the backend answers it.
    pub(crate) fn into_row(self, store: &StoreId) -> Row {
        Row {
            key: RowKey::Store(store.clone()),
            revision: self.revision,
            stamped_at: self.stamped_at,
            body: RowBody::Store(StoreBody { birth: Birth::At(self.birth) }),
        }
    }
}

impl Store {
    /// The record under the store's key.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut record = Writer::record(37);
        record.u32(self.number);
        record.u8(u8::from(self.row.is_some()));
        if let Some(row) = self.row {
            record.u64(row.revision.counter);
            record.u64(row.revision.tag);
            record.i64(row.stamped_at.ticks());
            record.i64(row.birth.ticks());
        }
        seal(Family::Stores, key, record)
    }

    /// Reads the record under the store's key.
    pub(crate) fn decode(key: &[u8], record: &[u8]) -> Result<Self, Damage> {
        let mut reader = unseal(Family::Stores, key, record)?;
        let number = reader.u32()?;
        let row = if reader.flag("row")? {
            let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
            let stamped_at = Timestamp::from_ticks(reader.i64()?);
            let birth = Timestamp::from_ticks(reader.i64()?);
            Some(StoreRow { revision, stamped_at, birth })
        } else {
            None
        };
        reader.end()?;
        Ok(Self { number, row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_read_back_and_every_cut_is_damage() {
        let row = StoreRow {
            revision: Revision { counter: 1, tag: 2 },
            stamped_at: Timestamp::from_ticks(3),
            birth: Timestamp::from_ticks(-4),
        };
        for store in [Store { number: 5, row: None }, Store { number: 6, row: Some(row) }] {
            let record = store.encode(b"key");
            assert_eq!(Store::decode(b"key", &record), Ok(store));
            for size in 0..record.len() {
                assert!(Store::decode(b"key", &record[..size]).is_err());
            }
        }
    }
}
