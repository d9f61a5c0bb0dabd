//! Repairs: operations and leases.

use steadfast_core::game_server::Claim;
use steadfast_core::operation::{
    JudgeOperation, JudgeOutcome, LedgerBody, LedgerKey, QueueOperation, QueueOutcome, ReceiptBody,
    Verdict,
};
use steadfast_core::platform::PlatformError;
use steadfast_core::record::{Fence, RecordCommand, RecordReply, RecordView, RecordWrite};
use steadfast_core::{
    Batch, EntryId, EntryKey, JsonText, OperationId, OperationKind, Outcome, RowBody, RowKey,
    ServerId, Timestamp, Write,
};

use crate::operator::dry::Rehearsal;
use crate::operator::log::Marks;
use crate::operator::write::{ATTEMPTS_MAX, contended, lease_of, refusal};
use crate::operator::{Action, AsKey, Mandate, Operator, OperatorError};

/// How often a command without a certain answer is sent again: its id counts once.
const RESENDS_MAX: u32 = 3;

/// An operation to be queued by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperation {
    /// Its id, never used before.
    pub id: OperationId,
    /// What handles it.
    pub kind: OperationKind,
    /// What the handler is given.
    pub payload: JsonText,
    /// When it was issued; now if nothing.
    pub issued_at: Option<Timestamp>,
    /// The schema that its payload was written for.
    pub schema: u32,
    /// Whether its receipt never leaves.
    pub is_permanent: bool,
}

/// An operation that was queued, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedOperation {
    /// Its id.
    pub id: OperationId,
    /// Where it stands.
    pub receipt: ReceiptBody,
    /// Whether it was queued by this very call.
    pub is_new: bool,
    /// Who holds the record, and will handle it.
    pub holder: Option<ServerId>,
    /// Whether nothing of it was done.
    pub is_dry_run: bool,
}

/// An operation of which an operator decided that it ends. Whoever holds the record carries that out
/// within one renewal, otherwise whoever opens it next; unless it has ended meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The operation.
    pub id: OperationId,
    /// Who holds the record.
    pub holder: Option<ServerId>,
    /// Whether nothing of it was done.
    pub is_dry_run: bool,
}

/// A lease that was taken away, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The game server that loses it.
    pub server: ServerId,
    /// The fence that it had.
    pub fence: Fence,
    /// Whether nothing of it was done.
    pub is_dry_run: bool,
}

impl Operator {
    /// Queues an operation, whether the record is held, free or missing.
    ///
    /// # Errors
    /// [`OperatorError`]: code `OperationPayloadMismatch`, `OperationExpired`,
    /// `OperationPayloadTooLarge`, `InboxFull` or `LedgerFull`.
    pub async fn queue(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        operation: NewOperation,
    ) -> Result<QueuedOperation, OperatorError> {
        let key = &self.key(key)?;
        self.queue_as(Action::Queue, key, mandate, operation).await
    }

