//! The revisions of one entry: looked at oldest first, removed where they are not there any more.

use crate::batch::{Batch, Condition, Write};
use crate::id::EntryId;
use crate::platform::plan::BATCH_DELETES_MAX;
use crate::platform::{Chronicle, History, RETENTION, review_hour};
use crate::row::{FoundHead, HeadsReply, Order, RowKey, RowRange};
use crate::time::{Timestamp, UtcHour};

use super::purge::StorePurge;
use super::{DAMAGE_HOURS, Review};

/// What to do next.
#[derive(Debug)]
pub(super) enum EntryStep {
    /// Read a page of heads.
    Heads(RowRange),
    /// Commit this.
    Commit(Batch),
    /// Nothing: what is left cannot be read, and stays.
    Nothing,
}

/// Why an entry is looked at, and what of it goes.
#[derive(Debug)]
enum Cause {
    /// A review is due, for the so many-th time in this pass: what is not there goes.
    Review(Review, u32, Box<Chronicle>),
    /// Its data store is purged: everything goes.
    Purge(Box<StorePurge>),
}

/// An entry under way.
#[derive(Debug)]
pub(super) struct EntrySweep {
    entry: EntryId,
    cause: Cause,
    conditions: Vec<(RowKey, Condition)>,
    /// The last head of the page before: what it is depends on the first of the next one.
    carried: Option<FoundHead>,
    /// Revisions that go, oldest first.
    doomed: Vec<RowKey>,
    /// The counter that was read last, unless that was the end.
    position: Option<u64>,
    is_read: bool,
    is_damaged: bool,
    /// How many revisions the batch that is out removes, and whether it is the last one.
    sent: u64,
    is_last: bool,
    /// When the first of what stays may go.
    next_at: Option<Timestamp>,
}

impl EntrySweep {
    /// Looks at an entry because of a review.
    pub(super) fn of_review(
        review: Review,
        looks: u32,
        chronicle: Chronicle,
        conditions: Vec<(RowKey, Condition)>,
    ) -> (Self, EntryStep) {
        let entry = review.of.entry().clone();
        Self::start(entry, Cause::Review(review, looks, Box::new(chronicle)), conditions)
    }

    /// Removes an entry with its data store.
    pub(super) fn of_purge(
        entry: EntryId,
        purge: Box<StorePurge>,
        conditions: Vec<(RowKey, Condition)>,
    ) -> (Self, EntryStep) {
        Self::start(entry, Cause::Purge(purge), conditions)
    }

    fn start(
        entry: EntryId,
        cause: Cause,
        conditions: Vec<(RowKey, Condition)>,
    ) -> (Self, EntryStep) {
        let sweep = Self {
            entry,
            cause,
            conditions,
            carried: None,
            doomed: vec![],
            position: None,
            is_read: false,
            is_damaged: false,
            sent: 0,
            is_last: false,
            next_at: None,
        };
        let step = sweep.page();
        (sweep, step)
    }

    fn page(&self) -> EntryStep {
        let (entry, order, beyond) = (self.entry.clone(), Order::Ascending, self.position);
        EntryStep::Heads(RowRange::Revisions { entry, order, beyond })
    }

    /// Takes a page of heads.
    pub(super) fn on_heads(&mut self, reply: HeadsReply) -> EntryStep {
        self.is_read = !reply.more;
        for found in reply.heads {
            if let RowKey::Revision(_, counter) = found.key() {
                self.position = Some(*counter);
            }
            if let Some(older) = self.carried.take() {
                self.judge(&older, Some(&found));
            }
            self.carried = Some(found);
        }
        if self.is_read
            && let Some(newest) = self.carried.take()
        {
            self.judge(&newest, None);
        }
        if self.is_read || self.doomed.len() >= BATCH_DELETES_MAX {
            self.commit()
        } else {
            self.page()
        }
    }

