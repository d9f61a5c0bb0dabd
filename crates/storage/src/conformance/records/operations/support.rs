//! What the facts about operations are made of.

use std::sync::Arc;

use steadfast_core::operation::{
    DeadLetter, Death, InboxPage, JudgeOperation, JudgeOutcome, LedgerWrite, OperationSettings,
    OperationStatus, OperationView, PayloadHash, PendingOperation, QueueOperation, QueueOutcome,
    QueueRefusal, Queued, ReceiptBody, Settlement, Verdict,
};
use steadfast_core::platform::PlatformError;
use steadfast_core::record::{RecordCommand, RecordReply, RecordWrite, With, Written};
use steadfast_core::{JsonText, OperationId, OperationKind, Outcome, Timestamp};

use super::super::calls::{Held, Scene, submit};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::write_id;

pub(super) fn id(name: &str) -> OperationId {
    OperationId::trusted(name)
}

pub(super) fn kind() -> OperationKind {
    OperationKind::trusted("give")
}

pub(super) fn payload(text: &str) -> JsonText {
    JsonText::trusted(text)
}

/// Limits that differ from the defaults in something.
pub(super) fn settings(change: impl FnOnce(&mut OperationSettings)) -> Arc<OperationSettings> {
    let mut settings = OperationSettings::default();
    change(&mut settings);
    Arc::new(settings)
}

/// An end of an operation that waits.
pub(super) fn settlement(operation: &PendingOperation, status: OperationStatus) -> Settlement {
    Settlement {
        seq: operation.seq,
        body: Arc::clone(&operation.body),
        status,
        result: None,
        error: None,
        tries: 0,
        death: None,
        is_permanent: operation.body.is_permanent,
    }
}

/// The same as one that failed for good.
pub(super) fn failure(operation: &PendingOperation, death: Death) -> Settlement {
    let (error, death) = (Some("it cannot be given".into()), Some(death));
    Settlement { error, death, tries: 3, ..settlement(operation, OperationStatus::Failed) }
}

/// What a save writes to the ledger.
pub(super) fn ledger(settled: Vec<Settlement>, settings: &Arc<OperationSettings>) -> LedgerWrite {
    let (settled, settings) = (settled.into_iter().map(Arc::new).collect(), Arc::clone(settings));
    LedgerWrite { settled, tried: vec![], undo_after: None, rebuild: false, settings }
}

#[track_caller]
pub(super) fn queued(outcome: QueueOutcome) -> Queued {
    let text = format!("{outcome:?}");
    outcome.committed().unwrap_or_else(|| panic!("not queued: {text}"))
}

#[track_caller]
pub(super) fn refused(outcome: QueueOutcome) -> QueueRefusal {
    let Outcome::Refused(refusal) = outcome else { panic!("not refused: {outcome:?}") };
    refusal
}

impl<H: RecordsHarness> Scene<H> {
    /// A request to queue an operation of this id that is issued now, from outside of all game servers, with a payload
    /// that says its id.
    pub(super) fn request(&self, name: &str, number: u64) -> QueueOperation {
        QueueOperation {
            entry: self.entry.clone(),
            id: id(name),
            kind: kind(),
            payload: Some(payload(&format!("{{\"item\":\"{name}\"}}"))),
            issued_at: self.now(),
            schema: 2,
            is_permanent: false,
            replaces: None,
            from: None,
            settings: Arc::default(),
            write_id: write_id(number),
        }
    }

    pub(super) fn try_queue(&self, queue: QueueOperation) -> Result<QueueOutcome, PlatformError> {
        let reply = submit(&*self.records, RecordCommand::Queue(Box::new(queue)))?;
        let RecordReply::Queued(outcome) = reply else {
            panic!("not the answer to a queueing: {reply:?}")
        };
        Ok(outcome)
    }

    #[track_caller]
    pub(super) fn queue(&self, queue: QueueOperation) -> QueueOutcome {
        self.try_queue(queue).expect("nothing but the store fails here")
    }

    /// Queues operations of these ids, which nobody knows, one after the other.
    #[track_caller]
    pub(super) fn must_queue(&self, names: &[&str], first: u64) {
        for (name, number) in names.iter().zip(first..) {
            let queued = queued(self.queue(self.request(name, number)));
            assert!(queued.is_new, "{name} was known: {queued:?}");
        }
    }

    #[track_caller]
    pub(super) fn inbox_behind(&self, after: Option<u64>, limit: usize) -> InboxPage {
        let entry = self.entry.clone();
        match submit(&*self.records, RecordCommand::ReadInbox { entry, after, limit }) {
            Ok(RecordReply::Inbox(page)) => page,
            other => panic!("not the answer to a reading of an inbox: {other:?}"),
        }
    }

