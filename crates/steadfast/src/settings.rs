//! Every setting under the name that games know it by: what it takes, where it lives in
//! [`Options`], and what it does.
//!
//! The defaults are those of the structs; the [table](SETTINGS) only reads and writes them. What
//! must fit together is checked in one go, with everything that is wrong in one message. Start
//! reading at [`Options::set`] and [`Options::check`].

mod access;
mod setting;
mod table;
mod value;

use std::time::Duration;

use steadfast_core::record::LeaseMode;
use steadfast_core::session::SettingsError;

use crate::engine::Options;
use crate::operations;

pub use setting::Setting;
pub use table::SETTINGS;
pub use value::{Accepts, SettingInput, SettingValue};

/// What a player without data may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoadFailure {
    /// Nothing: the game is told to let the player go.
    #[default]
    Disconnect,
    /// Play from the template. Such a session is never saved, and everything durable is refused.
    PlayUnsaved,
}

/// What the players facade does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerSettings {
    /// What stands before the id in the key of a record (`PlayerKeyPrefix`): `Player_` unless set.
    pub key_prefix: String,
    /// How often a record is tried to be opened before its load has failed (`RetryAttempts`): 5
    /// unless set. Each try waits up to `open_timeout`.
    pub load_attempts_max: u32,
    /// The pause after the first failed try, doubled after each other one up to eight times
    /// (`LoadRetryDelay`): 1 s unless set.
    pub load_retry_delay: Duration,
    /// What a player may do whose record could not be loaded (`OnLoadFailure`): `Disconnect` unless
    /// set.
    pub on_load_failure: OnLoadFailure,
    /// How old changes that are not stored may be before [`try_debit`](crate::Players::try_debit) is
    /// refused (`MaxUndurableAge`): 120 s unless set.
    pub undurable_age_max: Duration,
}

impl Default for PlayerSettings {
    fn default() -> Self {
        Self {
            key_prefix: "Player_".into(),
            load_attempts_max: 5,
            load_retry_delay: Duration::from_secs(1),
            on_load_failure: OnLoadFailure::Disconnect,
            undurable_age_max: Duration::from_mins(2),
        }
    }
}

/// What sessions keep of their changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeSettings {
    /// Whether events of changes have the old and the new value of each place.
    pub track_details: bool,
    /// How many changes each session remembers for its audit log; none if 0.
    pub audit_max: usize,
}

/// When so much goes wrong that a game should do less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CriticalSettings {
    /// So many errors within the window begin it.
    pub threshold: u32,
    /// How long an error counts.
    pub window: Duration,
    /// So long without an error ends it.
    pub recovery: Duration,
}

impl Default for CriticalSettings {
    fn default() -> Self {
        Self { threshold: 5, window: Duration::from_mins(2), recovery: Duration::from_mins(1) }
    }
}

/// Settings that change nothing on our own backends. They are taken and kept, so that the
/// configuration of a game can be carried over whole; the table says of each why it has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedSettings {
    /// How often a scheduler looks for sessions to save.
    pub autosave_check_every: Duration,
    /// Most autosaves at a time within the budgets of the live service.
    pub autosave_in_flight_max: usize,
    /// How long a lease counts that nobody renews, once `LeaseMode` is set to `Timeout`; 180 s unless
    /// set. Sessions whose [mode](LeaseMode) is [`Timeout`](LeaseMode::Timeout) obey that one.
    pub lease_timeout: Option<Duration>,
    /// How long a request waits for its budget.
    pub budget_timeout: Duration,
    /// How often it looks meanwhile.
    pub budget_poll_every: Duration,
    /// After which time a failed release of a close is tried again.
    pub close_retry_every: Duration,
    /// Most releases of a close at a time within the budgets of the live service.
    pub close_in_flight_max: usize,
    /// Most receipts of writes in a record.
    pub write_receipts_max: usize,
    /// Whether the data of a script's session is read-only.
    pub strict_data: bool,
    /// Whether servers send each other messages.
    pub messaging: bool,
}

impl Default for CarriedSettings {
    fn default() -> Self {
        Self {
            autosave_check_every: Duration::from_secs(1),
            autosave_in_flight_max: 2,
            lease_timeout: None,
            budget_timeout: Duration::from_secs(10),
            budget_poll_every: Duration::from_millis(250),
            close_retry_every: Duration::from_secs(1),
            close_in_flight_max: 10,
            write_receipts_max: 20,
            strict_data: false,
            messaging: true,
        }
    }
}

/// `LeaseTimeout`, unless it is set.
const LEASE_TIMEOUT: Duration = Duration::from_mins(3);

impl Options {
    /// Sets what games call by this name.
    ///
    /// ```
    /// # use steadfast::Options;
    /// let mut options = Options::default();
    /// options.set("AutoSaveInterval", "90s")?;
    /// options.set("OperationProcessLimit", 20)?;
    /// assert_eq!(options.sessions.autosave_every.as_secs(), 90);
    /// # Ok::<(), steadfast::SettingsError>(())
    /// ```
    ///
    /// # Errors
    /// There is no such setting, or it does not take this. Nothing was set then.
    pub fn set<'a>(
        &mut self,
        name: &str,
        input: impl Into<SettingInput<'a>>,
    ) -> Result<(), SettingsError> {
        let read = match Setting::find(name) {
            Some(setting) => setting.read(input.into()).map(|value| setting.put(self, value)),
            None => Err(format!("there is no setting `{name}`")),
        };
        read.map_err(|problem| SettingsError { problems: vec![problem] })
    }

    /// Checks every setting, and what must hold between them.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut problems: Vec<String> =
            SETTINGS.iter().filter_map(|setting| setting.problem(self)).collect();
        if let Err(more) = self.sessions.check() {
            problems.extend(more.problems);
        }
        problems.extend(operations::problem(&self.operations, &self.limits));
        problems.extend(self.players.prefix_problem(&self.limits));
        let interval = self.sessions.autosave_every;
        let is_timeout = matches!(self.sessions.mode, LeaseMode::Timeout(_));
        // Sessions of the mode `timeout` were checked with the others.
        if let (false, Some(timeout)) = (is_timeout, self.carried.lease_timeout)
            && timeout <= interval.saturating_mul(2)
        {
            let (timeout, interval) = (SettingValue::Time(timeout), SettingValue::Time(interval));
            problems.push(format!(
                "`LeaseTimeout` is {timeout}, it must be more than twice the `AutoSaveInterval` of \
                 {interval}"
            ));
        }
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
