//! Reads: the current state, one by its id, the one of a moment.

use super::support::*;
use crate::error::ErrorKind;
use crate::id::{Revision, StoreId};
use crate::platform::{PlatformError, RevisionId, Which};
use crate::row::{Found, FoundHead, Head, Order, RowRange};

fn entry_not_found() -> PlatformError {
    PlatformError::EntryNotFound { entry: entry() }
}

fn revision_not_found() -> PlatformError {
    PlatformError::RevisionNotFound { entry: entry() }
}

fn store_not_found() -> PlatformError {
    let store: StoreId = entry().store;
    PlatformError::StoreNotFound { store }
}

fn corrupt(row: &crate::row::RowKey) -> PlatformError {
    PlatformError::Corrupt { row: Box::new(row.clone()) }
}

/// What a read by id answers, given the entry's row and what stands of the revision.
#[track_caller]
fn by_id(id: RevisionId, entry: &Found, history: &Found) -> Answer {
    let counter = id.counter();
    let mut led = Led::start(get(Which::Revision(id)));
    assert_eq!(led.keys(), [entry_key(), store_key(), universe_key()]);
    led.read([entry, &store_row(), &Found::Absent]);
    if led.is_over() {
        return led.answer();
    }
    let counter = counter.unwrap();
    let (order, beyond) = (Order::Ascending, Some(counter - 1));
    assert_eq!(
        *led.range().0,
        RowRange::Revisions { entry: super::support::entry(), order, beyond }
    );
    let head = match history {
        Found::Absent => None,
        Found::Row(row) => Some(FoundHead::Head(Head::of_row(row).unwrap())),
        Found::Corrupt(key) => Some(FoundHead::Corrupt(key.clone())),
    };
    led.heads(head.into_iter().collect(), false);
    if !led.is_over() {
        assert_eq!(led.keys(), [history_key(counter)]);
        led.read([history]);
    }
    led.answer()
}

#[test]
fn a_read_answers_the_current_state() {
    let mut led = Led::start(get(Which::Current));
    assert_eq!(led.keys(), [entry_key(), store_key()]);
    led.read([&live(3, 5, 30).row(), &store_row()]);
    assert_eq!(led.answer(), Ok(live(3, 5, 30).state()));
}

#[test]
fn what_is_missing_is_named_the_store_or_the_entry() {
    for which in [Which::Current, Which::Revision(live(1, 1, 10).id()), Which::At(at(50))] {
        for (store, error) in [(Found::Absent, store_not_found()), (store_row(), entry_not_found())]
        {
            let mut led = Led::start(get(which.clone()));
            let count = led.keys().len();
            led.read([&Found::Absent, &store, &Found::Absent].into_iter().take(count));
            assert_eq!(led.error(), error, "{which:?}");
        }
    }
}

#[test]
fn g_47_a_deleted_entry_is_not_found_and_its_revisions_are() {
    let tombstone = deleted(3, 5, 30);
    let mut led = Led::start(get(Which::Current));
    led.read([&tombstone.row(), &store_row()]);
    assert_eq!(led.error(), entry_not_found());
    let older = live(2, 4, 20);
    assert_eq!(by_id(older.id(), &tombstone.row(), &older.history()), Ok(older.state()));
    // The deletion is a revision too, and holds nothing.
    let answer = by_id(tombstone.id(), &tombstone.row(), &tombstone.history());
    assert_eq!(answer, Ok(tombstone.state()));
    assert_eq!(answer.unwrap().content, None);
}

#[test]
fn v_19_an_id_is_that_of_a_stored_revision_or_it_is_not_found() {
    let (current, older) = (live(3, 5, 30), live(2, 4, 20));
    assert_eq!(by_id(current.id(), &current.row(), &current.history()), Ok(current.state()));
    assert_eq!(by_id(older.id(), &current.row(), &older.history()), Ok(older.state()));
    // The current state is known without its history.
    assert_eq!(by_id(current.id(), &current.row(), &Found::Absent), Ok(current.state()));
    // An expired one.
    assert_eq!(by_id(older.id(), &current.row(), &Found::Absent), Err(revision_not_found()));
    // The right number with another time of writing or birth.
    let other_time = live(2, 4, 21).id();
    assert_eq!(by_id(other_time, &current.row(), &older.history()), Err(revision_not_found()));
    let other_birth = RevisionId::of(at(BIRTH + 1), Revision { counter: 2, tag: 4 }, at(20));
    assert_eq!(by_id(other_birth, &current.row(), &older.history()), Err(revision_not_found()));
    // Text of another shape asks for no row.
    for text in ["", "latest", "3", "08D9E6A3F2188CFF.0000000003.08D9E6A3F2188CFF"] {
        let id = RevisionId::from_client(text);
        assert_eq!(by_id(id, &current.row(), &Found::Absent), Err(revision_not_found()), "{text}");
    }
}

