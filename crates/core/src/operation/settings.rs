//! What operations may take. The defaults are those of `spec/features.md` section 14.

use std::time::Duration;

/// What becomes of an operation whose kind nothing handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownOperationPolicy {
    /// It waits for a server that handles it.
    #[default]
    Retry,
    /// It ends without effect.
    Cancel,
    /// It fails, and leaves a dead letter.
    Fail,
}

/// The limits of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationSettings {
    /// Most operations that one write settles.
    pub process_max: usize,
    /// How often a handler may fail before the operation does.
    pub attempts_max: u32,
    /// How long an operation may wait; for ever if nothing.
    pub time_to_live: Option<Duration>,
    /// How long an operation pauses after a failure of its handler.
    pub retry_every: Duration,
    /// What becomes of kinds that nothing handles.
    pub on_unknown: UnknownOperationPolicy,
    /// Full receipts that are kept.
    pub receipts_max: u32,
    /// Ids that are kept after that.
    pub kept_max: u32,
    /// How long either is kept at most.
    pub receipt_age_max: Duration,
    /// Dead letters that are kept.
    pub dead_letters_max: u32,
    /// Largest payload that a dead letter keeps, in bytes.
    pub dead_letter_payload_max: usize,
    /// Largest payload, in bytes.
    pub payload_size_max: usize,
    /// Largest answer of a handler, in bytes. A larger one is left out of the receipt.
    pub result_size_max: usize,
    /// Bytes that the receipts of a record may count together.
    pub ledger_size_max: u64,
    /// Operations of a record that may wait.
    pub pending_max: u64,
    /// How far ahead of the store's time an operation may be issued.
    pub issued_ahead_max: Duration,
}

impl Default for OperationSettings {
    fn default() -> Self {
        Self {
            process_max: 50,
            attempts_max: 10,
            time_to_live: None,
            retry_every: Duration::from_secs(10),
            on_unknown: UnknownOperationPolicy::Retry,
            receipts_max: 500,
            kept_max: 5_000,
            receipt_age_max: Duration::from_hours(7 * 24),
            dead_letters_max: 100,
            dead_letter_payload_max: 8_192,
            payload_size_max: 64 * 1_024,
            result_size_max: 4_096,
            ledger_size_max: 256 * 1_024,
            pending_max: 10_000,
            issued_ahead_max: Duration::from_mins(10),
        }
    }
}
