//! One record in a store of plain rows, a session that holds it, and who queues operations.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::Batch;
use crate::id::{EntryId, OpeningId, OperationId, OperationKind, ServerId, SessionId, WriteId};
use crate::json::JsonText;
use crate::operation::{
    HeadBody, InboxPage, JudgeOperation, JudgeOutcome, LedgerBody, LedgerKey, LedgerWrite,
    OperationSettings, OperationStatus, OperationView, PendingBody, PendingOperation, QueueBody,
    QueueOperation, QueueOutcome, Queued, ReceiptBody, ReceiptState, Settlement, Tier, Tries,
    Verdict,
};
use crate::outcome::Outcome;
use crate::platform::tests::world::{Running, World, player};
use crate::platform::{PlatformError, Settings};
use crate::record::{
    Data, Fence, Lease, LeaseMode, RECORD_FORMAT, RecordBase, RecordBody, RecordCommand,
    RecordOutcome, RecordReply, RecordRequest, RecordView, RecordWrite, StoreFacts, Usage, With,
    Written,
};
use crate::row::{Birth, Row, RowBody, RowKey};
use crate::time::Timestamp;

/// The server whose session holds the record.
pub(in crate::operation) const ME: ServerId = ServerId(5);

/// A server that does not.
pub(in crate::operation) const OTHER: ServerId = ServerId(6);

pub(in crate::operation) fn operation_id(text: &str) -> OperationId {
    OperationId::parse(text).unwrap()
}

#[track_caller]
pub(in crate::operation) fn as_refused<C: fmt::Debug, R: fmt::Debug>(outcome: Outcome<C, R>) -> R {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other @ (Outcome::Committed(_) | Outcome::Unknown) => panic!("{other:?}"),
    }
}

/// Runs a machine up to the next batch.
#[track_caller]
pub(in crate::operation) fn to_batch(bench: &mut Bench, running: &mut Running<RecordRequest>) {
    while running.batch().is_none() {
        assert!(!running.is_over(), "it is over");
        bench.world.step(running);
    }
}

#[track_caller]
pub(in crate::operation) fn error_of(answer: Result<RecordReply, PlatformError>) -> PlatformError {
    answer.expect_err("there is damage")
}

pub(in crate::operation) struct Bench {
    pub(in crate::operation) world: World,
    pub(in crate::operation) entry: EntryId,
    pub(in crate::operation) settings: Arc<OperationSettings>,
    /// What the session of [`ME`] knows, if it has the record.
    pub(in crate::operation) held: Option<(RecordBase, RecordBody)>,
    writes: u128,
}

impl Bench {
    pub(in crate::operation) fn new(settings: OperationSettings) -> Self {
        let (world, settings) = (World::new(Settings::native()), Arc::new(settings));
        Self { world, entry: player(), settings, held: None, writes: 1_000 }
    }

    pub(in crate::operation) fn write_id(&mut self) -> WriteId {
        self.writes += 1;
        WriteId(self.writes)
    }

    pub(in crate::operation) fn request(&self, command: RecordCommand) -> RecordRequest {
        let (opening, started_at) = (OpeningId(1), Timestamp::EPOCH);
        let store = StoreFacts { opening, started_at, now: self.world.now };
        RecordRequest { command: Arc::new(command), store }
    }

    pub(in crate::operation) fn start(&self, command: RecordCommand) -> Running<RecordRequest> {
        self.world.start(self.request(command))
    }

    pub(in crate::operation) fn ask(
        &mut self,
        command: RecordCommand,
    ) -> Result<RecordReply, PlatformError> {
        let request = self.request(command);
        self.world.run(request)
    }

    pub(in crate::operation) fn pass(&mut self, duration: Duration) {
        self.world.now = self.world.now.saturating_add(duration);
    }

    pub(in crate::operation) fn row(&self, key: LedgerKey) -> Option<&Row> {
        self.world.rows.get(&self.key(key))
    }

    pub(in crate::operation) fn key(&self, key: LedgerKey) -> RowKey {
        RowKey::Ledger(self.entry.clone(), key)
    }

    fn body(&self, key: LedgerKey) -> Option<&LedgerBody> {
        match &self.row(key)?.body {
            RowBody::Ledger(body) => Some(body),
            other => panic!("{other:?}"),
        }
    }

    pub(in crate::operation) fn head(&self) -> HeadBody {
        self.body(LedgerKey::Head).and_then(LedgerBody::head).unwrap_or_default()
    }

    pub(in crate::operation) fn queue_row(&self) -> QueueBody {
        self.body(LedgerKey::Queue).and_then(LedgerBody::queue).unwrap_or_default()
    }

    pub(in crate::operation) fn receipt(&self, id: &str) -> Option<ReceiptBody> {
        let body = self.body(LedgerKey::Receipt(operation_id(id)))?;
        Some(body.receipt().unwrap().clone())
    }

