//! Scenarios, oracles and history checkers that attack Steadfast.
//!
//! A scenario is a small world around the real decisions of `core`: clients, a network, a process
//! and a disk that misbehave as the plan of the run says. Two judges watch it: an oracle that
//! knows every row at every moment, and a checker that knows what clients saw. Bugs planted in
//! the world's driver and store test the judges themselves.
//!
//! Read [`platform`] for one entry at a time in every storm, [`data`] for everything that data stores
//! do in weeks, [`sessions`] for game servers, leases and players, [`history`] for the rules, [`bank`]
//! for the planted bugs, [`campaign`] for runs over many seeds.
//!
//! ```
//! use steadfast_proof::{Bug, Judges, platform};
//! use steadfast_sim::{Faults, Plan, Setup, Swarm};
//!
//! let clean = platform::simulate(Setup::drawing(platform::NAME, 7), Judges::ALL);
//! assert_eq!(clean.failure, None);
//!
//! let plan = Plan::new(platform::NAME, 7).planting(Bug::TombstoneForgotten.name());
//! let faults = Faults::drawing(plan, Swarm::none());
//! let broken = platform::simulate(Setup::with_faults(faults), Judges::ALL);
//! assert!(broken.failure.is_some());
//! ```
#![forbid(unsafe_code)]

pub mod data;
pub mod exhaustive;
pub mod hand_off;
pub mod platform;
mod refusals;
pub mod sessions;
mod small;

pub mod history;

pub mod bank;
pub mod campaign;

pub use bank::{Bug, Judge, Judges};
