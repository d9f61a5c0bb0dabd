//! Facts about how a server shows that it lives, and how others judge it: the tables of the
//! protocol, section 2.

mod edges;

use std::time::Duration;

use crate::id::{EntryId, EntryKey, OpeningId, Revision, Scope, SessionId, StoreId, StoreName};
use crate::id::{ServerId, UniverseId, WriteId};
use crate::outcome::Outcome;
use crate::planted::Flaws;
use crate::presence::{Change, Judge, Presence, Stage, Verdict, Watch};
use crate::random::Rng;
use crate::record::{
    Fence, Holder, Lease, LeaseMode, PresenceBody, PresenceRefusal, PresenceState, RECORD_FORMAT,
    RecordBody, RecordCommand, RecordView, Renewed, StoredPresence, StoredRecord, Usage,
};
use crate::row::Birth;
use crate::session::SessionSettings;
use crate::time::{Monotonic, Timestamp};

fn at(millis: u64) -> Monotonic {
    Monotonic::from_nanos(millis * 1_000_000)
}

/// A presence and what it last sent.
struct Played {
    presence: Presence,
    rng: Rng,
    settings: SessionSettings,
}

/// A renewal as it was sent.
#[derive(Clone, Debug)]
struct SentRenewal {
    write_id: WriteId,
    base: Option<Revision>,
    body: PresenceBody,
}

impl SentRenewal {
    fn revision(&self) -> Revision {
        self.base.map_or(Revision::first(self.write_id), |base| base.next(self.write_id))
    }
}

impl Played {
    fn new() -> Self {
        let mut rng = Rng::seeded(7);
        let presence = Presence::new(at(0), &mut rng, None, "here".into());
        Self { presence, rng, settings: SessionSettings::default() }
    }

    /// One that was created at the start.
    fn live() -> Self {
        let mut played = Self::new();
        let create = played.send(0);
        assert_eq!(create.base, None, "a presence is created, never taken over");
        assert_eq!(played.commit(40, &create), Change::Live);
        played
    }

    #[track_caller]
    fn send(&mut self, millis: u64) -> SentRenewal {
        let command = self.presence.command(at(millis), &self.settings, &mut self.rng);
        match command {
            Some(RecordCommand::WritePresence { base, body, write_id, .. }) => {
                SentRenewal { write_id, base, body }
            }
            other => panic!("{other:?}"),
        }
    }

    fn is_due(&mut self, millis: u64) -> bool {
        self.presence.command(at(millis), &self.settings, &mut self.rng).is_some()
    }

    fn commit(&mut self, millis: u64, sent: &SentRenewal) -> Change {
        let (stamped_at, mail) = (Timestamp::EPOCH, vec![]);
        let renewed = Renewed { revision: sent.revision(), stamped_at, mail };
        self.outcome(millis, sent, &Outcome::Committed(renewed))
    }

    fn refuse(
        &mut self,
        millis: u64,
        sent: &SentRenewal,
        stored: Option<StoredPresence>,
    ) -> Change {
        self.outcome(millis, sent, &Outcome::Refused(PresenceRefusal::Moved(stored)))
    }

    fn outcome(
        &mut self,
        millis: u64,
        sent: &SentRenewal,
        outcome: &crate::record::PresenceOutcome,
    ) -> Change {
        let Self { presence, rng, settings } = self;
        presence.on_outcome(at(millis), sent.write_id, outcome, settings, rng)
    }
}

fn stored(revision: Revision, state: PresenceState, seq: u64) -> StoredPresence {
    let body = PresenceBody { state, seq, home: None, address: "".into() };
    StoredPresence { revision, stamped_at: Timestamp::EPOCH, body }
}

fn foreign(counter: u64) -> Revision {
    Revision { counter, tag: 99 }
}

#[test]
fn l2_a_server_believes_from_the_sending_of_its_renewal() {
    let mut played = Played::live();
    // Created by what was sent at 0: 10 s less 0.5 s.
    assert!(played.presence.is_live(at(9_499)));
    assert!(!played.presence.is_live(at(9_500)));
    let renewal = played.send(3_000);
    assert_eq!(played.commit(9_000, &renewal), Change::Nothing);
    assert!(played.presence.is_live(at(12_499)));
    assert!(!played.presence.doubts(at(12_499)));
    assert!(played.presence.doubts(at(12_500)), "told once");
    assert!(!played.presence.doubts(at(12_500)));
    assert_eq!(played.presence.stage(), Stage::Doubtful);
}

