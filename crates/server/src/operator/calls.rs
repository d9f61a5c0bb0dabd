//! One call of the library each.

use serde_json::value::RawValue;
use steadfast::Steadfast;
use steadfast::operator::{
    ExportHistory, HistoryQuery, LogPosition, Mandate, NewOperation, OnlineEdit, Operator,
    RestoreTo, RevisionId, Which,
};
use steadfast_core::document::{Cancel, Draft};
use steadfast_core::value::Number;
use steadfast_core::{
    EntryId, EntryKey, JsonText, Limits, OperationId, OperationKind, Path, Scope, ServerId,
    StoreId, StoreName, Timestamp, UniverseId, Value,
};
use steadfast_open_cloud::time;

use crate::operator::wire::{self, Change, Done, Edit};
use crate::operator::{CallError, shown};

type Result<T> = std::result::Result<T, CallError>;

/// Most items of a page.
pub const PAGE_SIZE_MAX: usize = 1_000;

/// The state that people name: `current`, a time, or a revision.
pub fn which(text: &str) -> Which {
    match time::parse(text) {
        _ if text == "current" => Which::Current,
        Ok(time) => Which::At(time),
        Err(_) => Which::Revision(RevisionId::from_client(text)),
    }
}

/// Looks at a record, whoever holds it.
///
/// # Errors
/// [`CallError`]: `kind()` says what to do.
pub async fn record(db: &Steadfast, entry: &EntryId) -> Result<wire::Record> {
    Ok(shown::record(&viewer(db, entry).record(&entry.key).await?))
}

/// Lists the revisions of a record behind a place.
///
/// # Errors
/// As of [`record`].
pub async fn history(
    db: &Steadfast,
    entry: &EntryId,
    after: Option<&str>,
    query: HistoryQuery,
) -> Result<wire::Page<wire::Revision>> {
    let beyond = after.map(|after| number("after", after)).transpose()?;
    let query = HistoryQuery { beyond, ..query };
    let page = viewer(db, entry).history(&entry.key, &query).await?;
    let items = page.items.iter().map(shown::revision).collect();
    Ok(wire::Page { items, next: page.next.map(|counter| counter.to_string()) })
}

/// Compares two states of a record.
///
/// # Errors
/// As of [`record`].
pub async fn diff(
    db: &Steadfast,
    entry: &EntryId,
    (from, to): (&Which, &Which),
) -> Result<wire::Differences> {
    let changes = viewer(db, entry).diff(&entry.key, from, to).await?;
    Ok(wire::Differences { differences: shown::differences(&changes) })
}

/// Takes out everything of a record as one document.
///
/// # Errors
/// As of [`record`].
pub async fn export(db: &Steadfast, entry: &EntryId, with_values: bool) -> Result<JsonText> {
    let history = if with_values { ExportHistory::Values } else { ExportHistory::List };
    Ok(viewer(db, entry).export(&entry.key, history).await?)
}

/// Which operations of a record are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those that wait, the first queued first.
    Pending,
    /// Receipts by id, of what waits too.
    Receipts,
    /// Those that failed for good, by id.
    Dead,
    /// One, by its id.
    One(String),
}

/// Lists operations of a record behind a place.
///
/// # Errors
/// As of [`record`].
pub async fn operations(
    db: &Steadfast,
    entry: &EntryId,
    listed: &Listed,
    (after, limit): (Option<&str>, usize),
) -> Result<wire::Page<wire::Operation>> {
    let (operator, key) = (viewer(db, entry), &entry.key);
    let after_id = || after.map(|after| operation_id("after", after)).transpose();
    let limit = limit.clamp(1, PAGE_SIZE_MAX);
    let (items, has_more): (Vec<_>, bool) = match listed {
        Listed::Pending => {
            let after = after.map(|after| number("after", after)).transpose()?;
            let page = operator.pending(key, after, limit).await?;
            let last = page.operations.last().map(|last| last.seq.to_string());
            let items = page.operations.iter().map(shown::pending).collect();
            return Ok(wire::Page { items, next: last.filter(|_| page.has_more) });
        }
        Listed::Receipts => {
            let (receipts, has_more) = operator.receipts(key, after_id()?, limit).await?;
            (receipts.iter().map(|(id, body)| shown::receipt(id, body)).collect(), has_more)
        }
        Listed::Dead => {
            let (letters, has_more) = operator.dead_letters(key, after_id()?, limit).await?;
            (letters.iter().map(shown::letter).collect(), has_more)
        }
        Listed::One(id) => {
            let id = operation_id("id", id)?;
            let view = operator.operation(key, &id).await?;
            (view.receipt.iter().map(|body| shown::receipt(&id, body)).collect(), false)
        }
    };
    let last = items.last().map(|last| last.id.clone());
    Ok(wire::Page { items, next: last.filter(|_| has_more) })
}

