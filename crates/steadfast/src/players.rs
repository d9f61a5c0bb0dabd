//! Players: a record for each of them, from the moment they join until they have left.
//!
//! ```text
//!   join ─► Loading ◄─► Retrying ─► Ready ─► Releasing ─► Released
//!              └───────────┴─► Failed, or Unsaved
//! ```
//!
//! A facade over a [`Store`] and its sessions: it opens, retries, waits, releases, and has a short
//! form by player of whatever a session can do. It stores nothing of its own.
//!
//! Invariants: who is not ready has no data, also not that of the template, unless the game's
//! settings say so, and that is never saved; what a player did before a failed load is never written
//! over; one player has at most one session. Start reading at [`Players::join`].

mod beside;
mod blocking;
mod call;
mod changes;
mod error;
mod id;
mod noted;
mod offline;
mod operations;
mod play;
mod settings;
mod state;
mod table;
mod unsaved;
mod work;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::id::NameError;
use steadfast_core::session::SettingsError;
use steadfast_core::{EntryKey, UserId, Value};

pub use blocking::Blocking;
pub use call::PlayerCall;
pub use error::{PlayerError, Unready};
pub use id::PlayerId;
pub use noted::NotedPlayers;
pub use state::{Happened, PlayerEvent, PlayerFailure, PlayerState};

use crate::answer::submit;
use crate::driver::Events;
use crate::errors::StoreError;
use crate::session::{Data, Dynamic, Receipt, Session};
use crate::settings::PlayerSettings;
use crate::steadfast::Steadfast;
use crate::store::Store;
use play::Play;
use work::Facade;

/// Most events that wait to be taken. The oldest go first.
pub const PLAYER_EVENTS_MAX: usize = 16_384;

/// The players of a game server and their data. A cheap handle: clones are the same players.
///
/// Data is of a type of one's own ([`Steadfast::players`]), or any JSON
/// ([`Steadfast::player_values`]). Calls by path work on both. As with sessions, callbacks run
/// under the lock of the server: they are short, and must not use the store, its sessions or players.
///
/// # Example
/// ```
/// use serde::{Deserialize, Serialize};
/// use steadfast::{Options, Steadfast};
///
/// #[derive(Clone, Default, Deserialize, Serialize)]
/// struct Save { coins: i64, items: Vec<String> }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Steadfast::in_memory(Options::default())?;
/// let players = db.players::<Save>("PlayerData").await?;
/// players.join(7)?;
/// players.wait(7, std::time::Duration::from_secs(30)).await?;
/// players.add(7, "coins", 100)?;
/// players.edit(7, |save| {
///     save.coins -= 30;
///     save.items.push("sword".into());
///     Ok(())
/// })?;
/// players.release(7).await?; // saved, and free for the next server
/// assert!(!players.is_loaded(7));
/// assert_eq!(players.edit(7, |_| Ok(())).unwrap_err().code().name(), "PlayerDataUnavailable");
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
pub struct Players<T> {
    facade: Arc<Facade<T>>,
}

impl Steadfast {
    /// The players of this game server, with data of a type of one's own, and the settings of
    /// [`Options::players`](crate::Options::players). What the store has besides, such as its schema,
    /// handlers and hooks, is set up before it is given to [`Players::over`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn players<T: Data>(&self, name: &str) -> Result<Players<T>, StoreError> {
        Ok(Players::over(self.store(name).await?))
    }

    /// [`players`](Self::players) without a runtime, for a frame loop. It may take as long as the
    /// store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn players_blocking<T: Data>(&self, name: &str) -> Result<Players<T>, StoreError> {
        Ok(Players::over(self.store_blocking(name)?))
    }

    /// The players of this game server, with any JSON as data, as [`values`](Self::values) has it: that
    /// of the template for whoever is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn player_values(
        &self,
        name: &str,
        template: &Value,
    ) -> Result<Players<Dynamic>, StoreError> {
        Ok(Players::over(self.values(name).await?.with_defaults(template)))
    }

    /// [`player_values`](Self::player_values) without a runtime, for a frame loop. It may take as long
    /// as the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn player_values_blocking(
        &self,
        name: &str,
        template: &Value,
    ) -> Result<Players<Dynamic>, StoreError> {
        Ok(Players::over(self.values_blocking(name)?.with_defaults(template)))
    }
}

