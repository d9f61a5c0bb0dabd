//! Z1, Z2, L6, L9, W1: what stands when all has come to rest, and after a loss.

use std::time::Duration;

use steadfast_core::record::{How, PresenceState};

use super::support::{Kind, Story, edits};

#[test]
fn l9_a_lease_names_a_session_that_its_server_has() {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    story.rest(&[(0, server, &[session])]);
    story.holds();
    // A process that is gone is another's business.
    story.rest(&[]);
    story.holds();
    story.rest(&[(0, server, &[])]);
    story.breaks("L9");
}

#[test]
fn l6_a_lease_of_a_dead_id_can_be_taken() {
    for is_dead in [true, false] {
        let mut story = Story::new();
        let (one, other) = (story.live(0), story.live(1));
        story.open(0, one, How::Taken);
        story.pass(11_000);
        if is_dead {
            story.declare(1, one);
        }
        let next = story.live(0);
        story.rest(&[(0, next, &[]), (1, other, &[])]);
        if is_dead { story.holds() } else { story.breaks("L6") }
    }
}

#[test]
fn z1_every_call_has_an_answer() {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    let ticket = story.ask(0, session, edits(0), false);
    let revision = story.view().record.unwrap().revision;
    story.settled(0, ticket, &Ok(revision));
    story.rest(&[(0, server, &[session])]);
    story.holds();
    story.ask(0, session, edits(0), false);
    // Ten seconds, as much again as a clock may be off, and three more.
    story.pass(13_500);
    story.rest(&[(0, server, &[session])]);
    story.holds();
    story.pass(1);
    story.rest(&[(0, server, &[session])]);
    story.breaks("Z1");
}

#[test]
fn z1_no_mail_is_left() {
    for (millis, is_old) in [(10_000, false), (10_001, true)] {
        let mut story = Story::new();
        let server = story.live(0);
        let session = story.open(0, server, How::Taken);
        let fence = story.view().record.unwrap().body.fence;
        story.mail(0, server, fence);
        story.pass(millis);
        story.rest(&[(0, server, &[session])]);
        if is_old { story.breaks("Z1") } else { story.holds() }
    }
}

#[test]
fn w1_what_was_written_last_stands_at_the_end() {
    let mut story = Story::new();
    let server = story.live(0);
    let session = story.open(0, server, How::Taken);
    let before = story.rows.clone();
    assert!(story.make(0, Kind::Save(None)));
    story.rest(&[(0, server, &[session])]);
    story.holds();
    story.rows = before;
    story.rest(&[(0, server, &[session])]);
    story.breaks("W1");
}

#[test]
fn after_a_loss_the_story_goes_on_from_what_is_left() {
    let mut story = Story::new();
    let (server, other) = (story.live(0), story.live(1));
    let session = story.open(0, server, How::Taken);
    story.edit(0, session, edits(1));
    assert!(story.make(0, Kind::Save(Some(edits(1)))));
    let before = story.rows.clone();
    story.edit(0, session, edits(2));
    assert!(story.make(0, Kind::Save(Some(edits(2)))));
    story.renew(0, server, PresenceState::Alive);
    let thief = story.open(1, other, How::Stolen);
    story.rewind(&before);
    story.believes(0, server, Some(5_000), &[session]);
    story.believes(1, other, Some(5_000), &[thief]);
    // The session has it again, and saves all that it holds.
    assert!(story.make(0, Kind::Save(Some(edits(2)))));
    assert!(story.release(0, session, edits(2)));
    story.holds();
    story.rest(&[(0, server, &[]), (1, other, &[])]);
    story.holds();
}

#[test]
fn z2_an_outage_is_no_storm() {
    for (sent, is_storm) in [(243 * 5, false), (243 * 5 + 1, true)] {
        let mut story = Story::new();
        story.oracle.sent_in_outage(0, Duration::from_mins(1), 2, sent);
        if is_storm { story.breaks("Z2") } else { story.holds() }
    }
}
