//! G-51 and W4: what a write does when it is not told what became of its batch.

use super::support::*;
use crate::batch::{BatchError, Condition, Refusal};
use crate::error::ErrorKind;
use crate::outcome::Outcome;
use crate::platform::{ATTEMPTS_MAX, PlatformError, Request, SETTLES_MAX, When};
use crate::row::Found;

/// The state on which the write was planned.
const BASE: Stored = Stored { counter: 3, tag: 5, at: 30, is_deleted: false };

/// The revision that the write makes on it.
const COUNTER: u64 = 4;

/// A write whose batch went out and was not answered; it looks into what became of it.
#[track_caller]
fn settling(request: Request) -> Led {
    let mut led = Led::planned(request, &BASE.row(), &store_row());
    led.unknown();
    assert_eq!(led.keys(), [entry_key(), history_key(COUNTER)]);
    led
}

fn refuse(led: &mut Led, refusal: Refusal) {
    led.outcome(Outcome::Refused(refusal));
}

fn full() -> Refusal {
    Refusal::Exhausted { reason: "by hand".into() }
}

fn unreachable_store() -> Refusal {
    Refusal::Unavailable { reason: "by hand".into() }
}

/// Our write as it is stored.
fn ours(at: i64) -> Stored {
    live(COUNTER, OURS, at)
}

#[test]
fn a_write_that_is_the_current_state_has_succeeded() {
    let mut led = settling(set(When::Always));
    led.read([&ours(44).row(), &ours(44).history()]);
    let state = led.answer().unwrap();
    assert_eq!((state.revision, state.updated_at), (rev(COUNTER, OURS), at(44)));
    assert_eq!((state.created_at, state.content), (at(BIRTH), Some(content("ours"))));
}

#[test]
fn the_first_write_of_an_entry_that_is_there_has_succeeded() {
    let mut led = Led::planned(set(When::Missing), &Found::Absent, &Found::Absent);
    led.unknown();
    assert_eq!(led.keys(), [entry_key(), history_key(1)]);
    let ours = live(1, OURS, BIRTH);
    led.read([&ours.row(), &ours.history()]);
    let state = led.answer().unwrap();
    assert_eq!((state.created_at, state.updated_at), (at(BIRTH), at(BIRTH)));
}

#[test]
fn a_deletion_that_is_the_current_state_has_succeeded() {
    let mut led = settling(remove(None));
    let tombstone = deleted(COUNTER, OURS, 44);
    led.read([&tombstone.row(), &tombstone.history()]);
    assert_eq!(led.answer(), Ok(BASE.state()), "G-05: the state before");
}

#[test]
fn a_write_that_is_not_there_is_sent_again_as_the_same_batch() {
    for request in [set(When::Always), set(When::Matches(BASE.id())), remove(None)] {
        let mut led = Led::planned(request, &BASE.row(), &store_row());
        let first = led.batch().clone();
        led.unknown();
        led.read([&BASE.row(), &Found::Absent]);
        assert_eq!(*led.batch(), first);
        led.committed(50);
        assert!(led.answer().is_ok());
    }
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    let first = led.batch().clone();
    led.unknown();
    led.read([&Found::Absent, &Found::Absent]);
    assert_eq!(*led.batch(), first);
}

#[test]
fn w_6_a_second_try_that_its_own_first_one_refuses_has_succeeded() {
    let mut led = settling(set(When::Matches(BASE.id())));
    led.read([&BASE.row(), &Found::Absent]);
    // The first try came in late.
    led.refused([&ours(44).row()]);
    let state = led.answer().unwrap();
    assert_eq!((state.revision, state.updated_at), (rev(COUNTER, OURS), at(44)));
}

#[test]
fn a_write_that_others_have_built_upon_has_succeeded() {
    let mut led = settling(set(When::Matches(BASE.id())));
    led.read([&live(COUNTER + 2, 9, 60).row(), &ours(44).history()]);
    let state = led.answer().unwrap();
    assert_eq!((state.revision, state.updated_at), (rev(COUNTER, OURS), at(44)));
    assert_eq!(state.content, Some(content("ours")));
    // Also if it was deleted since.
    let mut led = settling(remove(None));
    let tombstone = deleted(COUNTER, OURS, 44);
    led.read([&live(COUNTER + 1, 9, 60).row(), &tombstone.history()]);
    assert_eq!(led.answer(), Ok(BASE.state()));
}

