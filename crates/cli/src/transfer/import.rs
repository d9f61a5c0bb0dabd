//! `import`: the entries of a file to a target.

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};
use steadfast_core::{ErrorKind, UniverseId};

use super::apply::{Applier, Mode, Report};
use super::file::{self, Checksum, ExportFile, Line, Trailer};
use super::record::{Body, Content, Record};
use super::state;
use crate::args::Import;
use crate::failure::{Failure, Result};
use crate::printer::{Printer, Progress, Show};
use crate::target::{BoardRef, OrderedName, StoreRef, Target};

/// After how many entries it is noted how far the import came.
const STATE_INTERVAL: u64 = 1000;

/// How far an import came.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progressed {
    /// That of the file: another file is not gone on with.
    checksum: String,
    target: String,
    universe: String,
    overwrite: bool,
    report: Report,
}

/// Writes the entries of a file.
///
/// # Errors
/// [`Failure`]: what to do is in its kind. Nothing was written if the file is not whole; what was
/// written stays otherwise, and `--resume` goes on.
pub(crate) async fn run(import: Import, printer: Printer) -> Result<()> {
    let path = &import.file;
    let cannot = |failure: Failure| failure.context(format!("cannot import `{}`", path.display()));
    let progress = Progress::new();
    let checked = file::check(path, |done| progress.show("reading", done, None));
    let (header, trailer) = checked.map_err(cannot)?;
    let universe = import.universe.map_or_else(|| header.universe(), Ok).map_err(cannot)?;
    let job = Job { import: &import, trailer: &trailer, universe, progress: &progress };
    let work = async |target: &Target| job.write(target).await;
    let report = Target::with_patience(&import.target, work).await.map_err(cannot)?;
    let is_complete = report.refused == 0;
    let verified = if import.verify && is_complete {
        let work = async |target: &Target| job.verify(target).await;
        Some(Target::with_patience(&import.target, work).await.map_err(cannot)?)
    } else {
        None
    };
    drop(progress);
    printer.one(&Imported {
        file: path.display().to_string(),
        universe: universe.to_string(),
        report: report.clone(),
        checksum: trailer.checksum,
        verified,
        dry_run: import.dry_run,
    })?;
    report.check().map_err(cannot)
}

struct Job<'a> {
    import: &'a Import,
    trailer: &'a Trailer,
    universe: UniverseId,
    progress: &'a Progress,
}

impl Job<'_> {
    async fn write(&self, target: &Target) -> Result<Report> {
        let mode = Mode::of(self.import.overwrite, self.import.dry_run);
        let total = Some(self.trailer.counts.total());
        let path = self.state_path();
        let before = self.resumed(&path)?;
        let mut skipped = before.count();
        let mut saved = skipped;
        let mut applier = Applier::new(target, self.universe, mode).resumed(before);
        let mut file = ExportFile::open(&self.import.file)?;
        while let Some(Line::Entry(record)) = file.next()? {
            if let Some(fewer) = skipped.checked_sub(1) {
                skipped = fewer;
                continue;
            }
            applier.push(record).await?;
            let done = applier.report().count();
            self.progress.show("importing", done, total);
            if !self.import.dry_run && done.saturating_sub(saved) >= STATE_INTERVAL {
                state::save(&path, &self.progressed(applier.report().clone()))?;
                saved = done;
            }
        }
        let report = applier.finish().await?;
        if !self.import.dry_run {
            state::remove(&path)?;
        }
        Ok(report)
    }

    /// What was done before, if this goes on with it.
    fn resumed(&self, path: &Path) -> Result<Report> {
        if !self.import.resume {
            return Ok(Report::default());
        }
        let Some(before) = state::load::<Progressed>(path)? else { return Ok(Report::default()) };
        let now = self.progressed(Report::default());
        let is_same = before.checksum == now.checksum
            && before.target == now.target
            && before.universe == now.universe
            && before.overwrite == now.overwrite;
        if is_same {
            return Ok(before.report);
        }
        let message = "the import that was interrupted was of another file, another place or with \
                       other options";
        let hint = "without `--resume` it begins anew, which harms nothing";
        Err(Failure::new(ErrorKind::Invalid, message).hint(hint))
    }

    fn progressed(&self, report: Report) -> Progressed {
        Progressed {
            checksum: self.trailer.checksum.clone(),
            target: Target::describe(&self.import.target),
            universe: self.universe.to_string(),
            overwrite: self.import.overwrite,
            report,
        }
    }

    fn state_path(&self) -> PathBuf {
        state::beside(&self.import.file, ".import")
    }

    /// Reads every entry back. Returns the checksum of what is there.
    async fn verify(&self, target: &Target) -> Result<String> {
        let total = Some(self.trailer.counts.total());
        let mut file = ExportFile::open(&self.import.file)?;
        let mut reads = FuturesOrdered::new();
        let mut verified = Verified::default();
        while let Some(Line::Entry(record)) = file.next()? {
            if reads.len() >= Target::READ_COUNT_MAX
                && let Some(read) = reads.next().await
            {
                verified.take(read?);
                self.progress.show("verifying", verified.done, total);
            }
            reads.push_back(compare(target, self.universe, record));
        }
        while let Some(read) = reads.next().await {
            verified.take(read?);
        }
        verified.result()
    }
}

