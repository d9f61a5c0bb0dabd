//! Operations as they are asked for, and their names.

use std::sync::Arc;

use serde::Serialize;
use steadfast_core::id::{OperationId, OperationKind};
use steadfast_core::operation::{ADD, REMOVE, SET};
use steadfast_core::path::Step;
use steadfast_core::value::Number;
use steadfast_core::{JsonText, Path, Timestamp, Value};

use crate::errors::OperationError;

/// An operation to be queued.
///
/// Its id is the caller's, and never used for anything else: `gift-2026-12-24-7`, or what a payment
/// provider calls the purchase. Queued again under it, the operation counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it does nothing before it is queued"]
pub struct NewOperation {
    pub(super) id: OperationId,
    pub(super) kind: OperationKind,
    pub(super) payload: Option<JsonText>,
    pub(super) issued_at: Option<Timestamp>,
    pub(super) is_permanent: bool,
    pub(super) replaces: Option<OperationId>,
}

impl NewOperation {
    /// An operation of a kind, with what its handler is given.
    ///
    /// # Errors
    /// [`OperationError::Name`], [`OperationError::Json`].
    pub fn new(
        id: &str,
        kind: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> Result<Self, OperationError> {
        let payload = serde_json::to_string(payload).map_err(OperationError::Json)?;
        Self::with_payload(id, kind, Some(JsonText::trusted(payload)))
    }

    /// Puts a value at a path of the data: built in, for operators.
    ///
    /// # Errors
    /// [`OperationError::Name`].
    pub fn set(
        id: &str,
        path: impl Into<Path>,
        value: impl Into<Value>,
    ) -> Result<Self, OperationError> {
        Self::built_in(id, SET, &path.into(), Some(("value", value.into())))
    }

    /// Adds an amount, which may be negative, to the number at a path of the data: built in, for
    /// operators. The sum is its result.
    ///
    /// # Errors
    /// [`OperationError::Name`].
    pub fn add(
        id: &str,
        path: impl Into<Path>,
        amount: impl Into<Number>,
    ) -> Result<Self, OperationError> {
        let amount = Value::Number(amount.into());
        Self::built_in(id, ADD, &path.into(), Some(("amount", amount)))
    }

    /// Takes out what stands at a path of the data: built in, for operators.
    ///
    /// # Errors
    /// [`OperationError::Name`].
    pub fn remove(id: &str, path: impl Into<Path>) -> Result<Self, OperationError> {
        Self::built_in(id, REMOVE, &path.into(), None)
    }

    /// Tries a dead letter again, with the payload that it kept.
    ///
    /// # Errors
    /// [`OperationError::Name`].
    pub fn again(id: &str, kind: &str, letter: &str) -> Result<Self, OperationError> {
        Self::with_payload(id, kind, None)?.replacing(letter)
    }

    fn with_payload(
        id: &str,
        kind: &str,
        payload: Option<JsonText>,
    ) -> Result<Self, OperationError> {
        let (id, kind) = (OperationId::parse(id)?, OperationKind::parse(kind)?);
        let (issued_at, is_permanent, replaces) = (None, false, None);
        Ok(Self { id, kind, payload, issued_at, is_permanent, replaces })
    }

    fn built_in(
        id: &str,
        kind: &str,
        path: &Path,
        argument: Option<(&str, Value)>,
    ) -> Result<Self, OperationError> {
        let steps = path.steps().iter().map(|step| match step {
            Step::Key(key) => Value::from(&**key),
            Step::Index(index) => Value::from(u64::try_from(*index).unwrap_or(u64::MAX)),
        });
        let path = ("path", Value::array(steps));
        let payload = Value::object([path].into_iter().chain(argument)).to_json();
        Self::with_payload(id, kind, Some(payload))
    }

    /// When it was issued, by the store's time: when it is queued, unless set. Whoever may queue it
    /// again days later, after its receipt is gone, says it, and says the same each time.
    pub fn issued_at(self, time: Timestamp) -> Self {
        Self { issued_at: Some(time), ..self }
    }

    /// Its receipt never leaves, as for what was paid for. So it is anyway where its kind is
    /// [permanent](crate::Store::handle_permanent).
    pub fn permanent(self) -> Self {
        Self { is_permanent: true, ..self }
    }

    /// It tries again what a dead letter of the same kind was for, which is marked in the same write.
    ///
    /// # Errors
    /// [`OperationError::Name`].
    pub fn replacing(self, letter: &str) -> Result<Self, OperationError> {
        Ok(Self { replaces: Some(OperationId::parse(letter)?), ..self })
    }

    /// Its id.
    pub fn id(&self) -> &OperationId {
        &self.id
    }

    /// What handles it.
    pub fn kind(&self) -> &OperationKind {
        &self.kind
    }
}

/// Which operation is asked for: its id, and when it was issued, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationName {
    pub(super) id: Arc<str>,
    pub(super) issued_at: Option<Timestamp>,
}

impl OperationName {
    /// One that was issued at that time: if nobody knows it, the answer can tell one that is too old
    /// from one that never was.
    #[must_use]
    pub fn issued_at(self, time: Timestamp) -> Self {
        Self { issued_at: Some(time), ..self }
    }
}

impl From<&str> for OperationName {
    fn from(id: &str) -> Self {
        Self { id: id.into(), issued_at: None }
    }
}

impl From<&OperationId> for OperationName {
    fn from(id: &OperationId) -> Self {
        id.as_str().into()
    }
}

impl From<&NewOperation> for OperationName {
    fn from(operation: &NewOperation) -> Self {
        Self { id: operation.id.as_str().into(), issued_at: operation.issued_at }
    }
}
