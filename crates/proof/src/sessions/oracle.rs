//! The oracle: knows every batch, belief and time, and checks each step as it is made.
//!
//! It keeps its own copy of what stands in the store, row by row as batches take effect, and its own
//! books about servers, sessions and tickets. Each check names the invariant that it is of. The first
//! violation is kept, and from then on it looks no further: what follows from a broken state says
//! nothing.
//!
//! | file | checks |
//! |---|---|
//! | `records` | L1, L3, L4, L5, L7, L10: who may write a record, and when it changes hands |
//! | `values` | W2, W3, W9, W10, V5: what is written over what |
//! | `schemas` | M1, M2, M3: of which version data is, and whose code writes it |
//! | `presences` | L8: servers, deaths, mail |
//! | `beliefs` | L2, L8: who believes to hold what |
//! | `tickets` | W1, W4-W8: what is said of what was written |
//! | `joints` | G1, G8, W1, W4: transactions over several sessions, and what becomes of coins |
//! | `operations` | DO1-DO7, B2: what becomes of operations, over the rows that `ledgers` keeps |
//! | `rest` | Z1, Z2, L6, L9, W1: what stands when all has come to rest, and after a loss |
//!
//! What clocks promise (L2, and that nobody healthy is declared dead) is checked only while no clock
//! involved lost or gained more than the margin within one timeout; fences are checked always.

mod beliefs;
mod books;
mod joints;
mod ledgers;
mod operations;
mod parts;
mod presences;
mod records;
mod rest;
mod schemas;
mod skew;
mod tickets;
mod traffic;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_core::game_server::{Event, GameServer, Outgoing, SessionHandle, Ticket};
use steadfast_core::operation::{
    OperationSettings, OperationStatus, QueueRefusal, Queued, ReceiptBody,
};
use steadfast_core::record::LeaseMode;
use steadfast_core::session::{QueueError, SessionSettings};
use steadfast_core::{
    Batch, Committed, EntryId, Found, Monotonic, Now, OpeningId, OperationId, ServerId, SessionId,
    Timestamp,
};
use steadfast_storage::Rows;

use books::{
    Gone, Held, Key, Letter, Logged, Outage, PresenceRow, Process, Record, Server, Spilled, Value,
};
use joints::Joints;
use parts::Parts;
use skew::{Skew, offset};
use tickets::Pending;

use super::schemas::Knows;
use super::sheet::Applied;
use super::witness::{Ask, Author, Marker, Queueing, Witness};

/// The invariant that is broken, with what led to it.
type Checked<T = ()> = Result<T, String>;

/// When and by whom a batch was written.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    now: Monotonic,
    author: Author,
    stamped_at: Timestamp,
}

/// What is known.
#[derive(Debug)]
pub(super) struct SessionOracle {
    settings: SessionSettings,
    operations: OperationSettings,
    keys: Vec<Key>,
    key_of: BTreeMap<EntryId, usize>,
    sessions: Vec<Held>,
    session_of: BTreeMap<SessionId, usize>,
    servers: BTreeMap<ServerId, Server>,
    processes: Vec<Process>,
    mail: BTreeMap<(ServerId, usize), Letter>,
    pending: BTreeMap<(usize, Ticket), Pending>,
    joints: Joints,
    opening: Option<OpeningId>,
    opened_at: Monotonic,
    outage: Outage,
    store_clock: Skew,
    /// Whether the store ever lost anything.
    has_lost: bool,
    healed_at: Option<Monotonic>,
    violation: Option<String>,
    is_asleep: bool,
}

impl SessionOracle {
    /// An oracle over servers with these times. Without a judge's seat it sees nothing.
    pub(super) fn new(
        settings: &SessionSettings,
        operations: &OperationSettings,
        sits: bool,
    ) -> Self {
        Self {
            settings: settings.clone(),
            operations: operations.clone(),
            keys: Vec::new(),
            key_of: BTreeMap::new(),
            sessions: Vec::new(),
            session_of: BTreeMap::new(),
            servers: BTreeMap::new(),
            processes: Vec::new(),
            mail: BTreeMap::new(),
            pending: BTreeMap::new(),
            joints: Joints::default(),
            opening: None,
            opened_at: Monotonic::default(),
            outage: Outage::default(),
            store_clock: Skew::over(longest(settings)),
            has_lost: false,
            healed_at: None,
            violation: None,
            is_asleep: !sits,
        }
    }

    /// The first violation.
    pub(super) fn verdict(self) -> Option<String> {
        self.violation
    }

    /// Keeps the first violation.
    fn note(&mut self, check: impl FnOnce(&mut Self) -> Checked) {
        if self.is_asleep {
            return;
        }
        if let Err(evidence) = check(self) {
            self.violation = Some(evidence);
            self.is_asleep = true;
        }
    }

