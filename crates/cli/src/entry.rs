//! `entry get`, `entry set`, `entry increment`, `entry remove`; below it what looks into the past.

mod diff;
mod list;
mod restore;

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::Serialize;
use serde_json::value::RawValue;
use steadfast_core::ErrorKind;
use steadfast_open_cloud::time::v1_json;

use crate::args::{Entry, EntryGet, EntryIncrement, EntryPlace, EntryRemove, EntrySet};
use crate::consent;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer, Show};
use crate::target::{Addition, EntryName, NewState, State, Target, When, Written};

/// What else is done to an entry by force.
const TAKING_IT: &str = "also from a game server that holds it";

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`]: what to do is in its kind.
pub(crate) async fn run(command: Entry, printer: Printer) -> Result<()> {
    match command {
        Entry::Get(get) => run_get(get, printer).await,
        Entry::Set(set) => run_set(set, printer).await,
        Entry::Increment(increment) => run_increment(increment, printer).await,
        Entry::Remove(remove) => run_remove(remove, printer).await,
        Entry::List(list) => list::run_list(list, printer).await,
        Entry::Revisions(revisions) => list::run_revisions(revisions, printer).await,
        Entry::Diff(diff) => diff::run(diff, printer).await,
        Entry::Restore(restore) => restore::run(restore, printer).await,
    }
}

async fn run_get(get: EntryGet, printer: Printer) -> Result<()> {
    let name = name_of(&get.place);
    let version = get.version.as_deref();
    let state = Target::with(&get.place.target, async |target| target.get(&name, version).await)
        .await
        .map_err(|failure| failure.context(format!("cannot get `{name}`")))?;
    if get.details {
        printer.one(&Details::new(&name, state)?)
    } else {
        printer::line(&state.value)
    }
}

async fn run_set(set: EntrySet, printer: Printer) -> Result<()> {
    let name = name_of(&set.place);
    let value = read_value(set.value.as_deref(), set.file.as_deref())?;
    let when = match (set.if_missing, set.if_version) {
        (true, _) => When::Missing,
        (false, Some(version)) => When::AtVersion(version),
        (false, None) => When::Always,
    };
    if set.force {
        consent::require_yes(set.yes, &format!("set `{name}`, {TAKING_IT}"))?;
    }
    let EntrySet { users, attributes, force, .. } = set;
    let state = NewState { value, users, attributes, when, force };
    let written = Target::with(&set.place.target, async |target| target.set(&name, state).await)
        .await
        .map_err(|failure| failure.context(format!("cannot set `{name}`")))?;
    printer.one(&Receipt::new(&name, written))
}

async fn run_increment(increment: EntryIncrement, printer: Printer) -> Result<()> {
    let name = name_of(&increment.place);
    let EntryIncrement { place, by, users, attributes } = increment;
    let addition = Addition { by, users, attributes };
    let add = async |target: &Target| target.increment(&name, addition).await;
    let state = Target::with(&place.target, add)
        .await
        .map_err(|failure| failure.context(format!("cannot increment `{name}`")))?;
    printer.one(&Sum::new(&name, state)?)
}

async fn run_remove(remove: EntryRemove, printer: Printer) -> Result<()> {
    let name = name_of(&remove.place);
    if remove.consent.dry_run {
        let read = async |target: &Target| target.get(&name, None).await;
        let state = Target::with(&remove.place.target, read)
            .await
            .map_err(|failure| failure.context(format!("could not remove `{name}`")))?;
        return printer.one(&Removal::new(&name, Some(state.written.version), false));
    }
    let taking_it = if remove.force { format!(", {TAKING_IT}") } else { String::new() };
    consent::require(remove.consent, &format!("remove `{name}`{taking_it}"))?;
    Target::with(&remove.place.target, async |target| target.remove(&name, remove.force).await)
        .await
        .map_err(|failure| failure.context(format!("cannot remove `{name}`")))?;
    printer.one(&Removal::new(&name, None, true))
}

pub(crate) fn name_of(place: &EntryPlace) -> EntryName {
    EntryName {
        universe: place.universe,
        store: place.store.clone(),
        scope: place.scope.clone(),
        key: place.key.clone(),
    }
}

/// The value from wherever it was said to be.
fn read_value(value: Option<&str>, file: Option<&Path>) -> Result<Vec<u8>> {
    let is_stdin = value == Some("-") || file == Some(Path::new("-"));
    let (source, read) = match (value, file) {
        _ if is_stdin => {
            let mut bytes = Vec::new();
            ("stdin".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
        }
        (Some(value), _) => return Ok(value.as_bytes().to_vec()),
        (None, Some(file)) => (format!("`{}`", file.display()), fs::read(file)),
        (None, None) => unreachable!("clap requires one of them"),
    };
    read.map_err(|error| {
        let message = format!("cannot read the value from {source}");
        Failure::of(ErrorKind::Invalid, error).context(message)
    })
}

/// What `entry set` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    entry: String,
    version: String,
    created_at: String,
    updated_at: String,
    value_size: u64,
}

impl Receipt {
    fn new(name: &EntryName, written: Written) -> Self {
        Self {
            entry: name.to_string(),
            version: written.version,
            created_at: v1_json(written.created_at),
            updated_at: v1_json(written.updated_at),
            value_size: written.value_size,
        }
    }
}

impl Show for Receipt {
    fn titles() -> Vec<&'static str> {
        vec!["entry", "version", "created", "updated", "size"]
    }

    fn cells(&self) -> Vec<String> {
        let (created, updated) = (self.created_at.clone(), self.updated_at.clone());
        let size = format!("{} bytes", self.value_size);
        vec![self.entry.clone(), self.version.clone(), created, updated, size]
    }
}

/// What `entry get --details` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(flatten)]
    receipt: Receipt,
    users: Vec<String>,
    attributes: Box<RawValue>,
}

impl Details {
    fn new(name: &EntryName, state: State) -> Result<Self> {
        let attributes = RawValue::from_string(state.attributes).map_err(|error| {
            Failure::of(ErrorKind::Internal, error).context("the attributes are not JSON")
        })?;
        Ok(Self { receipt: Receipt::new(name, state.written), users: state.users, attributes })
    }
}

impl Show for Details {
    fn titles() -> Vec<&'static str> {
        let mut titles = Receipt::titles();
        titles.extend(["users", "attributes"]);
        titles
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = self.receipt.cells();
        cells.extend([self.users.join(", "), self.attributes.get().to_owned()]);
        cells
    }
}

/// What `entry increment` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sum {
    #[serde(flatten)]
    receipt: Receipt,
    value: Box<RawValue>,
}

impl Sum {
    fn new(name: &EntryName, state: State) -> Result<Self> {
        let value = RawValue::from_string(state.value).map_err(|error| {
            Failure::of(ErrorKind::Internal, error).context("the sum is not JSON")
        })?;
        Ok(Self { receipt: Receipt::new(name, state.written), value })
    }
}

impl Show for Sum {
    fn titles() -> Vec<&'static str> {
        let mut titles = Receipt::titles();
        titles.push("value");
        titles
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = self.receipt.cells();
        cells.push(self.value.get().to_owned());
        cells
    }
}

/// What `entry remove` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Removal {
    entry: String,
    /// Known only if it was looked at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    removed: bool,
}

impl Removal {
    fn new(name: &EntryName, version: Option<String>, removed: bool) -> Self {
        Self { entry: name.to_string(), version, removed }
    }
}

impl Show for Removal {
    fn titles() -> Vec<&'static str> {
        vec!["entry", "removed"]
    }

    fn cells(&self) -> Vec<String> {
        let removed = match &self.version {
            _ if self.removed => "yes".to_owned(),
            Some(version) => format!("no, it is a dry run; it is at version {version}"),
            None => "no".to_owned(),
        };
        vec![self.entry.clone(), removed]
    }
}
