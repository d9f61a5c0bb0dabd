//! What the records of this scenario hold: how many edits and which, which migrations ran, and which
//! operations were applied.
//!
//! ```text
//!   {"count":17,"mix":9052181102113,"shape":[1],"coins":41,"added":5,"done":[3,8],"pad":"xxx..."}
//! ```
//!
//! Transactions over several sessions add `"turns":999998,"spent":2,"joints":[4,9]`: see
//! [`moves`](super::moves). One is an edit of each of its records from its beginning on: what it gives
//! and what comes back is no edit of its own.
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

use super::moves::Moves;
use super::schemas::Shape;
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
    /// What transactions did.
    pub(super) moves: Moves,
}

impl Applied {
    /// Whether an operation leaves its number: all but the built-in one do.
    pub(super) fn leaves_number(id: &OperationId) -> bool {
        !id.as_str().starts_with(ADD)
    }

    /// What a value says; nothing of a value that operations left alone.
    pub(super) fn of(value: &JsonText) -> Self {
        let text = value.as_str();
        // Most of a value only takes room.
        Self::anywhere(text.split_once("\"pad\":").map_or(text, |(head, _)| head))
    }

    /// What a text says, wherever it stands.
    fn anywhere(text: &str) -> Self {
        let Some(coins) = number_of(text, "\"coins\":") else { return Self::default() };
        let added = number_of(text, "\"added\":").unwrap_or(0);
        Self { numbers: list_of(text, "\"done\":["), coins, added, moves: Moves::of(text) }
    }

    /// All coins that ever came in, less what transactions took elsewhere.
    pub(super) fn total(&self) -> u64 {
        self.coins + self.moves.spent
    }
}

/// The number behind a name.
pub(super) fn number_of(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(name)?;
    rest.split([',', '}']).next()?.parse().ok()
}

/// The numbers of the list behind a name. Lists are most of what is read here: byte by byte.
pub(super) fn list_of(text: &str, name: &str) -> Vec<u32> {
    let list = text.split_once(name).map_or("", |(_, rest)| rest);
    let (mut numbers, mut number) = (Vec::new(), None);
    for byte in list.bytes() {
        if byte.is_ascii_digit() {
            let digit = u32::from(byte - b'0');
            number = Some(number.unwrap_or(0_u32).wrapping_mul(10).wrapping_add(digit));
            continue;
        }
        numbers.extend(number.take());
        if byte == b']' {
            break;
        }
    }
    numbers
}

/// The end of a list that was begun, and a comma.
pub(super) fn write_list(text: &mut String, numbers: &[u32]) {
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_number(text, *number);
    }
    text.push_str("],");
}

/// What `write!` would, which takes three times as long.
fn write_number(text: &mut String, number: u32) {
    let (mut digits, mut start, mut rest) = ([b'0'; 10], 10, number);
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        (start, rest) = (start - 1, rest / 10);
        if rest == 0 {
            break;
        }
    }
    let digits = digits.get(start..).and_then(|digits| std::str::from_utf8(digits).ok());
    text.push_str(digits.expect("digits are text"));
}

/// What a session holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) marker: Marker,
    /// The migrations that ran.
    pub(super) shape: Shape,
    pub(super) applied: Applied,
    /// Bytes that only take room.
    pub(super) pad: usize,
    /// What it was when it was read.
    pub(super) began: Marker,
    /// What it was before a transaction that may still be refused before it begins.
    pub(super) before: Option<Box<(Value, Marker)>>,
}

impl Sheet {
    /// One that operations and migrations left alone.
    pub(super) fn new(marker: Marker, pad: usize) -> Self {
        let (shape, applied, before) = Default::default();
        Self { marker, shape, applied, pad, began: marker, before }
    }

    /// What a value says.
    pub(super) fn parse(value: &JsonText) -> Option<Self> {
        let marker = Marker::of(value)?;
        let (_, pad) = value.as_str().split_once("\"pad\":\"")?;
        let (shape, applied) = (Shape::of(value), Applied::of(value));
        Some(Self { shape, applied, ..Self::new(marker, pad.len().saturating_sub(2)) })
    }

    /// What a migration made of one: its members stand in the order of their names.
    pub(super) fn of_value(value: &Value) -> Option<Self> {
        let value = value.to_json();
        let text = value.as_str();
        let (count, mix) = (number_of(text, "\"count\":")?, number_of(text, "\"mix\":")?);
        let (_, pad) = text.split_once("\"pad\":\"")?;
        let (pad, _) = pad.split_once('"')?;
        // Some of them stand behind what only takes room.
        let (shape, applied) = (Shape::anywhere(text), Applied::anywhere(text));
        Some(Self { shape, applied, ..Self::new(Marker { count, mix }, pad.len()) })
    }

