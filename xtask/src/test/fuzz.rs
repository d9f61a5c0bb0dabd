//! The server under requests that a published fuzzer makes from its own description.
//!
//! Every answer must be one that `/openapi.json` lists, in the shape it lists, and no 500. The run
//! in CI is counted in requests and always the same; a longer one takes a time and a seed. The call
//! that revokes keys has a run of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use super::python;
use super::running::run_within;
use super::server::{API_KEY, Server};
use crate::workspace::Workspace;
use crate::{command, printer};

/// Where its settings are, from the root.
const SOURCES: &str = "tests/fuzz";
/// The operation that takes a key away.
const REVOKE: &str = "revokeKey";
/// Requests for each operation of the run in CI, about 20 s in all.
const EXAMPLE_COUNT: &str = "60";
/// The run in CI may take so much longer on a busy machine.
const SHORT_LIMIT: Duration = Duration::from_mins(5);
/// What a longer run may take beside its time, to start and to shrink what it found.
const SLACK: Duration = Duration::from_mins(5);

/// A longer run.
#[derive(Args)]
pub(crate) struct Options {
    /// How long to look, in seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The seed of the requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The run in CI, on the server that was built before.
///
/// # Errors
/// Installing failed, an answer was wrong, or the server did not end well.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    run_with(workspace, SHORT_LIMIT, |fuzzer| {
        fuzzer.args(["--generation-deterministic", "--max-examples", EXAMPLE_COUNT]);
    })
}

/// Builds the server and looks for as long as the caller wants.
///
/// # Errors
/// As in CI, or the server does not build.
pub(crate) fn run_long(workspace: &Workspace, options: &Options) -> Result<()> {
    command::run(&mut workspace.cargo(&["build", "--profile", "ci", "-p", "steadfast-cli"]))?;
    let (seconds, seed) = (options.seconds.to_string(), options.seed.to_string());
    let limit = Duration::from_secs(options.seconds) + SLACK;
    run_with(workspace, limit, |fuzzer| {
        fuzzer.args(["--max-time", &seconds, "--seed", &seed, "--generation-database", "none"]);
    })
}

fn run_with(
    workspace: &Workspace,
    limit: Duration,
    choose: impl FnOnce(&mut Command),
) -> Result<()> {
    let place = workspace.target.join("fuzz");
    let sources = workspace.root.join(SOURCES);
    let work = python::fresh_directory(&place.join("work"))?;
    let programs = python::install(workspace, &place, &sources.join("requirements.txt"))?;

    let data = python::fresh_directory(&place.join("data"))?;
    let program = workspace.target.join("ci").join("steadfast");
    let server = Server::start(&program, &data, &place.join("server.log"))?;
    let mut fuzzer = schemathesis(&programs, &sources, &server.url);
    // It would find its own key in the list, and see nothing but 401 from then on.
    fuzzer.args(["--exclude-operation-id", REVOKE]);
    choose(&mut fuzzer);
    let mut revoking = schemathesis(&programs, &sources, &server.url);
    revoking.args(["--include-operation-id", REVOKE, "--generation-deterministic"]);
    // One call after another makes no sense with a single one.
    revoking.args(["--phases", "examples,coverage,fuzzing"]);
    let ran = [&mut fuzzer, &mut revoking]
        .into_iter()
        // It leaves notes where it runs.
        .try_for_each(|fuzzer| run_within(limit, fuzzer.current_dir(&work)))
        .and_then(|()| check_key(&program, &server.url));
    if ran.is_err() {
        printer::line(&format!("  the server's log: {}", place.join("server.log").display()));
    }
    // The server is stopped and judged also when an answer was wrong.
    match (ran, server.stop()) {
        (Err(error), Err(after)) => Err(error.context(after.to_string())),
        (ran, stopped) => ran.and(stopped),
    }
}

/// Checks that the fuzzer's key was good to the end: its answers would say nothing otherwise.
fn check_key(program: &Path, url: &str) -> Result<()> {
    let mut list = Command::new(program);
    list.args(["key", "list", "--server", url]).env("STEADFAST_API_KEY", API_KEY);
    let listed = command::capture(&mut list)?;
    ensure!(listed.status.success(), "the fuzzer's key no longer works: {}", listed.text());
    Ok(())
}

fn schemathesis(programs: &Path, sources: &Path, url: &str) -> Command {
    let mut fuzzer = Command::new(programs.join("st"));
    fuzzer.arg("--config-file").arg(sources.join("schemathesis.toml"));
    fuzzer.arg("run").arg(format!("{url}/openapi.json")).arg("--no-color");
    fuzzer.env("STEADFAST_API_KEY", API_KEY);
    python::set_environment(&mut fuzzer);
    fuzzer
}
