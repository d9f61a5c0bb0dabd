//! One fault at a time: what a request answers, and what is stored then.

use std::sync::Arc;

use steadfast_core::platform::{EntryState, PlatformError, Request, RevisionId, When, Which};
use steadfast_core::{EntryId, ErrorKind, Timestamp};

use super::requests::{chain, current, execute, get, increment, number_in, remove, set, write_id};
use crate::conformance::PlatformHarness;
use crate::conformance::samples::entry;
use crate::fault::Fault;
use crate::platform::{Answer, Platform};

/// More calls than a request makes.
const MANY: usize = 64;

/// A platform over a store that fails on demand, with one entry that was written once.
struct Scene<H: PlatformHarness> {
    harness: H,
    platform: Arc<dyn Platform>,
    id: EntryId,
    first: EntryState,
}

impl<H: PlatformHarness> Scene<H> {
    /// Nothing if this implementation cannot be made to fail.
    fn new() -> Option<Self> {
        let mut harness = H::new();
        if !harness.inject(&[], &[]) {
            return None;
        }
        let platform = harness.platform();
        let id = entry("k");
        let first = execute(&*platform, set(&id, 1, When::Always)).expect("nothing fails here");
        Some(Self { harness, platform, id, first })
    }

    /// Executes a request while commits and reads fail as told; what is left of the plan is
    /// forgotten.
    fn with(&mut self, commits: &[Fault], reads: &[bool], request: Request) -> Answer {
        let commits: Vec<_> = commits.iter().copied().map(Some).collect();
        assert!(self.harness.inject(&commits, reads), "it could be made to fail before");
        let answer = execute(&*self.platform, request);
        self.harness.heal();
        answer
    }

    fn set(&self, write: u64) -> Request {
        set(&self.id, write, When::Always)
    }

    fn current(&self) -> Option<EntryState> {
        current(&*self.platform, &self.id)
    }

    /// Checks which writes the entry went through, in order.
    #[track_caller]
    fn check(&self, writes: &[u64]) {
        let tags: Vec<u64> =
            chain(&*self.platform, &self.id).iter().map(|revision| revision.tag).collect();
        assert_eq!(tags, writes, "the writes of the entry");
        let counter = self.current().map_or(0, |state| state.revision.counter);
        assert_eq!(usize::try_from(counter), Ok(writes.len()), "each counts once");
    }

    /// Checks that a request was answered with the state that is stored.
    #[track_caller]
    fn check_success(&self, answer: Answer) {
        assert_eq!(answer.ok(), self.current(), "the state that the answer tells");
    }

    /// The tombstone of the entry, told to whoever asks for a wrong revision.
    #[track_caller]
    fn tombstone(&self) -> EntryState {
        let when = When::Matches(RevisionId::from_client("none"));
        match execute(&*self.platform, set(&self.id, u64::MAX, when)) {
            Err(PlatformError::Mismatch { current }) if current.content.is_none() => *current,
            answer => panic!("no tombstone: {answer:?}"),
        }
    }
}

#[track_caller]
fn check_kind(answer: &Answer, kind: ErrorKind) {
    assert_eq!(answer.as_ref().err().map(PlatformError::kind), Some(kind), "{answer:?}");
}

#[track_caller]
fn check_unknown(answer: &Answer, write: u64) {
    let write_id = write_id(write);
    assert_eq!(*answer, Err(PlatformError::OutcomeUnknown { write_id }));
}

/// S1 and S9: said to be not written, and not written.
pub fn an_error_before_means_that_nothing_was_written<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let answer = scene.with(&[Fault::ErrorBefore], &[], scene.set(2));
    check_kind(&answer, ErrorKind::Unavailable);
    let answer = scene.with(&[Fault::Full], &[], scene.set(3));
    check_kind(&answer, ErrorKind::Exhausted);
    let gone = remove(&scene.id, 4, None);
    let answer = scene.with(&[Fault::ErrorBefore], &[], gone);
    check_kind(&answer, ErrorKind::Unavailable);
    assert_eq!(scene.current(), Some(scene.first.clone()));
    scene.check(&[1]);
}

