//! The backend itself: opening, reading, committing, closing.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use redb::backends::FileBackend;
use redb::{Database, ReadableTable, StorageBackend};
use steadfast_core::row::{HeadsReply, HeadsResult};
use steadfast_core::{
    Batch, CommitOutcome, Outcome, ReadError, Refusal, RowKey, RowRange, Timestamp,
};
use steadfast_storage::backend::OrderedWatcher;
use steadfast_storage::{
    Backend, Capabilities, Done, ReadReply, ReadResult, ScanReply, ScanResult,
};

use crate::bytes::Family;
use crate::committer::{self, Full, Queue, Write};
use crate::directory::{Contents, Directory, FORMAT_VERSION};
use crate::encode::meta::{self, Counters};
use crate::engine::{
    EngineError, FAMILIES, Health, Snapshot, Source, add_tables, caught, create_tables, guarded,
    is_original, since, table_name, tables_present,
};
use crate::error::{CloseError, OpenError};
use crate::gate::Gate;
use crate::options::Options;
use crate::overlay::Overlay;
use crate::prepare::prepare;
use crate::read::row;
use crate::scan::{heads, scan};
use crate::stores::StoreNumbers;

/// A store in one directory, or in one storage of the engine.
///
/// Reads run on the calling thread. Batches are checked, encoded and compressed there too, and are
/// then written by one thread that commits whatever arrived during its last flush.
///
/// # Example
/// ```
/// use steadfast_storage::Backend;
/// use steadfast_storage_redb::{Options, RedbBackend};
///
/// let dir = tempfile::tempdir()?;
/// let store = RedbBackend::open(dir.path(), Options::default())?;
/// assert!(store.capabilities().durable);
/// store.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedbBackend {
    pub(crate) shared: Arc<Shared>,
    started_at: Timestamp,
    committer: Mutex<Option<JoinHandle<Counters>>>,
}

/// What the callers and the committer share.
pub(crate) struct Shared {
    pub(crate) health: Arc<Health>,
    pub(crate) options: Options,
    pub(crate) stores: StoreNumbers,
    pub(crate) queue: Queue,
    /// Is told of every change of an ordered data store.
    pub(crate) watcher: OnceLock<Arc<dyn OrderedWatcher>>,
    last_stamp: AtomicI64,
    /// Nothing once the store is closed. Readers hold the lock for one read, so closing waits for
    /// them.
    database: RwLock<Option<Database>>,
    directory: Mutex<Option<Directory>>,
    /// Held by the one backup that may run at a time.
    pub(crate) backup: Mutex<()>,
}

impl Shared {
    /// Calls `f` with the engine, which stays open that long.
    pub(crate) fn with_database<T>(
        &self,
        f: impl FnOnce(&Database) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let closed = || EngineError::Stopped("the store is closed".into());
        f(database.as_ref().ok_or_else(closed)?)
    }

    pub(crate) fn set_last_stamp(&self, stamp: Timestamp) {
        self.last_stamp.store(stamp.ticks(), Ordering::Release);
    }

    fn now(&self) -> Timestamp {
        let last = Timestamp::from_ticks(self.last_stamp.load(Ordering::Acquire));
        (self.options.clock)().max(last)
    }

    fn reading<T>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, EngineError>,
    ) -> Result<T, ReadError> {
        let result = guarded(&self.health, || {
            self.with_database(|database| read(&Snapshot::open(database)?))
        });
        result.map_err(|error| {
            let reason = self.health.stopped();
            ReadError::Unavailable { reason: reason.unwrap_or_else(|| error.to_string().into()) }
        })
    }
}

