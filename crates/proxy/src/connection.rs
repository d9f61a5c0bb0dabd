//! One connection of a client: `CONNECT`, TLS and the requests inside, with caps and time-outs.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::certificates::Certificates;
use crate::config::{Config, HostName, port_of};
use crate::forward::Forwarder;
use crate::reply::{ReplyBody, connected, refusal};
use crate::stream::WatchedStream;

const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) certificates: Certificates,
    pub(crate) forwarder: Forwarder,
}

/// Completes when the proxy is to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    async fn requested(&mut self) {
        // A proxy that is gone has stopped too.
        drop(self.0.wait_for(|is_requested| *is_requested).await);
    }
}

/// A `CONNECT` that was granted: the bytes that follow are TLS.
struct Tunnel {
    host: HostName,
    tls: Arc<ServerConfig>,
    upgrade: OnUpgrade,
}

/// Serves a connection until it ends, is idle for too long, or has answered after a stop.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, stop: Stop) {
    // Answers are written whole: waiting for more of them would only delay the last segment.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot switch off delayed segments");
    }
    let (stream, activity) = WatchedStream::new(stream);
    let idle_timeout = shared.config.idle_timeout;
    tokio::select! {
        biased;
        () = serve_watched(&shared, stream, stop) => {}
        () = activity.idle_for(idle_timeout) => debug!("a connection was idle for too long"),
    }
}

async fn serve_watched(shared: &Arc<Shared>, stream: WatchedStream, mut stop: Stop) {
    let config = &shared.config;
    let io = TokioIo::new(stream);
    let granted = Arc::new(Mutex::new(None));
    let service = service_fn({
        let (shared, granted) = (Arc::clone(shared), Arc::clone(&granted));
        move |request| {
            let (shared, granted) = (Arc::clone(&shared), Arc::clone(&granted));
            async move { Ok::<_, Infallible>(outer(&shared, &granted, request).await) }
        }
    });
    if let Err(error) = drive(config, config.head_timeout, io, service, &mut stop).await {
        debug!(%error, "a connection ended early");
        return;
    }
    let tunnel = granted.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(tunnel) = tunnel {
        serve_tunnel(shared, tunnel, stop).await;
    }
}

async fn serve_tunnel(shared: &Arc<Shared>, tunnel: Tunnel, mut stop: Stop) {
    let Tunnel { host, tls, upgrade } = tunnel;
    let config = &shared.config;
    let handshake = async {
        let io = upgrade.await.map_err(std::io::Error::other)?;
        TlsAcceptor::from(tls).accept(TokioIo::new(io)).await
    };
    let shaken = tokio::select! {
        biased;
        () = stop.requested() => return,
        shaken = timeout(config.handshake_timeout, handshake) => shaken,
    };
    let io = match shaken {
        Ok(Ok(io)) => TokioIo::new(io),
        // Often a client that was not told of our authority: the operator should hear of it.
        Ok(Err(error)) => return warn!(%host, %error, "no TLS with a client"),
        Err(_) => return warn!(%host, "a client was too slow with TLS"),
    };
    let service = service_fn({
        let shared = Arc::clone(shared);
        move |request| {
            let (shared, host) = (Arc::clone(&shared), host.clone());
            async move { Ok::<_, Infallible>(inner(&shared, &host, request).await) }
        }
    });
    if let Err(error) = drive(config, config.idle_timeout, io, service, &mut stop).await {
        debug!(%error, "a tunnel ended early");
    }
}

/// Speaks HTTP/1 with a client until the connection ends; after a stop, until its request is done.
async fn drive<I, S>(
    config: &Config,
    head_timeout: Duration,
    io: I,
    service: S,
    stop: &mut Stop,
) -> Result<(), hyper::Error>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: HttpService<Incoming, ResBody = ReplyBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_headers(config.header_count_max)
        .max_buf_size(config.head_size_max);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service).with_upgrades());
    tokio::select! {
        biased;
        ended = &mut connection => ended,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// A request to the proxy itself: `CONNECT`, or plain HTTP with the whole address.
async fn outer(
    shared: &Shared,
    granted: &Mutex<Option<Tunnel>>,
    mut request: Request<Incoming>,
) -> Response<ReplyBody> {
    let is_connect = request.method() == Method::CONNECT;
    // A `CONNECT` always names its port (RFC 9110, 9.3.6): no default is good.
    let (scheme, port, default) =
        if is_connect { (None, HTTPS_PORT, 0) } else { (Some("http"), HTTP_PORT, HTTP_PORT) };
    let uri = request.uri();
    let is_form = uri.scheme().map(Scheme::as_str) == scheme;
    let is_port = uri.authority().and_then(|authority| port_of(authority, default)) == Some(port);
    let found = uri.host().filter(|_| is_form && is_port);
    let Some((host, tls)) = found.and_then(|name| shared.certificates.find(name)) else {
        return refused(&shared.config, &request);
    };
    if !is_connect {
        return shared.forwarder.forward(host, request).await;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let tunnel = Tunnel { host: host.clone(), tls: Arc::clone(tls), upgrade };
    *granted.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    connected()
}

/// A request inside of TLS.
async fn inner(
    shared: &Shared,
    host: &HostName,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    if request.method() == Method::CONNECT {
        return refused(&shared.config, &request);
    }
    shared.forwarder.forward(host, request).await
}

fn refused(config: &Config, request: &Request<Incoming>) -> Response<ReplyBody> {
    let (method, name) = (request.method(), named(request.uri()));
    let status = StatusCode::FORBIDDEN;
    warn!(host = name, %method, status = status.as_u16(), "refused: not a host of this proxy");
    let hosts = config.hosts.iter().map(|host| format!("https://{host}"));
    let hosts = hosts.collect::<Vec<_>>().join(", ");
    refusal(status, &format!("`{name}` is refused: this proxy is only for {hosts}"))
}

/// What the client asked for, without a name and a password that may be in it.
fn named(uri: &Uri) -> String {
    match (uri.host(), uri.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "the proxy itself".to_owned(),
    }
}
