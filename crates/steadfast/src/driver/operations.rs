//! Operations on their way: who waits for them to be queued, and to end.

use std::time::Duration;

use steadfast_core::Now;
use steadfast_core::game_server::{QueueRequest, SessionHandle, Ticket};
use steadfast_core::id::{EntryId, OperationId, OperationKind};
use steadfast_core::operation::{OperationView, Queued};
use steadfast_core::session::{Access, AwaitError, QueueError};
use steadfast_storage::Done;

use super::State;

/// Who waits for an operation to be queued.
pub(super) struct Queueing {
    pub(super) done: Done<Result<Queued, QueueError>>,
    pub(super) entry: EntryId,
    pub(super) id: OperationId,
    pub(super) kind: OperationKind,
}

impl State {
    /// Queues an operation. The completion comes back if the server is over.
    pub(crate) fn queue(
        &mut self,
        now: Now,
        request: QueueRequest,
        done: Done<Result<Queued, QueueError>>,
    ) -> Option<Done<Result<Queued, QueueError>>> {
        let Some(server) = self.server.as_mut().filter(|_| !self.is_over) else {
            return Some(done);
        };
        let QueueRequest { entry, id, kind, .. } = &request;
        let (entry, id, kind) = (entry.clone(), id.clone(), kind.clone());
        let ticket = server.queue(now, request, &mut self.out);
        self.queueings.insert(ticket, Queueing { done, entry, id, kind });
        None
    }

    /// Waits for the end of an operation.
    ///
    /// # Errors
    /// The completion, if the server is over.
    pub(crate) fn await_operation(
        &mut self,
        now: Now,
        name: (EntryId, OperationId),
        patience: Duration,
        done: Done<Result<OperationView, AwaitError>>,
    ) -> Result<Ticket, Done<Result<OperationView, AwaitError>>> {
        let Some(server) = self.server.as_mut().filter(|_| !self.is_over) else {
            return Err(done);
        };
        let ticket = server.await_operation(now, name, patience, &mut self.out);
        self.awaiting.insert(ticket, done);
        Ok(ticket)
    }

    /// Reads the operations of an open record now.
    pub(crate) fn process_operations(
        &mut self,
        now: Now,
        session: SessionHandle,
    ) -> Result<(), Access> {
        let server = self.server.as_mut().ok_or(Access::Closed)?;
        server.session(session).ok_or(Access::Closed)?;
        server.process_operations(now, session, &mut self.out);
        Ok(())
    }
}
