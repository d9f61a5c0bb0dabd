//! Writes of records, planned as one conditional batch each.

use std::sync::Arc;

use crate::batch::{Batch, BatchError, Condition, Write};
use crate::code::Code;
use crate::id::{EntryId, Revision, ServerId, SessionId, WriteId};
use crate::operation::{InboxPage, LedgerWrite};
use crate::outcome::Outcome;
use crate::platform::{Change, EntryBase, EntryHead, StoreBase, Terms, plan_entry};
use crate::record::{
    End, Fence, How, MailBody, MailKind, RecordBody, RecordView, StoredRecord, push_end,
};
use crate::row::{Birth, Content, RowBody, RowKey};
use crate::time::Timestamp;

/// What a write of a record is planned on, as the store told it. Nothing in it is a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordBase {
    /// The revision of the record's row; nothing if there is none.
    pub record: Option<Revision>,
    /// Its entry.
    pub entry: EntryBase,
}

/// What becomes of the entry's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// It stays, whatever it is. For writes of whoever holds the record.
    Keep,
    /// It stays, and must still be the one of the base.
    Same,
    /// The entry is deleted: it leaves a tombstone, which is never thinned away. One that is deleted
    /// or missing already stays as it is.
    Delete,
    /// This takes its place. A pinned revision is never thinned.
    Put {
        /// What it holds from now on.
        content: Arc<Content>,
        /// Whether the revision is never thinned.
        pinned: bool,
    },
}

/// One write of a record: all of it takes effect, on exactly this base, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWrite {
    /// Which record.
    pub entry: EntryId,
    /// What it was planned on.
    pub base: RecordBase,
    /// Its id, which is also in the body.
    pub write_id: WriteId,
    /// What the record's row holds from now on.
    pub body: RecordBody,
    /// What becomes of the value.
    pub data: Data,
    /// The grant that it ends.
    pub end: Option<End>,
    /// The server whose lease it takes away while that may be alive, and under which fence.
    pub revoked: Option<(ServerId, Fence)>,
    /// What it changes in the ledger.
    pub ledger: Option<Box<LedgerWrite>>,
    /// Whether the operations that wait are read once it is written, and at most how many.
    pub inbox_max: Option<usize>,
}

/// What a committed write of a record tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the next write is planned on.
    pub base: RecordBase,
    /// The store's time of the write.
    pub stamped_at: Timestamp,
    /// The operations that wait, if that was asked for and they could be read.
    pub inbox: Option<InboxPage>,
}

/// Why nothing of a write was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordRefusal {
    /// The record or its entry is not the one of the base. The record as read after the refusal,
    /// with its data and ends.
    Moved(Box<RecordView>),
    /// The store has no room.
    Exhausted {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The store is stopped or out of reach, and certainly did not write.
    Unavailable {
        /// What the store said.
        reason: Arc<str>,
    },
    /// The batch is one that no store may take.
    Invalid(BatchError),
}

impl RecordRefusal {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Moved(_) => Code::RevisionMismatch,
            Self::Exhausted { .. } => Code::StorageFull,
            Self::Unavailable { .. } => Code::StorageUnavailable,
            Self::Invalid(_) => Code::Internal,
        }
    }
}

/// What became of a write of a record.
pub type RecordOutcome = Outcome<Written, RecordRefusal>;

impl RecordWrite {
    /// A write of a record and of its value, under the id of its body: it ends no grant, takes no
    /// lease away, leaves the ledger alone and asks for nothing.
    pub fn new(entry: EntryId, base: RecordBase, body: RecordBody, data: Data) -> Self {
        let write_id = body.write_id;
        let (end, revoked, ledger, inbox_max) = (None, None, None, None);
        Self { entry, base, write_id, body, data, end, revoked, ledger, inbox_max }
    }

    /// The batch, given the ends of the record's grants if this write ends one.
    pub(crate) fn to_batch(&self, ends: &[End], terms: Terms<'_>) -> (Batch, Planned) {
        let Self { entry, base, write_id, .. } = self;
        let mut put = None;
        let mut plan = |content: Option<Arc<Content>>, pinned| {
            let is_live = content.is_some();
            // A deletion holds no data, of no schema.
            let schema = is_live.then_some(self.body.schema);
            let change = Change { entry, write_id: *write_id, content, pinned, schema };
            let (batch, revision, birth) = plan_entry(change, base.entry, terms);
            put = Some((revision, birth, is_live));
            batch
        };
        let mut batch = match &self.data {
            Data::Put { content, pinned } => plan(Some(Arc::clone(content)), *pinned),
            Data::Delete if self.deletes() => plan(None, true),
            Data::Same | Data::Delete => {
                Batch { conditions: vec![self.entry_condition()], writes: vec![] }
            }
            Data::Keep => Batch::default(),
        };
        let (body, end, revoked) = (self.body.clone(), self.end, self.revoked);
        let rows = RecordRows { body, end, revoked };
        let record = rows.add_to(&mut batch, entry, base.record, ends);
        (batch, Planned { record, put })
    }

