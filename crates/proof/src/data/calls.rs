//! What clients ask, and what they are told.

use steadfast_core::platform::{
    EntryPage, EntryState, FindStanding, ListEntries, ListOrdered, ListRevisions, ListStores,
    OrderedPage, OrderedRequest, OrderedState, PlatformError, RemoveRevision, Request,
    RevisionPage, Snapshot, Standing, StoreInfo, StorePage, StoreRequest, SweepOnce, SweepReport,
    TakeSnapshot,
};
use steadfast_core::{Timestamp, WriteId};
use steadfast_storage::platform::Answer;
use steadfast_storage::{Done, LocalPlatform, Platform};

/// A request.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Entry(Request),
    RemoveRevision(RemoveRevision),
    Revisions(ListRevisions),
    Entries(ListEntries),
    Stores(ListStores),
    Store(StoreRequest),
    Snapshot(TakeSnapshot),
    Ordered(OrderedRequest),
    Board(ListOrdered),
    Standing(FindStanding),
    Sweep(SweepOnce),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Entry(EntryState),
    Revisions(RevisionPage),
    Entries(EntryPage),
    Stores(StorePage),
    Store(StoreInfo),
    Snapshot(Snapshot),
    Ordered(OrderedState),
    Board(OrderedPage),
    Standing(Standing),
    Swept(SweepReport),
    Failed(PlatformError),
}

/// A moment of the world, as the oracle counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// How many batches were written.
    pub(crate) seq: u64,
    /// How many of them the boards were told of.
    pub(crate) told: u64,
    /// The store's time.
    pub(crate) now: Timestamp,
}

/// A request under way, or answered.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Its place in the order of all begins and ends.
    pub(crate) order: u64,
    pub(crate) client: usize,
    pub(crate) ask: Ask,
    pub(crate) began: Moment,
    /// Whether it began when no fault was left.
    pub(crate) is_calm: bool,
}

impl Ask {
    /// The id of its write, if it writes.
    pub(crate) fn write_id(&self) -> Option<WriteId> {
        use steadfast_core::platform::Operation;
        match self {
            Self::Entry(request) => request.write_id(),
            Self::RemoveRevision(request) => Some(request.write_id),
            Self::Store(request) => request.write_id(),
            Self::Snapshot(request) => Some(request.write_id),
            Self::Ordered(request) => request.write_id(),
            Self::Revisions(_)
            | Self::Entries(_)
            | Self::Stores(_)
            | Self::Board(_)
            | Self::Standing(_)
            | Self::Sweep(_) => None,
        }
    }

    /// Hands it to a platform.
    pub(crate) fn submit(
        self,
        platform: &LocalPlatform,
        answer: impl FnOnce(Told) + Send + 'static,
    ) {
        match self {
            Self::Entry(request) => platform.execute(request, done(answer, Told::Entry)),
            Self::RemoveRevision(request) => {
                platform.remove_revision(request, done(answer, Told::Entry));
            }
            Self::Revisions(request) => {
                platform.list_revisions(request, done(answer, Told::Revisions));
            }
            Self::Entries(request) => platform.list_entries(request, done(answer, Told::Entries)),
            Self::Stores(request) => platform.list_stores(request, done(answer, Told::Stores)),
            Self::Store(request) => platform.manage_store(request, done(answer, Told::Store)),
            Self::Snapshot(request) => {
                platform.take_snapshot(request, done(answer, Told::Snapshot));
            }
            Self::Ordered(request) => {
                platform.execute_ordered(request, done(answer, Told::Ordered));
            }
            Self::Board(request) => platform.list_ordered(request, done(answer, Told::Board)),
            Self::Standing(request) => {
                platform.find_standing(request, done(answer, Told::Standing));
            }
            Self::Sweep(request) => platform.sweep(request, done(answer, Told::Swept)),
        }
    }
}

fn done<T: 'static>(
    answer: impl FnOnce(Told) + Send + 'static,
    told: fn(T) -> Told,
) -> Done<Answer<T>> {
    Done::new(move |result: Answer<T>| answer(result.map_or_else(Told::Failed, told)))
}

impl Told {
    /// Whether it is certain that nothing was written.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Failed(error) if !matches!(error, PlatformError::OutcomeUnknown { .. }))
    }

    /// A stable word for the trace.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Failed(error) => error.code().name(),
            Self::Entry(_)
            | Self::Revisions(_)
            | Self::Entries(_)
            | Self::Stores(_)
            | Self::Store(_)
            | Self::Snapshot(_)
            | Self::Ordered(_)
            | Self::Board(_)
            | Self::Standing(_)
            | Self::Swept(_) => "ok",
        }
    }
}
