//! Settings, and the reasons why a store does not open.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::platform::Settings;
use steadfast_core::{ErrorKind, Limits, Timestamp};
use steadfast_storage_redb as redb;

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// What requests may hold: [`Limits::native`] unless set.
    pub limits: Limits,
    /// What data stores do where the live service leaves it open, and which revisions they keep:
    /// [`Settings::native`] unless set.
    pub settings: Settings,
    /// How often the store looks for rows of revisions and entries that are not there any more, and
    /// removes them: every minute unless set, never if nothing. What is there does not depend on
    /// it, only how much room the rest takes. [`Steadfast::sweep`](crate::Steadfast::sweep) does it
    /// by hand.
    pub sweep_every: Option<Duration>,
    /// The clock that stamps rows. The system's unless set; a clock that goes back is overruled.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::native(),
            settings: Settings::native(),
            sweep_every: Some(Duration::from_mins(1)),
            clock: Arc::new(redb::system_clock),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("settings", &self.settings)
            .field("sweep_every", &self.sweep_every)
            .finish_non_exhaustive()
    }
}

/// Why a store was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory could not be opened.
    #[error("cannot open the data directory")]
    Directory(#[source] redb::OpenError),
    /// The system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

impl OpenError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Directory(error) => error.kind(),
            Self::Thread(_) => ErrorKind::Unavailable,
        }
    }
}

/// The store stopped serving. Open it again to go on; look into it with `doctor` first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store stopped: {reason}")]
pub struct Stopped {
    /// What the store said.
    pub reason: Arc<str>,
}
