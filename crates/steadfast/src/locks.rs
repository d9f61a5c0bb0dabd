//! Named locks of sessions: two parts of one game server that want the same thing of a player take
//! turns.
//!
//! ```text
//!   take ──free──► held ──let go──► the first of the line, or free
//!     └──held──► in line ──deadline──► NamedLockTimeout
//! ```
//!
//! A lock is a name of one session, in memory. It keeps nobody out of the data, neither on this
//! server nor on another: who wants to be kept out takes it too. A lock is not taken twice by the
//! same task; whoever tries waits for himself until the time is over.
//!
//! Invariants: a line is first come, first served; a lock that was handed to somebody who has given
//! up goes on to the next; nobody is told under the mutex.

mod together;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_core::document::{Cancel, Draft};
use steadfast_core::game_server::SessionHandle;
use steadfast_core::id::NameError;
use steadfast_core::session::Access;
use steadfast_core::{Code, EntryId, ErrorKind, Monotonic};
use steadfast_storage::Done;

use crate::answer::submit;
use crate::driver::{Driver, Hold};
use crate::errors::EditError;
use crate::session::{Data, Dynamic, Session};

pub use together::{LockedTransactError, transact_locked, transact_two_locked};

/// Longest name of a lock, in bytes.
pub const LOCK_NAME_SIZE_MAX: usize = 128;

/// Most that wait for one lock.
pub const LOCK_WAITERS_MAX: usize = 1_000;

/// Why a named lock was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Whoever holds it did not let go in time.
    #[error("the lock `{name}` was not free in time")]
    TimedOut {
        /// The lock.
        name: Arc<str>,
    },
    /// As many wait for it as may.
    #[error("{LOCK_WAITERS_MAX} tasks wait for the lock `{name}` already")]
    Crowded {
        /// The lock.
        name: Arc<str>,
    },
    /// That is no name of a lock.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The session is over.
    #[error(transparent)]
    Access(#[from] Access),
}

impl LockError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::TimedOut { .. } | Self::Crowded { .. } => Code::NamedLockTimeout,
            Self::Name(error) => error.code(),
            Self::Access(access) => access.code(),
        }
    }
}

/// A lock of a session that is open.
type LockName = (SessionHandle, Arc<str>);

/// Somebody in line.
struct Waiting {
    ticket: u64,
    until: Monotonic,
    done: Done<Result<(), LockError>>,
}

struct Line {
    holder: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Default)]
struct Table {
    lines: BTreeMap<LockName, Line>,
    next_ticket: u64,
}

/// The locks of all sessions of a game server.
#[derive(Default)]
pub(crate) struct Locks(Mutex<Table>);

/// Somebody to be told, once the mutex is free.
type Told = Vec<(Done<Result<(), LockError>>, Result<(), LockError>)>;

fn tell(told: Told) {
    for (done, result) in told {
        done.complete(result);
    }
}

impl Locks {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a lock, or a place in its line until then.
    fn take(
        &self,
        name: &LockName,
        now: Monotonic,
        until: Monotonic,
        done: Done<Result<(), LockError>>,
    ) -> u64 {
        let mut table = self.table();
        table.next_ticket += 1;
        let ticket = table.next_ticket;
        let refused = match table.lines.get_mut(name) {
            None => {
                let line = Line { holder: ticket, waiting: VecDeque::new() };
                table.lines.insert(name.clone(), line);
                Some(Ok(()))
            }
            Some(_) if until <= now => Some(Err(LockError::TimedOut { name: Arc::clone(&name.1) })),
            Some(line) if line.waiting.len() >= LOCK_WAITERS_MAX => {
                Some(Err(LockError::Crowded { name: Arc::clone(&name.1) }))
            }
            Some(_) => None,
        };
        match refused {
            Some(result) => {
                drop(table);
                done.complete(result);
            }
            None => {
                if let Some(line) = table.lines.get_mut(name) {
                    line.waiting.push_back(Waiting { ticket, until, done });
                }
            }
        }
        ticket
    }

