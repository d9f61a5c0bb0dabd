//! Repairs of ledgers: pruning them, and counting damaged ones anew.

use steadfast_core::game_server::Claim;
use steadfast_core::operation::{HeadBody, LedgerBody, LedgerWrite, QueueBody};
use steadfast_core::record::{Data, RecordCommand, RecordView, RecordWrite, Repair};
use steadfast_core::{Batch, EntryId, RowBody, Write};

use crate::operator::dry::Rehearsal;
use crate::operator::log::Marks;
use crate::operator::write::{ATTEMPTS_MAX, contended, plan};
use crate::operator::{Action, AsKey, LedgerInfo, Mandate, Operator, OperatorError};

/// Most writes of one compaction. Each prunes about 200 rows.
const COMPACTIONS_MAX: u32 = 64;

/// A ledger that was pruned, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The ledger before.
    pub before: LedgerInfo,
    /// The ledger after. In a dry run after the first of perhaps several writes; what waits is not
    /// counted there if the ledger is damaged.
    pub after: LedgerInfo,
    /// Whether nothing of it was done.
    pub is_dry_run: bool,
}

impl Operator {
    /// Prunes the ledger of a record by the limits of its settings: what is too old or too much, which
    /// else leaves little by little with saves.
    ///
    /// A ledger whose row of numbers is damaged ([`LedgerInfo::is_damaged`]), so that nothing can be
    /// queued or settled, is counted anew from its other rows. Which ids left it nobody can tell then:
    /// its horizon rises to the store's time, and unknown operations that were issued until then are
    /// refused.
    ///
    /// # Errors
    /// [`OperatorError`]: code `ActiveLease` if somebody holds the record.
    pub async fn compact(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
    ) -> Result<Compacted, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::Compact, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        if mandate.is_dry_run() {
            return self.rehearse_compaction(&entry).await;
        }
        let begun = self.begin(Action::Compact, key, mandate, String::new()).await?;
        let result = self.compact_now(&entry).await;
        self.end(begun, result, |_| Marks::default()).await
    }

    async fn compact_now(&self, entry: &EntryId) -> Result<Compacted, OperatorError> {
        let mut refused = 0;
        let before = self.look(entry).await?.ledger;
        let mut compacted = Compacted { before, after: before, is_dry_run: false };
        for _ in 0..COMPACTIONS_MAX {
            let view = self.free(entry, Claim::IfFree).await?;
            let write = self.plan_compaction(&view)?;
            if self.commit(write).await?.is_none() {
                refused += 1;
                if refused >= ATTEMPTS_MAX {
                    return Err(contended(entry));
                }
                continue;
            }
            let after = self.look(entry).await?.ledger;
            let is_done = after == compacted.after;
            compacted.after = after;
            if is_done {
                break;
            }
        }
        Ok(compacted)
    }

    async fn rehearse_compaction(&self, entry: &EntryId) -> Result<Compacted, OperatorError> {
        let (mut view, _) = self.look_for_change(entry, Claim::IfFree).await?;
        if let Some(record) = &mut view.record {
            // Of a dead holder, which would be waited out.
            record.body.lease = None;
        }
        let before = self.look(entry).await?.ledger;
        let write = self.plan_compaction(&view)?;
        let after = match self.rehearse(RecordCommand::Write(Box::new(write))).await? {
            Rehearsal::Writes(batch) => ledger_in(&batch, before),
            Rehearsal::Answered(_) => before,
        };
        Ok(Compacted { before, after, is_dry_run: true })
    }

    fn plan_compaction(&self, view: &RecordView) -> Result<RecordWrite, OperatorError> {
        let settings = self.db.operations();
        let (settled, tried, undo_after, rebuild) = (vec![], vec![], None, true);
        let ledger = LedgerWrite { settled, tried, undo_after, rebuild, settings };
        let ledger = Some(Box::new(ledger));
        let write_id = self.write_id();
        plan(view, Repair { write_id, data: Data::Keep, schema: None, ledger })
    }
}

/// The ledger as a batch leaves it, whose operations that wait stay as they are.
fn ledger_in(batch: &Batch, before: LedgerInfo) -> LedgerInfo {
    let head = batch.writes.iter().find_map(|write| match write {
        Write::Put { body: RowBody::Ledger(LedgerBody::Head(head)), .. } => Some(*head),
        Write::Put { .. } | Write::Delete { .. } => None,
    });
    let numbers = |head: HeadBody| LedgerInfo::of(&head, &QueueBody::default());
    head.map_or(before, |head| LedgerInfo { pending: before.pending, ..numbers(head) })
}
