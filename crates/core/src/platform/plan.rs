//! Turns a write and the rows it found into a batch, or says why it may not be made.
//!
//! # Reviews
//!
//! What a write supersedes must be looked at one day, or its row would stand for ever. A write puts
//! a [`RowKey::Review`] two hours ahead, when it is the second of its entry or the first one of its
//! hour: what is superseded within an hour may be looked at together, once the next one is over.
//! The others rely on the review that is there already. That there is one, or nothing to look at:
//!
//! - A write without a review of its own was planned in the hour `h` in which its base was written,
//!   and the base superseded something, so that there was a review when it was written.
//! - [`Sweep`](super::Sweep) takes a review away only with the entry's row as it found it, and puts
//!   another one in its place while anything of the entry is still to go, and in any case until
//!   `h + 2`.
//! - So the review went before that write only if the write was committed in the hour `h + 2` or
//!   later, more than [`REMAINS`](super::REMAINS) after it was planned; no copy of a batch is that
//!   late. A clock that ticks over between plan and commit changes nothing of this.
//!
//! Were one later all the same, what it superseded would stand until the next write of the entry:
//! it would not be shown, for what is there depends on no review.

use std::sync::Arc;

use crate::batch::{Batch, Condition, Refusal, Write};
use crate::id::{EntryId, Revision, WriteId};
use crate::key::KeyScope;
use crate::platform::{
    EntryHead, EntryState, Increment, Permit, PlatformError, RETENTION, Remove, Restore,
    RevisionId, Set, Settings, When, deleted_at, is_purged, review_hour,
};
use crate::row::{Birth, Content, EntryBody, Found, Reviewed, RowBody, RowKey, StoreBody};
use crate::time::{Timestamp, UtcHour};

/// Most revisions that one batch deletes. With the entry's row and two reviews it stays at about
/// 500 writes.
pub(super) const BATCH_DELETES_MAX: usize = 498;

/// What is known of the data store of an entry when a write is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreBase {
    /// Nothing was ever written to it.
    Missing,
    /// Its row stands at this revision, and says that it is not deleted.
    At(Revision),
    /// It was not read, or is damaged. It has entries.
    Unread,
}

/// What is known of an entry and its data store when a write is planned.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// The entry, live or deleted; nothing if it was deleted so long ago that it counts as purged.
    pub(crate) entry: Option<EntryState>,
    /// The revision of its row, also of a purged one that still stands.
    pub(crate) row: Option<Revision>,
    /// Its data store.
    pub(crate) store: StoreBase,
}

/// What is known of an entry, without what it holds, when a write of it is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryBase {
    /// The entry, live or deleted; nothing if it counts as purged.
    pub entry: Option<EntryHead>,
    /// The revision of its row, also of a purged one that still stands.
    pub row: Option<Revision>,
    /// Its data store.
    pub store: StoreBase,
}

/// What holds for every plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) settings: &'a Settings,
    /// The store's time when the base was read, or before.
    pub(crate) now: Timestamp,
}

impl Base {
    /// Reads the base out of an entry's row and its store's, which is known to exist if it was not
    /// read. A damaged row of the store makes its missing entries uncertain, and no others.
    pub(crate) fn of(
        entry: &Found,
        store: Option<&Found>,
        now: Timestamp,
    ) -> Result<Self, PlatformError> {
        check_store(store)?;
        let entry = entry_state(entry)?;
        let store = match store {
            Some(Found::Corrupt(row)) if entry.is_none() => {
                return Err(PlatformError::Corrupt { row: Box::new(row.clone()) });
            }
            Some(Found::Absent) => StoreBase::Missing,
            Some(Found::Row(row)) => StoreBase::At(row.revision),
            Some(Found::Corrupt(_)) | None => StoreBase::Unread,
        };
        Ok(Self::on(entry, store, now))
    }

    /// The same without what the entry holds.
    pub(crate) fn heads(&self) -> EntryBase {
        EntryBase {
            entry: self.entry.as_ref().map(EntryHead::of),
            row: self.row,
            store: self.store,
        }
    }

    /// The base that a state of the entry's row is.
    pub(super) fn on(state: Option<EntryState>, store: StoreBase, now: Timestamp) -> Self {
        let row = state.as_ref().map(|state| state.revision);
        let is_there =
            |state: &EntryState| state.content.is_some() || !is_purged(state.updated_at, now);
        Self { entry: state.filter(is_there), row, store }
    }

    /// The entry if it exists, which a deleted one does not.
    pub(crate) fn live(&self) -> Option<&EntryState> {
        self.entry.as_ref().filter(|state| state.content.is_some())
    }

    /// Says that there is no such entry, or not even its store.
    pub(super) fn not_found(&self, entry: &EntryId) -> PlatformError {
        match self.store {
            StoreBase::Missing => PlatformError::StoreNotFound { store: entry.store.clone() },
            StoreBase::At(_) | StoreBase::Unread => {
                PlatformError::EntryNotFound { entry: entry.clone() }
            }
        }
    }
}

