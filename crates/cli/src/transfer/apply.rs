//! Entries into a target: many writes under way, and nothing replaced that was not meant to be.

use std::collections::HashSet;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};
use steadfast_core::{ErrorKind, UniverseId};

use super::record::{Body, Content, Record};
use crate::failure::{Failure, Result};
use crate::printer::Show;
use crate::target::{BoardRef, EntryName, NewState, OrderedName, StoreRef, Target, When};

/// Most bytes of entries that are under way at a time.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// How many of the entries that were left alone are named.
const REFUSED_NAMED_MAX: usize = 5;

/// What is done with an entry that exists with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is left as it is.
    Keep,
    /// It is replaced.
    Overwrite,
    /// Nothing is written at all: it is only said what `Keep` would do.
    LookToKeep,
    /// Nothing is written at all: it is only said what `Overwrite` would do.
    LookToOverwrite,
}

impl Mode {
    /// That of the flags of a command.
    pub(crate) fn of(overwrite: bool, dry_run: bool) -> Self {
        match (overwrite, dry_run) {
            (false, false) => Self::Keep,
            (true, false) => Self::Overwrite,
            (false, true) => Self::LookToKeep,
            (true, true) => Self::LookToOverwrite,
        }
    }

    fn replaces(self) -> bool {
        matches!(self, Self::Overwrite | Self::LookToOverwrite)
    }

    fn writes(self) -> bool {
        matches!(self, Self::Keep | Self::Overwrite)
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Created,
    Unchanged,
    Replaced,
    Refused,
}

/// What became of the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) created: u64,
    /// Those that were there with the same value: nothing was written.
    pub(crate) unchanged: u64,
    pub(crate) replaced: u64,
    /// Those that were there with another value and were left alone.
    pub(crate) refused: u64,
    /// The first of them.
    #[serde(rename = "firstRefused")]
    pub(crate) first_refused: Vec<String>,
}

impl Report {
    /// How many entries were seen to.
    pub(crate) fn count(&self) -> u64 {
        let Self { created, unchanged, replaced, refused, .. } = self;
        created.saturating_add(*unchanged).saturating_add(*replaced).saturating_add(*refused)
    }

    fn add(&mut self, name: String, outcome: Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Replaced => &mut self.replaced,
            Outcome::Refused => {
                if self.first_refused.len() < REFUSED_NAMED_MAX {
                    self.first_refused.push(name);
                }
                &mut self.refused
            }
        };
        *count = count.saturating_add(1);
    }

    /// Fails if entries were left alone.
    ///
    /// # Errors
    /// `Conflict`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.refused == 0 {
            return Ok(());
        }
        let names: Vec<_> = self.first_refused.iter().map(|name| format!("`{name}`")).collect();
        let more =
            if self.refused > u64::try_from(names.len()).unwrap_or(0) { ", ..." } else { "" };
        let exist = if self.refused == 1 { "entry exists" } else { "entries exist" };
        let names = names.join(", ");
        let message = format!("{} {exist} with another value: {names}{more}", self.refused);
        let failure = Failure::new(ErrorKind::Conflict, message);
        Err(failure.hint("they were left as they are; `--overwrite` replaces them"))
    }
}

impl Show for Report {
    fn titles() -> Vec<&'static str> {
        vec!["created", "unchanged", "replaced", "left alone"]
    }

    fn cells(&self) -> Vec<String> {
        [self.created, self.unchanged, self.replaced, self.refused].map(|n| n.to_string()).to_vec()
    }
}

type Write<'a> = Pin<Box<dyn Future<Output = (Record, Result<Outcome>)> + 'a>>;

/// Writes entries, many at a time. What it reports is complete up to some entry: writes are counted
/// in the order in which they were given.
pub(crate) struct Applier<'a> {
    target: &'a Target,
    universe: UniverseId,
    mode: Mode,
    writes: FuturesOrdered<Write<'a>>,
    /// Entries under way: two writes of one entry must not overtake each other.
    names: HashSet<String>,
    size: usize,
    report: Report,
}

impl<'a> Applier<'a> {
    /// Into a universe of a target.
    pub(crate) fn new(target: &'a Target, universe: UniverseId, mode: Mode) -> Self {
        Self {
            target,
            universe,
            mode,
            writes: FuturesOrdered::new(),
            names: HashSet::new(),
            size: 0,
            report: Report::default(),
        }
    }

    /// Goes on with what was reported before.
    pub(crate) fn resumed(self, report: Report) -> Self {
        Self { report, ..self }
    }

