//! Facts about grants: when a record is given, and what that writes.

use std::sync::{Arc, Barrier};
use std::thread;

use steadfast_core::platform::{PlatformError, StoreChange, StoreRequest, When};
use steadfast_core::record::{Fence, RecordOutcome, With};
use steadfast_core::row::Birth;
use steadfast_core::{Outcome, Revision};

use super::calls::{
    Held, Scene, committed, content_in, grant, moved, read, server, session, try_write,
    write_record,
};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::{execute, remove, set, write_id};
use crate::conformance::samples::{ask, content_of, entry};

/// Servers that want one record at the same time.
const RIVALS: u64 = 8;

/// Records that they fight for.
const ROUNDS: u64 = 20;

/// What was never held has no row, no ends, no holder; and reading it writes nothing.
pub fn a_record_that_was_never_held_is_absent_in_all_its_parts<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    for _ in 0..2 {
        let view = scene.read();
        assert_eq!((view.record.as_ref(), view.holder.as_ref()), (None, None));
        assert_eq!(view.ends.as_deref(), Some(&[][..]));
        assert_eq!(content_in(&view), None);
        let base = view.base().expect("the data was read");
        assert_eq!((base.record, base.entry.row), (None, None));
        assert!(view.now >= view.started_at, "{view:?}");
        assert!(scene.records.home().is_none_or(|home| home == view.opening));
    }
    assert_eq!(scene.stored(), None);
}

/// Entry, record and data store come into being in one write.
pub fn a_grant_creates_a_missing_entry_with_the_defaults<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let held = scene.grant(1);
    assert_eq!(held.base.record, Some(Revision::first(write_id(1))));
    assert_eq!(held.body.fence, Fence::first(session(1)));
    let view = scene.read();
    assert_eq!(view.record.as_ref().map(|record| &record.body), Some(&held.body));
    assert_eq!(view.record.as_ref().map(|record| record.revision), held.base.record);
    assert_eq!(content_in(&view), Some(content_of(1)));
    assert_eq!(view.holder.as_ref().map(|holder| holder.server), Some(server(1)));
    let stored = scene.stored().expect("the entry was created");
    assert_eq!(stored.revision, Revision::first(write_id(1)));
    assert_eq!(held.base.entry.row, Some(stored.revision));
}

/// Who finds a record held is told since when, by the store's time, also after a save.
pub fn a_lease_tells_since_when_it_is_held<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut write = grant(&scene.read(), 1);
    write.body.lease.as_mut().expect("a grant has a lease").since = Birth::ThisWrite;
    let granted = committed(scene.write(&write));
    let since = || {
        let stored = scene.read().record.expect("it was granted");
        stored.body.lease.map(|lease| lease.since.time(stored.stamped_at))
    };
    assert_eq!(since(), Some(granted.stamped_at));
    let since_then = Birth::At(granted.stamped_at);
    write.body.lease.as_mut().expect("a grant has a lease").since = since_then;
    let mut held = Held { body: write.body, base: granted.base };
    let save = held.save(&scene.entry, 2);
    let saved = scene.must_write(&mut held, save);
    assert!(saved.stamped_at > granted.stamped_at);
    assert_eq!(since(), Some(granted.stamped_at));
}

/// A grant is no write of the value: whoever lists revisions sees none.
pub fn a_grant_leaves_an_existing_value_and_its_revision_alone<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    execute(&*scene.platform, set(&scene.entry, 100, When::Always)).expect("nothing fails here");
    let before = scene.stored();
    let mut held = scene.grant(1);
    assert_eq!(scene.stored(), before);
    let release = held.release(&scene.entry, 2, false);
    scene.must_write(&mut held, release);
    assert_eq!(scene.stored(), before);
}

/// The counter of a deleted entry goes on, so that no revision is ever given twice.
pub fn a_grant_over_a_deletion_goes_on_with_its_counter<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    execute(&*scene.platform, set(&scene.entry, 100, When::Always)).expect("nothing fails here");
    execute(&*scene.platform, remove(&scene.entry, 101, None)).expect("nothing fails here");
    let view = scene.read();
    assert_eq!(content_in(&view), None, "a deleted entry holds nothing");
    let head = view.data.expect("the data was read").base.entry.expect("the deletion is told");
    assert!(!head.is_live && head.revision.counter == 2, "{head:?}");
    scene.grant(1);
    let stored = scene.stored().expect("the entry was created again");
    assert_eq!((stored.revision.counter, stored.content), (3, Some(content_of(1))));
}

