//! Looking at a record, its lease, its ledger and its past. Nothing is written.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::document::{Change, InvalidData, Problem, diff};
use steadfast_core::operation::{
    DeadLetter, HeadBody, InboxPage, LedgerBody, LedgerKey, OperationView, QueueBody, ReceiptBody,
};
use steadfast_core::platform::{
    EntryState, Get, ListRevisions, PlatformError, Request, RevisionId, RevisionPage, Which,
    deleted_at, is_purged,
};
use steadfast_core::record::{
    End, Fence, LeaseMode, PresenceState, RecordCommand, RecordReply, StoredPresence, StoredRecord,
    Usage,
};
use steadfast_core::{
    Content, EntryId, Found, JsonText, Limits, OpeningId, OperationId, Order, Path, Row, RowBody,
    RowKey, ServerId, SessionId, Timestamp, Value,
};
use steadfast_storage::Backend;

use crate::operator::dry::ask;
use crate::operator::{Action, AsKey, Operator, OperatorError};

/// Whether a game server lives, as the store sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// It has renewed its presence lately, or lives in this opening of the store.
    Alive,
    /// It has not for longer than the presence timeout: whoever wants one of its records may declare
    /// it dead.
    Silent,
    /// It stopped, was declared dead, or is not known any more. Its records are free.
    Dead,
}

impl Liveness {
    /// The name, as JSON and people see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Silent => "silent",
            Self::Dead => "dead",
        }
    }
}

/// What liveness is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) opening: OpeningId,
    pub(super) now: Timestamp,
    pub(super) timeout: Duration,
}

impl Judge {
    pub(super) fn liveness(self, presence: Option<&StoredPresence>) -> Liveness {
        let Some(StoredPresence { stamped_at, body, .. }) = presence else {
            return Liveness::Dead;
        };
        let is_over = body.home.is_some_and(|home| home != self.opening);
        if body.state == PresenceState::Dead || is_over {
            return Liveness::Dead;
        }
        let is_late = self.now.saturating_since(*stamped_at) > self.timeout;
        // A home server lives as long as the opening, and does not renew.
        if is_late && body.home.is_none() { Liveness::Silent } else { Liveness::Alive }
    }
}

/// Who holds a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInfo {
    /// The game server.
    pub server: ServerId,
    /// Where it can be reached, as it said.
    pub address: Arc<str>,
    /// Whether it lives.
    pub liveness: Liveness,
    /// The session.
    pub session: SessionId,
    /// How long the lease counts.
    pub mode: LeaseMode,
    /// Since when.
    pub since: Timestamp,
    /// What a forced release has to name.
    pub fence: Fence,
}

/// The ledger of a record in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerInfo {
    /// Operations that wait.
    pub pending: u64,
    /// Full receipts, permanent ones apart.
    pub full: u32,
    /// Receipts of which only the id is kept, permanent ones apart.
    pub kept: u32,
    /// Receipts that never leave.
    pub permanent: u32,
    /// Dead letters.
    pub dead: u32,
    /// Bytes that full and kept receipts count.
    pub size: u64,
    /// Unknown operations that were issued until then are refused.
    pub horizon: Option<Timestamp>,
    /// Whether its row of numbers cannot be read: then all of these are nothing, and nothing can be
    /// queued or settled until [`Operator::compact`] has counted them anew.
    pub is_damaged: bool,
}

impl LedgerInfo {
    pub(super) fn of(head: &HeadBody, queue: &QueueBody) -> Self {
        Self {
            pending: head.pending_count(queue),
            full: head.full_count,
            kept: head.kept_count,
            permanent: head.permanent_count,
            dead: head.dead_count,
            size: head.size,
            horizon: head.horizon,
            is_damaged: false,
        }
    }
}

/// A record, its lease and its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordInfo {
    /// Which.
    pub entry: EntryId,
    /// Its state, also if that is a deletion; nothing if it is missing.
    pub state: Option<EntryState>,
    /// The schema that stands beside its data; 0 if nobody wrote one.
    pub schema: u32,
    /// Who holds it.
    pub lease: Option<LeaseInfo>,
    /// The fence that it is at; nothing if it was never held.
    pub fence: Option<Fence>,
    /// How often it was saved.
    pub save_seq: u64,
    /// When a game opened it last, and for how long games had it open.
    pub usage: Usage,
    /// When anything of it was written last, its lease included.
    pub touched_at: Option<Timestamp>,
    /// How the last grants ended, the latest last.
    pub ends: Arc<[End]>,
    /// Its ledger.
    pub ledger: LedgerInfo,
    /// The store's time.
    pub now: Timestamp,
}

