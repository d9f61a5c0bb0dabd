//! What planted bugs are called, and what they are.

use super::Bug;

impl Bug {
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
            Self::FenceIgnored => "fence-ignored",
            Self::RecordRevisionIgnored => "record-revision-ignored",
            Self::CounterWithoutTag => "counter-without-tag",
            Self::RenewalAfterRelease => "renewal-after-release",
            Self::DefaultOverFailedRead => "default-over-failed-read",
            Self::ForeignWriteUnderUnmovedFence => "foreign-write-under-unmoved-fence",
            Self::MailboxInsidePresence => "mailbox-inside-presence",
            Self::RenewalAsUpsert => "renewal-as-upsert",
            Self::LeaseFromReply => "lease-counted-from-reply",
            Self::SessionTimeoutAsSaved => "session-timeout-as-saved",
            Self::ReleaseWithoutFinalSave => "release-without-final-save",
            Self::ActiveWhileReleasing => "active-while-releasing",
            Self::OpeningDeclaresRemoteDead => "opening-declares-remote-dead",
            Self::NoWatchBeforeDeclaring => "no-watch-before-declaring",
            Self::HandOffWithoutFence => "hand-off-without-fence",
            Self::NoOrphanRelease => "no-orphan-release",
            Self::NoOwnIdRule => "no-own-id-rule",
            Self::PausePastTimeoutResumes => "pause-past-timeout-resumes",
            Self::SpillOverwritesNewer => "spill-overwrites-newer",
            Self::CloseReportsSavedOnUnknown => "close-reports-saved-on-unknown",
            Self::EndsRotatedAndGuessed => "ends-rotated-and-guessed",
            Self::QueueIgnoresPayload => "queue-ignores-payload",
            Self::HorizonOffByOne => "horizon-off-by-one",
            Self::ReceiptApart => "receipt-apart",
            Self::QueueRefusesSaves => "queue-refuses-saves",
            Self::SuspendedRunsOperations => "suspended-runs-operations",
            Self::AppliedAgain => "applied-again",
            Self::HookSwallowed => "hook-swallowed",
            Self::RestoreLowersFence => "restore-lowers-fence",
            Self::MigrationHalfApplied => "migration-half-applied",
            Self::SchemaAheadOpened => "schema-ahead-opened",
            Self::MigrationStepTwice => "migration-step-twice",
            Self::JointSavedApart => "joint-saved-apart",
            Self::JointGivenEarly => "joint-given-early",
            Self::JointUndoForgotten => "joint-undo-forgotten",
            Self::JointUnknownAsRefused => "joint-unknown-as-refused",
        }
    }

    /// What it is, in one line.
    #[expect(clippy::too_many_lines, reason = "one match")]
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
            Self::FenceIgnored => "the store ignores what a record's write must show",
            Self::RecordRevisionIgnored => {
                "the store compares the fence of a record, not its revision"
            }
            Self::CounterWithoutTag => "the store compares the counter of a record without its tag",
            Self::RenewalAfterRelease => {
                "a save is sent again after the release, on what stands there"
            }
            Self::DefaultOverFailedRead => {
                "a failed read is told as absent rows, and defaults are stored"
            }
            Self::ForeignWriteUnderUnmovedFence => {
                "an operator writes a held record and leaves its fence"
            }
            Self::MailboxInsidePresence => "mail moves the revision of its server's presence",
            Self::RenewalAsUpsert => "a renewal is written whatever it finds",
            Self::LeaseFromReply => "a server believes from the answer to its renewal on",
            Self::SessionTimeoutAsSaved => "a save without an answer counts as saved",
            Self::ReleaseWithoutFinalSave => "a release leaves out what was not saved",
            Self::ActiveWhileReleasing => "a session takes edits until its release is settled",
            Self::OpeningDeclaresRemoteDead => "opening a store declares remote servers dead",
            Self::NoWatchBeforeDeclaring => "a server is declared dead at first sight",
            Self::HandOffWithoutFence => "a hand-off is granted under any fence",
            Self::NoOrphanRelease => "a lease without a session is not released when asked for",
            Self::NoOwnIdRule => "a server waits for itself",
            Self::PausePastTimeoutResumes => "a server that was paused goes on believing",
            Self::SpillOverwritesNewer => "what was not saved is put on whatever stands there",
            Self::CloseReportsSavedOnUnknown => {
                "a close reports what it could not save as released"
            }
            Self::EndsRotatedAndGuessed => "what nobody knows any more is taken for saved",
            Self::QueueIgnoresPayload => "an operation is known by its id alone",
            Self::HorizonOffByOne => "an operation that was issued at the horizon is queued again",
            Self::ReceiptApart => "what operations changed is saved without their receipts",
            Self::QueueRefusesSaves => "a queueing moves the row of the record",
            Self::SuspendedRunsOperations => {
                "a suspended session runs operations and says that they are applied"
            }
            Self::AppliedAgain => "what was applied before the store went back is applied again",
            Self::HookSwallowed => "a save that a hook refused counts as saved",
            Self::RestoreLowersFence => "an operator who puts a record back lowers its fence",
            Self::MigrationHalfApplied => "the number of a migration is stored without its data",
            Self::SchemaAheadOpened => "old code opens what later code wrote",
            Self::MigrationStepTwice => "what was migrated is migrated once more",
            Self::JointSavedApart => {
                "a session is saved by itself while a transaction over it is open"
            }
            Self::JointGivenEarly => "what a transaction gives shows before it is stored",
            Self::JointUndoForgotten => "what a transaction took does not come back",
            Self::JointUnknownAsRefused => "a transaction without an answer counts as refused",
        }
    }
}
