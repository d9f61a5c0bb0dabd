//! One request from its start to its answer.

use crate::batch::{Batch, CommitOutcome, Refusal};
use crate::id::EntryId;
use crate::outcome::Outcome;
use crate::platform::plan::{Base, Plan, entry_state, plan_increment, plan_remove, plan_set};
use crate::platform::{
    EntryState, Get, Increment, PlatformError, Remove, Request, Set, When, Which,
};
use crate::row::{Found, ReadError, ReadResult, RowKey, RowRange, ScanResult};
use crate::time::Timestamp;

use std::time::Duration;

/// How often a write is planned anew because another writer came first.
pub const ATTEMPTS_MAX: u32 = 16;

/// How often an unknown outcome is looked into before the caller is told that it is unknown.
pub const SETTLES_MAX: u32 = 3;

/// How many revisions are read at a time while the one of a moment is searched.
const REVISIONS_PER_SCAN: usize = 64;

/// How far ahead of the store's time a caller may ask for (V-22).
const AHEAD_MAX: Duration = Duration::from_mins(10);

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Read these rows and hand them over as [`Input::Read`].
    Read(Vec<RowKey>),
    /// Read at most so many rows of a range and hand them over as [`Input::Scanned`].
    Scan(RowRange, usize),
    /// Commit this batch and hand its outcome over as [`Input::Committed`].
    Commit(Batch),
    /// It is over. For a deletion, the state before it (G-05); for one that was sent again after it
    /// had happened, the tombstone.
    Done(Result<EntryState, PlatformError>),
}

/// What came of the step before.
#[derive(Debug)]
pub enum Input {
    /// Of [`Step::Read`].
    Read(ReadResult),
    /// Of [`Step::Scan`].
    Scanned(ScanResult),
    /// Of [`Step::Commit`].
    Committed(CommitOutcome),
}

#[derive(Debug)]
enum Phase {
    /// The rows of the request are being read.
    Reading,
    /// The history is being searched for the state at a time. Holds the next newer counter.
    Searching { at: Timestamp, newer: Option<u64> },
    /// A batch is out.
    Committing(Plan),
    /// What became of a batch is being read.
    Settling(Plan),
    /// Whether the request happened before is being read. Holds what it is refused for if not.
    Recognising(Box<EntryState>),
    /// The state before one that an increment of this id left is being read.
    Comparing(Base),
    /// Nothing more will be asked for.
    Over,
}

/// Carries out one request: tells the shell what to do, and decides by what came of it.
#[derive(Debug)]
pub struct Execution {
    request: Request,
    phase: Phase,
    attempts: u32,
    settles: u32,
}

impl Execution {
    /// Starts a request.
    pub fn start(request: Request) -> (Self, Step) {
        let entry = request.entry().clone();
        let mut rows = vec![RowKey::Entry(entry.clone()), RowKey::Store(entry.store.clone())];
        if let Request::Get(Get { which: Which::Revision(id), .. }) = &request
            && let Some(counter) = id.counter()
        {
            rows.push(RowKey::Revision(entry, counter));
        }
        (Self { request, phase: Phase::Reading, attempts: 0, settles: 0 }, Step::Read(rows))
    }

    /// The request that is carried out.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Takes what came of the step before and says what is next.
    ///
    /// # Panics
    /// When the input is not that of the step before: a fault of the shell.
    pub fn on(&mut self, input: Input) -> Step {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_read(reply),
            (Phase::Searching { at, newer }, Input::Scanned(reply)) => {
                self.on_scanned(at, newer, reply)
            }
            (Phase::Committing(plan), Input::Committed(outcome)) => self.on_commit(plan, outcome),
            (Phase::Settling(plan), Input::Read(reply)) => self.on_settling(plan, reply),
            (Phase::Recognising(current), Input::Read(reply)) => {
                self.on_recognising(current, reply)
            }
            (Phase::Comparing(base), Input::Read(reply)) => self.on_comparing(base, reply),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        // While an earlier attempt is unsettled, no error is certain to mean "nothing written".
        step.unwrap_or_else(|error| {
            Step::Done(Err(if self.settles > 0 { self.unknown() } else { error }))
        })
    }

