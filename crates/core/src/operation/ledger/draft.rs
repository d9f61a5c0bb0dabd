//! A ledger as it will be once a write is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{LedgerRows, LedgerTerms, ReadRows, Tally, ledger_key};
use crate::batch::Write;
use crate::id::OperationId;
use crate::json::JsonText;
use crate::operation::body::byte_count;
use crate::operation::stored::{Stored, put, row, shortened};
use crate::operation::{
    Attempt, DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, OperationSettings,
    PendingBody, ReceiptBody, ReceiptState, Receipted, Settlement, Tier, Tries,
};
use crate::platform::{PlatformError, as_read};
use crate::row::{Birth, Found, Row, RowBody};
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) struct Draft {
    pub(super) terms: LedgerTerms,
    /// Which rows the answer to the read that is out is of.
    pub(super) asked: Vec<LedgerKey>,
    settings: Arc<OperationSettings>,
    head: HeadBody,
    /// The rows as they were read.
    read: ReadRows,
    /// What they hold from now on; nothing where they go.
    changed: BTreeMap<LedgerKey, Option<LedgerBody>>,
    /// What ends with this write.
    settled: BTreeSet<OperationId>,
    /// What ends is planned on these, as they were read. Who queues writes them too: after a fail-over
    /// that loses a queueing, a late copy of a save could take away what waits in its place now.
    planned_on: BTreeSet<LedgerKey>,
    /// Whether the ledger in numbers was counted anew.
    is_rebuilt: bool,
}

impl Draft {
    pub(super) fn new(terms: LedgerTerms, settings: Arc<OperationSettings>) -> Self {
        let (head, read, changed) = (HeadBody::default(), ReadRows::new(), BTreeMap::new());
        let (asked, settled, planned_on) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let is_rebuilt = false;
        Self { terms, asked, settings, head, read, changed, settled, planned_on, is_rebuilt }
    }

    /// Takes in the rows that were asked for last.
    pub(super) fn add_read(&mut self, rows: Vec<Found>) {
        self.read.extend(std::mem::take(&mut self.asked).into_iter().zip(rows));
    }

    /// Starts from the ledger in numbers, which must be readable: nothing is guessed.
    pub(super) fn open(&mut self) -> Result<(), PlatformError> {
        let head = self.read.get(&LedgerKey::Head).unwrap_or(&Found::Absent);
        self.head = Stored::of(head, LedgerBody::head)?.map(|it| it.body).unwrap_or_default();
        Ok(())
    }

    pub(super) fn is_head_damaged(&self) -> bool {
        matches!(self.read.get(&LedgerKey::Head), Some(Found::Corrupt(_)))
    }

    /// Starts from what the rows add up to, in the place of damaged numbers.
    pub(super) fn rebuild(&mut self, tally: Tally) -> Result<(), PlatformError> {
        let queue = self.read.get(&LedgerKey::Queue).unwrap_or(&Found::Absent);
        let queue = Stored::of(queue, LedgerBody::queue)?.map(|it| it.body).unwrap_or_default();
        self.head = tally.head(&queue, self.terms.now);
        self.is_rebuilt = true;
        Ok(())
    }

    pub(super) fn has_read(&self, key: &LedgerKey) -> bool {
        self.read.contains_key(key)
    }

    /// Whether it is known what a row will hold.
    pub(super) fn has(&self, key: &LedgerKey) -> bool {
        self.changed.contains_key(key) || self.has_read(key)
    }

    /// A receipt as it will be; nothing if there will be none, or it is damaged.
    pub(super) fn receipt(&self, id: &OperationId) -> Option<ReceiptBody> {
        let key = LedgerKey::Receipt(id.clone());
        if let Some(changed) = self.changed.get(&key) {
            return changed.as_ref()?.receipt().cloned();
        }
        let stored = Stored::of(self.read.get(&key)?, LedgerBody::receipt).ok()??;
        Some(stored.body.clone().dated(stored.stamped_at))
    }

    /// The operation that will wait at a place of the queue, if it is that of an id.
    fn waiting(&self, seq: u64, id: &OperationId) -> Option<Arc<PendingBody>> {
        let key = LedgerKey::Pending(seq);
        if self.changed.contains_key(&key) {
            return None;
        }
        let stored = Stored::of(self.read.get(&key)?, LedgerBody::pending).ok()??;
        (stored.body.id == *id).then(|| Arc::clone(stored.body))
    }

