//! What a write does when its batch is refused and nothing is unknown.

use super::support::*;
use crate::batch::{BatchError, Condition, Refusal};
use crate::error::ErrorKind;
use crate::outcome::Outcome;
use crate::platform::{ATTEMPTS_MAX, PlatformError, When};
use crate::row::Found;

#[test]
fn g_20_another_writer_came_first_and_the_write_is_planned_on_its_state() {
    let (before, theirs) = (live(3, 5, 30), live(4, 6, 40));
    let mut led = Led::planned(set(When::Always), &before.row(), &store_row());
    // The rows came with the refusal: nothing is read.
    led.refused([&theirs.row()]);
    assert_eq!(
        led.batch().conditions,
        [(entry_key(), Condition::At(theirs.revision())), no_record()]
    );
    assert_eq!(led.written().0, rev(5, OURS));
    led.committed(500);
    assert_eq!(led.answer().unwrap().revision, rev(5, OURS));
}

#[test]
fn a_deletion_that_was_overtaken_answers_the_state_that_it_deleted() {
    let theirs = live(4, 6, 40);
    let mut led = Led::planned(remove(None), &live(3, 5, 30).row(), &store_row());
    led.refused([&theirs.row()]);
    led.committed(500);
    assert_eq!(led.answer(), Ok(theirs.state()));
    // Or there is nothing left to delete.
    let mut led = Led::planned(remove(None), &live(3, 5, 30).row(), &store_row());
    led.refused([&deleted(4, 6, 40).row()]);
    assert_eq!(led.error(), PlatformError::EntryNotFound { entry: entry() });
}

#[test]
fn what_was_asked_for_is_judged_again_on_the_new_state() {
    let (before, theirs) = (live(3, 5, 30), live(4, 6, 40));
    let mut led = Led::planned(set(When::Missing), &deleted(3, 5, 30).row(), &store_row());
    led.refused([&theirs.row()]);
    assert_eq!(led.error(), PlatformError::Exists { current: Box::new(theirs.state()) });
    for request in [set(When::Matches(before.id())), remove(Some(before.id()))] {
        let mut led = Led::planned(request, &before.row(), &store_row());
        led.refused([&theirs.row()]);
        assert_eq!(led.error(), PlatformError::Mismatch { current: Box::new(theirs.state()) });
    }
}

#[test]
fn a_store_that_somebody_else_created_is_not_created_again() {
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    led.refused([&Found::Absent, &store_row()]);
    let as_it_is = (store_key(), Condition::At(rev(1, 1)));
    assert_eq!(led.batch().conditions, [(entry_key(), Condition::Absent), as_it_is, no_record()]);
    assert_eq!(led.batch().writes.len(), 2);
    // Both are there.
    let theirs = live(1, 6, 40);
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    led.refused([&theirs.row(), &store_row()]);
    assert_eq!(
        led.batch().conditions,
        [(entry_key(), Condition::At(theirs.revision())), no_record()]
    );
    let keys: Vec<_> = led.batch().writes.iter().map(crate::batch::Write::key).collect();
    assert!(!keys.contains(&&store_key()), "{keys:?}");
}

#[test]
fn a_damaged_row_in_a_refusal_is_damage_and_not_a_new_state() {
    let mut led = Led::planned(set(When::Always), &live(3, 5, 30).row(), &store_row());
    led.refused([&Found::Corrupt(entry_key())]);
    assert_eq!(led.error(), PlatformError::Corrupt { row: Box::new(entry_key()) });
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    led.refused([&Found::Absent, &Found::Corrupt(store_key())]);
    assert_eq!(led.error(), PlatformError::Corrupt { row: Box::new(store_key()) });
}

#[test]
fn a_write_that_is_always_overtaken_gives_up_at_its_limit() {
    let mut led = Led::planned(set(When::Always), &live(1, 5, 30).row(), &store_row());
    let mut commits = 1;
    for counter in 2..=u64::from(ATTEMPTS_MAX) {
        led.refused([&live(counter, 6, 40).row()]);
        assert_eq!(led.written().0.counter, counter + 1);
        commits += 1;
    }
    assert_eq!(commits, ATTEMPTS_MAX);
    led.refused([&live(1_000, 6, 40).row()]);
    let contended = PlatformError::Contended { entry: entry(), attempts: ATTEMPTS_MAX };
    assert_eq!(led.error(), contended);
    assert_eq!(led.error().kind(), ErrorKind::Exhausted);
}

#[test]
fn the_last_attempt_may_succeed() {
    let mut led = Led::planned(set(When::Always), &live(1, 5, 30).row(), &store_row());
    for counter in 2..=u64::from(ATTEMPTS_MAX) {
        led.refused([&live(counter, 6, 40).row()]);
    }
    led.committed(500);
    assert!(led.answer().is_ok());
}

#[test]
fn a_refusal_for_another_reason_is_told_as_it_is() {
    let reason = || "by hand".into();
    let cases = [
        (
            Refusal::Exhausted { reason: reason() },
            PlatformError::StoreFull { reason: reason() },
            ErrorKind::Exhausted,
        ),
        (
            Refusal::Unavailable { reason: reason() },
            PlatformError::Unavailable { reason: reason() },
            ErrorKind::Unavailable,
        ),
        (
            Refusal::Invalid(BatchError::Empty),
            PlatformError::Rejected(BatchError::Empty),
            ErrorKind::Internal,
        ),
    ];
    for (refusal, error, kind) in cases {
        for request in [set(When::Always), remove(None)] {
            let mut led = Led::planned(request, &live(3, 5, 30).row(), &store_row());
            led.outcome(Outcome::Refused(refusal.clone()));
            assert_eq!((led.error(), led.error().kind()), (error.clone(), kind));
        }
    }
}

#[test]
fn only_an_unknown_outcome_is_ambiguous() {
    // G-51 is for callers of the live service; ours are told which errors prove nothing.
    let unknown = PlatformError::OutcomeUnknown { write_id: our_write() };
    assert!(unknown.kind().is_ambiguous());
    let reason = || "by hand".into();
    for certain in [
        PlatformError::Unavailable { reason: reason() },
        PlatformError::StoreFull { reason: reason() },
        PlatformError::Contended { entry: entry(), attempts: 1 },
        PlatformError::Busy { entry: entry(), limit: 1 },
        PlatformError::Corrupt { row: Box::new(entry_key()) },
        PlatformError::Rejected(BatchError::Empty),
    ] {
        assert!(!certain.kind().is_ambiguous(), "{certain}");
    }
}
