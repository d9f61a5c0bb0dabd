//! The trait of exclusive work on records, and the records of a backend in this process.
//!
//! Who works on records speaks in [`RecordCommand`]s, one round trip each, and brings the time and
//! its own patience. Nothing is sent again here: a command that stayed without an answer is settled
//! by who sent it.

use std::fmt;
use std::sync::Arc;

use steadfast_core::OpeningId;
use steadfast_core::record::{
    RecordAnswer, RecordCommand, RecordRequest, StoreFacts, SweepServers,
};

use crate::done::Done;
use crate::local::{LocalPlatform, WeakPlatform};
use crate::platform::Answer;

/// Records: near, over a [`Backend`](crate::Backend), or far, over HTTP.
///
/// A write is never cancelled once it was submitted. A command without a certain outcome is
/// answered as exactly that, or not at all.
pub trait Records: Send + Sync {
    /// Carries out a command.
    fn submit(&self, command: Arc<RecordCommand>, done: Done<RecordAnswer>);

    /// The opening of the store, if this process owns the store: game servers in it live as long as
    /// that opening, and need not renew their presence.
    fn home(&self) -> Option<OpeningId>;
}

impl<R: Records + ?Sized> Records for Arc<R> {
    fn submit(&self, command: Arc<RecordCommand>, done: Done<RecordAnswer>) {
        (**self).submit(command, done);
    }

    fn home(&self) -> Option<OpeningId> {
        (**self).home()
    }
}

/// Whether anybody else serves records from the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Nobody else: every earlier opening is over, and leases of game servers that lived in it are
    /// free.
    #[default]
    Sole,
    /// Others do. Game servers show that they live by renewing their presence.
    Shared,
}

/// The records beside the entries of a [`LocalPlatform`]. A cheap handle.
#[derive(Clone)]
pub struct LocalRecords {
    platform: LocalPlatform,
    opening: OpeningId,
    ownership: Ownership,
}

impl LocalRecords {
    /// The records of a platform. The opening is a new random id each time that the backend is
    /// opened.
    pub fn new(platform: LocalPlatform, opening: OpeningId, ownership: Ownership) -> Self {
        Self { platform, opening, ownership }
    }

    /// Removes game servers that have been dead for a day, with their mail. Answers how many.
    pub fn sweep_servers(&self, done: Done<Answer<u64>>) {
        self.platform.submit(SweepServers { store: self.facts() }, done);
    }

    /// What the store knows of itself at this moment.
    pub fn facts(&self) -> StoreFacts {
        let backend = self.platform.backend();
        let (started_at, now) = (backend.started_at(), backend.now());
        StoreFacts { opening: self.opening, started_at, now }
    }
}

impl Records for LocalRecords {
    fn submit(&self, command: Arc<RecordCommand>, done: Done<RecordAnswer>) {
        self.platform.submit(RecordRequest { command, store: self.facts() }, done);
    }

    fn home(&self) -> Option<OpeningId> {
        match self.ownership {
            Ownership::Sole => Some(self.opening),
            Ownership::Shared => None,
        }
    }
}

impl LocalRecords {
    /// A handle that does not keep the platform alive.
    pub fn downgrade(&self) -> WeakRecords {
        let (opening, ownership) = (self.opening, self.ownership);
        WeakRecords { platform: self.platform.downgrade(), opening, ownership }
    }
}

/// A [`LocalRecords`], as long as somebody else holds its platform.
#[derive(Clone, Debug)]
pub struct WeakRecords {
    platform: WeakPlatform,
    opening: OpeningId,
    ownership: Ownership,
}

impl WeakRecords {
    /// The records, if their platform is still there.
    pub fn upgrade(&self) -> Option<LocalRecords> {
        let Self { platform, opening, ownership } = self;
        Some(LocalRecords::new(platform.upgrade()?, *opening, *ownership))
    }
}

impl fmt::Debug for LocalRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRecords")
            .field("opening", &self.opening)
            .field("ownership", &self.ownership)
            .finish_non_exhaustive()
    }
}
