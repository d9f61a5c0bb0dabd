//! Facts about writes of several records at once.

use std::sync::Arc;

use super::{SERVER, ask, end, facts, grant};
use crate::batch::Refusal;
use crate::id::{OperationId, OperationKind, WriteId};
use crate::json::JsonText;
use crate::operation::{
    LedgerBody, LedgerKey, LedgerWrite, OperationSettings, OperationStatus, QueueOperation,
    ReceiptState, Settlement,
};
use crate::outcome::Outcome;
use crate::platform::tests::world::{Running, World, entry_in};
use crate::platform::{ATTEMPTS_MAX, Input, PlatformError, Settings};
use crate::record::{
    Data, How, JointOutcome, JointRefusal, RecordBase, RecordCommand, RecordRefusal, RecordReply,
    RecordRequest, RecordView, RecordWrite, With,
};
use crate::row::{RowBody, RowKey};

const KEYS: [&str; 2] = ["u_1", "u_2"];
const JOINT: WriteId = WriteId(500);

#[track_caller]
fn read(world: &mut World, key: &str) -> RecordView {
    let entry = entry_in("Players", key);
    match ask(world, RecordCommand::Read { entry, with: With::Data }) {
        Ok(RecordReply::Read(view)) => *view,
        other => panic!("{other:?}"),
    }
}

