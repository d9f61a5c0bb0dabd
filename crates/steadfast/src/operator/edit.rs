//! Edits: of records that nobody holds in one write, and of any record by an operation.

use std::sync::Arc;

use steadfast_core::document::{Cancel, Change, Draft, diff, edit_copy};
use steadfast_core::game_server::Claim;
use steadfast_core::operation::{ADD, REMOVE, SET};
use steadfast_core::path::Step;
use steadfast_core::platform::{PlatformError, RevisionId};
use steadfast_core::record::{Data, RecordView, Repair};
use steadfast_core::value::Number;
use steadfast_core::{Content, EntryId, OperationId, OperationKind, Path, Value};

use crate::errors::EditError;
use crate::operator::log::Marks;
use crate::operator::look::{lease_info, value_of};
use crate::operator::write::{ATTEMPTS_MAX, contended, held, made, plan, state_of};
use crate::operator::{
    Action, AsKey, LeaseInfo, Liveness, Mandate, NewOperation, Operator, OperatorError,
    QueuedOperation,
};

/// What a change did to a record, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which record.
    pub entry: EntryId,
    /// Its state before; nothing if it was missing.
    pub before: Option<RevisionId>,
    /// Its state after. The one before if nothing changed, and in a dry run.
    pub after: Option<RevisionId>,
    /// Where its data differs. What cannot be read, or is deleted, counts as `null`.
    pub differences: Vec<Change>,
    /// The schema that stands beside its data afterwards.
    pub schema: u32,
    /// In a dry run, who would lose the record or be asked for it.
    pub holder: Option<LeaseInfo>,
    /// Whether nothing of it was done.
    pub is_dry_run: bool,
}

impl Changed {
    pub(super) fn marks(&self) -> Marks {
        Marks { before: self.before.clone(), after: self.after.clone() }
    }
}

/// An edit that reaches a running session: one of the kinds of operations that every record
/// understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnlineEdit {
    /// Puts a value at a path.
    Set {
        /// Where. Its parent must exist.
        path: Path,
        /// What.
        value: Value,
    },
    /// Adds to the number at a path; a missing one counts as 0.
    Add {
        /// Where.
        path: Path,
        /// How much; less than nothing takes away.
        amount: Number,
    },
    /// Takes out what stands at a path.
    Remove {
        /// Where.
        path: Path,
    },
}

impl OnlineEdit {
    fn parts(&self) -> (&'static str, Value) {
        let object = |path: &Path, more: Option<(&str, Value)>| {
            let steps = path.steps().iter().map(|step| match step {
                Step::Key(key) => Value::from(&**key),
                // An index that no array has is refused where the operation is handled.
                Step::Index(index) => Value::from(i64::try_from(*index).unwrap_or(i64::MAX)),
            });
            Value::object([("path", Value::array(steps))].into_iter().chain(more))
        };
        match self {
            Self::Set { path, value } => (SET, object(path, Some(("value", value.clone())))),
            Self::Add { path, amount } => (ADD, object(path, Some(("amount", (*amount).into())))),
            Self::Remove { path } => (REMOVE, object(path, None)),
        }
    }
}

impl Operator {
    /// Edits a record that nobody holds: all of the edit or nothing, in one write, as a revision that
    /// is never thinned. A holder that is dead is waited out; its number of the schema stays.
    ///
    /// The callback may run up to 16 times, whenever others wrote the record in between, and must have
    /// no effect besides its edit. Nothing is written if it changes nothing.
    ///
    /// # Errors
    /// [`OperatorError`]: code `ActiveLease` with the holder's name if it lives, `EntryNotFound` if
    /// there is no such record. To edit under a running session, [`edit_online`](Self::edit_online).
    pub async fn update<F>(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        mut edit: F,
    ) -> Result<Changed, OperatorError>
    where
        F: FnMut(&mut Draft) -> Result<(), Cancel> + Send,
    {
        let key = &self.key(key)?;
        self.check_access(Action::Update, Some(key), Some(mandate))?;
        self.check_mandate(mandate)?;
        let entry = self.entry(key);
        if mandate.is_dry_run() {
            let (view, holder) = self.look_for_change(&entry, Claim::IfFree).await?;
            let (_, differences) = self.edited(&view, &mut edit)?;
            return Ok(would_change(&view, differences, holder));
        }
        let begun = self.begin(Action::Update, key, mandate, String::new()).await?;
        let result = self.update_now(&entry, &mut edit).await;
        self.end(begun, result, Changed::marks).await
    }

