//! Commands that run to their end: shown first, then checked by their exit code.
//!
//! Processes that must be watched while they run are in `test/running.rs`.

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};

/// What a command left behind.
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Shows the command, runs it with the terminal's streams and expects exit code 0.
///
/// # Errors
/// The command could not be started, or ended with another code.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    crate::printer::line(&format!("  $ {shown}"));
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs the command to its end and keeps what it printed. Any exit code is fine.
///
/// # Errors
/// The command could not be started.
pub(crate) fn capture(command: &mut Command) -> Result<Captured> {
    let output = command.output().with_context(|| format!("cannot start `{}`", show(command)))?;
    Ok(Captured {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Shows the command, runs it and returns what it printed on stdout.
///
/// # Errors
/// The command could not be started, or failed; then the error carries all it printed.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let shown = show(command);
    crate::printer::line(&format!("  $ {shown}"));
    let captured = capture(command)?;
    if !captured.status.success() {
        bail!("`{shown}` ended with {}\n{}", captured.status, captured.text());
    }
    Ok(captured.stdout)
}

/// The command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().into_owned());
    set.chain(words).collect::<Vec<_>>().join(" ")
}

impl Captured {
    /// Both streams, stdout first.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
        assert_eq!(show(&command), "RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps");
    }

    #[test]
    fn a_failing_command_is_an_error_and_a_good_one_is_not() {
        assert!(run(&mut Command::new("true")).is_ok());
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("there-is-no-such-program")).is_err());
    }

    #[test]
    fn output_of_a_failing_command_is_in_the_error() {
        let error = stdout_of(Command::new("sh").args(["-c", "echo lost; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("lost"), "{error}");
    }
}