fn run(world: &mut World, writes: Vec<RecordWrite>) -> JointOutcome {
    match ask(world, RecordCommand::WriteAll(writes)) {
        Ok(RecordReply::WrittenAll(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

/// The first grants of two records, whose data store does not exist.
fn grants(world: &mut World) -> Vec<RecordWrite> {
    let write = |key| {
        let write = grant(&read(world, key), 7, 500);
        RecordWrite { write_id: JOINT, ..write }
    };
    KEYS.map(write).into()
}

/// Saves of two records that somebody holds, with a value of their own.
fn saves(world: &mut World) -> Vec<RecordWrite> {
    let committed = {
        let writes = grants(world);
        run(world, writes)
    };
    assert!(matches!(committed, Outcome::Committed(_)), "{committed:?}");
    let save = |key| {
        let view = read(world, key);
        let mut write = grant(&view, 7, 600);
        write.body = view.record.unwrap().body;
        write.body.save_seq += 1;
        write.body.write_id = WriteId(600);
        let content = crate::game_server::tests::fleet::content("9");
        RecordWrite { data: Data::Put { content, pinned: false }, ..write }
    };
    KEYS.map(save).into()
}

fn start(world: &World, writes: Vec<RecordWrite>) -> Running<RecordRequest> {
    let command = Arc::new(RecordCommand::WriteAll(writes));
    world.start(RecordRequest { command, store: facts() })
}

fn answer(running: Running<RecordRequest>) -> JointOutcome {
    match running.answer() {
        Ok(RecordReply::WrittenAll(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Queues an operation to a record.
fn queue(world: &mut World, key: &str, id: &str) {
    let operation = QueueOperation {
        entry: entry_in("Players", key),
        id: OperationId::parse(id).unwrap(),
        kind: OperationKind::parse("gift").unwrap(),
        payload: Some(JsonText::trusted("1")),
        issued_at: world.now,
        schema: 0,
        is_permanent: false,
        replaces: None,
        from: Some(SERVER),
        settings: Arc::default(),
        write_id: WriteId(900),
    };
    match ask(world, RecordCommand::Queue(Box::new(operation))) {
        Ok(RecordReply::Queued(Outcome::Committed(_))) => {}
        other => panic!("{other:?}"),
    }
}

/// The end of the operation that waits first.
fn settling(world: &mut World, key: &str) -> LedgerWrite {
    let (entry, after, limit) = (entry_in("Players", key), None, 1);
    let operation = match ask(world, RecordCommand::ReadInbox { entry, after, limit }) {
        Ok(RecordReply::Inbox(page)) => page.operations[0].clone(),
        other => panic!("{other:?}"),
    };
    let settlement = Settlement {
        seq: operation.seq,
        body: operation.body,
        status: OperationStatus::Applied,
        result: None,
        error: None,
        tries: 0,
        death: None,
        is_permanent: false,
    };
    let (settled, tried, undo_after) = (vec![Arc::new(settlement)], vec![], None);
    let settings = Arc::new(OperationSettings::default());
    LedgerWrite { settled, tried, undo_after, rebuild: false, settings }
}

fn receipt_key(key: &str, id: &str) -> RowKey {
    let id = OperationId::parse(id).unwrap();
    RowKey::Ledger(entry_in("Players", key), LedgerKey::Receipt(id))
}

#[test]
fn g8_several_records_are_written_in_one_batch_also_in_a_store_that_begins_with_them() {
    let mut world = World::new(Settings::native());
    let writes = grants(&mut world);
    let written = run(&mut world, writes).committed().unwrap();
    for (key, written) in KEYS.into_iter().zip(written) {
        let view = read(&mut world, key);
        let told = view.base().unwrap();
        let facts = |base: RecordBase| (base.record, base.entry.entry, base.entry.row);
        assert_eq!(facts(told), facts(written.base), "what a write tells is what a read tells");
        assert_eq!((written.stamped_at, written.inbox), (world.now, None));
    }
}

#[test]
fn g8_if_one_record_has_moved_none_is_written_and_all_are_told() {
    let mut world = World::new(Settings::native());
    let writes = saves(&mut world);
    let view = read(&mut world, KEYS[1]);
    super::written(&mut world, grant(&view, 8, 700));
    let before = world.rows.clone();
    match run(&mut world, writes) {
        Outcome::Refused(JointRefusal::Moved(views)) => {
            let entries: Vec<_> = views.iter().map(|view| view.entry.key.as_str()).collect();
            assert_eq!(entries, KEYS);
            let ids = views.iter().map(|view| view.record.as_ref().unwrap().body.write_id);
            assert_eq!(ids.collect::<Vec<_>>(), [JOINT, WriteId(700)]);
            assert!(views.iter().all(|it| it.data.is_some() && it.ends.is_some()));
            assert!(views.iter().all(|it| it.holder.as_ref().unwrap().server == SERVER));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.rows, before);
}

#[test]
fn records_that_nobody_holds_are_told_without_reading_presences() {
    let mut world = World::new(Settings::native());
    let mut writes = grants(&mut world);
    for write in &mut writes {
        write.body.lease = None;
    }
    run(&mut world, writes.clone()).committed().unwrap();
    let again = run(&mut world, writes);
    assert!(
        matches!(&again, Outcome::Refused(JointRefusal::Moved(views))
        if views.iter().all(|view| view.holder.is_none())),
        "{again:?}"
    );
}

#[test]
fn do1_each_record_settles_its_own_operations() {
    let mut world = World::new(Settings::native());
    let mut writes = saves(&mut world);
    for (write, key) in writes.iter_mut().zip(KEYS) {
        queue(&mut world, key, "a");
        write.ledger = Some(Box::new(settling(&mut world, key)));
    }
    queue(&mut world, KEYS[1], "b");
    writes[1].inbox_max = Some(5);
    let written = run(&mut world, writes).committed().unwrap();
    for key in KEYS {
        match &world.rows[&receipt_key(key, "a")].body {
            RowBody::Ledger(LedgerBody::Receipt(receipt)) => {
                assert!(matches!(&receipt.state, ReceiptState::Full(it) if it.entry_counter == 2));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written[0].inbox, None);
    let inbox = written[1].inbox.as_ref().unwrap();
    assert_eq!(inbox.operations.len(), 1);
    assert_eq!(inbox.operations[0].body.id.as_str(), "b");
}

#[test]
fn do7_a_ledger_that_moved_alone_is_planned_again() {
    let mut world = World::new(Settings::native());
    let mut writes = saves(&mut world);
    queue(&mut world, KEYS[1], "a");
    writes[1].ledger = Some(Box::new(settling(&mut world, KEYS[1])));
    // The store lost the operation, and is given it again while the write is planned.
    let receipt = receipt_key(KEYS[1], "a");
    let row = world.rows.remove(&receipt).unwrap();
    for (losses, is_written) in [(1, true), (ATTEMPTS_MAX, false)] {
        let mut copy = world.clone();
        let mut running = start(&copy, writes.clone());
        for _ in 0..losses {
            while running.batch().is_none() {
                copy.step(&mut running);
            }
            copy.rows.insert(receipt.clone(), row.clone());
            copy.step(&mut running);
            copy.rows.remove(&receipt);
        }
        while !running.is_over() {
            copy.step(&mut running);
        }
        match answer(running) {
            Outcome::Committed(_) if is_written => {}
            Outcome::Refused(JointRefusal::Store(RecordRefusal::Unavailable { .. }))
                if !is_written => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn w5_ends_are_added_to_those_of_their_own_record() {
    let mut world = World::new(Settings::native());
    saves(&mut world);
    let ends_key = |key| RowKey::Ends(entry_in("Players", key));
    world.put(ends_key(KEYS[1]), RowBody::Ends(Arc::from([end(1)])));
    let seize = |key| {
        let view = read(&mut world, key);
        let (body, end, revoked) = view.record.as_ref().unwrap().seized(WriteId(800), How::Edited);
        let write = grant(&view, 8, 800);
        // Only the second takes the lease of anybody.
        let end = end.filter(|_| key == KEYS[1]);
        RecordWrite { body, end, revoked, data: Data::Keep, ..write }
    };
    let writes: Vec<_> = KEYS.map(seize).into();
    let ended = writes[1].end.unwrap();
    run(&mut world, writes).committed().unwrap();
    assert!(!world.rows.contains_key(&ends_key(KEYS[0])));
    assert_eq!(world.rows[&ends_key(KEYS[1])].body, RowBody::Ends(Arc::from([end(1), ended])));
}

#[test]
fn w4_the_answers_of_the_store_are_passed_on() {
    let mut world = World::new(Settings::native());
    let writes = grants(&mut world);
    let reason = || Arc::from("no");
    let exhausted = Outcome::Refused(Refusal::Exhausted { reason: reason() });
    for (outcome, told) in [(exhausted, true), (Outcome::Unknown, false)] {
        let mut running = start(&world, writes.clone());
        running.give(Input::Committed(outcome));
        match answer(running) {
            Outcome::Refused(JointRefusal::Store(RecordRefusal::Exhausted { .. })) if told => {}
            Outcome::Unknown if !told => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn w4_what_cannot_be_read_before_is_a_refusal_and_what_cannot_after_is_no_certain_answer() {
    let mut world = World::new(Settings::native());
    let mut writes = saves(&mut world);
    writes[0].end = Some(end(3));
    queue(&mut world, KEYS[1], "a");
    writes[1].ledger = Some(Box::new(settling(&mut world, KEYS[1])));
    for steps in 0..2 {
        let mut running = start(&world, writes.clone());
        for _ in 0..steps {
            world.step(&mut running);
        }
        running.fail();
        let refused = answer(running);
        assert!(
            matches!(
                refused,
                Outcome::Refused(JointRefusal::Store(RecordRefusal::Unavailable { .. }))
            ),
            "{refused:?}"
        );
    }
    let view = read(&mut world, KEYS[1]);
    super::written(&mut world, grant(&view, 8, 700));
    for reads in 0..2 {
        let mut running = start(&world, writes.clone());
        while running.batch().is_none() {
            world.step(&mut running);
        }
        for _ in 0..=reads {
            world.step(&mut running);
        }
        running.fail();
        assert_eq!(answer(running), Outcome::Unknown);
    }
}

#[test]
fn damage_is_told_and_nothing_is_written() {
    let mut world = World::new(Settings::native());
    let writes = saves(&mut world);
    let record = RowKey::Record(entry_in("Players", KEYS[1]));
    world.damaged.insert(record.clone());
    let before = world.rows.clone();
    match ask(&mut world, RecordCommand::WriteAll(writes)) {
        Err(PlatformError::Corrupt { row }) => assert_eq!(*row, record),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.rows, before);
}