/// S2: looked into, found, and said to be a success with the state that is stored. Also for the
/// first write of an entry, and for one that asked for a revision.
pub fn a_write_applied_without_an_answer_succeeds<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let answer = scene.with(&[Fault::AppliedThenUnknown], &[], scene.set(2));
    scene.check_success(answer);
    let base = scene.current().expect("it was written").revision_id();
    let request = set(&scene.id, 3, When::Matches(base));
    let answer = scene.with(&[Fault::AppliedThenUnknown], &[], request);
    scene.check_success(answer);
    scene.check(&[1, 2, 3]);
    scene.id = entry("new");
    let request = set(&scene.id, 4, When::Missing);
    let answer = scene.with(&[Fault::AppliedThenUnknown], &[], request);
    scene.check_success(answer);
    scene.check(&[4]);
}

/// Looked into, not found, and written by the second try; also by the third.
pub fn a_write_lost_without_an_answer_succeeds<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let answer = scene.with(&[Fault::LostThenUnknown], &[], scene.set(2));
    scene.check_success(answer);
    let twice = [Fault::LostThenUnknown, Fault::LostThenUnknown];
    let answer = scene.with(&twice, &[], scene.set(3));
    scene.check_success(answer);
    let then_applied = [Fault::LostThenUnknown, Fault::AppliedThenUnknown];
    let answer = scene.with(&then_applied, &[], scene.set(4));
    scene.check_success(answer);
    scene.check(&[1, 2, 3, 4]);
}

/// Its answer is the state before it, and it counts once.
pub fn a_deletion_without_an_answer_happens_once<H: PlatformHarness>() {
    for fault in [Fault::AppliedThenUnknown, Fault::LostThenUnknown, Fault::LateApply] {
        let Some(mut scene) = Scene::<H>::new() else { return };
        let request = remove(&scene.id, 2, None);
        let answer = scene.with(&[fault], &[], request);
        assert_eq!(answer, Ok(scene.first.clone()), "{fault:?}");
        scene.harness.release();
        assert_eq!(scene.current(), None, "{fault:?}");
        assert_eq!(scene.tombstone().revision.counter, 2, "{fault:?}");
    }
}

/// S2 and S3: looked for and found, or sent again as the same batch; and a caller that sends it
/// again is told the sum, while nobody else has written.
pub fn an_increment_without_an_answer_counts_once<H: PlatformHarness>() {
    for fault in [Fault::AppliedThenUnknown, Fault::LostThenUnknown, Fault::LateApply] {
        let Some(mut scene) = Scene::<H>::new() else { return };
        scene.id = entry("count");
        for (write, sum) in [(2, 5), (3, 10)] {
            let request = increment(&scene.id, write, 5);
            let answer = scene.with(&[fault], &[], request.clone());
            scene.harness.release();
            let state = answer.expect("one batch without an answer");
            assert_eq!(number_in(&state), sum, "{fault:?}");
            assert_eq!(scene.current(), Some(state.clone()), "{fault:?}");
            let again = execute(&*scene.platform, request);
            assert_eq!(again, Ok(state), "{fault:?}");
        }
        // Nobody knows what became of it: sent again, it is there once in any case.
        let request = increment(&scene.id, 4, 5);
        let answer = scene.with(&[fault; MANY], &[], request.clone());
        if let Err(error) = answer {
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        }
        scene.harness.release();
        let again = execute(&*scene.platform, request).expect("nothing fails any more");
        assert_eq!((number_in(&again), again.revision.counter), (15, 3), "{fault:?}");
    }
}

/// S3: the first try comes after the second one, and is refused by it.
pub fn a_write_held_back_happens_once<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let answer = scene.with(&[Fault::LateApply], &[], scene.set(2));
    scene.check_success(answer);
    scene.harness.release();
    scene.check(&[1, 2]);
}

