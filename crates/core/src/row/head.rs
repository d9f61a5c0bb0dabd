//! Heads: what is known of an entry or a revision without reading its content.

use crate::id::Revision;
use crate::row::{Found, ReadError, Row, RowKey, ScanReply};
use crate::time::Timestamp;

/// What is known of a row of an entry or a revision without reading its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub key: RowKey,
    /// Its last write.
    pub revision: Revision,
    /// The store's time at its last write.
    pub stamped_at: Timestamp,
    /// When the entry was first written.
    pub created_at: Timestamp,
    /// Whether this state is a deletion.
    pub is_tombstone: bool,
    /// Whether it is never thinned.
    pub pinned: bool,
    /// The schema of its data; nothing if it was not written by way of its record.
    pub schema: Option<u32>,
    /// Bytes of the value's JSON text, if they were asked for and there is a value.
    pub value_size: Option<usize>,
}

impl Head {
    /// The head of a row of an entry or a revision; nothing for other rows.
    pub fn of_row(row: &Row) -> Option<Self> {
        let body = row.body.as_entry()?;
        Some(Self {
            key: row.key.clone(),
            revision: row.revision,
            stamped_at: row.stamped_at,
            created_at: body.birth.time(row.stamped_at),
            is_tombstone: body.is_tombstone(),
            pinned: body.pinned,
            schema: body.schema,
            value_size: body.content.as_ref().map(|content| content.value.size()),
        })
    }
}

/// What stands at a place of a run of heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundHead {
    /// The head of a row, verified. Its content is not.
    Head(Head),
    /// Something stands there that cannot be read back as it was written.
    Corrupt(RowKey),
}

impl FoundHead {
    /// The name of the row.
    pub fn key(&self) -> &RowKey {
        match self {
            Self::Head(head) => &head.key,
            Self::Corrupt(key) => key,
        }
    }
}

/// The answer to reading a run of heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadsReply {
    /// The heads of the range from its start, at most as many as asked for.
    pub heads: Vec<FoundHead>,
    /// Whether more rows follow.
    pub more: bool,
}

impl HeadsReply {
    /// The heads of rows that were read whole.
    ///
    /// # Panics
    /// When the rows are not those of entries or revisions: a fault of the caller.
    pub fn of(reply: &ScanReply) -> Self {
        let head = |found: &Found| match found {
            Found::Absent => None,
            Found::Row(row) => {
                Some(FoundHead::Head(Head::of_row(row).expect("a row of an entry or revision")))
            }
            Found::Corrupt(key) => Some(FoundHead::Corrupt(key.clone())),
        };
        Self { heads: reply.rows.iter().filter_map(head).collect(), more: reply.more }
    }
}

/// What a read of heads answers.
pub type HeadsResult = Result<HeadsReply, ReadError>;
