//! Data stores as lists of states: what every request must answer.

use std::sync::Arc;

use steadfast_core::key::KeyScope;
use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, PlatformError, Remove, Request, Restore, RevisionId, Set,
    When, Which,
};
use steadfast_core::{Content, EntryId, JsonText, StoreId, Timestamp};

/// Everything that was written, by entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// All states of each entry, oldest first, deletions included.
    entries: Vec<(EntryId, Vec<EntryState>)>,
    /// The time of the last state.
    pub(super) last_time: Timestamp,
}

/// What a request must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A new state with this content.
    Written(Arc<Content>),
    /// The state before the deletion.
    Deleted(EntryState),
    /// A state that is stored.
    Found(EntryState),
    /// An error, exactly this one.
    Error(PlatformError),
}

impl Model {
    pub(super) fn states(&self, entry: &EntryId) -> &[EntryState] {
        let found = self.entries.iter().find(|(id, _)| id == entry);
        found.map_or(&[], |(_, states)| states)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &EntryId> {
        self.entries.iter().map(|(id, _)| id)
    }

    fn has_store(&self, store: &StoreId) -> bool {
        self.entries.iter().any(|(id, _)| id.store == *store)
    }

    /// The entry as a reader sees it: a deleted one is not there.
    fn live(&self, entry: &EntryId) -> Option<&EntryState> {
        self.states(entry).last().filter(|state| state.content.is_some())
    }

    pub(super) fn push(&mut self, state: EntryState) {
        self.last_time = state.updated_at;
        match self.entries.iter_mut().find(|(id, _)| *id == state.entry) {
            Some((_, states)) => states.push(state),
            None => self.entries.push((state.entry.clone(), vec![state])),
        }
    }

    pub(super) fn expect(&self, request: &Request) -> Wanted {
        let answer = match request {
            Request::Get(get) => self.get(get).map(Wanted::Found),
            Request::Set(set) => self.set(set),
            Request::Increment(increment) => self.increment(increment),
            Request::Remove(remove) => self.remove(remove),
            Request::Restore(restore) => self.restore(restore),
        };
        answer.unwrap_or_else(Wanted::Error)
    }

    fn missing(&self, entry: &EntryId) -> PlatformError {
        if self.has_store(&entry.store) {
            PlatformError::EntryNotFound { entry: entry.clone() }
        } else {
            PlatformError::StoreNotFound { store: entry.store.clone() }
        }
    }

    fn get(&self, get: &Get) -> Result<EntryState, PlatformError> {
        let states = self.states(&get.entry);
        let missing = || self.missing(&get.entry);
        if states.is_empty() {
            return Err(missing());
        }
        match &get.which {
            Which::Current => self.live(&get.entry).cloned().ok_or_else(missing),
            // V-19. A deletion is a revision too.
            Which::Revision(id) => states
                .iter()
                .find(|state| state.revision_id() == *id)
                .cloned()
                .ok_or_else(|| PlatformError::RevisionNotFound { entry: get.entry.clone() }),
            // V-21: the last state that was not written later.
            Which::At(time) => {
                let last = states.iter().rfind(|state| state.updated_at <= *time);
                last.filter(|state| state.content.is_some()).cloned().ok_or_else(missing)
            }
        }
    }

    fn set(&self, set: &Set) -> Result<Wanted, PlatformError> {
        let last = self.states(&set.entry).last();
        if let Some(scope) = self.denied(&set.entry, &set.when, set.permit) {
            return Err(PlatformError::Denied { scope });
        }
        let is_live = last.is_some_and(|last| last.content.is_some());
        match (&set.when, last) {
            (When::Missing, Some(last)) if is_live => {
                return Err(PlatformError::Exists { current: Box::new(last.clone()) });
            }
            (When::Exists | When::Matches(_), None) => return Err(self.missing(&set.entry)),
            (When::Matches(id), Some(last)) => check_id(id, last)?,
            (When::Always | When::Missing | When::Exists, _) => {}
        }
        Ok(Wanted::Written(Arc::clone(&set.content)))
    }

    /// H-83.
    fn denied(&self, entry: &EntryId, when: &When, permit: Permit) -> Option<KeyScope> {
        let Permit { create_store, create, update, .. } = permit;
        let is_missing = self.states(entry).is_empty();
        let is_update = match when {
            When::Missing => false,
            When::Exists | When::Matches(_) => is_missing || self.live(entry).is_some(),
            When::Always => self.live(entry).is_some(),
        };
        match is_update {
            true if !update => Some(KeyScope::EntryUpdate),
            false if !create => Some(KeyScope::EntryCreate),
            false if !create_store && !self.has_store(&entry.store) => Some(KeyScope::StoreCreate),
            true | false => None,
        }
    }

    /// G-42 to G-45.
    fn increment(&self, increment: &Increment) -> Result<Wanted, PlatformError> {
        let entry = || increment.entry.clone();
        if let Some(scope) = self.denied(&increment.entry, &When::Always, increment.permit) {
            return Err(PlatformError::Denied { scope });
        }
        let content = self.live(&increment.entry).and_then(|state| state.content.as_ref());
        let number = content.map_or(Some(0), |content| integer(content.value.as_str()));
        let number = number.ok_or_else(|| PlatformError::NotInteger { entry: entry() })?;
        let sum = number + i128::from(increment.by);
        if sum > i128::from(i64::MAX) {
            return Err(PlatformError::SumTooLarge { entry: entry() });
        }
        if sum < i128::from(i64::MIN) {
            return Err(PlatformError::SumTooSmall { entry: entry() });
        }
        let value = JsonText::trusted(sum.to_string());
        let (user_ids, metadata) = (increment.user_ids.clone(), increment.metadata.clone());
        Ok(Wanted::Written(Arc::new(Content { value, user_ids, metadata })))
    }

    fn remove(&self, remove: &Remove) -> Result<Wanted, PlatformError> {
        let last = self.live(&remove.entry).ok_or_else(|| self.missing(&remove.entry))?;
        if let Some(id) = &remove.matches {
            check_id(id, last)?;
        }
        Ok(Wanted::Deleted(last.clone()))
    }

    /// V-27.
    fn restore(&self, restore: &Restore) -> Result<Wanted, PlatformError> {
        let states = self.states(&restore.entry);
        let last = states.last().ok_or_else(|| self.missing(&restore.entry))?;
        let source = states.iter().find(|state| state.revision_id() == restore.revision);
        let content = source.and_then(|state| state.content.clone());
        let content = content
            .ok_or_else(|| PlatformError::RevisionNotFound { entry: restore.entry.clone() })?;
        if let Some(scope) = self.denied(&restore.entry, &When::Always, restore.permit) {
            return Err(PlatformError::Denied { scope });
        }
        if let Some(id) = &restore.matches {
            check_id(id, last)?;
        }
        Ok(Wanted::Written(content))
    }
}

/// The integers among the values of the cases, and sums.
fn integer(text: &str) -> Option<i128> {
    match text {
        "5.0" => Some(5),
        "1e2" => Some(100),
        _ => text.parse().ok(),
    }
}

fn check_id(id: &RevisionId, last: &EntryState) -> Result<(), PlatformError> {
    if last.revision_id() == *id {
        return Ok(());
    }
    Err(PlatformError::Mismatch { current: Box::new(last.clone()) })
}