    fn on_read(&mut self, reply: ReadResult) -> Result<Step, PlatformError> {
        let reply = reply.map_err(unavailable)?;
        let mut rows = reply.rows.iter();
        let (entry, store) = (expect_row(rows.next()), expect_row(rows.next()));
        match &self.request {
            Request::Get(Get { entry: id, which }) => {
                let base = Base::of(entry, Some(store))?;
                match which {
                    Which::Current => {
                        let current = base.live().ok_or_else(|| base.not_found(id))?;
                        Ok(Step::Done(Ok(current.clone())))
                    }
                    Which::Revision(wanted) => {
                        let current = base.entry.as_ref().ok_or_else(|| base.not_found(id))?;
                        let older = rows.next().map_or(Ok(None), entry_state)?;
                        let found = [Some(current.clone()), older].into_iter().flatten();
                        let state = found.into_iter().find(|state| state.revision_id() == *wanted);
                        let missing = || PlatformError::RevisionNotFound { entry: id.clone() };
                        state.ok_or_else(missing).map(|state| Step::Done(Ok(state)))
                    }
                    Which::At(at) => {
                        let range = Timestamp::EPOCH.next()..=reply.now.saturating_add(AHEAD_MAX);
                        if !range.contains(at) {
                            return Err(PlatformError::TimeOutOfRange);
                        }
                        base.entry.as_ref().ok_or_else(|| base.not_found(id))?;
                        let (id, at) = (id.clone(), *at);
                        Ok(self.search(&id, at, None))
                    }
                }
            }
            Request::Set(_) | Request::Increment(_) | Request::Remove(_) => {
                self.plan(Base::of(entry, Some(store))?)
            }
        }
    }

    /// Whether this state is what the request asks for, made by a write of its id: the caller sends
    /// a write again whose answer was lost. What an increment asks for depends on the state before.
    fn is_repeat_of(&self, state: &EntryState, before: Option<&EntryState>) -> bool {
        let sum;
        let (write_id, content) = match &self.request {
            Request::Get(_) => return false,
            Request::Set(Set { write_id, content, .. }) => (write_id, Some(content)),
            Request::Increment(increment) => {
                let Ok(content) = increment.content_on(before) else { return false };
                sum = content;
                (&increment.write_id, Some(&sum))
            }
            Request::Remove(Remove { write_id, .. }) => (write_id, None),
        };
        state.revision.tag == write_id.tag() && state.content.as_ref() == content
    }

    fn search(&mut self, entry: &EntryId, at: Timestamp, newer: Option<u64>) -> Step {
        self.phase = Phase::Searching { at, newer };
        let range = RowRange::Revisions { entry: entry.clone(), before: newer };
        Step::Scan(range, REVISIONS_PER_SCAN)
    }

    /// V-21: the newest state not younger than the time, and only if it was current then, which is
    /// known when the state that came after it is still there.
    fn on_scanned(
        &mut self,
        at: Timestamp,
        mut newer: Option<u64>,
        reply: ScanResult,
    ) -> Result<Step, PlatformError> {
        let reply = reply.map_err(unavailable)?;
        let entry = self.request.entry().clone();
        let missing = || PlatformError::EntryNotFound { entry: entry.clone() };
        for found in &reply.rows {
            let state = entry_state(found)?.ok_or_else(missing)?;
            let counter = state.revision.counter;
            if state.updated_at <= at {
                let was_current = newer.is_none_or(|newer| newer == counter + 1);
                let is_answer = was_current && state.content.is_some();
                return if is_answer { Ok(Step::Done(Ok(state))) } else { Err(missing()) };
            }
            newer = Some(counter);
        }
        if reply.more { Ok(self.search(&entry, at, newer)) } else { Err(missing()) }
    }

