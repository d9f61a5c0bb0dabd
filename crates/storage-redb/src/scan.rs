//! Reads of runs of rows.
//!
//! A scan of entries, stores or API keys walks the table and the index side by side: a key that
//! only one of them knows is damage in place, so that a damaged tree hides nothing. A scan of a
//! history follows the chain of its links instead.

use std::iter::Peekable;
use std::ops::{Bound, ControlFlow};

use redb::{AccessGuard, Range, ReadableTable};
use steadfast_core::{EntryId, Found, RowKey, RowRange, StoreId};

use crate::bytes::Family;
use crate::encode::index::Kind;
use crate::encode::keys::{
    api_key_key, entry_key, parse_api_key_key, parse_entry_key, parse_revision_key,
    parse_store_key, revision_key, revision_prefix, store_bounds, store_key, universe_bounds,
};
use crate::encode::revision::Link;
use crate::engine::{Bytes, EngineError, Source};
use crate::read::{
    Next, api_key_found, entry_found, key_of, nearest_newer, newest, revision_found, store_found,
};
use crate::stores::StoreNumbers;

/// Keys out of order that a walk skips before it takes the whole tree for damaged.
const DISORDER_MAX: usize = 1_000;

/// What the two witnesses know of a key.
pub(crate) enum Seen<'a> {
    /// Both know it: its record.
    Both(&'a [u8]),
    /// Only the table knows it.
    OnlyTable,
    /// Only the index knows it.
    OnlyIndex,
}

/// The bounds of a walk in a table.
pub(crate) struct Bounds {
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
}

impl Bounds {
    /// Behind `after`, or from the start on, up to the end.
    pub(crate) fn new(start: Vec<u8>, end: Option<Vec<u8>>, after: Option<Vec<u8>>) -> Self {
        let lower = after.map_or(Bound::Included(start), Bound::Excluded);
        Self { lower, upper: end.map_or(Bound::Unbounded, Bound::Excluded) }
    }

    /// The same run in the index.
    fn indexed(&self, kind: Kind) -> Self {
        let lower = self.lower.as_ref().map(|key| kind.key(key));
        let upper = match &self.upper {
            // The keys of the next kind follow those of this one.
            Bound::Unbounded => Bound::Excluded(vec![kind.byte().saturating_add(1)]),
            bounded @ (Bound::Included(_) | Bound::Excluded(_)) => {
                bounded.as_ref().map(|key| kind.key(key))
            }
        };
        Self { lower, upper }
    }

    fn contains(&self, key: &[u8]) -> bool {
        let above = match &self.lower {
            Bound::Included(lower) => key >= &lower[..],
            Bound::Excluded(lower) => key > &lower[..],
            Bound::Unbounded => true,
        };
        above
            && match &self.upper {
                Bound::Included(upper) => key <= &upper[..],
                Bound::Excluded(upper) => key < &upper[..],
                Bound::Unbounded => true,
            }
    }

    fn as_slices(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.lower.as_ref().map(Vec::as_slice), self.upper.as_ref().map(Vec::as_slice))
    }
}

type Item<'a> = (AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>);

/// A walk that only ever goes forward. A damaged page may hold keys in any order: those that would
/// go back or leave the bounds are skipped, and the other witness reports what they hid.
struct Forward<'a> {
    range: Range<'a, Bytes, Bytes>,
    bounds: Bounds,
    last: Option<Vec<u8>>,
    disorder: usize,
}

impl<'a> Forward<'a> {
    fn open<S: Source>(source: &'a S, family: Family, bounds: Bounds) -> Result<Self, EngineError> {
        let range = source.table(family)?.range::<&[u8]>(bounds.as_slices())?;
        Ok(Self { range, bounds, last: None, disorder: 0 })
    }

