//! What records held, so that they can be put back to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_core::{Batch, Content, EntryId, Found, Revision, RowBody, RowKey, Write};
use steadfast_storage::Rows;

use super::Store;

/// Values that are remembered of each record.
const REMEMBERED_MAX: usize = 40;

/// The counter of the revision, and what it held.
type Held = (u64, Arc<Content>);

/// What stands in the line that leads to the present of each record.
#[derive(Debug, Default)]
pub(super) struct Past {
    of: BTreeMap<EntryId, (Vec<Held>, Option<Revision>)>,
}

impl Past {
    /// A batch was written.
    pub(super) fn note(&mut self, batch: &Batch) {
        for write in &batch.writes {
            let Write::Put { key: RowKey::Entry(entry), revision, body: RowBody::Entry(body) } =
                write
            else {
                continue;
            };
            let (held, last) = self.of.entry(entry.clone()).or_default();
            *last = Some(*revision);
            if let Some(content) = &body.content {
                if held.len() >= REMEMBERED_MAX {
                    held.remove(0);
                }
                held.push((revision.counter, Arc::clone(content)));
            }
        }
    }

    /// The store lost what came after these rows. What it lost may be written again as something
    /// else.
    pub(super) fn go_back(&mut self, rows: &Rows) {
        for (entry, (held, last)) in &mut self.of {
            let found: Found = rows.get(&RowKey::Entry(entry.clone()));
            let now = found.revision();
            if now != *last {
                let counter = now.map_or(0, |revision| revision.counter);
                held.retain(|(at, _)| *at <= counter);
                *last = now;
            }
        }
    }
}

impl Store {
    /// What a record held before a revision, from which it is not cut off by an earlier repair.
    pub(in super::super) fn past(&self, entry: &EntryId, before: u64) -> &[Held] {
        let held = self.past.of.get(entry).map_or(&[][..], |(held, _)| held);
        let end = held.iter().position(|(at, _)| *at >= before).unwrap_or(held.len());
        held.get(..end).unwrap_or_default()
    }

    /// A record is put back from one revision to another: nobody puts it back to one between them,
    /// since operations were taken back that those still hold.
    pub(in super::super) fn leave(&mut self, entry: &EntryId, to: u64, from: u64) {
        if let Some((held, _)) = self.past.of.get_mut(entry) {
            held.retain(|(at, _)| *at <= to || *at > from);
        }
    }
}