    fn plan(&mut self, base: Base) -> Result<Step, PlatformError> {
        // Found by the first read, or in the rows that refused a copy of it.
        let Some(state) = &base.entry else { return self.plan_on(base) };
        if let Request::Increment(Increment { entry, write_id, .. }) = &self.request
            && state.revision.tag == write_id.tag()
            && state.content.is_some()
            && let Some(before) = state.revision.before()
        {
            let row = RowKey::Revision(entry.clone(), before);
            self.phase = Phase::Comparing(base);
            return Ok(Step::Read(vec![row]));
        }
        if self.is_repeat_of(state, None) {
            return Ok(Step::Done(Ok(state.clone())));
        }
        self.plan_on(base)
    }

    /// The entry is at a write of this id: whether by this increment, its predecessor tells. One
    /// that is gone or damaged tells nothing. Then the id alone decides, for counting twice is what
    /// nobody could put right.
    fn on_comparing(&mut self, base: Base, reply: ReadResult) -> Result<Step, PlatformError> {
        let reply = reply.map_err(unavailable)?;
        let before = entry_state(expect_row(reply.rows.first())).ok().flatten();
        match &base.entry {
            Some(state) if before.is_none() || self.is_repeat_of(state, before.as_ref()) => {
                Ok(Step::Done(Ok(state.clone())))
            }
            Some(_) | None => self.plan_on(base),
        }
    }

    fn plan_on(&mut self, base: Base) -> Result<Step, PlatformError> {
        if self.attempts >= ATTEMPTS_MAX {
            let (entry, attempts) = (self.request.entry().clone(), self.attempts);
            return Err(PlatformError::Contended { entry, attempts });
        }
        self.attempts += 1;
        let planned = match &self.request {
            Request::Set(set) => plan_set(set, base),
            Request::Increment(increment) => plan_increment(increment, base),
            Request::Remove(remove) => plan_remove(remove, base),
            Request::Get(_) => unreachable!("a read plans no batch"),
        };
        match planned {
            Ok(plan) => Ok(self.commit(plan)),
            Err(PlatformError::Mismatch { current }) => self.recognise(current),
            Err(error) => Err(error),
        }
    }

    /// W6: the entry may have left the revision that the request names by way of an earlier copy of
    /// this very request. Whoever made the revision behind it tells.
    fn recognise(&mut self, current: Box<EntryState>) -> Result<Step, PlatformError> {
        let named = match &self.request {
            Request::Set(Set { when: When::Matches(id), .. })
            | Request::Remove(Remove { matches: Some(id), .. }) => id.counter(),
            Request::Get(_) | Request::Set(_) | Request::Increment(_) | Request::Remove(_) => None,
        };
        match named.and_then(|counter| counter.checked_add(1)) {
            Some(counter) if counter < current.revision.counter => {
                let row = RowKey::Revision(self.request.entry().clone(), counter);
                self.phase = Phase::Recognising(current);
                Ok(Step::Read(vec![row]))
            }
            Some(_) | None => Err(PlatformError::Mismatch { current }),
        }
    }

    fn on_recognising(
        &mut self,
        current: Box<EntryState>,
        reply: ReadResult,
    ) -> Result<Step, PlatformError> {
        let reply = reply.map_err(unavailable)?;
        match entry_state(expect_row(reply.rows.first()))? {
            Some(state) if self.is_repeat_of(&state, None) => Ok(Step::Done(Ok(state))),
            Some(_) | None => Err(PlatformError::Mismatch { current }),
        }
    }

    fn commit(&mut self, plan: Plan) -> Step {
        let batch = plan.batch.clone();
        self.phase = Phase::Committing(plan);
        Step::Commit(batch)
    }

    fn on_commit(&mut self, plan: Plan, outcome: CommitOutcome) -> Result<Step, PlatformError> {
        match outcome {
            Outcome::Committed(committed) => Ok(self.succeed(&plan, committed.stamped_at)),
            Outcome::Refused(Refusal::Conditions(rows)) => self.on_refused(plan, &rows),
            Outcome::Refused(Refusal::Invalid(error)) => Err(PlatformError::Rejected(error)),
            Outcome::Refused(Refusal::Exhausted { reason }) => {
                Err(PlatformError::StoreFull { reason })
            }
            Outcome::Refused(Refusal::Unavailable { reason }) => {
                Err(PlatformError::Unavailable { reason })
            }
            Outcome::Unknown => self.settle(plan),
        }
    }