/// Refuses everything in a deleted data store.
fn check_store(store: Option<&Found>) -> Result<(), PlatformError> {
    match store {
        Some(found @ Found::Row(row)) if deleted_at(found).is_some() => {
            let RowKey::Store(store) = &row.key else { return Ok(()) };
            Err(PlatformError::StoreDeleted { store: store.clone() })
        }
        Some(Found::Row(_) | Found::Absent | Found::Corrupt(_)) | None => Ok(()),
    }
}

/// The state of an entry's row. Damage is an error, never absence.
pub(super) fn entry_state(found: &Found) -> Result<Option<EntryState>, PlatformError> {
    match found {
        Found::Absent => Ok(None),
        Found::Row(row) => Ok(EntryState::of_row(row)),
        Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
    }
}

/// The condition that a row still is as it was read. There is none for damage.
pub(crate) fn as_read(found: &Found) -> Option<Condition> {
    match found {
        Found::Absent => Some(Condition::Absent),
        Found::Row(row) => Some(Condition::At(row.revision)),
        Found::Corrupt(_) => None,
    }
}

/// The rows of the conditions that refused a batch. Any other refusal is an error.
pub(crate) fn refusing_rows(refusal: Refusal) -> Result<Vec<Found>, PlatformError> {
    match refusal {
        Refusal::Conditions(rows) => Ok(rows),
        Refusal::Invalid(error) => Err(PlatformError::Rejected(error)),
        Refusal::Exhausted { reason } => Err(PlatformError::StoreFull { reason }),
        Refusal::Unavailable { reason } => Err(PlatformError::Unavailable { reason }),
    }
}

/// A store answers every row that it was asked for; anything less is a fault of the store's code.
pub(crate) fn expect_row(row: Option<&Found>) -> &Found {
    row.expect("a reply holds every row that was asked for")
}

/// A write that was planned and may be sent, and sent again.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) batch: Batch,
    pub(super) base: Base,
    /// The revision that the batch gives to the entry.
    pub(super) revision: Revision,
    pub(super) birth: Birth,
    pub(super) content: Option<Arc<Content>>,
}

impl Plan {
    /// Of the rows that refused the batch, the one of this name, if the batch has a condition on it.
    pub(super) fn refusing<'a>(&self, rows: &'a [Found], wanted: &RowKey) -> Option<&'a Found> {
        let mut named = self.batch.conditions.iter().zip(rows);
        named.find(|((key, _), _)| key == wanted).map(|(_, row)| row)
    }
}

/// What becomes of a write once its base is known.
#[derive(Debug)]
pub(super) enum Planned {
    /// A batch.
    Batch(Box<Plan>),
    /// Nothing: this state is the answer.
    Nothing(EntryState),
}

/// Plans a set, or says why it may not be made.
pub(super) fn plan_set(set: &Set, base: Base, terms: Terms) -> Result<Planned, PlatformError> {
    check_permit(set.permit, &set.when, &base)?;
    match (&set.when, &base.entry) {
        (When::Missing, _) => {
            if let Some(current) = base.live() {
                return Err(PlatformError::Exists { current: Box::new(current.clone()) });
            }
        }
        (When::Matches(wanted), Some(current)) => check_match(wanted, current)?,
        (When::Exists, Some(current)) if current.content.is_none() => {
            if !terms.settings.update_revives {
                return Err(base.not_found(&set.entry));
            }
        }
        (When::Exists | When::Matches(_), None) => return Err(base.not_found(&set.entry)),
        (When::Always, _) | (When::Exists, Some(_)) => {}
    }
    let content = Some(Arc::clone(&set.content));
    let change =
        Change { entry: &set.entry, write_id: set.write_id, content, pinned: false, schema: None };
    Ok(plan(change, base, terms))
}

/// Plans an increment, or says why it may not be made.
pub(super) fn plan_increment(
    increment: &Increment,
    base: Base,
    terms: Terms,
) -> Result<Planned, PlatformError> {
    check_permit(increment.permit, &When::Always, &base)?;
    let content = Some(increment.content_on(base.entry.as_ref())?);
    let (entry, write_id) = (&increment.entry, increment.write_id);
    Ok(plan(Change { entry, write_id, content, pinned: false, schema: None }, base, terms))
}

/// Plans a deletion, or says why it may not be made.
pub(super) fn plan_remove(
    remove: &Remove,
    base: Base,
    terms: Terms,
) -> Result<Planned, PlatformError> {
    let current = base.entry.as_ref();
    let current = current.filter(|current| {
        // Open point 22.
        current.content.is_some() || !terms.settings.deleted_is_missing
    });
    let Some(current) = current else { return Err(base.not_found(&remove.entry)) };
    if let Some(wanted) = &remove.matches {
        check_match(wanted, current)?;
    }
    if current.content.is_none() {
        return Ok(Planned::Nothing(current.clone()));
    }
    let (entry, write_id) = (&remove.entry, remove.write_id);
    Ok(plan(Change { entry, write_id, content: None, pinned: false, schema: None }, base, terms))
}

