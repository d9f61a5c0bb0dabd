//! A proxy, the server behind it as a bare listener, and clients byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use steadfast_proxy::{Config, Proxy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const HOST: &str = "apis.roblox.com";
/// A time-out that a test waits for.
pub(crate) const SOON: Duration = Duration::from_millis(100);
/// For everything that is waited for.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) type Tls = TlsStream<TcpStream>;

/// Runs a test, with a deadline.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(async { timeout(LIMIT, test).await.expect("the test ends") });
}

/// When certificates begin to hold: TLS itself looks at the clock.
pub(crate) fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "what TLS compares with is the system's clock")]
    SystemTime::now()
}

/// A running proxy with the server behind it, which accepts nobody by itself.
pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) server: TcpListener,
    pub(crate) authority_pem: String,
    stop: Option<oneshot::Sender<()>>,
    running: JoinSet<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}", server.local_addr().unwrap());
        let mut config = Config::new(to.parse().unwrap());
        change(&mut config);
        let proxy = Proxy::bind(config, now()).unwrap();
        let (addr, authority_pem) = (proxy.local_addr(), proxy.authority_pem().to_owned());
        let (stop, stopped) = oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(proxy.run(async { stopped.await.unwrap_or_default() }));
        Self { addr, server, authority_pem, stop: Some(stop), running }
    }

    /// Asks the proxy to stop.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits for the end of the proxy.
    pub(crate) async fn ended(&mut self) {
        self.running.join_next().await.unwrap().unwrap();
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// A connection whose `CONNECT` was granted.
    pub(crate) async fn granted(&self) -> TcpStream {
        let mut stream = self.connect().await;
        let request = format!("CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(status_of(&read_head(&mut stream).await), 200);
        stream
    }

    /// The same with TLS, for a client that trusts the authority.
    pub(crate) async fn tunnel(&self) -> Tls {
        let name = ServerName::try_from(HOST).unwrap();
        self.connector().connect(name, self.granted().await).await.unwrap()
    }

    /// TLS that trusts the authority and nothing else.
    pub(crate) fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority_pem.as_bytes()).unwrap()).unwrap();
        connector(roots)
    }

    /// The next connection of the proxy to the server.
    pub(crate) async fn accept(&self) -> TcpStream {
        self.server.accept().await.unwrap().0
    }

    /// A request is answered, from the client to the server and back.
    pub(crate) async fn check_alive(&self) {
        let mut client = self.tunnel().await;
        client.write_all(b"GET /alive HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut server = self.accept().await;
        assert!(read_head(&mut server).await.starts_with("GET /alive "));
        server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        assert_eq!(status_of(&read_head(&mut client).await), 204);
    }
}

pub(crate) fn connector(roots: RootCertStore) -> TlsConnector {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The head of a request or an answer, byte by byte: what follows it stays in the stream.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) => panic!("{error} after `{}`", String::from_utf8_lossy(&head)),
        }
    }
    String::from_utf8(head).unwrap()
}

pub(crate) async fn read_exact(stream: &mut (impl AsyncRead + Unpin), size: usize) -> String {
    let mut bytes = vec![0; size];
    stream.read_exact(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Waits until the other side is gone, and returns what it said before.
pub(crate) async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes).await);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends a whole request and returns everything that comes back.
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    until_closed(stream).await
}

#[track_caller]
pub(crate) fn status_of(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: `{answer}`"))
}

/// The lines of a head or an answer, without times.
pub(crate) fn shown(text: &str) -> String {
    let lines = text.lines().map(str::trim_end);
    lines.filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}
