//! Carries out what the table of players asks for, whenever the game server makes a turn: on the
//! library's thread, or in the caller's `poll`.
//!
//! ```text
//!   join, leave ─► Table ─► chores ─► openings, releases ─► woken, heard ─► Table ─► events
//! ```
//!
//! Nothing of a session or a store is called under the lock of the table: whoever edits a session
//! may look at its players.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use steadfast_core::Monotonic;

use super::play::{Durability, Play};
use super::table::{Chores, Run, Table};
use super::unsaved::Unsaved;
use super::{PlayerEvent, PlayerId};
use crate::driver::{Companion, Driver, Heard, Queue};
use crate::errors::SessionOpenError;
use crate::session::Session;
use crate::settings::PlayerSettings;
use crate::store::Store;

/// How often sessions are looked at for changes that nobody saw being made.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What sessions and their openings told since the last turn.
#[derive(Default)]
struct Arrived {
    woken: Vec<Run>,
    heard: Vec<(PlayerId, Run, Heard)>,
}

/// Where it is left, from any thread.
struct Arrivals {
    driver: Weak<Driver>,
    arrived: Mutex<Arrived>,
}

impl Arrivals {
    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self) {
        if let Some(driver) = self.driver.upgrade() {
            driver.call();
        }
    }
}

/// An opening that can go on.
struct Woken {
    run: Run,
    arrivals: Arc<Arrivals>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.arrivals.arrived().woken.push(self.run);
        self.arrivals.call();
    }
}

type Opening<T> = Pin<Box<dyn Future<Output = Result<Session<T>, SessionOpenError>> + Send>>;

/// A record that is being opened for a player.
struct Task<T> {
    player: PlayerId,
    opening: Opening<T>,
}

/// All there is of a facade.
pub(super) struct Facade<T> {
    pub(super) store: Store<T>,
    pub(super) events: Arc<Queue<PlayerEvent>>,
    table: Mutex<Table<Play<T>>>,
    /// Used by whoever makes the turn.
    tasks: Mutex<BTreeMap<Run, Task<T>>>,
    look_at: Mutex<Monotonic>,
    arrivals: Arc<Arrivals>,
}

impl<T: 'static> Facade<T> {
    pub(super) fn new(store: Store<T>, settings: PlayerSettings, room: usize) -> Arc<Self> {
        let driver = Arc::clone(&store.keep.driver);
        let events = Arc::new(Queue::with_room(room));
        let arrived = Mutex::default();
        let arrivals = Arc::new(Arrivals { driver: Arc::downgrade(&driver), arrived });
        let mut table = Table::new(settings, Arc::clone(&events));
        let on_suspend = driver.with(|state, _| state.on_suspend());
        table.lets_go_when_suspended =
            on_suspend == Some(steadfast_core::session::SuspendPolicy::Disconnect);
        let (table, tasks, look_at) = (Mutex::new(table), Mutex::default(), Mutex::default());
        let facade = Arc::new(Self { store, events, table, tasks, look_at, arrivals });
        let companion: Weak<Self> = Arc::downgrade(&facade);
        driver.accompany(companion);
        facade
    }
}

impl<T> Facade<T> {
    pub(super) fn driver(&self) -> &Driver {
        &self.store.keep.driver
    }

