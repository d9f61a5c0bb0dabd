//! What must hold between the settings of the facade, and what follows from them.

use std::time::Duration;

use steadfast_core::session::SettingsError;

use crate::settings::PlayerSettings;

impl PlayerSettings {
    /// Checks what must hold for players to be loaded at all.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut problems = Vec::new();
        if self.load_attempts_max == 0 {
            problems.push("a record must be tried to be opened at least once".to_owned());
        }
        if self.load_retry_delay.is_zero() {
            problems.push("the pause after a failed load is zero".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
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
            data_size_warn: 1_000_000,
        };
        assert_eq!((settings.check(), settings), (Ok(()), expected));
    }

    #[test]
    fn all_problems_come_in_one_message() {
        let nothing = PlayerSettings {
            load_attempts_max: 0,
            load_retry_delay: Duration::ZERO,
            ..PlayerSettings::default()
        };
        assert_eq!(nothing.check().unwrap_err().problems.len(), 2);
        let least = PlayerSettings {
            load_attempts_max: 1,
            load_retry_delay: Duration::from_nanos(1),
            ..PlayerSettings::default()
        };
        assert_eq!(least.check(), Ok(()));
    }

    #[test]
    fn pauses_double_up_to_eight_times() {
        let settings = PlayerSettings::default();
        let pauses = [1, 2, 3, 4, 5, u32::MAX].map(|it| settings.pause_after(it).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 8, 8]);
    }
}