#[test]
fn a_write_whose_place_another_one_took_is_planned_anew() {
    let theirs = live(COUNTER, 9, 40);
    let mut led = settling(set(When::Always));
    led.read([&theirs.row(), &theirs.history()]);
    assert_eq!(
        led.batch().conditions,
        [(entry_key(), Condition::At(theirs.revision())), no_record()]
    );
    assert_eq!(led.written().0, rev(COUNTER + 1, OURS));
    led.committed(50);
    assert_eq!(led.answer().unwrap().revision, rev(COUNTER + 1, OURS));
    // On what is current now, not on what took the place.
    let mut led = settling(remove(None));
    let newest = live(COUNTER + 2, 11, 60);
    led.read([&newest.row(), &theirs.history()]);
    assert_eq!(
        led.batch().conditions,
        [(entry_key(), Condition::At(newest.revision())), no_record()]
    );
    led.committed(70);
    assert_eq!(led.answer(), Ok(newest.state()), "the state that it deleted");
}

#[test]
fn a_write_whose_place_another_one_took_is_judged_again() {
    let theirs = live(COUNTER, 9, 40);
    for request in [set(When::Matches(BASE.id())), remove(Some(BASE.id()))] {
        let mut led = settling(request);
        led.read([&theirs.row(), &theirs.history()]);
        assert_eq!(led.error(), PlatformError::Mismatch { current: Box::new(theirs.state()) });
    }
    let mut led = settling(remove(None));
    let gone = deleted(COUNTER, 9, 40);
    led.read([&gone.row(), &gone.history()]);
    assert_eq!(led.error(), PlatformError::EntryNotFound { entry: entry() });

    let mut led = Led::planned(set(When::Missing), &Found::Absent, &Found::Absent);
    led.unknown();
    let theirs = live(1, 9, BIRTH);
    led.read([&theirs.row(), &theirs.history()]);
    assert_eq!(led.error(), PlatformError::Exists { current: Box::new(theirs.state()) });
}

#[test]
fn an_entry_that_moved_on_without_a_trace_of_it_leaves_the_outcome_unknown() {
    let moved = live(COUNTER + 2, 9, 60).row();
    for history in [Found::Absent, Found::Corrupt(history_key(COUNTER))] {
        let mut led = settling(set(When::Always));
        led.read([&moved, &history]);
        check_unknown(&led);
    }
    // Also if the entry was purged.
    let mut led = settling(set(When::Always));
    led.read([&Found::Absent, &Found::Absent]);
    check_unknown(&led);
}

#[test]
fn damage_and_failed_reads_say_nothing_about_the_outcome() {
    for request in [set(When::Always), remove(None)] {
        let mut led = settling(request.clone());
        led.read([&Found::Corrupt(entry_key()), &ours(44).history()]);
        check_unknown(&led);
        let mut led = settling(request.clone());
        led.read_fails();
        check_unknown(&led);
        // A damaged row in the refusal of the second try.
        let mut led = settling(request);
        led.read([&BASE.row(), &Found::Absent]);
        led.refused([&Found::Corrupt(entry_key())]);
        check_unknown(&led);
    }
}

#[test]
fn a_damaged_history_does_not_hide_what_the_entry_itself_tells() {
    let damaged = Found::Corrupt(history_key(COUNTER));
    let mut led = settling(set(When::Always));
    led.read([&ours(44).row(), &damaged]);
    assert!(led.answer().is_ok());
    let mut led = settling(set(When::Always));
    led.read([&BASE.row(), &damaged]);
    assert_eq!(led.written().0, rev(COUNTER, OURS), "not yet written: sent again");
}

#[test]
fn a_second_try_that_another_writer_refuses_is_looked_into() {
    let theirs = live(COUNTER, 9, 40);
    let retried = || {
        let mut led = settling(set(When::Always));
        led.read([&BASE.row(), &Found::Absent]);
        led.refused([&live(COUNTER + 1, 11, 60).row()]);
        // Which of the two came first, is in the history.
        assert_eq!(led.keys(), [entry_key(), history_key(COUNTER)]);
        led
    };
    let mut led = retried();
    led.read([&live(COUNTER + 1, 11, 60).row(), &ours(44).history()]);
    assert_eq!(led.answer().unwrap().updated_at, at(44));
    let mut led = retried();
    led.read([&live(COUNTER + 1, 11, 60).row(), &theirs.history()]);
    assert_eq!(led.written().0, rev(COUNTER + 2, OURS));
    let mut led = retried();
    led.read_fails();
    check_unknown(&led);
}