    /// Lets go of a lock, or of a place in its line.
    fn let_go(&self, name: &LockName, ticket: u64) {
        let mut table = self.table();
        let Some(line) = table.lines.get_mut(name) else { return };
        if line.holder != ticket {
            line.waiting.retain(|waiting| waiting.ticket != ticket);
            return;
        }
        match line.waiting.pop_front() {
            Some(next) => {
                line.holder = next.ticket;
                drop(table);
                next.done.complete(Ok(()));
            }
            None => {
                table.lines.remove(name);
            }
        }
    }

    /// Tells those whose time is over.
    pub(crate) fn expire(&self, now: Monotonic) {
        let mut told = Told::new();
        for ((_, name), line) in &mut self.table().lines {
            while let Some(index) = line.waiting.iter().position(|it| it.until <= now) {
                if let Some(waiting) = line.waiting.remove(index) {
                    let error = LockError::TimedOut { name: Arc::clone(name) };
                    told.push((waiting.done, Err(error)));
                }
            }
        }
        tell(told);
    }

    /// When the next one's time is over.
    pub(crate) fn next_wake(&self) -> Option<Monotonic> {
        let table = self.table();
        let waiting = table.lines.values().flat_map(|line| &line.waiting);
        waiting.map(|waiting| waiting.until).min()
    }

    /// A session is over: whoever waits for a lock of it is told.
    pub(crate) fn end(&self, session: SessionHandle) {
        self.end_of(|of| of == session);
    }

    /// All of them are.
    pub(crate) fn end_all(&self) {
        self.end_of(|_| true);
    }

    fn end_of(&self, is_over: impl Fn(SessionHandle) -> bool) {
        let mut told = Told::new();
        self.table().lines.retain(|(of, _), line| {
            if !is_over(*of) {
                return true;
            }
            let closed = || Err(LockError::Access(Access::Closed));
            told.extend(line.waiting.drain(..).map(|waiting| (waiting.done, closed())));
            false
        });
        tell(told);
    }

    fn is_held(&self, name: &LockName) -> bool {
        self.table().lines.contains_key(name)
    }
}

/// A place at a lock: held, or in its line. Dropped, it is let go of.
struct Place {
    driver: Arc<Driver>,
    name: LockName,
    ticket: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.driver.locks.let_go(&self.name, self.ticket);
    }
}

/// A named lock that is held. Dropped, it goes to the next in its line.
#[must_use = "it is let go of when it is dropped"]
pub struct NamedLock(Place);

impl NamedLock {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name.1
    }
}

impl std::fmt::Debug for NamedLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NamedLock").field(&self.name()).finish()
    }
}

/// A lock of a session, to be taken together with others by [`lock_all`].
#[derive(Clone, Debug)]
pub struct LockTarget {
    hold: Arc<Hold>,
    name: Arc<str>,
}

impl LockTarget {
    /// Where it stands in the order of all locks.
    fn place(&self) -> (&EntryId, &str) {
        (&self.hold.entry, &self.name)
    }
}

/// Takes locks of several sessions, in the order of their records and then their names, whatever
/// the order they are given in: so two that want the same ones never wait for each other. One that
/// is named twice is taken once. All are let go of when the answer is dropped.
///
/// # Errors
/// [`LockError`]: nothing is held then.
///
/// # Cancel safety
/// Dropped, it lets go of what it has, and of its place in line.
///
/// # Example
/// ```
/// use std::time::Duration;
///
/// use steadfast::{Options, Steadfast, lock_all};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Steadfast::in_memory(Options::default())?;
/// let players = db.values("PlayerData").await?;
/// let (ann, bob) = (players.open("ann").await?, players.open("bob").await?);
/// let targets = [bob.lock_target("trade"), ann.lock_target("trade")];
/// let locks = lock_all(targets, Duration::from_secs(1)).await?;
/// assert!(ann.is_locked("trade") && bob.is_locked("trade"));
/// drop(locks);
/// assert!(!ann.is_locked("trade"));
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
pub async fn lock_all(
    targets: impl IntoIterator<Item = LockTarget>,
    timeout: Duration,
) -> Result<Vec<NamedLock>, LockError> {
    let mut targets: Vec<LockTarget> = targets.into_iter().collect();
    targets.sort_by(|one, other| one.place().cmp(&other.place()));
    targets.dedup_by(|one, other| one.place() == other.place());
    let mut locks = Vec::new();
    let mut left = timeout;
    for target in &targets {
        let driver = target.hold.driver();
        let began = driver.now();
        locks.push(take(&target.hold, &target.name, left).await?);
        left = left.saturating_sub(driver.now().saturating_since(began));
    }
    Ok(locks)
}

