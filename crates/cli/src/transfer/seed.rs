//! `seed`: the entries of a file that was written by hand.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use steadfast_core::ErrorKind;

use super::apply::{Applier, Mode, Report};
use super::lines::Lines;
use super::record::Record;
use crate::args::Seed;
use crate::failure::{Failure, Result};
use crate::printer::{Printer, Progress};
use crate::target::Target;

/// Creates or replaces the entries.
///
/// # Errors
/// [`Failure`]: what to do is in its kind. If a line is wrong nothing was written.
pub(crate) async fn run(seed: Seed, printer: Printer) -> Result<()> {
    let path = &seed.file;
    let cannot = |failure: Failure| failure.context(format!("cannot seed `{}`", path.display()));
    let mut checked = Seeds::open(path).map_err(cannot)?;
    while checked.next().map_err(cannot)?.is_some() {}
    let work = async |target: &Target| write(target, &seed).await;
    let report = Target::with_patience(&seed.place.target, work).await.map_err(cannot)?;
    printer.one(&report)
}

async fn write(target: &Target, seed: &Seed) -> Result<Report> {
    let mut applier = Applier::new(target, seed.place.universe, Mode::of(true, seed.dry_run));
    let mut seeds = Seeds::open(&seed.file)?;
    let progress = Progress::new();
    while let Some(record) = seeds.next()? {
        applier.push(record).await?;
        progress.show("seeding", applier.report().count(), None);
    }
    applier.finish().await
}

/// The entries of a file.
struct Seeds {
    lines: Lines<BufReader<File>>,
}

impl Seeds {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Failure::of(ErrorKind::Invalid, error))?;
        Ok(Self { lines: Lines::new(BufReader::new(file)) })
    }

    fn next(&mut self) -> Result<Option<Record>> {
        loop {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let record = Record::parse(line);
            return record
                .map(Some)
                .map_err(|error| self.lines.at_line(Failure::of(ErrorKind::Invalid, error)));
        }
    }
}
