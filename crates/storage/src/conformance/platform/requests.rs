//! Requests, and what their answers mean to the judge of histories.

use std::sync::Arc;

use steadfast_core::platform::{
    EntryState, Get, Increment, Permit, PlatformError, Remove, Request, RevisionId, Set, When,
    Which,
};
use steadfast_core::{Content, EntryId, ErrorKind, Metadata, Revision, Timestamp, WriteId};

use crate::conformance::history::{Answer as Told, Seen};
use crate::conformance::samples::{ask, content_of, write_of};
use crate::platform::{Answer, Platform};

#[track_caller]
pub(in crate::conformance) fn execute(platform: &dyn Platform, request: Request) -> Answer {
    ask(|done| platform.execute(request, done))
}

pub(super) fn get(entry: &EntryId, which: Which) -> Request {
    Request::Get(Get { entry: entry.clone(), which })
}

/// Write number `write`, with a value that says so.
pub(in crate::conformance) fn set(entry: &EntryId, write: u64, when: When) -> Request {
    set_to(entry, write, content_of(write), when)
}

pub(super) fn set_to(entry: &EntryId, write: u64, content: Arc<Content>, when: When) -> Request {
    let (permit, write_id) = (Permit::ALL, write_id(write));
    Request::Set(Set { entry: entry.clone(), content, when, permit, write_id })
}

pub(in crate::conformance) fn remove(
    entry: &EntryId,
    write: u64,
    matches: Option<RevisionId>,
) -> Request {
    let write_id = write_id(write);
    Request::Remove(Remove { entry: entry.clone(), matches, force: false, write_id })
}

pub(super) fn increment(entry: &EntryId, write: u64, by: i64) -> Request {
    let (user_ids, metadata) = (vec![], Metadata::empty());
    let (entry, permit, write_id) = (entry.clone(), Permit::ALL, write_id(write));
    Request::Increment(Increment { entry, by, user_ids, metadata, permit, write_id })
}

/// The number that a state holds.
#[track_caller]
pub(super) fn number_in(state: &EntryState) -> i64 {
    let content = state.content.as_ref().expect("nothing is deleted here");
    content.value.as_str().parse().expect("the value is a number")
}

/// Ids as callers make them: all bits are used.
pub(in crate::conformance) fn write_id(write: u64) -> WriteId {
    WriteId(u128::from(write).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// The current state of an entry; nothing if it is missing or deleted.
#[track_caller]
pub(in crate::conformance) fn current(
    platform: &dyn Platform,
    entry: &EntryId,
) -> Option<EntryState> {
    found(execute(platform, get(entry, Which::Current)))
}

#[track_caller]
pub(super) fn found(answer: Answer) -> Option<EntryState> {
    match answer {
        Ok(state) => Some(state),
        Err(
            PlatformError::EntryNotFound { .. }
            | PlatformError::StoreNotFound { .. }
            | PlatformError::RevisionNotFound { .. },
        ) => None,
        Err(error) => panic!("neither found nor missing: {error:?}"),
    }
}

/// Which revision a state is, to the judge: the tag is the number of its write.
pub(super) fn seen(state: &EntryState) -> Revision {
    let content = state.content.as_ref().expect("nothing is deleted here");
    Revision { counter: state.revision.counter, tag: write_of(content) }
}

/// What the answer to a write tells its client.
#[track_caller]
pub(super) fn told(answer: &Answer, write: u64) -> Told {
    match answer {
        Ok(state) => {
            assert_eq!(seen(state).tag, write, "the answer to a write is the state it made");
            Told::Acknowledged { counter: state.revision.counter }
        }
        Err(PlatformError::Exists { current } | PlatformError::Mismatch { current }) => {
            Told::Refused { current: Some(seen(current)) }
        }
        Err(PlatformError::EntryNotFound { .. } | PlatformError::StoreNotFound { .. }) => {
            Told::Refused { current: None }
        }
        Err(error) => match error.kind() {
            ErrorKind::OutcomeUnknown => Told::Unknown,
            ErrorKind::Unavailable | ErrorKind::Exhausted => Told::Failed,
            ErrorKind::Invalid
            | ErrorKind::Denied
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Fenced
            | ErrorKind::Corrupt
            | ErrorKind::Internal => panic!("no answer to a write: {error:?}"),
        },
    }
}

/// What the answer to a read shows, if it shows anything.
#[track_caller]
pub(super) fn sight(answer: Answer) -> Option<Seen> {
    if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable) {
        return None;
    }
    Some(found(answer).as_ref().map(seen))
}

/// The revisions that an entry went through, oldest first: each is the one that was current just
/// before the next. Revisions of one and the same time are asked for by their ids.
#[track_caller]
pub(in crate::conformance) fn chain(platform: &dyn Platform, entry: &EntryId) -> Vec<Revision> {
    let mut chain = Vec::new();
    let mut next = current(platform, entry);
    while let Some(state) = next {
        let before = Timestamp::from_ticks(state.updated_at.ticks() - 1);
        next = found(execute(platform, get(entry, Which::At(before))));
        let older = next.as_ref().map_or(0, |older| older.revision.counter);
        chain.push(seen(&state));
        for counter in (older + 1..state.revision.counter).rev() {
            let revision = Revision { counter, tag: 0 };
            let id = RevisionId::of(state.created_at, revision, state.updated_at);
            chain.extend(
                found(execute(platform, get(entry, Which::Revision(id)))).as_ref().map(seen),
            );
        }
    }
    chain.reverse();
    chain
}
