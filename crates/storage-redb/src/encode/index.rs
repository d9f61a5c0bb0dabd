//! The index of existing keys: the second witness, asked when a table does not know a key.
//!
//! It is written only when a key is created or removed, so it costs a save nothing, and it is
//! small. The places of boards are the exception: each move of an entry is a move here too, because
//! nothing else tells in which order the entries stand. A data store's number is repeated here:
//! without it all entries of the store are lost.

use steadfast_core::{ApiKeyId, StoreId, UniverseId};

use super::keys::{api_key_key, store_key, universe_key};
use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// Which table a key of the index stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `cur`.
    Entry,
    /// `sto`.
    Store,
    /// `key`.
    ApiKey,
    /// `uni`.
    Universe,
    /// `ordk`. Its records are [`Witness`](super::ordered::Witness)es.
    Ordered,
    /// `ord`. Its records are those of the places, so that neither tree hides what moved.
    Place,
    /// `rec`.
    Record,
    /// `pre`.
    Presence,
    /// `led`, the rows that only order others apart.
    Ledger,
}

impl Kind {
    /// The byte that keys of this kind begin with.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Entry => b'e',
            Self::Store => b's',
            Self::ApiKey => b'k',
            Self::Universe => b'u',
            Self::Ordered => b'o',
            Self::Place => b'b',
            Self::Record => b'r',
            Self::Presence => b'p',
            Self::Ledger => b'l',
        }
    }

    /// The key in the index for the key of the table.
    pub(crate) fn key(self, key: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(key.len() + 1);
        bytes.push(self.byte());
        bytes.extend_from_slice(key);
        bytes
    }
}

/// The key in the index of a data store.
pub(crate) fn of_store(store: &StoreId) -> Vec<u8> {
    Kind::Store.key(&store_key(store))
}

/// The key in the index of an API key.
pub(crate) fn of_api_key(id: ApiKeyId) -> Vec<u8> {
    Kind::ApiKey.key(&api_key_key(id))
}

/// The key in the index of a universe.
pub(crate) fn of_universe(universe: UniverseId) -> Vec<u8> {
    Kind::Universe.key(&universe_key(universe))
}

/// The record of a key. The number is that of a data store, else 0.
pub(crate) fn encode(index_key: &[u8], number: u32) -> Vec<u8> {
    let mut record = Writer::record(4);
    record.u32(number);
    seal(Family::Index, index_key, record)
}

/// Reads the record of a key: the number of the data store.
pub(crate) fn decode(index_key: &[u8], record: &[u8]) -> Result<u32, Damage> {
    let mut reader = unseal(Family::Index, index_key, record)?;
    let number = reader.u32()?;
    reader.end()?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_and_every_cut_is_damage() {
        let key = Kind::Store.key(b"store");
        let record = encode(&key, 7);
        assert_eq!(decode(&key, &record), Ok(7));
        assert!(decode(&Kind::Entry.key(b"store"), &record).is_err());
        for size in 0..record.len() {
            assert!(decode(&key, &record[..size]).is_err());
        }
    }
}
