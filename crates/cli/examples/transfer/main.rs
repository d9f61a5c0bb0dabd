//! A store of many entries, exported, wiped and imported again, with both killed on the way.
//!
//! ```text
//! seed ─► export ─► export, killed ─► resumed ─► wipe ─► import, killed ─► resumed ─► export
//! ```
//!
//! The three files must have one checksum. Everything is done by the built program beside this one,
//! in processes of their own, so that a kill is a kill and their memory can be measured. The instants of the kills are drawn from the seed, as shares
//! of the entries. Ends with 1 if anything differs.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

mod process;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::Value;
use steadfast::Steadfast;
use steadfast_core::Rng;

use crate::process::Program;

const UNIVERSE: &str = "7";
/// Of a hundred entries so many are on a board.
const ORDERED_PERCENT: u64 = 10;
/// One entry in so many is large.
const LARGE_EVERY: u64 = 10_000;
const LARGE_SIZE: usize = 1024 * 1024;

#[derive(Parser)]
struct Options {
    /// A directory that is made, filled and left behind.
    dir: PathBuf,
    /// How many entries there are.
    entries: u64,
    /// What values and the instants of the kills are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let (dir, total) = (&options.dir, options.entries);
    ensure!(total > 0, "there is nothing to carry without entries");
    fs::create_dir(dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
    let path = |name: &str| dir.join(name);
    let program = Program::find()?;
    let mut random = Rng::stream(options.seed, "kills");
    // Neither at the first entry nor at the last one.
    let mut share = || total * random.in_range(15..85) / 100;

    let (data, seeds) = (path("data"), path("seeds.ndjson"));
    let ordered = write_seeds(&seeds, total, options.seed).context("cannot write the seeds")?;
    empty(&data)?;
    let seeded = program.run("seed", &data, &["--universe", UNIVERSE, text(&seeds)?], total)?;
    ensure!(count(&seeded, "created")? == total, "not every seed was created: {seeded}");

    let whole = path("whole.zst");
    let first = export(&program, &data, &whole, &[], total)?;
    ensure!(count(&first, "orderedEntries")? == ordered, "the board is not whole: {first}");
    ensure!(count(&first, "entries")? == total - ordered, "the stores are not whole: {first}");

    let cut = path("cut.zst");
    let state = (path("cut.zst.part.json"), "/entries");
    let at = share().min(total - ordered) / 2;
    program.kill("export", &data, &export_arguments(&cut)?, &state, at)?;
    let second = export(&program, &data, &cut, &["--resume", "--verify"], total)?;
    let checksum = member(&first, "checksum")?;
    ensure!(checksum == member(&second, "checksum")?, "the resumed export differs: {second}");

    fs::remove_dir_all(&data).context("cannot wipe the data directory")?;
    empty(&data)?;
    let state = (path("cut.zst.import"), "/report/created");
    program.kill("import", &data, &[text(&cut)?], &state, share())?;
    let resumed = ["--resume", "--verify", text(&cut)?];
    let imported = program.run("import", &data, &resumed, total)?;
    ensure!(checksum == member(&imported, "verified")?, "what was read back differs: {imported}");

    let third = export(&program, &data, &path("after.zst"), &[], total)?;
    ensure!(
        checksum == member(&third, "checksum")?,
        "the export after the import differs: {third}"
    );
    println!("{total} entries, one checksum: {checksum}");
    Ok(())
}

fn export(
    program: &Program,
    data: &Path,
    file: &Path,
    flags: &[&str],
    total: u64,
) -> Result<Value> {
    program.run("export", data, &[&export_arguments(file)?[..], flags].concat(), total)
}

fn export_arguments(file: &Path) -> Result<[&str; 8]> {
    // Small enough that there is more than one block of a few thousand entries.
    Ok(["--universe", UNIVERSE, "--board", "coins", "--block-size", "262144", "--out", text(file)?])
}

/// Makes an empty data directory.
fn empty(data: &Path) -> Result<()> {
    let db = Steadfast::open_with(data, steadfast::Options::default())?;
    Ok(db.close()?)
}

/// Writes the entries, as somebody would by hand. Returns how many are on the board.
fn write_seeds(path: &Path, total: u64, seed: u64) -> Result<u64> {
    let mut file = BufWriter::new(File::create_new(path)?);
    let mut random = Rng::stream(seed, "entries");
    let mut ordered = 0;
    for n in 0..total {
        if random.percent(ORDERED_PERCENT) {
            ordered += 1;
            let value = i64::try_from(random.below(1_000_000))? - 500_000;
            writeln!(
                file,
                r#"{{"kind":"ordered","store":"coins","key":"u_{n}","value":{value}}}"#
            )?;
            continue;
        }
        let (store, coins, token) = (n % 7, random.below(1_000_000), random.next_u128());
        let noise = if n % LARGE_EVERY == 0 { "x".repeat(LARGE_SIZE) } else { String::new() };
        let value = format!(
            r#"{{"coins":{coins},"token":"{token:032x}","items":[{{"id":{n},"count":1}}],"noise":"{noise}"}}"#
        );
        let tags = if n % 3 == 0 {
            format!(r#","users":[{n}],"attributes":{{"level":{}}}"#, n % 100)
        } else {
            String::new()
        };
        writeln!(file, r#"{{"store":"store_{store}","key":"u_{n}","value":{value}{tags}}}"#)?;
    }
    file.flush()?;
    Ok(ordered)
}

fn count(printed: &Value, name: &str) -> Result<u64> {
    member(printed, name)?.as_u64().with_context(|| format!("`{name}` is no number in {printed}"))
}

fn member<'a>(printed: &'a Value, name: &str) -> Result<&'a Value> {
    printed.get(name).with_context(|| format!("`{name}` is not in {printed}"))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("`{}` is not UTF-8", path.display()))
}
