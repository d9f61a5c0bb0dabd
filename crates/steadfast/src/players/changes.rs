//! Short forms of every read and change of a session, by player.

use std::future::Future;
use std::time::Duration;

use steadfast_core::document::{self, Cancel, Changes, Draft, Tree, Typed};
use steadfast_core::{Path, Value};

use super::play::Play;
use super::{PlayerError, PlayerId, Players};
use crate::joint::{transact_as, transact_two_as};
use crate::path_calls::path_calls;
use crate::session::{Data, Dynamic, Receipt, edit_any};
use crate::signals::Note;

/// By path, whatever the data is. For a type of one's own each call reads and checks the whole of it;
/// [`edit`](Players::edit) is what a type is for.
impl<T: 'static> Players<T> {
    /// What stands at a path; nothing if nothing does.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready.
    pub fn get_path(
        &self,
        player: impl Into<PlayerId>,
        path: impl Into<Path>,
    ) -> Result<Option<Value>, PlayerError> {
        let player = player.into();
        let value = match self.play(&player)? {
            Play::Saved { session, .. } => session
                .snapshot_value()
                .map_err(|access| PlayerError::of_access(&player, access))?,
            Play::Unsaved(unsaved) => unsaved.with(|document| document.snapshot_value()),
        };
        Ok(value.get(&path.into()).cloned())
    }

    /// Edits the data by path, all or nothing, and tells which places changed.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn transaction<R>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), PlayerError> {
        self.transaction_as(player, Note::default(), edit)
    }

    /// [`transaction`](Self::transaction), and says why, and by what.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn transaction_as<R>(
        &self,
        player: impl Into<PlayerId>,
        note: Note,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), PlayerError> {
        let player = player.into();
        let play = self.play(&player)?;
        match &play {
            Play::Saved { session, .. } => {
                let edited = session.transaction_as(note, edit);
                self.note(&play);
                edited.map_err(|error| PlayerError::of_edit(&player, error))
            }
            Play::Unsaved(unsaved) => {
                unsaved.with(|document| edit_any(document, edit)).map_err(PlayerError::of_document)
            }
        }
    }

    fn step<R>(
        &self,
        player: impl Into<PlayerId>,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, PlayerError> {
        self.step_as(player, Note::default(), step)
    }

    pub(super) fn step_as<R>(
        &self,
        player: impl Into<PlayerId>,
        note: Note,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, PlayerError> {
        self.transaction_as(player, note, |draft| Ok(step(draft)?)).map(|(answer, _)| answer)
    }

    fn debit<R>(
        &self,
        player: impl Into<PlayerId>,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, PlayerError> {
        self.debit_as(player, Note::default(), step)
    }

    /// A step that takes something: refused while older changes are not durable.
    pub(super) fn debit_as<R>(
        &self,
        player: impl Into<PlayerId>,
        note: Note,
        step: impl FnOnce(&mut Draft) -> Result<R, document::EditError>,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        let age = self.note(&self.play(&player)?);
        if age >= self.facade.look(|table| table.settings().undurable_age_max) {
            return Err(PlayerError::Undurable { player, age });
        }
        self.step_as(player, note, step)
    }

    path_calls!(
        PlayerError,
        /// Refused with `Undurable` while older changes of the player could not be stored for
        /// [`undurable_age_max`](crate::PlayerSettings::undurable_age_max): what is bought then might be
        /// kept although the coins come back.
        debits by debit,
        of player: PlayerId
    );

    /// Sees when the oldest change was made that is not stored.
    fn note(&self, play: &Play<T>) -> Duration {
        play.undurable_age(self.facade.driver().now())
    }

    /// Does something while it holds a named lock of a player: see
    /// [`Session::with_lock`](crate::Session::with_lock).
    ///
    /// # Errors
    /// [`PlayerError`]: nothing was done.
    pub async fn with_lock<F: Future>(
        &self,
        player: impl Into<PlayerId>,
        name: &str,
        timeout: Duration,
        work: impl FnOnce() -> F,
    ) -> Result<F::Output, PlayerError> {
        let session = self.session(player)?;
        Ok(session.with_lock(name, timeout, work).await?)
    }
}

impl<T: Data> Players<T> {
    /// Changes the data of a player. The callback works on a copy: unless it succeeds, and leaves what
    /// can be stored, nothing is changed.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        self.edit_as(player, Note::default(), edit)
    }

    /// [`edit`](Self::edit), and says why, and by what.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit_as<R>(
        &self,
        player: impl Into<PlayerId>,
        note: Note,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        let play = self.play(&player)?;
        match &play {
            Play::Saved { session, .. } => {
                let edited = session.edit_as(note, edit);
                self.note(&play);
                edited.map_err(|error| PlayerError::of_edit(&player, error))
            }
            Play::Unsaved(unsaved) => {
                let edited = unsaved.with(|document| {
                    let typed: Option<&mut Typed<T>> = document.as_any_mut().downcast_mut();
                    typed.expect("the template is of this type").edit(edit)
                });
                edited.map_err(PlayerError::of_document)
            }
        }
    }

    /// Edits the data of a player while it holds a named lock of the player.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub async fn with_lock_transaction<R>(
        &self,
        player: impl Into<PlayerId>,
        name: &str,
        timeout: Duration,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        let _lock = self.session(&player)?.lock(name, timeout).await?;
        self.edit(player, edit)
    }

    /// Looks at the data of a player.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn get<R>(
        &self,
        player: impl Into<PlayerId>,
        read: impl FnOnce(&T) -> R,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        match self.play(&player)? {
            Play::Saved { session, .. } => {
                session.get(read).map_err(|access| PlayerError::of_access(&player, access))
            }
            Play::Unsaved(unsaved) => Ok(unsaved.with(|document| {
                let typed: Option<&Typed<T>> = document.as_any().downcast_ref();
                read(typed.expect("the template is of this type").get())
            })),
        }
    }

    /// A copy of the data of a player.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready.
    pub fn snapshot(&self, player: impl Into<PlayerId>) -> Result<T, PlayerError> {
        self.get(player, T::clone)
    }

    /// Edits two players together and saves both at once, as one batch: all of it is stored, or
    /// nothing. What the edit takes is gone at once, what it gives is there when the receipt says that
    /// it is stored.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then. When the receipt says that it is not stored, what was
    /// taken is back.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    ///
    /// # Example
    /// ```
    /// use std::time::Duration;
    ///
    /// use serde::{Deserialize, Serialize};
    /// use steadfast::{Cancel, Options, Steadfast};
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Save { coins: i64 }
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let players = db.players::<Save>("PlayerData").await?;
    /// for player in [7, 8] {
    ///     players.join(player)?;
    ///     players.wait(player, Duration::from_secs(30)).await?;
    ///     players.add(player, "coins", 10)?;
    /// }
    /// let ((), receipt) = players.edit_two(7, 8, |from, to| {
    ///     if from.coins < 4 {
    ///         return Err(Cancel::because("too few coins"));
    ///     }
    ///     from.coins -= 4;
    ///     to.coins += 4;
    ///     Ok(())
    /// })?;
    /// receipt.await?; // both are durable
    /// assert_eq!(players.get(8, |save| save.coins)?, 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn edit_two<R>(
        &self,
        one: impl Into<PlayerId>,
        other: impl Into<PlayerId>,
        edit: impl FnOnce(&mut T, &mut T) -> Result<R, Cancel>,
    ) -> Result<(R, Receipt), PlayerError> {
        self.edit_two_as(one, other, Note::default(), edit)
    }

    /// [`edit_two`](Self::edit_two), and says why, and by what.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit_two_as<R>(
        &self,
        one: impl Into<PlayerId>,
        other: impl Into<PlayerId>,
        note: Note,
        edit: impl FnOnce(&mut T, &mut T) -> Result<R, Cancel>,
    ) -> Result<(R, Receipt), PlayerError> {
        let (one, other) = (self.session(one)?, self.session(other)?);
        Ok(transact_two_as(&one, &other, note, edit)?)
    }
}

