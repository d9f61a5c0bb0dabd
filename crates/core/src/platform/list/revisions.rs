//! Listing the history of an entry.
//!
//! Whether a revision is there depends on the one that superseded it, so every revision is judged
//! together with the next newer one that is known. The current one is always there; it is taken from
//! the entry's own row, and what was written since that was read is left to the next request.
//!
//! ```text
//!   ascending    r1 ─► r2 ─► r3 ─► current      r1 is judged when r2 is known, and so on
//!   descending   current ─► r3 ─► r2 ─► r1      r3 is judged by the current one, r2 by r3
//! ```

use std::ops::ControlFlow;

use crate::id::{EntryId, WriteId};
use crate::platform::list::{
    ListRevisions, ListedRevision, Page, REVISIONS_LEFT_OUT_MAX, RevisionPage, page_size, read_size,
};
use crate::platform::{
    Chronicle, Input, Machine, Operation, PlatformError, RevisionId, Rule, Settings, Step,
    deleted_at,
};
use crate::row::{
    Found, FoundHead, Head, HeadsResult, Order, ReadReply, ReadResult, RowKey, RowRange, Span,
};
use crate::time::Timestamp;

/// Carries out a [`ListRevisions`].
#[derive(Debug)]
pub struct RevisionListing {
    request: ListRevisions,
    settings: Settings,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The rows of the data store and the universe are being read.
    Reading,
    /// The head of the entry is being read.
    Finding(Around),
    /// The revision next above the start of a descending page is being read.
    Entering(Walk),
    /// Heads of revisions are being read.
    Walking(Walk),
    /// Nothing more will be asked for.
    Over,
}

impl Operation for ListRevisions {
    type Answer = RevisionPage;
    type Machine = RevisionListing;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        None
    }

    fn start(mut self, settings: &Settings) -> (RevisionListing, Step<RevisionPage>) {
        self.page_size = page_size(self.page_size);
        let store = self.entry.store.clone();
        let step = Step::Read(vec![RowKey::Universe(store.universe), RowKey::Store(store)]);
        let settings = settings.clone();
        (RevisionListing { request: self, settings, phase: Phase::Reading }, step)
    }
}

impl Machine for RevisionListing {
    type Answer = RevisionPage;

