//! What the records of this scenario hold: how many edits and which, and which operations were
//! applied.
//!
//! ```text
//!   {"count":17,"mix":9052181102113,"coins":41,"added":5,"done":[3,8],"pad":"xxxxx..."}
//! ```
//!
//! An operation that is applied is one more edit. So what is checked of edits is checked of
//! operations too, and its number in the list tells an operation that was applied twice.

use std::any::Any;
use std::fmt::Write;
use std::sync::Arc;

use steadfast_core::document::{
    Cancel, Changes, Document, DocumentLimits, Draft, EditError, Tree, edit_copy,
};
use steadfast_core::operation::ADD;
use steadfast_core::row::Metadata;
use steadfast_core::{Content, JsonText, Limits, OperationId, Value};

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

/// What operations did to a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// The numbers of the operations that were applied, in their order.
    pub(super) numbers: Vec<u32>,
    /// What they brought in.
    pub(super) coins: u64,
    /// What the built-in operation brought in: it leaves no number.
    pub(super) added: u64,
}

impl Applied {
    /// Whether an operation leaves its number: all but the built-in one do.
    pub(super) fn leaves_number(id: &OperationId) -> bool {
        !id.as_str().starts_with(ADD)
    }

    /// What a value says; nothing of a value that operations left alone.
    pub(super) fn of(value: &JsonText) -> Self {
        let text = value.as_str();
        let number = |name: &str| -> u64 {
            let found = text.split_once(name).and_then(|(_, rest)| rest.split([',', '}']).next());
            found.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        let list = text.split_once("\"done\":[").and_then(|(_, rest)| rest.split_once(']'));
        let numbers = list.map_or("", |(list, _)| list).split(',');
        let numbers = numbers.filter_map(|digits| digits.parse().ok()).collect();
        Self { numbers, coins: number("\"coins\":"), added: number("\"added\":") }
    }
}

/// What a session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) marker: Marker,
    pub(super) applied: Applied,
    /// Bytes that only take room.
    pub(super) pad: usize,
    /// What it was when it was read.
    pub(super) began: Marker,
}

impl Sheet {
    /// One that operations left alone.
    pub(super) fn new(marker: Marker, pad: usize) -> Self {
        let applied = Applied::default();
        Self { marker, applied, pad, began: marker }
    }

    /// What a value says.
    pub(super) fn parse(value: &JsonText) -> Option<Self> {
        let marker = Marker::of(value)?;
        let (_, pad) = value.as_str().split_once("\"pad\":\"")?;
        let applied = Applied::of(value);
        Some(Self { applied, ..Self::new(marker, pad.len().saturating_sub(2)) })
    }

    /// As the store keeps it.
    pub(super) fn text(&self) -> JsonText {
        let Self { marker: Marker { count, mix }, applied, pad, .. } = self;
        let mut text = String::with_capacity(pad + 128 + applied.numbers.len() * 5);
        let room = "a string has room";
        write!(text, "{{\"count\":{count},\"mix\":{mix},").expect(room);
        if *applied != Applied::default() {
            let Applied { numbers, coins, added } = applied;
            write!(text, "\"coins\":{coins},\"added\":{added},\"done\":[").expect(room);
            for (index, number) in numbers.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                write!(text, "{comma}{number}").expect(room);
            }
            text.push_str("],");
        }
        text.push_str("\"pad\":\"");
        let length = text.len() + pad;
        while text.len() < length {
            let left = length - text.len();
            text.push_str(PADDING.get(..left).unwrap_or(PADDING));
        }
        text.push_str("\"}");
        JsonText::trusted(text)
    }

    /// As the store keeps it, with nothing beside it.
    pub(super) fn content(&self) -> Arc<Content> {
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
        self.text().size()
    }

    fn rest(&mut self) {}

    /// Only the built-in operation comes this way.
    fn edit_value(
        &mut self,
        edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
    ) -> Result<Changes, EditError> {
        let (value, changes) = edit_copy(&self.snapshot_value(), DocumentLimits::default(), edit)?;
        let added = Applied::of(&value.to_json()).added;
        if added != self.applied.added {
            self.applied.added = added;
            self.marker = self.marker.next(added);
        }
        Ok(changes)
    }

    fn put_value(&mut self, value: Value) -> Result<(), EditError> {
        self.applied = Applied::of(&value.to_json());
        Ok(())
    }

    fn draft(&self) -> Draft {
        let tree = Tree::new(self.snapshot_value(), DocumentLimits::default());
        tree.expect("a sheet is a value that may be held").draft()
    }

    fn snapshot_value(&self) -> Value {
        // The built-in operation adds to a number that is there.
        let Self { marker: Marker { count, mix }, applied, .. } = self;
        let added = applied.added;
        let text = format!("{{\"count\":{count},\"mix\":{mix},\"added\":{added},\"pad\":\"\"}}");
        Value::parse(&text, &Limits::native()).expect("a sheet is JSON")
    }

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
        let none = Applied::default();
        let some = Applied { numbers: vec![7, 1, 4_000_000_000], coins: 12, added: 5 };
        let coins_only = Applied { coins: 3, ..Applied::default() };
        for (count, mix, pad) in [(0, 0, 0), (9, 10, 1), (10, u64::MAX, 63), (99, 7, PAD_MAX)] {
            for applied in [&none, &some, &coins_only] {
                let sheet = Sheet::new(Marker { count, mix }, pad);
                let mut sheet = Sheet { applied: applied.clone(), ..sheet };
                let text = sheet.encode();
                assert_eq!(sheet.size(), text.size(), "{}", text.as_str());
                assert_eq!(Sheet::parse(&text), Some(sheet));
            }
        }
        assert!(Sheet::parse(&JsonText::trusted("{}")).is_none());
    }

    #[test]
    fn the_built_in_operation_moves_the_marker() {
        let mut sheet = Sheet::new(Marker::NONE, 10);
        let edited = sheet.edit_value(&mut |draft| {
            let path = steadfast_core::Path::from("added");
            draft
                .add(&path, steadfast_core::value::Number::Integer(5))
                .map(drop)
                .map_err(Cancel::from)
        });
        assert!(edited.is_ok());
        assert_eq!((sheet.applied.added, sheet.marker), (5, Marker::NONE.next(5)));
        assert_eq!(sheet.began, Marker::NONE);
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
