//! Writes beside game servers: refused while one holds the record, unless they are forced.

use super::support::*;
use super::world::{World, clock, player};
use crate::batch::{Batch, Condition, Write};
use crate::code::Code;
use crate::error::ErrorKind;
use crate::id::{OpeningId, ServerId, SessionId, WriteId};
use crate::platform::{
    EntryState, Get, Permit, PlatformError, Remove, Request, Restore, Settings, StoreChange,
    StoreRequest, Update, UpdateStep, When, Which,
};
use crate::record::{
    End, Fence, How, Lease, LeaseMode, MailBody, MailKind, RECORD_FORMAT, RecordBody,
    RecordCommand, RecordRequest, StoreFacts, Usage, With, push_end,
};
use crate::row::{Birth, Found, Row, RowBody, RowKey};

/// The state that everything here is written on.
const BASE: Stored = Stored { counter: 3, tag: 5, at: 30, is_deleted: false };

const HOLDER: ServerId = ServerId(11);

/// When the lease was granted.
const SINCE: i64 = 60;

const FENCE: Fence = Fence { counter: 8, session: SessionId(12) };

fn body(lease: Option<LeaseMode>) -> RecordBody {
    let lease = lease.map(|mode| {
        let (server, session) = (HOLDER, FENCE.session);
        Lease { server, session, mode, since: Birth::At(at(SINCE)) }
    });
    let (schema, save_seq, write_id) = (2, 21, WriteId(22));
    let (format, fence, usage) = (RECORD_FORMAT, FENCE, Usage::default());
    RecordBody { format, schema, lease, fence, save_seq, write_id, usage }
}

fn held() -> RecordBody {
    body(Some(LeaseMode::Presence))
}

fn free() -> RecordBody {
    body(None)
}

/// The row of the record, at the so many-th write of it.
fn record(counter: u64, body: &RecordBody) -> Found {
    let (key, revision, stamped_at) = (record_key(), rev(counter, 22), at(70));
    Found::Row(Row { key, revision, stamped_at, body: RowBody::Record(body.clone()) })
}

fn ends_key() -> RowKey {
    RowKey::Ends(entry())
}

/// The end of an earlier grant.
fn earlier_end() -> End {
    let fence = Fence { counter: 6, session: SessionId(13) };
    End { fence, save_seq: 20, write_id: WriteId(23), how: How::Released }
}

fn ends(all: &[End]) -> Found {
    let (key, body) = (ends_key(), RowBody::Ends(all.into()));
    Found::Row(Row { key, revision: rev(4, 22), stamped_at: at(50), body })
}

fn forced_remove() -> Request {
    let write_id = our_write();
    Request::Remove(Remove { entry: entry(), matches: None, force: true, write_id })
}

fn leased() -> PlatformError {
    PlatformError::Leased { entry: entry(), server: HOLDER, since: at(SINCE) }
}

/// A write whose first read found the entry at `BASE` and this record.
#[track_caller]
fn found(request: Request, record: &Found) -> Led {
    let mut led = Led::start(request);
    assert_eq!(led.keys(), [entry_key(), store_key(), record_key()]);
    led.read([&BASE.row(), &store_row(), record]);
    led
}

/// The same of a forced write, which also reads the ends of grants.
#[track_caller]
fn found_by_force(request: Request, record: &Found, ends: &Found) -> Led {
    let mut led = Led::start(request);
    assert_eq!(led.keys(), [entry_key(), store_key(), record_key(), ends_key()]);
    led.read([&BASE.row(), &store_row(), record, ends]);
    led
}

fn on_base(record: Condition) -> [(RowKey, Condition); 2] {
    [(entry_key(), Condition::At(BASE.revision())), (record_key(), record)]
}

