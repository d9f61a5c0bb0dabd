//! Rounds: the arena as a process of its own, killed while it plays, and audited each time.
//!
//! ```text
//! start ─► so many lines ─► SIGKILL ─► the lines that are left ─► audit ─► start ─► …
//! ```
//!
//! One directory serves all rounds, and one account of what was told. When a round is killed is a
//! number of lines, drawn from the seed: every bot is in the middle of something then.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use steadfast::core::Rng;
use steadfast::core::operation::OperationStatus;
use steadfast::{Options, Steadfast};

use crate::audit::{self, Findings};
use crate::play::open_players;
use crate::told::{Line, Told, next_line};
use crate::{Failure, now, show};

/// Lines after which a round is killed.
const LINES: std::ops::Range<u64> = 1..1_000;
/// How long the next line may take.
const LINE_LIMIT: Duration = Duration::from_mins(1);
/// Longer than any round takes.
const PLAY_SECONDS: &str = "3600";
/// Lines that wait to be heard.
const LINES_QUEUED_MAX: usize = 1_024;

/// What is broken on purpose, after the last round, to see that the audit notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// An acknowledged save is missing.
    ForgetSave,
    /// An operation that was told to be applied has no receipt.
    ForgetReceipt,
    /// A coin that no operation minted.
    MintByEdit,
}

impl Plant {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "forget-save" => Some(Self::ForgetSave),
            "forget-receipt" => Some(Self::ForgetReceipt),
            "mint-by-edit" => Some(Self::MintByEdit),
            _ => None,
        }
    }
}

/// What `arena rounds` is told.
#[derive(Debug)]
pub(crate) struct Rounds {
    pub(crate) dir: PathBuf,
    pub(crate) count: u64,
    pub(crate) players: u64,
    pub(crate) seed: u64,
    pub(crate) plant: Option<Plant>,
}

/// What all rounds came to.
#[derive(Default)]
struct Totals {
    rounds: u64,
    kills: u64,
    /// Rounds that left operations which were durable, and of which nobody was told.
    interrupting: u64,
    audits_failed: u64,
    told: Told,
    last: Findings,
}

/// Plays all rounds and prints what came of them. Whether all is well.
pub(crate) fn run(rounds: &Rounds) -> Result<bool, Failure> {
    let began = now();
    let data = rounds.dir.join("data");
    fs::create_dir_all(&rounds.dir)?;
    let mut totals = Totals::default();
    let mut moments = Rng::stream(rounds.seed, "moments");
    let mut played = Ok(());
    for round in 0..rounds.count {
        played = play_and_kill(rounds, round, moments.in_range(LINES), &mut totals);
        if played.is_err() {
            break;
        }
        totals.rounds += 1;
        let untold_before = std::mem::take(&mut totals.last.untold);
        check(&data, &format!("round {round}"), &mut totals)?;
        totals.interrupting += u64::from(!totals.last.untold.is_subset(&untold_before));
        if totals.audits_failed > 0 {
            break;
        }
    }
    if let (Some(plant), true) = (rounds.plant, played.is_ok()) {
        break_on_purpose(plant, &data, &mut totals.told)?;
        check(&data, "planted", &mut totals)?;
    }
    report(&totals, began.elapsed());
    played.map(|()| totals.audits_failed == 0)
}

fn check(data: &Path, when: &str, totals: &mut Totals) -> Result<(), Failure> {
    let stored = audit::read(data, totals.told.players())?;
    totals.last = audit::judge(&stored, &totals.told);
    totals.audits_failed += u64::from(!totals.last.wrong.is_empty());
    crate::show_wrong(when, &totals.last.wrong);
    Ok(())
}

/// One round: plays until so many lines were told, and kills. Everything that was told is noted.
fn play_and_kill(
    rounds: &Rounds,
    round: u64,
    line_count: u64,
    totals: &mut Totals,
) -> Result<(), Failure> {
    let mut log = File::create(rounds.dir.join(format!("round-{round:04}.log")))?;
    let mut playing = Playing::start(rounds, round)?;
    for _ in 0..=line_count {
        match playing.lines.recv_timeout(LINE_LIMIT) {
            Ok(line) => note(&line, &mut log, &mut totals.told)?,
            Err(error) => return Err(format!("round {round}: no line came: {error}").into()),
        }
    }
    playing.kill()?;
    totals.kills += 1;
    // What it told before it died was told.
    for line in &playing.lines {
        note(&line, &mut log, &mut totals.told)?;
    }
    playing.join()
}

