//! From an address to connections, and back to silence.
//!
//! A stop goes in this order: no new connections; requests that are under way are answered, up to
//! a deadline; what is left is dropped.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use steadfast_core::ErrorKind;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::certificates::{CertificateError, Certificates};
use crate::config::{Config, ConfigError};
use crate::connection::{Shared, Stop, serve};
use crate::forward::Forwarder;

/// How long to wait after the system refused to accept: it has no room for now.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most connections that wait to be accepted.
const BACKLOG_COUNT_MAX: u32 = 256;

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
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
    /// There are no certificates.
    #[error("cannot make the certificates")]
    Certificates(#[source] CertificateError),
}

impl ProxyError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Listen { .. } => ErrorKind::Unavailable,
            Self::Certificates(_) => ErrorKind::Internal,
        }
    }
}

/// Starts proxies.
#[derive(Clone, Copy, Debug)]
pub struct Proxy;

impl Proxy {
    /// Takes the address and makes the certificates, without serving yet. They hold from `now` on,
    /// for a year.
    ///
    /// # Errors
    /// Every [`ProxyError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn bind(config: Config, now: SystemTime) -> Result<BoundProxy, ProxyError> {
        config.check().map_err(ProxyError::Config)?;
        let address = config.listen;
        let listen = |source| ProxyError::Listen { address, source };
        let listener = open(address).map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let certificates =
            Certificates::make(&config.hosts, now).map_err(ProxyError::Certificates)?;
        let forwarder = Forwarder::new(&config);
        let shared = Arc::new(Shared { config, certificates, forwarder });
        Ok(BoundProxy { listener, local_addr, shared })
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // After a restart, connections of the last run may still be fading out.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_COUNT_MAX)
}

/// A proxy that has its address.
#[derive(Debug)]
pub struct BoundProxy {
    listener: TcpListener,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

impl BoundProxy {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The certificate that clients must trust, as PEM.
    pub fn authority_pem(&self) -> &str {
        self.shared.certificates.authority_pem()
    }

    /// Serves until `shutdown` completes, then stops in order.
    ///
    /// # Cancel safety
    /// Dropped, it drops its connections. A write that the server has by then is carried out.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { listener, local_addr, shared } = self;
        info!(address = %local_addr, to = %shared.config.target, "serving");
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        accept_until(&listener, &shared, &Stop::new(stopped), &mut connections, pin!(shutdown))
            .await;
        drop(listener);
        info!(connections = connections.len(), "stopping");
        stop.send_replace(true);
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                on_ended(ended);
            }
        };
        if timeout(shared.config.shutdown_timeout, all_ended).await.is_err() {
            warn!("requests were under way at the end of the time for a stop");
        }
        connections.shutdown().await;
        info!("stopped");
    }
}

async fn accept_until(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    stop: &Stop,
    connections: &mut JoinSet<()>,
    mut shutdown: Pin<&mut (impl Future<Output = ()> + Send)>,
) {
    let slots = Arc::new(Semaphore::new(shared.config.connection_count_max));
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            Some(ended) = connections.join_next() => on_ended(ended),
            accepted = accept(listener, &slots) => match accepted {
                Ok((slot, stream)) => {
                    let (shared, stop) = (Arc::clone(shared), stop.clone());
                    connections.spawn(async move {
                        serve(shared, stream, stop).await;
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
        error!("a connection panicked");
    }
}
