//! Drives the game server of an open store: brings it the time and the store's answers, carries out
//! what it asks for, and tells whoever waits.
//!
//! ```text
//!   open, edit, save ──► State (one lock) ──► commands ──► Records ──► Inbox ──┐
//!                          ▲                └► events ───► who waits           │
//!                          └──────────────────── turn ◄────────────────────────┘
//! ```
//!
//! One thread makes the turns and sleeps until something is due or arrives; with [`Drive::ByPoll`]
//! whoever calls `poll` makes them. Nothing is sent, written to disk or told under the lock, and
//! answers never wait for it, so that the store's own threads are not held up by an edit.
//!
//! It decides nothing: what is sent and when is the [`GameServer`]'s matter.

pub(crate) mod bus;
mod clock;
mod events;
mod hold;
mod joint;
mod operations;
mod state;
mod told;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use steadfast_core::game_server::{CommandId, Effects, GameServer, Hint, Outgoing, ServerOptions};
use steadfast_core::record::{RecordAnswer, RecordCommand};
use steadfast_core::session::Spill;
use steadfast_core::{Monotonic, Now, Rng, Timestamp};
use steadfast_storage::{Done, Records};

use crate::diagnostics::{Asker, Monitor};
use crate::engine::{Drive, Options};
use crate::locks::Locks;
use crate::settings::{ChangeSettings, PlayerSettings};
use crate::signals::{ChangeLog, Watch};
use crate::spills::Spills;

pub(crate) use clock::Clock;
pub use events::Events;
pub(crate) use events::{Heard, Listener, Queue, SessionEvents};
pub(crate) use hold::Hold;
use state::Arrivals;
pub(crate) use state::{Dropped, State};

/// Most turns of one poll: a store that answers at once could keep a frame busy for ever.
const TURNS_MAX: usize = 64;

/// Messages of other servers that wait for a turn. What they tell stands in the store too.
const HINTS_MAX: usize = 1_024;

/// What arrived since the last turn, and whether there is something to do besides.
#[derive(Default)]
struct Inbox {
    arrivals: Arrivals,
    is_called: bool,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        let Arrivals { answers, dropped, hints, .. } = &self.arrivals;
        !self.is_called && answers.is_empty() && dropped.is_empty() && hints.is_empty()
    }

    fn hear(&mut self, hint: Hint) {
        if self.arrivals.hints.len() < HINTS_MAX {
            self.arrivals.hints.push(hint);
        }
    }
}

thread_local! {
    /// The drivers whose locks this thread holds, by their addresses.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Stands for a lock that this thread holds. Without it, a callback that uses its own store would
/// wait for itself for ever.
pub(crate) struct Inside;

impl Inside {
    pub(crate) fn enter(driver: &Driver) -> Self {
        let address = std::ptr::from_ref(driver).addr();
        INSIDE.with_borrow_mut(|inside| {
            assert!(
                !inside.contains(&address),
                "a hook, a handler, an edit or a read of a session uses its store"
            );
            inside.push(address);
        });
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(Vec::pop);
    }
}

/// What lives beside the game server, and is brought forward with it.
pub(crate) trait Companion: Send + Sync {
    /// Does what is due, without the lock of the server. When it is due again by itself.
    fn turn(&self, now: Monotonic) -> Option<Monotonic>;

    /// The server is over: nothing will be answered any more.
    fn end(&self);
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The next one is due then, or when something arrives.
    Until(Option<Monotonic>),
    /// The server is closed.
    Over,
}

/// A game server, with everything around it.
pub(crate) struct Driver {
    records: Arc<dyn Records>,
    clock: Clock,
    pub(crate) spills: Arc<Spills>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) locks: Locks,
    state: Mutex<State>,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    companions: Mutex<Vec<Weak<dyn Companion>>>,
    /// Held through a turn: events are told in their order.
    turning: Mutex<()>,
}

