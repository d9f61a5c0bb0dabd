//! The handle that everything starts from.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use steadfast_core::game_server::ServerEvent;
use steadfast_core::operation::OperationSettings;
use steadfast_core::platform::{
    EntryPage, EntryState, FindStanding, ListEntries, ListOrdered, ListRevisions, ListStores,
    OrderedPage, OrderedRequest, OrderedState, Permit, PlatformError, RemoveRevision, Request,
    RevisionPage, Settings, Snapshot, Standing, StoreInfo, StorePage, StoreRequest, SweepReport,
    TakeSnapshot, Update, UpdateStep,
};
use steadfast_core::session::Spill;
use steadfast_core::{Content, EntryId, Limits, OpeningId, Scope, StoreId, Timestamp, WriteId};
use steadfast_storage::{Backend, LocalPlatform, LocalRecords, MemoryBackend, Ownership, Platform};
use steadfast_storage_redb::{BackupError, Manifest, Observer, RedbBackend};
use tokio::sync::oneshot;

use crate::answer::{Answer, submit};
use crate::driver::Events;
use crate::engine::{OpenError, Options, Stopped};
use crate::errors::StoreError;
use crate::keys::{ApiKeys, new_write_id};
use crate::operator::Operator;
use crate::session::{Data, Dynamic};
use crate::sessions::Sessions;
use crate::spills::{KeptSpill, Spills};
use crate::store::Store;
use crate::sweeper::Sweeper;

/// An open store. A cheap handle: clones are the same store.
#[derive(Clone)]
pub struct Steadfast {
    platform: LocalPlatform,
    limits: Arc<Limits>,
    settings: Arc<Settings>,
    sweeper: Arc<Sweeper>,
    sessions: Arc<Sessions>,
    records: LocalRecords,
    operations: Arc<OperationSettings>,
    /// The backend once more, if it is one that can be copied.
    directory: Option<Arc<RedbBackend>>,
}

