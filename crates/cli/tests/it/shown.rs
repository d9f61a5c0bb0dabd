//! Text without what differs from run to run.

use steadfast_core::platform::RevisionId;

/// Replaces versions, times, ids and secrets by their names, and the given texts by theirs. The
/// width of columns depends on times, so every gap becomes one of two blanks.
pub(crate) fn filtered(text: &str, replaced: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in replaced {
        text = text.replace(from, to);
    }
    text.lines().map(filtered_line).collect::<Vec<_>>().join("\n")
}

fn filtered_line(line: &str) -> String {
    let is_word = |char: char| char.is_ascii_alphanumeric() || "-_.:".contains(char);
    let mut shown = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = if is_word(first) {
            rest.find(|char| !is_word(char)).unwrap_or(rest.len())
        } else {
            rest.find(is_word).unwrap_or(rest.len())
        };
        let (part, after) = rest.split_at(end);
        match part.strip_prefix("   ") {
            Some(gap) => shown.extend(["  ", gap.trim_start_matches(' ')]),
            None => shown.push_str(name_of(part)),
        }
        rest = after;
    }
    shown
}

fn name_of(word: &str) -> &str {
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = word.len() >= 20 && word.starts_with("20") && word.contains('T');
    match word {
        _ if RevisionId::from_client(word).counter().is_some() => "[VERSION]",
        _ if is_time && word.ends_with('Z') => "[TIME]",
        _ if is_hex && word.len() == 32 => "[ID]",
        _ if word.starts_with("sfk_") => "[SECRET]",
        _ => word,
    }
}
