//! How long a player waits who changes servers: rounds of hand-offs and take-overs in virtual time.
//!
//! ```text
//!   a player of server A joins server B     holder alive     B asks, A saves and lets go
//!                                           messages lost    B's mail is found with A's next renewal
//!                                           A crashed        B watches, declares A dead, takes over
//! ```
//!
//! Everything is decided by a `GameServer`; this module only delays and loses messages.

use std::cell::RefCell;
use std::time::Duration;

use steadfast_core::game_server::{Event, ServerEvent, SessionHandle};
use steadfast_core::session::{SessionEvent, SessionSettings};
use steadfast_core::{Monotonic, Rng};

use crate::small::{Fate, Happening, Leg, Small};

/// What goes wrong in the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The holder lives, and some answers of the store are lost.
    Alive,
    /// Besides, no message between servers arrives.
    MessagesLost,
    /// The holder crashes at some time around the request.
    Crashed,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Alive, Self::MessagesLost, Self::Crashed];

    /// Its name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "holder alive",
            Self::MessagesLost => "all messages lost",
            Self::Crashed => "holder crashed",
        }
    }
}

/// How many rounds, and how the store and the network are.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Rounds.
    pub rounds: u64,
    /// For everything that is drawn.
    pub seed: u64,
    /// From a request to its answer at the store, at least and less than.
    pub latency: (Duration, Duration),
    /// Lost answers of the store, of a hundred.
    pub lost_percent: u64,
}

impl Default for Conditions {
    fn default() -> Self {
        let latency = (Duration::from_millis(20), Duration::from_millis(80));
        Self { rounds: 10_000, seed: 1, latency, lost_percent: 5 }
    }
}

/// How long the rounds took, from the later of request and crash to the open record, in order.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    waits: Vec<Duration>,
}

impl Waits {
    /// The wait that so many thousandths of the rounds do not exceed.
    pub fn per_mille(&self, per_mille: usize) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        let place = (self.waits.len() * per_mille).div_ceil(1_000).saturating_sub(1).min(last);
        self.waits.get(place).copied().unwrap_or_default()
    }

    /// The longest wait.
    pub fn longest(&self) -> Duration {
        self.per_mille(1_000)
    }

    /// Rounds.
    pub fn len(&self) -> usize {
        self.waits.len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.waits.is_empty()
    }
}

/// Runs the rounds of a case. In half of them the holder has edits that are not saved.
///
/// # Errors
/// What must not happen: an edit that is missing, a record that is not opened.
pub fn run(case: Case, conditions: &Conditions) -> Result<Waits, String> {
    let mut waits = Vec::new();
    let mut rng = Rng::stream(conditions.seed, case.name());
    for round in 0..conditions.rounds {
        let wait = play(case, conditions, rng.next_u64());
        waits.push(wait.map_err(|what| format!("{}, round {round}: {what}", case.name()))?);
    }
    waits.sort_unstable();
    Ok(Waits { waits })
}

const HOLDER: usize = 0;
const WAITER: usize = 1;

/// Steps of a round.
const JOIN: u32 = 0;
const CRASH: u32 = 1;

/// The one record.
const KEY: u64 = 1;

/// One player who changes servers once.
struct Round<'a> {
    case: Case,
    small: Small<'a>,
    rng: &'a RefCell<Rng>,
    /// The holder's session.
    session: Option<SessionHandle>,
    joined_at: Option<Monotonic>,
    crashed_at: Option<Monotonic>,
}

fn between(rng: &mut Rng, least: Duration, most: Duration) -> Duration {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.in_range(nanos(least)..nanos(most)))
}

/// Plays one round. How long the player waited.
fn play(case: Case, conditions: &Conditions, seed: u64) -> Result<Duration, String> {
    let rng = RefCell::new(Rng::stream(seed, "round"));
    let (least, most) = conditions.latency;
    let network = |leg: Leg| {
        let mut rng = rng.borrow_mut();
        // The way to the store and back takes the latency together.
        let way = between(&mut rng, least / 2, most / 2);
        let is_lost = rng.percent(conditions.lost_percent);
        let is_lost = match leg {
            Leg::Request(_) => false,
            Leg::Answer(_) => is_lost,
            Leg::Hint(_) => is_lost || case == Case::MessagesLost,
        };
        if is_lost { Fate::Lost } else { Fate::After(way) }
    };
    let mut small = Small::new(seed, network);
    small.start(SessionSettings::default(), Duration::ZERO);
    // Renewals of two servers are at any distance from each other.
    let later = between(&mut rng.borrow_mut(), Duration::ZERO, Duration::from_secs(3));
    small.start(SessionSettings::default(), later);
    Round { case, small, rng: &rng, session: None, joined_at: None, crashed_at: None }.play()
}

