//! Transactions over several sessions, and what applies to all sessions of a server.

use steadfast_core::document::{Cancel, Draft, EditError};
use steadfast_core::game_server::{EditRefused, SessionHandle};
use steadfast_core::session::{Access, SaveError, SuspendPolicy};
use steadfast_core::{Now, Revision};
use steadfast_storage::Done;

use super::State;

impl State {
    /// Edits several sessions together, and saves them at once.
    pub(crate) fn transact<R>(
        &mut self,
        now: Now,
        handles: &[SessionHandle],
        edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
        done: Done<Result<Revision, SaveError>>,
    ) -> Result<R, EditRefused<EditError>> {
        let server = self.server.as_mut().ok_or(EditRefused::Access(Access::Closed))?;
        let (answer, ticket) = server.transact(now, handles, edit, &mut self.out)?;
        self.saves.insert(ticket, done);
        Ok(answer)
    }

    /// What suspended sessions do with edits; nothing once the server is over.
    pub(crate) fn on_suspend(&self) -> Option<SuspendPolicy> {
        self.server.as_ref().map(|server| server.settings().on_suspend)
    }
}
