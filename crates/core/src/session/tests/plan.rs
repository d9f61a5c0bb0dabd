//! Facts about which write a session makes next, what is in it, and what it leaves when it ends.

use std::sync::Arc;

use std::time::Duration;

use super::{ME, Mine, body, content, entry, fence, revision};
use crate::game_server::tests::fleet::Line;
use crate::game_server::{CommandId, Ticket};
use crate::id::{ServerId, WriteId};
use crate::json::JsonText;
use crate::planted::Flaws;
use crate::record::{Data, End, How, LeaseMode, RecordBody, RecordCommand, RecordWrite};
use crate::session::plan::UNSETTLED_MAX;
use crate::session::{Circumstances, NoHooks, Session, SessionState, Waiter, Wiring, WriteKind};
use crate::time::Monotonic;

const SERVER: ServerId = ServerId(9);

/// What is different about a session.
type Change = fn(&mut Session);

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_nanos(seconds * 1_000_000_000)
}

/// A clean session at fence 3 and save 7, in the record's revision 10.
fn session(state: SessionState) -> Session {
    let base = Mine::new().base;
    let document = Box::new(Line(JsonText::trusted("1")));
    let body = body(fence(3, ME), 7, 70);
    Session::granted(entry(), ME, state, body, base, document, &content(), wiring())
}

fn active() -> Session {
    session(SessionState::Active)
}

fn waiter(change_count: u64) -> Waiter {
    Waiter { ticket: Ticket(1), change_count, until: at(100), for_release: false }
}

/// Live, with room, in a store that answers.
fn circumstances() -> Circumstances {
    let (now, server) = (at(50), SERVER);
    Circumstances { now, server, is_live: true, is_silent: false, may_autosave: true }
}

fn with_timeout(session: &mut Session, believed_until: Monotonic) {
    if let Some(lease) = &mut session.body.lease {
        lease.mode = LeaseMode::Timeout(Duration::from_mins(3));
    }
    session.believed_until = believed_until;
}

/// Plans a write under an id.
fn wiring() -> Wiring {
    let (handlers, operations, hooks) = (Arc::default(), Arc::default(), Arc::new(NoHooks));
    Wiring { handlers, operations, hooks, flaws: Flaws::default() }
}

fn plan(session: &mut Session, kind: WriteKind, write: u128) -> RecordWrite {
    let command = session.plan(kind, || WriteId(write), circumstances());
    let RecordCommand::Write(write) = &*command else { panic!("{command:?}") };
    (**write).clone()
}

#[test]
fn nothing_is_written_while_something_is_out_or_in_doubt_or_must_wait() {
    let change: [(&str, Change); 3] = [
        ("a call is out", |it| it.call = Some(CommandId(1))),
        ("the record must be read", |it| it.must_look = true),
        ("a failure was just now", |it| it.retry_at = Some(at(51))),
    ];
    for (why, change) in change {
        let mut session = active();
        session.is_releasing = true;
        assert_eq!(session.next_kind(circumstances()), Some(WriteKind::Release));
        change(&mut session);
        assert_eq!(session.next_kind(circumstances()), None, "{why}");
    }
    let mut session = active();
    (session.is_releasing, session.retry_at) = (true, Some(at(50)));
    assert_eq!(session.next_kind(circumstances()), Some(WriteKind::Release), "it is time again");
}

#[test]
fn a_session_adopts_its_record_only_while_its_server_lives() {
    let elsewhere = Circumstances { server: ServerId(10), ..circumstances() };
    assert_eq!(active().next_kind(elsewhere), Some(WriteKind::Adopt));
    assert_eq!(active().next_kind(Circumstances { is_live: false, ..elsewhere }), None);
    assert_eq!(active().next_kind(circumstances()), None, "it is named already");
    let mut behind = active();
    behind.fence_floor = 4;
    assert_eq!(behind.next_kind(circumstances()), Some(WriteKind::Adopt), "the fence moves");
    behind.fence_floor = 3;
    assert_eq!(behind.next_kind(circumstances()), None);
}

#[test]
fn whoever_waits_for_what_is_stored_causes_no_write() {
    let mut session = active();
    (session.change_count, session.stored) = (2, 2);
    session.waiters.push(waiter(2));
    assert_eq!(session.next_kind(circumstances()), None);
    session.waiters.push(waiter(3));
    let silent = Circumstances { is_silent: true, may_autosave: false, ..circumstances() };
    assert_eq!(session.next_kind(silent), Some(WriteKind::Save), "what is waited for always goes");
}

