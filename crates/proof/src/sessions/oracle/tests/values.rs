//! W2, W3, W9, W10, V5: what is written over what.

use std::sync::Arc;

use steadfast_core::record::{Data, How, PresenceState, RecordCommand};
use steadfast_core::session::{LossReason, Spill};
use steadfast_core::{Batch, Content, JsonText, RowBody, RowKey, ServerId, SessionId, Write};

use super::support::{Kind, Story, content, edits, entry, put};
use crate::sessions::witness::{Author, Marker};

/// A session that made and saved so many edits.
fn played(story: &mut Story, process: usize, saved: u64) -> (ServerId, SessionId) {
    let server = story.live(process);
    let session = story.open(process, server, How::Taken);
    for count in 1..=saved {
        story.edit(process, session, edits(count));
        assert!(story.make(process, Kind::Save(Some(edits(count)))));
    }
    story.holds();
    (server, session)
}

#[test]
fn w2_a_session_stores_what_it_held_and_nothing_older() {
    let mut story = Story::new();
    played(&mut story, 0, 3);
    assert!(story.make(0, Kind::Save(Some(edits(2)))));
    story.breaks("W2");
    let mut story = Story::new();
    played(&mut story, 0, 3);
    assert!(story.make(0, Kind::Save(Some(Marker { count: 3, mix: 1 }))));
    story.breaks("W2");
}

#[test]
fn w2_a_stale_write_that_was_let_pass_is_found() {
    let mut story = Story::new();
    let (_, session) = played(&mut story, 0, 1);
    let write = story.write(Kind::Save(Some(edits(1))));
    let late = story.batch(RecordCommand::Write(Box::new(write)));
    story.edit(0, session, edits(2));
    assert!(story.make(0, Kind::Save(Some(edits(2)))));
    story.holds();
    story.force(Author::Process(0), &late);
    story.breaks("L1");
}

#[test]
fn w2_a_session_begins_with_what_is_stored() {
    let mut story = Story::new();
    let (server, session) = played(&mut story, 0, 2);
    assert!(story.release(0, session, edits(2)));
    let next = SessionId(story.id());
    assert!(story.make(0, Kind::Grant(next, server, How::Taken)));
    story.opened(0, next, edits(1));
    story.breaks("W2");
}

#[test]
fn w2_an_edit_follows_the_last() {
    let mut story = Story::new();
    let (_, session) = played(&mut story, 0, 2);
    story.edit(0, session, edits(4));
    story.breaks("W2");
}

#[test]
fn w2_a_player_sees_what_the_session_holds() {
    for (seen, is_right) in [(edits(2), true), (Marker { count: 2, mix: 9 }, false)] {
        let mut story = Story::new();
        let (server, session) = played(&mut story, 0, 2);
        story.believes(0, server, Some(1_000), &[session]);
        story.oracle.note(|it| it.on_saw(0, &entry(), seen));
        if is_right { story.holds() } else { story.breaks("W2") }
    }
}

#[test]
fn w3_who_lets_go_has_stored_everything() {
    let mut story = Story::new();
    let (_, session) = played(&mut story, 0, 2);
    story.edit(0, session, edits(3));
    story.ask(0, session, edits(3), true);
    assert!(story.make(0, Kind::Release(None)));
    story.breaks("W3");
    let mut story = Story::new();
    let (_, session) = played(&mut story, 0, 2);
    story.ask(0, session, edits(2), true);
    assert!(story.make(0, Kind::Release(None)));
    story.holds();
    story.edit(0, session, edits(3));
    story.breaks("W3");
}

#[test]
fn a_grant_that_nobody_was_told_of_is_released_as_it_is() {
    let mut story = Story::new();
    let (server, session) = played(&mut story, 0, 2);
    assert!(story.release(0, session, edits(2)));
    assert!(story.make(0, Kind::Grant(SessionId(5), server, How::Taken)));
    assert!(story.make(0, Kind::Release(None)));
    story.holds();
}

#[test]
fn w9_a_default_takes_the_place_of_nothing() {
    let mut story = Story::new();
    let (server, session) = played(&mut story, 0, 2);
    assert!(story.release(0, session, edits(2)));
    let mut write = story.write(Kind::Grant(SessionId(5), server, How::Taken));
    write.data = put(Marker { count: 0, mix: 0 });
    let batch = story.batch(RecordCommand::Write(Box::new(write)));
    assert!(story.commit(Author::Process(0), &batch));
    story.breaks("W9");
}

