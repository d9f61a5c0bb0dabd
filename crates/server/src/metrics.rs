//! Every metric of the server, by name.
//!
//! | name | kind | labels | meaning |
//! |---|---|---|---|
//! | `steadfast_http_requests_total` | counter | `method`, `route`, `status` | requests answered |
//! | `steadfast_http_request_seconds` | histogram | the same | from the head of the request to its answer |
//! | `steadfast_http_requests_in_flight` | gauge | – | requests being handled |
//! | `steadfast_http_connections` | gauge | – | connections accepted and open |
//! | `steadfast_http_panics_total` | counter | `route` | handlers that panicked |
//! | `steadfast_throttled_requests_total` | counter | `pool` | requests refused by a budget |
//!
//! A route is shown by its template, never by its path: names of players stay out of metrics, and
//! the number of series stays small whatever clients ask for.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use steadfast_core::budget::Pool;

const REQUESTS: &str = "steadfast_http_requests_total";
const REQUEST_SECONDS: &str = "steadfast_http_request_seconds";
const IN_FLIGHT: &str = "steadfast_http_requests_in_flight";
const CONNECTIONS: &str = "steadfast_http_connections";
const PANICS: &str = "steadfast_http_panics_total";
const THROTTLED: &str = "steadfast_throttled_requests_total";

/// Upper ends of the buckets of request times, in seconds.
pub const REQUEST_SECONDS_BUCKETS: [f64; 13] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A recorder with the buckets of this server. Install it once per process, and hand its handle to
/// [`Config::metrics`](crate::Config::metrics).
///
/// # Errors
/// Never with the buckets above: the builder asks for at least one.
pub fn prometheus() -> Result<PrometheusBuilder, BuildError> {
    let matcher = Matcher::Full(REQUEST_SECONDS.to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(matcher, &REQUEST_SECONDS_BUCKETS)
}

/// Counts an answered request.
pub(crate) fn answered(method: &'static str, route: &'static str, status: u16, time: Duration) {
    let status = status.to_string();
    counter!(REQUESTS, "method" => method, "route" => route, "status" => status.clone())
        .increment(1);
    histogram!(REQUEST_SECONDS, "method" => method, "route" => route, "status" => status)
        .record(time.as_secs_f64());
}

/// Counts a handler that panicked.
pub(crate) fn panicked(route: &'static str) {
    counter!(PANICS, "route" => route).increment(1);
}

/// Counts a request that a budget had no room for.
pub(crate) fn throttled(pool: Pool) {
    counter!(THROTTLED, "pool" => pool.name()).increment(1);
}

/// Counts something as long as it lives.
#[must_use = "it counts until it is dropped"]
pub(crate) struct Counted(&'static str);

impl Counted {
    /// A request that is being handled.
    pub(crate) fn request() -> Self {
        Self::start(IN_FLIGHT)
    }

    /// An open connection.
    pub(crate) fn connection() -> Self {
        Self::start(CONNECTIONS)
    }

    fn start(name: &'static str) -> Self {
        gauge!(name).increment(1.0);
        Self(name)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1.0);
    }
}
