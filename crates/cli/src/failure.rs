//! What went wrong, how it is shown, and the exit code that says what to do now.

use std::fmt;

use steadfast_core::ErrorKind;

use crate::printer::Style;

/// The result of everything that can fail.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// An error with what it means for the caller, and perhaps a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    error: anyhow::Error,
    hint: Option<String>,
    /// Nobody reads our output any more. That is no failure worth a word.
    is_closed_pipe: bool,
}

impl Failure {
    /// A failure that starts with this message.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(kind, anyhow::Error::msg(message.into()))
    }

    /// A failure whose message and causes are those of an error.
    pub(crate) fn of(kind: ErrorKind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into(), hint: None, is_closed_pipe: false }
    }

    /// The reader of our output went away.
    pub(crate) fn closed_pipe(error: std::io::Error) -> Self {
        Self { is_closed_pipe: true, ..Self::of(ErrorKind::Unavailable, error) }
    }

    /// Puts a message in front; what was the message becomes a cause.
    #[must_use]
    pub(crate) fn context(self, message: impl Into<String>) -> Self {
        Self { error: self.error.context(message.into()), ..self }
    }

    /// Adds what the caller may do. The first hint stays: it knows most.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: self.hint.or_else(|| Some(hint.into())), ..self }
    }

    /// Adds which version an entry is at, after another one was expected.
    #[must_use]
    pub(crate) fn hint_at_version(self, version: &str) -> Self {
        self.hint(format!("it is at version `{version}`: read it, then decide again"))
    }

    /// What the caller does now.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether there is nobody to tell.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.is_closed_pipe
    }

    /// As it is printed: the message, its causes, and the hint.
    pub(crate) fn show(&self, style: Style) -> String {
        let mut said = self.error.to_string();
        let mut lines = vec![format!("{} {said}", style.bad("error:"))];
        for cause in self.error.chain().skip(1) {
            let cause = cause.to_string();
            // Errors of other crates repeat their source; once is enough.
            if !said.ends_with(&cause) {
                lines.push(format!("  caused by: {cause}"));
            }
            said = cause;
        }
        if let Some(hint) = &self.hint {
            lines.extend([String::new(), format!("{} {hint}", style.good("hint:"))]);
        }
        lines.join("\n")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Style::PLAIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_exit_code() {
        let codes = ErrorKind::ALL.map(|kind| format!("{kind} {}", kind.exit_code()));
        insta::assert_snapshot!(codes.join("\n"), @r"
        invalid 2
        denied 1
        not_found 1
        conflict 1
        fenced 1
        exhausted 3
        unavailable 3
        outcome_unknown 4
        corrupt 5
        internal 5
        ");
    }

    #[test]
    fn a_failure_is_shown_with_its_causes_and_its_hint() {
        let failure = Failure::new(ErrorKind::Fenced, "fence 7 was replaced by 8")
            .context("the lease was lost")
            .context("cannot save `players/u_1234`")
            .hint("`server-b` holds the record")
            .hint("a hint that knows less");
        insta::assert_snapshot!(failure.show(Style::PLAIN), @r"
        error: cannot save `players/u_1234`
          caused by: the lease was lost
          caused by: fence 7 was replaced by 8

        hint: `server-b` holds the record
        ");
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let failure =
            Failure::new(ErrorKind::Unavailable, "no such file").context("a: no such file");
        assert_eq!(failure.show(Style::PLAIN), "error: a: no such file");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let failure = Failure::new(ErrorKind::Invalid, "wrong").hint("do it right");
        let coloured = failure.show(Style::COLOURED);
        assert!(coloured.contains("\u{1b}["));
        let plain = coloured.replace("\u{1b}[1;31m", "").replace("\u{1b}[1;36m", "");
        assert_eq!(plain.replace("\u{1b}[0m", ""), failure.show(Style::PLAIN));
    }
}
