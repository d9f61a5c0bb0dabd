//! A few game servers around a store that never fails, for questions that need no whole world.
//!
//! Everything is decided by [`GameServer`]; this only carries messages, and whoever asks says what
//! becomes of each of them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::document::{Document, EditError};
use steadfast_core::game_server::{
    Claim, CommandId, Effects, Event, GameServer, Hint, OpenRequest, ServerOptions, SessionHandle,
    Ticket,
};
use steadfast_core::operation::{Handlers, OperationSettings};
use steadfast_core::platform::{Input, Machine, Operation, Settings, Step};
use steadfast_core::record::{RecordAnswer, RecordCommand, RecordRequest, StoreFacts};
use steadfast_core::row::{HeadsReply, Metadata};
use steadfast_core::schema::{Loaded, Stored};
use steadfast_core::session::{NoHooks, SessionSettings};
use steadfast_core::{
    Content, EntryId, EntryKey, JsonText, Limits, Now, OpeningId, Rng, RowKey, Scope, StoreId,
    StoreName, UniverseId, Value,
};
use steadfast_sim::{Ties, World};
use steadfast_storage::{ReadReply, Rows};

/// A message between a server and the store, or between two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// From this server to the store.
    Request(usize),
    /// From the store to this server.
    Answer(usize),
    /// From this server to another.
    Hint(usize),
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives after this time.
    After(Duration),
    /// It never arrives.
    Lost,
    /// It arrives after this time, and the server that it is from or to crashes now.
    Crash(Duration),
}

/// What happens next.
#[derive(Debug)]
pub(crate) enum Happening {
    Request(usize, CommandId, Arc<RecordCommand>),
    Answer(usize, CommandId, Box<RecordAnswer>),
    Hint(usize, Hint),
    Wake(usize),
    /// Whatever the one who asks has planned under this number.
    Step(u32),
}

/// A value with a number in front.
#[derive(Debug)]
pub(crate) struct Save(JsonText);

impl Document for Save {
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
        Value::parse(self.0.as_str(), &Limits::native()).expect("only JSON is held")
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// A number, and padding to about a size.
pub(crate) fn value(number: u64, size: u64) -> JsonText {
    let padding = "x".repeat(usize::try_from(size).unwrap_or_default());
    JsonText::trusted(format!("[{number},\"{padding}\"]"))
}

/// The number of a value.
pub(crate) fn number_of(text: &str) -> Option<u64> {
    text.strip_prefix('[')?.split(',').next()?.parse().ok()
}

/// The record that everything is about.
pub(crate) fn entry(key: u64) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(format!("u_{key}")) }
}

fn request(key: u64, handlers: Arc<Handlers>) -> OpenRequest {
    let value = value(0, 10);
    let defaults = Content { value, user_ids: vec![], metadata: Metadata::empty() };
    let parse = |stored: Stored<'_>| Ok(Loaded::plain(Save(stored.text.clone()), stored));
    let (defaults, parse) = (Arc::new(defaults), Arc::new(parse));
    OpenRequest {
        entry: entry(key),
        defaults,
        parse,
        claim: Claim::Wait,
        handlers,
        hooks: Arc::new(NoHooks),
        spill: None,
        is_play: true,
    }
}

type Network<'a> = Box<dyn FnMut(Leg) -> Fate + 'a>;

/// The servers, the store, and what is under way.
pub(crate) struct Small<'a> {
    pub(crate) world: World<Happening>,
    pub(crate) rows: Rows,
    pub(crate) servers: Vec<Option<GameServer>>,
    /// What the servers told and nobody took yet, oldest first.
    pub(crate) events: Vec<(usize, Event)>,
    /// Commands that were sent.
    pub(crate) sent_count: u64,
    /// What servers that are started have.
    pub(crate) operations: OperationSettings,
    /// What handles the operations of records that are opened.
    pub(crate) handlers: Arc<Handlers>,
    network: Network<'a>,
    seed: u64,
}

impl<'a> Small<'a> {
    pub(crate) fn new(seed: u64, network: impl FnMut(Leg) -> Fate + 'a) -> Self {
        Self {
            world: World::new(seed, Ties::Sequence),
            rows: Rows::new(),
            servers: Vec::new(),
            events: Vec::new(),
            sent_count: 0,
            operations: OperationSettings::default(),
            handlers: Arc::default(),
            network: Box::new(network),
            seed,
        }
    }

    /// Starts one more remote server, which begins after a while.
    pub(crate) fn start(&mut self, settings: SessionSettings, after: Duration) -> usize {
        let index = self.servers.len();
        let rng = Rng::stream(self.seed, &format!("server {index}"));
        let (home, address) = (None, format!("server-{index}").into());
        let operations = self.operations.clone();
        let options = ServerOptions { settings, operations, home, address, rng };
        let server = GameServer::new(self.world.now(), options).expect("the settings fit");
        self.servers.push(Some(server));
        self.world.schedule_in(after, Happening::Wake(index));
        index
    }

