//! `cargo xtask test`: every check of the project, one step after another.
//!
//! Nothing is skipped unnoticed: a missing tool fails the run before the first step, and a step
//! that was left out or not reached is in the table. Start reading at [`run`].

mod clients;
pub(crate) mod fuzz;
mod machine;
mod proxy;
mod python;
mod report;
mod running;
mod scenarios;
mod server;
mod step;

use anyhow::Result;
use clap::Args;

use self::report::{Outcome, Row};
use self::step::Step;
use crate::printer;
use crate::stopwatch::Stopwatch;
use crate::workspace::Workspace;

/// What the caller may choose.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave this step out; may be given more than once.
    #[arg(long, value_name = "STEP")]
    without: Vec<Step>,
    /// Go on after a failed step.
    #[arg(long)]
    keep_going: bool,
}

/// Checks the machine, runs the steps and prints the table. True if nothing failed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> bool {
    let missing = machine::missing(workspace, &options.without);
    if !missing.is_empty() {
        printer::line(&machine::explain(&missing));
        printer::line(&report::summary_of_counts(0, 1));
        return false;
    }
    let rows = run_steps(options, |step| step.run(workspace));
    printer::line("");
    printer::line(&report::table(&rows));
    printer::line(&report::summary(&rows));
    report::all_good(&rows)
}

fn run_steps(options: &Options, run: impl Fn(Step) -> Result<()>) -> Vec<Row> {
    let mut stopped = false;
    let mut rows = Vec::new();
    for (index, step) in Step::ALL.into_iter().enumerate() {
        let position = format!("[{}/{}] {step}", index + 1, Step::ALL.len());
        if options.without.contains(&step) {
            printer::line(&format!("{position}: left out"));
            rows.push(Row { step, outcome: Outcome::LeftOut });
            continue;
        }
        if stopped {
            rows.push(Row { step, outcome: Outcome::NotRun });
            continue;
        }
        printer::line(&format!("{position}: {}", step.purpose()));
        let stopwatch = Stopwatch::start();
        let done = run(step);
        let took = stopwatch.elapsed();
        let outcome = match done {
            Ok(()) => Outcome::Passed(took),
            Err(error) => {
                printer::line(&format!("  step `{step}` FAILED"));
                printer::error(&error);
                stopped = !options.keep_going;
                Outcome::Failed(took)
            }
        };
        rows.push(Row { step, outcome });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_run(options: &Options, expected: &str, good: bool) {
        let rows = run_steps(options, |step| {
            anyhow::ensure!(step != Step::Lints, "a warning");
            Ok(())
        });
        assert_eq!(rows.len(), Step::ALL.len());
        assert_eq!(report::summary(&rows), expected);
        assert_eq!(report::all_good(&rows), good);
    }

    #[test]
    fn the_first_failure_stops_the_run() {
        check_run(&Options { without: vec![], keep_going: false }, "2 passed, 1 failed", false);
    }

    #[test]
    fn a_run_can_go_on_after_a_failure() {
        check_run(&Options { without: vec![], keep_going: true }, "11 passed, 1 failed", false);
    }

    #[test]
    fn a_step_can_be_left_out() {
        let without = vec![Step::Lints, Step::Clients];
        check_run(&Options { without, keep_going: false }, "10 passed, 0 failed", true);
    }
}
