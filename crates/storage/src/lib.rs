//! The storage traits, the memory backend and the conformance suites.
//!
//! [`Backend`] stores rows in atomic batches; [`Platform`] is a data store as the live service
//! defines it; [`Records`] is exclusive work on its entries. All are "submit and complete": a call
//! hands over a request and a [`Done`], and the answer arrives there, on whatever thread the
//! implementation likes. No runtime is needed;
//! [`wait`] turns any of them into a blocking call.

#![forbid(unsafe_code)]

pub mod backend;
mod boards;
pub mod done;
pub mod fault;
pub mod local;
pub mod memory;
pub mod platform;
pub mod records;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use backend::{Backend, Capabilities};
pub use boards::Task;
pub use done::{Done, wait};
pub use fault::{Fault, FaultyBackend};
pub use local::{LocalPlatform, WeakPlatform};
pub use memory::{MemoryBackend, Rows};
pub use platform::Platform;
pub use records::{LocalRecords, Ownership, Records};
pub use steadfast_core::row::{ReadReply, ReadResult, ScanReply, ScanResult};
