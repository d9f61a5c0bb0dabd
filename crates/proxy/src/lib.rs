//! A way to the data server for Open Cloud clients that cannot be given its address.
//!
//! Such a client always asks for `https://apis.roblox.com`, but it obeys the environment: it sends
//! its requests through a proxy, and trusts the certificates that it is told to. This crate is that
//! proxy. It poses as the host, on loopback, and hands everything on to a server of ours.
//!
//! ```text
//!   client ─► CONNECT apis.roblox.com:443 ─► TLS, ended here ─► request ─► the server
//!             any other host: 403            certificate of     Host is rewritten,
//!                                            a CA of this run   bodies stream
//! ```
//!
//! Invariants: only the hosts that were named are ever answered for, and only on loopback; the keys
//! of the certificates never leave memory; of a request nothing is logged but host, method and
//! status; a body is never held as a whole.
//!
//! Start reading at [`Proxy`], then [`Config`] for what it allows.
#![forbid(unsafe_code)]

pub mod certificates;
pub mod config;
pub mod proxy;

mod connection;
mod forward;
mod reply;
mod stream;

pub use certificates::CertificateError;
pub use config::{Config, ConfigError, HostName, HostNameError, Target, TargetError};
pub use proxy::{BoundProxy, Proxy, ProxyError};
