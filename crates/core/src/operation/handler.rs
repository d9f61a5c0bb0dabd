//! What turns an operation into a change of data.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::document::{Cancel, Changes, Document, EditError};
use crate::id::OperationKind;
use crate::json::JsonText;
use crate::operation::PendingOperation;
use crate::operation::builtin::{self, BUILT_IN_PREFIX};

/// What a handler made of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// What whoever waits is told, and the receipt keeps.
    pub result: Option<JsonText>,
    /// What changed, if that is known.
    pub changes: Changes,
}

/// Why a handler did not apply an operation. Nothing of the data was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    /// Not now. It is tried again later, as often as the settings allow.
    #[error("{0}")]
    Retry(Arc<str>),
    /// Never. It fails, and leaves a dead letter.
    #[error("{0}")]
    Fail(Arc<str>),
    /// It is not wanted any more. It ends without effect.
    #[error("{0}")]
    Cancel(Arc<str>),
}

impl From<Cancel> for HandlerError {
    fn from(cancel: Cancel) -> Self {
        EditError::from(cancel).into()
    }
}

impl From<EditError> for HandlerError {
    /// An edit that gave itself up with a [`HandlerError`] is that; any other error may pass.
    fn from(error: EditError) -> Self {
        if let Some(own) = error.cancelled_by::<Self>() {
            return own.clone();
        }
        let EditError::Cancelled(reason) = &error else {
            return Self::Retry(error.to_string().into());
        };
        Self::Retry(reason.to_string().into())
    }
}

/// A kind that nobody but us may handle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation kind `{kind}` starts with `{BUILT_IN_PREFIX}`, which is reserved")]
pub struct ReservedKind {
    /// The kind.
    pub kind: OperationKind,
}

/// Changes a document as an operation says, all of it or nothing. Deterministic: the same document
/// and operation give the same change and the same answer. Must not block.
pub type HandlerFn = Arc<
    dyn Fn(&mut dyn Document, &PendingOperation) -> Result<Handled, HandlerError> + Send + Sync,
>;

#[derive(Clone)]
struct Handler {
    run: HandlerFn,
    is_permanent: bool,
}

/// What handles each kind of operation.
#[derive(Clone, Default)]
pub struct Handlers {
    of_kind: BTreeMap<OperationKind, Handler>,
    is_idle: bool,
}

impl Handlers {
    /// None but the built-in ones.
    pub fn new() -> Self {
        Self::default()
    }

    /// For who opens a record and does not work on it: every operation waits for the next session,
    /// also those of built-in kinds, and those that an operator has ended.
    pub fn idle() -> Self {
        Self { is_idle: true, ..Self::default() }
    }

    /// Whether all operations are left alone.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Has a kind handled by this. The last one that is given for a kind counts.
    ///
    /// # Errors
    /// [`ReservedKind`]: the kind starts with [`BUILT_IN_PREFIX`]. Nothing is changed then.
    pub fn insert(
        &mut self,
        kind: OperationKind,
        run: HandlerFn,
        is_permanent: bool,
    ) -> Result<(), ReservedKind> {
        if kind.as_str().starts_with(BUILT_IN_PREFIX) {
            return Err(ReservedKind { kind });
        }
        self.of_kind.insert(kind, Handler { run, is_permanent });
        Ok(())
    }

    /// Whether receipts of a kind never leave.
    pub fn is_permanent(&self, kind: &OperationKind) -> bool {
        self.of_kind.get(kind).is_some_and(|handler| handler.is_permanent)
    }

    /// Whether something handles a kind.
    pub fn handles(&self, kind: &OperationKind) -> bool {
        builtin::find(kind).is_some() || self.of_kind.contains_key(kind)
    }

    /// Applies an operation; nothing if nothing handles its kind. A handler that panics has failed.
    pub(crate) fn apply(
        &self,
        document: &mut dyn Document,
        operation: &PendingOperation,
    ) -> Option<Result<Handled, HandlerError>> {
        let kind = &operation.body.kind;
        if let Some(built_in) = builtin::find(kind) {
            return Some(built_in(document, operation));
        }
        let handler = self.of_kind.get(kind)?;
        let run = AssertUnwindSafe(|| (handler.run)(document, operation));
        let panicked = |_| Err(HandlerError::Retry("its handler panicked".into()));
        Some(catch_unwind(run).unwrap_or_else(panicked))
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.of_kind.keys()).finish()
    }
}

#[cfg(test)]
#[path = "handler/tests.rs"]
mod tests;
