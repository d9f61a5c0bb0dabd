//! The settings of a client, each with its default.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use steadfast_core::budget::{BudgetSettings, Rates, Scaled};
use steadfast_core::{ErrorKind, Limits};

/// Where the live service is.
pub const LIVE_URL: &str = "https://apis.roblox.com";

/// The share of an experience's budget that a client takes unless told otherwise, in percent: the
/// rest is for the game itself.
const SHARE_PERCENT: u8 = 10;

const KIB: u64 = 1024;

/// Which service a client speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// A server of ours: it knows write ids, and has calls of its own beside Open Cloud.
    Steadfast,
    /// The live service, or anything else that has Open Cloud only.
    Live,
}

/// An API key. It is in no text that this crate makes.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Arc<str>);

impl Key {
    /// A key as it was handed out.
    pub fn new(secret: impl Into<Arc<str>>) -> Self {
        Self(secret.into())
    }

    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// How much of a service a client may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What a minute holds, per verb (B-20 to B-23, B-50 to B-54, T-01, T-02).
    pub rates: Rates,
    /// Players in the experience, with which some of it grows. 0 is always safe.
    pub player_count: u64,
    /// How much of it is the client's, in percent: 1 to 100. Of counted requests never less than
    /// one, of bytes never less than one value of the largest size, or none could ever be sent.
    pub share_percent: u8,
}

impl Budget {
    /// A tenth of what the live service allows an experience without players.
    pub const fn live() -> Self {
        Self { rates: Rates::roblox(), player_count: 0, share_percent: SHARE_PERCENT }
    }

    pub(super) fn settings(&self) -> BudgetSettings {
        BudgetSettings::new(self.own_rates(), self.player_count)
    }

    /// The client's part of every pool.
    fn own_rates(&self) -> Rates {
        let part = |limit: u64| limit.saturating_mul(self.share_percent.into()) / 100;
        let count = |limit: u64| part(limit).max(1);
        let largest = u64::try_from(Limits::roblox().value_size_max).unwrap_or(u64::MAX) / KIB;
        // A pool may be smaller than one value already: then it stays as it is.
        let size = |limit: u64| part(limit).max(largest).min(limit);
        // With the players counted in, so that a share of 40 a player is not rounded each time.
        let scaled =
            |limit: Scaled| Scaled { base: count(limit.at(self.player_count)), per_player: 0 };
        let whole = &self.rates;
        Rates {
            standard_read_count: scaled(whole.standard_read_count),
            standard_write_count: scaled(whole.standard_write_count),
            standard_list_count: scaled(whole.standard_list_count),
            standard_remove_count: scaled(whole.standard_remove_count),
            ordered_read_count: scaled(whole.ordered_read_count),
            ordered_write_count: scaled(whole.ordered_write_count),
            ordered_list_count: scaled(whole.ordered_list_count),
            ordered_remove_count: scaled(whole.ordered_remove_count),
            key_read_kib: size(whole.key_read_kib),
            key_write_kib: size(whole.key_write_kib),
            v1_standard_write_count: count(whole.v1_standard_write_count),
            v1_standard_write_kib: size(whole.v1_standard_write_kib),
            v1_standard_read_count: count(whole.v1_standard_read_count),
            v1_standard_read_kib: size(whole.v1_standard_read_kib),
            v1_ordered_write_count: count(whole.v1_ordered_write_count),
            v1_ordered_read_count: count(whole.v1_ordered_read_count),
            owner_v1_standard_count: count(whole.owner_v1_standard_count),
            owner_v1_ordered_count: count(whole.owner_v1_ordered_count),
            owner_v2_count: count(whole.owner_v2_count),
            owner_snapshot_count: count(whole.owner_snapshot_count),
        }
    }
}

/// Where a client sends its requests, and what it may do.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is at the other end.
    pub service: Service,
    /// Its address: scheme, host, perhaps a port and a path. The live service takes `https` only.
    pub url: String,
    /// The API key of every request.
    pub key: Key,
    /// Whether writes are sent at all. Without it each is [`ReadOnly`] before anything is sent.
    ///
    /// [`ReadOnly`]: steadfast_core::platform::PlatformError::ReadOnly
    pub allow_writes: bool,
    /// How much of the service may be used; everything without it.
    pub budget: Option<Budget>,
    /// Certificates that are trusted besides the public ones, each in PEM form.
    pub root_certificates: Vec<Vec<u8>>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long one call may take from its start to the last byte of its answer. Longer than our
    /// server takes to give up by itself, or its answer is never heard.
    pub request_timeout: Duration,
    /// How long a request may wait until the budget, or a 429, lets it pass.
    pub credit_timeout: Duration,
    /// How often a write without an answer is sent again, where that is exact.
    pub retry_count_max: u32,
    /// How long to wait before the first of these; twice as long before each further one.
    pub retry_pause: Duration,
    /// Most requests under way at a time.
    pub in_flight_count_max: usize,
    /// Most requests that wait to be under way. Further ones are refused.
    pub queue_count_max: usize,
    /// What an answer may hold.
    pub limits: Limits,
}

