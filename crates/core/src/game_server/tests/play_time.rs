//! Facts about play time and logins: what counts, and that nothing counts twice.

use std::time::Duration;

use super::fleet::{Fate, Fleet};
use super::seconds;
use crate::game_server::{Claim, OpenRequest, SessionHandle, Ticket};
use crate::random::Rng;
use crate::record::{RecordCommand, Usage};
use crate::session::{SessionEvent, SessionSettings};

fn usage(fleet: &Fleet) -> Usage {
    fleet.record("u_1").map(|record| record.body.usage).unwrap_or_default()
}

/// Messages and steps of the clock take so long at most.
const SLACK: Duration = Duration::from_millis(100);

#[track_caller]
fn check(fleet: &Fleet, expected: Duration) {
    let found = usage(fleet).play_time;
    assert!((expected..=expected + SLACK).contains(&found), "{found:?}, not {expected:?}");
}

#[track_caller]
fn release(fleet: &mut Fleet, server: usize, session: SessionHandle) {
    fleet.release(server, session).unwrap();
    fleet.run(seconds(1));
    assert_eq!(fleet.holder("u_1"), None);
}

#[test]
fn play_time_goes_on_from_session_to_session_and_the_last_login_is_the_last_opening() {
    let mut fleet = Fleet::of(2);
    assert_eq!(usage(&fleet), Usage::default());
    let asked_at = fleet.world.now;
    let p = fleet.open(0, "u_1");
    let login = usage(&fleet).last_login.expect("somebody opened it");
    assert!((asked_at..=fleet.world.now).contains(&login));
    assert_eq!(usage(&fleet).play_time, Duration::ZERO, "nothing of it is stored");
    fleet.run(seconds(10));
    let now = fleet.now().mono;
    let shown = fleet.server(0).session(p).unwrap().usage(now);
    assert!(shown.play_time >= seconds(10), "{shown:?}");
    fleet.save(0, p, "1");
    check(&fleet, seconds(10));
    fleet.run(seconds(20));
    release(&mut fleet, 0, p);
    check(&fleet, seconds(31));
    fleet.run(seconds(100));
    let q = fleet.open(1, "u_1");
    assert!(usage(&fleet).last_login > Some(login.saturating_add(seconds(100))));
    fleet.run(seconds(5));
    release(&mut fleet, 1, q);
    assert!((seconds(36)..seconds(37)).contains(&usage(&fleet).play_time), "not while closed");
}

#[test]
fn a_takeover_adds_nothing_that_no_write_told() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.run(seconds(5));
    fleet.save(0, p, "1");
    let saved = usage(&fleet);
    fleet.run(seconds(20));
    fleet.kill(0);
    fleet.run(seconds(20));
    let q = fleet.open(1, "u_1");
    let taken = usage(&fleet);
    assert_eq!(taken.play_time, saved.play_time);
    assert!(taken.last_login > saved.last_login);
    fleet.run(seconds(3));
    release(&mut fleet, 1, q);
    let played = usage(&fleet).play_time.saturating_sub(saved.play_time);
    assert!((seconds(3)..seconds(3) + SLACK).contains(&played), "{played:?}");
}

#[test]
fn a_session_that_is_no_play_leaves_both_alone() {
    let mut fleet = Fleet::of(2);
    let p = fleet.open(0, "u_1");
    fleet.run(seconds(5));
    release(&mut fleet, 0, p);
    let before = usage(&fleet);
    let request = OpenRequest { is_play: false, ..Fleet::request("u_1") };
    let ticket = fleet.begin_open(1, request);
    fleet.run(seconds(1));
    let q = fleet.opened(1, ticket).unwrap().unwrap();
    assert_eq!(usage(&fleet), before);
    fleet.run(seconds(5));
    fleet.save(1, q, "2");
    assert_eq!(usage(&fleet), before);
    release(&mut fleet, 1, q);
    assert_eq!((usage(&fleet), fleet.value("u_1").as_deref()), (before, Some("2")));
}

