//! One request from its head to its answer.
//!
//! The order is fixed: size of the head, key, route, and only then the call, which reads the body
//! itself once it knows that the key allows it. Whatever panics on the way is answered with 500
//! here, and the server lives on.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, Version, header};
use http_body_util::Full;
use hyper::body::Body;
use steadfast::Steadfast;
use steadfast_core::budget::{Door, Family};
use steadfast_core::key::ApiKey;
use steadfast_core::platform::{EntryState, PlatformError};
use steadfast_core::{ApiKeyId, ErrorKind, WriteId};
use steadfast_open_cloud::write_id::{self, WRITE_ID};
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

use crate::admin::{Backups, Works};
use crate::body::{BodyLimits, BodyMemory, Incoming, ReadBody};
use crate::config::Config;
use crate::edge::Edge;
use crate::metrics::{self, Counted};
use crate::reply::Reply;
use crate::route::{Call, Surface, method_name};
use crate::throttle::{Metered, Throttle};
use crate::{admin, auth, data, health, openapi, ordered, unbuilt, v1, v2};

/// What all requests share.
pub(crate) struct App {
    config: Config,
    steadfast: Steadfast,
    started_at: Instant,
    body_memory: BodyMemory,
    throttle: Option<Throttle>,
    backups: Backups,
    works: Works,
    /// What `/openapi.json` answers: limits and settings stay as they are while the server runs.
    openapi: Bytes,
}

impl App {
    pub(crate) fn new(config: Config, steadfast: Steadfast) -> Self {
        let body_memory = BodyMemory::new(config.body_memory_max);
        let throttle = Throttle::new(&config, steadfast.limits());
        let (started_at, backups) = (Instant::now(), Backups::default());
        let works = Works::default();
        let openapi = openapi::document(steadfast.limits(), &config).to_string().into();
        Self { config, steadfast, started_at, body_memory, throttle, backups, works, openapi }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn steadfast(&self) -> &Steadfast {
        &self.steadfast
    }

    /// The budgets of requests, where they are counted.
    pub(crate) fn throttle(&self) -> Option<&Throttle> {
        self.throttle.as_ref()
    }

    pub(crate) fn backups(&self) -> &Backups {
        &self.backups
    }

    /// What operators have asked for, and is under way.
    pub(crate) fn works(&self) -> &Works {
        &self.works
    }

    /// The description of the API, as JSON text.
    pub(crate) fn openapi(&self) -> &Bytes {
        &self.openapi
    }

    /// How long the server has been there, by the runtime's clock.
    pub(crate) fn uptime(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Puts measured times into their buckets.
    pub(crate) fn tidy_metrics(&self) {
        if let Some(metrics) = &self.config.metrics {
            metrics.run_upkeep();
        }
    }

    /// Largest body of a call that carries a value.
    fn body_size_max(&self) -> usize {
        self.steadfast.limits().value_size_max.saturating_add(self.config.body_slack_size)
    }

    /// Reads the body of a call that carries a value.
    pub(crate) async fn read_body<B>(&self, body: &mut Incoming<B>) -> Result<ReadBody, Edge>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        self.read_body_up_to(self.body_size_max(), body).await
    }

    /// Reads a body with a cap of its own.
    pub(crate) async fn read_body_up_to<B>(
        &self,
        size_max: usize,
        body: &mut Incoming<B>,
    ) -> Result<ReadBody, Edge>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let limits = BodyLimits { size_max, timeout: self.config.body_timeout };
        body.read(limits, &self.body_memory).await.map_err(Edge::Body)
    }

