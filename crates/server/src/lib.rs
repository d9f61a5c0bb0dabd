//! The data server: Open Cloud and administration over HTTP.
//!
//! This crate translates and never decides: a request becomes one call of the library, and its
//! answer becomes a status, headers and a body.
//!
//! ```text
//!   socket ─► connection ─► service ─► route ─► auth ─► v1 | v2 ─► throttle ─► steadfast
//!             caps and      panic      which     who     | ordered   budgets
//!             time-outs     boundary   call              | data
//!                                                        | admin: one call each
//! ```
//!
//! Read the modules in that order. What the wire looks like is in `steadfast-open-cloud`; which
//! failure has which status is there for Open Cloud and in the module `edge` for our own
//! routes.
//!
//! Invariants: a key is checked before anything else of a request that needs one; the body of a
//! request is read only once its call and its key are known; a write that was handed to the store
//! is not cancelled by anything that happens to its request.
#![forbid(unsafe_code)]

pub mod config;
pub mod metrics;
pub mod openapi;
pub mod operator;
pub mod server;

mod connection;
mod stream;

mod auth;
mod body;
mod edge;
mod reply;
mod route;
mod service;
mod throttle;

mod admin;
mod data;
mod health;
mod lists;
mod ordered;
mod unbuilt;
mod v1;
mod v2;

pub use config::{Config, ConfigError};
pub use server::{BoundServer, Server, ServerError};
