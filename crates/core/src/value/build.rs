//! Building a value: from the events of a JSON text, or from a `serde` type.

use std::sync::Arc;

use json_event_parser::JsonEvent;
use serde::ser::Serialize;

use super::members::Shapes;
use super::walk::{Sink, Walk, out_of_step, single_text};
use super::{InvalidData, Number, Problem, Text, Value, ValueError};
use crate::json::Events;
use crate::path::{Path, Step};

/// A value in the making: what is complete lies on two stacks until its container is closed.
#[derive(Debug)]
pub(super) struct Build {
    open: Vec<Open>,
    keys: Vec<Text>,
    values: Vec<Value>,
    shapes: Shapes,
    depth_max: usize,
}

/// A container that is still being filled, and where what is in it begins on the stacks. An object
/// has one key more than values while a member's value is awaited.
#[derive(Clone, Copy, Debug)]
struct Open {
    is_object: bool,
    first_key: usize,
    first_value: usize,
}

impl Value {
    /// The value that a type is when it is serialized: what reading its JSON text would give.
    ///
    /// # Errors
    /// [`InvalidData`]: it holds something that cannot be stored, or is nested deeper than
    /// `depth_max`.
    pub fn from_serialize<T: Serialize + ?Sized>(
        source: &T,
        depth_max: usize,
    ) -> Result<Self, InvalidData> {
        let mut build = Build::new(depth_max);
        let walked = source.serialize(Walk(&mut build)).and_then(|()| build.take());
        walked.map_err(|problem| InvalidData { path: build.path(), problem })
    }
}

impl Build {
    pub(super) fn new(depth_max: usize) -> Self {
        let (open, keys, values, shapes) = Default::default();
        Self { open, keys, values, shapes, depth_max }
    }

    /// The whole value, once everything that was opened is closed.
    pub(super) fn take(&mut self) -> Result<Value, Problem> {
        let whole = self.values.pop().filter(|_| self.open.is_empty() && self.values.is_empty());
        whole.ok_or_else(out_of_step)
    }

    /// Takes every event of a text.
    pub(super) fn read(&mut self, mut events: Events<'_>) -> Result<(), ValueError> {
        loop {
            let told = match events.next()? {
                JsonEvent::Eof => return Ok(()),
                JsonEvent::StartArray => self.array(),
                JsonEvent::EndArray => self.end_array(),
                JsonEvent::StartObject => self.object(),
                JsonEvent::EndObject => self.end_object(),
                JsonEvent::ObjectKey(key) => self.key(&key),
                JsonEvent::String(text) => self.string(&text),
                JsonEvent::Number(text) => self.number(Number::parse(&text)?),
                JsonEvent::Boolean(flag) => self.bool(flag),
                JsonEvent::Null => self.null(),
            };
            told.expect("the parser pairs what it tells and refuses duplicate keys");
        }
    }

    fn push(&mut self, value: Value) -> Result<(), Problem> {
        let is_awaited = match self.open.last() {
            None => self.values.is_empty(),
            Some(open) => !open.is_object || self.awaits_value(*open),
        };
        if !is_awaited {
            return Err(out_of_step());
        }
        self.values.push(value);
        Ok(())
    }

    fn awaits_value(&self, open: Open) -> bool {
        self.keys.len() - open.first_key > self.values.len() - open.first_value
    }

    fn enter(&mut self, is_object: bool) -> Result<(), Problem> {
        if self.open.len() == self.depth_max {
            return Err(Problem::TooDeep { limit: self.depth_max });
        }
        let (first_key, first_value) = (self.keys.len(), self.values.len());
        self.open.push(Open { is_object, first_key, first_value });
        Ok(())
    }

    /// Closes the innermost container, which must be of that kind and complete.
    fn leave(&mut self, is_object: bool) -> Result<Open, Problem> {
        let open = self
            .open
            .pop()
            .filter(|open| open.is_object == is_object && !(is_object && self.awaits_value(*open)));
        open.ok_or_else(out_of_step)
    }
}

impl Sink for Build {
    fn null(&mut self) -> Result<(), Problem> {
        self.push(Value::Null)
    }

    fn bool(&mut self, flag: bool) -> Result<(), Problem> {
        self.push(Value::Bool(flag))
    }

    fn number(&mut self, number: Number) -> Result<(), Problem> {
        self.push(Value::Number(number))
    }

    fn single(&mut self, number: f32) -> Result<(), Problem> {
        let number = Number::parse(&single_text(number)).map_err(Problem::NotValue)?;
        self.push(Value::Number(number))
    }

    fn string(&mut self, text: &str) -> Result<(), Problem> {
        self.push(Value::String(text.into()))
    }

    fn array(&mut self) -> Result<(), Problem> {
        self.enter(false)
    }

    fn object(&mut self) -> Result<(), Problem> {
        self.enter(true)
    }

    fn key(&mut self, key: &str) -> Result<(), Problem> {
        match self.open.last() {
            Some(open) if open.is_object && !self.awaits_value(*open) => {
                self.keys.push(key.into());
                Ok(())
            }
            Some(_) | None => Err(out_of_step()),
        }
    }

    fn end_array(&mut self) -> Result<(), Problem> {
        let open = self.leave(false)?;
        let items: Vec<_> = self.values.drain(open.first_value..).collect();
        self.push(Value::Array(Arc::new(items)))
    }

    fn end_object(&mut self) -> Result<(), Problem> {
        let open = self.leave(true)?;
        let keys = (&mut self.keys, open.first_key);
        let values = (&mut self.values, open.first_value);
        let made = self.shapes.object(keys, values);
        let members = made.map_err(|key| {
            // The error's place is the object, not what was in it.
            self.keys.truncate(open.first_key);
            self.values.truncate(open.first_value);
            Problem::DuplicateKey { key: key.to_string() }
        })?;
        self.push(Value::Object(Arc::new(members)))
    }

    fn path(&self) -> Path {
        let ends = self.open.iter().skip(1).map(|open| (open.first_key, open.first_value));
        let ends = ends.chain([(self.keys.len(), self.values.len())]);
        let steps = self.open.iter().zip(ends).filter_map(|(open, (key_end, value_end))| {
            let value_count = value_end - open.first_value;
            if !open.is_object {
                return Some(Step::Index(value_count));
            }
            let is_awaiting = key_end - open.first_key > value_count;
            let key = self.keys.get(key_end.checked_sub(1)?).filter(|_| is_awaiting)?;
            Some(Step::Key(key.to_shared()))
        });
        steps.collect()
    }
}
