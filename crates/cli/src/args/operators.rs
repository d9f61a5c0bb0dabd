//! What there is to say about looking after records.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::value::RawValue;
use steadfast_core::{Path, Timestamp, UniverseId};
use steadfast_server::operator::wire::Edit;

use super::entry::{Past, parse_time};
use super::{CURRENT, Consent, EntryPlace, Target, UniversePlace, parse_universe};

/// `record`.
#[derive(Subcommand, Debug)]
pub(crate) enum Record {
    /// Show a record: data, who holds it, fence, ledger. Disturbs nobody.
    Show(EntryPlace),
    /// Edit a record that nobody holds, in one write; or with `--online` any record, by operations.
    Edit(RecordEdit),
    /// List the revisions of a record that are kept, deletions included.
    History(RecordHistory),
    /// Compare two states of a record.
    Diff(RecordDiff),
    /// Put an earlier state of a record back. Whoever holds it is asked to let go.
    Restore(RecordRestore),
    /// Print everything of a record as one JSON document.
    Export(RecordExport),
    /// Delete a record. Its past stays readable for 30 days.
    Delete(RecordDelete),
}

/// `session`.
#[derive(Subcommand, Debug)]
pub(crate) enum Session {
    /// List the records of a data store that game servers hold.
    List(SessionList),
    /// Show who holds a record.
    Show(EntryPlace),
    /// Take a record from whoever holds it, who is asked to let go first.
    Steal(Changing),
}

/// `operation`.
#[derive(Subcommand, Debug)]
pub(crate) enum Operation {
    /// Queue an operation, whether the record is open, free or missing.
    Queue(OperationQueue),
    /// List the operations of a record: those that wait, receipts, or one.
    List(OperationList),
    /// Queue an operation that failed again, under a new id.
    Retry(Requeue),
    /// End an operation that waits, without effect.
    Cancel(OperationEnd),
    /// Let an operation that waits fail, without effect: it leaves a dead letter.
    Fail(OperationEnd),
}

/// `deadletter`.
#[derive(Subcommand, Debug)]
pub(crate) enum DeadLetter {
    /// List the operations of a record that failed for good.
    List(DeadLetterList),
    /// Queue a dead letter again, under a new id.
    Requeue(Requeue),
}

/// `repair`.
#[derive(Subcommand, Debug)]
pub(crate) enum Repair {
    /// Take exactly one lease away, at once and without asking its holder.
    Lease(RepairLease),
    /// Prune the ledger of a record that nobody holds.
    Ledger(Changing),
}

/// `log`.
#[derive(Subcommand, Debug)]
pub(crate) enum Log {
    /// List what operators did in a universe, the newest first.
    List(LogList),
}