#[test]
fn a_store_that_lost_saves_is_told_all_of_it_again_once() {
    let mut fleet = Fleet::of(1);
    let p = fleet.open(0, "u_1");
    let before = fleet.world.rows.clone();
    fleet.run(seconds(5));
    fleet.save(0, p, "1");
    fleet.run(seconds(5));
    fleet.save(0, p, "2");
    fleet.world.rows = before;
    assert_eq!(usage(&fleet).play_time, Duration::ZERO);
    fleet.edit(0, p, "3").unwrap();
    fleet.checkpoint(0, p);
    fleet.run(seconds(5));
    assert!(fleet.session_events(0).contains(&SessionEvent::WentBack));
    assert_eq!(fleet.value("u_1").as_deref(), Some("3"));
    let found = usage(&fleet).play_time;
    assert!((seconds(12)..=seconds(17)).contains(&found), "{found:?}");
}

/// Servers that open, edit, save, release, pause and die under a bad network.
struct Play {
    fleet: Fleet,
    rng: Rng,
    openings: Vec<(usize, Ticket)>,
    open: Vec<(usize, SessionHandle)>,
}

impl Play {
    fn act(&mut self) {
        let server = usize::try_from(self.rng.below(3)).unwrap();
        let claim = if self.rng.percent(30) { Claim::Steal } else { Claim::Wait };
        let session = self.rng.pick(&self.open).copied();
        match (self.rng.below(10), session) {
            (0..=2, _) | (_, None) => {
                let request = OpenRequest { claim, ..Fleet::request("u_1") };
                let ticket = self.fleet.begin_open(server, request);
                self.openings.push((server, ticket));
            }
            (3..=7, Some((server, session))) => {
                let text = self.rng.below(1_000).to_string();
                if self.fleet.edit(server, session, &text).is_ok() {
                    self.fleet.checkpoint(server, session);
                }
            }
            (8, Some((server, session))) => drop(self.fleet.release(server, session)),
            (_, Some((server, _))) => self.fleet.pause(server, seconds(self.rng.below(15))),
        }
        let millis = self.rng.below(5_000);
        self.fleet.run(Duration::from_millis(millis));
        self.openings.retain(|(server, ticket)| match self.fleet.opened(*server, *ticket) {
            None => true,
            Some(opened) => {
                self.open.extend(opened.ok().map(|session| (*server, session)));
                false
            }
        });
        self.open.retain(|(server, session)| self.fleet.state(*server, *session).is_some());
    }
}

#[test]
fn play_time_never_goes_down_and_is_never_more_than_the_time_that_passed() {
    let (mut saves, mut played) = (0, Duration::ZERO);
    for seed in 0..24 {
        let mut fleet = Fleet::new();
        for _ in 0..3 {
            fleet.start(None, SessionSettings::default());
        }
        let mut luck = Rng::stream(seed, "network");
        fleet.fates(move |_, _| match luck.below(100) {
            0..70 => Fate::Arrives,
            70..80 => Fate::AnswerLost,
            80..88 => Fate::Lost,
            88..94 => Fate::Late,
            94..97 => Fate::Refused,
            _ => Fate::RefusedOnce,
        });
        fleet.run(seconds(1));
        let (began, rng) = (fleet.world.now, Rng::stream(seed, "players"));
        let mut play = Play { fleet, rng, openings: vec![], open: vec![] };
        let mut before = Usage::default();
        for _ in 0..60 {
            play.act();
            let now = usage(&play.fleet);
            let passed = play.fleet.world.now.saturating_since(began);
            assert!(now.play_time >= before.play_time, "seed {seed}: {now:?} after {before:?}");
            assert!(now.last_login >= before.last_login, "seed {seed}: {now:?}");
            assert!(now.play_time <= passed, "seed {seed}: {now:?} after {passed:?}");
            before = now;
        }
        saves += play.fleet.count_sent(|it| matches!(it, RecordCommand::Write(_)));
        played += before.play_time;
    }
    assert!(saves > 500 && played > seconds(600), "{saves} writes, {played:?}");
}
