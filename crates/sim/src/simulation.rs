//! One run: all parts made from one [`Setup`], and a report at the end, also after a panic.
//!
//! ```text
//!     Setup --> Simulation { world, streams, faults, trace, totals } --> RunReport
//!                 the scenario's loop: pop an event, visit sites, schedule more
//! ```

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Duration;

use crate::faults::{Faults, Knob, Swarm};
use crate::plan::Plan;
use crate::runner::RunReport;
use crate::streams::Streams;
use crate::totals::Totals;
use crate::trace::Trace;
use crate::world::{Ties, World};

/// Events of one run unless told otherwise: far above any scenario, reached within a minute.
pub const EVENT_COUNT_MAX: u64 = 100_000_000;

/// Whether equal times are shuffled. A knob, so that a plan holds it and shrinking resets it.
static SHUFFLE: Knob = Knob::new("world.shuffle", 0, &[1]);

/// How a run starts.
#[derive(Clone, Debug)]
pub struct Setup {
    faults: Faults,
    ties: Option<Ties>,
    line_count_max: usize,
    event_count_max: u64,
}

impl Setup {
    /// A run of a scenario with faults drawn from the seed.
    pub fn drawing(scenario: impl Into<String>, seed: u64) -> Self {
        Self::with_faults(Faults::drawing(Plan::new(scenario, seed), Swarm::default()))
    }

    /// The run of a plan: its seed, its knobs, exactly its faults.
    pub fn replaying(plan: Plan) -> Self {
        Self::with_faults(Faults::replaying(plan))
    }

    /// A run with these faults: for a swarm of its own, pinned knobs or a planted bug.
    pub const fn with_faults(faults: Faults) -> Self {
        Self { faults, ties: None, line_count_max: 0, event_count_max: EVENT_COUNT_MAX }
    }

    /// The same run with the order of equal times fixed. Without this, knob `world.shuffle` has it.
    #[must_use]
    pub const fn ties(mut self, ties: Ties) -> Self {
        self.ties = Some(ties);
        self
    }

    /// The same run, keeping the last lines of the trace for a report.
    #[must_use]
    pub const fn keeping_lines(mut self, line_count_max: usize) -> Self {
        self.line_count_max = line_count_max;
        self
    }

    /// The same run with another limit on events.
    #[must_use]
    pub const fn event_count_max(mut self, event_count_max: u64) -> Self {
        self.event_count_max = event_count_max;
        self
    }
}

/// The parts of a run. A scenario borrows them one by one.
#[derive(Clone, Debug)]
pub struct Simulation<E> {
    /// Virtual time and the events to come.
    pub world: World<E>,
    /// Randomness by purpose.
    pub streams: Streams,
    /// What goes wrong.
    pub faults: Faults,
    /// What happened, hashed.
    pub trace: Trace,
    /// What happened, counted.
    pub totals: Totals,
}

impl<E> Simulation<E> {
    /// The parts at their start.
    pub fn new(setup: Setup) -> Self {
        let Setup { mut faults, ties, line_count_max, event_count_max } = setup;
        let ties = ties.unwrap_or_else(|| match faults.knob(&SHUFFLE) {
            0 => Ties::Sequence,
            _ => Ties::Shuffled,
        });
        let seed = faults.seed();
        Self {
            world: World::new(seed, ties).with_event_count_max(event_count_max),
            streams: Streams::new(seed),
            faults,
            trace: Trace::new(line_count_max),
            totals: Totals::default(),
        }
    }

    /// The report of a run that ended.
    pub fn into_report(mut self, outcome: Result<(), String>) -> RunReport {
        for (class, count) in self.faults.fired() {
            *self.totals.faults.entry(class).or_default() += count;
        }
        RunReport {
            trace_hash: self.trace.hash(),
            event_count: self.world.event_count(),
            virtual_time: Duration::from_nanos(self.world.now().mono.nanos()),
            plan: self.faults.into_plan(),
            totals: self.totals,
            lines: self.trace.into_lines(),
            failure: outcome.err(),
        }
    }
}

/// Runs a scenario. Its error or its panic is the failure of the report, which holds the plan
/// and the trace up to there.
pub fn simulate<E>(
    setup: Setup,
    scenario: impl FnOnce(&mut Simulation<E>) -> Result<(), String>,
) -> RunReport {
    let mut simulation = Simulation::new(setup);
    let outcome = catch(|| scenario(&mut simulation)).and_then(|outcome| outcome);
    simulation.into_report(outcome)
}