/// In whose name something is done, why, and whether at all.
#[derive(Args, Clone, Debug)]
pub(crate) struct Mandate {
    /// Why: a ticket, a sentence. The log of operators keeps it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who. Without it, the name of the user of this machine.
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// A change with nothing more to say.
#[derive(Args, Debug)]
pub(crate) struct Changing {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// `record edit`.
#[derive(Args, Debug)]
pub(crate) struct RecordEdit {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// Put JSON at a path, such as `stats.kills[3]=5` or `name="x"`. May be given more than once.
    /// Without any edit, the data is opened in `$VISUAL` or `$EDITOR`.
    #[arg(long, value_name = "PATH=JSON", value_parser = parse_set)]
    pub(crate) set: Vec<Edit>,
    /// Add to the number at a path, after what is put. Less than nothing takes away.
    #[arg(long, value_name = "PATH=N", value_parser = parse_add)]
    pub(crate) add: Vec<Edit>,
    /// Take out what stands at a path, at last.
    #[arg(long, value_name = "PATH", value_parser = parse_remove)]
    pub(crate) remove: Vec<Edit>,
    /// Make each edit by an operation of its own: a running session has it within seconds and goes
    /// on, otherwise the next session does.
    #[arg(long)]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

impl RecordEdit {
    /// The edits, in the order in which they are made.
    pub(crate) fn edits(&self) -> Vec<Edit> {
        [&self.set, &self.add, &self.remove].into_iter().flatten().cloned().collect()
    }
}

/// `record history`.
#[derive(Args, Debug)]
pub(crate) struct RecordHistory {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    #[command(flatten)]
    pub(crate) past: Past,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// How much of a list is shown.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Most items that are listed.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
}

/// `record diff`.
#[derive(Args, Debug)]
pub(crate) struct RecordDiff {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The state before: a revision, a time, or `current`.
    #[arg(value_name = "STATE")]
    pub(crate) from: String,
    /// The state after.
    #[arg(value_name = "STATE", default_value = CURRENT)]
    pub(crate) to: String,
}

/// `record restore`.
#[derive(Args, Debug)]
pub(crate) struct RecordRestore {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The state that is put back: a revision as `record history` shows it, or a time.
    #[arg(value_name = "STATE")]
    pub(crate) to: String,
    /// The schema that the data of that state has. Needed only where it may have changed since.
    #[arg(long, value_name = "N")]
    pub(crate) schema: Option<u32>,
    /// Also from a game server that does not let go, which loses what it did not save.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// `record export`.
#[derive(Args, Debug)]
pub(crate) struct RecordExport {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// Also what every revision held.
    #[arg(long)]
    pub(crate) values: bool,
}

/// `record delete`.
#[derive(Args, Debug)]
pub(crate) struct RecordDelete {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// `delete `, and the record as `record show` names it. Asked for on a terminal.
    #[arg(long, value_name = "TEXT")]
    pub(crate) confirm: Option<String>,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// `session list`.
#[derive(Args, Debug)]
pub(crate) struct SessionList {
    #[command(flatten)]
    pub(crate) universe: UniversePlace,
    /// The data store.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: String,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// `operation queue`.
#[derive(Args, Debug)]
pub(crate) struct OperationQueue {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// What handles it: a kind of the game's, or `steadfast.set`, `steadfast.add` or
    /// `steadfast.remove`, which every record understands.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: String,
    /// What the handler is given, as JSON. For `add`: `{"path":"coins","amount":100}`.
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = parse_json)]
    pub(crate) payload: Box<RawValue>,
    /// Its id, never used before. The same again counts once.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// When it was issued; now if it is not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) issued_at: Option<Timestamp>,
    /// The schema that its payload was written for.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) schema: u32,
    /// Keep its receipt for good, such as that of a purchase.
    #[arg(long)]
    pub(crate) permanent: bool,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// `operation list`.
#[derive(Args, Debug)]
pub(crate) struct OperationList {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// Which are listed.
    #[arg(long, value_name = "LIST", value_enum, default_value_t)]
    pub(crate) list: OperationKind,
    /// Only this one, whether it waits or has ended.
    #[arg(long, value_name = "ID", conflicts_with = "list")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// Which operations are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OperationKind {
    /// Those that wait, the first queued first.
    #[default]
    Pending,
    /// Receipts by id, of what waits too.
    Receipts,
}

/// `operation cancel` and `operation fail`.
#[derive(Args, Debug)]
pub(crate) struct OperationEnd {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    #[command(flatten)]
    pub(crate) which: WhichOperation,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// Which operations end.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichOperation {
    /// The operation.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// All operations that wait.
    #[arg(long)]
    pub(crate) all: bool,
}

/// `deadletter list`.
#[derive(Args, Debug)]
pub(crate) struct DeadLetterList {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// `deadletter requeue` and `operation retry`.
#[derive(Args, Debug)]
pub(crate) struct Requeue {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The operation that failed.
    #[arg(value_name = "ID")]
    pub(crate) letter: String,
    /// Its new id, never used before. Made up if it is not given.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// `repair lease`.
#[derive(Args, Debug)]
pub(crate) struct RepairLease {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The fence of the lease, as `record show` has it. Without it, the lease that stands now.
    #[arg(long, value_name = "FENCE")]
    pub(crate) fence: Option<String>,
    #[command(flatten)]
    pub(crate) mandate: Mandate,
}

/// `log list`.
#[derive(Args, Debug)]
pub(crate) struct LogList {
    #[command(flatten)]
    pub(crate) universe: UniversePlace,
    #[command(flatten)]
    pub(crate) limit: Limit,
}

/// `status`.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Also count the records of this universe that are held, by data store.
    #[arg(long, value_name = "UNIVERSE", value_parser = parse_universe)]
    pub(crate) universe: Option<UniverseId>,
}

fn parse_json(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str(text)
        .map_err(|error| format!("it is no JSON, where text stands in quotes: {error}"))
}

/// Splits at the first `=` that stands behind a path: a key may hold one, in quotes.
fn split(text: &str) -> Result<(String, &str), String> {
    let ends = text.match_indices('=').map(|(end, _)| text.split_at(end));
    let mut parts = ends.filter(|(path, _)| Path::parse(path).is_ok());
    let (path, rest) = parts.next().ok_or("it does not begin with a path and `=`")?;
    Ok((path.to_owned(), rest.strip_prefix('=').unwrap_or(rest)))
}

fn parse_set(text: &str) -> Result<Edit, String> {
    let (path, value) = split(text)?;
    Ok(Edit::Set { path, value: parse_json(value)? })
}

fn parse_add(text: &str) -> Result<Edit, String> {
    let (path, amount) = split(text)?;
    let amount = parse_json(amount)?;
    let is_number = amount.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number { Ok(Edit::Add { path, amount }) } else { Err("it adds no number".to_owned()) }
}

fn parse_remove(text: &str) -> Result<Edit, String> {
    Path::parse(text).map_err(|error| error.to_string())?;
    Ok(Edit::Remove { path: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_split_behind_the_path() {
        for (text, path, value) in [
            ("coins=5", "coins", "5"),
            ("a.b[3]=\"x=y\"", "a.b[3]", "\"x=y\""),
            ("[\"a=b\"].c={\"d\":1}", "[\"a=b\"].c", "{\"d\":1}"),
            ("(root)=null", "(root)", "null"),
        ] {
            let Ok(Edit::Set { path: found, value: json }) = parse_set(text) else {
                panic!("{text}")
            };
            assert_eq!((&*found, json.get()), (path, value), "{text}");
        }
        for wrong in ["coins", "=5", "coins=", "coins=x", "a..b=5", ""] {
            assert!(parse_set(wrong).is_err(), "{wrong}");
        }
        assert!(parse_add("coins=-1.5").is_ok());
        assert!(parse_add("coins=\"1\"").is_err());
        assert!(parse_remove("items[0]").is_ok());
        assert!(parse_remove("items[").is_err());
    }
}
