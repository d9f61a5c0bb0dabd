//! The trait of a data store as the live service defines it.

use steadfast_core::platform::{
    EntryPage, EntryState, FindStanding, ListEntries, ListOrdered, ListRevisions, ListStores,
    OrderedPage, OrderedRequest, OrderedState, PlatformError, RemoveRevision, Request,
    RevisionPage, Snapshot, Standing, StoreInfo, StorePage, StoreRequest, TakeSnapshot,
};

use crate::done::Done;

/// What a request answers.
pub type Answer<T = EntryState> = Result<T, PlatformError>;

macro_rules! platform {
    ($($(#[$doc:meta])* $name:ident($request:ty) -> $answer:ty;)*) => {
        /// Data stores: near, over a [`Backend`](crate::Backend), or far, over HTTP.
        ///
        /// A write is never cancelled once it was submitted.
        pub trait Platform: Send + Sync {
            $($(#[$doc])* fn $name(&self, request: $request, done: Done<Answer<$answer>>);)*
        }

        impl<P: Platform + ?Sized> Platform for std::sync::Arc<P> {
            $(fn $name(&self, request: $request, done: Done<Answer<$answer>>) {
                (**self).$name(request, done);
            })*
        }
    };
}

platform! {
    /// Carries out a request on one entry.
    execute(Request) -> EntryState;
    /// Removes one revision from the history of an entry, for good (V-04). Answers what it was.
    remove_revision(RemoveRevision) -> EntryState;
    /// Lists entries.
    list_entries(ListEntries) -> EntryPage;
    /// Lists the revisions of an entry.
    list_revisions(ListRevisions) -> RevisionPage;
    /// Lists data stores.
    list_stores(ListStores) -> StorePage;
    /// Looks at a data store as a whole, or changes it.
    manage_store(StoreRequest) -> StoreInfo;
    /// Takes the snapshot of the day.
    take_snapshot(TakeSnapshot) -> Snapshot;
    /// Carries out a request on one entry of an ordered data store.
    execute_ordered(OrderedRequest) -> OrderedState;
    /// Lists a board.
    list_ordered(ListOrdered) -> OrderedPage;
    /// Tells where an entry stands on its board.
    find_standing(FindStanding) -> Standing;
}
