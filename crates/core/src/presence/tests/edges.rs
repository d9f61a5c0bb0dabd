//! Facts about the edges: home servers, ends, renewals that fell behind, and what is remembered.

use super::{HOLDER, Played, Waiter, alive, at, foreign, lease, stored, view};
use crate::id::OpeningId;
use crate::outcome::Outcome;
use crate::presence::{Change, Presence, SENT_MAX, Stage, Verdict};
use crate::random::Rng;
use crate::record::{
    LeaseMode, PresenceRefusal, PresenceState, RecordCommand, RecordRefusal, StoredPresence,
};
use crate::session::SessionSettings;
use crate::time::Monotonic;

impl Played {
    /// One that lives in the process that owns the store.
    fn home() -> Self {
        let mut rng = Rng::seeded(7);
        let presence = Presence::new(at(0), &mut rng, Some(OpeningId(1)), "here".into());
        let mut played = Self { presence, rng, settings: SessionSettings::default() };
        let create = played.send(0);
        assert_eq!(create.body.home, Some(OpeningId(1)));
        assert_eq!(played.commit(40, &create), Change::Live);
        played
    }

    fn next_wake(&self) -> Option<Monotonic> {
        self.presence.next_wake()
    }
}

#[test]
fn a_home_server_reads_its_mail_at_its_rate_and_never_renews() {
    let mut played = Played::home();
    assert_eq!(played.next_wake(), Some(at(3_000)));
    let id = played.presence.id();
    for due in [3_000, 7_000, 10_000] {
        let command = played.presence.command(at(due), &played.settings, &mut played.rng);
        assert_eq!(command, Some(RecordCommand::ReadMail { server: id }));
        assert!(!played.is_due(due + 100_000), "one is out");
        assert_eq!(played.next_wake(), None, "its answer goes on");
        played.presence.on_mail();
        assert_eq!(played.next_wake(), Some(at(due + 3_000)));
        assert!(!played.is_due(due + 2_999));
    }
    assert!(played.presence.is_live(at(1_000_000)) && !played.presence.doubts(at(1_000_000)));
}

#[test]
fn a_server_wakes_for_its_renewal_or_for_its_doubt() {
    let mut played = Played::live();
    assert_eq!(played.next_wake(), Some(at(3_000)));
    played.send(3_000);
    assert_eq!(played.next_wake(), Some(at(9_500)), "while one is out only doubt is due");
    played.presence.on_silence(at(9_300));
    assert_eq!(played.next_wake(), Some(at(6_000)));
    played.send(9_300);
    played.presence.on_silence(at(9_400));
    assert_eq!(played.next_wake(), Some(at(9_500)), "doubt comes before the next renewal");
}

#[test]
fn a_server_that_fell_behind_renews_at_its_rate_from_now_on() {
    let mut played = Played::live();
    let late = played.send(4_000);
    played.commit(4_040, &late);
    assert_eq!(played.next_wake(), Some(at(6_000)), "less than a period late: the rate stands");
    let later = played.send(9_000);
    played.commit(9_040, &later);
    assert_eq!(played.next_wake(), Some(at(12_000)), "exactly a period late: not twice at once");
    let latest = played.send(16_000);
    played.commit(16_040, &latest);
    assert_eq!(played.next_wake(), Some(at(19_000)));
}

#[test]
fn a_store_that_does_not_say_is_asked_again_soon() {
    let reason = || "full".into();
    let full = PresenceRefusal::Store(RecordRefusal::Exhausted { reason: reason() });
    for outcome in [Outcome::Unknown, Outcome::Refused(full)] {
        let mut played = Played::live();
        let renewal = played.send(3_000);
        assert_eq!(played.outcome(3_100, &renewal, &outcome), Change::Nothing);
        assert_eq!(played.next_wake(), Some(at(3_400)));
        assert_eq!(played.presence.stage(), Stage::Live);
    }
}

#[test]
fn w8_the_end_of_a_presence_is_written_at_once() {
    let mut played = Played::live();
    played.presence.end(at(1_000));
    assert_eq!((played.presence.stage(), played.next_wake()), (Stage::Ending, Some(at(1_000))));
    let end = played.send(1_000);
    assert_eq!((end.body.state, end.body.seq), (PresenceState::Dead, 2));
    assert_eq!(played.presence.on_end_committed(), Change::Ended);
    assert_eq!((played.presence.stage(), played.next_wake()), (Stage::Over, None));
}