#[test]
fn renewals_come_at_a_fixed_rate_and_soon_after_one_without_an_answer() {
    let mut played = Played::live();
    assert!(!played.is_due(2_999));
    let first = played.send(3_000);
    assert!(!played.is_due(6_000), "one is out");
    played.presence.on_silence(at(4_500));
    assert!(!played.is_due(4_799));
    let second = played.send(4_800);
    assert_eq!((first.base, first.body.seq + 1), (second.base, second.body.seq));
    played.commit(4_900, &second);
    assert!(!played.is_due(6_000), "the rate goes on from the last");
    assert!(played.is_due(7_800));
}

#[test]
fn a_refusal_that_shows_an_unsettled_renewal_is_its_answer() {
    let mut played = Played::live();
    let first = played.send(3_000);
    played.presence.on_silence(at(4_500));
    let second = played.send(4_800);
    let shown = stored(first.revision(), PresenceState::Alive, first.body.seq);
    assert_eq!(played.refuse(4_900, &second, Some(shown)), Change::Nothing);
    // It counts from the sending of the first, which is the one that was committed.
    assert!(played.presence.is_live(at(12_499)) && !played.presence.is_live(at(12_500)));
    let third = played.send(7_800);
    assert_eq!(third.base, Some(first.revision()));
}

#[test]
fn l8_an_id_that_was_declared_dead_or_is_gone_is_never_used_again() {
    for row in [Some(stored(foreign(2), PresenceState::Dead, 2)), None] {
        let mut played = Played::live();
        let (before, renewal) = (played.presence.id(), played.send(3_000));
        assert_eq!(played.refuse(3_100, &renewal, row), Change::Dead(before));
        assert_ne!(played.presence.id(), before);
        assert_eq!(played.presence.stage(), Stage::Starting);
        let create = played.send(3_100);
        assert_eq!((create.base, create.body.seq), (None, 1));
        assert_eq!(played.commit(3_200, &create), Change::Live);
    }
}

#[test]
fn a_store_that_went_back_is_renewed_from_where_it_stands() {
    let mut played = Played::live();
    let first = played.send(3_000);
    played.commit(3_050, &first);
    let second = played.send(6_000);
    played.commit(6_050, &second);
    let renewal = played.send(9_000);
    let behind = stored(first.revision(), PresenceState::Alive, 2);
    assert_eq!(played.refuse(9_050, &renewal, Some(behind)), Change::WentBack);
    assert_eq!(played.presence.stage(), Stage::Doubtful);
    let again = played.send(9_050);
    assert_eq!(again.base, Some(first.revision()));
    assert_eq!(again.body.seq, 5, "numbers are used once, also those that were lost");
    assert_eq!(played.commit(9_100, &again), Change::Live);
}

#[test]
fn a_late_renewal_of_a_store_that_went_back_is_no_copy() {
    let mut played = Played::live();
    let late = played.send(3_000);
    played.presence.on_silence(at(4_500));
    let next = played.send(4_800);
    played.commit(4_900, &next);
    let third = played.send(7_800);
    // The store stands before both, and then the first arrives after all.
    let revived = stored(late.revision(), PresenceState::Alive, late.body.seq);
    assert_eq!(played.refuse(7_900, &third, Some(revived)), Change::WentBack);
    let fourth = played.send(7_900);
    assert_eq!(fourth.base, Some(late.revision()));
}

#[test]
fn a_renewal_is_no_copy_however_many_were_sent_after_it() {
    for (after, change) in [(63, Change::Nothing), (64, Change::WentBack)] {
        let mut played = Played::live();
        let late = played.send(3_000);
        let mut last = late.clone();
        for later in 0..after {
            let now = 3_000 + later * 300;
            played.presence.on_silence(at(now));
            last = played.send(now + 300);
        }
        let arrived = stored(late.revision(), PresenceState::Alive, late.body.seq);
        assert_eq!(played.refuse(40_000, &last, Some(arrived)), change, "{after}");
        assert_ne!(played.presence.stage(), Stage::Over);
        assert_eq!(played.send(60_000).base, Some(late.revision()));
    }
}

#[test]
fn an_end_whose_answer_was_lost_is_not_written_again() {
    let mut played = Played::live();
    played.presence.end(at(5_000));
    let end = played.send(5_000);
    assert_eq!(end.body.state, PresenceState::Dead);
    played.presence.on_silence(at(6_500));
    let again = played.send(6_800);
    let ended = stored(end.revision(), PresenceState::Dead, end.body.seq);
    assert_eq!(played.refuse(6_850, &again, Some(ended)), Change::Ended);
    assert_eq!(played.presence.stage(), Stage::Over);
    assert!(!played.is_due(60_000));
}

