//! Why a store does not open, and what to do about it.

use std::io;
use std::path::PathBuf;

use steadfast_core::{Code, ErrorKind};

/// Why a store was not opened. Nothing of it was changed, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another opening in this one, has the directory.
    #[error("the directory `{}` is in use by {holder}", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Who has it, as the holder wrote it.
        holder: String,
    },
    /// The directory has other files and is not a store. Name another directory.
    #[error("the directory `{}` is not empty and not a store: it has no FORMAT file", dir.display())]
    NotAStore {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory for a new store holds one already. Name another directory.
    #[error("the directory `{}` holds a store already", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds a copy that was begun and not finished: a backup or a restore that was
    /// interrupted. Make the copy again, into this directory or another one.
    #[error("the directory `{}` holds a copy that was not finished", dir.display())]
    Incomplete {
        /// The directory.
        dir: PathBuf,
    },
    /// Another version wrote the store. Open it with the version named here, or a newer one.
    #[error(
        "the store has {found}, this version reads format {expected}: open it with the version that wrote it, or a newer one"
    )]
    UnknownFormat {
        /// What its FORMAT file says.
        found: String,
        /// The format of this version.
        expected: u32,
    },
    /// The store was closed properly, and is now behind what it was then: an older copy of the
    /// file, or damage. Restore a backup, or read what is left with
    /// [`salvage`](crate::salvage()).
    #[error("the store went back: {reason}")]
    WentBack {
        /// What does not match.
        reason: String,
    },
    /// The store is damaged. Look at it with [`doctor`](crate::doctor()), restore a backup, or read
    /// what is left with [`salvage`](crate::salvage()).
    #[error("the store is damaged: {reason}")]
    Damaged {
        /// What the engine or a check said.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the committer")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// What the caller does about it.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Locked { .. } => Code::DirectoryLocked,
            Self::NotAStore { .. } | Self::NotEmpty { .. } => Code::InvalidDirectory,
            Self::UnknownFormat { .. } => Code::UnknownDirectoryFormat,
            Self::Incomplete { .. } | Self::WentBack { .. } | Self::Damaged { .. } => Code::Corrupt,
            Self::Io { .. } | Self::Thread(_) => Code::StorageUnavailable,
        }
    }
}

/// Why a store was not closed properly. Everything acknowledged is durable all the same; the next
/// opening repairs what is left to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The store was stopped before.
    #[error("the store was stopped: {reason}")]
    Stopped {
        /// Why.
        reason: std::sync::Arc<str>,
    },
    /// The marker of a clean close could not be written.
    #[error(transparent)]
    Io(#[from] OpenError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_not_to_open_says_what_to_do_now() {
        let dir = PathBuf::from("data");
        let reason = || "a checksum".to_owned();
        let io = || io::Error::other("no");
        let table = [
            (
                OpenError::Locked { dir: dir.clone(), holder: "process 1".into() },
                Code::DirectoryLocked,
                ErrorKind::Conflict,
            ),
            (OpenError::NotAStore { dir: dir.clone() }, Code::InvalidDirectory, ErrorKind::Invalid),
            (OpenError::NotEmpty { dir: dir.clone() }, Code::InvalidDirectory, ErrorKind::Invalid),
            (
                OpenError::UnknownFormat { found: "format 9".into(), expected: 1 },
                Code::UnknownDirectoryFormat,
                ErrorKind::Invalid,
            ),
            (OpenError::Incomplete { dir: dir.clone() }, Code::Corrupt, ErrorKind::Corrupt),
            (OpenError::WentBack { reason: reason() }, Code::Corrupt, ErrorKind::Corrupt),
            (OpenError::Damaged { reason: reason() }, Code::Corrupt, ErrorKind::Corrupt),
            (
                OpenError::Io { action: "read", path: dir, source: io() },
                Code::StorageUnavailable,
                ErrorKind::Unavailable,
            ),
            (OpenError::Thread(io()), Code::StorageUnavailable, ErrorKind::Unavailable),
        ];
        for (error, code, kind) in table {
            assert_eq!((error.code(), error.kind()), (code, kind), "{error}");
        }
    }
}