    fn key(&mut self, entry: &EntryId) -> usize {
        if let Some(key) = self.key_of.get(entry) {
            return *key;
        }
        self.keys.push(Key::new(entry));
        self.key_of.insert(entry.clone(), self.keys.len() - 1);
        self.keys.len() - 1
    }

    fn at(&self, key: usize) -> &Key {
        self.keys.get(key).expect("keys are never forgotten")
    }

    fn at_mut(&mut self, key: usize) -> &mut Key {
        self.keys.get_mut(key).expect("keys are never forgotten")
    }

    fn held(&self, session: usize) -> &Held {
        self.sessions.get(session).expect("sessions are never forgotten")
    }

    fn held_mut(&mut self, session: usize) -> &mut Held {
        self.sessions.get_mut(session).expect("sessions are never forgotten")
    }

    fn process(&self, process: usize) -> &Process {
        self.processes.get(process).expect("a process is known before it acts")
    }

    /// A process; one that nobody said anything of begins here.
    fn process_mut(&mut self, process: usize) -> &mut Process {
        let window = longest(&self.settings);
        while self.processes.len() <= process {
            self.processes.push(Process::new(window));
        }
        self.processes.get_mut(process).expect("it was made if there was none")
    }

    /// A round begins: these are all processes that live.
    pub(super) fn waits<'a>(
        &mut self,
        now: Now,
        servers: impl IntoIterator<Item = (usize, &'a GameServer)>,
    ) {
        self.note(|this| this.on_round(now.mono, servers));
    }

    /// Whether an id is or was that of a process.
    fn owns(&self, process: usize, server: ServerId) -> bool {
        self.servers.get(&server).is_some_and(|server| server.process == process)
    }

    fn on_applied(&mut self, stroke: Stroke, batch: &Batch) -> Checked {
        if let Author::Process(process) = stroke.author {
            self.process_mut(process);
        }
        // A stamp counts 100 ns.
        let stamp = u64::try_from(stroke.stamped_at.ticks()).unwrap_or(0).saturating_mul(100);
        self.store_clock.note(stroke.now, offset(stamp, stroke.now.nanos()));
        self.check_conditions(batch)?;
        match joints::split(batch) {
            None => self.on_part(stroke, batch)?,
            Some(parts) => parts.iter().try_for_each(|part| self.on_part(stroke, part))?,
        }
        self.check_coins()
    }

    /// What is written of one record, or besides records.
    fn on_part(&mut self, stroke: Stroke, batch: &Batch) -> Checked {
        let parts = Parts::of(batch);
        if let Some(gone) = parts.gone {
            return Err(format!("W10: {gone} was removed"));
        }
        if let Some((server, revision, body)) = parts.presence {
            self.on_presence(stroke, server, revision, body)?;
        }
        if parts.record.is_some() || parts.entry.is_some() {
            self.on_record(stroke, batch, &parts)?;
        }
        self.on_operations(stroke, batch, &parts)?;
        if let Some((server, entry, revision, body)) = parts.mail {
            self.on_mail(stroke.now, server, entry, revision, body);
        }
        if let Some((server, entry)) = parts.read_mail {
            let key = self.key(entry);
            self.mail.remove(&(server, key));
        }
        Ok(())
    }

    /// Whether what clocks promise to a process may be broken now, as a clock is.
    fn is_out_of_bounds(&self, process: usize) -> bool {
        let lost = self.process(process).clock.lost();
        lost.saturating_add(self.store_clock.gained()) > self.settings.margin
    }
}

/// The longest time for which anybody believes anything.
fn longest(settings: &SessionSettings) -> Duration {
    match settings.mode {
        LeaseMode::Timeout(timeout) => timeout.max(settings.presence_timeout),
        LeaseMode::Presence | LeaseMode::Unknown(_) => settings.presence_timeout,
    }
}

impl Witness for SessionOracle {
    fn applied(&mut self, now: Now, author: Author, batch: &Batch, committed: Committed) {
        let stroke = Stroke { now: now.mono, author, stamped_at: committed.stamped_at };
        self.note(|this| {
            this.on_applied(stroke, batch).map_err(|evidence| format!("{evidence} (by {author:?})"))
        });
    }

    fn rewound(&mut self, now: Now, rows: &Rows) {
        if !self.is_asleep {
            self.on_rewound(now.mono, rows);
        }
    }

    fn reopened(&mut self, now: Now, opening: OpeningId) {
        self.opening = Some(opening);
        self.opened_at = now.mono;
    }

    fn outage(&mut self, now: Now, is_out: bool) {
        self.outage = match (is_out, self.outage) {
            (true, _) => Outage { began: now.mono, ended: None },
            (false, Outage { began, .. }) => Outage { began, ended: Some(now.mono) },
        };
    }

    fn started(&mut self, _: Now, process: usize, _: Option<OpeningId>) {
        self.process_mut(process);
    }

    fn runs(&mut self, process: usize, knows: Knows) {
        self.process_mut(process).knows = knows;
    }