    /// Another writer came first, or an earlier attempt of this very batch did.
    fn on_refused(&mut self, plan: Plan, rows: &[Found]) -> Result<Step, PlatformError> {
        let entry = expect_row(rows.first());
        let is_mine = entry.revision() == Some(plan.revision);
        let is_at_base = entry.revision() == plan.base.revision();
        if is_mine || (self.settles > 0 && !is_at_base) {
            return self.decide(plan, entry, None);
        }
        // The batch names the store's row only when it makes it. With the entry at its base, that
        // row is what refused, and it refuses the earlier attempts too.
        self.plan(Base::of(entry, rows.get(1))?)
    }

    fn settle(&mut self, plan: Plan) -> Result<Step, PlatformError> {
        if self.settles >= SETTLES_MAX {
            return Err(self.unknown());
        }
        self.settles += 1;
        let entry = self.request.entry().clone();
        let rows =
            vec![RowKey::Entry(entry.clone()), RowKey::Revision(entry, plan.revision.counter)];
        self.phase = Phase::Settling(plan);
        Ok(Step::Read(rows))
    }

    fn on_settling(&mut self, plan: Plan, reply: ReadResult) -> Result<Step, PlatformError> {
        let reply = reply.map_err(unavailable)?;
        let entry = expect_row(reply.rows.first());
        self.decide(plan, entry, reply.rows.get(1))
    }

    /// What became of a batch whose outcome was unknown, from the entry's row and, if it was read,
    /// the history row that the batch writes.
    fn decide(
        &mut self,
        plan: Plan,
        entry: &Found,
        history: Option<&Found>,
    ) -> Result<Step, PlatformError> {
        let current = entry_state(entry)?;
        let current_revision = current.as_ref().map(|state| state.revision);
        if current_revision == Some(plan.revision) {
            let stamped_at = current.map_or(Timestamp::EPOCH, |state| state.updated_at);
            return Ok(self.succeed(&plan, stamped_at));
        }
        if current_revision == plan.base.revision() {
            // Not yet written. Whichever attempt comes first wins, the other is refused by it.
            return if self.settles < SETTLES_MAX {
                Ok(self.commit(plan))
            } else {
                Err(self.unknown())
            };
        }
        match history {
            // The entry has moved on: the history tells whether by way of this batch.
            None => self.settle(plan),
            Some(Found::Row(row)) if row.revision == plan.revision => {
                Ok(self.succeed(&plan, row.stamped_at))
            }
            // Somebody else wrote the revision that this batch would have, so it never will. The
            // request may be planned anew: its earlier batches are refused for ever.
            Some(Found::Row(_)) => {
                let store_exists = true;
                self.settles = 0;
                self.plan(Base { entry: current, store_exists })
            }
            Some(Found::Absent | Found::Corrupt(_)) => Err(self.unknown()),
        }
    }

    fn succeed(&mut self, plan: &Plan, stamped_at: Timestamp) -> Step {
        let before = plan.base.entry.clone();
        let after = EntryState {
            entry: self.request.entry().clone(),
            revision: plan.revision,
            created_at: plan.birth.time(stamped_at),
            updated_at: stamped_at,
            content: plan.content.clone(),
        };
        let state = match &self.request {
            Request::Remove(_) => before.expect("only what exists is removed"),
            Request::Get(_) | Request::Set(_) | Request::Increment(_) => after,
        };
        Step::Done(Ok(state))
    }

    fn unknown(&self) -> PlatformError {
        let write_id = self.request.write_id().expect("only a write has an outcome");
        PlatformError::OutcomeUnknown { write_id }
    }
}

fn unavailable(error: ReadError) -> PlatformError {
    match error {
        ReadError::Unavailable { reason } => PlatformError::Unavailable { reason },
    }
}

/// A store answers every row that it was asked for; anything less is a fault of the store's code.
fn expect_row(row: Option<&Found>) -> &Found {
    row.expect("a reply holds every row that was asked for")
}
