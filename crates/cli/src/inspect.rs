//! `doctor` and `salvage`: what is wrong with a data directory, and what can be saved of it.

use std::path::Path;

use serde::Serialize;
use steadfast_core::ErrorKind;
use steadfast_storage_redb::{OpenError, Report, SalvageReport};

use crate::args;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer, Show};
use crate::target::directory_failure;

/// Examines a directory and prints what was found.
///
/// # Errors
/// It is damaged, or cannot be examined.
pub(crate) fn doctor(doctor: &args::Doctor, printer: Printer) -> Result<()> {
    let dir = &doctor.dir;
    let cannot = |failure: Failure| failure.context(format!("cannot examine `{}`", dir.display()));
    check_exists(dir).map_err(cannot)?;
    let report = steadfast_storage_redb::doctor(dir).map_err(|error| cannot(failure(error)))?;
    let examination = Examination::of(&report);
    printer.one(&examination)?;
    if examination.healthy {
        return Ok(());
    }
    let (rows, problems) = (report.damaged.len(), report.problems.len());
    let message = format!("{rows} damaged rows and {problems} other problems were found");
    let failure = Failure::new(ErrorKind::Corrupt, message)
        .context(format!("the data directory `{}` is damaged", dir.display()));
    Err(failure.hint("restore a backup, or save what can be read: `salvage DIR --to NEW`"))
}

/// Saves what can be read of a directory into a new one and prints what was saved.
///
/// # Errors
/// One of the directories cannot be used.
pub(crate) fn salvage(salvage: &args::Salvage, printer: Printer) -> Result<()> {
    let (dir, to) = (&salvage.dir, &salvage.to);
    let cannot = |failure: Failure| {
        let (dir, to) = (dir.display(), to.display());
        failure.context(format!("cannot salvage `{dir}` to `{to}`"))
    };
    check_exists(dir).map_err(cannot)?;
    let report =
        steadfast_storage_redb::salvage(dir, to).map_err(|error| cannot(failure(error)))?;
    let rescue = Rescue::of(&report);
    printer.one(&rescue)?;
    if rescue.is_partial() {
        printer::note("not everything could be read: rows that were damaged still answer as such");
    }
    Ok(())
}

/// Refuses a directory that is not there, before something makes it.
///
/// # Errors
/// It is not there.
pub(crate) fn check_exists(dir: &Path) -> Result<()> {
    if dir.exists() {
        return Ok(());
    }
    let message = format!("there is no directory `{}`", dir.display());
    Err(Failure::new(ErrorKind::NotFound, message))
}

fn failure(error: OpenError) -> Failure {
    let is_locked = matches!(error, OpenError::Locked { .. });
    let failure = directory_failure(error);
    if is_locked { failure.hint("stop the process that holds it first") } else { failure }
}

/// What `doctor` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Examination {
    healthy: bool,
    closed_in_order: bool,
    commit: Option<u64>,
    store_count: u64,
    entry_count: u64,
    revision_count: u64,
    ordered_count: u64,
    record_count: u64,
    ledger_count: u64,
    presence_count: u64,
    api_key_count: u64,
    orphan_count: u64,
    damaged: Vec<DamagedRow>,
    problems: Vec<String>,
}

/// A row that exists and cannot be read.
#[derive(Serialize)]
struct DamagedRow {
    row: String,
    reason: String,
}

impl Examination {
    fn of(report: &Report) -> Self {
        let damaged = report.damaged.iter();
        Self {
            healthy: report.is_clean(),
            closed_in_order: report.is_closed,
            commit: report.commit,
            store_count: report.store_count,
            entry_count: report.entry_count,
            revision_count: report.revision_count,
            ordered_count: report.ordered_count,
            record_count: report.record_count,
            ledger_count: report.ledger_count,
            presence_count: report.presence_count,
            api_key_count: report.api_key_count,
            orphan_count: report.orphan_count,
            damaged: damaged
                .map(|(row, reason)| DamagedRow { row: row.to_string(), reason: reason.clone() })
                .collect(),
            problems: report.problems.clone(),
        }
    }
}

impl Show for Examination {
    fn titles() -> Vec<&'static str> {
        vec![
            "healthy",
            "closed in order",
            "commit",
            "data stores",
            "entries",
            "revisions",
            "ordered entries",
            "records",
            "operation rows",
            "game servers",
            "API keys",
            "orphaned values",
            "damaged",
            "problems",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let damaged = self.damaged.iter().map(|found| format!("{}: {}", found.row, found.reason));
        vec![
            yes_or_no(self.healthy),
            yes_or_no(self.closed_in_order),
            self.commit.map_or_else(|| "unknown".to_owned(), |commit| commit.to_string()),
            self.store_count.to_string(),
            self.entry_count.to_string(),
            self.revision_count.to_string(),
            self.ordered_count.to_string(),
            self.record_count.to_string(),
            self.ledger_count.to_string(),
            self.presence_count.to_string(),
            self.api_key_count.to_string(),
            self.orphan_count.to_string(),
            lines_or_none(damaged),
            lines_or_none(self.problems.iter().cloned()),
        ]
    }
}

/// What `salvage` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rescue {
    store_count: u64,
    entry_count: u64,
    revision_count: u64,
    ordered_count: u64,
    record_count: u64,
    ledger_count: u64,
    presence_count: u64,
    api_key_count: u64,
    damaged: Vec<String>,
    recovered: Vec<String>,
    lost: Vec<String>,
    failures: Vec<String>,
    went_back: Option<String>,
}

impl Rescue {
    fn of(report: &SalvageReport) -> Self {
        Self {
            store_count: report.store_count,
            entry_count: report.entry_count,
            revision_count: report.revision_count,
            ordered_count: report.ordered_count,
            record_count: report.record_count,
            ledger_count: report.ledger_count,
            presence_count: report.presence_count,
            api_key_count: report.api_key_count,
            damaged: report.damaged.iter().map(ToString::to_string).collect(),
            recovered: report.recovered.iter().map(ToString::to_string).collect(),
            lost: report.lost.clone(),
            failures: report.failures.clone(),
            went_back: report.went_back.clone(),
        }
    }

    fn is_partial(&self) -> bool {
        !(self.damaged.is_empty() && self.lost.is_empty() && self.failures.is_empty())
    }
}

impl Show for Rescue {
    fn titles() -> Vec<&'static str> {
        vec![
            "data stores",
            "entries",
            "revisions",
            "ordered entries",
            "records",
            "operation rows",
            "game servers",
            "API keys",
            "still damaged",
            "recovered as revisions",
            "lost",
            "the engine said",
            "may be older",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let lines = |items: &[String]| lines_or_none(items.iter().cloned());
        vec![
            self.store_count.to_string(),
            self.entry_count.to_string(),
            self.revision_count.to_string(),
            self.ordered_count.to_string(),
            self.record_count.to_string(),
            self.ledger_count.to_string(),
            self.presence_count.to_string(),
            self.api_key_count.to_string(),
            lines(&self.damaged),
            lines(&self.recovered),
            lines(&self.lost),
            lines(&self.failures),
            self.went_back.clone().unwrap_or_else(|| "no".to_owned()),
        ]
    }
}

fn yes_or_no(holds: bool) -> String {
    if holds { "yes" } else { "no" }.to_owned()
}

/// A cell with one line for each.
pub(crate) fn lines_or_none(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}
