//! Players who are away: what is stored of them, and edits of it.

use steadfast_core::Value;
use steadfast_core::document::{Cancel, Draft};

use super::{PlayerError, PlayerId, Players};
use crate::session::{Data, Dynamic};

impl<T: Data> Players<T> {
    /// What is stored of a player, wherever the player is: see [`Store::view`](crate::Store::view). Of
    /// one who is here it is what was saved last.
    ///
    /// # Errors
    /// [`PlayerError`]: what is stored cannot be read, or not by this code.
    pub async fn view(&self, player: impl Into<PlayerId>) -> Result<Option<T>, PlayerError> {
        let key = self.key(player);
        Ok(self.facade.store.view(&key).await?)
    }

    /// Edits the data of a player who is nowhere: see [`Store::update`](crate::Store::update).
    ///
    /// # Errors
    /// [`PlayerError`]: `ActiveLease` if the player is here or on another server.
    ///
    /// # Panics
    /// When a callback of the game does, or uses the store. Nothing is written then.
    pub async fn update<R: Send>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnMut(&mut T) -> Result<R, Cancel> + Send,
    ) -> Result<R, PlayerError> {
        let key = self.key_to_deliver(&player.into())?;
        Ok(self.facade.store.update(&key, edit).await?)
    }
}

impl Players<Dynamic> {
    /// As for a type of one's own.
    ///
    /// # Errors
    /// [`PlayerError`]: what is stored cannot be read, or not by this code.
    pub async fn view(&self, player: impl Into<PlayerId>) -> Result<Option<Value>, PlayerError> {
        let key = self.key(player);
        Ok(self.facade.store.view(&key).await?)
    }

    /// As for a type of one's own.
    ///
    /// # Errors
    /// [`PlayerError`]: `ActiveLease` if the player is here or on another server.
    ///
    /// # Panics
    /// When a callback of the game does, or uses the store. Nothing is written then.
    pub async fn update<R: Send>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnMut(&mut Draft) -> Result<R, Cancel> + Send,
    ) -> Result<R, PlayerError> {
        let key = self.key_to_deliver(&player.into())?;
        Ok(self.facade.store.update(&key, edit).await?)
    }
}
