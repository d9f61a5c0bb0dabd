//! What is made of a state: its whole row, or only its head.

use redb::ReadableTable;
use steadfast_core::row::{FoundHead, Head};
use steadfast_core::{Found, RowKey};

use crate::bytes::Family;
use crate::encode::entry::{Place, State};
use crate::encode::keys::value_key;
use crate::encode::{content, value};
use crate::engine::{EngineError, Source};
use crate::read::{content_bytes, state_found};

/// What a run of entries or revisions is read into.
pub(super) trait Shape {
    /// What stands for a row.
    type Item;

    /// That of a verified state.
    fn state(
        &self,
        source: &impl Source,
        entry_key: &[u8],
        key: RowKey,
        state: &State<'_>,
    ) -> Result<Self::Item, EngineError>;

    /// That of something that cannot be read.
    fn corrupt(&self, key: RowKey) -> Self::Item;
}

/// Whole rows.
pub(super) struct Rows;

impl Shape for Rows {
    type Item = Found;

    fn state(
        &self,
        source: &impl Source,
        entry_key: &[u8],
        key: RowKey,
        state: &State<'_>,
    ) -> Result<Found, EngineError> {
        state_found(source, entry_key, key, state)
    }

    fn corrupt(&self, key: RowKey) -> Found {
        Found::Corrupt(key)
    }
}

/// Heads: no value is read.
pub(super) struct Heads {
    pub(super) with_sizes: bool,
}

impl Shape for Heads {
    type Item = FoundHead;

    fn state(
        &self,
        source: &impl Source,
        entry_key: &[u8],
        key: RowKey,
        state: &State<'_>,
    ) -> Result<FoundHead, EngineError> {
        let is_tombstone = state.place == Place::Tombstone;
        let mut value_size = None;
        if self.with_sizes && !is_tombstone {
            value_size = size_of(source, entry_key, state)?;
            if value_size.is_none() {
                return Ok(FoundHead::Corrupt(key));
            }
        }
        Ok(FoundHead::Head(Head {
            key,
            revision: state.revision,
            stamped_at: state.stamped_at,
            created_at: state.birth,
            is_tombstone,
            pinned: state.pinned,
            schema: state.schema,
            value_size,
        }))
    }

    fn corrupt(&self, key: RowKey) -> FoundHead {
        FoundHead::Corrupt(key)
    }
}

/// The size of the value of a state that has one. Nothing if it cannot be read.
fn size_of(
    source: &impl Source,
    entry_key: &[u8],
    state: &State<'_>,
) -> Result<Option<usize>, EngineError> {
    let pointer = match state.place {
        Place::Tombstone => return Ok(None),
        Place::Inline(bytes) => return Ok(content::value_size(bytes)),
        Place::Stored(pointer) => pointer,
    };
    if state.value_size.is_some() {
        return Ok(state.value_size);
    }
    // A record of the first stores, which did not keep the size: it stands at the front of the
    // content, nearly always in its first part.
    let key = value_key(pointer.seq, 0);
    if let Some(record) = source.table(Family::Values)?.get(&key[..])?
        && let Ok((head, part)) = value::decode_first(&key, record.value())
        && head.belongs_to(entry_key, state)
        && let Some(size) = content::value_size(part)
    {
        return Ok(Some(size));
    }
    let bytes = content_bytes(source, entry_key, state)?;
    Ok(bytes.ok().flatten().and_then(|bytes| content::value_size(&bytes)))
}
