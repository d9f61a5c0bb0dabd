//! What requests may use in a minute, where the limits of the store have rates.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use steadfast_core::budget::{BudgetSettings, Quota, Rates, Scaled, WINDOW_COUNT_MAX};
use steadfast_core::{Monotonic, UniverseId};
use tokio::time::Instant;

/// Windows that one request may need: of its universe, by requests and by size, of its entry and of
/// its owner.
const WINDOW_COUNT_MIN: usize = 4;

/// How requests are counted. Without rates in the limits of the store nothing is.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budgets {
    /// Players in an experience at a time, on which the limits of v2 depend (B-20 to B-23).
    pub ccu: u64,
    /// Universes with numbers of their own (B-28), by id.
    pub universes: BTreeMap<u64, UniverseBudgets>,
    /// Most windows held at a time: one per entry, owner and universe for each thing counted.
    /// Requests that need more are refused until others were idle for a minute.
    pub window_count_max: usize,
    /// The clock that the windows go by.
    #[serde(skip)]
    pub clock: BudgetClock,
}

impl Default for Budgets {
    fn default() -> Self {
        let (universes, clock) = (BTreeMap::new(), BudgetClock::default());
        Self { ccu: 0, universes, window_count_max: WINDOW_COUNT_MAX, clock }
    }
}

impl Budgets {
    /// What is wrong with the settings, if something is.
    pub(super) fn problem(&self) -> Option<String> {
        (self.window_count_max < WINDOW_COUNT_MIN).then(|| {
            let actual = self.window_count_max;
            format!(
                "`budgets.window_count_max` is {actual}, at least {WINDOW_COUNT_MIN} are needed"
            )
        })
    }

    /// The settings over these rates.
    pub(crate) fn over(&self, rates: &Rates) -> BudgetSettings {
        let universes = self.universes.iter().map(|(universe, own)| {
            let player_count = own.ccu.unwrap_or(self.ccu);
            (UniverseId(*universe), Quota { rates: own.over(rates), player_count })
        });
        BudgetSettings {
            universes: universes.collect(),
            window_count_max: self.window_count_max,
            ..BudgetSettings::new(rates.clone(), self.ccu)
        }
    }
}

/// A limit that grows with the players.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaledBudget {
    /// With nobody in the experience.
    pub base: u64,
    /// For each player more.
    pub per_player: u64,
}

impl From<ScaledBudget> for Scaled {
    fn from(ScaledBudget { base, per_player }: ScaledBudget) -> Self {
        Self { base, per_player }
    }
}

macro_rules! universe_budgets {
    (owner: $($owner:ident)*; $($name:ident: $type:ty,)*) => {
        /// What is different in one universe. What is not given is as everywhere; the fields are
        /// those of [`Rates`], without the limits of owners.
        #[derive(Clone, Copy, Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct UniverseBudgets {
            /// Players in this experience at a time.
            pub ccu: Option<u64>,
            $(
                #[doc = concat!("Instead of [`Rates::", stringify!($name), "`].")]
                pub $name: Option<$type>,
            )*
        }

        impl UniverseBudgets {
            fn over(&self, rates: &Rates) -> Rates {
                Rates {
                    $($name: self.$name.map_or(rates.$name, Into::into),)*
                    $($owner: rates.$owner,)*
                }
            }
        }
    };
}

universe_budgets! {
    owner: owner_v1_standard_count owner_v1_ordered_count owner_v2_count owner_snapshot_count;
    standard_read_count: ScaledBudget,
    standard_write_count: ScaledBudget,
    standard_list_count: ScaledBudget,
    standard_remove_count: ScaledBudget,
    ordered_read_count: ScaledBudget,
    ordered_write_count: ScaledBudget,
    ordered_list_count: ScaledBudget,
    ordered_remove_count: ScaledBudget,
    key_read_kib: u64,
    key_write_kib: u64,
    v1_standard_write_count: u64,
    v1_standard_write_kib: u64,
    v1_standard_read_count: u64,
    v1_standard_read_kib: u64,
    v1_ordered_write_count: u64,
    v1_ordered_read_count: u64,
}

/// A clock that only goes forward. The runtime's unless set.
#[derive(Clone)]
pub struct BudgetClock(Arc<dyn Fn() -> Monotonic + Send + Sync>);

impl BudgetClock {
    /// A clock of one's own.
    pub fn new(read: impl Fn() -> Monotonic + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn read(&self) -> Monotonic {
        (self.0)()
    }
}

impl Default for BudgetClock {
    fn default() -> Self {
        let started_at = Instant::now();
        Self::new(move || Monotonic::default().saturating_add(started_at.elapsed()))
    }
}

impl fmt::Debug for BudgetClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetClock").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_28_a_universe_has_the_numbers_it_is_given_and_the_others_of_all() {
        let text = r#"{"ccu": 10, "universes": {"7": {"ccu": 2, "key_read_kib": 5,
            "standard_list_count": {"base": 1, "per_player": 3}}, "8": {}}}"#;
        let budgets: Budgets = serde_json::from_str(text).unwrap();
        let settings = budgets.over(&Rates::roblox());
        assert_eq!(settings.quota, Quota { rates: Rates::roblox(), player_count: 10 });
        assert_eq!(settings.universes[&UniverseId(8)], settings.quota);
        let standard_list_count = Scaled { base: 1, per_player: 3 };
        let rates = Rates { key_read_kib: 5, standard_list_count, ..Rates::roblox() };
        assert_eq!(settings.universes[&UniverseId(7)], Quota { rates, player_count: 2 });
    }

    #[test]
    fn unknown_settings_are_refused() {
        let read = serde_json::from_str::<Budgets>;
        for wrong in [
            r#"{"cuc": 1}"#,
            r#"{"ccu": -1}"#,
            r#"{"clock": null}"#,
            r#"{"universes": {"x": {}}}"#,
            r#"{"universes": {"1": {"owner_v2_count": 1}}}"#,
            r#"{"universes": {"1": {"standard_read_count": {"base": 1}}}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_request_must_fit_into_the_windows() {
        let with = |window_count_max| Budgets { window_count_max, ..Budgets::default() };
        assert_eq!(with(4).problem(), None);
        assert_eq!(with(5).problem(), None);
        assert!(with(3).problem().is_some());
    }
}
