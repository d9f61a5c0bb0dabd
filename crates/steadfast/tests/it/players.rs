//! Players from outside, in virtual time: everything that can happen between joining and leaving.

mod changes;
mod frames;
mod hooks;
mod joining;
mod leaving;
mod loading;
mod pairs;
mod unsaved;

use std::time::Duration;

use steadfast::core::platform::{Get, Permit, Request, Set, When, Which};
use steadfast::core::{
    Code, Content, EntryId, EntryKey, JsonText, Metadata, Scope, StoreId, StoreName, UniverseId,
    UserId,
};
use steadfast::{
    Happened, PlayerError, PlayerEvent, PlayerSettings, PlayerState, Players, SessionSettings,
    Steadfast,
};

use crate::sessions::world::{Save, World};

/// One game server, and its players.
pub(crate) struct Game {
    pub(crate) db: Steadfast,
    pub(crate) players: Players<Save>,
}

impl Game {
    pub(crate) fn new(world: &World, address: &str) -> Self {
        Self::with(world, world.server(address), PlayerSettings::default())
    }

    /// One that lets go of no record when it is asked to.
    pub(crate) fn that_keeps(world: &World, address: &str) -> Self {
        let keeps = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
        Self::with(world, world.server_with(address, keeps), PlayerSettings::default())
    }

    pub(crate) fn with(world: &World, db: Steadfast, settings: PlayerSettings) -> Self {
        let store = world.run(&[&db], db.store("PlayerData")).unwrap();
        let players = Players::over_with(store, settings).unwrap();
        Self { db, players }
    }

    /// A player joins and gets ready.
    #[track_caller]
    pub(crate) fn join(&self, world: &World, player: u64) {
        self.players.join(player).unwrap();
        self.until(world, player, &PlayerState::Ready);
    }

    #[track_caller]
    pub(crate) fn until(&self, world: &World, player: u64, state: &PlayerState) {
        world.until(&[&self.db], || (self.players.state(player) == *state).then_some(()));
    }

    #[track_caller]
    pub(crate) fn until_failed(&self, world: &World, player: u64) -> Code {
        world.until(&[&self.db], || {
            let PlayerState::Failed(failure) = self.players.state(player) else { return None };
            Some(failure.code())
        })
    }

    /// What happened since the last call.
    pub(crate) fn told(&self) -> Vec<PlayerEvent> {
        let events = self.players.events();
        std::iter::from_fn(|| events.try_next()).collect()
    }

    /// The same in short words.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        self.told().iter().map(|event| word(&event.what)).collect()
    }

    /// The coins that are stored.
    pub(crate) fn stored(&self, world: &World, player: u64) -> Option<i64> {
        let get = Get { entry: entry(&self.db, player), which: Which::Current };
        let state = world.run(&[&self.db], self.db.execute(Request::Get(get))).ok()?;
        let content = state.content?;
        let value: Save = serde_json::from_str(content.value.as_str()).unwrap();
        assert_eq!(content.user_ids, [UserId::Number(player)]);
        Some(value.coins)
    }

    /// Somebody writes something else than what players have.
    pub(crate) fn put(&self, world: &World, player: u64, value: &str) {
        let value = JsonText::parse(value.as_bytes(), self.db.limits()).unwrap();
        let (user_ids, metadata) = (vec![UserId::Number(player)], Metadata::empty());
        let content = Content { value, user_ids, metadata }.into();
        let (when, permit, write_id) = (When::Always, Permit::ALL, self.db.new_write_id());
        let set = Set { entry: entry(&self.db, player), content, when, permit, write_id };
        world.run(&[&self.db], self.db.execute(Request::Set(set))).unwrap();
    }
}

pub(crate) fn entry(db: &Steadfast, player: u64) -> EntryId {
    let name = StoreName::parse("PlayerData", db.limits()).unwrap();
    let store = StoreId { universe: UniverseId(1), name };
    let key = EntryKey::parse(&format!("Player_{player}"), db.limits()).unwrap();
    EntryId { store, scope: Scope::global(), key }
}

pub(crate) fn word(what: &Happened) -> &'static str {
    match what {
        Happened::Loading => "loading",
        Happened::Retrying { .. } => "retrying",
        Happened::Ready => "ready",
        Happened::Unsaved(_) => "unsaved",
        Happened::Failed(_) => "failed",
        Happened::Disconnect { .. } => "disconnect",
        Happened::NotAssociated(_) => "not associated",
        Happened::DataLarge { .. } => "data large",
        Happened::Session(_) => "session",
        Happened::Releasing => "releasing",
        Happened::Released => "released",
        _ => "something new",
    }
}

#[track_caller]
pub(crate) fn code<R>(result: Result<R, PlayerError>) -> Code {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => {
            assert_eq!(error.kind(), error.code().kind());
            error.code()
        }
    }
}

pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
