//! Facts about requests.

mod increments;
mod leases;
mod past;
mod permits;
mod reads;
mod refusals;
mod settling;
pub(super) mod support;
mod updates;
pub(crate) mod world;
mod writes;
