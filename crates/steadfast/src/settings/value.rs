//! What a setting holds, what it takes, and how that is written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a setting holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// A time.
    Time(Duration),
    /// A number of things.
    Count(u64),
    /// A number of bytes.
    Bytes(u64),
    /// Yes or no.
    Flag(bool),
    /// One of a few words.
    Choice(&'static str),
    /// Any text.
    Text(Arc<str>),
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) if time.subsec_nanos() == 0 => write!(f, "{}s", time.as_secs()),
            Self::Time(time) if time.subsec_nanos() % 1_000_000 == 0 => {
                write!(f, "{}ms", time.as_millis())
            }
            Self::Time(time) => write!(f, "{}s", time.as_secs_f64()),
            Self::Count(number) | Self::Bytes(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Choice(choice) => f.write_str(choice),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What a setting takes. The smallest and the largest are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// A time, as a number of seconds or as text such as `250ms`, `30s`, `5m`, `1h`, `1d`.
    Time {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A number of things.
    Count {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of bytes, also as text such as `64KiB` or `4MiB`.
    Bytes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// Yes or no.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text.
    Text {
        /// The longest, in bytes.
        max: usize,
    },
}

/// What somebody wrote for a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SettingInput<'a> {
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Text.
    Text(&'a str),
}

impl From<i64> for SettingInput<'_> {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for SettingInput<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for SettingInput<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> From<&'a str> for SettingInput<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl Accepts {
    /// Reads what somebody wrote; nothing if it is of another kind. It may be out of range.
    pub(super) fn read(self, input: SettingInput<'_>) -> Option<SettingValue> {
        match (self, input) {
            (Self::Time { .. }, SettingInput::Whole(seconds)) => {
                let seconds = u64::try_from(seconds).ok()?;
                Some(SettingValue::Time(Duration::from_secs(seconds)))
            }
            (Self::Time { .. }, SettingInput::Number(seconds)) => {
                Duration::try_from_secs_f64(seconds).ok().map(SettingValue::Time)
            }
            (Self::Time { .. }, SettingInput::Text(text)) => time(text).map(SettingValue::Time),
            (Self::Count { .. }, SettingInput::Whole(number)) => {
                u64::try_from(number).ok().map(SettingValue::Count)
            }
            (Self::Bytes { .. }, SettingInput::Whole(number)) => {
                u64::try_from(number).ok().map(SettingValue::Bytes)
            }
            (Self::Bytes { .. }, SettingInput::Text(text)) => bytes(text).map(SettingValue::Bytes),
            (Self::Flag, SettingInput::Flag(flag)) => Some(SettingValue::Flag(flag)),
            (Self::Choice(words), SettingInput::Text(text)) => {
                words.iter().find(|word| **word == text).map(|word| SettingValue::Choice(word))
            }
            (Self::Text { .. }, SettingInput::Text(text)) => Some(SettingValue::Text(text.into())),
            (
                Self::Time { .. }
                | Self::Count { .. }
                | Self::Bytes { .. }
                | Self::Flag
                | Self::Choice(_)
                | Self::Text { .. },
                _,
            ) => None,
        }
    }

    /// Whether a value is in range.
    pub(super) fn holds(self, value: &SettingValue) -> bool {
        match (self, value) {
            (Self::Time { min, max }, SettingValue::Time(time)) => (min..=max).contains(time),
            (Self::Count { min, max }, SettingValue::Count(number))
            | (Self::Bytes { min, max }, SettingValue::Bytes(number)) => {
                (min..=max).contains(number)
            }
            (Self::Flag, SettingValue::Flag(_)) => true,
            (Self::Choice(words), SettingValue::Choice(word)) => words.contains(word),
            (Self::Text { max }, SettingValue::Text(text)) => text.len() <= max,
            (
                Self::Time { .. }
                | Self::Count { .. }
                | Self::Bytes { .. }
                | Self::Flag
                | Self::Choice(_)
                | Self::Text { .. },
                _,
            ) => false,
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Time { min, max } => {
                write!(f, "{} to {}", SettingValue::Time(min), SettingValue::Time(max))
            }
            Self::Count { min, max } => write!(f, "{min} to {max}"),
            Self::Bytes { min, max } => write!(f, "{min} to {max} bytes"),
            Self::Flag => f.write_str("`true` or `false`"),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                f.write_str(&words.join(" or "))
            }
            Self::Text { max } => write!(f, "text of at most {max} bytes"),
        }
    }
}

/// Reads `250ms`, `30s`, `5m`, `1h` or `1d`.
fn time(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        "d" => 24 * 60 * 60 * 1_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Reads `512B`, `64KiB` or `4MiB`.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let size = match unit {
        "B" => 1,
        "KiB" => 1_024,
        "MiB" => 1_024 * 1_024,
        _ => return None,
    };
    number.checked_mul(size)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    Some((number.parse().ok()?, unit))
}
