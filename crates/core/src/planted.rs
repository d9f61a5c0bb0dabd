//! Mistakes that the proof plants in the decisions of game servers and stores, to test its judges.
//!
//! Without the feature `planted` nothing of them is compiled: no flaw is ever there.

/// A mistake in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// A server believes in itself from the answer to its renewal on, not from its sending.
    LeaseFromReply,
    /// A save without an answer counts as committed.
    TimeoutAsSaved,
    /// A release leaves out what was not saved before.
    ReleaseWithoutFinalSave,
    /// A session takes edits until its release is settled.
    ActiveWhileReleasing,
    /// A server that was alive before the store was opened counts as dead.
    OpeningDeclaresRemoteDead,
    /// A server is declared dead at first sight of an old renewal.
    NoWatch,
    /// A hand-off is granted under whatever fence it was asked for.
    HandOffWithoutFence,
    /// A server leaves the leases of sessions that it does not know as they are.
    NoOrphanRelease,
    /// A server waits for itself where a lease names it that it does not know.
    NoOwnIdRule,
    /// A server that was paused goes on believing.
    PauseResumes,
    /// What could not be saved is put again on whatever the record holds.
    SpillOverwritesNewer,
    /// A close reports what it could not save as released.
    CloseReportsSaved,
    /// What nobody knows any more is taken for saved.
    EndsGuessed,
    /// An operation is known by its id alone, whatever its payload is.
    QueueIgnoresPayload,
    /// An unknown operation that was issued exactly at the horizon is queued.
    HorizonOffByOne,
    /// A save leaves out what became of the operations that it applies.
    ReceiptApart,
    /// A queueing moves the row of the record.
    QueueRefusesSaves,
    /// A suspended session runs operations and tells their ends.
    SuspendedRunsOperations,
    /// What was applied before the store went back is applied again.
    AppliedAgain,
    /// A save that a hook refused counts as saved.
    HookSwallowed,
    /// A grant stores the number of a migration and leaves the data as it was.
    MigrationHalfApplied,
    /// Data of later code is opened as if it were of this code's version.
    SchemaAheadOpened,
    /// What was migrated is migrated once more.
    MigrationStepTwice,
    /// A session that takes part in a transaction is saved by itself all the same.
    JointSavedApart,
    /// What a transaction gives shows before it is stored.
    JointGivenEarly,
    /// What a transaction took is not added back when it is not stored.
    JointUndoForgotten,
    /// A transaction without an answer counts as refused.
    JointUnknownAsRefused,
}

/// Which flaw a game server or a store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    #[cfg(feature = "planted")]
    pub(crate) planted: Option<Flaw>,
}

impl Flaws {
    /// Whether it has this one.
    pub(crate) fn has(self, flaw: Flaw) -> bool {
        #[cfg(feature = "planted")]
        let planted = self.planted;
        #[cfg(not(feature = "planted"))]
        let Self {} = self;
        #[cfg(not(feature = "planted"))]
        let planted = None;
        planted == Some(flaw)
    }
}