fn note(line: &str, log: &mut File, told: &mut Told) -> Result<(), Failure> {
    log.write_all(format!("{line}\n").as_bytes())?;
    told.hear(Line::parse(line).ok_or_else(|| format!("`{line}` is no line of the arena"))?);
    Ok(())
}

/// A running arena. Dropping it kills it.
struct Playing {
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
}

impl Playing {
    fn start(rounds: &Rounds, round: u64) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("play")
            .arg(rounds.dir.join("data"))
            .args(["--seconds", PLAY_SECONDS])
            .args(["--players", &rounds.players.to_string()])
            .args(["--seed", &rounds.seed.wrapping_add(round).to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("the arena has no stdout")?);
        let (sender, lines) = mpsc::sync_channel(LINES_QUEUED_MAX);
        let reader = thread::spawn(move || {
            while let Ok(Some(line)) = next_line(&mut stdout) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines, reader: Some(reader) })
    }

    /// SIGKILL to this one process, and waits until it is gone.
    fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        let status = self.child.wait()?;
        if status.code().is_some() {
            return Err(format!("the arena ended by itself before it was killed: {status}").into());
        }
        Ok(())
    }

    fn join(mut self) -> Result<(), Failure> {
        let joined = self.reader.take().map_or(Ok(()), JoinHandle::join);
        joined.map_err(|_| "the reader of lines panicked".into())
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        // Nothing is left to do about a process that cannot be killed.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

fn break_on_purpose(plant: Plant, data: &Path, told: &mut Told) -> Result<(), Failure> {
    let player = 0;
    match plant {
        Plant::ForgetSave => told.hear(Line::Acknowledged { player, step_count: u64::MAX }),
        Plant::ForgetReceipt => {
            let (id, status) = ("match-0-never".into(), OperationStatus::Applied);
            told.hear(Line::Ended { player, id, status });
        }
        Plant::MintByEdit => {
            let db = Steadfast::open_with(data, Options::default())?;
            let players = open_players(&db)?;
            players.blocking().join(player, LINE_LIMIT)?;
            players.add(player, "coins", 1)?;
            players.blocking().release(player)?;
            db.close()?;
        }
    }
    show("planted", &format!("{plant:?}"));
    Ok(())
}

fn report(totals: &Totals, took: Duration) {
    let Totals { rounds, kills, interrupting, audits_failed, told, last } = totals;
    show("rounds", rounds);
    show("kills", kills);
    show("kills between a batch and its answer", interrupting);
    show("acknowledged checkpoints", &told.acknowledged);
    show("operations told queued", &format!("{} new, {} known before", told.queued, told.known));
    for status in OperationStatus::ALL {
        show(&format!("operations told {}", status.name()), &told.count_of(status));
    }
    crate::show_findings(last);
    show("audits failed", audits_failed);
    show("seconds", &format!("{:.1}", took.as_secs_f64()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plant_has_a_name() {
        for (name, plant) in [
            ("forget-save", Plant::ForgetSave),
            ("forget-receipt", Plant::ForgetReceipt),
            ("mint-by-edit", Plant::MintByEdit),
        ] {
            assert_eq!(Plant::named(name), Some(plant));
        }
        assert_eq!(Plant::named("nothing"), None);
    }

    #[test]
    fn what_is_no_line_ends_the_rounds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (mut log, mut told) = (File::create(&path).unwrap(), Told::default());
        note("ack 1 2", &mut log, &mut told).unwrap();
        assert!(note("hello", &mut log, &mut told).is_err());
        assert_eq!(told.step_counts.get(&1), Some(&2));
        assert_eq!(fs::read_to_string(&path).unwrap(), "ack 1 2\nhello\n");
    }
}
