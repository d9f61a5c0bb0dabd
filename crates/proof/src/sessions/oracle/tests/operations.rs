//! Facts about operations: for each invariant a story that is right, and one that is wrong.

use std::sync::Arc;

use steadfast_core::game_server::{CommandId, Outgoing, Priority};
use steadfast_core::operation::{
    HeadBody, InboxPage, LedgerBody, LedgerKey, LedgerWrite, OperationSettings, OperationStatus,
    PayloadHash, QueueOperation, QueueRefusal, Queued, ReceiptBody, ReceiptState, Settlement,
    Tries,
};
use steadfast_core::record::{Data, How, RecordCommand, RecordReply, RecordWrite};
use steadfast_core::session::{SessionEvent, SessionState};
use steadfast_core::{
    Batch, Condition, Found, JsonText, OperationId, Outcome, Revision, RowBody, RowKey, SessionId,
    Timestamp, Write, WriteId,
};

use super::super::SessionOracle;
use super::support::{Kind, Story, entry};
use crate::sessions::deeds::{Deed, amount_of};
use crate::sessions::sheet::Sheet;
use crate::sessions::witness::{Author, Queueing};

fn key(name: LedgerKey) -> RowKey {
    RowKey::Ledger(entry(), name)
}

/// A session of process 0 has the record.
fn begun() -> (Story, SessionId) {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    (story, session)
}

fn queue(story: &mut Story, number: u32, settings: &Arc<OperationSettings>) -> RecordCommand {
    let deed = Deed::Coins;
    let issued_at = Timestamp::from_ticks(1_000 + i64::from(number));
    let write_id = WriteId(story.id());
    RecordCommand::Queue(Box::new(QueueOperation {
        entry: entry(),
        id: deed.id(number),
        kind: deed.kind(),
        payload: Some(deed.payload(number, 5)),
        issued_at,
        schema: 0,
        is_permanent: false,
        replaces: None,
        from: None,
        settings: Arc::clone(settings),
        write_id,
    }))
}

fn queued(story: &mut Story, number: u32, settings: &Arc<OperationSettings>) {
    let command = queue(story, number, settings);
    let batch = story.batch(command);
    assert!(story.commit(Author::Operator, &batch));
}

/// The save of an operation that waits, with its effect.
fn applied(
    story: &mut Story,
    session: SessionId,
    numbers: &[u32],
    settings: &Arc<OperationSettings>,
) -> Batch {
    let write = applies(story, session, numbers, settings);
    story.batch(RecordCommand::Write(Box::new(write)))
}

fn applies(
    story: &mut Story,
    session: SessionId,
    numbers: &[u32],
    settings: &Arc<OperationSettings>,
) -> RecordWrite {
    let number = *numbers.last().unwrap();
    let inbox = RecordCommand::ReadInbox { entry: entry(), after: None, limit: 10 };
    let RecordReply::Inbox(InboxPage { operations, .. }) = story.answer(inbox) else { panic!() };
    let is_it = |body: &OperationId| *body == Deed::Coins.id(number);
    let waiting = operations.into_iter().find(|it| is_it(&it.body.id)).unwrap();
    let (status, death) = (OperationStatus::Applied, None);
    let settlement = Settlement {
        seq: waiting.seq,
        body: waiting.body,
        status,
        result: None,
        error: None,
        tries: 0,
        death,
        is_permanent: false,
    };
    let marker = story.stored().next(u64::from(number));
    story.edit(0, session, marker);
    let mut sheet = Sheet::new(marker, 0);
    sheet.applied.numbers = numbers.to_vec();
    sheet.applied.coins = 5 * u64::try_from(numbers.len()).unwrap();
    let mut write = story.write(Kind::Save(None));
    write.data = Data::Put { content: sheet.content(), pinned: false };
    let (settled, tried, undo_after) = (vec![Arc::new(settlement)], vec![], None);
    let settings = Arc::clone(settings);
    write.ledger =
        Some(Box::new(LedgerWrite { settled, tried, undo_after, rebuild: false, settings }));
    write
}

/// A batch without the rows that this picks out.
fn without(batch: &Batch, is_left_out: impl Fn(&RowKey) -> bool) -> Batch {
    let mut batch = batch.clone();
    batch.writes.retain(|write| !is_left_out(write.key()));
    batch
}

fn is_ledger(key: &RowKey) -> bool {
    matches!(key, RowKey::Ledger(..))
}