/// Lists the records of a data store that are held.
///
/// # Errors
/// As of [`record`].
pub async fn sessions(
    db: &Steadfast,
    store: &StoreId,
    (after, limit): (Option<&str>, usize),
) -> Result<wire::Page<wire::Session>> {
    let after = after.map(parse_place).transpose()?;
    let operator = open(db.operator(store.clone(), Scope::global(), VIEWER));
    let page = operator.sessions(after, limit.clamp(1, PAGE_SIZE_MAX)).await?;
    let items = page.sessions.iter().map(shown::session).collect();
    Ok(wire::Page { items, next: page.next.as_ref().map(place) })
}

/// Lists the game servers of a store.
///
/// # Errors
/// As of [`record`].
pub async fn servers(
    db: &Steadfast,
    (after, limit): (Option<&str>, usize),
) -> Result<wire::Page<wire::Server>> {
    let wrong = || CallError::unreadable("after", "it is no id of a game server");
    let after = after.map(|text| ServerId::parse(text).ok_or_else(wrong)).transpose()?;
    let page = nowhere(db, UniverseId(0)).servers(after, limit.clamp(1, PAGE_SIZE_MAX)).await?;
    let items = page.servers.iter().map(shown::server).collect();
    Ok(wire::Page { items, next: page.next.map(|server| server.to_string()) })
}

/// Shows the log of operators of a universe, the newest line first.
///
/// # Errors
/// As of [`record`].
pub async fn log(
    db: &Steadfast,
    universe: UniverseId,
    (after, limit): (Option<&str>, usize),
) -> Result<wire::Page<wire::LogLine>> {
    let after = after.map(LogPosition::from_text);
    let page = nowhere(db, universe).log(after, limit.clamp(1, PAGE_SIZE_MAX)).await?;
    let items = page.lines.into_iter().map(shown::log_line).collect();
    Ok(wire::Page { items, next: page.next.map(|position| position.as_str().to_owned()) })
}

/// Changes a record.
///
/// # Errors
/// [`CallError`]: `kind()` says what to do.
pub async fn change(db: &Steadfast, entry: &EntryId, request: wire::ChangeRequest) -> Result<Done> {
    let wire::ChangeRequest { operator, reason, dry_run, change } = request;
    let mandate = Mandate::because(reason);
    let mandate = if dry_run { mandate.dry_run() } else { mandate };
    let operator = open(db.operator(entry.store.clone(), entry.scope.clone(), operator));
    let (key, limits) = (&entry.key, db.limits());
    Ok(match change {
        Change::Update(update) => {
            let edits = Edits::read(&update, limits)?;
            let changed = operator.update(key, &mandate, |draft| edits.make(draft)).await?;
            shown::changed(&changed)
        }
        Change::EditOnline(edit) => {
            let edit = online(&edit, limits)?;
            shown::queued(&operator.edit_online(key, &mandate, edit).await?)
        }
        Change::Restore(wire::Restore { to, schema, force }) => {
            let to = time::parse(&to).map_or_else(
                |_| RestoreTo::Revision(RevisionId::from_client(&to)),
                RestoreTo::Time,
            );
            let restore = steadfast::operator::Restore::to(to);
            let restore = schema.map_or(restore.clone(), |schema| restore.schema(schema));
            let restore = if force { restore.by_force() } else { restore };
            shown::changed(&operator.restore(key, &mandate, restore).await?)
        }
        Change::Delete(wire::Delete { confirmation }) => {
            shown::changed(&operator.delete(key, &mandate, &confirmation).await?)
        }
        Change::Queue(queue) => {
            let operation = new_operation(queue, limits)?;
            shown::queued(&operator.queue(key, &mandate, operation).await?)
        }
        Change::Cancel(wire::Named { id }) => {
            shown::ended(&operator.cancel(key, &mandate, &operation_id("id", &id)?).await?)
        }
        Change::Fail(wire::Named { id }) => {
            shown::ended(&operator.fail(key, &mandate, &operation_id("id", &id)?).await?)
        }
        Change::Requeue(wire::Requeue { letter, id }) => {
            let (letter, id) = (operation_id("letter", &letter)?, operation_id("id", &id)?);
            shown::queued(&operator.requeue(key, &mandate, &letter, id).await?)
        }
        Change::Steal(wire::Nothing {}) => shown::taken(&operator.steal(key, &mandate).await?),
        Change::Release(wire::Release { fence }) => {
            let fence = shown::parse_fence(&fence)
                .ok_or_else(|| CallError::unreadable("fence", "it is no fence"))?;
            shown::taken(&operator.force_release(key, &mandate, fence).await?)
        }
        Change::Compact(wire::Nothing {}) => {
            shown::compacted(&operator.compact(key, &mandate).await?)
        }
    })
}

/// The name under which is only looked: the log has no such lines.
const VIEWER: &str = "viewer";

/// Whoever calls was let through before.
fn open(operator: Operator) -> Operator {
    operator.authorize(|_| true)
}

fn viewer(db: &Steadfast, entry: &EntryId) -> Operator {
    open(db.operator(entry.store.clone(), entry.scope.clone(), VIEWER))
}