#[test]
fn a_save_of_nobodys_asking_needs_its_time_room_and_a_store_that_answers() {
    let mut session = active();
    session.autosave_at = Some(at(51));
    assert_eq!(session.next_kind(circumstances()), None);
    session.autosave_at = Some(at(50));
    assert_eq!(session.next_kind(circumstances()), Some(WriteKind::Save));
    let full = Circumstances { may_autosave: false, ..circumstances() };
    let silent = Circumstances { is_silent: true, ..circumstances() };
    assert_eq!((session.next_kind(full), session.next_kind(silent)), (None, None));
}

#[test]
fn a_save_stores_what_changed_under_the_fence_that_stands() {
    let mut session = active();
    let clean = plan(&mut session, WriteKind::Save, 71);
    assert_eq!((clean.data, clean.end, clean.revoked), (Data::Keep, None, None));
    session.change_count = 1;
    let write = plan(&mut session, WriteKind::Save, 72);
    let expected = RecordBody { save_seq: 8, write_id: WriteId(72), ..session.body.clone() };
    assert_eq!((write.body, write.write_id, write.base), (expected, WriteId(72), session.base));
    assert!(
        matches!(write.data, Data::Put { content, pinned: false } if content == self::content())
    );
}

#[test]
fn l3_a_release_stores_what_changed_moves_the_fence_and_ends_the_grant() {
    let mut session = active();
    session.change_count = 1;
    let write = plan(&mut session, WriteKind::Release, 71);
    let (write_id, next) = (WriteId(71), fence(4, ME));
    let expected =
        RecordBody { lease: None, fence: next, save_seq: 8, write_id, ..session.body.clone() };
    let end = End { fence: fence(3, ME), save_seq: 8, write_id, how: How::Released };
    assert_eq!((write.body, write.end), (expected, Some(end)));
    assert!(matches!(write.data, Data::Put { .. }));
    let clean = plan(&mut active(), WriteKind::Release, 71);
    assert_eq!(clean.data, Data::Keep, "what did not change is not written");
}

#[test]
fn l3_an_adoption_moves_the_fence_beyond_all_that_the_session_had() {
    let mut session = active();
    let server = ServerId(10);
    let elsewhere = Circumstances { server, ..circumstances() };
    session.change_count = 1;
    session.fence_floor = 8;
    let command = session.plan(WriteKind::Adopt, || WriteId(71), elsewhere);
    let RecordCommand::Write(write) = &*command else { panic!("{command:?}") };
    let lease = session.body.lease.map(|lease| crate::record::Lease { server, ..lease });
    let (fence, write_id) = (fence(9, ME), WriteId(71));
    let expected = RecordBody { lease, fence, write_id, ..session.body.clone() };
    assert_eq!((&write.body, &write.data, write.end), (&expected, &Data::Keep, None));
    assert_eq!(session.unsettled()[0].contains, 0, "it stores nothing of the data");
}

#[test]
fn w6_the_same_write_keeps_its_id_and_another_gets_one_of_its_own() {
    let mut session = active();
    session.change_count = 1;
    let first = plan(&mut session, WriteKind::Save, 71);
    assert_eq!(plan(&mut session, WriteKind::Save, 72), first, "nothing changed");
    assert_eq!(session.newest_write(), Some(WriteId(71)));
    let release = plan(&mut session, WriteKind::Release, 73);
    assert_eq!(release.write_id, WriteId(73), "it is for something else");
    session.change_count = 2;
    assert_eq!(plan(&mut session, WriteKind::Release, 74).write_id, WriteId(74), "it holds more");
    let ids: Vec<u128> = session.unsettled().iter().map(|write| write.write_id.0).collect();
    assert_eq!(ids, [71, 73, 74]);
}

#[test]
fn w6_the_seventeenth_write_on_one_base_is_the_sixteenth_again() {
    let mut session = active();
    for write in 1..=16 {
        session.change_count += 1;
        assert_eq!(plan(&mut session, WriteKind::Save, write).write_id, WriteId(write));
    }
    session.change_count += 1;
    assert_eq!(plan(&mut session, WriteKind::Save, 17).write_id, WriteId(16));
    assert_eq!(session.unsettled().len(), UNSETTLED_MAX);
}

#[test]
fn a_spill_names_only_the_writes_that_hold_all_of_it() {
    let mut session = active();
    assert_eq!(session.spill(), None, "a clean session leaves nothing");
    session.change_count = 1;
    plan(&mut session, WriteKind::Save, 71);
    session.change_count = 2;
    plan(&mut session, WriteKind::Save, 72);
    let spill = session.spill().unwrap();
    assert_eq!((spill.base, spill.entry), (Some(revision(10)), entry()));
    assert_eq!(spill.stored_at, [revision(10).next(WriteId(72))]);
    assert_eq!(spill.content, content());
}

