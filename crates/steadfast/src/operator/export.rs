//! Everything that is known of a record, as one JSON document.

use serde::Serialize;
use serde_json::value::RawValue;
use steadfast_core::operation::{
    DeadLetter, OperationStatus, PendingOperation, ReceiptBody, ReceiptState, Receipted, Verdict,
};
use steadfast_core::platform::{EntryState, ListedRevision, PlatformError, Which};
use steadfast_core::record::{End, Fence, How, LeaseMode, RecordCommand, RecordReply};
use steadfast_core::{Code, EntryId, JsonText, OperationId, Timestamp, UserId};

use crate::operator::{
    Action, AsKey, HistoryQuery, LeaseInfo, LedgerInfo, Operator, OperatorError, RecordInfo,
};

/// The format of the document. It grows; what is there keeps its meaning.
const FORMAT: u32 = 1;

/// Items of a page that is read for a document.
const PAGE: usize = 500;

/// How much of the past an export has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportHistory {
    /// The list of revisions.
    #[default]
    List,
    /// The list, and what each of them held. All of it is in memory at once.
    Values,
}

#[derive(Serialize)]
struct Document {
    format: u32,
    exported_at_ms: i64,
    universe: u64,
    store: String,
    scope: String,
    key: String,
    record: Record,
    data: Option<Data>,
    history: Vec<Revision>,
    pending: Vec<Pending>,
    receipts: Vec<Receipt>,
    dead_letters: Vec<Letter>,
}

#[derive(Serialize)]
struct Record {
    schema: u32,
    fence: Option<FenceText>,
    save_seq: u64,
    last_login_ms: Option<i64>,
    play_time_ms: u64,
    touched_at_ms: Option<i64>,
    lease: Option<Lease>,
    ends: Vec<EndText>,
    ledger: Ledger,
}

#[derive(Serialize)]
struct FenceText {
    counter: u64,
    session: String,
}

#[derive(Serialize)]
struct Lease {
    server: String,
    address: String,
    liveness: &'static str,
    session: String,
    mode: String,
    since_ms: i64,
}

#[derive(Serialize)]
struct EndText {
    fence: FenceText,
    save_seq: u64,
    write_id: String,
    how: &'static str,
}

#[derive(Serialize)]
struct Ledger {
    pending: u64,
    full: u32,
    kept: u32,
    permanent: u32,
    dead: u32,
    size: u64,
    horizon_ms: Option<i64>,
    is_damaged: bool,
}

#[derive(Serialize)]
struct Data {
    revision: String,
    created_at_ms: i64,
    updated_at_ms: i64,
    user_ids: Vec<String>,
    metadata: Box<RawValue>,
    value: Box<RawValue>,
}

#[derive(Serialize)]
struct Revision {
    id: String,
    created_at_ms: i64,
    updated_at_ms: i64,
    is_deleted: bool,
    is_pinned: bool,
    schema: Option<u32>,
    value_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
}

#[derive(Serialize)]
struct Pending {
    id: String,
    kind: String,
    seq: u64,
    issued_at_ms: i64,
    queued_at_ms: i64,
    schema: u32,
    is_permanent: bool,
    replaces: Option<String>,
    tries: u32,
    last_error: Option<String>,
    verdict: Option<&'static str>,
    payload: Box<RawValue>,
}

