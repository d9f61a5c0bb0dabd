//! The binary of the proof: runs seeds, hunts planted bugs, replays plans.
//!
//! Exit codes: 0 clean, 1 a rule was broken (with `--plant`: the bug was found), 2 wrong usage.

mod printer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use steadfast_proof::campaign::{self, Campaign, LINE_COUNT, Scenarios};
use steadfast_proof::{Bug, Judges, data, platform, sessions};
use steadfast_sim::{Plan, RunReport, Summary};

/// Seeds from which on every mark must be met. The rarest is met by one in four hundred of its
/// scenario, and half of all seeds are of that.
const SEEDS_FOR_MARKS: u64 = 4_000;

/// Attacks Steadfast in a simulated world and judges what becomes of the data.
#[derive(Debug, Parser)]
#[command(name = "steadfast-proof", disable_version_flag = true)]
struct Arguments {
    /// How many seeds are run.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Threads; as many as there are cores unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Plant a bug and stop at the first seed in which every judge that must find it has.
    #[arg(long, value_parser = PossibleValuesParser::new(Bug::ALL.map(Bug::name)))]
    plant: Option<String>,
    /// Print the bugs that can be planted.
    #[arg(long)]
    list_bugs: bool,
    /// Run the plan of this file.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Print the trace hash of every seed; with --replay, every line of the trace.
    #[arg(long)]
    trace: bool,
    /// Which scenario is run.
    #[arg(long, default_value = "all", value_parser = [platform::NAME, data::NAME, sessions::NAME, "all"])]
    scenario: String,
    /// Where plans of failing runs are written.
    #[arg(long, default_value = "target/proof")]
    plans: PathBuf,
    /// Demand that a repeated write is recognised however much was written since.
    #[arg(long)]
    strict_repeats: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            printer::error(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether everything was clean.
fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.list_bugs {
        for bug in Bug::ALL {
            printer::line(&bug.to_string())?;
        }
        return Ok(true);
    }
    if let Some(file) = &arguments.replay {
        return replay(file, arguments.trace);
    }
    let last = arguments.first_seed.saturating_add(arguments.seeds);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let strict = arguments.strict_repeats.then(|| (platform::STRICT_REPEATS_KNOB.to_owned(), 1));
    let campaign = Campaign {
        seeds: arguments.first_seed..last,
        scenarios: Scenarios::parse(&arguments.scenario),
        thread_count: arguments.threads.unwrap_or(cores),
        knobs: strict.into_iter().collect(),
    };
    match arguments.plant.as_deref().and_then(Bug::parse) {
        Some(bug) => hunt(&campaign, bug, &arguments.plans),
        None => judge(&campaign, arguments),
    }
}

/// Runs all seeds with nothing planted.
fn judge(campaign: &Campaign, arguments: &Arguments) -> Result<bool> {
    let hashes = Mutex::new(BTreeMap::new());
    let observe = |report: &RunReport| {
        if arguments.trace {
            let mut hashes = hashes.lock().expect("no thread panics while it holds the lock");
            hashes.insert(report.plan.seed, report.trace_hash);
        }
    };
    let (summary, elapsed) = timed(|| campaign.run(observe));
    for (seed, hash) in hashes.into_inner().expect("no thread panics while it holds the lock") {
        printer::line(&format!("trace hash of seed {seed}: {hash:016x}"))?;
    }
    print_summary(&summary, elapsed, campaign.thread_count)?;
    if let Some(failed) = summary.failed {
        report_failure(&failed, Judges::ALL, &arguments.plans)?;
        return Ok(false);
    }
    let missed = summary.missed_marks();
    if summary.seed_count >= SEEDS_FOR_MARKS && !missed.is_empty() {
        printer::line(&format!("failed: no seed met these marks: {}", missed.join(", ")))?;
        return Ok(false);
    }
    Ok(true)
}

/// Lets each judge that must find a bug look for it alone. The caller takes a clean exit for a
/// failure of the judges.
fn hunt(campaign: &Campaign, bug: Bug, plans: &Path) -> Result<bool> {
    let mut found = Vec::new();
    for judge in bug.found_by().iter().copied() {
        match campaign.hunt(bug, judge) {
            Some(report) => {
                let seed = report.plan.seed;
                let said = report.failure.as_deref().unwrap_or_default();
                printer::line(&format!("{bug:?}: {judge} found it in seed {seed}: {said}\n"))?;
                found.push((report, judge));
            }
            None => printer::line(&format!("{bug:?}: MISSED by {judge}"))?,
        }
    }
    let is_missed = found.len() < bug.found_by().len();
    if let Some((report, judge)) = found.into_iter().min_by_key(|(report, _)| report.plan.seed) {
        report_failure(&report, Judges::only(judge), plans)?;
    }
    Ok(is_missed)
}

/// Runs a plan from a file before all judges.
fn replay(file: &Path, with_trace: bool) -> Result<bool> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let plan = Plan::from_json(&text).with_context(|| format!("`{}`", file.display()))?;
    let line_count = if with_trace { usize::MAX } else { LINE_COUNT };
    let report = campaign::replay(plan, Judges::ALL, line_count);
    if with_trace {
        for line in &report.lines {
            printer::line(line)?;
        }
    }
    printer::line(&format!("trace hash {:016x}", report.trace_hash))?;
    if let Some(said) = &report.failure {
        printer::line(&format!("failed: {said}"))?;
    }
    Ok(report.failure.is_none())
}

/// Says what broke, writes the smallest plan that breaks it, and how to run that.
fn report_failure(report: &RunReport, judges: Judges, plans: &Path) -> Result<()> {
    let seed = report.plan.seed;
    let shrunk = campaign::smallest(report.plan.clone(), judges);
    let again = campaign::replay(shrunk.clone(), judges, LINE_COUNT);
    printer::line(
        &again.failure_text().unwrap_or_else(|| report.failure_text().unwrap_or_default()),
    )?;
    let bug = report.plan.planted_bug.as_deref().map(|bug| format!("-{bug}")).unwrap_or_default();
    let file = plans.join(format!("{}-{seed}{bug}.json", report.plan.scenario));
    std::fs::create_dir_all(plans)
        .and_then(|()| std::fs::write(&file, shrunk.to_json()))
        .with_context(|| format!("cannot write `{}`", file.display()))?;
    let command = "cargo run --profile ci -p steadfast-proof --";
    printer::line(&format!("failed: seed {seed}; {command} --replay {}", file.display()))
}

fn print_summary(summary: &Summary, elapsed: Duration, threads: usize) -> Result<()> {
    printer::line(&summary.table())?;
    let commits = summary.count("commits").map_or(0, |tally| tally.total);
    let core_millis = elapsed.as_millis().saturating_mul(u128::try_from(threads.max(1))?).max(1);
    let speed = u128::from(commits).saturating_mul(1_000) / core_millis;
    let seconds = elapsed.as_secs_f64();
    let grants = summary.count("grants").map_or(0, |tally| tally.total);
    printer::line(&format!(
        "seeds {}  commits {commits}  grants {grants}  faults {}  elapsed {seconds:.1} s on {threads} threads  \
         {speed} commits per core-second",
        summary.seed_count,
        summary.fault_count(),
    ))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "measures the run, and is no part of it")]
    let start = std::time::Instant::now();
    let result = work();
    (result, start.elapsed())
}
