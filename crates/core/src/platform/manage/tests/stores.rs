//! H-31, H-32 and B-42: what is done to a data store.

use super::support::*;
use crate::batch::Condition;
use crate::platform::{
    History, Operation, PlatformError, RETENTION, StoreChange, StoreInfo, StoreRequest,
};
use crate::row::{Birth, Found, RowBody, StoreBody};

const CHANGES: [StoreChange; 5] = [
    StoreChange::Look,
    StoreChange::Delete,
    StoreChange::Undelete,
    StoreChange::History(Some(History::Every)),
    StoreChange::History(None),
];

fn start(change: StoreChange, found: &Found) -> Led<StoreRequest> {
    Led::start(request(change), found)
}

fn missing() -> PlatformError {
    PlatformError::StoreNotFound { store: store_id() }
}

#[test]
fn a_look_tells_what_there_is() {
    assert_eq!(start(StoreChange::Look, &active(3, 9, 30)).answer(), Ok(info(30)));
    let wanted = StoreInfo { deleted_at: Some(at(NOW - 5)), ..info(NOW - 5) };
    let led = start(StoreChange::Look, &deleted(4, 9, NOW - 5));
    assert_eq!(led.answer(), Ok(wanted.clone()));
    assert_eq!(wanted.expires_at(), Some(at(NOW - 5).saturating_add(RETENTION)));
    // A first write creates it, and nothing was written to it since.
    let led = start(StoreChange::Look, &store_row(1, 9, 30, StoreBody::NEW));
    assert_eq!(led.answer(), Ok(StoreInfo { created_at: at(30), ..info(30) }));
}

#[test]
fn k_14_a_store_that_was_never_written_to_does_not_exist() {
    for change in CHANGES {
        assert_eq!(start(change, &Found::Absent).answer(), Err(missing()), "{change:?}");
    }
}

#[test]
fn h_31_a_deletion_is_a_mark_on_the_row() {
    let mut led = start(StoreChange::Delete, &active(3, 9, 30));
    let body =
        StoreBody { birth: Birth::At(at(BIRTH)), deleted: Some(Birth::ThisWrite), history: None };
    let wanted = (Condition::At(rev(3, 9)), rev(4, OURS), RowBody::Store(body));
    assert_eq!(led.written(), wanted);
    led.committed(NOW + 1);
    let wanted = StoreInfo { deleted_at: Some(at(NOW + 1)), ..info(NOW + 1) };
    assert_eq!(led.answer(), Ok(wanted));
}

#[test]
fn h_31_a_deleted_store_is_returned_as_it_is() {
    let led = start(StoreChange::Delete, &deleted(4, 9, NOW - 5));
    assert_eq!(led.answer(), Ok(StoreInfo { deleted_at: Some(at(NOW - 5)), ..info(NOW - 5) }));
}

#[test]
fn h_32_an_undeleted_store_is_as_it_was() {
    let body = StoreBody {
        birth: Birth::At(at(BIRTH)),
        deleted: Some(Birth::ThisWrite),
        history: Some(History::Hourly),
    };
    let mut led = start(StoreChange::Undelete, &store_row(4, 9, NOW - 5, body.clone()));
    let wanted = (
        Condition::At(rev(4, 9)),
        rev(5, OURS),
        RowBody::Store(StoreBody { deleted: None, ..body }),
    );
    assert_eq!(led.written(), wanted);
    led.committed(NOW + 1);
    let wanted = StoreInfo { history: Some(History::Hourly), ..info(NOW + 1) };
    assert_eq!(led.answer(), Ok(wanted));
    // One that is not deleted is returned as it is.
    assert_eq!(start(StoreChange::Undelete, &active(3, 9, 30)).answer(), Ok(info(30)));
}

#[test]
fn h_32_a_deletion_can_be_taken_back_for_30_days() {
    let row = deleted(4, 9, NOW);
    let expires_at = at(NOW).saturating_add(RETENTION).ticks();
    let led = Led::start_at(expires_at - 1, request(StoreChange::Undelete), &row);
    assert_eq!(led.written().0, Condition::At(rev(4, 9)));
    for change in CHANGES {
        let led = Led::start_at(expires_at, request(change), &row);
        assert_eq!(led.answer(), Err(missing()), "{change:?}: it is as good as purged");
    }
}

#[test]
fn a_choice_of_history_stays_with_the_store() {
    let choose = |choice| StoreChange::History(choice);
    let mut led = start(choose(Some(History::Every)), &active(3, 9, 30));
    let body =
        StoreBody { birth: Birth::At(at(BIRTH)), deleted: None, history: Some(History::Every) };
    assert_eq!(led.written().2, RowBody::Store(body.clone()));
    led.committed(40);
    let wanted = StoreInfo { history: Some(History::Every), ..info(40) };
    assert_eq!(led.answer(), Ok(wanted.clone()));
    // The same choice again writes nothing.
    let row = store_row(4, OURS, 40, body.clone());
    assert_eq!(start(choose(Some(History::Every)), &row).answer(), Ok(wanted));
    assert_eq!(start(choose(None), &active(3, 9, 30)).answer(), Ok(info(30)));
    // And it can be given up.
    let led = start(choose(None), &row);
    assert_eq!(led.written().2, RowBody::Store(StoreBody { history: None, ..body }));
    // A deletion keeps it.
    let mut led = start(StoreChange::Delete, &row);
    led.committed(50);
    assert_eq!(led.answer().unwrap().history, Some(History::Every));
}

#[test]
fn a_deleted_store_cannot_be_set_up() {
    let store = store_id();
    for choice in [None, Some(History::Every)] {
        let led = start(StoreChange::History(choice), &deleted(4, 9, NOW - 5));
        assert_eq!(led.answer(), Err(PlatformError::StoreDeleted { store: store.clone() }));
    }
}

#[test]
fn a_damaged_store_is_not_a_missing_one() {
    for change in CHANGES {
        let led = start(change, &Found::Corrupt(store_key()));
        assert_eq!(led.answer(), Err(PlatformError::Corrupt { row: Box::new(store_key()) }));
    }
}

#[test]
fn only_changes_are_writes() {
    for change in CHANGES {
        let is_write = change != StoreChange::Look;
        assert_eq!(Operation::write_id(&request(change)).is_some(), is_write);
        assert_eq!(request(change).lane(), None);
    }
}
