//! Putting an earlier state of a record back, and deleting a record.
//!
//! A restore is one write: the data of then, as a new revision; without the receipts of operations
//! that ended since, so that these may be queued and applied again; under a new fence. The state
//! before it stays in history, whatever is thinned there. It goes forward in everything else: the
//! revision, the fence, the ends of grants, the horizon of the ledger.

use std::sync::Arc;

use steadfast_core::document::{Change, diff};
use steadfast_core::game_server::Claim;
use steadfast_core::operation::LedgerWrite;
use steadfast_core::platform::{EntryState, PlatformError, RevisionId, Which};
use steadfast_core::record::{Data, RecordView, RecordWrite, Repair};
use steadfast_core::{EntryId, EntryKey, Limits, Timestamp, Value};

use crate::operator::edit::would_change;
use crate::operator::write::{ATTEMPTS_MAX, contended, made, plan};
use crate::operator::{Action, AsKey, Changed, HistoryQuery, Mandate, Operator, OperatorError};

/// The state that is put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreTo {
    /// The one of this id.
    Revision(RevisionId),
    /// The one that was current at this time.
    Time(Timestamp),
}

/// A restore that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    to: RestoreTo,
    schema: Option<u32>,
    claim: Claim,
}

impl Restore {
    /// Puts a state back. A living holder is asked to let go, and the restore fails if it does not.
    pub fn to(to: RestoreTo) -> Self {
        Self { to, schema: None, claim: Claim::Wait }
    }

    /// Says which schema the data of that state has. History tells it of what games and operators wrote;
    /// needed only for what was written as an entry, where the schema may have changed since.
    #[must_use]
    pub fn schema(self, schema: u32) -> Self {
        Self { schema: Some(schema), ..self }
    }

    /// Takes the record from a living holder that does not let go. What that one did not save is lost
    /// to the record.
    #[must_use]
    pub fn by_force(self) -> Self {
        Self { claim: Claim::Steal, ..self }
    }
}