#[test]
fn an_entry_whose_record_is_held_refuses_each_write_and_names_the_holder() {
    let modes =
        [LeaseMode::Presence, LeaseMode::Timeout(std::time::Duration::ZERO), LeaseMode::Unknown(9)];
    for (mode, format) in modes.into_iter().flat_map(|mode| [(mode, RECORD_FORMAT), (mode, 9)]) {
        let held = RecordBody { format, ..body(Some(mode)) };
        for request in
            [set(When::Always), set(When::Exists), set(When::Matches(BASE.id())), remove(None)]
        {
            let led = found(request, &record(5, &held));
            assert_eq!(led.error(), leased(), "{mode:?} of format {format}");
        }
    }
    let error = leased();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, Code::ActiveLease));
    let text = "the game server `0000000000000000000000000000000b` holds the record of the entry \
        `1/Players/global/u_1`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_lease_is_as_old_as_its_grant() {
    let mut held = held();
    let Some(lease) = &mut held.lease else { unreachable!("it is held") };
    lease.since = Birth::ThisWrite;
    let led = found(set(When::Always), &record(5, &held));
    let since = at(70);
    assert_eq!(led.error(), PlatformError::Leased { entry: entry(), server: HOLDER, since });
}

#[test]
fn a_number_whose_record_is_held_is_not_counted_up() {
    let mut led = Led::start(increment(1));
    led.read([&Found::Absent, &store_row(), &record(5, &held())]);
    assert_eq!(led.error(), leased());
}

#[test]
fn what_a_held_record_would_refuse_anyway_is_refused_for_its_own_reason() {
    let led = found(set(When::Missing), &record(5, &held()));
    assert_eq!(led.error(), PlatformError::Exists { current: Box::new(BASE.state()) });
    let led = found(set(When::Matches(live(2, 4, 20).id())), &record(5, &held()));
    assert_eq!(led.error(), PlatformError::Mismatch { current: Box::new(BASE.state()) });
    let no_update = Permit { update: false, ..Permit::ALL };
    let led = found(set_with(When::Always, no_update), &record(5, &held()));
    assert_eq!(led.error().kind(), ErrorKind::Denied);
}

#[test]
fn a_record_that_nobody_holds_takes_each_write_as_it_was_read() {
    for request in [set(When::Always), set(When::Matches(BASE.id())), remove(None)] {
        let mut led = found(request, &record(5, &free()));
        assert_eq!(led.batch().conditions, on_base(Condition::At(rev(5, 22))));
        let writes_record = |write: &Write| *write.key() == record_key();
        assert!(!led.batch().writes.iter().any(writes_record), "nothing of it changes");
        led.committed(80);
        assert!(led.answer().is_ok());
    }
}

#[test]
fn a_record_of_an_unknown_format_is_never_taken_for_free() {
    let unknown = |lease| RecordBody { format: RECORD_FORMAT + 1, ..body(lease) };
    let error = PlatformError::UnknownFormat { entry: entry() };
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, Code::UnknownFormat));
    assert_eq!(found(set(When::Always), &record(5, &unknown(None))).error(), error);
    // Nor is it written by force: what else it holds is not known.
    for lease in [None, Some(LeaseMode::Presence)] {
        let request = set_with(When::Always, Permit::FORCE);
        let led = found_by_force(request, &record(5, &unknown(lease)), &Found::Absent);
        assert_eq!(led.error(), error);
    }
}

#[test]
fn a_grant_between_read_and_batch_refuses_the_write() {
    for (read, now) in [(Found::Absent, 1), (record(5, &free()), 6)] {
        let mut led = found(set(When::Always), &read);
        led.refused_by([&BASE.row(), &record(now, &held())]);
        assert_eq!(led.error(), leased());
    }
    // Also if it was written meanwhile.
    let mut led = found(set(When::Always), &Found::Absent);
    led.refused_by([&live(4, 6, 40).row(), &record(1, &held())]);
    assert_eq!(led.error(), leased());
}

#[test]
fn a_grant_that_ended_between_read_and_batch_lets_the_write_pass() {
    let mut led = found(set(When::Always), &record(5, &free()));
    led.refused_by([&BASE.row(), &record(7, &free())]);
    assert_eq!(led.batch().conditions, on_base(Condition::At(rev(7, 22))));
    assert_eq!(led.written().0, rev(4, OURS));
    led.committed(80);
    assert!(led.answer().is_ok());
}

