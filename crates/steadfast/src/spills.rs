//! Bytes of sessions that could not be saved, kept for the next opening of their record.
//!
//! ```text
//!   <directory>/<hash of the entry>.json       the newest of an entry
//!   <directory>/<hash of the entry>.<n>.json   older ones: for a person
//! ```
//!
//! A file appears whole or not at all, and is durable before anybody hears of it. A record that is
//! opened takes the newest if nothing was written since; else it stays, and a person decides.

mod file;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use steadfast_core::EntryId;
use steadfast_core::session::Spill;

/// Bytes of a session that ended without being saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSpill {
    /// What was not saved.
    pub spill: Spill,
    /// Its file; nothing in a store in memory, or if the file could not be written.
    pub path: Option<PathBuf>,
}

/// What is kept.
#[derive(Default)]
struct Kept {
    /// The newest of each entry.
    newest: BTreeMap<EntryId, KeptSpill>,
    /// Those that were replaced.
    older: Vec<KeptSpill>,
    /// Files that are not what we write.
    unreadable: Vec<PathBuf>,
}

/// The spills of a store.
#[derive(Default)]
pub(crate) struct Spills {
    directory: Option<PathBuf>,
    kept: Mutex<Kept>,
}

impl Spills {
    /// Those of a directory, which is made when it is needed; of none, they are kept in memory.
    pub(crate) fn open(directory: Option<&Path>) -> io::Result<Self> {
        let mut kept = Kept::default();
        let Some(directory) = directory else { return Ok(Self::default()) };
        let files = match fs::read_dir(directory) {
            Ok(files) => files.collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut paths: Vec<PathBuf> = files.iter().map(fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            if path.extension().is_none_or(|extension| extension != "json") {
                // What a crash left half-written was never told of.
                continue;
            }
            match file::read(&path) {
                Some(spill) => {
                    let is_newest = path == file_of(directory, &spill.entry, None);
                    let found = KeptSpill { spill, path: Some(path) };
                    if is_newest {
                        kept.newest.insert(found.spill.entry.clone(), found);
                    } else {
                        kept.older.push(found);
                    }
                }
                None => kept.unreadable.push(path),
            }
        }
        Ok(Self { directory: Some(directory.to_path_buf()), kept: Mutex::new(kept) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest of an entry.
    pub(crate) fn find(&self, entry: &EntryId) -> Option<Spill> {
        self.kept().newest.get(entry).map(|kept| kept.spill.clone())
    }

    /// Keeps the bytes of a session. Should the disk refuse, they are kept in memory, and whoever
    /// looks at the list sees that they have no file.
    pub(crate) fn keep(&self, spill: Spill) {
        let mut kept = self.kept();
        let older = kept.newest.remove(&spill.entry);
        let path = self.directory.as_ref().and_then(|directory| {
            let path = file_of(directory, &spill.entry, None);
            let aside = free_file_of(directory, &spill.entry)?;
            let older = older.as_ref().and_then(|older| older.path.as_ref());
            // Never written over: if the older file keeps its name, this one gets the other.
            let is_free = older.is_none_or(|older| fs::rename(older, &aside).is_ok());
            let (path, older) = if is_free { (path, aside) } else { (aside, path) };
            Some((file::write(directory, &path, &spill).ok().map(|()| path), older))
        });
        let (path, aside) = path.unzip();
        kept.older.extend(older.map(|older| {
            let path = older.path.is_some().then_some(aside).flatten();
            KeptSpill { path, ..older }
        }));
        kept.newest.insert(spill.entry.clone(), KeptSpill { spill, path: path.flatten() });
    }

    /// The newest of an entry is stored.
    pub(crate) fn forget(&self, entry: &EntryId) {
        if let Some(KeptSpill { path: Some(path), .. }) = self.kept().newest.remove(entry) {
            // One that stays is found to be stored, or stale, at the next opening of its record.
            drop(fs::remove_file(path));
        }
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<KeptSpill> {
        let kept = self.kept();
        kept.newest.values().chain(&kept.older).cloned().collect()
    }

    /// The files that cannot be read.
    pub(crate) fn unreadable(&self) -> Vec<PathBuf> {
        self.kept().unreadable.clone()
    }
}

/// The name of an entry's file: nothing of the entry's own name would fit every file system.
fn file_of(directory: &Path, entry: &EntryId, number: Option<u32>) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(entry.store.universe.0.to_be_bytes());
    for name in [entry.store.name.as_str(), entry.scope.as_str(), entry.key.as_str()] {
        // Lengths keep two different entries from being one text.
        hash.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(name);
    }
    let name = file::hexadecimal(&hash.finalize());
    directory.join(match number {
        None => format!("{name}.json"),
        Some(number) => format!("{name}.{number}.json"),
    })
}

/// A name that no older file of an entry has.
fn free_file_of(directory: &Path, entry: &EntryId) -> Option<PathBuf> {
    let mut names = (1..u32::MAX).map(|number| file_of(directory, entry, Some(number)));
    names.find(|name| !name.exists())
}

#[cfg(test)]
#[path = "spills/tests.rs"]
mod tests;
