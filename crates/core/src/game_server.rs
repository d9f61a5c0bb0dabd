//! One game server: its presence, what it is opening, and its sessions.
//!
//! ```text
//!   open, edit, checkpoint, release, close ─►┌────────────┐─► commands ─► store
//!   poll (time passes) ─────────────────────►│ GameServer │
//!   on_answer ◄── store ────────────────────►└────────────┘─► events
//! ```
//!
//! It never waits, never asks a clock and never sends: whoever drives it hands in the time, carries
//! out the [`Outgoing`] commands and brings their answers, or nothing, back. It sends a command
//! again by itself when no answer comes, so that a lost answer is the driver's business no more
//! than a lost request.
//!
//! Time is what the inputs say. A clock that stood still while the machine slept would let a server
//! believe too long: [`Now::mono`] must count that time.
//!
//! Start reading at [`GameServer::poll`].

mod answers;
mod api;
mod calls;
mod close;
mod joint;
mod lane;
mod liveness;
mod mail;
mod opening;
mod operations;
mod queueing;
mod store_time;
mod table;
mod work;

pub use api::{
    Claim, CommandId, EditRefused, Effects, Event, Hint, HintKind, OpenRequest, Outgoing, Parse,
    Priority, QueueRequest, ServerEvent, ServerOptions, SessionHandle, Ticket,
};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::id::{EntryId, OperationId, ServerId, WriteId};
use crate::operation::OperationSettings;
use crate::planted::Flaws;
use crate::platform::PlatformError;
use crate::presence::{Presence, Stage};
use crate::random::Rng;
use crate::record::{RecordAnswer, RecordCommand, RecordRefusal, RecordReply};
use crate::session::{SessionEvent, SessionSettings, SettingsError};
use crate::time::{Monotonic, Now};
use calls::{Call, Calls, Owner};
use close::Closing;
use joint::{Joint, LostPart};
use lane::Lane;
use opening::Opening;
use operations::Awaiting;
use queueing::Queueing;
use store_time::StoreTime;
use table::Table;

/// What waits for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Opening(Ticket),
    Session(usize),
    Awaiting(Ticket),
    Queueing(Ticket),
    Joint(Ticket),
}

/// One game server.
#[derive(Debug)]
pub struct GameServer {
    settings: Arc<SessionSettings>,
    operations: Arc<OperationSettings>,
    rng: Rng,
    next_ticket: u64,
    calls: Calls,
    store_time: StoreTime,
    presence: Presence,
    /// One more whenever the server is live anew: a comparison counts for one stretch only.
    stretch: u64,
    /// When the stretch began.
    live_since: Monotonic,
    openings: BTreeMap<Ticket, Opening>,
    opening_of: BTreeMap<EntryId, Ticket>,
    table: Table,
    joints: BTreeMap<Ticket, Joint>,
    /// Sessions that are over and took part in one.
    lost_parts: Vec<LostPart>,
    queueings: BTreeMap<Ticket, Queueing>,
    lanes: BTreeMap<EntryId, Lane>,
    awaiting: BTreeMap<Ticket, Awaiting>,
    awaiting_of: BTreeMap<(EntryId, OperationId), BTreeSet<Ticket>>,
    timers: BTreeSet<(Monotonic, Timer)>,
    /// Leases that name this server without a session, being looked at or released.
    orphans: BTreeSet<EntryId>,
    closing: Option<Closing>,
    /// Whether a copy of this process was found.
    is_stopped: bool,
    autosaves_out: usize,
    /// Sessions whose save is due and waits for room.
    held_back: VecDeque<SessionHandle>,
    /// Events of calls that could not hand them out.
    backlog: Vec<Event>,
    flaws: Flaws,
}

impl GameServer {
    /// A server that begins to announce itself. Its first commands come with the first
    /// [`poll`](Self::poll).
    ///
    /// # Errors
    /// [`SettingsError`] with every problem.
    pub fn new(now: Now, options: ServerOptions) -> Result<Self, SettingsError> {
        let ServerOptions { settings, operations, home, address, mut rng } = options;
        settings.check()?;
        Ok(Self {
            presence: Presence::new(now.mono, &mut rng, home, address),
            settings: Arc::new(settings),
            operations: Arc::new(operations),
            rng,
            next_ticket: 0,
            calls: Calls::default(),
            store_time: StoreTime::default(),
            stretch: 0,
            live_since: now.mono,
            openings: BTreeMap::new(),
            opening_of: BTreeMap::new(),
            table: Table::default(),
            joints: BTreeMap::new(),
            lost_parts: Vec::new(),
            queueings: BTreeMap::new(),
            lanes: BTreeMap::new(),
            awaiting: BTreeMap::new(),
            awaiting_of: BTreeMap::new(),
            timers: BTreeSet::new(),
            orphans: BTreeSet::new(),
            closing: None,
            is_stopped: false,
            autosaves_out: 0,
            held_back: VecDeque::new(),
            backlog: Vec::new(),
            flaws: Flaws::default(),
        })
    }