    /// Takes out what ended after the entry stood at a counter.
    pub(super) fn undo(&mut self, receipts: Vec<Found>, counter: u64) {
        for found in receipts {
            let Some(LedgerKey::Receipt(id)) = ledger_key(&found).cloned() else { continue };
            self.read.insert(LedgerKey::Receipt(id.clone()), found);
            let Some(receipt) = self.receipt(&id) else { continue };
            let ended_at = match &receipt.state {
                ReceiptState::Pending { .. } => continue,
                ReceiptState::Full(Receipted { entry_counter, .. })
                | ReceiptState::Kept { entry_counter, .. } => *entry_counter,
            };
            if ended_at > counter {
                self.take_out(&id, &receipt);
            }
        }
    }

    /// Notes tries in vain of an operation that waits.
    pub(super) fn try_again(&mut self, attempt: &Attempt) {
        let Some(mut receipt) = self.receipt(&attempt.id) else { return };
        if let ReceiptState::Pending { tries, .. } = &mut receipt.state {
            let last_error = attempt.tries.last_error.as_ref().map(shortened);
            *tries = Tries { last_error, ..attempt.tries };
            let body = LedgerBody::Receipt(Box::new(receipt));
            let key = LedgerKey::Receipt(attempt.id.clone());
            self.planned_on.insert(key.clone());
            self.changed.insert(key, Some(body));
        }
    }

    /// Makes the receipt of an operation that ended, also if the store does not know it any more:
    /// the data holds its effect. Then its receipt must be missing still, so that nobody who queues
    /// it again meanwhile has it applied twice.
    pub(super) fn settle(&mut self, settlement: &Settlement) {
        let (id, body) = (settlement.id(), &settlement.body);
        let key = LedgerKey::Receipt(id.clone());
        let known = self.receipt(id);
        if known.as_ref().and_then(ReceiptBody::status) == Some(settlement.status) {
            // A store that went back still has it, of the revision that held its effect first: a
            // restore to one since then must not take it back.
            return;
        }
        self.planned_on.insert(key);
        let mut places = BTreeSet::from([settlement.seq]);
        let mut is_permanent = settlement.is_permanent || body.is_permanent;
        if let Some(known) = &known {
            is_permanent |= known.is_permanent;
            if let ReceiptState::Pending { seq, .. } = known.state {
                places.insert(seq);
            }
            self.take_out(id, known);
        }
        for seq in places {
            let Some(waiting) = self.waiting(seq, id) else { continue };
            self.planned_on.insert(LedgerKey::Pending(seq));
            self.changed.insert(LedgerKey::Pending(seq), None);
            self.head.settled_count += 1;
            if !waiting.is_permanent {
                self.head.settled_size += ReceiptBody::kept_size(id);
            }
        }
        let (kind, status) = (body.kind.clone(), settlement.status);
        let is_stored = |result: &&JsonText| result.size() <= self.settings.result_size_max;
        let receipted = Receipted {
            kind,
            status,
            settled: Birth::ThisWrite,
            entry_counter: self.terms.entry_counter,
            result: settlement.result.as_ref().filter(is_stored).cloned(),
            error: settlement.error.as_ref().map(shortened),
            tries: settlement.tries,
            death: settlement.death,
        };
        let state = ReceiptState::Full(receipted);
        let (hash, issued_at) = (settlement.hash(), body.issued_at);
        self.put_in(id, ReceiptBody { hash, issued_at, is_permanent, state });
        self.settled.insert(id.clone());
        if let Some(death) = settlement.death {
            self.bury(settlement, death, is_permanent);
        }
    }

    fn bury(&mut self, settlement: &Settlement, death: Death, is_permanent: bool) {
        let (id, body) = (settlement.id(), &settlement.body);
        let key = LedgerKey::DeadLetter(id.clone());
        let earlier = self.read.get(&key).map(|found| Stored::of(found, LedgerBody::dead_letter));
        if let Some(Ok(Some(earlier))) = earlier
            && !self.changed.contains_key(&key)
        {
            let died_at = earlier.body.died.time(earlier.stamped_at);
            self.forget_letter(died_at, id);
        }
        let now = self.terms.now;
        let payload_size = body.payload.size();
        let is_small = payload_size <= self.settings.dead_letter_payload_max;
        let letter = DeadLetterBody {
            kind: body.kind.clone(),
            payload: is_small.then(|| body.payload.clone()),
            payload_size: byte_count(payload_size),
            schema: body.schema,
            is_permanent,
            issued_at: body.issued_at,
            // The time by which the row of the order is named.
            died: Birth::At(now),
            death,
            error: settlement.error.as_ref().map(shortened).unwrap_or_default(),
            tries: settlement.tries,
            requeued_as: None,
        };
        let order = LedgerKey::Order(Tier::Dead, now, id.clone());
        if !matches!(self.changed.get(&order), Some(Some(_))) {
            self.head.dead_count += 1;
        }
        self.changed.insert(key, Some(LedgerBody::DeadLetter(Arc::new(letter))));
        self.changed.insert(order, Some(LedgerBody::Order));
    }