    fn crashed(&mut self, _: Now, process: usize) {
        let state = self.process_mut(process);
        state.is_crashed = true;
        state.active.clear();
        let is_closed = state.is_closed;
        self.note_crash(process);
        if !is_closed {
            self.pending.retain(|(at, _), _| *at != process);
        }
    }

    fn believes(&mut self, now: Now, process: usize, server: &GameServer, local: Now) {
        self.note(|this| this.on_server(now.mono, process, server, local));
    }

    fn edited(
        &mut self,
        _: Now,
        process: usize,
        session: SessionHandle,
        _: &EntryId,
        marker: Marker,
    ) {
        self.note(|this| this.on_edited(process, session.id, marker));
    }

    fn asked(&mut self, now: Now, process: usize, ticket: Ticket, ask: &Ask) {
        self.note(|this| {
            match ask {
                Ask::Open(entry) => this.on_asked_open(now.mono, process, ticket, entry),
                Ask::Checkpoint(session, _, marker) => {
                    this.on_asked_save(now.mono, (process, ticket), session.id, *marker, false)?;
                }
                Ask::Release(session, _, marker) => {
                    this.on_asked_save(now.mono, (process, ticket), session.id, *marker, true)?;
                }
                Ask::Delete(session, _, marker) => {
                    this.session(process, session.id)?.is_deleting = true;
                    this.on_asked_save(now.mono, (process, ticket), session.id, *marker, true)?;
                }
                Ask::Queue(queueing) => this.on_asked_queue(now.mono, (process, ticket), queueing),
                Ask::Await(entry, id, patience) => {
                    this.on_asked_await(now.mono, (process, ticket), (entry, id), *patience);
                }
                Ask::Transact(transfer) => {
                    this.on_asked_transaction(now.mono, (process, ticket), transfer)?;
                }
                Ask::Close => this.on_asked_close(now.mono, process, ticket),
            }
            Ok(())
        });
    }

    fn told(&mut self, now: Now, process: usize, event: &Event, marker: Option<Marker>) {
        let now = now.mono;
        self.note(|this| match event {
            Event::Opened { ticket, session } => {
                this.on_opened(now, (process, *ticket), session.id, marker)
            }
            Event::OpenFailed { ticket, error } => {
                this.on_open_failed(now, (process, *ticket), error)
            }
            Event::Settled { ticket, result } => this.on_settled(now, (process, *ticket), result),
            Event::Queued { ticket, result } => {
                let queueing = this.on_answered_queue(now, (process, *ticket))?;
                match result {
                    Ok(queued) => this.on_queued(&queueing, Ok(queued)),
                    Err(QueueError::Refused(refusal)) => this.on_queued(&queueing, Err(refusal)),
                    Err(_) => Ok(()),
                }
            }
            Event::Operation { ticket, result } => {
                let (key, id) = this.on_answered_await(now, (process, *ticket))?;
                let receipt = result.as_ref().ok().and_then(|view| view.receipt.as_ref());
                match receipt.and_then(ReceiptBody::status) {
                    Some(status) => this.on_ended(key, &id, status),
                    None => Ok(()),
                }
            }
            Event::Session { session, event, .. } => {
                this.on_session(now, process, session.id, event)
            }
            Event::Server(event) => this.on_server_event(process, event),
            Event::Closed { ticket } => this.on_closed(now, process, *ticket),
        });
    }

    fn saw(&mut self, _: Now, process: usize, entry: &EntryId, marker: Marker) {
        self.note(|this| this.on_saw(process, entry, marker));
    }

    fn sends(&mut self, _: Now, process: usize, commands: &[Outgoing]) {
        self.note(|_| Self::on_sends(process, commands));
    }

    fn refused(&mut self, _: Now, author: Author, batch: &Batch, rows: &[Found]) {
        self.note(|this| this.on_refused(author, batch, rows));
    }

    fn queues(&mut self, _: Now, _: &Queueing) {}

    fn queued(&mut self, _: Now, queueing: &Queueing, result: Result<&Queued, &QueueRefusal>) {
        self.note(|this| this.on_queued(queueing, result));
    }

    fn ended(&mut self, _: Now, entry: &EntryId, id: &OperationId, status: OperationStatus) {
        self.note(|this| {
            let key = this.key(entry);
            this.on_ended(key, id, status)
        });
    }

    fn repairs(&mut self, now: Now, entry: &EntryId) {
        let key = self.key(entry);
        self.note_repair(now.mono, key);
        self.at_mut(key).ledger.is_repaired = true;
    }

    fn showed(&mut self, _: Now, _: usize, _: SessionHandle, _: &[u32]) {}

    fn shows(&mut self, _: Now, process: usize, session: SessionHandle, applied: &Applied) {
        self.note(|this| this.on_shows(process, session.id, applied));
    }

    fn healed(&mut self, now: Now) {
        self.healed_at = Some(now.mono);
    }
}

#[cfg(test)]
mod tests;
