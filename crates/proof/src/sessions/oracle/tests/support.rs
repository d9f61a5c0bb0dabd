//! Stories of game servers, told by hand: real commands over real rows, and as much disorder as a
//! test wants.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::game_server::Ticket;
use steadfast_core::operation::OperationSettings;
use steadfast_core::platform::{Input, Machine, Operation, Settings, Step};
use steadfast_core::record::{
    Data, End, Fence, How, Lease, LeaseMode, MailBody, MailKind, PresenceBody, PresenceState,
    RECORD_FORMAT, RecordBase, RecordBody, RecordCommand, RecordReply, RecordRequest, RecordView,
    RecordWrite, StoreFacts, StoredRecord, With,
};
use steadfast_core::row::{Birth, Metadata, ReadReply};
use steadfast_core::session::{LossReason, SaveError, SessionEvent, SessionSettings, Spill};
use steadfast_core::{
    Batch, Content, EntryId, EntryKey, JsonText, Monotonic, Now, OpeningId, Outcome, Revision,
    Scope, ServerId, SessionId, StoreId, StoreName, Timestamp, UniverseId, WriteId,
};
use steadfast_storage::Rows;

use super::super::SessionOracle;
use super::super::beliefs::{Belief, Holds};
use super::super::rest::Living;
use crate::sessions::witness::{Author, Marker, Witness};

/// What a write of a record makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Grant(SessionId, ServerId, How),
    Save(Option<Marker>),
    Release(Option<Marker>),
    Adopt(ServerId),
}

/// A story in which one store, some processes and one record play.
pub(super) struct Story {
    pub(super) rows: Rows,
    pub(super) oracle: SessionOracle,
    pub(super) now: Monotonic,
    pub(super) mode: LeaseMode,
    opening: OpeningId,
    /// What the store's clock shows more than the true time.
    pub(super) store_ahead: Duration,
    ids: u128,
}

impl Story {
    pub(super) fn new() -> Self {
        Self::with(&SessionSettings::default())
    }

    pub(super) fn with(settings: &SessionSettings) -> Self {
        let opening = OpeningId(1);
        let mut story = Self {
            rows: Rows::new(),
            oracle: SessionOracle::new(settings, &OperationSettings::default(), true),
            now: Monotonic::from_nanos(1_000_000_000),
            mode: settings.mode,
            opening,
            store_ahead: Duration::ZERO,
            ids: 100,
        };
        story.oracle.reopened(story.now(), opening);
        story
    }

    #[track_caller]
    pub(super) fn holds(&self) {
        assert_eq!(self.oracle.violation, None);
    }

    /// The first violation is of this invariant.
    #[track_caller]
    pub(super) fn breaks(&self, code: &str) {
        let found = self.oracle.violation.as_deref().unwrap_or("nothing");
        let codes = found.split(':').next().unwrap_or_default();
        assert!(codes.split(", ").any(|it| it == code), "not {code}: {found}");
    }

    pub(super) fn now(&self) -> Now {
        Now { mono: self.now, wall: Timestamp::from_ticks(self.ticks()) }
    }

    fn ticks(&self) -> i64 {
        i64::try_from(self.now.nanos() / 100).unwrap()
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now.saturating_add(Duration::from_millis(millis));
    }

    pub(super) fn id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    fn clock(&self) -> Timestamp {
        Timestamp::from_ticks(self.ticks()).saturating_add(self.store_ahead)
    }

    /// Carries a command out as far as its batch, or its answer.
    fn plan(&self, command: RecordCommand) -> Result<Batch, Box<RecordReply>> {
        let (opening, started_at, now) = (self.opening, Timestamp::EPOCH, self.clock());
        let store = StoreFacts { opening, started_at, now };
        let request = RecordRequest { command: Arc::new(command), store };
        let (mut machine, mut step) = request.start(&Settings::default());
        loop {
            step = match step {
                Step::Read(keys) => {
                    let rows = keys.iter().map(|key| self.rows.get(key)).collect();
                    machine.on(Input::Read(Ok(ReadReply { rows, now })))
                }
                Step::Commit(batch) => return Ok(batch),
                Step::Done(reply) => return Err(Box::new(reply.unwrap())),
                Step::Scan(range, limit) => {
                    machine.on(Input::Scanned(Ok(self.rows.scan(&range, limit))))
                }
                Step::Heads(..) => unreachable!("nothing is listed by its heads"),
            };
        }
    }

    /// What a command that writes nothing is answered.
    pub(super) fn answer(&self, command: RecordCommand) -> RecordReply {
        *self.plan(command).expect_err("it writes nothing")
    }

    pub(super) fn batch(&self, command: RecordCommand) -> Batch {
        self.plan(command).unwrap()
    }

    /// Writes a batch whatever stands there.
    pub(super) fn force(&mut self, author: Author, batch: &Batch) {
        let committed = self.rows.apply(batch, self.clock());
        self.oracle.applied(self.now(), author, batch, committed);
    }

