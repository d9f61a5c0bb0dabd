//! Read, change, write: what the callback sees, and what is sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::support::*;
use crate::platform::{
    EntryState, Permit, PlatformError, Request, UPDATE_ATTEMPTS_MAX, Update, UpdateStep, When,
    Which,
};
use crate::row::Content;

type Change = fn(Option<&EntryState>) -> Option<Arc<Content>>;

/// Stores what it saw and an "x" more.
#[expect(clippy::unnecessary_wraps, reason = "a callback may also give up")]
fn append(state: Option<&EntryState>) -> Option<Arc<Content>> {
    let text = state
        .and_then(|state| state.content.as_ref())
        .map_or("none", |content| content.value.as_str().trim_matches('"'));
    Some(content(&format!("{text}x")))
}

fn start(change: Change) -> Update<Change> {
    let (update, request) = Update::start(entry(), Permit::ALL, our_write(), change);
    assert_eq!(request, get(Which::Current), "G-29: what is stored, never what was cached");
    update
}

/// What a set asks for, and the value that it writes.
#[track_caller]
fn sent(step: UpdateStep) -> (When, String, crate::id::WriteId) {
    let UpdateStep::Send(Request::Set(set)) = step else { panic!("no set: {step:?}") };
    assert_eq!((set.entry, set.permit), (entry(), Permit::ALL));
    (set.when, set.content.value.as_str().to_owned(), set.write_id)
}

#[track_caller]
fn done(step: UpdateStep) -> Result<Option<EntryState>, PlatformError> {
    match step {
        UpdateStep::Done(end) => end,
        UpdateStep::Send(request) => panic!("not done: {request:?}"),
    }
}

fn not_found() -> PlatformError {
    PlatformError::EntryNotFound { entry: entry() }
}

fn mismatch(current: Stored) -> PlatformError {
    PlatformError::Mismatch { current: Box::new(current.state()) }
}

#[test]
fn g_20_what_the_callback_returns_is_written_on_the_revision_that_it_saw() {
    let mut update = start(append);
    let (when, value, write_id) = sent(update.on_answer(Ok(live(3, 5, 30).state())));
    assert_eq!((when, value.as_str()), (When::Matches(live(3, 5, 30).id()), "\"3 5x\""));
    assert_eq!(write_id, our_write(), "the first attempt has the caller's id");
    let written = live(4, OURS, 40).state();
    assert_eq!(done(update.on_answer(Ok(written.clone()))), Ok(Some(written)));
}

#[test]
fn g_21_a_missing_entry_and_a_deleted_one_are_shown_as_nothing_and_created() {
    let no_store = PlatformError::StoreNotFound { store: entry().store };
    for missing in [not_found(), no_store] {
        let mut update = start(append);
        let (when, value, _) = sent(update.on_answer(Err(missing)));
        assert_eq!((when, value.as_str()), (When::Missing, "\"nonex\""));
    }
    // It was deleted after the read.
    let mut update = start(append);
    sent(update.on_answer(Ok(live(3, 5, 30).state())));
    for gone in [mismatch(deleted(4, 6, 40)), not_found()] {
        let (when, value, _) = sent(update.on_answer(Err(gone)));
        assert_eq!((when, value.as_str()), (When::Missing, "\"nonex\""));
    }
}

#[test]
fn g_24_a_callback_that_returns_nothing_gives_up_after_the_read_alone() {
    let mut update = start(|_| None);
    assert_eq!(done(update.on_answer(Ok(live(3, 5, 30).state()))), Ok(None));
    let mut update = start(|_| None);
    assert_eq!(done(update.on_answer(Err(not_found()))), Ok(None));
    // Also when it changes its mind on a newer state.
    let mut update =
        start(|state| state.filter(|state| state.revision.counter < 4).map(|_| content("x")));
    sent(update.on_answer(Ok(live(3, 5, 30).state())));
    assert_eq!(done(update.on_answer(Err(mismatch(live(4, 6, 40))))), Ok(None));
}

#[test]
fn g_27_and_g_28_a_conflict_runs_the_callback_on_the_newer_state_without_another_read() {
    let mut update = start(append);
    let (_, _, first) = sent(update.on_answer(Ok(live(3, 5, 30).state())));
    // The revision decides, not the value.
    let newer = live(4, 6, 40);
    let (when, value, second) = sent(update.on_answer(Err(mismatch(newer))));
    assert_eq!((when, value.as_str()), (When::Matches(newer.id()), "\"4 6x\""));
    assert_ne!(first, second, "another attempt is another write");
    // Somebody created what was missing.
    let mut update = start(append);
    sent(update.on_answer(Err(not_found())));
    let exists = PlatformError::Exists { current: Box::new(newer.state()) };
    let (when, value, _) = sent(update.on_answer(Err(exists)));
    assert_eq!((when, value.as_str()), (When::Matches(newer.id()), "\"4 6x\""));
}

#[test]
fn g_51_an_unknown_outcome_ends_an_update_and_is_not_tried_again() {
    let unknown = PlatformError::OutcomeUnknown { write_id: our_write() };
    let mut update = start(append);
    sent(update.on_answer(Ok(live(3, 5, 30).state())));
    assert_eq!(done(update.on_answer(Err(unknown.clone()))), Err(unknown));
}

#[test]
fn a_failed_or_damaged_read_is_never_shown_as_nothing() {
    let unavailable = PlatformError::Unavailable { reason: "by hand".into() };
    let corrupt = PlatformError::Corrupt { row: Box::new(entry_key()) };
    for error in [unavailable, corrupt] {
        let mut update = start(|_| panic!("the callback ran on a failed read"));
        assert_eq!(done(update.on_answer(Err(error.clone()))), Err(error));
    }
}

#[test]
fn an_update_that_is_always_overtaken_gives_up_at_its_limit() {
    let mut update = start(append);
    let mut ids = BTreeSet::new();
    ids.insert(sent(update.on_answer(Ok(live(1, 5, 30).state()))).2);
    for counter in 2..=u64::from(UPDATE_ATTEMPTS_MAX) {
        let newer = mismatch(live(counter, 6, 40));
        ids.insert(sent(update.on_answer(Err(newer))).2);
    }
    let attempts = UPDATE_ATTEMPTS_MAX;
    assert_eq!(u32::try_from(ids.len()), Ok(attempts), "each attempt has an id of its own");
    let end = done(update.on_answer(Err(mismatch(live(1_000, 6, 40)))));
    assert_eq!(end, Err(PlatformError::Contended { entry: entry(), attempts }));
}

#[test]
fn the_last_attempt_of_an_update_may_succeed() {
    let mut update = start(append);
    sent(update.on_answer(Ok(live(1, 5, 30).state())));
    for counter in 2..=u64::from(UPDATE_ATTEMPTS_MAX) {
        sent(update.on_answer(Err(mismatch(live(counter, 6, 40)))));
    }
    assert!(done(update.on_answer(Ok(live(1_000, OURS, 50).state()))).is_ok());
}
