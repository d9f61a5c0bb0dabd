//! Noting an operator's verdict on an operation that waits.
//!
//! The verdict stands in the row of the operation, and whoever holds the record, now or next, makes
//! the receipt of it: an operator never writes what the holder writes.

use std::sync::Arc;

use crate::batch::{Batch, CommitOutcome, Condition};
use crate::id::ServerId;
use crate::operation::stored::{Stored, add_mail, holder_of, put, row, shortened};
use crate::operation::{
    JudgeOperation, JudgeOutcome, JudgeRefusal, Judged, LedgerBody, LedgerKey, PendingBody,
    ReceiptBody, ReceiptState, Verdict,
};
use crate::outcome::Outcome;
use crate::platform::{ATTEMPTS_MAX, Input, Machine, PlatformError, Step, as_read, expect_row};
use crate::record::{Fence, store_refusal};
use crate::row::{Birth, Found, ReadResult, RowKey};

#[derive(Debug)]
enum Phase {
    /// The receipt and the record are being read.
    Reading,
    /// The operation, and the mail to the holder, are being read. Holds the record and its holder.
    Operation(u64, Box<Found>, Option<(ServerId, Fence)>),
    /// A batch is out.
    Committing(Judged),
    /// Nothing more will be asked for.
    Over,
}

/// Carries out one [`JudgeOperation`].
#[derive(Debug)]
pub(crate) struct JudgeMachine {
    judgement: JudgeOperation,
    attempts: u32,
    phase: Phase,
}

impl Machine for JudgeMachine {
    type Answer = JudgeOutcome;

    fn on(&mut self, input: Input) -> Step<JudgeOutcome> {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_receipt(reply),
            (Phase::Operation(seq, record, holder), Input::Read(reply)) => {
                self.on_operation(seq, &record, holder, reply)
            }
            (Phase::Committing(judged), Input::Committed(outcome)) => {
                Ok(self.on_committed(judged, outcome))
            }
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        step.unwrap_or_else(|error| Step::Done(Err(error)))
    }
}

impl JudgeMachine {
    pub(crate) fn start(judgement: JudgeOperation) -> (Self, Step<JudgeOutcome>) {
        let mut machine = Self { judgement, attempts: 0, phase: Phase::Over };
        let step = machine.read();
        (machine, step)
    }

    fn read(&mut self) -> Step<JudgeOutcome> {
        self.phase = Phase::Reading;
        let JudgeOperation { entry, id, .. } = &self.judgement;
        let receipt = row(entry, LedgerKey::Receipt(id.clone()));
        Step::Read(vec![receipt, RowKey::Record(entry.clone())])
    }

    /// Somebody changed the record meanwhile.
    fn again(&mut self) -> Step<JudgeOutcome> {
        self.attempts += 1;
        if self.attempts < ATTEMPTS_MAX {
            return self.read();
        }
        Step::Done(Ok(Outcome::Refused(JudgeRefusal::Contended { attempts: self.attempts })))
    }

    fn on_receipt(&mut self, reply: ReadResult) -> Result<Step<JudgeOutcome>, PlatformError> {
        let reply = reply?;
        let entry = &self.judgement.entry;
        let [receipt, record] = reply.rows.as_slice() else {
            unreachable!("a reply holds every row that was asked for")
        };
        let refusal = match Stored::of(receipt, LedgerBody::receipt)? {
            None => JudgeRefusal::Unknown,
            Some(Stored {
                body: ReceiptBody { state: ReceiptState::Pending { seq, .. }, .. },
                ..
            }) => {
                let holder = holder_of(entry, record)?;
                let mail = holder.map(|(server, _)| RowKey::Mail(server, entry.clone()));
                let rows = [row(entry, LedgerKey::Pending(*seq))].into_iter().chain(mail).collect();
                self.phase = Phase::Operation(*seq, Box::new(record.clone()), holder);
                return Ok(Step::Read(rows));
            }
            Some(Stored { body, .. }) => {
                JudgeRefusal::Settled(body.status().expect("it does not wait"))
            }
        };
        Ok(Step::Done(Ok(Outcome::Refused(refusal))))
    }

    fn on_operation(
        &mut self,
        seq: u64,
        record: &Found,
        holder: Option<(ServerId, Fence)>,
        reply: ReadResult,
    ) -> Result<Step<JudgeOutcome>, PlatformError> {
        let reply = reply?;
        let JudgeOperation { entry, id, verdict, write_id } = &self.judgement;
        let found = expect_row(reply.rows.first());
        let pending = match Stored::of(found, LedgerBody::pending)? {
            Some(pending) if pending.body.id == *id => pending,
            // It was settled between the two reads.
            Some(_) | None => return Ok(self.again()),
        };
        let body = PendingBody {
            queued: Birth::At(pending.body.queued.time(pending.stamped_at)),
            verdict: Some(kept(verdict)),
            ..PendingBody::clone(pending.body)
        };
        let judged = Judged { holder };
        if pending.body.verdict == body.verdict {
            return Ok(Step::Done(Ok(Outcome::Committed(judged))));
        }
        let key = row(entry, LedgerKey::Pending(seq));
        let as_read = as_read(record).expect("a damaged row was refused before");
        let mut batch = Batch {
            conditions: vec![
                (key.clone(), Condition::At(pending.revision)),
                (RowKey::Record(entry.clone()), as_read),
            ],
            writes: vec![put(found, key, LedgerBody::Pending(Arc::new(body)), *write_id)],
        };
        if let Some(holder) = holder {
            let mail = (expect_row(reply.rows.get(1)), *write_id);
            add_mail(&mut batch, entry, holder, None, mail);
        }
        self.phase = Phase::Committing(judged);
        Ok(Step::Commit(batch))
    }

    fn on_committed(&mut self, judged: Judged, outcome: CommitOutcome) -> Step<JudgeOutcome> {
        let outcome = match outcome {
            Outcome::Committed(_) => Outcome::Committed(judged),
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Refused(refusal) => match store_refusal(refusal) {
                Some(refusal) => Outcome::Refused(JudgeRefusal::Store(refusal)),
                None => return self.again(),
            },
        };
        Step::Done(Ok(outcome))
    }
}

/// A verdict as a row keeps it.
fn kept(verdict: &Verdict) -> Verdict {
    match verdict {
        Verdict::Cancel(reason) => Verdict::Cancel(shortened(reason)),
        Verdict::Fail(reason) => Verdict::Fail(shortened(reason)),
    }
}

#[cfg(test)]
#[path = "judge/tests.rs"]
mod tests;
