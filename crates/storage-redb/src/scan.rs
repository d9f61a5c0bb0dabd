//! Reads of runs of rows, whole or only their heads.
//!
//! A scan of entries, stores, API keys or entries of ordered data stores walks the table and the
//! index side by side: a key that only one of them knows is damage in place, so that a damaged tree
//! hides nothing. A scan of a history follows the chain of its links instead, a scan of a board
//! asks for the entry of each place.

mod board;
mod bodies;
mod history;
mod shape;
mod walk;

use std::ops::ControlFlow::{self, Continue};

use steadfast_core::row::{FoundHead, Span};
use steadfast_core::{
    EntryId, EntryKey, Found, Order, RowKey, RowRange, Scope, StoreId, UniverseId,
};

use self::shape::{Heads, Rows, Shape};
pub(crate) use self::walk::{Bounds, Seen, Walk, walk_both, walk_both_in};
use crate::bytes::Family;
use crate::encode::entry::Current;
use crate::encode::index::Kind;
use crate::encode::keys::{
    KeyBounds, api_key_key, entry_key, parse_api_key_key, parse_entry_key, parse_review_key,
    parse_store_key, review_bounds, review_key, span_bounds, store_key, universe_bounds,
};
use crate::engine::{EngineError, Source};
use crate::read::{self, api_key_found, review_found, store_found};
use crate::stores::StoreNumbers;

/// A page of a scan in the making.
struct Page<T> {
    items: Vec<T>,
    limit: usize,
    more: bool,
}

impl<T> Page<T> {
    fn new(limit: usize) -> Self {
        Self { items: Vec::new(), limit, more: false }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.limit
    }

    /// Adds an item; stops when the page is full and another one is known to follow.
    fn push(&mut self, item: T) -> ControlFlow<()> {
        if self.is_full() {
            self.more = true;
            return ControlFlow::Break(());
        }
        self.items.push(item);
        Continue(())
    }
}

impl Page<Found> {
    /// Adds what stands at a key, unless nothing does.
    fn push_found(&mut self, found: Found) -> ControlFlow<()> {
        if found == Found::Absent { Continue(()) } else { self.push(found) }
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
        RowRange::Entries { store, span, after } => {
            entries(source, stores, (store, span, after.as_ref()), &Rows, &mut page)?;
        }
        RowRange::Revisions { entry, order, beyond } => {
            history::history(source, stores, entry, *order, *beyond, &Rows, &mut page)?;
        }
        RowRange::Stores { universe, prefix, after } => {
            let id = |name| StoreId { universe: *universe, name };
            let after = after.clone().map(id);
            data_stores(source, universe_bounds(*universe, prefix), after.as_ref(), &mut page)?;
        }
        RowRange::AllStores { after } => {
            let (start, _) = universe_bounds(UniverseId(0), "");
            data_stores(source, (start, None), after.as_ref(), &mut page)?;
        }
        RowRange::ApiKeys { after } => {
            let bounds = Bounds::ALL.behind(after.map(|id| api_key_key(id).to_vec()));
            walk_both(source, Family::ApiKeys, Kind::ApiKey, bounds, |key, seen| {
                let Some(id) = parse_api_key_key(key) else {
                    return Ok(Continue(()));
                };
                Ok(page.push_found(match seen {
                    Seen::Both(record, _) => api_key_found(id, record),
                    Seen::OnlyTable(_) | Seen::OnlyIndex => Found::Corrupt(RowKey::ApiKey(id)),
                }))
            })?;
        }
        RowRange::Board { board, order, min, max, beyond } => {
            let values = (*min, *max);
            board::board(source, stores, board, *order, values, beyond.as_ref(), &mut page)?;
        }
        RowRange::Ordered { store, after } => {
            ordered(source, stores, store, after.as_ref(), &mut page)?;
        }
        RowRange::Reviews { through, after } => {
            let after = after.as_ref().map(|(hour, reviewed)| review_key(*hour, reviewed));
            let bounds = Bounds::new(review_bounds(*through)).behind(after);
            for item in Walk::open(source, Family::Reviews, bounds, Order::Ascending)? {
                let (key, record) = item?;
                // A reminder whose name cannot be read is of nothing: it costs space, not data.
                let Some((hour, reviewed)) = parse_review_key(key.value()) else { continue };
                let found = review_found(hour, reviewed, key.value(), record.value());
                if page.push_found(found).is_break() {
                    break;
                }
            }
        }
        RowRange::Records { store, after } => {
            bodies::records(source, stores, store, after.as_ref(), &mut page)?;
        }
        RowRange::Presences { after } => bodies::presences(source, *after, &mut page)?,
        RowRange::Mail { server, after } => {
            bodies::mail(source, *server, after.as_ref(), &mut page)?;
        }
        RowRange::Ledger { entry, run, after } => {
            bodies::ledger(source, stores, entry, *run, after.as_ref(), &mut page)?;
        }
    }
    Ok((page.items, page.more))
}

