//! What stands under the driver's lock: the game server, and who waits for what of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use steadfast_core::document::Document;
use steadfast_core::game_server::{
    CommandId, EditRefused, Effects, Event, GameServer, Hint, OpenRequest, ServerEvent,
    SessionHandle, Ticket,
};
use steadfast_core::operation::{OperationView, Queued};
use steadfast_core::record::RecordAnswer;
use steadfast_core::session::{
    Access, AwaitError, LossReason, OpenError, QueueError, SaveError, Session, SessionEvent,
    SessionState, Spill,
};
use steadfast_core::{EntryId, Metadata, Monotonic, Now, Revision, ServerId, UserId};
use steadfast_storage::Done;

use super::operations::Queueing;
use super::{Driver, Hold, Keep, Queue, SessionEvents};
use crate::diagnostics::Monitor;
use crate::signals::StoreEvent;

/// Who waits for a record to be opened.
struct Opening {
    done: Done<Result<Hold, OpenError>>,
    keep: Weak<Keep>,
    entry: EntryId,
    /// What its session will tell.
    events: Arc<SessionEvents>,
    asked_at: Monotonic,
    /// Whether the bytes of an earlier session were handed in.
    has_spill: bool,
}

/// What somebody had and let go of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dropped {
    Opening(Ticket),
    Session(SessionHandle),
    /// The wait for the end of an operation.
    Awaiting(Ticket),
}

/// What arrived since the last turn. At most one answer for each command that is out.
#[derive(Default)]
pub(super) struct Arrivals {
    pub(super) answers: Vec<(CommandId, RecordAnswer)>,
    pub(super) dropped: Vec<Dropped>,
    /// Messages of other game servers, as many as there is room for.
    pub(super) hints: Vec<Hint>,
    /// Whether nobody is left who could use the server.
    pub(super) is_abandoned: bool,
}

/// The game server, and who waits for what of it.
pub(crate) struct State {
    /// Gone if a turn panicked.
    pub(super) server: Option<GameServer>,
    pub(super) out: Effects,
    pub(super) monitor: Arc<Monitor>,
    pub(super) queueings: BTreeMap<Ticket, Queueing>,
    pub(super) awaiting: BTreeMap<Ticket, Done<Result<OperationView, AwaitError>>>,
    openings: BTreeMap<Ticket, Opening>,
    pub(super) saves: BTreeMap<Ticket, Done<Result<Revision, SaveError>>>,
    closes: Vec<Done<Vec<Spill>>>,
    is_closing: bool,
    pub(super) is_over: bool,
    sessions: BTreeMap<SessionHandle, Arc<SessionEvents>>,
    /// What was not saved before the close was over.
    unsaved: Vec<Spill>,
    /// From which stored size on a session is large, in bytes.
    data_size_warn: usize,
    pub(crate) server_events: Arc<Queue<ServerEvent>>,
    /// When the next turn is due, as far as whoever makes it knows.
    scheduled: Option<Monotonic>,
    /// The id that the other servers of this process know.
    known_as: Option<ServerId>,
}

/// Something to be done or told once the lock is free.
pub(crate) enum Delivery {
    Opened(Done<Result<Hold, OpenError>>, Box<Result<Hold, OpenError>>),
    Settled(Done<Result<Revision, SaveError>>, Result<Revision, SaveError>),
    Queued(Done<Result<Queued, QueueError>>, Result<Queued, QueueError>),
    Operation(Done<Result<OperationView, AwaitError>>, Box<Result<OperationView, AwaitError>>),
    /// What is stored of a session has become large, in bytes.
    Large(Arc<SessionEvents>, usize),
    /// Where it says so, the session is over.
    Session(Option<Arc<SessionEvents>>, SessionEvent, Option<SessionHandle>),
    Closed(Vec<Done<Vec<Spill>>>, Vec<Spill>),
    /// The bytes of an earlier session are stored now.
    SpillStored(EntryId),
}

