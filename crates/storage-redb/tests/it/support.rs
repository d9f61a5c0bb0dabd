//! What the tests share: rows, a naive model of a store, and storages that fail.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use redb::StorageBackend;
use steadfast_core::platform::History;
use steadfast_core::record::{
    ENDS_MAX, End, Fence, How, Lease, LeaseMode, MailBody, MailKind, PresenceBody, PresenceState,
    RECORD_FORMAT, RecordBody, Usage,
};
use steadfast_core::row::{
    Birth, EntryBody, OrderedBody, Reviewed, RowBody, Span, StoreBody, UniverseBody,
};
use steadfast_core::{
    Batch, BoardId, CommitOutcome, Condition, Content, EntryId, EntryKey, Found, JsonText,
    Metadata, OpeningId, Order, Outcome, Revision, Rng, Row, RowKey, RowRange, Scope, ServerId,
    SessionId, StoreId, StoreName, Timestamp, UniverseId, UserId, UtcHour, Write, WriteId,
};
use steadfast_storage::conformance::backend::settled_row;
use steadfast_storage::{Backend, ReadResult, Rows, ScanReply, wait};
use steadfast_storage_redb::Options;

mod ledger;

pub(crate) use ledger::{
    ledger_names, ledger_of, ledger_runs, put_large_operation, put_ledger, random_name,
};

pub(crate) fn store(name: &str) -> StoreId {
    StoreId { universe: UniverseId(1), name: StoreName::trusted(name) }
}

pub(crate) fn entry(store_name: &str, scope: &str, key: &str) -> EntryId {
    EntryId { store: store(store_name), scope: Scope::trusted(scope), key: EntryKey::trusted(key) }
}

pub(crate) fn revision(counter: u64, tag: u64) -> Revision {
    Revision { counter, tag }
}

/// A value of about that size that compresses to about a half.
pub(crate) fn value(rng: &mut Rng, size: usize) -> String {
    let mut text = String::from("\"");
    while text.len() + 1 < size {
        let digits = format!("{:016x}", rng.next_u64());
        text.push_str(&digits);
    }
    text.push('"');
    text
}

pub(crate) fn content(value: String) -> Arc<Content> {
    Arc::new(Content {
        value: JsonText::trusted(value),
        user_ids: vec![UserId::Number(7), UserId::Text("steam:1".into())],
        metadata: Metadata::trusted(r#"{"a":1}"#),
    })
}

pub(crate) fn put_entry(id: &EntryId, revision: Revision, content: Option<Arc<Content>>) -> Write {
    let body =
        RowBody::Entry(EntryBody { birth: Birth::ThisWrite, content, pinned: false, schema: None });
    Write::Put { key: RowKey::Entry(id.clone()), revision, body }
}

pub(crate) fn put_revision(
    id: &EntryId,
    revision: Revision,
    content: Option<Arc<Content>>,
) -> Write {
    let body = RowBody::Revision(EntryBody {
        birth: Birth::ThisWrite,
        content,
        pinned: false,
        schema: None,
    });
    Write::Put { key: RowKey::Revision(id.clone(), revision.counter), revision, body }
}

pub(crate) fn put_store(id: &StoreId, revision: Revision) -> Write {
    let body = RowBody::Store(StoreBody { birth: Birth::ThisWrite, ..StoreBody::NEW });
    Write::Put { key: RowKey::Store(id.clone()), revision, body }
}

pub(crate) fn unconditional(writes: Vec<Write>) -> Batch {
    Batch { conditions: Vec::new(), writes }
}

#[track_caller]
pub(crate) fn commit(backend: &impl Backend, batch: Batch) -> CommitOutcome {
    wait(|done| backend.commit(batch, done)).expect("the store answers every batch")
}

#[track_caller]
pub(crate) fn committed(backend: &impl Backend, batch: Batch) -> Timestamp {
    match commit(backend, batch) {
        Outcome::Committed(committed) => committed.stamped_at,
        other @ (Outcome::Refused(_) | Outcome::Unknown) => panic!("not committed: {other:?}"),
    }
}

pub(crate) fn try_read(backend: &impl Backend, rows: Vec<RowKey>) -> ReadResult {
    wait(|done| backend.read(rows, done)).expect("the store answers every read")
}

#[track_caller]
pub(crate) fn read(backend: &impl Backend, key: &RowKey) -> Found {
    let reply = try_read(backend, vec![key.clone()]).expect("the store is running");
    reply.rows.into_iter().next().expect("one row was asked for")
}

#[track_caller]
pub(crate) fn scan(backend: &impl Backend, range: &RowRange, limit: usize) -> ScanReply {
    let reply = wait(|done| backend.scan(range.clone(), limit, done));
    reply.expect("the store answers every scan").expect("the store is running")
}

/// Options with a clock that stands still, so that stamps are the store's own doing.
pub(crate) fn options() -> Options {
    Options {
        clock: Box::new(|| Timestamp::from_unix_seconds(1_000)),
        cache_size: 4 * 1_024 * 1_024,
        ..Options::default()
    }
}

/// A store as a map: what every backend must agree with. Runs are those of the rows in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) rows: BTreeMap<RowKey, Row>,
    memory: Rows,
}