#[derive(Serialize)]
struct Receipt {
    id: String,
    status: &'static str,
    issued_at_ms: i64,
    is_permanent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_counter: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

#[derive(Serialize)]
struct Letter {
    id: String,
    kind: String,
    issued_at_ms: i64,
    died_at_ms: i64,
    code: &'static str,
    error: String,
    tries: u32,
    schema: u32,
    is_permanent: bool,
    requeued_as: Option<String>,
    payload_size: u64,
    payload: Option<Box<RawValue>>,
}

impl Operator {
    /// Everything that is known of a record as one JSON document: its lease, data, history,
    /// operations, receipts and dead letters. It is read piece by piece: of a record that is held it
    /// need not be of one moment.
    ///
    /// # Errors
    /// [`OperatorError`]: code `EntryNotFound` if nothing is known of it.
    pub async fn export(
        &self,
        key: &(impl AsKey + ?Sized),
        history: ExportHistory,
    ) -> Result<JsonText, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::Export, Some(key), None)?;
        let entry = self.entry(key);
        let info = self.look(&entry).await?;
        if info.state.is_none() && info.fence.is_none() && info.ledger == LedgerInfo::default() {
            return Err(PlatformError::EntryNotFound { entry }.into());
        }
        let revisions = match &info.state {
            Some(_) => self.export_history(&entry, history).await?,
            None => Vec::new(),
        };
        let document = Document {
            format: FORMAT,
            exported_at_ms: info.now.unix_millis(),
            universe: entry.store.universe.0,
            store: entry.store.name.to_string(),
            scope: entry.scope.to_string(),
            key: entry.key.to_string(),
            data: info.state.as_ref().map(data).transpose()?.flatten(),
            history: revisions,
            pending: self.export_pending(&entry).await?,
            receipts: self.export_receipts(&entry).await?,
            dead_letters: self.export_letters(&entry).await?,
            record: record(&info),
        };
        Ok(JsonText::trusted(serde_json::to_string(&document).map_err(|error| unwritable(&error))?))
    }

    async fn export_history(
        &self,
        entry: &EntryId,
        history: ExportHistory,
    ) -> Result<Vec<Revision>, OperatorError> {
        let mut query = HistoryQuery { page_size: PAGE, ..HistoryQuery::default() };
        let mut revisions = Vec::new();
        loop {
            let page = self.revisions(entry, &query).await?;
            for listed in page.items {
                let data = match history {
                    ExportHistory::List => None,
                    ExportHistory::Values => self.export_revision(entry, &listed).await?,
                };
                revisions.push(revision(&listed, data));
            }
            query.beyond = page.next;
            if query.beyond.is_none() {
                return Ok(revisions);
            }
        }
    }

    async fn export_revision(
        &self,
        entry: &EntryId,
        listed: &ListedRevision,
    ) -> Result<Option<Data>, OperatorError> {
        match self.state(entry, Which::Revision(listed.id.clone())).await {
            Ok(state) => data(&state),
            // It went while the list was read.
            Err(PlatformError::RevisionNotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn export_pending(&self, entry: &EntryId) -> Result<Vec<Pending>, OperatorError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let command = RecordCommand::ReadInbox { entry: entry.clone(), after, limit: PAGE };
            let RecordReply::Inbox(page) = self.submit(command).await? else {
                unreachable!("a question about an inbox is answered so")
            };
            after = page.operations.last().map(|last| last.seq);
            for operation in page.operations {
                all.push(pending(operation)?);
            }
            if !page.has_more || after.is_none() {
                return Ok(all);
            }
        }
    }

    async fn export_receipts(&self, entry: &EntryId) -> Result<Vec<Receipt>, OperatorError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let command = RecordCommand::ReadReceipts { entry: entry.clone(), after, limit: PAGE };
            let RecordReply::Receipts(receipts, has_more) = self.submit(command).await? else {
                unreachable!("a question about receipts is answered so")
            };
            after = receipts.last().map(|(id, _)| id.clone());
            for (id, body) in receipts {
                all.push(receipt(&id, body)?);
            }
            if !has_more || after.is_none() {
                return Ok(all);
            }
        }
    }

    async fn export_letters(&self, entry: &EntryId) -> Result<Vec<Letter>, OperatorError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let command =
                RecordCommand::ReadDeadLetters { entry: entry.clone(), after, limit: PAGE };
            let RecordReply::DeadLetters(letters, has_more) = self.submit(command).await? else {
                unreachable!("a question about dead letters is answered so")
            };
            after = letters.last().map(|letter| letter.id.clone());
            for found in letters {
                all.push(letter(&found)?);
            }
            if !has_more || after.is_none() {
                return Ok(all);
            }
        }
    }
}

/// Stored JSON that is none is a fault of ours: it was checked before it was stored.
fn unwritable(error: &serde_json::Error) -> OperatorError {
    let reason = format!("a stored text is no JSON: {error}").into();
    let kind = steadfast_core::ErrorKind::Internal;
    PlatformError::Refused { kind, reason }.into()
}

fn raw(text: &str) -> Result<Box<RawValue>, OperatorError> {
    RawValue::from_string(text.to_owned()).map_err(|error| unwritable(&error))
}

fn record(info: &RecordInfo) -> Record {
    Record {
        schema: info.schema,
        fence: info.fence.map(fence),
        save_seq: info.save_seq,
        last_login_ms: info.usage.last_login.map(Timestamp::unix_millis),
        play_time_ms: info.usage.play_time_ms(),
        touched_at_ms: info.touched_at.map(Timestamp::unix_millis),
        lease: info.lease.as_ref().map(lease),
        ends: info.ends.iter().map(end).collect(),
        ledger: ledger(info.ledger),
    }
}

fn fence(fence: Fence) -> FenceText {
    FenceText { counter: fence.counter, session: fence.session.to_string() }
}

