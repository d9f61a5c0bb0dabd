//! The oracle: knows every row at every moment, and checks each step as it is made.
//!
//! It keeps the entries as a plain list of states each, written by nobody but [`Oracle::on_apply`],
//! and compares: batches with the states they were planned on, answers with the states they speak
//! of, the disk after every start with all of it. The first violation is kept, and from then on it
//! looks no further: what follows from a broken state says nothing.

use std::fmt::Write as _;

use steadfast_core::platform::{EntryState, PlatformError, Request, Which};
use steadfast_core::{
    Batch, Committed, Condition, EntryId, ErrorKind, Found, Revision, RowBody, RowKey, StoreId,
    Timestamp, Write,
};
use steadfast_storage::Rows;

/// Why writing evidence cannot fail.
const TO_STRING: &str = "writing to a string succeeds";

/// What the store promised about one batch and what became of it.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    key: usize,
    /// Where the entry stood when the request began.
    began_at: u64,
    /// When the request began, in applied batches.
    began: u64,
    /// The revision that it wrote.
    applied: Option<(u64, Timestamp)>,
    /// Whether its caller was told that nothing was written and nothing will be.
    is_refused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    tag: u64,
    stamped_at: Timestamp,
    is_live: bool,
    /// The number that it holds: 0 in a deletion, nothing if it holds something else.
    number: Option<i64>,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// By counter, from 1.
    states: Vec<State>,
    /// When it last became live, in applied batches; none while it is not.
    live_since: Option<u64>,
    is_damaged: bool,
    damaged_revisions: Vec<u64>,
}

/// What is known.
#[derive(Debug)]
pub(super) struct Oracle {
    entries: Vec<Entry>,
    stores: Vec<StoreId>,
    fates: Vec<Fate>,
    applied_count: u64,
    last_stamp: Timestamp,
    violation: Option<String>,
    is_asleep: bool,
}

impl Oracle {
    /// An oracle over so many entries. Without a judge's seat it sees nothing.
    pub(super) fn new(entry_count: usize, sits: bool) -> Self {
        Self {
            entries: vec![Entry::default(); entry_count],
            stores: Vec::new(),
            fates: Vec::new(),
            applied_count: 0,
            last_stamp: Timestamp::EPOCH,
            violation: None,
            is_asleep: !sits,
        }
    }

    /// What is wrong, if anything is.
    pub(super) fn into_violation(self) -> Option<String> {
        self.violation
    }

    /// Batches written so far.
    pub(super) fn applied_count(&self) -> u64 {
        self.applied_count
    }

    /// A request begins. Returns the number under which it is known.
    pub(super) fn on_begin(&mut self, key: usize) -> usize {
        let began_at = self.entries.get(key).map_or(0, |entry| counter(entry.states.len()));
        self.fates.push(Fate { key, began_at, began: self.applied_count, ..Fate::default() });
        self.fates.len() - 1
    }

    /// A batch has become durable.
    pub(super) fn on_apply(&mut self, execution: usize, batch: &Batch, committed: Committed) {
        self.applied_count += 1;
        if self.is_asleep {
            return;
        }
        if let Err(evidence) = self.apply(execution, batch, committed) {
            self.report(&evidence);
        }
    }

    fn apply(
        &mut self,
        execution: usize,
        batch: &Batch,
        committed: Committed,
    ) -> Result<(), String> {
        let stamped_at = committed.stamped_at;
        if stamped_at <= self.last_stamp {
            return Err(format!("stamp {stamped_at:?} after {:?}", self.last_stamp));
        }
        self.last_stamp = stamped_at;
        let fate = self.fates.get_mut(execution).ok_or("a batch of no request")?;
        if fate.is_refused {
            return Err("W4: written after its caller was told that it never will be".to_owned());
        }
        let entry = self.entries.get_mut(fate.key).ok_or("a batch of no entry")?;
        for (key, condition) in &batch.conditions {
            match key {
                RowKey::Entry(_) => check_condition(entry, *condition)?,
                RowKey::Store(store)
                    if (*condition == Condition::Absent) == self.stores.contains(store) =>
                {
                    return Err(format!("W2: {condition:?} was let pass of {store}"));
                }
                // Nobody holds anything here.
                RowKey::Record(_) if *condition != Condition::Absent => {
                    return Err(format!("W2: {condition:?} was let pass of {key}"));
                }
                RowKey::Store(_)
                | RowKey::Revision(..)
                | RowKey::ApiKey(_)
                | RowKey::Universe(_)
                | RowKey::Ordered(_)
                | RowKey::Review(..)
                | RowKey::Record(_)
                | RowKey::Ends(_)
                | RowKey::Presence(_)
                | RowKey::Mail(..)
                | RowKey::Ledger(..) => {}
            }
        }
        if !batch.conditions.iter().any(|(key, _)| matches!(key, RowKey::Record(_))) {
            return Err("an entry was written whoever holds it".to_owned());
        }
        for write in &batch.writes {
            match write {
                Write::Put { key: RowKey::Entry(_), revision, body: RowBody::Entry(body) } => {
                    if revision.counter != counter(entry.states.len()) + 1 {
                        let at = entry.states.len();
                        return Err(format!("W2, W10: {revision:?} was written at {at}"));
                    }
                    let is_live = body.content.is_some();
                    let text = body.content.as_ref().map(|content| content.value.as_str());
                    let number = text.map_or(Some(0), |text| text.parse().ok());
                    entry.states.push(State { tag: revision.tag, stamped_at, is_live, number });
                    let since = entry.live_since.unwrap_or(self.applied_count);
                    entry.live_since = is_live.then_some(since);
                    fate.applied = Some((revision.counter, stamped_at));
                }
                Write::Put { key: RowKey::Store(store), .. } if self.stores.contains(store) => {
                    return Err("a data store was made twice".to_owned());
                }
                Write::Put { key: RowKey::Store(store), .. } => self.stores.push(store.clone()),
                Write::Put { .. } => {}
                Write::Delete { key } => return Err(format!("W10: {key} was removed")),
            }
        }
        Ok(())
    }

