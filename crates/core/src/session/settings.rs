//! How sessions and the presence of their server keep time. The defaults are those of
//! `spec/protocol.md` section 1 and `spec/features.md` section 14.

use std::time::Duration;

use crate::code::Code;
use crate::error::ErrorKind;
use crate::record::LeaseMode;

/// What a suspended session does with edits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SuspendPolicy {
    /// Play goes on; nothing durable is promised.
    #[default]
    Continue,
    /// Edits are refused.
    Freeze,
    /// Edits are refused, and the game is told to let the player go.
    Disconnect,
}

/// The times of a game server and its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long the leases of its sessions count.
    pub mode: LeaseMode,
    /// From one renewal of the presence to the next; also how often mail is read.
    pub renew_every: Duration,
    /// How old a renewal may be before the server can be declared dead (`T`).
    pub presence_timeout: Duration,
    /// How much earlier the server itself stops believing (`m`).
    pub margin: Duration,
    /// How long a declarer watches an unchanged presence (`W`).
    pub watch: Duration,
    /// How long an answer is waited for.
    pub call_deadline: Duration,
    /// After which time without an answer a call is sent again.
    pub resend_every: Duration,
    /// How often who waits for a record looks.
    pub poll_every: Duration,
    /// How often who waits for the end of an operation of another server's record looks.
    pub operation_poll_every: Duration,
    /// How long an opening waits.
    pub open_timeout: Duration,
    /// How old unsaved edits may grow.
    pub autosave_every: Duration,
    /// After which time a failed save is tried again.
    pub autosave_retry: Duration,
    /// Most saves of nobody's asking that are out at a time.
    pub autosave_in_flight_max: usize,
    /// How long a checkpoint waits for its answer.
    pub checkpoint_timeout: Duration,
    /// How long a release and a close wait.
    pub close_timeout: Duration,
    /// Whether a record is released when another server waits for it.
    pub release_on_hand_off: bool,
    /// What a suspended session does with edits.
    pub on_suspend: SuspendPolicy,
    /// After which time without an edit a document rests.
    pub rest_after: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            mode: LeaseMode::Presence,
            renew_every: seconds(3),
            presence_timeout: seconds(10),
            margin: Duration::from_millis(500),
            watch: seconds(4),
            call_deadline: Duration::from_millis(1_500),
            resend_every: Duration::from_millis(250),
            poll_every: Duration::from_millis(250),
            operation_poll_every: seconds(1),
            open_timeout: seconds(20),
            autosave_every: seconds(60),
            autosave_retry: seconds(10),
            autosave_in_flight_max: 64,
            checkpoint_timeout: seconds(10),
            close_timeout: seconds(25),
            release_on_hand_off: true,
            on_suspend: SuspendPolicy::Continue,
            rest_after: seconds(60),
        }
    }
}

/// Settings that do not fit together: everything that is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("; "))]
pub struct SettingsError {
    /// One sentence for each problem.
    pub problems: Vec<String>,
}

impl SettingsError {
    /// What the caller does now.
    pub const fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        Code::InvalidSettings
    }
}

impl SessionSettings {
    /// How long a server believes in itself from the sending of a renewal.
    pub fn belief(&self) -> Duration {
        self.presence_timeout.saturating_sub(self.margin)
    }

    /// Checks what must hold for the protocol to be live and safe.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, problem: &str| {
            if !holds {
                problems.push(problem.to_owned());
            }
        };
        check(
            self.renew_every.saturating_mul(2).saturating_add(self.call_deadline) < self.belief(),
            "two renewals and an unanswered call must fit into the presence timeout less the margin",
        );
        check(!self.margin.is_zero(), "the margin is zero");
        check(!self.poll_every.is_zero(), "the poll interval is zero");
        check(!self.operation_poll_every.is_zero(), "the poll interval of operations is zero");
        check(self.autosave_in_flight_max > 0, "no save may be out at a time");
        check(
            !self.resend_every.is_zero() && self.resend_every < self.call_deadline,
            "a call must be sent again before its deadline",
        );
        check(
            self.watch > self.renew_every.saturating_add(self.margin),
            "the watch must be longer than a renewal takes",
        );
        match self.mode {
            LeaseMode::Presence => {}
            LeaseMode::Timeout(timeout) => check(
                timeout > self.autosave_every.saturating_mul(2),
                "a lease timeout must be more than twice the autosave interval",
            ),
            LeaseMode::Unknown(_) => check(false, "the mode of leases is unknown"),
        }
        if problems.is_empty() { Ok(()) } else { Err(SettingsError { problems }) }
    }
}
