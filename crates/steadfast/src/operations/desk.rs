//! Queueing operations to one record, and waiting for their ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::EntryId;
use steadfast_core::game_server::{QueueRequest, Ticket};
use steadfast_core::id::OperationId;
use steadfast_core::operation::Handlers;
use steadfast_core::session::{AwaitError, QueueError};

use super::{NewOperation, OperationName, OperationState, QueuedOperation};
use crate::answer::submit;
use crate::driver::{Dropped, Keep};
use crate::errors::OperationError;

/// One record, for operations on it.
pub(super) struct Desk {
    pub(super) keep: Arc<Keep>,
    pub(super) entry: EntryId,
    pub(super) handlers: Arc<Handlers>,
    /// The version that payloads are written for.
    pub(super) schema: u32,
}

/// Somebody who waits for the end of an operation.
struct Wait {
    keep: Arc<Keep>,
    ticket: Option<Ticket>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.keep.driver.let_go(Dropped::Awaiting(ticket));
        }
    }
}

impl Desk {
    pub(super) fn queue(
        &self,
        operation: NewOperation,
    ) -> impl Future<Output = Result<QueuedOperation, OperationError>> + Send + use<> {
        let NewOperation { id, kind, payload, issued_at, is_permanent, replaces } = operation;
        let is_permanent = is_permanent || self.handlers.is_permanent(&kind);
        let (entry, schema) = (self.entry.clone(), self.schema);
        let request =
            QueueRequest { entry, id, kind, payload, issued_at, schema, is_permanent, replaces };
        let answer = submit(|done| {
            let refused = self.keep.driver.with(|state, now| state.queue(now, request, done));
            if let Some(done) = refused {
                done.complete(Err(QueueError::Closed));
            }
        });
        async move {
            // Without an answer its server broke off, after it may have been sent.
            let queued =
                answer.await.unwrap_or(Err(QueueError::OutcomeUnknown { issued_at: None }))?;
            Ok(queued.into())
        }
    }

    pub(super) fn wait(
        &self,
        name: OperationName,
        patience: Duration,
    ) -> impl Future<Output = Result<OperationState, OperationError>> + Send + use<> {
        let OperationName { id, issued_at } = name;
        let waiting = OperationId::parse(&id).map(|id| {
            let mut wait = Wait { keep: Arc::clone(&self.keep), ticket: None };
            let name = (self.entry.clone(), id);
            let answer = submit(|done| {
                let begun = self
                    .keep
                    .driver
                    .with(|state, now| state.await_operation(now, name, patience, done));
                match begun {
                    Ok(ticket) => wait.ticket = Some(ticket),
                    Err(done) => done.complete(Err(AwaitError::Closed)),
                }
            });
            (wait, answer)
        });
        async move {
            let (mut wait, answer) = waiting?;
            let view = answer.await.unwrap_or(Err(AwaitError::Closed));
            wait.ticket = None;
            Ok(OperationState::of_view(&view?, issued_at))
        }
    }

    pub(super) fn queue_and_wait(
        &self,
        operation: NewOperation,
        patience: Duration,
    ) -> impl Future<Output = Result<OperationState, OperationError>> + Send + use<> {
        let name = OperationName::from(&operation);
        let began = self.keep.driver.now();
        let queued = self.queue(operation);
        let desk = Self {
            keep: Arc::clone(&self.keep),
            entry: self.entry.clone(),
            handlers: Arc::clone(&self.handlers),
            schema: self.schema,
        };
        async move {
            let queued = queued.await?;
            if queued.state.has_ended() {
                return Ok(queued.state);
            }
            let name = name.issued_at(queued.issued_at);
            let waited = desk.keep.driver.now().saturating_since(began);
            desk.wait(name, patience.saturating_sub(waited)).await
        }
    }
}
