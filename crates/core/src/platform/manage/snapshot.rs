//! Snapshots of a universe.

use std::time::Duration;

use crate::id::{EntryId, WriteId};
use crate::platform::manage::{Planned, RowChange, RowMachine, Snapshot, TakeSnapshot};
use crate::platform::{Operation, PlatformError, RETENTION, Settings, Step};
use crate::row::{Row, RowBody, RowKey, UniverseBody};
use crate::time::Timestamp;

/// How long a snapshot is remembered. It matters to a revision that was superseded within an hour of
/// it, for as long as that one is kept.
const REMEMBERED: Duration = RETENTION.saturating_add(Duration::from_hours(24));

impl RowChange for TakeSnapshot {
    type Answer = Snapshot;

    fn key(&self) -> RowKey {
        RowKey::Universe(self.universe)
    }

    fn write_id(&self) -> WriteId {
        self.write_id
    }

    fn plan(&self, row: Option<&Row>, now: Timestamp) -> Result<Planned<Snapshot>, PlatformError> {
        let Some(row) = row else {
            return Ok(Planned::Write(RowBody::Universe(UniverseBody::default())));
        };
        let last = self.answer(row)?;
        if last.taken_at.utc_day() >= now.utc_day() {
            return Ok(Planned::Nothing(last));
        }
        let RowBody::Universe(body) = &row.body else { return Err(damaged(row)) };
        let snapshots = body.earlier_snapshots.iter().copied().chain([last.taken_at]);
        let matters = |taken_at: &Timestamp| now <= taken_at.saturating_add(REMEMBERED);
        let earlier_snapshots = snapshots.filter(matters).collect();
        Ok(Planned::Write(RowBody::Universe(UniverseBody { earlier_snapshots })))
    }

    /// The row is written by nothing but snapshots.
    fn answer(&self, row: &Row) -> Result<Snapshot, PlatformError> {
        let RowBody::Universe(_) = &row.body else { return Err(damaged(row)) };
        let is_new = row.revision.tag == self.write_id.tag();
        Ok(Snapshot { is_new, taken_at: row.stamped_at })
    }
}

fn damaged(row: &Row) -> PlatformError {
    PlatformError::Corrupt { row: Box::new(row.key.clone()) }
}

impl Operation for TakeSnapshot {
    type Answer = Snapshot;
    type Machine = RowMachine<Self>;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        Some(self.write_id)
    }

    fn start(self, _: &Settings) -> (RowMachine<Self>, Step<Snapshot>) {
        RowMachine::start(self)
    }
}
