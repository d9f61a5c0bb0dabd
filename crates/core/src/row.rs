//! Rows: what a backend stores, typed by family so that a database can have real columns.
//!
//! Every row carries the revision that a condition may name and the store's own time of its last
//! write. An entry row is the current state of an entry, or its tombstone; a revision row is one
//! state of its history. Both may share one [`Content`]: a backend that is given the same `Arc`
//! twice in a batch stores the value once.

mod head;
mod range;

use std::fmt;
use std::sync::Arc;

use crate::id::{ApiKeyId, EntryId, Revision, ServerId, StoreId, UniverseId, UserId};
use crate::json::{JsonError, JsonText};
use crate::key::ApiKey;
use crate::limits::{LimitExceeded, Limits};
use crate::operation::{LedgerBody, LedgerKey};
use crate::platform::History;
use crate::record::{End, MailBody, PresenceBody, RecordBody};
use crate::time::{Timestamp, UtcHour};

pub use head::{FoundHead, Head, HeadsReply, HeadsResult};
pub use range::{BoardId, Order, RowRange, Span};

/// Names a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// A data store.
    Store(StoreId),
    /// The current state of an entry.
    Entry(EntryId),
    /// One state of an entry's history, by the counter of its revision.
    Revision(EntryId, u64),
    /// An API key.
    ApiKey(ApiKeyId),
    /// What concerns a whole universe: its snapshots.
    Universe(UniverseId),
    /// An entry of an ordered data store. Its names are apart from those of data stores (K-13).
    Ordered(EntryId),
    /// A reminder: from this hour on something of the past of an entry may go.
    Review(UtcHour, Reviewed),
    /// Who may write an entry: its lease and fence, and what the last write of its record was.
    Record(EntryId),
    /// How the last grants of a record ended.
    Ends(EntryId),
    /// Whether a game server is alive.
    Presence(ServerId),
    /// What a game server is asked to do about the record of an entry. A hint.
    Mail(ServerId, EntryId),
    /// The operations of a record: those that wait, and what became of the others.
    Ledger(EntryId, LedgerKey),
}

/// What a review is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reviewed {
    /// An entry, its history and its tombstone.
    Entry(EntryId),
    /// The tombstone of an entry of an ordered data store.
    Ordered(EntryId),
}

impl Reviewed {
    /// The entry.
    pub fn entry(&self) -> &EntryId {
        match self {
            Self::Entry(entry) | Self::Ordered(entry) => entry,
        }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(store) => write!(f, "data store {store}"),
            Self::Entry(entry) => write!(f, "entry {entry}"),
            Self::Revision(entry, counter) => write!(f, "revision {counter} of entry {entry}"),
            Self::ApiKey(id) => write!(f, "API key {id}"),
            Self::Universe(universe) => write!(f, "universe {universe}"),
            Self::Ordered(entry) => write!(f, "ordered entry {entry}"),
            Self::Review(hour, Reviewed::Entry(entry)) => {
                write!(f, "review of entry {entry} in hour {}", hour.0)
            }
            Self::Review(hour, Reviewed::Ordered(entry)) => {
                write!(f, "review of ordered entry {entry} in hour {}", hour.0)
            }
            Self::Record(entry) => write!(f, "record {entry}"),
            Self::Ends(entry) => write!(f, "ends of the grants of record {entry}"),
            Self::Presence(server) => write!(f, "presence of server {server}"),
            Self::Mail(server, entry) => write!(f, "mail to server {server} about {entry}"),
            Self::Ledger(entry, key) => write!(f, "{key} of record {entry}"),
        }
    }
}

/// What a row holds besides its revision and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowBody {
    /// Of [`RowKey::Store`].
    Store(StoreBody),
    /// Of [`RowKey::Entry`].
    Entry(EntryBody),
    /// Of [`RowKey::Revision`].
    Revision(EntryBody),
    /// Of [`RowKey::ApiKey`].
    ApiKey(ApiKey),
    /// Of [`RowKey::Universe`].
    Universe(UniverseBody),
    /// Of [`RowKey::Ordered`].
    Ordered(OrderedBody),
    /// Of [`RowKey::Review`], whose name says everything.
    Review,
    /// Of [`RowKey::Record`].
    Record(RecordBody),
    /// Of [`RowKey::Ends`], oldest first.
    Ends(Arc<[End]>),
    /// Of [`RowKey::Presence`].
    Presence(PresenceBody),
    /// Of [`RowKey::Mail`].
    Mail(MailBody),
    /// Of [`RowKey::Ledger`].
    Ledger(LedgerBody),
}

