//! Facts about the entry of v2.

use std::sync::Arc;

use proptest::prelude::*;
use steadfast_core::Timestamp;
use steadfast_core::id::{
    EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId, WriteId,
};
use steadfast_core::row::Content;

use super::*;
use crate::error::V2Code;

fn parse(body: &str) -> Result<EntryInput, V2Error> {
    EntryInput::parse(body.as_bytes(), &Limits::native())
}

fn state(key: &str, content: Option<Content>) -> EntryState {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Player Data") };
    EntryState {
        entry: EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) },
        revision: Revision::first(WriteId(7)),
        created_at: Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap(),
        updated_at: Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap(),
        content: content.map(Arc::new),
        schema: None,
    }
}

#[track_caller]
fn check_refused(body: &str) {
    let error = parse(body).unwrap_err();
    assert_eq!(error.code, V2Code::InvalidArgument, "{body}");
}

#[test]
fn u_15_a_body_has_value_users_attributes_and_etag() {
    let input = parse(
        r#" { "value" : {"a": 1.50}, "users":["users/1","users/player-1"], "attributes":{ "k": "v" }, "etag":"e" } "#,
    )
    .unwrap();
    assert_eq!(input.value.as_str(), r#"{"a": 1.50}"#);
    assert_eq!(input.user_ids, [UserId::Number(1), UserId::Text("player-1".into())]);
    assert_eq!(input.metadata.as_str(), r#"{"k":"v"}"#);
    assert_eq!(input.etag.as_deref(), Some("e"));
}

#[test]
fn h_40_absent_members_are_cleared_and_a_value_is_mandatory() {
    let input = parse(r#"{"value":1}"#).unwrap();
    assert!(input.user_ids.is_empty() && input.metadata.is_empty() && input.etag.is_none());
    let nulls = r#"{"value":1,"users":null,"attributes":null,"etag":null}"#;
    assert_eq!(parse(nulls).unwrap(), input);
    assert_eq!(parse(r#"{"value":null}"#).unwrap().value.as_str(), "null");
    check_refused("{}");
    check_refused(r#"{"users":[]}"#);
}

#[test]
fn the_value_is_kept_byte_for_byte() {
    for value in [
        "1e999999",
        "123456789012345678901234567890.000",
        "-0",
        r#"{"b" :1, "a":[ ]}"#,
        r#""\u00e9\/é""#,
        r#"{"m":null,"t":"numeric","v":"inf"}"#,
    ] {
        let input = parse(&format!("{{\"value\":{value}}}")).unwrap();
        assert_eq!(input.value.as_str(), value);
        let content =
            Content { value: input.value, user_ids: Vec::new(), metadata: Metadata::empty() };
        let body = entry_body(&state("k", Some(content))).unwrap();
        assert!(body.contains(&format!("\"value\":{value},\"id\"")), "{body}");
    }
}

fn parse_increment(body: &str) -> Result<IncrementInput, V2Error> {
    IncrementInput::parse(body.as_bytes(), &Limits::roblox())
}

#[test]
fn h_42_an_increment_has_amount_users_and_attributes() {
    let body = r#"{"amount":3,"users":["users/9"],"attributes":{ "k": "v" },"value":7,"x":[]}"#;
    let input = parse_increment(body).unwrap();
    assert_eq!((input.amount, input.user_ids), (3, vec![UserId::Number(9)]));
    assert_eq!(input.metadata.as_str(), r#"{"k":"v"}"#);
    let input = parse_increment(r#"{"amount":-0.0,"users":null,"attributes":null}"#).unwrap();
    assert_eq!(input, parse_increment(r#"{"amount":0}"#).unwrap());
    assert!(input.user_ids.is_empty() && input.metadata.is_empty());
}

#[test]
fn client_rule_27_an_amount_is_a_whole_number_however_it_is_written() {
    let amount = |text: &str| parse_increment(&format!("{{\"amount\":{text}}}"));
    for (text, expected) in
        [("3.0", 3), ("1e2", 100), ("9223372036854775807", i64::MAX), ("-1", -1)]
    {
        assert_eq!(amount(text).unwrap().amount, expected, "{text}");
    }
    for text in [
        "2.5",
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "\"3\"",
        "null",
        "true",
        "[1]",
        "1,\"amount\":1",
        "1,\"users\":[\"9\"]",
        "1,\"users\":[\"users/1\",\"users/2\",\"users/3\",\"users/4\",\"users/5\"]",
        "1,\"attributes\":[]",
    ] {
        assert_eq!(amount(text).unwrap_err().code, V2Code::InvalidArgument, "{text}");
    }
    for body in ["{}", "", "5", "[]", "{\"Amount\":5}", "{\"amount\":}"] {
        assert_eq!(parse_increment(body).unwrap_err().code, V2Code::InvalidArgument, "{body}");
    }
}

#[test]
fn output_only_and_unknown_members_are_ignored() {
    let body = r#"{"path":"x","createTime":5,"revisionId":[],"state":"DELETED","id":{},"other":{"a":1,"a":2},"value":7,"Value":8}"#;
    assert_eq!(parse(body).unwrap().value.as_str(), "7");
}

#[test]
fn members_that_stand_twice_are_refused() {
    check_refused(r#"{"value":1,"value":1}"#);
    check_refused(r#"{"value":1,"val\u0075e":2}"#);
    check_refused(r#"{"value":1,"x":1,"x":1}"#);
    check_refused(r#"{"value":{"a":1,"a":2}}"#);
    check_refused(r#"{"value":1,"attributes":{"a":1,"a":2}}"#);
}

#[test]
fn the_number_of_members_is_limited() {
    let of = |count: usize| {
        let others: Vec<_> = (1..count).map(|index| format!("\"x{index}\":0")).collect();
        format!("{{{},\"value\":1}}", others.join(","))
    };
    assert!(parse(&of(MEMBER_COUNT_MAX)).is_ok());
    check_refused(&of(MEMBER_COUNT_MAX + 1));
}

#[test]
fn other_shapes_are_refused() {
    for body in [
        "",
        "1",
        "[]",
        "null",
        "{",
        r#"{"value":1}x"#,
        r#"{"value":nul}"#,
        r#"{"value":1,"users":"users/1"}"#,
        r#"{"value":1,"users":[1]}"#,
        r#"{"value":1,"users":["1"]}"#,
        r#"{"value":1,"users":["users/"]}"#,
        r#"{"value":1,"attributes":[]}"#,
        r#"{"value":1,"attributes":{"a":{}}}"#,
        r#"{"value":1,"etag":5}"#,
        "\u{feff}{\"value\":1}",
        r#"{"value":"\ud800"}"#,
    ] {
        check_refused(body);
    }
    assert!(EntryInput::parse(b"{\"value\":\"\xff\"}", &Limits::native()).is_err());
}

#[test]
fn limits_are_those_of_the_profile() {
    let limits = Limits { value_size_max: 8, value_depth_max: 2, ..Limits::roblox() };
    let parse = |body: &str| EntryInput::parse(body.as_bytes(), &limits);
    assert!(parse(r#"{"value":"123456"}"#).is_ok());
    assert!(parse(r#"{"value":"1234567"}"#).is_err());
    assert!(parse(r#"{"value":[[1]]}"#).is_ok());
    assert!(parse(r#"{"value":[[[]]]}"#).is_err());
    let users = |count: usize| {
        format!("{{\"value\":1,\"users\":[{}]}}", vec!["\"users/1\""; count].join(","))
    };
    assert!(parse(&users(4)).is_ok());
    assert!(parse(&users(5)).is_err());
    assert!(parse(r#"{"value":1,"users":["users/x"]}"#).is_err());
}

#[test]
fn h_14_an_entry_is_shown_with_all_members() {
    let content = Content {
        value: JsonText::trusted(r#"{"coins": 5}"#),
        user_ids: vec![UserId::Number(1)],
        metadata: Metadata::trusted(r#"{"k":"v"}"#),
    };
    insta::assert_snapshot!(entry_body(&state("a/b \"c\"", Some(content))).unwrap(), @r#"{"path":"universes/1/data-stores/Player Data/scopes/global/entries/a/b \"c\"","createTime":"2022-02-02T23:30:06.538879900Z","revisionId":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","revisionCreateTime":"2022-02-02T23:30:06.538879900Z","state":"ACTIVE","etag":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","value":{"coins": 5},"id":"a/b \"c\"","users":["users/1"],"attributes":{"k":"v"}}"#);
    let empty = Content {
        value: JsonText::trusted("null"),
        user_ids: Vec::new(),
        metadata: Metadata::empty(),
    };
    let body = entry_body(&state("k", Some(empty))).unwrap();
    assert!(body.contains(r#""value":null"#) && body.contains(r#""users":[],"attributes":{}"#));
    let deleted = entry_body(&state("k", None)).unwrap();
    assert!(deleted.contains(r#""state":"DELETED""#) && !deleted.contains("value"));
}

#[test]
fn damaged_text_is_an_error_and_not_a_broken_body() {
    let content = Content {
        value: JsonText::trusted("{"),
        user_ids: Vec::new(),
        metadata: Metadata::empty(),
    };
    assert_eq!(entry_body(&state("k", Some(content))), Err(NotJson));
}

proptest! {
    #[test]
    fn any_body_can_be_tried(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        drop(EntryInput::parse(&bytes, &Limits::native()));
    }
}
