//! Queueing an operation.
//!
//! Who queues reads the record, the count of operations, the ledger in numbers and the receipt of the
//! id, and writes on exactly those: a save in between, which may prune what would have told, refuses
//! the queueing, which is planned again. It does not hold anybody else up: of the rows that it writes
//! no save depends on one.
//!
//! The record is among those rows because of grants: a session reads the inbox once its grant is
//! committed, so a queueing before the grant is found there, and one after it sees the lease and puts
//! mail.

use std::sync::Arc;

use crate::batch::{Batch, CommitOutcome, Condition, Write};
use crate::id::{Revision, ServerId};
use crate::json::JsonText;
use crate::operation::stored::{Stored, add_mail, holder_of, put, row};
use crate::operation::{
    DeadLetterBody, HeadBody, LedgerBody, LedgerKey, PayloadHash, PendingBody, QueueBody,
    QueueOperation, QueueOutcome, QueueRefusal, Queued, ReceiptBody, ReceiptState, Tries,
};
use crate::outcome::Outcome;
use crate::planted::{Flaw, Flaws};
use crate::platform::{ATTEMPTS_MAX, Input, Machine, PlatformError, Step, as_read, expect_row};
use crate::record::{Fence, store_refusal};
use crate::row::{Birth, Found, ReadReply, ReadResult, RowBody, RowKey};
use crate::time::Timestamp;

/// A queueing that may be sent.
#[derive(Debug)]
struct Plan {
    batch: Batch,
    queued: Queued,
}

/// Why nothing is to be written.
enum Stop {
    Known(Box<Queued>),
    Refused(QueueRefusal),
    Failed(Box<PlatformError>),
}

impl From<PlatformError> for Stop {
    fn from(error: PlatformError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<QueueRefusal> for Stop {
    fn from(refusal: QueueRefusal) -> Self {
        Self::Refused(refusal)
    }
}

#[derive(Debug)]
enum Phase {
    /// What it is judged by is being read.
    Reading,
    /// The mail to the holder is being read.
    Mail(Box<Plan>, (ServerId, Fence)),
    /// A batch is out.
    Committing(Box<Queued>),
    /// Nothing more will be asked for.
    Over,
}

/// Carries out one [`QueueOperation`].
#[derive(Debug)]
pub(crate) struct QueueMachine {
    operation: QueueOperation,
    attempts: u32,
    phase: Phase,
    pub(crate) flaws: Flaws,
}

impl Machine for QueueMachine {
    type Answer = QueueOutcome;

    fn on(&mut self, input: Input) -> Step<QueueOutcome> {
        match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_rows(reply),
            (Phase::Mail(plan, holder), Input::Read(reply)) => self.on_mail(*plan, holder, reply),
            (Phase::Committing(queued), Input::Committed(outcome)) => {
                self.on_committed(*queued, outcome)
            }
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        }
    }
}

/// The rows that a queueing is judged by, as of one moment.
struct Rows<'a> {
    record: &'a Found,
    queue: &'a Found,
    head: &'a Found,
    receipt: &'a Found,
    letter: &'a Found,
    now: Timestamp,
}

impl<'a> Rows<'a> {
    fn of(reply: &'a ReadReply) -> Self {
        let mut rows = reply.rows.iter();
        Self {
            record: expect_row(rows.next()),
            queue: expect_row(rows.next()),
            head: expect_row(rows.next()),
            receipt: expect_row(rows.next()),
            letter: rows.next().unwrap_or(&Found::Absent),
            now: reply.now,
        }
    }
}

impl QueueMachine {
    pub(crate) fn start(operation: QueueOperation) -> (Self, Step<QueueOutcome>) {
        let (attempts, phase, flaws) = (0, Phase::Over, Flaws::default());
        let mut machine = Self { operation, attempts, phase, flaws };
        let step = machine.read();
        (machine, step)
    }

    fn read(&mut self) -> Step<QueueOutcome> {
        self.phase = Phase::Reading;
        let QueueOperation { entry, id, replaces, .. } = &self.operation;
        let mut rows = vec![
            RowKey::Record(entry.clone()),
            row(entry, LedgerKey::Queue),
            row(entry, LedgerKey::Head),
            row(entry, LedgerKey::Receipt(id.clone())),
        ];
        rows.extend(replaces.iter().map(|id| row(entry, LedgerKey::DeadLetter(id.clone()))));
        Step::Read(rows)
    }

    fn on_rows(&mut self, reply: ReadResult) -> Step<QueueOutcome> {
        let plan = reply
            .map_err(|error| Stop::from(PlatformError::from(error)))
            .and_then(|reply| self.plan(&Rows::of(&reply)));
        match plan {
            Ok(plan) => match plan.queued.holder {
                Some(holder) if Some(holder.0) != self.operation.from => {
                    let mail = RowKey::Mail(holder.0, self.operation.entry.clone());
                    self.phase = Phase::Mail(Box::new(plan), holder);
                    Step::Read(vec![mail])
                }
                Some(_) | None => self.commit(plan),
            },
            Err(Stop::Known(queued)) => Step::Done(Ok(Outcome::Committed(*queued))),
            Err(Stop::Refused(refusal)) => Step::Done(Ok(Outcome::Refused(refusal))),
            Err(Stop::Failed(error)) => Step::Done(Err(*error)),
        }
    }

