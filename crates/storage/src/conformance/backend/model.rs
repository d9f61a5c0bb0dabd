//! Rows as a plain list, searched from its start: slow, short, and written apart from
//! [`Rows`](crate::memory::Rows), so that the two do not share a mistake.

mod ledger;

use std::cmp::Ordering;

use steadfast_core::batch::BatchError;
use steadfast_core::row::{
    Birth, EntryBody, FoundHead, Head, HeadsReply, Reviewed, ScanReply, Span, StoreBody,
};
use steadfast_core::{
    Batch, Condition, EntryId, EntryKey, Found, Order, Row, RowBody, RowKey, RowRange, Scope,
    StoreId, Timestamp, Write,
};

use crate::backend::OrderedChange;

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
        let mut run: Vec<&Row> = self.rows.iter().filter(|row| is_in(range, row)).collect();
        let is_board = matches!(range, RowRange::Board { .. });
        run.sort_by(
            |a, b| {
                if is_board { place(a).cmp(&place(b)) } else { compare(&a.key, &b.key) }
            },
        );
        if let RowRange::Revisions { order: Order::Descending, .. }
        | RowRange::Board { order: Order::Descending, .. } = range
        {
            run.reverse();
        }
        let more = run.len() > limit;
        run.truncate(limit);
        ScanReply { rows: run.into_iter().cloned().map(Found::Row).collect(), more }
    }

    /// The heads of a run of entries or revisions, from their rows.
    pub(super) fn heads(&self, range: &RowRange, limit: usize, with_sizes: bool) -> HeadsReply {
        let ScanReply { rows, more } = self.scan(range, limit);
        let head = |found: Found| {
            let Found::Row(row) = found else { panic!("the model has no damage: {found:?}") };
            let body = row.body.as_entry().expect("only entries and revisions have heads");
            let size = body.content.as_ref().map(|content| content.value.as_str().len());
            FoundHead::Head(Head {
                revision: row.revision,
                stamped_at: row.stamped_at,
                created_at: body.birth.time(row.stamped_at),
                is_tombstone: body.content.is_none(),
                pinned: body.pinned,
                schema: body.schema,
                value_size: size.filter(|_| with_sizes),
                key: row.key.clone(),
            })
        };
        HeadsReply { heads: rows.into_iter().map(head).collect(), more }
    }

    /// What whoever watches ordered data stores must be told of a batch, before it is applied.
    pub(super) fn changes(&self, batch: &Batch) -> Vec<OrderedChange> {
        let mut changes = Vec::new();
        for write in &batch.writes {
            let RowKey::Ordered(entry) = write.key() else { continue };
            let before = match self.find(write.key()) {
                Found::Row(row) => value_of(&row.body),
                Found::Absent | Found::Corrupt(_) => None,
            };
            let after = match write {
                Write::Put { body, .. } => value_of(body),
                Write::Delete { .. } => None,
            };
            changes.push(OrderedChange { entry: entry.clone(), before, after });
        }
        changes
    }
}

fn value_of(body: &RowBody) -> Option<i64> {
    body.as_ordered()?.value
}

