//! Facts about the oracle: for each rule a story that is right, and one that is wrong.

mod support;

mod clocks;
mod leases;
mod operations;
mod rest;
mod schemas;
mod tickets;
mod values;
