//! Many seeds: clean runs, the hunt for a planted bug, and the smallest plan that still fails.

use std::ops::Range;

use steadfast_sim::{Faults, Plan, RunReport, Setup, Summary, Swarm, run_seeds, shrink};

use crate::bank::{Bug, Judge, Judges};
use crate::{data, platform, sessions};

/// Runs that shrinking one plan may take.
pub const SHRINK_RUNS_MAX: u32 = 600;

/// All scenarios.
pub const NAMES: [&str; 3] = [platform::NAME, data::NAME, sessions::NAME];

/// Lines of the trace that a failing run shows.
pub const LINE_COUNT: usize = 60;

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// Of which scenarios.
    pub scenarios: Scenarios,
    /// On how many threads.
    pub thread_count: usize,
    /// Limits that are set for every seed, by the names of their knobs.
    pub knobs: Vec<(String, u64)>,
}

/// Which scenarios are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenarios {
    /// Of four seeds two are of `sessions`, one of `platform`, one of `data`.
    All,
    /// One alone, by its name.
    Only(&'static str),
}

impl Scenarios {
    /// Those of a name on the command line.
    pub fn parse(name: &str) -> Self {
        let mut names = NAMES.into_iter();
        names.find(|scenario| *scenario == name).map_or(Self::All, Self::Only)
    }

    /// The scenario of a seed of a run of them.
    fn of(self, seed: u64) -> &'static str {
        match self {
            Self::Only(scenario) => scenario,
            Self::All => match seed % 4 {
                0 => platform::NAME,
                2 => data::NAME,
                _ => sessions::NAME,
            },
        }
    }
}

impl Campaign {
    /// Runs all seeds, until one fails. Each report is shown to `observe` as it comes, in any
    /// order.
    pub fn run(&self, observe: impl Fn(&RunReport) + Sync) -> Summary {
        self.run_with(None, Judges::ALL, observe)
    }

    /// Plants a bug and lets one judge look for it, until it finds it.
    pub fn hunt(&self, bug: Bug, judge: Judge) -> Option<RunReport> {
        self.run_with(Some(bug), Judges::only(judge), |_| {}).failed.map(|report| *report)
    }

    fn run_with(
        &self,
        bug: Option<Bug>,
        judges: Judges,
        observe: impl Fn(&RunReport) + Sync,
    ) -> Summary {
        run_seeds(self.seeds.clone(), self.thread_count, |seed| {
            let scenario = bug.map_or_else(|| self.scenarios.of(seed), Bug::scenario);
            let mut plan = Plan::new(scenario, seed);
            plan.planted_bug = bug.map(|bug| bug.name().to_owned());
            plan.knobs.extend(self.knobs.iter().map(|(name, value)| (name.clone().into(), *value)));
            let setup = Setup::with_faults(Faults::drawing(plan, Swarm::default()));
            let report = simulate(scenario, setup, judges);
            observe(&report);
            report
        })
    }
}

fn simulate(scenario: &str, setup: Setup, judges: Judges) -> RunReport {
    match scenario {
        data::NAME => data::simulate(setup, judges),
        sessions::NAME => sessions::simulate(setup, judges),
        _ => platform::simulate(setup, judges),
    }
}

/// Runs a plan again, keeping the last lines of its trace.
pub fn replay(plan: Plan, judges: Judges, line_count: usize) -> RunReport {
    let scenario = plan.scenario.clone();
    simulate(&scenario, Setup::replaying(plan).keeping_lines(line_count), judges)
}

/// The smallest plan that still fails before these judges.
pub fn smallest(plan: Plan, judges: Judges) -> Plan {
    shrink(plan, SHRINK_RUNS_MAX, |plan| replay(plan.clone(), judges, 0).failure.is_some())
}

#[cfg(test)]
mod tests;