#[test]
fn w10_a_save_brings_nothing_back() {
    let mut story = Story::new();
    let (server, _) = played(&mut story, 0, 2);
    let late = story.write(Kind::Save(Some(edits(2))));
    let late = story.batch(RecordCommand::Write(Box::new(late)));
    let tombstone = {
        // Deleted by force, through the door of data stores.
        let write = story.write(Kind::Save(Some(edits(2))));
        let mut batch = story.batch(RecordCommand::Write(Box::new(write)));
        for write in &mut batch.writes {
            if let Write::Put { body: RowBody::Entry(body), .. } = write {
                body.content = None;
            }
        }
        batch.writes.retain(|write| matches!(write.key(), RowKey::Entry(_)));
        batch.conditions.retain(|(key, _)| matches!(key, RowKey::Entry(_)));
        batch
    };
    assert!(story.seize(Data::Keep));
    assert!(story.commit(Author::Operator, &tombstone));
    story.holds();
    assert!(!story.commit(Author::Process(0), &late));
    // Who opens it now begins anew.
    let next = SessionId(story.id());
    assert!(story.make(0, Kind::Grant(next, server, How::Taken)));
    story.opened(0, next, Marker { count: 0, mix: 0 });
    story.holds();
}

#[test]
fn w10_rows_of_entries_and_records_stay() {
    let mut story = Story::new();
    played(&mut story, 0, 1);
    let key = RowKey::Record(entry());
    let writes = vec![Write::Delete { key }];
    let batch = Batch { conditions: vec![], writes };
    story.force(Author::Operator, &batch);
    story.breaks("W10");
}

#[test]
fn v5_what_is_stored_is_what_a_session_can_hold() {
    let mut story = Story::new();
    played(&mut story, 0, 1);
    let broken = Content { value: JsonText::trusted("[]"), ..(*content(edits(1))).clone() };
    let mut write = story.write(Kind::Save(None));
    write.data = Data::Put { content: Arc::new(broken), pinned: false };
    let batch = story.batch(RecordCommand::Write(Box::new(write)));
    assert!(story.commit(Author::Process(0), &batch));
    story.breaks("V5");
}

/// A process that closed with edits that it could not save, and the rest of the story.
fn spilled(then: impl Fn(&mut Story, Spill)) {
    let mut story = Story::new();
    let (server, session) = played(&mut story, 0, 1);
    story.edit(0, session, edits(2));
    let base = story.view().record.map(|record| record.revision);
    let spill = Spill {
        entry: entry(),
        base,
        stored_at: vec![],
        schema: 0,
        content: content(edits(2)),
        settled: vec![],
        undo_after: None,
    };
    story.lost(0, session, LossReason::Closed, Some(spill.clone()));
    story.renew(0, server, PresenceState::Dead);
    story.holds();
    then(&mut story, spill);
}

#[test]
fn w2_a_spill_is_taken_on_exactly_its_base() {
    spilled(|story, spill| {
        let server = story.live(1);
        let session = SessionId(story.id());
        let mut write = story.write(Kind::Grant(session, server, How::Taken));
        write.data = Data::Put { content: Arc::clone(&spill.content), pinned: false };
        let batch = story.batch(RecordCommand::Write(Box::new(write)));
        assert!(story.commit(Author::Process(1), &batch));
        story.opened(1, session, edits(2));
        story.edit(1, session, edits(3));
        assert!(story.make(1, Kind::Save(Some(edits(3)))));
        story.holds();
    });
    spilled(|story, spill| {
        let server = story.live(1);
        let between = story.open(1, server, How::Taken);
        assert!(story.release(1, between, edits(1)));
        let session = SessionId(story.id());
        let mut write = story.write(Kind::Grant(session, server, How::Taken));
        write.data = Data::Put { content: Arc::clone(&spill.content), pinned: false };
        story.holds();
        let batch = story.batch(RecordCommand::Write(Box::new(write)));
        assert!(story.commit(Author::Process(1), &batch));
        story.breaks("W9");
    });
    spilled(|story, _| {
        let server = story.live(1);
        let between = story.open(1, server, How::Taken);
        assert!(story.release(1, between, edits(1)));
        let session = SessionId(story.id());
        assert!(story.make(1, Kind::Grant(session, server, How::Taken)));
        story.holds();
        story.opened(1, session, edits(2));
        story.breaks("W2");
    });
}
