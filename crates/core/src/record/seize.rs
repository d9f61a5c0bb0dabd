//! Writes of records by whoever does not hold them: edits, restores, deletions and repairs by people.
//!
//! Each is one conditional write on the record as it was read, and moves the fence. So a grant in
//! between refuses it, and it refuses whatever a former holder still sends.

use crate::id::{SessionId, WriteId};
use crate::operation::LedgerWrite;
use crate::record::{
    Data, Fence, How, Lease, RECORD_FORMAT, RecordBody, RecordView, RecordWrite, Usage,
};

/// What somebody without a lease makes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The id of the write.
    pub write_id: WriteId,
    /// What becomes of the value.
    pub data: Data,
    /// The schema that the data has from now on; the present one if nothing.
    pub schema: Option<u32>,
    /// What it changes in the ledger.
    pub ledger: Option<Box<LedgerWrite>>,
}

/// Why a record cannot be written without its lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrepairable {
    /// Somebody holds it.
    #[error("server {} holds the record", .0.server)]
    Leased(Lease),
    /// It is not held under the fence that was named.
    #[error("the record is not held under the fence that was named")]
    OtherFence {
        /// The fence that it is at; nothing if it was never held.
        stored: Option<Fence>,
    },
    /// It has a format that this version does not know.
    #[error("the record has the unknown format {format}")]
    UnknownFormat {
        /// Its format.
        format: u16,
    },
}

impl RecordWrite {
    /// The write of a record that nobody holds, on what was read of it with its data.
    ///
    /// # Errors
    /// [`Unrepairable::Leased`], [`Unrepairable::UnknownFormat`].
    ///
    /// # Panics
    /// When the data was not read.
    pub fn repair(view: &RecordView, repair: Repair) -> Result<Self, Unrepairable> {
        let Repair { write_id, data, schema, ledger } = repair;
        let mut body = match &view.record {
            None => new_record(write_id),
            Some(record) => {
                check_format(record.body.format)?;
                if let Some(lease) = record.body.lease {
                    return Err(Unrepairable::Leased(lease));
                }
                record.seized(write_id, How::Edited).0
            }
        };
        body.schema = schema.unwrap_or(body.schema);
        let base = view.base().expect("the data was read");
        let entry = view.entry.clone();
        Ok(Self { ledger, ..Self::new(entry, base, body, data) })
    }

    /// The write that takes away exactly the lease under this fence, and leaves the data as it is.
    ///
    /// # Errors
    /// [`Unrepairable::OtherFence`], [`Unrepairable::UnknownFormat`].
    ///
    /// # Panics
    /// When the data was not read.
    pub fn force_release(
        view: &RecordView,
        fence: Fence,
        write_id: WriteId,
    ) -> Result<Self, Unrepairable> {
        let other = |stored| Err(Unrepairable::OtherFence { stored });
        let Some(record) = &view.record else { return other(None) };
        check_format(record.body.format)?;
        if record.body.lease.is_none() || record.body.fence != fence {
            return other(Some(record.body.fence));
        }
        let (body, end, revoked) = record.seized(write_id, How::Stolen);
        let base = view.base().expect("the data was read");
        let (entry, data) = (view.entry.clone(), Data::Keep);
        Ok(Self { end, revoked, ..Self::new(entry, base, body, data) })
    }
}

/// A record that nobody ever held, written by nobody's session.
fn new_record(write_id: WriteId) -> RecordBody {
    let (format, schema, lease, save_seq) = (RECORD_FORMAT, 0, None, 0);
    let (fence, usage) = (Fence::first(SessionId(write_id.0)), Usage::default());
    RecordBody { format, schema, lease, fence, save_seq, write_id, usage }
}

