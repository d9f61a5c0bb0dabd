//! The conformance suites, run against what this crate offers, and against backends with planted
//! faults that the suites must find.

mod backends;
mod harness;
mod planted;
mod platforms;
mod records;
