//! The arena as a server of its own: bots that join, play, leave and come back, and one line for
//! each thing that the store has acknowledged.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use steadfast::core::Rng;
use steadfast::core::operation::OperationStatus;
use steadfast::{OperationState, Options, PlayerError, Players, Steadfast};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::told::Line;
use crate::world::{
    KEY_PREFIX, Kind, Order, STORE, Save, is_passing, match_id, order, with_handlers,
};
use crate::{Failure, now};

/// How long a bot waits to be ready, and for the end of an operation.
const PATIENCE: Duration = Duration::from_secs(30);
/// Operations whose end a bot waits for, beside what it does.
const WAITS_MAX: usize = 16;
/// Things that a bot does in one visit.
const VISIT: std::ops::Range<u64> = 5..30;
/// Gifts that reach a player who is away.
const GIFTS: std::ops::Range<u64> = 0..3;

/// What `arena play` is told.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) dir: PathBuf,
    pub(crate) time: Duration,
    pub(crate) players: u64,
    pub(crate) seed: u64,
}

/// The arena, as its bots share it.
struct Arena {
    players: Players<Save>,
    player_count: u64,
    seed: u64,
    until: Instant,
    is_over: AtomicBool,
}

/// Opens the directory and plays.
pub(crate) fn play(play: Play) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(2).build()?;
    let Play { dir, time, players: player_count, seed } = play;
    let db = Steadfast::open_with(dir, Options::default())?;
    let players = open_players(&db)?;
    let (until, is_over) = (now() + time, AtomicBool::new(false));
    let arena = Arc::new(Arena { players, player_count, seed, until, is_over });
    arena.tell(&Line::Ready { players: player_count });
    let played = runtime.block_on(run(&arena));
    runtime.block_on(arena.players.close());
    db.close()?;
    played
}

/// The players of the arena, with all that their operations need.
pub(crate) fn open_players(db: &Steadfast) -> Result<Players<Save>, Failure> {
    let store = with_handlers(db.store_blocking(STORE)?)?;
    Ok(Players::over(store))
}

async fn run(arena: &Arc<Arena>) -> Result<(), Failure> {
    let mut bots = JoinSet::new();
    for player in 0..arena.player_count {
        let rng = Rng::stream(arena.seed, &format!("bot {player}"));
        let (arena, waits) = (Arc::clone(arena), JoinSet::new());
        bots.spawn(Bot { arena, player, rng, waits, gift_count: 0 }.live());
    }
    let mut played = Ok(());
    while let Some(lived) = bots.join_next().await {
        if let Err(error) = lived.map_err(Failure::from).flatten() {
            arena.is_over.store(true, Ordering::Relaxed);
            played = Err(error);
        }
    }
    played
}