#[test]
fn an_id_is_compared_as_text() {
    let current = live(0x1a, 5, 30);
    let lower = RevisionId::from_client(&current.id().as_str().to_lowercase());
    assert_ne!(lower, current.id());
    assert_eq!(
        by_id(lower, &current.row(), &current.history()),
        Err(revision_not_found()),
        "text from a client is opaque"
    );
}

#[test]
fn a_failed_read_is_never_absence() {
    for which in [Which::Current, Which::Revision(live(1, 1, 10).id()), Which::At(at(50))] {
        let mut led = Led::start(get(which));
        led.read_fails();
        assert_eq!(led.error().kind(), ErrorKind::Unavailable);
    }
    let mut led = searching(25);
    led.heads_fail();
    assert_eq!(led.error().kind(), ErrorKind::Unavailable);
    let mut led = searching(25);
    led.heads(vec![live(2, 4, 20).head()], false);
    led.read_fails();
    assert_eq!(led.error().kind(), ErrorKind::Unavailable);
    let mut led = Led::start(get(Which::Revision(live(2, 4, 20).id())));
    led.read([&live(3, 5, 30).row(), &store_row(), &Found::Absent]);
    led.heads_fail();
    assert_eq!(led.error().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_damaged_row_is_never_absence() {
    for which in [Which::Current, Which::At(at(50))] {
        let mut led = Led::start(get(which));
        let count = led.keys().len();
        led.read(
            [&Found::Corrupt(entry_key()), &store_row(), &Found::Absent].into_iter().take(count),
        );
        assert_eq!(led.error(), corrupt(&entry_key()));
    }
    // Whether the store or only the entry is missing cannot be told.
    let mut led = Led::start(get(Which::Current));
    led.read([&Found::Absent, &Found::Corrupt(store_key())]);
    assert_eq!(led.error(), corrupt(&store_key()));

    let (current, older) = (live(3, 5, 30), live(2, 4, 20));
    let damaged = Found::Corrupt(history_key(2));
    assert_eq!(by_id(older.id(), &current.row(), &damaged), Err(corrupt(&history_key(2))));
    let damaged = Found::Corrupt(entry_key());
    assert_eq!(by_id(older.id(), &damaged, &older.history()), Err(corrupt(&entry_key())));

    // In the history, also where the answer would stand behind it.
    let mut led = searching(25);
    led.heads(vec![FoundHead::Corrupt(history_key(2)), live(1, 3, 10).head()], false);
    assert_eq!(led.error(), corrupt(&history_key(2)));
    // A head is read without its content, which may be damaged all the same.
    let mut led = searching(25);
    led.heads(vec![older.head()], false);
    led.read([&Found::Corrupt(history_key(2))]);
    assert_eq!(led.error(), corrupt(&history_key(2)));
    let mut led = Led::start(get(Which::Revision(older.id())));
    led.read([&current.row(), &store_row(), &Found::Absent]);
    led.heads(vec![older.head(), current.head()], false);
    led.read([&Found::Corrupt(history_key(2))]);
    assert_eq!(led.error(), corrupt(&history_key(2)));
}

#[test]
fn damage_behind_the_answer_is_not_looked_at() {
    let mut led = searching(25);
    led.heads(vec![live(2, 4, 20).head(), FoundHead::Corrupt(history_key(1))], false);
    led.read([&live(2, 4, 20).history()]);
    assert_eq!(led.answer(), Ok(live(2, 4, 20).state()));
}

#[test]
fn what_is_removed_between_its_head_and_its_row_is_missing() {
    let (current, older) = (live(3, 5, 30), live(2, 4, 20));
    assert_eq!(by_id(older.id(), &current.row(), &older.history()), Ok(older.state()));
    let mut led = Led::start(get(Which::Revision(older.id())));
    led.read([&current.row(), &store_row(), &Found::Absent]);
    led.heads(vec![older.head(), current.head()], false);
    led.read([&Found::Absent]);
    assert_eq!(led.error(), revision_not_found());
    let mut led = searching(25);
    led.heads(vec![older.head()], false);
    led.read([&Found::Absent]);
    assert_eq!(led.error(), entry_not_found());
}

/// A read at a time before the newest state, which is the third.
#[track_caller]
fn searching(time: i64) -> Led {
    let led = led_at(time, live(3, 5, 30));
    let (range, limit) = led.range();
    let (order, beyond) = (Order::Descending, Some(3));
    assert_eq!(*range, RowRange::Revisions { entry: entry(), order, beyond });
    assert!(limit > 0);
    led
}

#[track_caller]
fn led_at(time: i64, current: Stored) -> Led {
    let mut led = Led::start(get(Which::At(at(time))));
    assert_eq!(led.keys(), [entry_key(), store_key(), universe_key()]);
    led.read([&current.row(), &store_row(), &Found::Absent]);
    led
}

/// Checks what a read at a time answers, given the whole history, newest first.
#[track_caller]
fn check_at(time: i64, history: &[Stored], expected: Option<Stored>) {
    let mut led = led_at(time, history[0]);
    if !led.is_over() {
        led.heads(history[1..].iter().map(|stored| stored.head()).collect(), false);
    }
    if !led.is_over() {
        let wanted = led.keys().to_vec();
        let stored = history.iter().find(|stored| wanted == [history_key(stored.counter)]);
        led.read([&stored.unwrap().history()]);
    }
    let expected = expected.map(Stored::state).ok_or_else(entry_not_found);
    assert_eq!(led.answer(), expected, "at {time}");
}

#[test]
fn v_21_a_state_holds_from_its_own_time_to_that_of_the_next() {
    let all = [live(3, 5, 30), live(2, 4, 20), live(1, 3, 10)];
    check_at(9, &all, None);
    check_at(10, &all, Some(all[2]));
    check_at(19, &all, Some(all[2]));
    check_at(20, &all, Some(all[1]));
    check_at(29, &all, Some(all[1]));
    check_at(30, &all, Some(all[0]));
    check_at(NOW, &all, Some(all[0]));
}

#[test]
fn v_21_of_two_states_of_one_time_the_later_write_counts() {
    let all = [live(3, 5, 20), live(2, 4, 20), live(1, 3, 10)];
    check_at(20, &all, Some(all[0]));
    check_at(19, &all, Some(all[2]));
}

#[test]
fn v_21_a_time_at_which_the_entry_was_deleted_finds_nothing() {
    let all = [live(3, 5, 30), deleted(2, 4, 20), live(1, 3, 10)];
    check_at(19, &all, Some(all[2]));
    check_at(20, &all, None);
    check_at(29, &all, None);
    check_at(30, &all, Some(all[0]));
}

#[test]
fn v_21_a_state_that_was_superseded_by_a_missing_one_is_not_the_answer() {
    // The second was overwritten or has expired: nobody knows until when the first was current.
    let thinned = [live(3, 5, 30), live(1, 3, 10)];
    check_at(15, &thinned, None);
    check_at(29, &thinned, None);
    check_at(30, &thinned, Some(thinned[0]));
    // The first of a longer history is gone.
    check_at(15, &[live(3, 5, 30), live(2, 4, 20)], None);
    check_at(15, &[live(3, 5, 30)], None);
}

#[test]
fn v_21_a_long_history_is_read_page_by_page() {
    let mut led = led_at(15, live(4, 6, 40));
    led.heads(vec![live(3, 5, 30).head()], true);
    let below = |counter| {
        let (order, beyond) = (Order::Descending, Some(counter));
        RowRange::Revisions { entry: entry(), order, beyond }
    };
    assert_eq!(*led.range().0, below(3));
    led.heads(vec![live(2, 4, 20).head()], true);
    assert_eq!(*led.range().0, below(2));
    led.heads(vec![live(1, 3, 10).head()], false);
    led.read([&live(1, 3, 10).history()]);
    assert_eq!(led.answer(), Ok(live(1, 3, 10).state()));
    // A gap between two pages is a gap.
    let mut led = led_at(15, live(4, 6, 40));
    led.heads(vec![live(3, 5, 30).head()], true);
    led.heads(vec![live(1, 3, 10).head()], false);
    assert_eq!(led.error(), entry_not_found());
    // And the end of the last page is the end.
    let mut led = searching(5);
    led.heads(vec![live(2, 4, 20).head()], true);
    led.heads(vec![live(1, 3, 10).head()], false);
    assert_eq!(led.error(), entry_not_found());
}

#[test]
fn v_22_a_time_is_positive_and_at_most_ten_minutes_ahead() {
    let ten_minutes = 10 * 60 * crate::time::TICKS_PER_SECOND;
    for (time, is_allowed) in [
        (i64::MIN, false),
        (-1, false),
        (0, false),
        (1, true),
        (NOW, true),
        (NOW + ten_minutes, true),
        (NOW + ten_minutes + 1, false),
        (i64::MAX, false),
    ] {
        let mut led = Led::start(get(Which::At(at(time))));
        led.read([&live(3, 5, 30).row(), &store_row(), &Found::Absent]);
        if is_allowed {
            assert!(!led.is_over() || led.answer().is_ok(), "{time}");
        } else {
            assert_eq!(led.error(), PlatformError::TimeOutOfRange, "{time}");
            assert_eq!(led.error().kind(), ErrorKind::Invalid);
        }
    }
}
