//! Elapsed time of steps and what is left of a deadline.

#![expect(
    clippy::disallowed_methods,
    reason = "seconds are shown to a person; no decision is replayed here"
)]

use std::time::{Duration, Instant};

/// Measures from its creation on.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `limit`, zero when it has passed.
    pub(crate) fn left_of(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }
}
