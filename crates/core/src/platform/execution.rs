//! One request from its start to its answer.
//!
//! What became of a batch is told by the row of the revision that it makes. That row stands for
//! [`REMAINS`](super::REMAINS) after it was superseded, however little is kept of the past, so that
//! a missing one says nothing: never that the batch was not written.
//!
//! A write whose id shows that it happened is answered so before anybody asks whether a game server
//! holds the record by now: see [`Beside`].

use crate::batch::CommitOutcome;
use crate::outcome::Outcome;
use crate::platform::beside::Beside;
use crate::platform::lookup::{Lookup, LookupStep, Wanted};
use crate::platform::plan::{
    Base, Plan, Planned, StoreBase, Terms, entry_state, expect_row, plan_increment, plan_remove,
    plan_restore, plan_set, refusing_rows,
};
use crate::platform::{
    Chronicle, EntryState, Get, Increment, Input, Machine, PlatformError, Remove, Request, Restore,
    Rule, Set, Settings, Step, When, Which,
};
use crate::row::{Content, Found, Head, HeadsResult, ReadResult, RowKey};
use crate::time::Timestamp;

use std::sync::Arc;
use std::time::Duration;

/// How often a write is planned anew because another writer came first.
pub const ATTEMPTS_MAX: u32 = 16;

/// How often an unknown outcome is looked into before the caller is told that it is unknown.
pub const SETTLES_MAX: u32 = 3;

/// How far ahead of the store's time a caller may ask for (V-22).
const AHEAD_MAX: Duration = Duration::from_mins(10);

#[derive(Debug)]
enum Phase {
    /// The rows of the request are being read.
    Reading,
    /// The past is being searched for a revision: to be answered, or written again on this base.
    Searching(Box<Lookup>, Base),
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
    settings: Settings,
    /// The store's time at the last read of the entry.
    now: Timestamp,
    /// What a restore writes again, once it was found.
    source: Option<Arc<Content>>,
    /// The record of the entry, as it was read last. Not by a read.
    beside: Beside,
    phase: Phase,
    attempts: u32,
    settles: u32,
}

impl Execution {
    /// Starts a request.
    pub fn start(request: Request, settings: &Settings) -> (Self, Step) {
        let (settings, now, source) = (settings.clone(), Timestamp::EPOCH, None);
        let (attempts, settles) = (0, 0);
        let (beside, phase) = (Beside::default(), Phase::Reading);
        let mut execution =
            Self { request, settings, now, source, beside, phase, attempts, settles };
        let step = execution.begin();
        (execution, step)
    }

    /// Reads what the request is judged by.
    fn begin(&mut self) -> Step {
        self.phase = Phase::Reading;
        let entry = self.request.entry();
        let mut rows = vec![RowKey::Entry(entry.clone()), RowKey::Store(entry.store.clone())];
        if self.request.write_id().is_some() {
            rows.extend(Beside::keys(entry, self.request.forces()));
        }
        if self.wanted().is_some() {
            rows.push(RowKey::Universe(entry.store.universe));
        }
        Step::Read(rows)
    }