impl Round<'_> {
    fn play(mut self) -> Result<Duration, String> {
        let number = 1 + self.rng.borrow_mut().below(1_000_000);
        while let Some((now, step)) = self.small.next() {
            if now.mono.nanos() > 120_000_000_000 {
                return Err("the record was not opened within two minutes".to_owned());
            }
            match step {
                Some(JOIN) => {
                    self.joined_at = Some(now.mono);
                    self.small.open(WAITER, KEY);
                }
                Some(CRASH) => {
                    self.crashed_at = Some(now.mono);
                    self.small.crash(HOLDER);
                }
                Some(_) | None => {}
            }
            for (server, event) in std::mem::take(&mut self.small.events) {
                let Some(session) = self.on_event(server, event)? else { continue };
                if server == HOLDER {
                    self.begin(session, number);
                } else {
                    let found = self.small.number_in(WAITER, session);
                    if found != Some(number) {
                        return Err(format!("the edit is missing: {found:?}"));
                    }
                    let joined_at = self.joined_at.unwrap_or_default();
                    let since = joined_at.max(self.crashed_at.unwrap_or_default());
                    return Ok(now.mono.saturating_since(since));
                }
            }
        }
        Err("nothing happens any more".to_owned())
    }

    /// The holder has the record: it is edited, maybe saved, and after a while the player leaves.
    fn begin(&mut self, session: SessionHandle, number: u64) {
        self.session = Some(session);
        let mut rng = self.rng.borrow_mut();
        let size = rng.in_range(2_000..200_000);
        // Who crashes loses what it never saved: the rounds are about time.
        let is_saved = rng.percent(50) || self.case == Case::Crashed;
        let after = between(&mut rng, Duration::from_secs(5), Duration::from_secs(9));
        let around = between(&mut rng, Duration::ZERO, Duration::from_secs(4));
        drop(rng);
        assert!(self.small.edit(HOLDER, session, number, size), "an active session takes edits");
        if is_saved {
            let ask = |server: &mut steadfast_core::game_server::GameServer, now, out: &mut _| {
                server.checkpoint(now, session, out).is_ok()
            };
            assert_eq!(self.small.with(HOLDER, ask), Some(true), "an open session is saved");
        }
        self.small.world.schedule_in(after, Happening::Step(JOIN));
        if self.case == Case::Crashed {
            let at = (after + around).saturating_sub(Duration::from_secs(4));
            self.small.world.schedule_in(at, Happening::Step(CRASH));
        }
    }

    /// The session that was opened, if the event says so.
    fn on_event(&mut self, server: usize, event: Event) -> Result<Option<SessionHandle>, String> {
        match event {
            Event::Opened { session, .. } => Ok(Some(session)),
            Event::OpenFailed { error, .. } => Err(error.to_string()),
            Event::Server(ServerEvent::Live(_)) => {
                if server == HOLDER && self.session.is_none() {
                    self.small.open(HOLDER, KEY);
                }
                Ok(None)
            }
            Event::Session { event: SessionEvent::Lost { reason, .. }, .. } => {
                Err(format!("the holder lost its record: {reason:?}"))
            }
            Event::Server(_)
            | Event::Settled { .. }
            | Event::Queued { .. }
            | Event::Operation { .. }
            | Event::Session { .. }
            | Event::Closed { .. } => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(case: Case, p99: Duration, longest: Duration) {
        let conditions = Conditions { rounds: 400, ..Conditions::default() };
        let waits = run(case, &conditions).unwrap();
        assert_eq!(waits.len(), 400);
        assert!(waits.per_mille(990) < p99, "{:?}", waits.per_mille(990));
        assert!(waits.longest() < longest, "{:?}", waits.longest());
    }

    #[test]
    fn a_living_holder_hands_over_within_a_second() {
        check(Case::Alive, Duration::from_secs(1), Duration::from_secs(4));
    }

    #[test]
    fn without_any_message_it_takes_less_than_four_seconds() {
        check(Case::MessagesLost, Duration::from_secs(4), Duration::from_secs(5));
    }

    #[test]
    fn l6_after_a_crash_it_takes_the_timeout_and_a_second() {
        check(Case::Crashed, Duration::from_secs(11), Duration::from_millis(11_500));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        let conditions = Conditions { rounds: 20, ..Conditions::default() };
        let waits = |_| run(Case::Alive, &conditions).unwrap().waits;
        assert_eq!(waits(0), waits(1));
    }
}
