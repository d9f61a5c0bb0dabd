//! Facts about requests.

mod permits;
mod reads;
mod refusals;
mod settling;
mod support;
mod updates;
mod writes;
