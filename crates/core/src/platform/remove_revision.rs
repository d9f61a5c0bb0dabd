//! Removes one revision from the history of an entry.
//!
//! With it go the rows right below it of revisions that are not there any more: judged without it,
//! one of them might be the last of its hour, and come back. The batches are conditional on the
//! entry's row as it was read, and deleting a row twice does no harm, so that an unknown outcome is
//! settled by looking whether the row still stands.

use crate::batch::{Batch, Condition, Refusal, Write};
use crate::id::{EntryId, WriteId};
use crate::outcome::Outcome;
use crate::platform::lookup::{HEADS_PER_PAGE, Lookup, LookupStep, Wanted};
use crate::platform::plan::{BATCH_DELETES_MAX, Base, as_read, expect_row, refusing_rows};
use crate::platform::{
    ATTEMPTS_MAX, Chronicle, EntryState, Input, Machine, Operation, PlatformError, RemoveRevision,
    Rule, SETTLES_MAX, Settings, Step,
};
use crate::row::{Found, FoundHead, Head, HeadsResult, Order, ReadResult, RowKey, RowRange};

#[derive(Debug)]
enum Phase {
    /// The rows of the request are being read.
    Reading,
    /// The revision is being searched.
    Searching(Box<Lookup>, Vec<(RowKey, Condition)>),
    /// What stands below it is being read.
    Below(Box<Target>),
    /// A batch is out. Whether it is the last one.
    Removing(Box<Target>, bool),
    /// Nothing more will be asked for.
    Over,
}

/// The revision that is removed.
#[derive(Debug)]
struct Target {
    state: EntryState,
    chronicle: Chronicle,
    conditions: Vec<(RowKey, Condition)>,
    /// The rows that go with it, newest first.
    doomed: Vec<RowKey>,
    /// The head above the next page.
    newer: FoundHead,
}

impl Target {
    fn is_current(&self) -> bool {
        self.state.revision == self.chronicle.current().revision
    }
}

/// Carries out a [`RemoveRevision`].
#[derive(Debug)]
pub struct Removal {
    request: RemoveRevision,
    settings: Settings,
    phase: Phase,
    attempts: u32,
    settles: u32,
    /// What the revision was, once a batch that removes it went out.
    sent: Option<EntryState>,
}

impl Operation for RemoveRevision {
    type Answer = EntryState;
    type Machine = Removal;

    fn lane(&self) -> Option<EntryId> {
        Some(self.entry.clone())
    }

    fn write_id(&self) -> Option<WriteId> {
        Some(self.write_id)
    }

    fn start(self, settings: &Settings) -> (Removal, Step) {
        let (settings, phase) = (settings.clone(), Phase::Reading);
        let (attempts, settles, sent) = (0, 0, None);
        let mut removal = Removal { request: self, settings, phase, attempts, settles, sent };
        let step = removal.begin();
        (removal, step)
    }
}

impl Machine for Removal {
    type Answer = EntryState;

    fn on(&mut self, input: Input) -> Step {
        let step = match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Reading, Input::Read(reply)) => self.on_read(reply),
            (Phase::Searching(mut lookup, conditions), Input::Heads(reply)) => {
                lookup.on_heads(reply).and_then(|step| self.search(lookup, conditions, step))
            }
            (Phase::Searching(lookup, conditions), Input::Read(reply)) => {
                lookup.on_row(reply).and_then(|step| self.search(lookup, conditions, step))
            }
            (Phase::Below(target), Input::Heads(reply)) => self.on_below(target, reply),
            (Phase::Removing(target, is_last), Input::Committed(outcome)) => match outcome {
                Outcome::Committed(_) if is_last => Ok(Step::Done(Ok(target.state))),
                Outcome::Committed(_) => Ok(self.remove(target)),
                Outcome::Unknown => self.settle(),
                Outcome::Refused(refusal) => self.on_refused(refusal),
            },
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        };
        // While a batch is unsettled, no error is certain to mean that nothing was removed.
        step.unwrap_or_else(|error| {
            Step::Done(Err(if self.settles > 0 { self.unknown() } else { error }))
        })
    }
}

impl Removal {
    fn begin(&mut self) -> Step {
        self.phase = Phase::Reading;
        let entry = &self.request.entry;
        Step::Read(vec![
            RowKey::Entry(entry.clone()),
            RowKey::Store(entry.store.clone()),
            RowKey::Universe(entry.store.universe),
        ])
    }

