//! The bug bank: mistakes that a real driver or store could make, planted to test the judges.
//!
//! A judge that lets one of them through proves nothing with its green runs. Each is a few lines
//! in the model of the driver or of the store; those of the decisions of game servers are planted in
//! `core` itself, which has them only under its feature `planted`.

mod judges;
mod words;

use std::fmt;

use steadfast_core::planted::Flaw;

use crate::{data, platform, sessions};

pub use judges::{Judge, Judges};

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
    /// The store lets any write of a record pass, whatever stands there.
    FenceIgnored,
    /// The store compares a record's fence and not its revision.
    RecordRevisionIgnored,
    /// The store compares the counter of a record's revision without its tag.
    CounterWithoutTag,
    /// A copy of a save is sent after the release, on whatever stands there.
    RenewalAfterRelease,
    /// A failed read is told as absent rows, and what must be absent may stand there.
    DefaultOverFailedRead,
    /// An operator writes a held record and leaves its fence.
    ForeignWriteUnderUnmovedFence,
    /// Mail moves the revision of its server's presence.
    MailboxInsidePresence,
    /// A renewal is written whatever it finds.
    RenewalAsUpsert,
    /// In `core`: [`Flaw::LeaseFromReply`].
    LeaseFromReply,
    /// In `core`: [`Flaw::TimeoutAsSaved`].
    SessionTimeoutAsSaved,
    /// In `core`: [`Flaw::ReleaseWithoutFinalSave`].
    ReleaseWithoutFinalSave,
    /// In `core`: [`Flaw::ActiveWhileReleasing`].
    ActiveWhileReleasing,
    /// In `core`: [`Flaw::OpeningDeclaresRemoteDead`].
    OpeningDeclaresRemoteDead,
    /// In `core`: [`Flaw::NoWatch`].
    NoWatchBeforeDeclaring,
    /// In `core`: [`Flaw::HandOffWithoutFence`].
    HandOffWithoutFence,
    /// In `core`: [`Flaw::NoOrphanRelease`].
    NoOrphanRelease,
    /// In `core`: [`Flaw::NoOwnIdRule`].
    NoOwnIdRule,
    /// In `core`: [`Flaw::PauseResumes`].
    PausePastTimeoutResumes,
    /// In `core`: [`Flaw::SpillOverwritesNewer`].
    SpillOverwritesNewer,
    /// In `core`: [`Flaw::CloseReportsSaved`].
    CloseReportsSavedOnUnknown,
    /// In `core`: [`Flaw::EndsGuessed`].
    EndsRotatedAndGuessed,
    /// In `core`: [`Flaw::QueueIgnoresPayload`].
    QueueIgnoresPayload,
    /// In `core`: [`Flaw::HorizonOffByOne`].
    HorizonOffByOne,
    /// In `core`: [`Flaw::ReceiptApart`].
    ReceiptApart,
    /// In `core`: [`Flaw::QueueRefusesSaves`].
    QueueRefusesSaves,
    /// In `core`: [`Flaw::SuspendedRunsOperations`].
    SuspendedRunsOperations,
    /// In `core`: [`Flaw::AppliedAgain`].
    AppliedAgain,
    /// In `core`: [`Flaw::HookSwallowed`].
    HookSwallowed,
    /// An operator who puts a record back puts its fence back too.
    RestoreLowersFence,
    /// In `core`: [`Flaw::MigrationHalfApplied`].
    MigrationHalfApplied,
    /// In `core`: [`Flaw::SchemaAheadOpened`].
    SchemaAheadOpened,
    /// In `core`: [`Flaw::MigrationStepTwice`].
    MigrationStepTwice,
    /// In `core`: [`Flaw::JointSavedApart`].
    JointSavedApart,
    /// In `core`: [`Flaw::JointGivenEarly`].
    JointGivenEarly,
    /// In `core`: [`Flaw::JointUndoForgotten`].
    JointUndoForgotten,
    /// In `core`: [`Flaw::JointUnknownAsRefused`].
    JointUnknownAsRefused,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 67] = [
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
        Self::FenceIgnored,
        Self::RecordRevisionIgnored,
        Self::CounterWithoutTag,
        Self::RenewalAfterRelease,
        Self::DefaultOverFailedRead,
        Self::ForeignWriteUnderUnmovedFence,
        Self::MailboxInsidePresence,
        Self::RenewalAsUpsert,
        Self::LeaseFromReply,
        Self::SessionTimeoutAsSaved,
        Self::ReleaseWithoutFinalSave,
        Self::ActiveWhileReleasing,
        Self::OpeningDeclaresRemoteDead,
        Self::NoWatchBeforeDeclaring,
        Self::HandOffWithoutFence,
        Self::NoOrphanRelease,
        Self::NoOwnIdRule,
        Self::PausePastTimeoutResumes,
        Self::SpillOverwritesNewer,
        Self::CloseReportsSavedOnUnknown,
        Self::EndsRotatedAndGuessed,
        Self::QueueIgnoresPayload,
        Self::HorizonOffByOne,
        Self::ReceiptApart,
        Self::QueueRefusesSaves,
        Self::SuspendedRunsOperations,
        Self::AppliedAgain,
        Self::HookSwallowed,
        Self::RestoreLowersFence,
        Self::MigrationHalfApplied,
        Self::SchemaAheadOpened,
        Self::MigrationStepTwice,
        Self::JointSavedApart,
        Self::JointGivenEarly,
        Self::JointUndoForgotten,
        Self::JointUnknownAsRefused,
    ];

    /// The judges that must find it, each on its own.
    pub const fn found_by(self) -> &'static [Judge] {
        match self {
            Self::GroupCheckedTogether
            // What clients see of these is right nearly always, or in any case.
            | Self::SweepUnconditional
            | Self::ReviewsDropped
            // The fence keeps what players see right, only not who waits, or believes.
            | Self::CounterWithoutTag
            | Self::RenewalAsUpsert
            | Self::LeaseFromReply
            | Self::OpeningDeclaresRemoteDead
            | Self::NoWatchBeforeDeclaring
            | Self::HandOffWithoutFence
            | Self::NoOrphanRelease
            | Self::NoOwnIdRule
            | Self::PausePastTimeoutResumes
            | Self::EndsRotatedAndGuessed
            // What is promised too early is kept nearly always, and what waits too long is done once.
            | Self::SuspendedRunsOperations
            | Self::HookSwallowed
            | Self::QueueRefusesSaves
            | Self::RestoreLowersFence
            // A player sees what he did, whatever shape it has.
            | Self::MigrationHalfApplied
            | Self::SchemaAheadOpened
            | Self::MigrationStepTwice
            // Each record by itself is one that edits and operations could have made.
            | Self::JointSavedApart
            | Self::JointGivenEarly
            | Self::JointUndoForgotten
            | Self::JointUnknownAsRefused => &[Judge::Oracle],
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
            | Self::RestoreRewinds
            | Self::FenceIgnored
            | Self::RecordRevisionIgnored
            | Self::RenewalAfterRelease
            | Self::DefaultOverFailedRead
            | Self::ForeignWriteUnderUnmovedFence
            | Self::MailboxInsidePresence
            | Self::SessionTimeoutAsSaved
            | Self::ReleaseWithoutFinalSave
            | Self::ActiveWhileReleasing
            | Self::SpillOverwritesNewer
            | Self::CloseReportsSavedOnUnknown
            | Self::QueueIgnoresPayload
            | Self::HorizonOffByOne
            | Self::ReceiptApart
            | Self::AppliedAgain => &[Judge::Oracle, Judge::History],
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
            Self::FenceIgnored
            | Self::RecordRevisionIgnored
            | Self::CounterWithoutTag
            | Self::RenewalAfterRelease
            | Self::DefaultOverFailedRead
            | Self::ForeignWriteUnderUnmovedFence
            | Self::MailboxInsidePresence
            | Self::RenewalAsUpsert
            | Self::LeaseFromReply
            | Self::SessionTimeoutAsSaved
            | Self::ReleaseWithoutFinalSave
            | Self::ActiveWhileReleasing
            | Self::OpeningDeclaresRemoteDead
            | Self::NoWatchBeforeDeclaring
            | Self::HandOffWithoutFence
            | Self::NoOrphanRelease
            | Self::NoOwnIdRule
            | Self::PausePastTimeoutResumes
            | Self::SpillOverwritesNewer
            | Self::CloseReportsSavedOnUnknown
            | Self::EndsRotatedAndGuessed
            | Self::QueueIgnoresPayload
            | Self::HorizonOffByOne
            | Self::ReceiptApart
            | Self::QueueRefusesSaves
            | Self::SuspendedRunsOperations
            | Self::AppliedAgain
            | Self::HookSwallowed
            | Self::RestoreLowersFence
            | Self::MigrationHalfApplied
            | Self::SchemaAheadOpened
            | Self::MigrationStepTwice
            | Self::JointSavedApart
            | Self::JointGivenEarly
            | Self::JointUndoForgotten
            | Self::JointUnknownAsRefused => sessions::NAME,
        }
    }

    /// The mistake in a decision of `core`, if it is one.
    pub(crate) fn flaw(self) -> Option<Flaw> {
        let flaws = [
            (Self::LeaseFromReply, Flaw::LeaseFromReply),
            (Self::SessionTimeoutAsSaved, Flaw::TimeoutAsSaved),
            (Self::ReleaseWithoutFinalSave, Flaw::ReleaseWithoutFinalSave),
            (Self::ActiveWhileReleasing, Flaw::ActiveWhileReleasing),
            (Self::OpeningDeclaresRemoteDead, Flaw::OpeningDeclaresRemoteDead),
            (Self::NoWatchBeforeDeclaring, Flaw::NoWatch),
            (Self::HandOffWithoutFence, Flaw::HandOffWithoutFence),
            (Self::NoOrphanRelease, Flaw::NoOrphanRelease),
            (Self::NoOwnIdRule, Flaw::NoOwnIdRule),
            (Self::PausePastTimeoutResumes, Flaw::PauseResumes),
            (Self::SpillOverwritesNewer, Flaw::SpillOverwritesNewer),
            (Self::CloseReportsSavedOnUnknown, Flaw::CloseReportsSaved),
            (Self::EndsRotatedAndGuessed, Flaw::EndsGuessed),
            (Self::QueueIgnoresPayload, Flaw::QueueIgnoresPayload),
            (Self::HorizonOffByOne, Flaw::HorizonOffByOne),
            (Self::ReceiptApart, Flaw::ReceiptApart),
            (Self::QueueRefusesSaves, Flaw::QueueRefusesSaves),
            (Self::SuspendedRunsOperations, Flaw::SuspendedRunsOperations),
            (Self::AppliedAgain, Flaw::AppliedAgain),
            (Self::HookSwallowed, Flaw::HookSwallowed),
            (Self::MigrationHalfApplied, Flaw::MigrationHalfApplied),
            (Self::SchemaAheadOpened, Flaw::SchemaAheadOpened),
            (Self::MigrationStepTwice, Flaw::MigrationStepTwice),
            (Self::JointSavedApart, Flaw::JointSavedApart),
            (Self::JointGivenEarly, Flaw::JointGivenEarly),
            (Self::JointUndoForgotten, Flaw::JointUndoForgotten),
            (Self::JointUnknownAsRefused, Flaw::JointUnknownAsRefused),
        ];
        flaws.into_iter().find_map(|(bug, flaw)| (bug == self).then_some(flaw))
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
        write!(f, "{:34}{}  ({})", self.name(), self.about(), judges.join(", "))
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
