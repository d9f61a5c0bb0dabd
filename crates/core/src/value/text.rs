//! Text inside a value: in place while it is short, shared beyond that.
//!
//! Most keys and many strings of a player's data are short. In place they need no allocation, which
//! is what keeps a value within a small multiple of its JSON text.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Longest text in place, in bytes: with its length and a tag it fills three words.
const INLINE_SIZE_MAX: usize = 22;

/// A string of a value, or the key of an object's member. What fits in place is there.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Inline { size: u8, bytes: [u8; INLINE_SIZE_MAX] },
    Shared(Arc<str>),
}

impl Text {
    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { .. } => {
                std::str::from_utf8(self.bytes()).expect("it was made from a string")
            }
            Repr::Shared(text) => text,
        }
    }

    /// Its UTF-8, whose order is that of the text.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { size, bytes } => {
                bytes.get(..usize::from(*size)).expect("it was made no longer than its place")
            }
            Repr::Shared(text) => text.as_bytes(),
        }
    }

    /// The text as a path holds it.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        match &self.0 {
            Repr::Inline { .. } => self.as_str().into(),
            Repr::Shared(text) => Arc::clone(text),
        }
    }

    /// The text in place, if it is short enough.
    #[inline]
    fn inline(text: &str) -> Option<Self> {
        let mut bytes = [0; INLINE_SIZE_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let size = u8::try_from(text.len()).ok()?;
        Some(Self(Repr::Inline { size, bytes }))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::inline(text).unwrap_or_else(|| Self(Repr::Shared(text.into())))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        Self::inline(text).unwrap_or_else(|| Self(Repr::Shared(Arc::clone(text))))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // Behind the text its place is zero.
            (Repr::Inline { size, bytes }, Repr::Inline { size: other_size, bytes: others }) => {
                size == other_size && bytes == others
            }
            (Repr::Shared(text), Repr::Shared(other)) => text == other,
            (Repr::Inline { .. }, Repr::Shared(_)) | (Repr::Shared(_), Repr::Inline { .. }) => {
                false
            }
        }
    }
}

impl Eq for Text {}

impl Ord for Text {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Text {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_as_it_was_made_up_to_its_place_and_beyond() {
        for size in [0, 1, INLINE_SIZE_MAX - 1, INLINE_SIZE_MAX, INLINE_SIZE_MAX + 1, 500] {
            let source = "x".repeat(size);
            let text = Text::from(source.as_str());
            assert_eq!(text.as_str(), source);
            assert_eq!(text, Text::from(&Arc::from(source.as_str())));
            assert_eq!(matches!(text.0, Repr::Inline { .. }), size <= INLINE_SIZE_MAX);
        }
        assert_eq!(Text::from("é".repeat(12)).as_str(), "é".repeat(12));
    }

    #[test]
    fn text_is_in_the_order_of_its_bytes() {
        let long = "b".repeat(40);
        let mut all = [long.as_str(), "é", "b", "a", "", "B"].map(Text::from);
        all.sort();
        assert_eq!(all.map(|text| text.to_string()), ["", "B", "a", "b", &long, "é"]);
    }
}
