//! The ledgers of records, row by row, and what they hold in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steadfast_core::operation::{
    HeadBody, LedgerBody, LedgerKey, LedgerRun, OperationStatus, PayloadHash, PendingBody,
    QueueBody, ReceiptBody, ReceiptState, Tier,
};
use steadfast_core::{
    EntryId, Found, Monotonic, OperationId, Revision, Row, RowBody, RowKey, RowRange, Timestamp,
};
use steadfast_storage::Rows;

use super::Checked;
use crate::sessions::deeds::{amount_of, mark_of};
use crate::sessions::sheet::Applied;

/// An operation that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    revision: Revision,
    pub(super) body: Arc<PendingBody>,
    /// When it was queued, by the true time.
    pub(super) since: Monotonic,
}

/// What was ever accepted under an id.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) hashes: BTreeSet<u128>,
    pub(super) amount: u64,
    /// What it leaves in the data.
    pub(super) mark: Option<u32>,
    pub(super) issued_at: Timestamp,
    /// Every end of it that was ever written.
    pub(super) ends: BTreeSet<OperationStatus>,
}

/// Why nobody knows an operation any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It is at or below the horizon.
    Pruned,
    /// The record was put back to before it.
    TakenBack,
    /// The store lost it.
    Lost,
}

/// The operations of one record.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    queue: Option<(Revision, QueueBody)>,
    head: Option<(Revision, HeadBody)>,
    pub(super) pending: BTreeMap<u64, Waiting>,
    receipts: BTreeMap<OperationId, (Revision, ReceiptBody)>,
    orders: BTreeMap<(Tier, Timestamp, OperationId), Revision>,
    letters: BTreeMap<OperationId, Revision>,
    /// What the rows amount to.
    counted: HeadBody,
    pending_size: u64,
    /// What the data holds.
    pub(super) data: Applied,
    pub(super) present: BTreeSet<u32>,
    /// Applied to data that was deleted since.
    pub(super) deleted: BTreeSet<u32>,
    pub(super) accepted: BTreeMap<OperationId, Accepted>,
    pub(super) ids: BTreeMap<u32, OperationId>,
    /// What operations bring in, by their numbers.
    pub(super) brings: BTreeMap<u32, u64>,
    /// What transactions over several sessions bring, by their numbers.
    pub(super) gains: BTreeMap<u32, i64>,
    pub(super) left: BTreeMap<OperationId, Leave>,
    /// What somebody was told to be queued.
    pub(super) promised: BTreeSet<OperationId>,
    /// Whether it was ever put back or emptied.
    pub(super) is_repaired: bool,
}

/// What a batch did to a ledger.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// The receipts that it wrote, as they were before.
    pub(super) receipts: BTreeMap<OperationId, Option<ReceiptBody>>,
    /// What waits no more.
    pub(super) unqueued: Vec<(u64, OperationId)>,
    /// What waits and was written again, as it was before.
    pub(super) judged: Vec<(u64, Arc<PendingBody>)>,
    pub(super) horizon: Option<Timestamp>,
}

impl Ledger {
    /// The ledger in numbers, as it is stored.
    pub(super) fn head(&self) -> HeadBody {
        self.head.map(|(_, head)| head).unwrap_or_default()
    }

    fn queue(&self) -> QueueBody {
        self.queue.map(|(_, queue)| queue).unwrap_or_default()
    }

    pub(super) fn receipt(&self, id: &OperationId) -> Option<&ReceiptBody> {
        self.receipts.get(id).map(|(_, receipt)| receipt)
    }

    pub(super) fn status(&self, id: &OperationId) -> Option<OperationStatus> {
        self.receipt(id)?.status()
    }

    pub(super) fn applied(&self) -> impl Iterator<Item = &OperationId> {
        let is_applied = |receipt: &ReceiptBody| receipt.status() == Some(OperationStatus::Applied);
        self.receipts.iter().filter(move |(_, (_, it))| is_applied(it)).map(|(id, _)| id)
    }

    /// The revision of a row of it.
    pub(super) fn revision(&self, key: &LedgerKey) -> Option<Revision> {
        match key {
            LedgerKey::Queue => self.queue.map(|(revision, _)| revision),
            LedgerKey::Head => self.head.map(|(revision, _)| revision),
            LedgerKey::Pending(seq) => self.pending.get(seq).map(|waiting| waiting.revision),
            LedgerKey::Receipt(id) => self.receipts.get(id).map(|(revision, _)| *revision),
            LedgerKey::Order(tier, time, id) => {
                self.orders.get(&(*tier, *time, id.clone())).copied()
            }
            LedgerKey::DeadLetter(id) => self.letters.get(id).copied(),
        }
    }

