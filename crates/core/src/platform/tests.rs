//! Facts about requests.

mod increments;
mod permits;
mod reads;
mod refusals;
mod settling;
mod support;
mod updates;
mod writes;
