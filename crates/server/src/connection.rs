//! One connection: HTTP/1 or HTTP/2, with its caps and time-outs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::config::Config;
use crate::metrics::Counted;
use crate::service::{App, handle};
use crate::stream::TimedStream;

/// The library answers a head over its own limits with 431 on every surface. Its limits are
/// therefore wider than ours, which are checked with the request and answered as its surface wants:
/// so many times in size, and in number at least what costs the library nothing.
const HEAD_SIZE_HARD_FACTOR: usize = 2;
const HEADER_COUNT_HARD_MIN: usize = 100;

/// How often an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long its answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Most streams that a client may open and reset before the server looks at them (fault H7).
const RESET_COUNT_MAX: usize = 20;
/// What a client may send ahead on one stream and on the connection, in bytes.
const STREAM_WINDOW_SIZE: u32 = 256 * 1024;
const CONNECTION_WINDOW_SIZE: u32 = 1024 * 1024;

/// Serves a connection until it ends, or until its last request after a stop.
pub(crate) async fn serve(app: Arc<App>, stream: TcpStream, watcher: Watcher) {
    let _counted = Counted::connection();
    // Answers are written whole: waiting for more of them would only delay the last segment.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot switch off delayed segments");
    }
    let config = app.config();
    let first_request = Instant::now() + config.head_timeout;
    let io = TokioIo::new(TimedStream::new(stream, config.write_timeout));
    let has_request = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let (app, has_request) = (Arc::clone(&app), Arc::clone(&has_request));
        move |request| {
            has_request.store(true, Ordering::Relaxed);
            let app = Arc::clone(&app);
            async move { Ok::<_, std::convert::Infallible>(handle(&app, request).await) }
        }
    });
    let connection = builder(config).serve_connection(io, service).into_owned();
    let mut connection = std::pin::pin!(watcher.watch(connection));
    // While the library waits to see which version of HTTP it is, no time-out of its own runs.
    let ended = tokio::select! {
        biased;
        ended = &mut connection => ended,
        () = sleep_until(first_request) => {
            if !has_request.load(Ordering::Relaxed) {
                return;
            }
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(error, "a connection ended early");
    }
}

fn builder(config: &Config) -> auto::Builder<Streams> {
    let head_size_hard_max = config.head_size_max.saturating_mul(HEAD_SIZE_HARD_FACTOR);
    let mut builder = auto::Builder::new(Streams::default());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_headers(config.header_count_max.max(HEADER_COUNT_HARD_MIN))
        .max_buf_size(head_size_hard_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.stream_count_max)
        .max_pending_accept_reset_streams(RESET_COUNT_MAX)
        .max_header_list_size(u32::try_from(head_size_hard_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_SIZE)
        .initial_connection_window_size(CONNECTION_WINDOW_SIZE)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// The tasks of an HTTP/2 connection, one for each stream. They end with it.
#[derive(Clone, Debug, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are done would pile up otherwise.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}
