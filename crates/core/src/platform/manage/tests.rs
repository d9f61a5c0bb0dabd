//! Facts about requests on data stores and universes as a whole.

mod settling;
mod snapshots;
mod stores;
mod support;
