//! Facts about outages of the store under many sessions.

mod operations;

use std::cell::Cell;

use steadfast_core::game_server::ServerEvent;
use steadfast_core::session::{SessionEvent, SessionState};

use super::*;

const SESSIONS: u64 = 1_000;
const WAY: Duration = Duration::from_millis(25);

impl Small<'_> {
    /// Carries out what happens up to a time after now.
    fn run(&mut self, duration: Duration) {
        let end = self.world.now().mono.saturating_add(duration);
        while self.world.next_at().is_some_and(|at| at <= end) {
            self.next();
        }
        self.world.advance_to(end);
    }
}

/// A server with a thousand sessions, of which half have edits that are not saved, and one that
/// wants one of their records.
fn with_sessions(is_out: &Cell<bool>) -> Small<'_> {
    let network = move |_| if is_out.get() { Fate::Lost } else { Fate::After(WAY) };
    let mut small = Small::new(3, network);
    small.start(SessionSettings::default(), Duration::ZERO);
    small.start(SessionSettings::default(), Duration::from_secs(1));
    small.run(Duration::from_secs(2));
    for key in 0..SESSIONS {
        small.open(0, key);
    }
    small.run(Duration::from_secs(2));
    let opened = std::mem::take(&mut small.events);
    let sessions = opened.into_iter().filter_map(|(_, event)| match event {
        Event::Opened { session, .. } => Some(session),
        Event::OpenFailed { .. }
        | Event::Queued { .. }
        | Event::Operation { .. }
        | Event::Settled { .. }
        | Event::Session { .. }
        | Event::Server(_)
        | Event::Closed { .. } => None,
    });
    let sessions: Vec<SessionHandle> = sessions.collect();
    assert_eq!(sessions.len(), 1_000);
    for session in sessions.iter().step_by(2) {
        assert!(small.edit(0, *session, 7, 100));
    }
    small
}

/// Sessions in a state.
fn count(small: &Small<'_>, server: usize, state: SessionState) -> usize {
    let server = small.servers[server].as_ref().expect("it runs");
    server.sessions().filter(|(_, session)| session.state() == state).count()
}

/// How many servers were declared dead, and how many sessions were lost.
fn losses(small: &Small<'_>) -> (usize, usize) {
    let is_dead =
        |(_, event): &&(usize, Event)| matches!(event, Event::Server(ServerEvent::Dead(_)));
    let is_lost = |(_, event): &&(usize, Event)| {
        matches!(event, Event::Session { event: SessionEvent::Lost { .. }, .. })
    };
    (small.events.iter().filter(is_dead).count(), small.events.iter().filter(is_lost).count())
}

#[track_caller]
fn check_outage(seconds: u64) {
    let is_out = Cell::new(false);
    let mut small = with_sessions(&is_out);
    is_out.set(true);
    small.open(1, 5);
    let sent_before = small.sent_count;
    small.run(Duration::from_secs(seconds));
    // Z2: what is sent in an outage does not grow with the sessions or with its length.
    let sent = small.sent_count - sent_before;
    assert!(sent < 30 * seconds + 500, "{sent} commands in {seconds} s");
    assert_eq!(count(&small, 0, SessionState::Suspended), 1_000);
    is_out.set(false);
    // The record that is asked for is handed over, with its edits; all others go on.
    small.open(1, 6);
    small.run(Duration::from_secs(70));
    assert_eq!(losses(&small), (0, 0), "nobody is declared dead, nothing is lost");
    assert_eq!(count(&small, 0, SessionState::Active), 999);
    assert_eq!(count(&small, 1, SessionState::Active), 1);
    for key in (0..SESSIONS).step_by(2) {
        assert_eq!(small.number_stored(key), Some(7), "the edit of u_{key}");
    }
}

#[test]
fn z2_an_outage_of_thirty_seconds_loses_no_session_and_no_edit() {
    check_outage(30);
}

#[test]
fn z2_an_outage_of_five_minutes_loses_no_session_and_no_edit() {
    check_outage(300);
}

#[test]
fn l8_a_paused_server_loses_only_the_records_that_somebody_claimed() {
    let is_out = Cell::new(false);
    let mut small = with_sessions(&is_out);
    for key in 0..3 {
        small.open(1, key);
    }
    let paused = small.servers[0].take();
    small.run(Duration::from_secs(15));
    small.servers[0] = paused;
    small.with(0, GameServer::poll);
    small.run(Duration::from_secs(70));
    let (dead, lost) = losses(&small);
    assert_eq!((dead, lost), (1, 3));
    assert_eq!(count(&small, 0, SessionState::Active), 997);
    assert_eq!(count(&small, 1, SessionState::Active), 3);
    for key in (4..SESSIONS).step_by(2) {
        assert_eq!(small.number_stored(key), Some(7), "the edit of u_{key}");
    }
}
