//! Small files that say how far long work came, beside the file that it is about.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use steadfast_core::ErrorKind;

use crate::failure::{Failure, Result};

/// The path of a file with something behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Replaces a state. A crash leaves the old one or the new one.
///
/// # Errors
/// It cannot be written.
pub(super) fn save(path: &Path, state: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_vec(state).map_err(|error| Failure::of(ErrorKind::Internal, error))?;
    let new = beside(path, ".new");
    let written = File::create(&new)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_data()))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| unwritten(path, error))
}

/// Reads a state; none if there is none.
///
/// # Errors
/// It cannot be read, or is not one.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(path, Failure::of(ErrorKind::Invalid, error))),
    };
    let state = serde_json::from_slice(&text);
    state.map(Some).map_err(|error| unread(path, Failure::of(ErrorKind::Invalid, error)))
}

/// Removes a state that is not needed any more.
///
/// # Errors
/// It is still there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritten(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file that cannot be written.
pub(super) fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::of(ErrorKind::Unavailable, error).context(format!("cannot write `{}`", path.display()))
}

fn unread(path: &Path, failure: Failure) -> Failure {
    let hint = format!("remove `{}` to begin anew", path.display());
    failure.context(format!("cannot read the state in `{}`", path.display())).hint(hint)
}
