//! L1, L3-L5, L7, L8, L10: who may write a record, and when it changes hands.

use std::time::Duration;

use steadfast_core::record::{
    Fence, How, LeaseMode, PresenceState, RecordBody, RecordCommand, push_end,
};
use steadfast_core::session::SessionSettings;
use steadfast_core::{
    Batch, Condition, Revision, RowBody, RowKey, ServerId, SessionId, Write, WriteId,
};

use super::support::{Kind, Story, edits, put};
use crate::sessions::witness::Author;

/// The batch of a write of the record as it stands.
fn planned(story: &mut Story, kind: Kind) -> Batch {
    let write = story.write(kind);
    story.batch(RecordCommand::Write(Box::new(write)))
}

/// The same batch with other contents of the record's row.
fn changed(mut batch: Batch, change: impl Fn(&mut RecordBody)) -> Batch {
    for write in &mut batch.writes {
        if let Write::Put { body: RowBody::Record(body), .. } = write {
            change(body);
        }
    }
    batch
}

/// The same batch, as if it had been planned on what stands there now.
fn rebased(story: &Story, mut batch: Batch) -> Batch {
    batch.conditions.clear();
    for write in &mut batch.writes {
        let Write::Put { key, revision, .. } = write else { continue };
        let stands = story.rows.get(key).revision().map_or(0, |found| found.counter);
        revision.counter = stands + 1;
        if matches!(key, RowKey::Record(_) | RowKey::Entry(_)) {
            let stands = story.rows.get(key).revision();
            batch.conditions.push((key.clone(), stands.map_or(Condition::Absent, Condition::At)));
        }
    }
    batch
}

#[test]
fn a_session_from_its_grant_to_its_release_breaks_nothing() {
    let mut story = Story::new();
    let server = story.live(0);
    for round in 0..20 {
        let session = story.open(0, server, How::Taken);
        let marker = edits(round + 1);
        story.edit(0, session, marker);
        assert!(story.make(0, Kind::Save(Some(marker))));
        assert!(story.make(0, Kind::Save(None)));
        assert!(story.release(0, session, marker));
        story.told(0, session, &steadfast_core::session::SessionEvent::Released);
    }
    story.holds();
    story.rest(&[(0, server, &[])]);
    story.holds();
}

#[test]
fn l1_a_write_of_a_displaced_holder_is_found() {
    let mut story = Story::new();
    let (one, two) = (story.live(0), story.live(1));
    story.open(0, one, How::Taken);
    let late = planned(&mut story, Kind::Save(None));
    story.open(1, two, How::Stolen);
    story.holds();
    story.force(Author::Process(0), &late);
    story.breaks("L1");
}

#[test]
fn l1_a_write_under_the_fence_of_another_process_is_found() {
    let mut story = Story::new();
    let (one, _) = (story.live(0), story.live(1));
    story.open(0, one, How::Taken);
    let batch = planned(&mut story, Kind::Save(None));
    story.force(Author::Process(1), &batch);
    story.breaks("L10");
}

#[test]
fn l1_an_operator_moves_the_fence() {
    let mut story = Story::new();
    let server = story.live(0);
    story.open(0, server, How::Taken);
    let batch = planned(&mut story, Kind::Save(Some(edits(9))));
    assert!(story.seize(put(edits(5))));
    story.holds();
    let mut story = Story::new();
    let server = story.live(0);
    story.open(0, server, How::Taken);
    story.force(Author::Operator, &batch);
    story.breaks("L1");
}

#[test]
fn l1_an_entry_is_not_written_beside_a_lease() {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    let mut batch = planned(&mut story, Kind::Save(Some(edits(0))));
    batch.writes.retain(|write| !matches!(write.key(), RowKey::Record(_)));
    assert!(story.release(0, session, edits(0)));
    story.holds();
    let batch = rebased(&story, batch);
    story.force(Author::Operator, &batch);
    story.holds();
    story.open(0, server, How::Taken);
    let batch = rebased(&story, batch);
    story.force(Author::Operator, &batch);
    story.breaks("L1");
}

#[test]
fn l1_a_write_that_looks_at_nothing_is_found() {
    let mut story = Story::new();
    let server = story.live(0);
    story.open(0, server, How::Taken);
    let mut batch = planned(&mut story, Kind::Save(None));
    batch.conditions.clear();
    story.force(Author::Process(0), &batch);
    story.breaks("L1");
}

