//! When a record was made, opened and saved, and for how long it was played.

use std::time::Duration;

use steadfast_core::Timestamp;
use steadfast_core::record::Usage;
use steadfast_core::session::Access;

use super::Session;

/// When a record was made, opened and saved, and for how long it was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordTimes {
    /// When its entry was first written; nothing if somebody deleted it.
    pub created_at: Option<Timestamp>,
    /// When its data was last stored; nothing if somebody deleted it.
    pub saved_at: Option<Timestamp>,
    /// When a game opened it last: this session.
    pub last_login: Option<Timestamp>,
    /// How long games had it open, up to now. What a server that died had counted since its last save
    /// is not in it, nor is what operators do.
    pub play_time: Duration,
}

impl<T> Session<T> {
    /// When its record was made, opened and saved, and for how long it was played.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn times(&self) -> Result<RecordTimes, Access> {
        let now = self.hold.driver().now();
        let times = self.hold.look(|session| {
            let Usage { last_login, play_time } = session.usage(now);
            let head = session.base().entry.entry;
            let created_at = head.map(|head| head.created_at);
            let saved_at = head.map(|head| head.updated_at);
            RecordTimes { created_at, saved_at, last_login, play_time }
        });
        times.ok_or(Access::Closed)
    }
}
