//! `entry restore`: an earlier revision as the newest one.

use serde::Serialize;
use steadfast_core::ErrorKind;
use steadfast_open_cloud::time::v1_json;

use super::{TAKING_IT, diff};
use crate::args::EntryRestore;
use crate::consent;
use crate::failure::Result;
use crate::printer::{self, Printer, Show};
use crate::target::{EntryName, Restoring, State, Target};

pub(super) async fn run(restore: EntryRestore, printer: Printer) -> Result<()> {
    let name = super::name_of(&restore.place);
    let EntryRestore { place, revision, force, consent } = restore;
    let cannot = |failure: crate::failure::Failure| {
        failure.context(format!("cannot restore the revision `{revision}` of `{name}`"))
    };
    let look = async |target: &Target| look(target, &name, &revision).await;
    let (current, wanted) = Target::with(&place.target, look).await.map_err(cannot)?;
    let changes = diff::changes(current.as_ref(), &wanted).map_err(cannot)?;
    if consent.dry_run {
        return diff::print(&changes, printer);
    }
    if !consent.yes {
        for change in &changes {
            printer::note(&format!("{} {}", change.op.name(), change.path));
        }
        let taking_it = if force { format!(", {TAKING_IT}") } else { String::new() };
        let action = format!("restore the revision `{revision}` of `{name}`{taking_it}");
        consent::require(consent, &action)?;
    }
    // What was shown is what is replaced, or nothing is.
    let at = current.map(|current| current.written.version);
    let how = Restoring { revision: &revision, at: at.as_deref(), force };
    let write = async |target: &Target| target.restore(&name, how).await;
    let restored = Target::with(&place.target, write).await.map_err(cannot)?;
    printer.one(&Restored::new(&name, &revision, restored))
}

/// What the entry holds now, if anything, and what it is to hold.
async fn look(target: &Target, name: &EntryName, revision: &str) -> Result<(Option<State>, State)> {
    let wanted = target.get(name, Some(revision)).await;
    let wanted = wanted
        .map_err(|failure| failure.hint("`entry revisions` lists the revisions that are kept"))?;
    match target.get(name, None).await {
        Ok(current) => Ok((Some(current), wanted)),
        // It is deleted: that is what a restore is for.
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok((None, wanted)),
        Err(failure) => Err(failure),
    }
}

/// What `entry restore` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    entry: String,
    #[serde(rename = "restoredFrom")]
    from: String,
    version: String,
    updated_at: String,
    value_size: u64,
}

impl Restored {
    fn new(name: &EntryName, revision: &str, state: State) -> Self {
        Self {
            entry: name.to_string(),
            from: revision.to_owned(),
            version: state.written.version,
            updated_at: v1_json(state.written.updated_at),
            value_size: state.written.value_size,
        }
    }
}

impl Show for Restored {
    fn titles() -> Vec<&'static str> {
        vec!["entry", "restored from", "version", "updated", "size"]
    }

    fn cells(&self) -> Vec<String> {
        let size = format!("{} bytes", self.value_size);
        let (from, version) = (self.from.clone(), self.version.clone());
        vec![self.entry.clone(), from, version, self.updated_at.clone(), size]
    }
}