    fn judge(&mut self, found: &FoundHead, newer: Option<&FoundHead>) {
        let head = match found {
            FoundHead::Head(head) => head,
            FoundHead::Corrupt(_) => {
                self.is_damaged = true;
                return;
            }
        };
        let Cause::Review(_, _, chronicle) = &self.cause else {
            return self.doomed.push(head.key.clone());
        };
        if chronicle.is_purged() {
            return self.doomed.push(head.key.clone());
        }
        match chronicle.removable_at(head, newer) {
            Some(at) if at <= chronicle.now() => self.doomed.push(head.key.clone()),
            Some(at) => {
                self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
                // Where every one is kept as long as the other, the rest is for later.
                self.is_read |= chronicle.rule().history == History::Every;
            }
            None => {}
        }
    }

    /// A purge ends without a batch where all that is left is damaged.
    fn commit(&mut self) -> EntryStep {
        let batch = self.batch();
        if batch.writes.is_empty() { EntryStep::Nothing } else { EntryStep::Commit(batch) }
    }

    /// The next batch: the last one if everything was read and fits into it.
    fn batch(&mut self) -> Batch {
        let rest = self.doomed.split_off(self.doomed.len().min(BATCH_DELETES_MAX));
        let doomed = std::mem::replace(&mut self.doomed, rest);
        self.sent = doomed.len().try_into().expect("a batch has few writes");
        self.is_last = self.is_read && self.doomed.is_empty();
        let mut writes: Vec<_> = doomed.into_iter().map(|key| Write::Delete { key }).collect();
        if self.is_last {
            if self.is_purged() {
                writes.push(Write::Delete { key: RowKey::Entry(self.entry.clone()) });
            }
            if let Cause::Review(review, _, chronicle) = &self.cause {
                writes.extend(review.replace(self.next(chronicle)));
            }
        }
        Batch { conditions: self.conditions.clone(), writes }
    }

    /// When the entry is to be looked at again.
    fn next(&self, chronicle: &Chronicle) -> Option<UtcHour> {
        let (now, current) = (chronicle.now(), chronicle.current());
        let damage = self.is_damaged.then(|| now.utc_hour().plus(DAMAGE_HOURS));
        if chronicle.is_purged() {
            return damage;
        }
        let first = self.next_at.map(review_hour);
        let purge = || review_hour(current.stamped_at.saturating_add(RETENTION));
        let purge = current.is_tombstone.then(purge);
        // A write that relies on a review may have been planned already: see `plan`.
        let late = current.stamped_at.utc_hour().plus(2);
        let late = (late > now.utc_hour()).then_some(late);
        [damage, first, purge, late].into_iter().flatten().min()
    }

    /// What comes after a batch that was written; nothing at the end.
    pub(super) fn go_on(&mut self) -> Option<EntryStep> {
        if self.is_last {
            None
        } else if self.is_read || self.doomed.len() >= BATCH_DELETES_MAX {
            Some(self.commit())
        } else {
            Some(self.page())
        }
    }

    /// How many revisions the batch that was written removed.
    pub(super) fn take_removed(&mut self) -> u64 {
        std::mem::take(&mut self.sent)
    }

    /// Whether something of it could not be read.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Whether nothing of the entry is left. Damage keeps its row, so that its counter goes on
    /// above what cannot be read.
    pub(super) fn is_purged(&self) -> bool {
        !self.is_damaged
            && match &self.cause {
                Cause::Review(_, _, chronicle) => chronicle.is_purged(),
                Cause::Purge(_) => true,
            }
    }

    /// The review that it is looked at for, and how often it was in this pass.
    pub(super) fn review(&self) -> Option<(&Review, u32)> {
        match &self.cause {
            Cause::Review(review, looks, _) => Some((review, *looks)),
            Cause::Purge(_) => None,
        }
    }

    /// The purge that it is a part of.
    pub(super) fn into_purge(self) -> Option<Box<StorePurge>> {
        match self.cause {
            Cause::Review(..) => None,
            Cause::Purge(purge) => Some(purge),
        }
    }
}
