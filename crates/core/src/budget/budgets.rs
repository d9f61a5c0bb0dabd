//! All windows, and the one decision: does a request fit into every pool that it draws on?

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::budget::demand::{Demand, Door, Draw, Family, Pool, Subject};
use crate::budget::rates::Rates;
use crate::budget::window::{WINDOW, Window};
use crate::id::{ApiKeyId, UniverseId};
use crate::time::{Monotonic, Now};

/// Most windows held at a time, unless set otherwise.
pub const WINDOW_COUNT_MAX: usize = 100_000;

/// Most windows that one request looks at to find idle ones: four times what it can add, so that
/// they are dropped faster than they are made, and no request pays for all of them.
const SWEEP_COUNT_MAX: usize = 16;

/// What a universe may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The limits of a minute.
    pub rates: Rates,
    /// Players in the experience at a time, on which some limits depend.
    pub player_count: u64,
}

/// What the budgets go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    /// Of every universe that has none of its own, and of owners of keys.
    pub quota: Quota,
    /// Of universes with limits of their own (B-28).
    pub universes: BTreeMap<UniverseId, Quota>,
    /// Most windows held at a time: about four per entry, owner and universe used in the last two
    /// minutes. A request that needs one more is refused until idle ones are dropped.
    pub window_count_max: usize,
}

impl BudgetSettings {
    /// The same for every universe.
    pub const fn new(rates: Rates, player_count: u64) -> Self {
        let quota = Quota { rates, player_count };
        Self { quota, universes: BTreeMap::new(), window_count_max: WINDOW_COUNT_MAX }
    }
}

/// How much of the tightest pool of requests is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests of a window.
    pub limit: u64,
    /// How many more of them would be granted now.
    pub remaining: u64,
    /// How long until room comes back, and for a refused request until it is granted: zero if nothing
    /// is used.
    pub reset: Duration,
}

/// A request that was refused, and took nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Which pool has no room for the longest time.
    pub pool: Pool,
    /// How long until the same request is granted, if nothing else comes. A request that is larger
    /// than its pool is never granted, and is told to wait for a whole window.
    pub wait: Duration,
    /// Where requests stand: none of this kind are left until then.
    pub standing: Standing,
}

impl Denial {
    /// Whole seconds to wait, at least one.
    pub fn retry_after_seconds(&self) -> u64 {
        whole_seconds(self.wait).max(1)
    }
}

impl Standing {
    /// Whole seconds until more is left.
    pub fn reset_seconds(&self) -> u64 {
        whole_seconds(self.reset)
    }
}

/// Rounded up.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Names a window.
type WindowKey = (Pool, Subject);

/// What everybody used in the last minute.
#[derive(Clone, Debug)]
pub struct Budgets {
    settings: BudgetSettings,
    /// The latest time there was: a clock that goes back stands still.
    latest: Monotonic,
    windows: BTreeMap<WindowKey, Window>,
    /// Every window once, with the time from which on it may be idle, earliest first.
    idle_from: VecDeque<(Monotonic, WindowKey)>,
}

impl Budgets {
    /// Budgets of which nothing is used.
    pub fn new(settings: BudgetSettings) -> Self {
        let (windows, idle_from) = (BTreeMap::new(), VecDeque::new());
        Self { settings, latest: Monotonic::from_nanos(0), windows, idle_from }
    }

    /// Takes what the parts of one request need from all their pools.
    ///
    /// # Errors
    /// [`Denial`], and nothing is taken from any (T-08).
    pub fn charge(&mut self, now: Now, demands: &[Demand]) -> Result<Standing, Denial> {
        let draws = self.draws(demands);
        let now = self.fits(now, &draws)?;
        for Draw { pool, subject, amount, limit: _ } in &draws {
            let key = (*pool, subject.clone());
            if !self.windows.contains_key(&key) {
                self.idle_from.push_back((now.saturating_add(WINDOW), key.clone()));
            }
            self.windows.entry(key).or_default().add(now, *amount);
        }
        Ok(self.tightest(now, &draws))
    }

    /// Whether the parts of one request would be granted now. Takes nothing: for a read, whose size
    /// is not known before it was made.
    ///
    /// # Errors
    /// [`Denial`].
    pub fn check(&mut self, now: Now, demands: &[Demand]) -> Result<(), Denial> {
        let draws = self.draws(demands);
        self.fits(now, &draws).map(drop)
    }

