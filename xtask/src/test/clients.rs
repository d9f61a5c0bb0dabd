//! Open Cloud clients that other people wrote, against the server we built.
//!
//! Everything they need is installed under `clients/` of the target directory; the source tree
//! stays clean.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::proxy::Proxy;
use super::python;
use super::running::run_within;
use super::server::{API_KEY, Server};
use crate::command;
use crate::workspace::Workspace;

/// Where the scripts are, from the root.
const SOURCES: &str = "tests/clients";
const PYTHON_SCRIPT: &str = "rblx_open_cloud.py";
const PROXIED_SCRIPT: &str = "rblx_open_cloud_by_proxy.py";
const NODE_SCRIPT: &str = "openblox.mjs";
/// A client in Rust, which the build has made.
const RUST_EXAMPLE: &str = "rbxcloud";
/// One client's whole run.
const SCRIPT_LIMIT: Duration = Duration::from_mins(5);

/// Installs the clients, starts the server, runs each client and stops the server. The last two
/// run behind the proxy.
///
/// # Errors
/// Installing failed, a client failed, or the server did not end well.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let place = workspace.target.join("clients");
    fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    let requirements = workspace.root.join(SOURCES).join("requirements.txt");
    let python = python::install(workspace, &place, &requirements)?.join("python");
    let node = install_node(workspace, &place)?;

    let data = python::fresh_directory(&place.join("data"))?;
    let program = workspace.target.join("ci").join("steadfast");
    let server = Server::start(&program, &data, &place.join("server.log"))?;
    let sources = workspace.root.join(SOURCES);
    let mut python_script = workspace.command(&python);
    python_script.arg(sources.join(PYTHON_SCRIPT));
    let mut node_script = workspace.command("node");
    node_script.arg(node.join(NODE_SCRIPT));
    let mut proxied_script = workspace.command(&python);
    proxied_script.arg(sources.join(PROXIED_SCRIPT));
    let examples = workspace.target.join("ci").join("examples");
    let mut rust_client = workspace.command(examples.join(RUST_EXAMPLE));
    let scripts = run_script(&mut python_script, &server.url)
        .and_then(|()| run_script(&mut node_script, &server.url))
        .and_then(|()| {
            let proxy = Proxy::start(&program, &server.url, &place.join("proxy.log"))?;
            let runs = run_proxied(&mut proxied_script, &proxy)
                .and_then(|()| run_proxied(&mut rust_client, &proxy));
            both(runs, proxy.stop())
        });
    both(scripts, server.stop())
}

/// What was run, and the process behind it: that is stopped and judged also when a client failed.
fn both(run: Result<()>, stopped: Result<()>) -> Result<()> {
    match (run, stopped) {
        (Err(error), Err(after)) => Err(error.context(after.to_string())),
        (run, stopped) => run.and(stopped),
    }
}

/// Runs a client that is told nothing but the variables of the proxy.
fn run_proxied(script: &mut Command, proxy: &Proxy) -> Result<()> {
    script.envs(&proxy.variables).env("STEADFAST_API_KEY", API_KEY);
    script.env("PYTHONDONTWRITEBYTECODE", "1");
    run_within(SCRIPT_LIMIT, script)
}

fn run_script(script: &mut Command, url: &str) -> Result<()> {
    script.env("STEADFAST_URL", url).env("STEADFAST_API_KEY", API_KEY);
    python::set_environment(script);
    run_within(SCRIPT_LIMIT, script)
}

/// Installs the packages and returns the directory with them and the scripts.
///
/// The scripts are copied too: node looks for packages beside the file that imports them.
fn install_node(workspace: &Workspace, place: &Path) -> Result<PathBuf> {
    let node = place.join("node");
    fs::create_dir_all(&node).with_context(|| format!("cannot create {}", node.display()))?;
    let sources = workspace.root.join(SOURCES);
    copy_node_files(&sources, &node)?;
    let locked = sources.join("package-lock.json").exists();
    let install: &[&str] = if locked { &["ci"] } else { &["install", "--no-package-lock"] };
    let mut npm = Command::new("npm");
    npm.args(install).args(["--no-audit", "--no-fund"]).current_dir(&node);
    command::run(&mut npm)?;
    Ok(node)
}

fn copy_node_files(sources: &Path, node: &Path) -> Result<()> {
    let entries =
        fs::read_dir(sources).with_context(|| format!("cannot read {}", sources.display()))?;
    for entry in entries {
        let path = entry?.path();
        let wanted = path.extension().is_some_and(|found| found == "mjs" || found == "json");
        if let (true, Some(name)) = (wanted, path.file_name()) {
            fs::copy(&path, node.join(name))
                .with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}