impl RowBody {
    /// Whether this is the body of a row of that key's family.
    pub fn belongs_to(&self, key: &RowKey) -> bool {
        if let (Self::Ledger(body), RowKey::Ledger(_, key)) = (self, key) {
            return body.belongs_to(key);
        }
        matches!(
            (self, key),
            (Self::Store(_), RowKey::Store(_))
                | (Self::Entry(_), RowKey::Entry(_))
                | (Self::Revision(_), RowKey::Revision(..))
                | (Self::ApiKey(_), RowKey::ApiKey(_))
                | (Self::Universe(_), RowKey::Universe(_))
                | (Self::Ordered(_), RowKey::Ordered(_))
                | (Self::Review, RowKey::Review(..))
                | (Self::Record(_), RowKey::Record(_))
                | (Self::Ends(_), RowKey::Ends(_))
                | (Self::Presence(_), RowKey::Presence(_))
                | (Self::Mail(_), RowKey::Mail(..))
        )
    }

    /// The body of an entry or revision row.
    pub fn as_entry(&self) -> Option<&EntryBody> {
        match self {
            Self::Entry(body) | Self::Revision(body) => Some(body),
            Self::Store(_)
            | Self::ApiKey(_)
            | Self::Universe(_)
            | Self::Ordered(_)
            | Self::Review
            | Self::Record(_)
            | Self::Ends(_)
            | Self::Presence(_)
            | Self::Mail(_)
            | Self::Ledger(_) => None,
        }
    }

    /// The body of an entry of an ordered data store.
    pub fn as_ordered(&self) -> Option<&OrderedBody> {
        match self {
            Self::Ordered(body) => Some(body),
            Self::Store(_)
            | Self::Entry(_)
            | Self::Revision(_)
            | Self::ApiKey(_)
            | Self::Universe(_)
            | Self::Review
            | Self::Record(_)
            | Self::Ends(_)
            | Self::Presence(_)
            | Self::Mail(_)
            | Self::Ledger(_) => None,
        }
    }
}

/// When something came into being, said by the write that stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// With the write of this very row: at its [`Row::stamped_at`].
    ThisWrite,
    /// Before it.
    At(Timestamp),
}

impl Birth {
    /// The time itself, given the time of the write that this stands in.
    pub fn time(self, stamped_at: Timestamp) -> Timestamp {
        match self {
            Self::ThisWrite => stamped_at,
            Self::At(time) => time,
        }
    }
}

/// A data store that was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreBody {
    /// When its first entry was written.
    pub birth: Birth,
    /// When it was deleted, if it is. Its entries are out of reach then, and go 30 days later.
    pub deleted: Option<Birth>,
    /// Which revisions its entries keep; that of the settings if it has no choice of its own.
    pub history: Option<History>,
}

impl StoreBody {
    /// A data store that begins with this write.
    pub const NEW: Self = Self { birth: Birth::ThisWrite, deleted: None, history: None };
}

/// What concerns a whole universe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UniverseBody {
    /// When snapshots were taken before the one of this write, oldest first, as far back as they
    /// matter.
    pub earlier_snapshots: Vec<Timestamp>,
}

/// An entry of an ordered data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderedBody {
    /// Its value; nothing once it was removed, which leaves a row so that no late write brings it
    /// back.
    pub value: Option<i64>,
}

/// One state of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryBody {
    /// When the entry was first written (I-01: constant over its revisions).
    pub birth: Birth,
    /// What it holds; nothing in a tombstone.
    pub content: Option<Arc<Content>>,
    /// Whether this state and the one before it are never thinned: those of restores, migrations,
    /// trades and repairs.
    pub pinned: bool,
    /// The schema of its data, as the record of that write said; nothing if it was written as an entry,
    /// and in a tombstone.
    pub schema: Option<u32>,
}

impl EntryBody {
    /// Whether this state is a deletion.
    pub fn is_tombstone(&self) -> bool {
        self.content.is_none()
    }
}

/// A value with what is replaced together with it (U-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The value, exactly as it was sent.
    pub value: JsonText,
    /// The users whose data it holds.
    pub user_ids: Vec<UserId>,
    /// Small attributes of the caller's.
    pub metadata: Metadata,
}

/// A dictionary from text to scalars, kept as compact JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Metadata(JsonText);

/// Why metadata was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is not JSON.
    #[error("metadata is not valid JSON")]
    Json(#[source] JsonError),
    /// It is not an object, or one of its values is not a string, number or boolean (U-01, U-07).
    #[error("metadata is not an object of strings, numbers and booleans")]
    Shape,
    /// It is larger than the limit, in bytes of compact JSON (U-04).
    #[error(transparent)]
    TooLarge(LimitExceeded),
}

