//! Sends one call and reads its answer, within limits of time and size.

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Certificate, Response, Url, redirect};
use steadfast_core::Monotonic;
use steadfast_core::budget::{Demand, Denial};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::call::Call;
use super::config::{Config, ConnectError, Service, is_loopback};
use super::gate::Gate;
use super::refusal::{Refusal, Throttle};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("steadfast-open-cloud/", env!("CARGO_PKG_VERSION")));

/// What an answer may hold beside a value of the largest size, in bytes.
const SLACK_SIZE: usize = 256 * 1024;

/// How long an unused connection is kept: less than servers do, since a request on one that is being
/// closed gets no answer, and a write without an answer is unknown.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Most unused connections that are kept.
const IDLE_COUNT_MAX: usize = 16;

/// An answer that says that the call was carried out.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Reply {
    /// Leaves values out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.body.len())
    }
}

/// Why a call has no such answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call cannot be sent: nothing was.
    Invalid(&'static str),
    /// There is no connection: nothing was sent.
    NotSent(Arc<str>),
    /// The gate is shut for too long: nothing was sent, or all that was sent was refused with 429.
    Throttled(Denial),
    /// It was sent, perhaps, and no whole answer came.
    Silent(Arc<str>),
    /// The answer says something else.
    Refused(Box<Refusal>),
}

/// The way to one service.
pub(super) struct Transport {
    service: Service,
    http: reqwest::Client,
    /// Without a slash at its end.
    base: String,
    base_path: String,
    body_size_max: usize,
    request_timeout: Duration,
    credit_timeout: Duration,
    gate: Mutex<Gate>,
    started_at: Instant,
}

impl Transport {
    /// Prepares the way. Nothing is sent yet.
    pub(super) fn new(config: &Config) -> Result<Self, ConnectError> {
        let base = config.base()?;
        check_ranges(config)?;
        let settings = config.budget.as_ref().map(super::config::Budget::settings);
        Ok(Self {
            service: config.service,
            http: http_client(config, &base)?,
            base: base.as_str().trim_end_matches('/').to_owned(),
            base_path: base.path().trim_end_matches('/').to_owned(),
            body_size_max: config.limits.value_size_max.saturating_add(SLACK_SIZE),
            request_timeout: config.request_timeout,
            credit_timeout: config.credit_timeout,
            gate: Mutex::new(Gate::new(settings)),
            started_at: Instant::now(),
        })
    }

    pub(super) fn service(&self) -> Service {
        self.service
    }

    /// Sends a call when the gate lets it pass, again after a 429, and returns its answer.
    pub(super) async fn call(&self, call: &Call) -> Result<Reply, Failure> {
        let url = self.url(call)?;
        let give_up_at = Instant::now() + self.credit_timeout;
        let wait = async |denial: Denial| {
            let at = Instant::now() + denial.wait;
            if at > give_up_at {
                return Err(Failure::Throttled(denial));
            }
            sleep_until(at).await;
            Ok(())
        };
        loop {
            let passed = self.gate().pass(self.now(), &call.demand);
            if let Err(denial) = passed {
                wait(denial).await?;
                continue;
            }
            let deadline = Instant::now() + self.request_timeout;
            let exchange = timeout_at(deadline, self.exchange(call, url.clone())).await;
            let (status, reply) = exchange
                .unwrap_or_else(|_| Err(Failure::Silent("no whole answer came in time".into())))?;
            if let 200 | 201 | 204 = status {
                self.gate().on_answer();
                return Ok(reply);
            }
            let refusal = Refusal::new(status, reply);
            let Some(throttle) = Throttle::of(self.service, &refusal) else {
                self.gate().on_answer();
                return Err(Failure::Refused(Box::new(refusal)));
            };
            // The gate knows how long to wait.
            let pool = throttle.pool(&call.demand);
            let denial = self.gate().shut(self.now(), pool, throttle.wait);
            wait(denial).await?;
        }
    }

