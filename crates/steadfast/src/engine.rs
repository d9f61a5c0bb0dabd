//! Settings, and the reasons why a store does not open.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::document::DocumentLimits;
use steadfast_core::operation::OperationSettings;
use steadfast_core::platform::Settings;
use steadfast_core::session::{SessionSettings, SettingsError};
use steadfast_core::{Code, ErrorKind, Limits, Monotonic, Timestamp, UniverseId};
use steadfast_storage::Ownership;
use steadfast_storage_redb as redb;

use crate::settings::{CarriedSettings, ChangeSettings, CriticalSettings, PlayerSettings};

/// Who makes sessions go on: sends what is due, and takes the answers.
#[derive(Clone, Default)]
pub enum Drive {
    /// A thread of the library.
    #[default]
    ByThread,
    /// Whoever calls [`Steadfast::poll`](crate::Steadfast::poll), such as a frame loop. Nothing
    /// happens in between, and a server that is not polled for some seconds counts as dead.
    ByPoll,
    /// The same, at times that are handed in: for tests and simulations. They never go back.
    ByPollAt(Arc<dyn Fn() -> Monotonic + Send + Sync>),
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByThread => "ByThread",
            Self::ByPoll => "ByPoll",
            Self::ByPollAt(_) => "ByPollAt",
        })
    }
}

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
    /// The universe of [`Steadfast::store`](crate::Steadfast::store): 1 unless set.
    pub universe: UniverseId,
    /// The times that sessions keep.
    pub sessions: SessionSettings,
    /// What the data of a session may hold.
    pub documents: DocumentLimits,
    /// The limits of durable operations.
    pub operations: OperationSettings,
    /// What the players facade does.
    pub players: PlayerSettings,
    /// What sessions keep of their changes.
    pub changes: ChangeSettings,
    /// From which stored size of a session's data on a warning is given, in bytes (`WarnDataBytes`):
    /// 1,000,000 unless set.
    pub data_size_warn: usize,
    /// When so much goes wrong that the game should do less.
    pub critical: CriticalSettings,
    /// What has no effect on our own backends.
    pub carried: CarriedSettings,
    /// Who makes sessions go on.
    pub drive: Drive,
    /// Where this game server can be reached, for people: who finds a record held by it is told.
    pub address: Arc<str>,
    /// Whether anybody else has sessions in the same rows. Nobody in a data directory, which one
    /// process opens at a time; a backend of one's own may be shared.
    pub ownership: Ownership,
    /// The directory for what sessions could not save. In a data directory it is `spills` unless
    /// set; elsewhere, without one, it is kept in memory.
    pub spills_in: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::native(),
            settings: Settings::native(),
            sweep_every: Some(Duration::from_mins(1)),
            clock: Arc::new(redb::system_clock),
            universe: UniverseId(1),
            sessions: SessionSettings::default(),
            documents: DocumentLimits::default(),
            operations: OperationSettings::default(),
            players: PlayerSettings::default(),
            changes: ChangeSettings::default(),
            data_size_warn: 1_000_000,
            critical: CriticalSettings::default(),
            carried: CarriedSettings::default(),
            drive: Drive::default(),
            address: "".into(),
            ownership: Ownership::default(),
            spills_in: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("settings", &self.settings)
            .field("sweep_every", &self.sweep_every)
            .field("universe", &self.universe)
            .field("sessions", &self.sessions)
            .field("documents", &self.documents)
            .field("operations", &self.operations)
            .field("players", &self.players)
            .field("changes", &self.changes)
            .field("data_size_warn", &self.data_size_warn)
            .field("critical", &self.critical)
            .field("carried", &self.carried)
            .field("drive", &self.drive)
            .field("address", &self.address)
            .field("ownership", &self.ownership)
            .field("spills_in", &self.spills_in)
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
    /// The settings do not fit together.
    #[error("cannot keep to the settings")]
    Settings(#[source] SettingsError),
    /// The bytes of sessions that could not be saved cannot be looked for.
    #[error("cannot read the directory of what could not be saved")]
    Spills(#[source] std::io::Error),
}

impl OpenError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Directory(error) => error.code(),
            Self::Thread(_) | Self::Spills(_) => Code::StorageUnavailable,
            Self::Settings(error) => error.code(),
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
