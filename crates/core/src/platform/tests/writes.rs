//! What a write plans on what it finds, and what it answers.

use std::sync::Arc;

use super::support::*;
use crate::batch::{Batch, Condition, Write};
use crate::id::UserId;
use crate::platform::{EntryState, Permit, PlatformError, Request, RevisionId, Set, When};
use crate::row::{Birth, Content, EntryBody, Found, Metadata, RowBody, StoreBody};
use crate::time::UtcHour;

/// The batch that writes a state of the entry on top of what a condition names.
fn batch_of(revision: crate::id::Revision, body: &EntryBody, condition: Condition) -> Batch {
    let put = |key, body| Write::Put { key, revision, body };
    Batch {
        conditions: vec![(entry_key(), condition), no_record()],
        writes: vec![
            put(entry_key(), RowBody::Entry(body.clone())),
            put(history_key(revision.counter), RowBody::Revision(body.clone())),
        ],
    }
}

fn missing_entry() -> PlatformError {
    PlatformError::EntryNotFound { entry: entry() }
}

#[test]
fn the_first_write_of_a_store_creates_it_in_the_same_batch() {
    let mut led = Led::planned(set(When::Always), &Found::Absent, &Found::Absent);
    let body = EntryBody {
        birth: Birth::ThisWrite,
        content: Some(content("ours")),
        pinned: false,
        schema: None,
    };
    let mut batch = batch_of(rev(1, OURS), &body, Condition::Absent);
    batch.conditions.insert(1, (store_key(), Condition::Absent));
    let store = RowBody::Store(StoreBody { birth: Birth::ThisWrite, ..StoreBody::NEW });
    batch.writes.push(Write::Put { key: store_key(), revision: rev(1, OURS), body: store });
    assert_eq!(*led.batch(), batch);
    led.committed(500);
    let content = Some(content("ours"));
    let (created_at, updated_at) = (at(500), at(500));
    let revision = rev(1, OURS);
    let state =
        EntryState { entry: entry(), revision, created_at, updated_at, content, schema: None };
    assert_eq!(led.answer(), Ok(state));
}

#[test]
fn the_first_write_of_an_entry_leaves_a_store_that_exists_alone_and_needs_it_as_it_is() {
    let led = Led::planned(set(When::Always), &Found::Absent, &store_row());
    let body = EntryBody {
        birth: Birth::ThisWrite,
        content: Some(content("ours")),
        pinned: false,
        schema: None,
    };
    let mut batch = batch_of(rev(1, OURS), &body, Condition::Absent);
    batch.conditions.insert(1, (store_key(), Condition::At(rev(1, 1))));
    assert_eq!(*led.batch(), batch);
}

#[test]
fn an_entry_and_its_history_share_one_value() {
    let led = Led::planned(set(When::Always), &Found::Absent, &store_row());
    let contents: Vec<Arc<Content>> = led
        .batch()
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Put { body, .. } => body.as_entry().and_then(|body| body.content.clone()),
            Write::Delete { .. } => None,
        })
        .collect();
    assert_eq!(contents.len(), 2);
    assert!(Arc::ptr_eq(&contents[0], &contents[1]));
}

#[test]
fn v_18_and_i_06_each_write_counts_by_one_and_keeps_the_birth() {
    for current in [live(1, 3, BIRTH), live(7, 9, 70), deleted(8, 9, 80)] {
        let mut led = Led::planned(set(When::Always), &current.row(), &store_row());
        let body = EntryBody {
            birth: Birth::At(at(BIRTH)),
            content: Some(content("ours")),
            pinned: false,
            schema: None,
        };
        let revision = rev(current.counter + 1, OURS);
        let mut batch = batch_of(revision, &body, Condition::At(current.revision()));
        if current.counter == 1 {
            let (key, body) = (review_key(UtcHour(2)), RowBody::Review);
            batch.writes.push(Write::Put { key, revision, body });
        }
        assert_eq!(*led.batch(), batch);
        led.committed(500);
        let state = led.answer().unwrap();
        assert_eq!((state.created_at, state.updated_at), (at(BIRTH), at(500)));
        assert_eq!(state.revision, revision);
    }
}

#[test]
fn g_41_and_v_15_a_set_revives_a_deleted_entry_and_leaves_the_tombstone_in_its_history() {
    let tombstone = deleted(4, 9, 40);
    for when in [When::Always, When::Missing, When::Exists, When::Matches(tombstone.id())] {
        let led = Led::planned(set(when), &tombstone.row(), &store_row());
        assert_eq!(
            led.batch().conditions,
            [(entry_key(), Condition::At(tombstone.revision())), no_record()]
        );
        let (revision, body) = led.written();
        assert_eq!((revision.counter, body.birth), (5, Birth::At(at(BIRTH))));
        assert!(led.batch().writes.iter().all(|write| *write.key() != history_key(4)));
    }
}

