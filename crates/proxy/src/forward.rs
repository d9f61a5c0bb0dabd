//! One request on its way to the server, and its answer on the way back.
//!
//! Nothing is changed but the `Host` header, and what belongs to one connection and not to the
//! request (RFC 9110, 7.6.1): a proxy has connections of its own on either side.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioTimer;
use steadfast_core::ErrorKind;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::{Config, HostName, Target};
use crate::reply::{ReplyBody, failure, refusal};

/// How long a connection to the server waits for its next request. Shorter than the server waits:
/// it must not end a connection in the moment in which we use it.
const SPARE_TIMEOUT: Duration = Duration::from_secs(5);

/// Headers of one connection, besides those that `Connection` names.
const OF_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Why there is no answer of the server.
#[derive(Debug, thiserror::Error)]
enum ForwardError {
    /// It was not reached: nothing was sent.
    #[error("the server is not reached")]
    Connect(#[source] Error),
    /// The connection broke after the request had been sent, or in the middle of it.
    #[error("the connection to the server broke")]
    Broken(#[source] Error),
    /// It does not answer.
    #[error("the server does not answer")]
    Slow,
}

impl ForwardError {
    /// What the client does now.
    fn kind(&self, method: &Method) -> ErrorKind {
        match self {
            Self::Connect(_) => ErrorKind::Unavailable,
            Self::Broken(_) | Self::Slow if method.is_safe() => ErrorKind::Unavailable,
            Self::Broken(_) | Self::Slow => ErrorKind::OutcomeUnknown,
        }
    }
}

/// Forwards requests to the server.
#[derive(Debug)]
pub(crate) struct Forwarder {
    client: Client<HttpConnector, Incoming>,
    target: Target,
    host: HeaderValue,
    answer_timeout: Duration,
}

impl Forwarder {
    pub(crate) fn new(config: &Config) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(config.connect_timeout));
        connector.set_nodelay(true);
        let client = Client::builder(Tasks::default())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(SPARE_TIMEOUT)
            .pool_max_idle_per_host(config.connection_count_max)
            .http1_max_headers(config.header_count_max)
            .build(connector);
        let host = HeaderValue::from_str(config.target.authority())
            .expect("what is in an address can be in a header");
        let (target, answer_timeout) = (config.target.clone(), config.answer_timeout);
        Self { client, target, host, answer_timeout }
    }

    /// Has the server answer a request that was meant for a host.
    pub(crate) async fn forward(
        &self,
        host: &HostName,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let Some(request) = self.rewritten(request) else {
            return refusal(StatusCode::BAD_REQUEST, "the request has no path");
        };
        let response = match self.send(request).await {
            Ok(response) => response,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(innermost);
                warn!(%host, %method, %error, cause, "not forwarded");
                failure(error.kind(&method), &path)
            }
        };
        info!(%host, %method, status = response.status().as_u16(), "answered");
        response
    }

    fn rewritten(&self, request: Request<Incoming>) -> Option<Request<Incoming>> {
        let (mut parts, body) = request.into_parts();
        let uri = self.target.uri(parts.uri.into_parts().path_and_query)?;
        remove_of_connection(&mut parts.headers);
        parts.headers.insert(header::HOST, self.host.clone());
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = parts.headers;
        Some(request)
    }

    async fn send(&self, request: Request<Incoming>) -> Result<Response<ReplyBody>, ForwardError> {
        let answered = timeout(self.answer_timeout, self.client.request(request)).await;
        let response = answered.map_err(|_| ForwardError::Slow)?.map_err(|error| {
            if error.is_connect() {
                ForwardError::Connect(error)
            } else {
                ForwardError::Broken(error)
            }
        })?;
        let (mut parts, body) = response.into_parts();
        remove_of_connection(&mut parts.headers);
        let mut response = Response::new(Either::Left(body));
        *response.status_mut() = parts.status;
        *response.headers_mut() = parts.headers;
        Ok(response)
    }
}

/// The error at the bottom, which says what the system said.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn remove_of_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Where a body ends is not for the other side to take away.
        .filter(|name| name != header::CONTENT_LENGTH && name != header::HOST)
        .collect();
    for name in OF_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

/// The tasks of the connections to the server. They end with the forwarder.
#[derive(Clone, Debug, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are done would pile up otherwise.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_are_removed_and_no_others() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("connection", "content-length"),
            ("x-hop", "1"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("x-api-key", "kept"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        remove_of_connection(&mut headers);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "x-api-key"]);
    }

    #[test]
    fn only_a_write_that_was_sent_may_have_been_made() {
        let kind = |method| ForwardError::Slow.kind(&method);
        assert_eq!(kind(Method::GET), ErrorKind::Unavailable);
        assert_eq!(kind(Method::POST), ErrorKind::OutcomeUnknown);
    }
}