/// S3: nobody knows what became of the write until another one settles it.
pub fn a_late_write_is_refused_by_a_newer_writer<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let faults = [Fault::LateApply, Fault::ErrorBefore];
    let answer = scene.with(&faults, &[], scene.set(2));
    check_unknown(&answer, 2);
    let newer = execute(&*scene.platform, scene.set(3));
    scene.check_success(newer);
    scene.harness.release();
    scene.check(&[1, 3]);
}

/// A failed read is no reason to say that it failed, whether the write is there or not.
pub fn a_write_that_cannot_be_looked_into_is_unknown<H: PlatformHarness>() {
    for (fault, writes) in
        [(Fault::AppliedThenUnknown, &[1, 2][..]), (Fault::LostThenUnknown, &[1][..])]
    {
        let Some(mut scene) = Scene::<H>::new() else { return };
        // The first read is the one before the write.
        let reads = [&[false][..], &[true; MANY][..]].concat();
        let answer = scene.with(&[fault], &reads, scene.set(2));
        check_unknown(&answer, 2);
        scene.check(writes);
    }
}

/// No try is answered: in the end the client is told so, and at most one of them counts.
pub fn a_write_that_stays_unknown_is_said_to_be<H: PlatformHarness>() {
    for (fault, writes) in [(Fault::LostThenUnknown, &[1][..]), (Fault::LateApply, &[1, 2][..])] {
        let Some(mut scene) = Scene::<H>::new() else { return };
        let answer = scene.with(&[fault; MANY], &[], scene.set(2));
        check_unknown(&answer, 2);
        scene.check(&[1]);
        scene.harness.release();
        scene.check(writes);
    }
}

/// Nobody may take a store that does not answer for an empty one, nor write over it.
pub fn a_failed_read_is_an_error_and_not_absence<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    execute(&*scene.platform, scene.set(2)).expect("nothing fails here");
    let time = Which::At(scene.first.updated_at);
    let revision = Which::Revision(scene.first.revision_id());
    for which in [Which::Current, revision, time.clone()] {
        let request = get(&scene.id, which);
        let answer = scene.with(&[], &[true; MANY], request);
        check_kind(&answer, ErrorKind::Unavailable);
    }
    // The history, after the entry was found.
    let request = get(&scene.id, time);
    let reads = [&[false][..], &[true; MANY][..]].concat();
    let answer = scene.with(&[], &reads, request);
    check_kind(&answer, ErrorKind::Unavailable);
    for when in [When::Missing, When::Always] {
        let request = set(&scene.id, 3, when);
        let answer = scene.with(&[], &[true; MANY], request);
        check_kind(&answer, ErrorKind::Unavailable);
    }
    scene.check(&[1, 2]);
}

/// Every state that was acknowledged, deletions included, and the next write counts on.
pub fn what_was_acknowledged_survives_a_reopening<H: PlatformHarness>() {
    let mut harness = H::new();
    let mut platform = harness.platform();
    let (kept, gone) = (entry("kept"), entry("gone"));
    let mut states = Vec::new();
    for write in 1..=20 {
        for id in [&kept, &gone] {
            let state = execute(&*platform, set(id, write, When::Always));
            states.push(state.expect("nothing fails here"));
        }
    }
    execute(&*platform, remove(&gone, 21, None)).expect("it exists");
    drop(platform);
    if !harness.reopen() {
        return;
    }
    platform = harness.platform();
    assert_eq!(current(&*platform, &gone), None);
    for state in &states {
        let request = get(&state.entry, Which::Revision(state.revision_id()));
        assert_eq!(execute(&*platform, request).as_ref(), Ok(state));
    }
    let last = states.iter().rfind(|state| state.entry == kept).expect("it was written");
    assert_eq!(current(&*platform, &kept).as_ref(), Some(last));
    let after: Timestamp = last.updated_at;
    for (id, counter) in [(&kept, 21), (&gone, 22)] {
        let state = execute(&*platform, set(id, 22, When::Always)).expect("nothing fails here");
        assert_eq!(state.revision.counter, counter);
        assert!(state.updated_at >= after, "the store's time went back");
    }
}
