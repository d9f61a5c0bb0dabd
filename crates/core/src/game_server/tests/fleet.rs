//! Game servers around one store of plain rows, in virtual time.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::document::{Document, EditError};
use crate::game_server::{
    Claim, CommandId, EditRefused, Effects, Event, GameServer, Hint, OpenRequest, ServerOptions,
    SessionHandle, Ticket,
};
use crate::id::{EntryId, OpeningId, Revision, ServerId};
use crate::json::JsonText;
use crate::limits::Limits;
use crate::operation::OperationSettings;
use crate::outcome::Outcome;
use crate::platform::Settings;
use crate::platform::tests::world::{World, entry_in};
use crate::random::Rng;
use crate::record::{
    RecordAnswer, RecordCommand, RecordRefusal, RecordReply, RecordRequest, StoreFacts,
    StoredRecord,
};
use crate::row::{Content, Metadata, RowKey};
use crate::schema::Loaded;
use crate::session::{
    Access, NoHooks, OpenError, SaveError, SessionEvent, SessionSettings, SessionState,
};
use crate::time::{Monotonic, Now, Timestamp};
use crate::value::Value;

/// One way over the network.
pub(super) const LATENCY: Duration = Duration::from_millis(20);

/// A document of one line of text.
#[derive(Debug)]
pub(crate) struct Line(pub(crate) JsonText);

impl Document for Line {
    fn encode(&mut self) -> JsonText {
        self.0.clone()
    }
    fn size(&mut self) -> usize {
        self.0.size()
    }
    fn rest(&mut self) {}
    fn put_value(&mut self, value: Value) -> Result<(), EditError> {
        self.0 = value.to_json();
        Ok(())
    }
    fn snapshot_value(&self) -> Value {
        Value::parse(self.0.as_str(), &Limits::native()).unwrap()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[derive(Debug)]
enum Delivery {
    Request(usize, CommandId, Arc<RecordCommand>),
    /// A request, and how late it is answered.
    Slow(usize, CommandId, Arc<RecordCommand>, Duration),
    Answer(usize, CommandId, Box<RecordAnswer>),
}

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    /// It is carried out, and nobody hears of it.
    AnswerLost,
    /// It is answered a second later.
    Late,
    /// It is carried out at once, and answered so much later than that.
    AnswerLate(Duration),
    /// The store says that it is out of reach.
    Refused,
    /// The store has no room for a write of a record.
    Full,
    /// It says so of one copy, and carries out another that the network made.
    RefusedOnce,
}

type Fates = Box<dyn FnMut(usize, &RecordCommand) -> Fate>;

pub(super) struct Fleet {
    pub(super) world: World,
    pub(super) servers: Vec<Option<GameServer>>,
    pub(super) events: Vec<(usize, Event)>,
    /// Messages to other servers. A fact hands them over, or they are lost.
    pub(super) hints: Vec<Hint>,
    pub(super) sent: Vec<(usize, RecordCommand)>,
    queue: BTreeMap<(u64, u64), Delivery>,
    seq: u64,
    nanos: u64,
    start: Timestamp,
    started_at: Timestamp,
    opening: OpeningId,
    fates: Fates,
    /// Of servers that start from now on.
    pub(super) operations: OperationSettings,
}

impl Fleet {
    pub(super) fn new() -> Self {
        let world = World::new(Settings::native());
        let start = world.now;
        Self {
            world,
            servers: vec![],
            events: vec![],
            hints: vec![],
            sent: vec![],
            queue: BTreeMap::new(),
            seq: 0,
            nanos: 0,
            start,
            started_at: start,
            opening: OpeningId(1),
            fates: Box::new(|_, _| Fate::Arrives),
            operations: OperationSettings::default(),
        }
    }

    /// A fleet with some live remote servers.
    pub(super) fn of(count: usize) -> Self {
        let mut fleet = Self::new();
        for _ in 0..count {
            fleet.start(None, SessionSettings::default());
        }
        fleet.run(Duration::from_secs(1));
        fleet
    }