fn lease(lease: &LeaseInfo) -> Lease {
    Lease {
        server: lease.server.to_string(),
        address: lease.address.to_string(),
        liveness: lease.liveness.name(),
        session: lease.session.to_string(),
        mode: match lease.mode {
            LeaseMode::Presence => "presence".to_owned(),
            LeaseMode::Timeout(lasts) => format!("timeout {} ms", lasts.as_millis()),
            LeaseMode::Unknown(mode) => format!("unknown {mode}"),
        },
        since_ms: lease.since.unix_millis(),
    }
}

fn end(end: &End) -> EndText {
    let how = match end.how {
        How::Released => "released",
        How::Taken => "taken",
        How::Stolen => "stolen",
        How::Edited => "edited",
    };
    let (save_seq, write_id) = (end.save_seq, end.write_id.to_string());
    EndText { fence: fence(end.fence), save_seq, write_id, how }
}

fn ledger(ledger: LedgerInfo) -> Ledger {
    let LedgerInfo { pending, full, kept, permanent, dead, size, horizon, is_damaged } = ledger;
    let horizon_ms = horizon.map(Timestamp::unix_millis);
    Ledger { pending, full, kept, permanent, dead, size, horizon_ms, is_damaged }
}

fn data(state: &EntryState) -> Result<Option<Data>, OperatorError> {
    let Some(content) = &state.content else { return Ok(None) };
    Ok(Some(Data {
        revision: state.revision_id().to_string(),
        created_at_ms: state.created_at.unix_millis(),
        updated_at_ms: state.updated_at.unix_millis(),
        user_ids: content.user_ids.iter().map(UserId::to_string).collect(),
        metadata: raw(content.metadata.as_str())?,
        value: raw(content.value.as_str())?,
    }))
}

fn revision(listed: &ListedRevision, data: Option<Data>) -> Revision {
    Revision {
        id: listed.id.to_string(),
        created_at_ms: listed.created_at.unix_millis(),
        updated_at_ms: listed.updated_at.unix_millis(),
        is_deleted: listed.is_deleted,
        is_pinned: listed.is_pinned,
        schema: listed.schema,
        value_size: listed.value_size,
        data,
    }
}

fn pending(operation: PendingOperation) -> Result<Pending, OperatorError> {
    let PendingOperation { seq, queued_at, body, tries } = operation;
    Ok(Pending {
        id: body.id.to_string(),
        kind: body.kind.to_string(),
        seq,
        issued_at_ms: body.issued_at.unix_millis(),
        queued_at_ms: queued_at.unix_millis(),
        schema: body.schema,
        is_permanent: body.is_permanent,
        replaces: body.replaces.as_ref().map(OperationId::to_string),
        tries: tries.count,
        last_error: tries.last_error.map(|error| error.to_string()),
        verdict: body.verdict.as_ref().map(|verdict| match verdict {
            Verdict::Cancel(_) => "cancel",
            Verdict::Fail(_) => "fail",
        }),
        payload: raw(body.payload.as_str())?,
    })
}

fn receipt(id: &OperationId, body: ReceiptBody) -> Result<Receipt, OperatorError> {
    let (id, issued_at_ms) = (id.to_string(), body.issued_at.unix_millis());
    let status = body.status().map_or("pending", OperationStatus::name);
    let mut receipt = Receipt {
        id,
        status,
        issued_at_ms,
        is_permanent: body.is_permanent,
        kind: None,
        entry_counter: None,
        result: None,
        error: None,
        code: body.failure().map(Code::name),
    };
    match body.state {
        ReceiptState::Pending { .. } => {}
        ReceiptState::Kept { entry_counter, .. } => receipt.entry_counter = Some(entry_counter),
        ReceiptState::Full(Receipted { kind, entry_counter, result, error, .. }) => {
            receipt.kind = Some(kind.to_string());
            receipt.entry_counter = Some(entry_counter);
            receipt.result = result.map(|result| raw(result.as_str())).transpose()?;
            receipt.error = error.map(|error| error.to_string());
        }
    }
    Ok(receipt)
}

fn letter(letter: &DeadLetter) -> Result<Letter, OperatorError> {
    let body = &letter.body;
    Ok(Letter {
        id: letter.id.to_string(),
        kind: body.kind.to_string(),
        issued_at_ms: body.issued_at.unix_millis(),
        died_at_ms: letter.died_at.unix_millis(),
        code: body.death.code().name(),
        error: body.error.to_string(),
        tries: body.tries,
        schema: body.schema,
        is_permanent: body.is_permanent,
        requeued_as: body.requeued_as.as_ref().map(OperationId::to_string),
        payload_size: body.payload_size,
        payload: body.payload.as_ref().map(|payload| raw(payload.as_str())).transpose()?,
    })
}