    async fn update_now(
        &self,
        entry: &EntryId,
        edit: &mut (dyn FnMut(&mut Draft) -> Result<(), Cancel> + Send),
    ) -> Result<Changed, OperatorError> {
        for _ in 0..ATTEMPTS_MAX {
            let view = self.free(entry, Claim::IfFree).await?;
            let (content, differences) = self.edited(&view, edit)?;
            let mut changed = would_change(&view, differences, None);
            changed.is_dry_run = false;
            if changed.differences.is_empty() {
                return Ok(changed);
            }
            let data = Data::Put { content: Arc::new(content), pinned: true };
            let write_id = self.write_id();
            let write = plan(&view, Repair { write_id, data, schema: None, ledger: None })?;
            if let Some(written) = self.commit(write).await? {
                return Ok(Changed { after: made(&written), ..changed });
            }
        }
        Err(contended(entry))
    }

    /// What an edit makes of a record.
    fn edited(
        &self,
        view: &RecordView,
        edit: &mut (dyn FnMut(&mut Draft) -> Result<(), Cancel> + Send),
    ) -> Result<(Content, Vec<Change>), OperatorError> {
        let entry = &view.entry;
        let content = view.data.as_ref().and_then(|data| data.content.as_ref());
        let Some(content) = content else {
            return Err(PlatformError::EntryNotFound { entry: entry.clone() }.into());
        };
        let value = value_of(entry, &content.value)?;
        let limits = self.db.sessions().options().documents;
        let (edited, _) = edit_copy(&value, limits, &mut |draft| edit(draft))
            .map_err(|error| OperatorError::Edit(Box::new(EditError::Edit(error))))?;
        let differences = diff(&value, &edited);
        let (user_ids, metadata) = (content.user_ids.clone(), content.metadata.clone());
        Ok((Content { value: edited.to_json(), user_ids, metadata }, differences))
    }

    /// Looks at a record for a dry run, and at who would have to be asked for it. One that lives and
    /// may not be asked refuses.
    pub(super) async fn look_for_change(
        &self,
        entry: &EntryId,
        claim: Claim,
    ) -> Result<(Box<RecordView>, Option<LeaseInfo>), OperatorError> {
        let view = self.read(entry).await?;
        let presence = view.holder.as_ref().and_then(|holder| holder.presence.as_ref());
        let record = view.record.as_ref();
        let holder = record.and_then(|record| lease_info(record, presence, self.judge(view.now)));
        let lives = holder.as_ref().is_some_and(|it| it.liveness == Liveness::Alive);
        if lives && claim == Claim::IfFree {
            return Err(OperatorError::Held(held(&view).into()));
        }
        Ok((view, holder))
    }

    /// Edits a record wherever it is, by a durable operation: a running session makes the edit within
    /// one renewal of its server and goes on, otherwise the next session does. What the data refuses
    /// leaves a dead letter. [`operation`](Self::operation) tells what became of it.
    ///
    /// # Errors
    /// [`OperatorError`]: as [`queue`](Self::queue).
    pub async fn edit_online(
        &self,
        key: &(impl AsKey + ?Sized),
        mandate: &Mandate,
        edit: OnlineEdit,
    ) -> Result<QueuedOperation, OperatorError> {
        let key = &self.key(key)?;
        let (kind, payload) = edit.parts();
        let operation = NewOperation {
            id: OperationId::trusted(format!("operator-{}", self.write_id())),
            kind: OperationKind::trusted(kind),
            payload: payload.to_json(),
            issued_at: None,
            schema: 0,
            is_permanent: false,
        };
        self.queue_as(Action::EditOnline, key, mandate, operation).await
    }
}

/// What is known before a change is made.
pub(super) fn would_change(
    view: &RecordView,
    differences: Vec<Change>,
    holder: Option<LeaseInfo>,
) -> Changed {
    let before = state_of(view);
    Changed {
        entry: view.entry.clone(),
        after: before.clone(),
        before,
        differences,
        schema: view.record.as_ref().map_or(0, |record| record.body.schema),
        holder,
        is_dry_run: true,
    }
}
