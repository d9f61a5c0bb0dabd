//! Facts about page tokens.

use std::fmt::Debug;

use proptest::prelude::*;

use super::*;

fn listing() -> Listing {
    Listing::of("entries").with("1").with("Players").with_optional(None::<&str>)
}

fn entry(scope: &str, key: &str) -> (Scope, EntryKey) {
    (Scope::trusted(scope), EntryKey::trusted(key))
}

#[track_caller]
fn check_round_trip<P: Position + PartialEq + Debug>(listing: &Listing, position: &P) -> String {
    let token = listing.token(position);
    assert_eq!(listing.position::<P>(&token).as_ref(), Ok(position), "{token}");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    assert!(token.bytes().all(is_plain), "{token}");
    assert!(token.len() <= TOKEN_SIZE_MAX, "{token}");
    token
}

#[test]
fn rule_20_a_token_is_the_same_for_the_same_request_and_in_every_process() {
    insta::assert_snapshot!(listing().token(&entry("global", "User_1")), @"AQE4fKGZkixEJgAAAAZnbG9iYWxVc2VyXzE");
    insta::assert_snapshot!(listing().token(&7_u64), @"AQJjfg2dQM3iAwAAAAAAAAAH");
}

#[test]
fn rule_19_the_end_of_a_list_has_an_empty_token() {
    assert_eq!(listing().next_token::<u64>(None), "");
    assert_eq!(listing().next_token(Some(&7_u64)), listing().token(&7_u64));
    assert_eq!(listing().position::<u64>(""), Err(TokenError));
}

#[test]
fn h_10_a_token_of_other_parameters_is_refused() {
    let position = entry("global", "k");
    let token = listing().token(&position);
    for other in [
        Listing::of("revisions").with("1").with("Players").with_optional(None::<&str>),
        Listing::of("entries").with("2").with("Players").with_optional(None::<&str>),
        Listing::of("entries").with("1").with("Player").with("s").with_optional(None::<&str>),
        Listing::of("entries").with("1Players").with_optional(None::<&str>),
        Listing::of("entries").with("1").with("Players").with_optional(Some("")),
        listing().with(""),
    ] {
        assert_eq!(other.position::<(Scope, EntryKey)>(&token), Err(TokenError));
    }
    assert_eq!(listing().position(&token), Ok(position));
}

#[test]
fn a_token_of_another_kind_of_position_is_refused() {
    let token = listing().token(&0x0041_4141_4141_4141_u64);
    assert_eq!(listing().position::<StoreName>(&token), Err(TokenError));
    assert_eq!(listing().position::<(i64, EntryKey)>(&token), Err(TokenError));
}

#[test]
fn the_longest_names_have_tokens() {
    let name = "\u{20ac}".repeat(512 / 3) + "ab";
    check_round_trip(&listing(), &entry(&name, &name));
    check_round_trip(&listing(), &StoreName::trusted(name.as_str()));
    check_round_trip(&listing(), &(i64::MIN, EntryKey::trusted(name.as_str())));
    let over = "A".repeat(TOKEN_SIZE_MAX + 1);
    assert_eq!(listing().position::<u64>(&over), Err(TokenError));
}

#[test]
fn names_that_no_entry_has_are_no_position() {
    for bytes in [&[][..], &[0, 0, 0, 0, b'k'], &[0, 0, 0, 1, b's'], &[0, 0, 0, 9, b's', b'k']] {
        assert_eq!(<(Scope, EntryKey)>::read(bytes), None, "{bytes:?}");
    }
    assert_eq!(<(Scope, EntryKey)>::read(b"\0\0\0\x01s\xff"), None);
    assert_eq!(u64::read(&[0; 9]), None);
    assert_eq!(StoreName::read(b""), None);
    assert_eq!(<(i64, EntryKey)>::read(&[0; 8]), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        scope in ".{1,40}", key in ".{1,40}", value: i64, counter: u64, parameter in ".*"
    ) {
        let listing = Listing::of("x").with(&parameter);
        let tokens = [
            check_round_trip(&listing, &entry(&scope, &key)),
            check_round_trip(&listing, &StoreName::trusted(key.as_str())),
            check_round_trip(&listing, &(value, EntryKey::trusted(key.as_str()))),
            check_round_trip(&listing, &counter),
        ];
        for (index, token) in tokens.iter().enumerate() {
            prop_assert!(!tokens[..index].contains(token));
        }
    }

    #[test]
    fn a_token_with_another_byte_is_refused(
        key in ".{1,20}", at: prop::sample::Index, byte: u8, other in 0_u8..128
    ) {
        let token = listing().token(&entry("global", &key));
        let mut text = token.clone().into_bytes();
        let at = at.index(text.len());
        text[at] = other;
        let text = String::from_utf8(text).unwrap();
        if text != token {
            prop_assert_eq!(listing().position::<(Scope, EntryKey)>(&text), Err(TokenError));
        }
        // Also below the Base64.
        let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        let at = at % bytes.len();
        if bytes[at] != byte {
            bytes[at] = byte;
            let text = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(listing().position::<(Scope, EntryKey)>(&text), Err(TokenError));
        }
    }

    #[test]
    fn any_text_can_be_tried(text in ".{0,80}", bytes: Vec<u8>) {
        prop_assert_eq!(listing().position::<u64>(&text), Err(TokenError));
        let text = URL_SAFE_NO_PAD.encode(&bytes);
        prop_assert_eq!(listing().position::<(Scope, EntryKey)>(&text), Err(TokenError));
        // Positions themselves, as if somebody had computed the digest.
        if let Some(found) = <(Scope, EntryKey)>::read(&bytes) {
            let mut again = Vec::new();
            found.write(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}
