//! The settings of the proxy: for which hosts, to which server, and what a connection may cost.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use rustls::pki_types::DnsName;
use steadfast_core::ErrorKind;

/// The host of the live service.
const LIVE_HOST: &str = "apis.roblox.com";
/// Most hosts at a time. Each has a certificate that is made at the start.
const HOST_COUNT_MAX: usize = 16;
/// The smallest head buffer that the HTTP library takes.
const HEAD_SIZE_MIN: usize = 8 * 1024;

/// How the proxy listens, and what it allows.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; on loopback only. Port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The hosts that it poses as.
    pub hosts: BTreeSet<HostName>,
    /// The server that answers for them.
    pub target: Target,
    /// Most connections at a time. Others wait in the backlog.
    pub connection_count_max: usize,
    /// Most headers of a request.
    pub header_count_max: usize,
    /// Largest head of a request, in bytes; at least 8 KiB. More than the server takes, so that a
    /// head which is too large for it is refused in its words.
    pub head_size_max: usize,
    /// Time for the head of a `CONNECT`, also before it begins.
    pub head_timeout: Duration,
    /// Time for the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time to connect to the server.
    pub connect_timeout: Duration,
    /// Time from the head of a request to the head of its answer.
    pub answer_timeout: Duration,
    /// How long a connection may be without a byte either way; longer than the time for an answer.
    pub idle_timeout: Duration,
    /// How long a stop waits for requests that are under way.
    pub shutdown_timeout: Duration,
}

impl Config {
    /// The defaults, for the host of the live service.
    pub fn new(target: Target) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            hosts: BTreeSet::from([HostName::live()]),
            target,
            connection_count_max: 256,
            header_count_max: 128,
            head_size_max: 128 * 1024,
            head_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(90),
            idle_timeout: Duration::from_mins(2),
            shutdown_timeout: Duration::from_secs(10),
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ConfigError`], with every problem.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut require = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let is_local = self.listen.ip().is_loopback();
        require(is_local, format!("`{}` is reached by other machines", self.listen.ip()));
        require(!self.hosts.is_empty(), "there is no host to pose as".to_owned());
        let host_count = self.hosts.len();
        require(
            host_count <= HOST_COUNT_MAX,
            format!("there are {host_count} hosts, at most {HOST_COUNT_MAX} are possible"),
        );
        for (name, count) in [
            ("connection_count_max", self.connection_count_max),
            ("header_count_max", self.header_count_max),
        ] {
            require(count > 0, format!("`{name}` is 0"));
        }
        require(
            self.head_size_max >= HEAD_SIZE_MIN,
            format!(
                "`head_size_max` is {}, at least {HEAD_SIZE_MIN} are needed",
                self.head_size_max
            ),
        );
        for (name, duration) in [
            ("head_timeout", self.head_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("connect_timeout", self.connect_timeout),
            ("answer_timeout", self.answer_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            require(!duration.is_zero(), format!("`{name}` is 0"));
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
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

/// The name of a host that the proxy poses as, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// The host of the live service.
    pub fn live() -> Self {
        Self(LIVE_HOST.to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a client means this host. Names have no case, and may end with the root's dot.
    pub(crate) fn is(&self, name: &str) -> bool {
        without_root(name).eq_ignore_ascii_case(&self.0)
    }
}

fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that is not the name of a host. An address is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a host, such as `{LIVE_HOST}`")]
pub struct HostNameError;

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let name = without_root(text);
        DnsName::try_from(name).map_err(|_| HostNameError)?;
        Ok(Self(name.to_ascii_lowercase()))
    }
}

/// The server that requests are forwarded to: `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Authority);

impl Target {
    /// Host and port, as they stand in a `Host` header.
    pub(crate) fn authority(&self) -> &str {
        self.0.as_str()
    }

    /// The address of a path on the server; none if it is no path.
    pub(crate) fn uri(&self, path: Option<PathAndQuery>) -> Option<Uri> {
        let path = path.unwrap_or(PathAndQuery::from_static("/"));
        let is_path = path.as_str().starts_with('/');
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.0.clone());
        is_path.then(|| uri.path_and_query(path).build().ok()).flatten()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

/// Text that is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the address of a server, such as `http://127.0.0.1:8787`, without a path")]
pub struct TargetError;

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let uri: Uri = text.parse().map_err(|_| TargetError)?;
        let is_bare = uri.scheme() == Some(&Scheme::HTTP) && uri.path() == "/";
        let authority = uri.authority().filter(|authority| {
            let is_port_good = port_of(authority, 80).is_some_and(|port| port != 0);
            !authority.host().is_empty() && !authority.as_str().contains('@') && is_port_good
        });
        match authority {
            Some(authority) if is_bare && uri.query().is_none() => Ok(Self(authority.clone())),
            Some(_) | None => Err(TargetError),
        }
    }
}

/// The port that stands behind a host, or the default where none does; none if it is no port.
pub(crate) fn port_of(authority: &Authority, default: u16) -> Option<u16> {
    // The library reads a port that is too large as one that is not there.
    let place = authority.as_str().rsplit('@').next()?;
    match place.strip_prefix(authority.host())? {
        "" => Some(default),
        rest => rest.strip_prefix(':')?.parse().ok(),
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
