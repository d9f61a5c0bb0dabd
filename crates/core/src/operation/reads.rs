//! Reading what became of operations.

use std::sync::Arc;

use crate::id::{EntryId, OperationId};
use crate::operation::inbox::receipt;
use crate::operation::stored::{Stored, row};
use crate::operation::{DeadLetter, LedgerBody, LedgerKey, LedgerRun, OperationView, ReceiptBody};
use crate::platform::{Input, Machine, PlatformError, Step, expect_row};
use crate::row::{Found, ReadReply, RowKey, RowRange};

/// Most rows that one page of operations, receipts or dead letters is read from.
pub const LEDGER_PAGE_MAX: usize = 1_000;

/// Reads what is known of an operation.
#[derive(Debug)]
pub(crate) struct OperationReader;

impl Machine for OperationReader {
    type Answer = OperationView;

    fn on(&mut self, input: Input) -> Step<OperationView> {
        let Input::Read(reply) = input else { panic!("a read was answered by {input:?}") };
        Step::Done(reply.map_err(PlatformError::from).and_then(|reply| view(&reply)))
    }
}

impl OperationReader {
    pub(crate) fn start(entry: &EntryId, id: OperationId) -> (Self, Step<OperationView>) {
        let keys = [LedgerKey::Receipt(id), LedgerKey::Head];
        (Self, Step::Read(keys.map(|key| row(entry, key)).into()))
    }
}

fn view(reply: &ReadReply) -> Result<OperationView, PlatformError> {
    let mut rows = reply.rows.iter();
    let receipt = Stored::of(expect_row(rows.next()), LedgerBody::receipt)?;
    let receipt = receipt.map(|it| it.body.clone().dated(it.stamped_at));
    let head = Stored::of(expect_row(rows.next()), LedgerBody::head)?;
    let horizon = head.and_then(|head| head.body.horizon);
    Ok(OperationView { receipt, horizon, now: reply.now })
}

/// What stands in a row of a run, as it reads away from the row.
type Pick<T> = fn(&Found) -> Option<T>;

/// Reads a page of a run of rows, by id. Damaged ones are left out.
#[derive(Debug)]
pub(crate) struct PageReader<T> {
    entry: EntryId,
    run: LedgerRun,
    after: Option<LedgerKey>,
    limit: usize,
    pick: Pick<T>,
}

impl PageReader<(OperationId, ReceiptBody)> {
    /// Reads receipts.
    pub(crate) fn receipts(entry: EntryId, after: Option<OperationId>, limit: usize) -> Self {
        let after = after.map(LedgerKey::Receipt);
        Self { entry, run: LedgerRun::Receipts, after, limit, pick: receipt }
    }
}

impl PageReader<DeadLetter> {
    /// Reads dead letters.
    pub(crate) fn dead_letters(entry: EntryId, after: Option<OperationId>, limit: usize) -> Self {
        let after = after.map(LedgerKey::DeadLetter);
        Self { entry, run: LedgerRun::DeadLetters, after, limit, pick: dead_letter }
    }
}

impl<T> PageReader<T> {
    pub(crate) fn scan(&self) -> Step<(Vec<T>, bool)> {
        let (entry, run, after) = (self.entry.clone(), self.run, self.after.clone());
        Step::Scan(RowRange::Ledger { entry, run, after }, self.limit.clamp(1, LEDGER_PAGE_MAX))
    }
}

impl<T> Machine for PageReader<T> {
    type Answer = (Vec<T>, bool);

    fn on(&mut self, input: Input) -> Step<(Vec<T>, bool)> {
        let Input::Scanned(reply) = input else { panic!("a scan was answered by {input:?}") };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Step::Done(Err(error.into())),
        };
        let items: Vec<T> = reply.rows.iter().filter_map(self.pick).collect();
        if items.is_empty() && reply.more {
            // A page of damaged rows only would not say where the next one starts.
            if let Some(RowKey::Ledger(_, key)) = reply.rows.last().and_then(Found::key) {
                self.after = Some(key.clone());
                return self.scan();
            }
        }
        Step::Done(Ok((items, reply.more)))
    }
}

fn dead_letter(found: &Found) -> Option<DeadLetter> {
    let letter = Stored::of(found, LedgerBody::dead_letter).ok()??;
    let Some(RowKey::Ledger(_, LedgerKey::DeadLetter(id))) = found.key() else { return None };
    let died_at = letter.body.died.time(letter.stamped_at);
    Some(DeadLetter { id: id.clone(), died_at, body: Arc::clone(letter.body) })
}

#[cfg(test)]
#[path = "reads/tests.rs"]
mod tests;