    /// Which revision of the past the request asks for.
    fn wanted(&self) -> Option<Wanted> {
        match &self.request {
            Request::Get(Get { which: Which::Revision(id), .. })
            | Request::Restore(Restore { revision: id, .. }) => Some(Wanted::Revision(id.clone())),
            Request::Get(Get { which: Which::At(time), .. }) => Some(Wanted::At(*time)),
            Request::Get(Get { which: Which::Current, .. })
            | Request::Set(_)
            | Request::Increment(_)
            | Request::Remove(_) => None,
        }
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
            (Phase::Searching(lookup, base), Input::Heads(reply)) => {
                self.on_heads(lookup, base, reply)
            }
            (Phase::Searching(lookup, base), Input::Read(reply)) => {
                lookup.on_row(reply).and_then(|step| self.search(lookup, base, step))
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
        let reply = reply?;
        self.now = reply.now;
        let mut rows = reply.rows.iter();
        let (entry, store) = (expect_row(rows.next()), expect_row(rows.next()));
        let base = Base::of(entry, Some(store), self.now)?;
        if self.request.write_id().is_some() {
            let record = expect_row(rows.next());
            let ends = self.request.forces().then(|| expect_row(rows.next()));
            self.beside = Beside::of(record, ends);
        }
        let wanted = match self.wanted() {
            // A restore that is planned anew knows what it writes.
            Some(wanted) if self.source.is_none() => wanted,
            Some(_) | None => return self.proceed(base),
        };
        if let Wanted::At(time) = wanted
            && !(Timestamp::EPOCH.next()..=self.now.saturating_add(AHEAD_MAX)).contains(&time)
        {
            return Err(PlatformError::TimeOutOfRange);
        }
        let head = match entry {
            Found::Row(row) => Head::of_row(row),
            Found::Absent | Found::Corrupt(_) => None,
        };
        let (Some(current), Some(head)) = (&base.entry, head) else {
            return Err(base.not_found(self.request.entry()));
        };
        let rule = Rule::of(store, expect_row(rows.next()), &self.settings);
        let chronicle = Chronicle::new(rule, head, self.now);
        let (lookup, step) = Lookup::start(current, chronicle, wanted);
        self.search(Box::new(lookup), base, step)
    }

    /// Goes on with what needs no past.
    fn proceed(&mut self, base: Base) -> Result<Step, PlatformError> {
        match &self.request {
            Request::Get(Get { entry, .. }) => {
                let current = base.live().ok_or_else(|| base.not_found(entry))?;
                Ok(Step::Done(Ok(current.clone())))
            }
            Request::Set(_) | Request::Increment(_) | Request::Remove(_) | Request::Restore(_) => {
                self.plan(base)
            }
        }
    }

    fn on_heads(
        &mut self,
        mut lookup: Box<Lookup>,
        base: Base,
        reply: HeadsResult,
    ) -> Result<Step, PlatformError> {
        let step = lookup.on_heads(reply)?;
        self.search(lookup, base, step)
    }

    fn search(
        &mut self,
        lookup: Box<Lookup>,
        base: Base,
        step: LookupStep,
    ) -> Result<Step, PlatformError> {
        let next = match step {
            LookupStep::Heads(range, limit) => Step::Heads(range, limit, false),
            LookupStep::Read(row) => Step::Read(vec![row]),
            LookupStep::Found(state) => return self.on_found(state, &lookup, base),
            LookupStep::Missing => return self.on_missing(&lookup, base),
        };
        self.phase = Phase::Searching(lookup, base);
        Ok(next)
    }

    fn on_found(
        &mut self,
        state: EntryState,
        lookup: &Lookup,
        base: Base,
    ) -> Result<Step, PlatformError> {
        match (&self.request, &state.content) {
            // Nothing was there at that time, and nothing is what a restore would write.
            (Request::Get(Get { which: Which::At(_), .. }), None) => Err(lookup.missing()),
            (Request::Restore(_), None) => self.on_missing(lookup, base),
            (Request::Restore(_), Some(content)) => {
                self.source = Some(Arc::clone(content));
                self.plan(base)
            }
            (
                Request::Get(_) | Request::Set(_) | Request::Increment(_) | Request::Remove(_),
                Some(_) | None,
            ) => Ok(Step::Done(Ok(state))),
        }
    }

    /// A restore that comes once more may find that what it wrote again has gone since. Then its id
    /// alone decides.
    fn on_missing(&mut self, lookup: &Lookup, base: Base) -> Result<Step, PlatformError> {
        match base.entry {
            Some(state) if self.is_repeat_of(&state, None) => Ok(Step::Done(Ok(state))),
            Some(_) | None => Err(lookup.missing()),
        }
    }

    /// Whether this state is what the request asks for, made by a write of its id: the caller sends
    /// a write again whose answer was lost. What an increment asks for depends on the state before.
    fn is_repeat_of(&self, state: &EntryState, before: Option<&EntryState>) -> bool {
        let sum;
        let (write_id, content) = match &self.request {
            Request::Get(_) => return false,
            Request::Restore(Restore { write_id, .. }) => match &self.source {
                Some(content) => (write_id, Some(content)),
                None => return state.revision.tag == write_id.tag() && state.content.is_some(),
            },
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
        let reply = reply?;
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
        let terms = Terms { settings: &self.settings, now: self.now };
        let planned = match (&self.request, &self.source) {
            (Request::Set(set), _) => plan_set(set, base, terms),
            (Request::Increment(increment), _) => plan_increment(increment, base, terms),
            (Request::Remove(remove), _) => plan_remove(remove, base, terms),
            (Request::Restore(restore), Some(source)) => plan_restore(restore, source, base, terms),
            (Request::Get(_) | Request::Restore(_), _) => {
                unreachable!("a read plans no batch, nor does a restore that has found nothing")
            }
        };
        match planned {
            Ok(Planned::Batch(mut plan)) => {
                self.beside.guard(&self.request, &mut plan.batch)?;
                Ok(self.commit(*plan))
            }
            Ok(Planned::Nothing(state)) => Ok(Step::Done(Ok(state))),
            Err(PlatformError::Mismatch { current }) => self.recognise(current),
            Err(error) => Err(error),
        }
    }

    /// W6: the entry may have left the revision that the request names by way of an earlier copy of
    /// this very request. Whoever made the revision behind it tells.
    fn recognise(&mut self, current: Box<EntryState>) -> Result<Step, PlatformError> {
        let named = match &self.request {
            Request::Set(Set { when: When::Matches(id), .. })
            | Request::Remove(Remove { matches: Some(id), .. })
            | Request::Restore(Restore { matches: Some(id), .. }) => id.counter(),
            Request::Get(_)
            | Request::Set(_)
            | Request::Increment(_)
            | Request::Remove(_)
            | Request::Restore(_) => None,
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
        let reply = reply?;
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
            Outcome::Refused(refusal) => self.on_refused(plan, &refusing_rows(refusal)?),
            Outcome::Unknown => self.settle(plan),
        }
    }

    /// Another writer came first, or an earlier attempt of this very batch did.
    fn on_refused(&mut self, plan: Plan, rows: &[Found]) -> Result<Step, PlatformError> {
        let id = self.request.entry();
        let entry = expect_row(plan.refusing(rows, &RowKey::Entry(id.clone())));
        let store = plan.refusing(rows, &RowKey::Store(id.store.clone()));
        let record = expect_row(plan.refusing(rows, &RowKey::Record(id.clone())));
        let is_mine = entry.revision() == Some(plan.revision);
        let is_at_base = entry.revision() == plan.base.row;
        if is_mine || (self.settles > 0 && !is_at_base) {
            return self.decide(plan, entry, None);
        }
        // With the entry at its base, it is the record's row that refused, or the store's, which the
        // batch names only where it makes that or the entry's. It refuses the earlier attempts too:
        // neither of them ever comes back to an earlier revision.
        if !self.beside.is(record) {
            if self.request.forces() {
                // The ends of its grants are no condition, and did not come along.
                return Ok(self.begin());
            }
            self.beside = Beside::of(record, None);
        }
        match (entry, store) {
            // It was purged meanwhile, and what is to come into being needs its store's row.
            (Found::Absent, None) => Ok(self.begin()),
            (entry, store) => self.plan(Base::of(entry, store, self.now)?),
        }
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
        let reply = reply?;
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
        if current_revision == plan.base.row {
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
                self.settles = 0;
                if current.is_none() {
                    return Ok(self.begin());
                }
                self.plan(Base::on(current, StoreBase::Unread, self.now))
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
            schema: None,
        };
        let state = match &self.request {
            Request::Remove(_) => before.expect("only what exists is removed"),
            Request::Get(_) | Request::Set(_) | Request::Increment(_) | Request::Restore(_) => {
                after
            }
        };
        Step::Done(Ok(state))
    }

    fn unknown(&self) -> PlatformError {
        let write_id = self.request.write_id().expect("only a write has an outcome");
        PlatformError::OutcomeUnknown { write_id }
    }
}

impl Machine for Execution {
    type Answer = EntryState;

    fn on(&mut self, input: Input) -> Step {
        Self::on(self, input)
    }
}
