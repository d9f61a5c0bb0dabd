//! Read, change, write unless somebody came in between (contract G-20 to G-28).
//!
//! The object speaks in [`Request`]s, so it works against any platform, near or far.

use std::sync::Arc;

use crate::id::{EntryId, WriteId};
use crate::platform::{EntryState, Get, Permit, PlatformError, Request, Set, When, Which};
use crate::row::Content;

/// How often a change is computed anew before the caller is told that others always came first.
pub const UPDATE_ATTEMPTS_MAX: u32 = 64;

/// What to do next.
#[derive(Debug)]
pub enum UpdateStep {
    /// Send this request and hand its answer to [`Update::on_answer`].
    Send(Request),
    /// It is over. No state if the change was given up by its own callback.
    Done(Result<Option<EntryState>, PlatformError>),
}

/// An atomic change of one entry by a callback.
///
/// The callback gets the current state (nothing when the entry is missing or deleted, G-21) and
/// returns what to store, or nothing to give up (G-24). It may run many times and must have no
/// effect besides its answer.
pub struct Update<F> {
    entry: EntryId,
    permit: Permit,
    write_id: WriteId,
    change: F,
    attempt: u32,
}

impl<F: FnMut(Option<&EntryState>) -> Option<Arc<Content>>> Update<F> {
    /// Starts a change. Reads the stored state first, never a cached one (G-29).
    pub fn start(entry: EntryId, permit: Permit, write_id: WriteId, change: F) -> (Self, Request) {
        let read = Request::Get(Get { entry: entry.clone(), which: Which::Current });
        (Self { entry, permit, write_id, change, attempt: 0 }, read)
    }

    /// The answer to the request before.
    pub fn on_answer(&mut self, answer: Result<EntryState, PlatformError>) -> UpdateStep {
        match answer {
            // The first answer is that of the read, every later success that of the write.
            Ok(state) if self.attempt == 0 => self.propose(Some(&state)),
            Ok(state) => UpdateStep::Done(Ok(Some(state))),
            Err(PlatformError::StoreNotFound { .. } | PlatformError::EntryNotFound { .. }) => {
                self.propose(None)
            }
            Err(PlatformError::Exists { current } | PlatformError::Mismatch { current }) => {
                let exists = current.content.is_some();
                self.propose(exists.then_some(&*current))
            }
            Err(error) => UpdateStep::Done(Err(error)),
        }
    }

    fn propose(&mut self, current: Option<&EntryState>) -> UpdateStep {
        if self.attempt >= UPDATE_ATTEMPTS_MAX {
            let (entry, attempts) = (self.entry.clone(), self.attempt);
            return UpdateStep::Done(Err(PlatformError::Contended { entry, attempts }));
        }
        let Some(content) = (self.change)(current) else { return UpdateStep::Done(Ok(None)) };
        // Another attempt is another write: its predecessor was certainly refused.
        let write_id = self.write_id.attempt(self.attempt);
        self.attempt += 1;
        let when = current.map_or(When::Missing, |state| When::Matches(state.revision_id()));
        let (entry, permit) = (self.entry.clone(), self.permit);
        UpdateStep::Send(Request::Set(Set { entry, content, when, permit, write_id }))
    }
}

impl<F> std::fmt::Debug for Update<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Update").field("entry", &self.entry).finish_non_exhaustive()
    }
}
