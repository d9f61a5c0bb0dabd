//! The steps that run `steadfast-proof`: no seed fails, every planted bug is found, runs replay.

use std::process::Command;

use anyhow::{Result, bail};

use crate::stopwatch::Stopwatch;
use crate::workspace::Workspace;
use crate::{command, printer};

/// Seeds of the proof, half of them of game servers and their sessions.
const PROOF_SEEDS: &str = "20000";
/// At most so many seeds until a planted bug is found.
const PLANTED_SEEDS: &str = "2000";
/// How often a real server is killed while it is written to.
const KILL_ROUNDS: &str = "100";
/// How often a game server is killed while its players play.
const ARENA_ROUNDS: &str = "20";
/// What the arena can break for its audit to find.
const ARENA_FAULTS: [&str; 3] = ["forget-save", "forget-receipt", "mint-by-edit"];
/// How the arena starts a line about something that must not be.
const ARENA_WRONG: &str = "WRONG";
/// Seeds whose traces are compared between the profiles.
const REPLAY_SEEDS: &str = "200";
/// How the proof starts the line that carries the hash of a run.
const TRACE_LINE: &str = "trace hash";
/// The exit code of the proof when a rule was broken. Another one means that it did not judge.
const RULE_BROKEN: i32 = 1;

/// Runs every scenario with many seeds.
///
/// # Errors
/// A seed broke a rule; the proof has printed it and how to replay it.
pub(super) fn proof(workspace: &Workspace) -> Result<()> {
    command::run(optimised(workspace).args(["--seeds", PROOF_SEEDS]))
}

/// Plants each known bug and expects the proof to find it.
///
/// # Errors
/// A bug was missed, or the proof ended without a judgement. All bugs are tried first.
pub(super) fn planted(workspace: &Workspace) -> Result<()> {
    let list = command::stdout_of(optimised(workspace).arg("--list-bugs"))?;
    let bugs = bug_names(&list);
    if bugs.is_empty() {
        bail!("`steadfast-proof --list-bugs` lists no bug");
    }
    let mut missed = Vec::new();
    for bug in &bugs {
        let stopwatch = Stopwatch::start();
        let mut run = optimised(workspace);
        let captured = command::capture(run.args(["--seeds", PLANTED_SEEDS, "--plant", bug]))?;
        let seconds = stopwatch.elapsed().as_secs_f64();
        let found = captured.status.code() == Some(RULE_BROKEN);
        let result = if found { "found" } else { "MISSED" };
        printer::line(&format!("  {result} {bug} in {seconds:.1} s"));
        if !found {
            printer::line(&captured.text());
            missed.push(format!("{bug} ({})", captured.status));
        }
    }
    if !missed.is_empty() {
        bail!("{} of {} planted bugs were missed: {}", missed.len(), bugs.len(), missed.join(", "));
    }
    Ok(())
}

/// Kills a real server again and again while it is written to, then loses a write on purpose and
/// expects that this is noticed. Does the same to a game server.
///
/// # Errors
/// Something acknowledged was lost, or a planted loss was not noticed.
pub(super) fn kill(workspace: &Workspace) -> Result<()> {
    let rounds = || workspace.built("examples/kill_rounds");
    command::run(rounds().args(["--rounds", KILL_ROUNDS]))?;
    let planted = command::capture(rounds().args(["--rounds", "1", "--plant", "ack-loss"]))?;
    if planted.status.code() != Some(RULE_BROKEN) {
        bail!("a planted loss was not noticed ({})\n{}", planted.status, planted.text());
    }
    printer::line("  found the planted loss of an acknowledged write");
    arena(workspace)
}

/// The same for a game server with players and their operations: everything that it acknowledged is
/// held against its directory, and so are its coins. Then things are broken on purpose.
fn arena(workspace: &Workspace) -> Result<()> {
    let rounds = |count| {
        let mut arena = workspace.built("examples/arena");
        arena.args(["rounds", "--rounds", count]);
        arena
    };
    command::run(&mut rounds(ARENA_ROUNDS))?;
    for fault in ARENA_FAULTS {
        let planted = command::capture(rounds("1").args(["--plant", fault]))?;
        let is_found = planted.text().lines().any(|line| line.starts_with(ARENA_WRONG));
        if planted.status.code() != Some(RULE_BROKEN) || !is_found {
            bail!("planted `{fault}` was not noticed ({})\n{}", planted.status, planted.text());
        }
        printer::line(&format!("  found {fault} in the arena"));
    }
    Ok(())
}

/// Runs the same seeds in the debug and the ci profile and compares the trace hashes.
///
/// # Errors
/// A run failed, printed no hash, or the hashes differ.
pub(super) fn replay(workspace: &Workspace) -> Result<()> {
    let arguments = ["--seeds", REPLAY_SEEDS, "--trace"];
    let mut debug = workspace.cargo(&["run", "-p", "steadfast-proof", "--"]);
    let debug = command::stdout_of(debug.args(arguments))?;
    let ci = command::stdout_of(optimised(workspace).args(arguments))?;
    same_trace(&debug, &ci)
}

fn optimised(workspace: &Workspace) -> Command {
    workspace.built("steadfast-proof")
}

fn bug_names(list: &str) -> Vec<&str> {
    list.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

fn same_trace(debug: &str, ci: &str) -> Result<()> {
    let (debug, ci) = (trace_lines(debug), trace_lines(ci));
    if debug.is_empty() || ci.is_empty() {
        bail!("a run with --trace printed no line that starts with `{TRACE_LINE}`");
    }
    if debug != ci {
        bail!(
            "the same seeds ran differently\ndebug: {}\nci:    {}",
            debug.join("; "),
            ci.join("; ")
        );
    }
    Ok(())
}

fn trace_lines(stdout: &str) -> Vec<&str> {
    stdout.lines().filter(|line| line.starts_with(TRACE_LINE)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_a_line_names_a_bug() {
        assert_eq!(
            bug_names("lost-fence  grants twice\n\nearly-ack\n"),
            ["lost-fence", "early-ack"]
        );
        assert!(bug_names("\n").is_empty());
    }

    #[test]
    fn equal_traces_pass_and_all_else_fails() {
        assert!(same_trace("a\ntrace hash 1\n", "trace hash 1\nb\n").is_ok());
        assert!(same_trace("trace hash 1\n", "trace hash 2\n").is_err());
        assert!(same_trace("trace hash 1\n", "trace hash 1\ntrace hash 2\n").is_err());
        assert!(same_trace("", "").is_err());
    }
}
