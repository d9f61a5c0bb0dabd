//! Facts about durable operations, and the store of plain rows that they are tried on.

mod facts;
mod model;
pub(super) mod support;

pub(super) use support::{Bench, ME, OTHER, as_refused, error_of, operation_id};