thread_local! {
    /// How many calls of [`catch`] this thread is in.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// What the panic said that is being caught.
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Calls a function and turns a panic into its message and place, without printing it.
///
/// What the function borrowed is as it was when it panicked: good for a report, not to go on.
///
/// # Errors
/// What the panic said.
pub fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    CATCHING.set(CATCHING.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(call));
    CATCHING.set(CATCHING.get() - 1);
    result.map_err(|_| MESSAGE.take().unwrap_or_else(|| "panicked".to_owned()))
}

/// The place of a panic is known only to the hook, which is one per process: panics outside
/// [`catch`] go to the hook that was there before.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() > 0 {
                MESSAGE.set(Some(info.to_string()));
            } else {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Choice, Site};

    static STEP: Site = Site::new(
        "step",
        &[Choice::of("P1"), Choice::of("P3").millis(1, 900).rate_ppm(20_000, 50_000)],
    );

    fn walk(sim: &mut Simulation<u64>) -> Result<(), String> {
        for node in 0..5 {
            sim.world.schedule_in(Duration::from_millis(1), node);
        }
        while let Some((now, node)) = sim.world.pop() {
            let fault = sim.faults.visit(&STEP);
            let pause = fault.map_or(0, |fault| 1 + fault.amount());
            sim.trace.event(now, "step").number("node", node).signed("pause", pause);
            if sim.totals.sometimes("paused long", pause > 500) && sim.faults.has_bug("impatient") {
                return Err("waited too long".to_owned());
            }
            assert!(!sim.faults.has_bug("fragile") || pause < 300, "node {node} was paused");
            if sim.world.event_count() < 2_000 {
                sim.world.schedule_in(Duration::from_millis(10) + Duration::from_millis(1), node);
            }
        }
        Ok(())
    }

    fn with_bug(seed: u64, bug: &str) -> Setup {
        let head = Plan::new("walk", seed).planting(bug);
        Setup::with_faults(Faults::drawing(head, Swarm::only(["P3"]))).keeping_lines(10)
    }

    #[test]
    fn the_same_seed_has_the_same_hash_and_another_one_has_another() {
        let hash = |seed| simulate(Setup::drawing("walk", seed), walk).trace_hash;
        for seed in 0..20 {
            assert_eq!(hash(seed), hash(seed));
        }
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn a_replayed_plan_has_the_hash_of_its_run() {
        for seed in 0..20 {
            let drawn = simulate(Setup::drawing("walk", seed), walk);
            let replayed = simulate(Setup::replaying(drawn.plan.clone()), walk);
            assert_eq!(replayed, drawn);
        }
    }

    #[test]
    fn the_order_of_equal_times_is_a_knob_unless_it_is_fixed() {
        let report = |setup: Setup| simulate(setup, walk);
        let shuffles = |seed| !report(Setup::drawing("walk", seed)).plan.knobs.is_empty();
        let seed = (0..100).find(|seed| shuffles(*seed)).expect("a quarter of seeds shuffles");
        let fixed = report(Setup::drawing("walk", seed).ties(Ties::Sequence));
        assert!(fixed.plan.knobs.is_empty());
        assert_ne!(fixed.trace_hash, report(Setup::drawing("walk", seed)).trace_hash);
    }

    #[test]
    fn an_error_reports_the_plan_and_the_last_lines() {
        let report = simulate(with_bug(1, "impatient"), walk);
        assert_eq!(report.failure.as_deref(), Some("waited too long"));
        assert_eq!(report.lines.len(), 10);
        let replayed = simulate(Setup::replaying(report.plan.clone()).keeping_lines(10), walk);
        assert_eq!(replayed, report);
        let text = report.failure_text().unwrap();
        assert!(text.contains("waited too long") && text.contains(r#""site":"step""#));
    }

    #[test]
    fn a_panic_is_a_failure_with_its_place_and_shrinks_to_one_fault() {
        let report = simulate(with_bug(1, "fragile"), walk);
        let message = report.failure.unwrap();
        assert!(message.contains("was paused") && message.contains("simulation.rs"), "{message}");
        let shrunk = crate::shrink(report.plan, 200, |plan| {
            simulate(Setup::replaying(plan.clone()), walk).failure.is_some()
        });
        assert_eq!(shrunk.decisions.len(), 1);
        assert_eq!(shrunk.decisions[0].parameter, Some(crate::Parameter::Millis(299)));
    }

    #[test]
    fn catching_nests_and_hands_results_through() {
        let nested = catch(|| catch(|| -> u8 { panic!("inner") }));
        assert!(nested.unwrap().unwrap_err().contains("inner"));
        assert_eq!(catch(|| 5), Ok(5));
    }
}
