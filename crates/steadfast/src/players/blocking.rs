//! Calls that return when they are done, for tools and tests without a runtime.

use std::future::Future;
use std::time::Duration;

use super::{PlayerError, PlayerId, Players};
use crate::operations::{NewOperation, OperationState};

/// Calls that return when they are done, of [`Players::blocking`]. Never in async code, nor on a
/// thread that must answer: a call takes as long as the store.
///
/// What has no such call here goes through [`Steadfast::block_on`](crate::Steadfast::block_on).
///
/// With times that are handed in ([`Drive::ByPollAt`](crate::Drive::ByPollAt)) somebody else has to
/// move them on.
///
/// # Example
/// ```
/// use std::time::Duration;
///
/// use steadfast::{Dynamic, Players};
///
/// fn give(players: &Players<Dynamic>, player: &str) -> Result<(), steadfast::PlayerError> {
///     players.blocking().join(player, Duration::from_secs(30))?;
///     players.add(player, "coins", 100)?;
///     players.blocking().release(player)
/// }
/// # let db = steadfast::Steadfast::in_memory(steadfast::Options::default())?;
/// # let template = steadfast::Value::object([("coins", 0.into())]);
/// # let players = db.player_values_blocking("PlayerData", &template)?;
/// # give(&players, "ann")?;
/// # players.blocking().join("ann", Duration::from_secs(30))?;
/// # assert_eq!(players.get_path("ann", "coins")?, Some(100.into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Blocking<'a, T> {
    players: &'a Players<T>,
}

impl<'a, T: 'static> Blocking<'a, T> {
    pub(super) const fn new(players: &'a Players<T>) -> Self {
        Self { players }
    }

    fn run<R>(&self, future: impl Future<Output = R>) -> R {
        self.players.facade.store.db.block_on(future)
    }

    /// [`Players::join`], and waits until the player is ready.
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn join(&self, player: impl Into<PlayerId>, timeout: Duration) -> Result<(), PlayerError> {
        let player = player.into();
        self.players.join(&player)?;
        self.wait(player, timeout)
    }

    /// [`Players::wait`].
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn wait(&self, player: impl Into<PlayerId>, timeout: Duration) -> Result<(), PlayerError> {
        self.run(self.players.wait(player, timeout))
    }

    /// [`Players::checkpoint`].
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn checkpoint(&self, player: impl Into<PlayerId>) -> Result<(), PlayerError> {
        self.run(self.players.checkpoint(player))
    }

    /// [`Players::deliver_and_wait`].
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn deliver_and_wait(
        &self,
        player: impl Into<PlayerId>,
        operation: NewOperation,
        patience: Duration,
    ) -> Result<OperationState, PlayerError> {
        self.run(self.players.deliver_and_wait(player, operation, patience))
    }

    /// [`Players::release`].
    ///
    /// # Errors
    /// [`PlayerError`].
    pub fn release(&self, player: impl Into<PlayerId>) -> Result<(), PlayerError> {
        self.run(self.players.release(player))
    }

    /// [`Players::close`].
    pub fn close(&self) {
        self.run(self.players.close());
    }
}
