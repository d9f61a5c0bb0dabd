//! Rescue of rows that have no history: API keys, universes, ordered data stores, reminders.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use steadfast_core::row::{Reviewed, RowBody};
use steadfast_core::{Revision, RowKey, StoreId, Timestamp};

use super::{Rescue, nameless};
use crate::bytes::Family;
use crate::encode::index::Kind;
use crate::encode::keys::{parse_api_key_key, parse_review_key, parse_universe_key};
use crate::encode::stamped::Stamped;
use crate::encode::{api_key, universe};
use crate::engine::EngineError;
use crate::examine::{Traces, Trust};
use crate::prepare::{Change, OrderedRef};

impl Rescue<'_> {
    pub(super) fn rescue_api_keys(&mut self) -> Result<(), EngineError> {
        let mut found = HashMap::new();
        self.patient.walk(Family::ApiKeys, &[], |key, record| {
            let id = parse_api_key_key(key);
            if let Some((id, Ok(row))) = id.map(|id| (id, api_key::decode(id, record))) {
                found.insert(id, row);
            }
        });
        let mut known = Vec::new();
        self.patient.walk(Family::Index, &[Kind::ApiKey.byte()], |key, _| {
            known.extend(key.get(1..).and_then(parse_api_key_key));
        });
        for id in known {
            if !found.contains_key(&id) {
                self.report.damaged.push(RowKey::ApiKey(id));
                self.change(Change::MarkApiKey { id }, Timestamp::EPOCH)?;
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(id, _)| *id);
        for (id, row) in found {
            let RowBody::ApiKey(key) = row.body else { continue };
            self.report.api_key_count += 1;
            let key = Box::new(key);
            self.change(Change::PutApiKey { id, revision: row.revision, key }, row.stamped_at)?;
        }
        Ok(())
    }

    pub(super) fn rescue_universes(&mut self) -> Result<(), EngineError> {
        let (mut found, mut known) = (BTreeMap::new(), BTreeSet::new());
        self.patient.walk(Family::Universes, &[], |key, record| {
            let id = parse_universe_key(key);
            if let Some((id, Ok(row))) = id.map(|id| (id, universe::decode(id, record))) {
                found.insert(id, row);
            }
        });
        self.patient.walk(Family::Index, &[Kind::Universe.byte()], |key, _| {
            known.extend(key.get(1..).and_then(parse_universe_key));
        });
        for universe in known {
            if !found.contains_key(&universe) {
                self.report.damaged.push(RowKey::Universe(universe));
                self.change(Change::MarkUniverse { universe }, Timestamp::EPOCH)?;
            }
        }
        for (universe, row) in found {
            let RowBody::Universe(body) = row.body else { continue };
            self.report.universe_count += 1;
            let revision = row.revision;
            self.change(Change::PutUniverse { universe, revision, body }, row.stamped_at)?;
        }
        Ok(())
    }

    pub(super) fn rescue_ordered(
        &mut self,
        stores: &HashMap<u32, StoreId>,
    ) -> Result<(), EngineError> {
        let (entries, unreadable) = self.patient.ordered();
        if unreadable > 0 {
            let lost = format!("{unreadable} places on boards whose keys cannot be read");
            self.report.lost.push(lost);
        }
        for (entry_key, traces) in entries {
            let Some(entry) = Traces::name(&entry_key, stores) else {
                self.report.lost.push(nameless(&entry_key, stores));
                continue;
            };
            let (key, at) =
                (RowKey::Ordered(entry.clone()), OrderedRef::new(&self.stores, entry.clone()));
            let Some((ordered, is_off_board)) = traces.newest() else {
                self.report.damaged.push(key);
                self.change(Change::MarkOrdered { at }, Timestamp::EPOCH)?;
                continue;
            };
            self.report.ordered_count += 1;
            if is_off_board {
                self.report.recovered.push(key);
            }
            if ordered.value.is_none() {
                self.reviewed.push(Reviewed::Ordered(entry));
            }
            let (revision, value) = (ordered.revision, ordered.value);
            self.change(Change::PutOrdered { at, revision, value }, ordered.stamped_at)?;
        }
        Ok(())
    }

    /// Saves the reminders. If some of them may be lost, everything is looked at again.
    pub(super) fn rescue_reviews(&mut self) -> Result<(), EngineError> {
        let (mut found, mut is_whole) = (BTreeMap::new(), self.patient.trust == Trust::Full);
        is_whole &= self.patient.walk(Family::Reviews, &[], |key, record| {
            let stamped = Stamped::decode(Family::Reviews, key, record);
            match (parse_review_key(key), stamped) {
                (Some(name), Ok(stamped)) => drop(found.insert(name, stamped)),
                (Some(_), Err(_)) | (None, _) => is_whole = false,
            }
        });
        if !is_whole {
            let hour = self.counters.stamped_at.utc_hour().plus(1);
            let (revision, stamped_at) = (Revision { counter: 1, tag: 0 }, Timestamp::EPOCH);
            for reviewed in std::mem::take(&mut self.reviewed) {
                found.entry((hour, reviewed)).or_insert(Stamped { revision, stamped_at });
            }
        }
        for ((hour, reviewed), Stamped { revision, stamped_at }) in found {
            self.report.review_count += 1;
            self.change(Change::PutReview { hour, reviewed, revision }, stamped_at)?;
        }
        Ok(())
    }
}
