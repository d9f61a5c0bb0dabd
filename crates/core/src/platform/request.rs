//! What can be asked of a data store.

use std::sync::Arc;

use crate::id::{EntryId, WriteId};
use crate::platform::{EntryState, Execution, Increment, Operation, RevisionId, Settings, Step};
use crate::row::Content;
use crate::time::Timestamp;

/// One request on one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Read it.
    Get(Get),
    /// Write it.
    Set(Set),
    /// Add to the number that it holds.
    Increment(Increment),
    /// Delete it.
    Remove(Remove),
    /// Write one of its earlier states again.
    Restore(Restore),
}

impl Request {
    /// The entry that it concerns.
    pub fn entry(&self) -> &EntryId {
        match self {
            Self::Get(get) => &get.entry,
            Self::Set(set) => &set.entry,
            Self::Increment(increment) => &increment.entry,
            Self::Remove(remove) => &remove.entry,
            Self::Restore(restore) => &restore.entry,
        }
    }

    /// Whether it takes the record from the game server that holds it.
    pub fn forces(&self) -> bool {
        match self {
            Self::Get(_) => false,
            Self::Set(set) => set.permit.force,
            Self::Increment(increment) => increment.permit.force,
            Self::Remove(remove) => remove.force,
            Self::Restore(restore) => restore.permit.force,
        }
    }

    /// The id of its write, if it writes.
    pub fn write_id(&self) -> Option<WriteId> {
        match self {
            Self::Get(_) => None,
            Self::Set(set) => Some(set.write_id),
            Self::Increment(increment) => Some(increment.write_id),
            Self::Remove(remove) => Some(remove.write_id),
            Self::Restore(restore) => Some(restore.write_id),
        }
    }
}

impl Operation for Request {
    type Answer = EntryState;
    type Machine = Execution;

    fn lane(&self) -> Option<EntryId> {
        Self::write_id(self).map(|_| self.entry().clone())
    }

    fn write_id(&self) -> Option<WriteId> {
        Self::write_id(self)
    }

    fn start(self, settings: &Settings) -> (Execution, Step) {
        Execution::start(self, settings)
    }
}

/// Reads an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// Which entry.
    pub entry: EntryId,
    /// Which of its revisions.
    pub which: Which,
}

/// Which revision of an entry is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The current one.
    Current,
    /// The one with this id (V-01).
    Revision(RevisionId),
    /// The one that was current at this time (V-02).
    At(Timestamp),
}

/// Writes an entry: its value, user ids and metadata are replaced together (U-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Which entry.
    pub entry: EntryId,
    /// What it holds from now on.
    pub content: Arc<Content>,
    /// What must hold of the entry before.
    pub when: When,
    /// What the caller may do.
    pub permit: Permit,
    /// Names this write. The same id sent again is the same write.
    pub write_id: WriteId,
}

/// What must hold of an entry for it to be written. A deleted entry counts as missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// It does not exist (v1 `exclusiveCreate`, v2 create).
    Missing,
    /// It exists, or did before it was deleted: v2 update without `allowMissing`, which is also the
    /// way to bring a deleted entry back (contract section 10, 21).
    Exists,
    /// It exists at this revision (v1 `matchVersion`, v2 `etag`).
    Matches(RevisionId),
}

/// What the caller of a write may do. Whether a write creates or updates is known only when it is
/// planned, so the rights travel with it (H-83).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "rights, each of which is there or not")]
pub struct Permit {
    /// Write to a data store that does not exist yet.
    pub create_store: bool,
    /// Write an entry that does not exist.
    pub create: bool,
    /// Write an entry that exists.
    pub update: bool,
    /// Write an entry although a game server holds its record, which loses it: what its session did
    /// not save is lost. For administrators. Without effect where nobody holds it.
    pub force: bool,
}

impl Permit {
    /// Everything that takes no record from anybody, for callers inside the process.
    pub const ALL: Self = Self { create_store: true, create: true, update: true, force: false };

    /// The same, and whoever holds the record loses it.
    pub const FORCE: Self = Self { force: true, ..Self::ALL };
}

/// Deletes an entry. Earlier revisions stay readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remove {
    /// Which entry.
    pub entry: EntryId,
    /// The revision it must be at, if that matters (v2 `etag`).
    pub matches: Option<RevisionId>,
    /// As [`Permit::force`].
    pub force: bool,
    /// Names this write.
    pub write_id: WriteId,
}

/// Writes an earlier state of an entry as its newest one (V-27). The new revision and the one before
/// it are never thinned, so that there is an exact way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// Which entry.
    pub entry: EntryId,
    /// The state that is written again, with its user ids and metadata. No deletion.
    pub revision: RevisionId,
    /// The revision that the entry must be at, if that matters.
    pub matches: Option<RevisionId>,
    /// What the caller may do.
    pub permit: Permit,
    /// Names this write.
    pub write_id: WriteId,
}
