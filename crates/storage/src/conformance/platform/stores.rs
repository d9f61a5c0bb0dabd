//! Data stores and universes as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use steadfast_core::platform::{
    History, ListEntries, ListRevisions, ListStores, PlatformError, RevisionId, Snapshot,
    StoreChange, StoreInfo, StoreRequest, TakeSnapshot, When, Which,
};
use steadfast_core::{EntryId, ErrorKind, Revision, StoreId, UniverseId};

use super::listings::{
    NEARLY_RETENTION, all, all_stores, entries, entry_page, newest_first, revision_page, revisions,
    store_names,
};
use super::requests::{execute, get, increment, remove, set, write_id};
use crate::conformance::PlatformHarness;
use crate::conformance::samples::{ask, entry, entry_in};
use crate::fault::Fault;
use crate::platform::{Answer, Platform};

/// More calls than a request makes.
const MANY: usize = 64;
const THREADS: u64 = 4;
/// Changes of each thread.
const STEPS: u64 = 40;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn players() -> StoreId {
    entry("k").store
}

fn manage(platform: &dyn Platform, write: u64, change: StoreChange) -> Answer<StoreInfo> {
    let (store, write_id) = (players(), write_id(write));
    ask(|done| platform.manage_store(StoreRequest { store, change, write_id }, done))
}

fn look(platform: &dyn Platform) -> Answer<StoreInfo> {
    manage(platform, u64::MAX, StoreChange::Look)
}

fn take_snapshot(platform: &dyn Platform, write: u64) -> Answer<Snapshot> {
    let request = TakeSnapshot { universe: UniverseId(1), write_id: write_id(write) };
    ask(|done| platform.take_snapshot(request, done))
}

#[track_caller]
fn check_kind<T: std::fmt::Debug>(answer: &Answer<T>, kind: ErrorKind) {
    assert_eq!(answer.as_ref().err().map(PlatformError::kind), Some(kind), "{answer:?}");
}

/// H-31, H-32, S-07: nothing of a deleted data store is reached or changed, nothing of another one
/// is touched, and what comes back is what was there.
pub fn a_deleted_store_is_out_of_reach_and_comes_back_whole<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let platform = &*platform;
    check_kind(&look(platform), ErrorKind::NotFound);
    let ids: Vec<EntryId> = (1..=5).map(|key| entry(&format!("k{key}"))).collect();
    for (write, id) in (1..).zip(&ids) {
        execute(platform, set(id, write, When::Always)).expect("nothing fails here");
        execute(platform, set(id, write + 10, When::Always)).expect("nothing fails here");
    }
    execute(platform, remove(&entry("k5"), 20, None)).expect("it was written");
    let other = entry_in("Other", "global", "k");
    execute(platform, set(&other, 21, When::Always)).expect("nothing fails here");
    let contents = || {
        let revisions = ids.iter().map(|id| revisions(platform, &newest_first(id)));
        (entries(platform, &all("Players")), revisions.collect::<Vec<_>>())
    };
    let before = contents();
    let created = look(platform).expect("it was written to");

    let deleted = manage(platform, 30, StoreChange::Delete).expect("it is there");
    assert_eq!(deleted.deleted_at, Some(deleted.updated_at));
    assert_eq!(deleted.created_at, created.created_at);
    assert_eq!(look(platform), Ok(deleted.clone()));
    assert_eq!(manage(platform, 31, StoreChange::Delete), Ok(deleted), "H-31: as it is");
    let gone = PlatformError::StoreDeleted { store: players() };
    let first =
        RevisionId::of(created.created_at, Revision { counter: 1, tag: 0 }, created.created_at);
    let time = created.created_at;
    for which in [Which::Current, Which::Revision(first), Which::At(time)] {
        assert_eq!(execute(platform, get(&entry("k1"), which)), Err(gone.clone()));
    }
    for id in [entry("k1"), entry("k5"), entry("new"), entry_in("Players", "new", "k")] {
        for when in [When::Always, When::Missing, When::Exists] {
            assert_eq!(execute(platform, set(&id, 32, when)), Err(gone.clone()));
        }
        assert_eq!(execute(platform, increment(&id, 32, 1)), Err(gone.clone()));
        assert_eq!(execute(platform, remove(&id, 32, None)), Err(gone.clone()));
    }
    assert_eq!(entry_page(platform, &all("Players")), Err(gone.clone()));
    assert_eq!(revision_page(platform, &newest_first(&entry("k1"))), Err(gone.clone()));
    let choice = StoreChange::History(Some(History::Every));
    assert_eq!(manage(platform, 33, choice), Err(gone));
    assert_eq!(store_names(platform, &all_stores()), ["Other"]);
    let request = ListStores { with_deleted: true, ..all_stores() };
    assert_eq!(store_names(platform, &request), ["Other", "Players"]);
    assert_eq!(entries(platform, &all("Other")).len(), 1);

    let back = manage(platform, 40, StoreChange::Undelete).expect("it can be brought back");
    assert_eq!((back.deleted_at, back.created_at), (None, created.created_at));
    assert_eq!(manage(platform, 41, StoreChange::Undelete), Ok(back));
    assert_eq!(contents(), before);
    let request = set(&entry("k1"), 42, When::Exists);
    assert_eq!(execute(platform, request).expect("it is there").revision.counter, 3);
}

