//! What tidy needs to know of a Markdown text: its links and the anchors of its headings.
//!
//! This is not a parser. It knows fences, code spans, inline links, reference definitions and the
//! `href` and `src` of inline HTML, which is what our documents use.

use std::collections::BTreeSet;

/// A link as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) target: String,
}

/// All links in reading order.
pub(super) fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, prose) in prose_lines(text) {
        let prose = without_code_spans(prose);
        let inline = prose.split("](").skip(1).filter_map(inline_target);
        let html = ["href=\"", "src=\""].into_iter().flat_map(|attribute| {
            prose.split(attribute).skip(1).filter_map(|rest| rest.split('"').next())
        });
        let all = inline.chain(html).chain(definition_target(&prose));
        links.extend(all.map(|target| Link { line, target: target.to_owned() }));
    }
    links
}

/// The anchors GitHub gives to the headings, and explicit ones.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, prose) in prose_lines(text) {
        for attribute in ["id=\"", "name=\""] {
            let found = prose.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
            anchors.extend(found.map(str::to_owned));
        }
        let Some(heading) = heading(prose) else { continue };
        let slug = slug(heading);
        let mut anchor = slug.clone();
        let mut repeat_count = 0;
        while !anchors.insert(anchor) {
            repeat_count += 1;
            anchor = format!("{slug}-{repeat_count}");
        }
    }
    anchors
}

/// Numbered lines outside fenced code.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, None) => Some((index + 1, line)),
            (None, Some(mark)) => {
                fence = Some(mark);
                None
            }
            (Some(open), mark) => {
                if mark == Some(open) {
                    fence = None;
                }
                None
            }
        }
    })
}

fn without_code_spans(line: &str) -> String {
    let pieces = line.split('`').enumerate();
    // An odd number of marks leaves the rest of the line as it is.
    let closed = line.matches('`').count() & !1;
    let prose = pieces.filter(|(index, _)| index % 2 == 0 || *index > closed);
    prose.map(|(_, piece)| piece).collect()
}

/// The target in `target "title")`, which follows `](`.
fn inline_target(rest: &str) -> Option<&str> {
    if let Some(rest) = rest.strip_prefix('<') {
        return rest.split_once('>').map(|(target, _)| target);
    }
    let mut depth = 0_usize;
    let end = rest.find(|char: char| match char {
        '(' => {
            depth += 1;
            false
        }
        ')' if depth == 0 => true,
        ')' => {
            depth -= 1;
            false
        }
        _ => char.is_whitespace(),
    });
    rest.get(..end?)
}

/// The target in `[name]: target`. A footnote is text, not a link.
fn definition_target(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('[')?;
    if rest.starts_with('^') {
        return None;
    }
    let (_, target) = rest.split_once("]:")?;
    target.split_whitespace().next().map(|target| target.trim_matches(['<', '>']))
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let depth = line.len() - text.len();
    let is_heading = (1..=6).contains(&depth) && (text.is_empty() || text.starts_with(' '));
    is_heading.then(|| text.trim().trim_end_matches('#').trim_end())
}

fn slug(heading: &str) -> String {
    let kept =
        heading.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_links(text: &str, expected: &[(usize, &str)]) {
        let found = links(text);
        let found: Vec<_> = found.iter().map(|link| (link.line, link.target.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn links_are_found_in_all_their_forms() {
        check_links("[a](b.md) and ![c](d.png \"title\")\n", &[(1, "b.md"), (1, "d.png")]);
        check_links("x\n[`a`](<b c.md>) [d](e(f).md)\n", &[(2, "b c.md"), (2, "e(f).md")]);
        check_links("[a]: b.md\n[^1]: not a link\n", &[(1, "b.md")]);
        check_links("<img src=\"a.svg\"> <a href=\"#b\">", &[(1, "#b"), (1, "a.svg")]);
    }

    #[test]
    fn code_has_no_links() {
        check_links("```text\n[a](b.md)\n```\n`[a](c.md)` [d](e.md)\n", &[(4, "e.md")]);
        check_links("~~~\n```\n[a](b.md)\n~~~\n", &[]);
        check_links("a ` b [c](d.md)\n", &[(1, "d.md")]);
    }

    #[test]
    fn anchors_follow_github() {
        let text = "# A: `b_c`, d-e\n## Same\n### Same\n```\n# code\n```\n<a id=\"x\">\n#no\n";
        let expected = ["a-b_c-d-e", "same", "same-1", "x"];
        assert_eq!(anchors(text), expected.map(str::to_owned).into());
    }
}
