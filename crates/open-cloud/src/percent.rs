//! Percent-decoding, strict: what is not an escape is an error, not text.

use percent_encoding::percent_decode_str;

/// Decodes a part of a path, once (H-06). Nothing if an escape is incomplete or the bytes are not
/// UTF-8.
pub(crate) fn decode_segment(raw: &str) -> Option<String> {
    let mut rest = raw;
    while let Some((_, escape)) = rest.split_once('%') {
        let digits = escape.get(..2)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        rest = escape.get(2..)?;
    }
    percent_decode_str(raw).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Decodes a name or value of a query, where `+` is a space.
pub(crate) fn decode_query(raw: &str) -> Option<String> {
    if raw.contains('+') { decode_segment(&raw.replace('+', " ")) } else { decode_segment(raw) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    #[test]
    fn h_06_a_path_is_decoded_once() {
        assert_eq!(decode_segment("a%2Fb%2520c+d").as_deref(), Some("a/b%20c+d"));
        assert_eq!(decode_query("a%2Fb+c%2B").as_deref(), Some("a/b c+"));
    }

    #[test]
    fn broken_escapes_and_bad_utf_8_are_refused() {
        for raw in ["%", "%4", "%zz", "a%", "%+1", "%FF", "%C3", "%ED%A0%80", "%\u{e9}1"] {
            assert_eq!(decode_segment(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_encoding(text in ".*") {
            let raw = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decode_segment(&raw), Some(text.clone()));
            prop_assert_eq!(decode_query(&raw.replace("%20", "+")), Some(text));
        }

        #[test]
        fn any_text_can_be_tried(text in ".*") {
            decode_segment(&text);
        }
    }
}
