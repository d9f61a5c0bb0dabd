//! What the calling thread does for a batch: encode keys, encode and compress contents.
//!
//! The committer is the one thread that every write passes; what can be done in parallel is done
//! before.

use std::sync::Arc;

use steadfast_core::key::ApiKey;
use steadfast_core::row::{Birth, EntryBody, Reviewed, RowBody, StoreBody, UniverseBody};
use steadfast_core::{
    ApiKeyId, Batch, Condition, EntryId, Revision, RowKey, StoreId, UniverseId, UtcHour, Write,
};

use crate::apply::Before;
use crate::encode::bodied::{Bodied, encode_body};
use crate::encode::content;
use crate::encode::keys::{entry_key, ledger_key, mail_key, server_key};
use crate::stores::StoreNumbers;

/// Stands in `K` for the number of a data store that is not known yet.
pub(crate) const NUMBER_UNKNOWN: u32 = 0;

/// A batch ready to be written.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What must hold, and of what.
    pub(crate) conditions: Vec<(RowKey, Condition, Asked)>,
    /// What it changes.
    pub(crate) changes: Vec<Change>,
    /// Bytes of its contents.
    pub(crate) size: usize,
}

impl Prepared {
    /// Tells each change what the condition on the same row saw, once all were checked.
    pub(crate) fn recall(&mut self) {
        for change in &mut self.changes {
            if let Change::PutBody { at, asked: Some(index), .. } = change
                && let Some((_, _, Asked::Body(seen))) = self.conditions.get(*index)
            {
                at.is_indexed = seen.is_indexed;
            }
        }
    }
}

/// What a condition is on, as the tables know it, where that saves a look.
#[derive(Debug)]
pub(crate) enum Asked {
    /// An entry.
    Entry(EntryRef),
    /// A row of one of the families that have a body.
    Body(BodyRef),
    /// Any other row.
    Other,
}

/// A row of one of the families that have a body, as the tables know it.
#[derive(Debug)]
pub(crate) struct BodyRef {
    pub(crate) of: Bodied,
    /// Its key in the table. `K`, with what that needs, where the row belongs to an entry.
    pub(crate) place: EntryRef,
    /// Whether the index knows it, once a condition on it was checked.
    pub(crate) is_indexed: Option<bool>,
}

impl BodyRef {
    /// That of a row; nothing if the row is of another family.
    pub(crate) fn new(stores: &StoreNumbers, key: &RowKey) -> Option<Self> {
        let own = |entry_key| EntryRef { store: None, entry_key, before: None };
        let (of, place) = match key {
            RowKey::Record(entry) => (Bodied::Record, EntryRef::new(stores, entry)),
            RowKey::Ends(entry) => (Bodied::Ends, EntryRef::new(stores, entry)),
            RowKey::Presence(server) => (Bodied::Presence, own(server_key(*server).to_vec())),
            RowKey::Mail(server, entry) => (Bodied::Mail, own(mail_key(*server, entry))),
            RowKey::Ledger(entry, name) => {
                let mut place = EntryRef::new(stores, entry);
                place.entry_key = ledger_key(&place.entry_key, name);
                (Bodied::Ledger, place)
            }
            RowKey::Store(_)
            | RowKey::Entry(_)
            | RowKey::Revision(..)
            | RowKey::ApiKey(_)
            | RowKey::Universe(_)
            | RowKey::Ordered(_)
            | RowKey::Review(..) => return None,
        };
        Some(Self { of, place, is_indexed: None })
    }
}

/// An entry as the tables know it.
#[derive(Debug)]
pub(crate) struct EntryRef {
    /// Its data store, kept only while the number is unknown.
    pub(crate) store: Option<StoreId>,
    /// `K`, with [`NUMBER_UNKNOWN`] while the number is unknown.
    pub(crate) entry_key: Vec<u8>,
    /// What stands there, once the condition on it was checked.
    pub(crate) before: Option<Before>,
}

/// The state of an entry or revision to be written.
#[derive(Debug)]
pub(crate) struct NewState {
    pub(crate) revision: Revision,
    pub(crate) birth: Birth,
    pub(crate) pinned: bool,
    pub(crate) schema: Option<u32>,
    /// The encoded content; nothing in a tombstone.
    pub(crate) content: Option<Vec<u8>>,
}

