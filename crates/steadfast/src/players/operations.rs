//! Durable operations by player: for who is here, on another server, or was never seen.

use std::time::Duration;

use super::{PlayerCall, PlayerError, PlayerId, PlayerState, Players};
use crate::operations::{NewOperation, OperationName, OperationState, QueuedOperation};

impl<T: 'static> Players<T> {
    /// The key of a player's record, unless the player plays unsaved here.
    pub(super) fn key_to_deliver(&self, player: &PlayerId) -> Result<String, PlayerError> {
        if let PlayerState::Unsaved(_) = self.state(player) {
            return Err(PlayerError::Unsaved { player: player.clone() });
        }
        self.check_name(player)?;
        Ok(self.key(player))
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
    ///
    /// # Example
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast::{NewOperation, Options, Steadfast, Value};
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let template = Value::object([("coins", 0.into())]);
    /// let players = db.player_values("PlayerData", &template).await?;
    /// players.deliver(7, NewOperation::add("gift-1", "coins", 50)?).await?; // durable; 7 is away
    /// players.join(7)?;
    /// players.wait(7, Duration::from_secs(30)).await?;
    /// let gift = players.await_operation(7, "gift-1", Duration::from_secs(10)).await?;
    /// assert_eq!((gift.applied::<i64>()?, players.get_path(7, "coins")?), (50, Some(50.into())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// [`PlayerError`]: nobody can say.
    pub fn delivery(
        &self,
        player: impl Into<PlayerId>,
        operation: impl Into<OperationName>,
    ) -> PlayerCall<OperationState> {
        self.await_operation(player, operation, Duration::ZERO)
    }

    /// Waits until an operation of a player's record has ended, or for so long: then it is told as it
    /// stands. Also while the player is away, or plays unsaved here.
    ///
    /// # Errors
    /// [`PlayerError`]: nobody can say.
    ///
    /// # Cancel safety
    /// Dropped, only the wait ends.
    pub fn await_operation(
        &self,
        player: impl Into<PlayerId>,
        operation: impl Into<OperationName>,
        patience: Duration,
    ) -> PlayerCall<OperationState> {
        let waiting = self.facade.store.await_operation(&self.key(player), operation, patience);
        PlayerCall::new(async move { Ok(waiting.await?) })
    }
}