/// H-32: after that it is as good as gone, to every request.
pub fn a_deletion_can_be_taken_back_for_30_days<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    execute(&*platform, set(&entry("k"), 1, When::Always)).expect("nothing fails here");
    let deleted = manage(&*platform, 2, StoreChange::Delete).expect("it is there");
    if !harness.pass(NEARLY_RETENTION) {
        return;
    }
    assert_eq!(look(&*platform), Ok(deleted));
    manage(&*platform, 3, StoreChange::Undelete).expect("it is there");
    assert_eq!(entries(&*platform, &all("Players")).len(), 1);
    manage(&*platform, 4, StoreChange::Delete).expect("it is there");
    harness.pass(NEARLY_RETENTION + 2 * HOUR);
    let changes =
        [StoreChange::Look, StoreChange::Undelete, StoreChange::Delete, StoreChange::History(None)];
    for change in changes {
        check_kind(&manage(&*platform, 5, change), ErrorKind::NotFound);
    }
    let request = ListStores { with_deleted: true, ..all_stores() };
    assert!(store_names(&*platform, &request).is_empty());
}

/// H-33 and seed 16: of all that are asked for on one day, by whomever, one is taken, and everybody
/// is told its time.
pub fn one_snapshot_a_day<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let mut snapshots = Vec::new();
    for day in 0..3 {
        let of_day = thread::scope(|scope| {
            let ask = |thread| {
                let platform = Arc::clone(&platform);
                scope.spawn(move || take_snapshot(&*platform, 1 + day * THREADS + thread))
            };
            let threads: Vec<_> = (0..THREADS).map(ask).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("an answer");
            threads.into_iter().map(join).collect::<Vec<Answer<Snapshot>>>()
        });
        snapshots.extend(of_day.into_iter().map(|answer| answer.expect("nothing fails here")));
        if !harness.pass(DAY) {
            break;
        }
    }
    let is_new = snapshots.iter().filter(|snapshot| snapshot.is_new).count();
    let times: BTreeSet<_> = snapshots.iter().map(|snapshot| snapshot.taken_at).collect();
    let days: BTreeSet<i64> = times.iter().map(|time| time.utc_day()).collect();
    assert_eq!((is_new, times.len()), (days.len(), days.len()), "one for each day: {snapshots:?}");
}

/// A platform over a store that fails on demand, with one data store.
struct Scene<H> {
    harness: H,
    platform: Arc<dyn Platform>,
}

impl<H: PlatformHarness> Scene<H> {
    /// Nothing if this implementation cannot be made to fail.
    fn new() -> Option<Self> {
        let mut harness = H::new();
        if !harness.inject(&[], &[]) {
            return None;
        }
        let platform = harness.platform();
        execute(&*platform, set(&entry("k"), 1, When::Always)).expect("nothing fails here");
        Some(Self { harness, platform })
    }

    /// Makes a call while commits and reads fail as told; what is left of the plan is forgotten.
    fn with<T>(
        &mut self,
        commits: &[Fault],
        reads: &[bool],
        call: impl Fn(&dyn Platform) -> T,
    ) -> T {
        let commits: Vec<_> = commits.iter().copied().map(Some).collect();
        assert!(self.harness.inject(&commits, reads), "it could be made to fail before");
        let answer = call(&*self.platform);
        self.harness.heal();
        answer
    }

    fn look(&self) -> StoreInfo {
        look(&*self.platform).expect("it is there")
    }
}

