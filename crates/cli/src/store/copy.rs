//! `store copy`: every entry of a data store, with users and attributes, to another one.

use steadfast_core::ErrorKind;

use crate::args::{self, StoreCopy};
use crate::failure::{Failure, Result};
use crate::printer::{Printer, Progress};
use crate::target::{StoreRef, Target};
use crate::transfer::{Applier, Mode, Section, Walk};

pub(super) async fn run(copy: StoreCopy, printer: Printer) -> Result<()> {
    let other = copy.other_target();
    let from = StoreRef { universe: copy.place.universe, name: copy.from.clone() };
    let universe = copy.to_universe.unwrap_or(copy.place.universe);
    let to = StoreRef { universe, name: copy.to.clone() };
    let cannot = |failure: Failure| failure.context(format!("cannot copy `{from}` to `{to}`"));
    if other.is_none() && to.to_string() == from.to_string() {
        let failure = Failure::new(ErrorKind::Invalid, "both are the same data store");
        return Err(cannot(failure));
    }
    let mode = Mode::of(copy.overwrite, copy.dry_run);
    let work = async |source: &Target| match &other {
        None => copy_all(source, &from, source, &to, mode).await,
        Some(other) => into_other(source, &from, other, &to, mode).await,
    };
    let report = Target::with_patience(&copy.place.target, work).await.map_err(cannot)?;
    printer.one(&report)?;
    report.check().map_err(cannot)
}

async fn into_other(
    source: &Target,
    from: &StoreRef,
    other: &args::Target,
    to: &StoreRef,
    mode: Mode,
) -> Result<crate::transfer::Report> {
    let work = async |target: &Target| copy_all(source, from, target, to, mode).await;
    Target::with_patience(other, work).await
}

async fn copy_all(
    source: &Target,
    from: &StoreRef,
    target: &Target,
    to: &StoreRef,
    mode: Mode,
) -> Result<crate::transfer::Report> {
    source.check_store(from).await?;
    let progress = Progress::new();
    let mut applier = Applier::new(target, to.universe, mode);
    let section = Section::Store(from.name.clone());
    let walk = Walk::new(source, from.universe);
    let mut done = 0_u64;
    let take = async |record: crate::transfer::Record, _| {
        done = done.saturating_add(1);
        progress.show("copying", done, None);
        applier.push(record.moved_to(&to.name)).await
    };
    walk.section(&section, None, take).await?;
    applier.finish().await
}