    /// The store says that a batch is committed: it must be durable by now.
    pub(super) fn on_committed(&mut self, execution: usize, committed: Committed) {
        if self.is_asleep {
            return;
        }
        let applied = self.fates.get(execution).and_then(|fate| fate.applied);
        if applied.map(|(_, stamped_at)| stamped_at) != Some(committed.stamped_at) {
            self.report(&format!("W7: {committed:?} was said of {applied:?}"));
        }
    }

    /// A row was damaged.
    pub(super) fn on_damage(&mut self, key: usize, revision: Option<u64>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match revision {
            Some(counter) => entry.damaged_revisions.push(counter),
            None => entry.is_damaged = true,
        }
    }

    /// A request is answered.
    pub(super) fn on_answer(
        &mut self,
        execution: usize,
        request: &Request,
        answer: &Result<EntryState, PlatformError>,
    ) {
        if self.is_asleep {
            return;
        }
        let checked = match answer {
            Ok(state) => self.check_state(execution, request, state),
            Err(error) => self.check_error(execution, request, error),
        };
        if let Err(evidence) = checked {
            self.report(&format!("{evidence}; the answer to {request:?} is {answer:?}"));
        }
    }

    fn check_state(
        &self,
        execution: usize,
        request: &Request,
        state: &EntryState,
    ) -> Result<(), String> {
        let (fate, entry) = self.known(execution)?;
        let EntryState { revision, updated_at, .. } = state;
        let known = entry.get(revision.counter).ok_or("a state that never was")?;
        if (known.tag, known.stamped_at) != (revision.tag, *updated_at)
            || known.is_live != state.content.is_some()
        {
            return Err(format!("the state is {known:?}"));
        }
        match request {
            Request::Get(get) if get.which == Which::Current => {
                if entry.is_damaged {
                    return Err("a damaged row was read".to_owned());
                }
                if revision.counter < fate.began_at || !known.is_live {
                    return Err(format!("the entry stood at {} before", fate.began_at));
                }
                Ok(())
            }
            Request::Get(_) => Ok(()),
            Request::Increment(increment) => {
                if revision.tag != increment.write_id.tag() {
                    return Err("W1, W7: acknowledged, but not written".to_owned());
                }
                let sum = entry.sum(revision.counter - 1, increment.by);
                if sum.is_none() || known.number != sum {
                    return Err(format!("G-43: {:?} is not {sum:?}", known.number));
                }
                Ok(())
            }
            Request::Set(_) | Request::Remove(_) | Request::Restore(_) => {
                let tag = request.write_id().map(steadfast_core::WriteId::tag);
                let own = if Some(revision.tag) == tag { Some(known) } else { None };
                // A deletion answers with the state before it.
                let own = own.or_else(|| entry.get(revision.counter + 1));
                if own.map(|own| own.tag) == tag {
                    return Ok(());
                }
                Err("W1, W7: acknowledged, but not written".to_owned())
            }
        }
    }

