//! The settings of the server, each with its default.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Deserializer};
use steadfast_core::ErrorKind;

mod budgets;

pub use budgets::{BudgetClock, Budgets, ScaledBudget, UniverseBudgets};

/// The smallest head buffer that the HTTP library takes.
const HEAD_SIZE_MIN: usize = 8 * 1024;

/// How the server listens and what it allows.
///
/// In a file, a duration is text such as `"30s"` or `"500ms"`; sizes are bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Most connections at a time. Others wait in the backlog.
    pub connection_count_max: usize,
    /// Most connections that wait to be accepted. Beyond it the system refuses them.
    pub backlog_count_max: u32,
    /// Time for the head of a request, also for the first one of a connection and between two.
    #[serde(deserialize_with = "duration")]
    pub head_timeout: Duration,
    /// Most headers of a request.
    pub header_count_max: usize,
    /// Largest head of a request, in bytes; at least 8 KiB.
    pub head_size_max: usize,
    /// Longest path with its query, in bytes.
    pub uri_size_max: usize,
    /// Time for the body of a request, from the moment it is asked for.
    #[serde(deserialize_with = "duration")]
    pub body_timeout: Duration,
    /// What a body may hold beside a value of the largest size, in bytes.
    pub body_slack_size: usize,
    /// Most bytes of bodies held at a time, over all requests.
    pub body_memory_max: usize,
    /// Time for the store to answer. A write that is not answered by then has an unknown outcome.
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    /// How long a client may take nothing of an answer.
    #[serde(deserialize_with = "duration")]
    pub write_timeout: Duration,
    /// Most requests at a time on one HTTP/2 connection.
    pub stream_count_max: u32,
    /// How long a stop waits for requests that are under way.
    #[serde(deserialize_with = "duration")]
    pub shutdown_timeout: Duration,
    /// How requests are counted, where the limits of the store have rates.
    pub budgets: Budgets,
    /// Where backups are made that administrators ask for: each in a directory of its own directly
    /// below. Without it none are made.
    pub backups: Option<PathBuf>,
    /// What `/metrics` shows. Without it there is no such route.
    #[serde(skip)]
    pub metrics: Option<PrometheusHandle>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8787)),
            connection_count_max: 1024,
            backlog_count_max: 1024,
            head_timeout: Duration::from_secs(10),
            header_count_max: 64,
            head_size_max: 64 * 1024,
            uri_size_max: 8 * 1024,
            body_timeout: Duration::from_secs(30),
            body_slack_size: 64 * 1024,
            body_memory_max: 512 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            stream_count_max: 100,
            shutdown_timeout: Duration::from_secs(30),
            budgets: Budgets::default(),
            backups: None,
            metrics: None,
        }
    }
}

/// Settings that cannot be used, all of them in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Checks the settings against each other and against the largest value of the store.
    ///
    /// # Errors
    /// [`ConfigError`], with every problem.
    pub fn check(&self, value_size_max: usize) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        for (name, count) in [
            ("connection_count_max", self.connection_count_max),
            ("header_count_max", self.header_count_max),
            ("uri_size_max", self.uri_size_max),
            ("stream_count_max", usize::try_from(self.stream_count_max).unwrap_or(usize::MAX)),
        ] {
            require(count > 0, format!("`{name}` is 0"));
        }
        for (name, duration) in [
            ("head_timeout", self.head_timeout),
            ("body_timeout", self.body_timeout),
            ("request_timeout", self.request_timeout),
            ("write_timeout", self.write_timeout),
        ] {
            require(!duration.is_zero(), format!("`{name}` is 0"));
        }
        let head_size_min = HEAD_SIZE_MIN.max(self.uri_size_max);
        require(
            self.head_size_max >= head_size_min,
            format!(
                "`head_size_max` is {}, at least {head_size_min} are needed",
                self.head_size_max
            ),
        );
        let body_size_max = value_size_max.saturating_add(self.body_slack_size);
        require(
            self.body_memory_max >= body_size_max,
            format!(
                "`body_memory_max` is {}, less than one body of {body_size_max}",
                self.body_memory_max
            ),
        );
        if let Some(dir) = &self.backups {
            // Made here it could hide that a disk is missing.
            require(
                dir.is_dir(),
                format!("`backups` is `{}`, which is no directory", dir.display()),
            );
        }
        problems.extend(self.budgets.problem());
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }
}

/// Reads `"30s"`, `"500ms"`, `"2m"` or `"1h"`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).ok_or_else(|| {
        serde::de::Error::custom(format!("`{text}` is not a duration such as `30s` or `500ms`"))
    })
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE_SIZE_MAX: usize = 16 * 1024 * 1024;

    #[test]
    fn the_default_is_on_loopback_and_valid() {
        let config = Config::default();
        assert!(config.listen.ip().is_loopback());
        assert_eq!(config.check(VALUE_SIZE_MAX), Ok(()));
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let config = Config {
            connection_count_max: 0,
            head_timeout: Duration::ZERO,
            head_size_max: 8 * 1024 - 1,
            body_memory_max: 1,
            budgets: Budgets { window_count_max: 3, ..Budgets::default() },
            backups: Some("/none".into()),
            ..Config::default()
        };
        insta::assert_snapshot!(config.check(VALUE_SIZE_MAX).unwrap_err(), @r#"`connection_count_max` is 0; `head_timeout` is 0; `head_size_max` is 8191, at least 8192 are needed; `body_memory_max` is 1, less than one body of 16842752; `backups` is `/none`, which is no directory; `budgets.window_count_max` is 3, at least 4 are needed"#);
    }

    #[test]
    fn durations_are_text_and_unknown_settings_are_refused() {
        let read = serde_json::from_str::<Config>;
        let config = read(r#"{"head_timeout": "500ms", "listen": "0.0.0.0:80"}"#).unwrap();
        assert_eq!(config.head_timeout, Duration::from_millis(500));
        assert_eq!(config.body_timeout, Config::default().body_timeout);
        for wrong in [
            r#"{"head_timeout": "5"}"#,
            r#"{"head_timeout": "s"}"#,
            r#"{"head_timeout": "-1s"}"#,
            r#"{"head_timeout": "18446744073709551615h"}"#,
            r#"{"head_timeout": 5}"#,
            r#"{"heda_timeout": "5s"}"#,
            r#"{"metrics": null}"#,
            r#"{"budgets": {"cuc": 1}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
