//! Facts about settings.

use std::collections::BTreeSet;

use steadfast_core::operation::OperationSettings;
use steadfast_core::session::SessionSettings;

use super::*;

/// What the documents say, in the order of `spec/features.md` section 14 and `spec/protocol.md`
/// section 1.
const DOCUMENTED: [(&str, &str); 41] = [
    ("AutoSaveInterval", "60s"),
    ("OperationReceiptLimit", "500"),
    ("AutoSaveCheckInterval", "1s"),
    ("OperationDedupeLimit", "5000"),
    ("AutoSaveConcurrency", "2"),
    ("DeadLetterLimit", "100"),
    ("AutoSaveRetryInterval", "10s"),
    ("DeadLetterPayloadMaxBytes", "8192"),
    ("LeaseTimeout", "180s"),
    ("WriteReceiptLimit", "20"),
    ("OpenTimeout", "20s"),
    ("MaxDataBytes", "3800000"),
    ("RetryAttempts", "5"),
    ("StrictData", "false"),
    ("BudgetTimeout", "10s"),
    ("TrackChangeDetails", "false"),
    ("BudgetPollInterval", "250ms"),
    ("AuditLogLimit", "0"),
    ("CloseTimeout", "25s"),
    ("CriticalErrorThreshold", "5"),
    ("CloseRetryInterval", "1s"),
    ("CriticalWindow", "120s"),
    ("CloseConcurrency", "10"),
    ("CriticalRecovery", "60s"),
    ("OperationProcessLimit", "50"),
    ("EnableMessaging", "true"),
    ("MaxOperationAttempts", "10"),
    ("AutoReleaseOnHandoff", "true"),
    ("OperationTTL", "0s"),
    ("UnknownOperationPolicy", "Retry"),
    ("OnLoadFailure", "Disconnect"),
    ("MaxOperationBytes", "65536"),
    ("MaxUndurableAge", "120s"),
    ("WarnDataBytes", "1000000"),
    ("RenewInterval", "3s"),
    ("PresenceTimeout", "10s"),
    ("PresenceMargin", "500ms"),
    ("WatchTime", "4s"),
    ("CallDeadline", "1500ms"),
    ("PollInterval", "250ms"),
    ("ResendInterval", "250ms"),
];

#[test]
fn the_defaults_are_those_of_the_documents() {
    for (name, default) in DOCUMENTED {
        let setting = Setting::find(name).expect(name);
        assert_eq!(setting.default_value().to_string(), default, "{name}");
    }
    let documented = DOCUMENTED.map(|(name, _)| name);
    let own: Vec<_> =
        SETTINGS.iter().map(Setting::name).filter(|name| !documented.contains(name)).collect();
    let expected = [
        "AutoSavesInFlight",
        "LeaseMode",
        "SuspendPolicy",
        "CheckpointTimeout",
        "RestAfter",
        "OperationRetryInterval",
        "OperationPendingLimit",
        "OperationReceiptAge",
        "OperationIssueAhead",
        "OperationPollInterval",
        "MaxOperationResultBytes",
        "MaxLedgerBytes",
        "LoadRetryDelay",
        "PlayerKeyPrefix",
    ];
    assert_eq!(own, expected);
    assert_eq!(Options::default().check(), Ok(()));
}

#[test]
fn every_setting_has_a_name_and_a_place_of_its_own() {
    let names: BTreeSet<_> = SETTINGS.iter().map(Setting::name).collect();
    let places: BTreeSet<_> = SETTINGS.iter().map(Setting::place).collect();
    assert_eq!((names.len(), places.len()), (SETTINGS.len(), SETTINGS.len()));
}

