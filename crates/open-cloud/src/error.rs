//! The three error bodies of the API (H-20, H-21, H-22), with their closed lists of codes.
//!
//! ```text
//!   gateway  {"errors":[{"code":0,"message":"Invalid API Key"}]}
//!   v1       {"error":"NOT_FOUND","message":"…","errorDetails":[{"errorDetailType":
//!             "DatastoreErrorInfo","datastoreErrorCode":"EntryNotFound"}]}
//!   v2       {"code":"NOT_FOUND","message":"…"}
//! ```
//!
//! Clients parse the codes into enumerations of their own: one that is not on the list degrades the
//! whole error to text (client rule 23). Which failure has which code is in
//! [`mapping`](crate::mapping).

use std::borrow::Cow;

use serde::Serialize;

/// The statuses that this surface ever answers: clients abort on others (client rule 28).
pub const STATUSES: [u16; 12] = [200, 204, 400, 401, 403, 404, 409, 412, 429, 500, 502, 504];

/// What calls answer that are known and not built: whoever calls one is to abort.
pub const NOT_IMPLEMENTED: u16 = 501;

/// A status with its JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// The HTTP status.
    pub status: u16,
    /// The body, as `application/json`.
    pub body: String,
}

macro_rules! v1_codes {
    ($($(#[$doc:meta])* $name:ident => $status:literal $error:literal,)*) => {
        /// The `datastoreErrorCode` values of v1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum V1Code { $($(#[$doc])* $name,)* }

        impl V1Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The `error` that goes with it.
            pub const fn error(self) -> &'static str {
                match self { $(Self::$name => $error,)* }
            }

            /// The status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

v1_codes! {
    /// A body is needed, even an empty one.
    ContentLengthRequired => 400 "INVALID_ARGUMENT",
    /// A checksum is needed.
    ContentMd5Required => 400 "INVALID_ARGUMENT",
    /// The universe is not a number.
    InvalidUniverseId => 400 "INVALID_ARGUMENT",
    /// The cursor is not one of ours.
    InvalidCursor => 400 "INVALID_ARGUMENT",
    /// The version cannot be one.
    InvalidVersionId => 400 "INVALID_ARGUMENT",
    /// The limit is not a number in range.
    InvalidLimit => 400 "INVALID_ARGUMENT",
    /// What is stored cannot be incremented.
    ExistingValueNotNumeric => 400 "INVALID_ARGUMENT",
    /// The increment is too large.
    IncrementValueTooLarge => 400 "INVALID_ARGUMENT",
    /// The increment is too small.
    IncrementValueTooSmall => 400 "INVALID_ARGUMENT",
    /// The scope is empty, too long or not text.
    InvalidDataStoreScope => 400 "INVALID_ARGUMENT",
    /// The key is missing, too long or not text.
    InvalidEntryKey => 400 "INVALID_ARGUMENT",
    /// The data store is missing, too long, reserved or not text.
    InvalidDataStoreName => 400 "INVALID_ARGUMENT",
    /// The start is not a time.
    InvalidStartTime => 400 "INVALID_ARGUMENT",
    /// The end is not a time.
    InvalidEndTime => 400 "INVALID_ARGUMENT",
    /// The attributes are not a small dictionary.
    InvalidAttributes => 400 "INVALID_ARGUMENT",
    /// The user ids are not a short list.
    InvalidUserIds => 400 "INVALID_ARGUMENT",
    /// Two conditions that exclude each other.
    ExclusiveCreateAndMatchVersionCannotBeSet => 400 "INVALID_ARGUMENT",
    /// The value is over its limit.
    ContentTooBig => 400 "INVALID_ARGUMENT",
    /// The body is not the one that the checksum was taken of.
    ChecksumMismatch => 400 "INVALID_ARGUMENT",
    /// The body is not JSON.
    ContentNotJson => 400 "INVALID_ARGUMENT",
    /// The order is neither of the two.
    InvalidSortOrder => 400 "INVALID_ARGUMENT",
    /// Not allowed.
    Forbidden => 403 "INSUFFICIENT_SCOPE",
    /// The key lacks a scope.
    InsufficientScope => 403 "INSUFFICIENT_SCOPE",
    /// No such data store.
    DatastoreNotFound => 404 "NOT_FOUND",
    /// No such entry.
    EntryNotFound => 404 "NOT_FOUND",
    /// No such version.
    VersionNotFound => 404 "NOT_FOUND",
    /// Over a limit of rates.
    TooManyRequests => 429 "RESOURCE_EXHAUSTED",
    /// A fault of the service.
    Unknown => 500 "INTERNAL",
}

/// An error of v1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V1Error {
    /// The HTTP status.
    pub status: u16,
    /// The status as a word.
    pub error: &'static str,
    /// The code; nothing where the list has none that fits.
    pub code: Option<V1Code>,
    /// What is wrong, for people.
    pub message: Cow<'static, str>,
}

impl V1Error {
    /// An error with the status that goes with its code.
    pub fn new(code: V1Code, message: impl Into<Cow<'static, str>>) -> Self {
        let (status, error) = (code.status(), code.error());
        Self { status, error, code: Some(code), message: message.into() }
    }

    /// The answer that says it.
    pub fn reply(&self) -> ErrorReply {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Detail {
            error_detail_type: &'static str,
            datastore_error_code: &'static str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            error: &'static str,
            message: &'a str,
            error_details: Vec<Detail>,
        }
        let detail = |code: V1Code| Detail {
            error_detail_type: "DatastoreErrorInfo",
            datastore_error_code: code.name(),
        };
        let error_details = self.code.map(detail).into_iter().collect();
        let body = Body { error: self.error, message: &self.message, error_details };
        ErrorReply { status: self.status, body: json(&body) }
    }
}

/// The `code` values of v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V2Code {
    /// The request is wrong.
    InvalidArgument,
    /// The key lacks a scope.
    PermissionDenied,
    /// There is nothing at that path.
    NotFound,
    /// Another writer came first.
    Aborted,
    /// Over a limit of rates or space.
    ResourceExhausted,
    /// A fault of the service.
    Internal,
    /// The service is out of reach, and nothing was written.
    Unavailable,
    /// No answer in time: what was to be written may have been.
    DeadlineExceeded,
    /// The call is known, and this server does not have it.
    NotImplemented,
}

impl V2Code {
    /// Every code that we answer.
    pub const ALL: [Self; 9] = [
        Self::InvalidArgument,
        Self::PermissionDenied,
        Self::NotFound,
        Self::Aborted,
        Self::ResourceExhausted,
        Self::Internal,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::NotImplemented,
    ];

    /// The code as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::NotFound => "NOT_FOUND",
            Self::Aborted => "ABORTED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
        }
    }

    /// The status that goes with it.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidArgument => 400,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::Aborted => 409,
            Self::ResourceExhausted => 429,
            Self::Internal => 500,
            Self::Unavailable => 502,
            Self::DeadlineExceeded => 504,
            Self::NotImplemented => NOT_IMPLEMENTED,
        }
    }
}

