//! Batches: conditions and writes that take effect together or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::Revision;
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::row::{Found, RowBody, RowKey};
use crate::time::Timestamp;

/// What must hold of a row for a batch to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no such row, not even a tombstone.
    Absent,
    /// The row stands at exactly this revision. Never inserts.
    At(Revision),
}

impl Condition {
    /// Whether the condition holds of what was found. Never true of a damaged row.
    pub fn holds(self, found: &Found) -> bool {
        match (self, found) {
            (Self::Absent, Found::Absent) => true,
            (Self::At(revision), Found::Row(row)) => row.revision == revision,
            (Self::Absent | Self::At(_), Found::Absent | Found::Row(_) | Found::Corrupt(_)) => {
                false
            }
        }
    }
}

/// One row written by a batch. The store stamps it with its own time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are puts")]
pub enum Write {
    /// Inserts or replaces a row.
    Put {
        /// Which row.
        key: RowKey,
        /// Its new revision.
        revision: Revision,
        /// What it holds from now on.
        body: RowBody,
    },
    /// Removes a row without a trace. Entries are not removed so: they get a tombstone.
    Delete {
        /// Which row.
        key: RowKey,
    },
}

impl Write {
    /// The row that is written.
    pub fn key(&self) -> &RowKey {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// Conditions and writes that are one atomic step: all conditions hold and all is written, or
/// nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold of the rows before it.
    pub conditions: Vec<(RowKey, Condition)>,
    /// The rows it writes, each at most once.
    pub writes: Vec<Write>,
}

/// A batch that no store may take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// It writes nothing.
    #[error("the batch writes nothing")]
    Empty,
    /// Two conditions or two writes name one row.
    #[error("the batch names {key} twice")]
    Twice {
        /// The row named twice.
        key: Box<RowKey>,
    },
    /// The body is that of another family of rows.
    #[error("the batch writes the body of another family to {key}")]
    WrongFamily {
        /// The row.
        key: Box<RowKey>,
    },
    /// Its values are too large together.
    #[error("the values of the batch have {actual} bytes, the limit is {limit}")]
    TooLarge {
        /// Bytes of its values, each counted once.
        actual: usize,
        /// The most that is allowed.
        limit: usize,
    },
}

impl Batch {
    /// Checks what holds of every batch that we plan, and the size limit.
    ///
    /// A single value may exceed the limit of a batch: it has a limit of its own.
    ///
    /// # Errors
    /// [`BatchError`]; nothing of such a batch may be written.
    pub fn check(&self, limits: &Limits) -> Result<(), BatchError> {
        if self.writes.is_empty() {
            return Err(BatchError::Empty);
        }
        let mut seen = BTreeSet::new();
        if let Some((key, _)) = self.conditions.iter().find(|(key, _)| !seen.insert(key)) {
            return Err(BatchError::Twice { key: Box::new(key.clone()) });
        }
        seen.clear();
        let (mut sizes, mut counted) = (Vec::new(), Vec::new());
        for write in &self.writes {
            if !seen.insert(write.key()) {
                return Err(BatchError::Twice { key: Box::new(write.key().clone()) });
            }
            let Write::Put { key, body, .. } = write else { continue };
            if !body.belongs_to(key) {
                return Err(BatchError::WrongFamily { key: Box::new(key.clone()) });
            }
            let content = body.as_entry().and_then(|entry| entry.content.as_ref());
            if let Some(content) = content
                && !counted.iter().any(|other| Arc::ptr_eq(other, content))
            {
                counted.push(Arc::clone(content));
                sizes.push(content.value.size());
            }
        }
        let (actual, limit) = (sizes.iter().sum(), limits.batch_size_max);
        if sizes.len() > 1 && actual > limit {
            return Err(BatchError::TooLarge { actual, limit });
        }
        Ok(())
    }
}

/// What a committed batch tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The time that the store gave to every row of the batch.
    pub stamped_at: Timestamp,
}

/// Why nothing of a batch was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A condition does not hold. The rows of all conditions, in their order, as read after the
    /// refusal.
    Conditions(Vec<Found>),
    /// The batch itself is wrong.
    Invalid(BatchError),
    /// The store has no room: no disk space, or its queue is full.
    Exhausted {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The store is stopped or out of reach, and certainly did not write.
    Unavailable {
        /// What the store said.
        reason: Arc<str>,
    },
}

/// The answer to a batch.
pub type CommitOutcome = Outcome<Committed, Refusal>;

#[cfg(test)]
#[path = "batch/tests.rs"]
mod tests;