impl Arena {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || now() >= self.until
    }

    /// Tells what is acknowledged, at once. When nobody listens any more, the arena closes.
    fn tell(&self, line: &Line) {
        let mut out = io::stdout().lock();
        let told = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
        if told.is_err() {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    fn tell_end(&self, player: u64, id: &str, state: &OperationState) {
        let status = match state {
            OperationState::Applied { .. } => OperationStatus::Applied,
            OperationState::Cancelled { .. } => OperationStatus::Cancelled,
            OperationState::Failed { .. } => OperationStatus::Failed,
            OperationState::Queued
            | OperationState::Pending { .. }
            | OperationState::Expired
            | OperationState::NotFound => return,
        };
        self.tell(&Line::Ended { player, id: id.into(), status });
    }

    /// Waits for the end of an operation, and tells it.
    async fn watch(self: Arc<Self>, player: u64, id: String) -> Result<(), Failure> {
        let key = format!("{KEY_PREFIX}{player}");
        match self.players.store().await_operation(&key, id.as_str(), PATIENCE).await {
            Ok(state) => self.tell_end(player, &id, &state),
            Err(error) if is_passing(error.code()) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Somebody who plays.
struct Bot {
    arena: Arc<Arena>,
    player: u64,
    rng: Rng,
    waits: JoinSet<Result<(), Failure>>,
    gift_count: u64,
}

impl Bot {
    async fn live(mut self) -> Result<(), Failure> {
        while !self.arena.is_over() {
            // At first to somebody who may never have joined.
            self.be_away().await?;
            self.visit().await?;
        }
        Ok(())
    }

    async fn visit(&mut self) -> Result<(), Failure> {
        self.players().join(self.player)?;
        self.players().wait(self.player, PATIENCE).await?;
        for _ in 0..self.rng.in_range(VISIT) {
            if self.arena.is_over() {
                break;
            }
            self.act().await?;
            self.rest_waits(WAITS_MAX).await?;
        }
        if self.rng.percent(50) {
            self.rest_waits(0).await?;
        }
        let step_count = self.players().get(self.player, |save| save.step_count)?;
        self.players().release(self.player).await?;
        self.tell_saved(self.player, step_count);
        Ok(())
    }

    async fn act(&mut self) -> Result<(), Failure> {
        self.step()?;
        match self.rng.below(100) {
            0..20 => self.step(),
            20..50 => self.fight().await,
            50..70 => self.order(Kind::Shop).await,
            70..85 => self.order(Kind::Crate).await,
            _ => self.checkpoint().await,
        }
    }

    fn step(&mut self) -> Result<(), Failure> {
        let mut by = || i64::try_from(self.rng.below(3)).unwrap_or(0) - 1;
        let by = (by(), by());
        self.players().edit(self.player, |save| {
            save.step(by);
            Ok(())
        })?;
        Ok(())
    }

    async fn checkpoint(&mut self) -> Result<(), Failure> {
        let step_count = self.players().get(self.player, |save| save.step_count)?;
        self.players().checkpoint(self.player).await?;
        self.tell_saved(self.player, step_count);
        Ok(())
    }

    /// A match: both records are changed in one batch, and the rewards are queued afterwards. An arena
    /// that dies in between has the rewards queued by whoever plays the player next.
    async fn fight(&mut self) -> Result<(), Failure> {
        let other = self.rng.below(self.arena.player_count);
        let wins = self.rng.percent(50);
        let fought = self.players().edit_two(self.player, other, |one, other| {
            one.match_count += 1;
            other.match_count += 1;
            *(if wins { &mut one.win_count } else { &mut other.win_count }) += 1;
            Ok((one.step_count, other.step_count))
        });
        match fought {
            // A match that is not known to be stored is not told.
            Ok((step_counts, receipt)) => {
                if receipt.await.is_ok() {
                    self.tell_saved(self.player, step_counts.0);
                    self.tell_saved(other, step_counts.1);
                }
            }
            // Nobody there to fight, or busy with another match.
            Err(PlayerError::Unavailable { .. } | PlayerError::Transact(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.take_rewards().await
    }

    /// Queues the rewards of all matches that are not paid. After a crash some of them are queued
    /// already: they have the same ids, and count once.
    async fn take_rewards(&mut self) -> Result<(), Failure> {
        let counts = |save: &Save| save.paid_count..save.match_count;
        for number in self.players().get(self.player, counts)? {
            let reward = order(Kind::Match, match_id(self.player, number))?;
            if !self.deliver(reward).await? {
                break;
            }
            self.players().edit(self.player, |save| {
                save.paid_count = number + 1;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Buys something, or opens a crate.
    async fn order(&mut self, kind: Kind) -> Result<(), Failure> {
        let number = self.players().edit(self.player, |save| {
            let count =
                if kind == Kind::Crate { &mut save.crate_count } else { &mut save.order_count };
            *count += 1;
            Ok(*count)
        })?;
        self.deliver(order(kind, format!("{}-{}-{number}", kind.name(), self.player))?).await?;
        Ok(())
    }

    async fn be_away(&mut self) -> Result<(), Failure> {
        for _ in 0..self.rng.in_range(GIFTS) {
            let (kind, seed) = (Kind::Gift, self.arena.seed);
            let id = format!("{}-{}-{seed}-{}", kind.name(), self.player, self.gift_count);
            self.deliver(order(kind, id)?).await?;
            self.gift_count += 1;
        }
        Ok(())
    }

    /// Queues an operation and has its end told, some time. Whether it is durable; if not, or if
    /// nobody knows, it is due again, under its id.
    async fn deliver(&mut self, order: Order) -> Result<bool, Failure> {
        let Order { id, kind, flow, operation } = order;
        let queued = match self.players().deliver(self.player, operation).await {
            Ok(queued) => queued,
            Err(error) if is_passing(error.code()) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let (player, amount, is_new) = (self.player, flow.net(), queued.is_new);
        self.arena.tell(&Line::Queued { player, id: id.clone(), kind, amount, is_new });
        if queued.state.has_ended() {
            self.arena.tell_end(player, &id, &queued.state);
        } else {
            self.waits.spawn(Arc::clone(&self.arena).watch(player, id));
        }
        Ok(true)
    }

    /// Waits until no more ends than these are waited for.
    async fn rest_waits(&mut self, count_max: usize) -> Result<(), Failure> {
        while self.waits.len() > count_max {
            if let Some(watched) = self.waits.join_next().await {
                watched??;
            }
        }
        Ok(())
    }

    fn tell_saved(&self, player: u64, step_count: u64) {
        self.arena.tell(&Line::Acknowledged { player, step_count });
    }

    fn players(&self) -> &Players<Save> {
        &self.arena.players
    }
}
