//! The only place that writes to the terminal.

use std::io::Write;

use anyhow::Result;

/// Prints a line of the result.
///
/// # Errors
/// Nobody reads it any more.
pub(crate) fn line(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints what went wrong.
pub(crate) fn error(text: &str) {
    // Without a terminal to write to, the exit code says it.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