    fn advance(&mut self) -> Option<Result<Item<'a>, EngineError>> {
        loop {
            let item = match self.range.next()? {
                Ok(item) => item,
                Err(error) => return Some(Err(error.into())),
            };
            let key = item.0.value();
            let forward = self.last.as_deref().is_none_or(|last| key > last);
            if forward && self.bounds.contains(key) {
                self.last = Some(key.to_vec());
                return Some(Ok(item));
            }
            self.disorder += 1;
            if self.disorder > DISORDER_MAX {
                let message = "a table is damaged: its keys are out of order".to_owned();
                return Some(Err(EngineError::Failed(message)));
            }
        }
    }
}

impl<'a> Iterator for Forward<'a> {
    type Item = Result<Item<'a>, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance()
    }
}

fn take_next<'a>(walk: &mut Peekable<Forward<'a>>) -> Result<Option<Item<'a>>, EngineError> {
    walk.next().transpose()
}

/// Walks a table and the index side by side.
pub(crate) fn walk_both<S: Source>(
    source: &S,
    family: Family,
    kind: Kind,
    bounds: Bounds,
    mut each: impl FnMut(&[u8], Seen<'_>) -> Result<ControlFlow<()>, EngineError>,
) -> Result<(), EngineError> {
    let index = Forward::open(source, Family::Index, bounds.indexed(kind))?;
    let (mut index, mut table) =
        (index.peekable(), Forward::open(source, family, bounds)?.peekable());
    let (mut indexed, mut stored) = (take_next(&mut index)?, take_next(&mut table)?);
    loop {
        // The first byte of a key in the index is its kind.
        let indexed_key = indexed.as_ref().map(|(key, _)| key.value().get(1..).unwrap_or(&[]));
        let stored_key = stored.as_ref().map(|(key, _)| key.value());
        let (flow, in_index, in_table) = match (indexed_key, stored_key) {
            (None, None) => return Ok(()),
            (Some(i), Some(s)) if i == s => {
                let record = stored.as_ref().map_or(&[][..], |(_, record)| record.value());
                (each(s, Seen::Both(record))?, true, true)
            }
            (Some(i), s) if s.is_none_or(|s| i < s) => (each(i, Seen::OnlyIndex)?, true, false),
            (_, Some(s)) => (each(s, Seen::OnlyTable)?, false, true),
            (Some(i), None) => (each(i, Seen::OnlyIndex)?, true, false),
        };
        if flow.is_break() {
            return Ok(());
        }
        if in_index {
            indexed = take_next(&mut index)?;
        }
        if in_table {
            stored = take_next(&mut table)?;
        }
    }
}

/// A page of a scan in the making.
struct Page {
    rows: Vec<Found>,
    limit: usize,
    more: bool,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { rows: Vec::new(), limit, more: false }
    }

    /// Adds a row; stops when the page is full and another row is known to follow.
    fn push(&mut self, found: Found) -> ControlFlow<()> {
        if found == Found::Absent {
            return ControlFlow::Continue(());
        }
        if self.rows.len() >= self.limit {
            self.more = true;
            return ControlFlow::Break(());
        }
        self.rows.push(found);
        ControlFlow::Continue(())
    }
}

