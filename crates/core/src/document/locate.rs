//! Where in a value a place in its text is, for errors that only know the text.

use crate::path::{Path, Step};

/// The innermost value that a JSON text is inside of, or just behind, after that many bytes.
pub(super) fn path_at(text: &str, offset: usize) -> Path {
    let mut open: Vec<Option<Step>> = Vec::new();
    let mut rest = text.get(..offset).unwrap_or(text);
    while let Some(start) = rest.find(['{', '[', '}', ']', ',', '"']) {
        let (found, after) = rest.split_at(start);
        debug_assert!(!found.contains('"'), "the first of these characters was looked for");
        let mark = after.as_bytes().first();
        rest = after.get(1..).unwrap_or_default();
        match mark {
            Some(b'{') => open.push(None),
            Some(b'[') => open.push(Some(Step::Index(0))),
            Some(b'}' | b']') => {
                open.pop();
            }
            Some(b',') => match open.last_mut() {
                Some(Some(Step::Index(index))) => *index += 1,
                Some(step) => *step = None,
                None => {}
            },
            _ => {
                let end = string_end(rest);
                let literal = after.get(..=end + 1);
                rest = rest.get(end + 1..).unwrap_or_default();
                // The first string behind a bracket or comma of an object is the key.
                if let Some(step @ None) = open.last_mut() {
                    let key = literal.and_then(|key| serde_json::from_str::<String>(key).ok());
                    *step = key.map(|key| Step::from(key.as_str()));
                }
            }
        }
    }
    open.into_iter().map_while(|step| step).collect()
}

/// Where the quotation mark that ends a string stands.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_text_is_a_place_in_the_value() {
        let text = r#"{"a":[1,{"b\"]":"},x"},3],"c":true}"#;
        for (mark, path) in [
            ("{", "(root)"),
            (r#"{"a":"#, "a"),
            (r#"{"a":[1"#, "a[0]"),
            (r#"{"a":[1,"#, "a[1]"),
            (r#"{"a":[1,{"b\"]""#, r#"a[1]["b\"]"]"#),
            (r#"{"a":[1,{"b\"]":"},x""#, r#"a[1]["b\"]"]"#),
            (r#"{"a":[1,{"b\"]":"},x"}"#, "a[1]"),
            (r#"{"a":[1,{"b\"]":"},x"},3"#, "a[2]"),
            (r#"{"a":[1,{"b\"]":"},x"},3]"#, "a"),
            (r#"{"a":[1,{"b\"]":"},x"},3],"c":true"#, "c"),
            (text, "(root)"),
        ] {
            assert!(text.starts_with(mark));
            assert_eq!(path_at(text, mark.len()).to_string(), path, "{mark}");
        }
        assert_eq!(path_at(text, 10_000), Path::root());
    }
}