#[test]
fn only_a_session_that_has_its_record_promises() {
    use SessionState::{Active, LeaseLost, Released, Releasing, Suspended};
    for (state, promises) in [
        (Active, true),
        (Releasing, true),
        (Suspended, false),
        (Released, false),
        (LeaseLost, false),
    ] {
        assert_eq!(session(state).may_promise(), promises, "{state:?}");
        assert_eq!(session(state).is_active(), state == Active);
        assert_eq!(session(state).is_compared, state == Active, "a grant shows it to the living");
    }
}

#[test]
fn a_lease_with_a_timeout_is_doubted_by_its_own_end_and_others_by_their_server() {
    let mut session = active();
    assert_eq!(
        (session.is_in_doubt(at(9), true), session.is_in_doubt(at(9), false)),
        (true, false)
    );
    assert_eq!(session.believed_until(), None);
    with_timeout(&mut session, at(10));
    assert_eq!(session.believed_until(), Some(at(10)));
    assert!(!session.is_in_doubt(Monotonic::from_nanos(9_999_999_999), true));
    assert!(session.is_in_doubt(at(10), false));
}

#[test]
fn a_session_tells_what_it_knows() {
    let mut session = active();
    (session.change_count, session.stored) = (5, 4);
    assert_eq!((session.change_count(), session.stored_change_count()), (5, 4));
    assert_eq!(session.record_revision(), Some(revision(10)));
    session.user_ids = vec![crate::id::UserId::Number(7)];
    assert_eq!(session.user_ids(), [crate::id::UserId::Number(7)]);
    session.content();
    assert_eq!(session.content().user_ids, session.user_ids());
}

#[test]
fn a_session_wakes_for_what_comes_first() {
    let now = at(50);
    let mut session = active();
    assert_eq!(session.next_wake(now), None, "an idle session asks for nothing");
    session.rest_at = Some(at(90));
    assert_eq!(session.next_wake(now), Some(at(90)));
    session.autosave_at = Some(at(80));
    assert_eq!(session.next_wake(now), Some(at(80)));
    session.retry_at = Some(at(85));
    assert_eq!(session.next_wake(now), Some(at(85)), "not before the pause is over");
    session.waiters.push(waiter(0));
    session.waiters.push(Waiter { until: at(70), ..waiter(0) });
    assert_eq!(session.next_wake(now), Some(at(70)));
    with_timeout(&mut session, at(60));
    assert_eq!(session.next_wake(now), Some(at(60)));
    session.state = SessionState::Suspended;
    assert_eq!(session.next_wake(now), Some(at(70)), "it is in doubt already");
}

#[test]
fn what_could_not_be_sent_is_held_back_until_the_pause_is_over() {
    let change: [(&str, Change); 4] = [
        ("its release", |it| it.is_releasing = true),
        ("its record is in doubt", |it| it.must_look = true),
        ("somebody waits", |it| it.waiters.push(Waiter { until: at(99), ..waiter(1) })),
        ("a save is due", |it| it.autosave_at = Some(at(50))),
    ];
    for (why, change) in change {
        let mut session = active();
        change(&mut session);
        let without = session.waiters.first().map(|it| it.until);
        assert_eq!(session.next_wake(at(50)), without, "{why}: whoever holds it back wakes it");
        session.retry_at = Some(at(55));
        assert_eq!(session.next_wake(at(50)), Some(at(55)), "{why}");
        assert_eq!(session.next_wake(at(55)), without, "{why}: the pause is over");
        session.call = Some(CommandId(1));
        assert_eq!(session.next_wake(at(50)), without, "{why}: its answer wakes it");
    }
    let mut session = session(SessionState::Suspended);
    assert_eq!(session.next_wake(at(50)), None);
    session.retry_at = Some(at(55));
    assert_eq!(session.next_wake(at(50)), Some(at(55)));
    session.state = SessionState::Active;
    assert_eq!(session.next_wake(at(50)), None, "nothing of it is pending");
}

#[test]
fn a_hurry_ends_the_pause_after_a_failure() {
    let mut session = active();
    (session.failure_count, session.retry_at) = (5, Some(at(60)));
    session.hurry();
    assert_eq!((session.failure_count, session.retry_at), (0, None));
}
