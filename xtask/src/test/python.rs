//! Published Python programs, installed beside the build and never into the source tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::workspace::Workspace;

/// Makes a virtual environment under `place` with what `requirements` lists, and returns the
/// directory of its programs.
///
/// # Errors
/// Python or pip failed.
pub(super) fn install(workspace: &Workspace, place: &Path, requirements: &Path) -> Result<PathBuf> {
    let venv = place.join("venv");
    let programs = venv.join("bin");
    command::run(workspace.command("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut install = workspace.command(programs.join("python"));
    install.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    command::run(install.arg("-r").arg(requirements))?;
    Ok(programs)
}

/// What every program gets that speaks to a server of ours.
pub(super) fn set_environment(program: &mut Command) {
    // The server is on this machine; a proxy would not find it.
    program.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    program.env("PYTHONDONTWRITEBYTECODE", "1");
}

/// An empty directory; what an earlier run left there is removed.
///
/// # Errors
/// It cannot be removed or made.
pub(super) fn fresh_directory(path: &Path) -> Result<PathBuf> {
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path.to_owned())
}
