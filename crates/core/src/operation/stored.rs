//! Rows of operations as a store answers them, and the server that is told of work.

use crate::batch::{Batch, Condition, Write};
use crate::id::{EntryId, Revision, ServerId, WriteId};
use crate::operation::{LedgerBody, LedgerKey};
use crate::platform::PlatformError;
use crate::record::{Fence, MailBody, MailKind, RECORD_FORMAT, StoredRecord};
use crate::row::{Found, RowBody, RowKey};
use crate::time::Timestamp;

/// Longest text of an error or a reason that a row keeps, in bytes. The rest is cut off.
pub const REASON_SIZE_MAX: usize = 1_024;

/// What stands at a row's key.
#[derive(Clone, Debug)]
pub(super) struct Stored<T> {
    pub(super) revision: Revision,
    pub(super) stamped_at: Timestamp,
    pub(super) body: T,
}

impl<T> Stored<T> {
    /// What was found there, of this kind. Damage is an error, never absence.
    pub(super) fn of<'a>(
        found: &'a Found,
        pick: impl FnOnce(&'a LedgerBody) -> Option<T>,
    ) -> Result<Option<Self>, PlatformError> {
        let row = match found {
            Found::Absent => return Ok(None),
            Found::Corrupt(row) => {
                return Err(PlatformError::Corrupt { row: Box::new(row.clone()) });
            }
            Found::Row(row) => row,
        };
        let body = if let RowBody::Ledger(body) = &row.body { pick(body) } else { None };
        let (revision, stamped_at) = (row.revision, row.stamped_at);
        let body = body.ok_or_else(|| PlatformError::Corrupt { row: Box::new(row.key.clone()) })?;
        Ok(Some(Self { revision, stamped_at, body }))
    }
}

/// The row of a record's operations of this name.
pub(super) fn row(entry: &EntryId, key: LedgerKey) -> RowKey {
    RowKey::Ledger(entry.clone(), key)
}

/// Puts a row: over what was found there, whatever it is.
pub(super) fn put(found: &Found, key: RowKey, body: LedgerBody, write_id: WriteId) -> Write {
    let revision = match found {
        Found::Row(row) => row.revision.next(write_id),
        Found::Absent | Found::Corrupt(_) => Revision::first(write_id),
    };
    Write::Put { key, revision, body: RowBody::Ledger(body) }
}

/// Who holds a record, whose row this is.
pub(super) fn holder_of(
    entry: &EntryId,
    record: &Found,
) -> Result<Option<(ServerId, Fence)>, PlatformError> {
    let Some(record) = StoredRecord::of(record)? else { return Ok(None) };
    if record.body.format != RECORD_FORMAT {
        return Err(PlatformError::UnknownFormat { entry: entry.clone() });
    }
    Ok(record.body.lease.map(|lease| (lease.server, record.body.fence)))
}

/// Adds mail to the holder of a record, unless there is some: whatever it says, it makes the holder
/// look. Mail that says more is not replaced.
pub(super) fn add_mail(
    batch: &mut Batch,
    entry: &EntryId,
    (server, fence): (ServerId, Fence),
    from: Option<ServerId>,
    (found, write_id): (&Found, WriteId),
) {
    let key = RowKey::Mail(server, entry.clone());
    match found {
        Found::Row(row) => {
            batch.conditions.push((key, Condition::At(row.revision)));
            return;
        }
        Found::Absent => batch.conditions.push((key.clone(), Condition::Absent)),
        Found::Corrupt(_) => {}
    }
    let waiter = from.unwrap_or(server);
    let body = RowBody::Mail(MailBody { waiter, fence, kind: MailKind::Operation });
    batch.writes.push(Write::Put { key, revision: Revision::first(write_id), body });
}

/// A reason as a row keeps it.
pub(super) fn shortened(reason: &std::sync::Arc<str>) -> std::sync::Arc<str> {
    if reason.len() <= REASON_SIZE_MAX {
        return std::sync::Arc::clone(reason);
    }
    let end = reason.floor_char_boundary(REASON_SIZE_MAX);
    reason.get(..end).unwrap_or_default().into()
}
