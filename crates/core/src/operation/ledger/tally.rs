//! What the rows of a ledger add up to: for one whose row of numbers is damaged.

use super::draft::tier_of;
use crate::operation::{HeadBody, LedgerBody, LedgerKey, QueueBody, ReceiptBody, Tier};
use crate::row::{Found, Row, RowBody, RowKey};
use crate::time::Timestamp;

/// Counts of rows. Damaged ones count nothing.
#[derive(Debug, Default)]
pub(super) struct Tally {
    head: HeadBody,
    pending_count: u64,
    pending_size: u64,
}

impl Tally {
    /// Counts a row.
    pub(super) fn add(&mut self, found: &Found) {
        let Found::Row(Row { key: RowKey::Ledger(_, key), body: RowBody::Ledger(body), .. }) =
            found
        else {
            return;
        };
        let head = &mut self.head;
        if let (LedgerKey::Receipt(id), LedgerBody::Receipt(receipt)) = (key, body) {
            match tier_of(receipt) {
                None => return,
                Some(_) if receipt.is_permanent => head.permanent_count += 1,
                Some(Tier::Full) => head.full_count += 1,
                Some(Tier::Kept) => head.kept_count += 1,
                Some(Tier::Dead) => unreachable!("no receipt is a dead letter"),
            }
            if !receipt.is_permanent {
                head.size += receipt.size(id);
                head.least_size += ReceiptBody::kept_size(id);
            }
        } else if let LedgerBody::Pending(waiting) = body {
            self.pending_count += 1;
            if !waiting.is_permanent {
                self.pending_size += ReceiptBody::kept_size(&waiting.id);
            }
        } else if let LedgerBody::DeadLetter(_) = body {
            head.dead_count += 1;
        }
    }

    /// The ledger in numbers. Which ids left nobody knows: whatever was issued until now may be one of
    /// them.
    pub(super) fn head(self, queue: &QueueBody, now: Timestamp) -> HeadBody {
        HeadBody {
            horizon: Some(now),
            settled_count: queue.count.saturating_sub(self.pending_count),
            settled_size: queue.size.saturating_sub(self.pending_size),
            ..self.head
        }
    }
}