impl Config {
    /// For a server of ours: everything is allowed, and nothing is counted.
    pub fn steadfast(url: impl Into<String>, key: Key) -> Self {
        Self {
            service: Service::Steadfast,
            url: url.into(),
            key,
            allow_writes: true,
            budget: None,
            root_certificates: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_mins(1),
            credit_timeout: Duration::from_mins(1),
            retry_count_max: 3,
            retry_pause: Duration::from_millis(100),
            in_flight_count_max: 64,
            queue_count_max: 1024,
            limits: Limits::native(),
        }
    }

    /// For the live service: read only, with a tenth of the smallest budget there is.
    pub fn live(key: Key) -> Self {
        Self {
            service: Service::Live,
            allow_writes: false,
            budget: Some(Budget::live()),
            ..Self::steadfast(LIVE_URL, key)
        }
    }

    /// The address without what follows it.
    pub(super) fn base(&self) -> Result<Url, ConnectError> {
        let refuse = |reason| ConnectError::Url { url: self.url.clone(), reason };
        let url: Url = self.url.parse().map_err(|_| refuse("it is not a URL"))?;
        let has_extras =
            !url.username().is_empty() || url.password().is_some() || url.query().is_some();
        if has_extras || url.fragment().is_some() || url.host_str().is_none() {
            // The text may hold a password, so it is not repeated.
            let url = "...".into();
            let reason = "it has more than a scheme, a host, a port and a path";
            return Err(ConnectError::Url { url, reason });
        }
        match (url.scheme(), self.service) {
            ("https", _) | ("http", Service::Steadfast) => Ok(url),
            ("http", Service::Live) if is_loopback(&url) => Ok(url),
            ("http", Service::Live) => Err(refuse("the key would be readable on the way")),
            _ => Err(refuse("it starts with neither `https://` nor `http://`")),
        }
    }
}

/// Whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be used.
    #[error("`{url}` is not the address of a service: {reason}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The API key has characters that no header can have.
    #[error("the API key is empty or has characters that no API key has")]
    Key,
    /// A certificate is not one in PEM form.
    #[error("root certificate number {number} is not one in PEM form")]
    Certificate {
        /// Which one, from 1 on.
        number: usize,
    },
    /// A number is out of its range.
    #[error("the setting `{name}` is out of its range")]
    Range {
        /// Which setting.
        name: &'static str,
    },
    /// The HTTP library refused the settings.
    #[error("the HTTP client cannot be made: {reason}")]
    Http {
        /// What it said.
        reason: String,
    },
    /// The system gives no thread.
    #[error("cannot start the thread of the client")]
    Thread(#[source] std::io::Error),
}

impl ConnectError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Url { .. } | Self::Key | Self::Certificate { .. } | Self::Range { .. } => {
                ErrorKind::Invalid
            }
            Self::Http { .. } => ErrorKind::Internal,
            Self::Thread(_) => ErrorKind::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(service: Service, url: &str) -> Result<Url, ConnectError> {
        Config { service, ..Config::steadfast(url, Key::new("k")) }.base()
    }

    #[test]
    fn addresses_have_no_extras_and_the_live_service_is_encrypted() {
        for url in
            ["http://127.0.0.1:8787", "http://host/prefix", "https://host", "http://[::1]:1/"]
        {
            assert!(base(Service::Steadfast, url).is_ok(), "{url}");
        }
        assert!(base(Service::Live, LIVE_URL).is_ok());
        assert!(base(Service::Live, "http://127.0.0.1:1").is_ok());
        assert!(base(Service::Live, "http://apis.roblox.com").is_err());
        for url in
            ["", "host", "ftp://host", "http://u@h", "http://u:p@h", "http://h?q", "http://h#f"]
        {
            let error = base(Service::Steadfast, url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let config = Config::live(Key::new("very secret"));
        assert!(!format!("{config:?}").contains("secret"));
        assert!(!config.allow_writes);
    }

    #[test]
    fn b_20_to_b_54_the_default_share_is_a_tenth() {
        let rates = Budget::live().own_rates();
        assert_eq!(rates.standard_read_count.at(1_000), 30);
        assert_eq!(rates.standard_write_count.at(0), 30);
        assert_eq!(rates.standard_list_count.at(0), 30);
        assert_eq!(rates.standard_remove_count.at(0), 30);
        assert_eq!((rates.v1_standard_write_count, rates.v1_standard_read_count), (30, 30));
        assert_eq!((rates.owner_v1_standard_count, rates.owner_v1_ordered_count), (500, 50));
        assert_eq!(rates.owner_v2_count, 100_000);
        // One value of the largest size must fit.
        assert_eq!((rates.key_write_kib, rates.v1_standard_write_kib), (4096, 4096));
        assert_eq!(rates.key_read_kib, 4096);
        let many = Budget { player_count: 1_000, ..Budget::live() }.own_rates();
        assert_eq!(many.standard_read_count.at(0), (300 + 40 * 1_000) / 10);
        let tiny = Budget { share_percent: 1, ..Budget::live() }.own_rates();
        assert_eq!(tiny.standard_list_count.at(0), 3);
        let all = Budget { share_percent: 100, ..Budget::live() };
        assert_eq!(all.own_rates().v1_standard_read_kib, 20 * 1024);
    }
}
