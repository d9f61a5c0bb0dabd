//! The data server as a process, for clients that speak to it over HTTP.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::running::Running;
use crate::stopwatch::Stopwatch;

/// Throw-away: the server that knows it lives as long as the step, on loopback.
pub(super) const API_KEY: &str = "throw-away-key-of-the-clients-step-0123456789";

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Lines read from the server that nobody has looked at yet.
const LINES_MAX: usize = 64;
/// Lines of the server's log that an error shows.
const LOG_LINES_SHOWN: usize = 40;
/// What the server prints before its address.
const READY: &str = "listening on ";

/// A server that accepts requests.
pub(super) struct Server {
    pub(super) url: String,
    running: Running,
    log: PathBuf,
}

impl Server {
    /// Starts the server on a free port and waits until it tells its address.
    ///
    /// # Errors
    /// It cannot be started, ends early, or is not ready in time; the error carries its log.
    pub(super) fn start(program: &Path, data: &Path, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(program)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .env("STEADFAST_ADMIN_KEY", API_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take();
        let running = Running::new(child);
        let lines = read_lines(stdout.context("the server has no stdout")?);
        let url = wait_for_url(&lines, START_LIMIT).map_err(|error| with_log(&error, log))?;
        Ok(Self { url, running, log: log.to_owned() })
    }

    /// Asks the server to end and expects that it does so in time and content.
    ///
    /// # Errors
    /// It ended with another code than 0, or had to be killed; the error carries its log.
    pub(super) fn stop(self) -> Result<()> {
        stop("the server", self.running, &self.log)
    }
}

/// Asks a process to end and expects that it does so in time and content.
///
/// # Errors
/// It ended with another code than 0, or had to be killed; the error carries its log.
pub(super) fn stop(name: &str, mut running: Running, log: &Path) -> Result<()> {
    running.terminate()?;
    let stopped = match running.wait(STOP_LIMIT)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(anyhow!("after SIGTERM {name} ended with {status}, not 0")),
        None => {
            Err(anyhow!("{name} was killed: it still ran {} s after SIGTERM", STOP_LIMIT.as_secs()))
        }
    };
    stopped.map_err(|error| with_log(&error, log))
}

/// Reads to the end even when nobody listens any more, so that the server never blocks.
pub(super) fn read_lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::sync_channel(LINES_MAX);
    thread::spawn(move || {
        let mut wanted = true;
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            wanted = wanted && sender.send(line).is_ok();
        }
    });
    lines
}

fn wait_for_url(lines: &Receiver<String>, limit: Duration) -> Result<String> {
    let stopwatch = Stopwatch::start();
    loop {
        match lines.recv_timeout(stopwatch.left_of(limit)) {
            Ok(line) => {
                if let Some(url) = parse_url(&line) {
                    return Ok(url.to_owned());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("the server did not print `{READY}http://...` within {} s", limit.as_secs())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                bail!("the server ended without printing `{READY}http://...`")
            }
        }
    }
}

fn parse_url(line: &str) -> Option<&str> {
    let url = line.trim().strip_prefix(READY)?;
    url.starts_with("http://").then(|| url.trim_end_matches('/'))
}

/// The error with the end of the log of a process.
pub(super) fn with_log(error: &anyhow::Error, log: &Path) -> anyhow::Error {
    let text = fs::read_to_string(log).unwrap_or_default();
    let skipped = text.lines().count().saturating_sub(LOG_LINES_SHOWN);
    let shown = text.lines().skip(skipped).collect::<Vec<_>>().join("\n");
    anyhow!("{error}\nthe end of the log, {}:\n{shown}", log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_its_line() {
        assert_eq!(parse_url("listening on http://127.0.0.1:4000"), Some("http://127.0.0.1:4000"));
        assert_eq!(parse_url("listening on http://[::1]:4000/\n"), Some("http://[::1]:4000"));
        assert_eq!(parse_url("listening on 127.0.0.1:4000"), None);
        assert_eq!(parse_url("opening the store"), None);
    }

    #[test]
    fn the_address_is_awaited_to_the_deadline_or_the_end() {
        let (sender, lines) = mpsc::sync_channel(LINES_MAX);
        sender.send("opening the store".to_owned()).unwrap();
        let error = wait_for_url(&lines, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("within 0 s"), "{error}");
        sender.send("listening on http://127.0.0.1:1".to_owned()).unwrap();
        assert_eq!(wait_for_url(&lines, START_LIMIT).unwrap(), "http://127.0.0.1:1");
        drop(sender);
        let error = wait_for_url(&lines, START_LIMIT).unwrap_err();
        assert!(error.to_string().contains("ended"), "{error}");
    }
}
