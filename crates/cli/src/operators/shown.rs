//! What changes did, or would do.

use steadfast_server::operator::wire::{
    Changed, Compacted, Difference, Done, Ended, Ledger, Queued, Taken,
};

use super::looks::holder;
use crate::failure::Result;
use crate::inspect::lines_or_none;
use crate::printer::{Printer, Show};

/// Prints what a change did.
///
/// # Errors
/// Stdout cannot be written to.
pub(super) fn print(done: &Done, printer: Printer) -> Result<()> {
    match done {
        Done::Changed(changed) => printer.one(changed),
        Done::Queued(queued) => printer.one(queued),
        Done::Ended(ended) => printer.one(ended),
        Done::Taken(taken) => printer.one(taken),
        Done::Compacted(compacted) => printer.one(compacted),
    }
}

/// What is said before somebody agrees.
pub(super) fn plan(planned: &Done) -> Vec<String> {
    match planned {
        Done::Changed(changed) => {
            let holder = changed.holder.as_ref();
            let holder = holder.map(|lease| format!("held by {}", holder_of(lease)));
            holder.into_iter().chain(changed.differences.iter().map(line)).collect()
        }
        Done::Queued(queued) if !queued.new => {
            vec![format!("`{}` is known already: it is {}", queued.id, queued.state)]
        }
        Done::Taken(taken) => vec![format!("held by {}", taken.server)],
        Done::Compacted(compacted) => {
            let (before, after) = (numbers(&compacted.before), numbers(&compacted.after));
            vec![format!("from {before}"), format!("to {after}")]
        }
        Done::Queued(_) | Done::Ended(_) => Vec::new(),
    }
}

fn holder_of(lease: &steadfast_server::operator::wire::Lease) -> String {
    holder(Some(lease))
}

fn line(difference: &Difference) -> String {
    let [path, before, after] = difference.cells().try_into().unwrap_or_default();
    format!("{path}: {before} -> {after}")
}

pub(super) fn yes_or_no(holds: bool) -> String {
    if holds { "yes" } else { "no" }.to_owned()
}

pub(super) fn or_none(text: Option<&String>) -> String {
    text.map_or_else(|| "none".to_owned(), Clone::clone)
}

/// Whether something was done.
fn done(is_dry_run: bool) -> String {
    if is_dry_run { "no, it is a dry run" } else { "yes" }.to_owned()
}

fn numbers(ledger: &Ledger) -> String {
    let Ledger { pending, full, kept, permanent, dead, size, damaged, .. } = ledger;
    if *damaged {
        return "damaged: counted anew, so that what was issued before is refused if unknown"
            .to_owned();
    }
    format!(
        "{full} full receipts, {kept} ids, {permanent} permanent, {dead} dead letters, {pending} \
         waiting, {size} bytes"
    )
}

impl Show for Changed {
    fn titles() -> Vec<&'static str> {
        vec!["record", "done", "before", "after", "schema", "held by", "differences"]
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.entry.clone(),
            done(self.dry_run),
            or_none(self.before.as_ref()),
            or_none(self.after.as_ref()),
            self.schema.to_string(),
            holder(self.holder.as_ref()),
            lines_or_none(self.differences.iter().map(line)),
        ]
    }
}

impl Show for Queued {
    fn titles() -> Vec<&'static str> {
        vec!["operation", "done", "new", "state", "held by"]
    }

    fn cells(&self) -> Vec<String> {
        let holder = self.holder.clone().unwrap_or_else(|| "nobody".to_owned());
        let (id, state) = (self.id.clone(), self.state.clone());
        vec![id, done(self.dry_run), yes_or_no(self.new), state, holder]
    }
}

impl Show for Ended {
    fn titles() -> Vec<&'static str> {
        vec!["operation", "done", "held by"]
    }

    fn cells(&self) -> Vec<String> {
        let holder = self.holder.clone().unwrap_or_else(|| "nobody".to_owned());
        vec![self.id.clone(), done(self.dry_run), holder]
    }
}

impl Show for Taken {
    fn titles() -> Vec<&'static str> {
        vec!["taken from", "done", "fence"]
    }

    fn cells(&self) -> Vec<String> {
        vec![self.server.clone(), done(self.dry_run), self.fence.clone()]
    }
}

impl Show for Compacted {
    fn titles() -> Vec<&'static str> {
        vec!["done", "before", "after"]
    }

    fn cells(&self) -> Vec<String> {
        vec![done(self.dry_run), numbers(&self.before), numbers(&self.after)]
    }
}