impl Driver {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a caller's edit leaves the state whole: edits work on copies. One in a turn
        // takes the server away before anybody else sees it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state, and sees to it that what comes of it is carried out.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State, Now) -> R) -> R {
        let now = self.clock.now();
        let inside = Inside::enter(self);
        let mut state = self.lock();
        let result = act(&mut state, now);
        let is_due = state.needs_turn();
        drop(state);
        drop(inside);
        if is_due {
            self.call();
        }
        result
    }

    /// Has a turn made.
    pub(crate) fn call(&self) {
        self.inbox().is_called = true;
        self.arrived.notify_all();
    }

    /// Nobody is left who could use the server: it closes by itself.
    fn abandon(&self) {
        self.inbox().arrivals.is_abandoned = true;
        self.call();
    }

    /// Somebody let go of what he had. Without the lock: it may happen anywhere.
    pub(crate) fn let_go(&self, dropped: Dropped) {
        self.inbox().arrivals.dropped.push(dropped);
        self.arrived.notify_all();
    }

    /// A message of another game server came. Without the lock, and it may be lost.
    fn hear(&self, hint: Hint) {
        self.inbox().hear(hint);
        self.arrived.notify_all();
    }

    /// The time that its sessions are driven by.
    pub(crate) fn now(&self) -> Monotonic {
        self.clock.now().mono
    }

    fn receive(&self, id: CommandId, answer: RecordAnswer) {
        self.monitor.answered(Asker::Server(id), &answer, self.now());
        self.inbox().arrivals.answers.push((id, answer));
        self.arrived.notify_all();
    }

    /// Takes what arrived, does what is due, and carries out what comes of it.
    fn turn(self: &Arc<Self>) -> Turn {
        let turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let arrivals = {
            let mut inbox = self.inbox();
            inbox.is_called = false;
            let is_abandoned = inbox.arrivals.is_abandoned;
            std::mem::replace(&mut inbox.arrivals, Arrivals { is_abandoned, ..Arrivals::default() })
        };
        let now = self.clock.now();
        let mut deliveries = Vec::new();
        let (Effects { commands, hints, .. }, moved, is_over, wake) = {
            // Hooks and handlers run in here too.
            let _inside = Inside::enter(self);
            let mut state = self.lock();
            let out = state.advance(now, arrivals, &mut deliveries);
            (out, state.moved(), state.is_over(), state.schedule())
        };
        if let Some(id) = moved {
            bus::enter(id, self);
        }
        for delivery in deliveries {
            delivery.carry_out(self);
        }
        self.locks.expire(now.mono);
        self.monitor.step(now.mono);
        self.monitor.notify();
        let companions_wake = self.turn_companions(now.mono, is_over);
        drop(turning);
        for outgoing in commands {
            self.monitor.sent(outgoing.id, &outgoing.command, now.mono);
            self.submit(outgoing);
        }
        hints.into_iter().for_each(bus::post);
        if is_over {
            return Turn::Over;
        }
        let wakes = [wake, self.locks.next_wake(), self.monitor.next_wake(), companions_wake];
        Turn::Until(wakes.into_iter().flatten().min())
    }

    /// Has something brought forward with the server, as long as it is there.
    pub(crate) fn accompany(&self, companion: Weak<dyn Companion>) {
        self.companions().push(companion);
        self.call();
    }

    fn companions(&self) -> MutexGuard<'_, Vec<Weak<dyn Companion>>> {
        self.companions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_companions(&self, now: Monotonic, is_over: bool) -> Option<Monotonic> {
        let mut there = Vec::new();
        self.companions().retain(|companion| {
            let found = companion.upgrade();
            let is_there = found.is_some();
            there.extend(found);
            is_there
        });
        let wakes = there.iter().map(|companion| {
            let wake = companion.turn(now);
            if is_over {
                companion.end();
            }
            wake
        });
        wakes.collect::<Vec<_>>().into_iter().flatten().min()
    }

    fn submit(self: &Arc<Self>, outgoing: Outgoing) {
        let Outgoing { id, command, .. } = outgoing;
        let driver = Arc::downgrade(self);
        let done = move |answer| {
            if let Some(driver) = Weak::upgrade(&driver) {
                driver.receive(id, answer);
            }
        };
        self.records.submit(command, Done::new(done));
    }

    /// Waits for the next turn, but no longer than this.
    fn rest(&self, wake: Option<Monotonic>, at_most: Option<Duration>) -> bool {
        let mut inbox = self.inbox();
        loop {
            if !inbox.is_empty() {
                return true;
            }
            let left = wake.map(|wake| wake.saturating_since(self.clock.now().mono));
            let left = match (left, at_most) {
                (Some(left), Some(most)) => Some(left.min(most)),
                (left, most) => left.or(most),
            };
            match left {
                None => inbox = self.arrived.wait(inbox).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let waited = self.arrived.wait_timeout(inbox, left);
                    let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    inbox = guard;
                    if timeout.timed_out() && at_most.is_some() {
                        return false;
                    }
                }
            }
        }
    }

    /// What the thread does.
    fn run(self: &Arc<Self>) {
        let turns = || {
            while let Turn::Until(wake) = self.turn() {
                self.rest(wake, None);
            }
        };
        if catch_unwind(AssertUnwindSafe(turns)).is_err() {
            // Nobody knows what the server is in the middle of. Its records are held until the
            // store is opened again; whoever waits is told that it is over.
            let abandoned = self.lock().break_off();
            drop(abandoned);
            self.locks.end_all();
            self.monitor.notify();
            self.turn_companions(self.now(), true);
        }
    }

    /// Makes the turns that are due, on this thread. How long nothing more is due, if anything is.
    fn poll(self: &Arc<Self>) -> Option<Duration> {
        for _ in 0..TURNS_MAX {
            match self.turn() {
                Turn::Over => return None,
                Turn::Until(wake) => {
                    if self.inbox().is_empty() {
                        return wake.map(|at| at.saturating_since(self.clock.now().mono));
                    }
                }
            }
        }
        Some(Duration::ZERO)
    }
}

