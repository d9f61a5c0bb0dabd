//! The record of an entry's current state.
//!
//! ```text
//! format, kind u8, [newest revision u64], revision, stamp, birth, [schema u32], place
//! place: nothing in a tombstone | content | seq u64, size u32, chunk count u16, [value size u32]
//! ```
//!
//! A record may stand here without an entry: it then only carries the head of the history's chain
//! (see [`revision`](super::revision)), for history that was written before its entry or outlived
//! it.

use steadfast_core::{Revision, Timestamp};

use crate::bytes::{Damage, Family, Reader, Writer, seal, unseal};

/// Where the content of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// There is none.
    Tombstone,
    /// In the record itself.
    Inline(&'a [u8]),
    /// In the table of values.
    Stored(Pointer),
}

/// Points into the table of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The sequence number under which it stands.
    pub(crate) seq: u64,
    /// Bytes of the content.
    pub(crate) size: usize,
    /// Records it is split into.
    pub(crate) chunk_count: u16,
}

/// What every state of an entry has: its last write, and where its content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State<'a> {
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) birth: Timestamp,
    /// Whether it, and the one before it, are never thinned.
    pub(crate) pinned: bool,
    /// The schema of its data, if the write said one.
    pub(crate) schema: Option<u32>,
    /// Bytes of the value's text, if the content is not in the record and the record says it.
    pub(crate) value_size: Option<usize>,
    pub(crate) place: Place<'a>,
}

impl State<'_> {
    /// Where the content is, if it is not in the record.
    pub(crate) fn pointer(&self) -> Option<Pointer> {
        match self.place {
            Place::Stored(pointer) => Some(pointer),
            Place::Tombstone | Place::Inline(_) => None,
        }
    }
}

/// The record of `K` in `cur`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Current<'a> {
    /// The counter of the entry's newest revision row, if it has any.
    pub(crate) newest_revision: Option<u64>,
    /// The entry, if there is one, and whether its revision row points to the same value.
    pub(crate) entry: Option<(State<'a>, bool)>,
}

const PLACE_MASK: u8 = 0b0011;
const PLACE_NONE: u8 = 0;
const PLACE_INLINE: u8 = 1;
const PLACE_STORED: u8 = 2;
const HAS_NEXT: u8 = 0b0100;
const HAS_ENTRY: u8 = 0b1000;
const IS_SHARED: u8 = 0b1_0000;
const IS_PINNED: u8 = 0b10_0000;
const HAS_VALUE_SIZE: u8 = 0b100_0000;
const HAS_SCHEMA: u8 = 0b1000_0000;

/// Writes the fields that entry and revision records have in common.
pub(super) fn write_state(
    family: Family,
    key: &[u8],
    next: Option<u64>,
    state: Option<(State<'_>, bool)>,
) -> Vec<u8> {
    let inline_size = match state {
        Some((State { place: Place::Inline(content), .. }, _)) => content.len(),
        _ => 18,
    };
    let mut record = Writer::record(1 + 8 + 36 + inline_size);
    let kind = state.map_or(PLACE_NONE, |(state, shared)| {
        let place = match (state.place, state.value_size) {
            (Place::Tombstone, _) => PLACE_NONE,
            (Place::Inline(_), _) => PLACE_INLINE,
            (Place::Stored(_), None) => PLACE_STORED,
            (Place::Stored(_), Some(_)) => PLACE_STORED | HAS_VALUE_SIZE,
        };
        let pinned = if state.pinned { IS_PINNED } else { 0 };
        let schema = if state.schema.is_some() { HAS_SCHEMA } else { 0 };
        place | pinned | schema | HAS_ENTRY | if shared { IS_SHARED } else { 0 }
    });
    record.u8(kind | if next.is_some() { HAS_NEXT } else { 0 });
    if let Some(next) = next {
        record.u64(next);
    }
    if let Some((state, _)) = state {
        record.u64(state.revision.counter);
        record.u64(state.revision.tag);
        record.i64(state.stamped_at.ticks());
        record.i64(state.birth.ticks());
        if let Some(schema) = state.schema {
            record.u32(schema);
        }
        match state.place {
            Place::Tombstone => {}
            Place::Inline(content) => record.raw(content),
            Place::Stored(pointer) => {
                record.u64(pointer.seq);
                record.size(pointer.size);
                record.u16(pointer.chunk_count);
                if let Some(value_size) = state.value_size {
                    record.size(value_size);
                }
            }
        }
    }
    seal(family, key, record)
}

/// The next link of the chain, and the state with its mark of a shared value.
type Fields<'a> = (Option<u64>, Option<(State<'a>, bool)>);

