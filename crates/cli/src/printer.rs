//! The only place that writes to the terminal: results to stdout, everything else to stderr.

mod progress;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;
use steadfast_core::ErrorKind;

use crate::environment;
use crate::failure::{Failure, Result};

pub(crate) use self::progress::Progress;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For scripts: one object, or one object per line.
    Json,
}

/// Something that can be printed in both formats.
pub(crate) trait Show: Serialize {
    /// The titles of the columns of a list, or of the lines of a single one.
    fn titles() -> Vec<&'static str>;

    /// What stands below the titles.
    fn cells(&self) -> Vec<String>;
}

/// Prints the results of one command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: Format,
}

impl Printer {
    /// A printer of results in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints one result.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub(crate) fn one<T: Show>(self, item: &T) -> Result<()> {
        match self.format {
            Format::Json => line(&json(item)?),
            Format::Table => {
                let mut table = new_table();
                for (title, cell) in T::titles().into_iter().zip(item.cells()) {
                    table.add_row([title.to_owned(), cell]);
                }
                line(&text(table))
            }
        }
    }

    /// Prints one result that people and shells read as text, and programs as an object.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub(crate) fn text_or_json(self, text: &str, item: &impl Serialize) -> Result<()> {
        match self.format {
            Format::Json => line(&json(item)?),
            Format::Table => line(text),
        }
    }

    /// Whether lists are one object per line, so that they can be printed in parts.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a list of results.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub(crate) fn list<T: Show>(self, items: &[T]) -> Result<()> {
        match self.format {
            Format::Json => items.iter().try_for_each(|item| line(&json(item)?)),
            Format::Table => {
                let mut table = new_table();
                table.set_header(T::titles().iter().map(|title| title.to_uppercase()));
                for item in items {
                    table.add_row(item.cells());
                }
                line(&text(table))
            }
        }
    }
}

/// The longest JSON that a cell of a table shows, in characters.
const CELL_LENGTH_MAX: usize = 60;

/// A text that fits a cell of a table.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(CELL_LENGTH_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Prints a line to stdout and flushes it.
///
/// # Errors
/// Stdout cannot be written to.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::closed_pipe(error)
        } else {
            Failure::of(ErrorKind::Unavailable, error).context("cannot write to stdout")
        }
    })
}

/// Prints a failure to stderr. If that cannot be written to either, nobody is told.
pub(crate) fn failure(failure: &Failure) {
    note(&failure.show(Style::of_stderr()));
}

/// Prints a remark that is no result.
pub(crate) fn note(text: &str) {
    to_stderr(&format!("{text}\n"));
}

/// Whether there is somebody to ask.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question and returns the answer; none if there is no terminal to ask on.
///
/// # Errors
/// Stdin cannot be read.
pub(crate) fn ask(question: &str) -> Result<Option<String>> {
    if !has_terminal() {
        return Ok(None);
    }
    to_stderr(question);
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.map_err(|error| {
        Failure::of(ErrorKind::Unavailable, error).context("cannot read the answer from stdin")
    })?;
    Ok(Some(answer.trim().to_owned()))
}

fn to_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}

fn json(item: &impl Serialize) -> Result<String> {
    serde_json::to_string(item).map_err(|error| Failure::of(ErrorKind::Internal, error))
}

fn new_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// The table as lines without blanks at their ends, two blanks between its columns.
fn text(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Whether there is colour. It never carries meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    is_coloured: bool,
}

impl Style {
    /// No colour.
    pub(crate) const PLAIN: Self = Self { is_coloured: false };
    /// Colour.
    #[cfg(test)]
    pub(crate) const COLOURED: Self = Self { is_coloured: true };

    /// That of stderr: colour on a terminal, unless it was asked for none.
    pub(crate) fn of_stderr() -> Self {
        let is_coloured =
            io::stderr().is_terminal() && !environment::is_set(&environment::NO_COLOR);
        Self { is_coloured }
    }

    /// Whether there is colour.
    pub(crate) fn is_coloured(self) -> bool {
        self.is_coloured
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let text = |length: usize| "\u{20ac}".repeat(length);
        assert_eq!(shortened(&text(60)).chars().count(), 60);
        assert!(!shortened(&text(60)).ends_with("..."));
        assert!(shortened(&text(61)).ends_with("\u{20ac}..."));
    }
}
