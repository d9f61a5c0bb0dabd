//! A run of a history, in the order of its counters.
//!
//! The chain links newest to oldest, so a descending run follows it. An ascending one reads the rows
//! as they stand and checks that each is linked to by the next; where the chain is broken it
//! follows the chain from the newest row on and turns the result around.

use std::ops::ControlFlow;

use redb::ReadableTable;
use steadfast_core::{EntryId, Order, RowKey};

use super::{Bounds, Page, Shape, Walk};
use crate::bytes::Family;
use crate::encode::keys::{KeyBounds, parse_revision_key, revision_key, revision_prefix};
use crate::encode::revision::Link;
use crate::engine::{EngineError, Source};
use crate::read::{Next, key_of, nearest_newer, newest};
use crate::stores::StoreNumbers;

/// A history that is read.
struct History<'a, S> {
    source: &'a S,
    entry: &'a EntryId,
    entry_key: Vec<u8>,
}

pub(super) fn history<S: Source, P: Shape>(
    source: &S,
    stores: &StoreNumbers,
    entry: &EntryId,
    order: Order,
    beyond: Option<u64>,
    shape: &P,
    page: &mut Page<P::Item>,
) -> Result<(), EngineError> {
    let Some(entry_key) = key_of(stores, entry) else { return Ok(()) };
    let history = History { source, entry, entry_key };
    match order {
        Order::Descending => history.chain(beyond, None, |counter, record| {
            if page.is_full() {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            Ok(page.push(history.item(shape, counter, record)?))
        }),
        Order::Ascending => {
            if !history.ascending(beyond, shape, page)? {
                page.items.clear();
                history.turned_around(beyond, shape, page)?;
            }
            Ok(())
        }
    }
}

impl<S: Source> History<'_, S> {
    fn item<P: Shape>(
        &self,
        shape: &P,
        counter: u64,
        record: Option<&[u8]>,
    ) -> Result<P::Item, EngineError> {
        let row = RowKey::Revision(self.entry.clone(), counter);
        let key = revision_key(&self.entry_key, counter);
        match record.map(|record| Link::decode(&key, record)) {
            Some(Ok(link)) => shape.state(self.source, &self.entry_key, row, &link.state),
            Some(Err(_)) | None => Ok(shape.corrupt(row)),
        }
    }

    fn bounds(&self) -> KeyBounds {
        let mut end = revision_key(&self.entry_key, 0);
        end.push(0);
        (revision_prefix(&self.entry_key), Some(end))
    }

    /// Follows the chain from the newest row below `before` down to the last above `beyond`, and
    /// tells of each its counter and its record; of one that is missing, only the counter.
    fn chain(
        &self,
        before: Option<u64>,
        beyond: Option<u64>,
        mut each: impl FnMut(u64, Option<&[u8]>) -> Result<ControlFlow<()>, EngineError>,
    ) -> Result<(), EngineError> {
        let (source, entry_key) = (self.source, &self.entry_key[..]);
        let is_within = |counter: u64| beyond.is_none_or(|beyond| counter > beyond);
        let mut expected = match before {
            None => newest(source, entry_key)?,
            Some(0) => return Ok(()),
            // The link at or before `before` says what follows, if it does follow.
            Some(before) => match nearest_newer(source, entry_key, before - 1)? {
                Next::Known(Some(next)) if next >= before => Next::Unknown,
                next @ (Next::Known(_) | Next::Unknown) => next,
            },
        };
        let after = before.map(|before| revision_key(entry_key, before));
        let end = beyond.map(|beyond| revision_key(entry_key, beyond));
        let bounds = Bounds::new(self.bounds()).behind(after).before(end);
        // The counter is inverted in the key: newest first.
        for item in Walk::open(source, Family::Revisions, bounds, Order::Ascending)? {
            let (key, record) = item?;
            let Some((_, counter)) = parse_revision_key(key.value()) else { continue };
            if let Next::Known(Some(missing)) = expected
                && counter < missing
            {
                expected = Next::Unknown;
                if each(missing, None)?.is_break() {
                    return Ok(());
                }
            }
            match expected {
                // It stands where the chain has no link: left from another time, or its key is
                // damaged.
                Next::Known(next) if next != Some(counter) => continue,
                Next::Known(_) | Next::Unknown => {}
            }
            let flow = each(counter, Some(record.value()))?;
            expected = match Link::decode(key.value(), record.value()) {
                Ok(link) => Next::Known(link.older.filter(|older| *older < counter)),
                Err(_) => Next::Unknown,
            };
            if flow.is_break() {
                return Ok(());
            }
        }
        if let Next::Known(Some(missing)) = expected
            && is_within(missing)
        {
            // Nothing follows it in the table, so there is nothing more to stop.
            let _full = each(missing, None)?;
        }
        Ok(())
    }

    /// Reads a page as the rows stand. False, and whatever page, if the chain does not say the same.
    fn ascending<P: Shape>(
        &self,
        beyond: Option<u64>,
        shape: &P,
        page: &mut Page<P::Item>,
    ) -> Result<bool, EngineError> {
        let (source, entry_key) = (self.source, &self.entry_key[..]);
        let end = beyond.map(|beyond| revision_key(entry_key, beyond));
        let bounds = Bounds::new(self.bounds()).before(end);
        let is_before = |older: Option<u64>| match (older, beyond) {
            (None, _) => true,
            (Some(older), Some(beyond)) => older <= beyond,
            (Some(_), None) => false,
        };
        let mut last = None;
        let is_linked = |last: Option<u64>, older: Option<u64>| match last {
            Some(_) => older == last,
            None => is_before(older),
        };
        for item in Walk::open(source, Family::Revisions, bounds, Order::Descending)? {
            let (key, record) = item?;
            let (Some((_, counter)), Ok(link)) =
                (parse_revision_key(key.value()), Link::decode(key.value(), record.value()))
            else {
                return Ok(false);
            };
            if !is_linked(last, link.older) {
                return Ok(false);
            }
            if page.is_full() {
                page.more = true;
                return Ok(true);
            }
            let row = RowKey::Revision(self.entry.clone(), counter);
            let item = shape.state(source, entry_key, row, &link.state)?;
            let _room = page.push(item);
            last = Some(counter);
        }
        Ok(match newest(source, entry_key)? {
            Next::Known(newest) => is_linked(last, newest),
            Next::Unknown => false,
        })
    }

    /// Reads a page off the end of the whole chain. Only the counters of it are kept.
    fn turned_around<P: Shape>(
        &self,
        beyond: Option<u64>,
        shape: &P,
        page: &mut Page<P::Item>,
    ) -> Result<(), EngineError> {
        let mut counters = Vec::new();
        self.chain(None, beyond, |counter, record| {
            counters.push((counter, record.is_some()));
            Ok(ControlFlow::Continue(()))
        })?;
        for (counter, is_there) in counters.into_iter().rev() {
            let key = revision_key(&self.entry_key, counter);
            let record =
                if is_there { self.source.table(Family::Revisions)?.get(&key[..])? } else { None };
            let record = record.as_ref().map(redb::AccessGuard::value);
            if page.is_full() {
                page.more = true;
                break;
            }
            let _room = page.push(self.item(shape, counter, record)?);
        }
        Ok(())
    }
}