    /// Two servers, of which the first keeps what it has.
    pub(super) fn keeping() -> Self {
        let mut fleet = Self::new();
        let settings = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
        fleet.start(None, settings);
        fleet.start(None, SessionSettings::default());
        fleet.run(Duration::from_secs(1));
        fleet
    }

    pub(super) fn start(&mut self, home: Option<OpeningId>, settings: SessionSettings) -> usize {
        let index = self.servers.len();
        let rng = Rng::stream(7, &format!("server {index}"));
        let address = format!("server-{index}").into();
        let options =
            ServerOptions { settings, operations: self.operations.clone(), home, address, rng };
        let server = GameServer::new(self.now(), options).expect("the settings fit");
        self.servers.push(Some(server));
        index
    }

    pub(super) fn opening(&self) -> OpeningId {
        self.opening
    }

    /// The store's process starts again.
    pub(super) fn reopen(&mut self) {
        self.opening = OpeningId(self.opening.0 + 1);
        self.started_at = self.world.now;
    }

    /// What becomes of messages from now on.
    pub(super) fn fates(&mut self, fates: impl FnMut(usize, &RecordCommand) -> Fate + 'static) {
        self.fates = Box::new(fates);
    }

    pub(super) fn all_arrive(&mut self) {
        self.fates(|_, _| Fate::Arrives);
    }

    /// This becomes of writes of records from now on, and everything else arrives.
    pub(super) fn fate_of_writes(&mut self, fate: Fate) {
        self.fates(move |_, command| match command {
            RecordCommand::Write(_) => fate,
            _ => Fate::Arrives,
        });
    }

    /// Whether a server has ended for whom it was asked to.
    pub(super) fn is_closed(&self, of: Ticket) -> bool {
        self.events.iter().any(|(_, it)| matches!(it, Event::Closed { ticket } if *ticket == of))
    }

    pub(super) fn kill(&mut self, server: usize) {
        self.servers[server] = None;
    }

    pub(super) fn now(&self) -> Now {
        let wall = self.start.saturating_add(Duration::from_nanos(self.nanos));
        Now { mono: Monotonic::from_nanos(1_000_000 + self.nanos), wall }
    }

