//! H-33 and seed 16: one snapshot a day.

use super::support::*;
use crate::batch::Condition;
use crate::platform::{Operation, PlatformError, TakeSnapshot};
use crate::row::{Found, RowBody, UniverseBody};

/// The first tick of the day of [`NOW`].
const MIDNIGHT: i64 = NOW - DAY / 2;

fn start(found: &Found) -> Led<TakeSnapshot> {
    Led::start(snapshot(), found)
}

#[track_caller]
fn check_written(led: &Led<TakeSnapshot>, condition: Condition, counter: u64, earlier: &[i64]) {
    let earlier_snapshots = earlier.iter().map(|stamp| at(*stamp)).collect();
    let body = RowBody::Universe(UniverseBody { earlier_snapshots });
    assert_eq!(led.written(), (condition, rev(counter, OURS), body));
}

#[test]
fn h_33_the_first_snapshot_of_a_universe_makes_its_row() {
    let mut led = start(&Found::Absent);
    check_written(&led, Condition::Absent, 1, &[]);
    led.committed(NOW + 3);
    assert_eq!(led.answer(), Ok(taken(true, NOW + 3)));
}

#[test]
fn seed_16_a_second_one_of_the_day_is_told_the_time_of_the_first() {
    for stamp in [MIDNIGHT, NOW, NOW + 1] {
        let led = start(&universe(1, 9, stamp, &[]));
        assert_eq!(led.answer(), Ok(taken(false, stamp)));
    }
    let led = start(&universe(1, 9, MIDNIGHT - 1, &[]));
    check_written(&led, Condition::At(rev(1, 9)), 2, &[MIDNIGHT - 1]);
}

#[test]
fn a_day_begins_at_midnight_of_utc() {
    let led = Led::start_at(MIDNIGHT, snapshot(), &universe(1, 9, MIDNIGHT - 1, &[]));
    check_written(&led, Condition::At(rev(1, 9)), 2, &[MIDNIGHT - 1]);
    let led = Led::start_at(MIDNIGHT - 1, snapshot(), &universe(1, 9, MIDNIGHT - DAY, &[]));
    assert_eq!(led.answer(), Ok(taken(false, MIDNIGHT - DAY)));
}

#[test]
fn snapshots_of_the_last_31_days_are_remembered() {
    let last = NOW - DAY;
    let earlier = [NOW - 32 * DAY, NOW - 31 * DAY - 1, NOW - 31 * DAY, NOW - 2 * DAY];
    let led = start(&universe(7, 9, last, &earlier));
    check_written(&led, Condition::At(rev(7, 9)), 8, &[NOW - 31 * DAY, NOW - 2 * DAY, last]);
    let led = start(&universe(7, 9, NOW - 40 * DAY, &earlier));
    check_written(&led, Condition::At(rev(7, 9)), 8, &[NOW - 31 * DAY, NOW - 2 * DAY]);
}

#[test]
fn the_request_that_took_it_is_told_so_when_it_is_sent_again() {
    let led = start(&universe(2, OURS, NOW - 5, &[]));
    assert_eq!(led.answer(), Ok(taken(true, NOW - 5)));
}

#[test]
fn of_two_that_meet_one_takes_the_snapshot() {
    let base = universe(1, 9, NOW - DAY, &[]);
    let mut led = start(&base);
    led.refused(&universe(2, 8, NOW + 1, &[NOW - DAY]));
    assert_eq!(led.answer(), Ok(taken(false, NOW + 1)));
    let mut led = start(&Found::Absent);
    led.refused(&universe(1, 8, NOW + 1, &[]));
    assert_eq!(led.answer(), Ok(taken(false, NOW + 1)));
}

#[test]
fn a_snapshot_without_an_answer_is_taken_once() {
    let base = universe(1, 9, NOW - DAY, &[]);
    let ours = universe(2, OURS, NOW + 1, &[NOW - DAY]);
    // It was taken.
    let mut led = start(&base);
    led.unknown();
    led.read(&ours);
    assert_eq!(led.answer(), Ok(taken(true, NOW + 1)));
    // It was lost: the same batch once more.
    let mut led = start(&base);
    let first = led.batch().clone();
    led.unknown();
    led.read(&base);
    assert_eq!(*led.batch(), first);
    // And the first one came in late.
    led.refused(&ours);
    assert_eq!(led.answer(), Ok(taken(true, NOW + 1)));
    // Somebody else took it.
    let mut led = start(&base);
    led.unknown();
    led.read(&universe(2, 8, NOW + 1, &[NOW - DAY]));
    assert_eq!(led.answer(), Ok(taken(false, NOW + 1)));
}

#[test]
fn a_damaged_universe_has_not_been_without_snapshots() {
    let led = start(&Found::Corrupt(universe_key()));
    assert_eq!(led.answer(), Err(PlatformError::Corrupt { row: Box::new(universe_key()) }));
}

#[test]
fn a_snapshot_is_a_write_without_a_lane() {
    assert_eq!(Operation::write_id(&snapshot()), Some(our_write()));
    assert_eq!(snapshot().lane(), None);
}
