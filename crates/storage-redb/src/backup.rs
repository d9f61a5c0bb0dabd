//! Copies of a store: backups of a running or a stopped one, restores, forks.
//!
//! ```text
//! source  snapshot --- group --- group --- done
//! target  copying      commit    commit    sync, verify, CLOSED, MANIFEST, ready
//! ```
//!
//! A backup is a data directory with a MANIFEST beside its data: `doctor` examines it, `salvage`
//! reads it, and it opens. Every copy is read back from its files before it is called complete. A
//! crash leaves a directory that says `copying`; it opens as nothing, and the next copy into it
//! begins again.
//!
//! Damaged rows of the source do not keep a backup from being made: the rest would be without one.
//! They are copied as they are, read as damaged in the copy as they did before, and are listed in
//! the manifest. A store whose pages are damaged is not copied; `salvage` reads those.
//!
//! Counters, revisions and stamps go on from where the copy was made. So a restored store may give
//! a counter again that was given after the backup, though never with the same tag, and conditions
//! compare both.

mod copy;
mod error;
mod manifest;
mod survey;
mod watch;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::TryLockError;

pub use self::error::BackupError;
pub use self::manifest::Manifest;
pub use self::watch::{Observer, Progress, Stage};

use self::copy::{copy, open_unchanged, options, verify_data};
use self::survey::Survey;
use self::watch::Watch;
use crate::backend::{RedbBackend, load_counters, went_back};
use crate::directory::{Directory, refuse_store};
use crate::engine::{Health, Snapshot, caught, guarded};
use crate::error::OpenError;

/// What a copy is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Backup,
    Fork,
    /// It must have the content of the backup.
    Restore {
        content: u64,
    },
}

impl RedbBackend {
    /// Makes a backup of the running store in a directory that is missing or empty, as of one
    /// moment: everything acknowledged before the call is in it, batches are in it whole.
    ///
    /// It runs on the calling thread and blocks it; reads and writes of the store go on. The store
    /// keeps what is replaced meanwhile until the last row is read. Closing the store ends it.
    ///
    /// # Errors
    /// [`BackupError`]; the store goes on, unless its engine failed.
    pub fn backup_to(
        &self,
        dir: &Path,
        observer: &mut Observer<'_>,
    ) -> Result<Manifest, BackupError> {
        let shared = &self.shared;
        let _only_one = match shared.backup.try_lock() {
            Ok(guard) => guard,
            // It guards nothing that a panic could leave half-changed.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(BackupError::Busy),
        };
        let mut observer = |progress| {
            if shared.queue.is_closed() { ControlFlow::Break(()) } else { observer(progress) }
        };
        let mut watch = Watch::new(&mut observer);
        let target = Directory::lock_target(dir, (shared.options.clock)())?;
        let copied = shared.with_database(|database| {
            let health = &shared.health;
            let snapshot = guarded(health, || Snapshot::open(database))?;
            Ok(copy(snapshot, health, &target, &mut watch))
        });
        let content = copied.map_err(|error| BackupError::source(&error))??;
        finish(&target, content, Purpose::Backup, &mut watch)
    }
}

/// Makes a backup of a store that no process has open. Nothing in its directory changes, except
/// that its LOCK file names this process.
///
/// # Errors
/// [`BackupError`].
pub fn backup(dir: &Path, to: &Path, observer: &mut Observer<'_>) -> Result<Manifest, BackupError> {
    copy_directory(dir, to, Purpose::Backup, &mut Watch::new(observer))
}

/// Copies a store that no process has open, or a backup, to a directory of its own life.
///
/// # Errors
/// [`BackupError`].
pub fn fork(dir: &Path, to: &Path, observer: &mut Observer<'_>) -> Result<Manifest, BackupError> {
    copy_directory(dir, to, Purpose::Fork, &mut Watch::new(observer))
}

