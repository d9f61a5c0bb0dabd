//! A record of a 2 KB profile, its ledger empty or full, and saves that settle an operation each.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::operation::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, LedgerWrite, OperationSettings,
    OperationStatus, PayloadHash, PendingOperation, QueueBody, QueueOperation, ReceiptBody,
    ReceiptState, Receipted, Settlement, Tier,
};
use steadfast_core::platform::Settings;
use steadfast_core::record::{
    Data, Fence, Lease, LeaseMode, RECORD_FORMAT, RecordBase, RecordBody, RecordCommand,
    RecordReply, RecordWrite, Usage, With,
};
use steadfast_core::row::Birth;
use steadfast_core::{
    Batch, Content, EntryId, EntryKey, JsonText, Limits, Metadata, OpeningId, OperationId,
    OperationKind, Outcome, Revision, Rng, RowBody, RowKey, Scope, ServerId, SessionId, StoreId,
    StoreName, Timestamp, UniverseId, Write, WriteId,
};
use steadfast_storage::{Backend, LocalPlatform, LocalRecords, Ownership, Records, wait};
use steadfast_storage_redb::RedbBackend;

/// Bytes of the profile.
pub(crate) const PROFILE_SIZE: usize = 2_048;

/// Bytes of what a handler answered.
const RESULT_SIZE: usize = 100;

/// Rows in one batch of the filling.
const BATCH_COUNT: usize = 1_000;

/// One record, and the session that holds it.
pub(crate) struct World {
    backend: Arc<RedbBackend>,
    records: LocalRecords,
    entry: EntryId,
    body: RecordBody,
    base: RecordBase,
    settings: Arc<OperationSettings>,
    rng: Rng,
    number: u64,
}

