//! W1, W4-W6, W8: what is said of what was written.

use steadfast_core::game_server::ServerEvent;
use steadfast_core::record::{How, PresenceState};
use steadfast_core::session::{LossReason, OpenError, SaveError, SessionEvent, Spill};
use steadfast_core::{Revision, ServerId, SessionId, WriteId};

use super::support::{Kind, Story, content, edits, entry};
use crate::sessions::witness::Marker;

fn begun() -> (Story, ServerId, SessionId) {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    story.edit(0, session, edits(1));
    (story, server, session)
}

/// A process opens the record and is told who has it.
fn waits_in_vain(story: &mut Story, process: usize, server: ServerId) {
    let (now, ticket) = (story.now, story.ticket());
    story.oracle.on_asked_open(now, process, ticket, &entry());
    let (entry, address) = (entry(), "".into());
    let error = OpenError::LockTimeout { entry, server, address, since: None };
    story.oracle.note(|it| it.on_open_failed(now, (process, ticket), &error));
}

fn stands(story: &Story) -> Revision {
    story.view().record.unwrap().revision
}

#[test]
fn l6_nobody_waits_for_himself() {
    for waits_for_itself in [false, true] {
        let mut story = Story::new();
        let servers = [story.live(0), story.live(1)];
        for (process, server) in servers.into_iter().enumerate() {
            story.believes(process, server, Some(9_000), &[]);
        }
        story.open(0, servers[0], How::Taken);
        let process = usize::from(!waits_for_itself);
        waits_in_vain(&mut story, process, servers[0]);
        if waits_for_itself { story.breaks("L6") } else { story.holds() }
    }
}

#[test]
fn w5_an_acknowledged_revision_holds_what_was_asked_for_or_more() {
    let (mut story, _, session) = begun();
    let ticket = story.ask(0, session, edits(1), false);
    story.edit(0, session, edits(2));
    assert!(story.make(0, Kind::Save(Some(edits(2)))));
    let revision = stands(&story);
    story.settled(0, ticket, &Ok(revision));
    story.holds();
    let later = story.ask(0, session, edits(2), false);
    story.edit(0, session, edits(3));
    let latest = story.ask(0, session, edits(3), false);
    story.settled(0, later, &Ok(revision));
    story.holds();
    story.settled(0, latest, &Ok(revision));
    story.breaks("W5");
}

#[test]
fn w1_what_was_never_written_is_not_acknowledged() {
    let (mut story, _, session) = begun();
    let ticket = story.ask(0, session, edits(1), false);
    let planned = stands(&story).next(WriteId(5));
    story.settled(0, ticket, &Ok(planned));
    story.breaks("W1");
}

#[test]
fn w1_what_was_written_and_then_lost_was_acknowledged_in_good_faith() {
    let (mut story, _, session) = begun();
    let ticket = story.ask(0, session, edits(1), false);
    let before = story.rows.clone();
    assert!(story.make(0, Kind::Save(Some(edits(1)))));
    let revision = stands(&story);
    story.rewind(&before);
    story.settled(0, ticket, &Ok(revision));
    story.holds();
}

#[test]
fn w5_a_release_is_acknowledged_by_a_release() {
    for is_release in [true, false] {
        let (mut story, _, session) = begun();
        let ticket = story.ask(0, session, edits(1), true);
        let marker = Some(edits(1));
        let kind = if is_release { Kind::Release(marker) } else { Kind::Save(marker) };
        assert!(story.make(0, kind));
        let revision = stands(&story);
        story.settled(0, ticket, &Ok(revision));
        if is_release { story.holds() } else { story.breaks("W5") }
    }
}

#[test]
fn w4_an_answer_comes_once() {
    let (mut story, _, session) = begun();
    let ticket = story.ask(0, session, edits(1), false);
    let write_id = WriteId(1);
    story.settled(0, ticket, &Err(SaveError::OutcomeUnknown { write_id }));
    story.holds();
    story.settled(0, ticket, &Err(SaveError::LeaseLost));
    story.breaks("W4");
}

#[test]
fn w4_what_is_saved_is_not_said_to_be_lost() {
    for is_saved in [false, true] {
        let (mut story, _, session) = begun();
        let other = story.live(1);
        let ticket = story.ask(0, session, edits(1), false);
        if is_saved {
            assert!(story.make(0, Kind::Save(Some(edits(1)))));
        }
        story.open(1, other, How::Stolen);
        story.settled(0, ticket, &Err(SaveError::LeaseLost));
        if is_saved { story.breaks("W4") } else { story.holds() }
    }
}

#[test]
fn w6_ones_own_release_is_no_loss() {
    let (mut story, _, session) = begun();
    let ticket = story.ask(0, session, edits(1), true);
    assert!(story.make(0, Kind::Release(Some(edits(1)))));
    story.settled(0, ticket, &Err(SaveError::LeaseLost));
    story.breaks("W6");
}

#[test]
fn w6_nobody_loses_what_nobody_took() {
    for is_stolen in [false, true] {
        let (mut story, _, session) = begun();
        let other = story.live(1);
        let base = Some(stands(&story));
        let content = content(edits(1));
        let spill = Spill {
            entry: entry(),
            base,
            stored_at: vec![],
            schema: 0,
            content,
            settled: vec![],
            undo_after: None,
        };
        if is_stolen {
            story.open(1, other, How::Stolen);
        }
        story.lost(0, session, LossReason::Stolen, Some(spill));
        if is_stolen { story.holds() } else { story.breaks("W6") }
    }
}

