//! Transactions over several sessions, and what applies to all sessions of a server.

use std::sync::Arc;

use steadfast_core::document::{Cancel, Draft};
use steadfast_core::game_server::{EditRefused, SessionHandle};
use steadfast_core::session::{Access, JointError, SaveError, SuspendPolicy};
use steadfast_core::{Now, Revision};
use steadfast_storage::Done;

use super::{Hold, State};
use crate::signals::Note;

impl State {
    /// Edits several sessions together, and saves them at once. Each has a note for its changes.
    pub(crate) fn transact<R>(
        &mut self,
        now: Now,
        holds: &[&Arc<Hold>],
        notes: Vec<Note>,
        edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
        done: Done<Result<Revision, SaveError>>,
    ) -> Result<R, EditRefused<JointError>> {
        let server = self.server.as_mut().ok_or(EditRefused::Access(Access::Closed))?;
        let handles: Vec<SessionHandle> = holds.iter().map(|hold| hold.handle).collect();
        let events: Vec<_> = holds.iter().map(|hold| Arc::clone(&hold.events)).collect();
        let with_notes = |drafts: &mut [Draft]| {
            // It is asked for the edit once all may take part: none of them is in another one now.
            for (events, note) in events.iter().zip(notes) {
                events.changes.begin_joint(note);
            }
            edit(drafts)
        };
        let (answer, ticket) = server.transact(now, &handles, with_notes, &mut self.out)?;
        let told = Done::new(move |result| {
            // What came back when one of them was lost is no event of its own.
            for events in &events {
                events.changes.notify();
            }
            done.complete(result);
        });
        self.saves.insert(ticket, told);
        Ok(answer)
    }

    /// What suspended sessions do with edits; nothing once the server is over.
    pub(crate) fn on_suspend(&self) -> Option<SuspendPolicy> {
        self.server.as_ref().map(|server| server.settings().on_suspend)
    }
}
