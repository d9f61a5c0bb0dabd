//! What a change of one row does when it is not told what became of its batch, and when others
//! write the row.

use super::support::*;
use crate::batch::{BatchError, Condition, Refusal};
use crate::code::Code;
use crate::error::ErrorKind;
use crate::outcome::Outcome;
use crate::platform::{
    ATTEMPTS_MAX, History, PlatformError, SETTLES_MAX, StoreChange, StoreInfo, StoreRequest,
};
use crate::row::Found;

fn base() -> Found {
    active(3, 9, 30)
}

fn deleting() -> Led<StoreRequest> {
    Led::start(request(StoreChange::Delete), &base())
}

fn deleted_info(stamp: i64) -> StoreInfo {
    StoreInfo { deleted_at: Some(at(stamp)), ..info(stamp) }
}

#[test]
fn a_change_that_is_there_has_succeeded() {
    let mut led = deleting();
    led.unknown();
    led.read(&deleted(4, OURS, NOW + 1));
    assert_eq!(led.answer(), Ok(deleted_info(NOW + 1)));
}

#[test]
fn a_change_that_is_not_there_is_sent_again_as_the_same_batch() {
    for change in
        [StoreChange::Delete, StoreChange::History(Some(History::Every)), StoreChange::Undelete]
    {
        let is_undelete = change == StoreChange::Undelete;
        let base = if is_undelete { deleted(3, 9, NOW - 5) } else { base() };
        let mut led = Led::start(request(change), &base);
        let first = led.batch().clone();
        led.unknown();
        led.read(&base);
        assert_eq!(*led.batch(), first);
        led.committed(NOW + 1);
        assert_eq!(led.answer().unwrap().updated_at, at(NOW + 1));
    }
}

#[test]
fn a_second_try_that_its_own_first_one_refuses_has_succeeded() {
    let mut led = deleting();
    led.unknown();
    led.read(&base());
    led.refused(&deleted(4, OURS, NOW + 1));
    assert_eq!(led.answer(), Ok(deleted_info(NOW + 1)));
}

#[test]
fn a_change_whose_place_another_one_took_is_planned_anew() {
    // By somebody who only chose a history.
    let theirs = active(4, 8, NOW + 1);
    let mut led = deleting();
    led.unknown();
    led.read(&theirs);
    let (condition, revision, _) = led.written();
    assert_eq!((condition, revision), (Condition::At(rev(4, 8)), rev(5, OURS)));
    // Its outcome is settled on its own: the limit starts again.
    for _ in 0..SETTLES_MAX {
        led.unknown();
        led.read(&theirs);
    }
    led.check_unknown();
    // By somebody who deleted it as well.
    let mut led = deleting();
    led.unknown();
    led.read(&deleted(4, 8, NOW + 1));
    assert_eq!(led.answer(), Ok(deleted_info(NOW + 1)));
}

#[test]
fn a_row_that_moved_on_twice_settles_nothing_unless_it_is_as_it_should_be() {
    let mut led = deleting();
    led.unknown();
    led.read(&deleted(6, 8, NOW + 3));
    assert_eq!(led.answer(), Ok(deleted_info(NOW + 3)));
    // Deleted and brought back, or never deleted: to delete it now might be to do it twice.
    let mut led = deleting();
    led.unknown();
    led.read(&active(5, 8, NOW + 3));
    led.check_unknown();
    // The same when the second try is refused by it.
    let mut led = deleting();
    led.unknown();
    led.read(&base());
    led.refused(&active(5, 8, NOW + 3));
    led.check_unknown();
    // Or the store is gone.
    let mut led = deleting();
    led.unknown();
    led.read(&Found::Absent);
    led.check_unknown();
}

#[test]
fn while_an_attempt_is_unsettled_no_error_says_that_nothing_was_written() {
    let unavailable = || Refusal::Unavailable { reason: "by hand".into() };
    let full = || Refusal::Exhausted { reason: "by hand".into() };
    let mut led = deleting();
    led.unknown();
    led.read_fails();
    led.check_unknown();
    let mut led = deleting();
    led.unknown();
    led.read(&Found::Corrupt(store_key()));
    led.check_unknown();
    for refusal in [unavailable(), full()] {
        let mut led = deleting();
        led.unknown();
        led.read(&base());
        led.outcome(Outcome::Refused(refusal));
        led.check_unknown();
    }
}

#[test]
fn an_outcome_that_stays_unknown_is_said_to_be() {
    let mut led = deleting();
    for _ in 1..SETTLES_MAX {
        led.unknown();
        led.read(&base());
    }
    led.unknown();
    led.read(&base());
    led.check_unknown();
}

#[test]
fn a_refusal_says_that_nothing_was_written() {
    let reason = || "by hand".into();
    for (refusal, wanted) in [
        (
            Refusal::Unavailable { reason: reason() },
            PlatformError::Unavailable { reason: reason() },
        ),
        (Refusal::Exhausted { reason: reason() }, PlatformError::StoreFull { reason: reason() }),
        (Refusal::Invalid(BatchError::Empty), PlatformError::Rejected(BatchError::Empty)),
    ] {
        let mut led = deleting();
        led.outcome(Outcome::Refused(refusal));
        assert_eq!(led.answer(), Err(wanted));
    }
    let mut led = deleting();
    led.refused(&Found::Corrupt(store_key()));
    assert_eq!(led.answer(), Err(PlatformError::Corrupt { row: Box::new(store_key()) }));
    let mut led = deleting();
    led.refused(&Found::Absent);
    assert_eq!(led.answer(), Err(PlatformError::StoreNotFound { store: store_id() }));
}

#[test]
fn a_failed_read_is_an_error() {
    let mut led = Led::start(request(StoreChange::Delete), &base());
    led.unknown();
    led.read_fails();
    led.check_unknown();
    let mut led = Led::unread(request(StoreChange::Delete));
    led.read_fails();
    assert_eq!(led.answer().unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn another_writer_makes_the_change_be_planned_anew_16_times() {
    let mut led = deleting();
    for attempt in 1..ATTEMPTS_MAX {
        let theirs = active(3 + u64::from(attempt), 8, NOW + 1);
        led.refused(&theirs);
        assert_eq!(led.written().0, Condition::At(rev(3 + u64::from(attempt), 8)));
    }
    led.refused(&active(99, 8, NOW + 1));
    let error = led.answer().unwrap_err();
    assert_eq!(
        error,
        PlatformError::RowContended { row: Box::new(store_key()), attempts: ATTEMPTS_MAX }
    );
    assert_eq!((error.kind(), error.code()), (ErrorKind::Exhausted, Code::Contended));
    assert_eq!(error.to_string(), "other writers of data store 1/Players came first 16 times");
    // What needs no batch is answered all the same.
    let mut led = deleting();
    for _ in 0..ATTEMPTS_MAX - 1 {
        led.refused(&base());
    }
    led.refused(&deleted(9, 8, NOW + 1));
    assert_eq!(led.answer(), Ok(deleted_info(NOW + 1)));
}
