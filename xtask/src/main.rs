//! Test, tidy and release, in Rust instead of shell.
//!
//! `cargo xtask test` is the whole of CI: the same command runs at home. `cargo xtask tidy` checks
//! what a reviewer should not have to. Nothing here is part of the product, so this crate reads
//! the clock and starts processes freely; it never writes outside the target directory.

mod command;
mod printer;
mod stopwatch;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Tasks of the Steadfast workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check of the project, one after another.
    Test(test::Options),
    /// Check layers, module docs, file sizes, links and stray paths.
    Tidy,
    /// Look for answers that the API's description does not list, for as long as you like.
    Fuzz(test::fuzz::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Workspace::find().and_then(|workspace| match arguments.task {
        Task::Test(options) => Ok(test::run(&workspace, &options)),
        Task::Tidy => tidy::run(&workspace).map(|()| true),
        Task::Fuzz(options) => test::fuzz::run_long(&workspace, &options).map(|()| true),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            printer::error(&error);
            ExitCode::FAILURE
        }
    }
}