/// What was found by reading back.
#[derive(Default)]
struct Verified {
    done: u64,
    checksum: Checksum,
    different: u64,
    first: Option<String>,
}

impl Verified {
    fn take(&mut self, (name, line, is_same): (String, String, bool)) {
        self.done = self.done.saturating_add(1);
        self.checksum.add(&line);
        if !is_same {
            self.different = self.different.saturating_add(1);
            self.first.get_or_insert(name);
        }
    }

    fn result(self) -> Result<String> {
        let Some(first) = self.first else { return Ok(self.checksum.text()) };
        let message = format!("entries that are not as in the file: {}", self.different);
        let failure = Failure::new(ErrorKind::Conflict, message);
        Err(failure.hint(format!("the first is `{first}`; did somebody write meanwhile?")))
    }
}

/// An entry of the file with what is read back of it: its name, its line, and whether it is the
/// same.
async fn compare(
    target: &Target,
    universe: UniverseId,
    record: Record,
) -> Result<(String, String, bool)> {
    let store = StoreRef { universe, name: record.store.clone() };
    let name = store.entry(&record.scope, &record.key);
    let read = match &record.body {
        Body::Standard(_) => {
            target.get(&name, None).await.map(|state| Body::Standard(Content::of(state)))
        }
        Body::Ordered(_) => {
            let (store, scope) = (record.store.clone(), record.scope.clone());
            let board = BoardRef { universe, store, scope };
            let name = OrderedName { board, key: record.key.clone() };
            target.get_ordered(&name).await.map(Body::Ordered)
        }
    };
    match read {
        Ok(body) => {
            let is_same = body == record.body;
            Ok((name.to_string(), Record { body, ..record }.line(), is_same))
        }
        Err(failure) if failure.kind() == ErrorKind::NotFound => {
            Ok((name.to_string(), String::new(), false))
        }
        Err(failure) => Err(failure.context(format!("cannot read `{name}` back"))),
    }
}

/// What `import` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    file: String,
    universe: String,
    #[serde(flatten)]
    report: Report,
    /// That of the file.
    checksum: String,
    /// That of what was read back; none if nothing was.
    verified: Option<String>,
    dry_run: bool,
}

impl Show for Imported {
    fn titles() -> Vec<&'static str> {
        let mut titles = vec!["file", "universe"];
        titles.extend(Report::titles());
        titles.extend(["checksum", "read back", "written"]);
        titles
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.file.clone(), self.universe.clone()];
        cells.extend(self.report.cells());
        cells.push(self.checksum.clone());
        cells.push(self.verified.clone().unwrap_or_else(|| "no".to_owned()));
        cells.push(if self.dry_run { "no, it is a dry run" } else { "yes" }.to_owned());
        cells
    }
}
