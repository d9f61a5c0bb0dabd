//! The counters of the store itself, written with every commit.

use steadfast_core::Timestamp;

use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// The key of the counters in `meta`.
pub(crate) const KEY: &[u8] = b"counters";

/// The tables that a store of this version has: 1 were those up to `meta`, 2 adds `uni`, `ordk`,
/// `ord` and `rev`, 3 adds `rec`, `end`, `pre` and `mail`, 4 adds `led`.
pub(crate) const TABLES: u8 = 4;

/// What must never go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Engine commits so far.
    pub(crate) commit: u64,
    /// The last sequence number given to a value.
    pub(crate) seq: u64,
    /// The last stamp given to a batch.
    pub(crate) stamped_at: Timestamp,
    /// The number of the next new data store.
    pub(crate) next_store: u32,
    /// Which tables there must be, so that a damaged list of tables never becomes an empty table.
    pub(crate) tables: u8,
}

impl Counters {
    /// Those of a new store.
    pub(crate) const NEW: Self =
        Self { commit: 0, seq: 0, stamped_at: Timestamp::EPOCH, next_store: 1, tables: TABLES };

    /// The record under [`KEY`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = Writer::record(29);
        record.u64(self.commit);
        record.u64(self.seq);
        record.i64(self.stamped_at.ticks());
        record.u32(self.next_store);
        record.u8(self.tables);
        seal(Family::Meta, KEY, record)
    }

    /// Reads the record under [`KEY`].
    pub(crate) fn decode(record: &[u8]) -> Result<Self, Damage> {
        let mut reader = unseal(Family::Meta, KEY, record)?;
        let (commit, seq) = (reader.u64()?, reader.u64()?);
        let stamped_at = Timestamp::from_ticks(reader.i64()?);
        let next_store = reader.u32()?;
        // The first stores did not say.
        let tables = if reader.is_empty() { 1 } else { reader.u8()? };
        reader.end()?;
        Ok(Self { commit, seq, stamped_at, next_store, tables })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_do_not_name_their_tables_are_those_of_the_first_stores() {
        let mut record = Writer::record(28);
        record.u64(7);
        record.u64(8);
        record.i64(9);
        record.u32(10);
        let counters = Counters::decode(&seal(Family::Meta, KEY, record)).unwrap();
        assert_eq!((counters.commit, counters.next_store, counters.tables), (7, 10, 1));
    }

    #[test]
    fn counters_are_read_back_and_every_cut_is_damage() {
        let counters = Counters { commit: 7, seq: 8, ..Counters::NEW };
        let record = counters.encode();
        assert_eq!(Counters::decode(&record), Ok(counters));
        for size in 0..record.len() {
            assert!(Counters::decode(&record[..size]).is_err());
        }
    }
}
