//! The bug bank: mistakes that a real driver or store could make, planted to test the judges.
//!
//! A judge that lets one of them through proves nothing with its green runs. Each is a few lines
//! in the model of the driver or of the store, never in `core`.

use std::fmt;

use crate::{data, platform};

/// Who finds a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    /// Knows every row at every moment.
    Oracle,
    /// Knows what clients saw and the rows at the end.
    History,
}

impl Judge {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::History => "history",
        }
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which judges sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judges {
    /// Whether the oracle does.
    pub oracle: bool,
    /// Whether the history is checked.
    pub history: bool,
    /// Whether it is checked that everything comes to rest.
    pub liveness: bool,
}

impl Judges {
    /// All.
    pub const ALL: Self = Self { oracle: true, history: true, liveness: true };

    /// One alone.
    pub const fn only(judge: Judge) -> Self {
        match judge {
            Judge::Oracle => Self { oracle: true, history: false, liveness: false },
            Judge::History => Self { oracle: false, history: true, liveness: false },
        }
    }
}

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The store takes a condition on a revision for granted.
    RevisionIgnored,
    /// The store answers before the flush.
    AckBeforeFlush,
    /// The driver takes an unknown outcome for a commit.
    TimeoutAsSaved,
    /// The driver takes an unknown outcome for a refusal.
    TimeoutAsRefused,
    /// The driver takes a failed read for absent rows.
    ReadErrorAsAbsent,
    /// The store removes a deleted entry's row instead of keeping the tombstone.
    TombstoneForgotten,
    /// A crash during a flush leaves entries without their history.
    TornBatchVisible,
    /// A batch that is carried out late is carried out whatever it finds.
    LateApplyUnconditional,
    /// The store writes a batch that it then says it refused.
    RefusedAfterApplied,
    /// The store answers any read from an older snapshot.
    StaleReadTrusted,
    /// The store stamps with its clock although that went back.
    StampGoesBack,
    /// The store takes a damaged row for a missing one.
    CorruptAsAbsent,
    /// The store opens after a lost flush as if nothing had happened.
    LostFlushUnnoticed,
    /// A group commit checks all its batches before it writes the first.
    GroupCheckedTogether,
    /// The store writes what it had refused for want of room.
    FullButWritten,
    /// An increment counts on the value before the current one.
    OldValueCounted,
    /// A batch that deletes revisions is written whatever it finds.
    SweepUnconditional,
    /// A deletion of a revision takes the next newer superseded one along.
    SweepTakesNewer,
    /// The store forgets that a revision is never thinned.
    PinForgotten,
    /// The store acknowledges a snapshot and does not store it.
    SnapshotLost,
    /// Some reads tell a time that is a day ahead.
    ClockAhead,
    /// The row of a data store is answered as it was read first.
    StoreRowCached,
    /// The store drops the reminders of what may go one day.
    ReviewsDropped,
    /// The removal of an ordered entry leaves no row behind.
    RemovalLeavesNothing,
    /// A batch that was given up is written later, whatever it finds.
    LateWriteUnconditional,
    /// The boards are not told of some changes.
    NoticeMissed,
    /// The boards are told of changes in the wrong order.
    NoticesSwapped,
    /// A later page of a board leaves out its first entry.
    BoardPageSkips,
    /// A later page of entries leaves out the first one.
    EntriesPageSkips,
    /// A deletion takes along the revision that it hides.
    TombstoneDropsHistory,
    /// A restore is stored in the place of the current revision.
    RestoreRewinds,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 31] = [
        Self::RevisionIgnored,
        Self::AckBeforeFlush,
        Self::TimeoutAsSaved,
        Self::TimeoutAsRefused,
        Self::ReadErrorAsAbsent,
        Self::TombstoneForgotten,
        Self::TornBatchVisible,
        Self::LateApplyUnconditional,
        Self::RefusedAfterApplied,
        Self::StaleReadTrusted,
        Self::StampGoesBack,
        Self::CorruptAsAbsent,
        Self::LostFlushUnnoticed,
        Self::GroupCheckedTogether,
        Self::FullButWritten,
        Self::OldValueCounted,
        Self::SweepUnconditional,
        Self::SweepTakesNewer,
        Self::PinForgotten,
        Self::SnapshotLost,
        Self::ClockAhead,
        Self::StoreRowCached,
        Self::ReviewsDropped,
        Self::RemovalLeavesNothing,
        Self::LateWriteUnconditional,
        Self::NoticeMissed,
        Self::NoticesSwapped,
        Self::BoardPageSkips,
        Self::EntriesPageSkips,
        Self::TombstoneDropsHistory,
        Self::RestoreRewinds,
    ];

    /// Its name on the command line and in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RevisionIgnored => "revision-ignored",
            Self::AckBeforeFlush => "ack-before-flush",
            Self::TimeoutAsSaved => "timeout-as-saved",
            Self::TimeoutAsRefused => "timeout-as-refused",
            Self::ReadErrorAsAbsent => "read-error-as-absent",
            Self::TombstoneForgotten => "tombstone-forgotten",
            Self::TornBatchVisible => "torn-batch-visible",
            Self::LateApplyUnconditional => "late-apply-unconditional",
            Self::RefusedAfterApplied => "refused-after-applied",
            Self::StaleReadTrusted => "stale-read-trusted",
            Self::StampGoesBack => "stamp-goes-back",
            Self::CorruptAsAbsent => "corrupt-as-absent",
            Self::LostFlushUnnoticed => "lost-flush-unnoticed",
            Self::GroupCheckedTogether => "group-checked-together",
            Self::FullButWritten => "full-but-written",
            Self::OldValueCounted => "old-value-counted",
            Self::SweepUnconditional => "sweep-unconditional",
            Self::SweepTakesNewer => "sweep-takes-newer",
            Self::PinForgotten => "pin-forgotten",
            Self::SnapshotLost => "snapshot-lost",
            Self::ClockAhead => "clock-ahead",
            Self::StoreRowCached => "store-row-cached",
            Self::ReviewsDropped => "reviews-dropped",
            Self::RemovalLeavesNothing => "removal-leaves-nothing",
            Self::LateWriteUnconditional => "late-write-unconditional",
            Self::NoticeMissed => "notice-missed",
            Self::NoticesSwapped => "notices-swapped",
            Self::BoardPageSkips => "board-page-skips",
            Self::EntriesPageSkips => "entries-page-skips",
            Self::TombstoneDropsHistory => "tombstone-drops-history",
            Self::RestoreRewinds => "restore-rewinds",
        }
    }

    /// What it is, in one line.
    pub const fn about(self) -> &'static str {
        match self {
            Self::RevisionIgnored => "the store ignores conditions on a revision",
            Self::AckBeforeFlush => "the store answers before the flush",
            Self::TimeoutAsSaved => "the driver takes an unknown outcome for a commit",
            Self::TimeoutAsRefused => "the driver takes an unknown outcome for a refusal",
            Self::ReadErrorAsAbsent => "the driver takes a failed read for absent rows",
            Self::TombstoneForgotten => "a deletion removes the row instead of marking it",
            Self::TornBatchVisible => "a crash leaves an entry row without its history row",
            Self::LateApplyUnconditional => "a late batch is written without its conditions",
            Self::RefusedAfterApplied => "the store writes a batch and says it refused it",
            Self::StaleReadTrusted => "a read is answered from an older snapshot",
            Self::StampGoesBack => "the store's time follows a clock that went back",
            Self::CorruptAsAbsent => "a damaged row reads as a missing one",
            Self::LostFlushUnnoticed => "the store opens after a lost flush without a word",
            Self::GroupCheckedTogether => "a group commit checks all batches before any write",
            Self::FullButWritten => "a store without room writes what it refuses",
            Self::OldValueCounted => "an increment counts on the value before the current one",
            Self::SweepUnconditional => "deletions of a sweep are written without their conditions",
            Self::SweepTakesNewer => "deleting a revision takes the next newer one along",
            Self::PinForgotten => "the store forgets that a revision is pinned",
            Self::SnapshotLost => "a snapshot is acknowledged and not stored",
            Self::ClockAhead => "some reads tell a time that is a day ahead",
            Self::StoreRowCached => "the row of a data store is read once and never again",
            Self::ReviewsDropped => "reminders of what may go are not stored",
            Self::RemovalLeavesNothing => "an ordered removal deletes the row for good",
            Self::LateWriteUnconditional => "a batch that comes late is written whatever it finds",
            Self::NoticeMissed => "the boards are not told of some changes",
            Self::NoticesSwapped => "the boards are told of changes in the wrong order",
            Self::BoardPageSkips => "a later page of a board leaves out its first entry",
            Self::EntriesPageSkips => "a later page of entries leaves out the first one",
            Self::TombstoneDropsHistory => "a deletion takes along the revision that it hides",
            Self::RestoreRewinds => "a restore overwrites the current revision",
        }
    }

    /// The judges that must find it, each on its own.
    pub const fn found_by(self) -> &'static [Judge] {
        match self {
            Self::GroupCheckedTogether
            // What clients see of these is right nearly always, or in any case.
            | Self::SweepUnconditional
            | Self::ReviewsDropped => &[Judge::Oracle],
            Self::RevisionIgnored
            | Self::AckBeforeFlush
            | Self::TimeoutAsSaved
            | Self::TimeoutAsRefused
            | Self::ReadErrorAsAbsent
            | Self::TombstoneForgotten
            | Self::TornBatchVisible
            | Self::LateApplyUnconditional
            | Self::RefusedAfterApplied
            | Self::StaleReadTrusted
            | Self::StampGoesBack
            | Self::CorruptAsAbsent
            | Self::LostFlushUnnoticed
            | Self::FullButWritten
            | Self::OldValueCounted
            | Self::SweepTakesNewer
            | Self::PinForgotten
            | Self::SnapshotLost
            | Self::ClockAhead
            | Self::StoreRowCached
            | Self::RemovalLeavesNothing
            | Self::LateWriteUnconditional
            | Self::NoticeMissed
            | Self::NoticesSwapped
            | Self::BoardPageSkips
            | Self::EntriesPageSkips
            | Self::TombstoneDropsHistory
            | Self::RestoreRewinds => &[Judge::Oracle, Judge::History],
        }
    }

    /// The scenario that it is planted in.
    pub const fn scenario(self) -> &'static str {
        match self {
            Self::RevisionIgnored
            | Self::AckBeforeFlush
            | Self::TimeoutAsSaved
            | Self::TimeoutAsRefused
            | Self::ReadErrorAsAbsent
            | Self::TombstoneForgotten
            | Self::TornBatchVisible
            | Self::LateApplyUnconditional
            | Self::RefusedAfterApplied
            | Self::StaleReadTrusted
            | Self::StampGoesBack
            | Self::CorruptAsAbsent
            | Self::LostFlushUnnoticed
            | Self::GroupCheckedTogether
            | Self::FullButWritten
            | Self::OldValueCounted => platform::NAME,
            Self::SweepUnconditional
            | Self::SweepTakesNewer
            | Self::PinForgotten
            | Self::SnapshotLost
            | Self::ClockAhead
            | Self::StoreRowCached
            | Self::ReviewsDropped
            | Self::RemovalLeavesNothing
            | Self::LateWriteUnconditional
            | Self::NoticeMissed
            | Self::NoticesSwapped
            | Self::BoardPageSkips
            | Self::EntriesPageSkips
            | Self::TombstoneDropsHistory
            | Self::RestoreRewinds => data::NAME,
        }
    }

    /// The bug of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.name() == name)
    }
}

impl fmt::Display for Bug {
    /// One line of the list of bugs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let judges: Vec<&str> = self.found_by().iter().map(|judge| judge.name()).collect();
        write!(f, "{:26}{}  ({})", self.name(), self.about(), judges.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bugs_are_parsed_by_the_name_that_leads_their_line() {
        for bug in Bug::ALL {
            let line = bug.to_string();
            assert_eq!(line.split_whitespace().next(), Some(bug.name()));
            assert_eq!(Bug::parse(bug.name()), Some(bug));
        }
        assert_eq!(Bug::parse("none"), None);
    }
}