impl Model {
    pub(crate) fn found(&self, key: &RowKey) -> Found {
        self.rows.get(key).map_or(Found::Absent, |row| Found::Row(row.clone()))
    }

    pub(crate) fn allows(&self, batch: &Batch) -> bool {
        batch.conditions.iter().all(|(key, condition)| condition.holds(&self.found(key)))
    }

    pub(crate) fn condition_rows(&self, batch: &Batch) -> Vec<Found> {
        batch.conditions.iter().map(|(key, _)| self.found(key)).collect()
    }

    pub(crate) fn apply(&mut self, batch: &Batch, stamped_at: Timestamp) {
        assert_eq!(self.memory.apply(batch, stamped_at).stamped_at, stamped_at, "stamps go up");
        for write in &batch.writes {
            match write {
                Write::Put { key, revision, body } => {
                    let (key, revision) = (key.clone(), *revision);
                    let row = Row { key: key.clone(), revision, stamped_at, body: body.clone() };
                    self.rows.insert(key, settled_row(row));
                }
                Write::Delete { key } => {
                    self.rows.remove(key);
                }
            }
        }
    }

    pub(crate) fn scan(&self, range: &RowRange) -> Vec<Found> {
        let rows = self.memory.scan(range, usize::MAX).rows;
        rows.into_iter().map(|found| self.found(&key_of(&found))).collect()
    }
}

pub(crate) fn key_of(found: &Found) -> RowKey {
    match found {
        Found::Row(row) => row.key.clone(),
        Found::Corrupt(key) => key.clone(),
        Found::Absent => panic!("no scan answers an absence"),
    }
}

/// All entries of a data store.
pub(crate) fn entries_of(store: StoreId) -> RowRange {
    RowRange::Entries { store, span: Span::all(), after: None }
}

/// A whole history, newest first.
pub(crate) fn history_of(entry: EntryId) -> RowRange {
    RowRange::Revisions { entry, order: Order::Descending, beyond: None }
}

/// A whole board.
pub(crate) fn board_of(entry: &EntryId, order: Order) -> RowRange {
    let board = BoardId::of(entry);
    RowRange::Board { board, order, min: i64::MIN, max: i64::MAX, beyond: None }
}

pub(crate) fn put_ordered(id: &EntryId, revision: Revision, value: Option<i64>) -> Write {
    let body = RowBody::Ordered(OrderedBody { value });
    Write::Put { key: RowKey::Ordered(id.clone()), revision, body }
}

pub(crate) fn put_universe(n: u64, revision: Revision, snapshots: &[i64]) -> Write {
    let earlier_snapshots = snapshots.iter().copied().map(Timestamp::from_ticks).collect();
    let body = RowBody::Universe(UniverseBody { earlier_snapshots });
    Write::Put { key: RowKey::Universe(UniverseId(n)), revision, body }
}

pub(crate) fn put_review(hour: u32, reviewed: Reviewed, revision: Revision) -> Write {
    let key = RowKey::Review(UtcHour(hour), reviewed);
    Write::Put { key, revision, body: RowBody::Review }
}

/// A record as its write with this number leaves it.
pub(crate) fn record_body(n: u64) -> RecordBody {
    let (server, session) = (ServerId(u128::from(n % 3)), SessionId(u128::from(n) << 64));
    let mode = [LeaseMode::Presence, LeaseMode::Timeout(Duration::from_secs(n))];
    let mode = mode[usize::try_from(n % 2).unwrap()];
    let lease = Lease { server, session, mode, since: Birth::ThisWrite };
    RecordBody {
        format: RECORD_FORMAT,
        schema: 1,
        lease: (!n.is_multiple_of(3)).then_some(lease),
        fence: Fence { counter: n, session },
        save_seq: n,
        write_id: WriteId(u128::from(n)),
        usage: Usage { last_login: None, play_time: Duration::from_nanos(n) },
    }
}

pub(crate) fn put_record(id: &EntryId, revision: Revision) -> Write {
    let body = RowBody::Record(record_body(revision.tag));
    Write::Put { key: RowKey::Record(id.clone()), revision, body }
}

