//! Many seeds on some threads, with one result whatever their number.
//!
//! Threads take the next seed from a counter; reports are merged in the order of seeds. The run
//! ends with the lowest seed that fails: seeds above it leave no mark on the summary, also where
//! another thread had finished them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::plan::Plan;
use crate::simulation::catch;
use crate::totals::{Group, Tally, Totals, absorb, table};
use crate::trace::TraceHash;

/// What one run was and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The run as data, with the faults that fired.
    pub plan: Plan,
    /// The hash of its trace.
    pub trace_hash: u64,
    /// Events handled.
    pub event_count: u64,
    /// Virtual time that passed.
    pub virtual_time: Duration,
    /// What happened how often.
    pub totals: Totals,
    /// The last lines of its trace, if it kept some.
    pub lines: Vec<String>,
    /// Why it failed.
    pub failure: Option<String>,
}

impl RunReport {
    /// The failure for a human: what, which seed, the last lines, the plan. None if it passed.
    pub fn failure_text(&self) -> Option<String> {
        let failure = self.failure.as_ref()?;
        let Plan { scenario, seed, .. } = &self.plan;
        let mut text = format!("scenario `{scenario}`, seed {seed}: {failure}\n\n");
        for line in &self.lines {
            writeln!(text, "  {line}").expect("writing to a string succeeds");
        }
        Some(format!("{text}\nplan:\n{}", self.plan.to_json()))
    }

    fn panicked(seed: u64, message: String) -> Self {
        Self {
            plan: Plan::new("", seed),
            trace_hash: 0,
            event_count: 0,
            virtual_time: Duration::ZERO,
            totals: Totals::default(),
            lines: Vec::new(),
            failure: Some(message),
        }
    }
}

/// What many runs did, up to and including the first that failed.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs.
    pub seed_count: u64,
    /// Events handled.
    pub event_count: u64,
    /// Virtual time that passed in all of them.
    pub virtual_time: Duration,
    /// The run with the lowest seed that failed.
    pub failed: Option<Box<RunReport>>,
    counts: Group,
    faults: Group,
    marks: Group,
    hash: TraceHash,
}

impl Summary {
    /// Adds a run. Runs are added in the order of their seeds: the combined hash depends on it.
    pub fn absorb(&mut self, report: RunReport) {
        self.seed_count += 1;
        self.event_count += report.event_count;
        self.virtual_time = self.virtual_time.saturating_add(report.virtual_time);
        self.hash.write_u64(report.trace_hash);
        absorb(&mut self.counts, &report.totals.counts);
        absorb(&mut self.faults, &report.totals.faults);
        absorb(&mut self.marks, &report.totals.marks);
        if report.failure.is_some() && self.failed.is_none() {
            self.failed = Some(Box::new(report));
        }
    }

    /// The hash over the trace hashes of all runs, in the order of seeds.
    pub fn trace_hash(&self) -> u64 {
        self.hash.value()
    }

    /// A count over all runs.
    pub fn count(&self, name: &str) -> Option<Tally> {
        self.counts.get(name).copied()
    }

    /// How often a fault class fired over all runs; none if no site offered it.
    pub fn fault(&self, class: &str) -> Option<Tally> {
        self.faults.get(class).copied()
    }

    /// Faults of all classes.
    pub fn fault_count(&self) -> u64 {
        self.faults.values().map(|tally| tally.total).sum()
    }

    /// Marks that no run met.
    pub fn missed_marks(&self) -> Vec<&'static str> {
        let missed = self.marks.iter().filter(|(_, tally)| tally.total == 0);
        missed.map(|(name, _)| *name).collect()
    }

    /// Everything but the failure, as text with one sorted table per group.
    pub fn table(&self) -> String {
        let groups = [("counts", &self.counts), ("faults", &self.faults), ("marks", &self.marks)];
        format!(
            "seeds         {}\nvirtual time  {} s\nevents        {}\ntrace hash    {:016x}\n\n{}",
            self.seed_count,
            self.virtual_time.as_secs(),
            self.event_count,
            self.trace_hash(),
            table(&groups)
        )
    }
}