    /// Plants a mistake. For the proof.
    #[cfg(feature = "planted")]
    pub fn plant(&mut self, flaw: crate::planted::Flaw) {
        self.flaws = Flaws { planted: Some(flaw) };
        self.presence.plant(self.flaws);
    }

    /// Its id. It changes when the server was declared dead and goes on as another.
    pub fn id(&self) -> ServerId {
        self.presence.id()
    }

    /// Its times.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// Whether it believes that nobody may take its records at this moment.
    pub fn is_live(&self, now: Now) -> bool {
        self.presence.is_live(now.mono)
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Now, out: &mut Effects) {
        let now = self.tick(now, out);
        while let Some((id, call)) = self.calls.expire(now, &Arc::clone(&self.settings), out) {
            self.on_silence(now, id, call, out);
        }
        self.close_if_due(now, out);
        let command = self.presence.command(now, &Arc::clone(&self.settings), &mut self.rng);
        if let Some(command) = command {
            let owner = command.write_id().map_or(Owner::HomeMail, Owner::Presence);
            self.send(now, owner, Priority::Presence, Arc::new(command), out);
        }
        while let Some(&(due, timer)) = self.timers.first()
            && due <= now
        {
            self.timers.pop_first();
            match timer {
                Timer::Opening(ticket) => {
                    if let Some(opening) = self.openings.get_mut(&ticket) {
                        opening.timer = None;
                    }
                    self.step_opening(now, ticket, out);
                }
                Timer::Queueing(ticket) => {
                    if let Some(queueing) = self.queueings.get_mut(&ticket) {
                        queueing.timer = None;
                    }
                    self.step_queueing(now, ticket, out);
                }
                Timer::Awaiting(ticket) => {
                    if let Some(awaiting) = self.awaiting.get_mut(&ticket) {
                        awaiting.timer = None;
                    }
                    self.step_awaiting(now, ticket, out);
                }
                Timer::Joint(ticket) => {
                    if let Some(joint) = self.joints.get_mut(&ticket) {
                        joint.timer = None;
                    }
                    self.step_joint(now, ticket, out);
                }
                Timer::Session(slot) => {
                    let Some(handle) = self.table.at(slot) else { continue };
                    if let Some(session) = self.table.get_mut(handle) {
                        session.timer = None;
                    }
                    self.expire_beliefs(now, handle, out);
                    self.step_session(now, handle, out);
                }
            }
        }
        self.step_held_back(now, out);
        self.settle_lost_parts(now, out);
        finish(out);
    }

    /// Takes an answer to a command. Those to commands that are answered already, or given up, are
    /// left aside.
    pub fn on_answer(&mut self, now: Now, id: CommandId, answer: RecordAnswer, out: &mut Effects) {
        let now = self.tick(now, out);
        if !self.calls.is_out(id) || is_unknown(&answer) {
            // Without a certain answer it is as if none had come: another copy will be sent.
            return finish(out);
        }
        let call = self.calls.answered(id).expect("it is out");
        self.store_time.note(now, &answer);
        self.on_call_answered(now, call, answer, out);
        self.settle_lost_parts(now, out);
        self.step_held_back(now, out);
        self.close_if_due(now, out);
        finish(out);
    }