/// S1 to S3 and S9: a change that was not made is said to be so, and one whose batch was not
/// answered is there once. Nobody is told a guess.
pub fn store_changes_without_an_answer_happen_once<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let before = scene.look();
    for (fault, kind) in
        [(Fault::ErrorBefore, ErrorKind::Unavailable), (Fault::Full, ErrorKind::Exhausted)]
    {
        let answer = scene.with(&[fault], &[], |it| manage(it, 2, StoreChange::Delete));
        check_kind(&answer, kind);
        let answer = scene.with(&[fault], &[], |it| take_snapshot(it, 3));
        check_kind(&answer, kind);
        assert_eq!(scene.look(), before);
    }
    let answer = scene.with(&[], &[true], |it| manage(it, 2, StoreChange::Delete));
    check_kind(&answer, ErrorKind::Unavailable);
    let mut write = 10;
    for fault in [Fault::AppliedThenUnknown, Fault::LostThenUnknown, Fault::LateApply] {
        let choice = StoreChange::History(Some(History::Every));
        for change in
            [StoreChange::Delete, StoreChange::Undelete, choice, StoreChange::History(None)]
        {
            write += 1;
            let answer = scene.with(&[fault], &[], |it| manage(it, write, change));
            let info = answer.expect("one batch without an answer");
            assert_eq!(scene.look(), info, "{fault:?}: what the answer tells");
            scene.harness.release();
            assert_eq!(scene.look(), info, "{fault:?}: once");
        }
        let Some(mut scene) = Scene::<H>::new() else { return };
        let taken = scene.with(&[fault], &[], |it| take_snapshot(it, 2)).expect("one batch");
        assert!(taken.is_new, "{fault:?}");
        scene.harness.release();
        let again = take_snapshot(&*scene.platform, 3);
        assert_eq!(again, Ok(Snapshot { is_new: false, ..taken }), "{fault:?}");
        assert_eq!(take_snapshot(&*scene.platform, 2), Ok(taken), "{fault:?}: the same request");
        // Nobody knows what became of it, and at most one of the tries counts.
        let Some(mut scene) = Scene::<H>::new() else { return };
        let answer = scene.with(&[fault; MANY], &[], |it| manage(it, 2, StoreChange::Delete));
        if let Err(error) = &answer {
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{fault:?}");
        }
        scene.harness.release();
        let settled = manage(&*scene.platform, 2, StoreChange::Delete).expect("it is there");
        scene.harness.release();
        assert_eq!(scene.look(), settled, "{fault:?}");
        // A failed look into it says nothing about it.
        let Some(mut scene) = Scene::<H>::new() else { return };
        let reads = [&[false][..], &[true; MANY][..]].concat();
        let answer = scene.with(&[fault], &reads, |it| manage(it, 2, StoreChange::Delete));
        check_kind(&answer, ErrorKind::OutcomeUnknown);
    }
}

/// S3: nobody knows what became of the change until another one settles it.
pub fn a_late_store_change_is_refused_by_a_newer_one<H: PlatformHarness>() {
    let Some(mut scene) = Scene::<H>::new() else { return };
    let faults = [Fault::LateApply, Fault::ErrorBefore];
    let answer = scene.with(&faults, &[], |it| manage(it, 2, StoreChange::Delete));
    check_kind(&answer, ErrorKind::OutcomeUnknown);
    let choice = StoreChange::History(Some(History::Hourly));
    let newer = manage(&*scene.platform, 3, choice).expect("it is there");
    scene.harness.release();
    assert_eq!(scene.look(), newer);
}

/// Every change is made or finds that it is made, and the last one stands.
pub fn store_changes_of_several_threads_agree<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    execute(&*platform, set(&entry("k"), 1, When::Always)).expect("nothing fails here");
    let seen = thread::scope(|scope| {
        let work = |thread: u64| {
            let platform = Arc::clone(&platform);
            scope.spawn(move || {
                let mut seen = Vec::new();
                for step in 0..STEPS {
                    let deletes = (thread + step).is_multiple_of(2);
                    let change = if deletes { StoreChange::Delete } else { StoreChange::Undelete };
                    let write = 10 + thread * STEPS + step;
                    match manage(&*platform, write, change) {
                        Ok(info) => {
                            assert_eq!(info.deleted_at.is_some(), deletes, "{info:?}");
                            seen.push(info);
                        }
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}"),
                    }
                }
                seen
            })
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<StoreInfo>>| {
            thread.join().expect("a thread failed")
        };
        threads.into_iter().flat_map(join).collect::<Vec<_>>()
    });
    let last = look(&*platform).expect("it is there");
    let newest = seen.iter().max_by_key(|info| info.updated_at).expect("somebody got through");
    assert_eq!(*newest, last, "the last change that was answered");
    let states: BTreeSet<_> =
        seen.iter().map(|info| (info.updated_at, info.deleted_at.is_some())).collect();
    let times: BTreeSet<_> = seen.iter().map(|info| info.updated_at).collect();
    assert_eq!(states.len(), times.len(), "one change has one time");
}

/// Deletions, choices and snapshots that were acknowledged.
pub fn store_changes_survive_a_reopening<H: PlatformHarness>() {
    let mut harness = H::new();
    let mut platform = harness.platform();
    execute(&*platform, set(&entry("k"), 1, When::Always)).expect("nothing fails here");
    let choice = StoreChange::History(Some(History::Every));
    let chosen = manage(&*platform, 2, choice).expect("it is there");
    let deleted = manage(&*platform, 3, StoreChange::Delete).expect("it is there");
    assert_eq!((deleted.history, deleted.deleted_at.is_some()), (chosen.history, true));
    let snapshot = take_snapshot(&*platform, 4).expect("nothing fails here");
    drop(platform);
    if !harness.reopen() {
        return;
    }
    platform = harness.platform();
    assert_eq!(look(&*platform), Ok(deleted));
    assert_eq!(take_snapshot(&*platform, 4), Ok(snapshot));
    manage(&*platform, 5, StoreChange::Undelete).expect("it is there");
    let request = ListEntries { page_size: 1, ..all("Players") };
    assert_eq!(entries(&*platform, &request).len(), 1);
    let request = ListRevisions { page_size: 1, ..newest_first(&entry("k")) };
    assert_eq!(revisions(&*platform, &request), [(1, false)]);
}
