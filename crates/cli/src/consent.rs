//! Nothing is destroyed by mistake: the target is named, and somebody says yes.

use steadfast_core::ErrorKind;

use crate::args::Consent;
use crate::failure::{Failure, Result};
use crate::printer;

/// Returns if there is consent to `action`, such as "remove `1/players/global/u_1`".
///
/// # Errors
/// There was none, or nobody to ask.
pub(crate) fn require(consent: Consent, action: &str) -> Result<()> {
    ask(consent.yes, action, "use `--yes`, or `--dry-run` to look first")
}

/// The same for what cannot be looked at first.
///
/// # Errors
/// There was none, or nobody to ask.
pub(crate) fn require_yes(yes: bool, action: &str) -> Result<()> {
    ask(yes, action, "use `--yes`")
}

fn ask(yes: bool, action: &str, advice: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    match printer::ask(&format!("{action}? [y/N] "))? {
        Some(answer) if is_yes(&answer) => Ok(()),
        Some(_) => Err(Failure::new(ErrorKind::Denied, format!("did not {action}"))),
        None => {
            let message = format!("will not {action} without being told to");
            let hint = format!("there is no terminal to ask on: {advice}");
            Err(Failure::new(ErrorKind::Invalid, message).hint(hint))
        }
    }
}

fn is_yes(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y", "Y", "yes", "Yes"].into_iter().all(is_yes));
        assert!(!["", "n", "no", "yy", "ja"].into_iter().any(is_yes));
    }
}
