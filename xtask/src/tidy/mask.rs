//! Rust source with comments and literals blanked out.
//!
//! Lines keep their number, so a check can look for code without being fooled by a comment or a
//! string that mentions it.

/// Replaces every character of a comment or literal by a space; line breaks stay.
pub(super) fn mask(source: &str) -> String {
    let mut masked = String::with_capacity(source.len());
    let mut rest = source;
    let mut after_word = false;
    while let Some(next) = rest.chars().next() {
        let hidden = hidden_length(rest, after_word);
        let (piece, after) = rest.split_at(if hidden == 0 { next.len_utf8() } else { hidden });
        if hidden == 0 {
            masked.push(next);
        } else {
            masked.extend(piece.chars().map(|char| if char == '\n' { '\n' } else { ' ' }));
        }
        after_word = hidden == 0 && (next.is_alphanumeric() || next == '_');
        rest = after;
    }
    masked
}

/// How many bytes at the start of `rest` are a comment or a literal.
fn hidden_length(rest: &str, after_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        return char_literal(rest);
    }
    if after_word { 0 } else { raw_string(rest).unwrap_or(0) }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            match tail.chars().next() {
                Some(next) => at += next.len_utf8(),
                None => return rest.len(),
            }
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, char) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if char == '\\' {
            escaped = true;
        } else if char == quote {
            return index + char.len_utf8();
        }
    }
    rest.len()
}

/// Zero for a lifetime.
fn char_literal(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted(rest, '\''),
        (Some(char), Some('\'')) => char.len_utf8() + 2,
        _ => 0,
    }
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix).filter(|body| body.starts_with(['#', '"'])))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let body = body.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let masked = mask(source);
        assert_eq!(masked, expected);
        assert_eq!(masked.lines().count(), source.lines().count());
    }

    #[test]
    fn comments_are_blank() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ \n d */ e", "a              \n      e");
        check("a /* open", "a        ");
    }

    #[test]
    fn strings_are_blank() {
        check(r#"f("a\"b", c)"#, "f(      , c)");
        check("f(r#\"a\"b\"#, br\"x\", c)", "f(        ,      , c)");
        check("f(\"/* \", a)", "f(     , a)");
    }

    #[test]
    fn chars_are_blank_and_lifetimes_stay() {
        check("match c { '\"' => 'x', '\\'' => a }", "match c {     =>    ,      => a }");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("r#type + for\"\"", "r#type + for  ");
    }
}
