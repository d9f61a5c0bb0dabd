//! Facts about refusals and their words.

use reqwest::header::HeaderValue;
use steadfast_core::budget::{Denial, Standing};

use steadfast_core::{ServerId, Timestamp};

use super::*;
use crate::client::tests::entry;
use crate::{ErrorReply, error};

fn refusal(reply: ErrorReply) -> Box<Refusal> {
    let ErrorReply { status, body } = reply;
    Box::new(Refusal::new(status, Reply { headers: HeaderMap::new(), body: body.into_bytes() }))
}

#[test]
fn what_our_server_says_of_an_entry_comes_back_as_it_was() {
    let id = entry("k");
    let (server, since) = (ServerId(11), Timestamp::from_ticks(17_000_000_000_000_007));
    let leased = PlatformError::Leased { entry: id.clone(), server, since };
    for wanted in About::Entry(&id).refusals().into_iter().chain([leased]) {
        let v2 = refusal(mapping::v2(&wanted).reply()).judge(Service::Steadfast, About::Entry(&id));
        assert!(matches!(&v2, Verdict::Error(error) if *error == wanted), "{wanted:?}: {v2:?}");
        let v1 = refusal(mapping::v1(&wanted).reply()).judge(Service::Steadfast, About::Entry(&id));
        assert!(matches!(&v1, Verdict::Error(error) if *error == wanted), "{wanted:?}: {v1:?}");
    }
    for wanted in About::Store(&id.store).refusals() {
        let v2 = refusal(mapping::v2(&wanted).reply());
        let v2 = v2.judge(Service::Steadfast, About::Store(&id.store));
        assert!(matches!(&v2, Verdict::Error(error) if *error == wanted), "{wanted:?}: {v2:?}");
    }
}

#[test]
fn kinds_of_our_server_come_back_or_are_unclear() {
    let id = entry("k");
    for kind in ErrorKind::ALL {
        for reply in [mapping::v1_kind(kind).reply(), mapping::v2_kind(kind).reply()] {
            let verdict = refusal(reply).judge(Service::Steadfast, About::Entry(&id));
            let is_as_it_should = match (&verdict, kind) {
                (Verdict::Unclear(_), ErrorKind::OutcomeUnknown | ErrorKind::Internal)
                | (Verdict::Conflict(_), ErrorKind::Conflict | ErrorKind::Fenced) => true,
                (Verdict::Error(error), _) => error.kind() == kind,
                (Verdict::Unclear(_) | Verdict::Conflict(_), _) => false,
            };
            assert!(is_as_it_should, "{kind}: {verdict:?}");
        }
    }
}

#[test]
fn a_throttled_request_names_its_pool() {
    let standing = Standing { limit: 1, remaining: 0, reset: Duration::from_secs(7) };
    let demand = crate::client::call::demand_in(
        Door::V1,
        Family::Standard,
        steadfast_core::budget::Kind::Write,
        steadfast_core::UniverseId(1),
    );
    for pool in Pool::ALL {
        let denial = Denial { pool, wait: Duration::from_secs(7), standing };
        let error = PlatformError::Throttled { denial };
        for reply in [mapping::v1(&error).reply(), mapping::v2(&error).reply()] {
            let throttle = Throttle::of(Service::Steadfast, &refusal(reply)).unwrap();
            assert_eq!(throttle.pool(&demand), pool);
        }
    }
}

#[test]
fn a_full_store_is_a_throttle_only_where_nobody_knows_better() {
    let full = PlatformError::StoreFull { reason: "".into() };
    for reply in [mapping::v1(&full).reply(), mapping::v2(&full).reply()] {
        assert_eq!(Throttle::of(Service::Steadfast, &refusal(reply.clone())), None);
        assert!(Throttle::of(Service::Live, &refusal(reply)).is_some());
    }
    assert_eq!(Throttle::of(Service::Live, &refusal(error::invalid_api_key())), None);
}

#[test]
fn texts_of_a_service_are_made_harmless_and_short() {
    let message = format!("\u{1b}[2J{}", "x".repeat(1000));
    let body = serde_json::json!({ "code": "INTERNAL", "message": message }).to_string();
    let text = refusal(ErrorReply { status: 500, body }).text();
    assert!(!text.contains('\u{1b}') && text.len() < 400, "{text}");
    // The body of a 412 is the value of a player.
    let body = r#"{"code":"x","message":"a secret of the player"}"#.to_owned();
    assert_eq!(&*refusal(ErrorReply { status: 412, body }).text(), "the service answered 412");
}

#[test]
fn dates_are_compared_with_that_of_the_answer() {
    let headers = |pairs: &[(HeaderName, &str)]| {
        let pair = |(name, value): &(HeaderName, &str)| {
            (name.clone(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect::<HeaderMap>()
    };
    let (now, later) = ("Wed, 02 Feb 2022 00:00:00 GMT", "Wed, 02 Feb 2022 00:01:00 GMT");
    for (pairs, expected) in [
        (vec![(RETRY_AFTER, "60")], Some(60)),
        (vec![(RETRY_AFTER, later), (DATE, now)], Some(60)),
        (vec![(RETRY_AFTER, now), (DATE, later)], None),
        (vec![(RETRY_AFTER, later)], None),
        (vec![(RETRY_AFTER, "0")], None),
        (vec![(RETRY_AFTER, "-1")], None),
        (vec![(RATE_RESET, "20")], Some(20)),
        (vec![], None),
    ] {
        let wait = retry_after(&headers(&pairs)).map(|wait| wait.as_secs());
        assert_eq!(wait, expected, "{pairs:?}");
    }
}
