//! Bytes of stored records: a writer, a reader that cannot run past the end, and the seal.
//!
//! Every stored value is `format ‖ fields ‖ checksum`. The checksum is xxh3 over the table, the
//! key and all bytes before it, because the engine does not verify its pages on a read: a record
//! that stands under a key of another record, or in another table, is as damaged as one with a
//! flipped bit. Numbers in keys are big-endian so that bytes sort as numbers; those in values are
//! little-endian.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The format of every record that this version writes.
pub(crate) const FORMAT: u8 = 1;

/// Bytes of the checksum at the end of a record.
pub(crate) const SEAL_SIZE: usize = 8;

/// Which table a record belongs to: part of what its checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// The current state of entries.
    Current,
    /// Values by sequence number.
    Values,
    /// Revisions by entry.
    Revisions,
    /// Data stores and their numbers.
    Stores,
    /// The index of existing keys.
    Index,
    /// API keys.
    ApiKeys,
    /// Counters of the store itself.
    Meta,
    /// What concerns whole universes.
    Universes,
    /// Entries of ordered data stores.
    Ordered,
    /// The same by value: the boards.
    Board,
    /// Reminders by hour.
    Reviews,
    /// Who may write entries.
    Records,
    /// How grants of records ended.
    Ends,
    /// Game servers.
    Presences,
    /// Mail to game servers.
    Mail,
    /// Operations of records.
    Ledgers,
}

impl Family {
    const fn seed(self) -> u64 {
        match self {
            Self::Current => 1,
            Self::Values => 2,
            Self::Revisions => 3,
            Self::Stores => 4,
            Self::Index => 5,
            Self::ApiKeys => 6,
            Self::Meta => 7,
            Self::Universes => 8,
            Self::Ordered => 9,
            Self::Board => 10,
            Self::Reviews => 11,
            Self::Records => 12,
            Self::Ends => 13,
            Self::Presences => 14,
            Self::Mail => 15,
            Self::Ledgers => 16,
        }
    }
}

/// Why stored bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// The checksum does not match key and bytes.
    #[error("the checksum does not match")]
    Checksum,
    /// A newer version wrote it, or the byte was damaged in a way that the checksum missed.
    #[error("the record has the unknown format {0}")]
    Format(u8),
    /// It ends too early.
    #[error("the record ends too early")]
    Truncated,
    /// A field holds what no writer writes.
    #[error("the field `{0}` is malformed")]
    Malformed(&'static str),
    /// The part of a value that stands in the table of values is not there.
    #[error("the value is missing")]
    ValueMissing,
    /// Its history has a newer row than it knows of.
    #[error("the history is newer")]
    Outrun,
    /// The other witness of an entry of an ordered data store says something else.
    #[error("the board and the entry do not agree")]
    Disagrees,
    /// The value there belongs to something else.
    #[error("the value belongs to another row")]
    ValueForeign,
}

fn checksum(family: Family, key: &[u8], body: &[u8]) -> u64 {
    // The hash of the key seeds that of the body: one pass each, and no joined copy.
    xxh3_64_with_seed(body, xxh3_64_with_seed(key, family.seed()))
}

/// Closes a record with its checksum.
pub(crate) fn seal(family: Family, key: &[u8], mut record: Writer) -> Vec<u8> {
    let sum = checksum(family, key, &record.bytes);
    record.u64(sum);
    record.bytes
}

/// Verifies a record and opens it behind its format byte.
pub(crate) fn unseal<'a>(
    family: Family,
    key: &[u8],
    record: &'a [u8],
) -> Result<Reader<'a>, Damage> {
    let body_size = record.len().checked_sub(SEAL_SIZE).ok_or(Damage::Truncated)?;
    let (body, sum) = record.split_at_checked(body_size).ok_or(Damage::Truncated)?;
    if checksum(family, key, body).to_le_bytes() != *sum {
        return Err(Damage::Checksum);
    }
    let mut reader = Reader { bytes: body };
    match reader.u8()? {
        FORMAT => Ok(reader),
        other => Err(Damage::Format(other)),
    }
}

/// Builds a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// A record of the current format, with room for `capacity` bytes besides its frame.
    pub(crate) fn record(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity + 1 + SEAL_SIZE);
        bytes.push(FORMAT);
        Self { bytes }
    }

    /// Bytes without a frame.
    pub(crate) fn plain(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u128(&mut self, value: u128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A length of something that limits keep far below 4 GiB.
    pub(crate) fn size(&mut self, size: usize) {
        self.u32(u32::try_from(size).expect("limits keep every part of a row below 4 GiB"));
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes with their length before them.
    pub(crate) fn sized(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.raw(bytes);
    }
}

/// Reads a record from its front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Takes what is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether everything was taken.
    pub(crate) fn end(&self) -> Result<(), Damage> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Damage::Malformed("end")) }
    }

    pub(crate) fn raw(&mut self, size: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.bytes.split_at_checked(size).ok_or(Damage::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Damage::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Damage> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn flag(&mut self, what: &'static str) -> Result<bool, Damage> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damage::Malformed(what)),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Damage> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128, Damage> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Damage> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn size(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.u32()?).map_err(|_| Damage::Malformed("size"))
    }

    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Damage> {
        let size = self.size()?;
        self.raw(size)
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.sized()?).map_err(|_| Damage::Malformed(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let mut record = Writer::record(0);
        record.u64(7);
        record.sized(b"text");
        seal(Family::Current, b"key", record)
    }

    #[test]
    fn a_sealed_record_is_read_back() {
        let bytes = sealed();
        let mut reader = unseal(Family::Current, b"key", &bytes).unwrap();
        assert_eq!(reader.u64(), Ok(7));
        assert_eq!(reader.text("text"), Ok("text"));
        assert_eq!(reader.end(), Ok(()));
        assert_eq!(reader.u8(), Err(Damage::Truncated));
    }

    #[test]
    fn another_key_or_table_or_any_flipped_bit_is_damage() {
        let bytes = sealed();
        assert_eq!(unseal(Family::Current, b"kez", &bytes).err(), Some(Damage::Checksum));
        assert_eq!(unseal(Family::Index, b"key", &bytes).err(), Some(Damage::Checksum));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(Family::Current, b"key", &flipped).is_err(), "bit {bit}");
        }
        for size in 0..bytes.len() {
            assert!(unseal(Family::Current, b"key", &bytes[..size]).is_err(), "{size} bytes");
        }
    }

    #[test]
    fn an_unknown_format_is_named() {
        let mut record = Writer::plain(9);
        record.u8(9);
        let bytes = seal(Family::Meta, b"key", record);
        assert_eq!(unseal(Family::Meta, b"key", &bytes).err(), Some(Damage::Format(9)));
    }
}