/// One change of a batch.
#[derive(Debug)]
pub(crate) enum Change {
    /// Writes the row of a data store.
    PutStore { store: StoreId, revision: Revision, body: StoreBody },
    /// Removes the row of a data store. Its number and its entries stay.
    DeleteStore { store: StoreId },
    /// Writes an API key.
    PutApiKey { id: ApiKeyId, revision: Revision, key: Box<ApiKey> },
    /// Removes an API key.
    DeleteApiKey { id: ApiKeyId },
    /// Writes an entry, and its revision row of the same state if that is in the batch too.
    PutEntry { entry: EntryRef, state: NewState, with_revision: bool },
    /// Removes an entry.
    DeleteEntry { entry: EntryRef },
    /// Writes a revision row.
    PutRevision { entry: EntryRef, counter: u64, state: NewState },
    /// Removes revision rows of one entry, a run of deletions of a batch.
    DeleteRevisions { entry: EntryRef, counters: Vec<u64> },
    /// Writes an entry of an ordered data store.
    PutOrdered { at: OrderedRef, revision: Revision, value: Option<i64> },
    /// Removes an entry of an ordered data store without a trace.
    DeleteOrdered { at: OrderedRef },
    /// Writes the row of a universe.
    PutUniverse { universe: UniverseId, revision: Revision, body: UniverseBody },
    /// Removes the row of a universe.
    DeleteUniverse { universe: UniverseId },
    /// Writes a reminder.
    PutReview { hour: UtcHour, reviewed: Reviewed, revision: Revision },
    /// Removes a reminder.
    DeleteReview { hour: UtcHour, reviewed: Reviewed },
    /// Writes a row of a family that has a body. Which condition is on the same row, if one is.
    PutBody { at: BodyRef, revision: Revision, body: Vec<u8>, asked: Option<usize> },
    /// Removes a row of a family that has a body.
    DeleteBody { at: BodyRef },
    /// Leaves only the witness of a row of a family that has a body, if that family has one.
    MarkBody { at: BodyRef },
    /// Leaves only the witness of an entry, so that it reads as damaged and never as new.
    MarkEntry { entry: EntryRef },
    /// Leaves a link in the chain of a history that reads as damaged, for a revision that is lost.
    MarkRevision { entry: EntryRef, counter: u64 },
    /// Leaves only the witness of the row of a data store.
    MarkStore { store: StoreId },
    /// Leaves only the witness of an API key.
    MarkApiKey { id: ApiKeyId },
    /// Leaves only the witness of an entry of an ordered data store.
    MarkOrdered { at: OrderedRef },
    /// Leaves only the witness of the row of a universe.
    MarkUniverse { universe: UniverseId },
}

/// An entry of an ordered data store, by name for those who watch, and as the tables know it.
#[derive(Debug)]
pub(crate) struct OrderedRef {
    pub(crate) entry: EntryId,
    pub(crate) place: EntryRef,
}

impl OrderedRef {
    pub(crate) fn new(stores: &StoreNumbers, entry: EntryId) -> Self {
        Self { place: EntryRef::new(stores, &entry), entry }
    }
}

impl EntryRef {
    pub(crate) fn new(stores: &StoreNumbers, entry: &EntryId) -> Self {
        let number = stores.get(&entry.store);
        let store = number.is_none().then(|| entry.store.clone());
        let number = number.unwrap_or(NUMBER_UNKNOWN);
        let entry_key = entry_key(number, entry.scope.as_str(), entry.key.as_str());
        Self { store, entry_key, before: None }
    }
}

/// Prepares a batch that passed its check.
pub(crate) fn prepare(stores: &StoreNumbers, batch: Batch) -> Prepared {
    let conditions = batch.conditions.into_iter().map(|(key, condition)| {
        let asked = if let RowKey::Entry(entry) = &key {
            Asked::Entry(EntryRef::new(stores, entry))
        } else {
            BodyRef::new(stores, &key).map_or(Asked::Other, Asked::Body)
        };
        (key, condition, asked)
    });
    let conditions: Vec<_> = conditions.collect();
    let mut changes = Vec::with_capacity(batch.writes.len());
    let mut last_deleted: Option<&EntryId> = None;
    for write in &batch.writes {
        if is_twin_revision(write, &batch.writes) {
            continue;
        }
        // One after the other each would link its neighbours anew; together they do it once.
        if let Write::Delete { key: RowKey::Revision(entry, counter) } = write {
            if last_deleted == Some(entry)
                && let Some(Change::DeleteRevisions { counters, .. }) = changes.last_mut()
            {
                counters.push(*counter);
                continue;
            }
            last_deleted = Some(entry);
        } else {
            last_deleted = None;
        }
        let mut change = change(stores, write, &batch.writes);
        if let Change::PutBody { asked, .. } = &mut change {
            *asked = conditions.iter().position(|(key, ..)| key == write.key());
        }
        changes.push(change);
    }
    let size = changes.iter().map(Change::size).sum();
    Prepared { conditions, changes, size }
}

impl Change {
    fn size(&self) -> usize {
        match self {
            Self::PutEntry { state, .. } | Self::PutRevision { state, .. } => {
                state.content.as_ref().map_or(0, Vec::len)
            }
            Self::PutBody { body, .. } => body.len(),
            Self::PutUniverse { body, .. } => 8 * body.earlier_snapshots.len(),
            Self::PutStore { .. }
            | Self::DeleteStore { .. }
            | Self::PutApiKey { .. }
            | Self::DeleteApiKey { .. }
            | Self::DeleteEntry { .. }
            | Self::DeleteRevisions { .. }
            | Self::PutOrdered { .. }
            | Self::DeleteOrdered { .. }
            | Self::DeleteUniverse { .. }
            | Self::PutReview { .. }
            | Self::DeleteReview { .. }
            | Self::DeleteBody { .. }
            | Self::MarkBody { .. }
            | Self::MarkOrdered { .. }
            | Self::MarkUniverse { .. }
            | Self::MarkEntry { .. }
            | Self::MarkRevision { .. }
            | Self::MarkStore { .. }
            | Self::MarkApiKey { .. } => 0,
        }
    }
}

