//! Turns a write and the rows it found into a batch, or says why it may not be made.

use std::sync::Arc;

use crate::batch::{Batch, Condition, Write};
use crate::id::{EntryId, Revision, WriteId};
use crate::key::KeyScope;
use crate::platform::{
    EntryState, Increment, Permit, PlatformError, Remove, RevisionId, Set, When,
};
use crate::row::{Birth, Content, EntryBody, Found, RowBody, RowKey, StoreBody};

/// What is known of an entry and its data store when a write is planned.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    /// The entry's row, live or tombstone.
    pub(super) entry: Option<EntryState>,
    /// Whether the data store has a row.
    pub(super) store_exists: bool,
}

impl Base {
    /// Reads the base out of an entry's row and its store's, which is known to exist if it was not
    /// read. A damaged row of the store makes its missing entries uncertain, and no others.
    pub(super) fn of(entry: &Found, store: Option<&Found>) -> Result<Self, PlatformError> {
        let entry = entry_state(entry)?;
        match store {
            Some(Found::Corrupt(row)) if entry.is_none() => {
                Err(PlatformError::Corrupt { row: row.clone() })
            }
            store => Ok(Self { entry, store_exists: store != Some(&Found::Absent) }),
        }
    }

    /// The revision of the entry's row.
    pub(super) fn revision(&self) -> Option<Revision> {
        self.entry.as_ref().map(|state| state.revision)
    }

    /// The entry if it exists, which a deleted one does not.
    pub(super) fn live(&self) -> Option<&EntryState> {
        self.entry.as_ref().filter(|state| state.content.is_some())
    }

    /// Says that there is no such entry, or not even its store.
    pub(super) fn not_found(&self, entry: &EntryId) -> PlatformError {
        if self.store_exists {
            PlatformError::EntryNotFound { entry: entry.clone() }
        } else {
            PlatformError::StoreNotFound { store: entry.store.clone() }
        }
    }
}

/// The state of an entry's row. Damage is an error, never absence.
pub(super) fn entry_state(found: &Found) -> Result<Option<EntryState>, PlatformError> {
    match found {
        Found::Absent => Ok(None),
        Found::Row(row) => Ok(EntryState::of_row(row)),
        Found::Corrupt(row) => Err(PlatformError::Corrupt { row: row.clone() }),
    }
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

/// Plans a set, or says why it may not be made.
pub(super) fn plan_set(set: &Set, base: Base) -> Result<Plan, PlatformError> {
    check_permit(set.permit, &set.when, &base)?;
    match (&set.when, &base.entry) {
        (When::Always, _) | (When::Exists, Some(_)) => {}
        (When::Missing, _) => {
            if let Some(current) = base.live() {
                return Err(PlatformError::Exists { current: Box::new(current.clone()) });
            }
        }
        (When::Matches(wanted), Some(current)) => check_match(wanted, current)?,
        (When::Exists | When::Matches(_), None) => return Err(base.not_found(&set.entry)),
    }
    Ok(plan(&set.entry, set.write_id, Some(Arc::clone(&set.content)), base))
}

/// Plans an increment, or says why it may not be made.
pub(super) fn plan_increment(increment: &Increment, base: Base) -> Result<Plan, PlatformError> {
    check_permit(increment.permit, &When::Always, &base)?;
    let content = increment.content_on(base.entry.as_ref())?;
    Ok(plan(&increment.entry, increment.write_id, Some(content), base))
}

/// Plans a deletion, or says why it may not be made.
pub(super) fn plan_remove(remove: &Remove, base: Base) -> Result<Plan, PlatformError> {
    let Some(current) = base.live() else { return Err(base.not_found(&remove.entry)) };
    if let Some(wanted) = &remove.matches {
        check_match(wanted, current)?;
    }
    Ok(plan(&remove.entry, remove.write_id, None, base))
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
    } else if creates && !base.store_exists && !permit.create_store {
        Some(KeyScope::StoreCreate)
    } else {
        None
    };
    missing.map_or(Ok(()), |scope| Err(PlatformError::Denied { scope }))
}

fn plan(entry: &EntryId, write: WriteId, content: Option<Arc<Content>>, base: Base) -> Plan {
    let key = RowKey::Entry(entry.clone());
    let (revision, birth, condition) = match &base.entry {
        None => (Revision::first(write), Birth::ThisWrite, Condition::Absent),
        // A deleted entry keeps its counter and its birth (I-06, V-18).
        Some(current) => {
            let birth = Birth::At(current.created_at);
            (current.revision.next(write), birth, Condition::At(current.revision))
        }
    };
    let body = EntryBody { birth, content: content.clone() };
    let history = RowKey::Revision(entry.clone(), revision.counter);
    let mut batch = Batch {
        conditions: vec![(key.clone(), condition)],
        writes: vec![
            Write::Put { key, revision, body: RowBody::Entry(body.clone()) },
            Write::Put { key: history, revision, body: RowBody::Revision(body) },
        ],
    };
    if !base.store_exists {
        let key = RowKey::Store(entry.store.clone());
        let body = RowBody::Store(StoreBody { birth: Birth::ThisWrite });
        batch.conditions.push((key.clone(), Condition::Absent));
        batch.writes.push(Write::Put { key, revision: Revision::first(write), body });
    }
    Plan { batch, base, revision, birth, content }
}