    fn on_read(&mut self, reply: ReadResult) -> Result<Step, PlatformError> {
        let reply = reply?;
        let mut rows = reply.rows.iter();
        let (entry, store) = (expect_row(rows.next()), expect_row(rows.next()));
        let base = Base::of(entry, Some(store), reply.now)?;
        let head = match entry {
            Found::Row(row) => Head::of_row(row),
            Found::Absent | Found::Corrupt(_) => None,
        };
        let (Some(current), Some(head)) = (&base.entry, head) else {
            return Err(base.not_found(&self.request.entry));
        };
        let id = self.request.revision.clone();
        if current.revision_id() == id && !self.settings.remove_current_revision {
            return Err(self.is_current());
        }
        let keys =
            [RowKey::Entry(current.entry.clone()), RowKey::Store(current.entry.store.clone())];
        let conditions = keys.into_iter().zip([entry, store]);
        let conditions = conditions
            .filter_map(|(key, found)| as_read(found).map(|condition| (key, condition)))
            .collect();
        let rule = Rule::of(store, expect_row(rows.next()), &self.settings);
        let chronicle = Chronicle::new(rule, head, reply.now);
        let (lookup, step) = Lookup::start(current, chronicle, Wanted::Revision(id));
        self.search(Box::new(lookup), conditions, step)
    }

    fn search(
        &mut self,
        lookup: Box<Lookup>,
        conditions: Vec<(RowKey, Condition)>,
        step: LookupStep,
    ) -> Result<Step, PlatformError> {
        let next = match step {
            LookupStep::Heads(range, limit) => Step::Heads(range, limit, false),
            LookupStep::Read(row) => Step::Read(vec![row]),
            LookupStep::Missing => {
                // Gone, by this request or another one.
                let missing = || lookup.missing();
                return self.sent.take().map(|state| Step::Done(Ok(state))).ok_or_else(missing);
            }
            LookupStep::Found(state) => {
                let row = RowKey::Revision(state.entry.clone(), state.revision.counter);
                let (chronicle, newer) = lookup.into_found();
                let doomed = vec![row];
                let target = Target { state, chronicle, conditions, doomed, newer };
                return Ok(self.look_below(Box::new(target)));
            }
        };
        self.phase = Phase::Searching(lookup, conditions);
        Ok(next)
    }

    fn look_below(&mut self, target: Box<Target>) -> Step {
        let FoundHead::Head(Head { revision, .. }) = &target.newer else {
            return self.remove(target);
        };
        let (entry, order) = (self.request.entry.clone(), Order::Descending);
        let range = RowRange::Revisions { entry, order, beyond: Some(revision.counter) };
        self.phase = Phase::Below(target);
        Step::Heads(range, HEADS_PER_PAGE, false)
    }

    /// Collects what is not there any more, down to the next revision that is.
    fn on_below(
        &mut self,
        mut target: Box<Target>,
        reply: HeadsResult,
    ) -> Result<Step, PlatformError> {
        let reply = reply?;
        if target.is_current() {
            // Open point 19: the entry goes on holding it, so nothing below is judged anew. A
            // history without any row is one that nobody could tell from a damaged one.
            let is_only = reply.heads.is_empty();
            return if is_only { Err(self.is_current()) } else { Ok(self.remove(target)) };
        }
        for found in reply.heads {
            match &found {
                FoundHead::Head(head) if !target.chronicle.shows(head, Some(&target.newer)) => {
                    target.doomed.push(head.key.clone());
                    target.newer = found;
                }
                FoundHead::Head(_) | FoundHead::Corrupt(_) => return Ok(self.remove(target)),
            }
        }
        Ok(if reply.more { self.look_below(target) } else { self.remove(target) })
    }

    /// Removes the oldest rows first, so that none outlives the one that it was judged by.
    fn remove(&mut self, mut target: Box<Target>) -> Step {
        let kept = target.doomed.len().saturating_sub(BATCH_DELETES_MAX);
        let rows = target.doomed.split_off(kept);
        let is_last = target.doomed.is_empty();
        let writes = rows.into_iter().map(|key| Write::Delete { key }).collect();
        let batch = Batch { conditions: target.conditions.clone(), writes };
        self.sent = Some(target.state.clone());
        self.phase = Phase::Removing(target, is_last);
        Step::Commit(batch)
    }

    fn on_refused(&mut self, refusal: Refusal) -> Result<Step, PlatformError> {
        refusing_rows(refusal)?;
        // Somebody wrote meanwhile. The revision may be another one's neighbour now.
        self.attempts += 1;
        if self.attempts >= ATTEMPTS_MAX {
            let (entry, attempts) = (self.request.entry.clone(), ATTEMPTS_MAX);
            return Err(PlatformError::Contended { entry, attempts });
        }
        if self.settles == 0 {
            self.sent = None;
        }
        Ok(self.begin())
    }

    fn is_current(&self) -> PlatformError {
        PlatformError::RevisionIsCurrent { entry: self.request.entry.clone() }
    }

    fn settle(&mut self) -> Result<Step, PlatformError> {
        if self.settles >= SETTLES_MAX {
            return Err(self.unknown());
        }
        self.settles += 1;
        Ok(self.begin())
    }

    fn unknown(&self) -> PlatformError {
        PlatformError::OutcomeUnknown { write_id: self.request.write_id }
    }
}
