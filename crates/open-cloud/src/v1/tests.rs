//! Facts about the headers and bodies of v1.

use std::sync::Arc;

use proptest::prelude::*;
use steadfast_core::id::{
    EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId, WriteId,
};
use steadfast_core::{JsonText, Timestamp};

use super::*;

fn state(content: Option<Content>) -> EntryState {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
    EntryState {
        entry: EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") },
        revision: Revision::first(WriteId(7)),
        created_at: Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap(),
        updated_at: Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap(),
        content: content.map(Arc::new),
        schema: None,
    }
}

fn content(metadata: &str, user_ids: Vec<UserId>) -> Content {
    let metadata = Metadata::parse(metadata, &Limits::native()).unwrap();
    Content { value: JsonText::trusted(r#"{"coins":5}"#), user_ids, metadata }
}

#[track_caller]
fn check_user_ids(header: Option<&[u8]>, expected: Option<&[UserId]>) {
    for limits in [Limits::roblox(), Limits::native()] {
        let found = user_ids(header, &limits);
        match expected {
            Some(expected) => assert_eq!(found.as_deref(), Ok(expected), "{header:?}"),
            None => assert_eq!(found.unwrap_err().code, Some(V1Code::InvalidUserIds)),
        }
    }
}

#[test]
fn u_14_user_ids_are_an_array_or_nothing() {
    use UserId::Number;
    check_user_ids(None, Some(&[]));
    check_user_ids(Some(b""), Some(&[]));
    check_user_ids(Some(b" "), Some(&[]));
    check_user_ids(Some(b"[]"), Some(&[]));
    check_user_ids(Some(b"[287113233]"), Some(&[Number(287_113_233)]));
    check_user_ids(Some(b" [1, 2] "), Some(&[Number(1), Number(2)]));
    check_user_ids(Some(b"1,2"), Some(&[Number(1), Number(2)]));
    for wrong in ["[-1]", "[1.5]", "[1e400]", "{}", "[null]", "[1", "[1]]", "[[1]]", "x", "[true]"]
    {
        check_user_ids(Some(wrong.as_bytes()), None);
    }
    check_user_ids(Some(b"[\xff]"), None);
}

#[test]
fn u_09_user_ids_are_counted_at_the_limit() {
    for (limits, limit) in [(Limits::roblox(), 4), (Limits::native(), 16)] {
        let of = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(user_ids(Some(of(limit - 1).as_bytes()), &limits).unwrap().len(), limit - 1);
        assert_eq!(user_ids(Some(of(limit).as_bytes()), &limits).unwrap().len(), limit);
        let over = user_ids(Some(of(limit + 1).as_bytes()), &limits).unwrap_err();
        assert_eq!(over.code, Some(V1Code::InvalidUserIds));
    }
}

#[test]
fn only_the_native_profile_knows_ids_of_text() {
    let header: Option<&[u8]> = Some(br#"["player-1", "7"]"#);
    let expected = vec![UserId::Text("player-1".into()), UserId::Number(7)];
    assert_eq!(user_ids(header, &Limits::native()), Ok(expected));
    assert!(user_ids(header, &Limits::roblox()).is_err());
    assert!(user_ids(Some(br#"["7"]"#), &Limits::roblox()).is_err());
    let long = format!("[\"{}\"]", "x".repeat(65));
    assert!(user_ids(Some(long.as_bytes()), &Limits::native()).is_err());
}

#[test]
fn u_04_attributes_are_an_object_within_the_limit() {
    let limits = Limits::roblox();
    let of = |header: &[u8]| attributes(Some(header), &limits);
    assert_eq!(attributes(None, &limits), Ok(Metadata::empty()));
    assert_eq!(of(b" "), Ok(Metadata::empty()));
    assert_eq!(of(br#"{"k": "v"}"#).unwrap().as_str(), r#"{"k":"v"}"#);
    assert_eq!(of("{\"k\":\"\u{e9}\"}".as_bytes()).unwrap().as_str(), "{\"k\":\"\u{e9}\"}");
    let sized = |size: usize| format!("{{\"k\":\"{}\"}}", "x".repeat(size - 8));
    assert!(of(sized(299).as_bytes()).is_ok());
    for wrong in [sized(300).as_bytes(), b"[]", b"{", b"{\"k\":{}}", b"\xff", b"{\"a\":1,\"a\":1}"]
    {
        assert_eq!(of(wrong).unwrap_err().code, Some(V1Code::InvalidAttributes));
    }
}

#[test]
fn h_97_a_wrong_checksum_is_refused_and_a_missing_one_is_not() {
    // Published with the reference: openblox sends these two.
    assert_eq!(check_md5(Some(b"u2y1xo30ZSlByvZSo2by2A=="), br#"{"a":1}"#), Ok(()));
    assert_eq!(check_md5(Some(b"XUFAKrxLKna5cZ2REBfFkg=="), b"hello"), Ok(()));
    assert_eq!(check_md5(None, b"hello"), Ok(()));
    assert_eq!(check_md5(Some(b""), b"hello"), Ok(()));
    for wrong in ["XUFAKrxLKna5cZ2REBfFkg==", "x", "\u{ff}"] {
        let error = check_md5(Some(wrong.as_bytes()), b"hello!").unwrap_err();
        assert_eq!(error.code, Some(V1Code::ChecksumMismatch), "{wrong}");
    }
}

#[test]
fn h_90_all_headers_are_always_there() {
    let users = vec![UserId::Number(1), UserId::Text("\u{e9}".into())];
    let content = content("{\"k\":\"\u{1f600}\"}", users);
    let headers = entry_headers(&state(Some(content.clone())), &content);
    let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let text = lines.join("\n");
    insta::assert_snapshot!(text, @r#"
    content-md5: HFP+BqCs6K8DA7fpCYDw1A==
    etag: "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01"
    roblox-entry-version: 08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01
    roblox-entry-created-time: 2022-02-02T23:30:06.5388799+00:00
    roblox-entry-version-created-time: 2022-02-02T23:30:06.5388799+00:00
    roblox-entry-attributes: {"k":"\ud83d\ude00"}
    roblox-entry-userids: [1, "\u00e9"]
    "#);
}

#[test]
fn h_91_a_version_has_five_members() {
    let content = content("{}", Vec::new());
    insta::assert_snapshot!(EntryVersion::of(&state(Some(content))).body(), @r#"{"version":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","deleted":false,"contentLength":11,"createdTime":"2022-02-02T23:30:06.5388799Z","objectCreatedTime":"2022-02-02T23:30:06.5388799Z"}"#);
    assert!(EntryVersion::of(&state(None)).deleted);
}

proptest! {
    #[test]
    fn any_attribute_makes_a_valid_header_of_the_same_json(text in any::<String>()) {
        let json = quoted(&text);
        let header = ascii_json(&json);
        prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(serde_json::from_str::<String>(&header).unwrap(), text);
    }

    #[test]
    fn any_header_can_be_tried(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        drop(user_ids(Some(&bytes), &Limits::native()));
        drop(attributes(Some(&bytes), &Limits::native()));
        drop(check_md5(Some(&bytes), b""));
    }
}

#[test]
fn h_85_an_amount_is_a_whole_number_of_64_bits_and_one_if_it_is_missing() {
    for (text, expected) in [
        (None, 1),
        (Some("5"), 5),
        (Some("-3"), -3),
        (Some("0"), 0),
        (Some("5.0"), 5),
        (Some("9223372036854775807"), i64::MAX),
        (Some("-9223372036854775808"), i64::MIN),
    ] {
        assert_eq!(amount(text), Ok(expected), "{text:?}");
    }
    for (text, code) in [
        ("9223372036854775808", Some(V1Code::IncrementValueTooLarge)),
        ("1e400", Some(V1Code::IncrementValueTooLarge)),
        ("-9223372036854775809", Some(V1Code::IncrementValueTooSmall)),
        ("2.5", None),
        ("x", None),
        (" 5", None),
        ("+5", None),
    ] {
        let error = amount(Some(text)).unwrap_err();
        assert_eq!((error.status, error.code), (400, code), "{text}");
    }
}
