//! What the HTTP status of a server's answer means, in the kinds of our own errors.

use reqwest::StatusCode;
use steadfast_core::ErrorKind;

/// Whether a request may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It only read.
    Read,
    /// It wrote.
    Write,
}

/// The kind of a status that is not a success.
pub(crate) fn kind_of_status(status: StatusCode, access: Access) -> ErrorKind {
    match (status.as_u16(), access) {
        (401 | 403, _) => ErrorKind::Denied,
        (404, _) => ErrorKind::NotFound,
        (409 | 412, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::Exhausted,
        (400..=499, _) => ErrorKind::Invalid,
        (502 | 503, _) | (504, Access::Read) => ErrorKind::Unavailable,
        (504, Access::Write) => ErrorKind::OutcomeUnknown,
        // A redirection or an informational answer is no answer to one of our requests.
        _ => ErrorKind::Internal,
    }
}

/// The kind of a request that got no answer.
pub(crate) fn kind_of_silence(error: &reqwest::Error, access: Access) -> ErrorKind {
    // Without a connection nothing was sent, so nothing was written.
    if error.is_builder() {
        ErrorKind::Invalid
    } else if error.is_connect() || access == Access::Read {
        ErrorKind::Unavailable
    } else {
        ErrorKind::OutcomeUnknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_map_back_to_the_kinds_they_were_made_from() {
        let statuses = [302, 400, 401, 403, 404, 405, 409, 412, 429, 500, 502, 503, 504];
        let lines = statuses.map(|status| {
            let status = StatusCode::from_u16(status).unwrap();
            let read = kind_of_status(status, Access::Read);
            let write = kind_of_status(status, Access::Write);
            format!("{} {read} {write}", status.as_u16())
        });
        insta::assert_snapshot!(lines.join("\n"), @r"
        302 internal internal
        400 invalid invalid
        401 denied denied
        403 denied denied
        404 not_found not_found
        405 invalid invalid
        409 conflict conflict
        412 conflict conflict
        429 exhausted exhausted
        500 internal internal
        502 unavailable unavailable
        503 unavailable unavailable
        504 unavailable outcome_unknown
        ");
    }
}
