//! Entries on their way: out of a target, into one, and in files between.
//!
//! ```text
//!   Walk: lists pages, reads values ahead ──► Record ──► Blocks: lines, compressed in blocks ──► FILE
//!   FILE ──► Lines: checked line by line ──► Record ──► Applier: many writes under way ──► Target
//! ```
//!
//! Memory does not grow with the number of entries: as many values are held as requests are under
//! way, and one block. An export is no copy as of one moment: each entry is as it was when it was
//! read. `backup` is such a copy.

mod apply;
mod blocks;
mod export;
mod file;
mod import;
mod lines;
mod record;
mod seed;
mod state;
mod walk;

pub(crate) use self::apply::{Applier, Mode, Report};
pub(crate) use self::export::run as export;
pub(crate) use self::import::run as import;
pub(crate) use self::record::Record;
pub(crate) use self::seed::run as seed;
pub(crate) use self::walk::{Section, Walk};
