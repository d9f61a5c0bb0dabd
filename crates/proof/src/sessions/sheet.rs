//! What the records of this scenario hold: how many edits, and which.
//!
//! ```text
//!   {"count":17,"mix":9052181102113,"pad":"xxxxx..."}
//! ```

use std::any::Any;
use std::fmt::Write;
use std::sync::Arc;

use steadfast_core::document::Document;
use steadfast_core::row::Metadata;
use steadfast_core::{Content, JsonText};

use super::witness::Marker;

/// Longest text that only takes room.
pub(super) const PAD_MAX: usize = 4_000;

impl Marker {
    /// A record with the defaults.
    pub(super) const NONE: Self = Self { count: 0, mix: 0 };

    /// After one more edit.
    pub(super) fn next(self, edit: u64) -> Self {
        let mut mix = self.mix ^ edit.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mix = (mix ^ (mix >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Self { count: self.count + 1, mix: mix ^ (mix >> 27) }
    }

    /// What a value begins with; nothing if it is none of this scenario.
    pub(super) fn of(value: &JsonText) -> Option<Self> {
        let rest = value.as_str().strip_prefix("{\"count\":")?;
        let (count, rest) = rest.split_once(',')?;
        let rest = rest.strip_prefix("\"mix\":")?;
        let (mix, _) = rest.split_once([',', '}'])?;
        Some(Self { count: count.parse().ok()?, mix: mix.parse().ok()? })
    }

    /// What an entry's value begins with.
    pub(super) fn stored_in(content: &Content) -> Option<Self> {
        Self::of(&content.value)
    }
}

/// What a session holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    pub(super) marker: Marker,
    /// Bytes that only take room.
    pub(super) pad: usize,
}

impl Sheet {
    /// What a value says.
    pub(super) fn parse(value: &JsonText) -> Option<Self> {
        let marker = Marker::of(value)?;
        let (_, pad) = value.as_str().split_once("\"pad\":\"")?;
        Some(Self { marker, pad: pad.len().saturating_sub(2) })
    }

    /// As the store keeps it.
    pub(super) fn text(self) -> JsonText {
        let mut text = String::with_capacity(self.pad + 64);
        let Marker { count, mix } = self.marker;
        write!(text, "{{\"count\":{count},\"mix\":{mix},\"pad\":\"").expect("a string has room");
        let length = text.len() + self.pad;
        while text.len() < length {
            let left = length - text.len();
            text.push_str(PADDING.get(..left).unwrap_or(PADDING));
        }
        text.push_str("\"}");
        JsonText::trusted(text)
    }

    /// As the store keeps it, with nothing beside it.
    pub(super) fn content(self) -> Arc<Content> {
        let (value, metadata) = (self.text(), Metadata::empty());
        Arc::new(Content { value, user_ids: Vec::new(), metadata })
    }
}

const PADDING: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

impl Document for Sheet {
    fn encode(&mut self) -> JsonText {
        self.text()
    }

    fn size(&mut self) -> usize {
        let digits =
            |number: u64| usize::try_from(number.checked_ilog10().unwrap_or(0)).unwrap_or(0);
        28 + digits(self.marker.count) + digits(self.marker.mix) + self.pad
    }

    fn rest(&mut self) {}

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_reads_back_what_it_writes_and_knows_its_size() {
        for (count, mix, pad) in [(0, 0, 0), (9, 10, 1), (10, u64::MAX, 63), (99, 7, PAD_MAX)] {
            let mut sheet = Sheet { marker: Marker { count, mix }, pad };
            let text = sheet.encode();
            assert_eq!(sheet.size(), text.size(), "{}", text.as_str());
            let read = Sheet::parse(&text).unwrap();
            assert_eq!((read.marker, read.pad), (sheet.marker, pad));
        }
        assert!(Sheet::parse(&JsonText::trusted("{}")).is_none());
    }

    #[test]
    fn a_marker_is_read_from_the_start_of_a_value() {
        let of = |text: &str| Marker::of(&JsonText::trusted(text));
        let largest = Marker { count: 7, mix: u64::MAX };
        assert_eq!(of(r#"{"count":7,"mix":18446744073709551615,"pad":""}"#), Some(largest));
        assert_eq!(of(r#"{"count":0,"mix":1}"#), Some(Marker { count: 0, mix: 1 }));
        assert_eq!(of(r#"{"mix":1,"count":0}"#), None);
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn the_same_edits_in_another_order_are_another_marker() {
        let one = Marker::NONE.next(1).next(2);
        assert_ne!(one, Marker::NONE.next(2).next(1));
        assert_eq!(one.count, 2);
    }
}
