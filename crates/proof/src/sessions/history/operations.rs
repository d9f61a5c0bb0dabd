//! Operations as callers know them: what was queued, what was said of it, and what records show.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::operation::{OperationStatus, QueueRefusal, Queued};
use steadfast_core::{Content, OperationId, SessionId};

use super::{SessionHistory, Verdict};
use crate::sessions::deeds::number_of;
use crate::sessions::sheet::Applied;
use crate::sessions::witness::Queueing;

/// What is known of the operations of one record.
#[derive(Clone, Debug, Default)]
pub(super) struct Operations {
    /// The numbers of all that somebody wanted to queue.
    asked: BTreeSet<u32>,
    /// The payload that somebody was told to be queued.
    payloads: BTreeMap<OperationId, u128>,
    ended: BTreeMap<OperationId, OperationStatus>,
    /// Numbers that every later reader sees.
    applied: BTreeSet<u32>,
    /// Whether what was said may not hold any more: the record was put back, or something is lost.
    is_void: bool,
}

impl Operations {
    /// Nothing that was said counts any more, nor what is said from now on.
    pub(super) fn void(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        *self = Self { asked, is_void: true, ..Self::default() };
    }

    /// Whether that is so.
    pub(super) fn is_void(&self) -> bool {
        self.is_void
    }

    pub(super) fn asks(&mut self, queueing: &Queueing) {
        self.asked.extend(number_of(&queueing.id));
    }

    /// Somebody is told that an operation is queued.
    pub(super) fn queued(&mut self, queueing: &Queueing, queued: &Queued) -> Verdict {
        let (Some(hash), false) = (queueing.hash, self.is_void) else { return Ok(()) };
        let known = *self.payloads.entry(queueing.id.clone()).or_insert(hash.0);
        if known != hash.0 {
            let id = &queueing.id;
            return Err(format!("`payload`: {id} was queued with one payload, and with another"));
        }
        queued.receipt.status().map_or(Ok(()), |status| self.ends(&queueing.id, status))
    }

    /// Somebody is told how an operation ended.
    pub(super) fn ends(&mut self, id: &OperationId, status: OperationStatus) -> Verdict {
        if self.is_void {
            return Ok(());
        }
        let known = *self.ended.entry(id.clone()).or_insert(status);
        if known != status {
            let (one, other) = (known.name(), status.name());
            return Err(format!("`ends`: {id} was said to be {one}, and then {other}"));
        }
        if status == OperationStatus::Applied && Applied::leaves_number(id) {
            self.applied.extend(number_of(id));
        }
        Ok(())
    }

    /// What whoever opens the record from now on must find.
    pub(super) fn applied(&self) -> BTreeSet<u32> {
        self.applied.clone()
    }

    /// Somebody sees that these were applied.
    pub(super) fn shows(&self, numbers: &[u32], required: &BTreeSet<u32>) -> Verdict {
        let mut seen = BTreeSet::new();
        for number in numbers {
            if !seen.insert(*number) {
                return Err(format!("`twice`: operation {number} was applied twice"));
            }
            if !self.asked.contains(number) {
                return Err(format!("`unasked`: operation {number} was applied, nobody asked"));
            }
        }
        match required.difference(&seen).next() {
            Some(number) if !self.is_void => {
                Err(format!("`forgotten`: operation {number} was said to be applied, and is gone"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What stands at the end.
    pub(super) fn rest(&self, content: Option<&Content>) -> Verdict {
        let numbers = content.map(|content| Applied::of(&content.value).numbers);
        self.shows(&numbers.unwrap_or_default(), &self.applied)
    }
}

impl SessionHistory {
    pub(super) fn on_queued(
        &mut self,
        queueing: &Queueing,
        result: Result<&Queued, &QueueRefusal>,
    ) -> Verdict {
        let key = self.key(&queueing.entry);
        let operations = &mut self.at(key).operations;
        operations.asks(queueing);
        result.map_or(Ok(()), |queued| operations.queued(queueing, queued))
    }

    /// A session shows what was applied.
    pub(super) fn on_showed(
        &mut self,
        process: usize,
        session: SessionId,
        numbers: &[u32],
    ) -> Verdict {
        let sitting = self.sitting(process, session)?;
        let (key, required) = (sitting.key, std::mem::take(&mut sitting.required));
        let state = self.at(key);
        let name = state.name.clone();
        state
            .operations
            .shows(numbers, &required)
            .map_err(|evidence| format!("{evidence}; seen in {name}"))
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::operation::{PayloadHash, ReceiptBody, ReceiptState, Tries};
    use steadfast_core::{EntryId, EntryKey, Scope, StoreId, StoreName, Timestamp, UniverseId};

    use super::*;
    use crate::sessions::deeds::Deed;

    fn queueing(number: u32, amount: u64) -> Queueing {
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("players") };
        let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("p1") };
        let deed = Deed::Coins;
        let hash = PayloadHash::of(&deed.kind(), &deed.payload(number, amount));
        Queueing { entry, id: deed.id(number), hash: Some(hash) }
    }

    fn queued(queueing: &Queueing) -> Queued {
        let state = ReceiptState::Pending { seq: 0, tries: Tries::default() };
        let (issued_at, is_permanent) = (Timestamp::EPOCH, false);
        let hash = queueing.hash.unwrap();
        let receipt = ReceiptBody { hash, issued_at, is_permanent, state };
        Queued { receipt, is_new: true, holder: None }
    }

    #[track_caller]
    fn breaks(verdict: Verdict, rule: &str) {
        let said = verdict.unwrap_err();
        assert!(said.starts_with(&format!("`{rule}`")), "not {rule}: {said}");
    }

    /// Operations 1 to 3 were asked for.
    fn asked() -> Operations {
        let mut operations = Operations::default();
        (1..=3).for_each(|number| operations.asks(&queueing(number, 5)));
        operations
    }

    #[test]
    fn do1_an_operation_is_seen_once_and_only_if_somebody_asked() {
        let operations = asked();
        let none = BTreeSet::new();
        assert_eq!(operations.shows(&[2, 1], &none), Ok(()));
        breaks(operations.shows(&[1, 2, 1], &none), "twice");
        breaks(operations.shows(&[4], &none), "unasked");
    }

    #[test]
    fn do1_what_was_said_to_be_applied_is_seen_unless_the_record_was_put_back() {
        let mut operations = asked();
        let id = Deed::Coins.id(1);
        assert_eq!(operations.ends(&id, OperationStatus::Applied), Ok(()));
        let required = operations.applied();
        assert_eq!(operations.shows(&[1], &required), Ok(()));
        breaks(operations.shows(&[2], &required), "forgotten");
        breaks(operations.rest(None), "forgotten");
        breaks(operations.clone().ends(&id, OperationStatus::Failed), "ends");
        operations.void();
        assert_eq!(operations.shows(&[2], &required), Ok(()));
        assert_eq!(operations.ends(&id, OperationStatus::Failed), Ok(()));
        assert_eq!(operations.rest(None), Ok(()));
    }

    #[test]
    fn do3_one_payload_is_queued_under_one_id() {
        let mut operations = asked();
        let (one, other) = (queueing(1, 5), queueing(1, 6));
        assert_eq!(operations.queued(&one, &queued(&one)), Ok(()));
        assert_eq!(operations.queued(&one, &queued(&one)), Ok(()));
        breaks(operations.queued(&other, &queued(&one)), "payload");
    }
}
