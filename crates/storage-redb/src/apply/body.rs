//! Conditions and changes of the families that have a body: records, their operations, game servers
//! and mail.

use redb::ReadableTable;
use steadfast_core::{Condition, Revision, Timestamp};

use super::Apply;
use crate::bytes::Family;
use crate::encode::bodied;
use crate::encode::stamped::Stamped;
use crate::engine::{EngineError, Source};
use crate::prepare::BodyRef;

impl Apply<'_, '_> {
    /// Whether a condition holds of a row. One look where there is a row, a second one only where
    /// there is none; the write that follows then needs no third.
    pub(super) fn body_holds(
        &self,
        condition: Condition,
        at: &mut BodyRef,
    ) -> Result<bool, EngineError> {
        let key = &at.place.entry_key[..];
        let Some(record) = self.tables.table(at.of.family())?.get(key)? else {
            let is_indexed = match at.of.witness(key) {
                Some(kind) => self.tables.table(Family::Index)?.get(&kind.key(key)[..])?.is_some(),
                None => false,
            };
            at.is_indexed = Some(is_indexed);
            return Ok(condition == Condition::Absent && !is_indexed);
        };
        at.is_indexed = Some(true);
        Ok(match (condition, bodied::decode(at.of, key, record.value())) {
            (Condition::At(revision), Ok((stamped, _))) => stamped.revision == revision,
            (Condition::Absent, _) | (Condition::At(_), Err(_)) => false,
        })
    }

    pub(super) fn put_body(
        &mut self,
        at: BodyRef,
        revision: Revision,
        body: &[u8],
        stamp: Timestamp,
    ) -> Result<(), EngineError> {
        let BodyRef { of, place, is_indexed } = at;
        let key = self.numbered(place)?;
        let stamped = Stamped { revision, stamped_at: stamp };
        self.tables.insert(of.family(), &key, &bodied::encode(of, &key, stamped, body))?;
        match (of.witness(&key), is_indexed) {
            (None, _) | (Some(_), Some(true)) => Ok(()),
            (Some(kind), Some(false)) => self.put_index(&kind.key(&key), 0),
            (Some(kind), None) => self.put_index_if_new(&kind.key(&key)),
        }
    }

    pub(super) fn delete_body(&mut self, at: BodyRef) -> Result<(), EngineError> {
        let key = self.numbered(at.place)?;
        self.tables.remove(at.of.family(), &key)?;
        match at.of.witness(&key) {
            Some(kind) => self.tables.remove(Family::Index, &kind.key(&key)).map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn mark_body(&mut self, at: BodyRef) -> Result<(), EngineError> {
        let key = self.numbered(at.place)?;
        self.tables.remove(at.of.family(), &key)?;
        match at.of.witness(&key) {
            Some(kind) => self.put_index_if_new(&kind.key(&key)),
            None => Ok(()),
        }
    }
}
