//! Bytes of a session that could not be saved.

use std::sync::Arc;

use crate::id::{EntryId, Revision};
use crate::operation::Settlement;
use crate::row::Content;

/// What a session held when it ended without being saved, and where it may be put again: nowhere
/// but on exactly the record that it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spill {
    /// Which record.
    pub entry: EntryId,
    /// The record's revision that these bytes follow.
    pub base: Option<Revision>,
    /// Revisions at which the record holds exactly these bytes already, should one of the writes
    /// whose outcome was unknown have been committed.
    pub stored_at: Vec<Revision>,
    /// The version of the bytes, as it stands beside a record.
    pub schema: u32,
    /// The bytes.
    pub content: Arc<Content>,
    /// Operations whose effect is in the bytes, and whose ends are to be stored with them.
    pub settled: Vec<Arc<Settlement>>,
    /// The bytes are put back to what the record held once: operations that ended after its entry
    /// stood at this counter are to be taken back with them.
    pub undo_after: Option<u64>,
}

/// What becomes of a spill at the next opening of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpillFate {
    /// It follows the record as it stands, and becomes what the session begins with.
    Taken,
    /// It was stored after all.
    Stored,
    /// The record has moved on. A person decides.
    Stale,
}

impl Spill {
    /// What becomes of it, given the record's revision.
    pub fn fate(&self, record: Option<Revision>) -> SpillFate {
        if record == self.base {
            SpillFate::Taken
        } else if record.is_some_and(|revision| self.stored_at.contains(&revision)) {
            SpillFate::Stored
        } else {
            SpillFate::Stale
        }
    }
}
