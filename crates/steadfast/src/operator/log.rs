//! The log of operators: who did what to which record, and why.
//!
//! ```text
//!   intent  {state: started}     stored before anything is done
//!   end     {state: done, ..}    stored over it, before the operator is answered
//! ```
//!
//! A line that says `started` for long is the trace of a crash: what it names may have been done or
//! not, and the record tells. Lines are entries of a data store of ours, which no API key reaches and
//! no list shows. Their keys begin with what is left of time, so that the newest comes first.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use steadfast_core::platform::{
    EntryPage, EntryState, ListEntries, Permit, PlatformError, Request, RevisionId, Set, When,
};
use steadfast_core::row::Span;
use steadfast_core::{
    Content, EntryId, EntryKey, Found, JsonText, Metadata, RowKey, Scope, StoreId, StoreName,
    Timestamp, UniverseId,
};
use steadfast_storage::Backend;

use crate::operator::dry::ask;
use crate::operator::{Action, Mandate, Operator, OperatorError};

/// The data store of the log, in the universe of the records.
pub const LOG_STORE: &str = "__steadfast_operator_log";

/// Most lines of a page.
const LINES_MAX: usize = 1_000;

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// It was begun. A line that stays so is the trace of a crash: look at the record.
    Started,
    /// It was done.
    Done,
    /// It was not done.
    Refused,
    /// It may have been done or not: look at the record.
    Unknown,
}

impl LineState {
    /// The name, as JSON has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// What a line holds as JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Wire {
    operator: String,
    reason: String,
    action: String,
    store: String,
    scope: String,
    key: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
    state: LineState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Names it, and says where the next page starts.
    pub position: LogPosition,
    /// When it was begun, by the store's time.
    pub at: Timestamp,
    /// When its end was noted.
    pub ended_at: Option<Timestamp>,
    /// Who.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// What, by the name of an [`Action`].
    pub action: String,
    /// To which record: its data store.
    pub store: String,
    /// Its scope.
    pub scope: String,
    /// Its key.
    pub key: String,
    /// What exactly, in words: an operation, a fence, a revision.
    pub detail: String,
    /// What became of it.
    pub state: LineState,
    /// The code of the refusal.
    pub code: Option<String>,
    /// The refusal in words.
    pub error: Option<String>,
    /// The revision of the record before.
    pub before: Option<RevisionId>,
    /// The revision of the record after it, if it made one.
    pub after: Option<RevisionId>,
}

/// Names a line of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(EntryKey);

impl LogPosition {
    /// A position that was told before.
    pub fn from_text(text: &str) -> Self {
        Self(EntryKey::trusted(text))
    }

    /// The position as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Behind everything that was begun at or after a time.
    pub fn before(time: Timestamp) -> Self {
        Self(EntryKey::trusted(format!("{:016x}~", left_of(time))))
    }
}

/// Smaller, the later it is.
fn left_of(time: Timestamp) -> u64 {
    u64::MAX - time.dotnet_ticks()
}

/// A page of the log, the newest line first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// Its lines. Damaged ones are left out.
    pub lines: Vec<LogLine>,
    /// What the next page starts behind; nothing at the end.
    pub next: Option<LogPosition>,
}

/// What a change did to a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub(super) before: Option<RevisionId>,
    pub(super) after: Option<RevisionId>,
}

/// What is begun, and stands in the log as such.
#[derive(Debug)]
pub(super) struct Begun {
    action: Action,
    line: EntryId,
    wire: Wire,
}

impl Operator {
    /// The log of the universe, the newest first.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do.
    pub async fn log(
        &self,
        after: Option<LogPosition>,
        limit: usize,
    ) -> Result<LogPage, OperatorError> {
        self.check_access(Action::ReadLog, None, None)?;
        let store = log_store(self.store.universe);
        let request = ListEntries {
            store: store.clone(),
            spans: vec![Span::Keys(Scope::global(), "".into())],
            key_prefix: "".into(),
            with_deleted: false,
            after: after.map(|position| (Scope::global(), position.0)),
            page_size: limit.clamp(1, LINES_MAX),
        };
        let page = match self.db.list_entries(request).await {
            // Nothing was ever done.
            Err(PlatformError::StoreNotFound { .. }) => EntryPage { items: vec![], next: None },
            page => page?,
        };
        let entry = |key: &EntryKey| line_entry(&store, key.clone());
        let rows = page.items.iter().map(|item| RowKey::Entry(entry(&item.key))).collect();
        let backend = self.db.backend();
        let reply = ask(|done| backend.read(rows, done)).await?.map_err(PlatformError::from)?;
        let lines = reply.rows.iter().filter_map(line_of).collect();
        let next = page.next.map(|(_, key)| LogPosition(key));
        Ok(LogPage { lines, next })
    }