    /// Whether there is something that it deletes.
    fn deletes(&self) -> bool {
        self.data == Data::Delete && self.base.entry.entry.is_some_and(|entry| entry.is_live)
    }

    /// The counter of the entry's revision once it is committed; 0 if there is none.
    pub(crate) fn entry_counter(&self) -> u64 {
        let before = self.base.entry.row.map_or(0, |row| row.counter);
        match &self.data {
            Data::Put { .. } => before + 1,
            Data::Delete => before + u64::from(self.deletes()),
            Data::Keep | Data::Same => before,
        }
    }

    fn entry_condition(&self) -> (RowKey, Condition) {
        let condition = self.base.entry.row.map_or(Condition::Absent, Condition::At);
        (RowKey::Entry(self.entry.clone()), condition)
    }
}

/// What a write makes of a record beside its entry.
pub(crate) struct RecordRows {
    /// What the record's row holds from now on, the id of the write among it.
    pub(crate) body: RecordBody,
    /// The grant that it ends.
    pub(crate) end: Option<End>,
    /// The server whose lease it takes away while that may be alive, and under which fence.
    pub(crate) revoked: Option<(ServerId, Fence)>,
}

impl RecordRows {
    /// Adds it to a batch, on the row at this revision and given the ends of the record's grants if
    /// it ends one. Returns the revision of the record's row from then on.
    pub(crate) fn add_to(
        self,
        batch: &mut Batch,
        entry: &EntryId,
        base: Option<Revision>,
        ends: &[End],
    ) -> Revision {
        let write_id = self.body.write_id;
        let first = Revision::first(write_id);
        let revision = base.map_or(first, |base| base.next(write_id));
        let key = RowKey::Record(entry.clone());
        let condition = base.map_or(Condition::Absent, Condition::At);
        // The condition on the record stands first: a refusal of it says most.
        batch.conditions.insert(0, (key.clone(), condition));
        let body = RowBody::Record(self.body);
        batch.writes.push(Write::Put { key, revision, body });
        if let Some(end) = self.end {
            let body = RowBody::Ends(push_end(ends, end));
            let key = RowKey::Ends(entry.clone());
            batch.writes.push(Write::Put { key, revision, body });
        }
        if let Some((server, fence)) = self.revoked {
            let body = MailBody { waiter: server, fence, kind: MailKind::Revoked };
            let key = RowKey::Mail(server, entry.clone());
            batch.writes.push(Write::Put { key, revision: first, body: RowBody::Mail(body) });
        }
        revision
    }
}

/// What a planned write makes of its base.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    record: Revision,
    /// The revision of the entry, its birth, and whether it is live.
    put: Option<(Revision, Birth, bool)>,
}

impl Planned {
    /// What the next write is planned on, once this one is committed.
    pub(crate) fn written(self, before: &RecordBase, stamped_at: Timestamp) -> Written {
        let entry = match self.put {
            None => before.entry,
            Some((revision, birth, is_live)) => {
                let (created_at, updated_at) = (birth.time(stamped_at), stamped_at);
                let head = EntryHead { revision, created_at, updated_at, is_live };
                let store = StoreBase::Unread;
                EntryBase { entry: Some(head), row: Some(revision), store }
            }
        };
        Written { base: RecordBase { record: Some(self.record), entry }, stamped_at, inbox: None }
    }
}

impl StoredRecord {
    /// The record as somebody else leaves it who writes it without its lease, the end of the grant
    /// that he ends so, and the server that loses it.
    pub fn seized(
        &self,
        write_id: WriteId,
        how: How,
    ) -> (RecordBody, Option<End>, Option<(ServerId, Fence)>) {
        let RecordBody { fence, save_seq, .. } = self.body;
        // Nobody's session: the id of a write is as random as that of a session.
        let next = fence.next(SessionId(write_id.0));
        let body = RecordBody { lease: None, fence: next, write_id, ..self.body.clone() };
        let write_id = self.body.write_id;
        let end = self.body.lease.map(|_| End { fence, save_seq, write_id, how });
        (body, end, self.body.lease.map(|lease| (lease.server, fence)))
    }
}
