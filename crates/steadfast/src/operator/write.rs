//! Obtaining a record, and writing it in one batch.

use std::any::Any;
use std::sync::Arc;

use steadfast_core::document::{Cancel, Changes, Document, Draft, EditError, InvalidData};
use steadfast_core::game_server::{Claim, OpenRequest};
use steadfast_core::operation::Handlers;
use steadfast_core::platform::{EntryHead, PlatformError, RevisionId};
use steadfast_core::record::{
    RecordAnswer, RecordCommand, RecordReply, RecordView, RecordWrite, Repair, Unrepairable, With,
    Written,
};
use steadfast_core::schema::{LoadError, Loaded, Stored};
use steadfast_core::session::{NoHooks, OpenError};
use steadfast_core::{Content, EntryId, JsonText, Metadata, Path, Value, WriteId};

use crate::answer::submit;
use crate::commits::{commit, ended, send};
use crate::driver::SessionEvents;
use crate::operator::{Operator, OperatorError};

/// How often something is planned anew because others wrote the record in between.
pub(super) const ATTEMPTS_MAX: u32 = 16;

impl Operator {
    /// Carries out one command.
    pub(super) async fn submit(&self, command: RecordCommand) -> RecordAnswer {
        send(&self.db, Arc::new(command)).await.unwrap_or_else(|| Err(ended()))
    }

    /// Reads a record with its data, as of one moment.
    pub(super) async fn read(&self, entry: &EntryId) -> Result<Box<RecordView>, PlatformError> {
        let command = RecordCommand::Read { entry: entry.clone(), with: With::Data };
        let RecordReply::Read(view) = self.submit(command).await? else {
            unreachable!("a read is answered so")
        };
        Ok(view)
    }

    /// Reads a record that nobody holds. Whoever does is dealt with as the claim says.
    pub(super) async fn free(
        &self,
        entry: &EntryId,
        claim: Claim,
    ) -> Result<Box<RecordView>, OperatorError> {
        for _ in 0..ATTEMPTS_MAX {
            let view = self.read(entry).await?;
            if lease_of(&view).is_none() {
                return Ok(view);
            }
            self.obtain(entry, claim).await?;
        }
        Err(contended(entry))
    }

    /// Opens a record that somebody holds, by the rules of game servers, and lets go of it: without
    /// a word to the game, and without touching what waits for it.
    pub(super) async fn obtain(&self, entry: &EntryId, claim: Claim) -> Result<(), OperatorError> {
        let keep = self.db.sessions().start().map_err(OperatorError::Server)?;
        let (value, user_ids, metadata) = (JsonText::trusted("null"), vec![], Metadata::empty());
        let request = OpenRequest {
            entry: entry.clone(),
            defaults: Arc::new(Content { value, user_ids, metadata }),
            parse: Arc::new(sealed),
            claim,
            handlers: Arc::new(Handlers::idle()),
            hooks: Arc::new(NoHooks),
            spill: None,
            is_play: false,
        };
        let events = Arc::new(SessionEvents::new(keep.change_log(&Arc::default())));
        let answer = submit(|done| {
            // Without a ticket the server is over, and has dropped the completion.
            keep.driver.with(|state, now| state.open(now, request, events, &keep, done));
        });
        let hold = match answer.await.unwrap_or(Err(OpenError::Closed)) {
            Ok(hold) => hold,
            // It is missing by now: nobody holds it.
            Err(OpenError::Data { .. }) => return Ok(()),
            Err(OpenError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(OperatorError::Held(error.into())),
        };
        let released = submit(|done| drop(hold.release(done))).await;
        // Taken by another meanwhile: whoever goes on looks again.
        let fenced = |error: &steadfast_core::session::SaveError| {
            error.kind() == steadfast_core::ErrorKind::Fenced
        };
        match released {
            Some(Err(source)) if !fenced(&source) => {
                Err(OperatorError::Release { entry: entry.clone(), source })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Writes a record. Nothing if it was refused because the record is another one by now.
    pub(super) async fn commit(
        &self,
        write: RecordWrite,
    ) -> Result<Option<Written>, OperatorError> {
        Ok(commit(&self.db, write).await?)
    }

    /// A new id for one write.
    pub(super) fn write_id(&self) -> WriteId {
        self.db.new_write_id()
    }
}

/// Plans a write of a record that nobody holds.
pub(super) fn plan(view: &RecordView, repair: Repair) -> Result<RecordWrite, OperatorError> {
    RecordWrite::repair(view, repair).map_err(|refused| refusal(view, &refused))
}

/// The refusal of a plan, in an operator's words.
pub(super) fn refusal(view: &RecordView, refused: &Unrepairable) -> OperatorError {
    let entry = view.entry.clone();
    match refused {
        Unrepairable::Leased(_) => OperatorError::Held(held(view).into()),
        Unrepairable::OtherFence { stored } => {
            OperatorError::LeaseTokenMismatch { entry, stored: *stored }
        }
        Unrepairable::UnknownFormat { .. } => PlatformError::UnknownFormat { entry }.into(),
    }
}

/// Who holds a record that was looked at.
pub(super) fn held(view: &RecordView) -> OpenError {
    let entry = view.entry.clone();
    let presence = view.holder.as_ref().and_then(|holder| holder.presence.as_ref());
    let address = presence.map_or_else(|| "".into(), |it| Arc::clone(&it.body.address));
    match view.record.as_ref().and_then(|record| Some((record, record.body.lease?))) {
        Some((record, lease)) => {
            let since = Some(lease.since.time(record.stamped_at));
            OpenError::ActiveLease { entry, server: lease.server, address, since }
        }
        None => unreachable!("only a held record is refused for its holder"),
    }
}

/// Who holds a record that was looked at, if anybody does.
pub(super) fn lease_of(view: &RecordView) -> Option<steadfast_core::record::Lease> {
    view.record.as_ref()?.body.lease
}

/// The id of the state of an entry.
pub(super) fn id_of(head: &EntryHead) -> RevisionId {
    RevisionId::of(head.created_at, head.revision, head.updated_at)
}

/// The state that an entry is at, if it is there or was deleted.
pub(super) fn state_of(view: &RecordView) -> Option<RevisionId> {
    view.data.as_ref()?.base.entry.as_ref().map(id_of)
}

/// The state that a write has made.
pub(super) fn made(written: &Written) -> Option<RevisionId> {
    written.base.entry.entry.as_ref().map(id_of)
}

pub(super) fn contended(entry: &EntryId) -> OperatorError {
    OperatorError::Contended { entry: entry.clone(), attempts: ATTEMPTS_MAX }
}

/// Data that is held and never looked at, whatever is wrong with it.
#[derive(Debug)]
struct Sealed(JsonText);

fn sealed(stored: Stored<'_>) -> Result<Loaded, LoadError> {
    if stored.is_new {
        let (path, reason) = (Path::root(), "there is no such record");
        return Err(InvalidData::because(path, reason).into());
    }
    Ok(Loaded::plain(Sealed(stored.text.clone()), stored))
}

fn sealed_off() -> EditError {
    Cancel::because("it is held for an operator").into()
}

impl Document for Sealed {
    fn encode(&mut self) -> JsonText {
        self.0.clone()
    }

    fn size(&mut self) -> usize {
        self.0.size()
    }

    fn rest(&mut self) {}

    fn edit_value(
        &mut self,
        _: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
    ) -> Result<Changes, EditError> {
        Err(sealed_off())
    }

    fn put_value(&mut self, _: Value) -> Result<(), EditError> {
        Err(sealed_off())
    }

    fn snapshot_value(&self) -> Value {
        Value::Null
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