    /// The state of a receipt in one word.
    pub(in crate::operation) fn state(&self, id: &str) -> &'static str {
        match self.receipt(id).map(|receipt| receipt.state) {
            None => "none",
            Some(ReceiptState::Pending { .. }) => "pending",
            Some(ReceiptState::Full(_)) => "full",
            Some(ReceiptState::Kept { .. }) => "kept",
        }
    }

    pub(in crate::operation) fn ledger(&self) -> BTreeMap<LedgerKey, LedgerBody> {
        let rows = self.world.rows.values().filter_map(|row| match (&row.key, &row.body) {
            (RowKey::Ledger(_, key), RowBody::Ledger(body)) => Some((key.clone(), body.clone())),
            _ => None,
        });
        rows.collect()
    }

    /// An operation that is issued now, by nobody's server.
    pub(in crate::operation) fn operation(&mut self, id: &str) -> QueueOperation {
        QueueOperation {
            entry: self.entry.clone(),
            id: operation_id(id),
            kind: OperationKind::parse("gift").unwrap(),
            payload: Some(JsonText::trusted("1")),
            issued_at: self.world.now,
            schema: 3,
            is_permanent: false,
            replaces: None,
            from: None,
            settings: Arc::clone(&self.settings),
            write_id: self.write_id(),
        }
    }

    #[track_caller]
    pub(in crate::operation) fn queue(&mut self, operation: QueueOperation) -> QueueOutcome {
        match self.ask(RecordCommand::Queue(Box::new(operation))) {
            Ok(RecordReply::Queued(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// Queues an operation that is issued now.
    #[track_caller]
    pub(in crate::operation) fn queued(&mut self, id: &str) -> Queued {
        let operation = self.operation(id);
        self.queue(operation).committed().expect("it is queued")
    }

    #[track_caller]
    pub(in crate::operation) fn judge(&mut self, id: &str, verdict: Verdict) -> JudgeOutcome {
        let (entry, write_id) = (self.entry.clone(), self.write_id());
        let judgement = JudgeOperation { entry, id: operation_id(id), verdict, write_id };
        match self.ask(RecordCommand::Judge(Box::new(judgement))) {
            Ok(RecordReply::Judged(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(in crate::operation) fn inbox(&mut self, after: Option<u64>, limit: usize) -> InboxPage {
        let entry = self.entry.clone();
        match self.ask(RecordCommand::ReadInbox { entry, after, limit }) {
            Ok(RecordReply::Inbox(page)) => page,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(in crate::operation) fn known(&mut self, id: &str) -> OperationView {
        let (entry, id) = (self.entry.clone(), operation_id(id));
        match self.ask(RecordCommand::ReadOperation { entry, id }) {
            Ok(RecordReply::Operation(view)) => *view,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(in crate::operation) fn view(&mut self) -> RecordView {
        let entry = self.entry.clone();
        match self.ask(RecordCommand::Read { entry, with: With::Data }) {
            Ok(RecordReply::Read(view)) => *view,
            other => panic!("{other:?}"),
        }
    }

    /// A session of [`ME`] takes the record, and reads what waits.
    #[track_caller]
    pub(in crate::operation) fn hold(&mut self) -> Written {
        let (view, write_id) = (self.view(), self.write_id());
        let session = SessionId(write_id.0);
        let record = view.record.as_ref();
        let lease =
            Lease { server: ME, session, mode: LeaseMode::Presence, since: Birth::ThisWrite };
        let body = RecordBody {
            format: RECORD_FORMAT,
            schema: 0,
            lease: Some(lease),
            fence: record.map_or(Fence::first(session), |it| it.body.fence.next(session)),
            save_seq: 0,
            write_id,
            usage: Usage::default(),
        };
        self.held = Some((view.base().unwrap(), body.clone()));
        let write = RecordWrite { inbox_max: Some(50), body, ..self.save_of(data("0")) };
        self.written(write)
    }

    /// The save that the session would make.
    pub(in crate::operation) fn save_of(&mut self, data: Data) -> RecordWrite {
        let write_id = self.write_id();
        let (base, body) = self.held.clone().expect("somebody holds the record");
        let body = RecordBody { save_seq: body.save_seq + 1, write_id, ..body };
        RecordWrite::new(self.entry.clone(), base, body, data)
    }

    #[track_caller]
    pub(in crate::operation) fn write(&mut self, write: RecordWrite) -> RecordOutcome {
        let body = write.body.clone();
        match self.ask(RecordCommand::Write(Box::new(write))) {
            Ok(RecordReply::Written(outcome)) => {
                if let Outcome::Committed(written) = &outcome {
                    self.held = Some((written.base, body));
                }
                outcome
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(in crate::operation) fn written(&mut self, write: RecordWrite) -> Written {
        match self.write(write) {
            Outcome::Committed(written) => written,
            other => panic!("{other:?}"),
        }
    }

    pub(in crate::operation) fn ledger_write(&self) -> LedgerWrite {
        let settings = Arc::clone(&self.settings);
        LedgerWrite { settled: vec![], tried: vec![], undo_after: None, rebuild: false, settings }
    }

    /// The save of the session with these ends of operations.
    pub(in crate::operation) fn settling(&mut self, settled: Vec<Settlement>) -> RecordWrite {
        let settled = settled.into_iter().map(Arc::new).collect();
        let ledger = LedgerWrite { settled, ..self.ledger_write() };
        RecordWrite { ledger: Some(Box::new(ledger)), ..self.save_of(data("1")) }
    }

    #[track_caller]
    pub(in crate::operation) fn settle(&mut self, settled: Vec<Settlement>) -> Written {
        let write = self.settling(settled);
        self.written(write)
    }

    /// Applies the oldest operations that wait.
    #[track_caller]
    pub(in crate::operation) fn settle_oldest(&mut self, count: usize) -> Written {
        let page = self.inbox(None, count);
        self.settle(page.operations.iter().map(applied).collect())
    }

    /// Queues operations and applies them.
    #[track_caller]
    pub(in crate::operation) fn apply(&mut self, ids: &[&str]) {
        for id in ids {
            self.queued(id);
        }
        self.settle_oldest(1_000);
    }

    /// The batches that a command would commit, the last one of them not.
    #[track_caller]
    pub(in crate::operation) fn first_batch(&mut self, command: RecordCommand) -> Batch {
        let mut running = self.start(command);
        while running.batch().is_none() {
            assert!(!running.is_over(), "it writes nothing");
            self.world.step(&mut running);
        }
        running.batch().unwrap().clone()
    }

    /// Checks the numbers of the ledger against its rows.
    #[track_caller]
    pub(in crate::operation) fn check(&self) {
        let (head, queue, rows) = (self.head(), self.queue_row(), self.ledger());
        let mut counted = HeadBody {
            horizon: head.horizon,
            settled_count: head.settled_count,
            settled_size: head.settled_size,
            ..HeadBody::default()
        };
        let (mut waiting, mut waiting_size) = (0, 0);
        let mut orders = 0;
        for (key, body) in &rows {
            match (key, body) {
                (LedgerKey::Pending(seq), LedgerBody::Pending(body)) => {
                    waiting += 1;
                    if !body.is_permanent {
                        waiting_size += ReceiptBody::kept_size(&body.id);
                    }
                    let state = self.receipt(body.id.as_str()).expect("it has a receipt").state;
                    let is_its = |of: &ReceiptState| matches!(of, ReceiptState::Pending { seq: of, .. } if of == seq);
                    assert!(is_its(&state), "{seq}: {state:?}");
                }
                (LedgerKey::Receipt(id), LedgerBody::Receipt(receipt)) => {
                    let tier = match &receipt.state {
                        ReceiptState::Pending { seq, .. } => {
                            assert!(rows.contains_key(&LedgerKey::Pending(*seq)), "{id}");
                            continue;
                        }
                        ReceiptState::Full(_) => Tier::Full,
                        ReceiptState::Kept { .. } => Tier::Kept,
                    };
                    let order = LedgerKey::Order(tier, receipt.issued_at, id.clone());
                    assert_eq!(rows.contains_key(&order), !receipt.is_permanent, "{id}");
                    if receipt.is_permanent {
                        counted.permanent_count += 1;
                        continue;
                    }
                    match tier {
                        Tier::Full => counted.full_count += 1,
                        Tier::Kept | Tier::Dead => counted.kept_count += 1,
                    }
                    counted.size += receipt.size(id);
                    counted.least_size += ReceiptBody::kept_size(id);
                }
                (LedgerKey::DeadLetter(_), _) => counted.dead_count += 1,
                (LedgerKey::Order(..), _) => orders += 1,
                _ => {}
            }
        }
        assert_eq!(head, counted);
        assert_eq!(orders, counted.full_count + counted.kept_count + counted.dead_count);
        assert_eq!(head.pending_count(&queue), waiting);
        assert_eq!(head.pending_size(&queue), waiting_size);
    }
}

/// A value of the entry.
pub(in crate::operation) fn data(text: &str) -> Data {
    Data::Put { content: crate::game_server::tests::fleet::content(text), pinned: false }
}

/// The end of an operation that was applied.
pub(in crate::operation) fn applied(operation: &PendingOperation) -> Settlement {
    Settlement {
        seq: operation.seq,
        body: Arc::clone(&operation.body),
        status: OperationStatus::Applied,
        result: None,
        error: None,
        tries: 0,
        death: None,
        is_permanent: operation.body.is_permanent,
    }
}

/// A kind of operations.
pub(in crate::operation) fn kind(text: &str) -> OperationKind {
    OperationKind::parse(text).unwrap()
}

/// An operation of a kind, as a handler gets it.
pub(in crate::operation) fn waiting(kind_name: &str, payload: &str) -> PendingOperation {
    let body = PendingBody {
        id: OperationId::parse("a").unwrap(),
        kind: kind(kind_name),
        payload: JsonText::trusted(payload),
        issued_at: Timestamp::EPOCH,
        queued: Birth::ThisWrite,
        schema: 0,
        is_permanent: false,
        replaces: None,
        verdict: None,
    };
    let (queued_at, body, tries) = (Timestamp::EPOCH, Arc::new(body), Tries::default());
    PendingOperation { seq: 0, queued_at, body, tries }
}
