//! One request on an entry of an ordered data store, from its start to its answer.
//!
//! There is no history to look into when an outcome is unknown, only the row itself:
//!
//! ```text
//!   the row is at ..                     what became of the batch
//!   the planned revision                 it was written
//!   the revision it was planned on       not yet: the same batch again, and one of them wins
//!   the planned counter, other write     never: its place was taken, so the request is planned anew
//!   a later counter                      a removal is found in its reminder; else it is unknown
//! ```
//!
//! The reminder that a removal writes carries the removal's revision, stands for a month at least,
//! and only a later removal replaces it. So it says what became of one, unless there was a later one.

use crate::batch::{Batch, CommitOutcome, Condition, Write};
use crate::id::{EntryId, Revision, WriteId};
use crate::outcome::Outcome;
use crate::platform::plan::refusing_rows;
use crate::platform::{
    ATTEMPTS_MAX, Input, Machine, Operation, OrderedAction, OrderedRequest, OrderedState,
    OrderedWhen, PlatformError, RETENTION, SETTLES_MAX, Settings, Step, review_hour,
};
use crate::row::{Found, OrderedBody, ReadReply, ReadResult, Reviewed, RowBody, RowKey};
use crate::time::Timestamp;

/// What is known of an entry: its row, with or without a value.
#[derive(Clone, Copy, Debug)]
struct Held {
    revision: Revision,
    value: Option<i64>,
    written_at: Timestamp,
}

/// A write that is ready to be committed.
#[derive(Clone, Debug)]
struct Plan {
    batch: Batch,
    base: Option<Held>,
    revision: Revision,
    /// What the entry holds after it.
    value: Option<i64>,
    /// The reminder that it writes, if it is a removal.
    reminder: Option<RowKey>,
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

/// Carries out one [`OrderedRequest`].
#[derive(Debug)]
pub struct OrderedExecution {
    request: OrderedRequest,
    phase: Phase,
    /// The store's time, as last told.
    now: Timestamp,
    attempts: u32,
    settles: u32,
}

impl Operation for OrderedRequest {
    type Answer = OrderedState;
    type Machine = OrderedExecution;

    fn lane(&self) -> Option<EntryId> {
        self.write_id().map(|_| self.entry.clone())
    }

    fn write_id(&self) -> Option<WriteId> {
        match self.action {
            OrderedAction::Get => None,
            OrderedAction::Set { .. } | OrderedAction::Increment { .. } | OrderedAction::Remove => {
                Some(self.write_id)
            }
        }
    }

    fn start(self, _: &Settings) -> (OrderedExecution, Step<OrderedState>) {
        let step = Step::Read(vec![RowKey::Ordered(self.entry.clone())]);
        let (phase, now) = (Phase::Reading, Timestamp::EPOCH);
        (OrderedExecution { request: self, phase, now, attempts: 0, settles: 0 }, step)
    }
}

impl Machine for OrderedExecution {
    type Answer = OrderedState;