#[test]
fn a_refusal_without_rows_after_an_unknown_outcome_stays_unknown() {
    for refusal in [full(), unreachable_store()] {
        let mut led = settling(set(When::Always));
        led.read([&BASE.row(), &Found::Absent]);
        // This try was not written, but the one before may still be.
        refuse(&mut led, refusal);
        check_unknown(&led);
    }
    let mut led = settling(set(When::Always));
    led.read([&BASE.row(), &Found::Absent]);
    refuse(&mut led, Refusal::Invalid(BatchError::Empty));
    check_unknown(&led);
}

#[test]
fn a_refusal_without_rows_is_certain_once_the_earlier_tries_are_out_of_the_way() {
    let theirs = live(COUNTER, 9, 40);
    for (refusal, is_full) in [(full(), true), (unreachable_store(), false)] {
        let mut led = settling(set(When::Always));
        led.read([&theirs.row(), &theirs.history()]);
        refuse(&mut led, refusal);
        assert_eq!(matches!(led.error(), PlatformError::StoreFull { .. }), is_full);
        assert!(!led.error().kind().is_ambiguous());
    }
}

/// Answers every try and every look with nothing new, and counts the tries.
#[track_caller]
fn exhaust(led: &mut Led) -> u32 {
    let mut tries = 1;
    for _ in 1..SETTLES_MAX {
        led.read([&BASE.row(), &Found::Absent]);
        led.unknown();
        tries += 1;
    }
    assert_eq!(led.keys(), [entry_key(), history_key(COUNTER)], "one last look");
    tries
}

#[test]
fn w_4_an_outcome_that_stays_unknown_is_said_to_be_after_the_last_look() {
    let mut led = settling(set(When::Always));
    assert_eq!(exhaust(&mut led), SETTLES_MAX);
    led.read([&BASE.row(), &Found::Absent]);
    check_unknown(&led);
}

#[test]
fn w_4_the_last_look_may_still_tell() {
    let mut led = settling(set(When::Always));
    exhaust(&mut led);
    led.read([&ours(44).row(), &ours(44).history()]);
    assert_eq!(led.answer().unwrap().updated_at, at(44));
    // Or that another writer took its place, and then everything begins anew.
    let theirs = live(COUNTER, 9, 40);
    let mut led = settling(set(When::Always));
    exhaust(&mut led);
    led.read([&theirs.row(), &theirs.history()]);
    led.unknown();
    assert_eq!(led.keys(), [entry_key(), history_key(COUNTER + 1)]);
    led.read([&theirs.row(), &Found::Absent]);
    assert_eq!(led.written().0, rev(COUNTER + 1, OURS));
}

#[test]
fn a_last_try_that_is_refused_may_not_be_looked_into_any_more() {
    let mut led = settling(set(When::Always));
    for _ in 1..SETTLES_MAX {
        led.read([&BASE.row(), &Found::Absent]);
        led.refused([&live(COUNTER + 1, 11, 60).row()]);
        // Odd, but possible where a read may be served by a copy that is behind.
    }
    led.read([&live(COUNTER + 1, 11, 60).row(), &Found::Absent]);
    check_unknown(&led);
}

#[test]
fn a_write_that_is_unknown_and_overtaken_each_time_gives_up_at_its_limit() {
    let mut led = settling(set(When::Always));
    for attempt in 1..ATTEMPTS_MAX {
        let theirs = live(COUNTER - 1 + u64::from(attempt), 9, 40);
        led.read([&theirs.row(), &theirs.history()]);
        led.unknown();
    }
    let theirs = live(COUNTER - 1 + u64::from(ATTEMPTS_MAX), 9, 40);
    led.read([&theirs.row(), &theirs.history()]);
    let contended = PlatformError::Contended { entry: entry(), attempts: ATTEMPTS_MAX };
    assert_eq!(led.error(), contended, "each of its batches is refused for ever");
}

