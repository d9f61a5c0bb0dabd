//! The bugs of this scenario that are a store's or a driver's. Those of `core` are planted there.

use std::collections::BTreeMap;

use steadfast_core::record::{MailKind, PresenceState, RecordBody, RecordWrite};
use steadfast_core::{Batch, Condition, EntryId, Found, Revision, Row, RowBody, RowKey, Write};
use steadfast_storage::Rows;

use super::witness::Author;
use crate::bank::Bug;

/// The batch as a store with this bug lets it pass; nothing if it is judged as it should be.
pub(super) fn let_pass(bug: Bug, batch: &Batch, rows: &Rows) -> Option<Batch> {
    let mut is_forgiven = false;
    for (key, condition) in &batch.conditions {
        let found = rows.get(key);
        if condition.holds(&found) {
            continue;
        }
        // Once a record passes, what stands under the same names passes as well.
        let goes_along = is_forgiven && matches!(key, RowKey::Entry(_));
        if !goes_along && !forgives(bug, batch, (key, *condition), &found) {
            return None;
        }
        is_forgiven = true;
    }
    is_forgiven.then(|| batch.clone())
}

/// Whether a condition that does not hold is let pass.
fn forgives(bug: Bug, batch: &Batch, condition: (&RowKey, Condition), found: &Found) -> bool {
    let (key, condition) = condition;
    let is_record = matches!(key, RowKey::Record(_));
    let stored = match (condition, found) {
        (Condition::At(at), Found::Row(row)) => Some((at, row)),
        (
            Condition::At(_) | Condition::Absent,
            Found::Absent | Found::Row(_) | Found::Corrupt(_),
        ) => None,
    };
    if bug == Bug::FenceIgnored {
        return is_record && stored.is_some();
    }
    if bug == Bug::RecordRevisionIgnored {
        // The fence alone is compared: any write of the holder passes.
        let written = batch.writes.iter().find_map(|write| match write {
            Write::Put { body: RowBody::Record(body), .. } => Some(body.fence),
            Write::Put { .. } | Write::Delete { .. } => None,
        });
        let held = record_of(found).filter(|body| body.lease.is_some());
        return is_record && stored.is_some() && written == held.map(|body| body.fence);
    }
    if bug == Bug::CounterWithoutTag {
        let is_same = stored.is_some_and(|(at, row)| at.counter == row.revision.counter);
        return is_record && is_same;
    }
    if bug == Bug::DefaultOverFailedRead {
        return condition == Condition::Absent;
    }
    let renews = |write: &Write| {
        matches!(write, Write::Put { body: RowBody::Presence(body), .. }
            if body.state == PresenceState::Alive)
    };
    let is_presence = matches!(key, RowKey::Presence(_));
    bug == Bug::RenewalAsUpsert && is_presence && batch.writes.iter().any(renews)
}

fn record_of(found: &Found) -> Option<&RecordBody> {
    match found {
        Found::Row(Row { body: RowBody::Record(body), .. }) => Some(body),
        Found::Row(_) | Found::Absent | Found::Corrupt(_) => None,
    }
}

/// Bug `mailbox-inside-presence`: mail is kept in the row of its server, which moves.
pub(super) fn touch_presence(batch: &Batch, rows: &Rows) -> Option<Batch> {
    let touched = batch.writes.iter().find_map(|write| match write {
        Write::Put { key: RowKey::Mail(server, _), revision, body: RowBody::Mail(mail) }
            if mail.kind == MailKind::HandOff =>
        {
            Some((RowKey::Presence(*server), revision.tag))
        }
        Write::Put { .. } | Write::Delete { .. } => None,
    });
    let (key, tag) = touched?;
    let Found::Row(Row { revision, body, .. }) = rows.get(&key) else { return None };
    let revision = Revision { counter: revision.counter + 1, tag };
    Some(Batch { conditions: vec![], writes: vec![Write::Put { key, revision, body }] })
}

/// Bug `renewal-after-release`: the last save of each session that was not released yet.
#[derive(Debug, Default)]
pub(super) struct Revenants {
    saves: BTreeMap<EntryId, (Author, RecordWrite)>,
}

impl Revenants {
    /// Takes note of a write; the save that comes back if it is a release.
    pub(super) fn note(
        &mut self,
        author: Author,
        write: &RecordWrite,
    ) -> Option<Box<(Author, RecordWrite)>> {
        let is_save = write.body.lease.is_some() && write.end.is_none();
        if is_save {
            self.saves.insert(write.entry.clone(), (author, write.clone()));
            return None;
        }
        let (other, save) = self.saves.remove(&write.entry)?;
        let is_released = write.end.is_some_and(|end| end.fence == save.body.fence);
        (other == author && is_released).then(|| Box::new((author, save)))
    }
}

/// A write, planned anew on what stands there.
pub(super) fn on_top(mut write: RecordWrite, rows: &Rows) -> RecordWrite {
    write.write_id = write.write_id.attempt(7);
    write.body.write_id = write.write_id;
    write.base.record = rows.get(&RowKey::Record(write.entry.clone())).revision();
    write.base.entry.row = rows.get(&RowKey::Entry(write.entry.clone())).revision();
    write
}