#[test]
fn the_end_of_a_server_that_was_never_alive_writes_nothing() {
    let mut played = Played::new();
    played.presence.end(at(10));
    assert_eq!((played.presence.stage(), played.is_due(1_000_000)), (Stage::Over, false));
}

#[test]
fn an_end_that_meets_a_late_renewal_is_written_on_it() {
    let mut played = Played::live();
    let renewal = played.send(3_000);
    played.presence.on_silence(at(4_500));
    played.presence.end(at(4_600));
    let end = played.send(4_600);
    let shown = stored(renewal.revision(), PresenceState::Alive, renewal.body.seq);
    assert_eq!(played.refuse(4_700, &end, Some(shown)), Change::Nothing);
    assert_eq!((played.presence.stage(), played.next_wake()), (Stage::Ending, Some(at(4_700))));
    let again = played.send(4_700);
    assert_eq!((again.base, again.body.state), (Some(renewal.revision()), PresenceState::Dead));
    // Somebody else said the same, or an earlier copy did.
    let dead = stored(again.revision(), PresenceState::Dead, again.body.seq);
    assert_eq!(played.refuse(4_800, &again, Some(dead)), Change::Ended);
    assert_eq!(played.presence.stage(), Stage::Over);
}

#[test]
fn an_end_that_meets_nothing_is_over() {
    let mut played = Played::live();
    played.presence.end(at(1_000));
    let end = played.send(1_000);
    assert_eq!(played.refuse(1_100, &end, None), Change::Ended);
    assert_eq!(played.presence.stage(), Stage::Over);
}

#[test]
fn a_creation_that_arrived_too_late_is_renewed_before_anybody_lives() {
    let mut played = Played::new();
    let create = played.send(0);
    assert_eq!(played.commit(9_600, &create), Change::Nothing);
    assert_eq!((played.presence.stage(), played.next_wake()), (Stage::Doubtful, Some(at(9_600))));
    let renewal = played.send(9_600);
    assert_eq!((renewal.base, renewal.body.seq), (Some(create.revision()), 2));
    assert_eq!(played.commit(9_700, &renewal), Change::Live);
}

#[test]
fn after_the_store_went_back_its_later_renewals_are_known_again() {
    let mut played = Played::live();
    let first = played.send(3_000);
    played.commit(3_050, &first);
    let second = played.send(6_000);
    played.commit(6_050, &second);
    let third = played.send(9_000);
    let behind = stored(first.revision(), PresenceState::Alive, first.body.seq);
    assert_eq!(played.refuse(9_050, &third, Some(behind)), Change::WentBack);
    // The second is committed once more by a late copy of it.
    let fourth = played.send(9_050);
    let again = stored(second.revision(), PresenceState::Alive, second.body.seq);
    assert_eq!(played.refuse(9_100, &fourth, Some(again)), Change::Live);
    assert_eq!(played.send(12_050).base, Some(second.revision()));
}

/// Renews so often that the creation is forgotten.
fn renewed_often() -> (Played, StoredPresence) {
    let mut played = Played::live();
    let mut early = None;
    for number in 1..=70 {
        let millis = number * 3_000;
        let renewal = played.send(millis);
        played.commit(millis + 40, &renewal);
        early.get_or_insert(renewal);
    }
    let early = early.expect("there were some");
    (played, stored(early.revision(), PresenceState::Alive, early.body.seq))
}

#[test]
fn a_store_that_went_far_back_is_no_copy_of_the_process() {
    let (mut played, early) = renewed_often();
    assert_eq!(played.presence.sent.len(), SENT_MAX, "no more is remembered");
    let renewal = played.send(213_000);
    assert_eq!(played.refuse(213_040, &renewal, Some(early)), Change::WentBack);
}

#[test]
fn l10_a_foreign_renewal_at_a_number_that_is_remembered_is_a_copy() {
    let mut played = Played::live();
    let renewal = played.send(3_000);
    let copied = stored(foreign(1), PresenceState::Alive, 1);
    assert_eq!(played.refuse(3_100, &renewal, Some(copied)), Change::Copied);
}

#[test]
fn l8_a_request_without_an_answer_at_the_first_look_begins_the_watch_anew() {
    let old = view(lease(HOLDER, LeaseMode::Presence), Some(alive()), 60_000, 0);
    let mut waiter = Waiter::new();
    waiter.read(1_000, &old);
    waiter.last_unanswered = Some(at(1_000));
    assert_eq!(waiter.watch(1_300..=5_200, &old), Verdict::Held);
    assert!(matches!(waiter.read(5_400, &old), Verdict::Declare(_)));
}
