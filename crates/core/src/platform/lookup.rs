//! Finds one revision in the past of an entry.
//!
//! Heads tell where it stands and whether it is there; only the row that is the answer is read
//! whole.

use crate::id::EntryId;
use crate::platform::plan::{entry_state, expect_row};
use crate::platform::{Chronicle, EntryState, PlatformError, RevisionId};
use crate::row::{FoundHead, Head, HeadsReply, HeadsResult, Order, ReadResult, RowKey, RowRange};
use crate::time::Timestamp;

/// How many heads are read at a time while the revision of a moment is searched.
pub(super) const HEADS_PER_PAGE: usize = 256;

/// Which revision is looked for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// The one with this id.
    Revision(RevisionId),
    /// The one that was current at this time.
    At(Timestamp),
}

/// What to do next.
#[derive(Debug)]
pub(super) enum LookupStep {
    /// Read at most so many heads of this range.
    Heads(RowRange, usize),
    /// Read this row.
    Read(RowKey),
    /// This is it. Maybe a deletion.
    Found(EntryState),
    /// It is not there.
    Missing,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Lookup {
    entry: EntryId,
    chronicle: Chronicle,
    wanted: Wanted,
    /// What stands above the heads that come next, while a moment is searched.
    newer: FoundHead,
    /// The head of the answer, once it is known.
    found: Option<Head>,
}

impl Lookup {
    /// Starts a search, given the current state.
    pub(super) fn start(
        current: &EntryState,
        chronicle: Chronicle,
        wanted: Wanted,
    ) -> (Self, LookupStep) {
        let entry = current.entry.clone();
        let newer = FoundHead::Head(chronicle.current().clone());
        let lookup = Self { entry, chronicle, wanted, newer, found: None };
        let step = match &lookup.wanted {
            Wanted::Revision(id) if current.revision_id() == *id => {
                LookupStep::Found(current.clone())
            }
            Wanted::Revision(id) => match id.counter().and_then(|counter| counter.checked_sub(1)) {
                // Whether it is there depends on the next newer one as well.
                Some(before) if before + 1 < current.revision.counter => {
                    let (entry, order) = (lookup.entry.clone(), Order::Ascending);
                    let range = RowRange::Revisions { entry, order, beyond: Some(before) };
                    LookupStep::Heads(range, 2)
                }
                Some(_) | None => LookupStep::Missing,
            },
            Wanted::At(time) if current.updated_at <= *time => LookupStep::Found(current.clone()),
            Wanted::At(_) => lookup.page(current.revision.counter),
        };
        (lookup, step)
    }

    fn page(&self, below: u64) -> LookupStep {
        let (entry, order) = (self.entry.clone(), Order::Descending);
        let range = RowRange::Revisions { entry, order, beyond: Some(below) };
        LookupStep::Heads(range, HEADS_PER_PAGE)
    }

    /// Takes heads.
    pub(super) fn on_heads(&mut self, reply: HeadsResult) -> Result<LookupStep, PlatformError> {
        let reply = reply?;
        match &self.wanted {
            Wanted::Revision(id) => {
                let id = id.clone();
                self.on_pair(&id, &reply)
            }
            Wanted::At(time) => {
                let time = *time;
                self.on_page(time, reply)
            }
        }
    }

    /// V-19: the revision itself, if its row stands, and the next newer one.
    fn on_pair(
        &mut self,
        id: &RevisionId,
        reply: &HeadsReply,
    ) -> Result<LookupStep, PlatformError> {
        let mut heads = reply.heads.iter();
        let is_wanted = |key: &RowKey| matches!(key, RowKey::Revision(_, counter) if id.counter() == Some(*counter));
        let head = match heads.next() {
            Some(found) if !is_wanted(found.key()) => return Ok(LookupStep::Missing),
            Some(FoundHead::Corrupt(row)) => {
                return Err(PlatformError::Corrupt { row: Box::new(row.clone()) });
            }
            Some(FoundHead::Head(head)) => head,
            None => return Ok(LookupStep::Missing),
        };
        let found_id = RevisionId::of(head.created_at, head.revision, head.stamped_at);
        if found_id == *id && self.chronicle.shows(head, heads.next()) {
            Ok(self.read(head.clone()))
        } else {
            Ok(LookupStep::Missing)
        }
    }

    /// V-21: the newest state not younger than the time, if it is there and was current then, which
    /// is known when the very next one still stands.
    fn on_page(&mut self, time: Timestamp, reply: HeadsReply) -> Result<LookupStep, PlatformError> {
        for found in reply.heads {
            let head = match &found {
                FoundHead::Head(head) => head,
                // It may be the one, or the one that tells until when another was current.
                FoundHead::Corrupt(row) => {
                    return Err(PlatformError::Corrupt { row: Box::new(row.clone()) });
                }
            };
            if head.stamped_at <= time {
                let counter = head.revision.counter;
                let was_current = match &self.newer {
                    FoundHead::Head(newer) => newer.revision.counter == counter + 1,
                    FoundHead::Corrupt(_) => false,
                };
                let is_there = self.chronicle.shows(head, Some(&self.newer));
                return Ok(if was_current && is_there {
                    self.read(head.clone())
                } else {
                    LookupStep::Missing
                });
            }
            self.newer = found;
        }
        match (&self.newer, reply.more) {
            (FoundHead::Head(newer), true) => Ok(self.page(newer.revision.counter)),
            (FoundHead::Head(_) | FoundHead::Corrupt(_), _) => Ok(LookupStep::Missing),
        }
    }

    fn read(&mut self, head: Head) -> LookupStep {
        let row = RowKey::Revision(self.entry.clone(), head.revision.counter);
        self.found = Some(head);
        LookupStep::Read(row)
    }

    /// Takes the row of the answer, which may have been removed meanwhile.
    pub(super) fn on_row(&self, reply: ReadResult) -> Result<LookupStep, PlatformError> {
        let reply = reply?;
        let state = entry_state(expect_row(reply.rows.first()))?;
        let revision = self.found.as_ref().map(|head| head.revision);
        Ok(match state {
            Some(state) if Some(state.revision) == revision => LookupStep::Found(state),
            Some(_) | None => LookupStep::Missing,
        })
    }

    /// How the revision is missing.
    pub(super) fn missing(&self) -> PlatformError {
        let entry = self.entry.clone();
        match self.wanted {
            Wanted::Revision(_) => PlatformError::RevisionNotFound { entry },
            Wanted::At(_) => PlatformError::EntryNotFound { entry },
        }
    }

    /// Which revisions of the entry are there, and the head of the one that was found.
    pub(super) fn into_found(self) -> (Chronicle, FoundHead) {
        let found = self.found.unwrap_or_else(|| self.chronicle.current().clone());
        (self.chronicle, FoundHead::Head(found))
    }
}