/// Runs seeds until all are done or one fails. A panic of `run` is a failure of its seed.
///
/// The result does not depend on the number of threads; 0 counts as 1.
pub fn run_seeds(
    seeds: Range<u64>,
    thread_count: usize,
    run: impl Fn(u64) -> RunReport + Sync,
) -> Summary {
    let next = AtomicU64::new(seeds.start);
    // Seeds from here on are not needed any more.
    let end = AtomicU64::new(seeds.end);
    let merge = Mutex::new(Merge {
        next: seeds.start,
        waiting: BTreeMap::new(),
        summary: Summary::default(),
    });
    let work = || {
        loop {
            // Relaxed: the counter alone decides who runs a seed, the lock orders the reports.
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return;
            }
            let report = catch(|| run(seed)).unwrap_or_else(|text| RunReport::panicked(seed, text));
            if report.failure.is_some() {
                end.fetch_min(seed, Ordering::Relaxed);
            }
            merge.lock().expect("no thread panics while it merges").add(seed, report);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..thread_count {
            scope.spawn(work);
        }
        work();
    });
    merge.into_inner().expect("no thread panics while it merges").summary
}

/// Brings reports back into the order of seeds.
struct Merge {
    next: u64,
    waiting: BTreeMap<u64, RunReport>,
    summary: Summary,
}

impl Merge {
    fn add(&mut self, seed: u64, mut report: RunReport) {
        if report.failure.is_none() {
            // What waits for a slow seed should be small.
            report.plan.decisions = Vec::new();
            report.lines = Vec::new();
        }
        self.waiting.insert(seed, report);
        while self.summary.failed.is_none()
            && let Some(report) = self.waiting.remove(&self.next)
        {
            self.summary.absorb(report);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Setup, Simulation, simulate};

    fn count(sim: &mut Simulation<()>) -> Result<(), String> {
        let seed = sim.faults.seed();
        for _ in 0..=(seed % 7) {
            sim.world.schedule_in(Duration::from_secs(1), ());
        }
        while let Some((now, ())) = sim.world.pop() {
            sim.trace.event(now, "tick");
            sim.totals.add("ticks", 1);
        }
        sim.totals.sometimes("seed of 5", seed == 5);
        sim.totals.sometimes("never", false);
        if seed == 33 { Err("33".to_owned()) } else { Ok(()) }
    }

    fn run(seed: u64) -> RunReport {
        assert_ne!(seed, 51, "the run of 51 panics");
        simulate(Setup::drawing("count", seed), count)
    }

    #[test]
    fn the_number_of_threads_changes_neither_totals_nor_hash() {
        let one = run_seeds(0..30, 1, run);
        assert_eq!((one.seed_count, one.failed.is_none()), (30, true));
        assert_eq!(one.missed_marks(), ["never"]);
        let ticks = one.count("ticks").unwrap();
        assert_eq!((ticks.total, ticks.runs, ticks.least), (115, 30, 1));
        for threads in [0, 2, 3, 8] {
            let many = run_seeds(0..30, threads, run);
            assert_eq!(many.table(), one.table());
        }
        assert_ne!(run_seeds(1..31, 1, run).trace_hash(), one.trace_hash());
    }

    #[test]
    fn the_lowest_failing_seed_ends_the_run_whatever_the_threads() {
        let one = run_seeds(0..60, 1, run);
        assert_eq!(one.seed_count, 34);
        for threads in [2, 8] {
            let many = run_seeds(0..60, threads, run);
            assert_eq!(many.table(), one.table());
            let failed = many.failed.unwrap();
            assert_eq!((failed.plan.seed, failed.failure.as_deref()), (33, Some("33")));
        }
    }

    #[test]
    fn a_panic_fails_its_seed() {
        let summary = run_seeds(40..60, 2, run);
        let failed = summary.failed.unwrap();
        assert_eq!((failed.plan.seed, summary.seed_count), (51, 12));
        assert!(failed.failure.unwrap().contains("the run of 51 panics"));
    }

    #[test]
    fn no_seeds_are_an_empty_summary() {
        let summary = run_seeds(5..5, 2, run);
        assert_eq!((summary.seed_count, summary.fault_count()), (0, 0));
    }
}