    /// Adds a receipt of an operation that ended.
    fn put_in(&mut self, id: &OperationId, receipt: ReceiptBody) {
        let Some(tier) = tier_of(&receipt) else { return };
        if receipt.is_permanent {
            self.head.permanent_count += 1;
        } else {
            *self.count_mut(tier) += 1;
            self.head.size += receipt.size(id);
            self.head.least_size += ReceiptBody::kept_size(id);
            let order = LedgerKey::Order(tier, receipt.issued_at, id.clone());
            self.changed.insert(order, Some(LedgerBody::Order));
        }
        let body = LedgerBody::Receipt(Box::new(receipt));
        self.changed.insert(LedgerKey::Receipt(id.clone()), Some(body));
    }

    /// Takes out a receipt of an operation that ended. One that waits was never counted.
    fn take_out(&mut self, id: &OperationId, receipt: &ReceiptBody) {
        let Some(tier) = tier_of(receipt) else { return };
        let head = &mut self.head;
        if receipt.is_permanent {
            head.permanent_count = head.permanent_count.saturating_sub(1);
        } else {
            head.size = head.size.saturating_sub(receipt.size(id));
            head.least_size = head.least_size.saturating_sub(ReceiptBody::kept_size(id));
            let count = self.count_mut(tier);
            *count = count.saturating_sub(1);
            self.changed.insert(LedgerKey::Order(tier, receipt.issued_at, id.clone()), None);
        }
        self.changed.insert(LedgerKey::Receipt(id.clone()), None);
    }

    /// Forgets an operation, so that nobody may take its id for a new one from now on.
    pub(super) fn forget(&mut self, id: &OperationId, receipt: &ReceiptBody) {
        self.take_out(id, receipt);
        self.head.horizon = self.head.horizon.max(Some(receipt.issued_at));
    }

    /// Has less of a receipt: of a full one its id, of an id nothing.
    pub(super) fn demote(&mut self, tier: Tier, id: &OperationId, receipt: &ReceiptBody) {
        match &receipt.state {
            ReceiptState::Full(Receipted { status, settled, entry_counter, .. })
                if tier == Tier::Full =>
            {
                let (status, settled, entry_counter) = (*status, *settled, *entry_counter);
                let state = ReceiptState::Kept { status, settled, entry_counter };
                self.take_out(id, receipt);
                self.put_in(id, ReceiptBody { state, ..receipt.clone() });
            }
            ReceiptState::Kept { .. } if tier == Tier::Kept => self.forget(id, receipt),
            // Its place in the order is a leftover of damage.
            ReceiptState::Full(_) | ReceiptState::Kept { .. } | ReceiptState::Pending { .. } => {}
        }
    }

    /// Takes out a dead letter.
    pub(super) fn forget_letter(&mut self, died_at: Timestamp, id: &OperationId) {
        self.head.dead_count = self.head.dead_count.saturating_sub(1);
        self.changed.insert(LedgerKey::DeadLetter(id.clone()), None);
        self.changed.insert(LedgerKey::Order(Tier::Dead, died_at, id.clone()), None);
    }

    /// How many there are of a tier.
    pub(super) fn count(&self, tier: Tier) -> u32 {
        match tier {
            Tier::Full => self.head.full_count,
            Tier::Kept => self.head.kept_count,
            Tier::Dead => self.head.dead_count,
        }
    }

    fn count_mut(&mut self, tier: Tier) -> &mut u32 {
        match tier {
            Tier::Full => &mut self.head.full_count,
            Tier::Kept => &mut self.head.kept_count,
            Tier::Dead => &mut self.head.dead_count,
        }
    }

    /// How many of a tier are too many. What full receipts say beside their ids gives way where the
    /// ledger is too large; who knows how many of them that takes reads a few at a time.
    pub(super) fn excess(&self, tier: Tier) -> usize {
        let OperationSettings { receipts_max, kept_max, dead_letters_max, .. } = *self.settings;
        let max = match tier {
            Tier::Full => receipts_max,
            Tier::Kept => kept_max,
            Tier::Dead => dead_letters_max,
        };
        let excess = self.count(tier).saturating_sub(max);
        let is_large = tier == Tier::Full && self.head.size > self.settings.ledger_size_max;
        let excess = if is_large { excess.max(8.min(self.head.full_count)) } else { excess };
        usize::try_from(excess).unwrap_or(usize::MAX)
    }