pub(crate) fn put_ends(id: &EntryId, revision: Revision) -> Write {
    let count = revision.tag % (u64::try_from(ENDS_MAX).unwrap() + 1);
    let end = |n: u64| {
        let how = How::ALL[usize::try_from(n % 4).unwrap()];
        let RecordBody { fence, save_seq, write_id, .. } = record_body(n);
        End { fence, save_seq, write_id, how }
    };
    let body = RowBody::Ends((0..count).map(end).collect());
    Write::Put { key: RowKey::Ends(id.clone()), revision, body }
}

pub(crate) fn put_presence(server: u128, revision: Revision) -> Write {
    let is_dead = revision.tag.is_multiple_of(4);
    let state = if is_dead { PresenceState::Dead } else { PresenceState::Alive };
    let home = revision.tag.is_multiple_of(3).then(|| OpeningId(u128::from(revision.tag)));
    let address = format!("10.0.0.{server}").into();
    let body = RowBody::Presence(PresenceBody { state, seq: revision.tag, home, address });
    Write::Put { key: RowKey::Presence(ServerId(server)), revision, body }
}

pub(crate) fn put_mail(server: u128, id: &EntryId, revision: Revision) -> Write {
    let kind = MailKind::ALL[usize::try_from(revision.tag % 3).unwrap()];
    let fence = record_body(revision.tag).fence;
    let body = RowBody::Mail(MailBody { waiter: ServerId(9), fence, kind });
    Write::Put { key: RowKey::Mail(ServerId(server), id.clone()), revision, body }
}

/// A random batch over a small world of entries, so that keys meet often.
pub(crate) fn random_batch(rng: &mut Rng, model: &Model) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..rng.in_range(1..4) {
        random_change(rng, model, &mut batch);
    }
    if batch.writes.is_empty() {
        batch.writes.push(put_store(&store("A"), revision(1, rng.next_u64())));
    }
    batch
}

