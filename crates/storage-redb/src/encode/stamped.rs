//! Records whose key says all but revision and time: places on boards, and reminders.

use steadfast_core::{Revision, Timestamp};

use crate::bytes::{Damage, Family, Reader, Writer, seal, unseal};

/// What such a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamped {
    /// The last write of the row.
    pub(crate) revision: Revision,
    /// Its time.
    pub(crate) stamped_at: Timestamp,
}

impl Stamped {
    /// The record under its key.
    pub(crate) fn encode(&self, family: Family, key: &[u8]) -> Vec<u8> {
        let mut record = Writer::record(Self::SIZE);
        self.write(&mut record);
        seal(family, key, record)
    }

    /// Reads the record under its key.
    pub(crate) fn decode(family: Family, key: &[u8], record: &[u8]) -> Result<Self, Damage> {
        let mut reader = unseal(family, key, record)?;
        let stamped = Self::read(&mut reader)?;
        reader.end()?;
        Ok(stamped)
    }

    /// Bytes that it takes at the start of a longer record.
    pub(crate) const SIZE: usize = 24;

    /// Writes it at the start of a longer record.
    pub(crate) fn write(self, record: &mut Writer) {
        record.u64(self.revision.counter);
        record.u64(self.revision.tag);
        record.i64(self.stamped_at.ticks());
    }

    /// Reads it at the start of a longer record.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Damage> {
        let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
        Ok(Self { revision, stamped_at: Timestamp::from_ticks(reader.i64()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_and_every_cut_or_other_table_is_damage() {
        let revision = Revision { counter: 7, tag: 8 };
        let stamped = Stamped { revision, stamped_at: Timestamp::from_ticks(-9) };
        let record = stamped.encode(Family::Board, b"key");
        assert_eq!(Stamped::decode(Family::Board, b"key", &record), Ok(stamped));
        assert!(Stamped::decode(Family::Reviews, b"key", &record).is_err());
        assert!(Stamped::decode(Family::Board, b"kez", &record).is_err());
        for size in 0..record.len() {
            assert!(Stamped::decode(Family::Board, b"key", &record[..size]).is_err());
        }
    }
}