/// The values at the edges of a setting, and those one step beyond.
fn edges(accepts: Accepts) -> (Vec<SettingValue>, Vec<SettingValue>) {
    let step = Duration::from_nanos(1);
    match accepts {
        Accepts::Time { min, max } => (
            [min, max].map(SettingValue::Time).into(),
            [min.checked_sub(step), max.checked_add(step)]
                .into_iter()
                .flatten()
                .map(SettingValue::Time)
                .collect(),
        ),
        Accepts::Count { min, max } => (
            [min, max].map(SettingValue::Count).into(),
            [min.checked_sub(1), max.checked_add(1)]
                .into_iter()
                .flatten()
                .map(SettingValue::Count)
                .collect(),
        ),
        Accepts::Bytes { min, max } => (
            [min, max].map(SettingValue::Bytes).into(),
            [min.checked_sub(1), max.checked_add(1)]
                .into_iter()
                .flatten()
                .map(SettingValue::Bytes)
                .collect(),
        ),
        Accepts::Flag => ([false, true].map(SettingValue::Flag).into(), vec![]),
        Accepts::Choice(words) => {
            (words.iter().map(|word| SettingValue::Choice(word)).collect(), vec![])
        }
        Accepts::Text { max } => {
            let text = |size| SettingValue::Text("t".repeat(size).into());
            ([0, max].map(text).into(), vec![text(max + 1)])
        }
    }
}

#[test]
fn every_setting_takes_its_edges_and_nothing_beyond() {
    for setting in &SETTINGS {
        let (taken, refused) = edges(setting.accepts());
        assert!(taken.len() >= 2, "{}", setting.name());
        for value in taken {
            let mut options = Options::default();
            setting.put(&mut options, value.clone());
            assert_eq!(setting.get(&options), value, "{}", setting.name());
            assert_eq!(setting.problem(&options), None, "{}", setting.name());
            for other in SETTINGS.iter().filter(|other| other.name() != setting.name()) {
                let (name, other_name) = (setting.name(), other.name());
                assert_eq!(other.get(&options), other.default_value(), "{name}, {other_name}");
            }
        }
        for value in refused {
            let mut options = Options::default();
            setting.put(&mut options, value);
            let problem = setting.problem(&options).expect("one step beyond is refused");
            let all = options.check().unwrap_err().problems;
            assert!(all.contains(&problem), "{all:?} has not {problem}");
        }
    }
}

#[test]
fn what_somebody_wrote_is_read_by_the_kind_of_the_setting() {
    let mut options = Options::default();
    options.set("AutoSaveInterval", 90).unwrap();
    options.set("BudgetPollInterval", 0.5).unwrap();
    options.set("OperationTTL", "1d").unwrap();
    options.set("MaxDataBytes", "1MiB").unwrap();
    options.set("StrictData", true).unwrap();
    options.set("OnLoadFailure", "PlayUnsaved").unwrap();
    assert_eq!(options.sessions.autosave_every, Duration::from_secs(90));
    assert_eq!(options.carried.budget_poll_every, Duration::from_millis(500));
    assert_eq!(options.operations.time_to_live, Some(Duration::from_hours(24)));
    assert_eq!(options.documents.size_max, 1_048_576);
    assert!(options.carried.strict_data);
    assert_eq!(options.players.on_load_failure, OnLoadFailure::PlayUnsaved);
    options.set("RetryAttempts", 3).unwrap();
    options.set("PlayerKeyPrefix", "u_").unwrap();
    assert_eq!((options.players.load_attempts_max, &*options.players.key_prefix), (3, "u_"));
    options.set("OperationTTL", 0).unwrap();
    assert_eq!(options.operations.time_to_live, None);
}

#[track_caller]
fn check_refused<'a>(name: &str, input: impl Into<SettingInput<'a>>, problem: &str) {
    let mut options = Options::default();
    let error = options.set(name, input).unwrap_err();
    assert_eq!(error.to_string(), problem);
    assert!(SETTINGS.iter().all(|setting| setting.get(&options) == setting.default_value()));
}

#[test]
fn what_a_setting_does_not_take_changes_nothing() {
    check_refused("autosaveinterval", 60, "there is no setting `autosaveinterval`");
    let seconds = "`AutoSaveInterval` must be a number of seconds, or text such as `30s`";
    check_refused("AutoSaveInterval", "60", seconds);
    check_refused("AutoSaveInterval", "18446744073709551615d", seconds);
    check_refused("AutoSaveInterval", -1, seconds);
    check_refused("AutoSaveInterval", f64::NAN, seconds);
    check_refused("AutoSaveInterval", true, seconds);
    let range = "`AutoSaveInterval` is 86401s, it must be 1ms to 86400s";
    check_refused("AutoSaveInterval", 86_401, range);
    check_refused("RetryAttempts", 1.5, "`RetryAttempts` must be a whole number");
    let bytes = "`MaxDataBytes` must be a whole number of bytes, or text such as `64KiB`";
    check_refused("MaxDataBytes", "64KB", bytes);
    check_refused("StrictData", 1, "`StrictData` must be `true` or `false`");
    check_refused("PlayerKeyPrefix", 7, "`PlayerKeyPrefix` must be text");
    let policies = "`UnknownOperationPolicy` must be `Retry` or `Cancel` or `Fail`";
    check_refused("UnknownOperationPolicy", "retry", policies);
}