    /// When the store must have answered a request that is handed to it now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.request_timeout
    }

    /// Hands a request to the store and waits until the deadline. A write goes on behind it: its
    /// outcome is then unknown to the client. Calls of Open Cloud go through [`Metered::execute`].
    pub(crate) async fn execute(
        &self,
        request: steadfast_core::platform::Request,
        deadline: Instant,
    ) -> Result<EntryState, PlatformError> {
        let write_id = request.write_id();
        self.wait_for(self.steadfast.execute(request), write_id, deadline).await
    }

    /// Waits for an answer of the store until the deadline, if it writes with the id of its write.
    pub(crate) async fn wait_for<T>(
        &self,
        answer: impl Future<Output = Result<T, PlatformError>>,
        write_id: Option<WriteId>,
        deadline: Instant,
    ) -> Result<T, PlatformError> {
        let answer = timeout_at(deadline, answer).await.unwrap_or_else(|_| {
            let reason = "no answer in time".into();
            Err(write_id.map_or(PlatformError::Unavailable { reason }, |write_id| {
                PlatformError::OutcomeUnknown { write_id }
            }))
        });
        answer.inspect_err(log)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Logs what an operator should know of. What a client did wrong is not among it.
fn log(error: &PlatformError) {
    let (kind, code) = (error.kind(), error.code());
    match kind {
        ErrorKind::Corrupt | ErrorKind::Internal => {
            error!(%kind, %code, %error, "a request failed");
        }
        ErrorKind::Exhausted | ErrorKind::Unavailable | ErrorKind::OutcomeUnknown => {
            warn!(%kind, %code, %error, "a request failed");
        }
        ErrorKind::Invalid
        | ErrorKind::Denied
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Fenced => {}
    }
}

/// Answers a request.
pub(crate) async fn handle<B>(app: &App, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let _counted = Counted::request();
    let started_at = Instant::now();
    let (parts, body) = request.into_parts();
    let mut body = Incoming::new(body);
    let call = Call::find(&parts.method, parts.uri.path());
    let (route, surface) = (call.template(), Surface::of(parts.uri.path()));
    let answered = caught(answer(app, &parts, call, &mut body)).await;
    let reply = answered.unwrap_or_else(|Panicked| {
        error!(route, "a handler panicked");
        metrics::panicked(route);
        Edge::Failed(ErrorKind::Internal).reply(surface)
    });
    let reply = match app.throttle() {
        Some(throttle) => throttle.complete(surface, reply),
        None => reply,
    };
    // Who waits to be told to send its body has not sent it, and HTTP/2 ends a stream in order.
    if parts.version < Version::HTTP_2 && !parts.headers.contains_key(header::EXPECT) {
        body.discard(app.body_size_max().saturating_mul(2)).await;
    }
    let status = reply.status().as_u16();
    metrics::answered(method_name(&parts.method), route, status, started_at.elapsed());
    reply.into_response()
}

async fn answer<B>(app: &App, parts: &Parts, call: Call<'_>, body: &mut Incoming<B>) -> Reply
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let surface = Surface::of(parts.uri.path());
    if let Err(edge) = check_head(&app.config, parts) {
        return edge.reply(surface);
    }
    if let Call::Public(call) = call {
        return health::answer(app, call);
    }
    if !surface.needs_key() {
        return Edge::NoRoute.reply(surface);
    }
    match auth::authenticate(app, &parts.headers).await {
        Ok((id, key)) => answer_with_key(app, (id, &key), parts, call, body).await,
        Err(edge) => Err(edge),
    }
    .unwrap_or_else(|edge| edge.reply(surface))
}

/// Answers a call of somebody who is known.
async fn answer_with_key<B>(
    app: &App,
    (id, key): (ApiKeyId, &ApiKey),
    parts: &Parts,
    call: Call<'_>,
    body: &mut Incoming<B>,
) -> Result<Reply, Edge>
where
    B: Body<Data = Bytes> + Send + Unpin,
{
    let metered = |door, family| {
        let (surface, write_id) = (Surface::of(parts.uri.path()), sent_write_id(parts)?);
        Ok(Metered::new(app, id, door, family).on(surface, write_id))
    };
    Ok(match call {
        Call::V1(call) => {
            let app = metered(Door::V1, Family::Standard)?;
            app.settle(v1::answer(&app, key, parts, call, body).await)
        }
        Call::V2(call) => {
            let app = metered(call.door(), Family::Standard)?;
            app.settle(v2::answer(&app, key, parts, call, body).await)
        }
        Call::Ordered(call) => {
            let app = metered(call.door(), Family::Ordered)?;
            app.settle(ordered::answer(&app, key, parts, call, body).await)
        }
        Call::Data(call) => {
            let app = metered(Door::V2, call.family())?;
            app.settle(data::answer(&app, key, parts, call, body).await)
        }
        Call::Unbuilt(route) => unbuilt::answer(route),
        Call::Admin(call) => admin::answer(app, key, parts, call, body).await,
        Call::Public(_) | Call::None => return Err(Edge::NoRoute),
    })
}

/// The id that a client gave to its write. Reads have none, and what they send is ignored.
fn sent_write_id(parts: &Parts) -> Result<Option<WriteId>, Edge> {
    if parts.method == Method::GET {
        return Ok(None);
    }
    let mut values = parts.headers.get_all(WRITE_ID).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => write_id::parse(value.as_bytes()).map(Some).ok_or(Edge::WriteId),
        // With several, nobody could say which one counts.
        (Some(_), Some(_)) => Err(Edge::WriteId),
    }
}

/// Refuses a head over the limits (fault H2).
fn check_head(config: &Config, parts: &Parts) -> Result<(), Edge> {
    let uri_size = parts.uri.path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri_size > config.uri_size_max {
        return Err(Edge::UriTooLong);
    }
    // A header is written as `name: value\r\n`.
    let header_size =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let head_size = header_size.fold(uri_size, usize::saturating_add);
    if parts.headers.len() > config.header_count_max || head_size > config.head_size_max {
        return Err(Edge::HeadTooLarge);
    }
    Ok(())
}

/// Whether the body of a request is said to be JSON (H-05).
pub(crate) fn is_json(parts: &Parts) -> bool {
    let value = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Something panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Panicked;

/// The boundary of panics: what is behind it is dropped, everything else goes on.
fn caught<T>(future: impl Future<Output = T> + Send) -> impl Future<Output = Result<T, Panicked>> {
    Caught(Box::pin(future))
}

struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A handler shares nothing that it could leave half changed: the store guards its own.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_also_after_a_wait() {
        assert_eq!(caught(async { 5 }).await, Ok(5));
        assert_eq!(caught(async { panic!("on purpose") }).await, Err::<(), _>(Panicked));
        let late = caught(async {
            tokio::task::yield_now().await;
            panic!("on purpose")
        });
        assert_eq!(late.await, Err::<(), _>(Panicked));
    }

    #[test]
    fn h_05_a_media_type_may_have_parameters() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/jsonx", false),
            ("text/json", false),
            ("", false),
        ] {
            let request = Request::builder().header("content-type", value).body(()).unwrap();
            assert_eq!(is_json(&request.into_parts().0), expected, "{value}");
        }
        assert!(!is_json(&Request::new(()).into_parts().0));
    }
}
