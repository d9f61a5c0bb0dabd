//! Writes down what clients ask and are told, in one order.

use steadfast_core::platform::PlatformError;
use steadfast_core::{ErrorKind, RowKey};

use crate::history::{Action, Call, Damage, EntryHistory, Seen, Told};

/// A call as the history knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) key: usize,
    index: usize,
}

/// What clients saw, in one order.
#[derive(Debug)]
pub(super) struct Recorder {
    entries: Vec<EntryHistory>,
    tick: u64,
}

impl Recorder {
    /// Over so many entries.
    pub(super) fn new(entry_count: usize) -> Self {
        Self { entries: vec![EntryHistory::default(); entry_count], tick: 0 }
    }

    /// What was written down.
    pub(super) fn into_histories(self) -> Vec<EntryHistory> {
        self.entries
    }

    /// A call begins.
    pub(super) fn begin(&mut self, key: usize, action: Action, at_rest: bool) -> Place {
        self.tick += 1;
        let calls = &mut self.entries.get_mut(key).expect("calls are made on known entries").calls;
        calls.push(Call {
            began: self.tick,
            ended: None,
            action,
            told: Told::Nothing,
            resent: false,
            duplicated: false,
            at_rest,
        });
        Place { key, index: calls.len() - 1 }
    }

    /// A call ends. One that is told nothing has no end.
    pub(super) fn end(&mut self, place: Place, told: Told) {
        self.tick += 1;
        let tick = self.tick;
        let call = self.call_mut(place);
        call.ended = (told != Told::Nothing).then_some(tick);
        call.told = told;
    }

    /// A call that has begun.
    pub(super) fn call_mut(&mut self, place: Place) -> &mut Call {
        let entry = self.entries.get_mut(place.key);
        let call = entry.and_then(|entry| entry.calls.get_mut(place.index));
        call.expect("places are those of calls")
    }

    /// A row was damaged.
    pub(super) fn damage(&mut self, key: usize, counter: Option<u64>) {
        self.tick += 1;
        if let Some(entry) = self.entries.get_mut(key) {
            entry.damage.push(Damage { at: self.tick, counter });
        }
    }
}

/// What an error says about the entry.
pub(super) fn told(error: &PlatformError) -> Told {
    if let PlatformError::Exists { current } | PlatformError::Mismatch { current } = error {
        return Told::Conflict(Seen::of((**current).clone()));
    }
    if let PlatformError::Corrupt { row } = error {
        return match &**row {
            RowKey::Entry(_) => Told::Damaged(None),
            RowKey::Revision(_, counter) => Told::Damaged(Some(*counter)),
            RowKey::Store(_)
            | RowKey::ApiKey(_)
            | RowKey::Universe(_)
            | RowKey::Ordered(_)
            | RowKey::Review(..)
            | RowKey::Record(_)
            | RowKey::Ends(_)
            | RowKey::Presence(_)
            | RowKey::Mail(..)
            | RowKey::Ledger(..) => Told::Refused,
        };
    }
    if let PlatformError::NotInteger { .. }
    | PlatformError::SumTooLarge { .. }
    | PlatformError::SumTooSmall { .. } = error
    {
        return Told::NoSum;
    }
    match error.kind() {
        ErrorKind::NotFound if matches!(error, PlatformError::RevisionNotFound { .. }) => {
            Told::NoSuchRevision
        }
        ErrorKind::NotFound => Told::Absent,
        ErrorKind::OutcomeUnknown => Told::Nothing,
        ErrorKind::Invalid
        | ErrorKind::Denied
        | ErrorKind::Conflict
        | ErrorKind::Fenced
        | ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::Corrupt
        | ErrorKind::Internal => Told::Refused,
    }
}