#[test]
fn a_damaged_record_refuses_writes_and_says_so() {
    let damaged = Found::Corrupt(record_key());
    let error = PlatformError::Corrupt { row: Box::new(record_key()) };
    for request in [set(When::Always), remove(None)] {
        assert_eq!(found(request, &damaged).error(), error);
    }
    let forced = set_with(When::Always, Permit::FORCE);
    assert_eq!(found_by_force(forced, &damaged, &Found::Absent).error(), error);
    let mut led = found(set(When::Always), &record(5, &free()));
    led.refused_by([&BASE.row(), &damaged]);
    assert_eq!(led.error(), error);
}

#[test]
fn reads_do_not_look_at_the_record() {
    let mut led = Led::start(get(Which::Current));
    assert_eq!(led.keys(), [entry_key(), store_key()]);
    led.read([&BASE.row(), &store_row()]);
    assert_eq!(led.answer(), Ok(BASE.state()));
    let led = Led::start(get(Which::Revision(BASE.id())));
    assert_eq!(led.keys(), [entry_key(), store_key(), universe_key()]);
}

#[test]
fn w_6_a_write_that_happened_is_recognised_although_the_record_is_held_since() {
    let (ours, held) = (live(4, OURS, 44), record(6, &held()));
    for when in [When::Always, When::Missing, When::Matches(BASE.id())] {
        let mut led = Led::start(set(when));
        led.read([&ours.row(), &store_row(), &held]);
        assert_eq!(led.answer(), Ok(ours.state()));
    }
    // Its holder has saved since: the revision that it named tells.
    let saved = live(5, 9, 60);
    let mut led = Led::start(set(When::Matches(BASE.id())));
    led.read([&saved.row(), &store_row(), &held]);
    led.read([&ours.history()]);
    assert_eq!(led.answer(), Ok(ours.state()));
    // Somebody else had made that one, and nothing of this write was written.
    let mut led = Led::start(set(When::Matches(BASE.id())));
    led.read([&saved.row(), &store_row(), &held]);
    led.read([&live(4, 8, 44).history()]);
    assert_eq!(led.error(), PlatformError::Mismatch { current: Box::new(saved.state()) });
    // Without a name nothing tells, and the holder goes first.
    let mut led = Led::start(set(When::Always));
    led.read([&saved.row(), &store_row(), &held]);
    assert_eq!(led.error(), leased());
}

#[test]
fn w_6_an_increment_that_happened_is_recognised_although_the_record_is_held_since() {
    let mut world = World::new(Settings::native());
    world.now = clock(1, 0, 0);
    let (counted, again) = (increment(2), increment(2));
    let first = world.run(counted).unwrap();
    world.put(record_key(), RowBody::Record(held()));
    assert_eq!(world.run(again), Ok(first));
    let other = Request::Increment(crate::platform::Increment {
        entry: entry(),
        by: 2,
        user_ids: vec![],
        metadata: crate::row::Metadata::empty(),
        permit: Permit::ALL,
        write_id: WriteId(999_999),
    });
    assert_eq!(world.run(other), Err(leased()));
}

#[test]
fn w_4_a_grant_after_an_unknown_outcome_does_not_hide_what_became_of_the_write() {
    let ours = live(4, OURS, 44);
    // It was written before the grant.
    let mut led = found(set(When::Always), &record(5, &free()));
    led.unknown();
    led.read([&ours.row(), &ours.history()]);
    assert!(led.answer().is_ok());
    // Or it came in late, and refuses its second try.
    let mut led = found(set(When::Always), &record(5, &free()));
    led.unknown();
    led.read([&BASE.row(), &Found::Absent]);
    led.refused_by([&ours.row(), &record(6, &held())]);
    assert!(led.answer().is_ok());
    // Or the grant came first; until it is asked again, the outcome stays unknown.
    let mut led = found(set(When::Always), &record(5, &free()));
    led.unknown();
    led.read([&BASE.row(), &Found::Absent]);
    led.refused_by([&BASE.row(), &record(6, &held())]);
    check_unknown(&led);
    let again = found(set(When::Always), &record(6, &held()));
    assert_eq!(again.error(), leased());
}

