//! Backups of the running store, in directories on the server's machine.
//!
//! A request names a directory, not a path: it is made directly below the one that the server was
//! started with, so that the API is no way to write files elsewhere. A backup may outlast its
//! request; it is then asked for by its name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Body;
use serde::{Deserialize, Serialize};
use steadfast::{BackupError, Manifest, Progress, Stage};
use steadfast_core::Code;
use steadfast_open_cloud::time;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::{BODY_SIZE_MAX, json, read_json, with_causes};
use crate::body::Incoming;
use crate::edge::own_error;
use crate::reply::Reply;
use crate::service::App;

/// Longest name of a backup, in bytes.
const NAME_SIZE_MAX: usize = 128;

/// The backup that is being made, or that was made last.
#[derive(Debug, Default)]
pub(crate) struct Backups {
    last: Mutex<Option<Job>>,
}

/// A backup and how far it is.
#[derive(Clone, Debug)]
struct Job {
    name: String,
    path: PathBuf,
    state: watch::Receiver<State>,
}

#[derive(Clone, Debug)]
enum State {
    Running(Option<Progress>),
    Done(Manifest),
    Failed(Code, String),
}

impl State {
    fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }
}

impl Backups {
    /// Returns once no backup is being made.
    pub(crate) async fn ended(&self) {
        let Some(mut job) = self.lock().clone() else { return };
        // An error is a job whose thread is gone.
        drop(job.state.wait_for(|state| !state.is_running()).await);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Job>> {
        // It is replaced whole.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    directory: String,
}

/// Makes a backup, or joins in waiting for the one of that name.
pub(super) async fn create<B>(
    app: &App,
    parts: &Parts,
    body: &mut Incoming<B>,
) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let Input { directory } = read_json(app, parts, body, (BODY_SIZE_MAX, "a backup")).await?;
    let mut job = start(app, directory)?;
    let ended = job.state.wait_for(|state| !state.is_running());
    // Not in time, or gone with its thread: either way what is known is told.
    drop(timeout(app.config().request_timeout, ended).await);
    show(&job)
}

/// Tells how far the last backup is, if it has that name.
pub(super) fn get(app: &App, name: &str) -> Result<Reply, Reply> {
    let job = app.backups().lock().clone().filter(|job| job.name == name);
    let job = job.ok_or_else(|| {
        let message = "no backup of that name was asked for since the server started, or another \
                       one after it";
        own_error(Code::BackupNotFound, message)
    })?;
    show(&job)
}

fn start(app: &App, name: String) -> Result<Job, Reply> {
    let Some(parent) = &app.config().backups else {
        let message = "this server makes no backups: start it with `serve --backups DIR`";
        return Err(own_error(Code::BackupsDisabled, message));
    };
    let path = path_of(parent, &name)?;
    let mut last = app.backups().lock();
    if let Some(job) = &*last
        && job.state.borrow().is_running()
    {
        if job.name == name {
            return Ok(job.clone());
        }
        let message = format!("the backup `{}` is being made", job.name);
        return Err(own_error(Code::BackupRunning, &message));
    }
    let (sender, state) = watch::channel(State::Running(None));
    let job = Job { name, path, state };
    *last = Some(job.clone());
    drop(last);
    let (steadfast, path) = (app.steadfast().clone(), job.path.clone());
    // Not cancelled with its request; `Backups::ended` waits for it when the server stops.
    tokio::task::spawn_blocking(move || {
        let made = catch_unwind(AssertUnwindSafe(|| {
            steadfast.backup_to(&path, &mut |progress| {
                sender.send_replace(State::Running(Some(progress)));
                ControlFlow::Continue(())
            })
        }));
        sender.send_replace(ended_state(&path, made.ok()));
    });
    Ok(job)
}

fn ended_state(path: &Path, made: Option<Result<Manifest, BackupError>>) -> State {
    match made {
        Some(Ok(manifest)) => {
            let (commit, damage) = (manifest.commit, manifest.damage_count);
            info!(path = %path.display(), commit, damage, "a backup was made");
            State::Done(manifest)
        }
        Some(Err(error)) => {
            let code = error.code();
            let message = with_causes(&error);
            warn!(path = %path.display(), %code, message, "a backup failed");
            State::Failed(code, message)
        }
        None => State::Failed(Code::Internal, "the backup panicked".to_owned()),
    }
}

/// The directory of a backup. Its name is no path, and no link leads elsewhere.
fn path_of(parent: &Path, name: &str) -> Result<PathBuf, Reply> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=NAME_SIZE_MAX).contains(&name.len());
    if !fits || name.starts_with('.') || !name.bytes().all(is_plain) {
        let message = format!(
            "`directory` must be a name of 1 to {NAME_SIZE_MAX} letters, digits, `-`, `_` and \
             `.`, not a path: it is made below the directory of `serve --backups`"
        );
        return Err(own_error(Code::InvalidDirectory, &message));
    }
    // Absolute, because whoever reads the answer need not be where the server is.
    let parent = std::path::absolute(parent).unwrap_or_else(|_| parent.to_owned());
    let path = parent.join(name);
    if path.is_symlink() {
        return Err(own_error(Code::InvalidDirectory, "that name is a link to somewhere else"));
    }
    Ok(path)
}

/// A backup as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    directory: &'a str,
    path: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<ManifestOutput<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProgressOutput {
    stage: &'static str,
    row_count: u64,
    row_count_total: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestOutput<'a> {
    format: u32,
    created_by: &'a str,
    commit: u64,
    stamped_at: String,
    content: String,
    rows: &'a BTreeMap<String, u64>,
    damage_count: u64,
    damage: &'a BTreeSet<String>,
}

fn show(job: &Job) -> Result<Reply, Reply> {
    let state = job.state.borrow().clone();
    let (name, progress, manifest) = match &state {
        State::Running(progress) => ("running", progress.map(progress_output), None),
        State::Done(manifest) => ("done", None, Some(manifest_output(manifest))),
        State::Failed(code, message) => return Err(own_error(*code, message)),
    };
    let (directory, path) = (&*job.name, job.path.display().to_string());
    let output = Output { directory, path, state: name, progress, manifest };
    Ok(Reply::json(StatusCode::OK, json(&output)))
}

fn progress_output(progress: Progress) -> ProgressOutput {
    let Progress { stage, row_count, row_count_total, .. } = progress;
    let stage = if stage == Stage::Copying { "copying" } else { "verifying" };
    ProgressOutput { stage, row_count, row_count_total }
}

fn manifest_output(manifest: &Manifest) -> ManifestOutput<'_> {
    ManifestOutput {
        format: manifest.format,
        created_by: &manifest.created_by,
        commit: manifest.commit,
        stamped_at: time::v2_json(manifest.stamped_at),
        content: manifest.content_text(),
        rows: &manifest.rows,
        damage_count: manifest.damage_count,
        damage: &manifest.damage,
    }
}
