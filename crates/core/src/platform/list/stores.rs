//! Listing the data stores of a universe.

use std::collections::VecDeque;

use crate::id::{EntryId, EntryKey, RESERVED_PREFIX, Scope, StoreName, WriteId};
use crate::platform::list::{
    EXAMINED_MAX, ListStores, Page, StorePage, is_purged, page_size, read_size,
};
use crate::platform::{Input, Machine, Operation, PlatformError, Settings, Step, StoreInfo};
use crate::row::{
    Found, FoundHead, HeadsReply, HeadsResult, ReadResult, RowKey, RowRange, ScanResult, Span,
};
use crate::time::Timestamp;

/// Carries out a [`ListStores`].
#[derive(Debug)]
pub struct StoreListing {
    request: ListStores,
    phase: Phase,
    now: Timestamp,
    /// Rows that were read and not examined yet, and whether more follow.
    rows: VecDeque<Found>,
    more: bool,
    items: Vec<StoreInfo>,
    /// The last data store that was examined.
    position: Option<StoreName>,
    examined: usize,
}

#[derive(Debug)]
enum Phase {
    /// The store's time is being read.
    Reading,
    /// Rows of data stores are being read.
    Scanning,
    /// Whether a data store holds anything is being read. Whether this is the second look at it.
    Looking(StoreInfo, bool),
    /// Nothing more will be asked for.
    Over,
}

impl Operation for ListStores {
    type Answer = StorePage;
    type Machine = StoreListing;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        None
    }

    fn start(mut self, _: &Settings) -> (StoreListing, Step<StorePage>) {
        self.page_size = page_size(self.page_size);
        // Only the time of the reply is of interest.
        let step = Step::Read(vec![RowKey::Universe(self.universe)]);
        let position = self.after.take();
        let machine = StoreListing {
            request: self,
            phase: Phase::Reading,
            now: Timestamp::EPOCH,
            rows: VecDeque::new(),
            more: true,
            items: Vec::new(),
            position,
            examined: 0,
        };
        (machine, step)
    }
}

impl Machine for StoreListing {
    type Answer = StorePage;

    fn on(&mut self, input: Input) -> Step<StorePage> {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_time(reply),
            (Phase::Scanning, Input::Scanned(reply)) => self.on_rows(reply),
            (Phase::Looking(info, again), Input::Heads(reply)) => self.on_look(info, again, reply),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        step.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl StoreListing {
    fn on_time(&mut self, reply: ReadResult) -> Result<Step<StorePage>, PlatformError> {
        self.now = reply?.now;
        self.advance()
    }

    fn on_rows(&mut self, reply: ScanResult) -> Result<Step<StorePage>, PlatformError> {
        let reply = reply?;
        self.rows = reply.rows.into();
        self.more = reply.more;
        self.advance()
    }

    /// Examines the rows that are at hand, until one has to be looked into or more are needed.
    fn advance(&mut self) -> Result<Step<StorePage>, PlatformError> {
        while let Some(found) = self.rows.pop_front() {
            if self.examined >= EXAMINED_MAX {
                return Ok(self.page(true));
            }
            let row = match found {
                Found::Absent => continue,
                Found::Row(row) => row,
                // The page before it is whole.
                Found::Corrupt(_) if self.is_full() => return Ok(self.page(true)),
                Found::Corrupt(row) => return Err(PlatformError::Corrupt { row: Box::new(row) }),
            };
            let Some(info) = StoreInfo::of_row(&row) else {
                return Err(PlatformError::Corrupt { row: Box::new(row.key) });
            };
            self.examined += 1;
            let is_reserved = info.store.name.as_str().starts_with(RESERVED_PREFIX);
            let is_hidden = match info.deleted_at {
                Some(_) => !self.request.with_deleted || info.is_expired(self.now),
                None => false,
            };
            if is_reserved || is_hidden {
                self.position = Some(info.store.name);
            } else if info.deleted_at.is_none() {
                return Ok(self.look(info, None));
            } else if let Some(full) = self.list(info) {
                // A deleted data store is listed until it is purged, whatever is left in it, so that
                // it can be found and brought back.
                return Ok(full);
            }
        }
        if !self.more {
            return Ok(self.page(false));
        }
        let wanted = read_size(self.request.page_size, self.items.len(), self.left_out());
        // One that is not examined tells whether anything is left to examine.
        let limit = wanted.min(EXAMINED_MAX + 1 - self.examined);
        let ListStores { universe, prefix, .. } = &self.request;
        let (universe, prefix, after) = (*universe, prefix.clone(), self.position.clone());
        self.phase = Phase::Scanning;
        Ok(Step::Scan(RowRange::Stores { universe, prefix, after }, limit))
    }

    /// Looks for an entry: nearly always the first one will do, else behind the one given.
    fn look(&mut self, info: StoreInfo, after: Option<(Scope, EntryKey)>) -> Step<StorePage> {
        let again = after.is_some();
        let range = RowRange::Entries { store: info.store.clone(), span: Span::all(), after };
        self.phase = Phase::Looking(info, again);
        Step::Heads(range, if again { EXAMINED_MAX } else { 1 }, false)
    }

    fn on_look(
        &mut self,
        info: StoreInfo,
        again: bool,
        reply: HeadsResult,
    ) -> Result<Step<StorePage>, PlatformError> {
        let reply = reply?;
        let holds_an_entry = reply.heads.iter().any(|found| match found {
            FoundHead::Head(head) => !is_purged(head, self.now),
            // Damage is never absence.
            FoundHead::Corrupt(_) => true,
        });
        match last_entry(&reply) {
            Some(after) if !holds_an_entry && reply.more && !again => {
                return Ok(self.look(info, Some(after)));
            }
            // Hidden only if it certainly holds nothing (Z-25).
            Some(_) | None if !holds_an_entry && !reply.more => {
                self.position = Some(info.store.name);
            }
            Some(_) | None => {
                if let Some(full) = self.list(info) {
                    return Ok(full);
                }
            }
        }
        self.advance()
    }

    /// Lists a data store, or answers the page if it is full.
    fn list(&mut self, info: StoreInfo) -> Option<Step<StorePage>> {
        if self.is_full() {
            return Some(self.page(true));
        }
        self.position = Some(info.store.name.clone());
        self.items.push(info);
        None
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.request.page_size
    }

    fn left_out(&self) -> usize {
        self.examined - self.items.len()
    }

    fn page(&mut self, more: bool) -> Step<StorePage> {
        let next = self.position.take().filter(|_| more);
        Step::Done(Ok(Page { items: std::mem::take(&mut self.items), next }))
    }
}

fn last_entry(reply: &HeadsReply) -> Option<(Scope, EntryKey)> {
    let RowKey::Entry(EntryId { scope, key, .. }) = reply.heads.last()?.key() else { return None };
    Some((scope.clone(), key.clone()))
}