    /// Charges for a value that a call has read.
    pub(super) fn charge_size(&self, demand: &Demand, size: usize) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        self.gate().charge_size(self.now(), demand, size);
    }

    /// The address of a call, which must be what its names spell.
    fn url(&self, call: &Call) -> Result<Url, Failure> {
        let url = Url::parse(&format!("{}{}", self.base, call.target()))
            .map_err(|_| Failure::Invalid("its names make no address"))?;
        let path = url.path().strip_prefix(&*self.base_path);
        if path != Some(&*call.path) || url.query().unwrap_or_default() != call.query {
            let reason = "the names `.` and `..` have another meaning in an address";
            return Err(Failure::Invalid(reason));
        }
        Ok(url)
    }

    /// One request and the whole of its answer.
    async fn exchange(&self, call: &Call, url: Url) -> Result<(u16, Reply), Failure> {
        let mut request = self.http.request(call.method.clone(), url);
        for (name, value) in &call.headers {
            let value = HeaderValue::from_maybe_shared(Bytes::from(value.clone()))
                .map_err(|_| Failure::Invalid("a header cannot hold its metadata"))?;
            request = request.header(*name, value);
        }
        request = match &call.body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.clone()),
            // Servers want a length with every method that may have a body (H-85).
            None if call.method == reqwest::Method::POST => request.header(CONTENT_LENGTH, 0),
            None => request,
        };
        let response = request.send().await.map_err(|error| {
            if error.is_builder() {
                Failure::Invalid("it cannot be a request")
            } else if error.is_connect() {
                Failure::NotSent(describe(&error.without_url()))
            } else {
                Failure::Silent(describe(&error.without_url()))
            }
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.body(response).await?;
        Ok((status, Reply { headers, body }))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let too_large =
            || Failure::Silent("the answer is larger than any that was asked for".into());
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |size| size > self.body_size_max) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            let chunk = chunk.map_err(|error| Failure::Silent(describe(&error.without_url())))?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len().saturating_add(chunk.len()) > self.body_size_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn now(&self) -> Monotonic {
        let nanos = u64::try_from(self.started_at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Monotonic::from_nanos(nanos)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        // Whoever panicked took at most something for a call that was not made.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("service", &self.service)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

fn check_ranges(config: &Config) -> Result<(), ConnectError> {
    let share = config.budget.as_ref().map_or(1, |budget| budget.share_percent);
    for (name, is_in_range) in [
        ("share_percent", (1..=100).contains(&share)),
        ("in_flight_count_max", config.in_flight_count_max > 0),
        ("queue_count_max", config.queue_count_max > 0),
    ] {
        if !is_in_range {
            return Err(ConnectError::Range { name });
        }
    }
    Ok(())
}

fn http_client(config: &Config, base: &Url) -> Result<reqwest::Client, ConnectError> {
    let mut key = HeaderValue::from_str(config.key.secret()).map_err(|_| ConnectError::Key)?;
    if key.is_empty() {
        return Err(ConnectError::Key);
    }
    // So that it is in no debug output.
    key.set_sensitive(true);
    let mut builder = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(API_KEY, key), (USER_AGENT, AGENT)]))
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(IDLE_COUNT_MAX)
        // The key is for one host, and a call is carried out where it was sent or not at all.
        .redirect(redirect::Policy::none())
        .referer(false);
    for (number, pem) in (1..).zip(&config.root_certificates) {
        let wrong = || ConnectError::Certificate { number };
        let certificates = Certificate::from_pem_bundle(pem).map_err(|_| wrong())?;
        if certificates.is_empty() {
            return Err(wrong());
        }
        builder =
            certificates.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
    }
    // A proxy of the environment does not find a server on this machine.
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| ConnectError::Http { reason: describe(&error).to_string() })
}

/// An error with its causes, in one line.
fn describe(error: &reqwest::Error) -> Arc<str> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.into()
}
