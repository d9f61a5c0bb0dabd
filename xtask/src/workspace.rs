//! The workspace as cargo sees it: root, target directory, crates with layers and dependencies.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::command;

/// Where things are and which crates exist.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Honours `CARGO_TARGET_DIR` and cargo's configuration.
    pub(crate) target: PathBuf,
    pub(crate) crates: Vec<Crate>,
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    metadata: Option<CrateMetadata>,
}

/// One line of a dependency table.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Absent for a normal dependency, else `dev` or `build`.
    kind: Option<String>,
    /// Only a dependency inside the source tree has a path.
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct CrateMetadata {
    steadfast: Option<SteadfastMetadata>,
}

#[derive(Debug, Deserialize)]
struct SteadfastMetadata {
    layer: Option<u32>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo, from the current directory upwards.
    ///
    /// # Errors
    /// There is no workspace here, or a manifest is wrong.
    pub(crate) fn find() -> Result<Self> {
        // Two calls: a relative target directory is meant from the root, where all commands run.
        let located = cargo_stdout(Command::new("cargo").args([
            "locate-project",
            "--workspace",
            "--message-format=plain",
        ]))?;
        let root = Path::new(located.trim()).parent().context("the manifest has no directory")?;
        let text = cargo_stdout(
            Command::new("cargo")
                .args(["metadata", "--format-version=1", "--no-deps"])
                .current_dir(root),
        )?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let metadata: Metadata =
            serde_json::from_str(text).context("cannot read the answer of `cargo metadata`")?;
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            crates: metadata.packages,
        })
    }

    /// A program to be run in the root of the workspace.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// A program that the step `build` made, by its path below the directory of the profile. Asking
    /// cargo again for one crate alone would choose other features and build half of it anew.
    pub(crate) fn built(&self, program: &str) -> Command {
        self.command(self.target.join("ci").join(program))
    }

    /// `cargo` with these arguments, to be run in the root of the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments);
        command
    }
}

impl Crate {
    /// The declared layer, from `[package.metadata.steadfast]`.
    pub(crate) fn layer(&self) -> Option<u32> {
        self.metadata.as_ref()?.steadfast.as_ref()?.layer
    }
}

impl Dependency {
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

fn cargo_stdout(command: &mut Command) -> Result<String> {
    let captured = command::capture(command)?;
    if !captured.status.success() {
        anyhow::bail!("`{}` failed\n{}", command::show(command), captured.stderr);
    }
    Ok(captured.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_and_kinds_are_read() {
        let workspace = Workspace::parse(
            r#"{
                "workspace_root": "/x", "target_directory": "/y",
                "packages": [
                    {"name": "a", "manifest_path": "/x/a/Cargo.toml",
                     "metadata": {"steadfast": {"layer": 2}},
                     "dependencies": [{"name": "b", "kind": "dev", "path": "/x/b"},
                                      {"name": "c", "kind": null}]},
                    {"name": "b", "manifest_path": "/x/b/Cargo.toml",
                     "metadata": null, "dependencies": []}]}"#,
        )
        .unwrap();
        assert_eq!(workspace.target, Path::new("/y"));
        let [a, b] = workspace.crates.as_slice() else { panic!("two crates") };
        assert_eq!((a.layer(), b.layer()), (Some(2), None));
        let [dev, normal] = a.dependencies.as_slice() else { panic!("two dependencies") };
        assert!(dev.is_dev() && dev.path.is_some());
        assert!(!normal.is_dev() && normal.path.is_none());
    }

    #[test]
    fn a_foreign_answer_is_an_error() {
        assert!(Workspace::parse("{}").is_err());
    }
}
