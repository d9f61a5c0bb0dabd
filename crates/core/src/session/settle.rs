//! What a record as the store has it says about the writes of a session.

use crate::id::SessionId;
use crate::record::{End, Fence, How, RECORD_FORMAT, RecordBase, RecordBody, RecordView};
use crate::session::{Session, Unsettled};

/// What became of the unsettled writes of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// This one is the record's last write. All others never will be committed.
    Committed(usize),
    /// None of them was committed so far.
    Base,
    /// The store lost writes that it had acknowledged. Nobody else wrote since.
    WentBack,
    /// The entry was deleted.
    Deleted,
    /// The grant has ended, and this one was its last write, if any of them was. None of the others
    /// ever will be.
    Ended {
        /// By whom.
        how: How,
        /// The last write under the grant, if it is one of the unsettled.
        committed: Option<usize>,
    },
    /// The grant has ended so long ago that nobody knows how.
    Forgotten,
    /// This cannot be: a copy of the session, or a broken store.
    Impossible(&'static str),
}

/// What a session knows for certain.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its id.
    pub session: SessionId,
    /// What its writes were planned on.
    pub base: &'a RecordBase,
    /// The record's row at that base.
    pub body: &'a RecordBody,
    /// What was sent since.
    pub unsettled: &'a [Unsettled],
    /// The tags of what was sent lately, settled or not: a store that went back may carry out a late
    /// copy of any of it.
    pub sent: &'a [u64],
}

/// Compares a record with what its session knows. The table of the protocol, section 3.
pub fn settle(view: &RecordView, known: Known<'_>) -> Settled {
    let Some(record) = &view.record else {
        // Rows of records are never removed: the store stands before the first grant.
        return Settled::Forgotten;
    };
    let body = &record.body;
    if body.format != RECORD_FORMAT {
        return Settled::Impossible("the record has a format that this version does not know");
    }
    if let Some(index) = known.unsettled.iter().position(|write| write.write_id == body.write_id) {
        return Settled::Committed(index);
    }
    if body.fence == known.body.fence {
        return under_same_fence(view, known);
    }
    let Fence { counter, .. } = known.body.fence;
    let is_mine = |end: &End| end.fence.session == known.session && end.fence.counter >= counter;
    if let Some(end) = view.end_of(is_mine) {
        let is_last = |write: &Unsettled| write.write_id == end.write_id;
        return Settled::Ended {
            how: end.how,
            committed: known.unsettled.iter().position(is_last),
        };
    }
    let holds = body.lease.is_some_and(|lease| lease.session == known.session);
    if holds && body.fence.counter < counter {
        return Settled::WentBack;
    }
    Settled::Forgotten
}

fn under_same_fence(view: &RecordView, known: Known<'_>) -> Settled {
    let record = view.record.as_ref().map(|record| record.revision);
    let save_seq = view.record.as_ref().map_or(0, |record| record.body.save_seq);
    if record == known.base.record {
        let Some(data) = &view.data else { return Settled::Base };
        if data.base.row == known.base.entry.row {
            return Settled::Base;
        }
        return match data.content {
            None => Settled::Deleted,
            Some(_) => Settled::Impossible("the entry was written without its record"),
        };
    }
    let counter = |revision: Option<crate::Revision>| revision.map_or(0, |it| it.counter);
    let is_behind = (save_seq, counter(record)) < (known.body.save_seq, counter(known.base.record));
    let is_mine = record.is_some_and(|record| known.sent.contains(&record.tag));
    if is_behind || is_mine {
        return Settled::WentBack;
    }
    Settled::Impossible("the record holds a write under this fence that was never sent")
}

impl Session {
    /// What a record says about this session.
    pub(crate) fn settle(&self, view: &RecordView) -> Settled {
        let Self { id: session, base, body, unsettled, sent, .. } = self;
        settle(view, Known { session: *session, base, body, unsettled, sent })
    }
}
