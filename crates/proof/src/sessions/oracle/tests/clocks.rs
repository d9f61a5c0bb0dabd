//! L2, L8: beliefs and deaths.

use std::time::Duration;

use steadfast_core::record::{How, PresenceState};
use steadfast_core::{OpeningId, ServerId, SessionId};

use super::super::beliefs::{Belief, Holds};
use super::support::{Kind, Story, edits};
use crate::sessions::witness::Witness;

/// Two processes; the first has the record and believes for so long.
fn two(believes_for: u64) -> (Story, [ServerId; 2], SessionId) {
    let mut story = Story::new();
    let servers = [story.live(0), story.live(1)];
    let session = story.open(0, servers[0], How::Taken);
    story.believes(0, servers[0], Some(believes_for), &[session]);
    (story, servers, session)
}

#[test]
fn l2_who_believes_is_not_declared_dead() {
    for (believes_for, is_right) in [(9_500, true), (11_500, false)] {
        let (mut story, servers, _) = two(believes_for);
        story.pass(10_100);
        story.declare(1, servers[0]);
        if is_right { story.holds() } else { story.breaks("L2") }
    }
}

#[test]
fn l2_a_belief_counts_from_before_its_renewal() {
    for (believes_for, is_right) in [(9_000, true), (9_100, true), (9_110, false)] {
        let (mut story, servers, session) = two(9_500);
        story.pass(400);
        story.believes(0, servers[0], Some(believes_for), &[session]);
        if is_right { story.holds() } else { story.breaks("L2") }
    }
}

#[test]
fn l8_who_was_declared_dead_believes_no_more() {
    for is_live in [false, true] {
        let (mut story, servers, session) = two(9_500);
        story.pass(10_100);
        story.declare(1, servers[0]);
        story.believes(0, servers[0], is_live.then_some(500), &[session]);
        if is_live { story.breaks("L8") } else { story.holds() }
    }
}

#[test]
fn l2_nobody_believes_in_what_was_granted_to_another() {
    for is_new in [false, true] {
        let (mut story, servers, session) = two(9_500);
        story.pass(10_100);
        story.declare(1, servers[0]);
        story.open(1, servers[1], How::Taken);
        let next = story.live(0);
        let active = if is_new { vec![session] } else { vec![] };
        story.believes(0, next, Some(9_000), &active);
        if is_new { story.breaks("L2") } else { story.holds() }
    }
}

#[test]
fn l2_nobody_believes_in_what_he_let_go_of() {
    let (mut story, servers, session) = two(9_500);
    assert!(story.release(0, session, edits(0)));
    story.holds();
    story.believes(0, servers[0], Some(9_000), &[session]);
    story.breaks("L2");
}

#[test]
fn who_was_stolen_from_may_believe_until_it_looks() {
    let (mut story, servers, session) = two(9_500);
    story.open(1, servers[1], How::Stolen);
    story.believes(0, servers[0], Some(9_000), &[session]);
    story.holds();
}

#[test]
fn l2_says_nothing_while_a_clock_is_out_of_bounds() {
    // The store's clock leaps: it takes the first for dead while that believes.
    let (mut story, servers, session) = two(9_500);
    story.pass(4_500);
    story.store_ahead = Duration::from_secs(20);
    story.declare(1, servers[0]);
    story.open(1, servers[1], How::Taken);
    story.believes(0, servers[0], Some(4_000), &[session]);
    story.holds();
    // And one whose own clock stood still believes too long.
    let (mut story, servers, session) = two(9_500);
    let local = story.now;
    story.pass(12_000);
    story.declare(1, servers[0]);
    let (now, until) = (story.now, Some(local.saturating_add(Duration::from_secs(9))));
    let belief = Belief { server: servers[0], local, until };
    let holds = [Holds { session, is_active: true, until: None }];
    story.oracle.note(|it| it.on_belief(now, 0, belief, holds.into_iter()));
    story.holds();
}

#[test]
fn l9_a_session_was_granted() {
    let (mut story, servers, _) = two(9_500);
    story.believes(0, servers[0], Some(1_000), &[SessionId(3)]);
    story.breaks("L9");
}

#[test]
fn l8_a_death_is_due_by_the_time_of_the_store_and_by_a_watch() {
    for (millis, is_due) in [(3_000, false), (6_000, false), (10_100, true)] {
        let mut story = Story::new();
        let (one, _) = (story.live(0), story.live(1));
        story.pass(20_000);
        story.renew(0, one, PresenceState::Alive);
        story.pass(millis);
        story.declare(1, one);
        if is_due { story.holds() } else { story.breaks("L8") }
    }
}

#[test]
fn l8_an_opening_counts_as_a_renewal() {
    for (millis, is_due) in [(6_000, false), (10_100, true)] {
        let mut story = Story::new();
        let (one, _) = (story.live(0), story.live(1));
        story.pass(60_000);
        let now = story.now();
        story.oracle.reopened(now, OpeningId(2));
        story.pass(millis);
        story.declare(1, one);
        if is_due { story.holds() } else { story.breaks("L8") }
    }
}

#[test]
fn l8_an_outage_kills_nobody() {
    // Declared right after the outage; after a watch; by one who slept through it.
    for (millis, is_away, is_right) in
        [(500, false, false), (4_100, false, true), (500, true, true)]
    {
        let mut story = Story::new();
        let (one, two) = (story.live(0), story.live(1));
        story.believes(1, two, None, &[]);
        let now = story.now();
        story.oracle.outage(now, true);
        for _ in 0..60 {
            story.pass(500);
            if !is_away {
                story.believes(1, two, None, &[]);
            }
        }
        let now = story.now();
        story.oracle.outage(now, false);
        story.pass(millis);
        story.renew(1, two, PresenceState::Alive);
        story.believes(1, two, Some(5_000), &[]);
        story.declare(1, one);
        if is_right { story.holds() } else { story.breaks("L8") }
    }
}

#[test]
fn l2_a_crashed_process_believes_nothing() {
    for is_crashed in [true, false] {
        let mut story = Story::new();
        let servers = [story.live(0), story.live(1)];
        let session = story.open(0, servers[0], How::Taken);
        let before = story.rows.clone();
        story.renew(0, servers[0], PresenceState::Alive);
        // Whenever it was renewed, the store has lost that.
        story.rewind(&before);
        story.believes(0, servers[0], Some(60_000), &[session]);
        if is_crashed {
            let now = story.now();
            story.oracle.crashed(now, 0);
        }
        story.pass(10_100);
        story.declare(1, servers[0]);
        assert!(story.make(1, Kind::Grant(SessionId(8), servers[1], How::Taken)));
        if is_crashed { story.holds() } else { story.breaks("L2") }
    }
}
