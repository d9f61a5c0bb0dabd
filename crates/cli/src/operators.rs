//! Looking after records: `record`, `session`, `operation`, `deadletter`, `repair`, `log`, `status`.
//!
//! Every change goes one way: what it would do is found out by a dry run and said, somebody agrees,
//! and then it is done, with who and why for the log of operators.

mod editor;
mod edits;
mod lists;
mod looks;
mod shown;
mod status;

use std::hash::{BuildHasher, RandomState};

use steadfast_core::ErrorKind;
use steadfast_open_cloud::time::v2_json;
use steadfast_server::operator::wire::{self, Change, ChangeRequest};

use crate::args::{
    Changing, DeadLetter, EntryPlace, Log, Mandate, Operation, OperationEnd, OperationQueue,
    Record, RecordDelete, RecordRestore, Repair, RepairLease, Requeue, Session,
};
use crate::consent;
use crate::entry::name_of;
use crate::environment;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer};
use crate::target::Target;

pub(crate) use self::status::run as status;

/// Runs one of the commands on records.
///
/// # Errors
/// [`Failure`]: what to do is in its kind.
pub(crate) async fn record(command: Record, printer: Printer) -> Result<()> {
    match command {
        Record::Show(place) => looks::record(&place, printer).await,
        Record::Edit(edit) => edits::run(edit, printer).await,
        Record::History(history) => lists::history(history, printer).await,
        Record::Diff(diff) => looks::diff(&diff, printer).await,
        Record::Restore(restore) => run_restore(restore, printer).await,
        Record::Export(export) => looks::export(&export).await,
        Record::Delete(delete) => run_delete(delete, printer).await,
    }
}

/// Runs one of the commands on sessions.
///
/// # Errors
/// As of [`record`].
pub(crate) async fn session(command: Session, printer: Printer) -> Result<()> {
    match command {
        Session::List(list) => lists::sessions(list, printer).await,
        Session::Show(place) => looks::session(&place, printer).await,
        Session::Steal(Changing { place, mandate }) => {
            let action = format!("steal `{}` from whoever holds it", name_of(&place));
            let change = Change::Steal(wire::Nothing {});
            carry_out(&place, &mandate, vec![change], &action, printer).await
        }
    }
}

/// Runs one of the commands on operations.
///
/// # Errors
/// As of [`record`].
pub(crate) async fn operation(command: Operation, printer: Printer) -> Result<()> {
    match command {
        Operation::Queue(queue) => run_queue(queue, printer).await,
        Operation::List(list) => lists::operations(list, printer).await,
        Operation::Retry(requeue) => run_requeue(requeue, printer).await,
        Operation::Cancel(end) => run_end(end, "cancel", Change::Cancel, printer).await,
        Operation::Fail(end) => run_end(end, "fail", Change::Fail, printer).await,
    }
}

/// Runs one of the commands on dead letters.
///
/// # Errors
/// As of [`record`].
pub(crate) async fn dead_letter(command: DeadLetter, printer: Printer) -> Result<()> {
    match command {
        DeadLetter::List(list) => lists::dead_letters(list, printer).await,
        DeadLetter::Requeue(requeue) => run_requeue(requeue, printer).await,
    }
}

/// Runs one of the repairs.
///
/// # Errors
/// As of [`record`].
pub(crate) async fn repair(command: Repair, printer: Printer) -> Result<()> {
    match command {
        Repair::Lease(lease) => run_lease(lease, printer).await,
        Repair::Ledger(Changing { place, mandate }) => {
            let action = format!("prune the ledger of `{}`", name_of(&place));
            let change = Change::Compact(wire::Nothing {});
            carry_out(&place, &mandate, vec![change], &action, printer).await
        }
    }
}

/// Runs one of the commands on the log of operators.
///
/// # Errors
/// As of [`record`].
pub(crate) async fn log(Log::List(list): Log, printer: Printer) -> Result<()> {
    lists::log(list, printer).await
}

async fn run_restore(restore: RecordRestore, printer: Printer) -> Result<()> {
    let RecordRestore { place, to, schema, force, mandate } = restore;
    let from_holder = if force { ", also from a game server that holds it" } else { "" };
    let action = format!("restore `{}` to `{to}`{from_holder}", name_of(&place));
    let change = Change::Restore(wire::Restore { to, schema, force });
    carry_out(&place, &mandate, vec![change], &action, printer).await
}

async fn run_delete(delete: RecordDelete, printer: Printer) -> Result<()> {
    let RecordDelete { place, confirm, mut mandate } = delete;
    let name = name_of(&place);
    let expected = format!("delete {name}");
    // Before anybody types for nothing.
    operator_of(&mandate)?;
    let is_asked = !mandate.consent.dry_run && confirm.is_none();
    let confirmation = match confirm {
        Some(confirmation) => confirmation,
        // Nothing is deleted: there is nothing to confirm.
        None if mandate.consent.dry_run => expected,
        None => printer::ask(&format!("type `{expected}` to delete it: "))?.ok_or_else(|| {
            let message = format!("will not delete `{name}` without being told to");
            let hint = format!("use `--confirm '{expected}' --yes`, or `--dry-run` to look first");
            Failure::new(ErrorKind::Invalid, message).hint(hint)
        })?,
    };
    // Whoever typed all of it has agreed.
    mandate.consent.yes |= is_asked;
    let change = Change::Delete(wire::Delete { confirmation });
    carry_out(&place, &mandate, vec![change], &format!("delete `{name}`"), printer).await
}