/// For what concerns no data store.
fn nowhere(db: &Steadfast, universe: UniverseId) -> Operator {
    let store = StoreId { universe, name: StoreName::trusted("-") };
    open(db.operator(store, Scope::global(), VIEWER))
}

/// Edits that were read, and what they are made to.
struct Edits {
    edits: Vec<OnlineEdit>,
    if_value: Option<Value>,
}

impl Edits {
    fn read(update: &wire::Update, limits: &Limits) -> Result<Self> {
        let edits = update.edits.iter().map(|edit| online(edit, limits)).collect::<Result<_>>()?;
        let if_value = update.if_value.as_deref();
        let if_value = if_value.map(|text| value("ifValue", text, limits)).transpose()?;
        Ok(Self { edits, if_value })
    }

    fn make(&self, draft: &mut Draft) -> std::result::Result<(), Cancel> {
        if self.if_value.as_ref().is_some_and(|expected| draft.value() != expected) {
            return Err(Cancel::because("the record holds something else by now"));
        }
        for edit in &self.edits {
            match edit {
                OnlineEdit::Set { path, value } => drop(draft.set(path, value.clone())?),
                OnlineEdit::Add { path, amount } => drop(draft.add(path, *amount)?),
                OnlineEdit::Remove { path } => drop(draft.remove(path)?),
            }
        }
        Ok(())
    }
}

fn online(edit: &Edit, limits: &Limits) -> Result<OnlineEdit> {
    Ok(match edit {
        Edit::Set { path: at, value: text } => {
            OnlineEdit::Set { path: path(at)?, value: value("value", text, limits)? }
        }
        Edit::Add { path: at, amount: text } => {
            OnlineEdit::Add { path: path(at)?, amount: amount(text, limits)? }
        }
        Edit::Remove { path: at } => OnlineEdit::Remove { path: path(at)? },
    })
}

fn path(text: &str) -> Result<Path> {
    Path::parse(text).map_err(|error| CallError::unreadable("path", error))
}

fn value(what: &'static str, text: &RawValue, limits: &Limits) -> Result<Value> {
    Value::parse(text.get(), limits).map_err(|error| CallError::unreadable(what, error))
}

fn amount(text: &RawValue, limits: &Limits) -> Result<Number> {
    let Value::Number(number) = value("amount", text, limits)? else {
        return Err(CallError::unreadable("amount", "it is no number"));
    };
    Ok(number)
}

fn operation_id(what: &'static str, text: &str) -> Result<OperationId> {
    OperationId::parse(text).map_err(|error| CallError::unreadable(what, error))
}

fn number(what: &'static str, text: &str) -> Result<u64> {
    text.parse().map_err(|error: std::num::ParseIntError| CallError::unreadable(what, error))
}

fn new_operation(queue: wire::Queue, limits: &Limits) -> Result<NewOperation> {
    let wire::Queue { id, kind, payload, issued_at, schema, permanent } = queue;
    let payload = JsonText::parse(payload.get().as_bytes(), limits)
        .map_err(|error| CallError::unreadable("payload", error))?;
    let issued_at = issued_at.map(|text| instant("issuedAt", &text)).transpose()?;
    let kind = OperationKind::parse(&kind).map_err(|error| CallError::unreadable("kind", error))?;
    let id = operation_id("id", &id)?;
    Ok(NewOperation { id, kind, payload, issued_at, schema, is_permanent: permanent })
}

fn instant(what: &'static str, text: &str) -> Result<Timestamp> {
    time::parse(text).map_err(|error| CallError::unreadable(what, error))
}

/// The place of a record in a data store as one text: the length of its scope says where that ends.
fn place((scope, key): &(Scope, EntryKey)) -> String {
    format!("{}:{scope}{key}", scope.as_str().len())
}

fn parse_place(text: &str) -> Result<(Scope, EntryKey)> {
    let parts = text.split_once(':').and_then(|(size, rest)| {
        let (scope, key) = rest.split_at_checked(size.parse().ok()?)?;
        Some((Scope::trusted(scope), EntryKey::trusted(key)))
    });
    parts.ok_or_else(|| CallError::unreadable("after", "it is no place of this list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for (scope, key) in [("global", "7"), ("", "k"), ("a:b", ":1:"), ("\u{e9}", "\u{e9}")] {
            let given = (Scope::trusted(scope), EntryKey::trusted(key));
            assert_eq!(parse_place(&place(&given)).unwrap(), given);
        }
        for wrong in ["", "6", "x:y", "9:global", "1:\u{e9}"] {
            assert_eq!(parse_place(wrong).unwrap_err().kind(), steadfast_core::ErrorKind::Invalid);
        }
    }

    #[test]
    fn a_state_is_named_in_three_ways() {
        assert_eq!(which("current"), Which::Current);
        let time = time::parse("2026-11-20T08:00:00Z").unwrap();
        assert_eq!(which("2026-11-20T08:00:00Z"), Which::At(time));
        assert_eq!(which("x.y"), Which::Revision(RevisionId::from_client("x.y")));
    }
}
