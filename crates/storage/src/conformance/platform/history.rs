//! The past of an entry: what of it is there, over hours and days, with and without sweeps.
//!
//! The facts that need the time to pass pass without a word where it cannot.

use std::thread;
use std::time::Duration;

use steadfast_core::platform::{
    EntryState, History, Permit, PlatformError, RemoveRevision, Request, Restore, StoreChange,
    StoreRequest, TakeSnapshot, When, Which,
};
use steadfast_core::{EntryId, ErrorKind, UniverseId};

use super::listings::{newest_first, revisions};
use super::requests::{current, execute, get, remove, set, set_to, write_id};
use crate::conformance::PlatformHarness;
use crate::conformance::samples::{ask, content_of, entry, entry_in};
use crate::fault::Fault;
use crate::platform::{Answer, Platform};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);
const RETENTION_SECONDS: u64 = 30 * 24 * 3_600;
const RETENTION: Duration = Duration::from_secs(RETENTION_SECONDS);

/// Threads that write while others sweep, and the writes of each.
const THREADS: u64 = 3;
const WRITES: u64 = 60;

/// A platform whose time is known to the second.
struct Scene<H: PlatformHarness> {
    harness: H,
    writes: u64,
}

impl<H: PlatformHarness> Scene<H> {
    /// Five minutes past an hour, in a universe whose data store keeps its history by a rule.
    /// Nothing if the time of this implementation cannot be moved.
    fn new(history: History) -> Option<Self> {
        let mut harness = H::new();
        if !harness.pass(SECOND) {
            return None;
        }
        let mut scene = Self { harness, writes: 0 };
        let first = scene.set(&entry("first"));
        let into_hour = first.updated_at.unix_millis().rem_euclid(3_600_000) / 1_000;
        let to_next = 3_600_u64.saturating_sub(into_hour.try_into().expect("a part of an hour"));
        scene.pass(Duration::from_secs(to_next) + 5 * MINUTE);
        let (store, write_id) = (first.entry.store, scene.write_id());
        let change = StoreChange::History(Some(history));
        let request = StoreRequest { store, change, write_id };
        let platform = scene.harness.platform();
        ask(|done| platform.manage_store(request, done)).expect("it was written to");
        Some(scene)
    }

    fn pass(&mut self, time: Duration) {
        assert!(self.harness.pass(time), "it could be moved before");
    }

    fn write(&mut self) -> u64 {
        self.writes += 1;
        self.writes
    }

    fn write_id(&mut self) -> steadfast_core::WriteId {
        write_id(self.write())
    }

    #[track_caller]
    fn set(&mut self, id: &EntryId) -> EntryState {
        let request = set(id, self.write(), When::Always);
        self.execute(request).expect("nothing fails here")
    }

    fn execute(&mut self, request: Request) -> Answer {
        execute(&*self.harness.platform(), request)
    }

    fn by_id(&mut self, state: &EntryState) -> Answer {
        self.execute(get(&state.entry, Which::Revision(state.revision_id())))
    }

    fn restore(&mut self, state: &EntryState) -> Answer {
        let (matches, write_id) = (None, self.write_id());
        let (entry, revision) = (state.entry.clone(), state.revision_id());
        let permit = Permit::ALL;
        self.execute(Request::Restore(Restore { entry, revision, matches, permit, write_id }))
    }

    fn snapshot(&mut self) {
        let request = TakeSnapshot { universe: UniverseId(1), write_id: self.write_id() };
        let platform = self.harness.platform();
        let taken = ask(|done| platform.take_snapshot(request, done)).expect("nothing fails here");
        assert!(taken.is_new);
    }