async fn run_queue(queue: OperationQueue, printer: Printer) -> Result<()> {
    let OperationQueue { place, kind, payload, id, issued_at, schema, permanent, mandate } = queue;
    let id = id.unwrap_or_else(new_id);
    let action = format!("queue the operation `{id}` of kind `{kind}` for `{}`", name_of(&place));
    let issued_at = issued_at.map(v2_json);
    let change = Change::Queue(wire::Queue { id, kind, payload, issued_at, schema, permanent });
    carry_out(&place, &mandate, vec![change], &action, printer).await
}

async fn run_requeue(requeue: Requeue, printer: Printer) -> Result<()> {
    let Requeue { place, letter, id, mandate } = requeue;
    let id = id.unwrap_or_else(new_id);
    let action = format!("queue `{letter}` of `{}` again as `{id}`", name_of(&place));
    let change = Change::Requeue(wire::Requeue { letter, id });
    carry_out(&place, &mandate, vec![change], &action, printer).await
}

async fn run_end(
    OperationEnd { place, which, mandate }: OperationEnd,
    verb: &str,
    change: fn(wire::Named) -> Change,
    printer: Printer,
) -> Result<()> {
    let name = name_of(&place);
    let (ids, what) = if let Some(id) = which.id {
        let what = format!("the operation `{id}`");
        (vec![id], what)
    } else {
        let ids = lists::pending_ids(&place).await?;
        let what = format!("all {} operations that wait", ids.len());
        (ids, what)
    };
    if ids.is_empty() {
        printer::note(&format!("no operation waits for `{name}`"));
        return Ok(());
    }
    let changes = ids.into_iter().map(|id| change(wire::Named { id })).collect();
    carry_out(&place, &mandate, changes, &format!("{verb} {what} of `{name}`"), printer).await
}

async fn run_lease(lease: RepairLease, printer: Printer) -> Result<()> {
    let RepairLease { place, fence, mandate } = lease;
    let name = name_of(&place);
    let fence = if let Some(fence) = fence {
        fence
    } else {
        let lease = looks::look(&place, &name).await?.lease;
        let nobody =
            || Failure::new(ErrorKind::Conflict, format!("nobody holds the record `{name}`"));
        lease.ok_or_else(nobody)?.fence
    };
    let action = format!("take the lease `{fence}` of `{name}` away");
    let change = Change::Release(wire::Release { fence });
    carry_out(&place, &mandate, vec![change], &action, printer).await
}

/// Carries changes of one record out, one after the other: after somebody has agreed, and with
/// who and why.
pub(super) async fn carry_out(
    place: &EntryPlace,
    mandate: &Mandate,
    changes: Vec<Change>,
    action: &str,
    printer: Printer,
) -> Result<()> {
    let name = name_of(place);
    let cannot = |failure: Failure| failure.context(format!("cannot {action}"));
    let operator = operator_of(mandate)?;
    let request = |change: &Change, dry_run| ChangeRequest {
        operator: operator.clone(),
        reason: mandate.reason.clone(),
        dry_run,
        change: change.clone(),
    };
    let consent = mandate.consent;
    if !consent.yes {
        let plan = async |target: &Target| {
            for change in &changes {
                let planned = target.change(&name, request(change, true)).await.map_err(cannot)?;
                if consent.dry_run {
                    shown::print(&planned, printer)?;
                } else {
                    for line in shown::plan(&planned) {
                        printer::note(&line);
                    }
                }
            }
            Ok(())
        };
        Target::with(&place.target, plan).await?;
        if consent.dry_run {
            return Ok(());
        }
        // A directory is not held while somebody thinks.
        consent::require(consent, action)?;
    }
    let count = changes.len();
    let work = async |target: &Target| {
        for (index, change) in changes.iter().enumerate() {
            let done = target.change(&name, request(change, false)).await.map_err(|failure| {
                let failure = cannot(failure);
                // Each is carried out by itself, and those before were.
                let hint = || format!("{index} of {count} were done");
                if index == 0 { failure } else { failure.hint(hint()) }
            })?;
            shown::print(&done, printer)?;
        }
        Ok(())
    };
    Target::with(&place.target, work).await
}

/// Who does it.
fn operator_of(mandate: &Mandate) -> Result<String> {
    let operator = match &mandate.operator {
        Some(operator) => Some(operator.clone()),
        None => environment::user()?,
    };
    operator.ok_or_else(|| {
        Failure::new(ErrorKind::Invalid, "nobody knows who you are").hint("use `--operator NAME`")
    })
}

/// An id that was never used. It need not be secret.
fn new_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("operator-{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_new_every_time() {
        assert_ne!(new_id(), new_id());
        assert_eq!(new_id().len(), 41);
    }
}
