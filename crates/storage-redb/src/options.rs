//! How a store is opened.

use std::fmt;
use std::time::SystemTime;

use steadfast_core::{Limits, Timestamp};

/// Tells the time of day.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// How a store is opened. The default is right for a server.
pub struct Options {
    /// The clock behind the store's time.
    pub clock: Clock,
    /// What every batch is checked against.
    pub limits: Limits,
    /// Batches that may wait for the committer; more are refused as exhausted.
    pub queue_size_max: usize,
    /// Bytes of pages that the engine keeps in memory.
    pub cache_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Box::new(system_clock),
            limits: Limits::native(),
            queue_size_max: 4_096,
            cache_size: 256 * 1_024 * 1_024,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("queue_size_max", &self.queue_size_max)
            .field("cache_size", &self.cache_size)
            .finish_non_exhaustive()
    }
}

/// The time of the system. Before 1970 it is broken, and stamps then count on from the last one.
#[expect(clippy::disallowed_methods, reason = "the one place where a store reads the clock")]
pub fn system_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.saturating_add(since)
}