    pub(super) async fn queue_as(
        &self,
        action: Action,
        key: &EntryKey,
        mandate: &Mandate,
        operation: NewOperation,
    ) -> Result<QueuedOperation, OperatorError> {
        let NewOperation { id, kind, payload, issued_at, schema, is_permanent } = operation;
        self.check_access(action, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        let queue = QueueOperation {
            issued_at: self.issue_time(&entry, &id, issued_at).await?,
            entry,
            id,
            kind,
            payload: Some(payload),
            schema,
            is_permanent,
            replaces: None,
            from: None,
            settings: self.db.operations(),
            write_id: self.write_id(),
        };
        let detail = format!("{} {}", queue.kind, queue.id);
        self.send_queue(action, (key, mandate), queue, detail).await
    }

    /// Queues a dead letter again, under an id that was never used: its kind and payload, with a note
    /// in the dead letter.
    ///
    /// # Errors
    /// [`OperatorError`]: code `DeadLetterNotFound` if there is none of that id, its payload was not kept,
    /// or it was queued again before; else as [`queue`](Self::queue).
    pub async fn requeue(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        letter: &OperationId,
        id: OperationId,
    ) -> Result<QueuedOperation, OperatorError> {
        let key = &self.key(key)?;
        let detail = format!("{letter} as {id}");
        self.check_access(Action::Requeue, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        let queue = QueueOperation {
            issued_at: self.issue_time(&entry, &id, None).await?,
            entry,
            id,
            // That of the dead letter counts.
            kind: OperationKind::trusted("requeued"),
            payload: None,
            schema: 0,
            is_permanent: false,
            replaces: Some(letter.clone()),
            from: None,
            settings: self.db.operations(),
            write_id: self.write_id(),
        };
        self.send_queue(Action::Requeue, (key, mandate), queue, detail).await
    }

    async fn send_queue(
        &self,
        action: Action,
        (key, mandate): (&EntryKey, &Mandate),
        queue: QueueOperation,
        detail: String,
    ) -> Result<QueuedOperation, OperatorError> {
        if mandate.is_dry_run() {
            return self.rehearse_queue(queue).await;
        }
        let begun = self.begin(action, key, mandate, detail).await?;
        let result = self.queue_now(queue).await;
        self.end(begun, result, |_| Marks::default()).await
    }

    /// When an operation is issued: as it is said, or now. Known before it is sent.
    async fn issue_time(
        &self,
        entry: &EntryId,
        id: &OperationId,
        said: Option<Timestamp>,
    ) -> Result<Timestamp, OperatorError> {
        match said {
            Some(issued_at) => Ok(issued_at),
            None => Ok(self.view(entry.clone(), id.clone()).await?.issue_time()),
        }
    }

    async fn queue_now(&self, queue: QueueOperation) -> Result<QueuedOperation, OperatorError> {
        let (id, write_id) = (queue.id.clone(), queue.write_id);
        let command = RecordCommand::Queue(Box::new(queue));
        for _ in 0..=RESENDS_MAX {
            match self.submit(command.clone()).await {
                Ok(RecordReply::Queued(Outcome::Unknown))
                | Err(PlatformError::OutcomeUnknown { .. }) => {}
                Ok(RecordReply::Queued(outcome)) => return queued(&id, outcome),
                Ok(other) => unreachable!("a queueing was answered by {other:?}"),
                Err(error) => return Err(error.into()),
            }
        }
        Err(OperatorError::OutcomeUnknown { write_id })
    }

    async fn rehearse_queue(
        &self,
        queue: QueueOperation,
    ) -> Result<QueuedOperation, OperatorError> {
        let (entry, id) = (queue.entry.clone(), queue.id.clone());
        let answered = match self.rehearse(RecordCommand::Queue(Box::new(queue))).await? {
            Rehearsal::Answered(RecordReply::Queued(outcome)) => queued(&id, outcome)?,
            Rehearsal::Answered(other) => unreachable!("a queueing was answered by {other:?}"),
            Rehearsal::Writes(batch) => {
                let receipt = receipt_in(&batch, &id).expect("a queueing writes a receipt");
                let holder = self.holder(&entry).await?;
                QueuedOperation { id, receipt, is_new: true, holder, is_dry_run: true }
            }
        };
        Ok(QueuedOperation { is_dry_run: true, ..answered })
    }

    async fn holder(&self, entry: &EntryId) -> Result<Option<ServerId>, PlatformError> {
        Ok(lease_of(&*self.read(entry).await?).map(|lease| lease.server))
    }

    /// Ends an operation that waits, without effect: its receipt says `cancelled`, with the reason of
    /// the mandate.
    ///
    /// # Errors
    /// [`OperatorError`]: code `OperationNotFound`, or `OperationSettled` if it has ended.
    pub async fn cancel(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        id: &OperationId,
    ) -> Result<Ended, OperatorError> {
        let key = &self.key(key)?;
        let verdict = Verdict::Cancel(mandate.reason().into());
        self.judge_operation(Action::Cancel, (key, mandate), id, verdict).await
    }

    /// Lets an operation that waits fail, without effect: it leaves a dead letter, with the reason of
    /// the mandate.
    ///
    /// # Errors
    /// [`OperatorError`]: code `OperationNotFound`, or `OperationSettled` if it has ended.
    pub async fn fail(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        id: &OperationId,
    ) -> Result<Ended, OperatorError> {
        let key = &self.key(key)?;
        let verdict = Verdict::Fail(mandate.reason().into());
        self.judge_operation(Action::Fail, (key, mandate), id, verdict).await
    }

    async fn judge_operation(
        &self,
        action: Action,
        (key, mandate): (&EntryKey, &Mandate),
        id: &OperationId,
        verdict: Verdict,
    ) -> Result<Ended, OperatorError> {
        self.check_access(action, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let (entry, write_id) = (self.entry(key), self.write_id());
        let judge = JudgeOperation { entry: entry.clone(), id: id.clone(), verdict, write_id };
        let command = RecordCommand::Judge(Box::new(judge));
        if mandate.is_dry_run() {
            let ended = match self.rehearse(command).await? {
                Rehearsal::Answered(RecordReply::Judged(outcome)) => judged(id, outcome)?,
                Rehearsal::Answered(other) => unreachable!("a verdict was answered by {other:?}"),
                Rehearsal::Writes(_) => {
                    let holder = self.holder(&entry).await?;
                    Ended { id: id.clone(), holder, is_dry_run: true }
                }
            };
            return Ok(Ended { is_dry_run: true, ..ended });
        }
        let begun = self.begin(action, key, mandate, id.to_string()).await?;
        let result = self.judge_now(id, command, write_id).await;
        self.end(begun, result, |_| Marks::default()).await
    }

    async fn judge_now(
        &self,
        id: &OperationId,
        command: RecordCommand,
        write_id: steadfast_core::WriteId,
    ) -> Result<Ended, OperatorError> {
        for _ in 0..=RESENDS_MAX {
            match self.submit(command.clone()).await {
                Ok(RecordReply::Judged(Outcome::Unknown))
                | Err(PlatformError::OutcomeUnknown { .. }) => {}
                Ok(RecordReply::Judged(outcome)) => return judged(id, outcome),
                Ok(other) => unreachable!("a verdict was answered by {other:?}"),
                Err(error) => return Err(error.into()),
            }
        }
        Err(OperatorError::OutcomeUnknown { write_id })
    }

    /// Takes a lease away at once, without asking: exactly the one of this fence, as
    /// [`record`](Self::record) told it. Its session hears that it lost the record, and what it did
    /// not save is lost to the record.
    ///
    /// # Errors
    /// [`OperatorError::LeaseTokenMismatch`] if it is held under another fence by now, or by nobody.
    pub async fn force_release(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        fence: Fence,
    ) -> Result<Taken, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::ForceRelease, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        if mandate.is_dry_run() {
            let view = self.read(&entry).await?;
            self.plan_release(&view, fence)?;
            return taken(&view, true);
        }
        let detail = format!("fence {} of session {}", fence.counter, fence.session);
        let begun = self.begin(Action::ForceRelease, key, mandate, detail).await?;
        let result = self.force_release_now(&entry, fence).await;
        self.end(begun, result, |_| Marks::default()).await
    }

    async fn force_release_now(
        &self,
        entry: &EntryId,
        fence: Fence,
    ) -> Result<Taken, OperatorError> {
        for _ in 0..ATTEMPTS_MAX {
            let view = self.read(entry).await?;
            let write = self.plan_release(&view, fence)?;
            // Saves of the holder leave the fence as it is: it is tried again behind them.
            if self.commit(write).await?.is_some() {
                return taken(&view, false);
            }
        }
        Err(contended(entry))
    }

    fn plan_release(&self, view: &RecordView, fence: Fence) -> Result<RecordWrite, OperatorError> {
        let write = RecordWrite::force_release(view, fence, self.write_id());
        write.map_err(|refused| refusal(view, &refused))
    }

    /// Takes a record from whoever holds it: a living holder is asked to let go and given time to,
    /// then it loses the record. Nobody holds it afterwards.
    ///
    /// # Errors
    /// [`OperatorError::NotHeld`].
    pub async fn steal(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
    ) -> Result<Taken, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::Steal, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        if mandate.is_dry_run() {
            return taken(&*self.read(&entry).await?, true);
        }
        let begun = self.begin(Action::Steal, key, mandate, String::new()).await?;
        let result = self.steal_now(&entry).await;
        self.end(begun, result, |_| Marks::default()).await
    }

    async fn steal_now(&self, entry: &EntryId) -> Result<Taken, OperatorError> {
        let stolen = taken(&*self.read(entry).await?, false)?;
        self.obtain(entry, Claim::Steal).await?;
        Ok(stolen)
    }
}

fn queued(id: &OperationId, outcome: QueueOutcome) -> Result<QueuedOperation, OperatorError> {
    match outcome {
        Outcome::Committed(queued) => Ok(QueuedOperation {
            id: id.clone(),
            receipt: queued.receipt,
            is_new: queued.is_new,
            holder: queued.holder.map(|(server, _)| server),
            is_dry_run: false,
        }),
        Outcome::Refused(refusal) => Err(OperatorError::Queue(Box::new(refusal))),
        Outcome::Unknown => unreachable!("it was sent again"),
    }
}

fn judged(id: &OperationId, outcome: JudgeOutcome) -> Result<Ended, OperatorError> {
    let id = id.clone();
    match outcome {
        Outcome::Committed(judged) => {
            let holder = judged.holder.map(|(server, _)| server);
            Ok(Ended { id, holder, is_dry_run: false })
        }
        Outcome::Refused(refusal) => {
            let source = Box::new(refusal);
            Err(OperatorError::Judge { id, source })
        }
        Outcome::Unknown => unreachable!("it was sent again"),
    }
}

fn taken(view: &RecordView, is_dry_run: bool) -> Result<Taken, OperatorError> {
    let held = view.record.as_ref().and_then(|record| Some((record, record.body.lease?)));
    let Some((record, lease)) = held else {
        return Err(OperatorError::NotHeld { entry: view.entry.clone() });
    };
    Ok(Taken { server: lease.server, fence: record.body.fence, is_dry_run })
}

/// The receipt that a batch writes for an operation.
fn receipt_in(batch: &Batch, id: &OperationId) -> Option<ReceiptBody> {
    batch.writes.iter().find_map(|write| match write {
        Write::Put {
            key: RowKey::Ledger(_, LedgerKey::Receipt(of)),
            body: RowBody::Ledger(LedgerBody::Receipt(body)),
            ..
        } if of == id => Some(ReceiptBody::clone(body)),
        Write::Put { .. } | Write::Delete { .. } => None,
    })
}
