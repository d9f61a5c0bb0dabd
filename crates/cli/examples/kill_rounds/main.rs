//! Kill rounds: real server processes, killed while they write, and every key looked at again.
//!
//! ```text
//! start ─► verify every key ─► 24 writers, no pauses ─► SIGKILL at a random instant ─► start ─► …
//! ```
//!
//! One data directory serves all rounds. A key must hold its last acknowledged value, or that of a
//! later write that was sent and not answered; never an older one, never nothing unless it was
//! deleted; and its revision never goes back. A round counts as an interruption if at least one
//! write was sent and not answered. The seed fixes keys, values, kinds of writes and the instants
//! of the kills; what the machine does in between differs from run to run.
//!
//! The server is the built program beside this one. Ends with 1 if anything was lost.
//! `--plant ack-loss` tests the checker: it loses a key on purpose and must end with 1.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

mod ledger;
mod plant;
mod process;
mod traffic;
mod value;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use steadfast_core::Rng;
use tokio::task::JoinSet;

use crate::process::Server;
use crate::traffic::{Client, Tally, WRITERS, World};

/// From the first write to the kill, in milliseconds.
const KILL_AFTER_MS: std::ops::Range<u64> = 20..150;
/// Readers at a time.
const READERS: usize = 16;
/// The least part of the rounds that must interrupt an unanswered write.
const INTERRUPTED_PERCENT_MIN: u64 = 90;
/// Evidence that is printed; the rest is counted.
const EVIDENCE_SHOWN: usize = 20;

#[derive(Parser)]
struct Options {
    /// How often the server is killed.
    #[arg(long, default_value_t = 100)]
    rounds: u64,
    /// What keys, values and instants are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many keys there are at most.
    #[arg(long, default_value_t = 2_000)]
    keys: u64,
    /// Break something on purpose: the run must fail.
    #[arg(long)]
    plant: Option<Plant>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// An acknowledged key is dropped from the directory before the restart.
    AckLoss,
}

