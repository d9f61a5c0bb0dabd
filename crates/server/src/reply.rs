//! Answers: a status, a few headers and a body that is there in full.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use steadfast_core::budget::{Denial, Standing, WINDOW};
use steadfast_open_cloud::ErrorReply;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Seconds after which a refused request may come again where nobody knows better (client rule 30).
const RETRY_AFTER_SECONDS: u64 = 1;

const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    /// Boxed, because most answers have none and all are moved around.
    rate: Option<Box<Rate>>,
}

/// What an answer says of the budgets of its client.
#[derive(Clone, Copy, Debug)]
struct Rate {
    standing: Standing,
    retry_after_seconds: u64,
}

impl Reply {
    /// A JSON body.
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, Some(JSON), body.into())
    }

    /// A text for people and probes.
    pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, Some(TEXT), body.into())
    }

    /// 204: done, and nothing to say.
    pub(crate) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, None, Bytes::new())
    }

    /// 200 without a body: done, where 204 is not expected (client rule 17).
    pub(crate) fn empty() -> Self {
        Self::new(StatusCode::OK, None, Bytes::new())
    }

    fn new(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Self {
        Self { status, content_type, headers: Vec::new(), body, rate: None }
    }

    /// The same with more headers. One whose value no header can hold is a fault of ours and left
    /// out.
    pub(crate) fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let valid = headers.into_iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_maybe_shared(Bytes::from(value)).ok();
            debug_assert!(value.is_some(), "`{name}` holds plain ASCII");
            value.map(|value| (HeaderName::from_static(name), value))
        });
        self.headers.extend(valid);
        self
    }

    /// The same, telling how many requests are left (B-56).
    pub(crate) fn with_standing(self, standing: Standing) -> Self {
        let retry_after_seconds = RETRY_AFTER_SECONDS;
        Self { rate: Some(Box::new(Rate { standing, retry_after_seconds })), ..self }
    }

    /// The same, telling this unless it tells something already.
    pub(crate) fn or_standing(self, standing: impl FnOnce() -> Standing) -> Self {
        if self.rate.is_some() { self } else { self.with_standing(standing()) }
    }

    /// The same, telling when to come again.
    pub(crate) fn with_denial(self, denial: &Denial) -> Self {
        let (standing, retry_after_seconds) = (denial.standing, denial.retry_after_seconds());
        Self { rate: Some(Box::new(Rate { standing, retry_after_seconds })), ..self }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Bytes of the body.
    pub(crate) fn body_size(&self) -> usize {
        self.body.len()
    }

    /// The answer as the HTTP library takes it.
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let size = self.body.len();
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = self.rate.as_ref().map(|rate| rate.retry_after_seconds);
            headers.insert(RETRY_AFTER, seconds.unwrap_or(RETRY_AFTER_SECONDS).into());
        }
        if let Some(Rate { standing, .. }) = self.rate.as_deref() {
            let (limit, window) = (standing.limit, WINDOW.as_secs());
            let limit = HeaderValue::from_maybe_shared(format!("{limit}, {limit};w={window}"));
            headers.extend(limit.ok().map(|limit| (Some(RATE_LIMIT), limit)));
            headers.insert(RATE_REMAINING, HeaderValue::from(standing.remaining));
            headers.insert(RATE_RESET, HeaderValue::from(standing.reset_seconds()));
        }
        // What players own must not stay in a cache on the way.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers.into_iter().map(|(name, value)| (Some(name), value)));
        response
    }
}

impl From<ErrorReply> for Reply {
    fn from(error: ErrorReply) -> Self {
        let status =
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::json(status, error.body)
    }
}
