//! What records held, so that they can be put back to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_core::{Batch, Content, EntryId, Found, Revision, RowBody, RowKey, Write};
use steadfast_storage::Rows;

use super::Store;

/// Values that are remembered of each record.
const REMEMBERED_MAX: usize = 40;

/// What a record held.
#[derive(Clone, Debug)]
pub(in super::super) struct Held {
    /// The counter of the revision.
    pub(in super::super) counter: u64,
    pub(in super::super) content: Arc<Content>,
    /// The number that history keeps with it.
    pub(in super::super) schema: Option<u32>,
}

/// What stands in the line that leads to the present of a record.
#[derive(Debug, Default)]
struct Line {
    held: Vec<Held>,
    last: Option<Revision>,
}

/// The lines of all records.
#[derive(Debug, Default)]
pub(super) struct Past {
    of: BTreeMap<EntryId, Line>,
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
            let Line { held, last } = self.of.entry(entry.clone()).or_default();
            *last = Some(*revision);
            if let Some(content) = &body.content {
                if held.len() >= REMEMBERED_MAX {
                    held.remove(0);
                }
                let (counter, content) = (revision.counter, Arc::clone(content));
                held.push(Held { counter, content, schema: body.schema });
            }
        }
    }

    /// The store lost what came after these rows. What it lost may be written again as something
    /// else.
    pub(super) fn go_back(&mut self, rows: &Rows) {
        for (entry, Line { held, last }) in &mut self.of {
            let found: Found = rows.get(&RowKey::Entry(entry.clone()));
            let now = found.revision();
            if now != *last {
                let counter = now.map_or(0, |revision| revision.counter);
                held.retain(|past| past.counter <= counter);
                *last = now;
            }
        }
    }
}

impl Store {
    /// What a record held before a revision, from which it is not cut off by an earlier repair.
    pub(in super::super) fn past(&self, entry: &EntryId, before: u64) -> &[Held] {
        let held = self.past.of.get(entry).map_or(&[][..], |line| &line.held);
        let end = held.iter().position(|past| past.counter >= before).unwrap_or(held.len());
        held.get(..end).unwrap_or_default()
    }

    /// A record is put back from one revision to another: nobody puts it back to one between them,
    /// since operations were taken back that those still hold.
    pub(in super::super) fn leave(&mut self, entry: &EntryId, to: u64, from: u64) {
        if let Some(line) = self.past.of.get_mut(entry) {
            line.held.retain(|past| past.counter <= to || past.counter > from);
        }
    }
}