/// Reads the fields that entry and revision records have in common.
pub(super) fn read_state<'a>(
    family: Family,
    key: &[u8],
    record: &'a [u8],
) -> Result<Fields<'a>, Damage> {
    let mut reader = unseal(family, key, record)?;
    let kind = reader.u8()?;
    let next = if kind & HAS_NEXT != 0 { Some(reader.u64()?) } else { None };
    if kind & HAS_ENTRY == 0 {
        reader.end()?;
        return Ok((next, None));
    }
    let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
    let stamped_at = Timestamp::from_ticks(reader.i64()?);
    let birth = Timestamp::from_ticks(reader.i64()?);
    let schema = if kind & HAS_SCHEMA != 0 { Some(reader.u32()?) } else { None };
    let place = read_place(kind & PLACE_MASK, &mut reader)?;
    let value_size = if kind & HAS_VALUE_SIZE != 0 { Some(reader.size()?) } else { None };
    reader.end()?;
    let pinned = kind & IS_PINNED != 0;
    let state = State { revision, stamped_at, birth, pinned, schema, value_size, place };
    Ok((next, Some((state, kind & IS_SHARED != 0))))
}

fn read_place<'a>(kind: u8, reader: &mut Reader<'a>) -> Result<Place<'a>, Damage> {
    match kind {
        PLACE_NONE => Ok(Place::Tombstone),
        PLACE_INLINE => Ok(Place::Inline(reader.rest())),
        PLACE_STORED => {
            let (seq, size, chunk_count) = (reader.u64()?, reader.size()?, reader.u16()?);
            Ok(Place::Stored(Pointer { seq, size, chunk_count }))
        }
        _ => Err(Damage::Malformed("place")),
    }
}

impl<'a> Current<'a> {
    /// The record under the key `K`.
    pub(crate) fn encode(&self, entry_key: &[u8]) -> Vec<u8> {
        write_state(Family::Current, entry_key, self.newest_revision, self.entry)
    }

    /// Reads the record under the key `K`.
    pub(crate) fn decode(entry_key: &[u8], record: &'a [u8]) -> Result<Self, Damage> {
        let (newest_revision, entry) = read_state(Family::Current, entry_key, record)?;
        Ok(Self { newest_revision, entry })
    }

    /// The entry's state, if there is an entry.
    pub(crate) fn state(&self) -> Option<State<'a>> {
        self.entry.map(|(state, _)| state)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn states(content: &[u8]) -> impl Strategy<Value = State<'_>> {
        let place = prop_oneof![
            Just(Place::Tombstone),
            Just(Place::Inline(content)),
            any::<(u64, u32, u16)>().prop_map(|(seq, size, chunk_count)| {
                let size = usize::try_from(size).unwrap();
                Place::Stored(Pointer { seq, size, chunk_count })
            }),
        ];
        let value_size = proptest::option::of(any::<u32>());
        let schema = proptest::option::of(any::<u32>());
        let fields = (any::<(u64, u64, i64, i64)>(), any::<bool>(), schema, value_size, place);
        fields.prop_map(|((counter, tag, stamp, birth), pinned, schema, value_size, place)| {
            // Records written before the size was kept have a place without one.
            let is_stored = matches!(place, Place::Stored(_));
            let value_size = value_size.filter(|_| is_stored);
            State {
                revision: Revision { counter, tag },
                stamped_at: Timestamp::from_ticks(stamp),
                birth: Timestamp::from_ticks(birth),
                pinned,
                schema,
                value_size: value_size.map(|size| usize::try_from(size).unwrap()),
                place,
            }
        })
    }

    proptest! {
        #[test]
        fn current_states_are_read_back_and_every_cut_is_damage(
            newest_revision in any::<Option<u64>>(),
            entry in proptest::option::of((states(b"content"), any::<bool>())),
        ) {
            let current = Current { newest_revision, entry };
            let record = current.encode(b"key");
            prop_assert_eq!(Current::decode(b"key", &record), Ok(current));
            prop_assert_eq!(Current::decode(b"kez", &record), Err(Damage::Checksum));
            for size in 0..record.len() {
                prop_assert!(Current::decode(b"key", &record[..size]).is_err());
            }
        }

        #[test]
        fn any_fields_under_a_right_checksum_are_a_state_or_damage(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut record = Writer::record(0);
            record.raw(&bytes);
            let _record = Current::decode(b"key", &seal(Family::Current, b"key", record));
            prop_assert!(Current::decode(b"key", &bytes).is_err());
        }
    }
}
