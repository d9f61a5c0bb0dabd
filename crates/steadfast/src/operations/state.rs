//! How operations stand.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use steadfast_core::operation::{
    OperationStatus, OperationView, Queued, ReceiptBody, ReceiptState, Receipted, Tries,
};
use steadfast_core::{Code, JsonText, Timestamp};

use crate::errors::OperationError;

/// How an operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// It is durable and waits for whoever opens the record, or has it open. It was not tried in
    /// vain, as far as is stored.
    Queued,
    /// It was tried in vain, and is tried again.
    Pending {
        /// How often.
        tries: u32,
        /// What went wrong last.
        last_error: Option<Arc<str>>,
    },
    /// What it changed is stored.
    Applied {
        /// What its handler answered; nothing if that was nothing, too large, or not kept any more.
        result: Option<JsonText>,
    },
    /// It ended without effect.
    Cancelled {
        /// Why; nothing if that is not kept any more.
        reason: Option<Arc<str>>,
    },
    /// It failed for good, and left a dead letter.
    Failed {
        /// What went wrong last; nothing if that is not kept any more.
        error: Option<Arc<str>>,
        /// Tries before its end, as far as they are kept.
        tries: u32,
        /// `MissingHandler`, `OperationExpired` if it waited longer than it may, else `HandlerFailed`;
        /// that too where the cause is not kept any more.
        code: Code,
    },
    /// Nobody knows it, and it was issued so long ago that it may have been applied and forgotten.
    Expired,
    /// Nobody knows it.
    NotFound,
}

impl OperationState {
    /// Whether nothing more will become of it.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Applied { .. } | Self::Cancelled { .. } | Self::Failed { .. } => true,
            Self::Queued | Self::Pending { .. } | Self::Expired | Self::NotFound => false,
        }
    }

    /// What its handler answered, as a type of one's own, if it was applied; else why it was not.
    /// A result that is not there is read as `null`.
    ///
    /// # Errors
    /// [`OperationError`]: `HandlerFailed`, `MissingHandler` or `OperationExpired` if it failed,
    /// `TransactionCancelled`, `OutcomeUnknown` if it has not ended, `OperationExpired` also if it is
    /// too old to be known, `OperationNotFound`; `InvalidData` if the answer is none of that type.
    pub fn applied<R: DeserializeOwned>(&self) -> Result<R, OperationError> {
        let forgotten = || Arc::from("its reason is not kept any more");
        match self {
            Self::Applied { result } => {
                let text = result.as_ref().map_or("null", JsonText::as_str);
                serde_json::from_str(text).map_err(OperationError::Json)
            }
            Self::Cancelled { reason } => {
                let reason = reason.clone().unwrap_or_else(forgotten);
                Err(OperationError::Cancelled { reason })
            }
            Self::Failed { error, tries, code } => {
                let error = error.clone().unwrap_or_else(forgotten);
                Err(OperationError::Failed { error, tries: *tries, code: *code })
            }
            Self::Queued | Self::Pending { .. } => Err(OperationError::Unsettled),
            Self::Expired => Err(OperationError::Expired),
            Self::NotFound => Err(OperationError::NotFound),
        }
    }

    pub(super) fn of_receipt(receipt: &ReceiptBody) -> Self {
        match &receipt.state {
            ReceiptState::Pending { tries: Tries { count: 0, .. }, .. } => Self::Queued,
            ReceiptState::Pending { tries: Tries { count, last_error, .. }, .. } => {
                Self::Pending { tries: *count, last_error: last_error.clone() }
            }
            ReceiptState::Full(Receipted { status, result, error, tries, .. }) => {
                let code = receipt.failure();
                Self::ended(*status, result.clone(), error.clone(), *tries, code)
            }
            ReceiptState::Kept { status, .. } => Self::ended(*status, None, None, 0, None),
        }
    }

    fn ended(
        status: OperationStatus,
        result: Option<JsonText>,
        error: Option<Arc<str>>,
        tries: u32,
        code: Option<Code>,
    ) -> Self {
        match status {
            OperationStatus::Applied => Self::Applied { result },
            OperationStatus::Cancelled => Self::Cancelled { reason: error },
            OperationStatus::Failed => {
                Self::Failed { error, tries, code: code.unwrap_or(Code::HandlerFailed) }
            }
        }
    }

    pub(super) fn of_view(view: &OperationView, issued_at: Option<Timestamp>) -> Self {
        match &view.receipt {
            Some(receipt) => Self::of_receipt(receipt),
            None if issued_at.is_some() && issued_at <= view.horizon => Self::Expired,
            None => Self::NotFound,
        }
    }
}

/// An operation that is queued, from now on or since before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedOperation {
    /// How it stands.
    pub state: OperationState,
    /// Whether it was queued by this very call.
    pub is_new: bool,
    /// When it was issued.
    pub issued_at: Timestamp,
}

impl From<Queued> for QueuedOperation {
    fn from(queued: Queued) -> Self {
        let Queued { receipt, is_new, .. } = queued;
        let state = OperationState::of_receipt(&receipt);
        Self { state, is_new, issued_at: receipt.issued_at }
    }
}
