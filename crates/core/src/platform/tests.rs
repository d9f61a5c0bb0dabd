//! Facts about requests.

mod increments;
mod past;
mod permits;
mod reads;
mod refusals;
mod settling;
pub(super) mod support;
mod updates;
pub(super) mod world;
mod writes;
