//! The gate that every call passes: the client's own budget, and what a 429 asked for (B1).
//!
//! A 429 shuts the gate for everything until its `Retry-After` is over: which of its pools the
//! service meant is a guess, and a game shares them.

use std::time::Duration;

use steadfast_core::budget::{BudgetSettings, Budgets, Demand, Denial, Pool, Standing};
use steadfast_core::{Monotonic, Now};

/// How long the gate stays shut after a first 429 that does not say how long; twice as long after
/// each further one in a row.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest of these pauses: the length of a window (B-25).
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// The longest time that a service can ask for. Beyond it, it is asked once more.
const SHUT_MAX: Duration = Duration::from_hours(1);

/// The smallest part of a read that is charged.
const KIB: u64 = 1024;

/// Decides whether a call may be sent now.
#[derive(Debug)]
pub(super) struct Gate {
    budgets: Option<Budgets>,
    shut_until: Monotonic,
    shut_by: Pool,
    /// How many 429 came in a row.
    streak: u32,
}

impl Gate {
    /// An open gate.
    pub(super) fn new(settings: Option<BudgetSettings>) -> Self {
        let budgets = settings.map(Budgets::new);
        Self { budgets, shut_until: Monotonic::default(), shut_by: Pool::Windows, streak: 0 }
    }

    /// Lets a call pass, and charges for it.
    ///
    /// # Errors
    /// [`Denial`]: how long until it is worth asking again. Nothing was charged.
    pub(super) fn pass(&mut self, now: Monotonic, demand: &Demand) -> Result<(), Denial> {
        let wait = self.shut_until.saturating_since(now);
        if wait > Duration::ZERO {
            return Err(denial(self.shut_by, wait));
        }
        let Some(budgets) = &mut self.budgets else { return Ok(()) };
        budgets.charge(at(now), std::slice::from_ref(demand)).map(drop)
    }

    /// Charges for the size of a value that was read, which was not known when the call passed. What
    /// does not fit any more fills the window, so that the next read waits.
    pub(super) fn charge_size(&mut self, now: Monotonic, demand: &Demand, size: u64) {
        let Some(budgets) = &mut self.budgets else { return };
        // The first KB was charged with the call.
        let mut size = size.saturating_sub(KIB);
        let mut piece = size;
        while size > 0 && piece > 0 {
            let part = Demand { size: piece, count: 0, ..demand.clone() };
            if budgets.charge(at(now), &[part]).is_ok() {
                size = size.saturating_sub(piece);
                piece = piece.min(size);
            } else {
                piece = if piece > KIB { piece / 2 } else { 0 };
            }
        }
    }

    /// Shuts the gate: the service said 429. Answers for how long.
    pub(super) fn shut(&mut self, now: Monotonic, pool: Pool, wait: Option<Duration>) -> Denial {
        let doubled = PAUSE.saturating_mul(2_u32.saturating_pow(self.streak)).min(PAUSE_MAX);
        let wait = wait.unwrap_or(doubled).min(SHUT_MAX);
        self.streak = self.streak.saturating_add(1);
        let until = now.saturating_add(wait);
        if until > self.shut_until {
            (self.shut_until, self.shut_by) = (until, pool);
        }
        denial(self.shut_by, self.shut_until.saturating_since(now))
    }

    /// The service answered something else than 429.
    pub(super) fn on_answer(&mut self) {
        self.streak = 0;
    }
}

fn at(mono: Monotonic) -> Now {
    Now { mono, ..Now::default() }
}

fn denial(pool: Pool, wait: Duration) -> Denial {
    Denial { pool, wait, standing: Standing { limit: 0, remaining: 0, reset: wait } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steadfast_core::budget::{Door, Family, Kind};
    use steadfast_core::{ApiKeyId, UniverseId};

    use crate::client::Budget;

    fn seconds(seconds: u64) -> Monotonic {
        Monotonic::default().saturating_add(Duration::from_secs(seconds))
    }

    fn demand(kind: Kind) -> Demand {
        let (owner, universe) = (ApiKeyId(0), UniverseId(1));
        let (door, family, entry) = (Door::V2, Family::Standard, None);
        Demand { owner, door, family, kind, universe, entry, size: 0, count: 1 }
    }

    #[test]
    fn b1_a_window_never_holds_more_than_the_share() {
        let mut gate = Gate::new(Some(Budget::live().settings()));
        for _ in 0..30 {
            assert_eq!(gate.pass(seconds(0), &demand(Kind::Read)), Ok(()));
        }
        let denial = gate.pass(seconds(0), &demand(Kind::Read)).unwrap_err();
        assert!(denial.wait > Duration::from_secs(59), "{denial:?}");
        assert_eq!(gate.pass(seconds(0), &demand(Kind::Write)), Ok(()), "another verb");
        assert!(gate.pass(seconds(60), &demand(Kind::Read)).is_err());
        assert_eq!(gate.pass(seconds(61), &demand(Kind::Read)), Ok(()));
    }

    #[test]
    fn b1_nothing_passes_before_retry_after_is_over() {
        let mut gate = Gate::new(None);
        gate.shut(seconds(10), Pool::Windows, Some(Duration::from_secs(7)));
        for kind in [Kind::Read, Kind::Write, Kind::List, Kind::Remove] {
            let denial = gate.pass(seconds(16), &demand(kind)).unwrap_err();
            assert_eq!(denial.wait, Duration::from_secs(1));
        }
        // A shorter one that was under way does not open it earlier.
        gate.shut(seconds(11), Pool::Windows, Some(Duration::from_secs(1)));
        assert!(gate.pass(seconds(16), &demand(Kind::Read)).is_err());
        assert_eq!(gate.pass(seconds(17), &demand(Kind::Read)), Ok(()));
    }

    #[test]
    fn without_retry_after_each_pause_is_twice_the_one_before_up_to_a_minute() {
        let mut gate = Gate::new(None);
        let mut now = 0;
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            let denial = gate.shut(seconds(now), Pool::Windows, None);
            assert_eq!(denial.wait, Duration::from_secs(expected));
            now += expected;
        }
        gate.on_answer();
        assert_eq!(gate.shut(seconds(now), Pool::Windows, None).wait, PAUSE);
        let long = gate.shut(seconds(now), Pool::Windows, Some(Duration::from_hours(999)));
        assert_eq!(long.wait, SHUT_MAX);
    }

    #[test]
    fn t_01_values_that_were_read_count_and_fill_their_window() {
        let mut gate = Gate::new(Some(Budget::live().settings()));
        let entry = crate::client::tests::entry("k");
        let read = Demand { entry: Some(entry), ..demand(Kind::Read) };
        for _ in 0..2 {
            assert_eq!(gate.pass(seconds(0), &read), Ok(()));
            gate.charge_size(seconds(0), &read, 3 * 1024 * KIB);
        }
        let denial = gate.pass(seconds(1), &read).unwrap_err();
        assert_eq!(denial.pool.name(), "key_read");
        assert_eq!(gate.pass(seconds(61), &read), Ok(()));
    }
}
