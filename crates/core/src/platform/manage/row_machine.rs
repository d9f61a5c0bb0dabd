//! A conditional change of one row, from its start to its answer.
//!
//! ```text
//!   Read ─► plan ── Commit ──► Committed ─► answer
//!    ▲       ▲                    │
//!    │       └── Refused: the row came along, plan again
//!    └────────── Unknown: read, and decide from the revision what became of it
//! ```
//!
//! Invariants: an unknown outcome is settled by the same batch or by the revision that it makes,
//! never guessed; a batch that may still come in late is never planned anew beside it.

use std::fmt;

use crate::batch::{Batch, CommitOutcome, Condition, Write};
use crate::id::{Revision, WriteId};
use crate::outcome::Outcome;
use crate::platform::plan::refusing_rows;
use crate::platform::{ATTEMPTS_MAX, Input, Machine, PlatformError, SETTLES_MAX, Step};
use crate::row::{Found, ReadResult, Row, RowBody, RowKey};
use crate::time::Timestamp;

/// A request on one row: what it does to the row that it finds.
pub trait RowChange {
    /// What it answers.
    type Answer;

    /// The row.
    fn key(&self) -> RowKey;

    /// The id of its write.
    fn write_id(&self) -> WriteId;

    /// What is to be done about the row as it was found.
    ///
    /// # Errors
    /// [`PlatformError`]: nothing may be done about it.
    fn plan(
        &self,
        row: Option<&Row>,
        now: Timestamp,
    ) -> Result<Planned<Self::Answer>, PlatformError>;

    /// What it answers once it has written the row.
    ///
    /// # Errors
    /// [`PlatformError::Corrupt`]: the row is of another family.
    fn answer(&self, row: &Row) -> Result<Self::Answer, PlatformError>;
}

/// What is to be done about a row.
#[derive(Debug)]
pub enum Planned<A> {
    /// Nothing: it is as it should be.
    Nothing(A),
    /// It is to hold this from now on.
    Write(RowBody),
}

/// A batch that may be sent, and sent again.
#[derive(Clone, Debug)]
struct Plan {
    base: Option<Revision>,
    revision: Revision,
    body: RowBody,
}

#[derive(Debug)]
enum Phase {
    /// The row is being read.
    Reading,
    /// A batch is out.
    Committing(Plan),
    /// What became of a batch is being read.
    Settling(Plan),
    /// Nothing more will be asked for.
    Over,
}

/// Carries out a [`RowChange`].
pub struct RowMachine<C> {
    change: C,
    phase: Phase,
    now: Timestamp,
    attempts: u32,
    settles: u32,
}

impl<C> fmt::Debug for RowMachine<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowMachine").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl<C: RowChange> Machine for RowMachine<C> {
    type Answer = C::Answer;

    fn on(&mut self, input: Input) -> Step<C::Answer> {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_read(reply),
            (Phase::Committing(plan), Input::Committed(outcome)) => self.on_commit(plan, outcome),
            (Phase::Settling(plan), Input::Read(reply)) => self.on_settling(plan, reply),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        // While an earlier attempt is unsettled, no error is certain to mean "nothing written".
        step.unwrap_or_else(|error| {
            Step::Done(Err(if self.settles > 0 { self.unknown() } else { error }))
        })
    }
}

impl<C: RowChange> RowMachine<C> {
    /// Starts a change.
    pub fn start(change: C) -> (Self, Step<C::Answer>) {
        let step = Step::Read(vec![change.key()]);
        let (phase, now) = (Phase::Reading, Timestamp::EPOCH);
        (Self { change, phase, now, attempts: 0, settles: 0 }, step)
    }

    fn on_read(&mut self, reply: ReadResult) -> Result<Step<C::Answer>, PlatformError> {
        let reply = reply?;
        self.now = reply.now;
        self.plan(found_row(reply.rows.first())?)
    }

