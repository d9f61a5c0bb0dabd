//! From an address to connections, and back to silence.
//!
//! A stop goes in this order: no new connections; requests that are under way are finished, up to a
//! deadline; what is left is dropped, though never a write that the store has; the store is closed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use steadfast::{Steadfast, Stopped};
use steadfast_core::ErrorKind;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, info, warn};

use crate::config::{Config, ConfigError};
use crate::connection::serve;
use crate::service::App;

/// How long to wait after the system refused to accept: it has no room for now.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often measured times are put into their buckets, so that they do not pile up.
const METRICS_INTERVAL: Duration = Duration::from_secs(5);

/// Why the server does not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The settings cannot be used.
    #[error("the settings cannot be used")]
    Config(#[source] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store had stopped, or could not be closed in order. What was acknowledged is durable.
    #[error("the store was not closed in order")]
    Close(#[source] Stopped),
    /// Closing the store panicked. What was acknowledged is durable.
    #[error("closing the store failed")]
    ClosePanicked(#[source] JoinError),
}

impl ServerError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Listen { .. } => ErrorKind::Unavailable,
            Self::Close(_) | Self::ClosePanicked(_) => ErrorKind::Internal,
        }
    }
}

/// Starts servers.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Server {
    /// Takes the address, without serving it yet.
    ///
    /// # Errors
    /// [`ServerError::Config`] and [`ServerError::Listen`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn bind(config: Config, steadfast: Steadfast) -> Result<BoundServer, ServerError> {
        config.check(steadfast.limits().value_size_max).map_err(ServerError::Config)?;
        let address = config.listen;
        let listen = |source| ServerError::Listen { address, source };
        let listener = open(address, config.backlog_count_max).map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        Ok(BoundServer { listener, local_addr, app: Arc::new(App::new(config, steadfast)) })
    }
}

fn open(address: SocketAddr, backlog_count_max: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // After a restart, connections of the last run may still be fading out.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog_count_max)
}

/// A server that has its address.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    local_addr: SocketAddr,
    app: Arc<App>,
}

impl BoundServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` completes, then stops in order and closes the store.
    ///
    /// # Errors
    /// [`ServerError::Close`].
    ///
    /// # Cancel safety
    /// Dropped, it drops its connections and leaves the store open. Writes that the store has are
    /// carried out.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let Self { listener, local_addr, app } = self;
        info!(address = %local_addr, "serving");
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        accept_until(&listener, &app, &graceful, &mut connections, pin!(shutdown)).await;
        drop(listener);
        info!(connections = connections.len(), "stopping");
        if timeout(app.config().shutdown_timeout, graceful.shutdown()).await.is_err() {
            warn!("requests were under way at the end of the time for a stop");
        }
        connections.shutdown().await;
        let steadfast = app.steadfast().clone();
        let closed = tokio::task::spawn_blocking(move || steadfast.close()).await;
        // Backups and works end with their store.
        app.backups().ended().await;
        app.works().ended().await;
        closed.map_err(ServerError::ClosePanicked)?.map_err(ServerError::Close)?;
        info!("stopped");
        Ok(())
    }
}

async fn accept_until(
    listener: &TcpListener,
    app: &Arc<App>,
    graceful: &GracefulShutdown,
    connections: &mut JoinSet<()>,
    mut shutdown: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
) {
    let slots = Arc::new(Semaphore::new(app.config().connection_count_max));
    let mut upkeep = interval(METRICS_INTERVAL);
    upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            Some(ended) = connections.join_next() => on_ended(ended),
            _ = upkeep.tick() => app.tidy_metrics(),
            accepted = accept(listener, &slots) => match accepted {
                Ok((slot, stream)) => {
                    let (app, watcher) = (Arc::clone(app), graceful.watcher());
                    connections.spawn(async move {
                        serve(app, stream, watcher).await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection");
                    if timeout(ACCEPT_PAUSE, &mut shutdown).await.is_ok() {
                        return;
                    }
                }
            },
        }
    }
}

/// The next connection, once there is room for it. Until then it waits in the system's backlog.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((slot, stream))
}

fn on_ended(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        // Handlers have a boundary of their own: this is a fault of the connection's code.
        error!("a connection panicked");
    }
}
