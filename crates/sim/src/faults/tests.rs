//! Facts about drawn and replayed faults.

use super::*;

static COMMIT: Site = Site::new(
    "store.commit",
    &[Choice::of("S1"), Choice::of("S2"), Choice::of("S3").millis(100, 60_000)],
);
static SEND: Site = Site::new("net.send", &[Choice::of("N1"), Choice::of("N2")]);
static TICK: Site = Site::new("node.tick", &[Choice::of("T2").millis(-5_000, 5_000)]);
static ENDS: Knob = Knob::new("ends_max", 32, &[1, 2]);

fn visit_all(faults: &mut Faults) -> Vec<Option<Fault>> {
    (0..2_000).flat_map(|_| [&COMMIT, &SEND, &TICK].map(|site| faults.visit(site))).collect()
}

fn drawn(seed: u64) -> (Faults, Vec<Option<Fault>>) {
    let mut faults = Faults::drawing(Plan::new("test", seed), Swarm::default());
    faults.knob(&ENDS);
    let fired = visit_all(&mut faults);
    (faults, fired)
}

#[test]
fn replaying_a_recorded_plan_fires_the_same_faults() {
    for seed in 0..20 {
        let (drawn, fired) = drawn(seed);
        let text = drawn.plan().to_json();
        let mut replayed = Faults::replaying(Plan::from_json(&text).unwrap());
        assert_eq!(replayed.knob(&ENDS), drawn.clone().knob(&ENDS));
        assert_eq!(visit_all(&mut replayed), fired);
        assert_eq!(replayed.fired(), drawn.fired());
        assert_eq!(replayed.into_plan(), drawn.into_plan());
    }
}

#[test]
fn a_seed_draws_which_classes_exist_and_all_are_counted() {
    let kinds: std::collections::BTreeSet<Vec<&str>> = (0..50)
        .map(|seed| {
            let (faults, fired) = drawn(seed);
            let total: u64 = faults.fired().values().sum();
            assert_eq!(total, fired.iter().flatten().map(|_| 1).sum::<u64>());
            assert_eq!(faults.fired().len(), 6, "silent classes are listed with 0");
            faults
                .fired()
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(class, _)| *class)
                .collect()
        })
        .collect();
    assert!(kinds.len() > 10, "{kinds:?}");
}

#[test]
fn a_new_site_does_not_shift_the_faults_of_the_others() {
    let swarm = || Swarm::only(["S1", "S2", "N1"]);
    let mut alone = Faults::drawing(Plan::new("test", 3), swarm());
    let mut beside = Faults::drawing(Plan::new("test", 3), swarm());
    for _ in 0..2_000 {
        beside.visit(&SEND);
        assert_eq!(alone.visit(&COMMIT), beside.visit(&COMMIT));
    }
    assert!(beside.fired().get("N1").is_some_and(|count| *count > 0));
}

#[test]
fn classes_can_be_demanded_and_forbidden() {
    let swarm = Swarm { always: vec!["S2", "N1"], never: vec!["N1"], ..Swarm::none() };
    let mut faults = Faults::drawing(Plan::new("test", 1), swarm);
    visit_all(&mut faults);
    assert!(faults.plan().decisions.iter().all(|decision| decision.class == "S2"));
    assert!(!faults.plan().decisions.is_empty());
}

#[test]
fn nothing_fires_after_healing_or_beyond_the_limit_of_a_run() {
    let swarm = Swarm { fired_count_max: 3, ..Swarm::only(["S1"]) };
    let mut faults = Faults::drawing(Plan::new("test", 1), swarm);
    visit_all(&mut faults);
    assert_eq!(faults.plan().decisions.len(), 3);

    let plan = Plan::new("test", 1).with(Decision::new("store.commit", 2, "S1"));
    let mut faults = Faults::replaying(plan);
    faults.heal();
    assert!(visit_all(&mut faults).iter().all(Option::is_none));
    assert_eq!(faults.visits("store.commit"), 2_000);
    assert!(faults.plan().decisions.is_empty());
}

#[test]
fn a_plan_fires_at_its_visit_only_and_only_what_the_site_offers() {
    let plan = Plan::new("test", 1)
        .with(Decision::new("store.commit", 3, "S2"))
        .with(Decision::new("store.commit", 3, "S1"))
        .with(Decision::new("store.commit", 1, "N1"))
        .with(Decision::new("store.commit", 4, "S3").sized(Parameter::Millis(1_500)))
        .with(Decision::new("nowhere", 1, "S1"));
    let mut faults = Faults::replaying(plan);
    let fired: Vec<Option<&str>> =
        (0..5).map(|_| faults.visit(&COMMIT).map(|fault| fault.class)).collect();
    assert_eq!(fired, [None, None, Some("S2"), Some("S3"), None]);
    assert_eq!(faults.plan().decisions.len(), 2);
}

#[test]
fn knobs_are_normal_in_most_seeds_and_answer_the_same_every_time() {
    let mut extremes = 0;
    for seed in 0..200 {
        let mut faults = Faults::drawing(Plan::new("test", seed), Swarm::default());
        let value = faults.knob(&ENDS);
        assert_eq!(faults.knob(&ENDS), value);
        assert_eq!(faults.plan().knobs.is_empty(), value == 32);
        extremes += u32::from(value != 32);
    }
    assert!((20..80).contains(&extremes), "{extremes}");
}

#[test]
fn a_pinned_knob_and_a_planted_bug_survive_drawing() {
    let mut head = Plan::new("test", 1).planting("no_fence");
    head.knobs.insert("ends_max".into(), 7);
    let mut faults = Faults::drawing(head, Swarm::none());
    assert_eq!(faults.knob(&ENDS), 7);
    assert!(faults.has_bug("no_fence") && !faults.has_bug("other"));
}
