//! What every request has in common, from its start to its answer.

use crate::batch::{Batch, CommitOutcome};
use crate::id::{EntryId, WriteId};
use crate::platform::{EntryState, PlatformError, Settings};
use crate::row::{HeadsResult, ReadResult, RowKey, RowRange, ScanResult};

/// What to do next.
#[derive(Debug)]
pub enum Step<A = EntryState> {
    /// Read these rows and hand them over as [`Input::Read`].
    Read(Vec<RowKey>),
    /// Read at most so many rows of a range and hand them over as [`Input::Scanned`].
    Scan(RowRange, usize),
    /// Read at most so many heads of a range of entries or revisions, with the sizes of the values
    /// if the flag says so, and hand them over as [`Input::Heads`].
    Heads(RowRange, usize, bool),
    /// Commit this batch and hand its outcome over as [`Input::Committed`].
    Commit(Batch),
    /// It is over.
    Done(Result<A, PlatformError>),
}

impl<A> Step<A> {
    /// The same step of a request of which this is a part: its answer is made of that of the part.
    pub(crate) fn map<B>(
        self,
        answer: impl FnOnce(Result<A, PlatformError>) -> Result<B, PlatformError>,
    ) -> Step<B> {
        match self {
            Self::Read(rows) => Step::Read(rows),
            Self::Scan(range, limit) => Step::Scan(range, limit),
            Self::Heads(range, limit, with_sizes) => Step::Heads(range, limit, with_sizes),
            Self::Commit(batch) => Step::Commit(batch),
            Self::Done(result) => Step::Done(answer(result)),
        }
    }
}

/// What came of the step before.
#[derive(Debug)]
pub enum Input {
    /// Of [`Step::Read`].
    Read(ReadResult),
    /// Of [`Step::Scan`].
    Scanned(ScanResult),
    /// Of [`Step::Heads`].
    Heads(HeadsResult),
    /// Of [`Step::Commit`].
    Committed(CommitOutcome),
}

/// A request under way: tells the shell what to do, and decides by what came of it.
pub trait Machine {
    /// What the request answers.
    type Answer;

    /// Takes what came of the step before and says what is next.
    ///
    /// # Panics
    /// When the input is not that of the step before: a fault of the shell.
    fn on(&mut self, input: Input) -> Step<Self::Answer>;
}

/// A request that can be started.
pub trait Operation {
    /// What it answers.
    type Answer;
    /// What carries it out.
    type Machine: Machine<Answer = Self::Answer>;

    /// The entry whose lane it takes, if it writes one: writes to one entry go one after the other.
    fn lane(&self) -> Option<EntryId>;

    /// The id of its write, if it writes.
    fn write_id(&self) -> Option<WriteId>;

    /// Starts it.
    fn start(self, settings: &Settings) -> (Self::Machine, Step<Self::Answer>);
}
