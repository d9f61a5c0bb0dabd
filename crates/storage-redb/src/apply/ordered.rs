//! Changes of ordered data stores: the entry, its place on the board, and its witness.

use redb::ReadableTable;
use steadfast_core::{Revision, Timestamp};
use steadfast_storage::backend::OrderedChange;

use super::Apply;
use crate::bytes::Family;
use crate::encode::index::Kind;
use crate::encode::keys::{board_bounds, parse_place_key, place_key, store_number};
use crate::encode::ordered::{Ordered, Witness};
use crate::engine::{EngineError, Source};
use crate::prepare::OrderedRef;
use crate::read::{Lookup, lookup};

/// What is known of the entry that is about to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// There is none.
    Absent,
    /// One that its witness confirms, with its value.
    Known(Option<i64>),
    /// Something that cannot be read or believed. The value is that of a place in its name.
    Damaged(Option<i64>),
}

impl Before {
    fn value(self) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::Known(value) | Self::Damaged(value) => value,
        }
    }
}

impl Apply<'_, '_> {
    pub(super) fn put_ordered(
        &mut self,
        at: OrderedRef,
        revision: Revision,
        value: Option<i64>,
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        let OrderedRef { entry, place } = at;
        let entry_key = self.numbered(place)?;
        let (scope, name) = (entry.scope.as_str(), entry.key.as_str());
        let before = self.leave_place(&entry_key, scope, name, value)?;
        let ordered = Ordered { revision, stamped_at: stamp, value };
        self.tables.insert(Family::Ordered, &entry_key, &ordered.encode(&entry_key))?;
        if let Some(value) = value {
            let key = place_key(store_number(&entry_key), scope, value, name);
            let record = ordered.place().encode(Family::Board, &key);
            self.tables.insert(Family::Board, &key, &record)?;
            let index_key = Kind::Place.key(&key);
            let record = ordered.place().encode(Family::Index, &index_key);
            self.tables.insert(Family::Index, &index_key, &record)?;
        }
        // Of a value the index only knows that it is there.
        if value.is_none() || !matches!(before, Before::Known(Some(_))) {
            let index_key = Kind::Ordered.key(&entry_key);
            let record = Witness::of(&ordered).encode(&index_key);
            self.tables.insert(Family::Index, &index_key, &record)?;
        }
        self.note(OrderedChange { entry, before: before.value(), after: value });
        Ok(())
    }

    pub(super) fn delete_ordered(&mut self, at: OrderedRef) -> Result<(), EngineError> {
        let OrderedRef { entry, place } = at;
        let entry_key = self.numbered(place)?;
        let (scope, name) = (entry.scope.as_str(), entry.key.as_str());
        let before = self.leave_place(&entry_key, scope, name, None)?;
        self.tables.remove(Family::Ordered, &entry_key)?;
        self.tables.remove(Family::Index, &Kind::Ordered.key(&entry_key))?;
        self.note(OrderedChange { entry, before: before.value(), after: None });
        Ok(())
    }

    pub(super) fn mark_ordered(&mut self, at: OrderedRef) -> Result<(), EngineError> {
        let entry_key = self.numbered(at.place)?;
        self.tables.remove(Family::Ordered, &entry_key)?;
        let index_key = Kind::Ordered.key(&entry_key);
        self.tables.insert(Family::Index, &index_key, &Witness::Value.encode(&index_key))
    }

    fn note(&mut self, change: OrderedChange) {
        if let Some(changes) = self.ordered.last_mut() {
            changes.push(change);
        }
    }

    /// Takes an entry off its place, unless the new value has the same one. Returns what was there.
    fn leave_place(
        &mut self,
        entry_key: &[u8],
        scope: &str,
        name: &str,
        new: Option<i64>,
    ) -> Result<Before, EngineError> {
        let number = store_number(entry_key);
        let ordered = match lookup(&self.tables, Family::Ordered, Kind::Ordered, entry_key)? {
            Lookup::Absent => return Ok(Before::Absent),
            Lookup::Missing => None,
            Lookup::Here(record) => Ordered::decode(entry_key, record.value()).ok(),
        };
        let is_confirmed = match ordered {
            None => false,
            Some(ordered) => match ordered.value {
                None => self.is_removed(entry_key, &ordered)?,
                Some(value) => {
                    let place = place_key(number, scope, value, name);
                    if new == Some(value) {
                        // Written anew by the caller.
                        self.tables.table(Family::Board)?.get(&place[..])?.is_some()
                    } else {
                        let is_indexed =
                            self.tables.remove(Family::Index, &Kind::Place.key(&place))?;
                        self.tables.remove(Family::Board, &place)? && is_indexed
                    }
                }
            },
        };
        match ordered {
            Some(ordered) if is_confirmed => Ok(Before::Known(ordered.value)),
            // The entry may stand anywhere on its board.
            Some(_) | None => Ok(Before::Damaged(self.leave_all_places(number, scope, name)?)),
        }
    }

    /// Whether the index confirms that an entry has no value.
    fn is_removed(&self, entry_key: &[u8], ordered: &Ordered) -> Result<bool, EngineError> {
        let key = Kind::Ordered.key(entry_key);
        let witness = self.tables.table(Family::Index)?.get(&key[..])?;
        let witness = witness.map(|witness| Witness::decode(&key, witness.value()));
        Ok(witness == Some(Ok(Witness::of(ordered))))
    }

    /// Takes an entry off its board, wherever it stands. Reads the whole board, but only for an
    /// entry that was damaged.
    fn leave_all_places(
        &mut self,
        number: u32,
        scope: &str,
        name: &str,
    ) -> Result<Option<i64>, EngineError> {
        let (start, end) = board_bounds(number, scope, i64::MIN, i64::MAX);
        let end = end.unwrap_or_default();
        let mut places = Vec::new();
        for (family, prefix) in [(Family::Board, None), (Family::Index, Some(Kind::Place))] {
            let of = |key: &[u8]| prefix.map_or_else(|| key.to_vec(), |kind| kind.key(key));
            let (start, end) = (of(&start), of(&end));
            for item in self.tables.table(family)?.range::<&[u8]>(&start[..]..&end[..])? {
                let (key, _) = item?;
                let place = key.value().get(usize::from(prefix.is_some())..);
                let place = place.and_then(parse_place_key);
                if let Some((_, _, value, _)) = place.filter(|(.., key)| key.as_str() == name) {
                    places.push((value, family, key.value().to_vec()));
                }
            }
        }
        for (_, family, key) in &places {
            self.tables.remove(*family, key)?;
        }
        Ok(places.first().map(|(value, ..)| *value))
    }
}