fn check_format(format: u16) -> Result<(), Unrepairable> {
    if format == RECORD_FORMAT { Ok(()) } else { Err(Unrepairable::UnknownFormat { format }) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::{OpeningId, Revision, ServerId};
    use crate::operation::OperationSettings;
    use crate::platform::tests::world::entry_in;
    use crate::platform::{EntryBase, StoreBase};
    use crate::record::{End, LeaseMode, RecordData, StoredRecord};
    use crate::row::Birth;
    use crate::time::Timestamp;

    const USAGE: Usage = Usage {
        last_login: Some(Timestamp::from_ticks(9)),
        play_time: std::time::Duration::from_secs(77),
    };

    fn fence(counter: u64) -> Fence {
        Fence { counter, session: SessionId(5) }
    }

    fn lease() -> Lease {
        let (server, session) = (ServerId(9), SessionId(5));
        Lease { server, session, mode: LeaseMode::Presence, since: Birth::ThisWrite }
    }

    fn view(format: u16, lease: Option<Lease>) -> RecordView {
        let (schema, fence, save_seq, write_id, usage) = (2, fence(7), 4, WriteId(3), USAGE);
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        let stamped_at = Timestamp::from_unix_seconds(10);
        let revision = Revision { counter: 11, tag: 3 };
        let base = EntryBase { entry: None, row: None, store: StoreBase::Missing };
        RecordView {
            entry: entry_in("Players", "u_1"),
            record: Some(StoredRecord { revision, stamped_at, body }),
            data: Some(RecordData { base, content: None }),
            ends: Some(Arc::default()),
            holder: None,
            now: stamped_at,
            started_at: stamped_at,
            opening: OpeningId(1),
        }
    }

    fn repair(schema: Option<u32>) -> Repair {
        let settings = Arc::new(OperationSettings::default());
        let (settled, tried, undo_after) = (vec![], vec![], Some(3));
        let rebuild = false;
        let ledger = LedgerWrite { settled, tried, undo_after, rebuild, settings };
        let ledger = Some(Box::new(ledger));
        Repair { write_id: WriteId(8), data: Data::Same, schema, ledger }
    }

    #[test]
    fn l5_a_repair_of_a_free_record_moves_its_fence_and_keeps_its_number_of_saves() {
        let view = view(RECORD_FORMAT, None);
        let write = RecordWrite::repair(&view, repair(None)).unwrap();
        assert_eq!(write.body.fence, fence(7).next(SessionId(8)));
        assert_eq!((write.body.lease, write.body.save_seq, write.body.schema), (None, 4, 2));
        assert_eq!((write.body.write_id, write.write_id), (WriteId(8), WriteId(8)));
        assert_eq!(write.body.usage, USAGE, "a repair is no play");
        assert_eq!((write.end, write.revoked), (None, None));
        assert_eq!(write.base, view.base().unwrap());
        assert_eq!(write.ledger.unwrap().undo_after, Some(3));
        assert_eq!(RecordWrite::repair(&view, repair(Some(1))).unwrap().body.schema, 1);
    }

    #[test]
    fn a_repair_of_what_was_never_held_makes_the_first_fence() {
        let view = RecordView { record: None, ..view(RECORD_FORMAT, None) };
        let write = RecordWrite::repair(&view, repair(None)).unwrap();
        assert_eq!(write.body, new_record(WriteId(8)));
        assert_eq!((write.body.fence.counter, write.base.record), (1, None));
    }

    #[test]
    fn a_held_record_and_one_of_another_format_are_not_repaired() {
        let held = RecordWrite::repair(&view(RECORD_FORMAT, Some(lease())), repair(None));
        assert_eq!(held, Err(Unrepairable::Leased(lease())));
        let format = RECORD_FORMAT + 1;
        let unknown = RecordWrite::repair(&view(format, None), repair(None));
        assert_eq!(unknown, Err(Unrepairable::UnknownFormat { format }));
        let unknown =
            RecordWrite::force_release(&view(format, Some(lease())), fence(7), WriteId(8));
        assert_eq!(unknown, Err(Unrepairable::UnknownFormat { format }));
    }

    #[test]
    fn a_forced_release_takes_exactly_the_lease_that_was_looked_at() {
        let held = view(RECORD_FORMAT, Some(lease()));
        let write = RecordWrite::force_release(&held, fence(7), WriteId(8)).unwrap();
        assert_eq!(write.body.fence, fence(7).next(SessionId(8)));
        assert_eq!((write.body.lease, write.data), (None, Data::Keep));
        assert_eq!(write.body.usage, USAGE);
        let (how, write_id) = (How::Stolen, WriteId(3));
        assert_eq!(write.end, Some(End { fence: fence(7), save_seq: 4, write_id, how }));
        assert_eq!(write.revoked, Some((ServerId(9), fence(7))));

        let other = Fence { session: SessionId(6), ..fence(7) };
        for wrong in [fence(6), fence(8), other] {
            let refused = RecordWrite::force_release(&held, wrong, WriteId(8));
            assert_eq!(refused, Err(Unrepairable::OtherFence { stored: Some(fence(7)) }));
        }
        let free = RecordWrite::force_release(&view(RECORD_FORMAT, None), fence(7), WriteId(8));
        assert_eq!(free, Err(Unrepairable::OtherFence { stored: Some(fence(7)) }));
        let none = RecordView { record: None, ..held };
        let refused = RecordWrite::force_release(&none, fence(7), WriteId(8));
        assert_eq!(refused, Err(Unrepairable::OtherFence { stored: None }));
    }
}
