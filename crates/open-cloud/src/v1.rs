//! What v1 carries beside the value: headers in, headers out, and the answer to a write.
//!
//! A v1 value is the whole body. Its user ids and attributes travel in headers, which must hold any
//! Unicode text: it is written as escaped JSON, so that every header is plain ASCII.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::Serialize;
use steadfast_core::platform::{EntryState, ListedRevision, parse_amount};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{Limits, UserId};

use crate::error::{V1Code, V1Error};
use crate::{mapping, time};

mod lists;

pub use lists::{
    LIMIT_MAX, keys_body, limit, sort_order, stores_body, version_id, version_times, versions_body,
};

/// Request and response: the users whose data the entry holds.
pub const USER_IDS: &str = "roblox-entry-userids";
/// Request and response: small attributes.
pub const ATTRIBUTES: &str = "roblox-entry-attributes";
/// Request and response: the MD5 digest of the body in Base64.
pub const CONTENT_MD5: &str = "content-md5";
/// Response: the version of the value.
pub const VERSION: &str = "roblox-entry-version";
/// Response: when the entry was first written.
pub const CREATED_TIME: &str = "roblox-entry-created-time";
/// Response: when this version was written.
pub const VERSION_CREATED_TIME: &str = "roblox-entry-version-created-time";
/// Response: the version as an HTTP entity tag.
pub const ETAG: &str = "etag";

/// Reads the user ids of a write (U-14): an array, also without its brackets; none if the header is
/// missing or blank.
///
/// # Errors
/// `InvalidUserIds`: not such a list, or over the limits.
pub fn user_ids(header: Option<&[u8]>, limits: &Limits) -> Result<Vec<UserId>, V1Error> {
    let invalid = |message: String| V1Error::new(V1Code::InvalidUserIds, message);
    let text = header_text(header).ok_or_else(|| invalid("the user ids are not UTF-8".into()))?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    // The reference calls it a comma-separated list and shows an array.
    let array = if text.starts_with('[') { text.to_owned() } else { format!("[{text}]") };
    let items: Vec<serde_json::Value> = serde_json::from_str(&array)
        .map_err(|_| invalid("the user ids are not a JSON array".into()))?;
    if items.len() > limits.user_id_count_max {
        let limit = limits.user_id_count_max;
        return Err(invalid(format!("there are {} user ids, the limit is {limit}", items.len())));
    }
    items.iter().map(|item| user_id(item, limits).map_err(invalid)).collect()
}

fn user_id(item: &serde_json::Value, limits: &Limits) -> Result<UserId, String> {
    if let Some(number) = item.as_u64() {
        return Ok(UserId::Number(number));
    }
    match item.as_str() {
        // Where ids are numbers only, text of any length is wrong.
        Some(text) if limits.user_id_text_size_max > 0 => {
            UserId::parse(text, limits).map_err(|error| error.to_string())
        }
        Some(_) | None => Err("a user id is not a whole number".into()),
    }
}

/// Reads the attributes of a write (U-14): an object; none if the header is missing or blank.
///
/// # Errors
/// `InvalidAttributes`: not an object of scalars, or over the limit.
pub fn attributes(header: Option<&[u8]>, limits: &Limits) -> Result<Metadata, V1Error> {
    let invalid = |message: String| V1Error::new(V1Code::InvalidAttributes, message);
    let text = header_text(header).ok_or_else(|| invalid("the attributes are not UTF-8".into()))?;
    if text.is_empty() {
        return Ok(Metadata::empty());
    }
    Metadata::parse(text, limits).map_err(|error| invalid(error.to_string()))
}

/// Reads the amount of an increment: 1 if none is given (H-85).
///
/// # Errors
/// Not an integer, or beyond the range of `i64`.
pub fn amount(text: Option<&str>) -> Result<i64, V1Error> {
    text.map_or(Ok(1), |text| parse_amount(text).map_err(mapping::v1_amount))
}

/// Compares the body of a write with its checksum, if it came with one (H-97).
///
/// # Errors
/// `ChecksumMismatch`: another digest, or no digest at all.
pub fn check_md5(header: Option<&[u8]>, body: &[u8]) -> Result<(), V1Error> {
    let Some(header) = header.map(<[u8]>::trim_ascii).filter(|header| !header.is_empty()) else {
        return Ok(());
    };
    let digest = Md5::digest(body);
    if STANDARD.decode(header).is_ok_and(|sent| sent == digest.as_slice()) {
        return Ok(());
    }
    let message = "The content is not the one that `content-md5` was taken of.";
    Err(V1Error::new(V1Code::ChecksumMismatch, message))
}

/// The headers of an answer with a value: always all of them (H-90).
pub fn entry_headers(state: &EntryState, content: &Content) -> Vec<(&'static str, String)> {
    let version = state.revision_id();
    let digest = Md5::digest(content.value.as_str().as_bytes());
    vec![
        (CONTENT_MD5, STANDARD.encode(digest)),
        (ETAG, format!("\"{version}\"")),
        (VERSION, version.to_string()),
        (CREATED_TIME, time::v1_header(state.created_at)),
        (VERSION_CREATED_TIME, time::v1_header(state.updated_at)),
        (ATTRIBUTES, ascii_json(content.metadata.as_str())),
        (USER_IDS, user_ids_header(&content.user_ids)),
    ]
}

pub(crate) fn user_ids_header(user_ids: &[UserId]) -> String {
    let items = user_ids.iter().map(|id| match id {
        UserId::Number(number) => number.to_string(),
        UserId::Text(text) => ascii_json(&quoted(text)),
    });
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A version of an entry (H-91).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryVersion {
    /// Its id.
    pub version: String,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// Bytes of its value.
    pub content_length: usize,
    /// When it was written.
    pub created_time: String,
    /// When the entry was first written.
    pub object_created_time: String,
}

impl EntryVersion {
    /// The version that a state is.
    pub fn of(state: &EntryState) -> Self {
        Self {
            version: state.revision_id().to_string(),
            deleted: state.content.is_none(),
            content_length: state.content.as_ref().map_or(0, |content| content.value.size()),
            created_time: time::v1_json(state.updated_at),
            object_created_time: time::v1_json(state.created_at),
        }
    }

    /// The version that an item of a list is.
    pub fn of_listed(revision: &ListedRevision) -> Self {
        Self {
            version: revision.id.to_string(),
            deleted: revision.is_deleted,
            content_length: revision.value_size.unwrap_or(0),
            created_time: time::v1_json(revision.updated_at),
            object_created_time: time::v1_json(revision.created_at),
        }
    }

    /// The body that says it.
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("text and numbers can always be written as JSON")
    }
}

/// The text of a header without the white space around it; none if it is not UTF-8.
fn header_text(header: Option<&[u8]>) -> Option<&str> {
    std::str::from_utf8(header.unwrap_or_default()).ok().map(str::trim)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can always be written as JSON")
}

/// JSON with everything but printable ASCII escaped. Other characters stand only in its strings.
pub(crate) fn ascii_json(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if matches!(letter, ' '..='~') {
            ascii.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            write!(ascii, "\\u{unit:04x}").expect("a string takes any text");
        }
    }
    ascii
}

#[cfg(test)]
#[path = "v1/tests.rs"]
mod tests;
