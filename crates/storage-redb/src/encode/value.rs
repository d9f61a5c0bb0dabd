//! Contents that stand in the table of values, split into records that fill their pages.
//!
//! ```text
//! chunk 0:  format, K, revision, stamp, birth, size u32, chunk count u16, part, checksum
//! chunk n:  format, part, checksum
//! ```
//!
//! The engine gives a record that is larger than a page a power-of-two run of pages. Parts are
//! therefore cut so that a full one takes a run of two pages exactly. Parts of one page waste as
//! little, but cost a fifth more of the committer's time at 5 KB; larger ones gain nothing. The
//! first chunk carries what is needed to rebuild the row when all else is lost.

use steadfast_core::{Revision, Timestamp};

use super::entry::{Place, Pointer, State};
use super::keys::value_key;
use crate::bytes::{Damage, FORMAT, Family, SEAL_SIZE, Writer, seal, unseal};

/// The largest record that fills a run of two pages: 8,192 bytes without the engine's header (4), the
/// offsets of one pair (8) and the key (10).
const RECORD_SIZE_MAX: usize = 8_192 - 4 - 8 - 10;

/// Bytes of a record besides its part.
const FRAME_SIZE: usize = 1 + SEAL_SIZE;

/// What the first chunk says about the row that a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) entry_key: &'a [u8],
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) birth: Timestamp,
    pub(crate) size: usize,
    pub(crate) chunk_count: u16,
}

impl Head<'_> {
    /// Whether this is the value of that row.
    pub(crate) fn belongs_to(&self, entry_key: &[u8], state: &State<'_>) -> bool {
        let Place::Stored(pointer) = state.place else { return false };
        self.entry_key == entry_key
            && self.revision == state.revision
            && self.size == pointer.size
            && self.chunk_count == pointer.chunk_count
    }
}

fn head_size(entry_key: &[u8]) -> usize {
    4 + entry_key.len() + 16 + 16 + 4 + 2
}

/// Where a content of this size goes.
pub(crate) fn pointer(seq: u64, entry_key: &[u8], size: usize) -> Pointer {
    let first = RECORD_SIZE_MAX.saturating_sub(FRAME_SIZE + head_size(entry_key));
    let more = size.saturating_sub(first).div_ceil(RECORD_SIZE_MAX - FRAME_SIZE);
    let chunk_count = u16::try_from(1 + more).expect("limits keep a value below 200 MiB");
    Pointer { seq, size, chunk_count }
}

/// The records of a content, in the order of their chunks.
pub(crate) fn encode(
    pointer: Pointer,
    entry_key: &[u8],
    state: &State<'_>,
    content: &[u8],
) -> Vec<([u8; 10], Vec<u8>)> {
    let first = RECORD_SIZE_MAX.saturating_sub(FRAME_SIZE + head_size(entry_key));
    let (part, rest) = content.split_at_checked(first).unwrap_or((content, &[]));
    let mut record = Writer::record(head_size(entry_key) + part.len());
    record.sized(entry_key);
    record.u64(state.revision.counter);
    record.u64(state.revision.tag);
    record.i64(state.stamped_at.ticks());
    record.i64(state.birth.ticks());
    record.size(pointer.size);
    record.u16(pointer.chunk_count);
    record.raw(part);
    let key = value_key(pointer.seq, 0);
    let mut records = vec![(key, seal(Family::Values, &key, record))];
    for (chunk, part) in (1..).zip(rest.chunks(RECORD_SIZE_MAX - FRAME_SIZE)) {
        let mut record = Writer::record(part.len());
        record.raw(part);
        let key = value_key(pointer.seq, chunk);
        records.push((key, seal(Family::Values, &key, record)));
    }
    records
}

/// Reads the first chunk: the head, and the first part.
pub(crate) fn decode_first<'a>(
    key: &[u8],
    record: &'a [u8],
) -> Result<(Head<'a>, &'a [u8]), Damage> {
    let mut reader = unseal(Family::Values, key, record)?;
    let entry_key = reader.sized()?;
    let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
    let stamped_at = Timestamp::from_ticks(reader.i64()?);
    let birth = Timestamp::from_ticks(reader.i64()?);
    let (size, chunk_count) = (reader.size()?, reader.u16()?);
    let head = Head { entry_key, revision, stamped_at, birth, size, chunk_count };
    Ok((head, reader.rest()))
}

/// Reads a later chunk.
pub(crate) fn decode_part<'a>(key: &[u8], record: &'a [u8]) -> Result<&'a [u8], Damage> {
    debug_assert_eq!(FORMAT, 1, "a new format needs a reader of its own here");
    Ok(unseal(Family::Values, key, record)?.rest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(pointer: Pointer) -> State<'static> {
        State {
            revision: Revision { counter: 3, tag: 9 },
            stamped_at: Timestamp::from_ticks(11),
            birth: Timestamp::from_ticks(5),
            pinned: false,
            schema: None,
            value_size: None,
            place: Place::Stored(pointer),
        }
    }

    #[track_caller]
    fn check(key_size: usize, size: usize) {
        let key = vec![7; key_size];
        let content: Vec<u8> = (0..=255).cycle().take(size).collect();
        let pointer = pointer(42, &key, size);
        let records = encode(pointer, &key, &state(pointer), &content);
        assert_eq!(records.len(), usize::from(pointer.chunk_count));
        assert!(records.iter().all(|(_, record)| record.len() <= RECORD_SIZE_MAX));
        let (head, part) = decode_first(&records[0].0, &records[0].1).unwrap();
        assert!(head.belongs_to(&key, &state(pointer)));
        let mut read = part.to_vec();
        for (key, record) in &records[1..] {
            read.extend_from_slice(decode_part(key, record).unwrap());
        }
        assert_eq!(read, content);
    }

    #[test]
    fn contents_are_read_back_around_every_edge_of_a_chunk() {
        for key_size in [5, 1_000, 2_100] {
            let first = RECORD_SIZE_MAX - FRAME_SIZE - 42 - key_size;
            for edge in [first, first + RECORD_SIZE_MAX - FRAME_SIZE, 100_000] {
                for size in edge - 2..edge + 3 {
                    check(key_size, size);
                }
            }
            check(key_size, 0);
        }
    }

    #[test]
    fn a_full_first_chunk_fills_the_record() {
        let first = RECORD_SIZE_MAX - FRAME_SIZE - 42 - 5;
        let pointer = pointer(1, b"abcde", first);
        assert_eq!(pointer.chunk_count, 1);
        let records = encode(pointer, b"abcde", &state(pointer), &vec![1; first]);
        assert_eq!(records[0].1.len(), RECORD_SIZE_MAX);
        let (key, record) = &records[0];
        for size in 0..60 {
            assert!(decode_first(key, &record[..size]).is_err());
        }
    }
}