#[test]
fn l3_a_grant_moves_the_fence_by_one() {
    let mut story = Story::new();
    let server = story.live(0);
    let kind = Kind::Grant(SessionId(1), server, How::Taken);
    let batch = changed(planned(&mut story, kind), |body| body.fence.counter = 2);
    story.force(Author::Process(0), &batch);
    story.breaks("L3");
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    story.release(0, session, edits(0));
    let kind = Kind::Grant(SessionId(2), server, How::Taken);
    let batch = changed(planned(&mut story, kind), |body| body.fence.counter += 1);
    story.force(Author::Process(0), &batch);
    story.breaks("L3");
}

#[test]
fn l4_a_copy_of_a_save_after_the_release_is_found() {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    let save = planned(&mut story, Kind::Save(Some(edits(0))));
    assert!(story.commit(Author::Process(0), &save));
    assert!(story.release(0, session, edits(0)));
    assert!(!story.commit(Author::Process(0), &save));
    story.holds();
    let late = rebased(&story, save);
    story.force(Author::Process(0), &late);
    story.breaks("L4");
}

#[test]
fn l4_a_record_is_not_released_twice() {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    let release = planned(&mut story, Kind::Release(None));
    assert!(story.release(0, session, edits(0)));
    story.holds();
    let late = changed(rebased(&story, release), |body| body.fence.counter += 1);
    story.force(Author::Process(0), &late);
    story.breaks("L4");
}

#[test]
fn l5_a_fence_is_granted_once_even_if_the_store_lost_it() {
    let mut story = Story::new();
    let server = story.live(0);
    let before = story.rows.clone();
    let grant = planned(&mut story, Kind::Grant(SessionId(5), server, How::Taken));
    assert!(story.commit(Author::Process(0), &grant));
    // A copy of the very same write may come again.
    story.rewind(&before);
    assert!(story.commit(Author::Process(0), &grant));
    story.holds();
    story.rewind(&before);
    assert!(story.make(0, Kind::Grant(SessionId(5), server, How::Taken)));
    story.breaks("L5");
}

#[test]
fn l7_only_a_dead_holder_is_displaced_without_a_steal() {
    for how in [How::Stolen, How::Taken] {
        let mut story = Story::new();
        let (one, two) = (story.live(0), story.live(1));
        story.open(0, one, How::Taken);
        story.open(1, two, how);
        if how == How::Stolen { story.holds() } else { story.breaks("L7") }
    }
    let mut story = Story::new();
    let (one, two) = (story.live(0), story.live(1));
    story.open(0, one, How::Taken);
    story.pass(11_000);
    story.renew(1, two, PresenceState::Alive);
    story.declare(1, one);
    story.open(1, two, How::Taken);
    story.holds();
}

#[test]
fn l7_a_server_takes_back_what_no_session_of_it_has() {
    for is_active in [false, true] {
        let mut story = Story::new();
        let server = story.live(0);
        let session = story.open(0, server, How::Taken);
        let active = if is_active { vec![session] } else { vec![] };
        story.believes(0, server, Some(9_000), &active);
        story.open(0, server, How::Taken);
        if is_active { story.breaks("L7") } else { story.holds() }
    }
}

#[test]
fn l7_a_lease_with_a_timeout_is_free_once_it_ran_out() {
    let mode = LeaseMode::Timeout(Duration::from_secs(150));
    let settings = SessionSettings { mode, ..SessionSettings::default() };
    for (millis, is_due) in [(149_000, false), (151_000, true)] {
        let mut story = Story::with(&settings);
        let (one, two) = (story.live(0), story.live(1));
        story.open(0, one, How::Taken);
        story.pass(millis);
        story.open(1, two, How::Taken);
        if is_due { story.holds() } else { story.breaks("L7") }
    }
}

#[test]
fn l7_a_session_lets_go_only_if_asked() {
    let mut story = Story::new();
    let server = story.live(0);
    story.open(0, server, How::Taken);
    let fence = story.view().record.unwrap().body.fence;
    let stale = Fence { session: SessionId(77), ..fence };
    story.mail(0, server, stale);
    assert!(story.make(0, Kind::Release(None)));
    story.breaks("L7");
    let mut story = Story::new();
    let server = story.live(0);
    story.open(0, server, How::Taken);
    let fence = story.view().record.unwrap().body.fence;
    story.mail(0, server, fence);
    assert!(story.make(0, Kind::Release(None)));
    story.holds();
}

