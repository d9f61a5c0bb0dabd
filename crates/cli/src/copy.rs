//! `backup`, `verify`, `restore` and `fork`: copies of a data directory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use steadfast_core::ErrorKind;
use steadfast_open_cloud::time;
use steadfast_storage_redb::{BackupError, Manifest, OpenError, Progress, Stage};

use crate::args;
use crate::failure::{Failure, Result};
use crate::inspect::{check_exists, lines_or_none};
use crate::printer::{self, Printer, Show};
use crate::target::{Target, directory_failure};

/// Makes a backup of a directory, or has a server make one.
///
/// # Errors
/// It was not made, or damaged rows are in it.
pub(crate) async fn backup(backup: &args::Backup, printer: Printer) -> Result<()> {
    let to = &backup.to;
    let copied = if let Some(dir) = &backup.target.data {
        let cannot = |failure: Failure| {
            let (dir, to) = (dir.display(), to.display());
            failure.context(format!("cannot back up `{dir}` to `{to}`"))
        };
        check_exists(dir).map_err(cannot)?;
        let made = watched(|observer| steadfast_storage_redb::backup::backup(dir, to, observer));
        Copied::of(to, &made.map_err(copy_failure).map_err(cannot)?)
    } else {
        let line = printer::Progress::new();
        let observe = |stage: &str, done, total| line.show(stage, done, Some(total));
        let name = to.to_str().unwrap_or_default();
        let made = Target::backup_on_server(&backup.target, name, observe).await;
        drop(line);
        made.map_err(|failure| failure.context(format!("cannot make the backup `{name}`")))?
    };
    printer.one(&copied)?;
    if copied.manifest.damage_count == 0 {
        return Ok(());
    }
    let message = format!("{} damaged rows were copied as they are", copied.manifest.damage_count);
    let failure = Failure::new(ErrorKind::Corrupt, message).context("the store has damaged rows");
    Err(failure.hint("the backup is complete and can be restored; write these rows again"))
}

/// Compares a backup with its manifest.
///
/// # Errors
/// It is not what was backed up.
pub(crate) fn verify(verify: &args::Verify, printer: Printer) -> Result<()> {
    let backup = &verify.backup;
    let cannot = |failure: Failure| {
        failure.context(format!("cannot verify the backup `{}`", backup.display()))
    };
    check_exists(backup).map_err(cannot)?;
    let manifest = watched(|observer| steadfast_storage_redb::verify(backup, observer));
    let manifest = manifest.map_err(copy_failure).map_err(cannot)?;
    show(printer, &Copied::of(backup, &manifest))
}

/// Makes a data directory from a backup.
///
/// # Errors
/// The backup is not what was backed up, or one of the directories cannot be used.
pub(crate) fn restore(restore: &args::Restore, printer: Printer) -> Result<()> {
    let (backup, to) = (&restore.backup, &restore.to);
    let cannot = |failure: Failure| {
        let (backup, to) = (backup.display(), to.display());
        failure.context(format!("cannot restore `{backup}` to `{to}`"))
    };
    check_exists(backup).map_err(cannot)?;
    let manifest = watched(|observer| steadfast_storage_redb::restore(backup, to, observer));
    let manifest = manifest.map_err(copy_failure).map_err(cannot)?;
    show(printer, &Copied::of(to, &manifest))
}

/// Copies a data directory.
///
/// # Errors
/// One of the directories cannot be used.
pub(crate) fn fork(fork: &args::Fork, printer: Printer) -> Result<()> {
    let (dir, new) = (&fork.dir, &fork.new);
    let cannot = |failure: Failure| {
        let (dir, new) = (dir.display(), new.display());
        failure.context(format!("cannot fork `{dir}` to `{new}`"))
    };
    check_exists(dir).map_err(cannot)?;
    let manifest = watched(|observer| steadfast_storage_redb::fork(dir, new, observer));
    let manifest = manifest.map_err(copy_failure).map_err(cannot)?;
    show(printer, &Copied::of(new, &manifest))
}

fn show(printer: Printer, copied: &Copied) -> Result<()> {
    printer.one(copied)?;
    if copied.manifest.damage_count > 0 {
        printer::note("rows that were damaged before still answer as such");
    }
    Ok(())
}

/// Runs a copy with a line that says how far it is.
fn watched<T>(copy: impl FnOnce(&mut dyn FnMut(Progress) -> ControlFlow<()>) -> T) -> T {
    let line = printer::Progress::new();
    copy(&mut |progress: Progress| {
        let stage = if progress.stage == Stage::Copying { "copying" } else { "verifying" };
        line.show(stage, progress.row_count, Some(progress.row_count_total));
        ControlFlow::Continue(())
    })
}

fn copy_failure(error: BackupError) -> Failure {
    let hint = if let BackupError::Directory(OpenError::Locked { .. }) = error {
        "a running server makes a backup with `backup --server URL --to NAME`, and that can be \
         restored or forked"
    } else if let BackupError::Damaged { .. } = error {
        "use another backup; `salvage BACKUP --to NEW` saves what can be read of this one"
    } else if let BackupError::NotABackup { .. } = error {
        "`fork DIR NEW` copies a data directory"
    } else {
        ""
    };
    let kind = error.kind();
    let failure = if let BackupError::Directory(error) = error {
        directory_failure(error)
    } else {
        Failure::of(kind, error)
    };
    if hint.is_empty() { failure } else { failure.hint(hint) }
}

/// What a copy printed.
#[derive(Serialize)]
pub(crate) struct Copied {
    pub(crate) directory: String,
    #[serde(flatten)]
    pub(crate) manifest: ManifestShown,
}

/// A manifest as it is shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManifestShown {
    format: u32,
    created_by: String,
    commit: u64,
    stamped_at: String,
    content: String,
    rows: BTreeMap<String, u64>,
    damage_count: u64,
    damage: Vec<String>,
}

impl Copied {
    fn of(dir: &Path, manifest: &Manifest) -> Self {
        let manifest = ManifestShown {
            format: manifest.format,
            created_by: manifest.created_by.clone(),
            commit: manifest.commit,
            stamped_at: time::v2_json(manifest.stamped_at),
            content: manifest.content_text(),
            rows: manifest.rows.clone(),
            damage_count: manifest.damage_count,
            damage: manifest.damage.iter().cloned().collect(),
        };
        Self { directory: dir.display().to_string(), manifest }
    }
}

impl Show for Copied {
    fn titles() -> Vec<&'static str> {
        vec![
            "directory",
            "format",
            "created by",
            "commit",
            "last write",
            "content checksum",
            "rows by table",
            "damaged",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let ManifestShown { format, created_by, commit, stamped_at, content, .. } = &self.manifest;
        let rows: Vec<_> = self.manifest.rows.iter().map(|(t, n)| format!("{t} {n}")).collect();
        vec![
            self.directory.clone(),
            format.to_string(),
            created_by.clone(),
            commit.to_string(),
            stamped_at.clone(),
            content.clone(),
            rows.join(", "),
            lines_or_none(self.manifest.damage.iter().cloned()),
        ]
    }
}