    /// Writes a batch as the store does. False if it was refused.
    pub(super) fn commit(&mut self, author: Author, batch: &Batch) -> bool {
        let Outcome::Committed(committed) = self.rows.commit(batch, self.clock()) else {
            return false;
        };
        self.oracle.applied(self.now(), author, batch, committed);
        true
    }

    pub(super) fn view(&self) -> RecordView {
        let command = RecordCommand::Read { entry: entry(), with: With::Data };
        let reply = *self.plan(command).expect_err("a read writes nothing");
        let RecordReply::Read(view) = reply else { panic!("a read was answered by {reply:?}") };
        *view
    }

    /// What a write of the record as it stands would be.
    pub(super) fn write(&mut self, kind: Kind) -> RecordWrite {
        let view = self.view();
        let write_id = WriteId(self.id());
        let base = view.base().unwrap();
        let old = view.record.map(|record| record.body);
        let fence = old.as_ref().map(|old| old.fence);
        let seq = old.as_ref().map_or(0, |old| old.save_seq);
        let lease = old.as_ref().and_then(|old| old.lease);
        let (lease, fence, save_seq, data) = match kind {
            Kind::Grant(session, server, _) => {
                let (mode, since) = (self.mode, Birth::At(Timestamp::EPOCH));
                let next = fence.map_or(Fence::first(session), |fence| fence.next(session));
                let is_live = view.data.as_ref().is_some_and(|data| data.content.is_some());
                let data = if is_live { Data::Same } else { put(Marker { count: 0, mix: 0 }) };
                (Some(Lease { server, session, mode, since }), next, seq, data)
            }
            Kind::Save(marker) => (lease, fence.unwrap(), seq + 1, marker.map_or(Data::Keep, put)),
            Kind::Release(marker) => {
                let next = fence.unwrap().next(lease.unwrap().session);
                (None, next, seq + 1, marker.map_or(Data::Keep, put))
            }
            Kind::Adopt(server) => {
                let lease = lease.map(|lease| Lease { server, ..lease });
                (lease, fence.unwrap().next(lease.unwrap().session), seq, Data::Keep)
            }
        };
        let usage = old.as_ref().map(|old| old.usage).unwrap_or_default();
        let end = old.filter(|old| old.lease.is_some()).and_then(|old| {
            let RecordBody { fence, .. } = old;
            match kind {
                Kind::Grant(_, _, how) => {
                    let RecordBody { save_seq, write_id, .. } = old;
                    Some(End { fence, save_seq, write_id, how })
                }
                Kind::Release(_) => Some(End { fence, save_seq, write_id, how: How::Released }),
                Kind::Save(_) | Kind::Adopt(_) => None,
            }
        });
        let (format, schema) = (RECORD_FORMAT, 0);
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        RecordWrite {
            entry: entry(),
            base,
            write_id,
            body,
            data,
            end,
            revoked: None,
            ledger: None,
            inbox_max: None,
        }
    }

    /// Writes the record as it stands. False if it was refused.
    pub(super) fn make(&mut self, process: usize, kind: Kind) -> bool {
        let write = self.write(kind);
        let batch = self.batch(RecordCommand::Write(Box::new(write)));
        self.commit(Author::Process(process), &batch)
    }

    fn presence(
        &mut self,
        server: ServerId,
        base: Option<Revision>,
        (state, seq): (PresenceState, u64),
    ) -> Batch {
        let body = PresenceBody { state, seq, home: None, address: "".into() };
        let write_id = WriteId(self.id());
        let with_mail = false;
        let in_opening = None;
        self.batch(RecordCommand::WritePresence {
            server,
            base,
            body,
            write_id,
            with_mail,
            in_opening,
        })
    }

    fn seen(&self, server: ServerId) -> Revision {
        let key = steadfast_core::RowKey::Presence(server);
        self.rows.get(&key).revision().unwrap()
    }

    /// A new id of a process.
    pub(super) fn live(&mut self, process: usize) -> ServerId {
        let server = ServerId(self.id());
        self.oracle.started(self.now(), process, None);
        let batch = self.presence(server, None, (PresenceState::Alive, 1));
        assert!(self.commit(Author::Process(process), &batch));
        server
    }

    /// Writes a presence as it stands.
    pub(super) fn renew(&mut self, author: usize, server: ServerId, state: PresenceState) {
        let base = self.seen(server);
        let batch = self.presence(server, Some(base), (state, base.counter + 1));
        assert!(self.commit(Author::Process(author), &batch));
    }

    pub(super) fn declare(&mut self, author: usize, server: ServerId) {
        self.renew(author, server, PresenceState::Dead);
    }

    /// A session, opened with what stands there.
    pub(super) fn open(&mut self, process: usize, server: ServerId, how: How) -> SessionId {
        let session = SessionId(self.id());
        assert!(self.make(process, Kind::Grant(session, server, how)));
        let marker = self.stored();
        self.opened(process, session, marker);
        session
    }

    /// What is stored, or would be the default.
    pub(super) fn stored(&self) -> Marker {
        let content = self.view().data.unwrap().content;
        content.map_or(Marker { count: 0, mix: 0 }, |it| Marker::stored_in(&it).unwrap())
    }

