//! Checks of the source tree that need no compiler.
//!
//! Each check is a pure function over a path and a text. This module reads the tree, calls the
//! checks and prints every problem, sorted by file and line.

mod files;
mod layers;
mod links;
mod markdown;
mod mask;
mod paths;
mod rust_source;

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::printer;
use crate::workspace::Workspace;

/// Something a reviewer should not have to find.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// From the root of the workspace, with `/`.
    path: String,
    /// Counted from 1.
    line: usize,
    message: String,
}

impl Problem {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Runs all checks and prints what they found.
///
/// # Errors
/// A file cannot be read, or there is at least one problem.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut problems = Vec::new();
    let files = files::read(workspace, &mut problems)?;
    for file in &files {
        let Some(text) = &file.text else { continue };
        if file.has_extension("rs") {
            problems.extend(rust_source::check(&file.path, text));
        }
        problems.extend(paths::check(&file.path, text));
    }
    problems.extend(links::check_all(&files));
    problems.extend(layers::check(&manifests(workspace)?));

    problems.sort();
    for problem in &problems {
        printer::line(&problem.to_string());
    }
    if !problems.is_empty() {
        bail!("tidy found {} problem(s) in {} files", problems.len(), files.len());
    }
    printer::line(&format!("  {} files are tidy", files.len()));
    Ok(())
}

fn manifests(workspace: &Workspace) -> Result<Vec<layers::Manifest<'_>>> {
    let read = |found| layers::Manifest::read(workspace, found);
    workspace.crates.iter().map(read).collect()
}

impl layers::Manifest<'_> {
    fn read<'a>(
        workspace: &Workspace,
        found: &'a crate::workspace::Crate,
    ) -> Result<layers::Manifest<'a>> {
        let path = found.manifest_path.strip_prefix(&workspace.root);
        let path = path.unwrap_or(&found.manifest_path).display().to_string();
        let text = fs::read_to_string(&found.manifest_path)
            .with_context(|| format!("cannot read `{path}`"))?;
        Ok(layers::Manifest { found, path, text })
    }
}
