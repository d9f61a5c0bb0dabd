//! Reads everything that a directory holds of the players. Nobody else has it open.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use steadfast::core::operation::{ReceiptBody, ReceiptState, Receipted};
use steadfast::core::platform::{ListEntries, PAGE_SIZE_MAX, Settings};
use steadfast::core::record::{RecordCommand, RecordReply, With};
use steadfast::core::row::Span;
use steadfast::core::{
    EntryId, EntryKey, Limits, OpeningId, OperationId, Scope, StoreId, StoreName, UniverseId,
};
use steadfast::storage::{
    Backend, LocalPlatform, LocalRecords, Ownership, Platform, Records, wait,
};
use steadfast_storage_redb::{Options, RedbBackend};

use super::{Ended, Stored};
use crate::Failure;
use crate::world::{KEY_PREFIX, Kind, STORE, Save};

/// Rows that are asked for at once.
const PAGE_SIZE: usize = 1_000;

/// Reads these players and all that have a record.
pub(crate) fn read(
    dir: &Path,
    players: impl IntoIterator<Item = u64>,
) -> Result<Vec<Stored>, Failure> {
    let backend = Arc::new(RedbBackend::open(dir, Options::default())?);
    let limits = Limits::native();
    let as_backend: Arc<dyn Backend> = Arc::<RedbBackend>::clone(&backend);
    let platform = LocalPlatform::new(as_backend, Settings::native(), limits.writes_per_key_max)?;
    let records = LocalRecords::new(platform.clone(), OpeningId(0), Ownership::Sole);
    let store = StoreId { universe: UniverseId(1), name: StoreName::parse(STORE, &limits)? };
    let reader = Reader { platform, records, store, limits };
    let mut all: BTreeSet<u64> = players.into_iter().collect();
    all.extend(reader.players()?);
    let stored = all.into_iter().map(|player| reader.player(player)).collect();
    backend.close().map_err(|reason| reason.to_string())?;
    stored
}

struct Reader {
    platform: LocalPlatform,
    records: LocalRecords,
    store: StoreId,
    limits: Limits,
}

impl Reader {
    fn players(&self) -> Result<Vec<u64>, Failure> {
        let (mut players, mut after) = (Vec::new(), None);
        loop {
            let request = ListEntries {
                store: self.store.clone(),
                spans: vec![Span::all()],
                key_prefix: KEY_PREFIX.into(),
                with_deleted: false,
                after,
                page_size: PAGE_SIZE_MAX,
            };
            let page =
                wait(|done| self.platform.list_entries(request, done)).ok_or(NO_ANSWER)??;
            for item in &page.items {
                let number = item.key.as_str().strip_prefix(KEY_PREFIX).unwrap_or_default();
                players.push(number.parse()?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(players);
            }
        }
    }

    fn player(&self, player: u64) -> Result<Stored, Failure> {
        let key = EntryKey::parse(&format!("{KEY_PREFIX}{player}"), &self.limits)?;
        let entry = EntryId { store: self.store.clone(), scope: Scope::global(), key };
        let mut stored = Stored { player, save: self.save(&entry)?, ..Stored::default() };
        self.receipts(&entry, &mut stored)?;
        self.waiting(&entry, &mut stored)?;
        Ok(stored)
    }

    /// Who has operations and never joined owns nothing.
    fn save(&self, entry: &EntryId) -> Result<Save, Failure> {
        let read = RecordCommand::Read { entry: entry.clone(), with: With::Data };
        let RecordReply::Read(view) = self.ask(read)? else { return Err(NO_ANSWER.into()) };
        let content = view.data.and_then(|data| data.content);
        content.map_or(Ok(Save::default()), |it| Ok(serde_json::from_str(it.value.as_str())?))
    }

    fn receipts(&self, entry: &EntryId, stored: &mut Stored) -> Result<(), Failure> {
        let mut after: Option<OperationId> = None;
        loop {
            let (entry, limit) = (entry.clone(), PAGE_SIZE);
            let read = RecordCommand::ReadReceipts { entry, after: after.take(), limit };
            let RecordReply::Receipts(page, has_more) = self.ask(read)? else {
                return Err(NO_ANSWER.into());
            };
            after = page.last().map(|(id, _)| id.clone());
            for (id, receipt) in page {
                let id = id.as_str().to_owned();
                match ended(receipt)? {
                    Some(ended) => drop(stored.ended.insert(id, ended)),
                    None => drop(stored.expected.insert(id)),
                }
            }
            if !has_more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn waiting(&self, entry: &EntryId, stored: &mut Stored) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let read = RecordCommand::ReadInbox { entry: entry.clone(), after, limit: PAGE_SIZE };
            let RecordReply::Inbox(page) = self.ask(read)? else { return Err(NO_ANSWER.into()) };
            after = page.operations.last().map(|operation| operation.seq);
            let ids = page.operations.iter().map(|it| it.body.id.as_str().to_owned());
            stored.waiting.extend(ids);
            if !page.has_more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn ask(&self, command: RecordCommand) -> Result<RecordReply, Failure> {
        let answer = wait(|done| self.records.submit(Arc::new(command), done));
        Ok(answer.ok_or(NO_ANSWER)??)
    }
}

const NO_ANSWER: &str = "the store did not answer what it was asked";

/// How an operation ended; nothing if it waits.
fn ended(receipt: ReceiptBody) -> Result<Option<Ended>, Failure> {
    Ok(match receipt.state {
        ReceiptState::Pending { .. } => None,
        ReceiptState::Full(Receipted { kind, status, result, .. }) => {
            let flow = result.map(|it| serde_json::from_str(it.as_str())).transpose()?;
            Some(Ended { status, kind: Kind::named(kind.as_str()), flow })
        }
        ReceiptState::Kept { status, .. } => Some(Ended { status, kind: None, flow: None }),
    })
}
