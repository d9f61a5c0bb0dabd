//! Rows as a plain list, searched from its start: slow, short, and written apart from
//! [`Rows`](crate::memory::Rows), so that the two do not share a mistake.

use std::cmp::Ordering;

use steadfast_core::batch::BatchError;
use steadfast_core::row::{Birth, EntryBody, ScanReply, StoreBody};
use steadfast_core::{
    Batch, Condition, EntryId, Found, Row, RowBody, RowKey, RowRange, StoreId, Timestamp, Write,
};

/// What a store must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    rows: Vec<Row>,
    pub(super) last_stamp: Timestamp,
}

/// What a store must answer to a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Committed,
    Conditions(Vec<Found>),
    Invalid(BatchError),
}

impl Model {
    pub(super) fn find(&self, key: &RowKey) -> Found {
        let row = self.rows.iter().find(|row| row.key == *key);
        row.map_or(Found::Absent, |row| Found::Row(row.clone()))
    }

    pub(super) fn keys(&self) -> Vec<RowKey> {
        self.rows.iter().map(|row| row.key.clone()).collect()
    }

    pub(super) fn expect(&self, batch: &Batch) -> Expected {
        if let Some(defect) = defect(batch) {
            return Expected::Invalid(defect);
        }
        let mut hold = true;
        let mut found = Vec::new();
        for (key, condition) in &batch.conditions {
            let row = self.rows.iter().find(|row| row.key == *key);
            hold &= match condition {
                Condition::Absent => row.is_none(),
                Condition::At(wanted) => row.is_some_and(|row| {
                    row.revision.counter == wanted.counter && row.revision.tag == wanted.tag
                }),
            };
            found.push(self.find(key));
        }
        if hold { Expected::Committed } else { Expected::Conditions(found) }
    }

    /// Writes a batch with the stamp that the store gave it.
    pub(super) fn apply(&mut self, batch: &Batch, stamped_at: Timestamp) {
        self.last_stamp = stamped_at;
        for write in &batch.writes {
            self.rows.retain(|row| row.key != *write.key());
            if let Write::Put { key, revision, body } = write {
                let (key, revision, body) = (key.clone(), *revision, body.clone());
                self.rows.push(Row { key, revision, stamped_at, body });
            }
        }
    }

    pub(super) fn scan(&self, range: &RowRange, limit: usize) -> ScanReply {
        let mut run: Vec<&Row> = self.rows.iter().filter(|row| is_in(range, &row.key)).collect();
        run.sort_by(|a, b| compare(&a.key, &b.key));
        if matches!(range, RowRange::Revisions { .. }) {
            run.reverse();
        }
        let more = run.len() > limit;
        run.truncate(limit);
        ScanReply { rows: run.into_iter().cloned().map(Found::Row).collect(), more }
    }
}

/// What is wrong with a batch, apart from its size.
fn defect(batch: &Batch) -> Option<BatchError> {
    if batch.writes.is_empty() {
        return Some(BatchError::Empty);
    }
    let conditions: Vec<&RowKey> = batch.conditions.iter().map(|(key, _)| key).collect();
    let writes: Vec<&RowKey> = batch.writes.iter().map(Write::key).collect();
    for names in [conditions, writes] {
        for (place, key) in names.iter().enumerate() {
            if names.iter().take(place).any(|earlier| earlier == key) {
                return Some(BatchError::Twice { key: (*key).clone() });
            }
        }
    }
    batch.writes.iter().find_map(|write| match write {
        Write::Put { key, body, .. } if family_of(key) != family_of_body(body) => {
            Some(BatchError::WrongFamily { key: key.clone() })
        }
        Write::Put { .. } | Write::Delete { .. } => None,
    })
}

fn family_of(key: &RowKey) -> u8 {
    match key {
        RowKey::Store(_) => 0,
        RowKey::Entry(_) => 1,
        RowKey::Revision(..) => 2,
        RowKey::ApiKey(_) => 3,
    }
}

fn family_of_body(body: &RowBody) -> u8 {
    match body {
        RowBody::Store(_) => 0,
        RowBody::Entry(_) => 1,
        RowBody::Revision(_) => 2,
        RowBody::ApiKey(_) => 3,
    }
}

fn is_in(range: &RowRange, key: &RowKey) -> bool {
    match (range, key) {
        (RowRange::Stores { universe, after }, RowKey::Store(store)) => {
            let starts = after.as_ref().is_none_or(|after| bytes(&store.name) > bytes(after));
            store.universe == *universe && starts
        }
        (RowRange::Entries { store, after }, RowKey::Entry(entry)) => {
            let starts = after.as_ref().is_none_or(|(scope, key)| {
                let place = bytes(&entry.scope).cmp(&bytes(scope));
                place.then(bytes(&entry.key).cmp(&bytes(key))) == Ordering::Greater
            });
            entry.store == *store && starts
        }
        (RowRange::Revisions { entry, before }, RowKey::Revision(of, counter)) => {
            of == entry && before.is_none_or(|before| *counter < before)
        }
        (RowRange::ApiKeys { after }, RowKey::ApiKey(id)) => {
            after.is_none_or(|after| id.0 > after.0)
        }
        _ => false,
    }
}

fn bytes(name: &impl ToString) -> Vec<u8> {
    name.to_string().into_bytes()
}

/// The order of two keys of one family.
fn compare(a: &RowKey, b: &RowKey) -> Ordering {
    let store = |id: &StoreId| (id.universe.0, bytes(&id.name));
    let entry = |id: &EntryId| (store(&id.store), bytes(&id.scope), bytes(&id.key));
    match (a, b) {
        (RowKey::Store(a), RowKey::Store(b)) => store(a).cmp(&store(b)),
        (RowKey::Entry(a), RowKey::Entry(b)) => entry(a).cmp(&entry(b)),
        (RowKey::Revision(a, x), RowKey::Revision(b, y)) => (entry(a), x).cmp(&(entry(b), y)),
        (RowKey::ApiKey(a), RowKey::ApiKey(b)) => a.0.cmp(&b.0),
        _ => family_of(a).cmp(&family_of(b)),
    }
}

/// A row as it must come back. A store may keep the birth of a row as a time or as "with this very
/// write": both mean the same once the row is stamped.
pub(super) fn settled(found: Found) -> Found {
    let Found::Row(mut row) = found else { return found };
    let stamped_at = row.stamped_at;
    let settle = |birth: Birth| Birth::At(birth.time(stamped_at));
    row.body = match row.body {
        RowBody::Store(body) => RowBody::Store(StoreBody { birth: settle(body.birth) }),
        RowBody::Entry(body) => {
            RowBody::Entry(EntryBody { birth: settle(body.birth), content: body.content })
        }
        RowBody::Revision(body) => {
            RowBody::Revision(EntryBody { birth: settle(body.birth), content: body.content })
        }
        RowBody::ApiKey(mut key) => {
            key.birth = settle(key.birth);
            RowBody::ApiKey(key)
        }
    };
    Found::Row(row)
}
