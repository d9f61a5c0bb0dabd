//! How large and how deep a value is, without writing it.

use super::Value;

impl Value {
    /// Its size as compact JSON text, in bytes: always that of [`Value::to_json`].
    pub fn json_size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(true) => 4,
            Self::Bool(false) => 5,
            Self::Number(number) => number.json_size(),
            Self::String(text) => string_size(text.bytes()),
            Self::Array(items) => {
                let inside: usize = items.iter().map(Self::json_size).sum();
                2 + inside + items.len().saturating_sub(1)
            }
            Self::Object(members) => {
                let pairs = members.pairs();
                let inside: usize =
                    pairs.map(|(key, value)| key_size(key.bytes()) + value.json_size()).sum();
                2 + inside + members.len().saturating_sub(1)
            }
        }
    }

    /// Whether it is nested deeper than `depth_max` arrays and objects.
    pub fn is_deeper_than(&self, depth_max: usize) -> bool {
        let is_inside_deeper = |value: &Self| value.is_deeper_than(depth_max.saturating_sub(1));
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => false,
            Self::Array(_) | Self::Object(_) if depth_max == 0 => true,
            Self::Array(items) => items.iter().any(is_inside_deeper),
            Self::Object(members) => members.pairs().any(|(_, value)| is_inside_deeper(value)),
        }
    }
}

/// The size of a key with its colon.
pub(crate) fn key_size(key: &[u8]) -> usize {
    string_size(key) + 1
}

/// The size of a string as a JSON literal, escaped where it must be.
pub(crate) fn string_size(text: &[u8]) -> usize {
    let is_plain =
        text.iter().fold(true, |plain, byte| plain & !matches!(byte, 0..0x20 | b'"' | b'\\'));
    if is_plain {
        2 + text.len()
    } else {
        2 + text.iter().copied().map(escaped_size).sum::<usize>()
    }
}

fn escaped_size(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}
