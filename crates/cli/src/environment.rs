//! Every environment variable that the program reads. Nothing else in the workspace reads one.
//!
//! A flag comes before a variable, and a variable before a default.

use std::ffi::OsString;

use steadfast_core::ErrorKind;

use crate::failure::{Failure, Result};

/// A variable: its name, and what it does as `--help` shows it.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
}

/// The key of requests to a running server.
pub(crate) const API_KEY: Variable =
    Variable { name: "STEADFAST_API_KEY", purpose: "the API key of requests to a server" };

/// The administrator's key of a server.
pub(crate) const ADMIN_KEY: Variable = Variable {
    name: "STEADFAST_ADMIN_KEY",
    purpose: "`serve`: the administrator's key, instead of one that is made and printed",
};

/// What a server or a proxy logs.
pub(crate) const LOG: Variable = Variable {
    name: "STEADFAST_LOG",
    purpose: "`serve`, `proxy`: what is logged, such as `warn` or `info,steadfast_server=debug`",
};

/// The convention of <https://no-color.org>: set to anything but nothing, there is no colour.
pub(crate) const NO_COLOR: Variable =
    Variable { name: "NO_COLOR", purpose: "no colour, if it is set to anything" };

/// The editor of people who want a screen.
const VISUAL: Variable =
    Variable { name: "VISUAL", purpose: "`record edit`: the editor, before `EDITOR`" };

/// The editor.
const EDITOR: Variable = Variable { name: "EDITOR", purpose: "`record edit`: the editor" };

/// What the system calls whoever is logged in.
const USER: Variable =
    Variable { name: "USER", purpose: "the operator, where `--operator` is not given" };

/// All of them, in the order in which they are documented.
pub(crate) const ALL: [&Variable; 7] =
    [&API_KEY, &ADMIN_KEY, &LOG, &NO_COLOR, &VISUAL, &EDITOR, &USER];

/// The editor that people want.
///
/// # Errors
/// It is not text.
pub(crate) fn editor() -> Result<Option<String>> {
    Ok(read(&VISUAL)?.or(read(&EDITOR)?))
}

/// The name of the user of this machine.
///
/// # Errors
/// It is not text.
pub(crate) fn user() -> Result<Option<String>> {
    read(&USER)
}

/// The list, for `--help`.
pub(crate) fn documentation() -> String {
    let width = ALL.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    let lines = ALL.iter().map(|Variable { name, purpose }| format!("  {name:width$}  {purpose}"));
    format!("Environment variables:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// The value of a variable; none if it is not set or empty.
///
/// # Errors
/// It is not text.
pub(crate) fn read(variable: &Variable) -> Result<Option<String>> {
    let Some(value) = read_os(variable) else { return Ok(None) };
    let text = value.into_string().map_err(|_| {
        let message = format!("the environment variable `{}` is not UTF-8", variable.name);
        Failure::new(ErrorKind::Invalid, message)
    })?;
    Ok((!text.is_empty()).then_some(text))
}

/// Whether a variable is set to anything but nothing.
pub(crate) fn is_set(variable: &Variable) -> bool {
    read_os(variable).is_some_and(|value| !value.is_empty())
}

fn read_os(variable: &Variable) -> Option<OsString> {
    std::env::var_os(variable.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_documented_in_one_place() {
        insta::assert_snapshot!(documentation(), @r"
        Environment variables:
          STEADFAST_API_KEY    the API key of requests to a server
          STEADFAST_ADMIN_KEY  `serve`: the administrator's key, instead of one that is made and printed
          STEADFAST_LOG        `serve`, `proxy`: what is logged, such as `warn` or `info,steadfast_server=debug`
          NO_COLOR             no colour, if it is set to anything
          VISUAL               `record edit`: the editor, before `EDITOR`
          EDITOR               `record edit`: the editor
          USER                 the operator, where `--operator` is not given
        ");
    }
}
