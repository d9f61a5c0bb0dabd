//! What must hold between the settings of the facade, and what follows from them.

use std::time::Duration;

use steadfast_core::session::SettingsError;
use steadfast_core::{EntryKey, Limits};

use crate::engine::Options;
use crate::settings::{PlayerSettings, SETTINGS};

impl PlayerSettings {
    /// Checks every setting of players as [`Options::check`] does.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.check_within(&Limits::native())
    }

    /// The same, for a store of these limits.
    pub(crate) fn check_within(&self, limits: &Limits) -> Result<(), SettingsError> {
        let options = Options { players: self.clone(), ..Options::default() };
        let ranges = SETTINGS.iter().filter(|setting| setting.place().starts_with("players."));
        let problems: Vec<_> = ranges
            .filter_map(|setting| setting.problem(&options))
            .chain(self.prefix_problem(limits))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
    }

    /// What is wrong with the keys that begin so, if something is.
    pub(crate) fn prefix_problem(&self, limits: &Limits) -> Option<String> {
        // The shortest id there is: longer ones are checked when their players join.
        let error = EntryKey::parse(&format!("{}0", self.key_prefix), limits).err()?;
        Some(format!("no key can begin with the `PlayerKeyPrefix`: {error}"))
    }

    /// The pause after so many tries in vain.
    pub(super) fn pause_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(3);
        self.load_retry_delay.saturating_mul(2_u32.saturating_pow(doublings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::OnLoadFailure;

    #[test]
    fn the_documented_defaults_are_these() {
        let settings = PlayerSettings::default();
        let expected = PlayerSettings {
            key_prefix: "Player_".into(),
            load_attempts_max: 5,
            load_retry_delay: Duration::from_secs(1),
            on_load_failure: OnLoadFailure::Disconnect,
            undurable_age_max: Duration::from_mins(2),
        };
        assert_eq!((settings.check(), settings), (Ok(()), expected));
    }

    #[test]
    fn all_problems_come_in_one_message_and_name_their_settings() {
        let nothing = PlayerSettings {
            key_prefix: "p".repeat(129),
            load_attempts_max: 0,
            load_retry_delay: Duration::ZERO,
            undurable_age_max: Duration::ZERO,
            ..PlayerSettings::default()
        };
        let names = ["RetryAttempts", "MaxUndurableAge", "PlayerKeyPrefix", "LoadRetryDelay"];
        let problems = nothing.check().unwrap_err().problems;
        assert_eq!(problems.len(), names.len(), "{problems:?}");
        for name in names {
            assert!(problems.iter().any(|problem| problem.contains(name)), "{name}: {problems:?}");
        }
        let least = PlayerSettings {
            key_prefix: String::new(),
            load_attempts_max: 1,
            load_retry_delay: Duration::from_millis(1),
            ..PlayerSettings::default()
        };
        assert_eq!(least.check(), Ok(()));
    }

    #[test]
    fn a_prefix_that_leaves_an_id_no_room_is_refused() {
        let prefix = |size: usize| PlayerSettings {
            key_prefix: "p".repeat(size),
            ..PlayerSettings::default()
        };
        let limits = Limits { key_size_max: 50, ..Limits::native() };
        assert_eq!(prefix(49).check_within(&limits), Ok(()));
        let refused = prefix(50).check_within(&limits).unwrap_err();
        assert!(refused.to_string().starts_with("no key can begin with"), "{refused}");
        let options = Options { limits, players: prefix(50), ..Options::default() };
        assert_eq!(options.check(), Err(refused));
    }

    #[test]
    fn pauses_double_up_to_eight_times() {
        let settings = PlayerSettings::default();
        let pauses = [1, 2, 3, 4, 5, u32::MAX].map(|it| settings.pause_after(it).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
    }
}
