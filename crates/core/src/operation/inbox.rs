//! Reading the operations that wait.

use crate::id::EntryId;
use crate::operation::stored::{Stored, row};
use crate::operation::{
    InboxPage, LEDGER_PAGE_MAX, LedgerBody, LedgerKey, LedgerRun, PendingOperation, ReceiptBody,
    ReceiptState, Tries,
};
use crate::platform::{Input, Machine, PlatformError, Step, expect_row};
use crate::row::{Found, ReadResult, RowKey, RowRange, ScanResult};
use crate::time::Timestamp;

#[derive(Debug)]
enum Phase {
    /// The rows of operations are being read.
    Scanning,
    /// Their receipts are being read, in which the tries stand.
    Receipts(Vec<PendingOperation>, bool),
    /// Nothing more will be asked for.
    Over,
}

/// Reads a page of the operations of a record that wait.
#[derive(Debug)]
pub(crate) struct InboxReader {
    entry: EntryId,
    after: Option<u64>,
    limit: usize,
    now: Timestamp,
    phase: Phase,
}

impl Machine for InboxReader {
    type Answer = InboxPage;

    fn on(&mut self, input: Input) -> Step<InboxPage> {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Scanning, Input::Scanned(reply)) => self.on_rows(reply),
            (Phase::Receipts(operations, has_more), Input::Read(reply)) => {
                self.on_receipts(operations, has_more, reply)
            }
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        step.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl InboxReader {
    /// Starts behind a place in the queue. The time is the store's, as it was known before.
    pub(crate) fn start(
        entry: EntryId,
        after: Option<u64>,
        limit: usize,
        now: Timestamp,
    ) -> (Self, Step<InboxPage>) {
        let limit = limit.clamp(1, LEDGER_PAGE_MAX);
        let mut reader = Self { entry, after, limit, now, phase: Phase::Over };
        let step = reader.scan();
        (reader, step)
    }

    fn scan(&mut self) -> Step<InboxPage> {
        self.phase = Phase::Scanning;
        let after = self.after.map(LedgerKey::Pending);
        let (entry, run) = (self.entry.clone(), LedgerRun::Pending);
        Step::Scan(RowRange::Ledger { entry, run, after }, self.limit)
    }

    fn on_rows(&mut self, reply: ScanResult) -> Result<Step<InboxPage>, PlatformError> {
        let reply = reply?;
        if let Some(RowKey::Ledger(_, LedgerKey::Pending(seq))) =
            reply.rows.last().and_then(Found::key)
        {
            self.after = Some(*seq);
        }
        let operations: Vec<_> = reply.rows.iter().filter_map(operation).collect();
        let key = |it: &PendingOperation| row(&self.entry, LedgerKey::Receipt(it.body.id.clone()));
        let keys: Vec<_> = operations.iter().map(key).collect();
        if keys.is_empty() {
            return Ok(self.answer(operations, reply.more));
        }
        self.phase = Phase::Receipts(operations, reply.more);
        Ok(Step::Read(keys))
    }

    /// What has ended by its receipt is left out: it is never applied again, whatever else stands. So
    /// is what has none, such as a row that was salvaged after its receipt was pruned.
    fn on_receipts(
        &mut self,
        operations: Vec<PendingOperation>,
        has_more: bool,
        reply: ReadResult,
    ) -> Result<Step<InboxPage>, PlatformError> {
        let reply = reply?;
        self.now = reply.now;
        let mut rows = reply.rows.iter();
        let joined = operations.into_iter().filter_map(|operation| {
            let receipt = Stored::of(expect_row(rows.next()), LedgerBody::receipt);
            match receipt.map(|receipt| receipt.map(|receipt| &receipt.body.state)) {
                Ok(Some(ReceiptState::Pending { tries, .. })) => {
                    Some(PendingOperation { tries: tries.clone(), ..operation })
                }
                Ok(Some(ReceiptState::Full(_) | ReceiptState::Kept { .. }) | None) => None,
                // A damaged one was that of what waits: both are written in one batch.
                Err(_) => Some(operation),
            }
        });
        let operations = joined.collect();
        Ok(self.answer(operations, has_more))
    }

    /// A page of damaged rows only would not say where the next one starts.
    fn answer(&mut self, operations: Vec<PendingOperation>, has_more: bool) -> Step<InboxPage> {
        if operations.is_empty() && has_more {
            return self.scan();
        }
        Step::Done(Ok(InboxPage { operations, has_more, now: self.now }))
    }
}

/// The operation that a row holds; nothing if it is damaged.
fn operation(found: &Found) -> Option<PendingOperation> {
    let pending = Stored::of(found, LedgerBody::pending).ok()??;
    let Some(RowKey::Ledger(_, LedgerKey::Pending(seq))) = found.key() else { return None };
    let body = std::sync::Arc::clone(pending.body);
    let queued_at = body.queued.time(pending.stamped_at);
    Some(PendingOperation { seq: *seq, queued_at, body, tries: Tries::default() })
}

/// The receipt of a row as it reads away from it, and whose it is; nothing if it is damaged.
pub(super) fn receipt(found: &Found) -> Option<(crate::id::OperationId, ReceiptBody)> {
    let receipt = Stored::of(found, LedgerBody::receipt).ok()??;
    let Some(RowKey::Ledger(_, LedgerKey::Receipt(id))) = found.key() else { return None };
    Some((id.clone(), receipt.body.clone().dated(receipt.stamped_at)))
}