    fn on_call_answered(
        &mut self,
        now: Monotonic,
        call: Call,
        answer: RecordAnswer,
        out: &mut Effects,
    ) {
        let Call { owner, command, sent_at, .. } = call;
        match (owner, answer) {
            (Owner::Presence(write_id), Ok(RecordReply::Presence(outcome))) => {
                self.on_presence(now, write_id, &command, &outcome, out);
            }
            (Owner::Presence(_), Err(PlatformError::Corrupt { .. })) => {
                // Nobody can renew a damaged row, and nobody can declare it dead.
                let change = self.presence.die(now, &mut self.rng);
                self.on_change(now, &change, out);
            }
            (Owner::HomeMail, Ok(RecordReply::Mail(mail))) => {
                self.presence.on_mail();
                self.on_mail(now, &mail, out);
            }
            (Owner::Mail, Ok(RecordReply::Mail(mail))) => self.on_mail(now, &mail, out),
            (Owner::Presence(_) | Owner::HomeMail, _) => {
                self.calls.note_failure(now);
                self.presence.on_silence(now);
            }
            (Owner::Check(stretch, handles), Ok(RecordReply::Checked(found))) => {
                self.on_checked(now, stretch, &handles, &found, out);
            }
            (Owner::Check(stretch, handles), _) => self.check_again(now, stretch, handles, out),
            (Owner::Opening(ticket), Ok(RecordReply::Read(view))) => {
                self.on_opening_view(now, sent_at, ticket, &view, out);
            }
            (Owner::Opening(ticket), Ok(RecordReply::Written(outcome))) => {
                self.on_granted(now, sent_at, ticket, outcome, out);
            }
            (Owner::Opening(ticket), Ok(RecordReply::Presence(outcome))) => {
                self.on_declared(now, ticket, &outcome, out);
            }
            (Owner::Opening(ticket), Err(error)) => {
                self.on_opening_error(now, ticket, error, out);
            }
            (Owner::Session(handle), Ok(RecordReply::Written(outcome))) => {
                let write_id = command.write_id().expect("a write has an id");
                self.on_session_written(now, (sent_at, write_id), handle, outcome, out);
            }
            (Owner::Session(handle), Ok(RecordReply::Read(view))) => {
                self.on_session_read(now, sent_at, handle, &view, out);
            }
            (Owner::Session(handle), Err(error)) => {
                self.calls.note_failure(now);
                self.on_session_failure(now, handle, Some(error.to_string().into()), out);
            }
            (
                owner @ (Owner::Joint(_) | Owner::Inbox(_) | Owner::Queue(_) | Owner::Await(_)),
                answer,
            ) => self.on_work_answered(now, (sent_at, &command), owner, answer, out),
            (Owner::Orphan(entry), answer) => self.on_orphan(now, &entry, answer, out),
            (Owner::Nobody | Owner::Mail, _) => {}
            (Owner::Opening(_) | Owner::Session(_), Ok(reply)) => {
                unreachable!("{command:?} was answered by {reply:?}")
            }
        }
    }

    /// The answer to something about operations, or about several sessions.
    fn on_work_answered(
        &mut self,
        now: Monotonic,
        (sent_at, command): (Monotonic, &RecordCommand),
        owner: Owner,
        answer: RecordAnswer,
        out: &mut Effects,
    ) {
        match (owner, answer) {
            (Owner::Joint(ticket), Ok(RecordReply::WrittenAll(outcome))) => {
                self.on_joint(now, sent_at, (ticket, command), outcome, out);
            }
            (Owner::Joint(ticket), _) => self.on_joint_silence(now, ticket, out),
            (Owner::Inbox(handle), Ok(RecordReply::Inbox(page))) => {
                self.on_inbox(now, handle, page, out);
            }
            (Owner::Inbox(handle), _) => self.on_inbox_silence(now, handle, out),
            (Owner::Queue(ticket), Ok(RecordReply::Queued(outcome))) => {
                self.on_queued(now, ticket, outcome, out);
            }
            (Owner::Queue(ticket), Ok(RecordReply::Operation(view))) => {
                self.on_time_told(now, ticket, &view, out);
            }
            (Owner::Queue(ticket), Err(error)) => {
                self.on_queue_silence(now, ticket, Some(error), out);
            }
            (Owner::Await(ticket), Ok(RecordReply::Operation(view))) => {
                self.on_operation_read(now, ticket, Ok(*view), out);
            }
            (Owner::Await(ticket), Err(error)) => {
                self.on_operation_read(now, ticket, Err(error), out);
            }
            (owner, answer) => unreachable!("{owner:?} was answered by {answer:?}"),
        }
    }

    /// No answer came in time to any copy.
    fn on_silence(&mut self, now: Monotonic, _: CommandId, call: Call, out: &mut Effects) {
        match call.owner {
            Owner::Presence(_) | Owner::HomeMail => self.presence.on_silence(now),
            Owner::Check(stretch, handles) => self.check_again(now, stretch, handles, out),
            Owner::Opening(ticket) => self.on_opening_silence(now, ticket, out),
            Owner::Session(handle) => self.on_session_failure(now, handle, None, out),
            Owner::Joint(ticket) => self.on_joint_silence(now, ticket, out),
            Owner::Inbox(handle) => self.on_inbox_silence(now, handle, out),
            Owner::Queue(ticket) => self.on_queue_silence(now, ticket, None, out),
            Owner::Await(ticket) => self.on_await_silence(now, ticket, out),
            Owner::Orphan(entry) => {
                self.orphans.remove(&entry);
            }
            Owner::Nobody | Owner::Mail => {}
        }
    }