    /// All that waits.
    #[track_caller]
    pub(super) fn inbox(&self) -> Vec<PendingOperation> {
        let page = self.inbox_behind(None, 100);
        assert!(!page.has_more, "the facts queue less than that");
        page.operations
    }

    /// The ids of all that waits.
    #[track_caller]
    pub(super) fn waiting(&self) -> Vec<String> {
        names(&self.inbox())
    }

    pub(super) fn try_operation(&self, name: &str) -> Result<OperationView, PlatformError> {
        let (entry, id) = (self.entry.clone(), id(name));
        let reply = submit(&*self.records, RecordCommand::ReadOperation { entry, id })?;
        let RecordReply::Operation(view) = reply else {
            panic!("not the answer to a reading of an operation: {reply:?}")
        };
        Ok(*view)
    }

    #[track_caller]
    pub(super) fn operation(&self, name: &str) -> OperationView {
        self.try_operation(name).expect("nothing fails here")
    }

    /// The receipt of an operation that is known.
    #[track_caller]
    pub(super) fn receipt(&self, name: &str) -> ReceiptBody {
        let view = self.operation(name);
        view.receipt.unwrap_or_else(|| panic!("nobody knows {name}"))
    }

    /// All receipts, read in pages of two.
    #[track_caller]
    pub(super) fn receipts(&self) -> Vec<(String, ReceiptBody)> {
        let (mut receipts, mut after) = (Vec::new(), None);
        loop {
            let (entry, limit) = (self.entry.clone(), 2);
            let command = RecordCommand::ReadReceipts { entry, after: after.clone(), limit };
            let (page, more) = match submit(&*self.records, command) {
                Ok(RecordReply::Receipts(page, more)) => (page, more),
                other => panic!("not the answer to a reading of receipts: {other:?}"),
            };
            assert!(page.len() <= limit, "a page holds no more than was asked for");
            after = page.last().map(|(id, _)| id.clone());
            receipts.extend(page.into_iter().map(|(id, body)| (id.as_str().to_owned(), body)));
            if !more {
                return receipts;
            }
        }
    }

    #[track_caller]
    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        let (entry, after, limit) = (self.entry.clone(), None, 100);
        match submit(&*self.records, RecordCommand::ReadDeadLetters { entry, after, limit }) {
            Ok(RecordReply::DeadLetters(letters, false)) => letters,
            other => panic!("not the answer to a reading of dead letters: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn judge(&self, name: &str, verdict: Verdict, number: u64) -> JudgeOutcome {
        let (entry, id, write_id) = (self.entry.clone(), id(name), write_id(number));
        let judge = Box::new(JudgeOperation { entry, id, verdict, write_id });
        match submit(&*self.records, RecordCommand::Judge(judge)) {
            Ok(RecordReply::Judged(outcome)) => outcome,
            other => panic!("not the answer to a verdict: {other:?}"),
        }
    }

    /// The store's time.
    #[track_caller]
    pub(super) fn now(&self) -> Timestamp {
        let (entry, with) = (self.entry.clone(), With::DataIfFree);
        match submit(&*self.records, RecordCommand::Read { entry, with }) {
            Ok(RecordReply::Read(view)) => view.now,
            other => panic!("not the answer to a reading of a record: {other:?}"),
        }
    }

    /// Save number `number` of the holder, which settles these.
    pub(super) fn settling(
        &self,
        held: &Held,
        number: u64,
        settled: Vec<Settlement>,
        settings: &Arc<OperationSettings>,
    ) -> RecordWrite {
        let ledger = Some(Box::new(ledger(settled, settings)));
        RecordWrite { ledger, ..held.save(&self.entry, number) }
    }

    /// Settles everything that waits as applied, with one save.
    #[track_caller]
    pub(super) fn settle_all(
        &self,
        held: &mut Held,
        number: u64,
        settings: &Arc<OperationSettings>,
    ) -> Written {
        let waiting = self.inbox();
        let settled = waiting.iter().map(|it| settlement(it, OperationStatus::Applied)).collect();
        let write = self.settling(held, number, settled, settings);
        self.must_write(held, write)
    }
}

/// The ids of operations.
pub(super) fn names(operations: &[PendingOperation]) -> Vec<String> {
    operations.iter().map(|it| it.body.id.as_str().to_owned()).collect()
}

/// The hash of a request.
pub(super) fn hash_of(queue: &QueueOperation) -> PayloadHash {
    PayloadHash::of(&queue.kind, queue.payload.as_ref().expect("it has a payload of its own"))
}
