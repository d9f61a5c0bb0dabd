//! Everything that was ever written, and which revisions are there at any moment of it.
//!
//! The rule of a history is applied to the full log: a revision is judged by the write that truly
//! superseded it. Where the row of that one went before, a platform can only judge by the next one
//! whose row stands, which errs towards keeping: so there are two answers, see [`Presence`].

use std::sync::Arc;

use steadfast_core::platform::{EntryState, History, Past, REMAINS, RETENTION, RevisionId, Rule};
use steadfast_core::row::Content;
use steadfast_core::{EntryId, Revision, StoreId, Timestamp};

/// One state of an entry that was written.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) content: Option<Arc<Content>>,
    pub(crate) pinned: bool,
    /// The batch that wrote it.
    pub(crate) seq: u64,
    /// The batch that deleted its row from the history.
    pub(crate) gone: Option<u64>,
    /// The same, if somebody asked for it.
    pub(crate) removed: Option<u64>,
}

impl Version {
    pub(crate) fn is_tombstone(&self) -> bool {
        self.content.is_none()
    }

    pub(crate) fn id(&self) -> RevisionId {
        RevisionId::of(self.created_at, self.revision, self.stamped_at)
    }

    pub(crate) fn state(&self, entry: &EntryId) -> EntryState {
        EntryState {
            entry: entry.clone(),
            revision: self.revision,
            created_at: self.created_at,
            updated_at: self.stamped_at,
            content: self.content.clone(),
            schema: None,
        }
    }
}

/// Whether a revision is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is.
    Certain,
    /// It may be: what superseded it is not there any more to tell.
    Possible,
    /// It is not.
    Gone,
}

/// The life of one entry's rows.
#[derive(Clone, Debug)]
pub(crate) struct EntryLog {
    pub(crate) id: EntryId,
    /// In the order of their writing.
    pub(crate) versions: Vec<Version>,
    /// What the entry's row has held from each batch on: a version, or nothing.
    pub(crate) row: Vec<(u64, Option<usize>)>,
    /// Whether a row of it was damaged.
    pub(crate) is_damaged: bool,
    /// Whether a write of it was so late that no review may be left of it.
    pub(crate) is_late: bool,
}

/// What the row of a data store has held from a batch on.
#[derive(Clone, Debug)]
pub(crate) struct StoreVersion {
    pub(crate) seq: u64,
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) history: Option<History>,
    /// Whether the row is gone.
    pub(crate) is_gone: bool,
}

/// The life of a data store's row.
#[derive(Clone, Debug)]
pub(crate) struct StoreLog {
    pub(crate) id: StoreId,
    pub(crate) versions: Vec<StoreVersion>,
}

/// The value that holds at a batch, of values that hold from theirs on.
fn at<T>(values: &[T], seq: u64, of: impl Fn(&T) -> u64) -> Option<&T> {
    let count = values.partition_point(|value| of(value) <= seq);
    count.checked_sub(1).and_then(|last| values.get(last))
}

impl StoreLog {
    /// Its row at a batch.
    pub(crate) fn at(&self, seq: u64) -> Option<&StoreVersion> {
        at(&self.versions, seq, |version| version.seq).filter(|version| !version.is_gone)
    }

    pub(crate) fn history(&self, seq: u64) -> History {
        self.at(seq).and_then(|version| version.history).unwrap_or_default()
    }
}

impl EntryLog {
    pub(crate) fn new(id: EntryId) -> Self {
        Self { id, versions: vec![], row: vec![], is_damaged: false, is_late: false }
    }

    /// What the entry's row holds at a batch.
    pub(crate) fn current(&self, seq: u64) -> Option<usize> {
        at(&self.row, seq, |(seq, _)| *seq).and_then(|(_, version)| *version)
    }

    pub(crate) fn version(&self, index: Option<usize>) -> Option<&Version> {
        index.and_then(|index| self.versions.get(index))
    }

    /// What the entry's row holds at a batch.
    pub(crate) fn standing(&self, seq: u64) -> Option<&Version> {
        self.version(self.current(seq))
    }

    /// The same, unless it is a deletion whose time is over.
    pub(crate) fn unpurged(&self, seq: u64, now: Timestamp) -> Option<&Version> {
        self.standing(seq)
            .filter(|version| !version.is_tombstone() || now < kept(version.stamped_at))
    }

    /// The version of an id.
    pub(crate) fn find(&self, id: &RevisionId) -> Option<usize> {
        self.versions.iter().rposition(|version| version.id() == *id)
    }

    /// The next newer version that nobody removed; only those whose rows stand, if so.
    pub(crate) fn next(&self, index: usize, seq: u64, must_stand: bool) -> Option<&Version> {
        let current = self.current(seq)?;
        let is_there = |gone: Option<u64>| gone.is_none_or(|gone| gone > seq);
        let mut between = self.versions.get(index + 1..current)?.iter();
        let next = between.find(|it| is_there(it.removed) && (!must_stand || is_there(it.gone)));
        next.or_else(|| self.version(Some(current)))
    }

    /// Until when a version is there, given what superseded it; nothing if as long as its entry.
    pub(crate) fn kept_until(
        &self,
        index: usize,
        next: &Version,
        seq: u64,
        rule: &Rule,
    ) -> Option<Timestamp> {
        let version = self.versions.get(index)?;
        let is_another_life = version.created_at != next.created_at;
        if version.is_tombstone() && is_another_life && kept(version.stamped_at) <= next.stamped_at
        {
            return Some(next.stamped_at);
        }
        let is_of_this_life =
            self.standing(seq).is_some_and(|current| current.created_at == version.created_at);
        let is_next = next.revision.counter == version.revision.counter + 1;
        let past = Past {
            written_at: version.stamped_at,
            superseded_at: next.stamped_at,
            is_tombstone: version.is_tombstone(),
            is_deleted_next: next.is_tombstone(),
            is_pinned: is_of_this_life && (version.pinned || is_next && next.pinned),
        };
        rule.kept_until(&past)
    }

    /// Whether a version is there at a moment.
    pub(crate) fn presence(&self, index: usize, seq: u64, now: Timestamp, rule: &Rule) -> Presence {
        let Some(current) = self.current(seq) else { return Presence::Gone };
        let Some(version) = self.versions.get(index) else { return Presence::Gone };
        if index > current || self.unpurged(seq, now).is_none() {
            return Presence::Gone;
        }
        if index == current {
            return Presence::Certain;
        }
        if version.gone.is_some_and(|gone| gone <= seq) {
            return Presence::Gone;
        }
        let is_kept = |must_stand| {
            let next = self.next(index, seq, must_stand)?;
            Some(self.kept_until(index, next, seq, rule).is_none_or(|until| now < until))
        };
        match (is_kept(false), is_kept(true)) {
            (Some(true), _) => Presence::Certain,
            (_, Some(true)) => Presence::Possible,
            _ => Presence::Gone,
        }
    }

    /// From when on the row of a version may be removed, by what truly superseded it.
    pub(crate) fn removable_at(&self, index: usize, seq: u64, rule: &Rule) -> Option<Timestamp> {
        let next = self.next(index, seq, false)?;
        let remains = next.stamped_at.saturating_add(REMAINS);
        self.kept_until(index, next, seq, rule).map(|until| until.max(remains))
    }
}

/// Until when something that was deleted, or superseded, is kept at most.
pub(crate) fn kept(since: Timestamp) -> Timestamp {
    since.saturating_add(RETENTION)
}
