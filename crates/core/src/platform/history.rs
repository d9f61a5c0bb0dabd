//! Which revisions of an entry are kept, and for how long.
//!
//! A write never throws a revision away. Whether one is still there is decided from the times of
//! its own write, of the write that superseded it, and of the snapshots in between, whenever the
//! history is read; what is not there any more is removed later, by [`Sweep`](super::Sweep).
//!
//! ```text
//!    10:05    10:50    11:01            Hourly: 10:05 went with the write of 10:50,
//!      a        b        c              b is kept: it was the last of its hour
//! ```
//!
//! A revision is judged beside the next newer one whose row stands. That only ever errs towards
//! keeping: the write that superseded it may be gone already, but the next one that is not came
//! later, and what is the last before a later write is the last of no smaller part of the clock.
//! Nor does a revision come back once it is gone: where its successor goes, it goes no later, and
//! rows are removed oldest first, so that none outlives the one that it was judged by.
//!
//! Whoever lists or reads a past makes a [`Chronicle`] of the rows of the entry, its data store and
//! its universe, and asks it about each [`Head`] with the next newer one.

use std::fmt;
use std::time::Duration;

use crate::platform::Settings;
use crate::row::{Found, FoundHead, Head, RowBody};
use crate::time::{Timestamp, UtcHour};

/// How long a superseded revision, or a deleted entry, is kept at most (V-12, V-16).
pub const RETENTION: Duration = Duration::from_hours(30 * 24);

/// How long the rows of a superseded revision stay behind in any case, so that a write whose outcome
/// was unknown can still be recognised in them. A write is expected to be settled, and every copy
/// of it refused or written, within this time.
pub const REMAINS: Duration = Duration::from_hours(1);

/// How long every revision is kept under [`History::Thinned`].
const EVERY_FOR: Duration = Duration::from_hours(1);

/// How long the last revision of each minute is kept under [`History::Thinned`].
const MINUTES_FOR: Duration = Duration::from_hours(24);

/// Which revisions of its entries a data store keeps. The current one always is, and nothing
/// superseded longer ago than [`RETENTION`] unless it is pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum History {
    /// Every one for an hour, then the last of each minute for a day, then the last of each hour.
    /// Deletions, and what they hid, are never thinned: who is deleted by mistake and saved anew a
    /// moment later can be brought back.
    #[default]
    Thinned,
    /// The live service's rule: the last of each hour, and what a snapshot covers (V-10, V-11).
    Hourly,
    /// Every one. A player who is saved once a minute leaves 43,200 revisions in 30 days.
    Every,
}

impl History {
    /// Every setting there is.
    pub const ALL: [Self; 3] = [Self::Thinned, Self::Hourly, Self::Every];

    /// Its name in configuration and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thinned => "thinned",
            Self::Hourly => "hourly",
            Self::Every => "every",
        }
    }

    /// The setting of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|history| history.name() == name)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What decides about a revision: its own write and the one that superseded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it was written.
    pub written_at: Timestamp,
    /// When the next revision that is known was written.
    pub superseded_at: Timestamp,
    /// Whether it is a deletion. What it hides is kept whatever the hour (V-14), and so is it (V-15).
    pub is_tombstone: bool,
    /// Whether the next one is a deletion.
    pub is_deleted_next: bool,
    /// Whether it, or the very next one, is pinned.
    pub is_pinned: bool,
}

/// The rule of one data store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The setting of the data store.
    pub history: History,
    /// When snapshots were taken, oldest first.
    pub snapshots: Vec<Timestamp>,
}

impl Rule {
    /// The rule of a data store, by its row and the one of its universe. What is damaged or cannot
    /// be known speaks for keeping.
    pub fn of(store: &Found, universe: &Found, settings: &Settings) -> Self {
        let body = |found: &Found| match found {
            Found::Row(row) => Some((row.body.clone(), row.stamped_at)),
            Found::Absent | Found::Corrupt(_) => None,
        };
        let history = match body(store) {
            Some((RowBody::Store(body), _)) => body.history.unwrap_or(settings.history),
            _ if *store == Found::Absent => settings.history,
            _ => History::Every,
        };
        let snapshots = match body(universe) {
            Some((RowBody::Universe(body), latest)) => {
                let mut snapshots = body.earlier_snapshots;
                snapshots.push(latest);
                snapshots
            }
            _ => vec![],
        };
        match universe {
            Found::Corrupt(_) if history == History::Hourly => {
                Self { history: History::Every, snapshots }
            }
            Found::Corrupt(_) | Found::Absent | Found::Row(_) => Self { history, snapshots },
        }
    }

    /// Until when a superseded revision is there: the first moment at which it is not any more.
    /// Nothing if it stays as long as its entry.
    pub fn kept_until(&self, past: &Past) -> Option<Timestamp> {
        if past.is_pinned {
            return None;
        }
        let after = |duration| past.superseded_at.saturating_add(duration);
        Some(match self.history {
            History::Every => after(RETENTION),
            History::Hourly if self.is_backup(past) => after(RETENTION),
            // Lost with the write that superseded it.
            History::Hourly => past.superseded_at,
            History::Thinned if past.is_deletion() || past.is_last_of(Timestamp::utc_hour) => {
                after(RETENTION)
            }
            History::Thinned if past.is_last_of(Timestamp::utc_minute) => after(MINUTES_FOR),
            History::Thinned => after(EVERY_FOR),
        })
    }

    /// Whether a superseded revision is there.
    pub fn is_kept(&self, past: &Past, now: Timestamp) -> bool {
        self.kept_until(past).is_none_or(|until| now < until)
    }