impl Metadata {
    /// No attributes.
    pub fn empty() -> Self {
        Self(JsonText::trusted("{}"))
    }

    /// Checks metadata from outside and makes it compact.
    ///
    /// # Errors
    /// [`MetadataError`]: not JSON, not a dictionary of scalars, or over the limit.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, MetadataError> {
        let members = crate::json::flat_object(text, limits).map_err(MetadataError::Json)?;
        let compact = members.ok_or(MetadataError::Shape)?;
        if compact.len() > limits.metadata_size_max {
            let (what, actual) = ("metadata", compact.len());
            let limit = limits.metadata_size_max;
            return Err(MetadataError::TooLarge(LimitExceeded { what, actual, limit }));
        }
        Ok(Self(JsonText::trusted(compact)))
    }

    /// Metadata that was checked before, such as that of a row read back from the store.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(JsonText::trusted(text))
    }

    /// The attributes as a compact JSON object.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.as_str() == "{}"
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metadata({} bytes)", self.as_str().len())
    }
}

/// A stored row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub key: RowKey,
    /// Its last write.
    pub revision: Revision,
    /// The store's time at its last write, never before that of an earlier write to any row.
    pub stamped_at: Timestamp,
    /// What it holds.
    pub body: RowBody,
}

/// What stands at a row's key. Damage is never absence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are rows")]
pub enum Found {
    /// There is certainly no such row.
    Absent,
    /// The row, verified.
    Row(Row),
    /// Something stands there that cannot be read back as it was written.
    Corrupt(RowKey),
}

impl Found {
    /// The name of what stands there.
    pub fn key(&self) -> Option<&RowKey> {
        match self {
            Self::Row(row) => Some(&row.key),
            Self::Corrupt(key) => Some(key),
            Self::Absent => None,
        }
    }

    /// The revision of the row, if there is a readable one.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Row(row) => Some(row.revision),
            Self::Absent | Self::Corrupt(_) => None,
        }
    }
}

/// Why nothing could be read. Never to be taken for absence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The store is stopped or out of reach.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// What the store said.
        reason: Arc<str>,
    },
}

/// The answer to reading rows by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReply {
    /// One for each row asked for, in that order, all as of one moment.
    pub rows: Vec<Found>,
    /// The store's time.
    pub now: Timestamp,
}

/// The answer to reading a run of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanReply {
    /// The rows of the range from its start, at most as many as asked for. None is `Absent`.
    pub rows: Vec<Found>,
    /// Whether more rows follow.
    pub more: bool,
}

/// What a read answers.
pub type ReadResult = Result<ReadReply, ReadError>;

/// What a scan answers.
pub type ScanResult = Result<ScanReply, ReadError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u_04_metadata_is_measured_as_compact_json() {
        let limits = Limits::roblox();
        // {"k":"..."} is 8 bytes around the text.
        let of_size = |size: usize| format!("{{ \"k\" : \"{}\" }}", "x".repeat(size - 8));
        assert_eq!(Metadata::parse(&of_size(298), &limits).unwrap().as_str().len(), 298);
        assert_eq!(Metadata::parse(&of_size(299), &limits).unwrap().as_str().len(), 299);
        let over = Metadata::parse(&of_size(300), &limits);
        assert!(matches!(
            over,
            Err(MetadataError::TooLarge(LimitExceeded { actual: 300, limit: 299, .. }))
        ));
    }

    #[test]
    fn u_01_and_u_07_metadata_is_a_dictionary_of_scalars() {
        let limits = Limits::native();
        let metadata = Metadata::parse(r#" {"a": 1, "b": "x", "c": true} "#, &limits).unwrap();
        assert_eq!(metadata.as_str(), r#"{"a":1,"b":"x","c":true}"#);
        assert!(Metadata::parse(" { } ", &limits).unwrap().is_empty());
        for wrong in ["[]", "1", "\"x\"", "null", r#"{"a":[]}"#, r#"{"a":{}}"#, r#"{"a":null}"#] {
            assert_eq!(Metadata::parse(wrong, &limits), Err(MetadataError::Shape), "{wrong}");
        }
        assert!(matches!(Metadata::parse("{", &limits), Err(MetadataError::Json(_))));
        assert!(matches!(
            Metadata::parse(r#"{"a":1,"a":2}"#, &limits),
            Err(MetadataError::Json(_))
        ));
    }

    #[test]
    fn the_birth_of_a_row_is_its_own_stamp_unless_it_is_older() {
        let (old, new) = (Timestamp::from_unix_seconds(1), Timestamp::from_unix_seconds(2));
        assert_eq!(Birth::ThisWrite.time(new), new);
        assert_eq!(Birth::At(old).time(new), old);
    }
}
