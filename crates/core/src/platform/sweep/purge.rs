//! Deleted data stores: removed with all their entries, 30 days later.
//!
//! Its row is written once more before anything is removed, so that an undeletion that was planned in
//! time and comes in late is refused: it would bring back what is left. The row goes last, and only
//! if nothing is left of the data store: what is damaged stays, and an entry whose record a game server
//! holds. Ordered data stores of the same name are other ones (K-13).

use std::collections::VecDeque;

use crate::batch::{Batch, Condition, Write};
use crate::id::{EntryId, EntryKey, Scope, StoreId, WriteId};
use crate::platform::beside::unheld;
use crate::platform::plan::expect_row;
use crate::platform::{Input, Step, deleted_at, is_purged};
use crate::row::{
    Birth, Found, FoundHead, HeadsReply, ReadReply, RowBody, RowKey, RowRange, ScanReply, Span,
    StoreBody,
};

use super::entry::EntrySweep;
use super::{End, Next, PAGE_SIZE, Phase, Sweep, SweepReport, end_of};

/// The write that makes a row that of a purge. Sent twice, it is the same one.
const OF_PURGE: WriteId = WriteId(0);

/// A data store under way.
#[derive(Debug)]
pub(super) struct StorePurge {
    store: StoreId,
    /// That its row is as it was read, once it was, and is that of a purge.
    condition: Option<Condition>,
    /// Entries that were read, as long as their records were not.
    page: Vec<FoundHead>,
    /// Entries that were read and not removed yet, with their records, and whether more follow.
    queue: VecDeque<(FoundHead, Found)>,
    has_more: bool,
    last: Option<(Scope, EntryKey)>,
    /// Whether something of it stays.
    has_rest: bool,
}

impl Sweep {
    pub(super) fn scan_stores(&mut self) -> Step<SweepReport> {
        // Whatever the reviews took: nobody waits for ever for the others.
        self.looked_at = 0;
        self.phase = Phase::Stores;
        Step::Scan(RowRange::AllStores { after: self.last_store.clone() }, PAGE_SIZE)
    }

    pub(super) fn on_stores(&mut self, reply: ScanReply) -> Step<SweepReport> {
        self.has_more = reply.more;
        self.queue = reply.rows.into();
        self.next_store()
    }

    /// Takes the next data store of the page that is deleted. The rows of the others are not
    /// counted: each pass reads one page of them.
    pub(super) fn next_store(&mut self) -> Step<SweepReport> {
        self.last_store = self.purged.take().or(self.last_store.take());
        while let Some(found) = self.queue.pop_front() {
            let (is_deleted, key) = match &found {
                Found::Row(row) => (deleted_at(&found).is_some(), row.key.clone()),
                Found::Corrupt(key) => (false, key.clone()),
                Found::Absent => continue,
            };
            let RowKey::Store(store) = key else { continue };
            if is_deleted && self.looked_at >= self.budget {
                self.report.has_more = true;
                return self.finish();
            }
            if is_deleted {
                self.purged = Some(store.clone());
                return self.purge(store);
            }
            self.last_store = Some(store);
        }
        if !self.has_more {
            self.last_store = None;
        }
        self.finish()
    }

    fn purge(&mut self, store: StoreId) -> Step<SweepReport> {
        let rows = vec![RowKey::Store(store.clone())];
        let (condition, last) = (None, None);
        let (page, queue) = (Vec::new(), VecDeque::new());
        let (has_more, has_rest) = (false, false);
        let purge = StorePurge { store, condition, page, queue, has_more, last, has_rest };
        self.phase = Phase::Store(Box::new(purge));
        Step::Read(rows)
    }

    pub(super) fn on_purge(&mut self, mut purge: Box<StorePurge>, input: Input) -> Next {
        match input {
            Input::Read(reply) if purge.condition.is_some() => {
                purge.queue = purge.page.drain(..).zip(reply?.rows).collect();
                Ok(self.next_entry(purge))
            }
            Input::Read(reply) => {
                let reply = reply?;
                Ok(match due(&reply) {
                    Due::Nothing => self.leave_store(),
                    Due::Start(batch) => {
                        self.phase = Phase::Store(purge);
                        Step::Commit(batch)
                    }
                    Due::Removal(condition) => {
                        purge.condition = Some(condition);
                        self.scan_entries(purge)
                    }
                })
            }
            Input::Heads(reply) => {
                let reply = reply?;
                Ok(self.on_entries(purge, reply))
            }
            Input::Committed(outcome) if purge.condition.is_none() => match end_of(outcome)? {
                End::Written => Ok(self.purge(purge.store)),
                End::Overtaken | End::Unknown => {
                    self.report.skipped += 1;
                    Ok(self.leave_store())
                }
            },
            Input::Committed(outcome) => {
                match end_of(outcome)? {
                    End::Written => self.report.stores_purged += 1,
                    End::Overtaken | End::Unknown => self.report.skipped += 1,
                }
                Ok(self.leave_store())
            }
            Input::Scanned(_) => panic!("{purge:?} was given {input:?}"),
        }
    }