    fn on(&mut self, input: Input) -> Step<RevisionPage> {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_read(reply),
            (Phase::Finding(around), Input::Heads(reply)) => self.on_entry(&around, reply),
            (Phase::Entering(walk), Input::Heads(reply)) => self.on_newer(walk, reply),
            (Phase::Walking(walk), Input::Heads(reply)) => self.on_heads(walk, reply),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        step.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl RevisionListing {
    fn on_read(&mut self, reply: ReadResult) -> Result<Step<RevisionPage>, PlatformError> {
        let ReadReply { rows, now } = reply?;
        let [universe, store] = rows.as_slice() else {
            panic!("two rows were asked for: {rows:?}")
        };
        if deleted_at(store).is_some() {
            let store = self.request.entry.store.clone();
            return Err(PlatformError::StoreDeleted { store });
        }
        let rule = Rule::of(store, universe, &self.settings);
        let around = Around { rule, store_exists: *store != Found::Absent, now };
        // The content of the entry is not of interest, and may be damaged just when its history is
        // needed. The first of the keys that start with a text is that text itself.
        let EntryId { store, scope, key } = self.request.entry.clone();
        let span = Span::Keys(scope, key.as_str().into());
        let range = RowRange::Entries { store, span, after: None };
        self.phase = Phase::Finding(around);
        Ok(Step::Heads(range, 1, self.request.with_sizes))
    }

    fn on_entry(
        &mut self,
        around: &Around,
        reply: HeadsResult,
    ) -> Result<Step<RevisionPage>, PlatformError> {
        let entry = &self.request.entry;
        let row = RowKey::Entry(entry.clone());
        let current = match reply?.heads.into_iter().find(|found| *found.key() == row) {
            Some(FoundHead::Head(head)) => head,
            Some(FoundHead::Corrupt(row)) => {
                return Err(PlatformError::Corrupt { row: Box::new(row) });
            }
            None => return Err(self.missing(around)),
        };
        let chronicle = Chronicle::new(around.rule.clone(), current, around.now);
        if chronicle.is_purged() {
            return Err(self.missing(around));
        }
        let mut walk = Walk::new(self.request.clone(), chronicle);
        let current = walk.chronicle.current().clone();
        let last = current.revision.counter;
        match (self.request.order, self.request.beyond) {
            (Order::Ascending, Some(beyond)) if beyond >= last => Ok(walk.end()),
            (Order::Descending, Some(beyond)) if beyond < last => {
                let beyond = beyond.checked_sub(1);
                let step = walk.heads(Order::Ascending, beyond, 1);
                self.phase = Phase::Entering(walk);
                Ok(step)
            }
            (Order::Ascending, _) => Ok(self.go_on(walk)),
            (Order::Descending, beyond) => {
                if beyond != Some(last) && walk.consider(&current, None).is_break() {
                    return Ok(walk.stop());
                }
                (walk.position, walk.newer) = (Some(last), Some(FoundHead::Head(current)));
                Ok(self.go_on(walk))
            }
        }
    }

    fn missing(&self, around: &Around) -> PlatformError {
        let entry = self.request.entry.clone();
        if around.store_exists {
            PlatformError::EntryNotFound { entry }
        } else {
            PlatformError::StoreNotFound { store: entry.store }
        }
    }

    /// The lowest revision that is not below the start of a descending page: what superseded the
    /// first one of the page.
    fn on_newer(
        &mut self,
        mut walk: Walk,
        reply: HeadsResult,
    ) -> Result<Step<RevisionPage>, PlatformError> {
        let last = walk.chronicle.current().revision.counter;
        let newer = reply?.heads.into_iter().next();
        // Nothing stands between the page and the current revision otherwise.
        walk.newer = newer.filter(|found| counter_of(found.key()).is_some_and(|it| it < last));
        Ok(self.go_on(walk))
    }

    fn on_heads(
        &mut self,
        mut walk: Walk,
        reply: HeadsResult,
    ) -> Result<Step<RevisionPage>, PlatformError> {
        let reply = reply?;
        for found in reply.heads {
            match walk.on_row(found)? {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(End::Page) => return Ok(walk.stop()),
                ControlFlow::Break(End::History) => return walk.finish(),
            }
        }
        if reply.more { Ok(self.go_on(walk)) } else { walk.finish() }
    }

    fn go_on(&mut self, mut walk: Walk) -> Step<RevisionPage> {
        // The one behind the last of an ascending page judges it.
        let judge = usize::from(self.request.order == Order::Ascending);
        let mut wanted = read_size(self.request.page_size, walk.items.len(), walk.left_out) + judge;
        // One that still waits is read again with the one that judges it: a sweep in between may
        // take it and what stands behind it, and it would be judged by the wrong one.
        if let Some(waiting) = walk.waiting.take() {
            walk.position = waiting.revision.before().or(Some(0));
            wanted += 1;
        }
        let step = walk.heads(self.request.order, walk.position, wanted);
        self.phase = Phase::Walking(walk);
        step
    }
}

/// What is known of the surroundings of an entry.
#[derive(Debug)]
struct Around {
    rule: Rule,
    store_exists: bool,
    now: Timestamp,
}

fn counter_of(key: &RowKey) -> Option<u64> {
    let RowKey::Revision(_, counter) = key else { return None };
    Some(*counter)
}

/// Where a run of heads ends.
enum End {
    /// At the end of the page; more may follow.
    Page,
    /// At the end of what was asked for.
    History,
}

/// A page on its way through a history.
#[derive(Debug)]
struct Walk {
    request: ListRevisions,
    chronicle: Chronicle,
    /// The counter of the last row that was read.
    position: Option<u64>,
    /// Ascending: the one that waits for the next newer one to be judged by it.
    waiting: Option<Head>,
    /// Descending: the next newer one, which judges the next.
    newer: Option<FoundHead>,
    /// A damaged row that is part of the page unless the next row tells that it is not asked for.
    damage: Option<RowKey>,
    items: Vec<ListedRevision>,
    /// The counter of the last one that was listed or left out.
    judged: Option<u64>,
    left_out: usize,
}

impl Walk {
    fn new(request: ListRevisions, chronicle: Chronicle) -> Self {
        let (position, items) = (request.beyond, Vec::new());
        let (waiting, newer, damage, judged, left_out) = (None, None, None, None, 0);
        Self { request, chronicle, position, waiting, newer, damage, items, judged, left_out }
    }

    fn heads(&self, order: Order, beyond: Option<u64>, limit: usize) -> Step<RevisionPage> {
        let entry = self.request.entry.clone();
        Step::Heads(RowRange::Revisions { entry, order, beyond }, limit, self.request.with_sizes)
    }

    /// Takes the next row of the history.
    fn on_row(&mut self, found: FoundHead) -> Result<ControlFlow<End>, PlatformError> {
        let Some(counter) = counter_of(found.key()) else {
            return Err(PlatformError::Corrupt { row: Box::new(found.key().clone()) });
        };
        if counter >= self.chronicle.current().revision.counter {
            return Ok(ControlFlow::Break(End::History));
        }
        self.position = Some(counter);
        if let FoundHead::Head(head) = &found {
            self.check_damage(head)?;
        }
        let flow = match self.request.order {
            Order::Ascending => self.on_newer_row(&found),
            Order::Descending => self.on_older_row(&found),
        };
        if flow.is_continue()
            && let FoundHead::Corrupt(row) = found
        {
            // A full page does not hold it.
            if self.is_full() {
                return Ok(ControlFlow::Break(End::Page));
            }
            self.damage.get_or_insert(row);
        }
        Ok(flow)
    }

    fn on_newer_row(&mut self, found: &FoundHead) -> ControlFlow<End> {
        if let Some(head) = self.waiting.take() {
            self.consider(&head, Some(found))?;
        }
        let FoundHead::Head(head) = found else { return ControlFlow::Continue(()) };
        self.waiting = Some(head.clone());
        let is_over = self.request.not_after.is_some_and(|last| last < head.stamped_at);
        if is_over { ControlFlow::Break(End::History) } else { ControlFlow::Continue(()) }
    }

    fn on_older_row(&mut self, found: &FoundHead) -> ControlFlow<End> {
        let newer = self.newer.replace(found.clone());
        let FoundHead::Head(head) = found else { return ControlFlow::Continue(()) };
        if self.request.not_before.is_some_and(|first| head.stamped_at < first) {
            return ControlFlow::Break(End::History);
        }
        self.consider(head, newer.as_ref())
    }

    /// A damaged row is never left out in silence, unless the row behind it tells that its time is
    /// not asked for.
    fn check_damage(&mut self, next: &Head) -> Result<(), PlatformError> {
        let Some(row) = self.damage.take() else { return Ok(()) };
        let is_not_wanted = match self.request.order {
            Order::Ascending => {
                self.request.not_before.is_some_and(|first| next.stamped_at < first)
            }
            Order::Descending => self.request.not_after.is_some_and(|last| last < next.stamped_at),
        };
        if is_not_wanted { Ok(()) } else { Err(PlatformError::Corrupt { row: Box::new(row) }) }
    }

    /// Lists a revision if it is there and asked for, given the next newer row, or stops before it
    /// because the page is full.
    fn consider(&mut self, head: &Head, newer: Option<&FoundHead>) -> ControlFlow<End> {
        let request = &self.request;
        let is_wanted = request.not_before.is_none_or(|first| first <= head.stamped_at)
            && request.not_after.is_none_or(|last| head.stamped_at <= last)
            && self.chronicle.shows(head, newer);
        if is_wanted && self.is_full() {
            return ControlFlow::Break(End::Page);
        }
        let counter = head.revision.counter;
        self.judged = Some(counter);
        if !is_wanted {
            self.left_out += 1;
            let is_enough = self.left_out >= REVISIONS_LEFT_OUT_MAX;
            return if is_enough {
                ControlFlow::Break(End::Page)
            } else {
                ControlFlow::Continue(())
            };
        }
        let (created_at, updated_at) = (head.created_at, head.stamped_at);
        let pins = |newer: &FoundHead| match newer {
            FoundHead::Head(newer) => newer.pinned && newer.revision.before() == Some(counter),
            FoundHead::Corrupt(_) => false,
        };
        self.items.push(ListedRevision {
            id: RevisionId::of(created_at, head.revision, updated_at),
            created_at,
            updated_at,
            is_deleted: head.is_tombstone,
            is_pinned: head.pinned || newer.is_some_and(pins),
            schema: head.schema,
            value_size: head.value_size.filter(|_| request.with_sizes),
        });
        ControlFlow::Continue(())
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.request.page_size
    }

    /// The page, when every row of the history that is asked for was seen.
    fn finish(mut self) -> Result<Step<RevisionPage>, PlatformError> {
        let current = self.chronicle.current().clone();
        match self.request.order {
            Order::Ascending => {
                self.check_damage(&current)?;
                let newer = FoundHead::Head(current.clone());
                let flow = match self.waiting.take() {
                    Some(head) => self.consider(&head, Some(&newer)),
                    None => ControlFlow::Continue(()),
                };
                if flow.is_break() || self.consider(&current, None).is_break() {
                    return Ok(self.stop());
                }
            }
            Order::Descending => {
                if let Some(row) = self.damage.take() {
                    return Err(PlatformError::Corrupt { row: Box::new(row) });
                }
            }
        }
        Ok(self.end())
    }

    /// The page, with more behind it.
    fn stop(self) -> Step<RevisionPage> {
        Step::Done(Ok(Page { items: self.items, next: self.judged }))
    }

    /// The page, with nothing behind it.
    fn end(self) -> Step<RevisionPage> {
        Step::Done(Ok(Page { items: self.items, next: None }))
    }
}
