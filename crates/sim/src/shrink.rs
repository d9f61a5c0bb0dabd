//! Shrinking: the smallest plan that still fails.
//!
//! Delta debugging: leave out ever smaller chunks of the decisions for as long as the run still
//! fails, until none can be left out alone. Then the parameters are halved towards zero and the
//! knobs set back, and all of it again while anything changes. Every try is a whole run, so their
//! number has a limit; the best plan found until then is the result.

use crate::plan::{Parameter, Plan};

/// Tries for one parameter in one round: enough to tell a second from an hour.
const PARAMETER_TRIES_MAX: u32 = 16;

/// The smallest plan found in at most `budget` runs for which `still_fails` holds.
///
/// Returns the plan as it is if its own run does not fail. After a removal the later visits of a
/// site may mean something else; the result is judged only by whether it fails.
pub fn shrink(plan: Plan, budget: u32, still_fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut shrinker = Shrinker { best: plan, runs_left: budget, still_fails };
    if !shrinker.attempt(shrinker.best.clone()) {
        return shrinker.best;
    }
    loop {
        let before = shrinker.best.clone();
        shrinker.reset_knobs();
        shrinker.remove_decisions();
        shrinker.reduce_parameters();
        if shrinker.best == before || shrinker.runs_left == 0 {
            return shrinker.best;
        }
    }
}

struct Shrinker<F> {
    best: Plan,
    runs_left: u32,
    still_fails: F,
}

impl<F: FnMut(&Plan) -> bool> Shrinker<F> {
    /// Runs a candidate and keeps it if it still fails.
    fn attempt(&mut self, candidate: Plan) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let fails = (self.still_fails)(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    fn reset_knobs(&mut self) {
        let names: Vec<_> = self.best.knobs.keys().cloned().collect();
        let mut bare = self.best.clone();
        bare.knobs.clear();
        if names.is_empty() || self.attempt(bare) {
            return;
        }
        for name in &names {
            let mut candidate = self.best.clone();
            candidate.knobs.remove(name);
            self.attempt(candidate);
        }
    }

    fn remove_decisions(&mut self) {
        // All at once first: often a knob or a planted bug is enough.
        let mut size = self.best.decisions.len();
        while size > 0 && self.runs_left > 0 {
            let removed = self.remove_chunks(size);
            if size == 1 && !removed {
                return;
            }
            // At size 1 once more: what one removal left may now go without another.
            size = size.div_ceil(2).min(self.best.decisions.len());
        }
    }

    /// Tries to leave out each chunk of one size.
    fn remove_chunks(&mut self, size: usize) -> bool {
        let mut removed = false;
        let mut start = 0;
        while start < self.best.decisions.len() && self.runs_left > 0 {
            let mut candidate = self.best.clone();
            let end = (start + size).min(candidate.decisions.len());
            candidate.decisions.drain(start..end);
            if self.attempt(candidate) {
                removed = true;
            } else {
                start = end;
            }
        }
        removed
    }

    fn reduce_parameters(&mut self) {
        for index in 0..self.best.decisions.len() {
            let decision = self.best.decisions.get(index);
            if let Some(parameter) = decision.and_then(|decision| decision.parameter) {
                self.reduce_parameter(index, parameter);
            }
        }
    }

    /// Halves the distance between the largest amount that passes and the smallest that fails.
    fn reduce_parameter(&mut self, index: usize, parameter: Parameter) {
        let mut fails = parameter.amount();
        if fails == 0 || self.attempt_amount(index, parameter, 0) {
            return;
        }
        let mut passes = 0;
        for _ in 0..PARAMETER_TRIES_MAX {
            // Both have the same sign: the middle cannot overflow.
            let middle = passes + (fails - passes) / 2;
            if middle == passes || self.runs_left == 0 {
                return;
            }
            if self.attempt_amount(index, parameter, middle) {
                fails = middle;
            } else {
                passes = middle;
            }
        }
    }

    fn attempt_amount(&mut self, index: usize, parameter: Parameter, amount: i64) -> bool {
        let mut candidate = self.best.clone();
        if let Some(decision) = candidate.decisions.get_mut(index) {
            decision.parameter = Some(parameter.with_amount(amount));
        }
        self.attempt(candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Decision;

    fn hundred() -> Plan {
        let mut plan = Plan::new("test", 1);
        plan.knobs.insert("ends_max".into(), 1);
        plan.knobs.insert("ring_max".into(), 1);
        plan.decisions = (1..=100)
            .map(|at| Decision::new("store.commit", at, "S3").sized(Parameter::Millis(60_000)))
            .collect();
        plan
    }

    fn has(plan: &Plan, occurrence: u64, least_ms: i64) -> bool {
        plan.decisions.iter().any(|decision| {
            decision.occurrence == occurrence
                && decision.parameter.is_some_and(|parameter| parameter.amount() >= least_ms)
        })
    }

    #[test]
    fn the_failing_pair_of_a_hundred_decisions_is_found_within_the_budget() {
        let mut runs = 0;
        let shrunk = shrink(hundred(), 150, |plan| {
            runs += 1;
            has(plan, 17, 0) && has(plan, 80, 1_500) && plan.knobs.contains_key("ring_max")
        });
        let found: Vec<String> = shrunk.decisions.iter().map(Decision::to_string).collect();
        assert_eq!(found, ["store.commit #17 S3 0 ms", "store.commit #80 S3 1500 ms"]);
        assert_eq!(shrunk.knobs.keys().collect::<Vec<_>>(), ["ring_max"]);
        assert!(runs <= 150, "{runs}");
    }

    #[test]
    fn every_pair_is_found() {
        for (first, second) in [(1, 2), (1, 100), (50, 51), (99, 100), (33, 66)] {
            let shrunk = shrink(hundred(), 150, |plan| has(plan, first, 0) && has(plan, second, 0));
            assert_eq!(shrunk.decisions.len(), 2);
        }
    }

    #[test]
    fn no_more_runs_than_the_budget_are_made_and_the_best_plan_still_fails() {
        for budget in 0..40 {
            let mut runs = 0;
            let fails = |plan: &Plan| has(plan, 17, 0) && has(plan, 80, 1_500);
            let shrunk = shrink(hundred(), budget, |plan| {
                runs += 1;
                fails(plan)
            });
            assert!(runs <= budget && fails(&shrunk));
        }
    }

    #[test]
    fn a_failure_without_faults_loses_them_all_at_once() {
        let mut runs = 0;
        let shrunk = shrink(hundred(), 100, |_| {
            runs += 1;
            true
        });
        assert_eq!(shrunk, Plan::new("test", 1));
        assert!(runs < 10, "{runs}");
    }

    #[test]
    fn a_plan_that_does_not_fail_comes_back_whole() {
        assert_eq!(shrink(hundred(), 100, |_| false), hundred());
    }

    #[test]
    fn a_jump_back_shrinks_towards_zero_too() {
        let plan = Plan::new("test", 1)
            .with(Decision::new("node.tick", 1, "T2").sized(Parameter::Millis(-90_000)));
        let shrunk = shrink(plan, 100, |plan| {
            plan.decisions.iter().any(|decision| {
                decision.parameter.is_some_and(|parameter| parameter.amount() <= -2_000)
            })
        });
        assert_eq!(shrunk.decisions[0].parameter, Some(Parameter::Millis(-2_000)));
    }
}
