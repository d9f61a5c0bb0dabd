//! The record of a data store: its number, which entry keys begin with, and its row.
//!
//! A number is given with the first write to the store and never again, also when the row of the
//! store is deleted.

use steadfast_core::platform::History;
use steadfast_core::row::{Birth, RowBody, StoreBody};
use steadfast_core::{Revision, Row, RowKey, StoreId, Timestamp};

use crate::bytes::{Damage, Family, Reader, Writer, seal, unseal};

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
    pub(crate) deleted: Option<Timestamp>,
    pub(crate) history: Option<History>,
}

const HISTORY_OF_SETTINGS: u8 = 0;
const HISTORY_THINNED: u8 = 1;
const HISTORY_HOURLY: u8 = 2;
const HISTORY_EVERY: u8 = 3;

fn history_byte(history: Option<History>) -> u8 {
    match history {
        None => HISTORY_OF_SETTINGS,
        Some(History::Thinned) => HISTORY_THINNED,
        Some(History::Hourly) => HISTORY_HOURLY,
        Some(History::Every) => HISTORY_EVERY,
    }
}

fn read_history(reader: &mut Reader<'_>) -> Result<Option<History>, Damage> {
    match reader.u8()? {
        HISTORY_OF_SETTINGS => Ok(None),
        HISTORY_THINNED => Ok(Some(History::Thinned)),
        HISTORY_HOURLY => Ok(Some(History::Hourly)),
        HISTORY_EVERY => Ok(Some(History::Every)),
        _ => Err(Damage::Malformed("history")),
    }
}

impl StoreRow {
    /// The row that a write makes. The births of this very write become its stamp.
    pub(crate) fn new(revision: Revision, stamped_at: Timestamp, body: &StoreBody) -> Self {
        let birth = body.birth.time(stamped_at);
        let deleted = body.deleted.map(|deleted| deleted.time(stamped_at));
        Self { revision, stamped_at, birth, deleted, history: body.history }
    }

    /// What the row holds besides its revision and time.
    pub(crate) fn body(&self) -> StoreBody {
        let (birth, deleted) = (Birth::At(self.birth), self.deleted.map(Birth::At));
        StoreBody { birth, deleted, history: self.history }
    }

    /// The row as the backend answers it.
    pub(crate) fn into_row(self, store: &StoreId) -> Row {
        Row {
            key: RowKey::Store(store.clone()),
            revision: self.revision,
            stamped_at: self.stamped_at,
            body: RowBody::Store(self.body()),
        }
    }
}

impl Store {
    /// The record under the store's key.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let mut record = Writer::record(47);
        record.u32(self.number);
        record.u8(u8::from(self.row.is_some()));
        if let Some(row) = self.row {
            record.u64(row.revision.counter);
            record.u64(row.revision.tag);
            record.i64(row.stamped_at.ticks());
            record.i64(row.birth.ticks());
            record.u8(history_byte(row.history));
            record.u8(u8::from(row.deleted.is_some()));
            if let Some(deleted) = row.deleted {
                record.i64(deleted.ticks());
            }
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
            let (mut history, mut deleted) = (None, None);
            // The first stores had no more fields: such a row has no choice and is not deleted.
            if !reader.is_empty() {
                history = read_history(&mut reader)?;
                if reader.flag("deleted")? {
                    deleted = Some(Timestamp::from_ticks(reader.i64()?));
                }
            }
            Some(StoreRow { revision, stamped_at, birth, deleted, history })
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

    const ROW: StoreRow = StoreRow {
        revision: Revision { counter: 1, tag: 2 },
        stamped_at: Timestamp::from_ticks(3),
        birth: Timestamp::from_ticks(-4),
        deleted: None,
        history: None,
    };

    #[test]
    fn stores_are_read_back_and_every_cut_is_damage() {
        let deleted = Some(Timestamp::from_ticks(9));
        let mut rows = vec![None, Some(ROW), Some(StoreRow { deleted, ..ROW })];
        let choices = History::ALL.map(|choice| StoreRow { history: Some(choice), ..ROW });
        rows.extend(choices.map(Some));
        for row in rows {
            let store = Store { number: 5, row };
            let record = store.encode(b"key");
            assert_eq!(Store::decode(b"key", &record), Ok(store));
            for size in 0..record.len() {
                assert!(Store::decode(b"key", &record[..size]).is_err());
            }
        }
    }

    #[test]
    fn a_row_of_the_first_stores_is_not_deleted_and_has_no_choice() {
        let mut record = Writer::record(37);
        record.u32(5);
        record.u8(1);
        record.u64(1);
        record.u64(2);
        record.i64(3);
        record.i64(-4);
        let store = Store::decode(b"key", &seal(Family::Stores, b"key", record));
        assert_eq!(store, Ok(Store { number: 5, row: Some(ROW) }));
    }

    #[test]
    fn an_unknown_choice_is_damage() {
        let mut record = Writer::record(39);
        record.u32(5);
        record.u8(1);
        record.raw(&[0; 32]);
        record.u8(4);
        record.u8(0);
        let store = Store::decode(b"key", &seal(Family::Stores, b"key", record));
        assert_eq!(store, Err(Damage::Malformed("history")));
    }
}