    /// Notes what is about to be done. Checked before: who, why, and whether he may.
    pub(super) async fn begin(
        &self,
        action: Action,
        key: &EntryKey,
        mandate: &Mandate,
        detail: String,
    ) -> Result<Begun, OperatorError> {
        let wire = Wire {
            operator: self.name.to_string(),
            reason: mandate.reason().to_owned(),
            action: action.name().to_owned(),
            store: self.store.name.to_string(),
            scope: self.scope.to_string(),
            key: key.to_string(),
            detail,
            state: LineState::Started,
            code: None,
            error: None,
            before: None,
            after: None,
        };
        let name = format!("{:016x}-{}", left_of(self.db.now()), self.write_id());
        let line = line_entry(&log_store(self.store.universe), EntryKey::trusted(name));
        let begun = Begun { action, line, wire };
        self.put_line(&begun, When::Missing)
            .await
            .map_err(|error| OperatorError::Log(Box::new(error)))?;
        Ok(begun)
    }

    /// Notes what became of it, and answers it.
    pub(super) async fn end<T>(
        &self,
        mut begun: Begun,
        result: Result<T, OperatorError>,
        marks: impl FnOnce(&T) -> Marks,
    ) -> Result<T, OperatorError> {
        let wire = &mut begun.wire;
        match &result {
            Ok(done) => {
                let Marks { before, after } = marks(done);
                wire.state = LineState::Done;
                wire.before = before.map(|id| id.to_string());
                wire.after = after.map(|id| id.to_string());
            }
            Err(error) => {
                let is_unknown = error.kind().is_ambiguous();
                wire.state = if is_unknown { LineState::Unknown } else { LineState::Refused };
                wire.code = Some(error.code().name().to_owned());
                wire.error = Some(error.to_string());
            }
        }
        let noted = self.put_line(&begun, When::Always).await;
        match (result, noted) {
            (Ok(_), Err(source)) => {
                let (action, source) = (begun.action, Box::new(source));
                Err(OperatorError::Unlogged { action, source })
            }
            // What was not done needs no better line than that it was begun.
            (result, Ok(()) | Err(_)) => result,
        }
    }

    async fn put_line(&self, begun: &Begun, when: When) -> Result<(), PlatformError> {
        let text = serde_json::to_string(&begun.wire).expect("text and names are always JSON");
        let (user_ids, metadata) = (vec![], Metadata::empty());
        let content = Arc::new(Content { value: JsonText::trusted(text), user_ids, metadata });
        let (entry, permit, write_id) = (begun.line.clone(), Permit::ALL, self.write_id());
        let set = Set { entry, content, when, permit, write_id };
        self.db.execute(Request::Set(set)).await.map(drop)
    }
}

fn log_store(universe: UniverseId) -> StoreId {
    StoreId { universe, name: StoreName::trusted(LOG_STORE) }
}

fn line_entry(store: &StoreId, key: EntryKey) -> EntryId {
    EntryId { store: store.clone(), scope: Scope::global(), key }
}

fn line_of(found: &Found) -> Option<LogLine> {
    let Found::Row(row) = found else { return None };
    let state = EntryState::of_row(row)?;
    let wire: Wire = serde_json::from_str(state.content.as_ref()?.value.as_str()).ok()?;
    let is_open = wire.state == LineState::Started;
    let id = |text: String| RevisionId::from_client(&text);
    Some(LogLine {
        position: LogPosition(state.entry.key),
        at: state.created_at,
        ended_at: (!is_open).then_some(state.updated_at),
        operator: wire.operator,
        reason: wire.reason,
        action: wire.action,
        store: wire.store,
        scope: wire.scope,
        key: wire.key,
        detail: wire.detail,
        state: wire.state,
        code: wire.code,
        error: wire.error,
        before: wire.before.map(id),
        after: wire.after.map(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_have_smaller_keys() {
        let at = Timestamp::from_unix_seconds;
        assert!(left_of(at(2)) < left_of(at(1)));
        let line = |seconds: i64| format!("{:016x}-{:032x}", left_of(at(seconds)), 7);
        let behind = LogPosition::before(at(5));
        // Only what is older than that comes behind it.
        assert!(line(6).as_str() < behind.as_str() && line(5).as_str() < behind.as_str());
        assert!(line(4).as_str() > behind.as_str());
    }
}
