//! Durable operations by player: for who is here, on another server, or was never seen.

use std::time::Duration;

use super::{PlayerCall, PlayerError, PlayerId, PlayerState, Players};
use crate::operations::{
    NewOperation, OperationName, OperationState, OperationWait, QueuedOperation,
};

impl<T: 'static> Players<T> {
    /// The key of a player's record, unless the player plays unsaved here.
    fn key_to_deliver(&self, player: &PlayerId) -> Result<String, PlayerError> {
        if let PlayerState::Unsaved(_) = self.state(player) {
            return Err(PlayerError::Unsaved { player: player.clone() });
        }
        self.check_name(player)?;
        Ok(self.facade.key(player))
    }

    /// Queues an operation to a player's record, wherever that is open, or not at all. When this
    /// returns it is durable, and takes effect once.
    ///
    /// # Errors
    /// [`PlayerError`]: nothing was queued, except with `OutcomeUnknown`. Deliver it again then, under
    /// its id: it counts once.
    ///
    /// # Cancel safety
    /// Dropped, it is delivered all the same.
    pub fn deliver(
        &self,
        player: impl Into<PlayerId>,
        operation: NewOperation,
    ) -> PlayerCall<QueuedOperation> {
        let key = self.key_to_deliver(&player.into());
        let queued = key.map(|key| self.facade.store.queue(&key, operation));
        PlayerCall::new(async move { Ok(queued?.await?) })
    }

    /// [`deliver`](Self::deliver), and waits until it has ended, or for so long: then it is told as it
    /// stands, and goes on.
    ///
    /// # Errors
    /// [`PlayerError`]; with `OutcomeUnknown` it may be queued.
    ///
    /// # Cancel safety
    /// Dropped, only the wait ends.
    pub fn deliver_and_wait(
        &self,
        player: impl Into<PlayerId>,
        operation: NewOperation,
        patience: Duration,
    ) -> PlayerCall<OperationState> {
        let key = self.key_to_deliver(&player.into());
        let waiting = key.map(|key| self.facade.store.queue_and_wait(&key, operation, patience));
        PlayerCall::new(async move { Ok(waiting?.await?) })
    }

    /// How an operation of a player's record stands.
    ///
    /// # Errors
    /// [`OperationError`](crate::OperationError): nobody can say.
    pub fn delivery(
        &self,
        player: impl Into<PlayerId>,
        operation: impl Into<OperationName>,
    ) -> OperationWait {
        self.facade.store.operation(&self.facade.key(&player.into()), operation)
    }
}