#[test]
fn u_11_a_set_replaces_value_user_ids_and_metadata_together() {
    let full = Content {
        user_ids: vec![UserId::Number(1)],
        metadata: Metadata::trusted(r#"{"a":1}"#),
        ..(*content("full")).clone()
    };
    let set = |content: &Arc<Content>| {
        let (entry, content, write_id) = (entry(), Arc::clone(content), our_write());
        Request::Set(Set { entry, content, when: When::Always, permit: Permit::ALL, write_id })
    };
    let full = Arc::new(full);
    let led = Led::planned(set(&full), &live(1, 3, BIRTH).row(), &store_row());
    assert_eq!(led.written().1.content, Some(Arc::clone(&full)));
    // What the next one leaves out is gone.
    let stored = Found::Row(crate::row::Row {
        key: entry_key(),
        revision: rev(2, 5),
        stamped_at: at(20),
        body: RowBody::Entry(EntryBody {
            birth: Birth::At(at(BIRTH)),
            content: Some(full),
            pinned: false,
            schema: None,
        }),
    });
    let mut led = Led::planned(set(&content("bare")), &stored, &store_row());
    led.committed(30);
    let state = led.answer().unwrap().content.unwrap();
    assert!(state.user_ids.is_empty() && state.metadata.is_empty());
}

#[test]
fn h_35_a_creation_is_refused_by_what_exists_and_shown_it() {
    let current = live(3, 5, 30);
    let led = Led::planned(set(When::Missing), &current.row(), &store_row());
    assert_eq!(led.error(), PlatformError::Exists { current: Box::new(current.state()) });
    // Open point 21: a deleted entry may be created.
    let led = Led::planned(set(When::Missing), &deleted(4, 5, 40).row(), &store_row());
    assert_eq!(led.written().0.counter, 5);
}

#[test]
fn h_40_an_update_of_a_missing_entry_is_refused_and_of_a_deleted_one_brings_it_back() {
    let led = Led::planned(set(When::Exists), &Found::Absent, &store_row());
    assert_eq!(led.error(), missing_entry());
    let led = Led::planned(set(When::Exists), &Found::Absent, &Found::Absent);
    assert_eq!(led.error(), PlatformError::StoreNotFound { store: entry().store });
    let led = Led::planned(set(When::Exists), &live(3, 5, 30).row(), &store_row());
    assert_eq!(led.written().0, rev(4, OURS));
    // Open point 21.
    let led = Led::planned(set(When::Exists), &deleted(3, 5, 30).row(), &store_row());
    assert_eq!(led.written().0, rev(4, OURS));
}

#[test]
fn h_94_another_revision_is_refused_and_shown_the_current_one() {
    let (current, older) = (live(3, 5, 30), live(2, 4, 20));
    let shown = PlatformError::Mismatch { current: Box::new(current.state()) };
    let other_time = live(3, 5, 31).id();
    for wrong in [older.id(), other_time, RevisionId::from_client("")] {
        let matches = set(When::Matches(wrong.clone()));
        for request in [matches, remove(Some(wrong.clone()))] {
            let led = Led::planned(request, &current.row(), &store_row());
            assert_eq!(led.error(), shown, "{wrong:?}");
        }
    }
    let led = Led::planned(set(When::Matches(current.id())), &current.row(), &store_row());
    assert_eq!(
        led.batch().conditions,
        [(entry_key(), Condition::At(current.revision())), no_record()]
    );
    // A condition on a revision never inserts.
    let led = Led::planned(set(When::Matches(current.id())), &Found::Absent, &store_row());
    assert_eq!(led.error(), missing_entry());
}

#[test]
fn g_05_and_g_47_a_deletion_answers_the_state_before_and_leaves_a_tombstone() {
    let current = live(3, 5, 30);
    for matches in [None, Some(current.id())] {
        let mut led = Led::planned(remove(matches), &current.row(), &store_row());
        let body =
            EntryBody { birth: Birth::At(at(BIRTH)), content: None, pinned: false, schema: None };
        let mut batch = batch_of(rev(4, OURS), &body, Condition::At(current.revision()));
        // V-16: it is purged 30 days later.
        let (key, body) = (review_key(UtcHour(30 * 24 + 1)), RowBody::Review);
        batch.writes.push(Write::Put { key, revision: rev(4, OURS), body });
        assert_eq!(*led.batch(), batch);
        led.committed(500);
        assert_eq!(led.answer(), Ok(current.state()));
    }
}

#[test]
fn open_point_22_what_is_missing_or_deleted_cannot_be_deleted() {
    let tombstone = deleted(3, 5, 30);
    for matches in [None, Some(tombstone.id()), Some(live(2, 4, 20).id())] {
        let led = Led::planned(remove(matches.clone()), &tombstone.row(), &store_row());
        assert_eq!(led.error(), missing_entry());
        let led = Led::planned(remove(matches), &Found::Absent, &store_row());
        assert_eq!(led.error(), missing_entry());
    }
    let led = Led::planned(remove(None), &Found::Absent, &Found::Absent);
    assert_eq!(led.error(), PlatformError::StoreNotFound { store: entry().store });
}

#[test]
fn nothing_is_planned_on_what_could_not_be_read() {
    for request in [set(When::Always), set(When::Missing), remove(None)] {
        let mut led = Led::start(request.clone());
        led.read_fails();
        assert!(matches!(led.error(), PlatformError::Unavailable { .. }));
        let damaged = Found::Corrupt(entry_key());
        let led = Led::planned(request.clone(), &damaged, &store_row());
        assert_eq!(led.error(), PlatformError::Corrupt { row: Box::new(entry_key()) });
        let damaged = Found::Corrupt(store_key());
        let led = Led::planned(request, &Found::Absent, &damaged);
        assert_eq!(led.error(), PlatformError::Corrupt { row: Box::new(store_key()) });
    }
}