#[test]
fn a_copy_of_the_process_stops_this_one() {
    let mut played = Played::live();
    let renewal = played.send(3_000);
    let copied = stored(foreign(2), PresenceState::Alive, 2);
    assert_eq!(played.refuse(3_100, &renewal, Some(copied)), Change::Copied);
    assert_eq!((played.presence.stage(), played.presence.next_wake()), (Stage::Over, None));
}

#[test]
fn a_foreign_row_under_a_new_id_is_left_alone() {
    let mut played = Played::new();
    let (before, create) = (played.presence.id(), played.send(0));
    let row = stored(foreign(1), PresenceState::Alive, 1);
    assert_eq!(played.refuse(50, &create, Some(row)), Change::Dead(before));
    assert_ne!(played.presence.id(), before);
}

#[test]
fn one_creation_is_sent_however_often_it_gets_no_answer() {
    let mut played = Played::new();
    let first = played.send(0);
    played.presence.on_silence(at(1_500));
    let second = played.send(1_800);
    assert_eq!(first.write_id, second.write_id);
    let shown = stored(first.revision(), PresenceState::Alive, 1);
    assert_eq!(played.refuse(1_900, &second, Some(shown)), Change::Live);
    // It counts from the first sending.
    assert!(!played.presence.is_live(at(9_500)));
}

#[test]
fn a_renewal_that_arrives_too_late_makes_nobody_live() {
    let mut played = Played::live();
    let renewal = played.send(3_000);
    assert!(played.presence.doubts(at(9_500)));
    assert_eq!(played.commit(13_000, &renewal), Change::Nothing);
    assert_eq!(played.presence.stage(), Stage::Doubtful);
    let next = played.send(13_000);
    assert_eq!(played.commit(13_050, &next), Change::Live);
}

const ME: ServerId = ServerId(1);
const HOLDER: ServerId = ServerId(2);

fn view(lease: Lease, presence: Option<StoredPresence>, now: i64, started_at: i64) -> RecordView {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("u_1") };
    let (fence, write_id) = (Fence::first(lease.session), WriteId(5));
    let server = lease.server;
    let (format, schema, save_seq, usage) = (RECORD_FORMAT, 0, 0, Usage::default());
    let lease = Some(lease);
    let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
    let record = StoredRecord { revision: foreign(1), stamped_at: Timestamp::EPOCH, body };
    RecordView {
        entry,
        record: Some(record),
        data: None,
        ends: None,
        holder: Some(Holder { server, presence }),
        now: Timestamp::from_unix_millis(now),
        started_at: Timestamp::from_unix_millis(started_at),
        opening: OpeningId(3),
    }
}

fn lease(server: ServerId, mode: LeaseMode) -> Lease {
    Lease { server, session: SessionId(8), mode, since: Birth::ThisWrite }
}

struct Waiter {
    settings: SessionSettings,
    watch: Option<Watch>,
    is_live: bool,
    last_unanswered: Option<Monotonic>,
}

impl Waiter {
    fn new() -> Self {
        let settings = SessionSettings::default();
        Self { settings, watch: None, is_live: true, last_unanswered: None }
    }

    /// Reads at a time of its own clock, in 50 ms.
    fn read(&mut self, millis: u64, view: &RecordView) -> Verdict {
        let judge = Judge {
            now: at(millis),
            me: ME,
            is_live: self.is_live,
            last_unanswered: self.last_unanswered,
            sent_at: at(millis.saturating_sub(50)),
            settings: &self.settings,
            flaws: Flaws::default(),
        };
        judge.judge(view, &mut self.watch)
    }

    /// Reads every 300 ms. The verdict of the last.
    fn watch(&mut self, millis: std::ops::RangeInclusive<u64>, view: &RecordView) -> Verdict {
        let reads: Vec<Verdict> =
            millis.step_by(300).map(|millis| self.read(millis, view)).collect();
        reads.into_iter().next_back().expect("there is a read")
    }
}

fn alive() -> StoredPresence {
    stored(foreign(4), PresenceState::Alive, 4)
}