    /// From when on the rows of a superseded revision may be removed; nothing if never.
    pub fn removable_at(&self, past: &Past) -> Option<Timestamp> {
        let remains_until = past.superseded_at.saturating_add(REMAINS);
        self.kept_until(past).map(|until| until.max(remains_until))
    }

    /// V-10, V-11, V-14, V-15: whether the live service makes it a backup.
    fn is_backup(&self, past: &Past) -> bool {
        let covers = |at: &Timestamp| (past.written_at..=past.superseded_at).contains(at);
        past.is_deletion()
            || past.is_last_of(Timestamp::utc_hour)
            || self.snapshots.iter().any(covers)
    }
}

impl Past {
    /// V-14, V-15: a deletion, or what one hid.
    fn is_deletion(&self) -> bool {
        self.is_tombstone || self.is_deleted_next
    }

    fn is_last_of<T: PartialEq>(&self, part: impl Fn(Timestamp) -> T) -> bool {
        part(self.written_at) != part(self.superseded_at)
    }
}

/// The hour at which something that may go at a moment is looked at.
pub fn review_hour(at: Timestamp) -> UtcHour {
    at.utc_hour().plus(1)
}

/// Whether what was deleted at a time is gone for good (V-16), although its rows may still stand.
pub fn is_purged(deleted_at: Timestamp, now: Timestamp) -> bool {
    now >= deleted_at.saturating_add(RETENTION)
}

/// When the data store of a row was deleted, if it is. A damaged row tells nothing.
pub fn deleted_at(store: &Found) -> Option<Timestamp> {
    let Found::Row(row) = store else { return None };
    let RowBody::Store(body) = &row.body else { return None };
    body.deleted.map(|deleted| deleted.time(row.stamped_at))
}

/// Which revisions of one entry are there at one moment.
#[derive(Clone, Debug)]
pub struct Chronicle {
    rule: Rule,
    current: Head,
    now: Timestamp,
}

/// What stands above a revision.
enum Newer<'a> {
    /// Nothing: it is the current one.
    Nothing,
    /// The next newer one whose row stands.
    Head(&'a Head),
    /// Something that cannot be read.
    Damage,
}

impl Chronicle {
    /// The past of an entry, given the head of the entry's own row.
    pub fn new(rule: Rule, current: Head, now: Timestamp) -> Self {
        Self { rule, current, now }
    }

    /// The rule of the data store.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The head of the entry's own row.
    pub fn current(&self) -> &Head {
        &self.current
    }

    /// The store's time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether nothing of the entry is there any more: it was deleted so long ago.
    pub fn is_purged(&self) -> bool {
        self.current.is_tombstone && is_purged(self.current.stamped_at, self.now)
    }

    /// Whether a revision is there, given the next newer one whose row stands, if one does.
    ///
    /// One that is above the entry's own row was left by an earlier life and is not. A damaged one
    /// above it tells nothing, so it is there as long as it may be.
    pub fn shows(&self, head: &Head, newer: Option<&FoundHead>) -> bool {
        if self.is_purged() || head.revision.counter > self.current.revision.counter {
            return false;
        }
        match self.newer(head, newer) {
            Newer::Nothing => true,
            Newer::Head(next) => self.kept_until(head, next).is_none_or(|until| self.now < until),
            Newer::Damage => self.is_of_this_life(head) || !is_purged(head.stamped_at, self.now),
        }
    }

    /// From when on the row of a revision may be removed, given the next newer one whose row
    /// stands, if one does; nothing if never. What stands below damage is never removed.
    pub fn removable_at(&self, head: &Head, newer: Option<&FoundHead>) -> Option<Timestamp> {
        match self.newer(head, newer) {
            Newer::Nothing | Newer::Damage => None,
            Newer::Head(next) => {
                let remains_until = next.stamped_at.saturating_add(REMAINS);
                self.kept_until(head, next).map(|until| until.max(remains_until))
            }
        }
    }

    /// Until when a superseded revision is there; nothing if as long as its entry.
    fn kept_until(&self, head: &Head, next: &Head) -> Option<Timestamp> {
        let (written_at, superseded_at) = (head.stamped_at, next.stamped_at);
        // A deletion that stood so long was the end of a life; what follows is another one. In the
        // same life it was superseded earlier, by what is gone since.
        let is_another_life = head.created_at != next.created_at;
        if head.is_tombstone && is_another_life && is_purged(written_at, superseded_at) {
            return Some(superseded_at);
        }
        let is_next = next.revision.counter == head.revision.counter.saturating_add(1);
        // What was pinned goes with its life.
        let is_pinned = self.is_of_this_life(head) && (head.pinned || is_next && next.pinned);
        let (is_tombstone, is_deleted_next) = (head.is_tombstone, next.is_tombstone);
        let past = Past { written_at, superseded_at, is_tombstone, is_deleted_next, is_pinned };
        self.rule.kept_until(&past)
    }

    fn newer<'a>(&'a self, head: &Head, newer: Option<&'a FoundHead>) -> Newer<'a> {
        if head.revision.counter >= self.current.revision.counter {
            return Newer::Nothing;
        }
        match newer {
            Some(FoundHead::Head(next)) => Newer::Head(next),
            Some(FoundHead::Corrupt(_)) => Newer::Damage,
            // The current revision has no row in the history: that of the entry tells as much.
            None => Newer::Head(&self.current),
        }
    }

    fn is_of_this_life(&self, head: &Head) -> bool {
        head.created_at == self.current.created_at
    }
}

#[cfg(test)]
#[path = "history/tests.rs"]
mod tests;