impl Steadfast {
    /// Opens a data directory, and makes it if there is none. One process at a time. The work is
    /// done on a thread of its own.
    ///
    /// # Errors
    /// [`OpenError`]: held by another process, of an unknown format, damaged, or not ours.
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        let dir = dir.as_ref().to_path_buf();
        let (sender, receiver) = oneshot::channel();
        let named = thread::Builder::new().name("steadfast-open".into());
        // Should nobody wait any more, the store is closed again.
        let open = move || drop(sender.send(Self::open_with(dir, Options::default())));
        // Not joined: it ends with what it sends.
        drop(named.spawn(open).map_err(OpenError::Thread)?);
        let ended = || Err(OpenError::Thread(std::io::Error::other("the opening ended early")));
        receiver.await.unwrap_or_else(|_| ended())
    }

    /// The same with settings, on this thread.
    ///
    /// # Errors
    /// As [`open`](Self::open), [`OpenError::Settings`], and [`OpenError::Spills`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let clock = Arc::clone(&options.clock);
        let redb_options = steadfast_storage_redb::Options {
            clock: Box::new(move || clock()),
            ..steadfast_storage_redb::Options::default()
        };
        let backend =
            RedbBackend::open(dir.as_ref(), redb_options).map_err(OpenError::Directory)?;
        let backend = Arc::new(backend);
        let spills_in = options.spills_in.or_else(|| Some(dir.as_ref().join("spills")));
        let options = Options { ownership: Ownership::Sole, spills_in, ..options };
        let db = Self::over(Arc::<RedbBackend>::clone(&backend), options)?;
        Ok(Self { directory: Some(backend), ..db })
    }

    /// A store that lives as long as its handles, for tests and for trying things out.
    ///
    /// # Errors
    /// [`OpenError::Thread`], [`OpenError::Settings`].
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        let clock = Arc::clone(&options.clock);
        Self::over(Arc::new(MemoryBackend::new(move || clock())), options)
    }

    /// A store over a backend of one's own.
    ///
    /// # Errors
    /// [`OpenError::Thread`], [`OpenError::Settings`], [`OpenError::Spills`].
    pub fn over(backend: Arc<dyn Backend>, options: Options) -> Result<Self, OpenError> {
        options.check().map_err(OpenError::Settings)?;
        let spills = Spills::open(options.spills_in.as_deref()).map_err(OpenError::Spills)?;
        let writes_per_key_max = options.limits.writes_per_key_max;
        let platform = LocalPlatform::new(backend, options.settings.clone(), writes_per_key_max)
            .map_err(OpenError::Thread)?;
        let (limits, settings) =
            (Arc::new(options.limits.clone()), Arc::new(options.settings.clone()));
        let opening = OpeningId(new_write_id().0);
        let records = LocalRecords::new(platform.clone(), opening, options.ownership);
        let sweeper =
            Sweeper::start(&platform, &records, options.sweep_every).map_err(OpenError::Thread)?;
        let operations = Arc::new(options.operations.clone());
        let sessions = Arc::new(Sessions::new(Arc::new(records.clone()), spills, options));
        Ok(Self {
            platform,
            limits,
            settings,
            sweeper: Arc::new(sweeper),
            sessions,
            records,
            operations,
            directory: None,
        })
    }

    /// The records of a data store as a type of one's own. The first call starts the game server
    /// that its sessions live in.
    ///
    /// # Errors
    /// [`StoreError`].
    #[expect(clippy::unused_async, reason = "stores behind a network will have to be asked")]
    pub async fn store<T: Data>(&self, name: &str) -> Result<Store<T>, StoreError> {
        self.store_blocking(name)
    }

    /// [`store`](Self::store) without a runtime. It may take as long as the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn store_blocking<T: Data>(&self, name: &str) -> Result<Store<T>, StoreError> {
        let (keep, store) = self.sessions.of_store(name, &self.limits)?;
        Ok(Store::typed(self.clone(), keep, store))
    }

    /// The records of a data store as any JSON.
    ///
    /// # Errors
    /// [`StoreError`].
    #[expect(clippy::unused_async, reason = "stores behind a network will have to be asked")]
    pub async fn values(&self, name: &str) -> Result<Store<Dynamic>, StoreError> {
        self.values_blocking(name)
    }

    /// [`values`](Self::values) without a runtime. It may take as long as the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn values_blocking(&self, name: &str) -> Result<Store<Dynamic>, StoreError> {
        let (keep, store) = self.sessions.of_store(name, &self.limits)?;
        Ok(Store::dynamic(self.clone(), keep, store))
    }

    /// What people do to the records of a data store and scope, under the name of one of them.
    pub fn operator(&self, store: StoreId, scope: Scope, name: impl Into<Arc<str>>) -> Operator {
        Operator::new(self.clone(), store, scope, name.into())
    }

    /// Does what is due for sessions and tells what happened, with [`Drive::ByPoll`]. How long
    /// nothing more is due; nothing if that is not known, or a thread does it.
    ///
    /// [`Drive::ByPoll`]: crate::Drive::ByPoll
    pub fn poll(&self) -> Option<Duration> {
        self.sessions.keep().and_then(|keep| keep.poll())
    }

    /// What happens to the game server that sessions live in; nothing before the first of them.
    pub fn server_events(&self) -> Option<Events<ServerEvent>> {
        let keep = self.sessions.keep()?;
        Some(keep.driver.with(|state, _| Events::of(&state.server_events)))
    }

    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// How many sessions are open.
    pub fn session_count(&self) -> usize {
        self.sessions.keep().map_or(0, |keep| keep.driver.with(|state, _| state.session_count()))
    }

    /// What earlier sessions could not save and no record has taken since. It is offered to every
    /// opening of its record; what is stale by then is left to a person.
    pub fn spills(&self) -> Vec<KeptSpill> {
        self.sessions.spills.list()
    }

    /// Files in the directory of spills that are damaged or not ours. They are left alone.
    pub fn unreadable_spills(&self) -> Vec<PathBuf> {
        self.sessions.spills.unreadable()
    }

    /// Releases every session, and takes no others. What could not be saved within `close_timeout`
    /// comes back, and is kept for the next opening of its record.
    pub async fn close_sessions(&self) -> Vec<Spill> {
        match self.sessions.end() {
            None => Vec::new(),
            Some(keep) => submit(|done| keep.close(done)).await.unwrap_or_default(),
        }
    }

    /// The limits of requests.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What data stores do where the live service leaves it open.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store's time.
    pub fn now(&self) -> Timestamp {
        self.backend().now()
    }

    /// A new id for one write.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn new_write_id(&self) -> WriteId {
        new_write_id()
    }

    /// Carries out a request. It is submitted at once; dropping the future does not cancel it.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn execute(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<EntryState, PlatformError>> + Send + use<> {
        let write_id = request.write_id();
        answered(write_id, submit(|done| self.platform.execute(request, done)))
    }

    /// Removes one revision from the history of an entry, for good. Answers what it was.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn remove_revision(
        &self,
        request: RemoveRevision,
    ) -> impl Future<Output = Result<EntryState, PlatformError>> + Send + use<> {
        let write_id = Some(request.write_id);
        answered(write_id, submit(|done| self.platform.remove_revision(request, done)))
    }

    /// Lists entries by scope and key.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn list_entries(
        &self,
        request: ListEntries,
    ) -> impl Future<Output = Result<EntryPage, PlatformError>> + Send + use<> {
        answered(None, submit(|done| self.platform.list_entries(request, done)))
    }

    /// Lists the revisions of an entry.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn list_revisions(
        &self,
        request: ListRevisions,
    ) -> impl Future<Output = Result<RevisionPage, PlatformError>> + Send + use<> {
        answered(None, submit(|done| self.platform.list_revisions(request, done)))
    }

    /// Lists data stores.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn list_stores(
        &self,
        request: ListStores,
    ) -> impl Future<Output = Result<StorePage, PlatformError>> + Send + use<> {
        answered(None, submit(|done| self.platform.list_stores(request, done)))
    }

    /// Looks at a data store as a whole, or changes it.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn manage_store(
        &self,
        request: StoreRequest,
    ) -> impl Future<Output = Result<StoreInfo, PlatformError>> + Send + use<> {
        let write_id = Some(request.write_id);
        answered(write_id, submit(|done| self.platform.manage_store(request, done)))
    }

    /// Takes the snapshot of the day, if there is none yet.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn take_snapshot(
        &self,
        request: TakeSnapshot,
    ) -> impl Future<Output = Result<Snapshot, PlatformError>> + Send + use<> {
        let write_id = Some(request.write_id);
        answered(write_id, submit(|done| self.platform.take_snapshot(request, done)))
    }

    /// Carries out a request on one entry of an ordered data store.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn execute_ordered(
        &self,
        request: OrderedRequest,
    ) -> impl Future<Output = Result<OrderedState, PlatformError>> + Send + use<> {
        let write_id = Some(request.write_id);
        answered(write_id, submit(|done| self.platform.execute_ordered(request, done)))
    }

    /// Lists a board by value.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn list_ordered(
        &self,
        request: ListOrdered,
    ) -> impl Future<Output = Result<OrderedPage, PlatformError>> + Send + use<> {
        answered(None, submit(|done| self.platform.list_ordered(request, done)))
    }

    /// Tells where an entry stands on its board, exactly. The first question about a board counts
    /// it, later ones do not.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    pub fn find_standing(
        &self,
        request: FindStanding,
    ) -> impl Future<Output = Result<Standing, PlatformError>> + Send + use<> {
        answered(None, submit(|done| self.platform.find_standing(request, done)))
    }

    /// Makes one pass of the sweep: removes rows of what is not there any more, and looks at no more
    /// rows than the budget says before it ends. A store does this by itself, unless
    /// [`Options::sweep_every`] says otherwise.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do. What the pass did not get to is due in the
    /// next one.
    pub fn sweep(
        &self,
        budget: usize,
    ) -> impl Future<Output = Result<SweepReport, PlatformError>> + Send + use<> {
        answered(None, submit(|done| self.sweeper.submit(&self.platform, budget, done)))
    }

    /// Changes an entry by a callback: read, change, write unless somebody came in between, else
    /// again with what stands there now (G-20).
    ///
    /// The callback gets the current state, nothing if the entry is missing or deleted, and returns
    /// what to store, or nothing to leave it as it is. It may run many times and must have no
    /// effect besides its answer. Returns the new state, nothing if the callback gave up.
    ///
    /// # Errors
    /// [`PlatformError`]: its `kind()` says what to do.
    ///
    /// # Cancel safety
    /// Dropped, it stops before its next step. A write that was submitted happens all the same.
    pub fn update<F>(
        &self,
        entry: EntryId,
        permit: Permit,
        change: F,
    ) -> impl Future<Output = Result<Option<EntryState>, PlatformError>> + Send + use<F>
    where
        F: FnMut(Option<&EntryState>) -> Option<Arc<Content>> + Send,
    {
        let db = self.clone();
        async move {
            let (mut update, read) = Update::start(entry, permit, db.new_write_id(), change);
            let mut step = UpdateStep::Send(read);
            loop {
                match step {
                    UpdateStep::Send(request) => {
                        step = update.on_answer(db.execute(request).await);
                    }
                    UpdateStep::Done(result) => return result,
                }
            }
        }
    }

    /// The API keys of this store.
    pub fn keys(&self) -> ApiKeys {
        ApiKeys::new(Arc::clone(self.backend()))
    }

    /// Whether the store serves.
    ///
    /// # Errors
    /// [`Stopped`]: it never serves again in this process.
    pub fn health(&self) -> Result<(), Stopped> {
        self.backend().stopped().map_or(Ok(()), |reason| Err(Stopped { reason }))
    }

    /// Makes a backup in a directory that is missing or empty, as of one moment, while the store
    /// serves. Everything acknowledged before the call is in it. Blocks until it is complete: call
    /// it on a thread of its own. Closing the store ends it.
    ///
    /// # Errors
    /// [`BackupError`]; the directory then refuses to open until a backup into it is complete.
    pub fn backup_to(
        &self,
        dir: impl AsRef<Path>,
        observer: &mut Observer<'_>,
    ) -> Result<Manifest, BackupError> {
        let backend = self.directory.as_ref().ok_or(BackupError::Unsupported)?;
        backend.backup_to(dir.as_ref(), observer)
    }

    /// Releases every session, finishes what was submitted and closes the store for every handle.
    /// Blocks until it is done: for sessions at most `close_timeout`. In async code, await
    /// [`close_sessions`](Self::close_sessions) before.
    ///
    /// # Errors
    /// [`Stopped`]: it had stopped before, or could not be closed in order. What was acknowledged
    /// is durable all the same.
    pub fn close(self) -> Result<(), Stopped> {
        self.sessions.close();
        self.sweeper.stop();
        self.backend().close().map_err(|reason| Stopped { reason })
    }

    pub(crate) fn shared_limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    pub(crate) fn records(&self) -> &LocalRecords {
        &self.records
    }

    pub(crate) fn operations(&self) -> Arc<OperationSettings> {
        Arc::clone(&self.operations)
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        self.platform.backend()
    }
}