    fn plan(&mut self, row: Option<&Row>) -> Result<Step<C::Answer>, PlatformError> {
        let body = match self.change.plan(row, self.now)? {
            Planned::Nothing(answer) => return Ok(Step::Done(Ok(answer))),
            Planned::Write(body) => body,
        };
        if self.attempts >= ATTEMPTS_MAX {
            let (row, attempts) = (self.change.key(), self.attempts);
            let row = Box::new(row);
            return Err(PlatformError::RowContended { row, attempts });
        }
        self.attempts += 1;
        let (write, base) = (self.change.write_id(), row.map(|row| row.revision));
        let revision = base.map_or_else(|| Revision::first(write), |base| base.next(write));
        Ok(self.commit(Plan { base, revision, body }))
    }

    fn commit(&mut self, plan: Plan) -> Step<C::Answer> {
        let key = self.change.key();
        let condition = plan.base.map_or(Condition::Absent, Condition::At);
        let (revision, body) = (plan.revision, plan.body.clone());
        let batch = Batch {
            conditions: vec![(key.clone(), condition)],
            writes: vec![Write::Put { key, revision, body }],
        };
        self.phase = Phase::Committing(plan);
        Step::Commit(batch)
    }

    fn on_commit(
        &mut self,
        plan: Plan,
        outcome: CommitOutcome,
    ) -> Result<Step<C::Answer>, PlatformError> {
        match outcome {
            Outcome::Committed(committed) => {
                let (key, revision, body) = (self.change.key(), plan.revision, plan.body);
                let row = Row { key, revision, stamped_at: committed.stamped_at, body };
                self.succeed(&row)
            }
            Outcome::Refused(refusal) => {
                let rows = refusing_rows(refusal)?;
                let row = found_row(rows.first())?;
                // An earlier attempt of this batch may be what refused it.
                let has_moved = row.map(|row| row.revision) != plan.base;
                if self.settles > 0 && has_moved { self.decide(plan, row) } else { self.plan(row) }
            }
            Outcome::Unknown if self.settles >= SETTLES_MAX => Err(self.unknown()),
            Outcome::Unknown => {
                self.settles += 1;
                self.phase = Phase::Settling(plan);
                Ok(Step::Read(vec![self.change.key()]))
            }
        }
    }

    fn on_settling(
        &mut self,
        plan: Plan,
        reply: ReadResult,
    ) -> Result<Step<C::Answer>, PlatformError> {
        let reply = reply?;
        self.now = reply.now;
        self.decide(plan, found_row(reply.rows.first())?)
    }

    /// What became of a batch whose outcome was unknown, from the row as it is now.
    fn decide(&mut self, plan: Plan, row: Option<&Row>) -> Result<Step<C::Answer>, PlatformError> {
        let revision = row.map(|row| row.revision);
        if revision == plan.base {
            // Not yet written. Whichever attempt comes first wins, the other is refused by it.
            return if self.settles < SETTLES_MAX {
                Ok(self.commit(plan))
            } else {
                Err(self.unknown())
            };
        }
        match row {
            Some(row) if row.revision == plan.revision => self.succeed(row),
            // Somebody else made the revision that this batch would have, so it never will. The
            // request may be planned anew.
            Some(row) if row.revision.counter == plan.revision.counter => {
                self.settles = 0;
                self.plan(Some(row))
            }
            // The row has moved on, and nothing tells whether by way of this batch. It does not
            // matter if the row is as it should be; to change it once more might be to do it twice.
            Some(_) | None => match self.change.plan(row, self.now)? {
                Planned::Nothing(answer) => Ok(Step::Done(Ok(answer))),
                Planned::Write(_) => Err(self.unknown()),
            },
        }
    }

    fn succeed(&self, row: &Row) -> Result<Step<C::Answer>, PlatformError> {
        self.change.answer(row).map(|answer| Step::Done(Ok(answer)))
    }

    fn unknown(&self) -> PlatformError {
        PlatformError::OutcomeUnknown { write_id: self.change.write_id() }
    }
}

/// The row, if there is one. Damage is an error, never absence.
fn found_row(found: Option<&Found>) -> Result<Option<&Row>, PlatformError> {
    match found.expect("a reply holds every row that was asked for") {
        Found::Absent => Ok(None),
        Found::Row(row) => Ok(Some(row)),
        Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
    }
}