#[test]
fn do1_effect_and_receipt_are_one_batch() {
    let settings = Arc::default();
    let (mut story, session) = begun();
    queued(&mut story, 1, &settings);
    let batch = applied(&mut story, session, &[1], &settings);
    assert!(story.commit(Author::Process(0), &batch));
    story.holds();
    let parts: [fn(&RowKey) -> bool; 2] =
        [is_ledger, |key| matches!(key, RowKey::Entry(_) | RowKey::Revision(..))];
    for is_left_out in parts {
        let (mut story, session) = begun();
        queued(&mut story, 1, &settings);
        let batch = applied(&mut story, session, &[1], &settings);
        story.force(Author::Process(0), &without(&batch, is_left_out));
        story.breaks("DO1");
    }
}

#[test]
fn do1_no_operation_is_in_the_data_twice_or_unasked() {
    let settings = Arc::default();
    for numbers in [&[1, 1][..], &[9, 1]] {
        let (mut story, session) = begun();
        queued(&mut story, 1, &settings);
        let batch = applied(&mut story, session, numbers, &settings);
        story.force(Author::Process(0), &batch);
        story.breaks("DO1");
    }
}

#[test]
fn do1_only_an_end_that_was_written_is_told_and_by_no_suspended_session() {
    let settings = Arc::default();
    for is_early in [false, true] {
        let (mut story, session) = begun();
        queued(&mut story, 1, &settings);
        let batch = applied(&mut story, session, &[1], &settings);
        if !is_early {
            assert!(story.commit(Author::Process(0), &batch));
        }
        let (id, status) = (Deed::Coins.id(1), OperationStatus::Applied);
        story.oracle.note(|it| it.on_operation_event(0, session, &id, Some(status)));
        if is_early {
            story.breaks("DO1");
            continue;
        }
        story.holds();
        let suspended = SessionState::Suspended;
        story.told(0, session, &SessionEvent::State(suspended));
        story.oracle.note(|it| it.on_operation_event(0, session, &id, Some(status)));
        story.breaks("DO1");
    }
}

#[test]
fn do1_the_end_of_what_a_store_lost_may_have_no_room_when_it_is_stored_again() {
    let settings = OperationSettings { receipts_max: 0, kept_max: 0, ..Default::default() };
    let settings = Arc::new(settings);
    for is_stored in [true, false] {
        let (mut story, session) = begun();
        story.oracle.operations = (*settings).clone();
        let before = story.rows.clone();
        queued(&mut story, 1, &settings);
        let write = applies(&mut story, session, &[1], &settings);
        story.rewind(&before);
        if is_stored {
            let batch = story.batch(RecordCommand::Write(Box::new(write)));
            assert!(story.commit(Author::Process(0), &batch));
            story.holds();
        }
        let (id, status) = (Deed::Coins.id(1), OperationStatus::Applied);
        story.oracle.note(|it| it.on_operation_event(0, session, &id, Some(status)));
        if is_stored { story.holds() } else { story.breaks("DO1") }
    }
}

#[test]
fn do2_what_was_pruned_is_not_queued_again() {
    let settings = OperationSettings { receipts_max: 0, kept_max: 0, ..Default::default() };
    let settings = Arc::new(settings);
    let (mut story, session) = begun();
    story.oracle.operations = (*settings).clone();
    queued(&mut story, 1, &settings);
    let batch = applied(&mut story, session, &[1], &settings);
    assert!(story.commit(Author::Process(0), &batch));
    story.holds();
    let command = queue(&mut story, 1, &settings);
    assert!(matches!(
        story.answer(command),
        RecordReply::Queued(Outcome::Refused(QueueRefusal::Expired { .. }))
    ));
    // As if it had been issued later.
    let mut command = queue(&mut story, 1, &settings);
    if let RecordCommand::Queue(queue) = &mut command {
        queue.issued_at = Timestamp::from_ticks(5_000);
    }
    let batch = story.batch(command);
    story.force(Author::Operator, &batch);
    story.breaks("DO2");
}

#[test]
fn do3_another_payload_is_never_said_to_be_queued() {
    let settings = Arc::default();
    let deed = Deed::Coins;
    for (amount, is_right) in [(5, true), (6, false)] {
        let (mut story, _) = begun();
        queued(&mut story, 1, &settings);
        let own = PayloadHash::of(&deed.kind(), &deed.payload(1, 5));
        let hash = Some(PayloadHash::of(&deed.kind(), &deed.payload(1, amount)));
        let queueing = Queueing { entry: entry(), id: deed.id(1), hash };
        let state = ReceiptState::Pending { seq: 0, tries: Tries::default() };
        let (issued_at, is_permanent) = (Timestamp::from_ticks(1_001), false);
        let receipt = ReceiptBody { hash: own, issued_at, is_permanent, state };
        let queued = Queued { receipt, is_new: false, holder: None };
        story.oracle.note(|it| it.on_queued(&queueing, Ok(&queued)));
        if is_right {
            story.holds();
        } else {
            story.breaks("DO3");
        }
        let mismatch = QueueRefusal::PayloadMismatch;
        story.oracle.note(|it| it.on_queued(&queueing, Err(&mismatch)));
        story.breaks("DO3");
    }
}

