//! Data stores as a whole.

use crate::id::{EntryId, WriteId};
use crate::platform::manage::{
    Planned, RowChange, RowMachine, StoreChange, StoreInfo, StoreRequest,
};
use crate::platform::{Operation, PlatformError, Settings, Step};
use crate::row::{Birth, Row, RowBody, RowKey, StoreBody};
use crate::time::Timestamp;

impl RowChange for StoreRequest {
    type Answer = StoreInfo;

    fn key(&self) -> RowKey {
        RowKey::Store(self.store.clone())
    }

    fn write_id(&self) -> WriteId {
        self.write_id
    }

    fn plan(&self, row: Option<&Row>, now: Timestamp) -> Result<Planned<StoreInfo>, PlatformError> {
        let store = || self.store.clone();
        let Some(row) = row else { return Err(PlatformError::StoreNotFound { store: store() }) };
        let info = self.answer(row)?;
        // Its name is not free yet, but nothing brings it back.
        if info.is_expired(now) {
            return Err(PlatformError::StoreNotFound { store: store() });
        }
        let birth = Birth::At(info.created_at);
        let (deleted, history) = match self.change {
            StoreChange::Delete if info.deleted_at.is_none() => {
                (Some(Birth::ThisWrite), info.history)
            }
            StoreChange::Undelete if info.deleted_at.is_some() => (None, info.history),
            StoreChange::History(_) if info.deleted_at.is_some() => {
                return Err(PlatformError::StoreDeleted { store: store() });
            }
            StoreChange::History(history) if info.history != history => (None, history),
            StoreChange::Look
            | StoreChange::Delete
            | StoreChange::Undelete
            | StoreChange::History(_) => return Ok(Planned::Nothing(info)),
        };
        Ok(Planned::Write(RowBody::Store(StoreBody { birth, deleted, history })))
    }

    fn answer(&self, row: &Row) -> Result<StoreInfo, PlatformError> {
        StoreInfo::of_row(row)
            .ok_or_else(|| PlatformError::Corrupt { row: Box::new(row.key.clone()) })
    }
}

impl Operation for StoreRequest {
    type Answer = StoreInfo;
    type Machine = RowMachine<Self>;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        (self.change != StoreChange::Look).then_some(self.write_id)
    }

    fn start(self, _: &Settings) -> (RowMachine<Self>, Step<StoreInfo>) {
        RowMachine::start(self)
    }
}
