//! The server over real sockets, with a real store behind it.
//!
//! Every answer goes through [`client`], which checks what holds of all of them: lower-case header
//! names, a date, a true length, no status that Open Cloud clients abort on, and nothing that the
//! document of the API does not list.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly, as the tests themselves do"
)]

mod admin;
mod backends;
mod backups;
mod client;
mod faults;
mod hardening;
mod http2;
mod increments;
mod limits;
mod mutations;
mod openapi;
mod parsing;
mod rights;
mod schema;
mod stop;
mod throttle;
mod v1;
mod v2;
mod world;
