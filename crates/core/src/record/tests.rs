//! Facts about records, their rows and their writes.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

mod joint;
mod machine;

use std::sync::Arc;

use crate::id::{OpeningId, Revision, ServerId, SessionId, WriteId};
use crate::outcome::Outcome;
use crate::platform::tests::world::{World, entry_in};
use crate::platform::{Input, Machine, Operation, PlatformError, Settings, Step};
use crate::record::{
    Data, ENDS_MAX, End, Fence, How, Lease, LeaseMode, Mail, MailBody, MailKind, PresenceBody,
    PresenceRefusal, PresenceState, RECORD_FORMAT, RecordBase, RecordBody, RecordCommand,
    RecordRefusal, RecordReply, RecordRequest, RecordView, RecordWrite, StoreFacts, StoredRecord,
    Usage, With, push_end,
};
use crate::row::{Birth, ReadError, RowBody, RowKey};
use crate::time::Timestamp;

const SERVER: ServerId = ServerId(5);

fn facts() -> StoreFacts {
    let (started_at, now) = (Timestamp::EPOCH, Timestamp::EPOCH);
    StoreFacts { opening: OpeningId(1), started_at, now }
}

fn ask(world: &mut World, command: RecordCommand) -> Result<RecordReply, PlatformError> {
    world.run(RecordRequest { command: Arc::new(command), store: facts() })
}

#[track_caller]
fn read(world: &mut World, with: With) -> RecordView {
    let entry = entry_in("Players", "u_1");
    match ask(world, RecordCommand::Read { entry, with }) {
        Ok(RecordReply::Read(view)) => *view,
        other => panic!("{other:?}"),
    }
}

fn end(counter: u64) -> End {
    let fence = Fence { counter, session: SessionId(1) };
    End { fence, save_seq: counter, write_id: WriteId(u128::from(counter)), how: How::Released }
}

/// A grant of a record as it was read.
fn grant(view: &RecordView, session: u128, write: u128) -> RecordWrite {
    let (session, write_id) = (SessionId(session), WriteId(write));
    let record = view.record.as_ref();
    let (mode, since) = (LeaseMode::Presence, Birth::ThisWrite);
    let lease = Some(Lease { server: SERVER, session, mode, since });
    let fence = record.map_or(Fence::first(session), |it| it.body.fence.next(session));
    let (format, schema, save_seq) = (RECORD_FORMAT, 0, 0);
    let usage = Usage::default();
    let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
    let base = view.base().expect("it was read with its data");
    let content = crate::game_server::tests::fleet::content("0");
    let data = match base.entry.entry {
        Some(_) => Data::Same,
        None => Data::Put { content, pinned: false },
    };
    let entry = view.entry.clone();
    RecordWrite::new(entry, base, body, data)
}

#[track_caller]
fn written(world: &mut World, write: RecordWrite) -> RecordBase {
    match ask(world, RecordCommand::Write(Box::new(write))) {
        Ok(RecordReply::Written(Outcome::Committed(written))) => written.base,
        other => panic!("{other:?}"),
    }
}

#[test]
fn s18_the_seventeenth_end_pushes_the_first_out() {
    let mut ends: Arc<[End]> = Arc::default();
    for counter in 1..=16 {
        ends = push_end(&ends, end(counter));
    }
    assert_eq!((ends.len(), ends[0]), (ENDS_MAX, end(1)));
    ends = push_end(&ends, end(17));
    assert_eq!((ends.len(), ends[0], ends[15]), (ENDS_MAX, end(2), end(17)));
}

#[test]
fn l3_a_seizure_moves_the_fence_and_says_who_lost_what() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    let record = read(&mut world, With::Data).record.unwrap();
    let (body, end, revoked) = record.seized(WriteId(80), How::Stolen);
    assert_eq!((body.lease, body.fence.counter, body.write_id), (None, 2, WriteId(80)));
    let fence = Fence { counter: 1, session: SessionId(7) };
    let ended = End { fence, save_seq: 0, write_id: WriteId(70), how: How::Stolen };
    assert_eq!((end, revoked), (Some(ended), Some((SERVER, fence))));
    // Of a free record there is no grant to end, and nobody to tell.
    let free = StoredRecord { body, ..record };
    let (body, end, revoked) = free.seized(WriteId(81), How::Edited);
    assert_eq!((body.fence.counter, end, revoked), (3, None, None));
}

#[test]
fn a_grant_leaves_the_value_and_its_revision_alone() {
    let mut world = World::new(Settings::native());
    let first = read(&mut world, With::Data);
    assert_eq!((first.record.is_none(), first.base().unwrap().record), (true, None));
    let base = written(&mut world, grant(&first, 7, 70));
    let entry = base.entry.entry.unwrap();
    assert_eq!((entry.revision, entry.is_live), (Revision::first(WriteId(70)), true));
    let view = read(&mut world, With::Data);
    let read = view.base().unwrap();
    let told = (read.record, read.entry.entry, read.entry.row);
    let known = (base.record, base.entry.entry, base.entry.row);
    assert_eq!(told, known, "what a write tells is what a read tells");
    let again = written(&mut world, grant(&view, 8, 80));
    assert_eq!(again.entry.entry, base.entry.entry);
    assert_eq!(again.record.map(|it| it.counter), Some(2));
    assert_eq!(world.standing(&view.entry), [1], "no state was added to the history");
}