    /// A row was written.
    pub(super) fn put(
        &mut self,
        now: Monotonic,
        (key, revision, body): (&LedgerKey, Revision, &LedgerBody),
        touched: &mut Touched,
    ) -> Checked {
        match (key, body) {
            (LedgerKey::Queue, LedgerBody::Queue(body)) => self.queue = Some((revision, *body)),
            (LedgerKey::Head, LedgerBody::Head(body)) => self.head = Some((revision, *body)),
            (LedgerKey::Pending(seq), LedgerBody::Pending(body)) => {
                self.put_pending(now, (*seq, revision, body), touched);
            }
            (LedgerKey::Receipt(id), LedgerBody::Receipt(body)) => {
                self.take_receipt(id, touched);
                self.count(id, body, true);
                self.receipts.insert(id.clone(), (revision, (**body).clone()));
            }
            (LedgerKey::Order(tier, time, id), LedgerBody::Order) => {
                let place = (*tier, *time, id.clone());
                let before = self.orders.insert(place, revision);
                if *tier == Tier::Dead && before.is_none() {
                    self.counted.dead_count += 1;
                }
            }
            (LedgerKey::DeadLetter(id), LedgerBody::DeadLetter(_)) => {
                self.letters.insert(id.clone(), revision);
            }
            (key, _) => return Err(format!("DO4: {key} holds what does not belong there")),
        }
        Ok(())
    }

    fn put_pending(
        &mut self,
        now: Monotonic,
        (seq, revision, body): (u64, Revision, &Arc<PendingBody>),
        touched: &mut Touched,
    ) {
        let before = self.pending.get(&seq);
        let since = before.map_or(now, |before| before.since);
        match before {
            Some(before) => touched.judged.push((seq, Arc::clone(&before.body))),
            None => self.accept(body),
        }
        self.pending.insert(seq, Waiting { revision, body: Arc::clone(body), since });
    }

    fn accept(&mut self, body: &Arc<PendingBody>) {
        if !body.is_permanent {
            self.pending_size += ReceiptBody::kept_size(&body.id);
        }
        let (hash, amount) = (PayloadHash::of(&body.kind, &body.payload), amount_of(&body.payload));
        let mark = mark_of(&body.kind, &body.id);
        let issued_at = body.issued_at;
        let accepted = self.accepted.entry(body.id.clone()).or_insert_with(|| Accepted {
            hashes: BTreeSet::new(),
            amount,
            mark,
            issued_at,
            ends: BTreeSet::new(),
        });
        accepted.hashes.insert(hash.0);
        (accepted.amount, accepted.issued_at) = (amount, issued_at);
        if let Some(mark) = mark {
            self.ids.insert(mark, body.id.clone());
            self.brings.insert(mark, amount);
        }
    }

    /// A row was deleted.
    pub(super) fn delete(&mut self, key: &LedgerKey, touched: &mut Touched) -> Checked {
        match key {
            LedgerKey::Queue | LedgerKey::Head => {
                return Err(format!("DO2: {key} was deleted"));
            }
            LedgerKey::Pending(seq) => {
                if let Some(waiting) = self.pending.remove(seq) {
                    if !waiting.body.is_permanent {
                        self.pending_size -= ReceiptBody::kept_size(&waiting.body.id);
                    }
                    touched.unqueued.push((*seq, waiting.body.id.clone()));
                }
            }
            LedgerKey::Receipt(id) => self.take_receipt(id, touched),
            LedgerKey::Order(tier, time, id) => {
                let before = self.orders.remove(&(*tier, *time, id.clone()));
                if *tier == Tier::Dead && before.is_some() {
                    self.counted.dead_count -= 1;
                }
            }
            LedgerKey::DeadLetter(id) => drop(self.letters.remove(id)),
        }
        Ok(())
    }

    fn take_receipt(&mut self, id: &OperationId, touched: &mut Touched) {
        let before = self.receipts.remove(id).map(|(_, receipt)| receipt);
        if let Some(before) = &before {
            self.count(id, before, false);
        }
        touched.receipts.entry(id.clone()).or_insert(before);
    }

    /// Counts a receipt in, or out.
    fn count(&mut self, id: &OperationId, receipt: &ReceiptBody, is_in: bool) {
        let counted = &mut self.counted;
        let count = match (&receipt.state, receipt.is_permanent) {
            (ReceiptState::Pending { .. }, _) => return,
            (ReceiptState::Full(_) | ReceiptState::Kept { .. }, true) => {
                &mut counted.permanent_count
            }
            (ReceiptState::Full(_), false) => &mut counted.full_count,
            (ReceiptState::Kept { .. }, false) => &mut counted.kept_count,
        };
        let (size, least) = if receipt.is_permanent {
            (0, 0)
        } else {
            (receipt.size(id), ReceiptBody::kept_size(id))
        };
        if is_in {
            *count += 1;
            counted.size += size;
            counted.least_size += least;
        } else {
            *count -= 1;
            counted.size -= size;
            counted.least_size -= least;
        }
    }

