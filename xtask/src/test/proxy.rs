//! `steadfast proxy` as a process, for clients that only know the live service.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::running::Running;
use super::server::{read_lines, stop, with_log};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A proxy that accepts connections.
pub(super) struct Proxy {
    /// What sends a client to it.
    pub(super) variables: BTreeMap<String, String>,
    running: Running,
    log: PathBuf,
}

#[derive(Deserialize)]
struct Started {
    variables: BTreeMap<String, String>,
}

impl Proxy {
    /// Starts a proxy to a server on a free port and waits until it tells its variables.
    ///
    /// # Errors
    /// It cannot be started, ends early, or is not ready in time; the error carries its log.
    pub(super) fn start(program: &Path, to: &str, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(program)
            .args(["proxy", "--format", "json", "--to", to])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take();
        let running = Running::new(child);
        let lines = read_lines(stdout.context("the proxy has no stdout")?);
        let variables = wait_for_variables(&lines).map_err(|error| with_log(&error, log))?;
        Ok(Self { variables, running, log: log.to_owned() })
    }

    /// Asks the proxy to end and expects that it does so in time and content.
    ///
    /// # Errors
    /// It ended with another code than 0, or had to be killed; the error carries its log.
    pub(super) fn stop(self) -> Result<()> {
        stop("the proxy", self.running, &self.log)
    }
}

fn wait_for_variables(lines: &Receiver<String>) -> Result<BTreeMap<String, String>> {
    let line = lines.recv_timeout(START_LIMIT).context("the proxy did not tell its variables")?;
    let started: Started = serde_json::from_str(&line)
        .with_context(|| format!("the proxy printed `{line}`, not its variables"))?;
    Ok(started.variables)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_variables_are_read_from_the_first_line() {
        let (sender, lines) = mpsc::sync_channel(2);
        sender.send(r#"{"proxy": "p", "variables": {"HTTPS_PROXY": "p"}}"#.to_owned()).unwrap();
        sender.send("something else".to_owned()).unwrap();
        assert_eq!(wait_for_variables(&lines).unwrap()["HTTPS_PROXY"], "p");
        let error = wait_for_variables(&lines).unwrap_err();
        assert!(error.to_string().contains("`something else`"), "{error}");
        drop(sender);
        assert!(wait_for_variables(&lines).is_err());
    }
}
