//! The times and limits of a seed, by its knobs.

use std::time::Duration;

use steadfast_core::operation::{OperationSettings, UnknownOperationPolicy};
use steadfast_core::record::LeaseMode;
use steadfast_core::session::{SessionSettings, SuspendPolicy};
use steadfast_sim::Faults;

use super::sites::{
    ATTEMPTS, AUTOSAVE, CLOSE, DEAD_LETTERS, DEADLINE, KEPT, LEDGER_SIZE, LETTER_SIZE, ON_SUSPEND,
    ON_UNKNOWN, PENDING, PROCESS_MAX, RECEIPT_AGE, RECEIPTS, RETRY_EVERY, SAVES, TIME_TO_LIVE,
    TIMEOUT_LEASES, TIMES,
};

/// The times of a seed.
pub(super) fn settings(faults: &mut Faults) -> SessionSettings {
    let percent = u32::try_from(faults.knob(&TIMES)).unwrap_or(100);
    let scaled = |time: Duration| time * percent / 100;
    let normal = SessionSettings::default();
    let mut autosave = faults.knob(&AUTOSAVE);
    let mode = if faults.knob(&TIMEOUT_LEASES) == 0 {
        LeaseMode::Presence
    } else {
        autosave = autosave.min(10);
        LeaseMode::Timeout(Duration::from_secs(2 * autosave + 5))
    };
    SessionSettings {
        mode,
        renew_every: scaled(normal.renew_every),
        presence_timeout: scaled(normal.presence_timeout),
        margin: scaled(normal.margin),
        watch: scaled(normal.watch),
        call_deadline: scaled(Duration::from_millis(faults.knob(&DEADLINE))),
        resend_every: scaled(normal.resend_every),
        // Who waits for a lease with a timeout watches it for a presence timeout.
        open_timeout: normal.open_timeout * percent.max(100) / 100,
        autosave_every: Duration::from_secs(autosave),
        autosave_retry: Duration::from_secs(autosave.min(10)),
        autosave_in_flight_max: usize::try_from(faults.knob(&SAVES)).unwrap_or(1),
        close_timeout: Duration::from_secs(faults.knob(&CLOSE)),
        on_suspend: match faults.knob(&ON_SUSPEND) {
            0 => SuspendPolicy::Continue,
            1 => SuspendPolicy::Freeze,
            _ => SuspendPolicy::Disconnect,
        },
        ..normal
    }
}

/// The limits of operations of a seed: mostly so small that they are met.
pub(super) fn operation_settings(faults: &mut Faults) -> OperationSettings {
    let mut knob = |knob| faults.knob(knob);
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let time_to_live = knob(&TIME_TO_LIVE);
    OperationSettings {
        process_max: size(knob(&PROCESS_MAX)),
        attempts_max: small(knob(&ATTEMPTS)),
        time_to_live: (time_to_live > 0).then(|| Duration::from_secs(time_to_live)),
        retry_every: Duration::from_secs(knob(&RETRY_EVERY)),
        on_unknown: match knob(&ON_UNKNOWN) {
            0 => UnknownOperationPolicy::Retry,
            1 => UnknownOperationPolicy::Cancel,
            _ => UnknownOperationPolicy::Fail,
        },
        receipts_max: small(knob(&RECEIPTS)),
        kept_max: small(knob(&KEPT)),
        receipt_age_max: Duration::from_secs(knob(&RECEIPT_AGE)),
        dead_letters_max: small(knob(&DEAD_LETTERS)),
        dead_letter_payload_max: size(knob(&LETTER_SIZE)),
        ledger_size_max: knob(&LEDGER_SIZE),
        pending_max: knob(&PENDING),
        ..OperationSettings::default()
    }
}