    pub(super) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanos).as_secs_f64()
    }

    pub(super) fn server(&mut self, server: usize) -> &mut GameServer {
        self.servers[server].as_mut().expect("it runs")
    }

    fn post(&mut self, after: Duration, delivery: Delivery) {
        self.seq += 1;
        let at = self.nanos + u64::try_from(after.as_nanos()).unwrap();
        self.queue.insert((at, self.seq), delivery);
    }

    /// Does something with a server and sends what it wants sent.
    pub(super) fn with<R>(
        &mut self,
        server: usize,
        act: impl FnOnce(&mut GameServer, Now, &mut Effects) -> R,
    ) -> R {
        let (now, mut out) = (self.now(), Effects::default());
        let result = act(self.server(server), now, &mut out);
        self.server(server).check();
        for outgoing in out.commands {
            self.sent.push((server, (*outgoing.command).clone()));
            match (self.fates)(server, &outgoing.command) {
                Fate::Lost => {}
                Fate::Arrives => {
                    let request = Delivery::Request(server, outgoing.id, outgoing.command);
                    self.post(LATENCY, request);
                }
                Fate::Late => {
                    let request = Delivery::Request(server, outgoing.id, outgoing.command);
                    self.post(Duration::from_secs(1), request);
                }
                Fate::AnswerLate(late) => {
                    let request = Delivery::Slow(server, outgoing.id, outgoing.command, late);
                    self.post(LATENCY, request);
                }
                Fate::AnswerLost => {
                    let nobody = usize::MAX;
                    let request = Delivery::Request(nobody, outgoing.id, outgoing.command);
                    self.post(LATENCY, request);
                }
                fate @ (Fate::Refused | Fate::RefusedOnce) => {
                    if fate == Fate::RefusedOnce {
                        let copy = Arc::clone(&outgoing.command);
                        let copy = Delivery::Request(usize::MAX, outgoing.id, copy);
                        self.post(LATENCY * 3, copy);
                    }
                    let reason = "out of reach".into();
                    let error = crate::platform::PlatformError::Unavailable { reason };
                    let answer = Delivery::Answer(server, outgoing.id, Box::new(Err(error)));
                    self.post(LATENCY * 2, answer);
                }
                Fate::Full => {
                    let refusal = RecordRefusal::Exhausted { reason: "full".into() };
                    let answer = Ok(RecordReply::Written(Outcome::Refused(refusal)));
                    let answer = Delivery::Answer(server, outgoing.id, Box::new(answer));
                    self.post(LATENCY * 2, answer);
                }
            }
        }
        self.hints.extend(out.hints);
        self.events.extend(out.events.into_iter().map(|event| (server, event)));
        result
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, duration: Duration) {
        let end = self.nanos + u64::try_from(duration.as_nanos()).unwrap();
        loop {
            let message = self.queue.keys().next().map(|(at, _)| *at);
            let wake = |server: &Option<GameServer>| {
                let at = server.as_ref()?.next_wake()?;
                Some(at.nanos().saturating_sub(1_000_000).max(self.nanos))
            };
            let wake = self.servers.iter().filter_map(wake).min();
            let Some(next) = [message, wake].into_iter().flatten().min().filter(|at| *at <= end)
            else {
                break;
            };
            self.nanos = next;
            self.world.now = self.now().wall;
            while let Some(entry) = self.queue.first_entry()
                && entry.key().0 <= next
            {
                let delivery = entry.remove();
                self.deliver(delivery);
            }
            for server in 0..self.servers.len() {
                let is_due = self.servers[server].as_ref().is_some_and(|server| {
                    server.next_wake().is_some_and(|at| at <= self.now().mono)
                });
                if is_due {
                    self.with(server, GameServer::poll);
                }
            }
        }
        self.nanos = end;
        self.world.now = self.now().wall;
    }

    /// Time passes for everyone but one server, which gets none of its messages either.
    pub(super) fn pause(&mut self, server: usize, duration: Duration) {
        let paused = self.servers[server].take();
        self.run(duration);
        self.servers[server] = paused;
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Request(server, id, command) => {
                self.carry_out(server, id, command, LATENCY);
            }
            Delivery::Slow(server, id, command, late) => {
                self.carry_out(server, id, command, LATENCY + late);
            }
            Delivery::Answer(server, id, answer) => {
                if self.servers[server].is_some() {
                    self.with(server, |server, now, out| server.on_answer(now, id, *answer, out));
                }
            }
        }
    }

    fn carry_out(
        &mut self,
        server: usize,
        id: CommandId,
        command: Arc<RecordCommand>,
        after: Duration,
    ) {
        let (opening, started_at, now) = (self.opening, self.started_at, self.world.now);
        let store = StoreFacts { opening, started_at, now };
        let answer = self.world.run(RecordRequest { command, store });
        if server != usize::MAX {
            self.post(after, Delivery::Answer(server, id, Box::new(answer)));
        }
    }

    pub(super) fn request(key: &str) -> OpenRequest {
        OpenRequest {
            entry: entry_in("Players", key),
            defaults: content("0"),
            parse: Arc::new(|stored| Ok(Loaded::plain(Line(stored.text.clone()), stored))),
            claim: Claim::Wait,
            handlers: Arc::default(),
            hooks: Arc::new(NoHooks),
            spill: None,
            is_play: true,
        }
    }

    pub(super) fn begin_open(&mut self, server: usize, request: OpenRequest) -> Ticket {
        self.with(server, |server, now, out| server.open(now, request, out))
    }

    /// What became of an opening, if that is known.
    pub(super) fn opened(
        &self,
        server: usize,
        of: Ticket,
    ) -> Option<Result<SessionHandle, OpenError>> {
        self.events.iter().filter(|(by, _)| *by == server).find_map(|(_, event)| match event {
            Event::Opened { ticket, session } if *ticket == of => Some(Ok(*session)),
            Event::OpenFailed { ticket, error } if *ticket == of => Some(Err(error.clone())),
            _ => None,
        })
    }

    /// Opens a record and waits until it is open.
    #[track_caller]
    pub(super) fn open(&mut self, server: usize, key: &str) -> SessionHandle {
        let ticket = self.begin_open(server, Self::request(key));
        for _ in 0..2_500 {
            if let Some(result) = self.opened(server, ticket) {
                return result.unwrap();
            }
            self.run(Duration::from_millis(10));
        }
        panic!("neither opened nor refused");
    }

    pub(super) fn edit(
        &mut self,
        server: usize,
        session: SessionHandle,
        text: &str,
    ) -> Result<(), EditRefused<()>> {
        let text = JsonText::trusted(text);
        self.with(server, |server, now, _| {
            server.edit(now, session, |document| {
                let line = document.as_any_mut().downcast_mut::<Line>().expect("a line");
                line.0 = text;
                Ok(((), true))
            })
        })
    }

    pub(super) fn checkpoint(&mut self, server: usize, session: SessionHandle) -> Ticket {
        self.with(server, |server, now, out| server.checkpoint(now, session, out)).unwrap()
    }

    /// Edits and saves.
    #[track_caller]
    pub(super) fn save(&mut self, server: usize, session: SessionHandle, text: &str) {
        self.edit(server, session, text).expect("it takes edits");
        let ticket = self.checkpoint(server, session);
        self.run(Duration::from_secs(1));
        let settled = self.settled(server, ticket);
        assert!(matches!(settled, Some(Ok(_))), "{settled:?}");
    }

    pub(super) fn release(
        &mut self,
        server: usize,
        session: SessionHandle,
    ) -> Result<Ticket, Access> {
        self.with(server, |server, now, out| server.release(now, session, out))
    }

    /// What became of a checkpoint or release of a server.
    pub(super) fn settled(&self, server: usize, of: Ticket) -> Option<Result<Revision, SaveError>> {
        self.events.iter().find_map(|(by, event)| match event {
            Event::Settled { ticket, result } if (*by, *ticket) == (server, of) => {
                Some(result.clone())
            }
            _ => None,
        })
    }

    pub(super) fn state(&self, server: usize, session: SessionHandle) -> Option<SessionState> {
        Some(self.servers[server].as_ref()?.session(session)?.state())
    }

    pub(super) fn session_events(&self, server: usize) -> Vec<SessionEvent> {
        let of = |(by, event): &(usize, Event)| match event {
            Event::Session { event, .. } if *by == server => Some(event.clone()),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// What is stored of a record.
    pub(super) fn record(&self, key: &str) -> Option<StoredRecord> {
        let key = RowKey::Record(entry_in("Players", key));
        StoredRecord::of(&self.world.found(&key)).expect("it is whole")
    }

    pub(super) fn holder(&self, key: &str) -> Option<ServerId> {
        Some(self.record(key)?.body.lease?.server)
    }

    /// What is stored of an entry.
    pub(super) fn value(&self, key: &str) -> Option<String> {
        let row = self.world.rows.get(&RowKey::Entry(entry_in("Players", key)))?;
        let content = row.body.as_entry()?.content.as_ref()?;
        Some(content.value.as_str().to_owned())
    }

    /// Commands of a server since a mark that are of a kind.
    pub(super) fn count_sent(&self, is_it: impl Fn(&RecordCommand) -> bool) -> usize {
        self.sent.iter().filter(|(_, command)| is_it(command)).count()
    }
}

pub(crate) fn content(text: &str) -> Arc<Content> {
    let value = JsonText::trusted(text);
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

pub(super) fn entry(key: &str) -> EntryId {
    entry_in("Players", key)
}