/// An error of v2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2Error {
    /// Its code, which has one status.
    pub code: V2Code,
    /// What is wrong, for people.
    pub message: Cow<'static, str>,
}

impl V2Error {
    /// An error with a text.
    pub fn new(code: V2Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// An error of the request.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(V2Code::InvalidArgument, message)
    }

    /// The answer that says it.
    pub fn reply(&self) -> ErrorReply {
        #[derive(Serialize)]
        struct Body<'a> {
            code: &'static str,
            message: &'a str,
        }
        let body = Body { code: self.code.name(), message: &self.message };
        ErrorReply { status: self.code.status(), body: json(&body) }
    }
}

/// The body of what stands before both generations: authentication and routing (H-20).
pub fn gateway(status: u16, message: &str) -> ErrorReply {
    #[derive(Serialize)]
    struct Item<'a> {
        code: u32,
        message: &'a str,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        errors: [Item<'a>; 1],
    }
    ErrorReply { status, body: json(&Body { errors: [Item { code: 0, message }] }) }
}

/// The answer to a key that is missing, unknown, expired or revoked (H-02).
pub fn invalid_api_key() -> ErrorReply {
    gateway(401, "Invalid API Key")
}

/// The answer to a path or method of no call.
pub fn no_such_route() -> ErrorReply {
    gateway(404, "NotFound")
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("text and numbers can always be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h_20_to_h_22_the_bodies_have_the_documented_shape() {
        let reply = invalid_api_key();
        assert_eq!(reply.status, 401);
        assert_eq!(reply.body, r#"{"errors":[{"code":0,"message":"Invalid API Key"}]}"#);

        let reply = V1Error::new(V1Code::InvalidCursor, "Invalid cursor.").reply();
        assert_eq!(reply.status, 400);
        assert_eq!(
            reply.body,
            r#"{"error":"INVALID_ARGUMENT","message":"Invalid cursor.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"InvalidCursor"}]}"#
        );

        let reply = V2Error::new(V2Code::NotFound, "a \"quoted\" name").reply();
        assert_eq!(reply.status, 404);
        assert_eq!(reply.body, r#"{"code":"NOT_FOUND","message":"a \"quoted\" name"}"#);
    }

    #[test]
    fn every_code_has_a_status_of_the_surface() {
        for code in V1Code::ALL {
            assert!(STATUSES.contains(&code.status()), "{code:?}");
        }
        for code in V2Code::ALL {
            let is_built = code != V2Code::NotImplemented;
            assert_eq!(STATUSES.contains(&code.status()), is_built, "{code:?}");
        }
        // The contract's table, counted.
        assert_eq!(V1Code::ALL.len(), 28);
    }
}
