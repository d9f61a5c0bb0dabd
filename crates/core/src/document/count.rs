//! Counting what a `serde` type will be as text, without building it.

use serde::ser::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::{DocumentLimits, InvalidData, Problem};
use crate::path::{Path, Step};
use crate::value::{ByteCount, Number, Sink, Walk, key_size, out_of_step, string_size};

/// The size of a type's JSON text, if it can be stored.
///
/// # Errors
/// [`InvalidData`]: what `serde_json` would write could not be read back as it was, or is over the
/// limits.
pub(super) fn checked_size<T: Serialize>(
    source: &T,
    limits: DocumentLimits,
) -> Result<usize, InvalidData> {
    let mut count = Count { size: 0, open: Vec::new(), keys: Vec::new(), text: Vec::new(), limits };
    let walked = source.serialize(Walk(&mut count)).and_then(|()| count.finish());
    walked.map_err(|problem| InvalidData { path: count.path(), problem })
}

/// The size so far, and the containers that the walk is inside of.
struct Count {
    size: usize,
    open: Vec<Open>,
    /// Where the keys of all open objects end in the text.
    keys: Vec<usize>,
    text: Vec<u8>,
    limits: DocumentLimits,
}

enum Open {
    Array {
        item_count: usize,
    },
    Object {
        /// Where its own keys begin.
        first: usize,
        /// Whether each key so far was larger than the one before it: then none stands twice.
        is_ascending: bool,
        /// Whether a key stands there whose value is awaited.
        is_awaiting: bool,
    },
}

impl Count {
    fn finish(&self) -> Result<usize, Problem> {
        if !self.open.is_empty() {
            return Err(out_of_step());
        }
        self.limits.check_size(self.size)?;
        Ok(self.size)
    }

    /// Counts a value that begins here, and its comma if it is an item.
    fn begin(&mut self, size: usize) -> Result<(), Problem> {
        self.size += size;
        match self.open.last() {
            None | Some(Open::Object { is_awaiting: true, .. }) => {}
            Some(Open::Array { item_count }) => self.size += usize::from(*item_count > 0),
            Some(Open::Object { is_awaiting: false, .. }) => return Err(out_of_step()),
        }
        Ok(())
    }

    fn end(&mut self) {
        match self.open.last_mut() {
            None => {}
            Some(Open::Array { item_count }) => *item_count += 1,
            Some(Open::Object { is_awaiting, .. }) => *is_awaiting = false,
        }
    }

    fn scalar(&mut self, size: usize) -> Result<(), Problem> {
        self.begin(size)?;
        self.end();
        Ok(())
    }

    /// Both brackets are counted at the beginning.
    fn enter(&mut self, container: Open) -> Result<(), Problem> {
        self.begin(2)?;
        let limit = self.limits.depth_max;
        if self.open.len() == limit {
            return Err(Problem::TooDeep { limit });
        }
        self.open.push(container);
        Ok(())
    }

    fn key_text(&self, index: usize) -> &[u8] {
        let end = self.keys.get(index).copied().unwrap_or(0);
        let start = index.checked_sub(1).and_then(|index| self.keys.get(index));
        self.text.get(start.copied().unwrap_or(0)..end).unwrap_or_default()
    }

    /// A key that stands twice among those from an index on.
    fn find_twice(&self, first: usize) -> Option<String> {
        let mut keys: Vec<_> = (first..self.keys.len()).map(|index| self.key_text(index)).collect();
        keys.sort_unstable();
        let (key, _) = keys.iter().zip(keys.iter().skip(1)).find(|(a, b)| a == b)?;
        Some(String::from_utf8_lossy(key).into_owned())
    }
}

impl Sink for Count {
    fn null(&mut self) -> Result<(), Problem> {
        self.scalar(4)
    }

    fn bool(&mut self, flag: bool) -> Result<(), Problem> {
        self.scalar(if flag { 4 } else { 5 })
    }

    fn number(&mut self, number: Number) -> Result<(), Problem> {
        self.scalar(number.json_size())
    }

    fn single(&mut self, number: f32) -> Result<(), Problem> {
        let mut count = ByteCount(0);
        CompactFormatter.write_f32(&mut count, number).expect("counting cannot fail");
        self.scalar(count.0)
    }

    fn string(&mut self, text: &str) -> Result<(), Problem> {
        self.scalar(string_size(text.as_bytes()))
    }

    fn array(&mut self) -> Result<(), Problem> {
        self.enter(Open::Array { item_count: 0 })
    }

    fn end_array(&mut self) -> Result<(), Problem> {
        match self.open.pop() {
            Some(Open::Array { .. }) => {
                self.end();
                Ok(())
            }
            Some(Open::Object { .. }) | None => Err(out_of_step()),
        }
    }

    fn object(&mut self) -> Result<(), Problem> {
        let first = self.keys.len();
        self.enter(Open::Object { first, is_ascending: true, is_awaiting: false })
    }

    fn key(&mut self, key: &str) -> Result<(), Problem> {
        let key = key.as_bytes();
        let count = self.keys.len();
        let last = count.checked_sub(1).map(|index| self.key_text(index));
        let is_larger = last.is_none_or(|last| last < key);
        match self.open.last_mut() {
            Some(Open::Object { first, is_ascending, is_awaiting }) if !*is_awaiting => {
                let is_first = *first == count;
                *is_ascending &= is_first || is_larger;
                *is_awaiting = true;
                self.size += key_size(key) + usize::from(!is_first);
                self.text.extend_from_slice(key);
                self.keys.push(self.text.len());
                Ok(())
            }
            Some(Open::Object { .. } | Open::Array { .. }) | None => Err(out_of_step()),
        }
    }

    fn end_object(&mut self) -> Result<(), Problem> {
        match self.open.pop() {
            Some(Open::Object { first, is_ascending, is_awaiting: false }) => {
                let twice = if is_ascending { None } else { self.find_twice(first) };
                self.keys.truncate(first);
                self.text.truncate(self.keys.last().copied().unwrap_or(0));
                if let Some(key) = twice {
                    return Err(Problem::DuplicateKey { key });
                }
                self.end();
                Ok(())
            }
            Some(Open::Object { .. } | Open::Array { .. }) | None => Err(out_of_step()),
        }
    }

    fn path(&self) -> Path {
        let mut next_first = self.keys.len();
        let mut steps = Vec::new();
        for open in self.open.iter().rev() {
            match open {
                Open::Array { item_count } => steps.push(Step::Index(*item_count)),
                Open::Object { first, is_awaiting, .. } => {
                    if *is_awaiting && let Some(index) = next_first.checked_sub(1) {
                        let key = String::from_utf8_lossy(self.key_text(index));
                        steps.push(Step::from(&*key));
                    }
                    next_first = *first;
                }
            }
        }
        steps.into_iter().rev().collect()
    }
}
