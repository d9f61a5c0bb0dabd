//! Generated sequences of requests.
//!
//! A case is plain numbers that pick from short lists. Revision ids and times depend on what the
//! implementation answered, so they are picked from the model when the case runs.

use std::sync::Arc;

use proptest::prelude::*;
use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, Remove, Request, Restore, RevisionId, Set, When, Which,
};
use steadfast_core::{Content, EntryId, JsonText, Metadata, Timestamp, UserId};

use super::model::Model;
use super::requests::write_id;
use crate::conformance::samples::entry_in;

/// One step of a case.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Get(usize, WhichPick),
    Set {
        entry: usize,
        content: usize,
        when: WhenPick,
        permit: u8,
    },
    /// The content gives users and metadata.
    Increment {
        entry: usize,
        content: usize,
        by: usize,
        permit: u8,
    },
    Remove {
        entry: usize,
        matches: Option<IdPick>,
    },
    Restore {
        entry: usize,
        revision: IdPick,
        matches: Option<IdPick>,
        permit: u8,
    },
    Reopen,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WhichPick {
    Current,
    Revision(IdPick),
    /// That many ticks from the time of a state.
    At(usize, i64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WhenPick {
    Always,
    Missing,
    Exists,
    Matches(IdPick),
}

/// A revision id: of the current state, of any state, of another entry, or none at all.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdPick {
    Current,
    Any(usize),
    Foreign(usize),
    Text(usize),
}

const ENTRIES: [(&str, &str, &str); 8] = [
    ("Players", "global", "u_1"),
    ("Players", "global", "u_12"),
    ("Players", "event", "u_1"),
    ("Other", "global", "u_1"),
    ("Other", "global", "a/b c%2F@1"),
    ("Other", "event", "\u{43a}\u{43b}\u{44e}\u{447}"),
    ("players", "global", "u_1"),
    ("Players", "global", "U_1"),
];
const VALUES: [&str; 13] = [
    "1",
    "null",
    "{\"coins\":10}",
    "\"kept  as it is\"",
    "{ \"a\" : [1.0, 1e400, -0, 123456789012345678901234567890] }",
    "\"\\u00e9 and \u{e9} and \u{10ffff}\"",
    "[]",
    "\"\"",
    "5.0",
    "1e2",
    "2.5",
    "9223372036854775807",
    "-9223372036854775808",
];
const AMOUNTS: [i64; 6] = [1, 5, -3, 0, i64::MAX, i64::MIN];
const TEXTS: [&str; 4] = [
    "",
    "latest",
    "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01",
    "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF",
];

fn entry_pick() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..2_usize, 1 => 0..ENTRIES.len()]
}

fn id_pick() -> impl Strategy<Value = IdPick> {
    prop_oneof![
        5 => Just(IdPick::Current),
        3 => any::<usize>().prop_map(IdPick::Any),
        1 => any::<usize>().prop_map(IdPick::Foreign),
        1 => (0..TEXTS.len()).prop_map(IdPick::Text),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let which = prop_oneof![
        2 => Just(WhichPick::Current),
        2 => id_pick().prop_map(WhichPick::Revision),
        3 => (any::<usize>(), -1..=1_i64).prop_map(|(state, ticks)| WhichPick::At(state, ticks)),
    ];
    let when = prop_oneof![
        4 => Just(WhenPick::Always),
        2 => Just(WhenPick::Missing),
        2 => Just(WhenPick::Exists),
        4 => id_pick().prop_map(WhenPick::Matches),
    ];
    let permit = || prop_oneof![4 => Just(7_u8), 1 => 0..8_u8];
    let content = || 0..VALUES.len() * 4;
    let by = prop_oneof![4 => 0..4_usize, 1 => 0..AMOUNTS.len()];
    prop_oneof![
        4 => (entry_pick(), which).prop_map(|(entry, which)| Op::Get(entry, which)),
        8 => (entry_pick(), content(), when, permit())
            .prop_map(|(entry, content, when, permit)| Op::Set { entry, content, when, permit }),
        6 => (entry_pick(), content(), by, permit())
            .prop_map(|(entry, content, by, permit)| Op::Increment { entry, content, by, permit }),
        3 => (entry_pick(), prop::option::of(id_pick()))
            .prop_map(|(entry, matches)| Op::Remove { entry, matches }),
        3 => (entry_pick(), id_pick(), prop::option::weighted(0.3, id_pick()), permit()).prop_map(
            |(entry, revision, matches, permit)| Op::Restore { entry, revision, matches, permit }
        ),
        1 => Just(Op::Reopen),
    ]
}

/// A case: what is asked, one after the other.
pub(super) fn case() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..40)
}