/// Makes a data directory from a backup that is exactly what its MANIFEST says.
///
/// # Errors
/// [`BackupError`]; nothing is written before the backup is verified.
pub fn restore(
    backup: &Path,
    to: &Path,
    observer: &mut Observer<'_>,
) -> Result<Manifest, BackupError> {
    refuse_store(to)?;
    let source = lock_source(backup)?;
    let mut watch = Watch::new(observer);
    let manifest = verify_locked(backup, &source, &mut watch)?;
    transcribe(&source, to, Purpose::Restore { content: manifest.content }, &mut watch)
}

/// Reads a backup from its files and compares it with its MANIFEST. Changes nothing, except that
/// its LOCK file names this process.
///
/// # Errors
/// [`BackupError::Damaged`] with everything that does not match; others if it cannot be examined.
pub fn verify(backup: &Path, observer: &mut Observer<'_>) -> Result<Manifest, BackupError> {
    let source = lock_source(backup)?;
    verify_locked(backup, &source, &mut Watch::new(observer))
}

fn lock_source(dir: &Path) -> Result<Directory, OpenError> {
    Directory::lock_store(dir, (options().clock)())
}

fn verify_locked(
    dir: &Path,
    source: &Directory,
    watch: &mut Watch<'_>,
) -> Result<Manifest, BackupError> {
    let damaged = |problems| BackupError::Damaged { dir: dir.to_owned(), problems };
    let Some(text) = source.manifest()? else {
        return Err(BackupError::NotABackup { dir: dir.to_owned() });
    };
    let manifest = Manifest::parse(&text)
        .ok_or_else(|| damaged(vec!["the MANIFEST itself is damaged".to_owned()]))?;
    let found = verify_data(source, watch)?;
    let found = found.map_err(|error| damaged(vec![error.to_string()]))?;
    let problems = manifest.differences(&found);
    if problems.is_empty() { Ok(manifest) } else { Err(damaged(problems)) }
}

fn copy_directory(
    dir: &Path,
    to: &Path,
    purpose: Purpose,
    watch: &mut Watch<'_>,
) -> Result<Manifest, BackupError> {
    refuse_store(to)?;
    transcribe(&lock_source(dir)?, to, purpose, watch)
}

fn transcribe(
    source: &Directory,
    to: &Path,
    purpose: Purpose,
    watch: &mut Watch<'_>,
) -> Result<Manifest, BackupError> {
    let damaged = |reason: String| BackupError::Directory(OpenError::Damaged { reason });
    let database = open_unchanged(source).map_err(|error| damaged(error.to_string()))?;
    let opened = caught(|| {
        let snapshot = Snapshot::open(&database)?;
        let counters = load_counters(&snapshot)?;
        Ok((snapshot, counters))
    });
    let (snapshot, counters) = opened.map_err(|error| damaged(error.to_string()))?;
    let closed_at = source.closed_at()?.transpose();
    let closed_at = closed_at.map_err(|reason| OpenError::WentBack { reason })?;
    if let Some(reason) = went_back(closed_at, &counters) {
        return Err(OpenError::WentBack { reason }.into());
    }
    let target = Directory::lock_target(to, (options().clock)())?;
    let content = copy(snapshot, &Health::default(), &target, watch)?;
    drop(database);
    finish(&target, content, purpose, watch)
}

/// Reads a copy back, and calls it complete if it is.
fn finish(
    target: &Directory,
    content: u64,
    purpose: Purpose,
    watch: &mut Watch<'_>,
) -> Result<Manifest, BackupError> {
    let survey = verify_data(target, watch)?;
    let survey = survey.map_err(|error| BackupError::target(target.path())(&error))?;
    let expected = match purpose {
        Purpose::Backup | Purpose::Fork => content,
        Purpose::Restore { content } => content,
    };
    if survey.content != content || survey.content != expected {
        return Err(BackupError::Differs { dir: target.path().to_owned() });
    }
    let Survey { commit, .. } = survey;
    let manifest = Manifest::new(survey);
    let text = manifest.to_text();
    target.end_copy(commit, (purpose == Purpose::Backup).then_some(&text))?;
    Ok(manifest)
}