    pub(super) fn opened(&mut self, process: usize, session: SessionId, marker: Marker) {
        let (now, ticket) = (self.now, self.ticket());
        self.oracle.on_asked_open(now, process, ticket, &entry());
        self.oracle.note(|it| it.on_opened(now, (process, ticket), session, Some(marker)));
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        Ticket(u64::try_from(self.id()).unwrap())
    }

    pub(super) fn edit(&mut self, process: usize, session: SessionId, marker: Marker) {
        self.oracle.note(|it| it.on_edited(process, session, marker));
    }

    /// Asks for a checkpoint or a release.
    pub(super) fn ask(
        &mut self,
        process: usize,
        session: SessionId,
        marker: Marker,
        is_release: bool,
    ) -> Ticket {
        let (now, ticket) = (self.now, self.ticket());
        self.oracle
            .note(|it| it.on_asked_save(now, (process, ticket), session, marker, is_release));
        ticket
    }

    pub(super) fn settled(
        &mut self,
        process: usize,
        ticket: Ticket,
        result: &Result<Revision, SaveError>,
    ) {
        let now = self.now;
        self.oracle.note(|it| it.on_settled(now, (process, ticket), result));
    }

    /// Asks to let go, and does.
    pub(super) fn release(&mut self, process: usize, session: SessionId, marker: Marker) -> bool {
        let ticket = self.ask(process, session, marker, true);
        let is_released = self.make(process, Kind::Release(Some(marker)));
        let revision = self.view().record.map(|record| record.revision);
        self.settled(process, ticket, &revision.ok_or(SaveError::Closed));
        is_released
    }

    pub(super) fn told(&mut self, process: usize, session: SessionId, event: &SessionEvent) {
        let now = self.now;
        self.oracle.note(|it| it.on_session(now, process, session, event));
    }

    pub(super) fn lost(
        &mut self,
        process: usize,
        session: SessionId,
        reason: LossReason,
        spill: Option<Spill>,
    ) {
        self.told(process, session, &SessionEvent::Lost { reason, spill });
    }

    /// A process says what it believes, and until when from now on by its own clock.
    pub(super) fn believes(
        &mut self,
        process: usize,
        server: ServerId,
        for_: Option<u64>,
        active: &[SessionId],
    ) {
        let local = self.now;
        let until = for_.map(|millis| local.saturating_add(Duration::from_millis(millis)));
        let now = self.now;
        let holds =
            active.iter().map(|session| Holds { session: *session, is_active: true, until: None });
        let belief = Belief { server, local, until };
        self.oracle.note(|it| it.on_belief(now, process, belief, holds));
    }

    pub(super) fn mail(&mut self, author: usize, server: ServerId, fence: Fence) {
        let body = MailBody { waiter: ServerId(9), fence, kind: MailKind::HandOff };
        let write_id = WriteId(self.id());
        let batch = self.batch(RecordCommand::PutMail { server, entry: entry(), body, write_id });
        assert!(self.commit(Author::Process(author), &batch));
    }

    /// An operator writes the record by force.
    pub(super) fn seize(&mut self, data: Data) -> bool {
        let view = self.view();
        let write_id = WriteId(self.id());
        let record: &StoredRecord = view.record.as_ref().unwrap();
        let (body, end, revoked) = record.seized(write_id, How::Edited);
        let base: RecordBase = view.base().unwrap();
        let write = RecordWrite {
            entry: entry(),
            base,
            write_id,
            body,
            data,
            end,
            revoked,
            ledger: None,
            inbox_max: None,
        };
        let batch = self.batch(RecordCommand::Write(Box::new(write)));
        self.commit(Author::Operator, &batch)
    }

    /// The store stands at earlier rows.
    pub(super) fn rewind(&mut self, rows: &Rows) {
        self.rows = rows.clone();
        self.oracle.on_rewound(self.now, rows);
    }

    pub(super) fn rest(&mut self, living: &[(usize, ServerId, &[SessionId])]) {
        let living: Vec<Living> = living
            .iter()
            .map(|(process, server, sessions)| Living {
                process: *process,
                server: *server,
                sessions: sessions.to_vec(),
            })
            .collect();
        let (now, rows) = (self.now, self.rows.clone());
        self.oracle.note(|it| it.on_rest(now, &rows, &living));
    }
}

pub(super) fn entry() -> EntryId {
    let name = StoreName::trusted("players");
    let store = StoreId { universe: UniverseId(1), name };
    EntryId { store, scope: Scope::trusted("global"), key: EntryKey::trusted("p1") }
}

/// The marker after so many edits of one player.
pub(super) fn edits(count: u64) -> Marker {
    Marker { count, mix: count * 7 }
}

pub(super) fn content(marker: Marker) -> Arc<Content> {
    let Marker { count, mix } = marker;
    let value = JsonText::trusted(format!("{{\"count\":{count},\"mix\":{mix},\"pad\":\"\"}}"));
    Arc::new(Content { value, user_ids: Vec::new(), metadata: Metadata::empty() })
}

pub(super) fn put(marker: Marker) -> Data {
    Data::Put { content: content(marker), pinned: false }
}
