//! The server as a process of its own, to be killed.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Throw-away: the server that knows it lives as long as a round, on loopback.
pub(crate) const API_KEY: &str = "throw-away-key-of-the-kill-rounds-0123456789";

const START_LIMIT: Duration = Duration::from_secs(30);
/// What the server prints before its address.
const READY: &str = "listening on ";
/// Lines of the server's log that an error shows.
const LOG_LINES_SHOWN: usize = 40;

/// The program beside this one: `target/ci/examples/kill_rounds` is about `target/ci/steadfast`.
///
/// # Errors
/// It was not built.
pub(crate) fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program")?;
    let profile = own.parent().and_then(Path::parent).context("this program is not in a target")?;
    let program = profile.join(format!("steadfast{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        let profile = match profile.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        bail!(
            "`{}` is missing: build it with `cargo build --profile {profile} -p steadfast-cli`",
            program.display()
        );
    }
    Ok(program)
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    pub(crate) url: String,
    child: Child,
}

impl Server {
    /// Starts the server and waits until it tells its address.
    ///
    /// # Errors
    /// It cannot be started, ends, or is not ready in time; the error carries its log.
    pub(crate) fn start(program: &Path, data: &Path, log: &Path) -> Result<Self> {
        let stderr = OpenOptions::new().create(true).append(true).open(log);
        let child = Command::new(program)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"])
            .env("STEADFAST_ADMIN_KEY", API_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr.with_context(|| format!("cannot write `{}`", log.display()))?)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let mut server = Self { url: String::new(), child };
        let stdout = server.child.stdout.take().context("the server has no stdout")?;
        let url = url_from(stdout).recv_timeout(START_LIMIT);
        server.url = url.with_context(|| {
            format!("the server did not start; the end of its log:\n{}", end_of(log))
        })?;
        Ok(server)
    }

    /// SIGKILL to this one process, and wait until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("cannot kill the server")?;
        self.child.wait().context("cannot wait for the server")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to do about a process that cannot be killed.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}

/// Reads to the end, so that the server never blocks; sends the address.
fn url_from(stdout: ChildStdout) -> Receiver<String> {
    let (sender, url) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix(READY) {
                // Nobody listens any more once the deadline is over.
                drop(sender.try_send(url.trim_end_matches('/').to_owned()));
            }
        }
    });
    url
}

/// The last lines of a log.
pub(crate) fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let skipped = text.lines().count().saturating_sub(LOG_LINES_SHOWN);
    text.lines().skip(skipped).collect::<Vec<_>>().join("\n")
}

/// Runs `steadfast doctor` on a directory that nobody holds.
///
/// # Errors
/// It found damage, or did not run.
pub(crate) fn examine(program: &Path, data: &Path) -> Result<()> {
    let mut command = Command::new(program);
    let output = command.arg("doctor").arg(data).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start `{}`", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    bail!("`steadfast doctor` ended with {}:\n{stdout}{stderr}", output.status)
}

/// An empty log.
///
/// # Errors
/// It cannot be made.
pub(crate) fn new_log(path: &Path) -> Result<()> {
    File::create(path).map(drop).with_context(|| format!("cannot write `{}`", path.display()))
}
