//! What an increment makes of what it finds, and that it counts once.

use std::sync::Arc;

use super::support::*;
use crate::error::ErrorKind;
use crate::id::UserId;
use crate::json::JsonText;
use crate::key::KeyScope::{EntryCreate, EntryUpdate, StoreCreate};
use crate::outcome::Outcome;
use crate::platform::{Increment, Permit, PlatformError, Request};
use crate::row::{Birth, Content, EntryBody, Found, Metadata, Row, RowBody, RowKey};

fn number(text: &str) -> Arc<Content> {
    let value = JsonText::trusted(text);
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

/// A row of the entry or of its history that holds this value; a tombstone if none is given.
fn row_of(key: RowKey, counter: u64, tag: u64, value: Option<&str>) -> Found {
    let birth = if counter == 1 { Birth::ThisWrite } else { Birth::At(at(BIRTH)) };
    let body = EntryBody { birth, content: value.map(number), pinned: false, schema: None };
    let is_current = matches!(key, RowKey::Entry(_));
    let body = if is_current { RowBody::Entry(body) } else { RowBody::Revision(body) };
    let stamped_at = at(10 * i64::try_from(counter).unwrap());
    Found::Row(Row { key, revision: rev(counter, tag), stamped_at, body })
}

fn current(counter: u64, tag: u64, value: &str) -> Found {
    row_of(entry_key(), counter, tag, Some(value))
}

fn earlier(counter: u64, value: &str) -> Found {
    row_of(history_key(counter), counter, 5, Some(value))
}

/// The value that the batch writes.
#[track_caller]
fn written(led: &Led) -> String {
    led.written().1.content.expect("no deletion").value.as_str().to_owned()
}

#[track_caller]
fn value(answer: Answer) -> String {
    answer.unwrap().content.expect("no deletion").value.as_str().to_owned()
}

#[test]
fn g_42_what_is_missing_or_deleted_counts_from_nothing() {
    let mut led = Led::planned(increment(-7), &Found::Absent, &Found::Absent);
    assert_eq!(led.batch().writes.len(), 3, "the entry, its history and the store");
    led.committed(500);
    assert_eq!(value(led.answer()), "-7");
    let led = Led::planned(increment(3), &deleted(4, 9, 40).row(), &store_row());
    assert_eq!((led.written().0, &*written(&led)), (rev(5, OURS), "3"));
    let led = Led::planned(increment(0), &Found::Absent, &store_row());
    assert_eq!(written(&led), "0");
}

#[test]
fn g_43_and_j_02_a_sum_is_written_without_a_fraction() {
    for (stored, by, sum) in [
        ("5", 2, "7"),
        ("5.0", 2, "7"),
        ("1e2", -1, "99"),
        ("-0", 0, "0"),
        ("9223372036854775806", 1, "9223372036854775807"),
        ("-9223372036854775807", -1, "-9223372036854775808"),
        ("9223372036854775807", i64::MIN, "-1"),
        ("9223372036854775808", -1, "9223372036854775807"),
    ] {
        let mut led = Led::planned(increment(by), &current(3, 5, stored), &store_row());
        assert_eq!(written(&led), sum, "{stored} and {by}");
        led.committed(40);
        assert_eq!(value(led.answer()), sum);
    }
}

#[test]
fn z_28_what_holds_no_integer_is_left_as_it_is() {
    for stored in ["2.5", "1e-1", "null", "true", "\"5\"", "[5]", "{\"n\":5}", "\"\""] {
        let led = Led::planned(increment(1), &current(3, 5, stored), &store_row());
        assert_eq!(led.error(), PlatformError::NotInteger { entry: entry() }, "{stored}");
        assert_eq!(led.error().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn g_44_and_z_51_a_sum_beyond_the_range_is_refused_and_nothing_is_written() {
    for (stored, by) in [("9223372036854775807", 1), ("1e400", i64::MIN), ("1", i64::MAX)] {
        let led = Led::planned(increment(by), &current(3, 5, stored), &store_row());
        assert_eq!(led.error(), PlatformError::SumTooLarge { entry: entry() }, "{stored}");
    }
    for (stored, by) in [("-9223372036854775808", -1), ("-1e400", i64::MAX), ("-1", i64::MIN)] {
        let led = Led::planned(increment(by), &current(3, 5, stored), &store_row());
        assert_eq!(led.error(), PlatformError::SumTooSmall { entry: entry() }, "{stored}");
    }
}

#[test]
fn g_45_and_u_11_user_ids_and_metadata_are_replaced() {
    let full = Content {
        value: JsonText::trusted("5"),
        user_ids: vec![UserId::Number(1)],
        metadata: Metadata::trusted(r#"{"a":1}"#),
    };
    let body = EntryBody {
        birth: Birth::At(at(BIRTH)),
        content: Some(Arc::new(full.clone())),
        pinned: false,
        schema: None,
    };
    let stored = Found::Row(Row {
        key: entry_key(),
        revision: rev(3, 5),
        stamped_at: at(30),
        body: RowBody::Entry(body),
    });
    let led = Led::planned(increment(1), &stored, &store_row());
    assert_eq!(led.written().1.content, Some(number("6")));
    let Request::Increment(bare) = increment(1) else { panic!("an increment") };
    let Content { user_ids, metadata, .. } = full.clone();
    let request = Request::Increment(Increment { user_ids, metadata, ..bare });
    let led = Led::planned(request, &current(3, 5, "5"), &store_row());
    let value = JsonText::trusted("6");
    assert_eq!(led.written().1.content, Some(Arc::new(Content { value, ..full })));
}

#[test]
fn h_42_and_h_83_an_increment_needs_the_rights_of_what_it_does() {
    let permit =
        |create_store, create, update| Permit { create_store, create, update, force: false };
    let tombstone = deleted(3, 5, 30).row();
    let live = current(3, 5, "1");
    let text = current(3, 5, "\"text\"");
    for (found, store, permit, scope) in [
        (&Found::Absent, &Found::Absent, permit(true, false, true), EntryCreate),
        (&Found::Absent, &Found::Absent, permit(false, true, true), StoreCreate),
        (&Found::Absent, &store_row(), permit(true, false, true), EntryCreate),
        (&tombstone, &store_row(), permit(true, false, true), EntryCreate),
        (&live, &store_row(), permit(true, true, false), EntryUpdate),
        // Who may not write it is not told what it holds.
        (&text, &store_row(), permit(true, true, false), EntryUpdate),
    ] {
        let led = Led::planned(increment_with(1, permit), found, store);
        assert_eq!(led.error(), PlatformError::Denied { scope }, "{permit:?}");
    }
    for (found, permit) in [
        (&Found::Absent, permit(false, true, false)),
        (&tombstone, permit(false, true, false)),
        (&live, permit(false, false, true)),
    ] {
        let led = Led::planned(increment_with(1, permit), found, &store_row());
        assert!(!led.batch().writes.is_empty(), "{permit:?}");
    }
}

#[test]
fn an_increment_that_another_writer_overtook_counts_on_what_is_there_now() {
    let mut led = Led::planned(increment(2), &current(3, 5, "10"), &store_row());
    led.refused([&current(4, 9, "20")]);
    assert_eq!((led.written().0, &*written(&led)), (rev(5, OURS), "22"));
    // What is there now may be anything.
    led.refused([&current(5, 9, "\"text\"")]);
    assert_eq!(led.error(), PlatformError::NotInteger { entry: entry() });
    let mut led = Led::planned(increment(2), &current(3, 5, "10"), &store_row());
    led.refused([&row_of(entry_key(), 4, 9, None)]);
    assert_eq!(written(&led), "2");
}

#[test]
fn nothing_is_counted_on_what_could_not_be_read() {
    let mut led = Led::start(increment(1));
    led.read_fails();
    assert_eq!(led.error().kind(), ErrorKind::Unavailable);
    let led = Led::planned(increment(1), &Found::Corrupt(entry_key()), &store_row());
    assert_eq!(led.error(), PlatformError::Corrupt { row: Box::new(entry_key()) });
}

/// An increment by 2 of 10 whose batch went out and was not answered.
fn settling() -> Led {
    let mut led = Led::planned(increment(2), &current(3, 5, "10"), &store_row());
    led.unknown();
    assert_eq!(led.keys(), [entry_key(), history_key(4)]);
    led
}

fn ours(value: &str) -> [Found; 2] {
    let history = row_of(history_key(4), 4, OURS, Some(value));
    [current(4, OURS, value), history]
}

#[test]
fn g_51_an_increment_of_unknown_outcome_is_looked_for_and_counts_once() {
    let mut led = settling();
    led.read(&ours("12"));
    assert_eq!(value(led.answer()), "12");
    // Others counted on.
    let mut led = settling();
    led.read([&current(5, 9, "13"), &ours("12")[1]]);
    assert_eq!(value(led.answer()), "12");
    // It is not there: the same batch again, and then on top of whoever took its place.
    let mut led = settling();
    led.read([&current(3, 5, "10"), &Found::Absent]);
    assert_eq!((led.written().0, &*written(&led)), (rev(4, OURS), "12"));
    led.refused([&current(4, 9, "11")]);
    led.read([&current(4, 9, "11"), &row_of(history_key(4), 4, 9, Some("11"))]);
    assert_eq!((led.written().0, &*written(&led)), (rev(5, OURS), "13"));
    let mut led = settling();
    led.read([&Found::Corrupt(entry_key()), &Found::Absent]);
    check_unknown(&led);
    let mut led = settling();
    led.read([&current(3, 5, "10"), &Found::Absent]);
    led.outcome(Outcome::Unknown);
    led.read_fails();
    check_unknown(&led);
}

#[test]
fn w_6_an_increment_that_is_sent_again_counts_once_while_it_is_the_last() {
    let mut led = Led::planned(increment(2), &ours("12")[0], &store_row());
    assert_eq!(led.keys(), [history_key(3)]);
    led.read([&earlier(3, "10")]);
    assert_eq!(value(led.answer()), "12");
    // On a deleted entry, and as the first write of all.
    let mut led = Led::planned(increment(2), &current(4, OURS, "2"), &store_row());
    led.read([&row_of(history_key(3), 3, 5, None)]);
    assert_eq!(value(led.answer()), "2");
    let led = Led::planned(increment(2), &current(1, OURS, "2"), &store_row());
    assert_eq!(value(led.answer()), "2");
    // Its own late copy refused it.
    let mut led = Led::planned(increment(2), &current(3, 5, "10"), &store_row());
    led.refused([&ours("12")[0]]);
    // The batch had the very same revision, so there is nothing to compare.
    assert_eq!(value(led.answer()), "12");
    // The same, after somebody else came in between the read and the copy.
    let mut led = Led::planned(increment(2), &current(2, 5, "9"), &store_row());
    led.refused([&ours("12")[0]]);
    led.read([&earlier(3, "10")]);
    assert_eq!(value(led.answer()), "12");
    // Once others have counted on, it is another write.
    let led = Led::planned(increment(2), &current(5, 9, "13"), &store_row());
    assert_eq!(written(&led), "15");
}

#[test]
fn w_6_a_lost_predecessor_leaves_the_id_to_decide_and_nothing_is_counted_twice() {
    for gone in [Found::Absent, Found::Corrupt(history_key(3))] {
        let mut led = Led::planned(increment(2), &ours("12")[0], &store_row());
        led.read([&gone]);
        assert_eq!(value(led.answer()), "12");
    }
    let mut led = Led::planned(increment(2), &ours("12")[0], &store_row());
    led.read_fails();
    assert_eq!(led.error().kind(), ErrorKind::Unavailable, "nothing was written by this copy");
}

#[test]
fn h_4_an_id_that_comes_back_with_another_increment_is_no_repeat() {
    // By another amount.
    let mut led = Led::planned(increment(3), &ours("12")[0], &store_row());
    led.read([&earlier(3, "10")]);
    assert_eq!((led.written().0, &*written(&led)), (rev(5, OURS), "15"));
    // The state before was no number, so this id did not count on it.
    let mut led = Led::planned(increment(2), &ours("12")[0], &store_row());
    led.read([&earlier(3, "\"text\"")]);
    assert_eq!(written(&led), "14");
    // The same id deleted the entry, or wrote its first state.
    let tombstone = row_of(entry_key(), 4, OURS, None);
    let led = Led::planned(increment(2), &tombstone, &store_row());
    assert_eq!(written(&led), "2");
    let led = Led::planned(increment(2), &current(1, OURS, "7"), &store_row());
    assert_eq!(written(&led), "9");
    // With other users.
    let Request::Increment(bare) = increment(2) else { panic!("an increment") };
    let user_ids = vec![UserId::Number(1)];
    let request = Request::Increment(Increment { user_ids, ..bare });
    let mut led = Led::planned(request, &ours("12")[0], &store_row());
    led.read([&earlier(3, "10")]);
    assert_eq!(written(&led), "14");
}