#[test]
fn do5_what_waits_stays_until_it_ends() {
    let settings = Arc::default();
    let (mut story, session) = begun();
    queued(&mut story, 1, &settings);
    queued(&mut story, 2, &settings);
    let batch = applied(&mut story, session, &[1], &settings);
    let mut loses = batch.clone();
    loses.writes.push(Write::Delete { key: key(LedgerKey::Pending(1)) });
    assert!(story.commit(Author::Process(0), &batch));
    story.holds();
    let (mut story, session) = begun();
    queued(&mut story, 1, &settings);
    queued(&mut story, 2, &settings);
    drop(applied(&mut story, session, &[1], &settings));
    story.force(Author::Process(0), &loses);
    // The numbers do not fit any more either.
    let found = story.oracle.violation.unwrap_or_default();
    assert!(found.starts_with("DO"), "{found}");
}

#[test]
fn do6_the_numbers_are_those_of_the_rows_and_within_the_limits() {
    let settings = Arc::new(OperationSettings::default());
    let (mut story, session) = begun();
    queued(&mut story, 1, &settings);
    let mut batch = applied(&mut story, session, &[1], &settings);
    for write in &mut batch.writes {
        if let Write::Put { body: RowBody::Ledger(LedgerBody::Head(head)), .. } = write {
            *head = HeadBody { full_count: head.full_count + 1, ..*head };
        }
    }
    story.force(Author::Process(0), &batch);
    story.breaks("DO6");
    let (mut story, session) = begun();
    story.oracle.operations.receipts_max = 0;
    queued(&mut story, 1, &settings);
    let batch = applied(&mut story, session, &[1], &settings);
    assert!(story.commit(Author::Process(0), &batch));
    story.breaks("DO6");
}

#[test]
fn do7_a_save_is_refused_by_another_write_of_its_record_and_by_nothing_else() {
    let settings = Arc::default();
    for is_explained in [true, false] {
        let (mut story, session) = begun();
        queued(&mut story, 1, &settings);
        let batch = applied(&mut story, session, &[1], &settings);
        let rows: Vec<Found> =
            batch.conditions.iter().map(|(key, _)| story.rows.get(key)).collect();
        let mut batch = batch;
        let other = Condition::At(Revision { counter: 99, tag: 0 });
        for (key, condition) in &mut batch.conditions {
            let is_record = matches!(key, RowKey::Record(_));
            if is_record && is_explained {
                *condition = other;
            }
        }
        if !is_explained {
            batch.conditions.push((key(LedgerKey::Queue), other));
        }
        let mut rows = rows;
        rows.resize(batch.conditions.len(), Found::Absent);
        story.oracle.note(|it| it.on_refused(Author::Process(0), &batch, &rows));
        if is_explained { story.holds() } else { story.breaks("DO7") }
    }
}

#[test]
fn b2_the_end_of_a_session_goes_before_operations_and_autosaves() {
    let (mut story, _) = begun();
    let release = story.write(Kind::Release(None));
    let release = Arc::new(RecordCommand::Write(Box::new(release)));
    let save = story.write(Kind::Save(None));
    let save = Arc::new(RecordCommand::Write(Box::new(save)));
    let outgoing = |id, priority, command: &Arc<RecordCommand>| Outgoing {
        id: CommandId(id),
        priority,
        command: Arc::clone(command),
    };
    let right = [outgoing(1, Priority::Release, &release), outgoing(2, Priority::Autosave, &save)];
    story.oracle.note(|_| SessionOracle::on_sends(0, &right));
    story.holds();
    let wrong = [outgoing(1, Priority::Operation, &save), outgoing(2, Priority::Release, &release)];
    story.oracle.note(|_| SessionOracle::on_sends(0, &wrong));
    story.breaks("B2");
}

#[test]
fn a_payload_that_is_no_amount_brings_nothing_in() {
    let amount = amount_of(&JsonText::trusted("{}".to_owned()));
    assert_eq!(amount, 0);
}
