//! Budgets: how many requests and bytes the live service takes in a minute (B, T rows).
//!
//! A [`Demand`] says what a request is; [`Budgets`] finds the pools that it draws on and takes from
//! all of them or from none (T-08):
//!
//! ```text
//!               requests                                      KB, rounded up per request (T-04)
//!   v1          universe: read | write (B-50..B-53)           universe: read | write (B-50, B-51)
//!   v2          experience: read | write | list | remove      -
//!               (B-20..B-23, growing with the players)
//!   both        owner of the key (B-54)                       entry: read | write (T-01, T-02)
//!   snapshots   owner of the key, apart (B-27, B-54)          -
//! ```
//!
//! A pool is a sliding window: what the last 60 s used, the request itself included, must not be
//! more than the limit (B-25, T-03). Something is inside for exactly 60 s, both ends included.
//!
//! Invariants: what is granted is never more than the exact rule grants; a window is only dropped
//! once nothing is in it; no clock here, and one that goes back counts as standing still.
//!
//! Start reading at [`Budgets::charge`].

mod budgets;
mod demand;
mod rates;
mod window;

pub use budgets::{BudgetSettings, Budgets, Denial, Quota, Standing, WINDOW_COUNT_MAX};
pub use demand::{Access, Demand, Door, Family, Kind, Pool};
pub use rates::{Rates, Scaled};
pub use window::{SLOT, WINDOW};

#[cfg(test)]
mod tests;
