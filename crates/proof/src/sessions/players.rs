//! Players: they join, play, leave, and hop from server to server, also without leaving.

use std::time::Duration;

use steadfast_core::Rng;
use steadfast_core::game_server::Ticket;
use steadfast_sim::Streams;

use super::fleet::{Fleet, Life, News};
use super::network::Network;
use super::{Context, Event};

/// After so long a player thinks that an opening leads nowhere.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Away,
    Joining(Life),
    Playing(Life, u64),
}

struct Player {
    state: State,
    /// Turns before this one are void.
    turn: u64,
    rng: Rng,
}

/// All players. Each has a record of its own, under the same index.
pub(super) struct Players {
    all: Vec<Player>,
    pub(super) hop_count: u64,
    is_over: bool,
}

impl Players {
    pub(super) fn new(streams: &Streams, count: usize) -> Self {
        let player = |index| Player {
            state: State::Away,
            turn: 0,
            rng: streams.own(&format!("player {index}")),
        };
        Self { all: (0..count).map(player).collect(), hop_count: 0, is_over: false }
    }

    /// Everybody joins.
    pub(super) fn begin(&mut self, ctx: &mut Context<'_>) {
        for index in 0..self.all.len() {
            self.again(ctx, index, 0..5_000);
        }
    }

    /// Nobody joins any more, and half of those who play leave.
    pub(super) fn heal(&mut self, ctx: &mut Context<'_>) {
        self.is_over = true;
        for player in &mut self.all {
            if let State::Playing(at, play) = player.state
                && player.rng.percent(50)
            {
                let delay = Duration::from_millis(player.rng.in_range(0..5_000));
                ctx.sim.world.schedule_in(delay, Event::Release(at, play));
            }
        }
    }

    /// The next turn of a player, in so many milliseconds.
    fn again(&mut self, ctx: &mut Context<'_>, index: usize, millis: std::ops::Range<u64>) {
        let Some(player) = self.all.get_mut(index) else { return };
        player.turn += 1;
        let delay = Duration::from_millis(player.rng.in_range(millis));
        let event = Event::Player { player: index, turn: player.turn };
        ctx.sim.world.schedule_in(delay, event);
    }

    /// A player's turn.
    pub(super) fn turn(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        fleet: &mut Fleet,
        index: usize,
        turn: u64,
    ) {
        let is_over = self.is_over;
        let Some(player) = self.all.get_mut(index) else { return };
        if player.turn != turn || is_over {
            return;
        }
        match player.state {
            State::Away => self.join(ctx, network, fleet, index, None),
            // It gives up; should it be let in all the same, it leaves at once.
            State::Joining(_) => {
                player.state = State::Away;
                self.again(ctx, index, 0..1_000);
            }
            State::Playing(at, play) => match player.rng.below(100) {
                0..30 => {
                    player.state = State::Away;
                    fleet.release(ctx, network, at, play);
                    self.again(ctx, index, 100..15_000);
                }
                30..55 => {
                    fleet.release(ctx, network, at, play);
                    self.hop(ctx, network, fleet, index, at);
                }
                55..85 => self.hop(ctx, network, fleet, index, at),
                _ => self.again(ctx, index, 2_000..60_000),
            },
        }
    }

    fn hop(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        fleet: &mut Fleet,
        index: usize,
        from: Life,
    ) {
        self.hop_count += 1;
        self.join(ctx, network, fleet, index, Some(from.machine));
    }

    fn join(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        fleet: &mut Fleet,
        index: usize,
        from: Option<usize>,
    ) {
        let Some(player) = self.all.get_mut(index) else { return };
        let Some(at) = fleet.pick(from) else {
            player.state = State::Away;
            return self.again(ctx, index, 500..3_000);
        };
        let (steals, cancels) = (player.rng.percent(4), player.rng.percent(6));
        player.state = State::Joining(at);
        player.turn += 1;
        let event = Event::Player { player: index, turn: player.turn };
        ctx.sim.world.schedule_in(PATIENCE, event);
        let ticket: Option<Ticket> = fleet.open(ctx, network, at, (index, index), steals);
        if let (Some(ticket), true) = (ticket, cancels) {
            // Most give up while the grant is on its way, so that it may come after the look that
            // should release it.
            let until = if player.rng.percent(70) { 150 } else { 3_000 };
            let delay = Duration::from_millis(player.rng.in_range(0..until));
            ctx.sim.world.schedule_in(delay, Event::Cancel(at, ticket));
        }
    }

    /// A player hears something.
    pub(super) fn hear(&mut self, ctx: &mut Context<'_>, news: News) {
        let is_over = self.is_over;
        match news {
            News::Opened { player: index, at, play } => {
                let Some(player) = self.all.get_mut(index) else { return };
                if player.state == State::Joining(at) {
                    player.state = State::Playing(at, play);
                    self.again(ctx, index, 2_000..80_000);
                } else if !is_over {
                    // Nobody is there any more.
                    let delay = Duration::from_millis(player.rng.in_range(0..20_000));
                    ctx.sim.world.schedule_in(delay, Event::Release(at, play));
                }
            }
            News::NotOpened { player: index } => {
                let Some(player) = self.all.get_mut(index) else { return };
                if matches!(player.state, State::Joining(_)) {
                    player.state = State::Away;
                    self.again(ctx, index, 100..10_000);
                }
            }
            News::Over { player: index, play } => {
                let Some(player) = self.all.get_mut(index) else { return };
                if matches!(player.state, State::Playing(_, other) if other == play) {
                    player.state = State::Away;
                    self.again(ctx, index, 100..10_000);
                }
            }
        }
    }
}