pub(crate) fn random_entry(rng: &mut Rng) -> EntryId {
    let stores = ["A", "B", "C\0"];
    let scopes = ["global", "g", "g\0x"];
    let keys = ["p", "p\0", "p\0q", "pq", "u_1", "u_22"];
    let pick = |rng: &mut Rng, names: &[&'static str]| *rng.pick(names).expect("not empty");
    entry(pick(rng, &stores), pick(rng, &scopes), pick(rng, &keys))
}

fn random_content(rng: &mut Rng) -> Option<Arc<Content>> {
    let sizes = [2, 100, 300, 700, 1_500, 3_000, 9_000, 30_000];
    let size = *rng.pick(&sizes).expect("not empty");
    (!rng.percent(15)).then(|| content(value(rng, size)))
}

fn random_change(rng: &mut Rng, model: &Model, batch: &mut Batch) {
    if rng.percent(30) {
        random_other(rng, model, batch);
    } else {
        random_state(rng, model, batch);
    }
}

fn pinned(write: Write) -> Write {
    let Write::Put { key, revision, body } = write else { return write };
    let schema = Some(u32::MAX);
    let body = match body {
        RowBody::Entry(body) => RowBody::Entry(EntryBody { pinned: true, schema, ..body }),
        RowBody::Revision(body) => RowBody::Revision(EntryBody { pinned: true, schema, ..body }),
        body @ (RowBody::Store(_)
        | RowBody::ApiKey(_)
        | RowBody::Universe(_)
        | RowBody::Ordered(_)
        | RowBody::Review
        | RowBody::Record(_)
        | RowBody::Ends(_)
        | RowBody::Presence(_)
        | RowBody::Mail(_)
        | RowBody::Ledger(_)) => body,
    };
    Write::Put { key, revision, body }
}

/// A change of a family without a history, unless the batch changes that row already.
fn random_other(rng: &mut Rng, model: &Model, batch: &mut Batch) {
    let id = random_entry(rng);
    let hour = u32::try_from(rng.below(4)).unwrap();
    let entry_review = RowKey::Review(UtcHour(hour), Reviewed::Entry(id.clone()));
    let ordered_review = RowKey::Review(UtcHour(hour), Reviewed::Ordered(id.clone()));
    let universe = rng.below(3);
    let server = u128::from(rng.below(3));
    let key = match rng.below(24) {
        0 => RowKey::Store(id.store.clone()),
        1 => RowKey::Universe(UniverseId(universe)),
        2 => entry_review,
        3 => ordered_review,
        4..8 => RowKey::Record(id.clone()),
        8 => RowKey::Ends(id.clone()),
        9..11 => RowKey::Presence(ServerId(server)),
        11..13 => RowKey::Mail(ServerId(server), id.clone()),
        18.. => RowKey::Ledger(id.clone(), random_name(rng)),
        _ => RowKey::Ordered(id.clone()),
    };
    if batch.writes.iter().any(|write| *write.key() == key) {
        return;
    }
    let found = model.found(&key).revision();
    if rng.percent(40) {
        let condition = found.map_or(Condition::Absent, Condition::At);
        batch.conditions.push((key.clone(), condition));
    }
    if rng.percent(10) {
        batch.writes.push(Write::Delete { key });
        return;
    }
    let next = revision(found.map_or(1, |found| found.counter + 1), rng.next_u64());
    batch.writes.push(match key {
        RowKey::Store(store) => {
            let deleted = rng.percent(30).then_some(Birth::ThisWrite);
            let history = rng.pick(&History::ALL).copied().filter(|_| deleted.is_none());
            let body = StoreBody { deleted, history, ..StoreBody::NEW };
            let body = RowBody::Store(body);
            Write::Put { key: RowKey::Store(store), revision: next, body }
        }
        RowKey::Universe(id) => {
            put_universe(id.0, next, &[5, 6, 7][..usize::try_from(id.0).unwrap()])
        }
        RowKey::Review(hour, reviewed) => put_review(hour.0, reviewed, next),
        RowKey::Ordered(id) => {
            let values = [i64::MIN, -1, 0, 1, 2, 3, i64::MAX - 1, i64::MAX];
            let value = rng.pick(&values).copied();
            put_ordered(&id, next, value.filter(|_| !rng.percent(15)))
        }
        RowKey::Record(id) => put_record(&id, next),
        RowKey::Ends(id) => put_ends(&id, next),
        RowKey::Presence(server) => put_presence(server.0, next),
        RowKey::Mail(server, id) => put_mail(server.0, &id, next),
        RowKey::Ledger(id, name) => put_ledger(&id, &name, next),
        RowKey::Entry(_) | RowKey::Revision(..) | RowKey::ApiKey(_) => {
            unreachable!("none of these was picked")
        }
    });
}

fn random_state(rng: &mut Rng, model: &Model, batch: &mut Batch) {
    let id = random_entry(rng);
    let key = RowKey::Entry(id.clone());
    let found = model.found(&key);
    if batch.writes.iter().any(|write| match write.key() {
        RowKey::Entry(other) | RowKey::Revision(other, _) => *other == id,
        RowKey::Store(_)
        | RowKey::ApiKey(_)
        | RowKey::Universe(_)
        | RowKey::Ordered(_)
        | RowKey::Review(..)
        | RowKey::Record(_)
        | RowKey::Ends(_)
        | RowKey::Presence(_)
        | RowKey::Mail(..)
        | RowKey::Ledger(..) => false,
    }) {
        return;
    }
    if rng.percent(70) {
        let right = found.revision().map_or(Condition::Absent, Condition::At);
        let wrong = Condition::At(revision(99, 99));
        let condition = if rng.percent(85) { right } else { wrong };
        batch.conditions.push((key.clone(), condition));
    }
    let counter = found.revision().map_or(1, |revision| revision.counter + 1);
    let next = revision(counter, rng.next_u64());
    let is_pinned = rng.percent(20);
    let mut push = |write| batch.writes.push(if is_pinned { pinned(write) } else { write });
    match rng.below(10) {
        0..4 => push(put_entry(&id, next, random_content(rng))),
        4..7 => {
            let content = random_content(rng);
            push(put_entry(&id, next, content.clone()));
            push(put_revision(&id, next, content));
        }
        7 => {
            let old = revision(rng.in_range(1..counter + 2), rng.next_u64());
            push(put_revision(&id, old, random_content(rng)));
        }
        8 => {
            // A run of deletions, in any order.
            let mut counters: Vec<u64> = (1..=counter).filter(|_| rng.percent(50)).collect();
            if rng.percent(50) {
                counters.reverse();
            }
            for counter in counters {
                push(Write::Delete { key: RowKey::Revision(id.clone(), counter) });
            }
        }
        _ if rng.percent(20) => push(Write::Delete { key }),
        _ => {
            // The same state again, with its revision row, as a retry would not do it.
            let again = found.revision().unwrap_or(next);
            let content = random_content(rng);
            push(put_entry(&id, again, content.clone()));
            push(put_revision(&id, again, content));
        }
    }
}

/// A memory storage whose flushes and growth fail on demand, and that survives its store.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailingStorage {
    pub(crate) inner: Arc<redb::backends::InMemoryBackend>,
    pub(crate) fail_sync: Arc<AtomicBool>,
    pub(crate) no_space: Arc<AtomicBool>,
    pub(crate) sync_count: Arc<AtomicUsize>,
}

impl StorageBackend for FailingStorage {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.no_space.load(Ordering::SeqCst) && len > self.inner.len()? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync_count.fetch_add(1, Ordering::SeqCst);
        if self.fail_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected flush failure"));
        }
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.no_space.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.write(offset, data)
    }
}
