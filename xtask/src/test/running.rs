//! A process that runs beside us: awaited with a deadline, and never left behind.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a killed process may take to disappear.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A started process. Dropping it kills what still runs.
pub(super) struct Running {
    pid: u32,
    /// Filled once, by the thread that waits for the process.
    exit: Receiver<io::Result<ExitStatus>>,
    ended: Option<ExitStatus>,
}

impl Running {
    pub(super) fn new(mut child: Child) -> Self {
        let (sender, exit) = mpsc::sync_channel(1);
        let pid = child.id();
        // The thread ends with the process, which `drop` makes sure of.
        thread::spawn(move || sender.send(child.wait()));
        Self { pid, exit, ended: None }
    }

    /// The exit status, or none if the process still runs after `limit`.
    ///
    /// # Errors
    /// The system cannot tell.
    pub(super) fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = match self.exit.recv_timeout(limit) {
                Ok(status) => Some(status.context("cannot wait for a process")?),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => bail!("nobody waits for the process"),
            };
        }
        Ok(self.ended)
    }

    /// Asks the process to end.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub(super) fn terminate(&mut self) -> Result<()> {
        self.signal("TERM")
    }

    fn signal(&mut self, name: &str) -> Result<()> {
        // The id of a process that ended may already belong to another one.
        if self.wait(Duration::ZERO)?.is_some() {
            return Ok(());
        }
        // The shell's own `kill`: a bare Debian has no program of that name.
        let line = format!("kill -{name} {}", self.pid);
        let sent = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status()?;
        if !sent.success() && self.wait(KILL_LIMIT)?.is_none() {
            bail!("cannot send SIG{name} to process {}", self.pid);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let killed = self.signal("KILL").and_then(|()| self.wait(KILL_LIMIT));
        if let Err(error) = killed {
            crate::printer::error(&error.context("a process may be left behind"));
        }
    }
}

/// Shows the command, runs it with the terminal's streams, and expects exit code 0 within `limit`.
///
/// # Errors
/// The command could not be started, failed, or was killed after `limit`.
pub(super) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    // Without the environment: it carries a key.
    let shown = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    crate::printer::line(&format!("  $ {shown}"));
    let child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    match Running::new(child).wait(limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("`{shown}` ended with {status}"),
        None => bail!("`{shown}` was killed: it ran longer than {} s", limit.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_mins(1);

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn success_and_failure_are_told_apart() {
        assert!(run_within(AMPLE, &mut shell("exit 0")).is_ok());
        assert!(run_within(AMPLE, &mut shell("exit 1")).is_err());
    }

    #[test]
    fn what_runs_too_long_is_killed() {
        let error = run_within(Duration::ZERO, &mut shell("exec sleep 600")).unwrap_err();
        assert!(error.to_string().contains("was killed"), "{error}");
    }

    #[test]
    fn a_process_that_is_asked_to_end_ends() {
        let mut running = Running::new(shell("exec sleep 600").spawn().unwrap());
        assert_eq!(running.wait(Duration::ZERO).unwrap(), None);
        running.terminate().unwrap();
        let status = running.wait(AMPLE).unwrap().unwrap();
        assert_eq!(status.code(), None, "ended by the signal");
        // A second one finds nobody, and that is fine.
        running.terminate().unwrap();
    }
}
