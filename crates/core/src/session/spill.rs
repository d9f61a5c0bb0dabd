//! Bytes of a session that could not be saved.

use std::sync::Arc;

use crate::id::{EntryId, Revision};
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
    /// The bytes.
    pub content: Arc<Content>,
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
