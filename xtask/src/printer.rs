//! The one place that writes to the terminal.

#![expect(clippy::print_stdout, reason = "the printer of xtask")]
#![expect(clippy::print_stderr, reason = "the printer of xtask")]

/// Prints one line of progress or result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints an error and its causes, one per line.
pub(crate) fn error(error: &anyhow::Error) {
    eprint!("{}", chain(error));
}

fn chain(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str("  caused by: ");
        text.push_str(&cause.to_string());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_printed_with_its_causes() {
        let error = anyhow::anyhow!("inner").context("middle").context("outer");
        assert_eq!(chain(&error), "error: outer\n  caused by: middle\n  caused by: inner\n");
    }
}