#[test]
fn an_update_ends_where_the_record_is_held() {
    let change = |_: Option<&EntryState>| Some(content("x"));
    let (mut update, _) = Update::start(entry(), Permit::ALL, our_write(), change);
    let UpdateStep::Send(_) = update.on_answer(Ok(BASE.state())) else { panic!("it writes") };
    let UpdateStep::Done(answer) = update.on_answer(Err(leased())) else { panic!("it is over") };
    assert_eq!(answer, Err(leased()));
}

/// What a forced write makes of a record that is held, beside its entry.
fn taken(revision: crate::id::Revision, before: &[End]) -> Vec<Write> {
    let RecordBody { save_seq, write_id, .. } = held();
    let end = End { fence: FENCE, save_seq, write_id, how: How::Edited };
    let fence = FENCE.next(SessionId(our_write().0));
    let body = RecordBody { fence, write_id: our_write(), ..free() };
    let mail = MailBody { waiter: HOLDER, fence: FENCE, kind: MailKind::Revoked };
    let put = |key, revision, body| Write::Put { key, revision, body };
    vec![
        put(record_key(), revision, RowBody::Record(body)),
        put(ends_key(), revision, RowBody::Ends(push_end(before, end))),
        put(RowKey::Mail(HOLDER, entry()), rev(1, OURS), RowBody::Mail(mail)),
    ]
}

fn writes_beside(batch: &Batch) -> Vec<Write> {
    let is_beside = |write: &&Write| {
        matches!(write.key(), RowKey::Record(_) | RowKey::Ends(_) | RowKey::Mail(..))
    };
    batch.writes.iter().filter(is_beside).cloned().collect()
}

#[test]
fn a_forced_write_moves_the_fence_and_tells_the_server_that_loses_the_record() {
    for request in [set_with(When::Always, Permit::FORCE), forced_remove()] {
        let before = [earlier_end()];
        let mut led = found_by_force(request, &record(5, &held()), &ends(&before));
        let mut conditions = led.batch().conditions.clone();
        conditions.sort_by_key(|(key, _)| key.clone());
        assert_eq!(conditions, on_base(Condition::At(rev(5, 22))));
        assert_eq!(writes_beside(led.batch()), taken(rev(6, OURS), &before));
        assert_eq!(led.written().0, rev(4, OURS));
        led.committed(80);
        assert!(led.answer().is_ok());
    }
}

#[test]
fn a_forced_write_of_a_record_that_nobody_holds_is_a_write_like_any_other() {
    for record in [Found::Absent, record(5, &free())] {
        let unforced = found(set(When::Always), &record);
        let request = set_with(When::Always, Permit::FORCE);
        let forced = found_by_force(request, &record, &Found::Absent);
        assert_eq!(forced.batch(), unforced.batch());
    }
}

#[test]
fn a_forced_write_that_was_overtaken_reads_the_ends_of_grants_again() {
    let request = set_with(When::Always, Permit::FORCE);
    let mut led = found_by_force(request, &record(5, &held()), &Found::Absent);
    // The condition on the record stands first.
    led.refused_by([&record(6, &held()), &BASE.row()]);
    assert_eq!(led.keys(), [entry_key(), store_key(), record_key(), ends_key()]);
    let before = [earlier_end()];
    led.read([&BASE.row(), &store_row(), &record(6, &held()), &ends(&before)]);
    assert_eq!(writes_beside(led.batch()), taken(rev(7, OURS), &before));
    // Only the entry moved: what was read beside it still holds.
    led.refused_by([&record(6, &held()), &live(4, 6, 40).row()]);
    assert_eq!(led.written().0, rev(5, OURS));
}

#[test]
fn a_forced_write_that_only_its_entry_overtook_keeps_the_ends_of_grants() {
    let (before, request) = ([earlier_end()], set_with(When::Always, Permit::FORCE));
    let mut led = found_by_force(request, &record(5, &held()), &ends(&before));
    led.refused_by([&record(5, &held()), &live(4, 6, 40).row()]);
    assert_eq!(writes_beside(led.batch()), taken(rev(6, OURS), &before));
}

