//! What the rows of records, game servers and mail hold.

use std::sync::Arc;
use std::time::Duration;

use crate::id::{OpeningId, ServerId, SessionId, WriteId};
use crate::row::Birth;
use crate::time::Timestamp;

/// The format of records that this version writes and understands.
pub const RECORD_FORMAT: u16 = 1;

/// How many ends of grants are kept.
pub const ENDS_MAX: usize = 16;

/// Longest address of a game server, in bytes.
pub const ADDRESS_SIZE_MAX: usize = 256;

/// What a write must show: exactly the stored one. Never granted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// One more with every grant, release and write by anyone but the holder.
    pub counter: u64,
    /// Who moved it there.
    pub session: SessionId,
}

impl Fence {
    /// The fence that a session moves this one to.
    #[must_use]
    pub fn next(self, session: SessionId) -> Self {
        let counter = self.counter.checked_add(1).expect("a fence moves less than 2^64 times");
        Self { counter, session }
    }

    /// The fence of the first grant of a record.
    pub const fn first(session: SessionId) -> Self {
        Self { counter: 1, session }
    }
}

/// How long a lease counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseMode {
    /// As long as its server is not declared dead.
    Presence,
    /// Until the record was not written for so long.
    Timeout(Duration),
    /// In a way that this version does not know: never free.
    Unknown(u8),
}

/// The grant behind a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The game server that the session lives in.
    pub server: ServerId,
    /// The session.
    pub session: SessionId,
    /// How long it counts.
    pub mode: LeaseMode,
    /// When it was granted.
    pub since: Birth,
}

/// Who may write an entry, and what its last write was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBody {
    /// [`RECORD_FORMAT`]. A record of any other is never written, nor taken for free.
    pub format: u16,
    /// The version of the shape of its data; 0 if it has none.
    pub schema: u32,
    /// Who has it.
    pub lease: Option<Lease>,
    /// What the next write must show.
    pub fence: Fence,
    /// One more with every save and release.
    pub save_seq: u64,
    /// The last write of the record.
    pub write_id: WriteId,
    /// How games used it.
    pub usage: Usage,
}

/// How games used a record. What others do with it, such as operators, is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// When a game opened it last: the store's time at which it was found free. Nothing if none did.
    pub last_login: Option<Timestamp>,
    /// How long games had it open, up to the last write of each session.
    pub play_time: Duration,
}

impl Usage {
    /// The play time in whole milliseconds, as JSON has it.
    pub fn play_time_ms(&self) -> u64 {
        u64::try_from(self.play_time.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// By its holder.
    Released,
    /// By another server, after the holder's server was dead.
    Taken,
    /// By somebody who did not wait for that.
    Stolen,
    /// By a write of somebody else.
    Edited,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Released, Self::Taken, Self::Stolen, Self::Edited];
}

/// The end of a grant, and the last write made under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The fence that it had at its end.
    pub fence: Fence,
    /// [`RecordBody::save_seq`] at its end.
    pub save_seq: u64,
    /// [`RecordBody::write_id`] at its end. Of a release it is the release's own.
    pub write_id: WriteId,
    /// By whom it ended.
    pub how: How,
}

/// The ends with one more, and the oldest left out if there are too many.
pub fn push_end(ends: &[End], end: End) -> Arc<[End]> {
    let skip = (ends.len() + 1).saturating_sub(ENDS_MAX);
    ends.iter().copied().skip(skip).chain([end]).collect()
}

/// Whether a game server lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceState {
    /// It renews its presence.
    Alive,
    /// It stopped, or was declared dead. Final for its id.
    Dead,
}

/// A game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceBody {
    /// Whether it lives.
    pub state: PresenceState,
    /// One more with every renewal.
    pub seq: u64,
    /// The opening of the store that it lives in, if it lives in the process that owns the store:
    /// then it is alive exactly as long as that opening.
    pub home: Option<OpeningId>,
    /// Where it can be reached, for people.
    pub address: Arc<str>,
}

/// What a game server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MailKind {
    /// Somebody waits for the record.
    HandOff,
    /// The lease was taken away.
    Revoked,
    /// An operation waits in the inbox.
    Operation,
}

impl MailKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::HandOff, Self::Revoked, Self::Operation];
}

/// Mail to a game server about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailBody {
    /// Who asks.
    pub waiter: ServerId,
    /// The fence that it is about. Under any other it means nothing.
    pub fence: Fence,
    /// What is asked for.
    pub kind: MailKind,
}