    /// Goes on behind a deleted data store. Only then does it count, so that the smallest budget is
    /// enough to make one that is purged smaller.
    fn leave_store(&mut self) -> Step<SweepReport> {
        self.looked_at += 1;
        self.next_store()
    }

    fn scan_entries(&mut self, purge: Box<StorePurge>) -> Step<SweepReport> {
        let (store, span, after) = (purge.store.clone(), Span::all(), purge.last.clone());
        self.phase = Phase::Store(purge);
        Step::Heads(RowRange::Entries { store, span, after }, PAGE_SIZE, false)
    }

    fn on_entries(&mut self, mut purge: Box<StorePurge>, reply: HeadsReply) -> Step<SweepReport> {
        purge.has_more = reply.more;
        purge.page = reply.heads;
        let record = |found: &FoundHead| {
            let RowKey::Entry(entry) = found.key() else { unreachable!("entries were read") };
            RowKey::Record(entry.clone())
        };
        let records: Vec<_> = purge.page.iter().map(record).collect();
        if records.is_empty() {
            return self.next_entry(purge);
        }
        self.phase = Phase::Store(purge);
        Step::Read(records)
    }

    /// Takes the next entry, then the data store itself.
    fn next_entry(&mut self, mut purge: Box<StorePurge>) -> Step<SweepReport> {
        let condition = purge.condition.expect("the row was read before its entries");
        let of_store = (RowKey::Store(purge.store.clone()), condition);
        while let Some((found, record)) = purge.queue.pop_front() {
            let RowKey::Entry(entry) = found.key().clone() else { continue };
            if self.looked_at >= self.budget {
                // The next pass comes back to this data store, and finds it smaller.
                self.report.has_more = true;
                return self.finish();
            }
            let EntryId { scope, key, .. } = entry.clone();
            purge.last = Some((scope, key));
            match (found, unheld(&record)) {
                (FoundHead::Head(head), Some(unheld)) => {
                    self.looked_at += 1;
                    let as_it_is = (RowKey::Entry(entry.clone()), Condition::At(head.revision));
                    let unheld = (RowKey::Record(entry.clone()), unheld);
                    let conditions = vec![as_it_is, of_store, unheld];
                    let (sweep, step) = EntrySweep::of_purge(entry, purge, conditions);
                    return self.sweep_entry(Box::new(sweep), step);
                }
                (FoundHead::Corrupt(_), _) | (FoundHead::Head(_), None) => {
                    purge.has_rest = true;
                    self.report.skipped += 1;
                }
            }
        }
        if purge.has_more {
            return self.scan_entries(purge);
        }
        if purge.has_rest {
            return self.leave_store();
        }
        let key = RowKey::Store(purge.store.clone());
        self.phase = Phase::Store(purge);
        Step::Commit(Batch { conditions: vec![of_store], writes: vec![Write::Delete { key }] })
    }

    pub(super) fn on_entry_purged(
        &mut self,
        mut purge: Box<StorePurge>,
        is_damaged: bool,
    ) -> Step<SweepReport> {
        purge.has_rest |= is_damaged;
        self.next_entry(purge)
    }
}

/// What is due for a deleted data store.
enum Due {
    /// Nothing: its time has not come.
    Nothing,
    /// Its row is written as that of a purge. Nothing has been removed.
    Start(Batch),
    /// Its entries go, as long as its row is as it was read.
    Removal(Condition),
}

fn due(reply: &ReadReply) -> Due {
    let found = expect_row(reply.rows.first());
    let (Found::Row(row), Some(deleted_at)) = (found, deleted_at(found)) else {
        return Due::Nothing;
    };
    let RowBody::Store(body) = &row.body else { return Due::Nothing };
    if !is_purged(deleted_at, reply.now) {
        return Due::Nothing;
    }
    let condition = Condition::At(row.revision);
    // Nobody but a purge writes the row of a data store that has expired and is deleted.
    if is_purged(deleted_at, row.stamped_at) {
        return Due::Removal(condition);
    }
    let body = StoreBody {
        birth: Birth::At(body.birth.time(row.stamped_at)),
        deleted: Some(Birth::At(deleted_at)),
        history: body.history,
    };
    let (key, revision) = (row.key.clone(), row.revision.next(OF_PURGE));
    Due::Start(Batch {
        conditions: vec![(key.clone(), condition)],
        writes: vec![Write::Put { key, revision, body: RowBody::Store(body) }],
    })
}
