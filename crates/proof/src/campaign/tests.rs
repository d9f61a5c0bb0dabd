//! Whole runs: clean without a bug, the same every time, and every planted bug found.

use steadfast_sim::{Decision, Parameter};

use super::*;

/// Seeds within which a planted bug is found here. The command line gives it 2,000.
const SEEDS_TO_FIND: u64 = 400;

fn campaign(seed_count: u64, thread_count: usize) -> Campaign {
    let scenarios = Scenarios::All;
    Campaign { seeds: 0..seed_count, scenarios, thread_count, knobs: Vec::new() }
}

#[test]
fn nothing_is_found_without_a_bug() {
    let summary = campaign(50, 2).run(|_| {});
    let failure = summary.failed.as_ref().and_then(|report| report.failure_text());
    assert_eq!(failure, None);
    let commits = summary.count("commits").unwrap();
    assert!(commits.least >= 300, "{commits:?}");
    assert!(summary.virtual_time.as_secs() >= 37 * 1_800 + 12 * 40 * 86_400);
    let grants = summary.count("grants").unwrap();
    assert!(grants.total >= 25 * 20, "{grants:?}");
}

#[test]
fn runs_are_the_same_twice_on_one_thread_and_on_two() {
    let one = campaign(12, 1).run(|_| {});
    assert_eq!(campaign(12, 1).run(|_| {}).table(), one.table());
    assert_eq!(campaign(12, 2).run(|_| {}).table(), one.table());
}

#[test]
fn a_recorded_plan_replays_with_the_same_hash() {
    for (seed, scenario) in (0..6).flat_map(|seed| NAMES.map(|scenario| (seed, scenario))) {
        let drawn = simulate(scenario, Setup::drawing(scenario, seed), Judges::ALL);
        let plan = Plan::from_json(&drawn.plan.to_json()).unwrap();
        let replayed = replay(plan, Judges::ALL, 5);
        assert_eq!(replayed.trace_hash, drawn.trace_hash, "{scenario}, seed {seed}");
        assert_eq!(replayed.plan, drawn.plan);
    }
}

#[test]
fn every_planted_bug_is_found_by_each_of_its_judges() {
    for bug in Bug::ALL {
        for judge in bug.found_by() {
            let found = campaign(SEEDS_TO_FIND, 2).hunt(bug, *judge);
            let said = found.and_then(|report| report.failure);
            let by = format!("{judge}: ");
            assert!(said.as_ref().is_some_and(|said| said.starts_with(&by)), "{bug:?}: {said:?}");
        }
    }
}

#[test]
fn a_shrunk_plan_is_small_and_still_fails() {
    let hunts = [
        (Bug::TimeoutAsRefused, Judge::Oracle),
        (Bug::TornBatchVisible, Judge::History),
        (Bug::LateWriteUnconditional, Judge::Oracle),
    ];
    for (bug, judge) in hunts {
        let judges = Judges::only(judge);
        let report = campaign(SEEDS_TO_FIND, 2).hunt(bug, judge).unwrap();
        let shrunk = smallest(report.plan, judges);
        assert!(shrunk.decisions.len() <= 3, "{}", shrunk.to_json());
        assert!(replay(shrunk, judges, 0).failure.is_some());
    }
}

/// A copy of a write was refused by its own first copy, which had come late, and core planned it
/// anew: one write, two effects.
#[test]
fn a_write_that_its_own_late_copy_refused_counts_once() {
    let late = Plan::new(platform::NAME, 3)
        .with(Decision::new("store.commit", 8, "S3").sized(Parameter::Millis(260)))
        .with(Decision::new("store.read", 14, "S1"));
    let doubled = Plan::new(platform::NAME, 0)
        .with(Decision::new("net.request", 5, "N3").sized(Parameter::Millis(4)))
        .with(Decision::new("store.read", 6, "S4").sized(Parameter::Count(1)));
    let overtaken = Plan::new(platform::NAME, 0)
        .with(Decision::new("net.request", 26, "N3").sized(Parameter::Millis(4)))
        .with(Decision::new("store.read", 30, "S4").sized(Parameter::Count(2)));
    for plan in [late, doubled, overtaken] {
        assert_eq!(replay(plan, Judges::ALL, 0).failure, None);
    }
}

/// A list read a revision, a sweep took it with what superseded it, and the next read of the list
/// judged it by a younger one.
#[test]
fn a_revision_that_a_sweep_took_meanwhile_is_not_listed_once_more() {
    let faults = Faults::drawing(Plan::new(data::NAME, 15_349), Swarm::default());
    let report = data::simulate(Setup::with_faults(faults), Judges::ALL);
    assert_eq!(report.failure_text(), None);
}

/// An operation that was due again while as many had ended as one write settles had its game server
/// polled for ever.
#[test]
fn an_operation_that_is_due_without_room_for_its_end_waits_for_the_answer_of_the_store() {
    check_sessions(10);
}

/// The store went back behind a restore, and what that had taken back came again and stayed.
#[test]
fn do1_a_restore_that_the_store_lost_takes_operations_back_once_more() {
    [127, 166, 385].into_iter().for_each(check_sessions);
}

/// The ends that a session stored again after the store had gone back, and still had them, counted
/// as later than the data that held them: a restore between took them back.
#[test]
fn do1_an_end_that_the_store_kept_is_not_stored_again_as_a_later_one() {
    [443, 513].into_iter().for_each(check_sessions);
}

#[track_caller]
fn check_sessions(seed: u64) {
    let faults = Faults::drawing(Plan::new(sessions::NAME, seed), Swarm::default());
    let report = sessions::simulate(Setup::with_faults(faults), Judges::ALL);
    assert_eq!(report.failure_text(), None);
}

#[test]
fn an_unknown_bug_is_an_error() {
    for scenario in NAMES {
        let plan = Plan::new(scenario, 1).planting("no-such-bug");
        let failure = replay(plan, Judges::ALL, 0).failure;
        assert_eq!(failure.as_deref(), Some("no bug `no-such-bug`"));
    }
}

#[test]
fn half_of_the_seeds_are_of_sessions_and_one_scenario_alone_takes_all() {
    let of = |name: &str, seeds: Range<u64>| -> Vec<&str> {
        let scenarios = Scenarios::parse(name);
        seeds.map(|seed| scenarios.of(seed)).collect()
    };
    let turn = [platform::NAME, sessions::NAME, data::NAME, sessions::NAME];
    assert_eq!(of("all", 0..4), turn);
    assert_eq!(of("all", 8..12), turn);
    for name in NAMES {
        assert_eq!(of(name, 0..2), [name; 2]);
    }
}
