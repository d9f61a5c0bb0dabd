//! The store as a whole: against a model, over restarts, failures, power cuts and damage.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

mod backup;
mod bit_flips;
mod conformance;
mod damage;
mod heads;
mod ledger;
mod ledger_size;
mod lifecycle;
mod model;
mod older;
mod platform;
mod power_cut;
mod records;
mod support;