impl Operator {
    /// Puts an earlier state of a record back, as a new revision that is never thinned. Whoever holds
    /// the record is asked for it first. Operations that ended since that state are taken back: they
    /// may be queued again; those that wait go on waiting. Ids that were pruned since stay refused.
    ///
    /// # Errors
    /// [`OperatorError`]: code `VersionNotFound` if that state is not there or is a deletion,
    /// `LockTimeout` with the holder's name if it does not let go; [`OperatorError::SchemaUnknown`].
    pub async fn restore(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        restore: Restore,
    ) -> Result<Changed, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::Restore, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        if mandate.is_dry_run() {
            let snapshot = self.snapshot(&entry, &restore.to).await?;
            let (view, holder) = self.look_for_change(&entry, restore.claim).await?;
            let schema = self.schema_of(&view, &snapshot, restore.schema).await?;
            let changed = would_change(&view, difference(&view, Some(&snapshot)), holder);
            return Ok(Changed { schema: schema.unwrap_or(changed.schema), ..changed });
        }
        let detail = match &restore.to {
            RestoreTo::Revision(id) => format!("to {id}"),
            RestoreTo::Time(time) => format!("to {} ms", time.unix_millis()),
        };
        let begun = self.begin(Action::Restore, key, mandate, detail).await?;
        let result = self.restore_now(&entry, &restore).await;
        self.end(begun, result, Changed::marks).await
    }

    async fn restore_now(
        &self,
        entry: &EntryId,
        restore: &Restore,
    ) -> Result<Changed, OperatorError> {
        let snapshot = self.snapshot(entry, &restore.to).await?;
        for _ in 0..ATTEMPTS_MAX {
            let view = self.free(entry, restore.claim).await?;
            let schema = self.schema_of(&view, &snapshot, restore.schema).await?;
            let (write, changed) = self.plan_restore(&view, &snapshot, schema)?;
            if let Some(written) = self.commit(write).await? {
                return Ok(Changed { after: made(&written), is_dry_run: false, ..changed });
            }
        }
        Err(contended(entry))
    }

    fn plan_restore(
        &self,
        view: &RecordView,
        snapshot: &EntryState,
        schema: Option<u32>,
    ) -> Result<(RecordWrite, Changed), OperatorError> {
        let content = snapshot.content.clone().expect("only a state that is there is put back");
        let ledger = LedgerWrite {
            settled: vec![],
            tried: vec![],
            undo_after: Some(snapshot.revision.counter),
            rebuild: false,
            settings: self.db.operations(),
        };
        let (write_id, data) = (self.write_id(), Data::Put { content, pinned: true });
        let ledger = Some(Box::new(ledger));
        let write = plan(view, Repair { write_id, data, schema, ledger })?;
        let changed = would_change(view, difference(view, Some(snapshot)), None);
        Ok((write, Changed { schema: schema.unwrap_or(changed.schema), ..changed }))
    }

    /// The state that is to be put back.
    async fn snapshot(&self, entry: &EntryId, to: &RestoreTo) -> Result<EntryState, OperatorError> {
        let which = match to {
            RestoreTo::Revision(id) => Which::Revision(id.clone()),
            RestoreTo::Time(time) => Which::At(*time),
        };
        match self.state(entry, which).await {
            Ok(state) if state.content.is_some() => Ok(state),
            // A deletion, or nothing: what is deleted is deleted by a call of its own.
            Ok(_) | Err(PlatformError::EntryNotFound { .. }) => {
                Err(PlatformError::RevisionNotFound { entry: entry.clone() }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The schema that is put back with a state; nothing to keep the present one.
    async fn schema_of(
        &self,
        view: &RecordView,
        snapshot: &EntryState,
        said: Option<u32>,
    ) -> Result<Option<u32>, OperatorError> {
        let Some(record) = &view.record else { return Ok(said.or(snapshot.schema)) };
        if said.is_some() || snapshot.schema.is_some() {
            return Ok(said.or(snapshot.schema));
        }
        self.schema_between(&view.entry, snapshot, record.body.schema).await.map(Some)
    }

    /// The schema of a state that was written as an entry, which leaves the record's as it is: the one
    /// of the record's write before it, else of the next one after it.
    ///
    /// What changes the schema, such as a migration, is a write of the record whose revision is pinned,
    /// and never thinned. So where none lies between, that one is the right one.
    async fn schema_between(
        &self,
        entry: &EntryId,
        snapshot: &EntryState,
        present: u32,
    ) -> Result<u32, OperatorError> {
        let (mut next, mut is_versioned) = (Some(present), present > 0);
        let mut query = HistoryQuery { page_size: 1_024, ..HistoryQuery::default() };
        loop {
            let page = self.revisions(entry, &query).await?;
            for revision in page.items {
                let is_after =
                    revision.id.counter().unwrap_or(u64::MAX) > snapshot.revision.counter;
                let is_same_life = revision.created_at == snapshot.created_at;
                let Some(schema) = revision.schema else { continue };
                is_versioned |= schema > 0;
                match (is_after, is_same_life) {
                    (true, true) if !revision.is_pinned => next = Some(schema),
                    (true, _) => next = None,
                    (false, true) => return Ok(schema),
                    (false, false) => {}
                }
            }
            query.beyond = page.next;
            if query.beyond.is_none() {
                let next = next.or((!is_versioned).then_some(0));
                let unknown = || OperatorError::SchemaUnknown { entry: entry.clone(), present };
                return next.ok_or_else(unknown);
            }
        }
    }

    /// What [`delete`](Self::delete) has to be told, so that nobody deletes another record than he
    /// thinks.
    pub fn delete_confirmation(&self, key: &EntryKey) -> String {
        format!("delete {}", self.entry(key))
    }

    /// Deletes a record: it leaves a tombstone, whose counter goes on, and its past stays readable for
    /// 30 days. Whoever holds it is asked for it first. Operations that wait go on waiting.
    ///
    /// # Errors
    /// [`OperatorError`]: code `DeleteConfirmationMismatch`, `EntryNotFound`, or `LockTimeout` with
    /// the holder's name if it does not let go.
    pub async fn delete(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        confirmation: &str,
    ) -> Result<Changed, OperatorError> {
        let key = &self.key(key)?;
        self.check_access(Action::Delete, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        if confirmation != self.delete_confirmation(key) {
            return Err(OperatorError::ConfirmationMismatch { entry });
        }
        if mandate.is_dry_run() {
            let (view, holder) = self.look_for_change(&entry, Claim::Wait).await?;
            check_there(&view)?;
            return Ok(would_change(&view, difference(&view, None), holder));
        }
        let begun = self.begin(Action::Delete, key, mandate, String::new()).await?;
        let result = self.delete_now(&entry).await;
        self.end(begun, result, Changed::marks).await
    }

    async fn delete_now(&self, entry: &EntryId) -> Result<Changed, OperatorError> {
        for _ in 0..ATTEMPTS_MAX {
            let view = self.free(entry, Claim::Wait).await?;
            check_there(&view)?;
            let changed = would_change(&view, difference(&view, None), None);
            let (write_id, data) = (self.write_id(), Data::Delete);
            let write = plan(&view, Repair { write_id, data, schema: None, ledger: None })?;
            if let Some(written) = self.commit(write).await? {
                return Ok(Changed { after: made(&written), is_dry_run: false, ..changed });
            }
        }
        Err(contended(entry))
    }
}

fn check_there(view: &RecordView) -> Result<(), OperatorError> {
    let is_there = view.data.as_ref().is_some_and(|data| data.content.is_some());
    let entry = view.entry.clone();
    if is_there { Ok(()) } else { Err(PlatformError::EntryNotFound { entry }.into()) }
}

/// Where a record differs from a state, or from nothing. What cannot be read is no reason not to
/// replace it.
fn difference(view: &RecordView, state: Option<&EntryState>) -> Vec<Change> {
    let value = |content: Option<&Arc<steadfast_core::Content>>| {
        let text = content.map(|content| content.value.as_str());
        text.and_then(|text| Value::parse(text, &Limits::native()).ok()).unwrap_or_default()
    };
    let old = value(view.data.as_ref().and_then(|data| data.content.as_ref()));
    diff(&old, &value(state.and_then(|state| state.content.as_ref())))
}