#[test]
fn a_neighbour_that_created_the_store_meanwhile_does_not_stop_a_first_write() {
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    led.unknown();
    led.read([&Found::Absent, &Found::Absent]);
    // Its own row is still missing, but the store has one now, which refuses the first try too.
    led.refused([&Found::Absent, &store_row()]);
    let as_it_is = (store_key(), Condition::At(rev(1, 1)));
    assert_eq!(led.batch().conditions, [(entry_key(), Condition::Absent), as_it_is, no_record()]);
    assert_eq!(led.batch().writes.len(), 2);
    led.committed(50);
    assert_eq!(led.answer().unwrap().revision, rev(1, OURS));
}

#[test]
fn a_damaged_store_row_after_an_unknown_outcome_stays_unknown() {
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    led.unknown();
    led.read([&Found::Absent, &Found::Absent]);
    led.refused([&Found::Absent, &Found::Corrupt(store_key())]);
    check_unknown(&led);
}

#[test]
fn w_6_a_write_that_is_sent_again_after_it_happened_has_succeeded_and_writes_nothing() {
    // Whatever it asked for: that was true when it happened.
    for when in [When::Always, When::Missing, When::Exists, When::Matches(BASE.id())] {
        let led = Led::planned(set(when), &ours(44).row(), &store_row());
        assert_eq!(led.answer(), Ok(ours(44).state()));
    }
    // The state before is not known any more.
    let tombstone = deleted(COUNTER, OURS, 44);
    let led = Led::planned(remove(Some(BASE.id())), &tombstone.row(), &store_row());
    assert_eq!(led.answer(), Ok(tombstone.state()));
}

#[test]
fn h_4_an_id_that_comes_back_with_another_request_is_no_repeat() {
    let mine = ours(44);
    // The same id deletes: nothing says that this happened.
    let led = Led::planned(remove(None), &mine.row(), &store_row());
    assert_eq!(led.written().0, rev(COUNTER + 1, OURS));
    // The same id writes what a deletion of that id left.
    let led = Led::planned(set(When::Always), &deleted(COUNTER, OURS, 44).row(), &store_row());
    assert_eq!(led.written().0, rev(COUNTER + 1, OURS));
}

#[test]
fn an_unconditional_write_that_is_sent_again_after_others_wrote_is_another_write() {
    let newer = live(COUNTER + 1, 9, 60);
    let led = Led::planned(set(When::Always), &newer.row(), &store_row());
    assert_eq!(led.written().0, rev(COUNTER + 2, OURS));
}

/// A request on `BASE` that finds the entry two revisions further.
fn named_and_overtaken(request: Request) -> (Led, Stored) {
    let newer = live(COUNTER + 1, 9, 60);
    let led = Led::planned(request, &newer.row(), &store_row());
    assert_eq!(led.keys(), [history_key(COUNTER)]);
    (led, newer)
}

#[test]
fn w_6_a_write_on_a_revision_that_is_sent_again_after_others_wrote_has_succeeded() {
    let (mut led, _) = named_and_overtaken(set(When::Matches(BASE.id())));
    led.read([&ours(44).history()]);
    assert_eq!(led.answer(), Ok(ours(44).state()));
    let tombstone = deleted(COUNTER, OURS, 44);
    let (mut led, _) = named_and_overtaken(remove(Some(BASE.id())));
    led.read([&tombstone.history()]);
    assert_eq!(led.answer(), Ok(tombstone.state()));
}

#[test]
fn a_write_on_a_revision_that_others_wrote_over_is_refused() {
    for history in [live(COUNTER, 8, 44).history(), Found::Absent] {
        let (mut led, newer) = named_and_overtaken(set(When::Matches(BASE.id())));
        led.read([&history]);
        assert_eq!(led.error(), PlatformError::Mismatch { current: Box::new(newer.state()) });
    }
    let (mut led, _) = named_and_overtaken(set(When::Matches(BASE.id())));
    led.read([&Found::Corrupt(history_key(COUNTER))]);
    assert_eq!(led.error(), PlatformError::Corrupt { row: Box::new(history_key(COUNTER)) });
    let (mut led, _) = named_and_overtaken(set(When::Matches(BASE.id())));
    led.read_fails();
    assert_eq!(led.error().kind(), ErrorKind::Unavailable);
}

#[test]
fn w_6_a_write_sent_again_that_its_own_first_try_refuses_has_succeeded() {
    // The caller sent it again; the first try came in between the read and the batch.
    for when in [When::Always, When::Matches(BASE.id())] {
        let mut led = Led::planned(set(when), &BASE.row(), &store_row());
        led.refused([&ours(44).row()]);
        assert_eq!(led.answer(), Ok(ours(44).state()));
    }
}