impl<T: 'static> Players<T> {
    /// The players whose records are those of a store, as it was set up, with the settings that the
    /// store was opened with: [`Options::players`](crate::Options::players). One facade for each data
    /// store of a game server.
    pub fn over(store: Store<T>) -> Self {
        let settings = store.keep.players.clone();
        Self::with(store, settings)
    }

    /// [`over`](Self::over), with settings of its own instead.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem: they are checked as those of
    /// [`Options`](crate::Options::check) are.
    pub fn over_with(store: Store<T>, settings: PlayerSettings) -> Result<Self, SettingsError> {
        settings.check_within(&store.limits)?;
        Ok(Self::with(store, settings))
    }

    fn with(store: Store<T>, settings: PlayerSettings) -> Self {
        Self { facade: Facade::new(store, settings, PLAYER_EVENTS_MAX) }
    }
}

impl<T: 'static> Players<T> {
    /// A player comes: the record is opened. One who left a moment ago is waited for; nothing happens
    /// if the player is here.
    ///
    /// # Errors
    /// [`PlayerError`]: that is no id, or the players are closed.
    pub fn join(&self, player: impl Into<PlayerId>) -> Result<(), PlayerError> {
        let player = player.into();
        self.check_name(&player)?;
        let now = self.facade.driver().now();
        let joined = self.facade.change(|table| table.join(&player, now));
        joined.map_err(|why| PlayerError::unavailable(&player, why))
    }

    fn check_name(&self, player: &PlayerId) -> Result<(), NameError> {
        let limits = &self.facade.store.limits;
        if let UserId::Text(text) = player.user() {
            let (what, actual, limit) = ("user id", text.len(), limits.user_id_text_size_max);
            if text.is_empty() {
                return Err(NameError::Empty { what });
            }
            if actual > limit {
                return Err(NameError::TooLong { what, actual, limit });
            }
        }
        EntryKey::parse(&self.facade.key(player), limits).map(drop)
    }

    /// A player goes: what is not saved is saved, and the record let go of, in one write. Nothing
    /// happens if the player is not here. [`release`](Self::release) tells what became of it.
    pub fn leave(&self, player: impl Into<PlayerId>) {
        let player = player.into();
        let play = self.facade.change(|table| table.leave(&player));
        if let Some(Play::Saved { session, .. }) = play {
            // It goes on without anybody who waits; its end is heard.
            drop(session.release());
        }
    }

    /// [`leave`](Self::leave), and what became of the last save.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not here, or it is not known to be durable; with `SessionUnsaved`
    /// there was nothing to save.
    ///
    /// # Cancel safety
    /// Dropped, the release goes on.
    pub fn release(&self, player: impl Into<PlayerId>) -> PlayerCall<()> {
        let player = player.into();
        let before = self.state(&player);
        let play = self.facade.change(|table| table.leave(&player));
        let release = match (play, before) {
            (Some(Play::Saved { session, .. }), _) => Ok(session.release()),
            (_, PlayerState::Unsaved(_)) => Err(PlayerError::Unsaved { player }),
            (_, PlayerState::Released) => Err(PlayerError::unavailable(&player, Unready::Unknown)),
            (_, PlayerState::Releasing) => {
                Err(PlayerError::unavailable(&player, Unready::Releasing))
            }
            (_, PlayerState::Failed(failure)) => {
                Err(PlayerError::unavailable(&player, Unready::Failed(failure)))
            }
            (_, PlayerState::Loading | PlayerState::Retrying { .. } | PlayerState::Ready) => {
                Err(PlayerError::unavailable(&player, Unready::Loading))
            }
        };
        PlayerCall::new(async move { Ok(release?.await.map(drop)?) })
    }

    /// Releases every player and takes no others. Returns when all of them are gone.
    ///
    /// # Cancel safety
    /// Dropped, it goes on.
    pub fn close(&self) -> impl Future<Output = ()> + Send + use<T> {
        let answer = submit(|done| self.facade.change(|table| table.close(done)));
        async move {
            // Without an answer the server is over, and everybody gone.
            let _: Option<()> = answer.await;
        }
    }

    /// Does what is due and adds what happened to the events, oldest first: once a frame, with
    /// [`Drive::ByPoll`](crate::Drive::ByPoll), on any thread and without a runtime. With a thread of
    /// the library it only adds the events. How long nothing more is due, if that is known.
    pub fn poll(&self, events: &mut Vec<PlayerEvent>) -> Option<Duration> {
        let left = self.facade.store.keep.poll();
        let queue = self.events();
        events.extend(std::iter::from_fn(|| queue.try_next()));
        left
    }

    /// What happens to players, from the first of them on, as a stream. At most 16,384 events wait to
    /// be taken; then the oldest go. Whoever takes an event takes it from [`poll`](Self::poll).
    pub fn events(&self) -> Events<PlayerEvent> {
        Events::of(&self.facade.events)
    }

    /// The settings that are in force.
    pub fn settings(&self) -> PlayerSettings {
        self.facade.look(|table| table.settings().clone())
    }

    /// Where a player stands.
    pub fn state(&self, player: impl Into<PlayerId>) -> PlayerState {
        let player = player.into();
        self.facade.look(|table| table.state(&player))
    }

    /// Whether there is data of a player to read and change: saved, or by the settings unsaved.
    pub fn is_loaded(&self, player: impl Into<PlayerId>) -> bool {
        self.state(player).is_playable()
    }

    /// Everybody who is here, however far.
    pub fn ids(&self) -> Vec<PlayerId> {
        self.facade.look(table::Table::players)
    }

    /// Waits until a player is ready, for so long.
    ///
    /// # Errors
    /// [`PlayerError::Unavailable`]: the player is not ready by then, or will not be. It says why.
    ///
    /// # Cancel safety
    /// Dropped, only the wait ends.
    pub fn wait(&self, player: impl Into<PlayerId>, timeout: Duration) -> PlayerCall<()> {
        let player = player.into();
        let until = self.facade.driver().now().saturating_add(timeout);
        let answer = submit(|done| {
            let known = self.facade.change(|table| table.wait(&player, until, done));
            if let Some((waiter, answer)) = known {
                waiter.complete(answer);
            }
        });
        PlayerCall::new(async move {
            let answer = answer.await.unwrap_or(Err(Unready::Closed));
            answer.map_err(|why| PlayerError::unavailable(&player, why))
        })
    }

    /// The session of a player, for what has no short form. The player leaves through the facade.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn session(&self, player: impl Into<PlayerId>) -> Result<Session<T>, PlayerError> {
        let player = player.into();
        self.session_of(&player)
    }

    /// The key of a player's record, whether there is one or not.
    pub fn key(&self, player: impl Into<PlayerId>) -> String {
        self.facade.key(&player.into())
    }

    /// The store of the records: for records of nobody who is here.
    pub fn store(&self) -> &Store<T> {
        &self.facade.store
    }

    /// Saves what a player has now. The write goes on when the receipt is dropped.
    ///
    /// # Errors
    /// [`PlayerError`]: the player is not ready, or plays unsaved.
    pub fn save(&self, player: impl Into<PlayerId>) -> Result<Receipt, PlayerError> {
        let player = player.into();
        let saved = self.session_of(&player)?.save();
        saved.map_err(|access| PlayerError::of_access(&player, access))
    }

    /// Returns once what a player has now is durable.
    ///
    /// # Errors
    /// [`PlayerError`]: it is not known to be.
    ///
    /// # Cancel safety
    /// Dropped, the save goes on.
    pub fn checkpoint(&self, player: impl Into<PlayerId>) -> PlayerCall<()> {
        let receipt = self.save(player);
        PlayerCall::new(async move { Ok(receipt?.await.map(drop)?) })
    }

    /// Calls that return when they are done: for tools and tests. They block the thread.
    pub fn blocking(&self) -> Blocking<'_, T> {
        Blocking::new(self)
    }

    fn play(&self, player: &PlayerId) -> Result<Play<T>, PlayerError> {
        let play = self.facade.look(|table| table.play(player));
        play.map_err(|why| PlayerError::unavailable(player, why))
    }

    fn session_of(&self, player: &PlayerId) -> Result<Session<T>, PlayerError> {
        match self.play(player)? {
            Play::Saved { session, .. } => Ok(session),
            Play::Unsaved(_) => Err(PlayerError::Unsaved { player: player.clone() }),
        }
    }
}

impl<T> Clone for Players<T> {
    fn clone(&self) -> Self {
        Self { facade: Arc::clone(&self.facade) }
    }
}

impl<T> fmt::Debug for Players<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Players").field("store", &self.facade.store).finish_non_exhaustive()
    }
}