/// Reads a run of rows, and whether more follow.
pub(crate) fn scan(
    source: &impl Source,
    stores: &StoreNumbers,
    range: &RowRange,
    limit: usize,
) -> Result<(Vec<Found>, bool), EngineError> {
    let mut page = Page::new(limit);
    match range {
        RowRange::Entries { store, after } => {
            let after = after.as_ref().map(|(scope, key)| (scope.as_str(), key.as_str()));
            entries(source, stores, store, after, &mut page)?;
        }
        RowRange::Stores { universe, after } => {
            let (start, end) = universe_bounds(*universe);
            let after = after
                .as_ref()
                .map(|name| store_key(&StoreId { universe: *universe, name: name.clone() }));
            let bounds = Bounds::new(start, end, after);
            walk_both(source, Family::Stores, Kind::Store, bounds, |key, seen| {
                let Some(store) = parse_store_key(key) else {
                    return Ok(ControlFlow::Continue(()));
                };
                Ok(page.push(match seen {
                    Seen::Both(record) => store_found(&store, key, record),
                    Seen::OnlyTable | Seen::OnlyIndex => Found::Corrupt(RowKey::Store(store)),
                }))
            })?;
        }
        RowRange::ApiKeys { after } => {
            let after = after.map(|id| api_key_key(id).to_vec());
            let bounds = Bounds::new(Vec::new(), None, after);
            walk_both(source, Family::ApiKeys, Kind::ApiKey, bounds, |key, seen| {
                let Some(id) = parse_api_key_key(key) else {
                    return Ok(ControlFlow::Continue(()));
                };
                Ok(page.push(match seen {
                    Seen::Both(record) => api_key_found(id, record),
                    Seen::OnlyTable | Seen::OnlyIndex => Found::Corrupt(RowKey::ApiKey(id)),
                }))
            })?;
        }
        RowRange::Revisions { entry, before } => {
            if let Some(entry_key) = key_of(stores, entry) {
                history(source, &entry_key, entry, *before, &mut page)?;
            }
        }
    }
    Ok((page.rows, page.more))
}

fn entries(
    source: &impl Source,
    stores: &StoreNumbers,
    store: &StoreId,
    after: Option<(&str, &str)>,
    page: &mut Page,
) -> Result<(), EngineError> {
    let Some(number) = stores.get(store) else { return Ok(()) };
    let (start, end) = store_bounds(number);
    let after = after.map(|(scope, key)| entry_key(number, scope, key));
    let bounds = Bounds::new(start, end, after);
    walk_both(source, Family::Current, Kind::Entry, bounds, |key, seen| {
        let Some((_, scope, name)) = parse_entry_key(key) else {
            return Ok(ControlFlow::Continue(()));
        };
        let entry = EntryId { store: store.clone(), scope, key: name };
        if page.rows.len() >= page.limit && !matches!(seen, Seen::Both(_)) {
            return Ok(page.push(Found::Corrupt(RowKey::Entry(entry))));
        }
        Ok(page.push(match seen {
            Seen::Both(record) => entry_found(source, key, &entry, record)?,
            Seen::OnlyTable | Seen::OnlyIndex => Found::Corrupt(RowKey::Entry(entry)),
        }))
    })
}

fn history(
    source: &impl Source,
    entry_key: &[u8],
    entry: &EntryId,
    before: Option<u64>,
    page: &mut Page,
) -> Result<(), EngineError> {
    let corrupt = |counter| Found::Corrupt(RowKey::Revision(entry.clone(), counter));
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
    let mut end = revision_key(entry_key, 0);
    end.push(0);
    let bounds = Bounds::new(revision_prefix(entry_key), Some(end), after);
    for item in Forward::open(source, Family::Revisions, bounds)? {
        let (key, record) = item?;
        let Some((_, counter)) = parse_revision_key(key.value()) else { continue };
        let link = Link::decode(key.value(), record.value());
        if let Next::Known(Some(missing)) = expected
            && counter < missing
        {
            expected = Next::Unknown;
            if page.push(corrupt(missing)).is_break() {
                return Ok(());
            }
        }
        let found = match (link, expected) {
            // It stands where the chain has no link: left from another time, or its key is damaged.
            (_, Next::Known(next)) if next != Some(counter) => continue,
            (Ok(link), _) => {
                expected = Next::Known(link.older.filter(|older| *older < counter));
                revision_found(source, entry_key, entry, counter, record.value())?
            }
            (Err(_), _) => {
                expected = Next::Unknown;
                corrupt(counter)
            }
        };
        if page.push(found).is_break() {
            return Ok(());
        }
    }
    if let Next::Known(Some(missing)) = expected {
        // Nothing follows it in the table, so there is nothing more to stop.
        let _full = page.push(corrupt(missing));
    }
    Ok(())
}