#[test]
fn w_6_a_forced_write_without_an_answer_takes_the_record_once() {
    let request = || set_with(When::Always, Permit::FORCE);
    let mut led = found_by_force(request(), &record(5, &held()), &Found::Absent);
    let first = led.batch().clone();
    led.unknown();
    led.read([&BASE.row(), &Found::Absent]);
    assert_eq!(*led.batch(), first);
    // Its first try came in late, and somebody was granted the record since.
    let ours = live(4, OURS, 44);
    led.refused_by([&record(7, &held()), &ours.row()]);
    assert!(led.answer().is_ok());
    // Sent again by its caller it takes nothing from the new holder.
    let mut again = Led::start(request());
    again.read([&ours.row(), &store_row(), &record(7, &held()), &Found::Absent]);
    assert_eq!(again.answer(), Ok(ours.state()));
}

#[test]
fn a_restore_is_refused_while_the_record_is_held_and_can_be_forced() {
    let mut world = World::new(Settings::native());
    let old = world.set_at(&player(), clock(1, 0, 0));
    world.set_at(&player(), clock(2, 0, 0));
    let key = RowKey::Record(player());
    world.put(key.clone(), RowBody::Record(held()));
    let restore = |permit| {
        let (entry, revision, matches) = (player(), old.revision_id(), None);
        Request::Restore(Restore { entry, revision, matches, permit, write_id: our_write() })
    };
    let refused = world.run(restore(Permit::ALL)).unwrap_err();
    assert_eq!(refused.code(), Code::ActiveLease);
    let read = world.run(Request::Get(Get { entry: player(), which: Which::Current })).unwrap();
    assert_eq!(read.revision.counter, 2, "nothing was written");
    let restored = world.run(restore(Permit::FORCE)).unwrap();
    assert_eq!((restored.revision.counter, restored.content), (3, old.content.clone()));
    let RowBody::Record(after) = &world.rows[&key].body else { panic!("a record") };
    assert_eq!((after.lease, after.fence.counter), (None, FENCE.counter + 1));
    assert!(world.rows.contains_key(&RowKey::Mail(HOLDER, player())));
    // Nobody holds it any more.
    world.set_at(&player(), clock(3, 0, 0));
    assert_eq!(world.rows[&key].revision.counter, 2, "an unforced write leaves it alone");
}

#[test]
fn a_grant_at_any_step_of_a_write_comes_before_it_or_after_it() {
    for steps in 0.. {
        let mut world = World::new(Settings::native());
        world.set_at(&player(), clock(1, 0, 0));
        let request = world.set_request(&player());
        let mut write = world.start(request);
        for _ in 0..steps {
            world.step(&mut write);
        }
        let is_over = write.is_over();
        world.put(RowKey::Record(player()), RowBody::Record(held()));
        while !write.is_over() {
            world.step(&mut write);
        }
        let answer = write.answer();
        assert_eq!(answer.is_ok(), is_over, "after {steps} steps: {answer:?}");
        if is_over {
            return;
        }
    }
}

#[test]
fn a_data_store_may_be_deleted_under_its_sessions_which_find_out_when_they_read() {
    let mut world = World::new(Settings::native());
    world.set_at(&player(), clock(1, 0, 0));
    world.put(RowKey::Record(player()), RowBody::Record(held()));
    let (store, write_id) = (player().store, our_write());
    let deletion = StoreRequest { store: store.clone(), change: StoreChange::Delete, write_id };
    assert!(world.run(deletion).unwrap().deleted_at.is_some());
    let read = RecordCommand::Read { entry: player(), with: With::Data };
    let facts = StoreFacts { opening: OpeningId(1), started_at: world.now, now: world.now };
    let answer = world.run(RecordRequest { command: read.into(), store: facts });
    assert_eq!(answer, Err(PlatformError::StoreDeleted { store }));
}