    /// What comes next, carried out unless it is a step of the one who asks.
    pub(crate) fn next(&mut self) -> Option<(Now, Option<u32>)> {
        let (now, happening) = self.world.pop()?;
        let step = match happening {
            Happening::Step(step) => Some(step),
            Happening::Request(from, id, command) => {
                let (opening, started_at) = (OpeningId(1), steadfast_sim::world::WALL_START);
                let store = StoreFacts { opening, started_at, now: now.wall };
                let answer = carry_out(&mut self.rows, RecordRequest { command, store }, now);
                let answer = Happening::Answer(from, id, Box::new(answer));
                self.post(Leg::Answer(from), from, answer);
                None
            }
            Happening::Answer(to, id, answer) => {
                self.with(to, |server, now, out| server.on_answer(now, id, *answer, out));
                None
            }
            Happening::Hint(to, hint) => {
                self.with(to, |server, now, out| server.on_hint(now, &hint, out));
                None
            }
            Happening::Wake(index) => {
                let is_due =
                    |server: &GameServer| server.next_wake().is_some_and(|at| at <= now.mono);
                if self.servers.get(index).and_then(Option::as_ref).is_some_and(is_due) {
                    self.with(index, GameServer::poll);
                }
                None
            }
        };
        Some((now, step))
    }

    fn post(&mut self, leg: Leg, server: usize, happening: Happening) {
        match (self.network)(leg) {
            Fate::Lost => {}
            Fate::After(way) => {
                self.world.schedule_in(way, happening);
            }
            Fate::Crash(way) => {
                self.world.schedule_in(way, happening);
                self.crash(server);
            }
        }
    }

    /// A server is gone without a word.
    pub(crate) fn crash(&mut self, server: usize) {
        if let Some(server) = self.servers.get_mut(server) {
            *server = None;
        }
    }

    /// Does something with a server, if it runs, and sends what it wants sent.
    pub(crate) fn with<R>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut GameServer, Now, &mut Effects) -> R,
    ) -> Option<R> {
        let (now, mut out) = (self.world.now(), Effects::default());
        let server = self.servers.get_mut(index)?.as_mut()?;
        let result = act(server, now, &mut out);
        server.check();
        let wake = server.next_wake();
        if let Some(at) = wake {
            self.world.schedule_at(at.max(now.mono), Happening::Wake(index));
        }
        self.events.extend(out.events.into_iter().map(|event| (index, event)));
        for outgoing in out.commands {
            self.sent_count += 1;
            let request = Happening::Request(index, outgoing.id, outgoing.command);
            self.post(Leg::Request(index), index, request);
        }
        for hint in out.hints {
            let is_it = |server: &Option<GameServer>| {
                server.as_ref().is_some_and(|server| server.id() == hint.to)
            };
            if let Some(to) = self.servers.iter().position(is_it) {
                self.post(Leg::Hint(index), index, Happening::Hint(to, hint));
            }
        }
        Some(result)
    }

    pub(crate) fn open(&mut self, server: usize, key: u64) -> Option<Ticket> {
        let request = request(key, Arc::clone(&self.handlers));
        self.with(server, |server, now, out| server.open(now, request, out))
    }

    /// Puts a number into a session's record. False if it takes no edit.
    pub(crate) fn edit(
        &mut self,
        server: usize,
        session: SessionHandle,
        number: u64,
        size: u64,
    ) -> bool {
        let text = value(number, size);
        let edited = self.with(server, |server, now, _| {
            server.edit(now, session, |document| {
                let save = document.as_any_mut().downcast_mut::<Save>().ok_or("a save")?;
                save.0 = text;
                Ok::<_, &str>(((), true))
            })
        });
        edited.is_some_and(|result| result.is_ok())
    }

    /// The number that a session's record has in memory.
    pub(crate) fn number_in(&mut self, server: usize, session: SessionHandle) -> Option<u64> {
        let text = self.with(server, |server, _, _| server.read(session, Document::encode))?;
        number_of(text.ok()?.as_str())
    }

    /// The number that is stored in a record.
    pub(crate) fn number_stored(&self, key: u64) -> Option<u64> {
        let row = self.rows.get(&RowKey::Entry(entry(key)));
        let steadfast_core::Found::Row(row) = row else { return None };
        number_of(row.body.as_entry()?.content.as_ref()?.value.as_str())
    }
}

/// Carries out a request on rows at one moment.
fn carry_out(rows: &mut Rows, request: RecordRequest, now: Now) -> RecordAnswer {
    let (mut machine, mut step) = request.start(&Settings::native());
    let clock = now.wall;
    loop {
        let input = match step {
            Step::Done(answer) => return answer,
            Step::Read(keys) => {
                let rows = keys.iter().map(|key| rows.get(key)).collect();
                Input::Read(Ok(ReadReply { rows, now: clock }))
            }
            Step::Scan(range, limit) => Input::Scanned(Ok(rows.scan(&range, limit))),
            Step::Heads(range, limit, _) => {
                Input::Heads(Ok(HeadsReply::of(&rows.scan(&range, limit))))
            }
            Step::Commit(batch) => Input::Committed(rows.commit(&batch, clock)),
        };
        step = machine.on(input);
    }
}

#[cfg(test)]
mod tests;
