//! Reading what a server answers, and writing what it reads.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use steadfast_core::{ErrorKind, Timestamp};
use steadfast_open_cloud::{time, v1};

use crate::environment;
use crate::failure::{Failure, Result};
use crate::target::status::{Access, kind_of_status};

/// The longest that a server is waited for, whatever it says.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// The longest error text of a server that is shown, in characters.
const MESSAGE_LENGTH_MAX: usize = 500;

/// A header that the answer must have.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str> {
    let text = headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    text.ok_or_else(|| {
        let message = format!("the header `{name}` is missing");
        Failure::new(ErrorKind::Internal, message).context(NOT_UNDERSTOOD)
    })
}

/// Text as the value of a header.
pub(super) fn header_value(what: &str, text: &str) -> Result<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        Failure::new(ErrorKind::Invalid, format!("the {what} have control characters in them"))
    })
}

const NOT_UNDERSTOOD: &str = "cannot understand the answer of the server";

/// An answer that is not what the API says.
pub(super) fn not_understood(error: serde_json::Error) -> Failure {
    Failure::of(ErrorKind::Internal, error)
        .context(NOT_UNDERSTOOD)
        .hint("is it a Steadfast server of this version?")
}

pub(super) fn parse_time(text: &str) -> Result<Timestamp> {
    time::parse(text)
        .map_err(|error| Failure::of(ErrorKind::Internal, error).context(NOT_UNDERSTOOD))
}

pub(super) fn size(value: &str) -> u64 {
    u64::try_from(value.len()).unwrap_or(u64::MAX)
}

/// How long the server wants to be left alone, if that is its answer.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let is_too_soon = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let seconds = is_too_soon.then(|| header(response.headers(), "retry-after").ok()).flatten();
    let seconds = seconds?.parse().ok().map(Duration::from_secs);
    seconds.map(|wait| wait.min(WAIT_MAX))
}

/// The failure that a refusal of the server stands for.
pub(super) async fn refusal(response: Response, access: Access) -> Failure {
    let status = response.status();
    let version = header(response.headers(), v1::VERSION).ok().map(str::to_owned);
    // Without a body the status still says what there is to know.
    let body = response.text().await.unwrap_or_default();
    let failure = Failure::new(kind_of_status(status, access), describe(status, &body));
    match (status, version) {
        (StatusCode::PRECONDITION_FAILED, Some(version)) => failure.hint_at_version(&version),
        (StatusCode::UNAUTHORIZED, _) => {
            let name = environment::API_KEY.name;
            failure.hint(format!("the key in `{name}` or `--key-file` is wrong or dead"))
        }
        (StatusCode::FORBIDDEN, _) => {
            failure.hint("`key list` shows what each API key may do; use another one")
        }
        (StatusCode::GATEWAY_TIMEOUT, _) if access == Access::Write => {
            failure.hint("the write may have been made or not: read before you write again")
        }
        _ => failure,
    }
}

/// The status with the code and the text of the body, whichever of the error shapes it has.
fn describe(status: StatusCode, body: &str) -> String {
    let start = format!("the server answered {}", status.as_u16());
    // The body of a 412 is the current value of the entry, which is none of our business.
    if status == StatusCode::PRECONDITION_FAILED {
        return start;
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let code = ["/errorDetails/0/datastoreErrorCode", "/code", "/error"];
    let code = code.into_iter().find_map(text).map(|code| format!(" `{}`", shorten(code)));
    let message = ["/message", "/errors/0/message"].into_iter().find_map(text);
    let message = message.map(|message| format!(": {}", shorten(message)));
    format!("{start}{}{}", code.unwrap_or_default(), message.unwrap_or_default())
}

fn shorten(text: &str) -> String {
    text.chars().take(MESSAGE_LENGTH_MAX).filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        assert_eq!(describe(StatusCode::from_u16(status).unwrap(), body), expected);
    }

    #[test]
    fn every_error_shape_is_described() {
        check(
            401,
            r#"{"errors":[{"code":0,"message":"Invalid API Key"}]}"#,
            "the server answered 401: Invalid API Key",
        );
        check(
            404,
            r#"{"error":"NOT_FOUND","message":"Gone.","errorDetails":[
                {"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"EntryNotFound"}]}"#,
            "the server answered 404 `EntryNotFound`: Gone.",
        );
        check(
            400,
            r#"{"code":"INVALID_ARGUMENT","message":"Wrong."}"#,
            "the server answered 400 `INVALID_ARGUMENT`: Wrong.",
        );
        check(502, "<html>", "the server answered 502");
        check(412, r#"{"message":"a secret of the player"}"#, "the server answered 412");
    }

    #[test]
    fn hostile_texts_are_made_harmless() {
        let body = serde_json::json!({ "message": format!("\u{1b}[2J{}", "x".repeat(1000)) });
        let text = describe(StatusCode::BAD_REQUEST, &body.to_string());
        assert!(!text.contains('\u{1b}') && text.len() < 600, "{text}");
    }
}