#[test]
fn l8_a_living_server_is_declared_dead_after_timeout_and_watch_only() {
    let of = lease(HOLDER, LeaseMode::Presence);
    let old = view(of, Some(alive()), 10_001, 0);
    let mut waiter = Waiter::new();
    assert_eq!(waiter.read(1_000, &old), Verdict::Held, "at first sight");
    assert_eq!(waiter.watch(1_300..=4_900, &old), Verdict::Held);
    assert!(matches!(waiter.read(5_051, &old), Verdict::Declare(_)));
    // In store time it is exactly as old as the timeout.
    let fresh = view(of, Some(alive()), 10_000, 0);
    assert_eq!(waiter.read(5_352, &fresh), Verdict::Held);
    // Renewals that were not flushed may be lost with the opening.
    let reopened = view(of, Some(alive()), 20_000, 10_000);
    assert_eq!(waiter.read(5_653, &reopened), Verdict::Held);
}

#[test]
fn l8_what_is_unanswered_or_unseen_or_renewed_begins_the_watch_anew() {
    let old = view(lease(HOLDER, LeaseMode::Presence), Some(alive()), 60_000, 0);
    let mut waiter = Waiter::new();
    waiter.watch(1_000..=4_900, &old);
    waiter.last_unanswered = Some(at(4_950));
    assert_eq!(waiter.read(5_200, &old), Verdict::Held);
    assert_eq!(waiter.watch(5_500..=9_100, &old), Verdict::Held);
    assert!(matches!(waiter.read(9_300, &old), Verdict::Declare(_)));

    let mut waiter = Waiter::new();
    waiter.watch(1_000..=3_100, &old);
    assert_eq!(waiter.read(5_300, &old), Verdict::Held, "nobody looked for two seconds");

    let mut waiter = Waiter::new();
    waiter.watch(1_000..=4_900, &old);
    let renewed = Some(stored(foreign(5), PresenceState::Alive, 5));
    let renewed = view(lease(HOLDER, LeaseMode::Presence), renewed, 60_000, 0);
    assert_eq!(waiter.read(5_200, &renewed), Verdict::Held);
    assert_eq!(waiter.read(5_300, &old), Verdict::Held);

    let mut waiter = Waiter::new();
    waiter.watch(1_000..=4_900, &old);
    waiter.is_live = false;
    assert_eq!(waiter.read(5_100, &old), Verdict::Held, "who is in doubt itself declares nobody");
}

#[test]
fn a_dead_server_and_a_home_of_an_earlier_opening_hold_nothing() {
    let of = lease(HOLDER, LeaseMode::Presence);
    let dead = Some(stored(foreign(4), PresenceState::Dead, 4));
    assert_eq!(Waiter::new().read(0, &view(of, dead, 0, 0)), Verdict::Free);
    let home = |opening| {
        let mut row = stored(foreign(4), PresenceState::Alive, 4);
        row.body.home = Some(OpeningId(opening));
        Some(row)
    };
    assert_eq!(Waiter::new().read(0, &view(of, home(2), 0, 0)), Verdict::Free);
    let mut waiter = Waiter::new();
    let mine = view(of, home(3), 1_000_000, 0);
    assert_eq!(waiter.watch(0..=60_000, &mine), Verdict::Held, "alive as long as the opening");
}

#[test]
fn a_missing_row_means_dead_at_the_second_look() {
    let gone = view(lease(HOLDER, LeaseMode::Presence), None, 0, 0);
    let mut waiter = Waiter::new();
    assert_eq!(waiter.watch(1_000..=4_900, &gone), Verdict::Held);
    assert_eq!(waiter.read(5_051, &gone), Verdict::Free);
}

#[test]
fn an_id_of_my_own_without_a_session_holds_nothing() {
    let mine = view(lease(ME, LeaseMode::Presence), Some(alive()), 0, 0);
    assert_eq!(Waiter::new().read(0, &mine), Verdict::Free);
}

#[test]
fn a_lease_with_a_timeout_is_watched_for_the_whole_presence_timeout() {
    let timeout = Duration::from_mins(3);
    let of = |now| view(lease(HOLDER, LeaseMode::Timeout(timeout)), None, now, 0);
    let mut waiter = Waiter::new();
    assert_eq!(waiter.watch(1_000..=10_900, &of(180_001)), Verdict::Held);
    assert_eq!(waiter.read(11_051, &of(180_000)), Verdict::Held, "exactly as old as the timeout");
    assert_eq!(waiter.read(11_200, &of(180_001)), Verdict::Free);
}

#[test]
fn a_mode_that_is_not_known_is_never_free() {
    let unknown = view(lease(HOLDER, LeaseMode::Unknown(9)), None, i64::MAX / 20_000, 0);
    assert_eq!(Waiter::new().watch(0..=60_000, &unknown), Verdict::Held);
}