    fn lock(&self) -> MutexGuard<'_, Table<Play<T>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the table.
    pub(super) fn look<R>(&self, look: impl FnOnce(&Table<Play<T>>) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the table, and sees to it that what comes of it is done.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Table<Play<T>>) -> R) -> R {
        let mut table = self.lock();
        let result = change(&mut table);
        // Once the server is over nobody makes turns any more.
        let left = table.has_ended().then(|| table.take_chores());
        drop(table);
        if let Some(mut left) = left {
            left.tell();
        }
        self.events.notify();
        self.arrivals.call();
        result
    }

    /// The key of a player's record.
    pub(super) fn key(&self, player: &PlayerId) -> String {
        self.look(|table| format!("{}{player}", table.settings().key_prefix))
    }

    fn open(&self, player: &PlayerId, run: Run) -> Opening<T>
    where
        T: 'static,
    {
        let (arrivals, player_of) = (Arc::clone(&self.arrivals), player.clone());
        let listener = move |heard: Heard| {
            arrivals.arrived().heard.push((player_of.clone(), run, heard));
            arrivals.call();
        };
        Box::pin(self.store.open_heard(&self.key(player), Box::new(listener)))
    }

    /// Does what the table asks for, and takes what came of openings.
    fn carry_out(&self, chores: Chores<Play<T>>, mut woken: Vec<Run>, now: Monotonic)
    where
        T: 'static,
    {
        let Chores { to_open, to_give_up, to_template, to_release, .. } = chores;
        for play in to_release {
            if let Play::Saved { session, .. } = play {
                // It goes on without anybody who waits; its end is heard.
                drop(session.release());
            }
        }
        for (player, run) in to_template {
            let keep = Arc::clone(&self.store.keep);
            let template = self.store.template().ok();
            let play = template.map(|it| Play::Unsaved(Arc::new(Unsaved::new(keep, it))));
            self.lock().templated(&player, run, play);
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for run in to_give_up {
            tasks.remove(&run);
        }
        for (player, run) in to_open {
            let opening = self.open(&player, run);
            tasks.insert(run, Task { player, opening });
            woken.push(run);
        }
        let finished = poll_tasks(&mut tasks, woken, &self.arrivals);
        drop(tasks);
        for (player, run, result) in finished {
            self.finish(&player, run, result, now);
        }
    }

    fn finish(
        &self,
        player: &PlayerId,
        run: Run,
        result: Result<Session<T>, SessionOpenError>,
        now: Monotonic,
    ) {
        let session = match result {
            Ok(session) => session,
            Err(error) => return self.lock().refused(player, run, error, now),
        };
        let associated = session.add_user_id(player.user().clone());
        let play = Play::Saved { session, durability: Arc::new(Durability::default()) };
        let mut table = self.lock();
        let unwanted = table.opened(player, run, play);
        if let (Err(error), None) = (associated, &unwanted) {
            table.not_associated(player, error);
        }
        drop(table);
        // Nobody wants it any more: it is released.
        drop(unwanted);
    }

    /// Sees changes that were made past the facade. When it looks again.
    fn look_at_durability(&self, now: Monotonic) -> Option<Monotonic> {
        let mut look_at = self.look_at.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = (*look_at <= now).then(|| self.look(Table::ready));
        if let Some(ready) = ready {
            *look_at = now.saturating_add(LOOK_EVERY);
            for play in &ready {
                play.undurable_age(now);
            }
            if ready.is_empty() {
                return None;
            }
        }
        Some(*look_at)
    }
}

type Finished<T> = Vec<(PlayerId, Run, Result<Session<T>, SessionOpenError>)>;

fn poll_tasks<T>(
    tasks: &mut BTreeMap<Run, Task<T>>,
    woken: Vec<Run>,
    arrivals: &Arc<Arrivals>,
) -> Finished<T> {
    let mut finished = Vec::new();
    for run in woken {
        let Some(task) = tasks.get_mut(&run) else { continue };
        let waker = Waker::from(Arc::new(Woken { run, arrivals: Arc::clone(arrivals) }));
        if let Poll::Ready(result) = task.opening.as_mut().poll(&mut Context::from_waker(&waker))
            && let Some(Task { player, .. }) = tasks.remove(&run)
        {
            finished.push((player, run, result));
        }
    }
    finished
}

impl<T: 'static> Companion for Facade<T> {
    fn turn(&self, now: Monotonic) -> Option<Monotonic> {
        let Arrived { woken, heard } = std::mem::take(&mut *self.arrivals.arrived());
        let (mut woken, mut heard) = (Some(woken), Some(heard));
        loop {
            let mut chores = {
                let mut table = self.lock();
                table.poll(now);
                table.take_chores()
            };
            chores.tell();
            self.carry_out(chores, woken.take().unwrap_or_default(), now);
            let mut table = self.lock();
            // A session tells nothing before its opening has ended.
            for (player, run, heard) in heard.take().unwrap_or_default() {
                match heard {
                    Heard::Event(event) => table.on_event(&player, run, event, now),
                    Heard::Large(size) => table.on_large(&player, run, size),
                }
            }
            if !table.has_chores() {
                break;
            }
        }
        self.events.notify();
        let wakes = [self.look(Table::next_wake), self.look_at_durability(now)];
        wakes.into_iter().flatten().min()
    }

    fn end(&self) {
        let mut chores = {
            let mut table = self.lock();
            table.end();
            table.take_chores()
        };
        chores.tell();
        self.events.notify();
    }
}