fn take(
    hold: &Hold,
    name: &str,
    timeout: Duration,
) -> impl Future<Output = Result<NamedLock, LockError>> + Send + use<> {
    let place = join_line(hold, name, timeout);
    async move {
        let (place, answer) = place?;
        // It was never answered: its server is gone.
        answer.await.unwrap_or(Err(LockError::Access(Access::Closed)))?;
        Ok(NamedLock(place))
    }
}

type Joined = (Place, crate::answer::Answer<Result<(), LockError>>);

fn join_line(hold: &Hold, name: &str, timeout: Duration) -> Result<Joined, LockError> {
    let (actual, limit, what) = (name.len(), LOCK_NAME_SIZE_MAX, "lock name");
    if name.is_empty() {
        return Err(NameError::Empty { what }.into());
    }
    if actual > limit {
        return Err(NameError::TooLong { what, actual, limit }.into());
    }
    if hold.look(|_| ()).is_none() {
        return Err(Access::Closed.into());
    }
    let (driver, name) = (hold.driver(), (hold.handle, Arc::from(name)));
    let now = driver.now();
    let mut ticket = 0;
    let until = now.saturating_add(timeout);
    let answer = submit(|done| ticket = driver.locks.take(&name, now, until, done));
    // Whoever makes the turns must know when this one's time is over.
    driver.call();
    Ok((Place { driver: Arc::clone(driver), name, ticket }, answer))
}

impl<T> Session<T> {
    /// Takes a named lock of this session, once whoever holds it has let go. First come, first
    /// served. It is let go of when the answer is dropped.
    ///
    /// # Errors
    /// [`LockError`]: `NamedLockTimeout` if it is not free in time.
    ///
    /// # Cancel safety
    /// Dropped, it gives up its place in line.
    pub fn lock(
        &self,
        name: &str,
        timeout: Duration,
    ) -> impl Future<Output = Result<NamedLock, LockError>> + Send + use<T> {
        take(&self.hold, name, timeout)
    }

    /// Does something while it holds a named lock. The lock is let go of at the end, also when it
    /// panics or is dropped.
    ///
    /// # Errors
    /// [`LockError`]: nothing was done.
    pub async fn with_lock<F: Future>(
        &self,
        name: &str,
        timeout: Duration,
        work: impl FnOnce() -> F,
    ) -> Result<F::Output, LockError> {
        let lock = self.lock(name, timeout).await?;
        let answer = work().await;
        drop(lock);
        Ok(answer)
    }

    /// Whether somebody holds a named lock of this session at this moment.
    pub fn is_locked(&self, name: &str) -> bool {
        self.hold.driver().locks.is_held(&(self.hold.handle, Arc::from(name)))
    }

    /// A named lock of this session, for [`lock_all`].
    pub fn lock_target(&self, name: &str) -> LockTarget {
        LockTarget { hold: Arc::clone(&self.hold), name: name.into() }
    }
}

impl<T: Data> Session<T> {
    /// Edits the data while it holds a named lock.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub async fn with_lock_transaction<R>(
        &self,
        name: &str,
        timeout: Duration,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        let _lock = self.lock(name, timeout).await?;
        self.edit(edit)
    }
}

impl Session<Dynamic> {
    /// Edits the data while it holds a named lock.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub async fn with_lock_transaction<R>(
        &self,
        name: &str,
        timeout: Duration,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        let _lock = self.lock(name, timeout).await?;
        self.edit(edit)
    }
}