    /// What is done so far.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// Writes an entry, as soon as there is room for it.
    ///
    /// # Errors
    /// One of the entries before it was not written, or nobody knows.
    pub(crate) async fn push(&mut self, record: Record) -> Result<()> {
        let (name, size) = (Self::name(&record), record.size());
        let is_full = |this: &Self| {
            this.writes.len() >= this.target.write_count_max()
                || this.size.saturating_add(size) > BYTES_MAX
                || this.names.contains(&name)
        };
        while !self.writes.is_empty() && is_full(self) {
            self.wait().await?;
        }
        self.names.insert(name);
        self.size = self.size.saturating_add(size);
        let (target, universe, mode) = (self.target, self.universe, self.mode);
        self.writes.push_back(Box::pin(async move {
            let outcome = write(target, universe, mode, &record).await;
            (record, outcome)
        }));
        Ok(())
    }

    /// Waits for everything that is under way.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub(crate) async fn finish(mut self) -> Result<Report> {
        while !self.writes.is_empty() {
            self.wait().await?;
        }
        Ok(self.report)
    }

    /// Waits for the oldest write.
    async fn wait(&mut self) -> Result<()> {
        let Some((record, outcome)) = self.writes.next().await else { return Ok(()) };
        let name = Self::name(&record);
        self.names.remove(&name);
        self.size = self.size.saturating_sub(record.size());
        let shown = format!("{}/{}/{}/{}", self.universe, record.store, record.scope, record.key);
        match outcome {
            Ok(outcome) => self.report.add(shown, outcome),
            Err(failure) => return Err(failure.context(format!("cannot write `{shown}`"))),
        }
        Ok(())
    }

    /// A name of its own for each entry. Two that shared one would wait for each other, no more.
    fn name(record: &Record) -> String {
        let kind = match record.body {
            Body::Standard(_) => "standard",
            Body::Ordered(_) => "ordered",
        };
        [kind, &record.store, &record.scope, &record.key].join("\0")
    }
}

async fn write(
    target: &Target,
    universe: UniverseId,
    mode: Mode,
    record: &Record,
) -> Result<Outcome> {
    match &record.body {
        Body::Standard(content) => {
            let store = StoreRef { universe, name: record.store.clone() };
            let name = store.entry(&record.scope, &record.key);
            write_standard(target, &name, mode, content).await
        }
        Body::Ordered(value) => {
            let (store, scope) = (record.store.clone(), record.scope.clone());
            let board = BoardRef { universe, store, scope };
            let name = OrderedName { board, key: record.key.clone() };
            write_ordered(target, &name, mode, *value).await
        }
    }
}

async fn write_standard(
    target: &Target,
    name: &EntryName,
    mode: Mode,
    content: &Content,
) -> Result<Outcome> {
    let state = |when| NewState {
        value: content.value.clone().into_bytes(),
        users: content.users.clone(),
        attributes: content.attributes.clone(),
        when,
        force: false,
    };
    let current = if mode.writes() {
        target.create(name, state(When::Missing)).await?
    } else {
        found(target.get(name, None).await)?
    };
    let Some(current) = current else { return Ok(Outcome::Created) };
    if Content::of(current) == *content {
        return Ok(Outcome::Unchanged);
    }
    if !mode.replaces() {
        return Ok(Outcome::Refused);
    }
    if mode.writes() {
        target.set(name, state(When::Always)).await?;
    }
    Ok(Outcome::Replaced)
}

/// It is read first: a board has no call that tells what is in the way.
async fn write_ordered(
    target: &Target,
    name: &OrderedName,
    mode: Mode,
    value: i64,
) -> Result<Outcome> {
    let current = found(target.get_ordered(name).await)?;
    match current {
        Some(current) if current == value => return Ok(Outcome::Unchanged),
        Some(_) if !mode.replaces() => return Ok(Outcome::Refused),
        Some(_) | None if !mode.writes() => {}
        Some(_) => drop(target.set_ordered(name, value).await?),
        None => drop(target.create_ordered(name, value).await?),
    }
    Ok(if current.is_some() { Outcome::Replaced } else { Outcome::Created })
}

fn found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_were_left_alone_are_a_conflict_and_the_first_are_named() {
        let mut report = Report::default();
        assert!(report.check().is_ok());
        report.add("1/s/global/k0".to_owned(), Outcome::Refused);
        let failure = report.check().unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Conflict);
        insta::assert_snapshot!(failure, @r"
        error: 1 entry exists with another value: `1/s/global/k0`

        hint: they were left as they are; `--overwrite` replaces them
        ");
        for n in 1..7 {
            report.add(format!("1/s/global/k{n}"), Outcome::Refused);
        }
        assert_eq!((report.refused, report.count(), report.first_refused.len()), (7, 7, 5));
        assert!(report.check().unwrap_err().to_string().contains("`1/s/global/k4`, ..."));
    }
}
