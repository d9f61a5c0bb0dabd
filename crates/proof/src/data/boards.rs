//! Everything that was ever written to ordered data stores.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::platform::{OrderedAction, OrderedRequest, OrderedWhen};
use steadfast_core::row::OrderedBody;
use steadfast_core::{BoardId, EntryId, EntryKey, Revision, RowKey, Timestamp};
use steadfast_storage::Rows;

use crate::data::calls::Moment;
use crate::data::log::kept;

/// What an entry's row has held from a batch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderedVersion {
    pub(crate) seq: u64,
    pub(crate) revision: Revision,
    pub(crate) value: Option<i64>,
    pub(crate) stamped_at: Timestamp,
    /// Whether the row is gone.
    pub(crate) is_gone: bool,
}

/// What stands on a board: values with their keys, in order.
pub(crate) type Standings = BTreeSet<(i64, EntryKey)>;

#[derive(Default)]
struct Board {
    now: Standings,
    changes: Vec<Change>,
}

struct Change {
    seq: u64,
    key: EntryKey,
    before: Option<i64>,
    after: Option<i64>,
}

/// The lives of all ordered entries, and of the boards that they make.
#[derive(Default)]
pub(crate) struct BoardLog {
    entries: BTreeMap<EntryId, Vec<OrderedVersion>>,
    boards: BTreeMap<BoardId, Board>,
}

impl BoardLog {
    /// The revision of an entry's row.
    pub(crate) fn revision(&self, entry: &EntryId) -> Option<Revision> {
        self.last(entry).map(|version| version.revision)
    }

    fn last(&self, entry: &EntryId) -> Option<OrderedVersion> {
        self.versions(entry).last().copied().filter(|version| !version.is_gone)
    }

    /// All that its row has held.
    pub(crate) fn versions(&self, entry: &EntryId) -> &[OrderedVersion] {
        self.entries.get(entry).map(Vec::as_slice).unwrap_or_default()
    }

    /// What its row held at a batch.
    pub(crate) fn at(&self, entry: &EntryId, seq: u64) -> Option<&OrderedVersion> {
        let versions = self.versions(entry);
        let count = versions.partition_point(|version| version.seq <= seq);
        let last = count.checked_sub(1).and_then(|last| versions.get(last));
        last.filter(|version| !version.is_gone)
    }

    /// A board as it was at a batch.
    pub(crate) fn board(&self, id: &BoardId, seq: u64) -> Standings {
        let Some(board) = self.boards.get(id) else { return Standings::new() };
        let mut standings = board.now.clone();
        for change in board.changes.iter().rev().take_while(|change| change.seq > seq) {
            if let Some(value) = change.after {
                standings.remove(&(value, change.key.clone()));
            }
            standings.extend(change.before.map(|value| (value, change.key.clone())));
        }
        standings
    }

    /// The batches at which a board changed, of a run of them, with the one before.
    pub(crate) fn changes(&self, id: &BoardId, from: u64, through: u64) -> Vec<u64> {
        let changes = self.boards.get(id).map(|board| board.changes.as_slice()).unwrap_or_default();
        let seqs = changes.iter().map(|change| change.seq).rev();
        let inside = seqs.skip_while(|seq| *seq > through).take_while(|seq| *seq > from);
        inside.chain([from]).collect()
    }

    fn push(&mut self, entry: &EntryId, version: OrderedVersion) {
        let before = self.last(entry).and_then(|version| version.value);
        let after = version.value.filter(|_| !version.is_gone);
        let board = self.boards.entry(BoardId::of(entry)).or_default();
        let key = entry.key.clone();
        if let Some(value) = before {
            board.now.remove(&(value, key.clone()));
        }
        board.now.extend(after.map(|value| (value, key.clone())));
        board.changes.push(Change { seq: version.seq, key, before, after });
        self.entries.entry(entry.clone()).or_default().push(version);
    }

    /// Takes a write.
    pub(crate) fn put(
        &mut self,
        seq: u64,
        stamped_at: Timestamp,
        request: &OrderedRequest,
        began: Moment,
        revision: Revision,
        body: OrderedBody,
    ) -> Result<(), String> {
        let (entry, last) = (&request.entry, self.last(&request.entry));
        let expected = last.map_or(1, |last| last.revision.counter + 1);
        if revision.counter != expected {
            return Err(format!(
                "X2: ordered `{entry}` goes to {revision}, and {expected} is next"
            ));
        }
        let before = last.and_then(|last| last.value);
        let wanted = match request.action {
            OrderedAction::Get => return Err("a read writes".to_owned()),
            OrderedAction::Set { value, when } => {
                let is_right = match when {
                    OrderedWhen::Always => true,
                    OrderedWhen::Missing => before.is_none(),
                    OrderedWhen::Exists => before.is_some(),
                };
                is_right.then_some(Some(value))
            }
            OrderedAction::Increment { by } => before.unwrap_or(0).checked_add(by).map(Some),
            OrderedAction::Remove => before.map(|_| None),
        };
        if wanted != Some(body.value) {
            return Err(format!(
                "X1: ordered `{entry}` goes from {before:?} to {:?} by {request:?}, begun at {began:?}",
                body.value
            ));
        }
        let value = body.value;
        self.push(entry, OrderedVersion { seq, revision, value, stamped_at, is_gone: false });
        Ok(())
    }

    /// Takes the end of an entry's row.
    pub(crate) fn purge(
        &mut self,
        seq: u64,
        now: Timestamp,
        entry: &EntryId,
    ) -> Result<(), String> {
        match self.last(entry) {
            Some(last) if last.value.is_none() && kept(last.stamped_at) <= now => {
                self.push(entry, OrderedVersion { seq, is_gone: true, ..last });
                Ok(())
            }
            last => Err(format!("X2: the row of ordered `{entry}` goes at {now:?}: {last:?}")),
        }
    }

    /// A row of a removed entry that should have gone by now.
    pub(crate) fn left(&self, now: Timestamp) -> Option<EntryId> {
        let is_left = |entry: &EntryId| {
            self.last(entry).is_some_and(|last| {
                let due = steadfast_core::platform::review_hour(kept(last.stamped_at));
                last.value.is_none() && due.plus(1) <= now.utc_hour()
            })
        };
        self.entries.keys().find(|entry| is_left(entry)).cloned()
    }

    /// W1 and X1: the rows, and the index of each board, are what the log says.
    pub(crate) fn check_rows(&self, rows: &Rows) -> Result<(), String> {
        for entry in self.entries.keys() {
            let found = rows.get(&RowKey::Ordered(entry.clone())).revision();
            let wanted = self.revision(entry);
            if found != wanted {
                return Err(format!("W1: ordered `{entry}` is at {found:?}, not at {wanted:?}"));
            }
        }
        for (id, board) in &self.boards {
            let range = steadfast_core::RowRange::Board {
                board: id.clone(),
                order: steadfast_core::Order::Ascending,
                min: i64::MIN,
                max: i64::MAX,
                beyond: None,
            };
            let found = rows.scan(&range, usize::MAX).rows;
            let found = found.iter().filter_map(item);
            if !found.eq(board.now.iter().cloned()) {
                return Err(format!("X3: the index of board `{id}` is not that of its entries"));
            }
        }
        Ok(())
    }
}

fn item(found: &steadfast_core::Found) -> Option<(i64, EntryKey)> {
    let steadfast_core::Found::Row(row) = found else { return None };
    let (RowKey::Ordered(entry), steadfast_core::RowBody::Ordered(body)) = (&row.key, &row.body)
    else {
        return None;
    };
    body.value.map(|value| (value, entry.key.clone()))
}
