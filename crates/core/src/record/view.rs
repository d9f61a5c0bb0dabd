//! What a store tells of records, game servers and mail.

use std::sync::Arc;

use crate::id::{EntryId, OpeningId, Revision, ServerId};
use crate::platform::{EntryBase, PlatformError};
use crate::record::{End, MailBody, PresenceBody, RecordBase, RecordBody};
use crate::row::{Content, Found, Row, RowBody, RowKey};
use crate::time::Timestamp;

/// The row of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its last write.
    pub revision: Revision,
    /// The store's time at that write.
    pub stamped_at: Timestamp,
    /// What it holds.
    pub body: RecordBody,
}

impl StoredRecord {
    /// The record that stands at a row's key.
    ///
    /// # Errors
    /// [`PlatformError::Corrupt`]. Damage is never "no record".
    pub fn of(found: &Found) -> Result<Option<Self>, PlatformError> {
        match found {
            Found::Absent => Ok(None),
            Found::Row(Row { revision, stamped_at, body: RowBody::Record(body), .. }) => {
                let (revision, stamped_at) = (*revision, *stamped_at);
                Ok(Some(Self { revision, stamped_at, body: body.clone() }))
            }
            Found::Row(row) => Err(PlatformError::Corrupt { row: Box::new(row.key.clone()) }),
            Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
        }
    }
}

/// The row of a game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPresence {
    /// Its last write.
    pub revision: Revision,
    /// The store's time at that write.
    pub stamped_at: Timestamp,
    /// What it holds.
    pub body: PresenceBody,
}

impl StoredPresence {
    /// The game server that stands at a row's key.
    ///
    /// # Errors
    /// [`PlatformError::Corrupt`]. Damage is never a dead server.
    pub fn of(found: &Found) -> Result<Option<Self>, PlatformError> {
        match found {
            Found::Absent => Ok(None),
            Found::Row(Row { revision, stamped_at, body: RowBody::Presence(body), .. }) => {
                let (revision, stamped_at) = (*revision, *stamped_at);
                Ok(Some(Self { revision, stamped_at, body: body.clone() }))
            }
            Found::Row(row) => Err(PlatformError::Corrupt { row: Box::new(row.key.clone()) }),
            Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
        }
    }
}

/// The game server that a lease names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub server: ServerId,
    /// Its row; nothing if there is none.
    pub presence: Option<StoredPresence>,
}

/// What an entry holds, and what a write of it is planned on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordData {
    /// For [`RecordBase`].
    pub base: EntryBase,
    /// What it holds; nothing if it is missing or deleted.
    pub content: Option<Arc<Content>>,
}

/// A record as a store tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordView {
    /// Which record.
    pub entry: EntryId,
    /// Its row; nothing if it was never held.
    pub record: Option<StoredRecord>,
    /// What its entry holds, if that was read: as of the same moment.
    pub data: Option<RecordData>,
    /// How the last grants ended, if that was read: as of the same moment. Empty if it is damaged.
    pub ends: Option<Arc<[End]>>,
    /// The server that its lease names. Read after the record.
    pub holder: Option<Holder>,
    /// The store's time.
    pub now: Timestamp,
    /// The store's time when it was opened.
    pub started_at: Timestamp,
    /// The opening of the store.
    pub opening: OpeningId,
}

impl RecordView {
    /// What a write is planned on, if the entry was read too.
    pub fn base(&self) -> Option<RecordBase> {
        let record = self.record.as_ref().map(|record| record.revision);
        Some(RecordBase { record, entry: self.data.as_ref()?.base })
    }

    /// How a grant ended, if that is known.
    pub fn end_of(&self, is_mine: impl Fn(&End) -> bool) -> Option<End> {
        self.ends.iter().flat_map(|ends| ends.iter().rev()).copied().find(is_mine)
    }
}

/// Mail to a game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// About which record.
    pub entry: EntryId,
    /// Its write: whoever deletes the mail deletes no later one.
    pub revision: Revision,
    /// What it says.
    pub body: MailBody,
}

impl Mail {
    /// The mail that a row holds; nothing if it is damaged, as mail is a hint.
    pub fn of(found: &Found) -> Option<Self> {
        let Found::Row(row) = found else { return None };
        let (RowKey::Mail(_, entry), RowBody::Mail(body)) = (&row.key, &row.body) else {
            return None;
        };
        Some(Self { entry: entry.clone(), revision: row.revision, body: *body })
    }
}
