//! Durable operations: queueing them to a record, asking how they stand, and what handles them.
//!
//! ```text
//!   queue ──► Queued ──► Pending ──► Applied { result }
//!                 tried in vain └──► Failed, with a dead letter
//!                  not wanted   └──► Cancelled
//! ```
//!
//! The rules are the core's; here are names, payloads and futures.

mod desk;
mod handlers;
mod request;
mod state;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use steadfast_core::Limits;
use steadfast_core::id::NameError;
use steadfast_core::operation::OperationSettings;
use steadfast_core::session::Access;

use crate::errors::OperationError;
use crate::session::Session;
use crate::store::Store;
use desk::Desk;
pub use request::{NewOperation, OperationName};
pub use state::{OperationState, QueuedOperation};

/// What is wrong with the limits of operations together, besides what each takes by itself.
pub(crate) fn problem(settings: &OperationSettings, limits: &Limits) -> Option<String> {
    let OperationSettings { process_max, dead_letter_payload_max, result_size_max, .. } = settings;
    let kept = dead_letter_payload_max.saturating_add(*result_size_max);
    let (together, limit) = (kept.saturating_mul(*process_max), limits.batch_size_max);
    (together > limit).then(|| {
        format!(
            "the results and dead letters of one write may be {together} bytes, more than the \
             {limit} of a batch"
        )
    })
}

/// The answer about an operation, some time.
///
/// # Cancel safety
/// Dropped, only the wait ends.
#[must_use = "it is told here only; drop it if it does not matter"]
pub struct OperationWait(
    Pin<Box<dyn Future<Output = Result<OperationState, OperationError>> + Send>>,
);

impl Future for OperationWait {
    type Output = Result<OperationState, OperationError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for OperationWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationWait").finish_non_exhaustive()
    }
}

/// Durable operations: work on a record that survives whoever asked for it, and takes effect once.
/// The record may be open here or on any other server, or not exist yet.
impl<T> Store<T> {
    fn desk(&self, key: &str) -> Result<Desk, NameError> {
        let (keep, handlers) = (Arc::clone(&self.keep), Arc::clone(&self.handlers));
        Ok(Desk { keep, entry: self.entry(key)?, handlers, schema: self.schema.version() })
    }

    /// Queues an operation. When this returns it is durable, and will be applied once.
    ///
    /// # Errors
    /// [`OperationError`]: nothing was queued, except with `OutcomeUnknown`. Queue it again then,
    /// under its id and as issued at [`OperationError::issued_at`]: it counts once.
    ///
    /// # Cancel safety
    /// Dropped, the operation is queued all the same.
    ///
    /// # Example
    /// ```
    /// use steadfast::{NewOperation, Options, Steadfast};
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let players = db.values("PlayerData").await?;
    /// // To somebody who never joined. Queued again under its id, it counts once.
    /// for _ in 0..2 {
    ///     players.queue("7", NewOperation::add("gift-2026-12-24", "coins", 50)?).await?;
    /// }
    /// let p = players.open("7").await?;
    /// p.process_operations()?;
    /// let patience = std::time::Duration::from_secs(10);
    /// let gift = p.await_operation("gift-2026-12-24", patience).await?;
    /// assert_eq!((gift.applied::<i64>()?, p.get("coins")?), (50, Some(50.into())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn queue(
        &self,
        key: &str,
        operation: NewOperation,
    ) -> impl Future<Output = Result<QueuedOperation, OperationError>> + Send + use<T> {
        let queued = self.desk(key).map(|desk| desk.queue(operation));
        async move { queued?.await }
    }

    /// How an operation stands.
    ///
    /// # Errors
    /// [`OperationError`]: nobody can say.
    pub fn operation(&self, key: &str, operation: impl Into<OperationName>) -> OperationWait {
        self.wait_for(key, operation.into(), Duration::ZERO)
    }

    /// Waits until an operation has ended, or for so long: then it is told as it stands. One that
    /// nobody knows may be on its way, and is waited for too.
    ///
    /// # Errors
    /// [`OperationError`]: nobody can say.
    ///
    /// # Cancel safety
    /// Dropped, only the wait ends.
    pub fn await_operation(
        &self,
        key: &str,
        operation: impl Into<OperationName>,
        patience: Duration,
    ) -> OperationWait {
        self.wait_for(key, operation.into(), patience)
    }

    fn wait_for(&self, key: &str, operation: OperationName, patience: Duration) -> OperationWait {
        let waiting = self.desk(key).map(|desk| desk.wait(operation, patience));
        OperationWait(Box::pin(async move { waiting?.await }))
    }

    /// Queues an operation and waits until it has ended, or for so long: then it is told as it
    /// stands, and goes on.
    ///
    /// # Errors
    /// [`OperationError`]; with `OutcomeUnknown` it may be queued.
    ///
    /// # Cancel safety
    /// Dropped, only the wait ends.
    pub fn queue_and_wait(
        &self,
        key: &str,
        operation: NewOperation,
        patience: Duration,
    ) -> OperationWait {
        let waiting = self.desk(key).map(|desk| desk.queue_and_wait(operation, patience));
        OperationWait(Box::pin(async move { waiting?.await }))
    }
}

/// Short forms for operations on this session's record.
impl<T> Session<T> {
    fn desk(&self) -> Desk {
        let (keep, handlers) = (Arc::clone(&self.hold.keep), Arc::clone(&self.wiring.handlers));
        Desk { keep, entry: self.entry().clone(), handlers, schema: self.wiring.schema }
    }

    /// Queues an operation to this record, as [`Store::queue`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn queue(
        &self,
        operation: NewOperation,
    ) -> impl Future<Output = Result<QueuedOperation, OperationError>> + Send + use<T> {
        self.desk().queue(operation)
    }

    /// How an operation of this record stands.
    ///
    /// # Errors
    /// [`OperationError`]: nobody can say.
    pub fn operation(&self, operation: impl Into<OperationName>) -> OperationWait {
        OperationWait(Box::pin(self.desk().wait(operation.into(), Duration::ZERO)))
    }

    /// Waits for the end of an operation of this record, as [`Store::await_operation`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn await_operation(
        &self,
        operation: impl Into<OperationName>,
        patience: Duration,
    ) -> OperationWait {
        OperationWait(Box::pin(self.desk().wait(operation.into(), patience)))
    }

    /// Queues an operation to this record and waits for its end, as [`Store::queue_and_wait`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// As there.
    pub fn queue_and_wait(&self, operation: NewOperation, patience: Duration) -> OperationWait {
        OperationWait(Box::pin(self.desk().queue_and_wait(operation, patience)))
    }

    /// Has the operations of this record read and run now, without waiting to be told that there are
    /// any. What they change is visible a round trip later, and saved at once.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn process_operations(&self) -> Result<(), Access> {
        self.hold.driver().with(|state, now| state.process_operations(now, self.hold.handle))
    }
}

/// The guide is a program: it runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/operations.md")]
struct Guide;

#[cfg(test)]
#[path = "operations/tests.rs"]
mod tests;
