//! `serve`: one directory, one server, until somebody says stop.
//!
//! stdout has two things for whoever started us: the administrator's key, once in the life of a
//! directory, and the address, once it is served. Everything else is logged to stderr.

use std::io;
use std::path::Path;
use std::time::Duration;

use steadfast::Steadfast;
use steadfast_core::ErrorKind;
use steadfast_server::{BoundServer, Config, Server, ServerError, metrics};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::args::Serve;
use crate::config::{self, Effective};
use crate::environment;
use crate::failure::{Failure, Result};
use crate::printer::{self, Style};
use crate::target::open_failure;

/// How often the store is asked whether it still serves.
const HEALTH_INTERVAL: Duration = Duration::from_millis(250);
/// What is logged unless it was asked for something else.
pub(crate) const LOG_DEFAULT: &str = "info";

/// Serves until SIGTERM or SIGINT, or until the store stops by itself.
///
/// # Errors
/// The server does not start, or the store stopped.
pub(crate) async fn run(serve: Serve) -> Result<()> {
    start_log()?;
    let Effective { data, server: config, options, .. } = config::load(&serve)?;
    // From here on a signal waits to be seen, instead of ending the process in the middle.
    let signals = Signals::new()?;
    let preset = environment::read(&environment::ADMIN_KEY)?;
    let recorder = metrics::prometheus().map_err(internal)?.install_recorder().map_err(internal)?;
    let db = Steadfast::open_with(&data, options).map_err(|error| open_failure(&data, error))?;
    let config = Config { metrics: Some(recorder), ..config };
    let server = match start(config, &db, preset.as_deref(), &data).await {
        Ok(server) => server,
        Err(failure) => {
            // The first failure is the one to tell.
            drop(db.close());
            return Err(failure);
        }
    };
    let ended = server.run(stop_requested(signals, db)).await;
    ended.map_err(|error| {
        let look = format!("look at it with `doctor {}`", data.display());
        server_failure(error).hint(format!("what was acknowledged is durable; {look}"))
    })
}

/// Everything between an open store and a served address.
async fn start(
    config: Config,
    db: &Steadfast,
    preset: Option<&str>,
    data: &Path,
) -> Result<BoundServer> {
    // The address comes before the key: a start that fails must not have made one.
    let server = Server::bind(config, db.clone()).map_err(server_failure)?;
    ensure_admin(db, preset, data).await?;
    if !server.local_addr().ip().is_loopback() {
        warn!(address = %server.local_addr(), "other machines reach this address, and see API keys");
    }
    match printer::line(&format!("listening on http://{}", server.local_addr())) {
        // Whoever started the server need not stay to read.
        Err(failure) if !failure.is_closed_pipe() => Err(failure),
        Ok(()) | Err(_) => Ok(server),
    }
}

/// Makes sure that there is an administrator's key, and shows it if it is new.
async fn ensure_admin(db: &Steadfast, preset: Option<&str>, data: &Path) -> Result<()> {
    let made = db.keys().ensure_admin(preset).await.map_err(|error| {
        Failure::of(error.kind(), error).context("cannot make the administrator's key")
    })?;
    let Some(secret) = made else { return Ok(()) };
    let text = format!("the administrator's key, shown this once: {secret}");
    printer::line(&text).map_err(|failure| {
        // Even if nobody reads stdout: a key that nobody saw is lost, and that must be known.
        let hint = format!("make another one: `key create --data {} ...`", data.display());
        Failure::new(failure.kind(), "cannot show the administrator's key").hint(hint)
    })
}

/// Completes when the server is to stop.
async fn stop_requested(mut signals: Signals, db: Steadfast) {
    let mut checks = interval(HEALTH_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = signals.next() => return,
            _ = checks.tick() => if let Err(stopped) = db.health() {
                return error!(reason = %stopped.reason, "the store stopped by itself");
            },
        }
    }
}

/// The signals that ask for a stop.
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on a signal waits to be seen, instead of ending the process.
    ///
    /// # Errors
    /// The system has no room for it.
    pub(crate) fn new() -> Result<Self> {
        let listen = |kind| signal(kind).map_err(internal);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Completes with the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => info!("asked to stop by SIGTERM"),
            _ = self.interrupt.recv() => info!("asked to stop by SIGINT"),
        }
    }
}

/// Logs to stderr from now on.
///
/// # Errors
/// The filter of the environment is none.
pub(crate) fn start_log() -> Result<()> {
    let text = environment::read(&environment::LOG)?;
    let filter = EnvFilter::builder().parse(text.as_deref().unwrap_or(LOG_DEFAULT));
    let filter = filter.map_err(|error| {
        let message = format!("`{}` is not a log filter", environment::LOG.name);
        Failure::of(ErrorKind::Invalid, error)
            .context(message)
            .hint("it looks like `warn` or `info,steadfast_server=debug`")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(Style::of_stderr().is_coloured())
        .init();
    Ok(())
}

fn server_failure(error: ServerError) -> Failure {
    Failure::of(error.kind(), error)
}

fn internal(error: impl Into<anyhow::Error>) -> Failure {
    Failure::of(ErrorKind::Internal, error)
}
