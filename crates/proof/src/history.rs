//! The black-box judge: what clients saw of one entry, against the rows at the end.
//!
//! It knows calls with their begin and end in one common order, the answers, and the revisions
//! that were found on the disk after everything had come to rest. It does not look into the
//! server. Revisions carry counter and tag, and the tag is that of the write id, so the order of
//! effects is known and nothing has to be searched: all rules together take O(n log n).
//!
//! ```text
//!     revisions   1 ──── 2 ──── 3 ──── 4 ──── 5          by counter, each made by one call
//!     low         what was seen before the call began:   the entry stood there or later
//!     high        what was begun before the call ended:  it stood there or earlier
//!     a read that was answered with n is right if  low <= n <= high
//! ```
//!
//! Rules, by the name that evidence carries:
//!
//! | rule | what must hold |
//! |---|---|
//! | `chain` | counters are 1, 2, 3 ... and the entry's row is the last of them |
//! | `stamps` | stamps rise, and the birth stays that of the first |
//! | `author` | a revision was written by a call on this entry, and holds what it sent |
//! | `acknowledged` | what was acknowledged is there, as acknowledged |
//! | `refused` | what was refused is not there |
//! | `once` | a write has one effect |
//! | `condition` | a conditional write stands on the state that it named |
//! | `order` | a write stands behind all that was seen before it began |
//! | `derived` | a change holds one more than the state before it, an increment its sum |
//! | `number` | an increment is refused only for what the entry held while it was made |
//! | `read` | a read shows a state that was current while it was made |
//! | `by-id` | a revision that was seen is found under its id, and nothing else is |
//! | `at` | a state at a time is the newest that is not younger |
//! | `absent` | "not found" only while there was no live entry (W9) |
//! | `conflict` | a conflict shows a state that was current, and never the caller's own write |
//! | `corrupt` | damage is told of what was damaged, and from then on always |
//! | `final` | who reads after everything came to rest sees the last revision |
//!
//! What repeated writes may do is said by [`Repeats`].

mod reads;
mod shelf;
mod writes;

use std::fmt;
use std::sync::Arc;

use steadfast_core::platform::EntryState;
use steadfast_core::{Content, Timestamp};

use shelf::Shelf;
pub(crate) use writes::count_in;

/// One state of an entry, as a client or the disk shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub counter: u64,
    /// The tag of the write that made it.
    pub tag: u64,
    /// When the entry was first written.
    pub created_at: Timestamp,
    /// When this state was written.
    pub updated_at: Timestamp,
    /// What it holds; nothing in a tombstone.
    pub content: Option<Arc<Content>>,
}

impl Seen {
    /// What a client is told of a state.
    pub fn of(state: EntryState) -> Self {
        let EntryState { revision, created_at, updated_at, content, .. } = state;
        Self { counter: revision.counter, tag: revision.tag, created_at, updated_at, content }
    }

    /// The part that the id of the revision holds.
    pub const fn id(&self) -> Id {
        Id { counter: self.counter, created_at: self.created_at, updated_at: self.updated_at }
    }

    /// Whether it is no deletion.
    pub const fn is_live(&self) -> bool {
        self.content.is_some()
    }
}

/// The parts of a revision id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    /// The number of the write.
    pub counter: u64,
    /// When the entry was first written.
    pub created_at: Timestamp,
    /// When the revision was written.
    pub updated_at: Timestamp,
}

/// What a call asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The current state.
    Current,
    /// The state with this id.
    ById(Id),
    /// The state at this time.
    At(Timestamp),
    /// A write under these conditions.
    Set {
        /// What must hold before.
        when: Before,
        /// What was sent.
        content: Arc<Content>,
        /// Of its write id.
        tag: u64,
        /// The change that it is an attempt of.
        change: Option<u64>,
    },
    /// An increment.
    Add {
        /// How much is added.
        by: i64,
        /// Of its write id.
        tag: u64,
    },
    /// A deletion.
    Remove {
        /// The revision that must stand there, if that matters.
        matches: Option<Id>,
        /// Of its write id.
        tag: u64,
    },
}

impl Action {
    /// The tag of the write, if it is one.
    pub const fn tag(&self) -> Option<u64> {
        match self {
            Self::Set { tag, .. } | Self::Add { tag, .. } | Self::Remove { tag, .. } => Some(*tag),
            Self::Current | Self::ById(_) | Self::At(_) => None,
        }
    }
}

/// What must hold of an entry for it to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Anything,
    /// No live entry.
    Missing,
    /// It exists, or did.
    Exists,
    /// This revision.
    Matches(Id),
}

/// What a call was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing: it was given up or never answered. A write may have happened.
    Nothing,
    /// A state. For a deletion the one before, or the tombstone if it was repeated.
    State(Seen),
    /// There is no such entry.
    Absent,
    /// There is no such revision.
    NoSuchRevision,
    /// The entry exists or is at another revision: at this one.
    Conflict(Seen),
    /// A row of the entry is damaged: that of the revision with this counter, or its own.
    Damaged(Option<u64>),
    /// The entry holds something that the amount cannot be added to.
    NoSum,
    /// Nothing was done, for a reason that says nothing about the entry.
    Refused,
}

/// One call with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its place in the order of all begins and ends.
    pub began: u64,
    /// Its end, if it was told anything.
    pub ended: Option<u64>,
    /// What it asked for.
    pub action: Action,
    /// What it was told.
    pub told: Told,
    /// Whether the caller sent it more than once.
    pub resent: bool,
    /// Whether the network carried it more than once, which the caller cannot know.
    pub duplicated: bool,
    /// Whether it began after everything had come to rest.
    pub at_rest: bool,
}

/// A row that was damaged on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// When, in the order of calls.
    pub at: u64,
    /// Which: a revision by its counter, or the entry's own row.
    pub counter: Option<u64>,
}

/// Everything about one entry.
#[derive(Clone, Debug, Default)]
pub struct EntryHistory {
    /// In the order of their begin.
    pub calls: Vec<Call>,
    /// The revisions at the end, as read from the disk in the order of counters.
    pub revisions: Vec<Seen>,
    /// The entry's row at the end.
    pub current: Option<Seen>,
    /// What was damaged.
    pub damage: Vec<Damage>,
}

/// What may happen when a write is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// As `PlatformError::OutcomeUnknown` documents: it is recognised while it is the entry's
    /// last. Once another write came in between, an unconditional write may happen again, and a
    /// refusal of a write that the network had doubled says nothing.
    RecognisedWhileLast,
    /// It always counts once, and its own success never refuses it (W6).
    AlwaysRecognised,
}

/// A broken rule with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What was seen.
    pub evidence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`: {}", self.rule, self.evidence)
    }
}

/// Makes a violation.
pub(crate) fn broken<T>(rule: &'static str, evidence: String) -> Result<T, Violation> {
    Err(Violation { rule, evidence })
}

/// Judges one entry.
///
/// # Errors
/// The first rule found broken.
pub fn judge(history: &EntryHistory, repeats: Repeats) -> Result<(), Violation> {
    let shelf = Shelf::new(history)?;
    writes::check(history, &shelf, repeats)?;
    reads::check(history, &shelf)
}

#[cfg(test)]
mod tests;
