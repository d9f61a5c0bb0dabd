//! Facts about what a command asks of its store, step by step, and what its answer says.

use std::sync::Arc;

use super::{SERVER, ask, end, facts, grant, read, written};
use crate::batch::Refusal;
use crate::id::{Revision, WriteId};
use crate::outcome::Outcome;
use crate::platform::tests::world::{World, entry_in, later};
use crate::platform::{Input, Machine, Operation, Settings, Step};
use crate::record::{
    Data, End, How, MailKind, RecordCommand, RecordRefusal, RecordReply, RecordRequest,
    RecordWrite, With,
};
use crate::row::{Found, ReadReply, RowBody, RowKey};

/// A record that one session has, and another's grant that takes it.
fn taken(world: &mut World, how: How) -> RecordWrite {
    let view = read(world, With::Data);
    written(world, grant(&view, 7, 70));
    let view = read(world, With::Data);
    let held = view.record.as_ref().unwrap();
    let (_, end, revoked) = held.seized(WriteId(80), how);
    RecordWrite { end, revoked, ..grant(&view, 8, 80) }
}

fn ends(world: &World) -> Vec<End> {
    let row = world.rows.get(&RowKey::Ends(entry_in("Players", "u_1")));
    match row.map(|row| &row.body) {
        Some(RowBody::Ends(ends)) => ends.to_vec(),
        None => vec![],
        other => panic!("{other:?}"),
    }
}

#[test]
fn w5_a_write_that_ends_a_grant_adds_its_end_to_those_before() {
    let mut world = World::new(Settings::native());
    let write = taken(&mut world, How::Taken);
    let before = Arc::from([end(1), end(2)]);
    world.put(RowKey::Ends(write.entry.clone()), RowBody::Ends(before));
    let ended = write.end.unwrap();
    written(&mut world, write);
    assert_eq!(ends(&world), [end(1), end(2), ended]);
}

#[test]
fn a_write_that_ends_no_grant_reads_and_writes_no_ends() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    let command = Arc::new(RecordCommand::Write(Box::new(grant(&view, 7, 70))));
    let request = RecordRequest { command, store: facts() };
    let (_, step) = request.start(&Settings::native());
    assert!(matches!(step, Step::Commit(_)), "{step:?}");
    written(&mut world, grant(&view, 7, 70));
    assert_eq!(ends(&world), []);
}

#[test]
fn whoever_loses_a_lease_while_alive_gets_mail_under_its_fence() {
    let mut world = World::new(Settings::native());
    let write = taken(&mut world, How::Stolen);
    let fence = write.end.unwrap().fence;
    written(&mut world, write);
    match ask(&mut world, RecordCommand::ReadMail { server: SERVER }) {
        Ok(RecordReply::Mail(mail)) => {
            let told: Vec<_> = mail.iter().map(|it| (it.body.kind, it.body.fence)).collect();
            assert_eq!(told, [(MailKind::Revoked, fence)]);
            assert_eq!(mail[0].revision, Revision::first(WriteId(80)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn w4_a_store_that_refuses_to_write_says_so_and_reads_nothing() {
    let reason = || Arc::from("no");
    for (refusal, told) in [
        (Refusal::Exhausted { reason: reason() }, RecordRefusal::Exhausted { reason: reason() }),
        (
            Refusal::Unavailable { reason: reason() },
            RecordRefusal::Unavailable { reason: reason() },
        ),
    ] {
        let mut world = World::new(Settings::native());
        let view = read(&mut world, With::Data);
        let command = Arc::new(RecordCommand::Write(Box::new(grant(&view, 7, 70))));
        let request = RecordRequest { command, store: facts() };
        let (mut machine, _) = request.start(&Settings::native());
        match machine.on(Input::Committed(Outcome::Refused(refusal))) {
            Step::Done(Ok(RecordReply::Written(Outcome::Refused(refused)))) => {
                assert_eq!(refused, told);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_request_has_the_id_of_its_write_and_waits_for_no_other() {
    let mut world = World::new(Settings::native());
    let write = grant(&read(&mut world, With::Data), 7, 70);
    let entry = write.entry.clone();
    let of = |command| RecordRequest { command: Arc::new(command), store: facts() };
    let request = of(RecordCommand::Write(Box::new(write)));
    assert_eq!((request.write_id(), request.lane()), (Some(WriteId(70)), None));
    assert_eq!(of(RecordCommand::Read { entry, with: With::Data }).write_id(), None);
}

#[test]
fn the_time_of_a_view_is_that_of_its_last_read() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    let command = RecordCommand::Read { entry: view.entry.clone(), with: With::DataIfFree };
    let request = RecordRequest { command: Arc::new(command), store: facts() };
    let (mut machine, _) = request.start(&Settings::native());
    let record = world.found(&RowKey::Record(view.entry));
    let first = ReadReply { rows: vec![record], now: world.now };
    let step = machine.on(Input::Read(Ok(first)));
    assert!(matches!(step, Step::Read(_)), "{step:?}");
    let now = later(world.now, 5);
    let second = ReadReply { rows: vec![Found::Absent], now };
    match machine.on(Input::Read(Ok(second))) {
        Step::Done(Ok(RecordReply::Read(view))) => assert_eq!(view.now, now),
        other => panic!("{other:?}"),
    }
}

#[test]
fn w10_a_deletion_leaves_a_tombstone_that_is_never_thinned_and_the_record_stays() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, grant(&view, 7, 70));
    let view = read(&mut world, With::Data);
    let write = RecordWrite { data: Data::Delete, ..grant(&view, 8, 80) };
    let base = written(&mut world, write);
    let after = read(&mut world, With::Data);
    let told = after.base().unwrap();
    assert_eq!((base.record, base.entry.entry), (told.record, told.entry.entry));
    assert_eq!(base.entry.entry.map(|it| (it.is_live, it.revision.counter)), Some((false, 2)));
    assert_eq!(after.data.unwrap().content, None);
    assert!(after.record.unwrap().body.lease.is_some());
    match &world.rows[&RowKey::Entry(after.entry)].body {
        RowBody::Entry(body) => assert!(body.is_tombstone() && body.pinned),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_deleted_or_was_never_there_stays_as_it_is() {
    let mut world = World::new(Settings::native());
    let view = read(&mut world, With::Data);
    written(&mut world, RecordWrite { data: Data::Delete, ..grant(&view, 7, 70) });
    assert!(world.standing(&view.entry).is_empty());
    let view = read(&mut world, With::Data);
    let base = written(&mut world, grant(&view, 8, 80));
    assert!(base.entry.entry.unwrap().is_live);
    for (session, write) in [(9, 90), (10, 100)] {
        let view = read(&mut world, With::Data);
        let delete = RecordWrite { data: Data::Delete, ..grant(&view, session, write) };
        let base = written(&mut world, delete);
        assert_eq!(base.entry.row.map(|row| row.counter), Some(2), "deleted once");
    }
    // It must still be as the write was planned on.
    let stale = RecordWrite { data: Data::Delete, ..grant(&view, 11, 110) };
    match ask(&mut world, RecordCommand::Write(Box::new(stale))) {
        Ok(RecordReply::Written(Outcome::Refused(RecordRefusal::Moved(_)))) => {}
        other => panic!("{other:?}"),
    }
}
