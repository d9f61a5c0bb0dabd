//! Runs the program, and keeps a server of it running.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// For everything that is waited for.
const LIMIT: Duration = Duration::from_mins(1);

/// What the variables of whoever runs the tests must not decide.
const VARIABLES: [&str; 7] = [
    "STEADFAST_API_KEY",
    "STEADFAST_ADMIN_KEY",
    "STEADFAST_LOG",
    "NO_COLOR",
    "VISUAL",
    "EDITOR",
    "USER",
];

/// The program's own path.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_steadfast");

/// The program with these arguments, and none of our own variables.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    without_variables(&mut command);
    command
}

/// Takes our own variables away from a command.
pub(crate) fn without_variables(command: &mut Command) {
    for variable in VARIABLES {
        command.env_remove(variable);
    }
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }

    /// Expects success without a word on stderr, and returns stdout.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, &*self.stderr), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// Expects a failure with this exit code and nothing on stdout, and returns stderr.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, &*self.stdout), (Some(code), ""), "{}", self.stderr);
        self.stderr
    }
}

pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Run {
    Run::of(&command(arguments).output().unwrap())
}

/// Runs a command with this on its stdin.
pub(crate) fn run_with_stdin(mut command: Command, stdin: &[u8]) -> Run {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    Run::of(&child.wait_with_output().unwrap())
}

/// Where a command finds its data: arguments and variables.
#[derive(Clone)]
pub(crate) struct Place {
    arguments: Vec<String>,
    api_key: Option<String>,
}

impl Place {
    pub(crate) fn directory(dir: &Path) -> Self {
        let arguments = vec!["--data".to_owned(), dir.to_str().unwrap().to_owned()];
        Self { arguments, api_key: None }
    }

    pub(crate) fn server(url: &str, api_key: &str) -> Self {
        let arguments = vec!["--server".to_owned(), url.to_owned()];
        Self { arguments, api_key: Some(api_key.to_owned()) }
    }

    /// A command on this place, such as `entry get`.
    pub(crate) fn command(&self, words: &str, arguments: &[&str]) -> Command {
        let mut all: Vec<&str> = words.split(' ').collect();
        all.extend(self.arguments.iter().map(String::as_str));
        all.extend(arguments);
        let mut command = command(&all);
        if let Some(api_key) = &self.api_key {
            command.env("STEADFAST_API_KEY", api_key);
        }
        command
    }

    pub(crate) fn run(&self, words: &str, arguments: &[&str]) -> Run {
        Run::of(&self.command(words, arguments).output().unwrap())
    }
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) pid: u32,
    /// Everything it printed before its address, and the address.
    pub(crate) lines: Vec<String>,
    exit: Receiver<ExitStatus>,
    stderr: Receiver<String>,
}

impl Server {
    /// Starts a server on a free port, with these variables, and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(dir: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut all = vec!["serve", "--data", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut command = command(&all);
        command.envs(variables.iter().copied());
        Self::start_command(command)
    }

    /// The same of a command that becomes such a server.
    #[track_caller]
    pub(crate) fn start_command(command: Command) -> Self {
        Self::start_until(command, |line| line.strip_prefix("listening on ").map(str::to_owned))
    }

    /// Starts something else that serves, and waits for the line that has its address.
    #[track_caller]
    pub(crate) fn start_until(
        mut command: Command,
        address_in: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr_pipe = child.stderr.take().unwrap();
        let (pid, (lines_in, lines_out)) = (child.id(), mpsc::sync_channel(100));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                drop(lines_in.try_send(line));
            }
        });
        let (stderr_in, stderr) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut text = String::new();
            drop(stderr_pipe.read_to_string(&mut text));
            drop(stderr_in.send(text));
        });
        let exit = wait_in_background(child);
        let mut server = Self { url: String::new(), pid, lines: Vec::new(), exit, stderr };
        while server.url.is_empty() {
            let line = lines_out.recv_timeout(LIMIT).expect("the server prints its address");
            if let Some(url) = address_in(&line) {
                server.url = url;
            }
            server.lines.push(line);
        }
        server
    }

    /// Sends a signal and returns the exit code with everything on stderr.
    #[track_caller]
    pub(crate) fn stop(self, signal: &str) -> (Option<i32>, String) {
        self.send(signal);
        self.end()
    }

    /// Waits for the end and returns the exit code with everything on stderr.
    #[track_caller]
    pub(crate) fn end(self) -> (Option<i32>, String) {
        let status = self.exit.recv_timeout(LIMIT).expect("the server ends");
        (status.code(), self.stderr.recv_timeout(LIMIT).expect("stderr ends with the server"))
    }

    /// To this one process.
    pub(crate) fn send(&self, signal: &str) {
        let line = format!("kill -{signal} {}", self.pid);
        let mut kill = Command::new("sh");
        // A process that ended already is as good.
        drop(kill.args(["-c", &line]).stderr(Stdio::null()).status());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.exit.try_recv().is_err() {
            self.send("KILL");
            self.exit.recv_timeout(LIMIT).ok();
        }
    }
}

fn wait_in_background(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, exit) = mpsc::sync_channel(2);
    thread::spawn(move || {
        if let Ok(status) = child.wait() {
            // Nobody waits any more for a server that was dropped.
            sender.send(status).ok();
        }
    });
    exit
}
