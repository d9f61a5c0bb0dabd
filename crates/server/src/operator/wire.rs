//! What is asked for and answered, as JSON has it.
//!
//! Ids, revisions and fences are text, times are RFC 3339, data is the JSON that is stored.

mod requests;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub use self::requests::{
    Change, ChangeRequest, Delete, Edit, Named, Nothing, Queue, Release, Requeue, Restore, Update,
};

/// JSON that is there, also if it is `null`.
fn some<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(json).map(Some)
}

/// What a change did, or would do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Done {
    /// The data changed.
    Changed(Changed),
    /// An operation was queued.
    Queued(Queued),
    /// An operation was ended.
    Ended(Ended),
    /// A lease was taken away.
    Taken(Taken),
    /// The ledger was pruned.
    Compacted(Compacted),
}

/// Data that changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Which record.
    pub entry: String,
    /// Its revision before.
    pub before: Option<String>,
    /// Its revision after.
    pub after: Option<String>,
    /// Where the data differs.
    pub differences: Vec<Difference>,
    /// The schema that stands beside the data afterwards.
    pub schema: u32,
    /// In a dry run, who would have to let go of the record.
    pub holder: Option<Lease>,
    /// Whether nothing of it was done.
    pub dry_run: bool,
}

/// One place where data differs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// What stood there.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<RawValue>>,
    /// What stands there.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
}

/// An operation that was queued.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// Its id.
    pub id: String,
    /// `pending`, `applied`, `cancelled` or `failed`.
    pub state: String,
    /// Whether it was queued by this very call.
    pub new: bool,
    /// The game server that will handle it, if one has the record.
    pub holder: Option<String>,
    /// Whether nothing of it was done.
    pub dry_run: bool,
}

/// An operation of which it was decided that it ends.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// Its id.
    pub id: String,
    /// The game server that carries that out, if one has the record.
    pub holder: Option<String>,
    /// Whether nothing of it was done.
    pub dry_run: bool,
}

/// A lease that was taken away.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// The game server that loses it.
    pub server: String,
    /// The fence that it had.
    pub fence: String,
    /// Whether nothing of it was done.
    pub dry_run: bool,
}

/// A ledger that was pruned.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compacted {
    /// The numbers before.
    pub before: Ledger,
    /// The numbers after; in a dry run after the first of perhaps several writes.
    pub after: Ledger,
    /// Whether nothing of it was done.
    pub dry_run: bool,
}

/// A record, whoever holds it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Which.
    pub entry: String,
    /// Its data and what stands beside it; nothing if it is missing.
    pub state: Option<State>,
    /// The schema that stands beside its data; 0 if nobody wrote one.
    pub schema: u32,
    /// Who holds it.
    pub lease: Option<Lease>,
    /// The fence that it is at; nothing if it was never held.
    pub fence: Option<String>,
    /// How often it was saved.
    pub save_count: u64,
    /// When anything of it was written last, its lease included.
    pub touched_at: Option<String>,
    /// When a game opened it last.
    pub last_login: Option<String>,
    /// How long games had it open, up to their last saves.
    pub play_time_ms: u64,
    /// How the last grants ended, the latest last.
    pub ends: Vec<End>,
    /// Its ledger.
    pub ledger: Ledger,
    /// The store's time.
    pub time: String,
}

/// A state of an entry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Its revision.
    pub revision: String,
    /// When the entry was first written.
    pub created_at: String,
    /// When this state was written.
    pub updated_at: String,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// The users whose data it holds.
    pub users: Vec<String>,
    /// Its attributes, which are its tags.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Box<RawValue>>,
    /// Its data.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
}

/// Who holds a record.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The game server.
    pub server: String,
    /// Where it can be reached, as it said.
    pub address: String,
    /// `alive`, `silent` or `dead`.
    pub liveness: String,
    /// The session.
    pub session: String,
    /// How long the lease counts: `presence`, or a time in words.
    pub mode: String,
    /// Since when.
    pub since: String,
    /// What taking it away has to name.
    pub fence: String,
}

/// The end of a grant.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// The fence that it had.
    pub fence: String,
    /// Saves under it and before.
    pub save_count: u64,
    /// `released`, `taken`, `stolen` or `edited`.
    pub how: String,
}

/// The ledger of a record in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Operations that wait.
    pub pending: u64,
    /// Full receipts, permanent ones apart.
    pub full: u32,
    /// Receipts of which only the id is kept, permanent ones apart.
    pub kept: u32,
    /// Receipts that never leave.
    pub permanent: u32,
    /// Dead letters.
    pub dead: u32,
    /// Bytes that full and kept receipts count.
    pub size: u64,
    /// Unknown operations that were issued until then are refused.
    pub horizon: Option<String>,
    /// Whether its row of numbers cannot be read: then all of these are nothing.
    pub damaged: bool,
}

/// A page of a list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Page<T> {
    /// What is on it. May be empty although more follow.
    pub items: Vec<T>,
    /// What the next page is asked for with; nothing at the end.
    pub next: Option<String>,
}

/// A revision of a record.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its id.
    pub revision: String,
    /// When it was written.
    pub updated_at: String,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// Whether it is never thinned.
    pub pinned: bool,
    /// The schema of its data; nothing if it was written as an entry.
    pub schema: Option<u32>,
    /// Bytes of its data; nothing of a deletion.
    pub value_size: Option<u64>,
}

/// Where two states of a record differ.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Differences {
    /// The places.
    pub differences: Vec<Difference>,
}

/// An operation: one that waits, its receipt, or a dead letter. What is not known is left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// `pending`, `applied`, `cancelled` or `failed`.
    pub state: String,
    /// What handles it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// When it was issued.
    pub issued_at: String,
    /// Whether its receipt never leaves.
    pub permanent: bool,
    /// Its place in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When it was queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<String>,
    /// How often it was tried in vain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    /// What went wrong last, or why it was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it failed for good: `HandlerFailed`, `MissingHandler`, or `OperationExpired` if it waited
    /// longer than it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What an operator decided about it: `cancel` or `fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The schema that its payload was written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// The dead letter that it tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Bytes of its payload, of a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_size: Option<u64>,
    /// What its handler is given.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// What its handler answered.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// When it failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_at: Option<String>,
    /// The operation that tries it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requeued_as: Option<String>,
}

/// A record that is held.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The scope of the record.
    pub scope: String,
    /// Its key.
    pub key: String,
    /// By whom.
    pub lease: Lease,
    /// How often it was saved.
    pub save_count: u64,
    /// When anything of it was written last.
    pub touched_at: String,
}

/// A game server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Which.
    pub server: String,
    /// Where it can be reached, as it said.
    pub address: String,
    /// `alive`, `silent` or `dead`.
    pub liveness: String,
    /// When it showed last that it lives.
    pub renewed_at: String,
    /// Whether it lives in a process that owns or owned the store.
    pub home: bool,
}

/// A line of the log of operators.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When it was begun.
    pub at: String,
    /// When its end was noted.
    pub ended_at: Option<String>,
    /// Who.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// What.
    pub action: String,
    /// To the record of this data store,
    pub store: String,
    /// this scope,
    pub scope: String,
    /// and this key.
    pub key: String,
    /// What exactly, in words.
    pub detail: String,
    /// `started`, `done`, `refused` or `unknown`.
    pub state: String,
    /// The code of the refusal.
    pub code: Option<String>,
    /// The refusal in words.
    pub error: Option<String>,
    /// The revision of the record before.
    pub before: Option<String>,
    /// The revision of the record after.
    pub after: Option<String>,
}

#[cfg(test)]
#[path = "wire/tests.rs"]
mod tests;