/// Whether the second is the revision row of exactly the state that the first writes.
fn are_twins(entry_write: &Write, revision_write: &Write) -> bool {
    let Write::Put { key: RowKey::Entry(entry), revision, body: RowBody::Entry(body) } =
        entry_write
    else {
        return false;
    };
    let Write::Put {
        key: RowKey::Revision(of, counter),
        revision: other,
        body: RowBody::Revision(twin),
    } = revision_write
    else {
        return false;
    };
    let same_content = match (&body.content, &twin.content) {
        (None, None) => true,
        (Some(content), Some(other)) => Arc::ptr_eq(content, other),
        (None, Some(_)) | (Some(_), None) => false,
    };
    same_content
        && *counter == revision.counter
        && revision == other
        && body.birth == twin.birth
        && body.pinned == twin.pinned
        && of == entry
}

fn is_twin_revision(write: &Write, writes: &[Write]) -> bool {
    matches!(write, Write::Put { key: RowKey::Revision(..), .. })
        && writes.iter().any(|other| are_twins(other, write))
}

fn change(stores: &StoreNumbers, write: &Write, writes: &[Write]) -> Change {
    let (key, revision, body) = match write {
        Write::Put { key, revision, body } => (key, *revision, body),
        Write::Delete { key } => return deletion(stores, key),
    };
    match (key, body) {
        (RowKey::Entry(entry), RowBody::Entry(body)) => Change::PutEntry {
            entry: EntryRef::new(stores, entry),
            state: new_state(revision, body),
            with_revision: writes.iter().any(|other| are_twins(write, other)),
        },
        (RowKey::Revision(entry, counter), RowBody::Revision(body)) => Change::PutRevision {
            entry: EntryRef::new(stores, entry),
            counter: *counter,
            state: new_state(revision, body),
        },
        (RowKey::Store(store), RowBody::Store(body)) => {
            Change::PutStore { store: store.clone(), revision, body: body.clone() }
        }
        (RowKey::ApiKey(id), RowBody::ApiKey(key)) => {
            Change::PutApiKey { id: *id, revision, key: Box::new(key.clone()) }
        }
        (RowKey::Universe(universe), RowBody::Universe(body)) => {
            Change::PutUniverse { universe: *universe, revision, body: body.clone() }
        }
        (RowKey::Ordered(entry), RowBody::Ordered(body)) => {
            let at = OrderedRef::new(stores, entry.clone());
            Change::PutOrdered { at, revision, value: body.value }
        }
        (RowKey::Review(hour, reviewed), RowBody::Review) => {
            Change::PutReview { hour: *hour, reviewed: reviewed.clone(), revision }
        }
        (key, body) => put_body(stores, key, revision, body)
            .expect("the check of the batch compares the families"),
    }
}

fn put_body(
    stores: &StoreNumbers,
    key: &RowKey,
    revision: Revision,
    body: &RowBody,
) -> Option<Change> {
    let (at, body) = (BodyRef::new(stores, key)?, encode_body(body)?);
    Some(Change::PutBody { at, revision, body, asked: None })
}

fn deletion(stores: &StoreNumbers, key: &RowKey) -> Change {
    match key {
        RowKey::Entry(entry) => Change::DeleteEntry { entry: EntryRef::new(stores, entry) },
        RowKey::Revision(entry, counter) => {
            let (entry, counters) = (EntryRef::new(stores, entry), vec![*counter]);
            Change::DeleteRevisions { entry, counters }
        }
        RowKey::Store(store) => Change::DeleteStore { store: store.clone() },
        RowKey::ApiKey(id) => Change::DeleteApiKey { id: *id },
        RowKey::Universe(universe) => Change::DeleteUniverse { universe: *universe },
        RowKey::Ordered(entry) => {
            Change::DeleteOrdered { at: OrderedRef::new(stores, entry.clone()) }
        }
        RowKey::Review(hour, reviewed) => {
            Change::DeleteReview { hour: *hour, reviewed: reviewed.clone() }
        }
        RowKey::Record(_)
        | RowKey::Ends(_)
        | RowKey::Presence(_)
        | RowKey::Mail(..)
        | RowKey::Ledger(..) => {
            let at = BodyRef::new(stores, key).expect("these families have a body");
            Change::DeleteBody { at }
        }
    }
}

fn new_state(revision: Revision, body: &EntryBody) -> NewState {
    let content = body.content.as_deref().map(content::encode);
    NewState { revision, birth: body.birth, pinned: body.pinned, schema: body.schema, content }
}
