//! Walks over tables that may be damaged.

use std::ops::{Bound, ControlFlow};

use redb::{AccessGuard, Range, ReadableTable};
use steadfast_core::Order;

use crate::bytes::Family;
use crate::encode::index::Kind;
use crate::encode::keys::KeyBounds;
use crate::engine::{Bytes, EngineError, Source};

/// Keys out of order that a walk skips before it takes the whole tree for damaged.
const DISORDER_MAX: usize = 1_000;

/// What the two witnesses know of a key.
pub(crate) enum Seen<'a> {
    /// Both know it: its record, and that of the index.
    Both(&'a [u8], &'a [u8]),
    /// Only the table knows it: its record.
    OnlyTable(&'a [u8]),
    /// Only the index knows it.
    OnlyIndex,
}

/// The bounds of a walk in a table.
pub(crate) struct Bounds {
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
}

impl Bounds {
    /// Every key of a table.
    pub(crate) const ALL: Self = Self { lower: Bound::Unbounded, upper: Bound::Unbounded };

    /// From the start up to the end.
    pub(crate) fn new((start, end): KeyBounds) -> Self {
        let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
        Self { lower: Bound::Included(start), upper }
    }

    /// Only what is behind a key, if there is one.
    pub(crate) fn behind(self, key: Option<Vec<u8>>) -> Self {
        match (key, &self.lower) {
            (Some(key), Bound::Included(start) | Bound::Excluded(start)) if key < *start => self,
            (Some(key), _) => Self { lower: Bound::Excluded(key), ..self },
            (None, _) => self,
        }
    }

    /// Only what is before a key, if there is one.
    pub(crate) fn before(self, key: Option<Vec<u8>>) -> Self {
        match (key, &self.upper) {
            (Some(key), Bound::Included(end) | Bound::Excluded(end)) if key > *end => self,
            (Some(key), _) => Self { upper: Bound::Excluded(key), ..self },
            (None, _) => self,
        }
    }

    /// Whether no key can be within.
    fn is_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (
                Bound::Included(lower) | Bound::Excluded(lower),
                Bound::Included(upper) | Bound::Excluded(upper),
            ) => lower >= upper,
        }
    }

    /// The same run in the index.
    fn indexed(&self, kind: Kind) -> Self {
        let lower = match &self.lower {
            Bound::Unbounded => Bound::Included(vec![kind.byte()]),
            bounded @ (Bound::Included(_) | Bound::Excluded(_)) => {
                bounded.as_ref().map(|key| kind.key(key))
            }
        };
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

pub(crate) type Item<'a> = (AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>);

/// The items of a run, in one direction. A damaged page may yield keys in any order: those that
/// would go back or leave the bounds are skipped, and the other witness reports what they hid.
pub(crate) struct Walk<'a> {
    /// Nothing if no key can be within the bounds.
    range: Option<Range<'a, Bytes, Bytes>>,
    bounds: Bounds,
    order: Order,
    last: Option<Vec<u8>>,
    disorder: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn open<S: Source>(
        source: &'a S,
        family: Family,
        bounds: Bounds,
        order: Order,
    ) -> Result<Self, EngineError> {
        let range = if bounds.is_empty() {
            None
        } else {
            Some(source.table(family)?.range::<&[u8]>(bounds.as_slices())?)
        };
        Ok(Self { range, bounds, order, last: None, disorder: 0 })
    }

    /// The next item, and whether it stands where it may.
    pub(crate) fn step(&mut self) -> Result<Option<(bool, Item<'a>)>, EngineError> {
        let Some(range) = &mut self.range else { return Ok(None) };
        let item = match self.order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        };
        let Some(item) = item.transpose()? else { return Ok(None) };
        let key = item.0.value();
        let goes_on = self.last.as_deref().is_none_or(|last| match self.order {
            Order::Ascending => key > last,
            Order::Descending => key < last,
        });
        let is_in_place = goes_on && self.bounds.contains(key);
        if is_in_place {
            let last = self.last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
        } else {
            self.disorder += 1;
            if self.disorder > DISORDER_MAX {
                let message = "a table is damaged: its keys are out of order".to_owned();
                return Err(EngineError::Failed(message));
            }
        }
        Ok(Some((is_in_place, item)))
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Item<'a>, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some((true, item))) => return Some(Ok(item)),
                Ok(Some((false, _))) => {}
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Walks a table and the index side by side, upwards.
pub(crate) fn walk_both<S: Source>(
    source: &S,
    family: Family,
    kind: Kind,
    bounds: Bounds,
    each: impl FnMut(&[u8], Seen<'_>) -> Result<ControlFlow<()>, EngineError>,
) -> Result<(), EngineError> {
    walk_both_in(source, family, kind, bounds, Order::Ascending, each)
}

/// Walks a table and the index side by side.
pub(crate) fn walk_both_in<S: Source>(
    source: &S,
    family: Family,
    kind: Kind,
    bounds: Bounds,
    order: Order,
    mut each: impl FnMut(&[u8], Seen<'_>) -> Result<ControlFlow<()>, EngineError>,
) -> Result<(), EngineError> {
    let mut index = Walk::open(source, Family::Index, bounds.indexed(kind), order)?;
    let mut table = Walk::open(source, family, bounds, order)?;
    let (mut indexed, mut stored) = (index.next().transpose()?, table.next().transpose()?);
    loop {
        // The first byte of a key in the index is its kind.
        let indexed_key = indexed.as_ref().map(|(key, _)| key.value().get(1..).unwrap_or(&[]));
        let stored_pair = stored.as_ref().map(|(key, record)| (key.value(), record.value()));
        let is_next = |a: &[u8], b: &[u8]| match order {
            Order::Ascending => a < b,
            Order::Descending => a > b,
        };
        let (flow, in_index, in_table) = match (indexed_key, stored_pair) {
            (None, None) => return Ok(()),
            (Some(i), Some((s, record))) if i == s => {
                let witness = indexed.as_ref().map(|(_, witness)| witness.value());
                let seen =
                    witness.map_or(Seen::OnlyTable(record), |witness| Seen::Both(record, witness));
                (each(s, seen)?, true, true)
            }
            (Some(i), s) if s.is_none_or(|(s, _)| is_next(i, s)) => {
                (each(i, Seen::OnlyIndex)?, true, false)
            }
            (_, Some((s, record))) => (each(s, Seen::OnlyTable(record))?, false, true),
            (Some(i), None) => (each(i, Seen::OnlyIndex)?, true, false),
        };
        if flow.is_break() {
            return Ok(());
        }
        if in_index {
            indexed = index.next().transpose()?;
        }
        if in_table {
            stored = table.next().transpose()?;
        }
    }
}