impl World {
    /// Takes the record for a session, whatever there is of it.
    pub(crate) fn open(backend: RedbBackend) -> Self {
        let backend = Arc::new(backend);
        let shared: Arc<dyn Backend> = Arc::<RedbBackend>::clone(&backend);
        let writes_per_key_max = Limits::native().writes_per_key_max;
        let platform = LocalPlatform::new(shared, Settings::default(), writes_per_key_max);
        let platform = platform.expect("a thread can be started");
        let records = LocalRecords::new(platform, OpeningId(1), Ownership::Sole);
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("players") };
        let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("u_1234567") };
        let read = RecordCommand::Read { entry: entry.clone(), with: With::Data };
        let RecordReply::Read(view) = ask(&records, read) else { panic!("not read") };
        let base = view.base().expect("the data was read");
        let seq = view.record.as_ref().map_or(0, |record| record.body.save_seq);
        let session = SessionId(u128::from(seq) + 1);
        let fence = view
            .record
            .as_ref()
            .map_or(Fence::first(session), |record| record.body.fence.next(session));
        let since = Birth::At(view.now);
        let lease = Lease { server: ServerId(1), session, mode: LeaseMode::Presence, since };
        let (lease, write_id) = (Some(lease), WriteId(0));
        let (format, schema, save_seq) = (RECORD_FORMAT, 1, seq);
        let usage = Usage::default();
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        // Numbers go on where an earlier opening ended: each is used once.
        let (settings, rng, number) = (Arc::default(), Rng::seeded(seq), seq * 1_000);
        let mut world = Self { backend, records, entry, body, base, settings, rng, number };
        world.write(None);
        world
    }

    /// Closes the store. The record stays as it is.
    pub(crate) fn close(self) {
        let Self { backend, records, .. } = self;
        backend.close().expect("the store closes in order");
        drop(records);
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// A profile that is another one each time.
    fn profile(&mut self) -> Arc<Content> {
        let mut text = format!("{{\"coins\":{},\"items\":[1", self.rng.below(1_000_000));
        while text.len() + 16 < PROFILE_SIZE {
            let (item, count) = (self.rng.below(50_000), self.rng.below(64));
            write!(text, ",{item},{count}").expect("a text takes any text");
        }
        text.push_str("]}");
        let (value, metadata) = (JsonText::trusted(text), Metadata::empty());
        Arc::new(Content { value, user_ids: vec![], metadata })
    }

    /// Queues an operation, as another server would.
    pub(crate) fn queue(&mut self) {
        let number = self.next_number();
        let queue = QueueOperation {
            entry: self.entry.clone(),
            id: OperationId::trusted(format!("new--{number:015}")),
            kind: kind(),
            payload: Some(JsonText::trusted("{\"item\":4711,\"count\":2}")),
            issued_at: self.records.facts().now,
            schema: 1,
            is_permanent: false,
            replaces: None,
            from: None,
            settings: Arc::clone(&self.settings),
            write_id: WriteId(u128::from(number)),
        };
        let reply = ask(&self.records, RecordCommand::Queue(Box::new(queue)));
        let is_queued = matches!(&reply, RecordReply::Queued(Outcome::Committed(it)) if it.is_new);
        assert!(is_queued, "{reply:?}");
    }

    /// Saves another profile, and settles as many of the operations that wait.
    pub(crate) fn settle(&mut self, limit: usize) {
        let (entry, after) = (self.entry.clone(), None);
        let read = RecordCommand::ReadInbox { entry, after, limit };
        let RecordReply::Inbox(page) = ask(&self.records, read) else { panic!("not read") };
        assert!(!page.operations.is_empty(), "operations wait");
        let applied = |waiting: &PendingOperation| {
            Arc::new(Settlement {
                seq: waiting.seq,
                body: Arc::clone(&waiting.body),
                status: OperationStatus::Applied,
                result: Some(result()),
                error: None,
                tries: 0,
                death: None,
                is_permanent: false,
            })
        };
        let settled = page.operations.iter().map(applied).collect();
        let settings = Arc::clone(&self.settings);
        let ledger =
            LedgerWrite { settled, tried: vec![], undo_after: None, rebuild: false, settings };
        self.write(Some(Box::new(ledger)));
    }

    /// Saves another profile.
    pub(crate) fn write(&mut self, ledger: Option<Box<LedgerWrite>>) {
        let write_id = WriteId(u128::from(self.next_number()));
        let save_seq = self.body.save_seq + 1;
        let body = RecordBody { write_id, save_seq, ..self.body.clone() };
        let (entry, data) =
            (self.entry.clone(), Data::Put { content: self.profile(), pinned: false });
        let write =
            RecordWrite { ledger, ..RecordWrite::new(entry, self.base, body.clone(), data) };
        let reply = ask(&self.records, RecordCommand::Write(Box::new(write)));
        let RecordReply::Written(Outcome::Committed(written)) = reply else {
            panic!("not saved: {reply:?}")
        };
        (self.base, self.body) = (written.base, body);
    }

    /// Writes a ledger that holds as much as it may by default, settled over the last days.
    pub(crate) fn fill(&mut self) {
        let OperationSettings { receipts_max, kept_max, dead_letters_max, .. } = *self.settings;
        let now = self.backend.now().unix_millis();
        let since = now - i64::try_from(Duration::from_hours(72).as_millis()).unwrap_or(0);
        let time = |n: u32| Timestamp::from_unix_millis(since + i64::from(n));
        let mut rows = Vec::new();
        let (mut size, mut least_size) = (0, 0);
        for n in 0..kept_max + receipts_max {
            let id = OperationId::trusted(format!("gift-{n:015}"));
            let (issued_at, is_kept) = (time(n), n < kept_max);
            let body = receipt(n, issued_at, is_kept);
            (size, least_size) = (size + body.size(&id), least_size + ReceiptBody::kept_size(&id));
            let tier = if is_kept { Tier::Kept } else { Tier::Full };
            rows.push((LedgerKey::Order(tier, issued_at, id.clone()), LedgerBody::Order));
            rows.push((LedgerKey::Receipt(id), LedgerBody::Receipt(Box::new(body))));
        }
        assert!(size <= self.settings.ledger_size_max, "{size} bytes are more than it may hold");
        for n in 0..dead_letters_max {
            let id = OperationId::trusted(format!("dead-{n:015}"));
            rows.push((LedgerKey::Order(Tier::Dead, time(n), id.clone()), LedgerBody::Order));
            let letter = dead_letter(time(n), self.settings.dead_letter_payload_max);
            rows.push((LedgerKey::DeadLetter(id), LedgerBody::DeadLetter(Arc::new(letter))));
        }
        let settled_count = u64::from(kept_max + receipts_max);
        let queue = QueueBody { count: settled_count, size: least_size };
        rows.push((LedgerKey::Queue, LedgerBody::Queue(queue)));
        rows.push((
            LedgerKey::Head,
            LedgerBody::Head(HeadBody {
                horizon: Some(Timestamp::from_unix_millis(since - 1)),
                settled_count,
                settled_size: least_size,
                full_count: receipts_max,
                kept_count: kept_max,
                permanent_count: 0,
                dead_count: dead_letters_max,
                size,
                least_size,
            }),
        ));
        for part in rows.chunks(BATCH_COUNT) {
            let put = |(key, body): &(LedgerKey, LedgerBody)| Write::Put {
                key: RowKey::Ledger(self.entry.clone(), key.clone()),
                revision: Revision { counter: 1, tag: 1 },
                body: RowBody::Ledger(body.clone()),
            };
            let batch = Batch { conditions: vec![], writes: part.iter().map(put).collect() };
            let outcome = wait(|done| self.backend.commit(batch, done));
            assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
        }
    }
}

fn ask(records: &LocalRecords, command: RecordCommand) -> RecordReply {
    let answer = wait(|done| records.submit(Arc::new(command), done));
    answer.expect("every command is answered").expect("the store is whole")
}

fn kind() -> OperationKind {
    OperationKind::trusted("give")
}

fn text(size: usize) -> JsonText {
    JsonText::trusted(format!("\"{}\"", "x".repeat(size.saturating_sub(2))))
}

fn result() -> JsonText {
    text(RESULT_SIZE)
}

fn receipt(n: u32, issued_at: Timestamp, is_kept: bool) -> ReceiptBody {
    let (status, settled) = (OperationStatus::Applied, Birth::At(issued_at));
    let (entry_counter, result) = (1, Some(result()));
    let state = if is_kept {
        ReceiptState::Kept { status, settled, entry_counter }
    } else {
        let (error, tries, death) = (None, 0, None);
        ReceiptState::Full(Receipted {
            kind: kind(),
            status,
            settled,
            entry_counter,
            result,
            error,
            tries,
            death,
        })
    };
    let hash = PayloadHash(u128::from(n) << 64 | 7);
    ReceiptBody { hash, issued_at, is_permanent: false, state }
}

fn dead_letter(died_at: Timestamp, size: usize) -> DeadLetterBody {
    DeadLetterBody {
        kind: kind(),
        payload: Some(text(size)),
        payload_size: u64::try_from(size).unwrap_or(0),
        schema: 1,
        is_permanent: false,
        issued_at: died_at,
        died: Birth::At(died_at),
        death: Death::Attempts,
        error: "there is no such item".into(),
        tries: 10,
        requeued_as: None,
    }
}
