//! The record of a universe: when snapshots were taken.

use steadfast_core::row::{RowBody, UniverseBody};
use steadfast_core::{Revision, Row, RowKey, Timestamp, UniverseId};

use super::keys::universe_key;
use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// The record under the universe's key.
pub(crate) fn encode(
    universe: UniverseId,
    revision: Revision,
    stamped_at: Timestamp,
    body: &UniverseBody,
) -> Vec<u8> {
    let mut record = Writer::record(28 + 8 * body.earlier_snapshots.len());
    record.u64(revision.counter);
    record.u64(revision.tag);
    record.i64(stamped_at.ticks());
    record.size(body.earlier_snapshots.len());
    for snapshot in &body.earlier_snapshots {
        record.i64(snapshot.ticks());
    }
    seal(Family::Universes, &universe_key(universe), record)
}

/// Reads the record under the universe's key.
pub(crate) fn decode(universe: UniverseId, record: &[u8]) -> Result<Row, Damage> {
    let mut reader = unseal(Family::Universes, &universe_key(universe), record)?;
    let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
    let stamped_at = Timestamp::from_ticks(reader.i64()?);
    let count = reader.size()?;
    let mut earlier_snapshots = Vec::with_capacity(count.min(1_024));
    for _ in 0..count {
        earlier_snapshots.push(Timestamp::from_ticks(reader.i64()?));
    }
    reader.end()?;
    let body = RowBody::Universe(UniverseBody { earlier_snapshots });
    Ok(Row { key: RowKey::Universe(universe), revision, stamped_at, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn universes_are_read_back_and_every_cut_is_damage() {
        let (revision, stamped_at) = (Revision { counter: 1, tag: 2 }, Timestamp::from_ticks(3));
        for ticks in [&[][..], &[5], &[-1, 6, i64::MAX]] {
            let earlier_snapshots = ticks.iter().copied().map(Timestamp::from_ticks).collect();
            let body = UniverseBody { earlier_snapshots };
            let record = encode(UniverseId(9), revision, stamped_at, &body);
            let row = decode(UniverseId(9), &record).unwrap();
            assert_eq!((row.revision, row.stamped_at), (revision, stamped_at));
            assert_eq!(row.body, RowBody::Universe(body));
            assert!(decode(UniverseId(8), &record).is_err());
            for size in 0..record.len() {
                assert!(decode(UniverseId(9), &record[..size]).is_err());
            }
        }
    }
}
