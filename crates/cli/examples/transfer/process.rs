//! The program in processes of its own: watched, measured and killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// How often a process is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// The built program.
pub(crate) struct Program(PathBuf);

impl Program {
    /// The program beside this one: `target/release/examples/transfer` is about
    /// `target/release/steadfast`.
    ///
    /// # Errors
    /// It was not built.
    pub(crate) fn find() -> Result<Self> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let profile =
            own.parent().and_then(Path::parent).context("this program is not in a target")?;
        let program = profile.join(format!("steadfast{}", std::env::consts::EXE_SUFFIX));
        ensure!(
            program.is_file(),
            "`{}` is missing: build it with `cargo build -p steadfast-cli`, in the same profile",
            program.display()
        );
        Ok(Self(program))
    }

    /// Runs a command on a directory and returns what it printed. Says how long it took, and how
    /// much memory.
    ///
    /// # Errors
    /// It fails.
    pub(crate) fn run(
        &self,
        command: &str,
        data: &Path,
        arguments: &[&str],
        total: u64,
    ) -> Result<Value> {
        let started = now();
        let child = self.command(command, data, arguments).stdout(Stdio::piped()).spawn();
        let child = child.with_context(|| format!("cannot start `{}`", self.0.display()))?;
        let id = child.id();
        let (sender, output) = mpsc::sync_channel(1);
        let waiting = thread::spawn(move || drop(sender.send(child.wait_with_output())));
        let mut memory = 0;
        let output = loop {
            memory = memory.max(peak_kib(id).unwrap_or(0));
            match output.recv_timeout(LOOK_INTERVAL) {
                Ok(output) => break output?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("`{command}` cannot be waited for"),
            }
        };
        ensure!(waiting.join().is_ok(), "`{command}` cannot be waited for");
        ensure!(output.status.success(), "`{command}` ended with {}", output.status);
        let elapsed = started.elapsed().as_millis().max(1);
        println!(
            "{command:6} {arguments:?}: {elapsed} ms, {} entries/s, at most {} MiB",
            u128::from(total) * 1000 / elapsed,
            memory / 1024
        );
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`{command}` printed no JSON"))
    }

    /// Starts a command and kills it once a number in a state file is this high.
    ///
    /// # Errors
    /// It ended before, or fails.
    pub(crate) fn kill(
        &self,
        command: &str,
        data: &Path,
        arguments: &[&str],
        (state, pointer): &(PathBuf, &str),
        least: u64,
    ) -> Result<()> {
        let child = self.command(command, data, arguments).stdout(Stdio::null()).spawn();
        let mut child = child.with_context(|| format!("cannot start `{}`", self.0.display()))?;
        let (_sender, never) = mpsc::sync_channel::<()>(1);
        let reached = loop {
            if let Some(status) = child.try_wait()? {
                bail!("`{command}` ended with {status} before it could be killed");
            }
            match number_in(state, pointer) {
                Some(number) if number >= least => break number,
                Some(_) | None => drop(never.recv_timeout(LOOK_INTERVAL)),
            }
        };
        end(&mut child)?;
        println!("{command:6} was killed at entry {reached}, meant for {least}");
        Ok(())
    }

    fn command(&self, command: &str, data: &Path, arguments: &[&str]) -> Command {
        let mut process = Command::new(&self.0);
        process.arg(command).arg("--data").arg(data).args(["--format", "json"]).args(arguments);
        process.stdin(Stdio::null());
        process
    }
}

fn end(child: &mut Child) -> Result<()> {
    child.kill().context("cannot kill the process")?;
    child.wait().context("cannot wait for the process")?;
    Ok(())
}

fn number_in(path: &Path, pointer: &str) -> Option<u64> {
    let state: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    state.pointer(pointer)?.as_u64()
}

/// The most memory that a process had at a time, where the system tells.
fn peak_kib(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
    Instant::now()
}
