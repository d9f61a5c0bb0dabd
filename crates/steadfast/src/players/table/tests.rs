//! What a table decides where nothing from outside can bring it to the point.

use steadfast_core::id::NameError;

use super::*;

fn table() -> Table<&'static str> {
    Table::new(PlayerSettings::default(), Arc::new(Queue::with_room(64)))
}

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_nanos(seconds * 1_000_000_000)
}

#[test]
fn what_was_opened_for_a_joining_that_is_over_comes_back() {
    let (mut table, player) = (table(), PlayerId::from(7));
    table.join(&player, at(0)).unwrap();
    table.poll(at(0));
    let first = table.take_chores().to_open;
    assert_eq!(first, [(player.clone(), 1)]);
    assert_eq!(table.leave(&player), None);
    assert_eq!(table.take_chores().to_give_up, [1]);
    assert_eq!(table.opened(&player, 1, "late"), Some("late"));
    table.join(&player, at(1)).unwrap();
    assert_eq!(table.opened(&player, 1, "late"), Some("late"));
    assert_eq!(table.opened(&player, 2, "now"), None);
    assert_eq!(table.play(&player), Ok("now"));
    // The end of the session before says nothing of this one.
    table.on_event(&player, 1, SessionEvent::Released, at(2));
    assert_eq!(table.state(&player), PlayerState::Ready);
}

#[test]
fn no_more_openings_begin_at_once_than_a_frame_has_room_for() {
    let mut table = table();
    let most = u64::try_from(OPENINGS_AT_ONCE).unwrap();
    for player in 0..=most {
        table.join(&PlayerId::from(player), at(0)).unwrap();
    }
    // Whoever leaves before takes no place.
    assert_eq!(table.leave(&PlayerId::from(0)), None);
    table.join(&PlayerId::from(most + 1), at(0)).unwrap();
    table.poll(at(0));
    assert_eq!(table.take_chores().to_open.len(), OPENINGS_AT_ONCE);
    assert_eq!(table.next_wake(), Some(at(0).saturating_add(OPENINGS_EVERY)));
    table.poll(at(0));
    assert!(table.take_chores().to_open.is_empty());
    table.poll(at(0).saturating_add(OPENINGS_EVERY));
    let last = table.take_chores().to_open;
    assert_eq!(
        last.iter().map(|(player, _)| player.clone()).collect::<Vec<_>>(),
        [PlayerId::from(most + 1)]
    );
    assert_eq!(table.next_wake(), None);
}

#[test]
fn a_record_that_is_busy_is_no_attempt_until_twenty_seconds_are_over() {
    let (mut table, player) = (table(), PlayerId::from(7));
    table.join(&player, at(0)).unwrap();
    table.poll(at(0));
    let entry = entry();
    let busy = || SessionOpenError::Refused(OpenError::AlreadyOpen { entry: entry.clone() });
    table.refused(&player, 1, busy(), at(19));
    assert_eq!(table.state(&player), PlayerState::Loading);
    assert_eq!(table.next_wake(), Some(at(19).saturating_add(BUSY_EVERY)));
    table.poll(at(20));
    table.refused(&player, 1, busy(), at(20));
    assert!(matches!(table.state(&player), PlayerState::Retrying { attempts: 1, .. }));
}

fn entry() -> steadfast_core::EntryId {
    use steadfast_core::{EntryKey, Scope, StoreId, StoreName, UniverseId};
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
    steadfast_core::EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") }
}

#[test]
fn what_no_retry_can_help_fails_at_the_first_attempt() {
    let (mut table, player) = (table(), PlayerId::from(7));
    table.join(&player, at(0)).unwrap();
    let error = SessionOpenError::Name(NameError::Empty { what: "key" });
    table.refused(&player, 1, error, at(0));
    let PlayerState::Failed(failure) = table.state(&player) else { panic!("it is tried again") };
    assert!(matches!(&*failure, PlayerFailure::Load { attempts: 1, .. }));
}

#[test]
fn a_template_that_cannot_be_made_fails_the_load() {
    let (mut table, player) = (table(), PlayerId::from(7));
    table.settings.on_load_failure = OnLoadFailure::PlayUnsaved;
    table.join(&player, at(0)).unwrap();
    let error = SessionOpenError::Name(NameError::Empty { what: "key" });
    table.refused(&player, 1, error, at(0));
    assert_eq!(table.take_chores().to_template, [(player.clone(), 1)]);
    table.templated(&player, 1, None);
    assert!(matches!(table.state(&player), PlayerState::Failed(_)));
}
