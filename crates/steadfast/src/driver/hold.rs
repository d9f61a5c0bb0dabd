//! A session that somebody has.

use std::fmt;
use std::sync::Arc;

use steadfast_core::document::Document;
use steadfast_core::game_server::{EditRefused, SessionHandle};
use steadfast_core::session::{Access, SaveError, Session};
use steadfast_core::{EntryId, Metadata, Revision, UserId};
use steadfast_storage::Done;

use super::{Driver, Dropped, Keep, SessionEvents};
use crate::signals::{ChangeLog, Edited, Note};

/// A session that somebody has. Dropped, it is released in the background.
pub(crate) struct Hold {
    pub(crate) keep: Arc<Keep>,
    pub(crate) handle: SessionHandle,
    pub(crate) entry: EntryId,
    pub(crate) events: Arc<SessionEvents>,
}

impl Hold {
    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.keep.driver
    }

    /// Changes what the session holds, and tells whoever wants to know.
    pub(crate) fn edit<R, E>(
        &self,
        note: Note,
        edit: impl FnOnce(&mut dyn Document, &ChangeLog) -> Result<Edited<R>, E>,
    ) -> Result<R, EditRefused<E>> {
        let log = &self.events.changes;
        let edited = self.keep.driver.with(|state, now| {
            let mut places = None;
            let answer = state.edit(now, self.handle, |document| {
                let edited = edit(document, log)?;
                places = edited.places;
                Ok((edited.answer, edited.is_changed))
            })?;
            if let Some(places) = places {
                log.record(note, places);
            }
            Ok(answer)
        });
        log.notify();
        edited
    }

    /// Changes the user ids and attributes that stand beside the data.
    pub(crate) fn edit_labels<R, E>(
        &self,
        edit: impl FnOnce(&mut Vec<UserId>, &mut Metadata) -> Result<(R, bool), E>,
    ) -> Result<R, EditRefused<E>> {
        self.keep.driver.with(|state, now| state.edit_labels(now, self.handle, edit))
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&mut dyn Document) -> R) -> Result<R, Access> {
        self.keep.driver.with(|state, _| state.read(self.handle, read))
    }

    pub(crate) fn mark_clean(&self) -> Result<(), Access> {
        self.keep.driver.with(|state, _| state.mark_clean(self.handle))
    }

    /// Looks at the session; nothing if it is over.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Session) -> R) -> Option<R> {
        self.keep.driver.with(|state, _| state.look(self.handle, look))
    }

    pub(crate) fn save(&self, done: Done<Result<Revision, SaveError>>) -> Result<(), Access> {
        self.keep.driver.with(|state, now| state.save(now, self.handle, done))
    }

    pub(crate) fn release(&self, done: Done<Result<Revision, SaveError>>) -> Result<(), Access> {
        self.keep.driver.with(|state, now| state.release(now, self.handle, done))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.keep.driver.let_go(Dropped::Session(self.handle));
    }
}
