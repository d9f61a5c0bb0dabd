//! What the proxy says itself: refusals as text, failures as Open Cloud says them.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use steadfast_core::ErrorKind;
use steadfast_open_cloud::{ErrorReply, mapping};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The body of an answer: the server's, on its way through, or our own.
pub(crate) type ReplyBody = Either<Incoming, Full<Bytes>>;

/// The answer to a `CONNECT` that is granted.
pub(crate) fn connected() -> Response<ReplyBody> {
    Response::new(own_body(String::new()))
}

/// A refusal, for people.
pub(crate) fn refusal(status: StatusCode, text: &str) -> Response<ReplyBody> {
    own(status, TEXT, format!("{text}\n"))
}

/// A failure, with the body that the generation of the path promises.
pub(crate) fn failure(kind: ErrorKind, path: &str) -> Response<ReplyBody> {
    let is_v1 = path == "/datastores" || path.starts_with("/datastores/");
    let ErrorReply { status, body } =
        if is_v1 { mapping::v1_kind(kind).reply() } else { mapping::v2_kind(kind).reply() };
    own(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), JSON, body)
}

fn own(status: StatusCode, content_type: HeaderValue, body: String) -> Response<ReplyBody> {
    let mut response = Response::new(own_body(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn own_body(text: String) -> ReplyBody {
    Either::Right(Full::new(text.into()))
}
