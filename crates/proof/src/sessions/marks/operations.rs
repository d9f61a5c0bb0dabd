//! Marks of operations: what becomes of them, row by row.

use steadfast_core::operation::{
    Death, LedgerBody, LedgerKey, OperationStatus, QueueRefusal, Queued, ReceiptState,
};
use steadfast_core::record::RecordWrite;
use steadfast_core::{Batch, RowBody, RowKey, Write};

use super::{Mark, Marks};
use crate::sessions::process::Process;

impl Marks {
    /// A row of a ledger was written.
    pub(super) fn ledger(&mut self, body: &LedgerBody) {
        match body {
            LedgerBody::Pending(body) => {
                self.meet(if body.verdict.is_some() { Mark::Verdict } else { Mark::Queued });
            }
            LedgerBody::Receipt(body) => match &body.state {
                ReceiptState::Pending { .. } => {}
                ReceiptState::Kept { .. } => self.meet(Mark::Kept),
                ReceiptState::Full(receipted) => {
                    self.meet_if(Mark::KeptForGood, body.is_permanent);
                    self.meet(match receipted.status {
                        OperationStatus::Applied => Mark::Applied,
                        OperationStatus::Cancelled => Mark::Cancelled,
                        OperationStatus::Failed => Mark::Failed,
                    });
                }
            },
            LedgerBody::DeadLetter(body) => {
                self.meet_if(Mark::Requeued, body.requeued_as.is_some());
                self.meet(match body.death {
                    Death::Attempts => Mark::DiedOfAttempts,
                    Death::TimeToLive => Mark::DiedOfAge,
                    Death::MissingHandler => Mark::DiedUnhandled,
                    Death::Handler => Mark::DiedByHandler,
                    Death::Operator => Mark::DiedByOperator,
                });
            }
            LedgerBody::Queue(_) | LedgerBody::Head(_) | LedgerBody::Order => {}
        }
    }

    /// Receipts that leave with a batch: those of one that reads them all to take back what ended
    /// since leave the horizon where it is.
    pub(super) fn forgotten(&mut self, batch: &Batch) {
        let leaves = |write: &Write| {
            matches!(write, Write::Delete { key: RowKey::Ledger(_, LedgerKey::Receipt(_)) })
        };
        let has_left = batch.writes.iter().any(leaves);
        let settles = |write: &Write| {
            matches!(write, Write::Put { body: RowBody::Ledger(LedgerBody::Receipt(_)), .. })
        };
        let has_settled = batch.writes.iter().any(settles);
        self.meet_if(Mark::Pruned, has_left && has_settled);
        self.meet_if(Mark::TakenBack, has_left && !has_settled);
    }

    /// Who queued an operation is answered.
    pub(in super::super) fn queued(&mut self, result: Result<&Queued, &QueueRefusal>) {
        match result {
            Ok(queued) => self.meet_if(Mark::QueuedKnown, !queued.is_new),
            Err(QueueRefusal::PayloadMismatch) => self.meet(Mark::PayloadMismatch),
            Err(QueueRefusal::Expired { .. }) => self.meet(Mark::Expired),
            Err(QueueRefusal::IssuedAhead { .. }) => self.meet(Mark::IssuedAhead),
            Err(QueueRefusal::LedgerFull { .. }) => self.meet(Mark::LedgerFull),
            Err(QueueRefusal::InboxFull { .. }) => self.meet(Mark::InboxFull),
            Err(QueueRefusal::NoDeadLetter) => self.meet(Mark::NoDeadLetter),
            Err(
                QueueRefusal::PayloadTooLarge { .. }
                | QueueRefusal::Contended { .. }
                | QueueRefusal::Store(_),
            ) => {}
        }
    }

    /// Notes why a write stores ends of operations, if it does so once more.
    pub(super) fn sends_again(&mut self, write: &RecordWrite, process: &Process) {
        let session = write.body.lease.map(|lease| lease.session);
        let play = process.plays.iter().find(|play| Some(play.handle.id) == session);
        self.meet_if(Mark::WentBackWithOperations, play.is_some_and(|play| play.went_back));
        let is_grant = write.inbox_max.is_some() && play.is_none();
        self.meet_if(Mark::SpillOperationsTaken, is_grant);
    }
}
