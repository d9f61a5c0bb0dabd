//! The directory of a store: who has it, what wrote it, and whether it was closed properly.
//!
//! ```text
//! LOCK        locked while the store is open; its text names the holder
//! FORMAT      the format, the version that created the store, and `creating`, `copying` or `ready`
//! data.redb   the rows
//! CLOSED      the last commit, there only after a clean close
//! MANIFEST    what a backup holds; only backups have it
//! ```
//!
//! A first start writes FORMAT as `creating`, makes the data file complete, and then rewrites
//! FORMAT as `ready`. A crash before that leaves a directory in which nothing was ever
//! acknowledged, and the next start begins again; after that a missing data file is damage, never
//! a new store. CLOSED is removed before the first write: while it is there, a data file that is
//! not at its commit went back.
//!
//! A copy of a store (a backup, a restored or salvaged one) is `copying` until it is complete and
//! verified. It is refused by everything but another copy into it: a store that looks new where
//! somebody expects a restored one would lose every player.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use steadfast_core::Timestamp;

use crate::error::OpenError;

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const FORMAT_NEW: &str = "FORMAT.new";
const DATA: &str = "data.redb";
const CLOSED: &str = "CLOSED";
const CLOSED_NEW: &str = "CLOSED.new";
const MANIFEST: &str = "MANIFEST";
const MANIFEST_NEW: &str = "MANIFEST.new";

const CREATING: &str = "creating";
const COPYING: &str = "copying";
const READY: &str = "ready";

/// The format of directories and records that this version reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// A directory that this process has locked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing that was ever acknowledged.
    New,
    /// A copy that was begun and not finished.
    Copying,
    /// A store.
    Store,
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { action, path: path.to_owned(), source }
}

impl Directory {
    /// Locks the directory of a store, creating it if it is missing.
    pub(crate) fn lock(path: &Path, now: Timestamp) -> Result<(Self, Contents), OpenError> {
        // Looked at before anything is touched: the directory may be somebody else's.
        refuse_incomplete(path, contents(path)?)?;
        create_durably(path)?;
        let (directory, contents) = Self::lock_any(path, now)?;
        refuse_incomplete(path, contents)?;
        Ok((directory, contents))
    }

    /// Locks the directory that a copy is to be made in: a missing or empty one, or one in which
    /// nothing was ever complete.
    pub(crate) fn lock_target(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        refuse_store(path)?;
        create_durably(path)?;
        // The first file of all, so that a crash leaves nothing that opens as a new store.
        let format_path = path.join(FORMAT);
        match OpenOptions::new().write(true).create_new(true).open(&format_path) {
            Ok(mut file) => {
                let write = file.write_all(format_text(COPYING).as_bytes());
                write.and_then(|()| file.sync_all()).map_err(io_error("write", &format_path))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error("create", &format_path)(error)),
        }
        let (directory, contents) = Self::lock_any(path, now)?;
        match contents {
            Contents::New | Contents::Copying => Ok(directory),
            Contents::Store => Err(OpenError::NotEmpty { dir: path.to_owned() }),
        }
    }

    fn lock_any(path: &Path, now: Timestamp) -> Result<(Self, Contents), OpenError> {
        let lock_path = path.join(LOCK);
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path);
        let mut lock = open.map_err(io_error("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = lock.read_to_string(&mut holder);
                if read.is_err() || holder.trim().is_empty() {
                    "a process that did not write its name".clone_into(&mut holder);
                }
                let holder = holder.trim().to_owned();
                return Err(OpenError::Locked { dir: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &lock_path)(source)),
        }
        name_holder(&mut lock, now).map_err(io_error("write", &lock_path))?;
        // Again under the lock: another process may have made a store in between.
        let contents = contents(path)?;
        Ok((Self { path: path.to_owned(), _lock: lock }, contents))
    }

    /// Locks the directory of an existing store.
    pub(crate) fn lock_store(path: &Path, now: Timestamp) -> Result<Self, OpenError> {
        if contents(path)? == Contents::New {
            return Err(OpenError::NotAStore { dir: path.to_owned() });
        }
        Ok(Self::lock(path, now)?.0)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The data file.
    pub(crate) fn data_path(&self) -> PathBuf {
        self.path.join(DATA)
    }

    /// Opens the data file.
    pub(crate) fn open_data(&self) -> Result<File, OpenError> {
        let path = self.data_path();
        let open = OpenOptions::new().read(true).write(true).open(&path);
        open.map_err(io_error("open", &path))
    }

    /// Starts a new store: an empty data file, and a FORMAT that says so.
    pub(crate) fn begin_create(&self) -> Result<File, OpenError> {
        self.write_format(CREATING)?;
        self.create_data()
    }

    /// Starts a copy: an empty data file, nothing of an earlier attempt, and a FORMAT that says so.
    pub(crate) fn begin_copy(&self) -> Result<File, OpenError> {
        self.write_format(COPYING)?;
        self.remove(CLOSED)?;
        self.remove(MANIFEST)?;
        self.create_data()
    }

    fn create_data(&self) -> Result<File, OpenError> {
        let path = self.data_path();
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        open.map_err(io_error("create", &path))
    }

    /// Ends the creation: the data file is complete and durable.
    pub(crate) fn end_create(&self) -> Result<(), OpenError> {
        self.sync()?;
        self.write_format(READY)
    }

    /// Ends a copy: the data file is complete and durable. FORMAT is the last thing that is
    /// written.
    pub(crate) fn end_copy(&self, commit: u64, manifest: Option<&str>) -> Result<(), OpenError> {
        self.write_closed(commit)?;
        if let Some(manifest) = manifest {
            self.replace(MANIFEST_NEW, MANIFEST, manifest)?;
        }
        self.end_create()
    }

    /// What the MANIFEST says, if there is one.
    pub(crate) fn manifest(&self) -> Result<Option<String>, OpenError> {
        let path = self.path.join(MANIFEST);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    fn write_format(&self, state: &str) -> Result<(), OpenError> {
        self.replace(FORMAT_NEW, FORMAT, &format_text(state))
    }

    fn replace(&self, new: &str, name: &str, text: &str) -> Result<(), OpenError> {
        let (new, path) = (self.path.join(new), self.path.join(name));
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(io_error("write", &path))?;
        self.sync()
    }

    /// Makes the names in the directory durable.
    fn sync(&self) -> Result<(), OpenError> {
        let sync = || File::open(&self.path)?.sync_all();
        sync().map_err(io_error("sync", &self.path))
    }

    /// The commit at which the store was closed properly, if it was. A marker that cannot be read
    /// is one that does not match anything.
    pub(crate) fn closed_at(&self) -> Result<Option<Result<u64, String>>, OpenError> {
        let path = self.path.join(CLOSED);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        let text = String::from_utf8_lossy(&bytes);
        let commit = text.trim().strip_prefix("commit ").and_then(|number| number.parse().ok());
        Ok(Some(commit.ok_or_else(|| "its CLOSED file cannot be read".to_owned())))
    }

    /// Removes the marker of a clean close, before the first write.
    pub(crate) fn remove_closed(&self) -> Result<(), OpenError> {
        self.remove(CLOSED)
    }

    fn remove(&self, name: &str) -> Result<(), OpenError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_error("remove", &path)(error)),
        }
    }

    /// Marks a clean close at a commit, after the last write.
    pub(crate) fn write_closed(&self, commit: u64) -> Result<(), OpenError> {
        self.replace(CLOSED_NEW, CLOSED, &format!("commit {commit}\n"))
    }
}

