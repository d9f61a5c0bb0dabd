//! The embedded backend: rows in one directory, on the engine redb.
//!
//! [`RedbBackend`] implements [`Backend`](steadfast_storage::Backend): group commit by one thread,
//! a checksum of our own on every record, a second witness for every absence. [`doctor()`] examines
//! a store, [`salvage()`] reads what is left of a damaged one, [`backup`](mod@backup) makes copies.
//!
//! Read the modules in this order: `encode` for what is stored, `apply` for how a batch changes
//! it, `committer` for when, `read` and `scan` for how it comes back.

#![forbid(unsafe_code)]

pub mod backend;
pub mod backup;
pub mod directory;
pub mod error;
pub mod options;

mod apply;
mod bytes;
mod carve;
mod committer;
mod doctor;
mod encode;
mod engine;
mod examine;
mod gate;
mod overlay;
mod prepare;
mod read;
mod salvage;
mod scan;
mod stores;

pub use backend::RedbBackend;
pub use backup::{BackupError, Manifest, Observer, Progress, Stage, fork, restore, verify};
pub use directory::{FORMAT_VERSION, created_by};
pub use doctor::{Report, doctor};
pub use error::{CloseError, OpenError};
pub use options::{Clock, Options, system_clock};
pub use salvage::{SalvageReport, salvage};
