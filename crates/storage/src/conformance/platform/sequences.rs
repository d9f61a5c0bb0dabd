//! Sequences of requests, compared with the naive model one by one, and reads of the past.

use std::time::Duration;

use steadfast_core::platform::{EntryState, PlatformError, Request, RevisionId, When, Which};
use steadfast_core::{EntryId, ErrorKind, Timestamp};

use super::cases;
use super::model::{Model, Wanted};
use super::requests::{execute, get, remove, set};
use crate::conformance::PlatformHarness;
use crate::conformance::explore::explore;
use crate::conformance::samples::entry;
use crate::platform::Platform;

/// Cases of one run.
const CASES: u32 = 64;

/// Revisions of the entry whose past is read: more than an implementation reads at once.
const REVISIONS: u64 = 150;

/// Whatever is asked: every answer is that of lists of states.
pub fn sequences_agree_with_a_naive_model<H: PlatformHarness>() {
    explore(CASES, &cases::case(), |ops| {
        let mut harness = H::new();
        let all_permits = !harness.checks_permits();
        let mut platform = harness.platform();
        let mut model = Model::default();
        for (number, op) in (1..).zip(&ops) {
            if let Some(request) = cases::request_of(op, number, &model, all_permits) {
                step(&*platform, &mut model, &request);
                continue;
            }
            drop(platform);
            let was_reopened = harness.reopen();
            platform = harness.platform();
            if was_reopened {
                audit(&*platform, &model, cases::entries());
            }
        }
        audit(&*platform, &model, cases::entries());
    });
}

fn step(platform: &dyn Platform, model: &mut Model, request: &Request) {
    let wanted = model.expect(request);
    let answer = execute(platform, request.clone());
    let entry = request.entry();
    match (wanted, answer) {
        (Wanted::Written(content), Ok(state)) => {
            assert_eq!(state.content, Some(content), "what was written by {request:?}");
            check_new(model, &state);
            model.push(state);
        }
        (Wanted::Deleted(before), Ok(state)) => {
            assert_eq!(state, before, "G-05: the state before the deletion");
            // Its own revision is told to whoever asks for a wrong one.
            let when = When::Matches(RevisionId::from_client("none"));
            let refused = execute(platform, set(entry, u64::MAX, when));
            let Err(PlatformError::Mismatch { current }) = refused else {
                panic!("after a deletion: {refused:?}")
            };
            assert_eq!(current.content, None, "the state after a deletion");
            check_new(model, &current);
            model.push(*current);
        }
        (Wanted::Found(wanted), answer) => assert_eq!(answer, Ok(wanted), "{request:?}"),
        (Wanted::Error(wanted), answer) => assert_eq!(answer, Err(wanted), "{request:?}"),
        (wanted, answer) => panic!("{wanted:?} expected, {answer:?} answered to {request:?}"),
    }
}

/// Every write counts (V-18), keeps the birth (I-06), and is not older than the one before.
fn check_new(model: &Model, state: &EntryState) {
    let last = model.states(&state.entry).last();
    let (counter, birth) =
        last.map_or((0, state.updated_at), |last| (last.revision.counter, last.created_at));
    assert_eq!(state.revision.counter, counter + 1, "the number of a write");
    assert_eq!(state.created_at, birth, "the birth of an entry");
    assert!(state.updated_at >= model.last_time, "the time of a write went back");
}

/// Reads everything that was ever written, by its id and by its time.
fn audit(platform: &dyn Platform, model: &Model, entries: impl Iterator<Item = EntryId>) {
    let check = |request: Request| {
        let wanted = match model.expect(&request) {
            Wanted::Found(state) => Ok(state),
            Wanted::Error(error) => Err(error),
            wanted @ (Wanted::Written(_) | Wanted::Deleted(_)) => panic!("a read: {wanted:?}"),
        };
        assert_eq!(execute(platform, request.clone()), wanted, "{request:?}");
    };
    for entry in entries {
        check(get(&entry, Which::Current));
        for state in model.states(&entry) {
            check(get(&entry, Which::Revision(state.revision_id())));
            for ticks in -1..=1 {
                let time = Timestamp::from_ticks(state.updated_at.ticks() + ticks);
                check(get(&entry, Which::At(time)));
            }
        }
    }
}

/// V-22. The edge ahead is tested where the store's time is known.
pub fn times_out_of_range_are_refused<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let id = entry("k");
    let state = execute(&*platform, set(&id, 1, When::Always)).expect("nothing fails here");
    let at = |time| execute(&*platform, get(&id, Which::At(time)));
    let year = Duration::from_hours(24 * 365);
    let ahead = state.updated_at.saturating_add(year);
    for time in [Timestamp::EPOCH, Timestamp::from_ticks(-1), ahead] {
        let answer = at(time);
        let kind = answer.as_ref().err().map(PlatformError::kind);
        assert_eq!(kind, Some(ErrorKind::Invalid), "{time:?}: {answer:?}");
    }
    for time in [Timestamp::from_unix_seconds(1), Timestamp::from_ticks(1)] {
        let answer = at(time);
        assert!(matches!(answer, Err(PlatformError::EntryNotFound { .. })), "{answer:?}");
    }
    assert_eq!(at(state.updated_at.saturating_add(Duration::from_mins(5))), Ok(state));
}

/// V-21 over more revisions than are read at once, every third a deletion.
pub fn reads_at_a_time_agree_with_the_history<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let id = entry("k");
    let mut model = Model::default();
    for write in 1..=REVISIONS {
        let is_deletion = write % 3 == 0;
        let request =
            if is_deletion { remove(&id, write, None) } else { set(&id, write, When::Always) };
        step(&*platform, &mut model, &request);
    }
    audit(&*platform, &model, std::iter::once(id));
}
