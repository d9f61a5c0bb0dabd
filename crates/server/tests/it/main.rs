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
mod client_platform;
mod faults;
mod hardening;
mod http2;
mod increments;
mod leases;
mod limits;
mod mutations;
mod openapi;
mod operators;
mod ordered;
mod own;
mod pages;
mod parsing;
mod recorded;
mod restarts;
mod rights;
mod schema;
mod stop;
mod stores;
mod throttle;
mod unbuilt;
mod v1;
mod v1_lists;
mod v2;
mod v2_lists;
mod world;