#[test]
fn l8_an_id_is_that_of_one_process_and_death_is_final() {
    let mut story = Story::new();
    let server = story.live(0);
    story.renew(0, server, PresenceState::Alive);
    story.renew(0, server, PresenceState::Dead);
    story.holds();
    story.renew(0, server, PresenceState::Alive);
    story.breaks("L8");
    let mut story = Story::new();
    let server = story.live(0);
    story.live(1);
    story.renew(1, server, PresenceState::Alive);
    story.breaks("L8");
}

#[test]
fn l8_a_renewal_never_creates() {
    let mut story = Story::new();
    let server = story.live(0);
    let before = story.rows.clone();
    story.renew(0, server, PresenceState::Alive);
    story.rewind(&steadfast_storage::Rows::new());
    let row = before.get(&RowKey::Presence(server));
    let steadfast_core::Found::Row(row) = row else { panic!("it was created") };
    let revision = Revision { counter: 3, tag: WriteId(5).tag() };
    let writes = vec![Write::Put { key: row.key, revision, body: row.body }];
    story.force(Author::Process(0), &Batch { conditions: vec![], writes });
    story.breaks("L8");
}

#[test]
fn l8_a_grant_names_an_id_of_its_process() {
    let mut story = Story::new();
    story.live(0);
    assert!(story.make(0, Kind::Grant(SessionId(1), ServerId(4), How::Taken)));
    story.breaks("L8");
}

#[test]
fn l10_saves_under_one_fence_are_counted() {
    let mut story = Story::new();
    let server = story.live(0);
    story.open(0, server, How::Taken);
    let batch = changed(planned(&mut story, Kind::Save(None)), |body| body.save_seq += 1);
    story.force(Author::Process(0), &batch);
    story.breaks("L10");
}

#[test]
fn a_lease_goes_along_with_the_new_id_of_its_server() {
    let mut story = Story::new();
    let (one, two) = (story.live(0), story.live(1));
    let session = story.open(0, one, How::Taken);
    story.pass(11_000);
    story.declare(1, one);
    let next = story.live(0);
    assert!(story.make(0, Kind::Adopt(next)));
    assert!(story.make(0, Kind::Save(None)));
    story.believes(0, next, Some(9_000), &[session]);
    story.holds();
    story.open(1, two, How::Taken);
    story.breaks("L7");
}

#[test]
fn w5_an_end_is_written_down_as_it_was() {
    for wrong in [false, true] {
        let mut story = Story::new();
        let (one, two) = (story.live(0), story.live(1));
        story.open(0, one, How::Taken);
        let mut batch = planned(&mut story, Kind::Grant(SessionId(3), two, How::Stolen));
        if wrong {
            for write in &mut batch.writes {
                if let Write::Put { body: RowBody::Ends(ends), .. } = write {
                    let mut end = *ends.last().unwrap();
                    end.save_seq += 1;
                    *ends = push_end(&[], end);
                }
            }
        }
        story.force(Author::Process(1), &batch);
        if wrong { story.breaks("W5") } else { story.holds() }
    }
    let mut story = Story::new();
    let (one, two) = (story.live(0), story.live(1));
    story.open(0, one, How::Taken);
    let mut batch = planned(&mut story, Kind::Grant(SessionId(3), two, How::Stolen));
    batch.writes.retain(|write| !matches!(write.key(), RowKey::Ends(_)));
    story.force(Author::Process(1), &batch);
    story.breaks("W5");
}

#[test]
fn l7_a_grant_may_come_late_after_the_store_lost_the_death_that_it_counts_on() {
    for (millis, is_right) in [(129_999, true), (130_000, false)] {
        let mut story = Story::new();
        let servers = [story.live(0), story.live(1)];
        story.open(0, servers[0], How::Taken);
        story.pass(10_100);
        let before = story.rows.clone();
        story.declare(1, servers[0]);
        story.rewind(&before);
        story.pass(millis);
        story.open(1, servers[1], How::Taken);
        if is_right { story.holds() } else { story.breaks("L7") }
    }
}
