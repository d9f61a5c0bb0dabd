//! H-83: which right a write needs, for every permit and every state.

use super::support::*;
use crate::key::KeyScope::{self, EntryCreate, EntryUpdate, StoreCreate};
use crate::platform::{Permit, PlatformError, When};
use crate::row::Found;

/// What a write finds.
#[derive(Clone, Copy, Debug)]
enum State {
    NoStore,
    NoEntry,
    Live,
    Deleted,
}

const CURRENT: Stored = Stored { counter: 3, tag: 5, at: 30, is_deleted: false };
const TOMBSTONE: Stored = Stored { is_deleted: true, ..CURRENT };

fn rows(state: State) -> (Found, Found) {
    match state {
        State::NoStore => (Found::Absent, Found::Absent),
        State::NoEntry => (Found::Absent, store_row()),
        State::Live => (CURRENT.row(), store_row()),
        State::Deleted => (TOMBSTONE.row(), store_row()),
    }
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Always,
    Missing,
    Exists,
    Matches,
}

impl Ask {
    fn when(self) -> When {
        match self {
            Self::Always => When::Always,
            Self::Missing => When::Missing,
            Self::Exists => When::Exists,
            Self::Matches => When::Matches(CURRENT.id()),
        }
    }
}

/// The rights that are needed, in the order in which a missing one is named, and whether the write
/// is made once they are there.
const TABLE: [(State, Ask, &[KeyScope], bool); 12] = [
    (State::NoStore, Ask::Always, &[EntryCreate, StoreCreate], true),
    (State::NoStore, Ask::Missing, &[EntryCreate, StoreCreate], true),
    (State::NoEntry, Ask::Always, &[EntryCreate], true),
    (State::NoEntry, Ask::Missing, &[EntryCreate], true),
    (State::Live, Ask::Always, &[EntryUpdate], true),
    (State::Live, Ask::Missing, &[EntryCreate], false),
    (State::Live, Ask::Exists, &[EntryUpdate], true),
    (State::Live, Ask::Matches, &[EntryUpdate], true),
    (State::Deleted, Ask::Always, &[EntryCreate], true),
    (State::Deleted, Ask::Missing, &[EntryCreate], true),
    (State::Deleted, Ask::Exists, &[EntryCreate], true),
    (State::Deleted, Ask::Matches, &[EntryCreate], true),
];

fn permits() -> impl Iterator<Item = Permit> {
    (0..8_u8).map(|bits| Permit {
        create_store: bits & 1 != 0,
        create: bits & 2 != 0,
        update: bits & 4 != 0,
        force: false,
    })
}

fn has(permit: Permit, scope: KeyScope) -> bool {
    match scope {
        StoreCreate => permit.create_store,
        EntryCreate => permit.create,
        EntryUpdate => permit.update,
        KeyScope::Admin
        | KeyScope::EntryRead
        | KeyScope::EntryDelete
        | KeyScope::EntryList
        | KeyScope::RevisionList
        | KeyScope::RevisionRead
        | KeyScope::StoreList
        | KeyScope::StoreDelete
        | KeyScope::StoreSnapshot
        | KeyScope::OrderedRead
        | KeyScope::OrderedWrite => panic!("no right of a set: {scope:?}"),
    }
}

#[test]
fn h_83_each_state_needs_its_rights_and_no_others() {
    for (state, ask, needed, is_made) in TABLE {
        for permit in permits() {
            let (entry, store) = rows(state);
            let led = Led::planned(set_with(ask.when(), permit), &entry, &store);
            let missing = needed.iter().copied().find(|scope| !has(permit, *scope));
            match missing {
                Some(scope) => {
                    let denied = PlatformError::Denied { scope };
                    assert_eq!(led.error(), denied, "{state:?} {ask:?} {permit:?}");
                }
                None if is_made => assert!(!led.batch().writes.is_empty()),
                None => assert!(matches!(led.error(), PlatformError::Exists { .. })),
            }
        }
    }
}

#[test]
fn h_83_without_rights_nothing_is_told_about_the_entry() {
    let none = Permit { create_store: false, create: false, update: false, force: false };
    for state in [State::NoStore, State::NoEntry, State::Live, State::Deleted] {
        for ask in [Ask::Always, Ask::Missing, Ask::Exists, Ask::Matches] {
            let (entry, store) = rows(state);
            let led = Led::planned(set_with(ask.when(), none), &entry, &store);
            assert!(matches!(led.error(), PlatformError::Denied { .. }), "{state:?} {ask:?}");
        }
    }
}

#[test]
fn h_83_rights_are_judged_again_when_the_state_turns_out_to_be_another() {
    let only_create = Permit { create_store: true, create: true, update: false, force: false };
    let mut led = Led::planned(set_with(When::Always, only_create), &Found::Absent, &store_row());
    led.refused([&CURRENT.row(), &store_row()]);
    assert_eq!(led.error(), PlatformError::Denied { scope: EntryUpdate });
    let only_update = Permit { create_store: true, create: false, update: true, force: false };
    let mut led = Led::planned(set_with(When::Always, only_update), &CURRENT.row(), &store_row());
    led.refused([&TOMBSTONE.row()]);
    assert_eq!(led.error(), PlatformError::Denied { scope: EntryCreate });
}
