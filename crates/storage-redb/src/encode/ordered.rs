//! The record of an entry of an ordered data store.
//!
//! ```text
//! ordk  K                 revision, stamp, 0 | 1 value i64
//! ord   B, value, key     revision, stamp                     only while there is a value
//! idx   'b', B, value, key    the same
//! idx   'o', K            0 | 1 revision                      1: there is none any more
//! ```
//!
//! A value is believed only if the place that it names has the same revision, and a place only if
//! the index has it too, at the same revision. So a page that is lost under either of them hides
//! nothing, and an older one is noticed. An entry without a value has no place; its revision stands
//! in the index instead.

use steadfast_core::{Revision, Timestamp};

use super::stamped::Stamped;
use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// The record of `K` in `ordk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ordered {
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    /// Nothing once it was removed.
    pub(crate) value: Option<i64>,
}

impl Ordered {
    /// The record under the key `K`.
    pub(crate) fn encode(&self, entry_key: &[u8]) -> Vec<u8> {
        let mut record = Writer::record(33);
        record.u64(self.revision.counter);
        record.u64(self.revision.tag);
        record.i64(self.stamped_at.ticks());
        record.u8(u8::from(self.value.is_some()));
        if let Some(value) = self.value {
            record.i64(value);
        }
        seal(Family::Ordered, entry_key, record)
    }

    /// Reads the record under the key `K`.
    pub(crate) fn decode(entry_key: &[u8], record: &[u8]) -> Result<Self, Damage> {
        let mut reader = unseal(Family::Ordered, entry_key, record)?;
        let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
        let stamped_at = Timestamp::from_ticks(reader.i64()?);
        let value = if reader.flag("value")? { Some(reader.i64()?) } else { None };
        reader.end()?;
        Ok(Self { revision, stamped_at, value })
    }

    /// What stands at its place.
    pub(crate) fn place(&self) -> Stamped {
        Stamped { revision: self.revision, stamped_at: self.stamped_at }
    }
}

/// What the index says of an entry of an ordered data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// It has a value.
    Value,
    /// It has none since this revision.
    Removed(Revision),
}

impl Witness {
    /// What the index must say of a record.
    pub(crate) fn of(ordered: &Ordered) -> Self {
        if ordered.value.is_some() { Self::Value } else { Self::Removed(ordered.revision) }
    }

    /// The record under its key in the index.
    pub(crate) fn encode(self, index_key: &[u8]) -> Vec<u8> {
        let mut record = Writer::record(17);
        match self {
            Self::Value => record.u8(0),
            Self::Removed(revision) => {
                record.u8(1);
                record.u64(revision.counter);
                record.u64(revision.tag);
            }
        }
        seal(Family::Index, index_key, record)
    }

    /// Reads the record under its key in the index.
    pub(crate) fn decode(index_key: &[u8], record: &[u8]) -> Result<Self, Damage> {
        let mut reader = unseal(Family::Index, index_key, record)?;
        let witness = if reader.flag("removed")? {
            Self::Removed(Revision { counter: reader.u64()?, tag: reader.u64()? })
        } else {
            Self::Value
        };
        reader.end()?;
        Ok(witness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_witnesses_are_read_back_and_every_cut_is_damage() {
        let revision = Revision { counter: 7, tag: 8 };
        for value in [None, Some(i64::MIN), Some(0), Some(i64::MAX)] {
            let ordered = Ordered { revision, stamped_at: Timestamp::from_ticks(9), value };
            let record = ordered.encode(b"key");
            assert_eq!(Ordered::decode(b"key", &record), Ok(ordered));
            for size in 0..record.len() {
                assert!(Ordered::decode(b"key", &record[..size]).is_err());
            }
            let witness = Witness::of(&ordered);
            let record = witness.encode(b"key");
            assert_eq!(Witness::decode(b"key", &record), Ok(witness));
            for size in 0..record.len() {
                assert!(Witness::decode(b"key", &record[..size]).is_err());
            }
        }
    }
}
