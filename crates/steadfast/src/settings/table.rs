//! The table of settings.

use std::time::Duration;

use steadfast_core::operation::UnknownOperationPolicy;
use steadfast_core::record::LeaseMode;
use steadfast_core::session::SuspendPolicy;

use super::access::{Number, choice, count, flag, time};
use super::setting::{Access, Setting};
use super::{Accepts, LEASE_TIMEOUT, OnLoadFailure, SettingValue};

/// Every setting, in the order in which they are documented. Those of indexes and worlds come with
/// them.
pub static SETTINGS: [Setting; 55] = [
    Setting {
        name: "AutoSaveInterval",
        place: "sessions.autosave_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(24) },
        note: "How old unsaved edits may grow.",
        access: time!(sessions.autosave_every),
    },
    Setting {
        name: "AutoSaveCheckInterval",
        place: "carried.autosave_check_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "Without effect: sessions are saved when they are due, without a scan.",
        access: time!(carried.autosave_check_every),
    },
    Setting {
        name: "AutoSaveConcurrency",
        place: "carried.autosave_in_flight_max",
        accepts: Accepts::Count { min: 1, max: 1_000 },
        note: "Without effect: it is about budgets of the live service; due sessions are saved \
               together here.",
        access: count!(Count carried.autosave_in_flight_max),
    },
    Setting {
        name: "AutoSavesInFlight",
        place: "sessions.autosave_in_flight_max",
        accepts: Accepts::Count { min: 1, max: 10_000 },
        note: "Most saves of nobody's asking that are out at a time.",
        access: count!(Count sessions.autosave_in_flight_max),
    },
    Setting {
        name: "AutoSaveRetryInterval",
        place: "sessions.autosave_retry",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(1) },
        note: "After which time a failed save is tried again.",
        access: time!(sessions.autosave_retry),
    },
    Setting {
        name: "LeaseMode",
        place: "sessions.mode",
        accepts: Accepts::Choice(&["Presence", "Timeout"]),
        note: "Whether a lease counts as long as its server shows that it lives, or until the record \
               was not written for `LeaseTimeout`.",
        access: Access {
            get: |options| {
                SettingValue::Choice(match options.sessions.mode {
                    LeaseMode::Presence => "Presence",
                    LeaseMode::Timeout(_) => "Timeout",
                    // No word for it: it is refused.
                    LeaseMode::Unknown(_) => "Unknown",
                })
            },
            set: |options, value| {
                if value == SettingValue::Choice("Presence") {
                    options.sessions.mode = LeaseMode::Presence;
                } else if value == SettingValue::Choice("Timeout") {
                    let timeout = options.carried.lease_timeout.unwrap_or(LEASE_TIMEOUT);
                    options.sessions.mode = LeaseMode::Timeout(timeout);
                }
            },
        },
    },
    Setting {
        name: "LeaseTimeout",
        place: "carried.lease_timeout",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(24) },
        note: "How long a lease of the mode `timeout` counts; others follow the presence of \
               their server. More than twice `AutoSaveInterval`.",
        access: Access {
            get: |options| match options.sessions.mode {
                LeaseMode::Timeout(timeout) => SettingValue::Time(timeout),
                LeaseMode::Presence | LeaseMode::Unknown(_) => {
                    SettingValue::Time(options.carried.lease_timeout.unwrap_or(LEASE_TIMEOUT))
                }
            },
            set: |options, value| {
                if let SettingValue::Time(timeout) = value {
                    options.carried.lease_timeout = Some(timeout);
                    if let LeaseMode::Timeout(of_sessions) = &mut options.sessions.mode {
                        *of_sessions = timeout;
                    }
                }
            },
        },
    },
    Setting {
        name: "OpenTimeout",
        place: "sessions.open_timeout",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(1) },
        note: "How long an opening waits for the holder of a record.",
        access: time!(sessions.open_timeout),
    },
    Setting {
        name: "SuspendPolicy",
        place: "sessions.on_suspend",
        accepts: Accepts::Choice(&["Continue", "Freeze", "Disconnect"]),
        note: "What a session does with edits while its store is out of reach.",
        access: choice!(sessions.on_suspend, SuspendPolicy { Continue, Freeze, Disconnect }),
    },
    Setting {
        name: "CheckpointTimeout",
        place: "sessions.checkpoint_timeout",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(1) },
        note: "How long a checkpoint waits for its answer.",
        access: time!(sessions.checkpoint_timeout),
    },
    Setting {
        name: "RestAfter",
        place: "sessions.rest_after",
        accepts: Accepts::Time { min: Duration::ZERO, max: Duration::from_hours(24) },
        note: "After which time without an edit a document lets go of what can be made again.",
        access: time!(sessions.rest_after),
    },
    Setting {
        name: "BudgetTimeout",
        place: "carried.budget_timeout",
        accepts: Accepts::Time { min: Duration::ZERO, max: Duration::from_hours(1) },
        note: "Without effect: nothing waits for a budget of the live service.",
        access: time!(carried.budget_timeout),
    },
    Setting {
        name: "BudgetPollInterval",
        place: "carried.budget_poll_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "Without effect: nothing waits for a budget of the live service.",
        access: time!(carried.budget_poll_every),
    },
    Setting {
        name: "CloseTimeout",
        place: "sessions.close_timeout",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(1) },
        note: "How long a release and a close wait.",
        access: time!(sessions.close_timeout),
    },
    Setting {
        name: "CloseRetryInterval",
        place: "carried.close_retry_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(1) },
        note: "Without effect: releases are tried again as fast as the store answers.",
        access: time!(carried.close_retry_every),
    },
    Setting {
        name: "CloseConcurrency",
        place: "carried.close_in_flight_max",
        accepts: Accepts::Count { min: 1, max: 1_000 },
        note: "Without effect: it is about budgets of the live service; releases are written \
               together here.",
        access: count!(Count carried.close_in_flight_max),
    },
    Setting {
        name: "AutoReleaseOnHandoff",
        place: "sessions.release_on_hand_off",
        accepts: Accepts::Flag,
        note: "Whether a record is released when another server waits for it.",
        access: flag!(sessions.release_on_hand_off),
    },
    Setting {
        name: "OperationProcessLimit",
        place: "operations.process_max",
        accepts: Accepts::Count { min: 1, max: 1_000 },
        note: "Most operations that one write settles.",
        access: count!(Count operations.process_max),
    },
    Setting {
        name: "MaxOperationAttempts",
        place: "operations.attempts_max",
        accepts: Accepts::Count { min: 1, max: 1_000 },
        note: "How often a handler may fail before its operation does.",
        access: count!(Count operations.attempts_max),
    },
    Setting {
        name: "OperationTTL",
        place: "operations.time_to_live",
        accepts: Accepts::Time { min: Duration::ZERO, max: Duration::from_hours(365 * 24) },
        note: "How long an operation may wait; for ever if 0.",
        access: Access {
            get: |options| SettingValue::Time(options.operations.time_to_live.unwrap_or_default()),
            set: |options, value| {
                if let SettingValue::Time(time) = value {
                    options.operations.time_to_live = (!time.is_zero()).then_some(time);
                }
            },
        },
    },
    Setting {
        name: "UnknownOperationPolicy",
        place: "operations.on_unknown",
        accepts: Accepts::Choice(&["Retry", "Cancel", "Fail"]),
        note: "What becomes of an operation that nothing handles.",
        access: choice!(operations.on_unknown, UnknownOperationPolicy { Retry, Cancel, Fail }),
    },
    Setting {
        name: "OperationRetryInterval",
        place: "operations.retry_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(24) },
        note: "After which time an operation whose handler failed is tried again.",
        access: time!(operations.retry_every),
    },
    Setting {
        name: "OperationPendingLimit",
        place: "operations.pending_max",
        accepts: Accepts::Count { min: 1, max: 1_000_000 },
        note: "Operations of a record that may wait.",
        access: count!(Count operations.pending_max),
    },
    Setting {
        name: "OperationReceiptAge",
        place: "operations.receipt_age_max",
        accepts: Accepts::Time {
            min: Duration::from_millis(1),
            max: Duration::from_hours(365 * 24),
        },
        note: "How long a receipt or an id is kept at most.",
        access: time!(operations.receipt_age_max),
    },
    Setting {
        name: "OperationIssueAhead",
        place: "operations.issued_ahead_max",
        accepts: Accepts::Time { min: Duration::ZERO, max: Duration::from_hours(24) },
        note: "How far ahead of the store's time an operation may be issued.",
        access: time!(operations.issued_ahead_max),
    },
    Setting {
        name: "OperationPollInterval",
        place: "sessions.operation_poll_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "How often who waits for an operation of another server's record looks.",
        access: time!(sessions.operation_poll_every),
    },
    Setting {
        name: "OperationReceiptLimit",
        place: "operations.receipts_max",
        accepts: Accepts::Count { min: 1, max: 10_000 },
        note: "Full receipts that a record keeps.",
        access: count!(Count operations.receipts_max),
    },
    Setting {
        name: "OperationDedupeLimit",
        place: "operations.kept_max",
        accepts: Accepts::Count { min: 0, max: 100_000 },
        note: "Ids that a record keeps after their receipts.",
        access: count!(Count operations.kept_max),
    },
    Setting {
        name: "DeadLetterLimit",
        place: "operations.dead_letters_max",
        accepts: Accepts::Count { min: 0, max: 10_000 },
        note: "Dead letters that a record keeps.",
        access: count!(Count operations.dead_letters_max),
    },
    Setting {
        name: "DeadLetterPayloadMaxBytes",
        place: "operations.dead_letter_payload_max",
        accepts: Accepts::Bytes { min: 0, max: 1_048_576 },
        note: "Largest payload that a dead letter keeps.",
        access: count!(Bytes operations.dead_letter_payload_max),
    },
    Setting {
        name: "MaxOperationBytes",
        place: "operations.payload_size_max",
        accepts: Accepts::Bytes { min: 1, max: 1_048_576 },
        note: "Largest payload of an operation.",
        access: count!(Bytes operations.payload_size_max),
    },
    Setting {
        name: "MaxOperationResultBytes",
        place: "operations.result_size_max",
        accepts: Accepts::Bytes { min: 0, max: 1_048_576 },
        note: "Largest answer of a handler that a receipt keeps.",
        access: count!(Bytes operations.result_size_max),
    },
    Setting {
        name: "MaxLedgerBytes",
        place: "operations.ledger_size_max",
        accepts: Accepts::Bytes { min: 1, max: 4_194_304 },
        note: "Bytes that the receipts of a record may count together.",
        access: count!(Bytes operations.ledger_size_max),
    },
    Setting {
        name: "WriteReceiptLimit",
        place: "carried.write_receipts_max",
        accepts: Accepts::Count { min: 1, max: 1_000 },
        note: "Without effect: a record names its last write, and the ends of its last 16 \
               leases.",
        access: count!(Count carried.write_receipts_max),
    },
    Setting {
        name: "MaxDataBytes",
        place: "documents.size_max",
        accepts: Accepts::Bytes { min: 1_024, max: 16_777_216 },
        note: "Largest data of a session.",
        access: count!(Bytes documents.size_max),
    },
    Setting {
        name: "WarnDataBytes",
        place: "data_size_warn",
        accepts: Accepts::Bytes { min: 0, max: 16_777_216 },
        note: "From which stored size of a session's data on a warning is given.",
        access: Access {
            get: |options| SettingValue::Bytes(options.data_size_warn.number()),
            set: |options, value| {
                if let SettingValue::Bytes(size) = value {
                    options.data_size_warn = Number::of(size);
                }
            },
        },
    },
    Setting {
        name: "StrictData",
        place: "carried.strict_data",
        accepts: Accepts::Flag,
        note: "Without effect in Rust, where types keep data from being changed behind a \
               session's back; for scripts.",
        access: flag!(carried.strict_data),
    },
    Setting {
        name: "TrackChangeDetails",
        place: "changes.track_details",
        accepts: Accepts::Flag,
        note: "Whether events of changes carry the old and the new value.",
        access: flag!(changes.track_details),
    },
    Setting {
        name: "AuditLogLimit",
        place: "changes.audit_max",
        accepts: Accepts::Count { min: 0, max: 10_000 },
        note: "Most entries of a session's audit log; none if 0.",
        access: count!(Count changes.audit_max),
    },
    Setting {
        name: "CriticalErrorThreshold",
        place: "critical.threshold",
        accepts: Accepts::Count { min: 1, max: 10_000 },
        note: "How many issues within the window make the store critical.",
        access: count!(Count critical.threshold),
    },
    Setting {
        name: "CriticalWindow",
        place: "critical.window",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(24) },
        note: "How far back issues count.",
        access: time!(critical.window),
    },
    Setting {
        name: "CriticalRecovery",
        place: "critical.recovery",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(24) },
        note: "How long there must be no issue until the store is not critical any more.",
        access: time!(critical.recovery),
    },
    Setting {
        name: "EnableMessaging",
        place: "carried.messaging",
        accepts: Accepts::Flag,
        note: "Without effect: servers ask each other through the store.",
        access: flag!(carried.messaging),
    },
    Setting {
        name: "RetryAttempts",
        place: "players.load_attempts_max",
        accepts: Accepts::Count { min: 1, max: 100 },
        note: "How often the record of a player is tried to be opened before its load has failed.",
        access: count!(Count players.load_attempts_max),
    },
    Setting {
        name: "LoadRetryDelay",
        place: "players.load_retry_delay",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(1) },
        note: "The pause after the first failed try, doubled after each other one up to eight times.",
        access: time!(players.load_retry_delay),
    },
    Setting {
        name: "PlayerKeyPrefix",
        place: "players.key_prefix",
        accepts: Accepts::Text { max: 128 },
        note: "What stands before the id in the key of a player's record.",
        access: Access {
            get: |options| SettingValue::Text(options.players.key_prefix.as_str().into()),
            set: |options, value| {
                if let SettingValue::Text(text) = value {
                    options.players.key_prefix = text.as_ref().into();
                }
            },
        },
    },
    Setting {
        name: "OnLoadFailure",
        place: "players.on_load_failure",
        accepts: Accepts::Choice(&["Disconnect", "PlayUnsaved"]),
        note: "What a player whose record could not be loaded may do.",
        access: choice!(players.on_load_failure, OnLoadFailure { Disconnect, PlayUnsaved }),
    },
    Setting {
        name: "MaxUndurableAge",
        place: "players.undurable_age_max",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_hours(24) },
        note: "How long a record may go without a save that succeeded before it takes no debit.",
        access: time!(players.undurable_age_max),
    },
    Setting {
        name: "RenewInterval",
        place: "sessions.renew_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "From one sign of life of a game server to the next.",
        access: time!(sessions.renew_every),
    },
    Setting {
        name: "PresenceTimeout",
        place: "sessions.presence_timeout",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(10) },
        note: "How old it may be before the server can be declared dead.",
        access: time!(sessions.presence_timeout),
    },
    Setting {
        name: "PresenceMargin",
        place: "sessions.margin",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "How much earlier the server itself stops believing that it counts as alive.",
        access: time!(sessions.margin),
    },
    Setting {
        name: "WatchTime",
        place: "sessions.watch",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(10) },
        note: "How long a server is watched before it is declared dead.",
        access: time!(sessions.watch),
    },
    Setting {
        name: "CallDeadline",
        place: "sessions.call_deadline",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "How long an answer of the store is waited for.",
        access: time!(sessions.call_deadline),
    },
    Setting {
        name: "ResendInterval",
        place: "sessions.resend_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "After which time without an answer a call is sent again.",
        access: time!(sessions.resend_every),
    },
    Setting {
        name: "PollInterval",
        place: "sessions.poll_every",
        accepts: Accepts::Time { min: Duration::from_millis(1), max: Duration::from_mins(1) },
        note: "How often a server that waits for a record looks.",
        access: time!(sessions.poll_every),
    },
];
