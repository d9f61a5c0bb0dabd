//! The budgets against the rule as it is written: every request of the last 60 s, one by one.

use proptest::prelude::*;

use super::*;

/// What the rule takes for one pool: when, and how much.
#[derive(Default)]
struct Exact(Vec<(Duration, u64)>);

impl Exact {
    fn used(&self, now: Duration, span: Duration) -> u64 {
        self.0.iter().filter(|(time, _)| now.saturating_sub(*time) <= span).map(|(_, n)| n).sum()
    }
}

/// One entry, three pools: requests of the universe, KB of the universe, KB of the entry.
#[derive(Default)]
struct Model {
    granted: [Exact; 3],
}

const LIMITS: [u64; 3] = [12, 40, 20];

fn budgets() -> Budgets {
    let rates = Rates {
        v1_standard_write_count: LIMITS[0],
        v1_standard_write_kib: LIMITS[1],
        key_write_kib: LIMITS[2],
        ..Rates::roblox()
    };
    Budgets::new(BudgetSettings::new(rates, 0))
}

impl Model {
    fn fits(&self, now: Duration, span: Duration, kib: u64) -> bool {
        let amounts = [1, kib, kib];
        let mut pools = self.granted.iter().zip(amounts).zip(LIMITS);
        pools.all(|((pool, amount), limit)| pool.used(now, span) + amount <= limit)
    }

    fn grant(&mut self, now: Duration, kib: u64) {
        for (pool, amount) in self.granted.iter_mut().zip([1, kib, kib]) {
            pool.0.push((now, amount));
        }
    }
}

/// Times between two requests: none, near a slot, ordinary, and around a window.
fn pause() -> impl Strategy<Value = Duration> {
    let near = |around: Duration| {
        let around = u64::try_from(around.as_nanos()).unwrap();
        (around - 2..around + 3).prop_map(Duration::from_nanos)
    };
    prop_oneof![
        2 => Just(Duration::ZERO),
        2 => near(SLOT),
        4 => (0_u64..9_000).prop_map(Duration::from_millis),
        2 => near(WINDOW),
        1 => near(WINDOW + SLOT),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn t_03_never_more_than_the_exact_rule_and_hardly_less(
        steps in prop::collection::vec((pause(), 0_u64..12 * 1024, any::<bool>()), 1..120),
    ) {
        let (mut budgets, mut model) = (budgets(), Model::default());
        let mut now = Duration::ZERO;
        for (pause, size, goes_back) in steps {
            now += pause;
            // A clock that goes back is not believed: the latest time counts.
            let shown = if goes_back { now.saturating_sub(pause * 3) } else { now };
            budgets.check(at(now), &[]).ok();
            let write = [demand(Door::V1, Kind::Write, "k", size)];
            let kib = size.div_ceil(1024).max(1);
            match budgets.charge(at(shown), &write) {
                Ok(standing) => {
                    prop_assert!(model.fits(now, WINDOW, kib), "granted against the rule at {now:?}");
                    model.grant(now, kib);
                    prop_assert!(standing.remaining <= LIMITS[0] - model.granted[0].used(now, WINDOW));
                }
                Err(denial) => {
                    prop_assert!(!model.fits(now, WINDOW + SLOT, kib), "refused at {now:?}");
                    // The wait is the first moment at which it is granted.
                    let due = now + denial.wait;
                    prop_assert!(budgets.clone().charge(at(due), &write).is_ok());
                    prop_assert!(budgets.clone().charge(at(due.saturating_sub(NANO)), &write).is_err());
                    let whole = now + Duration::from_secs(denial.retry_after_seconds());
                    prop_assert!(budgets.clone().charge(at(whole), &write).is_ok());
                }
            }
        }
    }

    #[test]
    fn requests_further_apart_than_a_slot_are_told_apart_exactly(
        pauses in prop::collection::vec(125_u64..9_000, 1..200),
    ) {
        let (mut budgets, mut model) = (budgets(), Model::default());
        let mut now = Duration::ZERO;
        for pause in pauses {
            now += Duration::from_millis(pause);
            let granted = budgets.charge(at(now), &[demand(Door::V1, Kind::Write, "k", 1)]).is_ok();
            prop_assert_eq!(granted, model.fits(now, WINDOW, 1));
            if granted {
                model.grant(now, 1);
            }
        }
    }
}
