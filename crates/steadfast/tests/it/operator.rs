//! What operators do to records, in virtual time: over rows in memory and in a directory that several
//! game servers share.

mod access;
mod edits;
mod logs;
mod looks;
mod repairs;
pub(crate) mod restores;
pub(crate) mod support;