#[test]
fn l10_a_copy_that_does_not_exist_is_not_found() {
    let (mut story, _, session) = begun();
    story.lost(0, session, LossReason::Impossible("a copy".into()), None);
    story.breaks("L10");
    let (mut story, ..) = begun();
    story.oracle.note(|it| it.on_server_event(0, &ServerEvent::Stopped));
    story.breaks("L8");
}

#[test]
fn l8_only_the_dead_are_told_that_they_are() {
    for is_dead in [false, true] {
        let (mut story, server, _) = begun();
        story.live(1);
        story.pass(12_000);
        if is_dead {
            story.declare(1, server);
        }
        story.oracle.note(|it| it.on_server_event(0, &ServerEvent::Dead(server)));
        if is_dead { story.holds() } else { story.breaks("L8") }
    }
}

#[test]
fn w8_what_was_not_saved_comes_along_with_where_it_belongs() {
    let spill = |story: &Story, marker, base: Option<Revision>| Spill {
        entry: entry(),
        base: base.or(Some(stands(story))),
        stored_at: vec![],
        schema: 0,
        content: content(marker),
        settled: vec![],
        undo_after: None,
    };
    let (mut story, _, session) = begun();
    let right = spill(&story, edits(1), None);
    story.lost(0, session, LossReason::Closed, Some(right));
    story.holds();
    let (mut story, _, session) = begun();
    story.lost(0, session, LossReason::Closed, None);
    story.breaks("W8");
    let (mut story, _, session) = begun();
    let wrong = spill(&story, Marker { count: 1, mix: 0 }, None);
    story.lost(0, session, LossReason::Closed, Some(wrong));
    story.breaks("W8");
    let (mut story, _, session) = begun();
    let elsewhere = stands(&story).next(WriteId(3));
    let wrong = spill(&story, edits(1), Some(elsewhere));
    story.lost(0, session, LossReason::Closed, Some(wrong));
    story.breaks("W8");
    let (mut story, _, session) = begun();
    assert!(story.make(0, Kind::Save(Some(edits(1)))));
    story.lost(0, session, LossReason::Closed, None);
    story.holds();
}

#[test]
fn w5_a_spill_names_revisions_that_hold_it() {
    let (mut story, _, session) = begun();
    let base = Some(stands(&story));
    assert!(story.make(0, Kind::Save(Some(edits(1)))));
    let stored_at = vec![stands(&story)];
    story.edit(0, session, edits(2));
    let spill = Spill {
        entry: entry(),
        base,
        stored_at,
        schema: 0,
        content: content(edits(2)),
        settled: vec![],
        undo_after: None,
    };
    story.lost(0, session, LossReason::Closed, Some(spill));
    story.breaks("W5");
}

#[test]
fn w3_released_is_said_of_what_was_released() {
    let (mut story, _, session) = begun();
    story.told(0, session, &SessionEvent::Released);
    story.breaks("W3");
}

#[test]
fn w8_a_close_leaves_nobody_without_a_word() {
    for is_told in [true, false] {
        let (mut story, _, session) = begun();
        let (now, ticket) = (story.now, story.ticket());
        story.oracle.on_asked_close(now, 0, ticket);
        // Asked by the close itself.
        assert!(story.make(0, Kind::Release(Some(edits(1)))));
        if is_told {
            story.told(0, session, &SessionEvent::Released);
        }
        story.oracle.note(|it| it.on_closed(now, 0, ticket));
        if is_told { story.holds() } else { story.breaks("W8") }
    }
}

#[test]
fn w8_a_session_ends_once() {
    let (mut story, _, session) = begun();
    assert!(story.release(0, session, edits(1)));
    story.told(0, session, &SessionEvent::Released);
    story.holds();
    story.told(0, session, &SessionEvent::Released);
    story.breaks("W8");
}

#[test]
fn l3_a_session_is_opened_by_a_grant() {
    let (mut story, ..) = begun();
    story.opened(0, SessionId(4), edits(0));
    story.breaks("L3");
}

#[test]
fn l6_a_record_of_the_dead_does_not_time_out_once_nothing_fails() {
    for is_gone in [false, true] {
        let (mut story, server, _) = begun();
        story.live(1);
        if is_gone {
            let now = story.now();
            crate::sessions::witness::Witness::crashed(&mut story.oracle, now, 0);
        }
        story.oracle.healed_at = Some(story.now);
        waits_in_vain(&mut story, 1, server);
        if is_gone { story.breaks("L6") } else { story.holds() }
    }
}

#[test]
fn z1_an_answer_comes_in_time_once_nothing_fails() {
    for (millis, is_late) in [(13_000, false), (14_000, true)] {
        let (mut story, server, session) = begun();
        story.renew(0, server, PresenceState::Alive);
        story.oracle.healed_at = Some(story.now);
        let ticket = story.ask(0, session, edits(1), false);
        story.pass(millis);
        story.settled(0, ticket, &Err(SaveError::Closed));
        if is_late { story.breaks("Z1") } else { story.holds() }
    }
}