/// Reads a run of heads, and whether more follow. Of other families than entries and revisions
/// there are none.
pub(crate) fn heads(
    source: &impl Source,
    stores: &StoreNumbers,
    range: &RowRange,
    limit: usize,
    with_sizes: bool,
) -> Result<(Vec<FoundHead>, bool), EngineError> {
    let (mut page, shape) = (Page::new(limit), Heads { with_sizes });
    match range {
        RowRange::Entries { store, span, after } => {
            entries(source, stores, (store, span, after.as_ref()), &shape, &mut page)?;
        }
        RowRange::Revisions { entry, order, beyond } => {
            history::history(source, stores, entry, *order, *beyond, &shape, &mut page)?;
        }
        RowRange::Stores { .. }
        | RowRange::AllStores { .. }
        | RowRange::ApiKeys { .. }
        | RowRange::Board { .. }
        | RowRange::Ordered { .. }
        | RowRange::Reviews { .. }
        | RowRange::Records { .. }
        | RowRange::Presences { .. }
        | RowRange::Mail { .. }
        | RowRange::Ledger { .. } => {}
    }
    Ok((page.items, page.more))
}

/// A scope and a key to start behind.
type Start<'a> = Option<&'a (Scope, EntryKey)>;

fn start_key(number: u32, after: Start<'_>) -> Option<Vec<u8>> {
    after.map(|(scope, key)| entry_key(number, scope.as_str(), key.as_str()))
}

fn entries<S: Shape>(
    source: &impl Source,
    stores: &StoreNumbers,
    (store, span, after): (&StoreId, &Span, Start<'_>),
    shape: &S,
    page: &mut Page<S::Item>,
) -> Result<(), EngineError> {
    let Some(number) = stores.get(store) else { return Ok(()) };
    let bounds = Bounds::new(span_bounds(number, span)).behind(start_key(number, after));
    walk_both(source, Family::Current, Kind::Entry, bounds, |key, seen| {
        let Some((_, scope, name)) = parse_entry_key(key) else {
            return Ok(Continue(()));
        };
        let row = RowKey::Entry(EntryId { store: store.clone(), scope, key: name });
        let Seen::Both(record, _) = seen else { return Ok(page.push(shape.corrupt(row))) };
        if page.is_full() {
            // Whether another one follows is told without its content.
            let is_entry = Current::decode(key, record).map_or(true, |row| row.entry.is_some());
            return Ok(if is_entry { page.push(shape.corrupt(row)) } else { Continue(()) });
        }
        Ok(match read::current(source, key, record)? {
            Ok(Some(state)) => page.push(shape.state(source, key, row, &state)?),
            Ok(None) => Continue(()),
            Err(_) => page.push(shape.corrupt(row)),
        })
    })
}

fn data_stores(
    source: &impl Source,
    bounds: KeyBounds,
    after: Option<&StoreId>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let bounds = Bounds::new(bounds).behind(after.map(store_key));
    walk_both(source, Family::Stores, Kind::Store, bounds, |key, seen| {
        let Some(store) = parse_store_key(key) else {
            return Ok(Continue(()));
        };
        Ok(page.push_found(match seen {
            Seen::Both(record, _) => store_found(&store, key, record),
            Seen::OnlyTable(_) | Seen::OnlyIndex => Found::Corrupt(RowKey::Store(store)),
        }))
    })
}

fn ordered(
    source: &impl Source,
    stores: &StoreNumbers,
    store: &StoreId,
    after: Start<'_>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let Some(number) = stores.get(store) else { return Ok(()) };
    let bounds = Bounds::new(span_bounds(number, &Span::all())).behind(start_key(number, after));
    walk_both(source, Family::Ordered, Kind::Ordered, bounds, |key, seen| {
        let Some((_, scope, name)) = parse_entry_key(key) else {
            return Ok(Continue(()));
        };
        let entry = EntryId { store: store.clone(), scope, key: name };
        Ok(page.push_found(match seen {
            Seen::Both(record, _) => read::ordered::found(source, key, &entry, record)?,
            Seen::OnlyTable(_) | Seen::OnlyIndex => Found::Corrupt(RowKey::Ordered(entry)),
        }))
    })
}
