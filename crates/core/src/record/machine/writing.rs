//! Writes of records, step by step: the ends of grants, the ledger, the batch, the inbox.

use std::sync::Arc;

use super::{Phase, RecordMachine, ends_of, store_refusal};
use crate::batch::{CommitOutcome, Condition, Refusal};
use crate::operation::{InboxReader, LedgerPlanner, LedgerRows, LedgerTerms};
use crate::outcome::Outcome;
use crate::planted::Flaw;
use crate::platform::{ATTEMPTS_MAX, Input, Machine, PlatformError, Step, Terms, expect_row};
use crate::record::machine::Purpose;
use crate::record::write::Planned;
use crate::record::{End, RecordCommand, RecordRefusal, RecordReply, RecordWrite, Written};
use crate::row::{Found, ReadResult, RowKey};

/// A write of a record that is out.
#[derive(Debug)]
pub(super) struct Sent {
    planned: Planned,
    ends: Arc<[End]>,
    /// What must hold for it, if it writes the ledger too.
    conditions: Vec<(RowKey, Condition)>,
}

/// Whether a batch was refused by rows of ledgers alone.
pub(super) fn is_of_the_ledger_alone(conditions: &[(RowKey, Condition)], rows: &[Found]) -> bool {
    let is_failing = |(index, (_, condition)): &(usize, &(RowKey, Condition))| {
        !rows.get(*index).is_some_and(|found| condition.holds(found))
    };
    let mut failing = conditions.iter().enumerate().filter(is_failing).peekable();
    failing.peek().is_some() && failing.all(|(_, (key, _))| matches!(key, RowKey::Ledger(..)))
}

impl RecordMachine {
    pub(super) fn on_ends(&mut self, reply: ReadResult) -> Step<RecordReply> {
        let command = Arc::clone(&self.command);
        let RecordCommand::Write(write) = &*command else { unreachable!("only writes read ends") };
        match reply {
            Ok(reply) => self.plan(write, ends_of(expect_row(reply.rows.first()))),
            Err(error) => refused(error.to_string().into()),
        }
    }

    /// Plans what a write changes in the ledger, if it changes it.
    pub(super) fn plan(&mut self, write: &RecordWrite, ends: Arc<[End]>) -> Step<RecordReply> {
        let Some(ledger) = &write.ledger else {
            return self.write(write, ends, LedgerRows::default());
        };
        let terms = LedgerTerms::of(write, self.store.now);
        let (planner, step) = LedgerPlanner::start((**ledger).clone(), terms);
        self.planned(Box::new(planner), ends, step)
    }

    pub(super) fn on_ledger(
        &mut self,
        mut planner: Box<LedgerPlanner>,
        ends: Arc<[End]>,
        input: Input,
    ) -> Step<RecordReply> {
        let step = planner.on(input);
        self.planned(planner, ends, step)
    }

    fn planned(
        &mut self,
        planner: Box<LedgerPlanner>,
        ends: Arc<[End]>,
        step: Step<LedgerRows>,
    ) -> Step<RecordReply> {
        let rows = match step {
            Step::Done(rows) => rows,
            step @ (Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Commit(_)) => {
                self.phase = Phase::Ledger(planner, ends);
                return step.map(|_| unreachable!("it is not over"));
            }
        };
        let command = Arc::clone(&self.command);
        let RecordCommand::Write(write) = &*command else { unreachable!("only writes plan") };
        match rows {
            Ok(rows) => self.write(write, ends, rows),
            Err(PlatformError::Unavailable { reason }) => refused(reason),
            Err(error) => Step::Done(Err(error)),
        }
    }

    fn write(
        &mut self,
        write: &RecordWrite,
        ends: Arc<[End]>,
        rows: LedgerRows,
    ) -> Step<RecordReply> {
        let terms = Terms { settings: &self.settings, now: self.store.now };
        let (mut batch, planned) = write.to_batch(&ends, terms);
        let mut kept = Vec::new();
        if write.ledger.is_some() && !self.flaws.has(Flaw::ReceiptApart) {
            rows.add_to(&mut batch);
            kept.clone_from(&batch.conditions);
        }
        self.phase = Phase::Writing(Box::new(Sent { planned, ends, conditions: kept }));
        Step::Commit(batch)
    }

    pub(super) fn on_written(&mut self, sent: Sent, outcome: CommitOutcome) -> Step<RecordReply> {
        let command = Arc::clone(&self.command);
        let RecordCommand::Write(write) = &*command else {
            unreachable!("only writes of records are planned so")
        };
        let outcome = match outcome {
            Outcome::Committed(committed) => {
                let stamped_at = committed.stamped_at;
                let written = sent.planned.written(&write.base, stamped_at);
                if let Some(limit) = write.inbox_max {
                    let entry = write.entry.clone();
                    let (reader, step) = InboxReader::start(entry, None, limit, stamped_at);
                    self.phase = Phase::Inbox(Box::new(written), reader);
                    return step.map(|_| unreachable!("it starts with a scan"));
                }
                Outcome::Committed(written)
            }
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Refused(Refusal::Conditions(rows))
                if is_of_the_ledger_alone(&sent.conditions, &rows) =>
            {
                self.attempts += 1;
                if self.attempts < ATTEMPTS_MAX {
                    return self.plan(write, sent.ends);
                }
                return refused("the ledger changed at every try".into());
            }
            Outcome::Refused(refusal) => match store_refusal(refusal) {
                Some(refusal) => Outcome::Refused(refusal),
                None => return self.read(Purpose::Refusal),
            },
        };
        Step::Done(Ok(RecordReply::Written(outcome)))
    }

    /// The write is committed, whatever becomes of this: its session reads again what is missing.
    pub(super) fn on_inbox(
        &mut self,
        written: Box<Written>,
        mut reader: InboxReader,
        input: Input,
    ) -> Step<RecordReply> {
        match reader.on(input) {
            Step::Done(page) => {
                let written = Written { inbox: page.ok(), ..*written };
                Step::Done(Ok(RecordReply::Written(Outcome::Committed(written))))
            }
            step @ (Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Commit(_)) => {
                self.phase = Phase::Inbox(written, reader);
                step.map(|_| unreachable!("it is not over"))
            }
        }
    }
}

/// Nothing was written: what the write is planned on could not be read.
fn refused(reason: Arc<str>) -> Step<RecordReply> {
    let refused = Outcome::Refused(RecordRefusal::Unavailable { reason });
    Step::Done(Ok(RecordReply::Written(refused)))
}