    /// Whether an operation that was issued then may have ended too long ago. None ends before it is
    /// issued, but for a clock that was ahead.
    pub(super) fn may_be_aged(&self, issued_at: Timestamp) -> bool {
        issued_at.saturating_add(self.settings.receipt_age_max) < self.terms.now
    }

    /// Whether an operation ended too long ago.
    pub(super) fn is_aged(&self, id: &OperationId, receipt: &ReceiptBody) -> bool {
        let settled = match &receipt.state {
            ReceiptState::Pending { .. } => return false,
            ReceiptState::Full(Receipted { settled, .. }) | ReceiptState::Kept { settled, .. } => {
                settled.time(self.terms.now)
            }
        };
        self.may_be_aged(settled) && !self.settled.contains(id)
    }

    /// The oldest of a tier, as it will be: of these rows of the store and of what the write adds,
    /// behind one row and up to another.
    pub(super) fn oldest(
        &self,
        tier: Tier,
        stored: BTreeSet<LedgerKey>,
        after: Option<&LedgerKey>,
        last: Option<&LedgerKey>,
    ) -> Vec<(Timestamp, OperationId)> {
        let added = self.changed.iter().filter(|(key, body)| {
            body.is_some()
                && matches!(key, LedgerKey::Order(of, ..) if *of == tier)
                && after.is_none_or(|after| *key > after)
                && last.is_none_or(|last| *key <= last)
        });
        let mut keys = stored;
        keys.retain(|key| !matches!(self.changed.get(key), Some(None)));
        keys.extend(added.map(|(key, _)| key.clone()));
        let place = |key| match key {
            LedgerKey::Order(_, time, id) => Some((time, id)),
            LedgerKey::Queue
            | LedgerKey::Head
            | LedgerKey::Pending(_)
            | LedgerKey::Receipt(_)
            | LedgerKey::DeadLetter(_) => None,
        };
        keys.into_iter().filter_map(place).collect()
    }

    /// What is to be written, and on what.
    pub(super) fn rows(&mut self) -> LedgerRows {
        let Some(head) = self.read.get(&LedgerKey::Head) else { return LedgerRows::default() };
        if self.changed.is_empty() && !self.is_rebuilt {
            return LedgerRows::default();
        }
        let (entry, write_id) = (&self.terms.entry, self.terms.write_id);
        // On a damaged row there is no condition: the one on the record holds off whoever else writes.
        let head_as_read = as_read(head);
        assert!(head_as_read.is_some() || self.is_rebuilt, "a damaged row was refused before");
        let planned_on = self.planned_on.iter().filter_map(|key| {
            // On a damaged row there is no condition. It is put right by what is written.
            Some((row(entry, key.clone()), as_read(self.read.get(key)?)?))
        });
        let head_key = row(entry, LedgerKey::Head);
        let on_head = head_as_read.map(|as_read| (head_key, as_read));
        let conditions = on_head.into_iter().chain(planned_on).collect();
        let before = Stored::of(head, LedgerBody::head).ok().flatten().map(|it| it.body);
        if before.unwrap_or_default() != self.head {
            self.changed.insert(LedgerKey::Head, Some(LedgerBody::Head(self.head)));
        }
        let mut writes = Vec::new();
        for (key, body) in std::mem::take(&mut self.changed) {
            let found = self.read.get(&key).unwrap_or(&Found::Absent);
            let name = row(entry, key);
            match body {
                Some(body) if is_same(found, &body) => {}
                Some(body) => writes.push(put(found, name, body, write_id)),
                None => writes.push(Write::Delete { key: name }),
            }
        }
        LedgerRows { conditions, writes }
    }
}

/// Whether a row holds a body already, so that there is nothing to write.
fn is_same(found: &Found, body: &LedgerBody) -> bool {
    matches!(found, Found::Row(Row { body: RowBody::Ledger(stored), .. }) if stored == body)
}

/// In which order it stands; nothing if it waits.
pub(super) fn tier_of(receipt: &ReceiptBody) -> Option<Tier> {
    match receipt.state {
        ReceiptState::Pending { .. } => None,
        ReceiptState::Full(_) => Some(Tier::Full),
        ReceiptState::Kept { .. } => Some(Tier::Kept),
    }
}
