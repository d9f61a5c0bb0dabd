//! `docs/reference/errors.md`: every code and every kind of error.

use steadfast_core::{Code, ErrorKind};

use crate::line;

const HEAD: &str = "\
# Errors

Every error has a code, and the code has one kind. The kind decides what a caller can do, the HTTP status on our own
routes (`/steadfast/v1`), and the exit code of the command line. Open Cloud's routes say the same errors in the words of
the live service. This page is made from `core::code`; codes of what is not built yet stand here too, so that they keep
their meaning.

## Kinds

| kind | status | exit | what to do |
|---|---|---|---|
";

/// The page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in ErrorKind::ALL {
        let (status, exit) = (kind.status(), kind.exit_code());
        line(&mut page, &[kind.name(), &status.to_string(), &exit.to_string(), todo(kind)]);
    }
    page.push_str("\n## Codes\n\n| code | kind | status | exit | what it means | what to do |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    for code in Code::ALL {
        let name = format!("`{code}`");
        let (status, exit) = (code.status().to_string(), code.exit_code().to_string());
        let cells = [&name, code.kind().name(), &status, &exit, code.meaning(), code.advice()];
        line(&mut page, &cells);
    }
    page
}

const fn todo(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "Fix the request.",
        ErrorKind::Denied => "Use other credentials.",
        ErrorKind::NotFound => "Use another path.",
        ErrorKind::Conflict => "Read again, then decide again.",
        ErrorKind::Fenced => "Drop the local copy, and never retry.",
        ErrorKind::Exhausted => "Nothing was written: wait, then retry.",
        ErrorKind::Unavailable => "Nothing was written, or asking again is safe: wait, then retry.",
        ErrorKind::OutcomeUnknown => "It may have been written: retry only under the same id.",
        ErrorKind::Corrupt => "Stop, then restore or salvage.",
        ErrorKind::Internal => "Stop and report it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_errors_is_the_table_of_codes() {
        crate::check("errors", include_str!("../../../../docs/reference/errors.md"), &page());
    }
}