/// The answer to a submitted request, also if the store ends meanwhile.
async fn answered<T>(
    write_id: Option<WriteId>,
    answer: Answer<Result<T, PlatformError>>,
) -> Result<T, PlatformError> {
    match (answer.await, write_id) {
        (Some(answer), _) => answer,
        (None, Some(write_id)) => Err(PlatformError::OutcomeUnknown { write_id }),
        (None, None) => Err(PlatformError::Unavailable { reason: "the store ended".into() }),
    }
}

impl fmt::Debug for Steadfast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Steadfast").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::platform::{Get, Which};
    use steadfast_core::{EntryKey, Scope, StoreId, StoreName, UniverseId};

    use super::*;

    #[tokio::test]
    async fn a_missing_entry_is_an_error_with_a_kind() {
        let db = Steadfast::in_memory(Options::default()).unwrap();
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
        let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") };
        let answer = db.execute(Request::Get(Get { entry, which: Which::Current })).await;
        assert!(matches!(answer, Err(PlatformError::StoreNotFound { .. })));
    }

    #[test]
    fn only_a_directory_can_be_backed_up() {
        let db = Steadfast::in_memory(Options::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        let refused = db.backup_to(dir.path(), go_on);
        assert!(matches!(refused, Err(BackupError::Unsupported)), "{refused:?}");
        let home = Steadfast::open_with(dir.path().join("home"), Options::default()).unwrap();
        let made = home.backup_to(dir.path().join("saved"), go_on).unwrap();
        home.close().unwrap();
        assert_eq!(steadfast_storage_redb::verify(&dir.path().join("saved"), go_on).unwrap(), made);
    }

    #[test]
    fn write_ids_differ() {
        let db = Steadfast::in_memory(Options::default()).unwrap();
        assert_ne!(db.new_write_id(), db.new_write_id());
    }
}