/// What all rounds came to.
#[derive(Default)]
struct Totals {
    rounds: u64,
    interrupted: u64,
    unknown: u64,
    verified: u64,
    in_flight_min: Option<usize>,
    in_flight_sum: usize,
    restart_longest: Duration,
    tally: Tally,
    lost: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs everything and tells what came of it. Whether all is well.
async fn run(options: &Options) -> Result<bool> {
    let program = process::program()?;
    let place = tempfile::tempdir().context("cannot make a directory")?;
    let started = now();
    let mut totals = Totals::default();
    let ran = run_rounds(options, &program, place.path(), &mut totals).await;
    let is_good = report(options, &totals, started.elapsed()) && ran.is_ok();
    if !is_good && options.plant.is_none() {
        println!("again: kill_rounds --rounds {} --seed {}", options.rounds, options.seed);
        let kept = place.keep();
        println!("the data directory and the server's log are kept in {}", kept.display());
        println!("the end of the log:\n{}", process::end_of(&log_of(&kept)));
    }
    ran.map(|()| is_good)
}

fn log_of(place: &Path) -> PathBuf {
    place.join("server.log")
}

/// All rounds on one data directory, and a last look at the whole of it.
async fn run_rounds(
    options: &Options,
    program: &Path,
    place: &Path,
    totals: &mut Totals,
) -> Result<()> {
    let (data, log) = (place.join("data"), log_of(place));
    process::new_log(&log)?;
    let world = Arc::new(World::new(options.keys));
    let mut instants = Rng::stream(options.seed, "instants");
    let mut server = Server::start(program, &data, &log)?;
    for round in 0..options.rounds {
        let after = Duration::from_millis(instants.in_range(KILL_AFTER_MS));
        load_and_kill(&world, server, (options.seed, round), after, totals).await?;
        if options.plant == Some(Plant::AckLoss) && round == 0 {
            plant::lose_one(&world, &data, options.seed).await?;
        }
        let restarted = now();
        server = Server::start(program, &data, &log)
            .with_context(|| format!("no restart after round {round}"))?;
        totals.restart_longest = totals.restart_longest.max(restarted.elapsed());
        world.end_kill();
        verify(&world, &server.url, round, totals).await?;
        if !totals.lost.is_empty() {
            break;
        }
    }
    server.kill()?;
    process::examine(program, &data)
}

#[expect(clippy::disallowed_methods, reason = "what a round takes is measured, not decided by")]
fn now() -> Instant {
    Instant::now()
}

/// One round up to the kill. Afterwards the ledger has what is unknown.
async fn load_and_kill(
    world: &Arc<World>,
    server: Server,
    (seed, round): (u64, u64),
    after: Duration,
    totals: &mut Totals,
) -> Result<()> {
    let client = Client::new(&server.url)?;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (world, client) = (Arc::clone(world), client.clone());
        let rng = Rng::stream(seed, &format!("round {round} writer {writer}"));
        writers.spawn(async move { traffic::write(&world, &client, writer, rng).await });
    }
    wait(after).await;
    let in_flight = world.begin_kill();
    server.kill()?;
    while let Some(tally) = writers.join_next().await {
        totals.tally.add(tally.context("a writer panicked")?);
    }
    let unknown: usize = (0..world.key_count()).map(|index| world.key(index).open_count()).sum();
    totals.rounds += 1;
    totals.interrupted += u64::from(unknown > 0);
    totals.unknown += u64::try_from(unknown).unwrap_or(u64::MAX);
    totals.in_flight_sum += in_flight;
    let least = totals.in_flight_min.map_or(in_flight, |least| least.min(in_flight));
    totals.in_flight_min = Some(least);
    totals.lost.append(&mut totals.tally.wrong);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the instant of the kill is the experiment")]
async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Looks at every key that was ever written.
async fn verify(world: &Arc<World>, url: &str, round: u64, totals: &mut Totals) -> Result<()> {
    let client = Client::new(url)?;
    let mut readers = JoinSet::new();
    for first in 0..READERS {
        let (world, client) = (Arc::clone(world), client.clone());
        readers.spawn(async move { traffic::verify(&world, &client, first, READERS).await });
    }
    while let Some(done) = readers.join_next().await {
        let (verified, lost) = done.context("a reader panicked")?;
        totals.verified += verified;
        totals.lost.extend(lost.into_iter().map(|what| format!("round {round}: {what}")));
    }
    Ok(())
}

/// Prints the totals. Whether all is well.
fn report(options: &Options, totals: &Totals, took: Duration) -> bool {
    let rounds = totals.rounds.max(1);
    let interrupted_percent = totals.interrupted * 100 / rounds;
    let mean = totals.in_flight_sum / usize::try_from(rounds).unwrap_or(usize::MAX);
    println!("seed                 {}", options.seed);
    println!("rounds               {} in {:.1} s", totals.rounds, took.as_secs_f64());
    println!("interrupted          {} ({interrupted_percent} %)", totals.interrupted);
    println!("acknowledged writes  {}", totals.tally.acknowledged);
    println!("unknown writes       {}", totals.unknown);
    println!("refused as due       {}", totals.tally.refused);
    println!("put off              {}", totals.tally.busy);
    println!(
        "in flight at kill    {mean} on average, {} at least, of {WRITERS} writers",
        totals.in_flight_min.unwrap_or(0)
    );
    println!("keys verified        {} (every key ever acknowledged, every round)", totals.verified);
    println!("longest restart      {} ms", totals.restart_longest.as_millis());
    for evidence in totals.lost.iter().take(EVIDENCE_SHOWN) {
        println!("LOST {evidence}");
    }
    println!("{} lost", totals.lost.len());
    let is_valid = interrupted_percent >= INTERRUPTED_PERCENT_MIN;
    if !is_valid {
        println!("not a test: fewer than {INTERRUPTED_PERCENT_MIN} % of the rounds interrupted");
    }
    is_valid && totals.lost.is_empty()
}
