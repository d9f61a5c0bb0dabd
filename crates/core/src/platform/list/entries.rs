//! Listing the entries of a data store.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::id::{EntryId, EntryKey, Scope, WriteId};
use crate::platform::list::{
    EXAMINED_MAX, EntryPage, ListEntries, ListedEntry, Page, is_purged, page_size, read_size,
};
use crate::platform::{Input, Machine, Operation, PlatformError, Settings, Step, deleted_at};
use crate::row::{Found, FoundHead, HeadsResult, ReadResult, RowKey, RowRange, Span};
use crate::time::Timestamp;

/// Carries out a [`ListEntries`].
#[derive(Debug)]
pub struct EntryListing {
    request: ListEntries,
    phase: Phase,
    /// The spans that are not read to their end, in order.
    spans: VecDeque<Span>,
    now: Timestamp,
    items: Vec<ListedEntry>,
    /// The last entry that was examined.
    position: Option<(Scope, EntryKey)>,
    examined: usize,
    left_out: usize,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The row of the data store is being read.
    Reading,
    /// Heads of entries are being read.
    Listing,
}

impl Operation for ListEntries {
    type Answer = EntryPage;
    type Machine = EntryListing;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        None
    }

    fn start(mut self, _: &Settings) -> (EntryListing, Step<EntryPage>) {
        self.page_size = page_size(self.page_size);
        let step = Step::Read(vec![RowKey::Store(self.store.clone())]);
        let (spans, position) = (std::mem::take(&mut self.spans).into(), self.after.take());
        let machine = EntryListing {
            request: self,
            phase: Phase::Reading,
            spans,
            now: Timestamp::EPOCH,
            items: Vec::new(),
            position,
            examined: 0,
            left_out: 0,
        };
        (machine, step)
    }
}

impl Machine for EntryListing {
    type Answer = EntryPage;

    fn on(&mut self, input: Input) -> Step<EntryPage> {
        let step = match (self.phase, input) {
            (Phase::Reading, Input::Read(reply)) => self.on_store(reply),
            (Phase::Listing, Input::Heads(reply)) => self.on_heads(reply),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        step.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl EntryListing {
    fn on_store(&mut self, reply: ReadResult) -> Result<Step<EntryPage>, PlatformError> {
        let reply = reply?;
        self.now = reply.now;
        self.phase = Phase::Listing;
        let store = reply.rows.first().expect("a reply holds every row that was asked for");
        if deleted_at(store).is_some() {
            return Err(PlatformError::StoreDeleted { store: self.request.store.clone() });
        }
        // K-14: a data store is there from its first write on. Before, a list of it is empty. A
        // damaged row of it makes no entry uncertain.
        Ok(if *store == Found::Absent { self.page(false) } else { self.read() })
    }

    fn read(&mut self) -> Step<EntryPage> {
        let position = self.position.as_ref();
        let is_over = |span: &Span| position.is_some_and(|position| ends_before(span, position));
        while self.spans.front().is_some_and(is_over) {
            self.spans.pop_front();
        }
        let Some(span) = self.spans.front().cloned() else { return self.page(false) };
        let wanted = read_size(self.request.page_size, self.items.len(), self.left_out);
        // One that is not examined tells whether anything is left to examine.
        let limit = wanted.min(EXAMINED_MAX + 1 - self.counted());
        let (store, after) = (self.request.store.clone(), self.position.clone());
        Step::Heads(RowRange::Entries { store, span, after }, limit, false)
    }

    fn on_heads(&mut self, reply: HeadsResult) -> Result<Step<EntryPage>, PlatformError> {
        let reply = reply?;
        for found in &reply.heads {
            if self.examine(found)?.is_break() {
                return Ok(self.page(true));
            }
        }
        if !reply.more {
            self.spans.pop_front();
        }
        Ok(self.read())
    }

    /// Takes the next entry, or stops before it: the page is full or has examined enough.
    fn examine(&mut self, found: &FoundHead) -> Result<ControlFlow<()>, PlatformError> {
        let RowKey::Entry(EntryId { scope, key, .. }) = found.key() else {
            return Err(PlatformError::Corrupt { row: Box::new(found.key().clone()) });
        };
        let request = &self.request;
        let (is_deleted, is_purged) = match found {
            FoundHead::Head(head) => (head.is_tombstone, is_purged(head, self.now)),
            // Damage is no deletion.
            FoundHead::Corrupt(_) => (false, false),
        };
        let is_listed = !is_purged
            && (request.with_deleted || !is_deleted)
            && key.as_str().starts_with(&*request.key_prefix);
        let is_full = is_listed && self.items.len() >= request.page_size;
        if is_full || self.counted() >= EXAMINED_MAX {
            return Ok(ControlFlow::Break(()));
        }
        self.examined += 1;
        self.position = Some((scope.clone(), key.clone()));
        if is_listed {
            self.items.push(ListedEntry { scope: scope.clone(), key: key.clone(), is_deleted });
        } else {
            self.left_out += 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// How many entries count towards the limit: all where some are left out on purpose (L-02), else
    /// those of the past that wait to be removed, so that pages are full.
    fn counted(&self) -> usize {
        let is_filtered = !self.request.with_deleted || !self.request.key_prefix.is_empty();
        if is_filtered { self.examined } else { self.left_out }
    }

    fn page(&mut self, more: bool) -> Step<EntryPage> {
        let next = self.position.take().filter(|_| more);
        Step::Done(Ok(Page { items: std::mem::take(&mut self.items), next }))
    }
}

/// Whether nothing of a span stands behind an entry.
fn ends_before(span: &Span, (scope, key): &(Scope, EntryKey)) -> bool {
    let is_past = |text: &str, prefix: &str| text > prefix && !text.starts_with(prefix);
    match span {
        Span::Scopes(prefix) => is_past(scope.as_str(), prefix),
        Span::Keys(only, prefix) => {
            scope > only || (scope == only && is_past(key.as_str(), prefix))
        }
    }
}