impl RedbBackend {
    /// Opens the store of a directory, and makes one if the directory is missing or empty.
    ///
    /// # Errors
    /// [`OpenError`]: in use, not a store, of another format, damaged, or not accessible.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let (directory, contents) = Directory::lock(dir, (options.clock)())?;
        if contents == Contents::New {
            let file = directory.begin_create()?;
            let storage = file_backend(file)?;
            create(Box::new(storage), &options)?;
            directory.end_create()?;
        }
        let closed_at = closed_at(&directory, &options)?;
        let storage = file_backend(directory.open_data()?)?;
        Self::start(Box::new(storage), options, Some(directory), closed_at)
    }

    /// Opens a store in a storage of the engine, without a directory and without a lock, and makes
    /// one if the storage is empty. For tests and measurements.
    ///
    /// # Errors
    /// [`OpenError`]: damaged or not accessible.
    pub fn open_with(storage: impl StorageBackend, options: Options) -> Result<Self, OpenError> {
        let storage: Arc<dyn StorageBackend> = Arc::new(storage);
        let len = storage.len().map_err(|error| damaged(&error.to_string()))?;
        if len == 0 {
            create(Box::new(Borrowed(Arc::clone(&storage))), &options)?;
        }
        Self::start(Box::new(Borrowed(storage)), options, None, None)
    }

    fn start(
        storage: Box<dyn StorageBackend>,
        options: Options,
        directory: Option<Directory>,
        closed_at: Option<u64>,
    ) -> Result<Self, OpenError> {
        let health = Arc::new(Health::default());
        let gate = Gate::new(storage, Arc::clone(&health));
        let opened = caught(|| open_database(gate, &options)).map_err(|error| {
            // Whatever the engine still tries while it unwinds stays out of the file.
            health.stop(&error.to_string());
            not_opened(&error)
        });
        let (database, mut counters, stores) = opened?;
        // Durable with the first commit.
        counters.tables = meta::TABLES;
        if let Some(reason) = went_back(closed_at, &counters) {
            health.stop(&reason);
            return Err(OpenError::WentBack { reason });
        }
        if let Some(directory) = &directory {
            directory.remove_closed()?;
        }
        let queue = Queue::new(options.queue_size_max);
        let last_stamp = AtomicI64::new(counters.stamped_at.ticks());
        let (database, directory) = (RwLock::new(Some(database)), Mutex::new(directory));
        let (watcher, backup) = (OnceLock::new(), Mutex::default());
        let shared = Shared {
            health,
            options,
            stores,
            queue,
            watcher,
            last_stamp,
            database,
            directory,
            backup,
        };
        let shared = Arc::new(shared);
        let started_at = shared.now();
        let for_committer = Arc::clone(&shared);
        let committer = thread::Builder::new()
            .name("steadfast-committer".to_owned())
            .spawn(move || committer::run(&for_committer, counters));
        let committer = committer.map_err(OpenError::Thread)?;
        Ok(Self { shared, started_at, committer: Mutex::new(Some(committer)) })
    }

    /// Why the store was stopped, if it was. A stopped store answers nothing any more; open it
    /// again to go on.
    pub fn stopped(&self) -> Option<Arc<str>> {
        self.shared.health.stopped()
    }

    /// Writes what waits, and closes the store.
    ///
    /// # Errors
    /// [`CloseError`]; what was acknowledged is durable all the same.
    pub fn close(self) -> Result<(), CloseError> {
        self.shut_down()
    }

    fn shut_down(&self) -> Result<(), CloseError> {
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(committer) = committer else { return Ok(()) };
        self.shared.queue.close();
        if committer.thread().id() == thread::current().id() {
            // A completion dropped the last handle: the committer ends by itself, without marking
            // a clean close.
            return Ok(());
        }
        let Ok(counters) = committer.join() else {
            self.shared.health.stop("the committer panicked");
            return self.stopped_result();
        };
        let closed = caught(|| {
            drop(self.shared.database.write().unwrap_or_else(PoisonError::into_inner).take());
            Ok(())
        });
        if let Err(error) = closed {
            self.shared.health.stop(&error.to_string());
        }
        // Unlocked when this ends, after the marker is written.
        let directory = self.shared.directory.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.stopped_result()?;
        if let Some(directory) = directory {
            directory.write_closed(counters.commit)?;
        }
        Ok(())
    }

    fn stopped_result(&self) -> Result<(), CloseError> {
        self.stopped().map_or(Ok(()), |reason| Err(CloseError::Stopped { reason }))
    }
}

