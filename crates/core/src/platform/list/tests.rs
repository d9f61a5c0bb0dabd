//! Facts about listings.

mod entries;
mod revisions;
mod stores;
mod support;