    /// DO6: the numbers are those of the rows. After a loss a late copy of a save may count out what
    /// was never queued in this line of the store: then fewer are said to wait than do.
    pub(super) fn check_numbers(&self, has_lost: bool) -> Checked {
        let (head, queue) = (self.head(), self.queue());
        let HeadBody { settled_count, settled_size, horizon, .. } = head;
        let counted = HeadBody { settled_count, settled_size, horizon, ..self.counted };
        if head != counted {
            return Err(format!("DO6: the ledger says {head:?}, its rows {counted:?}"));
        }
        let waiting = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
        let said = (queue.count.checked_sub(settled_count), queue.size.checked_sub(settled_size));
        if said != (Some(waiting), Some(self.pending_size)) && !has_lost {
            let size = self.pending_size;
            return Err(format!("DO6: {said:?} are said to wait, {waiting} of {size} bytes do"));
        }
        let placed = head.full_count + head.kept_count + head.dead_count;
        if u32::try_from(self.orders.len()).ok() != Some(placed) {
            let found = self.orders.len();
            return Err(format!("DO6: {found} places in the order for {placed} receipts"));
        }
        if u32::try_from(self.letters.len()).ok() != Some(head.dead_count) {
            let letters = self.letters.len();
            return Err(format!("DO6: {letters} dead letters, {} are counted", head.dead_count));
        }
        Ok(())
    }

    /// Whether a receipt stands in the order where it should.
    pub(super) fn is_placed(&self, id: &OperationId, receipt: &ReceiptBody) -> bool {
        let has = |tier| self.orders.contains_key(&(tier, receipt.issued_at, id.clone()));
        let is_full = matches!(receipt.state, ReceiptState::Full(_)) && !receipt.is_permanent;
        let is_kept = matches!(receipt.state, ReceiptState::Kept { .. }) && !receipt.is_permanent;
        (has(Tier::Full), has(Tier::Kept)) == (is_full, is_kept)
    }

    /// An operation ended without a receipt: nobody knows how.
    pub(super) fn end_unseen(&mut self, id: &OperationId) {
        if let Some(accepted) = self.accepted.get_mut(id) {
            accepted.ends.extend(OperationStatus::ALL);
        }
    }

    /// What the data holds from now on.
    pub(super) fn set_data(&mut self, data: Applied) {
        self.present = data.numbers.iter().copied().collect();
        self.data = data;
    }

    /// The store lost what came after these rows.
    pub(super) fn rewind(&mut self, now: Monotonic, entry: &EntryId, rows: &Rows) {
        let range = RowRange::Ledger { entry: entry.clone(), run: LedgerRun::All, after: None };
        let before = std::mem::take(&mut self.pending);
        let known: Vec<OperationId> = std::mem::take(&mut self.receipts).into_keys().collect();
        (self.queue, self.head) = (None, None);
        self.orders.clear();
        self.letters.clear();
        (self.counted, self.pending_size) = (HeadBody::default(), 0);
        for found in rows.scan(&range, usize::MAX).rows {
            let Found::Row(Row { key: RowKey::Ledger(_, key), revision, body, .. }) = found else {
                continue;
            };
            if let RowBody::Ledger(body) = body {
                let place = (&key, revision, &body);
                // What it says of the batch is of no use here.
                drop(self.put(now, place, &mut Touched::default()));
            }
        }
        for (seq, waiting) in &mut self.pending {
            if let Some(before) = before.get(seq).filter(|it| it.body.id == waiting.body.id) {
                waiting.since = before.since;
            }
        }
        let horizon = self.head().horizon;
        for id in known {
            if !self.receipts.contains_key(&id) {
                self.left.insert(id, Leave::Lost);
            }
        }
        let Self { left, receipts, accepted, .. } = self;
        for (id, leave) in left.iter_mut() {
            let issued_at = accepted.get(id).map(|accepted| accepted.issued_at);
            if *leave == Leave::Pruned && issued_at > horizon {
                *leave = Leave::Lost;
            }
        }
        left.retain(|id, _| !receipts.contains_key(id));
        let data = match rows.get(&RowKey::Entry(entry.clone())) {
            Found::Row(Row { body: RowBody::Entry(body), .. }) => body.content,
            Found::Row(_) | Found::Absent | Found::Corrupt(_) => None,
        };
        self.set_data(data.map(|content| Applied::of(&content.value)).unwrap_or_default());
    }

    /// Whether these rows are what is known.
    pub(super) fn check_rows(&self, entry: &EntryId, rows: &Rows) -> Checked {
        let range = RowRange::Ledger { entry: entry.clone(), run: LedgerRun::All, after: None };
        for found in rows.scan(&range, usize::MAX).rows {
            let Some(RowKey::Ledger(_, key)) = found.key() else { continue };
            if self.revision(key) != found.revision() {
                return Err(format!("DO4: {key} of {entry} is not as it was written"));
            }
        }
        Ok(())
    }
}