    fn on_mail(
        &mut self,
        mut plan: Plan,
        holder: (ServerId, Fence),
        reply: ReadResult,
    ) -> Step<QueueOutcome> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Step::Done(Err(error.into())),
        };
        let QueueOperation { entry, from, write_id, .. } = &self.operation;
        let mail = (expect_row(reply.rows.first()), *write_id);
        add_mail(&mut plan.batch, entry, holder, *from, mail);
        self.commit(plan)
    }

    fn commit(&mut self, plan: Plan) -> Step<QueueOutcome> {
        self.phase = Phase::Committing(Box::new(plan.queued));
        Step::Commit(plan.batch)
    }

    fn on_committed(&mut self, queued: Queued, outcome: CommitOutcome) -> Step<QueueOutcome> {
        let outcome = match outcome {
            Outcome::Committed(_) => Outcome::Committed(queued),
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Refused(refusal) => {
                if let Some(refusal) = store_refusal(refusal) {
                    Outcome::Refused(QueueRefusal::Store(refusal))
                } else {
                    self.attempts += 1;
                    if self.attempts < ATTEMPTS_MAX {
                        return self.read();
                    }
                    Outcome::Refused(QueueRefusal::Contended { attempts: self.attempts })
                }
            }
        };
        Step::Done(Ok(outcome))
    }

    fn plan(&self, rows: &Rows) -> Result<Plan, Stop> {
        let operation = &self.operation;
        let holder = holder_of(&operation.entry, rows.record)?;
        let letter = Stored::of(rows.letter, LedgerBody::dead_letter)?;
        let letter_body = letter.as_ref().map(|letter| &**letter.body);
        self.look_up(rows, letter_body, holder)?;
        let head = Stored::of(rows.head, LedgerBody::head)?.map(|it| it.body).unwrap_or_default();
        self.check_time(&head, rows.now)?;
        let pending = Arc::new(self.pending(letter_body)?);
        let queue = Stored::of(rows.queue, LedgerBody::queue)?.map(|it| it.body);
        let queue = queue.unwrap_or_default();
        self.check_room(&head, &queue, pending.is_permanent)?;
        let receipt = ReceiptBody {
            hash: PayloadHash::of(&pending.kind, &pending.payload),
            issued_at: operation.issued_at,
            is_permanent: pending.is_permanent,
            state: ReceiptState::Pending { seq: queue.count, tries: Tries::default() },
        };
        let mut batch = self.to_batch(rows, queue, pending, &receipt);
        if let Some(letter) = letter {
            self.mark(rows.letter, &letter, &mut batch);
        }
        Ok(Plan { batch, queued: Queued { receipt, is_new: true, holder } })
    }

    /// Stops if the operation is known, whatever became of it.
    fn look_up(
        &self,
        rows: &Rows,
        letter: Option<&DeadLetterBody>,
        holder: Option<(ServerId, Fence)>,
    ) -> Result<(), Stop> {
        let operation = &self.operation;
        let Some(known) = Stored::of(rows.receipt, LedgerBody::receipt)? else { return Ok(()) };
        let is_new = known.revision == Revision::first(operation.write_id);
        let hash = source(operation, letter).map(|(letter, payload)| {
            PayloadHash::of(letter.map_or(&operation.kind, |letter| &letter.kind), payload)
        });
        match hash {
            Some(hash) if hash != known.body.hash && !self.flaws.has(Flaw::QueueIgnoresPayload) => {
                return Err(QueueRefusal::PayloadMismatch.into());
            }
            // The letter is gone by now. Only of our own write it is certain what it queued.
            None if !is_new => return Err(QueueRefusal::NoDeadLetter.into()),
            Some(_) | None => {}
        }
        let receipt = known.body.clone().dated(known.stamped_at);
        Err(Stop::Known(Box::new(Queued { receipt, is_new, holder })))
    }

    /// It was issued neither too late nor too early.
    fn check_time(&self, head: &HeadBody, now: Timestamp) -> Result<(), QueueRefusal> {
        let issued_at = self.operation.issued_at;
        if issued_at > now.saturating_add(self.operation.settings.issued_ahead_max) {
            return Err(QueueRefusal::IssuedAhead { issued_at, now });
        }
        match head.horizon {
            Some(horizon)
                if issued_at < horizon
                    || issued_at == horizon && !self.flaws.has(Flaw::HorizonOffByOne) =>
            {
                Err(QueueRefusal::Expired { issued_at, horizon })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What is queued, with what it takes from the dead letter that it replaces.
    fn pending(&self, letter: Option<&DeadLetterBody>) -> Result<PendingBody, QueueRefusal> {
        let operation = &self.operation;
        let is_spent = letter.is_some_and(|letter| letter.requeued_as.is_some());
        if operation.replaces.is_some() && (letter.is_none() || is_spent) {
            return Err(QueueRefusal::NoDeadLetter);
        }
        let Some((letter, payload)) = source(operation, letter) else {
            return Err(QueueRefusal::NoDeadLetter);
        };
        let (actual, limit) = (payload.size(), operation.settings.payload_size_max);
        if actual > limit {
            return Err(QueueRefusal::PayloadTooLarge { actual, limit });
        }
        let is_own = operation.payload.is_some();
        Ok(PendingBody {
            id: operation.id.clone(),
            kind: letter.map_or(&operation.kind, |letter| &letter.kind).clone(),
            payload: payload.clone(),
            issued_at: operation.issued_at,
            queued: Birth::ThisWrite,
            schema: letter.filter(|_| !is_own).map_or(operation.schema, |letter| letter.schema),
            is_permanent: operation.is_permanent || letter.is_some_and(|it| it.is_permanent),
            replaces: operation.replaces.clone(),
            verdict: None,
        })
    }

    /// DO6: what the ledger has no room for is refused; nothing young is forgotten for it.
    fn check_room(
        &self,
        head: &HeadBody,
        queue: &QueueBody,
        is_permanent: bool,
    ) -> Result<(), QueueRefusal> {
        let settings = &self.operation.settings;
        if head.pending_count(queue) >= settings.pending_max {
            return Err(QueueRefusal::InboxFull { limit: settings.pending_max });
        }
        let more = ReceiptBody::kept_size(&self.operation.id);
        let limit = settings.ledger_size_max;
        if !is_permanent && head.least_size + head.pending_size(queue) + more > limit {
            return Err(QueueRefusal::LedgerFull { limit });
        }
        Ok(())
    }

    fn to_batch(
        &self,
        rows: &Rows,
        queue: QueueBody,
        pending: Arc<PendingBody>,
        receipt: &ReceiptBody,
    ) -> Batch {
        let QueueOperation { entry, id, write_id, .. } = &self.operation;
        let write_id = *write_id;
        let size = if pending.is_permanent { 0 } else { ReceiptBody::kept_size(id) };
        let longer = QueueBody { count: queue.count + 1, size: queue.size + size };
        let keys = [LedgerKey::Queue, LedgerKey::Head, LedgerKey::Receipt(id.clone())];
        let [queue_key, head_key, receipt_key] = keys.map(|key| row(entry, key));
        let pending_key = row(entry, LedgerKey::Pending(queue.count));
        let record_key = RowKey::Record(entry.clone());
        let judged_by =
            [(record_key, rows.record), (queue_key.clone(), rows.queue), (head_key, rows.head)];
        let as_read = |(key, found): (RowKey, &Found)| {
            (key, as_read(found).expect("a damaged row was refused before"))
        };
        let mut batch = Batch::default();
        batch.conditions.push((receipt_key.clone(), Condition::Absent));
        // An older count of the queue, read off a stale page, gives no place away twice.
        batch.conditions.push((pending_key.clone(), Condition::Absent));
        batch.conditions.extend(judged_by.map(as_read));
        let receipt = LedgerBody::Receipt(Box::new(receipt.clone()));
        batch.writes.extend([
            put(rows.queue, queue_key, LedgerBody::Queue(longer), write_id),
            put(&Found::Absent, pending_key, LedgerBody::Pending(pending), write_id),
            put(&Found::Absent, receipt_key, receipt, write_id),
        ]);
        if self.flaws.has(Flaw::QueueRefusesSaves)
            && let Found::Row(record) = rows.record
            && let RowBody::Record(_) = &record.body
        {
            let (key, revision) = (record.key.clone(), record.revision.next(write_id));
            batch.writes.push(Write::Put { key, revision, body: record.body.clone() });
        }
        batch
    }

    /// Notes in a dead letter which operation tries it again.
    fn mark(&self, found: &Found, letter: &Stored<&Arc<DeadLetterBody>>, batch: &mut Batch) {
        let QueueOperation { entry, id, replaces, write_id, .. } = &self.operation;
        let Some(replaces) = replaces else { return };
        let key = row(entry, LedgerKey::DeadLetter(replaces.clone()));
        let body = DeadLetterBody {
            died: Birth::At(letter.body.died.time(letter.stamped_at)),
            requeued_as: Some(id.clone()),
            ..DeadLetterBody::clone(letter.body)
        };
        batch.conditions.push((key.clone(), Condition::At(letter.revision)));
        batch.writes.push(put(found, key, LedgerBody::DeadLetter(Arc::new(body)), *write_id));
    }
}

/// The payload to be queued, and the dead letter that the rest is taken from.
fn source<'a>(
    operation: &'a QueueOperation,
    letter: Option<&'a DeadLetterBody>,
) -> Option<(Option<&'a DeadLetterBody>, &'a JsonText)> {
    let taken = || letter.and_then(|letter| letter.payload.as_ref());
    Some((letter, operation.payload.as_ref().or_else(taken)?))
}

#[cfg(test)]
#[path = "queue/tests.rs"]
mod tests;