    /// Checks which revisions are there, by the list and by each id that was ever answered, before
    /// and after a sweep.
    #[track_caller]
    fn check(&mut self, ever: &[EntryState], wanted: &[u64]) {
        for _ in 0..2 {
            let (Some(state), platform) = (ever.first(), self.harness.platform()) else { return };
            let mut listed: Vec<u64> = revisions(&*platform, &newest_first(&state.entry))
                .into_iter()
                .map(|(counter, _)| counter)
                .collect();
            listed.reverse();
            assert_eq!(listed, wanted, "the list");
            let mut found = Vec::new();
            for state in ever {
                match self.by_id(state) {
                    Ok(same) => {
                        assert_eq!(same, *state, "what is stored never changes");
                        found.push(state.revision.counter);
                    }
                    Err(PlatformError::RevisionNotFound { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(found, wanted, "the ids");
            self.harness.sweep();
        }
    }
}

#[track_caller]
fn check_missing(answer: &Answer) {
    let kind = answer.as_ref().err().map(PlatformError::kind);
    assert_eq!(kind, Some(ErrorKind::NotFound), "{answer:?}");
}

/// Seeds 1 to 3 of the contract (V-10 to V-12): the last of each hour, what a snapshot covers, and
/// for 30 days.
pub fn v_10_to_v_12_backups_are_hourly_and_last_30_days<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new(History::Hourly) else { return };
    let (id, mut ever) = (entry("k"), Vec::new());
    ever.push(scene.set(&id));
    scene.pass(45 * MINUTE);
    ever.push(scene.set(&id));
    scene.check(&ever, &[2]);
    scene.pass(11 * MINUTE);
    ever.push(scene.set(&id));
    scene.check(&ever, &[2, 3]);
    // The same with a snapshot in between.
    scene.pass(64 * MINUTE);
    let (id, mut covered) = (entry("covered"), vec![scene.set(&entry("covered"))]);
    scene.pass(15 * MINUTE);
    scene.snapshot();
    scene.pass(30 * MINUTE);
    covered.push(scene.set(&id));
    scene.pass(11 * MINUTE);
    covered.push(scene.set(&id));
    scene.check(&covered, &[1, 2, 3]);
    // The second of the first entry was superseded two hours before.
    scene.pass(Duration::from_secs(RETENTION_SECONDS - 2 * 3_600 - 1));
    scene.check(&ever, &[2, 3]);
    scene.pass(2 * SECOND);
    scene.check(&ever, &[3]);
    scene.pass(2 * HOUR);
    scene.check(&ever, &[3]);
    scene.check(&covered, &[3]);
}

/// Seed 4 of the contract (V-14 to V-16, I-06): what a deletion hides is there until the entry is
/// purged, and a later life has nothing of it.
pub fn v_16_a_deleted_entry_is_purged_after_30_days<H: PlatformHarness>() {
    for history in History::ALL {
        let Some(mut scene) = Scene::<H>::new(history) else { return };
        let id = entry("k");
        let first = scene.set(&id);
        scene.pass(5 * MINUTE);
        let request = remove(&id, scene.write(), None);
        assert_eq!(scene.execute(request), Ok(first.clone()));
        assert_eq!(current(&*scene.harness.platform(), &id), None);
        let platform = scene.harness.platform();
        let list = |platform: &dyn Platform| revisions(platform, &newest_first(&id));
        assert_eq!(list(&*platform), [(2, true), (1, false)]);
        scene.pass(Duration::from_secs(RETENTION_SECONDS - 1));
        scene.harness.sweep();
        assert_eq!(list(&*platform), [(2, true), (1, false)]);
        assert_eq!(scene.by_id(&first), Ok(first.clone()));
        scene.pass(2 * SECOND);
        check_missing(&scene.by_id(&first));
        check_missing(&scene.restore(&first));
        check_missing(&scene.execute(set(&id, 900, When::Exists)));
        let reborn = scene.set(&id);
        assert_eq!(reborn.created_at, reborn.updated_at, "{history}: a new life");
        assert_eq!(reborn.revision.counter, 3, "V-18");
        assert_eq!(list(&*platform), [(3, false)]);
        check_missing(&scene.by_id(&first));
        // And one that a sweep came upon first.
        let request = remove(&id, scene.write(), None);
        scene.execute(request).expect("it was written");
        scene.pass(RETENTION + 2 * HOUR);
        scene.harness.sweep();
        let again = scene.set(&id);
        assert_eq!(again.created_at, again.updated_at);
        assert_eq!(revisions(&*platform, &newest_first(&id)).len(), 1);
    }
}

/// Every one for an hour, the last of each minute for a day, the last of each hour for 30 days.
pub fn thinned_history_gets_thinner_with_time<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new(History::Thinned) else { return };
    let (id, mut ever) = (entry("k"), Vec::new());
    // Two in each of two minutes, in each of two hours, and then one more.
    for _ in 0..2 {
        for _ in 0..2 {
            ever.push(scene.set(&id));
            scene.pass(20 * SECOND);
            ever.push(scene.set(&id));
            scene.pass(40 * SECOND);
        }
        scene.pass(58 * MINUTE);
    }
    ever.push(scene.set(&id));
    // It is two hours after the first, one after the fifth.
    scene.check(&ever, &[2, 4, 5, 6, 7, 8, 9]);
    scene.pass(2 * HOUR);
    scene.check(&ever, &[2, 4, 6, 8, 9]);
    scene.pass(24 * HOUR);
    scene.check(&ever, &[4, 8, 9]);
    scene.pass(RETENTION);
    scene.check(&ever, &[9]);
}

/// V-27, HV2: a restore is a new revision, and what it superseded is never thinned.
pub fn v_27_a_restore_can_be_taken_back_at_any_time<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new(History::Hourly) else { return };
    let id = entry("k");
    let good = scene.set(&id);
    scene.pass(HOUR);
    let bad = scene.set(&id);
    scene.pass(MINUTE);
    let restored = scene.restore(&good).expect("it is there");
    assert_eq!((restored.revision.counter, &restored.content), (3, &good.content));
    assert_eq!(current(&*scene.harness.platform(), &id), Some(restored.clone()));
    scene.pass(MINUTE);
    let next = scene.set(&id);
    scene.pass(2 * RETENTION);
    scene.check(&[good.clone(), bad.clone(), restored, next], &[2, 3, 4]);
    check_missing(&scene.restore(&good));
    let back = scene.restore(&bad).expect("it is never thinned");
    assert_eq!((back.revision.counter, &back.content), (5, &bad.content));
    // The same restore once more is the same write.
    let (permit, matches, write_id) = (Permit::ALL, None, scene.write_id());
    let revision = back.revision_id();
    let again = Request::Restore(Restore { entry: id, revision, matches, permit, write_id });
    let made = scene.execute(again.clone());
    assert_eq!(made.as_ref().ok().map(|state| state.revision.counter), Some(6));
    assert_eq!(scene.execute(again), made);
}

/// V-04, V-26: gone for good and alone, and never the current one.
pub fn v_04_a_removed_revision_is_gone_and_no_other<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let id = entry("k");
    let states: Vec<EntryState> = (1..=4)
        .map(|write| execute(&*platform, set(&id, write, When::Always)).expect("nothing fails"))
        .collect();
    let removal = |state: &EntryState, write| {
        let (entry, revision) = (state.entry.clone(), state.revision_id());
        let request = RemoveRevision { entry, revision, write_id: write_id(write) };
        ask(|done| platform.remove_revision(request, done))
    };
    let [first, second, third, fourth] = &*states else { panic!("four were written") };
    assert_eq!(removal(second, 10), Ok(second.clone()));
    assert_eq!(revisions(&*platform, &newest_first(&id)), [(4, false), (3, false), (1, false)]);
    let missing = PlatformError::RevisionNotFound { entry: id.clone() };
    assert_eq!(removal(second, 11), Err(missing.clone()));
    let which = Which::Revision(second.revision_id());
    assert_eq!(execute(&*platform, get(&id, which)), Err(missing.clone()));
    let is_current = PlatformError::RevisionIsCurrent { entry: id.clone() };
    assert_eq!(removal(fourth, 12), Err(is_current));
    let elsewhere = EntryState { entry: entry("other"), ..first.clone() };
    assert_eq!(removal(&elsewhere, 13).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    assert_eq!(execute(&*platform, get(&id, Which::Current)).as_ref(), Ok(fourth));
    let next = execute(&*platform, set(&id, 14, When::Always)).expect("nothing fails here");
    assert_eq!(next.revision.counter, 5);
    // An answer that is lost: it happened, or happens, once.
    for (fault, state) in [(Fault::AppliedThenUnknown, third), (Fault::LostThenUnknown, first)] {
        if !harness.inject(&[Some(fault)], &[]) {
            return;
        }
        assert_eq!(removal(state, 20), Ok(state.clone()), "{fault:?}");
        harness.heal();
        assert_eq!(removal(state, 21), Err(missing.clone()), "{fault:?}");
    }
}

/// HV1: every write that was acknowledged is the current one or in the past of its entry, and the
/// sweeps between them and beside them take nothing that is there.
pub fn hv_1_sweeps_beside_writers_take_nothing_that_is_there<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new(History::Every) else { return };
    let ids = [entry("a"), entry("b"), entry_in("Other", "global", "a")];
    let platform = scene.harness.platform();
    let mut written: Vec<EntryState> = Vec::new();
    for round in 0..4_u64 {
        let answers = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (platform, ids) = (&platform, &ids);
                    scope.spawn(move || {
                        let write = |step: u64| {
                            let number = 1_000 + (round * THREADS + thread) * WRITES + step;
                            let picked = usize::try_from(step).expect("few") % ids.len();
                            let id = ids.get(picked).expect("the rest of a division");
                            let request = set_to(id, number, content_of(number), When::Always);
                            execute(&**platform, request).expect("nothing fails here")
                        };
                        (0..WRITES).map(write).collect::<Vec<_>>()
                    })
                })
                .collect();
            for _ in 0..5 {
                scene.harness.sweep();
                scene.pass(20 * MINUTE);
            }
            let joined = threads.into_iter().map(|thread| thread.join().expect("it ends"));
            joined.flatten().collect::<Vec<_>>()
        });
        written.extend(answers);
    }
    for id in &ids[..2] {
        let mut of: Vec<u64> = written
            .iter()
            .filter(|state| state.entry == *id)
            .map(|state| state.revision.counter)
            .collect();
        of.sort_unstable();
        let total = u64::try_from(of.len()).expect("few");
        assert_eq!(of, (1..=total).collect::<Vec<_>>(), "each write counts by one");
        let listed = revisions(&*platform, &newest_first(id));
        assert_eq!(listed.len(), of.len(), "every one is there");
    }
    for state in written.iter().filter(|state| state.entry.store == ids[0].store) {
        assert_eq!(scene.by_id(state).as_ref(), Ok(state));
    }
}

/// A sweep whose batches fail, are lost or come late does no harm, and the next one makes up for
/// it.
pub fn a_sweep_that_fails_half_way_is_made_up_for<H: PlatformHarness>() {
    for fault in [
        Fault::ErrorBefore,
        Fault::Full,
        Fault::AppliedThenUnknown,
        Fault::LostThenUnknown,
        Fault::LateApply,
    ] {
        let Some(mut scene) = Scene::<H>::new(History::Hourly) else { return };
        let (id, mut ever) = (entry("k"), Vec::new());
        for _ in 0..3 {
            for _ in 0..4 {
                ever.push(scene.set(&id));
                scene.pass(10 * MINUTE);
            }
            scene.pass(20 * MINUTE);
        }
        scene.pass(3 * HOUR);
        if !scene.harness.inject(&[Some(fault), None, Some(fault)], &[false, true]) {
            return;
        }
        scene.harness.sweep();
        scene.harness.sweep();
        scene.harness.heal();
        ever.push(scene.set(&id));
        scene.harness.release();
        scene.check(&ever, &[4, 8, 12, 13]);
    }
}
