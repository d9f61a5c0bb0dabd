//! Relative links in Markdown files: the file and the heading must exist.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::files::SourceFile;
use super::markdown;

/// What a link may point at.
#[derive(Default)]
struct Tree {
    files: BTreeSet<String>,
    /// Of each Markdown file.
    anchors: BTreeMap<String, BTreeSet<String>>,
}

/// Checks the links of all Markdown files.
pub(super) fn check_all(files: &[SourceFile]) -> Vec<Problem> {
    let documents = || {
        files
            .iter()
            .filter(|file| file.has_extension("md"))
            .filter_map(|file| file.text.as_ref().map(|text| (file.path.as_str(), text.as_str())))
    };
    let tree = Tree {
        files: files.iter().map(|file| file.path.clone()).collect(),
        anchors: documents()
            .map(|(path, text)| (path.to_owned(), markdown::anchors(text)))
            .collect(),
    };
    documents().flat_map(|(path, text)| check(path, text, &tree)).collect()
}

fn check(path: &str, text: &str, tree: &Tree) -> Vec<Problem> {
    let links = markdown::links(text);
    let dead = links.iter().filter_map(|link| {
        let reason = refusal(path, &link.target, tree)?;
        Some(Problem::new(path, link.line, format!("dead link `{}`: {reason}", link.target)))
    });
    dead.collect()
}

fn refusal(path: &str, target: &str, tree: &Tree) -> Option<String> {
    if has_scheme(target) {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let file = file.replace("%20", " ");
    let Some(found) = resolve(path, &file) else {
        return Some("it leaves the source tree".to_owned());
    };
    if !tree.has(&found) {
        return Some(format!("there is no `{found}`"));
    }
    let (anchor, anchors) = (anchor?, tree.anchors.get(&found)?);
    (!anchors.contains(anchor)).then(|| format!("`{found}` has no heading `#{anchor}`"))
}

impl Tree {
    fn has(&self, path: &str) -> bool {
        let directory = format!("{path}/");
        path.is_empty()
            || self.files.contains(path)
            || self
                .files
                .range(directory.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&directory))
    }
}

/// `https:`, `mailto:` and the like.
fn has_scheme(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.len() > 1 && scheme.chars().all(|char| char.is_ascii_alphanumeric() || char == '+')
    })
}

/// The path from the root of the tree; none if the target lies outside.
fn resolve(path: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(path.to_owned());
    }
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        path.rsplit_once('/').map_or(Vec::new(), |(directory, _)| directory.split('/').collect())
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_target(target: &str, expected: Option<&str>) {
        let file = |path: &str, text: &str| SourceFile {
            path: path.to_owned(),
            text: Some(text.to_owned()),
        };
        let files = [
            file("README.md", "# Top\n"),
            file("docs/a b.md", "# A\n"),
            file("docs/guides/start.md", &format!("# Start\n\n[x]({target})\n")),
            file("src/main.rs", ""),
        ];
        let problems = check_all(&files);
        match expected {
            None => assert_eq!(problems, []),
            Some(part) => {
                let [problem] = problems.as_slice() else { panic!("one problem: {problems:?}") };
                assert_eq!((problem.path.as_str(), problem.line), ("docs/guides/start.md", 3));
                assert!(problem.message.contains(part), "{problem}");
            }
        }
    }

    #[test]
    fn a_link_to_what_exists_is_fine() {
        check_target("../../README.md", None);
        check_target("../../README.md#top", None);
        check_target("../a%20b.md", None);
        check_target("#start", None);
        check_target("..", None);
        check_target("../../src/", None);
        check_target("/src/main.rs#L10", None);
        check_target("https://example.org/none.md#x", None);
        check_target("mailto:a@example.org", None);
    }

    #[test]
    fn a_dead_link_is_found() {
        check_target("README.md", Some("there is no `docs/guides/README.md`"));
        check_target("../../readme.md", Some("there is no `readme.md`"));
        check_target("../../README.md#bottom", Some("no heading `#bottom`"));
        check_target("#begin", Some("no heading `#begin`"));
        check_target("../../../x.md", Some("leaves the source tree"));
        check_target("../gui", Some("there is no `docs/gui`"));
    }
}
