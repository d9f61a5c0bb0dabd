//! The counters of the store itself, written with every commit.

use steadfast_core::Timestamp;

use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// The key of the counters in `meta`.
pub(crate) const KEY: &[u8] = b"counters";

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
}

impl Counters {
    /// Those of a new store.
    pub(crate) const NEW: Self =
        Self { commit: 0, seq: 0, stamped_at: Timestamp::EPOCH, next_store: 1 };

    /// The record under [`KEY`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = Writer::record(28);
        record.u64(self.commit);
        record.u64(self.seq);
        record.i64(self.stamped_at.ticks());
        record.u32(self.next_store);
        seal(Family::Meta, KEY, record)
    }

    /// Reads the record under [`KEY`].
    pub(crate) fn decode(record: &[u8]) -> Result<Self, Damage> {
        let mut reader = unseal(Family::Meta, KEY, record)?;
        let (commit, seq) = (reader.u64()?, reader.u64()?);
        let stamped_at = Timestamp::from_ticks(reader.i64()?);
        let next_store = reader.u32()?;
        reader.end()?;
        Ok(Self { commit, seq, stamped_at, next_store })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
