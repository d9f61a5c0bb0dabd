//! What is left of ordered data stores: entries, places and witnesses, compared with each other.

use std::collections::BTreeMap;

use super::Patient;
use crate::bytes::{Damage, Family};
use crate::encode::index::Kind;
use crate::encode::keys::{entry_key, parse_entry_key, parse_place_key};
use crate::encode::ordered::{Ordered, Witness};
use crate::encode::stamped::Stamped;

/// What the tables know of an entry of an ordered data store.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderedTraces {
    entry: Option<Result<Ordered, Damage>>,
    /// What stands on the board in its name, by value.
    places: Vec<(i64, Result<Stamped, Damage>)>,
    /// The same as the index has it.
    indexed_places: Vec<(i64, Result<Stamped, Damage>)>,
    witness: Option<Result<Witness, Damage>>,
}

impl OrderedTraces {
    /// What is wrong, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        let ordered = match (&self.entry, &self.witness) {
            (Some(Ok(ordered)), _) => ordered,
            (Some(Err(damage)), _) => return Some(damage.to_string()),
            (None, Some(_)) => return Some("only the index knows it".to_owned()),
            (None, None) => return Some("only its board knows it".to_owned()),
        };
        match &self.witness {
            None => return Some("the index does not know it".to_owned()),
            Some(Err(damage)) => return Some(format!("its witness: {damage}")),
            Some(Ok(witness)) if *witness != Witness::of(ordered) => {
                return Some("the index says something else".to_owned());
            }
            Some(Ok(_)) => {}
        }
        let expected: Vec<_> =
            ordered.value.iter().map(|value| (*value, Ok(ordered.place()))).collect();
        let views = [&self.places, &self.indexed_places];
        if views.iter().all(|view| **view == expected) {
            return None;
        }
        let is_missing = |view: &&Vec<_>| expected.iter().any(|place| !view.contains(place));
        Some(if views.iter().any(is_missing) {
            "it does not stand at its place on the board".to_owned()
        } else {
            "it also stands at another place of the board".to_owned()
        })
    }

    /// The newest state that is verified, and whether it had to be read off the board. Nothing if
    /// there is none, or if a newer one is known of.
    pub(crate) fn newest(&self) -> Option<(Ordered, bool)> {
        let own = self.entry.as_ref().and_then(|entry| entry.as_ref().ok()).copied();
        let places = self.places.iter().chain(&self.indexed_places);
        let standing = places.filter_map(|(value, place)| {
            let Stamped { revision, stamped_at } = *place.as_ref().ok()?;
            Some(Ordered { revision, stamped_at, value: Some(*value) })
        });
        let standing = standing.max_by_key(|ordered| ordered.revision.counter);
        let newest = match (own, standing) {
            (Some(own), Some(standing)) if standing.revision.counter > own.revision.counter => {
                (standing, true)
            }
            (Some(own), _) => (own, false),
            (None, Some(standing)) => (standing, true),
            (None, None) => return None,
        };
        match self.witness {
            Some(Ok(Witness::Removed(revision)))
                if revision.counter > newest.0.revision.counter =>
            {
                None
            }
            Some(Ok(_) | Err(_)) | None => Some(newest),
        }
    }
}

impl Patient {
    /// Everything that any table knows of entries of ordered data stores, by `K`, and how many keys
    /// of boards cannot be read.
    pub(crate) fn ordered(&mut self) -> (BTreeMap<Vec<u8>, OrderedTraces>, u64) {
        let mut entries: BTreeMap<Vec<u8>, OrderedTraces> = BTreeMap::new();
        let mut nameless = 0;
        self.walk(Family::Index, &[Kind::Ordered.byte()], |key, record| {
            if let Some(entry_key) = key.get(1..).filter(|key| parse_entry_key(key).is_some()) {
                let witness = Witness::decode(key, record);
                entries.entry(entry_key.to_vec()).or_default().witness = Some(witness);
            }
        });
        self.walk(Family::Ordered, &[], |key, record| {
            if parse_entry_key(key).is_some() {
                let ordered = Ordered::decode(key, record);
                entries.entry(key.to_vec()).or_default().entry = Some(ordered);
            }
        });
        let index = [Kind::Place.byte()];
        for (is_index, family, prefix) in
            [(false, Family::Board, &[][..]), (true, Family::Index, &index)]
        {
            self.walk(family, prefix, |key, record| {
                let place = key.get(prefix.len()..).and_then(parse_place_key);
                let Some((number, scope, value, name)) = place else {
                    nameless += 1;
                    return;
                };
                let traces = entries.entry(entry_key(number, scope.as_str(), name.as_str()));
                let traces = traces.or_default();
                let places = if is_index { &mut traces.indexed_places } else { &mut traces.places };
                places.push((value, Stamped::decode(family, key, record)));
            });
        }
        (entries, nameless)
    }
}