impl RecordInfo {
    /// What it holds, unless it is missing or deleted.
    pub fn content(&self) -> Option<&Arc<Content>> {
        self.state.as_ref()?.content.as_ref()
    }

    /// The id of its state.
    pub fn revision(&self) -> Option<RevisionId> {
        self.state.as_ref().map(EntryState::revision_id)
    }
}

/// Which part of a past is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// In which direction: the newest first unless set.
    pub order: Order,
    /// Only what was not written before this time.
    pub not_before: Option<Timestamp>,
    /// Only what was not written after this time.
    pub not_after: Option<Timestamp>,
    /// Start beyond this counter: [`RevisionPage::next`](steadfast_core::platform::Page) of the page
    /// before.
    pub beyond: Option<u64>,
    /// Most revisions of the page.
    pub page_size: usize,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        let order = Order::Descending;
        Self { order, not_before: None, not_after: None, beyond: None, page_size: 100 }
    }
}

impl Operator {
    /// Looks at a record, whoever holds it.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do. A missing record is no error.
    pub async fn record(&self, key: &(impl AsKey + ?Sized)) -> Result<RecordInfo, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::View, Some(key), None)?;
        self.look(&self.entry(key)).await
    }

    pub(super) async fn look(&self, entry: &EntryId) -> Result<RecordInfo, OperatorError> {
        let backend = self.db.backend();
        let rows = vec![
            RowKey::Record(entry.clone()),
            RowKey::Ends(entry.clone()),
            RowKey::Entry(entry.clone()),
            RowKey::Store(entry.store.clone()),
            RowKey::Ledger(entry.clone(), LedgerKey::Head),
            RowKey::Ledger(entry.clone(), LedgerKey::Queue),
        ];
        let reply = ask(|done| backend.read(rows, done)).await?.map_err(PlatformError::from)?;
        let [record, ends, state, store, head, queue] = reply.rows.as_slice() else {
            unreachable!("a reply holds every row that was asked for")
        };
        if deleted_at(store).is_some() {
            let store = entry.store.clone();
            return Err(PlatformError::StoreDeleted { store }.into());
        }
        let record = StoredRecord::of(record)?;
        let now = reply.now;
        let lease = match &record {
            Some(record) => self.lease(record, now).await?,
            None => None,
        };
        let is_there =
            |state: &EntryState| state.content.is_some() || !is_purged(state.updated_at, now);
        Ok(RecordInfo {
            entry: entry.clone(),
            state: intact(state)?.and_then(EntryState::of_row).filter(is_there),
            schema: record.as_ref().map_or(0, |record| record.body.schema),
            lease,
            fence: record.as_ref().map(|record| record.body.fence),
            save_seq: record.as_ref().map_or(0, |record| record.body.save_seq),
            usage: record.as_ref().map(|record| record.body.usage).unwrap_or_default(),
            touched_at: record.as_ref().map(|record| record.stamped_at),
            ends: ends_of(ends)?,
            ledger: ledger_of(head, queue)?,
            now,
        })
    }

    /// Who holds a record that was read.
    async fn lease(
        &self,
        record: &StoredRecord,
        now: Timestamp,
    ) -> Result<Option<LeaseInfo>, PlatformError> {
        let Some(lease) = record.body.lease else { return Ok(None) };
        let backend = self.db.backend();
        let rows = vec![RowKey::Presence(lease.server)];
        let reply = ask(|done| backend.read(rows, done)).await??;
        let found = reply.rows.first().expect("a reply holds every row that was asked for");
        let presence = StoredPresence::of(found)?;
        Ok(lease_info(record, presence.as_ref(), self.judge(now.max(reply.now))))
    }

    pub(super) fn judge(&self, now: Timestamp) -> Judge {
        let opening = self.db.records().facts().opening;
        Judge { opening, now, timeout: self.db.sessions().options().sessions.presence_timeout }
    }

    /// Lists the revisions of a record, deletions included. A page may hold none although more
    /// follow.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do.
    pub async fn history(
        &self,
        key: &(impl AsKey + ?Sized),
        query: &HistoryQuery,
    ) -> Result<RevisionPage, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::History, Some(key), None)?;
        Ok(self.revisions(&self.entry(key), query).await?)
    }

    pub(super) async fn revisions(
        &self,
        entry: &EntryId,
        query: &HistoryQuery,
    ) -> Result<RevisionPage, PlatformError> {
        let HistoryQuery { order, not_before, not_after, beyond, page_size } = query.clone();
        let (entry, with_sizes) = (entry.clone(), true);
        let request =
            ListRevisions { entry, order, not_before, not_after, with_sizes, beyond, page_size };
        self.db.list_revisions(request).await
    }

    /// A revision of a record. Its content is missing if it is a deletion.
    ///
    /// # Errors
    /// [`OperatorError`]: code `VersionNotFound` if there is none of this id.
    pub async fn revision(
        &self,
        key: &(impl AsKey + ?Sized),
        revision: &RevisionId,
    ) -> Result<EntryState, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::History, Some(key), None)?;
        Ok(self.state(&self.entry(key), Which::Revision(revision.clone())).await?)
    }

    /// A record as it was at a time.
    ///
    /// # Errors
    /// [`OperatorError`]: code `EntryNotFound` if it was not there then, or nobody knows any more.
    pub async fn at_time(
        &self,
        key: &(impl AsKey + ?Sized),
        time: Timestamp,
    ) -> Result<EntryState, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::History, Some(key), None)?;
        Ok(self.state(&self.entry(key), Which::At(time)).await?)
    }

    /// Where the data of two states of a record differs: what the second holds, and the first held.
    /// A deletion counts as `null`.
    ///
    /// # Errors
    /// [`OperatorError`]: as [`revision`](Self::revision) and [`at_time`](Self::at_time), and
    /// [`OperatorError::Unreadable`].
    pub async fn diff(
        &self,
        key: &(impl AsKey + ?Sized),
        old: &Which,
        new: &Which,
    ) -> Result<Vec<Change>, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::History, Some(key), None)?;
        let entry = self.entry(key);
        let old = self.state(&entry, old.clone()).await?;
        let new = self.state(&entry, new.clone()).await?;
        let value = |state: &EntryState| match &state.content {
            Some(content) => value_of(&entry, &content.value),
            None => Ok(Value::Null),
        };
        Ok(diff(&value(&old)?, &value(&new)?))
    }

    pub(super) async fn state(
        &self,
        entry: &EntryId,
        which: Which,
    ) -> Result<EntryState, PlatformError> {
        self.db.execute(Request::Get(Get { entry: entry.clone(), which })).await
    }

    /// How an operation stands.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do. An operation that nobody knows is no error.
    pub async fn operation(
        &self,
        key: &(impl AsKey + ?Sized),
        id: &OperationId,
    ) -> Result<OperationView, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::ListOperations, Some(key), None)?;
        Ok(self.view(self.entry(key), id.clone()).await?)
    }

    pub(super) async fn view(
        &self,
        entry: EntryId,
        id: OperationId,
    ) -> Result<OperationView, PlatformError> {
        let command = RecordCommand::ReadOperation { entry, id };
        let RecordReply::Operation(view) = self.submit(command).await? else {
            unreachable!("a question about an operation is answered so")
        };
        Ok(*view)
    }

    /// Operations that wait, the first queued first, behind a place in the queue.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do.
    pub async fn pending(
        &self,
        key: &(impl AsKey + ?Sized),
        after: Option<u64>,
        limit: usize,
    ) -> Result<InboxPage, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::ListOperations, Some(key), None)?;
        let command = RecordCommand::ReadInbox { entry: self.entry(key), after, limit };
        let RecordReply::Inbox(page) = self.submit(command).await? else {
            unreachable!("a question about an inbox is answered so")
        };
        Ok(page)
    }

    /// Receipts, of what waits too, by id and behind one of them; and whether more follow.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do.
    pub async fn receipts(
        &self,
        key: &(impl AsKey + ?Sized),
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<(Vec<(OperationId, ReceiptBody)>, bool), OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::ListOperations, Some(key), None)?;
        let command = RecordCommand::ReadReceipts { entry: self.entry(key), after, limit };
        let RecordReply::Receipts(receipts, has_more) = self.submit(command).await? else {
            unreachable!("a question about receipts is answered so")
        };
        Ok((receipts, has_more))
    }

    /// Operations that failed for good, by id and behind one of them; and whether more follow.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do.
    pub async fn dead_letters(
        &self,
        key: &(impl AsKey + ?Sized),
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<(Vec<DeadLetter>, bool), OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::ListOperations, Some(key), None)?;
        let command = RecordCommand::ReadDeadLetters { entry: self.entry(key), after, limit };
        let RecordReply::DeadLetters(letters, has_more) = self.submit(command).await? else {
            unreachable!("a question about dead letters is answered so")
        };
        Ok((letters, has_more))
    }
}