    fn check_error(
        &mut self,
        execution: usize,
        request: &Request,
        error: &PlatformError,
    ) -> Result<(), String> {
        let (fate, entry) = self.known(execution)?;
        let is_settled = error.kind() != ErrorKind::OutcomeUnknown;
        if is_settled && fate.applied.is_some() {
            return Err(format!("W4: refused, but written: {:?}", fate.applied));
        }
        if let PlatformError::EntryNotFound { .. } | PlatformError::StoreNotFound { .. } = error {
            let always_lived = entry.live_since.is_some_and(|since| since <= fate.began);
            let asks_for_now = match request {
                Request::Get(get) => get.which == Which::Current,
                Request::Set(_)
                | Request::Increment(_)
                | Request::Remove(_)
                | Request::Restore(_) => true,
            };
            if asks_for_now && always_lived {
                return Err("W9: not found, but it lived all the time".to_owned());
            }
        }
        if let PlatformError::Exists { current } | PlatformError::Mismatch { current } = error {
            let known = entry.get(current.revision.counter).map(|state| state.tag);
            if known != Some(current.revision.tag) || current.revision.counter < fate.began_at {
                return Err("a conflict with a state that was not current".to_owned());
            }
        }
        if let PlatformError::NotInteger { .. }
        | PlatformError::SumTooLarge { .. }
        | PlatformError::SumTooSmall { .. } = error
        {
            let Request::Increment(increment) = request else {
                return Err("no increment".to_owned());
            };
            let mut counters = fate.began_at..=counter(entry.states.len());
            if counters.all(|counter| entry.sum(counter, increment.by).is_some()) {
                return Err("G-43: the entry held a number all the time".to_owned());
            }
        }
        if let PlatformError::Corrupt { row } = error {
            let is_damaged = match &**row {
                RowKey::Revision(_, counter) => entry.damaged_revisions.contains(counter),
                RowKey::Entry(_) => entry.is_damaged,
                RowKey::Store(_)
                | RowKey::ApiKey(_)
                | RowKey::Universe(_)
                | RowKey::Ordered(_)
                | RowKey::Review(..)
                | RowKey::Record(_)
                | RowKey::Ends(_)
                | RowKey::Presence(_)
                | RowKey::Mail(..)
                | RowKey::Ledger(..) => false,
            };
            if !is_damaged {
                return Err("that row is whole".to_owned());
            }
        }
        if is_settled && let Some(fate) = self.fates.get_mut(execution) {
            fate.is_refused = true;
        }
        Ok(())
    }

    /// After a start: the disk holds what is known, and nothing else (W1, S6).
    pub(super) fn on_open(
        &mut self,
        rows: &Rows,
        ids: &[EntryId],
        is_damaged: &dyn Fn(&RowKey) -> bool,
    ) {
        if self.is_asleep {
            return;
        }
        let mut evidence = String::new();
        for (id, entry) in ids.iter().zip(&self.entries) {
            let count = counter(entry.states.len());
            let key = RowKey::Entry(id.clone());
            let found = rows.get(&key).revision();
            if found != entry.last() && !is_damaged(&key) {
                write!(evidence, "W1: {id} is at {found:?}, not {:?}; ", entry.last())
                    .expect(TO_STRING);
            }
            let history = rows.get(&RowKey::Revision(id.clone(), count));
            if count > 0 && history.revision() != entry.last() {
                write!(evidence, "S6: {id} has no history at {count}; ").expect(TO_STRING);
            }
            let beyond = RowKey::Revision(id.clone(), count + 1);
            if !matches!(rows.get(&beyond), Found::Absent) {
                write!(evidence, "S6: {id} has a history beyond {count}; ").expect(TO_STRING);
            }
        }
        if !evidence.is_empty() {
            self.report(&evidence);
        }
    }

    /// After a reported loss: what is gone was stamped after the time that the report names.
    pub(super) fn on_reported_loss(&mut self, rows: &Rows, ids: &[EntryId], kept: Timestamp) {
        if self.is_asleep {
            return;
        }
        for (id, entry) in ids.iter().zip(&self.entries) {
            let count = entry.states.partition_point(|state| state.stamped_at <= kept);
            let expected = entry.get(counter(count)).map(|state| state.tag);
            let found = rows.get(&RowKey::Entry(id.clone())).revision().map(|found| found.tag);
            if found != expected && !entry.is_damaged {
                return self.report(&format!("S8: {id} lost more than was reported"));
            }
        }
    }

    /// Keeps the first violation.
    pub(super) fn report(&mut self, evidence: &str) {
        self.violation = Some(evidence.to_owned());
        self.is_asleep = true;
    }

    fn known(&self, execution: usize) -> Result<(Fate, &Entry), String> {
        let fate = *self.fates.get(execution).ok_or("an answer to no request")?;
        let entry = self.entries.get(fate.key).ok_or("an answer about no entry")?;
        Ok((fate, entry))
    }
}

impl Entry {
    fn get(&self, counter: u64) -> Option<&State> {
        self.states.get(usize::try_from(counter.checked_sub(1)?).ok()?)
    }

    /// What an increment on the state with this counter makes; nothing if it may not be made.
    fn sum(&self, counter: u64, by: i64) -> Option<i64> {
        self.get(counter).map_or(Some(0), |state| state.number)?.checked_add(by)
    }

    fn last(&self) -> Option<Revision> {
        let tag = self.states.last()?.tag;
        Some(Revision { counter: counter(self.states.len()), tag })
    }
}

fn check_condition(entry: &Entry, condition: Condition) -> Result<(), String> {
    let last = entry.last();
    let holds = !entry.is_damaged
        && match condition {
            Condition::Absent => last.is_none(),
            Condition::At(revision) => last == Some(revision),
        };
    if holds { Ok(()) } else { Err(format!("W2: {condition:?} was let pass at {last:?}")) }
}

fn counter(count: usize) -> u64 {
    u64::try_from(count).expect("an address has at most 64 bits")
}