/// Keeps a driver at work. The last one that is dropped lets the server close by itself.
pub(crate) struct Keep {
    pub(crate) driver: Arc<Driver>,
    /// What its sessions keep of their changes.
    pub(crate) changes: ChangeSettings,
    /// What the players of its stores do, unless they have settings of their own.
    pub(crate) players: PlayerSettings,
    /// The clock of what is told to people.
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keep {
    /// Starts a game server.
    pub(crate) fn start(
        records: Arc<dyn Records>,
        spills: Arc<Spills>,
        monitor: Arc<Monitor>,
        (options, clock): (&Options, Clock),
        seed: u64,
    ) -> std::io::Result<Self> {
        let server_options = ServerOptions {
            settings: options.sessions.clone(),
            operations: options.operations.clone(),
            home: records.home(),
            address: Arc::clone(&options.address),
            rng: Rng::seeded(seed),
        };
        let server = GameServer::new(clock.now(), server_options)
            .expect("the settings were checked when the store was opened");
        let state = State::new(server, Arc::clone(&monitor), options.data_size_warn);
        let state = Mutex::new(state);
        let (inbox, arrived, turning) = (Mutex::default(), Condvar::new(), Mutex::default());
        let (locks, companions) = (Locks::default(), Mutex::default());
        let driver = Driver {
            records,
            clock,
            spills,
            monitor,
            locks,
            state,
            inbox,
            arrived,
            companions,
            turning,
        };
        let driver = Arc::new(driver);
        let thread = match options.drive {
            Drive::ByPoll | Drive::ByPollAt(_) => None,
            Drive::ByThread => {
                let driver = Arc::clone(&driver);
                let named = thread::Builder::new().name("steadfast-sessions".into());
                Some(named.spawn(move || driver.run())?)
            }
        };
        let (changes, players) = (options.changes, options.players.clone());
        let (wall, thread) = (Arc::clone(&options.clock), Mutex::new(thread));
        Ok(Self { driver, changes, players, wall, thread })
    }

    /// What a session keeps of its changes.
    pub(crate) fn change_log(&self, watch: &Arc<Watch>) -> ChangeLog {
        ChangeLog::new(self.changes, Arc::clone(&self.wall), Arc::clone(watch))
    }

    /// Makes the turns that are due, unless a thread does. How long nothing more is due.
    pub(crate) fn poll(&self) -> Option<Duration> {
        let has_thread = self.thread().is_some();
        if has_thread { None } else { self.driver.poll() }
    }

    /// Asks the store for something that the server does not ask by itself.
    pub(crate) fn ask(&self, command: RecordCommand, done: Done<RecordAnswer>) {
        self.driver.records.submit(Arc::new(command), done);
    }

    /// Releases every session and ends the server.
    pub(crate) fn close(&self, done: Done<Vec<Spill>>) {
        let refused = self.driver.with(|state, now| state.close(now, done));
        if let Some(done) = refused {
            done.complete(Vec::new());
        }
    }

    /// The same, and waits for it. What could not be saved comes back.
    pub(crate) fn close_and_wait(&self, patience: Duration) -> Vec<Spill> {
        let thread = self.thread().take();
        let Some(thread) = thread else { return self.close_by_poll(patience) };
        let unsaved = steadfast_storage::wait(|done| self.close(done)).unwrap_or_default();
        // It ends by itself now, and a panic of it was dealt with there.
        drop(thread.join());
        unsaved
    }

    /// Without a thread, whoever closes makes the turns. A clock that stands still cannot end this,
    /// therefore the waiting has an end of its own.
    fn close_by_poll(&self, mut patience: Duration) -> Vec<Spill> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.close(Done::new(move |unsaved| drop(sender.send(unsaved))));
        while let Turn::Until(wake) = self.driver.turn() {
            let left = wake.map(|wake| wake.saturating_since(self.driver.clock.now().mono));
            let pause = left.map_or(patience, |left| left.min(patience));
            if !self.driver.rest(wake, Some(pause)) {
                patience = patience.saturating_sub(pause);
                if patience.is_zero() {
                    break;
                }
            }
        }
        receiver.try_recv().unwrap_or_default()
    }

    /// Waits until something arrives for whoever makes the turns, or for so long.
    pub(crate) fn rest(&self, at_most: Duration) {
        let has_thread = self.thread().is_some();
        if has_thread {
            thread::park_timeout(at_most);
        } else {
            self.driver.rest(None, Some(at_most));
        }
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        // Not waited for: this may be the thread itself.
        self.driver.abandon();
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::game_server::HintKind;
    use steadfast_core::{EntryId, EntryKey, Scope, ServerId, StoreId, StoreName, UniverseId};

    use super::*;

    #[test]
    fn l7_messages_beyond_the_limit_are_lost() {
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
        let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") };
        let hint = Hint { to: ServerId(7), entry, what: HintKind::Free };
        let mut inbox = Inbox::default();
        assert!(inbox.is_empty());
        for _ in 0..=HINTS_MAX {
            inbox.hear(hint.clone());
        }
        assert_eq!((inbox.arrivals.hints.len(), inbox.is_empty()), (HINTS_MAX, false));
        bus::post(hint);
    }
}
