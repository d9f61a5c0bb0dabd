//! An arena: a small game server on the players facade, over a directory of its own. Bots join, fight,
//! buy, open crates, earn while they are away, leave and come back.
//!
//!     cargo run --release --example arena -- play ./arena --seconds 10 > ./arena.log
//!     cargo run --release --example arena -- audit ./arena --log ./arena.log
//!     cargo run --release --example arena -- rounds --rounds 20
//!
//! Coins are minted and burned by durable operations only; what moves and fights is an edit. So
//! whatever happens to the process, coins are what operations made of them, and that is what `audit`
//! adds up. `rounds` kills the arena again and again, with SIGKILL and in the middle of its writes,
//! and audits after each time. What must hold:
//!
//! - The coins of each player are those that applied operations minted, less those they burned.
//! - No acknowledged save is missing, and what was told of an operation is so.
//! - An operation waits or has ended, one of both. What it gives is there once.
//! - Each match that is noted has two players and one winner, and its reward is queued.
//!
//! `rounds --plant forget-save|forget-receipt|mint-by-edit` breaks something, and must end with 1.
//! Exit codes: 0 all is well, 1 it is not, 2 wrong arguments.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

mod audit;
mod play;
mod rounds;
mod told;
mod world;

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::audit::Findings;
use crate::play::Play;
use crate::rounds::{Plant, Rounds};
use crate::told::{Line, Told, next_line};

/// Why something could not be done at all.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const USAGE: &str = "usage:
  arena play DIR [--seconds N] [--players N] [--seed S]
  arena audit DIR --log FILE...
  arena rounds [DIR] [--rounds N] [--players N] [--seed S] [--plant FAULT]";
/// Wrong that is printed; the rest is counted.
const WRONG_SHOWN: usize = 20;

/// What the program is asked to do.
#[derive(Debug)]
enum Task {
    Play(Play),
    Audit {
        dir: PathBuf,
        logs: Vec<PathBuf>,
    },
    /// In a directory of one's own, or else in a new one that is kept only if something is wrong.
    Rounds {
        rounds: Rounds,
        is_own: bool,
    },
}

fn main() -> ExitCode {
    let task = match Task::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("error: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match task.carry_out() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

impl Task {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (mut names, mut logs) = (Vec::new(), Vec::new());
        let (mut seconds, mut players, mut seed, mut rounds, mut plant) = (10, 12, 1, 20, None);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            if !argument.starts_with("--") {
                // What follows the first log is another one.
                if logs.is_empty() { &mut names } else { &mut logs }.push(argument);
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?;
            match argument.as_str() {
                "--seconds" => seconds = value.parse()?,
                "--players" => players = value.parse()?,
                "--seed" => seed = value.parse()?,
                "--rounds" => rounds = value.parse()?,
                "--log" => logs.push(value),
                "--plant" => {
                    let fault = Plant::named(&value);
                    plant = Some(fault.ok_or_else(|| format!("there is no fault `{value}`"))?);
                }
                _ => return Err(format!("there is no `{argument}`").into()),
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names[..] {
            ["play", dir] => Ok(Self::Play(Play {
                dir: dir.into(),
                time: Duration::from_secs(seconds),
                players,
                seed,
            })),
            ["audit", dir] => {
                let logs = logs.into_iter().map(PathBuf::from).collect();
                Ok(Self::Audit { dir: dir.into(), logs })
            }
            ["rounds", ref dir @ ..] if dir.len() < 2 => {
                let own = dir.first().map(PathBuf::from);
                let is_own = own.is_some();
                let dir = match own {
                    Some(dir) => dir,
                    None => tempfile::tempdir()?.keep(),
                };
                Ok(Self::Rounds {
                    rounds: Rounds { dir, count: rounds, players, seed, plant },
                    is_own,
                })
            }
            _ => Err("it is not said what to do".into()),
        }
    }

    /// Whether all is well.
    fn carry_out(self) -> Result<bool, Failure> {
        match self {
            Self::Play(play) => play::play(play).map(|()| true),
            Self::Audit { dir, logs } => {
                let mut told = Told::default();
                logs.iter().try_for_each(|log| hear(log, &mut told))?;
                let findings = audit::judge(&audit::read(&dir, told.players())?, &told);
                show_wrong("audit", &findings.wrong);
                show_findings(&findings);
                Ok(findings.wrong.is_empty())
            }
            Self::Rounds { rounds, is_own } => {
                let good = rounds::run(&rounds);
                let is_good = matches!(good, Ok(true));
                if !is_good && rounds.plant.is_none() {
                    let Rounds { count, players, seed, .. } = rounds;
                    println!(
                        "again: arena rounds --rounds {count} --players {players} --seed {seed}"
                    );
                }
                if !is_own && (is_good || rounds.plant.is_some()) {
                    std::fs::remove_dir_all(&rounds.dir)?;
                } else {
                    println!("the directory and its logs are kept in {}", rounds.dir.display());
                }
                good
            }
        }
    }
}

fn hear(log: &PathBuf, told: &mut Told) -> Result<(), Failure> {
    let file =
        File::open(log).map_err(|error| format!("cannot read {}: {error}", log.display()))?;
    let mut lines = BufReader::new(file);
    while let Some(line) = next_line(&mut lines)? {
        told.hear(Line::parse(&line).ok_or_else(|| format!("`{line}` is no line of the arena"))?);
    }
    Ok(())
}

/// A row of the table.
pub(crate) fn show(what: &str, value: &(impl Display + ?Sized)) {
    println!("{what:<38}{value}");
}

pub(crate) fn show_findings(findings: &Findings) {
    let Findings { players, coins, minted, burned, applied, without_effect, .. } = findings;
    show("players stored", players);
    show("coins stored", &format!("{coins}: {minted} minted, {burned} burned"));
    show(
        "operations stored",
        &format!(
            "{applied} applied, {without_effect} without effect, {} waiting",
            findings.waiting
        ),
    );
    show("of these, told to nobody", &findings.untold.len());
}

/// Prints what is wrong, if anything is.
pub(crate) fn show_wrong(when: &str, wrong: &[String]) {
    for what in wrong.iter().take(WRONG_SHOWN) {
        println!("WRONG {when}: {what}");
    }
    if wrong.len() > WRONG_SHOWN {
        println!("WRONG {when}: and {} more", wrong.len() - WRONG_SHOWN);
    }
}

/// For how long to play, and what that took: not a decision of the game.
#[expect(clippy::disallowed_methods, reason = "a program of its own keeps real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, Failure> {
        Task::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_task_is_read_with_its_settings() {
        let Task::Play(play) = parse("play d --seconds 3 --players 4 --seed 5").unwrap() else {
            panic!("it is a play")
        };
        assert_eq!((play.time.as_secs(), play.players, play.seed), (3, 4, 5));
        let Task::Audit { dir, logs } = parse("audit d --log a b --log c").unwrap() else {
            panic!("it is an audit")
        };
        assert_eq!((dir, logs.len()), (PathBuf::from("d"), 3));
        let line = "rounds d --rounds 7 --plant forget-save";
        let Task::Rounds { rounds, is_own } = parse(line).unwrap() else {
            panic!("these are rounds")
        };
        assert_eq!((rounds.count, rounds.plant, is_own), (7, Some(Plant::ForgetSave), true));
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for line in ["", "play", "audit", "rounds a b", "play d --speed 3", "play d --seed"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("play d --seed x").is_err());
        assert!(parse("rounds d --plant nothing").is_err());
    }
}
