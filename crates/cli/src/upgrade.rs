//! `upgrade`: what a newer version does with a directory that an older one wrote.

use serde::Serialize;
use steadfast_storage_redb::{FORMAT_VERSION, OpenError, created_by};

use crate::args;
use crate::failure::{Failure, Result};
use crate::inspect::{check_exists, lines_or_none};
use crate::printer::{Printer, Show};
use crate::target::directory_failure;

/// Says what is to be done, which for the current format is nothing. With that, `--dry-run` and the
/// real thing are the same.
///
/// # Errors
/// The directory is not a store, or of a format that this version does not know.
pub(crate) fn run(upgrade: &args::Upgrade, printer: Printer) -> Result<()> {
    let dir = &upgrade.dir;
    let cannot = |failure: Failure| failure.context(format!("cannot upgrade `{}`", dir.display()));
    check_exists(dir).map_err(cannot)?;
    let created_by = created_by(dir).map_err(|error| cannot(failure(error)))?;
    printer.one(&Plan {
        directory: dir.display().to_string(),
        created_by,
        format_found: FORMAT_VERSION,
        format_wanted: FORMAT_VERSION,
        dry_run: upgrade.dry_run,
        steps: Vec::new(),
    })
}

fn failure(error: OpenError) -> Failure {
    let is_unknown = matches!(error, OpenError::UnknownFormat { .. });
    let failure = directory_failure(error);
    if is_unknown {
        failure.hint("nothing was changed; install that version, or restore a backup of this one")
    } else {
        failure
    }
}

/// What is done to a directory.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    directory: String,
    created_by: String,
    format_found: u32,
    format_wanted: u32,
    dry_run: bool,
    steps: Vec<String>,
}

impl Show for Plan {
    fn titles() -> Vec<&'static str> {
        vec!["directory", "created by", "format found", "format wanted", "steps"]
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.directory.clone(),
            self.created_by.clone(),
            self.format_found.to_string(),
            self.format_wanted.to_string(),
            lines_or_none(self.steps.iter().cloned()),
        ]
    }
}
