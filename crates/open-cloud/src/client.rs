//! A client: the data stores of a server of ours, or of the live service, as a [`Platform`].
//!
//! ```text
//!   request ─► is it allowed? ─► gate: budget, Retry-After ─► one call ─► typed answer
//!                                   ▲                            │
//!                                   └──── 429 ◄──────────────────┤
//!             the same call again ◄──── no answer, a server of ours, and exact to repeat
//! ```
//!
//! Conditional writes go through v1, the rest through v2; what neither has goes through the own API
//! of our server, and is [`Unsupported`](PlatformError::Unsupported) on the live service.
//!
//! What an answer means:
//! - Nothing was sent, or the service says that it did nothing: an error of its own kind.
//! - A write was sent, perhaps, and no answer came that can be trusted: `OutcomeUnknown`. On a
//!   server of ours it is first sent again under its write id, if the store can tell for certain
//!   whether it happened: when it names the revision that it stands on.
//! - A read without such an answer is `Unavailable`, never "no data": absence is only what the
//!   service says in its own words.
//!
//! What HTTP does not carry: the tag of a revision is 0 ([`Revision`](steadfast_core::Revision)),
//! its counter is that of the revision id; a state of an ordered data store has neither, nor a time;
//! lists do not say which revisions are pinned, and those of the live service not which entries are
//! deleted; [`Permit`](steadfast_core::platform::Permit) does not count, the rights are those of the
//! API key.
//!
//! No tokio type is in a signature: calls run on a thread of the client's own, where completions are
//! called too. They may submit requests, but must not wait for one.
//!
//! Invariants: the API key is sent to the configured host only, and in no text; nothing is sent
//! while the gate is shut; a write that is not exact to repeat is sent once.
//! Start reading at [`Client::connect`].

mod aliases;
mod answer;
mod call;
mod config;
mod entries;
mod gate;
mod lists;
mod ordered;
mod refusal;
mod runtime;
mod service;
mod stores;
mod tokens;
mod transport;

use std::fmt;
use std::sync::Arc;

use steadfast_core::WriteId;
use steadfast_core::platform::{
    EntryPage, EntryState, FindStanding, ListEntries, ListOrdered, ListRevisions, ListStores,
    OrderedAction, OrderedPage, OrderedRequest, OrderedState, PlatformError, RemoveRevision,
    Request, RevisionPage, Snapshot, Standing, StoreChange, StoreInfo, StorePage, StoreRequest,
    TakeSnapshot,
};
use steadfast_storage::platform::Answer;
use steadfast_storage::{Done, Platform};

use self::runtime::Runtime;
use self::service::Session;

pub use self::config::{Budget, Config, ConnectError, Key, LIVE_URL, Service};

/// Data stores over HTTP. A cheap handle: clones share connections, budget and limits.
///
/// When the last handle is dropped, requests that are under way are still carried out.
#[derive(Clone)]
pub struct Client {
    session: Arc<Session>,
    runtime: Runtime,
}

impl Client {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConnectError`]: a setting that cannot be used, or the system gives no thread.
    pub fn connect(config: Config) -> Result<Self, ConnectError> {
        let (queue, in_flight) = (config.queue_count_max, config.in_flight_count_max);
        let session = Arc::new(Session::new(config)?);
        let runtime = Runtime::start(queue, in_flight).map_err(ConnectError::Thread)?;
        Ok(Self { session, runtime })
    }

    /// Hands a request over to the client's thread.
    fn submit<T, F>(
        &self,
        write_id: Option<WriteId>,
        done: Done<Answer<T>>,
        work: impl FnOnce(Arc<Session>) -> F,
    ) where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        if write_id.is_some()
            && let Err(error) = self.session.check_writable()
        {
            return done.complete(Err(error));
        }
        self.runtime.submit(write_id, done, work(Arc::clone(&self.session)));
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Platform for Client {
    fn execute(&self, request: Request, done: Done<Answer>) {
        self.submit(request.write_id(), done, |session| async move {
            let restores = matches!(request, Request::Restore(_));
            if request.forces() && !(restores && session.is_ours()) {
                let what = "write an entry that a game server holds";
                return Err(PlatformError::Unsupported { what });
            }
            match request {
                Request::Get(get) => session.get(get).await,
                Request::Set(set) => session.set(set).await,
                Request::Increment(increment) => session.increment(increment).await,
                Request::Remove(remove) => session.remove(remove).await,
                Request::Restore(restore) => session.restore(restore).await,
            }
        });
    }

    fn remove_revision(&self, request: RemoveRevision, done: Done<Answer<EntryState>>) {
        self.submit(Some(request.write_id), done, |session| async move {
            session.remove_revision(request).await
        });
    }

    fn list_entries(&self, request: ListEntries, done: Done<Answer<EntryPage>>) {
        self.submit(None, done, |session| async move { session.list_entries(&request).await });
    }

    fn list_revisions(&self, request: ListRevisions, done: Done<Answer<RevisionPage>>) {
        self.submit(None, done, |session| async move { session.list_revisions(&request).await });
    }

    fn list_stores(&self, request: ListStores, done: Done<Answer<StorePage>>) {
        self.submit(None, done, |session| async move { session.list_stores(&request).await });
    }

    fn manage_store(&self, request: StoreRequest, done: Done<Answer<StoreInfo>>) {
        let writes = request.change != StoreChange::Look;
        let write_id = writes.then_some(request.write_id);
        self.submit(write_id, done, |session| async move { session.manage_store(request).await });
    }

    fn take_snapshot(&self, request: TakeSnapshot, done: Done<Answer<Snapshot>>) {
        self.submit(Some(request.write_id), done, |session| async move {
            session.take_snapshot(request).await
        });
    }

    fn execute_ordered(&self, request: OrderedRequest, done: Done<Answer<OrderedState>>) {
        let write_id = (request.action != OrderedAction::Get).then_some(request.write_id);
        self.submit(
            write_id,
            done,
            |session| async move { session.execute_ordered(request).await },
        );
    }

    fn list_ordered(&self, request: ListOrdered, done: Done<Answer<OrderedPage>>) {
        self.submit(None, done, |session| async move { session.list_ordered(&request).await });
    }

    fn find_standing(&self, request: FindStanding, done: Done<Answer<Standing>>) {
        self.submit(None, done, |session| async move { session.find_standing(&request).await });
    }
}

/// The error of a client's request that a service refused, or that the client refused for it.
fn refused(kind: steadfast_core::ErrorKind, reason: impl Into<Arc<str>>) -> PlatformError {
    PlatformError::Refused { kind, reason: reason.into() }
}

#[cfg(test)]
mod tests;
