//! Sessions from outside, in virtual time: over rows in memory that several game servers share, with
//! a store that can be stopped, and over a directory.

mod crashes;
mod edits;
mod handing;
mod hooks;
mod joint;
mod labels;
mod locks;
mod offline;
mod operations;
mod outages;
mod schemas;
mod signals;
mod threads;
pub(crate) mod world;