fn format_text(state: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("steadfast store\nformat {FORMAT_VERSION}\ncreated-by {version}\nstate {state}\n")
}

fn refuse_incomplete(path: &Path, contents: Contents) -> Result<(), OpenError> {
    match contents {
        Contents::New | Contents::Store => Ok(()),
        Contents::Copying => Err(OpenError::Incomplete { dir: path.to_owned() }),
    }
}

/// Refuses a directory that a copy must not be made in, without touching it.
pub(crate) fn refuse_store(path: &Path) -> Result<(), OpenError> {
    match contents(path)? {
        Contents::New | Contents::Copying => Ok(()),
        Contents::Store => Err(OpenError::NotEmpty { dir: path.to_owned() }),
    }
}

/// What wrote the store of a directory, without locking or changing it.
///
/// # Errors
/// [`OpenError`]: not a store, an incomplete copy, of another format, or not accessible.
pub fn created_by(path: &Path) -> Result<String, OpenError> {
    if contents(path)? == Contents::New {
        return Err(OpenError::NotAStore { dir: path.to_owned() });
    }
    refuse_incomplete(path, contents(path)?)?;
    let format_path = path.join(FORMAT);
    let text = fs::read_to_string(&format_path).map_err(io_error("read", &format_path))?;
    let version = text.lines().find_map(|line| line.strip_prefix("created-by "));
    Ok(version.unwrap_or("an unnamed version").to_owned())
}

/// Names this process in the lock file.
fn name_holder(lock: &mut File, now: Timestamp) -> io::Result<()> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "an unnamed host" } else { host.trim() };
    let pid = std::process::id();
    let seconds = now.unix_millis().div_euclid(1_000);
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(format!("process {pid} on {host} since unix time {seconds}\n").as_bytes())?;
    lock.flush()
}

/// Makes a directory and what is missing above it, and makes their names durable: a store whose
/// directory is gone after a power cut has lost everything.
fn create_durably(path: &Path) -> Result<(), OpenError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|dir| !names_something(dir)).collect();
    fs::create_dir_all(path).map_err(io_error("create", path))?;
    for dir in missing.iter().rev().filter_map(|dir| dir.parent()) {
        // The parent of a relative path of one part is the empty path.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        let sync = || File::open(dir)?.sync_all();
        sync().map_err(io_error("sync", dir))?;
    }
    Ok(())
}

/// Whether there is something at a path. The empty path is where the process is.
fn names_something(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.exists()
}

/// Looks at a directory without changing it.
fn contents(path: &Path) -> Result<Contents, OpenError> {
    let format_path = path.join(FORMAT);
    match fs::read(&format_path) {
        Ok(bytes) => return parse_format(&String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error("read", &format_path)(error)),
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::New),
        Err(error) => return Err(io_error("list", path)(error)),
    };
    for entry in entries {
        let name = entry.map_err(io_error("list", path))?.file_name();
        if name != LOCK && name != FORMAT_NEW {
            return Err(OpenError::NotAStore { dir: path.to_owned() });
        }
    }
    Ok(Contents::New)
}

fn parse_format(text: &str) -> Result<Contents, OpenError> {
    let unknown = |found: &str| OpenError::UnknownFormat {
        found: found.to_owned(),
        expected: FORMAT_VERSION,
    };
    let mut lines = text.lines();
    if lines.next() != Some("steadfast store") {
        return Err(unknown("a FORMAT file that cannot be read"));
    }
    let format = lines.next().unwrap_or_default();
    let created_by = lines.next().unwrap_or_default();
    if format != format!("format {FORMAT_VERSION}") {
        return Err(unknown(&format!("{format} ({created_by})")));
    }
    match lines.next() {
        Some("state creating") => Ok(Contents::New),
        Some("state copying") => Ok(Contents::Copying),
        Some("state ready") => Ok(Contents::Store),
        Some(_) | None => Err(unknown("a FORMAT file that cannot be read")),
    }
}
