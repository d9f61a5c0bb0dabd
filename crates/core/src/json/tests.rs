//! Facts about what is accepted as a value.

use super::*;

fn parse(text: &str) -> Result<JsonText, JsonError> {
    JsonText::parse(text.as_bytes(), &Limits::native())
}

#[track_caller]
fn check_syntax_error(text: &[u8]) {
    let result = JsonText::parse(text, &Limits::native());
    assert!(matches!(result, Err(JsonError::Syntax { .. })), "{result:?}");
}

#[test]
fn what_was_sent_is_kept_byte_for_byte() {
    for text in [
        "1e400",
        "-0",
        "123456789012345678901234567890.5E-7",
        r#""\u0041\n""#,
        r#"{ "b" : 1 ,  "a":[ ] }"#,
        "null",
        "true",
        "\"\u{1f600}\"",
    ] {
        assert_eq!(parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn white_space_around_a_value_is_not_part_of_it() {
    assert_eq!(parse(" \t\r\n{} \n").unwrap().as_str(), "{}");
}

#[test]
fn what_is_not_json_is_refused() {
    let wrong: [&[u8]; 27] = [
        b"",
        b" ",
        b"hello",
        b"{",
        b"[1,]",
        b"{\"a\":1,}",
        b"{\"a\"}",
        b"{a:1}",
        b"'a'",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"1e",
        b"-",
        b"NaN",
        b"Infinity",
        b"1 2",
        b"{} x",
        b"\"\n\"",
        b"\"\\x\"",
        b"\"\\ud800\"",
        b"\"\xff\"",
        b"\xef\xbb\xbf{}",
        b"[1 2]",
        b"// x\n1",
        b"\x0c1",
    ];
    for text in wrong {
        check_syntax_error(text);
    }
}

#[test]
fn a_duplicate_key_is_refused_at_any_depth_and_in_any_spelling() {
    for text in [r#"{"a":1,"a":2}"#, r#"[{"x":{"a":1,"\u0061":2}}]"#] {
        let refused = parse(text);
        assert_eq!(refused, Err(JsonError::DuplicateKey { key: "a".into() }));
    }
    assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
}

#[test]
fn j_23_depth_is_limited_at_its_edge() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(127)).is_ok());
    assert!(parse(&nested(128)).is_ok());
    let refused = parse(&nested(129));
    assert!(matches!(
        refused,
        Err(JsonError::TooDeep(LimitExceeded { actual: 129, limit: 128, .. }))
    ));
}

#[test]
fn k_20_size_is_limited_at_its_edge() {
    for (limits, limit) in [(Limits::roblox(), 4_194_304), (Limits::native(), 16_777_216)] {
        let of_size = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
        for size in [limit - 1, limit] {
            assert_eq!(JsonText::parse(of_size(size).as_bytes(), &limits).unwrap().size(), size);
        }
        let refused = JsonText::parse(of_size(limit + 1).as_bytes(), &limits);
        let over = LimitExceeded { what: "value size", actual: limit + 1, limit };
        assert_eq!(refused, Err(JsonError::TooLarge(over)));
    }
}

#[test]
fn deep_garbage_is_refused_without_using_the_stack() {
    let text = "[".repeat(1_000_000);
    assert!(matches!(parse(&text), Err(JsonError::TooDeep(_))));
}

#[test]
fn player_values_are_not_printed() {
    assert_eq!(format!("{:?}", parse("\"secret\"").unwrap()), "JsonText(8 bytes)");
}

proptest::proptest! {
    /// V4: any byte string gives a value or a typed error, and a value is what was sent.
    #[test]
    fn v4_parsing_is_total(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        if let Ok(value) = JsonText::parse(&bytes, &Limits::native()) {
            proptest::prop_assert_eq!(value.as_str().as_bytes(), trim(&bytes));
        }
    }

    /// The quick check never accepts what the thorough one refuses, and knows all but the numbers
    /// beyond `f64`: two parsers by different people agree about what JSON is.
    #[test]
    fn v4_the_quick_and_the_thorough_check_agree(text in "[\\[\\]{}:,\"a0-9.eE+\\- \\\\ntrufals]{0,24}") {
        let thorough = check_thoroughly(&text, &Limits::native());
        let quick = quick::is_certainly_valid(&text, Limits::native().value_depth_max);
        let is_beyond_f64 = text.contains(['e', 'E']);
        proptest::prop_assert!(
            quick == thorough.is_ok() || (!quick && is_beyond_f64),
            "{text}: quick {quick}, thorough {thorough:?}"
        );
    }
}

#[test]
fn the_quick_check_counts_depth_and_finds_duplicates() {
    assert!(quick::is_certainly_valid("[[1]]", 2));
    assert!(!quick::is_certainly_valid("[[1]]", 1));
    assert!(quick::is_certainly_valid(r#"{"a":{"a":1}}"#, 2));
    assert!(!quick::is_certainly_valid(r#"{"a":1,"\u0061":1}"#, 2));
    assert!(!quick::is_certainly_valid("1 1", 2));
}
