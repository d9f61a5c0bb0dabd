//! The program `steadfast`: the server, and the tools for its data.
//!
//! It translates: a command line becomes calls of the library or requests to a server, and their
//! answers become text, JSON and an exit code. It decides nothing about data.
//!
//! Start reading at [`args`], which is what there is to say; then [`failure`] for exit codes, and
//! [`target`] for where the data is.
#![forbid(unsafe_code)]

mod args;
mod config;
mod consent;
mod copy;
mod difference;
mod duration;
mod entry;
mod environment;
mod failure;
mod inspect;
mod key;
mod operators;
mod ordered;
mod paging;
mod printer;
mod proxy;
mod serve;
mod store;
mod target;
mod transfer;
mod upgrade;

use std::process::ExitCode;

use clap::Parser;
use steadfast_core::ErrorKind;

use crate::args::{Cli, Command};
use crate::failure::{Failure, Result};
use crate::printer::Printer;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            printer::failure(&failure);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let printer = Printer::new(cli.format);
    match cli.command {
        Command::Serve(serve) => {
            let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
            runtime.block_on(serve::run(serve))
        }
        Command::Config(config) => config::run(&config, printer),
        Command::Proxy(proxy) => {
            let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
            runtime.block_on(proxy::run(proxy, printer))
        }
        Command::Key(key) => small_runtime()?.block_on(key::run(key, printer)),
        Command::Entry(entry) => small_runtime()?.block_on(entry::run(entry, printer)),
        Command::Store(store) => small_runtime()?.block_on(store::run(store, printer)),
        Command::Ordered(ordered) => small_runtime()?.block_on(ordered::run(ordered, printer)),
        Command::Record(record) => small_runtime()?.block_on(operators::record(record, printer)),
        Command::Session(session) => {
            small_runtime()?.block_on(operators::session(session, printer))
        }
        Command::Operation(operation) => {
            small_runtime()?.block_on(operators::operation(operation, printer))
        }
        Command::DeadLetter(letter) => {
            small_runtime()?.block_on(operators::dead_letter(letter, printer))
        }
        Command::Repair(repair) => small_runtime()?.block_on(operators::repair(repair, printer)),
        Command::Log(log) => small_runtime()?.block_on(operators::log(log, printer)),
        Command::Status(status) => small_runtime()?.block_on(operators::status(&status, printer)),
        Command::Export(export) => small_runtime()?.block_on(transfer::export(export, printer)),
        Command::Import(import) => small_runtime()?.block_on(transfer::import(import, printer)),
        Command::Seed(seed) => small_runtime()?.block_on(transfer::seed(seed, printer)),
        Command::Backup(backup) => small_runtime()?.block_on(copy::backup(&backup, printer)),
        Command::Verify(verify) => copy::verify(&verify, printer),
        Command::Restore(restore) => copy::restore(&restore, printer),
        Command::Fork(fork) => copy::fork(&fork, printer),
        Command::Upgrade(upgrade) => upgrade::run(&upgrade, printer),
        Command::Doctor(doctor) => inspect::doctor(&doctor, printer),
        Command::Salvage(salvage) => inspect::salvage(&salvage, printer),
    }
}

fn small_runtime() -> Result<tokio::runtime::Runtime> {
    runtime(tokio::runtime::Builder::new_current_thread())
}

fn runtime(mut builder: tokio::runtime::Builder) -> Result<tokio::runtime::Runtime> {
    builder.enable_all().build().map_err(|error| {
        Failure::of(ErrorKind::Unavailable, error).context("cannot start the async runtime")
    })
}