impl Players<Dynamic> {
    /// Changes the data of a player. The callback works on a draft: unless it succeeds, nothing is
    /// changed.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(
        &self,
        player: impl Into<PlayerId>,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        self.transaction(player, edit).map(|(answer, _)| answer)
    }

    /// Edits the data of a player while it holds a named lock of the player.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub async fn with_lock_transaction<R>(
        &self,
        player: impl Into<PlayerId>,
        name: &str,
        timeout: Duration,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, PlayerError> {
        let player = player.into();
        let _lock = self.session(&player)?.lock(name, timeout).await?;
        self.edit(player, edit)
    }

    /// All data of a player. Shares what it holds with the session, and is never changed by it.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready.
    pub fn get(&self, player: impl Into<PlayerId>) -> Result<Value, PlayerError> {
        let player = player.into();
        match self.play(&player)? {
            Play::Saved { session, .. } => {
                session.snapshot().map_err(|access| PlayerError::of_access(&player, access))
            }
            Play::Unsaved(unsaved) => Ok(unsaved.with(|document| {
                let tree: Option<&Tree> = document.as_any().downcast_ref();
                tree.expect("the template is a tree").snapshot()
            })),
        }
    }

    /// Edits two players together and saves both at once, as for a type of one's own.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit_two<R>(
        &self,
        one: impl Into<PlayerId>,
        other: impl Into<PlayerId>,
        edit: impl FnOnce(&mut Draft, &mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Receipt), PlayerError> {
        self.edit_two_as(one, other, Note::default(), edit)
    }

    /// [`edit_two`](Self::edit_two), and says why, and by what.
    ///
    /// # Errors
    /// [`PlayerError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit_two_as<R>(
        &self,
        one: impl Into<PlayerId>,
        other: impl Into<PlayerId>,
        note: Note,
        edit: impl FnOnce(&mut Draft, &mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Receipt), PlayerError> {
        let (one, other) = (self.session(one)?, self.session(other)?);
        let edited = transact_as(&[&one, &other], note, |drafts| match drafts {
            [one, other] => edit(one, other),
            _ => Err(Cancel::because("two are not two")),
        });
        Ok(edited?)
    }
}
