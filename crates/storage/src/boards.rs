//! Boards in memory: where an entry of an ordered data store stands, without counting rows.
//!
//! A [`Board`] is built from the rows when somebody asks for it, and kept by what the backend tells
//! of later commits. It is never stored: after a start, and after it had to make room for others,
//! it is built again.
//!
//! ```text
//!   question ─► read the entry's row ─► is (value, key) on the board?
//!                  ▲     ▲                │ yes: answer
//!                  │     └── drain ───────┤ no: the entry is being written
//!                  └── when it is built ──┘ there is no board: build it, one build for all
//! ```
//!
//! **A finished board is what the last told commit left.** Every change of an entry of the board is
//! told after reads can see it ([`OrderedWatcher`](crate::backend::OrderedWatcher)), in the order of
//! the commits, and takes the value before off the board and puts the value after on. While a board
//! is built, [`Assembly`] remembers what is told, which is argued there.
//!
//! **An answer is what the last told commit left when it was given.** A write is told before it is
//! answered, so everything that was acknowledged before the question is in it, and so is whatever
//! a read of the entry itself has shown. What a read showed of other entries before their writes were
//! answered may be told a moment later: waiting for that would make every question wait for the
//! commit under way. The row that was read and the board are two sources, and an answer is given
//! only where they agree: a board that keeps disagreeing is thrown away.
//!
//! A backend that cannot tell of changes is asked anew for each question: see [`survey`].
//!
//! No lock is held while the backend is called or a question is answered, and nothing waits: pages
//! are taken in on another thread, one after the other, so that neither a caller nor a thread of the
//! backend is held up for longer than a page.

use std::sync::Arc;

use steadfast_core::platform::{AROUND_MAX, FindStanding, PlatformError, Standing};
use steadfast_core::row::{OrderedBody, ReadResult};
use steadfast_core::{BoardId, EntryKey, Found, RowBody, RowKey};

use crate::backend::{Backend, OrderedWatcher};
use crate::done::Done;
use crate::platform::Answer;

mod assembly;
mod build;
mod shelf;
mod survey;

use build::Build;
use shelf::{Lookup, Shelf};
use survey::Survey;

/// Most entries that all boards hold together, unless a single one holds more. About 100 bytes
/// each, keys included.
pub(crate) const BOARD_ENTRIES_MAX: usize = 10_000_000;

/// How many rows are read at a time.
const PAGE_SIZE: usize = 1_024;

/// How often a question starts again because others wrote the entry meanwhile.
const ATTEMPTS_MAX: u32 = 16;

/// Work for a thread that may be held up.
pub type Task = Box<dyn FnOnce() + Send>;

/// Where such work goes.
pub(crate) type Later = Box<dyn Fn(Task) + Send + Sync>;

/// The boards of one backend. A cheap handle: clones are the same boards.
#[derive(Clone)]
pub(crate) struct Boards {
    backend: Arc<dyn Backend>,
    shelf: Arc<Shelf>,
    /// Whether the shelf is told of every change.
    is_told: bool,
    later: Arc<Later>,
}

impl Boards {
    /// Boards that hold at most so many entries together. Asks the backend to tell of every change,
    /// which it does once in its life.
    pub(crate) fn new(backend: Arc<dyn Backend>, entries_max: usize, later: Later) -> Self {
        let shelf = Arc::new(Shelf::new(entries_max));
        // The backend knows the shelf only, which does not know the backend: each can end.
        let watcher: Arc<dyn OrderedWatcher> = shelf.clone();
        let is_told = backend.watch(watcher);
        Self { backend, shelf, is_told, later: Arc::new(later) }
    }

    /// Answers a question.
    pub(crate) fn find(&self, request: FindStanding, done: Done<Answer<Standing>>) {
        let (boards, done) = (self.clone(), Some(done));
        let question = Question { boards, request, attempts: 0, done };
        if self.is_told { question.ask() } else { Survey::start(question) }
    }

    fn later(&self, task: impl FnOnce() + Send + 'static) {
        (self.later)(Box::new(task));
    }
}

/// A question under way. Dropped without an answer, it gives one.
struct Question {
    boards: Boards,
    request: FindStanding,
    attempts: u32,
    done: Option<Done<Answer<Standing>>>,
}

impl Question {
    /// Begins, or begins again.
    fn ask(mut self) {
        if self.attempts == ATTEMPTS_MAX {
            // Either the entry is written without a pause, or the board is not what it should be.
            let board = self.boards.shelf.forget(&self.board_id());
            self.boards.later(move || drop(board));
            return self.contended();
        }
        self.attempts += 1;
        let backend = Arc::clone(&self.boards.backend);
        let rows = vec![RowKey::Ordered(self.request.entry.clone())];
        backend.read(rows, Done::new(move |reply| self.on_read(reply)));
    }

    fn on_read(self, reply: ReadResult) {
        match self.value_in(reply) {
            Ok(value) => self.look_up(value),
            Err(error) => self.answer(Err(error)),
        }
    }

    fn value_in(&self, reply: ReadResult) -> Result<i64, PlatformError> {
        let reply = reply?;
        match reply.rows.first().expect("a reply holds every row that was asked for") {
            Found::Absent => Err(self.not_found()),
            found @ (Found::Row(_) | Found::Corrupt(_)) => {
                value_of(found)?.1.ok_or_else(|| self.not_found())
            }
        }
    }

    fn look_up(self, value: i64) {
        let (id, boards) = (self.board_id(), self.boards.clone());
        match boards.shelf.look_up(&id, value, self) {
            Lookup::Found { question, standing, evicted } => {
                if !evicted.is_empty() {
                    boards.later(move || drop(evicted));
                }
                question.answer(Ok(standing));
            }
            Lookup::Moved(question) => {
                // Either the row or the board is ahead, and the row may be by what is told next.
                let backend = Arc::clone(&boards.backend);
                backend.drain(Done::new(move |()| boards.later(move || question.ask())));
            }
            Lookup::Waits => {}
            Lookup::Missing => Build::start(boards, id),
        }
    }

    fn board_id(&self) -> BoardId {
        BoardId::of(&self.request.entry)
    }

    fn around(&self) -> usize {
        self.request.around.min(AROUND_MAX)
    }

    fn not_found(&self) -> PlatformError {
        PlatformError::EntryNotFound { entry: self.request.entry.clone() }
    }

    fn contended(self) {
        let (entry, attempts) = (self.request.entry.clone(), ATTEMPTS_MAX);
        self.answer(Err(PlatformError::Contended { entry, attempts }));
    }

    fn answer(mut self, answer: Answer<Standing>) {
        if let Some(done) = self.done.take() {
            done.complete(answer);
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done.complete(Err(ended()));
        }
    }
}

/// The key and the value of a row of an ordered data store.
fn value_of(found: &Found) -> Result<(&EntryKey, Option<i64>), PlatformError> {
    match found {
        Found::Absent => unreachable!("a scan answers what is there"),
        Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
        Found::Row(row) => match (&row.key, &row.body) {
            (RowKey::Ordered(entry), RowBody::Ordered(OrderedBody { value })) => {
                Ok((&entry.key, *value))
            }
            (key, _) => Err(PlatformError::Corrupt { row: Box::new(key.clone()) }),
        },
    }
}

fn ended() -> PlatformError {
    PlatformError::Unavailable { reason: "the store ended".into() }
}

#[cfg(test)]
#[path = "boards/tests.rs"]
mod tests;