impl Drop for RedbBackend {
    fn drop(&mut self) {
        // Nobody is left to tell; the next opening finds no marker and repairs.
        drop(self.shut_down());
    }
}

impl fmt::Debug for RedbBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbBackend").field("stopped", &self.stopped()).finish_non_exhaustive()
    }
}

impl Backend for RedbBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "redb", durable: true, single_owner: true }
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }

    fn started_at(&self) -> Timestamp {
        self.started_at
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        let shared = &self.shared;
        let found = shared.reading(|snapshot| {
            rows.iter().map(|key| row(snapshot, &shared.stores, key)).collect()
        });
        done.complete(found.map(|rows| ReadReply { rows, now: shared.now() }));
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        let shared = &self.shared;
        let found = shared.reading(|snapshot| scan(snapshot, &shared.stores, &range, limit));
        done.complete(found.map(|(rows, more)| ScanReply { rows, more }));
    }

    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        let is_headed = matches!(range, RowRange::Entries { .. } | RowRange::Revisions { .. });
        assert!(is_headed, "only entries and revisions have heads: {range:?}");
        let shared = &self.shared;
        let found =
            shared.reading(|snapshot| heads(snapshot, &shared.stores, &range, limit, with_sizes));
        done.complete(found.map(|(heads, more)| HeadsReply { heads, more }));
    }

    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        self.shared.watcher.set(watcher).is_ok()
    }

    fn drain(&self, done: Done<()>) {
        self.shared.queue.push_drain(done);
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.shared.health.stopped()
    }

    fn close(&self) -> Result<(), Arc<str>> {
        self.shut_down().map_err(|error| error.to_string().into())
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        let shared = &self.shared;
        if let Err(error) = batch.check(&shared.options.limits) {
            return done.complete(Outcome::Refused(Refusal::Invalid(error)));
        }
        if let Some(reason) = self.stopped() {
            return done.complete(Outcome::Refused(Refusal::Unavailable { reason }));
        }
        let batch = prepare(&shared.stores, batch);
        let (request, refusal) = match shared.queue.push(Write { batch, done }) {
            Ok(()) => return,
            Err(Full::Full(request)) => {
                (request, Refusal::Exhausted { reason: "the queue of the store is full".into() })
            }
            Err(Full::Closed(request)) => {
                (request, Refusal::Unavailable { reason: "the store is closing".into() })
            }
        };
        request.done.complete(Outcome::Refused(refusal));
    }
}

/// A storage that outlives the engine's handle on it.
#[derive(Debug)]
struct Borrowed(Arc<dyn StorageBackend>);

impl StorageBackend for Borrowed {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

pub(crate) fn damaged(reason: &str) -> OpenError {
    OpenError::Damaged { reason: reason.to_owned() }
}

fn not_opened(error: &EngineError) -> OpenError {
    match error {
        EngineError::Newer => {
            let (found, expected) = ("tables of a newer version".to_owned(), FORMAT_VERSION);
            OpenError::UnknownFormat { found, expected }
        }
        EngineError::NoSpace
        | EngineError::Failed(_)
        | EngineError::Panicked(_)
        | EngineError::Stopped(_) => damaged(&error.to_string()),
    }
}

pub(crate) fn file_backend(file: std::fs::File) -> Result<FileBackend, OpenError> {
    FileBackend::new(file).map_err(|error| damaged(&error.to_string()))
}

pub(crate) fn create(storage: Box<dyn StorageBackend>, options: &Options) -> Result<(), OpenError> {
    let health = Arc::new(Health::default());
    let gate = Gate::new(storage, Arc::clone(&health));
    let created = caught(|| {
        let database = builder(options).create_with_backend(gate)?;
        create_tables(&database, &Counters::NEW.encode())?;
        drop(database);
        Ok(())
    });
    created.map_err(|error| damaged(&error.to_string()))?;
    health.stopped().map_or(Ok(()), |reason| Err(damaged(&reason)))
}

pub(crate) fn builder(options: &Options) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_size);
    builder
}

