//! The bugs of this scenario, all of them in the simulated store.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use steadfast_core::row::{ReadReply, Reviewed};
use steadfast_core::{Batch, Found, Revision, Row, RowBody, RowKey, RowRange, Write};
use steadfast_storage::Rows;
use steadfast_storage::backend::OrderedChange;

use crate::bank::Bug;

/// How far ahead the time of some reads is under [`Bug::ClockAhead`].
const AHEAD: Duration = Duration::from_hours(26);

/// A planted bug, with what it remembers.
pub(crate) struct Planted {
    bug: Option<Bug>,
    /// How often it could have shown itself.
    chances: u64,
    /// Rows of data stores as they were read first.
    stores: BTreeMap<RowKey, Row>,
    /// Changes that the boards are told of behind the next ones.
    held: Option<Vec<OrderedChange>>,
}

impl Planted {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, chances: 0, stores: BTreeMap::new(), held: None }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// One of a few times.
    fn strikes(&mut self, bug: Bug, one_of: u64) -> bool {
        if !self.has(bug) {
            return false;
        }
        self.chances += 1;
        self.chances.is_multiple_of(one_of)
    }

    pub(crate) fn change_read(&mut self, reply: &mut ReadReply) {
        if self.strikes(Bug::ClockAhead, 5) {
            reply.now = reply.now.saturating_add(AHEAD);
        }
        if self.has(Bug::StoreRowCached) {
            for found in &mut reply.rows {
                let Found::Row(row) = found else { continue };
                if matches!(row.key, RowKey::Store(_)) {
                    let first = self.stores.entry(row.key.clone()).or_insert_with(|| row.clone());
                    *found = Found::Row(first.clone());
                }
            }
        }
    }

    /// Another range than was asked for.
    pub(crate) fn change_range(&mut self, range: &RowRange, rows: &Rows) -> Option<RowRange> {
        let next = |range: &RowRange| match rows.scan(range, 1).rows.into_iter().next() {
            Some(Found::Row(row)) => Some(row),
            Some(Found::Absent | Found::Corrupt(_)) | None => None,
        };
        match range {
            RowRange::Board { board, order, min, max, beyond: Some(_) }
                if self.has(Bug::BoardPageSkips) =>
            {
                let Row { key: RowKey::Ordered(entry), body: RowBody::Ordered(body), .. } =
                    next(range)?
                else {
                    return None;
                };
                let beyond = body.value.map(|value| (value, entry.key));
                let (order, min, max) = (*order, *min, *max);
                Some(RowRange::Board { board: board.clone(), order, min, max, beyond })
            }
            RowRange::Entries { store, span, after: Some(_) }
                if self.has(Bug::EntriesPageSkips) =>
            {
                let RowKey::Entry(entry) = next(range)?.key else { return None };
                let after = Some((entry.scope, entry.key));
                Some(RowRange::Entries { store: store.clone(), span: span.clone(), after })
            }
            RowRange::Board { .. }
            | RowRange::Entries { .. }
            | RowRange::Stores { .. }
            | RowRange::AllStores { .. }
            | RowRange::Revisions { .. }
            | RowRange::ApiKeys { .. }
            | RowRange::Ordered { .. }
            | RowRange::Reviews { .. }
            | RowRange::Records { .. }
            | RowRange::Presences { .. }
            | RowRange::Mail { .. }
            | RowRange::Ledger { .. } => None,
        }
    }

    /// Whether a batch is written whatever it finds.
    pub(crate) fn ignores_conditions(&self, batch: &Batch, is_late: bool) -> bool {
        let deletes = || {
            let revision =
                |write: &Write| matches!(write, Write::Delete { key: RowKey::Revision(..) });
            batch.writes.iter().any(revision)
        };
        is_late && self.has(Bug::LateWriteUnconditional)
            || self.has(Bug::SweepUnconditional) && deletes()
    }

    /// What is written of a batch; nothing if it is lost.
    pub(crate) fn change_batch(&mut self, batch: &Batch, rows: &Rows) -> Option<Batch> {
        let mut batch = batch.clone();
        let Some(bug) = self.bug else { return Some(batch) };
        if bug == Bug::SnapshotLost
            && batch.writes.iter().any(|write| matches!(write.key(), RowKey::Universe(_)))
        {
            return None;
        }
        let mut more = Vec::new();
        for write in &mut batch.writes {
            match write {
                Write::Put { body: RowBody::Entry(body) | RowBody::Revision(body), .. }
                    if bug == Bug::PinForgotten =>
                {
                    body.pinned = false;
                }
                Write::Put { key: RowKey::Entry(entry), body: RowBody::Entry(body), .. }
                    if bug == Bug::TombstoneDropsHistory && body.is_tombstone() =>
                {
                    if let Found::Row(before) = rows.get(&RowKey::Entry(entry.clone())) {
                        let counter = before.revision.counter;
                        more.push(RowKey::Revision(entry.clone(), counter));
                    }
                }
                Write::Put {
                    key: key @ RowKey::Ordered(_), body: RowBody::Ordered(body), ..
                } if bug == Bug::RemovalLeavesNothing && body.value.is_none() => {
                    *write = Write::Delete { key: key.clone() };
                }
                Write::Delete { key: RowKey::Revision(entry, counter) }
                    if bug == Bug::SweepTakesNewer =>
                {
                    more.push(RowKey::Revision(entry.clone(), *counter + 1));
                }
                Write::Put { .. } | Write::Delete { .. } => {}
            }
        }
        if bug == Bug::RestoreRewinds {
            rewind(&mut batch, rows);
        }
        if bug == Bug::ReviewsDropped {
            let is_review = |write: &Write| {
                matches!(write, Write::Put { key: RowKey::Review(_, Reviewed::Entry(_)), .. })
            };
            batch.writes.retain(|write| !is_review(write));
        }
        for key in more {
            let is_current = match &key {
                RowKey::Revision(entry, counter) => {
                    let current = rows.get(&RowKey::Entry(entry.clone())).revision();
                    bug == Bug::SweepTakesNewer && current.is_none_or(|it| it.counter <= *counter)
                }
                RowKey::Store(_)
                | RowKey::Entry(_)
                | RowKey::ApiKey(_)
                | RowKey::Universe(_)
                | RowKey::Ordered(_)
                | RowKey::Review(..)
                | RowKey::Record(_)
                | RowKey::Ends(_)
                | RowKey::Presence(_)
                | RowKey::Mail(..)
                | RowKey::Ledger(..) => true,
            };
            if !is_current && batch.writes.iter().all(|write| *write.key() != key) {
                batch.writes.push(Write::Delete { key });
            }
        }
        Some(batch)
    }

    pub(crate) fn change_notices(&mut self, notices: &mut VecDeque<(u64, Vec<OrderedChange>)>) {
        if self.strikes(Bug::NoticeMissed, 40) {
            notices.pop_back();
        }
        if self.has(Bug::NoticesSwapped)
            && let Some((_, last)) = notices.back_mut()
        {
            if let Some(held) = self.held.take() {
                last.extend(held);
            } else if self.strikes(Bug::NoticesSwapped, 8) {
                self.held = Some(std::mem::take(last));
            }
        }
    }

    /// The process has ended.
    pub(crate) fn forget_notices(&mut self) {
        self.held = None;
    }
}

/// Stores what a restore writes under the revision before it, in the place of that one.
fn rewind(batch: &mut Batch, rows: &Rows) {
    for write in &mut batch.writes {
        let Write::Put { key, revision, body: RowBody::Entry(body) | RowBody::Revision(body) } =
            write
        else {
            continue;
        };
        let (RowKey::Entry(entry) | RowKey::Revision(entry, _)) = key else { continue };
        let before = rows.get(&RowKey::Entry(entry.clone())).revision();
        if let (true, Some(Revision { counter, .. })) = (body.pinned, before) {
            revision.counter = counter;
            if let RowKey::Revision(_, place) = key {
                *place = counter;
            }
        }
    }
}