#[test]
fn every_setting_of_operations_players_and_sessions_has_a_name() {
    // Named one by one, so that none can be forgotten.
    let OperationSettings {
        process_max: _,
        attempts_max: _,
        time_to_live: _,
        retry_every: _,
        on_unknown: _,
        receipts_max: _,
        kept_max: _,
        receipt_age_max: _,
        dead_letters_max: _,
        dead_letter_payload_max: _,
        payload_size_max: _,
        result_size_max: _,
        ledger_size_max: _,
        pending_max: _,
        issued_ahead_max: _,
    } = OperationSettings::default();
    let count = |part: &str| SETTINGS.iter().filter(|it| it.place().starts_with(part)).count();
    assert_eq!((count("operations."), count("players.")), (15, 5));
    // All but the time of a lease, which has a place of its own.
    assert_eq!(count("sessions."), 18);
}

#[test]
fn the_mode_of_leases_is_reached_by_name_in_either_order() {
    for names in [["LeaseMode", "LeaseTimeout"], ["LeaseTimeout", "LeaseMode"]] {
        let mut options = Options::default();
        for name in names {
            options.set(name, if name == "LeaseMode" { "Timeout" } else { "200s" }).unwrap();
        }
        assert_eq!(options.sessions.mode, LeaseMode::Timeout(Duration::from_secs(200)));
        assert_eq!(options.check(), Ok(()));
        options.set("LeaseMode", "Presence").unwrap();
        assert_eq!(options.sessions.mode, LeaseMode::Presence);
    }
    let mut options = Options::default();
    options.set("LeaseMode", "Timeout").unwrap();
    assert_eq!(options.sessions.mode, LeaseMode::Timeout(LEASE_TIMEOUT));
    options.sessions.mode = LeaseMode::Unknown(9);
    let problem = "`LeaseMode` is Unknown, it must be `Presence` or `Timeout`";
    assert!(options.check().unwrap_err().problems.contains(&problem.to_owned()));
}

#[test]
fn a_lease_timeout_is_more_than_twice_the_autosave_interval() {
    let mut options = Options::default();
    options.set("LeaseTimeout", "120s").unwrap();
    let problem =
        "`LeaseTimeout` is 120s, it must be more than twice the `AutoSaveInterval` of 60s";
    assert_eq!(options.check().unwrap_err().to_string(), problem);
    options.set("LeaseTimeout", "120001ms").unwrap();
    assert_eq!(options.check(), Ok(()));
    // Where nobody set it, it says nothing about leases that have none.
    let mut options = Options::default();
    options.set("AutoSaveInterval", "1h").unwrap();
    assert_eq!(options.check(), Ok(()));
    options.sessions.mode = LeaseMode::Timeout(LEASE_TIMEOUT);
    assert_eq!(options.check().unwrap_err().problems.len(), 1);
    options.set("LeaseTimeout", "2h").unwrap();
    assert_eq!(options.check().unwrap_err().problems.len(), 1);
    options.set("LeaseTimeout", "7201s").unwrap();
    assert_eq!(options.sessions.mode, LeaseMode::Timeout(Duration::from_secs(7201)));
    assert_eq!(options.check(), Ok(()));
}

#[test]
fn everything_that_is_wrong_is_in_one_message() {
    let sessions = SessionSettings {
        margin: Duration::ZERO,
        renew_every: Duration::from_secs(20),
        ..SessionSettings::default()
    };
    let mut options = Options { sessions, ..Options::default() };
    options.operations.process_max = 0;
    options.carried.lease_timeout = Some(Duration::from_mins(1));
    let error = options.check().unwrap_err();
    let names = [
        "`OperationProcessLimit` is 0",
        "`PresenceMargin` is 0s",
        "two renewals",
        "`LeaseTimeout`",
    ];
    for name in names {
        assert!(error.problems.iter().any(|problem| problem.contains(name)), "{name}: {error}");
    }
    assert_eq!(error.to_string(), error.problems.join("; "));
}