    fn on(&mut self, input: Input) -> Step<OrderedState> {
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

type Next = Result<Step<OrderedState>, PlatformError>;

impl OrderedExecution {
    fn on_read(&mut self, reply: ReadResult) -> Next {
        let reply = self.take(reply)?;
        let held = Held::of(row(&reply, 0))?;
        if self.request.action == OrderedAction::Get {
            let state = held.and_then(|held| held.value.map(|value| self.state_of(value, held)));
            return state.ok_or_else(|| self.not_found()).map(|state| Step::Done(Ok(state)));
        }
        self.plan(held)
    }

    fn take(&mut self, reply: ReadResult) -> Result<ReadReply, PlatformError> {
        let reply = reply?;
        self.now = reply.now;
        Ok(reply)
    }

    fn plan(&mut self, base: Option<Held>) -> Next {
        if let Some(state) = base.and_then(|held| self.repeated(held)) {
            return Ok(Step::Done(Ok(state)));
        }
        if self.attempts >= ATTEMPTS_MAX {
            let (entry, attempts) = (self.request.entry.clone(), self.attempts);
            return Err(PlatformError::Contended { entry, attempts });
        }
        self.attempts += 1;
        let value = self.decide(base)?;
        Ok(self.commit(self.plan_to(base, value)))
    }

    /// The state that the entry is in, if this very request left it: the caller sends it again
    /// because an answer was lost. Of an increment only its id tells, as its base is not kept.
    fn repeated(&self, held: Held) -> Option<OrderedState> {
        if held.revision.tag != self.request.write_id.tag() {
            return None;
        }
        let left = held.value?;
        let is_mine = match self.request.action {
            OrderedAction::Set { value, .. } => left == value,
            OrderedAction::Increment { .. } => true,
            OrderedAction::Get | OrderedAction::Remove => false,
        };
        is_mine.then(|| self.state_of(left, held))
    }

    /// What the entry holds after the write: nothing after a removal.
    fn decide(&self, base: Option<Held>) -> Result<Option<i64>, PlatformError> {
        let before = base.and_then(|held| held.value);
        match self.request.action {
            OrderedAction::Get => unreachable!("a read plans no batch"),
            OrderedAction::Set { value, when } => match (when, base, before) {
                (OrderedWhen::Missing, Some(held), Some(before)) => {
                    let current = self.state_of(before, held);
                    Err(PlatformError::OrderedExists { current })
                }
                (OrderedWhen::Exists, _, None) => Err(self.not_found()),
                (OrderedWhen::Always | OrderedWhen::Missing | OrderedWhen::Exists, _, _) => {
                    Ok(Some(value))
                }
            },
            OrderedAction::Increment { by } => {
                let entry = || self.request.entry.clone();
                match before.unwrap_or(0).checked_add(by) {
                    Some(sum) => Ok(Some(sum)),
                    None if by < 0 => Err(PlatformError::SumTooSmall { entry: entry() }),
                    None => Err(PlatformError::SumTooLarge { entry: entry() }),
                }
            }
            OrderedAction::Remove => before.map(|_| None).ok_or_else(|| self.not_found()),
        }
    }

    fn plan_to(&self, base: Option<Held>, value: Option<i64>) -> Plan {
        let (entry, write) = (&self.request.entry, self.request.write_id);
        let (revision, condition) = match base {
            None => (Revision::first(write), Condition::Absent),
            Some(held) => (held.revision.next(write), Condition::At(held.revision)),
        };
        let key = RowKey::Ordered(entry.clone());
        let conditions = vec![(key.clone(), condition)];
        let body = RowBody::Ordered(OrderedBody { value });
        let mut writes = vec![Write::Put { key, revision, body }];
        let reminder = value.is_none().then(|| {
            let hour = review_hour(self.now.saturating_add(RETENTION));
            RowKey::Review(hour, Reviewed::Ordered(entry.clone()))
        });
        if let Some(key) = reminder.clone() {
            writes.push(Write::Put { key, revision, body: RowBody::Review });
        }
        Plan { batch: Batch { conditions, writes }, base, revision, value, reminder }
    }

    fn commit(&mut self, plan: Plan) -> Step<OrderedState> {
        let batch = plan.batch.clone();
        self.phase = Phase::Committing(plan);
        Step::Commit(batch)
    }

    fn on_commit(&mut self, plan: Plan, outcome: CommitOutcome) -> Next {
        match outcome {
            Outcome::Committed(committed) => Ok(self.succeed(&plan, committed.stamped_at)),
            Outcome::Refused(refusal) => {
                let rows = refusing_rows(refusal)?;
                let row = rows.first().expect("a refusal holds the row of every condition");
                let held = Held::of(row)?;
                let revision = revision_of(held);
                let is_mine = revision == Some(plan.revision);
                let is_at_base = revision == revision_of(plan.base);
                // Another writer came first, or an earlier attempt of this very batch did.
                if is_mine || (self.settles > 0 && !is_at_base) {
                    return self.judge(plan, held, None);
                }
                self.plan(held)
            }
            Outcome::Unknown => self.settle(plan),
        }
    }

    fn settle(&mut self, plan: Plan) -> Next {
        if self.settles >= SETTLES_MAX {
            return Err(self.unknown());
        }
        self.settles += 1;
        let mut rows = vec![RowKey::Ordered(self.request.entry.clone())];
        rows.extend(plan.reminder.clone());
        self.phase = Phase::Settling(plan);
        Ok(Step::Read(rows))
    }

    fn on_settling(&mut self, plan: Plan, reply: ReadResult) -> Next {
        let reply = self.take(reply)?;
        let held = Held::of(row(&reply, 0))?;
        let reminder = plan.reminder.as_ref().map(|_| row(&reply, 1));
        self.judge(plan, held, reminder)
    }

    /// What became of a batch whose outcome was unknown, from the entry's row and, if it was read,
    /// the reminder that the batch writes.
    fn judge(&mut self, plan: Plan, held: Option<Held>, reminder: Option<&Found>) -> Next {
        let planned = plan.revision;
        if let Some(held) = held.filter(|held| held.revision == planned) {
            return Ok(self.succeed(&plan, held.written_at));
        }
        if revision_of(held) == revision_of(plan.base) {
            // Not yet written. Whichever attempt comes first wins, the other is refused by it.
            return if self.settles < SETTLES_MAX {
                Ok(self.commit(plan))
            } else {
                Err(self.unknown())
            };
        }
        if held.is_some_and(|held| held.revision.counter == planned.counter) {
            return self.plan_anew(held);
        }
        match (&plan.reminder, reminder) {
            (Some(_), None) => self.settle(plan),
            (Some(_), Some(Found::Row(row))) if row.revision == planned => {
                Ok(self.succeed(&plan, row.stamped_at))
            }
            // It would stand there, or a later one, as long as the entry's own row does.
            (Some(_), Some(Found::Absent)) if held.is_some() => self.plan_anew(held),
            (Some(_), Some(Found::Row(row))) if row.revision.counter <= planned.counter => {
                self.plan_anew(held)
            }
            (None, _) | (Some(_), Some(Found::Absent | Found::Row(_) | Found::Corrupt(_))) => {
                Err(self.unknown())
            }
        }
    }

    /// The batch was not written, and the entry has left its base for ever: so it never will be.
    fn plan_anew(&mut self, held: Option<Held>) -> Next {
        self.settles = 0;
        self.plan(held)
    }

    fn succeed(&self, plan: &Plan, written_at: Timestamp) -> Step<OrderedState> {
        let before = plan.base.and_then(|held| held.value);
        let value = plan.value.or(before).expect("only what has a value is removed");
        let held = Held { revision: plan.revision, value: plan.value, written_at };
        Step::Done(Ok(self.state_of(value, held)))
    }

    fn state_of(&self, value: i64, held: Held) -> OrderedState {
        let (revision, updated_at) = (held.revision, held.written_at);
        OrderedState { entry: self.request.entry.clone(), value, revision, updated_at }
    }

    fn not_found(&self) -> PlatformError {
        PlatformError::EntryNotFound { entry: self.request.entry.clone() }
    }

    fn unknown(&self) -> PlatformError {
        PlatformError::OutcomeUnknown { write_id: self.request.write_id }
    }
}

impl Held {
    /// What an entry's row says. Damage is an error, never absence.
    fn of(found: &Found) -> Result<Option<Self>, PlatformError> {
        match found {
            Found::Absent => Ok(None),
            Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
            Found::Row(row) => match &row.body {
                RowBody::Ordered(OrderedBody { value }) => {
                    let (revision, written_at) = (row.revision, row.stamped_at);
                    Ok(Some(Self { revision, value: *value, written_at }))
                }
                RowBody::Store(_)
                | RowBody::Entry(_)
                | RowBody::Revision(_)
                | RowBody::ApiKey(_)
                | RowBody::Universe(_)
                | RowBody::Review
                | RowBody::Record(_)
                | RowBody::Ends(_)
                | RowBody::Presence(_)
                | RowBody::Mail(_)
                | RowBody::Ledger(_) => {
                    Err(PlatformError::Corrupt { row: Box::new(row.key.clone()) })
                }
            },
        }
    }
}

fn revision_of(held: Option<Held>) -> Option<Revision> {
    held.map(|held| held.revision)
}

/// A store answers every row that it was asked for; anything less is a fault of the store's code.
fn row(reply: &ReadReply, index: usize) -> &Found {
    reply.rows.get(index).expect("a reply holds every row that was asked for")
}
