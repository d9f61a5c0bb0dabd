//! Play without a record: the template in memory, which nobody ever saves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_core::document::Document;

use crate::driver::{Inside, Keep};

/// What a player plays with whose record could not be loaded.
pub(super) struct Unsaved {
    keep: Arc<Keep>,
    document: Mutex<Box<dyn Document>>,
}

impl Unsaved {
    pub(super) fn new(keep: Arc<Keep>, template: Box<dyn Document>) -> Self {
        Self { keep, document: Mutex::new(template) }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Document>> {
        // A panic in a caller's edit leaves the document whole: edits work on copies.
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the data. As with a session, whoever is called must not use the store:
    /// two edits could wait for each other.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut dyn Document) -> R) -> R {
        let _inside = Inside::enter(&self.keep.driver);
        act(self.lock().as_mut())
    }
}

impl fmt::Debug for Unsaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsaved").finish_non_exhaustive()
    }
}