    /// As the store keeps it.
    pub(super) fn text(&self) -> JsonText {
        let Self { marker: Marker { count, mix }, shape, applied, pad, .. } = self;
        let mut text = String::with_capacity(pad + 128 + applied.numbers.len() * 5);
        let room = "a string has room";
        write!(text, "{{\"count\":{count},\"mix\":{mix},").expect(room);
        shape.write(&mut text);
        if *applied != Applied::default() {
            let Applied { numbers, coins, added, moves } = applied;
            write!(text, "\"coins\":{coins},\"added\":{added},\"done\":[").expect(room);
            write_list(&mut text, numbers);
            if *moves != Moves::default() {
                moves.write(&mut text);
            }
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

impl Sheet {
    /// A transaction over it has begun: it is an edit, whatever becomes of it.
    pub(super) fn has_begun(&mut self) {
        self.before = None;
    }

    /// Has it hold what a value says. The numbers of operations are in none.
    fn take(&mut self, value: &Value) {
        let numbers = std::mem::take(&mut self.applied.numbers);
        self.applied = Applied { numbers, ..Applied::of(&value.to_json()) };
    }
}

impl Document for Sheet {
    fn encode(&mut self) -> JsonText {
        self.text()
    }

    fn size(&mut self) -> usize {
        self.text().size()
    }

    fn rest(&mut self) {}

    /// Only the built-in operation and transactions come this way.
    fn edit_value(
        &mut self,
        edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
    ) -> Result<Changes, EditError> {
        let (before, marker) = (self.snapshot_value(), self.marker);
        let (value, changes) = edit_copy(&before, DocumentLimits::default(), edit)?;
        let (added, known) = (self.applied.added, self.applied.moves.numbers.len());
        self.take(&value);
        if self.applied.moves.numbers.len() > known {
            self.before = Some(Box::new((before, marker)));
        }
        if self.applied.added != added {
            self.marker = self.marker.next(self.applied.added);
        }
        for number in self.applied.moves.numbers.iter().skip(known) {
            self.marker = self.marker.next((1 << 41) | u64::from(*number));
        }
        Ok(changes)
    }

    fn put_value(&mut self, value: Value) -> Result<(), EditError> {
        self.take(&value);
        // Another of its sessions, or a hook, did not let it begin.
        if let Some((_, marker)) = self.before.take_if(|before| before.0 == value).map(|it| *it) {
            self.marker = marker;
        }
        Ok(())
    }

    fn draft(&self) -> Draft {
        let tree = Tree::new(self.snapshot_value(), DocumentLimits::default());
        tree.expect("a sheet is a value that may be held").draft()
    }

    fn snapshot_value(&self) -> Value {
        // All that changes this way, and is there although it is nothing yet.
        let Applied { coins, added, moves, .. } = &self.applied;
        let mut text = "{".to_owned();
        moves.write(&mut text);
        write!(text, "\"coins\":{coins},\"added\":{added}}}").expect("a string has room");
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
        let moves = Moves { numbers: vec![9, 2], taken: 2, spent: 8 };
        let some = Applied { numbers: vec![7, 1, 4_000_000_000], coins: 12, added: 5, moves };
        let coins_only = Applied { coins: 3, ..Applied::default() };
        for (count, mix, pad) in [(0, 0, 0), (9, 10, 1), (10, u64::MAX, 63), (99, 7, PAD_MAX)] {
            for (applied, version) in [(&none, 0), (&some, 2), (&coins_only, 0), (&none, 1)] {
                let (applied, shape) = (applied.clone(), Shape::whole(version));
                let mut sheet = Sheet { shape, applied, ..Sheet::new(Marker { count, mix }, pad) };
                let text = sheet.encode();
                assert_eq!(sheet.size(), text.size(), "{}", text.as_str());
                let value = Value::parse(text.as_str(), &Limits::native()).unwrap();
                assert_eq!(Sheet::of_value(&value).as_ref(), Some(&sheet));
                assert_eq!(Sheet::parse(&text), Some(sheet));
            }
        }
        assert!(Sheet::parse(&JsonText::trusted("{}")).is_none());
    }

    #[test]
    fn a_list_of_numbers_reads_back_and_ends_where_it_ends() {
        for numbers in [&[][..], &[0], &[10, 0, 9, u32::MAX, 4_000_000_000]] {
            let mut text = "{\"done\":[".to_owned();
            write_list(&mut text, numbers);
            let written: Vec<String> = numbers.iter().map(u32::to_string).collect();
            assert_eq!(text, format!("{{\"done\":[{}],", written.join(",")));
            text.push_str("\"pad\":[7]}");
            assert_eq!(list_of(&text, "\"done\":["), numbers);
        }
        assert!(list_of("{}", "\"done\":[").is_empty());
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