/// Every entry of the cases.
pub(super) fn entries() -> impl Iterator<Item = EntryId> {
    ENTRIES.into_iter().map(|(store, scope, key)| entry_in(store, scope, key))
}

fn entry(index: usize) -> EntryId {
    entries().nth(index).expect("a pick is within its list")
}

/// The request that a step stands for, given what is stored; nothing for a reopening.
pub(super) fn request_of(
    op: &Op,
    number: u64,
    model: &Model,
    all_permits: bool,
) -> Option<Request> {
    let write_id = write_id(number);
    Some(match op {
        Op::Reopen => return None,
        Op::Get(index, which) => {
            let entry = entry(*index);
            let which = match which {
                WhichPick::Current => Which::Current,
                WhichPick::Revision(pick) => Which::Revision(id(*pick, &entry, model)),
                WhichPick::At(state, ticks) => Which::At(time(*state, *ticks, &entry, model)),
            };
            Request::Get(Get { entry, which })
        }
        Op::Set { entry: index, content: picked, when, permit } => {
            let entry = entry(*index);
            let when = match when {
                WhenPick::Always => When::Always,
                WhenPick::Missing => When::Missing,
                WhenPick::Exists => When::Exists,
                WhenPick::Matches(pick) => When::Matches(id(*pick, &entry, model)),
            };
            let (content, permit) = (content(*picked), permit_of(*permit, all_permits));
            Request::Set(Set { entry, content, when, permit, write_id })
        }
        Op::Increment { entry: index, content: picked, by, permit } => {
            let by = *AMOUNTS.get(*by).expect("a pick is within its list");
            let (content, permit) = (content(*picked), permit_of(*permit, all_permits));
            let (user_ids, metadata) = (content.user_ids.clone(), content.metadata.clone());
            let entry = entry(*index);
            Request::Increment(Increment { entry, by, user_ids, metadata, permit, write_id })
        }
        Op::Remove { entry: index, matches } => {
            let entry = entry(*index);
            let matches = matches.map(|pick| id(pick, &entry, model));
            Request::Remove(Remove { entry, matches, force: false, write_id })
        }
        Op::Restore { entry: index, revision, matches, permit } => {
            let entry = entry(*index);
            let revision = id(*revision, &entry, model);
            let matches = matches.map(|pick| id(pick, &entry, model));
            let permit = permit_of(*permit, all_permits);
            Request::Restore(Restore { entry, revision, matches, permit, write_id })
        }
    })
}

fn permit_of(bits: u8, all_permits: bool) -> Permit {
    Permit {
        create_store: all_permits || bits & 1 != 0,
        create: all_permits || bits & 2 != 0,
        update: all_permits || bits & 4 != 0,
        force: false,
    }
}

fn id(pick: IdPick, entry: &EntryId, model: &Model) -> RevisionId {
    let states = model.states(entry);
    let none = || RevisionId::from_client("none");
    match pick {
        IdPick::Current => states.last().map_or_else(none, EntryState::revision_id),
        IdPick::Any(index) => {
            let state = index.checked_rem(states.len()).and_then(|index| states.get(index));
            state.map_or_else(none, EntryState::revision_id)
        }
        IdPick::Foreign(index) => {
            let mut others = model.entries().filter(|other| *other != entry);
            let other = others.nth(index % 3).and_then(|other| model.states(other).last());
            other.map_or_else(none, EntryState::revision_id)
        }
        IdPick::Text(index) => {
            RevisionId::from_client(TEXTS.get(index).expect("a pick is within its list"))
        }
    }
}

fn time(state: usize, ticks: i64, entry: &EntryId, model: &Model) -> Timestamp {
    let states = model.states(entry);
    let state = state.checked_rem(states.len()).and_then(|index| states.get(index));
    let time = state.map_or(Timestamp::from_unix_seconds(1), |state| state.updated_at);
    Timestamp::from_ticks(time.ticks() + ticks)
}

/// A value with or without user ids and metadata: what a write leaves out is cleared (U-11).
fn content(pick: usize) -> Arc<Content> {
    let value = VALUES.get(pick % VALUES.len()).expect("the rest of a division");
    let (has_users, has_metadata) = ((pick / VALUES.len()) & 1 == 1, pick / VALUES.len() >= 2);
    let users = || vec![UserId::Number(1), UserId::Number(9_007_199_254_740_993)];
    let attributes = || Metadata::trusted("{\"level\":3,\"name\":\"\u{e9}\"}");
    Arc::new(Content {
        value: JsonText::trusted(*value),
        user_ids: if has_users { users() } else { vec![] },
        metadata: if has_metadata { attributes() } else { Metadata::empty() },
    })
}
