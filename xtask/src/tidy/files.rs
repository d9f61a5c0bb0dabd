//! The files of the source tree: everything git does not ignore.
//!
//! The tree is walked instead of asking git, because a bare machine may have the sources and no
//! git. Only the plain patterns that the root `.gitignore` uses are understood; another pattern is
//! a problem, so that the two never disagree unnoticed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Problem;
use crate::workspace::Workspace;

const IGNORE_FILE: &str = ".gitignore";

/// A file of the tree.
pub(super) struct SourceFile {
    /// From the root, with `/`.
    pub(super) path: String,
    /// Absent for a file that is not UTF-8 text.
    pub(super) text: Option<String>,
}

impl SourceFile {
    pub(super) fn has_extension(&self, wanted: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == wanted)
    }
}

/// Reads the tree, sorted by path.
///
/// # Errors
/// A file or directory cannot be read.
pub(super) fn read(workspace: &Workspace, problems: &mut Vec<Problem>) -> Result<Vec<SourceFile>> {
    let text = fs::read_to_string(workspace.root.join(IGNORE_FILE)).unwrap_or_default();
    let (ignored, unknown) = parse_ignored(&text);
    problems.extend(unknown);
    let mut files = Vec::new();
    let mut pending = vec![workspace.root.clone()];
    while let Some(directory) = pending.pop() {
        let entries = fs::read_dir(&directory)
            .with_context(|| format!("cannot read `{}`", directory.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let relative = relative(&workspace.root, &path);
            let kind = entry.file_type()?;
            let left_out = path == workspace.target
                || entry.file_name() == ".git"
                || ignored.iter().any(|pattern| pattern.matches(&relative));
            if left_out {
                continue;
            }
            if kind.is_dir() {
                pending.push(path);
            } else if kind.is_file() {
                let bytes = fs::read(&path).with_context(|| format!("cannot read `{relative}`"))?;
                files.push(SourceFile { path: relative, text: String::from_utf8(bytes).ok() });
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    parts.collect::<Vec<_>>().join("/")
}

/// One line of the ignore file.
#[derive(Debug, PartialEq)]
enum Ignored {
    /// `/data`: this path from the root.
    Path(String),
    /// `node_modules`: this name anywhere.
    Name(String),
    /// `*.log`: names with this ending anywhere.
    Ending(String),
}

impl Ignored {
    fn matches(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        match self {
            Self::Path(wanted) => path == wanted,
            Self::Name(wanted) => name == wanted,
            Self::Ending(wanted) => name.ends_with(wanted.as_str()),
        }
    }
}

fn parse_ignored(text: &str) -> (Vec<Ignored>, Vec<Problem>) {
    let mut ignored = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let plain = line.strip_suffix('/').unwrap_or(line);
        let special = |text: &str| text.contains(['*', '?', '[', '!', '\\']);
        let pattern = if let Some(ending) = plain.strip_prefix('*') {
            (!special(ending) && !ending.contains('/')).then(|| Ignored::Ending(ending.to_owned()))
        } else if special(plain) {
            None
        } else if plain.contains('/') {
            Some(Ignored::Path(plain.trim_start_matches('/').to_owned()))
        } else {
            Some(Ignored::Name(plain.to_owned()))
        };
        match pattern {
            Some(pattern) => ignored.push(pattern),
            None => problems.push(Problem::new(
                IGNORE_FILE,
                index + 1,
                format!("tidy does not understand the pattern `{line}`: use a plain name or path"),
            )),
        }
    }
    (ignored, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_patterns_ignore_what_git_ignores() {
        let (ignored, problems) = parse_ignored("# kept\n/target\n\nnode_modules/\n*.log\n");
        assert_eq!(problems, []);
        let matches = |path: &str| ignored.iter().any(|pattern| pattern.matches(path));
        assert!(matches("target") && matches("a/node_modules") && matches("a/b.log"));
        assert!(!matches("crates/target") && !matches("node_modules.rs") && !matches("log"));
    }

    #[test]
    fn a_pattern_nobody_understands_is_a_problem() {
        let (ignored, problems) = parse_ignored("data\n!kept\na/**/b\n");
        assert_eq!(ignored, [Ignored::Name("data".to_owned())]);
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3]);
    }
}