    /// Where an owner stands without another request: its own pool only.
    pub fn standing_of(
        &mut self,
        now: Now,
        owner: ApiKeyId,
        door: Door,
        family: Family,
    ) -> Standing {
        let now = self.advance(now);
        let (pool, subject) = (Pool::of_owner(door, family), Subject::Owner(owner));
        let limit = self.settings.quota.rates.owner_count(door, family);
        self.tightest(now, &[Draw { pool, subject, amount: 0, limit }])
    }

    /// Where somebody unknown stands: nothing is used.
    pub const fn unused(&self, door: Door, family: Family) -> Standing {
        let limit = self.settings.quota.rates.owner_count(door, family);
        Standing { limit, remaining: limit, reset: Duration::ZERO }
    }

    /// How many windows are held.
    pub fn window_count(&self) -> usize {
        self.windows.len()
    }

    /// What is drawn, each window once.
    fn draws(&self, demands: &[Demand]) -> Vec<Draw> {
        let mut draws: Vec<Draw> = Vec::new();
        for demand in demands {
            let Self { settings: BudgetSettings { quota, universes, .. }, .. } = self;
            let own = universes.get(&demand.universe).unwrap_or(quota);
            for draw in demand.draws(own, &quota.rates) {
                let same =
                    |other: &&mut Draw| (other.pool, &other.subject) == (draw.pool, &draw.subject);
                match draws.iter_mut().find(same) {
                    Some(other) => other.amount = other.amount.saturating_add(draw.amount),
                    None => draws.push(draw),
                }
            }
        }
        draws
    }

    fn fits(&mut self, now: Now, draws: &[Draw]) -> Result<Monotonic, Denial> {
        let now = self.advance(now);
        let mut longest: Option<(Duration, Pool)> = None;
        let mut new_count = 0;
        for Draw { pool, subject, amount, limit } in draws {
            let window = self.windows.get_mut(&(*pool, subject.clone()));
            new_count += usize::from(window.is_none());
            let wait = match window {
                Some(window) => {
                    window.forget_until(now);
                    window.wait_for(now, *amount, *limit)
                }
                None => Window::default().wait_for(now, *amount, *limit),
            };
            if wait > longest.map_or(Duration::ZERO, |(longest, _)| longest) {
                longest = Some((wait, *pool));
            }
        }
        let has_room =
            self.windows.len().saturating_add(new_count) <= self.settings.window_count_max;
        if longest.is_none() && (new_count == 0 || has_room) {
            return Ok(now);
        }
        let (wait, pool) = longest.unwrap_or_else(|| {
            // The next look at a window may find it in use: then it is to be asked again.
            let first = self.idle_from.front().map_or(now, |(idle_from, _)| *idle_from);
            (first.saturating_since(now).saturating_add(Duration::from_nanos(1)), Pool::Windows)
        });
        let limit = self.tightest(now, draws).limit;
        Err(Denial { pool, wait, standing: Standing { limit, remaining: 0, reset: wait } })
    }

    /// Of the pools that count requests, the one with the least left.
    fn tightest(&mut self, now: Monotonic, draws: &[Draw]) -> Standing {
        let standings = draws.iter().filter(|draw| draw.pool.counts_requests()).map(|draw| {
            let window = self.windows.get_mut(&(draw.pool, draw.subject.clone()));
            let (used, reset) = window.map_or((0, Duration::ZERO), |window| {
                window.forget_until(now);
                (window.used(), window.first_is_over_in(now))
            });
            Standing { limit: draw.limit, remaining: draw.limit.saturating_sub(used), reset }
        });
        let nothing = Standing { limit: 0, remaining: 0, reset: Duration::ZERO };
        standings.min_by_key(|standing| standing.remaining).unwrap_or(nothing)
    }

    /// Moves time on, and drops a few windows that became idle.
    fn advance(&mut self, now: Now) -> Monotonic {
        self.latest = self.latest.max(now.mono);
        let now = self.latest;
        for _ in 0..SWEEP_COUNT_MAX {
            let Some((_, key)) = self.idle_from.pop_front_if(|(from, _)| *from < now) else {
                break;
            };
            let is_idle = self.windows.get_mut(&key).is_none_or(|window| {
                window.forget_until(now);
                window.is_empty()
            });
            if is_idle {
                self.windows.remove(&key);
            } else {
                self.idle_from.push_back((now.saturating_add(WINDOW), key));
            }
        }
        now
    }
}
