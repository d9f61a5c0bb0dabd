//! The content of an entry or revision as bytes: attributes, then the value as a frame.
//!
//! ```text
//! user count u32, (0 number u64 | 1 text)*, metadata, codec u8, value size u32, frame
//! ```
//!
//! The frame is zstd level 1 where that is smaller, else the value itself. Encoding happens on
//! the thread of the caller, in parallel; the committer only moves the bytes.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use steadfast_core::{Content, JsonText, Metadata, UserId};
use zstd::bulk::Compressor;

use crate::bytes::{Damage, Reader, Writer};

const CODEC_RAW: u8 = 0;
const CODEC_ZSTD: u8 = 1;
const ZSTD_LEVEL: i32 = 1;

/// Values below this do not shrink by more than the frame's own header.
const COMPRESSED_SIZE_MIN: usize = 64;

const USER_NUMBER: u8 = 0;
const USER_TEXT: u8 = 1;

/// Encodes a content.
pub(crate) fn encode(content: &Content) -> Vec<u8> {
    let value = content.value.as_str().as_bytes();
    let (codec, frame) = frame(value);
    let metadata = content.metadata.as_str();
    let mut bytes = Writer::plain(32 + metadata.len() + frame.len());
    bytes.size(content.user_ids.len());
    for user in &content.user_ids {
        match user {
            UserId::Number(number) => {
                bytes.u8(USER_NUMBER);
                bytes.u64(*number);
            }
            UserId::Text(text) => {
                bytes.u8(USER_TEXT);
                bytes.sized(text.as_bytes());
            }
        }
    }
    bytes.sized(metadata.as_bytes());
    bytes.u8(codec);
    bytes.size(value.len());
    bytes.raw(&frame);
    bytes.into_bytes()
}

/// A text as it is stored: its codec, and the frame.
pub(super) fn frame(text: &[u8]) -> (u8, Cow<'_, [u8]>) {
    match compressed(text) {
        Some(frame) => (CODEC_ZSTD, Cow::Owned(frame)),
        None => (CODEC_RAW, Cow::Borrowed(text)),
    }
}

/// Compressors that nobody uses at the moment, the last used one on top. Making one costs more
/// than compressing a small value, and with one for each of many threads none would be in the
/// cache of a processor.
static COMPRESSORS: Mutex<Vec<Compressor<'static>>> = Mutex::new(Vec::new());

/// Compressors that are kept.
const COMPRESSOR_COUNT_MAX: usize = 16;

fn compressed(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() < COMPRESSED_SIZE_MIN {
        return None;
    }
    let idle = || COMPRESSORS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = idle().pop();
    // Without memory for a compressor the value is stored as it is.
    let mut compressor = kept.or_else(|| Compressor::new(ZSTD_LEVEL).ok())?;
    let frame = compressor.compress(value).ok();
    let mut idle = idle();
    if idle.len() < COMPRESSOR_COUNT_MAX {
        idle.push(compressor);
    }
    drop(idle);
    frame.filter(|frame| frame.len() < value.len())
}

/// The size of the value's text, from the front of an encoded content. Nothing if the bytes end
/// before it.
pub(crate) fn value_size(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(bytes);
    for _ in 0..reader.size().ok()? {
        match reader.u8().ok()? {
            USER_NUMBER => drop(reader.u64().ok()?),
            _ => drop(reader.sized().ok()?),
        }
    }
    reader.sized().ok()?;
    reader.u8().ok()?;
    reader.size().ok()
}

/// Decodes a content. The bytes were verified before: this only guards against our own mistakes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Content, Damage> {
    let mut reader = Reader::new(bytes);
    let user_count = reader.size()?;
    let mut user_ids = Vec::with_capacity(user_count.min(1_024));
    for _ in 0..user_count {
        user_ids.push(match reader.u8()? {
            USER_NUMBER => UserId::Number(reader.u64()?),
            USER_TEXT => UserId::Text(reader.text("user id")?.into()),
            _ => return Err(Damage::Malformed("user id")),
        });
    }
    let metadata = Metadata::trusted(reader.text("metadata")?);
    let codec = reader.u8()?;
    let size = reader.size()?;
    let value = decode_frame(codec, size, reader.rest())?;
    Ok(Content { value: JsonText::trusted(value), user_ids, metadata })
}

/// Reads a text of that size back from its frame.
pub(super) fn decode_frame(codec: u8, size: usize, frame: &[u8]) -> Result<Arc<str>, Damage> {
    let malformed = Damage::Malformed("value");
    match codec {
        CODEC_RAW => {
            let text = std::str::from_utf8(frame).map_err(|_| malformed)?;
            if text.len() == size { Ok(text.into()) } else { Err(malformed) }
        }
        CODEC_ZSTD => {
            // The size of a damaged record must not become an allocation: the frame names its own.
            let named = zstd::zstd_safe::get_frame_content_size(frame).map_err(|_| malformed)?;
            if named != u64::try_from(size).ok() {
                return Err(malformed);
            }
            let text = zstd::bulk::decompress(frame, size).map_err(|_| malformed)?;
            if text.len() != size {
                return Err(malformed);
            }
            String::from_utf8(text).map(Arc::from).map_err(|_| malformed)
        }
        _ => Err(Damage::Malformed("codec")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(value: &str, users: Vec<UserId>) -> Content {
        Content {
            value: JsonText::trusted(value),
            user_ids: users,
            metadata: Metadata::trusted(r#"{"a":1}"#),
        }
    }

    proptest! {
        #[test]
        fn contents_are_read_back(
            value in "[a-z0-9\u{20ac}]{0,300}",
            repeat in 1usize..20,
            numbers in proptest::collection::vec(any::<u64>(), 0..4),
        ) {
            let mut users: Vec<_> = numbers.into_iter().map(UserId::Number).collect();
            users.push(UserId::Text("steam:1".into()));
            let content = content(&value.repeat(repeat), users);
            prop_assert_eq!(value_size(&encode(&content)), Some(content.value.size()));
            prop_assert_eq!(decode(&encode(&content)), Ok(content));
        }

        #[test]
        fn any_bytes_decode_to_content_or_damage(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(decode(&bytes));
            let _size = value_size(&bytes);
        }
    }

    #[test]
    fn a_cut_content_is_damage() {
        let bytes = encode(&content(&"abc".repeat(100), vec![UserId::Number(7)]));
        assert!(bytes.len() < 100, "it is compressed");
        for size in 0..bytes.len() {
            assert!(decode(&bytes[..size]).is_err(), "{size} bytes");
            assert!(value_size(&bytes[..size]).is_none_or(|size| size == 300));
        }
    }
}