/// Where a row stands on its board.
fn place(row: &Row) -> Option<(i64, Vec<u8>)> {
    let RowKey::Ordered(entry) = &row.key else { return None };
    Some((value_of(&row.body)?, bytes(&entry.key)))
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
                return Some(BatchError::Twice { key: Box::new((*key).clone()) });
            }
        }
    }
    batch.writes.iter().find_map(|write| match write {
        Write::Put { key, body, .. } if family_of(key) != family_of_body(body) => {
            Some(BatchError::WrongFamily { key: Box::new(key.clone()) })
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
        RowKey::Universe(_) => 4,
        RowKey::Ordered(_) => 5,
        RowKey::Review(..) => 6,
        RowKey::Record(_) => 7,
        RowKey::Ends(_) => 8,
        RowKey::Presence(_) => 9,
        RowKey::Mail(..) => 10,
        RowKey::Ledger(_, key) => 11 + ledger::family_of(key),
    }
}

fn family_of_body(body: &RowBody) -> u8 {
    match body {
        RowBody::Store(_) => 0,
        RowBody::Entry(_) => 1,
        RowBody::Revision(_) => 2,
        RowBody::ApiKey(_) => 3,
        RowBody::Universe(_) => 4,
        RowBody::Ordered(_) => 5,
        RowBody::Review => 6,
        RowBody::Record(_) => 7,
        RowBody::Ends(_) => 8,
        RowBody::Presence(_) => 9,
        RowBody::Mail(_) => 10,
        RowBody::Ledger(body) => 11 + ledger::family_of_body(body),
    }
}

fn is_in(range: &RowRange, row: &Row) -> bool {
    match (range, &row.key) {
        (RowRange::Stores { universe, prefix, after }, RowKey::Store(store)) => {
            let starts = after.as_ref().is_none_or(|after| bytes(&store.name) > bytes(after));
            let is_named = bytes(&store.name).starts_with(prefix.as_bytes());
            store.universe == *universe && starts && is_named
        }
        (RowRange::AllStores { after }, key @ RowKey::Store(_)) => {
            let after = after.clone().map(RowKey::Store);
            after.is_none_or(|after| compare(key, &after) == Ordering::Greater)
        }
        (RowRange::Entries { store, span, after }, RowKey::Entry(entry)) => {
            let is_covered = match span {
                Span::Scopes(start) => bytes(&entry.scope).starts_with(start.as_bytes()),
                Span::Keys(scope, start) => {
                    bytes(&entry.scope) == bytes(scope)
                        && bytes(&entry.key).starts_with(start.as_bytes())
                }
            };
            entry.store == *store && is_covered && is_behind(entry, after.as_ref())
        }
        (RowRange::Ordered { store, after }, RowKey::Ordered(entry))
        | (RowRange::Records { store, after }, RowKey::Record(entry)) => {
            entry.store == *store && is_behind(entry, after.as_ref())
        }
        (RowRange::Revisions { entry, order, beyond }, RowKey::Revision(of, counter)) => {
            let is_beyond = beyond.is_none_or(|beyond| match order {
                Order::Ascending => *counter > beyond,
                Order::Descending => *counter < beyond,
            });
            of == entry && is_beyond
        }
        (RowRange::ApiKeys { after }, RowKey::ApiKey(id)) => {
            after.is_none_or(|after| id.0 > after.0)
        }
        (RowRange::Board { board, order, min, max, beyond }, RowKey::Ordered(entry)) => {
            let Some(place) = place(row) else { return false };
            let is_beyond = beyond.as_ref().is_none_or(|(value, key)| {
                let ordering = place.cmp(&(*value, bytes(key)));
                match order {
                    Order::Ascending => ordering == Ordering::Greater,
                    Order::Descending => ordering == Ordering::Less,
                }
            });
            let is_within = *min <= place.0 && place.0 <= *max;
            entry.store == board.store && entry.scope == board.scope && is_within && is_beyond
        }
        (RowRange::Reviews { through, after }, key @ RowKey::Review(hour, _)) => {
            let after = after.clone().map(|(hour, reviewed)| RowKey::Review(hour, reviewed));
            let starts = after.is_none_or(|after| compare(key, &after) == Ordering::Greater);
            hour.0 <= through.0 && starts
        }
        (RowRange::Presences { after }, RowKey::Presence(id)) => {
            after.is_none_or(|after| id.0 > after.0)
        }
        (RowRange::Mail { server, after }, key @ RowKey::Mail(to, _)) => {
            let after = after.clone().map(|entry| RowKey::Mail(*server, entry));
            let starts = after.is_none_or(|after| compare(key, &after) == Ordering::Greater);
            to.0 == server.0 && starts
        }
        (RowRange::Ledger { entry, run, after }, RowKey::Ledger(of, key)) => {
            let starts =
                after.as_ref().is_none_or(|after| ledger::compare(key, after) == Ordering::Greater);
            of == entry && ledger::is_in(*run, key) && starts
        }
        _ => false,
    }
}

fn is_behind(entry: &EntryId, after: Option<&(Scope, EntryKey)>) -> bool {
    after.is_none_or(|(scope, key)| {
        let place = bytes(&entry.scope).cmp(&bytes(scope));
        place.then(bytes(&entry.key).cmp(&bytes(key))) == Ordering::Greater
    })
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
        (RowKey::Entry(a), RowKey::Entry(b))
        | (RowKey::Ordered(a), RowKey::Ordered(b))
        | (RowKey::Record(a), RowKey::Record(b)) => entry(a).cmp(&entry(b)),
        (RowKey::Presence(a), RowKey::Presence(b)) => a.0.cmp(&b.0),
        (RowKey::Ledger(a, x), RowKey::Ledger(b, y)) => {
            entry(a).cmp(&entry(b)).then_with(|| ledger::compare(x, y))
        }
        (RowKey::Mail(x, a), RowKey::Mail(y, b)) => (x.0, entry(a)).cmp(&(y.0, entry(b))),
        (RowKey::Revision(a, x), RowKey::Revision(b, y)) => (entry(a), x).cmp(&(entry(b), y)),
        (RowKey::ApiKey(a), RowKey::ApiKey(b)) => a.0.cmp(&b.0),
        (RowKey::Universe(a), RowKey::Universe(b)) => a.0.cmp(&b.0),
        (RowKey::Review(x, a), RowKey::Review(y, b)) => {
            let kind = |of: &Reviewed| matches!(of, Reviewed::Ordered(_));
            (x.0, kind(a), entry(a.entry())).cmp(&(y.0, kind(b), entry(b.entry())))
        }
        _ => family_of(a).cmp(&family_of(b)),
    }
}

/// A row as it must come back. A store may keep the birth of a row as a time or as "with this very
/// write": both mean the same once the row is stamped.
pub(super) fn settled(found: Found) -> Found {
    match found {
        Found::Row(row) => Found::Row(settled_row(row)),
        Found::Absent | Found::Corrupt(_) => found,
    }
}

/// A row whose births are all times: none is said to be "with this very write".
pub fn settled_row(mut row: Row) -> Row {
    let stamped_at = row.stamped_at;
    let settle = |birth: Birth| Birth::At(birth.time(stamped_at));
    row.body = match row.body {
        RowBody::Store(body) => RowBody::Store(StoreBody {
            birth: settle(body.birth),
            deleted: body.deleted.map(settle),
            history: body.history,
        }),
        RowBody::Entry(body) => RowBody::Entry(EntryBody {
            birth: settle(body.birth),
            content: body.content,
            pinned: body.pinned,
            schema: body.schema,
        }),
        RowBody::Revision(body) => RowBody::Revision(EntryBody {
            birth: settle(body.birth),
            content: body.content,
            pinned: body.pinned,
            schema: body.schema,
        }),
        RowBody::ApiKey(mut key) => {
            key.birth = settle(key.birth);
            RowBody::ApiKey(key)
        }
        RowBody::Record(mut body) => {
            if let Some(lease) = &mut body.lease {
                lease.since = settle(lease.since);
            }
            RowBody::Record(body)
        }
        RowBody::Ledger(body) => RowBody::Ledger(ledger::settled(body, settle)),
        body @ (RowBody::Universe(_)
        | RowBody::Ordered(_)
        | RowBody::Review
        | RowBody::Ends(_)
        | RowBody::Presence(_)
        | RowBody::Mail(_)) => body,
    };
    row
}
