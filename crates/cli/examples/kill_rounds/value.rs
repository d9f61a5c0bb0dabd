//! Values that say who wrote them, and that anybody can make again to compare every byte.

use serde::Deserialize;
use steadfast_core::Rng;

use crate::ledger::Tag;

/// Percent of the values, and their sizes in bytes.
const SIZES: [(u64, std::ops::Range<u64>); 3] =
    [(70, 50..400), (25, 1_000..4_000), (5, 16_000..48_000)];

/// The value that a write stores. Equal arguments make equal bytes.
pub(crate) fn text(key: &str, tag: Tag) -> String {
    let mut rng = Rng::seeded((u64::from(tag.writer) << 40) ^ tag.sequence);
    let mut share = rng.below(100);
    let mut size = 0;
    for (percent, sizes) in SIZES {
        if share < percent {
            size = rng.in_range(sizes);
            break;
        }
        share -= percent;
    }
    // Random digits: what compresses to nothing would not fill a page.
    let digits = |_| char::from_digit(u32::try_from(rng.below(16)).unwrap_or(0), 16);
    let padding: String = (0..size).filter_map(digits).collect();
    let Tag { writer, sequence } = tag;
    format!(r#"{{"key":"{key}","writer":{writer},"sequence":{sequence},"padding":"{padding}"}}"#)
}

/// The write that stored a value.
///
/// # Errors
/// No write stores this value under this key: what is wrong with it.
pub(crate) fn tag_of(key: &str, stored: &str) -> Result<Tag, String> {
    #[derive(Deserialize)]
    struct Head {
        writer: u32,
        sequence: u64,
    }
    let head: Head = serde_json::from_str(stored)
        .map_err(|error| format!("a value of {} bytes that none is: {error}", stored.len()))?;
    let tag = Tag { writer: head.writer, sequence: head.sequence };
    if text(key, tag) == stored {
        Ok(tag)
    } else {
        Err(format!("a value that says it is {tag}, and is not byte for byte"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_by_its_bytes() {
        let tag = Tag { writer: 3, sequence: 17 };
        let value = text("k1", tag);
        assert_eq!(tag_of("k1", &value), Ok(tag));
        assert!(tag_of("k2", &value).is_err(), "of another key");
        assert!(tag_of("k1", &value.replace("17", "18")).is_err());
        assert!(tag_of("k1", &value[..value.len() - 1]).is_err());
    }

    #[test]
    fn sizes_are_mixed() {
        let sizes = (0..200).map(|sequence| text("k", Tag { writer: 1, sequence }).len());
        let sizes: Vec<_> = sizes.collect();
        assert!(sizes.iter().any(|size| *size < 1_000) && sizes.iter().any(|size| *size > 16_000));
    }
}