/// Defaults are stored only where there is certainly nothing.
pub fn a_grant_is_refused_when_the_entry_came_into_being<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let planned = grant(&scene.read(), 1);
    execute(&*scene.platform, set(&scene.entry, 100, When::Always)).expect("nothing fails here");
    let view = moved(scene.write(&planned));
    assert_eq!(content_in(&view), Some(content_of(100)), "the rows as read after the refusal");
    assert_eq!(scene.read().record.and_then(|record| record.body.lease), None);
}

/// A grant holds for exactly the value that was looked at.
pub fn a_grant_is_refused_when_the_entry_moved<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    execute(&*scene.platform, set(&scene.entry, 100, When::Always)).expect("nothing fails here");
    let planned = grant(&scene.read(), 1);
    execute(&*scene.platform, set(&scene.entry, 101, When::Always)).expect("nothing fails here");
    let view = moved(scene.write(&planned));
    assert_eq!(content_in(&view), Some(content_of(101)));
    committed(scene.write(&grant(&view, 2)));
}

/// Also where the value stayed the same.
pub fn a_grant_is_refused_when_the_record_moved<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let mut held = scene.grant(1);
    let release = held.release(&scene.entry, 2, false);
    scene.must_write(&mut held, release);
    let late = grant(&scene.read(), 3);
    let mut other = scene.grant(4);
    let release = other.release(&scene.entry, 5, false);
    scene.must_write(&mut other, release);
    let view = moved(scene.write(&late));
    assert_eq!(view.record.map(|record| record.revision), other.base.record);
    assert_eq!(view.ends.map(|ends| ends.len()), Some(2), "with its ends");
}

/// The loser is told who won.
pub fn one_of_two_competing_grants_wins<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let view = scene.read();
    let (first, second) = (grant(&view, 1), grant(&view, 2));
    committed(scene.write(&first));
    let refused = moved(scene.write(&second));
    assert_eq!(refused.holder.as_ref().map(|holder| holder.server), Some(server(1)));
    assert_eq!(refused.record.map(|record| record.body), Some(first.body));
}

/// Exactly one, whatever the threads do.
pub fn one_of_many_competing_grants_wins<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    for round in 0..ROUNDS {
        let id = entry(&format!("k{round}"));
        let view = read(&*scene.records, &id, With::Data).expect("nothing fails here");
        let barrier = Barrier::new(usize::try_from(RIVALS).expect("a small number"));
        let outcomes: Vec<RecordOutcome> = thread::scope(|scope| {
            let rivals = (0..RIVALS).map(|rival| {
                let (view, barrier, records) = (&view, &barrier, Arc::clone(&scene.records));
                scope.spawn(move || {
                    let planned = grant(view, 1 + round * RIVALS + rival);
                    barrier.wait();
                    write_record(&*records, &planned)
                })
            });
            let rivals: Vec<_> = rivals.collect();
            rivals.into_iter().map(|rival| rival.join().expect("no rival panics")).collect()
        });
        let won = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Committed(_)));
        assert_eq!(won.count(), 1, "{outcomes:?}");
        let stored = read(&*scene.records, &id, With::Data).expect("nothing fails here").record;
        for outcome in outcomes {
            if let Outcome::Refused(_) = outcome {
                assert_eq!(moved(outcome).record, stored, "every loser is told of the winner");
            }
        }
    }
}

/// Neither read nor granted.
pub fn nothing_is_granted_in_a_deleted_data_store<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let other = entry("other");
    execute(&*scene.platform, set(&other, 100, When::Always)).expect("nothing fails here");
    let planned = grant(&scene.read(), 1);
    let store = scene.entry.store.clone();
    let request =
        StoreRequest { store: store.clone(), change: StoreChange::Delete, write_id: write_id(101) };
    ask(|done| scene.platform.manage_store(request, done)).expect("nothing fails here");
    let deleted = PlatformError::StoreDeleted { store };
    for with in [With::Data, With::DataIfFree] {
        assert_eq!(read(&*scene.records, &scene.entry, with), Err(deleted.clone()));
    }
    assert_eq!(try_write(&*scene.records, &planned), Err(deleted));
}
