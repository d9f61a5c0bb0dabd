//! The record beside an entry: whether somebody holds it.
//!
//! A game server that holds a record is the only one that writes its entry. So every other write of
//! the entry reads the record's row with it, and its batch names that row as it was read: a grant in
//! between refuses the batch. Reads of the entry do not look at it.
//!
//! A forced write takes the lease away in its own batch: the fence moves, the end of the grant is
//! noted, and mail tells the server that loses it.

use std::sync::Arc;

use crate::batch::{Batch, Condition};
use crate::id::EntryId;
use crate::platform::plan::as_read;
use crate::platform::{PlatformError, Request};
use crate::record::{End, How, RECORD_FORMAT, RecordRows, StoredRecord, ends_of};
use crate::row::{Found, RowKey};

/// The record of an entry, as it was read.
#[derive(Debug)]
pub(super) struct Beside {
    record: Found,
    /// The ends of its grants. Read only where one may be added.
    ends: Arc<[End]>,
}

impl Default for Beside {
    /// No record. A batch that relies on this is refused if there is one.
    fn default() -> Self {
        Self { record: Found::Absent, ends: Arc::default() }
    }
}

impl Beside {
    /// The rows that are to be read with an entry: its record, and the ends of its grants if one may
    /// be added.
    pub(super) fn keys(entry: &EntryId, with_ends: bool) -> impl Iterator<Item = RowKey> {
        let ends = with_ends.then(|| RowKey::Ends(entry.clone()));
        std::iter::once(RowKey::Record(entry.clone())).chain(ends)
    }

    /// What was read of them.
    pub(super) fn of(record: &Found, ends: Option<&Found>) -> Self {
        Self { record: record.clone(), ends: ends.map(ends_of).unwrap_or_default() }
    }

    /// Whether the record's row is still the one that was read.
    pub(super) fn is(&self, record: &Found) -> bool {
        self.record == *record
    }

    /// Makes the batch of a write depend on the record, and take it away where that is asked for.
    pub(super) fn guard(&self, request: &Request, batch: &mut Batch) -> Result<(), PlatformError> {
        let entry = request.entry();
        let Some(record) = StoredRecord::of(&self.record)? else {
            batch.conditions.push((RowKey::Record(entry.clone()), Condition::Absent));
            return Ok(());
        };
        match record.body.lease {
            Some(lease) if !request.forces() => {
                let (entry, since) = (entry.clone(), lease.since.time(record.stamped_at));
                Err(PlatformError::Leased { entry, server: lease.server, since })
            }
            Some(_) | None if record.body.format != RECORD_FORMAT => {
                Err(PlatformError::UnknownFormat { entry: entry.clone() })
            }
            Some(_) => {
                let write_id = request.write_id().expect("only writes are guarded");
                let (body, end, revoked) = record.seized(write_id, How::Edited);
                let rows = RecordRows { body, end, revoked };
                rows.add_to(batch, entry, Some(record.revision), &self.ends);
                Ok(())
            }
            None => {
                let as_read = Condition::At(record.revision);
                batch.conditions.push((RowKey::Record(entry.clone()), as_read));
                Ok(())
            }
        }
    }
}

/// The condition that nobody holds a record, whose row this is. There is none where somebody does, or
/// where that cannot be known.
pub(super) fn unheld(record: &Found) -> Option<Condition> {
    match StoredRecord::of(record) {
        Ok(Some(StoredRecord { body, .. }))
            if body.lease.is_some() || body.format != RECORD_FORMAT =>
        {
            None
        }
        Ok(Some(_) | None) => as_read(record),
        Err(_) => None,
    }
}
