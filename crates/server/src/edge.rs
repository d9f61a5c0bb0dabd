//! Refusals before or around a call, in the words of each surface.
//!
//! Open Cloud clients abort on a status that is not on its list, so that 408, 413, 414 and 431 are
//! said on our own routes only.

use http::StatusCode;
use serde::Serialize;
use steadfast_core::{Code, ErrorKind};
use steadfast_open_cloud::error::{invalid_api_key, no_such_route};
use steadfast_open_cloud::{V1Code, V1Error, V2Error, mapping};

use crate::body::BodyError;
use crate::reply::Reply;
use crate::route::Surface;

/// Why a request was not carried out as a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// No key, or one that is unknown, expired or revoked.
    Unauthenticated,
    /// No such path or method.
    NoRoute,
    /// The path with its query is too long.
    UriTooLong,
    /// There are too many headers, or they are too large.
    HeadTooLarge,
    /// The id of the write cannot be read, or stands there twice.
    WriteId,
    /// The body was not read.
    Body(BodyError),
    /// Something failed that has a kind.
    Failed(ErrorKind),
}

impl Edge {
    /// The answer on a surface.
    pub(crate) fn reply(self, surface: Surface) -> Reply {
        match (self, surface) {
            (Self::Unauthenticated, _) => invalid_api_key().into(),
            (Self::NoRoute, _) => no_such_route().into(),
            (_, Surface::V1) => self.v1().reply().into(),
            (_, Surface::V2 | Surface::Ordered | Surface::Messages) => self.v2().reply().into(),
            (_, Surface::Own | Surface::Admin | Surface::Public) => self.ours(),
        }
    }

    /// The error of v1.
    pub(crate) fn v1(self) -> V1Error {
        match self {
            Self::Body(BodyError::TooLarge) => V1Error::new(V1Code::ContentTooBig, self.text()),
            Self::Unauthenticated
            | Self::NoRoute
            | Self::UriTooLong
            | Self::HeadTooLarge
            | Self::WriteId
            | Self::Body(_) => {
                V1Error { message: self.text().into(), ..mapping::v1_kind(self.kind()) }
            }
            Self::Failed(kind) => mapping::v1_kind(kind),
        }
    }

    /// The error of v2.
    pub(crate) fn v2(self) -> V2Error {
        match self {
            Self::Unauthenticated
            | Self::NoRoute
            | Self::UriTooLong
            | Self::HeadTooLarge
            | Self::WriteId
            | Self::Body(_) => {
                V2Error { message: self.text().into(), ..mapping::v2_kind(self.kind()) }
            }
            Self::Failed(kind) => mapping::v2_kind(kind),
        }
    }

    fn ours(self) -> Reply {
        own_error(self.code(), self.text())
    }

    fn kind(self) -> ErrorKind {
        self.code().kind()
    }

    const fn code(self) -> Code {
        match self {
            Self::Unauthenticated => Code::Denied,
            Self::NoRoute => Code::NotFound,
            Self::UriTooLong => Code::UriTooLong,
            Self::HeadTooLarge => Code::HeadersTooLarge,
            Self::WriteId => Code::InvalidWriteId,
            Self::Body(BodyError::TooLarge) => Code::BodyTooLarge,
            Self::Body(BodyError::Slow) => Code::BodyTimeout,
            Self::Body(BodyError::Cut) => Code::BodyCut,
            Self::Body(BodyError::NoMemory) => Code::Throttled,
            Self::Failed(kind) => Code::of(kind),
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Invalid API Key",
            Self::NoRoute => "NotFound",
            Self::UriTooLong => "The path and query are too long.",
            Self::HeadTooLarge => "The headers are too many or too large.",
            Self::WriteId => "`steadfast-write-id` is not 32 hexadecimal digits, or stands twice.",
            Self::Body(BodyError::TooLarge) => "The body is too large.",
            Self::Body(BodyError::Cut) => "The body ended early.",
            Self::Body(BodyError::Slow) => "The body took too long.",
            Self::Body(BodyError::NoMemory) => "Too many requests. Wait and retry.",
            Self::Failed(ErrorKind::OutcomeUnknown) => {
                "No answer in time. The write may have been made."
            }
            Self::Failed(_) => "The request failed. The log of the server says why.",
        }
    }
}

/// An error of our own routes.
pub(crate) fn own_error(code: Code, message: &str) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        code: &'static str,
        message: &'a str,
    }
    let body = Body { kind: code.kind().name(), code: code.name(), message };
    let body = serde_json::to_string(&body).expect("text can always be written as JSON");
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::json(status, body)
}

#[cfg(test)]
#[path = "edge/tests.rs"]
mod tests;