pub(crate) fn open_database(
    storage: impl StorageBackend,
    options: &Options,
) -> Result<(Database, Counters, StoreNumbers), EngineError> {
    if storage.len().is_ok_and(|len| len == 0) {
        // The engine would take it for a new database.
        return Err(EngineError::Failed("the data file is empty".to_owned()));
    }
    let database = builder(options).create_with_backend(storage)?;
    complete_tables(&database)?;
    let snapshot = Snapshot::open(&database)?;
    let counters = load_counters(&snapshot)?;
    if counters.tables > meta::TABLES {
        // What is not known would be left out of copies, and not be kept true by writes.
        return Err(EngineError::Newer);
    }
    let stores = StoreNumbers::load(&snapshot)?;
    drop(snapshot);
    Ok((database, counters, stores))
}

/// Adds the tables that a store of an earlier version does not have. A damaged list of tables must
/// not turn into new, empty tables: the counters tell which there must be.
pub(crate) fn complete_tables(database: &Database) -> Result<(), EngineError> {
    let present = tables_present(database)?;
    let is_missing = |family: &Family| !present.iter().any(|name| name == table_name(*family));
    let missing =
        |family| EngineError::Failed(format!("the table `{}` is missing", table_name(family)));
    let originals = FAMILIES.into_iter().filter(|family| is_original(*family));
    if let Some(family) = originals.into_iter().find(is_missing) {
        return Err(missing(family));
    }
    let later: Vec<Family> = FAMILIES.into_iter().filter(is_missing).collect();
    if later.is_empty() {
        return Ok(());
    }
    let counters = load_counters(&Snapshot::open(database)?)?;
    match later.into_iter().find(|family| since(*family) <= counters.tables) {
        Some(family) => Err(missing(family)),
        None => add_tables(database),
    }
}

pub(crate) fn load_counters(source: &impl Source) -> Result<Counters, EngineError> {
    let record = source.table(Family::Meta)?.get(meta::KEY)?;
    let record =
        record.ok_or_else(|| EngineError::Failed("the counters are missing".to_owned()))?;
    Counters::decode(record.value())
        .map_err(|damage| EngineError::Failed(format!("the counters are damaged: {damage}")))
}

pub(crate) fn went_back(closed_at: Option<u64>, counters: &Counters) -> Option<String> {
    let closed_at = closed_at.filter(|closed_at| *closed_at != counters.commit)?;
    let commit = counters.commit;
    Some(format!("it was closed at commit {closed_at}, its data file is at commit {commit}"))
}

/// The commit of a clean close, after a look at the data file that changes nothing in it: opening
/// a file that went back would make the older state the only one left.
fn closed_at(directory: &Directory, options: &Options) -> Result<Option<u64>, OpenError> {
    let Some(closed_at) = directory.closed_at()? else { return Ok(None) };
    let closed_at = closed_at.map_err(|reason| OpenError::WentBack { reason })?;
    let base: Arc<dyn StorageBackend> = Arc::new(file_backend(directory.open_data()?)?);
    let look = caught(|| {
        let overlay = Overlay::new(base).map_err(|error| EngineError::Failed(error.to_string()))?;
        let (database, counters, _) = open_database(overlay, options)?;
        drop(database);
        Ok(counters)
    });
    let counters = look.map_err(|error| not_opened(&error))?;
    match went_back(Some(closed_at), &counters) {
        Some(reason) => Err(OpenError::WentBack { reason }),
        None => Ok(Some(closed_at)),
    }
}

#[cfg(test)]
#[path = "backend/tests.rs"]
mod tests;
