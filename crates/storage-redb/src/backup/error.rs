//! Why a copy of a store was not made, or is not what it should be.

use std::path::{Path, PathBuf};

use steadfast_core::{Code, ErrorKind};

use crate::engine::EngineError;
use crate::error::OpenError;

/// Why a backup, a restore, a fork or a verification failed. The source is as it was; a target that
/// was begun refuses to open until the copy into it is made again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The source or the target cannot be used.
    #[error(transparent)]
    Directory(#[from] OpenError),
    /// The directory has no MANIFEST, so nobody can tell whether it is what was backed up. Use
    /// [`fork`](crate::fork()) to copy a data directory.
    #[error("the directory `{}` is not a backup: it has no MANIFEST", dir.display())]
    NotABackup {
        /// The directory.
        dir: PathBuf,
    },
    /// The backup is not what its MANIFEST says. Use another backup, or read what is left of this
    /// one with [`salvage`](crate::salvage()).
    #[error("the backup `{}` is not what its MANIFEST says: {}", dir.display(), problems.join("; "))]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What does not match.
        problems: Vec<String>,
    },
    /// The source cannot be read to its end. A store that is open is stopped by that.
    #[error("the store cannot be read: {reason}")]
    Source {
        /// What the engine said.
        reason: String,
    },
    /// The copy cannot be written.
    #[error("the copy in `{}` cannot be written: {reason}", dir.display())]
    Target {
        /// The directory of the copy.
        dir: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The copy does not read back as it was written: its disk cannot be trusted.
    #[error("the copy in `{}` does not read back as it was written", dir.display())]
    Differs {
        /// The directory of the copy.
        dir: PathBuf,
    },
    /// Another backup of this store is being made. Wait for it.
    #[error("another backup of this store is being made")]
    Busy,
    /// The observer ended it, or the store is closing.
    #[error("the copy was ended before it was complete")]
    Cancelled,
    /// The store is not in a directory.
    #[error("this store is not in a directory, so there is nothing to copy")]
    Unsupported,
}

impl BackupError {
    /// What the caller does about it.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Directory(error) => error.code(),
            Self::NotABackup { .. } => Code::InvalidDirectory,
            Self::Unsupported => Code::Unsupported,
            Self::Damaged { .. } | Self::Source { .. } | Self::Differs { .. } => Code::Corrupt,
            Self::Target { .. } | Self::Cancelled => Code::StorageUnavailable,
            Self::Busy => Code::BackupRunning,
        }
    }

    pub(super) fn source(error: &EngineError) -> Self {
        Self::Source { reason: error.to_string() }
    }

    pub(super) fn target(dir: &Path) -> impl Fn(&EngineError) -> Self {
        let dir = dir.to_owned();
        move |error| Self::Target { dir: dir.clone(), reason: error.to_string() }
    }
}