impl Delivery {
    pub(crate) fn carry_out(self, driver: &Driver) {
        let spills = &driver.spills;
        match self {
            Self::Opened(done, result) => done.complete(*result),
            Self::Settled(done, result) => done.complete(result),
            Self::Queued(done, result) => done.complete(result),
            Self::Operation(done, result) => done.complete(*result),
            Self::Large(events, size) => events.tell_size(size),
            Self::Session(events, event, ended) => {
                if let SessionEvent::Lost { spill: Some(spill), .. } = &event {
                    // Before anybody hears of it: who hears may end the process.
                    spills.keep(spill.clone());
                }
                // A session that nobody was given has no listener, but what it could not save is
                // kept all the same.
                if let Some(events) = events {
                    events.push(event);
                }
                if let Some(session) = ended {
                    driver.locks.end(session);
                }
            }
            Self::Closed(dones, unsaved) => {
                for done in dones {
                    done.complete(unsaved.clone());
                }
            }
            Self::SpillStored(entry) => spills.forget(&entry),
        }
    }
}

impl State {
    pub(super) fn new(server: GameServer, monitor: Arc<Monitor>, data_size_warn: usize) -> Self {
        Self {
            server: Some(server),
            out: Effects::default(),
            monitor,
            queueings: BTreeMap::new(),
            awaiting: BTreeMap::new(),
            openings: BTreeMap::new(),
            saves: BTreeMap::new(),
            closes: Vec::new(),
            is_closing: false,
            is_over: false,
            sessions: BTreeMap::new(),
            unsaved: Vec::new(),
            data_size_warn,
            server_events: Arc::default(),
            scheduled: None,
            known_as: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether there is something to do before the time that was told last.
    pub(super) fn needs_turn(&self) -> bool {
        let wake = self.server.as_ref().and_then(GameServer::next_wake);
        let is_earlier = match (wake, self.scheduled) {
            (Some(wake), Some(scheduled)) => wake < scheduled,
            (wake, None) => wake.is_some(),
            (None, Some(_)) => false,
        };
        is_earlier || !self.out.is_empty()
    }

    /// The id of the server, if it is another one than it was.
    pub(super) fn moved(&mut self) -> Option<ServerId> {
        let id = self.server.as_ref().map(GameServer::id).filter(|id| self.known_as != Some(*id));
        self.known_as = id.or(self.known_as);
        id
    }

    /// When the next turn is due.
    pub(super) fn schedule(&mut self) -> Option<Monotonic> {
        self.scheduled = self.server.as_ref().and_then(GameServer::next_wake);
        self.scheduled
    }

    /// Brings the server up to date. What it wants sent comes back, what is to be told is added
    /// instead of its events.
    pub(super) fn advance(
        &mut self,
        now: Now,
        arrivals: Arrivals,
        deliveries: &mut Vec<Delivery>,
    ) -> Effects {
        let Some(server) = &mut self.server else { return Effects::default() };
        for (id, answer) in arrivals.answers {
            server.on_answer(now, id, answer, &mut self.out);
        }
        for hint in arrivals.hints {
            server.on_hint(now, &hint, &mut self.out);
        }
        for dropped in arrivals.dropped {
            match dropped {
                Dropped::Opening(ticket) => server.cancel_open(now, ticket, &mut self.out),
                // One that is over, or is being released, needs nothing more.
                Dropped::Session(session) => {
                    drop(server.release(now, session, &mut self.out));
                }
                Dropped::Awaiting(ticket) => {
                    self.awaiting.remove(&ticket);
                    server.cancel_await(ticket);
                }
            }
        }
        if arrivals.is_abandoned && !self.is_closing {
            self.is_closing = true;
            server.close(now, &mut self.out);
        }
        if server.next_wake().is_some_and(|due| due <= now.mono) {
            server.poll(now, &mut self.out);
        }
        let Effects { commands, hints, events } = std::mem::take(&mut self.out);
        let mut stored = BTreeSet::new();
        for event in events {
            self.settle(now, event, &mut stored, deliveries);
        }
        deliveries.extend(stored.into_iter().map(|(_, entry)| Delivery::SpillStored(entry)));
        Effects { commands, hints, events: Vec::new() }
    }

    /// Finds who is to be told of an event. Bytes of an earlier session that were handed in are
    /// stored with the grant, unless the very next event of the session says otherwise.
    fn settle(
        &mut self,
        now: Now,
        event: Event,
        stored: &mut BTreeSet<(SessionHandle, EntryId)>,
        deliveries: &mut Vec<Delivery>,
    ) {
        self.watch(now, &event);
        match event {
            Event::Opened { ticket, session } => {
                let opening = self.openings.remove(&ticket);
                let kept = opening.and_then(|opening| Some((opening.keep.upgrade()?, opening)));
                let Some((keep, Opening { done, entry, has_spill, events, .. })) = kept else {
                    // Nobody is left who asked for it.
                    if let Some(server) = &mut self.server {
                        drop(server.release(now, session, &mut self.out));
                    }
                    return;
                };
                if has_spill {
                    stored.insert((session, entry.clone()));
                }
                self.sessions.insert(session, Arc::clone(&events));
                let hold = Hold { keep, handle: session, entry, events };
                deliveries.push(Delivery::Opened(done, Box::new(Ok(hold))));
            }
            Event::OpenFailed { ticket, error } => {
                if let Some(opening) = self.openings.remove(&ticket) {
                    deliveries.push(Delivery::Opened(opening.done, Box::new(Err(error))));
                }
            }
            Event::Settled { ticket, result } => {
                if let Some(done) = self.saves.remove(&ticket) {
                    deliveries.push(Delivery::Settled(done, result));
                }
            }
            Event::Queued { ticket, result } => {
                if let Some(Queueing { done, .. }) = self.queueings.remove(&ticket) {
                    deliveries.push(Delivery::Queued(done, result));
                }
            }
            Event::Operation { ticket, result } => {
                if let Some(done) = self.awaiting.remove(&ticket) {
                    deliveries.push(Delivery::Operation(done, Box::new(result)));
                }
            }
            Event::Session { session, entry, event } => {
                let is_end = matches!(event, SessionEvent::Released | SessionEvent::Lost { .. });
                if matches!(event, SessionEvent::SpillStale) {
                    stored.remove(&(session, entry.clone()));
                }
                if let SessionEvent::Lost { reason: LossReason::Closed, spill: Some(spill) } =
                    &event
                {
                    self.unsaved.push(spill.clone());
                }
                if matches!(event, SessionEvent::Saved { .. }) {
                    deliveries.extend(self.note_size(now, session, entry));
                }
                let events = if is_end {
                    self.sessions.remove(&session)
                } else {
                    self.sessions.get(&session).cloned()
                };
                deliveries.push(Delivery::Session(events, event, is_end.then_some(session)));
            }
            Event::Server(event) => {
                let is_kept = matches!(event, ServerEvent::Stopped);
                self.server_events.push(event, is_kept);
            }
            Event::Closed { .. } => {
                self.is_over = true;
                self.server_events.end();
                let closes = std::mem::take(&mut self.closes);
                deliveries.push(Delivery::Closed(closes, std::mem::take(&mut self.unsaved)));
            }
        }
    }

    /// Looks at the size of what a session has stored, and tells if it has become large.
    fn note_size(&mut self, now: Now, session: SessionHandle, entry: EntryId) -> Option<Delivery> {
        let events = self.sessions.get(&session)?;
        let size = self.server.as_mut()?.read(session, Document::size).ok()?;
        if !events.note_size(size >= self.data_size_warn) {
            return None;
        }
        let event = StoreEvent::DataLarge { entry, session: session.id, size };
        self.monitor.tell(event, now.mono);
        Some(Delivery::Large(Arc::clone(events), size))
    }

    /// A turn panicked. Everybody who waits hears that nobody answers, outside of the lock.
    pub(super) fn break_off(&mut self) -> impl Sized + use<> {
        self.server = None;
        self.is_over = true;
        self.server_events.push(ServerEvent::Stopped, true);
        self.server_events.end();
        for events in std::mem::take(&mut self.sessions).into_values() {
            events.finish(SessionState::LeaseLost);
        }
        let saves: Vec<_> = std::mem::take(&mut self.saves).into_values().collect();
        let openings: Vec<_> = std::mem::take(&mut self.openings).into_values().collect();
        let operations = (std::mem::take(&mut self.queueings), std::mem::take(&mut self.awaiting));
        (saves, openings, operations, std::mem::take(&mut self.closes))
    }

    /// Begins to open a record.
    pub(crate) fn open(
        &mut self,
        now: Now,
        request: OpenRequest,
        events: Arc<SessionEvents>,
        keep: &Arc<Keep>,
        done: Done<Result<Hold, OpenError>>,
    ) -> Option<Ticket> {
        let server = self.server.as_mut().filter(|_| !self.is_over)?;
        let (entry, has_spill) = (request.entry.clone(), request.spill.is_some());
        let ticket = server.open(now, request, &mut self.out);
        let (keep, asked_at) = (Arc::downgrade(keep), now.mono);
        let opening = Opening { done, keep, entry, events, asked_at, has_spill };
        self.openings.insert(ticket, opening);
        Some(ticket)
    }

    /// Changes what a session holds. The callback says whether it did.
    pub(super) fn edit<R, E>(
        &mut self,
        now: Now,
        handle: SessionHandle,
        edit: impl FnOnce(&mut dyn Document) -> Result<(R, bool), E>,
    ) -> Result<R, EditRefused<E>> {
        match &mut self.server {
            Some(server) => server.edit(now, handle, edit),
            None => Err(EditRefused::Access(Access::Closed)),
        }
    }

    /// Takes what a session holds for stored.
    pub(super) fn mark_clean(&mut self, handle: SessionHandle) -> Result<(), Access> {
        self.server.as_mut().ok_or(Access::Closed)?.mark_clean(handle)
    }

    /// Looks at what a session holds.
    pub(super) fn read<R>(
        &mut self,
        handle: SessionHandle,
        read: impl FnOnce(&mut dyn Document) -> R,
    ) -> Result<R, Access> {
        self.server.as_mut().ok_or(Access::Closed)?.read(handle, read)
    }

    /// Looks at a session that is not over.
    pub(super) fn look<R>(
        &self,
        handle: SessionHandle,
        look: impl FnOnce(&Session) -> R,
    ) -> Option<R> {
        self.server.as_ref()?.session(handle).map(look)
    }

    /// Saves what a session holds.
    pub(super) fn save(
        &mut self,
        now: Now,
        handle: SessionHandle,
        done: Done<Result<Revision, SaveError>>,
    ) -> Result<(), Access> {
        self.await_save(done, |server, out| server.checkpoint(now, handle, out))
    }

    /// Saves what a session holds and lets go of its record.
    pub(super) fn release(
        &mut self,
        now: Now,
        handle: SessionHandle,
        done: Done<Result<Revision, SaveError>>,
    ) -> Result<(), Access> {
        self.await_save(done, |server, out| server.release(now, handle, out))
    }

    /// Asks for something that ends in a save, and tells what came of it.
    fn await_save(
        &mut self,
        done: Done<Result<Revision, SaveError>>,
        ask: impl FnOnce(&mut GameServer, &mut Effects) -> Result<Ticket, Access>,
    ) -> Result<(), Access> {
        let server = self.server.as_mut().ok_or(Access::Closed)?;
        let ticket = ask(server, &mut self.out)?;
        self.saves.insert(ticket, done);
        Ok(())
    }

    /// Releases every session and ends the server. The completion comes back if it is over already.
    pub(super) fn close(&mut self, now: Now, done: Done<Vec<Spill>>) -> Option<Done<Vec<Spill>>> {
        let Some(server) = self.server.as_mut().filter(|_| !self.is_over) else {
            return Some(done);
        };
        self.closes.push(done);
        if !self.is_closing {
            self.is_closing = true;
            server.close(now, &mut self.out);
        }
        None
    }

    /// The record that is being opened, and since when.
    pub(super) fn opening(&self, ticket: Ticket) -> Option<(&EntryId, Monotonic)> {
        self.openings.get(&ticket).map(|opening| (&opening.entry, opening.asked_at))
    }

    /// Changes the user ids and attributes of a session's entry.
    pub(super) fn edit_labels<R, E>(
        &mut self,
        now: Now,
        handle: SessionHandle,
        edit: impl FnOnce(&mut Vec<UserId>, &mut Metadata) -> Result<(R, bool), E>,
    ) -> Result<R, EditRefused<E>> {
        match &mut self.server {
            Some(server) => server.edit_labels(now, handle, edit),
            None => Err(EditRefused::Access(Access::Closed)),
        }
    }

    /// How many sessions were handed out and are not over.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }
}