/// The data of a record as a value.
pub(super) fn value_of(entry: &EntryId, text: &JsonText) -> Result<Value, OperatorError> {
    Value::parse(text.as_str(), &Limits::native()).map_err(|error| {
        let (path, problem) = (Path::root(), Problem::NotValue(error));
        let source = Box::new(InvalidData { path, problem });
        OperatorError::Unreadable { entry: entry.clone(), source }
    })
}

pub(super) fn lease_info(
    record: &StoredRecord,
    presence: Option<&StoredPresence>,
    judge: Judge,
) -> Option<LeaseInfo> {
    let lease = record.body.lease?;
    let address = presence.map_or_else(|| "".into(), |it| Arc::clone(&it.body.address));
    Some(LeaseInfo {
        server: lease.server,
        address,
        liveness: judge.liveness(presence),
        session: lease.session,
        mode: lease.mode,
        since: lease.since.time(record.stamped_at),
        fence: record.body.fence,
    })
}

/// A row that is there. Damage is never absence.
fn intact(found: &Found) -> Result<Option<&Row>, OperatorError> {
    match found {
        Found::Absent => Ok(None),
        Found::Row(row) => Ok(Some(row)),
        Found::Corrupt(row) => Err(PlatformError::Corrupt { row: row.clone().into() }.into()),
    }
}