#[test]
fn w2_a_write_is_refused_with_the_record_as_it_stands() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    match ask(&mut world, RecordCommand::Write(Box::new(grant(&view, 8, 80)))) {
        Ok(RecordReply::Written(Outcome::Refused(RecordRefusal::Moved(found)))) => {
            assert_eq!(found.record.as_ref().unwrap().body.write_id, WriteId(70));
            assert!(found.data.is_some() && found.ends.is_some() && found.holder.is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_waits_reads_no_data_until_the_record_is_free() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    let held = read(&mut world, With::DataIfFree);
    assert_eq!((held.data.is_none(), held.holder.unwrap().server), (true, SERVER));
    let record = held.record.unwrap();
    let (body, ..) = record.seized(WriteId(80), How::Edited);
    world.put(RowKey::Record(held.entry), RowBody::Record(body));
    assert!(read(&mut world, With::DataIfFree).data.is_some());
}

#[test]
fn damage_is_told_and_never_taken_for_absence() {
    let mut world = World::new(Settings::native());
    let entry = entry_in("Players", "u_1");
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    for (row, is_error) in [
        (RowKey::Record(entry.clone()), true),
        (RowKey::Entry(entry.clone()), true),
        (RowKey::Ends(entry.clone()), false),
    ] {
        world.damaged.insert(row.clone());
        let command = RecordCommand::Read { entry: entry.clone(), with: With::Data };
        let answer = ask(&mut world, command);
        assert_eq!(matches!(answer, Err(PlatformError::Corrupt { .. })), is_error, "{row}");
        world.damaged.clear();
    }
    world.damaged.insert(RowKey::Record(entry.clone()));
    match ask(&mut world, RecordCommand::Check(vec![entry])) {
        Ok(RecordReply::Checked(found)) => assert!(found[0].is_err()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn w4_a_refusal_that_cannot_be_explained_is_no_certain_answer() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    let command = Arc::new(RecordCommand::Write(Box::new(grant(&view, 8, 80))));
    let (mut machine, step) = RecordRequest { command, store: facts() }.start(&Settings::native());
    let Step::Commit(batch) = step else { panic!("{step:?}") };
    let step = machine.on(Input::Committed(world.commit(&batch)));
    assert!(matches!(step, Step::Read(_)), "{step:?}");
    let failed = ReadError::Unavailable { reason: "gone".into() };
    match machine.on(Input::Read(Err(failed))) {
        Step::Done(Ok(RecordReply::Written(Outcome::Unknown))) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn mail_is_deleted_by_its_revision_only() {
    let mut world = World::new(Settings::native());
    let (server, entry) = (SERVER, entry_in("Players", "u_1"));
    let fence = Fence::first(SessionId(1));
    let body = MailBody { waiter: ServerId(6), fence, kind: MailKind::HandOff };
    let put = |world: &mut World, write| {
        let (entry, write_id) = (entry.clone(), WriteId(write));
        let done = ask(world, RecordCommand::PutMail { server, entry, body, write_id });
        assert_eq!(done, Ok(RecordReply::Noted));
    };
    put(&mut world, 1);
    let mail = |world: &mut World| match ask(world, RecordCommand::ReadMail { server }) {
        Ok(RecordReply::Mail(mail)) => mail,
        other => panic!("{other:?}"),
    };
    let first: Vec<Mail> = mail(&mut world);
    put(&mut world, 2);
    let delete = |at| RecordCommand::DeleteMail { server, entry: entry.clone(), at };
    assert_eq!(ask(&mut world, delete(first[0].revision)), Ok(RecordReply::Noted));
    let second = mail(&mut world);
    assert_eq!(second.len(), 1, "what came later stays");
    ask(&mut world, delete(second[0].revision)).unwrap();
    assert_eq!(mail(&mut world), []);
}

#[test]
fn l8_a_renewal_never_creates_and_a_creation_never_replaces() {
    let mut world = World::new(Settings::native());
    let write = |world: &mut World, base, write| {
        let (state, home, address) = (PresenceState::Alive, None, "".into());
        let body = PresenceBody { state, seq: 1, home, address };
        let (server, write_id, with_mail, in_opening) = (SERVER, WriteId(write), true, None);
        let command =
            RecordCommand::WritePresence { server, base, body, write_id, with_mail, in_opening };
        match ask(world, command) {
            Ok(RecordReply::Presence(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    };
    let renewed = write(&mut world, Some(Revision::first(WriteId(1))), 2);
    assert_eq!(renewed, Outcome::Refused(PresenceRefusal::Moved(None)));
    assert!(write(&mut world, None, 3).committed().is_some());
    match write(&mut world, None, 4) {
        Outcome::Refused(PresenceRefusal::Moved(Some(stored))) => {
            assert_eq!(stored.revision, Revision::first(WriteId(3)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn l8_a_death_that_was_concluded_before_the_store_was_opened_anew_does_not_count() {
    let mut world = World::new(Settings::native());
    let body = |state, seq| PresenceBody { state, seq, home: None, address: "".into() };
    let write = |base, state, write, in_opening: Option<u128>| RecordCommand::WritePresence {
        server: SERVER,
        base,
        body: body(state, write),
        write_id: WriteId(u128::from(write)),
        with_mail: false,
        in_opening: in_opening.map(OpeningId),
    };
    ask(&mut world, write(None, PresenceState::Alive, 1, None)).unwrap();
    let base = Some(Revision::first(WriteId(1)));
    let refused = ask(&mut world, write(base, PresenceState::Dead, 2, Some(7)));
    match refused {
        Ok(RecordReply::Presence(Outcome::Refused(PresenceRefusal::Store(_)))) => {}
        other => panic!("{other:?}"),
    }
    match ask(&mut world, write(base, PresenceState::Dead, 3, Some(1))) {
        Ok(RecordReply::Presence(outcome)) => assert!(outcome.committed().is_some()),
        other => panic!("{other:?}"),
    }
}