/// Plans to write an earlier content again, or says why it may not be made (V-27).
pub(super) fn plan_restore(
    restore: &Restore,
    content: &Arc<Content>,
    base: Base,
    terms: Terms,
) -> Result<Planned, PlatformError> {
    check_permit(restore.permit, &When::Always, &base)?;
    let Some(current) = &base.entry else { return Err(base.not_found(&restore.entry)) };
    if let Some(wanted) = &restore.matches {
        check_match(wanted, current)?;
    }
    let (entry, write_id) = (&restore.entry, restore.write_id);
    let content = Some(Arc::clone(content));
    Ok(plan(Change { entry, write_id, content, pinned: true, schema: None }, base, terms))
}

fn check_match(wanted: &RevisionId, current: &EntryState) -> Result<(), PlatformError> {
    if current.revision_id() == *wanted {
        return Ok(());
    }
    Err(PlatformError::Mismatch { current: Box::new(current.clone()) })
}

/// H-83: an update needs one right, a creation another, a new store a third. Who asks for a missing
/// entry wants to create it; who asks for an existing one does not, and is told if there is none.
fn check_permit(permit: Permit, when: &When, base: &Base) -> Result<(), PlatformError> {
    let asks_for_existing = matches!(when, When::Exists | When::Matches(_));
    let creates = match &base.entry {
        None => !asks_for_existing,
        Some(state) => state.content.is_none() || *when == When::Missing,
    };
    let missing = if creates && !permit.create {
        Some(KeyScope::EntryCreate)
    } else if !creates && !permit.update {
        Some(KeyScope::EntryUpdate)
    } else if creates && base.store == StoreBase::Missing && !permit.create_store {
        Some(KeyScope::StoreCreate)
    } else {
        None
    };
    missing.map_or(Ok(()), |scope| Err(PlatformError::Denied { scope }))
}

/// What a write makes of an entry.
pub(crate) struct Change<'a> {
    pub(crate) entry: &'a EntryId,
    pub(crate) write_id: WriteId,
    pub(crate) content: Option<Arc<Content>>,
    pub(crate) pinned: bool,
    /// The schema of its data, if the record says it.
    pub(crate) schema: Option<u32>,
}

fn plan(change: Change, base: Base, terms: Terms) -> Planned {
    let content = change.content.clone();
    let (batch, revision, birth) = plan_entry(change, base.heads(), terms);
    Planned::Batch(Box::new(Plan { batch, base, revision, birth, content }))
}

/// The batch that writes an entry, the revision that it gives to it, and the entry's birth.
pub(crate) fn plan_entry(
    change: Change,
    base: EntryBase,
    terms: Terms,
) -> (Batch, Revision, Birth) {
    let Change { entry, write_id, content, pinned, schema } = change;
    let is_deletion = content.is_none();
    let key = RowKey::Entry(entry.clone());
    let (revision, condition) = match base.row {
        None => (Revision::first(write_id), Condition::Absent),
        // The counter goes on, also over a deletion and behind a purged one (V-18).
        Some(row) => (row.next(write_id), Condition::At(row)),
    };
    let birth = match &base.entry {
        Some(current) if current.is_live || terms.settings.keep_birth_after_delete => {
            Birth::At(current.created_at)
        }
        Some(_) | None => Birth::ThisWrite,
    };
    let body = EntryBody { birth, content, pinned, schema };
    let history = RowKey::Revision(entry.clone(), revision.counter);
    let mut batch = Batch {
        conditions: vec![(key.clone(), condition)],
        writes: vec![
            Write::Put { key, revision, body: RowBody::Entry(body.clone()) },
            Write::Put { key: history, revision, body: RowBody::Revision(body) },
        ],
    };
    let store = RowKey::Store(entry.store.clone());
    match base.store {
        StoreBase::Missing => {
            batch.conditions.push((store.clone(), Condition::Absent));
            let body = RowBody::Store(StoreBody::NEW);
            let revision = Revision::first(write_id);
            batch.writes.push(Write::Put { key: store, revision, body });
        }
        // Nothing may come into being in a data store that is being purged.
        StoreBase::At(read) if base.row.is_none() => {
            batch.conditions.push((store, Condition::At(read)));
        }
        StoreBase::At(_) => {}
        StoreBase::Unread => assert!(base.row.is_some(), "the store of a missing entry was read"),
    }
    for hour in reviews(&base, is_deletion, terms.now) {
        let key = RowKey::Review(hour, Reviewed::Entry(entry.clone()));
        batch.writes.push(Write::Put { key, revision, body: RowBody::Review });
    }
    (batch, revision, birth)
}

/// When what a write leaves behind is looked at.
fn reviews(base: &EntryBase, is_deletion: bool, now: Timestamp) -> Vec<UtcHour> {
    let is_due = match (&base.entry, base.row) {
        (None, None) => false,
        // It ends what is left of an earlier life.
        (None, Some(_)) => true,
        (Some(current), _) => {
            current.revision.counter == 1 || current.updated_at.utc_hour() != now.utc_hour()
        }
    };
    let superseded = is_due.then(|| now.utc_hour().plus(2));
    let purge = is_deletion.then(|| review_hour(now.saturating_add(RETENTION)));
    superseded.into_iter().chain(purge).collect()
}