fn ends_of(found: &Found) -> Result<Arc<[End]>, OperatorError> {
    let Some(row) = intact(found)? else { return Ok(Arc::default()) };
    if let RowBody::Ends(ends) = &row.body {
        return Ok(Arc::clone(ends));
    }
    Err(PlatformError::Corrupt { row: row.key.clone().into() }.into())
}

/// A row of the ledger.
fn ledger_row(found: &Found) -> Result<Option<&LedgerBody>, OperatorError> {
    let Some(row) = intact(found)? else { return Ok(None) };
    Ok(if let RowBody::Ledger(body) = &row.body { Some(body) } else { None })
}

fn ledger_of(head: &Found, queue: &Found) -> Result<LedgerInfo, OperatorError> {
    if let Found::Corrupt(_) = head {
        return Ok(LedgerInfo { is_damaged: true, ..LedgerInfo::default() });
    }
    let head = ledger_row(head)?.and_then(LedgerBody::head).unwrap_or_default();
    let queue = ledger_row(queue)?.and_then(LedgerBody::queue).unwrap_or_default();
    Ok(LedgerInfo::of(&head, &queue))
}

#[cfg(test)]
mod tests {
    use steadfast_core::Revision;
    use steadfast_core::record::PresenceBody;

    use super::*;

    #[test]
    fn a_server_lives_as_the_store_sees_it() {
        let (now, timeout) = (Timestamp::from_unix_seconds(100), Duration::from_secs(10));
        let judge = Judge { opening: OpeningId(1), now, timeout };
        let stored = |state, home: Option<u128>, seconds| StoredPresence {
            revision: Revision { counter: 1, tag: 1 },
            stamped_at: Timestamp::from_unix_seconds(seconds),
            body: PresenceBody { state, seq: 1, home: home.map(OpeningId), address: "".into() },
        };
        let alive = PresenceState::Alive;
        let table = [
            (None, Liveness::Dead),
            (Some(stored(PresenceState::Dead, None, 100)), Liveness::Dead),
            (Some(stored(alive, Some(2), 100)), Liveness::Dead),
            (Some(stored(alive, Some(1), 0)), Liveness::Alive),
            (Some(stored(alive, None, 90)), Liveness::Alive),
            (Some(stored(alive, None, 89)), Liveness::Silent),
        ];
        for (presence, liveness) in table {
            assert_eq!(judge.liveness(presence.as_ref()), liveness, "{presence:?}");
        }
    }
}