    /// When [`poll`](Self::poll) is due next.
    pub fn next_wake(&self) -> Option<Monotonic> {
        if !self.backlog.is_empty() {
            return Some(Monotonic::default());
        }
        let timer = self.timers.first().map(|(due, _)| *due);
        let closing = self.closing.as_ref().map(|closing| closing.deadline);
        let candidates = [self.presence.next_wake(), self.calls.next_wake(), timer, closing];
        candidates.into_iter().flatten().min()
    }

    /// How many commands are out.
    pub fn commands_out(&self) -> usize {
        self.calls.count()
    }

    /// Checks what must hold inside.
    ///
    /// # Panics
    /// When it does not.
    pub fn check(&self) {
        let mut autosaves = 0;
        for (handle, session) in self.table.iter() {
            session.check();
            assert_eq!(self.table.find(session.entry()), Some(handle), "sessions are found");
            assert!(!self.is_opening(session.entry()), "an open record is not being opened");
            let is_out = session.call.is_none_or(|id| self.calls.is_out(id));
            assert!(is_out, "what a session waits for is out");
            autosaves += usize::from(session.is_autosaving);
        }
        assert_eq!(autosaves, self.autosaves_out, "saves of nobody's asking are counted");
        assert_eq!(self.openings.len(), self.opening_of.len(), "an opening is of one record");
    }

    /// Time has passed. Every input begins with it.
    fn tick(&mut self, now: Now, out: &mut Effects) -> Monotonic {
        out.events.append(&mut self.backlog);
        if self.presence.doubts(now.mono) {
            out.events.push(Event::Server(ServerEvent::Doubtful));
            self.suspend_all(out);
        }
        now.mono
    }

    fn send(
        &mut self,
        now: Monotonic,
        owner: Owner,
        priority: Priority,
        command: Arc<RecordCommand>,
        out: &mut Effects,
    ) -> CommandId {
        self.calls.send(now, owner, priority, command, &self.settings, out)
    }

    fn new_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    fn new_write_id(&mut self) -> WriteId {
        WriteId(self.rng.next_u128())
    }

    fn is_closing(&self) -> bool {
        self.closing.is_some() || self.is_stopped || self.presence.stage() == Stage::Over
    }

    /// Wakes an opening or a session at this time and at no other, or not at all.
    fn set_timer(&mut self, timer: Timer, at: Option<Monotonic>) {
        let place = match timer {
            Timer::Opening(ticket) => self.openings.get_mut(&ticket).map(|it| &mut it.timer),
            Timer::Joint(ticket) => self.joints.get_mut(&ticket).map(|it| &mut it.timer),
            Timer::Queueing(ticket) => self.queueings.get_mut(&ticket).map(|it| &mut it.timer),
            Timer::Awaiting(ticket) => self.awaiting.get_mut(&ticket).map(|it| &mut it.timer),
            Timer::Session(slot) => {
                let handle = self.table.at(slot);
                handle.and_then(|it| self.table.get_mut(it)).map(|it| &mut it.timer)
            }
        };
        let Some(place) = place else { return };
        let before = std::mem::replace(place, at);
        // Most edits leave the time as it is.
        if before != at {
            self.drop_timer(timer, before);
            self.timers.extend(at.map(|at| (at, timer)));
        }
    }

    fn drop_timer(&mut self, timer: Timer, at: Option<Monotonic>) {
        if let Some(at) = at {
            self.timers.remove(&(at, timer));
        }
    }
}

/// Whether an answer says as much as none.
fn is_unknown(answer: &RecordAnswer) -> bool {
    use crate::outcome::Outcome::Unknown;
    matches!(
        answer,
        Ok(RecordReply::Written(Unknown)
            | RecordReply::WrittenAll(Unknown)
            | RecordReply::Presence(Unknown)
            | RecordReply::Queued(Unknown))
            | Err(PlatformError::OutcomeUnknown { .. })
    )
}

/// A refusal that has nothing to do with the record, as an error.
fn store_error(refusal: RecordRefusal) -> PlatformError {
    match refusal {
        RecordRefusal::Exhausted { reason } => PlatformError::StoreFull { reason },
        RecordRefusal::Unavailable { reason } => PlatformError::Unavailable { reason },
        RecordRefusal::Invalid(error) => PlatformError::Rejected(error),
        RecordRefusal::Moved(view) => {
            // The caller has looked at it.
            PlatformError::Contended { entry: view.entry, attempts: 1 }
        }
    }
}

/// Tells what happened to a session.
fn tell(session: SessionHandle, entry: &EntryId, event: SessionEvent, out: &mut Effects) {
    out.events.push(Event::Session { session, entry: entry.clone(), event });
}

/// The most urgent commands go first.
fn finish(out: &mut Effects) {
    out.commands.sort_by_key(|outgoing| outgoing.priority);
}

#[cfg(test)]
pub(crate) mod tests;
