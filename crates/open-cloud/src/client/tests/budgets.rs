//! How much is sent, and when.

use steadfast_core::budget::{Rates, Scaled};

use super::stub::{error, json, with_headers};
use super::*;

const THROTTLED: &str = r#"{"code":"RESOURCE_EXHAUSTED","message":"StandardReadExperienceThrottled: the budget `experience_standard_read` has no room."}"#;

fn denied(answer: Result<EntryState, PlatformError>) -> steadfast_core::budget::Denial {
    match answer {
        Err(PlatformError::Throttled { denial }) => denial,
        answer => panic!("not throttled: {answer:?}"),
    }
}

#[test]
fn b_20_a_request_beyond_the_share_is_not_sent() {
    let stub = Stub::new([json(200, ENTRY), json(200, ENTRY)]);
    // A tenth of twenty.
    let standard_read_count = Scaled { base: 20, per_player: 0 };
    let rates = Rates { standard_read_count, ..Rates::roblox() };
    let budget = Some(Budget { rates, ..Budget::live() });
    let credit_timeout = Duration::from_secs(1);
    let client = connect(Config { budget, credit_timeout, ..live_config(&stub) });
    for _ in 0..2 {
        assert_eq!(execute(&client, current()), Ok(shown()));
    }
    let denial = denied(execute(&client, current()));
    assert_eq!(denial.pool.name(), "experience_standard_read");
    assert_eq!(stub.lines().len(), 2);
}

#[test]
fn b1_after_429_nothing_is_sent_before_retry_after() {
    let stub = Stub::new([
        with_headers(429, &["retry-after: 1"], THROTTLED),
        json(200, ENTRY),
        json(200, VERSION),
    ]);
    let client = live(&stub);
    let (first, second) = std::thread::scope(|scope| {
        let read = scope.spawn(|| execute(&client, current()));
        (read.join().unwrap(), execute(&client, set(matches(ID))))
    });
    assert_eq!((first, second), (Ok(shown()), Ok(shown())));
    let heard = stub.heard();
    let waited = heard[1].at - heard[0].at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
}

#[test]
fn b_55_a_long_429_is_answered_at_once_and_holds_for_everything() {
    let stub = Stub::new([with_headers(429, &["retry-after: 3000"], THROTTLED)]);
    let client = live(&stub);
    let denial = denied(execute(&client, current()));
    assert_eq!(denial.pool.name(), "experience_standard_read");
    assert!(denial.wait > Duration::from_secs(2_990), "{denial:?}");
    for request in [current(), set(When::Always), set(matches(ID))] {
        assert!(denied(execute(&client, request)).wait > Duration::from_secs(2_980));
    }
    assert_eq!(stub.lines().len(), 1);
}

#[test]
fn b_55_and_b_56_the_wait_is_in_seconds_a_date_or_the_reset() {
    for headers in [
        &["retry-after: 2000"][..],
        &["retry-after: Wed, 02 Feb 2022 00:33:20 GMT", "date: Wed, 02 Feb 2022 00:00:00 GMT"],
        &["x-ratelimit-reset: 2000"],
        &["retry-after: nonsense", "x-ratelimit-reset: 2000"],
    ] {
        let stub = Stub::new([with_headers(429, headers, "<html>")]);
        let denial = denied(execute(&live(&stub), current()));
        assert_eq!(denial.wait, Duration::from_secs(2_000), "{headers:?}");
        assert_eq!(denial.pool.name(), "owner_v2", "the owner of the key");
    }
}

#[test]
fn a_full_store_is_no_matter_of_waiting() {
    let full = || {
        with_headers(
            429,
            &["retry-after: 1"],
            r#"{"code":"RESOURCE_EXHAUSTED","message":"The store has no room."}"#,
        )
    };
    let stub = Stub::new([full(), json(200, ENTRY)]);
    let client = ours(&stub);
    let answer = execute(&client, set(When::Always));
    assert!(matches!(answer, Err(PlatformError::StoreFull { .. })), "{answer:?}");
    assert_eq!(execute(&client, current()), Ok(shown()));
}

#[test]
fn other_refusals_have_their_kinds() {
    let message = "The scope `universe-datastores.objects:read` is missing.";
    for (act, expected) in [
        (error(401, "UNAUTHENTICATED", "x"), ErrorKind::Denied),
        (json(401, r#"{"errors":[{"code":0,"message":"Invalid API Key"}]}"#), ErrorKind::Denied),
        (error(403, "PERMISSION_DENIED", message), ErrorKind::Denied),
        (error(400, "INVALID_ARGUMENT", "x"), ErrorKind::Invalid),
        (json(400, r#"{"code":3,"message":"x"}"#), ErrorKind::Invalid),
        (error(409, "ABORTED", "x"), ErrorKind::Conflict),
        (json(400, r#"{"errors":{"id":["x"]},"title":"Wrong","status":400}"#), ErrorKind::Invalid),
    ] {
        let stub = Stub::new([act]);
        let answer = execute(&live(&stub), set(When::Always));
        assert_eq!(kind(&answer), expected, "{answer:?}");
    }
    let stub = Stub::new([error(403, "PERMISSION_DENIED", message)]);
    let answer = execute(&ours(&stub), current());
    assert_eq!(
        answer.unwrap_err().to_string(),
        "the scope `universe-datastores.objects:read` is missing"
    );
}
